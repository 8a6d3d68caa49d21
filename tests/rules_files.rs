//! Rules from files, through the program itself: good, bad, foreign and equal ones; what `rules check` says of what Sysmon can answer; and that many rules
//! in one pass find what each finds alone.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use common::{Ran, at, corpus, evql, samples};
use serde_json::{Value, json};

fn toml(id: &str, query: &str) -> String {
    format!("[rule]\nname = \"{id}\"\nrule_id = \"{id}\"\ntype = \"eql\"\nquery = '''\n{query}\n'''\n")
}

fn folder(rules: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (id, query) in rules {
        std::fs::write(folder.path().join(format!("{id}.toml")), toml(id, query)).expect("a rule");
    }
    folder
}

/// A good rule, one with mistakes on the lines 7 and 8 of its file, one that is no TOML, one for another engine.
fn mixed() -> tempfile::TempDir {
    let folder = folder(&[
        ("good", "process where event.code == \"1\""),
        ("wrong", "process where\n  process.nam : \"x\" and\n  process.pid : 4"),
    ]);
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("broken.toml", "[rule]\nname = \"x\ntype = \"eql\"\n");
    write("kuery.toml", "[rule]\ntype = \"query\"\nlanguage = \"kuery\"\nquery = \"a: b\"\n");
    folder
}

fn scan(rules: &Path, evidence: &Path, more: &[&str]) -> Ran {
    let arguments = ["scan", "--no-builtin", "--format", "jsonl", "-o", "-", "--rules"];
    evql(arguments.map(Path::new).into_iter().chain([rules, evidence]).chain(more.iter().map(Path::new)))
}

#[test]
fn a_bad_rule_is_reported_and_the_good_ones_run() {
    let rules = mixed();
    let evidence = samples().join("mshta");
    let ran = scan(rules.path(), &evidence, &[]).expect(0);
    assert!(!ran.stdout.is_empty());
    for part in [
        "wrong.toml:7:3: error: unknown field",
        "wrong.toml:8:3: error: `:`",
        "use `==` for numbers",
        "broken.toml:2:",
        "1 rule files are for other engines",
    ] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    let strict = scan(rules.path(), &evidence, &["--strict"]).expect(3);
    assert!(strict.stdout.is_empty() && strict.stderr.contains("--strict"), "{}", strict.stderr);
    let none = folder(&[("wrong", "process where")]);
    assert!(scan(none.path(), &evidence, &[]).expect(3).stderr.contains("there is no rule to run"));
    let check = evql(["rules".as_ref(), "check".as_ref(), rules.path().as_os_str()]).expect(3);
    assert!(
        check
            .stdout
            .ends_with("1 rules fully, 0 partly, 0 never; 2 wrong, 1 files for other engines skipped\n"),
        "{}",
        check.stdout
    );
}

#[test]
fn rules_with_one_id_all_run_and_are_told_of() {
    let rules = folder(&[("a", "process where event.code == \"1\""), ("b", "network where true")]);
    let text = std::fs::read_to_string(rules.path().join("b.toml")).expect("a rule");
    std::fs::write(rules.path().join("b.toml"), text.replace("rule_id = \"b\"", "rule_id = \"a\""))
        .expect("a rule");
    let ran = scan(rules.path(), &samples().join("mshta"), &[]).expect(0);
    let names: BTreeSet<String> =
        common::found(ran.json_lines()).iter().map(|finding| at(finding, "rule.name").to_string()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(ran.stderr.contains("the rule id a is in "), "{}", ran.stderr);
}

/// Rules of every verdict, by the method of the survey of 313 public rules: constants are known, fields that Sysmon lacks are missing.
const JUDGED: [(&str, &str, &str); 22] = [
    (
        "fully",
        "start",
        "process where host.os.type == \"windows\" and event.type == \"start\" and process.parent.name : \"b.exe\"",
    ),
    (
        "fully",
        "any-category",
        "any where event.category in (\"registry\", \"file\") and event.action : \"*\" and host.id != null",
    ),
    (
        "fully",
        "either-branch",
        "any where (event.category == \"library\" or event.category == \"process\" and event.action : \"Image loaded*\") and dll.name : \"x.dll\"",
    ),
    (
        "fully",
        "optional",
        "process where event.type == \"start\" and ?process.pe.original_file_name == \"x\"",
    ),
    ("fully", "user-system", "process where event.type == \"start\" and user.id == \"S-1-5-18\""),
    (
        "fully",
        "dataset-exempt",
        "process where event.type == \"start\" and (user.id != \"S-1-5-18\" or data_stream.dataset == \"windows.sysmon_operational\")",
    ),
    (
        "fully",
        "sequence",
        "sequence by process.entity_id with maxspan=1m [process where event.type == \"start\"] [network where destination.port == 443]",
    ),
    (
        "partly",
        "signer-branch",
        "process where event.type == \"start\" and (process.args : \"-e\" or process.code_signature.trusted == false)",
    ),
    (
        "partly",
        "signer-exclusion",
        "process where event.type == \"start\" and not process.code_signature.trusted == true",
    ),
    (
        "partly",
        "size-exclusion",
        "file where file.name : \"*.xll\" and not (file.size < 10 and process.name : \"x\")",
    ),
    (
        "partly",
        "two-events",
        "network where destination.ip == \"192.0.2.1\" or dns.question.name : \"*.example\"",
    ),
    (
        "partly",
        "nothing-excluded",
        "sequence by host.id with maxspan=1m [process where true] ![authentication where true]",
    ),
    (
        "partly",
        "never-ended",
        "sequence by host.id [process where true] [file where true] until [authentication where true]",
    ),
    (
        "never",
        "exec-action",
        "process where event.type == \"start\" and event.action in (\"exec\", \"start\", \"executed\", \"ProcessRollup2\")",
    ),
    ("never", "task-text", "process where event.action : \"Process Create*\""),
    (
        "never",
        "attempted",
        "sequence by process.entity_id [process where true] [network where event.action == \"connection_attempted\"]",
    ),
    (
        "never",
        "not-system",
        "process where event.type == \"start\" and process.name : \"x\" and user.id != \"S-1-5-18\"",
    ),
    (
        "never",
        "not-system-either",
        "process where event.type == \"start\" and not user.id : (\"S-1-5-18\", \"S-1-5-19\")",
    ),
    (
        "never",
        "authentication",
        "sequence by host.id [process where true] [authentication where event.action == \"logged-in\"]",
    ),
    ("never", "signed-only", "process where process.code_signature.trusted == true"),
    (
        "never",
        "key-lacking",
        "sequence by process.parent.entity_id [process where true] [network where true]",
    ),
    ("never", "both-events", "network where destination.ip != null and dns.question.name != null"),
];

#[test]
fn what_sysmon_can_answer_is_judged_as_the_survey_judges() {
    let rules = folder(&JUDGED.map(|(_, id, query)| (id, query)));
    let path = rules.path().to_str().expect("a path in UTF-8");
    let ran = evql(["rules", "check", "--json", path]).expect(0);
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let found: BTreeMap<&str, &str> = report["rules"]
        .as_array()
        .expect("rules")
        .iter()
        .map(|rule| (rule["id"].as_str().expect("an id"), rule["answerable"].as_str().expect("a verdict")))
        .collect();
    let expected: BTreeMap<&str, &str> = JUDGED.iter().map(|(verdict, id, _)| (*id, *verdict)).collect();
    assert_eq!(found, expected);
    assert_eq!(report["summary"], json!({"fully": 7, "partly": 6, "never": 9, "wrong": 0, "skipped": 0}));
    let rule = |id: &str| {
        report["rules"].as_array().into_iter().flatten().find(|rule| rule["id"] == id).expect("it")
    };
    assert_eq!(rule("sequence")["stages"][1]["events"], json!([3]));
    assert_eq!(
        rule("exec-action")["stages"][0]["impossible"].as_str().map(|why| why.starts_with("event.action is")),
        Some(true)
    );
    assert_eq!(
        rule("signer-exclusion")["stages"][0]["lacking"],
        json!([{"field": "process.code_signature.trusted", "loses_findings": false, "loses_exclusions": true, "by_no_event": true}])
    );
    assert_eq!(rule("signer-branch")["stages"][0]["lacking"][0]["loses_findings"], json!(true));

    // The switches that rescue rules do so here too.
    let ran = evql(["rules", "check", path, "--user-from-event", "--event-action", "compat"]).expect(0);
    for rescued in
        ["fully   exec-action", "fully   task-text", "fully   not-system", "fully   not-system-either"]
    {
        assert!(ran.stdout.contains(&format!("{rescued}\n")), "{rescued}: {}", ran.stdout);
    }
    let text = evql(["rules", "check", path]).expect(0).stdout;
    for part in [
        "never   authentication\n        stage 2 (event): no Sysmon event can satisfy `category is \"authentication\"`\n",
        "no Sysmon event supplies process.code_signature.trusted; an exclusion by it cannot hold: there can be more findings",
        "lacks dns.question.name; findings on it are lost",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_rule_is_explained_stage_by_stage() {
    let rules = folder(&[JUDGED[6]].map(|(_, id, query)| (id, query)));
    let ran = evql(["rules".as_ref(), "explain".as_ref(), rules.path().join("sequence.toml").as_os_str()])
        .expect(0);
    for part in [
        "fully   sequence",
        "stage 2 (event)\n  Sysmon events that can satisfy it: 3\n",
        "fields it reads: destination.port, event.category, process.entity_id",
        "asked only of events with: a certain event.category, a certain event.type\n",
        "sequence within 60000 ms",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    let hostile = rules.path().join("hostile.eql");
    std::fs::write(&hostile, "any where ?`\x1b[2J` == null and process.name : \"\x1b]0;x\x07\"")
        .expect("a rule");
    let ran = evql(["rules".as_ref(), "explain".as_ref(), hostile.as_os_str()]).expect(0);
    assert!(ran.stdout.contains("[2J") && !ran.stdout.contains(['\x1b', '\x07']), "{:?}", ran.stdout);
    let ran = evql(["rules", "explain", "no such rule"]).expect(3);
    assert!(ran.stderr.contains("evql rules list"), "{}", ran.stderr);
}

/// 48 rules over all categories, with every form of condition and sequence.
fn many() -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for name in ["mshta.exe", "regsvr32.exe", "msbuild.exe", "cmd.exe", "powershell.exe", "rundll32.exe"] {
        queries.push(format!("process where event.type == \"start\" and process.name : \"{name}\""));
        queries.push(format!(
            "any where process.name : (\"{name}\", \"x*.exe\") and not event.category == \"process\""
        ));
        queries.push(format!("process where process.parent.name like~ \"{}*\"", &name[..3]));
        queries.push(format!("sequence by process.entity_id with maxspan=2m [process where process.name : \"{name}\"] [network where true]"));
        queries.push(format!("sequence by host.id, ?user.name [process where process.name : \"{name}\"] [any where process.name : \"{name}\"] until [file where true]"));
    }
    for category in ["process", "network", "file", "registry", "library", "driver", "configuration"] {
        queries.push(format!("{category} where true"));
        queries.push(format!("{category} where length(process.executable) > 30 or process.pid % 2 == 0"));
    }
    queries.extend(
        [
            "any where event.code in (\"1\", \"3\", \"22\") and process.name regex~ \"m.*\\\\.exe\"",
            "sequence by process.entity_id with maxspan=1h [process where event.code == \"1\"] ![network where true] [process where event.code == \"5\"]",
            "sequence by host.id with maxspan=10s [any where true] with runs=3",
            "any where cidrMatch(destination.ip, \"10.0.0.0/8\", \"192.168.0.0/16\")",
        ]
        .map(str::to_owned),
    );
    queries.into_iter().enumerate().map(|(number, query)| (format!("r{number:02}"), query)).collect()
}

/// Findings of a scan, and how many near misses there are, as lines by rule, in the order of the report.
fn by_rule(ran: &Ran) -> BTreeMap<String, Vec<String>> {
    let mut findings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for mut finding in ran.json_lines().into_iter().filter(|line| line["type"] != "near_miss") {
        let rule = finding["rule"]["id"].as_str().expect("an id").to_owned();
        finding["rule"]["origin"] = Value::Null;
        // Which are listed depends on the other rules.
        finding["listed"] = Value::Null;
        // Counted among the findings of all rules.
        finding["prevalence"] = Value::Null;
        findings.entry(rule).or_default().push(finding.to_string());
    }
    findings
}

/// All rules at once, and every `step`th of them alone. Without stories: they tell of the findings of all rules, which kin have some and under which a
/// story stands.
fn each_alone_and_all_at_once(evidence: &Path, step: usize) {
    let options = ["-q", "--no-stories", "--no-hash"];
    let rules = many();
    let all = folder(&rules.iter().map(|(id, query)| (id.as_str(), query.as_str())).collect::<Vec<_>>());
    let together = by_rule(&scan(all.path(), evidence, &options));
    let mut differences = String::new();
    let mut found = 0;
    for (id, query) in rules.iter().step_by(step) {
        let one = folder(&[(id, query)]);
        let alone = by_rule(&scan(one.path(), evidence, &options));
        found += usize::from(!alone.is_empty());
        if alone.get(id) != together.get(id) {
            let count = |found: Option<&Vec<String>>| found.map_or(0, Vec::len);
            writeln!(
                differences,
                "{query}: {} alone, {} among others",
                count(alone.get(id)),
                count(together.get(id))
            )
            .expect("a string takes all");
        }
    }
    assert!(rules.len() >= 48 && found * step >= 24, "{found} rules find something");
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn many_rules_find_in_one_pass_what_each_finds_alone() {
    each_alone_and_all_at_once(&samples(), 1);
}

#[test]
fn many_rules_find_in_one_pass_over_the_corpus_what_each_finds_alone() {
    let Some(corpus) = corpus() else { return };
    each_alone_and_all_at_once(&corpus.join("evtx"), 3);
}
