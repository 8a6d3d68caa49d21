//! Where objects begin and end in text that comes piece by piece: brackets are counted outside strings. It reads no value.

use std::ops::Range;

/// Deepest nesting that is followed; no exported event comes near it.
const MAX_DEPTH: usize = 64;
/// Bytes of a broken object that are looked through again for an object that begins in it: what a record of 64 KiB can take as JSON. The limit keeps
/// hostile text from being read over and over.
const LOOK_BACK: usize = 1 << 20;

/// Cuts objects out of text. Offsets are those of the text that was seen last.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    /// The next byte to look at.
    at: usize,
    line: Line,
    open: Option<Open>,
    /// Whether an object was broken, so that the next one begins where a line does.
    lost: bool,
}

/// How far the present line is.
#[derive(Debug, Clone, Copy)]
struct Line {
    column: usize,
    /// Whether nothing stood in it but blanks, commas and an array's bracket: an object here begins its line.
    fresh: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self { column: 0, fresh: true }
    }
}

impl Cutter {
    /// Passes over what stands before `at`, unless more was seen already.
    pub(super) fn begin_at(&mut self, at: usize) {
        if self.open.is_none() {
            self.at = self.at.max(at);
        }
    }

    /// The objects that end in `text` behind what the last call saw; broken ones, which no parser takes, are among them.
    pub(super) fn cut(&mut self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        while let Some(&byte) = text.as_bytes().get(self.at) {
            let Some(open) = &mut self.open else {
                self.look(byte);
                continue;
            };
            let start = open.start;
            match open.step(byte, self.at, self.line) {
                Step::Goes => self.advance(byte),
                Step::Ends => {
                    self.open = None;
                    self.advance(byte);
                    found.push(start..self.at);
                }
                Step::Breaks => {
                    let broken = self.break_off();
                    self.lost = broken.is_none();
                    found.push(broken.unwrap_or(start..self.at));
                }
            }
        }
        found
    }

    /// Gives up the open object. Where another begins in it, the text before that is returned, and the next [`Cutter::cut`] goes on from there.
    pub(super) fn break_off(&mut self) -> Option<Range<usize>> {
        let open = self.open.take()?;
        let near = self.at.saturating_sub(open.start) <= LOOK_BACK;
        let (at, line) = open.again.filter(|_| near)?;
        self.at = at;
        self.line = line;
        Some(open.start..at)
    }

    /// Gives up the open object and all that stands before the next line that begins one.
    pub(super) fn pass_over(&mut self) {
        self.open = None;
        self.lost = true;
    }

    /// How many bytes of an object that has not ended were seen; 0 when none is open.
    pub(super) fn open_bytes(&self) -> usize {
        self.open.as_ref().map_or(0, |open| self.at.saturating_sub(open.start))
    }

    /// How many bytes of the text are done with. The next text is to begin behind them.
    pub(super) fn settle(&mut self) -> usize {
        let used = self.open.as_ref().map_or(self.at, |open| open.start);
        self.at = self.at.saturating_sub(used);
        if let Some(open) = &mut self.open {
            open.start = 0;
            open.again = open.again.map(|(at, line)| (at.saturating_sub(used), line));
        }
        used
    }

    /// Looks for an object's beginning. Its bracket is the first byte that the object itself is shown.
    fn look(&mut self, byte: u8) {
        if byte == b'{' && (self.line.fresh || !self.lost) {
            self.lost = false;
            self.open = Some(Open::new(self.at, self.line.column));
        } else {
            self.advance(byte);
        }
    }

    fn advance(&mut self, byte: u8) {
        self.at = self.at.saturating_add(1);
        if byte == b'\n' {
            self.line = Line::default();
        } else {
            self.line.column = self.line.column.saturating_add(1);
            self.line.fresh &= matches!(byte, b' ' | b'\t' | b'\r' | b',' | b'[');
        }
    }
}

/// An object whose end is not found yet.
#[derive(Debug)]
struct Open {
    start: usize,
    column: usize,
    /// The closing brackets that are due.
    due: Vec<u8>,
    inside: Inside,
    /// The last byte that was neither blank nor in a string.
    before: u8,
    /// The first object in it that begins its line, no further to the right: where to go on should this one be broken.
    again: Option<(usize, Line)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Value,
    String,
    Escape,
}

/// What a byte does to the open object.
enum Step {
    Goes,
    Ends,
    Breaks,
}

impl Open {
    fn new(start: usize, column: usize) -> Self {
        Self { start, column, due: Vec::new(), inside: Inside::Value, before: b':', again: None }
    }

    /// Takes the `byte` at `at`, which stands so far in its `line`. A line's end in a string breaks the object: JSON has none there.
    fn step(&mut self, byte: u8, at: usize, line: Line) -> Step {
        match (self.inside, byte) {
            (Inside::String | Inside::Escape, b'\n') => return Step::Breaks,
            (Inside::Escape, _) | (Inside::Value, b'"') => self.inside = Inside::String,
            (Inside::String, b'"') => self.inside = Inside::Value,
            (Inside::String, b'\\') => self.inside = Inside::Escape,
            (Inside::String, _) => {}
            (Inside::Value, b'{') => {
                if line.fresh && line.column <= self.column && at > self.start {
                    self.again.get_or_insert((at, line));
                }
                return self.deeper(byte, b'}');
            }
            (Inside::Value, b'[') => return self.deeper(byte, b']'),
            (Inside::Value, b'}' | b']') => {
                if self.due.pop() != Some(byte) {
                    return Step::Breaks;
                }
                if self.due.is_empty() {
                    return Step::Ends;
                }
            }
            (Inside::Value, _) => {}
        }
        if !byte.is_ascii_whitespace() {
            self.before = byte;
        }
        Step::Goes
    }

    /// A bracket opens where a value may stand, or breaks the object: the end of a line is missing, and the next object begins.
    fn deeper(&mut self, byte: u8, closing: u8) -> Step {
        let is_next = self.before == b',' && self.due.last() == Some(&b']');
        if !(is_next || matches!(self.before, b':' | b'[')) || self.due.len() >= MAX_DEPTH {
            return Step::Breaks;
        }
        self.before = byte;
        self.due.push(closing);
        Step::Goes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is cut out of `text` when it comes whole, and in pieces of every size.
    #[track_caller]
    fn cut(text: &str) -> Vec<&str> {
        let mut cutter = Cutter::default();
        let whole: Vec<&str> = cutter.cut(text).into_iter().map(|range| &text[range]).collect();
        for size in 1..text.len().min(9) {
            let (mut cutter, mut kept, mut found) = (Cutter::default(), String::new(), Vec::new());
            for part in text.as_bytes().chunks(size) {
                kept.push_str(str::from_utf8(part).expect("the tests are ASCII"));
                found.extend(cutter.cut(&kept).into_iter().map(|range| kept[range].to_owned()));
                kept.drain(..cutter.settle());
            }
            assert_eq!(found, whole, "in pieces of {size}");
        }
        whole
    }

    #[test]
    fn objects_are_found_between_anything() {
        assert_eq!(cut(r#"{"a":{}} {"b":[1,{"}":"{\"\\"}]}"#), [r#"{"a":{}}"#, r#"{"b":[1,{"}":"{\"\\"}]}"#]);
        assert_eq!(cut("[\n  {\"a\":1},\n  {\"b\":2}\n]"), ["{\"a\":1}", "{\"b\":2}"]);
        assert_eq!(cut("Record 1\n{\n  \"a\": [\n    {}\n  ]\n}\nRecord 2\n{}").len(), 2);
        assert_eq!(cut("[[[[ 1, null"), [""; 0]);
    }

    #[test]
    fn a_broken_object_ends_where_the_next_line_begins_one() {
        for broken in [
            r#"{"a":"#,
            r#"{"a":{"b":1,"#,
            r#"{"a":"x"#,
            r#"{"a":["#,
            r#"{"a":[{},"#,
            r#"{"a":[1}}"#,
            r#"{"a":"\"#,
        ] {
            let text = format!("{{\"n\":0}}\n{broken}\n{{\"n\":1}}\n{{\"n\":2}}\n");
            let found = cut(&text);
            let good: Vec<_> = found.iter().filter(|found| found.starts_with("{\"n\"")).collect();
            assert_eq!((good.len(), found.len()), (3, 4), "{broken}: {found:?}");
            assert!(found[1].starts_with(broken.trim_end()) || broken.starts_with(found[1]), "{found:?}");
        }
    }

    #[test]
    fn nesting_is_followed_only_so_far() {
        let deep = format!("{{\"a\":{}\n{{\"n\":1}}", "[".repeat(100_000));
        let mut cutter = Cutter::default();
        let found = cutter.cut(&deep);
        assert_eq!((found.len(), &deep[found[1].clone()]), (2, "{\"n\":1}"));
    }
}
