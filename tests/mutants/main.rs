//! Seeded mutants of the samples, and of real logs where there are some: whatever happened to a log, reading it ends, in bounds, and every record of a
//! chunk that was left alone is found. What the harmed chunks still give is for other tests.

#[path = "../input_support/mod.rs"]
mod input_support;

mod harm;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use evql::input::{End, IntakeOptions, PieceReader, RawRecord, ReaderKind};
use harm::Mutant;
use input_support::chunks::{CHUNK, FIRST_RECORD, HEADER};
use input_support::{Random, Told, assert_same, corpus, read_bytes, source, visit_with};

/// No record is smaller than its header and the copy of its size; each may be a damage, and between two there may be another one.
const MOST_DAMAGES_OF_CHUNK: usize = 2 * (CHUNK - FIRST_RECORD) / 28 + 8;
/// Every so many mutants are read with the slow reader as well.
const SLOW_EVERY: u64 = 5;
/// Chunks of a log that are kept: enough to swap some, and few enough to read thousands of times.
const MOST_CHUNKS: usize = 4;

/// A log that nothing happened to, and the records of each of its chunks.
struct Sound {
    name: String,
    bytes: Vec<u8>,
    records: Vec<Vec<RawRecord>>,
}

impl Sound {
    fn new(name: String, bytes: Vec<u8>) -> Self {
        let mut records = vec![Vec::new(); (bytes.len() - HEADER) / CHUNK];
        for record in read_bytes(&bytes, ReaderKind::Fast).0.records {
            let place = usize::try_from(record.position.chunk).expect("few chunks");
            if let Some(chunk) = records.get_mut(place) {
                chunk.push(record);
            }
        }
        Self { name, bytes, records }
    }
}

/// The samples and real logs, cut to a few chunks, and logs put together of the samples' chunks.
fn sound_logs() -> Vec<Sound> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut paths = logs(&samples);
    let mut chunks = Vec::new();
    let mut sound = Vec::new();
    let own = paths.len();
    paths.extend(corpus().into_iter().flat_map(|corpus| logs(&corpus.join("evtx"))));
    for (index, path) in paths.iter().enumerate() {
        let mut bytes = std::fs::read(path).expect("a log");
        bytes.truncate(HEADER + MOST_CHUNKS * CHUNK);
        if index < own {
            chunks.extend(bytes[HEADER..].chunks_exact(CHUNK).map(<[u8]>::to_vec));
        }
        sound.push(Sound::new(path.display().to_string(), bytes));
    }
    let header = sound[0].bytes[..HEADER].to_vec();
    for (index, few) in chunks.chunks(MOST_CHUNKS - 1).enumerate() {
        let bytes = [header.as_slice(), &few.concat()].concat();
        sound.push(Sound::new(format!("chunks of samples, {index}"), bytes));
    }
    sound
}

fn logs(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> = entries
        .flat_map(|path| if path.is_dir() { logs(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "evtx"))
        .collect();
    found.sort();
    found
}

/// Reads mutants, each as the file that the one before was.
struct Bench {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { path: folder.path().join("log.evtx"), _folder: folder }
    }

    fn put(&self, bytes: &[u8]) {
        std::fs::write(&self.path, bytes).expect("a written file");
    }

    /// What is told of the file, and whether it is evidence.
    fn read(&self, reader: PieceReader) -> (Told, bool) {
        let mut told = Told::default();
        let end = visit_with(&[source(&self.path)], IntakeOptions::default(), reader, &mut told).pop();
        match end.expect("every source ends") {
            End::Read(finished) => told.damages.extend(finished.damages),
            End::Failed { damage, .. } => {
                told.damages.push(damage);
                return (told, false);
            }
            other => panic!("a file that was named is read or refused: {other:?}"),
        }
        (told, true)
    }
}

/// Says which mutant it was that something panicked over.
struct Watch<'a>(u64, &'a str, &'a [&'static str]);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("mutant {} of {}: {}", self.0, self.1, self.2.join(", "));
        }
    }
}

/// Makes the mutant `number` and checks all that is promised of it.
fn check(number: u64, logs: &[Sound], bench: &Bench) {
    let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ (number + 1).wrapping_mul(0x2545_F491_4F6C_DD1D));
    let sound = &logs[random.below(logs.len())];
    let mutant = Mutant::of(&sound.bytes, &mut random);
    let _watch = Watch(number, &sound.name, &mutant.harms);
    bench.put(&mutant.bytes);
    let (told, evidence) = bench.read(PieceReader::new(ReaderKind::Fast));
    for (place, original) in mutant.untouched.iter().enumerate() {
        let Some(original) = original else { continue };
        let wanted: Vec<RawRecord> =
            sound.records[*original].iter().map(|record| at(place, record)).collect();
        let found: Vec<&RawRecord> =
            told.records.iter().filter(|record| record.position.chunk == place as u64).collect();
        assert_eq!(found, wanted.iter().collect::<Vec<_>>(), "chunk {place}");
    }
    let most = (mutant.untouched.len() + 2) * MOST_DAMAGES_OF_CHUNK;
    assert!(told.damages.len() <= most, "{} damages", told.damages.len());
    let (more, still) = bench.read(PieceReader::recovering(ReaderKind::Fast));
    let live: Vec<&RawRecord> = more.records.iter().filter(|record| !record.recovered).collect();
    assert_eq!(live, told.records.iter().collect::<Vec<_>>(), "recovering changes nothing live");
    assert_eq!((&more.damages, still), (&told.damages, evidence), "recovering changes no damage");
    if number.is_multiple_of(SLOW_EVERY) {
        assert_same(&told, &bench.read(PieceReader::new(ReaderKind::Xml)).0, "live");
        assert_same(&more, &bench.read(PieceReader::recovering(ReaderKind::Xml)).0, "recovered");
    }
}

/// `record` as it would be in the chunk at `place`.
fn at(place: usize, record: &RawRecord) -> RawRecord {
    let mut record = record.clone();
    record.position.chunk = place as u64;
    record
}

#[test]
fn a_slice_of_the_mutants_is_read_as_promised() {
    let (logs, bench) = (sound_logs(), Bench::new());
    (0..200).for_each(|number| check(number, &logs, &bench));
}

/// `cargo test --release --test mutants -- --ignored --nocapture`
#[test]
#[ignore = "minutes of work"]
fn twenty_thousand_mutants_are_read_as_promised() {
    let (logs, bench) = (sound_logs(), Bench::new());
    let mut slowest = (Duration::ZERO, 0);
    for number in 0..20_000 {
        let began = Instant::now();
        check(number, &logs, &bench);
        slowest = slowest.max((began.elapsed(), number));
    }
    println!("{} logs; the slowest mutant was {} with {:?}", logs.len(), slowest.1, slowest.0);
    assert!(slowest.0 < Duration::from_secs(10), "mutant {} took {:?}", slowest.1, slowest.0);
    if let Some(peak) = peak_mebibytes() {
        println!("peak memory {peak} MiB");
        assert!(peak < 300, "{peak} MiB");
    }
}

/// The most memory that this process had resident so far, as Linux tells.
fn peak_mebibytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kibibytes| kibibytes / 1024)
}
