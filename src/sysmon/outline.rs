//! What is known of an event before it is read, from its id alone: the ground for skipping records and for telling what a rule can find. No record is seen.

use std::borrow::Cow;

use super::common::Common;
use super::event::PROVIDER;
use super::options::Options;
use super::plan::{Cell, Plan, plan};
use super::schema::{EventSpec, event_spec, events};
use crate::eql::{FieldId, Foreknown, Outline, Scalar};

/// One event id, described beforehand.
#[derive(Debug, Clone)]
pub struct EventOutline {
    event_id: u32,
    plan: &'static Plan,
    options: Options,
}

impl EventOutline {
    /// The outline of `event_id` under `options`. An id that the table lacks has no category and little else.
    pub fn new(event_id: u32, options: &Options) -> Self {
        Self { event_id, plan: plan(event_id), options: *options }
    }

    /// The event id.
    pub fn event_id(&self) -> u32 {
        self.event_id
    }
}

impl Outline for EventOutline {
    /// [`Foreknown::Never`] means: no data that the manifests give this event leads to the field.
    fn foreknown(&self, field: FieldId) -> Foreknown {
        let texts: Vec<Cow<'static, str>> = match self.plan.cells(field) {
            [] => return Foreknown::Never,
            [Cell::Constant(text) | Cell::Common(Common::Constant(text))] => vec![Cow::Borrowed(text)],
            [Cell::Common(Common::EventId)] => vec![Cow::Owned(self.event_id.to_string())],
            [Cell::Common(Common::Provider)] => vec![Cow::Borrowed(PROVIDER)],
            [cell @ (Cell::Category | Cell::Kind | Cell::Action)] => {
                words(self.plan.spec, *cell, &self.options).into_iter().map(Cow::Borrowed).collect()
            }
            _ => return Foreknown::Unknown,
        };
        Foreknown::Always(texts.into_iter().map(Scalar::Str).collect())
    }
}

/// The ids that the table knows: 1 to 29 and 255.
pub fn event_ids() -> impl Iterator<Item = u32> {
    events().iter().map(|spec| spec.id)
}

/// Whether an event `event_id` can have a value under `field`.
pub fn supplies(event_id: u32, field: FieldId) -> bool {
    event_spec(event_id).is_some() && !plan(event_id).cells(field).is_empty()
}

/// `event.category`, `.type` or `.action`, whichever `cell` is, under `options`; nothing for another cell.
pub(super) fn words(spec: &'static EventSpec, cell: Cell, options: &Options) -> Vec<&'static str> {
    match cell {
        Cell::Category => spec.category.to_vec(),
        Cell::Kind => {
            let hidden = options.no_library_start && spec.category.contains(&"library");
            spec.kinds.iter().copied().filter(|kind| !(hidden && *kind == "start")).collect()
        }
        Cell::Action => {
            let mut actions = vec![spec.name];
            actions.extend(spec.second_action);
            if options.event_action_compat {
                actions.push(spec.task);
                actions.extend((spec.id == 1).then_some("start"));
            }
            actions
        }
        _ => Vec::new(),
    }
}
