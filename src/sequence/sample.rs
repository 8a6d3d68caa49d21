//! Samples: per join key one event for each stage, all different, in any order. It knows no time.
//!
//! Facts: Elasticsearch's SampleIterator: for every key it reads as many events per stage as there are stages, in index order, and backtracks to the
//! first choice of different events; a key gives one sample (`max_samples_per_key` is 1 by default).

use super::{Hit, Match, Matched};
use crate::eql::Program;

/// The sample of one key, or `None`. The hits come in order.
pub fn run<O: Ord + Clone, T: Clone>(
    program: &Program,
    hits: impl IntoIterator<Item = Hit<O, T>>,
) -> Option<Match<O, T>> {
    let count = program.stages().len();
    let mut candidates: Vec<Vec<Matched<O, T>>> = (0..count).map(|_| Vec::new()).collect();
    for hit in hits {
        // With as many candidates per stage as there are stages a choice of different events exists if one exists at all.
        if let Some(stage) = candidates.get_mut(hit.stage)
            && stage.len() < count
        {
            stage.push(Matched { order: hit.order, time: hit.time, payload: hit.payload });
        }
    }
    let mut chosen = Vec::with_capacity(count);
    if !choose(&candidates, &mut chosen) {
        return None;
    }
    let events = candidates.iter().zip(chosen).map(|(stage, index)| stage.get(index).cloned()).collect();
    Some(Match { events })
}

/// Completes `chosen`, an index per stage, so that no event is taken twice.
fn choose<O: Ord, T>(candidates: &[Vec<Matched<O, T>>], chosen: &mut Vec<usize>) -> bool {
    let Some(stage) = candidates.get(chosen.len()) else { return true };
    for (index, candidate) in stage.iter().enumerate() {
        let taken = candidates
            .iter()
            .zip(chosen.iter())
            .any(|(other, index)| other.get(*index).is_some_and(|event| event.order == candidate.order));
        if taken {
            continue;
        }
        chosen.push(index);
        if choose(candidates, chosen) {
            return true;
        }
        chosen.pop();
    }
    false
}
