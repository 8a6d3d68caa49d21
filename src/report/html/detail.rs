//! One finding for the page: its line, its facts, its events with all their fields. It decides no order but the page's: the worst first, then by time.

use serde_json::{Map, Value};

use super::facets::Facets;
use super::story::StoryView;
use crate::finding::{EvidenceEvent, Finding, Outcome, plain};
use crate::report::escape::{defanged, html, truncated};
use crate::report::subject::{self, Subject};
use crate::report::words::moment;

/// Longest value among all fields, in bytes; the rest is counted, and whole in `findings.jsonl`.
const VALUE_LIMIT: usize = 8 * 1024;
/// Longest value among the facts, in bytes.
const FACT_LIMIT: usize = 2 * 1024;
/// Longest value of a table's cell, in bytes.
const LINE_LIMIT: usize = 400;

/// A finding and its place in the page.
#[derive(Clone)]
pub struct Card<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// Its place, the worst first, from 0.
    pub rank: usize,
    /// Whether the page shows it in full.
    pub full: bool,
    /// The mark of its host.
    pub host_mark: String,
    /// The mark of its rule.
    pub rule_mark: String,
}

/// The findings, the worst first (severity, then risk), then in the outcome's order. In full are the first `limit` of them, as far as they fit into `bytes`
/// bytes of page.
pub fn ranked<'a>(outcome: &'a Outcome, facets: &Facets<'_>, limit: usize, bytes: usize) -> Vec<Card<'a>> {
    let mut findings: Vec<&Finding> = outcome.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse((finding.severity, finding.risk_score)));
    let mut left = Some(bytes);
    let card = |(rank, finding)| {
        let (host_mark, rule_mark) = facets.marks(finding);
        let mut card = Card { finding, rank, full: false, host_mark, rule_mark };
        if rank < limit {
            left = left.and_then(|left| left.checked_sub(card.weight()));
            card.full = left.is_some();
        }
        card
    };
    findings.into_iter().enumerate().map(card).collect()
}

impl<'a> Card<'a> {
    /// A finding outside the page's order.
    pub fn aside(finding: &'a Finding) -> Self {
        let (host_mark, rule_mark) = (String::new(), String::new());
        Self { finding, rank: usize::MAX, full: false, host_mark, rule_mark }
    }

    /// About how many bytes of page it takes in full.
    fn weight(&self) -> usize {
        const MARKUP: usize = 4_096;
        const ROW: usize = 64;
        let events = self.events().flatten().flat_map(|view| view.fields());
        let facts = self.facts().into_iter().map(|(name, value)| (name.to_owned(), value));
        let rows = events.chain(facts).map(|(name, value)| ROW + html(&name).len() + html(&value).len());
        let story = self.story().map_or(0, |view| view.texts().map(|text| 2 * ROW + html(&text).len()).sum());
        MARKUP + rows.sum::<usize>() + story
    }

    /// About how many bytes of page its row takes.
    pub fn row_weight(&self) -> usize {
        const MARKUP: usize = 400;
        let texts = [self.host(), self.user(), self.process(), self.command(), self.target()];
        MARKUP + texts.iter().map(|text| html(text).len()).sum::<usize>()
    }

    /// Whether it is on paper too.
    pub fn printed(&self) -> bool {
        self.rank < super::PRINTED_ROWS
    }

    /// Whether it is on paper in full.
    pub fn printed_in_full(&self) -> bool {
        self.rank < super::PRINTED_CARDS
    }

    /// Whether its story is on paper too.
    pub fn printed_with_story(&self) -> bool {
        self.rank < super::PRINTED_STORIES
    }

    /// The severity's word.
    pub fn severity(&self) -> &'static str {
        self.finding.severity.as_str()
    }

    /// When its first event was, by the clock that ordered it.
    pub fn time(&self) -> String {
        moment(subject::finding_time(self.finding))
    }

    /// [`Card::time`] for machines.
    pub fn datetime(&self) -> String {
        subject::finding_time(self.finding).to_iso_millis()
    }

    /// The host.
    pub fn host(&self) -> String {
        short(&self.finding.host)
    }

    /// The user, or nothing.
    pub fn user(&self) -> String {
        Subject::main(self.finding).map(|subject| short(&subject.user())).unwrap_or_default()
    }

    /// What puts it where it stands, in a line: the two weightiest facts, or else the command line, which says more than that a thing is rare.
    pub fn reason(&self) -> String {
        let mut why: Vec<_> = self.finding.why.iter().filter(|reason| reason.weight >= 10).collect();
        why.sort_by_key(|reason| std::cmp::Reverse(reason.weight));
        let words: Vec<&str> = why.iter().take(2).map(|reason| reason.words.as_str()).collect();
        if words.is_empty() { self.command() } else { short(&words.join(". ")) }
    }

    /// Its caveats.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        self.finding.notes.iter().map(|note| short(note))
    }

    /// The process's name, or a dash.
    pub fn process(&self) -> String {
        let name = Subject::main(self.finding).map(Subject::process).unwrap_or_default();
        if name.is_empty() { "–".to_owned() } else { short(&name) }
    }

    /// What it reached, or nothing.
    pub fn target(&self) -> String {
        short(&subject::finding_target(self.finding))
    }

    /// [`Card::target`], defanged.
    pub fn defanged_target(&self) -> String {
        defanged(&self.target())
    }

    /// Its command line, cut for a table.
    pub fn command(&self) -> String {
        Subject::main(self.finding)
            .map(|subject| short(&subject.text("process.command_line")))
            .unwrap_or_default()
    }

    /// From the first event to the last, or nothing.
    pub fn span(&self) -> String {
        self.finding.delta_ticks.map(subject::span).unwrap_or_default()
    }

    /// ATT&CK ids.
    pub fn attack(&self) -> String {
        subject::attack_ids(self.finding).join(", ")
    }

    /// Name and value of what the analyst asks first, empty ones left out.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let Some(subject) = Subject::main(self.finding) else { return Vec::new() };
        let text = |path: &str| subject.text(path);
        let parent =
            subject::joined(&text("process.parent.executable"), " ", &numbered(text("process.parent.pid")));
        let facts = [
            ("Command line", text("process.command_line")),
            ("Image", subject::joined(&text("process.executable"), " ", &numbered(text("process.pid")))),
            ("Parent", parent),
            ("Parent command line", text("process.parent.command_line")),
            ("Process GUID", text("process.entity_id")),
            ("Integrity", text("winlog.event_data.IntegrityLevel")),
            ("Original name", text("process.pe.original_file_name")),
            ("SHA-256", text("process.hash.sha256")),
        ];
        facts
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name, cut(&value, FACT_LIMIT)))
            .collect()
    }

    /// What else its process was and did, or why that is not told.
    pub fn story(&self) -> Result<StoryView<'a>, &'static str> {
        StoryView::of(self.finding)
    }

    /// Its events in sequence order; `None` where one had to be missing.
    pub fn events(&self) -> impl Iterator<Item = Option<EventView<'a>>> {
        let finding = self.finding;
        finding.events.iter().map(move |event| event.as_ref().map(|event| EventView { finding, event }))
    }
}

/// One event of a finding.
pub struct EventView<'a> {
    finding: &'a Finding,
    /// The event.
    pub event: &'a EvidenceEvent,
}

impl EventView<'_> {
    /// What it is, in two words.
    pub fn kind(&self) -> String {
        short(&subject::kind(self.event))
    }

    /// Whom or what it reached; for a start its command line.
    pub fn object(&self) -> String {
        let target = subject::target(self.event);
        short(&if target.is_empty() { self.event.text("process.command_line") } else { target })
    }

    /// `+1.406 s` after the first event, or nothing.
    pub fn offset(&self) -> String {
        let ticks = self.event.time(self.finding.clock).ticks_since(subject::finding_time(self.finding));
        if self.finding.delta_ticks.is_none() || ticks < 0 {
            String::new()
        } else {
            format!("+{}", subject::span(ticks))
        }
    }

    /// EventRecordID, or `without id`.
    pub fn record(&self) -> String {
        self.event.record_id.map_or_else(|| "without id".to_owned(), |id| id.to_string())
    }

    /// UtcTime.
    pub fn utc(&self) -> String {
        moment(self.event.timestamp)
    }

    /// TimeCreated.
    pub fn created(&self) -> String {
        moment(self.event.created)
    }

    /// Every field of its document, as findings.jsonl has it, by dotted path, sorted.
    pub fn fields(&self) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        flatten("", &self.event.whole(), &mut fields);
        fields.sort();
        fields
    }
}

/// The leaves of `object` by dotted path. Objects in arrays stay JSON. The depth is that of the ECS schema, not of the log.
fn flatten(prefix: &str, object: &Map<String, Value>, into: &mut Vec<(String, String)>) {
    for (key, value) in object {
        let path = subject::joined(prefix, ".", key);
        match value {
            Value::Object(inner) => flatten(&path, inner, into),
            leaf => into.push((path, cut(&plain(leaf), VALUE_LIMIT))),
        }
    }
}

fn numbered(pid: String) -> String {
    if pid.is_empty() { pid } else { format!("(pid {pid})") }
}

/// The text, cut for a table.
pub fn short(text: &str) -> String {
    cut(text, LINE_LIMIT)
}

fn cut(text: &str, limit: usize) -> String {
    truncated(text, limit, "see findings.jsonl").into_owned()
}
