//! `run.json`: how this result came to be, for whoever has to trust or repeat it. It holds no finding.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::coverage;
use crate::finding::{
    AllowEntry, AllowFile, Filtered, HostCoverage, LISTED, LISTED_PER_RULE, Need, Outcome, Presence,
    RuleInfo, Run, SourceReport, Status,
};
use crate::hash::sha256;
use crate::time::Timestamp;

/// The version of `run.json`.
pub const SCHEMA: i64 = 1;

/// A file that was written beside `run.json`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OutputFile {
    /// Its name in the folder.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, lower-case hex.
    pub sha256: String,
}

/// What the reports themselves did to the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// How many findings `report.html` shows in full, at most.
    pub html_findings: usize,
    /// How many CSV cells got a `'` because a spreadsheet would have run them.
    pub neutralised_cells: u64,
}

/// Writes `run.json`, indented.
///
/// # Errors
/// What `out` says.
pub fn write(
    outcome: &Outcome,
    run: &Run,
    outputs: &[OutputFile],
    limits: Limits,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::pretty(&mut *out);
    let mut record = serializer.serialize_map(None)?;
    record.serialize_entry("schema", &SCHEMA)?;
    record.serialize_entry("tool", "evql")?;
    record.serialize_entry("version", &run.version)?;
    record.serialize_entry("executable_sha256", &run.executable_sha256)?;
    record.serialize_entry("platform", &run.platform)?;
    record.serialize_entry("case", &run.case)?;
    record.serialize_entry("arguments", &run.arguments)?;
    record.serialize_entry("working_directory", &run.working_directory)?;
    record.serialize_entry("started", &run.started)?;
    record.serialize_entry("ended", &run.ended)?;
    record.serialize_entry("threads", &run.threads)?;
    record.serialize_entry("exit_code", &run.exit_code)?;
    record.serialize_entry("interrupted", &outcome.interrupted)?;
    record.serialize_entry("clock", &outcome.clock)?;
    record.serialize_entry("mapping", &outcome.mapping)?;
    record.serialize_entry("selection", &selection(outcome))?;
    record.serialize_entry("counts", &counts(outcome))?;
    record.serialize_entry("rules_sha256", &rules_hash(outcome))?;
    record.serialize_entry("allow_lists", &Each(&outcome.allow_lists, |file| allow_object(file, outcome)))?;
    record.serialize_entry("rules", &Each(&outcome.rules, |rule: &Arc<RuleInfo>| json!(**rule)))?;
    record.serialize_entry("inputs", &Each(&outcome.sources, input_object))?;
    record.serialize_entry("hosts", &Each(&outcome.hosts, host_object))?;
    record.serialize_entry("coverage", &coverage_object(outcome))?;
    record.serialize_entry("near_misses", &near_object(outcome))?;
    record.serialize_entry("problems", &outcome.damages)?;
    record.serialize_entry("limits", &limits_object(limits))?;
    record.serialize_entry("outputs", outputs)?;
    record.serialize_entry("rebuilt", &run.rebuilt)?;
    record.serialize_entry("merged", &run.merged)?;
    SerializeMap::end(record)?;
    out.write_all(b"\n")
}

/// A list of which one object at a time is made: there may be hundreds of thousands.
struct Each<'a, T, F>(&'a [T], F);

impl<'a, T, F: Fn(&'a T) -> Value> Serialize for Each<'a, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(&self.1))
    }
}

fn limits_object(limits: Limits) -> Value {
    json!({
        "html_findings": limits.html_findings,
        "csv_cell_bytes": super::escape::CELL_LIMIT,
        "csv_cells_neutralised": limits.neutralised_cells,
    })
}

/// The run in one object, for the program that started it: how it ended, and the `counts` of `run.json`.
pub fn summary(outcome: &Outcome, run: &Run) -> Value {
    json!({
        "schema": SCHEMA, "tool": "evql", "version": run.version, "exit_code": run.exit_code,
        "interrupted": outcome.interrupted, "counts": counts(outcome),
    })
}

fn counts(outcome: &Outcome) -> Value {
    let mut severities: BTreeMap<_, u64> = BTreeMap::new();
    for finding in &outcome.findings {
        *severities.entry(finding.severity).or_default() += 1;
    }
    let severities: Map<_, _> = severities
        .into_iter()
        .rev()
        .map(|(severity, count)| (severity.as_str().to_owned(), Value::from(count)))
        .collect();
    let with = |status: Status| outcome.sources.iter().filter(|source| source.status == status).count();
    let sum = |of: fn(&SourceReport) -> u64| outcome.sources.iter().map(of).fold(0, u64::saturating_add);
    json!({
        "findings": outcome.findings.len(),
        "findings_by_severity": severities,
        "suppressed": outcome.suppressed.len(),
        "groups": outcome.groups.len(),
        "inputs": outcome.sources.len(),
        "inputs_by_status": {
            "read": with(Status::Read), "partial": with(Status::Partial),
            "unreadable": with(Status::Unreadable), "skipped": with(Status::Skipped),
            "not_reached": with(Status::NotReached),
        },
        "records": sum(|source| source.records),
        "sysmon_records": sum(|source| source.sysmon_records),
        "hosts": outcome.hosts.len(),
        "problems": outcome.damages.len(),
    })
}

/// What the run was to look at, and how many records it therefore left out.
fn selection(outcome: &Outcome) -> Value {
    let selected = &outcome.selected;
    json!({
        "from": selected.window.from, "to": selected.window.to, "hosts": selected.hosts,
        "excluded_hosts": selected.excluded_hosts,
        "filtered": reasons(outcome.filtered()),
    })
}

fn reasons(filtered: Filtered) -> Map<String, Value> {
    let counts = filtered.reasons().into_iter();
    counts.map(|(reason, count)| (reason.to_owned(), Value::from(count))).collect()
}

/// One hash for the whole set of rules: SHA-256 over the lines `<rule's SHA-256>  <rule's id>` in their order.
fn rules_hash(outcome: &Outcome) -> String {
    let lines: String = outcome.rules.iter().map(|rule| format!("{}  {}\n", rule.sha256, rule.id)).collect();
    sha256(lines.as_bytes())
}

fn allow_object(file: &AllowFile, outcome: &Outcome) -> Value {
    let suppressed =
        |entry: &AllowEntry| outcome.suppressed.iter().filter(|one| one.entry.id == entry.id).count();
    let entries = file.entries.iter().map(|entry| {
        json!({
            "id": entry.id, "reason": entry.reason, "author": entry.author, "expires": entry.expires,
            "rule": entry.rule, "expired": entry.expired, "suppressed": suppressed(entry),
        })
    });
    json!({"path": file.path, "sha256": file.sha256, "entries": entries.collect::<Vec<_>>()})
}

fn input_object(source: &SourceReport) -> Value {
    json!({
        "path": source.source, "size": source.size, "modified": source.modified, "sha256": source.sha256,
        "status": source.status, "chunks": source.chunks, "records": source.records,
        "sysmon_records": source.sysmon_records, "first": source.first, "last": source.last,
        "problems": source.problems, "kind": source.kind, "recovered": source.recovered,
        "filtered": source.filtered.total(), "filtered_by": reasons(source.filtered), "vouched": source.vouched,
        "changed": source.changed, "relation": source.overlap.relation, "in_newer": source.overlap.in_newer, "only_in_older": source.overlap.only_in_older,
    })
}

fn host_object(host: &HostCoverage) -> Value {
    let events: Map<_, _> =
        host.events.iter().map(|(id, event)| (id.to_string(), Value::from(event.count))).collect();
    json!({
        "host": host.host, "first": host.first, "last": host.last, "events": events,
        "other_events": host.other_events,
        "filetime": {"first": filetime(host.first), "last": filetime(host.last)},
    })
}

fn coverage_object(outcome: &Outcome) -> Value {
    let reach = &outcome.reach;
    let hosts = outcome.hosts.iter().map(|host| {
        let events = reach.needs.iter().filter_map(|need| presence_object(host, need));
        json!({"host": host.host, "logged": host.logged, "events": events.collect::<Vec<_>>()})
    });
    let blind = reach
        .blind
        .iter()
        .map(|blind| json!({"rules": blind.rules, "needs_one_of": blind.events, "hosts": blind.hosts}));
    json!({
        "sentences": coverage::sentences(outcome),
        "needs": reach.needs,
        "hosts": hosts.collect::<Vec<_>>(),
        "blind_rules": blind.collect::<Vec<_>>(),
        "records_of_other_hosts": reach.other_hosts,
    })
}

fn presence_object(host: &HostCoverage, need: &Need) -> Option<Value> {
    let presence: &Presence = host.presence.get(&need.event_id)?;
    let event = host.events.get(&need.event_id);
    Some(json!({
        "event_id": need.event_id, "count": host.count(need.event_id), "state": presence.as_str(),
        "first": event.and_then(|event| event.first), "last": event.and_then(|event| event.last),
        "absent_periods": presence.periods(), "more_absent_periods": presence.more(),
        "histogram": event.map(|event| &event.histogram),
    }))
}

fn near_object(outcome: &Outcome) -> Value {
    let near = &outcome.near;
    let counts = near.counts.iter().map(|count| {
        json!({
            "rule_id": count.rule.id, "kind": count.kind, "count": count.count, "listed": count.listed,
        })
    });
    json!({
        "looked_for": near.looked_for, "at_least": near.more, "counts": counts.collect::<Vec<_>>(),
        "listed_per_rule": LISTED_PER_RULE, "listed_at_most": LISTED,
    })
}

/// To the 100 ns that the printed time lacks.
fn filetime(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| time.ticks().to_string())
}
