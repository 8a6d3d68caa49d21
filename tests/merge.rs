//! `evql merge`: runs over parts of the evidence together are the run over all of it; nothing that only one of them knows is lost, and runs that were not made
//! alike are refused.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use common::{ALLOW, Ran, at, corpus, evql, json_lines, samples, tree};
use serde_json::{Value, json};

/// Runs evql with words and paths.
#[track_caller]
fn run(words: &[&str], paths: &[&Path]) -> Ran {
    let words = words.iter().map(OsString::from);
    evql(words.chain(paths.iter().map(|path| path.as_os_str().to_owned())))
}

/// Scans `paths` into `out`; `options` come before them.
#[track_caller]
fn scan(out: &Path, options: &[&str], paths: &[&Path]) -> i32 {
    let words = [&["scan", "-q", "-o", out.to_str().expect("UTF-8")], options].concat();
    let ran = run(&words, paths);
    assert!(matches!(ran.code, 0 | 2 | 4), "{}", ran.stderr);
    ran.code
}

/// Merges `runs` into `out`.
#[track_caller]
fn merge(out: &Path, options: &[&str], runs: &[&Path]) -> Ran {
    let words = [&["merge", "-o", out.to_str().expect("UTF-8")], options].concat();
    let ran = run(&words, runs);
    assert!(matches!(ran.code, 0 | 2 | 4), "{}", ran.stderr);
    ran
}

#[track_caller]
fn record(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("run.json")).expect("run.json")).expect("JSON")
}

/// The page without what tells of the run itself.
fn page(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let (before, rest) = text.split_once("<section id=\"run\"").expect("the run's section");
    let (_, after) = rest.split_once("</section>").expect("its end");
    format!("{before}{after}")
}

/// All that is told of evidence and findings is the same in both folders.
#[track_caller]
fn assert_same(one: &Path, other: &Path) {
    let (first, second) = (tree(one), tree(other));
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
    for (name, bytes) in &first {
        let (a, b) = match name.as_str() {
            "run.json" => continue,
            "report.html" => (page(bytes), page(&second[name])),
            _ => (
                String::from_utf8_lossy(bytes).into_owned(),
                String::from_utf8_lossy(&second[name]).into_owned(),
            ),
        };
        let differs = a.lines().zip(b.lines()).find(|(a, b)| a != b);
        assert!(
            a == b,
            "{name} differs ({} and {} lines):\n{differs:#?}",
            a.lines().count(),
            b.lines().count()
        );
    }
    let (before, after) = (record(one), record(other));
    for part in [
        "clock",
        "mapping",
        "selection",
        "counts",
        "rules_sha256",
        "rules",
        "allow_lists",
        "inputs",
        "hosts",
        "coverage",
        "near_misses",
        "problems",
        "interrupted",
    ] {
        assert_eq!(before[part], after[part], "{part}");
    }
}

/// `paths` in groups that share no host.
fn by_hosts(paths: &[PathBuf]) -> Vec<Vec<&Path>> {
    let mut groups: Vec<(BTreeSet<String>, Vec<&Path>)> = Vec::new();
    for path in paths {
        let inspected: Value =
            serde_json::from_str(&run(&["inspect", "--json", "-q", "--no-hash"], &[path]).stdout)
                .expect("JSON");
        let hosts = inspected["hosts"].as_array().expect("hosts");
        let mut hosts: BTreeSet<String> = hosts.iter().map(|host| host["host"].to_string()).collect();
        let mut own = vec![path.as_path()];
        groups.retain(|(others, files)| {
            let apart = others.is_disjoint(&hosts);
            if !apart {
                hosts.extend(others.iter().cloned());
                own.extend(files);
            }
            apart
        });
        groups.push((hosts, own));
    }
    groups.into_iter().map(|(_, paths)| paths).collect()
}

/// A run for each group, in folders of their own.
fn runs(folder: &Path, options: &[&str], groups: &[Vec<&Path>]) -> Vec<PathBuf> {
    let one = |(number, group): (usize, &Vec<&Path>)| {
        let out = folder.join(format!("part{number}"));
        scan(&out, options, group);
        out
    };
    groups.iter().enumerate().map(one).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.retain(|path| path.is_dir() || path.extension().is_some_and(|extension| extension == "evtx"));
    entries.sort();
    entries
}

#[test]
fn runs_over_parts_are_the_run_over_all() {
    let temp = tempfile::tempdir().expect("a folder");
    let allow = temp.path().join("known.toml");
    fs::write(&allow, ALLOW).expect("written");
    let paths = entries(&samples());
    let groups = by_hosts(&paths);
    assert!(groups.len() > 5, "prevalence says nothing of fewer than five hosts");
    for (name, options) in [
        ("plain", vec![]),
        ("utc", vec!["--clock", "utc", "--allow", allow.to_str().expect("UTF-8"), "--from", "2024-03-01"]),
    ] {
        let folder = temp.path().join(name);
        fs::create_dir(&folder).expect("a folder");
        let all = folder.join("all");
        let code = scan(&all, &options, &paths.iter().map(PathBuf::as_path).collect::<Vec<_>>());
        let lines = fs::read_to_string(all.join("findings.jsonl")).expect("lines");
        assert!(lines.contains("\"code\":\"rare\""), "some severities rest on the other hosts");
        assert_eq!(lines.contains("\"type\":\"suppressed\""), name == "utc");
        let parts = runs(&folder, &options, &groups);
        let alone = fs::read_to_string(parts[0].join("findings.jsonl")).expect("lines");
        assert!(!alone.contains("\"code\":\"rare\""), "and are not what a part says by itself");
        let paths: Vec<&Path> = parts.iter().map(PathBuf::as_path).collect();
        let merged = folder.join("merged");
        assert_eq!(merge(&merged, &[], &paths).code, code);
        assert_same(&all, &merged);
        let told = record(&merged);
        assert_eq!(told["merged"]["runs"].as_array().map(Vec::len), Some(groups.len()));
        assert_eq!(
            (at(&told, "merged.findings_in_several"), at(&told, "merged.doubts")),
            (&json!(0), &json!([]))
        );

        // In any order, and in two steps.
        let back: Vec<&Path> = paths.iter().rev().copied().collect();
        let turned = folder.join("turned");
        merge(&turned, &[], &back);
        assert_same(&merged, &turned);
        assert_eq!(record(&turned)["merged"], told["merged"]);
        let (some, others) = paths.split_at(paths.len() / 3);
        merge(&folder.join("some"), &[], some);
        merge(&folder.join("others"), &[], others);
        merge(&folder.join("twice"), &[], &[&folder.join("others"), &folder.join("some")]);
        assert_same(&merged, &folder.join("twice"));
        assert_eq!(record(&folder.join("twice"))["merged"], told["merged"]);
    }
}

#[test]
fn the_corpus_by_hosts_is_the_corpus() {
    let Some(corpus) = corpus() else { return };
    let temp = tempfile::tempdir().expect("a folder");
    let folder = corpus.join("evtx");
    let paths: Vec<PathBuf> = tree(&folder).keys().map(|name| folder.join(name)).collect();
    let groups = by_hosts(&paths);
    assert!(groups.len() > 3, "{groups:?}");
    let all = temp.path().join("all");
    scan(&all, &[], &paths.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    let parts = runs(temp.path(), &[], &groups);
    let merged = temp.path().join("merged");
    merge(&merged, &[], &parts.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    assert_same(&all, &merged);
}

/// Practice evidence of many hosts: patterns are rare and common, stories shared.
#[test]
fn many_hosts_one_run_each() {
    let temp = tempfile::tempdir().expect("a folder");
    let evidence = temp.path().join("evidence");
    run(&["synth", "--hosts", "9", "--events", "1000", "--attacks", "40", "-q", "-o"], &[&evidence])
        .expect(0);
    let rule = temp.path().join("dns.eql");
    fs::write(&rule, "network where event.code == \"22\"").expect("written");
    let options = ["--rules", rule.to_str().expect("UTF-8")];
    let all = temp.path().join("all");
    scan(&all, &options, &[&evidence]);
    let lines = fs::read_to_string(all.join("findings.jsonl")).expect("lines");
    for part in ["\"common\"", "\"same_as\":"] {
        assert!(lines.contains(part), "{part}");
    }
    let hosts = entries(&evidence);
    assert_eq!(hosts.len(), 9);
    let groups: Vec<Vec<&Path>> = hosts.iter().map(|host| vec![host.as_path()]).collect();
    let parts = runs(temp.path(), &options, &groups);
    let merged = temp.path().join("merged");
    merge(&merged, &[], &parts.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    assert_same(&all, &merged);
}

#[test]
fn a_merge_of_one_run_is_its_report() {
    let temp = tempfile::tempdir().expect("a folder");
    let (one, report, merged) =
        (temp.path().join("one"), temp.path().join("report"), temp.path().join("merged"));
    let options =
        ["--case", "IR-7", "--evidence-id", "2", "--evidence-id", "1", "--tlp", "amber", "--html-limit", "3"];
    scan(&one, &options, &[&samples()]);
    run(&["report", "-q", "--examiner", "Bert", "-o"], &[&report, &one]).expect(0);
    assert_eq!(merge(&merged, &["-q", "--examiner", "Bert"], &[&one]).code, 2);
    assert_same(&report, &merged);
    assert_eq!(record(&report)["case"], record(&merged)["case"]);
    // And the report of a merge is that merge.
    let again = temp.path().join("again");
    run(&["report", "-q", "-o"], &[&again, &merged]).expect(0);
    assert_eq!(tree(&again)["report.html"], tree(&merged)["report.html"]);
    assert_eq!(record(&again)["merged"], record(&merged)["merged"]);
}

/// Runs evql in `folder`.
#[track_caller]
fn run_in(folder: &Path, words: &[&str]) {
    let ran = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("evql"))
        .current_dir(folder)
        .args(words)
        .output()
        .expect("evql starts");
    assert!(matches!(ran.status.code(), Some(0 | 2)), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// Every endpoint calls its log by the same path.
#[test]
fn sources_of_one_name_stay_apart() {
    let temp = tempfile::tempdir().expect("a folder");
    for (host, sample) in [("WS01", "mshta"), ("WS02", "damaged"), ("WS03", "beacon")] {
        let own = temp.path().join(host);
        fs::create_dir(&own).expect("a folder");
        let files = tree(&samples().join(sample));
        let log =
            files.iter().filter(|(name, _)| name.ends_with(".evtx")).max_by_key(|(_, bytes)| bytes.len());
        fs::write(own.join("Sysmon.evtx"), log.expect("a log").1).expect("written");
        run_in(&own, &["scan", "-q", "Sysmon.evtx", "missing.evtx", "-o", "out"]);
        // Where the folders are called alike their paths tell them apart.
        let to = if host == "WS03" { own.join("out") } else { temp.path().join(host).join(host) };
        if to != own.join("out") {
            fs::rename(own.join("out"), &to).expect("moved");
        }
    }
    let merged = temp.path().join("merged");
    let parts = ["WS01/WS01", "WS02/WS02", "WS03/out"].map(|name| temp.path().join(name));
    let paths: Vec<&Path> = parts.iter().map(PathBuf::as_path).collect();
    merge(&merged, &["-q"], &paths);
    let told = record(&merged);
    let names: Vec<&str> =
        told["inputs"].as_array().expect("inputs").iter().filter_map(|one| one["path"].as_str()).collect();
    assert_eq!(names, ["WS01/Sysmon.evtx", "WS02/Sysmon.evtx", "out/Sysmon.evtx"]);
    let hashes = |folder: &Path| -> Vec<Value> {
        record(folder)["inputs"].as_array().expect("inputs").iter().map(|one| one["sha256"].clone()).collect()
    };
    assert_eq!(hashes(&merged), paths.iter().flat_map(|path| hashes(path)).collect::<Vec<_>>());
    let problems = |folder: &Path| record(folder)["problems"].as_array().expect("problems").len();
    assert_eq!(problems(&merged), paths.iter().map(|path| problems(path)).sum::<usize>());
    for name in ["WS01/missing.evtx", "WS02/missing.evtx", "out/missing.evtx"] {
        assert!(told["problems"].to_string().contains(name), "{name}");
    }
    let lines = fs::read_to_string(merged.join("findings.jsonl")).expect("lines");
    let lines = json_lines(&lines);
    let mut sources = BTreeSet::new();
    for line in &lines {
        let text = line.to_string();
        assert!(!text.contains("\"source\":\"Sysmon.evtx\""), "{text}");
        let events = line["events"].as_array().into_iter().flatten();
        sources.extend(events.filter_map(|event| at(event, "evidence.source").as_str().map(str::to_owned)));
    }
    assert!(sources.contains("WS01/Sysmon.evtx") && sources.contains("out/Sysmon.evtx"), "{sources:?}");
}

#[test]
fn what_two_runs_found_counts_once() {
    let temp = tempfile::tempdir().expect("a folder");
    let (a, b) = (temp.path().join("a.evtx"), temp.path().join("b.evtx"));
    let files = tree(&samples().join("mshta"));
    let log = files.iter().find(|(name, _)| name.ends_with(".evtx")).expect("a log").1;
    for path in [&a, &b] {
        fs::write(path, log).expect("written");
    }
    let folder = |name: &str| temp.path().join(name);
    scan(&folder("both"), &[], &[&a, &b]);
    scan(&folder("first"), &[], &[&a]);
    scan(&folder("second"), &[], &[&b]);
    let ran = merge(&folder("merged"), &[], &[&folder("second"), &folder("first")]);
    assert!(ran.stderr.contains("1 findings are in more than one"), "{}", ran.stderr);
    let findings = |name: &str| {
        let lines = fs::read_to_string(folder(name).join("findings.jsonl")).expect("lines");
        let mut findings = common::found(json_lines(&lines));
        // The story is told as one of the runs tells it.
        findings.iter_mut().for_each(|finding| finding["story"] = Value::Null);
        findings
    };
    assert_eq!(findings("merged"), findings("both"));
    assert_eq!(at(&findings("merged")[0], "events.0.evidence.copies"), &json!(2));
    assert_eq!(record(&folder("merged"))["merged"]["findings_in_several"], 1);

    // The same evidence once more, as when a run was done twice: nothing counts twice.
    scan(&folder("again"), &[], &[&a, &b]);
    merge(
        &folder("with again"),
        &[],
        &[&folder("both"), &folder("again"), &folder("first"), &folder("both")],
    );
    assert_same(&folder("both"), &folder("with again"));
    let told = record(&folder("with again"));
    assert_eq!(told["merged"]["runs"].as_array().map(Vec::len), Some(3));
    assert_eq!((&told["merged"]["findings_in_several"], &told["merged"]["doubts"]), (&json!(1), &json!([])));
}

/// What was changed since a run is doubtful, also in a merge that is merged.
#[test]
fn findings_that_were_changed_are_told_of() {
    let temp = tempfile::tempdir().expect("a folder");
    let folder = |name: &str| temp.path().join(name);
    scan(&folder("a"), &[], &[&samples().join("mshta")]);
    scan(&folder("b"), &[], &[&samples().join("beacon")]);
    let change = |name: &str| {
        let path = folder(name).join("findings.jsonl");
        let lines = fs::read_to_string(&path).expect("lines");
        fs::write(&path, lines + "\n").expect("written");
    };
    change("a");
    let ran = merge(&folder("ab"), &[], &[&folder("a"), &folder("b")]);
    assert!(ran.stderr.contains("not the one that the run wrote"), "{}", ran.stderr);
    assert!(at(&record(&folder("ab")), "merged.runs.0.doubts").to_string().contains("not the one"));
    change("ab");
    scan(&folder("c"), &[], &[&samples().join("kin")]);
    merge(&folder("abc"), &["-q"], &[&folder("c"), &folder("ab")]);
    let told = record(&folder("abc"));
    assert!(
        at(&told, "merged.doubts.0").as_str().expect("a doubt").starts_with("ab: findings.jsonl is not"),
        "{told}"
    );
    assert!(at(&told, "merged.runs.0.doubts").to_string().contains("not the one"));
    let page = fs::read_to_string(folder("abc").join("report.html")).expect("the page");
    assert_eq!(page.matches("Doubtful since").count(), 2);
}

/// A host whose logs lie in two runs, and an input that both read: told, with what it means.
#[test]
fn what_a_merge_cannot_know_is_said() {
    let temp = tempfile::tempdir().expect("a folder");
    let folder = |name: &str| temp.path().join(name);
    let (mshta, beacon, kin) = (samples().join("mshta"), samples().join("beacon"), samples().join("kin"));
    scan(&folder("a"), &[], &[&mshta, &beacon]);
    scan(&folder("b"), &["--no-near-misses"], &[&mshta, &kin]);
    let ran = merge(&folder("merged"), &[], &[&folder("b"), &folder("a")]);
    for words in
        ["Several runs read the same inputs (1)", "More than one run holds records of ws01", "near misses"]
    {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    let told = record(&folder("merged"));
    assert_eq!(at(&told, "merged.doubts").as_array().map(Vec::len), Some(3));
    assert_eq!(at(&told, "near_misses.at_least"), true);
    assert_eq!(told["inputs"].as_array().map(Vec::len), Some(3));
}

/// What one run did not set aside is a finding.
#[test]
fn a_finding_is_set_aside_only_if_every_run_says_so() {
    let temp = tempfile::tempdir().expect("a folder");
    let allow = temp.path().join("known.toml");
    fs::write(&allow, ALLOW).expect("written");
    let (with, without, merged) =
        (temp.path().join("with"), temp.path().join("without"), temp.path().join("merged"));
    scan(&with, &["--allow", allow.to_str().expect("UTF-8")], &[&samples().join("msiexec")]);
    scan(&without, &[], &[&samples().join("msiexec")]);
    assert!(record(&with)["counts"]["suppressed"].as_u64() > Some(0));
    merge(&merged, &["-q"], &[&with, &without]);
    assert_eq!(record(&merged)["counts"]["findings"], record(&without)["counts"]["findings"]);
    assert_eq!(record(&merged)["counts"]["suppressed"], 0);
}

#[test]
fn runs_that_were_not_made_alike_are_refused_by_name() {
    let temp = tempfile::tempdir().expect("a folder");
    let plain = temp.path().join("plain");
    scan(&plain, &[], &[&samples().join("mshta")]);
    let rule = temp.path().join("dns.eql");
    fs::write(&rule, "network where event.code == \"22\"").expect("written");
    let rule = rule.to_str().expect("UTF-8");
    for (name, options, word) in [
        ("utc", vec!["--clock", "utc"], "--clock"),
        ("short", vec!["--host-name", "short"], "mapping"),
        ("more", vec!["--rules", rule], "rules: "),
        ("hosts", vec!["--exclude-host", "x"], "--exclude-host"),
    ] {
        let other = temp.path().join(name);
        scan(&other, &options, &[&samples().join("beacon")]);
        let out = temp.path().join("out");
        let ran = run(&["merge", "-o", out.to_str().expect("UTF-8")], &[&other, &plain]).expect(3);
        for word in [word, name, "plain"] {
            assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
        }
        assert!(!out.exists());
    }
    // The same id with another text.
    let other = temp.path().join("other text");
    fs::create_dir(temp.path().join("b")).expect("a folder");
    let changed = temp.path().join("b").join("dns.eql");
    fs::write(&changed, "network where event.code == \"23\"").expect("written");
    scan(&other, &["--rules", changed.to_str().expect("UTF-8")], &[&samples().join("beacon")]);
    let ran = run(&["merge"], &[&other, &temp.path().join("more")]).expect(3);
    assert!(ran.stderr.contains("has another text"), "{}", ran.stderr);
    let ran = run(&["merge"], &[&plain, &samples()]).expect(3);
    assert!(ran.stderr.contains("run.json"), "{}", ran.stderr);
    assert!(run(&["merge"], &[]).expect(3).stderr.contains("RUN_DIR"));
}

/// Each endpoint has its own `--last`: the merge tells it and goes on.
#[test]
fn other_bounds_of_time_are_told() {
    let temp = tempfile::tempdir().expect("a folder");
    let (one, other, merged) =
        (temp.path().join("one"), temp.path().join("other"), temp.path().join("merged"));
    scan(&one, &["--from", "2024-03-01"], &[&samples().join("mshta")]);
    scan(&other, &["--from", "2024-03-02", "--to", "2025-01-01"], &[&samples().join("beacon")]);
    let ran = merge(&merged, &[], &[&one, &other]);
    assert!(ran.stderr.contains("not bounded by the same times"), "{}", ran.stderr);
    let told = record(&merged);
    assert_eq!(at(&told, "selection.from"), at(&record(&one), "selection.from"));
    assert_eq!(at(&told, "selection.to"), &Value::Null);
    let page = fs::read_to_string(merged.join("report.html")).expect("the page");
    assert!(page.contains("not bounded by the same times"));
}

/// Rules that came from other paths are the same rules.
#[test]
fn a_rule_is_the_same_wherever_it_lay() {
    let temp = tempfile::tempdir().expect("a folder");
    let mut parts = Vec::new();
    for sample in ["mshta", "msiexec"] {
        let folder = temp.path().join(sample);
        fs::create_dir(&folder).expect("a folder");
        fs::write(folder.join("dns.eql"), "network where event.code == \"22\"").expect("written");
        parts.push(folder.join("run"));
        let rule = folder.join("dns.eql");
        scan(&folder.join("run"), &["--rules", rule.to_str().expect("UTF-8")], &[&samples().join(sample)]);
    }
    let merged = temp.path().join("merged");
    merge(&merged, &["-q"], &[&parts[0], &parts[1]]);
    let lines = fs::read_to_string(merged.join("findings.jsonl")).expect("lines");
    let mut origins: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in json_lines(&lines) {
        origins
            .entry(at(&line, "rule.id").to_string())
            .or_default()
            .insert(at(&line, "rule.origin").to_string());
    }
    assert_eq!(origins.len(), 2);
    assert!(origins.values().all(|own| own.len() == 1), "{origins:?}");
    run(&["report", "-q", "--format", "jsonl", "-o", "-"], &[&merged]).expect(0);
}
