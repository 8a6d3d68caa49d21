//! The columns of `iocs.csv`, and `iocs.txt`: indicators alone, defanged, to paste into a mail. It judges no value.

use std::io::{self, Write};

use super::{Ioc, Kind, collect};
use crate::finding::{EvidenceEvent, Outcome};
use crate::report::cell::{Cell, Column};
use crate::report::escape::{defanged, visible};
use crate::report::words::counted;

/// The version of the header below; any change of a name, of the order or of a meaning raises it.
pub const SCHEMA: i64 = 1;

/// Most hosts or findings that a cell names; the rest is counted.
const NAMED: usize = 20;

/// A value and what is known of it.
pub struct Row<'a> {
    /// What kind of value.
    pub kind: Kind,
    /// The value.
    pub value: &'a str,
    /// The rest.
    pub ioc: &'a Ioc<'a>,
}

type Fill = fn(&Row<'_>) -> Cell;

const fn column(name: &'static str, fill: Fill) -> Column<Fill> {
    Column { name, fill }
}

/// The columns of `iocs.csv`, in order; `flags` is filled by the CSV writer.
pub const COLUMNS: &[Column<Fill>] = &[
    column("type", |row| Cell::text(row.kind.as_str())),
    column("value", |row| Cell::text(row.value)),
    column("defanged", |row| {
        Cell::text(if row.kind.is_link() { defanged(row.value) } else { String::new() })
    }),
    column("use", |row| Cell::text(if row.ioc.doubt().is_none() { "indicator" } else { "context" })),
    column("reason", |row| Cell::text(row.ioc.doubt().unwrap_or_default())),
    column("scope", |row| Cell::text(row.ioc.scope)),
    column("seen_as", |row| Cell::list(row.ioc.seen_as.iter().map(|part| (*part).to_owned()).collect())),
    column("first_seen", |row| row.ioc.first.map_or(Cell::Empty, Cell::Time)),
    column("last_seen", |row| row.ioc.last.map_or(Cell::Empty, Cell::Time)),
    column("host_count", |row| Cell::count(row.ioc.hosts.len())),
    column("hosts", |row| some(row.ioc.hosts.iter())),
    column("finding_count", |row| Cell::count(row.ioc.findings.len())),
    column("finding_ids", |row| some(row.ioc.findings.iter())),
    column("event_id", |row| of_event(row, |event| Cell::count(event.event_id))),
    column("record_id", |row| of_event(row, |event| event.record_id.map_or(Cell::Empty, Cell::count))),
    column("event_host", |row| of_event(row, |event| Cell::text(&*event.computer))),
    column("channel", |row| of_event(row, |event| Cell::text(&*event.channel))),
    column("source_file", |row| of_event(row, |event| Cell::text(&*event.evidence.source))),
    column("source_sha256", |row| {
        of_event(row, |event| Cell::text(event.evidence.sha256.as_deref().unwrap_or_default()))
    }),
    column("flags", |row| {
        of_event(row, |event| Cell::list(event.evidence.flags().map(str::to_owned).collect()))
    }),
    column("schema", |_| Cell::Int(SCHEMA)),
];

fn of_event(row: &Row<'_>, fill: impl FnOnce(&EvidenceEvent) -> Cell) -> Cell {
    row.ioc.event.map_or(Cell::Empty, fill)
}

fn some<'a>(words: impl ExactSizeIterator<Item = &'a &'a str>) -> Cell {
    let more = words.len().saturating_sub(NAMED);
    let named = words.take(NAMED).map(|word| (*word).to_owned());
    Cell::list(named.chain((more > 0).then(|| format!("+{more}"))).collect())
}

/// Writes `iocs.txt`: the indicators by kind, one a line, defanged, comments with `#`.
///
/// # Errors
/// What `out` says.
pub fn write_text(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let iocs = collect(outcome);
    let indicators = || iocs.iter().filter(|(_, ioc)| ioc.doubt().is_none()).map(|(key, _)| key);
    let (offered, context) = (indicators().count(), iocs.len().saturating_sub(indicators().count()));
    writeln!(out, "# evql: {} of {}, defanged.", counted(offered, "indicator"), of_findings(outcome))?;
    writeln!(
        out,
        "# iocs.csv has them as they are, and {} that are context only.",
        counted(context, "value")
    )?;
    let mut section = None;
    for (kind, value) in indicators() {
        if section != Some(*kind) {
            writeln!(out, "\n# {}", kind.as_str())?;
            section = Some(*kind);
        }
        let value = if kind.is_link() { defanged(value) } else { value.clone() };
        writeln!(out, "{}", visible(&value))?;
    }
    Ok(())
}

fn of_findings(outcome: &Outcome) -> String {
    counted(outcome.findings.len(), "finding")
}
