//! Helpers that let a test read as a sentence: run the program, find the corpus, make a folder of evidence.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// An allow-list that sets aside what msiexec.exe did.
pub const ALLOW: &str = r#"
[[allow]]
id = "installer"
reason = "known"
author = "anna"
expires = 2999-01-01
when = 'process where process.name : "msiexec.exe"'
"#;

/// What a run of the program gave.
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Standard output as JSON lines.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        json_lines(&self.stdout)
    }

    /// The run, if it ended with `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code; stderr:\n{}\nstdout:\n{}", self.stderr, self.stdout);
        self
    }
}

/// How `evql reduce`, asked for JSON lines, ends on this stream.
#[track_caller]
pub fn reduce_of(stream: impl AsRef<[u8]>, more: &[&str]) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("stream");
    std::fs::write(&path, stream).expect("written");
    let asked = ["reduce", "-q", "--format", "jsonl", "-o", "-"];
    evql(asked.iter().chain(more).map(Path::new).chain([path.as_path()]))
}

/// Runs evql with `arguments`.
#[track_caller]
pub fn evql<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(arguments: I) -> Ran {
    let output = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("evql"))
        .args(arguments)
        .timeout(std::time::Duration::from_secs(600))
        .output()
        .expect("evql starts");
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The findings of a scan over `paths`, streamed as JSON lines, whatever the exit code.
#[track_caller]
pub fn findings(paths: &[&Path], more: &[&str]) -> Vec<Value> {
    let mut arguments: Vec<&std::ffi::OsStr> =
        ["scan", "--format", "jsonl", "-o", "-"].iter().map(AsRef::as_ref).collect();
    arguments.extend(paths.iter().map(|path| path.as_os_str()));
    arguments.extend(more.iter().map(AsRef::<std::ffi::OsStr>::as_ref));
    let ran = evql(arguments);
    assert!(matches!(ran.code, 0 | 2 | 4), "exit code {}: {}", ran.code, ran.stderr);
    found(ran.json_lines())
}

/// The findings among the lines of `findings.jsonl`.
pub fn found(lines: Vec<Value>) -> Vec<Value> {
    lines.into_iter().filter(|line| line["type"] == "finding").collect()
}

/// JSON lines as values.
#[track_caller]
pub fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// The value at a dotted path, `null` when absent.
pub fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, part| match part.parse::<usize>() {
        Ok(index) if value.is_array() => &value[index],
        _ => &value[part],
    })
}

/// The public corpus beside the checkout, or `None` after saying that the test is skipped.
pub fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("EVQL_CORPUS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    if root.join("manifest.json").is_file() {
        return Some(root);
    }
    eprintln!("skipped: no corpus at {}", root.display());
    None
}

/// The project's samples.
pub fn samples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// Every file under `folder`, by its name relative to it.
pub fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("inside").to_string_lossy().into_owned();
                files.insert(name, std::fs::read(&path).expect("a file"));
            }
        }
    }
    files
}

/// The built-in rule over the files at and under `paths`, through the library.
#[track_caller]
pub fn scan_here(paths: &[PathBuf], clock: evql::finding::Clock) -> evql::finding::Outcome {
    scan_observed(paths, clock, &evql::scan::Unobserved)
}

/// [`scan_here`], telling `observer` how it gets on.
#[track_caller]
pub fn scan_observed(
    paths: &[PathBuf],
    clock: evql::finding::Clock,
    observer: &dyn evql::scan::Observer,
) -> evql::finding::Outcome {
    use evql::{input, rules, scan, sysmon};
    let compiled = rules::builtin().into_iter().map(|rule| {
        let program = scan::compile(&rule.info.query, None).expect("the built-in rule compiles");
        (rule, program)
    });
    let mapping = sysmon::Options::default();
    let set = scan::RuleSet::new(compiled.collect(), &mapping);
    let walked = input::walk(paths, input::WalkOptions::default());
    let pass = scan::PassOptions {
        threads: 2,
        nice: false,
        reader: input::ReaderKind::Fast,
        hash: false,
        recover: false,
        carve: false,
        archives: input::archive::ArchiveOptions::default(),
        mapping,
        selected: evql::finding::Selected::default(),
        chunks: None,
    };
    let options = scan::ScanOptions { clock, pass, near_misses: true, stories: true };
    let calm = std::sync::atomic::AtomicBool::new(false);
    scan::scan(&walked.sources, walked.damages, &set, &options, observer, &calm).expect("a scan")
}
