//! Findings → `signals.ndjson`: the alert documents that Elastic's detection engine keeps of an EQL rule, for Elasticsearch, Logstash, SOF-ELK. It sends
//! nothing anywhere.
//!
//! Fields are those of Kibana's alert schema (`kibana.alert.*`) and of ECS. A finding of one event is one document. A sequence is a building block per event
//! and a shell: they share `kibana.alert.group.id`, and the shell holds what all its events have in common. Ids are those of the findings, so that writing
//! the same result twice makes no second alert.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::jsonl::{event_document, put, write_line};
use super::subject::{self, Subject};
use crate::finding::{EvidenceEvent, Finding, Outcome, Threat};
use crate::hash::sha256;
use crate::time::Timestamp;

/// The version of the `evql` object in each document.
pub const SCHEMA: i64 = 1;

/// The data stream of Elastic's Windows integration: where the events of a log would lie, and what their ids are counted as being of.
const EVENTS: &str = "logs-windows.sysmon_operational-default";

/// Writes `signals.ndjson`: the documents of each finding in the outcome's order, building blocks first, `\n` after each. Findings that an allow-list set
/// aside are not among them.
///
/// # Errors
/// What `out` says.
pub fn write_signals(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    for finding in &outcome.findings {
        documents(finding).iter().try_for_each(|document| write_line(document, out))?;
    }
    Ok(())
}

/// The documents of `finding`.
fn documents(finding: &Finding) -> Vec<Value> {
    let events: Vec<&EvidenceEvent> = finding.present().collect();
    if let [event] = events[..] {
        return vec![of_event(finding, event, alert(finding, &finding.id, 1, vec![ancestor(event)]))];
    }
    let blocks: Vec<Value> =
        events.iter().enumerate().map(|(place, event)| building_block(finding, event, place)).collect();
    let shell = shell(finding, &blocks);
    blocks.into_iter().chain([shell]).collect()
}

/// The event at `place` of a sequence.
fn building_block(finding: &Finding, event: &EvidenceEvent, place: usize) -> Value {
    let mut alert = alert(finding, &block_id(finding, place), 1, vec![ancestor(event)]);
    alert["building_block_type"] = Value::from("default");
    alert["group"] = json!({"id": finding.id, "index": place});
    of_event(finding, event, alert)
}

fn block_id(finding: &Finding, place: usize) -> String {
    format!("{}-{place}", finding.id)
}

/// What stands for the sequence as a whole; `blocks` are its building blocks.
fn shell(finding: &Finding, blocks: &[Value]) -> Value {
    let block = |place: usize| json!({"id": block_id(finding, place), "type": "signal", "index": "", "depth": 1, "rule": finding.rule.id});
    let ancestors = finding.present().enumerate().flat_map(|(place, event)| [block(place), ancestor(event)]);
    let mut alert = alert(finding, &finding.id, 2, ancestors.collect());
    let times = || finding.present().map(|event| event.timestamp);
    alert["group"] = json!({"id": finding.id});
    alert["original_time"] = Value::from(times().min().unwrap_or_default().to_iso_millis());
    let blocks = blocks.iter().filter_map(Value::as_object);
    let common = blocks.cloned().reduce(|a, b| intersection(&a, &b)).unwrap_or_default();
    document(finding, common, times().max().unwrap_or_default(), alert)
}

/// The fields of `event`, with what it was under `kibana.alert.original_*`.
fn of_event(finding: &Finding, event: &EvidenceEvent, mut alert: Value) -> Value {
    let mut fields = event_document(event);
    // Where Elastic keeps alerts is for whoever loads them to say.
    fields.remove("data_stream");
    alert["original_event"] = fields.get("event").cloned().unwrap_or_default();
    alert["original_time"] = Value::from(event.timestamp.to_iso_millis());
    document(finding, fields, event.timestamp, alert)
}

/// `fields` with those of ECS and of evql itself that every document of `finding` has, and those of Kibana's alert schema.
fn document(finding: &Finding, fields: Map<String, Value>, time: Timestamp, alert: Value) -> Value {
    let rule = &finding.rule;
    // What makes it an alert comes first: readers that look only at a document's beginning shall not take it for an event.
    let known = json!({
        "@timestamp": time.to_iso_millis(),
        "kibana": {"alert": alert, "space_ids": ["default"]},
        "rule": {
            "id": rule.id, "uuid": rule.id, "name": rule.name, "description": rule.description,
            "version": rule.version.map(|version| version.to_string()),
        },
        "threat": threat_fields(finding),
        "evql": {
            "schema": SCHEMA, "finding_id": finding.id, "clock": finding.clock.as_str(),
            "why": subject::why(finding).collect::<Vec<_>>(), "flags": finding.flags().collect::<BTreeSet<_>>(),
        },
    });
    let mut document = known.as_object().cloned().unwrap_or_default();
    for (name, value) in fields {
        document.entry(name).or_insert(value);
    }
    put(&mut document, "event", "kind", Value::from("signal"));
    Value::Object(document)
}

/// The object `kibana.alert`.
fn alert(finding: &Finding, id: &str, depth: u32, ancestors: Vec<Value>) -> Value {
    json!({
        "uuid": id,
        "status": "active",
        "workflow_status": "open",
        "severity": finding.severity.as_str(),
        "risk_score": finding.risk_score,
        "reason": reason(finding),
        "depth": depth,
        "ancestors": ancestors,
        "rule": rule(finding),
    })
}

/// The finding in a sentence.
fn reason(finding: &Finding) -> String {
    let process = Subject::main(finding).map(Subject::process).unwrap_or_default();
    let user = Subject::main(finding).map(Subject::user).unwrap_or_default();
    let by = if user.is_empty() { String::new() } else { format!(" by {user}") };
    let target = subject::finding_target(finding);
    let reached = if target.is_empty() { String::new() } else { format!(" reached {target}") };
    let severity = finding.severity.as_str();
    format!("{process}{by} on {}{reached}: {severity} finding of {}.", finding.host, finding.rule.name)
}

fn rule(finding: &Finding) -> Value {
    let rule = &finding.rule;
    json!({
        "uuid": rule.id,
        "rule_id": rule.id,
        "name": rule.name,
        "description": rule.description,
        "category": "Event Correlation Rule",
        "type": "eql",
        "producer": "siem",
        "consumer": "siem",
        "rule_type_id": "siem.eqlRule",
        "version": rule.version,
        "severity": rule.severity.as_str(),
        "risk_score": rule.risk_score,
        "tags": rule.tags,
        "threat": finding.threats.iter().map(|threat| rule_threat(threat, finding)).collect::<Vec<_>>(),
        "parameters": {"type": "eql", "language": "eql", "query": rule.query},
    })
}

/// The event as the ancestor of an alert. Its id is evql's: a hash of what identifies a record.
fn ancestor(event: &EvidenceEvent) -> Value {
    let identity =
        json!([event.computer, event.channel, event.record_id, event.created.ticks(), event.event_id]);
    let id: String = sha256(identity.to_string().as_bytes()).chars().take(32).collect();
    json!({"id": id, "type": "event", "index": EVENTS, "depth": 0})
}

/// The name of the technique `id`, where the finding or its rule names it: a finding often carries the sub-technique alone.
fn technique_name<'a>(finding: &'a Finding, id: &str) -> Option<&'a str> {
    let mut named = finding.threats.iter().chain(&finding.rule.threats).flat_map(|threat| &threat.techniques);
    named.find(|technique| technique.id == id).map(|technique| technique.name.as_str())
}

/// A tactic as rules have it: a sub-technique stands under its technique.
fn rule_threat(threat: &Threat, finding: &Finding) -> Value {
    let technique = |id: &&str| {
        let own = threat.techniques.iter().filter(|one| parent(&one.id) == *id && one.id != *id);
        let mut object = attack(id, technique_name(finding, id), "techniques");
        object["subtechnique"] = own.map(|one| attack(&one.id, Some(&one.name), "techniques")).collect();
        object
    };
    let ids = distinct(threat.techniques.iter().map(|technique| parent(&technique.id)));
    json!({
        "framework": "MITRE ATT&CK",
        "tactic": attack(&threat.tactic_id, Some(&threat.tactic_name), "tactics"),
        "technique": ids.iter().map(technique).collect::<Vec<_>>(),
    })
}

/// `threat.*` as ECS has it: the values of all tactics and techniques in lists.
fn threat_fields(finding: &Finding) -> Value {
    let tactics = || finding.threats.iter().filter(|threat| !threat.tactic_id.is_empty());
    let all = || finding.threats.iter().flat_map(|threat| &threat.techniques);
    let sub = || all().filter(|technique| parent(&technique.id) != technique.id);
    let ids = distinct(all().map(|technique| parent(&technique.id)));
    json!({
        "framework": "MITRE ATT&CK",
        "tactic": {
            "id": distinct(tactics().map(|threat| threat.tactic_id.as_str())),
            "name": distinct(tactics().map(|threat| threat.tactic_name.as_str())),
        },
        "technique": {
            "name": ids.iter().filter_map(|id| technique_name(finding, id)).collect::<Vec<_>>(),
            "id": ids,
            "subtechnique": {
                "id": distinct(sub().map(|technique| technique.id.as_str())),
                "name": distinct(sub().map(|technique| technique.name.as_str())),
            },
        },
    })
}

/// Each of `texts` once, in order.
fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    texts.filter(|text| seen.insert(*text)).collect()
}

/// `T1218` of `T1218.005`.
fn parent(technique: &str) -> &str {
    technique.split_once('.').map_or(technique, |(parent, _)| parent)
}

fn attack(id: &str, name: Option<&str>, kind: &str) -> Value {
    json!({"id": id, "name": name, "reference": format!("https://attack.mitre.org/{kind}/{}/", id.replace('.', "/"))})
}

/// What both have, at the same place and alike.
fn intersection(a: &Map<String, Value>, b: &Map<String, Value>) -> Map<String, Value> {
    let shared = a.iter().filter_map(|(key, left)| {
        let value = match (left, b.get(key)?) {
            (Value::Object(left), Value::Object(right)) => Value::Object(intersection(left, right)),
            (left, right) if left == right => left.clone(),
            _ => return None,
        };
        let empty = value.as_object().is_some_and(Map::is_empty);
        (!empty).then(|| (key.clone(), value))
    });
    shared.collect()
}
