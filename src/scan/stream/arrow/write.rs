//! Lines, written as to any file → a stream of Arrow, batch by batch. It makes no line.

use std::io::{self, ErrorKind, Write};

use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, SchemaRef};

use crate::error::{Error, Result};
use crate::scan::stream::lines::LONGEST;

use super::row::{Rows, schema};

/// Rows of a batch, at most.
const BATCH_ROWS: usize = 16_384;
/// Bytes of lines of a batch, at most, unless it is one line. More than one longest line in all, so a column's offsets of 32 bits suffice.
const BATCH_BYTES: usize = 8 << 20;

/// Takes lines and writes rows. What it was given is whole when [`finish`](Self::finish) has been called, and says so.
pub struct ArrowWriter<'a> {
    out: StreamWriter<&'a mut (dyn Write + Send)>,
    schema: SchemaRef,
    rows: Rows,
    /// Rows and bytes of lines that are not written yet.
    count: usize,
    bytes: usize,
    /// The line whose end has not come yet.
    begun: Vec<u8>,
}

impl<'a> ArrowWriter<'a> {
    /// A stream without rows, written to `out`.
    ///
    /// # Errors
    /// [`Error::ClosedPipe`] or [`Error::Output`] when `out` fails.
    pub fn new(out: &'a mut (dyn Write + Send)) -> Result<Self> {
        let schema = schema();
        let out = StreamWriter::try_new(out, &schema).map_err(|error| unwritten(io_error(error)))?;
        Ok(Self { out, schema, rows: Rows::default(), count: 0, bytes: 0, begun: Vec::new() })
    }

    /// Writes what is left, and that this is the end.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn finish(mut self) -> Result<()> {
        self.end().map_err(unwritten)
    }

    fn end(&mut self) -> io::Result<()> {
        if !self.begun.is_empty() {
            let line = std::mem::take(&mut self.begun);
            self.row(&line)?;
        }
        self.write_batch()?;
        self.out.finish().map_err(io_error)?;
        self.out.get_mut().flush()
    }

    fn row(&mut self, line: &[u8]) -> io::Result<()> {
        if line.len() as u64 >= LONGEST {
            return Err(invalid("a line of the stream is longer than 64 MiB, so no reduce would take it"));
        }
        if self.count == BATCH_ROWS || self.bytes + line.len() > BATCH_BYTES {
            self.write_batch()?;
        }
        let text = str::from_utf8(line).map_err(invalid)?;
        self.rows.push(text)?;
        self.count += 1;
        self.bytes += line.len();
        Ok(())
    }

    fn write_batch(&mut self) -> io::Result<()> {
        if self.count > 0 {
            let batch = self.rows.batch(&self.schema).map_err(io_error)?;
            (self.count, self.bytes) = (0, 0);
            self.out.write(&batch).map_err(io_error)?;
        }
        Ok(())
    }
}

impl Write for ArrowWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            match part.strip_suffix(b"\n") {
                Some(line) if self.begun.is_empty() => self.row(line)?,
                Some(end) => {
                    let mut line = std::mem::take(&mut self.begun);
                    line.extend(end);
                    self.row(&line)?;
                }
                None => self.begun.extend(part),
            }
        }
        Ok(bytes.len())
    }

    /// Rows wait for their batch to be full, or for [`finish`](ArrowWriter::finish).
    fn flush(&mut self) -> io::Result<()> {
        self.out.get_mut().flush()
    }
}

/// What the operating system said, if it was that.
fn io_error(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        other => invalid(other),
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

fn unwritten(error: io::Error) -> Error {
    Error::output("the stream", error)
}
