//! One source, opened and read once, in order: blocks of pieces for others to read, its SHA-256 on the way. It looks into no piece.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::finding::{Damage, DamageKind};
use crate::hash::hex;
use crate::time::Timestamp;

use super::detect::{CHUNK_SIZE, HEAD_SIZE, Kind, SEARCH_SIZE, chunk_beyond, detect};
use super::evtx::{Chunk, FileHeader};
use super::walk::Source;
use super::xml::{EventStream, ExportedEvent};

mod carve;
mod chunks;

use carve::{CarveStream, CarvedChunk};
use chunks::ChunkStream;

/// How to read sources.
#[derive(Debug, Clone, Copy, Default)]
pub struct SourceOptions {
    /// Take the SHA-256 of every byte on the way.
    pub hash: bool,
    /// Look for EVTX chunks at any byte of a source that is none of the known kinds.
    pub carve: bool,
}

/// What became of opening a source.
#[derive(Debug)]
pub enum Opened {
    /// A log.
    Log(Box<SourceFile>),
    /// Plainly something else that a folder holds; it has so many bytes.
    Skipped(u64),
    /// Named as evidence, but not readable as such.
    Failed(Damage),
}

/// Opens `source` and decides by its first bytes what it is.
pub fn open(source: &Source, options: SourceOptions) -> Opened {
    let opened = File::open(&source.path).and_then(|file| file.metadata().map(|metadata| (file, metadata)));
    let (file, metadata) = match opened {
        Ok(opened) => opened,
        Err(error) => return Opened::Failed(failure(&source.name, &format!("cannot be opened: {error}"))),
    };
    let stat = Stat::of(&metadata);
    let reader = Tap { reader: Box::new(file), hash: options.hash.then(Sha256::new), read: 0, error: None };
    let file_name = source.name.rsplit('/').next().unwrap_or_default();
    let expected = source.named || file_name.to_ascii_lowercase().contains(".evtx");
    SourceFile::start(source.name.clone(), reader, expected, options.carve, Some((source.path.clone(), stat)))
}

/// An event log that is being read.
#[derive(Debug)]
pub struct SourceFile {
    name: String,
    tap: Tap,
    content: Content,
    /// Where it is and how it stood when it was opened; `None` for one that is no file.
    file: Option<(PathBuf, Stat)>,
    damages: Vec<Damage>,
}

#[derive(Debug)]
enum Content {
    Evtx(ChunkStream),
    Carved(CarveStream),
    Xml(EventStream),
}

/// What is known of a source once it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// Bytes read.
    pub size: u64,
    /// Last modification, by the file system, when it was opened.
    pub modified: Option<Timestamp>,
    /// SHA-256 of the bytes, lower-case hex; `None` when hashing was off.
    pub sha256: Option<String>,
    /// EVTX chunks that are not unused space, or that were carved; 0 for an export.
    pub chunks: u64,
    /// The EVTX file header, where there is one.
    pub header: Option<FileHeader>,
    /// What was wrong with the source as a whole, in order.
    pub damages: Vec<Damage>,
}

impl SourceFile {
    /// Starts on `reader`. `expected` says that it was meant to be a log: then being none is a damage. `carve` says that chunks are looked for
    /// in what is none.
    fn start(
        name: String,
        mut tap: Tap,
        expected: bool,
        carve: bool,
        file: Option<(PathBuf, Stat)>,
    ) -> Opened {
        let mut head = Vec::new();
        tap.fill(&mut head, HEAD_SIZE);
        let mut kind = detect(&head);
        if kind == Kind::Other {
            let more = SEARCH_SIZE.saturating_sub(head.len());
            tap.fill(&mut head, more);
            if chunk_beyond(&head) {
                kind = Kind::EvtxWithoutHeader;
            }
        }
        let carved = if carve && kind == Kind::Other {
            CarveStream::find(&name, std::mem::take(&mut head), &mut tap)
        } else {
            None
        };
        if let Some(error) = tap.error.as_ref().filter(|_| carved.is_none()) {
            return Opened::Failed(failure(&name, &format!("cannot be read: {error}")));
        }
        let size = file.as_ref().map_or(tap.read, |(_, stat)| stat.size);
        let no_evidence =
            |reason: &str| Opened::Failed(Damage { kind: DamageKind::NotEvidence, ..failure(&name, reason) });
        let mut damages = Vec::new();
        let content = match kind {
            _ if let Some(chunks) = carved => Content::Carved(chunks),
            Kind::Evtx => Content::Evtx(ChunkStream::new(&name, head, true, &mut damages)),
            Kind::EvtxWithoutHeader => Content::Evtx(ChunkStream::new(&name, head, false, &mut damages)),
            Kind::Xml => Content::Xml(EventStream::new(head)),
            Kind::Empty if expected => return no_evidence("the file is empty"),
            Kind::Other if expected => {
                return no_evidence("its content is no event log, neither EVTX nor events exported as XML");
            }
            Kind::Empty | Kind::Other => return Opened::Skipped(size),
        };
        Opened::Log(Box::new(Self { name, tap, content, file, damages }))
    }

    /// The source's name as reports print it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next block, of at most `max_chunks` chunks or some such amount of an export; `None` at the end.
    pub fn next_block(&mut self, max_chunks: usize) -> Option<Block> {
        let size_hint =
            self.file.as_ref().map_or(u64::MAX, |(_, stat)| stat.size.saturating_sub(self.tap.read));
        match &mut self.content {
            Content::Evtx(chunks) => {
                chunks.next_block(&mut self.tap, max_chunks, size_hint, &mut self.damages)
            }
            Content::Carved(chunks) => chunks.next_block(&mut self.tap, max_chunks, &mut self.damages),
            Content::Xml(events) => {
                events.next_block(&self.name, &mut self.tap, max_chunks, &mut self.damages)
            }
        }
    }

    /// What is known at the end. Called before the end, it tells of what was read so far.
    pub fn finish(mut self) -> Finished {
        if let Some(error) = self.tap.error.take() {
            let reason = format!("reading stopped after {} bytes: {error}", self.tap.read);
            self.damages.push(failure(&self.name, &reason));
        }
        let modified = self.file.as_ref().and_then(|(_, stat)| stat.modified);
        if let Some((path, before)) = &self.file {
            let now = std::fs::metadata(path).ok();
            if now.is_none_or(|now| Stat::of(&now) != *before) {
                let reason = "the file changed while it was read; copy it and read the copy";
                self.damages.push(Damage { lost: false, ..failure(&self.name, reason) });
            }
        }
        let (chunks, header) = match &self.content {
            Content::Evtx(chunks) => (chunks.used(), chunks.header()),
            Content::Carved(chunks) => (chunks.found(), None),
            Content::Xml(_) => (0, None),
        };
        let sha256 = self.tap.hash.take().map(|hash| hex(&hash.finalize()));
        Finished { size: self.tap.read, modified, sha256, chunks, header, damages: self.damages }
    }
}

/// A run of bytes of a source, taken apart into pieces that can be read on any thread.
#[derive(Debug)]
pub struct Block {
    pieces: Pieces,
}

#[derive(Debug)]
enum Pieces {
    Chunks { bytes: Vec<u8>, first: u64, stored: usize },
    Carved(Vec<CarvedChunk>),
    Events { text: String, ranges: Vec<Range<usize>>, first: u32 },
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
            Pieces::Events { text, ranges, first } => {
                let number = first.saturating_add(u32::try_from(index).ok()?);
                Some(Piece::Event(ExportedEvent { number, text: text.get(ranges.get(index)?.clone())? }))
            }
        }
    }

    /// All pieces in order.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        (0..self.len()).filter_map(|index| self.piece(index))
    }

    /// Whole chunks from number `first`, of which the file holds the first `stored` bytes.
    pub(super) fn of_chunks(bytes: Vec<u8>, first: u64, stored: usize) -> Self {
        Self { pieces: Pieces::Chunks { bytes, first, stored } }
    }

    /// Chunks that were carved.
    fn of_carved(chunks: Vec<CarvedChunk>) -> Self {
        Self { pieces: Pieces::Carved(chunks) }
    }

    /// The events at `ranges` of `text`, the first of them number `first`.
    pub(super) fn of_events(text: String, ranges: Vec<Range<usize>>, first: u32) -> Self {
        Self { pieces: Pieces::Events { text, ranges, first } }
    }
}

/// A part of a source that can be read without the rest.
#[derive(Debug, Clone, Copy)]
pub enum Piece<'a> {
    /// An EVTX chunk.
    Chunk(Chunk<'a>),
    /// An `<Event>` of an export.
    Event(ExportedEvent<'a>),
}

/// A reader that counts and hashes what it reads, and remembers why it stopped.
pub(super) struct Tap {
    reader: Box<dyn Read + Send>,
    hash: Option<Sha256>,
    read: u64,
    error: Option<io::Error>,
}

impl Tap {
    /// Appends up to `limit` bytes to `buffer`: fewer only at the end of the source, or where reading it fails.
    pub(super) fn fill(&mut self, buffer: &mut Vec<u8>, limit: usize) {
        let start = buffer.len();
        if self.error.is_none() {
            let mut limited = (&mut self.reader).take(u64::try_from(limit).unwrap_or(u64::MAX));
            self.error = limited.read_to_end(buffer).err();
        }
        let new = buffer.get(start..).unwrap_or_default();
        self.read = self.read.saturating_add(u64::try_from(new.len()).unwrap_or(u64::MAX));
        if let Some(hash) = &mut self.hash {
            hash.update(new);
        }
    }

    /// Whether reading failed.
    pub(super) fn failed(&self) -> bool {
        self.error.is_some()
    }
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tap").field("read", &self.read).field("error", &self.error).finish_non_exhaustive()
    }
}

/// How a file stood at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stat {
    size: u64,
    modified: Option<Timestamp>,
}

impl Stat {
    fn of(metadata: &std::fs::Metadata) -> Self {
        let elapsed =
            metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let millis = elapsed.and_then(|elapsed| i64::try_from(elapsed.as_millis()).ok());
        Self { size: metadata.len(), modified: millis.map(Timestamp::from_unix_millis) }
    }
}

fn failure(source: &str, reason: &str) -> Damage {
    let (kind, reason) = (DamageKind::Unreadable, reason.to_owned());
    Damage { source: source.to_owned(), chunk: None, record: None, kind, reason, lost: true }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
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

    fn start(reader: Box<dyn Read + Send>) -> Opened {
        let tap = Tap { reader, hash: Some(Sha256::new()), read: 0, error: None };
        SourceFile::start("log".to_owned(), tap, true, false, None)
    }

    /// Reads to the end; the numbers of the chunks and what is known then.
    fn drain(opened: Opened, max_chunks: usize) -> (Vec<(u64, usize)>, Finished) {
        let Opened::Log(mut file) = opened else { panic!("{opened:?}") };
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
            let (chunks, finished) = drain(start(Box::new(io::Cursor::new(bytes.clone()))), max_chunks);
            assert_eq!(chunks, (0..5).map(|number| (number, CHUNK_SIZE)).collect::<Vec<_>>());
            assert_eq!((finished.size, finished.chunks), (bytes.len() as u64, 5));
            assert_eq!(finished.sha256, Some(hex(&Sha256::digest(&bytes))));
            assert_eq!(finished.damages, []);
        }
    }

    #[test]
    fn a_failing_disk_keeps_what_was_read() {
        let mut bytes = log(5);
        bytes.truncate(FILE_HEADER_SIZE + 3 * CHUNK_SIZE + 100);
        let (chunks, finished) = drain(start(Box::new(Failing(io::Cursor::new(bytes)))), 2);
        assert_eq!(chunks, [(0, CHUNK_SIZE), (1, CHUNK_SIZE), (2, CHUNK_SIZE), (3, 100)]);
        let [damage] = finished.damages.as_slice() else { panic!("{:?}", finished.damages) };
        assert_eq!((damage.kind, damage.lost), (DamageKind::Unreadable, true));
        assert_eq!(damage.reason, "reading stopped after 200804 bytes: bad sector");

        let opened = start(Box::new(Failing(io::Cursor::new(Vec::new()))));
        assert!(
            matches!(opened, Opened::Failed(Damage { kind: DamageKind::Unreadable, lost: true, .. })),
            "{opened:?}"
        );
    }

    #[test]
    fn a_file_that_grows_while_it_is_read_is_told_of() {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(&log(2)).expect("written");
        let source = Source { path: file.path().to_owned(), name: "log".to_owned(), ordinal: 0, named: true };
        let opened = open(&source, SourceOptions { hash: false, carve: false });
        file.write_all(&log(1)[FILE_HEADER_SIZE..]).expect("written");
        let (chunks, finished) = drain(opened, 64);
        assert_eq!(chunks.len(), 3);
        assert_eq!(finished.sha256, None);
        let kinds: Vec<_> = finished.damages.iter().map(|damage| (damage.kind, damage.lost)).collect();
        assert_eq!(kinds, [(DamageKind::Unreadable, false)]);
    }
}
