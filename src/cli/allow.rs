//! `evql allow`: allow-lists checked and tried on a run; and loading them for a scan. It sets nothing aside itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use evql::error::{Error, Result};
use evql::rules::read_allow_list;
use evql::scan::AllowSet;
use evql::time::Timestamp;

use super::args::AllowCommand;
use super::run_folder::{documents, findings, text};
use super::terminal::{Terminal, fit, write_stdout};
use super::{Answer, Exit};

/// Findings named for an entry.
const NAMED: usize = 20;

/// Runs `evql allow`.
pub fn run(command: &AllowCommand, terminal: Terminal) -> Answer {
    let AllowCommand::Check { file, run } = command;
    let allow = load(std::slice::from_ref(file), Timestamp::now(), terminal)?;
    let described = match run {
        Some(run) => Some(described(&allow, run)?),
        None => None,
    };
    let mut out = String::new();
    for entry in allow.entries() {
        let state = if entry.expired { "expired on" } else { "until" };
        out.push_str(&format!(
            "{}  {state} {}  {}, {}\n",
            fit(&entry.id, 60),
            entry.expires,
            fit(&entry.reason, 200),
            fit(&entry.author, 60)
        ));
        if let Some(described) = &described {
            out.push_str(&named(described.get(&entry.id).map(Vec::as_slice).unwrap_or_default()));
        }
    }
    let count = allow.entries().count();
    let expired = allow.entries().filter(|entry| entry.expired).count();
    out.push_str(&format!("{count} entries, {expired} of them expired\n"));
    write_stdout(&out)?;
    Ok(Exit::Success)
}

/// The allow-lists at `paths`, compiled. What has expired by `now` is told of.
///
/// # Errors
/// [`Error::Rule`] when any of them is wrong; what is wrong has been shown.
pub fn load(paths: &[PathBuf], now: Timestamp, terminal: Terminal) -> Result<AllowSet> {
    let today: String = now.to_string().chars().take("2026-11-24".len()).collect();
    let (mut lists, mut wrong) = (Vec::new(), Vec::new());
    for path in paths {
        match read_allow_list(path, &today) {
            Ok(list) => lists.push(list),
            Err(problem) => wrong.push(problem),
        }
    }
    let set = AllowSet::new(&lists).unwrap_or_else(|problems| {
        wrong.extend(problems);
        AllowSet::default()
    });
    wrong.iter().for_each(|problem| terminal.problem(problem));
    if !wrong.is_empty() {
        return Err(Error::Rule("an allow-list is wrong; nothing was done".into()));
    }
    for entry in set.entries().filter(|entry| entry.expired) {
        terminal.warning(format!(
            "the allow-list entry {} expired on {} and is not applied",
            fit(&entry.id, 60),
            entry.expires
        ));
    }
    Ok(set)
}

/// The findings of the run in `folder`, set aside or not, by the ids of the entries that describe them.
fn described(allow: &AllowSet, folder: &Path) -> Result<BTreeMap<String, Vec<String>>> {
    let mut described: BTreeMap<String, Vec<String>> = BTreeMap::new();
    findings(folder, &mut |finding| {
        if matches!(text(&finding, "type"), "finding" | "suppressed") {
            let (rule, documents) = (&finding["rule"], documents(&finding));
            for entry in allow.describing(text(rule, "id"), text(rule, "name"), &documents) {
                let line = format!(
                    "{}  {}  {} on {}",
                    text(&finding, "finding_id"),
                    text(&finding, "severity"),
                    text(&finding["process"], "name"),
                    text(&finding["host"], "name")
                );
                described.entry(entry.id.clone()).or_default().push(line);
            }
        }
        Ok(())
    })?;
    Ok(described)
}

fn named(lines: &[String]) -> String {
    let mut out = format!("  describes {} of the run's findings\n", lines.len());
    lines.iter().take(NAMED).for_each(|line| out.push_str(&format!("    {}\n", fit(line, 200))));
    if lines.len() > NAMED {
        out.push_str(&format!("    and {} more\n", lines.len() - NAMED));
    }
    out
}
