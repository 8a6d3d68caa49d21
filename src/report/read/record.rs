//! `run.json`, typed, and what it says of outcome and run. Keys it does not know it leaves alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};

use super::{Lines, newer};
use crate::finding::{
    Absences, AllowEntry, AllowFile, Blind, Case, Clock, Damage, EventCoverage, Histogram, HostCoverage,
    Merged, NearMisses, Need, Outcome, Period, Presence, Reach, Rebuilt, RuleInfo, Run, Selected,
    SourceReport,
};
use crate::report::run::{OutputFile, SCHEMA};
use crate::time::Timestamp;

/// The record of a run.
#[derive(Deserialize)]
pub struct Record {
    schema: i64,
    version: String,
    executable_sha256: Option<String>,
    platform: String,
    case: Case,
    arguments: Vec<String>,
    working_directory: String,
    started: Timestamp,
    ended: Timestamp,
    threads: usize,
    exit_code: u8,
    interrupted: bool,
    clock: Clock,
    mapping: Vec<String>,
    selection: Selected,
    #[serde(deserialize_with = "allow_lists")]
    pub(super) allow_lists: Vec<AllowFile>,
    #[serde(deserialize_with = "rules")]
    pub(super) rules: Vec<Arc<RuleInfo>>,
    inputs: Vec<SourceReport>,
    hosts: Vec<Host>,
    coverage: Coverage,
    near_misses: Near,
    problems: Vec<Damage>,
    limits: Limits,
    outputs: Vec<OutputFile>,
    #[serde(default)]
    rebuilt: Vec<Rebuilt>,
    #[serde(default)]
    merged: Option<Merged>,
}

#[derive(Deserialize)]
struct Host {
    host: String,
    filetime: Ends,
    events: BTreeMap<u32, u64>,
    other_events: u64,
}

#[derive(Deserialize)]
struct Ends {
    #[serde(deserialize_with = "filetime")]
    first: Option<Timestamp>,
    #[serde(deserialize_with = "filetime")]
    last: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Coverage {
    needs: Vec<Need>,
    hosts: Vec<HostPresence>,
    blind_rules: Vec<Blind>,
    records_of_other_hosts: u64,
}

#[derive(Deserialize)]
struct HostPresence {
    host: String,
    logged: Histogram,
    events: Vec<EventPresence>,
}

#[derive(Deserialize)]
struct EventPresence {
    event_id: u32,
    state: State,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    absent_periods: Vec<Period>,
    more_absent_periods: usize,
    histogram: Option<Histogram>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Absent,
    Present,
    Partly,
}

#[derive(Deserialize)]
struct Near {
    looked_for: bool,
    at_least: bool,
}

#[derive(Deserialize)]
struct Limits {
    html_findings: usize,
}

/// Reads `bytes` as a record; what is wrong, in words.
pub fn parse(bytes: &[u8]) -> Result<Record, String> {
    #[derive(Deserialize)]
    struct Head {
        schema: i64,
    }
    let record: Result<Record, _> = serde_json::from_slice(bytes);
    // A newer record need not look like ours: its number is told rather than what else is wrong.
    let schema = match &record {
        Ok(record) => record.schema,
        Err(_) => serde_json::from_slice::<Head>(bytes).map_or(SCHEMA, |head| head.schema),
    };
    match newer(schema, SCHEMA) {
        Some(problem) => Err(problem),
        None => record.map_err(|error| match error.is_data() {
            true => format!("{error}; a record of another version of evql? Scan again with this one"),
            false => error.to_string(),
        }),
    }
}

impl Record {
    /// How many findings the page shows in full.
    pub fn html_findings(&self) -> usize {
        self.limits.html_findings
    }

    /// What it says of near misses beyond their lines.
    pub fn near(&self) -> NearMisses {
        let Near { looked_for, at_least } = self.near_misses;
        NearMisses { looked_for, more: at_least, ..NearMisses::default() }
    }

    /// Why `lines` may not be what the run wrote.
    pub fn doubts(&self, lines: &Lines) -> Vec<String> {
        let written = self.outputs.iter().find(|output| output.name == "findings.jsonl");
        let doubt = match written {
            Some(written) if written.sha256 == lines.sha256 => return Vec::new(),
            Some(written) => format!(
                "findings.jsonl is not the one that the run wrote: its SHA-256 is {}, run.json has {}",
                lines.sha256, written.sha256
            ),
            None => "run.json names no findings.jsonl: the one beside it may be another run's".to_owned(),
        };
        vec![doubt]
    }

    /// The run.
    pub fn run(&self) -> Run {
        Run {
            version: self.version.clone(),
            executable_sha256: self.executable_sha256.clone(),
            platform: self.platform.clone(),
            arguments: self.arguments.clone(),
            working_directory: self.working_directory.clone(),
            started: self.started,
            ended: self.ended,
            threads: self.threads,
            exit_code: self.exit_code,
            case: self.case.clone(),
            rebuilt: self.rebuilt.clone(),
            merged: self.merged.clone(),
        }
    }

    /// What the run found and saw, with the findings of `lines`.
    pub fn outcome(self, lines: Lines) -> Outcome {
        let Coverage { needs, hosts, blind_rules, records_of_other_hosts } = self.coverage;
        let mut presence: BTreeMap<String, HostPresence> =
            hosts.into_iter().map(|host| (host.host.clone(), host)).collect();
        let hosts = self.hosts.into_iter().map(|host| {
            let presence = presence.remove(&host.host);
            host.covered(presence)
        });
        Outcome {
            findings: lines.findings,
            near: lines.near,
            groups: Vec::new(),
            suppressed: lines.suppressed,
            allow_lists: self.allow_lists,
            rules: self.rules,
            sources: self.inputs,
            hosts: hosts.collect(),
            reach: Reach { needs, blind: blind_rules, other_hosts: records_of_other_hosts },
            damages: self.problems,
            clock: self.clock,
            mapping: self.mapping,
            interrupted: self.interrupted,
            selected: self.selection,
        }
    }
}

impl Host {
    fn covered(self, presence: Option<HostPresence>) -> HostCoverage {
        let counted = |(event_id, count)| (event_id, EventCoverage { count, ..EventCoverage::default() });
        let mut host = HostCoverage {
            host: self.host,
            first: self.filetime.first,
            last: self.filetime.last,
            events: self.events.into_iter().map(counted).collect(),
            other_events: self.other_events,
            ..HostCoverage::default()
        };
        let Some(presence) = presence else { return host };
        host.logged = presence.logged;
        for event in presence.events {
            if let (Some(known), Some(histogram)) = (host.events.get_mut(&event.event_id), event.histogram) {
                (known.first, known.last, known.histogram) = (event.first, event.last, histogram);
            }
            let absences = Absences { periods: event.absent_periods, more: event.more_absent_periods };
            let state = match event.state {
                State::Absent => Presence::Absent,
                State::Present => Presence::Present,
                State::Partly => Presence::Partly(absences),
            };
            host.presence.insert(event.event_id, state);
        }
        host
    }
}

/// Rules are shared by their findings.
fn rules<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Arc<RuleInfo>>, D::Error> {
    Ok(Vec::deserialize(deserializer)?.into_iter().map(Arc::new).collect())
}

fn allow_lists<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<AllowFile>, D::Error> {
    #[derive(Deserialize)]
    struct File {
        path: String,
        sha256: String,
        entries: Vec<AllowEntry>,
    }
    let shared = |File { path, sha256, entries }| {
        let entries = entries.into_iter().map(Arc::new).collect();
        AllowFile { path, sha256, entries }
    };
    Ok(Vec::deserialize(deserializer)?.into_iter().map(shared).collect())
}

fn filetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse().map(Timestamp::from_ticks).map_err(serde::de::Error::custom)).transpose()
}
