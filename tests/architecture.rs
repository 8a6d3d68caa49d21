//! Enforces the plan of `docs/ARCHITECTURE.md` on `src/`: who may use whom, which room names which crate, how long a file may grow.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may use. `cli` may use everything and is not listed.
const MAY_USE: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("hash", &[]),
    ("time", &[]),
    ("finding", &["time"]),
    ("input", &["error", "finding", "hash", "time"]),
    ("eql", &["time"]),
    ("sysmon", &["eql", "finding", "input", "time"]),
    ("sequence", &["eql", "time"]),
    ("json", &["eql", "time"]),
    ("rules", &["eql", "error", "finding", "hash"]),
    ("dataset", &["eql", "error", "sysmon", "time"]),
    (
        "scan",
        &[
            "dataset", "eql", "error", "finding", "hash", "input", "json", "rules", "sequence", "sysmon",
            "time",
        ],
    ),
    ("compare", &["finding", "time"]),
    ("report", &["error", "finding", "hash", "time"]),
    ("synth", &["error", "sysmon", "time"]),
];

/// Each third-party crate and the rooms that may name it.
const CRATES: &[(&str, &[&str])] = &[
    ("aho_corasick", &["eql"]),
    ("anstream", &["cli"]),
    ("anstyle", &["cli"]),
    ("arrow_array", &["scan"]),
    ("arrow_ipc", &["scan"]),
    ("arrow_schema", &["scan"]),
    ("askama", &["report"]),
    ("bzip2", &["input"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("comfy_table", &["cli"]),
    ("crc32fast", &["input", "synth"]),
    ("csv", &["report", "cli", "input"]),
    ("ctrlc", &["cli"]),
    ("evtx", &["input"]),
    ("flate2", &["input"]),
    ("indicatif", &["cli"]),
    ("ipnet", &["eql", "report"]),
    ("jiff", &["time"]),
    ("lzma_rust2", &["input"]),
    ("parquet", &["dataset"]),
    ("psl", &["report", "sysmon"]),
    ("quick_xml", &["input"]),
    ("rayon", &["scan"]),
    ("regex", &["eql"]),
    ("rpassword", &["cli"]),
    ("sevenz_rust2", &["input"]),
    ("sha1", &["input", "report", "sysmon"]),
    ("sha2", &["dataset", "hash", "input", "report", "scan"]),
    ("tar", &["input"]),
    ("tempfile", &["cli", "dataset", "input", "report", "scan"]),
    ("terminal_size", &["cli"]),
    ("thread_priority", &["scan"]),
    ("toml", &["rules"]),
    ("walkdir", &["input", "rules"]),
    ("zip", &["input"]),
    ("zstd", &["dataset", "input"]),
];

const LONGEST_FILE: usize = 600;

struct File {
    path: PathBuf,
    room: String,
    /// The code before `#[cfg(test)] mod tests`, comments removed.
    code: String,
    text: String,
}

#[test]
fn rooms_use_only_the_rooms_they_may() {
    let rooms: Vec<&str> = MAY_USE.iter().map(|(room, _)| *room).chain(["cli"]).collect();
    let mut wrong = Vec::new();
    for file in sources() {
        let Some((_, allowed)) = MAY_USE.iter().find(|(room, _)| *room == file.room) else { continue };
        for room in &rooms {
            let used = names(&file.code, &format!("crate::{room}")) || grouped(&file.code, room);
            if used && *room != file.room && !allowed.contains(room) {
                wrong.push(format!("{} uses {room}", file.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "walls crossed:\n{}", wrong.join("\n"));
}

#[test]
fn crates_are_named_only_in_their_rooms() {
    let mut wrong = Vec::new();
    for file in sources() {
        for (name, rooms) in CRATES {
            let used = names(&file.code, &format!("{name}::")) || names(&file.code, &format!("use {name};"));
            if used && !rooms.contains(&file.room.as_str()) {
                wrong.push(format!("{} names {name}", file.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "crates outside their rooms:\n{}", wrong.join("\n"));
}

#[test]
fn every_room_is_in_the_plan() {
    let known: Vec<&str> = MAY_USE.iter().map(|(room, _)| *room).chain(["cli", "lib", "main"]).collect();
    let plan = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("docs/ARCHITECTURE.md");
    for file in sources() {
        assert!(known.contains(&file.room.as_str()), "{} is in no known room", file.path.display());
        assert!(plan.contains(&format!("`{}`", file.room)), "ARCHITECTURE.md does not name {}", file.room);
    }
}

#[test]
fn files_open_with_their_job_and_stay_short() {
    let mut wrong = Vec::new();
    for file in sources() {
        if !file.text.starts_with("//!") {
            wrong.push(format!("{} does not open with //!", file.path.display()));
        }
        let lines = file.text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
        if lines > LONGEST_FILE {
            wrong.push(format!("{}: {lines} lines before its tests", file.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_library_neither_prints_nor_exits_nor_unwraps() {
    let mut wrong = Vec::new();
    for file in sources() {
        let mut banned = vec![".unwrap()", "todo!(", "unimplemented!(", "dbg!("];
        if file.room != "cli" && file.room != "main" {
            banned.extend([
                "println!(",
                "eprintln!(",
                "eprint!(",
                "process::exit(",
                "env::var(",
                "env::args(",
            ]);
        }
        for word in banned {
            if file.code.contains(word) {
                wrong.push(format!("{} holds {word}", file.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_dependency_is_used() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let files = sources();
    let section = manifest.split("[dependencies]").nth(1).expect("dependencies");
    let section = section.split("\n[").next().expect("section");
    let declared = section.lines().filter_map(|line| line.split(['=', '.']).next());
    for name in declared
        .map(|name| name.trim().replace('-', "_"))
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
    {
        let used = files.iter().any(|file| names(&file.code, &format!("{name}::")));
        assert!(used, "{name} is declared and not used");
    }
}

/// Whether `word` stands in `code` and is no tail of a longer name.
fn names(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let free = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        free(before) && before != Some(':') && (word.ends_with([':', ';']) || free(after))
    })
}

/// Whether `use crate::{a, room::x};` names `room`.
fn grouped(code: &str, room: &str) -> bool {
    code.match_indices("crate::{").any(|(at, head)| {
        let mut depth = 1;
        let mut group = String::new();
        for c in code[at + head.len()..].chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            if depth == 1 {
                group.push(c);
            }
        }
        group.split(',').any(|item| item.trim().split("::").next() == Some(room))
    })
}

fn sources() -> Vec<File> {
    let src = root().join("src");
    let mut files = BTreeMap::new();
    collect(&src, &mut files);
    assert!(files.len() > 20, "src/ was not found");
    files
        .into_iter()
        .map(|(path, text)| {
            let inner = path.strip_prefix(&src).expect("under src");
            let first = inner.components().next().expect("a name").as_os_str().to_string_lossy();
            let room = first.trim_end_matches(".rs").to_string();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            let code = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect::<Vec<_>>()
                .join("\n");
            File { room, code, text, path: inner.to_path_buf() }
        })
        .collect()
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).expect("a folder of src") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.to_string_lossy().ends_with("tests.rs") {
            continue;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("UTF-8 source");
            files.insert(path, text);
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
