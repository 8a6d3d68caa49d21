//! The engine against `tests/vectors/eql-vectors.jsonl`: queries, events and the answers Elasticsearch gives, each with the source of the fact.

use serde_json::{Value as Json, json};

use crate::toy;

#[test]
fn every_vector_gives_its_answer() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/eql-vectors.jsonl");
    let text = std::fs::read_to_string(path).expect("the vectors are part of the project");
    let mut failures = Vec::new();
    let mut count = 0;
    for line in text.lines() {
        let vector: Json = serde_json::from_str(line).expect("a vector is a JSON object");
        count += 1;
        if let Some(failure) = failure_of(&vector) {
            failures.push(failure);
        }
    }
    assert_eq!(count, 127);
    assert!(failures.is_empty(), "{} of {count} fail:\n{}", failures.len(), failures.join("\n"));
}

fn failure_of(vector: &Json) -> Option<String> {
    let query = vector["query"].as_str().expect("a vector has a query");
    let events = vector["events"].as_array().expect("a vector has events");
    let answer = toy::answer(query, events, &Json::Null, &[], vector["tiebreaker_field"].as_str());
    let found = match answer {
        Ok(mut results) => {
            let size = vector["size"].as_u64().map_or(results.len(), |size| size as usize);
            json!(results.split_off(results.len().saturating_sub(size)))
        }
        Err(_) => json!("error"),
    };
    (found != vector["expected"]).then(|| {
        format!("{}: {query}\n  expected {}\n  found    {found}", vector["name"], vector["expected"])
    })
}
