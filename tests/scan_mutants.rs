//! Damaged samples: cut at every 4 KiB and with bytes flipped. Nothing panics, and every record of a chunk that was not touched is kept.

mod common;
#[path = "common/engine.rs"]
mod engine;

use std::path::Path;

use common::{samples, tree};
use evql::finding::Clock;
use evql::scan::RuleSet;

const HEADER: usize = 4096;
const CHUNK: usize = 65_536;

/// Chunks of `mutant` that hold the very bytes they hold in `original`.
fn untouched(original: &[u8], mutant: &[u8]) -> Vec<u64> {
    let chunks = |bytes: &[u8]| {
        bytes.get(HEADER..).unwrap_or_default().chunks_exact(CHUNK).map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    let (before, after) = (chunks(original), chunks(mutant));
    (0..)
        .zip(before.iter().zip(&after))
        .filter(|(_, (before, after))| before == after)
        .map(|(number, _)| number)
        .collect()
}

#[track_caller]
fn check(path: &Path, original: &Log, mutant: &[u8], rules: &RuleSet, what: &str) {
    std::fs::write(path, mutant).expect("the mutant");
    let held = engine::hold(path);
    for chunk in untouched(&original.bytes, mutant) {
        let of = |held: &engine::Held| {
            held.records.iter().filter(|(at, _)| *at == chunk).copied().collect::<Vec<_>>()
        };
        assert_eq!(of(&held), of(&original.held), "{what}: chunk {chunk} was not touched");
    }
    engine::scan_path(path, rules, Clock::Created);
}

/// A sample and what it holds.
struct Log {
    name: String,
    bytes: Vec<u8>,
    held: engine::Held,
}

fn logs() -> Vec<Log> {
    let files = tree(&samples()).into_iter().filter(|(name, _)| name.ends_with(".evtx"));
    let log =
        |(name, bytes): (String, Vec<u8>)| Log { held: engine::hold(&samples().join(&name)), name, bytes };
    let logs: Vec<_> = files.map(log).collect();
    assert!(logs.len() > 15, "samples are there");
    logs
}

#[test]
fn cut_at_every_4_kib() {
    let rules = engine::builtin();
    let temp = tempfile::tempdir().expect("a folder");
    let path = temp.path().join("cut.evtx");
    for log in logs() {
        for end in (0..log.bytes.len()).step_by(4096) {
            check(&path, &log, &log.bytes[..end], &rules, &format!("{} cut at {end}", log.name));
        }
    }
}

/// `EVQL_MUTANTS` says how many mutants of each sample; by default they share a thousand.
#[test]
fn with_bytes_flipped() {
    let rules = engine::builtin();
    let temp = tempfile::tempdir().expect("a folder");
    let path = temp.path().join("flipped.evtx");
    let logs = logs();
    let each = std::env::var("EVQL_MUTANTS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(1_000 / logs.len() as u64 + 1);
    for log in logs {
        let mut state = log.bytes.len() as u64 ^ 0x9e37_79b9;
        for mutant in 0..each {
            let mut copy = log.bytes.clone();
            for _ in 0..=mutant % 8 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (state >> 16) as usize % copy.len();
                copy[at] ^= 1 << (state >> 60 & 7);
            }
            check(&path, &log, &copy, &rules, &format!("{}, mutant {mutant}", log.name));
        }
    }
}
