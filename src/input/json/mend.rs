//! The text of one object → its values. Two things that JSON forbids and exporters write all the same are mended; nothing else is guessed.

use serde_json::Value as Json;

/// Reads `text`. Of one name twice in an object the last counts, as for every JSON tool.
///
/// # Errors
/// What is wrong, when `text` is no JSON even with control characters escaped and halves of surrogate pairs made U+FFFD.
pub(super) fn parse(text: &str) -> Result<Json, String> {
    let malformed = |error: serde_json::Error| format!("malformed JSON: {error}");
    serde_json::from_str(text).or_else(|error| match mended(text) {
        Some(mended) => serde_json::from_str(&mended).map_err(malformed),
        None => Err(malformed(error)),
    })
}

/// `text` mended; `None` when there is nothing to mend.
fn mended(text: &str) -> Option<String> {
    let mut mended = String::with_capacity(text.len());
    let mut changed = false;
    let mut in_string = false;
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let (length, instead) = match next {
            '\\' => escape(rest),
            control if in_string && control.is_ascii_control() => {
                (1, Some(format!("\\u{:04x}", u32::from(control))))
            }
            other => (other.len_utf8(), None),
        };
        in_string ^= next == '"';
        changed |= instead.is_some();
        mended.push_str(instead.as_deref().or_else(|| rest.get(..length))?);
        rest = rest.get(length..)?;
    }
    changed.then_some(mended)
}

/// How many bytes the escape takes that `text` begins with, and what is to stand for it if it is half a surrogate pair.
fn escape(text: &str) -> (usize, Option<String>) {
    let unit = |at: usize| {
        let digits = text.get(at..)?.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    match (unit(0), unit(6)) {
        (Some(0xD800..0xDC00), Some(0xDC00..0xE000)) => (12, None),
        (Some(0xD800..0xE000), _) => (6, Some("\\ufffd".to_owned())),
        _ => (text.chars().take(2).map(char::len_utf8).sum(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exporters_get_wrong_is_mended() {
        for (text, expected) in [
            (r#"{"a":"\ud800"}"#, "\u{FFFD}"),
            (r#"{"a":"\udc00\ud83d\ude00\\ud800"}"#, "\u{FFFD}😀\\ud800"),
            (r#"{"a":"\ud83d\ud83d\ude00"}"#, "\u{FFFD}😀"),
            ("{\"a\":\"x\0\u{1b}y\\ud8\"}", ""),
            ("{\"a\":\t\"x\0\t\u{1b}y\"}", "x\0\t\u{1b}y"),
            ("{\"a\":\"\\ué\\", ""),
        ] {
            let value = parse(text).ok();
            let value = value.as_ref().and_then(|value| value["a"].as_str()).unwrap_or_default();
            assert_eq!(value, expected, "{text}");
        }
    }
}
