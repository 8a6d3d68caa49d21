//! A record to be written: the `System` facts and the event's data. It makes no bytes.

use std::borrow::Cow;

use super::value::{Guid, Sid, TypedValue};
use crate::time::Timestamp;

/// One event record, as the writer takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct SynthRecord {
    /// Provider/@Name.
    pub provider: Cow<'static, str>,
    /// Provider/@Guid.
    pub provider_guid: Option<Guid>,
    /// EventID.
    pub event_id: u16,
    /// Version.
    pub version: u8,
    /// Level: 2 error, 4 information.
    pub level: u8,
    /// Task.
    pub task: u16,
    /// Opcode.
    pub opcode: u8,
    /// Keywords, a bit mask.
    pub keywords: u64,
    /// TimeCreated/@SystemTime, and the time in the record's header.
    pub time_created: Timestamp,
    /// EventRecordID in the `System` element.
    pub record_id: u64,
    /// Execution/@ProcessID: the process that logs.
    pub process_id: u32,
    /// Execution/@ThreadID.
    pub thread_id: u32,
    /// Channel.
    pub channel: Cow<'static, str>,
    /// Computer.
    pub computer: Cow<'static, str>,
    /// Security/@UserID.
    pub user_sid: Option<Sid>,
    /// `EventData/Data`, name and value in order; an empty name makes a `Data` without `Name`.
    pub data: Vec<(Cow<'static, str>, TypedValue)>,
}

impl SynthRecord {
    /// The value of the data field called `name`.
    pub fn get(&self, name: &str) -> Option<&TypedValue> {
        self.data.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// Sets the data field called `name` if the record has it.
    pub fn set(&mut self, name: &str, value: TypedValue) {
        if let Some(slot) = self.data.iter_mut().find(|(field, _)| field == name) {
            slot.1 = value;
        }
    }
}
