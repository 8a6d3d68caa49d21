//! A toy world for engine tests: events are flat JSON objects, the schema maps every name. It reads no file.

use std::cell::RefCell;
use std::collections::BTreeMap;

use evql::eql::{self, FieldId, Form, Record, Scalar, Schema, Type, Value};
use evql::sequence::{Hit, join_keys, run_all};
use evql::time::Timestamp;
use serde_json::Value as Json;

/// Field names become numbers as they are asked for. A type is the one given, else that of the first event that has the field, else address for names
/// that end in `ip`, else string.
pub struct ToySchema {
    names: RefCell<Vec<String>>,
    types: BTreeMap<String, Type>,
    unmapped: Vec<String>,
}

impl ToySchema {
    pub fn new(events: &[Json], mapping: &Json, unmapped: &[String]) -> Self {
        let mut types = BTreeMap::new();
        for (name, value) in events.iter().filter_map(Json::as_object).flatten() {
            if let Some(kind) = type_of(name, value) {
                types.entry(name.clone()).or_insert(kind);
            }
        }
        for (name, kind) in mapping.as_object().into_iter().flatten() {
            types.insert(name.clone(), named_type(kind.as_str().unwrap_or_default()));
        }
        Self { names: RefCell::new(vec!["event.category".to_owned()]), types, unmapped: unmapped.to_vec() }
    }

    pub fn names(&self) -> Vec<String> {
        self.names.borrow().clone()
    }
}

fn named_type(name: &str) -> Type {
    match name {
        "keyword" => Type::Keyword,
        "text" => Type::Text,
        "ip" => Type::Ip,
        "long" => Type::Long,
        "double" => Type::Double,
        "boolean" => Type::Boolean,
        "date" => Type::Date,
        other => panic!("no type {other}"),
    }
}

fn type_of(name: &str, value: &Json) -> Option<Type> {
    match value {
        Json::Array(items) => items.iter().find_map(|item| type_of(name, item)),
        Json::String(_) if name == "ip" || name.ends_with(".ip") => Some(Type::Ip),
        Json::String(_) => Some(Type::Keyword),
        Json::Number(number) if number.is_f64() => Some(Type::Double),
        Json::Number(_) if name == "@timestamp" => Some(Type::Date),
        Json::Number(_) => Some(Type::Long),
        Json::Bool(_) => Some(Type::Boolean),
        Json::Null | Json::Object(_) => None,
    }
}

impl Schema for ToySchema {
    fn resolve(&self, path: &str) -> Option<(FieldId, Type)> {
        if self.unmapped.iter().any(|name| name == path) {
            return None;
        }
        let by_name = if path == "ip" || path.ends_with(".ip") { Type::Ip } else { Type::Keyword };
        let kind = self.types.get(path).copied().unwrap_or(by_name);
        let mut names = self.names.borrow_mut();
        let number = names.iter().position(|name| name == path).unwrap_or_else(|| {
            names.push(path.to_owned());
            names.len() - 1
        });
        Some((FieldId(u32::try_from(number).expect("few fields")), kind))
    }

    fn nearest(&self, path: &str) -> Option<String> {
        evql::eql::suggest::nearest(path, self.types.keys().map(String::as_str)).map(str::to_owned)
    }

    fn category_field(&self) -> FieldId {
        FieldId(0)
    }
}

/// One event with the names its field numbers stand for.
pub struct ToyRecord<'a> {
    pub names: &'a [String],
    pub event: &'a Json,
}

impl Record for ToyRecord<'_> {
    fn field(&self, field: FieldId) -> Value<'_> {
        let name = &self.names[field.0 as usize];
        match self.event.get(name) {
            Some(Json::Array(items)) => Value::from_vec(items.iter().filter_map(scalar).collect()),
            Some(other) => Value::from_vec(scalar(other).into_iter().collect()),
            None => Value::Missing,
        }
    }
}

fn scalar(value: &Json) -> Option<Scalar<'_>> {
    match value {
        Json::String(text) => Some(Scalar::Str(text.as_str().into())),
        Json::Number(number) => number.as_i64().map(Scalar::Int).or(number.as_f64().map(Scalar::Float)),
        Json::Bool(bool) => Some(Scalar::Bool(*bool)),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// What a query gives: per result the ids of its events, null where one had to be missing; or what is wrong with it.
pub type Answer = Result<Vec<Vec<Json>>, Vec<eql::Diagnostic>>;

/// Runs a query over events. Events are ordered by `@timestamp`, then the tiebreaker (those without it last), then position.
pub fn answer(
    query: &str,
    events: &[Json],
    mapping: &Json,
    unmapped: &[String],
    tiebreaker: Option<&str>,
) -> Answer {
    let schema = ToySchema::new(events, mapping, unmapped);
    let statement = eql::parse(query)?;
    let program = eql::compile(&statement, &schema)?;
    let clauses = eql::clauses(&statement, &schema)?;
    assert_eq!(clauses.len(), program.stages().len(), "{query}");
    let names = schema.names();
    let mut sorted: Vec<(i64, i64, usize)> = events
        .iter()
        .enumerate()
        .map(|(position, event)| {
            let tie = tiebreaker.map_or(0, |field| event[field].as_i64().unwrap_or(i64::MAX));
            (event["@timestamp"].as_i64().unwrap_or(0), tie, position)
        })
        .collect();
    sorted.sort_unstable();
    let mut results = Vec::new();
    let mut hits = Vec::new();
    for (order, (millis, _, position)) in sorted.into_iter().enumerate() {
        let event = &events[position];
        let record = ToyRecord { names: &names, event };
        for (stage, compiled) in program.stages().iter().enumerate() {
            let matches = compiled.filter.matches(&record);
            assert_eq!(
                clauses[stage].holds(&record),
                matches,
                "stage {stage} of {query}, its clauses on {event}"
            );
            if !matches {
                continue;
            }
            if program.form() == Form::Event {
                results.push(vec![event["id"].clone()]);
                continue;
            }
            let time = Timestamp::from_unix_millis(millis);
            for key in join_keys(&compiled.keys, &record) {
                hits.push((key, Hit { stage, order, time, payload: event["id"].clone() }));
            }
        }
    }
    for (_, found) in run_all(&program, hits) {
        let ids = found.events.into_iter().map(|event| event.map_or(Json::Null, |event| event.payload));
        results.push(ids.collect());
    }
    Ok(program.limit(results))
}
