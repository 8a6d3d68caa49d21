//! One cell of a table, typed: what CSV prints and JSON Lines keeps are two views of it. It does not escape.

use serde_json::Value;

use crate::time::Timestamp;

/// A value under a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Not known: an empty cell, no key in JSON.
    Empty,
    /// Text, hostile until a writer has escaped it.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A point in time.
    Time(Timestamp),
    /// Several words: `;`-joined in CSV, an array in JSON.
    List(Vec<String>),
    /// Several words that CSV writes as a JSON array too (Timesketch's `tag`).
    Tags(Vec<String>),
}

impl Cell {
    /// Text, or [`Cell::Empty`] for "".
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }

    /// A count, saturating.
    pub fn count(number: impl TryInto<i64>) -> Self {
        Self::Int(number.try_into().unwrap_or(i64::MAX))
    }

    /// A JSON number as [`Cell::Int`], text as [`Cell::Text`].
    pub fn json(value: Option<&Value>) -> Self {
        match value {
            Some(value) => value.as_i64().map_or_else(|| Self::text(crate::finding::plain(value)), Self::Int),
            None => Self::Empty,
        }
    }

    /// Words, or [`Cell::Empty`] for none.
    pub fn list(words: Vec<String>) -> Self {
        if words.is_empty() { Self::Empty } else { Self::List(words) }
    }

    /// The cell's plain text, unescaped.
    pub fn plain(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => text.clone(),
            Self::Int(number) => number.to_string(),
            Self::Time(time) => time.to_string(),
            Self::List(words) => words.join(";"),
            Self::Tags(words) => Value::from(words.clone()).to_string(),
        }
    }

    /// Whether a log can have had a say in the text: a number or a time cannot start a formula.
    pub fn is_typed(&self) -> bool {
        matches!(self, Self::Empty | Self::Int(_) | Self::Time(_))
    }

    /// The cell's JSON value; `None` when empty.
    pub fn to_json(&self) -> Option<Value> {
        match self {
            Self::Empty => None,
            Self::Text(text) => Some(Value::from(text.as_str())),
            Self::Int(number) => Some(Value::from(*number)),
            Self::Time(time) => Some(Value::from(time.to_string())),
            Self::List(words) | Self::Tags(words) => Some(Value::from(words.clone())),
        }
    }
}

/// A column: its name, and how a row fills it (`F` is the function from the row).
pub struct Column<F> {
    /// The header, part of the contract that `schema` numbers.
    pub name: &'static str,
    /// The cell of a row.
    pub fill: F,
}
