//! Wildcard patterns over a whole value: `*` any run of characters, `?` exactly one. No pattern takes more than value × pattern steps.
//!
//! Case folding is ASCII only, as in Elasticsearch's indexed queries (AutomatonQueries): folding by Unicode is left to scripts.

use std::fmt;

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Wildcard {
    source: Box<str>,
    fold: bool,
    /// What stands between the stars; one segment when there is no star.
    segments: Vec<Segment>,
}

/// A run without stars: it matches a fixed number of characters.
#[derive(Debug, Clone, PartialEq, Default)]
struct Segment {
    pieces: Vec<Piece>,
    characters: usize,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    One,
}

impl Wildcard {
    /// The pattern of `:`, `like` and `like~`: a backslash is an ordinary character. `fold` ignores ASCII case.
    pub fn new(pattern: &str, fold: bool) -> Self {
        Self::compile(pattern, fold, false)
    }

    /// A Lucene wildcard query, where a backslash makes the next character ordinary: what `endsWith` and `stringContains` with a constant become
    /// (QueryTranslator.CaseInsensitiveScalarFunctions inserts the constant unescaped).
    pub fn lucene(pattern: &str, fold: bool) -> Self {
        Self::compile(pattern, fold, true)
    }

    /// A pattern that holds for values that begin with `prefix`, in which nothing is special.
    pub fn prefix(prefix: &str, fold: bool) -> Self {
        let mut first = Segment::default();
        prefix.chars().for_each(|character| first.push(character));
        Self { source: format!("{prefix}…").into(), fold, segments: vec![first, Segment::default()] }
    }

    /// The texts that stand somewhere in every value with the pattern, if only in another case where that is ignored.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().flat_map(|segment| &segment.pieces).filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::One => None,
        })
    }

    /// Whether ASCII case is ignored.
    pub fn folds(&self) -> bool {
        self.fold
    }

    fn compile(pattern: &str, fold: bool, escapes: bool) -> Self {
        let mut segments = Vec::new();
        let mut current = Segment::default();
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            match character {
                '*' => segments.push(std::mem::take(&mut current)),
                '?' => current.push_one(),
                '\\' if escapes => current.push(characters.next().unwrap_or('\\')),
                other => current.push(other),
            }
        }
        segments.push(current);
        Self { source: pattern.into(), fold, segments }
    }

    /// Whether the whole of `value` has the pattern.
    pub fn matches(&self, value: &str) -> bool {
        let Some((first, rest)) = self.segments.split_first() else { return false };
        let Some(mut at) = first.match_at(value, 0, self.fold) else { return false };
        let Some((last, middle)) = rest.split_last() else { return at == value.len() };
        for segment in middle {
            match segment.find(value, at, self.fold) {
                Some(end) => at = end,
                None => return false,
            }
        }
        match last.start_at_end_of(value) {
            Some(start) => start >= at && last.match_at(value, start, self.fold).is_some(),
            None => false,
        }
    }
}

impl Segment {
    fn push(&mut self, character: char) {
        self.characters += 1;
        if let Some(Piece::Text(text)) = self.pieces.last_mut() {
            text.push(character);
        } else {
            self.pieces.push(Piece::Text(character.to_string()));
        }
    }

    fn push_one(&mut self) {
        self.characters += 1;
        self.pieces.push(Piece::One);
    }

    /// Where the segment ends when it stands at byte `at`.
    fn match_at(&self, value: &str, mut at: usize, fold: bool) -> Option<usize> {
        for piece in &self.pieces {
            let rest = value.get(at..)?;
            at += match piece {
                Piece::One => rest.chars().next()?.len_utf8(),
                Piece::Text(text) => {
                    let head = rest.as_bytes().get(..text.len())?;
                    let same = if fold {
                        head.eq_ignore_ascii_case(text.as_bytes())
                    } else {
                        head == text.as_bytes()
                    };
                    if !same {
                        return None;
                    }
                    text.len()
                }
            };
        }
        Some(at)
    }

    /// Where the first occurrence at or after byte `from` ends.
    fn find(&self, value: &str, from: usize, fold: bool) -> Option<usize> {
        let rest = value.get(from..)?;
        if let [Piece::Text(text)] = self.pieces.as_slice()
            && !fold
        {
            return rest.find(text.as_str()).map(|found| from + found + text.len());
        }
        rest.char_indices()
            .map(|(offset, _)| from + offset)
            .chain(std::iter::once(value.len()))
            .find_map(|start| self.match_at(value, start, fold))
    }

    /// The byte at which the last `characters` characters of `value` begin.
    fn start_at_end_of(&self, value: &str) -> Option<usize> {
        match self.characters.checked_sub(1) {
            None => Some(value.len()),
            Some(back) => value.char_indices().nth_back(back).map(|(at, _)| at),
        }
    }
}

/// The pattern as written.
impl fmt::Display for Wildcard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, value: &str, expected: bool) {
        assert_eq!(Wildcard::new(pattern, false).matches(value), expected, "{pattern:?} on {value:?}");
    }

    #[test]
    fn stars_and_question_marks() {
        check("*", "", true);
        check("?*", "", false);
        check("a*b*c", "a--b--c", true);
        check("a*b*c", "abcb", false);
        check("*ab", "aab", true);
        check("ab*ab", "ab", false);
        check("ab*ba", "aba", false);
        check("?:\\*", "C:\\x", true);
        check("?", "é", true);
        check("*é?", "xéy", true);
        check("line1*line2", "line1\nline2", true);
        check("", "", true);
        check("", "a", false);
        check("**a", "a", true);
    }

    #[test]
    fn folding_is_ascii_only() {
        assert!(Wildcard::new("WHO*É", true).matches("whoamiÉ"));
        assert!(!Wildcard::new("WHO*É", true).matches("whoamié"));
    }

    #[test]
    fn lucene_patterns_escape() {
        assert!(Wildcard::lucene("*\\*x", false).matches("a*x"));
        assert!(!Wildcard::lucene("*\\*x", false).matches("abx"));
        assert!(Wildcard::lucene("*\\cmd", false).matches("xcmd"));
        assert!(Wildcard::prefix("a*", false).matches("a*b"));
        assert!(!Wildcard::prefix("a*", false).matches("ab"));
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = "a*".repeat(200) + "b";
        assert!(!Wildcard::new(&pattern, true).matches(&"a".repeat(5_000)));
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_a_regex(pattern in "[ab?*]{0,8}", value in "[abA]{0,10}", fold: bool) {
            let flags = if fold { "(?si)" } else { "(?s)" };
            let body = pattern.replace('*', ".*").replace('?', ".");
            let regex = regex::Regex::new(&format!(r"{flags}\A{body}\z")).expect("a pattern of letters and dots");
            proptest::prop_assert_eq!(Wildcard::new(&pattern, fold).matches(&value), regex.is_match(&value));
        }
    }
}
