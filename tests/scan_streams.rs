//! 300 generated streams, written as EVTX and scanned: exactly the pairs that the built-in rule must find.

#[path = "common/engine.rs"]
mod engine;
#[path = "common/streams.rs"]
mod streams;

use evql::finding::{Clock, Finding};

fn pair(finding: &Finding) -> (u64, u64) {
    match finding.present().map(|event| event.record_id).collect::<Vec<_>>().as_slice() {
        [start, network] => (*start, *network),
        other => panic!("not a pair: {other:?}"),
    }
}

#[test]
fn every_stream_gives_its_pairs_by_either_clock() {
    let Some(streams) = streams::streams() else { return };
    assert_eq!(streams.len(), 300);
    let rules = engine::builtin();
    let temp = tempfile::tempdir().expect("a folder");
    let mut pairs = 0;
    for stream in &streams {
        let path = temp.path().join(format!("{}.evtx", stream.number));
        std::fs::write(&path, stream.evtx()).expect("a log");
        let mut expected = stream.expected.clone();
        expected.sort_unstable();
        pairs += expected.len();
        for clock in [Clock::Created, Clock::Utc] {
            let outcome = engine::scan_path(&path, &rules, clock);
            assert_eq!(outcome.damages, [], "stream {}", stream.number);
            let mut found: Vec<_> = outcome.findings.iter().map(pair).collect();
            found.sort_unstable();
            assert_eq!(found, expected, "stream {} by {}", stream.number, clock.as_str());
        }
    }
    assert!(pairs > 300, "the streams hold pairs");
}
