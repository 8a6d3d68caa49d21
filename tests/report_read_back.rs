//! Outcomes made by hand, hostile ones too, are written, read back and written again: the same bytes.

#[path = "report_support/mod.rs"]
mod support;

use std::path::Path;
use std::sync::Arc;

use evql::finding::{Case, Filtered, Outcome, Presence, Run, Selected, Tlp, Window};
use evql::report::{Format, Options, read_folder, write_folder};
use support::*;

#[track_caller]
fn reads_back(mut outcome: Outcome, run: &Run) {
    // Rules of the same id, hash and origin are the same rule.
    for finding in &mut outcome.findings {
        let rule = Arc::make_mut(&mut finding.rule);
        rule.sha256 = format!("{}{}", rule.sha256, rule.severity.as_str());
    }
    let rules = outcome.findings.iter().map(|finding| &finding.rule);
    let near = outcome.near.listed.iter_mut().map(|miss| {
        // Of a near miss no more is claimed than this.
        miss.nearly.threats.clear();
        Arc::clone(&miss.nearly.rule)
    });
    let counted = outcome.near.counts.iter().map(|count| Arc::clone(&count.rule));
    let aside = outcome.suppressed.iter().map(|suppressed| Arc::clone(&suppressed.finding.rule));
    outcome.rules.extend(rules.cloned().chain(near).chain(counted).chain(aside));
    let temp = tempfile::tempdir().expect("a folder");
    let (first, second) = (temp.path().join("first"), temp.path().join("second"));
    let write = |folder: &Path, outcome: &Outcome, run: &Run| {
        write_folder(folder, &Format::ALL, outcome, run, &Options::default()).expect("written");
    };
    outcome.groups = evql::scan::groups(&outcome.findings);
    write(&first, &outcome, run);
    let mut read = read_folder(&first).expect("read back");
    assert_eq!(read.doubts, [""; 0]);
    read.outcome.groups = evql::scan::groups(&read.outcome.findings);
    write(&second, &read.outcome, &read.run);
    for entry in std::fs::read_dir(&first).expect("a folder") {
        let name = entry.expect("a file").file_name();
        let text = |folder: &Path| std::fs::read_to_string(folder.join(&name)).expect("a file");
        let (before, after) = (text(&first), text(&second));
        let differs = before.lines().zip(after.lines()).find(|(before, after)| before != after);
        assert!(
            before == after,
            "{} differs: {:?}",
            name.display(),
            differs.map(|lines| cut(lines.0, lines.1))
        );
    }
}

/// What differs, and a little around it.
fn cut<'a>(before: &'a str, after: &'a str) -> [String; 2] {
    let at = before.bytes().zip(after.bytes()).position(|(a, b)| a != b).unwrap_or_default();
    [before, after].map(|line| {
        String::from_utf8_lossy(&line.as_bytes()[at.saturating_sub(80)..]).chars().take(200).collect()
    })
}

#[test]
fn plain_quiet_and_large_outcomes_read_back() {
    reads_back(plain(), &run());
    reads_back(quiet(), &run());
    reads_back(large(700, 60), &run());
}

#[test]
fn hostile_text_reads_back_as_it_was() {
    let mut outcome = hostile();
    outcome.selected = Selected {
        window: Window { from: Some(at(-5)), to: None },
        hosts: ATTACKS.iter().map(|attack| (*attack).to_owned()).collect(),
        excluded_hosts: vec![ATTACKS.concat()],
    };
    outcome.sources[0].filtered = Filtered { before: 1, after: 2, without_time: u64::MAX, other_hosts: 4 };
    outcome.mapping = vec![ATTACKS.concat()];
    let run = hostile_run();
    reads_back(outcome, &Run { case: Case { tlp: Some(Tlp::Red), ..run.case.clone() }, ..run });
}

#[test]
fn what_a_host_did_not_log_reads_back() {
    let mut outcome = plain();
    let host = &mut outcome.hosts[1];
    let network = host.events.get_mut(&3).expect("events 3");
    *network = Default::default();
    network.add(Some(at(-86_400_000)));
    // Other events go on for months.
    (0..2_000).for_each(|day| host.events.get_mut(&1).expect("events 1").add(Some(at(day * 43_200_000))));
    host.last = Some(at(2_000 * 43_200_000).plus_ticks(1));
    host.judge([1, 3, 22].into_iter());
    assert!(matches!(host.presence[&3], Presence::Partly(_)));
    reads_back(outcome, &run());
}
