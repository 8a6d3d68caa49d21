//! Whether Sysmon can answer a rule at all: which events can satisfy each stage, and which fields of it no such event supplies. It reads no evidence.

use serde::Serialize;

use crate::eql::{
    FieldId, FieldUse, Filter, Foreknown, Node, Outline, Program, Role, Scalar, Schema, Stage, demanded,
};
use crate::sysmon::{self, EventOutline, SysmonSchema};

/// The account the Sysmon service runs under: `user.id` of all its events as Elastic maps them.
const LOCAL_SYSTEM: &str = "S-1-5-18";

/// How far Sysmon's events can answer a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answerable {
    /// Every stage can be satisfied by some event, and that event supplies every field the stage reads.
    Fully,
    /// Every event that must be there can be, but a stage reads a field that none of its events supplies together with the others, or an event that must
    /// be missing, or that ends a sequence, is none that Sysmon writes.
    Partly,
    /// Some event that must be there is none that Sysmon writes.
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
    /// The fields of which it demands one of some strings, and how many: what a scan asks first.
    pub demands: Vec<(String, usize)>,
    /// The event that supplies most of the fields.
    pub best: Option<u32>,
    /// What that event does not supply.
    pub lacking: Vec<Lack>,
    /// Why no event can satisfy it: the first of its conditions that holds for none of the events that satisfy those before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impossible: Option<String>,
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
    let kinds: Vec<Kind> = sysmon::event_ids().map(|event_id| Kind::new(event_id, options)).collect();
    let stages: Vec<StageCheck> = program.stages().iter().map(|stage| check_stage(stage, &kinds)).collect();
    let needed = || program.stages().iter().zip(&stages).filter(|(stage, _)| stage.role == Role::Positive);
    let answerable = if needed().any(|(_, check)| check.events.is_empty()) {
        Answerable::Never
    } else if stages.iter().any(|check| !check.lacking.is_empty() || check.events.is_empty()) {
        Answerable::Partly
    } else {
        Answerable::Fully
    };
    RuleCheck { answerable, stages, unmapped: program.unmapped().to_vec() }
}

/// One kind of event as a rule is judged by: beside what is certain, what every ordinary log says. A scan relies on the certain alone.
struct Kind {
    outline: EventOutline,
    /// The field that holds the service's account, if it does.
    account: Option<FieldId>,
}

impl Kind {
    fn new(event_id: u32, options: &sysmon::Options) -> Self {
        let account = SysmonSchema.resolve("user.id").map(|(field, _)| field);
        let account = account.filter(|_| !options.user_from_event);
        Self { outline: EventOutline::new(event_id, options), account }
    }
}

impl Outline for Kind {
    fn foreknown(&self, field: FieldId) -> Foreknown {
        match self.outline.foreknown(field) {
            Foreknown::Unknown if self.account == Some(field) => {
                Foreknown::Always(vec![Scalar::Str(LOCAL_SYSTEM.into())])
            }
            known => known,
        }
    }
}

fn check_stage(stage: &Stage, kinds: &[Kind]) -> StageCheck {
    let ids = kinds.iter().map(|kind| kind.outline.event_id());
    let possible = kinds.iter().filter(|kind| stage.filter.could_match(*kind));
    let events: Vec<u32> = possible.map(|kind| kind.outline.event_id()).collect();
    let uses = stage.filter.uses();
    let missing = |event_id: u32| uses.iter().filter(move |used| !sysmon::supplies(event_id, used.field.id));
    // Without any event that can satisfy the stage, the fields that none supplies say why.
    let candidates: Vec<u32> = if events.is_empty() { ids.collect() } else { events.clone() };
    let best = candidates.into_iter().min_by_key(|event_id| missing(*event_id).count());
    let lacking = best.map(|event_id| missing(event_id).map(lack).collect()).unwrap_or_default();
    let mut fields: Vec<String> = uses.iter().map(name).collect();
    fields.sort();
    let named =
        |(field, count)| uses.iter().find(|used| used.field.id == field).map(|used| (name(used), count));
    let demands = demanded(&stage.filter).into_iter().filter_map(named).collect();
    let impossible = events.is_empty().then(|| obstacle(&stage.filter, kinds));
    StageCheck { role: role(stage.role), events, fields, demands, best, lacking, impossible }
}

/// The first of the filter's conditions that no kind of event satisfies of those that can satisfy the conditions before it.
fn obstacle(filter: &Filter, kinds: &[Kind]) -> String {
    let conditions = match filter.root() {
        Node::And(items) => items.as_slice(),
        other => std::slice::from_ref(other),
    };
    let mut left: Vec<&Kind> = kinds.iter().collect();
    for condition in conditions {
        let condition = Filter::new(condition.clone());
        left.retain(|kind| condition.could_match(*kind));
        if left.is_empty() {
            return one_line(&condition);
        }
    }
    // No condition alone rules all out: together they do.
    one_line(filter)
}

fn one_line(filter: &Filter) -> String {
    let text = filter.to_string();
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// A field's name as rules write it: the category's is not in the program.
fn name(used: &FieldUse) -> String {
    if used.field.id == SysmonSchema.category_field() {
        return "event.category".to_owned();
    }
    used.field.name.to_string()
}

fn lack(used: &FieldUse) -> Lack {
    Lack {
        field: name(used),
        loses_findings: used.positive,
        loses_exclusions: used.negative,
        by_no_event: !sysmon::event_ids().any(|event_id| sysmon::supplies(event_id, used.field.id)),
    }
}

/// The word for what a stage's events do.
pub(super) fn role(role: Role) -> &'static str {
    match role {
        Role::Positive => "event",
        Role::Missing => "missing event",
        Role::Until => "until",
    }
}
