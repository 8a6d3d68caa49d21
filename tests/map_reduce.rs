//! A scan in three steps: whatever the parts in which the evidence is mapped, `map`, `sort` and `reduce` give what `scan` gives; and a stream that is not what
//! it should be is refused with its place.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;

use common::{at, corpus, evql, findings, samples, tree};
use evql::finding::{Clock, Outcome, Selected};
use evql::input::archive::ArchiveOptions;
use evql::input::{ChunkRange, ReaderKind, Source, WalkOptions, walk};
use evql::scan::stream::{MapOptions, map, reduce};
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
    ("optional", "sequence by ?process.parent.entity_id, process.name [any where true] [process where true]"),
    (
        "sample",
        "sample by host.name [process where event.type == \"start\"] [network where event.code == \"3\"] [network where event.code == \"22\"]",
    ),
    (
        "sample of values",
        "sample by process.name, ?user.name [process where event.type == \"start\"] [any where true]",
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
    let asked = ["--events", "1200", "--hosts", "3", "--attacks", "4", "-q", "-o"];
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
    let config = ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() };
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
