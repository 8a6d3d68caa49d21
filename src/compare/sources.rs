//! Inputs, hosts and rules of two runs: new, gone, changed. It opens none of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Part, keys};
use crate::finding::{HostCoverage, Need, Outcome, SourceReport};

/// Inputs that are not in both runs alike, by name.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Inputs {
    /// Only in the later run.
    pub new: Vec<String>,
    /// Only in the earlier run.
    pub gone: Vec<String>,
    /// In both under another name, with the same SHA-256.
    pub moved: Vec<Moved>,
    /// In both, and not the same.
    pub changed: Vec<InputChange>,
}

/// An input of the same content under another name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moved {
    /// In the earlier run.
    pub from: String,
    /// In the later run.
    pub to: String,
}

/// An input of both runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InputChange {
    /// Its name.
    pub path: String,
    /// What is not the same.
    pub parts: Vec<Part>,
}

impl Inputs {
    /// Whether both runs have the same under the same names.
    pub fn is_same(&self) -> bool {
        self.new.is_empty() && self.gone.is_empty() && self.moved.is_empty() && self.changed.is_empty()
    }
}

pub fn inputs(earlier: &Outcome, later: &Outcome) -> Inputs {
    let before: BTreeMap<&str, &SourceReport> =
        earlier.sources.iter().map(|source| (source.source.as_str(), source)).collect();
    let after: BTreeMap<&str, &SourceReport> =
        later.sources.iter().map(|source| (source.source.as_str(), source)).collect();
    let mut inputs = Inputs::default();
    let (mut new, mut gone) = (Vec::new(), Vec::new());
    for name in keys(&before, &after) {
        match (before.get(name), after.get(name)) {
            (None, Some(source)) => new.push(*source),
            (Some(source), None) => gone.push(*source),
            (Some(before), Some(after)) => {
                let parts = input_parts(before, after);
                if !parts.is_empty() {
                    inputs.changed.push(InputChange { path: (*name).to_owned(), parts });
                }
            }
            (None, None) => {}
        }
    }
    inputs.moved = moved(&mut gone, &mut new);
    inputs.new = new.into_iter().map(|source| source.source.clone()).collect();
    inputs.gone = gone.into_iter().map(|source| source.source.clone()).collect();
    inputs
}

/// Takes from both what is there under another name: by content, the first of equals with the first.
fn moved(gone: &mut Vec<&SourceReport>, new: &mut Vec<&SourceReport>) -> Vec<Moved> {
    let mut free: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for source in new.iter().rev() {
        if let Some(hash) = &source.sha256 {
            free.entry(hash).or_default().push(&source.source);
        }
    }
    let mut moved = Vec::new();
    gone.retain(|source| {
        let to = source.sha256.as_deref().and_then(|hash| free.get_mut(hash)).and_then(Vec::pop);
        moved.extend(to.map(|to| Moved { from: source.source.clone(), to: to.to_owned() }));
        to.is_none()
    });
    let taken: BTreeSet<String> = moved.iter().map(|moved| moved.to.clone()).collect();
    new.retain(|source| !taken.contains(&source.source));
    moved
}

fn input_parts(before: &SourceReport, after: &SourceReport) -> Vec<Part> {
    let hash = |source: &SourceReport| source.sha256.clone().unwrap_or_default();
    // A hash that one run did not take says nothing.
    let hashes = before.sha256.is_some() && after.sha256.is_some();
    let parts = [
        Part::of("sha256", hash(before), hash(after)).filter(|_| hashes),
        Part::of("size", before.size, after.size),
        Part::of("status", before.status.as_str(), after.status.as_str()),
        Part::of("records", before.records, after.records),
        Part::of("sysmon_records", before.sysmon_records, after.sysmon_records),
        Part::of("problems", before.problems, after.problems),
        Part::of("filtered", before.filtered.total(), after.filtered.total()),
    ];
    parts.into_iter().flatten().collect()
}

/// Hosts that are not in both runs alike.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Hosts {
    /// Only in the later run.
    pub new: Vec<String>,
    /// Only in the earlier run.
    pub gone: Vec<String>,
    /// What hosts of both runs logged of an event that a rule needs, where that is not the same.
    pub changed: Vec<Sight>,
}

/// What a host logged of an event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sight {
    /// The host.
    pub host: String,
    /// Sysmon's event id.
    pub event_id: u32,
    /// What is not the same: its `state` and `count`.
    pub parts: Vec<Part>,
}

impl Hosts {
    /// Whether both runs saw the same.
    pub fn is_same(&self) -> bool {
        self.new.is_empty() && self.gone.is_empty() && self.changed.is_empty()
    }
}

pub fn hosts(earlier: &Outcome, later: &Outcome) -> Hosts {
    let before: BTreeMap<&str, &HostCoverage> =
        earlier.hosts.iter().map(|host| (host.host.as_str(), host)).collect();
    let after: BTreeMap<&str, &HostCoverage> =
        later.hosts.iter().map(|host| (host.host.as_str(), host)).collect();
    let ids = |needs: &[Need]| needs.iter().map(|need| need.event_id).collect::<BTreeSet<u32>>();
    let needed: BTreeSet<u32> = ids(&earlier.reach.needs).union(&ids(&later.reach.needs)).copied().collect();
    let mut hosts = Hosts::default();
    for name in keys(&before, &after) {
        match (before.get(name), after.get(name)) {
            (None, Some(_)) => hosts.new.push((*name).to_owned()),
            (Some(_), None) => hosts.gone.push((*name).to_owned()),
            (Some(before), Some(after)) => hosts.changed.extend(needed.iter().filter_map(|event_id| {
                let parts = sight(before, after, *event_id);
                (!parts.is_empty()).then(|| Sight { host: (*name).to_owned(), event_id: *event_id, parts })
            })),
            (None, None) => {}
        }
    }
    hosts
}

fn sight(before: &HostCoverage, after: &HostCoverage, event_id: u32) -> Vec<Part> {
    let state = |host: &HostCoverage| host.presence.get(&event_id).map(|presence| presence.as_str());
    // An event that one run's rules do not need has no state there.
    let states = state(before).zip(state(after)).and_then(|(before, after)| Part::of("state", before, after));
    let counts = Part::of("count", before.count(event_id), after.count(event_id));
    states.into_iter().chain(counts).collect()
}

/// Rules that are not in both runs alike, by id.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Rules {
    /// Only in the later run.
    pub new: Vec<RuleName>,
    /// Only in the earlier run.
    pub gone: Vec<RuleName>,
    /// In both, with another text.
    pub changed: Vec<RuleChange>,
}

/// What a rule is known by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleName {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A rule of both runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleChange {
    /// As the later run has it.
    #[serde(flatten)]
    pub rule: RuleName,
    /// What is not the same.
    pub parts: Vec<Part>,
}

impl Rules {
    /// Whether both runs had the same.
    pub fn is_same(&self) -> bool {
        self.new.is_empty() && self.gone.is_empty() && self.changed.is_empty()
    }
}

pub fn rules(earlier: &Outcome, later: &Outcome) -> Rules {
    let (before, after) = (by_id(earlier), by_id(later));
    let mut rules = Rules::default();
    for id in keys(&before, &after) {
        let named = |rule: &Known| RuleName { id: (*id).to_owned(), name: rule.name.to_owned() };
        match (before.get(id), after.get(id)) {
            (None, Some(rule)) => rules.new.push(named(rule)),
            (Some(rule), None) => rules.gone.push(named(rule)),
            (Some(before), Some(after)) => {
                let parts: Vec<Part> = [
                    Part::of("sha256", before.hashes(), after.hashes()),
                    Part::of("version", before.versions(), after.versions()),
                ]
                .into_iter()
                .flatten()
                .collect();
                if !parts.is_empty() {
                    rules.changed.push(RuleChange { rule: named(after), parts });
                }
            }
            (None, None) => {}
        }
    }
    rules
}

/// The rules of one id: usually one.
#[derive(Default)]
struct Known<'a> {
    name: &'a str,
    /// Hash and version.
    texts: BTreeSet<(&'a str, Option<u64>)>,
}

impl Known<'_> {
    fn hashes(&self) -> String {
        self.texts.iter().map(|(hash, _)| *hash).collect::<Vec<_>>().join(" ")
    }

    fn versions(&self) -> String {
        let versions =
            self.texts.iter().filter_map(|(_, version)| version.map(|version| version.to_string()));
        versions.collect::<Vec<_>>().join(" ")
    }
}

fn by_id(outcome: &Outcome) -> BTreeMap<&str, Known<'_>> {
    let mut rules: BTreeMap<&str, Known<'_>> = BTreeMap::new();
    for rule in &outcome.rules {
        let known = rules.entry(&rule.id).or_default();
        known.name = &rule.name;
        known.texts.insert((&rule.sha256, rule.version));
    }
    rules
}
