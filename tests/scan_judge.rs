//! What raises and lowers a finding, and how common it is, on findings made by hand and on the samples. Every expected value is the table's of docs/OUTPUTS.md.

mod common;
mod report_support;

use common::{at, findings, samples};
use std::borrow::Cow;

use evql::finding::{Clock, ExcludedName, Finding, Reason, Severity};
use evql::scan::{groups, judge};
use report_support::finding;
use serde_json::{Value, json};

/// An ordinary finding: mshta.exe from System32, started by explorer.exe, reaching an address set aside for documentation.
fn ordinary(number: u64, host: &str) -> Finding {
    finding(number, host, "mshta.exe", 1_000, Severity::Medium)
}

/// `finding` with the value at `pointer` of its event number `event`, from 0, replaced.
fn with(mut finding: Finding, event: usize, path: &[&str], value: Value) -> Finding {
    let document = &mut finding.events[event].as_mut().expect("an event").document;
    let (first, rest) = path.split_first().expect("a path");
    let mut slot = document.entry(*first).or_insert_with(|| json!({}));
    for part in rest {
        slot = &mut slot[*part];
    }
    *slot = value;
    finding
}

/// The codes and weights of the one finding's reasons, its risk and its severity, in evidence of one host.
fn judged(finding: Finding) -> (Vec<(&'static str, i32)>, u32, Severity) {
    let mut list = [finding];
    judge(&mut list, 1);
    let [finding] = list;
    let code = |reason: &Reason| match reason.code {
        Cow::Borrowed(code) => code,
        Cow::Owned(_) => panic!("judged, not read back"),
    };
    let why = finding.why.iter().map(|reason| (code(reason), reason.weight)).collect();
    assert!(finding.why.iter().all(|reason| !reason.words.is_empty()));
    assert_eq!((finding.rule.severity, finding.rule.risk_score), (Severity::Medium, 47), "the base stays");
    (why, finding.risk_score, finding.severity)
}

#[test]
fn an_ordinary_finding_keeps_what_its_rule_says() {
    assert_eq!(judged(ordinary(1, "WS01")), (vec![], 47, Severity::Medium));
}

#[test]
fn a_public_destination_weighs_and_an_inbound_connection_has_none() {
    let public = with(ordinary(1, "WS01"), 1, &["destination", "ip"], json!("8.8.8.8"));
    assert_eq!(judged(public.clone()), (vec![("public_destination", 10)], 57, Severity::Medium));
    let inbound = with(public, 1, &["network", "direction"], json!("ingress"));
    assert_eq!(judged(inbound), (vec![], 47, Severity::Medium));
}

#[test]
fn another_name_weighs_and_a_resource_file_s_suffix_does_not() {
    let original =
        |name: &str| with(ordinary(1, "WS01"), 0, &["process", "pe", "original_file_name"], json!(name));
    assert_eq!(judged(original("MSHTA.EXE.MUI")).0, []);
    assert_eq!(judged(original("-")).0, []);
    assert_eq!(judged(original("PowerShell.EXE")), (vec![("renamed", 20)], 67, Severity::Medium));
}

#[test]
fn a_path_weighs_by_who_can_write_it_and_by_where_windows_keeps_its_programs() {
    let image = |path: &str| {
        let started = with(ordinary(1, "WS01"), 0, &["process", "executable"], json!(path));
        judged(with(started, 1, &["process", "executable"], json!(path)))
    };
    let elsewhere = ("system_name_elsewhere", 20);
    let writable = ("user_writable_path", 15);
    assert_eq!(image(r"C:\WINDOWS\SysWOW64\mshta.exe").0, []);
    assert_eq!(image(r"D:\tools\mshta.exe"), (vec![elsewhere], 67, Severity::Medium));
    assert_eq!(image(r"C:\ProgramData\x\mshta.exe"), (vec![elsewhere, writable], 82, Severity::High));
    assert_eq!(image(r"C:\Windows\Temp\mshta.exe").0, [writable]);
    assert_eq!(image(r"C:\$Recycle.Bin\S-1-5\mshta.exe").0, [elsewhere, writable]);
    assert_eq!(image("mshta.exe").0, [], "a name is no path");
}

#[test]
fn a_parent_weighs_by_what_it_is_and_a_service_only_from_its_own_place() {
    let parent = |path: &str| {
        let name = path.rsplit('\\').next().expect("a name");
        let named = with(ordinary(1, "WS01"), 0, &["process", "parent", "name"], json!(name));
        judged(with(named, 0, &["process", "parent", "executable"], json!(path)))
    };
    let office = r"C:\Program Files\Microsoft Office\root\Office16\WINWORD.EXE";
    assert_eq!(parent(office), (vec![("parent_office", 25)], 72, Severity::High));
    assert_eq!(parent(r"C:\x\OUTLOOK.EXE"), (vec![("parent_mail", 25)], 72, Severity::High));
    assert_eq!(parent(r"C:\x\msedge.exe"), (vec![("parent_browser", 15)], 62, Severity::Medium));
    assert_eq!(parent(r"C:\x\wscript.exe"), (vec![("parent_script_host", 15)], 62, Severity::Medium));
    assert_eq!(parent(r"C:\Windows\CCM\CcmExec.exe"), (vec![("parent_updater", -15)], 32, Severity::Medium));
    assert_eq!(parent(r"C:\Users\x\CcmExec.exe").0, []);
    assert_eq!(parent(r"C:\Windows\System32\cmd.exe").0, []);
}

#[test]
fn an_excluded_name_s_address_sinks_below_all_others() {
    let mut sunk = with(ordinary(1, "WS01"), 1, &["destination", "ip"], json!("8.8.8.8"));
    sunk.excluded_name = Some(ExcludedName {
        name: "ocsp.example.com".to_owned(),
        clause: "not dns.question.name : \"ocsp.example.com\"".to_owned(),
        address: "203.0.113.9".to_owned(),
        record_id: Some(7),
    });
    let why = vec![("resolved_from_excluded_name", -60), ("public_destination", 10)];
    assert_eq!(judged(sunk), (why, 0, Severity::Low));
}

#[test]
fn prevalence_counts_hosts_and_weighs_from_five_hosts_on() {
    let target =
        |number, host: &str, ip: &str| with(ordinary(number, host), 1, &["destination", "ip"], json!(ip));
    let mut list = vec![
        target(1, "A", "192.0.2.1"),
        target(2, "A", "192.0.2.1"),
        target(3, "B", "192.0.2.1"),
        target(4, "C", "192.0.2.1"),
        target(5, "D", "192.0.2.2"),
    ];
    judge(&mut list, 4);
    assert!(list.iter().all(|finding| finding.why.is_empty()), "four hosts are too few");
    judge(&mut list, 6);
    let codes = |number: usize| list[number].why.iter().map(|reason| &*reason.code).collect::<Vec<_>>();
    assert_eq!((codes(0), codes(4)), (vec!["common"], vec!["rare"]));
    assert_eq!((list[0].risk_score, list[0].severity), (32, Severity::Medium));
    assert_eq!(list[4].risk_score, 52);
    let hosts = &list[0].prevalence;
    assert_eq!(
        (
            hosts.process,
            hosts.destination,
            hosts.process_and_destination,
            hosts.command_line,
            hosts.hash,
            hosts.pattern
        ),
        (Some(4), Some(3), Some(3), Some(4), Some(4), 3)
    );
    // The five command lines differ in a digit and nothing else.
    assert_eq!(hosts.command_shape, r"<dir>\mshta.exe http://update.example/a#.hta --quiet");
    let groups = groups(&list);
    let seen: Vec<_> = groups
        .iter()
        .map(|group| (group.destination.as_str(), group.hosts.join(","), &*group.findings))
        .collect();
    assert_eq!(
        seen,
        [("192.0.2.2", "D".to_owned(), [4].as_slice()), ("192.0.2.1", "A,B,C".to_owned(), &[0, 1, 2, 3])]
    );
    judge(&mut list, 7);
    assert!(list[0].why.is_empty(), "three of seven are less than half");
}

#[test]
fn every_output_carries_the_base_and_the_reasons() {
    let [found] = findings(&[&samples().join("beacon")], &[]).try_into().expect("one finding");
    let why: Vec<(&str, i64)> = at(&found, "why")
        .as_array()
        .expect("reasons")
        .iter()
        .map(|reason| {
            (reason["code"].as_str().expect("a code"), reason["weight"].as_i64().expect("a weight"))
        })
        .collect();
    // regsvr32.exe in a Temp folder, by its version resource beacon.exe, started by a PowerShell.
    assert_eq!(
        why,
        [
            ("renamed", 20),
            ("system_name_elsewhere", 20),
            ("user_writable_path", 15),
            ("parent_script_host", 15)
        ]
    );
    for (key, value) in [
        ("severity", json!("high")),
        ("base_severity", json!("medium")),
        ("risk_score", json!(100)),
        ("base_risk", json!(47)),
        ("prevalence.process", json!(1)),
        ("prevalence.command_shape", json!(r"<dir>\regsvr#.exe -k")),
    ] {
        assert_eq!(at(&found, key), &value, "{key}");
    }
}

#[test]
fn the_samples_groups_hold_every_finding_once() {
    let outcome = common::scan_here(&[samples()], Clock::Created);
    let mut places: Vec<usize> = outcome.groups.iter().flat_map(|group| group.findings.clone()).collect();
    places.sort_unstable();
    assert_eq!(places, (0..outcome.findings.len()).collect::<Vec<_>>());
    assert!(outcome.groups.is_sorted_by_key(|group| (group.hosts.len(), group.findings.len())));
}
