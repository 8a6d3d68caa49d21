//! Allow-lists in TOML → their entries: what is known to be harmless here, who says so, why and until when. It compiles no query and sets nothing aside.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use toml::Spanned;
use toml::value::Datetime;

use super::{files, toml as toml_files};
use crate::eql::span::Span;
use crate::eql::{Diagnostic, Origin, render};
use crate::finding::AllowEntry;
use crate::hash::sha256;

/// An allow-list as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct AllowList {
    /// Its path, as given.
    pub path: String,
    /// SHA-256 of its bytes, lower-case hex.
    pub sha256: String,
    /// Its entries, in order.
    pub entries: Vec<Entry>,
}

/// One entry and its conditions.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What reports tell of it.
    pub info: Arc<AllowEntry>,
    /// It applies when every condition holds for some event of the finding; never empty.
    pub when: Vec<Condition>,
}

/// One event query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The query's text.
    pub query: String,
    /// Where it stands in the file.
    pub origin: Origin,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTable {
    #[serde(default)]
    allow: Vec<EntryTable>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryTable {
    id: Spanned<String>,
    reason: Spanned<String>,
    author: Spanned<String>,
    expires: Spanned<Datetime>,
    rule: Option<String>,
    when: Spanned<When>,
}

/// One query or a list of them.
enum When {
    One(String),
    All(Vec<Spanned<String>>),
}

/// Reads the allow-list at `path`. `today` (`2026-11-24`, UTC) decides what has expired: an entry applies through the day it names.
///
/// # Errors
/// A text for the analyst, with line and column where it is about the file's content: the file cannot be read, is no TOML, has a key that no entry has,
/// lacks one, or an id twice.
pub fn read(path: &Path, today: &str) -> Result<AllowList, String> {
    let origin = path.display().to_string();
    let unreadable = |error| format!("{origin}: error: cannot be read: {error}\n");
    let bytes = files::read_bytes(path).map_err(unreadable)?;
    let hash = sha256(&bytes);
    let text = files::text_of(bytes).map_err(unreadable)?;
    let file: FileTable =
        toml::from_str(&text).map_err(|error| toml_files::problem(&origin, &text, &error))?;
    let mut ids = BTreeSet::new();
    let mut entries = Vec::new();
    let mut wrong = Vec::new();
    for table in file.allow {
        if !ids.insert(table.id.get_ref().clone()) {
            wrong.push(at(&table.id, "this id is used twice"));
        }
        match table.into_entry(&text, today) {
            Ok(entry) => entries.push(entry),
            Err(diagnostics) => wrong.extend(diagnostics),
        }
    }
    if !wrong.is_empty() {
        return Err(render(&wrong, &origin, &text, Origin::default()));
    }
    Ok(AllowList { path: origin, sha256: hash, entries })
}

impl EntryTable {
    fn into_entry(self, text: &str, today: &str) -> Result<Entry, Vec<Diagnostic>> {
        let mut wrong: Vec<Diagnostic> = [&self.id, &self.reason, &self.author]
            .into_iter()
            .filter(|value| value.get_ref().trim().is_empty())
            .map(|value| at(value, "this is empty: who relies on the entry has to know it"))
            .collect();
        let expires = day(self.expires.get_ref());
        if expires.is_none() {
            wrong.push(
                at(&self.expires, "this is no day").with_help("write a date alone: `expires = 2027-06-30`"),
            );
        }
        let whole = self.when.span();
        let condition = |query: &str, span| Condition {
            query: query.to_owned(),
            origin: toml_files::origin_of(text, span, query),
        };
        let when: Vec<Condition> = match self.when.get_ref() {
            When::One(query) => vec![condition(query, whole.clone())],
            When::All(queries) => {
                queries.iter().map(|query| condition(query.get_ref(), query.span())).collect()
            }
        };
        if when.is_empty() {
            wrong.push(at(&self.when, "without a condition everything would be set aside"));
        }
        let expires = expires.unwrap_or_default();
        let info = AllowEntry {
            id: self.id.into_inner(),
            reason: self.reason.into_inner(),
            author: self.author.into_inner(),
            expired: expires.as_str() < today,
            expires,
            rule: self.rule,
        };
        if wrong.is_empty() { Ok(Entry { info: Arc::new(info), when }) } else { Err(wrong) }
    }
}

fn at<T>(value: &Spanned<T>, message: &str) -> Diagnostic {
    Diagnostic::new(Span::new(value.span().start, value.span().end), message)
}

/// `2027-06-30` when `date` is a day without a time.
fn day(date: &Datetime) -> Option<String> {
    match date {
        Datetime { date: Some(date), time: None, offset: None } => {
            Some(format!("{:04}-{:02}-{:02}", date.year, date.month, date.day))
        }
        _ => None,
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Queries;
        impl<'de> Visitor<'de> for Queries {
            type Value = When;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an EQL event query or a list of them")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<When, E> {
                Ok(When::One(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<When, A::Error> {
                let mut all = Vec::new();
                while let Some(query) = sequence.next_element()? {
                    all.push(query);
                }
                Ok(When::All(all))
            }
        }
        deserializer.deserialize_any(Queries)
    }
}
