//! What the tests of `input` share: the corpus, a visitor that keeps everything, whole files read in one call. It checks nothing.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use evql::finding::{Damage, DamageKind};
use evql::input::{
    Block, End, Finished, IntakeOptions, PieceReader, Position, RawRecord, ReaderKind, Seen, Sink, Source,
    Visitor, take_in,
};
use evql::time::Timestamp;

pub mod chunks;

/// The provider that counts.
pub const SYSMON: &str = "Microsoft-Windows-Sysmon";

/// The shared corpus of real logs; `None`, and a word on it, where there is none.
pub fn corpus() -> Option<PathBuf> {
    let place = match std::env::var_os("EVQL_CORPUS") {
        Some(place) => PathBuf::from(place),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"),
    };
    if place.join("manifest.json").is_file() {
        return Some(place);
    }
    println!("skipped: no corpus at {}", place.display());
    None
}

/// A `Seen` that owns its texts.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenOwned {
    pub provider: String,
    pub event_id: u32,
    pub time_created: Option<Timestamp>,
    pub record_id: Option<u64>,
    pub channel: String,
    pub computer: String,
    pub position: Position,
}

/// Everything that a source tells.
#[derive(Debug, Default, PartialEq)]
pub struct Told {
    pub seen: Vec<SeenOwned>,
    pub records: Vec<RawRecord>,
    pub damages: Vec<Damage>,
}

impl Told {
    /// The kinds of damage, in order.
    pub fn kinds(&self) -> Vec<DamageKind> {
        self.damages.iter().map(|damage| damage.kind).collect()
    }

    /// How many Sysmon records of `event_id` there are.
    pub fn sysmon(&self, event_id: u32) -> usize {
        self.seen.iter().filter(|seen| seen.provider == SYSMON && seen.event_id == event_id).count()
    }
}

/// Asserts that the two readers told the same of `what`.
#[track_caller]
pub fn assert_same(fast: &Told, slow: &Told, what: &str) {
    assert_eq!(fast.damages, slow.damages, "{what}");
    fast.records.iter().zip(&slow.records).for_each(|(fast, slow)| assert_eq!(fast, slow, "{what}"));
    assert_eq!((fast.records.len(), &fast.seen), (slow.records.len(), &slow.seen), "{what}");
}

impl Visitor for Told {
    fn seen(&mut self, seen: &Seen<'_>) -> bool {
        self.seen.push(SeenOwned {
            provider: seen.provider.to_owned(),
            event_id: seen.event_id,
            time_created: seen.time_created,
            record_id: seen.record_id,
            channel: seen.channel.to_owned(),
            computer: seen.computer.to_owned(),
            position: seen.position,
        });
        true
    }

    fn record(&mut self, record: &mut RawRecord) {
        // Left in place, so that the reader's next record is made in the space of this one.
        self.records.push(record.clone());
    }

    fn damage(&mut self, damage: Damage) {
        self.damages.push(damage);
    }
}

/// A source for `path`, as if it had been named.
pub fn source(path: &Path) -> Source {
    Source { path: path.to_owned(), name: path.to_string_lossy().into_owned(), ordinal: 0, named: true }
}

/// Tells a visitor of all that is read, so many chunks at a time, and keeps how each source ended.
struct Reading<'a> {
    room: usize,
    reader: PieceReader,
    visitor: &'a mut dyn Visitor,
    ends: Vec<End>,
}

impl Sink for Reading<'_> {
    fn room(&self) -> usize {
        self.room
    }

    fn block(&mut self, source: &Arc<Source>, block: Block) -> ControlFlow<()> {
        block.pieces().for_each(|piece| self.reader.read(&source.name, piece, self.visitor));
        ControlFlow::Continue(())
    }

    fn end(&mut self, _: &Arc<Source>, end: End) -> ControlFlow<()> {
        self.ends.push(end);
        ControlFlow::Continue(())
    }
}

/// Reads all of `files` and tells `visitor`; how each source ended.
pub fn visit(
    files: &[Source],
    options: IntakeOptions,
    kind: ReaderKind,
    visitor: &mut dyn Visitor,
) -> Vec<End> {
    visit_with(files, options, PieceReader::new(kind), visitor)
}

/// Like [`visit`], with a reader of the caller's.
pub fn visit_with(
    files: &[Source],
    options: IntakeOptions,
    reader: PieceReader,
    visitor: &mut dyn Visitor,
) -> Vec<End> {
    visit_in_blocks(3, files, options, reader, visitor)
}

/// Like [`visit_with`], in blocks of at most `room` chunks.
pub fn visit_in_blocks(
    room: usize,
    files: &[Source],
    options: IntakeOptions,
    reader: PieceReader,
    visitor: &mut dyn Visitor,
) -> Vec<End> {
    let mut reading = Reading { room, reader, visitor, ends: Vec::new() };
    take_in(files, options, &|_| (), &mut reading);
    reading.ends
}

/// Reads all of `path`.
#[track_caller]
pub fn read(path: &Path, kind: ReaderKind) -> (Told, Finished) {
    let mut told = Told::default();
    let mut ends =
        visit(&[source(path)], IntakeOptions { hash: true, ..IntakeOptions::default() }, kind, &mut told);
    let Some(End::Read(finished)) = ends.pop() else { panic!("{} is no log: {ends:?}", path.display()) };
    told.damages.extend(finished.damages.iter().cloned());
    (told, *finished)
}

/// Writes `bytes` into a fresh file and reads it.
#[track_caller]
pub fn read_bytes(bytes: &[u8], kind: ReaderKind) -> (Told, Finished) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("log.evtx");
    std::fs::write(&path, bytes).expect("a written file");
    read(&path, kind)
}

/// A small generator of numbers (xorshift64*), the same for the same seed everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}
