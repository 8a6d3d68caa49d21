//! `evql export` and `evql fields` through the program: what they write, refuse, say and end with. The values of fields are not judged here.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{at, corpus, evql, samples};
use serde_json::Value;
use sha2::{Digest, Sha256};

fn every_event() -> String {
    samples().join("every-event.evtx").to_string_lossy().into_owned()
}

fn counts(documents: &[Value]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for document in documents {
        *counts.entry(at(document, "event.code").as_str().expect("a code").to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn every_event_is_one_document_in_the_order_of_the_log() {
    let path = every_event();
    let ran = evql(["export", &path]).expect(0);
    let documents = ran.json_lines();
    let codes: Vec<_> = documents.iter().map(|document| at(document, "event.code").clone()).collect();
    let expected: Vec<_> = (1..=29).chain([255]).map(|id: u32| Value::from(id.to_string())).collect();
    assert_eq!(codes, expected);
    assert_eq!(ran.stderr, "30 documents from 1 file\n");
    let bytes = fs::read(&path).expect("the sample");
    let sha256: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    for document in &documents {
        assert_eq!(at(document, "evidence.sha256"), sha256.as_str());
        assert_eq!(at(document, "evidence.source"), path.as_str());
    }
    let plain = evql(["export", &path, "--no-hash"]).expect(0).json_lines();
    assert_eq!(plain[0]["evidence"], serde_json::json!({"source": path}));
}

#[test]
fn nothing_in_a_document_is_null_or_empty() {
    fn check(value: &Value, path: &str) {
        match value {
            Value::Object(object) => {
                assert!(!object.is_empty(), "{path}");
                object.iter().for_each(|(name, value)| check(value, &format!("{path}.{name}")));
            }
            Value::Array(items) => {
                assert!(!items.is_empty(), "{path}");
                items.iter().for_each(|item| check(item, path));
            }
            Value::String(text) => assert!(!text.is_empty() || path.ends_with(".args"), "{path}"),
            other => assert!(!other.is_null(), "{path}"),
        }
    }
    let documents = evql([Path::new("export"), &samples()]).expect(2).json_lines();
    documents.iter().for_each(|document| check(document, ""));
}

#[test]
fn bulk_puts_an_action_before_each_document_and_threads_change_no_byte() {
    let samples = samples().to_string_lossy().into_owned();
    let plain = evql(["export", &samples, "-j", "1"]).expect(2).stdout;
    let bulk = evql(["export", &samples, "-j", "3", "--bulk"]).expect(2).stdout;
    let expected: String = plain.lines().map(|line| format!("{{\"create\":{{}}}}\n{line}\n")).collect();
    assert!(bulk == expected, "--bulk differs by more than its action lines, or -j 3 from -j 1");
}

#[test]
fn damaged_logs_cost_only_what_is_damaged() {
    let damaged = samples().join("damaged").to_string_lossy().into_owned();
    let ran = evql(["export", &damaged]).expect(2);
    assert!(ran.stderr.contains("warning: ") && ran.stderr.contains("truncated"), "{}", ran.stderr);
    let sources: std::collections::BTreeSet<_> = ran
        .json_lines()
        .iter()
        .map(|document| at(document, "evidence.source").as_str().expect("a source").to_owned())
        .collect();
    assert_eq!(sources.len(), 3);
    let nothing = tempfile::tempdir().expect("a folder");
    evql([Path::new("export"), nothing.path()]).expect(4);
    evql([Path::new("export"), &nothing.path().join("absent")]).expect(4);
}

#[test]
fn a_file_is_written_whole_and_replaced_only_on_demand() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out.jsonl");
    let (path, out) = (every_event(), file.to_string_lossy().into_owned());
    let streamed = evql(["export", &path]).expect(0).stdout;
    assert_eq!(evql(["export", &path, "-o", &out]).expect(0).stdout, "");
    assert_eq!(fs::read_to_string(&file).expect("the export"), streamed);
    fs::write(&file, "mine").expect("written");
    assert!(evql(["export", &path, "-o", &out]).expect(5).stderr.contains("--force"));
    assert_eq!(fs::read_to_string(&file).expect("still there"), "mine");
    evql(["export", &path, "-o", &out, "--force"]).expect(0);
    assert_eq!(fs::read_to_string(&file).expect("the export"), streamed);
    let whole = folder.path().to_string_lossy().into_owned();
    evql(["export", &path, "-o", &whole, "--force"]).expect(5);
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1, "nothing is left behind");
}

/// Even with `--force`, which as root would otherwise put a file in the place of `/dev/null`.
#[cfg(unix)]
#[test]
fn devices_and_pipes_are_written_to_and_never_replaced() {
    use std::os::unix::fs::FileTypeExt;
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no mkfifo");
        return;
    }
    let from = pipe.clone();
    let reader = std::thread::spawn(move || fs::read_to_string(from).expect("the pipe"));
    let path = every_event();
    evql(["export", &path, "--force", "-o", &pipe.to_string_lossy()]).expect(0);
    assert_eq!(reader.join().expect("the reader"), evql(["export", &path]).expect(0).stdout);
    assert!(fs::metadata(&pipe).expect("the pipe").file_type().is_fifo());
    if Path::new("/dev/full").exists() {
        evql(["export", &path, "-o", "/dev/full"]).expect(5);
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_export_quietly() {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("evql"))
        .args([Path::new("export"), &samples()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("evql starts");
    let mut line = String::new();
    let mut stdout = BufReader::with_capacity(64, child.stdout.take().expect("piped"));
    stdout.read_line(&mut line).expect("a line");
    drop(stdout);
    let output = child.wait_with_output().expect("it ends");
    assert!(line.starts_with("{\"@timestamp\""));
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn each_departure_from_the_mapping_shows_and_is_named() {
    let path = every_event();
    let usual = evql(["export", &path]).expect(0).json_lines();
    let departed = |arguments: &[&str]| {
        let ran = evql(["export", &path].iter().chain(arguments)).expect(0);
        let named = arguments.join(" ");
        assert!(ran.stderr.contains(&format!("differs from Elastic's by {named}\n")), "{}", ran.stderr);
        let documents = ran.json_lines();
        assert_eq!(documents.len(), usual.len());
        documents
    };
    let short = departed(&["--host-name", "short"]);
    assert_eq!(at(&usual[0], "host.name"), "ws30.corp.example");
    assert_eq!(at(&short[0], "host.name"), "ws30");
    let compat = departed(&["--event-action", "compat"]);
    let actions = ["Process creation", "Process Create (rule: ProcessCreate)", "start"];
    assert_eq!(*at(&compat[0], "event.action"), Value::from(actions.map(Value::from).to_vec()));
    let actor = departed(&["--user-from-event"]);
    assert_eq!((at(&usual[0], "user.id"), at(&actor[0], "user.id")), (&"S-1-5-18".into(), &Value::Null));
    let quiet = departed(&["--no-library-start"]);
    assert_eq!(*at(&usual[6], "event.type"), serde_json::json!(["change", "start"]));
    assert_eq!(*at(&quiet[6], "event.type"), serde_json::json!(["change"]));
    // The limit is the index's, not the document's: a query feels it, an export does not.
    assert_eq!(departed(&["--keyword-limit"]), usual);
}

/// Expected counts: the manifest's, and for all events libevtx's (python-evtx believes the header of a log that was not closed, and reads less).
#[test]
fn no_record_of_the_public_logs_is_lost() {
    let Some(corpus) = corpus() else { return };
    let documents = evql([Path::new("export"), &corpus.join("evtx"), Path::new("--no-hash")]).json_lines();
    let expected = [
        ("1", 431),
        ("3", 20),
        ("5", 2),
        ("7", 521),
        ("10", 71),
        ("11", 51),
        ("12", 16),
        ("13", 32),
        ("15", 2),
        ("16", 1),
        ("17", 4),
        ("18", 5),
        ("22", 2),
        ("23", 3),
    ];
    let expected = expected.into_iter().map(|(code, count)| (code.to_owned(), count)).collect();
    assert_eq!(counts(&documents), expected);
    let manifest = fs::read_to_string(corpus.join("manifest.json")).expect("the manifest");
    let manifest: Vec<Value> = serde_json::from_str(&manifest).expect("JSON");
    for entry in manifest {
        let file = entry["file"].as_str().expect("a name");
        let here: Vec<Value> = documents
            .iter()
            .filter(|document| {
                at(document, "evidence.source").as_str().is_some_and(|source| source.ends_with(file))
            })
            .cloned()
            .collect();
        let found = counts(&here);
        for (id, count) in entry["sysmon_1_3_22"].as_object().expect("counts") {
            assert_eq!(
                found.get(id).copied().unwrap_or(0),
                count.as_u64().expect("a count"),
                "{file}, event {id}"
            );
        }
    }
}

#[test]
fn fields_are_listed_with_type_events_and_source() {
    let listed = evql(["fields", "dns.question.*"]).expect(0).stdout;
    let lines: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["FIELD", "TYPE", "EVENTS", "FROM"]);
    assert!(lines.contains(&vec!["dns.question.name", "keyword", "22", "QueryName"]), "{listed}");
    assert!(lines.contains(&vec!["dns.question.type", "keyword", "never"]), "{listed}");
    let columns: Vec<_> = listed.lines().map(|line| line.find(" keyword ")).skip(1).collect();
    assert!(columns.iter().all(|column| *column == columns[0]), "columns are lined up");
    let lost = evql(["fields", "process.nmae"]).expect(4);
    assert_eq!((lost.stdout.as_str(), lost.stderr.contains("the nearest is process.name")), ("", true));
    assert!(evql(["fields"]).expect(0).stdout.lines().count() > 1000);
}
