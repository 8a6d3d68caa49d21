//! Allow-lists: an entry moves the findings it describes and changes nothing else; wrong ones are refused with their place; nothing is set aside silently.

mod common;

use std::path::Path;

use common::{Ran, at, evql, json_lines, samples, scan_here};
use evql::finding::{Clock, Outcome};
use evql::report::jsonl::write_findings;
use evql::rules::read_allow_list;
use evql::scan::{AllowSet, suppress};
use proptest::prelude::*;
use serde_json::Value;

const TODAY: &str = "2026-06-30";

/// The entry `id` with these lines, until the end of time.
fn entry(id: &str, when: &str, more: &str) -> String {
    format!(
        "[[allow]]\nid = \"{id}\"\nreason = \"known\"\nauthor = \"anna\"\nexpires = 2999-12-31\n{more}when = {when}\n\n"
    )
}

fn set(text: &str) -> AllowSet {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("allow.toml");
    std::fs::write(&path, text).expect("a file");
    let list = read_allow_list(&path, TODAY).unwrap_or_else(|problem| panic!("{problem}"));
    AllowSet::new(&[list]).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// The findings kept and set aside, as the JSON that outputs carry.
fn lines(outcome: &Outcome) -> (Vec<String>, Vec<Value>) {
    let mut bytes = Vec::new();
    write_findings(outcome, &mut bytes).expect("a Vec takes every write");
    let lines: Vec<String> = String::from_utf8(bytes).expect("UTF-8").lines().map(str::to_owned).collect();
    let (mut kept, mut aside) = (Vec::new(), Vec::new());
    for line in lines {
        let value: Value = serde_json::from_str(&line).expect("JSON");
        match value["type"].as_str() {
            Some("finding") => kept.push(line),
            Some("suppressed") => aside.push(value),
            _ => {}
        }
    }
    (kept, aside)
}

/// Conditions that describe many, few or none of the samples' findings.
const CONDITIONS: &[&str] = &[
    r#"['process where process.name : "mshta.exe"']"#,
    r#"'network where destination.port == 443'"#,
    r#"['any where host.name : "ws0*"', 'network where dns.question.name != null']"#,
    r#"'process where process.pid % 2 == 0'"#,
    r#"'process where process.parent.name : "explorer.exe" and not process.name : "msiexec.exe"'"#,
    r#"'any where cidrMatch(destination.ip, "198.51.100.0/24", "::1/128")'"#,
    r#"'file where true'"#,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn an_entry_moves_findings_and_changes_no_other_byte(
        chosen in proptest::sample::subsequence((0..CONDITIONS.len()).collect::<Vec<_>>(), 0..CONDITIONS.len()),
    ) {
        use std::sync::OnceLock;
        static ALL: OnceLock<(Outcome, Vec<String>)> = OnceLock::new();
        let (all, all_lines) = ALL.get_or_init(|| {
            let all = scan_here(&[samples()], Clock::Created);
            let kept = lines(&all).0;
            (all, kept)
        });
        let text: String =
            chosen.iter().map(|number| entry(&format!("e{number}"), CONDITIONS[*number], "")).collect();
        let mut outcome = all.clone();
        suppress(&mut outcome, &set(&text));
        let (kept, moved) = lines(&outcome);
        let mut rest = kept.iter().peekable();
        let mut aside = moved.iter().peekable();
        for before in all_lines {
            if rest.next_if_eq(&before).is_some() {
                continue;
            }
            let mut moved = aside.next().expect("what was not kept is set aside, in order").clone();
            moved["type"] = Value::from("finding");
            moved.as_object_mut().expect("an object").remove("allow").expect("the entry");
            prop_assert_eq!(&moved.to_string(), before);
        }
        prop_assert!(rest.next().is_none() && aside.next().is_none());
        let grouped: usize = outcome.groups.iter().map(|group| group.findings.len()).sum();
        prop_assert_eq!(grouped, kept.len());
    }
}

/// Which of the two findings of `samples/msbuild` (198.51.100.23, and ::1 in the long spelling) stay.
fn builds_left(text: &str) -> Vec<String> {
    let mut outcome = scan_here(&[samples().join("msbuild")], Clock::Created);
    assert_eq!(outcome.findings.len(), 2);
    suppress(&mut outcome, &set(text));
    outcome.findings.iter().map(|finding| finding.text("destination.ip")).collect()
}

#[test]
fn every_condition_has_to_hold_for_some_event_of_the_finding() {
    let both = |second: &str| format!(r#"['process where process.name : "MSBuild.exe"', '{second}']"#);
    let loopback = both(r#"network where cidrMatch(destination.ip, "::1/128")"#);
    assert_eq!(builds_left(&entry("a", &loopback, "")), ["198.51.100.23"]);
    assert_eq!(builds_left(&entry("a", &both("file where true"), "")).len(), 2);
    // One event has both facts of a condition or it does not hold.
    let crossed = r#"'process where destination.ip == "198.51.100.23"'"#;
    assert_eq!(builds_left(&entry("a", crossed, "")).len(), 2);
}

#[test]
fn a_rule_is_meant_by_id_or_name_and_an_expired_entry_by_nobody() {
    let every = "'any where true'";
    for (rule, left) in [("1fe3b299-*", 0), ("trusted windows PROGRAM*", 0), ("1fe3b29", 2)] {
        assert_eq!(builds_left(&entry("a", every, &format!("rule = \"{rule}\"\n"))).len(), left, "{rule}");
    }
    for (day, left) in [("2026-06-29", 2), ("2026-06-30", 0)] {
        assert_eq!(builds_left(&entry("a", every, "").replace("2999-12-31", day)).len(), left, "{day}");
    }
}

fn scan(folder: &Path, allow: &str) -> (Ran, std::path::PathBuf) {
    let list = folder.join("allow.toml");
    std::fs::write(&list, allow).expect("a file");
    let out = folder.join("out");
    let arguments = [
        "scan".as_ref(),
        "samples/msbuild".as_ref(),
        "--allow".as_ref(),
        list.as_os_str(),
        "-o".as_ref(),
        out.as_os_str(),
    ];
    (evql(arguments), out)
}

#[test]
fn what_is_set_aside_stands_in_every_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = entry("own", r#"'network where destination.ip == "198.51.100.23"'"#, "")
        + &entry("old", "'any where true'", "").replace("2999-12-31", "2020-01-31");
    let (ran, out) = scan(folder.path(), &text);
    let ran = ran.expect(0);
    assert!(ran.stderr.contains("Set aside: 1 by own: known"), "{}", ran.stderr);
    assert!(ran.stderr.contains("entry old expired on 2020-01-31"), "{}", ran.stderr);
    let read = |name: &str| std::fs::read_to_string(out.join(name)).expect(name);
    let lines = json_lines(&read("findings.jsonl"));
    let kinds: Vec<&Value> = lines.iter().map(|line| &line["type"]).collect();
    assert_eq!(kinds, ["finding", "suppressed", "near_miss_count", "near_miss"]);
    assert_eq!(at(&lines[1], "allow.id"), "own");
    assert_eq!(read("findings.csv").lines().count(), 2, "a header and the finding that is left");
    let record: Value = serde_json::from_str(&read("run.json")).expect("JSON");
    assert_eq!(
        (at(&record, "counts.findings"), at(&record, "counts.suppressed")),
        (&Value::from(1), &Value::from(1))
    );
    let list = &record["allow_lists"][0];
    assert_eq!(list["sha256"], evql::hash::sha256(text.as_bytes()));
    assert_eq!(
        (at(list, "entries.0.suppressed"), at(list, "entries.1.expired")),
        (&Value::from(1), &Value::from(true))
    );
    let page = read("report.html");
    assert!(page.contains("id=\"suppressed\"") && page.contains("old expired on 2020-01-31"));

    let list = folder.path().join("allow.toml");
    let checked = evql(["allow".as_ref(), "check".as_ref(), list.as_os_str(), out.as_os_str()]).expect(0);
    let lines: Vec<&str> = checked.stdout.lines().collect();
    assert!(lines[0].starts_with("own  until 2999-12-31"), "{}", checked.stdout);
    assert_eq!(lines[1], "  describes 1 of the run's findings");
    assert!(lines[3].starts_with("old  expired on 2020-01-31"), "{}", checked.stdout);
    assert_eq!(lines[4], "  describes 2 of the run's findings");
    assert_eq!(lines.last(), Some(&"2 entries, 1 of them expired"));
}

#[test]
fn a_wrong_list_is_refused_with_its_place_before_anything_is_done() {
    let good = entry("a", "'any where true'", "");
    for (text, message) in [
        (good.replace("reason", "raeson"), "allow.toml:3:1: error: unknown field `raeson`"),
        (good.replace("author = \"anna\"\n", ""), "allow.toml:1:1: error: missing field `author`"),
        (good.replace("\"anna\"", "\" \""), "allow.toml:4:10: error: this is empty"),
        (good.replace("2999-12-31", "2999-12-31T10:00:00"), "allow.toml:5:11: error: this is no day"),
        (good.replace("'any where true'", "[]"), "allow.toml:6:8: error: without a condition"),
        (good.replace("any where true", "any where pid == 1"), "allow.toml:6:19: error:"),
        (
            good.replace("'any where true'", "['any where true', 'any where pid == 1']"),
            "allow.toml:6:38: error:",
        ),
        (
            good.replace("any where true", "any where true | head 1"),
            "allow.toml:6:9: error: an allow-list asks one event",
        ),
        (
            good.replace("any where true", "sequence [any where true] [any where true]"),
            "allow.toml:6:9: error: an allow-list asks one event",
        ),
        (good.repeat(2), "allow.toml:9:6: error: this id is used twice"),
        (good.replace("[[allow]]", "[[allow]"), "allow.toml:1:"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let (ran, out) = scan(folder.path(), &text);
        let ran = ran.expect(3);
        assert!(ran.stderr.contains(message), "{message}\n{}", ran.stderr);
        assert!(!out.exists(), "{message}");
    }
}

#[test]
fn an_id_is_one_entry_s_over_all_lists() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = ["a.toml", "b.toml"].map(|name| folder.path().join(name));
    paths
        .iter()
        .for_each(|path| std::fs::write(path, entry("same", "'any where true'", "")).expect("a file"));
    let lists = paths.map(|path| read_allow_list(&path, TODAY).expect("a list"));
    let problems = AllowSet::new(&lists).expect_err("two entries called the same");
    assert!(
        problems[0].contains("b.toml")
            && problems[0].contains("the id same is in")
            && problems[0].contains("a.toml")
    );
}
