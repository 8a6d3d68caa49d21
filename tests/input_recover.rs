//! Records from slack and from destroyed chunks, and chunks carved from raw bytes: all that was written comes back, marked, and the live ones as before.
//! The fixtures come from the project's writer; what must be found is what was given to it.

mod common;
mod input_support;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use evql::finding::{Clock, Damage, DamageKind};
use evql::input::{End, Finished, IntakeOptions, PieceReader, RawRecord, ReaderKind, Source};
use evql::scan::{Answer, PassOptions, Unobserved, compile, query};
use evql::synth::{FileOptions, Origin, SynthRecord, TypedValue, to_evtx};
use evql::sysmon;
use evql::time::Timestamp;
use input_support::chunks::{CHUNK, FIRST_RECORD, HEADER, put_u32, sign, sign_file, starts, u32_at};
use input_support::{Random, SYSMON, Told, assert_same, corpus, source, visit_with};

const KINDS: [ReaderKind; 2] = [ReaderKind::Fast, ReaderKind::Xml];

/// A process start on `computer` as record `id`; its command line tells who wrote it.
fn record(computer: &str, id: u64) -> SynthRecord {
    let time = Timestamp::from_unix_millis(1_709_287_200_000 + i64::try_from(id).expect("small") * 1_000);
    let text = |text: String| TypedValue::Text(text);
    SynthRecord {
        provider: SYSMON.into(),
        provider_guid: None,
        event_id: 1,
        version: 5,
        level: 4,
        task: 1,
        opcode: 0,
        keywords: 0x8000_0000_0000_0000,
        time_created: time,
        record_id: id,
        process_id: 4,
        thread_id: 8,
        channel: "Microsoft-Windows-Sysmon/Operational".into(),
        computer: computer.to_owned().into(),
        user_sid: None,
        data: vec![
            ("UtcTime".into(), text("2024-03-01 10:00:00.000".to_owned())),
            ("ProcessId".into(), TypedValue::UInt32(4_000)),
            ("Image".into(), text(r"C:\Windows\System32\whoami.exe".to_owned())),
            ("CommandLine".into(), text(format!("whoami /{computer} /{id} {}", "x".repeat(100)))),
        ],
    }
}

/// A live log of `computer` with the records `ids`.
fn log(computer: &str, ids: std::ops::Range<u64>) -> Vec<u8> {
    let records: Vec<SynthRecord> = ids.map(|id| record(computer, id)).collect();
    let options = FileOptions { origin: Origin::Live, ..FileOptions::default() };
    to_evtx(&records, options).expect("the records fit")
}

/// The first chunk of such a log.
fn chunk(computer: &str, ids: std::ops::Range<u64>) -> Vec<u8> {
    log(computer, ids)[HEADER..HEADER + CHUNK].to_vec()
}

/// `chunks` behind the header of a log.
fn log_of(chunks: &[&[u8]]) -> Vec<u8> {
    let mut bytes = log("A", 1..2)[..HEADER].to_vec();
    bytes[42..44].copy_from_slice(&u16::try_from(chunks.len()).expect("few").to_le_bytes());
    sign_file(&mut bytes);
    chunks.iter().for_each(|chunk| bytes.extend_from_slice(chunk));
    bytes
}

/// `chunk` as if its log had been cleared after the first `keep` records: the others stand in its slack.
fn shrunk(mut chunk: Vec<u8>, keep: usize) -> Vec<u8> {
    let starts = starts(&chunk);
    let (last, end) = (starts[keep - 1], starts[keep]);
    let id: [u8; 8] = chunk[last + 8..last + 16].try_into().expect("eight bytes");
    chunk[16..24].copy_from_slice(&id);
    chunk[32..40].copy_from_slice(&id);
    put_u32(&mut chunk, 44, last);
    put_u32(&mut chunk, 48, end);
    sign(&mut chunk);
    chunk
}

/// How a source is read.
#[derive(Clone, Copy)]
struct Way {
    kind: ReaderKind,
    recover: bool,
    carve: bool,
}

fn plain(kind: ReaderKind) -> Way {
    Way { kind, recover: false, carve: false }
}

fn recover(kind: ReaderKind) -> Way {
    Way { recover: true, ..plain(kind) }
}

fn carve(kind: ReaderKind) -> Way {
    Way { carve: true, ..plain(kind) }
}

/// All that is told of `bytes`; `None` when they are no evidence. The records, live or not, are apart from each other.
fn read(bytes: &[u8], way: Way) -> Option<(Told, Finished)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("image.bin");
    std::fs::write(&path, bytes).expect("a written file");
    let source = Source { name: "image.bin".to_owned(), ..source(&path) };
    let reader = if way.recover { PieceReader::recovering(way.kind) } else { PieceReader::new(way.kind) };
    let mut told = Told::default();
    let options = IntakeOptions { carve: way.carve, ..IntakeOptions::default() };
    let finished = match visit_with(&[source], options, reader, &mut told).pop() {
        Some(End::Read(finished)) => *finished,
        Some(End::Failed { damage, .. }) => {
            assert_eq!(damage.kind, DamageKind::NotEvidence);
            return None;
        }
        other => panic!("{other:?}"),
    };
    told.damages.extend(finished.damages.iter().cloned());
    Some((told, finished))
}

#[track_caller]
fn told(bytes: &[u8], way: Way) -> Told {
    read(bytes, way).expect("evidence").0
}

/// Computer and id of each record, by whether it was recovered; its command line must be the one it was written with.
#[track_caller]
fn ids(told: &Told, recovered: bool) -> Vec<(String, u64)> {
    let of = |record: &RawRecord| {
        let system = &record.system;
        let id = system.record_id.expect("an id");
        let line = record.data.iter().find(|(name, _)| name == "CommandLine").expect("a command line");
        assert!(line.1.starts_with(&format!("whoami /{} /{id} x", system.computer)), "{record:?}");
        (system.computer.clone(), id)
    };
    told.records.iter().filter(|record| record.recovered == recovered).map(of).collect()
}

fn wanted(computer: &str, ids: impl IntoIterator<Item = u64>) -> Vec<(String, u64)> {
    ids.into_iter().map(|id| (computer.to_owned(), id)).collect()
}

/// `count` seeded bytes.
fn noise(random: &mut Random, count: usize) -> Vec<u8> {
    (0..count).map(|_| random.next().to_le_bytes()[3]).collect()
}

#[test]
fn the_slack_behind_the_live_records_is_read() {
    let whole = chunk("A", 100..130);
    let log = log_of(&[&shrunk(whole, 12)]);
    for kind in KINDS {
        let off = told(&log, plain(kind));
        assert_eq!((ids(&off, false), ids(&off, true)), (wanted("A", 100..112), vec![]));
        let on = told(&log, recover(kind));
        assert_eq!((ids(&on, false), ids(&on, true)), (wanted("A", 100..112), wanted("A", 112..130)));
        assert_eq!(on.records[..12], off.records);
        assert_eq!((on.damages, off.damages), (vec![], vec![]));
        let numbers: Vec<u32> = on.records.iter().map(|record| record.position.record).collect();
        assert_eq!(numbers, (0..30).collect::<Vec<_>>());
    }
}

#[test]
fn an_older_generation_is_read_where_its_templates_still_stand() {
    let new = chunk("HOST-1", 1_000..1_010);
    let end = u32_at(&new, 48);
    let over = |old: Vec<u8>| [&new[..end], &old[end..]].concat();
    let old = chunk("HOST-1", 100..150);
    let left = starts(&old).iter().filter(|start| **start < end).count() as u64;
    for kind in KINDS {
        let same_host = told(&log_of(&[&over(old.clone())]), recover(kind));
        assert_eq!(ids(&same_host, false), wanted("HOST-1", 1_000..1_010));
        assert_eq!(ids(&same_host, true), wanted("HOST-1", 100 + left..150));
        assert_eq!(same_host.damages, []);
        // The other host's templates were overwritten: by what stands there now its records would be the new host's.
        let other_host = told(&log_of(&[&over(chunk("SITE-2", 100..150))]), recover(kind));
        assert_eq!(ids(&other_host, false), wanted("HOST-1", 1_000..1_010));
        assert_eq!((ids(&other_host, true), other_host.damages), (vec![], vec![]));
    }
}

#[test]
fn a_live_record_is_not_told_twice() {
    let mut bytes = shrunk(chunk("A", 100..130), 12);
    let starts = starts(&bytes);
    let end = u32_at(&bytes, 48);
    bytes[end..].fill(0);
    for at in [end, end + 2_000] {
        bytes.copy_within(starts[5]..starts[6], at);
    }
    for kind in KINDS {
        let told = told(&log_of(&[&bytes]), recover(kind));
        assert_eq!((ids(&told, false), ids(&told, true)), (wanted("A", 100..112), vec![]));
    }
}

#[test]
fn a_chunk_without_its_header_gives_its_records() {
    let log = log("A", 1..200);
    let on_disk = |number: usize| HEADER + number * CHUNK;
    let whole = told(&log, plain(ReaderKind::Fast));
    let second = whole.records.iter().filter(|record| record.position.chunk == 1);
    let second: Vec<u64> = second.map(|record| record.system.record_id.expect("an id")).collect();
    assert!(second.len() > 10);
    for (kind, size) in KINDS.into_iter().flat_map(|kind| [(kind, 8), (kind, FIRST_RECORD)]) {
        let mut broken = log.clone();
        broken[on_disk(1)..][..size].fill(0);
        let off = told(&broken, plain(kind));
        let on = told(&broken, recover(kind));
        assert_eq!(ids(&on, true), wanted("A", second.clone()));
        assert_eq!(ids(&on, false), ids(&off, false));
        assert_eq!(ids(&on, false).len() + second.len(), 199);
        assert_eq!(on.damages, off.damages);
        assert!(on.damages.iter().any(|damage| damage.chunk == Some(1) && damage.lost));
    }
}

#[test]
fn what_cannot_be_true_is_not_recovered() {
    for (what, broken) in [
        ("a computer's name", SynthRecord { computer: "A B\u{1}".into(), ..record("A", 1) }),
        ("no provider", SynthRecord { provider: "".into(), ..record("A", 1) }),
        (
            "1999",
            SynthRecord { time_created: Timestamp::from_unix_millis(930_000_000_000), ..record("A", 1) },
        ),
        (
            "2150",
            SynthRecord { time_created: Timestamp::from_unix_millis(5_690_000_000_000), ..record("A", 1) },
        ),
    ] {
        let options = FileOptions { origin: Origin::Live, ..FileOptions::default() };
        let live = to_evtx(&[broken], options).expect("the record fits");
        assert_eq!(told(&live, plain(ReaderKind::Fast)).records.len(), 1, "{what}");
        let mut headless = live;
        headless[HEADER..][..8].fill(0);
        headless.extend_from_slice(&chunk("A", 2..3));
        for kind in KINDS {
            assert_eq!(ids(&told(&headless, recover(kind)), true), [], "{what}");
        }
    }
}

#[test]
fn a_query_takes_a_recovered_record_only_where_no_live_one_is_it() {
    // The slack of the first chunk holds records 112 to 129; those from 120 on are live in the second.
    let log = log_of(&[&shrunk(chunk("A", 100..130), 12), &chunk("A", 120..140)]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("log.evtx");
    std::fs::write(&path, &log).expect("a written file");
    let ask = |text: &str, recover: bool, threads: usize| -> Vec<u64> {
        let options = PassOptions {
            threads,
            nice: false,
            reader: ReaderKind::Fast,
            hash: false,
            recover,
            carve: false,
            archives: evql::input::archive::ArchiveOptions::default(),
            mapping: sysmon::Options::default(),
            selected: evql::finding::Selected::default(),
            chunks: None,
        };
        let program = compile(text, None).expect("a query");
        let mut found = Vec::new();
        let calm = AtomicBool::new(false);
        query(&program, &[source(&path)], &options, Clock::Created, &Unobserved, &calm, &mut |answer| {
            let Answer::Event(text) = answer else { panic!("a group") };
            let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            let id = &document["winlog"]["record_id"];
            let id = id.as_u64().or_else(|| id.as_str()?.parse().ok());
            found.push(id.expect("an id"));
            ControlFlow::Continue(())
        })
        .expect("answers");
        found
    };
    let live: Vec<u64> = (100..112).chain(120..140).collect();
    let all: Vec<u64> = (100..140).collect();
    for threads in [1, 3] {
        assert_eq!(ask("process where true", false, threads), live);
        let at_the_end: Vec<u64> = live.iter().copied().chain(112..120).collect();
        assert_eq!(ask("process where true", true, threads), at_the_end);
        assert_eq!(ask("process where true | head 1000", true, threads), all);
    }
}

#[test]
fn the_flags_reach_the_reader() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (log, image) = (folder.path().join("log.evtx"), folder.path().join("image.raw"));
    std::fs::write(&log, log_of(&[&shrunk(chunk("A", 100..130), 12)])).expect("written");
    std::fs::write(&image, [noise(&mut Random(3), 5_000), chunk("B", 7..9)].concat()).expect("written");
    let hosts = |path: &Path, flag: Option<&str>| -> Vec<String> {
        let path = path.to_str().expect("a path in UTF-8");
        let arguments = ["query", "process where true", path, "--fields", "host.name", "--format", "csv"];
        let ran = common::evql(arguments.iter().copied().chain(flag));
        ran.stdout
            .lines()
            .skip(1)
            .map(|line| line.rsplit(',').next().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(hosts(&log, None).len(), 12);
    assert_eq!(hosts(&log, Some("--recover")).len(), 30);
    assert_eq!(hosts(&image, None), [""; 0]);
    assert_eq!(hosts(&image, Some("--carve")), ["\"B\"", "\"B\""]);
}

#[test]
fn chunks_are_carved_at_any_byte() {
    let mut random = Random(11);
    let chunks = [chunk("A", 1..40), chunk("B", 500..520), chunk("C", 7..9)];
    let mut image = Vec::new();
    let mut offsets = Vec::new();
    for (chunk, gap) in chunks.iter().zip([1_500_007, 333, 0]) {
        image.extend(noise(&mut random, gap));
        offsets.push(image.len() as u64);
        image.extend_from_slice(chunk);
    }
    image.extend(noise(&mut random, 70_001));
    let expected = [wanted("A", 1..40), wanted("B", 500..520), wanted("C", 7..9)].concat();
    assert!(read(&image, plain(ReaderKind::Fast)).is_none());
    for kind in KINDS {
        let (told, finished) = read(&image, carve(kind)).expect("evidence");
        assert_eq!((ids(&told, false), ids(&told, true)), (vec![], expected.clone()));
        assert_eq!(told.damages, []);
        assert_eq!((finished.size, finished.chunks), (image.len() as u64, 3));
        let mut places: Vec<u64> = told.records.iter().map(|record| record.position.chunk).collect();
        places.dedup();
        assert_eq!(places, offsets);
    }
}

#[test]
fn without_a_chunk_nothing_is_carved_and_a_log_is_a_log() {
    let bare = noise(&mut Random(5), 3 * CHUNK);
    let mut named = bare.clone();
    named[1_000..1_008].copy_from_slice(b"ElfChnk\0");
    for bytes in [&bare, &named] {
        assert!(read(bytes, carve(ReaderKind::Fast)).is_none());
    }
    let log = log("A", 1..100);
    assert_eq!(told(&log, carve(ReaderKind::Fast)), told(&log, plain(ReaderKind::Fast)));
}

#[test]
fn a_magic_in_a_chunk_ends_no_chunk_and_hides_none() {
    let padded: Vec<SynthRecord> = (1..40)
        .map(|id| {
            let mut record = record("A", id);
            let line = format!("whoami /A /{id} {}", "x".repeat(600));
            record.set("CommandLine", TypedValue::Text(line));
            record
        })
        .collect();
    let options = FileOptions { origin: Origin::Live, ..FileOptions::default() };
    let padded = to_evtx(&padded[..20], options).expect("the records fit")[HEADER..].to_vec();
    let text: Vec<u8> = "xxxx".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let at = padded.windows(8).rposition(|bytes| bytes == text).expect("padding") - 1_000;
    let inner = chunk("B", 1..2);
    let expected = [wanted("A", 1..21), wanted("C", 1..30)].concat();
    // A magic, and all of a true header, in the last record's command line.
    for (size, signed) in [(8, false), (8, true), (FIRST_RECORD, true)] {
        let mut outer = padded.clone();
        outer[at..at + size].copy_from_slice(&inner[..size]);
        if signed {
            sign(&mut outer);
        }
        let image = [b"raw".as_slice(), &outer, &chunk("C", 1..30)].concat();
        for kind in KINDS {
            assert_eq!(ids(&told(&image, carve(kind)), true), expected, "{size}, signed: {signed}");
        }
    }
    // A stray magic shortly before a chunk.
    let image = [b"raw ElfChnk\0".as_slice(), &[7; 1_000], &chunk("A", 1..40)].concat();
    assert_eq!(ids(&told(&image, carve(ReaderKind::Fast)), true), wanted("A", 1..40));
}

#[test]
fn a_chunk_that_is_cut_gives_what_is_there() {
    let cut = 20_000;
    let whole = chunk("A", 1..50);
    let inside = starts(&whole).iter().filter(|end| **end <= cut).count() as u64;
    let next = chunk("B", 1..30);
    let at_end = [b"raw".as_slice(), &next, &whole[..cut]].concat();
    let before_next = [b"raw".as_slice(), &whole[..cut], &next].concat();
    for (image, offset) in [(at_end, 3 + CHUNK as u64), (before_next, 3)] {
        for kind in KINDS {
            let told = told(&image, carve(kind));
            let mut found = ids(&told, true);
            found.sort();
            assert_eq!(found, [wanted("A", 1..inside), wanted("B", 1..30)].concat());
            let truncated = (DamageKind::Truncated, Some(offset), true);
            let is_it = |damage: &&Damage| (damage.kind, damage.chunk, damage.lost) == truncated;
            assert_eq!(told.damages.iter().filter(is_it).count(), 1, "{:?}", told.damages);
            for damage in &told.damages {
                assert!(damage.reason.contains(&format!("byte {offset}")), "{}", damage.reason);
            }
        }
    }
}

#[test]
fn a_carved_chunk_with_a_wrong_header_is_read_and_told_of() {
    let mut bytes = chunk("A", 1..40);
    bytes[60] ^= 1;
    let image = [b"raw".as_slice(), &bytes, b"end"].concat();
    let told = told(&image, carve(ReaderKind::Fast));
    assert_eq!(ids(&told, true), wanted("A", 1..40));
    let [damage] = told.damages.as_slice() else { panic!("{:?}", told.damages) };
    assert_eq!((damage.kind, damage.chunk, damage.lost), (DamageKind::Checksum, Some(3), false));
    assert!(damage.reason.contains("byte 3"), "{}", damage.reason);
}

#[test]
fn both_ways_together_read_the_slack_of_carved_chunks() {
    let image = [b"raw".as_slice(), &shrunk(chunk("A", 1..40), 10)].concat();
    for kind in KINDS {
        let both = Way { recover: true, ..carve(kind) };
        assert_eq!(ids(&told(&image, both), true), wanted("A", 1..40));
        assert_eq!(ids(&told(&image, carve(kind)), true), wanted("A", 1..11));
    }
}

#[test]
fn a_value_that_is_asked_for_again_and_again_fills_no_memory() {
    // 400 fields of a template, each of which is made to ask for the last one's value: 60 KB of UTF-8, 24 MB in all.
    let big = "\u{4E00}".repeat(20_000);
    let mut fields: Vec<(_, _)> = (0..400).map(|_| ("a".into(), TypedValue::Text(String::new()))).collect();
    fields.push(("b".into(), TypedValue::Text(big)));
    let record = SynthRecord { data: fields, ..record("A", 1) };
    let options = FileOptions { origin: Origin::Live, ..FileOptions::default() };
    let mut log = to_evtx(&[record], options).expect("the record fits");
    let substitution = |number: u16| [&[0x02, 0x0D][..], &number.to_le_bytes(), &[0x01, 0x04]].concat();
    for number in 0..400 {
        let pattern = substitution(number);
        let found = log.windows(6).rposition(|bytes| bytes == pattern).expect("a substitution");
        log[found..found + 6].copy_from_slice(&substitution(400));
    }
    sign(&mut log[HEADER..HEADER + CHUNK]);
    let [fast, slow] = KINDS.map(|kind| told(&log, plain(kind)));
    assert_same(&fast, &slow, "too much text");
    assert_eq!((fast.records.len(), fast.kinds()), (0, vec![DamageKind::Record]), "{:?}", fast.damages);
}

#[test]
fn a_few_bytes_between_two_records_cost_neither() {
    let whole = chunk("A", 1..40);
    let starts = starts(&whole);
    for gap in 1..=9 {
        let mut bytes = whole.clone();
        let size = starts[10] - starts[9] - gap;
        for at in [starts[9] + 4, starts[9] + size - 4] {
            put_u32(&mut bytes, at, size);
        }
        let log = log_of(&[&bytes]);
        let [fast, slow] = KINDS.map(|kind| told(&log, plain(kind)));
        assert_same(&fast, &slow, &format!("{gap} bytes"));
        let found: Vec<_> = fast.records.iter().filter_map(|record| record.system.record_id).collect();
        assert!((1..40).all(|id| id == 10 || found.contains(&id)), "{gap} bytes: {found:?}");
    }
}

#[test]
fn templates_in_what_a_shortened_record_leaves_are_read_by_both() {
    let whole = chunk("A", 1..40);
    let first = starts(&whole)[0];
    for size in (28..starts(&whole)[1] - first).step_by(3) {
        let mut bytes = whole.clone();
        put_u32(&mut bytes, first + 4, size);
        put_u32(&mut bytes, first + size - 4, size);
        let log = log_of(&[&bytes]);
        let [fast, slow] = KINDS.map(|kind| told(&log, plain(kind)));
        assert_same(&fast, &slow, &format!("{size} bytes"));
    }
}

#[test]
fn a_broken_record_costs_no_other() {
    let whole = chunk("A", 1..40);
    let starts = starts(&whole);
    let mut random = Random(23);
    for round in 0..600 {
        let mut bytes = whole.clone();
        let hit = random.below(starts.len() - 1);
        let (start, end) = (starts[hit], starts[hit + 1]);
        match round % 4 {
            // Its size takes in the records behind it.
            0 => {
                let over = starts[(hit + 2 + random.below(3)).min(starts.len() - 1)] - start;
                bytes[start + 4..start + 8].copy_from_slice(&(over as u32).to_le_bytes());
            }
            // Its id is the last one's.
            1 => bytes[start + 8..start + 16].copy_from_slice(&39_u64.to_le_bytes()),
            // Some of its bytes are others; the first record's hold what the others are read by.
            2 => {
                for _ in 0..8 {
                    let first = if hit == 0 { 24 } else { end - start };
                    bytes[start + random.below(first)] = random.next() as u8;
                }
            }
            _ => {
                let first = if hit == 0 { 24 } else { end - start };
                bytes[start..start + 1 + random.below(first - 1)].fill(0);
            }
        }
        for kind in KINDS {
            let told = told(&log_of(&[&bytes]), plain(kind));
            let found: Vec<u64> = told.records.iter().filter_map(|record| record.system.record_id).collect();
            for id in (1..40).filter(|id| *id != hit as u64 + 1) {
                assert!(found.contains(&id), "round {round}, {kind:?}: {id} of {found:?}, hit {}", hit + 1);
            }
            if found.len() < 39 {
                assert!(told.damages.iter().any(|damage| damage.lost), "round {round}: {:?}", told.damages);
            }
        }
    }
}

/// The logs at and under `folder`, in order.
fn logs(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { logs(&path) } else { vec![path] }).collect();
    found.sort();
    found
}

#[test]
fn real_logs_give_their_live_records_and_damages_as_ever() {
    let Some(corpus) = corpus() else { return };
    let mut recovered = 0;
    for path in logs(&corpus.join("evtx")) {
        let what = path.display().to_string();
        let bytes = std::fs::read(path).expect("a log");
        let off = told(&bytes, plain(ReaderKind::Fast));
        let on = told(&bytes, recover(ReaderKind::Fast));
        assert_same(&on, &told(&bytes, recover(ReaderKind::Xml)), &what);
        let live: Vec<_> = on.records.iter().filter(|record| !record.recovered).cloned().collect();
        assert_eq!((&live, &on.damages), (&off.records, &off.damages), "{what}");
        // The `evtx` crate carves the slack as well. It also gives records whose templates or names were overwritten, and then tells nonsense.
        let settings = evtx::ParserSettings::new().num_threads(1).recover_records(true);
        let mut parser = evtx::EvtxParser::from_buffer(bytes.clone()).expect("a log");
        parser = parser.with_configuration(settings);
        let theirs = parser.records().flatten().filter(|record| record.recovered);
        let theirs: Vec<String> = theirs.map(|record| record.data).collect();
        let stale: Vec<_> = on.records.iter().filter(|record| record.recovered).collect();
        for record in &stale {
            let id = format!("<EventRecordID>{}<", record.system.record_id.expect("an id"));
            assert!(theirs.iter().any(|xml| xml.contains(&id)), "{what}: {id}");
            // Every event of Sysmon has this field: another template would put another value there.
            let utc = record
                .data
                .iter()
                .find(|(name, _)| name == "UtcTime")
                .filter(|_| record.system.provider == SYSMON);
            assert!(
                utc.is_none_or(
                    |(_, time)| Timestamp::parse(&format!("{}Z", time.replace(' ', "T"))).is_some()
                ),
                "{record:?}"
            );
        }
        recovered += stale.len();
        // Carved, the same log behind other bytes gives the same records.
        let image = [b"raw".as_slice(), &bytes].concat();
        let texts = |told: &Told| told.records.iter().map(|record| record.data.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&told(&image, carve(ReaderKind::Fast))), texts(&off), "{what}");
    }
    assert!(recovered > 0);
}

/// Writes over some bytes: anywhere, in a chunk's header, or in a record's header.
fn mutate(bytes: &mut [u8], chunk: usize, random: &mut Random) {
    let records: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, at)| *at == b"**\0\0").map(|(at, _)| at).collect();
    for _ in 0..=random.below(12) {
        let at = match random.below(4) {
            0 => random.below(bytes.len()),
            1 => chunk + random.below(FIRST_RECORD),
            2 => chunk + FIRST_RECORD + random.below(2_000),
            _ => records[random.below(records.len())] + random.below(90),
        };
        if let Some(byte) = bytes.get_mut(at) {
            *byte = if random.below(3) == 0 { *byte ^ (1 << random.below(8)) } else { random.next() as u8 };
        }
    }
}

/// `EVQL_MUTANTS` asks for another number of mutants.
#[test]
fn mutants_give_their_live_records_and_damages_as_ever() {
    let count = std::env::var("EVQL_MUTANTS").ok().and_then(|count| count.parse().ok()).unwrap_or(100);
    let new = shrunk(chunk("A", 100..160), 9);
    let log = log_of(&[&new, &chunk("A", 120..150)]);
    let image = [b"raw".as_slice(), &new, &chunk("B", 1..30)[..40_000]].concat();
    let mut random = Random(41);
    for number in 0..count {
        let mut bytes = log.clone();
        mutate(&mut bytes, HEADER, &mut random);
        let off = told(&bytes, plain(ReaderKind::Fast));
        let on = told(&bytes, recover(ReaderKind::Fast));
        let live: Vec<_> = on.records.iter().filter(|record| !record.recovered).cloned().collect();
        assert_eq!((&live, &on.damages), (&off.records, &off.damages), "mutant {number}");
        assert_same(&on, &told(&bytes, recover(ReaderKind::Xml)), &format!("mutant {number}"));

        let mut bytes = image.clone();
        mutate(&mut bytes, 3, &mut random);
        let both = |kind| read(&bytes, Way { recover: true, ..carve(kind) }).map(|(told, _)| told);
        let (fast, slow) =
            (both(ReaderKind::Fast).unwrap_or_default(), both(ReaderKind::Xml).unwrap_or_default());
        assert!(fast.records.iter().all(|record| record.recovered));
        assert_same(&fast, &slow, &format!("carved mutant {number}"));
    }
}

#[test]
fn hostile_images_are_read_in_bounded_steps() {
    // Magics and frames as dense as they can stand, all of them lies.
    let magics = b"ElfChnk\0".repeat(CHUNK / 2);
    let frame = [b"**\0\0".as_slice(), &4_096_u32.to_le_bytes()].concat();
    let headers = chunk("A", 1..2)[..FIRST_RECORD].repeat(300);
    // Thousands of records, none of which says at its end how large it is: whether another one begins in it is asked of each.
    let mut open = chunk("A", 1..2)[..FIRST_RECORD].to_vec();
    put_u32(&mut open, 48, CHUNK);
    put_u32(&mut open, 44, CHUNK - 28);
    open.extend([b"**\0\0".as_slice(), &28_u32.to_le_bytes(), &[0; 20]].concat().repeat(CHUNK / 28));
    open.truncate(CHUNK);
    sign(&mut open);
    for image in [magics, frame.repeat(CHUNK / 2), headers, open.repeat(20)] {
        let image = [b"raw".as_slice(), &image].concat();
        for kind in KINDS {
            let told = read(&image, Way { recover: true, ..carve(kind) });
            assert!(told.is_none_or(|(told, _)| told.records.is_empty()));
        }
        let log = [&log("A", 1..2)[..HEADER], &image[3..]].concat();
        assert_eq!(ids(&told(&log, recover(ReaderKind::Xml)), true), []);
    }
}
