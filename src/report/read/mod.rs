//! What a run left, read back: `findings.jsonl` and `run.json` → [`Outcome`] and [`Run`]. It needs no evidence and judges nothing anew.

mod lines;
mod record;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};
use crate::finding::{Finding, NearMisses, Outcome, Run, Suppressed};
use crate::hash::sha256;

/// Bytes of a `run.json`, at most: some millions of inputs.
const LONGEST_RECORD: u64 = 4 << 30;

/// A run that was read back.
#[derive(Debug)]
pub struct ReadBack {
    /// What it found and saw. `groups` are empty: they follow from the findings, and whoever judges findings makes them.
    pub outcome: Outcome,
    /// The run.
    pub run: Run,
    /// How many findings its page shows in full.
    pub html_findings: usize,
    /// SHA-256 of the `findings.jsonl` that was read.
    pub findings_sha256: String,
    /// SHA-256 of the `run.json` that was read.
    pub run_sha256: String,
    /// Why what was read may not be what the run wrote, one sentence each.
    pub doubts: Vec<String>,
}

/// What the lines of `findings.jsonl` hold.
#[derive(Default)]
struct Lines {
    findings: Vec<Finding>,
    suppressed: Vec<Suppressed>,
    near: NearMisses,
    sha256: String,
}

/// Reads the folder `dir` that a scan wrote.
///
/// # Errors
/// [`Error::Usage`] when `findings.jsonl` or `run.json` is not there, cannot be understood, or is of a newer schema; the text names file and line.
pub fn read_folder(dir: &Path) -> Result<ReadBack> {
    let path = dir.join("run.json");
    let bytes = bytes(&path)?;
    let record = record::parse(&bytes).map_err(|problem| unreadable(&path, &problem))?;
    let lines = lines::read(&dir.join("findings.jsonl"), &record)?;
    let doubts = record.doubts(&lines);
    Ok(ReadBack {
        html_findings: record.html_findings(),
        findings_sha256: lines.sha256.clone(),
        run_sha256: sha256(&bytes),
        run: record.run(),
        outcome: record.outcome(lines),
        doubts,
    })
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST_RECORD).read_to_end(&mut bytes));
    read.map_err(|error| unreadable(path, &error))?;
    Ok(bytes)
}

fn unreadable(path: &Path, problem: &dyn std::fmt::Display) -> Error {
    Error::Usage(format!(
        "{}: {problem}\n  a run to read back is a folder that `evql scan` wrote with the format jsonl, and finished",
        path.display()
    ))
}

/// Why a file of `schema` cannot be read by this version, which reads up to `own`.
fn newer(schema: i64, own: i64) -> Option<String> {
    (schema > own).then(|| {
        format!("it was written by a newer evql (schema {schema}, this one reads {own}): read it with that version")
    })
}
