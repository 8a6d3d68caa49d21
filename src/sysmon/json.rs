//! A Sysmon event straight to the text of its ECS document, byte for byte what [`super::document`] is written as. It decides no value.

use super::derive::dns;
use super::ecs::{self, document};
use super::event::Event;
use super::facts::{Facts, supplied};
use super::fields::EVENT_DATA;
use crate::eql::{Scalar, Value};

/// Where `dns.answers` stands, a list of objects instead of the fields that rules see.
const ANSWERS: &str = "dns.answers";

/// Appends the document of `event` to `out`, with one more member `name` at its end, whose value is the JSON text `json`.
pub fn write_document(event: &Event, name: &str, json: &str, out: &mut Vec<u8>) {
    if !event.has_others() {
        return write_known(event, name, json, out);
    }
    let start = out.len();
    if serde_json::to_writer(&mut *out, &document(event)).is_err() {
        out.truncate(start);
    }
    // It ends with the brace that the last member stands before.
    out.pop();
    write_member(out, name, json);
}

/// Appends the document of an event without data that the event's table does not know, as [`write_document`] does.
pub fn write_known(event: &impl Facts, name: &str, json: &str, out: &mut Vec<u8>) {
    let mut writer = Writer { out, parents: "", fresh: true, has_answers: false };
    writer.out.push(b'{');
    for supply in event.plan().supplies() {
        let value = supplied(event, supply);
        if value == Value::Missing {
            continue;
        }
        let (parents, name) = match supply.path.strip_prefix(EVENT_DATA) {
            Some(name) => (ecs::EVENT_DATA_OBJECT, name),
            None => supply.path.rsplit_once('.').unwrap_or(("", supply.path)),
        };
        if parents != ANSWERS {
            writer.open(parents);
            writer.name(name);
            writer.value(&value, ecs::is_array(supply.path));
        } else if !writer.has_answers {
            writer.has_answers = true;
            writer.open("dns");
            writer.name("answers");
            writer.answers(event);
        }
    }
    writer.open("");
    write_member(writer.out, name, json);
}

fn write_member(out: &mut Vec<u8>, name: &str, json: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    write_text(out, name);
    out.push(b':');
    out.extend_from_slice(json.as_bytes());
    out.push(b'}');
}

/// Writes members in the order of their paths, and the objects around them.
struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// The objects that are open, as a dotted path.
    parents: &'static str,
    /// Whether nothing stands yet in the innermost of them.
    fresh: bool,
    has_answers: bool,
}

impl Writer<'_> {
    /// Closes and opens objects until those of the path `parents` are open.
    fn open(&mut self, parents: &'static str) {
        if self.parents == parents {
            return;
        }
        let steps = |path: &'static str| path.split('.').filter(|step| !step.is_empty());
        let shared = steps(self.parents).zip(steps(parents)).take_while(|(old, new)| old == new).count();
        for _ in steps(self.parents).skip(shared) {
            self.out.push(b'}');
            self.fresh = false;
        }
        for step in steps(parents).skip(shared) {
            self.name(step);
            self.out.push(b'{');
            self.fresh = true;
        }
        self.parents = parents;
    }

    fn name(&mut self, name: &str) {
        if !self.fresh {
            self.out.push(b',');
        }
        self.fresh = false;
        // No name in the table holds what JSON escapes.
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn value(&mut self, value: &Value<'_>, array: bool) {
        match value {
            Value::One(one) if !array => write_scalar(self.out, one),
            values => self.list(values.as_slice(), write_scalar),
        }
    }

    fn answers(&mut self, event: &impl Facts) {
        let results = event.named("QueryResults").map(dns::answers).into_iter().flatten();
        let answers: Vec<_> = results.collect();
        self.list(&answers, |out, answer| {
            let members = [("data", answer.data), ("type", answer.kind)];
            let mut before = b'{';
            for (name, text) in members.into_iter().filter_map(|(name, text)| Some((name, text?))) {
                out.push(before);
                write_text(out, name);
                out.push(b':');
                write_text(out, text);
                before = b',';
            }
            out.extend_from_slice(if before == b'{' { b"{}" } else { b"}" });
        });
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
        self.out.push(b'[');
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                self.out.push(b',');
            }
            write(self.out, item);
        }
        self.out.push(b']');
    }
}

fn write_scalar(out: &mut Vec<u8>, scalar: &Scalar<'_>) {
    match scalar {
        Scalar::Str(text) => write_text(out, text),
        Scalar::Date(time) => write_text(out, &time.to_iso_millis()),
        Scalar::Ip(address) => write_text(out, &address.to_string()),
        Scalar::Bool(true) => out.extend_from_slice(b"true"),
        Scalar::Bool(false) => out.extend_from_slice(b"false"),
        Scalar::Int(number) => write_json(out, number),
        Scalar::Float(number) => write_json(out, number),
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_json(out, text);
}

fn write_json(out: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    // Memory takes anything, and texts and numbers are always JSON.
    let _ = serde_json::to_writer(out, value);
}
