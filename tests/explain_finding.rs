//! Why something is a finding, from a scan's outputs, and why a process is none, from evidence: the samples' stories say what must come out.

mod common;

use std::path::PathBuf;

use common::{at, evql};
use serde_json::Value;

/// A scan of one sample, in a folder of its own.
fn run(sample: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let sample = format!("samples/{sample}");
    evql([
        "scan".as_ref(),
        sample.as_ref(),
        "--no-hash".as_ref(),
        "-q".as_ref(),
        "-o".as_ref(),
        out.as_os_str(),
    ])
    .expect(0);
    (folder, out)
}

#[test]
fn a_finding_is_told_clause_by_clause() {
    let (_kept, out) = run("mshta");
    let told = evql(["explain-finding".as_ref(), "dc93db9c".as_ref(), out.as_os_str()]).expect(0).stdout;
    for line in [
        "finding dc93db9c125ea608e26665f86c7e2cf6",
        "mshta.exe on ws01.corp.example",
        "Rule: Trusted Windows program on the network soon after its start (1fe3b299-fbb5-4657-a937-1d746f2c711a)",
        "Stage 1, event: event 1, record 48222, 2024-03-04T09:12:03.907894+00:00 on ws01.corp.example",
        "  ✓ event.code == \"1\"",
        "      event.code is 1",
        "Stage 2, event: event 3, record 48226, 2024-03-04T09:12:04.999751+00:00 on ws01.corp.example",
        // The first of three alternatives holds; the second asks for MSBuild.exe and an address, which this one has.
        "  ✓ one of",
        "    ✗ all of",
        "      ✗ process.name : \"MSBuild.exe\"",
        "          process.name is mshta.exe",
        "      ✓ destination.ip != \"127.0.0.1\"",
        "          destination.ip is 203.0.113.10",
        "      dns.question.name has no value",
        "The same in all events: process.entity_id is {3a5f1601-9063-65e5-c269-010000000000}",
        "From the first event to the last: 1091 ms by the clock `created`; the rule allows 300000 ms",
        "Severity: medium, risk 47; the rule says medium, risk 47",
    ] {
        assert!(told.lines().any(|own| own == line), "{line}\n{told}");
    }
    let object =
        evql(["explain-finding".as_ref(), "dc93".as_ref(), out.as_os_str(), "--json".as_ref()]).expect(0);
    let object: Value = serde_json::from_str(&object.stdout).expect("JSON");
    assert_eq!(at(&object, "explanation.maxspan_ms"), 300_000);
    let clauses = at(&object, "explanation.stages.0.condition.all").as_array().expect("clauses");
    assert!(
        clauses.len() == 6 && clauses.iter().all(|clause| at(clause, "clause.holds") == true),
        "{clauses:?}"
    );
}

#[test]
fn an_id_has_to_be_one_finding_s() {
    let (_kept, out) = run("msiexec");
    let lines = std::fs::read_to_string(out.join("findings.jsonl")).expect("findings.jsonl");
    let ids: Vec<String> = common::json_lines(&lines)
        .iter()
        .filter_map(|line| line["finding_id"].as_str().map(str::to_owned))
        .collect();
    // A second run's findings beside the first's, each a digit longer: every id begins another.
    let longer = lines.replace(&ids[0], &format!("{}0", ids[0]));
    std::fs::write(out.join("findings.jsonl"), format!("{longer}{lines}")).expect("written");
    let several = evql(["explain-finding".as_ref(), ids[0][..31].as_ref(), out.as_os_str()]).expect(3);
    assert!(several.stderr.contains("2 ids begin with"), "{}", several.stderr);
    let whole = evql(["explain-finding".as_ref(), ids[0].as_ref(), out.as_os_str()]).expect(0);
    assert!(whole.stdout.starts_with(&format!("finding {}\n", ids[0])), "{}", whole.stdout);
    let none = evql(["explain-finding".as_ref(), "zz".as_ref(), out.as_os_str()]).expect(3);
    assert!(none.stderr.contains("no finding in"), "{}", none.stderr);
    let nowhere = evql(["explain-finding", "zz", "samples"]).expect(3);
    assert!(nowhere.stderr.contains("findings.jsonl"), "{}", nowhere.stderr);
    evql(["explain-finding", "zz"]).expect(3);
    evql(["explain-finding", "--guid", "no guid", "samples"]).expect(3);
}

/// What the built-in rule says of the first process called `name` in `sample`.
fn of_process(sample: &str, name: &str) -> (Value, String) {
    let evidence = format!("samples/{sample}");
    let query = format!("process where event.code == \"1\" and process.name : \"{name}\"");
    let started = evql(["query", &query, &evidence, "--format", "jsonl"]).expect(0).json_lines();
    let guid = at(&started[0], "process.entity_id").as_str().expect("a GUID").to_uppercase();
    let ask = |more: &[&str]| {
        let arguments = ["explain-finding", &evidence, "--guid", guid.trim_matches(['{', '}'])];
        evql(arguments.iter().chain(more)).expect(0).stdout
    };
    (serde_json::from_str(&ask(&["--json"])).expect("JSON"), ask(&[]))
}

#[test]
fn a_start_that_the_second_stage_does_not_list_is_no_finding_and_says_so() {
    let (object, told) = of_process("wscript", "wscript.exe");
    let rule = &object["rules"][0];
    assert_eq!(rule["verdict"], "no_event");
    assert_eq!(
        (at(rule, "stages.0.satisfied_by"), at(rule, "stages.1.satisfied_by")),
        (&Value::from(1), &Value::from(0))
    );
    // Its DNS query is the nearest: it fails one list of names and no other clause.
    assert_eq!(at(rule, "stages.1.nearest.event_id"), "22");
    let failing = at(rule, "stages.1.failing").as_array().expect("clauses");
    let [clause] = failing.as_slice() else { panic!("{failing:?}") };
    assert!(clause["text"].as_str().is_some_and(|text| text.starts_with("process.name : (\"bginfo.exe\"")));
    assert_eq!(at(clause, "met")["process.name"], serde_json::json!(["wscript.exe"]));
    assert!(
        told.contains("not flagged: a stage has no event") && told.contains("process.name is wscript.exe"),
        "{told}"
    );
}

#[test]
fn a_connection_too_late_says_by_how_much() {
    // odbcconf.exe connects 300.001 s after its start.
    let (object, told) = of_process("maxspan", "odbcconf.exe");
    let rule = &object["rules"][0];
    assert_eq!(
        (at(rule, "verdict"), at(rule, "off_by_ms")),
        (&Value::from("outside_maxspan"), &Value::from(1))
    );
    assert!(told.contains("not flagged: 1 ms beyond the 300000 ms that the rule allows"), "{told}");
}

#[test]
fn a_connection_before_its_start_says_by_how_much() {
    // The finding by TimeCreated carries a note with the very number, from another place in the program.
    let found = common::findings(&[&common::samples().join("inverted-utc")], &[]);
    let noted =
        found.iter().find(|finding| finding["notes"] != serde_json::json!([])).expect("the inverted pair");
    let guid = at(noted, "process.entity_id").as_str().expect("a GUID");
    let arguments = ["explain-finding", "samples/inverted-utc", "--clock", "utc", "--json", "--guid", guid];
    let object: Value = serde_json::from_str(&evql(arguments).expect(0).stdout).expect("JSON");
    assert_eq!(at(&object, "rules.0.verdict"), "before_start");
    let off_by = format!("lies {} ms before", at(&object, "rules.0.off_by_ms"));
    assert!(at(noted, "notes.0").as_str().is_some_and(|note| note.contains(&off_by)), "{off_by} {noted}");
}

#[test]
fn a_flagged_process_names_its_finding() {
    let (object, told) = of_process("mshta", "mshta.exe");
    assert_eq!(at(&object, "rules.0.verdict"), "flagged");
    assert_eq!(at(&object, "rules.0.findings.0"), "dc93db9c125ea608e26665f86c7e2cf6");
    assert_eq!(at(&object, "hosts.0"), "ws01.corp.example");
    // Its start and its two connections.
    assert_eq!(at(&object, "events"), 3);
    assert!(told.contains("flagged: dc93db9c125ea608e26665f86c7e2cf6"), "{told}");
}

#[test]
fn a_process_that_is_not_there_is_said_to_be_not_there() {
    let none = "00000000-1111-2222-3333-444444444444";
    let ran = evql(["explain-finding", "--guid", none, "samples/mshta"]).expect(4);
    assert!(ran.stdout.contains("No event in the evidence"), "{}", ran.stdout);
    evql(["explain-finding", "--guid", none, "--host", "ws01", "samples/mshta"]).expect(4);
}
