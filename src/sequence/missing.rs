//! Events that must be missing: `![ … ]` before, between and after the events that are there. It decides on finished sequences only; a sequence it
//! discards has consumed its events all the same.
//!
//! Facts: Elasticsearch's TumblingWindow, prepareQueryForMissingEvents and doCheckMissingEvents. Times are compared, not positions, and strictly.

use super::Match;
use crate::eql::Role;
use crate::time::Timestamp;

/// Finished sequences under suspicion and the events that may refute them.
#[derive(Debug)]
pub(super) struct Absences<O, T> {
    roles: Vec<Role>,
    maxspan: Option<i64>,
    /// Per stage the times of its events, in order.
    seen: Vec<Vec<Timestamp>>,
    suspects: Vec<Match<O, T>>,
}

impl<O, T> Absences<O, T> {
    pub fn new(roles: &[Role], maxspan: Option<i64>) -> Self {
        let roles: Vec<Role> = roles.iter().copied().filter(|role| *role != Role::Until).collect();
        let seen = roles.iter().map(|_| Vec::new()).collect();
        Self { roles, maxspan, seen, suspects: Vec::new() }
    }

    /// An event of the missing stage `stage`.
    pub fn saw(&mut self, stage: usize, time: Timestamp) {
        if let Some(seen) = self.seen.get_mut(stage) {
            seen.push(time);
        }
    }

    /// A finished sequence.
    pub fn suspect(&mut self, found: Match<O, T>) {
        self.suspects.push(found);
    }

    /// The sequences that nothing refutes.
    pub fn finish(mut self) -> Vec<Match<O, T>> {
        self.seen.iter_mut().for_each(|seen| seen.sort_unstable());
        let suspects = std::mem::take(&mut self.suspects);
        suspects.into_iter().filter(|found| self.holds(found)).collect()
    }

    fn holds(&self, found: &Match<O, T>) -> bool {
        let positives: Vec<(usize, Timestamp)> = found
            .events
            .iter()
            .enumerate()
            .filter_map(|(stage, event)| event.as_ref().map(|event| (stage, event.time)))
            .collect();
        let (Some(&(first_stage, first)), Some(&(last_stage, last))) = (positives.first(), positives.last())
        else {
            return false;
        };
        for pair in positives.windows(2) {
            if let [(before, after_time), (after, before_time)] = pair
                && (*before + 1..*after).any(|stage| self.any_between(stage, *after_time, *before_time))
            {
                return false;
            }
        }
        let leading = (0..first_stage).filter_map(|stage| self.latest_before(stage, first)).max();
        let trailing =
            (last_stage + 1..self.roles.len()).filter_map(|stage| self.earliest_after(stage, last)).min();
        let (has_leading, has_trailing) = (first_stage > 0, last_stage + 1 < self.roles.len());
        match (leading, trailing) {
            (None, None) => true,
            (None, _) if has_leading => true,
            (_, None) if has_trailing => true,
            (Some(leading), Some(trailing)) => self.beyond_maxspan(leading, trailing),
            (Some(leading), None) => self.beyond_maxspan(leading, last),
            (None, Some(trailing)) => self.beyond_maxspan(first, trailing),
        }
    }

    fn times(&self, stage: usize) -> &[Timestamp] {
        self.seen.get(stage).map_or(&[], Vec::as_slice)
    }

    fn latest_before(&self, stage: usize, time: Timestamp) -> Option<Timestamp> {
        let times = self.times(stage);
        let before = times.partition_point(|seen| *seen < time);
        times.get(..before)?.last().copied()
    }

    fn earliest_after(&self, stage: usize, time: Timestamp) -> Option<Timestamp> {
        let times = self.times(stage);
        times.get(times.partition_point(|seen| *seen <= time)).copied()
    }

    fn any_between(&self, stage: usize, from: Timestamp, to: Timestamp) -> bool {
        self.earliest_after(stage, from).is_some_and(|time| time < to)
    }

    fn beyond_maxspan(&self, from: Timestamp, to: Timestamp) -> bool {
        self.maxspan.is_some_and(|maxspan| to.ticks_since(from) > maxspan)
    }
}
