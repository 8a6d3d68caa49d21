//! Every story of the samples comes out as `samples/expected.jsonl` says, by either clock.

mod common;

use common::{at, findings, json_lines, samples};
use serde_json::Value;

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn found(finding: &Value) -> [String; 6] {
    [
        "host.name",
        "process.name",
        "process.entity_id",
        "events.0.winlog.record_id",
        "events.1.winlog.record_id",
        "events.1.event.code",
    ]
    .map(|path| text(at(finding, path)))
}

fn expected(line: &Value) -> [String; 6] {
    ["host", "process_name", "process_guid", "start_record_id", "network_record_id", "event_id"]
        .map(|path| text(at(line, path)))
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort();
    list
}

#[test]
fn the_samples_give_what_their_stories_say() {
    let lines = std::fs::read_to_string(samples().join("expected.jsonl")).expect("expected.jsonl");
    let lines = json_lines(&lines);
    for clock in ["created", "utc"] {
        let told: Vec<_> = lines.iter().filter(|line| line["clock"] == clock).map(expected).collect();
        assert!(told.len() > 10, "stories for {clock}");
        let came: Vec<_> = findings(&[&samples()], &["--clock", clock]).iter().map(found).collect();
        assert_eq!(sorted(came), sorted(told), "--clock {clock}");
    }
}

#[test]
fn a_finding_that_elastic_would_miss_says_so_and_only_that() {
    let story = samples().join("inverted-utc");
    let inverted = findings(&[&story], &[]);
    assert_eq!(inverted.len(), 1);
    let note = text(at(&inverted[0], "notes.0"));
    assert!(note.contains("UtcTime") && note.contains("would have missed"), "{note}");
    assert!(findings(&[&story], &["--clock", "utc"]).is_empty());
    let plain = findings(&[&samples().join("mshta")], &[]);
    assert_eq!(at(&plain[0], "notes"), &Value::Array(Vec::new()));
}

#[test]
fn copies_are_counted_and_named() {
    let doubled = findings(&[&samples().join("duplicates")], &[]);
    assert!(!doubled.is_empty());
    for event in doubled.iter().flat_map(|finding| finding["events"].as_array().expect("events")) {
        assert_eq!(at(event, "evidence.copies"), 2);
        let other = text(at(event, "evidence.other_sources.0"));
        assert!(other.ends_with(".evtx") && other != text(at(event, "evidence.source")), "{other}");
    }
}
