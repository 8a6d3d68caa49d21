//! The samples give exactly the findings that their stories promise, by either clock; copies are counted and inversions are told.

mod common;

use std::fs;

use common::{at, findings, json_lines, samples};
use serde_json::Value;

/// Host, program, GUID, ids of the two records, event id of the second.
type Essence = (String, String, String, String, String, String);

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn essence(value: &Value, paths: [&str; 6]) -> Essence {
    let [a, b, c, d, e, f] = paths.map(|path| text(at(value, path)));
    (a, b, c, d, e, f)
}

fn expected(clock: &str) -> Vec<Essence> {
    let lines = fs::read_to_string(samples().join("expected.jsonl")).expect("expected.jsonl");
    let fields = ["host", "process_name", "process_guid", "start_record_id", "network_record_id", "event_id"];
    let lines = json_lines(&lines);
    let mut list: Vec<Essence> =
        lines.iter().filter(|line| line["clock"] == clock).map(|line| essence(line, fields)).collect();
    list.sort();
    list
}

fn found(clock: &str) -> Vec<Value> {
    findings(&[&samples()], &["--clock", clock])
}

#[test]
fn every_story_gives_what_it_promises_and_no_more() {
    let fields = [
        "host.name",
        "process.name",
        "process.entity_id",
        "events.0.winlog.record_id",
        "events.1.winlog.record_id",
        "events.1.event.code",
    ];
    for (clock, count) in [("created", 25), ("utc", 24)] {
        let mut list: Vec<Essence> = found(clock).iter().map(|finding| essence(finding, fields)).collect();
        list.sort();
        assert_eq!(list, expected(clock), "by {clock}");
        assert_eq!(list.len(), count, "by {clock}, as samples/README.md says");
    }
}

#[test]
fn findings_stand_in_the_order_of_their_last_events_by_the_clock_asked_for() {
    for (clock, field) in [("created", "events.1.event.created"), ("utc", "events.1.@timestamp")] {
        let list = found(clock);
        let times: Vec<&str> =
            list.iter().map(|finding| at(finding, field).as_str().expect("a time")).collect();
        assert!(times.is_sorted(), "by {clock}: {times:?}");
        assert!(list.iter().all(|finding| finding["clock"] == clock));
        assert!(list.iter().all(|finding| at(finding, "delta_ms").as_i64().is_some_and(|ms| ms >= 0)));
    }
}

#[test]
fn only_the_inverted_pair_and_the_excluded_names_carry_notes_the_pair_only_by_created() {
    let noted = |clock: &str| -> Vec<Value> {
        found(clock).into_iter().filter(|finding| finding["notes"] != serde_json::json!([])).collect()
    };
    let hosts = |list: &[Value]| -> Vec<String> {
        list.iter().map(|finding| at(finding, "host.name").as_str().expect("a host").to_owned()).collect()
    };
    let created = noted("created");
    assert_eq!(hosts(&created), ["ws03.corp.example", "ws09.corp.example", "ws27.corp.example"]);
    let note = |finding: &Value| at(finding, "notes.0").as_str().expect("a note").to_owned();
    let inverted = note(&created[1]);
    assert!(inverted.contains("UtcTime") && inverted.contains("Elastic"), "{inverted}");
    assert!(note(&created[0]).contains("ocsp.digicert.com"), "{}", note(&created[0]));
    assert!(note(&created[2]).contains("ctldl.windowsupdate.com"), "{}", note(&created[2]));
    assert_eq!(hosts(&noted("utc")), ["ws03.corp.example", "ws27.corp.example"]);
}

#[test]
fn a_record_in_two_files_counts_once_and_names_both() {
    let list = findings(&[&samples().join("duplicates")], &[]);
    let [finding] = list.as_slice() else { panic!("{} findings", list.len()) };
    for event in ["events.0", "events.1"] {
        assert_eq!(at(finding, &format!("{event}.evidence.copies")), 2);
        let own = text(at(finding, &format!("{event}.evidence.source")));
        let other = text(at(finding, &format!("{event}.evidence.other_sources.0")));
        assert_ne!(own, other);
        assert!([own, other].iter().any(|name| name.contains("vss1")));
    }
}
