//! The timeline's rows and columns, one row per finding, or near miss, and event: one table that `timeline.csv` and `timeline.jsonl` both print. It writes no file.

use super::cell::{Cell, Column};
use super::escape::truncated;
use super::story::Told;
use super::subject::{self, Subject};
use crate::finding::story::Process;
use crate::finding::{EvidenceEvent, Finding, NearMiss, Outcome, Scope};
use crate::time::Timestamp;

/// The version of the header below; any change of a name, of the order or of a meaning raises it.
pub const SCHEMA: i64 = 1;

/// Longest `message`, in bytes.
const MESSAGE_LIMIT: usize = 290;

/// One event under one finding or near miss. An event under two of them has two rows.
pub struct Row<'a> {
    /// The finding, or what a near miss nearly is.
    pub finding: &'a Finding,
    /// The near miss.
    pub near: Option<&'a NearMiss>,
    /// The event.
    pub event: &'a EvidenceEvent,
    kind: RowKind,
    subject: Subject<'a>,
}

/// What an event is to the finding it stands under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RowKind {
    Evidence,
    Ancestor,
    Child,
    Context,
    NearMiss,
}

impl RowKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Ancestor => "ancestor",
            Self::Child => "child",
            Self::Context => "context",
            Self::NearMiss => "near_miss",
        }
    }
}

impl Row<'_> {
    /// The time that sorts the row: `@timestamp`.
    pub fn time(&self) -> Timestamp {
        self.event.timestamp
    }
}

/// The rows of all findings and listed near misses by (datetime, host, record id, finding).
pub fn rows(outcome: &Outcome) -> Vec<Row<'_>> {
    let mut rows: Vec<Row> = Vec::new();
    let stories = Told::of(&outcome.findings);
    for finding in &outcome.findings {
        for event in finding.present() {
            let subject = Subject::of(finding, event);
            rows.push(Row { finding, near: None, event, kind: RowKind::Evidence, subject });
        }
        if stories.elsewhere(finding).is_none() {
            rows.extend(told(finding));
        }
    }
    for near in &outcome.near.listed {
        let finding = &near.nearly;
        rows.extend(finding.present().map(|event| {
            let subject = Subject::of(finding, event);
            Row { finding, near: Some(near), event, kind: RowKind::NearMiss, subject }
        }));
    }
    rows.sort_by(|a, b| order(a).cmp(&order(b)));
    rows
}

/// The rows of the finding's story: starts of its process's kin and events of the process, those left out that are evidence already.
fn told(finding: &Finding) -> Vec<Row<'_>> {
    let Ok(story) = finding.story.as_deref() else { return Vec::new() };
    let ancestors = starts(&story.ancestors).map(|event| (RowKind::Ancestor, event));
    let children = starts(&story.children.shown).map(|event| (RowKind::Child, event));
    let context = story.context.shown.iter().map(|event| (RowKind::Context, event));
    let is_evidence = |event: &EvidenceEvent| finding.present().any(|own| own.is_same_record(event));
    let all = ancestors.chain(children).chain(context);
    all.filter(|(_, event)| !is_evidence(event))
        .map(|(kind, event)| {
            let subject = Subject::of(finding, event);
            Row { finding, near: None, event, kind, subject }
        })
        .collect()
}

fn starts(kin: &[Process]) -> impl Iterator<Item = &EvidenceEvent> {
    kin.iter().filter_map(|process| process.start.as_deref())
}

fn order<'a>(row: &'a Row) -> (Timestamp, &'a str, Option<u64>, &'a str, RowKind) {
    (row.event.timestamp, &row.event.computer, row.event.record_id, &row.finding.id, row.kind)
}

/// On how many hosts the findings show the row's program, for a row that reached a host: reaching the finding's destination.
fn hosts_seen(row: &Row) -> Cell {
    // Only evidence is compared.
    if row.kind != RowKind::Evidence {
        return Cell::Empty;
    }
    let prevalence = &row.finding.prevalence;
    let hosts = match subject::is_network(row.event) {
        true => prevalence.process_and_destination,
        false => prevalence.process,
    };
    hosts.map_or(Cell::Empty, Cell::count)
}

type Fill = fn(&Row<'_>) -> Cell;

const fn column(name: &'static str, fill: Fill) -> Column<Fill> {
    Column { name, fill }
}

/// The columns of `timeline.csv`, in order. `flags` is completed by the CSV writer, which alone knows what it disarmed.
pub const COLUMNS: &[Column<Fill>] = &[
    column("datetime", |row| Cell::Time(row.event.timestamp)),
    column("timestamp_desc", |row| Cell::text(subject::kind(row.event))),
    column("message", |row| Cell::text(message(row))),
    column("severity", |row| Cell::text(severity(row))),
    column("row_type", |row| Cell::text(row.kind.as_str())),
    column("finding_id", |row| Cell::text(&*row.finding.id)),
    column("rule_id", |row| Cell::text(&*row.finding.rule.id)),
    column("rule_name", |row| Cell::text(&*row.finding.rule.name)),
    column("host", |row| Cell::text(&*row.event.computer)),
    column("user", |row| Cell::text(row.subject.user())),
    column("process_name", |row| Cell::text(row.subject.text("process.name"))),
    column("image", |row| Cell::text(row.subject.text("process.executable"))),
    column("pid", |row| Cell::json(row.subject.get("process.pid"))),
    column("process_guid", |row| Cell::text(row.subject.text("process.entity_id"))),
    column("command_line", |row| Cell::text(row.subject.text("process.command_line"))),
    column("parent_image", |row| Cell::text(row.subject.text("process.parent.executable"))),
    column("parent_command_line", |row| Cell::text(row.subject.text("process.parent.command_line"))),
    column("parent_process_guid", |row| Cell::text(row.subject.text("process.parent.entity_id"))),
    column("ancestry", |row| Cell::text(row.subject.ancestry())),
    column("protocol", |row| Cell::text(row.event.text("network.transport"))),
    column("direction", |row| Cell::text(direction(row.event))),
    column("src_ip", |row| Cell::text(row.event.text("source.ip"))),
    column("src_port", |row| Cell::json(row.event.get("source.port"))),
    column("dst_ip", |row| Cell::text(row.event.text("destination.ip"))),
    column("dst_port", |row| Cell::json(row.event.get("destination.port"))),
    column("dst_host", |row| Cell::text(destination_host(row.event))),
    column("dst_scope", |row| Cell::text(scope(row.event))),
    column("delta_ms", |row| subject::delta_ms(row.finding, row.event).map_or(Cell::Empty, Cell::Int)),
    column("sha256", |row| Cell::text(row.subject.text("process.hash.sha256"))),
    column("original_file_name", |row| Cell::text(row.subject.text("process.pe.original_file_name"))),
    column("attack", |row| Cell::list(subject::attack_ids(row.finding))),
    column("hosts_seen", hosts_seen),
    column("event_id", |row| Cell::Int(i64::from(row.event.event_id))),
    column("provider", |row| Cell::text(row.event.text("event.provider"))),
    column("channel", |row| Cell::text(&*row.event.channel)),
    column("record_id", |row| row.event.record_id.map_or(Cell::Empty, Cell::count)),
    column("created", |row| Cell::Time(row.event.created)),
    column("source_file", |row| Cell::text(&*row.event.evidence.source)),
    column("source_sha256", |row| Cell::text(row.event.evidence.sha256.as_deref().unwrap_or_default())),
    column("copies", |row| Cell::Int(i64::from(row.event.evidence.copies))),
    column("flags", |row| Cell::list(flags(row))),
    column("tag", |row| Cell::Tags(tags(row))),
    column("data_type", |_| Cell::text("evql:event")),
    column("base_severity", |row| Cell::text(row.finding.rule.severity.as_str())),
    column("risk_score", |row| Cell::count(row.finding.risk_score)),
    column("base_risk", |row| Cell::count(row.finding.rule.risk_score)),
    column("schema", |_| Cell::Int(SCHEMA)),
];

/// One sentence, the only text Timesketch shows unasked; it names the record, so that no two rows read alike.
pub fn message(row: &Row) -> String {
    let (event, subject) = (row.event, row.subject);
    let who = format!(
        "[{}] {} on {}",
        row.near.map_or(severity(row), |_| "near miss"),
        or_unknown(subject.process()),
        event.computer
    );
    let user = subject.user();
    let who = if user.is_empty() { who } else { format!("{who} ({user})") };
    let reason = row.near.map_or_else(String::new, |near| format!(" ({})", near.detail));
    let what = format!("{who} {}{}{reason}", deed(row), since_start(row));
    let record = event.record_id.map_or_else(String::new, |id| format!("record {id}, "));
    let tail =
        format!(" [{record}{} {}]", relation(row.kind), row.finding.id.chars().take(12).collect::<String>());
    let room = MESSAGE_LIMIT.saturating_sub(tail.len());
    if what.len() <= room {
        return what + &tail;
    }
    let kept = what.get(..what.floor_char_boundary(room.saturating_sub('…'.len_utf8()))).unwrap_or_default();
    format!("{}…{}", kept, truncated(&tail, MESSAGE_LIMIT, "shortened"))
}

/// The finding's; a near miss has none.
fn severity(row: &Row) -> &'static str {
    if row.near.is_some() { "" } else { row.finding.severity.as_str() }
}

/// What the event is, before the id of what it belongs to.
fn relation(kind: RowKind) -> &'static str {
    match kind {
        RowKind::Evidence => "finding",
        RowKind::Ancestor => "ancestor in finding",
        RowKind::Child => "child in finding",
        RowKind::Context => "context of finding",
        RowKind::NearMiss => "near miss",
    }
}

fn deed(row: &Row) -> String {
    let event = row.event;
    let target = subject::target(event);
    match event.event_id {
        1 => format!("started: {}", or_unknown(row.subject.text("process.command_line"))),
        3 if event.text("network.direction") == "ingress" => {
            format!("accepted a connection to {}", or_unknown(target))
        }
        3 => format!("connected to {}", or_unknown(target)),
        5 => "ended".to_owned(),
        22 => format!("asked DNS for {}", or_unknown(target)),
        _ => subject::joined(&subject::kind(event), ": ", &target),
    }
}

fn since_start(row: &Row) -> String {
    let first = row.finding.present().next();
    match (row.finding.delta_ticks, first) {
        (Some(_), Some(first)) if !std::ptr::eq(first, row.event) => {
            let clock = row.finding.clock;
            let ticks = row.event.time(clock).ticks_since(first.time(clock));
            format!(", {} after the first event", subject::span(ticks))
        }
        _ => String::new(),
    }
}

fn or_unknown(text: String) -> String {
    if text.is_empty() { "(unknown)".to_owned() } else { text }
}

fn direction(event: &EvidenceEvent) -> String {
    match event.text("network.direction").as_str() {
        "egress" => "outbound".to_owned(),
        "ingress" => "inbound".to_owned(),
        other => other.to_owned(),
    }
}

fn destination_host(event: &EvidenceEvent) -> String {
    let name = event.text("destination.domain");
    if name.is_empty() { event.text("dns.question.name") } else { name }
}

/// The destination's scope by its address, empty when it has none.
pub fn scope(event: &EvidenceEvent) -> &'static str {
    Scope::of(&event.text("destination.ip")).map_or("", Scope::as_str)
}

/// The event's own flags; those of the finding as a whole stand at its evidence.
fn flags(row: &Row) -> Vec<String> {
    let whole = row.finding.own_flags().filter(|_| row.kind == RowKind::Evidence);
    row.event.evidence.flags().chain(whole).map(str::to_owned).collect()
}

fn tags(row: &Row) -> Vec<String> {
    let mut tags = subject::attack_ids(row.finding);
    tags.push(match row.near {
        Some(near) => format!("near_miss:{}", near.kind.as_str()),
        None => format!("severity:{}", severity(row)),
    });
    tags
}
