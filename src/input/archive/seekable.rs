//! A source that is read out of order and hashed all the same: each byte is hashed once, when it is first come to in order. It knows no format.

use std::cell::RefCell;
use std::io::{self, Read, Seek, SeekFrom, Write};

use sha2::{Digest, Sha256};
use tempfile::SpooledTempFile;

use crate::hash::hex;
use crate::input::source::{Input, Looked, ReadSeek};

/// Bytes of an archive in an archive that are kept in memory; more go to a nameless file in the system's folder for such.
const SPOOL_IN_MEMORY: usize = 8 << 20;
/// Bytes read at a time.
const BLOCK: usize = 1 << 16;

/// An archive that can be read in any order.
pub(super) struct Seekable<'a>(RefCell<State<'a>>);

struct State<'a> {
    reader: Box<dyn ReadSeek + 'a>,
    /// Where the reader stands; `None` when that is not known.
    at: Option<u64>,
    size: u64,
    /// The hash of the first `hashed` bytes, where it is taken.
    hash: Option<Sha256>,
    hashed: u64,
    error: Option<io::Error>,
}

impl<'a> Seekable<'a> {
    /// The whole of what was `looked` at: a file as it is, a member of an archive as a copy that nobody else sees.
    ///
    /// # Errors
    /// What asking for its size, or writing the copy, fails with.
    pub(super) fn new(looked: Looked<'a>) -> io::Result<Self> {
        let Looked { mut tap, head, .. } = looked;
        let mut error = None;
        let mut spool = SpooledTempFile::new(SPOOL_IN_MEMORY);
        if tap.is_stream() {
            let mut block = head;
            while !block.is_empty() {
                spool.write_all(&block)?;
                block.clear();
                tap.fill(&mut block, BLOCK);
            }
            error = tap.error().map(|error| io::Error::new(error.kind(), error.to_string()));
        }
        let (input, hash, hashed) = tap.into_parts();
        let mut reader: Box<dyn ReadSeek + 'a> = match input {
            Input::File(reader) => reader,
            Input::Stream(_) => Box::new(spool),
        };
        let size = reader.seek(SeekFrom::End(0))?;
        Ok(Self(RefCell::new(State { reader, at: Some(size), size, hash, hashed, error })))
    }

    /// A reader for what stands behind: what it reads is not hashed yet, and nothing before it is read.
    pub(super) fn ahead(&self) -> View<'_, 'a> {
        View { file: self, position: 0, in_order: false }
    }

    /// A reader for what comes in order, more or less: what lies before it is read too, for the hash.
    pub(super) fn in_order(&self) -> View<'_, 'a> {
        View { file: self, position: 0, in_order: true }
    }

    /// Bytes it has.
    pub(super) fn size(&self) -> u64 {
        self.0.borrow().size
    }

    /// Reads what is not hashed yet; the SHA-256 where it is taken and all could be read, and the first error there was.
    pub(super) fn finish(self) -> (Option<String>, Option<io::Error>) {
        let mut state = self.0.into_inner();
        state.hash_up_to(u64::MAX);
        (state.hash.map(|hash| hex(&hash.finalize())), state.error)
    }
}

impl State<'_> {
    fn read_at(&mut self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at != Some(position) {
            self.at = None;
            self.reader.seek(SeekFrom::Start(position))?;
        }
        let read = self.reader.read(buffer)?;
        let end = position.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        self.at = Some(end);
        let known = usize::try_from(self.hashed.saturating_sub(position)).unwrap_or(usize::MAX);
        if let Some(hash) = self.hash.as_mut().filter(|_| position <= self.hashed && end > self.hashed) {
            hash.update(buffer.get(known..read).unwrap_or_default());
            self.hashed = end;
        }
        Ok(read)
    }

    /// Reads and hashes what lies before `position`. Where that fails there will be no hash, and what follows is read all the same.
    fn hash_up_to(&mut self, position: u64) {
        let mut block = vec![0; if self.hash.is_some() && self.hashed < position { BLOCK } else { 0 }];
        while self.hash.is_some() && self.hashed < position {
            let wanted =
                usize::try_from(position.saturating_sub(self.hashed)).unwrap_or(usize::MAX).min(BLOCK);
            match self.read_at(self.hashed, block.get_mut(..wanted).unwrap_or_default()) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.hash = None;
                    self.error.get_or_insert(error);
                }
            }
        }
    }
}

/// One reader of a [`Seekable`], at a place of its own.
pub(super) struct View<'s, 'a> {
    file: &'s Seekable<'a>,
    position: u64,
    in_order: bool,
}

impl Read for View<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.file.0.borrow_mut();
        if self.in_order {
            let size = state.size;
            state.hash_up_to(self.position.min(size));
        }
        let read = state.read_at(self.position, buffer)?;
        self.position = self.position.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(read)
    }
}

impl Seek for View<'_, '_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.file.size().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;
    use crate::hash::sha256;
    use crate::input::source::SourceOptions;

    /// A file that counts the bytes read from it.
    struct Counting(io::Cursor<Vec<u8>>, Rc<Cell<usize>>);

    impl Read for Counting {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = self.0.read(buffer)?;
            self.1.set(self.1.get() + read);
            Ok(read)
        }
    }

    impl Seek for Counting {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    fn zip(size: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        bytes[..4].copy_from_slice(b"PK\x03\x04");
        bytes
    }

    fn look(input: Input<'static>) -> Looked<'static> {
        Looked::at(input, SourceOptions { hash: true }).expect("readable")
    }

    #[test]
    fn each_byte_is_hashed_once_in_whatever_order_it_is_read() {
        let bytes = zip(300_000);
        let count = Rc::new(Cell::new(0));
        let file = Counting(io::Cursor::new(bytes.clone()), Rc::clone(&count));
        let file = Seekable::new(look(Input::File(Box::new(file)))).expect("a file");
        let read = |view: &mut View<'_, '_>, at: usize, len: usize| {
            let mut buffer = vec![0; len];
            view.seek(SeekFrom::Start(at as u64)).expect("a place");
            view.read_exact(&mut buffer).expect("bytes");
            assert_eq!(buffer, bytes[at..at + len]);
        };
        read(&mut file.ahead(), 299_000, 900);
        let mut view = file.in_order();
        for (at, len) in [(5_000, 100), (200_000, 50_000), (10, 20), (249_990, 20), (0, 300_000)] {
            read(&mut view, at, len);
        }
        read(&mut file.ahead(), 299_990, 10);
        assert_eq!(file.finish().0, Some(sha256(&bytes)));

        count.set(0);
        let file = Counting(io::Cursor::new(bytes.clone()), Rc::clone(&count));
        let file = Seekable::new(look(Input::File(Box::new(file)))).expect("a file");
        read(&mut file.ahead(), 299_000, 900);
        read(&mut file.in_order(), 100_000, 1_000);
        assert_eq!(file.finish().0, Some(sha256(&bytes)));
        assert_eq!(count.get(), 300_000 + 900, "only what was read ahead is read twice");
    }

    #[test]
    fn a_stream_is_kept_aside_whole() {
        for size in [100, 100_000, SPOOL_IN_MEMORY + 100_000] {
            let bytes = zip(size);
            let stream = Input::Stream(Box::new(io::Cursor::new(bytes.clone())));
            let file = Seekable::new(look(stream)).expect("kept");
            let mut copy = Vec::new();
            file.in_order().read_to_end(&mut copy).expect("bytes");
            assert_eq!(copy, bytes);
            assert_eq!(file.finish().0, Some(sha256(&bytes)));
        }
    }
}
