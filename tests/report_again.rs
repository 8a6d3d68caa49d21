//! `evql report`: outputs written again from findings.jsonl and run.json alone are the scan's own bytes, and what does not fit is told.

mod common;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use common::{ALLOW, Ran, corpus, evql, samples, tree};
use serde_json::{Value, json};

/// Runs evql with words and paths.
#[track_caller]
fn run(words: &[&str], paths: &[&Path]) -> Ran {
    let words = words.iter().map(OsString::from);
    evql(words.chain(paths.iter().map(|path| path.as_os_str().to_owned())))
}

/// Scans `paths` into `folder`/scan; `options` come before them.
#[track_caller]
fn scan(folder: &Path, options: &[&str], paths: &[&Path]) -> PathBuf {
    let out = folder.join("scan");
    let words: Vec<&str> = ["scan", "-q", "-o", out.to_str().expect("UTF-8")]
        .into_iter()
        .chain(options.iter().copied())
        .collect();
    let ran = run(&words, paths);
    assert!(matches!(ran.code, 0 | 2), "{}", ran.stderr);
    out
}

/// The outputs of `from` written again into `folder`/`name`.
#[track_caller]
fn again(from: &Path, name: &str, options: &[&str]) -> PathBuf {
    let out = from.with_file_name(name);
    // Only the two files that it needs: nothing else can have helped.
    let bare = from.with_file_name(format!("{name}-bare"));
    fs::create_dir(&bare).expect("a folder");
    for file in ["findings.jsonl", "run.json"] {
        fs::copy(from.join(file), bare.join(file)).expect("a copy");
    }
    let words: Vec<&str> = ["report", "-q", "-o", out.to_str().expect("UTF-8")]
        .into_iter()
        .chain(options.iter().copied())
        .collect();
    run(&words, &[&bare]).expect(0);
    out
}

#[track_caller]
fn record(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("run.json")).expect("run.json")).expect("JSON")
}

/// Every file but run.json has the same bytes; run.json tells of the rebuild and is the same but for that.
#[track_caller]
fn assert_same(one: &Path, other: &Path) {
    let (first, second) = (tree(one), tree(other));
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&first), names(&second));
    for (name, bytes) in first.iter().filter(|(name, _)| *name != "run.json") {
        let at = bytes.iter().zip(&second[name]).position(|(a, b)| a != b);
        let near = |bytes: &[u8]| {
            let at = at.unwrap_or(bytes.len().min(second[name].len()));
            let range = at.saturating_sub(200)..bytes.len().min(at + 100);
            String::from_utf8_lossy(bytes.get(range).unwrap_or_default()).into_owned()
        };
        assert!(bytes == &second[name], "{name} differs:\n{}\n----\n{}", near(bytes), near(&second[name]));
    }
    let (mut before, mut after) = (record(one), record(other));
    assert_eq!(before["rebuilt"], json!([]));
    assert_eq!(after["rebuilt"].as_array().expect("a list").len(), 1);
    before["rebuilt"] = Value::Null;
    after["rebuilt"] = Value::Null;
    assert_eq!(before, after);
}

/// An entry of an allow-list that has expired.
const EXPIRED: &str = r#"
[[allow]]
id = "old"
reason = "known"
author = "anna"
expires = 2020-01-01
when = 'process where true'
"#;

#[test]
fn the_samples_again_are_the_same_bytes() {
    let temp = tempfile::tempdir().expect("a folder");
    let allow = temp.path().join("known.toml");
    fs::write(&allow, [ALLOW, EXPIRED].concat()).expect("written");
    let case =
        ["--case", "IR-7", "--examiner", "A. \u{202e}<b>", "--evidence-id", "1", "--tlp", "amber+strict"];
    let options = [&case[..], &["--allow", allow.to_str().expect("UTF-8")]].concat();
    let first = scan(temp.path(), &options, &[&samples()]);
    let lines = fs::read_to_string(first.join("findings.jsonl")).expect("lines");
    for kind in ["finding", "suppressed", "near_miss_count", "near_miss"] {
        assert!(lines.contains(&format!("{{\"type\":\"{kind}\"")), "the samples hold a {kind}");
    }
    assert_same(&first, &again(&first, "again", &[]));
}

#[test]
fn other_clocks_bounds_and_limits_are_kept() {
    let temp = tempfile::tempdir().expect("a folder");
    let options = [
        "--clock",
        "utc",
        "--from",
        "2024-03-01",
        "--to",
        "2024-03-12",
        "--exclude-host",
        "ws03*",
        "--no-hash",
        "--html-limit",
        "3",
        "--csv-bom",
        "--csv-raw",
        "--event-action",
        "compat",
        "--recover",
    ];
    let first = scan(temp.path(), &options, &[&samples()]);
    assert_same(&first, &again(&first, "again", &["--csv-bom", "--csv-raw"]));
}

#[test]
fn no_findings_and_no_near_misses_are_told_again() {
    let temp = tempfile::tempdir().expect("a folder");
    let first = scan(temp.path(), &["--no-near-misses"], &[&samples().join("maxspan")]);
    assert_same(&first, &again(&first, "again", &[]));
}

#[test]
fn the_corpus_again_is_the_same_bytes() {
    let Some(corpus) = corpus() else { return };
    let temp = tempfile::tempdir().expect("a folder");
    let first = scan(temp.path(), &[], &[&corpus.join("evtx")]);
    assert_same(&first, &again(&first, "again", &[]));
}

/// Practice evidence with enough hosts that patterns are rare and common, and stories are shared.
#[test]
fn load_again_is_the_same_bytes() {
    let temp = tempfile::tempdir().expect("a folder");
    let evidence = temp.path().join("evidence");
    let words = ["synth", "--hosts", "9", "--events", "1500", "--attacks", "40", "-q", "-o"];
    run(&words, &[&evidence]).expect(0);
    let rule = temp.path().join("dns.eql");
    fs::write(&rule, "network where event.code == \"22\"").expect("written");
    let first = scan(temp.path(), &["--rules", rule.to_str().expect("UTF-8")], &[&evidence]);
    let lines = fs::read_to_string(first.join("findings.jsonl")).expect("lines");
    assert!(lines.contains("\"same_as\":"), "some stories are shared");
    assert_same(&first, &again(&first, "again", &[]));
}

#[test]
fn a_case_and_a_marking_can_be_given_later_and_the_run_stays_as_it_was() {
    let temp = tempfile::tempdir().expect("a folder");
    let first = scan(temp.path(), &["--case", "IR-7", "--examiner", "Anna"], &[&samples().join("mshta")]);
    let options = ["--examiner", "Bert", "--tlp", "red", "--html-limit", "0"];
    let second = again(&first, "second", &options);
    let page = fs::read_to_string(second.join("report.html")).expect("the page");
    assert!(page.contains("<strong>TLP:RED</strong>"));
    assert!(page.contains("<title>TLP:RED · "));
    assert!(!fs::read_to_string(first.join("report.html")).expect("the page").contains("TLP:"));
    let (before, after) = (record(&first), record(&second));
    assert_eq!(after["case"]["tlp"], "red");
    assert_eq!((&after["case"]["id"], &after["case"]["examiner"]), (&json!("IR-7"), &json!("Bert")));
    let rebuilt = &after["rebuilt"][0];
    assert_eq!(
        (&rebuilt["case_before"]["examiner"], &rebuilt["case_before"]["tlp"]),
        (&json!("Anna"), &Value::Null)
    );
    let written = before["outputs"].as_array().expect("outputs");
    let findings = written.iter().find(|output| output["name"] == "findings.jsonl").expect("findings.jsonl");
    assert_eq!(rebuilt["findings_sha256"], findings["sha256"]);
    assert!(rebuilt["arguments"].to_string().contains("--examiner"));
    for key in
        ["version", "arguments", "started", "ended", "exit_code", "counts", "inputs", "rules", "coverage"]
    {
        assert_eq!(before[key], after[key], "{key}");
    }
    // And once more, of what was rebuilt: both are told, the marking stays, and so does the limit.
    let third = again(&second, "third", &[]);
    assert_eq!(record(&third)["rebuilt"].as_array().map(Vec::len), Some(2));
    assert_eq!(tree(&second)["report.html"], tree(&third)["report.html"]);
}

#[test]
fn one_format_can_be_streamed_and_nothing_is_overwritten_unasked() {
    let temp = tempfile::tempdir().expect("a folder");
    let first = scan(temp.path(), &["--format", "jsonl"], &[&samples().join("mshta")]);
    let streamed = run(&["report", "-q", "--format", "jsonl", "-o", "-"], &[&first]).expect(0);
    assert_eq!(streamed.stdout, fs::read_to_string(first.join("findings.jsonl")).expect("lines"));
    let before = tree(&first);
    let ran = run(&["report", "-o", first.to_str().expect("UTF-8")], &[&first]).expect(5);
    assert!(ran.stderr.contains("exists already"), "{}", ran.stderr);
    assert_eq!(tree(&first), before);
    run(&["report", "-q", "--force", "-o", first.to_str().expect("UTF-8")], &[&first]).expect(0);
    assert!(tree(&first).contains_key("report.html"), "the formats that the scan left out");
    assert_eq!(tree(&first)["findings.jsonl"], before["findings.jsonl"]);
}

#[test]
fn findings_that_were_changed_are_told_of() {
    let temp = tempfile::tempdir().expect("a folder");
    let first = scan(temp.path(), &[], &[&samples().join("beacon"), &samples().join("mshta")]);
    let lines = fs::read_to_string(first.join("findings.jsonl")).expect("lines");
    let kept: String = lines.lines().skip(1).map(|line| format!("{line}\n")).collect();
    fs::write(first.join("findings.jsonl"), kept).expect("written");
    let out = temp.path().join("out");
    let ran = run(&["report", "-o", out.to_str().expect("UTF-8")], &[&first]).expect(0);
    assert!(ran.stderr.contains("findings.jsonl is not the one that the run wrote"), "{}", ran.stderr);
    let doubts = &record(&out)["rebuilt"][0]["doubts"];
    assert!(doubts[0].as_str().expect("a doubt").contains("is not the one"), "{doubts}");
    let page = fs::read_to_string(out.join("report.html")).expect("the page");
    assert!(page.contains("Doubtful since"));
}

/// What is wrong is named with its place; nothing is written.
#[test]
fn what_cannot_be_read_back_is_named() {
    let temp = tempfile::tempdir().expect("a folder");
    let first = scan(temp.path(), &[], &[&samples().join("mshta")]);
    let lines = fs::read(first.join("findings.jsonl")).expect("lines");
    let run_json = fs::read(first.join("run.json")).expect("run.json");
    let changed = |bytes: &[u8], from: &str, to: &str| {
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1).into_bytes()
    };
    let second_line = [&lines[..], b"{\"type\":\"near_miss_count\",\"schema\":1}\n"].concat();
    let last = format!("line {}:", lines.iter().filter(|byte| **byte == b'\n').count() + 1);
    let cases: Vec<(&str, Vec<u8>, Vec<&str>)> = vec![
        ("findings.jsonl", second_line, vec![&last, "missing field `rule`"]),
        ("findings.jsonl", lines[..lines.len() / 2].to_vec(), vec!["findings.jsonl", "line"]),
        ("findings.jsonl", b"\xff\xfe\n".to_vec(), vec!["line 1:"]),
        ("findings.jsonl", b"[]\n".to_vec(), vec!["line 1:"]),
        ("findings.jsonl", "[".repeat(100_000).into_bytes(), vec!["line 1:"]),
        (
            "findings.jsonl",
            changed(&lines, "\"schema\":1", "\"schema\":2"),
            vec!["line 1:", "newer evql", "schema 2"],
        ),
        (
            "findings.jsonl",
            changed(&lines, "\"severity\":\"", "\"severity\":\"un"),
            vec!["line 1:", "unknown variant"],
        ),
        (
            "findings.jsonl",
            changed(&lines, "\"sha256\":\"", "\"sha256\":\"0"),
            vec!["line 1:", "none of those in run.json"],
        ),
        (
            "findings.jsonl",
            changed(&lines, "\"code\":\"1\"", "\"code\":\"x\""),
            vec!["line 1:", "event.code"],
        ),
        ("run.json", changed(&run_json, "\"schema\": 1", "\"schema\": 9"), vec!["run.json", "newer evql"]),
        ("run.json", b"{\"schema\": 9}".to_vec(), vec!["run.json", "newer evql"]),
        ("run.json", b"{\"schema\": 1}".to_vec(), vec!["run.json", "another version"]),
        (
            "run.json",
            changed(&run_json, "\"logged\": \"8", "\"logged\": \"77"),
            vec!["run.json", "histogram"],
        ),
        ("run.json", run_json[..run_json.len() - 9].to_vec(), vec!["run.json", "EOF"]),
        ("run.json", Vec::new(), vec!["run.json", "EOF"]),
    ];
    for (name, bytes, words) in cases {
        fs::write(first.join("findings.jsonl"), &lines).expect("written");
        fs::write(first.join("run.json"), &run_json).expect("written");
        fs::write(first.join(name), bytes).expect("written");
        let out = temp.path().join("out");
        let ran = run(&["report", "-o", out.to_str().expect("UTF-8")], &[&first]).expect(3);
        for word in &words {
            assert!(ran.stderr.contains(word), "{words:?}:\n{}", ran.stderr);
        }
        assert!(!out.exists(), "{words:?}");
    }
    let ran = run(&["report"], &[&samples()]).expect(3);
    assert!(ran.stderr.contains("run.json") && ran.stderr.contains("evql scan"), "{}", ran.stderr);
}

#[test]
fn unknown_keys_and_kinds_of_lines_do_no_harm() {
    let temp = tempfile::tempdir().expect("a folder");
    let first = scan(temp.path(), &[], &[&samples().join("mshta")]);
    let lines = fs::read_to_string(first.join("findings.jsonl")).expect("lines");
    let more = format!(
        "{}{{\"type\":\"omen\",\"schema\":1}}\n\n",
        lines.replace("{\"type\"", "{\"new\":[1],\"type\"")
    );
    fs::write(first.join("findings.jsonl"), more).expect("written");
    let mut changed = record(&first);
    changed["new"] = json!({"a": 1});
    changed["inputs"][0]["new"] = json!(1);
    fs::write(first.join("run.json"), changed.to_string()).expect("written");
    let ran = run(&["report", "-q", "--format", "jsonl", "-o", "-"], &[&first]).expect(0);
    assert_eq!(ran.stdout, lines);
}
