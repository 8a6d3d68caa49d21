//! Lines → documents: parsing, flattening, and typing once all values are known. A bad line is noted and passed over.

use std::io::{self, BufRead};

use serde_json::Value as Json;

use super::catalog::Catalog;
use super::convert::convert;
use super::{Document, Documents, Options, Order, Problem};
use crate::eql::{FieldId, Scalar, Type};

/// Documents being read. Types need all values, so there are documents only after [`Reading::finish`].
pub struct Reading<'a> {
    options: &'a Options,
    catalog: Catalog,
    drafts: Vec<Draft>,
    sources: Vec<String>,
    problems: Vec<Noted>,
}

/// Where a problem is, by the number of its source and the line, and what.
struct Noted {
    place: (usize, u64),
    reason: String,
    lost_document: bool,
}

/// A document whose values have no types yet.
struct Draft {
    place: (usize, u64),
    text: String,
    leaves: Vec<(FieldId, Json)>,
}

impl<'a> Reading<'a> {
    /// Nothing read yet.
    pub fn new(options: &'a Options) -> Self {
        Self {
            options,
            catalog: Catalog::new(options),
            drafts: Vec::new(),
            sources: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Reads `reader`, called `source` in problems, to its end: one JSON object on each line; empty lines are passed over.
    ///
    /// # Errors
    /// What `reader` fails with.
    pub fn add(&mut self, source: &str, mut reader: impl BufRead) -> io::Result<()> {
        let number = self.sources.len();
        self.sources.push(source.to_owned());
        let mut line = 0;
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes)? > 0 {
            line += 1;
            let place = (number, line);
            if let Err(reason) = self.add_line(place, &bytes) {
                self.problems.push(Noted { place, reason, lost_document: true });
            }
            bytes.clear();
        }
        Ok(())
    }

    fn add_line(&mut self, place: (usize, u64), bytes: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "not a text in UTF-8".to_owned())?;
        let text = if place.1 == 1 { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.trim().is_empty() {
            return Ok(());
        }
        let value: Json = serde_json::from_str(text).map_err(|error| not_json(&error))?;
        if !value.is_object() {
            return Err("not a JSON object; each line must hold one".to_owned());
        }
        let mut leaves = Vec::new();
        self.flatten(&mut String::new(), value, &mut leaves);
        leaves.sort_by_key(|(field, _)| *field);
        self.drafts.push(Draft { place, text: text.to_owned(), leaves });
        Ok(())
    }

    /// Appends the values at and under `path` to `leaves`. Its depth is bounded by the JSON parser's.
    fn flatten(&mut self, path: &mut String, value: Json, leaves: &mut Vec<(FieldId, Json)>) {
        match value {
            Json::Object(members) => {
                let length = path.len();
                for (name, member) in members {
                    if length > 0 {
                        path.push('.');
                    }
                    path.push_str(&name);
                    self.flatten(path, member, leaves);
                    path.truncate(length);
                }
            }
            Json::Array(elements) => {
                self.note(path, &Json::Null);
                elements.into_iter().for_each(|element| self.flatten(path, element, leaves));
            }
            leaf => {
                let field = self.note(path, &leaf);
                if !leaf.is_null() {
                    leaves.push((field, leaf));
                }
            }
        }
    }

    fn note(&mut self, path: &str, value: &Json) -> FieldId {
        let field = self.catalog.number(path);
        self.catalog.note(field, value);
        field
    }

    /// The documents, typed.
    pub fn finish(mut self) -> Documents {
        self.catalog.declare_by_name(self.options);
        let timestamp = self.catalog.find(&self.options.timestamp_field);
        let tiebreaker = self.options.tiebreaker_field.as_ref().and_then(|name| self.catalog.find(name));
        let mut documents = Vec::with_capacity(self.drafts.len());
        for (index, draft) in std::mem::take(&mut self.drafts).into_iter().enumerate() {
            let mut document = self.typed(draft, index);
            let first =
                |field: Option<FieldId>| field.and_then(|field| document.values(field).first().cloned());
            let (timestamp, tiebreaker) = (first(timestamp), first(tiebreaker));
            document.order.timestamp = match timestamp {
                Some(Scalar::Date(time)) => Some(time),
                _ => None,
            };
            document.order.tiebreaker = tiebreaker;
            documents.push(document);
        }
        let problems = self.problems();
        let category_field = self.options.category_field.clone();
        Documents { documents, problems, catalog: self.catalog, category_field }
    }

    /// The problems, by source and line.
    fn problems(&mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|noted| noted.place);
        let named = |noted: Noted| {
            let (source, line) = noted.place;
            let source = self.sources.get(source).cloned().unwrap_or_default();
            Problem { source, line, reason: noted.reason, lost_document: noted.lost_document }
        };
        std::mem::take(&mut self.problems).into_iter().map(named).collect()
    }

    fn typed(&mut self, draft: Draft, index: usize) -> Document {
        let mut fields: Vec<(FieldId, Vec<Scalar<'static>>)> = Vec::new();
        for (id, value) in draft.leaves {
            let Some(field) = self.catalog.field(id) else { continue };
            let kind = field.kind().unwrap_or(Type::Keyword);
            match convert(&value, kind) {
                Some(scalar) => match fields.last_mut() {
                    Some((last, values)) if *last == id => values.push(scalar),
                    _ => fields.push((id, vec![scalar])),
                },
                None => self.problems.push(Noted {
                    place: draft.place,
                    reason: format!("`{}` holds {value}, which is not {}", field.name, noun(kind)),
                    lost_document: false,
                }),
            }
        }
        Document { text: draft.text, order: Order { timestamp: None, tiebreaker: None, index }, fields }
    }
}

/// The JSON parser's words without its line, which is always 1 here.
fn not_json(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    format!("not JSON at column {}: {reason}", error.column())
}

fn noun(kind: Type) -> &'static str {
    match kind {
        Type::Keyword | Type::Text => "a text",
        Type::Ip => "an address",
        Type::Long => "a whole number",
        Type::Double => "a number",
        Type::Boolean => "a boolean",
        Type::Date => "a time (ISO 8601, or milliseconds since 1970)",
    }
}
