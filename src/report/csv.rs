//! Tables → CSV by RFC 4180: every cell quoted, `\n` line ends, UTF-8, no real line break in any cell. It does not decide what the columns hold.

use std::io::{self, Write};

use super::cell::{Cell, Column};
use super::escape::csv_cell;
use super::{findings, iocs, near, timeline};
use crate::finding::{Outcome, SourceKind};

/// Rules named in a row of `coverage.csv`, at most.
const NEEDED_BY: usize = 8;

/// How CSV is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct CsvOptions {
    /// Leave formulas as they are: for readers that are no spreadsheet.
    pub raw: bool,
    /// Begin with a byte order mark, which Excel wants and most others do not.
    pub bom: bool,
}

/// Writes `findings.csv`: one row per finding, in the outcome's order. Returns how many cells were disarmed (see [`csv_cell`]).
///
/// # Errors
/// What `out` says.
pub fn write_findings(outcome: &Outcome, options: CsvOptions, out: &mut dyn Write) -> io::Result<u64> {
    let mut table = Table::new(names(findings::COLUMNS), options, out)?;
    for finding in &outcome.findings {
        let row = findings::Row::of(finding);
        table.row(findings::COLUMNS.iter().map(|column| (column.fill)(&row)))?;
    }
    table.finish()
}

/// Writes `suppressed.csv`: one row per finding that an allow-list set aside, after the entry that did it. Returns how many cells were disarmed.
///
/// # Errors
/// What `out` says.
pub fn write_suppressed(outcome: &Outcome, options: CsvOptions, out: &mut dyn Write) -> io::Result<u64> {
    let header = [names(findings::ALLOW_COLUMNS), names(findings::COLUMNS)].concat();
    let mut table = Table::new(header, options, out)?;
    for suppressed in &outcome.suppressed {
        let row = findings::Row::suppressed(&suppressed.finding);
        let entry = findings::ALLOW_COLUMNS.iter().map(|column| (column.fill)(&suppressed.entry));
        table.row(entry.chain(findings::COLUMNS.iter().map(|column| (column.fill)(&row))))?;
    }
    table.finish()
}

/// Writes `timeline.csv`: one row per finding and event, by (datetime, host, record id). Returns how many cells were disarmed.
///
/// # Errors
/// What `out` says.
pub fn write_timeline(outcome: &Outcome, options: CsvOptions, out: &mut dyn Write) -> io::Result<u64> {
    let mut table = Table::new(names(timeline::COLUMNS), options, out)?;
    for row in timeline::rows(outcome) {
        table.row(timeline::COLUMNS.iter().map(|column| (column.fill)(&row)))?;
    }
    table.finish()
}

/// Writes `near_misses.csv`: how many there are of each rule and kind, then those that are listed. Returns how many cells were disarmed.
///
/// # Errors
/// What `out` says.
pub fn write_near_misses(outcome: &Outcome, options: CsvOptions, out: &mut dyn Write) -> io::Result<u64> {
    let mut table = Table::new(names(near::COLUMNS), options, out)?;
    for row in near::rows(outcome) {
        table.row(near::COLUMNS.iter().map(|column| (column.fill)(&row)))?;
    }
    table.finish()
}

/// Writes `iocs.csv`: every value that findings show, by kind and value, and whether it is an indicator or context. Returns how many cells were disarmed.
///
/// # Errors
/// What `out` says.
pub fn write_iocs(outcome: &Outcome, options: CsvOptions, out: &mut dyn Write) -> io::Result<u64> {
    let mut table = Table::new(names(iocs::COLUMNS), options, out)?;
    for ((kind, value), ioc) in &iocs::collect(outcome) {
        let row = iocs::Row { kind: *kind, value, ioc };
        table.row(iocs::COLUMNS.iter().map(|column| (column.fill)(&row)))?;
    }
    table.finish()
}

/// Writes `evidence.csv`: every input with size, hash, records and how it fared. Returns how many cells were disarmed.
///
/// # Errors
/// What `out` says.
pub fn write_evidence(outcome: &Outcome, options: CsvOptions, out: &mut dyn Write) -> io::Result<u64> {
    let header = [
        "source",
        "size",
        "modified",
        "sha256",
        "status",
        "chunks",
        "records",
        "sysmon_records",
        "first",
        "last",
        "problems",
        "kind",
        "recovered",
        "relation",
        "in_newer",
        "only_in_older",
        "filtered",
        "vouched",
        "changed",
    ];
    let mut table = Table::new(header.to_vec(), options, out)?;
    let time = |time: Option<_>| time.map_or(Cell::Empty, Cell::Time);
    for source in &outcome.sources {
        table.row([
            Cell::text(&*source.source),
            Cell::count(source.size),
            time(source.modified),
            Cell::text(source.sha256.as_deref().unwrap_or_default()),
            Cell::text(source.status.as_str()),
            Cell::count(source.chunks),
            Cell::count(source.records),
            Cell::count(source.sysmon_records),
            time(source.first),
            time(source.last),
            Cell::count(source.problems),
            Cell::text(source.kind.map_or("", SourceKind::as_str)),
            Cell::count(source.recovered),
            Cell::text(source.overlap.relation.as_str()),
            Cell::count(source.overlap.in_newer),
            Cell::count(source.overlap.only_in_older),
            Cell::count(source.filtered.total()),
            Cell::text(source.vouched.as_str()),
            Cell::text(if source.changed { "yes" } else { "no" }),
        ])?;
    }
    table.finish()
}

/// Writes `problems.csv`: every damage with its place. Returns how many cells were disarmed.
///
/// # Errors
/// What `out` says.
pub fn write_problems(outcome: &Outcome, options: CsvOptions, out: &mut dyn Write) -> io::Result<u64> {
    let mut table = Table::new(vec!["source", "chunk", "record", "kind", "lost", "reason"], options, out)?;
    let number = |number: Option<u64>| number.map_or(Cell::Empty, Cell::count);
    for damage in &outcome.damages {
        table.row([
            Cell::text(&*damage.source),
            number(damage.chunk),
            number(damage.record),
            Cell::text(damage.kind.as_str()),
            Cell::text(if damage.lost { "yes" } else { "no" }),
            Cell::text(&*damage.reason),
        ])?;
    }
    table.finish()
}

/// Writes `coverage.csv`: for every host each event that a rule needs, and whether it is there. Returns how many cells were disarmed.
///
/// # Errors
/// What `out` says.
pub fn write_coverage(outcome: &Outcome, options: CsvOptions, out: &mut dyn Write) -> io::Result<u64> {
    let header =
        ["host", "event_id", "event", "needed_by", "count", "first", "last", "state", "absent_periods"];
    let mut table = Table::new(header.to_vec(), options, out)?;
    let time = |time: Option<_>| time.map_or(Cell::Empty, Cell::Time);
    for host in &outcome.hosts {
        for need in &outcome.reach.needs {
            let Some(presence) = host.presence.get(&need.event_id) else { continue };
            let event = host.events.get(&need.event_id);
            let periods = presence.periods().iter().map(|period| format!("{}/{}", period.from, period.to));
            table.row([
                Cell::text(&*host.host),
                Cell::count(need.event_id),
                Cell::text(&*need.name),
                Cell::list(and_more(need.rules.iter().take(NEEDED_BY).cloned(), need.rules.len())),
                Cell::count(host.count(need.event_id)),
                time(event.and_then(|event| event.first)),
                time(event.and_then(|event| event.last)),
                Cell::text(presence.as_str()),
                Cell::list(and_more(periods, presence.periods().len() + presence.more())),
            ])?;
        }
    }
    table.finish()
}

/// The `shown` of `total` words, and `+N` for the rest.
fn and_more(shown: impl Iterator<Item = String>, total: usize) -> Vec<String> {
    let mut words: Vec<String> = shown.collect();
    let more = total.saturating_sub(words.len());
    words.extend((more > 0).then(|| format!("+{more}")));
    words
}

fn names<F>(columns: &[Column<F>]) -> Vec<&'static str> {
    columns.iter().map(|column| column.name).collect()
}

/// A CSV file under way.
struct Table<'a> {
    writer: csv::Writer<&'a mut dyn Write>,
    flags: Option<usize>,
    raw: bool,
    neutralised: u64,
}

impl<'a> Table<'a> {
    fn new(header: Vec<&str>, options: CsvOptions, out: &'a mut dyn Write) -> io::Result<Self> {
        if options.bom {
            out.write_all("\u{feff}".as_bytes())?;
        }
        let mut writer = csv::WriterBuilder::new()
            .quote_style(csv::QuoteStyle::Always)
            .terminator(csv::Terminator::Any(b'\n'))
            .from_writer(out);
        writer.write_record(&header)?;
        let flags = header.iter().position(|name| *name == "flags");
        Ok(Self { writer, flags, raw: options.raw, neutralised: 0 })
    }

    fn row(&mut self, cells: impl IntoIterator<Item = Cell>) -> io::Result<()> {
        let mut neutralised = 0;
        let mut texts: Vec<String> = Vec::new();
        for cell in cells {
            let written = csv_cell(&cell.plain(), self.raw || cell.is_typed());
            neutralised += u64::from(written.neutralised);
            texts.push(written.text);
        }
        if let Some(flags) = self.flags.and_then(|at| texts.get_mut(at)).filter(|_| neutralised > 0) {
            if !flags.is_empty() {
                flags.push(';');
            }
            flags.push_str("cell_neutralised");
        }
        self.neutralised += neutralised;
        Ok(self.writer.write_record(&texts)?)
    }

    fn finish(mut self) -> io::Result<u64> {
        self.writer.flush()?;
        Ok(self.neutralised)
    }
}
