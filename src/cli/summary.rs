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
        laid_out(rows(&outcome.findings), usize::from(width()))
            .lines()
            .for_each(|line| terminal.note(format!("  {}", line.trim_end())));
        if outcome.findings.len() > SHOWN {
            terminal.note(format!("  and {} more", outcome.findings.len() - SHOWN));
        }
    }
    suppressed(outcome, terminal);
    if !outcome.near.counts.is_empty() {
        terminal.sentence(&near_misses(outcome));
    }
    terminal.sentence(&sources(outcome));
    older_copies(outcome).into_iter().for_each(|line| terminal.sentence(&line));
    terminal.note("Not covered:");
    for sentence in not_covered(outcome) {
        terminal.sentence(&format!("  {}", fit(&sentence, SENTENCE)));
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
            let (id, reason) = (fit(&entry.id, 60), fit(&entry.reason, 200));
            terminal.sentence(&format!("Set aside: {count} by {id}: {reason}"));
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

/// What is shown of a finding: severity, time, host, process and what it reached.
type Row = [String; 4];

/// The rows as a table; where that is wider than `width` columns, each in two lines.
fn laid_out(rows: Vec<Row>, width: usize) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["severity", "time (UTC)", "host", "process → reached"]);
    table.add_rows(rows.iter());
    let text = table.to_string();
    if text.lines().all(|line| line.trim_end().chars().count() + 2 <= width) {
        return text;
    }
    let lines =
        rows.iter().map(|[severity, time, host, what]| format!("{severity:8}  {time}  {host}\n    {what}\n"));
    lines.collect()
}

/// The worst findings first, then by time.
fn rows(findings: &[Finding]) -> Vec<Row> {
    let mut ranked: Vec<&Finding> = findings.iter().collect();
    ranked.sort_by_key(|finding| Reverse((finding.severity, finding.risk_score)));
    let row = |finding: &Finding| {
        let time = finding.present().next().map(|event| event.timestamp.to_string()).unwrap_or_default();
        let process = match finding.text("process.name") {
            name if name.is_empty() => finding.text("process.executable"),
            name => name,
        };
        let target = match finding_target(finding) {
            target if target.is_empty() => String::new(),
            target => format!(" → {}", fit(&target, 60)),
        };
        [
            finding.severity.as_str().to_owned(),
            time.chars().take(19).collect::<String>().replace('T', " "),
            fit(&finding.host, 40),
            format!("{}{target}", fit(&process, 40)),
        ]
    };
    ranked.into_iter().take(SHOWN).map(row).collect()
}

fn problems(outcome: &Outcome, terminal: Terminal) {
    if !outcome.damages.is_empty() {
        terminal.note("Problems:");
    }
    for damage in outcome.damages.iter().take(PROBLEMS) {
        let place = damage.chunk.map(|chunk| format!(", chunk {chunk}")).unwrap_or_default();
        let (source, reason) = (fit_end(&damage.source, 80), fit(&damage.reason, 160));
        terminal.sentence(&format!("  {source}{place}: {reason}"));
    }
    if outcome.damages.len() > PROBLEMS {
        terminal.note(format!("  and {} more", outcome.damages.len() - PROBLEMS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_as_a_table_takes_two_lines() {
        let row = ["high", "2024-03-12 07:45:50", "ws18.corp.example", "regsvr32.exe → c2.example.net"];
        let rows = || vec![row.map(str::to_owned)];
        let wide = laid_out(rows(), 90);
        assert!(wide.lines().count() == 2 && row.iter().all(|cell| wide.contains(cell)), "{wide}");
        let narrow = laid_out(rows(), 60);
        assert_eq!(
            narrow,
            "high      2024-03-12 07:45:50  ws18.corp.example\n    regsvr32.exe → c2.example.net\n"
        );
    }
}
