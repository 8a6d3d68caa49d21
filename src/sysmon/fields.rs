//! Every field that the schema knows, with its number and type, and [`SysmonSchema`], which the EQL compiler asks. It holds no value.
//!
//! The list is ECS 8.17 as Elastic's index templates carry it, the fields of Elastic's own endpoint (`process.Ext.*` …) that published rules read, and
//! `winlog.event_data.*` for every data name of the table. A field that no Sysmon event supplies is mapped and missing: a rule that names it compiles,
//! and its test on the field is false, as on a cluster that holds other data sources besides.

use std::sync::LazyLock;

use super::schema::events;
use crate::eql::{FieldId, Schema, Type};

/// One known field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The dotted path.
    pub path: String,
    /// The Elasticsearch mapping type.
    pub ecs_type: &'static str,
    /// The same as EQL tells types apart.
    pub kind: Type,
}

/// Path and mapping type of every field outside the table's `winlog.event_data.*`, one per line.
const LIST: &str = include_str!("ecs_fields.tsv");
/// Where the collector puts what the mapping does not move.
pub const EVENT_DATA: &str = "winlog.event_data.";

static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
    let listed = LIST.lines().filter_map(|line| line.split_once('\t'));
    let listed = listed.map(|(path, ecs_type)| field(path.to_owned(), ecs_type));
    let data = events()
        .iter()
        .flat_map(|spec| spec.fields)
        .flat_map(|data| std::iter::once(data.name).chain(data.left_as));
    let mut fields: Vec<Field> =
        listed.chain(data.map(|name| field(format!("{EVENT_DATA}{name}"), "keyword"))).collect();
    fields.sort_by(|left, right| left.path.cmp(&right.path));
    fields.dedup_by(|left, right| left.path == right.path);
    fields
});

/// All fields by path; a field's place is its [`FieldId`].
pub fn fields() -> &'static [Field] {
    &FIELDS
}

/// The field numbered `id`.
pub fn field_of(id: FieldId) -> Option<&'static Field> {
    fields().get(usize::try_from(id.0).ok()?)
}

/// The number of the field at `path`.
pub fn field_id(path: &str) -> Option<FieldId> {
    let place = fields().binary_search_by(|field| field.path.as_str().cmp(path)).ok()?;
    u32::try_from(place).ok().map(FieldId)
}

/// Sysmon's fields as ECS has them.
#[derive(Debug, Clone, Copy, Default)]
pub struct SysmonSchema;

impl Schema for SysmonSchema {
    fn resolve(&self, path: &str) -> Option<(FieldId, Type)> {
        let id = field_id(path)?;
        Some((id, field_of(id)?.kind))
    }

    /// The field with the fewest letters to change, at most a third of `path`'s; the first by name among equals.
    fn nearest(&self, path: &str) -> Option<String> {
        let wanted: Vec<char> = path.to_lowercase().chars().take(MAX_NAME).collect();
        let limit = wanted.len().div_ceil(3);
        let near = fields().iter().map(|field| (distance(&wanted, &field.path.to_lowercase()), field));
        let best = near.min_by_key(|(distance, _)| *distance).filter(|(distance, _)| *distance <= limit);
        best.map(|(_, field)| field.path.clone())
    }

    fn category_field(&self) -> FieldId {
        field_id("event.category").expect("ecs_fields.tsv lists event.category")
    }
}

/// Letters of a misspelt name that are looked at: no field's name is longer, and the time stays bounded.
const MAX_NAME: usize = 120;

/// Levenshtein's distance in letters.
fn distance(left: &[char], right: &str) -> usize {
    let mut row: Vec<usize> = (0..=left.len()).collect();
    for (line, letter) in right.chars().enumerate() {
        let mut diagonal = line;
        let mut before = line.saturating_add(1);
        for (cell, other) in row.iter_mut().skip(1).zip(left) {
            let cost = diagonal.saturating_add(usize::from(letter != *other));
            diagonal = *cell;
            before = cost.min(before.saturating_add(1)).min(diagonal.saturating_add(1));
            *cell = before;
        }
        if let Some(first) = row.first_mut() {
            *first = line.saturating_add(1);
        }
    }
    row.last().copied().unwrap_or(0)
}

fn field(path: String, ecs_type: &'static str) -> Field {
    let kind = match ecs_type {
        "ip" => Type::Ip,
        "long" => Type::Long,
        "float" | "double" | "scaled_float" => Type::Double,
        "boolean" => Type::Boolean,
        "date" => Type::Date,
        "match_only_text" => Type::Text,
        _ => Type::Keyword,
    };
    Field { path, ecs_type, kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_every_supplied_path_is_in_it() {
        let paths: Vec<_> =
            LIST.lines().map(|line| line.split_once('\t').expect("path and type").0).collect();
        assert!(paths.is_sorted_by(|left, right| left < right));
        for spec in events() {
            for (path, _) in spec.fields.iter().flat_map(|field| field.supplies) {
                assert!(field_id(path).is_some(), "{path}");
            }
        }
    }

    #[test]
    fn types_are_those_that_eql_tells_apart() {
        let kind = |path| SysmonSchema.resolve(path).map(|(_, kind)| kind);
        assert_eq!(kind("process.command_line"), Some(Type::Keyword));
        assert_eq!(kind("process.pid"), Some(Type::Long));
        assert_eq!(kind("destination.ip"), Some(Type::Ip));
        assert_eq!(kind("@timestamp"), Some(Type::Date));
        assert_eq!(kind("message"), Some(Type::Text));
        assert_eq!(kind("dll.code_signature.trusted"), Some(Type::Boolean));
        assert_eq!(kind("winlog.event_data.TargetProcessGUID"), Some(Type::Keyword));
        assert_eq!(kind("winlog.event_data.Image"), Some(Type::Keyword));
        assert_eq!(kind("process.Ext.token.integrity_level_name"), Some(Type::Keyword));
        assert_eq!(kind("process.nmae"), None);
    }

    #[test]
    fn a_misspelt_name_finds_its_field() {
        let near = |path| SysmonSchema.nearest(path);
        assert_eq!(near("process.nmae").as_deref(), Some("process.name"));
        assert_eq!(near("Process.Name").as_deref(), Some("process.name"));
        assert_eq!(near("dns.question.nam").as_deref(), Some("dns.question.name"));
        assert_eq!(near("x"), None);
        assert_eq!(near(&"y".repeat(100_000)), None);
    }
}
