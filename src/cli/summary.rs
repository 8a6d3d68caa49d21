//! What a scan leaves on the terminal: the verdict, the first findings, what was not covered, where the report lies. It computes no finding.

use std::path::Path;

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use evql::finding::{Finding, Outcome, Status};
use evql::report::{finding_target, verdict};

use super::terminal::{Terminal, fit, width};

/// Findings shown in full.
const SHOWN: usize = 5;
/// Problems shown in full.
const PROBLEMS: usize = 5;

/// Says how the scan went; `folder` is where the outputs are, `None` when they went to standard output.
pub fn print(outcome: &Outcome, folder: Option<&Path>, terminal: Terminal) {
    terminal.note(verdict(outcome));
    terminal.note(sources(outcome));
    if !outcome.findings.is_empty() {
        terminal.note(table(&outcome.findings));
    }
    problems(outcome, terminal);
    if let Some(folder) = folder {
        terminal.note(format!("Written to {}", folder.display()));
    }
}

fn sources(outcome: &Outcome) -> String {
    let count = |status: Status| outcome.sources.iter().filter(|source| source.status == status).count();
    let records: u64 = outcome.sources.iter().map(|source| source.records).sum();
    let sysmon: u64 = outcome.sources.iter().map(|source| source.sysmon_records).sum();
    let mut line = format!(
        "{} files read, {} in part, {} unreadable, {} skipped; {records} records, {sysmon} of them Sysmon's",
        count(Status::Read),
        count(Status::Partial),
        count(Status::Unreadable),
        count(Status::Skipped),
    );
    if outcome.interrupted {
        line.push_str("; INTERRUPTED before the end");
    }
    line
}

fn table(findings: &[Finding]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width());
    for finding in findings.iter().take(SHOWN) {
        let time = finding.present().next().map(|event| event.timestamp.to_string()).unwrap_or_default();
        let process = match finding.text("process.name") {
            name if name.is_empty() => finding.text("process.executable"),
            name => name,
        };
        table.add_row([
            format!(" {}", finding.severity.as_str()),
            time.chars().take(19).collect(),
            fit(&finding.host, 40),
            format!("{} → {}", fit(&process, 40), fit(&finding_target(finding), 60)),
        ]);
    }
    if findings.len() > SHOWN {
        table.add_row([format!("  and {} more", findings.len() - SHOWN)]);
    }
    table
}

fn problems(outcome: &Outcome, terminal: Terminal) {
    for damage in outcome.damages.iter().take(PROBLEMS) {
        let place = damage.chunk.map(|chunk| format!(", chunk {chunk}")).unwrap_or_default();
        terminal.note(format!("  {}{place}: {}", fit(&damage.source, 80), fit(&damage.reason, 160)));
    }
    if outcome.damages.len() > PROBLEMS {
        terminal.note(format!("  and {} more problems", outcome.damages.len() - PROBLEMS));
    }
}
