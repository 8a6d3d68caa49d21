//! Any number of lines in the order of their bytes, within bounded memory: what outgrows it is sorted piece by piece into one temporary file and merged from
//! there. It knows nothing of what a line says.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes that a line in memory costs besides its own: where it lies, the allocator's share, and room to grow for the list of lines.
const PER_LINE: usize = 64;
/// Bytes that are read at once of each piece when pieces are merged, at most and at least.
const READ_AT_ONCE: (usize, usize) = (256 << 10, 4 << 10);
/// Bytes that a piece costs while it is merged, at least: what is read of it at once, twice, and a line or two.
const PER_PIECE: usize = 4 * READ_AT_ONCE.1;
/// Bytes that are written at once.
const WRITTEN_AT_ONCE: usize = 64 << 10;

/// Takes lines.
#[derive(Debug)]
pub struct Sorter {
    /// Bytes that may lie in memory.
    memory: usize,
    /// Those in memory, and what they cost.
    lines: Vec<Box<[u8]>>,
    held: usize,
    /// The file, once there is one, and its pieces.
    spill: Option<Spill>,
    pieces: VecDeque<Piece>,
}

/// Sorted lines in the file: where they begin and end.
#[derive(Debug, Clone, Copy)]
struct Piece {
    at: u64,
    end: u64,
}

#[derive(Debug)]
struct Spill {
    file: File,
    /// Where it ends.
    end: u64,
}

impl Sorter {
    /// A sorter that holds about `memory` bytes of lines, and at least one line.
    pub fn new(memory: usize) -> Self {
        Self { memory, lines: Vec::new(), held: 0, spill: None, pieces: VecDeque::new() }
    }

    /// Takes all lines of `text`, each of which ends in `\n`. The file, when there has to be one, is made in `folder` and has no name there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn take(&mut self, text: &[u8], folder: &Path) -> io::Result<()> {
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let cost = line.len() + PER_LINE;
            if self.held + cost > self.memory && !self.lines.is_empty() {
                self.set_aside(folder)?;
            }
            self.held += cost;
            self.lines.push(line.into());
        }
        Ok(())
    }

    /// How many bytes were set aside.
    pub fn spilled(&self) -> u64 {
        self.spill.as_ref().map_or(0, |spill| spill.end)
    }

    fn set_aside(&mut self, folder: &Path) -> io::Result<()> {
        self.lines.sort_unstable();
        let spill = match &mut self.spill {
            Some(spill) => spill,
            None => self.spill.insert(Spill { file: tempfile::tempfile_in(folder)?, end: 0 }),
        };
        let lines = std::mem::take(&mut self.lines);
        let piece = spill.append(lines.iter().map(|line| &**line))?;
        self.held = 0;
        self.pieces.push_back(piece);
        Ok(())
    }

    /// All lines in order.
    ///
    /// # Errors
    /// When the file cannot be written or read.
    pub fn finish(mut self, folder: &Path) -> io::Result<Sorted> {
        if self.spill.is_some() && !self.lines.is_empty() {
            self.set_aside(folder)?;
        }
        self.lines.sort_unstable();
        let Some(mut spill) = self.spill else {
            let lines = std::mem::take(&mut self.lines).into_iter();
            return Ok(Sorted { from: Place::Memory(lines), line: Vec::new(), at: 0 });
        };
        // As many pieces at once as memory has room to read from: of more, some are merged into one first.
        let at_once = (self.memory / PER_PIECE).max(2);
        while self.pieces.len() > at_once {
            let rest = self.pieces.split_off(at_once);
            let mut merge = Merge::of(&mut spill, self.pieces, self.memory)?;
            self.pieces = rest;
            let piece = merge.as_one_piece(&mut spill)?;
            self.pieces.push_back(piece);
        }
        let merge = Merge::of(&mut spill, self.pieces, self.memory)?;
        Ok(Sorted { from: Place::File(spill, merge), line: Vec::new(), at: 0 })
    }
}

impl Spill {
    /// Writes `lines` at the end.
    fn append<'a>(&mut self, lines: impl Iterator<Item = &'a [u8]>) -> io::Result<Piece> {
        self.file.seek(SeekFrom::Start(self.end))?;
        let at = self.end;
        let mut out = io::BufWriter::with_capacity(WRITTEN_AT_ONCE, &self.file);
        for line in lines {
            out.write_all(line)?;
            self.end += line.len() as u64;
        }
        out.flush()?;
        Ok(Piece { at, end: self.end })
    }

    /// The next bytes of `piece`, `most` at most, which are behind it then.
    fn read(&mut self, piece: &mut Piece, most: usize, into: &mut Vec<u8>) -> io::Result<()> {
        let left = piece.end - piece.at;
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(most);
        self.file.seek(SeekFrom::Start(piece.at))?;
        let read = (&self.file).take(count as u64).read_to_end(into)?;
        piece.at += read as u64;
        // What was written must be there.
        if read == count { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// A piece that is read, and what was read of it and not yet given.
#[derive(Debug)]
struct Reading {
    piece: Piece,
    bytes: Vec<u8>,
    at: usize,
}

impl Reading {
    /// Its next line, the end of the line included; `None` at its end.
    fn next(&mut self, spill: &mut Spill, at_once: usize) -> io::Result<Option<Vec<u8>>> {
        let mut seen = self.at;
        loop {
            let unseen = self.bytes.get(seen..).unwrap_or_default();
            if let Some(end) = unseen.iter().position(|byte| *byte == b'\n') {
                let line = self.bytes.get(self.at..=seen + end).unwrap_or_default().to_vec();
                self.at = seen + end + 1;
                return Ok(Some(line));
            }
            self.bytes.drain(..self.at);
            self.at = 0;
            seen = self.bytes.len();
            if self.piece.at == self.piece.end {
                return Ok(None);
            }
            spill.read(&mut self.piece, at_once, &mut self.bytes)?;
        }
    }
}

/// Pieces read side by side, the least line first.
#[derive(Debug)]
struct Merge {
    pieces: Vec<Reading>,
    /// The next line of each, and its number.
    next: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
    at_once: usize,
}

impl Merge {
    fn of(spill: &mut Spill, pieces: VecDeque<Piece>, memory: usize) -> io::Result<Self> {
        let at_once = (memory / pieces.len().max(1) / 2).clamp(READ_AT_ONCE.1, READ_AT_ONCE.0);
        let reading = |piece| Reading { piece, bytes: Vec::new(), at: 0 };
        let mut merge =
            Self { pieces: pieces.into_iter().map(reading).collect(), next: BinaryHeap::new(), at_once };
        for number in 0..merge.pieces.len() {
            merge.advance(spill, number)?;
        }
        Ok(merge)
    }

    fn advance(&mut self, spill: &mut Spill, number: usize) -> io::Result<()> {
        let line = match self.pieces.get_mut(number) {
            Some(piece) => piece.next(spill, self.at_once)?,
            None => None,
        };
        self.next.extend(line.map(|line| Reverse((line, number))));
        Ok(())
    }

    fn next(&mut self, spill: &mut Spill) -> io::Result<Option<Vec<u8>>> {
        let Some(Reverse((line, number))) = self.next.pop() else { return Ok(None) };
        self.advance(spill, number)?;
        Ok(Some(line))
    }

    /// Writes all of it as one piece.
    fn as_one_piece(&mut self, spill: &mut Spill) -> io::Result<Piece> {
        let at = spill.end;
        loop {
            let (mut lines, mut held) = (Vec::new(), 0);
            while held < WRITTEN_AT_ONCE
                && let Some(line) = self.next(spill)?
            {
                held += line.len();
                lines.push(line);
            }
            if lines.is_empty() {
                return Ok(Piece { at, end: spill.end });
            }
            spill.append(lines.iter().map(Vec::as_slice))?;
        }
    }
}

/// Lines in order, to be read as a file is.
#[derive(Debug)]
pub struct Sorted {
    from: Place,
    /// The line in hand, and how much of it was taken.
    line: Vec<u8>,
    at: usize,
}

#[derive(Debug)]
enum Place {
    Memory(std::vec::IntoIter<Box<[u8]>>),
    File(Spill, Merge),
}

impl BufRead for Sorted {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.line.len() {
            let next = match &mut self.from {
                Place::Memory(lines) => lines.next().map(Vec::from),
                Place::File(spill, merge) => merge.next(spill)?,
            };
            (self.line, self.at) = (next.unwrap_or_default(), 0);
        }
        Ok(self.line.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}

impl Read for Sorted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(lines: &[Vec<u8>], memory: usize) -> (Vec<u8>, u64) {
        let folder = std::env::temp_dir();
        let mut sorter = Sorter::new(memory);
        for line in lines {
            sorter.take(line, &folder).expect("taken");
        }
        let spilled = sorter.spilled();
        let mut out = Vec::new();
        sorter.finish(&folder).expect("sorted").read_to_end(&mut out).expect("read");
        (out, spilled)
    }

    proptest! {
        #[test]
        fn any_bound_gives_what_a_sort_in_memory_gives(
            texts in prop::collection::vec("[a-c]{0,40}", 0..400), memory in prop_oneof![0_usize..4_000, Just(1 << 20)],
        ) {
            let lines: Vec<Vec<u8>> = texts.iter().map(|text| format!("{text}\n").into_bytes()).collect();
            let mut expected = lines.clone();
            expected.sort();
            let (out, spilled) = sorted(&lines, memory);
            prop_assert_eq!(out, expected.concat());
            let bytes: usize = lines.iter().map(|line| line.len() + PER_LINE).sum();
            prop_assert_eq!(spilled > 0, bytes > memory && lines.len() > 1);
        }
    }

    /// Far more pieces than are read at once, and lines longer than what is read at once.
    #[test]
    fn many_pieces_are_merged_in_several_steps() {
        let line = |number: u32| {
            let rank = number.wrapping_mul(2_654_435_761);
            let long = if number.is_multiple_of(50) { 9_000 } else { 20 };
            format!("{rank:010} {}\n", "x".repeat(long)).into_bytes()
        };
        let lines: Vec<Vec<u8>> = (0..2_000).map(line).collect();
        let mut expected = lines.clone();
        expected.sort();
        let (out, spilled) = sorted(&lines, 12_000);
        assert!(spilled > 10 * 12_000, "{spilled}");
        assert!(out == expected.concat());
    }
}
