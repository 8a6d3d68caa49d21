//! What the language asks of the world: a record it can read fields from, and a schema that knows the fields. Nothing here knows Sysmon.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::time::Timestamp;

/// A field's number in its schema: names are resolved once, while compiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(pub u32);

/// A field's Elasticsearch mapping type, as far as EQL tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// `keyword`, `wildcard` or `constant_keyword`: an exact string.
    Keyword,
    /// `text` without an exact sub-field: string operators refuse it.
    Text,
    /// `ip`: compared by address.
    Ip,
    /// `byte`, `short`, `integer`, `long`, `unsigned_long`.
    Long,
    /// `float`, `double`, `half_float`, `scaled_float`.
    Double,
    /// `boolean`.
    Boolean,
    /// `date`.
    Date,
}

/// One value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    /// A string, exactly as indexed.
    Str(Cow<'a, str>),
    /// A whole number.
    Int(i64),
    /// A number with a fraction (or too large for `i64`).
    Float(f64),
    /// A boolean.
    Bool(bool),
    /// An address; IPv4-mapped IPv6 is held as IPv4.
    Ip(IpAddr),
    /// A date.
    Date(Timestamp),
}

/// What a record holds under a field. Null, an absent field, an empty array and an array of nulls are all [`Value::Missing`]; an empty string is a value.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value<'a> {
    /// No value.
    #[default]
    Missing,
    /// Exactly one value.
    One(Scalar<'a>),
    /// Several values, never empty; an atom holds when any of them satisfies it.
    Many(Vec<Scalar<'a>>),
}

impl<'a> Value<'a> {
    /// The values as a slice: none, one or many.
    pub fn as_slice(&self) -> &[Scalar<'a>] {
        match self {
            Self::Missing => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    /// A string value, or missing.
    pub fn from_str_opt(text: Option<&'a str>) -> Self {
        text.map_or(Self::Missing, |text| Self::One(Scalar::Str(Cow::Borrowed(text))))
    }

    /// Missing, one or many, by the number of `values`.
    pub fn from_vec(mut values: Vec<Scalar<'a>>) -> Self {
        match values.len() {
            0 => Self::Missing,
            1 => values.pop().map_or(Self::Missing, Self::One),
            _ => Self::Many(values),
        }
    }
}

/// What the language asks of a record. Sysmon's event is one answer, a JSON document another; tests use a small map.
pub trait Record {
    /// The values under `field`: never an error, [`Value::Missing`] when there is none.
    fn field(&self, field: FieldId) -> Value<'_>;
}

/// What the language asks of a schema, once, while compiling.
pub trait Schema {
    /// The number and type of the field called `path`, or `None` when nothing maps it.
    fn resolve(&self, path: &str) -> Option<(FieldId, Type)>;
    /// The known field whose name is nearest to `path`, for "did you mean"; `None` when none is near.
    fn nearest(&self, path: &str) -> Option<String>;
    /// The field that holds the event's category, for `process where …`.
    fn category_field(&self) -> FieldId;
}

/// What is known of a field before any record is read: the basis for deciding which kinds of record can satisfy a filter at all.
#[derive(Debug, Clone, PartialEq)]
pub enum Foreknown {
    /// Every such record holds exactly these values.
    Always(Vec<Scalar<'static>>),
    /// No such record holds a value.
    Never,
    /// A record may hold any value or none.
    Unknown,
}

/// A kind of record described beforehand (for Sysmon: one event id).
pub trait Outline {
    /// What is known of `field` in every record of this kind.
    fn foreknown(&self, field: FieldId) -> Foreknown;
}
