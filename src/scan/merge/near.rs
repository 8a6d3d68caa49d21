//! The near misses of several runs: counts added, and a choice listed as one scan makes it. It looks for none.

use std::collections::HashSet;
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
    let own: Vec<NearMisses> = runs.into_iter().filter(|(_, adds)| *adds).map(|(near, _)| near).collect();
    let mut counts = Vec::new();
    let mut by_rule: Vec<Vec<NearMiss>> = Vec::new();
    let (told, listed): (Vec<_>, Vec<_>) = own.into_iter().map(|near| (near.counts, near.listed)).unzip();
    let mut listed: Vec<Option<NearMiss>> = listed.into_iter().flatten().map(Some).collect();
    for rule in rules {
        let mut by_kind = Vec::new();
        for kind in NearKind::ALL {
            let told =
                told.iter().flatten().filter(|count| count.kind == kind && Arc::ptr_eq(&count.rule, rule));
            let count = told.fold(0_u64, |sum, told| sum.saturating_add(told.count));
            let (misses, again) = taken(&mut listed, rule, kind, clock);
            if count > 0 {
                let count = count.saturating_sub(again);
                counts.push(NearCount { rule: Arc::clone(rule), kind, count, listed: 0 });
            }
            by_kind.push(misses);
        }
        by_rule.push(in_turns(by_kind, LISTED_PER_RULE));
    }
    let mut listed = in_turns(by_rule, LISTED);
    let place = |rule: &Arc<RuleInfo>| rules.iter().position(|known| Arc::ptr_eq(known, rule));
    listed.sort_by_cached_key(|miss| (standing(miss, clock), place(&miss.nearly.rule), miss.kind));
    for count in &mut counts {
        let own = |miss: &&NearMiss| miss.kind == count.kind && Arc::ptr_eq(&miss.nearly.rule, &count.rule);
        count.listed = listed.iter().filter(own).count() as u64;
    }
    NearMisses { looked_for, counts, listed, more }
}

/// Takes from `listed` those of a rule and kind, by time, each once; and how many were there before.
fn taken(
    listed: &mut [Option<NearMiss>],
    rule: &Arc<RuleInfo>,
    kind: NearKind,
    clock: Clock,
) -> (Vec<NearMiss>, u64) {
    let own = |miss: &mut NearMiss| miss.kind == kind && Arc::ptr_eq(&miss.nearly.rule, rule);
    let mut misses: Vec<NearMiss> = listed.iter_mut().filter_map(|miss| miss.take_if(own)).collect();
    let before = misses.len();
    let mut seen = HashSet::new();
    misses.retain(|miss| seen.insert(miss.nearly.id.clone()));
    let again = (before - misses.len()) as u64;
    misses.sort_by_cached_key(|miss| standing(miss, clock));
    (misses, again)
}

/// Where its event stands: when, in which source, and where in that.
fn standing(miss: &NearMiss, clock: Clock) -> Option<(Timestamp, String, Option<u64>)> {
    miss.event().map(|event| (time(event, clock), event.evidence.source.clone(), event.record_id))
}
