//! What exports share, whatever their format: text decoded from a source as it is read, and events as pieces of that text. It finds no event in it.

use crate::finding::{Damage, DamageKind};

use super::detect::CHUNK_SIZE;
use super::source::Tap;

/// Most bytes of UTF-8 that one event may take; a record in a log holds at most 64 KiB.
pub(super) const MAX_EVENT: usize = 16 << 20;

/// How the events of an export are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `<Event>` elements.
    Xml,
    /// JSON objects.
    Json,
}

/// An event of an export.
#[derive(Debug, Clone, Copy)]
pub struct ExportedEvent<'a> {
    /// Its number in the export, from 0.
    pub number: u32,
    /// How it is written.
    pub format: Format,
    /// Its text.
    pub text: &'a str,
}

/// The damage of `event`, which cannot be read for `reason`.
pub(super) fn unreadable(source: &str, event: ExportedEvent<'_>, reason: &str) -> Damage {
    let record = Some(u64::from(event.number));
    let reason = format!("the event cannot be read: {reason}");
    Damage { source: source.to_owned(), chunk: None, record, kind: DamageKind::Record, reason, lost: true }
}

/// The damage of an export that ends inside an event.
pub(super) fn cut_short(source: &str) -> Damage {
    damage(source, DamageKind::Truncated, "the export ends inside an event")
}

/// The damage of an event of more than [`MAX_EVENT`] bytes.
pub(super) fn too_large(source: &str) -> Damage {
    damage(source, DamageKind::Record, "an event is larger than 16 MiB")
}

fn damage(source: &str, kind: DamageKind, reason: &str) -> Damage {
    let (source, reason) = (source.to_owned(), reason.to_owned());
    Damage { source, chunk: None, record: None, kind, reason, lost: true }
}

/// A source's text, decoded while it is read.
#[derive(Debug)]
pub(super) struct TextSource {
    encoding: Encoding,
    /// Bytes that are not text yet.
    raw: Vec<u8>,
    /// Text that nobody has taken yet.
    text: String,
    ended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
}

impl Encoding {
    /// By the mark, or by the zero byte beside the first character, which is ASCII in every export.
    fn of(head: &[u8]) -> Self {
        match head {
            [0xFF, 0xFE, ..] | [1..=0x7F, 0, ..] => Self::Utf16Le,
            [0xFE, 0xFF, ..] | [0, 1..=0x7F, ..] => Self::Utf16Be,
            _ => Self::Utf8,
        }
    }
}

/// The text that a source begins with whose first bytes are `head`.
pub(super) fn text_of(head: &[u8]) -> String {
    let mut source = TextSource::new(head.to_owned());
    source.decode();
    source.text
}

impl TextSource {
    /// Starts on a source that begins with `head`.
    pub(super) fn new(head: Vec<u8>) -> Self {
        Self { encoding: Encoding::of(&head), raw: head, text: String::new(), ended: false }
    }

    /// Reads at most `max_chunks` times 64 KiB more; `false` when the source had ended before.
    pub(super) fn read(&mut self, tap: &mut Tap, max_chunks: usize) -> bool {
        if self.ended {
            return false;
        }
        let limit = max_chunks.max(1).saturating_mul(CHUNK_SIZE);
        let before = self.raw.len();
        tap.fill(&mut self.raw, limit);
        self.ended = self.raw.len().saturating_sub(before) < limit;
        self.decode();
        true
    }

    /// Whether all of the source is text now.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// The text that was read and not taken.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Takes the first `length` bytes of the text, which end with a character.
    pub(super) fn take(&mut self, length: usize) -> String {
        let kept = self.text.split_off(length.min(self.text.len()));
        std::mem::replace(&mut self.text, kept)
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

#[cfg(test)]
mod tests {
    use super::*;

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
