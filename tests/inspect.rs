//! What `evql inspect` says: against another reader on real logs, and against what was written on logs made for it.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::{at, corpus, evql, samples, tree};
use evql::synth::sysmon::{Host, Moment, text};
use evql::synth::{FileOptions, SynthRecord, TypedValue, to_evtx};
use evql::sysmon::schema::{Layout, event_spec};
use evql::time::Timestamp;
use serde_json::{Value, json};

const SYSMON: &str = "Microsoft-Windows-Sysmon";
const OPERATIONAL: &str = "Microsoft-Windows-Sysmon/Operational";

/// The inspection of `paths`, if the run ends with `code`.
#[track_caller]
fn inspected(paths: &[&Path], more: &[&str], code: i32) -> Value {
    let mut arguments: Vec<&std::ffi::OsStr> = vec!["inspect".as_ref(), "--json".as_ref()];
    arguments.extend(paths.iter().map(|path| path.as_os_str()));
    arguments.extend(more.iter().map(AsRef::<std::ffi::OsStr>::as_ref));
    serde_json::from_str(&evql(arguments).expect(code).stdout).expect("one JSON object")
}

/// A folder with one log of `records` for each name.
fn logs(files: &[(&str, &[SynthRecord])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, records) in files {
        let bytes = to_evtx(records, FileOptions::default()).expect("the records fit");
        std::fs::write(folder.path().join(name), bytes).expect("a written file");
    }
    folder
}

/// `milliseconds` after the tests' hour.
fn time(milliseconds: i64) -> Timestamp {
    let hour = Timestamp::parse("2024-03-01T10:00:00Z").expect("RFC 3339");
    Timestamp::from_unix_millis(hour.unix_millis() + milliseconds)
}

/// As JSON prints it.
fn printed(milliseconds: i64) -> Value {
    Value::from(time(milliseconds).to_string())
}

/// A Sysmon record of the host `ws01`, created at `created` milliseconds, of which UtcTime is `skew` milliseconds off.
fn sysmon(event: u32, record_id: u64, created: i64, skew: i64, data: &[(&str, &str)]) -> SynthRecord {
    let host = Host::new("ws01", 1, Layout::Sysmon15);
    let moment = Moment { created: time(created), utc: time(created + skew), record_id };
    let value = |name: &str| {
        let found = data.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| text(*value))
    };
    host.record(event_spec(event).expect("in the table"), moment, &value)
}

/// The record of another provider.
fn foreign(provider: &'static str, channel: &'static str, event: u16, id: u64, created: i64) -> SynthRecord {
    let data: Vec<(std::borrow::Cow<'static, str>, TypedValue)> = vec![("Value".into(), text("x"))];
    SynthRecord {
        provider: provider.into(),
        provider_guid: None,
        event_id: event,
        channel: channel.into(),
        data,
        user_sid: None,
        ..sysmon(1, id, created, 0, &[])
    }
}

/// Records, first and last per host, channel, provider and event id.
type Kinds = BTreeMap<(String, String, String, u64), (u64, String, String)>;

fn kinds_inspected(inspection: &Value) -> Kinds {
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let word = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut kinds = Kinds::new();
    for host in list(&inspection["hosts"]) {
        for channel in list(&host["channels"]) {
            for event in list(&channel["events"]) {
                let id = event["event_id"].as_u64().expect("an id");
                let key = (word(&host["host"]), word(&channel["channel"]), word(&event["provider"]), id);
                let counted = event["records"].as_u64().expect("a count");
                kinds.insert(key, (counted, word(&event["first"]), word(&event["last"])));
            }
        }
    }
    kinds
}

/// The same, told by the `evtx` crate.
fn kinds_read(path: &Path, kinds: &mut Kinds) {
    let mut parser = evtx::EvtxParser::from_path(path).expect("a log");
    // What is no record, such as a chunk that was never written, is an error to it.
    for record in parser.records_json_value().flatten() {
        let record = record.data;
        let system = at(&record, "Event.System");
        let word = |path: &str| at(system, path).as_str().unwrap_or_default().to_owned();
        // A number, a text, or either under `#text`.
        let id = system["EventID"].get("#text").unwrap_or(&system["EventID"]).to_string();
        let id = id.trim_matches('"').parse().expect("an id");
        let time = word("TimeCreated.#attributes.SystemTime");
        let time = Timestamp::parse(&time).expect("a time").to_string();
        let key = (word("Computer"), word("Channel"), word("Provider.#attributes.Name"), id);
        let (count, first, last) = kinds.entry(key).or_insert((0, time.clone(), time.clone()));
        *count += 1;
        *first = time.clone().min(first.clone());
        *last = time.max(last.clone());
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    tree(folder).into_keys().map(|name| folder.join(name)).collect()
}

#[test]
fn real_logs_hold_what_another_reader_finds_in_them() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("evtx");
    let mut all = Kinds::new();
    for path in files(&folder).iter().filter(|path| path.extension().is_some_and(|end| end == "evtx")) {
        let mut kinds = Kinds::new();
        kinds_read(path, &mut kinds);
        assert_eq!(kinds_inspected(&inspected(&[path], &["--no-hash"], 0)), kinds, "{}", path.display());
        kinds_read(path, &mut all);
    }
    let inspection = inspected(&[&folder], &[], 0);
    assert_eq!(kinds_inspected(&inspection), all);
    let records: u64 = all.values().map(|(count, ..)| count).sum();
    assert_eq!(inspection["totals"]["records"], records);
    // The manifest gives two files one hash: the seven records of the second are copies.
    assert_eq!(inspection["copies"]["records"], 7);
    assert_eq!(inspection["same_content"].as_array().map(Vec::len), Some(1));
}

#[test]
fn the_same_bytes_at_any_thread_count() {
    let folder = samples();
    let one = inspected(&[&folder], &["-j", "1"], 2);
    assert_eq!(one.to_string(), inspected(&[&folder], &["-j", "4"], 2).to_string());
}

#[test]
fn gaps_restarts_and_disorder_are_told_apart() {
    // 10, 11, then 3 are missing, 15; then Sysmon was installed again.
    let live = [10, 11, 15].map(|id| sysmon(1, id, i64::try_from(id).expect("small") * 1000, -12, &[]));
    let anew = [1, 2].map(|id| sysmon(1, id, 60_000 + i64::try_from(id).expect("small") * 1000, -12, &[]));
    let records = [live.as_slice(), anew.as_slice()].concat();
    let folder = logs(&[("sysmon.evtx", &records)]);
    let inspection = inspected(&[folder.path()], &[], 0);
    let log = at(&inspection, "sources.0.logs.0");
    assert_eq!(log["ids"], json!([{"first": 10, "last": 15}, {"first": 1, "last": 2}]));
    assert_eq!((&log["restarts"], &log["out_of_order"]), (&json!(1), &json!(0)));
    let gap =
        json!({"after": 11, "before": 15, "missing": 3, "from": printed(11_000), "to": printed(15_000)});
    assert_eq!(log["gaps"], json!({"count": 1, "missing": 3, "largest": [gap]}));

    let mut newest_first =
        [1, 2, 3].map(|id| sysmon(1, id, i64::try_from(id).expect("small") * 1000, 0, &[]));
    newest_first.reverse();
    let folder = logs(&[("sysmon.evtx", &newest_first)]);
    let inspection = inspected(&[folder.path()], &[], 0);
    let log = at(&inspection, "sources.0.logs.0");
    assert_eq!(log["ids"], json!([{"first": 1, "last": 3}]));
    assert_eq!(
        (&log["restarts"], &log["out_of_order"], &log["gaps"]["count"]),
        (&json!(0), &json!(2), &json!(0))
    );
}

#[test]
fn what_happened_to_the_logs_themselves_is_told_with_its_place() {
    let records = [
        sysmon(4, 1, 1_000, 0, &[("State", "Started"), ("Version", "15.15"), ("SchemaVersion", "4.90")]),
        sysmon(16, 2, 2_000, 0, &[("Configuration", "c:\\c.xml"), ("ConfigurationFileHash", "SHA256=AB")]),
        sysmon(255, 3, 3_000, 0, &[("ID", "QUEUE"), ("Description", "Events dropped")]),
        foreign("Microsoft-Windows-Eventlog", "Security", 1102, 70, 4_000),
        foreign("Microsoft-Windows-Eventlog", "System", 104, 80, 5_000),
        // Others use these ids, too.
        foreign("Somebody-Else", "System", 104, 81, 6_000),
        sysmon(4, 4, 7_000, 0, &[("State", "Stopped"), ("Version", "15.15"), ("SchemaVersion", "4.90")]),
    ];
    let folder = logs(&[("all.evtx", &records)]);
    let inspection = inspected(&[folder.path()], &[], 0);
    let host = at(&inspection, "hosts.0");
    let told = |list: &str| -> Vec<(Value, Value, Value)> {
        let marks = host[list]["listed"].as_array().expect("a list");
        marks
            .iter()
            .map(|mark| (mark["time"].clone(), mark["what"].clone(), mark["record_id"].clone()))
            .collect()
    };
    let mark = |milliseconds, what: &str, id: u64| (printed(milliseconds), json!(what), json!(id));
    assert_eq!(
        told("log_clears"),
        [mark(4_000, "event 1102 in Security", 70), mark(5_000, "event 104 in System", 80)]
    );
    assert_eq!(
        told("service_states"),
        [
            mark(1_000, "State: Started, Version: 15.15, SchemaVersion: 4.90", 1),
            mark(7_000, "State: Stopped, Version: 15.15, SchemaVersion: 4.90", 4)
        ]
    );
    let change = "Configuration: c:\\c.xml, ConfigurationFileHash: SHA256=AB";
    assert_eq!(told("config_changes"), [mark(2_000, change, 2)]);
    assert_eq!(told("service_errors"), [mark(3_000, "ID: QUEUE, Description: Events dropped", 3)]);
    assert!(at(host, "log_clears.listed.0.source").as_str().is_some_and(|name| name.ends_with("all.evtx")));
    assert_eq!(host["providers"], json!({"Microsoft-Windows-Eventlog": 2, SYSMON: 4, "Somebody-Else": 1}));
    assert_eq!(at(&inspection, "sources.0.channels"), &json!([OPERATIONAL, "Security", "System"]));
}

#[test]
fn clocks_that_differ_and_clocks_that_were_set_back_are_told() {
    let records = [
        sysmon(1, 1, 0, -12, &[]),
        sysmon(3, 2, 10_000, -90_000, &[]),
        // The clock was set back by 4 s, and again by 1 s behind a gap, where nothing is known.
        sysmon(1, 3, 6_000, -11, &[]),
        sysmon(1, 5, 5_000, 7, &[]),
        sysmon(1, 6, 5_500, -13, &[]),
    ];
    let folder = logs(&[("sysmon.evtx", &records)]);
    let inspection = inspected(&[folder.path()], &[], 0);
    let host = at(&inspection, "hosts.0");
    let skew = &host["skew"];
    assert_eq!((&skew["records"], &skew["median_ms"]), (&json!(5), &json!(-12)));
    let worst = &skew["worst"];
    assert_eq!(
        (&worst["ms"], &worst["event_id"], &worst["record_id"]),
        (&json!(-90_000), &json!(3), &json!(2))
    );
    assert_eq!((&worst["created"], &worst["utc_time"]), (&printed(10_000), &printed(-80_000)));
    let jumps = &host["backward_jumps"];
    assert_eq!((&jumps["count"], at(jumps, "worst.ms")), (&json!(1), &json!(4_000)));
    assert_eq!((at(jumps, "worst.from"), at(jumps, "worst.to")), (&printed(10_000), &printed(6_000)));
    assert_eq!(at(jumps, "worst.record_id"), &json!(3));
}

#[test]
fn copies_are_known_by_record_and_by_content() {
    let records: Vec<SynthRecord> =
        (1..=8).map(|id| sysmon(1, id, i64::try_from(id).expect("small") * 1000, 0, &[])).collect();
    // The same ids at other times are other records.
    let other: Vec<SynthRecord> = (1..=4).map(|id| sysmon(1, id, 500_000, 0, &[])).collect();
    let folder = logs(&[
        ("a-older.evtx", &records[..5]),
        ("b-live.evtx", &records),
        ("c-again.evtx", &records),
        ("d-other.evtx", &other),
    ]);
    let inspection = inspected(&[folder.path()], &[], 0);
    assert_eq!(inspection["copies"], json!({"records": 5 + 8, "compared": 5 + 8 + 8 + 4, "exact": true}));
    let copies: Vec<&Value> = (0..4).map(|source| at(&inspection["sources"][source], "copies")).collect();
    assert_eq!(copies, [&json!(0), &json!(5), &json!(8), &json!(0)]);
    let [group] = inspection["same_content"].as_array().expect("a list").as_slice() else {
        panic!("{inspection}")
    };
    let names: Vec<_> = group["sources"].as_array().expect("a list").iter().map(Value::to_string).collect();
    assert!(names[0].contains("b-live") && names[1].contains("c-again") && names.len() == 2, "{names:?}");
    let unhashed = inspected(&[folder.path()], &["--no-hash"], 0);
    assert_eq!((&unhashed["same_content"], &unhashed["sources"][0]["sha256"]), (&json!([]), &Value::Null));
}

#[test]
fn what_is_wrong_and_what_is_not_read_is_accounted_for() {
    let records: Vec<SynthRecord> =
        (1..=300).map(|id| sysmon(1, id, i64::try_from(id).expect("small") * 1000, 0, &[])).collect();
    let folder = logs(&[("good.evtx", &records), ("header.evtx", &records), ("records.evtx", &records)]);
    let damage = |name: &str, offset: usize| {
        let path = folder.path().join(name);
        let mut bytes = std::fs::read(&path).expect("a file");
        bytes[offset] ^= 0xff;
        std::fs::write(&path, bytes).expect("a written file");
    };
    // The file header's checksum is at 124; the first chunk's own checksum is 124 bytes into it, that of its records 52.
    damage("header.evtx", 124);
    damage("records.evtx", 0x1000 + 52);
    damage("records.evtx", 0x1000 + 124);
    std::fs::write(folder.path().join("notes.txt"), "not a log").expect("a written file");
    std::fs::write(folder.path().join("empty.evtx"), "").expect("a written file");
    let inspection = inspected(&[folder.path()], &[], 2);
    let source = |name: &str| {
        let sources = inspection["sources"].as_array().expect("a list");
        let found = sources.iter().find(|source| source["source"].to_string().contains(name));
        found.unwrap_or_else(|| panic!("no {name}")).clone()
    };
    assert_eq!(source("good")["checksums"], json!({"file_headers": 0, "chunks": 0}));
    assert_eq!(source("header")["checksums"], json!({"file_headers": 1, "chunks": 0}));
    assert_eq!(source("records")["checksums"], json!({"file_headers": 0, "chunks": 1}));
    assert_eq!(source("records")["problem_kinds"]["checksum"], 2);
    let not_read: Vec<(String, String)> = inspection["not_read"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| (entry["source"].to_string(), entry["why"].to_string()))
        .collect();
    assert!(not_read.iter().any(|(name, why)| name.contains("empty.evtx") && why.contains("empty")));
    assert!(not_read.iter().any(|(name, why)| name.contains("notes.txt") && why.contains("no event log")));
    assert_eq!(not_read.len(), 2);
}

#[test]
fn nothing_usable_is_exit_code_4() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("notes.txt"), "not a log").expect("a written file");
    assert_eq!(inspected(&[folder.path()], &[], 4)["totals"]["sources"], json!({"skipped": 1}));
}

#[test]
fn recovered_records_are_counted_and_open_no_gap() {
    let records: Vec<SynthRecord> =
        (1..=40).map(|id| sysmon(1, id, i64::try_from(id).expect("small") * 1000, 0, &[])).collect();
    let bytes = to_evtx(&records, FileOptions::default()).expect("the records fit");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("image.raw");
    std::fs::write(&path, [&[0x55; 5_000], bytes.as_slice()].concat()).expect("a written file");
    let source = at(&inspected(&[&path], &["--carve"], 0), "sources.0").clone();
    assert_eq!(
        (&source["kind"], &source["recovered"], &source["records"]),
        (&json!("carved"), &json!(40), &json!(40))
    );
    assert_eq!(at(&source, "logs.0.ids"), &json!([]));
}

#[test]
fn the_text_is_plain_where_it_is_redirected_and_harmless_everywhere() {
    let hostile = "evil\u{1b}[2J\u{202e}";
    let record = SynthRecord { computer: hostile.into(), ..sysmon(1, 1, 0, 0, &[]) };
    let folder = logs(&[("sysmon.evtx", &[record])]);
    let path = folder.path().as_os_str();
    let plain = evql(["inspect".as_ref(), path]).expect(0).stdout;
    assert!(!plain.contains(['\u{1b}', '\u{202e}']) && plain.contains("[2J⟦U+202E⟧"), "{plain}");
    let coloured = evql(["inspect".as_ref(), path, "--color".as_ref(), "always".as_ref()]).expect(0).stdout;
    assert!(coloured.contains("\u{1b}[1m") && !coloured.contains("\u{1b}[2J"), "{coloured}");
}
