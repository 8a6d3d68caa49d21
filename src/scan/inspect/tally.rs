//! What one piece of a source holds, counted on any thread while its records go by. It knows nothing of other pieces.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::inspection::Period;
use super::numbering::{Jump, Point, Run};
use super::skew::{Skew, Skewed};
use crate::input::Seen;
use crate::sysmon::{self, Event, Facts};
use crate::time::Timestamp;

/// Bytes of a name or value that are kept: hostile records carry names of any length.
const LONGEST: usize = 256;
/// Who logs that a log was cleared (its own manifest: events 1102 in Security, 104 in System).
const EVENT_LOG: &str = "Microsoft-Windows-Eventlog";

/// The records of one piece.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// The source's ordinal.
    pub(super) source: u32,
    /// Per host.
    pub(super) hosts: BTreeMap<String, HostTally>,
    /// Of each Sysmon record with an id, in order, a hash of what makes it the same record as another.
    pub(super) identities: Vec<u64>,
    /// Sysmon records without an id.
    pub(super) without_identity: u64,
}

/// The records of one host.
#[derive(Debug, Default)]
pub(super) struct HostTally {
    pub(super) sysmon_records: u64,
    pub(super) recovered: u64,
    /// Per channel.
    pub(super) logs: BTreeMap<String, LogTally>,
    pub(super) marks: Vec<MarkTally>,
    pub(super) skew: Skew,
}

/// The records of one channel of a host.
#[derive(Debug, Default)]
pub(super) struct LogTally {
    /// Per provider and event id.
    pub(super) kinds: BTreeMap<String, BTreeMap<u32, Period>>,
    /// The live records with ids, in order.
    pub(super) runs: Vec<Run>,
    pub(super) without_id: u64,
    /// Where time goes back within a run.
    pub(super) jumps: Vec<Jump>,
}

/// Which record matters by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MarkKind {
    LogClear,
    ServiceState,
    ConfigChange,
    ServiceError,
}

/// A record that matters by itself.
#[derive(Debug)]
pub(super) struct MarkTally {
    pub(super) kind: MarkKind,
    pub(super) time: Option<Timestamp>,
    pub(super) record_id: Option<u64>,
    pub(super) what: String,
}

impl Tally {
    /// Counts a record of any provider.
    pub(super) fn see(&mut self, seen: &Seen<'_>) {
        let is_sysmon = seen.provider == sysmon::PROVIDER;
        match seen.record_id {
            Some(record_id) if is_sysmon => self.identities.push(identity(seen, record_id)),
            None if is_sysmon => self.without_identity += 1,
            _ => {}
        }
        let host = entry(&mut self.hosts, seen.computer);
        host.sysmon_records += u64::from(is_sysmon);
        host.recovered += u64::from(seen.recovered);
        if seen.provider == EVENT_LOG && matches!(seen.event_id, 104 | 1102) {
            let (time, record_id) = (seen.time_created, seen.record_id);
            let what = format!("event {} in {}", seen.event_id, cut(seen.channel));
            host.marks.push(MarkTally { kind: MarkKind::LogClear, time, record_id, what });
        }
        entry(&mut host.logs, seen.channel).see(seen);
    }

    /// Looks at a Sysmon event's own data.
    pub(super) fn event(&mut self, event: &Event, source: u32) {
        self.clocks(event, source);
        let host = entry(&mut self.hosts, event.computer());
        let (created, record_id) = (event.time_created(), event.record_id());
        let (kind, names): (_, &[&str]) = match event.event_id() {
            4 => (MarkKind::ServiceState, &["State", "Version", "SchemaVersion"]),
            16 => (MarkKind::ConfigChange, &["Configuration", "ConfigurationFileHash"]),
            255 => (MarkKind::ServiceError, &["ID", "Description"]),
            _ => return,
        };
        let values = names.iter().filter_map(|name| Some(format!("{name}: {}", cut(event.named(name)?))));
        let what = values.collect::<Vec<_>>().join(", ");
        host.marks.push(MarkTally { kind, time: created, record_id, what });
    }

    /// Compares the two times of a Sysmon event.
    pub(super) fn clocks(&mut self, event: &impl Facts, source: u32) {
        if let (Some(created), Some(utc_time)) = (event.time_created(), event.utc_time()) {
            let (event_id, record_id) = (event.event_id(), event.record_id());
            let skewed = Skewed { created, utc_time, event_id, record_id, source };
            entry(&mut self.hosts, event.computer()).skew.see(skewed);
        }
    }

    /// Whether nothing was counted.
    pub(super) fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }
}

impl LogTally {
    fn see(&mut self, seen: &Seen<'_>) {
        let kinds = entry(&mut self.kinds, seen.provider);
        kinds.entry(seen.event_id).or_default().see(seen.time_created);
        match seen.record_id {
            // Where a recovered record stands says nothing of when it was written.
            _ if seen.recovered => {}
            None => self.without_id += 1,
            Some(id) => self.number(Point { id, time: seen.time_created }),
        }
    }

    fn number(&mut self, point: Point) {
        match self.runs.last_mut() {
            Some(run) if run.precedes(point.id) => {
                self.jumps.extend(Jump::between(run.last, point));
                run.last = point;
            }
            _ => self.runs.push(Run { first: point, last: point }),
        }
    }
}

/// What stands under `name`, or will.
fn entry<'a, T: Default>(map: &'a mut BTreeMap<String, T>, name: &str) -> &'a mut T {
    let name = cut(name);
    if !map.contains_key(name) {
        map.insert(name.to_owned(), T::default());
    }
    map.get_mut(name).expect("it was put there just now")
}

/// The beginning of `text`.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST)).unwrap_or_default()
}

/// A hash of what `scan::order::Identity` is made of. Among 3.5 million records two share one by chance in about one run
/// of three million.
fn identity(seen: &Seen<'_>, record_id: u64) -> u64 {
    let mut hash = DefaultHasher::new();
    let millis = seen.time_created.map(Timestamp::unix_millis);
    (seen.computer, seen.channel, record_id, millis).hash(&mut hash);
    hash.finish()
}
