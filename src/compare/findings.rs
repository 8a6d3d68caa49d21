//! Findings and near misses of two runs: new, gone, changed and in which parts. It weighs no difference.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Part, keys};
use crate::finding::subject::{Subject, finding_target};
use crate::finding::{Evidence, EvidenceEvent, Finding, NearKind, Outcome, Story};
use crate::time::Timestamp;

/// Findings that are not in both runs alike.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Findings {
    /// How many the earlier run has, those set aside too.
    pub before: usize,
    /// How many the later one has.
    pub after: usize,
    /// Only in the later run.
    pub new: Vec<Named>,
    /// Only in the earlier run.
    pub gone: Vec<Named>,
    /// In both, and not the same.
    pub changed: Vec<Change>,
}

impl Findings {
    /// Whether both runs have the same.
    pub fn is_same(&self) -> bool {
        self.new.is_empty() && self.gone.is_empty() && self.changed.is_empty()
    }
}

/// What a finding is known by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Named {
    /// Its id.
    pub finding_id: String,
    /// Its severity.
    pub severity: String,
    /// The rule's name.
    pub rule: String,
    /// Host of the first event.
    pub host: String,
    /// The program.
    pub process: String,
    /// What it reached.
    pub target: String,
    /// `@timestamp` of the first event.
    pub time: Option<Timestamp>,
    /// Whether an allow-list set it aside.
    pub set_aside: bool,
}

/// A finding of both runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// As the later run has it.
    #[serde(flatten)]
    pub finding: Named,
    /// What is not the same.
    pub parts: Vec<Part>,
}

/// How many near misses of one kind a rule has.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NearChange {
    /// The rule's id.
    pub rule_id: String,
    /// The kind.
    pub kind: NearKind,
    /// In the earlier run.
    pub before: u64,
    /// In the later run.
    pub after: u64,
}

/// A finding of a run.
#[derive(Clone, Copy)]
struct Seen<'a> {
    finding: &'a Finding,
    /// The id of the allow-list's entry that set it aside.
    aside: Option<&'a str>,
}

pub fn findings(earlier: &Outcome, later: &Outcome) -> Findings {
    let (before, after) = (by_id(earlier), by_id(later));
    let mut findings = Findings { before: before.len(), after: after.len(), ..Findings::default() };
    for key in keys(&before, &after) {
        match (before.get(key), after.get(key)) {
            (None, Some(seen)) => findings.new.push(named(*seen)),
            (Some(seen), None) => findings.gone.push(named(*seen)),
            (Some(before), Some(after)) => {
                let parts = parts(*before, *after);
                if !parts.is_empty() {
                    findings.changed.push(Change { finding: named(*after), parts });
                }
            }
            (None, None) => {}
        }
    }
    findings
}

/// Rules that were loaded twice find the same twice: the second of an id is another one than the first.
fn by_id(outcome: &Outcome) -> BTreeMap<(&str, usize), Seen<'_>> {
    let own = outcome.findings.iter().map(|finding| Seen { finding, aside: None });
    let aside =
        outcome.suppressed.iter().map(|one| Seen { finding: &one.finding, aside: Some(&one.entry.id) });
    let mut seen = BTreeMap::new();
    for one in own.chain(aside) {
        let id = one.finding.id.as_str();
        let nth = seen.range((id, 0)..=(id, usize::MAX)).count();
        seen.insert((id, nth), one);
    }
    seen
}

fn named(seen: Seen<'_>) -> Named {
    let Seen { finding, aside } = seen;
    Named {
        finding_id: finding.id.clone(),
        severity: finding.severity.as_str().to_owned(),
        rule: finding.rule.name.clone(),
        host: finding.host.clone(),
        process: Subject::main(finding).map(Subject::process).unwrap_or_default(),
        target: finding_target(finding),
        time: finding.present().next().map(|event| event.timestamp),
        set_aside: aside.is_some(),
    }
}

fn parts(before: Seen<'_>, after: Seen<'_>) -> Vec<Part> {
    let aside = |seen: Seen<'_>| seen.aside.map_or_else(|| "no".to_owned(), |entry| format!("by {entry}"));
    let (aside_before, aside_after) = (aside(before), aside(after));
    let (before, after) = (before.finding, after.finding);
    let why = |finding: &Finding| {
        let reasons = finding.why.iter().map(|reason| format!("{} {}", reason.code, reason.points()));
        reasons.collect::<Vec<_>>().join(", ")
    };
    let copies = |finding: &Finding| {
        let copies = finding.present().map(|event| event.evidence.copies.to_string());
        copies.collect::<Vec<_>>().join(", ")
    };
    let read_from = |finding: &Finding| -> Vec<_> {
        let place = |event: &EvidenceEvent| {
            // The same content under another name is the same.
            let Evidence { source, sha256, recovered, fields_shifted, .. } = event.evidence.clone();
            (sha256.unwrap_or(source), recovered, fields_shifted)
        };
        finding.present().map(place).collect()
    };
    let events = |finding: &Finding| -> Vec<_> {
        finding.events.iter().map(|event| event.as_ref().map(EvidenceEvent::whole)).collect()
    };
    let flags = |finding: &Finding| {
        let mut flags: Vec<&str> = finding.flags().collect();
        flags.dedup();
        flags.join(", ")
    };
    let parts = [
        Part::of("set_aside", aside_before, aside_after),
        Part::of("severity", before.severity.as_str(), after.severity.as_str()),
        Part::of("risk_score", before.risk_score, after.risk_score),
        Part::of("why", why(before), why(after)),
        Part::of("flags", flags(before), flags(after)),
        Part::unless(before.notes == after.notes, "notes"),
        Part::of("rule_sha256", &before.rule.sha256, &after.rule.sha256),
        Part::unless(before.threats == after.threats, "threat"),
        Part::of("clock", before.clock.as_str(), after.clock.as_str()),
        Part::unless(events(before) == events(after), "events"),
        Part::of("copies", copies(before), copies(after)),
        Part::unless(read_from(before) == read_from(after), "read_from"),
        Part::unless(before.prevalence == after.prevalence, "prevalence"),
        Part::unless(story(before) == story(after), "story"),
    ];
    parts.into_iter().flatten().collect()
}

/// The finding's story as it is told, wherever that is; copies and places of its events are no part of it.
fn story(finding: &Finding) -> Result<Story, &'static str> {
    let mut story = finding.story.as_deref().map_err(|untold| untold.as_str())?.clone();
    story.context.shown.iter_mut().for_each(|event| event.evidence = Default::default());
    let own = std::iter::once(&mut story.process);
    let kin = own.chain(&mut story.ancestors).chain(&mut story.children.shown);
    kin.for_each(|process| process.start = None);
    Ok(story)
}

pub fn near_misses(earlier: &Outcome, later: &Outcome) -> Vec<NearChange> {
    let counts = |outcome: &Outcome| {
        let mut counts: BTreeMap<(String, NearKind), u64> = BTreeMap::new();
        for count in &outcome.near.counts {
            let sum = counts.entry((count.rule.id.clone(), count.kind)).or_default();
            *sum = sum.saturating_add(count.count);
        }
        counts
    };
    let (before, after) = (counts(earlier), counts(later));
    let change = |key: &(String, NearKind)| NearChange {
        rule_id: key.0.clone(),
        kind: key.1,
        before: before.get(key).copied().unwrap_or_default(),
        after: after.get(key).copied().unwrap_or_default(),
    };
    keys(&before, &after).map(change).filter(|change| change.before != change.after).collect()
}
