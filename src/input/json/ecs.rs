//! ECS documents of winlogbeat and of Elastic's agent, fields nested or dotted, as shipped or after a pipeline moved the event's data. What a pipeline
//! did to the data is kept as it stands; it is not undone here.

use serde_json::{Map, Value as Json};

use super::scalar::{set, text};
use crate::input::layout::Field;
use crate::input::record::RawRecord;
use crate::time::Timestamp;

/// Where facts of the `System` element stand, the better place of two last; the names without a dot are winlogbeat's before version 7.
const SYSTEM: [(&str, Field); 24] = [
    ("source_name", Field::Provider),
    ("event.provider", Field::Provider),
    ("winlog.provider_name", Field::Provider),
    ("provider_guid", Field::ProviderGuid),
    ("winlog.provider_guid", Field::ProviderGuid),
    ("event_id", Field::EventId),
    ("event.code", Field::EventId),
    ("winlog.event_id", Field::EventId),
    ("version", Field::Version),
    ("winlog.version", Field::Version),
    ("log.level", Field::Level),
    ("winlog.opcode", Field::Opcode),
    ("record_number", Field::RecordId),
    ("winlog.record_id", Field::RecordId),
    ("process_id", Field::ProcessId),
    ("winlog.process.pid", Field::ProcessId),
    ("thread_id", Field::ThreadId),
    ("winlog.process.thread.id", Field::ThreadId),
    ("log_name", Field::Channel),
    ("winlog.channel", Field::Channel),
    ("computer_name", Field::Computer),
    ("host.name", Field::Computer),
    ("winlog.computer_name", Field::Computer),
    ("winlog.user.identifier", Field::UserId),
];

/// Levels and opcodes by the names that winlogbeat gives them (the event manifest's `winmeta.xml`).
const NUMBERS: [(&str, &str); 8] = [
    ("critical", "1"),
    ("error", "2"),
    ("warning", "3"),
    ("information", "4"),
    ("verbose", "5"),
    ("Info", "0"),
    ("Start", "1"),
    ("Stop", "2"),
];

/// Where the event's data stand, as named texts.
const DATA: [&str; 3] = ["winlog.event_data.", "winlog.user_data.", "event_data."];

/// The record in `document`.
pub(super) fn read(document: &Map<String, Json>) -> RawRecord {
    let mut record = RawRecord::default();
    let mut leaves = Vec::new();
    for (name, value) in document {
        flatten(&mut name.clone(), value, &mut leaves);
    }
    let found = |path: &str| leaves.iter().find(|(known, _)| known == path).map(|(_, text)| text.as_str());
    for (path, field) in SYSTEM {
        let Some(text) = found(path) else { continue };
        let number = NUMBERS.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
        match (field, number) {
            (Field::Level | Field::Opcode, Some(number)) => record.system.set(field, number),
            _ => set(&mut record.system, field, &Json::from(text)),
        }
    }
    let shipped = found("@timestamp").and_then(Timestamp::parse);
    // A pipeline that takes the event's own time for `@timestamp` moves TimeCreated to `event.created`, where a shipper has the time of reading.
    let moved = found("winlog.event_data.UtcTime").or(found("event_data.UtcTime")).is_none();
    let created = found("event.created").filter(|_| moved).and_then(Timestamp::parse);
    record.system.time_created = created.or(shipped);
    record.message = found("message").map(str::to_owned);
    for (path, text) in leaves {
        if let Some(name) = DATA.iter().find_map(|data| path.strip_prefix(data)) {
            record.push_data(name.to_owned(), text);
        } else if !path.starts_with("winlog.") && path != "message" {
            record.document.push((path, text));
        }
    }
    record
}

/// Appends what `value`, at `path`, holds. Its depth was bounded when the object was cut.
fn flatten(path: &mut String, value: &Json, leaves: &mut Vec<(String, String)>) {
    match value {
        Json::Null => {}
        Json::Object(members) => {
            members.iter().for_each(|(name, value)| flatten_below(path, name, value, leaves));
        }
        Json::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                match item {
                    Json::Object(_) | Json::Array(_) => {
                        flatten_below(path, &number.to_string(), item, leaves);
                    }
                    item => leaves.push((path.clone(), text(item))),
                }
            }
        }
        scalar => leaves.push((path.clone(), text(scalar))),
    }
}

fn flatten_below(path: &mut String, name: &str, value: &Json, leaves: &mut Vec<(String, String)>) {
    let length = path.len();
    path.push('.');
    path.push_str(name);
    flatten(path, value, leaves);
    path.truncate(length);
}
