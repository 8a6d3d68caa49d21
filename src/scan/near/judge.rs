//! Hits, matches and notes of one rule → its near misses, each with its kind and the numbers behind it. It puts nothing into words.

use std::collections::{HashMap, HashSet};

use crate::eql::{Form, Role};
use crate::finding::NearKind;
use crate::scan::hits::{Candidate, hits};
use crate::scan::order::Place;
use crate::scan::rule_set::CompiledRule;
use crate::time::Timestamp;

use super::lookout::RuleWatches;
use super::notes::{Noted, hash_of};

/// A near miss before its events are looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Near {
    /// Why it is no finding.
    pub kind: NearKind,
    /// The stage that the kind is about.
    pub stage: usize,
    /// Its event's time by the clock of the run.
    pub time: Timestamp,
    /// Where its event was read.
    pub place: Place,
    /// The event.
    pub event: Which,
    /// The candidate that is the start, or the event of another stage before it; of [`NearKind::BeforeStart`] after it.
    pub start: Option<usize>,
    /// By how much, in 100 ns ticks, where the kind says so.
    pub ticks: i64,
    /// More events like this one.
    pub more: u64,
}

/// Where to find an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Among the candidates.
    Candidate(usize),
    /// Among the records noted.
    Noted(usize),
}

/// What near misses are judged by.
pub struct Judge<'a> {
    /// The merged candidates.
    pub candidates: &'a [Candidate],
    /// The candidates' identities, hashed.
    pub identities: &'a [u64],
    /// What came near.
    pub noted: &'a Noted,
}

/// One rule's hits.
struct Hits {
    /// Stage, join key and candidate, in the order of the candidates.
    all: Vec<(usize, u64, usize)>,
    /// Stage and candidate by join key, in the same order.
    by_key: HashMap<u64, Vec<(usize, usize)>>,
    /// Candidates in sequences that were found.
    used: HashSet<usize>,
    /// The stages whose events must be there, in order.
    positives: Vec<usize>,
    maxspan: Option<i64>,
}

impl Hits {
    fn under(&self, key: u64) -> &[(usize, usize)] {
        self.by_key.get(&key).map_or(&[], Vec::as_slice)
    }

    fn beyond(&self, ticks: i64) -> bool {
        self.maxspan.is_some_and(|maxspan| ticks > maxspan)
    }
}

impl Judge<'_> {
    /// The near misses of `compiled`, in no order. `used` are the candidates in the sequences it found.
    pub fn rule(&self, compiled: &CompiledRule, watches: &RuleWatches, used: HashSet<usize>) -> Vec<Near> {
        let program = &compiled.program;
        let maxspan = match program.form() {
            Form::Sample => return Vec::new(),
            _ if !program.pipes().is_empty() => return Vec::new(),
            Form::Event => return self.excluded(watches, None),
            Form::Sequence { maxspan } => maxspan,
        };
        let all: Vec<(usize, u64, usize)> = hits(program, compiled.first_filter, self.candidates)
            .into_iter()
            .map(|(key, hit)| (hit.stage, hash_of(&key), hit.payload))
            .collect();
        let mut by_key: HashMap<u64, Vec<(usize, usize)>> = HashMap::new();
        for (stage, key, index) in &all {
            by_key.entry(*key).or_default().push((*stage, *index));
        }
        let stages = program.stages().iter().enumerate();
        let positives: Vec<usize> =
            stages.filter(|(_, stage)| stage.role == Role::Positive).map(|(number, _)| number).collect();
        let hits = Hits { all, by_key, used, positives, maxspan };
        let mut near = self.excluded(watches, Some(&hits));
        near.extend(self.last_without(&hits));
        near.extend(self.other_conditions(watches, &hits));
        near
    }

    fn time(&self, candidate: usize) -> Timestamp {
        self.candidates.get(candidate).map(|candidate| candidate.order.time).unwrap_or_default()
    }

    fn of_candidate(&self, kind: NearKind, stage: usize, index: usize) -> Near {
        Near {
            kind,
            stage,
            time: self.time(index),
            place: self.candidates.get(index).map(|candidate| candidate.order.place()).unwrap_or_default(),
            event: Which::Candidate(index),
            start: None,
            ticks: 0,
            more: 0,
        }
    }

    /// Events that a stage excludes. After the first stage of a sequence one is near only when another stage's event stands before it.
    fn excluded(&self, watches: &RuleWatches, hits: Option<&Hits>) -> Vec<Near> {
        let mut near = Vec::new();
        let mut told = HashSet::new();
        for (stage, watch) in watches.excluded.iter().enumerate() {
            let Some(watch) = *watch else { continue };
            let later = hits.filter(|hits| hits.positives.first() != Some(&stage));
            for (number, note) in self.noted.under(watch) {
                let start = later.map(|hits| self.before(hits, stage, note.key, note.time));
                if start == Some(None) || !told.insert((stage, note.identity)) {
                    continue;
                }
                near.push(Near {
                    kind: NearKind::Excluded,
                    stage,
                    time: note.time,
                    place: note.place(),
                    event: Which::Noted(number),
                    start: start.flatten(),
                    ticks: 0,
                    more: 0,
                });
            }
        }
        near
    }

    /// The latest event of a stage before `stage` that stands no later than `time` and no further from it than the span.
    fn before(&self, hits: &Hits, stage: usize, key: u64, time: Timestamp) -> Option<usize> {
        let able = |(earlier, index): &&(usize, usize)| {
            let ticks = time.ticks_since(self.time(*index));
            *earlier < stage && hits.positives.contains(earlier) && ticks >= 0 && !hits.beyond(ticks)
        };
        hits.under(key).iter().rev().find(able).map(|(_, index)| *index)
    }

    /// Hits of the last stage that completed nothing.
    fn last_without(&self, hits: &Hits) -> Vec<Near> {
        let (Some(first), Some(last)) = (hits.positives.first(), hits.positives.last()) else {
            return Vec::new();
        };
        let mut near: Vec<Near> = Vec::new();
        let mut told = HashSet::new();
        for (stage, key, index) in &hits.all {
            let own = hits.under(*key);
            // What is a start itself, as every event of `with runs`, is no last event without one.
            let starts_itself = own.contains(&(*first, *index));
            if stage != last || starts_itself || hits.used.contains(index) || !told.insert(*index) {
                continue;
            }
            near.push(self.without_start(hits, own, *index));
        }
        near
    }

    fn without_start(&self, hits: &Hits, own: &[(usize, usize)], index: usize) -> Near {
        let (first, last) = (own_stage(hits.positives.first()), own_stage(hits.positives.last()));
        let starts = own.iter().filter(|(stage, _)| *stage == first).map(|(_, start)| *start);
        let (before, after): (Vec<usize>, Vec<usize>) = starts.partition(|start| *start < index);
        let Some(start) = before.last().copied() else {
            let Some(start) = after.first().copied() else {
                return self.of_candidate(NearKind::NoStart, first, index);
            };
            let ticks = self.time(start).ticks_since(self.time(index));
            let near = self.of_candidate(NearKind::BeforeStart, last, index);
            return Near { start: Some(start), ticks, ..near };
        };
        let ticks = self.time(index).ticks_since(self.time(start));
        let (kind, stage) = if hits.used.contains(&start) {
            (NearKind::StartUsed, last)
        } else if hits.beyond(ticks) {
            (NearKind::OutsideMaxspan, last)
        } else {
            match self.stops_at(hits, own, start, Some(index)) {
                Some((stage, _)) if stage != last => (NearKind::Incomplete, stage),
                _ => (NearKind::Refused, last),
            }
        };
        Near { start: Some(start), ticks, ..self.of_candidate(kind, stage, index) }
    }

    /// The stage that a sequence from `start` on lacks, and the candidate it has come to; `None` when it lacks none. Only events before `end` count.
    fn stops_at(
        &self,
        hits: &Hits,
        own: &[(usize, usize)],
        start: usize,
        end: Option<usize>,
    ) -> Option<(usize, usize)> {
        let mut current = start;
        for next in hits.positives.iter().skip(1) {
            let goes_on = |(stage, index): &&(usize, usize)| {
                let in_span = !hits.beyond(self.time(*index).ticks_since(self.time(start)));
                stage == next && *index > current && in_span && end.is_none_or(|end| *index < end)
            };
            match own.iter().find(goes_on) {
                Some((_, index)) => current = *index,
                None => return Some((*next, current)),
            }
        }
        None
    }

    /// Starts that nothing completed, whose process did something of the category that comes next.
    fn other_conditions(&self, watches: &RuleWatches, hits: &Hits) -> Vec<Near> {
        let first = own_stage(hits.positives.first());
        let unused =
            hits.all.iter().filter(|(stage, _, index)| *stage == first && !hits.used.contains(index));
        let mut told = HashSet::new();
        let near = unused.filter_map(|(_, key, start)| {
            let own = hits.under(*key);
            let (stage, from) = self.stops_at(hits, own, *start, None)?;
            let watch = (*watches.category.get(stage)?)?;
            let excluded = watches.excluded.get(stage).copied().flatten();
            let met = |identity: u64| {
                let identity_of = |index: usize| self.identities.get(index).copied();
                own.iter().any(|(other, index)| {
                    (*other == stage || *index == *start) && identity_of(*index) == Some(identity)
                }) || excluded.is_some_and(|watch| self.noted.has(watch, *key, identity))
            };
            let began = self.time(*start);
            let mut events = self
                .noted
                .since(watch, *key, self.time(from))
                .take_while(|(_, note)| !hits.beyond(note.time.ticks_since(began)))
                .filter(|(_, note)| !met(note.identity));
            let (number, note) = events.next()?;
            let near = Near {
                kind: NearKind::OtherCondition,
                stage,
                time: note.time,
                place: note.place(),
                event: Which::Noted(number),
                start: Some(*start),
                ticks: note.time.ticks_since(began),
                more: events.count() as u64,
            };
            told.insert(*start).then_some(near)
        });
        near.collect()
    }
}

/// A sequence has at least one stage whose event must be there, which the compiler sees to.
fn own_stage(stage: Option<&usize>) -> usize {
    stage.copied().unwrap_or_default()
}
