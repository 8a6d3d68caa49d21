//! The account of a pass: what was read of every source, what was wrong with it and how it ended. It reads nothing itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::{Damage, DamageKind, Filtered, HostCoverage, Overlap, SourceReport, Status, Vouched};
use crate::input::{End, Source, Verdict};

use super::coverage::{Coverage, Hosts, Tally};
use super::overlap::{Overlaps, Runs};

/// Damages of one source that are told one by one. A source made of nothing but damage would otherwise fill the memory; the rest is counted.
const DAMAGES_PER_SOURCE: usize = 1_000;
/// Hosts of one source that are remembered by name.
const HOSTS_PER_SOURCE: usize = 64;

/// What a pass read, whatever the worker made of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Read {
    /// Per source, in the order of their ordinals.
    pub sources: Vec<SourceReport>,
    /// Whose Sysmon records each source holds, parallel to `sources`.
    pub holdings: Vec<Holding>,
    /// Which Sysmon records each source holds.
    pub(super) logs: Overlaps,
    /// Per host, sorted by name.
    pub hosts: Vec<HostCoverage>,
    /// Sysmon records of other hosts than these.
    pub other_hosts: u64,
    /// What could not be read, in order.
    pub damages: Vec<Damage>,
    /// Whether it ended before all sources were read.
    pub interrupted: bool,
}

/// The hosts whose Sysmon records a source holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Holding {
    hosts: BTreeSet<String>,
    /// There are more hosts than are remembered.
    more: bool,
}

impl Holding {
    /// Whether it may hold records of `host`.
    pub fn may_hold(&self, host: &str) -> bool {
        self.more || self.hosts.contains(host)
    }

    fn add(&mut self, hosts: &Hosts) {
        for host in hosts.names() {
            if !self.hosts.contains(host) && self.hosts.len() < HOSTS_PER_SOURCE {
                self.hosts.insert(host.to_owned());
            }
            self.more |= !self.hosts.contains(host);
        }
        self.more |= hosts.has_others();
    }
}

/// Keeps account of every source.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Sources that are not at their end yet, by their ordinals: few, since sources are read one after the other.
    open: BTreeMap<u32, Account>,
    closed: BTreeMap<u32, SourceReport>,
    /// Of the sources that are closed.
    holdings: BTreeMap<u32, Holding>,
    hosts: Hosts,
    overlaps: Overlaps,
    damages: Vec<Damage>,
    interrupted: bool,
}

/// What is known of one source.
#[derive(Debug, Default)]
struct Account {
    filtered: Filtered,
    tally: Tally,
    runs: Runs,
    holding: Holding,
    damages: Damages,
}

/// The damages of a source or of a part of it: the first ones, and how many more there are.
#[derive(Debug, Default)]
pub struct Damages {
    kept: Vec<Damage>,
    more: u64,
    /// Whether one of those lost input.
    more_lost: bool,
}

impl Damages {
    /// Adds one.
    pub fn push(&mut self, damage: Damage) {
        if self.kept.len() < DAMAGES_PER_SOURCE {
            self.kept.push(damage);
        } else {
            self.more = self.more.saturating_add(1);
            self.more_lost |= damage.lost;
        }
    }

    /// Adds those of the part behind.
    fn add(&mut self, other: Self) {
        other.kept.into_iter().for_each(|damage| self.push(damage));
        self.more = self.more.saturating_add(other.more);
        self.more_lost |= other.more_lost;
    }

    fn count(&self) -> u64 {
        self.more.saturating_add(self.kept.len() as u64)
    }

    fn lost(&self) -> bool {
        self.more_lost || self.kept.iter().any(|damage| damage.lost)
    }
}

impl Ledger {
    /// Adds what was read of a part of `source`. The parts of a source come in its order.
    pub fn add(&mut self, source: &Source, coverage: Coverage, filtered: Filtered, damages: Damages) {
        let account = self.open.entry(source.ordinal).or_default();
        account.filtered.add(filtered);
        account.tally.add(&coverage.tally);
        account.runs.add(coverage.runs.finish());
        account.damages.add(damages);
        account.holding.add(&coverage.hosts);
        self.hosts.add(coverage.hosts);
    }

    /// Notes how `source` ended.
    pub fn close(&mut self, source: &Source, end: End) {
        self.interrupted |= matches!(end, End::Unread(_));
        let mut account = self.open.remove(&source.ordinal).unwrap_or_default();
        self.closed.insert(source.ordinal, account.report(source, end));
        self.holdings.insert(source.ordinal, std::mem::take(&mut account.holding));
        self.overlaps.close(source.ordinal, std::mem::take(&mut account.runs));
        self.damages.extend(account.rest(source));
        self.damages.append(&mut account.damages.kept);
    }

    /// Notes whether what collectors say of the sources holds.
    fn vouch(&mut self, verdicts: Vec<Verdict>) {
        for Verdict { ordinal, vouched, damage } in verdicts {
            let Some(report) = self.closed.get_mut(&ordinal) else { continue };
            report.vouched = vouched;
            report.problems += u64::from(damage.is_some());
            self.damages.extend(damage);
        }
    }

    /// The account of all sources; `not_reached` are files that were not begun.
    pub fn into_read(mut self, not_reached: &[Source], verdicts: Vec<Verdict>) -> Read {
        self.vouch(verdicts);
        let next = self.closed.last_key_value().map_or(0, |(last, _)| last + 1);
        for (ordinal, file) in (next..).zip(not_reached) {
            let file = Source { ordinal, ..file.clone() };
            let size = file.path.metadata().map_or(0, |metadata| metadata.len());
            self.close(&file, End::Unread(size));
            if let Some(report) = self.closed.get_mut(&ordinal) {
                report.status = Status::NotReached;
            }
        }
        let mut damages = self.damages;
        damages.sort();
        for (ordinal, overlap) in self.overlaps.finish() {
            if let Some(report) = self.closed.get_mut(&ordinal) {
                report.overlap = overlap;
            }
        }
        let (hosts, other_hosts) = self.hosts.finish();
        Read {
            sources: self.closed.into_values().collect(),
            holdings: self.holdings.into_values().collect(),
            logs: self.overlaps,
            hosts,
            other_hosts,
            damages,
            interrupted: self.interrupted,
        }
    }
}

impl Account {
    fn report(&mut self, source: &Source, end: End) -> SourceReport {
        let mut report = SourceReport {
            source: source.name.clone(),
            kind: None,
            size: 0,
            modified: None,
            sha256: None,
            vouched: Vouched::Not,
            changed: false,
            status: Status::Read,
            chunks: 0,
            records: self.tally.records,
            sysmon_records: self.tally.sysmon_records,
            recovered: self.tally.recovered,
            filtered: self.filtered,
            first: self.tally.first,
            last: self.tally.last,
            problems: 0,
            overlap: Overlap::default(),
        };
        match end {
            End::Read(finished) => {
                report.kind = Some(finished.kind);
                report.changed = finished.changed;
                (report.size, report.modified) = (finished.size, finished.modified);
                (report.sha256, report.chunks) = (finished.sha256, finished.chunks);
                finished.damages.into_iter().for_each(|damage| self.damages.push(damage));
                report.status = self.status();
                // An archive has no records of its own: it was read in part when it gave a member.
                if report.status == Status::Unreadable && finished.members > 0 {
                    report.status = Status::Partial;
                }
            }
            End::Skipped(size) => (report.size, report.status) = (size, Status::Skipped),
            End::Failed { damage, size, sha256 } => {
                let other = damage.kind == DamageKind::NotEvidence;
                report.status = if other { Status::Skipped } else { Status::Unreadable };
                (report.size, report.sha256) = (size, sha256);
                self.damages.push(damage);
            }
            End::Unread(size) => {
                let reason = "not read to its end: the run was interrupted";
                self.damages.push(loss(source, DamageKind::Unreadable, reason));
                (report.size, report.status) = (size, self.status());
            }
        }
        report.problems = self.damages.count();
        report
    }

    /// One damage that stands for those that were only counted.
    fn rest(&self, source: &Source) -> Option<Damage> {
        let reason =
            format!("{} more problems like those before it, not listed one by one", self.damages.more);
        (self.damages.more > 0)
            .then(|| Damage { lost: self.damages.more_lost, ..loss(source, DamageKind::Record, &reason) })
    }

    fn status(&self) -> Status {
        match (self.damages.lost(), self.tally.records.saturating_add(self.filtered.total())) {
            (true, 0) => Status::Unreadable,
            (true, _) => Status::Partial,
            (false, _) => Status::Read,
        }
    }
}

fn loss(source: &Source, kind: DamageKind, reason: &str) -> Damage {
    let (source, reason) = (source.name.clone(), reason.to_owned());
    Damage { source, chunk: None, record: None, kind, reason, lost: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(ordinal: u32) -> Source {
        Source { path: "nowhere.evtx".into(), name: "nowhere.evtx".into(), ordinal, named: true }
    }

    #[test]
    fn a_source_of_nothing_but_damage_is_counted_not_kept() {
        let source = source(0);
        let mut ledger = Ledger::default();
        for _ in 0..3 {
            let mut damages = Damages::default();
            (0..1_000).for_each(|_| damages.push(loss(&source, DamageKind::Record, "bad")));
            ledger.add(&source, Coverage::default(), Filtered::default(), damages);
        }
        ledger.close(&source, End::Skipped(7));
        let read = ledger.into_read(&[], Vec::new());
        assert_eq!(read.damages.len(), DAMAGES_PER_SOURCE + 1);
        assert_eq!(read.sources[0].problems, 3_000);
        assert!(read.damages.iter().any(|damage| damage.reason.starts_with("2000 more") && damage.lost));
    }

    #[test]
    fn every_source_has_its_own_account() {
        let mut ledger = Ledger::default();
        for ordinal in [2, 0, 1] {
            let mut coverage = Coverage::default();
            coverage.tally.records = u64::from(ordinal) + 1;
            ledger.add(&source(ordinal), coverage, Filtered::default(), Damages::default());
            ledger.close(&source(ordinal), End::Skipped(7));
        }
        let read = ledger.into_read(&[], Vec::new());
        assert_eq!(read.sources.iter().map(|source| source.records).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!((read.damages, read.interrupted), (Vec::new(), false));
    }

    #[test]
    fn a_source_that_was_not_reached_is_told() {
        let read = Ledger::default().into_read(&[source(0)], Vec::new());
        assert_eq!(read.sources[0].status, Status::NotReached);
        assert!(read.damages[0].reason.contains("interrupted"));
        assert!(read.interrupted);
    }
}
