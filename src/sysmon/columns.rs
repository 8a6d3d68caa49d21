//! The table as columns: one for every field that a Sysmon event can have, so that events fit rows of one shape. It writes no file.

use std::borrow::Cow;
use std::sync::LazyLock;

use super::ecs::ARRAYS;
use super::event::Event;
use super::facts::{Facts, supplied};
use super::fields::{EVENT_DATA, field_id, fields};
use super::plan::plan;
use super::schema::events;
use crate::eql::{FieldId, Type, Value};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// A text: keywords, texts, and addresses as Sysmon wrote them.
    Text,
    /// A list of texts, of one where there is one.
    Texts,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// A point in time, UTC.
    Time,
}

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The field's dotted path.
    pub path: &'static str,
    /// What it holds.
    pub kind: ColumnType,
}

/// The columns, and for each known field the place of its own.
struct Columns {
    columns: Vec<Column>,
    places: Vec<Option<usize>>,
}

static COLUMNS: LazyLock<Columns> = LazyLock::new(|| {
    // An id that the table lacks supplies nothing that the others do not: a test proves it.
    let plans = || events().iter().map(|spec| plan(spec.id));
    let mut columns = Vec::new();
    let mut places = Vec::with_capacity(fields().len());
    for (number, field) in (0_u32..).zip(fields()) {
        let id = FieldId(number);
        let supplied = plans().any(|plan| plan.supply(id).is_some());
        places.push(supplied.then_some(columns.len()));
        if supplied {
            let many = ARRAYS.contains(&field.path.as_str()) || plans().any(|plan| plan.may_give_many(id));
            columns.push(Column { path: field.path.as_str(), kind: column_type(field.kind, many) });
        }
    }
    Columns { columns, places }
});

/// Numbers with a fraction are text: no Sysmon event has one.
fn column_type(kind: Type, many: bool) -> ColumnType {
    match kind {
        _ if many => ColumnType::Texts,
        Type::Long => ColumnType::Integer,
        Type::Boolean => ColumnType::Boolean,
        Type::Date => ColumnType::Time,
        _ => ColumnType::Text,
    }
}

/// All columns, by path.
pub fn columns() -> &'static [Column] {
    &COLUMNS.columns
}

/// The place of the column of the field at `path`.
pub fn column_of(path: &str) -> Option<usize> {
    place(field_id(path)?)
}

fn place(field: FieldId) -> Option<usize> {
    COLUMNS.places.get(usize::try_from(field.0).ok()?).copied().flatten()
}

/// One event, column by column.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cells<'a> {
    /// The place of a column and its value, in the order of the columns; those without a value are left out.
    pub values: Vec<(usize, Value<'a>)>,
    /// Data that no column has, as name and text, by name: what the table does not know.
    pub unlisted: Vec<(Cow<'a, str>, &'a str)>,
}

impl<'a> Cells<'a> {
    /// The values of `event`, as [`super::document`] has them. Of two unlisted data under one name the first counts.
    pub fn of(event: &'a Event) -> Self {
        let given = event
            .plan()
            .supplies()
            .iter()
            .filter_map(|supply| Some((place(supply.field)?, supplied(event, supply))));
        let mut values: Vec<_> = given.filter(|(_, value)| *value != Value::Missing).collect();
        let mut unlisted: Vec<(Cow<'a, str>, &'a str)> = Vec::new();
        for (name, text) in event.others() {
            match column_of(&format!("{EVENT_DATA}{name}")) {
                Some(place) => values.push((place, Value::from_str_opt(Some(text)))),
                None => unlisted.push((name, text)),
            }
        }
        values.sort_by_key(|(place, _)| *place);
        values.dedup_by_key(|(place, _)| *place);
        unlisted.sort_by(|(left, _), (right, _)| left.cmp(right));
        unlisted.dedup_by(|(left, _), (right, _)| left == right);
        Self { values, unlisted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_what_events_supply_and_no_more() {
        let paths: Vec<_> = columns().iter().map(|column| column.path).collect();
        assert!(paths.is_sorted_by(|left, right| left < right));
        for spec in events() {
            for field in plan(spec.id).supplies().iter().map(|supply| supply.field) {
                assert!(place(field).is_some(), "{field:?}");
            }
        }
        assert!(plan(4711).supplies().iter().all(|supply| place(supply.field).is_some()));
        assert_eq!(column_of("cloud.region"), None);
    }

    #[test]
    fn types_are_the_schema_s() {
        let kind = |path| columns().get(column_of(path).expect(path)).map(|column| column.kind);
        assert_eq!(kind("@timestamp"), Some(ColumnType::Time));
        assert_eq!(kind("process.pid"), Some(ColumnType::Integer));
        assert_eq!(kind("destination.ip"), Some(ColumnType::Text));
        assert_eq!(kind("sysmon.file.archived"), Some(ColumnType::Boolean));
        for path in
            ["event.action", "related.hash", "process.args", "dns.answers.data", "registry.data.strings"]
        {
            assert_eq!(kind(path), Some(ColumnType::Texts), "{path}");
        }
        let fractions = fields().iter().filter(|field| field.kind == Type::Double);
        assert!(fractions.filter_map(|field| column_of(&field.path)).next().is_none());
    }
}
