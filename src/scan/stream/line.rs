//! The lines of a stream: what stands in them, and that every one begins with its sort key. It knows neither rules nor evidence.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::finding::{Clock, Damage, HostCoverage, Selected, SourceReport};
use crate::hash::sha256;
use crate::input::Position;
use crate::rules::Rule;
use crate::scan::hits::Candidate;
use crate::scan::order::Identity;
use crate::scan::overlap::Runs;
use crate::sequence::JoinKey;
use crate::sysmon::{self, Facts};
use crate::time::{Timestamp, ticks};

use super::key::{self, Standing};

/// The version of the lines; a member renamed, removed or given another meaning raises it, and so does another sort key.
pub const SCHEMA: u32 = 1;

/// What every line has, at its beginning.
#[derive(Debug, Serialize, Deserialize)]
pub struct Head {
    /// The sort key.
    pub k: String,
    /// Which kind of line it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// [`SCHEMA`].
    pub schema: u32,
}

/// The kinds of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// [`MapRun`]
    Map,
    /// [`Interrupted`]
    Interrupted,
    /// [`FileStatus`]
    FileStatus,
    /// [`Coverage`]
    Coverage,
    /// [`Problem`]
    Problem,
    /// [`HitLine`]
    Hit,
}

/// A rule by what tells it from any other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RuleName {
    /// Its id.
    pub id: String,
    /// SHA-256 of its text.
    pub sha256: String,
}

impl RuleName {
    /// The name of `rule`.
    pub fn of(rule: &Rule) -> Self {
        Self { id: rule.info.id.clone(), sha256: rule.info.sha256.clone() }
    }
}

/// How a map ran; the same for all parts of one stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapRun {
    /// The clock that orders.
    pub clock: Clock,
    /// How Sysmon was mapped to ECS.
    pub mapping: sysmon::Options,
    /// What was looked at.
    pub selected: Selected,
    /// The rules, sorted.
    pub rules: Vec<RuleName>,
}

/// A map that ended before it had read all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interrupted {
    /// Which one.
    pub part: String,
}

/// What was read of one source, or of some chunks of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileStatus {
    /// The map that read it.
    pub part: String,
    /// The chunks that were read, first and last; `null` for all.
    pub chunks_read: Option<(u64, u64)>,
    /// Its number among the sources of the same name, as members of one archive can have it.
    pub number: usize,
    /// What a scan reports of it.
    #[serde(flatten)]
    pub report: SourceReport,
    /// The Sysmon records it holds, to be compared with those of other sources.
    pub logs: Runs,
}

/// What one map counted of one host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// The map.
    pub part: String,
    /// What it counted; `null` where the hosts have no usable name.
    pub coverage: Option<HostCoverage>,
    /// Sysmon records of hosts that are not kept apart.
    pub other_hosts: u64,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// Its number among those that say the same.
    pub number: usize,
    /// What it is.
    #[serde(flatten)]
    pub damage: Damage,
}

/// An event that satisfies stages of a rule, under one join key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HitLine {
    /// The sort key.
    pub k: String,
    /// [`Kind::Hit`]
    #[serde(rename = "type")]
    pub kind: Kind,
    /// [`SCHEMA`]
    pub schema: u32,
    /// The rule.
    pub rule: RuleName,
    /// The stages it satisfies, counted from 0, ascending.
    pub stages: Vec<usize>,
    /// What must be equal in all events of a sequence.
    pub key: JoinKey,
    /// The clock that the line is sorted by.
    pub clock: Clock,
    /// System/TimeCreated.
    #[serde(with = "ticks")]
    pub created: Timestamp,
    /// EventData/UtcTime, or TimeCreated in its stead.
    #[serde(with = "ticks")]
    pub utc: Timestamp,
    /// System/Computer.
    pub host: String,
    /// System/Channel.
    pub channel: String,
    /// EventRecordID.
    pub record_id: Option<u64>,
    /// Sysmon's event id.
    pub event_id: u32,
    /// The hash by which a record without an id is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub data_sha256: Option<String>,
    /// Whether it was recovered.
    pub recovered: bool,
    /// Whether values stand under other names than their own.
    pub fields_shifted: bool,
    /// Whether it carries the text that was rendered for it.
    pub rendered: bool,
    /// The source's name.
    pub source: String,
    /// The chunk in it.
    pub chunk: u64,
    /// The record in that.
    pub record: u32,
    /// The event's ECS document.
    pub document: Box<RawValue>,
}

impl HitLine {
    /// The line for `candidate`, read in the source called `source`, but for the rule, its stages, the join key and so the sort key.
    ///
    /// # Errors
    /// When the document cannot be written as JSON, as any can.
    pub fn of(candidate: &Candidate, source: &str, clock: Clock) -> serde_json::Result<Self> {
        let event = &candidate.event;
        let position = candidate.order.place().position;
        Ok(Self {
            k: String::new(),
            kind: Kind::Hit,
            schema: SCHEMA,
            rule: RuleName { id: String::new(), sha256: String::new() },
            stages: Vec::new(),
            key: JoinKey::default(),
            clock,
            created: event.created(),
            utc: event.timestamp(),
            host: event.computer().to_owned(),
            channel: event.channel().to_owned(),
            record_id: event.system().record_id,
            event_id: event.event_id(),
            data_sha256: Identity::of(event).data_sha256(),
            recovered: event.is_recovered(),
            fields_shifted: event.fields_shifted(),
            rendered: event.is_rendered(),
            source: source.to_owned(),
            chunk: position.chunk,
            record: position.record,
            document: serde_json::value::to_raw_value(&sysmon::document(event))?,
        })
    }

    /// The time by the clock that the line is sorted by.
    pub fn time(&self) -> Timestamp {
        match self.clock {
            Clock::Created => self.created,
            Clock::Utc => self.utc.truncated_to_millis(),
        }
    }

    /// Where it stands in the one total order, as text.
    pub fn order(&self) -> String {
        let (record_id, host, source) = (self.record_id.unwrap_or_default(), &*self.host, &*self.source);
        let position = Position { chunk: self.chunk, record: self.record };
        let recovered = self.recovered;
        Standing { time: self.time(), record_id, host, recovered, source, position }.text()
    }

    /// What the sort keys of all hits of the same rule and join key begin with.
    pub fn group(&self) -> String {
        key::group(&self.rule, &self.key)
    }

    /// Appends its line to `lines`, with the sort key that it has now.
    ///
    /// # Errors
    /// When it cannot be written as JSON, as any can.
    pub fn write(&mut self, lines: &mut Vec<u8>) -> serde_json::Result<()> {
        self.k = self.group() + &self.order();
        serde_json::to_writer(&mut *lines, self)?;
        lines.push(b'\n');
        Ok(())
    }
}

/// The line of something that is told of the evidence: class and texts make its sort key, and a hash of what it says, so that lines of one key are equal.
///
/// # Errors
/// When it cannot be written as JSON, as any can.
pub fn told(class: u8, parts: &[&str], kind: Kind, body: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let hash = sha256(&serde_json::to_vec(body)?);
    let parts: Vec<&str> = parts.iter().copied().chain(hash.get(..16)).collect();
    line(key::told(class, &parts), kind, body)
}

/// `body`, an object, with a head before its members.
fn line(k: String, kind: Kind, body: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(&Head { k, kind, schema: SCHEMA })?;
    let body = serde_json::to_vec(body)?;
    line.pop();
    line.push(b',');
    line.extend(body.get(1..).unwrap_or_default());
    line.push(b'\n');
    Ok(line)
}
