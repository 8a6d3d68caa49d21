//! `--from`, `--to`, `--host`, `--exclude-host` and `--files-from`, through the program: what is looked at, and that the rest is counted.

mod common;

use std::io::Write;
use std::process::{Command, Stdio};

use common::{at, evql, json_lines, samples};
use serde_json::Value;

/// `run.json` and the findings of a scan of the samples with `more` arguments.
fn scan(more: &[&str]) -> (Value, Vec<Value>) {
    let folder = tempfile::tempdir().expect("a folder");
    let samples = samples();
    let paths =
        ["scan", samples.to_str().expect("UTF-8"), "-o", folder.path().to_str().expect("UTF-8"), "--force"];
    let ran = evql(paths.iter().copied().chain(more.iter().copied()));
    assert!(matches!(ran.code, 0 | 2), "{}", ran.stderr);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("an output");
    (
        serde_json::from_str(&read("run.json")).expect("JSON"),
        common::found(json_lines(&read("findings.jsonl"))),
    )
}

fn hosts(findings: &[Value]) -> Vec<String> {
    let mut hosts: Vec<String> = findings
        .iter()
        .map(|finding| at(finding, "host.name").as_str().expect("a host").to_owned())
        .collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

fn number(value: &Value, path: &str) -> u64 {
    at(value, path).as_u64().unwrap_or_default()
}

#[test]
fn only_the_hosts_that_were_asked_for_and_the_rest_is_counted() {
    let (all, _) = scan(&[]);
    assert!(at(&all, "selection.filtered").as_object().expect("an object").is_empty());
    let (some, findings) = scan(&["--host", "WS0?", "--exclude-host", "ws03.*"]);
    let expected =
        ["ws01", "ws02", "ws06", "ws07", "ws08", "ws09"].map(|host| format!("{host}.corp.example"));
    assert_eq!(hosts(&findings), expected);
    let left_out = number(&some, "selection.filtered.other_hosts");
    assert!(left_out > 0);
    assert_eq!(number(&some, "counts.records") + left_out, number(&all, "counts.records"));
    let of_inputs: u64 =
        some["inputs"].as_array().expect("inputs").iter().map(|input| number(input, "filtered")).sum();
    assert_eq!(of_inputs, left_out);
    assert_eq!(at(&some, "selection.hosts"), &serde_json::json!(["WS0?"]));
}

/// The sample's start is record 48222 and its connection 48226; each bound is set at the very TimeCreated of one of them.
#[test]
fn a_bound_at_the_very_time_of_an_event() {
    let (_, findings) = scan(&["--host", "ws01"]);
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    let created = |event: &str| {
        at(finding, &format!("events.{event}.event.created")).as_str().expect("a time").to_owned()
    };
    let (start, connection) = (created("0"), created("1"));
    assert!(start < connection);
    let found = |from: &str, to: &str| scan(&["--host", "ws01", "--from", from, "--to", to]).1.len();
    let later = connection.replace("2024", "2025");
    assert_eq!(found(&start, &later), 1, "from takes its own time in");
    assert_eq!(found(&connection, &later), 0);
    assert_eq!(found(&start, &connection), 0, "to does not");
    let (run, _) = scan(&["--from", &start, "--to", &connection]);
    let (all, _) = scan(&[]);
    let filtered = at(&run, "selection.filtered").as_object().expect("an object");
    let filtered: u64 = filtered.values().map(|count| count.as_u64().expect("a count")).sum();
    assert_eq!(number(&run, "counts.records") + filtered, number(&all, "counts.records"));
}

#[test]
fn nothing_left_is_no_clean_bill() {
    let ran = evql([samples().join("mshta").to_str().expect("UTF-8")].iter().fold(
        vec!["scan", "--format", "jsonl", "-o", "-"],
        |mut all, path| {
            all.push(path);
            all.extend(["--from", "2030-01-01"]);
            all
        },
    ));
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    assert!(ran.stderr.contains("were left out"), "{}", ran.stderr);
    assert!(ran.stderr.contains("2030-01-01"), "{}", ran.stderr);
}

#[test]
fn query_and_export_take_the_same_bounds() {
    let samples = samples();
    let path = samples.to_str().expect("UTF-8");
    for command in [&["query", "any where true", path][..], &["export", path]] {
        let all = evql(command.iter().copied()).stdout;
        let some = evql(command.iter().copied().chain(["--host", "ws01", "--to", "2024-03-31"])).stdout;
        let expected: Vec<Value> = json_lines(&all)
            .into_iter()
            .filter(|event| {
                at(event, "winlog.computer_name").as_str().is_some_and(|host| host.starts_with("ws01."))
            })
            .filter(|event| at(event, "event.created").as_str().is_some_and(|time| time < "2024-04-01"))
            .collect();
        assert!(!expected.is_empty());
        assert_eq!(json_lines(&some), expected, "{command:?}");
    }
}

#[test]
fn wrong_bounds_are_refused() {
    for wrong in [["--from", "soon"], ["--to", "2024-13-01"], ["--last", "7"]] {
        let ran = evql(["scan", "nowhere", wrong[0], wrong[1]]);
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        assert!(ran.stderr.contains(wrong[0]), "{}", ran.stderr);
    }
    assert_eq!(evql(["scan", "nowhere", "--last", "7d", "--from", "2024-01-01"]).code, 3);
    let folder = tempfile::tempdir().expect("a folder");
    let documents = folder.path().join("documents.jsonl");
    std::fs::write(&documents, "{\"event\":{\"category\":\"x\"}}\n").expect("written");
    let ran = evql(["query", "any where true", documents.to_str().expect("UTF-8"), "--host", "a"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
}

/// The findings' ids when the paths come as `list` on standard input.
fn listed(list: &[u8]) -> (Option<i32>, Vec<String>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_evql"))
        .args(["scan", "--format", "jsonl", "-o", "-", "-q", "--files-from", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    child.stdin.take().expect("a pipe").write_all(list).expect("written");
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let ids = common::found(json_lines(&text))
        .iter()
        .map(|finding| at(finding, "finding_id").to_string())
        .collect();
    (output.status.code(), ids)
}

#[test]
fn a_list_of_paths_is_lines_or_separated_by_nul() {
    let [mshta, msbuild] =
        ["mshta", "msbuild"].map(|name| samples().join(name).to_str().expect("UTF-8").to_owned());
    let expected = listed(format!("{mshta}\n{msbuild}\n").as_bytes());
    assert_eq!((expected.0, expected.1.len()), (Some(0), 3));
    assert_eq!(listed(format!("{mshta}\r\n\r\n{msbuild}").as_bytes()), expected);
    assert_eq!(listed(format!("{mshta}\0{msbuild}\0").as_bytes()), expected);
    let (code, ids) = listed(format!("{mshta}\n{msbuild}\nnowhere.evtx\n").as_bytes());
    assert_eq!((code, ids), (Some(2), expected.1));
    assert_eq!(evql(["scan", "--files-from", "no-such-list"]).code, 3);
    assert_eq!(evql(["scan"]).code, 3);
}
