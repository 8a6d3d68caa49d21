//! One record as the log holds it: the `System` element typed, the event's data as named texts. Nothing is interpreted here.

use crate::time::Timestamp;

/// A log record, named texts included.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RawRecord {
    /// The `System` element.
    pub system: System,
    /// `EventData/Data` (or the leaves of `UserData`) as name and text, in the record's order. An unnamed `Data` has an empty name.
    pub data: Vec<(String, String)>,
    /// `RenderingInfo/Message`, where a forwarded or exported record carries it.
    pub message: Option<String>,
    /// The leaves of an ECS document that stand outside `winlog`, as dotted path and text, in its order: what a pipeline made of the event's data, which
    /// `data` then lacks. Values of one array share a path; objects in one have their number in it. Empty for any other record.
    pub document: Vec<(String, String)>,
    /// Where in its source it stands.
    pub position: Position,
    /// Whether it was recovered: from slack, from where no chunk begins, or from a chunk that was carved. It may have been deleted or overwritten in part.
    pub recovered: bool,
}

/// Where a record stands in its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// The chunk's number from 0 (an export has one chunk, 0); of a carved chunk the byte of the source at which it begins.
    pub chunk: u64,
    /// The record's number within its chunk, from 0.
    pub record: u32,
}

/// The `System` element of a record (MS-EVEN6 2.2.13; the event schema's SystemPropertiesType).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct System {
    /// Provider/@Name.
    pub provider: String,
    /// Provider/@Guid, `{lower-case}`.
    pub provider_guid: Option<String>,
    /// EventID.
    pub event_id: u32,
    /// Version.
    pub version: Option<u8>,
    /// Level.
    pub level: Option<u8>,
    /// Task.
    pub task: Option<u16>,
    /// Opcode.
    pub opcode: Option<u8>,
    /// Keywords, `0x…` as rendered.
    pub keywords: Option<String>,
    /// TimeCreated/@SystemTime.
    pub time_created: Option<Timestamp>,
    /// EventRecordID.
    pub record_id: Option<u64>,
    /// Execution/@ProcessID: the process that logged, not the subject.
    pub process_id: Option<u32>,
    /// Execution/@ThreadID.
    pub thread_id: Option<u32>,
    /// Channel.
    pub channel: String,
    /// Computer.
    pub computer: String,
    /// Security/@UserID, a SID.
    pub user_id: Option<String>,
}
