//! The writer at its edges: sizes, chunk borders, odd text, absent parts, header facts. Ordinary records are covered by the samples.

use evql::synth::{FileOptions, Guid, Origin, Sid, SynthRecord, TypedValue, to_evtx};
use evql::time::Timestamp;
use serde_json::Value;

fn record(id: u64, data: Vec<(&'static str, TypedValue)>) -> SynthRecord {
    SynthRecord {
        provider: "Example-Provider".into(),
        provider_guid: None,
        event_id: 7,
        version: 1,
        level: 4,
        task: 2,
        opcode: 1,
        keywords: 0x8000_0000_0000_0000,
        time_created: Timestamp::parse("2024-03-01T10:00:00.1234567Z").expect("RFC 3339"),
        record_id: id,
        process_id: 4,
        thread_id: 8,
        channel: "Example/Operational".into(),
        computer: "HOST".into(),
        user_sid: None,
        data: data.into_iter().map(|(name, value)| (name.into(), value)).collect(),
    }
}

fn text(value: impl Into<String>) -> TypedValue {
    TypedValue::Text(value.into())
}

#[track_caller]
fn written(records: &[SynthRecord]) -> Vec<u8> {
    to_evtx(records, FileOptions::default()).expect("the records fit")
}

/// Every record, checksums verified.
#[track_caller]
fn read(bytes: Vec<u8>) -> Vec<Value> {
    let settings = evtx::ParserSettings::new().validate_checksums(true).num_threads(1);
    let mut parser =
        evtx::EvtxParser::from_buffer(bytes).expect("a file header").with_configuration(settings);
    parser.records_json_value().map(|record| record.expect("a healthy record").data["Event"].take()).collect()
}

#[test]
fn every_type_reads_back() {
    let guid = Guid::parse("{01234567-89ab-cdef-0123-456789abcdef}").expect("a GUID");
    let sid = Sid::parse("S-1-5-21-1-2-3-1001").expect("a SID");
    let time = Timestamp::parse("2024-03-01T10:00:00.1234567Z").expect("RFC 3339");
    let data = vec![
        ("Text", text("é💥")),
        ("UInt8", TypedValue::UInt8(255)),
        ("UInt16", TypedValue::UInt16(65_535)),
        ("UInt32", TypedValue::UInt32(u32::MAX)),
        ("UInt64", TypedValue::UInt64(u64::MAX)),
        ("HexInt32", TypedValue::HexInt32(0x1410)),
        ("HexInt64", TypedValue::HexInt64(0x3e7)),
        ("Guid", TypedValue::Guid(guid)),
        ("Boolean", TypedValue::Boolean(true)),
        ("Time", TypedValue::FileTime(time)),
        ("Sid", TypedValue::Sid(sid)),
        ("Empty", text("")),
    ];
    let read = read(written(&[record(5, data)]));
    let got = &read[0]["EventData"];
    assert_eq!(got["Text"], "é💥");
    assert_eq!(got["UInt8"], 255);
    assert_eq!(got["UInt16"], 65_535);
    assert_eq!(got["UInt32"], u32::MAX);
    assert_eq!(got["UInt64"], u64::MAX);
    assert_eq!(got["HexInt32"], "0x1410");
    assert_eq!(got["HexInt64"], "0x3e7");
    assert_eq!(
        got["Guid"].as_str().map(str::to_lowercase).as_deref(),
        Some("{01234567-89ab-cdef-0123-456789abcdef}")
    );
    assert_eq!(got["Boolean"], true);
    assert_eq!(got["Time"].as_str().and_then(Timestamp::parse), Some(time));
    assert_eq!(got["Sid"], "S-1-5-21-1-2-3-1001");
    assert_eq!(got["Empty"], "");
}

#[test]
fn absent_parts_are_absent() {
    let read = read(written(&[record(5, vec![])]));
    let system = &read[0]["System"];
    assert_eq!(system["EventRecordID"], 5);
    assert_eq!(system["Provider"]["#attributes"]["Name"], "Example-Provider");
    assert_eq!(system["Provider"]["#attributes"]["Guid"], Value::Null);
    assert_eq!(system["Security"]["#attributes"]["UserID"], Value::Null);
}

#[test]
fn lone_surrogates_can_be_written() {
    let units = vec![0x61, 0xd83d, 0x62, 0xdca5];
    let bytes = written(&[record(1, vec![("Odd", TypedValue::Utf16(units)), ("After", text("kept"))])]);
    let stored = [0x61, 0, 0x3d, 0xd8, 0x62, 0, 0xa5, 0xdc, 0, 0];
    assert!(bytes.windows(stored.len()).any(|window| window == stored));
    assert_eq!(read(bytes)[0]["EventData"]["After"], "kept");
}

#[test]
fn a_full_chunk_is_followed_by_another_that_stands_alone() {
    let records: Vec<SynthRecord> = (1..=500)
        .map(|id| {
            record(
                id,
                vec![
                    ("Number", TypedValue::UInt64(id)),
                    ("Text", text("x".repeat((id * 37 % 900) as usize))),
                ],
            )
        })
        .collect();
    let bytes = written(&records);
    let chunks = bytes[0x1000..].chunks(0x1_0000);
    assert!(chunks.len() > 5);
    let header = bytes[..0x1000].to_vec();
    let mut next = 1;
    for chunk in chunks {
        // A chunk alone behind the file's header: its templates and names must be its own.
        let alone = read([header.as_slice(), chunk].concat());
        for event in alone {
            assert_eq!(event["EventData"]["Number"], next);
            assert_eq!(event["EventData"]["Text"].as_str().map(str::len), Some((next * 37 % 900) as usize));
            next += 1;
        }
    }
    assert_eq!(next, 501);
}

#[test]
fn the_largest_record_fits_and_a_larger_one_is_refused() {
    // What a first record of this shape takes besides its text, found by writing one.
    let fits =
        |units: usize| to_evtx(&[record(1, vec![("Text", text("y".repeat(units)))])], FileOptions::default());
    let limit = (0..33_000).collect::<Vec<_>>().partition_point(|units| fits(*units).is_ok()) - 1;
    assert!(limit > 30_000, "{limit}");
    let largest = fits(limit).expect("the limit fits");
    assert_eq!(largest.len(), 0x1000 + 0x1_0000);
    assert_eq!(read(largest)[0]["EventData"]["Text"].as_str().map(str::len), Some(limit));
    let error = fits(limit + 1).expect_err("one more does not").to_string();
    assert!(error.contains("record 1 is larger than a chunk"), "{error}");
    assert!(fits(40_000).is_err(), "longer than a size field can say");
}

#[test]
fn a_refused_size_leaves_the_file_whole() {
    use evql::synth::EvtxWriter;
    let mut writer =
        EvtxWriter::new(std::io::Cursor::new(Vec::new()), FileOptions::default()).expect("memory");
    writer.push(&record(1, vec![("Text", text("first"))])).expect("it fits");
    writer.push(&record(2, vec![("Text", text("z".repeat(40_000)))])).expect_err("too large");
    writer.push(&record(3, vec![("Text", text("third"))])).expect("it fits");
    let read = read(writer.finish().expect("memory").into_inner());
    let texts: Vec<&Value> = read.iter().map(|event| &event["EventData"]["Text"]).collect();
    assert_eq!(texts, ["first", "third"]);
}

#[test]
fn header_facts_follow_the_options() {
    let records = [record(900, vec![]), record(901, vec![])];
    let header_id = |bytes: &[u8]| u64::from_le_bytes(bytes[0x1208..0x1210].try_into().expect("eight bytes"));
    let next_id = |bytes: &[u8]| u64::from_le_bytes(bytes[24..32].try_into().expect("eight bytes"));
    let export = written(&records);
    assert_eq!((header_id(&export), next_id(&export), export[42], export[120]), (1, 3, 1, 0));
    let options = FileOptions { origin: Origin::Live, dirty: true, stale_chunk_count: Some(9) };
    let live = to_evtx(&records, options).expect("they fit");
    assert_eq!((header_id(&live), next_id(&live), live[42], live[120]), (900, 902, 9, 1));
    assert_eq!(read(live).len(), 2);
}
