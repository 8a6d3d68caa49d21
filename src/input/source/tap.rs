//! The bytes of one source on their way in: counted, hashed, and why they stopped. It looks into none of them.

use std::io::{self, Read, Seek};

use sha2::{Digest, Sha256};

use crate::hash::hex;
use crate::input::detect::CHUNK_SIZE;

/// What can be read in any order.
pub(in crate::input) trait ReadSeek: Read + Seek {}

impl<T: Read + Seek> ReadSeek for T {}

/// Where a source's bytes come from.
pub(in crate::input) enum Input<'a> {
    /// A file.
    File(Box<dyn ReadSeek + 'a>),
    /// A member of an archive, which comes once and in order.
    Stream(Box<dyn Read + 'a>),
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(reader) => reader.read(buffer),
            Self::Stream(reader) => reader.read(buffer),
        }
    }
}

/// A reader that counts and hashes what it reads, and remembers why it stopped.
pub(in crate::input) struct Tap<'a> {
    input: Input<'a>,
    hash: Option<Sha256>,
    read: u64,
    error: Option<io::Error>,
}

impl<'a> Tap<'a> {
    /// Nothing is read yet; `hash` says whether SHA-256 is taken.
    pub(in crate::input) fn new(input: Input<'a>, hash: bool) -> Self {
        Self { input, hash: hash.then(Sha256::new), read: 0, error: None }
    }

    /// Whether its input comes once and in order.
    pub(in crate::input) fn is_stream(&self) -> bool {
        matches!(self.input, Input::Stream(_))
    }

    /// Bytes read so far.
    pub(in crate::input) fn read_so_far(&self) -> u64 {
        self.read
    }

    /// Why reading stopped, if it failed.
    pub(in crate::input) fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// Whether reading failed.
    pub(in crate::input) fn failed(&self) -> bool {
        self.error.is_some()
    }

    /// Appends up to `limit` bytes to `buffer`: fewer only at the end of the source, or where reading it fails.
    pub(in crate::input) fn fill(&mut self, buffer: &mut Vec<u8>, limit: usize) {
        let start = buffer.len();
        if self.error.is_none() {
            let mut limited = (&mut self.input).take(u64::try_from(limit).unwrap_or(u64::MAX));
            self.error = limited.read_to_end(buffer).err();
        }
        self.count(buffer.get(start..).unwrap_or_default().len());
        if let Some(hash) = &mut self.hash {
            hash.update(buffer.get(start..).unwrap_or_default());
        }
    }

    /// Passes over `bytes` bytes, or as many as there are. A hash would lack them: none is taken where this is done.
    pub(in crate::input) fn skip(&mut self, bytes: u64) {
        let skipped = match &mut self.input {
            Input::File(file) => i64::try_from(bytes)
                .map_err(io::Error::other)
                .and_then(|bytes| file.seek_relative(bytes))
                .map(|()| bytes),
            Input::Stream(stream) => io::copy(&mut stream.take(bytes), &mut io::sink()),
        };
        match skipped {
            Ok(skipped) => self.read = self.read.saturating_add(skipped),
            Err(error) => self.error = Some(error),
        }
    }

    /// Puts what follows, up to `limit` bytes, behind the first `kept` bytes of `buffer`, in place of what is there: fewer only at the end of the source, or
    /// where reading it fails. `expected` is how much probably follows.
    pub(in crate::input) fn refill(
        &mut self,
        buffer: &mut Vec<u8>,
        kept: usize,
        limit: usize,
        expected: usize,
    ) {
        let end = kept.saturating_add(limit);
        buffer
            .resize(kept.saturating_add(limit.min(expected.saturating_add(1))).max(buffer.len()).min(end), 0);
        let mut filled = kept;
        while filled < end && self.error.is_none() {
            if filled == buffer.len() {
                buffer.resize(end, 0);
            }
            match self.input.read(buffer.get_mut(filled..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(read) => filled = filled.saturating_add(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.error = Some(error),
            }
        }
        buffer.truncate(filled);
        let added = buffer.get(kept..).unwrap_or_default();
        self.count(added.len());
        if let Some(hash) = &mut self.hash {
            hash.update(added);
        }
    }

    /// Reads to the end for the sake of [`Tap::finish`] alone.
    pub(in crate::input) fn drain(mut self) -> (u64, Option<String>) {
        let mut buffer = Vec::new();
        while self.hash.is_some() {
            buffer.clear();
            self.fill(&mut buffer, CHUNK_SIZE);
            if buffer.is_empty() {
                break;
            }
        }
        self.finish()
    }

    /// Bytes read, and their SHA-256 in lower-case hex where it was taken.
    pub(in crate::input) fn finish(self) -> (u64, Option<String>) {
        (self.read, self.hash.map(|hash| hex(&hash.finalize())))
    }

    /// Its input, the hash of what was read of it, and how many bytes that was.
    pub(in crate::input) fn into_parts(self) -> (Input<'a>, Option<Sha256>, u64) {
        (self.input, self.hash, self.read)
    }

    fn count(&mut self, bytes: usize) {
        self.read = self.read.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}

impl Read for Tap<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.count(read);
        if let Some(hash) = &mut self.hash {
            hash.update(buffer.get(..read).unwrap_or_default());
        }
        Ok(read)
    }
}

impl std::fmt::Debug for Tap<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tap").field("read", &self.read).field("error", &self.error).finish_non_exhaustive()
    }
}
