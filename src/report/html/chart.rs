//! Two drawings: findings over time, and each host's coverage with its findings on it. It computes geometry; the template writes the SVG.
//!
//! Coordinates are whole SVG units. Times come from an attacker's clock, so every step saturates.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::{Outcome, Severity};
use crate::report::subject;
use crate::report::words::moment;
use crate::time::{TICKS_PER_SECOND, Timestamp};

/// Width of both drawings.
const WIDTH: i64 = 1_000;
/// Buckets of the histogram, at most.
const BUCKETS: i64 = 60;
/// Height of the tallest bar.
const BAR_HEIGHT: i64 = 120;
/// Left edge of the lanes: host names stand before it.
const LANE_LEFT: i64 = 180;
/// Height of a lane.
const LANE_HEIGHT: i64 = 26;
/// Lanes, at most.
const LANES: usize = 40;

/// Findings per span of time, stacked by severity.
pub struct Histogram {
    /// The bars' parts.
    pub bars: Vec<Bar>,
    /// Labels of the time axis: x, text.
    pub ticks: Vec<(i64, String)>,
    /// Most findings in one bucket.
    pub most: usize,
    /// The width of a bucket in words.
    pub width: String,
    /// Per bucket that holds something: its start and how many findings.
    pub table: Vec<(String, usize)>,
}

/// A part of a bar.
pub struct Bar {
    /// Left edge.
    pub x: i64,
    /// Upper edge.
    pub y: i64,
    /// Width.
    pub width: i64,
    /// Height.
    pub height: i64,
    /// Its severity.
    pub severity: &'static str,
    /// What it says when pointed at.
    pub title: String,
}

impl Histogram {
    /// The histogram of `outcome`'s findings; `None` when there are none.
    pub fn of(outcome: &Outcome) -> Option<Self> {
        let times = || outcome.findings.iter().map(subject::finding_time);
        let (first, last) = (times().min()?.ticks(), times().max()?.ticks());
        let step = step(last.saturating_sub(first));
        let start = first.div_euclid(step).saturating_mul(step);
        let mut buckets: BTreeMap<i64, BTreeMap<Severity, usize>> = BTreeMap::new();
        for finding in &outcome.findings {
            let at = subject::finding_time(finding).ticks().saturating_sub(start).div_euclid(step);
            *buckets.entry(at).or_default().entry(finding.severity).or_default() += 1;
        }
        let slots = buckets.keys().max().copied().unwrap_or_default().saturating_add(1);
        let most = buckets.values().map(|bucket| bucket.values().sum()).max().unwrap_or(1);
        let moment_of = |slot: i64| moment(time(start.saturating_add(slot.saturating_mul(step))));
        Some(Self {
            bars: buckets
                .iter()
                .flat_map(|(slot, bucket)| stack(*slot, slots, bucket, most, &moment_of(*slot)))
                .collect(),
            ticks: axis_slots(slots)
                .into_iter()
                .map(|slot| (slot * WIDTH / slots, moment_of(slot)))
                .collect(),
            most,
            width: duration(step),
            table: buckets.iter().map(|(slot, bucket)| (moment_of(*slot), bucket.values().sum())).collect(),
        })
    }
}

/// The slots that get a label: the first, the end, and those nearest to the thirds, far enough apart for their text.
fn axis_slots(slots: i64) -> Vec<i64> {
    let mut labelled: Vec<i64> = (0..4).map(|third| (2 * third * slots + 3) / 6).collect();
    labelled.dedup();
    labelled
}

fn stack(slot: i64, slots: i64, bucket: &BTreeMap<Severity, usize>, most: usize, start: &str) -> Vec<Bar> {
    let (x, next) = (slot * WIDTH / slots, (slot + 1) * WIDTH / slots);
    let mut top = BAR_HEIGHT;
    let mut bars = Vec::new();
    for (severity, count) in bucket.iter().rev() {
        let height = scaled(*count, most).max(2);
        top -= height;
        let title = format!("{count} {} from {start}", severity.as_str());
        bars.push(Bar {
            x,
            y: top,
            width: (next - x - 2).clamp(1, 40),
            height,
            severity: severity.as_str(),
            title,
        });
    }
    bars
}

fn scaled(count: usize, most: usize) -> i64 {
    i64::try_from(count.saturating_mul(100) / most.max(1)).unwrap_or(100)
}

/// The shortest round span, in ticks, that cuts `range` into at most [`BUCKETS`] parts.
fn step(range: i64) -> i64 {
    const MINUTE: i64 = 60 * TICKS_PER_SECOND;
    let round = [1, 5, 15, 60, 180, 360, 720, 1_440, 10_080, 43_200, 525_600].map(|minutes| minutes * MINUTE);
    round.into_iter().find(|step| range / step < BUCKETS - 1).unwrap_or(range / (BUCKETS - 1) + 1)
}

fn duration(ticks: i64) -> String {
    match ticks / (60 * TICKS_PER_SECOND) {
        1 => "1 minute".to_owned(),
        minutes if minutes < 60 => format!("{minutes} minutes"),
        60 => "1 hour".to_owned(),
        minutes if minutes < 1_440 => format!("{} hours", minutes / 60),
        1_440 => "1 day".to_owned(),
        minutes => format!("{} days", minutes / 1_440),
    }
}

/// One lane per host.
pub struct Lanes {
    /// The lanes, hosts with the worst findings first.
    pub lanes: Vec<Lane>,
    /// Labels of the time axis: x, text.
    pub ticks: Vec<(i64, String)>,
    /// Height of the drawing.
    pub height: i64,
    /// Hosts that got no lane.
    pub more: usize,
}

/// What a host's logs span, and its findings.
pub struct Lane {
    /// The host.
    pub host: String,
    /// Its name, short enough to stand before the lane.
    pub label: String,
    /// Upper edge.
    pub y: i64,
    /// Left edge and width of the span its records cover.
    pub band: Option<(i64, i64)>,
    /// Marks: x and severity.
    pub marks: Vec<(i64, &'static str)>,
    /// How many findings.
    pub count: usize,
}

impl Lanes {
    /// The lanes of `outcome`; `None` when no host has a time.
    pub fn of(outcome: &Outcome) -> Option<Self> {
        let ends = outcome.hosts.iter().flat_map(|host| [host.first, host.last]).flatten();
        let times = ends.chain(outcome.findings.iter().map(subject::finding_time));
        let axis = Axis { first: times.clone().min()?.ticks(), last: times.max()?.ticks() };
        let mut hosts: Vec<(Option<Severity>, &str)> =
            host_severities(outcome).into_iter().map(|(host, worst)| (worst, host)).collect();
        hosts.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let more = hosts.len().saturating_sub(LANES);
        let shown = hosts.iter().take(LANES);
        let lanes: Vec<Lane> = shown
            .zip(0_i64..)
            .map(|((_, host), row)| lane(outcome, host, row * LANE_HEIGHT, &axis))
            .collect();
        let height = i64::try_from(lanes.len()).unwrap_or_default() * LANE_HEIGHT + 30;
        let ticks = (0..4)
            .map(|tick| (LANE_LEFT + tick * (WIDTH - LANE_LEFT) / 3, moment(axis.at(tick, 3))))
            .collect();
        Some(Self { lanes, ticks, height, more })
    }
}

fn host_severities(outcome: &Outcome) -> BTreeMap<&str, Option<Severity>> {
    let mut hosts: BTreeMap<&str, Option<Severity>> =
        outcome.hosts.iter().map(|host| (host.host.as_str(), None)).collect();
    for finding in &outcome.findings {
        let worst = hosts.entry(&finding.host).or_default();
        *worst = (*worst).max(Some(finding.severity));
    }
    hosts
}

fn lane(outcome: &Outcome, host: &str, y: i64, axis: &Axis) -> Lane {
    let covered = outcome.hosts.iter().find(|coverage| coverage.host == host);
    let band = covered.and_then(|coverage| Some((axis.x(coverage.first?), axis.x(coverage.last?))));
    let own = outcome.findings.iter().filter(|finding| finding.host == host);
    let marks: BTreeSet<(Severity, i64)> =
        own.clone().map(|finding| (finding.severity, axis.x(subject::finding_time(finding)))).collect();
    Lane {
        host: host.to_owned(),
        label: label(host),
        y,
        band: band.map(|(left, right)| (left, (right - left).max(3))),
        marks: marks.into_iter().map(|(severity, x)| (x, severity.as_str())).collect(),
        count: own.count(),
    }
}

fn label(host: &str) -> String {
    const LONGEST: usize = 22;
    if host.chars().count() <= LONGEST {
        host.to_owned()
    } else {
        host.chars().take(LONGEST - 1).chain(['…']).collect()
    }
}

/// The lanes' time axis.
struct Axis {
    first: i64,
    last: i64,
}

impl Axis {
    fn range(&self) -> i128 {
        (i128::from(self.last) - i128::from(self.first)).max(1)
    }

    fn x(&self, time: Timestamp) -> i64 {
        let offset = (i128::from(time.ticks()) - i128::from(self.first)).clamp(0, self.range());
        LANE_LEFT + i64::try_from(offset * i128::from(WIDTH - LANE_LEFT) / self.range()).unwrap_or_default()
    }

    fn at(&self, part: i64, of: i64) -> Timestamp {
        let ticks = i128::from(self.first) + self.range() * i128::from(part) / i128::from(of);
        time(i64::try_from(ticks).unwrap_or(i64::MAX))
    }
}

/// The time at `ticks`; before 1601 is 1601.
fn time(ticks: i64) -> Timestamp {
    Timestamp::from_filetime(u64::try_from(ticks).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_never_makes_too_many_buckets() {
        for range in [0, 1, TICKS_PER_SECOND * 3_600, TICKS_PER_SECOND * 86_400 * 365, i64::MAX] {
            assert!(range / step(range) < BUCKETS, "{range}");
        }
        assert_eq!(step(0), 60 * TICKS_PER_SECOND);
        assert_eq!(duration(step(TICKS_PER_SECOND * 86_400)), "1 hour");
    }

    #[test]
    fn labels_do_not_touch() {
        for slots in 1..=BUCKETS {
            let labelled = axis_slots(slots);
            assert_eq!((labelled.first(), labelled.last()), (Some(&0), Some(&slots)));
            assert!(
                labelled.windows(2).all(|pair| (pair[1] - pair[0]) * WIDTH / slots >= 200),
                "{slots}: {labelled:?}"
            );
        }
    }

    #[test]
    fn an_axis_holds_every_time() {
        let axis = Axis { first: i64::MIN, last: i64::MAX };
        assert_eq!(axis.x(Timestamp::from_filetime(u64::MAX)), WIDTH);
        assert_eq!(Axis { first: 5, last: 5 }.x(Timestamp::from_filetime(5)), LANE_LEFT);
    }
}
