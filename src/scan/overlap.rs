//! Which records of a source a newer source of the same log holds as well. It sees ids and times, never what a record says.
//!
//! Of every source, host and channel the runs of consecutive EventRecordIDs are kept, with the time at every id that 256 divides. Ids begin anew when a log is
//! cleared, so ids that two runs share are the same records' only if those times agree and the runs lie at the same time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::finding::{Overlap, Relation};
use crate::input::Seen;
use crate::time::Timestamp;

/// From one checkpoint to the next, in ids.
const STEP: u64 = 256;
/// Logs and runs of one source, at most.
const RUNS_PER_SOURCE: usize = 4_096;
/// Runs of one log in all sources, at most: each may have to be compared with all others.
const RUNS_PER_LOG: usize = 10_000;
/// Runs of all sources, at most.
const RUNS: usize = 100_000;
/// Bytes of a host's or a channel's name, at most.
const NAME: usize = 255;

/// System/Computer and System/Channel.
type LogName = (String, String);

/// Consecutive EventRecordIDs of one log, as they stand in a source.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "PlainRun", into = "PlainRun")]
struct Run {
    first: u64,
    last: u64,
    /// The times at the ids that [`STEP`] divides, in order; in milliseconds, which is all that some exports keep.
    checkpoints: Vec<Timestamp>,
    /// The earliest and the latest time.
    span: (Timestamp, Timestamp),
}

/// A run as it is written down: first and last id, earliest and latest time, the checkpoints; times in 100 ns ticks.
type PlainRun = (u64, u64, i64, i64, Vec<i64>);

impl From<Run> for PlainRun {
    fn from(run: Run) -> Self {
        let checkpoints = run.checkpoints.into_iter().map(Timestamp::ticks).collect();
        (run.first, run.last, run.span.0.ticks(), run.span.1.ticks(), checkpoints)
    }
}

impl TryFrom<PlainRun> for Run {
    type Error = &'static str;

    fn try_from((first, last, from, to, checkpoints): PlainRun) -> Result<Self, Self::Error> {
        let time = Timestamp::from_ticks;
        let checkpoints = checkpoints.into_iter().map(time).collect();
        match first <= last {
            true => Ok(Self { first, last, checkpoints, span: (time(from), time(to)) }),
            false => Err("a run's last id is before its first"),
        }
    }
}

impl Run {
    fn new(id: u64, time: Timestamp) -> Self {
        let checkpoints = if id.is_multiple_of(STEP) { vec![time] } else { Vec::new() };
        Self { first: id, last: id, checkpoints, span: (time, time) }
    }

    fn is_followed_by(&self, next: &Self) -> bool {
        self.last.checked_add(1) == Some(next.first)
    }

    fn append(&mut self, next: Self) {
        self.last = next.last;
        self.checkpoints.extend(next.checkpoints);
        self.span = (self.span.0.min(next.span.0), self.span.1.max(next.span.1));
    }

    fn len(&self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }

    /// The ids of which both hold the same record.
    fn shared(&self, other: &Self) -> Option<(u64, u64)> {
        let (first, last) = (self.first.max(other.first), self.last.min(other.last));
        let at_one_time = self.span.0 <= other.span.1 && other.span.0 <= self.span.1;
        let agree = || {
            let (own, theirs) = (self.checkpoints_from(first), other.checkpoints_from(first));
            own.iter().zip(theirs).all(|(own, theirs)| own == theirs)
        };
        (first <= last && at_one_time && agree()).then_some((first, last))
    }

    /// The checkpoints at `id`, which is one of the run's, and behind it.
    fn checkpoints_from(&self, id: u64) -> &[Timestamp] {
        let skipped = id.div_ceil(STEP) - self.first.div_ceil(STEP);
        usize::try_from(skipped).ok().and_then(|skipped| self.checkpoints.get(skipped..)).unwrap_or_default()
    }
}

/// The runs of a source, or of a part of it, by host and channel.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(from = "PlainRuns", into = "PlainRuns")]
pub struct Runs {
    logs: BTreeMap<String, BTreeMap<String, Vec<Run>>>,
    /// Logs and runs.
    count: usize,
    /// Records without id or time, or too many runs: what is kept is not all.
    incomplete: bool,
}

/// Runs as they are written down.
#[derive(serde::Serialize, serde::Deserialize)]
struct PlainRuns {
    incomplete: bool,
    logs: BTreeMap<String, BTreeMap<String, Vec<Run>>>,
}

impl From<Runs> for PlainRuns {
    fn from(runs: Runs) -> Self {
        Self { incomplete: runs.incomplete, logs: runs.logs }
    }
}

impl From<PlainRuns> for Runs {
    fn from(PlainRuns { incomplete, logs }: PlainRuns) -> Self {
        let count = logs.values().flat_map(BTreeMap::values).map(|runs| runs.len() + 1).sum();
        Self { logs, count, incomplete }
    }
}

/// Gathers runs from records in order: the last one is kept at hand, because the next record mostly continues it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunsAtHand {
    runs: Runs,
    last: Option<(String, String, Run)>,
}

impl RunsAtHand {
    /// Notes a Sysmon record. Recovered ones count on neither side: what is left of a log in its slack is not what the log holds.
    pub fn see(&mut self, seen: &Seen<'_>) {
        if seen.recovered {
            return;
        }
        let Some((id, time)) = seen.record_id.zip(seen.time_created) else {
            self.put_away();
            self.runs.incomplete = true;
            return self.runs.extend(seen.computer, seen.channel, None);
        };
        let next = Run::new(id, time.truncated_to_millis());
        if self.runs.count.saturating_add(2) >= RUNS_PER_SOURCE {
            // Which record is the first too many does not depend on what is at hand.
            self.put_away();
            return self.runs.extend(seen.computer, seen.channel, Some(next));
        }
        match &mut self.last {
            Some((host, channel, last))
                if host == seen.computer && channel == seen.channel && last.is_followed_by(&next) =>
            {
                last.append(next);
            }
            _ => {
                self.put_away();
                self.last = Some((seen.computer.to_owned(), seen.channel.to_owned(), next));
            }
        }
    }

    fn put_away(&mut self) {
        if let Some((host, channel, run)) = self.last.take() {
            self.runs.extend(&host, &channel, Some(run));
        }
    }

    /// All of them.
    pub fn finish(mut self) -> Runs {
        self.put_away();
        self.runs
    }
}

impl Runs {
    /// Adds what follows in the same source.
    pub fn add(&mut self, other: Self) {
        self.incomplete |= other.incomplete;
        for (host, channels) in other.logs {
            for (channel, runs) in channels {
                self.extend(&host, &channel, runs);
            }
        }
    }

    fn extend(&mut self, host: &str, channel: &str, added: impl IntoIterator<Item = Run>) {
        if self.count >= RUNS_PER_SOURCE || host.len() > NAME || channel.len() > NAME {
            self.incomplete = true;
            return;
        }
        let runs = match self.logs.get_mut(host).and_then(|channels| channels.get_mut(channel)) {
            Some(runs) => runs,
            None => {
                // Logs count as well: one whose records have no id has no run.
                self.count += 1;
                self.logs.entry(host.to_owned()).or_default().entry(channel.to_owned()).or_default()
            }
        };
        for run in added {
            match runs.last_mut() {
                Some(last) if last.is_followed_by(&run) => last.append(run),
                _ => {
                    runs.push(run);
                    self.count += 1;
                }
            }
        }
    }
}

/// The runs of all sources.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Overlaps {
    logs: BTreeMap<LogName, Vec<Holding>>,
    /// Logs of which not all is known, so that nothing is told of them, and the sources that are to blame.
    unknown: BTreeMap<LogName, BTreeSet<u32>>,
    count: usize,
}

/// What one source holds of a log.
#[derive(Debug, Clone, PartialEq)]
struct Holding {
    source: u32,
    runs: Vec<Run>,
}

impl Holding {
    fn records(&self) -> u64 {
        self.runs.iter().map(Run::len).fold(0, u64::saturating_add)
    }

    /// First and last id, earliest and latest time.
    fn bounds(&self) -> (u64, u64, Timestamp, Timestamp) {
        let ids = (self.runs.iter().map(|run| run.first).min(), self.runs.iter().map(|run| run.last).max());
        let times =
            (self.runs.iter().map(|run| run.span.0).min(), self.runs.iter().map(|run| run.span.1).max());
        (
            ids.0.unwrap_or_default(),
            ids.1.unwrap_or_default(),
            times.0.unwrap_or_default(),
            times.1.unwrap_or_default(),
        )
    }

    /// Whether `newer` begins, by id and time, where this one ends or later.
    fn is_continued_by(&self, newer: &Self) -> bool {
        let ((_, last, _, end), (first, _, begin, _)) = (self.bounds(), newer.bounds());
        last < first && end <= begin
    }
}

impl Overlaps {
    /// Takes the runs of the whole source number `source`.
    pub fn close(&mut self, source: u32, runs: Runs) {
        let known = !runs.incomplete && self.count + runs.count <= RUNS;
        for (host, channels) in runs.logs {
            for (channel, runs) in channels {
                let log = (host.clone(), channel);
                if known {
                    self.count += runs.len();
                    self.logs.entry(log).or_default().push(Holding { source, runs });
                } else {
                    self.unknown.entry(log).or_default().insert(source);
                }
            }
        }
    }

    /// What [`Overlaps::close`] took of each source that holds something, by its number.
    pub fn by_source(&self) -> BTreeMap<u32, Runs> {
        let mut sources: BTreeMap<u32, PlainRuns> = BTreeMap::new();
        let mut add = |source: u32, (host, channel): &LogName, runs: Option<&Vec<Run>>| {
            let own = sources
                .entry(source)
                .or_insert_with(|| PlainRuns { incomplete: false, logs: BTreeMap::new() });
            own.incomplete |= runs.is_none();
            let log = own.logs.entry(host.clone()).or_default().entry(channel.clone()).or_default();
            log.extend(runs.into_iter().flatten().cloned());
        };
        for (log, holdings) in &self.logs {
            holdings.iter().for_each(|holding| add(holding.source, log, Some(&holding.runs)));
        }
        for (log, to_blame) in &self.unknown {
            to_blame.iter().for_each(|source| add(*source, log, None));
        }
        sources.into_iter().map(|(source, runs)| (source, runs.into())).collect()
    }

    /// Per source that shares a log with others, by its number.
    pub fn finish(&self) -> BTreeMap<u32, Overlap> {
        let mut sources: BTreeMap<u32, Overlap> = BTreeMap::new();
        for source in self.unknown.values().flatten() {
            sources.insert(*source, Overlap { relation: Relation::Unknown, ..Overlap::default() });
        }
        for (log, holdings) in &self.logs {
            let runs: usize = holdings.iter().map(|holding| holding.runs.len()).sum();
            let unknown = runs > RUNS_PER_LOG || self.unknown.contains_key(log);
            // The newest first; of those that end together the one that holds the most.
            let mut holdings: Vec<&Holding> = holdings.iter().collect();
            holdings.sort_by_cached_key(|holding| {
                Reverse((holding.bounds().3, holding.records(), Reverse(holding.source)))
            });
            for (at, holding) in holdings.iter().enumerate() {
                let newer = holdings.get(..at).unwrap_or_default();
                let overlap = match unknown {
                    true => Overlap { relation: Relation::Unknown, ..Overlap::default() },
                    false => compare(holding, newer),
                };
                sources.entry(holding.source).or_default().add(overlap);
            }
        }
        sources
    }
}

/// How `holding` stands to the sources of the same log that are newer.
fn compare(holding: &Holding, newer: &[&Holding]) -> Overlap {
    if newer.is_empty() {
        return Overlap::default();
    }
    let runs: Vec<&Run> = newer.iter().flat_map(|holding| &holding.runs).collect();
    let in_newer = holding.runs.iter().map(|run| covered(run, &runs)).fold(0, u64::saturating_add);
    let relation = if in_newer > 0 {
        Relation::Overlaps
    } else if newer.iter().any(|newer| holding.is_continued_by(newer)) {
        Relation::RolledOver
    } else {
        Relation::Restarted
    };
    Overlap { relation, in_newer, only_in_older: holding.records().saturating_sub(in_newer) }
}

/// How many records of `run` are in at least one of `others`.
fn covered(run: &Run, others: &[&Run]) -> u64 {
    let mut shared: Vec<(u64, u64)> = others.iter().filter_map(|other| run.shared(other)).collect();
    shared.sort_unstable();
    let mut free = run.first;
    let mut count = 0_u64;
    for (first, last) in shared {
        let first = first.max(free);
        if first <= last {
            count = count.saturating_add((last - first).saturating_add(1));
            free = last.saturating_add(1);
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Position;
    use proptest::prelude::*;

    /// The log of one host: record `id` is written `id` seconds after `begin`.
    fn runs(ids: impl IntoIterator<Item = u64>, begin: i64) -> Runs {
        let mut runs = RunsAtHand::default();
        for id in ids {
            runs.see(&Seen {
                provider: crate::sysmon::PROVIDER,
                event_id: 1,
                time_created: Some(Timestamp::from_unix_millis(begin + id as i64 * 1_000)),
                record_id: Some(id),
                channel: "C",
                computer: "H",
                position: Position::default(),
                recovered: false,
            });
        }
        runs.finish()
    }

    /// Relation, records in a newer source and records in older ones only, per source.
    fn told(sources: Vec<Runs>) -> Vec<(Relation, u64, u64)> {
        let count = sources.len() as u32;
        let mut overlaps = Overlaps::default();
        (0..).zip(sources).for_each(|(source, runs)| overlaps.close(source, runs));
        let told = overlaps.finish();
        let told = |source: u32| told.get(&source).copied().unwrap_or_default();
        (0..count).map(told).map(|told| (told.relation, told.in_newer, told.only_in_older)).collect()
    }

    const NEWEST: (Relation, u64, u64) = (Relation::Newest, 0, 0);

    #[test]
    fn a_shadow_copy_holds_what_the_log_has_dropped() {
        let told = told(vec![runs(101..=2_000, 0), runs(1..=1_500, 0)]);
        assert_eq!(told, [NEWEST, (Relation::Overlaps, 1_400, 100)]);
    }

    #[test]
    fn an_archive_beside_the_log_rolled_over() {
        let told = told(vec![runs(1..=1_000, 0), runs(1_001..=1_300, 0), runs(1_310..=1_400, 0)]);
        assert_eq!(told, [(Relation::RolledOver, 0, 1_000), (Relation::RolledOver, 0, 300), NEWEST]);
    }

    #[test]
    fn the_same_ids_after_a_clear_are_other_records() {
        const DAY: i64 = 86_400_000;
        assert_eq!(told(vec![runs(1..=600, 0), runs(1..=600, DAY)]), [(Relation::Restarted, 0, 600), NEWEST]);
        // So soon that the times overlap: the checkpoints tell them apart.
        assert_eq!(told(vec![runs(1..=600, 0), runs(1..=600, 500_000)])[0], (Relation::Restarted, 0, 600));
    }

    #[test]
    fn copies_and_exports_of_a_log_hold_nothing_more() {
        let some = (1..=900).filter(|id| id % 3 == 0);
        let told = told(vec![runs(some, 0), runs(1..=900, 0), runs(1..=900, 0)]);
        assert_eq!(told, [(Relation::Overlaps, 300, 0), NEWEST, (Relation::Overlaps, 900, 0)]);
    }

    #[test]
    fn what_cannot_be_known_is_not_told() {
        let scattered = || runs((0..RUNS_PER_SOURCE as u64).map(|number| number * 2), 0);
        let unknown = (Relation::Unknown, 0, 0);
        assert_eq!(told(vec![scattered(), runs(1..=9, 0)]), [unknown, unknown]);
        let few = || runs((0..4_000).map(|number| number * 2), 0);
        assert_eq!(told(vec![few(), few(), few()]), [unknown, unknown, unknown]);
    }

    proptest! {
        #[test]
        fn the_count_is_that_of_sets(
            sources in prop::collection::vec(prop::collection::btree_set(1_u64..700, 1..400), 1..5),
            cut in 1_usize..300,
        ) {
            let parts: Vec<Runs> = sources.iter().map(|ids| {
                let ids: Vec<u64> = ids.iter().copied().collect();
                ids.chunks(cut).fold(Runs::default(), |mut sum, part| { sum.add(runs(part.iter().copied(), 0)); sum })
            }).collect();
            let wholes: Vec<Runs> = sources.iter().map(|ids| runs(ids.iter().copied(), 0)).collect();
            prop_assert_eq!(&parts, &wholes);
            for (source, told) in told(parts).into_iter().enumerate() {
                let own = &sources[source];
                let key = |at: usize| (sources[at].last(), sources[at].len(), Reverse(at));
                let newer: BTreeSet<u64> =
                    (0..sources.len()).filter(|at| key(*at) > key(source)).flat_map(|at| sources[at].clone()).collect();
                let shared = own.intersection(&newer).count() as u64;
                let only = if newer.is_empty() { 0 } else { own.len() as u64 - shared };
                prop_assert_eq!((told.1, told.2), (shared, only));
            }
        }
    }
}
