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
    let mut rest = text;
    while let Some(at) =
        rest.find(|next: char| next == '\\' || next.is_ascii_control() && !next.is_ascii_whitespace())
    {
        let (plain, special) = rest.split_at_checked(at)?;
        mended.push_str(plain);
        let (length, text) = match special.strip_prefix('\\') {
            None => (1, special.bytes().next().map(|byte| format!("\\u{byte:04x}"))),
            Some(escape) => match half(escape) {
                None => (escape.chars().next().map_or(1, |next| next.len_utf8().saturating_add(1)), None),
                Some(0xD800..0xDC00)
                    if escape
                        .get(5..)
                        .and_then(|next| half(next.strip_prefix('\\')?))
                        .is_some_and(|low| (0xDC00..0xE000).contains(&low)) =>
                {
                    (12, None)
                }
                Some(_) => (6, Some("\\ufffd".to_owned())),
            },
        };
        changed |= text.is_some();
        mended.push_str(text.as_deref().or_else(|| special.get(..length))?);
        rest = special.get(length..).unwrap_or_default();
    }
    mended.push_str(rest);
    changed.then_some(mended)
}

/// The surrogate that `uXXXX` at the beginning of `escape` names.
fn half(escape: &str) -> Option<u16> {
    let unit = u16::from_str_radix(escape.strip_prefix('u')?.get(..4)?, 16).ok()?;
    (0xD800..0xE000).contains(&unit).then_some(unit)
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
            ("{\"a\":\"x\0\u{1b}y\"}", "x\0\u{1b}y"),
            ("{\"a\":\"\\ué\\", ""),
        ] {
            let value = parse(text).ok();
            let value = value.as_ref().and_then(|value| value["a"].as_str()).unwrap_or_default();
            assert_eq!(value, expected, "{text}");
        }
    }
}
