//! Why events satisfy a rule's stages or do not: each clause with the values it met. It reads no evidence and puts nothing into words.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::eql::{Clause, Clauses, Diagnostic, Form, Record, Role};
use crate::time::TICKS_PER_MILLI;

use super::document::DocumentRecord;
use super::rule_set::{compile, stage_clauses};

/// A rule's stages and how some events fare with them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The longest time from the first event to the last, in milliseconds; `null` when the rule sets none.
    pub maxspan_ms: Option<i64>,
    /// What is equal in all events: the keys' fields and the first event's values.
    pub join_key: BTreeMap<String, Vec<String>>,
    /// Per stage, in order.
    pub stages: Vec<StageView>,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageView {
    /// Its number, from 1.
    pub number: usize,
    /// What its events do: `event`, `missing event` or `until`.
    pub role: &'static str,
    /// The event that stands in its place.
    pub event: Option<EventView>,
    /// The stage's condition and how the event fares with it; `null` without an event.
    pub condition: Option<Condition>,
}

/// A condition down to its clauses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// One clause.
    Clause(ClauseView),
    /// All of them have to hold.
    All(Vec<Condition>),
    /// One of them has to hold.
    Any(Vec<Condition>),
}

impl Condition {
    fn of(clauses: &Clauses, record: &dyn Record) -> Self {
        let each = |items: &[Clauses]| items.iter().map(|item| Self::of(item, record)).collect();
        match clauses {
            Clauses::One(clause) => Self::Clause(ClauseView::of(clause, record)),
            Clauses::All(items) => Self::All(each(items)),
            Clauses::Any(items) => Self::Any(each(items)),
        }
    }

    /// Whether the event satisfies it.
    pub fn holds(&self) -> bool {
        match self {
            Self::Clause(clause) => clause.holds,
            Self::All(items) => items.iter().all(Self::holds),
            Self::Any(items) => items.iter().any(Self::holds),
        }
    }
}

/// What identifies an event for a reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventView {
    /// Sysmon's event id.
    pub event_id: String,
    /// EventRecordID; empty where an export left it out.
    pub record_id: String,
    /// TimeCreated.
    pub created: String,
    /// System/Computer.
    pub host: String,
}

/// One clause and how an event fares with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClauseView {
    /// As the query writes it.
    pub text: String,
    /// Whether it excludes.
    pub negated: bool,
    /// Whether it holds.
    pub holds: bool,
    /// The fields it reads and what the event has there.
    pub met: BTreeMap<String, Vec<String>>,
}

/// How `events`, documents in sequence order with `None` in the place of one that had to be missing, fare with the stages of `query`. Where there are
/// fewer events than stages, as under a near miss, each stands at the stage it is nearest to. `category` names another field for the event's category.
///
/// # Errors
/// All that is wrong with the query.
pub fn explain(
    query: &str,
    category: Option<&str>,
    events: &[Option<&Map<String, Value>>],
) -> Result<Explanation, Vec<Diagnostic>> {
    let (program, clauses) = (compile(query, category)?, stage_clauses(query, category)?);
    let wanted = program.stages().iter().filter(|stage| stage.role != Role::Until).count();
    let mut placed: Vec<Option<&Map<String, Value>>> = vec![None; clauses.len()];
    for (place, event) in events.iter().enumerate() {
        let Some(event) = *event else { continue };
        let place = if events.len() == wanted { place } else { nearest_stage(&clauses, event) };
        if let Some(slot) = placed.get_mut(place) {
            *slot = Some(event);
        }
    }
    let stages = program.stages().iter().zip(&clauses).zip(&placed).enumerate();
    let stages = stages.map(|(number, ((stage, clauses), event))| StageView {
        number: number + 1,
        role: super::answers::role(stage.role),
        event: event.map(EventView::of_document),
        condition: event.map(|event| Condition::of(clauses, &DocumentRecord(event))),
    });
    Ok(Explanation {
        maxspan_ms: maxspan_ms(program.form()),
        join_key: join_key(&program, &placed),
        stages: stages.collect(),
    })
}

/// `maxspan` in milliseconds.
pub(super) fn maxspan_ms(form: Form) -> Option<i64> {
    match form {
        Form::Sequence { maxspan } => maxspan.map(|ticks| ticks / TICKS_PER_MILLI),
        Form::Event | Form::Sample => None,
    }
}

/// How far `record` is from satisfying `clauses`: of another category is further than any number of other clauses that fail.
pub(super) fn distance(clauses: &Clauses, record: &dyn Record) -> (bool, usize) {
    let other_category = clauses.category().is_some_and(|category| !category.holds(record));
    (other_category, clauses.failing(record).len())
}

fn nearest_stage(clauses: &[Clauses], event: &Map<String, Value>) -> usize {
    let record = DocumentRecord(event);
    let fails = |(_, clauses): &(usize, &Clauses)| distance(clauses, &record);
    clauses.iter().enumerate().min_by_key(fails).map_or(0, |(stage, _)| stage)
}

fn join_key(
    program: &crate::eql::Program,
    placed: &[Option<&Map<String, Value>>],
) -> BTreeMap<String, Vec<String>> {
    let stages = program.stages().iter().zip(placed);
    let Some((stage, event)) = stages.filter_map(|(stage, event)| Some((stage, (*event)?))).next() else {
        return BTreeMap::new();
    };
    let fields = stage.keys.iter().filter_map(|key| key.field.as_ref());
    let values = |id| {
        let found = DocumentRecord(event);
        let found = found.field(id);
        found.as_slice().iter().map(|value| crate::eql::value::text_of(value).into_owned()).collect()
    };
    fields.map(|field| (field.name.to_string(), values(field.id))).collect()
}

impl ClauseView {
    /// How `record` fares with `clause`.
    pub(super) fn of(clause: &Clause, record: &dyn Record) -> Self {
        Self {
            text: clause.text.clone(),
            negated: clause.negated,
            holds: clause.holds(record),
            met: clause.met(record).into_iter().collect(),
        }
    }
}

impl EventView {
    fn of_document(document: &Map<String, Value>) -> Self {
        let text = |object: &str, key: &str| {
            document
                .get(object)
                .and_then(|inner| inner.get(key))
                .map(crate::finding::plain)
                .unwrap_or_default()
        };
        Self {
            event_id: text("event", "code"),
            record_id: text("winlog", "record_id"),
            created: text("event", "created"),
            host: text("winlog", "computer_name"),
        }
    }
}
