//! Counts by key in bounded memory: the first keys are listed, all are counted. It knows no event.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, Hash};

use crate::finding::Listed;
use crate::finding::story::Count;
use crate::time::Timestamp;

/// Keys that are kept; of the others only hashes are, to count each once.
const KEPT: usize = 1_000;

/// Counts by `K`, with something more of each.
#[derive(Debug)]
pub struct Tally<K, V> {
    kept: BTreeMap<K, (Count, V)>,
    others: HashSet<u64>,
    state: RandomState,
}

impl<K, V> Default for Tally<K, V> {
    fn default() -> Self {
        Self { kept: BTreeMap::new(), others: HashSet::new(), state: RandomState::new() }
    }
}

impl<K: Ord + Hash, V: Default> Tally<K, V> {
    /// Counts one of `key` at `time`; what more is kept of it, unless there are too many keys.
    pub fn add(&mut self, key: K, time: Timestamp) -> Option<&mut V> {
        if self.kept.len() >= KEPT && !self.kept.contains_key(&key) {
            self.others.insert(self.state.hash_one(&key));
            return None;
        }
        let (count, more) = self.kept.entry(key).or_default();
        count.add(time);
        Some(more)
    }

    /// The most frequent `limit` keys, the first of equals first.
    pub fn finish<T>(self, limit: usize, make: impl Fn(K, Count, V) -> T) -> Listed<T> {
        let total = (self.kept.len() + self.others.len()) as u64;
        let mut all: Vec<(K, (Count, V))> = self.kept.into_iter().collect();
        // The sort is stable: equals stay in the order of their keys.
        all.sort_by_key(|(_, (count, _))| (std::cmp::Reverse(count.count), count.first));
        let shown = all.into_iter().take(limit).map(|(key, (count, more))| make(key, count, more));
        Listed { shown: shown.collect(), total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_are_counted_and_the_frequent_ones_listed() {
        let mut tally: Tally<u32, ()> = Tally::default();
        for round in 0..2 {
            for key in 0..3_000_u32 {
                tally.add(key, Timestamp::from_unix_millis(i64::from(key)));
            }
            tally.add(7 + round, Timestamp::from_unix_millis(9));
        }
        let listed = tally.finish(3, |key, count, ()| (key, count.count));
        assert_eq!((listed.shown, listed.total), (vec![(7, 3), (8, 3), (0, 2)], 3_000));
    }
}
