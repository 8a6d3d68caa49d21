//! A Sysmon event as the ECS document that Elastic's pipeline would have made. It decides no value: they are the event's.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::derive::dns;
use super::event::Event;
use super::facts::{Facts, supplied};
use super::fields::EVENT_DATA;
use crate::eql::{Scalar, Value};

/// Fields that are arrays in Elastic's documents even when they hold one value. `event.outcome` is none of them: ECS has it as a single keyword.
pub(super) const ARRAYS: [&str; 10] = [
    "dns.resolved_ip",
    "event.category",
    "event.type",
    "process.args",
    "process.parent.args",
    "registry.data.strings",
    "related.hash",
    "related.hosts",
    "related.ip",
    "related.user",
];

/// Where a document has a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlet {
    /// The objects around it, outermost first.
    pub(super) parents: Arc<[&'static str]>,
    /// Its name in the innermost of them.
    pub(super) name: &'static str,
    /// The same as JSON text has it, with the comma before and the colon after it.
    pub(super) member: Box<[u8]>,
    /// Whether it is an array even when it holds one value.
    pub(super) is_array: bool,
}

impl Outlet {
    /// The outlet of the field at the dotted `path`.
    pub(super) fn of(path: &'static str) -> Self {
        let (parents, name) = match path.strip_prefix(EVENT_DATA) {
            Some(name) => ("winlog.event_data", name),
            None => path.rsplit_once('.').unwrap_or(("", path)),
        };
        let parents = parents.split('.').filter(|parent| !parent.is_empty()).collect();
        // No name in the table holds what JSON escapes.
        let member = format!(",\"{name}\":").into_bytes().into();
        Self { parents, name, member, is_array: ARRAYS.contains(&path) }
    }
}

/// The whole document: nested objects with sorted keys; addresses as Sysmon wrote them; times in ISO 8601 with milliseconds; under `winlog.event_data`,
/// as strings, what the mapping leaves there and whatever data the table does not know.
pub fn document(event: &Event) -> Map<String, Json> {
    let mut document = Map::new();
    for supply in event.plan().supplies() {
        if let Some(json) = json(supplied(event, supply), supply.outlet.is_array) {
            insert(&mut document, &supply.outlet, json);
        }
    }
    nest_answers(event, &mut document);
    add_others(event, &mut document);
    document
}

/// `dns.answers` is a list of objects, which the two flat fields that rules see do not show.
fn nest_answers(event: &Event, document: &mut Map<String, Json>) {
    let Some(Json::Object(dns)) = document.get_mut("dns") else { return };
    let Some(answers) = dns.get_mut("answers") else { return };
    let results = event.named("QueryResults").map(dns::answers).into_iter().flatten();
    let objects = results.map(|answer| {
        let data = answer.data.map(|data| ("data".to_owned(), Json::from(data)));
        let kind = answer.kind.map(|kind| ("type".to_owned(), Json::from(kind)));
        Json::Object(data.into_iter().chain(kind).collect())
    });
    *answers = Json::Array(objects.collect());
}

/// Names that the table does not know are kept whole, dots included.
fn add_others(event: &Event, document: &mut Map<String, Json>) {
    let mut others = event.others().peekable();
    if others.peek().is_none() {
        return;
    }
    let Some(winlog) = document.entry("winlog").or_insert_with(|| Json::Object(Map::new())).as_object_mut()
    else {
        return;
    };
    if let Some(data) = winlog.entry("event_data").or_insert_with(|| Json::Object(Map::new())).as_object_mut()
    {
        for (name, text) in others {
            data.entry(name.into_owned()).or_insert_with(|| Json::from(text));
        }
        data.sort_keys();
    }
    winlog.sort_keys();
}

/// `value` as JSON; `None` when it is missing.
fn json(value: Value<'_>, array: bool) -> Option<Json> {
    match value {
        Value::Missing => None,
        Value::One(one) if array => Some(Json::Array(vec![scalar(one)])),
        Value::One(one) => Some(scalar(one)),
        Value::Many(many) => Some(Json::Array(many.into_iter().map(scalar).collect())),
    }
}

fn scalar(scalar: Scalar<'_>) -> Json {
    match scalar {
        Scalar::Str(text) => Json::from(text.into_owned()),
        Scalar::Int(number) => Json::from(number),
        Scalar::Float(number) => Json::from(number),
        Scalar::Bool(value) => Json::from(value),
        Scalar::Ip(address) => Json::from(address.to_string()),
        Scalar::Date(time) => Json::from(time.to_iso_millis()),
    }
}

/// Puts `json` where `outlet` says, making the objects on the way. A path through something that is no object is dropped: the schema has none.
fn insert(document: &mut Map<String, Json>, outlet: &Outlet, json: Json) {
    let mut object = document;
    for parent in outlet.parents.iter() {
        let next = object.entry(*parent).or_insert_with(|| Json::Object(Map::new()));
        let Some(next) = next.as_object_mut() else { return };
        object = next;
    }
    object.insert(outlet.name.to_owned(), json);
}
