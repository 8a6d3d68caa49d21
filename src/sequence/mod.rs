//! Hits in order → sequences. It knows EQL's programs, not Sysmon; it reads no record but for its join keys and keeps nothing but what may still match.

pub mod key;
pub mod machine;
mod missing;
pub mod sample;

use crate::eql::{Form, Program};
use crate::time::Timestamp;

pub use key::{JoinKey, KeyValue, join_keys};
pub use machine::Machine;
pub use sample::Sampler;

/// An event that satisfies a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit<O, T> {
    /// The stage's number in [`Program::stages`].
    pub stage: usize,
    /// Where the event stands among all events. Two hits of one event have the same place; two events never do.
    pub order: O,
    /// The event's time by the clock of the run.
    pub time: Timestamp,
    /// The event, or what leads to it.
    pub payload: T,
}

/// A completed sequence or sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Match<O, T> {
    /// One entry per stage but `until`; `None` in the place of an event that had to be missing.
    pub events: Vec<Option<Matched<O, T>>>,
}

/// One event of a match.
#[derive(Debug, Clone, PartialEq)]
pub struct Matched<O, T> {
    /// Where the event stands among all events.
    pub order: O,
    /// The event's time.
    pub time: Timestamp,
    /// The event, or what leads to it.
    pub payload: T,
}

impl<O: Ord, T> Match<O, T> {
    /// The events that are there.
    pub fn present(&self) -> impl DoubleEndedIterator<Item = &Matched<O, T>> {
        self.events.iter().flatten()
    }

    /// What matches are sorted by: the last event, then the others from the first on.
    fn rank(&self) -> (Option<&O>, Vec<&O>) {
        (
            self.present().next_back().map(|event| &event.order),
            self.present().map(|event| &event.order).collect(),
        )
    }
}

/// The hits of one join key on their way through a program. Push them by order, then stage, and finish.
#[derive(Debug)]
enum Runner<O, T> {
    Event,
    Sample(Sampler<O, T>),
    Sequence(Machine<O, T>),
}

impl<O: Ord + Clone, T: Clone> Runner<O, T> {
    fn new(program: &Program) -> Self {
        match program.form() {
            Form::Event => Self::Event,
            Form::Sample => Self::Sample(Sampler::new(program.stages().len())),
            Form::Sequence { maxspan } => Self::Sequence(Machine::new(program.stages(), maxspan)),
        }
    }

    /// Takes the next hit; what it completes for good is returned.
    fn push(&mut self, hit: Hit<O, T>) -> Option<Match<O, T>> {
        match self {
            Self::Event => {
                let Hit { order, time, payload, .. } = hit;
                Some(Match { events: vec![Some(Matched { order, time, payload })] })
            }
            Self::Sample(sampler) => {
                sampler.push(hit);
                None
            }
            Self::Sequence(machine) => machine.push(hit),
        }
    }

    fn finish(self) -> Vec<Match<O, T>> {
        match self {
            Self::Event => Vec::new(),
            Self::Sample(sampler) => sampler.finish().into_iter().collect(),
            Self::Sequence(machine) => machine.finish(),
        }
    }
}

/// Runs the hits of one join key, sorted by order and stage; the matches come in the order of their last events, those with missing-event stages last.
pub fn run<O: Ord + Clone, T: Clone>(
    program: &Program,
    hits: impl IntoIterator<Item = Hit<O, T>>,
) -> Vec<Match<O, T>> {
    let mut runner = Runner::new(program);
    let mut matches: Vec<Match<O, T>> = hits.into_iter().filter_map(|hit| runner.push(hit)).collect();
    matches.extend(runner.finish());
    matches
}

/// A program over many join keys, one after the other: it keeps the state of one key and what was found. Push all hits of a key by order, then stage, then
/// those of another key; the keys may come in any order.
#[derive(Debug)]
pub struct Reduction<'p, O, T> {
    program: &'p Program,
    current: Option<(JoinKey, Runner<O, T>)>,
    matches: Vec<(JoinKey, Match<O, T>)>,
}

impl<'p, O: Ord + Clone, T: Clone> Reduction<'p, O, T> {
    /// Nothing of `program` is found yet.
    pub fn new(program: &'p Program) -> Self {
        Self { program, current: None, matches: Vec::new() }
    }

    /// Takes the next hit, under `key`.
    pub fn push(&mut self, key: &JoinKey, hit: Hit<O, T>) {
        if self.current.as_ref().is_none_or(|(current, _)| current != key) {
            self.end_key();
        }
        let (key, runner) = self.current.get_or_insert_with(|| (key.clone(), Runner::new(self.program)));
        self.matches.extend(runner.push(hit).map(|found| (key.clone(), found)));
    }

    /// Whether something is found by now, whatever comes.
    pub fn has_found(&self) -> bool {
        !self.matches.is_empty()
    }

    fn end_key(&mut self) {
        if let Some((key, runner)) = self.current.take() {
            self.matches.extend(runner.finish().into_iter().map(|found| (key.clone(), found)));
        }
    }

    /// What was found: sequences and events in the order of their last events (ties by their other events, then key), samples in the order of their keys, as
    /// Elasticsearch lists them. The program's pipes are not applied; [`Program::limit`] does that.
    pub fn finish(mut self) -> Vec<(JoinKey, Match<O, T>)> {
        self.end_key();
        let mut matches = self.matches;
        match self.program.form() {
            Form::Sample => matches.sort_by(|(a, _), (b, _)| a.cmp(b)),
            Form::Event | Form::Sequence { .. } => {
                matches.sort_by(|(a_key, a), (b_key, b)| (a.rank(), a_key).cmp(&(b.rank(), b_key)));
            }
        }
        matches
    }
}

/// Runs the hits of all join keys, in any order: they are sorted and reduced.
pub fn run_all<O: Ord + Clone, T: Clone>(
    program: &Program,
    mut hits: Vec<(JoinKey, Hit<O, T>)>,
) -> Vec<(JoinKey, Match<O, T>)> {
    hits.sort_by(|(a_key, a), (b_key, b)| (a_key, &a.order, a.stage).cmp(&(b_key, &b.order, b.stage)));
    let mut reduction = Reduction::new(program);
    hits.into_iter().for_each(|(key, hit)| reduction.push(&key, hit));
    reduction.finish()
}
