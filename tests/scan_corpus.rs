//! The built-in rule over real public logs: exactly the findings that an independent program made with another EVTX parser.

mod common;

use common::{at, corpus, findings, json_lines};
use serde_json::Value;

/// What two implementations must agree on about a finding.
fn essence(finding: &Value) -> [String; 7] {
    [
        at(finding, "host.name"),
        at(finding, "process.entity_id"),
        at(finding, "process.name"),
        at(finding, "events.0.winlog.record_id"),
        at(finding, "events.1.winlog.record_id"),
        at(finding, "events.1.destination.ip"),
        at(finding, "events.1.destination.port"),
    ]
    .map(text)
}

fn expected_essence(line: &Value) -> [String; 7] {
    [
        at(line, "host"),
        at(line, "process_guid"),
        at(line, "process_name"),
        at(line, "start.record_id"),
        at(line, "network.record_id"),
        at(line, "network.destination_ip"),
        at(line, "network.destination_port"),
    ]
    .map(text)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn all_files_as_one_collection_give_the_independent_findings() {
    let Some(corpus) = corpus() else { return };
    for (clock, file) in [("created", "findings.created.jsonl"), ("utc", "findings.utc.jsonl")] {
        let expected = std::fs::read_to_string(corpus.join(file)).expect("expected findings");
        let mut expected: Vec<_> = json_lines(&expected).iter().map(expected_essence).collect();
        let mut found: Vec<_> =
            findings(&[&corpus.join("evtx")], &["--clock", clock]).iter().map(essence).collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "--clock {clock}");
    }
}

#[test]
fn each_file_alone_gives_the_manifests_count() {
    let Some(corpus) = corpus() else { return };
    let manifest = std::fs::read_to_string(corpus.join("manifest.json")).expect("manifest");
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    let files = manifest.as_array().or_else(|| manifest["files"].as_array()).expect("a list of files");
    for entry in files {
        let path = corpus.join(entry["file"].as_str().expect("a path"));
        for clock in ["created", "utc"] {
            let expected = entry["findings"][clock].as_u64().expect("a count");
            let found = findings(&[&path], &["--clock", clock]).len() as u64;
            assert_eq!(found, expected, "{} by {clock}", path.display());
        }
    }
}
