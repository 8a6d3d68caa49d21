//! What the evidence cannot tell, in words: one sentence for the page, the terminal and `run.json` alike. It judges nothing; the scan did.

use std::cmp::Reverse;

use super::words::{counted, grouped, moment, some_of};
use crate::finding::{Blind, HostCoverage, Need, Outcome, Period, Presence, Relation};

/// Names in a sentence, at most.
const NAMES: usize = 6;
/// Sentences of the short form, at most.
const BRIEF: usize = 5;

/// Every sentence: first the rules that could not have matched somewhere, then the events that a host never logged, then those it did not log for a time.
pub fn sentences(outcome: &Outcome) -> Vec<String> {
    kinds(outcome).concat()
}

/// At most five sentences: the foremost of each kind, and how many there are beyond.
pub fn brief(outcome: &Outcome) -> Vec<String> {
    let kinds = kinds(outcome);
    let all: usize = kinds.iter().map(Vec::len).sum();
    if all <= BRIEF {
        return kinds.concat();
    }
    let rounds = kinds.iter().map(Vec::len).max().unwrap_or_default();
    let mut lines: Vec<String> = (0..rounds)
        .flat_map(|round| kinds.iter().filter_map(move |kind| kind.get(round)))
        .take(BRIEF - 1)
        .cloned()
        .collect();
    lines.push(format!(
        "{} more such lines stand in run.json and under Coverage in the page.",
        all - lines.len()
    ));
    lines
}

/// What only older copies of a log hold, in one sentence; `None` when no source has a newer one that lacks any of its records.
pub fn older_copies(outcome: &Outcome) -> Option<String> {
    let of = |relation: Relation, what: &str| {
        let sources = outcome.sources.iter().filter(|source| source.overlap.relation == relation);
        let counts: Vec<u64> =
            sources.map(|source| source.overlap.only_in_older).filter(|count| *count > 0).collect();
        let records = counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
        let inputs = counted(counts.len(), "input");
        (!counts.is_empty()).then(|| format!("{} in {inputs} {what}", grouped(records)))
    };
    let parts: Vec<String> = [
        of(Relation::Overlaps, "that a newer copy of the log overlaps"),
        of(Relation::RolledOver, "of logs that rolled over"),
        of(Relation::Restarted, "of logs that were cleared since"),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| format!("Sysmon records that only an older log holds: {}.", parts.join(", ")))
}

/// `3 (network connection)`: of a name such as `DNSEvent (DNS query)` what is in the parentheses.
pub fn event(need: &Need) -> String {
    let inner = need.name.split_once(" (").and_then(|(_, inner)| inner.strip_suffix(')'));
    let words: Vec<String> = inner.unwrap_or(&need.name).split(' ').map(lowered).collect();
    format!("{} ({})", need.event_id, words.join(" "))
}

/// A word in lower case, unless it is one like `DNS` or `FileCreate`.
fn lowered(word: &str) -> String {
    if word.chars().skip(1).any(char::is_uppercase) { word.to_owned() } else { word.to_lowercase() }
}

/// `2024-03-01 10:00:00.000Z to 2024-03-02 10:00:00.000Z`
pub fn period(period: &Period) -> String {
    format!("{} to {}", moment(period.from), moment(period.to))
}

fn kinds(outcome: &Outcome) -> [Vec<String>; 3] {
    let reach = &outcome.reach;
    let mut needs: Vec<&Need> = reach.needs.iter().collect();
    needs.sort_by_key(|need| Reverse(need.rules.len()));
    let mut rules: Vec<String> = reach.blind.iter().map(|blind| could_not_match(outcome, blind)).collect();
    if reach.other_hosts > 0 {
        rules.insert(0, format!(
            "{} Sysmon records are of hosts beyond the {} that are kept apart: what those logged is not told.",
            grouped(reach.other_hosts),
            grouped(outcome.hosts.len())
        ));
    }
    [
        rules,
        needs.iter().filter_map(|need| absent(outcome, need)).collect(),
        needs.iter().filter_map(|need| for_a_time(outcome, need)).collect(),
    ]
}

fn could_not_match(outcome: &Outcome, blind: &Blind) -> String {
    let rules = match blind.rules.as_slice() {
        [one] => format!("Rule \"{one}\""),
        many => format!("{} ({})", counted(many.len(), "rule"), some_of(many, 3)),
    };
    if blind.events.is_empty() {
        return format!("{rules} can match nothing that Sysmon logs; `evql rules check` says why.");
    }
    let named =
        |event_id: &u32| outcome.reach.needs.iter().find(|need| need.event_id == *event_id).map(event);
    let events: Vec<String> = blind.events.iter().filter_map(named).collect();
    let need = if blind.rules.len() == 1 { "it needs" } else { "they need" };
    let lack = match events.as_slice() {
        [one] => format!("{need} event {one}, which was not logged there"),
        many => format!("{need} one of the events {}, none of which was logged there", some_of(many, 4)),
    };
    format!("{rules} could not have matched on {}: {lack}.", on(outcome, &blind.hosts))
}

fn absent(outcome: &Outcome, need: &Need) -> Option<String> {
    let hosts: Vec<String> = presences(outcome, need)
        .filter(|(_, presence)| **presence == Presence::Absent)
        .map(|(host, _)| host.host.clone())
        .collect();
    (!hosts.is_empty()).then(|| {
        format!(
            "Event {} is absent on {}: nothing of the kind was logged there, so a zero is not a clean bill.",
            event(need),
            on(outcome, &hosts)
        )
    })
}

fn for_a_time(outcome: &Outcome, need: &Need) -> Option<String> {
    let hosts: Vec<String> = presences(outcome, need)
        .filter_map(|(host, presence)| {
            let longest = period(presence.periods().first()?);
            let more = presence.periods().len() - 1 + presence.more();
            let more =
                if more == 0 { String::new() } else { format!(" and in {}", counted(more, "more period")) };
            Some(format!("{} from {longest}{more}", host.host))
        })
        .collect();
    (!hosts.is_empty()).then(|| {
        format!(
            "Event {} is absent for a time on {}: other events were logged then, so a zero there is not a clean bill.",
            event(need),
            some_of(&hosts, 3)
        )
    })
}

fn presences<'a>(
    outcome: &'a Outcome,
    need: &Need,
) -> impl Iterator<Item = (&'a HostCoverage, &'a Presence)> + use<'a> {
    let event_id = need.event_id;
    outcome.hosts.iter().filter_map(move |host| Some((host, host.presence.get(&event_id)?)))
}

/// Names of hosts, or that it is all of them.
fn on(outcome: &Outcome, hosts: &[String]) -> String {
    if hosts.len() > NAMES && hosts.len() == outcome.hosts.len() {
        return format!("all {}", counted(hosts.len(), "host"));
    }
    some_of(hosts, NAMES)
}
