//! Whether Sysmon can answer a rule at all: which events can satisfy each stage, and which fields of it no such event supplies. It reads no evidence.

use serde::Serialize;

use crate::eql::{FieldUse, Program, Role, Stage};
use crate::sysmon::{self, EventOutline};

/// How far Sysmon's events can answer a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answerable {
    /// Every stage can be satisfied by some event, and that event supplies every field the stage reads.
    Fully,
    /// Every stage can be satisfied, but a stage reads a field that none of its events supplies together with the others.
    Partly,
    /// Some stage can be satisfied by no Sysmon event.
    Never,
}

/// What Sysmon can do for a rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleCheck {
    /// The verdict.
    pub answerable: Answerable,
    /// Per stage, in order.
    pub stages: Vec<StageCheck>,
    /// Optional fields that no mapping knows: conditions on them are dropped or make the stage empty, as in Elasticsearch.
    pub unmapped: Vec<String>,
}

/// What Sysmon can do for one stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageCheck {
    /// What the stage's events do in the rule.
    pub role: &'static str,
    /// Ids of the events that can satisfy it, ascending.
    pub events: Vec<u32>,
    /// The fields it reads, sorted by name.
    pub fields: Vec<String>,
    /// What the best of its events does not supply.
    pub lacking: Vec<Lack>,
}

/// A field that is not supplied, and what is lost by that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lack {
    /// The field.
    pub field: String,
    /// A condition on it can never hold: findings are lost.
    pub loses_findings: bool,
    /// An exclusion by it can never hold: there are more findings than there should be.
    pub loses_exclusions: bool,
    /// Whether no Sysmon event at all supplies it.
    pub by_no_event: bool,
}

/// Checks `program` against the events that Sysmon writes, mapped as `options` say.
pub fn check(program: &Program, options: &sysmon::Options) -> RuleCheck {
    let stages: Vec<StageCheck> = program.stages().iter().map(|stage| check_stage(stage, options)).collect();
    let needed = || program.stages().iter().zip(&stages).filter(|(stage, _)| stage.role == Role::Positive);
    let answerable = if needed().any(|(_, check)| check.events.is_empty()) {
        Answerable::Never
    } else if stages.iter().any(|check| !check.lacking.is_empty()) {
        Answerable::Partly
    } else {
        Answerable::Fully
    };
    RuleCheck { answerable, stages, unmapped: program.unmapped().to_vec() }
}

fn check_stage(stage: &Stage, options: &sysmon::Options) -> StageCheck {
    let events: Vec<u32> = sysmon::event_ids()
        .filter(|event_id| stage.filter.could_match(&EventOutline::new(*event_id, options)))
        .collect();
    let uses = stage.filter.uses();
    let missing = |event_id: u32| uses.iter().filter(move |used| !sysmon::supplies(event_id, used.field.id));
    // Without any event that can satisfy the stage, the fields that none supplies say why.
    let candidates: Vec<u32> = if events.is_empty() { sysmon::event_ids().collect() } else { events.clone() };
    let best = candidates.into_iter().min_by_key(|event_id| missing(*event_id).count());
    let lacking = best.map(|event_id| missing(event_id).map(lack).collect()).unwrap_or_default();
    let mut fields: Vec<String> = uses.iter().map(|used| used.field.name.to_string()).collect();
    fields.sort();
    StageCheck { role: role(stage.role), events, fields, lacking }
}

fn lack(used: &FieldUse) -> Lack {
    Lack {
        field: used.field.name.to_string(),
        loses_findings: used.positive,
        loses_exclusions: used.negative,
        by_no_event: !sysmon::event_ids().any(|event_id| sysmon::supplies(event_id, used.field.id)),
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Positive => "event",
        Role::Missing => "missing event",
        Role::Until => "until",
    }
}
