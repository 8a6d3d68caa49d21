//! What else the process of a finding was and did: who started it, whom it started, where it connected, what it touched. It judges nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::EvidenceEvent;
use super::subject::{is_renamed, joined};
use crate::time::Timestamp;

/// The story of one process on one host, shared by all its findings. Copies of a record count once. Lists are bounded, counts are exact.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Story {
    /// System/Computer.
    pub host: String,
    /// The process itself.
    pub process: Process,
    /// Who started it, nearest first, up to the root or to the first whose start is not in the evidence.
    pub ancestors: Vec<Process>,
    /// Whom it started, and they, to depth 3: by depth, then by time.
    pub children: Listed<Process>,
    /// Whether every process start of the host was kept account of; there were too many otherwise, and kin may be missing.
    pub kin_complete: bool,
    /// Its connections.
    pub connections: Connections,
    /// The names it asked for, the most frequent first.
    pub queries: Listed<Query>,
    /// How many queries these are.
    pub query_count: u64,
    /// What else it did, by kind, in the order of [`ACTIVITIES`]; kinds that did not occur are left out.
    pub activities: Vec<Activity>,
    /// Its events in order of time.
    pub context: Listed<EvidenceEvent>,
}

/// Why a finding has no story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untold {
    /// No event of it names a process: the GUID is missing or zero.
    NoProcess,
    /// There are too many processes with findings; the first have stories.
    TooMany,
    /// The run was interrupted.
    Interrupted,
    /// It is no finding, but nearly one.
    NearMiss,
    /// The run did not read the evidence a second time.
    NotRead,
    /// It was told under another finding, and that is not among those that were read back.
    Lost,
}

impl Untold {
    /// The word used in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoProcess => "no_process",
            Self::TooMany => "too_many",
            Self::Interrupted => "interrupted",
            Self::NearMiss => "near_miss",
            Self::NotRead => "not_read",
            Self::Lost => "lost",
        }
    }

    /// The same for a reader.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NearMiss => "A near miss has no story.",
            Self::NotRead => {
                "A story takes a second reading of the evidence, which this run did not do: scan the evidence itself for it."
            }
            Self::Lost => "The story was told under a finding that is not here any more.",
            Self::NoProcess => {
                "No event of this finding names a process by its GUID, so nothing can be told of one."
            }
            Self::TooMany => "Too many processes have findings; only the first ones have their story told.",
            Self::Interrupted => "The run was interrupted before the story was read.",
        }
    }
}

/// The first of many, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// Those that are listed.
    pub shown: Vec<T>,
    /// All, counted.
    pub total: u64,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { shown: Vec::new(), total: 0 }
    }
}

impl<T> Listed<T> {
    /// How many are not listed.
    pub fn left_out(&self) -> u64 {
        self.total.saturating_sub(self.shown.len() as u64)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }
}

/// A process in a story. Texts that nothing tells are empty.
#[derive(Debug, Clone, PartialEq, Default, serde::Deserialize)]
pub struct Process {
    /// Whether its start is in the evidence. Otherwise only what another event tells of it is here.
    pub known: bool,
    /// Whether a finding is about it.
    pub flagged: bool,
    /// Steps away from the process of the story; 0 is that itself.
    pub depth: u32,
    /// ProcessGuid.
    pub entity_id: String,
    /// ProcessGuid of the parent.
    pub parent_entity_id: String,
    /// The image's file name.
    pub name: String,
    /// The image's path.
    pub executable: String,
    /// Process id.
    pub pid: Option<u64>,
    /// The command line.
    pub command_line: String,
    /// `DOMAIN\name`.
    pub user: String,
    /// LogonId.
    pub logon_id: String,
    /// IntegrityLevel.
    #[serde(rename = "integrity_level")]
    pub integrity: String,
    /// By algorithm.
    #[serde(rename = "hash")]
    pub hashes: BTreeMap<String, String>,
    /// OriginalFileName of the version resource.
    pub original_file_name: String,
    /// UtcTime of the start.
    #[serde(rename = "start")]
    pub started: Option<Timestamp>,
    /// UtcTime of the end.
    #[serde(rename = "end")]
    pub ended: Option<Timestamp>,
    /// The event of the start; of the process itself only when it is none of the finding's.
    #[serde(rename = "start_event")]
    pub start: Option<Arc<EvidenceEvent>>,
}

impl Process {
    /// What the start `event` tells.
    pub fn started_by(event: Arc<EvidenceEvent>) -> Self {
        let mut process = Self::named_by(&event);
        process.known = true;
        process.started = Some(event.timestamp);
        process.start = Some(event);
        process
    }

    /// What any event of a process tells of it.
    pub fn named_by(event: &EvidenceEvent) -> Self {
        let text = |path: &str| event.text(path);
        let hashes = event.get("process.hash").and_then(|hashes| hashes.as_object());
        let hashes = hashes.into_iter().flatten().map(|(name, value)| (name.clone(), super::plain(value)));
        // ECS has this one elsewhere, as it is of the image's imports alone.
        let imports = event.get("process.pe.imphash").map(|hash| ("imphash".to_owned(), super::plain(hash)));
        Self {
            entity_id: text("process.entity_id"),
            parent_entity_id: text("process.parent.entity_id"),
            name: text("process.name"),
            executable: text("process.executable"),
            pid: event.get("process.pid").and_then(serde_json::Value::as_u64),
            command_line: text("process.command_line"),
            user: joined(&text("user.domain"), "\\", &text("user.name")),
            logon_id: text("winlog.event_data.LogonId"),
            integrity: text("winlog.event_data.IntegrityLevel"),
            hashes: hashes.chain(imports).collect(),
            original_file_name: text("process.pe.original_file_name"),
            ..Self::default()
        }
    }

    /// What the start `event` of a child tells of its parent; `None` when it tells nothing.
    pub fn parent_in(event: &EvidenceEvent) -> Option<Self> {
        let text = |path: &str| event.text(path);
        let parent = Self {
            entity_id: text("process.parent.entity_id"),
            name: text("process.parent.name"),
            executable: text("process.parent.executable"),
            pid: event.get("process.parent.pid").and_then(serde_json::Value::as_u64),
            command_line: text("process.parent.command_line"),
            user: text("winlog.event_data.ParentUser"),
            ..Self::default()
        };
        (!parent.entity_id.is_empty() || !parent.executable.is_empty()).then_some(parent)
    }

    /// Whether the image has another name than its version resource says; `None` when one of them is not known.
    pub fn renamed(&self) -> Option<bool> {
        is_renamed(&self.name, &self.original_file_name)
    }
}

/// How often something was, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Count {
    /// How often.
    pub count: u64,
    /// UtcTime of the first.
    pub first: Option<Timestamp>,
    /// UtcTime of the last.
    pub last: Option<Timestamp>,
}

impl Count {
    /// Counts one at `time`.
    pub fn add(&mut self, time: Timestamp) {
        self.count = self.count.saturating_add(1);
        self.first = super::earliest(self.first, Some(time));
        self.last = self.last.max(Some(time));
    }
}

/// Events 3 of a process.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Connections {
    /// Distinct destinations, the most frequent first.
    pub destinations: Listed<Destination>,
    /// How they lie in time; `None` for fewer than two.
    pub intervals: Option<Intervals>,
    /// All of them.
    #[serde(flatten)]
    pub all: Count,
}

/// Where connections went.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Destination {
    /// DestinationIp.
    pub ip: String,
    /// DestinationPort.
    #[serde(with = "super::wire::port")]
    pub port: String,
    /// Protocol.
    pub protocol: String,
    /// Whether the other side opened it (`Initiated` is false), so that the destination is this host.
    pub inbound: bool,
    /// DestinationHostname, as Sysmon found it.
    pub host_name: String,
    /// Names that DNS had resolved to it before its last connection; by the process itself, or else by any process of the host.
    pub names: Vec<String>,
    /// Whether only other processes of the host asked for `names`.
    pub named_by_host: bool,
    /// The connections.
    #[serde(flatten)]
    pub seen: Count,
}

/// The gaps between connections, in whole milliseconds by the clock that ordered the findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Intervals {
    /// How many gaps.
    pub count: u64,
    /// The shortest.
    pub min_ms: i64,
    /// The middle one; of an even number the lower.
    pub median_ms: i64,
    /// The longest.
    pub max_ms: i64,
    /// Whether there are ten or more and their median absolute deviation is under a tenth of the median: a beat.
    pub regular: bool,
}

impl Intervals {
    /// The gaps between `times`, which are sorted here.
    pub fn of(mut times: Vec<Timestamp>) -> Option<Self> {
        times.sort_unstable();
        let mut gaps: Vec<i64> = times
            .windows(2)
            .filter_map(|pair| match pair {
                [earlier, later] => Some(later.ticks_since(*earlier) / crate::time::TICKS_PER_MILLI),
                _ => None,
            })
            .collect();
        let (min_ms, median_ms, max_ms) = spread(&mut gaps)?;
        let mut deviations: Vec<i64> = gaps.iter().map(|gap| gap.saturating_sub(median_ms).abs()).collect();
        let (_, deviation, _) = spread(&mut deviations)?;
        let regular = gaps.len() >= 10 && deviation.saturating_mul(10) < median_ms;
        Some(Self { count: gaps.len() as u64, min_ms, median_ms, max_ms, regular })
    }
}

/// Smallest, middle and largest.
fn spread(numbers: &mut [i64]) -> Option<(i64, i64, i64)> {
    numbers.sort_unstable();
    let middle = numbers.get(numbers.len().saturating_sub(1) / 2)?;
    Some((*numbers.first()?, *middle, *numbers.last()?))
}

/// A name that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Query {
    /// QueryName.
    pub name: String,
    /// QueryStatus, each once, sorted.
    pub statuses: Vec<String>,
    /// QueryResults, its parts each once, sorted.
    pub answers: Vec<String>,
    /// The queries.
    #[serde(flatten)]
    pub seen: Count,
}

/// The words of [`Activity::kind`], in order.
pub const ACTIVITIES: [&str; 7] =
    ["files", "registry", "pipes", "image_loads", "process_access", "injected_threads", "other"];

/// Events of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Activity {
    /// One of [`ACTIVITIES`].
    pub kind: Cow<'static, str>,
    /// What they touched, the most frequent first.
    pub targets: Listed<Touched>,
    /// All of them.
    #[serde(flatten)]
    pub all: Count,
}

/// What some events touched.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Touched {
    /// Sysmon's name for the event.
    pub event: Cow<'static, str>,
    /// The file, key, pipe, image.
    pub target: String,
    /// The events.
    #[serde(flatten)]
    pub seen: Count,
}

/// A name that a rule excludes, asked for by the process before it connected to an address that the answer gave. The connection itself carries no name, so the
/// rule could not see it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExcludedName {
    /// The name.
    pub name: String,
    /// The clause that excludes it.
    pub clause: String,
    /// The address.
    pub address: String,
    /// EventRecordID of the query.
    #[serde(with = "super::wire::number_as_text")]
    pub record_id: Option<u64>,
}

/// The flag of a finding with an [`ExcludedName`].
pub const RESOLVED_FROM_EXCLUDED_NAME: &str = "resolved_from_excluded_name";

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(millis: &[i64]) -> Option<Intervals> {
        let mut time = 0;
        let mut times = vec![Timestamp::from_unix_millis(0)];
        for gap in millis {
            time += gap;
            times.push(Timestamp::from_unix_millis(time));
        }
        times.reverse();
        Intervals::of(times)
    }

    #[test]
    fn a_beat_is_ten_gaps_that_hardly_differ() {
        let beat = gaps(&[60_000; 10]).expect("gaps");
        assert_eq!((beat.min_ms, beat.median_ms, beat.max_ms, beat.regular), (60_000, 60_000, 60_000, true));
        assert!(!gaps(&[60_000; 9]).expect("gaps").regular, "too few");
        // One long pause leaves the beat a beat; gaps that differ by a tenth do not make one.
        let paused = gaps(&[100, 100, 100, 100, 100, 100, 100, 100, 100, 90_000]).expect("gaps");
        assert_eq!((paused.max_ms, paused.regular), (90_000, true));
        assert!(!gaps(&[80, 90, 100, 110, 120, 80, 90, 100, 110, 120]).expect("gaps").regular);
        assert_eq!(gaps(&[]), None);
        assert!(!gaps(&[0; 20]).expect("gaps").regular, "all at once is no beat");
    }

    #[test]
    fn a_renamed_program_is_told_without_regard_to_case() {
        assert_eq!(is_renamed("MSHTA.EXE", "mshta.exe"), Some(false));
        assert_eq!(is_renamed("regsvr32.exe", "beacon.exe"), Some(true));
        assert_eq!(is_renamed("a.exe", ""), None);
    }
}
