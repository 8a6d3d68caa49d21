//! One event as a row: where it goes, what it is sorted by, and its cells as bytes that a file can be made of. It knows no file.

use sha2::{Digest, Sha256};

use super::HOST_BUCKETS;
use super::schema::{Shape, columns};
use crate::eql::{Scalar, Value};
use crate::sysmon::{self, Cells, Event, Facts};
use crate::time::Timestamp;

const DAY_MILLIS: i64 = 86_400_000;
/// 9999-12-30, the last day that [`Timestamp`] can name.
const LAST_DAY: i64 = 2_932_895;
/// Hive's name for the folder of those without a value.
const NO_DAY: &str = "__HIVE_DEFAULT_PARTITION__";

/// Where an event was read.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The source's name.
    pub source: &'a str,
    /// Its number among all sources, in their order.
    pub source_number: u32,
    /// Its SHA-256, where it was taken.
    pub sha256: Option<&'a str>,
    /// The chunk in it.
    pub chunk: u64,
    /// The record in that.
    pub record: u32,
    /// Of a record without an id, the SHA-256 of its data, by which copies of it are known.
    pub data_sha256: Option<&'a str>,
}

/// Which folder a row belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Partition {
    /// Days since 1970-01-01 of `@timestamp`.
    pub day: Option<i64>,
    /// What the host's name hashes to.
    pub bucket: u8,
}

impl Partition {
    /// Its folder within the data set.
    pub fn path(self) -> String {
        let day = self.day.map(|day| Timestamp::from_unix_millis(day.saturating_mul(DAY_MILLIS)));
        let date = day.map(Timestamp::to_iso_millis);
        let date = date.as_deref().and_then(|text| text.split_once('T')).map_or(NO_DAY, |(date, _)| date);
        format!("date={date}/host_bucket={:02}", self.bucket)
    }
}

/// What rows are sorted by within a file. Its order is that of the columns host.id and `@timestamp`, then by record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub host: String,
    pub time: Option<i64>,
    pub record_id: u64,
}

/// An event as a row.
#[derive(Debug, Clone)]
pub struct Row {
    pub(super) partition: Partition,
    pub(super) key: Key,
    /// The cells in the order of the columns: the column's number, then what its shape takes. Lengths and numbers are little-endian.
    pub(super) cells: Vec<u8>,
}

impl Row {
    /// `event`, which was read at `origin`.
    pub fn of(event: &Event, origin: Origin<'_>) -> Self {
        let host = event.computer().to_lowercase();
        let time = event.utc_time().or(event.system().time_created).map(Timestamp::truncated_to_millis);
        let bucket = Sha256::digest(host.as_bytes()).first().copied().unwrap_or_default() % HOST_BUCKETS;
        let day = time.map(|time| time.unix_millis().div_euclid(DAY_MILLIS));
        let partition = Partition { day: day.filter(|day| *day <= LAST_DAY), bucket };
        let key = Key {
            host,
            time: time.map(Timestamp::unix_micros),
            record_id: event.record_id().unwrap_or_default(),
        };
        Self { partition, key, cells: cells(event, origin) }
    }
}

fn cells(event: &Event, origin: Origin<'_>) -> Vec<u8> {
    let mut out = Out { bytes: Vec::with_capacity(2_048), column: 0 };
    let known = Cells::of(event);
    for (column, value) in &known.values {
        out.column = *column;
        out.value(value);
    }
    out.column = sysmon::columns().len();
    out.integer(i64::try_from(origin.chunk).ok());
    out.integer(event.system().time_created.map(Timestamp::ticks));
    out.text(origin.data_sha256);
    out.integer(Some(i64::from(origin.record)));
    out.boolean(event.is_recovered());
    out.text(origin.sha256);
    out.text(Some(origin.source));
    out.integer(Some(i64::from(origin.source_number)));
    out.pairs(&known.unlisted);
    out.bytes
}

/// Cells in the making.
struct Out {
    bytes: Vec<u8>,
    /// The column that comes next.
    column: usize,
}

impl Out {
    /// A value of the event, as its column holds it.
    fn value(&mut self, value: &Value<'_>) {
        let shape = columns().get(self.column).map(|column| column.shape);
        let first = value.as_slice().first();
        match (shape, first) {
            (Some(Shape::Texts), Some(_)) => {
                self.begin();
                self.length(value.as_slice().len());
                value.as_slice().iter().for_each(|scalar| self.put(&text_of(scalar)));
            }
            (Some(Shape::Text), Some(scalar)) => self.text(Some(&text_of(scalar))),
            (Some(Shape::Integer), Some(Scalar::Int(number))) => self.integer(Some(*number)),
            (Some(Shape::Boolean), Some(Scalar::Bool(value))) => self.boolean(*value),
            (Some(Shape::Time), Some(Scalar::Date(time))) => self.integer(Some(time.unix_micros())),
            _ => self.column += 1,
        }
    }

    fn text(&mut self, text: Option<&str>) {
        let Some(text) = text else { return self.column += 1 };
        self.begin();
        self.put(text);
    }

    fn integer(&mut self, number: Option<i64>) {
        let Some(number) = number else { return self.column += 1 };
        self.begin();
        self.bytes.extend(number.to_le_bytes());
    }

    fn boolean(&mut self, value: bool) {
        self.begin();
        self.bytes.push(u8::from(value));
    }

    fn pairs(&mut self, pairs: &[(impl AsRef<str>, &str)]) {
        if pairs.is_empty() {
            return self.column += 1;
        }
        self.begin();
        self.length(pairs.len());
        for (name, text) in pairs {
            self.put(name.as_ref());
            self.put(text);
        }
    }

    fn begin(&mut self) {
        self.length(self.column);
        self.column += 1;
    }

    fn put(&mut self, text: &str) {
        self.length(text.len());
        self.bytes.extend(text.as_bytes());
    }

    /// Nothing in a record, which is bounded, comes near 4 GiB.
    fn length(&mut self, length: usize) {
        self.bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    }
}

fn text_of(scalar: &Scalar<'_>) -> String {
    match scalar {
        Scalar::Str(text) => text.to_string(),
        Scalar::Int(number) => number.to_string(),
        Scalar::Float(number) => number.to_string(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Ip(address) => address.to_string(),
        Scalar::Date(time) => time.to_iso_millis(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_by_day_and_bucket_as_hive_does() {
        let path = |day| Partition { day, bucket: 7 }.path();
        assert_eq!(path(Some(0)), "date=1970-01-01/host_bucket=07");
        assert_eq!(path(Some(-134_774)), "date=1601-01-01/host_bucket=07");
        assert_eq!(path(Some(LAST_DAY)), "date=9999-12-30/host_bucket=07");
        assert_eq!(path(None), "date=__HIVE_DEFAULT_PARTITION__/host_bucket=07");
    }
}
