//! An EVTX file around chunks, written in one pass to any seekable place. It invents nothing: the same records give the same bytes.

use std::io::{self, Cursor, Seek, SeekFrom, Write};

use super::binxml;
use super::chunk::Chunk;
use super::record::SynthRecord;
use crate::error::{Error, Result};

/// Bytes of the file header's block; the first chunk follows.
const HEADER_BLOCK: usize = 0x1000;

/// Who wrote the file. The two differ in a few bytes that a reader must not stumble over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    /// `wevtutil epl` or the Event Viewer: record headers are numbered anew from 1, whatever the EventRecordID.
    #[default]
    Export,
    /// The event log service: record headers carry the EventRecordID. The identifiers must rise.
    Live,
}

/// Facts of the file header that do not follow from the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileOptions {
    /// Who wrote it.
    pub origin: Origin,
    /// Sets the dirty flag: the log was not closed.
    pub dirty: bool,
    /// Writes this chunk count whatever the file holds, as a log that was not closed does.
    pub stale_chunk_count: Option<u16>,
}

/// Writes records into a file, chunk by chunk.
pub struct EvtxWriter<W: Write + Seek> {
    sink: W,
    options: FileOptions,
    chunk: Chunk,
    chunks: u64,
    records: u64,
    last_id: u64,
}

impl<W: Write + Seek> EvtxWriter<W> {
    /// Starts a file at `sink`'s beginning.
    ///
    /// # Errors
    /// What `sink` says.
    pub fn new(mut sink: W, options: FileOptions) -> io::Result<Self> {
        sink.write_all(&[0; HEADER_BLOCK])?;
        Ok(Self { sink, options, chunk: Chunk::new(), chunks: 0, records: 0, last_id: 0 })
    }

    /// Appends a record.
    ///
    /// # Errors
    /// What the sink says, or [`io::ErrorKind::InvalidInput`] when the record is larger than a chunk.
    pub fn push(&mut self, record: &SynthRecord) -> io::Result<()> {
        let number = self.records + 1;
        let id = match self.options.origin {
            Origin::Export => number,
            Origin::Live => record.record_id,
        };
        if !self.try_push(record, number, id)? {
            self.flush_chunk()?;
            if !self.try_push(record, number, id)? {
                return Err(too_large(record));
            }
        }
        self.records = number;
        self.last_id = id;
        Ok(())
    }

    /// `false` when the chunk has no room left for `record`.
    fn try_push(&mut self, record: &SynthRecord, number: u64, id: u64) -> io::Result<bool> {
        let mark = self.chunk.mark();
        if binxml::put_record(&mut self.chunk, record, id, self.options.origin).is_none() {
            self.chunk.undo(mark);
            return Err(too_large(record));
        }
        Ok(self.chunk.commit(mark, number, id))
    }

    fn flush_chunk(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let full = std::mem::replace(&mut self.chunk, Chunk::new());
        self.sink.write_all(&full.finish())?;
        self.chunks += 1;
        Ok(())
    }

    /// Writes the last chunk and the header, and gives the sink back.
    ///
    /// # Errors
    /// What the sink says.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush_chunk()?;
        let header = self.header();
        self.sink.seek(SeekFrom::Start(0))?;
        self.sink.write_all(&header)?;
        self.sink.seek(SeekFrom::End(0))?;
        self.sink.flush()?;
        Ok(self.sink)
    }

    /// The header's 128 bytes: version 3.1, CRC-32 over the first 120.
    fn header(&self) -> Vec<u8> {
        let count = self.options.stale_chunk_count.unwrap_or(u16::try_from(self.chunks).unwrap_or(u16::MAX));
        let mut header = b"ElfFile\0".to_vec();
        for number in [0, self.chunks.saturating_sub(1), self.last_id + 1] {
            header.extend_from_slice(&number.to_le_bytes());
        }
        header.extend_from_slice(&128_u32.to_le_bytes());
        for number in [1, 3, HEADER_BLOCK as u16, count] {
            header.extend_from_slice(&number.to_le_bytes());
        }
        header.resize(120, 0);
        let crc = crc32fast::hash(&header);
        header.extend_from_slice(&u32::from(self.options.dirty).to_le_bytes());
        header.extend_from_slice(&crc.to_le_bytes());
        header
    }
}

fn too_large(record: &SynthRecord) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("record {} is larger than a chunk", record.record_id))
}

/// A whole file in memory.
///
/// # Errors
/// [`Error::Usage`] when a record is larger than a chunk.
pub fn to_evtx(records: &[SynthRecord], options: FileOptions) -> Result<Vec<u8>> {
    let build = || -> io::Result<Vec<u8>> {
        let mut writer = EvtxWriter::new(Cursor::new(Vec::new()), options)?;
        records.iter().try_for_each(|record| writer.push(record))?;
        Ok(writer.finish()?.into_inner())
    };
    build().map_err(|error| Error::Usage(error.to_string()))
}
