//! The conductor: the only room that sees the whole path from bytes to findings. It prints nothing and writes no file.

mod again;
mod allow;
mod answers;
mod coverage;
mod document;
mod explain;
mod export;
mod filters;
mod findings;
mod hashes;
mod hits;
mod inquire;
pub mod inspect;
mod judge;
mod ledger;
mod merge;
mod near;
mod observer;
mod order;
mod overlap;
mod pass;
mod prevalence;
mod query;
mod reach;
#[cfg(feature = "parquet")]
mod rows;
mod rule_set;
mod select;
mod sentence;
mod story;
pub mod stream;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

pub use allow::{AllowSet, suppress};
pub use answers::{Answerable, RuleCheck, StageCheck, check};
pub use document::DocumentRecord;
pub use explain::{ClauseView, Condition, EventView, Explanation, StageView, explain};
pub use export::{ExportOptions, Exported, export};
pub use inquire::{Inquiry, RuleInquiry, StageInquiry, Verdict, inquire};
pub use inspect::{Inspection, inspect};
pub use judge::judge;
pub use ledger::Read;
pub use merge::{Joined, Part, merge_runs};
pub use observer::{Observer, Unobserved};
pub use pass::PassOptions;
pub use prevalence::{groups, weigh as weigh_prevalence};
pub use query::{Answer, measures_time, query, query_documents};
#[cfg(feature = "parquet")]
pub use rows::{ExportedDataset, export_dataset};
pub use rule_set::{CompiledRule, RuleSet, compile, stage_clauses};
pub use select::Selection;

use crate::error::Result;
use crate::finding::{Clock, Damage, Finding, NearMisses, Outcome, Selected};
use crate::input::{Seen, Source};
use crate::sysmon::{self, Event, Facts, LazyEvent};

use again::Again;
use filters::Scratches;
use findings::Findings;
use hits::{Candidate, matches, merge_by_name};
use near::{Lookout, Misses, Note, Notes, ReadAs, hash_of};
use order::{Identity, Place};
use pass::{At, Look, Worker, pass};
use reach::reach;
use story::{Keys, Stories, Traces};

/// How a scan runs.
#[derive(Debug, Clone)]
pub struct ScanOptions {
    /// Which clock orders events and measures spans.
    pub clock: Clock,
    /// How the evidence is read.
    pub pass: PassOptions,
    /// Whether near misses are looked for.
    pub near_misses: bool,
    /// Whether the evidence of flagged hosts is read again for the stories of the findings.
    pub stories: bool,
}

/// Runs `rules` over all `sources` together. `damages` are those met while the sources were listed; they stand with the others in the outcome. When
/// `interrupt` is raised the scan ends early and the outcome says so.
///
/// # Errors
/// [`crate::error::Error::Usage`] when the threads cannot be started.
pub fn scan(
    sources: &[Source],
    damages: Vec<Damage>,
    rules: &RuleSet,
    options: &ScanOptions,
    observer: &dyn Observer,
    interrupt: &AtomicBool,
) -> Result<Outcome> {
    let lookout = options.near_misses.then(|| Lookout::new(rules, &options.pass.mapping));
    let mut traces = Traces::new();
    let keys = options.stories.then(|| traces.keys.clone());
    let picker = Picker { rules, lookout: lookout.as_ref(), keys, clock: options.clock };
    let mut candidates = Vec::new();
    let mut notes = Notes::default();
    let mut read = pass(sources, &options.pass, &picker, observer, interrupt, &mut |given| {
        picker.sort_out(given, &mut candidates, &mut notes, &mut traces);
        ControlFlow::Continue(())
    })?;
    let candidates = merge_by_name(candidates, &read.sources);
    let makes = Findings { candidates: &candidates, sources: &read.sources, clock: options.clock };
    let mut found = Vec::new();
    let mut used = Vec::new();
    for (number, compiled) in rules.rules().iter().enumerate() {
        let mut own = HashSet::new();
        for (key, matched) in matches(&compiled.program, compiled.first_filter, &candidates) {
            own.extend(matched.present().map(|event| event.payload));
            let last = matched.present().map(|event| event.payload).max();
            found.push((last, number, makes.finding(compiled, &key, &matched)));
        }
        used.push(own);
    }
    let again = Again { files: sources, sources: &read.sources, options: &options.pass, observer, interrupt };
    let near = match &lookout {
        Some(lookout) => {
            Misses { rules, lookout, makes: &makes, hosts: &read.hosts, again }.find(notes, used)?
        }
        None => NearMisses::default(),
    };
    let mut findings = in_order(found);
    let told = match options.stories {
        true => Stories { again, holdings: &read.holdings, traces, rules, makes }.tell(&mut findings)?,
        false => true,
    };
    read.damages.extend(damages);
    read.interrupted |= !told;
    let frame = Frame {
        clock: options.clock,
        mapping: options.pass.mapping,
        selected: options.pass.selected.clone(),
    };
    Ok(Outcome { near, ..conclude(findings, read, rules, frame) })
}

/// What a run was asked for, as its outcome tells it.
#[derive(Default)]
struct Frame {
    clock: Clock,
    mapping: sysmon::Options,
    selected: Selected,
}

/// Findings with where their last events stand and the numbers of their rules, put into the one total order.
fn in_order<O: Ord>(mut found: Vec<(O, usize, Finding)>) -> Vec<Finding> {
    found.sort_by(|a, b| (&a.0, a.1, &a.2.id).cmp(&(&b.0, b.1, &b.2.id)));
    found.into_iter().map(|(_, _, finding)| finding).collect()
}

/// The outcome of a run that made `findings` of what it `read`; near misses are not looked for.
fn conclude(mut findings: Vec<Finding>, mut read: Read, rules: &RuleSet, frame: Frame) -> Outcome {
    read.damages.sort();
    // Members of an archive were read as they lie in it.
    read.sources.sort_by(|a, b| a.source.cmp(&b.source));
    judge(&mut findings, read.hosts.len());
    let reach = reach(rules, &frame.mapping, &mut read.hosts, read.other_hosts);
    Outcome {
        near: NearMisses::default(),
        groups: groups(&findings),
        findings,
        suppressed: Vec::new(),
        allow_lists: Vec::new(),
        rules: rules.rules().iter().map(|compiled| compiled.rule.info.clone()).collect(),
        sources: read.sources,
        hosts: read.hosts,
        reach,
        damages: read.damages,
        clock: frame.clock,
        mapping: frame.mapping.names().into_iter().map(str::to_owned).collect(),
        interrupted: read.interrupted,
        selected: frame.selected,
    }
}

/// Picks the events that satisfy a stage of a rule, and notes those that come near one.
struct Picker<'a> {
    rules: &'a RuleSet,
    lookout: Option<&'a Lookout>,
    /// How processes are hashed, where their traces are noted.
    keys: Option<Keys>,
    clock: Clock,
}

/// What a thread keeps from event to event.
#[derive(Default)]
struct Desk {
    filters: Scratches,
    /// Of the part that is being read.
    notes: Vec<Note>,
    traces: story::Part,
}

/// What comes of a part of a source.
enum Picked {
    /// An event that satisfies a stage.
    Hit(Box<Candidate>),
    /// What came near.
    Near(Vec<Note>),
    /// Where processes left traces in the source with this ordinal.
    Traces(u32, Box<story::Part>),
}

impl Picker<'_> {
    /// Adds what was picked of one part to what there is.
    fn sort_out(
        &self,
        given: Vec<Picked>,
        candidates: &mut Vec<Candidate>,
        notes: &mut Notes,
        traces: &mut Traces,
    ) {
        for picked in given {
            match (picked, self.lookout) {
                (Picked::Hit(candidate), lookout) => {
                    notes.open(lookout.iter().flat_map(|lookout| lookout.opened_by(&candidate)));
                    candidates.push(*candidate);
                }
                (Picked::Near(given), Some(lookout)) => notes.add(given, lookout),
                (Picked::Near(_), None) => {}
                (Picked::Traces(source, part), _) => traces.add(source, *part),
            }
        }
    }
}

impl Worker for Picker<'_> {
    type Scratch = Desk;
    type Out = Picked;

    fn scratch(&self) -> Desk {
        Desk::default()
    }

    fn wants(&self, _desk: &mut Desk, seen: &Seen<'_>) -> bool {
        self.rules.wants(seen.event_id)
    }

    fn look(&self, desk: &mut Desk, event: &LazyEvent<'_>, at: At<'_>) -> Look<Picked> {
        // Without an id it takes all of a record to know it again.
        if event.record_id().is_none() {
            return Look::Decode;
        }
        let filters = self.lookout.map_or(self.rules.filters(), Lookout::filters);
        let satisfied = filters.matching(event.event_id(), event, &mut desk.filters);
        let stages = self.lookout.map_or(satisfied, |lookout| lookout.stages_among(satisfied));
        if !stages.is_empty() {
            return Look::Decode;
        }
        if let Some(lookout) = self.lookout {
            let identity = || hash_of(&Identity::borrowed(event));
            let read = ReadAs { place: at.place, recovered: false, identity: &identity };
            lookout.note(event, &read, self.clock, satisfied, &mut desk.notes);
        }
        Look::Done(None)
    }

    fn event(&self, desk: &mut Desk, event: &Event, at: At<'_>) -> Option<Picked> {
        let filters = self.lookout.map_or(self.rules.filters(), Lookout::filters);
        let mut satisfied = filters.matching(event.event_id(), event, &mut desk.filters);
        if let Some(lookout) = self.lookout {
            let identity = || hash_of(&Identity::of(event));
            let read = ReadAs { place: at.place, recovered: event.is_recovered(), identity: &identity };
            lookout.note(event, &read, self.clock, satisfied, &mut desk.notes);
            satisfied = lookout.stages_among(satisfied);
        }
        (!satisfied.is_empty()).then(|| {
            Picked::Hit(Box::new(Candidate::new(event.clone(), satisfied.to_vec(), at.place, self.clock)))
        })
    }

    fn notes(&self, desk: &mut Desk) -> bool {
        if self.keys.is_some() {
            desk.traces.expect();
        }
        self.keys.is_some()
    }

    fn note(&self, desk: &mut Desk, event: &impl Facts, place: Place) {
        if let Some(keys) = &self.keys {
            desk.traces.see(event, place.position.chunk, keys);
        }
    }

    fn part(&self, desk: &mut Desk, source: &Source) -> Vec<Picked> {
        let near = (!desk.notes.is_empty()).then(|| Picked::Near(std::mem::take(&mut desk.notes)));
        let traces = desk.traces.take().map(|part| Picked::Traces(source.ordinal, Box::new(part)));
        near.into_iter().chain(traces).collect()
    }
}
