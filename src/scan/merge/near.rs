//! The near misses of several runs: counts added, and a choice listed as one scan makes it. It looks for none.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::finding::{Clock, LISTED, LISTED_PER_RULE, NearCount, NearKind, NearMiss, NearMisses, RuleInfo};
use crate::scan::near::in_turns;
use crate::time::Timestamp;

use super::findings::time;

/// The near misses of all `runs`, each with whether it read what others did not: those of one that did not are known already.
pub fn together(
    mut runs: Vec<(NearMisses, bool)>,
    rules: &[Arc<RuleInfo>],
    clock: Clock,
    doubts: &mut Vec<String>,
) -> NearMisses {
    if let [(only, _)] = runs.as_mut_slice() {
        return std::mem::take(only);
    }
    let looked_for = runs.iter().any(|(near, _)| near.looked_for);
    let everywhere = runs.iter().all(|(near, _)| near.looked_for);
    if looked_for && !everywhere {
        doubts.push(
            "Not all of the runs looked for near misses: there may be more than are counted".to_owned(),
        );
    }
    let more = looked_for && !everywhere || runs.iter().any(|(near, _)| near.more);
    let numbers: HashMap<*const RuleInfo, usize> =
        rules.iter().enumerate().map(|(number, rule)| (Arc::as_ptr(rule), number)).collect();
    let number = |rule: &Arc<RuleInfo>| numbers.get(&Arc::as_ptr(rule)).copied().unwrap_or(usize::MAX);
    let mut sums: BTreeMap<(usize, NearKind), u64> = BTreeMap::new();
    let mut known: BTreeMap<(usize, NearKind), Vec<NearMiss>> = BTreeMap::new();
    for (near, _) in runs.into_iter().filter(|(_, adds)| *adds) {
        for told in near.counts {
            let sum = sums.entry((number(&told.rule), told.kind)).or_default();
            *sum = sum.saturating_add(told.count);
        }
        for miss in near.listed {
            known.entry((number(&miss.nearly.rule), miss.kind)).or_default().push(miss);
        }
    }
    let mut counts = Vec::new();
    let mut by_rule: Vec<Vec<NearMiss>> = Vec::new();
    for (place, rule) in rules.iter().enumerate() {
        let mut by_kind = Vec::new();
        for kind in NearKind::ALL {
            let mut misses = known.remove(&(place, kind)).unwrap_or_default();
            let again = each_once(&mut misses);
            misses.sort_by_cached_key(|miss| standing(miss, clock));
            if let Some(count) = sums.remove(&(place, kind)) {
                let count = count.saturating_sub(again);
                counts.push(NearCount { rule: Arc::clone(rule), kind, count, listed: 0 });
            }
            by_kind.push(misses);
        }
        by_rule.push(in_turns(by_kind, LISTED_PER_RULE));
    }
    let mut listed = in_turns(by_rule, LISTED);
    listed.sort_by_cached_key(|miss| (standing(miss, clock), number(&miss.nearly.rule), miss.kind));
    for count in &mut counts {
        let own = |miss: &&NearMiss| miss.kind == count.kind && Arc::ptr_eq(&miss.nearly.rule, &count.rule);
        count.listed = listed.iter().filter(own).count() as u64;
    }
    NearMisses { looked_for, counts, listed, more }
}

/// Leaves of those with one id the first; how many go.
fn each_once(misses: &mut Vec<NearMiss>) -> u64 {
    let before = misses.len();
    let mut seen = HashSet::new();
    misses.retain(|miss| seen.insert(miss.nearly.id.clone()));
    (before - misses.len()) as u64
}

/// Where its event stands: when, in which source, and where in that.
fn standing(miss: &NearMiss, clock: Clock) -> Option<(Timestamp, String, Option<u64>)> {
    miss.event().map(|event| (time(event, clock), event.evidence.source.clone(), event.record_id))
}
