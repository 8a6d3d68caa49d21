//! The contents of `samples/`: every story as files, what must come out as JSON lines, and the README that tells both. It writes no file itself.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::file::to_evtx;
use super::stories::stories;
use super::story::{Clocks, Expected, Harm, Story, StoryFile};
use crate::error::Result;

/// A file of `samples/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its path below `samples/`, `/`-separated.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Every file of `samples/`: the logs, `expected.jsonl` and `README.md`. The same bytes on every machine.
///
/// # Errors
/// [`crate::error::Error::Usage`] when a story's record does not fit a chunk.
pub fn samples() -> Result<Vec<Sample>> {
    let stories = stories();
    let mut samples = Vec::new();
    for file in stories.iter().flat_map(|story| &story.files) {
        let mut bytes = to_evtx(&file.records, file.options)?;
        file.harm.apply(&mut bytes);
        samples.push(Sample { path: file.path.clone(), bytes });
    }
    samples.push(Sample { path: "expected.jsonl".to_owned(), bytes: expected(&stories).into_bytes() });
    samples.push(Sample { path: "README.md".to_owned(), bytes: readme(&stories).into_bytes() });
    Ok(samples)
}

/// Writes one JSON line per record of every undamaged sample, in order: `file`, `record_id`, `event_id` and `data`, name to text, as the writer was
/// asked to write them. It is what other parsers are compared with.
///
/// # Errors
/// What `out` says.
pub fn manifest(out: &mut dyn Write) -> io::Result<()> {
    let stories = stories();
    let readable = |file: &&StoryFile| file.harm == Harm::None && file.options.stale_chunk_count.is_none();
    for file in stories.iter().flat_map(|story| &story.files).filter(readable) {
        for record in &file.records {
            let data: Map<String, Value> = record
                .data
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string().into()))
                .collect();
            let line = json!({
                "file": file.path, "record_id": record.record_id, "event_id": record.event_id, "data": data,
            });
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// One line per clock and finding.
fn expected(stories: &[Story]) -> String {
    let mut lines = String::new();
    for clock in Clocks::Both.names() {
        for story in stories {
            for finding in story.findings.iter().filter(|finding| finding.clocks.names().contains(clock)) {
                let line = json!({
                    "clock": clock,
                    "story": story.name,
                    "host": finding.host,
                    "process_name": finding.process_name,
                    "process_guid": finding.process_guid.to_string(),
                    "start_record_id": finding.start_record_id,
                    "network_record_id": finding.network_record_id,
                    "event_id": finding.event_id,
                });
                lines.push_str(&line.to_string());
                lines.push('\n');
            }
        }
    }
    lines
}

const README_HEAD: &str = "\
# Practice evidence

Event logs made by evql's own EVTX writer, one story per folder, and what the built-in rule must find in each. Nothing here comes from a real
computer: hosts and names are `example` ones, addresses are those set aside for documentation, except where an exclusion of the rule needs its own.
`evql synth --samples -o DIR` makes the same bytes again. `expected.jsonl` lists the findings for machines, once per clock: `created`, the default, and
`utc`. What lies in `damaged/` is damaged on purpose.

";

fn readme(stories: &[Story]) -> String {
    let total = |clock: &str| {
        stories
            .iter()
            .flat_map(|story| &story.findings)
            .filter(|finding| finding.clocks.names().contains(&clock))
            .count()
    };
    let mut page = README_HEAD.to_owned();
    let (created, utc) = (total("created"), total("utc"));
    let _ = writeln!(page, "All together: {created} findings by the clock `created`, {utc} by `utc`.");
    for story in stories {
        let _ = writeln!(page, "\n## {}\n\n{}\n", story.name, story.tells);
        for file in &story.files {
            let _ =
                writeln!(page, "- `{}`, {} records{}", file.path, file.records.len(), harm_note(file.harm));
        }
        page.push('\n');
        page.push_str(&findings_table(&story.findings));
    }
    page
}

fn harm_note(harm: Harm) -> String {
    match harm {
        Harm::None => String::new(),
        Harm::Smashed(chunk) => format!(" before chunk {chunk}, counted from 0, was overwritten"),
        Harm::Truncated(length) => format!(" before it was cut to {length} bytes"),
    }
}

fn findings_table(findings: &[Expected]) -> String {
    if findings.is_empty() {
        return "No finding.\n".to_owned();
    }
    let mut table =
        "| host | process | GUID | start | network | event | clocks |\n|---|---|---|---|---|---|---|\n"
            .to_owned();
    for finding in findings {
        let Expected {
            host, process_name, process_guid, start_record_id, network_record_id, event_id, ..
        } = finding;
        let clocks = finding.clocks.names().join(", ");
        let _ = writeln!(
            table,
            "| {host} | {process_name} | `{process_guid}` | {start_record_id} | {network_record_id} | {event_id} | {clocks} |"
        );
    }
    table
}
