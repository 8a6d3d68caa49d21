//! The table for people: rows for `evql fields` and the text of `docs/FIELDS.md`. It states nothing that the table does not.

use std::borrow::Cow;
use std::fmt::Write;

use super::fields::{Field, field_id, fields};
use super::plan::{Cell, plan};
use super::schema::{DataField, EventSpec, Joint, Layout, Part, events};

/// One field as `evql fields` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldRow {
    /// The dotted path.
    pub path: &'static str,
    /// The Elasticsearch mapping type.
    pub ecs_type: &'static str,
    /// The event ids that may have it; empty when none does.
    pub events: Vec<u32>,
    /// What it is made of: data names, or elements of `System`.
    pub sources: Vec<Cow<'static, str>>,
}

impl FieldRow {
    /// The event ids in a few letters: `all`, `never`, or runs such as `1, 5-9`.
    pub fn events_text(&self) -> String {
        match self.events.len() {
            0 => "never".to_owned(),
            count if count == events().len() => "all".to_owned(),
            _ => runs(&self.events),
        }
    }
}

/// The fields whose path `pattern` fits, by path; all without one. A pattern with `*` or `?` is for the whole path, any other for a part of it;
/// case does not matter.
pub fn fields_table(pattern: Option<&str>) -> Vec<FieldRow> {
    let pattern = pattern.map(str::to_lowercase);
    let wanted =
        |field: &&Field| pattern.as_deref().is_none_or(|pattern| fits(pattern, &field.path.to_lowercase()));
    fields().iter().filter(wanted).map(row).collect()
}

/// The text of `docs/FIELDS.md`.
pub fn fields_markdown() -> String {
    let mut text = String::from(INTRODUCTION);
    let rows = fields_table(None);
    let (supplied, never): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| !row.events.is_empty());
    text.push_str(
        "\n## Fields that Sysmon supplies\n\n| field | type | events | from |\n|---|---|---|---|\n",
    );
    for row in &supplied {
        let from = row.sources.join(", ");
        line(
            &mut text,
            format_args!("| `{}` | {} | {} | {from} |", row.path, row.ecs_type, row.events_text()),
        );
    }
    text.push_str("\n## Event by event\n");
    for spec in events() {
        event(&mut text, spec);
    }
    text.push_str(NEVER);
    for row in &never {
        line(&mut text, format_args!("| `{}` | {} |", row.path, row.ecs_type));
    }
    text
}

const INTRODUCTION: &str = "\
# Fields

Generated from `src/sysmon/schema.rs` and `src/sysmon/ecs_fields.tsv`; a test keeps it so (`EVQL_BLESS=1 cargo test --test sysmon_fields` writes it anew).

What an EQL rule can read of a Sysmon event, with the Elasticsearch type that decides which operators are allowed on it. The mapping is that of Elastic's
`windows` integration, data stream `sysmon_operational`, from version 3.8.3 on.
";

const NEVER: &str = "
## Fields that no Sysmon event supplies

They are known, so that a rule which names them compiles; in a Sysmon event they are always missing: a test on one is false, its negation true.
(On a cluster that holds nothing but Sysmon, the fields of Elastic's endpoint, `*.Ext.*`, may not be mapped at all; there a rule naming one is refused,
or, written `?field`, empty.)

| field | type |
|---|---|
";

fn event(text: &mut String, spec: &EventSpec) {
    let list = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let or_none = |words: String| if words.is_empty() { "none".to_owned() } else { words };
    line(text, format_args!("\n### Event {}: {}\n", spec.id, spec.name));
    let (category, kinds) = (or_none(list(spec.category)), or_none(list(spec.kinds)));
    line(
        text,
        format_args!(
            "Category {category}; type {kinds}; System/Version {}; task `{}`.\n",
            spec.version, spec.task
        ),
    );
    text.push_str("| data | type | becomes | since |\n|---|---|---|---|\n");
    for data in spec.fields {
        let since = generation(data.since.max(spec.since));
        line(
            text,
            format_args!("| {} | {} | {} | {since} |", data.name, data.in_type.as_str(), becomes(data)),
        );
    }
}

fn becomes(data: &DataField) -> String {
    let moved = data.supplies.iter().map(|(path, _)| format!("`{path}`"));
    let left = data.left_as.map(|name| format!("`winlog.event_data.{name}`"));
    let all: Vec<_> = moved.chain(left).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

fn generation(layout: Layout) -> &'static str {
    match layout {
        Layout::Sysmon6 => "6",
        Layout::Sysmon9 => "9",
        Layout::Sysmon10 => "10",
        Layout::Sysmon11 => "11",
        Layout::Sysmon12 => "12",
        Layout::Sysmon13 => "13",
        Layout::Sysmon14 => "14",
        Layout::Sysmon15 => "15",
    }
}

fn row(field: &'static Field) -> FieldRow {
    let mut row =
        FieldRow { path: &field.path, ecs_type: field.ecs_type, events: Vec::new(), sources: Vec::new() };
    let Some(id) = field_id(&field.path) else { return row };
    for spec in events() {
        let cells = plan(spec.id).cells(id);
        row.events.extend((!cells.is_empty()).then_some(spec.id));
        for cell in cells {
            let source = source(spec, *cell);
            if !row.sources.contains(&source) {
                row.sources.push(source);
            }
        }
    }
    row
}

fn source(spec: &EventSpec, cell: Cell) -> Cow<'static, str> {
    match cell {
        Cell::Data(_, Part::Joint(Joint::CommunityId)) => {
            Cow::Borrowed("Protocol, both addresses and both ports")
        }
        Cell::Data(slot, _) => Cow::Borrowed(spec.fields.get(slot).map_or("", |field| field.name)),
        Cell::Common(common) => common.describe(),
        Cell::Constant(text) => Cow::Owned(format!("always `{text}`")),
        Cell::Category | Cell::Kind | Cell::Action => Cow::Borrowed("the event id"),
    }
}

/// Whether `path` fits `pattern`, both lower-case.
fn fits(pattern: &str, path: &str) -> bool {
    if !pattern.contains(['*', '?']) {
        return path.contains(pattern);
    }
    let path: Vec<char> = path.chars().collect();
    let mut ends: Vec<bool> = std::iter::once(true).chain(path.iter().map(|_| false)).collect();
    for wanted in pattern.chars() {
        let mut before = false;
        let mut fitted = false;
        for (place, end) in ends.iter_mut().enumerate() {
            let here = place.checked_sub(1).and_then(|place| path.get(place));
            let next = match wanted {
                '*' => fitted || *end,
                '?' => before,
                letter => before && here == Some(&letter),
            };
            before = std::mem::replace(end, next);
            fitted = next;
        }
    }
    ends.last().copied().unwrap_or(false)
}

/// `1, 2, 3, 7` as `1-3, 7`.
fn runs(ids: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for id in ids {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*id) => *last = *id,
            _ => runs.push((*id, *id)),
        }
    }
    let texts = runs
        .iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") });
    texts.collect::<Vec<_>>().join(", ")
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    writeln!(text, "{arguments}").expect("a String takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_choose_by_part_or_by_whole() {
        let paths = |pattern| fields_table(Some(pattern)).into_iter().map(|row| row.path).collect::<Vec<_>>();
        assert_eq!(paths("DNS.Question.Name"), ["dns.question.name"]);
        assert_eq!(
            paths("registry.data.*"),
            ["registry.data.bytes", "registry.data.strings", "registry.data.type"]
        );
        assert_eq!(paths("process.p?d"), ["process.pid"]);
        assert!(paths("*").len() > 1000 && paths("").len() == paths("*").len());
        assert!(paths("no such field").is_empty());
    }

    #[test]
    fn a_row_tells_events_and_sources() {
        let row =
            |path| fields_table(Some(path)).into_iter().find(|row| row.path == path).expect("a known field");
        let executable = row("process.executable");
        assert_eq!(executable.sources, ["Image", "SourceImage", "Destination"]);
        assert_eq!(executable.events_text(), "1-3, 5, 7-15, 17-18, 20, 22-29");
        assert_eq!(row("event.code").events_text(), "all");
        assert_eq!(row("process.Ext.api.name").events_text(), "never");
    }
}
