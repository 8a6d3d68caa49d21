//! Hits in order → sequences. It knows EQL's programs, not Sysmon; it reads no record but for its join keys and keeps nothing but what may still match.

pub mod key;
pub mod machine;
mod missing;
pub mod sample;

use crate::eql::{Form, Program};
use crate::time::Timestamp;

pub use key::{JoinKey, KeyValue, join_keys};
pub use machine::Machine;

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

/// Runs the hits of one join key, sorted by order, through a sequence or sample; the matches come in the order of their last events.
pub fn run<O: Ord + Clone, T: Clone>(
    program: &Program,
    hits: impl IntoIterator<Item = Hit<O, T>>,
) -> Vec<Match<O, T>> {
    match program.form() {
        Form::Event => Vec::new(),
        Form::Sample => sample::run(program, hits).into_iter().collect(),
        Form::Sequence { maxspan } => {
            let mut machine = Machine::new(program.stages(), maxspan);
            let mut matches: Vec<Match<O, T>> =
                hits.into_iter().filter_map(|hit| machine.push(hit)).collect();
            matches.extend(machine.finish());
            matches
        }
    }
}

/// Runs the hits of all join keys, in any order: sequences come in the order of their last events (ties by their other events, then key), samples in the
/// order of their keys, as Elasticsearch lists them. The program's pipes are not applied; [`Program::limit`] does that.
pub fn run_all<O: Ord + Clone, T: Clone>(
    program: &Program,
    mut hits: Vec<(JoinKey, Hit<O, T>)>,
) -> Vec<(JoinKey, Match<O, T>)> {
    hits.sort_by(|(a_key, a), (b_key, b)| (a_key, &a.order, a.stage).cmp(&(b_key, &b.order, b.stage)));
    let mut matches = Vec::new();
    let mut rest = hits.into_iter().peekable();
    while let Some((key, first)) = rest.next() {
        let others = std::iter::from_fn(|| rest.next_if(|(other, _)| *other == key)).map(|(_, hit)| hit);
        let found = run(program, std::iter::once(first).chain(others));
        matches.extend(found.into_iter().map(|found| (key.clone(), found)));
    }
    if program.form() != Form::Sample {
        matches.sort_by(|(a_key, a), (b_key, b)| (a.rank(), a_key).cmp(&(b.rank(), b_key)));
    }
    matches
}
