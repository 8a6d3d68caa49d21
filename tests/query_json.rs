//! `evql query` over JSON lines, through the program itself: answers, their forms, the schema taken from the data, and what is wrong with it.

mod common;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Ran, evql};
use serde_json::{Value, json};

/// A folder with one file of documents, and the answers to queries of it.
struct Documents {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Documents {
    fn new(lines: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("documents.jsonl");
        std::fs::write(&path, lines).expect("a file");
        Self { _folder: folder, path }
    }

    #[track_caller]
    fn query(&self, query: &str, more: &[&str]) -> Ran {
        let path = self.path.to_str().expect("a path in UTF-8");
        evql([&["query", query, path], more].concat())
    }

    /// The ids of the answers; `null` in the place of an event that had to be missing.
    #[track_caller]
    fn ids(&self, query: &str, more: &[&str]) -> Value {
        ids(&self.query(query, more).expect(0))
    }
}

#[track_caller]
fn ids(ran: &Ran) -> Value {
    let of = |answer: &Value| match &answer["join_keys"] {
        Value::Null => json!([answer["id"]]),
        _ => answer["events"].as_array().expect("events").iter().map(|event| event["id"].clone()).collect(),
    };
    ran.json_lines().iter().map(of).collect()
}

/// The vectors' fields are all mapped; one vector's documents lack a field that its query reads.
const WITHOUT_ITS_FIELD: (&str, &str) = ("seq_missing_key_dropped", "k");

#[test]
fn every_vector_gives_its_answer_through_the_program() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/eql-vectors.jsonl");
    let text = std::fs::read_to_string(path).expect("the vectors are part of the project");
    let vectors = common::json_lines(&text);
    assert_eq!(vectors.len(), 127);
    let next = AtomicUsize::new(0);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let work = || {
            std::iter::from_fn(|| vectors.get(next.fetch_add(1, Ordering::Relaxed)))
                .filter_map(failure_of)
                .collect::<Vec<String>>()
        };
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no worker panics")).collect()
    });
    assert!(failures.is_empty(), "{} of {} fail:\n{}", failures.len(), vectors.len(), failures.join("\n"));
}

fn failure_of(vector: &Value) -> Option<String> {
    let events = vector["events"].as_array().expect("events");
    let documents = Documents::new(&events.iter().map(|event| format!("{event}\n")).collect::<String>());
    let mut more = Vec::new();
    if let Some(field) = vector["tiebreaker_field"].as_str() {
        more.extend(["--tiebreaker-field", field]);
    }
    if vector["name"] == WITHOUT_ITS_FIELD.0 {
        more.extend(["--as-mapped", WITHOUT_ITS_FIELD.1]);
    }
    let query = vector["query"].as_str().expect("a query");
    let ran = documents.query(query, &more);
    let found = match ran.code {
        3 => json!("error"),
        0 => {
            let mut found = ids(&ran);
            let all = found.as_array_mut().expect("a list");
            let size = vector["size"].as_u64().map_or(all.len(), |size| size as usize);
            json!(all.split_off(all.len().saturating_sub(size)))
        }
        code => json!(format!("exit code {code}")),
    };
    (found != vector["expected"]).then(|| {
        format!(
            "{}: {query}\n  expected {}\n  found    {found}\n{}",
            vector["name"], vector["expected"], ran.stderr
        )
    })
}

const SOME: &str = concat!(
    "{\"id\":1, \"@timestamp\":1000,\"event\":{\"category\":\"process\"},\"user.name\":\"a\",\"n\":1.0}\n",
    "{ \"id\":2,\"@timestamp\":\"1970-01-01T00:00:02Z\",\"event.category\":[\"network\",\"file\"],\"user\":{\"name\":\"a\"},\"t\":\"=1+1\\u001b[2J\"}\r\n",
    "\n",
    "{\"id\":3,\"@timestamp\":\"3000\",\"event.category\":\"network\",\"user.name\":[\"a\",\"b\"],\"n\":12345678901234567890}",
);

#[test]
fn documents_come_back_as_they_were_written() {
    let documents = Documents::new(SOME);
    let lines: Vec<&str> =
        SOME.split('\n').map(|line| line.trim_end_matches('\r')).filter(|line| !line.is_empty()).collect();
    let all = documents.query("any where true", &[]).expect(0);
    assert_eq!(all.stdout, lines.join("\n") + "\n");
    let sequence = documents
        .query("sequence by user.name with maxspan=1s [process where true] ![file where n == 1] [network where true]", &[])
        .expect(0);
    let expected = format!("{{\"join_keys\":[\"a\"],\"events\":[{},null,{}]}}\n", lines[0], lines[1]);
    assert_eq!(sequence.stdout, expected);
}

#[test]
fn tables_and_csv_have_the_fields_asked_for() {
    let documents = Documents::new(SOME);
    let csv = documents.query("any where true", &["--format", "csv", "--fields", "id,user.name,t"]).expect(0);
    // A cell that begins a formula is defused, and no control character comes through.
    let expected = "\"match\",\"id\",\"user.name\",\"t\"\n\"1\",\"1\",\"a\",\"\"\n\"2\",\"2\",\"a\",\"'=1+1";
    assert!(csv.stdout.starts_with(expected), "{}", csv.stdout);
    assert!(
        !csv.stdout.contains('\x1b') && csv.stdout.ends_with("\"3\",\"3\",\"a;b\",\"\"\n"),
        "{}",
        csv.stdout
    );
    let none = documents.query("any where false", &["--format", "csv", "--fields", "id,t"]).expect(0);
    assert_eq!(none.stdout, "\"match\",\"id\",\"t\"\n");
    let table = documents.query("any where id == 2", &["--format", "table", "--fields", "id,t"]).expect(0);
    assert!(table.stdout.contains("=1+1") && !table.stdout.contains('\x1b'), "{}", table.stdout);
    let pairs = "sequence by user.name [process where true] [network where true]";
    let csv = documents.query(pairs, &["--format", "csv", "--fields", "id"]).expect(0);
    assert_eq!(csv.stdout, "\"match\",\"id\"\n\"1\",\"1\"\n\"1\",\"2\"\n");
}

#[test]
fn other_fields_can_hold_time_category_tiebreaker_and_addresses() {
    let documents = Documents::new(
        "{\"id\":1,\"when\":2000,\"kind\":\"process\",\"seq\":9,\"peer\":\"10.0.0.7\"}\n\
         {\"id\":2,\"when\":2000,\"kind\":\"process\",\"seq\":3,\"peer\":\"::ffff:10.0.0.8\"}\n\
         {\"id\":3,\"when\":\"1970-01-01T00:00:01.5Z\",\"kind\":\"process\",\"seq\":\"5\",\"peer\":\"192.0.2.1\"}\n\
         {\"id\":4,\"when\":2000,\"kind\":\"process\"}\n",
    );
    let named = ["--timestamp-field", "when", "--category-field", "kind"];
    let tied = [&named[..], &["--tiebreaker-field", "seq"]].concat();
    assert_eq!(documents.ids("process where true", &named), json!([[3], [1], [2], [4]]));
    assert_eq!(documents.ids("process where true", &tied), json!([[3], [2], [1], [4]]));
    let inside = "any where cidrMatch(peer, \"10.0.0.0/8\")";
    documents.query(inside, &named).expect(3);
    assert_eq!(documents.ids(inside, &[&named[..], &["--ip-field", "peer"]].concat()), json!([[1], [2]]));
    assert_eq!(documents.ids("process where true", &["--timestamp-field", "when"]), json!([]));
}

#[test]
fn a_field_is_mapped_by_the_data_by_ecs_or_by_hand_and_refused_otherwise() {
    let documents = Documents::new("{\"id\":1,\"own\":true,\"mixed\":\"x\"}\n{\"id\":2,\"mixed\":7}\n");
    assert_eq!(documents.ids("any where own", &[]), json!([[1]]));
    assert_eq!(documents.ids("any where process.name == null", &[]), json!([[1], [2]]));
    let refused = documents.query("any where gone == null", &[]).expect(3);
    assert!(refused.stderr.contains("query:1:11: error: unknown field `gone`"), "{}", refused.stderr);
    assert!(refused.stdout.is_empty());
    assert_eq!(documents.ids("any where ?gone == null", &[]), json!([[1], [2]]));
    assert_eq!(documents.ids("any where ?gone : \"x\" or own", &[]), json!([[1]]));
    // Unmapped, a conjunct on it empties the whole; mapped, its negation holds.
    assert_eq!(documents.ids("any where own and not ?gone : \"x\"", &[]), json!([]));
    assert_eq!(documents.ids("any where own and not gone : \"x\"", &["--as-mapped", "gone"]), json!([[1]]));
    documents.query("any where gone : \"x\"", &["--as-mapped", "gone:long"]).expect(3);
    documents.query("any where gone > 1", &["--as-mapped", "gone:long"]).expect(0);
    let odd = documents.query("any where true", &["--as-mapped", "gone:nothing"]).expect(3);
    assert!(odd.stderr.contains("`nothing` is not a type"), "{}", odd.stderr);
    // A field that holds texts and numbers is a text, as in an index that saw the text first.
    assert_eq!(documents.ids("any where mixed : \"7\"", &[]), json!([[2]]));
    assert_eq!(documents.ids("any where own", &["--as-mapped", "mixed:long"]), json!([[1]]));
}

#[test]
fn a_bad_line_is_reported_and_the_rest_is_answered() {
    let documents = Documents::new("not json\n{\"id\":1}\n[1]\n{\"id\":2\n{\"id\":3}\n");
    let ran = documents.query("any where true", &[]).expect(2);
    assert_eq!(ids(&ran), json!([[1], [3]]));
    for place in [":1: not JSON", ":3: not a JSON object", ":4: not JSON"] {
        assert!(ran.stderr.contains(&format!("documents.jsonl{place}")), "{}", ran.stderr);
    }
    let many = Documents::new(&"x\n".repeat(5_000));
    let ran = many.query("any where true", &[]).expect(4);
    assert!(ran.stderr.lines().count() < 30 && ran.stderr.contains("and 4980 more"), "{}", ran.stderr);
}

#[test]
fn standard_input_is_read_and_a_closed_output_is_no_failure() {
    let lines: String = (0..50_000).map(|id| format!("{{\"id\":{id},\"event.category\":\"x\"}}\n")).collect();
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("evql"))
        .args(["query", "x where id >= 40000", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("evql starts");
    let mut input = child.stdin.take().expect("its input");
    let feed = std::thread::spawn(move || std::io::Write::write_all(&mut input, lines.as_bytes()));
    let mut first = String::new();
    let output = child.stdout.take().expect("its output");
    std::io::BufRead::read_line(&mut std::io::BufReader::with_capacity(64, output), &mut first)
        .expect("a line");
    assert_eq!(first, "{\"id\":40000,\"event.category\":\"x\"}\n");
    feed.join().expect("no panic").expect("all is read");
    let ended = child.wait_with_output().expect("evql ends");
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn a_sample_takes_documents_as_they_were_read_and_answers_by_key() {
    let documents = Documents::new(
        "{\"id\":1,\"@timestamp\":9000,\"k\":\"z\",\"v\":\"p\"}\n{\"id\":2,\"@timestamp\":1000,\"k\":\"z\",\"v\":\"p\"}\n\
         {\"id\":3,\"@timestamp\":5000,\"k\":\"z\",\"v\":\"q\"}\n{\"id\":4,\"k\":\"a\",\"v\":\"q\"}\n{\"id\":5,\"k\":\"a\",\"v\":\"p\"}\n",
    );
    let query = "sample by k [any where v == \"p\"] [any where v == \"q\"]";
    assert_eq!(documents.ids(query, &[]), json!([[5, 4], [1, 3]]));
}

#[test]
fn a_document_without_time_stands_last_and_out_of_what_is_measured() {
    let documents = Documents::new(
        "{\"id\":1,\"v\":\"q\"}\n{\"id\":2,\"@timestamp\":1000,\"v\":\"p\"}\n{\"id\":3,\"@timestamp\":116444736000000000,\"v\":\"q\"}\n",
    );
    let ordered = documents.query("any where true", &[]);
    assert_eq!(ids(&ordered), json!([[2], [1], [3]]));
    assert!(ordered.stderr.contains(":3: `@timestamp` holds 116444736000000000"), "{}", ordered.stderr);
    let pair = "[any where v == \"p\"] [any where v == \"q\"]";
    assert_eq!(documents.ids(&format!("sequence {pair}"), &[]), json!([[2, 1]]));
    let measured = documents.query(&format!("sequence with maxspan=1d {pair}"), &[]).expect(0);
    assert_eq!(ids(&measured), json!([]));
    assert!(measured.stderr.contains("2 documents have no time"), "{}", measured.stderr);
}

#[test]
fn keys_are_typed_many_and_expanded() {
    let documents = Documents::new(
        "{\"id\":1,\"@timestamp\":1,\"v\":\"p\",\"a\":[\"x\",\"y\",\"x\"],\"b\":[1,2],\"c\":null}\n\
         {\"id\":2,\"@timestamp\":2,\"v\":\"q\",\"a\":[\"y\",\"x\"],\"b\":[2,3],\"c\":[]}\n\
         {\"id\":3,\"@timestamp\":3,\"v\":\"q\",\"a\":\"X\",\"b\":1}\n",
    );
    let query = "sequence by a, b, ?c [any where v == \"p\"] [any where v == \"q\"]";
    let ran = documents.query(query, &[]).expect(0);
    let keys: Vec<Value> = ran.json_lines().iter().map(|answer| answer["join_keys"].clone()).collect();
    assert_eq!(json!(keys), json!([["x", 2, null], ["y", 2, null]]));
    assert_eq!(ids(&ran), json!([[1, 2], [1, 2]]));
    documents.query(&query.replace("?c", "c"), &[]).expect(0);
    assert_eq!(documents.ids(&query.replace("?c", "c"), &[]), json!([]));
}

#[test]
fn logs_and_documents_are_not_asked_together() {
    let documents = Documents::new("{\"id\":1}\n");
    let samples = common::samples();
    let paths: [&Path; 2] = [&documents.path, &samples];
    let ran = evql(["query", "any where true"].map(Path::new).into_iter().chain(paths)).expect(3);
    assert!(ran.stderr.contains("separate runs"), "{}", ran.stderr);
}
