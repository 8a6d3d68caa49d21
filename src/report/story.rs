//! The story of a finding as `findings.jsonl` holds it, and in the few words that tables have room for. It decides nothing about the process.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::subject::joined;
use crate::finding::Finding;
use crate::finding::story::{Destination, Process, Story};

/// Under which finding each story is told: one of its process's, so that a rule that finds much in one process does not tell it over and over.
pub struct Told<'a>(HashMap<*const Story, &'a str>);

impl<'a> Told<'a> {
    /// The places of the stories of `findings`: that of the least id has it, whatever else is among them or in which order they are.
    pub fn of(findings: impl IntoIterator<Item = &'a Finding>) -> Self {
        let mut places: HashMap<*const Story, &'a str> = HashMap::new();
        for finding in findings {
            let Ok(story) = &finding.story else { continue };
            let place = places.entry(Arc::as_ptr(story)).or_insert(&finding.id);
            *place = (*place).min(finding.id.as_str());
        }
        Self(places)
    }

    /// The other finding under which the story of `finding` is told; `None` when it is told under this one, and without a story.
    pub fn elsewhere(&self, finding: &Finding) -> Option<&'a str> {
        let story = finding.story.as_ref().ok()?;
        self.0.get(&Arc::as_ptr(story)).copied().filter(|place| *place != finding.id)
    }
}

/// The object under `story`: the story, `same_as` the finding under which it is told `elsewhere`, or `told: false` and why.
pub fn object(finding: &Finding, elsewhere: Option<&str>) -> Value {
    let story = match (&finding.story, elsewhere) {
        (Err(untold), _) => return json!({"told": false, "reason": untold.as_str()}),
        (Ok(_), Some(elsewhere)) => return json!({"told": true, "same_as": elsewhere}),
        (Ok(story), None) => story,
    };
    json!({
        "told": true,
        "host": story.host,
        "process": process(&story.process),
        "ancestors": story.ancestors.iter().map(kin).collect::<Vec<_>>(),
        "children": {
            "total": story.children.total, "more": story.children.left_out(),
            "listed": story.children.shown.iter().map(kin).collect::<Vec<_>>(),
        },
        "kin_complete": story.kin_complete,
        "connections": story.connections,
        "queries": {"count": story.query_count, "names": story.queries},
        "activities": story.activities,
        "events": story.context.total,
        "context": story.context.shown,
    })
}

/// `explorer.exe(1372) > cmd.exe(99)? > mshta.exe(4242)`: from the farthest ancestor to the process; one whose start is not in the evidence has a `?`.
pub fn ancestry(story: &Story) -> String {
    let line = story.ancestors.iter().rev().map(named).chain([named(&story.process)]);
    line.filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" > ")
}

/// `mshta.exe(4242)`, with a `?` behind it when its start is not in the evidence.
fn named(process: &Process) -> String {
    let name = if process.name.is_empty() { &process.executable } else { &process.name };
    let pid = process.pid.map_or_else(String::new, |pid| format!("({pid})"));
    let doubt = if process.known { "" } else { "?" };
    if name.is_empty() { String::new() } else { format!("{name}{pid}{doubt}") }
}

/// `203.0.113.7:443`, `[2001:db8::1]:443`.
pub fn address(destination: &Destination) -> String {
    let ip = &destination.ip;
    let host = if ip.contains(':') && !destination.port.is_empty() { format!("[{ip}]") } else { ip.clone() };
    joined(&host, ":", &destination.port)
}

/// A process above or below, with the event of its start, which has a row in the timeline.
fn kin(kin: &Process) -> Value {
    let mut object = process(kin);
    object["start_event"] = json!(kin.start.as_deref());
    object
}

fn process(process: &Process) -> Value {
    json!({
        "known": process.known,
        "flagged": process.flagged,
        "depth": process.depth,
        "entity_id": process.entity_id,
        "parent_entity_id": process.parent_entity_id,
        "name": process.name,
        "executable": process.executable,
        "pid": process.pid,
        "command_line": process.command_line,
        "user": process.user,
        "logon_id": process.logon_id,
        "integrity_level": process.integrity,
        "hash": process.hashes,
        "original_file_name": process.original_file_name,
        "renamed": process.renamed(),
        "start": process.started,
        "end": process.ended,
    })
}
