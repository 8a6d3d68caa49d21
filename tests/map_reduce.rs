//! A scan in three steps: whatever the parts in which the evidence is mapped, `map`, `sort` and `reduce` give what `scan` gives; and a stream that is not what
//! it should be is refused with its place.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;

use common::{at, corpus, evql, findings, reduce_of, samples, tree};
use evql::finding::{Clock, Outcome, Selected};
use evql::input::archive::ArchiveOptions;
use evql::input::{ChunkRange, ReaderKind, Source, WalkOptions, walk};
use evql::scan::stream::{Aside, MapOptions, PassedOn, map, pass_on, reduce, scan_aside};
use evql::scan::{PassOptions, RuleSet, ScanOptions, Unobserved, compile, scan};
use evql::{report, rules, sysmon};
use proptest::prelude::*;

/// Every form that a query can have: by itself, joined, without a key, with several values of a key, with runs, until, missing events and pipes, samples.
const RULES: [(&str, &str); 14] = [
    ("event", "process where event.type == \"start\" and process.parent.name : \"explorer.exe\""),
    ("head", "network where true | head 4"),
    ("pair", "sequence by process.entity_id [process where event.type == \"start\"] [network where true]"),
    (
        "tail",
        "sequence by process.entity_id [process where event.type == \"start\"] [network where true] | tail 2",
    ),
    (
        "until",
        "sequence by process.entity_id with maxspan=1h [process where event.type == \"start\"] [network where true] [network where true] until [process where event.type == \"end\"]",
    ),
    (
        "keyless",
        "sequence with maxspan=1h [process where event.type == \"start\"] [network where event.code == \"22\"] [network where event.code == \"3\"]",
    ),
    (
        "missing",
        "sequence by process.entity_id with maxspan=1d [process where event.type == \"start\"] ![network where destination.port == 443] [process where event.type == \"end\"]",
    ),
    (
        "not before",
        "sequence by host.name with maxspan=10m ![network where event.code == \"22\"] [network where destination.port == 80]",
    ),
    (
        "runs",
        "sequence by host.name with maxspan=1h [network where true] with runs=3 [process where event.type == \"start\"]",
    ),
    (
        "child",
        "sequence [process where event.type == \"start\"] by process.entity_id [process where event.type == \"start\"] by process.parent.entity_id",
    ),
    ("values", "sequence by related.ip [network where true] [network where true]"),
    (
        "optional",
        "sequence by ?process.parent.entity_id, process.name [network where true] [process where true]",
    ),
    (
        "sample",
        "sample by host.name [process where event.type == \"start\"] [network where event.code == \"3\"] [network where event.code == \"22\"]",
    ),
    (
        "sample of values",
        "sample by process.name, ?user.name [process where event.type == \"start\"] [registry where true]",
    ),
];

fn rule_set() -> RuleSet {
    let folder = tempfile::tempdir().expect("a folder");
    for (id, query) in RULES {
        let text = format!(
            "[rule]\nname = \"{id}\"\nrule_id = \"{id}\"\ntype = \"eql\"\nquery = '''\n{query}\n'''\n"
        );
        fs::write(folder.path().join(format!("{id}.toml")), text).expect("a rule");
    }
    let loaded = rules::load(folder.path());
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    let all = rules::builtin().into_iter().chain(loaded.rules).map(|rule| {
        let program =
            compile(&rule.info.query, None).unwrap_or_else(|wrong| panic!("{}: {wrong:?}", rule.info.id));
        (rule, program)
    });
    RuleSet::new(all.collect(), &sysmon::Options::default())
}

/// Logs of some hosts, one of them a second time, an export of another whose times end at the millisecond, and an archive of a third; samples besides.
fn evidence(folder: &Path) -> Vec<PathBuf> {
    let logs = folder.join("logs");
    let asked = ["--events", "200", "--hosts", "3", "--attacks", "4", "-q", "-o"];
    evql(["synth"].into_iter().chain(asked).map(Path::new).chain([logs.as_path()])).expect(0);
    let own = |host: usize| logs.join(format!("host000{host}.corp.example"));
    let log = |host: usize| {
        let mut files = tree(&own(host)).into_iter().filter(|(name, _)| name.ends_with(".evtx"));
        own(host).join(files.next().expect("a log").0)
    };
    fs::copy(log(0), folder.join("a copy.evtx")).expect("copied");
    let export = folder.join("exported.jsonl");
    evql([Path::new("export"), Path::new("--no-hash"), &log(1), Path::new("-o"), &export]).expect(0);
    let mut tar = tar_of(&[("z.evtx", &log(2)), ("a.evtx", &log(2))]);
    tar.extend([0; 1024]);
    fs::write(folder.join("members.tar"), tar).expect("written");
    let some = ["mshta", "duplicates", "rotated", "inverted-utc", "damaged"];
    [folder.to_path_buf()].into_iter().chain(some.map(|name| samples().join(name))).collect()
}

/// A tar (POSIX ustar) of these files, without its end.
fn tar_of(members: &[(&str, &PathBuf)]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, path) in members {
        let content = fs::read(path).expect("a log");
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..107].copy_from_slice(b"0000644");
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[136..147].copy_from_slice(b"00000000000");
        header[156] = b'0';
        header[257..263].copy_from_slice(b"ustar\0");
        header[148..156].copy_from_slice(b"        ");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend(header);
        tar.extend(&content);
        tar.resize(tar.len().div_ceil(512) * 512, 0);
    }
    tar
}

fn pass_options(chunks: Option<ChunkRange>) -> PassOptions {
    PassOptions {
        nice: false,
        threads: 2,
        reader: ReaderKind::Fast,
        hash: false,
        recover: false,
        carve: false,
        archives: ArchiveOptions::default(),
        mapping: sysmon::Options::default(),
        selected: Selected::default(),
        chunks,
    }
}

fn scanned(sources: &[Source], rules: &RuleSet, clock: Clock) -> Outcome {
    let options = ScanOptions { clock, pass: pass_options(None), near_misses: false, stories: false };
    scan(sources, Vec::new(), rules, &options, &Unobserved, &AtomicBool::new(false)).expect("a scan")
}

fn mapped(sources: &[Source], rules: &RuleSet, clock: Clock, chunks: Option<ChunkRange>) -> String {
    let mut out = Vec::new();
    let options = MapOptions { clock, pass: pass_options(chunks) };
    map(sources, Vec::new(), rules, &options, &Unobserved, &AtomicBool::new(false), &mut out).expect("a map");
    String::from_utf8(out).expect("UTF-8")
}

fn sorted(stream: &str) -> String {
    let mut lines: Vec<&str> = stream.lines().collect();
    lines.sort_unstable();
    lines.into_iter().flat_map(|line| [line, "\n"]).collect()
}

fn reduced(stream: &str, rules: &RuleSet) -> Outcome {
    reduce(&mut stream.as_bytes(), rules, &AtomicBool::new(false)).expect("a reduction")
}

fn jsonl(outcome: &Outcome) -> String {
    let mut out = Vec::new();
    report::jsonl::write_findings(outcome, &mut out).expect("written");
    String::from_utf8(out).expect("UTF-8")
}

/// The chunks that the file has, where it is an event log.
fn chunks_of(source: &Source) -> Option<u64> {
    let bytes = fs::read(&source.path).expect("a file");
    bytes.starts_with(b"ElfFile\0").then(|| (bytes.len() as u64 - 4096).div_ceil(65_536))
}

/// Which part every file goes to, or where it is cut.
#[derive(Debug, Clone)]
enum Lot {
    Whole(usize),
    Cut(Vec<u64>),
}

fn lots() -> impl Strategy<Value = Vec<Lot>> {
    let cuts = prop::collection::vec(0_u64..12, 1..4).prop_map(Lot::Cut);
    prop::collection::vec(prop_oneof![2 => (0_usize..4).prop_map(Lot::Whole), 1 => cuts], 64)
}

/// The streams of the parts into which `lots` put `sources`.
fn parts(sources: &[Source], lots: &[Lot], rules: &RuleSet, clock: Clock) -> Vec<String> {
    let mut wholes: BTreeMap<usize, Vec<Source>> = BTreeMap::new();
    let mut streams = Vec::new();
    for (source, lot) in sources.iter().zip(lots.iter().cycle()) {
        match (lot, chunks_of(source)) {
            (Lot::Cut(cuts), Some(chunks)) => {
                let mut cuts: Vec<u64> = cuts.iter().map(|cut| cut * chunks / 12).collect();
                cuts.extend([0, chunks + 3]);
                cuts.sort_unstable();
                cuts.dedup();
                let one = std::slice::from_ref(source);
                streams.extend(cuts.windows(2).map(|pair| {
                    mapped(one, rules, clock, Some(ChunkRange { first: pair[0], last: pair[1] - 1 }))
                }));
            }
            (Lot::Cut(_), None) => wholes.entry(0).or_default().push(source.clone()),
            (Lot::Whole(part), _) => wholes.entry(*part).or_default().push(source.clone()),
        }
    }
    streams.extend(wholes.values().map(|part| mapped(part, rules, clock, None)));
    streams
}

#[test]
fn any_split_of_the_evidence_gives_what_a_scan_gives() {
    let folder = tempfile::tempdir().expect("a folder");
    let sources = walk(&evidence(folder.path()), WalkOptions::default()).sources;
    let rules = rule_set();
    let expected = [Clock::Created, Clock::Utc].map(|clock| scanned(&sources, &rules, clock));
    for outcome in &expected {
        let found = |id: &str| outcome.findings.iter().filter(|finding| finding.rule.id == id).count();
        let silent: Vec<&str> = RULES.iter().map(|(id, _)| *id).filter(|id| found(id) == 0).collect();
        assert_eq!(silent, [""; 0], "rules that find nothing prove nothing");
        assert!(
            outcome
                .findings
                .iter()
                .flat_map(|finding| finding.present())
                .any(|event| event.evidence.copies > 2)
        );
    }
    let config = ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(lots in lots(), utc in any::<bool>(), again in any::<prop::sample::Index>())| {
        let clock = if utc { Clock::Utc } else { Clock::Created };
        let expected = &expected[usize::from(utc)];
        let mut streams = parts(&sources, &lots, &rules, clock);
        // A part that is done twice, as when a machine failed, changes nothing.
        streams.push(streams[again.index(streams.len())].clone());
        let outcome = reduced(&sorted(&streams.concat()), &rules);
        prop_assert_eq!(jsonl(&outcome), jsonl(expected));
        prop_assert_eq!(&outcome.hosts, &expected.hosts);
        prop_assert_eq!(&outcome.reach, &expected.reach);
        let counts = |outcome: &Outcome| -> Vec<_> {
            let of = |report: &evql::finding::SourceReport| {
                let counts = (report.records, report.sysmon_records, report.chunks, report.size);
                (report.source.clone(), report.kind, report.status, counts, report.first, report.last, report.overlap)
            };
            outcome.sources.iter().map(of).collect()
        };
        prop_assert_eq!(counts(&outcome), counts(expected));
    });
}

/// Hits on disk or in memory: whatever may lie in memory at once, the outcome is the scan's, stories included.
#[test]
fn hits_that_are_set_aside_give_what_a_scan_gives() {
    let folder = tempfile::tempdir().expect("a folder");
    let sources = walk(&evidence(folder.path()), WalkOptions::default()).sources;
    let rules = rule_set();
    let calm = AtomicBool::new(false);
    for (clock, bounds) in [(Clock::Created, &[100_000, 1 << 30][..]), (Clock::Utc, &[100_000])] {
        let options = ScanOptions {
            clock,
            pass: pass_options(None),
            near_misses: false,
            stories: clock == Clock::Created,
        };
        let expected = scan(&sources, Vec::new(), &rules, &options, &Unobserved, &calm).expect("a scan");
        assert_eq!(expected.findings.iter().any(|finding| finding.story.is_ok()), options.stories);
        for memory in bounds.iter().copied() {
            let aside = Aside { memory, folder: folder.path().to_path_buf() };
            let (outcome, spilled) =
                scan_aside(&sources, Vec::new(), &rules, &options, &aside, &Unobserved, &calm)
                    .expect("a scan");
            assert_eq!(spilled == 0, memory == 1 << 30);
            assert!(outcome == expected, "{memory} bytes");
        }
        // Interrupted, what was read until then is what counts in both, whichever source that was.
        let raised = AtomicBool::new(true);
        let aside = Aside { memory: 100_000, folder: folder.path().to_path_buf() };
        for first in (0..sources.len()).step_by(6) {
            let rest = &sources[first..];
            let expected = scan(rest, Vec::new(), &rules, &options, &Unobserved, &raised).expect("a scan");
            let (outcome, _) =
                scan_aside(rest, Vec::new(), &rules, &options, &aside, &Unobserved, &raised).expect("a scan");
            assert!(expected.interrupted || first > 0);
            assert!(!expected.findings.is_empty() || first > 0);
            assert!(outcome == expected, "from {}", rest[0].name);
        }
        let aside = Aside { memory: 1, folder: folder.path().join("no such folder") };
        let failed = scan_aside(&sources, Vec::new(), &rules, &options, &aside, &Unobserved, &calm);
        assert!(failed.expect_err("no folder").to_string().contains("no such folder"));
    }
}

#[test]
fn a_bounded_scan_is_the_scan_and_says_what_it_cannot_do() {
    let temp = tempfile::tempdir().expect("a folder");
    let (plain, bounded) = (temp.path().join("plain"), temp.path().join("bounded"));
    let samples = samples();
    for (more, out) in [(&[][..], &plain), (&["--max-memory", "1MiB"], &bounded)] {
        let words = ["scan", "-q", "--no-near-misses"].iter().chain(more).chain(&["-o"]).map(Path::new);
        evql(words.chain([out.as_path(), samples.as_path()])).expect(2);
    }
    let (plain, bounded) = (tree(&plain), tree(&bounded));
    assert_eq!(plain.keys().collect::<Vec<_>>(), bounded.keys().collect::<Vec<_>>());
    for (name, bytes) in
        plain.iter().filter(|(name, _)| !["run.json", "report.html"].contains(&name.as_str()))
    {
        assert!(*bytes == bounded[name], "{name} differs");
    }
    for (words, said) in [
        (&["--external-sort"][..], "--no-near-misses"),
        (&["--max-memory", "64MiB"], "--no-near-misses"),
        (&["--max-memory", "64KiB", "--no-near-misses"], "at least 1MiB"),
        (&["--max-memory", "2MiB", "--external-sort", "--no-near-misses"], "cannot be used with"),
    ] {
        let ran = evql(["scan"].iter().chain(words).map(Path::new).chain([samples.as_path()])).expect(3);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
}

/// What one of several reduces passes on of its lines.
fn passed_on(stream: &str, rules: &RuleSet) -> String {
    let mut out = Vec::new();
    let passed =
        pass_on(&mut stream.as_bytes(), rules, &AtomicBool::new(false), &mut out).expect("passed on");
    let passed_lines = String::from_utf8(out).expect("UTF-8");
    let mut keys: Vec<&str> = stream.lines().map(sort_key).collect();
    keys.dedup();
    let count = |number: usize| u64::try_from(number).expect("a count");
    let expected =
        PassedOn { read: count(keys.len()), lines: count(passed_lines.lines().count()), interrupted: false };
    assert_eq!(passed, expected);
    passed_lines
}

/// The text between `{"k":"` and the next `"`.
fn sort_key(line: &str) -> &str {
    line.split('"').nth(3).expect("a sort key")
}

/// What lines are kept together by: the rule and the join key of a hit. Lines that tell of the evidence may go anywhere.
fn group(line: &str) -> String {
    sort_key(line).split('-').take(3).collect::<Vec<_>>().join("-")
}

#[test]
fn several_reduces_that_pass_on_and_one_more_give_what_one_gives() {
    let folder = tempfile::tempdir().expect("a folder");
    let sources = walk(&evidence(folder.path()), WalkOptions::default()).sources;
    let rules = rule_set();
    // The first log a second time, as when a machine failed.
    let stream =
        mapped(&sources, &rules, Clock::Created, None) + &mapped(&sources[..1], &rules, Clock::Created, None);
    let expected = jsonl(&reduced(&sorted(&stream), &rules));
    let config = ProptestConfig { cases: 3, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(lots in prop::collection::vec(0_usize..5, 97), empty in 0_usize..5)| {
        let mut groups: BTreeMap<String, usize> = BTreeMap::new();
        let mut parts = vec![String::new(); 6];
        for line in stream.lines() {
            let number = groups.len();
            let place = *groups.entry(group(line)).or_insert(number);
            let lot = lots[place % lots.len()];
            let part = if lot == empty { 5 } else { lot };
            parts[part].push_str(line);
            parts[part].push('\n');
        }
        let passed: Vec<String> = parts.iter().map(|part| passed_on(&sorted(part), &rules)).collect();
        let passed = passed.concat();
        prop_assert!(passed.lines().count() < sorted(&stream).lines().count());
        let known: std::collections::HashSet<&str> = stream.lines().collect();
        prop_assert!(passed.lines().all(|line| known.contains(line)), "lines are unchanged");
        prop_assert_eq!(&jsonl(&reduced(&sorted(&passed), &rules)), &expected);
        // What is passed on can be passed on again: nothing is left to leave out.
        prop_assert_eq!(passed_on(&sorted(&passed), &rules), sorted(&passed));
    });
}

#[test]
fn what_is_passed_on_is_whole_groups_with_findings_and_what_is_told() {
    let rules = RuleSet::new(
        rules::builtin()
            .into_iter()
            .map(|rule| {
                let program = compile(&rule.info.query, None).expect("the built-in rule");
                (rule, program)
            })
            .collect(),
        &sysmon::Options::default(),
    );
    let sources = walk(&[samples()], WalkOptions::default()).sources;
    let stream = sorted(&mapped(&sources, &rules, Clock::Created, None));
    // By the findings of a scan: which processes there are to be.
    let found: std::collections::BTreeSet<String> = scanned(&sources, &rules, Clock::Created)
        .findings
        .iter()
        .flat_map(|finding| finding.present())
        .map(|event| event.document["process"]["entity_id"].as_str().expect("an entity").to_owned())
        .collect();
    let expected: Vec<&str> = stream
        .lines()
        .filter(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            line["type"] != "hit"
                || line["key"][0]["text"].as_str().is_some_and(|entity| found.contains(entity))
        })
        .collect();
    assert!(expected.len() < stream.lines().count() && found.len() > 5);
    assert_eq!(passed_on(&stream, &rules).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn the_command_passes_on_to_a_file_or_standard_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let (stream, out) = (folder.path().join("stream"), folder.path().join("passed"));
    fs::write(&stream, sorted(&map_of(&[&samples().join("mshta")], &[]))).expect("written");
    let to = |to: &Path, more: &[&str]| {
        let asked = [Path::new("reduce"), Path::new("-q"), Path::new("--pass-on"), to, &stream];
        evql(asked.into_iter().chain(more.iter().map(Path::new)))
    };
    let passed = to(Path::new("-"), &[]).expect(0).stdout;
    assert_eq!(reduce_of(&passed, &[]).stdout, scan_of(&[&samples().join("mshta")], &[]));
    to(&out, &[]).expect(0);
    assert_eq!(fs::read_to_string(&out).expect("written"), passed);
    assert!(to(&out, &[]).expect(5).stderr.contains("exists"));
    to(&out, &["--force"]).expect(0);
    to(Path::new("-"), &["--format", "csv"]).expect(3);
    // What is refused leaves no file behind.
    fs::write(&stream, passed.lines().rev().collect::<Vec<_>>().join("\n")).expect("written");
    let other = folder.path().join("other");
    assert!(to(&other, &[]).expect(3).stderr.contains("LC_ALL=C sort"));
    assert!(!other.exists());
    fs::write(&stream, "").expect("written");
    assert_eq!(to(Path::new("-"), &[]).expect(0).stdout, "", "a part without lines");
}

/// What `evql map` writes.
#[track_caller]
fn map_of(paths: &[&Path], more: &[&str]) -> String {
    let arguments = [Path::new("map"), Path::new("-q")].into_iter().chain(more.iter().map(Path::new));
    evql(arguments.chain(paths.iter().copied())).expect(0).stdout
}

/// What `evql scan` with neither near misses nor stories finds, as lines of JSON.
#[track_caller]
fn scan_of(paths: &[&Path], more: &[&str]) -> String {
    let asked = ["scan", "-q", "--no-near-misses", "--no-stories", "--format", "jsonl", "-o", "-"];
    evql(asked.iter().chain(more).map(Path::new).chain(paths.iter().copied())).stdout
}

#[test]
fn every_file_of_a_report_is_that_of_a_scan() {
    let folder = tempfile::tempdir().expect("a folder");
    let (scanned, reduced) = (folder.path().join("scanned"), folder.path().join("reduced"));
    let mut evidence: Vec<PathBuf> =
        fs::read_dir(samples()).expect("samples").map(|entry| entry.expect("an entry").path()).collect();
    evidence.retain(|path| path.is_dir() || path.extension().is_some_and(|extension| extension == "evtx"));
    evidence.sort();
    assert!(evidence.len() > 10);
    let asked = ["scan", "-q", "--no-near-misses", "--no-stories", "-o"].map(Path::new).into_iter();
    let scan = evql(asked.chain([scanned.as_path()]).chain(evidence.iter().map(PathBuf::as_path)));
    // One map for each of the samples, as a machine each would do it.
    let stream: String = evidence.iter().map(|path| map_of(&[path], &[])).collect();
    let path = folder.path().join("stream");
    fs::write(&path, sorted(&stream)).expect("written");
    let reduce = evql([Path::new("reduce"), Path::new("-q"), &path, Path::new("-o"), &reduced]);
    assert_eq!(reduce.code, scan.code, "{}", reduce.stderr);
    let (scanned, reduced) = (tree(&scanned), tree(&reduced));
    assert_eq!(scanned.keys().collect::<Vec<_>>(), reduced.keys().collect::<Vec<_>>());
    for (name, bytes) in
        scanned.iter().filter(|(name, _)| !["run.json", "report.html"].contains(&name.as_str()))
    {
        assert!(*bytes == reduced[name], "{name} differs");
    }
    let record = |files: &BTreeMap<String, Vec<u8>>| -> serde_json::Value {
        serde_json::from_slice(&files["run.json"]).expect("JSON")
    };
    for part in
        ["coverage", "rules", "counts.findings", "counts.hosts", "counts.records", "selection", "mapping"]
    {
        assert_eq!(at(&record(&reduced), part), at(&record(&scanned), part), "{part}");
    }
}

#[test]
fn the_public_logs_one_map_each_give_the_findings_of_a_scan() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("evtx");
    for clock in ["created", "utc"] {
        let options = ["--clock", clock];
        let names = tree(&folder);
        assert!(names.len() > 10);
        let stream: String = names.keys().map(|name| map_of(&[&folder.join(name)], &options)).collect();
        let found = reduce_of(sorted(&stream), &[]).expect(0).stdout;
        assert_eq!(found, scan_of(&[&folder], &options), "--clock {clock}");
        assert!(found.lines().count() > 2);
    }
}

#[cfg(unix)]
#[test]
fn a_plain_sort_by_bytes_is_enough() {
    use std::io::Write;
    let stream = map_of(&[&samples()], &[]);
    let mut sort = Command::new("sort")
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sort");
    let mut input = sort.stdin.take().expect("a pipe");
    let text = stream.clone();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = sort.wait_with_output().expect("sorted");
    writer.join().expect("no panic").expect("written");
    assert_eq!(String::from_utf8(output.stdout).expect("UTF-8"), sorted(&stream));
    assert_eq!(reduce_of(sorted(&stream), &[]).stdout, scan_of(&[&samples()], &[]));
}

#[test]
fn ranges_that_overlap_and_standard_input_change_nothing() {
    let log = samples().join("beacon/ws18.corp.example/Microsoft-Windows-Sysmon%4Operational.evtx");
    let name = log.to_string_lossy().into_owned();
    let expected = scan_of(&[&log], &["--no-hash"]);
    assert!(expected.contains("finding_id"));
    let stream: String =
        ["0-3", "2-4", "3-900"].iter().map(|range| map_of(&[&log], &["--chunks", range])).collect();
    assert_eq!(reduce_of(sorted(&stream), &[]).expect(0).stdout, expected);

    let mut piped = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("evql"));
    piped.args(["map", "-q", "--stdin-name", &name]).write_stdin(fs::read(&log).expect("a log"));
    let stream = String::from_utf8(piped.assert().success().get_output().stdout.clone()).expect("UTF-8");
    assert_eq!(reduce_of(sorted(&stream), &[]).expect(0).stdout, scan_of(&[&log], &[]));
    let hits = |stream: &str| {
        sorted(stream)
            .lines()
            .filter(|line| line.starts_with("{\"k\":\"1"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(hits(&stream), hits(&map_of(&[&log], &[])));
}

#[test]
fn chunks_are_those_of_one_event_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let xml = folder.path().join("events.xml");
    fs::write(&xml, "<Events></Events>").expect("written");
    let lines = common::json_lines(&map_of(&[&xml], &["--chunks", "0-1"]));
    let problem = lines.iter().find(|line| line["type"] == "problem").expect("a problem");
    assert!(problem["reason"].as_str().is_some_and(|reason| reason.contains("no EVTX file")), "{problem}");
    let several =
        evql([Path::new("map"), Path::new("--chunks"), Path::new("0-1"), &samples().join("mshta"), &xml]);
    assert!(several.expect(3).stderr.contains("one EVTX file"));
    for range in ["3-1", "1", "a-b", "-"] {
        evql(["map", "--chunks", range, "x.evtx"]).expect(3);
    }
}

#[test]
fn a_bad_file_is_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty.evtx");
    fs::write(&empty, "").expect("written");
    let gone = folder.path().join("gone.evtx");
    let stream = map_of(&[&empty, &gone], &[]);
    let lines = common::json_lines(&stream);
    let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).count();
    assert_eq!((of("map"), of("file_status"), of("problem"), of("hit")), (1, 1, 2, 0));
    let ran = reduce_of(sorted(&stream), &[]).expect(4);
    assert_eq!(ran.stdout, "");
}

#[test]
fn what_is_no_sorted_stream_of_these_rules_is_refused_with_its_line() {
    let good = sorted(&map_of(&[&samples().join("mshta")], &[]));
    let lines: Vec<&str> = good.lines().collect();
    let first_hit = lines.iter().position(|line| line.contains("\"type\":\"hit\"")).expect("a hit");
    let with = |place: usize, line: &str| {
        let mut lines = lines.clone();
        lines[place] = line;
        lines.join("\n")
    };
    let mut swapped = lines.clone();
    swapped.swap(first_hit, first_hit + 1);
    let hit = lines[first_hit];
    let other_clock = sorted(&(good.clone() + &map_of(&[&samples().join("wscript")], &["--clock", "utc"])));
    for (stream, place, reason) in [
        (swapped.join("\n"), first_hit + 2, "LC_ALL=C sort"),
        (with(first_hit, &hit.replace("\"stages\":[0]", "\"stages\":[7]")), first_hit + 1, "stages"),
        (with(first_hit, &hit.replace("\"created\":1", "\"created\":2")), first_hit + 1, "sort key"),
        (with(first_hit, &hit.replace("\"schema\":1", "\"schema\":9")), first_hit + 1, "schema is 9"),
        (with(first_hit, &hit[..hit.len() / 2]), first_hit + 1, "EOF"),
        (with(first_hit, "no line of a stream"), first_hit + 1, "does not begin with a sort key"),
        (other_clock, 2, "--clock"),
    ] {
        let ran = reduce_of(&stream, &[]).expect(3);
        assert!(
            ran.stderr.contains(&format!("line {place} ")) && ran.stderr.contains(reason),
            "{reason}: {}",
            ran.stderr
        );
        assert_eq!(ran.stdout, "");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let rule = folder.path().join("other.eql");
    fs::write(&rule, "process where true").expect("written");
    let rules = ["--rules", rule.to_str().expect("UTF-8")];
    let ran = reduce_of(&good, &rules).expect(3);
    assert!(ran.stderr.contains("line 1 ") && ran.stderr.contains("mapped without it"), "{}", ran.stderr);
    let ran = reduce_of(&good, &[rules[0], rules[1], "--no-builtin"]).expect(3);
    assert!(ran.stderr.contains("is not loaded"), "{}", ran.stderr);
    assert!(reduce_of("", &[]).expect(4).stdout.is_empty());
}

#[test]
fn what_a_reduce_cannot_know_is_said() {
    let found = findings(&[&samples().join("mshta")], &["--no-stories"]);
    let lines = reduce_of(sorted(&map_of(&[&samples().join("mshta")], &[])), &[]).expect(0).json_lines();
    for finding in found.iter().chain(&lines) {
        assert_eq!(at(finding, "story.told"), false);
        assert_eq!(at(finding, "story.reason"), "not_read");
    }
    assert_eq!(found, lines, "no near misses in the lines of a reduction");
}

/// The ten hits of process number `process`, made after the document and not by the program: its start, where it is `flagged`, and connections.
#[cfg(target_os = "linux")]
fn process_lines(process: u64, flagged: bool) -> String {
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let rule = &rules::builtin()[0].info;
    let (guid, host) = (format!("{{{process:08x}-0000-0000-0000-000000000001}}"), "ws01.corp.example");
    let mut lines = String::new();
    for event in 0..10 {
        let (stage, id) = if event == 0 && flagged { (0, 1) } else { (1, 3) };
        let ticks = 133_500_000_000_000_000_u64 + process * 10_000 + event * 50_000;
        let record = process * 10 + event + 1;
        let k = format!(
            "1-{},{}-4{}-{:016x}-{record:016x}-{}-0-{}-{process:016x}-{event:08x}",
            hex(&rule.id),
            rule.sha256,
            hex(&guid),
            ticks ^ (1 << 63),
            hex(host),
            hex("a.evtx"),
        );
        let body = serde_json::json!({
            "k": k, "type": "hit", "schema": 1, "rule": {"id": rule.id, "sha256": rule.sha256}, "stages": [stage],
            "key": [{"text": guid}], "clock": "created", "created": ticks, "utc": ticks, "host": host,
            "channel": "Microsoft-Windows-Sysmon/Operational", "record_id": record, "event_id": id, "recovered": false,
            "fields_shifted": false, "rendered": false, "source": "a.evtx", "chunk": process, "record": event,
            "document": {"process": {"entity_id": guid, "name": "mshta.exe", "command_line": "x".repeat(700)}},
        });
        lines.push_str(&format!("{body}\n"));
    }
    lines
}

/// The most memory that the process `id` has used so far, in KiB.
#[cfg(target_os = "linux")]
fn peak(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("a status");
    let line = status.lines().find(|line| line.starts_with("VmHWM")).expect("a peak");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// Feeds `evql reduce` the hits of so many processes, of which each thousandth is flagged. Answers how many findings that gives, and how much memory, in KiB, it
/// had used at its most after a quarter of the lines and before their end.
#[cfg(target_os = "linux")]
fn fed(processes: u64) -> (usize, [u64; 2]) {
    use std::io::{Read, Write};
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("evql"))
        .args(["reduce", "-q", "--format", "jsonl", "-o", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("evql starts");
    let mut input = child.stdin.take().expect("a pipe");
    let mut peaks = [0; 2];
    for process in 0..processes {
        input.write_all(process_lines(process, process % 1_000 == 0).as_bytes()).expect("written");
        if process == processes / 4 {
            peaks[0] = peak(child.id());
        }
    }
    peaks[1] = peak(child.id());
    drop(input);
    let mut found = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut found).expect("read");
    assert!(child.wait().expect("ended").success());
    (found.lines().count(), peaks)
}

/// The lines of one process without an alert would not fit into the memory that is left to the program: they wait in a file.
#[cfg(target_os = "linux")]
#[test]
fn lines_that_wait_do_not_stay_in_memory() {
    use std::io::Write;
    for flagged in [false, true] {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("evql"))
            .args(["reduce", "-q", "--pass-on", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("evql starts");
        let mut input = child.stdin.take().expect("a pipe");
        let ten = process_lines(1, false);
        let first = ten.lines().next().expect("a line");
        let body: serde_json::Value = serde_json::from_str(first).expect("JSON");
        let (ticks, k) = (body["created"].as_u64().expect("ticks"), body["k"].as_str().expect("a key"));
        let clock = |ticks: u64| format!("{:016x}", ticks ^ (1 << 63));
        let mut early = 0;
        let lines = 30_000;
        for event in 0..lines {
            let own = ticks + event * 20_000;
            let mut line = first
                .replace(k, &k.replace(&clock(ticks), &clock(own)))
                .replace(&format!(":{ticks}"), &format!(":{own}"));
            if flagged && event == 0 {
                line = line.replace("\"stages\":[1]", "\"stages\":[0]");
            }
            input.write_all(line.as_bytes()).and_then(|()| input.write_all(b"\n")).expect("written");
            if event == lines / 4 {
                early = peak(child.id());
            }
        }
        let late = peak(child.id());
        drop(input);
        assert!(child.wait().expect("ended").success());
        // 38 MB of lines.
        assert!(late < early + 8_192, "flagged {flagged}: {early} KiB, then {late} KiB");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_hits() {
    // 40 MB of lines.
    let (found, [early, late]) = fed(3_000);
    assert_eq!(found, 3);
    assert!(late < early + 8_192, "{early} KiB, then {late} KiB");
}

/// `cargo test --release --test map_reduce -- --ignored --nocapture`: what `docs/SCALING.md` states.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "two million lines"]
fn two_million_hits_of_200_000_processes() {
    let (found, [early, late]) = fed(200_000);
    println!("{found} findings; {early} KiB after a quarter, {late} KiB at the end");
    assert_eq!(found, 200);
    assert!(late < 150 * 1_024);
}
