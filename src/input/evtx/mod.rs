//! One EVTX chunk → the records in it. It opens no file, and trusts no number in the chunk.
//!
//! The chunk's own checksums are verified first; then `records` finds where records stand, and `fast` or `slow` reads each. A record that cannot be
//! read costs no other.

mod fast;
mod header;
mod records;
mod sieve;
mod slow;

pub use fast::{Held, Undecoded};
pub use header::FileHeader;

use crate::finding::{Damage, DamageKind};

use super::detect::{CHUNK_MAGIC, CHUNK_SIZE};
use super::record::{Position, RawRecord};
use super::visit::{ReaderKind, Visitor, offer};
use fast::{Answer, FastReader};
use header::ChunkHeader;
use records::Span;
use sieve::Sieve;
use slow::Rendered;

/// A chunk's bytes and place.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// Its number in the file, from 0.
    pub number: u64,
    /// Its 65,536 bytes; zeroes stand for what the file does not hold.
    pub bytes: &'a [u8],
    /// How many of them the file holds.
    pub stored: usize,
    /// Whether it was carved: then its number is the byte of the source at which it begins, and its records are recovered ones.
    pub carved: bool,
}

impl Chunk<'_> {
    /// The bytes that the file holds.
    fn stored(&self) -> &[u8] {
        self.bytes.get(..self.stored).unwrap_or(self.bytes)
    }
}

/// What is wrong with the chunk that was carved at byte `offset`.
pub(super) fn carved_reason(offset: u64, reason: &str) -> String {
    format!("in the chunk carved at byte {offset}: {reason}")
}

/// What 64 KiB of an EVTX file are, where a chunk should stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// A chunk.
    Chunk,
    /// Nothing but zeroes.
    Zeroes,
    /// Something else.
    Foreign {
        /// Whether something in it is framed as a record is.
        holds_records: bool,
    },
}

impl Content {
    /// What `bytes` are.
    pub(super) fn of(bytes: &[u8]) -> Self {
        if bytes.starts_with(CHUNK_MAGIC) {
            Self::Chunk
        } else if bytes.iter().all(|&byte| byte == 0) {
            Self::Zeroes
        } else {
            Self::Foreign { holds_records: records::holds_frames(bytes) }
        }
    }
}

/// Where the records end of a chunk that stands at the beginning of `bytes`, which need not hold all of it; `None` when none stands there. What a header
/// whose checksum is wrong says is not believed; it is one all the same when a record follows.
pub(super) fn chunk_end(bytes: &[u8]) -> Option<ChunkEnd> {
    let header = ChunkHeader::parse(bytes)?;
    if header.header_ok && header.plausible {
        let records_ok = header.records_ok(bytes);
        let end = usize::try_from(header.free_offset).ok()?;
        return Some(ChunkEnd { end, header_ok: true, records_ok });
    }
    records::follow_header(bytes).then_some(ChunkEnd { end: CHUNK_SIZE, header_ok: false, records_ok: false })
}

/// Where a chunk's records end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChunkEnd {
    /// Bytes from the chunk's beginning to the end of its records: all of it when that is not known.
    pub(super) end: usize,
    /// Whether its header is believed.
    pub(super) header_ok: bool,
    /// Whether the records are all there, by their checksum.
    pub(super) records_ok: bool,
}

/// Reads chunks; keeps what it learnt of their templates.
#[derive(Debug, Default)]
pub struct ChunkReader {
    kind: ReaderKind,
    recover: bool,
    /// Whether the checksums of records are not verified.
    pub(super) trusts: bool,
    fast: FastReader,
}

impl ChunkReader {
    /// A reader that decodes records with `kind`, and with `recover` also those that no header tells of.
    pub fn new(kind: ReaderKind, recover: bool) -> Self {
        Self { kind, recover, trusts: false, fast: FastReader::default() }
    }

    /// Reads `chunk` of the source that reports call `source`, and tells `visitor`. Bytes that do not begin as a chunk does tell nothing here: whether
    /// something is missing there depends on the chunks around them.
    pub fn read(&mut self, source: &str, chunk: Chunk<'_>, visitor: &mut dyn Visitor) {
        let place = Where { source, chunk };
        if !visitor.chunk(chunk.number) {
            return;
        }
        if !self.recover && !chunk.carved {
            self.read_live(&place, visitor);
            return;
        }
        let mut sieve = Sieve::new(visitor, chunk.carved);
        let live = self.read_live(&place, &mut sieve);
        if self.recover {
            sieve.leave_live();
            self.read_stale(&place, &live, &mut sieve);
        }
    }

    /// Reads the records that the chunk's header tells of, and returns where they are.
    fn read_live(&mut self, place: &Where<'_>, visitor: &mut dyn Visitor) -> Vec<Span> {
        let chunk = place.chunk;
        let Some(header) = ChunkHeader::parse(chunk.bytes) else { return Vec::new() };
        if !header.header_ok {
            visitor.damage(place.chunk(DamageKind::Checksum, false, "the chunk header's checksum is wrong"));
        }
        let whole = chunk.stored >= chunk.bytes.len();
        if whole && !self.trusts && !header.records_ok(chunk.bytes) {
            visitor.damage(place.chunk(DamageKind::Checksum, false, "the records' checksum is wrong"));
        }
        // A record that the file holds only in part would be read with zeroes for the rest.
        let walked = records::spans(chunk.stored(), &header);
        self.read_spans(place, &walked.spans, 0, visitor);
        if let Some(at) = walked.short.filter(|_| whole) {
            let reason =
                format!("its header tells of more records than it holds: nothing follows offset {at:#x}");
            visitor.damage(place.chunk(DamageKind::Chunk, true, &reason));
        }
        walked.spans
    }

    /// Reads the records that stand where no `live` one does. They are numbered on from those.
    fn read_stale(&mut self, place: &Where<'_>, live: &[Span], visitor: &mut dyn Visitor) {
        self.fast.enter_chunk();
        let bytes = place.chunk.bytes;
        let usual = |binxml| self.fast.is_usual(bytes, binxml);
        let stale = records::stale(place.chunk.stored(), live, usual);
        self.read_spans(place, &stale, live.len(), visitor);
    }

    fn read_spans(&mut self, place: &Where<'_>, spans: &[Span], first: usize, visitor: &mut dyn Visitor) {
        let bytes = place.chunk.bytes;
        let mut rendered = None;
        self.fast.enter_chunk();
        for (index, span) in spans.iter().enumerate() {
            let number = u32::try_from(first.saturating_add(index)).unwrap_or(u32::MAX);
            let position = Position { chunk: place.chunk.number, record: number };
            let binxml = match span {
                Span::Record(binxml) => binxml,
                Span::Broken(at) => {
                    let reason = format!("no record stands at offset {at:#x}, where one should");
                    visitor.damage(place.record(number, &reason));
                    continue;
                }
            };
            let answer = match self.kind {
                ReaderKind::Fast => self.fast.read(bytes, binxml.clone(), position, visitor),
                ReaderKind::Xml => Answer::Unusual,
            };
            if answer == Answer::Done {
                continue;
            }
            let outcome = rendered.get_or_insert_with(|| Rendered::new(bytes, spans)).take(index);
            match outcome.map(|record| RawRecord { position, ..record }) {
                Ok(mut record) if answer == Answer::Wanted => visitor.record(&mut record),
                Ok(mut record) => offer(&mut record, visitor),
                Err(reason) => {
                    let at = span.start();
                    let reason = format!("the record at offset {at:#x} cannot be read: {reason}");
                    visitor.damage(place.record(number, &reason));
                }
            }
        }
    }
}

/// Where damage is.
struct Where<'a> {
    source: &'a str,
    chunk: Chunk<'a>,
}

impl Where<'_> {
    fn chunk(&self, kind: DamageKind, lost: bool, reason: &str) -> Damage {
        let Chunk { number, carved, .. } = self.chunk;
        let reason = if carved { carved_reason(number, reason) } else { reason.to_owned() };
        Damage { source: self.source.to_owned(), chunk: Some(number), record: None, kind, reason, lost }
    }

    fn record(&self, number: u32, reason: &str) -> Damage {
        let record = Some(u64::from(number));
        Damage { record, ..self.chunk(DamageKind::Record, true, reason) }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::input::detect::FILE_HEADER_SIZE;
    use crate::input::visit::Seen;

    struct Wants(bool);

    impl Visitor for Wants {
        fn seen(&mut self, _: &Seen<'_>) -> bool {
            self.0
        }
        fn record(&mut self, _: &mut RawRecord) {}
        fn damage(&mut self, damage: Damage) {
            panic!("{damage:?}");
        }
    }

    fn logs(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() { logs(&entry.path(), found) } else { found.push(entry.path()) }
        }
    }

    #[test]
    fn no_real_record_is_unusual() {
        let place = std::env::var_os("EVQL_CORPUS").map(PathBuf::from);
        let place = place.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"));
        let mut paths = Vec::new();
        logs(&place.join("evtx"), &mut paths);
        if paths.is_empty() {
            println!("skipped: no corpus at {}", place.display());
        }
        let mut fast = FastReader::default();
        for path in paths {
            let log = std::fs::read(&path).expect("a log");
            for chunk in log[FILE_HEADER_SIZE..].chunks_exact(CHUNK_SIZE) {
                let Some(header) = ChunkHeader::parse(chunk) else { continue };
                fast.enter_chunk();
                for span in records::spans(chunk, &header).spans {
                    let Span::Record(binxml) = span else { panic!("{span:?}") };
                    for wants in [false, true] {
                        let answer = fast.read(chunk, binxml.clone(), Position::default(), &mut Wants(wants));
                        assert_eq!(answer, Answer::Done, "{}", path.display());
                    }
                }
            }
        }
    }
}
