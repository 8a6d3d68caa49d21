//! Events exported as XML, in every shape that Windows writes them. It compares with real logs where there are some.

mod input_support;

use evql::finding::DamageKind;
use evql::input::{IntakeOptions, PieceReader, RawRecord, ReaderKind};
use input_support::{Told, corpus, read, read_bytes, source, visit_in_blocks};

const SYSTEM: &str = "<System><Provider Name='Microsoft-Windows-Sysmon' Guid='{5770385F-C22A-43E0-BF4C-06F5698FFBD9}'/>\
    <EventID Qualifiers=''>3</EventID><Version>5</Version><Level>4</Level><Task>3</Task><Opcode>0</Opcode>\
    <Keywords>0x8000000000000000</Keywords><TimeCreated SystemTime='2024-03-01T10:00:00.1234567Z'/>\
    <EventRecordID>17</EventRecordID><Correlation/><Execution ProcessID='2124' ThreadID='99'/>\
    <Channel>Microsoft-Windows-Sysmon/Operational</Channel><Computer>ws01</Computer><Security UserID='S-1-5-18'/></System>";

fn event(data: &str) -> String {
    format!(
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>{SYSTEM}<EventData>{data}</EventData></Event>"
    )
}

#[track_caller]
fn told(bytes: &[u8]) -> Told {
    read_bytes(bytes, ReaderKind::Fast).0
}

fn data(record: &RawRecord) -> Vec<(&str, &str)> {
    record.data.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

#[test]
fn every_fact_of_an_event_is_read() {
    let xml = event(
        "<Data Name='ProcessGuid'>{365ABB72-0244-5CD8-0000-0010EC1B2C00}</Data>\
         <Data Name='Image'>C:\\a &amp; b\\&#x22;c&quot;&lt;.exe</Data><Data Name='User'/><Data>bare</Data>\
         <Data Name='DestinationPort'>443</Data><Binary>00</Binary>",
    );
    let xml = xml.replace("</Event>", "<RenderingInfo Culture='en-US'><Message>Network connection detected:\r\nx</Message><Level>Info</Level></RenderingInfo></Event>");
    let told = told(xml.as_bytes());
    assert_eq!(told.damages, []);
    let [record] = told.records.as_slice() else { panic!("{:?}", told.records) };
    let system = &record.system;
    assert_eq!(system.provider, "Microsoft-Windows-Sysmon");
    assert_eq!(system.provider_guid.as_deref(), Some("{5770385f-c22a-43e0-bf4c-06f5698ffbd9}"));
    assert_eq!((system.event_id, system.version, system.level), (3, Some(5), Some(4)));
    assert_eq!((system.task, system.opcode, system.record_id), (Some(3), Some(0), Some(17)));
    assert_eq!(system.keywords.as_deref(), Some("0x8000000000000000"));
    assert_eq!(
        system.time_created.map(|time| time.to_string()).as_deref(),
        Some("2024-03-01T10:00:00.123456+00:00")
    );
    assert_eq!((system.process_id, system.thread_id), (Some(2124), Some(99)));
    assert_eq!(
        (system.channel.as_str(), system.computer.as_str()),
        ("Microsoft-Windows-Sysmon/Operational", "ws01")
    );
    assert_eq!(system.user_id.as_deref(), Some("S-1-5-18"));
    assert_eq!(record.message.as_deref(), Some("Network connection detected:\r\nx"));
    let expected = [
        ("ProcessGuid", "{365abb72-0244-5cd8-0000-0010ec1b2c00}"),
        ("Image", "C:\\a & b\\\"c\"<.exe"),
        ("User", ""),
        ("", "bare"),
        ("DestinationPort", "443"),
    ];
    assert_eq!(data(record), expected);
}

#[test]
fn roots_encodings_and_marks_make_no_difference() {
    let run = format!("{}\r\n{}", event("<Data Name='a'>é😀</Data>"), event("<Data Name='b'>2</Data>"));
    let declared =
        format!("<?xml version=\"1.0\" encoding=\"utf-8\" standalone=\"yes\"?>\r\n<Events>{run}</Events>");
    let expected = told(run.as_bytes());
    assert_eq!(expected.records.len(), 2);
    for text in [run.clone(), format!("<Events>{run}</Events>"), declared] {
        for mark in ["", "\u{FEFF}"] {
            let text = format!("{mark}{text}");
            let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            for bytes in [text.as_bytes(), &little, &big] {
                assert_eq!(told(bytes), expected, "{:?}", &bytes[..16]);
            }
        }
    }
}

#[test]
fn user_data_gives_its_leaves() {
    let xml = format!(
        "<Event>{SYSTEM}<UserData><EventXML xmlns='x'><Subject>s</Subject><Deep><Er>1</Er><Er/></Deep></EventXML></UserData></Event>"
    );
    assert_eq!(data(&told(xml.as_bytes()).records[0]), [("Subject", "s"), ("Er", "1"), ("Er", "")]);
}

#[test]
fn a_bad_event_costs_no_other() {
    let good = event("<Data Name='a'>1</Data>");
    for bad in [
        "<Event><System><EventID>1</EventID></Oops></System></Event>".to_owned(),
        "<Event>no system</Event>".to_owned(),
        "<Event/>".to_owned(),
        event("<Data Name='a>1</Data>"),
        good.replace("</Event>", ""),
        good.replace("</EventData>", ""),
    ] {
        let told = told(format!("<Events>{good}{bad}{good}</Events>").as_bytes());
        assert_eq!(told.records.len(), 2, "{bad}");
        assert_eq!(told.kinds(), [DamageKind::Record], "{bad}");
        assert_eq!((told.damages[0].record, told.damages[0].lost), (Some(1), true));
        assert_eq!(told.records[1].position.record, 2);
    }
}

#[test]
fn an_export_that_ends_early_is_truncated() {
    let good = event("<Data Name='a'>1</Data>");
    let told = told(format!("<Events>{good}{}", &good[..300]).as_bytes());
    assert_eq!(told.records.len(), 1);
    assert_eq!(told.kinds(), [DamageKind::Truncated]);
}

#[test]
fn entities_are_not_expanded() {
    let bomb = format!(
        "<?xml version='1.0'?><!DOCTYPE Events [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'><!ENTITY x SYSTEM 'file:///etc/passwd'>]>\
         <Events>{}</Events>",
        event("<Data Name='a'>&b;&x;&#0;&#xD800;&#65;</Data>")
    );
    let told = told(bomb.as_bytes());
    assert_eq!(data(&told.records[0]), [("a", "&b;&x;\u{FFFD}\u{FFFD}A")]);
}

#[test]
fn a_giant_event_is_passed_over() {
    let good = event("<Data Name='a'>1</Data>");
    let giant = event(&format!("<Data Name='a'>{}</Data>", "x".repeat(17 << 20)));
    let told = told(format!("{good}{giant}{good}").as_bytes());
    assert_eq!(told.records.len(), 2);
    assert_eq!(told.kinds(), [DamageKind::Record]);
}

#[test]
fn events_that_never_end_are_read_in_bounded_steps() {
    // Were the end that is not there looked for from each of them, this would take minutes.
    let count = (8 << 20) / "<Event>".len();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("events.xml");
    std::fs::write(&path, "<Event>".repeat(count)).expect("a written file");
    let mut told = Told::default();
    let options = IntakeOptions::default();
    visit_in_blocks(1 << 10, &[source(&path)], options, PieceReader::default(), &mut told);
    assert_eq!((told.records.len(), told.damages.len()), (0, count - 1));
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    let deep = event(&format!("{}{}", "<x>".repeat(100_000), "</x>".repeat(100_000)));
    let told = told(deep.as_bytes());
    assert_eq!(told.records, []);
    assert_eq!(told.kinds(), [DamageKind::Record]);
}

/// What an event looks like in an export, written here from what the log gave.
fn export(record: &RawRecord) -> String {
    let escape = |text: &str| {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    };
    let data: String = record
        .data
        .iter()
        .map(|(name, text)| format!("<Data Name=\"{}\">{}</Data>", escape(name), escape(text)))
        .collect();
    let system = &record.system;
    format!(
        "<Event><System><Provider Name=\"{}\"/><EventID>{}</EventID><EventRecordID>{}</EventRecordID><Computer>{}</Computer></System>\
         <EventData>{data}</EventData></Event>\r\n",
        escape(&system.provider),
        system.event_id,
        system.record_id.unwrap_or_default(),
        escape(&system.computer),
    )
}

#[test]
fn an_export_of_a_real_log_gives_its_events() {
    let Some(corpus) = corpus() else { return };
    let (log, _) = read(&corpus.join("evtx/evtx-crate/samples/sysmon.evtx"), ReaderKind::Fast);
    let xml: String = log.records.iter().map(export).collect();
    let exported = told(xml.as_bytes());
    assert_eq!(exported.damages, []);
    assert_eq!(exported.records.len(), log.records.len());
    for (exported, original) in exported.records.iter().zip(&log.records) {
        assert_eq!(exported.data, original.data);
        assert_eq!(exported.system.record_id, original.system.record_id);
        assert_eq!(exported.system.computer, original.system.computer);
    }
}
