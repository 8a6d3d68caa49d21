//! What a collector says of the files it collected, and whether it holds for the sources that were read. It reads no file.
//!
//! Velociraptor writes `uploads.json` (a JSON object per line) at the top of a collection, and its results repeat what became of each upload; DFIR-ORC writes
//! `GetThis.csv` beside its samples. Their forms were taken from readers of them, not from collections of all versions: a row that cannot be understood says
//! nothing, and nothing follows from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::finding::{Damage, DamageKind, Vouched};

use super::bytes::percent_decoded;
use super::export::text_of;
use super::source::{Finished, failure};

/// Most bytes of a list that are read.
pub(super) const MAX_LIST: usize = 64 << 20;
/// Most files that are remembered of all lists: what lists hold is as hostile as any evidence.
const MAX_CLAIMS: usize = 200_000;
/// Most bytes of one JSON row; parsed it takes many times as much.
const MAX_ROW: usize = 1 << 20;
/// Most bytes of a path.
const MAX_PATH: usize = 4096;
/// Names are percent-encoded once, and logs' own names have a `%4` in them: decoded so often, both sides of a comparison are alike.
const DECODINGS: usize = 3;
/// Hexadecimal digits of a hash.
const SHA256: usize = 64;
const SHA1: usize = 40;
const SEPARATORS: [char; 2] = ['/', '\\'];

/// Whether the source called `name` is a collector's list.
pub(super) fn is_list(name: &str) -> bool {
    let parts: Vec<String> = name.rsplit('/').take(2).map(str::to_ascii_lowercase).collect();
    let is_json = |name: &str| name.ends_with(".json") || name.ends_with(".jsonl");
    match parts.as_slice() {
        [file, ..] if file == "uploads.json" || file == "getthis.csv" => true,
        [file, folder] => folder == "results" && file.contains("upload") && is_json(file),
        _ => false,
    }
}

/// Whether the collector of the source called `name` may give its SHA-1 and no SHA-256: DFIR-ORC, whose samples are called `…_{GUID}.data`.
pub(super) fn may_have_sha1_only(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.strip_suffix("}.data").is_some_and(|rest| rest.contains("_{"))
}

/// What was claimed, and the sources that were read.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// By the folder or archive that a list speaks of, to its last `/`, and the path in it: what is claimed, `None` where that is contradictory.
    folders: BTreeMap<String, BTreeMap<String, Option<Claim>>>,
    count: usize,
    sources: Vec<Read>,
}

/// What a collector says of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claim {
    /// The list's name.
    list: Arc<str>,
    said: Said,
}

/// What a row says of a file, as far as it can be compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Said {
    sha256: Option<String>,
    sha1: Option<String>,
    size: Option<u64>,
}

impl Said {
    fn has_hash(&self) -> bool {
        self.sha256.is_some() || self.sha1.is_some()
    }
}

/// How much of a list was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    /// All that can be understood.
    All,
    /// Not all: more files are listed than are remembered.
    Part,
    /// Nothing in it says anything of a file.
    Nothing,
}

/// A source that was read.
#[derive(Debug)]
struct Read {
    ordinal: u32,
    name: String,
    size: u64,
    sha256: Option<String>,
    sha1: Option<String>,
}

/// Whether what was claimed of a source holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The source's ordinal.
    pub ordinal: u32,
    /// Whether it holds.
    pub vouched: Vouched,
    /// When it does not: what differs.
    pub damage: Option<Damage>,
}

impl Claims {
    /// Takes in the list called `name`, whose first bytes are `bytes`, to the end of a row.
    pub(super) fn read(&mut self, name: &str, bytes: &[u8]) -> Listed {
        let text = text_of(bytes);
        let text = text.trim_start_matches('\u{FEFF}');
        let (list, folder) = (Arc::from(name), spoken_of(name));
        let mut listed = Listed::Nothing;
        let mut row = |path: &str, said: Said| {
            let kept = self.add(folder, canonical(path), Claim { list: Arc::clone(&list), said });
            listed = if kept && listed != Listed::Part { Listed::All } else { Listed::Part };
        };
        if name.to_ascii_lowercase().ends_with(".csv") {
            of_csv(text, &mut row);
        } else {
            of_json(text, &mut row);
        }
        listed
    }

    /// Notes that a source was read to its end.
    pub(super) fn source(&mut self, ordinal: u32, name: &str, read: &Finished) {
        let (sha256, sha1) = (read.sha256.clone(), read.sha1.clone());
        self.sources.push(Read { ordinal, name: name.to_owned(), size: read.size, sha256, sha1 });
    }

    /// The verdict on each source of which something was claimed. The list in the nearest folder around a source speaks of it: by its whole path below that
    /// folder, or by the end of it, if of no other source's.
    pub(super) fn verdicts(self) -> Vec<Verdict> {
        let found: Vec<Option<Found<'_>>> =
            self.sources.iter().map(|source| self.find(&source.name)).collect();
        let mut named: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for found in found.iter().flatten() {
            let times = named.entry((found.folder, found.path)).or_default();
            *times = times.saturating_add(1);
        }
        let sure = |found: &Found<'_>| found.whole || named.get(&(found.folder, found.path)) == Some(&1);
        let found = found.into_iter().map(|found| found.filter(sure));
        self.sources.iter().zip(found).filter_map(|(source, found)| judged(source, found?.claim)).collect()
    }

    fn find(&self, name: &str) -> Option<Found<'_>> {
        let mut around = name;
        while !around.is_empty() && !self.folders.is_empty() {
            around = folder_of(around.strip_suffix(SEPARATORS).unwrap_or(around));
            if let Some((folder, paths)) = self.folders.get_key_value(around)
                && let Some(found) = find_in(folder, paths, name.strip_prefix(around)?)
            {
                return Some(found);
            }
        }
        None
    }

    /// Whether there was room for it.
    fn add(&mut self, folder: &str, path: String, claim: Claim) -> bool {
        if path.is_empty() || path.len() > MAX_PATH {
            return true;
        }
        if let Some(known) = self.folders.get_mut(folder).and_then(|paths| paths.get_mut(&path)) {
            *known = known.take().and_then(|known| both(known, claim));
            return true;
        }
        if self.count >= MAX_CLAIMS {
            return false;
        }
        self.count = self.count.saturating_add(1);
        self.folders.entry(folder.to_owned()).or_default().insert(path, Some(claim));
        true
    }
}

/// A claim that may be of a source.
struct Found<'a> {
    folder: &'a str,
    path: &'a str,
    claim: &'a Claim,
    /// The claim's path is the source's whole path below the folder.
    whole: bool,
}

/// The claim of the source whose name below `folder` is `name`: with a hash if there is one, by the longest path.
fn find_in<'a>(folder: &'a str, paths: &'a BTreeMap<String, Option<Claim>>, name: &str) -> Option<Found<'a>> {
    let path = canonical(name);
    let ends = path.match_indices('/').filter_map(|(at, _)| path.get(at.saturating_add(1)..));
    let mut without_hash = None;
    for end in std::iter::once(path.as_str()).chain(ends) {
        let Some((key, Some(claim))) = paths.get_key_value(end) else { continue };
        let found = Found { folder, path: key, claim, whole: end.len() == path.len() };
        if claim.said.has_hash() {
            return Some(found);
        }
        without_hash = without_hash.or(Some(found));
    }
    without_hash
}

/// What two claims of one file say together; `None` when they contradict each other.
fn both(a: Claim, b: Claim) -> Option<Claim> {
    fn one<T: PartialEq>(a: Option<T>, b: Option<T>) -> Option<Option<T>> {
        match (a, b) {
            (Some(a), Some(b)) => (a == b).then_some(Some(a)),
            (a, b) => Some(a.or(b)),
        }
    }
    let (list, a, b) = (a.list, a.said, b.said);
    let (sha256, sha1) = (one(a.sha256, b.sha256)?, one(a.sha1, b.sha1)?);
    Some(Claim { list, said: Said { sha256, sha1, size: one(a.size, b.size)? } })
}

/// The folder or archive that the list called `name` speaks of; results lie a folder deeper than that.
fn spoken_of(name: &str) -> &str {
    let folder = folder_of(name);
    let inside = folder.strip_suffix(SEPARATORS).unwrap_or(folder);
    let around = folder_of(inside);
    let results = inside.strip_prefix(around).is_some_and(|last| last.eq_ignore_ascii_case("results"));
    if results { around } else { folder }
}

/// `name` to its last separator, which is taken in.
fn folder_of(name: &str) -> &str {
    name.rfind(SEPARATORS).and_then(|at| name.get(..=at)).unwrap_or_default()
}

/// `path` as it is compared: decoded, in lower case, with `/` between its parts.
fn canonical(path: &str) -> String {
    let mut plain = path.to_owned();
    for _ in 0..DECODINGS {
        plain = String::from_utf8_lossy(&percent_decoded(&plain)).into_owned();
    }
    let parts = plain.split(SEPARATORS).filter(|part| !matches!(*part, "" | "."));
    parts.map(str::to_lowercase).collect::<Vec<_>>().join("/")
}

/// By the best that both sides have.
fn judged(source: &Read, claim: &Claim) -> Option<Verdict> {
    let Said { sha256, sha1, size } = &claim.said;
    let hashes = [
        ("SHA-256", sha256.as_ref().zip(source.sha256.as_ref()), Vouched::Hash),
        ("SHA-1", sha1.as_ref().zip(source.sha1.as_ref()), Vouched::Sha1),
    ];
    let hash = hashes.into_iter().find_map(|(name, pair, vouched)| Some((name, pair?, vouched)));
    let (holds, differs) = match (hash, size) {
        (Some((name, (theirs, ours), holds)), _) => {
            (holds, (theirs != ours).then(|| format!("{name} {theirs}, and it is {ours}")))
        }
        (None, Some(theirs)) => {
            let ours = source.size;
            (Vouched::Size, (*theirs != ours).then(|| format!("{theirs} bytes, and it has {ours}")))
        }
        (None, None) => return None,
    };
    let vouched = if differs.is_some() { Vouched::Differs } else { holds };
    let damage = differs.map(|said| {
        let reason = format!(
            "it is not what was collected: {} gives {said}; find out what changed it before relying on it",
            claim.list
        );
        Damage { kind: DamageKind::Checksum, lost: false, ..failure(&source.name, &reason) }
    });
    Some(Verdict { ordinal: source.ordinal, vouched, damage })
}

/// Who is told of each row.
type Row<'a> = dyn FnMut(&str, Said) + 'a;

/// The rows of a list of JSON objects, one per line.
fn of_json(text: &str, row: &mut Row<'_>) {
    for line in text.lines().filter(|line| line.len() <= MAX_ROW) {
        let Ok(Value::Object(object)) = serde_json::from_str(line) else { continue };
        of_object(&object, row);
        // Results carry what became of an upload in a column of its own.
        object.values().filter_map(Value::as_object).for_each(|column| of_object(column, row));
    }
}

fn of_object(object: &Map<String, Value>, row: &mut Row<'_>) {
    let get = |names: &[&str]| {
        object
            .iter()
            .find(|(name, _)| names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)))
            .map(|(_, value)| value)
    };
    let said = Said {
        sha256: get(&["sha256"]).and_then(Value::as_str).and_then(|text| hash(text, SHA256)),
        sha1: None,
        size: get(&["uploaded_size", "storedsize", "stored_size"]).and_then(Value::as_u64),
    };
    if said == Said::default() {
        return;
    }
    if let Some(components) = get(&["_components", "components"]).and_then(Value::as_array) {
        let components: Vec<&str> = components.iter().filter_map(Value::as_str).collect();
        let start = components.iter().position(|part| *part == "uploads").unwrap_or_default();
        let components: Vec<&str> = components.into_iter().skip(start).collect();
        row(&components.join("/"), said.clone());
    }
    for path in
        [get(&["vfs_path"]), get(&["storedname", "stored_name"]), get(&["path"])].into_iter().flatten()
    {
        if let Some(path) = path.as_str() {
            row(path, said.clone());
        }
    }
}

/// The rows of a list of comma-separated values with a header.
fn of_csv(text: &str, row: &mut Row<'_>) {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let Ok(header) = reader.headers().cloned() else { return };
    let column = |wanted: &str| header.iter().position(|name| name.eq_ignore_ascii_case(wanted));
    let (sample, size) = (column("SampleName"), column("SizeInBytes"));
    let (sha256, sha1) = (column("SHA256"), column("SHA1"));
    for record in reader.records().filter_map(Result::ok) {
        let cell = |column: Option<usize>| column.and_then(|column| record.get(column));
        if let Some(path) = cell(sample) {
            let said = Said {
                sha256: cell(sha256).and_then(|text| hash(text, SHA256)),
                sha1: cell(sha1).and_then(|text| hash(text, SHA1)),
                size: cell(size).and_then(|size| size.parse().ok()),
            };
            row(path, said);
        }
    }
}

/// A hash of so many hexadecimal `digits`, in lower case, if `text` is one.
fn hash(text: &str, digits: usize) -> Option<String> {
    let text = text.trim();
    let is_hash = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const LOG: &str = "case.zip!/uploads/auto/C%3A/Windows/System32/winevt/Logs/Microsoft-Windows-Sysmon%254Operational.evtx";

    /// A source of 10 bytes with the hash [`OURS`].
    fn read() -> Finished {
        Finished {
            kind: crate::finding::SourceKind::Evtx,
            size: 10,
            modified: None,
            sha256: Some(OURS.to_owned()),
            sha1: Some("c".repeat(40)),
            chunks: 0,
            members: 0,
            changed: false,
            header: None,
            damages: Vec::new(),
        }
    }

    #[track_caller]
    fn check(list: &str, text: &str, source: &str, expected: Option<Vouched>) {
        let mut claims = Claims::default();
        claims.read(list, text.as_bytes());
        claims.source(7, source, &read());
        let verdicts = claims.verdicts();
        assert_eq!(verdicts.first().map(|verdict| verdict.vouched), expected, "{verdicts:?}");
        for verdict in verdicts {
            assert_eq!(verdict.damage.is_some(), verdict.vouched == Vouched::Differs);
        }
    }

    #[test]
    fn velociraptors_list_is_understood_whatever_its_version_tells() {
        let components = r#"["uploads","auto","C:","Windows","System32","winevt","Logs","Microsoft-Windows-Sysmon%4Operational.evtx"]"#;
        let row = |rest: &str| format!("{{\"vfs_path\":\"x\",\"_Components\":{components},{rest}}}\n");
        let list = "case.zip!/uploads.json";
        check(list, &row(&format!("\"sha256\":\"{OURS}\"")), LOG, Some(Vouched::Hash));
        check(list, &row(&format!("\"Sha256\":\"{}\"", OURS.to_uppercase())), LOG, Some(Vouched::Hash));
        check(list, &row(&format!("\"sha256\":\"{}\"", "b".repeat(64))), LOG, Some(Vouched::Differs));
        check(list, &row("\"file_size\":99,\"uploaded_size\":10"), LOG, Some(Vouched::Size));
        check(list, &row("\"file_size\":10,\"uploaded_size\":9"), LOG, Some(Vouched::Differs));
        check(list, &row("\"file_size\":10"), LOG, None);
        let path = r#"{"vfs_path":"uploads/auto/C%3A/Windows/System32/winevt/Logs/Microsoft-Windows-Sysmon%254Operational.evtx","uploaded_size":10}"#;
        check(list, path, LOG, Some(Vouched::Size));
        let result = format!(
            r#"{{"SourceFile":"x","Upload":{{"StoredSize":10,"sha256":"{OURS}","Components":{components}}}}}"#
        );
        check("case.zip!/results/Windows.Collectors.File%2FUploads.json", &result, LOG, Some(Vouched::Hash));
    }

    #[test]
    fn orcs_list_is_understood_in_utf_16_too() {
        let sample = r"evtx\00_Sysmon.evtx_{00000000-0000-0000-0000-000000000000}.data";
        let text = format!(
            "ComputerName,FullName,SampleName,SizeInBytes,MD5,SHA1,SHA256\r\nA,\\x,\"{sample}\",10,,,{OURS}\r\n"
        );
        let source = "Event.7z!/evtx/00_Sysmon.evtx_{00000000-0000-0000-0000-000000000000}.data";
        check("Event.7z!/GetThis.csv", &text, source, Some(Vouched::Hash));
        // As it is written unless the configuration asks for more: MD5 and SHA-1 alone.
        for (sha1, expected) in [("C", Vouched::Sha1), ("D", Vouched::Differs)] {
            let text =
                text.replace(&format!(",,,{OURS}"), &format!(",{},{},", "E".repeat(32), sha1.repeat(40)));
            check("Event.7z!/GetThis.csv", &text, source, Some(expected));
        }
        assert!(
            may_have_sha1_only(source) && !may_have_sha1_only("a.data") && !may_have_sha1_only("a_{b}.evtx")
        );
        let mut claims = Claims::default();
        let utf16: Vec<u8> =
            [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        claims.read("Event.7z!/GetThis.csv", &utf16);
        assert_eq!(claims.count, 1);
    }

    #[test]
    fn a_claim_is_about_its_own_collection() {
        let row = format!(r#"{{"vfs_path":"uploads/auto/C%3A/Logs/a.evtx","sha256":"{}"}}"#, "b".repeat(64));
        check(
            "one.zip!/uploads.json",
            &row,
            "one.zip!/uploads/auto/C%3A/Logs/a.evtx",
            Some(Vouched::Differs),
        );
        check("one.zip!/uploads.json", &row, "two.zip!/uploads/auto/C%3A/Logs/a.evtx", None);
        check("one.zip!/uploads.json", &row, "one.zip!/elsewhere/a.evtx", None);
        check("uploads.json", "no JSON\n[1]\n{}\n{\"vfs_path\":7,\"sha256\":8}\n", "a.evtx", None);
        check("GetThis.csv", "SampleName,SHA256\n\"x", "x", None);
    }

    #[test]
    fn lists_are_known_by_their_names() {
        for name in
            ["uploads.json", "case/Uploads.JSON", "x.7z!/GetThis.csv", "z.zip!/results/Custom.Uploads.json"]
        {
            assert!(is_list(name), "{name}");
        }
        for name in ["my-uploads.json", "results/x.json", "uploads.json/x", "GetThis.csv.bak"] {
            assert!(!is_list(name), "{name}");
        }
    }

    /// What is made of `sources`, all of 10 bytes and [`OURS`].
    #[track_caller]
    fn check_all(lists: &[(&str, String)], expected: &[(&str, Option<Vouched>)]) {
        let mut claims = Claims::default();
        lists.iter().for_each(|(list, text)| assert_eq!(claims.read(list, text.as_bytes()), Listed::All));
        for (ordinal, (name, _)) in (0..).zip(expected) {
            claims.source(ordinal, name, &read());
        }
        let verdicts = claims.verdicts();
        for (ordinal, (name, vouched)) in (0..).zip(expected) {
            let found = verdicts.iter().find(|verdict| verdict.ordinal == ordinal);
            assert_eq!(found.map(|verdict| verdict.vouched), *vouched, "{name}: {verdicts:?}");
        }
    }

    fn row(path: &str, hash: &str) -> String {
        format!("{{\"vfs_path\":\"{path}\",\"sha256\":\"{hash}\"}}\n")
    }

    #[test]
    fn the_nearest_list_speaks_and_no_neighbours() {
        let theirs = "b".repeat(64);
        let (wrong, right) = (row("uploads/a.evtx", &theirs), row("uploads/a.evtx", OURS));
        let lists = [("HOST1/uploads.json", wrong.clone()), ("HOST10/uploads.json", right.clone())];
        let own = [
            ("HOST1/uploads/a.evtx", Some(Vouched::Differs)),
            ("HOST10/uploads/a.evtx", Some(Vouched::Hash)),
            ("HOST100/uploads/a.evtx", None),
        ];
        check_all(&lists, &own);
        let lists = [("c/uploads.json", wrong), ("c/d/uploads.json", right)];
        check_all(&lists, &[("c/d/uploads/a.evtx", Some(Vouched::Hash))]);
    }

    #[test]
    fn what_may_be_another_file_is_not_judged() {
        let theirs = "b".repeat(64);
        let path = r"C:\\Windows\\Logs\\a.evtx";
        let list = [("c/uploads.json", row(path, &theirs))];
        let (c, d) = ("c/uploads/auto/C%3A/Windows/Logs/a.evtx", "c/uploads/auto/D%3A/Windows/Logs/a.evtx");
        check_all(&list, &[(c, Some(Vouched::Differs)), (d, None)]);
        // Two accessors' copies: the row may be of either.
        let ntfs = "c/uploads/ntfs/%5C%5C.%5CC%3A/Windows/Logs/a.evtx";
        check_all(&list, &[(c, None), (ntfs, None)]);
        let list = [("c/uploads.json", row("a.evtx", &theirs))];
        check_all(&list, &[("c/x/a.evtx", None), ("c/y/a.evtx", None)]);
        let contradictory = [("c/uploads.json", row("a.evtx", &theirs) + &row("a.evtx", OURS))];
        check_all(&contradictory, &[("c/a.evtx", None)]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut claims = Claims::default();
        let rows: String = (0..=MAX_CLAIMS).map(|n| format!("evtx/{n},1\n")).collect();
        let list = format!("SampleName,SizeInBytes\n{rows}");
        assert_eq!(claims.read("E.7z!/GetThis.csv", list.as_bytes()), Listed::Part);
        assert_eq!(claims.count, MAX_CLAIMS);
        let long = format!("[{}1]\n", "1,".repeat(MAX_ROW));
        assert_eq!(Claims::default().read("uploads.json", long.as_bytes()), Listed::Nothing);
    }
}
