//! The story of each process with a finding: what else it was and did. Two passes over what tells of it on its host, and none when nothing was found: the first
//! learns where it connected to, the second collects. It matches no rule and changes no match.
//!
//! What tells of it is known from the [`traces`] of the scan's own pass; a source without such is read as a whole.

mod excluded;
mod gathering;
mod kept;
mod kin;
mod lookup;
mod tally;
mod teller;
mod traces;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::error::Error;
use crate::finding::{Finding, Story, Untold};

use super::again::{Again, Extents};
use super::findings::Findings;
use super::ledger::Holding;
use super::rule_set::RuleSet;
use excluded::Exclusions;
use gathering::{Collector, Gathering};
use kin::{Family, KinPicker, Signs};
use lookup::Lookup;
use traces::{Extent, Sought};

pub use lookup::Keys;
pub use traces::{Part, Traces};

/// Processes that get a story: those of the first findings.
const STORIES: usize = 5_000;
/// Whole events in all stories together, for each of the two lists that hold some, unless there are very many stories.
const EVENTS: usize = 20_000;
/// Whole events in such a list of one story, at least and at most.
const LISTED: (usize, usize) = (5, 100);

/// What stories are made from.
pub struct Stories<'a> {
    /// The evidence, to be read again.
    pub again: Again<'a>,
    /// Whose records each source holds.
    pub holdings: &'a [Holding],
    /// Where each process left a trace.
    pub traces: Traces,
    /// The rules of the findings.
    pub rules: &'a RuleSet,
    /// Turns records into events of a report.
    pub makes: Findings<'a>,
}

/// A process that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flagged {
    host: String,
    guid: String,
}

impl Flagged {
    /// The process of the finding's first event that names one.
    fn of(finding: &Finding) -> Option<Self> {
        finding.present().find_map(|event| {
            let guid = event.text("process.entity_id");
            (!guid.is_empty()).then(|| Self { host: event.computer.clone(), guid })
        })
    }
}

/// The processes that get a story, numbered in the order of their findings.
struct Numbers(BTreeMap<Flagged, usize>);

impl Numbers {
    fn of(findings: &[Finding]) -> (Self, Vec<Flagged>) {
        let mut numbers = BTreeMap::new();
        let mut flagged = Vec::new();
        for process in findings.iter().filter_map(Flagged::of) {
            if flagged.len() < STORIES && !numbers.contains_key(&process) {
                numbers.insert(process.clone(), flagged.len());
                flagged.push(process);
            }
        }
        (Self(numbers), flagged)
    }

    /// The number of the finding's process.
    fn get(&self, finding: &Finding) -> Result<usize, Untold> {
        let process = Flagged::of(finding).ok_or(Untold::NoProcess)?;
        self.0.get(&process).copied().ok_or(Untold::TooMany)
    }
}

impl Stories<'_> {
    /// Gives each of `findings` the story of its process. Answers whether all of it could be read.
    ///
    /// # Errors
    /// [`Error::Usage`] when the threads cannot be started.
    pub fn tell(&self, findings: &mut [Finding]) -> Result<bool, Error> {
        let (numbers, flagged) = Numbers::of(findings);
        if flagged.is_empty() {
            findings.iter_mut().for_each(|finding| finding.story = Err(Untold::NoProcess));
            return Ok(true);
        }
        let mut completing = vec![BTreeSet::new(); flagged.len()];
        for finding in findings.iter() {
            if let Some(addresses) = numbers.get(finding).ok().and_then(|number| completing.get_mut(number)) {
                addresses.extend(excluded::address(finding));
            }
        }
        let gathered = self.gather(&flagged, completing)?;
        let complete = gathered.is_some();
        let stories = gathered.map(|gathered| self.stories(findings, &numbers, gathered)).unwrap_or_default();
        for finding in findings.iter_mut() {
            let story = |number: usize| stories.get(number).cloned().ok_or(Untold::Interrupted);
            finding.story = numbers.get(finding).and_then(story);
        }
        Ok(complete)
    }

    /// The stories in order; findings that an excluded name led to are marked on the way.
    fn stories(
        &self,
        findings: &mut [Finding],
        numbers: &Numbers,
        (lookup, gathering): (Lookup<'_>, Gathering<'_>),
    ) -> Vec<Arc<Story>> {
        let exclusions = Exclusions { rules: self.rules, lookup: &lookup, clock: self.makes.clock };
        for finding in findings.iter_mut() {
            let suspects = numbers.get(finding).map(|number| gathering.suspects(number));
            exclusions.mark(finding, &suspects.unwrap_or_default());
        }
        gathering.finish(&self.makes).into_iter().map(Arc::new).collect()
    }

    /// Reads what is to be told of `flagged`; `None` when the run was interrupted. `completing` are the addresses by which findings came about, per process.
    fn gather<'f>(
        &self,
        flagged: &'f [Flagged],
        completing: Vec<BTreeSet<IpAddr>>,
    ) -> Result<Option<(Lookup<'f>, Gathering<'f>)>, Error> {
        let lookup = Lookup::new(flagged, self.traces.keys.clone());
        let sources = self.sources(&lookup);
        let deeds = || Sought::default().deeds(lookup.flagged().iter().copied());
        let extents = self.extents(&sources, &deeds());
        let mut signs = Signs::default();
        let picker = KinPicker { lookup: &lookup, extents: &extents };
        let read = self.again.read(&extents, &picker, &mut |given| {
            given.into_iter().for_each(|sign| signs.take(sign));
            ControlFlow::Continue(())
        })?;
        if !read {
            return Ok(None);
        }
        let (parents, reached) = signs.finish(&self.traces, sources.iter().copied());
        let family = Family::of(&parents, lookup.flagged());
        drop(parents);
        let listed = (EVENTS / flagged.len().max(1)).clamp(LISTED.0, LISTED.1);
        let addresses = reached.iter().filter_map(|(host, address)| lookup.address(*host, *address));
        let sought = deeds().lives(family.members()).answers(addresses);
        let extents = self.extents(&sources, &sought);
        let mut gathering = Gathering::new(lookup.clone(), family, reached, completing, listed);
        let collector = Collector { frame: gathering.frame(), clock: self.makes.clock };
        let read = self.again.read(&extents, &collector, &mut |given| {
            given.into_iter().for_each(|candidate| gathering.take(candidate));
            ControlFlow::Continue(())
        })?;
        gathering.end();
        Ok(read.then_some((lookup, gathering)))
    }

    /// The sources that may hold events of the hosts in question, by ordinal.
    fn sources(&self, lookup: &Lookup<'_>) -> BTreeSet<u32> {
        let held = (0..).zip(self.holdings);
        let held = held.filter(|(_, holding)| lookup.hosts().any(|host| holding.may_hold(host)));
        held.map(|(ordinal, _)| ordinal).collect()
    }

    /// What of `sources` tells of what is `sought`.
    fn extents(&self, sources: &BTreeSet<u32>, sought: &Sought) -> Extents {
        let mut whole = BTreeSet::new();
        let mut chunks: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for (ordinal, report) in
            (0..).zip(self.again.sources).filter(|(ordinal, _)| sources.contains(ordinal))
        {
            match self.traces.extent(ordinal, sought) {
                Extent::Chunks(found) if !chunks.contains_key(&report.source) => {
                    chunks.insert(report.source.clone(), found);
                }
                // Members of one archive can have one name.
                Extent::Chunks(_) | Extent::Whole => {
                    whole.insert(report.source.clone());
                }
            }
        }
        Extents::new(whole, chunks)
    }
}
