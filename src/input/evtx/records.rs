//! Where the records of a chunk stand: a walk over their headers that finds its way again after damage. It looks into no record.

use std::ops::Range;

use crate::input::bytes::{offset_at, slice_at, u64_at};
use crate::input::detect::CHUNK_SIZE;

use super::header::{CHUNK_HEADER_SIZE, ChunkHeader};

/// Bytes of a record before its BinXML (MS-EVEN6 leaves the record to the implementation; libevtx documents it).
pub(super) const RECORD_HEADER_SIZE: usize = 24;
/// Bytes of the copy of its size that ends a record.
pub(super) const SIZE_COPY_SIZE: usize = 4;
/// Bytes of a record around its BinXML: the header and the copy of its size.
const RECORD_FRAME_SIZE: usize = RECORD_HEADER_SIZE + SIZE_COPY_SIZE;
/// The bytes that every record begins with.
pub(super) const RECORD_MAGIC: &[u8] = b"\x2a\x2a\0\0";

/// What a chunk holds, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Span {
    /// A record whose BinXML is in these bytes of the chunk.
    Record(Range<usize>),
    /// Bytes that are no record, from this offset to the next record or the end.
    Broken(usize),
}

impl Span {
    /// The offset at which it begins.
    pub(super) fn start(&self) -> usize {
        match self {
            Self::Record(binxml) => binxml.start.saturating_sub(RECORD_HEADER_SIZE),
            Self::Broken(start) => *start,
        }
    }
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
    let limits = Limits::of(header);
    Walk { chunk, limits, last_id: None, next: None, searched: 0, spans: Vec::new() }.run(header)
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

impl Frame {
    /// Where its BinXML is.
    fn binxml(&self) -> Range<usize> {
        self.start.saturating_add(RECORD_HEADER_SIZE)..self.end.saturating_sub(SIZE_COPY_SIZE)
    }
}

struct Walk<'a> {
    chunk: &'a [u8],
    limits: Limits,
    last_id: Option<u64>,
    /// What was found last that looks live, and up to where was searched for it.
    next: Option<Frame>,
    searched: usize,
    spans: Vec<Span>,
}

impl Walk<'_> {
    fn run(mut self, header: &ChunkHeader) -> Spans {
        let mut at = CHUNK_HEADER_SIZE;
        let mut complete = false;
        while at < self.limits.end {
            if let Some(frame) = frame_at(self.chunk, at).filter(|frame| self.is_whole(frame)) {
                if self.limits.rising && self.last_id.is_some_and(|last| frame.id <= last) {
                    break;
                }
                self.spans.push(Span::Record(frame.binxml()));
                self.last_id = Some(frame.id);
                at = frame.end;
                complete = frame.id == self.limits.last_id && frame.start >= self.limits.last_offset;
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

    /// The offset of the next record from `from` that looks live: well framed, and with an id that the chunk can hold. From one call to the next `from`
    /// and the ids only rise, so nothing is searched twice: hostile chunks ask for this thousands of times.
    fn find_frame(&mut self, from: usize) -> Option<usize> {
        let limits = self.limits;
        let floor =
            if limits.rising { self.last_id.map_or(0, |id| id.saturating_add(1)) } else { limits.first_id };
        let looks_live =
            |frame: &Frame| frame.end <= limits.end && (floor..=limits.last_id).contains(&frame.id);
        self.next = self.next.filter(|next| next.start >= from && looks_live(next));
        if self.next.is_none() {
            let until = limits.end.min(limits.last_offset.saturating_add(RECORD_MAGIC.len()));
            self.next = closed_frames(self.chunk, from.max(self.searched)..until).find(looks_live);
            self.searched = self.next.map_or(until, |next| next.start.saturating_add(1));
        }
        self.next.map(|next| next.start)
    }

    /// Whether `frame` is believed to end where it says: where the size at its end is another, no live record may begin in it.
    fn is_whole(&mut self, frame: &Frame) -> bool {
        frame.closed || self.find_frame(frame.start.saturating_add(1)).is_none_or(|next| next >= frame.end)
    }

    /// Whether zeroes, or too few bytes for a record, stand at `at`: there the free space begins, whatever the header says.
    fn is_blank(&self, at: usize) -> bool {
        slice_at(self.chunk, at, RECORD_HEADER_SIZE).is_none_or(|head| head.starts_with(&[0; 4]))
    }
}

/// The records of `chunk` that are not among the `live` ones, in order: well framed, and `usual` by where their BinXML is. Where something is framed
/// as a record is and is none, the next may begin inside it.
pub(super) fn stale(chunk: &[u8], live: &[Span], mut usual: impl FnMut(Range<usize>) -> bool) -> Vec<Span> {
    let mut found = Vec::new();
    for gap in gaps(chunk, live) {
        let mut free = gap.start;
        for frame in closed_frames(chunk, gap.clone()) {
            let binxml = frame.binxml();
            if frame.start >= free && frame.end <= gap.end && usual(binxml.clone()) {
                free = frame.end;
                found.push(Span::Record(binxml));
            }
        }
    }
    found
}

/// What of `chunk`, its header aside, no `live` record takes.
fn gaps(chunk: &[u8], live: &[Span]) -> Vec<Range<usize>> {
    let mut gaps = Vec::new();
    let mut start = CHUNK_HEADER_SIZE;
    for span in live {
        if let Span::Record(binxml) = span {
            gaps.push(start..span.start());
            start = binxml.end.saturating_add(SIZE_COPY_SIZE);
        }
    }
    gaps.push(start..chunk.len());
    gaps.retain(|gap| gap.len() >= RECORD_FRAME_SIZE);
    gaps
}

/// Whether a record begins right behind the header of `chunk`.
pub(super) fn follow_header(chunk: &[u8]) -> bool {
    frame_at(chunk, CHUNK_HEADER_SIZE).is_some_and(|frame| frame.closed)
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
