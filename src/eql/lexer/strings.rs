//! String and name tokens: where they end and what they mean. It does not look beyond one token.

use crate::eql::diagnostic::Diagnostic;
use crate::eql::span::Span;

const RAW: &str = "\"\"\"";

/// The bytes of the string token at the beginning of `text`, quotes included; as an error when it is not closed on its line (the bytes up to the
/// line's end).
///
/// # Errors
/// The length of an unclosed string, to pass over it.
pub fn length(text: &str) -> Result<usize, usize> {
    if text.starts_with(RAW) {
        return raw_length(text);
    }
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'\r' | b'\n' => return Err(at),
            b'"' if !escaped => return Ok(at + 1),
            _ => escaped = byte == b'\\' && !escaped,
        }
    }
    Err(text.len())
}

/// The first three quotes on the line close it; up to two more directly after them belong to the token.
fn raw_length(text: &str) -> Result<usize, usize> {
    let mut quotes = 0;
    for (at, byte) in text.bytes().enumerate().skip(RAW.len()) {
        match byte {
            b'\r' | b'\n' if quotes < RAW.len() => return Err(at),
            b'"' if quotes < RAW.len() + 2 => quotes += 1,
            _ if quotes >= RAW.len() => return Ok(at),
            _ => quotes = 0,
        }
    }
    if quotes >= RAW.len() { Ok(text.len()) } else { Err(text.len()) }
}

/// The text that the string token `token` (quotes included, standing at byte `start`) means. Errors in its escapes go to `diagnostics`.
pub fn unquote(token: &str, start: usize, diagnostics: &mut Vec<Diagnostic>) -> String {
    if let Some(raw) = token.strip_prefix(RAW).and_then(|rest| rest.strip_suffix(RAW)) {
        return raw.to_owned();
    }
    let body = token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or("");
    let mut text = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.find('\\') {
        text.push_str(rest.get(..at).unwrap_or(""));
        let escape = rest.get(at..).unwrap_or("");
        let (character, length) = unescape(escape);
        match character {
            Ok(character) => text.push(character),
            Err(message) => {
                let from = start + 1 + body.len() - escape.len();
                diagnostics.push(
                    Diagnostic::new(Span::new(from, from + length), message)
                        .with_help("a backslash is written `\\\\`, or put the string in `\"\"\"…\"\"\"`"),
                );
            }
        }
        rest = escape.get(length..).unwrap_or("");
    }
    text.push_str(rest);
    text
}

/// The character that the escape at the beginning of `text` means, and the escape's bytes.
fn unescape(text: &str) -> (Result<char, String>, usize) {
    let Some(letter) = text.chars().nth(1) else {
        return (Err("a backslash needs something after it".to_owned()), text.len());
    };
    let character = match letter {
        'b' => '\u{8}',
        't' => '\t',
        'n' => '\n',
        'f' => '\u{c}',
        'r' => '\r',
        '"' | '\\' => letter,
        'u' => return unicode_escape(text),
        _ => return (Err(format!("`\\{letter}` is not an escape of EQL")), 1 + letter.len_utf8()),
    };
    (Ok(character), 2)
}

/// `\u{…}` with two to eight hexadecimal digits.
fn unicode_escape(text: &str) -> (Result<char, String>, usize) {
    let Some(body) = text.get(2..).and_then(|rest| rest.strip_prefix('{')) else {
        return (Err("`\\u` needs a number in braces, like `\\u{00e9}`".to_owned()), 2);
    };
    let count = body.bytes().take(9).take_while(u8::is_ascii_hexdigit).count();
    let digits = body.get(..count).unwrap_or("");
    let closed = body.get(count..).is_some_and(|rest| rest.starts_with('}'));
    if !(2..=8).contains(&count) || !closed {
        return (Err("`\\u{…}` takes two to eight hexadecimal digits".to_owned()), 3 + count);
    }
    let character = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
    (character.ok_or_else(|| format!("U+{digits} is not a Unicode character")), count + 4)
}

/// The name that a token in backticks means: a doubled backtick stands for one.
pub fn unquote_name(token: &str) -> String {
    let body = token.strip_prefix('`').unwrap_or(token);
    body.strip_suffix('`').unwrap_or(body).replace("``", "`")
}

/// `text` as a string token: in double quotes, escaped, on one line.
pub fn quote(text: &str) -> String {
    let mut token = String::with_capacity(text.len() + 2);
    token.push('"');
    for c in text.chars() {
        match c {
            '"' => token.push_str("\\\""),
            '\\' => token.push_str("\\\\"),
            '\n' => token.push_str("\\n"),
            '\r' => token.push_str("\\r"),
            '\t' => token.push_str("\\t"),
            c if c.is_control() => token.push_str(&format!("\\u{{{:02x}}}", u32::from(c))),
            c => token.push(c),
        }
    }
    token.push('"');
    token
}
