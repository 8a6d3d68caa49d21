//! The page's near misses: how many of each kind, and those that are listed. It lays out; the scan judged.

use super::Limited;
use super::detail::short;
use crate::finding::{EvidenceEvent, NearKind, NearMiss, Outcome};
use crate::report::subject::{self, Subject, joined};
use crate::report::words::{grouped, moment};

/// What the section shows.
pub struct Near<'a> {
    /// Whether near misses were looked for.
    pub looked_for: bool,
    /// How many there are.
    pub total: u64,
    /// Of each kind that is there: its word, what it means, how many.
    pub kinds: Vec<(NearKind, u64)>,
    /// How many are not listed that might be.
    pub left_out: u64,
    /// Whether there may be more than are counted.
    pub more: bool,
    /// Those that are listed.
    pub rows: Limited<Row<'a>>,
}

/// A near miss.
pub struct Row<'a> {
    /// It.
    pub miss: &'a NearMiss,
}

impl<'a> Near<'a> {
    /// The near misses of `outcome`.
    pub fn of(outcome: &'a Outcome) -> Self {
        let near = &outcome.near;
        let rows: Vec<Row<'a>> = near.listed.iter().map(|miss| Row { miss }).collect();
        Self {
            looked_for: near.looked_for,
            total: near.total(),
            kinds: near.by_kind(),
            left_out: near.left_out(),
            more: near.more,
            rows: Limited::of(rows, crate::finding::LISTED),
        }
    }
}

impl Row<'_> {
    /// When its event was.
    pub fn time(&self) -> String {
        let time = |event: &EvidenceEvent| moment(event.time(self.miss.nearly.clock));
        self.miss.event().map(time).unwrap_or_default()
    }

    /// The host.
    pub fn host(&self) -> String {
        short(&self.miss.nearly.host)
    }

    /// The process.
    pub fn process(&self) -> String {
        self.subject().map(|subject| short(&subject.process())).unwrap_or_default()
    }

    /// The process's command line.
    pub fn command(&self) -> String {
        self.subject().map(|subject| short(&subject.text("process.command_line"))).unwrap_or_default()
    }

    /// What its event is and what it reached.
    pub fn deed(&self) -> String {
        let deed = |event| short(&joined(&subject::kind(event), ": ", &subject::target(event)));
        self.miss.event().map(deed).unwrap_or_default()
    }

    /// Its event's record.
    pub fn record(&self) -> String {
        self.miss.event().and_then(|event| event.record_id).map(grouped).unwrap_or_default()
    }

    fn subject(&self) -> Option<Subject<'_>> {
        Some(Subject::of(&self.miss.nearly, self.miss.event()?))
    }
}
