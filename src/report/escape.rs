//! Every string of a log is hostile: what it must become before a browser, a spreadsheet or a terminal sees it. It does not decide what is shown.
//!
//! One notation serves every target: a character that is invisible, or that reorders or moves what a reader sees, is written as a token between
//! `⟦` and `⟧` (`⟦\n⟧`, `⟦U+202E⟧`). A bracket that is itself part of the text becomes a token too, so that no log can forge one.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Longest text of a CSV cell, in bytes: OpenSearch keeps no keyword index above 32,766 bytes, and a spreadsheet cell ends at 32,767 characters.
pub const CELL_LIMIT: usize = 8 * 1024;

/// Writes text into HTML, element content and quoted attributes alike: askama's escaper for every `{{ … }}` of the report.
#[derive(Debug, Clone, Copy, Default)]
pub struct Html;

impl askama::filters::Escaper for Html {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        let mut plain = 0;
        for (at, character) in text.char_indices() {
            let Some(written) = html_token(character) else { continue };
            dest.write_str(text.get(plain..at).unwrap_or_default())?;
            dest.write_str(&written)?;
            plain = at + character.len_utf8();
        }
        dest.write_str(text.get(plain..).unwrap_or_default())
    }
}

/// `text` as HTML: markup characters as references, invisible ones as tokens.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    askama::filters::Escaper::write_escaped_str(&Html, &mut out, text).expect("a String takes every write");
    out
}

/// `text` as a terminal may print it: escape sequences, control, bidi and zero-width characters as tokens; nothing moves the cursor.
pub fn terminal(text: &str) -> Cow<'_, str> {
    visible(text)
}

/// `text` with every invisible or reordering character as a token.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unseen(character) {
            out.push_str(&token(character));
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

/// A cell of a CSV file, and whether a formula in it was disarmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvCell {
    /// The text to write.
    pub text: String,
    /// Whether `'` was put before it.
    pub neutralised: bool,
}

/// `text` as a CSV cell: on one line, at most [`CELL_LIMIT`] bytes (the rest is counted, not written), and, unless `raw`, with `'` before anything a
/// spreadsheet would run as a formula (OWASP's list: `=`, `+`, `-`, `@`, TAB, CR, LF, and their full-width forms; spaces and quotes before them do not help).
pub fn csv_cell(text: &str, raw: bool) -> CsvCell {
    let neutralised = !raw && starts_a_formula(text);
    let shown = visible(text);
    let mut cell = String::with_capacity(shown.len().min(CELL_LIMIT) + 32);
    if neutralised {
        cell.push('\'');
    }
    cell.push_str(&truncated(&shown, CELL_LIMIT, "see JSONL"));
    CsvCell { text: cell, neutralised }
}

/// At most `limit` bytes of `text`, cut between characters, and `…[+N bytes, hint]` when something was left out.
pub fn truncated<'a>(text: &'a str, limit: usize, hint: &str) -> Cow<'a, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let kept = text.get(..text.floor_char_boundary(limit)).unwrap_or_default();
    Cow::Owned(format!("{kept}…[+{} bytes, {hint}]", text.len() - kept.len()))
}

/// `203[.]0[.]113[.]7`, `hxxps[://]…`: an address or name that no mail client turns into a link.
pub fn defanged(text: &str) -> String {
    let text = text.replace("http://", "hxxp://").replace("https://", "hxxps://");
    text.replace("://", "[://]").replace('.', "[.]").replace("::", "[::]")
}

fn starts_a_formula(text: &str) -> bool {
    let inner = text.trim_start_matches([' ', '"', '\'', '\u{a0}']);
    matches!(
        inner.chars().next(),
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠')
    )
}

fn html_token(character: char) -> Option<Cow<'static, str>> {
    match character {
        '&' => Some("&amp;".into()),
        '<' => Some("&lt;".into()),
        '>' => Some("&gt;".into()),
        '"' => Some("&quot;".into()),
        '\'' => Some("&#39;".into()),
        other if is_unseen(other) => Some(token(other).into()),
        _ => None,
    }
}

fn token(character: char) -> String {
    match character {
        '\n' => "⟦\\n⟧".to_owned(),
        '\r' => "⟦\\r⟧".to_owned(),
        '\t' => "⟦\\t⟧".to_owned(),
        other => format!("⟦U+{:04X}⟧", u32::from(other)),
    }
}

/// Whether a reader would not see `character`, or see its neighbours in another order: controls, Unicode's bidi and zero-width formats, line and
/// paragraph separators, tag characters, blank Hangul fillers, non-characters; and our own brackets.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}'
            | '⟦' | '⟧')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_tags_become_text() {
        assert_eq!(
            html("</script><script>alert(1)</script>"),
            "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;"
        );
    }

    #[test]
    fn attribute_breakers_become_text() {
        assert_eq!(
            html(r#"" onmouseover='x' a="&quot;"#),
            "&quot; onmouseover=&#39;x&#39; a=&quot;&amp;quot;"
        );
    }

    #[test]
    fn reordering_and_invisible_characters_become_tokens() {
        for (attack, seen) in [
            ("invoice\u{202e}fdp.exe", "invoice⟦U+202E⟧fdp.exe"),
            ("\u{2066}a\u{2069}", "⟦U+2066⟧a⟦U+2069⟧"),
            ("mshta\u{200b}.exe", "mshta⟦U+200B⟧.exe"),
            ("\u{feff}x", "⟦U+FEFF⟧x"),
            ("a\0b\u{7f}\u{9b}31m", "a⟦U+0000⟧b⟦U+007F⟧⟦U+009B⟧31m"),
            ("forged ⟦U+202E⟧", "forged ⟦U+27E6⟧U+202E⟦U+27E7⟧"),
            ("\u{e0041}", "⟦U+E0041⟧"),
        ] {
            assert_eq!(visible(attack), seen);
            assert_eq!(html(attack), seen);
        }
        assert!(matches!(visible("plain ü 漢"), Cow::Borrowed(_)));
    }

    #[test]
    fn escape_sequences_do_not_reach_a_terminal() {
        assert_eq!(
            terminal("\u{1b}[2J\u{1b}]0;title\u{7}ok\r"),
            "⟦U+001B⟧[2J⟦U+001B⟧]0;title⟦U+0007⟧ok⟦\\r⟧"
        );
    }

    #[test]
    fn formulas_are_disarmed_and_said_so() {
        for attack in [
            "=cmd|' /C calc'!A0",
            "+1",
            "-1",
            "@SUM(1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "  =1",
            "\"=1",
            " '\"@x",
            "＝1",
        ] {
            let cell = csv_cell(attack, false);
            assert!(cell.neutralised && cell.text.starts_with('\''), "{attack:?} gave {cell:?}");
            assert!(!cell.text.contains(['\n', '\r', '\t']));
            assert!(!csv_cell(attack, true).neutralised);
        }
        for harmless in ["", "mshta.exe", "a=1", "C:\\-x", "\u{feff}=1"] {
            assert!(!csv_cell(harmless, false).neutralised, "{harmless:?}");
        }
        assert_eq!(csv_cell("=1", true).text, "=1");
    }

    #[test]
    fn a_long_cell_is_cut_between_characters_and_says_how_much_is_missing() {
        let long = "é".repeat(CELL_LIMIT);
        let cell = csv_cell(&long, false);
        assert_eq!(cell.text, format!("{}…[+{CELL_LIMIT} bytes, see JSONL]", "é".repeat(CELL_LIMIT / 2)));
        let odd = format!("a{long}");
        let text = csv_cell(&odd, false).text;
        assert!(
            text.starts_with("aé") && text.ends_with(&format!("…[+{} bytes, see JSONL]", CELL_LIMIT + 2))
        );
        assert_eq!(csv_cell(&"x".repeat(CELL_LIMIT), false).text.len(), CELL_LIMIT);
    }

    #[test]
    fn addresses_are_defanged() {
        assert_eq!(defanged("203.0.113.7:443"), "203[.]0[.]113[.]7:443");
        assert_eq!(defanged("https://evil.example/a"), "hxxps[://]evil[.]example/a");
        assert_eq!(defanged("2001:db8::1"), "2001:db8[::]1");
    }
}
