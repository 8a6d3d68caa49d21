//! Records made by hand, and what Elastic's mapping makes of them: one case per rule of the mapping. No real record is needed.

use evql::eql::{FieldId, Record, Scalar, Schema, Value as Field};
use evql::input::{RawRecord, System};
use evql::sysmon::fields::fields;
use evql::sysmon::{Event, Facts, Options, SysmonSchema, document, event_ids, schema};
use evql::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

const GUID: &str = "{365ABB72-1D4C-5CE0-0000-0010F1D70300}";

fn raw(event_id: u32, data: &[(&str, &str)]) -> RawRecord {
    RawRecord {
        system: System {
            provider: "Microsoft-Windows-Sysmon".into(),
            provider_guid: Some("{5770385f-c22a-43e0-bf4c-06f5698ffbd9}".into()),
            event_id,
            version: Some(5),
            level: Some(4),
            opcode: Some(0),
            time_created: Timestamp::parse("2024-03-01T10:00:00.1234567Z"),
            record_id: Some(77),
            process_id: Some(1676),
            thread_id: Some(4796),
            channel: "Microsoft-Windows-Sysmon/Operational".into(),
            computer: "PC01.Example.corp".into(),
            user_id: Some("S-1-5-18".into()),
            ..System::default()
        },
        data: data.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
        ..RawRecord::default()
    }
}

fn with(options: Options, event_id: u32, data: &[(&str, &str)]) -> Event {
    Event::from_raw(raw(event_id, data), &options).expect("a Sysmon record")
}

fn event(event_id: u32, data: &[(&str, &str)]) -> Event {
    with(Options::default(), event_id, data)
}

/// The document, with what every event carries taken off.
fn told(event_id: u32, data: &[(&str, &str)]) -> Value {
    let mut document = document(&event(event_id, data));
    for common in ["@timestamp", "data_stream", "ecs", "event", "host", "log"] {
        document.remove(common).expect("every event carries it");
    }
    let data = document["winlog"].get("event_data").cloned();
    document.remove("winlog");
    if let Some(user) = document["user"].as_object_mut() {
        user.remove("id");
        if user.is_empty() {
            document.remove("user");
        }
    }
    if let Some(data) = data {
        document.insert("left".into(), data);
    }
    Value::Object(document)
}

fn read<'a>(event: &'a Event, path: &str) -> Field<'a> {
    event.field(SysmonSchema.resolve(path).expect("a known field").0)
}

fn text(event: &Event, path: &str) -> Option<String> {
    match read(event, path) {
        Field::One(Scalar::Str(text)) => Some(text.into_owned()),
        Field::Missing => None,
        other => panic!("{path} is {other:?}"),
    }
}

#[test]
fn every_document_carries_the_common_fields() {
    let document = document(&event(5, &[("UtcTime", "2024-03-01 09:59:59.987"), ("ProcessGuid", GUID)]));
    let expected = json!({
        "@timestamp": "2024-03-01T09:59:59.987Z",
        "data_stream": {"dataset": "windows.sysmon_operational", "namespace": "default", "type": "logs"},
        "ecs": {"version": "8.17.0"},
        "event": {
            "action": "Process terminated",
            "category": ["process"],
            "code": "5",
            "created": "2024-03-01T10:00:00.123Z",
            "dataset": "windows.sysmon_operational",
            "kind": "event",
            "module": "windows",
            "provider": "Microsoft-Windows-Sysmon",
            "type": ["end"],
        },
        "host": {
            "hostname": "PC01",
            "id": "pc01.example.corp",
            "name": "PC01.Example.corp",
            "os": {"family": "windows", "type": "windows"},
        },
        "log": {"level": "information"},
        "process": {"entity_id": "{365abb72-1d4c-5ce0-0000-0010f1d70300}"},
        "user": {"id": "S-1-5-18"},
        "winlog": {
            "channel": "Microsoft-Windows-Sysmon/Operational",
            "computer_name": "PC01.Example.corp",
            "event_id": "5",
            "opcode": "Info",
            "process": {"pid": 1676, "thread": {"id": 4796}},
            "provider_guid": "{5770385f-c22a-43e0-bf4c-06f5698ffbd9}",
            "provider_name": "Microsoft-Windows-Sysmon",
            "record_id": "77",
            "user": {"identifier": "S-1-5-18"},
            "version": 5,
        },
    });
    assert_eq!(Value::Object(document.clone()), expected);
    let text = serde_json::to_string(&document).expect("JSON");
    assert_eq!(text, serde_json::to_string(&sorted(&expected)).expect("JSON"), "keys are sorted");
}

fn sorted(value: &Value) -> Value {
    let mut value = value.clone();
    value.sort_all_objects();
    value
}

#[test]
fn a_start_names_process_and_parent() {
    let data = [
        ("RuleName", "-"),
        ("ProcessGuid", "365ABB72-1D4C-5CE0-0000-0010F1D70300"),
        ("ProcessId", "4208"),
        ("Image", r"C:\Windows\System32\mshta.exe"),
        ("FileVersion", "?"),
        ("Company", "Example"),
        ("OriginalFileName", "MSHTA.EXE"),
        ("CommandLine", r#""C:\Windows\System32\mshta.exe" a"#),
        ("CurrentDirectory", r"C:\Users\u\"),
        ("User", r"PC01\u"),
        ("LogonId", "0x3e7"),
        ("Hashes", "MD5=AB,IMPHASH=0000"),
        ("ParentProcessGuid", "{00000000-0000-0000-0000-000000000000}"),
        ("ParentProcessId", "4"),
        ("ParentImage", "-"),
        ("ParentCommandLine", ""),
        ("ParentUser", r"NT AUTHORITY\SYSTEM"),
    ];
    let expected = json!({
        "process": {
            "args": [r"C:\Windows\System32\mshta.exe", "a"],
            "args_count": 2,
            "command_line": r#""C:\Windows\System32\mshta.exe" a"#,
            "entity_id": "{365abb72-1d4c-5ce0-0000-0010f1d70300}",
            "executable": r"C:\Windows\System32\mshta.exe",
            "hash": {"md5": "ab"},
            "name": "mshta.exe",
            "parent": {"pid": 4},
            "pe": {"company": "Example", "file_version": "?", "original_file_name": "MSHTA.EXE"},
            "pid": 4208,
            "working_directory": r"C:\Users\u\",
        },
        "related": {"hash": ["ab"], "user": ["u"]},
        "user": {"domain": "PC01", "name": "u"},
        "left": {"Company": "Example", "FileVersion": "?", "LogonId": "0x3e7", "ParentUser": r"NT AUTHORITY\SYSTEM"},
    });
    assert_eq!(told(1, &data), expected);
}

#[test]
fn a_connection_keeps_the_text_of_addresses_and_compares_them_as_addresses() {
    let data = [
        ("Image", "<unknown process>"),
        ("User", ""),
        ("Protocol", "tcp"),
        ("Initiated", "true"),
        ("SourceIsIpv6", "false"),
        ("SourceIp", "128.232.110.120"),
        ("SourcePort", "34855"),
        ("SourcePortName", "telnet"),
        ("DestinationIsIpv6", "false"),
        ("DestinationIp", "66.35.250.204"),
        ("DestinationHostname", "web.example.com"),
        ("DestinationPort", "80"),
        ("DestinationPortName", "-"),
    ];
    let expected = json!({
        "destination": {"domain": "web.example.com", "ip": "66.35.250.204", "port": 80},
        "network": {
            "community_id": "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
            "direction": "egress",
            "protocol": "telnet",
            "transport": "tcp",
            "type": "ipv4",
        },
        "process": {"executable": "<unknown process>"},
        "related": {"ip": ["128.232.110.120", "66.35.250.204"]},
        "source": {"ip": "128.232.110.120", "port": 34855},
    });
    assert_eq!(told(3, &data), expected);

    let loopback = event(
        3,
        &[("SourceIp", "0:0:0:0:0:0:0:1"), ("DestinationIp", "::ffff:10.0.0.1"), ("Initiated", "false")],
    );
    assert_eq!(read(&loopback, "source.ip"), Field::One(Scalar::Ip("::1".parse().expect("an address"))));
    assert_eq!(
        read(&loopback, "destination.ip"),
        Field::One(Scalar::Ip("10.0.0.1".parse().expect("an address")))
    );
    assert_eq!(text(&loopback, "network.direction").as_deref(), Some("ingress"));
    assert_eq!(document(&loopback)["source"]["ip"], "0:0:0:0:0:0:0:1");
    let name = event(3, &[("DestinationPortName", "https"), ("SourcePortName", "telnet")]);
    assert_eq!(text(&name, "network.protocol").as_deref(), Some("https"));
}

#[test]
fn values_of_the_wrong_kind_are_missing_and_named() {
    let shifted =
        event(3, &[("SourceIp", "PC01"), ("SourcePort", "true"), ("Initiated", "49158"), ("ProcessId", "1")]);
    for path in ["source.ip", "source.port", "network.direction", "related.ip", "network.community_id"] {
        assert_eq!(read(&shifted, path), Field::Missing, "{path}");
    }
    let problems = shifted.problems();
    let expected = [
        r#"Initiated holds "49158", which is not true or false"#,
        r#"SourceIp holds "PC01", which is not an IP address"#,
        r#"SourcePort holds "true", which is not a number of 16 bits"#,
    ];
    assert_eq!(problems, expected);
}

#[test]
fn a_shift_is_told_from_an_odd_value() {
    let told = |data: &[(&str, &str)]| event(3, data).fields_shifted();
    assert!(!told(&[("SourceIp", "10.0.0.1"), ("SourcePort", "49158"), ("Initiated", "true")]));
    assert!(!told(&[("SourceIp", "nonsense"), ("SourcePort", "49158")]), "one odd value");
    assert!(told(&[("SourceIp", "PC01"), ("SourcePort", "https")]), "two odd values");
    // SourceIsIpv6 holds what the next field should.
    assert!(told(&[("Initiated", "true"), ("SourceIsIpv6", "10.0.0.1"), ("SourceIp", "10.0.0.1")]));
    assert!(!told(&[("Initiated", "true"), ("SourceIsIpv6", "49158"), ("SourceIp", "10.0.0.1")]));
}

#[test]
fn a_loaded_library_is_file_and_dll() {
    let data = [
        ("Image", r"C:\Windows\System32\dllhost.exe"),
        ("ImageLoaded", r"C:\Windows\System32\x.dll"),
        ("OriginalFileName", "X.dll"),
        ("Hashes", "SHA1=A1,MD5=B2,SHA256=C3,IMPHASH=D4"),
        ("Signed", "true"),
        ("Signature", "Example Ltd"),
        ("SignatureStatus", "Valid"),
    ];
    let hash = json!({"md5": "b2", "sha1": "a1", "sha256": "c3"});
    let expected = json!({
        "dll": {
            "code_signature": {"status": "trusted", "subject_name": "Example Ltd", "trusted": true},
            "hash": hash,
            "name": "x.dll",
            "path": r"C:\Windows\System32\x.dll",
            "pe": {"imphash": "d4", "original_file_name": "X.dll"},
        },
        "file": {
            "code_signature": {"status": "Valid", "subject_name": "Example Ltd", "trusted": true, "valid": true},
            "directory": r"C:\Windows\System32",
            "extension": "dll",
            "hash": hash,
            "name": "x.dll",
            "path": r"C:\Windows\System32\x.dll",
            "pe": {"imphash": "d4", "original_file_name": "X.dll"},
        },
        "process": {"executable": r"C:\Windows\System32\dllhost.exe", "name": "dllhost.exe"},
        "related": {"hash": ["c3", "a1", "b2", "d4"]},
        "left": {"Signature": "Example Ltd", "SignatureStatus": "Valid", "Signed": "true"},
    });
    assert_eq!(told(7, &data), expected);
    assert_eq!(document(&event(7, &data))["event"]["action"], json!(["Image loaded", "load"]));
}

#[test]
fn signatures_that_fail_say_how() {
    let cases = [
        ([("Signed", "failed: Invalid hash"), ("SignatureStatus", "-")], Some("failed: Invalid hash"), None),
        ([("Signed", "false"), ("SignatureStatus", "Unavailable")], Some("Unavailable"), Some(false)),
        ([("Signed", "-"), ("SignatureStatus", "Unavailable")], Some("Unavailable"), None),
        ([("Signed", "false"), ("SignatureStatus", "Expired")], None, Some(false)),
    ];
    for (data, status, trusted) in cases {
        let event = event(7, &data);
        assert_eq!(text(&event, "dll.code_signature.status").as_deref(), status, "{data:?}");
        let expected = trusted.map_or(Field::Missing, |trusted| Field::One(Scalar::Bool(trusted)));
        assert_eq!(read(&event, "dll.code_signature.trusted"), expected, "{data:?}");
        assert_eq!(read(&event, "file.code_signature.valid"), Field::Missing, "{data:?}");
    }
    let unsigned = event(6, &[("Signed", "false")]);
    assert_eq!(read(&unsigned, "file.code_signature.trusted"), Field::One(Scalar::Bool(false)));
    assert_eq!(read(&event(6, &[]), "file.code_signature.trusted"), Field::Missing);
}

#[test]
fn the_acting_process_of_thread_and_access_events_is_the_source() {
    let expected = json!({
        "process": {"entity_id": "{365abb72-1d4c-5ce0-0000-0010f1d70300}", "executable": r"C:\a.exe", "name": "a.exe", "pid": 7},
        "left": {"TargetProcessGUID": "{365abb72-1d4c-5ce0-0000-0010f1d70300}", "TargetUser": r"D\u"},
    });
    let thread = [
        ("SourceProcessGuid", GUID),
        ("SourceProcessId", "7"),
        ("SourceImage", r"C:\a.exe"),
        ("TargetProcessGuid", GUID),
        ("TargetUser", r"D\u"),
    ];
    assert_eq!(told(8, &thread), expected);
    let access = [
        ("SourceProcessGUID", GUID),
        ("SourceThreadId", "9"),
        ("TargetProcessGUID", GUID),
        ("GrantedAccess", "0x1410"),
    ];
    let expected = json!({
        "process": {"entity_id": "{365abb72-1d4c-5ce0-0000-0010f1d70300}", "thread": {"id": 9}},
        "left": {"GrantedAccess": "0x1410", "TargetProcessGUID": "{365abb72-1d4c-5ce0-0000-0010f1d70300}"},
    });
    assert_eq!(told(10, &access), expected);
}

#[test]
fn registry_events_take_target_and_details_apart() {
    let data = [
        ("EventType", "SetValue"),
        ("TargetObject", r"HKLM\System\CurrentControlSet\x"),
        ("Details", "QWORD (0x00000001-0x00000002)"),
    ];
    let expected = json!({
        "registry": {
            "data": {"strings": ["258"], "type": "SZ_QWORD"},
            "hive": "HKLM",
            "key": r"System\CurrentControlSet\x",
            "path": r"HKLM\System\CurrentControlSet\x",
            "value": "x",
        },
        "left": {"EventType": "SetValue"},
    });
    assert_eq!(told(13, &data), expected);
    let kernel = told(12, &[("TargetObject", r"\REGISTRY\MACHINE\x"), ("Details", "DWORD (0x00000001)")]);
    assert_eq!(kernel["registry"], json!({"path": r"\REGISTRY\MACHINE\x", "value": "x"}));
    assert_eq!(
        told(13, &[("Details", "(Empty)")])["registry"]["data"],
        json!({"strings": ["(Empty)"], "type": "REG_SZ"})
    );
    assert_eq!(told(14, &[("NewName", r"HKLM\y")])["left"], json!({"NewName": r"HKLM\y"}));
}

#[test]
fn a_dns_query_gives_question_answers_and_hosts() {
    let data = [
        ("QueryName", "www.Example.co.uk"),
        ("QueryStatus", "0"),
        ("QueryResults", "type:  5 edge.example.net;::ffff:192.0.2.1;::ffff:192.0.2.1;2001:db8:0:0:0:0:0:1;"),
        ("Image", r"C:\a.exe"),
    ];
    let expected = json!({
        "dns": {
            "answers": [
                {"data": "edge.example.net", "type": "CNAME"},
                {"data": "192.0.2.1", "type": "A"},
                {"data": "192.0.2.1", "type": "A"},
                {"data": "2001:db8:0:0:0:0:0:1", "type": "AAAA"},
            ],
            "question": {"name": "www.Example.co.uk", "registered_domain": "example.co.uk", "top_level_domain": "co.uk"},
            "resolved_ip": ["192.0.2.1", "192.0.2.1", "2001:db8:0:0:0:0:0:1"],
        },
        "network": {"protocol": "dns"},
        "process": {"executable": r"C:\a.exe", "name": "a.exe"},
        "related": {"hosts": ["edge.example.net", "www.Example.co.uk"], "ip": ["192.0.2.1", "2001:db8:0:0:0:0:0:1"]},
        "sysmon": {"dns": {"status": "SUCCESS"}},
    });
    assert_eq!(told(22, &data), expected);
    let failed = told(22, &[("QueryName", "pc01"), ("QueryStatus", "9003"), ("QueryResults", "-")]);
    let expected = json!({
        "dns": {"question": {"name": "pc01"}},
        "network": {"protocol": "dns"},
        "related": {"hosts": ["pc01"]},
        "sysmon": {"dns": {"status": "DNS_ERROR_RCODE_NAME_ERROR"}},
    });
    assert_eq!(failed, expected);
}

#[test]
fn file_events_differ_in_where_their_hashes_go() {
    let data = [
        ("TargetFilename", r"C:\a\b.txt:Zone.Identifier"),
        ("Hashes", "MD5=AB"),
        ("IsExecutable", "true"),
        ("Archived", "false"),
    ];
    let archived = told(23, &data);
    assert_eq!(archived["process"]["hash"], json!({"md5": "ab"}));
    assert_eq!(archived["sysmon"]["file"], json!({"archived": false, "is_executable": true}));
    assert_eq!(archived["file"]["name"], "b.txt:Zone.Identifier");
    assert_eq!(archived["file"]["extension"], "Identifier");
    for (id, hashes) in [(26, true), (27, false), (28, false), (29, true)] {
        let told = told(id, &data[..2]);
        assert_eq!(told["file"].get("hash").is_some(), hashes, "event {id}");
        assert_eq!(told["related"]["hash"], json!(["ab"]), "event {id}");
        assert_eq!(told.get("process"), None, "event {id}");
    }
    let stream = told(15, &[("Hash", "Unknown"), ("Contents", "x")]);
    assert_eq!(stream, json!({"left": {"Contents": "x"}}));
    assert_eq!(document(&event(27, &data))["event"]["outcome"], "failure");
}

#[test]
fn pipes_consumers_tampering_and_errors_have_their_own_places() {
    assert_eq!(told(17, &[("PipeName", r"\msagent_1")]), json!({"file": {"name": r"\msagent_1"}}));
    let consumer = told(20, &[("Name", r#" "n""#), ("Destination", r#" "C:\a.exe""#)]);
    assert_eq!(consumer["process"], json!({"executable": r#" "C:\a.exe""#, "name": r#"a.exe""#}));
    assert_eq!(consumer["left"], json!({"Name": r#" "n""#}));
    assert_eq!(told(25, &[("Type", "Image is replaced")]), json!({"message": "Image is replaced"}));
    let error = told(255, &[("ID", "CreateFile"), ("Description", "no")]);
    let expected = json!({"error": {"code": "CreateFile"}, "process": {"pe": {"description": "no"}}, "left": {"Description": "no"}});
    assert_eq!(error, expected);

    let mut rendered = raw(25, &[("Type", "Image is replaced")]);
    rendered.message = Some("rendered".into());
    let rendered = Event::from_raw(rendered, &Options::default()).expect("a Sysmon record");
    assert_eq!(document(&rendered)["message"], "rendered");
}

#[test]
fn data_are_told_by_name_whatever_their_order_and_number() {
    let event = event(
        1,
        &[
            ("ProcessId", "1"),
            ("Image", r"C:\a.exe"),
            ("Image", r"C:\b.exe"),
            ("Made.Up", "x"),
            ("", "y"),
            ("Nothing", "-"),
        ],
    );
    assert_eq!(text(&event, "process.executable").as_deref(), Some(r"C:\a.exe"));
    assert_eq!(document(&event)["winlog"]["event_data"], json!({"Made.Up": "x", "param5": "y"}));
    let unknown = told(4711, &[("ProcessGuid", GUID), ("Image", r"C:\a.exe"), ("TargetFilename", r"C:\f")]);
    assert_eq!(unknown["process"]["name"], "a.exe");
    assert_eq!(unknown["left"], json!({"TargetFilename": r"C:\f"}));
}

#[test]
fn events_may_cross_threads() {
    fn shared<T: Send + Sync + 'static>(_: &T) {}
    shared(&event(1, &[]));
}

#[test]
fn other_providers_are_not_sysmon() {
    let mut record = raw(1, &[("Image", r"C:\a.exe")]);
    record.system.provider = "Microsoft-Windows-Kernel-Process".into();
    assert!(Event::from_raw(record, &Options::default()).is_none());
}

#[test]
fn without_utc_time_the_creation_time_stands_in() {
    for data in [&[("UtcTime", "yesterday")][..], &[]] {
        let event = event(255, data);
        assert_eq!(event.timestamp(), event.created());
        assert_eq!(document(&event)["@timestamp"], "2024-03-01T10:00:00.123Z");
    }
}

#[test]
fn switches_change_what_they_name_and_nothing_else() {
    let data = [("User", r"NT AUTHORITY\NETWORK SERVICE"), ("CommandLine", "a")];
    let short = with(Options { host_name_short: true, ..Options::default() }, 1, &data);
    assert_eq!(text(&short, "host.name").as_deref(), Some("pc01"));
    assert_eq!(text(&short, "winlog.computer_name").as_deref(), Some("PC01.Example.corp"));

    let actor = Options { user_from_event: true, ..Options::default() };
    assert_eq!(text(&with(actor, 1, &data), "user.id").as_deref(), Some("S-1-5-20"));
    assert_eq!(text(&with(actor, 1, &[("LogonId", "0x3e7")]), "user.id").as_deref(), Some("S-1-5-18"));
    assert_eq!(text(&with(actor, 1, &[("User", r"PC01\u"), ("LogonId", "0x1f4a2")]), "user.id"), None);
    assert_eq!(text(&with(actor, 1, &data), "winlog.user.identifier").as_deref(), Some("S-1-5-18"));

    let quiet = with(Options { no_library_start: true, ..Options::default() }, 7, &[]);
    assert_eq!(document(&quiet)["event"]["type"], json!(["change"]));

    let long = format!("{} {}", "x".repeat(1025), "é".repeat(1024));
    let limited = with(
        Options { keyword_limit: true, ..Options::default() },
        1,
        &[("CommandLine", &long), ("Image", &long)],
    );
    assert_eq!(text(&limited, "process.executable"), None);
    assert_eq!(text(&limited, "process.command_line").as_deref(), Some(long.as_str()));
    assert_eq!(text(&limited, "process.args"), Some("é".repeat(1024)));
    assert_eq!(document(&limited)["process"]["executable"], long.as_str());
}

#[test]
fn layouts_grow_and_keep_their_order() {
    use schema::Layout;
    let names = |id, layout| {
        schema::event_spec(id).expect("a known id").layout(layout).map(|field| field.name).collect::<Vec<_>>()
    };
    assert_eq!(names(1, Layout::Sysmon6).len(), 16);
    assert_eq!(names(1, Layout::Sysmon10).len(), 22);
    assert_eq!(names(1, Layout::Sysmon15).len(), 23);
    assert_eq!(names(5, Layout::Sysmon10), ["RuleName", "UtcTime", "ProcessGuid", "ProcessId", "Image"]);
    assert!(names(22, Layout::Sysmon9).is_empty());
    assert_eq!(names(29, Layout::Sysmon15).len(), 8);
    assert_eq!(schema::event_spec(2).expect("a known id").version_in(Layout::Sysmon10), 4);
    assert!(event_ids().eq((1..=29).chain([255])));
}

/// Texts near what the derivations look for, and anything else.
fn hostile_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        "[\\\\\" .:=;,{}()x0-9A-Fa-f-]{0,40}",
        "(type: {0,2}[0-9]{0,6} ?[a-z.]{0,8};|::ffff:[0-9.]{0,9};|\\[?[0-9a-f:.]{0,12}\\]?:?[0-9]{0,3};){0,4}",
        "(DWORD|QWORD|qword) \\(0x[0-9A-F]{0,9}-?(0x[0-9A-F]{0,9})?\\)?",
        "(SHA1|MD5|imphash)=[0-9A-F]{0,8},?(MD5)?=?",
        "[.a-zA-Z-]{0,12}(co|com|uk|net|global\\.ssl\\.fastly)?\\.?(uk|net|ck)?\\.?",
    ]
}

proptest! {
    #[test]
    fn no_text_in_any_field_of_any_event_does_harm(
        place in 0_usize..31,
        texts in proptest::collection::vec(hostile_text(), 24),
        extra in proptest::collection::vec(("\\PC{0,12}", hostile_text()), 0..3),
    ) {
        let id = event_ids().nth(place).unwrap_or(4711);
        let known = schema::event_spec(id).map_or(&[][..], |spec| spec.fields);
        let mut record = raw(id, &[]);
        record.data = known.iter().map(|field| field.name.to_owned()).zip(texts).chain(extra).collect();
        let event = Event::from_raw(record, &Options::default()).expect("a Sysmon record");
        let document = document(&event);
        prop_assert_eq!(sorted(&Value::Object(document.clone())).to_string(), Value::Object(document).to_string());
        for number in (0..).take(fields().len()) {
            let value = event.field(FieldId(number));
            prop_assert!(value.as_slice().iter().all(|scalar| fits(scalar, number)), "{:?} {:?}", fields()[number as usize], value);
        }
        prop_assert!(event.problems().len() <= known.len());
    }
}

/// Whether a value is of its field's type.
fn fits(scalar: &Scalar<'_>, number: u32) -> bool {
    use evql::eql::Type;
    let kind = fields()[number as usize].kind;
    match scalar {
        Scalar::Str(_) => matches!(kind, Type::Keyword | Type::Text),
        Scalar::Int(_) => kind == Type::Long,
        Scalar::Float(_) => kind == Type::Double,
        Scalar::Bool(_) => kind == Type::Boolean,
        Scalar::Ip(_) => kind == Type::Ip,
        Scalar::Date(_) => kind == Type::Date,
    }
}
