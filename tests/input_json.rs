//! Events exported as JSON in every known form: written here from what the logs gave, read back, and compared with the logs. Hostile JSON costs only itself.

mod common;
mod input_support;

use std::fs;
use std::path::{Path, PathBuf};

use common::{at, corpus, evql, findings, json_lines, samples};
use evql::finding::DamageKind;
use evql::input::detect::{Kind, detect};
use evql::input::{RawRecord, ReaderKind};
use evql::sysmon::Facts;
use input_support::{Told, read, read_bytes};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

#[track_caller]
fn told(bytes: &[u8]) -> Told {
    read_bytes(bytes, ReaderKind::Fast).0
}

/// Numbers and booleans as evtx_dump types them.
fn typed(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "" => Value::Null,
        text => text
            .parse::<u32>()
            .ok()
            .filter(|number| number.to_string() == text)
            .map_or(json!(text), |number| json!(number)),
    }
}

fn named(record: &RawRecord, value: fn(&str) -> Value) -> Map<String, Value> {
    record.data.iter().map(|(name, text)| (name.clone(), value(text))).collect()
}

fn time(record: &RawRecord) -> Value {
    record.system.time_created.map_or(Value::Null, |time| {
        // `Timestamp` prints microseconds; the event log has one digit more.
        let tick = time.ticks().rem_euclid(10);
        json!(time.to_string().replace("+00:00", &format!("{tick}Z")))
    })
}

/// `evtx_dump -o jsonl`.
fn evtx_dump(record: &RawRecord) -> Value {
    let system = &record.system;
    json!({"Event": {
        "#attributes": {"xmlns": "http://schemas.microsoft.com/win/2004/08/events/event"},
        "System": {
            "Provider": {"#attributes": {"Name": system.provider, "Guid": system.provider_guid}},
            "EventID": {"#attributes": {"Qualifiers": ""}, "#text": system.event_id},
            "Version": system.version, "Level": system.level, "Task": system.task, "Opcode": system.opcode,
            "Keywords": system.keywords,
            "TimeCreated": {"#attributes": {"SystemTime": time(record)}},
            "EventRecordID": system.record_id,
            "Correlation": null,
            "Execution": {"#attributes": {"ProcessID": system.process_id, "ThreadID": system.thread_id}},
            "Channel": system.channel, "Computer": system.computer,
            "Security": {"#attributes": {"UserID": system.user_id}},
        },
        "EventData": named(record, typed),
    }})
}

/// The same with `--separate-json-attributes`.
fn separate(record: &RawRecord) -> Value {
    let system = &record.system;
    json!({
        "Event_attributes": {"xmlns": "http://schemas.microsoft.com/win/2004/08/events/event"},
        "Event": {
        "System": {
            "Provider_attributes": {"Name": system.provider, "Guid": system.provider_guid}, "Provider": null,
            "EventID": system.event_id,
            "Version": system.version, "Level": system.level, "Task": system.task, "Opcode": system.opcode,
            "Keywords": system.keywords,
            "TimeCreated_attributes": {"SystemTime": time(record)},
            "EventRecordID": system.record_id,
            "Execution_attributes": {"ProcessID": system.process_id, "ThreadID": system.thread_id},
            "Channel": system.channel, "Computer": system.computer,
            "Security_attributes": {"UserID": system.user_id},
        },
        "EventData": named(record, typed),
    }})
}

/// A row of Velociraptor's `parse_evtx`.
fn velociraptor(record: &RawRecord) -> Value {
    let system = &record.system;
    let seconds = system.time_created.map(|time| time.unix_micros() as f64 / 1e6);
    json!({
        "System": {
            "Provider": {"Name": system.provider, "Guid": system.provider_guid},
            "EventID": {"Value": system.event_id},
            "Version": system.version, "Level": system.level, "Task": system.task, "Opcode": system.opcode,
            "Keywords": 9_223_372_036_854_775_808_u64,
            "TimeCreated": {"SystemTime": seconds},
            "EventRecordID": system.record_id,
            "Correlation": {},
            "Execution": {"ProcessID": system.process_id, "ThreadID": system.thread_id},
            "Channel": system.channel, "Computer": system.computer,
            "Security": {"UserID": system.user_id},
        },
        "EventData": named(record, typed),
        "Message": "rendered",
    })
}

/// What winlogbeat ships.
fn winlogbeat(record: &RawRecord) -> Value {
    let system = &record.system;
    let data: Map<String, Value> = named(record, |text| json!(text));
    json!({
        "@timestamp": time(record),
        "@metadata": {"beat": "winlogbeat", "type": "_doc", "version": "8.17.0"},
        "event": {"code": system.event_id.to_string(), "kind": "event", "provider": system.provider, "created": "2030-01-01T00:00:00.000Z"},
        "host": {"name": "collector"},
        "log": {"level": "information"},
        "winlog": {
            "provider_name": system.provider, "provider_guid": system.provider_guid, "event_id": system.event_id.to_string(),
            "record_id": system.record_id, "channel": system.channel, "computer_name": system.computer, "opcode": "Info",
            "version": system.version, "process": {"pid": system.process_id, "thread": {"id": system.thread_id}},
            "user": {"identifier": system.user_id, "name": "SYSTEM"}, "task": "x",
            "event_data": data,
        },
    })
}

/// The flat form: NXLog's names, the log's own time as text without a zone, numbers as text.
fn flat(record: &RawRecord) -> Value {
    let system = &record.system;
    let time = time(record).as_str().map(|text| text.replace('T', " ").replace('Z', ""));
    let mut object = json!({
        "@version": "1", "type": "wineventlog", "host": "collector",
        "EventTime": time, "Hostname": system.computer, "Keywords": -9_223_372_036_854_775_808_i64,
        "EventType": "INFO", "SeverityValue": 2, "EventID": system.event_id.to_string(), "SourceName": system.provider,
        "ProviderGuid": system.provider_guid, "Version": system.version, "Task": system.task, "OpcodeValue": 0,
        "RecordNumber": system.record_id, "ExecutionProcessID": system.process_id, "ExecutionThreadID": system.thread_id,
        "Channel": system.channel, "UserID": system.user_id, "Opcode": "Info",
    });
    let members = object.as_object_mut().expect("an object");
    // A name that System has too is lost in this form; only event 4 has one.
    members.extend(named(record, |text| json!(text)).into_iter().filter(|(name, _)| name != "Version"));
    object
}

type Writer = fn(&RawRecord) -> Value;
const FORMS: [(&str, Writer); 5] = [
    ("evtx_dump", evtx_dump),
    ("separate", separate),
    ("velociraptor", velociraptor),
    ("winlogbeat", winlogbeat),
    ("flat", flat),
];

fn lines(records: &[RawRecord], write: Writer) -> String {
    records.iter().map(|record| format!("{}\n", write(record))).collect()
}

fn every_event() -> Vec<RawRecord> {
    read(&samples().join("every-event.evtx"), ReaderKind::Fast).0.records
}

/// The record's data that hold something, sorted: what a form cannot keep is their order.
fn data(record: &RawRecord) -> Vec<(&str, &str)> {
    let mut data: Vec<_> = record.data.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    data.retain(|(name, text)| !text.is_empty() && *name != "Version");
    data.sort_unstable();
    data
}

#[test]
fn every_form_of_every_event_tells_what_the_log_tells() {
    let log = every_event();
    assert!(log.len() >= 30);
    for (form, write) in FORMS {
        let told = told(lines(&log, write).as_bytes());
        assert_eq!(told.damages, [], "{form}");
        assert_eq!(told.records.len(), log.len(), "{form}");
        for (read, original) in told.records.iter().zip(&log) {
            let (ours, theirs) = (&read.system, &original.system);
            assert_eq!(ours.provider, theirs.provider, "{form}");
            assert_eq!(ours.provider_guid, theirs.provider_guid, "{form}");
            assert_eq!(
                (ours.event_id, ours.record_id, ours.version),
                (theirs.event_id, theirs.record_id, theirs.version),
                "{form}"
            );
            assert_eq!(
                (ours.process_id, ours.thread_id, ours.opcode),
                (theirs.process_id, theirs.thread_id, theirs.opcode),
                "{form}"
            );
            assert_eq!(
                (&ours.channel, &ours.computer, &ours.user_id),
                (&theirs.channel, &theirs.computer, &theirs.user_id),
                "{form}"
            );
            let micros = |record: &RawRecord| record.system.time_created.map(|time| time.unix_micros());
            assert_eq!(micros(read), micros(original), "{form}");
            let (mut ours, theirs) = (data(read), data(original));
            ours.retain(|(name, _)| theirs.iter().any(|(known, _)| known == name));
            assert_eq!(ours, theirs, "{form}");
        }
    }
}

#[test]
fn the_same_objects_in_any_layout_and_encoding_are_the_same_events() {
    let log = every_event();
    for (form, write) in FORMS {
        let values: Vec<Value> = log.iter().map(write).collect();
        let expected = told(lines(&log, write).as_bytes());
        let pretty = |value: &Value| serde_json::to_string_pretty(value).expect("JSON");
        let numbered =
            values.iter().enumerate().map(|(number, value)| format!("Record {number}\n{}\n", pretty(value)));
        for text in [
            Value::from(values.clone()).to_string(),
            pretty(&Value::from(values.clone())),
            numbered.collect(),
            values.iter().map(Value::to_string).collect(),
            lines(&log, write).replace('\n', "\r\n"),
        ] {
            for mark in ["", "\u{FEFF}"] {
                let text = format!("{mark}{text}");
                let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
                let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
                for bytes in [text.as_bytes(), &little, &big] {
                    assert!(told(bytes) == expected, "{form}: {:?}", &bytes[..40]);
                }
            }
        }
    }
}

/// Logs worth comparing: the samples, and the public logs where they are.
fn logs() -> Vec<PathBuf> {
    let mut logs = Vec::new();
    let mut open = vec![samples()];
    open.extend(corpus().map(|corpus| corpus.join("evtx")));
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            let damaged = path.ends_with("samples/damaged");
            if path.is_dir() && !damaged {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "evtx") {
                logs.push(path);
            }
        }
    }
    logs.sort();
    logs
}

/// What makes a finding itself, wherever it was read: rule, host, process and records.
fn essence(finding: &Value) -> String {
    let paths = [
        "rule.id",
        "host.name",
        "process.entity_id",
        "process.name",
        "events.0.winlog.record_id",
        "events.1.winlog.record_id",
        "events.1.destination.ip",
        "events.1.dns.question.name",
    ];
    paths.map(|path| at(finding, path).to_string()).join(" ")
}

const CLOCKS: [&str; 2] = ["created", "utc"];

fn essences(path: &Path, clock: &str) -> Vec<String> {
    let options = ["--clock", clock, "--no-stories", "--no-near-misses", "--no-hash"];
    let mut list: Vec<_> = findings(&[path], &options).iter().map(essence).collect();
    list.sort();
    list
}

/// Each log written anew under its number, so that several logs stay several sources.
fn rewritten(logs: &[PathBuf], rewrite: impl Fn(&Path) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (number, log) in logs.iter().enumerate() {
        fs::write(folder.path().join(format!("{number:03}.txt")), rewrite(log)).expect("written");
    }
    folder
}

fn originals(logs: &[PathBuf]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (number, log) in logs.iter().enumerate() {
        fs::copy(log, folder.path().join(format!("{number:03}.evtx"))).expect("copied");
    }
    folder
}

#[test]
fn exports_give_the_findings_of_their_logs() {
    let logs = logs();
    let original = originals(&logs);
    let expected = CLOCKS.map(|clock| essences(original.path(), clock));
    assert!(expected.iter().all(|essences| essences.len() >= 20), "{expected:#?}");
    for (form, write) in FORMS {
        let exports = rewritten(&logs, |log| lines(&read(log, ReaderKind::Fast).0.records, write));
        for (clock, expected) in CLOCKS.iter().zip(&expected) {
            assert_eq!(&essences(exports.path(), clock), expected, "{form} by {clock}");
        }
    }
}

/// A named file is asked as an event log when it tells of events in Windows's own terms; ECS documents are asked as they stand, and answer the same.
#[test]
fn a_query_of_an_export_answers_as_one_of_the_log() {
    let log = logs().into_iter().find(|log| read(log, ReaderKind::Fast).0.records.len() > 5).expect("a log");
    let answers = |path: &Path| {
        let path = path.to_str().expect("a path in UTF-8");
        let ran =
            evql(["query", "any where true", path, "--format", "csv", "--fields", "event.code,process.pid"]);
        ran.stdout
    };
    let expected = answers(&log);
    assert!(expected.lines().count() > 6, "{expected}");
    for (form, write) in FORMS {
        let export =
            rewritten(std::slice::from_ref(&log), |log| lines(&read(log, ReaderKind::Fast).0.records, write));
        assert_eq!(answers(&export.path().join("000.txt")), expected, "{form}");
    }
}

/// Two records of one moment that an export gave no ids are two findings with ids of their own.
#[test]
fn findings_of_records_without_ids_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let event = |guid: &str, event: u32, more: Value| {
        let mut event = json!({"EventID": event, "SourceName": "Microsoft-Windows-Sysmon", "Channel": "Microsoft-Windows-Sysmon/Operational",
            "EventTime": "2024-03-01 10:00:00", "Hostname": "WS01", "Image": "C:\\x\\mshta.exe", "ProcessGuid": guid});
        event.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        format!("{event}\n")
    };
    let rule = folder.path().join("rule.eql");
    fs::write(&rule, "process where process.pid > 0").expect("written");
    let events: String = (1..=3)
        .map(|pid| event("{11111111-1111-1111-1111-111111111111}", 1, json!({"ProcessId": pid})))
        .collect();
    let export = folder.path().join("export.json");
    fs::write(&export, events).expect("written");
    let found = findings(&[&export], &["--no-builtin", "--rules", rule.to_str().expect("a path in UTF-8")]);
    let ids: std::collections::BTreeSet<_> =
        found.iter().map(|finding| at(finding, "finding_id").to_string()).collect();
    assert_eq!((found.len(), ids.len()), (3, 3), "{found:?}");
}

/// A document without `evidence`, which names another file. Nothing else in it differs, although the event read back lacks what no field holds:
/// 100 ns of TimeCreated, DestinationIsIpv6, hashes of zeros and `Unknown`, algorithms but the four, placeholders, data that give no value (a name without
/// a backslash), which half of a QWORD was which, whose port a protocol's name was, DNS records of unknown types, and Keywords and Task of System.
fn comparable(mut document: Value) -> Value {
    document.as_object_mut().expect("an object").remove("evidence");
    document
}

#[test]
fn a_document_read_back_is_the_same_document() {
    let logs = logs();
    let original = originals(&logs);
    let folder = tempfile::tempdir().expect("a folder");
    let export = |path: &Path, more: &[&str]| {
        let arguments =
            ["export", "--no-hash"].iter().map(|it| (*it).into()).chain([path.as_os_str().to_owned()]);
        evql(arguments.chain(more.iter().map(|it| (*it).into()))).stdout
    };
    let first = export(original.path(), &[]);
    let wanted: Vec<_> = json_lines(&first).into_iter().map(comparable).collect();
    let expected = CLOCKS.map(|clock| essences(original.path(), clock));
    let file = folder.path().join("documents");
    for (text, how) in [
        (first.clone(), "plain"),
        (export(original.path(), &["--bulk"]), "bulk"),
        (first.lines().map(|line| format!("{{\"_index\":\"x\",\"_source\":{line}}}\n")).collect(), "hits"),
        (response(&first), "a search's response"),
        (first.lines().map(dotted).collect(), "dotted"),
    ] {
        fs::write(&file, text).expect("written");
        let second = json_lines(&export(&file, &[]));
        assert_eq!(second.len(), wanted.len(), "{how}");
        for (second, wanted) in second.into_iter().zip(&wanted) {
            assert_eq!(&comparable(second), wanted, "{how}");
        }
        for (clock, expected) in CLOCKS.iter().zip(&expected) {
            assert_eq!(&essences(&file, clock), expected, "{how} by {clock}");
        }
    }
}

/// What `_search` answers when the documents on `lines` are the hits, indented as a console prints it.
fn response(lines: &str) -> String {
    let hits: Vec<Value> =
        json_lines(lines).into_iter().map(|document| json!({"_index": "x", "_source": document})).collect();
    let total = json!({"value": hits.len(), "relation": "eq"});
    let response = json!({"took": 3, "hits": {"total": total, "hits": hits}, "status": 200});
    serde_json::to_string_pretty(&response).expect("JSON")
}

/// The document on `line` with one level of dotted names, as Elasticsearch's `fields` has them.
fn dotted(line: &str) -> String {
    fn flatten(path: &str, value: &Value, into: &mut Map<String, Value>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    flatten(&path, value, into);
                }
            }
            other => {
                into.insert(path.to_owned(), other.clone());
            }
        }
    }
    let mut into = Map::new();
    flatten("", &serde_json::from_str(line).expect("JSON"), &mut into);
    format!("{}\n", Value::from(into))
}

/// Expected: the data of events 3, 13, 22 and 28 as Sysmon writes them, worked back by hand from the published mapping.
#[test]
fn what_a_pipeline_moved_is_back_under_sysmons_names() {
    let restored = |code: u32, fields: Value| -> Vec<(String, String)> {
        let document = json!({"@timestamp": "2024-03-01T10:00:00.120Z",
            "event": {"code": code.to_string(), "provider": "Microsoft-Windows-Sysmon", "created": "2024-03-01T10:00:01.000Z"}});
        let mut document = document.as_object().expect("an object").clone();
        let event = document.clone();
        document.extend(fields.as_object().expect("an object").clone());
        assert_eq!(document["event"], event["event"]);
        let record = told(Value::from(document).to_string().as_bytes()).records.remove(0);
        let event =
            evql::sysmon::Event::from_raw(record, &evql::sysmon::Options::default()).expect("Sysmon's");
        assert_eq!(event.created().to_iso_millis(), "2024-03-01T10:00:01.000Z");
        assert_eq!(event.named("UtcTime"), Some("2024-03-01 10:00:00.120"));
        event.data().iter().filter(|(name, _)| name != "UtcTime").cloned().collect()
    };
    let expect = |found: Vec<(String, String)>, expected: &[(&str, &str)]| {
        let found: Vec<_> = found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(found, expected);
    };
    let connection = json!({
        "process.entity_id": "{365abb72-0244-5cd8-0000-0010ec1b2c00}", "process": {"pid": 7, "executable": r"C:\a\b.exe", "name": "b.exe"},
        "user": {"name": "alice", "domain": "CORP"}, "network": {"direction": "ingress", "type": "ipv4", "transport": "tcp", "protocol": "https"},
        "source": {"ip": "192.0.2.1", "port": 50000}, "destination": {"ip": "192.0.2.2", "port": 443}, "agent": {"id": "x"},
    });
    expect(
        restored(3, connection),
        &[
            ("ProcessGuid", "{365abb72-0244-5cd8-0000-0010ec1b2c00}"),
            ("ProcessId", "7"),
            ("Image", r"C:\a\b.exe"),
            ("User", r"CORP\alice"),
            ("Protocol", "tcp"),
            ("Initiated", "false"),
            ("SourceIsIpv6", "false"),
            ("SourceIp", "192.0.2.1"),
            ("SourcePort", "50000"),
            ("DestinationIp", "192.0.2.2"),
            ("DestinationPort", "443"),
            ("DestinationPortName", "https"),
        ],
    );
    let registry = json!({"registry": {"path": r"HKLM\a\b", "value": "b", "data": {"type": "SZ_DWORD", "strings": ["26"]}}});
    expect(restored(13, registry), &[("TargetObject", r"HKLM\a\b"), ("Details", "DWORD (0x0000001a)")]);
    let answers = json!([{"type": "CNAME", "data": "b.example"}, {"type": "A", "data": "192.0.2.1"}, {"type": "SOA"}, {"data": "lost"}]);
    let query = json!({"dns": {"question": {"name": "a.example"}, "answers": answers}, "sysmon": {"dns": {"status": "SUCCESS"}}});
    expect(
        restored(22, query),
        &[
            ("QueryName", "a.example"),
            ("QueryStatus", "0"),
            ("QueryResults", "type:  5 b.example;192.0.2.1;type:  6 ;"),
        ],
    );
    let (sha256, sha1, md5) = ("a".repeat(64), "b".repeat(40), "c".repeat(32));
    let hashes = format!("SHA256={},SHA1={},MD5={}", "A".repeat(64), "B".repeat(40), "C".repeat(32));
    expect(restored(28, json!({"related": {"hash": [sha256, sha1, md5, "d"]}})), &[("Hashes", &hashes)]);
}

#[test]
fn a_log_and_its_export_are_copies() {
    let sample = samples().join("mshta");
    let alone = findings(&[&sample], &[]);
    assert!(!alone.is_empty());
    let logs: Vec<_> = logs().into_iter().filter(|log| log.starts_with(&sample)).collect();
    for (form, write) in FORMS {
        let exports = rewritten(&logs, |log| lines(&read(log, ReaderKind::Fast).0.records, write));
        let both = findings(&[&sample, exports.path()], &[]);
        assert_eq!(both.len(), alone.len(), "{form}");
        for finding in both {
            assert_eq!(at(&finding, "events.0.evidence.copies"), 2, "{form}");
        }
    }
}

#[test]
fn without_record_ids_only_the_same_event_is_a_copy() {
    let connection = |address: &str| {
        json!({"EventTime": "2024-03-01 10:00:00", "Hostname": "ws01", "EventID": 3, "Channel": "Microsoft-Windows-Sysmon/Operational",
            "UtcTime": "2024-03-01 10:00:00.000", "ProcessGuid": "{365ABB72-0244-5CD8-0000-0010EC1B2C00}", "DestinationIp": address})
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("flat.json");
    let text: String = ["192.0.2.1", "192.0.2.2", "192.0.2.1"]
        .map(connection)
        .iter()
        .map(|event| format!("{event}\n"))
        .collect();
    fs::write(&file, text).expect("written");
    // A folder is asked as evidence; a JSON file named to `query` would be asked as documents.
    let path = folder.path().to_string_lossy().into_owned();
    assert_eq!(evql(["query", "network where true", &path]).expect(0).json_lines().len(), 2);
}

#[test]
fn the_flat_forms_names_are_told_apart() {
    let event = json!({
        "type": "wineventlog", "EventTime": "2021-04-05T12:10:09+02:00", "Hostname": "ws01", "EventType": "INFO", "EventID": 25,
        "RecordNumber": "113745", "ProcessID": 11220, "ThreadID": 4416, "Channel": "Microsoft-Windows-Sysmon/Operational",
        "Message": "Process Tampering:\r\nx", "Version": "15.0", "UtcTime": "2021-04-05 10:10:09.363", "Type": "Image is replaced",
    });
    let told = told(event.to_string().as_bytes());
    let [record] = told.records.as_slice() else { panic!("{told:?}") };
    assert_eq!(record.system.provider, "Microsoft-Windows-Sysmon");
    assert_eq!((record.system.process_id, record.system.record_id), (Some(11220), Some(113_745)));
    assert_eq!(
        record.system.time_created.map(evql::time::Timestamp::to_iso_millis).as_deref(),
        Some("2021-04-05T10:10:09.000Z")
    );
    assert_eq!(record.message.as_deref(), Some("Process Tampering:\r\nx"));
    let names: Vec<_> = record.data.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Version", "UtcTime", "Type", "type"]);
}

#[test]
fn other_json_stays_no_evidence() {
    for text in ["{\"results\":[1,2,3]}", "[{\"name\":\"x\"}]", "{}", "{\"rule\":{\"winlog\":1}}"] {
        assert_eq!(detect(text.as_bytes()), Kind::Other, "{text}");
    }
    let long = format!(
        "{{\"Message\":\"{}\",\"Channel\":\"x\",\"EventID\":1,\"UtcTime\":\"\"}}",
        "m".repeat(100_000)
    );
    assert_eq!(told(long.as_bytes()).records.len(), 1, "the names that tell may stand far behind");
}

#[test]
fn a_bad_object_costs_no_other() {
    let good = evtx_dump(&every_event()[0]).to_string();
    for bad in [
        &good[..200],
        &good[..good.len() - 1],
        r#"{"Event":{"System":"x"}}}"#,
        r#"{"Event":{"System":[1]}]"#,
        r#"{"not":"an event"}"#,
        r#"{"a":nul}"#,
        r#"{"a":1 "b":2}"#,
        "{\"a\":\"x\ny\"}",
        &format!("{{\"a\":{}", "[".repeat(100_000)),
    ] {
        let told = told(format!("{good}\n{bad}\n{good}\n").as_bytes());
        let shown: String = bad.chars().take(80).collect();
        assert_eq!(told.records.len(), 2, "{shown}");
        assert_eq!(told.kinds(), [DamageKind::Record], "{shown}");
        assert_eq!((told.damages[0].record, told.damages[0].lost), (Some(1), true), "{shown}");
        assert_eq!(told.records[1].position.record, 2, "{shown}");
    }
}

#[test]
fn an_export_that_ends_early_is_truncated() {
    let good = evtx_dump(&every_event()[0]).to_string();
    let told = told(format!("{good}\n{}", &good[..300]).as_bytes());
    assert_eq!((told.records.len(), told.kinds()), (1, vec![DamageKind::Truncated]));
}

#[test]
fn a_giant_object_is_passed_over() {
    let good = evtx_dump(&every_event()[0]).to_string();
    let told = told(format!("{good}\n{{\"a\":\"{}\"}}\n{good}", "x".repeat(17 << 20)).as_bytes());
    assert_eq!((told.records.len(), told.kinds()), (2, vec![DamageKind::Record]));
}

#[test]
fn values_of_wrong_types_change_nothing_else() {
    let event = json!({"Event": {"System": {
        "Provider": {"#attributes": {"Name": ["x"], "Guid": 7}}, "EventID": {"#text": {"a": 1}}, "Version": -1, "Level": 1e300,
        "TimeCreated": {"#attributes": {"SystemTime": {}}}, "EventRecordID": "x", "Channel": null, "Computer": false,
        "Execution": [], "Security": "x",
    }, "EventData": {"a": {"b": [1, {"#text": [2, [3]]}]}, "Data": ["bare", {"#text": 4}], "n": 1.5, "z": null}}});
    let told = told(event.to_string().as_bytes());
    assert_eq!(told.damages, []);
    let record = &told.records[0];
    assert_eq!(
        (record.system.event_id, record.system.record_id, record.system.time_created),
        (0, None, None)
    );
    let data: Vec<_> = record.data.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(data, [("", "bare"), ("", "4"), ("n", "1.5"), ("z", "")]);
    let odd = format!(
        "{}\n{}\n{}\n",
        r#"{"Event":{"System":{"EventID":1,"EventID":2,"Computer":"a\ud800b\u0000"},"EventData":{"x":"\udc00","x":"y"}}}"#,
        "{\"Event\":{\"System\":{\"EventID\":3,\"Computer\":\"a\0b\tc\"}}}",
        r#"{"winlog":7,"@timestamp":[],"event":{"code":{}},"dns":{"answers":[[{"type":"A"}]]}}"#,
    );
    let told = self::told(odd.as_bytes());
    assert_eq!((told.records.len(), told.damages.as_slice()), (3, [].as_slice()));
    assert_eq!(
        (told.records[0].system.event_id, told.records[0].system.computer.as_str()),
        (2, "a\u{FFFD}b\0")
    );
    assert_eq!(told.records[1].system.computer, "a\0b\tc");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever stands between two events, both are found, and reading ends.
    #[test]
    fn any_bytes_between_events_cost_neither(noise in prop::collection::vec(prop_oneof![
        Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b'"'), Just(b'\\'), Just(b':'), Just(b','), Just(b'\n'), any::<u8>(),
    ], 0..200)) {
        let good = r#"{"Event":{"System":{"EventID":77,"Computer":"a"}}}"#;
        let mut bytes = format!("{good}\n").into_bytes();
        bytes.extend(noise);
        bytes.extend(format!("\n{good}\n{good}\n").bytes());
        let told = told(&bytes);
        let found = told.records.iter().filter(|record| record.system.event_id == 77).count();
        prop_assert_eq!(found, 3);
    }

    /// A doctored export loses the event that was touched and, where its end is gone, no more than the next.
    #[test]
    fn a_changed_byte_costs_little(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let good = r#"{"Event":{"System":{"EventID":77,"Computer":"a"},"EventData":{"x":[1,"\u00e9"]}}}"#;
        let mut bytes = format!("{good}\n{good}\n{good}\n{good}\n").into_bytes();
        let start = good.len() + 1;
        bytes[start + at.index(good.len())] = byte;
        let found = told(&bytes).records.iter().filter(|record| record.system.event_id == 77).count();
        prop_assert!(found >= 3, "{} of 4", found);
    }
}
