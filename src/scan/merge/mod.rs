//! Runs over parts of the evidence, as they were read back → one outcome, as one scan of all of it has it. It opens no evidence and matches nothing anew.

mod findings;
mod names;
mod near;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::finding::{AllowFile, Damage, HostCoverage, Outcome, RuleInfo, Selected, SourceReport, Vouched};

use super::coverage::Hosts;
use super::{prevalence, reach};
use names::Names;

/// A run over a part of the evidence.
#[derive(Debug, Clone)]
pub struct Part {
    /// What it is called; no other part has the same name.
    pub name: String,
    /// What it found and saw.
    pub outcome: Outcome,
}

/// The parts together.
#[derive(Debug, Clone)]
pub struct Joined {
    /// What they found and saw.
    pub outcome: Outcome,
    /// How many findings more than one of them has; each counts once.
    pub in_several: u64,
    /// What one scan of all the evidence would know and this does not, one sentence each.
    pub doubts: Vec<String>,
}

/// Brings `parts` together; in which order they are given does not matter. Prevalence and what follows from it, severity too, are worked out over all findings.
///
/// # Errors
/// [`Error::Usage`] when there is none, or two did not run the same rules, with the same clock, mapping and hosts to look at.
pub fn merge_runs(mut parts: Vec<Part>) -> Result<Joined> {
    // Those that read the most come first, so that a part whose inputs are all in others comes behind these.
    parts.sort_by(|a, b| {
        (Reverse(a.outcome.sources.len()), &a.name).cmp(&(Reverse(b.outcome.sources.len()), &b.name))
    });
    let Some((first, others)) = parts.split_first() else {
        return Err(Error::Usage("there is no run to merge".to_owned()));
    };
    others.iter().try_for_each(|other| alike(first, other))?;
    let mut doubts = Vec::new();
    let selected = selected(&parts, &mut doubts);
    let rules = first.outcome.rules.clone();
    let (clock, mapping) = (first.outcome.clock, first.outcome.mapping.clone());
    let allow_lists = allow_lists(&parts);
    let interrupted = parts.iter().any(|part| part.outcome.interrupted);
    let names = Names::of(&parts);
    for part in &mut parts {
        share_rules(&mut part.outcome, &rules);
        names.rename(part);
    }
    let (sources, adding) = sources(&mut parts, &mut doubts);
    let (mut hosts, other_hosts) = hosts(&mut parts, &adding, &mut doubts);
    let damages = damages(&mut parts);
    let reaches: Vec<_> = parts.iter_mut().map(|part| std::mem::take(&mut part.outcome.reach)).collect();
    let mut reach = reach::together(&reaches, &mut hosts);
    reach.other_hosts = other_hosts;
    let near = parts.iter_mut().zip(&adding);
    let near = near.map(|(part, adds)| (std::mem::take(&mut part.outcome.near), *adds)).collect();
    let near = near::together(near, &rules, clock, &mut doubts);
    let (findings, suppressed, in_several) = findings::together(parts, &rules, hosts.len());
    let outcome = Outcome {
        groups: prevalence::groups(&findings),
        findings,
        near,
        suppressed,
        allow_lists,
        rules,
        sources,
        hosts,
        reach,
        damages,
        clock,
        mapping,
        interrupted,
        selected,
    };
    Ok(Joined { outcome, in_several, doubts })
}

/// Whether `one` and `other` ran alike, as parts of one scan do.
fn alike(one: &Part, other: &Part) -> Result<()> {
    let Part { outcome: a, .. } = one;
    let Part { outcome: b, .. } = other;
    let differs = [
        ("--clock", a.clock != b.clock),
        ("mapping", a.mapping != b.mapping),
        ("--host", a.selected.hosts != b.selected.hosts),
        ("--exclude-host", a.selected.excluded_hosts != b.selected.excluded_hosts),
    ];
    let what = match differs.iter().find(|(_, differs)| *differs) {
        Some((what, _)) => format!("did not have the same {what}"),
        None => match other_rule(a, b) {
            Some(id) => format!("did not run the same rules: {id} is not in both, or has another text"),
            None => return Ok(()),
        },
    };
    Err(Error::Usage(format!(
        "the runs {} and {} {what}: merge runs that were made alike, or scan again",
        one.name, other.name
    )))
}

/// The id of a rule that is not in both with the same text.
fn other_rule(a: &Outcome, b: &Outcome) -> Option<String> {
    let names = |outcome: &Outcome| {
        let mut names: BTreeMap<(String, String), usize> = BTreeMap::new();
        outcome.rules.iter().for_each(|rule| *names.entry(name(rule)).or_default() += 1);
        names
    };
    let (a, b) = (names(a), names(b));
    a.keys().chain(b.keys()).find(|name| a.get(*name) != b.get(*name)).map(|(id, _)| id.clone())
}

/// What tells a rule from others, wherever it came from.
fn name(rule: &RuleInfo) -> (String, String) {
    (rule.id.clone(), rule.sha256.clone())
}

/// Puts the `rules` of all parts in the place of the same of `outcome`, which may have come from another path.
fn share_rules(outcome: &mut Outcome, rules: &[Arc<RuleInfo>]) {
    let mut free: BTreeMap<(String, String), Vec<&Arc<RuleInfo>>> = BTreeMap::new();
    rules.iter().rev().for_each(|rule| free.entry(name(rule)).or_default().push(rule));
    let mut shared: HashMap<(String, String, String), Arc<RuleInfo>> = HashMap::new();
    let key = |rule: &RuleInfo| (rule.id.clone(), rule.sha256.clone(), rule.origin.clone());
    for own in &outcome.rules {
        // A rule that was loaded twice stands for the first and the second of the same.
        if let Some(rule) = free.get_mut(&name(own)).and_then(Vec::pop) {
            shared.entry(key(own)).or_insert_with(|| Arc::clone(rule));
        }
    }
    let share = |rule: &mut Arc<RuleInfo>| {
        if let Some(known) = shared.get(&key(rule)) {
            *rule = Arc::clone(known);
        }
    };
    outcome.findings.iter_mut().for_each(|finding| share(&mut finding.rule));
    outcome.suppressed.iter_mut().for_each(|one| share(&mut one.finding.rule));
    outcome.near.counts.iter_mut().for_each(|count| share(&mut count.rule));
    outcome.near.listed.iter_mut().for_each(|miss| share(&mut miss.nearly.rule));
}

/// From the earliest beginning to the latest end that a run was asked for: each endpoint has its own `--last`.
fn selected(parts: &[Part], doubts: &mut Vec<String>) -> Selected {
    let Some(first) = parts.first() else { return Selected::default() };
    let mut all = first.outcome.selected.clone();
    for part in parts {
        let window = part.outcome.selected.window;
        all.window.from = all.window.from.zip(window.from).map(|(a, b)| a.min(b));
        all.window.to = all.window.to.zip(window.to).map(|(a, b)| a.max(b));
    }
    if parts.iter().any(|part| part.outcome.selected.window != all.window) {
        doubts.push(
            "The runs were not bounded by the same times: not every host was looked at from the first bound to the last"
                .to_owned(),
        );
    }
    all
}

/// The lists of all parts, those with the same content once.
fn allow_lists(parts: &[Part]) -> Vec<AllowFile> {
    let mut lists: Vec<AllowFile> = Vec::new();
    for file in parts.iter().flat_map(|part| &part.outcome.allow_lists) {
        match lists.iter_mut().find(|known| known.sha256 == file.sha256) {
            None => lists.push(file.clone()),
            Some(known) => {
                // An entry that applied in one of the runs had not expired.
                for (known, own) in known.entries.iter_mut().zip(&file.entries) {
                    if known.expired && !own.expired {
                        *known = Arc::clone(own);
                    }
                }
            }
        }
    }
    lists
}

/// The sources of all parts, those that several read alike once; and for each part whether it read any that those before it did not.
fn sources(parts: &mut [Part], doubts: &mut Vec<String>) -> (Vec<SourceReport>, Vec<bool>) {
    let mut all: Vec<SourceReport> = Vec::new();
    let mut known: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut adding = Vec::new();
    let mut again = 0;
    for part in parts {
        let own = std::mem::take(&mut part.outcome.sources);
        // A part without any source can have seen no host either.
        let mut adds = own.is_empty();
        let mut met: BTreeMap<String, usize> = BTreeMap::new();
        let (mut new, mut same) = (Vec::new(), 0);
        for source in own {
            // What still has the same name is the same; several members of an archive may have one name.
            let nth = met.entry(source.source.clone()).or_default();
            let place = known.get(&source.source).and_then(|places| places.get(*nth));
            *nth += 1;
            match place.and_then(|place| all.get_mut(*place)) {
                Some(known) => {
                    add(known, &source);
                    same += 1;
                }
                None => new.push(source),
            }
        }
        if !new.is_empty() {
            adds = true;
            again += same;
        }
        for source in new {
            known.entry(source.source.clone()).or_default().push(all.len());
            all.push(source);
        }
        adding.push(adds);
    }
    if again > 0 {
        doubts.push(format!(
            "Several runs read the same inputs ({again}), and each of them others too: the records of these inputs count in each for the coverage of their hosts"
        ));
    }
    all.sort_by(|a, b| a.source.cmp(&b.source));
    (all, adding)
}

/// Adds what another run knows of the same source: what its records share with others depends on what else was read.
fn add(known: &mut SourceReport, own: &SourceReport) {
    let rank = |report: &SourceReport| (report.overlap.relation, report.overlap.in_newer);
    if rank(own) > rank(known) {
        known.overlap = own.overlap;
    }
    if known.vouched == Vouched::Not {
        known.vouched = own.vouched;
    }
    known.problems = known.problems.max(own.problems);
}

/// Per host what those parts counted that are `adding`; and the records of hosts that are not kept apart.
fn hosts(parts: &mut [Part], adding: &[bool], doubts: &mut Vec<String>) -> (Vec<HostCoverage>, u64) {
    let mut hosts = Hosts::default();
    let mut seen = BTreeSet::new();
    let mut several = BTreeSet::new();
    for (part, adds) in parts.iter_mut().zip(adding) {
        let own = std::mem::take(&mut part.outcome.hosts);
        if !adds {
            continue;
        }
        hosts.add_others(part.outcome.reach.other_hosts);
        for host in own {
            if !seen.insert(host.host.clone()) {
                several.insert(host.host.clone());
            }
            hosts.add_host(host);
        }
    }
    if let Some(host) = several.first() {
        let others = match several.len() {
            1 => String::new(),
            more => format!(" and {} more hosts", more - 1),
        };
        doubts.push(format!(
            "More than one run holds records of {host}{others}: what their logs have in common counts in each, and sequences from one run's logs into another's were not looked for"
        ));
    }
    hosts.finish()
}

/// The damages of all parts; one that several tell of the same source counts once.
fn damages(parts: &mut [Part]) -> Vec<Damage> {
    let mut all: BTreeMap<Damage, usize> = BTreeMap::new();
    for part in parts {
        let mut own: BTreeMap<Damage, usize> = BTreeMap::new();
        for damage in std::mem::take(&mut part.outcome.damages) {
            *own.entry(damage).or_default() += 1;
        }
        for (damage, times) in own {
            let known = all.entry(damage).or_default();
            *known = times.max(*known);
        }
    }
    all.into_iter().flat_map(|(damage, times)| std::iter::repeat_n(damage, times)).collect()
}
