//! The table turned round, once: for an event id, which cells of the record give each ECS field. It reads no record.

use std::fmt;
use std::sync::{Arc, LazyLock};

use super::common::{COMMON, Common, LAST_RESORT};
use super::ecs::Outlet;
use super::fields::{EVENT_DATA, field_id, field_of, fields};
use super::schema::{DataField, EventSpec, Part, UNKNOWN_EVENT, events};
use crate::eql::FieldId;

/// Where one value of a field comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell {
    /// A part of the data at a place of the event's table.
    Data(usize, Part),
    /// What all Sysmon events carry.
    Common(Common),
    /// The same text in every event of the id.
    Constant(&'static str),
    /// `event.category`
    Category,
    /// `event.type`
    Kind,
    /// `event.action`
    Action,
}

impl Cell {
    fn may_give_many(&self) -> bool {
        match self {
            Self::Data(_, part) => part.may_give_many(),
            Self::Category | Self::Kind | Self::Action => true,
            Self::Common(_) | Self::Constant(_) => false,
        }
    }
}

/// How one field is supplied.
#[derive(Debug)]
pub struct FieldSupply {
    pub(super) field: FieldId,
    /// Where the document has it.
    pub(super) outlet: Outlet,
    /// In order of preference.
    pub(super) cells: Vec<Cell>,
    /// Whether it holds what all cells give, each value once, instead of what the first gives: `related.*`.
    pub(super) gathers: bool,
}

/// How to read events of one id.
pub struct Plan {
    /// The event's rows.
    pub(super) spec: &'static EventSpec,
    /// The row that names the process which did what the event tells.
    pub(super) process: Option<usize>,
    /// The row that names the process which started it.
    pub(super) parent: Option<usize>,
    /// The fields it supplies, by path.
    supplied: Vec<FieldSupply>,
    /// For each field its place in `supplied`, or [`NOWHERE`].
    places: Vec<u16>,
}

const NOWHERE: u16 = u16::MAX;
/// Whose GUID it is that did something; Sysmon's events 8 and 10 spell it each in their own way.
const PROCESS: [&str; 3] = ["ProcessGuid", "SourceProcessGuid", "SourceProcessGUID"];
const PARENT: &str = "ParentProcessGuid";

static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| events().iter().map(Plan::new).collect());
static UNKNOWN: LazyLock<Plan> = LazyLock::new(|| Plan::new(&UNKNOWN_EVENT));

/// The plan for `event_id`; for an id that the table lacks, one that reads only what all events share.
pub(super) fn plan(event_id: u32) -> &'static Plan {
    let plans: &'static [Plan] = &PLANS;
    let fits = |plan: &&Plan| plan.spec.id == event_id;
    // Ids begin at 1 and have few gaps, so an id nearly always stands at its own place.
    let own = event_id.checked_sub(1).and_then(|place| plans.get(usize::try_from(place).ok()?)).filter(fits);
    own.or_else(|| plans.iter().find(fits)).unwrap_or(&UNKNOWN)
}

/// Its event id alone: an event's own `Debug` would drown in the rest.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plan({})", self.spec.id)
    }
}

impl Plan {
    /// The cells that may give `field`, best first.
    pub(super) fn cells(&self, field: FieldId) -> &[Cell] {
        self.supply(field).map_or(&[], |supply| &supply.cells)
    }

    /// How `field` is supplied; `None` when it is not.
    pub(super) fn supply(&self, field: FieldId) -> Option<&FieldSupply> {
        let place = self.places.get(usize::try_from(field.0).ok()?)?;
        self.supplied.get(usize::from(*place))
    }

    /// Whether an event may give `field` more than one value.
    pub(super) fn may_give_many(&self, field: FieldId) -> bool {
        self.supply(field)
            .is_some_and(|supply| supply.gathers || supply.cells.iter().any(Cell::may_give_many))
    }

    /// How the fields are supplied that events of this id may have, by path.
    pub(super) fn supplies(&self) -> &[FieldSupply] {
        &self.supplied
    }

    /// The place of the data called `name` (in any case) in the event's table. Data mostly come in the table's order, so `expected` is tried first.
    pub(super) fn slot(&self, name: &str, expected: usize) -> Option<usize> {
        let fields = self.spec.fields;
        if fields.get(expected).is_some_and(|field| field.name == name) {
            return Some(expected);
        }
        fields.iter().position(|field| field.name.eq_ignore_ascii_case(name))
    }

    fn new(spec: &'static EventSpec) -> Self {
        let common = COMMON.iter().map(|(path, common)| (known(path), Cell::Common(*common)));
        let data = spec.fields.iter().enumerate().flat_map(|(slot, data)| data_cells(slot, data));
        let (path, common_time) = LAST_RESORT;
        let last = std::iter::once((known(path), Cell::Common(common_time)));
        let mut cells: Vec<(FieldId, Cell)> = common.chain(own_cells(spec)).chain(data).chain(last).collect();
        cells.sort_by_key(|(field, _)| *field);
        let mut supplied: Vec<FieldSupply> = Vec::new();
        for (field, cell) in cells {
            match supplied.last_mut() {
                Some(last) if last.field == field => last.cells.push(cell),
                _ => {
                    let path = field_of(field).map_or("", |field| field.path.as_str());
                    let gathers = path.starts_with("related.");
                    let mut outlet = Outlet::of(path);
                    // Who stands in the same objects is known at a glance.
                    let before = supplied.last().map(|last| &last.outlet.parents);
                    if let Some(parents) = before.filter(|parents| **parents == outlet.parents) {
                        outlet.parents = Arc::clone(parents);
                    }
                    supplied.push(FieldSupply { field, outlet, cells: vec![cell], gathers });
                }
            }
        }
        let places = places(&supplied);
        let row = |names: &[&str]| spec.fields.iter().position(|field| names.contains(&field.name));
        Self { spec, process: row(&PROCESS), parent: row(&[PARENT]), supplied, places }
    }
}

/// What the id alone decides.
fn own_cells(spec: &'static EventSpec) -> Vec<(FieldId, Cell)> {
    let mut cells: Vec<_> =
        spec.constants.iter().map(|(path, text)| (known(path), Cell::Constant(text))).collect();
    let lists = [
        ("event.category", Cell::Category, !spec.category.is_empty()),
        ("event.type", Cell::Kind, !spec.kinds.is_empty()),
        ("event.action", Cell::Action, !spec.name.is_empty()),
    ];
    cells.extend(lists.into_iter().filter(|(.., there)| *there).map(|(path, cell, _)| (known(path), cell)));
    cells.extend(spec.outcome.map(|outcome| (known("event.outcome"), Cell::Constant(outcome))));
    cells
}

/// What one data gives, its place under `winlog.event_data` included.
fn data_cells(slot: usize, data: &'static DataField) -> impl Iterator<Item = (FieldId, Cell)> {
    let moved = data.supplies.iter().map(move |(path, part)| (known(path), Cell::Data(slot, *part)));
    let left = data.left_as.map(|name| (known(&format!("{EVENT_DATA}{name}")), Cell::Data(slot, Part::Text)));
    moved.chain(left)
}

/// The field at a `path` that the table or this room names.
fn known(path: &str) -> FieldId {
    field_id(path).expect("a test proves that ecs_fields.tsv lists every path the table supplies")
}

/// `supplied` turned round: for each field, its place there.
fn places(supplied: &[FieldSupply]) -> Vec<u16> {
    let mut places = vec![NOWHERE; fields().len()];
    for (place, supply) in supplied.iter().enumerate() {
        let entry = usize::try_from(supply.field.0).ok().and_then(|field| places.get_mut(field));
        if let (Some(entry), Ok(place)) = (entry, u16::try_from(place)) {
            *entry = place;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_a_plan_and_events_stand_in_order() {
        assert!(events().is_sorted_by_key(|spec| spec.id));
        for spec in events() {
            let plan = plan(spec.id);
            assert_eq!(plan.spec.id, spec.id);
            assert!(plan.supplies().iter().all(|supply| !plan.cells(supply.field).is_empty()));
        }
        assert_eq!(plan(4711).spec.id, 0);
    }
}
