//! Events → a data set of Parquet files, partitioned by day and host. It reads no evidence and decides no value: they are the event's.
//!
//! Rows come in the order of the evidence and are set aside, compressed, in one temporary file; at the end the rows of each partition are read back, sorted and
//! written. So memory is bounded however many partitions there are, no file stays open, and the order in which rows come alone decides the bytes.

mod file;
mod row;
mod schema;
mod shelf;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

pub use row::{Origin, Row};
pub use schema::{Shape, columns};

use crate::error::{Error, Result};
use row::Partition;
use shelf::{Block, Shelf};

/// How many buckets the hosts of a day are spread over.
pub const HOST_BUCKETS: u8 = 16;
/// Days that get a folder of their own. Evidence covers fewer; only a doctored log has more, and each day costs at least one file.
const MAX_DAYS: usize = 4_000;
/// Bytes of rows, as they are set aside, that one file takes.
const FILE_BYTES: usize = 128 << 20;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Events.
    pub rows: u64,
    /// Parquet files.
    pub files: u64,
    /// Events without a day of their own: they have no time, it is after 9999-12-30, or there were too many days.
    pub undated: u64,
    /// Whether it was interrupted: files are missing.
    pub interrupted: bool,
}

/// A data set in the making.
#[derive(Debug)]
pub struct Dataset {
    folder: PathBuf,
    shelf: Shelf,
    days: Days,
    written: Written,
}

impl Dataset {
    /// A data set in `folder`, which is there and empty. What is set aside lies in it, without a name, until the end.
    ///
    /// # Errors
    /// [`Error::Output`] when nothing can be written there.
    pub fn new(folder: &Path) -> Result<Self> {
        let shelf = Shelf::new(folder).map_err(|error| Error::output(folder, error))?;
        Ok(Self { folder: folder.to_owned(), shelf, days: Days::default(), written: Written::default() })
    }

    /// Takes one row. Rows must come in an order that depends on nothing but the evidence.
    ///
    /// # Errors
    /// [`Error::Output`] when it cannot be set aside.
    pub fn push(&mut self, mut row: Row) -> Result<()> {
        row.partition.day = row.partition.day.filter(|day| self.days.admit(*day));
        self.written.rows += 1;
        self.written.undated += u64::from(row.partition.day.is_none());
        self.shelf.put(row).map_err(|error| Error::output(&self.folder, error))
    }

    /// Writes the files, partition by partition, until `interrupt` is raised.
    ///
    /// # Errors
    /// [`Error::Output`] when a file cannot be written.
    pub fn finish(mut self, interrupt: &AtomicBool) -> Result<Written> {
        let failed = |error| Error::output(&self.folder, error);
        let mut partitions: BTreeMap<Partition, Vec<Block>> = BTreeMap::new();
        for block in self.shelf.close().map_err(failed)? {
            partitions.entry(block.partition).or_default().push(block);
        }
        for (partition, blocks) in partitions {
            let folder = self.folder.join(partition.path());
            fs::create_dir_all(&folder).map_err(|error| Error::output(&folder, error))?;
            for (number, blocks) in parts(blocks).into_iter().enumerate() {
                if interrupt.load(Ordering::Relaxed) {
                    self.written.interrupted = true;
                    return Ok(self.written);
                }
                let path = folder.join(format!("part-{number:05}.parquet"));
                let rows = blocks.into_iter().map(|block| self.shelf.take(block));
                let rows: Vec<_> =
                    rows.collect::<std::io::Result<_>>().map_err(|error| Error::output(&path, error))?;
                file::write(&path, rows).map_err(|error| Error::output(&path, error))?;
                self.written.files += 1;
            }
        }
        Ok(self.written)
    }
}

/// The days that have a folder: the first ones to come.
#[derive(Debug, Default)]
struct Days(BTreeSet<i64>);

impl Days {
    fn admit(&mut self, day: i64) -> bool {
        self.0.contains(&day) || self.0.len() < MAX_DAYS && self.0.insert(day)
    }
}

/// `blocks` in runs that fit a file.
fn parts(blocks: Vec<Block>) -> Vec<Vec<Block>> {
    let mut parts: Vec<Vec<Block>> = Vec::new();
    let mut size = FILE_BYTES;
    for block in blocks {
        if size >= FILE_BYTES {
            parts.push(Vec::new());
            size = 0;
        }
        size += block.size;
        if let Some(part) = parts.last_mut() {
            part.push(block);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_without_end_do_not_make_folders_without_end() {
        let mut days = Days::default();
        let doctored = (0..100_000).filter(|day| days.admit(*day)).count();
        assert_eq!(doctored, MAX_DAYS);
        assert!(days.admit(0) && !days.admit(99_999));
    }

    #[test]
    fn a_file_takes_blocks_until_it_is_full() {
        let half = FILE_BYTES / 2;
        let blocks = |sizes: &[usize]| sizes.iter().map(|size| Block::sized(*size)).collect();
        let sizes = |sizes: &[usize]| -> Vec<Vec<usize>> {
            let parts = parts(blocks(sizes));
            parts.iter().map(|part| part.iter().map(|block| block.size).collect()).collect()
        };
        assert_eq!(sizes(&[half, half, 1]), [vec![half, half], vec![1]]);
        assert_eq!(sizes(&[half - 1, half, half]), [vec![half - 1, half, half]]);
        assert_eq!(sizes(&[]), Vec::<Vec<usize>>::new());
    }
}
