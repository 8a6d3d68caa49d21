//! `evql query` over event logs, through the program itself: event queries, sequences, pipes, and that nothing is asked twice. Expected values come from
//! the documents that `evql export` writes, filtered here.

mod common;

use std::path::Path;

use common::{at, corpus, evql, samples};
use serde_json::Value;

#[track_caller]
fn ask(query: &str, path: &Path, more: &[&str]) -> common::Ran {
    let path = path.to_str().expect("a path in UTF-8");
    evql([&["query", query, path], more].concat())
}

#[track_caller]
fn lines(query: &str, path: &Path, more: &[&str]) -> Vec<String> {
    let ran = ask(query, path, more);
    assert!(matches!(ran.code, 0 | 2), "exit code {}: {}", ran.code, ran.stderr);
    ran.stdout.lines().map(str::to_owned).collect()
}

fn parsed(lines: &[String]) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[test]
fn an_event_query_gives_the_documents_that_match() {
    let folder = samples();
    let all = parsed(&lines("any where true", &folder, &["-j", "1"]));
    assert!(all.len() > 500, "{} events", all.len());
    let name = |event: &Value| at(event, "process.name").as_str().unwrap_or_default().to_ascii_lowercase();
    let wanted: Vec<&Value> = all
        .iter()
        .filter(|event| {
            let categories = at(event, "event.category");
            (categories == "network"
                || categories.as_array().is_some_and(|all| all.contains(&"network".into())))
                && name(event).starts_with("m")
        })
        .collect();
    assert!(wanted.len() > 5, "{} of network", wanted.len());
    let found = lines("network where process.name : \"m*\"", &folder, &["-j", "1"]);
    assert_eq!(parsed(&found).iter().collect::<Vec<_>>(), wanted);
    assert_eq!(
        lines("network where process.name : \"m*\"", &folder, &["-j", "4"]),
        found,
        "at any thread count"
    );
}

#[test]
fn pipes_take_the_first_and_last_in_the_order_of_time() {
    let folder = samples();
    let time = |event: &Value| at(event, "event.created").as_str().expect("a time").to_owned();
    let mut times: Vec<String> =
        parsed(&lines("network where true", &folder, &[])).iter().map(time).collect();
    times.sort();
    let found =
        |query: &str| -> Vec<String> { parsed(&lines(query, &folder, &[])).iter().map(time).collect() };
    assert_eq!(found("network where true | head 3"), times[..3]);
    assert_eq!(found("network where true | tail 3"), times[times.len() - 3..]);
    assert_eq!(found("network where true | head 4 | tail 2"), times[2..4]);
}

#[test]
fn a_sequence_joins_events_of_one_process_in_order() {
    let folder = samples();
    let query = "sequence by process.entity_id with maxspan=5m [process where event.code == \"1\"] [network where true]";
    let found = parsed(&lines(query, &folder, &[]));
    assert!(found.len() > 10, "{} matches", found.len());
    for answer in &found {
        let events = answer["events"].as_array().expect("events");
        let (start, network) = (&events[0], &events[1]);
        assert_eq!(at(start, "process.entity_id"), at(network, "process.entity_id"));
        assert_eq!(&answer["join_keys"][0], at(start, "process.entity_id"));
        assert!(at(start, "event.created").as_str() <= at(network, "event.created").as_str());
    }
    let none = "sequence by process.entity_id with maxspan=5m [process where event.code == \"1\"] ![network where true]";
    let silent = parsed(&lines(none, &folder, &[]));
    assert!(!silent.is_empty() && silent.iter().all(|answer| answer["events"][1].is_null()));
}

#[test]
fn one_record_in_two_places_is_one_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let tree = common::tree(&samples());
    let (name, bytes) =
        tree.iter().find(|(name, _)| name.ends_with(".evtx") && !name.contains("damaged")).expect("a sample");
    std::fs::write(folder.path().join("a.evtx"), bytes).expect("a file");
    let once = lines("any where true", folder.path(), &[]);
    assert!(!once.is_empty(), "{name} holds events");
    std::fs::write(folder.path().join("b.evtx"), bytes).expect("a file");
    assert_eq!(lines("any where true", folder.path(), &[]), once);
}

#[test]
fn a_wrong_query_is_refused_before_any_log_is_opened() {
    let ran = ask("process where process.nam : \"x\" and gone == 1", Path::new("nowhere"), &[]).expect(3);
    assert!(ran.stderr.contains("did you mean `process.name`?"), "{}", ran.stderr);
    assert!(ran.stderr.contains("query:1:37: error: unknown field `gone`"), "{}", ran.stderr);
    let ran = evql(["explain", "process where process.nam : \"x\""]).expect(3);
    assert!(ran.stdout.contains("Syntax tree\n  event\n    category \"process\"\n    :\n"), "{}", ran.stdout);
}

#[test]
fn the_public_corpus_gives_the_documents_that_match() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("evtx");
    let found = parsed(&lines("process where process.name : \"regsvr32.exe\"", &folder, &[]));
    let all = parsed(&lines("process where process.name != null", &folder, &[]));
    let name = |event: &&Value| {
        at(event, "process.name").as_str().is_some_and(|name| name.eq_ignore_ascii_case("regsvr32.exe"))
    };
    let wanted: Vec<&Value> = all.iter().filter(name).collect();
    assert!(!wanted.is_empty() && wanted.len() < all.len());
    assert_eq!(found.iter().collect::<Vec<_>>(), wanted);
}
