//! The writer's templates are Windows' own, byte for byte: compared with two real logs. Values differ, so records are not compared.

use std::path::PathBuf;

use evql::synth::{FileOptions, Origin, SynthRecord, sysmon, to_evtx};
use evql::sysmon::schema::{Layout, event_spec};
use evql::time::Timestamp;

/// From the file's start to the first record's `System` template definition, the same in every log that Windows writes.
const SYSTEM_TEMPLATE: usize = 0x1000 + 0x226;

fn corpus() -> PathBuf {
    std::env::var_os("EVQL_CORPUS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from)
}

/// A template definition without its identifiers: the length and the tokens.
fn definition(bytes: &[u8], at: usize) -> &[u8] {
    let length = u32::from_le_bytes(bytes[at + 20..at + 24].try_into().expect("four bytes")) as usize;
    &bytes[at + 20..at + 24 + length]
}

/// Where the definition of the first record's `EventData` template stands: after the `System` template, its 18 values, and the nested instance's head.
fn data_template(bytes: &[u8]) -> usize {
    let values = SYSTEM_TEMPLATE + 20 + definition(bytes, SYSTEM_TEMPLATE).len();
    let descriptors = bytes[values + 4..values + 4 + 18 * 4].chunks(4);
    let sizes = descriptors.map(|it| usize::from(u16::from_le_bytes([it[0], it[1]])));
    let nested = values + 4 + 18 * 4 + sizes.take(17).sum::<usize>();
    let fragment_header = if bytes[nested] == 0x0f { 4 } else { 0 };
    nested + fragment_header + 10
}

fn process_start(computer: &'static str, layout: Layout) -> SynthRecord {
    let host = sysmon::Host::new(computer, 1, layout);
    let time = Timestamp::from_filetime(132_831_263_567_419_959);
    let moment = sysmon::Moment { created: time, utc: time, record_id: 1 };
    host.record(event_spec(1).expect("event 1 is known"), moment, &|_| None)
}

#[track_caller]
fn templates_equal(path: &str, computer: &'static str, layout: Layout, origin: Origin) {
    let path = corpus().join(path);
    let Ok(real) = std::fs::read(&path) else {
        println!("skipped: {} is not there", path.display());
        return;
    };
    let options = FileOptions { origin, ..FileOptions::default() };
    let ours = to_evtx(&[process_start(computer, layout)], options).expect("one record fits");
    assert_eq!(definition(&ours, SYSTEM_TEMPLATE), definition(&real, SYSTEM_TEMPLATE));
    let at = data_template(&real);
    assert_eq!(data_template(&ours), at);
    assert_eq!(definition(&ours, at), definition(&real, at));
}

#[test]
fn templates_are_those_of_an_export() {
    let path = "evtx/evtx-to-mitre/EVTX_full_APT_attack_steps/ID11,13,17,18-PSexec as system execution.evtx";
    templates_equal(path, "fs03vuln.offsec.lan", Layout::Sysmon12, Origin::Export);
}

#[test]
fn templates_are_those_of_a_live_log() {
    let path = "evtx/evtx-crate/samples/sysmon.evtx";
    templates_equal(path, "DESKTOP-2KGM189", Layout::Sysmon6, Origin::Live);
}
