//! What a scan hands to a report: findings, the events under them, what was read and what could not be. It formats nothing.

mod allow;
mod coverage;
mod histogram;
mod judgement;
mod near;
mod run;
mod scope;
mod selected;
pub mod story;
pub mod subject;
mod tlp;
mod wire;

use std::sync::Arc;

use serde_json::{Map, Value};

pub use allow::{AllowEntry, AllowFile, Suppressed};
pub use coverage::{
    Absences, Blind, EventCoverage, HostCoverage, Need, Overlap, Period, Presence, Reach, Relation, earliest,
};
pub use histogram::Histogram;
pub use judgement::{Group, Prevalence, Reason};
pub use near::{LISTED, LISTED_PER_RULE, NearCount, NearKind, NearMiss, NearMisses};
pub use run::{Case, Merged, MergedRun, Rebuilt, Run};
pub use scope::Scope;
pub use selected::{Filtered, Selected, Window};
pub use story::{ExcludedName, Listed, Story, Untold};
pub use subject::Subject;
pub use tlp::Tlp;

use crate::time::Timestamp;

/// How much a rule or a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// `low`
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
    /// `critical`
    Critical,
}

impl Severity {
    /// The word used in rules and outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Which clock orders events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Clock {
    /// System/TimeCreated, at 100 ns.
    #[default]
    Created,
    /// EventData/UtcTime at milliseconds, as Elastic orders.
    Utc,
}

impl Clock {
    /// The word used on the command line and in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Utc => "utc",
        }
    }
}

/// A rule's metadata, as every finding of it carries.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RuleInfo {
    /// The rule's id.
    pub id: String,
    /// The rule's name.
    pub name: String,
    /// What the rule finds and what to do with it; may be empty.
    pub description: String,
    /// The rule's own version, when it states one.
    pub version: Option<u64>,
    /// The rule's severity.
    pub severity: Severity,
    /// 0 to 100.
    pub risk_score: u32,
    /// Free words.
    pub tags: Vec<String>,
    /// ATT&CK tactics and techniques.
    #[serde(rename = "threat")]
    pub threats: Vec<Threat>,
    /// The query's text.
    pub query: String,
    /// `event_category_override`: the field that holds the event's category, instead of `event.category`.
    pub category_field: Option<String>,
    /// SHA-256 of the rule's text, lower-case hex.
    pub sha256: String,
    /// Where it came from: `built-in` or a path.
    pub origin: String,
}

/// One ATT&CK tactic and the techniques under it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Threat {
    /// `TA0005`
    pub tactic_id: String,
    /// `Defense Evasion`
    pub tactic_name: String,
    /// Techniques and sub-techniques.
    pub techniques: Vec<Technique>,
}

/// One ATT&CK technique or sub-technique.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
pub struct Technique {
    /// `T1218.005`
    pub id: String,
    /// `Mshta`
    pub name: String,
}

/// What an analyst reads: a rule's match on one event or a sequence of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Stable over runs: a hash of rule, host, join key and record ids.
    pub id: String,
    /// The rule.
    pub rule: Arc<RuleInfo>,
    /// The rule's severity, moved where `why` weighs enough.
    pub severity: Severity,
    /// The rule's risk score and what `why` adds to it: 0 to 100.
    pub risk_score: u32,
    /// The facts that raised or lowered it.
    pub why: Vec<Reason>,
    /// How common it is.
    pub prevalence: Prevalence,
    /// Host of the first event.
    pub host: String,
    /// Which clock ordered the events.
    pub clock: Clock,
    /// From the first event to the last by that clock, in 100 ns ticks; `None` for a single event.
    pub delta_ticks: Option<i64>,
    /// ATT&CK for this very process where the rule has a table per program, else the rule's own.
    pub threats: Vec<Threat>,
    /// Caveats, one sentence each.
    pub notes: Vec<String>,
    /// The events in sequence order; `None` in the place of an event that had to be missing.
    pub events: Vec<Option<EvidenceEvent>>,
    /// What else its process was and did, or why that is not told. The process is that of the first event that names one.
    pub story: Result<Arc<Story>, Untold>,
    /// A name that the rule excludes and that led to the connection that completes the finding.
    pub excluded_name: Option<ExcludedName>,
}

impl Finding {
    /// The events that are there.
    pub fn present(&self) -> impl Iterator<Item = &EvidenceEvent> {
        self.events.iter().flatten()
    }

    /// Its caveats, in the words used in outputs; a word can come more than once.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        self.present().flat_map(|event| event.evidence.flags()).chain(self.own_flags())
    }

    /// Its caveats that are not those of one event.
    pub fn own_flags(&self) -> impl Iterator<Item = &'static str> {
        let flags = [
            (self.excluded_name.is_some(), story::RESOLVED_FROM_EXCLUDED_NAME),
            (self.clocks_disagree(), "clocks_disagree"),
        ];
        flags.into_iter().filter_map(|(set, word)| set.then_some(word))
    }

    /// Whether TimeCreated has its events in sequence order and UtcTime has not, as it happens with Sysmon's network events.
    fn clocks_disagree(&self) -> bool {
        let in_order = |time: fn(&EvidenceEvent) -> Timestamp| self.present().map(time).is_sorted();
        in_order(|event| event.created) && !in_order(|event| event.timestamp.truncated_to_millis())
    }

    /// The first value at the dotted ECS `path` that any of the events has, in order.
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.present().find_map(|event| event.get(path))
    }

    /// [`Finding::get`] as text; numbers and booleans by their JSON text, empty when absent.
    pub fn text(&self, path: &str) -> String {
        self.get(path).map(plain).unwrap_or_default()
    }
}

/// One event under a finding.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceEvent {
    /// ECS `@timestamp`: EventData/UtcTime, or TimeCreated where that is missing.
    pub timestamp: Timestamp,
    /// ECS `event.created`: System/TimeCreated.
    pub created: Timestamp,
    /// Sysmon's event id.
    pub event_id: u32,
    /// System/EventRecordID; `None` where an export left it out.
    pub record_id: Option<u64>,
    /// System/Channel.
    pub channel: String,
    /// System/Computer.
    pub computer: String,
    /// The whole ECS document, nested objects.
    pub document: Map<String, Value>,
    /// Where it was read.
    pub evidence: Evidence,
}

impl EvidenceEvent {
    /// Its time by `clock`.
    pub fn time(&self, clock: Clock) -> Timestamp {
        match clock {
            Clock::Created => self.created,
            Clock::Utc => self.timestamp,
        }
    }

    /// The value at the dotted ECS `path`.
    pub fn get(&self, path: &str) -> Option<&Value> {
        let mut parts = path.split('.');
        let mut value = self.document.get(parts.next()?)?;
        for part in parts {
            value = value.as_object()?.get(part)?;
        }
        Some(value)
    }

    /// Whether it is the same record of the same log as `other`.
    pub fn is_same_record(&self, other: &Self) -> bool {
        let identity = |event: &Self| (event.record_id, event.created, event.event_id);
        identity(self) == identity(other) && self.computer == other.computer && self.channel == other.channel
    }

    /// [`EvidenceEvent::get`] as text, empty when absent.
    pub fn text(&self, path: &str) -> String {
        self.get(path).map(plain).unwrap_or_default()
    }
}

/// A JSON value as text: a string bare, an array joined by `;`, the rest as JSON.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(";"),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Where an event was read.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Evidence {
    /// The source's name as reports print it: the path as given, `/`-separated.
    pub source: String,
    /// The source's SHA-256, lower-case hex; `None` when hashing was off.
    pub sha256: Option<String>,
    /// How many copies of the record the evidence holds, this one included.
    pub copies: u32,
    /// The sources of the other copies.
    pub other_sources: Vec<String>,
    /// Whether it was recovered from where no header tells of a record; no copy of it is live.
    pub recovered: bool,
    /// Whether values stand under other names than their own, because empty ones before them were dropped.
    pub fields_shifted: bool,
    /// Whether an event log says that another machine's service forwarded it; one that says nothing may hold forwarded records too.
    pub forwarded: bool,
}

impl Evidence {
    /// Its caveats, in the words used in outputs.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        let flags = [
            (self.recovered, "recovered"),
            (self.fields_shifted, "fields_shifted"),
            (self.forwarded, "forwarded"),
        ];
        flags.into_iter().filter_map(|(set, word)| set.then_some(word))
    }
}

/// What kind of loss a damage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DamageKind {
    /// The path is not there, or cannot be opened or read.
    Unreadable,
    /// Not something evql reads, or nothing to read in it (0 bytes, a text file called .evtx).
    NotEvidence,
    /// The file ends inside a chunk.
    Truncated,
    /// The file header is wrong; the chunks were read all the same.
    FileHeader,
    /// A chunk could not be read.
    Chunk,
    /// A checksum is wrong; the records were read all the same.
    Checksum,
    /// A record could not be read.
    Record,
    /// A value in a Sysmon record is not of the type its field has.
    Field,
}

impl DamageKind {
    /// The word used in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::NotEvidence => "not_evidence",
            Self::Truncated => "truncated",
            Self::FileHeader => "file_header",
            Self::Chunk => "chunk",
            Self::Checksum => "checksum",
            Self::Record => "record",
            Self::Field => "field",
        }
    }
}

/// Something in the evidence that could not be read, or not be trusted. It never stops the rest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Damage {
    /// The source's name as reports print it.
    pub source: String,
    /// The chunk's number from 0.
    pub chunk: Option<u64>,
    /// The record's EventRecordID, or its number in the chunk when the id cannot be known.
    pub record: Option<u64>,
    /// What kind of loss.
    pub kind: DamageKind,
    /// What was wrong, and what to do where something can be done.
    pub reason: String,
    /// Whether input was lost (exit code 2), or only distrusted or skipped as no evidence.
    pub lost: bool,
}

/// What a source is, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// An event log, as Windows writes it.
    Evtx,
    /// Something else that chunks of event logs were found in.
    Carved,
    /// Events exported as XML: no checksums, no slack.
    Xml,
    /// Events exported as JSON, by whatever tool: no checksums, no slack.
    Json,
    /// An archive; its members are sources of their own.
    Archive,
}

impl SourceKind {
    /// The word used in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Evtx => "evtx",
            Self::Carved => "carved",
            Self::Xml => "xml",
            Self::Json => "json",
            Self::Archive => "archive",
        }
    }
}

/// How a source fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Read to the end without loss.
    Read,
    /// Read, but something in it was damaged.
    Partial,
    /// Nothing in it could be read.
    Unreadable,
    /// Not evidence; not read.
    Skipped,
    /// The run ended before it was begun.
    NotReached,
}

impl Status {
    /// The word used in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Partial => "partial",
            Self::Unreadable => "unreadable",
            Self::Skipped => "skipped",
            Self::NotReached => "not_reached",
        }
    }
}

/// Whether what its collector says of a source holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Vouched {
    /// The collection says nothing of it.
    #[default]
    Not,
    /// The collector's size is the source's; it gives no hash that could be compared, or none was taken.
    Size,
    /// The collector's SHA-1 is the source's; it gives no SHA-256.
    Sha1,
    /// The collector's SHA-256 is the source's.
    Hash,
    /// The collector's hash or size is another one.
    Differs,
}

impl Vouched {
    /// The word used in outputs; none when the collection says nothing.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Not => "",
            Self::Size => "size",
            Self::Sha1 => "sha1",
            Self::Hash => "sha256",
            Self::Differs => "differs",
        }
    }
}

/// What was read of one source.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SourceReport {
    /// The source's name as reports print it.
    #[serde(rename = "path")]
    pub source: String,
    /// What it is; `None` for what is no log.
    pub kind: Option<SourceKind>,
    /// Bytes.
    pub size: u64,
    /// Last modification, by the file system.
    #[serde(with = "crate::time::ticks::option")]
    pub modified: Option<Timestamp>,
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: Option<String>,
    /// Whether what its collector says of it holds.
    pub vouched: Vouched,
    /// Whether the file changed while it was read.
    pub changed: bool,
    /// How it fared.
    pub status: Status,
    /// Chunks found.
    pub chunks: u64,
    /// Records read, of any provider.
    pub records: u64,
    /// Sysmon records among them.
    pub sysmon_records: u64,
    /// Records among them, of any provider, that were recovered.
    pub recovered: u64,
    /// Records besides those that were left out because of the run's bounds.
    #[serde(rename = "filtered_by")]
    pub filtered: Filtered,
    /// First TimeCreated of a Sysmon record.
    #[serde(with = "crate::time::ticks::option")]
    pub first: Option<Timestamp>,
    /// Last TimeCreated of a Sysmon record.
    #[serde(with = "crate::time::ticks::option")]
    pub last: Option<Timestamp>,
    /// How many damages it has.
    pub problems: u64,
    /// How its Sysmon records stand to those of other sources.
    #[serde(flatten)]
    pub overlap: Overlap,
}

impl SourceReport {
    /// Whether it is an archive whose members are sources of their own.
    pub fn is_opened_archive(&self) -> bool {
        self.kind == Some(SourceKind::Archive) && matches!(self.status, Status::Read | Status::Partial)
    }
}

/// Everything a scan found and saw, in the one total order: all that a report sees.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The findings.
    pub findings: Vec<Finding>,
    /// What was nearly found.
    pub near: NearMisses,
    /// What the findings have in common, the rarest first.
    pub groups: Vec<Group>,
    /// The findings that an allow-list set aside.
    pub suppressed: Vec<Suppressed>,
    /// The allow-lists of the run.
    pub allow_lists: Vec<AllowFile>,
    /// The rules that were run.
    pub rules: Vec<Arc<RuleInfo>>,
    /// Per source, sorted by name.
    pub sources: Vec<SourceReport>,
    /// Per host, sorted by name.
    pub hosts: Vec<HostCoverage>,
    /// What the rules need, and what the hosts lack of it.
    pub reach: Reach,
    /// What could not be read, sorted by source, chunk and record.
    pub damages: Vec<Damage>,
    /// Which clock ordered events.
    pub clock: Clock,
    /// The mapping switches that were on, as the command line spells them; none is the integration's own mapping.
    pub mapping: Vec<String>,
    /// Whether the run was interrupted before all sources were read.
    pub interrupted: bool,
    /// What the run was to look at.
    pub selected: Selected,
}

impl Outcome {
    /// Whether some input was lost.
    pub fn lost_input(&self) -> bool {
        self.damages.iter().any(|damage| damage.lost)
    }

    /// The records that were left out because of the run's bounds.
    pub fn filtered(&self) -> Filtered {
        let mut all = Filtered::default();
        self.sources.iter().for_each(|source| all.add(source.filtered));
        all
    }

    /// Whether anything usable was read: a source that is an event log. An archive is none, whatever its members are.
    pub fn anything_usable(&self) -> bool {
        let read = |source: &SourceReport| matches!(source.status, Status::Read | Status::Partial);
        self.sources.iter().any(|source| read(source) && !source.is_opened_archive())
    }
}
