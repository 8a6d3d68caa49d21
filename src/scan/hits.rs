//! The events that matched something, brought into the one order, each record once. It knows which stages they satisfy, not what that means.

use std::collections::HashMap;

use crate::eql::{Form, Program, Record};
use crate::finding::{Clock, SourceReport};
use crate::sequence::{Hit, JoinKey, Match, join_keys, run_all};
use crate::sysmon::Event;

use super::order::{Identity, Order, Place};

/// An event that satisfies at least one filter.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Where it stands among all events.
    pub order: Order,
    /// The event.
    pub event: Event,
    /// The numbers of the filters it satisfies, ascending.
    pub filters: Vec<usize>,
    /// Where else the same record was read.
    pub copies: Vec<Place>,
}

impl Candidate {
    /// A candidate read at `place`.
    pub fn new(event: Event, filters: Vec<usize>, place: Place, clock: Clock) -> Self {
        Self { order: Order::of(&event, place, clock), event, filters, copies: Vec::new() }
    }
}

/// One reading of a record, as copies of it are told.
pub trait Reading {
    /// Where it stands among all events.
    type Order: Ord;
    /// The order.
    fn order(&self) -> &Self::Order;
    /// Whether it was recovered.
    fn is_recovered(&self) -> bool;
    /// What makes it the same record as another.
    fn identity(&self) -> Identity;
    /// Notes where a copy was read.
    fn take_copy(&mut self, copy: Self);
}

impl Reading for Candidate {
    type Order = Order;

    fn order(&self) -> &Order {
        &self.order
    }

    fn is_recovered(&self) -> bool {
        self.order.is_recovered()
    }

    fn identity(&self) -> Identity {
        Identity::of(&self.event)
    }

    fn take_copy(&mut self, copy: Self) {
        self.copies.push(copy.order.place());
    }
}

/// Sorts `readings` by the one total order and drops the copies of each record; of the copies the first live one by that order stays, or
/// the first when all were recovered, and knows of the others.
pub fn merge<R: Reading>(mut readings: Vec<R>) -> Vec<R> {
    readings.sort_by(|a, b| (a.is_recovered(), a.order()).cmp(&(b.is_recovered(), b.order())));
    let mut seen: HashMap<Identity, usize> = HashMap::new();
    let mut merged: Vec<R> = Vec::new();
    for reading in readings {
        let identity = reading.identity();
        match seen.get(&identity).and_then(|index| merged.get_mut(*index)) {
            Some(first) => first.take_copy(reading),
            None => {
                seen.insert(identity, merged.len());
                merged.push(reading);
            }
        }
    }
    merged.sort_by(|a, b| a.order().cmp(b.order()));
    merged
}

/// [`merge`] once all `sources`, by ordinal, are known, which the total order compares by name: members of an archive come as they lie in it.
pub fn merge_by_name(mut candidates: Vec<Candidate>, sources: &[SourceReport]) -> Vec<Candidate> {
    let mut by_name: Vec<usize> = (0..sources.len()).collect();
    by_name.sort_by_key(|ordinal| sources.get(*ordinal).map(|source| &source.source));
    let mut ranks = vec![0; sources.len()];
    for (rank, ordinal) in by_name.into_iter().enumerate() {
        if let Some(place) = ranks.get_mut(ordinal) {
            *place = rank;
        }
    }
    candidates.iter_mut().for_each(|candidate| candidate.order.rank(&ranks));
    merge(candidates)
}

/// What `program` makes of `candidates`, which are merged; its stages are the filters from number `first_filter` on. Each match names candidates by
/// their index. Pipes are applied.
pub fn matches(
    program: &Program,
    first_filter: usize,
    candidates: &[Candidate],
) -> Vec<(JoinKey, Match<usize, usize>)> {
    answers(program, hits(program, first_filter, candidates))
}

/// The hits of `program` among `candidates`, each under its join keys, in the order of the candidates.
pub fn hits(
    program: &Program,
    first_filter: usize,
    candidates: &[Candidate],
) -> Vec<(JoinKey, Hit<usize, usize>)> {
    let stages = program.stages().len();
    let mut hits = Vec::new();
    for (index, candidate) in candidates.iter().enumerate() {
        let time = candidate.order.time;
        let own = candidate.filters.iter().filter_map(|filter| filter.checked_sub(first_filter));
        for stage in own.filter(|stage| *stage < stages) {
            let keys = keys(program, stage, &candidate.event);
            hits.extend(keys.into_iter().map(|key| (key, Hit { stage, order: index, time, payload: index })));
        }
    }
    hits
}

/// The join keys under which `record` takes part in `program`'s stage number `stage`; an event query has one for all.
pub fn keys(program: &Program, stage: usize, record: &dyn Record) -> Vec<JoinKey> {
    match (program.form(), program.stages().get(stage)) {
        (Form::Event, _) => vec![JoinKey::default()],
        (_, Some(stage)) => join_keys(&stage.keys, record),
        (_, None) => Vec::new(),
    }
}

/// The results of `program` over `hits`, pipes applied.
pub fn answers(
    program: &Program,
    hits: Vec<(JoinKey, Hit<usize, usize>)>,
) -> Vec<(JoinKey, Match<usize, usize>)> {
    program.limit(run_all(program, hits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Position, RawRecord};
    use crate::sysmon;
    use crate::time::Timestamp;

    /// Record 7 as it was read in source number `source`; `utc_time` is what the `utc` clock goes by.
    fn copy(source: u32, recovered: bool, utc_time: &str) -> Candidate {
        let mut raw = RawRecord { recovered, ..RawRecord::default() };
        raw.system.provider = sysmon::PROVIDER.to_owned();
        raw.system.event_id = 1;
        raw.system.record_id = Some(7);
        raw.system.time_created = Timestamp::parse("2024-03-01T10:00:00Z");
        raw.data = vec![("UtcTime".to_owned(), utc_time.to_owned())];
        let event = Event::from_raw(raw, &sysmon::Options::default()).expect("Sysmon's");
        let place = Place { source, position: Position::default() };
        Candidate::new(event, vec![0], place, Clock::Utc)
    }

    #[test]
    fn a_recovered_copy_never_displaces_a_live_one() {
        let early = "2024-03-01 09:00:00.000";
        let late = "2024-03-01 10:00:00.000";
        for stale_time in [early, late] {
            let merged = merge(vec![copy(0, true, stale_time), copy(2, false, late), copy(1, false, late)]);
            let [one] = merged.as_slice() else { panic!("{merged:?}") };
            assert_eq!((one.event.is_recovered(), one.order.place().source), (false, 1));
            assert_eq!(one.copies.iter().map(|place| place.source).collect::<Vec<_>>(), [2, 0]);
        }
        let merged = merge(vec![copy(1, true, late), copy(0, true, late)]);
        assert_eq!((merged.len(), merged[0].order.place().source), (1, 0));
    }
}
