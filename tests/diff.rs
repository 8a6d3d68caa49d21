//! `evql diff`: what differs between two runs is told, nothing else, and in any order of the runs' contents.

mod common;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use common::{Ran, evql, samples};
use serde_json::{Value, json};

#[track_caller]
fn run(words: &[&str], paths: &[&Path]) -> Ran {
    let words = words.iter().map(OsString::from);
    evql(words.chain(paths.iter().map(|path| path.as_os_str().to_owned())))
}

/// A run over copies of `samples` under `folder`/`name`, so that inputs can be taken away and changed.
#[track_caller]
fn scan(folder: &Path, name: &str, samples: &[&str], options: &[&str]) -> PathBuf {
    let evidence = folder.join("evidence");
    let _ = fs::remove_dir_all(&evidence);
    for sample in samples {
        copy(&common::samples().join(sample), &evidence.join(sample));
    }
    scan_there(folder, name, &evidence, options)
}

#[track_caller]
fn scan_there(folder: &Path, name: &str, evidence: &Path, options: &[&str]) -> PathBuf {
    let out = folder.join(name);
    let words = [&["scan", "-q", "--format", "jsonl", "-o", out.to_str().expect("UTF-8")], options].concat();
    let ran = run(&words, &[evidence]);
    assert!(matches!(ran.code, 0 | 2), "{}", ran.stderr);
    out
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("a name"));
        if path.is_dir() { copy(&path, &to) } else { fs::copy(&path, &to).map(drop).expect("a copy") }
    }
}

/// The difference as JSON; `code` is the exit code.
#[track_caller]
fn diff(before: &Path, after: &Path, code: i32) -> Value {
    let ran = run(&["diff", "--json"], &[before, after]).expect(code);
    serde_json::from_str(&ran.stdout).expect("one object")
}

/// The `key`s of the objects in `list`.
fn each<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    let items = list.as_array().expect("a list").iter();
    items.map(|item| item[key].as_str().expect("text")).collect()
}

/// The text without its line ends.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn parts(change: &Value) -> Vec<&str> {
    each(&change["parts"], "part")
}

#[test]
fn the_same_evidence_makes_no_difference() {
    let temp = tempfile::tempdir().expect("a folder");
    let first = scan(temp.path(), "first", &["mshta", "beacon"], &["-j", "1"]);
    let second = scan(temp.path(), "second", &["mshta", "beacon"], &["-j", "4", "--case", "IR-7"]);
    let told = diff(&first, &second, 0);
    assert_eq!((&told["same"], &told["schema"]), (&json!(true), &json!(1)));
    let ran = run(&["diff"], &[&first, &second]).expect(0);
    assert!(ran.stdout.starts_with("The runs tell the same"), "{}", ran.stdout);
    // Lines in another order, and what a rebuild writes, are no difference either.
    let text = fs::read_to_string(second.join("findings.jsonl")).expect("lines");
    let mut lines: Vec<&str> = text.lines().collect();
    lines.reverse();
    fs::write(second.join("findings.jsonl"), lines.join("\n")).expect("written");
    let ran = run(&["diff", "--json"], &[&first, &second]).expect(0);
    assert!(ran.stderr.contains("is not the one that the run wrote"), "{}", ran.stderr);
    let again = temp.path().join("again");
    run(&["report", "-q", "-o", again.to_str().expect("UTF-8")], &[&first]).expect(0);
    diff(&first, &again, 0);
}

#[test]
fn what_is_new_and_gone_is_told_from_both_sides() {
    let temp = tempfile::tempdir().expect("a folder");
    let first = scan(temp.path(), "first", &["mshta", "regsvr32-dns"], &[]);
    let second = scan(temp.path(), "second", &["mshta", "msiexec"], &[]);
    let told = diff(&first, &second, 1);
    let back = diff(&second, &first, 1);
    let findings = &told["findings"];
    assert_eq!(each(&findings["new"], "host"), ["ws03.corp.example"; 2]);
    assert_eq!(each(&findings["gone"], "host"), ["ws02.corp.example"]);
    assert_eq!(findings["changed"], json!([]), "what both hold is as it was");
    assert_eq!(told["coverage"]["new"], json!(["ws03.corp.example"]));
    assert_eq!(told["coverage"]["gone"], json!(["ws02.corp.example"]));
    let name = |list: &Value| list[0].as_str().expect("a name").replace('\\', "/");
    assert!(name(&told["inputs"]["new"]).contains("msiexec/ws03"), "{told}");
    assert!(name(&told["inputs"]["gone"]).contains("regsvr32-dns/ws02"), "{told}");
    for key in ["findings", "inputs", "coverage"] {
        assert_eq!((&told[key]["new"], &told[key]["gone"]), (&back[key]["gone"], &back[key]["new"]), "{key}");
    }
    let ran = run(&["diff"], &[&first, &second]).expect(1);
    assert!(ran.stdout.contains("2 new, 1 gone, 0 changed"), "{}", ran.stdout);
    let told = words(&ran.stdout);
    assert!(told.contains("medium msiexec.exe → packages.example.org on ws03.corp.example"), "{told}");
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 120), "{}", ran.stdout);
}

#[test]
fn a_finding_that_changed_says_in_which_parts() {
    let temp = tempfile::tempdir().expect("a folder");
    let first = scan(temp.path(), "first", &["mshta"], &[]);
    let evidence = temp.path().join("evidence");
    // A copy of the log beside it: the records are there twice.
    copy(&evidence.join("mshta/ws01.corp.example"), &evidence.join("mshta/copy"));
    let second = scan_there(temp.path(), "second", &evidence, &[]);
    let told = diff(&first, &second, 1);
    let [change] = told["findings"]["changed"].as_array().expect("a list").as_slice() else {
        panic!("one change: {told}")
    };
    assert_eq!(parts(change), ["copies"]);
    assert_eq!(
        (&change["parts"][0]["before"], &change["parts"][0]["after"]),
        (&json!("1, 1"), &json!("2, 2"))
    );
    assert_eq!(told["inputs"]["new"].as_array().map(Vec::len), Some(1));

    // And severity, reasons and notes as another version might judge them.
    let third = temp.path().join("third");
    copy(&first, &third);
    let text = fs::read_to_string(third.join("findings.jsonl")).expect("lines");
    let mut finding: Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
    finding["severity"] = json!("critical");
    finding["why"] = json!([{"code": "renamed", "words": "x", "weight": 20}]);
    finding["notes"] = json!(["y"]);
    finding["story"]["children"]["total"] = json!(99);
    finding["events"][0]["process"]["command_line"] = json!("other.exe");
    let rest: Vec<&str> = text.lines().skip(1).collect();
    fs::write(third.join("findings.jsonl"), format!("{finding}\n{}\n", rest.join("\n"))).expect("written");
    let told = diff(&first, &third, 1);
    let change = &told["findings"]["changed"][0];
    assert_eq!(parts(change), ["severity", "why", "notes", "events", "story"]);
    assert_eq!(change["parts"][0], json!({"part": "severity", "before": "medium", "after": "critical"}));
    let ran = run(&["diff"], &[&first, &third]).expect(1);
    assert!(
        words(&ran.stdout).contains("severity medium → critical; why none → renamed +20; notes"),
        "{}",
        ran.stdout
    );
}

#[test]
fn inputs_that_moved_or_changed_are_told_apart() {
    let temp = tempfile::tempdir().expect("a folder");
    let first = scan(temp.path(), "first", &["mshta", "msiexec"], &[]);
    let evidence = temp.path().join("evidence");
    fs::rename(evidence.join("mshta"), evidence.join("elsewhere")).expect("renamed");
    let log = evidence.join("msiexec/ws03.corp.example/Microsoft-Windows-Sysmon%4Operational.evtx");
    let mut bytes = fs::read(&log).expect("a log");
    bytes.extend([0; 512]);
    fs::write(&log, bytes).expect("written");
    let second = scan_there(temp.path(), "second", &evidence, &[]);
    let told = diff(&first, &second, 1);
    let inputs = &told["inputs"];
    assert_eq!((&inputs["new"], &inputs["gone"]), (&json!([]), &json!([])));
    let [moved] = inputs["moved"].as_array().expect("a list").as_slice() else { panic!("one moved: {told}") };
    assert!(moved["from"].as_str().expect("a name").contains("mshta"));
    assert!(moved["to"].as_str().expect("a name").contains("elsewhere"));
    let [changed] = inputs["changed"].as_array().expect("a list").as_slice() else { panic!("one: {told}") };
    assert!(parts(changed).starts_with(&["sha256", "size"]), "{changed}");
    let host_of_moved = told["findings"]["changed"].as_array().expect("a list");
    assert!(host_of_moved.iter().all(|change| change["host"] != "ws01.corp.example"), "{told}");
}

#[test]
fn rules_settings_coverage_and_near_misses_are_compared() {
    let temp = tempfile::tempdir().expect("a folder");
    let rules = temp.path().join("rules");
    fs::create_dir(&rules).expect("a folder");
    let rule = |name: &str, text: &str| fs::write(rules.join(name), text).expect("written");
    rule("kept.eql", "process where process.name == \"a.exe\"");
    rule("old.eql", "process where process.name == \"b.exe\"");
    let options = ["--rules", rules.to_str().expect("UTF-8")];
    let first = scan(temp.path(), "first", &["maxspan"], &options);
    rule("kept.eql", "process where process.name == \"c.exe\"");
    rule("new.eql", "dns where true");
    fs::remove_file(rules.join("old.eql")).expect("removed");
    let later = [&options[..], &["--clock", "utc", "--to", "2024-03-06T13:30:06"]].concat();
    let second = scan(temp.path(), "second", &["maxspan"], &later);
    let told = diff(&first, &second, 1);
    let rules = &told["rules"];
    assert_eq!(each(&rules["new"], "name"), ["new"]);
    assert_eq!(each(&rules["gone"], "name"), ["old"]);
    assert_eq!(each(&rules["changed"], "name"), ["kept"]);
    assert_eq!(parts(&rules["changed"][0]), ["sha256"]);
    assert_eq!(each(&told["settings"], "part"), ["clock", "from/to"]);
    let near = told["near_misses"].as_array().expect("a list");
    assert!(
        near.iter().any(|change| change["kind"] == "outside_maxspan" && change["before"] != change["after"]),
        "{told}"
    );
    let coverage = told["coverage"]["changed"].as_array().expect("a list");
    assert!(coverage.iter().any(|sight| sight["event_id"] == 1 && parts(sight).contains(&"count")), "{told}");
    let sight = coverage.iter().find(|sight| sight["event_id"] == 3).expect("event 3");
    assert_eq!(sight["parts"][0], json!({"part": "state", "before": "present", "after": "absent"}));
    let text = words(&run(&["diff"], &[&first, &second]).expect(1).stdout);
    for words in
        ["New rule: new", "Rule gone: old", "Rule changed: kept", "clock created → utc", "outside_maxspan"]
    {
        assert!(text.contains(words), "{words}:\n{text}");
    }
}

#[test]
fn hostile_names_reach_the_terminal_as_text() {
    let temp = tempfile::tempdir().expect("a folder");
    let first = scan(temp.path(), "first", &["mshta"], &[]);
    let second = temp.path().join("second");
    copy(&first, &second);
    for name in ["findings.jsonl", "run.json"] {
        let text = fs::read_to_string(second.join(name)).expect("text");
        let hostile = r"\u001b[2J\u202e\u0007\n".repeat(200);
        fs::write(second.join(name), text.replace("ws01.corp.example", &hostile)).expect("written");
    }
    let ran = run(&["diff"], &[&first, &second]).expect(1);
    assert!(!ran.stdout.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{:?}", ran.stdout);
    assert!(ran.stdout.contains("⟦U+202E⟧"), "{}", ran.stdout);
}

#[test]
fn what_is_no_run_is_named() {
    let temp = tempfile::tempdir().expect("a folder");
    let first = scan(temp.path(), "first", &["mshta"], &[]);
    let ran = run(&["diff"], &[&first, &samples()]).expect(3);
    assert!(ran.stderr.contains("run.json"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
}
