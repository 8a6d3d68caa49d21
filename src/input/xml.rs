//! Events exported as XML: a run of `<Event>` elements, rooted or not, in UTF-8 or UTF-16, found in a stream and read one by one. It does not check
//! what stands between them.

use std::ops::Range;

use crate::finding::{Damage, DamageKind};

use super::detect::CHUNK_SIZE;
use super::event_xml;
use super::record::Position;
use super::source::{Block, Tap};
use super::visit::{Visitor, offer};

/// Most bytes of UTF-8 that one event may take; a record in a log holds at most 64 KiB.
const MAX_EVENT: usize = 16 << 20;
const START: &str = "<Event";
const END: &str = "</Event>";

/// An `<Event>` of an export.
#[derive(Debug, Clone, Copy)]
pub struct ExportedEvent<'a> {
    /// Its number in the export, from 0.
    pub number: u32,
    /// Its XML.
    pub text: &'a str,
}

/// Reads `event` of the source that reports call `source`, and tells `visitor`.
pub(super) fn read_event(source: &str, event: ExportedEvent<'_>, visitor: &mut dyn Visitor) {
    match event_xml::parse(event.text) {
        Ok(mut record) => {
            record.position = Position { chunk: 0, record: event.number };
            offer(&mut record, visitor);
        }
        Err(reason) => visitor.damage(Damage {
            source: source.to_owned(),
            chunk: None,
            record: Some(u64::from(event.number)),
            kind: DamageKind::Record,
            reason: format!("the event cannot be read: {reason}"),
            lost: true,
        }),
    }
}

/// An export's events, being found.
#[derive(Debug)]
pub(super) struct EventStream {
    encoding: Encoding,
    /// Bytes that are not text yet.
    raw: Vec<u8>,
    /// Text in which no whole event is left.
    text: String,
    next: u32,
    ended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
}

impl EventStream {
    /// Starts on a source that begins with `head`.
    pub(super) fn new(head: Vec<u8>) -> Self {
        let encoding = match head.as_slice() {
            [0xFF, 0xFE, ..] | [b'<', 0, ..] => Encoding::Utf16Le,
            [0xFE, 0xFF, ..] | [0, b'<', ..] => Encoding::Utf16Be,
            _ => Encoding::Utf8,
        };
        Self { encoding, raw: head, text: String::new(), next: 0, ended: false }
    }

    /// The next block of events, read from at most `max_chunks` times 64 KiB where that holds any.
    pub(super) fn next_block(
        &mut self,
        name: &str,
        tap: &mut Tap<'_>,
        max_chunks: usize,
        damages: &mut Vec<Damage>,
    ) -> Option<Block> {
        let limit = max_chunks.max(1).saturating_mul(CHUNK_SIZE);
        while !self.ended {
            let before = self.raw.len();
            tap.fill(&mut self.raw, limit);
            self.ended = self.raw.len().saturating_sub(before) < limit;
            self.decode();
            let (mut ranges, rest) = events(&self.text);
            let open = self.text.get(rest..).filter(|open| open.starts_with(START)).map_or(0, str::len);
            let mut used = rest;
            if open > MAX_EVENT || self.ended && open > 0 {
                let reason = if self.ended {
                    "the export ends inside an event"
                } else {
                    "an event is larger than 16 MiB"
                };
                let kind = if self.ended { DamageKind::Truncated } else { DamageKind::Record };
                damages.push(damage(name, kind, reason));
                used = rest.saturating_add(START.len());
            }
            let kept = self.text.split_off(used.min(self.text.len()));
            let text = std::mem::replace(&mut self.text, kept);
            if !ranges.is_empty() {
                ranges.shrink_to_fit();
                let first = self.next;
                self.next = self.next.saturating_add(u32::try_from(ranges.len()).unwrap_or(u32::MAX));
                return Some(Block::of_events(text, ranges, first));
            }
        }
        None
    }

    /// Moves what is whole from `raw` to `text`. What is no text becomes U+FFFD.
    fn decode(&mut self) {
        let used = match self.encoding {
            Encoding::Utf8 => decode_utf8(&self.raw, self.ended, &mut self.text),
            Encoding::Utf16Le => decode_utf16(&self.raw, self.ended, u16::from_le_bytes, &mut self.text),
            Encoding::Utf16Be => decode_utf16(&self.raw, self.ended, u16::from_be_bytes, &mut self.text),
        };
        self.raw.drain(..used.min(self.raw.len()));
    }
}

/// The whole events in `text`, and where the first one begins that is not whole (or nothing does, for the text's end).
fn events(text: &str) -> (Vec<Range<usize>>, usize) {
    let mut ranges = Vec::new();
    let Some(mut start) = next_start(text, 0) else { return (ranges, without_partial_tag(text)) };
    loop {
        let inside = start.saturating_add(START.len());
        let end = text.get(inside..).and_then(|rest| rest.find(END)).map(|at| inside.saturating_add(at));
        let next = next_start(text, inside);
        // An event whose end is missing ends where the next one begins.
        match (end, next) {
            (Some(end), next) if next.is_none_or(|next| end < next) => {
                ranges.push(start..end.saturating_add(END.len()))
            }
            (_, Some(next)) => ranges.push(start..next),
            (_, None) => return (ranges, start),
        }
        match next {
            Some(next) => start = next,
            None => return (ranges, without_partial_tag(text)),
        }
    }
}

/// The offset of the next `<Event` from `from` that is an element of that name.
fn next_start(text: &str, from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    rest.match_indices(START).map(|(at, tag)| (at, at.saturating_add(tag.len()))).find_map(|(at, after)| {
        let ends = rest
            .get(after..)?
            .starts_with(|next: char| next.is_ascii_whitespace() || next == '>' || next == '/');
        ends.then(|| from.saturating_add(at))
    })
}

/// `text`'s length without a tag's beginning at its end, which may become `<Event` with the next bytes.
fn without_partial_tag(text: &str) -> usize {
    let tail = text.len().saturating_sub(START.len());
    let tail = (tail..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    text.get(tail..).and_then(|end| end.rfind('<')).map_or(text.len(), |at| tail.saturating_add(at))
}

/// Appends the UTF-8 in `raw` to `text` and returns how many bytes that took: all but a character that is not whole yet.
fn decode_utf8(raw: &[u8], ended: bool, text: &mut String) -> usize {
    let mut rest = raw;
    loop {
        let error = match str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                return raw.len();
            }
            Err(error) => error,
        };
        let (valid, after) = rest.split_at_checked(error.valid_up_to()).unwrap_or((rest, &[]));
        text.push_str(str::from_utf8(valid).unwrap_or_default());
        match error.error_len() {
            None if !ended => return raw.len().saturating_sub(after.len()),
            bad => {
                text.push('\u{FFFD}');
                rest = after.get(bad.unwrap_or(after.len())..).unwrap_or_default();
            }
        }
    }
}

/// Appends the UTF-16 in `raw` to `text` and returns how many bytes that took: all but a character that is not whole yet.
fn decode_utf16(raw: &[u8], ended: bool, unit: fn([u8; 2]) -> u16, text: &mut String) -> usize {
    let (pairs, _) = raw.as_chunks::<2>();
    let split_pair = pairs.last().is_some_and(|&last| (0xD800..0xDC00).contains(&unit(last)));
    let whole = pairs.len().saturating_sub(usize::from(split_pair && !ended));
    let units = pairs.iter().take(whole).map(|&pair| unit(pair));
    text.extend(char::decode_utf16(units).map(|character| character.unwrap_or('\u{FFFD}')));
    if ended { raw.len() } else { whole.saturating_mul(2) }
}

fn damage(source: &str, kind: DamageKind, reason: &str) -> Damage {
    Damage {
        source: source.to_owned(),
        chunk: None,
        record: None,
        kind,
        reason: reason.to_owned(),
        lost: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_between_anything() {
        let text = "<?xml?><Events><Event a='1'>x</Event> <EventLog/> <Event>y<Event>z</Event></Events><Event>open</Ev";
        let (ranges, rest) = events(text);
        let found: Vec<&str> = ranges.into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, ["<Event a='1'>x</Event>", "<Event>y", "<Event>z</Event>"]);
        assert_eq!(&text[rest..], "<Event>open</Ev");
    }

    #[test]
    fn a_tag_cut_in_two_is_kept() {
        for (text, kept) in [
            ("<Events>\n <Eve", "<Eve"),
            ("<Events>\n <", "<"),
            ("<Events>", ""),
            ("é<", "<"),
            ("", ""),
            ("x<Event", "<Event"),
        ] {
            let (ranges, rest) = events(text);
            assert!(ranges.is_empty());
            assert_eq!(&text[rest..], kept, "{text}");
        }
    }

    #[test]
    fn split_characters_wait_for_the_rest() {
        let mut text = String::new();
        assert_eq!(decode_utf8(b"a\xC3", false, &mut text), 1);
        assert_eq!(decode_utf8(b"\xC3\xA9\xFF!", false, &mut text), 4);
        assert_eq!(decode_utf8(b"\xC3", true, &mut text), 1);
        assert_eq!(text, "aé\u{FFFD}!\u{FFFD}");

        let mut text = String::new();
        let raw = [0x61, 0, 0x3D, 0xD8, 0x00, 0xDE, 0x3D, 0xD8];
        assert_eq!(decode_utf16(&raw[..4], false, u16::from_le_bytes, &mut text), 2);
        assert_eq!(decode_utf16(&raw[2..7], false, u16::from_le_bytes, &mut text), 4);
        assert_eq!(decode_utf16(&raw[6..], true, u16::from_le_bytes, &mut text), 2);
        assert_eq!(text, "a😀\u{FFFD}");
    }
}
