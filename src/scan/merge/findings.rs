//! The findings of several runs, each once, in the one total order and judged together. It makes no finding.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::finding::{AllowEntry, Clock, EvidenceEvent, Finding, RuleInfo, Suppressed};
use crate::scan::judge::judge;
use crate::time::Timestamp;

use super::Part;

/// A finding, and the entry of an allow-list that set it aside.
struct Found {
    finding: Finding,
    entry: Option<Arc<AllowEntry>>,
}

/// The findings of `parts`, those set aside, and how many more than one part has. What one run did not set aside is a finding. `hosts` are the hosts of all parts.
pub fn together(
    parts: Vec<Part>,
    rules: &[Arc<RuleInfo>],
    hosts: usize,
) -> (Vec<Finding>, Vec<Suppressed>, u64) {
    // A rule that was loaded twice finds the same twice.
    let numbers: HashMap<*const RuleInfo, usize> =
        rules.iter().enumerate().map(|(number, rule)| (Arc::as_ptr(rule), number)).collect();
    let mut all: Vec<Found> = Vec::new();
    let mut places: HashMap<(String, Option<usize>), usize> = HashMap::new();
    let mut several = BTreeSet::new();
    for part in parts {
        let begin = all.len();
        let own = part.outcome.findings.into_iter().map(|finding| Found { finding, entry: None });
        let aside = part.outcome.suppressed.into_iter();
        let aside = aside.map(|one| Found { finding: one.finding, entry: Some(one.entry) });
        for found in own.chain(aside) {
            let number = numbers.get(&Arc::as_ptr(&found.finding.rule)).copied();
            let key = (found.finding.id.clone(), number);
            match places.get(&key).filter(|place| **place < begin) {
                Some(place) => {
                    several.insert(*place);
                    if let Some(known) = all.get_mut(*place) {
                        join(known, found);
                    }
                }
                None => {
                    places.entry(key).or_insert(all.len());
                    all.push(found);
                }
            }
        }
    }
    // Those of one part that stand alike keep the order that its run gave them.
    all.sort_by_cached_key(|found| standing(&found.finding));
    let (mut findings, entries): (Vec<_>, Vec<_>) =
        all.into_iter().map(|found| (found.finding, found.entry)).unzip();
    judge(&mut findings, hosts);
    let (mut kept, mut suppressed) = (Vec::new(), Vec::new());
    for (finding, entry) in findings.into_iter().zip(entries) {
        match entry {
            Some(entry) => suppressed.push(Suppressed { finding, entry }),
            None => kept.push(finding),
        }
    }
    (kept, suppressed, several.len() as u64)
}

/// Where its last event stands in the one total order.
fn standing(finding: &Finding) -> Option<(Timestamp, u64, String, bool, String)> {
    let standing = |event: &EvidenceEvent| {
        let (record_id, evidence) = (event.record_id.unwrap_or_default(), &event.evidence);
        let time = time(event, finding.clock);
        (time, record_id, event.computer.clone(), evidence.recovered, evidence.source.clone())
    };
    finding.present().map(standing).max()
}

/// The time by which a run orders: by UtcTime only milliseconds count.
pub fn time(event: &EvidenceEvent, clock: Clock) -> Timestamp {
    match clock {
        Clock::Created => event.created,
        Clock::Utc => event.timestamp.truncated_to_millis(),
    }
}

/// Adds what another part says of the same finding.
fn join(known: &mut Found, other: Found) {
    if other.entry.is_none() {
        known.entry = None;
    }
    let (known, other) = (&mut known.finding, other.finding);
    let events = |finding: &Finding| finding.story.as_ref().ok().map(|story| story.context.total);
    let tells_more = events(&other) > events(known);
    if tells_more {
        known.story = other.story;
    }
    if known.excluded_name.is_none() {
        known.excluded_name = other.excluded_name;
    }
    for (known, other) in known.events.iter_mut().zip(other.events) {
        match (known.as_mut(), other) {
            (Some(known), Some(other)) => join_readings(known, other),
            (None, Some(other)) => *known = Some(other),
            (_, None) => {}
        }
    }
    let more: Vec<String> = other.notes.into_iter().filter(|note| !known.notes.contains(note)).collect();
    known.notes.extend(more);
}

/// Of two readings of one record the first live one, by the name of its source, stays and knows of the other's copies.
fn join_readings(known: &mut EvidenceEvent, mut other: EvidenceEvent) {
    let sources = |event: &EvidenceEvent| -> BTreeSet<String> {
        event.evidence.other_sources.iter().chain([&event.evidence.source]).cloned().collect()
    };
    let (own, theirs) = (sources(known), sources(&other));
    let mut all: BTreeSet<String> = own.union(&theirs).cloned().collect();
    let (a, b) = (known.evidence.copies, other.evidence.copies);
    // A source that both read holds the same copies in both, and how many is not known: then it is at least so many.
    let copies = match own.is_disjoint(&theirs) {
        true => a.saturating_add(b),
        false => a.max(b).max(u32::try_from(all.len()).unwrap_or(u32::MAX)),
    };
    let rank = |event: &EvidenceEvent| (event.evidence.recovered, event.evidence.source.clone());
    if rank(&other) < rank(known) {
        std::mem::swap(known, &mut other);
    }
    all.remove(&known.evidence.source);
    known.evidence.other_sources = all.into_iter().collect();
    known.evidence.copies = copies;
}
