//! Event streams given as JSON lines, written as the Sysmon log they could have come from. It knows the expected pairs, not how they are found.

use std::path::PathBuf;

use evql::synth::sysmon::{Host, Moment, Process, text};
use evql::synth::{FileOptions, Guid, SynthRecord, TypedValue, to_evtx};
use evql::sysmon::schema::{Layout, event_spec};
use evql::time::Timestamp;
use serde_json::Value;

/// The streams and records shared between the project's tests.
pub fn corpus() -> PathBuf {
    std::env::var_os("EVQL_CORPUS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from)
}

/// A stream: its log, and the (start, network) EventRecordIDs that the built-in rule pairs.
pub struct Stream {
    /// Its number.
    pub number: u64,
    /// Its events, in order.
    pub records: Vec<SynthRecord>,
    /// What must come out.
    pub expected: Vec<(u64, u64)>,
}

impl Stream {
    /// The log's bytes.
    pub fn evtx(&self) -> Vec<u8> {
        to_evtx(&self.records, FileOptions::default()).expect("a stream's records fit a chunk")
    }
}

/// The streams of `streams-evtx.jsonl`; `None`, with a line that says so, when the corpus is not there.
pub fn streams() -> Option<Vec<Stream>> {
    let path = corpus().join("streams-evtx.jsonl");
    let Ok(lines) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return None;
    };
    Some(lines.lines().map(|line| stream(&serde_json::from_str(line).expect("a JSON line"))).collect())
}

fn stream(line: &Value) -> Stream {
    let list = |name: &str| line[name].as_array().expect("a list").iter();
    let pair = |it: &Value| (it[0].as_u64().expect("a record id"), it[1].as_u64().expect("a record id"));
    Stream {
        number: line["stream"].as_u64().expect("a number"),
        records: list("events").map(record).collect(),
        expected: list("expected").map(pair).collect(),
    }
}

/// The event as Sysmon 13 logs it, TimeCreated and UtcTime both at `utc_time`.
fn record(event: &Value) -> SynthRecord {
    let field = |name: &str| event[name].as_str();
    let time = Timestamp::parse(field("utc_time").expect("a time")).expect("RFC 3339");
    let host = Host::new(field("host").expect("a host").to_owned(), 1, Layout::Sysmon13);
    let image = format!(r"C:\Windows\System32\{}", field("process_name").expect("a name"));
    let process = Process {
        guid: Guid::parse(field("process_guid").expect("a GUID")).expect("a GUID"),
        pid: 4_242,
        command_line: image.clone().into(),
        image: image.into(),
        user: r"EXAMPLE\alice".into(),
        original_name: None,
        parent: None,
    };
    let id = event["event_id"].as_u64().and_then(|id| u32::try_from(id).ok()).expect("an event id");
    let moment =
        Moment { created: time, utc: time, record_id: event["record_id"].as_u64().expect("a record id") };
    host.record(event_spec(id).expect("Sysmon has it"), moment, &|name| match name {
        "DestinationIp" => field("destination_ip").map(text),
        "DestinationIsIpv6" | "SourceIsIpv6" => {
            Some(TypedValue::Boolean(field("destination_ip").is_some_and(|address| address.contains(':'))))
        }
        "QueryName" => field("query_name").map(text),
        _ => process.start_field(name),
    })
}
