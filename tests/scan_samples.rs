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
fn only_the_inverted_pair_carries_a_note_on_time_and_only_by_created() {
    let on_time = |note: &Value| note.as_str().is_some_and(|note| note.contains("UtcTime"));
    let noted = |clock: &str| -> Vec<Value> {
        let notes = |finding: &Value| finding["notes"].as_array().cloned().expect("a list");
        found(clock).into_iter().filter(|finding| notes(finding).iter().any(on_time)).collect()
    };
    let created = noted("created");
    let [finding] = created.as_slice() else { panic!("{created:?}") };
    assert_eq!(at(finding, "host.name"), "ws09.corp.example");
    let note = at(finding, "notes.0").as_str().expect("a note");
    assert!(note.contains("UtcTime") && note.contains("Elastic"), "{note}");
    assert_eq!(noted("utc"), [] as [Value; 0]);
}

#[test]
fn only_names_that_the_rule_excludes_are_told_behind_a_connection() {
    for clock in ["created", "utc"] {
        let list = found(clock);
        let marked: Vec<_> = list
            .iter()
            .filter_map(|finding| {
                Some((&finding["host"]["name"], finding["resolved_from_excluded_name"].as_object()?))
            })
            .map(|(host, name)| (host.as_str(), name["name"].as_str()))
            .collect();
        let expected = [
            (Some("ws03.corp.example"), Some("ocsp.digicert.com")),
            (Some("ws27.corp.example"), Some("ctldl.windowsupdate.com")),
        ];
        assert_eq!(marked, expected, "by {clock}");
    }
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
