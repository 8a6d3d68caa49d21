//! Which form an object has, one by one: a file may hold several. It reads none itself.

use serde_json::{Map, Value as Json};

use super::{ecs, flat, tree};
use crate::input::record::RawRecord;

/// The record in `value`; `None` for the action line of a bulk request, which holds none.
///
/// # Errors
/// What is wrong, when `value` is an event in none of the known forms.
pub(super) fn read(value: Json) -> Result<Option<RawRecord>, String> {
    match value {
        Json::Object(object) => match object.get("_source") {
            Some(Json::Object(source)) => event(source).map(Some),
            _ if is_action(&object) => Ok(None),
            _ => event(&object).map(Some),
        },
        _ => Err("it is no object".to_owned()),
    }
}

fn event(object: &Map<String, Json>) -> Result<RawRecord, String> {
    let inner = object.get("Event").and_then(Json::as_object).unwrap_or(object);
    if inner.get("System").is_some_and(Json::is_object) {
        return Ok(tree::read(inner));
    }
    let names = |wanted: &[&str]| wanted.iter().any(|name| object.contains_key(*name));
    if names(&["winlog", "event_data"]) || object.keys().any(|name| name.starts_with("winlog.")) {
        return Ok(ecs::read(object));
    }
    if names(&["EventID"]) {
        return Ok(flat::read(object));
    }
    if names(&["@timestamp"]) && names(&["event", "event.code"]) {
        return Ok(ecs::read(object));
    }
    Err("it has none of the forms in which events are exported".to_owned())
}

/// Elasticsearch's bulk API: one name, which is the action, over an object that is no document.
fn is_action(object: &Map<String, Json>) -> bool {
    let mut members = object.iter();
    let only = members.next().filter(|_| members.next().is_none());
    only.is_some_and(|(name, value)| {
        matches!(name.as_str(), "create" | "index" | "update" | "delete") && value.is_object()
    })
}
