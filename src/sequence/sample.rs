//! Samples: per join key one event for each stage, all different, in any order. It knows no time.
//!
//! Facts: Elasticsearch's SampleIterator: for every key it reads as many events per stage as there are stages, in index order, and backtracks to the
//! first choice of different events; a key gives one sample (`max_samples_per_key` is 1 by default).

use super::{Hit, Match, Matched};

/// The sample of one key, being gathered. Push the hits in order, then finish.
#[derive(Debug)]
pub struct Sampler<O, T> {
    /// Per stage the first events that satisfy it.
    candidates: Vec<Vec<Matched<O, T>>>,
}

impl<O: Ord + Clone, T: Clone> Sampler<O, T> {
    /// A sampler for so many stages.
    pub fn new(stages: usize) -> Self {
        Self { candidates: (0..stages).map(|_| Vec::new()).collect() }
    }

    /// Takes the next hit. With as many candidates per stage as there are stages a choice of different events exists if one exists at all, so no more are
    /// kept.
    pub fn push(&mut self, hit: Hit<O, T>) {
        let most = self.candidates.len();
        if let Some(stage) = self.candidates.get_mut(hit.stage).filter(|stage| stage.len() < most) {
            stage.push(Matched { order: hit.order, time: hit.time, payload: hit.payload });
        }
    }

    /// The sample, if there is one.
    pub fn finish(self) -> Option<Match<O, T>> {
        let mut chosen = Vec::with_capacity(self.candidates.len());
        if !choose(&self.candidates, &mut chosen) {
            return None;
        }
        let stages = self.candidates.iter().zip(chosen);
        Some(Match { events: stages.map(|(stage, index)| stage.get(index).cloned()).collect() })
    }
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
