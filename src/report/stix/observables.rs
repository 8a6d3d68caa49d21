//! Events → STIX cyber-observables: processes, programs, connections, addresses, names, users. It decides nothing about what they mean.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{ids, instant};
use crate::finding::subject::{Subject, joined};
use crate::finding::{EvidenceEvent, Finding};
use crate::report::iocs::{address, host_name};

/// The observables of all findings by identifier, and which name was answered with which address.
#[derive(Default)]
pub(super) struct Observables {
    objects: BTreeMap<String, Map<String, Value>>,
    answers: BTreeSet<(String, String)>,
}

impl Observables {
    /// The objects, by identifier.
    pub(super) fn objects(&self) -> impl Iterator<Item = &Map<String, Value>> {
        self.objects.values()
    }

    /// Identifiers of a name and of an address it was resolved to.
    pub(super) fn answers(&self) -> impl Iterator<Item = &(String, String)> {
        self.answers.iter()
    }

    /// Adds what the events of `finding` show; returns the identifiers, sorted.
    pub(super) fn add(&mut self, finding: &Finding) -> Vec<String> {
        let mut seen = Seen { all: self, ids: Vec::new() };
        for event in finding.present() {
            seen.event(finding, event);
        }
        let mut ids = seen.ids;
        ids.sort();
        ids.dedup();
        ids
    }
}

/// What one finding shows.
struct Seen<'a> {
    all: &'a mut Observables,
    ids: Vec<String>,
}

impl Seen<'_> {
    fn event(&mut self, finding: &Finding, event: &EvidenceEvent) {
        let connection = self.connection(event);
        self.question(event);
        self.file(&event.text("file.path"), Map::new());
        let Some(process) = self.process(finding, event) else { return };
        if let (Some(connection), Some(process)) = (connection, self.all.objects.get_mut(&process)) {
            let opened = process.entry("opened_connection_refs").or_insert_with(|| json!([]));
            if let Some(opened) = opened.as_array_mut().filter(|opened| !opened.contains(&json!(connection)))
            {
                opened.push(Value::from(connection));
            }
        }
    }

    /// The process of `event` with its program, its user and its parent.
    fn process(&mut self, finding: &Finding, event: &EvidenceEvent) -> Option<String> {
        let subject = Subject::of(finding, event);
        let text = |path: &str| subject.text(path);
        let user = joined(&text("user.domain"), "\\", &text("user.name"));
        let start = finding.present().find(|start| {
            start.event_id == 1
                && start.computer == event.computer
                && start.get("process.entity_id") == event.get("process.entity_id")
        });
        let parent_program = self.file(&text("process.parent.executable"), Map::new());
        let parent = self.put_process(
            &event.computer,
            &text("process.parent.entity_id"),
            [
                ("pid", subject.get("process.parent.pid").cloned()),
                ("command_line", given(text("process.parent.command_line"))),
                ("image_ref", parent_program.map(Value::from)),
            ],
        );
        let program = self.file(&text("process.executable"), hashes(subject));
        let user = (!user.is_empty()).then(|| self.put("user-account", json!({"account_login": user})));
        self.put_process(
            &event.computer,
            &text("process.entity_id"),
            [
                ("pid", subject.get("process.pid").cloned()),
                ("command_line", given(text("process.command_line"))),
                ("cwd", given(text("process.working_directory"))),
                ("created_time", start.and_then(|start| instant(start.timestamp)).map(Value::from)),
                ("image_ref", program.map(Value::from)),
                ("creator_user_ref", user.map(Value::from)),
                ("parent_ref", parent.map(Value::from)),
            ],
        )
    }

    /// Puts the process `guid` of `host` in, or what is not known of it yet; without a GUID no two events can be told to be of one process, so none is put.
    fn put_process<const N: usize>(
        &mut self,
        host: &str,
        guid: &str,
        known: [(&str, Option<Value>); N],
    ) -> Option<String> {
        let known: Vec<(&str, Value)> =
            known.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        if guid.is_empty() || known.is_empty() {
            return None;
        }
        // Nothing of a process contributes to an identifier (STIX 2.1, 6.13).
        let id = ids::own("process", &json!([host, guid]));
        let object = self.all.objects.entry(id.clone()).or_insert_with(|| head("process", &id));
        for (name, value) in known {
            object.entry(name).or_insert(value);
        }
        self.ids.push(id.clone());
        Some(id)
    }

    /// The connection of `event`, if it is one.
    fn connection(&mut self, event: &EvidenceEvent) -> Option<String> {
        let (source, destination) =
            (self.address(&event.text("source.ip")), self.address(&event.text("destination.ip")));
        let family = [&source, &destination].into_iter().flatten().next()?;
        let family = if family.starts_with("ipv6") { "ipv6" } else { "ipv4" };
        let transport = event.text("network.transport").to_ascii_lowercase();
        let protocols: Vec<&str> =
            [family, &transport].into_iter().filter(|protocol| is_protocol(protocol)).collect();
        let port = |path: &str| {
            let port = event.get(path)?.as_u64().filter(|port| *port <= u64::from(u16::MAX))?;
            Some(Value::from(port))
        };
        let known = [
            ("start", instant(event.timestamp).map(Value::from)),
            ("src_ref", source.map(Value::from)),
            ("dst_ref", destination.map(Value::from)),
            ("src_port", port("source.port")),
            ("dst_port", port("destination.port")),
            ("protocols", Some(json!(protocols))),
        ];
        let known: Map<String, Value> =
            known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        Some(self.put("network-traffic", Value::Object(known)))
    }

    /// The name that `event` asked for, and the addresses it was given.
    fn question(&mut self, event: &EvidenceEvent) {
        let Some(name) = host_name(&event.text("dns.question.name")) else { return };
        let name = self.put("domain-name", json!({"value": name}));
        let answers = event.get("dns.resolved_ip").and_then(Value::as_array);
        for answer in answers.into_iter().flatten().filter_map(Value::as_str) {
            if let Some(address) = self.address(answer) {
                self.all.answers.insert((name.clone(), address));
            }
        }
    }

    fn address(&mut self, text: &str) -> Option<String> {
        let value = address(text)?;
        let kind = if value.contains(':') { "ipv6-addr" } else { "ipv4-addr" };
        Some(self.put(kind, json!({"value": value})))
    }

    /// The file at `path` in its folder.
    fn file(&mut self, path: &str, hashes: Map<String, Value>) -> Option<String> {
        let (folder, name) = path.rsplit_once('\\').unwrap_or(("", path));
        if name.is_empty() {
            return None;
        }
        let mut file = Map::from_iter([("name".to_owned(), Value::from(name))]);
        if !folder.is_empty() {
            let folder = self.put("directory", json!({"path": folder}));
            file.insert("parent_directory_ref".to_owned(), Value::from(folder));
        }
        if !hashes.is_empty() {
            file.insert("hashes".to_owned(), Value::Object(hashes));
        }
        Some(self.put("file", Value::Object(file)))
    }

    /// Puts an object in whose identifier its properties make.
    fn put(&mut self, kind: &str, properties: Value) -> String {
        let properties = properties.as_object().cloned().unwrap_or_default();
        let id = ids::observable(kind, &properties);
        self.all.objects.entry(id.clone()).or_insert_with(|| {
            let mut object = head(kind, &id);
            object.extend(properties);
            object
        });
        self.ids.push(id.clone());
        id
    }
}

fn head(kind: &str, id: &str) -> Map<String, Value> {
    let head = json!({"type": kind, "spec_version": "2.1", "id": id});
    head.as_object().cloned().unwrap_or_default()
}

fn given(text: String) -> Option<Value> {
    (!text.is_empty()).then(|| Value::from(text))
}

/// A name as IANA registers protocols: what else a log says there is none.
fn is_protocol(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 20
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The hashes of the subject's program that are well formed, by the names of STIX's vocabulary.
fn hashes(subject: Subject<'_>) -> Map<String, Value> {
    let algorithms = [("MD5", "md5", 32), ("SHA-1", "sha1", 40), ("SHA-256", "sha256", 64)];
    let hash = |(name, field, digits): (&str, &str, usize)| {
        let value = subject.text(&format!("process.hash.{field}")).to_ascii_lowercase();
        let hex = value.len() == digits && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        hex.then(|| (name.to_owned(), Value::from(value)))
    };
    algorithms.into_iter().filter_map(hash).collect()
}
