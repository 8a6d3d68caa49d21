//! Findings → JSON Lines: everything, untruncated, raw. Text is as the log had it; whoever shows it escapes it.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::story::{self, Told};
use super::subject::Subject;
use super::timeline;
use crate::finding::{EvidenceEvent, Finding, NearCount, NearMiss, Outcome, RuleInfo, Suppressed};
use crate::time::TICKS_PER_MILLI;

/// The version of the objects in `findings.jsonl`; a key renamed, removed or given another meaning raises it.
pub const SCHEMA: i64 = 1;

/// Writes `findings.jsonl`: one object per finding, in the outcome's order; then those that an allow-list set aside; then one per rule and kind of near miss
/// with their number; then one per near miss that is listed; `\n` after each.
///
/// # Errors
/// What `out` says.
pub fn write_findings(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let near = &outcome.near;
    let aside = || outcome.suppressed.iter().map(|suppressed| &suppressed.finding);
    let told = Told::of(outcome.findings.iter().chain(aside()));
    let object = |finding| finding_object(finding, told.elsewhere(finding));
    outcome.findings.iter().try_for_each(|finding| write_line(&object(finding), out))?;
    outcome.suppressed.iter().try_for_each(|suppressed| {
        write_line(&suppressed_object(suppressed, told.elsewhere(&suppressed.finding)), out)
    })?;
    near.counts.iter().try_for_each(|count| write_line(&count_object(count, near.more), out))?;
    near.listed.iter().try_for_each(|miss| write_line(&near_miss_object(miss), out))
}

/// Writes `timeline.jsonl`: the rows of `timeline.csv` under the same names, with numbers as numbers and nothing cut, and `timestamp` in microseconds
/// since 1970 (Timesketch keeps it; it would otherwise compute it through a float). A cell that is empty in CSV is absent here.
///
/// # Errors
/// What `out` says.
pub fn write_timeline(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    for row in timeline::rows(outcome) {
        let mut line = Map::new();
        for column in timeline::COLUMNS {
            if let Some(value) = (column.fill)(&row).to_json() {
                line.insert(column.name.to_owned(), value);
            }
        }
        line.insert("timestamp".to_owned(), Value::from(row.time().unix_micros()));
        write_line(&Value::Object(line), out)?;
    }
    Ok(())
}

/// The object of a finding that an allow-list set aside: the finding's, with the entry that did it.
fn suppressed_object(suppressed: &Suppressed, elsewhere: Option<&str>) -> Value {
    let entry = &suppressed.entry;
    let mut object = finding_object(&suppressed.finding, elsewhere);
    object["type"] = Value::from("suppressed");
    object["allow"] = json!({
        "id": entry.id, "reason": entry.reason, "author": entry.author, "expires": entry.expires,
    });
    object
}

/// The object of one finding. A key of its head that nothing fills is `null`, and so is an event that had to be missing. The story
/// stands under one finding of a process; `elsewhere` is that, for the others.
pub fn finding_object(finding: &Finding, elsewhere: Option<&str>) -> Value {
    let rule = &finding.rule;
    json!({
        "type": "finding",
        "schema": SCHEMA,
        "finding_id": finding.id,
        "rule": rule_head(rule),
        "severity": finding.severity.as_str(),
        "base_severity": rule.severity.as_str(),
        "risk_score": finding.risk_score,
        "base_risk": rule.risk_score,
        "why": finding.why,
        "prevalence": finding.prevalence,
        "host": {"name": finding.host},
        "user": head(finding, "user.", &["domain", "name"]),
        "process": process(finding),
        "clock": finding.clock.as_str(),
        "delta_ms": finding.delta_ticks.map(|ticks| ticks.div_euclid(TICKS_PER_MILLI)),
        "threat": finding.threats,
        "notes": finding.notes,
        "resolved_from_excluded_name": finding.excluded_name,
        "story": story::object(finding, elsewhere),
        "events": finding.events,
    })
}

/// The object of one near miss: the head of a finding's, the reason, and the events that are there.
pub fn near_miss_object(miss: &NearMiss) -> Value {
    let nearly = &miss.nearly;
    json!({
        "type": "near_miss",
        "schema": SCHEMA,
        "near_miss_id": nearly.id,
        "rule": rule_head(&nearly.rule),
        "kind": miss.kind.as_str(),
        "detail": miss.detail,
        "host": {"name": nearly.host},
        "user": head(nearly, "user.", &["domain", "name"]),
        "process": process(nearly),
        "clock": nearly.clock.as_str(),
        "delta_ms": nearly.delta_ticks.map(|ticks| ticks.div_euclid(TICKS_PER_MILLI)),
        "events": nearly.events,
    })
}

/// How many near misses of one kind a rule has; `more` says that there may be more.
fn count_object(count: &NearCount, more: bool) -> Value {
    json!({
        "type": "near_miss_count",
        "schema": SCHEMA,
        "rule": rule_head(&count.rule),
        "kind": count.kind.as_str(),
        "count": count.count,
        "listed": count.listed,
        "at_least": more,
    })
}

fn rule_head(rule: &RuleInfo) -> Value {
    json!({
        "id": rule.id, "name": rule.name, "version": rule.version, "sha256": rule.sha256, "origin": rule.origin,
    })
}

fn process(finding: &Finding) -> Value {
    const FIELDS: &[&str] = &["entity_id", "name", "executable", "pid", "command_line"];
    let mut process = head(finding, "process.", FIELDS);
    process.insert("parent".to_owned(), Value::Object(head(finding, "process.parent.", FIELDS)));
    Value::Object(process)
}

fn head(finding: &Finding, prefix: &str, fields: &[&str]) -> Map<String, Value> {
    let subject = Subject::main(finding);
    let value = |field: &str| subject.and_then(|subject| subject.get(&format!("{prefix}{field}"))).cloned();
    fields.iter().map(|field| ((*field).to_owned(), value(field).unwrap_or(Value::Null))).collect()
}

/// The event's document with what identifies it and where it was read.
pub(super) fn event_document(event: &EvidenceEvent) -> Map<String, Value> {
    match json!(event) {
        Value::Object(document) => document,
        _ => Map::new(),
    }
}

/// Puts `value` at `object`.`key`, making the object where there is none.
pub(super) fn put(document: &mut Map<String, Value>, object: &str, key: &str, value: Value) {
    let slot = document.entry(object).or_insert_with(|| Value::Object(Map::new()));
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    if let Some(map) = slot.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}

/// Writes `value` and `\n`.
pub(super) fn write_line(value: &Value, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}
