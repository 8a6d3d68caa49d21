//! Two runs → what differs between them, by what identifies each thing: a finding's id, an input's name, a host, a rule's id. It prints nothing and reads no
//! file.

mod findings;
mod sources;

use serde::Serialize;

pub use findings::{Change, Findings, Named, NearChange};
pub use sources::{Hosts, InputChange, Inputs, Moved, RuleChange, RuleName, Rules, Sight};

use crate::finding::Outcome;

/// The version of what [`Comparison`] is as JSON.
pub const SCHEMA: i64 = 1;

/// What differs between an earlier run and a later one. Every list is sorted by what its members are known by; the order of findings, inputs and rules in
/// the runs does not matter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// [`SCHEMA`].
    pub schema: i64,
    /// Whether nothing below differs.
    pub same: bool,
    /// Findings, those that were set aside too.
    pub findings: Findings,
    /// Numbers of near misses that differ, by rule and kind.
    pub near_misses: Vec<NearChange>,
    /// Inputs.
    pub inputs: Inputs,
    /// Hosts, and what they logged of the events that rules need.
    pub coverage: Hosts,
    /// Rules.
    pub rules: Rules,
    /// How the runs were made that is not the same: the name of the setting, as `run.json` has it.
    pub settings: Vec<Part>,
}

/// A part of something that is not the same, with what it was and is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What it is.
    pub part: &'static str,
    /// As it was; empty where it is too long to tell.
    pub before: String,
    /// As it is now, likewise.
    pub after: String,
}

impl Part {
    /// The part, when `before` and `after` are not the same text.
    fn of(part: &'static str, before: impl ToString, after: impl ToString) -> Option<Self> {
        let (before, after) = (before.to_string(), after.to_string());
        (before != after).then_some(Self { part, before, after })
    }

    /// The part without its contents, when it is not the same.
    fn unless(same: bool, part: &'static str) -> Option<Self> {
        (!same).then(|| Self { part, before: String::new(), after: String::new() })
    }
}

/// Compares the `earlier` run with the `later` one.
pub fn compare(earlier: &Outcome, later: &Outcome) -> Comparison {
    let mut comparison = Comparison {
        schema: SCHEMA,
        same: false,
        findings: findings::findings(earlier, later),
        near_misses: findings::near_misses(earlier, later),
        inputs: sources::inputs(earlier, later),
        coverage: sources::hosts(earlier, later),
        rules: sources::rules(earlier, later),
        settings: settings(earlier, later),
    };
    let Comparison { findings, near_misses, inputs, coverage, rules, settings, .. } = &comparison;
    comparison.same = findings.is_same()
        && near_misses.is_empty()
        && inputs.is_same()
        && coverage.is_same()
        && rules.is_same()
        && settings.is_empty();
    comparison
}

fn settings(earlier: &Outcome, later: &Outcome) -> Vec<Part> {
    let window = |outcome: &Outcome| {
        let end =
            |time: Option<crate::time::Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
        let window = outcome.selected.window;
        format!("{}/{}", end(window.from), end(window.to))
    };
    let hosts = |outcome: &Outcome| outcome.selected.hosts.join(" ");
    let excluded = |outcome: &Outcome| outcome.selected.excluded_hosts.join(" ");
    let mapping = |outcome: &Outcome| outcome.mapping.join(" ");
    let allow = |outcome: &Outcome| {
        let mut lists: Vec<&str> = outcome.allow_lists.iter().map(|list| list.sha256.as_str()).collect();
        lists.sort_unstable();
        lists.join(" ")
    };
    let parts = [
        Part::of("clock", earlier.clock.as_str(), later.clock.as_str()),
        Part::of("from/to", window(earlier), window(later)),
        Part::of("hosts", hosts(earlier), hosts(later)),
        Part::of("excluded_hosts", excluded(earlier), excluded(later)),
        Part::of("mapping", mapping(earlier), mapping(later)),
        Part::of("allow_lists", allow(earlier), allow(later)),
        Part::of("near_misses looked for", earlier.near.looked_for, later.near.looked_for),
        Part::of("interrupted", earlier.interrupted, later.interrupted),
    ];
    parts.into_iter().flatten().collect()
}

/// The keys of `earlier` and `later`, each once, sorted.
fn keys<'a, K: Ord, V>(
    earlier: &'a std::collections::BTreeMap<K, V>,
    later: &'a std::collections::BTreeMap<K, V>,
) -> impl Iterator<Item = &'a K> {
    let all: std::collections::BTreeSet<&K> = earlier.keys().chain(later.keys()).collect();
    all.into_iter()
}
