//! `evql fields`: the fields a rule can use, which Sysmon events supply them and from what. It reads no evidence.

use evql::eql::Schema;
use evql::sysmon::{self, SysmonSchema};

use super::args::FieldsArgs;
use super::terminal::{Terminal, write_stdout};
use super::{Answer, Exit};

/// Runs `evql fields`.
pub fn run(args: &FieldsArgs, terminal: Terminal) -> Answer {
    let rows = sysmon::fields_table(args.pattern.as_deref());
    if rows.is_empty() {
        let pattern = args.pattern.as_deref().unwrap_or_default();
        let near = SysmonSchema.nearest(pattern).map(|near| format!("; the nearest is {near}"));
        terminal.note(format!("no field is called like {pattern:?}{}", near.unwrap_or_default()));
        return Ok(Exit::Nothing);
    }
    let head = ["FIELD", "TYPE", "EVENTS", "FROM"].map(str::to_owned);
    let lines: Vec<[String; 4]> = std::iter::once(head)
        .chain(rows.iter().map(|row| {
            [row.path.to_owned(), row.ecs_type.to_owned(), row.events_text(), row.sources.join(", ")]
        }))
        .collect();
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let (path, kind, events) = (width(0), width(1), width(2));
    let mut text = String::new();
    for [field, of, ids, from] in &lines {
        let line = format!("{field:path$}  {of:kind$}  {ids:events$}  {from}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    write_stdout(&text)?;
    Ok(Exit::Success)
}
