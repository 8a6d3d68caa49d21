//! The account of a pass: what was read of every source, what was wrong with it and how it ended. It reads nothing itself.

use std::collections::BTreeSet;

use crate::finding::{Damage, DamageKind, HostCoverage, SourceReport, Status};
use crate::input::{Finished, Source};

use super::coverage::Coverage;

/// Damages of one source that are told one by one. A source made of nothing but damage would otherwise fill the memory; the rest is counted.
const DAMAGES_PER_SOURCE: usize = 1_000;

/// What a pass read, whatever the worker made of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Read {
    /// Per source, in the order of their ordinals.
    pub sources: Vec<SourceReport>,
    /// Per host, sorted by name.
    pub hosts: Vec<HostCoverage>,
    /// What could not be read, in order.
    pub damages: Vec<Damage>,
    /// Whether it ended before all sources were read.
    pub interrupted: bool,
}

/// How a source ended.
#[derive(Debug, Clone)]
pub enum End {
    /// At its end.
    Read(Box<Finished>),
    /// It is no evidence; so many bytes were not read.
    Skipped(u64),
    /// Why it could not be read; the hash where it could be read but is no log.
    Failed(Damage, Option<String>),
    /// The run ended before its end.
    Unread,
}

/// Keeps account of every source.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Sources that are not at their end yet: few, since sources are read one after the other.
    open: Vec<Account>,
    closed: Vec<(Account, End)>,
}

/// What is known of one source.
#[derive(Debug, Default)]
struct Account {
    source: u32,
    coverage: Coverage,
    damages: Vec<Damage>,
    /// Damages beyond those kept, and whether one of them lost input.
    more: u64,
    more_lost: bool,
}

impl Ledger {
    /// Adds what was read of a part of the source with that ordinal. The parts of a source come in its order.
    pub fn add(&mut self, source: u32, coverage: Coverage, damages: Vec<Damage>) {
        let account = self.account(source);
        account.coverage.add(coverage);
        damages.into_iter().for_each(|damage| account.damage(damage));
    }

    /// Notes sources that ended, by their ordinals.
    pub fn close(&mut self, ends: Vec<(u32, End)>) {
        for (source, end) in ends {
            let at = self.position(source);
            let account = self.open.swap_remove(at);
            self.closed.push((account, end));
        }
    }

    /// The account of all `sources`, those that were not reached among them.
    pub fn into_read(mut self, sources: &[Source], interrupted: bool) -> Read {
        self.closed.extend(self.open.drain(..).map(|account| (account, End::Unread)));
        let reached: BTreeSet<u32> = self.closed.iter().map(|(account, _)| account.source).collect();
        let unreached =
            sources.iter().map(|source| source.ordinal).filter(|ordinal| !reached.contains(ordinal));
        self.closed.extend(unreached.map(|source| (Account { source, ..Account::default() }, End::Unread)));
        self.closed.sort_by_key(|(account, _)| account.source);
        let mut read = Read { interrupted, ..Read::default() };
        let mut hosts = Coverage::default();
        for (source, (mut account, end)) in sources.iter().zip(self.closed) {
            read.sources.push(account.report(source, end));
            read.damages.append(&mut account.damages);
            read.damages.extend(account.rest(source));
            hosts.add(account.coverage);
        }
        read.hosts = hosts.into_hosts();
        read.damages.sort();
        read
    }

    fn account(&mut self, source: u32) -> &mut Account {
        let at = self.position(source);
        &mut self.open[at]
    }

    /// Where the open account of the source with that ordinal is; it is opened where there is none.
    fn position(&mut self, source: u32) -> usize {
        self.open.iter().position(|account| account.source == source).unwrap_or_else(|| {
            self.open.push(Account { source, ..Account::default() });
            self.open.len() - 1
        })
    }
}

impl Account {
    fn damage(&mut self, damage: Damage) {
        if self.damages.len() < DAMAGES_PER_SOURCE {
            self.damages.push(damage);
        } else {
            self.more += 1;
            self.more_lost |= damage.lost;
        }
    }

    fn report(&mut self, source: &Source, end: End) -> SourceReport {
        let (first, last) = self.coverage.span();
        let mut report = SourceReport {
            source: source.name.clone(),
            size: 0,
            modified: None,
            sha256: None,
            status: Status::Read,
            chunks: 0,
            records: self.coverage.records,
            sysmon_records: self.coverage.sysmon_records(),
            first,
            last,
            problems: 0,
        };
        match end {
            End::Read(finished) => {
                (report.size, report.modified) = (finished.size, finished.modified);
                (report.sha256, report.chunks) = (finished.sha256, finished.chunks);
                finished.damages.into_iter().for_each(|damage| self.damage(damage));
                report.status = self.status();
            }
            End::Skipped(size) => (report.size, report.status) = (size, Status::Skipped),
            End::Failed(damage, hash) => {
                let other = damage.kind == DamageKind::NotEvidence;
                report.status = if other { Status::Skipped } else { Status::Unreadable };
                (report.size, report.sha256) = (size_on_disk(source), hash);
                self.damage(damage);
            }
            End::Unread => {
                self.damage(loss(
                    source,
                    DamageKind::Unreadable,
                    "not read to its end: the run was interrupted",
                ));
                (report.size, report.status) = (size_on_disk(source), self.status());
            }
        }
        report.problems = self.damages.len() as u64 + self.more;
        report
    }

    /// One damage that stands for those that were only counted.
    fn rest(&self, source: &Source) -> Option<Damage> {
        let reason = format!("{} more problems like those before it, not listed one by one", self.more);
        (self.more > 0).then(|| Damage { lost: self.more_lost, ..loss(source, DamageKind::Record, &reason) })
    }

    fn status(&self) -> Status {
        let lost = self.more_lost || self.damages.iter().any(|damage| damage.lost);
        match (lost, self.coverage.records) {
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

/// The size of a source that was not read, as the file system has it.
fn size_on_disk(source: &Source) -> u64 {
    source.path.metadata().map_or(0, |metadata| metadata.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> Source {
        Source { path: "nowhere.evtx".into(), name: "nowhere.evtx".into(), ordinal: 0, named: true }
    }

    #[test]
    fn a_source_of_nothing_but_damage_is_counted_not_kept() {
        let source = source();
        let mut ledger = Ledger::default();
        for _ in 0..3 {
            let damages = (0..1_000).map(|_| loss(&source, DamageKind::Record, "bad")).collect();
            ledger.add(0, Coverage::default(), damages);
        }
        ledger.close(vec![(0, End::Skipped(7))]);
        let read = ledger.into_read(&[source], false);
        assert_eq!(read.damages.len(), DAMAGES_PER_SOURCE + 1);
        assert_eq!(read.sources[0].problems, 3_000);
        assert!(read.damages.iter().any(|damage| damage.reason.starts_with("2000 more") && damage.lost));
    }

    #[test]
    fn every_source_has_its_own_account() {
        let sources: Vec<Source> = (0..3).map(|ordinal| Source { ordinal, ..source() }).collect();
        let mut ledger = Ledger::default();
        for ordinal in [2, 0, 1] {
            let mut coverage = Coverage::default();
            coverage.records = u64::from(ordinal) + 1;
            ledger.add(ordinal, coverage, Vec::new());
            ledger.close(vec![(ordinal, End::Skipped(7))]);
        }
        let read = ledger.into_read(&sources, false);
        assert_eq!(read.sources.iter().map(|source| source.records).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(read.damages, []);
    }

    #[test]
    fn a_source_that_was_not_reached_is_told() {
        let read = Ledger::default().into_read(&[source()], true);
        assert_eq!(read.sources[0].status, Status::Unreadable);
        assert!(read.damages[0].reason.contains("interrupted"));
    }
}
