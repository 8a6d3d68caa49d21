//! One ad-hoc query, over event logs or over JSON documents: answers with their documents. It prints nothing.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use serde_json::Value;

use crate::eql::{Form, Program, Role};
use crate::error::{Error, Result};
use crate::finding::Clock;
use crate::input::{Seen, Source};
use crate::json::{Document, Documents};
use crate::sequence::{Hit, JoinKey, Match};
use crate::sysmon::{self, Event, EventOutline};

use super::hits::{Candidate, answers, keys, matches, merge_by_name};
use super::ledger::Read;
use super::observer::Observer;
use super::order::Identity;
use super::pass::{At, PassOptions, Worker, pass};

/// One answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// An event: its document as JSON text.
    Event(String),
    /// A sequence or sample.
    Group {
        /// The values the events share, in the order of the keys.
        join_keys: Vec<Value>,
        /// The events' documents as JSON text, one per stage; `None` in the place of an event that had to be missing.
        events: Vec<Option<String>>,
    },
}

/// Asks `program`, compiled against Sysmon's schema, of all `sources`. An event query without pipes is answered while the evidence is read, in its
/// order, its recovered events at the end; anything else when all of it is read, in the order of time by `clock`. The same record in several sources
/// counts once.
///
/// # Errors
/// What `answer` breaks off with; [`Error::Usage`] when the threads cannot be started.
pub fn query(
    program: &Program,
    sources: &[Source],
    options: &PassOptions,
    clock: Clock,
    observer: &dyn Observer,
    interrupt: &AtomicBool,
    answer: &mut (dyn FnMut(Answer) -> ControlFlow<Error> + Send),
) -> Result<Read> {
    let asker = Asker::new(program, clock, &options.mapping);
    if program.form() == Form::Event && program.pipes().is_empty() {
        return stream(sources, options, &asker, observer, interrupt, answer);
    }
    let mut candidates = Vec::new();
    let read = pass(sources, options, &asker, observer, interrupt, &mut |given| {
        candidates.extend(given);
        ControlFlow::Continue(())
    })?;
    let candidates = merge_by_name(candidates, &read.sources);
    let document = |index: usize| candidates.get(index).map(|candidate| text(&candidate.event));
    for (key, found) in matches(program, 0, &candidates) {
        if let ControlFlow::Break(error) = answer(answer_of(program, &key, &found, &document)) {
            return Err(error);
        }
    }
    Ok(read)
}

/// Answers while the evidence is read. Recovered events wait for its end: a live one that comes later may be the same record.
fn stream(
    sources: &[Source],
    options: &PassOptions,
    asker: &Asker<'_>,
    observer: &dyn Observer,
    interrupt: &AtomicBool,
    answer: &mut (dyn FnMut(Answer) -> ControlFlow<Error> + Send),
) -> Result<Read> {
    let mut recovered = Vec::new();
    let mut seen = HashSet::new();
    let mut tell = |candidate: Candidate| match seen.insert(Identity::of(&candidate.event)) {
        true => answer(Answer::Event(text(&candidate.event))),
        false => ControlFlow::Continue(()),
    };
    let read = pass(sources, options, asker, observer, interrupt, &mut |given| {
        let (late, live) =
            given.into_iter().partition::<Vec<_>, _>(|candidate| candidate.order.is_recovered());
        recovered.extend(late);
        live.into_iter().try_for_each(&mut tell)
    })?;
    match recovered.into_iter().try_for_each(tell) {
        ControlFlow::Continue(()) => Ok(read),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Asks `program`, compiled against the documents' own schema, of `documents`. Answers come in the order of time, tiebreaker and place; a sample takes
/// the documents as they were read, as Elasticsearch takes them in index order. Where time is measured, documents without one take no part.
pub fn query_documents(program: &Program, documents: &Documents) -> Vec<Answer> {
    let mut ordered: Vec<&Document> = documents.documents().iter().collect();
    if program.form() != Form::Sample {
        ordered.sort_by(|a, b| a.order().cmp(b.order()));
    }
    if measures_time(program) {
        ordered.retain(|document| document.order().timestamp.is_some());
    }
    let mut hits = Vec::new();
    for (rank, document) in ordered.iter().enumerate() {
        let time = document.order().timestamp.unwrap_or_default();
        for (stage, spec) in program.stages().iter().enumerate() {
            if spec.filter.matches(*document) {
                let keys = keys(program, stage, *document);
                hits.extend(
                    keys.into_iter().map(|key| (key, Hit { stage, order: rank, time, payload: rank })),
                );
            }
        }
    }
    let document = |index: usize| ordered.get(index).map(|document| document.text().to_owned());
    answers(program, hits).iter().map(|(key, found)| answer_of(program, key, found, &document)).collect()
}

/// Whether `program`'s answers depend on how far its events lie apart: by `maxspan`, or by what must be missing between two of them.
pub fn measures_time(program: &Program) -> bool {
    matches!(program.form(), Form::Sequence { maxspan: Some(_) })
        || program.stages().iter().any(|stage| stage.role == Role::Missing)
}

fn answer_of(
    program: &Program,
    key: &JoinKey,
    found: &Match<usize, usize>,
    document: &dyn Fn(usize) -> Option<String>,
) -> Answer {
    let mut events: Vec<Option<String>> =
        found.events.iter().map(|event| event.as_ref().and_then(|event| document(event.payload))).collect();
    if program.form() == Form::Event
        && let Some(Some(event)) = events.pop()
    {
        return Answer::Event(event);
    }
    Answer::Group { join_keys: key.0.iter().map(|value| value.to_json()).collect(), events }
}

fn text(event: &Event) -> String {
    Value::Object(sysmon::document(event)).to_string()
}

/// Picks the events that satisfy a stage of one program.
struct Asker<'a> {
    program: &'a Program,
    clock: Clock,
    /// Ids of events that no stage can be satisfied by.
    hopeless: Vec<u32>,
}

impl<'a> Asker<'a> {
    fn new(program: &'a Program, clock: Clock, mapping: &sysmon::Options) -> Self {
        let possible = |event_id: u32| {
            let outline = EventOutline::new(event_id, mapping);
            program.stages().iter().any(|stage| stage.filter.could_match(&outline))
        };
        let hopeless = sysmon::event_ids().filter(|event_id| !possible(*event_id)).collect();
        Self { program, clock, hopeless }
    }
}

impl Worker for Asker<'_> {
    type Scratch = ();
    type Out = Candidate;

    fn scratch(&self) {}

    fn wants(&self, _scratch: &mut (), seen: &Seen<'_>) -> bool {
        !self.hopeless.contains(&seen.event_id)
    }

    fn event(&self, _scratch: &mut (), event: &Event, at: At<'_>) -> Option<Candidate> {
        let stages = self.program.stages().iter().enumerate();
        let filters: Vec<usize> =
            stages.filter(|(_, stage)| stage.filter.matches(event)).map(|(number, _)| number).collect();
        (!filters.is_empty()).then(|| Candidate::new(event.clone(), filters, at.place, self.clock))
    }
}
