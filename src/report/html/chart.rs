//! Two drawings: findings over time above all that was logged, and each host's records with its findings on them. It computes geometry; the template writes
//! the SVG.
//!
//! Coordinates are whole SVG units.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::axis::{Axis, Fold, duration, logged, time};
use super::detail::{Card, short};
use crate::finding::{Histogram, HostCoverage, Outcome, Severity};
use crate::report::subject;
use crate::report::words::moment;
use crate::time::{TICKS_PER_SECOND, Timestamp};

/// Width of both drawings.
const WIDTH: i64 = 1_000;
/// Bars of the timeline, about.
const BARS: i64 = 60;
/// Height of the tallest bar.
const BAR_HEIGHT: i64 = 120;
/// Upper edge and height of the strip of all records.
const STRIP: (i64, i64) = (150, 28);
/// Left edge of the lanes: host names stand before it.
const LANE_LEFT: i64 = 180;
/// Height of a lane.
const LANE_HEIGHT: i64 = 24;
/// Lanes, at most.
const LANES: usize = 40;
/// Findings so near in a lane share a mark: it is wider than that.
const MARK_STEP: i64 = 4;

/// What a mark stands for.
#[derive(Default)]
pub struct Mark {
    /// The worst of its findings that the page shows in full, to which it leads.
    pub leads_to: Option<String>,
    /// How many findings.
    pub count: usize,
    /// What it says when pointed at.
    pub title: String,
}

impl Mark {
    /// Counts a finding; the worst come first.
    fn add(&mut self, card: &Card<'_>) {
        self.count += 1;
        if self.count == 1 {
            self.title = format!("{} {}", card.severity(), card.time());
        } else {
            self.title = format!("{} {}", self.count, card.severity());
        }
        if self.leads_to.is_none() && card.full {
            self.leads_to = Some(card.finding.id.clone());
        }
    }
}

/// Findings per span of time, stacked by severity, above all records.
pub struct Timeline {
    /// The bars' parts.
    pub bars: Vec<Bar>,
    /// Labels of the time axis: x, text.
    pub labels: Vec<(i64, String)>,
    /// What the axis leaves out.
    pub folds: Vec<Fold>,
    /// All records, as a path: the more, the higher.
    pub records: String,
    /// The time that the records' narrowest column stands for, in words.
    pub records_width: String,
    /// Most findings in one bar.
    pub most: usize,
    /// The time that a bar stands for, in words.
    pub width: String,
    /// Per bar: its start and how many findings.
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
    /// The worst of its findings that the page shows in full, to which it leads.
    pub leads_to: Option<String>,
}

impl Timeline {
    /// The timeline of `outcome`, whose findings are `ranked`; `None` when there are none.
    pub fn of(outcome: &Outcome, ranked: &[Card<'_>]) -> Option<Self> {
        if ranked.is_empty() {
            return None;
        }
        let axis = Axis::of(outcome, 0, WIDTH)?;
        let step = axis.step(BARS);
        let mut buckets: BTreeMap<i64, BTreeMap<Severity, Mark>> = BTreeMap::new();
        for card in ranked {
            let at = subject::finding_time(card.finding).ticks().max(0).div_euclid(step).saturating_mul(step);
            buckets.entry(at).or_default().entry(card.finding.severity).or_default().add(card);
        }
        let sum = |bucket: &BTreeMap<Severity, Mark>| bucket.values().map(|mark| mark.count).sum();
        let most = buckets.values().map(sum).max().unwrap_or(1);
        let logged = logged(outcome);
        Some(Self {
            bars: buckets
                .iter()
                .flat_map(|(start, bucket)| stack(&axis, *start, step, bucket, most))
                .collect(),
            labels: axis.labels(),
            folds: axis.folds(),
            records: heights(&logged, &axis),
            records_width: subject::span(seconds(logged.width())).replace(".000 s", " s"),
            most,
            width: duration(step),
            table: buckets.iter().map(|(start, bucket)| (moment(time(*start)), sum(bucket))).collect(),
        })
    }
}

fn seconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(TICKS_PER_SECOND)
}

fn stack(axis: &Axis, start: i64, step: i64, bucket: &BTreeMap<Severity, Mark>, most: usize) -> Vec<Bar> {
    let x = axis.x(time(start)).min(WIDTH - 3);
    let width = (axis.x(time(start.saturating_add(step))) - x - 1).clamp(4, 40).min(WIDTH - x);
    let start = moment(time(start));
    let mut top = BAR_HEIGHT;
    let mut bars = Vec::new();
    for (severity, Mark { leads_to, count, .. }) in bucket.iter().rev() {
        let height = scaled(*count, most).max(2);
        top -= height;
        let title = format!("{count} {} from {start}", severity.as_str());
        let (severity, leads_to) = (severity.as_str(), leads_to.clone());
        bars.push(Bar { x, y: top, width, height, severity, title, leads_to });
    }
    bars
}

/// A column per bucket, its height by the square root of its count, so that a quiet hour is seen beside a busy one.
fn heights(histogram: &Histogram, axis: &Axis) -> String {
    let (top, height) = STRIP;
    let most = histogram.buckets().map(|(.., count)| count).max().unwrap_or(1);
    let (most, bottom) = (u64::from(most).isqrt().max(1), top + height);
    columns(histogram, axis).fold(String::new(), |mut path, (left, right, count)| {
        let tall = i64::try_from(u64::from(count).isqrt()).unwrap_or_default() * (height - 4);
        let y = bottom - 4 - tall / i64::try_from(most).unwrap_or(1);
        // A String takes every write.
        let _ = write!(path, "M{left} {bottom}V{y}H{right}V{bottom}z");
        path
    })
}

/// The buckets' left and right edges and counts; none is too thin to be seen.
fn columns(histogram: &Histogram, axis: &Axis) -> impl Iterator<Item = (i64, i64, u32)> {
    histogram.buckets().map(|(from, to, count)| {
        let left = axis.x(from).min(WIDTH - 2);
        (left, axis.x(to).max(left + 2), count)
    })
}

fn scaled(count: usize, most: usize) -> i64 {
    i64::try_from(count.saturating_mul(100) / most.max(1)).unwrap_or(100)
}

/// One lane per host.
pub struct Lanes {
    /// The lanes, hosts with the worst findings first.
    pub lanes: Vec<Lane>,
    /// Labels of the time axis: x, text.
    pub labels: Vec<(i64, String)>,
    /// What the axis leaves out.
    pub folds: Vec<Fold>,
    /// Height of the lanes together.
    pub height: i64,
    /// Hosts that got no lane.
    pub more: usize,
}

/// When a host logged, and its findings.
pub struct Lane {
    /// The host.
    pub host: String,
    /// Its name, short enough to stand before the lane.
    pub label: String,
    /// Upper edge.
    pub y: i64,
    /// Left edge and width of the span from its first record to its last.
    pub span: Option<(i64, i64)>,
    /// Where it logged anything, as a path.
    pub logged: String,
    /// Marks: x, severity, and what it stands for.
    pub marks: Vec<(i64, &'static str, Mark)>,
    /// How many findings.
    pub count: usize,
}

impl Lanes {
    /// The lanes of `outcome`, whose findings are `ranked`; `None` when no host has a time.
    pub fn of(outcome: &Outcome, ranked: &[Card<'_>]) -> Option<Self> {
        let axis = Axis::of(outcome, LANE_LEFT, WIDTH)?;
        let mut hosts: Vec<(Option<Severity>, &str)> =
            host_severities(outcome).into_iter().map(|(host, worst)| (worst, host)).collect();
        hosts.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let more = hosts.len().saturating_sub(LANES);
        let shown = hosts.iter().take(LANES);
        let lanes: Vec<Lane> = shown
            .zip(0_i64..)
            .map(|((_, host), row)| lane(outcome, ranked, host, row * LANE_HEIGHT, &axis))
            .collect();
        let height = i64::try_from(lanes.len()).unwrap_or_default() * LANE_HEIGHT;
        Some(Self { lanes, labels: axis.labels(), folds: axis.folds(), height, more })
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

fn lane(outcome: &Outcome, ranked: &[Card<'_>], host: &str, y: i64, axis: &Axis) -> Lane {
    let covered = outcome.hosts.iter().find(|coverage| coverage.host == host);
    let span = covered.and_then(|coverage| Some((axis.x(coverage.first?), axis.x(coverage.last?))));
    let mut marks: BTreeMap<(Severity, i64), Mark> = BTreeMap::new();
    for card in ranked.iter().filter(|card| card.finding.host == host) {
        let x = axis.x(subject::finding_time(card.finding)).div_euclid(MARK_STEP) * MARK_STEP;
        marks.entry((card.finding.severity, x)).or_default().add(card);
    }
    Lane {
        host: short(host),
        label: label(host),
        y,
        span: span.map(|(left, right)| (left, (right - left).max(2))),
        logged: covered.map(|coverage| band(coverage, axis, y)).unwrap_or_default(),
        count: marks.values().map(|mark| mark.count).sum(),
        marks: marks.into_iter().map(|((severity, x), mark)| (x, severity.as_str(), mark)).collect(),
    }
}

/// The host's buckets as rectangles in its lane, those that touch joined.
fn band(coverage: &HostCoverage, axis: &Axis, y: i64) -> String {
    let histogram = coverage.logged.clone();
    let ends = |time: Option<Timestamp>, other: i64| time.map_or(other, |time| axis.x(time));
    let (first, last) = (ends(coverage.first, LANE_LEFT), ends(coverage.last, WIDTH));
    let mut bars: Vec<(i64, i64)> = Vec::new();
    for (left, right, _) in columns(&histogram, axis) {
        // A bucket begins before the host's first record and ends after its last.
        let left = left.max(first).min(last);
        let right = right.min(last).max(left + 2);
        match bars.last_mut().filter(|(_, end)| left <= *end) {
            Some((_, end)) => *end = right.max(*end),
            None => bars.push((left, right)),
        }
    }
    let (top, bottom) = (y + 5, y + LANE_HEIGHT - 5);
    bars.iter().fold(String::new(), |mut path, (left, right)| {
        // A String takes every write.
        let _ = write!(path, "M{left} {top}H{right}V{bottom}H{left}z");
        path
    })
}

fn label(host: &str) -> String {
    const LONGEST: usize = 22;
    if host.chars().count() <= LONGEST {
        host.to_owned()
    } else {
        host.chars().take(LONGEST - 1).chain(['…']).collect()
    }
}
