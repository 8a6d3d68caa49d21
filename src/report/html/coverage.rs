//! The page's coverage: per host and needed event how many records, from when to when, and when not. It lays out; the scan judged.
//!
//! Coordinates are whole SVG units; times come from an attacker's clock, so every step saturates.

use std::cmp::Reverse;
use std::fmt::Write;

use super::Limited;
use crate::finding::{Histogram, HostCoverage, Need, Outcome, Presence};
use crate::report::coverage;
use crate::report::words::counted;
use crate::time::Timestamp;

/// Cells of the table, at most: it has a column for each event that is needed.
const CELLS: usize = 4_000;
/// Statements, at most.
const SENTENCES: usize = 200;
/// Width of a strip: its drawing is as wide as a histogram has buckets.
const WIDTH: i64 = 128;

/// What the section shows.
pub struct Coverage<'a> {
    /// What the evidence cannot tell.
    pub sentences: Limited<String>,
    /// What only older logs hold.
    pub older_copies: Option<String>,
    /// The columns.
    pub needs: &'a [Need],
    /// The hosts, those that lack the most first.
    pub rows: Limited<Row<'a>>,
}

/// A host.
pub struct Row<'a> {
    /// The host.
    pub host: &'a HostCoverage,
    /// One per need.
    pub cells: Vec<Cell>,
    /// Its records of other events.
    pub others: u64,
}

/// A host's records of one event.
pub struct Cell {
    /// How many.
    pub count: u64,
    /// Whether the event is there, in words.
    pub state: String,
    /// When there are none.
    pub lines: Vec<String>,
    /// The same, drawn; `None` where there is nothing to draw.
    pub strip: Option<Strip>,
}

/// A strip of time as two paths.
pub struct Strip {
    /// Where the host logged anything.
    pub logged: String,
    /// Where it logged the event.
    pub event: String,
}

impl<'a> Coverage<'a> {
    /// The coverage of `outcome`.
    pub fn of(outcome: &'a Outcome) -> Self {
        let needs = outcome.reach.needs.as_slice();
        let mut hosts: Vec<&HostCoverage> = outcome.hosts.iter().collect();
        // Stable: by name among equals.
        hosts.sort_by_key(|host| Reverse(lacks(host)));
        let hosts = Limited::of(hosts, CELLS / (needs.len() + 1));
        let rows = hosts.shown.iter().map(|host| row(host, needs)).collect();
        Self {
            sentences: Limited::of(coverage::sentences(outcome), SENTENCES),
            older_copies: coverage::older_copies(outcome),
            needs,
            rows: Limited { shown: rows, total: hosts.total },
        }
    }
}

/// How many needed events the host lacks: always, and for a time.
fn lacks(host: &HostCoverage) -> (usize, usize) {
    let with = |state: &str| host.presence.values().filter(|presence| presence.as_str() == state).count();
    (
        with(Presence::Absent.as_str()),
        host.presence.values().filter(|presence| !presence.periods().is_empty()).count(),
    )
}

fn row<'a>(host: &'a HostCoverage, needs: &[Need]) -> Row<'a> {
    let cells: Vec<Cell> = needs.iter().map(|need| cell(host, need.event_id, &host.logged)).collect();
    let others = cells.iter().fold(host.records(), |left, cell| left.saturating_sub(cell.count));
    Row { host, cells, others }
}

fn cell(host: &HostCoverage, event_id: u32, logged: &Histogram) -> Cell {
    let presence = host.presence.get(&event_id).unwrap_or(&Presence::Absent);
    let Some(event) = host.events.get(&event_id) else {
        return Cell { count: 0, state: String::new(), lines: Vec::new(), strip: None };
    };
    let absent: Vec<String> =
        presence.periods().iter().map(|period| format!("absent {}", coverage::period(period))).collect();
    let more =
        (presence.more() > 0).then(|| format!("absent in {}", counted(presence.more(), "more period")));
    let state = match presence {
        Presence::Absent | Presence::Present => presence.as_str().to_owned(),
        Presence::Partly(_) => absent.join("; "),
    };
    let strip = host
        .first
        .zip(host.last)
        .filter(|(first, last)| first < last)
        .map(|span| Strip { logged: path(logged, span), event: path(&event.histogram, span) });
    Cell { count: event.count, state, lines: absent.into_iter().chain(more).collect(), strip }
}

/// The buckets as rectangles within `span`, those that touch joined.
fn path(histogram: &Histogram, (first, last): (Timestamp, Timestamp)) -> String {
    let length = i128::from(last.ticks_since(first).max(1));
    let place = |time: Timestamp| {
        let ticks = i128::from(time.ticks_since(first)).clamp(0, length);
        i64::try_from(ticks * i128::from(WIDTH) / length).unwrap_or(WIDTH)
    };
    let mut bars: Vec<(i64, i64)> = Vec::new();
    for (from, to, _) in histogram.buckets() {
        // Never too thin to be seen.
        let left = place(from).min(WIDTH - 1);
        let right = place(to).max(left + 1);
        match bars.last_mut().filter(|(_, end)| left <= *end) {
            Some((_, end)) => *end = right.max(*end),
            None => bars.push((left, right)),
        }
    }
    bars.iter().fold(String::new(), |mut path, (left, right)| {
        // A String takes every write.
        let _ = write!(path, "M{left} 0H{right}V8H{left}z");
        path
    })
}
