//! The fast reader and the slow one tell the same: on every real log, and on seeded mutants of them. No expectation here comes from either alone.

mod input_support;

use std::path::{Path, PathBuf};

use evql::input::ReaderKind;
use input_support::{Random, assert_same, corpus, read, read_bytes};

fn logs(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(logs(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn both_readers_agree_on_real_logs() {
    let Some(corpus) = corpus() else { return };
    for path in logs(&corpus.join("evtx")) {
        let (fast, _) = read(&path, ReaderKind::Fast);
        let (slow, _) = read(&path, ReaderKind::Xml);
        assert_same(&fast, &slow, &path.display().to_string());
    }
}

#[test]
fn what_xml_does_not_allow_is_an_underscore_in_both() {
    let Some(corpus) = corpus() else { return };
    let path =
        corpus.join("evtx/attack-samples/Execution/sysmon_mshta_sharpshooter_stageless_meterpreter.evtx");
    let log = std::fs::read(path).expect("the log");
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let mshta = utf16("mshta.exe");
    for (unit, expected) in [
        (0xD800_u16, "_shta.exe"),
        (0xDC00, "_shta.exe"),
        (0x0001, "_shta.exe"),
        (0xFFFF, "_shta.exe"),
        (0x0009, "\tshta.exe"),
        (0x000D, "\rshta.exe"),
        (0x0026, "&shta.exe"),
        (0x00E9, "éshta.exe"),
        (0xFFFD, "\u{FFFD}shta.exe"),
        (0x0085, "\u{85}shta.exe"),
    ] {
        let mut odd = log.clone();
        let places: Vec<usize> = odd
            .windows(mshta.len())
            .enumerate()
            .filter(|(_, bytes)| *bytes == mshta)
            .map(|(at, _)| at)
            .collect();
        for at in places {
            odd[at..at + 2].copy_from_slice(&unit.to_le_bytes());
        }
        for kind in [ReaderKind::Fast, ReaderKind::Xml] {
            let (told, _) = read_bytes(&odd, kind);
            let image = told.records[0].data.iter().find(|(name, _)| name == "Image").expect("an Image");
            assert!(image.1.ends_with(expected), "{unit:#x}: {}", image.1);
        }
    }
}

/// Changes some bytes of a log's first chunk, mostly those that say what the others are: record headers, templates, descriptors.
fn mutant(log: &[u8], random: &mut Random) -> Vec<u8> {
    const TELLING: &[u8] =
        &[0x00, 0x01, 0x02, 0x04, 0x05, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x11, 0x12, 0x13, 0x21, 0x81, 0xFF];
    let mut bytes = log.to_vec();
    let starts =
        log.windows(4).enumerate().filter(|(_, window)| *window == b"\x2a\x2a\0\0").map(|(at, _)| at);
    let starts: Vec<usize> = starts.collect();
    for _ in 0..=random.below(8) {
        let start = starts[random.below(starts.len())];
        let at = match random.below(12) {
            0 => 4096 + random.below(512),
            1 => start + random.below(24),
            2..=6 => start + 24 + random.below(200),
            7..=9 => 4096 + 512 + random.below(4096),
            _ => 4096 + 512 + random.below(65_536 - 512),
        };
        if let Some(byte) = bytes.get_mut(at) {
            *byte = match random.below(3) {
                0 => TELLING[random.below(TELLING.len())],
                1 => *byte ^ (1 << random.below(8)),
                _ => random.next() as u8,
            };
        }
    }
    bytes
}

/// `EVQL_MUTANTS` asks for another number of mutants.
#[test]
fn both_readers_agree_on_mutants() {
    let Some(corpus) = corpus() else { return };
    let logs: Vec<Vec<u8>> = logs(&corpus.join("evtx"))
        .iter()
        .map(|path| {
            let mut bytes = std::fs::read(path).expect("a log");
            bytes.truncate(4096 + 65_536);
            bytes
        })
        .collect();
    let mut random = Random(0x5EED);
    let mutants = std::env::var("EVQL_MUTANTS").ok().and_then(|count| count.parse().ok()).unwrap_or(600);
    for number in 0..mutants {
        let bytes = mutant(&logs[number % logs.len()], &mut random);
        let (fast, _) = read_bytes(&bytes, ReaderKind::Fast);
        let (mut slow, _) = read_bytes(&bytes, ReaderKind::Xml);
        // The two runs read two temporary files.
        for damage in &mut slow.damages {
            damage.source = fast.damages.first().map(|damage| damage.source.clone()).unwrap_or_default();
        }
        assert_same(&fast, &slow, &format!("mutant {number}"));
    }
}
