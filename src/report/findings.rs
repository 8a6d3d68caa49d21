//! The findings' table, one row per finding, for tickets and spreadsheets. It writes no file.

use std::collections::BTreeSet;

use super::cell::{Cell, Column};
use super::story;
use super::subject::{self, Subject};
use super::timeline;
use crate::finding::subject::is_renamed;
use crate::finding::{AllowEntry, EvidenceEvent, Finding, Story};
use crate::time::Timestamp;

/// The version of the header below; any change of a name, of the order or of a meaning raises it.
pub const SCHEMA: i64 = 1;

/// Most values a list cell names; the rest is counted.
const LIST_LIMIT: usize = 20;

/// One finding with its process.
pub struct Row<'a> {
    finding: &'a Finding,
    subject: Option<Subject<'a>>,
    status: &'static str,
}

impl<'a> Row<'a> {
    /// The row of `finding`.
    pub fn of(finding: &'a Finding) -> Self {
        Self { finding, subject: Subject::main(finding), status: "new" }
    }

    /// The row of `finding`, which an allow-list set aside.
    pub fn suppressed(finding: &'a Finding) -> Self {
        Self { status: "suppressed", ..Self::of(finding) }
    }

    fn text(&self, path: &str) -> String {
        self.subject.map(|subject| subject.text(path)).unwrap_or_default()
    }

    fn first(&self) -> Option<&'a EvidenceEvent> {
        self.finding.present().next()
    }

    fn network(&self) -> impl Iterator<Item = &'a EvidenceEvent> {
        self.finding.present().filter(|event| subject::is_network(event))
    }

    fn story(&self) -> Option<&'a Story> {
        self.finding.story.as_deref().ok()
    }

    fn each(&self, of: impl Fn(&EvidenceEvent) -> String) -> Cell {
        Cell::list(bounded(self.finding.present().map(of)))
    }
}

type Fill = fn(&Row<'_>) -> Cell;
type FillAllow = fn(&AllowEntry) -> Cell;

const fn column(name: &'static str, fill: Fill) -> Column<Fill> {
    Column { name, fill }
}

/// The columns of `findings.csv`, in order. `status` and `triage_note` are for whoever works the list; `flags` is completed by the CSV writer.
pub const COLUMNS: &[Column<Fill>] = &[
    column("finding_id", |row| Cell::text(&*row.finding.id)),
    column("severity", |row| Cell::text(row.finding.severity.as_str())),
    column("risk_score", |row| Cell::count(row.finding.risk_score)),
    column("status", |row| Cell::text(row.status)),
    column("host", |row| Cell::text(&*row.finding.host)),
    column("user", |row| Cell::text(row.subject.map(Subject::user).unwrap_or_default())),
    column("process_name", |row| Cell::text(row.text("process.name"))),
    column("image", |row| Cell::text(row.text("process.executable"))),
    column("pid", |row| Cell::json(row.subject.and_then(|subject| subject.get("process.pid")))),
    column("process_guid", |row| Cell::text(row.text("process.entity_id"))),
    column("integrity_level", |row| Cell::text(row.text("winlog.event_data.IntegrityLevel"))),
    column("logon_id", |row| Cell::text(row.text("winlog.event_data.LogonId"))),
    column("command_line", |row| Cell::text(row.text("process.command_line"))),
    column("current_directory", |row| Cell::text(row.text("process.working_directory"))),
    column("original_file_name", |row| Cell::text(row.text("process.pe.original_file_name"))),
    column("name_mismatch", |row| Cell::text(name_mismatch(row))),
    column("company", |row| Cell::text(row.text("process.pe.company"))),
    column("sha256", |row| Cell::text(row.text("process.hash.sha256"))),
    column("parent_image", |row| Cell::text(row.text("process.parent.executable"))),
    column("parent_command_line", |row| Cell::text(row.text("process.parent.command_line"))),
    column("ancestry", |row| Cell::text(ancestry(row))),
    column("start_time", |row| row.first().map_or(Cell::Empty, |event| Cell::Time(event.timestamp))),
    column("start_created", |row| row.first().map_or(Cell::Empty, |event| Cell::Time(event.created))),
    column("first_net_time", |row| net_times(row).0.map_or(Cell::Empty, Cell::Time)),
    column("last_net_time", |row| net_times(row).1.map_or(Cell::Empty, Cell::Time)),
    column("clock", |row| Cell::text(row.finding.clock.as_str())),
    column("delta_ms", |row| delta_ms(row.finding)),
    column("net_count", |row| match row.story() {
        Some(story) => Cell::count(story.connections.all.count.saturating_add(story.query_count)),
        None => Cell::count(row.network().count()),
    }),
    column("dst_count", |row| match row.story() {
        Some(story) => Cell::count(story.connections.destinations.total.saturating_add(story.queries.total)),
        None => Cell::count(row.network().map(subject::target).collect::<BTreeSet<_>>().len()),
    }),
    column("dst_list", |row| Cell::list(targets(row))),
    column("dst_first", |row| Cell::text(row.network().next().map(destination).unwrap_or_default())),
    column("dst_port_first", |row| Cell::json(row.network().find_map(|event| event.get("destination.port")))),
    column("dst_scope", |row| {
        Cell::text(row.network().map(timeline::scope).find(|scope| !scope.is_empty()).unwrap_or_default())
    }),
    column("dns_names", |row| Cell::list(dns_names(row))),
    column("rule_id", |row| Cell::text(&*row.finding.rule.id)),
    column("rule_version", |row| row.finding.rule.version.map_or(Cell::Empty, Cell::count)),
    column("rule_name", |row| Cell::text(&*row.finding.rule.name)),
    column("attack", |row| Cell::list(subject::attack_ids(row.finding))),
    column("tactic", |row| {
        Cell::list(bounded(row.finding.threats.iter().map(|threat| threat.tactic_name.clone())))
    }),
    column("why", |row| Cell::text(subject::why(row.finding).collect::<Vec<_>>().join(" "))),
    column("flags", |row| Cell::list(bounded(row.finding.flags().map(str::to_owned)))),
    column("event_ids", |row| row.each(|event| event.event_id.to_string())),
    column("record_ids", |row| row.each(record_id)),
    column("channel", |row| Cell::text(row.first().map(|event| event.channel.clone()).unwrap_or_default())),
    column("source_file", |row| row.each(|event| event.evidence.source.clone())),
    column("source_sha256", |row| row.each(|event| event.evidence.sha256.clone().unwrap_or_default())),
    column("copies", |row| {
        row.finding.present().map(|event| event.evidence.copies).max().map_or(Cell::Empty, Cell::count)
    }),
    column("triage_note", |_| Cell::Empty),
    column("base_severity", |row| Cell::text(row.finding.rule.severity.as_str())),
    column("base_risk", |row| Cell::count(row.finding.rule.risk_score)),
    column("hosts_process", |row| hosts(row.finding.prevalence.process)),
    column("hosts_destination", |row| hosts(row.finding.prevalence.destination)),
    column("hosts_command", |row| hosts(row.finding.prevalence.command_line)),
    column("hosts_sha256", |row| hosts(row.finding.prevalence.hash)),
    column("hosts_pattern", |row| Cell::count(row.finding.prevalence.pattern)),
    column("command_shape", |row| Cell::text(&*row.finding.prevalence.command_shape)),
    column("end_time", |row| {
        row.story().and_then(|story| story.process.ended).map_or(Cell::Empty, Cell::Time)
    }),
    column("confidence", |row| Cell::text(confidence(row.finding))),
    column("start_record_id", |row| {
        row.first().and_then(|event| event.record_id).map_or(Cell::Empty, Cell::count)
    }),
    column("net_record_ids", |row| Cell::list(bounded(row.network().map(record_id)))),
    column("schema", |_| Cell::Int(SCHEMA)),
];

/// The columns that `suppressed.csv` has before those of [`COLUMNS`], in order: whose word set the finding aside, and why.
pub const ALLOW_COLUMNS: &[Column<FillAllow>] = &[
    Column { name: "allow_id", fill: |entry| Cell::text(&*entry.id) },
    Column { name: "allow_reason", fill: |entry| Cell::text(&*entry.reason) },
    Column { name: "allow_author", fill: |entry| Cell::text(&*entry.author) },
    Column { name: "allow_expires", fill: |entry| Cell::text(&*entry.expires) },
];

/// All known ancestors, or the parent as the finding's events name it.
fn ancestry(row: &Row<'_>) -> String {
    let told = row.story().map(story::ancestry).filter(|line| line.contains('>'));
    told.unwrap_or_else(|| row.subject.map(Subject::ancestry).unwrap_or_default())
}

/// UtcTime of the first and of the last event that reached a host or asked for a name: of the process, or else of the finding.
fn net_times(row: &Row<'_>) -> (Option<Timestamp>, Option<Timestamp>) {
    let own = || row.network().map(|event| event.timestamp);
    let Some(story) = row.story() else { return (own().min(), own().max()) };
    let seen = story.queries.shown.iter().map(|query| &query.seen).chain([&story.connections.all]);
    let first = seen.clone().filter_map(|seen| seen.first).chain(own()).min();
    (first, seen.filter_map(|seen| seen.last).chain(own()).max())
}

/// Destinations and names, those of the finding's own events first.
fn targets(row: &Row<'_>) -> Vec<String> {
    let own = row.network().map(subject::target);
    let Some(story) = row.story() else { return bounded(own) };
    let destinations = story.connections.destinations.shown.iter().map(story::address);
    let names = story.queries.shown.iter().map(|query| query.name.clone());
    let total = story.connections.destinations.total.saturating_add(story.queries.total);
    limited(own.chain(destinations).chain(names), total)
}

/// The names that were asked for, those of the finding's own events first.
fn dns_names(row: &Row<'_>) -> Vec<String> {
    let own = row.network().map(|event| event.text("dns.question.name"));
    let Some(story) = row.story() else { return bounded(own) };
    limited(own.chain(story.queries.shown.iter().map(|query| query.name.clone())), story.queries.total)
}

fn delta_ms(finding: &Finding) -> Cell {
    finding.delta_ticks.map_or(Cell::Empty, |ticks| Cell::Int(ticks.div_euclid(crate::time::TICKS_PER_MILLI)))
}

fn destination(event: &EvidenceEvent) -> String {
    ["destination.ip", "destination.domain", "dns.question.name"]
        .iter()
        .map(|path| event.text(path))
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

/// How far the data under a finding can be trusted, whatever it says of behaviour: `low` when an event was recovered from where no header tells of it or
/// its values stand under other names than their own, `medium` when something else must be known of it, which `why` says.
fn confidence(finding: &Finding) -> &'static str {
    let doubtful = |event: &EvidenceEvent| event.evidence.recovered || event.evidence.fields_shifted;
    match (finding.present().any(doubtful), finding.notes.is_empty()) {
        (true, _) => "low",
        (false, false) => "medium",
        (false, true) => "high",
    }
}

fn record_id(event: &EvidenceEvent) -> String {
    event.record_id.map_or_else(String::new, |id| id.to_string())
}

/// `yes` when the program goes by another name than its version resource gives it: the cheapest sign of a renamed program.
fn name_mismatch(row: &Row) -> &'static str {
    match is_renamed(&row.text("process.name"), &row.text("process.pe.original_file_name")) {
        None => "",
        Some(false) => "no",
        Some(true) => "yes",
    }
}

fn hosts(number: Option<usize>) -> Cell {
    number.map_or(Cell::Empty, Cell::count)
}

/// The values that are not empty, each once, in order; past [`LIST_LIMIT`] only how many more.
fn bounded(values: impl Iterator<Item = String>) -> Vec<String> {
    limited(values, 0)
}

/// [`bounded`] for values of which there are `total`, more than are given.
fn limited(values: impl Iterator<Item = String>, total: u64) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut kept: Vec<String> =
        values.filter(|value| !value.is_empty() && seen.insert(value.clone())).collect();
    let total = kept.len().max(usize::try_from(total).unwrap_or(usize::MAX));
    kept.truncate(LIST_LIMIT);
    let more = total.saturating_sub(kept.len());
    if more > 0 {
        kept.push(format!("+{more}"));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_bounded_and_count_the_rest() {
        let list = bounded((0..25).map(|number| number.to_string()).chain(["3".to_owned(), String::new()]));
        assert_eq!(list.len(), LIST_LIMIT + 1);
        assert_eq!(list.last().map(String::as_str), Some("+5"));
        assert_eq!(bounded(["a", "a", ""].map(str::to_owned).into_iter()), ["a"]);
    }
}
