//! EVTX chunks at any byte of a source that is no log: a disk image's part, a memory dump, unallocated space. One pass, in bounded memory; it looks into
//! no record.

use crate::finding::{Damage, DamageKind};
use crate::input::detect::{CHUNK_MAGIC, CHUNK_SIZE};
use crate::input::evtx::{Chunk, ChunkEnd, carved_reason, chunk_end};

use super::{Block, Tap};

/// Bytes that are read at a time.
const READ_SIZE: usize = 1 << 20;
/// Bytes that are at hand, unless the source ends, when a chunk is cut out: it, and the header of one that begins in it.
const AHEAD: usize = 2 * CHUNK_SIZE;

/// A chunk that was cut out.
#[derive(Debug)]
pub(super) struct CarvedChunk {
    /// The byte of the source at which it begins.
    offset: u64,
    /// Its 65,536 bytes; zeroes stand for what is not there.
    bytes: Vec<u8>,
    /// How many of them are there.
    stored: usize,
}

impl CarvedChunk {
    /// The chunk to be read.
    pub(super) fn piece(&self) -> Chunk<'_> {
        Chunk { number: self.offset, bytes: &self.bytes, stored: self.stored, carved: true }
    }
}

/// A source whose chunks are being found.
#[derive(Debug)]
pub(super) struct CarveStream {
    name: String,
    /// Some bytes of the source, and how many stand before them.
    window: Vec<u8>,
    before: u64,
    /// How far the window has been looked through.
    at: usize,
    ended: bool,
    found: u64,
}

impl CarveStream {
    /// Looks through a source that begins with `head`, up to the first chunk; `None` when there is none in all of it.
    pub(super) fn find(name: &str, head: Vec<u8>, tap: &mut Tap<'_>) -> Option<Self> {
        let mut stream =
            Self { name: name.to_owned(), window: head, before: 0, at: 0, ended: false, found: 0 };
        while !stream.ended || stream.at < stream.window.len() {
            if stream.next_chunk(tap).is_some() {
                return Some(stream);
            }
        }
        None
    }

    /// Chunks so far.
    pub(super) fn found(&self) -> u64 {
        self.found
    }

    /// The chunks in the next bytes, at most `max_chunks` and so many times 64 KiB as that, roughly: there may be none in them. `None` at the end.
    pub(super) fn next_block(
        &mut self,
        tap: &mut Tap<'_>,
        max_chunks: usize,
        damages: &mut Vec<Damage>,
    ) -> Option<Block> {
        if self.ended && self.at >= self.window.len() {
            return None;
        }
        let limit = max_chunks.max(1);
        let start = self.place(self.at);
        let bytes = u64::try_from(limit.saturating_mul(CHUNK_SIZE)).unwrap_or(u64::MAX);
        let mut chunks = Vec::new();
        while chunks.len() < limit
            && self.place(self.at).saturating_sub(start) < bytes
            && !(self.ended && self.at >= self.window.len())
        {
            if let Some(end) = self.next_chunk(tap) {
                chunks.push(self.cut(end, damages));
            }
        }
        Some(Block::of_carved(chunks))
    }

    /// Goes to the next chunk, or through the window to its end when there is none in it.
    fn next_chunk(&mut self, tap: &mut Tap<'_>) -> Option<ChunkEnd> {
        loop {
            self.fill(tap);
            match next_magic(&self.window, self.at) {
                // A chunk is judged with all of its bytes at hand, and with what may begin in them.
                Some(at) if !self.ended && self.window.len().saturating_sub(at) < AHEAD => self.at = at,
                Some(at) => {
                    self.at = at;
                    if let Some(end) = chunk_end(self.ahead(at)) {
                        return Some(end);
                    }
                    self.at = at.saturating_add(1);
                }
                None if self.ended => {
                    self.at = self.window.len();
                    return None;
                }
                // A magic may have begun at the window's end.
                None => {
                    let tail = self.window.len().saturating_sub(CHUNK_MAGIC.len().saturating_sub(1));
                    self.at = self.at.max(tail);
                    return None;
                }
            }
        }
    }

    /// Cuts out the chunk that stands at hand and whose records end at `end`. It ends where the next one begins: no record that its checksum vouches for
    /// is taken for that, whatever it says.
    fn cut(&mut self, end: ChunkEnd, damages: &mut Vec<Damage>) -> CarvedChunk {
        let start = self.at;
        let offset = self.place(start);
        let own = self.ahead(start);
        let mut from = if end.records_ok { end.end } else { CHUNK_MAGIC.len() };
        let mut stored = own.len();
        while let Some(next) = next_magic(own, from) {
            let there = self.ahead(start.saturating_add(next));
            if chunk_end(there).is_some_and(|next| next.header_ok) {
                stored = next;
                break;
            }
            from = next.saturating_add(1);
        }
        let mut bytes = own.get(..stored).unwrap_or(own).to_vec();
        bytes.resize(CHUNK_SIZE, 0);
        if stored < end.end {
            let reason = format!("only {stored} of its {CHUNK_SIZE} bytes are there");
            let reason = carved_reason(offset, &reason);
            let (source, kind) = (self.name.clone(), DamageKind::Truncated);
            damages.push(Damage { source, chunk: Some(offset), record: None, kind, reason, lost: true });
        }
        self.at = start.saturating_add(stored);
        self.found = self.found.saturating_add(1);
        CarvedChunk { offset, bytes, stored }
    }

    /// The window from `at`, a chunk of it at most.
    fn ahead(&self, at: usize) -> &[u8] {
        let end = at.saturating_add(CHUNK_SIZE).min(self.window.len());
        self.window.get(at..end).unwrap_or_default()
    }

    /// The byte of the source that stands at `at` of the window.
    fn place(&self, at: usize) -> u64 {
        self.before.saturating_add(u64::try_from(at).unwrap_or(u64::MAX))
    }

    /// Reads on when less is left than a chunk is judged by; what was looked through goes.
    fn fill(&mut self, tap: &mut Tap<'_>) {
        let left = self.window.len().saturating_sub(self.at);
        if self.ended || left >= AHEAD {
            return;
        }
        self.before = self.place(self.at);
        self.window.drain(..self.at.min(self.window.len()));
        self.at = 0;
        tap.fill(&mut self.window, READ_SIZE);
        self.ended = self.window.len().saturating_sub(left) < READ_SIZE;
    }
}

/// The offset of the next chunk's magic in `bytes` from `from`.
fn next_magic(bytes: &[u8], from: usize) -> Option<usize> {
    let windows = bytes.get(from..)?.windows(CHUNK_MAGIC.len());
    windows.into_iter().position(|window| window == CHUNK_MAGIC).map(|at| from.saturating_add(at))
}
