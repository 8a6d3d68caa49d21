//! Findings → `bundle.json`, STIX 2.1: what was observed, of which rule it is a sighting, and nothing that a rule cannot know. It offers no indicator of its own.
//!
//! A finding is `observed-data` over cyber-observables and a `sighting` of the rule. The rule is the `indicator`, its EQL query the pattern: that is what is
//! known to point at something. Addresses and hashes stay observables until somebody judges them. Identifiers and times come from the evidence, so that
//! the same evidence makes the same bundle.

mod ids;
mod observables;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::navigator::is_technique;
use super::subject;
use crate::finding::{EvidenceEvent, Finding, Outcome, RuleInfo, Run, Threat, Tlp};
use crate::time::Timestamp;
use observables::Observables;

/// When objects came to be that no evidence gives a time: evql itself, ATT&CK's techniques.
const EPOCH: &str = "2024-01-01T00:00:00.000Z";

/// The last moment that RFC 3339 can write: for times in a log that lie behind it.
const LAST: &str = "9999-12-31T23:59:59.999Z";

/// Writes `bundle.json`, indented. Findings that an allow-list set aside are not in it; without findings it holds evql's identity alone.
///
/// # Errors
/// What `out` says.
pub fn write_bundle(outcome: &Outcome, run: &Run, out: &mut dyn Write) -> io::Result<()> {
    let objects = Bundle::of(outcome, run).objects;
    let ids: Vec<&Value> = objects.iter().filter_map(|object| object.get("id")).collect();
    let id = ids::own("bundle", &json!(ids));
    serde_json::to_writer_pretty(&mut *out, &json!({"type": "bundle", "id": id, "objects": objects}))?;
    out.write_all(b"\n")
}

/// A bundle in the making.
struct Bundle {
    objects: Vec<Value>,
    known: BTreeSet<String>,
    /// Identifier of the marking that all objects carry.
    marking: Option<String>,
    /// Identifier of evql's identity.
    author: String,
}

impl Bundle {
    fn of(outcome: &Outcome, run: &Run) -> Self {
        let mut bundle =
            Self { objects: Vec::new(), known: BTreeSet::new(), marking: None, author: String::new() };
        if let Some(tlp) = run.case.tlp {
            let marking = marking(tlp);
            bundle.marking = marking["id"].as_str().map(str::to_owned);
            bundle.objects.push(marking);
        }
        let author = json!({"name": "evql", "description": "Elastic EQL rules over Windows event logs", "identity_class": "system"});
        bundle.author = bundle.add("identity", EPOCH, author);
        let rules = bundle.rules(outcome);
        let mut observables = Observables::default();
        let observed: Vec<Vec<String>> =
            outcome.findings.iter().map(|finding| observables.add(finding)).collect();
        bundle.observables(&observables);
        let answers = latest(outcome.findings.iter().flat_map(Finding::present));
        for (name, address) in observables.answers() {
            bundle.relate(name, "resolves-to", address, &answers);
        }
        for (finding, observed) in outcome.findings.iter().zip(&observed) {
            bundle.finding(finding, observed, &rules);
        }
        bundle.grouping(outcome, run);
        bundle
    }

    /// Each rule with findings as an `indicator` of the techniques that these carry; returns the identifiers by rule.
    fn rules<'a>(&mut self, outcome: &'a Outcome) -> BTreeMap<&'a str, String> {
        let mut found: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
        for finding in &outcome.findings {
            found.entry(&finding.rule.id).or_default().push(finding);
        }
        let mut rules = BTreeMap::new();
        for (id, findings) in found {
            let Some(first) = findings.first() else { continue };
            let events = || findings.iter().flat_map(|finding| finding.present());
            let indicator =
                self.add("indicator", &earliest(events()), indicator(&first.rule, &earliest(events())));
            for pattern in
                findings.iter().flat_map(|finding| finding.threats.iter().flat_map(attack_patterns))
            {
                let pattern = self.add("attack-pattern", EPOCH, pattern);
                self.relate(&indicator, "indicates", &pattern, EPOCH);
            }
            rules.insert(id, indicator);
        }
        rules
    }

    fn observables(&mut self, observables: &Observables) {
        for object in observables.objects() {
            let mut object = object.clone();
            self.mark(&mut object);
            self.objects.push(Value::Object(object));
        }
    }

    /// What was observed, and that it is a sighting of the rule.
    fn finding(&mut self, finding: &Finding, observed: &[String], rules: &BTreeMap<&str, String>) {
        let (first, last) = (earliest(finding.present()), latest(finding.present()));
        let mut sighting = json!({
            "first_seen": first, "last_seen": last, "count": 1, "sighting_of_ref": rules.get(finding.rule.id.as_str()),
            "description": description(finding),
            "external_references": [{"source_name": "evql", "external_id": finding.id}],
        });
        if !observed.is_empty() {
            let data = json!({
                "first_observed": first, "last_observed": last, "number_observed": 1, "object_refs": observed,
                "external_references": references(finding),
            });
            sighting["observed_data_refs"] = json!([self.add("observed-data", &last, data)]);
        }
        if !finding.host.is_empty() {
            let host = json!({"name": finding.host, "identity_class": "system"});
            sighting["where_sighted_refs"] = json!([self.add("identity", EPOCH, host)]);
        }
        self.add("sighting", &last, sighting);
    }

    /// All of it as one thing to hand over.
    fn grouping(&mut self, outcome: &Outcome, run: &Run) {
        if outcome.findings.is_empty() {
            return;
        }
        let last = latest(outcome.findings.iter().flat_map(Finding::present));
        let case = if run.case.id.is_empty() { String::new() } else { format!(", case {}", run.case.id) };
        let content = self.objects.iter().filter(|object| object["type"] != "marking-definition");
        let members: Vec<&Value> = content.filter_map(|object| object.get("id")).collect();
        let grouping = json!({
            "name": format!("evql findings{case}"), "context": "suspicious-activity", "object_refs": members,
        });
        self.add("grouping", &last, grouping);
    }

    fn relate(&mut self, source: &str, kind: &str, target: &str, time: &str) {
        let relationship = json!({"relationship_type": kind, "source_ref": source, "target_ref": target});
        self.add("relationship", time, relationship);
    }

    /// Adds an object made at `time`, once; returns its identifier, which its content makes: another content is another object, never another version.
    fn add(&mut self, kind: &str, time: &str, properties: Value) -> String {
        let mut object = Map::from_iter([
            ("type".to_owned(), Value::from(kind)),
            ("spec_version".to_owned(), Value::from("2.1")),
        ]);
        object.insert("created".to_owned(), Value::from(time));
        object.insert("modified".to_owned(), Value::from(time));
        if !self.author.is_empty() {
            object.insert("created_by_ref".to_owned(), Value::from(self.author.as_str()));
        }
        object.extend(properties.as_object().cloned().unwrap_or_default());
        self.mark(&mut object);
        let id = ids::own(kind, &Value::Object(object.clone()));
        if self.known.insert(id.clone()) {
            object.insert("id".to_owned(), Value::from(id.as_str()));
            self.objects.push(Value::Object(object));
        }
        id
    }

    fn mark(&self, object: &mut Map<String, Value>) {
        if let Some(marking) = &self.marking {
            object.insert("object_marking_refs".to_owned(), json!([marking]));
        }
    }
}

/// The rule: its query is a pattern of unusual behaviour, not a proof of a bad one.
fn indicator(rule: &RuleInfo, from: &str) -> Value {
    json!({
        "name": rule.name,
        "description": rule.description,
        "indicator_types": ["anomalous-activity"],
        "pattern": rule.query,
        "pattern_type": "eql",
        "valid_from": from,
        "external_references": [{"source_name": "evql rule", "external_id": rule.id, "description": format!("SHA-256 of the rule's text: {}", rule.sha256)}],
    })
}

/// The techniques under a tactic, as ATT&CK calls them.
fn attack_patterns(threat: &Threat) -> Vec<Value> {
    let tactic = threat.tactic_name.to_lowercase().replace(' ', "-");
    let known = threat.techniques.iter().filter(|technique| is_technique(&technique.id));
    let pattern = |technique: &crate::finding::Technique| {
        let url = format!("https://attack.mitre.org/techniques/{}/", technique.id.replace('.', "/"));
        let mut pattern = json!({
            "name": technique.name,
            "external_references": [{"source_name": "mitre-attack", "external_id": technique.id, "url": url}],
        });
        if !tactic.is_empty() {
            pattern["kill_chain_phases"] = json!([{"kill_chain_name": "mitre-attack", "phase_name": tactic}]);
        }
        pattern
    };
    known.map(pattern).collect()
}

/// Where the finding and its records are to be found.
fn references(finding: &Finding) -> Value {
    let record = |event: &EvidenceEvent| {
        let mut reference = json!({
            "source_name": "Windows event log",
            "description": format!(
                "event {} of {} on {}, read from {}",
                event.event_id, event.channel, event.computer, event.evidence.source,
            ),
        });
        if let Some(id) = event.record_id {
            reference["external_id"] = Value::from(format!("record {id}"));
        }
        reference
    };
    let own = json!({"source_name": "evql", "external_id": finding.id});
    [own].into_iter().chain(finding.present().map(record)).collect()
}

fn description(finding: &Finding) -> String {
    let what = format!("{} finding, risk {} of 100.", finding.severity.as_str(), finding.risk_score);
    [what].into_iter().chain(subject::why(finding)).collect::<Vec<_>>().join(" ")
}

/// The marking of FIRST's Traffic Light Protocol 2.0 as OASIS defines it, with the identifiers that are the same for everybody (cti-stix-common-objects).
fn marking(tlp: Tlp) -> Value {
    let uuid = match tlp {
        Tlp::Clear => "94868c89-83c2-464b-929b-a1a8aa3c8487",
        Tlp::Green => "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
        Tlp::Amber => "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
        Tlp::AmberStrict => "939a9414-2ddd-4d32-a0cd-375ea402b003",
        Tlp::Red => "e828b379-4e03-4974-9ac4-e53a884c97c1",
    };
    json!({
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": format!("marking-definition--{uuid}"),
        "created": "2022-10-01T00:00:00.000Z",
        "name": tlp.label(),
        "extensions": {
            "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d": {
                "extension_type": "property-extension", "tlp_2_0": tlp.as_str(),
            },
        },
    })
}

fn earliest<'a>(events: impl Iterator<Item = &'a EvidenceEvent>) -> String {
    moment(events.map(|event| event.timestamp).min())
}

fn latest<'a>(events: impl Iterator<Item = &'a EvidenceEvent>) -> String {
    moment(events.map(|event| event.timestamp).max())
}

/// With milliseconds, as `created` wants it.
fn moment(time: Option<Timestamp>) -> String {
    let text = time.unwrap_or_default().to_iso_millis();
    if text.ends_with('Z') { text } else { LAST.to_owned() }
}

/// Without zeros behind a fraction, as canonical form has it; `None` for a time that RFC 3339 cannot write.
fn instant(time: Timestamp) -> Option<String> {
    let text = time.to_iso_millis();
    let digits = text.strip_suffix('Z')?.trim_end_matches('0');
    // Zeros may be of the seconds, when the fraction is nothing but zeros.
    let whole = digits.strip_suffix('.').unwrap_or(digits);
    Some(format!("{whole}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_no_zero_too_many_and_none_too_few() {
        for (millis, text) in [
            (1_709_287_200_000, "2024-03-01T10:00:00Z"),
            (1_709_287_200_120, "2024-03-01T10:00:00.12Z"),
            (1_709_287_200_007, "2024-03-01T10:00:00.007Z"),
            (1_709_287_220_100, "2024-03-01T10:00:20.1Z"),
        ] {
            assert_eq!(instant(Timestamp::from_unix_millis(millis)).as_deref(), Some(text));
        }
        assert_eq!(instant(Timestamp::from_filetime(u64::MAX)), None);
        assert_eq!(moment(Some(Timestamp::from_filetime(u64::MAX))), LAST);
    }
}
