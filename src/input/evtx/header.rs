//! The headers of an EVTX file and of its chunks, and their checksums. It reads no record.

use crate::input::bytes::{slice_at, u16_at, u32_at, u64_at};
use crate::input::detect::{CHUNK_MAGIC, CHUNK_SIZE};

/// Bytes of a chunk before its first record.
pub(super) const CHUNK_HEADER_SIZE: usize = 512;
/// The size that a chunk's header states of itself, without the tables behind it.
const STATED_SIZE: u32 = 128;
/// The header flag that says that no checksums were written.
const NO_CRC32: u32 = 4;

/// What an EVTX file's header says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileHeader {
    /// Number of the oldest chunk.
    pub first_chunk: u64,
    /// Number of the newest chunk.
    pub last_chunk: u64,
    /// The EventRecordID that the next record was to get.
    pub next_record_id: u64,
    /// Major version; 3 is known.
    pub major: u16,
    /// Minor version; 1 and 2 are known.
    pub minor: u16,
    /// Chunks in use, modulo 65,536. A log that was not closed may say too few.
    pub chunk_count: u16,
    /// Whether the log was in use when the file was copied.
    pub dirty: bool,
    /// Whether the log was full.
    pub full: bool,
    /// Whether the header's CRC32 fits, or none was written.
    pub checksum_ok: bool,
}

impl FileHeader {
    /// The header in `block`, the file's first 128 bytes or more; `None` when there are fewer.
    pub fn parse(block: &[u8]) -> Option<Self> {
        let flags = u32_at(block, 120)?;
        let stored = u32_at(block, 124)?;
        Some(Self {
            first_chunk: u64_at(block, 8)?,
            last_chunk: u64_at(block, 16)?,
            next_record_id: u64_at(block, 24)?,
            minor: u16_at(block, 36)?,
            major: u16_at(block, 38)?,
            chunk_count: u16_at(block, 42)?,
            dirty: flags & 1 != 0,
            full: flags & 2 != 0,
            checksum_ok: flags & NO_CRC32 != 0 || crc32fast::hash(block.get(..120)?) == stored,
        })
    }
}

/// What a chunk's header says of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChunkHeader {
    /// The ids in the headers of the first record and of the last.
    pub(super) first_id: u64,
    pub(super) last_id: u64,
    /// Offset of the last record.
    pub(super) last_offset: u32,
    /// Offset of the byte after it.
    pub(super) free_offset: u32,
    /// Whether the header's CRC32 fits, or none was written.
    pub(super) header_ok: bool,
    /// The records' CRC32; `None` when none was written.
    records_crc: Option<u32>,
    /// Whether the header's fields are such as a chunk can have.
    pub(super) plausible: bool,
}

impl ChunkHeader {
    /// The header of `chunk`; `None` when it has no chunk's magic.
    pub(super) fn parse(chunk: &[u8]) -> Option<Self> {
        if !chunk.starts_with(CHUNK_MAGIC) {
            return None;
        }
        let last_offset = u32_at(chunk, 44)?;
        let free_offset = u32_at(chunk, 48)?;
        let no_checksums = u32_at(chunk, 120)? & NO_CRC32 != 0;
        let mut header = crc32fast::Hasher::new();
        header.update(slice_at(chunk, 0, 120)?);
        header.update(slice_at(chunk, 128, 384)?);
        let records_crc = u32_at(chunk, 52)?;
        let ends_inside =
            usize::try_from(free_offset).is_ok_and(|end| (CHUNK_HEADER_SIZE..=CHUNK_SIZE).contains(&end));
        Some(Self {
            first_id: u64_at(chunk, 24)?,
            last_id: u64_at(chunk, 32)?,
            last_offset,
            free_offset,
            header_ok: no_checksums || header.finalize() == u32_at(chunk, 124)?,
            records_crc: (!no_checksums).then_some(records_crc),
            plausible: u32_at(chunk, 40)? == STATED_SIZE && ends_inside && last_offset < free_offset,
        })
    }

    /// Whether the CRC32 of the records in `chunk`, whose header this is, fits, or none was written.
    pub(super) fn records_ok(&self, chunk: &[u8]) -> bool {
        let Some(told) = self.records_crc else { return true };
        let records =
            usize::try_from(self.free_offset).ok().and_then(|end| chunk.get(CHUNK_HEADER_SIZE..end));
        records.is_some_and(|records| crc32fast::hash(records) == told)
    }
}
