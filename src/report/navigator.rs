//! Findings → `navigator.json`: a layer of the ATT&CK Navigator in which a technique's score is how many findings carry it. It knows no technique itself.
//!
//! Source: MITRE's definition of the layer format, version 4.5. `versions.attack` is left out, since rules do not say which version of ATT&CK they are
//! written for, and so is each technique's `tactic`, so that it is marked wherever a version has it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde_json::{Value, json};

use super::escape::{truncated, visible};
use super::words::{counted, some_of};
use crate::finding::{Finding, Outcome, RuleInfo};

/// The version of the layer format.
const LAYER: &str = "4.5";

/// The Navigator that this version of the format came with.
const NAVIGATOR: &str = "5.0.0";

/// Hosts that a comment or a field names, at most.
const HOSTS: usize = 10;

/// Longest text of a comment or a field, in bytes: the Navigator shows it in a tooltip.
const TEXT: usize = 1_000;

/// Writes `navigator.json`, indented. Findings that an allow-list set aside count for nothing.
///
/// # Errors
/// What `out` says.
pub fn write_layer(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let techniques = techniques(outcome);
    let most = techniques.values().map(Technique::score).max().unwrap_or(0).max(1);
    let (tagged, all) = (with_technique(outcome), outcome.findings.len());
    let layer = json!({
        "name": "evql findings",
        "versions": {"layer": LAYER, "navigator": NAVIGATOR},
        "domain": "enterprise-attack",
        "description": format!(
            "The score of a technique is how many of {} carry it, as their rules say; {} name no technique. A mapping is the rule's word, not a conclusion.",
            counted(all, "finding"), all.saturating_sub(tagged),
        ),
        "sorting": 3,
        "hideDisabled": false,
        "techniques": techniques.iter().map(|(id, technique)| technique.object(id)).collect::<Vec<_>>(),
        "gradient": {"colors": ["#fff3c4", "#e8590c"], "minValue": 0, "maxValue": most},
        "legendItems": [],
        "selectTechniquesAcrossTactics": true,
        "selectSubtechniquesWithParent": false,
    });
    serde_json::to_writer_pretty(&mut *out, &layer)?;
    out.write_all(b"\n")
}

/// The findings that carry a technique.
#[derive(Default)]
struct Technique<'a> {
    findings: BTreeSet<&'a str>,
    rules: BTreeMap<&'a str, (&'a RuleInfo, usize)>,
    hosts: BTreeSet<&'a str>,
}

/// By id, which is well formed.
fn techniques(outcome: &Outcome) -> BTreeMap<&str, Technique<'_>> {
    let mut techniques: BTreeMap<&str, Technique> = BTreeMap::new();
    for finding in &outcome.findings {
        for id in ids(finding) {
            techniques.entry(id).or_default().add(finding);
        }
    }
    techniques
}

/// The techniques of a finding, each once; the Navigator would leave out a layer with an id that is none.
fn ids(finding: &Finding) -> BTreeSet<&str> {
    let all = finding.threats.iter().flat_map(|threat| &threat.techniques);
    all.map(|technique| technique.id.as_str()).filter(|id| is_technique(id)).collect()
}

fn with_technique(outcome: &Outcome) -> usize {
    outcome.findings.iter().filter(|finding| !ids(finding).is_empty()).count()
}

/// `T1218`, `T1218.005`.
pub(super) fn is_technique(id: &str) -> bool {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    id.strip_prefix('T').is_some_and(|number| match number.split_once('.') {
        Some((technique, sub)) => digits(technique, 4) && digits(sub, 3),
        None => digits(number, 4),
    })
}

impl<'a> Technique<'a> {
    fn add(&mut self, finding: &'a Finding) {
        self.findings.insert(&finding.id);
        self.hosts.insert(&finding.host);
        self.rules.entry(&finding.rule.id).or_insert((&finding.rule, 0)).1 += 1;
    }

    fn score(&self) -> usize {
        self.findings.len()
    }

    fn object(&self, id: &str) -> Value {
        let names: Vec<String> = self.hosts.iter().map(|host| (*host).to_owned()).collect();
        let hosts = format!("{}: {}", counted(names.len(), "host"), some_of(&names, HOSTS));
        let rules = || self.rules.values().map(|(rule, count)| format!("{} ({count})", rule.name));
        let comment = format!(
            "{} on {hosts}. {}",
            counted(self.score(), "finding"),
            rules().collect::<Vec<_>>().join("; ")
        );
        let field = |name: &str, value: String| json!({"name": name, "value": shown(&value)});
        let metadata: Vec<Value> = rules()
            .take(HOSTS)
            .map(|rule| field("rule", rule))
            .chain([field("hosts", some_of(&names, HOSTS))])
            .collect();
        json!({
            "techniqueID": id,
            "score": self.score(),
            "comment": shown(&comment),
            "enabled": true,
            "metadata": metadata,
            "showSubtechniques": true,
        })
    }
}

/// A layer is for looking at: nothing invisible is in its texts.
fn shown(text: &str) -> String {
    truncated(&visible(text), TEXT, "see findings.csv").into_owned()
}

#[cfg(test)]
mod tests {
    use super::is_technique;

    #[test]
    fn only_ids_of_techniques_enter_a_layer() {
        for id in ["T1218", "T1218.005"] {
            assert!(is_technique(id), "{id}");
        }
        for id in ["", "T", "T121", "T12180", "T1218.", "T1218.5", "t1218", "TA0005", "T1218.005.1", "<b>"] {
            assert!(!is_technique(id), "{id}");
        }
    }
}
