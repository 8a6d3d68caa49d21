//! tar → its members, in order, without looking back. Links and devices are no members.

use std::cell::Cell;
use std::io::{self, Read};

use tar::Archive;

use crate::time::Timestamp;

use super::name::shown;
use super::{Member, Visit};

/// Bytes that may be read for one header with the long names and attributes before it: they are held in memory.
const HEADER_SIZE: u64 = 1 << 20;

/// Reads the tar `reader` and tells of its members.
pub(super) fn read(reader: &mut dyn Read, visit: &mut Visit<'_>) {
    let fence = Cell::new(HEADER_SIZE);
    let mut archive = Archive::new(Fenced { reader, position: 0, fence: &fence });
    let mut entries = match archive.entries() {
        Ok(entries) => entries,
        Err(error) => return visit.damage(format!("it cannot be read: {error}")),
    };
    while visit.next() {
        let mut entry = match entries.next() {
            Some(Ok(entry)) => entry,
            Some(Err(error)) => return visit.damage(format!("the rest of it cannot be read: {error}")),
            None => return,
        };
        let kind = entry.header().entry_type();
        let sparse = kind.is_gnu_sparse();
        let stored = if sparse { entry.header().entry_size().unwrap_or(u64::MAX) } else { entry.size() };
        let end = entry.raw_file_position().saturating_add(stored);
        if kind.is_file() || kind.is_contiguous() || sparse {
            fence.set(u64::MAX);
            let seconds = entry.header().mtime().ok().and_then(|seconds| i64::try_from(seconds).ok());
            let member = Member {
                name: shown(&entry.path_bytes()),
                size: Some(entry.size()),
                packed: None,
                modified: seconds.map(|seconds| Timestamp::from_unix_millis(seconds.saturating_mul(1_000))),
            };
            let mut content = Whole { left: entry.size(), reader: &mut entry };
            visit.member(member, Ok(&mut content));
        }
        fence.set(end.saturating_add(HEADER_SIZE));
    }
}

/// A reader that gives nothing from behind the fence.
struct Fenced<'a, R: ?Sized> {
    reader: &'a mut R,
    position: u64,
    fence: &'a Cell<u64>,
}

impl<R: Read + ?Sized> Read for Fenced<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.position = self.position.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        if self.position > self.fence.get() {
            return Err(io::Error::other("a member's name and attributes fill more than 1 MiB"));
        }
        Ok(read)
    }
}

/// A member that must have `left` more bytes.
struct Whole<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.left = self.left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        if read == 0 && self.left > 0 && !buffer.is_empty() {
            let reason = format!("the archive ends {} bytes before the end of it", self.left);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason));
        }
        Ok(read)
    }
}
