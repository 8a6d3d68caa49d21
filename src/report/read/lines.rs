//! The lines of `findings.jsonl`: findings, those set aside, and near misses. It leaves every line it understands as it was and names the one it does not.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::record::Record;
use super::{Lines, newer, unreadable};
use crate::finding::story::{Activity, Connections, Process, Query};
use crate::finding::{
    AllowEntry, Clock, EvidenceEvent, ExcludedName, Finding, Listed, NearCount, NearKind, NearMiss,
    Prevalence, Reason, RuleInfo, Severity, Story, Suppressed, Threat, Untold,
};
use crate::hash::hex;
use crate::report::jsonl::SCHEMA;

/// Bytes of one line, at most: a finding with a whole story has some millions.
const LONGEST_LINE: u64 = 1 << 29;

/// Reads the file at `path`; rules and allow-lists are those of `record`.
pub fn read(path: &Path, record: &Record) -> crate::error::Result<Lines> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut reader = Reader::new(record);
    let mut file = BufReader::new(file);
    let mut hash = Sha256::new();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let wrong = |problem: &dyn std::fmt::Display| unreadable(path, &format!("line {number}: {problem}"));
        let read = file.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
        if read.map_err(|error| wrong(&error))? == 0 {
            break;
        }
        if line.len() as u64 == LONGEST_LINE {
            return Err(wrong(&format!("it is longer than {LONGEST_LINE} bytes")));
        }
        hash.update(&line);
        if !line.trim_ascii().is_empty() {
            reader.line(&line).map_err(|problem| wrong(&problem))?;
        }
    }
    Ok(reader.finish(hex(&hash.finalize())))
}

/// What every line has.
#[derive(Deserialize)]
struct Head {
    r#type: String,
    schema: i64,
}

/// What names a line's rule; the record has the rest.
#[derive(Deserialize, PartialEq, Eq, Hash)]
struct RuleHead {
    id: String,
    sha256: String,
    origin: String,
}

#[derive(Deserialize)]
struct Host {
    name: String,
}

#[derive(Deserialize)]
struct FindingLine {
    finding_id: String,
    rule: RuleHead,
    severity: Severity,
    risk_score: u32,
    why: Vec<Reason>,
    prevalence: Prevalence,
    host: Host,
    clock: Clock,
    delta_ms: Option<i64>,
    threat: Vec<Threat>,
    notes: Vec<String>,
    resolved_from_excluded_name: Option<ExcludedName>,
    story: Value,
    events: Vec<Option<EvidenceEvent>>,
    /// Of one that was set aside.
    allow: Option<AllowEntry>,
}

#[derive(Deserialize)]
struct CountLine {
    rule: RuleHead,
    kind: NearKind,
    count: u64,
    listed: u64,
}

#[derive(Deserialize)]
struct NearLine {
    near_miss_id: String,
    rule: RuleHead,
    kind: NearKind,
    detail: String,
    host: Host,
    clock: Clock,
    delta_ms: Option<i64>,
    events: Vec<Option<EvidenceEvent>>,
}

#[derive(Deserialize)]
struct Told {
    host: String,
    process: Process,
    ancestors: Vec<Process>,
    children: Listed<Process>,
    kin_complete: bool,
    connections: Connections,
    queries: Queries,
    activities: Vec<Activity>,
    events: u64,
    context: Vec<EvidenceEvent>,
}

#[derive(Deserialize)]
struct Queries {
    count: u64,
    names: Listed<Query>,
}

impl From<Told> for Story {
    fn from(told: Told) -> Self {
        Self {
            host: told.host,
            process: told.process,
            ancestors: told.ancestors,
            children: told.children,
            kin_complete: told.kin_complete,
            connections: told.connections,
            queries: told.queries.names,
            query_count: told.queries.count,
            activities: told.activities,
            context: Listed { shown: told.context, total: told.events },
        }
    }
}

/// Under which finding the story of another is told.
type SameAs = Option<String>;

struct Reader<'a> {
    rules: HashMap<RuleHead, &'a Arc<RuleInfo>>,
    entries: HashMap<&'a str, &'a Arc<AllowEntry>>,
    lines: Lines,
    /// For each finding, and for each that was set aside.
    same_as: [Vec<SameAs>; 2],
}

impl<'a> Reader<'a> {
    fn new(record: &'a Record) -> Self {
        let head = |rule: &RuleInfo| RuleHead {
            id: rule.id.clone(),
            sha256: rule.sha256.clone(),
            origin: rule.origin.clone(),
        };
        let entries = record.allow_lists.iter().flat_map(|file| &file.entries);
        Self {
            rules: record.rules.iter().map(|rule| (head(rule), rule)).collect(),
            entries: entries.map(|entry| (entry.id.as_str(), entry)).collect(),
            lines: Lines { near: record.near(), ..Lines::default() },
            same_as: [Vec::new(), Vec::new()],
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        let head: Head = parse(line)?;
        if let Some(problem) = newer(head.schema, SCHEMA) {
            return Err(problem);
        }
        match head.r#type.as_str() {
            "finding" => {
                let (finding, same_as, _) = self.finding(parse(line)?)?;
                self.lines.findings.push(finding);
                self.same_as[0].push(same_as);
            }
            "suppressed" => {
                let (finding, same_as, entry) = self.finding(parse(line)?)?;
                let entry = entry.ok_or("it says nothing of the allow-list's entry")?;
                let known = self.entries.get(entry.id.as_str()).map(|known| Arc::clone(known));
                let entry = known.unwrap_or_else(|| Arc::new(entry));
                self.lines.suppressed.push(Suppressed { finding, entry });
                self.same_as[1].push(same_as);
            }
            "near_miss_count" => {
                let CountLine { rule, kind, count, listed } = parse(line)?;
                self.lines.near.counts.push(NearCount { rule: self.rule(&rule)?, kind, count, listed });
            }
            "near_miss" => {
                let miss = self.near_miss(parse(line)?)?;
                self.lines.near.listed.push(miss);
            }
            // Of a later version with the same schema: more, nothing else.
            _ => {}
        }
        Ok(())
    }

    fn rule(&self, head: &RuleHead) -> Result<Arc<RuleInfo>, String> {
        let rule = self.rules.get(head).map(|rule| Arc::clone(rule));
        rule.ok_or_else(|| format!("its rule {:?} is none of those in run.json", head.id))
    }

    fn finding(&self, line: FindingLine) -> Result<(Finding, SameAs, Option<AllowEntry>), String> {
        let (story, same_as) = story(line.story).map_err(|error| format!("its story: {error}"))?;
        let finding = Finding {
            id: line.finding_id,
            rule: self.rule(&line.rule)?,
            severity: line.severity,
            risk_score: line.risk_score,
            why: line.why,
            prevalence: line.prevalence,
            host: line.host.name,
            clock: line.clock,
            delta_ticks: line.delta_ms.map(|millis| ticks(&line.events, line.clock, millis)),
            threats: line.threat,
            notes: line.notes,
            events: line.events,
            story,
            excluded_name: line.resolved_from_excluded_name,
        };
        Ok((finding, same_as, line.allow))
    }

    fn near_miss(&self, line: NearLine) -> Result<NearMiss, String> {
        let rule = self.rule(&line.rule)?;
        let nearly = Finding {
            id: line.near_miss_id,
            severity: rule.severity,
            risk_score: rule.risk_score,
            rule,
            why: Vec::new(),
            prevalence: Prevalence::default(),
            host: line.host.name,
            clock: line.clock,
            delta_ticks: line.delta_ms.map(|millis| ticks(&line.events, line.clock, millis)),
            threats: Vec::new(),
            notes: Vec::new(),
            events: line.events,
            story: Err(Untold::NearMiss),
            excluded_name: None,
        };
        Ok(NearMiss { kind: line.kind, detail: line.detail, nearly })
    }

    /// All lines are read: a story told once is that of every finding of its process.
    fn finish(mut self, sha256: String) -> Lines {
        let Lines { findings, suppressed, .. } = &mut self.lines;
        let mut all: Vec<&mut Finding> = findings.iter_mut().collect();
        all.extend(suppressed.iter_mut().map(|suppressed| &mut suppressed.finding));
        let mut told: HashMap<String, Arc<Story>> = HashMap::new();
        for finding in &all {
            if let Ok(story) = &finding.story {
                told.entry(finding.id.clone()).or_insert_with(|| Arc::clone(story));
            }
        }
        for (finding, same_as) in all.into_iter().zip(self.same_as.iter().flatten()) {
            if let Some(story) = same_as.as_ref().and_then(|place| told.get(place)) {
                finding.story = Ok(Arc::clone(story));
            }
        }
        self.lines.sha256 = sha256;
        self.lines
    }
}

/// The story, or why there is none, or under which finding it is told.
fn story(mut story: Value) -> serde_json::Result<(Result<Arc<Story>, Untold>, SameAs)> {
    let mut taken = |key: &str| story.get_mut(key).map(Value::take);
    if let Some(reason) = taken("reason") {
        return Ok((Err(serde_json::from_value(reason)?), None));
    }
    if let Some(same_as) = taken("same_as") {
        return Ok((Err(Untold::Lost), Some(serde_json::from_value(same_as)?)));
    }
    let told: Told = serde_json::from_value(story)?;
    Ok((Ok(Arc::new(told.into())), None))
}

fn parse<'de, T: Deserialize<'de>>(line: &'de [u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| error.to_string())
}

/// From the first event to the last by `clock`, to the 100 ns that `delta_ms` lacks; by UtcTime only milliseconds count.
fn ticks(events: &[Option<EvidenceEvent>], clock: Clock, millis: i64) -> i64 {
    let time = |event: &EvidenceEvent| match clock {
        Clock::Created => event.created,
        Clock::Utc => event.timestamp.truncated_to_millis(),
    };
    let mut times = events.iter().flatten().map(time);
    match (times.next(), times.next_back()) {
        (Some(first), Some(last)) => last.ticks_since(first),
        _ => millis.saturating_mul(crate::time::TICKS_PER_MILLI),
    }
}
