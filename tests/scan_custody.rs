//! Chain of custody: what the run's record says of the program, the case and the inputs, and that nothing is written beside the evidence.

mod common;

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use common::{at, evql, samples, tree};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `run.json` of a scan of `path` into `output`.
fn scan(path: &Path, output: &Path, more: &[&str]) -> Value {
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let arguments = ["scan".to_owned(), text(path), "--force".to_owned(), "-o".to_owned(), text(output)];
    let ran = evql(arguments.into_iter().chain(more.iter().map(ToString::to_string)));
    assert!(matches!(ran.code, 0 | 2), "{}", ran.stderr);
    serde_json::from_str(&fs::read_to_string(output.join("run.json")).expect("run.json")).expect("JSON")
}

#[test]
fn the_record_names_program_case_rules_inputs_and_outputs() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = samples().join("mshta");
    let case = ["--case", "IR-7", "--examiner", "A. Analyst", "--evidence-id", "E1", "--evidence-id", "E2"];
    let run = scan(&log, folder.path(), &case);
    let program = fs::read(env!("CARGO_BIN_EXE_evql")).expect("the program");
    assert_eq!(at(&run, "executable_sha256"), &json!(sha256(&program)));
    let expected = json!({"id": "IR-7", "examiner": "A. Analyst", "organization": "", "evidence_ids": ["E1", "E2"], "tlp": null});
    assert_eq!(at(&run, "case"), &expected);
    let rule = &run["rules"][0];
    let line =
        format!("{}  {}\n", rule["sha256"].as_str().expect("a hash"), rule["id"].as_str().expect("an id"));
    assert_eq!(at(&run, "rules_sha256"), &json!(sha256(line.as_bytes())));
    for input in run["inputs"].as_array().expect("inputs") {
        let bytes = fs::read(input["path"].as_str().expect("a path")).expect("an input");
        assert_eq!((&input["sha256"], &input["size"]), (&json!(sha256(&bytes)), &json!(bytes.len())));
    }
    let mut named = Vec::new();
    for output in run["outputs"].as_array().expect("outputs") {
        let name = output["name"].as_str().expect("a name");
        let bytes = fs::read(folder.path().join(name)).expect("an output");
        assert_eq!(
            (&output["sha256"], &output["size"]),
            (&json!(sha256(&bytes)), &json!(bytes.len())),
            "{name}"
        );
        named.push(name.to_owned());
    }
    named.push("run.json".to_owned());
    named.sort();
    assert_eq!(named, tree(folder.path()).into_keys().collect::<Vec<_>>());
    let page = fs::read_to_string(folder.path().join("report.html")).expect("the page");
    for fact in ["IR-7", "A. Analyst", "E1, E2"] {
        assert!(page.contains(fact), "{fact}");
    }
}

#[test]
fn the_evidence_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let evidence = folder.path().join("evidence");
    fs::create_dir(&evidence).expect("a folder");
    for name in ["mshta", "damaged"] {
        for (file, bytes) in tree(&samples().join(name)) {
            let flat = file.replace('/', "-");
            fs::write(evidence.join(flat), bytes).expect("written");
        }
    }
    let times = || -> Vec<(String, Option<SystemTime>)> {
        let of = |name: String| {
            let time = fs::metadata(evidence.join(&name)).and_then(|metadata| metadata.modified()).ok();
            (name, time)
        };
        tree(&evidence).into_keys().map(of).collect()
    };
    let before = (tree(&evidence), times());
    scan(&evidence, &folder.path().join("output"), &["--recover", "--carve"]);
    assert_eq!((tree(&evidence), times()), before);
}

/// The layout is that of a Velociraptor collection as its readers describe it, unpacked; the rows are its uploads as later versions tell of them.
#[test]
fn what_the_collector_says_is_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let case = folder.path().join("Collection-WS01");
    let logs = case.join("uploads/auto/C%3A/Windows/System32/winevt/Logs");
    fs::create_dir_all(&logs).expect("folders");
    let mut rows = String::new();
    for (sample, name, honest) in
        [("mshta", "Microsoft-Windows-Sysmon%254Operational.evtx", true), ("msbuild", "other.evtx", false)]
    {
        let (_, bytes) = tree(&samples().join(sample)).pop_first().expect("a log");
        fs::write(logs.join(name), &bytes).expect("written");
        let hash = if honest { sha256(&bytes) } else { "0".repeat(64) };
        let name = name.replace("%25", "%");
        let row = json!({"_Components": ["uploads", "auto", "C:", "Windows", "System32", "winevt", "Logs", name], "file_size": bytes.len(), "sha256": hash});
        rows.push_str(&format!("{row}\n"));
    }
    fs::write(case.join("uploads.json"), rows).expect("written");
    let run = scan(&case, &folder.path().join("output"), &[]);
    let of = |end: &str, field: &str| {
        let inputs = run["inputs"].as_array().expect("inputs");
        let input =
            inputs.iter().find(|input| input["path"].as_str().is_some_and(|path| path.ends_with(end)));
        input.expect("an input")[field].clone()
    };
    assert_eq!(
        (of("Operational.evtx", "vouched"), of("Operational.evtx", "problems")),
        (json!("sha256"), json!(0))
    );
    assert_eq!((of("other.evtx", "vouched"), of("other.evtx", "problems")), (json!("differs"), json!(1)));
    assert_eq!((of("uploads.json", "vouched"), of("uploads.json", "status")), (json!(""), json!("skipped")));
    let problem = &run["problems"][0];
    assert_eq!((&problem["kind"], &problem["lost"]), (&json!("checksum"), &json!(false)));
    assert!(problem["reason"].as_str().is_some_and(|reason| reason.contains("uploads.json")), "{problem}");
}
