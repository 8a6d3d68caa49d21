//! `docs/FIELDS.md` is what the table says. It does not judge the table.

use std::path::Path;

#[test]
fn the_field_reference_is_generated_from_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/FIELDS.md");
    let expected = evql::sysmon::fields_markdown();
    if std::env::var_os("EVQL_BLESS").is_some() {
        std::fs::write(&path, &expected).expect("docs/FIELDS.md can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/FIELDS.md is stale: run EVQL_BLESS=1 cargo test --test sysmon_fields");
}
