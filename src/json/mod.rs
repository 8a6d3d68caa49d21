//! JSON lines → documents that EQL can be asked of, with a schema taken from the data. It opens no file and knows no Sysmon.
//!
//! What Elasticsearch would do with such documents holds: nested and dotted names are the same, arrays are many values (arrays of objects flatten), null
//! and an empty array are no value.

use std::cmp::Ordering;
use std::io::{self, BufRead};

use crate::eql::{FieldId, Record, Scalar, Schema, Type, Value};
use crate::time::Timestamp;

mod catalog;
mod convert;
mod read;
mod schema;

pub use convert::convert;
pub use read::Reading;
pub use schema::DocumentSchema;

use catalog::Catalog;

/// How documents are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The field that orders documents: ISO 8601 text, or milliseconds since 1970 as a number or text.
    pub timestamp_field: String,
    /// The field that holds the event's category.
    pub category_field: String,
    /// The field that orders documents of one millisecond.
    pub tiebreaker_field: Option<String>,
    /// Fields that hold addresses, beside those called `ip` or `….ip`.
    pub ip_fields: Vec<String>,
    /// Fields that are mapped though no document need have them, and their types.
    pub as_mapped: Vec<(String, Type)>,
}

impl Default for Options {
    /// Elastic's: `@timestamp`, `event.category`, no tiebreaker.
    fn default() -> Self {
        Self {
            timestamp_field: "@timestamp".to_owned(),
            category_field: "event.category".to_owned(),
            tiebreaker_field: None,
            ip_fields: Vec::new(),
            as_mapped: Vec::new(),
        }
    }
}

/// The field and type that `text`, `field` or `field:type`, names; the type is an Elasticsearch mapping type, `keyword` when not given.
///
/// # Errors
/// A sentence for the analyst when the type is none that EQL knows.
pub fn parse_mapping(text: &str) -> Result<(String, Type), String> {
    let Some((field, name)) = text.rsplit_once(':') else {
        return Ok((text.to_owned(), Type::Keyword));
    };
    let kind = match name {
        "keyword" | "wildcard" | "constant_keyword" => Type::Keyword,
        "text" => Type::Text,
        "ip" => Type::Ip,
        "long" | "integer" | "short" | "byte" | "unsigned_long" => Type::Long,
        "double" | "float" | "half_float" | "scaled_float" => Type::Double,
        "boolean" => Type::Boolean,
        "date" => Type::Date,
        _ => {
            return Err(format!(
                "`{name}` is not a type; use keyword, text, ip, long, double, boolean or date"
            ));
        }
    };
    Ok((field.to_owned(), kind))
}

/// Something in the input that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The name under which the input was added.
    pub source: String,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong.
    pub reason: String,
    /// Whether the whole document was lost, or only a value of it.
    pub lost_document: bool,
}

/// All documents of one or several inputs.
#[derive(Debug, Clone, Default)]
pub struct Documents {
    documents: Vec<Document>,
    problems: Vec<Problem>,
    catalog: Catalog,
    category_field: String,
}

impl Documents {
    /// Reads one input to its end. For several, see [`Reading`].
    ///
    /// # Errors
    /// What `reader` fails with.
    pub fn read(reader: impl BufRead, options: &Options) -> io::Result<Self> {
        let mut reading = Reading::new(options);
        reading.add("", reader)?;
        Ok(reading.finish())
    }

    /// The documents, in the order they were read.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// What could not be read, in the order of the input.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The schema of the data, with `fallback` for the fields that no document has.
    pub fn schema<'a>(&'a self, fallback: &'a dyn Schema) -> DocumentSchema<'a> {
        DocumentSchema::new(&self.catalog, &self.category_field, fallback)
    }
}

/// One document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    text: String,
    order: Order,
    /// Sorted by field; no empty list.
    fields: Vec<(FieldId, Vec<Scalar<'static>>)>,
}

impl Document {
    /// The document as it was read, without the line break.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its place among the documents.
    pub fn order(&self) -> &Order {
        &self.order
    }

    fn values(&self, field: FieldId) -> &[Scalar<'static>] {
        let found = self.fields.binary_search_by_key(&field, |(id, _)| *id).ok();
        found.and_then(|at| self.fields.get(at)).map_or(&[], |(_, values)| values)
    }
}

impl Record for Document {
    fn field(&self, field: FieldId) -> Value<'_> {
        match self.values(field) {
            [] => Value::Missing,
            [single] => Value::One(borrowed(single)),
            many => Value::Many(many.iter().map(borrowed).collect()),
        }
    }
}

fn borrowed<'a>(scalar: &'a Scalar<'static>) -> Scalar<'a> {
    match scalar {
        Scalar::Str(text) => Scalar::Str(text.as_ref().into()),
        other => other.clone(),
    }
}

/// A document's place: by timestamp, then tiebreaker (missing ones sort last, as in Elasticsearch), then the order of reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// The timestamp field, cut to milliseconds as Elasticsearch keeps it.
    pub timestamp: Option<Timestamp>,
    /// The tiebreaker field's value.
    pub tiebreaker: Option<Scalar<'static>>,
    /// The document's number in the order of reading, from 0; unique.
    pub index: usize,
}

impl Eq for Order {}

impl PartialOrd for Order {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Order {
    fn cmp(&self, other: &Self) -> Ordering {
        missing_last(&self.timestamp, &other.timestamp, Ord::cmp)
            .then_with(|| missing_last(&self.tiebreaker, &other.tiebreaker, compare))
            .then_with(|| self.index.cmp(&other.index))
    }
}

fn missing_last<T>(left: &Option<T>, right: &Option<T>, compare: fn(&T, &T) -> Ordering) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) => compare(left, right),
        _ => right.is_some().cmp(&left.is_some()),
    }
}

/// Values of one field have one type; other pairs never meet and count as equal.
fn compare(left: &Scalar<'static>, right: &Scalar<'static>) -> Ordering {
    match (left, right) {
        (Scalar::Str(left), Scalar::Str(right)) => left.cmp(right),
        (Scalar::Int(left), Scalar::Int(right)) => left.cmp(right),
        (Scalar::Float(left), Scalar::Float(right)) => left.total_cmp(right),
        (Scalar::Bool(left), Scalar::Bool(right)) => left.cmp(right),
        (Scalar::Ip(left), Scalar::Ip(right)) => left.cmp(right),
        (Scalar::Date(left), Scalar::Date(right)) => left.cmp(right),
        _ => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests;
