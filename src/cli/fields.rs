//! `evql fields`: the fields a rule can use and which Sysmon events supply them.

use evql::sysmon;

use super::args::FieldsArgs;
use super::terminal::write_stdout;
use super::{Answer, Exit};

/// Runs `evql fields`.
pub fn run(args: &FieldsArgs) -> Answer {
    let rows = sysmon::fields_table(args.pattern.as_deref());
    let width = rows.iter().map(|row| row.path.len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in &rows {
        text.push_str(&format!("{:width$}  {:12}  {}\n", row.path, row.ecs_type, row.events_text()));
    }
    write_stdout(&text)?;
    Ok(if rows.is_empty() { Exit::Nothing } else { Exit::Success })
}
