//! What a scan leaves on the terminal: the verdict, the worst findings, what was not covered, where the report lies. It computes no finding.

use std::cmp::Reverse;
use std::path::Path;

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use evql::finding::{Finding, Outcome};
use evql::report::{Files, Format, finding_target, not_covered, older_copies, verdict};

use super::terminal::{Terminal, fit, fit_end, width};

/// Findings shown.
const SHOWN: usize = 10;
/// Problems shown.
const PROBLEMS: usize = 5;
/// Characters of one sentence, at most.
const SENTENCE: usize = 400;

/// Says how the scan went; `folder` is where the outputs are, `None` when they went to standard output.
pub fn print(outcome: &Outcome, folder: Option<(&Path, &[Format])>, terminal: Terminal) {
    let cut_short = if outcome.interrupted { ", INTERRUPTED before the end" } else { "" };
    terminal.headline(format!("{}{cut_short}", verdict(outcome)));
    if !outcome.findings.is_empty() {
        table(&outcome.findings).lines().for_each(|line| terminal.note(format!("  {}", line.trim_end())));
        if outcome.findings.len() > SHOWN {
            terminal.note(format!("  and {} more", outcome.findings.len() - SHOWN));
        }
    }
    suppressed(outcome, terminal);
    if !outcome.near.counts.is_empty() {
        terminal.note(near_misses(outcome));
    }
    terminal.note(sources(outcome));
    older_copies(outcome).into_iter().for_each(|line| terminal.note(line));
    terminal.note("Not covered:");
    for sentence in not_covered(outcome) {
        terminal.note(format!("  {}", fit(&sentence, SENTENCE)));
    }
    problems(outcome, terminal);
    if let Some((folder, formats)) = folder {
        terminal.note(format!("Written to {}", place(folder, formats)));
    }
}

/// What allow-lists set aside, by entry.
fn suppressed(outcome: &Outcome, terminal: Terminal) {
    for entry in outcome.allow_lists.iter().flat_map(|file| &file.entries) {
        let count = outcome.suppressed.iter().filter(|one| one.entry.id == entry.id).count();
        if count > 0 {
            terminal.note(format!(
                "Set aside: {count} by {}: {}",
                fit(&entry.id, 60),
                fit(&entry.reason, 200)
            ));
        }
    }
}

/// The page, where there is one: it is what to open first.
fn place(folder: &Path, formats: &[Format]) -> String {
    let page = Format::Html.files().first().filter(|_| formats.contains(&Format::Html));
    let files: usize = formats.iter().map(|format| format.files().len()).sum();
    match page {
        Some(page) => format!("{}, and {files} files beside it", folder.join(page).display()),
        None => folder.display().to_string(),
    }
}

fn near_misses(outcome: &Outcome) -> String {
    let near = &outcome.near;
    let kinds: Vec<String> =
        near.by_kind().into_iter().map(|(kind, count)| format!("{count} {}", kind.as_str())).collect();
    let least = if near.more { "at least " } else { "" };
    format!("Near misses: {least}{} ({})", near.total(), kinds.join(", "))
}

fn sources(outcome: &Outcome) -> String {
    let Files { total, read, noted } = Files::of(outcome);
    let noun = if total == 1 { "file" } else { "files" };
    let noted = if noted.is_empty() { noted } else { format!(" ({noted})") };
    let records: u64 = outcome.sources.iter().map(|source| source.records).sum();
    let sysmon: u64 = outcome.sources.iter().map(|source| source.sysmon_records).sum();
    format!("Read {read} of {total} {noun}{noted}; {records} records, {sysmon} of them Sysmon's")
}

/// The worst findings first, then by time.
fn table(findings: &[Finding]) -> String {
    let mut ranked: Vec<&Finding> = findings.iter().collect();
    ranked.sort_by_key(|finding| Reverse((finding.severity, finding.risk_score)));
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(width().saturating_sub(2));
    table.set_header(["severity", "time (UTC)", "host", "process → reached"]);
    for finding in ranked.into_iter().take(SHOWN) {
        let time = finding.present().next().map(|event| event.timestamp.to_string()).unwrap_or_default();
        let process = match finding.text("process.name") {
            name if name.is_empty() => finding.text("process.executable"),
            name => name,
        };
        let target = match finding_target(finding) {
            target if target.is_empty() => String::new(),
            target => format!(" → {}", fit(&target, 60)),
        };
        table.add_row([
            finding.severity.as_str().to_owned(),
            time.chars().take(19).collect::<String>().replace('T', " "),
            fit(&finding.host, 40),
            format!("{}{target}", fit(&process, 40)),
        ]);
    }
    table.to_string()
}

fn problems(outcome: &Outcome, terminal: Terminal) {
    if !outcome.damages.is_empty() {
        terminal.note("Problems:");
    }
    for damage in outcome.damages.iter().take(PROBLEMS) {
        let place = damage.chunk.map(|chunk| format!(", chunk {chunk}")).unwrap_or_default();
        terminal.note(format!("  {}{place}: {}", fit_end(&damage.source, 80), fit(&damage.reason, 160)));
    }
    if outcome.damages.len() > PROBLEMS {
        terminal.note(format!("  and {} more", outcome.damages.len() - PROBLEMS));
    }
}
