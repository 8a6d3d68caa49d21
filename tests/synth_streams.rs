//! The corpus's event streams survive being written as EVTX: order, ids, times and values. What a scan finds in them is another test's.

#[path = "common/streams.rs"]
mod streams;

use evql::time::Timestamp;

#[test]
fn a_stream_reads_back_as_it_was_given() {
    let Some(streams) = streams::streams() else { return };
    assert_eq!(streams.len(), 300);
    for stream in streams {
        let number = stream.number;
        let mut parser = evtx::EvtxParser::from_buffer(stream.evtx()).expect("a file header");
        let read: Vec<serde_json::Value> =
            parser.records_json_value().map(|record| record.expect("a healthy record").data).collect();
        assert_eq!(read.len(), stream.records.len(), "stream {number}");
        for (record, read) in stream.records.iter().zip(read) {
            let system = &read["Event"]["System"];
            assert_eq!(system["EventRecordID"], record.record_id, "stream {number}");
            assert_eq!(system["EventID"], record.event_id, "stream {number}");
            assert_eq!(system["Computer"], record.computer.as_ref(), "stream {number}");
            let time = system["TimeCreated"]["#attributes"]["SystemTime"].as_str().and_then(Timestamp::parse);
            assert_eq!(time, Some(record.time_created), "stream {number}");
            for name in ["Image", "UtcTime", "DestinationIp", "QueryName"] {
                let asked = record.get(name).map(ToString::to_string);
                assert_eq!(
                    read["Event"]["EventData"][name].as_str(),
                    asked.as_deref(),
                    "stream {number}, {name}"
                );
            }
        }
        for (start, network) in stream.expected {
            let holds = |id: u64, events: &[u16]| {
                stream
                    .records
                    .iter()
                    .any(|record| record.record_id == id && events.contains(&record.event_id))
            };
            assert!(holds(start, &[1]) && holds(network, &[3, 22]), "stream {number}: {start}, {network}");
        }
    }
}
