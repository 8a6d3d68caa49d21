//! Where the records of a chunk stand: a walk over their headers that finds its way again after damage. It looks into no record.

use std::ops::Range;

use crate::input::bytes::{offset_at, slice_at, u64_at};
use crate::input::detect::CHUNK_SIZE;

use super::header::{CHUNK_HEADER_SIZE, ChunkHeader};

/// Bytes of a record before its BinXML (MS-EVEN6 leaves the record to the implementation; libevtx documents it).
pub(super) const RECORD_HEADER_SIZE: usize = 24;
/// Bytes of a record around its BinXML: the header and the copy of the size that ends it.
const RECORD_FRAME_SIZE: usize = 28;
const RECORD_MAGIC: &[u8] = b"\x2a\x2a\0\0";

/// What a chunk holds, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Span {
    /// A record whose BinXML is in these bytes of the chunk.
    Record(Range<usize>),
    /// Bytes that are no record, from this offset to the next record or the end.
    Broken(usize),
}

/// A walk's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spans {
    /// What the chunk holds, in order.
    pub(super) spans: Vec<Span>,
    /// Offset where the walk ended, when the header tells of more records than it reached.
    pub(super) short: Option<usize>,
}

/// Walks the records of `chunk` up to where `header` says that they end. A header whose checksum is wrong is not believed: then the walk goes on as
/// long as records follow whose ids rise.
pub(super) fn spans(chunk: &[u8], header: &ChunkHeader) -> Spans {
    Walk { chunk, limits: Limits::of(header), last_id: None, spans: Vec::new() }.run(header)
}

/// How far the live records of a chunk go.
#[derive(Debug, Clone, Copy)]
struct Limits {
    first_id: u64,
    last_id: u64,
    last_offset: usize,
    end: usize,
    /// Whether ids must rise, because nothing else tells live records from the stale ones behind them.
    rising: bool,
}

impl Limits {
    fn of(header: &ChunkHeader) -> Self {
        let offset = |value: u32| usize::try_from(value).unwrap_or(CHUNK_SIZE).min(CHUNK_SIZE);
        if header.header_ok {
            Self {
                first_id: header.first_id,
                last_id: header.last_id,
                last_offset: offset(header.last_offset),
                end: offset(header.free_offset),
                rising: false,
            }
        } else {
            Self { first_id: 0, last_id: u64::MAX, last_offset: CHUNK_SIZE, end: CHUNK_SIZE, rising: true }
        }
    }
}

/// A record's frame.
#[derive(Debug, Clone, Copy)]
struct Frame {
    id: u64,
    start: usize,
    end: usize,
    /// Whether the size at its end is the one in its header.
    closed: bool,
}

struct Walk<'a> {
    chunk: &'a [u8],
    limits: Limits,
    last_id: Option<u64>,
    spans: Vec<Span>,
}

impl Walk<'_> {
    fn run(mut self, header: &ChunkHeader) -> Spans {
        let mut at = CHUNK_HEADER_SIZE;
        let mut complete = false;
        while at < self.limits.end {
            if let Some(frame) = frame_at(self.chunk, at) {
                if self.limits.rising && self.last_id.is_some_and(|last| frame.id <= last) {
                    break;
                }
                let binxml = at.saturating_add(RECORD_HEADER_SIZE)..frame.end.saturating_sub(4);
                self.spans.push(Span::Record(binxml));
                self.last_id = Some(frame.id);
                at = frame.end;
                complete = frame.id == self.limits.last_id;
                if complete {
                    break;
                }
                continue;
            }
            let next = self.find_frame(at.saturating_add(1));
            if next.is_none() && self.is_blank(at) {
                break;
            }
            self.spans.push(Span::Broken(at));
            match next {
                Some(next) => at = next,
                None => return Spans { spans: self.spans, short: None },
            }
        }
        let short = header.header_ok && !complete && tells_of_records(header);
        Spans { spans: self.spans, short: short.then_some(at) }
    }

    /// The offset of the next record from `from` that looks live: well framed, and with an id that the chunk can hold.
    fn find_frame(&self, from: usize) -> Option<usize> {
        let limits = &self.limits;
        let until = limits.end.min(limits.last_offset.saturating_add(RECORD_MAGIC.len()));
        let floor =
            if limits.rising { self.last_id.map_or(0, |id| id.saturating_add(1)) } else { limits.first_id };
        closed_frames(self.chunk, from..until)
            .find(|frame| frame.end <= limits.end && (floor..=limits.last_id).contains(&frame.id))
            .map(|frame| frame.start)
    }

    /// Whether zeroes, or too few bytes for a record, stand at `at`: there the free space begins, whatever the header says.
    fn is_blank(&self, at: usize) -> bool {
        slice_at(self.chunk, at, RECORD_HEADER_SIZE).is_none_or(|head| head.starts_with(&[0; 4]))
    }
}

/// Whether `bytes`, which are no chunk, hold something that is framed as a record is.
pub(super) fn holds_frames(bytes: &[u8]) -> bool {
    closed_frames(bytes, 0..bytes.len()).next().is_some()
}

/// The records in `range` of `bytes` whose sizes before and after them agree, wherever they begin.
fn closed_frames(bytes: &[u8], range: Range<usize>) -> impl Iterator<Item = Frame> {
    let windows = bytes.get(range.clone()).unwrap_or_default().windows(RECORD_MAGIC.len()).enumerate();
    let hits = windows.filter(|(_, window)| *window == RECORD_MAGIC);
    hits.filter_map(move |(offset, _)| frame_at(bytes, range.start.checked_add(offset)?))
        .filter(|frame| frame.closed)
}

fn frame_at(bytes: &[u8], at: usize) -> Option<Frame> {
    if slice_at(bytes, at, RECORD_MAGIC.len())? != RECORD_MAGIC {
        return None;
    }
    let size = offset_at(bytes, at.checked_add(4)?)?;
    let id = u64_at(bytes, at.checked_add(8)?)?;
    let end = at.checked_add(size).filter(|&end| size >= RECORD_FRAME_SIZE && end <= bytes.len())?;
    let closed = offset_at(bytes, end.checked_sub(4)?) == Some(size);
    Some(Frame { id, start: at, end, closed })
}

/// Whether a chunk's header claims records; that of a log without any gives its last id as -1.
fn tells_of_records(header: &ChunkHeader) -> bool {
    header.last_id != u64::MAX && usize::try_from(header.free_offset).is_ok_and(|end| end > CHUNK_HEADER_SIZE)
}
