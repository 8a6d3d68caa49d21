//! One EVTX chunk → the records in it. It opens no file, and trusts no number in the chunk.
//!
//! The chunk's own checksums are verified first; then `records` finds where records stand, and `fast` or `slow` reads each. A record that cannot be
//! read costs no other.

mod fast;
mod header;
mod records;
mod slow;

pub use header::FileHeader;

use crate::finding::{Damage, DamageKind};

use super::detect::CHUNK_MAGIC;
use super::record::{Position, RawRecord};
use super::visit::{ReaderKind, Visitor, offer};
use fast::{Answer, FastReader};
use header::ChunkHeader;
use records::{RECORD_HEADER_SIZE, Span};
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

/// Reads chunks; keeps what it learnt of their templates.
#[derive(Debug, Default)]
pub struct ChunkReader {
    kind: ReaderKind,
    fast: FastReader,
}

impl ChunkReader {
    /// A reader that decodes records with `kind`.
    pub fn new(kind: ReaderKind) -> Self {
        Self { kind, fast: FastReader::default() }
    }

    /// Reads `chunk` of the source that reports call `source`, and tells `visitor`. Bytes that do not begin as a chunk does tell nothing here: whether
    /// something is missing there depends on the chunks around them.
    pub fn read(&mut self, source: &str, chunk: Chunk<'_>, visitor: &mut dyn Visitor) {
        let place = Where { source, chunk: chunk.number };
        let Some(header) = ChunkHeader::parse(chunk.bytes) else { return };
        if !header.header_ok {
            visitor.damage(place.chunk(DamageKind::Checksum, false, "the chunk header's checksum is wrong"));
        }
        let whole = chunk.stored >= chunk.bytes.len();
        if !header.records_ok && whole {
            visitor.damage(place.chunk(DamageKind::Checksum, false, "the records' checksum is wrong"));
        }
        // A record that the file holds only in part would be read with zeroes for the rest.
        let stored = chunk.bytes.get(..chunk.stored).unwrap_or(chunk.bytes);
        let walked = records::spans(stored, &header);
        self.read_spans(&place, chunk.bytes, &walked.spans, visitor);
        if let Some(at) = walked.short.filter(|_| whole) {
            let reason =
                format!("its header tells of more records than it holds: nothing follows offset {at:#x}");
            visitor.damage(place.chunk(DamageKind::Chunk, true, &reason));
        }
    }

    fn read_spans(&mut self, place: &Where<'_>, bytes: &[u8], spans: &[Span], visitor: &mut dyn Visitor) {
        let mut rendered = None;
        self.fast.enter_chunk();
        for (index, span) in spans.iter().enumerate() {
            let number = u32::try_from(index).unwrap_or(u32::MAX);
            let position = Position { chunk: place.chunk, record: number };
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
                    let at = binxml.start.saturating_sub(RECORD_HEADER_SIZE);
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
    chunk: u64,
}

impl Where<'_> {
    fn chunk(&self, kind: DamageKind, lost: bool, reason: &str) -> Damage {
        let source = self.source.to_owned();
        Damage { source, chunk: Some(self.chunk), record: None, kind, reason: reason.to_owned(), lost }
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
    use crate::input::detect::{CHUNK_SIZE, FILE_HEADER_SIZE};
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
