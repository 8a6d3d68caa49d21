//! The tallies of all pieces, brought together in the order of the evidence and within bounds. It sees no record.

use std::collections::{BTreeMap, HashSet};

use super::inspection::{
    BackwardJump, BackwardJumps, ChannelInspection, Copies, EventInspection, HostInspection, LeftOut,
    LogInspection, Mark, Marks, Period, SkewInspection,
};
use super::numbering::{Jump, Numbering};
use super::skew::Skew;
use super::tally::{HostTally, LogTally, MarkKind, MarkTally, Tally};
use crate::time::TICKS_PER_MILLI;

/// Providers of a source that are listed.
const PROVIDERS: usize = 50;
/// Marks of one kind and host that are listed.
const MARKS: usize = 50;

/// How much may still be kept of what hostile evidence can have any number of; what goes beyond is counted.
#[derive(Debug)]
struct Room {
    hosts: usize,
    /// Channel, provider and event id of all hosts.
    kinds: usize,
    /// Host and channel of all sources.
    logs: usize,
    marks: usize,
    /// Different clock differences of all hosts.
    skews: usize,
    /// Records that are compared, to know copies.
    identities: usize,
}

/// Room for the largest collections that are known, in about 200 MiB.
const ROOM: Room = Room {
    hosts: 10_000,
    kinds: 200_000,
    logs: 20_000,
    marks: 20_000,
    skews: 500_000,
    identities: 3_500_000,
};

/// What was counted so far.
#[derive(Debug)]
pub(super) struct Gathering {
    hosts: BTreeMap<String, HostState>,
    sources: BTreeMap<u32, SourceState>,
    identities: HashSet<u64>,
    copies: Copies,
    left_out: LeftOut,
    room: Room,
}

/// What is known of a host.
#[derive(Debug, Default)]
struct HostState {
    period: Period,
    sysmon_records: u64,
    recovered: u64,
    channels: BTreeMap<String, ChannelState>,
    marks: BTreeMap<MarkKind, MarkState>,
    skew: Skew,
    jumps: u64,
    /// The widest jump, the ordinal of its source and its channel.
    worst_jump: Option<(Jump, u32, String)>,
}

#[derive(Debug, Default)]
struct ChannelState {
    period: Period,
    kinds: BTreeMap<String, BTreeMap<u32, Period>>,
}

#[derive(Debug, Default)]
struct MarkState {
    count: u64,
    /// With the ordinals of their sources.
    listed: Vec<(MarkTally, u32)>,
}

/// What is known of a source.
#[derive(Debug, Default)]
struct SourceState {
    period: Period,
    copies: u64,
    providers: BTreeMap<String, u64>,
    /// Per host and channel.
    logs: BTreeMap<(String, String), LogState>,
}

#[derive(Debug, Default)]
struct LogState {
    period: Period,
    without_id: u64,
    numbering: Numbering,
}

/// What only the tallies tell of a source.
#[derive(Debug, Default)]
pub(super) struct SourceParts {
    pub(super) period: Period,
    pub(super) copies: u64,
    pub(super) providers: BTreeMap<String, u64>,
    pub(super) logs: Vec<LogInspection>,
}

/// All that the tallies tell.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) hosts: Vec<HostInspection>,
    /// By the sources' ordinals; a source without a record is not there.
    pub(super) sources: BTreeMap<u32, SourceParts>,
    pub(super) copies: Copies,
    pub(super) left_out: LeftOut,
}

impl Default for Gathering {
    fn default() -> Self {
        Self {
            hosts: BTreeMap::new(),
            sources: BTreeMap::new(),
            identities: HashSet::new(),
            copies: Copies { exact: true, ..Copies::default() },
            left_out: LeftOut::default(),
            room: ROOM,
        }
    }
}

impl Gathering {
    /// Adds the tally of the next piece.
    pub(super) fn add(&mut self, tally: Tally) {
        self.compare(&tally);
        for (host, counted) in tally.hosts {
            self.add_host(host, counted, tally.source);
        }
    }

    /// All that there is to tell; `name` gives a source's name by its ordinal.
    pub(super) fn finish(self, name: &dyn Fn(u32) -> String) -> Gathered {
        let hosts = self.hosts.into_iter().map(|(host, state)| state.finish(host, name)).collect();
        let sources = self.sources.into_iter().map(|(ordinal, state)| (ordinal, state.finish())).collect();
        Gathered { hosts, sources, copies: self.copies, left_out: self.left_out }
    }

    /// Looks for copies among the records that are remembered.
    fn compare(&mut self, tally: &Tally) {
        let mut copies = 0;
        for identity in &tally.identities {
            if self.identities.contains(identity) {
                copies += 1;
            } else if self.identities.len() < self.room.identities {
                self.identities.insert(*identity);
            } else {
                self.copies.exact = false;
                continue;
            }
            self.copies.compared += 1;
        }
        self.copies.exact &= tally.without_identity == 0;
        self.copies.records += copies;
        self.sources.entry(tally.source).or_default().copies += copies;
    }

    fn add_host(&mut self, name: String, counted: HostTally, source: u32) {
        let between = self.add_logs(&name, &counted.logs, source);
        if !self.hosts.contains_key(&name) && !take(&mut self.room.hosts) {
            self.left_out.records_of_hosts +=
                counted.logs.values().map(|log| log.period().records).sum::<u64>();
            return;
        }
        let host = self.hosts.entry(name).or_default();
        host.sysmon_records += counted.sysmon_records;
        host.recovered += counted.recovered;
        for (channel, log) in &counted.logs {
            self.left_out.records_of_kinds += host.add_channel(channel, log, &mut self.room.kinds);
            host.add_jumps(&log.jumps, source, channel);
        }
        between.iter().for_each(|(channel, jumps)| host.add_jumps(jumps, source, channel));
        for mark in counted.marks {
            host.marks.entry(mark.kind).or_default().add(mark, source, &mut self.room.marks);
        }
        host.skew.add(counted.skew, &mut self.room.skews);
    }

    /// Adds `logs` of the host `name` to the source with the ordinal `source`; returns per channel where time goes back between runs.
    fn add_logs<'a>(
        &mut self,
        name: &str,
        logs: &'a BTreeMap<String, LogTally>,
        source: u32,
    ) -> Vec<(&'a str, Vec<Jump>)> {
        let state = self.sources.entry(source).or_default();
        let mut between = Vec::new();
        for (channel, log) in logs {
            let period = log.period();
            state.period.add(&period);
            state.add_providers(log);
            let key = (name.to_owned(), channel.clone());
            if state.logs.contains_key(&key) || take(&mut self.room.logs) {
                between.push((channel.as_str(), state.logs.entry(key).or_default().add(log, &period)));
            } else {
                self.left_out.records_of_logs += period.records;
            }
        }
        between
    }
}

/// Takes one of `left`, if there is one.
fn take(left: &mut usize) -> bool {
    let taken = left.checked_sub(1);
    *left = taken.unwrap_or_default();
    taken.is_some()
}

impl LogTally {
    fn period(&self) -> Period {
        let mut all = Period::default();
        self.kinds.values().flat_map(BTreeMap::values).for_each(|period| all.add(period));
        all
    }
}

impl ChannelState {
    /// Adds a log's records; returns of how many the kind is not kept for want of `room`.
    fn add(&mut self, log: &LogTally, period: &Period, room: &mut usize) -> u64 {
        self.period.add(period);
        let mut left_out = 0;
        for (provider, ids) in &log.kinds {
            for (event_id, counted) in ids {
                let known = self.kinds.get(provider).is_some_and(|ids| ids.contains_key(event_id));
                if known || take(room) {
                    let ids = self.kinds.entry(provider.clone()).or_default();
                    ids.entry(*event_id).or_default().add(counted);
                } else {
                    left_out += counted.records;
                }
            }
        }
        left_out
    }

    fn finish(self, channel: String) -> ChannelInspection {
        let kinds = self.kinds.into_iter().flat_map(|(provider, ids)| {
            let event =
                move |(event_id, period)| EventInspection { provider: provider.clone(), event_id, period };
            ids.into_iter().map(event)
        });
        ChannelInspection { channel, period: self.period, events: kinds.collect() }
    }
}

impl SourceState {
    fn add_providers(&mut self, log: &LogTally) {
        for (provider, ids) in &log.kinds {
            if self.providers.contains_key(provider) || self.providers.len() < PROVIDERS {
                let records = ids.values().map(|period| period.records).sum::<u64>();
                *self.providers.entry(provider.clone()).or_default() += records;
            }
        }
    }

    fn finish(self) -> SourceParts {
        let log = |((host, channel), state): (_, LogState)| LogInspection {
            host,
            channel,
            period: state.period,
            without_id: state.without_id,
            numbering: state.numbering.finish(),
        };
        let logs = self.logs.into_iter().map(log).collect();
        SourceParts { period: self.period, copies: self.copies, providers: self.providers, logs }
    }
}

impl LogState {
    /// Adds a log's records; returns where time goes back between runs.
    fn add(&mut self, log: &LogTally, period: &Period) -> Vec<Jump> {
        self.period.add(period);
        self.without_id += log.without_id;
        log.runs.iter().filter_map(|run| self.numbering.push(*run)).collect()
    }
}

impl MarkState {
    fn add(&mut self, mark: MarkTally, source: u32, room: &mut usize) {
        self.count += 1;
        if self.listed.len() < MARKS && take(room) {
            self.listed.push((mark, source));
        }
    }

    fn finish(self, name: &dyn Fn(u32) -> String) -> Marks {
        let mark = |(mark, source): (MarkTally, u32)| Mark {
            time: mark.time,
            what: mark.what,
            record_id: mark.record_id,
            source: name(source),
        };
        Marks { count: self.count, listed: self.listed.into_iter().map(mark).collect() }
    }
}

impl HostState {
    /// Adds a log's records; returns of how many the kind is not kept for want of `room`.
    fn add_channel(&mut self, channel: &str, log: &LogTally, room: &mut usize) -> u64 {
        let period = log.period();
        self.period.add(&period);
        if *room == 0 && !self.channels.contains_key(channel) {
            return period.records;
        }
        self.channels.entry(channel.to_owned()).or_default().add(log, &period, room)
    }

    fn add_jumps(&mut self, jumps: &[Jump], source: u32, channel: &str) {
        for jump in jumps {
            self.jumps += 1;
            if self.worst_jump.as_ref().is_none_or(|(worst, ..)| jump.ticks > worst.ticks) {
                self.worst_jump = Some((*jump, source, channel.to_owned()));
            }
        }
    }

    fn finish(self, host: String, name: &dyn Fn(u32) -> String) -> HostInspection {
        let skew: Option<SkewInspection> = self.skew.finish(name);
        let worst = self.worst_jump.map(|(jump, source, channel)| BackwardJump {
            ms: jump.ticks / TICKS_PER_MILLI,
            from: jump.from,
            to: jump.to,
            record_id: jump.record_id,
            channel,
            source: name(source),
        });
        let channels: Vec<ChannelInspection> =
            self.channels.into_iter().map(|(channel, state)| state.finish(channel)).collect();
        let mut providers = BTreeMap::new();
        for event in channels.iter().flat_map(|channel| &channel.events) {
            *providers.entry(event.provider.clone()).or_default() += event.period.records;
        }
        let mut marks = self.marks;
        let mut of = |kind| marks.remove(&kind).unwrap_or_default().finish(name);
        HostInspection {
            host,
            period: self.period,
            sysmon_records: self.sysmon_records,
            recovered: self.recovered,
            channels,
            providers,
            log_clears: of(MarkKind::LogClear),
            service_states: of(MarkKind::ServiceState),
            config_changes: of(MarkKind::ConfigChange),
            service_errors: of(MarkKind::ServiceError),
            skew,
            backward_jumps: BackwardJumps { count: self.jumps, worst },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Position, Seen};
    use crate::sysmon::PROVIDER;

    /// A piece of source 0 that holds Sysmon records `ids`, each of a host and a channel of its own.
    fn piece(ids: std::ops::Range<u64>) -> Tally {
        let mut tally = Tally::default();
        for id in ids {
            let (computer, channel) = (format!("host{id}"), format!("channel{id}"));
            let seen = Seen {
                provider: PROVIDER,
                event_id: 1,
                time_created: None,
                record_id: Some(id),
                channel: &channel,
                computer: &computer,
                position: Position::default(),
                recovered: false,
            };
            tally.see(&seen);
        }
        tally
    }

    fn gathered(room: Room, pieces: [Tally; 2]) -> Gathered {
        let mut gathering = Gathering { room, ..Gathering::default() };
        pieces.into_iter().for_each(|tally| gathering.add(tally));
        gathering.finish(&|ordinal| ordinal.to_string())
    }

    #[test]
    fn new_names_in_every_record_are_counted_and_not_kept() {
        let gathered = gathered(Room { hosts: 3, kinds: 2, logs: 1, ..ROOM }, [piece(0..4), piece(0..5)]);
        let hosts: Vec<(&str, u64)> =
            gathered.hosts.iter().map(|host| (host.host.as_str(), host.period.records)).collect();
        assert_eq!(hosts, [("host0", 2), ("host1", 2), ("host2", 2)]);
        assert_eq!(gathered.hosts.iter().map(|host| host.channels.len()).collect::<Vec<_>>(), [1, 1, 0]);
        // Hosts 3 (twice) and 4; the kinds of host 2; the logs of all but host 0.
        let left_out = LeftOut { records_of_hosts: 3, records_of_kinds: 2, records_of_logs: 7 };
        assert_eq!(gathered.left_out, left_out);
        assert_eq!((gathered.sources[&0].period.records, gathered.sources[&0].logs.len()), (9, 1));
    }

    #[test]
    fn copies_are_exact_as_long_as_all_are_remembered() {
        let exact = gathered(ROOM, [piece(0..4), piece(2..6)]);
        assert_eq!(exact.copies, Copies { records: 2, compared: 8, exact: true });
        assert_eq!(exact.sources[&0].copies, 2);
        let bounded = gathered(Room { identities: 3, ..ROOM }, [piece(0..4), piece(2..6)]);
        assert_eq!(bounded.copies, Copies { records: 1, compared: 4, exact: false });
    }
}
