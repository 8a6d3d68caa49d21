//! What findings have in common: the same pattern on many hosts, the same technique. It judges none of them.

use std::collections::{BTreeMap, BTreeSet};

use super::detail::Card;
use crate::finding::{Group, Outcome, RuleInfo, Severity};
use crate::report::escape::{defanged, truncated};
use crate::report::subject;
use crate::report::words::{moment, some_of};

/// Hosts named in a row.
const HOSTS_NAMED: usize = 6;

/// A group of findings as the page shows it.
pub struct Pattern<'a> {
    /// The rule.
    pub rule: &'a RuleInfo,
    /// The program.
    pub process: String,
    /// The shape of the command lines.
    pub shape: String,
    /// The destination, defanged.
    pub target: String,
    /// The worst severity.
    pub severity: Severity,
    /// How many findings.
    pub count: usize,
    /// The hosts' names.
    pub hosts: String,
    /// On how many hosts.
    pub host_count: usize,
    /// When the first was.
    pub first: String,
    /// The id of one that the page shows in full, if it shows any.
    pub example: Option<&'a str>,
}

/// The outcome's groups in their order; `in_full` are the findings that can be linked to.
pub fn patterns<'a>(outcome: &'a Outcome, in_full: &[Card<'a>]) -> Vec<Pattern<'a>> {
    let linkable: BTreeSet<&str> = in_full.iter().map(|card| card.finding.id.as_str()).collect();
    outcome.groups.iter().map(|group| pattern(outcome, group, &linkable)).collect()
}

fn pattern<'a>(outcome: &'a Outcome, group: &'a Group, linkable: &BTreeSet<&str>) -> Pattern<'a> {
    let members = || group.findings.iter().filter_map(|place| outcome.findings.get(*place));
    Pattern {
        rule: &group.rule,
        process: line(&group.process),
        shape: line(&group.command_shape),
        target: line(&defanged(&group.destination)),
        severity: group.severity,
        count: group.findings.len(),
        hosts: some_of(&group.hosts, HOSTS_NAMED),
        host_count: group.hosts.len(),
        first: members().map(subject::finding_time).min().map(moment).unwrap_or_default(),
        example: members().map(|finding| finding.id.as_str()).find(|id| linkable.contains(id)),
    }
}

/// An ATT&CK technique and where findings carry it.
pub struct Technique {
    /// The tactic's name.
    pub tactic: String,
    /// The technique's id.
    pub id: String,
    /// The technique's name.
    pub name: String,
    /// How many findings.
    pub count: usize,
    /// On how many hosts.
    pub hosts: usize,
}

/// The techniques by tactic and id.
pub fn techniques(outcome: &Outcome) -> Vec<Technique> {
    let mut seen: BTreeMap<(&str, &str, &str), Vec<&str>> = BTreeMap::new();
    for finding in &outcome.findings {
        for threat in &finding.threats {
            for technique in &threat.techniques {
                seen.entry((&threat.tactic_name, &technique.id, &technique.name))
                    .or_default()
                    .push(&finding.host);
            }
        }
    }
    let row = |((tactic, id, name), hosts): ((&str, &str, &str), Vec<&str>)| Technique {
        tactic: tactic.to_owned(),
        id: id.to_owned(),
        name: name.to_owned(),
        count: hosts.len(),
        hosts: hosts.into_iter().collect::<BTreeSet<_>>().len(),
    };
    seen.into_iter().map(row).collect()
}

fn line(text: &str) -> String {
    truncated(text, 400, "see findings.jsonl").into_owned()
}
