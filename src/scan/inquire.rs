//! Why one process was flagged or was not, asked of the evidence: its events, and for every rule how near each stage came. It keeps the events of that
//! process only, and prints nothing.

use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use serde::Serialize;

use crate::eql::{Clauses, Record, Role, Value};
use crate::error::{Error, Result};
use crate::finding::Clock;
use crate::input::{Seen, Source};
use crate::sysmon::{Event, Facts, fields};
use crate::time::{TICKS_PER_MILLI, Timestamp};

use super::ScanOptions;
use super::explain::{ClauseView, EventView, distance, maxspan_ms};
use super::filters::Scratches;
use super::findings::Findings;
use super::hits::{Candidate, matches, merge, merge_by_name};
use super::ledger::Read;
use super::observer::Observer;
use super::pass::{At, Worker, pass};
use super::rule_set::{CompiledRule, RuleSet};

/// Events of the process that are kept; a process with more is one that logs without end.
const MOST_EVENTS: usize = 20_000;

/// What the rules say of one process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inquiry {
    /// Its ProcessGuid, in the spelling of documents.
    pub guid: String,
    /// Its hosts, sorted: a GUID is one machine's, but logs can be merged or forged.
    pub hosts: Vec<String>,
    /// Its events, each record once.
    pub events: usize,
    /// Whether there are more than were looked at.
    pub more: bool,
    /// Per rule, in order.
    pub rules: Vec<RuleInquiry>,
}

/// What one rule says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleInquiry {
    /// The rule's id.
    pub id: String,
    /// The rule's name.
    pub name: String,
    /// Whether the process's events make a finding, and if not, why.
    pub verdict: Verdict,
    /// Ids of the findings.
    pub findings: Vec<String>,
    /// By how many milliseconds the nearest pair of first and last event lies beyond `maxspan`, or how far the last event lies before the first.
    pub off_by_ms: Option<i64>,
    /// The longest time from the first event to the last, in milliseconds.
    pub maxspan_ms: Option<i64>,
    /// Per stage, in order.
    pub stages: Vec<StageInquiry>,
}

/// The outcome for one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// There are findings.
    Flagged,
    /// A stage that needs an event has none.
    NoEvent,
    /// Every event of the last stage stands before the first of the first.
    BeforeStart,
    /// The events lie too far apart.
    OutsideMaxspan,
    /// Every stage has its event, but not in order, or one that must be missing or that ends the sequence is there.
    NotInOrder,
}

/// How near one stage came.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageInquiry {
    /// Its number, from 1.
    pub number: usize,
    /// What its events do: `event`, `missing event` or `until`.
    pub role: &'static str,
    /// How many events of the process satisfy it.
    pub satisfied_by: usize,
    /// The first of them, or else the event of the stage's category that fails the fewest clauses, or of any category.
    pub nearest: Option<EventView>,
    /// The clauses that this event fails; empty when it satisfies the stage.
    pub failing: Vec<ClauseView>,
}

/// Asks all `rules` of the events of the process `guid` (with or without braces, in any case) in `sources`; the hosts are those that the options
/// select. Only that process's events take part: a sequence over several processes is not found so.
///
/// # Errors
/// [`Error::Usage`] when `guid` is none or the threads cannot be started.
pub fn inquire(
    sources: &[Source],
    guid: &str,
    rules: &RuleSet,
    options: &ScanOptions,
    observer: &dyn Observer,
    interrupt: &AtomicBool,
) -> Result<(Inquiry, Read)> {
    let asker = Asker { guid: spelled(guid)?, rules, clock: options.clock };
    let mut candidates = Vec::new();
    let mut more = false;
    let read = pass(sources, &options.pass, &asker, observer, interrupt, &mut |given| {
        candidates.extend(given);
        if candidates.len() > MOST_EVENTS {
            candidates = merge(std::mem::take(&mut candidates));
            more |= candidates.len() > MOST_EVENTS;
            candidates.truncate(MOST_EVENTS);
        }
        ControlFlow::Continue(())
    })?;
    let candidates = merge_by_name(candidates, &read.sources);
    let mut hosts: Vec<String> =
        candidates.iter().map(|candidate| candidate.event.computer().to_owned()).collect();
    hosts.sort();
    hosts.dedup();
    let makes = Findings { candidates: &candidates, sources: &read.sources, clock: options.clock };
    let rules = rules.rules().iter().map(|rule| of_rule(rule, &candidates, &makes)).collect();
    Ok((Inquiry { guid: asker.guid, hosts, events: candidates.len(), more, rules }, read))
}

/// `{lower-case}`, as documents have it.
fn spelled(guid: &str) -> Result<String> {
    let bare = guid.trim().trim_start_matches('{').trim_end_matches('}').to_lowercase();
    let lengths = bare.split('-').map(str::len);
    let digits = bare.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    if !lengths.eq([8, 4, 4, 4, 12]) || !digits {
        return Err(Error::Usage(format!(
            "{guid} is no ProcessGuid; it has the form {{8-4-4-4-12 hexadecimal digits}}"
        )));
    }
    Ok(format!("{{{bare}}}"))
}

fn of_rule(compiled: &CompiledRule, candidates: &[Candidate], makes: &Findings<'_>) -> RuleInquiry {
    let (rule, program) = (&compiled.rule, &compiled.program);
    let found = matches(program, compiled.first_filter, candidates);
    let findings: Vec<String> =
        found.iter().map(|(key, found)| makes.finding(compiled, key, found).id).collect();
    let stages: Vec<StageInquiry> = program
        .stages()
        .iter()
        .zip(&compiled.clauses)
        .enumerate()
        .map(|(number, (stage, clauses))| {
            of_stage(number, compiled.first_filter + number, stage.role, clauses, candidates)
        })
        .collect();
    let (verdict, off_by_ms) = verdict(compiled, !findings.is_empty(), &stages, candidates);
    RuleInquiry {
        id: rule.info.id.clone(),
        name: rule.info.name.clone(),
        verdict,
        findings,
        off_by_ms,
        maxspan_ms: maxspan_ms(program.form()),
        stages,
    }
}

fn of_stage(
    number: usize,
    filter: usize,
    role: Role,
    clauses: &Clauses,
    candidates: &[Candidate],
) -> StageInquiry {
    let satisfying = || candidates.iter().filter(|candidate| candidate.filters.contains(&filter));
    let fails = |candidate: &&Candidate| distance(clauses, &candidate.event);
    let nearest = satisfying().next().or_else(|| candidates.iter().min_by_key(fails));
    let failed = nearest.map(|nearest| {
        let failed = clauses.failing(&nearest.event);
        failed.into_iter().map(|clause| ClauseView::of(clause, &nearest.event)).collect()
    });
    StageInquiry {
        number: number + 1,
        role: super::answers::role(role),
        satisfied_by: satisfying().count(),
        nearest: nearest.map(|candidate| view(&candidate.event)),
        failing: failed.unwrap_or_default(),
    }
}

fn view(event: &Event) -> EventView {
    EventView {
        event_id: event.event_id().to_string(),
        record_id: event.system().record_id.map(|id| id.to_string()).unwrap_or_default(),
        created: event.created().to_string(),
        host: event.computer().to_owned(),
    }
}

/// The verdict, and how far off the times are where they are the reason.
fn verdict(
    compiled: &CompiledRule,
    flagged: bool,
    stages: &[StageInquiry],
    candidates: &[Candidate],
) -> (Verdict, Option<i64>) {
    if flagged {
        return (Verdict::Flagged, None);
    }
    let needed =
        || compiled.program.stages().iter().enumerate().filter(|(_, stage)| stage.role == Role::Positive);
    if needed().any(|(number, _)| stages.get(number).is_none_or(|stage| stage.satisfied_by == 0)) {
        return (Verdict::NoEvent, None);
    }
    let times = |number: usize| {
        let filter = compiled.first_filter + number;
        candidates.iter().filter(move |one| one.filters.contains(&filter)).map(|one| one.order.time)
    };
    let (Some((first, _)), Some((last, _))) = (needed().next(), needed().next_back()) else {
        return (Verdict::NoEvent, None);
    };
    let (start, end) = (times(first).next(), times(last).next_back());
    if let (Some(start), Some(end)) = (start, end)
        && end < start
    {
        return (Verdict::BeforeStart, Some(start.ticks_since(end) / TICKS_PER_MILLI));
    }
    match (nearest_span(times(first), times(last)), maxspan_ms(compiled.program.form())) {
        (Some(span), Some(maxspan)) if span >= maxspan => (Verdict::OutsideMaxspan, Some(span - maxspan)),
        _ => (Verdict::NotInOrder, None),
    }
}

/// The shortest time from one of `starts` to one of `ends` that is not before it, in milliseconds; both in order.
fn nearest_span(
    starts: impl Iterator<Item = Timestamp>,
    ends: impl Iterator<Item = Timestamp>,
) -> Option<i64> {
    let mut starts = starts.peekable();
    let mut latest = None;
    let spans = ends.filter_map(|end| {
        while let Some(start) = starts.next_if(|start| *start <= end) {
            latest = Some(start);
        }
        latest.map(|start| end.ticks_since(start) / TICKS_PER_MILLI)
    });
    spans.min()
}

/// Picks the events of one process, whether or not a rule wants them.
struct Asker<'a> {
    guid: String,
    rules: &'a RuleSet,
    clock: Clock,
}

impl Worker for Asker<'_> {
    type Scratch = Scratches;
    type Out = Candidate;

    fn scratch(&self) -> Scratches {
        Scratches::default()
    }

    fn wants(&self, _scratch: &mut Scratches, _seen: &Seen<'_>) -> bool {
        true
    }

    fn event(&self, scratch: &mut Scratches, event: &Event, at: At<'_>) -> Option<Candidate> {
        let field = fields::field_id("process.entity_id")?;
        let own = match event.field(field) {
            Value::Missing => false,
            values => values
                .as_slice()
                .iter()
                .any(|value| matches!(value, crate::eql::Scalar::Str(text) if *text == self.guid.as_str())),
        };
        own.then(|| {
            let filters = self.rules.filters().matching(event.event_id(), event, scratch).to_vec();
            Candidate::new(event.clone(), filters, at.place, self.clock)
        })
    }
}
