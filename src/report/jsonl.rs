//! Findings → JSON Lines: everything, untruncated, raw. Text is as the log had it; whoever shows it escapes it.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::story::{self, Told};
use super::subject::Subject;
use super::timeline;
use crate::finding::{EvidenceEvent, Finding, Outcome, Threat};
use crate::time::TICKS_PER_MILLI;

/// The version of the objects in `findings.jsonl`; a key renamed, removed or given another meaning raises it.
pub const SCHEMA: i64 = 1;

/// Writes `findings.jsonl`: one object per finding, in the outcome's order, `\n` after each.
///
/// # Errors
/// What `out` says.
pub fn write_findings(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let mut told = Told::default();
    let mut object = |finding| finding_object(finding, told.before(finding));
    outcome.findings.iter().try_for_each(|finding| write_line(&object(finding), out))
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

/// The object of one finding. A key of its head that nothing fills is `null`, and so is an event that had to be missing. The story
/// stands under the first finding of a process; `before` is that, for the others.
pub fn finding_object(finding: &Finding, before: Option<&str>) -> Value {
    let rule = &finding.rule;
    json!({
        "schema": SCHEMA,
        "finding_id": finding.id,
        "rule": {
            "id": rule.id, "name": rule.name, "version": rule.version, "sha256": rule.sha256, "origin": rule.origin,
        },
        "severity": finding.severity.as_str(),
        "risk_score": rule.risk_score,
        "host": {"name": finding.host},
        "user": head(finding, "user.", &["domain", "name"]),
        "process": process(finding),
        "clock": finding.clock.as_str(),
        "delta_ms": finding.delta_ticks.map(|ticks| ticks.div_euclid(TICKS_PER_MILLI)),
        "threat": finding.threats.iter().map(threat).collect::<Vec<_>>(),
        "notes": finding.notes,
        "resolved_from_excluded_name": story::excluded_name(finding.excluded_name.as_ref()),
        "story": story::object(finding, before),
        "events": finding.events.iter().map(|event| event_object(event.as_ref())).collect::<Vec<_>>(),
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

fn threat(threat: &Threat) -> Value {
    let techniques: Vec<Value> = threat
        .techniques
        .iter()
        .map(|technique| json!({"id": technique.id, "name": technique.name}))
        .collect();
    json!({"framework": "MITRE ATT&CK", "tactic": {"id": threat.tactic_id, "name": threat.tactic_name}, "technique": techniques})
}

/// The event's whole ECS document, keys sorted, with what identifies it put in whether or not the document has it, and where it was read.
fn event_object(event: Option<&EvidenceEvent>) -> Value {
    let Some(event) = event else { return Value::Null };
    let evidence = &event.evidence;
    let mut document = event.document.clone();
    document.insert("@timestamp".to_owned(), Value::from(event.timestamp.to_string()));
    let known = [
        ("event", "code", Some(event.event_id.to_string())),
        ("event", "created", Some(event.created.to_string())),
        ("winlog", "record_id", event.record_id.map(|id| id.to_string())),
        ("winlog", "channel", Some(event.channel.clone())),
        ("winlog", "computer_name", Some(event.computer.clone())),
    ];
    for (object, key, text) in known.into_iter().filter_map(|(object, key, text)| Some((object, key, text?)))
    {
        put(&mut document, object, key, Value::from(text));
    }
    document.insert(
        "evidence".to_owned(),
        json!({
            "source": evidence.source, "sha256": evidence.sha256, "copies": evidence.copies, "recovered": evidence.recovered,
            "other_sources": evidence.other_sources, "fields_shifted": evidence.fields_shifted, "forwarded": evidence.forwarded,
        }),
    );
    document.sort_keys();
    document.values_mut().for_each(Value::sort_all_objects);
    Value::Object(document)
}

fn put(document: &mut Map<String, Value>, object: &str, key: &str, value: Value) {
    let slot = document.entry(object).or_insert_with(|| Value::Object(Map::new()));
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    if let Some(map) = slot.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}

fn write_line(value: &Value, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}
