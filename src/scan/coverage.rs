//! What was read: per source and per host, counted while the records go by. It judges nothing.

use std::collections::BTreeMap;

use crate::finding::HostCoverage;
use crate::input::Seen;
use crate::sysmon;
use crate::time::Timestamp;

/// Counts over some records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Coverage {
    /// Records of any provider.
    pub records: u64,
    /// Records among them that were recovered.
    pub recovered: u64,
    /// Sysmon records per host.
    hosts: BTreeMap<String, HostCoverage>,
}

impl Coverage {
    /// Counts a record.
    pub fn see(&mut self, seen: &Seen<'_>) {
        self.records += 1;
        self.recovered += u64::from(seen.recovered);
        if seen.provider != sysmon::PROVIDER {
            return;
        }
        if let Some(host) = self.hosts.get_mut(seen.computer) {
            return count(host, seen);
        }
        let mut host = HostCoverage { host: seen.computer.to_owned(), ..HostCoverage::default() };
        count(&mut host, seen);
        self.hosts.insert(seen.computer.to_owned(), host);
    }

    /// Adds what `other` counted.
    pub fn add(&mut self, other: Self) {
        self.records += other.records;
        self.recovered += other.recovered;
        for (name, theirs) in other.hosts {
            let host = self
                .hosts
                .entry(name.clone())
                .or_insert_with(|| HostCoverage { host: name, ..HostCoverage::default() });
            for (event_id, count) in theirs.events {
                *host.events.entry(event_id).or_default() += count;
            }
            widen(host, theirs.first, theirs.last);
        }
    }

    /// Sysmon records.
    pub fn sysmon_records(&self) -> u64 {
        self.hosts.values().flat_map(|host| host.events.values()).sum()
    }

    /// First and last TimeCreated of a Sysmon record.
    pub fn span(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let first = self.hosts.values().filter_map(|host| host.first).min();
        (first, self.hosts.values().filter_map(|host| host.last).max())
    }

    /// Per host, sorted by name.
    pub fn into_hosts(self) -> Vec<HostCoverage> {
        self.hosts.into_values().collect()
    }
}

fn count(host: &mut HostCoverage, seen: &Seen<'_>) {
    *host.events.entry(seen.event_id).or_default() += 1;
    widen(host, seen.time_created, seen.time_created);
}

fn widen(host: &mut HostCoverage, first: Option<Timestamp>, last: Option<Timestamp>) {
    host.first = host.first.into_iter().chain(first).min();
    host.last = host.last.into_iter().chain(last).max();
}
