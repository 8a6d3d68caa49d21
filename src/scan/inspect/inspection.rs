//! What an inspection says, in the order in which `evql inspect --json` prints it. It works nothing out.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::finding::{Damage, SourceKind, Status};
use crate::time::Timestamp;

/// What is in the evidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// The number of this form.
    pub schema: u32,
    /// Whether the run was interrupted before all sources were read.
    pub interrupted: bool,
    /// All sources together.
    pub totals: Totals,
    /// How many records were read more than once.
    pub copies: Copies,
    /// Sources of the very same bytes, two or more in each group; empty when hashing was off.
    pub same_content: Vec<SameContent>,
    /// Per source, in their order.
    pub sources: Vec<SourceInspection>,
    /// Per host, sorted by name.
    pub hosts: Vec<HostInspection>,
    /// What nothing was read of, sorted by name.
    pub not_read: Vec<NotRead>,
    /// What could not be read or not be trusted, sorted by source, chunk and record.
    pub problems: Vec<Problem>,
    /// Records that are counted but of which not everything is listed, because hostile evidence must not fill the memory.
    pub left_out: LeftOut,
}

impl Inspection {
    /// Whether some input was lost.
    pub fn lost_input(&self) -> bool {
        self.problems.iter().any(|problem| problem.lost)
    }

    /// Whether anything usable was read: a source that is an event log. An archive is none, whatever its members are.
    pub fn anything_usable(&self) -> bool {
        let read = |source: &SourceInspection| matches!(source.status, Status::Read | Status::Partial);
        self.sources.iter().any(|source| read(source) && source.kind != Some(SourceKind::Archive.as_str()))
    }
}

/// All sources together.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Totals {
    /// Sources by how they fared: `read`, `partial`, `unreadable`, `skipped`, `not_reached`.
    pub sources: BTreeMap<&'static str, u64>,
    /// Bytes of all sources.
    pub bytes: u64,
    /// Chunks found.
    pub chunks: u64,
    /// Records of any provider, copies included.
    pub records: u64,
    /// Sysmon records among them.
    pub sysmon_records: u64,
    /// Records among them that were recovered.
    pub recovered: u64,
    /// Records besides those that were left out because of the run's bounds.
    pub filtered: u64,
    /// Hosts listed.
    pub hosts: u64,
    /// First TimeCreated of any record.
    pub first: Option<Timestamp>,
    /// Last TimeCreated of any record.
    pub last: Option<Timestamp>,
}

/// How many Sysmon records are copies: the same host, channel, record id and TimeCreated (in milliseconds) as a record read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Copies {
    /// Copies found.
    pub records: u64,
    /// Sysmon records that were compared.
    pub compared: u64,
    /// Whether these are all of them; otherwise there may be more copies.
    pub exact: bool,
}

/// Sources of the very same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SameContent {
    /// Their SHA-256, lower-case hex.
    pub sha256: String,
    /// Their names, in order.
    pub sources: Vec<String>,
}

/// Something nothing was read of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NotRead {
    /// Its name.
    pub source: String,
    /// Why.
    pub why: String,
}

/// Something that could not be read or not be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The source's name.
    pub source: String,
    /// The chunk's number from 0.
    pub chunk: Option<u64>,
    /// EventRecordID, or the number in the chunk when the id cannot be known.
    pub record: Option<u64>,
    /// What kind of loss, as [`crate::finding::DamageKind::as_str`] has it.
    pub kind: &'static str,
    /// Whether input was lost.
    pub lost: bool,
    /// What was wrong.
    pub reason: String,
}

impl From<Damage> for Problem {
    fn from(damage: Damage) -> Self {
        let Damage { source, chunk, record, kind, reason, lost } = damage;
        Self { source, chunk, record, kind: kind.as_str(), lost, reason }
    }
}

/// How much is counted but not listed, because there was too much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct LeftOut {
    /// Records of hosts that are not listed.
    pub records_of_hosts: u64,
    /// Records of listed hosts whose channel, provider and event id are not listed under them.
    pub records_of_kinds: u64,
    /// Records whose log is not listed under their source; gaps among them are not seen.
    pub records_of_logs: u64,
}

/// Some records: how many, and from when to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Period {
    /// How many, copies included.
    pub records: u64,
    /// First TimeCreated.
    pub first: Option<Timestamp>,
    /// Last TimeCreated.
    pub last: Option<Timestamp>,
}

impl Period {
    /// Counts a record created at `time`.
    pub(super) fn see(&mut self, time: Option<Timestamp>) {
        self.add(&Self { records: 1, first: time, last: time });
    }

    /// Adds the records of `other`.
    pub(super) fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.into_iter().chain(other.last).max();
    }
}

/// What one source holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceInspection {
    /// The source's name as reports print it.
    pub source: String,
    /// How it fared.
    #[serde(serialize_with = "status_word")]
    pub status: Status,
    /// What it is; `None` for what is no log.
    pub kind: Option<&'static str>,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: Option<String>,
    /// Last modification, by the file system.
    pub modified: Option<Timestamp>,
    /// Chunks found.
    pub chunks: u64,
    /// Its records of any provider.
    #[serde(flatten)]
    pub period: Period,
    /// Sysmon records among them.
    pub sysmon_records: u64,
    /// Records among them that were recovered.
    pub recovered: u64,
    /// Records besides those that were left out because of the run's bounds.
    pub filtered: u64,
    /// Sysmon records among them that are copies of records read before, as far as [`Copies`] knows.
    pub copies: u64,
    /// How many damages it has.
    pub problems: u64,
    /// Damages by kind, of those that are listed.
    pub problem_kinds: BTreeMap<&'static str, u64>,
    /// Wrong checksums, of those damages.
    pub checksums: Checksums,
    /// Hosts of the logs in it.
    pub hosts: Vec<String>,
    /// Channels of the logs in it.
    pub channels: Vec<String>,
    /// Records per provider, the first 50 by name.
    pub providers: BTreeMap<String, u64>,
    /// Per host and channel, how its records are numbered.
    pub logs: Vec<LogInspection>,
}

fn status_word<S: Serializer>(status: &Status, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.as_str())
}

/// Wrong checksums of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Checksums {
    /// 1 when the file header is wrong.
    pub file_headers: u64,
    /// Chunks of which a checksum is wrong, their own or that of their records.
    pub chunks: u64,
}

/// How the records of one host and channel are numbered in one source. Recovered records have no part in ids.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogInspection {
    /// System/Computer.
    pub host: String,
    /// System/Channel.
    pub channel: String,
    /// Its records.
    #[serde(flatten)]
    pub period: Period,
    /// Records without an id.
    pub without_id: u64,
    /// How their ids run.
    #[serde(flatten)]
    pub numbering: NumberingInspection,
}

/// How the ids of a log run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct NumberingInspection {
    /// The first and last id; one more for each time the numbering began anew, up to 8.
    pub ids: Vec<IdRange>,
    /// How often the numbering began anew: a lower id that was written later, as after Sysmon was installed again.
    pub restarts: u64,
    /// Runs of ids that stand behind the same or higher ids, although they are not newer: a log that wrapped, an export in another order.
    pub out_of_order: u64,
    /// Ids that are not there between the first and the last.
    pub gaps: Gaps,
}

/// An uninterrupted numbering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct IdRange {
    /// The lowest id.
    pub first: u64,
    /// The highest id.
    pub last: u64,
}

/// Ids that are not there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Gaps {
    /// How many gaps.
    pub count: u64,
    /// How many ids are missing in all of them.
    pub missing: u64,
    /// The largest of them, up to 20, by id.
    pub largest: Vec<Gap>,
}

/// Ids that are missing between two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The id before the gap.
    pub after: u64,
    /// The id behind it.
    pub before: u64,
    /// How many are missing.
    pub missing: u64,
    /// TimeCreated of the record before it.
    pub from: Option<Timestamp>,
    /// TimeCreated of the record behind it.
    pub to: Option<Timestamp>,
}

/// What the evidence holds of one host.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HostInspection {
    /// System/Computer.
    pub host: String,
    /// Its records of any provider.
    #[serde(flatten)]
    pub period: Period,
    /// Sysmon records among them.
    pub sysmon_records: u64,
    /// Records among them that were recovered.
    pub recovered: u64,
    /// Per channel.
    pub channels: Vec<ChannelInspection>,
    /// Records per provider, of those listed under the channels.
    pub providers: BTreeMap<String, u64>,
    /// Logs that were cleared: events 1102 (Security) and 104 (any other log) of `Microsoft-Windows-Eventlog`.
    pub log_clears: Marks,
    /// Sysmon events 4: the service started or stopped.
    pub service_states: Marks,
    /// Sysmon events 16: its configuration changed.
    pub config_changes: Marks,
    /// Sysmon events 255: it met an error; events may be missing.
    pub service_errors: Marks,
    /// UtcTime against TimeCreated.
    pub skew: Option<SkewInspection>,
    /// Where TimeCreated runs backwards.
    pub backward_jumps: BackwardJumps,
}

/// What the evidence holds of one channel of a host.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChannelInspection {
    /// System/Channel.
    pub channel: String,
    /// Its records.
    #[serde(flatten)]
    pub period: Period,
    /// Per provider and event id, sorted so.
    pub events: Vec<EventInspection>,
}

/// What the evidence holds of one kind of event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventInspection {
    /// System/Provider/@Name.
    pub provider: String,
    /// System/EventID.
    pub event_id: u32,
    /// Its records.
    #[serde(flatten)]
    pub period: Period,
}

/// Records that matter by themselves.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Marks {
    /// How many, copies included.
    pub count: u64,
    /// The first of them in the order of the evidence, up to 50.
    pub listed: Vec<Mark>,
}

/// One such record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mark {
    /// TimeCreated.
    pub time: Option<Timestamp>,
    /// What it says: its data as `name: value`, those that are there, or the channel.
    pub what: String,
    /// System/EventRecordID.
    pub record_id: Option<u64>,
    /// The source it was read in.
    pub source: String,
}

/// UtcTime minus TimeCreated over the Sysmon records that carry both: below 0, Sysmon saw the event before it was logged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SkewInspection {
    /// How many records carry both, as far as there was room to count them.
    pub records: u64,
    /// The median in milliseconds: to the millisecond below a second, to two digits above.
    pub median_ms: i64,
    /// The one furthest from 0, the first of such in the order of the evidence.
    pub worst: WorstSkew,
}

/// The record whose UtcTime is furthest from its TimeCreated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorstSkew {
    /// UtcTime minus TimeCreated, milliseconds.
    pub ms: i64,
    /// Sysmon's event id.
    pub event_id: u32,
    /// TimeCreated.
    pub created: Timestamp,
    /// UtcTime.
    pub utc_time: Timestamp,
    /// System/EventRecordID.
    pub record_id: Option<u64>,
    /// The source it was read in.
    pub source: String,
}

/// TimeCreated of a record before that of the record with the id before it: somebody set the clock back, or the clock was corrected.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct BackwardJumps {
    /// How often.
    pub count: u64,
    /// The widest, the first of such in the order of the evidence.
    pub worst: Option<BackwardJump>,
}

/// One such jump.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BackwardJump {
    /// How far back, milliseconds, rounded down.
    pub ms: i64,
    /// TimeCreated of the record with the id before.
    pub from: Timestamp,
    /// TimeCreated of this one.
    pub to: Timestamp,
    /// Its System/EventRecordID.
    pub record_id: u64,
    /// Its channel.
    pub channel: String,
    /// The source it was read in.
    pub source: String,
}
