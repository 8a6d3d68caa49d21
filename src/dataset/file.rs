//! Rows → one Parquet file, sorted, a column at a time. It chooses no folder and no name.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::Result;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};

use super::row::Key;
use super::schema::{Shape, columns, parquet_schema};
use super::shelf::Rows;

/// Rows in a row group: what a reader can pass over at once by its statistics.
const GROUP_ROWS: usize = 65_536;
/// Bytes of cells in a row group; fewer rows fill it when they are large.
const GROUP_BYTES: usize = 32 << 20;
const LEVEL: i32 = 3;
/// What the rows of a file are sorted by, as far as columns tell it.
const SORTED_BY: [&str; 2] = ["host.id", "@timestamp"];

/// Writes `rows`, sorted, to a new file at `path`.
pub fn write(path: &Path, rows: Vec<Rows>) -> io::Result<()> {
    let mut rows = sorted(rows);
    let mut writer = SerializedFileWriter::new(File::create_new(path)?, parquet_schema()?, properties()?)?;
    while !rows.is_empty() {
        let rest = rows.split_off(group_length(&rows));
        write_group(rows, writer.next_row_group()?)?;
        rows = rest;
    }
    writer.close()?;
    Ok(())
}

fn properties() -> Result<Arc<WriterProperties>> {
    let properties = WriterProperties::builder()
        .set_created_by(concat!("evql ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_sorting_columns(Some(SORTED_BY.iter().filter_map(|name| sorting_column(name)).collect()));
    Ok(Arc::new(properties.build()))
}

fn sorting_column(name: &str) -> Option<SortingColumn> {
    let leaves = columns().iter().flat_map(|column| {
        let leaves = if column.shape == Shape::Pairs { 2 } else { 1 };
        std::iter::repeat_n(column.name, leaves)
    });
    let place = leaves.into_iter().position(|leaf| leaf == name)?;
    Some(SortingColumn { column_idx: i32::try_from(place).ok()?, descending: false, nulls_first: true })
}

/// All rows in the order of their keys; those of one key in the order in which they came.
fn sorted(rows: Vec<Rows>) -> Vec<Cells> {
    let mut keyed: Vec<(Key, Cells)> = Vec::new();
    for Rows { cells, rows } in rows {
        let block = ByteArray::from(cells);
        keyed.extend(rows.into_iter().map(|(key, at, end)| (key, Cells { block: block.clone(), at, end })));
    }
    keyed.sort_by(|(left, _), (right, _)| left.cmp(right));
    keyed.into_iter().map(|(_, cells)| cells).collect()
}

/// How many of `rows`, from the first on, make a row group; at least one.
fn group_length(rows: &[Cells]) -> usize {
    let mut bytes = 0;
    let fits = rows.iter().take(GROUP_ROWS).take_while(|row| {
        let fits = bytes < GROUP_BYTES;
        bytes += row.end - row.at;
        fits
    });
    fits.count()
}

fn write_group(mut rows: Vec<Cells>, mut group: SerializedRowGroupWriter<'_, File>) -> io::Result<()> {
    for (number, column) in columns().iter().enumerate() {
        let here = rows.iter_mut().map(|row| row.begin(number)).collect();
        // Rows that something else has changed on the disk end the export and do not shift their values.
        write_column(here, column.shape, &mut group)?.ok_or_else(|| io::Error::other("rows were changed"))?;
    }
    group.close()?;
    Ok(())
}

/// Writes the leaves of one column; `here` has for each row the place of its cell, where it has one. `None` when a cell is not of the shape.
fn write_column(
    here: Vec<Option<&mut Cells>>,
    shape: Shape,
    group: &mut SerializedRowGroupWriter<'_, File>,
) -> Result<Option<()>> {
    match shape {
        Shape::Text => single::<ByteArrayType>(here, Cells::text, group),
        Shape::Integer | Shape::Time => single::<Int64Type>(here, Cells::integer, group),
        Shape::Boolean => single::<BoolType>(here, Cells::boolean, group),
        Shape::Texts => repeated::<1>(here, group),
        Shape::Pairs => repeated::<2>(here, group),
    }
}

/// A column of at most one value a row.
fn single<T: DataType>(
    here: Vec<Option<&mut Cells>>,
    take: fn(&mut Cells) -> Option<T::T>,
    group: &mut SerializedRowGroupWriter<'_, File>,
) -> Result<Option<()>> {
    let defined: Vec<i16> = here.iter().map(|cell| i16::from(cell.is_some())).collect();
    let Some(values) = here.into_iter().flatten().map(take).collect::<Option<Vec<T::T>>>() else {
        return Ok(None);
    };
    write_leaf::<T>(group, &values, &defined, None)?;
    Ok(Some(()))
}

/// A column of entries of `N` texts each, any number of them a row: as many leaves, which repeat alike.
fn repeated<const N: usize>(
    here: Vec<Option<&mut Cells>>,
    group: &mut SerializedRowGroupWriter<'_, File>,
) -> Result<Option<()>> {
    let mut defined: Vec<i16> = Vec::with_capacity(here.len());
    let mut again: Vec<i16> = Vec::with_capacity(here.len());
    let mut leaves: [Vec<ByteArray>; N] = std::array::from_fn(|_| Vec::new());
    for cell in here {
        let Some(cell) = cell else {
            defined.push(0);
            again.push(0);
            continue;
        };
        let Some(count) = cell.length() else { return Ok(None) };
        for entry in 0..count {
            defined.push(2);
            again.push(i16::from(entry > 0));
            for leaf in &mut leaves {
                let Some(text) = cell.text() else { return Ok(None) };
                leaf.push(text);
            }
        }
    }
    for leaf in &leaves {
        write_leaf::<ByteArrayType>(group, leaf, &defined, Some(&again))?;
    }
    Ok(Some(()))
}

fn write_leaf<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &[T::T],
    defined: &[i16],
    again: Option<&[i16]>,
) -> Result<()> {
    let Some(mut leaf) = group.next_column()? else { return Ok(()) };
    leaf.typed::<T>().write_batch(values, Some(defined), again)?;
    leaf.close()
}

/// The cells of one row that are not written yet: [`super::Row`]'s bytes.
struct Cells {
    /// All rows that were read back together.
    block: ByteArray,
    at: usize,
    end: usize,
}

impl Cells {
    /// Steps into the next cell, if it is of the column `number`.
    fn begin(&mut self, number: usize) -> Option<&mut Self> {
        let before = self.at;
        if self.at < self.end && self.length() == Some(number) {
            return Some(self);
        }
        self.at = before;
        None
    }

    fn length(&mut self) -> Option<usize> {
        let length = self.bytes(4)?.data().try_into().ok().map(u32::from_le_bytes)?;
        usize::try_from(length).ok()
    }

    fn text(&mut self) -> Option<ByteArray> {
        let length = self.length()?;
        self.bytes(length)
    }

    fn integer(&mut self) -> Option<i64> {
        self.bytes(8)?.data().try_into().ok().map(i64::from_le_bytes)
    }

    fn boolean(&mut self) -> Option<bool> {
        Some(self.bytes(1)?.data() == [1])
    }

    fn bytes(&mut self, length: usize) -> Option<ByteArray> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.end)?;
        let bytes = self.block.slice(self.at, length);
        self.at = end;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: usize, size: usize) -> Vec<Cells> {
        (0..count).map(|_| Cells { block: ByteArray::from(Vec::new()), at: 0, end: size }).collect()
    }

    #[test]
    fn a_row_group_is_bounded_by_rows_and_by_bytes() {
        assert_eq!(group_length(&rows(GROUP_ROWS + 1, 10)), GROUP_ROWS);
        assert_eq!(group_length(&rows(100, GROUP_BYTES / 4)), 4);
        assert_eq!(group_length(&rows(2, GROUP_BYTES * 2)), 1);
    }

    /// As if the temporary file had been changed: an error, no shifted values.
    #[test]
    fn cells_that_are_cut_off_are_an_error() {
        let column = columns().iter().position(|column| column.shape == Shape::Text).expect("a column");
        let mut cells = u32::try_from(column).expect("small").to_le_bytes().to_vec();
        cells.extend(100_u32.to_le_bytes());
        cells.extend(b"short");
        let key = Key { host: String::new(), time: None, record_id: 0 };
        let end = cells.len();
        let folder = tempfile::tempdir().expect("a folder");
        let written = write(&folder.path().join("file"), vec![Rows { cells, rows: vec![(key, 0, end)] }]);
        assert!(written.is_err_and(|error| error.to_string().contains("rows were changed")));
    }
}
