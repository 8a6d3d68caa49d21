//! The first events in order of time, each record once, whatever the order in which they come. It interprets none.

use std::collections::BTreeMap;

use crate::scan::hits::Candidate;
use crate::scan::order::Identity;
use crate::time::Timestamp;

/// At most `limit` events.
#[derive(Debug)]
pub struct Kept {
    limit: usize,
    events: BTreeMap<(Timestamp, Identity), Candidate>,
}

impl Kept {
    /// None yet.
    pub fn new(limit: usize) -> Self {
        Self { limit, events: BTreeMap::new() }
    }

    /// Takes `candidate`, or another copy of it, unless there are enough earlier ones.
    pub fn add(&mut self, candidate: &Candidate) {
        let key = (candidate.order.time, Identity::of(&candidate.event));
        if let Some(known) = self.events.get_mut(&key) {
            known.copies.push(candidate.order.place());
            return;
        }
        let late = self.events.last_key_value().is_some_and(|(last, _)| *last < key);
        if late && self.events.len() >= self.limit {
            return;
        }
        self.events.insert(key, candidate.clone());
        if self.events.len() > self.limit {
            self.events.pop_last();
        }
    }

    /// The events in order of time.
    pub fn events(&self) -> impl Iterator<Item = &Candidate> {
        self.events.values()
    }
}
