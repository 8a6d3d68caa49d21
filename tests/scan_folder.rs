//! A folder with everything that stands in real ones: good logs, what is none, what cannot be opened, and names made to harm. Nothing in it is passed over
//! without a word, nothing hangs, and the findings are those of the good logs. What is told of each kind of damage is for other tests.
#![cfg(unix)]

mod common;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{Cursor, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{at, evql, findings, samples, tree};
use serde_json::Value;
use zip::AesMode;
use zip::write::{SimpleFileOptions, ZipWriter};

/// Outputs that say nothing of the run itself.
const STABLE: [&str; 6] =
    ["findings.csv", "timeline.csv", "findings.jsonl", "timeline.jsonl", "evidence.csv", "problems.csv"];

/// What must be told of the odd things: of a file its status, by its name as reports spell it.
type Fates = BTreeMap<String, &'static str>;

/// Good logs, in a folder of their own.
fn put_good(folder: &Path) {
    for story in ["mshta", "msbuild", "wscript"] {
        for (name, bytes) in tree(&samples().join(story)) {
            let path = folder.join(story).join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            fs::write(path, bytes).expect("a good log");
        }
    }
}

/// A log in which nothing is to be found.
fn quiet_log() -> Vec<u8> {
    let folder = samples().join("foreign-provider");
    let (_, bytes) =
        tree(&folder).into_iter().find(|(name, _)| name.ends_with("System.evtx")).expect("a log of System");
    bytes
}

/// Odd files, and what must be told of each.
fn put_files(folder: &Path) -> Fates {
    let log = quiet_log();
    // Behind its first record.
    let cut = 4096 + 512 + usize::from(u16::from_le_bytes([log[4096 + 516], log[4096 + 517]])) + 30;
    let long = format!("{}.evtx", "n".repeat(250));
    let files: [(&[u8], &str, &[u8], &str); 13] = [
        (b"empty.evtx", "empty.evtx", b"", "skipped"),
        (b"cut.evtx", "cut.evtx", &log[..cut], "partial"),
        (b"header.evtx", "header.evtx", &log[..4096], "unreadable"),
        (b"UPPER.EVTX", "UPPER.EVTX", &log, "read"),
        (b"System.evtx_{5b1e}.data", "System.evtx_{5b1e}.data", &log, "read"),
        (b"unnamed.data", "unnamed.data", &log, "read"),
        (b"notes.txt", "notes.txt", b"a text", "skipped"),
        (b"text.evtx", "text.evtx", b"a text", "skipped"),
        (b"line\nbreak.evtx", "line\nbreak.evtx", &log, "read"),
        (b"\x1b[31mred\x1b[0m.evtx", "\u{1b}[31mred\u{1b}[0m.evtx", &log, "read"),
        ("\u{202E}xtve.gpj".as_bytes(), "\u{202E}xtve.gpj", &log, "read"),
        (b"=cmd|' \xFF\xFE'.evtx", r"=cmd|' \xff\xfe'.evtx", &log, "read"),
        (long.as_bytes(), &long, &log, "read"),
    ];
    let mut fates = Fates::new();
    for (name, shown, bytes, status) in files {
        fs::write(folder.join(OsStr::from_bytes(name)), bytes).expect("a file");
        fates.insert(shown.to_owned(), status);
    }
    let inside = folder.join("folder.evtx");
    fs::create_dir(&inside).expect("a folder");
    fs::write(inside.join("inside.evtx"), &log).expect("a log");
    fates.insert("folder.evtx/inside.evtx".to_owned(), "read");
    let zeroes = File::create(folder.join("zeroes.evtx")).expect("a file");
    zeroes.set_len(1 << 30).expect("a hole of 1 GiB");
    fates.insert("zeroes.evtx".to_owned(), "skipped");
    // To whoever may read everything, this is one log more.
    let locked = folder.join("locked.evtx");
    fs::write(&locked, &log).expect("a log");
    fs::set_permissions(&locked, Permissions::from_mode(0o000)).expect("permissions");
    fates.insert("locked.evtx".to_owned(), if File::open(&locked).is_ok() { "read" } else { "unreadable" });
    fates
}

/// Archives that cannot be read whole, and what must be told of each and of what is in it.
fn put_archives(folder: &Path) -> Fates {
    let log = quiet_log();
    let plain = SimpleFileOptions::default();
    let zip = |name: &str, bytes: &[u8], options: SimpleFileOptions| {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(name, options).expect("a member");
        zip.write_all(bytes).expect("written");
        zip.finish().expect("a zip").into_inner()
    };
    // Nothing is left out of the log, so that what is told of a member does not hang on how far it was read.
    let locked = zip("System.evtx", &log, plain.with_aes_encryption(AesMode::Aes256, "infected"));
    let mut bomb = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    bomb.write_all(b"ElfFile\0").expect("written");
    (0..80).for_each(|_| bomb.write_all(&vec![0; 1 << 20]).expect("written"));
    let bomb = bomb.finish().expect("a bomb");
    let mut nested = zip("System.evtx", &log, plain);
    for number in (1..=4).rev() {
        nested = zip(&format!("{number}.zip"), &nested, plain);
    }
    let good = zip("logs/System.evtx", &log, plain);
    let mut fates = Fates::new();
    for (name, bytes) in
        [("locked.zip", locked), ("bomb.evtx.zst", bomb), ("nested.zip", nested), ("good.zip", good)]
    {
        fs::write(folder.join(name), bytes).expect("an archive");
    }
    for (name, status) in [
        ("locked.zip", "read"),
        ("locked.zip!/System.evtx", "unreadable"),
        ("bomb.evtx.zst", "read"),
        ("bomb.evtx.zst!/bomb.evtx", "unreadable"),
        ("nested.zip", "read"),
        ("nested.zip!/1.zip", "read"),
        ("nested.zip!/1.zip!/2.zip", "read"),
        ("nested.zip!/1.zip!/2.zip!/3.zip", "read"),
        ("nested.zip!/1.zip!/2.zip!/3.zip!/4.zip", "unreadable"),
        ("good.zip", "read"),
        ("good.zip!/logs/System.evtx", "read"),
    ] {
        fates.insert(name.to_owned(), status);
    }
    fates
}

/// Things that are no files; each must be told of as a problem.
fn put_special(folder: &Path) -> [&'static str; 5] {
    symlink("..", folder.join("loop")).expect("a link");
    symlink("nowhere", folder.join("dangling.evtx")).expect("a link");
    for fifo in ["fifo", "fifo.evtx"] {
        let made = Command::new("mkfifo").arg(folder.join(fifo)).status().expect("mkfifo");
        assert!(made.success());
    }
    // The name of a socket may be about a hundred bytes long at most, so it is made in a short folder.
    let short = tempfile::tempdir_in("/tmp").expect("a folder");
    let _socket = UnixListener::bind(short.path().join("s")).expect("a socket");
    fs::rename(short.path().join("s"), folder.join("socket.evtx")).expect("on the same disk");
    ["loop", "dangling.evtx", "fifo", "fifo.evtx", "socket.evtx"]
}

fn scan(evidence: &Path, out: &Path, threads: &str) -> BTreeMap<String, Vec<u8>> {
    let arguments = ["scan", "-j", threads, "-o"].map(Path::new);
    let ran = evql(arguments.into_iter().chain([out, evidence])).expect(2);
    let harmless = |text: &str| !text.contains(['\u{1b}', '\u{202E}']) && !text.contains("panicked");
    assert!(harmless(&ran.stderr) && harmless(&ran.stdout), "{}", ran.stderr);
    tree(out)
}

/// Names below `odd` and their statuses, as `run.json` tells.
fn statuses(run: &Value, odd: &str) -> BTreeMap<String, String> {
    let inputs = run["inputs"].as_array().expect("inputs").iter();
    let text = |input: &Value, key: &str| at(input, key).as_str().expect("a text").to_owned();
    inputs
        .filter_map(|input| Some((text(input, "path").strip_prefix(odd)?.to_owned(), text(input, "status"))))
        .collect()
}

#[test]
fn nothing_in_a_folder_of_everything_is_passed_over() {
    let temp = tempfile::tempdir_in("/tmp").expect("a folder");
    let evidence = temp.path().join("evidence");
    let (good, odd) = (evidence.join("good"), evidence.join("odd"));
    put_good(&good);
    fs::create_dir(&odd).expect("a folder");
    let mut fates = put_files(&odd);
    fates.extend(put_archives(&odd));
    let special = put_special(&odd);

    let outs: Vec<PathBuf> = ["1", "2", "8"].iter().map(|threads| temp.path().join(threads)).collect();
    let outputs: Vec<_> =
        ["1", "2", "8"].iter().zip(&outs).map(|(threads, out)| scan(&evidence, out, threads)).collect();
    for name in STABLE {
        assert!(outputs.iter().all(|output| output[name] == outputs[0][name]), "{name} differs");
    }

    let output = &outputs[0];
    let run: Value = serde_json::from_slice(&output["run.json"]).expect("run.json");
    let prefix = format!("{}/", odd.display());
    let wanted = fates.iter().map(|(name, status)| (name.clone(), (*status).to_owned())).collect();
    assert_eq!(statuses(&run, &prefix), wanted);
    let problems: Vec<&str> = run["problems"]
        .as_array()
        .expect("problems")
        .iter()
        .filter_map(|problem| problem["source"].as_str()?.strip_prefix(&prefix))
        .collect();
    for name in special {
        assert!(problems.contains(&name), "{name} is not told of: {problems:?}");
    }
    // Of what is plainly none, the status says enough; of what was named as a log, why it is not read.
    for (name, _) in fates.iter().filter(|(name, status)| **status != "read" && *name != "notes.txt") {
        assert!(problems.contains(&name.as_str()), "it is not said what is wrong with {name}: {problems:?}");
    }

    let inputs = run["inputs"].as_array().expect("inputs");
    let mut table = csv::Reader::from_reader(output["evidence.csv"].as_slice());
    let rows: Vec<csv::StringRecord> = table.records().map(|row| row.expect("a row")).collect();
    let fates_in = |rows: &[csv::StringRecord]| rows.iter().map(|row| row[4].to_owned()).collect::<Vec<_>>();
    let told: Vec<_> = inputs.iter().map(|input| input["status"].as_str().expect("a status")).collect();
    assert_eq!(fates_in(&rows), told);
    for name in STABLE {
        let text = String::from_utf8(output[name].clone()).expect("UTF-8");
        assert!(!text.contains(|at: char| at.is_control() && at != '\n'), "{name} holds control characters");
    }

    let alone = findings(&[&good], &[]);
    assert!(!alone.is_empty());
    assert_eq!(common::found(common::json_lines(&String::from_utf8_lossy(&output["findings.jsonl"]))), alone);
}
