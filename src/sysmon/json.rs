//! A Sysmon event straight to the text of its ECS document, byte for byte what [`super::document`] is written as. It decides no value.

use super::derive::dns;
use super::ecs::document;
use super::event::Event;
use super::facts::{Facts, supplied};
use crate::eql::{Scalar, Value};

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
    let mut writer = Writer { out, parents: &[], fresh: true, has_answers: false };
    writer.out.push(b'{');
    for supply in event.plan().supplies() {
        let value = supplied(event, supply);
        if value == Value::Missing {
            continue;
        }
        let outlet = &supply.outlet;
        match outlet.parents.as_slice() {
            [dns @ .., "answers"] => {
                if !std::mem::replace(&mut writer.has_answers, true) {
                    writer.open(dns);
                    writer.name("answers");
                    writer.answers(event);
                }
            }
            parents => {
                writer.open(parents);
                writer.name(outlet.name);
                writer.value(&value, outlet.is_array);
            }
        }
    }
    writer.open(&[]);
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
struct Writer<'o, 'p> {
    out: &'o mut Vec<u8>,
    /// The objects that are open.
    parents: &'p [&'static str],
    /// Whether nothing stands yet in the innermost of them.
    fresh: bool,
    has_answers: bool,
}

impl<'p> Writer<'_, 'p> {
    /// Closes and opens objects until these are open.
    fn open(&mut self, parents: &'p [&'static str]) {
        let shared = self.parents.iter().zip(parents).take_while(|(old, new)| old == new).count();
        for _ in self.parents.iter().skip(shared) {
            self.out.push(b'}');
            self.fresh = false;
        }
        for step in parents.iter().skip(shared) {
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
