//! What evql hands to other programs, through the binary over `samples/`: alerts, a layer, indicators, a STIX bundle. Expected values are those of
//! `samples/expected.jsonl` and `samples/README.md`; that other programs' own libraries take the files is proved by `tests/oracle/check_interchange.py`.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use common::{at, evql, json_lines, samples, tree};
use serde_json::Value;

/// The files that are for other programs.
const FILES: [&str; 5] = ["iocs.csv", "iocs.txt", "signals.ndjson", "navigator.json", "bundle.json"];

/// A scan's folder under `target/tmp`, where the oracle finds it too, and its files.
fn scanned(name: &str, paths: &[PathBuf], more: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("interchange-{name}"));
    let mut arguments: Vec<&OsStr> =
        ["scan", "--quiet", "--force", "--format", "csv,jsonl,iocs,ecs,navigator,stix", "-o"]
            .iter()
            .map(AsRef::as_ref)
            .collect();
    arguments.push(folder.as_os_str());
    arguments.extend(paths.iter().map(|path| path.as_os_str()));
    arguments.extend(more.iter().map(AsRef::<OsStr>::as_ref));
    let ran = evql(arguments);
    assert!(matches!(ran.code, 0 | 2), "exit code {}: {}", ran.code, ran.stderr);
    tree(&folder)
}

/// The scan of one story.
fn story(name: &str) -> BTreeMap<String, Vec<u8>> {
    scanned(name, &[samples().join(name)], &[])
}

fn text<'a>(files: &'a BTreeMap<String, Vec<u8>>, name: &str) -> &'a str {
    std::str::from_utf8(&files[name]).expect("UTF-8")
}

fn json(files: &BTreeMap<String, Vec<u8>>, name: &str) -> Value {
    serde_json::from_slice(&files[name]).expect("JSON")
}

/// The rows of a table by column.
fn rows(files: &BTreeMap<String, Vec<u8>>, name: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = ::csv::Reader::from_reader(&*files[name]);
    let header = reader.headers().expect("a header").clone();
    let row = |record: ::csv::StringRecord| {
        header.iter().zip(record.iter()).map(|(name, cell)| (name.to_owned(), cell.to_owned())).collect()
    };
    reader.records().map(|record| row(record.expect("a row as wide as the header"))).collect()
}

/// The row of a value in `iocs.csv`.
#[track_caller]
fn ioc(files: &BTreeMap<String, Vec<u8>>, kind: &str, value: &str) -> BTreeMap<String, String> {
    let found = rows(files, "iocs.csv").into_iter().find(|row| row["type"] == kind && row["value"] == value);
    found.unwrap_or_else(|| panic!("no {kind} {value} in:\n{}", text(files, "iocs.csv")))
}

/// What `samples/expected.jsonl` says of the clock `created`.
fn expected() -> Vec<Value> {
    let lines = std::fs::read_to_string(samples().join("expected.jsonl")).expect("expected.jsonl");
    json_lines(&lines).into_iter().filter(|line| line["clock"] == "created").collect()
}

fn objects<'a>(bundle: &'a Value, kind: &str) -> Vec<&'a Value> {
    let all = bundle["objects"].as_array().expect("objects").iter();
    all.filter(|object| object["type"] == kind).collect()
}

#[test]
fn every_sequence_is_a_group_of_its_events_and_a_shell() {
    let files = scanned("all", &[samples()], &[]);
    let alerts = json_lines(text(&files, "signals.ndjson"));
    assert!(text(&files, "signals.ndjson").ends_with('\n'), "Filebeat loses a last line without its end");
    assert_eq!(alerts.len(), 3 * expected().len(), "two building blocks and a shell for each");
    let mut groups: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for alert in &alerts {
        let id = at(alert, "kibana.alert.group.id").as_str().expect("a group").to_owned();
        groups.entry(id).or_default().push(alert);
    }
    let record = |alert: &Value| at(alert, "winlog.record_id").as_str().map(str::to_owned);
    let told: BTreeSet<(String, String, String, String)> = groups
        .iter()
        .map(|(id, group)| {
            let [start, network, shell] = group[..] else { panic!("a group of {}", group.len()) };
            for (place, block) in [start, network].into_iter().enumerate() {
                assert_eq!(at(block, "kibana.alert.building_block_type"), "default");
                assert_eq!(at(block, "kibana.alert.group.index"), place);
                assert_eq!(at(block, "kibana.alert.depth"), 1);
                assert_eq!(at(block, "kibana.alert.original_event.kind"), "event");
                assert_eq!(at(block, "kibana.alert.ancestors").as_array().map(Vec::len), Some(1));
            }
            assert!(at(shell, "kibana.alert.building_block_type").is_null());
            assert_eq!(at(shell, "kibana.alert.uuid"), id.as_str());
            assert_eq!(at(shell, "kibana.alert.depth"), 2);
            assert_eq!(at(shell, "@timestamp"), at(network, "@timestamp").max_of(at(start, "@timestamp")));
            assert_eq!(at(shell, "winlog.record_id"), &Value::Null, "only what all events share");
            let name = |path: &str| at(shell, path).as_str().unwrap_or_default().to_owned();
            let records = (record(start).expect("an id"), record(network).expect("an id"));
            (name("host.name"), name("process.entity_id"), records.0, records.1)
        })
        .collect();
    let wanted = expected().into_iter().map(|line| {
        let text = |key: &str| line[key].as_str().expect("text").to_owned();
        (
            text("host").to_lowercase(),
            text("process_guid"),
            line["start_record_id"].to_string(),
            line["network_record_id"].to_string(),
        )
    });
    let told =
        told.into_iter().map(|(host, guid, start, network)| (host.to_lowercase(), guid, start, network));
    assert_eq!(told.collect::<BTreeSet<_>>(), wanted.collect());
    for alert in &alerts {
        assert_eq!(at(alert, "event.kind"), "signal");
        assert_eq!(at(alert, "kibana.alert.rule.type"), "eql");
        assert_eq!(at(alert, "kibana.alert.workflow_status"), "open");
        assert!(at(alert, "data_stream").is_null(), "alerts do not belong to the events' stream");
    }
}

/// Two times of one format as text.
trait MaxOf {
    fn max_of<'a>(&'a self, other: &'a Self) -> &'a Self;
}

impl MaxOf for Value {
    fn max_of<'a>(&'a self, other: &'a Self) -> &'a Self {
        if self.as_str() < other.as_str() { other } else { self }
    }
}

#[test]
fn an_alert_names_technique_and_sub_technique() {
    let files = story("mshta");
    let alerts = json_lines(text(&files, "signals.ndjson"));
    let shell = alerts.last().expect("a shell");
    let threat = at(shell, "kibana.alert.rule.threat.0");
    assert_eq!(at(threat, "tactic.id"), "TA0005");
    assert_eq!(at(threat, "technique.0.id"), "T1218");
    assert_eq!(at(threat, "technique.0.subtechnique.0.id"), "T1218.005");
    assert_eq!(
        at(threat, "technique.0.subtechnique.0.reference"),
        "https://attack.mitre.org/techniques/T1218/005/"
    );
    assert_eq!(at(shell, "threat.technique.subtechnique.id.0"), "T1218.005");
}

#[test]
fn an_event_rule_makes_one_alert_per_event() {
    let rule = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interchange-one-event.toml");
    let query = r#"process where process.name == "mshta.exe""#;
    std::fs::write(
        &rule,
        format!(
            "[metadata]\ncreation_date = \"2024/01/01\"\n[rule]\nname = \"A start\"\nrule_id = \"one-event\"\ntype = \"eql\"\nlanguage = \"eql\"\n\
             description = \"x\"\nrisk_score = 21\nseverity = \"low\"\nquery = '''{query}'''\n"
        ),
    )
    .expect("a rule");
    let rule = rule.to_string_lossy().into_owned();
    let files = scanned("event-rule", &[samples().join("mshta")], &["--rules", &rule, "--no-builtin"]);
    let alerts = json_lines(text(&files, "signals.ndjson"));
    let [alert] = &alerts[..] else { panic!("{} alerts", alerts.len()) };
    assert_eq!(at(alert, "kibana.alert.depth"), 1);
    assert!(at(alert, "kibana.alert.group").is_null(), "no sequence, no group");
    assert_eq!(at(alert, "winlog.record_id"), "48222");
    assert_eq!(at(alert, "kibana.alert.uuid"), at(alert, "evql.finding_id"));
    assert_eq!(json(&files, "navigator.json")["techniques"], Value::Array(Vec::new()), "the rule names none");
}

#[test]
fn a_layer_scores_techniques_by_findings() {
    let files = scanned("layer", &[samples()], &[]);
    let layer = json(&files, "navigator.json");
    assert_eq!(layer["domain"], "enterprise-attack");
    assert_eq!(layer["versions"]["layer"], "4.5");
    assert!(layer["name"].is_string() && layer["versions"]["navigator"].is_string());
    // ATT&CK's own sub-technique of each program.
    let of_program = [
        ("mshta.exe", "T1218.005"),
        ("regsvr32.exe", "T1218.010"),
        ("msiexec.exe", "T1218.007"),
        ("cmstp.exe", "T1218.003"),
        ("installutil.exe", "T1218.004"),
        ("msbuild.exe", "T1127.001"),
    ];
    let techniques = layer["techniques"].as_array().expect("techniques");
    for (program, id) in of_program {
        let own: Vec<Value> = expected()
            .into_iter()
            .filter(|line| {
                line["process_name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(program))
            })
            .collect();
        let technique = techniques.iter().find(|one| one["techniqueID"] == id).expect(id);
        assert_eq!(technique["score"], own.len(), "{id}");
        let comment = technique["comment"].as_str().expect("a comment");
        assert!(comment.contains("Trusted Windows program on the network"), "names the rule: {comment}");
        if own.len() < 10 {
            for line in &own {
                assert!(
                    comment.contains(line["host"].as_str().expect("a host")),
                    "names the hosts: {comment}"
                );
            }
        }
    }
    let most = techniques.iter().filter_map(|one| one["score"].as_u64()).max();
    assert_eq!(layer["gradient"]["maxValue"].as_u64(), most);
}

#[test]
fn indicators_are_what_the_flagged_process_reached() {
    let files = story("mshta");
    let address = ioc(&files, "ip", "203.0.113.10");
    for (column, cell) in [
        ("use", "indicator"),
        ("defanged", "203[.]0[.]113[.]10"),
        ("scope", "documentation"),
        ("seen_as", "destination"),
        ("hosts", "ws01.corp.example"),
        ("host_count", "1"),
        ("finding_count", "1"),
        ("event_id", "3"),
        ("record_id", "48226"),
    ] {
        assert_eq!(address[column], cell, "{column}");
    }
    // The story: it connected again a minute after.
    assert!(address["last_seen"] > address["first_seen"]);
    assert_eq!(address["finding_ids"], rows(&files, "findings.csv")[0]["finding_id"]);
    let hash = rows(&files, "iocs.csv").into_iter().find(|row| row["type"] == "sha256").expect("a hash");
    assert_eq!(hash["value"], rows(&files, "findings.csv")[0]["sha256"]);
    assert_eq!(hash["use"], "context", "mshta.exe is on every Windows");
    assert!(hash["reason"].contains("healthy hosts"));
    assert_eq!(
        text(&files, "iocs.txt").lines().filter(|line| !line.starts_with('#')).collect::<String>(),
        "203[.]0[.]113[.]10"
    );
}

#[test]
fn names_urls_and_paths_are_told_with_where_they_were_seen() {
    let dns = story("regsvr32-dns");
    let name = ioc(&dns, "domain", "cdn.example.net");
    assert_eq!((&*name["use"], &*name["scope"]), ("indicator", "public"));
    assert!(name["seen_as"].contains("dns_question"));
    let url = ioc(&dns, "url", "https://cdn.example.net/a.sct");
    assert_eq!((&*url["use"], &*url["seen_as"]), ("indicator", "command_line"));
    assert_eq!(url["defanged"], "hxxps[://]cdn[.]example[.]net/a[.]sct");
    assert_eq!(url["record_id"], "7127", "the start holds the command line");

    let beacon = story("beacon");
    assert_eq!(ioc(&beacon, "domain", "c2.example.net")["use"], "indicator");
    let program = rows(&beacon, "findings.csv")[0].clone();
    assert_eq!(ioc(&beacon, "path", &program["image"])["use"], "indicator", "no folder of Windows");
    assert_eq!(ioc(&beacon, "file_name", "regsvr32.exe")["use"], "context", "a name alone");
}

#[test]
fn what_must_not_be_blocked_is_context() {
    let msbuild = story("msbuild");
    assert_eq!(ioc(&msbuild, "ip", "198.51.100.23")["use"], "indicator");
    let own = ioc(&msbuild, "ip", "::1");
    assert_eq!((&*own["use"], &*own["scope"]), ("context", "loopback"));
    assert!(!text(&msbuild, "iocs.txt").contains("::1") && !text(&msbuild, "iocs.txt").contains("[::]1"));

    let excluded = story("excluded-name");
    let name = ioc(&excluded, "domain", "ctldl.windowsupdate.com");
    assert_eq!(name["use"], "context");
    let address = rows(&excluded, "findings.csv")[0]["dst_first"].clone();
    let row = ioc(&excluded, "ip", &address);
    assert_eq!(
        row["use"], "context",
        "mshta.exe reached it too, but it is still the answer for an excluded name"
    );
    assert!(!text(&excluded, "iocs.txt").contains("windowsupdate"));
}

#[test]
fn hostile_text_stays_text_in_every_file() {
    let files = story("hostile-text");
    let is_hidden =
        |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c) || c == '\u{200b}';
    for name in ["iocs.csv", "iocs.txt"] {
        assert!(!text(&files, name).contains(is_hidden), "{name} hides something");
    }
    for row in rows(&files, "iocs.csv") {
        for cell in row.values() {
            assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell} would run in a spreadsheet");
        }
    }
    let name = ioc(&files, "domain", "<b>.example.org");
    assert_eq!(name["use"], "context", "no host can have this name");
    let bundle = json(&files, "bundle.json");
    assert!(
        objects(&bundle, "domain-name")
            .iter()
            .all(|name| !name["value"].as_str().unwrap_or_default().contains('<'))
    );
    assert_eq!(json_lines(text(&files, "signals.ndjson")).len(), 9);
    assert_eq!(json(&files, "navigator.json")["techniques"][0]["score"], 3);
}

#[test]
fn a_bundle_tells_what_was_seen_and_of_which_rule_it_is_a_sighting() {
    let files = scanned(
        "stix",
        &[samples().join("mshta"), samples().join("regsvr32-dns")],
        &["--tlp", "amber+strict"],
    );
    let bundle = json(&files, "bundle.json");
    let all = bundle["objects"].as_array().expect("objects");
    let by_id: BTreeMap<&str, &Value> =
        all.iter().map(|object| (object["id"].as_str().expect("an id"), object)).collect();
    assert_eq!(by_id.len(), all.len());
    let one = |reference: &Value| by_id[reference.as_str().expect("a reference")];
    let [indicator] = objects(&bundle, "indicator")[..] else { panic!("one rule") };
    assert_eq!(indicator["pattern_type"], "eql");
    assert_eq!(objects(&bundle, "sighting").len(), 2);
    assert!(
        objects(&bundle, "sighting").iter().all(|sighting| sighting["sighting_of_ref"] == indicator["id"])
    );

    // mshta.exe of the story, its program, its user, its parent and its connection.
    let processes = objects(&bundle, "process");
    let mshta = processes
        .iter()
        .find(|process| process.get("image_ref").is_some_and(|image| one(image)["name"] == "mshta.exe"));
    let mshta = mshta.expect("a process");
    let row = rows(&files, "findings.csv")
        .into_iter()
        .find(|row| row["process_name"] == "mshta.exe")
        .expect("a row");
    assert_eq!(mshta["command_line"], row["command_line"]);
    assert_eq!(one(&mshta["creator_user_ref"])["account_login"], row["user"]);
    assert_eq!(one(&one(&mshta["parent_ref"])["image_ref"])["name"], "cmd.exe");
    assert_eq!(one(&mshta["image_ref"])["hashes"]["SHA-256"], row["sha256"]);
    let opened = mshta["opened_connection_refs"].as_array().expect("connections");
    assert_eq!(opened.len(), 1, "the finding's own");
    let connection = one(&opened[0]);
    assert_eq!(one(&connection["dst_ref"])["value"], "203.0.113.10");
    assert_eq!(connection["dst_port"].to_string(), row["dst_port_first"]);
    assert_eq!(connection["protocols"], serde_json::json!(["ipv4", "tcp"]));
    assert!(objects(&bundle, "domain-name").iter().any(|name| name["value"] == "cdn.example.net"));

    // FIRST's label, by the identifier that OASIS gave it, on everything but itself.
    let marking = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003";
    assert_eq!(by_id[marking]["name"], "TLP:AMBER+STRICT");
    for object in all.iter().filter(|object| object["id"] != marking) {
        assert_eq!(object["object_marking_refs"][0], marking, "{object}");
    }
    assert_eq!(json(&files, "run.json")["case"]["tlp"], "amber+strict");
}

#[test]
fn what_an_allow_list_set_aside_is_in_none_of_them() {
    let list = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interchange-allow.toml");
    std::fs::write(
        &list,
        "[[allow]]\nid = \"known\"\nreason = \"=practice, not evidence\"\nauthor = \"anna\"\nexpires = 2999-12-31\n\
         when = ['process where process.name : \"mshta.exe\"']\n",
    )
    .expect("an allow-list");
    let list = list.to_string_lossy().into_owned();
    let paths = [samples().join("mshta"), samples().join("regsvr32-dns")];
    let files = scanned("allow", &paths, &["--allow", &list]);
    let [set_aside] = &rows(&files, "suppressed.csv")[..] else { panic!("one is set aside") };
    assert_eq!(set_aside["status"], "suppressed");
    assert_eq!(set_aside["allow_id"], "known");
    assert_eq!(set_aside["allow_reason"], "'=practice, not evidence", "disarmed");
    assert_eq!(set_aside["flags"], "cell_neutralised");
    assert_eq!(set_aside["record_ids"], "48222;48226");
    assert_eq!(rows(&files, "findings.csv").len(), 1);
    for name in FILES.iter().chain(&["findings.csv", "timeline.csv"]) {
        let text = text(&files, name);
        assert!(!text.contains(&set_aside["finding_id"]), "{name} holds it");
        assert!(
            !text.contains("203.0.113.10") && !text.contains("203[.]0[.]113[.]10"),
            "{name} holds its address"
        );
        assert!(text.len() > 80, "{name} holds the other");
    }
}

#[test]
fn nothing_found_makes_files_that_say_so() {
    let files = story("wscript");
    assert_eq!(text(&files, "signals.ndjson"), "");
    assert_eq!(json(&files, "navigator.json")["techniques"], Value::Array(Vec::new()));
    let bundle = json(&files, "bundle.json");
    assert_eq!(bundle["objects"].as_array().map(Vec::len), Some(1), "evql's identity alone");
    assert!(rows(&files, "iocs.csv").is_empty() && rows(&files, "suppressed.csv").is_empty());
    assert!(text(&files, "iocs.txt").starts_with("# evql: 0 indicators of 0 findings"));
}

#[test]
fn the_same_evidence_gives_the_same_bytes() {
    let one = scanned("one-thread", &[samples()], &["--threads", "1"]);
    let paths: Vec<PathBuf> = std::fs::read_dir(samples())
        .expect("samples")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| !path.extension().is_some_and(|extension| extension == "md" || extension == "jsonl"))
        .collect();
    let mut reversed = paths;
    reversed.sort();
    reversed.reverse();
    let four = scanned("four-threads", &reversed, &["--threads", "4"]);
    for name in FILES {
        assert_eq!(text(&one, name), text(&four, name), "{name}");
    }
}
