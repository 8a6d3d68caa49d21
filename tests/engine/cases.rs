//! The engine's own cases: every file under `tests/eql/` is a query, events and the answer, reasoned from Elasticsearch's sources. To add a case, add a
//! file: `{"why"?, "query", "events", "expected" | "error", "mapping"?, "unmapped"?}`. An event without an `id` gets its place from 1, one without a time
//! that many seconds.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use crate::toy;

#[test]
fn every_case_gives_its_answer() {
    let mut failures = Vec::new();
    let files = files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/eql")));
    assert!(files.len() > 100, "only {} cases found", files.len());
    for file in &files {
        let text = std::fs::read_to_string(file).expect("a case is readable");
        let case: Json =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        if let Some(failure) = failure_of(&case) {
            failures.push(format!("{}\n{failure}", file.display()));
        }
    }
    assert!(failures.is_empty(), "{} of {} fail:\n{}", failures.len(), files.len(), failures.join("\n"));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the cases are part of the project") {
        let path = entry.expect("a folder entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn failure_of(case: &Json) -> Option<String> {
    let query = case["query"].as_str().expect("a case has a query");
    let events: Vec<Json> =
        case["events"].as_array().into_iter().flatten().enumerate().map(completed).collect();
    let unmapped: Vec<String> = serde_json::from_value(case["unmapped"].clone()).unwrap_or_default();
    match (
        toy::answer(query, &events, &case["mapping"], &unmapped, case["tiebreaker"].as_str()),
        &case["error"],
    ) {
        (Ok(found), Json::Null) => (json!(found) != case["expected"])
            .then(|| format!("  {query}\n  expected {}\n  found    {}", case["expected"], json!(found))),
        (Ok(found), error) => {
            Some(format!("  {query}\n  expected the error {error}\n  found {}", json!(found)))
        }
        (Err(errors), expected) => {
            let texts: Vec<String> = errors
                .iter()
                .map(|error| {
                    let place = query.get(error.span.start..error.span.end).unwrap_or("?");
                    format!("`{place}`: {} ({})", error.message, error.help.as_deref().unwrap_or(""))
                })
                .collect();
            let wanted: Vec<&str> =
                expected.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
            let right = wanted.len() == texts.len()
                && wanted.iter().zip(&texts).all(|(part, text)| text.contains(part));
            (!right).then(|| format!("  {query}\n  expected {expected}\n  found errors {texts:#?}"))
        }
    }
}

fn completed((place, event): (usize, &Json)) -> Json {
    let mut event = event.clone();
    for (name, value) in [("id", place + 1), ("@timestamp", (place + 1) * 1000)] {
        if event[name].is_null() {
            event[name] = json!(value);
        }
    }
    event
}
