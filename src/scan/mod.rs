//! The conductor: the only room that sees the whole path from bytes to findings. It prints nothing and writes no file.

mod again;
mod answers;
mod coverage;
mod export;
mod findings;
mod hits;
pub mod inspect;
mod ledger;
mod observer;
mod order;
mod overlap;
mod pass;
mod query;
mod reach;
mod rule_set;
mod select;
mod story;

use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

pub use answers::{Answerable, RuleCheck, StageCheck, check};
pub use export::{ExportOptions, Exported, export};
pub use inspect::{Inspection, inspect};
pub use ledger::Read;
pub use observer::{Observer, Unobserved};
pub use pass::PassOptions;
pub use query::{Answer, measures_time, query, query_documents};
pub use rule_set::{CompiledRule, RuleSet, compile};
pub use select::Selection;

use crate::eql::Scratch;
use crate::error::Result;
use crate::finding::{Clock, Damage, Finding, Outcome};
use crate::input::{Seen, Source};
use crate::sysmon::Event;

use again::Again;
use findings::Findings;
use hits::{Candidate, matches, merge};
use pass::{At, Worker, pass};
use reach::reach;
use story::Stories;

/// How a scan runs.
#[derive(Debug, Clone)]
pub struct ScanOptions {
    /// Which clock orders events and measures spans.
    pub clock: Clock,
    /// How the evidence is read.
    pub pass: PassOptions,
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
    let mut candidates = Vec::new();
    let picker = Picker { rules, clock: options.clock };
    let mut read = pass(sources, &options.pass, &picker, observer, interrupt, &mut |given| {
        candidates.extend(given);
        ControlFlow::Continue(())
    })?;
    let candidates = merge(candidates);
    let makes = Findings { candidates: &candidates, sources: &read.sources, clock: options.clock };
    let mut found = Vec::new();
    for (number, compiled) in rules.rules().iter().enumerate() {
        for (key, matched) in matches(&compiled.program, compiled.first_filter, &candidates) {
            let last = matched.present().map(|event| event.payload).max();
            found.push((last, number, makes.finding(compiled, &key, &matched)));
        }
    }
    found.sort_by(|a, b| (a.0, a.1, &a.2.id).cmp(&(b.0, b.1, &b.2.id)));
    let mut findings: Vec<Finding> = found.into_iter().map(|(_, _, finding)| finding).collect();
    let again = Again { files: sources, sources: &read.sources, options: &options.pass, interrupt };
    let told = Stories { again, holdings: &read.holdings, rules, makes }.tell(&mut findings)?;
    read.damages.extend(damages);
    read.damages.sort();
    let reach = reach(rules, &options.pass.mapping, &mut read.hosts, read.other_hosts);
    Ok(Outcome {
        findings,
        rules: rules.rules().iter().map(|compiled| compiled.rule.info.clone()).collect(),
        sources: read.sources,
        hosts: read.hosts,
        reach,
        damages: read.damages,
        clock: options.clock,
        mapping: options.pass.mapping.names().into_iter().map(str::to_owned).collect(),
        interrupted: read.interrupted || !told,
        selected: options.pass.selected.clone(),
    })
}

/// Picks the events that satisfy a stage of a rule.
struct Picker<'a> {
    rules: &'a RuleSet,
    clock: Clock,
}

impl Worker for Picker<'_> {
    type Scratch = Scratch;
    type Out = Candidate;

    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn wants(&self, _scratch: &mut Scratch, seen: &Seen<'_>) -> bool {
        self.rules.wants(seen.event_id)
    }

    fn event(&self, scratch: &mut Scratch, event: &Event, at: At<'_>) -> Option<Candidate> {
        let filters = self.rules.filters().matching(event, scratch);
        (!filters.is_empty()).then(|| Candidate::new(event.clone(), filters.to_vec(), at.place, self.clock))
    }
}
