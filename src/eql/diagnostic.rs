//! What is wrong with a query, where, and what to do: facts in fields, the wording of the whole in one place, [`render`]. It writes to no terminal.

use std::fmt::Write;

use super::span::Span;

/// One error in a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The text it is about.
    pub span: Span,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// A way out, when there is one ("did you mean `process.name`?").
    pub help: Option<String>,
}

impl Diagnostic {
    /// `message` about `span`, without help.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: None }
    }

    /// The same with a way out.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Where a query's text stands in the file that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The text stands in the file as it is.
    Verbatim {
        /// The line of its first character, from 1.
        line: usize,
        /// The characters before it on that line.
        column: usize,
    },
    /// The text is escaped in the file, so every place in it is reported at this line, from 1.
    Line(usize),
}

impl Default for Origin {
    /// The text is the whole file.
    fn default() -> Self {
        Self::Verbatim { line: 1, column: 0 }
    }
}

/// The widest part of a source line that is shown, in columns.
const WINDOW: usize = 160;
/// How much of a longer line is shown before the error, in columns.
const LEAD: usize = 60;
const TAB: usize = 4;

/// The text for an analyst, `diagnostics` in their order, of the query `text` out of the file (or whatever it is called) `name`. Each has the form
///
/// ```text
/// name:line:column: error: message
///   |
/// 3 | process where pid = 4
///   |                   ^
///   = help: write `==`
/// ```
///
/// Lines and columns count from 1, columns in characters. A span over several lines is underlined to the end of its first. Control and other invisible
/// characters are made visible, so that the text is safe to print.
pub fn render(diagnostics: &[Diagnostic], name: &str, text: &str, origin: Origin) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        render_one(&mut out, diagnostic, name, text, origin);
    }
    out
}

fn render_one(out: &mut String, diagnostic: &Diagnostic, name: &str, text: &str, origin: Origin) {
    let place = Place::find(text, diagnostic.span);
    let (line, column) = match origin {
        Origin::Verbatim { line, column } if place.row == 0 => (line, Some(column + place.column)),
        Origin::Verbatim { line, .. } => (line + place.row, Some(place.column)),
        Origin::Line(line) => (line, None),
    };
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    let column = column.map(|column| format!(":{}", column + 1)).unwrap_or_default();
    let (source, underline) = excerpt(&place);
    let mut lines =
        format!("{}:{line}{column}: error: {}\n", printable(name), printable(&diagnostic.message));
    lines.push_str(&format!("{margin} |\n{number} | {source}\n{margin} | {underline}\n"));
    if let Some(help) = &diagnostic.help {
        lines.push_str(&format!("{margin} = help: {}\n", printable(help)));
    }
    out.push_str(&lines);
}

/// A span's place in a text: the line it begins on, cut in three.
struct Place<'a> {
    /// The line's number from 0.
    row: usize,
    /// The characters before the span on its line.
    column: usize,
    before: &'a str,
    marked: &'a str,
    after: &'a str,
}

impl<'a> Place<'a> {
    fn find(text: &'a str, span: Span) -> Self {
        let start = floor(text, span.start);
        let (head, tail) = text.split_at(start);
        let line_start = head.rfind('\n').map_or(0, |at| at + 1);
        let line_end = tail.find('\n').map_or(text.len(), |at| start + at);
        let before = head.get(line_start..).unwrap_or("");
        let line_rest = text.get(start..line_end).unwrap_or("");
        let line_rest = line_rest.strip_suffix('\r').unwrap_or(line_rest);
        let length = span.end.max(start) - start;
        let (marked, after) = line_rest.split_at(floor(line_rest, length));
        let row = head.bytes().filter(|byte| *byte == b'\n').count();
        Self { row, column: before.chars().count(), before, marked, after }
    }
}

/// The nearest character boundary of `text` at or before `position`.
fn floor(text: &str, position: usize) -> usize {
    let mut position = position.min(text.len());
    while !text.is_char_boundary(position) {
        position -= 1;
    }
    position
}

/// The line as shown and the carets under it; of a long line the part around the error.
fn excerpt(place: &Place<'_>) -> (String, String) {
    let all = || place.before.chars().chain(place.marked.chars()).chain(place.after.chars());
    let hidden = if all().nth(WINDOW).is_none() { 0 } else { place.column.saturating_sub(LEAD) };
    let mut row = Row::default();
    if hidden > 0 {
        row.push('…');
    }
    place.before.chars().skip(hidden).for_each(|c| row.push(c));
    let indent = row.width;
    let mut rest = place.marked.chars();
    rest.by_ref().take(WINDOW).for_each(|c| row.push(c));
    let marked = (row.width - indent).max(1);
    let mut rest = rest.chain(place.after.chars());
    rest.by_ref().take(WINDOW.saturating_sub(row.width)).for_each(|c| row.push(c));
    if rest.next().is_some() {
        row.push('…');
    }
    (row.text.trim_end().to_owned(), format!("{}{}", " ".repeat(indent), "^".repeat(marked)))
}

/// A line being shown.
#[derive(Default)]
struct Row {
    text: String,
    /// In columns of a terminal.
    width: usize,
}

impl Row {
    fn push(&mut self, c: char) {
        if c == '\t' {
            let width = TAB - self.width % TAB;
            self.text.push_str(&" ".repeat(width));
            self.width += width;
            return;
        }
        let start = self.text.len();
        push_visible(&mut self.text, c);
        let added = self.text.get(start..).map_or(0, |text| text.chars().count());
        self.width += if added == 1 { width(c) } else { added };
    }
}

/// `text` on one line, with invisible characters made visible.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| push_visible(&mut out, c));
    out
}

/// ASCII control characters as Unicode's pictures of them, other invisible ones by their number.
fn push_visible(out: &mut String, c: char) {
    match c {
        '\u{0}'..='\u{1f}' => out.extend(char::from_u32(0x2400 + u32::from(c))),
        '\u{7f}' => out.push('\u{2421}'),
        c if c.is_control() || is_format(c) => {
            // Writing to a string cannot fail.
            let _ = write!(out, "<U+{:04X}>", u32::from(c));
        }
        c => out.push(c),
    }
}

/// Characters without a shape of their own: zero-width, direction marks, line separators, tags (Unicode categories Cf, Zl, Zp).
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Columns that a visible character takes: none for combining marks, two for East Asian wide ones (Unicode's EastAsianWidth, by block).
fn width(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, start: usize, end: usize) -> String {
        render(&[Diagnostic::new(Span::new(start, end), "wrong")], "q.eql", text, Origin::default())
    }

    #[test]
    fn it_names_the_place_and_underlines_the_span() {
        let text = "process where\n  pid = 4";
        let diagnostic = Diagnostic::new(Span::new(20, 21), "`=` does not compare").with_help("write `==`");
        let rendered = render(&[diagnostic], "q.eql", text, Origin::default());
        let expected =
            "q.eql:2:7: error: `=` does not compare\n  |\n2 |   pid = 4\n  |       ^\n  = help: write `==`\n";
        assert_eq!(rendered, expected);
    }

    #[test]
    fn an_origin_moves_lines_and_the_first_lines_columns() {
        let text = "ab\ncd";
        let diagnostics = [Diagnostic::new(Span::new(1, 2), "x"), Diagnostic::new(Span::new(4, 5), "y")];
        let rendered = render(&diagnostics, "r.toml", text, Origin::Verbatim { line: 9, column: 10 });
        assert!(rendered.starts_with("r.toml:9:12: error: x\n"), "{rendered}");
        assert!(rendered.contains("r.toml:10:2: error: y\n"), "{rendered}");
        let rendered = render(&diagnostics, "r.toml", text, Origin::Line(7));
        assert!(rendered.starts_with("r.toml:7: error: x\n"), "{rendered}");
    }

    #[test]
    fn tabs_wide_and_control_characters_keep_the_carets_in_line() {
        assert!(shown("\tab", 1, 3).ends_with("1 |     ab\n  |     ^^\n"));
        assert!(shown("日本x", 6, 7).contains(":1:3: error"), "columns count characters");
        assert!(shown("日本x", 6, 7).ends_with("1 | 日本x\n  |     ^\n"), "carets count columns");
        let hostile = shown("a\u{1b}[31m\u{202e}b", 9, 10);
        assert!(hostile.ends_with("1 | a␛[31m<U+202E>b\n  |               ^\n"), "{hostile}");
        assert!(!hostile.contains('\u{1b}'));
    }

    #[test]
    fn a_span_past_the_end_or_inside_a_character_is_harmless() {
        assert!(shown("ab", 2, 2).ends_with("1 | ab\n  |   ^\n"));
        assert!(shown("é", 1, 900).contains('^'));
        assert!(shown("", 5, 3).contains("q.eql:1:1"));
        assert!(shown("ab\ncd", 0, 5).ends_with("1 | ab\n  | ^^\n"), "underlined to the line's end");
    }

    #[test]
    fn a_long_line_is_cut_around_the_error() {
        let text = format!("{}ERR{}", "a".repeat(5_000), "b".repeat(5_000));
        let rendered = shown(&text, 5_000, 5_003);
        let lines: Vec<&str> = rendered.lines().collect();
        assert!(lines[2].chars().count() < 200);
        let caret = lines[3].chars().position(|c| c == '^').expect("a caret");
        let marked: String = lines[2].chars().skip(caret).take(3).collect();
        assert_eq!(marked, "ERR");
    }
}
