//! One source, opened and read once, in order: blocks of pieces for others to read, its SHA-256 on the way. It looks into no piece.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::finding::{Damage, DamageKind, SourceKind};
use crate::time::Timestamp;

use super::detect::{CHUNK_SIZE, HEAD_SIZE, Image, Kind, SEARCH_SIZE, chunk_beyond, detect};
use super::evtx::{Chunk, FileHeader};
use super::export::{ExportedEvent, Format};
use super::json::{self, JsonStream};
use super::xml::EventStream;

mod buffers;
mod carve;
mod chunks;
mod tap;

use buffers::Lent;
use carve::{CarveStream, CarvedChunk};
pub use chunks::ChunkRange;
use chunks::ChunkStream;
pub(super) use tap::{Input, ReadSeek, Tap};

/// Damages of a source as a whole that are told one by one.
const MOST_DAMAGES: usize = 10_000;

/// How to read sources.
#[derive(Debug, Clone, Copy, Default)]
pub struct SourceOptions {
    /// Take the SHA-256 of every byte on the way.
    pub hash: bool,
}

/// A source of which only the beginning was read, to see what it is.
#[derive(Debug)]
pub(super) struct Looked<'a> {
    pub(super) tap: Tap<'a>,
    /// The bytes read so far.
    pub(super) head: Vec<u8>,
    /// What they say the source is.
    pub(super) kind: Kind,
}

impl<'a> Looked<'a> {
    /// Reads the beginning of `input` and decides what it is.
    ///
    /// # Errors
    /// Why the beginning cannot be read, as a sentence.
    pub(super) fn at(input: Input<'a>, options: SourceOptions) -> Result<Self, String> {
        let mut tap = Tap::new(input, options.hash);
        let mut head = Vec::new();
        tap.fill(&mut head, HEAD_SIZE);
        let mut kind = detect(&head);
        if kind == Kind::Other {
            let more = SEARCH_SIZE.saturating_sub(head.len());
            tap.fill(&mut head, more);
            if chunk_beyond(&head) {
                kind = Kind::EvtxWithoutHeader;
            } else if json::begins_events(&head).is_some() {
                // The first event's message may fill the short head.
                kind = Kind::Json;
            } else if let Some(image) = Image::of(&head) {
                kind = Kind::Image(image);
            }
        }
        match tap.error() {
            Some(error) if matches!(kind, Kind::Empty | Kind::Other) => {
                Err(format!("cannot be read: {error}"))
            }
            _ => Ok(Self { tap, head, kind }),
        }
    }
}

/// An event log that is being read.
#[derive(Debug)]
pub struct SourceFile<'a> {
    name: String,
    tap: Tap<'a>,
    content: Content,
    /// Bytes it probably holds.
    size: Option<u64>,
    damages: Vec<Damage>,
    /// Damages beyond those kept, and whether one of them lost input.
    more: u64,
    more_lost: bool,
}

#[derive(Debug)]
enum Content {
    Evtx(ChunkStream),
    Carved(CarveStream),
    Xml(EventStream),
    Json(JsonStream),
}

/// What is known of a source once it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// What it is.
    pub kind: SourceKind,
    /// Bytes read.
    pub size: u64,
    /// Last modification, by the file system, when it was opened.
    pub modified: Option<Timestamp>,
    /// SHA-256 of the bytes, lower-case hex; `None` when hashing was off.
    pub sha256: Option<String>,
    /// SHA-1 of the bytes, lower-case hex, where a collector may give no other hash.
    pub sha1: Option<String>,
    /// EVTX chunks that are not unused space, or that were carved; 0 for an export.
    pub chunks: u64,
    /// Members that an archive gave; 0 for a log.
    pub members: u64,
    /// Whether the file changed while it was read.
    pub changed: bool,
    /// The EVTX file header, where there is one.
    pub header: Option<FileHeader>,
    /// What was wrong with the source as a whole, in order.
    pub damages: Vec<Damage>,
}

impl<'a> SourceFile<'a> {
    /// The log that `looked` found, which holds `size` bytes as far as is known; `Err` when it is no log. `carve` says that chunks are looked for in
    /// what is none.
    pub(super) fn new(
        name: &str,
        looked: Looked<'a>,
        size: Option<u64>,
        carve: bool,
    ) -> Result<Self, Box<Looked<'a>>> {
        let Looked { mut tap, head, kind } = looked;
        let mut damages = Vec::new();
        let content = match kind {
            Kind::Evtx => Content::Evtx(ChunkStream::new(name, head, true, &mut damages)),
            Kind::EvtxWithoutHeader => Content::Evtx(ChunkStream::new(name, head, false, &mut damages)),
            Kind::Xml => Content::Xml(EventStream::new(head)),
            Kind::Json => Content::Json(JsonStream::new(head)),
            Kind::Other | Kind::Image(_) if carve => match CarveStream::find(name, head, &mut tap) {
                Some(chunks) => Content::Carved(chunks),
                None => return Err(Box::new(Looked { tap, head: Vec::new(), kind })),
            },
            _ => return Err(Box::new(Looked { tap, head, kind })),
        };
        Ok(Self { name: name.to_owned(), tap, content, size, damages, more: 0, more_lost: false })
    }

    /// Leaves out all chunks but those in `range`; what is no event log is read whole. Called before the first block.
    pub(super) fn keep(&mut self, range: ChunkRange) {
        if let Content::Evtx(chunks) = &mut self.content {
            chunks.keep(range, &mut self.tap);
        }
    }

    /// Of an EVTX file only the chunks of the numbers `only` are needed. What is known of it at the end is then not all.
    pub(super) fn narrow(&mut self, only: BTreeSet<u64>) {
        if let Content::Evtx(chunks) = &mut self.content {
            chunks.narrow(only);
        }
    }

    /// What kind of source it is.
    pub fn kind(&self) -> SourceKind {
        match self.content {
            Content::Evtx(_) => SourceKind::Evtx,
            Content::Carved(_) => SourceKind::Carved,
            Content::Xml(_) => SourceKind::Xml,
            Content::Json(_) => SourceKind::Json,
        }
    }

    /// The next block, of at most `max_chunks` chunks or some such amount of an export; `None` at the end.
    pub fn next_block(&mut self, max_chunks: usize) -> Option<Block> {
        let size_hint = self.size.map_or(u64::MAX, |size| size.saturating_sub(self.tap.read_so_far()));
        let block = match &mut self.content {
            Content::Evtx(chunks) => {
                chunks.next_block(&mut self.tap, max_chunks, size_hint, &mut self.damages)
            }
            Content::Carved(chunks) => chunks.next_block(&mut self.tap, max_chunks, &mut self.damages),
            Content::Xml(events) => {
                events.next_block(&self.name, &mut self.tap, max_chunks, &mut self.damages)
            }
            Content::Json(events) => {
                events.next_block(&self.name, &mut self.tap, max_chunks, &mut self.damages)
            }
        };
        self.bound();
        block
    }

    /// Keeps the first damages and counts the rest, which hostile bytes could make any number of.
    fn bound(&mut self) {
        let beyond = self.damages.split_off(self.damages.len().min(MOST_DAMAGES));
        self.more = self.more.saturating_add(u64::try_from(beyond.len()).unwrap_or(u64::MAX));
        self.more_lost |= beyond.iter().any(|damage| damage.lost);
    }

    /// What is known at the end. Called before the end, it tells of what was read so far.
    pub fn finish(mut self) -> Finished {
        if let Some(error) = self.tap.error() {
            let reason = format!("reading stopped after {} bytes: {error}", self.tap.read_so_far());
            self.damages.push(failure(&self.name, &reason));
        }
        if self.more > 0 {
            let reason = format!("{} more problems like those before it, not listed one by one", self.more);
            self.damages.push(Damage { lost: self.more_lost, ..failure(&self.name, &reason) });
        }
        let kind = self.kind();
        let (chunks, header) = match &self.content {
            Content::Evtx(chunks) => (chunks.used(), chunks.header()),
            Content::Carved(chunks) => (chunks.found(), None),
            Content::Xml(_) | Content::Json(_) => (0, None),
        };
        // The hash of a part would pass for that of the whole.
        let whole = !self.tap.failed();
        let (size, sha256) = self.tap.finish();
        Finished {
            kind,
            size,
            modified: None,
            sha256: sha256.filter(|_| whole),
            sha1: None,
            chunks,
            members: 0,
            changed: false,
            header,
            damages: self.damages,
        }
    }
}

/// A run of bytes of a source, taken apart into pieces that can be read on any thread.
#[derive(Debug)]
pub struct Block {
    pieces: Pieces,
}

#[derive(Debug)]
enum Pieces {
    Chunks { bytes: Lent, first: u64, stored: usize },
    Carved(Vec<CarvedChunk>),
    Events { format: Format, text: String, ranges: Vec<Range<usize>>, first: u32 },
}

impl Block {
    /// How many pieces it has.
    pub fn len(&self) -> usize {
        match &self.pieces {
            Pieces::Chunks { bytes, .. } => bytes.len() / CHUNK_SIZE,
            Pieces::Carved(chunks) => chunks.len(),
            Pieces::Events { ranges, .. } => ranges.len(),
        }
    }

    /// How much work it is, in chunks or as much of an export; at least one.
    pub fn chunks(&self) -> usize {
        match &self.pieces {
            Pieces::Chunks { bytes, .. } => (bytes.len() / CHUNK_SIZE).max(1),
            Pieces::Carved(chunks) => chunks.len().max(1),
            Pieces::Events { text, .. } => text.len().div_ceil(CHUNK_SIZE).max(1),
        }
    }

    /// Whether it has no pieces.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The piece at `index`, counted from 0.
    pub fn piece(&self, index: usize) -> Option<Piece<'_>> {
        match &self.pieces {
            Pieces::Chunks { bytes, first, stored } => {
                let bytes = bytes.chunks_exact(CHUNK_SIZE).nth(index)?;
                let number = first.saturating_add(u64::try_from(index).ok()?);
                let stored = stored.saturating_sub(index.saturating_mul(CHUNK_SIZE)).min(CHUNK_SIZE);
                Some(Piece::Chunk(Chunk { number, bytes, stored, carved: false }))
            }
            Pieces::Carved(chunks) => chunks.get(index).map(|chunk| Piece::Chunk(chunk.piece())),
            Pieces::Events { format, text, ranges, first } => {
                let number = first.saturating_add(u32::try_from(index).ok()?);
                let text = text.get(ranges.get(index)?.clone())?;
                Some(Piece::Event(ExportedEvent { number, format: *format, text }))
            }
        }
    }

    /// All pieces in order.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        (0..self.len()).filter_map(|index| self.piece(index))
    }

    /// Whole chunks from number `first`, of which the file holds the first `stored` bytes.
    fn of_chunks(bytes: Lent, first: u64, stored: usize) -> Self {
        Self { pieces: Pieces::Chunks { bytes, first, stored } }
    }

    /// Chunks that were carved.
    fn of_carved(chunks: Vec<CarvedChunk>) -> Self {
        Self { pieces: Pieces::Carved(chunks) }
    }

    /// The events at `ranges` of `text`, written in `format`, the first of them number `first`.
    pub(super) fn of_events(format: Format, text: String, ranges: Vec<Range<usize>>, first: u32) -> Self {
        Self { pieces: Pieces::Events { format, text, ranges, first } }
    }
}

/// A part of a source that can be read without the rest.
#[derive(Debug, Clone, Copy)]
pub enum Piece<'a> {
    /// An EVTX chunk.
    Chunk(Chunk<'a>),
    /// An event of an export.
    Event(ExportedEvent<'a>),
}

/// That `source` could not be read, and why.
pub(super) fn failure(source: &str, reason: &str) -> Damage {
    let (kind, reason) = (DamageKind::Unreadable, reason.to_owned());
    Damage { source: source.to_owned(), chunk: None, record: None, kind, reason, lost: true }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use super::*;
    use crate::hash::sha256;
    use crate::input::detect::FILE_HEADER_SIZE;

    /// A file header without checksum, and `chunks` chunks without records.
    fn log(chunks: usize) -> Vec<u8> {
        let mut bytes = vec![0; FILE_HEADER_SIZE + chunks * CHUNK_SIZE];
        bytes[..8].copy_from_slice(b"ElfFile\0");
        bytes[36..40].copy_from_slice(&[1, 0, 3, 0]);
        bytes[42] = u8::try_from(chunks).expect("few chunks");
        bytes[120] = 4;
        for chunk in bytes[FILE_HEADER_SIZE..].chunks_exact_mut(CHUNK_SIZE) {
            chunk[..8].copy_from_slice(b"ElfChnk\0");
        }
        bytes
    }

    /// A disk that fails after the bytes it has.
    struct Failing(io::Cursor<Vec<u8>>);

    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer) {
                Ok(0) => Err(io::Error::other("bad sector")),
                other => other,
            }
        }
    }

    fn start(reader: impl Read + 'static) -> Result<SourceFile<'static>, String> {
        let looked = Looked::at(Input::Stream(Box::new(reader)), SourceOptions { hash: true })?;
        SourceFile::new("log", looked, None, false).map_err(|looked| format!("{:?}", looked.kind))
    }

    /// Reads to the end; the numbers of the chunks and what is known then.
    fn drain(mut file: SourceFile<'_>, max_chunks: usize) -> (Vec<(u64, usize)>, Finished) {
        let mut chunks = Vec::new();
        while let Some(block) = file.next_block(max_chunks) {
            chunks.extend(block.pieces().map(|piece| match piece {
                Piece::Chunk(chunk) => (chunk.number, chunk.stored),
                Piece::Event(event) => panic!("{event:?}"),
            }));
        }
        (chunks, file.finish())
    }

    #[test]
    fn blocks_of_any_size_give_the_same() {
        let bytes = log(5);
        for max_chunks in [0, 1, 2, 5, 64] {
            let (chunks, finished) = drain(start(io::Cursor::new(bytes.clone())).expect("a log"), max_chunks);
            assert_eq!(chunks, (0..5).map(|number| (number, CHUNK_SIZE)).collect::<Vec<_>>());
            assert_eq!((finished.size, finished.chunks), (bytes.len() as u64, 5));
            assert_eq!(finished.sha256, Some(sha256(&bytes)));
            assert_eq!(finished.damages, []);
        }
    }

    #[test]
    fn a_failing_disk_keeps_what_was_read() {
        let mut bytes = log(5);
        bytes.truncate(FILE_HEADER_SIZE + 3 * CHUNK_SIZE + 100);
        let (chunks, finished) = drain(start(Failing(io::Cursor::new(bytes))).expect("a log"), 2);
        assert_eq!(chunks, [(0, CHUNK_SIZE), (1, CHUNK_SIZE), (2, CHUNK_SIZE), (3, 100)]);
        let [damage] = finished.damages.as_slice() else { panic!("{:?}", finished.damages) };
        assert_eq!((damage.kind, damage.lost), (DamageKind::Unreadable, true));
        assert_eq!(damage.reason, "reading stopped after 200804 bytes: bad sector");

        let nothing = start(Failing(io::Cursor::new(Vec::new())));
        assert_eq!(nothing.err().as_deref(), Some("cannot be read: bad sector"));
    }
}
