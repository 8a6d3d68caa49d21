//! What was read: how many records, and which Sysmon events each host logged when, counted while the records go by. It judges nothing.

use std::collections::BTreeMap;

use crate::finding::{HostCoverage, earliest};
use crate::input::Seen;
use crate::sysmon::{self, schema::event_spec};
use crate::time::Timestamp;

use super::overlap::RunsAtHand;

/// Hosts that are kept apart: those first in the order of names, so that the same evidence keeps the same ones. A log can claim any number of hosts.
const HOSTS: usize = 10_000;
/// Bytes of a host's name, at most: more than DNS allows (RFC 1035, 2.3.4).
const NAME: usize = 255;

/// Counts over some records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Coverage {
    /// Of any host.
    pub tally: Tally,
    /// Per host.
    pub hosts: Hosts,
    /// Which records.
    pub runs: RunsAtHand,
}

impl Coverage {
    /// Counts a record.
    pub fn see(&mut self, seen: &Seen<'_>) {
        self.tally.records += 1;
        self.tally.recovered += u64::from(seen.recovered);
        if seen.provider == sysmon::PROVIDER {
            self.tally.sysmon_records += 1;
            self.tally.first = earliest(self.tally.first, seen.time_created);
            self.tally.last = self.tally.last.max(seen.time_created);
            self.hosts.see(seen);
            self.runs.see(seen);
        }
    }
}

/// Counts over some records, whichever host logged them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Records of any provider.
    pub records: u64,
    /// Records among them that were recovered.
    pub recovered: u64,
    /// Records among them that are Sysmon's.
    pub sysmon_records: u64,
    /// First TimeCreated of a Sysmon record.
    pub first: Option<Timestamp>,
    /// Last TimeCreated of a Sysmon record.
    pub last: Option<Timestamp>,
}

impl Tally {
    /// Adds what `other` counted.
    pub fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.recovered += other.recovered;
        self.sysmon_records += other.sysmon_records;
        self.first = earliest(self.first, other.first);
        self.last = self.last.max(other.last);
    }
}

/// Sysmon records per host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hosts {
    kept: BTreeMap<String, HostCoverage>,
    others: u64,
}

impl Hosts {
    fn see(&mut self, seen: &Seen<'_>) {
        if seen.computer.len() > NAME {
            self.others += 1;
            return;
        }
        if let Some(host) = self.kept.get_mut(seen.computer) {
            return count(host, seen);
        }
        let mut host = HostCoverage { host: seen.computer.to_owned(), ..HostCoverage::default() };
        count(&mut host, seen);
        self.kept.insert(seen.computer.to_owned(), host);
        self.fit();
    }

    /// Adds what `other` counted.
    pub fn add(&mut self, other: Self) {
        self.others += other.others;
        for (name, theirs) in other.kept {
            match self.kept.get_mut(&name) {
                Some(host) => host.merge(theirs),
                None => {
                    self.kept.insert(name, theirs);
                    self.fit();
                }
            }
        }
    }

    /// Adds what was counted of one host.
    pub fn add_host(&mut self, host: HostCoverage) {
        self.add(Self { kept: BTreeMap::from([(host.host.clone(), host)]), others: 0 });
    }

    /// Adds records of hosts that are not kept apart.
    pub fn add_others(&mut self, records: u64) {
        self.others = self.others.saturating_add(records);
    }

    /// The hosts that are kept apart, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.kept.keys().map(String::as_str)
    }

    /// Whether there are hosts besides those kept apart.
    pub fn has_others(&self) -> bool {
        self.others > 0
    }

    /// Per host, sorted by name; and how many records are of none of these.
    pub fn finish(self) -> (Vec<HostCoverage>, u64) {
        (self.kept.into_values().collect(), self.others)
    }

    /// Drops the host that is one too many. A name that was dropped once stays so: it comes after all that are kept.
    fn fit(&mut self) {
        if self.kept.len() > HOSTS
            && let Some((_, dropped)) = self.kept.pop_last()
        {
            self.others += dropped.records();
        }
    }
}

fn count(host: &mut HostCoverage, seen: &Seen<'_>) {
    host.first = earliest(host.first, seen.time_created);
    host.last = host.last.max(seen.time_created);
    match host.events.get_mut(&seen.event_id) {
        Some(event) => event.add(seen.time_created),
        None if event_spec(seen.event_id).is_some() => {
            host.events.entry(seen.event_id).or_default().add(seen.time_created);
        }
        None => host.other_events += 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Position;

    fn seen<'a>(computer: &'a str, event_id: u32) -> Seen<'a> {
        Seen {
            provider: sysmon::PROVIDER,
            event_id,
            time_created: Timestamp::parse("2024-03-01T10:00:00Z"),
            record_id: Some(1),
            channel: "",
            computer,
            position: Position::default(),
            recovered: false,
        }
    }

    #[test]
    fn the_same_hosts_are_kept_in_any_order() {
        let names: Vec<String> = (0..HOSTS + 3).map(|number| format!("HOST{number:05}")).collect();
        let mut there = Coverage::default();
        let mut back = Coverage::default();
        names.iter().for_each(|name| there.see(&seen(name, 1)));
        names.iter().rev().for_each(|name| back.see(&seen(name, 1)));
        let mut parts = Hosts::default();
        for part in names.chunks(999).rev() {
            let mut coverage = Coverage::default();
            part.iter().for_each(|name| coverage.see(&seen(name, 1)));
            parts.add(coverage.hosts);
        }
        assert_eq!(there.hosts, back.hosts);
        assert_eq!(there.hosts, parts);
        let (hosts, others) = parts.finish();
        assert_eq!((hosts.len(), others), (HOSTS, 3));
        assert_eq!(hosts.last().map(|host| host.host.as_str()), Some("HOST09999"));
    }

    #[test]
    fn event_ids_that_sysmon_does_not_use_and_endless_names_are_counted_together() {
        let mut coverage = Coverage::default();
        (0..2_000).for_each(|event_id| coverage.see(&seen("HOST1", event_id)));
        coverage.see(&seen(&"A".repeat(256), 1));
        let (hosts, others) = coverage.hosts.finish();
        // 1 to 29 and 255.
        assert_eq!((hosts[0].events.len(), hosts[0].other_events, others), (30, 1_970, 1));
        assert_eq!(hosts[0].records(), 2_000);
        assert_eq!(coverage.tally.sysmon_records, 2_001);
    }
}
