//! How far the evidence reaches: which events each host logged, when it did not log them, and which rules that leaves blind. It puts nothing into words.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::histogram::Histogram;
use crate::time::{TICKS_PER_SECOND, Timestamp};

/// An event is told absent for no shorter time than this, in seconds: programs rest at night.
const SHORTEST_ABSENCE: u64 = 86_400;
/// Nor for less than this part of the time in which the host logged anything.
const SHARE_OF_LOGGED: u64 = 20;
/// Absent periods that are kept for one host and event.
const PERIODS: usize = 8;

/// What the evidence holds of one host.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct HostCoverage {
    /// System/Computer.
    pub host: String,
    /// First TimeCreated of a Sysmon record.
    #[serde(with = "crate::time::ticks::option")]
    pub first: Option<Timestamp>,
    /// Last TimeCreated of a Sysmon record.
    #[serde(with = "crate::time::ticks::option")]
    pub last: Option<Timestamp>,
    /// Sysmon records per event id, copies included; only ids that Sysmon is known to use.
    pub events: BTreeMap<u32, EventCoverage>,
    /// Sysmon records of any other event id.
    pub other_events: u64,
    /// For each event that a rule needs, whether it is there.
    #[serde(skip)]
    pub presence: BTreeMap<u32, Presence>,
    /// How many records of any known event when; worked out with `presence`.
    #[serde(skip)]
    pub logged: Histogram,
}

/// One host's records of one event, copies included.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct EventCoverage {
    /// How many.
    pub count: u64,
    /// First TimeCreated.
    #[serde(with = "crate::time::ticks::option")]
    pub first: Option<Timestamp>,
    /// Last TimeCreated.
    #[serde(with = "crate::time::ticks::option")]
    pub last: Option<Timestamp>,
    /// How many when.
    pub histogram: Histogram,
}

/// Whether a host logged an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// Never.
    Absent,
    /// As long as it logged anything.
    Present,
    /// Not in these periods.
    Partly(Absences),
}

impl Presence {
    /// The word used in outputs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Present => "present",
            Self::Partly(_) => "partly",
        }
    }

    /// The periods in which the event is absent, the longest first; none when it is never or always there.
    pub fn periods(&self) -> &[Period] {
        match self {
            Self::Partly(absences) => &absences.periods,
            Self::Absent | Self::Present => &[],
        }
    }

    /// How many periods there are beyond [`Presence::periods`].
    pub fn more(&self) -> usize {
        match self {
            Self::Partly(absences) => absences.more,
            Self::Absent | Self::Present => 0,
        }
    }
}

/// When a host that logged other events logged none of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absences {
    /// The longest first, at most 8.
    pub periods: Vec<Period>,
    /// How many more there are.
    pub more: usize,
}

/// A stretch of time, as exact as the histogram's buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Period {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

impl Period {
    /// Its length in 100 ns ticks.
    fn ticks(self) -> i64 {
        self.to.ticks_since(self.from)
    }
}

impl HostCoverage {
    /// Adds what `other` holds of the same host.
    pub fn merge(&mut self, other: Self) {
        for (event_id, theirs) in other.events {
            self.events.entry(event_id).or_default().merge(&theirs);
        }
        self.other_events = self.other_events.saturating_add(other.other_events);
        self.first = earliest(self.first, other.first);
        self.last = self.last.max(other.last);
        if !other.logged.is_empty() {
            self.logged.merge(&other.logged);
        }
    }

    /// All its Sysmon records.
    pub fn records(&self) -> u64 {
        self.events.values().fold(self.other_events, |sum, event| sum.saturating_add(event.count))
    }

    /// Its records of one event.
    pub fn count(&self, event_id: u32) -> u64 {
        self.events.get(&event_id).map_or(0, |event| event.count)
    }

    /// Works out [`HostCoverage::presence`] and [`HostCoverage::logged`] for the events `needed`.
    pub fn judge(&mut self, needed: impl Iterator<Item = u32>) {
        let mut logged = Histogram::default();
        self.events.values().for_each(|event| logged.merge(&event.histogram));
        self.logged = logged;
        self.judge_logged(needed);
    }

    /// Works out [`HostCoverage::presence`] for the events `needed` where [`HostCoverage::logged`] is known, and of other events than these perhaps nothing but
    /// the number.
    pub fn judge_logged(&mut self, needed: impl Iterator<Item = u32>) {
        self.presence = needed.map(|event_id| (event_id, self.presence_of(event_id, &self.logged))).collect();
    }

    fn presence_of(&self, event_id: u32, logged: &Histogram) -> Presence {
        let Some(event) = self.events.get(&event_id) else { return Presence::Absent };
        let shortest = SHORTEST_ABSENCE.max(logged.width() * logged.len() as u64 / SHARE_OF_LOGGED);
        let shortest = i64::try_from(shortest).unwrap_or(i64::MAX).saturating_mul(TICKS_PER_SECOND);
        let mut periods = self.stretches_without(&event.histogram, logged);
        periods.retain(|period| period.ticks() > shortest);
        // Records without a time say that the event was logged, not when.
        if event.histogram.is_empty() || periods.is_empty() {
            return Presence::Present;
        }
        periods.sort_by_key(|period| (-period.ticks(), period.from));
        let more = periods.len().saturating_sub(PERIODS);
        periods.truncate(PERIODS);
        Presence::Partly(Absences { periods, more })
    }

    /// The runs of buckets that hold other events and none of `event`, in order of time. A pause of the host itself neither begins, ends nor parts one.
    fn stretches_without(&self, event: &Histogram, logged: &Histogram) -> Vec<Period> {
        let event = event.at_width(logged.width());
        let mut periods: Vec<Period> = Vec::new();
        let mut open = false;
        for (from, to, _) in logged.buckets() {
            let absent = !event.holds(from);
            match periods.last_mut().filter(|_| absent && open) {
                Some(period) => period.to = to,
                None if absent => periods.push(Period { from, to }),
                None => {}
            }
            open = absent;
        }
        for period in &mut periods {
            period.from = self.first.map_or(period.from, |first| first.max(period.from));
            period.to = self.last.map_or(period.to, |last| last.min(period.to));
        }
        periods
    }
}

impl EventCoverage {
    /// Counts a record created at `time`.
    pub fn add(&mut self, time: Option<Timestamp>) {
        self.count = self.count.saturating_add(1);
        self.first = earliest(self.first, time);
        self.last = self.last.max(time);
        if let Some(time) = time {
            self.histogram.add(time);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.first = earliest(self.first, other.first);
        self.last = self.last.max(other.last);
        self.histogram.merge(&other.histogram);
    }
}

/// The earlier of two times, where there are any.
pub fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    a.into_iter().chain(b).min()
}

/// How the Sysmon records of a source stand to those of newer sources of the same host and channel; newer is what has the later last record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Overlap {
    /// What the newer ones are to it.
    pub relation: Relation,
    /// Records that a newer source holds too.
    pub in_newer: u64,
    /// Records that no newer source holds, although there is one.
    pub only_in_older: u64,
}

impl Overlap {
    /// Adds what is known of another log in the same source.
    pub fn add(&mut self, other: Self) {
        self.relation = self.relation.max(other.relation);
        self.in_newer = self.in_newer.saturating_add(other.in_newer);
        self.only_in_older = self.only_in_older.saturating_add(other.only_in_older);
    }
}

/// What newer sources of the same log are to a source; of a source with several logs the last that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Relation {
    /// There is none.
    #[default]
    Newest,
    /// They hold none of its records, and their ids do not go on from its own: the log was cleared in between.
    Restarted,
    /// They hold none of its records, and one begins where it ends: the log rolled over.
    RolledOver,
    /// They hold some of its records.
    Overlaps,
    /// The records could not be compared: too many gaps in the ids, or records without one.
    Unknown,
}

impl Relation {
    /// The word used in outputs; none for the newest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "",
            Self::Restarted => "restarted",
            Self::RolledOver => "rolled_over",
            Self::Overlaps => "overlaps",
            Self::Unknown => "unknown",
        }
    }
}

/// What the rules that ran need, and what the hosts lack of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    /// The events that can satisfy a stage of a rule, by id.
    pub needs: Vec<Need>,
    /// The rules that could not have matched on some host; those that the most rules share come first.
    pub blind: Vec<Blind>,
    /// Sysmon records of hosts beyond those that are kept, or without a usable name.
    pub other_hosts: u64,
}

/// An event that rules need.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Need {
    /// Sysmon's event id.
    pub event_id: u32,
    /// Its name, as Sysmon's manifest has it.
    #[serde(rename = "event")]
    pub name: Cow<'static, str>,
    /// The ids of the rules of which it can satisfy a stage, in the rules' order.
    #[serde(rename = "needed_by")]
    pub rules: Vec<String>,
}

/// Rules with a stage that only events can satisfy which some hosts do not log.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Blind {
    /// The events, one of which the stage needs; empty where Sysmon writes no event that could satisfy it.
    #[serde(rename = "needs_one_of")]
    pub events: Vec<u32>,
    /// The rules' names, in the rules' order.
    pub rules: Vec<String>,
    /// The hosts that logged none of the events, sorted; empty where `events` is.
    pub hosts: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(1_709_251_200_000 + millis)
    }

    /// A host that logged each event at these times, in milliseconds after 2024-03-01.
    fn host(events: &[(u32, Vec<i64>)]) -> HostCoverage {
        let mut host = HostCoverage::default();
        for (event_id, times) in events {
            for time in times {
                host.events.entry(*event_id).or_default().add(Some(at(*time)));
                host.first = earliest(host.first, Some(at(*time)));
                host.last = host.last.max(Some(at(*time)));
            }
        }
        host.judge([1, 3].into_iter());
        host
    }

    fn hours(from: i64, to: i64) -> Vec<i64> {
        (from..to).map(|hour| hour * HOUR).collect()
    }

    /// The periods' edges in hours after 2024-03-01, rounded.
    fn periods(host: &HostCoverage) -> Vec<(i64, i64)> {
        let hour = |time: Timestamp| (time.ticks_since(at(0)) / 10_000 + HOUR / 2).div_euclid(HOUR);
        host.presence[&3].periods().iter().map(|period| (hour(period.from), hour(period.to))).collect()
    }

    #[test]
    fn an_event_is_absent_present_or_absent_for_a_time() {
        let never = host(&[(1, hours(0, 100))]);
        assert_eq!(never.presence[&3], Presence::Absent);
        assert_eq!(never.presence[&1], Presence::Present);
        let always = host(&[(1, hours(0, 100)), (3, hours(0, 100))]);
        assert_eq!(always.presence[&3], Presence::Present);
        let at_night_not = host(&[(1, hours(0, 100)), (3, [hours(0, 24), hours(47, 100)].concat())]);
        assert_eq!(at_night_not.presence[&3], Presence::Present, "23 hours are no absence");
    }

    #[test]
    fn absent_periods_are_told_at_the_beginning_inside_and_at_the_end() {
        // 100 records, one an hour: buckets stay 256 s wide.
        assert_eq!(periods(&host(&[(1, hours(0, 100)), (3, hours(30, 100))])), [(0, 29)]);
        assert_eq!(periods(&host(&[(1, hours(0, 100)), (3, hours(0, 24))])), [(24, 99)]);
        let both = host(&[(1, hours(0, 100)), (3, [hours(0, 10), hours(60, 62)].concat())]);
        assert_eq!(periods(&both), [(10, 59), (62, 99)]);
    }

    #[test]
    fn a_host_that_is_off_lacks_nothing() {
        let on = [hours(0, 10), hours(240, 250)].concat();
        assert_eq!(host(&[(1, on.clone()), (3, on)]).presence[&3], Presence::Present);
        // It came back for ten hours without event 3: less than a day.
        let back = host(&[(1, [hours(0, 10), hours(240, 250)].concat()), (3, hours(0, 10))]);
        assert_eq!(back.presence[&3], Presence::Present);
    }

    #[test]
    fn on_a_long_log_a_short_absence_is_not_told() {
        // 60 days: 5 % are 3 days.
        let without = |days: i64| {
            let times = [hours(0, 20 * 24), hours((20 + days) * 24, 60 * 24)].concat();
            host(&[(1, hours(0, 60 * 24)), (3, times)]).presence[&3].periods().len()
        };
        assert_eq!((without(2), without(5)), (0, 1));
    }

    #[test]
    fn at_most_eight_periods_are_kept() {
        let times: Vec<i64> = (0..11).map(|number| number * 2 * DAY + number * HOUR).collect();
        let host = host(&[(1, hours(0, 510)), (3, times)]);
        assert_eq!((host.presence[&3].periods().len(), host.presence[&3].more()), (8, 2));
        assert!(host.presence[&3].periods().is_sorted_by_key(|period| -period.ticks()));
    }
}
