//! An `<Event>` element turned into nested objects: evtx_dump's JSON, with attributes within or beside the elements, and Velociraptor's. It knows the
//! element's layout from [`layout`](crate::input::layout) only.

use serde_json::{Map, Value as Json};

use super::scalar::{set, text};
use crate::input::layout::{Field, Place};
use crate::input::record::{RawRecord, System};

/// What evtx_dump calls an element's attributes and its text, and Velociraptor its text.
const ATTRIBUTES: &str = "#attributes";
const TEXTS: [&str; 2] = ["#text", "Value"];
/// What evtx_dump appends to an element's name for its attributes when they stand beside it.
const BESIDE: &str = "_attributes";

/// The record in `event`, the members of an `<Event>`.
pub(super) fn read(event: &Map<String, Json>) -> RawRecord {
    let mut record = RawRecord::default();
    let part = |name: &str| event.get(name).and_then(Json::as_object);
    for (name, value) in part("System").into_iter().flatten() {
        let name = name.strip_suffix(BESIDE).unwrap_or(name);
        read_system(&mut record.system, Place::System.child(name), value);
    }
    if let Some(data) = part("EventData") {
        read_data(&mut record, data);
    }
    if let Some(data) = part("UserData") {
        read_leaves(&mut record, data);
    }
    let rendered = part("RenderingInfo").and_then(|info| info.get("Message"));
    record.message = rendered.or_else(|| event.get("Message")).and_then(Json::as_str).map(str::to_owned);
    record
}

fn read_system(system: &mut System, place: Place, value: &Json) {
    let own = match place {
        Place::SystemText(field) => Some(field),
        Place::Provider => Some(Field::Provider),
        Place::TimeCreated => Some(Field::TimeCreated),
        _ => None,
    };
    let Json::Object(members) = value else {
        if let Some(field) = own {
            set(system, field, value);
        }
        return;
    };
    for (name, value) in members {
        match (place.attribute(name), own) {
            (Some(field), _) => set(system, field, value),
            (None, Some(field)) if TEXTS.contains(&name.as_str()) => set(system, field, value),
            // One level only: attributes hold no objects.
            (None, _) if name == ATTRIBUTES => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    if let Some(field) = place.attribute(name) {
                        set(system, field, value);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Takes the members of `EventData`. `Data` is what has no name of its own.
pub(super) fn read_data(record: &mut RawRecord, data: &Map<String, Json>) {
    for (name, value) in data {
        match name.as_str() {
            ATTRIBUTES | "Binary" => {}
            "Data" => push_all(record, "", value),
            name if name.ends_with(BESIDE) && value.is_object() => {}
            name => push_all(record, name, value),
        }
    }
}

fn push_all(record: &mut RawRecord, name: &str, value: &Json) {
    match value {
        Json::Array(items) => items.iter().for_each(|item| push_all(record, name, item)),
        Json::Object(element) => {
            TEXTS.iter().filter_map(|text| element.get(*text)).for_each(|item| push_all(record, name, item));
        }
        other => record.push_data(name.to_owned(), text(other)),
    }
}

/// Takes the elements of `UserData` that hold no others, as deep as the object was cut.
fn read_leaves(record: &mut RawRecord, elements: &Map<String, Json>) {
    for (name, value) in elements {
        match value {
            _ if name == ATTRIBUTES || name.ends_with(BESIDE) => {}
            Json::Object(inner) if TEXTS.iter().any(|text| inner.contains_key(*text)) => {
                push_all(record, name, value);
            }
            Json::Object(inner) => read_leaves(record, inner),
            other => push_all(record, name, other),
        }
    }
}
