//! The built-in rule at the matcher: 300 event streams of the shared corpus, each with exactly its (start, network) pairs.

use evql::time::Timestamp;
use serde_json::{Value as Json, json};

use crate::toy;

/// The corpus is not part of the project: `None` where it is absent.
fn streams() -> Option<String> {
    let folder = std::env::var("EVQL_CORPUS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus").to_owned());
    std::fs::read_to_string(format!("{folder}/streams.jsonl")).ok()
}

#[test]
fn the_builtin_rule_finds_exactly_the_pairs() {
    let Some(streams) = streams() else {
        println!("skipped: no streams.jsonl in ../shared/corpus or $EVQL_CORPUS");
        return;
    };
    let rule = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/rules/builtin/unusual-network-activity.toml"
    ));
    let rule: toml::Table =
        rule.expect("the built-in rule is part of the project").parse().expect("the built-in rule is TOML");
    let query = rule["rule"]["query"].as_str().expect("a rule has a query");
    let mut count = 0;
    for line in streams.lines() {
        let stream: Json = serde_json::from_str(line).expect("a stream is a JSON object");
        let events: Vec<Json> =
            stream["events"].as_array().expect("a stream has events").iter().map(event).collect();
        let found = toy::answer(query, &events, &json!({"@timestamp": "date"}), &[], Some("record"));
        let mut found = found.expect("the built-in rule compiles");
        let mut expected: Vec<Vec<Json>> =
            serde_json::from_value(stream["expected"].clone()).expect("pairs of record ids");
        let by_ids = |pair: &Vec<Json>| pair.iter().map(Json::as_i64).collect::<Vec<_>>();
        found.sort_by_key(by_ids);
        expected.sort_by_key(by_ids);
        assert_eq!(found, expected, "stream {}", stream["stream"]);
        count += 1;
    }
    assert_eq!(count, 300);
}

/// A stream's event as an ECS document. Times are whole milliseconds in the streams.
fn event(event: &Json) -> Json {
    let start = event["event_id"] == 1;
    let time =
        Timestamp::parse(event["utc_time"].as_str().expect("an event has a time")).expect("an RFC 3339 time");
    json!({
        "id": event["record_id"],
        "record": event["record_id"],
        "@timestamp": time.unix_millis(),
        "event.category": if start { json!(["process"]) } else { json!(["network"]) },
        "event.type": if start { json!(["start"]) } else { json!(["connection"]) },
        "event.code": event["event_id"].to_string(),
        "event.provider": "Microsoft-Windows-Sysmon",
        "host.os.type": "windows",
        "host.name": event["host"],
        "process.entity_id": event["process_guid"],
        "process.name": event["process_name"],
        "destination.ip": event["destination_ip"],
        "dns.question.name": event["query_name"],
    })
}
