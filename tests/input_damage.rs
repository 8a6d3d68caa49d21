//! Files that are damaged, empty or something else: each is told of with its reason, and everything that is intact is read.

mod input_support;

use std::path::Path;

use evql::finding::{Damage, DamageKind};
use evql::input::{End, IntakeOptions, ReaderKind, Source};
use input_support::{Random, Told, corpus, read_bytes, source, visit};

const HEADER: usize = 4096;
const CHUNK: usize = 65_536;

/// A log of three chunks in use (39, 42 and 6 records), with the space for one more behind them.
fn log() -> Option<Vec<u8>> {
    let path =
        corpus()?.join("evtx/attack-samples/Privilege Escalation/privesc_unquoted_svc_sysmon_1_11.evtx");
    let mut log = std::fs::read(path).expect("the log");
    log.truncate(HEADER + 4 * CHUNK);
    Some(log)
}

/// What of `bytes` is read, by the fast reader.
#[track_caller]
fn told(bytes: &[u8]) -> Told {
    read_bytes(bytes, ReaderKind::Fast).0
}

/// The damages as kind, chunk and whether they are a loss.
fn losses(told: &Told) -> Vec<(DamageKind, Option<u64>, bool)> {
    told.damages.iter().map(|damage| (damage.kind, damage.chunk, damage.lost)).collect()
}

#[track_caller]
fn end(source: Source) -> End {
    let mut ends = visit(&[source], IntakeOptions::default(), ReaderKind::Fast, &mut Told::default());
    ends.pop().expect("every source ends")
}

#[track_caller]
fn opened(name: &str, content: &[u8], named: bool) -> Result<(), Option<Damage>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("a file");
    let mut source = source(&path);
    source.named = named;
    match end(source) {
        End::Read(_) => Ok(()),
        End::Skipped(size) => {
            assert_eq!(size, content.len() as u64);
            Err(None)
        }
        End::Failed { damage, .. } => Err(Some(damage)),
        End::Unread(_) => panic!("nothing broke off"),
    }
}

#[test]
fn what_is_no_log_is_told_of_when_it_should_be_one() {
    for (name, content, named, told) in [
        ("README.txt", &b"hello"[..], false, false),
        ("README.txt", b"hello", true, true),
        ("text.evtx", b"hello", false, true),
        ("TEXT.EVTX", b"hello", false, true),
        ("empty.evtx", b"", false, true),
        ("empty", b"", false, false),
        ("empty", b"", true, true),
        ("36_Sysmon.evtx_{00000000}.data", b"hello", false, true),
    ] {
        let damage = opened(name, content, named).expect_err("no log");
        assert_eq!(damage.is_some(), told, "{name}, named: {named}");
        if let Some(damage) = damage {
            assert_eq!((damage.kind, damage.lost), (DamageKind::NotEvidence, true));
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_unreadable() {
    let gone = source(Path::new("/nowhere/log.evtx"));
    let End::Failed { damage, .. } = end(gone) else { panic!("opened") };
    assert_eq!((damage.kind, damage.lost), (DamageKind::Unreadable, true));
}

#[test]
fn a_header_alone_is_a_truncated_file() {
    let Some(log) = log() else { return };
    for len in [8, 100, 128, HEADER - 1, HEADER] {
        let told = told(&log[..len]);
        assert_eq!(told.records, []);
        assert!(losses(&told).contains(&(DamageKind::Truncated, None, true)), "{len}: {:?}", told.damages);
    }
}

#[test]
fn a_chunk_is_read_without_its_file_header() {
    let Some(mut log) = log() else { return };
    let whole = told(&log);
    log[..HEADER].fill(0xAA);
    let headless = told(&log);
    assert_eq!(headless.records, whole.records);
    assert_eq!(losses(&headless), [(DamageKind::FileHeader, None, false)]);
    log[HEADER..][..8].fill(0);
    let headless = told(&log);
    assert_eq!(headless.records, &whole.records[39..]);
    assert_eq!(
        losses(&headless),
        [(DamageKind::FileHeader, None, false), (DamageKind::Chunk, Some(0), true)]
    );
}

#[test]
fn a_lying_header_hides_no_chunk() {
    let Some(mut log) = log() else { return };
    let whole = told(&log);
    log[42..44].copy_from_slice(&1_u16.to_le_bytes());
    let told = told(&log);
    assert_eq!(told.records, whole.records);
    assert_eq!(losses(&told), [(DamageKind::FileHeader, None, false)]);
}

#[test]
fn zeroed_chunks_are_a_loss_only_among_chunks_in_use() {
    let Some(log) = log() else { return };
    let whole = told(&log);
    assert_eq!(whole.damages, []);
    for chunk in [0, 1] {
        let mut zeroed = log.clone();
        zeroed[HEADER + chunk * CHUNK..][..CHUNK].fill(0);
        let told = told(&zeroed);
        let kept: Vec<_> =
            whole.records.iter().filter(|record| record.position.chunk != chunk as u64).cloned().collect();
        assert_eq!(told.records, kept);
        assert_eq!(losses(&told), [(DamageKind::Chunk, Some(chunk as u64), true)]);
    }
    // The header tells of three chunks, so the last one is missed as well.
    let mut zeroed = log.clone();
    zeroed[HEADER + 2 * CHUNK..][..CHUNK].fill(0);
    assert_eq!(losses(&told(&zeroed)), [(DamageKind::Chunk, Some(2), true)]);
}

#[test]
fn a_flipped_byte_costs_one_record_at_most() {
    let Some(log) = log() else { return };
    let whole = told(&log);
    let mut random = Random(7);
    for _ in 0..1_000 {
        let at = HEADER + random.below(3 * CHUNK);
        let mut flipped = log.clone();
        flipped[at] ^= 1 << random.below(8);
        let chunk = ((at - HEADER) / CHUNK) as u64;
        let told = told(&flipped);
        let elsewhere = |all: &Told| {
            all.records.iter().filter(|record| record.position.chunk != chunk).cloned().collect::<Vec<_>>()
        };
        assert_eq!(elsewhere(&told), elsewhere(&whole), "byte {at}");
        if told.records != whole.records {
            assert!(!told.damages.is_empty(), "byte {at}");
        }
        if told.records.len() < whole.records.len() {
            assert!(told.damages.iter().any(|damage| damage.lost), "byte {at}: {:?}", told.damages);
        }
    }
}

#[test]
fn a_bad_record_costs_no_other() {
    let Some(log) = log() else { return };
    let whole = told(&log);
    let second = log[HEADER..]
        .windows(4)
        .enumerate()
        .filter(|(_, bytes)| *bytes == b"\x2a\x2a\0\0")
        .nth(1)
        .expect("a record")
        .0;
    // Its magic, its size, its BinXML; the checksum of the records says so each time.
    for (offset, bytes) in [
        (0, &b"\0"[..]),
        (0, b"XXXX"),
        (4, b"\xFF\xFF\xFF\x7F"),
        (4, b"\0\0\0\0"),
        (24, b"\xFF\xFF\xFF\xFF\xFF"),
    ] {
        let mut bad = log.clone();
        bad[HEADER + second + offset..][..bytes.len()].copy_from_slice(bytes);
        let told = told(&bad);
        // Positions of the records behind it may shift.
        let ids = |all: &Told| all.records.iter().map(|record| record.system.record_id).collect::<Vec<_>>();
        let mut expected = ids(&whole);
        expected.remove(1);
        assert_eq!(ids(&told), expected, "{offset} {bytes:?}");
        assert_eq!(
            losses(&told),
            [(DamageKind::Checksum, Some(0), false), (DamageKind::Record, Some(0), true)]
        );
    }
}

#[test]
fn the_record_headers_id_and_time_are_not_believed() {
    let Some(mut log) = log() else { return };
    let whole = told(&log);
    for kind in [ReaderKind::Fast, ReaderKind::Xml] {
        log[HEADER + 512 + 8..][..8].copy_from_slice(&7_u64.to_le_bytes());
        log[HEADER + 512 + 16..][..8].copy_from_slice(&u64::MAX.to_le_bytes());
        let told = read_bytes(&log, kind).0;
        assert_eq!(told.records, whole.records);
        assert_eq!(losses(&told), [(DamageKind::Checksum, Some(0), false)]);
    }
}

#[test]
fn records_that_a_damaged_chunk_header_denies_are_read() {
    let Some(mut log) = log() else { return };
    let whole = told(&log);
    // The offset of the free space, the last record's id and offset.
    for (offset, value) in [(48, 600_u32), (48, 0), (32, 3), (44, 512), (24, 900)] {
        let kept: [u8; 4] = log[HEADER + offset..][..4].try_into().expect("four bytes");
        log[HEADER + offset..][..4].copy_from_slice(&value.to_le_bytes());
        for kind in [ReaderKind::Fast, ReaderKind::Xml] {
            let told = read_bytes(&log, kind).0;
            assert_eq!(told.records, whole.records, "{offset}");
            assert!(losses(&told).contains(&(DamageKind::Checksum, Some(0), false)));
        }
        log[HEADER + offset..][..4].copy_from_slice(&kept);
    }
}

#[test]
fn a_damaged_string_table_costs_nothing() {
    let Some(mut log) = log() else { return };
    let whole = told(&log);
    log[HEADER + 128..][..256].fill(0xFF);
    for kind in [ReaderKind::Fast, ReaderKind::Xml] {
        let told = read_bytes(&log, kind).0;
        assert_eq!(told.records, whole.records);
        assert_eq!(losses(&told), [(DamageKind::Checksum, Some(0), false)]);
    }
}

#[test]
fn records_that_a_chunk_header_tells_of_are_missed() {
    let Some(mut log) = log() else { return };
    let at =
        log[HEADER..HEADER + CHUNK].windows(4).rposition(|bytes| bytes == b"\x2a\x2a\0\0").expect("a record");
    log[HEADER + at..HEADER + CHUNK].fill(0);
    let told = told(&log);
    assert_eq!(told.records.len(), 86);
    assert_eq!(losses(&told), [(DamageKind::Checksum, Some(0), false), (DamageKind::Chunk, Some(0), true)]);
}

#[test]
fn a_file_cut_anywhere_keeps_its_whole_chunks() {
    let Some(log) = log() else { return };
    let whole = told(&log);
    for len in (0..=log.len()).step_by(4096).skip(1) {
        for cut in [len - 1, len, (len + 1).min(log.len())] {
            let told = told(&log[..cut]);
            let chunks = ((cut.saturating_sub(HEADER)) / CHUNK) as u64;
            let kept: Vec<_> =
                whole.records.iter().filter(|record| record.position.chunk < chunks).cloned().collect();
            assert_eq!(told.records.get(..kept.len()), Some(kept.as_slice()), "{cut}");
            assert!(told.records.iter().all(|record| whole.records.contains(record)), "{cut}");
            if told.records.len() < whole.records.len() {
                assert!(told.damages.iter().any(|damage| damage.lost), "{cut}");
            }
        }
    }
}
