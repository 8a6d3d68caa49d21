//! The columns of `near_misses.csv`: first how many there are, then those that are listed. It writes no file.

use super::cell::{Cell, Column};
use super::subject::{self, Subject};
use crate::finding::{EvidenceEvent, NearCount, NearMiss, Outcome};

/// The version of the header below; any change of a name, of the order or of a meaning raises it.
pub const SCHEMA: i64 = 1;

/// A row.
pub enum Row<'a> {
    /// How many of one rule and kind there are.
    Count(&'a NearCount),
    /// One that is listed.
    Miss(&'a NearMiss),
}

/// The counts in the order of the rules, then the listed ones in that of their events.
pub fn rows(outcome: &Outcome) -> impl Iterator<Item = Row<'_>> {
    let near = &outcome.near;
    near.counts.iter().map(Row::Count).chain(near.listed.iter().map(Row::Miss))
}

impl<'a> Row<'a> {
    fn miss(&self) -> Option<&'a NearMiss> {
        match self {
            Self::Count(_) => None,
            Self::Miss(miss) => Some(miss),
        }
    }

    fn of_miss(&self, fill: impl FnOnce(&'a NearMiss) -> Cell) -> Cell {
        self.miss().map_or(Cell::Empty, fill)
    }

    fn of_event(&self, fill: impl FnOnce(&'a EvidenceEvent) -> Cell) -> Cell {
        self.miss().and_then(NearMiss::event).map_or(Cell::Empty, fill)
    }

    fn of_count(&self, fill: impl FnOnce(&NearCount) -> Cell) -> Cell {
        match self {
            Self::Count(count) => fill(count),
            Self::Miss(_) => Cell::Empty,
        }
    }

    fn of_process(&self, fill: impl FnOnce(Subject<'a>) -> Cell) -> Cell {
        let subject = |miss: &'a NearMiss| Some(Subject::of(&miss.nearly, miss.event()?));
        self.miss().and_then(subject).map_or(Cell::Empty, fill)
    }
}

type Fill = fn(&Row<'_>) -> Cell;

const fn column(name: &'static str, fill: Fill) -> Column<Fill> {
    Column { name, fill }
}

/// The columns, in order.
pub const COLUMNS: &[Column<Fill>] = &[
    column("row_type", |row| Cell::text(if row.miss().is_some() { "near_miss" } else { "count" })),
    column("kind", |row| match row {
        Row::Count(count) => Cell::text(count.kind.as_str()),
        Row::Miss(miss) => Cell::text(miss.kind.as_str()),
    }),
    column("rule_id", |row| match row {
        Row::Count(count) => Cell::text(&*count.rule.id),
        Row::Miss(miss) => Cell::text(&*miss.nearly.rule.id),
    }),
    column("rule_name", |row| match row {
        Row::Count(count) => Cell::text(&*count.rule.name),
        Row::Miss(miss) => Cell::text(&*miss.nearly.rule.name),
    }),
    column("count", |row| row.of_count(|count| Cell::count(count.count))),
    column("listed", |row| row.of_count(|count| Cell::count(count.listed))),
    column("near_miss_id", |row| row.of_miss(|miss| Cell::text(&*miss.nearly.id))),
    column("detail", |row| row.of_miss(|miss| Cell::text(&*miss.detail))),
    column("datetime", |row| row.of_event(|event| Cell::Time(event.timestamp))),
    column("created", |row| row.of_event(|event| Cell::Time(event.created))),
    column("host", |row| row.of_event(|event| Cell::text(&*event.computer))),
    column("user", |row| row.of_process(|process| Cell::text(process.user()))),
    column("process_name", |row| row.of_process(|process| Cell::text(process.process()))),
    column("image", |row| row.of_process(|process| Cell::text(process.text("process.executable")))),
    column("pid", |row| row.of_process(|process| Cell::json(process.get("process.pid")))),
    column("process_guid", |row| row.of_process(|process| Cell::text(process.text("process.entity_id")))),
    column("command_line", |row| row.of_process(|process| Cell::text(process.text("process.command_line")))),
    column("event", |row| row.of_event(|event| Cell::text(subject::kind(event)))),
    column("target", |row| row.of_event(|event| Cell::text(subject::target(event)))),
    column("delta_ms", |row| row.of_miss(delta_ms)),
    column("event_id", |row| row.of_event(|event| Cell::count(event.event_id))),
    column("record_id", |row| row.of_event(|event| event.record_id.map_or(Cell::Empty, Cell::count))),
    column("other_record_id", |row| row.of_miss(|miss| other(miss).map_or(Cell::Empty, Cell::count))),
    column("channel", |row| row.of_event(|event| Cell::text(&*event.channel))),
    column("source_file", |row| row.of_event(|event| Cell::text(&*event.evidence.source))),
    column("source_sha256", |row| {
        row.of_event(|event| Cell::text(event.evidence.sha256.as_deref().unwrap_or_default()))
    }),
    column("copies", |row| row.of_event(|event| Cell::count(event.evidence.copies))),
    column("flags", |row| {
        row.of_event(|event| Cell::list(event.evidence.flags().map(str::to_owned).collect()))
    }),
    column("schema", |_| Cell::Int(SCHEMA)),
];

/// From the other event to this one, by the clock of the run.
fn delta_ms(miss: &NearMiss) -> Cell {
    let (Some(event), Some(other)) = (miss.event(), miss.other()) else { return Cell::Empty };
    let time = |event: &EvidenceEvent| event.time(miss.nearly.clock);
    Cell::Int(time(event).ticks_since(time(other)).div_euclid(crate::time::TICKS_PER_MILLI))
}

fn other(miss: &NearMiss) -> Option<u64> {
    miss.other()?.record_id
}
