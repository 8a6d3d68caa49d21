//! The state machine of one join key: hits in, sequences out, in one pass. It sorts nothing and keeps, without missing-event stages, at most two partial
//! sequences per stage.
//!
//! Facts: Elasticsearch's SequenceMatcher, SequenceGroup.trimBefore, KeyToSequences. Its pages go stage by stage; one pass in time order gives the same.

use super::missing::Absences;
use super::{Hit, Match, Matched};
use crate::eql::{Role, Stage};
use crate::time::Timestamp;

/// The machine. Push the hits of one key in order, then finish.
#[derive(Debug)]
pub struct Machine<O, T> {
    roles: Vec<Role>,
    /// For each positive stage the positive stage before it.
    previous: Vec<Option<usize>>,
    last_positive: Option<usize>,
    maxspan: Option<i64>,
    /// Partial sequences whose latest event is at that stage. Of those older than the newest only the latest can still be taken: by a later stage's hit
    /// on the newest one's own event.
    waiting: Vec<Vec<Partial<O, T>>>,
    /// The latest `until` events, two at most for the same reason.
    until: Vec<O>,
    absences: Option<Absences<O, T>>,
}

#[derive(Debug)]
struct Partial<O, T> {
    first: Timestamp,
    events: Vec<(usize, Matched<O, T>)>,
}

impl<O: Ord, T> Partial<O, T> {
    fn last_order(&self) -> Option<&O> {
        self.events.last().map(|(_, event)| &event.order)
    }
}

impl<O: Ord + Clone, T: Clone> Machine<O, T> {
    /// A machine for these stages; `maxspan` in 100 ns ticks, inclusive.
    pub fn new(stages: &[Stage], maxspan: Option<i64>) -> Self {
        let roles: Vec<Role> = stages.iter().map(|stage| stage.role).collect();
        let mut previous = Vec::with_capacity(roles.len());
        let mut last_positive = None;
        for (number, role) in roles.iter().enumerate() {
            previous.push(last_positive);
            if *role == Role::Positive {
                last_positive = Some(number);
            }
        }
        let absences = roles.contains(&Role::Missing).then(|| Absences::new(&roles, maxspan));
        let waiting = roles.iter().map(|_| Vec::new()).collect();
        Self { roles, previous, last_positive, maxspan, waiting, until: Vec::new(), absences }
    }

    /// Takes the next hit. A sequence that is complete and depends on no later event is returned.
    pub fn push(&mut self, hit: Hit<O, T>) -> Option<Match<O, T>> {
        match self.roles.get(hit.stage)? {
            Role::Until => {
                keep_two(&mut self.until, hit.order, |order| Some(order));
                None
            }
            Role::Missing => {
                if let Some(absences) = &mut self.absences {
                    absences.saw(hit.stage, hit.time);
                }
                None
            }
            Role::Positive => self.advance(hit),
        }
    }

    /// The sequences that had to wait for the end of the hits: those with missing-event stages, in the order of their last events.
    pub fn finish(self) -> Vec<Match<O, T>> {
        self.absences.map(Absences::finish).unwrap_or_default()
    }

    fn advance(&mut self, hit: Hit<O, T>) -> Option<Match<O, T>> {
        let stage = hit.stage;
        let event = Matched { order: hit.order, time: hit.time, payload: hit.payload };
        let partial = match *self.previous.get(stage)? {
            None => Partial { first: event.time, events: vec![(stage, event)] },
            Some(previous) => self.extended(previous, stage, event)?,
        };
        if self.last_positive == Some(stage) {
            return self.complete(partial);
        }
        keep_two(self.waiting.get_mut(stage)?, partial, Partial::last_order);
        None
    }

    /// The newest partial strictly older than `event`, with it appended. It and all older ones leave the list even when maxspan or until then refuses.
    fn extended(&mut self, previous: usize, stage: usize, event: Matched<O, T>) -> Option<Partial<O, T>> {
        let waiting = self.waiting.get_mut(previous)?;
        let newest = waiting.iter().rposition(|partial| partial.last_order() < Some(&event.order))?;
        let mut partial = waiting.drain(..=newest).next_back()?;
        if self.maxspan.is_some_and(|maxspan| event.time.ticks_since(partial.first) > maxspan) {
            return None;
        }
        let nearest_until = self.until.iter().rfind(|until| **until < event.order);
        if nearest_until.is_some() && nearest_until >= partial.last_order() {
            return None;
        }
        partial.events.push((stage, event));
        Some(partial)
    }

    fn complete(&mut self, partial: Partial<O, T>) -> Option<Match<O, T>> {
        let stages = self.roles.iter().filter(|role| **role != Role::Until).count();
        let mut events: Vec<Option<Matched<O, T>>> = (0..stages).map(|_| None).collect();
        for (stage, event) in partial.events {
            if let Some(place) = events.get_mut(stage) {
                *place = Some(event);
            }
        }
        let found = Match { events };
        match &mut self.absences {
            None => Some(found),
            Some(absences) => {
                absences.suspect(found);
                None
            }
        }
    }
}

/// Appends `item`, keeping of the others only the latest that is strictly older.
fn keep_two<I, O: Ord>(list: &mut Vec<I>, item: I, order: impl Fn(&I) -> Option<&O>) {
    let older = list.iter().rposition(|other| order(other) < order(&item));
    if let Some(older) = older {
        list.truncate(older + 1);
        list.drain(..older);
    }
    list.push(item);
}
