//! What a collector says of the files it collected, and whether it holds for the sources that were read. It reads no file.
//!
//! Velociraptor writes `uploads.json` (a JSON object per line) at the top of a collection, and its results repeat what became of each upload; DFIR-ORC writes
//! `GetThis.csv` beside its samples. Their forms were taken from readers of them, not from collections of all versions: a row that cannot be understood says
//! nothing, and nothing follows from it.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::finding::{Damage, DamageKind, Vouched};

use super::export::text_of;
use super::source::failure;

/// Most bytes of a list that are read.
pub(super) const MAX_LIST: usize = 64 << 20;
/// Most rows that are kept.
const MAX_CLAIMS: usize = 1_000_000;

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

/// What was claimed, and the sources that were read.
#[derive(Debug, Default)]
pub(super) struct Claims {
    claims: Vec<Claim>,
    sources: Vec<Read>,
}

/// What a collector says of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claim {
    /// The list's name, and before its last part the folder or archive it speaks of.
    list: String,
    /// The file's path in the collection, its parts in lower case, the last one first.
    path: Vec<String>,
    sha256: Option<String>,
    size: Option<u64>,
}

/// A source that was read.
#[derive(Debug)]
struct Read {
    ordinal: u32,
    name: String,
    size: u64,
    sha256: Option<String>,
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
    /// Takes in the list called `name`, whose first [`MAX_LIST`] bytes are `bytes`.
    pub(super) fn read(&mut self, name: &str, bytes: &[u8]) {
        let text = text_of(bytes);
        let text = text.trim_start_matches('\u{FEFF}');
        let room = MAX_CLAIMS.saturating_sub(self.claims.len());
        let claims = if name.to_ascii_lowercase().ends_with(".csv") {
            of_csv(name, text)
        } else {
            of_json(name, text)
        };
        self.claims.extend(claims.into_iter().take(room));
    }

    /// Notes that a source was read to its end.
    pub(super) fn source(&mut self, ordinal: u32, name: &str, size: u64, sha256: Option<&str>) {
        self.sources.push(Read { ordinal, name: name.to_owned(), size, sha256: sha256.map(str::to_owned) });
    }

    /// The verdict on each source of which something was claimed.
    pub(super) fn verdicts(self) -> Vec<Verdict> {
        let mut by_name: HashMap<&str, Vec<&Claim>> = HashMap::new();
        for claim in &self.claims {
            by_name.entry(claim.path.first().map_or("", String::as_str)).or_default().push(claim);
        }
        self.sources.iter().filter_map(|source| verdict(source, &by_name)).collect()
    }
}

fn verdict(source: &Read, by_name: &HashMap<&str, Vec<&Claim>>) -> Option<Verdict> {
    let paths = [parts(&source.name), parts(&decoded(&source.name))];
    let mut best: Option<(usize, &Claim)> = None;
    for path in &paths {
        let last = path.first().map_or("", String::as_str);
        for claim in by_name.get(last).into_iter().flatten() {
            let root = claim.list.rsplit_once('/').map_or("", |(root, _)| root);
            // Results lie a folder deeper than what they speak of.
            let root = root.strip_suffix("/results").unwrap_or(root);
            if !source.name.starts_with(root) {
                continue;
            }
            let common = path.iter().zip(&claim.path).take_while(|(a, b)| a == b).count();
            let whole =
                common == claim.path.len() || (common >= 3 && common.saturating_add(1) >= claim.path.len());
            // A hash says more than a size.
            let better = best
                .is_none_or(|(most, kept)| (common, claim.sha256.is_some()) > (most, kept.sha256.is_some()));
            if whole && common >= 2.min(path.len()) && better {
                best = Some((common, claim));
            }
        }
    }
    let (_, claim) = best?;
    judged(source, claim)
}

fn judged(source: &Read, claim: &Claim) -> Option<Verdict> {
    let said = match (&claim.sha256, &source.sha256, claim.size) {
        (Some(theirs), Some(ours), _) if theirs == ours => None,
        (Some(theirs), Some(ours), _) => Some(format!("SHA-256 {theirs}, and it is {ours}")),
        (_, _, Some(size)) if size == source.size => None,
        (_, _, Some(size)) => Some(format!("{size} bytes, and it has {}", source.size)),
        _ => return None,
    };
    let by_hash = claim.sha256.is_some() && source.sha256.is_some();
    let vouched = match (&said, by_hash) {
        (Some(_), _) => Vouched::Differs,
        (None, true) => Vouched::Hash,
        (None, false) => Vouched::Size,
    };
    let damage = said.map(|said| {
        let reason = format!(
            "it is not what was collected: {} gives {said}; find out what changed it before relying on it",
            claim.list
        );
        Damage { kind: DamageKind::Checksum, lost: false, ..failure(&source.name, &reason) }
    });
    Some(Verdict { ordinal: source.ordinal, vouched, damage })
}

/// The rows of a list of JSON objects, one per line.
fn of_json(list: &str, text: &str) -> Vec<Claim> {
    let objects = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut claims = Vec::new();
    for object in objects {
        let Value::Object(row) = object else { continue };
        claims.extend(of_object(list, &row));
        // Results carry what became of an upload in a column of its own.
        claims.extend(row.values().filter_map(Value::as_object).flat_map(|column| of_object(list, column)));
    }
    claims
}

fn of_object(list: &str, row: &Map<String, Value>) -> Vec<Claim> {
    let get = |names: &[&str]| {
        row.iter()
            .find(|(name, _)| names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)))
            .map(|(_, value)| value)
    };
    let sha256 = get(&["sha256"]).and_then(Value::as_str).and_then(hash);
    let size = get(&["uploaded_size", "storedsize", "stored_size"]).and_then(Value::as_u64);
    if sha256.is_none() && size.is_none() {
        return Vec::new();
    }
    let mut paths = Vec::new();
    if let Some(components) = get(&["_components", "components"]).and_then(Value::as_array) {
        let components: Vec<&str> = components.iter().filter_map(Value::as_str).collect();
        let start = components.iter().position(|part| *part == "uploads").unwrap_or_default();
        paths.push(components.iter().skip(start).map(|part| part.to_lowercase()).rev().collect());
    }
    for path in
        [get(&["vfs_path"]), get(&["storedname", "stored_name"]), get(&["path"])].into_iter().flatten()
    {
        paths.extend(path.as_str().map(parts));
    }
    let claim = |path| Claim { list: list.to_owned(), path, sha256: sha256.clone(), size };
    paths.into_iter().filter(|path: &Vec<String>| !path.is_empty()).map(claim).collect()
}

/// The rows of a list of comma-separated values with a header.
fn of_csv(list: &str, text: &str) -> Vec<Claim> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let Ok(header) = reader.headers().cloned() else { return Vec::new() };
    let column = |wanted: &str| header.iter().position(|name| name.eq_ignore_ascii_case(wanted));
    let (Some(sample), hash_column) = (column("SampleName"), column("SHA256")) else { return Vec::new() };
    let size_column = column("SizeInBytes");
    let rows = reader.records().filter_map(Result::ok);
    let claim = |row: csv::StringRecord| {
        let cell = |column: Option<usize>| column.and_then(|column| row.get(column));
        let sha256 = cell(hash_column).and_then(hash);
        let size = cell(size_column).and_then(|size| size.parse().ok());
        let path = parts(row.get(sample)?);
        (!path.is_empty()).then(|| Claim { list: list.to_owned(), path, sha256, size })
    };
    rows.filter_map(claim).collect()
}

/// The parts of a path, in lower case, the last one first; `!/` of archives parts too.
fn parts(path: &str) -> Vec<String> {
    let parts = path.rsplit(['/', '\\']).filter(|part| !part.is_empty() && *part != ".");
    parts.map(str::to_lowercase).collect()
}

/// `%XX` turned into its byte, once.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|digits| str::from_utf8(digits).ok());
        let byte = digits.filter(|_| first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A SHA-256 in lower-case hex, if `text` is one.
fn hash(text: &str) -> Option<String> {
    let text = text.trim();
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const LOG: &str = "case.zip!/uploads/auto/C%3A/Windows/System32/winevt/Logs/Microsoft-Windows-Sysmon%254Operational.evtx";

    #[track_caller]
    fn check(list: &str, text: &str, source: &str, expected: Option<Vouched>) {
        let mut claims = Claims::default();
        claims.read(list, text.as_bytes());
        claims.source(7, source, 10, Some(OURS));
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
        let mut claims = Claims::default();
        let utf16: Vec<u8> =
            [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        claims.read("Event.7z!/GetThis.csv", &utf16);
        assert_eq!(claims.claims.len(), 1);
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
}
