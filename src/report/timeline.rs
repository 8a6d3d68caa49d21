//! The timeline's rows and columns, one row per finding and event: one table that `timeline.csv` and `timeline.jsonl` both print. It writes no file.

use std::collections::{BTreeMap, BTreeSet};

use super::cell::{Cell, Column};
use super::escape::truncated;
use super::scope::Scope;
use super::story::Told;
use super::subject::{self, Subject};
use crate::finding::story::{Process, RESOLVED_FROM_EXCLUDED_NAME};
use crate::finding::{EvidenceEvent, Finding, Outcome};
use crate::time::Timestamp;

/// The version of the header below; any change of a name, of the order or of a meaning raises it.
pub const SCHEMA: i64 = 1;

/// Longest `message`, in bytes.
const MESSAGE_LIMIT: usize = 290;

/// One event under one finding. An event under two findings has two rows.
pub struct Row<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// The event.
    pub event: &'a EvidenceEvent,
    kind: RowKind,
    subject: Subject<'a>,
    /// `None` where only evidence is compared.
    hosts_seen: Option<usize>,
}

/// What an event is to the finding it stands under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RowKind {
    Evidence,
    Ancestor,
    Child,
    Context,
}

impl RowKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Ancestor => "ancestor",
            Self::Child => "child",
            Self::Context => "context",
        }
    }
}

impl Row<'_> {
    /// The time that sorts the row: `@timestamp`.
    pub fn time(&self) -> Timestamp {
        self.event.timestamp
    }
}

/// The rows of all findings by (datetime, host, record id, finding).
pub fn rows(outcome: &Outcome) -> Vec<Row<'_>> {
    let prevalence = Prevalence::of(outcome);
    let mut rows: Vec<Row> = Vec::new();
    let mut stories = Told::default();
    for finding in &outcome.findings {
        for event in finding.present() {
            let subject = Subject::of(finding, event);
            let hosts_seen = Some(prevalence.hosts(subject, event));
            rows.push(Row { finding, event, kind: RowKind::Evidence, subject, hosts_seen });
        }
        if stories.before(finding).is_none() {
            rows.extend(told(finding));
        }
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
            Row { finding, event, kind, subject, hosts_seen: None }
        })
        .collect()
}

fn starts(kin: &[Process]) -> impl Iterator<Item = &EvidenceEvent> {
    kin.iter().filter_map(|process| process.start.as_deref())
}

fn order<'a>(row: &'a Row) -> (Timestamp, &'a str, Option<u64>, &'a str, RowKind) {
    (row.event.timestamp, &row.event.computer, row.event.record_id, &row.finding.id, row.kind)
}

/// On how many hosts the findings show the same process reaching the same target.
struct Prevalence<'a>(BTreeMap<(String, String), BTreeSet<&'a str>>);

impl<'a> Prevalence<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        let mut seen: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for finding in &outcome.findings {
            for event in finding.present() {
                let key = Self::key(Subject::of(finding, event), event);
                seen.entry(key).or_default().insert(event.computer.as_str());
            }
        }
        Self(seen)
    }

    fn key(subject: Subject, event: &EvidenceEvent) -> (String, String) {
        let target = if subject::is_network(event) { subject::target(event) } else { String::new() };
        (subject.process().to_lowercase(), target)
    }

    fn hosts(&self, subject: Subject, event: &EvidenceEvent) -> usize {
        self.0.get(&Self::key(subject, event)).map_or(0, BTreeSet::len)
    }
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
    column("severity", |row| Cell::text(row.finding.severity.as_str())),
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
    column("hosts_seen", |row| row.hosts_seen.map_or(Cell::Empty, Cell::count)),
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
    column("schema", |_| Cell::Int(SCHEMA)),
];

/// One sentence, the only text Timesketch shows unasked; it names the record, so that no two rows read alike.
pub fn message(row: &Row) -> String {
    let (event, subject) = (row.event, row.subject);
    let who = format!(
        "[{}] {} on {}",
        row.finding.severity.as_str(),
        or_unknown(subject.process()),
        event.computer
    );
    let user = subject.user();
    let who = if user.is_empty() { who } else { format!("{who} ({user})") };
    let what = format!("{who} {}{}", deed(row), since_start(row));
    let record = event.record_id.map_or_else(String::new, |id| format!("record {id}, "));
    let tail = format!(
        " [{record}{}finding {}]",
        relation(row.kind),
        row.finding.id.chars().take(12).collect::<String>()
    );
    let room = MESSAGE_LIMIT.saturating_sub(tail.len());
    if what.len() <= room {
        return what + &tail;
    }
    let kept = what.get(..what.floor_char_boundary(room.saturating_sub('…'.len_utf8()))).unwrap_or_default();
    format!("{}…{}", kept, truncated(&tail, MESSAGE_LIMIT, "shortened"))
}

/// What the event is to the finding, unless it is evidence.
fn relation(kind: RowKind) -> &'static str {
    match kind {
        RowKind::Evidence => "",
        RowKind::Ancestor => "ancestor in ",
        RowKind::Child => "child in ",
        RowKind::Context => "context of ",
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
            let ticks = subject::clock_time(row.event, clock).ticks_since(subject::clock_time(first, clock));
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
    let finding = row.finding.excluded_name.iter().map(|_| RESOLVED_FROM_EXCLUDED_NAME);
    let whole = finding.filter(|_| row.kind == RowKind::Evidence);
    row.event.evidence.flags().chain(whole).map(str::to_owned).collect()
}

fn tags(row: &Row) -> Vec<String> {
    let mut tags = subject::attack_ids(row.finding);
    tags.push(format!("severity:{}", row.finding.severity.as_str()));
    tags
}
