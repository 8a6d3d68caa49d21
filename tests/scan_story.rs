//! The story of a finding: kin, connections, names and what else the process did, against what was written and what the public logs hold.

mod common;

use std::path::{Path, PathBuf};

use common::{at, corpus, findings, samples, scan_here, scan_observed};
use evql::finding::story::{Intervals, Process, Story};
use evql::finding::{Clock, Finding, Untold};
use evql::synth::sysmon::{Host, text};
use evql::synth::{FileOptions, Guid, LoadOptions, Machine, SynthRecord, generate, to_evtx};
use evql::sysmon::schema::Layout;
use evql::time::Timestamp;

const MSHTA: &str = r"C:\Windows\System32\mshta.exe";

fn machine(name: &'static str, first_record: u64) -> Machine {
    let start = Timestamp::parse("2024-04-02T09:00:00Z").expect("a time");
    Machine::new(Host::new(name, 3, Layout::Sysmon15), start, first_record, 5)
}

fn write(folder: &Path, name: &str, records: &[SynthRecord]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, to_evtx(records, FileOptions::default()).expect("a log")).expect("a file");
    path
}

fn sample(name: &str) -> Vec<Finding> {
    scan_here(&[samples().join(name)], Clock::Created).findings
}

#[track_caller]
fn story(finding: &Finding) -> &Story {
    finding.story.as_deref().expect("a story")
}

fn names(processes: &[Process]) -> Vec<(&str, u32, bool)> {
    processes.iter().map(|process| (process.name.as_str(), process.depth, process.known)).collect()
}

fn utc(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text)
}

#[test]
fn a_beacon_is_told_from_its_hidden_parent_to_its_last_connection() {
    let found = sample("beacon");
    let [finding] = found.as_slice() else { panic!("{} findings", found.len()) };
    let story = story(finding);
    assert_eq!(names(&story.ancestors), [("powershell.exe", 1, false)]);
    assert_eq!(story.ancestors[0].command_line, "powershell.exe -nop -w hidden -enc SQBFAFgA");
    assert_eq!(names(&story.children.shown), [("whoami.exe", 1, true)]);
    assert_eq!(story.process.renamed(), Some(true));
    assert_eq!((story.process.user.as_str(), story.process.integrity.as_str()), (r"EXAMPLE\alice", "Medium"));
    assert_eq!(story.process.logon_id, "0x4e1f3");
    assert_eq!(story.process.ended, None);
    let connections = &story.connections;
    // 400 connections from 07:45:52.099 on, one a minute: the last 399 minutes later.
    assert_eq!(connections.all.count, 400);
    assert_eq!(connections.all.first, utc("2024-03-12T07:45:52.099Z"));
    assert_eq!(connections.all.last, utc("2024-03-12T14:24:52.099Z"));
    let beat = Intervals { count: 399, min_ms: 60_000, median_ms: 60_000, max_ms: 60_000, regular: true };
    assert_eq!(connections.intervals, Some(beat));
    let [one] = connections.destinations.shown.as_slice() else { panic!("one destination") };
    assert_eq!((one.ip.as_str(), one.port.as_str(), one.protocol.as_str()), ("203.0.113.200", "8443", "tcp"));
    assert_eq!((one.names.as_slice(), one.named_by_host), (["c2.example.net".to_owned()].as_slice(), false));
    assert_eq!((story.query_count, story.queries.shown[0].statuses.join(";")), (1, "SUCCESS".to_owned()));
    // Start, query, 400 connections; the list of whole events is bounded, the count is not.
    assert_eq!((story.context.total, story.context.shown.len()), (402, 100));
}

#[test]
fn kin_reach_up_to_the_start_that_is_missing_and_three_steps_down() {
    let found = sample("kin");
    let [finding] = found.as_slice() else { panic!("{} findings", found.len()) };
    let story = story(finding);
    let ancestors = [("cscript.exe", 1, true), ("powershell.exe", 2, true), ("cmd.exe", 3, false)];
    assert_eq!(names(&story.ancestors), ancestors);
    assert_eq!(story.ancestors[2].command_line, r"cmd.exe /c C:\Users\alice\order.bat");
    let children =
        [("cmd.exe", 1, true), ("whoami.exe", 2, true), ("net.exe", 2, true), ("net1.exe", 3, true)];
    assert_eq!((names(&story.children.shown), story.children.total), (children.to_vec(), 4));
    assert!(story.process.ended.is_some() && story.ancestors[1].ended.is_some());
    assert_eq!((story.ancestors[0].ended, story.kin_complete), (None, true));
}

#[test]
fn a_name_that_the_rule_excludes_is_told_where_it_led_to_the_connection() {
    let found = sample("excluded-name");
    let [explained, unexplained] = found.as_slice() else { panic!("{} findings", found.len()) };
    let excluded = explained.excluded_name.as_ref().expect("marked");
    assert_eq!(
        (excluded.name.as_str(), excluded.address.as_str()),
        ("ctldl.windowsupdate.com", "203.0.113.90")
    );
    assert!(excluded.clause.starts_with("not dns.question.name : ("), "{}", excluded.clause);
    assert!(explained.flags().any(|flag| flag == "resolved_from_excluded_name"));
    assert_eq!((&unexplained.excluded_name, unexplained.flags().count()), (&None, 0));
    // The second process never asked; the name is known from the first one's query.
    let names = |finding: &Finding| {
        let destination = &story(finding).connections.destinations.shown[0];
        (destination.names.join(";"), destination.named_by_host)
    };
    assert_eq!(names(explained), ("ctldl.windowsupdate.com".to_owned(), false));
    assert_eq!(names(unexplained), ("ctldl.windowsupdate.com".to_owned(), true));
}

#[test]
fn a_query_after_the_connection_explains_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut host = machine("LATE", 1);
    let shell = host.explorer();
    let process = host.process(MSHTA, "mshta.exe a", r"EXAMPLE\alice", Some(&shell));
    let mut records = vec![host.start(&process)];
    host.wait(100);
    records.push(host.connect(&process, "203.0.113.5", 443));
    host.wait(100);
    records.push(host.query(&process, "aka.ms", "::ffff:203.0.113.5;"));
    let outcome = scan_here(&[write(folder.path(), "late.evtx", &records)], Clock::Created);
    let [finding] = outcome.findings.as_slice() else { panic!("{} findings", outcome.findings.len()) };
    assert_eq!(finding.excluded_name, None);
    assert_eq!(story(finding).connections.destinations.shown[0].names, Vec::<String>::new());
    assert_eq!(story(finding).queries.shown[0].name, "aka.ms");
}

/// A process in an archived log that goes on in the live one, its parent's start rolled over, beside another host's log.
fn rotated(folder: &Path) -> Vec<PathBuf> {
    let mut host = machine("ROTATED", 1);
    let shell = host.explorer();
    let lost = host.process(r"C:\Windows\System32\cmd.exe", "cmd.exe /c x", r"EXAMPLE\alice", Some(&shell));
    host.start(&lost);
    host.wait(1_000);
    let process = host.process(MSHTA, "mshta.exe a", r"EXAMPLE\alice", Some(&lost));
    let mut archived = vec![host.start(&process)];
    host.wait(1_000);
    archived.push(host.connect(&process, "203.0.113.5", 443));
    let mut live = archived.clone();
    for port in [443, 443, 8080] {
        host.wait(1_000);
        live.push(host.connect(&process, "203.0.113.6", port));
    }
    host.wait(1_000);
    live.push(host.end(&process));
    let mut other = machine("OTHER", 1);
    let bystander = other.explorer();
    let quiet = [other.start(&bystander)];
    vec![
        write(folder, "archive.evtx", &archived),
        write(folder, "live.evtx", &live),
        write(folder, "other.evtx", &quiet),
    ]
}

#[test]
fn a_story_goes_on_in_other_sources_and_counts_copies_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = rotated(folder.path());
    let outcome = scan_here(&files, Clock::Created);
    let [finding] = outcome.findings.as_slice() else { panic!("{} findings", outcome.findings.len()) };
    let told = story(finding);
    assert_eq!(names(&told.ancestors), [("cmd.exe", 1, false)]);
    let destinations: Vec<(&str, &str, u64)> = told
        .connections
        .destinations
        .shown
        .iter()
        .map(|to| (to.ip.as_str(), to.port.as_str(), to.seen.count))
        .collect();
    assert_eq!(
        destinations,
        [("203.0.113.6", "443", 2), ("203.0.113.5", "443", 1), ("203.0.113.6", "8080", 1)]
    );
    assert_eq!((told.connections.all.count, told.context.total), (4, 6));
    assert!(told.process.ended.is_some());
    let copies: Vec<u32> = told.context.shown.iter().map(|event| event.evidence.copies).collect();
    assert_eq!(copies, [2, 2, 1, 1, 1, 1]);
    assert!(told.context.shown[2].evidence.source.ends_with("live.evtx"));
    files.reverse();
    assert_eq!(scan_here(&files, Clock::Created).findings, outcome.findings);
}

#[test]
fn a_story_is_read_from_a_member_of_an_archive() {
    let folder = tempfile::tempdir().expect("a folder");
    let live = rotated(folder.path()).remove(1);
    let packed = std::fs::File::create(folder.path().join("packed.evtx.gz")).expect("a file");
    let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
    std::io::copy(&mut std::fs::File::open(&live).expect("a log"), &mut packed).expect("packed");
    packed.finish().expect("packed");
    let told = |path: PathBuf| {
        let outcome = scan_here(&[path], Clock::Created);
        let [finding] = outcome.findings.as_slice() else { panic!("{} findings", outcome.findings.len()) };
        story(finding).clone()
    };
    let (plain, packed) = (told(live), told(folder.path().join("packed.evtx.gz")));
    assert_eq!((&packed.connections, &packed.process.ended), (&plain.connections, &plain.process.ended));
    assert_eq!(packed.context.shown.len(), 6);
    for event in &packed.context.shown {
        assert!(event.evidence.source.ends_with("packed.evtx.gz!/packed.evtx"), "{}", event.evidence.source);
    }
}

#[test]
fn what_a_process_touched_is_counted_by_kind() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut host = machine("TOUCHES", 1);
    let shell = host.explorer();
    let process = host.process(MSHTA, "mshta.exe a", r"EXAMPLE\alice", Some(&shell));
    let mut records = vec![host.start(&process)];
    let touch = |host: &mut Machine, event: u32, field: &'static str, target: &'static str| {
        host.wait(10);
        let fill = |name: &str| match name {
            name if name == field => Some(text(target)),
            name => process.field(name),
        };
        host.log(event, &fill)
    };
    for (event, field, target) in [
        (11, "TargetFilename", r"C:\Users\alice\a.dll"),
        (11, "TargetFilename", r"C:\Users\alice\a.dll"),
        (23, "TargetFilename", r"C:\Users\alice\a.dll"),
        (13, "TargetObject", r"HKU\S-1-5-21\Run\x"),
        (17, "PipeName", r"\evil"),
        (7, "ImageLoaded", r"C:\Windows\System32\jscript9.dll"),
        (10, "TargetImage", r"C:\Windows\System32\lsass.exe"),
        (8, "TargetImage", r"C:\Windows\explorer.exe"),
    ] {
        records.push(touch(&mut host, event, field, target));
    }
    host.wait(10);
    records.push(host.connect(&process, "203.0.113.5", 443));
    let outcome = scan_here(&[write(folder.path(), "touches.evtx", &records)], Clock::Created);
    let [finding] = outcome.findings.as_slice() else { panic!("{} findings", outcome.findings.len()) };
    let activities: Vec<(&str, u64, u64, &str)> = story(finding)
        .activities
        .iter()
        .map(|activity| {
            let first = &activity.targets.shown[0];
            (&*activity.kind, activity.all.count, activity.targets.total, first.target.as_str())
        })
        .collect();
    let expected = [
        ("files", 3, 2, r"C:\Users\alice\a.dll"),
        ("registry", 1, 1, r"HKU\S-1-5-21\Run\x"),
        ("pipes", 1, 1, r"\evil"),
        ("image_loads", 1, 1, r"C:\Windows\System32\jscript9.dll"),
        ("process_access", 1, 1, r"C:\Windows\System32\lsass.exe"),
        ("injected_threads", 1, 1, r"C:\Windows\explorer.exe"),
    ];
    assert_eq!(activities, expected);
}

#[test]
fn stories_are_the_same_at_any_thread_count() {
    let all = |threads: &str| findings(&[&samples()], &["--threads", threads]);
    let one = all("1");
    assert!(one.iter().all(|finding| at(finding, "story.told") == true));
    assert_eq!(one, all("7"));
}

#[test]
fn a_finding_without_a_process_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut host = machine("ZERO", 1);
    let shell = host.explorer();
    let mut process = host.process(MSHTA, "mshta.exe a", r"EXAMPLE\alice", Some(&shell));
    process.guid = Guid::default();
    let records = [host.start(&process)];
    let log = write(folder.path(), "zero.evtx", &records);
    let rule = folder.path().join("any.eql");
    std::fs::write(&rule, r#"process where process.name : "mshta.exe""#).expect("a rule");
    let rule = rule.to_string_lossy().into_owned();
    let found = findings(&[&log], &["--no-builtin", "--rules", &rule]);
    assert_eq!(found.len(), 1);
    assert_eq!(at(&found[0], "story.told"), false);
    assert_eq!(at(&found[0], "story.reason"), Untold::NoProcess.as_str());
}

#[test]
fn a_process_with_several_findings_has_its_story_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let rule = folder.path().join("connects.eql");
    std::fs::write(&rule, r#"network where destination.port == 8443"#).expect("a rule");
    let rule = rule.to_string_lossy().into_owned();
    let found = findings(&[&samples().join("beacon")], &["--rules", &rule]);
    assert_eq!(found.len(), 401);
    let id = |finding: &serde_json::Value| at(finding, "finding_id").as_str().expect("an id").to_owned();
    let place = found.iter().map(id).min().expect("findings");
    let (told, others): (Vec<&serde_json::Value>, Vec<&serde_json::Value>) =
        found.iter().partition(|finding| id(finding) == place);
    assert_eq!(told.len(), 1);
    assert_eq!(at(told[0], "story.connections.count"), 400);
    assert!(others.iter().all(|finding| at(finding, "story.same_as") == place.as_str()));
}

#[test]
fn the_second_connection_of_a_public_mshta_is_in_its_story() {
    let Some(corpus) = corpus() else { return };
    let outcome = scan_here(&[corpus.join("evtx")], Clock::Created);
    let several: Vec<(&str, u64, usize)> = outcome
        .findings
        .iter()
        .filter(|finding| story(finding).process.name.eq_ignore_ascii_case("mshta.exe"))
        .filter(|finding| story(finding).connections.all.count > 1)
        .map(|finding| {
            let guid = &story(finding).process.entity_id;
            let same = |other: &&Finding| story(other).process.entity_id == *guid;
            let count = outcome.findings.iter().filter(same).count();
            (guid.as_str(), story(finding).connections.all.count, count)
        })
        .collect();
    assert!(!several.is_empty(), "some mshta.exe of the corpus connects twice");
    assert!(
        several.iter().all(|(_, connections, findings)| *connections == 2 && *findings == 1),
        "{several:?}"
    );
}

/// Counts the bytes of a scan: all, and those that it says it reads again.
#[derive(Default)]
struct Counting {
    read: std::sync::atomic::AtomicU64,
    again: std::sync::atomic::AtomicU64,
}

impl evql::scan::Observer for Counting {
    fn bytes_read(&self, bytes: u64) {
        self.read.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
    }
    fn source_read(&self) {}
    fn hits(&self, _count: u64) {}
    fn reads_again(&self, bytes: u64) {
        self.again.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
fn only_what_holds_a_flagged_process_is_read_again() {
    use std::sync::atomic::Ordering;
    let folder = samples();
    // No process of these is flagged, and the lone start of `wscript` is read once more for its near miss.
    let counted = |paths: &[PathBuf]| {
        let counting = Counting::default();
        let found = scan_observed(paths, Clock::Created, &counting).findings.len();
        let [read, again] = [&counting.read, &counting.again].map(|count| count.load(Ordering::Relaxed));
        (found, read, again)
    };
    let size = |story: &str| common::tree(&folder.join(story)).values().map(|bytes| bytes.len() as u64).sum();
    let (empty, rolled, flagged): (u64, u64, u64) =
        (size("foreign-provider"), size("wscript"), size("mshta"));
    assert_eq!(counted(&[folder.join("foreign-provider")]), (0, empty, 0));
    assert_eq!(counted(&[folder.join("wscript")]), (0, 2 * rolled, rolled));
    let both = [folder.join("foreign-provider"), folder.join("mshta")];
    assert_eq!(counted(&both), (1, empty + 3 * flagged, 2 * flagged));
}

/// Stories need only some chunks of a log that the fast reader reads, and all of what the other reads: both have to tell the same.
#[test]
fn the_chunks_that_are_read_again_hold_all_of_a_story() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = LoadOptions {
        hosts: 3,
        events: 30_000,
        seed: 11,
        attacks: 60,
        layout: Layout::Sysmon15,
        mixed: false,
        files: None,
    };
    generate(&options, folder.path()).expect("a load");
    let told = |more: &[&str]| findings(&[folder.path()], more);
    let (some, all) = (told(&[]), told(&["--reader", "xml"]));
    assert!(some.len() >= 30, "{} findings", some.len());
    assert_eq!(some, all);
}
