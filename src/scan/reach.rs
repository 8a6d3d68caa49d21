//! What the rules need and the hosts lack: how far "nothing found" reaches. It reads no evidence and puts nothing into words.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::eql::Role;
use crate::finding::{Blind, HostCoverage, Need, Reach};
use crate::sysmon::{self, schema::event_spec};

use super::answers::check;
use super::rule_set::RuleSet;

/// Judges `hosts` by what `rules` need under `mapping`; `other_hosts` are records of hosts that are not among them.
pub fn reach(
    rules: &RuleSet,
    mapping: &sysmon::Options,
    hosts: &mut [HostCoverage],
    other_hosts: u64,
) -> Reach {
    let mut needs: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    let mut stages: BTreeMap<Vec<u32>, Vec<String>> = BTreeMap::new();
    for compiled in rules.rules() {
        let info = &compiled.rule.info;
        let checked = check(&compiled.program, mapping).stages;
        for (stage, checked) in compiled.program.stages().iter().zip(checked) {
            for event_id in &checked.events {
                note(needs.entry(*event_id).or_default(), &info.id);
            }
            if stage.role == Role::Positive {
                note(stages.entry(checked.events).or_default(), &info.name);
            }
        }
    }
    hosts.iter_mut().for_each(|host| host.judge(needs.keys().copied()));
    let name = |event_id| event_spec(event_id).map_or("", |spec| spec.name);
    let needs =
        needs.into_iter().map(|(event_id, rules)| Need { event_id, name: name(event_id).into(), rules });
    Reach { needs: needs.collect(), blind: all_blind(stages.into_iter(), hosts), other_hosts }
}

/// What several runs with the same rules told of their reach, of all their `hosts` together, whose presence is worked out anew.
pub fn together(runs: &[Reach], hosts: &mut [HostCoverage]) -> Reach {
    let needs = runs.first().map(|reach| reach.needs.clone()).unwrap_or_default();
    hosts.iter_mut().for_each(|host| host.judge_logged(needs.iter().map(|need| need.event_id)));
    let mut stages: BTreeMap<&Vec<u32>, &Vec<String>> = BTreeMap::new();
    for known in runs.iter().flat_map(|reach| &reach.blind) {
        stages.entry(&known.events).or_insert(&known.rules);
    }
    let stages = stages.into_iter();
    // A host that lacks an event in all that there is of it lacked it in each run.
    let blind = all_blind(stages.map(|(events, rules)| (events.clone(), rules.clone())), hosts);
    let other_hosts = runs.iter().map(|reach| reach.other_hosts).fold(0, u64::saturating_add);
    Reach { needs, blind, other_hosts }
}

/// The stages that `hosts` leave blind, those that the most rules share first.
fn all_blind(stages: impl Iterator<Item = (Vec<u32>, Vec<String>)>, hosts: &[HostCoverage]) -> Vec<Blind> {
    let mut all: Vec<Blind> = stages.filter_map(|(events, rules)| blind(events, rules, hosts)).collect();
    all.sort_by_key(|blind| Reverse((blind.rules.len(), blind.hosts.len())));
    all
}

/// Adds the rule in hand, once: a rule's stages come one after the other.
fn note(rules: &mut Vec<String>, rule: &str) {
    if rules.last().is_none_or(|last| last != rule) {
        rules.push(rule.to_owned());
    }
}

/// `None` when every host logged one of `events`.
fn blind(events: Vec<u32>, rules: Vec<String>, hosts: &[HostCoverage]) -> Option<Blind> {
    let lacking = hosts.iter().filter(|host| events.iter().all(|event_id| host.count(*event_id) == 0));
    let names: Vec<String> = lacking.filter(|_| !events.is_empty()).map(|host| host.host.clone()).collect();
    (events.is_empty() || !names.is_empty()).then_some(Blind { events, rules, hosts: names })
}
