//! What almost matched a rule is counted and told with the reason: the samples' stories, the public corpus, and rules of every form.

mod common;

use std::fs;
use std::path::Path;

use common::{at, corpus, evql, json_lines, samples};
use evql::synth::sysmon::{Host, Process};
use evql::synth::{FileOptions, Machine, Origin, SynthRecord, to_evtx};
use evql::sysmon::schema::Layout;
use evql::time::Timestamp;
use serde_json::Value;

const MSHTA: &str = r"C:\Windows\System32\mshta.exe";

/// All lines of `findings.jsonl` for a scan of `path`.
#[track_caller]
fn lines(path: &Path, more: &[&str]) -> Vec<Value> {
    let path = path.to_str().expect("UTF-8");
    let arguments = ["scan", "--format", "jsonl", "-o", "-", path].into_iter().chain(more.iter().copied());
    let ran = evql(arguments);
    assert!(matches!(ran.code, 0 | 2), "exit code {}: {}", ran.code, ran.stderr);
    json_lines(&ran.stdout)
}

/// Kind, host and record ids of the near misses listed.
fn listed(lines: &[Value]) -> Vec<String> {
    let near = lines.iter().filter(|line| line["type"] == "near_miss");
    let mut near: Vec<String> = near
        .map(|miss| {
            let events = miss["events"].as_array().expect("events");
            let ids = events.iter().filter_map(|event| at(event, "winlog.record_id").as_str());
            let host = at(miss, "host.name").as_str().unwrap_or_default();
            let label = host.split('.').next().unwrap_or_default();
            format!("{} {label} {}", text(&miss["kind"]), ids.collect::<Vec<_>>().join(" "))
        })
        .collect();
    near.sort();
    near
}

/// `kind=count` of every count.
fn counts(lines: &[Value]) -> Vec<String> {
    let counts = lines.iter().filter(|line| line["type"] == "near_miss_count");
    counts.map(|count| format!("{}={}", text(&count["kind"]), count["count"])).collect()
}

fn details(lines: &[Value]) -> Vec<String> {
    lines.iter().filter(|line| line["type"] == "near_miss").map(|miss| text(&miss["detail"])).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn the_samples_stories_are_told_as_their_readme_tells_them() {
    let lines = lines(&samples(), &[]);
    let expected = [
        // Five names and two addresses that the rule excludes, the excluded names of the ninth msiexec.exe and of regsvr32.exe, and 127.0.0.1 for MSBuild.exe.
        "excluded dev04 310560 310561",
        "excluded ws03 90005 90006",
        "excluded ws03 90007 90008",
        "excluded ws03 90009 90010",
        "excluded ws03 90011 90012",
        "excluded ws03 90013 90014",
        "excluded ws03 90015 90016",
        "excluded ws03 90017 90018",
        "excluded ws03 90021 90022",
        "excluded ws27 71003 71004",
        "no_start ws19 844001",
        "other_condition ws05 15806 15807",
        "outside_maxspan ws06 2010 2017",
    ];
    assert_eq!(listed(&lines), expected);
    // One more connection of mshta.exe, 400 of the beacon.
    let expected = ["excluded=10", "other_condition=1", "outside_maxspan=1", "no_start=1", "start_used=401"];
    assert_eq!(counts(&lines), expected);
    let details = details(&lines);
    for expected in [
        "excluded by `not dns.question.name : (…)`: dns.question.name is ctldl.windowsupdate.com",
        "excluded by `destination.ip != \"127.0.0.1\"`: destination.ip is 127.0.0.1",
        "excluded by `not startsWith~(dns.question.name, host.name)`: dns.question.name is ws03.corp.example, host.name is ws03.corp.example",
        "process.name is wscript.exe, not among those of stage 2; nor is another event after this start",
        "5 min 0.001 s after its start, 0.001 s more than maxspan allows",
        "no event of stage 1 with the same process.entity_id in the evidence; the Sysmon records of ws19.corp.example begin at \
         2024-03-07T15:00:02.000456+00:00",
    ] {
        assert!(details.iter().any(|detail| detail == expected), "{expected:?} is not among {details:#?}");
    }
}

#[test]
fn by_utc_the_inverted_connection_stands_before_its_start() {
    let lines = lines(&samples().join("inverted-utc"), &["--clock", "utc"]);
    assert_eq!(counts(&lines), ["before_start=1"]);
    assert_eq!(details(&lines), ["0.800 s before its start"]);
}

#[test]
fn without_near_misses_the_findings_are_the_same() {
    let with = lines(&samples(), &[]);
    let without = lines(&samples(), &["--no-near-misses"]);
    assert_eq!(common::found(with), without);
}

#[test]
fn the_corpus_holds_a_script_host_that_the_second_stage_does_not_list() {
    let Some(corpus) = corpus() else { return };
    let lines = lines(&corpus.join("evtx"), &[]);
    assert_eq!(counts(&lines), ["other_condition=1", "start_used=1"]);
    assert_eq!(listed(&lines), ["other_condition IEWIN7 7681 7683"]);
    assert_eq!(details(&lines), ["process.name is wscript.exe, not among those of stage 2"]);
}

/// A log in the making, and the rules that are asked of it.
struct Bench {
    folder: tempfile::TempDir,
    machine: Machine,
    records: Vec<SynthRecord>,
}

impl Bench {
    fn new() -> Self {
        let start = Timestamp::parse("2024-03-01T10:00:00Z").expect("a time");
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            machine: Machine::new(Host::new("ws01", 1, Layout::Sysmon15), start, 1, 7),
            records: Vec::new(),
        }
    }

    fn start(&mut self) -> Process {
        let process = self.machine.process(MSHTA, "mshta.exe", r"EXAMPLE\alice", None);
        self.records.push(self.machine.start(&process));
        self.machine.wait(1_000);
        process
    }

    fn connect(&mut self, process: &Process) {
        self.records.push(self.machine.connect(process, "203.0.113.7", 443));
        self.machine.wait(1_000);
    }

    fn query(&mut self, process: &Process) {
        self.records.push(self.machine.query(process, "a.example", ""));
        self.machine.wait(1_000);
    }

    fn end(&mut self, process: &Process) {
        self.records.push(self.machine.end(process));
        self.machine.wait(1_000);
    }

    fn write(&self, name: &str) {
        let options = FileOptions { origin: Origin::Export, ..FileOptions::default() };
        let bytes = to_evtx(&self.records, options).expect("a log");
        fs::write(self.folder.path().join(name), bytes).expect("a file");
    }

    /// What `rule` makes of the log, in two copies.
    #[track_caller]
    fn ask(&self, rule: &str) -> Vec<Value> {
        self.write("a.evtx");
        self.write("b.evtx");
        let file = self.folder.path().join("rule.eql");
        fs::write(&file, rule).expect("a rule");
        let file = file.to_str().expect("UTF-8");
        lines(self.folder.path(), &["--no-builtin", "--rules", file])
    }
}

#[test]
fn what_an_event_rule_excludes_is_counted_once_and_listed_up_to_a_bound() {
    let mut bench = Bench::new();
    let process = bench.start();
    (0..230).for_each(|_| bench.connect(&process));
    let lines = bench.ask(r#"network where process.name : "mshta.exe" and destination.port != 443"#);
    assert_eq!(counts(&lines), ["excluded=230"]);
    let listed = listed(&lines);
    assert_eq!(listed.len(), 200);
    assert!(
        listed.contains(&"excluded ws01 2".to_owned()) && listed.contains(&"excluded ws01 201".to_owned())
    );
    let near = lines.iter().find(|line| line["type"] == "near_miss").expect("one");
    assert_eq!(at(near, "events.0.evidence.copies"), 2);
    assert_eq!(at(near, "detail"), "excluded by `destination.port != 443`: destination.port is 443");
}

#[test]
fn a_rule_of_nothing_but_exclusions_is_near_nothing() {
    let mut bench = Bench::new();
    let process = bench.start();
    bench.connect(&process);
    let lines = bench.ask(r#"network where event.type == "start" and not destination.ip : "203.0.113.7""#);
    assert_eq!(lines, [] as [Value; 0]);
}

#[test]
fn what_an_exclusion_leaves_of_a_sequence_needs_a_start_before_it() {
    let mut bench = Bench::new();
    let started = bench.start();
    let stranger = bench.machine.process(MSHTA, "mshta.exe", r"EXAMPLE\alice", None);
    bench.connect(&stranger);
    bench.connect(&started);
    bench.machine.wait(60_000);
    bench.connect(&started);
    let rule = "sequence by process.entity_id with maxspan=1m \
                [process where event.type == \"start\"] [network where destination.port != 443]";
    let lines = bench.ask(rule);
    assert_eq!(
        (counts(&lines), listed(&lines)),
        (vec!["excluded=1".into()], vec!["excluded ws01 1 3".into()])
    );
}

#[test]
fn a_stage_that_is_lacking_between_is_named() {
    let mut bench = Bench::new();
    let process = bench.start();
    bench.connect(&process);
    let rule = "sequence by process.entity_id [process where event.type == \"start\"] \
                [network where event.code == \"22\"] [network where event.code == \"3\"]";
    let lines = bench.ask(rule);
    assert_eq!(listed(&lines), ["incomplete ws01 1 2"]);
    assert_eq!(details(&lines), ["no event of stage 2 between the start and this, 1.000 s later"]);
}

#[test]
fn an_event_that_ends_or_must_not_be_there_is_told_of() {
    let mut ended = Bench::new();
    let process = ended.start();
    ended.end(&process);
    ended.connect(&process);
    let pair = "[process where event.type == \"start\"] [network where event.code == \"3\"]";
    let rule = format!("sequence by process.entity_id {pair} until [process where event.type == \"end\"]");
    assert_eq!(listed(&ended.ask(&rule)), ["refused ws01 1 3"]);

    let mut forbidden = Bench::new();
    let process = forbidden.start();
    forbidden.query(&process);
    forbidden.connect(&process);
    let rule = "sequence by process.entity_id with maxspan=1m [process where event.type == \"start\"] \
                ![network where event.code == \"22\"] [network where event.code == \"3\"]";
    assert_eq!(listed(&forbidden.ask(rule)), ["refused ws01 1 3"]);
}

#[test]
fn an_event_that_begins_a_run_is_not_its_end_without_a_beginning() {
    let mut bench = Bench::new();
    let process = bench.start();
    (0..2).for_each(|_| bench.connect(&process));
    let lines = bench.ask("sequence by process.entity_id [network where event.code == \"3\"] with runs=3");
    assert_eq!(lines, [] as [Value; 0]);
}

#[test]
fn every_file_tells_of_them_and_in_the_same_bytes_at_any_thread_count() {
    let folder = tempfile::tempdir().expect("a folder");
    let scan = |threads: &str| {
        let out = folder.path().join(threads);
        let samples = samples();
        let arguments = ["scan", samples.to_str().expect("UTF-8"), "-j", threads, "-o"];
        let ran = evql(arguments.into_iter().chain([out.to_str().expect("UTF-8")])).expect(2);
        assert!(ran.stderr.contains("Near misses: 414 (10 excluded, 1 other_condition"), "{}", ran.stderr);
        common::tree(&out)
    };
    let (one, three) = (scan("1"), scan("3"));
    for name in ["near_misses.csv", "timeline.csv", "findings.jsonl"] {
        assert!(one[name] == three[name], "{name}");
    }
    let of = |name: &str| String::from_utf8_lossy(&one[name]).into_owned();
    let rows = |word: &str| of("near_misses.csv").lines().filter(|line| line.starts_with(word)).count();
    assert_eq!((rows("\"count\""), rows("\"near_miss\"")), (5, 13));
    // Twelve of the thirteen are pairs.
    assert_eq!(of("timeline.csv").matches("\"near_miss\"").count(), 25);
    let page = of("report.html");
    assert!(page.contains("<h2 id=\"h-near\">Near misses</h2>") && page.contains("13 listed</summary>"));
    let run: Value = serde_json::from_str(&of("run.json")).expect("JSON");
    assert_eq!(at(&run, "near_misses.counts.4.count"), 401);
}
