//! The load generator: the same seed gives the same bytes, every attack asked for is there and no other, and the numbers are kept. It measures no time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use evql::error::Error;
use evql::synth::{Load, LoadOptions, generate};
use evql::sysmon::schema::Layout;
use serde_json::Value;

const OPTIONS: LoadOptions = LoadOptions {
    hosts: 3,
    events: 3_000,
    seed: 7,
    attacks: 8,
    layout: Layout::Sysmon13,
    mixed: false,
    files: None,
};

/// Programs of the built-in rule's second stage.
const NETWORK_PROGRAMS: &[&str] = &[
    "bginfo.exe",
    "cdb.exe",
    "control.exe",
    "cmstp.exe",
    "csi.exe",
    "dnx.exe",
    "fsi.exe",
    "ieexec.exe",
    "iexpress.exe",
    "installutil.exe",
    "microsoft.workflow.compiler.exe",
    "msbuild.exe",
    "msdt.exe",
    "mshta.exe",
    "msiexec.exe",
    "msxsl.exe",
    "odbcconf.exe",
    "rcsi.exe",
    "regsvr32.exe",
    "xwizard.exe",
];

fn made(options: &LoadOptions) -> (tempfile::TempDir, Load) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let load = generate(options, folder.path()).expect("the options are sound");
    (folder, load)
}

/// Path below `folder` and bytes, sorted.
fn files_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.expect("the folder can be read"))
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let name =
                entry.path().strip_prefix(folder).expect("below it").to_string_lossy().replace('\\', "/");
            (name, std::fs::read(entry.path()).expect("it was just written"))
        })
        .collect()
}

fn events_of(bytes: &[u8]) -> Vec<Value> {
    let settings = evtx::ParserSettings::new().validate_checksums(true).num_threads(1);
    let mut parser =
        evtx::EvtxParser::from_buffer(bytes.to_vec()).expect("a file header").with_configuration(settings);
    parser.records_json_value().map(|record| record.expect("a healthy record").data["Event"].take()).collect()
}

fn all_events(folder: &Path) -> Vec<Value> {
    files_of(folder).values().flat_map(|bytes| events_of(bytes)).collect()
}

fn plain_guid(text: &str) -> String {
    text.trim_matches(['{', '}']).to_lowercase()
}

/// Processes of the rule's programs that start and then show a network event, by GUID.
fn suspicious(events: &[Value]) -> BTreeSet<String> {
    let listed = |event: &&Value| {
        let image = event["EventData"]["Image"].as_str().unwrap_or_default().to_lowercase();
        NETWORK_PROGRAMS.contains(&image.rsplit('\\').next().unwrap_or_default())
    };
    let guids = |ids: &[u64]| -> BTreeSet<String> {
        let of_ids = events
            .iter()
            .filter(|event| event["System"]["EventID"].as_u64().is_some_and(|id| ids.contains(&id)));
        of_ids
            .filter(listed)
            .map(|event| plain_guid(event["EventData"]["ProcessGuid"].as_str().unwrap_or_default()))
            .collect()
    };
    guids(&[1]).intersection(&guids(&[3, 22])).cloned().collect()
}

#[track_caller]
fn attacks_are_exactly_those_asked_for(options: &LoadOptions) {
    let (folder, load) = made(options);
    assert_eq!(load.attacks.len() as u64, options.attacks);
    let promised: BTreeSet<String> =
        load.attacks.iter().map(|it| plain_guid(&it.process_guid.to_string())).collect();
    assert_eq!(suspicious(&all_events(folder.path())), promised);
}

#[test]
fn every_attack_is_there_and_no_other() {
    attacks_are_exactly_those_asked_for(&OPTIONS);
    attacks_are_exactly_those_asked_for(&LoadOptions { layout: Layout::Sysmon10, files: Some(1), ..OPTIONS });
    attacks_are_exactly_those_asked_for(&LoadOptions { layout: Layout::Sysmon6, files: Some(20), ..OPTIONS });
    attacks_are_exactly_those_asked_for(&LoadOptions { events: 8_000, mixed: true, ..OPTIONS });
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let (first, second) = (made(&OPTIONS), made(&OPTIONS));
    assert_eq!(first.1, second.1);
    assert_eq!(files_of(first.0.path()), files_of(second.0.path()));
    let other = made(&LoadOptions { seed: 8, ..OPTIONS });
    assert_ne!(files_of(first.0.path()), files_of(other.0.path()));
}

#[test]
fn what_is_reported_is_what_is_on_disk() {
    for files in [None, Some(1), Some(2), Some(50)] {
        let (folder, load) = made(&LoadOptions { files, ..OPTIONS });
        let on_disk = files_of(folder.path());
        assert_eq!(load.files, files.unwrap_or(3));
        assert_eq!(load.files as usize, on_disk.len());
        assert_eq!(load.bytes as usize, on_disk.values().map(Vec::len).sum::<usize>());
        assert_eq!((load.records, all_events(folder.path()).len()), (3_000, 3_000));
    }
}

#[test]
fn events_come_in_ordinary_proportions() {
    let (folder, _) = made(&LoadOptions { hosts: 2, events: 10_000, attacks: 0, ..OPTIONS });
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for event in all_events(folder.path()) {
        *counts.entry(event["System"]["EventID"].as_u64().expect("an id")).or_default() += 1;
    }
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [1, 3, 5, 7, 10, 11, 12, 13, 22]);
    assert!(counts[&7] > counts[&13] && counts[&13] > counts[&3] && counts[&3] > counts[&22], "{counts:?}");
}

#[test]
fn a_mixed_collection_is_mostly_not_sysmon() {
    let (folder, load) = made(&LoadOptions { events: 8_000, mixed: true, ..OPTIONS });
    let providers = all_events(folder.path())
        .into_iter()
        .map(|event| event["System"]["Provider"]["#attributes"]["Name"].as_str().expect("a name").to_owned());
    let sysmon = providers.filter(|provider| provider == "Microsoft-Windows-Sysmon").count();
    assert_eq!((sysmon, load.records, load.files), (1_000, 8_000, 12));
}

#[test]
fn contradictions_are_refused() {
    let refused =
        |options: LoadOptions| matches!(generate(&options, Path::new("nowhere")), Err(Error::Usage(_)));
    assert!(refused(LoadOptions { hosts: 0, ..OPTIONS }));
    assert!(refused(LoadOptions { files: Some(0), ..OPTIONS }));
    assert!(refused(LoadOptions { files: Some(3_001), ..OPTIONS }));
    assert!(refused(LoadOptions { attacks: 1_000, ..OPTIONS }));
}
