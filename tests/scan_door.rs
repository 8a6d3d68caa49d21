//! What a scan is like to whoever starts it: a closed pipe, Ctrl-C, colours, the summary, links, and outputs that cannot be written.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Ran, evql, samples, tree};
use serde_json::Value;

fn run_json(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("run.json")).expect("run.json")).expect("JSON")
}

fn scan_to(out: &Path, path: &Path, more: &[&str]) -> Ran {
    let arguments = [Path::new("scan"), Path::new("-o"), out, path];
    evql(arguments.into_iter().chain(more.iter().map(Path::new)))
}

#[test]
#[cfg(unix)]
fn an_interrupted_scan_writes_what_it_has_and_says_so() {
    let temp = tempfile::tempdir().expect("a folder");
    let evidence = temp.path().join("evidence");
    fs::create_dir(&evidence).expect("a folder");
    let big = tree(&samples().join("beacon")).into_values().next().expect("a log");
    fs::write(evidence.join("0.evtx"), big).expect("a log");
    for number in 1..3_000 {
        fs::hard_link(evidence.join("0.evtx"), evidence.join(format!("{number}.evtx"))).expect("a link");
    }
    let out = temp.path().join("out");
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("evql"))
        .args(["scan", "-j", "1", "-o"])
        .args([&out, &evidence])
        .stderr(Stdio::piped())
        .spawn()
        .expect("evql starts");
    // The folder is made when the handler is set, and before anything is read.
    while !out.exists() {
        assert!(child.try_wait().expect("a child").is_none(), "ended without a folder");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
    let output = child.wait_with_output().expect("evql ends");
    assert_eq!(output.status.code(), Some(130));
    assert!(String::from_utf8_lossy(&output.stderr).contains("INTERRUPTED"));
    let run = run_json(&out);
    assert_eq!((&run["interrupted"], &run["exit_code"]), (&Value::from(true), &Value::from(130)));
    assert_eq!(run["inputs"].as_array().map(Vec::len), Some(3_000));
    let last = &run["inputs"][2_999];
    assert_eq!(last["status"], "not_reached");
    assert!(last["size"].as_u64().is_some_and(|size| size > 0), "{last}");
    for name in ["findings.csv", "findings.jsonl", "report.html", "problems.csv"] {
        assert!(out.join(name).is_file(), "{name}");
    }
    let problems = fs::read_to_string(out.join("problems.csv")).expect("problems.csv");
    assert!(problems.contains("interrupted"), "{problems}");
}

/// Names of hosts, processes, destinations and files that would clear the screen, set its title or turn what is read around.
#[test]
#[cfg(unix)]
fn no_trick_of_a_log_reaches_the_terminal() {
    use evql::synth::sysmon::{Host, Moment, text};
    use evql::synth::{FileOptions, SynthRecord, to_evtx};
    use evql::sysmon::schema::{Layout, event_spec};
    use evql::time::Timestamp;

    const TRICK: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\u{200b}\r";
    let temp = tempfile::tempdir().expect("a folder");
    let time = Timestamp::parse("2024-03-01T10:00:00Z").expect("RFC 3339");
    let record = |event, record_id| {
        let moment = Moment { created: time, utc: time, record_id };
        let value = |name: &str| match name {
            "Image" => Some(text(format!("C:\\{TRICK}\\a{TRICK}.exe"))),
            "CommandLine" | "DestinationHostname" => Some(text(format!("x{TRICK}y"))),
            "DestinationIp" => Some(text("203.0.113.7")),
            _ => None,
        };
        let made =
            Host::new("ws01", 1, Layout::Sysmon15).record(event_spec(event).expect("known"), moment, &value);
        SynthRecord { computer: format!("evil{TRICK}").into(), ..made }
    };
    let log = to_evtx(&[record(1, 1), record(3, 2)], FileOptions::default()).expect("the records fit");
    let evidence = temp.path().join("evidence");
    fs::create_dir(&evidence).expect("a folder");
    fs::write(evidence.join("whole.evtx"), &log).expect("a log");
    fs::write(evidence.join("cut\u{1b}[2J\u{202e}.evtx"), &log[..5_000]).expect("a log");
    let rule = temp.path().join("all.eql");
    fs::write(&rule, "any where true").expect("a rule");

    let out = temp.path().join("out");
    let rules = ["--no-builtin", "--rules", rule.to_str().expect("UTF-8")];
    let ran = scan_to(&out, &evidence, &rules).expect(2);
    let is_trick = |c: char| c.is_control() && c != '\n' || ['\u{202e}', '\u{200b}'].contains(&c);
    assert!(!ran.stderr.contains(is_trick), "{:?}", ran.stderr);
    for shown in ["evil_[2J", "⟦U+009B⟧31m", "cut⟦U+001B⟧[2J⟦U+202E⟧.evtx"] {
        assert!(ran.stderr.contains(shown), "{shown} in {:?}", ran.stderr);
    }
    let findings = common::json_lines(&fs::read_to_string(out.join("findings.jsonl")).expect("findings"));
    let id = findings[0]["finding_id"].as_str().expect("an id");
    let why = evql(["explain-finding".as_ref(), id.as_ref(), out.as_os_str()]).expect(0).stdout;
    assert!(!why.contains(is_trick) && why.contains("⟦U+202E⟧"), "{why:?}");
}

#[test]
fn no_escape_byte_reaches_what_is_no_terminal() {
    let temp = tempfile::tempdir().expect("a folder");
    let out = temp.path().join("out");
    let plain = scan_to(&out, &samples(), &[]).expect(2);
    assert!(!plain.stderr.contains('\u{1b}'), "{}", plain.stderr);
    assert!(plain.stderr.starts_with("25 findings (2 high) on 19 of 27 hosts\n"), "{}", plain.stderr);
    assert!(
        plain.stderr.contains("smashed-chunk") && plain.stderr.contains("report.html"),
        "{}",
        plain.stderr
    );
    assert!(plain.stderr.contains("Event 3 (network connection) is absent on"), "{}", plain.stderr);
    let refused = scan_to(&out, &samples(), &[]).expect(5);
    assert!(!refused.stderr.contains('\u{1b}'), "{}", refused.stderr);
    let quiet = scan_to(&out, &samples(), &["-q", "--force"]).expect(2);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn mapping_switches_are_named_in_the_outputs() {
    let temp = tempfile::tempdir().expect("a folder");
    let (plain, switched) = (temp.path().join("plain"), temp.path().join("switched"));
    let path = samples().join("mshta");
    scan_to(&plain, &path, &["-q"]).expect(0);
    scan_to(&switched, &path, &["-q", "--host-name", "short", "--keyword-limit"]).expect(0);
    assert_eq!(run_json(&plain)["mapping"], serde_json::json!([]));
    assert_eq!(run_json(&switched)["mapping"], serde_json::json!(["--host-name short", "--keyword-limit"]));
    let page = fs::read_to_string(switched.join("report.html")).expect("report.html");
    assert!(page.contains("<dt>Mapping</dt><dd><code>--host-name short</code> <code>--keyword-limit</code>"));
}

#[test]
#[cfg(unix)]
fn links_in_folders_are_followed_only_when_asked() {
    let temp = tempfile::tempdir().expect("a folder");
    let evidence = temp.path().join("evidence");
    fs::create_dir(&evidence).expect("a folder");
    std::os::unix::fs::symlink(samples().join("mshta"), evidence.join("link")).expect("a link");
    let (kept, followed) = (temp.path().join("kept"), temp.path().join("followed"));
    scan_to(&kept, &evidence, &["-q"]).expect(4);
    assert_eq!(run_json(&kept)["counts"]["findings"], 0);
    let problems = fs::read_to_string(kept.join("problems.csv")).expect("problems.csv");
    assert!(problems.contains("symbolic link was not followed"), "{problems}");
    scan_to(&followed, &evidence, &["-q", "--follow-links"]).expect(0);
    assert_eq!(run_json(&followed)["counts"]["findings"], 1);
}

#[test]
fn outputs_that_cannot_be_written_are_told_before_anything_is_read() {
    let temp = tempfile::tempdir().expect("a folder");
    fs::write(temp.path().join("file"), "in the way").expect("a file");
    let ran = scan_to(&temp.path().join("file/out"), &samples(), &[]).expect(5);
    assert!(ran.stderr.contains("cannot write") && !ran.stderr.contains("findings"), "{}", ran.stderr);
    let wrong = evql(["scan", "--no-builtin", "-o", &temp.path().join("out").to_string_lossy(), "x"]);
    wrong.expect(3);
    assert!(!temp.path().join("out").exists(), "nothing was done");
}

#[test]
fn results_in_the_evidence_folder_are_skipped_by_the_next_run() {
    let temp = tempfile::tempdir().expect("a folder");
    let log = tree(&samples().join("mshta")).into_values().next().expect("a log");
    fs::write(temp.path().join("log.evtx"), log).expect("a log");
    let all = ["-q", "--format", "csv,jsonl,timesketch,html,iocs,ecs,navigator,stix"];
    scan_to(&temp.path().join("first"), temp.path(), &all).expect(0);
    let written = fs::read_dir(temp.path().join("first")).expect("a folder").count();
    scan_to(&temp.path().join("second"), temp.path(), &["-q"]).expect(0);
    let run = run_json(&temp.path().join("second"));
    assert_eq!(run["counts"]["findings"], 1);
    assert_eq!(run["counts"]["inputs_by_status"]["skipped"], written);
    assert_eq!(run["counts"]["inputs_by_status"]["read"], 1, "alerts are no events");
}

#[test]
fn a_program_that_starts_a_scan_reads_one_line() {
    let temp = tempfile::tempdir().expect("a folder");
    let (folder, evidence) = (temp.path().join("run"), samples().join("damaged"));
    let ran = scan_to(&folder, &evidence, &["--json", "-q"]).expect(2);
    let [line] = &ran.json_lines()[..] else { panic!("one line: {}", ran.stdout) };
    assert_eq!(line["exit_code"], 2);
    assert_eq!(line["folder"], folder.to_string_lossy().as_ref());
    assert_eq!(line["counts"], run_json(&folder)["counts"]);
    assert!(line["counts"]["inputs_by_status"]["partial"].as_u64() > Some(0));
    scan_to(Path::new("-"), &evidence, &["--json", "--format", "jsonl"]).expect(3);
}
