//! Many filters at once answer as each filter alone: every filter of every case and vector that compiles against one common schema, on every event.

use std::path::Path;

use evql::eql::{self, Filter, FilterSet, Scratch};
use serde_json::Value as Json;

use crate::toy;

/// Queries and events of `tests/eql/` and the vectors.
fn material() -> (Vec<String>, Vec<Json>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let vectors = std::fs::read_to_string(root.join("vectors/eql-vectors.jsonl"))
        .expect("the vectors are part of the project");
    let mut texts: Vec<String> = vectors.lines().map(str::to_owned).collect();
    let mut folders: Vec<_> = std::fs::read_dir(root.join("eql"))
        .expect("the cases")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    folders.sort();
    for folder in folders {
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        files.sort();
        texts.extend(files.iter().map(|file| std::fs::read_to_string(file).expect("a case")));
    }
    let mut queries = Vec::new();
    let mut events = Vec::new();
    for text in texts {
        let case: Json = serde_json::from_str(&text).expect("JSON");
        queries.push(case["query"].as_str().expect("a query").to_owned());
        events.extend(case["events"].as_array().expect("events").iter().cloned());
    }
    (queries, events)
}

#[test]
fn the_set_answers_as_each_filter_alone() {
    let (queries, events) = material();
    let schema = toy::ToySchema::new(&events, &Json::Null, &[]);
    let filters: Vec<Filter> = queries
        .iter()
        .filter_map(|query| eql::compile(&eql::parse(query).ok()?, &schema).ok())
        .flat_map(|program| program.stages().iter().map(|stage| stage.filter.clone()).collect::<Vec<_>>())
        .collect();
    assert!(filters.len() > 200, "only {} filters", filters.len());
    let set = FilterSet::new(&filters);
    assert!(set.atom_count() < filters.len(), "equal atoms are shared");
    let names = schema.names();
    let mut scratch = Scratch::default();
    let mut hits = 0;
    for event in &events {
        let record = toy::ToyRecord { names: &names, event };
        let alone: Vec<usize> = filters
            .iter()
            .enumerate()
            .filter(|(_, filter)| filter.matches(&record))
            .map(|(number, _)| number)
            .collect();
        assert_eq!(set.matching(&record, &mut scratch), alone, "{event}");
        hits += alone.len();
    }
    assert!(hits > 1_000, "only {hits} hits");
}
