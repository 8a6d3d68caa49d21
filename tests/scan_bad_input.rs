//! Bad input is named with its reason, costs nothing else, and sets the exit code; nothing panics or hangs.

mod common;

use std::fs;
use std::path::Path;

use common::{at, evql, findings, samples, tree};
use serde_json::Value;

const GOOD: &str = "ws01";

/// A folder with the good samples and everything that can go wrong beside them.
fn mixed(folder: &Path) -> Vec<&'static str> {
    let good = folder.join("good");
    copy_good(&good);
    let any = tree(&good).into_values().find(|bytes| bytes.len() >= 69_632).expect("a good file");
    let bad = folder.join("bad");
    fs::create_dir(&bad).expect("a folder");
    let write = |name: &str, bytes: &[u8]| fs::write(bad.join(name), bytes).expect("a bad file");
    write("empty.evtx", b"");
    write("text.evtx", b"this is no event log");
    write("header-only.evtx", &any[..4096]);
    write("short.evtx", &any[..100]);
    write("truncated.evtx", &any[..4096 + 700]);
    let mut zeroed = any.clone();
    zeroed[4096..4096 + 65_536].fill(0);
    write("zeroed-chunk.evtx", &zeroed);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere", bad.join("dangling.evtx")).expect("a link");
        std::os::unix::fs::symlink("..", bad.join("loop")).expect("a link");
        let fifo = bad.join("fifo.evtx");
        let made = std::process::Command::new("mkfifo").arg(fifo).status().expect("mkfifo");
        assert!(made.success());
    }
    fs::create_dir(bad.join("empty-folder")).expect("a folder");
    vec!["empty.evtx", "text.evtx", "header-only.evtx", "short.evtx", "truncated.evtx", "zeroed-chunk.evtx"]
}

fn copy_good(folder: &Path) {
    let mut copied = 0;
    for (name, bytes) in tree(&samples()) {
        if name.contains(GOOD) && name.ends_with(".evtx") && !name.starts_with("damaged") {
            let path = folder.join(&name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            fs::write(path, bytes).expect("a good file");
            copied += 1;
        }
    }
    assert!(copied > 0, "samples of {GOOD} are there");
}

#[test]
fn everything_is_accounted_for_and_nothing_good_is_lost() {
    let temp = tempfile::tempdir().expect("a folder");
    let bad = mixed(temp.path());
    let missing = temp.path().join("not-there");
    let out = temp.path().join("out");
    let arguments = ["scan", "-q", "-o"].map(Path::new).into_iter();
    let ran =
        evql(arguments.chain([out.as_path(), &temp.path().join("good"), &temp.path().join("bad"), &missing]));
    let ran = ran.expect(2);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    let files = tree(&out);
    let run: Value = serde_json::from_slice(&files["run.json"]).expect("run.json");
    let problems = String::from_utf8(files["problems.csv"].clone()).expect("UTF-8");
    for name in bad.iter().chain(&["not-there"]) {
        assert!(problems.contains(name), "{name} is not in problems.csv:\n{problems}");
        assert!(run.to_string().contains(name), "{name} is not in run.json");
    }
    if cfg!(unix) {
        for name in ["dangling.evtx", "fifo.evtx"] {
            assert!(problems.contains(name), "{name} is not in problems.csv:\n{problems}");
        }
    }
    let alone = findings(&[&temp.path().join("good")], &[]);
    assert!(!alone.is_empty());
    let ids = |list: &[Value]| list.iter().map(|f| at(f, "finding_id").clone()).collect::<Vec<_>>();
    let with_bad = common::found(common::json_lines(&String::from_utf8_lossy(&files["findings.jsonl"])));
    assert_eq!(ids(&with_bad), ids(&alone));
}

#[test]
fn nothing_usable_is_an_exit_code_of_its_own() {
    let temp = tempfile::tempdir().expect("a folder");
    let out = temp.path().join("out");
    let empty = temp.path().join("empty");
    fs::create_dir(&empty).expect("a folder");
    let run = |path: &Path| evql(["scan".as_ref(), "-o".as_ref(), out.as_path(), "--force".as_ref(), path]);
    run(&empty).expect(4);
    run(&temp.path().join("not-there")).expect(4);
    fs::write(empty.join("notes.evtx"), "no event log").expect("a file");
    run(&empty).expect(4);
}

#[test]
fn wrong_arguments_are_refused_before_anything_is_done() {
    evql(["scan"]).expect(3);
    evql(["scan", "--clock", "moon", "x"]).expect(3);
    evql(["scan", "--format", "csv,jsonl", "-o", "-", "x"]).expect(3);
    evql(["--help"]).expect(0);
    evql(["--version"]).expect(0);
}

#[test]
fn outputs_are_not_overwritten_unless_told() {
    let temp = tempfile::tempdir().expect("a folder");
    let evidence = temp.path().join("evidence");
    copy_good(&evidence);
    let out = temp.path().join("out");
    let arguments = [Path::new("scan"), Path::new("-o"), &out, &evidence];
    evql(arguments).expect(0);
    let before = tree(&out);
    let refused = evql(arguments).expect(5);
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    assert_eq!(before, tree(&out));
    evql(arguments.into_iter().chain([Path::new("--force")])).expect(0);
    assert!(
        tree(&evidence).keys().all(|name| name.ends_with(".evtx")),
        "nothing is written beside the evidence"
    );
}

#[test]
fn findings_set_the_exit_code_only_when_asked() {
    let temp = tempfile::tempdir().expect("a folder");
    let evidence = temp.path().join("evidence");
    copy_good(&evidence);
    let out = temp.path().join("out");
    let arguments = [Path::new("scan"), Path::new("-o"), &out, Path::new("--force"), &evidence];
    evql(arguments).expect(0);
    evql(arguments.into_iter().chain([Path::new("--exit-code")])).expect(1);
}

#[test]
fn five_thousand_small_files_are_all_read() {
    let temp = tempfile::tempdir().expect("a folder");
    let many = temp.path().join("many");
    fs::create_dir(&many).expect("a folder");
    let good = temp.path().join("good");
    copy_good(&good);
    let log = tree(&good).into_values().next().expect("a good file");
    fs::write(many.join("log.evtx"), log).expect("a log");
    for number in 0..5_000 {
        fs::write(many.join(format!("{number}.evtx")), format!("no log {number}")).expect("a small file");
    }
    let out = temp.path().join("out");
    evql([Path::new("scan"), Path::new("-o"), &out, &many]).expect(2);
    let run: Value = serde_json::from_slice(&tree(&out)["run.json"]).expect("run.json");
    let problems = String::from_utf8(tree(&out)["problems.csv"].clone()).expect("UTF-8");
    assert_eq!(problems.lines().count(), 5_001, "a header and a line for each");
    assert!(run.to_string().contains("4999.evtx"));
}
