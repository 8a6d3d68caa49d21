//! The corpus's 300 event streams, written as EVTX by `synth` and scanned: exactly the pairs that an independent matcher found.

mod common;
#[path = "common/streams.rs"]
mod streams;

use std::fs;

use common::{at, findings, scan_here};
use evql::finding::Clock;
use serde_json::Value;

#[test]
fn every_stream_gives_exactly_its_pairs() {
    let Some(streams) = streams::streams() else { return };
    assert_eq!(streams.len(), 300);
    let temp = tempfile::tempdir().expect("a folder");
    for stream in streams {
        let path = temp.path().join(format!("{}.evtx", stream.number));
        fs::write(&path, stream.evtx()).expect("a log");
        for clock in [Clock::Created, Clock::Utc] {
            let outcome = scan_here(std::slice::from_ref(&path), clock);
            assert_eq!(outcome.damages, [], "stream {}", stream.number);
            let mut pairs: Vec<(u64, u64)> = outcome
                .findings
                .iter()
                .map(|finding| {
                    let ids: Vec<u64> = finding.present().filter_map(|event| event.record_id).collect();
                    (ids[0], ids[1])
                })
                .collect();
            let mut expected = stream.expected.clone();
            pairs.sort_unstable();
            expected.sort_unstable();
            assert_eq!(pairs, expected, "stream {} by {}", stream.number, clock.as_str());
        }
    }
}

#[test]
fn the_program_itself_finds_the_same_pairs() {
    let Some(streams) = streams::streams() else { return };
    let temp = tempfile::tempdir().expect("a folder");
    let id = |finding: &Value, event: usize| {
        let id = at(finding, &format!("events.{event}.winlog.record_id")).as_str().expect("an id");
        id.parse::<u64>().expect("a number")
    };
    for stream in streams.into_iter().step_by(25) {
        let path = temp.path().join(format!("{}.evtx", stream.number));
        fs::write(&path, stream.evtx()).expect("a log");
        let mut pairs: Vec<(u64, u64)> =
            findings(&[&path], &[]).iter().map(|finding| (id(finding, 0), id(finding, 1))).collect();
        let mut expected = stream.expected.clone();
        pairs.sort_unstable();
        expected.sort_unstable();
        assert_eq!(pairs, expected, "stream {}", stream.number);
    }
}
