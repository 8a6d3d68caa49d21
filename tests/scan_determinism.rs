//! The same evidence gives the same bytes: at any thread count, in any order of paths, whole or split into several files.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Ran, at, evql, findings, samples, tree};
use serde_json::Value;

/// Outputs that say nothing of the run itself.
const STABLE: [&str; 9] = [
    "findings.csv",
    "iocs.csv",
    "iocs.txt",
    "timeline.csv",
    "near_misses.csv",
    "findings.jsonl",
    "timeline.jsonl",
    "evidence.csv",
    "problems.csv",
];

fn scan_into(folder: &Path, paths: &[PathBuf], threads: &str) -> Ran {
    let mut arguments = vec!["scan".into(), "-j".into(), threads.into(), "-o".into(), folder.to_path_buf()];
    arguments.extend(paths.iter().cloned());
    evql(arguments)
}

fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<_> = fs::read_dir(samples())
        .expect("samples")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir() || path.extension().is_some_and(|extension| extension == "evtx"))
        .collect();
    folders.sort();
    assert!(folders.len() > 3, "samples are there");
    folders
}

#[test]
fn threads_and_the_order_of_paths_change_no_byte() {
    let temp = tempfile::tempdir().expect("a folder");
    let forward = folders();
    let backward: Vec<_> = forward.iter().rev().cloned().collect();
    let runs = [("one", &forward, "1"), ("eight", &forward, "8"), ("backward", &backward, "3")];
    let mut outputs = Vec::new();
    for (name, paths, threads) in runs {
        let folder = temp.path().join(name);
        let ran = scan_into(&folder, paths, threads);
        assert!(matches!(ran.code, 0 | 2), "{}", ran.stderr);
        outputs.push(tree(&folder));
    }
    for file in STABLE {
        let first = &outputs[0][file];
        assert!(!first.is_empty(), "{file} is empty");
        for other in &outputs[1..] {
            assert!(first == &other[file], "{file} differs");
        }
    }
}

/// A finding without what depends on where its records lay.
fn without_sources(mut finding: Value) -> Value {
    remove_evidence(&mut finding);
    finding
}

/// Takes `evidence` out of every event, those of the story too.
fn remove_evidence(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.remove("evidence");
            object.values_mut().for_each(remove_evidence);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_evidence),
        _ => {}
    }
}

#[test]
fn one_log_split_into_files_gives_the_same_findings() {
    let Some(corpus) = common::corpus() else { return };
    let log =
        corpus.join("evtx/attack-samples/AutomatedTestingTools/panache_sysmon_vs_EDRTestingScript.evtx");
    let bytes = fs::read(&log).expect("the log");
    let (header, chunks) = bytes.split_at(4096);
    let temp = tempfile::tempdir().expect("a folder");
    for (number, chunk) in chunks.chunks(65_536).enumerate() {
        let part = temp.path().join(format!("{:03}.evtx", 999 - number));
        fs::write(part, [header, chunk].concat()).expect("a part");
    }
    let whole = findings(&[&log], &["--no-hash"]);
    let split = findings(&[temp.path()], &["--no-hash"]);
    assert!(whole.len() >= 2, "the log holds findings");
    let strip = |found: Vec<Value>| found.into_iter().map(without_sources).collect::<Vec<_>>();
    assert_eq!(strip(whole), strip(split));
}

#[test]
fn a_copy_of_the_evidence_changes_only_the_count_of_copies() {
    let temp = tempfile::tempdir().expect("a folder");
    for (name, bytes) in tree(&samples()) {
        if name.ends_with(".evtx") && !name.starts_with("damaged") {
            for copy in ["a", "b"] {
                let path = temp.path().join(copy).join(&name);
                fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
                fs::write(path, &bytes).expect("a copy");
            }
        }
    }
    let once = findings(&[&temp.path().join("a")], &[]);
    let twice = findings(&[&temp.path().join("a"), &temp.path().join("b")], &[]);
    assert!(!once.is_empty());
    assert_eq!(once.len(), twice.len());
    for (one, two) in once.into_iter().zip(twice) {
        let copies = at(&one, "events.0.evidence.copies").as_u64().expect("copies");
        assert_eq!(at(&two, "events.0.evidence.copies").as_u64(), Some(copies * 2));
        assert_eq!(without_sources(one), without_sources(two));
    }
}
