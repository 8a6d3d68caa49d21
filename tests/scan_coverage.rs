//! What a zero means: which events each host logged when, what that leaves unseen, and the same account whatever the order of the evidence.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{evql, scan_here};
use evql::finding::{Clock, Outcome, Presence, Relation};
use evql::synth::sysmon::{Host, text};
use evql::synth::{FileOptions, Machine, Origin, SynthRecord, to_evtx};
use evql::sysmon::schema::Layout;
use evql::time::Timestamp;
use serde_json::Value;

const HOUR: i64 = 3_600_000;

fn machine(name: &'static str, first_record: u64, start: &str) -> Machine {
    let start = Timestamp::parse(start).expect("a time");
    Machine::new(Host::new(name, 1, Layout::Sysmon15), start, first_record, 7)
}

/// A log that starts a process every hour and, in the hours that `connects` takes, connects.
fn hourly(name: &'static str, hours: i64, connects: impl Fn(i64) -> bool) -> Vec<SynthRecord> {
    let mut machine = machine(name, 1, "2024-03-01T00:00:00Z");
    let mut records = Vec::new();
    for hour in 0..hours {
        let process = machine.explorer();
        records.push(machine.start(&process));
        if connects(hour) {
            records.push(machine.connect(&process, "203.0.113.7", 443));
        }
        machine.wait(HOUR);
    }
    records
}

fn write(folder: &Path, name: &str, records: &[SynthRecord]) -> PathBuf {
    let path = folder.join(name);
    let options = FileOptions { origin: Origin::Export, ..FileOptions::default() };
    fs::write(&path, to_evtx(records, options).expect("a log")).expect("a file");
    path
}

/// One host that never connects, one that stops after a day, one that always does.
fn three_hosts(folder: &Path) -> Vec<PathBuf> {
    vec![
        write(folder, "never.evtx", &hourly("NEVER", 72, |_| false)),
        write(folder, "stops.evtx", &hourly("STOPS", 72, |hour| hour < 24)),
        write(folder, "always.evtx", &hourly("ALWAYS", 72, |_| true)),
    ]
}

fn presence<'a>(outcome: &'a Outcome, host: &str, event_id: u32) -> &'a Presence {
    let host = outcome.hosts.iter().find(|coverage| coverage.host == host).expect("the host");
    &host.presence[&event_id]
}

#[test]
fn a_zero_is_told_from_an_event_that_was_not_logged() {
    let temp = tempfile::tempdir().expect("a folder");
    let outcome = scan_here(&three_hosts(temp.path()), Clock::Created);
    let needed: Vec<u32> = outcome.reach.needs.iter().map(|need| need.event_id).collect();
    assert_eq!(needed, [1, 3, 22], "the built-in rule is a start, then a connection or a DNS query");
    assert_eq!(*presence(&outcome, "NEVER", 1), Presence::Present);
    assert_eq!(*presence(&outcome, "NEVER", 3), Presence::Absent);
    assert_eq!(*presence(&outcome, "ALWAYS", 3), Presence::Present);
    let stops = presence(&outcome, "STOPS", 3);
    assert_eq!(stops.periods().len(), 1);
    // The last connection is at 23:00 of the first day, the next process starts at 00:00: 13,353,811,200 s after 1601, a multiple of the buckets' 256 s.
    let day = |text: &str| Timestamp::parse(text).expect("a time");
    let period = stops.periods()[0];
    assert_eq!(period.from, day("2024-03-02T00:00:00Z"));
    assert_eq!(period.to, day("2024-03-03T23:00:00Z"));
}

#[test]
fn a_rule_that_could_not_have_matched_names_the_hosts() {
    let temp = tempfile::tempdir().expect("a folder");
    let outcome = scan_here(&three_hosts(temp.path()), Clock::Created);
    let [blind] = outcome.reach.blind.as_slice() else { panic!("{:?}", outcome.reach.blind) };
    assert_eq!(
        (blind.events.as_slice(), blind.hosts.as_slice()),
        ([3, 22].as_slice(), ["NEVER".to_owned()].as_slice())
    );
}

#[test]
fn every_output_tells_it() {
    let temp = tempfile::tempdir().expect("a folder");
    three_hosts(temp.path());
    let out = temp.path().join("out");
    let ran = evql(["scan".as_ref(), "-o".as_ref(), out.as_os_str(), temp.path().as_os_str()]).expect(0);
    let absent = "Event 3 (network connection) is absent on NEVER: nothing of the kind was logged there";
    let partly = "Event 3 (network connection) is absent for a time on STOPS from 2024-03-02 00:00:00.000Z to 2024-03-03 23:00:00.000Z";
    let blind =
        "could not have matched on NEVER: it needs one of the events 3 (network connection), 22 (DNS query)";
    let page = fs::read_to_string(out.join("report.html")).expect("report.html");
    let run: Value =
        serde_json::from_slice(&fs::read(out.join("run.json")).expect("run.json")).expect("JSON");
    let sentences = run["coverage"]["sentences"].to_string();
    for sentence in [absent, partly, blind] {
        assert!(ran.stderr.contains(sentence), "{sentence} in {}", ran.stderr);
        assert!(page.contains(sentence), "{sentence} in the page");
        assert!(sentences.contains(sentence), "{sentence} in {sentences}");
    }
    let stops = &run["coverage"]["hosts"][2];
    assert_eq!((&stops["host"], &stops["events"][1]["state"]), (&"STOPS".into(), &"partly".into()));
    assert_eq!(stops["events"][1]["count"], 24);
    let table = fs::read_to_string(out.join("coverage.csv")).expect("coverage.csv");
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(
        rows[0],
        r#""host","event_id","event","needed_by","count","first","last","state","absent_periods""#
    );
    assert_eq!(rows.len(), 1 + 3 * 3);
    assert!(
        rows[5].starts_with(r#""NEVER","3","Network connection","#)
            && rows[5].ends_with(r#","0","","","absent","""#)
    );
    assert!(
        rows[8].starts_with(r#""STOPS","3","#)
            && rows[8]
                .contains(r#""partly","2024-03-02T00:00:00.000000+00:00/2024-03-03T23:00:00.000000+00:00""#),
        "{}",
        rows[8]
    );
}

#[test]
fn the_same_lack_on_many_hosts_is_one_line() {
    let temp = tempfile::tempdir().expect("a folder");
    let names: Vec<&'static str> = (0..40).map(|number| &*format!("HOST{number:02}").leak()).collect();
    let mut records = Vec::new();
    names.iter().for_each(|name| records.extend(hourly(name, 2, |_| false)));
    records.extend(hourly("OTHER", 2, |_| true));
    write(temp.path(), "collected.evtx", &records);
    let out = temp.path().join("out");
    let ran = evql(["scan".as_ref(), "-o".as_ref(), out.as_os_str(), temp.path().as_os_str()]).expect(0);
    let lines: Vec<&str> =
        ran.stderr.lines().filter(|line| line.contains("could not have matched")).collect();
    assert_eq!(lines.len(), 1, "{}", ran.stderr);
    assert!(lines[0].contains("HOST00, HOST01, HOST02, HOST03, HOST04, HOST05 and 34 more"), "{}", lines[0]);
}

/// Processes that start one per second, as the records `ids`; the log was begun at `begin`.
fn every_second(begin: &str, ids: std::ops::RangeInclusive<u64>) -> Vec<SynthRecord> {
    let mut machine = machine("HOST", 1, begin);
    let mut records = Vec::new();
    for _ in 1..=*ids.end() {
        let process = machine.explorer();
        records.push(machine.start(&process));
        machine.wait(1_000);
    }
    records.retain(|record| ids.contains(&record.record_id));
    records
}

/// Per source, by its file's name: how newer sources stand to it, how many of its records they hold and how many not.
fn overlaps(outcome: &Outcome) -> Vec<(&str, Relation, u64, u64)> {
    outcome
        .sources
        .iter()
        .map(|source| {
            let overlap = source.overlap;
            let name = source.source.rsplit('/').next().expect("a name");
            (name, overlap.relation, overlap.in_newer, overlap.only_in_older)
        })
        .collect()
}

#[test]
fn records_only_in_an_older_copy_are_counted() {
    const BEGIN: &str = "2024-03-01T00:00:00Z";
    let temp = tempfile::tempdir().expect("a folder");
    let archive = write(temp.path(), "a-archive.evtx", &every_second(BEGIN, 1..=400));
    let shadow = write(temp.path(), "b-shadow.evtx", &every_second(BEGIN, 401..=900));
    let live = write(temp.path(), "c-live.evtx", &every_second(BEGIN, 501..=1_200));
    let outcome = scan_here(&[archive, shadow, live], Clock::Created);
    let expected = [
        ("a-archive.evtx", Relation::RolledOver, 0, 400),
        ("b-shadow.evtx", Relation::Overlaps, 400, 100),
        ("c-live.evtx", Relation::Newest, 0, 0),
    ];
    assert_eq!(overlaps(&outcome), expected);
}

#[test]
fn ids_that_begin_anew_are_other_records() {
    let temp = tempfile::tempdir().expect("a folder");
    let before = write(temp.path(), "before.evtx", &every_second("2024-03-01T00:00:00Z", 1..=300));
    let later = write(temp.path(), "later.evtx", &every_second("2024-03-02T00:00:00Z", 1..=300));
    let outcome = scan_here(&[before, later], Clock::Created);
    let expected = [("before.evtx", Relation::Restarted, 0, 300), ("later.evtx", Relation::Newest, 0, 0)];
    assert_eq!(overlaps(&outcome), expected);
    let out = temp.path().join("out");
    let ran = evql(["scan".as_ref(), "-o".as_ref(), out.as_os_str(), temp.path().as_os_str()]).expect(0);
    let sentence =
        "Sysmon records that only an older log holds: 300 in 1 input of logs that were cleared since.";
    assert!(ran.stderr.contains(sentence), "{}", ran.stderr);
    assert!(fs::read_to_string(out.join("report.html")).expect("report.html").contains(sentence));
    let evidence = fs::read_to_string(out.join("evidence.csv")).expect("evidence.csv");
    assert!(
        evidence.lines().nth(1).is_some_and(|row| row.ends_with(r#","restarted","0","300","0","","no""#)),
        "{evidence}"
    );
}

#[test]
fn the_account_is_the_same_at_any_thread_count() {
    let temp = tempfile::tempdir().expect("a folder");
    three_hosts(temp.path());
    write(temp.path(), "old.evtx", &hourly("STOPS", 30, |hour| hour < 24));
    let told = |threads: &str| {
        let out = temp.path().join(format!("out-{threads}"));
        let arguments = ["scan", "-j", threads, "-q", "-o"].map(AsRef::as_ref);
        let inputs =
            ["never.evtx", "stops.evtx", "always.evtx", "old.evtx"].map(|name| temp.path().join(name));
        let paths = std::iter::once(out.as_os_str()).chain(inputs.iter().map(|path| path.as_os_str()));
        evql(arguments.into_iter().chain(paths)).expect(0);
        let run: Value =
            serde_json::from_slice(&fs::read(out.join("run.json")).expect("run.json")).expect("JSON");
        (
            fs::read(out.join("coverage.csv")).expect("coverage.csv"),
            run["coverage"].clone(),
            run["inputs"].clone(),
        )
    };
    let one = told("1");
    assert_eq!(one, told("2"));
    assert_eq!(one, told("5"));
}

#[test]
fn a_finding_on_shifted_fields_says_so() {
    let temp = tempfile::tempdir().expect("a folder");
    let mut machine = machine("HOST", 1, "2024-03-01T00:00:00Z");
    let parent = machine.explorer();
    let mut records = Vec::new();
    for shifted in [false, true] {
        let process =
            machine.process(r"C:\Windows\System32\mshta.exe", "mshta.exe", r"EXAMPLE\alice", Some(&parent));
        records.push(machine.start(&process));
        machine.wait(2_000);
        let mut connection = machine.connect(&process, "203.0.113.7", 443);
        if shifted {
            connection.set("SourceIsIpv6", text("192.0.2.11"));
            connection.set("SourceIp", text("HOST"));
        }
        records.push(connection);
        machine.wait(60_000);
    }
    let outcome = scan_here(&[write(temp.path(), "log.evtx", &records)], Clock::Created);
    let flags: Vec<Vec<&str>> = outcome
        .findings
        .iter()
        .map(|finding| finding.present().flat_map(|event| event.evidence.flags()).collect())
        .collect();
    assert_eq!(flags, [vec![], vec!["fields_shifted"]]);
    assert_eq!(outcome.findings[0].notes, Vec::<String>::new());
    assert!(outcome.findings[1].notes[0].starts_with("Values of record 4 stand under other names"));
}
