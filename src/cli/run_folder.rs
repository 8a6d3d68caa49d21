//! What a scan wrote, read again: the lines of `findings.jsonl` and `run.json`. It writes nothing.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use evql::error::{Error, Result};
use serde_json::{Map, Value};

/// Tells `each` every object of `findings.jsonl` in `folder`, in order.
///
/// # Errors
/// [`Error::Usage`] when the file cannot be read or a line of it is no object; whatever `each` says.
pub fn findings(folder: &Path, each: &mut dyn FnMut(Value) -> Result<()>) -> Result<()> {
    let path = folder.join("findings.jsonl");
    let unreadable = |error: &dyn std::fmt::Display| {
        Error::Usage(format!(
            "{}: {error}; a run to look into is a folder that `evql scan` wrote with the format jsonl",
            path.display()
        ))
    };
    let file = File::open(&path).map_err(|error| unreadable(&error))?;
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| unreadable(&error))?;
        let object: Value = serde_json::from_str(&line)
            .map_err(|error| unreadable(&format!("line {}: {error}", number + 1)))?;
        each(object)?;
    }
    Ok(())
}

/// `run.json` in `folder`.
///
/// # Errors
/// [`Error::Usage`] when it cannot be read or is no JSON.
pub fn record(folder: &Path) -> Result<Value> {
    let path = folder.join("run.json");
    let unreadable = |error: &dyn std::fmt::Display| Error::Usage(format!("{}: {error}", path.display()));
    let bytes = std::fs::read(&path).map_err(|error| unreadable(&error))?;
    serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))
}

/// The documents of a finding's events, those that had to be missing left out.
pub fn documents(finding: &Value) -> Vec<&Map<String, Value>> {
    let events = finding["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    events.iter().filter_map(Value::as_object).collect()
}

/// The text at `key` of `object`, empty when there is none.
pub fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object[key].as_str().unwrap_or_default()
}
