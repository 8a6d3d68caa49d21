//! What people and scripts read, word for word: a change here is a change of the interface and wants to be looked at.

mod common;

use common::evql;

#[test]
fn a_finding_as_json() {
    let ran = evql(["scan", "samples/mshta", "-q", "--no-hash", "--format", "jsonl", "-o", "-"]).expect(0);
    let finding = common::found(ran.json_lines()).pop().expect("a finding");
    insta::assert_snapshot!(serde_json::to_string_pretty(&finding).expect("JSON"));
}

#[test]
fn a_finding_as_csv() {
    let ran = evql(["scan", "samples/mshta", "-q", "--no-hash", "--format", "csv", "-o", "-"]).expect(0);
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn a_wrong_query() {
    let ran =
        evql(["query", "process where process.nam : \"x\" and process.pid : 4 and foo = 3", "samples/mshta"])
            .expect(3);
    insta::assert_snapshot!(ran.stderr);
}

#[test]
fn a_summary() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let ran = evql(["scan".as_ref(), "samples/mshta".as_ref(), "-o".as_ref(), out.as_os_str()]).expect(0);
    insta::assert_snapshot!(ran.stderr.replace(&out.display().to_string(), "OUT"));
}
