//! A line → the cells of its row. It writes none.

use std::fmt::Write;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use arrow_array::builder::{
    Int32Builder, Int64Builder, ListBuilder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use serde::Deserialize;
use serde_json::Value;

use crate::hash::sha256;
use crate::scan::stream::key::HITS;
use crate::scan::stream::line::HitLine;
use crate::sequence::KeyValue;

use super::{BEFORE_K, BEHIND_K, BODY, K};

/// Times are UTC.
const UTC: &str = "UTC";

/// The columns, in their order; `docs/OUTPUTS.md` says what each is for. None is of an unsigned type: Spark has none.
pub fn schema() -> SchemaRef {
    let list = |item, nullable| DataType::List(Arc::new(Field::new_list_field(item, nullable)));
    let columns = [
        (K, DataType::Utf8, false),
        ("type", DataType::Utf8, false),
        ("shard", DataType::Int64, false),
        ("rule_id", DataType::Utf8, true),
        ("stages", list(DataType::Int32, false), true),
        ("key", list(DataType::Utf8, true), true),
        ("time", DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())), true),
        ("time_ticks", DataType::Int64, true),
        ("host", DataType::Utf8, true),
        ("source", DataType::Utf8, true),
        ("record_id", DataType::Int64, true),
        (BODY, DataType::Utf8, false),
    ];
    let field = |(name, kind, nullable)| Field::new(name, kind, nullable);
    Arc::new(Schema::new(columns.map(field).to_vec()))
}

/// The rows of a batch in the making.
#[derive(Debug)]
pub struct Rows {
    k: StringBuilder,
    kind: StringBuilder,
    shard: Int64Builder,
    rule_id: StringBuilder,
    stages: ListBuilder<Int32Builder>,
    key: ListBuilder<StringBuilder>,
    time: TimestampMicrosecondBuilder,
    time_ticks: Int64Builder,
    host: StringBuilder,
    source: StringBuilder,
    record_id: Int64Builder,
    body: StringBuilder,
}

impl Default for Rows {
    fn default() -> Self {
        let stage = Field::new_list_field(DataType::Int32, false);
        Self {
            k: StringBuilder::new(),
            kind: StringBuilder::new(),
            shard: Int64Builder::new(),
            rule_id: StringBuilder::new(),
            stages: ListBuilder::new(Int32Builder::new()).with_field(stage),
            key: ListBuilder::new(StringBuilder::new()),
            time: TimestampMicrosecondBuilder::new().with_timezone(UTC),
            time_ticks: Int64Builder::new(),
            host: StringBuilder::new(),
            source: StringBuilder::new(),
            record_id: Int64Builder::new(),
            body: StringBuilder::new(),
        }
    }
}

/// What a line begins with.
#[derive(Deserialize)]
struct Head<'a> {
    k: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
}

/// What lines that are no hits say of hosts and sources.
#[derive(Deserialize)]
struct Told {
    #[serde(alias = "path")]
    source: Option<String>,
    coverage: Option<Counted>,
}

#[derive(Deserialize)]
struct Counted {
    host: String,
}

impl Rows {
    /// Takes the row of `line`, which is a map's and has no line end.
    ///
    /// # Errors
    /// When it is none.
    pub fn push(&mut self, line: &str) -> io::Result<()> {
        let Head { k, kind } = serde_json::from_str(line)?;
        let rest = line.get(BEFORE_K.len() + k.len() + BEHIND_K.len()..);
        let rest = rest.ok_or_else(|| io::Error::from(ErrorKind::InvalidData))?;
        if k.starts_with(HITS) {
            self.hit(serde_json::from_str(line)?);
        } else {
            self.told(serde_json::from_str(line)?);
        }
        self.k.append_value(k);
        self.kind.append_value(kind);
        self.body.write_str("{").and_then(|()| self.body.write_str(rest)).map_err(io::Error::other)?;
        self.body.append_value("");
        Ok(())
    }

    fn hit(&mut self, hit: HitLine) {
        self.shard.append_value(shard(&hit.group()));
        let time = hit.time();
        self.time.append_value(time.unix_micros());
        self.time_ticks.append_value(time.ticks());
        self.rule_id.append_value(hit.rule.id);
        let number = |stage: &usize| i32::try_from(*stage).unwrap_or(i32::MAX);
        self.stages.append_value(hit.stages.iter().map(|stage| Some(number(stage))));
        self.key.append_value(hit.key.0.iter().map(text));
        self.host.append_value(hit.host);
        self.source.append_value(hit.source);
        self.record_id.append_option(hit.record_id.and_then(|id| i64::try_from(id).ok()));
    }

    fn told(&mut self, told: Told) {
        self.shard.append_value(0);
        self.rule_id.append_null();
        self.stages.append_null();
        self.key.append_null();
        self.time.append_null();
        self.time_ticks.append_null();
        self.host.append_option(told.coverage.map(|coverage| coverage.host));
        self.source.append_option(told.source);
        self.record_id.append_null();
    }

    /// The batch of what was taken; after that, nothing was.
    ///
    /// # Errors
    /// When the cells do not fit the columns, as they do.
    pub fn batch(&mut self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.k.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.shard.finish()),
            Arc::new(self.rule_id.finish()),
            Arc::new(self.stages.finish()),
            Arc::new(self.key.finish()),
            Arc::new(self.time.finish()),
            Arc::new(self.time_ticks.finish()),
            Arc::new(self.host.finish()),
            Arc::new(self.source.finish()),
            Arc::new(self.record_id.finish()),
            Arc::new(self.body.finish()),
        ];
        RecordBatch::try_new(Arc::clone(schema), columns)
    }
}

/// A number that is the same for all hits of one rule and join key, not negative, and spread evenly.
fn shard(group: &str) -> i64 {
    let hash = sha256(group.as_bytes());
    let number = hash.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default();
    (number >> 1).cast_signed()
}

/// A value of a join key as text: text as it is, the rest as JSON has it.
fn text(value: &KeyValue) -> Option<String> {
    match value.to_json() {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}
