//! Evidence → a stream: every hit of every rule, and what is told of the evidence, each a line that can be sorted with those of other maps. It keeps no hit
//! and joins none.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use crate::error::{Error, Result};
use crate::finding::{Clock, Damage};
use crate::hash::sha256;
use crate::input::{ChunkRange, Seen, Source};
use crate::scan::filters::Scratches;
use crate::scan::hits::{Candidate, keys};
use crate::scan::ledger::Read;
use crate::scan::observer::Observer;
use crate::scan::pass::{At, Look, PassOptions, Worker, pass};
use crate::scan::rule_set::RuleSet;
use crate::sequence::JoinKey;
use crate::sysmon::{Event, Facts, LazyEvent};

use super::line::{Coverage, FileStatus, HitLine, Interrupted, Kind, MapRun, Problem, RuleName, told};
use super::names;

/// How a map runs.
#[derive(Debug, Clone)]
pub struct MapOptions {
    /// Which clock orders the hits.
    pub clock: Clock,
    /// How the evidence is read.
    pub pass: PassOptions,
}

/// What a map did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mapped {
    /// Events that satisfy a stage of a rule.
    pub hits: u64,
    /// What was read for them.
    pub read: Read,
}

/// Writes the stream of `rules` over all `sources` to `out`, unsorted. `damages` are those met while the sources were listed. When `interrupt` is raised it ends
/// early and the stream says so.
///
/// # Errors
/// [`Error::ClosedPipe`] or [`Error::Output`] when `out` fails; [`Error::Rule`] when two rules cannot be told apart; [`Error::Usage`] when the threads cannot be
/// started.
pub fn map(
    sources: &[Source],
    damages: Vec<Damage>,
    rules: &RuleSet,
    options: &MapOptions,
    observer: &dyn Observer,
    interrupt: &AtomicBool,
    out: &mut (dyn Write + Send),
) -> Result<Mapped> {
    let names = names(rules)?;
    let mut sorted = names.clone();
    sorted.sort();
    let run = MapRun {
        clock: options.clock,
        mapping: options.pass.mapping,
        selected: options.pass.selected.clone(),
        rules: sorted,
    };
    put(out, told(0, &[], Kind::Map, &run))?;
    let mut hits = 0_u64;
    let mut read = hit_lines(sources, (rules, &names), options, observer, interrupt, &mut |lines| {
        hits = hits.saturating_add(1);
        put(out, Ok(lines))
    })?;
    read.damages.extend(damages);
    read.damages.sort();
    tell(&read, options.pass.chunks, out)?;
    out.flush().map_err(|error| Error::output("the stream", error))?;
    Ok(Mapped { hits, read })
}

/// Tells `take` the lines of every event that satisfies a stage of one of the rules, which have the `names`, in the order of the evidence; and answers what was
/// read for them.
///
/// # Errors
/// Whatever `take` ends it with; [`Error::Usage`] when the threads cannot be started.
pub fn hit_lines(
    sources: &[Source],
    (rules, names): (&RuleSet, &[RuleName]),
    options: &MapOptions,
    observer: &dyn Observer,
    interrupt: &AtomicBool,
    take: &mut (dyn FnMut(Vec<u8>) -> Result<()> + Send),
) -> Result<Read> {
    let mapper = Mapper { names, rules, clock: options.clock };
    pass(sources, &options.pass, &mapper, observer, interrupt, &mut |given| {
        let mut given = given.into_iter();
        let all = given.try_for_each(|lines| take(lines.map_err(|error| unwritten(error.into()))?));
        match all {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    })
}

/// Writes what was read, and what could not be.
fn tell(read: &Read, chunks: Option<ChunkRange>, out: &mut dyn Write) -> Result<()> {
    let part = part(read, chunks);
    if read.interrupted {
        put(out, told(1, &[&part], Kind::Interrupted, &Interrupted { part: part.clone() }))?;
    }
    let mut logs = read.logs.by_source();
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    for (ordinal, report) in (0_u32..).zip(&read.sources) {
        let number = known.entry(&report.source).or_default();
        let status = FileStatus {
            part: part.clone(),
            chunks_read: chunks.map(|range| (range.first, range.last)),
            number: *number,
            report: report.clone(),
            logs: logs.remove(&ordinal).unwrap_or_default(),
        };
        *number += 1;
        put(out, told(2, &[&report.source], Kind::FileStatus, &status))?;
    }
    for host in &read.hosts {
        let coverage = Coverage { part: part.clone(), coverage: Some(host.clone()), other_hosts: 0 };
        put(out, told(3, &[&host.host], Kind::Coverage, &coverage))?;
    }
    if read.other_hosts > 0 {
        let coverage = Coverage { part, coverage: None, other_hosts: read.other_hosts };
        put(out, told(3, &[], Kind::Coverage, &coverage))?;
    }
    let mut last: Option<(&Damage, usize)> = None;
    for damage in &read.damages {
        let number = last.filter(|(other, _)| *other == damage).map_or(0, |(_, number)| number + 1);
        last = Some((damage, number));
        let problem = Problem { number, damage: damage.clone() };
        put(out, told(4, &[&damage.source], Kind::Problem, &problem))?;
    }
    Ok(())
}

/// What tells this map from the others of a stream, and is the same when it is done again: what it read.
fn part(read: &Read, chunks: Option<ChunkRange>) -> String {
    let mut text = format!("{chunks:?}\n");
    for source in &read.sources {
        text.push_str(&source.source);
        text.push('\n');
    }
    sha256(text.as_bytes()).chars().take(16).collect()
}

fn put(out: &mut dyn Write, lines: serde_json::Result<Vec<u8>>) -> Result<()> {
    let written = lines.map_err(std::io::Error::from).and_then(|lines| out.write_all(&lines));
    written.map_err(unwritten)
}

fn unwritten(error: std::io::Error) -> Error {
    Error::output("the stream", error)
}

/// Makes lines of the events that satisfy a stage.
struct Mapper<'a> {
    /// Parallel to the rules.
    names: &'a [RuleName],
    rules: &'a RuleSet,
    clock: Clock,
}

impl Mapper<'_> {
    /// The lines of `candidate`: one for each rule and join key.
    fn lines(&self, candidate: &Candidate, source: &Source) -> serde_json::Result<Vec<u8>> {
        let mut hit = HitLine::of(candidate, &source.name, self.clock)?;
        let mut lines = Vec::new();
        for (name, compiled) in self.names.iter().zip(self.rules.rules()) {
            let mut stages: BTreeMap<JoinKey, Vec<usize>> = BTreeMap::new();
            for stage in compiled.stages_among(&candidate.filters) {
                for key in keys(&compiled.program, stage, &candidate.event) {
                    stages.entry(key).or_default().push(stage);
                }
            }
            for (key, stages) in stages {
                hit.rule.clone_from(name);
                (hit.key, hit.stages) = (key, stages);
                hit.write(&mut lines)?;
            }
        }
        Ok(lines)
    }
}

impl Worker for Mapper<'_> {
    type Scratch = Scratches;
    type Out = serde_json::Result<Vec<u8>>;

    fn scratch(&self) -> Scratches {
        Scratches::default()
    }

    fn wants(&self, _scratch: &mut Scratches, seen: &Seen<'_>) -> bool {
        self.rules.wants(seen.event_id)
    }

    fn look(&self, scratch: &mut Scratches, event: &LazyEvent<'_>, _at: At<'_>) -> Look<Self::Out> {
        match self.rules.filters().matching(event.event_id(), event, scratch) {
            [] => Look::Done(None),
            _ => Look::Decode,
        }
    }

    fn event(&self, scratch: &mut Scratches, event: &Event, at: At<'_>) -> Option<Self::Out> {
        let satisfied = self.rules.filters().matching(event.event_id(), event, scratch);
        (!satisfied.is_empty()).then(|| {
            let candidate = Candidate::new(event.clone(), satisfied.to_vec(), at.place, self.clock);
            self.lines(&candidate, at.source)
        })
    }
}
