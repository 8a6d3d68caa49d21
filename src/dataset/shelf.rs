//! Rows set aside until all have come: gathered in memory, then moved, partition by partition and compressed, to one temporary file. It sorts nothing but
//! partitions.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::row::{Key, Partition, Row};

/// Bytes of rows that wait in memory before they are moved to the file.
const WAITING_BYTES: usize = 64 << 20;
/// Fast, and a tenth of the size: rows of one host repeat themselves.
const LEVEL: i32 = 1;

/// Rows of one partition, in the order in which they came, in the temporary file.
#[derive(Debug, Clone, Copy)]
pub struct Block {
    /// Whose rows they are.
    pub partition: Partition,
    /// Bytes of them.
    pub size: usize,
    offset: u64,
    compressed: usize,
}

#[cfg(test)]
impl Block {
    /// Some block with `size` bytes of rows.
    pub fn sized(size: usize) -> Self {
        Self { partition: Partition { day: None, bucket: 0 }, size, offset: 0, compressed: 0 }
    }
}

/// Rows in memory again.
#[derive(Debug)]
pub struct Rows {
    /// The cells of all of them, one row after the other.
    pub cells: Vec<u8>,
    /// Of each row its key and where its cells begin and end.
    pub rows: Vec<(Key, usize, usize)>,
}

/// The shelf.
#[derive(Debug)]
pub struct Shelf {
    file: File,
    end: u64,
    waiting: Vec<Row>,
    waiting_bytes: usize,
    blocks: Vec<Block>,
}

impl Shelf {
    /// An empty shelf, its file in `folder`.
    pub fn new(folder: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        Ok(Self { file, end: 0, waiting: Vec::new(), waiting_bytes: 0, blocks: Vec::new() })
    }

    /// Sets `row` aside.
    pub fn put(&mut self, row: Row) -> io::Result<()> {
        self.waiting_bytes += row.cells.len() + row.key.host.len() + size_of::<Row>();
        self.waiting.push(row);
        if self.waiting_bytes >= WAITING_BYTES { self.move_waiting() } else { Ok(()) }
    }

    /// All that was set aside: of each partition the blocks in the order in which their rows came.
    pub fn close(&mut self) -> io::Result<Vec<Block>> {
        self.move_waiting()?;
        Ok(std::mem::take(&mut self.blocks))
    }

    /// Reads `block` back.
    pub fn take(&mut self, block: Block) -> io::Result<Rows> {
        let mut compressed = vec![0; block.compressed];
        self.file.seek(SeekFrom::Start(block.offset))?;
        self.file.read_exact(&mut compressed)?;
        let bytes = zstd::bulk::decompress(&compressed, block.size)?;
        parse(bytes).ok_or_else(|| io::Error::other("the temporary file was changed"))
    }

    fn move_waiting(&mut self) -> io::Result<()> {
        let mut rows = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        rows.sort_by_key(|row| row.partition);
        for rows in rows.chunk_by(|left, right| left.partition == right.partition) {
            let Some(Row { partition, .. }) = rows.first() else { continue };
            let mut bytes = Vec::new();
            rows.iter().for_each(|row| write(row, &mut bytes));
            let compressed = zstd::bulk::compress(&bytes, LEVEL)?;
            self.file.write_all(&compressed)?;
            let (offset, size) = (self.end, bytes.len());
            self.end += compressed.len() as u64;
            self.blocks.push(Block { partition: *partition, size, offset, compressed: compressed.len() });
        }
        Ok(())
    }
}

/// A row's key, the length of its cells, and them. All is little-endian.
fn write(row: &Row, out: &mut Vec<u8>) {
    let Key { host, time, record_id } = &row.key;
    out.extend((host.len() as u64).to_le_bytes());
    out.extend(host.as_bytes());
    out.push(u8::from(time.is_some()));
    out.extend(time.unwrap_or_default().to_le_bytes());
    out.extend(record_id.to_le_bytes());
    out.extend((row.cells.len() as u64).to_le_bytes());
    out.extend(&row.cells);
}

fn parse(bytes: Vec<u8>) -> Option<Rows> {
    let mut rows = Vec::new();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let length = number(&mut rest)?;
        let (host, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        let (timed, mut after) = after.split_first()?;
        let time = number(&mut after)?.cast_signed();
        let time = (*timed == 1).then_some(time);
        let key = Key { host: str::from_utf8(host).ok()?.to_owned(), time, record_id: number(&mut after)? };
        let length = usize::try_from(number(&mut after)?).ok()?;
        let begin = bytes.len() - after.len();
        (_, rest) = after.split_at_checked(length)?;
        rows.push((key, begin, begin + length));
    }
    Some(Rows { cells: bytes, rows })
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let (number, after) = rest.split_first_chunk::<8>()?;
    *rest = after;
    Some(u64::from_le_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(bucket: u8, host: &str, time: Option<i64>, cells: &[u8]) -> Row {
        let key = Key { host: host.to_owned(), time, record_id: u64::MAX };
        Row { partition: Partition { day: Some(1), bucket }, key, cells: cells.to_vec() }
    }

    /// Two moves, two partitions: each has its rows, in the order in which they came.
    #[test]
    fn what_is_set_aside_comes_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut shelf = Shelf::new(folder.path()).expect("a shelf");
        let rows = [
            row(2, "b", Some(-1), b"first"),
            row(1, "", None, b""),
            row(2, "a", Some(i64::MAX), b"second"),
            row(2, "\u{e9}", Some(0), b"third"),
        ];
        for (number, row) in rows.iter().enumerate() {
            shelf.put(row.clone()).expect("put");
            if number == 2 {
                shelf.move_waiting().expect("moved");
            }
        }
        let blocks = shelf.close().expect("closed");
        assert_eq!(blocks.iter().map(|block| block.partition.bucket).collect::<Vec<_>>(), [1, 2, 2]);
        let mut back = Vec::new();
        for block in blocks {
            let Rows { cells, rows } = shelf.take(block).expect("read back");
            back.extend(rows.into_iter().map(|(key, at, end)| (key, cells[at..end].to_vec())));
        }
        let expected = [1, 0, 2, 3].map(|place| (rows[place].key.clone(), rows[place].cells.clone()));
        assert_eq!(back, expected);
        assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0, "the file has no name");
    }
}
