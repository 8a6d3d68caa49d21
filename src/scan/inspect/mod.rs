//! What is in the evidence, before any rule is asked: sources, hosts, logs, gaps, cleared logs, clocks, copies. It matches nothing.
//!
//! Each piece of a source gives a `Tally`, made on any thread; a `Gathering` brings them together in the order of the evidence. Of a Sysmon record only
//! UtcTime is needed, and of its events 4, 16 and 255 what they say.

mod gathering;
mod inspection;
mod numbering;
mod skew;
mod tally;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

pub use inspection::{
    BackwardJump, BackwardJumps, ChannelInspection, Checksums, Copies, EventInspection, Gap, Gaps,
    HostInspection, IdRange, Inspection, LeftOut, LogInspection, Mark, Marks, NotRead, NumberingInspection,
    Period, Problem, SameContent, SkewInspection, SourceInspection, Totals, WorstSkew,
};

use super::ledger::Read;
use super::observer::Observer;
use super::pass::{At, Look, PassOptions, Worker, pass};
use crate::error::Result;
use crate::finding::{Damage, DamageKind, SourceKind, SourceReport, Status};
use crate::input::{Seen, Source};
use crate::sysmon::{Event, Facts, LazyEvent};
use gathering::{Gathered, Gathering, SourceParts};
use tally::Tally;

/// The number of the form in which an inspection is told.
const SCHEMA: u32 = 1;

/// Looks at all `sources` together. `damages` are those met while the sources were listed; they stand with the others in the inspection.
///
/// # Errors
/// [`crate::error::Error::Usage`] when the threads cannot be started.
pub fn inspect(
    sources: &[Source],
    damages: Vec<Damage>,
    options: &PassOptions,
    observer: &dyn Observer,
    interrupt: &AtomicBool,
) -> Result<Inspection> {
    let mut gathering = Gathering::default();
    let mut read = pass(sources, options, &Inspector, observer, interrupt, &mut |tallies| {
        tallies.into_iter().for_each(|tally: Box<Tally>| gathering.add(*tally));
        ControlFlow::Continue(())
    })?;
    read.damages.extend(damages);
    read.damages.sort();
    Ok(inspection(read, gathering))
}

/// Counts every record.
struct Inspector;

impl Worker for Inspector {
    type Scratch = Tally;
    type Out = Box<Tally>;

    fn scratch(&self) -> Tally {
        Tally::default()
    }

    fn wants(&self, tally: &mut Tally, seen: &Seen<'_>) -> bool {
        tally.see(seen);
        true
    }

    fn look(&self, tally: &mut Tally, event: &LazyEvent<'_>, at: At<'_>) -> Look<Box<Tally>> {
        if matches!(event.event_id(), 4 | 16 | 255) {
            return Look::Decode;
        }
        tally.clocks(event, at.source.ordinal);
        Look::Done(None)
    }

    fn event(&self, tally: &mut Tally, event: &Event, at: At<'_>) -> Option<Box<Tally>> {
        tally.event(event, at.source.ordinal);
        None
    }

    fn part(&self, tally: &mut Tally, source: &Source) -> Vec<Box<Tally>> {
        if tally.is_empty() {
            return Vec::new();
        }
        let counted = std::mem::take(tally);
        vec![Box::new(Tally { source: source.ordinal, ..counted })]
    }
}

fn inspection(read: Read, gathering: Gathering) -> Inspection {
    let index = |ordinal: u32| usize::try_from(ordinal).unwrap_or(usize::MAX);
    // A pass reports its sources by their ordinals.
    let name =
        |ordinal| read.sources.get(index(ordinal)).map(|source| source.source.clone()).unwrap_or_default();
    let Gathered { hosts, sources: mut parts, copies, left_out } = gathering.finish(&name);
    let mut damages: BTreeMap<&str, Vec<&Damage>> = BTreeMap::new();
    for damage in &read.damages {
        damages.entry(&damage.source).or_default().push(damage);
    }
    let sources: Vec<SourceInspection> = (0..)
        .zip(&read.sources)
        .map(|(ordinal, report)| {
            let parts = parts.remove(&ordinal).unwrap_or_default();
            source(report, parts, damages.get(report.source.as_str()).map_or(&[], Vec::as_slice))
        })
        .collect();
    Inspection {
        schema: SCHEMA,
        interrupted: read.interrupted,
        totals: totals(&sources, &hosts),
        copies,
        same_content: same_content(&sources),
        not_read: not_read(&sources, &read.damages),
        sources,
        hosts,
        problems: read.damages.into_iter().map(Problem::from).collect(),
        left_out,
    }
}

fn source(report: &SourceReport, parts: SourceParts, damages: &[&Damage]) -> SourceInspection {
    let SourceParts { period, copies, providers, logs } = parts;
    let mut problem_kinds = BTreeMap::new();
    for damage in damages {
        *problem_kinds.entry(damage.kind.as_str()).or_default() += 1;
    }
    let wrong = damages.iter().filter(|damage| damage.kind == DamageKind::Checksum);
    let chunks: BTreeSet<u64> = wrong.filter_map(|damage| damage.chunk).collect();
    let file_headers = damages.iter().any(|damage| damage.kind == DamageKind::FileHeader);
    let names = |of: fn(&LogInspection) -> &String| -> Vec<String> {
        logs.iter().map(of).collect::<BTreeSet<_>>().into_iter().cloned().collect()
    };
    SourceInspection {
        source: report.source.clone(),
        status: report.status,
        kind: report.kind.map(SourceKind::as_str),
        size: report.size,
        sha256: report.sha256.clone(),
        modified: report.modified,
        chunks: report.chunks,
        period,
        sysmon_records: report.sysmon_records,
        recovered: report.recovered,
        filtered: report.filtered.total(),
        copies,
        problems: report.problems,
        problem_kinds,
        checksums: Checksums { file_headers: u64::from(file_headers), chunks: chunks.len() as u64 },
        hosts: names(|log| &log.host),
        channels: names(|log| &log.channel),
        providers,
        logs,
    }
}

fn totals(sources: &[SourceInspection], hosts: &[HostInspection]) -> Totals {
    let mut totals = Totals { hosts: hosts.len() as u64, ..Totals::default() };
    let mut period = Period::default();
    for source in sources {
        *totals.sources.entry(source.status.as_str()).or_default() += 1;
        totals.bytes += source.size;
        totals.chunks += source.chunks;
        totals.sysmon_records += source.sysmon_records;
        totals.recovered += source.recovered;
        totals.filtered += source.filtered;
        period.add(&source.period);
    }
    Totals { records: period.records, first: period.first, last: period.last, ..totals }
}

/// The sources nothing was read of, and the paths that could not even be listed.
fn not_read(sources: &[SourceInspection], damages: &[Damage]) -> Vec<NotRead> {
    let known: BTreeMap<&str, Status> =
        sources.iter().map(|source| (source.source.as_str(), source.status)).collect();
    let mut why: BTreeMap<&str, &str> = BTreeMap::new();
    for damage in damages {
        if !matches!(known.get(damage.source.as_str()), Some(Status::Read | Status::Partial)) {
            why.entry(&damage.source).or_insert(&damage.reason);
        }
    }
    for (source, status) in known {
        if status == Status::Skipped {
            why.entry(source).or_insert("its content is no event log");
        }
    }
    why.into_iter().map(|(source, why)| NotRead { source: source.to_owned(), why: why.to_owned() }).collect()
}

fn same_content(sources: &[SourceInspection]) -> Vec<SameContent> {
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for source in sources {
        if let Some(sha256) = &source.sha256 {
            groups.entry(sha256).or_default().push(source.source.clone());
        }
    }
    let shared = groups.into_iter().filter(|(_, sources)| sources.len() > 1);
    let mut groups: Vec<SameContent> =
        shared.map(|(sha256, sources)| SameContent { sha256: sha256.to_owned(), sources }).collect();
    groups.sort_by(|a, b| a.sources.cmp(&b.sources));
    groups
}
