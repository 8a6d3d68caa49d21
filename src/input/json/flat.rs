//! One flat object for an event, as NXLog ships them and public data sets keep them: facts of the `System` element and the event's data side by side.
//! It knows no provider's data.

use serde_json::{Map, Value as Json};

use super::scalar::{set, text, time};
use super::tree::read_data;
use crate::input::layout::Field;
use crate::input::record::RawRecord;

/// Names of facts of the `System` element, the better name of two first.
const SYSTEM: [(&str, Field); 28] = [
    ("SourceName", Field::Provider),
    ("ProviderName", Field::Provider),
    ("Provider", Field::Provider),
    ("ProviderGuid", Field::ProviderGuid),
    ("EventID", Field::EventId),
    ("Version", Field::Version),
    ("Level", Field::Level),
    ("Task", Field::Task),
    ("TaskValue", Field::Task),
    ("Opcode", Field::Opcode),
    ("OpcodeValue", Field::Opcode),
    ("Keywords", Field::Keywords),
    ("TimeCreated", Field::TimeCreated),
    ("SystemTime", Field::TimeCreated),
    ("EventTime", Field::TimeCreated),
    ("@timestamp", Field::TimeCreated),
    ("RecordNumber", Field::RecordId),
    ("EventRecordID", Field::RecordId),
    ("ExecutionProcessID", Field::ProcessId),
    // In NXLog's own spelling the process that logged, even where it took the place of the event's data of that name.
    ("ProcessID", Field::ProcessId),
    ("ExecutionThreadID", Field::ThreadId),
    ("ThreadID", Field::ThreadId),
    ("Channel", Field::Channel),
    ("Hostname", Field::Computer),
    ("HostName", Field::Computer),
    ("Computer", Field::Computer),
    ("ComputerName", Field::Computer),
    ("UserID", Field::UserId),
];

/// NXLog's words under `EventType`, a name that some events' data have too.
const NXLOG_TYPES: [&str; 7] =
    ["AUDIT_FAILURE", "AUDIT_SUCCESS", "CRITICAL", "ERROR", "INFO", "VERBOSE", "WARNING"];

/// The record in `object`.
pub(super) fn read(object: &Map<String, Json>) -> RawRecord {
    let mut record = RawRecord::default();
    // Backwards, so that the better name has the last word.
    for (name, field) in SYSTEM.iter().rev() {
        if let Some(value) = object.get(*name) {
            set(&mut record.system, *field, value);
        }
    }
    let system = &mut record.system;
    if system.time_created.is_none() {
        system.time_created = object.get("UtcTime").and_then(time);
    }
    // A channel `provider/name` is its provider's.
    if system.provider.is_empty()
        && let Some((provider, _)) = system.channel.split_once('/')
    {
        system.provider = provider.to_owned();
    }
    record.message = object.get("Message").and_then(Json::as_str).map(str::to_owned);
    // What a shipper adds is in lower case. Behind the rest, it cannot pass for data of the same name.
    let is_added = |name: &str| name.starts_with(|first: char| !first.is_uppercase());
    for added in [false, true] {
        for (name, value) in object.iter().filter(|(name, _)| is_added(name) == added) {
            match (name.as_str(), value) {
                ("Message", _) => {}
                ("EventType", Json::String(word)) if NXLOG_TYPES.contains(&word.as_str()) => {}
                ("EventData", Json::Object(data)) => read_data(&mut record, data),
                (name, value) if is_system(name, value) => {}
                (name, value) => record.push_data(name.to_owned(), text(value)),
            }
        }
    }
    record
}

/// Whether `name` told a fact of the `System` element. Some events have data called `Version` or `Level`, which are no numbers.
fn is_system(name: &str, value: &Json) -> bool {
    let numeric = || text(value).trim().parse::<u64>().is_ok();
    let known = SYSTEM.iter().find(|(known, _)| *known == name);
    known.is_some_and(|(_, field)| match field {
        Field::Version | Field::Level | Field::Opcode | Field::Task => numeric(),
        _ => true,
    })
}
