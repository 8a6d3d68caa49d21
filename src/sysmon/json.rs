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
        match &*outlet.parents {
            [dns @ .., "answers"] => {
                if !std::mem::replace(&mut writer.has_answers, true) {
                    writer.open(dns);
                    writer.name("answers");
                    writer.answers(event);
                }
            }
            parents => {
                writer.open(parents);
                writer.member(&outlet.member);
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
        if std::ptr::eq(self.parents, parents) {
            return;
        }
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

    /// A name with the comma before it, which the first in its object goes without, and the colon after it.
    fn member(&mut self, member: &[u8]) {
        self.out.extend_from_slice(member.get(usize::from(self.fresh)..).unwrap_or_default());
        self.fresh = false;
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

/// Appends `text` as a JSON string: what needs no escape as it stands, eight bytes at a time.
fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let (plain, others) = rest.split_at_checked(plain_prefix(rest)).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        rest = match others {
            [byte, others @ ..] => {
                write_escape(out, *byte);
                others
            }
            [] => others,
        };
    }
    out.push(b'"');
}

/// How many bytes at the beginning of `text` stand for themselves in a JSON string (RFC 8259, 7).
fn plain_prefix(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
    let (blocks, rest) = text.as_chunks::<8>();
    for (number, block) in blocks.iter().enumerate() {
        let block = u64::from_le_bytes(*block);
        // The top bit of the lowest byte that is zero is set, and of no byte below it.
        let zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes;
        let special = zero(block & (ONES * 0xE0))
            | zero(block ^ (ONES * u64::from(b'"')))
            | zero(block ^ (ONES * u64::from(b'\\')));
        if special & TOPS != 0 {
            let bits = usize::try_from((special & TOPS).trailing_zeros()).unwrap_or_default();
            return number.saturating_mul(8).saturating_add(bits / 8);
        }
    }
    let done = text.len().saturating_sub(rest.len());
    let plain = |byte: &&u8| **byte >= b' ' && **byte != b'"' && **byte != b'\\';
    done.saturating_add(rest.iter().take_while(plain).count())
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        _ => {
            let digit = |nibble: u8| b"0123456789abcdef".get(usize::from(nibble)).copied().unwrap_or(b'0');
            return out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 0xF)]);
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

fn write_json(out: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    // Memory takes anything, and texts and numbers are always JSON.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_written_as_serde_json_writes_them() {
        let mut texts: Vec<String> = (0..0x300).filter_map(char::from_u32).map(String::from).collect();
        texts.extend([
            r"C:\Windows\System32\mshta.exe".to_owned(),
            "sixteen bytes ok".to_owned(),
            format!("{}\"{}\\{}\u{1}\u{7f}", "a".repeat(15), "b".repeat(16), "\u{1f600}".repeat(9)),
            texts.concat(),
        ]);
        for text in texts {
            let mut written = Vec::new();
            write_text(&mut written, &text);
            assert_eq!(
                String::from_utf8(written).expect("UTF-8"),
                serde_json::to_string(&text).expect("JSON")
            );
        }
    }
}
