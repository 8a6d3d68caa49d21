//! The chunks of an EVTX file in order, to the end of the file whatever its header says. It looks into no chunk.

use std::collections::BTreeSet;

use crate::finding::{Damage, DamageKind};
use crate::input::detect::{CHUNK_SIZE, FILE_HEADER_SIZE};
use crate::input::evtx::{Content, FileHeader};

use super::buffers::Buffers;
use super::{Block, Tap};

const CHUNK_BYTES: u64 = CHUNK_SIZE as u64;

/// A run of places without a chunk, all alike.
#[derive(Debug, Clone, Copy)]
struct Gap {
    first: u64,
    last: u64,
    content: Content,
}

/// An EVTX file's chunks, being read.
#[derive(Debug)]
pub(super) struct ChunkStream {
    name: String,
    header: Option<FileHeader>,
    /// Bytes of the first chunks that were read while the source was looked at.
    ahead: Vec<u8>,
    next: u64,
    used: u64,
    /// What stands in the place of chunks since the last one in use.
    gaps: Vec<Gap>,
    /// How many chunks are still to be read, where not all are.
    remaining: Option<u64>,
    ended: bool,
    buffers: Buffers,
    /// The only chunks that are needed, where not all are.
    only: Option<BTreeSet<u64>>,
}

/// Some chunks of a file, by number from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChunkRange {
    /// The first.
    pub first: u64,
    /// The last, which is in it.
    pub last: u64,
}

impl ChunkStream {
    /// Starts on a source that begins with `head`, the file header included.
    pub(super) fn new(name: &str, mut head: Vec<u8>, has_header: bool, damages: &mut Vec<Damage>) -> Self {
        let header = if has_header { FileHeader::parse(&head) } else { None };
        let ahead = if head.len() > FILE_HEADER_SIZE { head.split_off(FILE_HEADER_SIZE) } else { Vec::new() };
        let stream = Self {
            name: name.to_owned(),
            header,
            ahead,
            next: 0,
            used: 0,
            gaps: Vec::new(),
            remaining: None,
            ended: false,
            buffers: Buffers::default(),
            only: None,
        };
        stream.check_header(has_header, head.len(), damages);
        stream
    }

    fn check_header(&self, has_header: bool, header_len: usize, damages: &mut Vec<Damage>) {
        let mut wrong =
            |reason: &str| damages.push(self.damage(DamageKind::FileHeader, None, false, reason.to_owned()));
        match &self.header {
            _ if !has_header => wrong("the file header is destroyed; the chunks were read all the same"),
            Some(header) if !header.checksum_ok => {
                wrong("the file header's checksum is wrong; the chunks were read all the same")
            }
            Some(FileHeader { major, minor, .. }) if *major != 3 || !(1..=2).contains(minor) => {
                wrong(&format!("the file is of version {major}.{minor}; it was read as 3.1"));
            }
            _ => {}
        }
        if header_len < FILE_HEADER_SIZE {
            damages.push(self.damage(
                DamageKind::Truncated,
                None,
                true,
                "the file ends inside its header".to_owned(),
            ));
        } else if self.ahead.is_empty() {
            damages.push(self.damage(
                DamageKind::Truncated,
                None,
                true,
                "the file ends after its header".to_owned(),
            ));
        }
    }

    /// Leaves out all chunks but those in `range`. Called before the first block.
    pub(super) fn keep(&mut self, range: ChunkRange, tap: &mut Tap<'_>) {
        let before = range.first.saturating_mul(CHUNK_BYTES);
        let held = usize::try_from(before).unwrap_or(usize::MAX).min(self.ahead.len());
        self.ahead.drain(..held);
        tap.skip(before.saturating_sub(u64::try_from(held).unwrap_or(u64::MAX)));
        self.next = range.first;
        self.remaining = Some(range.last.saturating_sub(range.first).saturating_add(1));
    }

    /// Only the chunks of the numbers `only` are needed.
    pub(super) fn narrow(&mut self, only: BTreeSet<u64>) {
        self.only = Some(only);
    }

    /// Goes on to the next chunk that is needed, if that is farther on; says whether there is one.
    fn advance(&mut self, tap: &mut Tap<'_>) -> bool {
        let Some(only) = self.only.as_ref().filter(|_| self.ahead.is_empty()) else { return true };
        let Some(&next) = only.range(self.next..).next() else { return false };
        tap.skip(next.saturating_sub(self.next).saturating_mul(CHUNK_BYTES));
        self.next = next;
        true
    }

    /// The file header, where there is one.
    pub(super) fn header(&self) -> Option<FileHeader> {
        self.header
    }

    /// Chunks so far that are not zeroed.
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    /// The next at most `max_chunks` chunks. `size_hint` tells how many bytes the file probably still holds.
    pub(super) fn next_block(
        &mut self,
        tap: &mut Tap<'_>,
        max_chunks: usize,
        size_hint: u64,
        damages: &mut Vec<Damage>,
    ) -> Option<Block> {
        if self.ended || !self.advance(tap) {
            return None;
        }
        // Chunks that are needed stand apart.
        let max_chunks = if self.only.is_some() { 1 } else { max_chunks };
        let remaining = self.remaining.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
        let limit = max_chunks.max(1).min(remaining).saturating_mul(CHUNK_SIZE);
        let mut bytes = std::mem::take(&mut self.ahead);
        if bytes.is_empty() {
            bytes = self.buffers.take();
            let expected = usize::try_from(size_hint).unwrap_or(limit);
            tap.refill(&mut bytes, 0, limit, expected);
        } else if bytes.len() > limit {
            self.ahead = bytes.split_off(limit);
        } else {
            let wanted = limit.saturating_sub(bytes.len());
            let expected = usize::try_from(size_hint).unwrap_or(wanted);
            let kept = bytes.len();
            tap.refill(&mut bytes, kept, wanted, expected);
        }
        let stored = bytes.len();
        let cut = stored % CHUNK_SIZE;
        self.ended = bytes.len() < limit;
        if cut > 0 {
            self.pad(&mut bytes, cut, tap.failed(), damages);
        }
        let first = self.next;
        for chunk in bytes.chunks_exact(CHUNK_SIZE) {
            self.account(chunk, damages);
        }
        let to_the_end = self.take_from_range(first, tap);
        if self.ended {
            self.check_end(tap.failed(), to_the_end, damages);
        }
        (!bytes.is_empty()).then(|| Block::of_chunks(self.buffers.lend(bytes), first, stored))
    }

    /// Counts the chunks from number `first` on off those that are to be read. Answers whether the end of these, if it is reached, is the file's.
    fn take_from_range(&mut self, first: u64, tap: &mut Tap<'_>) -> bool {
        let Some(remaining) = &mut self.remaining else { return true };
        let taken = self.next.saturating_sub(first);
        *remaining = remaining.saturating_sub(taken);
        if *remaining > 0 {
            // A file that ends before the range begins: how many chunks it has was not seen.
            return taken > 0;
        }
        self.ended = true;
        let mut probe = std::mem::take(&mut self.ahead);
        tap.fill(&mut probe, 1);
        probe.is_empty()
    }

    /// Fills the last chunk, of which the file holds only `cut` bytes, with zeroes.
    fn pad(&self, bytes: &mut Vec<u8>, cut: usize, failed: bool, damages: &mut Vec<Damage>) {
        let number = self.next.saturating_add(u64::try_from(bytes.len() / CHUNK_SIZE).unwrap_or(u64::MAX));
        let start = bytes.len().saturating_sub(cut);
        let lost = bytes.iter().skip(start).any(|&byte| byte != 0);
        if !failed {
            let reason = format!("the file ends {cut} bytes into a chunk of {CHUNK_SIZE}");
            damages.push(self.damage(DamageKind::Truncated, Some(number), lost, reason));
        }
        bytes.resize(start.saturating_add(CHUNK_SIZE), 0);
    }

    /// Counts `bytes`. What is no chunk may be space that was never used, as long as no chunk in use follows.
    fn account(&mut self, bytes: &[u8], damages: &mut Vec<Damage>) {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        let content = Content::of(bytes);
        if content == Content::Chunk {
            self.used = self.used.saturating_add(1);
            for gap in std::mem::take(&mut self.gaps) {
                damages.push(self.gap(gap, true));
            }
            return;
        }
        match self.gaps.last_mut() {
            Some(gap) if gap.content == content => gap.last = number,
            _ => self.gaps.push(Gap { first: number, last: number, content }),
        }
    }

    /// Compares what the file holds with what its header tells of; a failed read has its own damage, and how much the file holds is known only at its end.
    fn check_end(&mut self, failed: bool, to_the_end: bool, damages: &mut Vec<Damage>) {
        let header = self.header.filter(|header| header.checksum_ok && !failed);
        let told = header.map_or(0, |header| u64::from(header.chunk_count));
        for gap in std::mem::take(&mut self.gaps) {
            match gap.content {
                _ if gap.first < told => {
                    damages.push(self.gap(Gap { last: gap.last.min(told.saturating_sub(1)), ..gap }, true))
                }
                Content::Foreign { holds_records } => damages.push(self.gap(gap, holds_records)),
                Content::Zeroes | Content::Chunk => {}
            }
        }
        if to_the_end && told > self.next && self.next > 0 {
            let reason = format!("the file header tells of {told} chunks, the file holds {}", self.next);
            damages.push(self.damage(DamageKind::Truncated, None, true, reason));
        }
    }

    fn gap(&self, gap: Gap, lost: bool) -> Damage {
        let what = match gap.content {
            Content::Foreign { holds_records: true } => "no chunk begins here, but records stand here",
            Content::Foreign { holds_records: false } => {
                "no chunk begins here, and nothing that looks like a record stands here"
            }
            Content::Zeroes | Content::Chunk => "a chunk that is in use is zeroed",
        };
        let reason =
            if gap.first == gap.last { what.to_owned() } else { format!("{what}, up to chunk {}", gap.last) };
        self.damage(DamageKind::Chunk, Some(gap.first), lost, reason)
    }

    fn damage(&self, kind: DamageKind, chunk: Option<u64>, lost: bool, reason: String) -> Damage {
        Damage { source: self.name.clone(), chunk, record: None, kind, reason, lost }
    }
}
