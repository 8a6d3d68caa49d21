//! A stream of Arrow → the lines in it, to be read as a file is. It looks at no column but the two that make lines, and into none of
//! these.
//!
//! The stream is anyone's: lengths are compared with what is there before arrow-ipc is asked, which panics (60.1) over a buffer that reaches beyond its message, and
//! over one of offsets that ends within an offset.

use std::collections::HashMap;
use std::io::{self, BufRead, ErrorKind, Read};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::RecordBatchDecoder;
use arrow_ipc::{Endianness, Message, MessageHeader, MetadataVersion, RecordBatch, root_as_message};
use arrow_schema::{DataType, Schema, SchemaRef, UnionMode};

use crate::scan::stream::lines::LONGEST;

use super::{BEFORE_K, BEHIND_K, BODY, K};

/// What a message begins with.
const MARKER: [u8; 4] = [0xff; 4];
/// Bytes of what a message says of itself, at most: a few hundred for each column.
const MOST_METADATA: u64 = 16 << 20;
/// Bytes of a batch, at most: it lies in memory.
const LARGEST_BATCH: u64 = 1 << 30;

/// The lines of a stream of Arrow.
pub struct ArrowLines<'a> {
    input: &'a mut dyn BufRead,
    /// The columns, and which of them make lines, once the stream has said so.
    schema: Option<(SchemaRef, [usize; 2])>,
    /// These two of the batch in hand, and the number of its next row.
    batch: Option<[ArrayRef; 2]>,
    next: usize,
    ended: bool,
    /// The line in hand, and how much of it was taken.
    line: Vec<u8>,
    at: usize,
}

impl<'a> ArrowLines<'a> {
    /// The lines of `input`.
    pub fn new(input: &'a mut dyn BufRead) -> Self {
        Self { input, schema: None, batch: None, next: 0, ended: false, line: Vec::new(), at: 0 }
    }

    /// Puts the next line, if there is one, in hand.
    fn advance(&mut self) -> io::Result<()> {
        (self.line, self.at) = (Vec::new(), 0);
        while !self.ended {
            let Some([k, body]) = self.batch.as_ref().filter(|[k, _]| self.next < k.len()) else {
                self.message()?;
                continue;
            };
            let (k, body) = (text(k, self.next, K)?, text(body, self.next, BODY)?);
            if (k.len() + body.len()) as u64 >= LONGEST {
                return Err(invalid("this row is longer than 64 MiB, so it is none of a stream"));
            }
            let rest = body.strip_prefix(b"{").ok_or_else(|| {
                invalid(format!(
                    "its column `{BODY}` holds no JSON object in this row, as `evql map` writes it"
                ))
            })?;
            self.line = [BEFORE_K, k, BEHIND_K, rest, b"\n"].concat();
            self.next += 1;
            break;
        }
        Ok(())
    }

    /// Reads the next message.
    fn message(&mut self) -> io::Result<()> {
        (self.batch, self.next) = (None, 0);
        let Some(metadata) = self.metadata()? else {
            self.ended = true;
            return match self.input.fill_buf()? {
                [] => Ok(()),
                _ => Err(invalid(
                    "something follows the end of this Arrow stream: streams cannot be strung together as lines can, their rows can",
                )),
            };
        };
        let message = root_as_message(&metadata)
            .map_err(|_| invalid("a message of this Arrow stream is damaged: it does not say what it is"))?;
        let body = message.bodyLength();
        match (message.header_type(), &self.schema) {
            (MessageHeader::Schema, None) => {
                self.schema = Some(columns(&message)?);
                self.pass_over(body)
            }
            (MessageHeader::RecordBatch, Some((schema, two))) => {
                let (schema, two) = (Arc::clone(schema), *two);
                let body = self.body(body)?;
                self.batch = Some(decode(&message, body, schema, two)?);
                Ok(())
            }
            // Values of other columns.
            (MessageHeader::DictionaryBatch, Some(_)) => self.pass_over(body),
            _ => Err(invalid("a message of this Arrow stream does not belong where it stands")),
        }
    }

    /// What the next message says of itself; `None` when it says that there is no more.
    fn metadata(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.input.fill_buf()?.is_empty() {
            return Err(invalid(
                "this Arrow stream ends without the mark of its end: it was cut off, or whoever wrote it did not close it",
            ));
        }
        if self.word()? != MARKER {
            return Err(invalid("a message of this Arrow stream is damaged: it does not begin as one"));
        }
        let length = i64::from(i32::from_le_bytes(self.word()?));
        match u64::try_from(length).ok().filter(|length| *length <= MOST_METADATA) {
            None => {
                Err(invalid(format!("a message of this Arrow stream says that it is {length} bytes long")))
            }
            Some(0) => Ok(None),
            Some(length) => self.bytes(length).map(Some),
        }
    }

    fn word(&mut self) -> io::Result<[u8; 4]> {
        let mut word = [0; 4];
        self.input.read_exact(&mut word).map_err(cut_off)?;
        Ok(word)
    }

    /// So many bytes. Memory grows with what is there, not with what is said to be.
    fn bytes(&mut self, length: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        (&mut *self.input).take(length).read_to_end(&mut bytes)?;
        match bytes.len() as u64 == length {
            true => Ok(bytes),
            false => Err(cut_off(ErrorKind::UnexpectedEof.into())),
        }
    }

    fn body(&mut self, length: i64) -> io::Result<Vec<u8>> {
        let own = u64::try_from(length).ok().filter(|length| *length <= LARGEST_BATCH);
        let length = own.ok_or_else(|| {
            invalid(format!(
                "a batch of this Arrow stream is {length} bytes long, and 1 GiB is the most: write it in smaller batches, as pyarrow's `write_table(…, max_chunksize=10_000)` does"
            ))
        })?;
        self.bytes(length)
    }

    fn pass_over(&mut self, length: i64) -> io::Result<()> {
        let length =
            u64::try_from(length).map_err(|_| invalid("a length in this Arrow stream is negative"))?;
        let passed = io::copy(&mut (&mut *self.input).take(length), &mut io::sink())?;
        if passed == length { Ok(()) } else { Err(cut_off(ErrorKind::UnexpectedEof.into())) }
    }
}

impl BufRead for ArrowLines<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.line.len() {
            self.advance()?;
        }
        Ok(self.line.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}

impl Read for ArrowLines<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

/// The columns of the stream, and which of them make lines.
fn columns(message: &Message<'_>) -> io::Result<(SchemaRef, [usize; 2])> {
    let own = message.header_as_schema();
    let own = own.ok_or_else(|| invalid("this Arrow stream does not say which columns it has"))?;
    if own.endianness() != Endianness::Little {
        return Err(invalid("this Arrow stream was written on a big-endian machine, which is not supported"));
    }
    let schema = try_fb_to_schema(own)
        .map_err(|_| invalid("this Arrow stream does not say clearly which columns it has"))?;
    let two = [column(&schema, K)?, column(&schema, BODY)?];
    Ok((Arc::new(schema), two))
}

/// Which column of text is called `name`.
fn column(schema: &Schema, name: &str) -> io::Result<usize> {
    let Some((number, field)) = schema.column_with_name(name) else {
        return Err(invalid(format!(
            "this Arrow stream has no column `{name}`: keep `{K}` and `{BODY}` of what `evql map --records arrow` writes"
        )));
    };
    match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Ok(number),
        _ => Err(invalid(format!("the column `{name}` of this Arrow stream is not of a type of text"))),
    }
}

/// The `two` columns of a batch.
fn decode(
    message: &Message<'_>,
    body: Vec<u8>,
    schema: SchemaRef,
    two: [usize; 2],
) -> io::Result<[ArrayRef; 2]> {
    let damaged = || invalid("a batch of this Arrow stream is damaged");
    let batch = message.header_as_record_batch().ok_or_else(damaged)?;
    if message.version() != MetadataVersion::V5 {
        return Err(invalid(
            "this Arrow stream was written by an Arrow before 1.0, of 2020: write it with a newer one",
        ));
    }
    if batch.compression().is_some() {
        return Err(invalid(
            "this Arrow stream is compressed: write it without, and compress the whole of it",
        ));
    }
    if !lies_within(&batch, body.len(), &schema, two) {
        return Err(damaged());
    }
    let (none, version) = (HashMap::new(), message.version());
    let decoded = RecordBatchDecoder::try_new(&body.into(), batch, schema, &none, &version)
        .and_then(|decoder| decoder.with_projection(Some(&two)).read_record_batch());
    let decoded = decoded.map_err(|_| damaged())?;
    <[ArrayRef; 2]>::try_from(decoded.columns().to_vec()).map_err(|_| damaged())
}

/// Whether everything that the batch says to be in its body of so many bytes can be, and the `two` columns are cut as their types are.
fn lies_within(batch: &RecordBatch<'_>, body: usize, schema: &Schema, two: [usize; 2]) -> bool {
    let Some(buffers) = batch.buffers() else { return false };
    let within = buffers.iter().all(|buffer| {
        let end = buffer.offset().checked_add(buffer.length());
        buffer.offset() >= 0
            && buffer.length() >= 0
            && end.and_then(|end| usize::try_from(end).ok()).is_some_and(|end| end <= body)
    });
    // A text takes four bytes of it at least.
    let rows = usize::try_from(batch.length()).is_ok_and(|rows| rows <= body);
    let nodes = batch.nodes().into_iter().flatten().all(|node| node.length() >= 0 && node.null_count() >= 0);
    let cut = two.into_iter().all(|column| {
        let views = &mut batch.variadicBufferCounts().into_iter().flatten();
        let before: Option<usize> =
            schema.fields().iter().take(column).map(|field| buffers_of(field.data_type(), views)).sum();
        let width = match schema.field(column).data_type() {
            DataType::Utf8 => 4,
            DataType::LargeUtf8 => 8,
            _ => 16,
        };
        // Behind the bits that say what is null: where texts begin, or what they begin with.
        let number = before.filter(|before| before + 1 < buffers.len()).map(|before| before + 1);
        number.is_some_and(|number| buffers.get(number).length() % width == 0)
    });
    within && rows && nodes && cut
}

/// How many buffers of a batch a column of this type has, as the format's version 5 has it; `views` are how many more each column of views has.
fn buffers_of(kind: &DataType, views: &mut dyn Iterator<Item = i64>) -> Option<usize> {
    let (own, inner): (usize, Vec<&DataType>) = match kind {
        DataType::Null => (0, vec![]),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary => (3, vec![]),
        // More than a batch has are as wrong as a negative number of them.
        DataType::Utf8View | DataType::BinaryView => {
            (u16::try_from(views.next()?).ok()?.into(), vec![&DataType::Int8])
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::Map(item, _) => {
            (2, vec![item.data_type()])
        }
        DataType::ListView(item) | DataType::LargeListView(item) => (3, vec![item.data_type()]),
        DataType::FixedSizeList(item, _) => (1, vec![item.data_type()]),
        DataType::Struct(fields) => (1, fields.iter().map(|field| field.data_type()).collect()),
        DataType::Union(fields, UnionMode::Sparse) => {
            (1, fields.iter().map(|(_, field)| field.data_type()).collect())
        }
        DataType::Union(fields, UnionMode::Dense) => {
            (2, fields.iter().map(|(_, field)| field.data_type()).collect())
        }
        DataType::RunEndEncoded(ends, values) => (0, vec![ends.data_type(), values.data_type()]),
        _ => (2, vec![]),
    };
    let inner: Option<usize> = inner.into_iter().map(|kind| buffers_of(kind, views)).sum();
    inner?.checked_add(own)
}

/// The text in `row` of a column of text, which is called `name`.
fn text<'a>(column: &'a ArrayRef, row: usize, name: &str) -> io::Result<&'a [u8]> {
    let text = match column.data_type() {
        _ if column.is_null(row) => None,
        DataType::Utf8 => column.as_string_opt::<i32>().map(|texts| texts.value(row)),
        DataType::LargeUtf8 => column.as_string_opt::<i64>().map(|texts| texts.value(row)),
        _ => column.as_string_view_opt().map(|texts| texts.value(row)),
    };
    match text {
        None => Err(invalid(format!("its column `{name}` is null in this row"))),
        Some(text) if text.contains('\n') => {
            Err(invalid(format!("its column `{name}` holds a line break in this row")))
        }
        Some(text) => Ok(text.as_bytes()),
    }
}

fn cut_off(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => invalid("this Arrow stream is cut off"),
        _ => error,
    }
}

fn invalid(reason: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, reason.into())
}
