//! Lucene's regular expressions on the `regex` crate: anchored at both ends, every operator of RegExp.java (flags ALL) translated but `&` and `~`,
//! which are refused. It never backtracks, so no pattern takes exponential time.
//!
//! Facts: org.apache.lucene.util.automaton.RegExp. `^` and `$` are ordinary, `.` is any character, line breaks included. With `regex~` single letters
//! fold their ASCII case and ranges such as `[a-z]` do not (REGEXP_CHAR_RANGE ignores the flag).

use std::fmt;

/// How deep groups may nest.
const MAX_DEPTH: usize = 100;
/// The size of a compiled pattern, in bytes, above which it is refused.
const MAX_COMPILED_BYTES: usize = 8 << 20;
/// The largest repeat count: the `regex` crate would refuse larger ones by size anyway.
const MAX_REPEAT: u32 = 1_000;

/// A compiled Lucene pattern.
#[derive(Debug, Clone)]
pub struct Regexp {
    source: String,
    fold: bool,
    regex: regex::Regex,
}

impl PartialEq for Regexp {
    fn eq(&self, other: &Self) -> bool {
        (&self.source, self.fold) == (&other.source, other.fold)
    }
}

impl Regexp {
    /// Compiles `pattern`; `fold` is `regex~`. The error is one sentence: what is wrong and, where it helps, what to write.
    pub fn new(pattern: &str, fold: bool) -> Result<Self, String> {
        let body = translate(pattern, fold)?;
        let regex = regex::RegexBuilder::new(&format!(r"(?s)\A(?:{body})\z"))
            .size_limit(MAX_COMPILED_BYTES)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
                _ => "the pattern is not a valid regular expression".to_owned(),
            })?;
        Ok(Self { source: pattern.to_owned(), fold, regex })
    }

    /// Whether it was written `regex~`.
    pub fn folds(&self) -> bool {
        self.fold
    }

    /// Whether the whole of `value` has the pattern.
    pub fn matches(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }
}

/// The pattern as written.
impl fmt::Display for Regexp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.source)
    }
}

fn translate(pattern: &str, fold: bool) -> Result<String, String> {
    let mut translator = Translator { rest: pattern.chars().peekable(), fold, depth: 0, out: String::new() };
    if pattern.is_empty() {
        return Ok(String::new());
    }
    translator.union()?;
    match translator.rest.next() {
        None => Ok(translator.out),
        Some(extra) => Err(format!("`{extra}` has no counterpart in the pattern")),
    }
}

/// A recursive descent over RegExp.java's grammar: union, concatenation, repetition, simple expression.
struct Translator<'p> {
    rest: std::iter::Peekable<std::str::Chars<'p>>,
    fold: bool,
    depth: usize,
    out: String,
}

type Step = Result<(), String>;

impl Translator<'_> {
    fn union(&mut self) -> Step {
        self.concatenation()?;
        while self.take('|') {
            self.out.push('|');
            self.concatenation()?;
        }
        Ok(())
    }

    fn concatenation(&mut self) -> Step {
        self.repetition()?;
        while let Some(next) = self.rest.peek() {
            match next {
                ')' | '|' => break,
                '&' => return Err("the operator `&` (intersection) of Lucene is not supported".to_owned()),
                _ => self.repetition()?,
            }
        }
        Ok(())
    }

    fn repetition(&mut self) -> Step {
        let start = self.out.len();
        self.simple()?;
        loop {
            let suffix = match self.rest.peek() {
                Some('?') => "?".to_owned(),
                Some('*') => "*".to_owned(),
                Some('+') => "+".to_owned(),
                Some('{') => self.bounds()?,
                _ => return Ok(()),
            };
            if !suffix.starts_with('{') {
                self.rest.next();
            }
            self.out.insert_str(start, "(?:");
            self.out.push(')');
            self.out.push_str(&suffix);
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err("the pattern nests too deeply".to_owned());
            }
        }
    }

    /// `{n}`, `{n,}`, `{n,m}`.
    fn bounds(&mut self) -> Result<String, String> {
        self.rest.next();
        let least = self.number()?;
        let most = if self.take(',') {
            if self.rest.peek() == Some(&'}') { None } else { Some(self.number()?) }
        } else {
            Some(least)
        };
        if !self.take('}') {
            return Err("a repeat count needs a closing `}`".to_owned());
        }
        match most {
            Some(most) if most < least => Err("a repeat count ends before it begins".to_owned()),
            Some(most) => Ok(format!("{{{least},{most}}}")),
            None => Ok(format!("{{{least},}}")),
        }
    }

    fn number(&mut self) -> Result<u32, String> {
        let mut digits = String::new();
        while let Some(digit) = self.rest.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        match digits.parse() {
            Ok(count) if count <= MAX_REPEAT => Ok(count),
            _ => Err(format!("a repeat count is a number up to {MAX_REPEAT}")),
        }
    }

    fn simple(&mut self) -> Step {
        let Some(next) = self.rest.next() else {
            return Err("the pattern ends where an expression is expected".to_owned());
        };
        match next {
            '.' => self.out.push('.'),
            '@' => self.out.push_str("(?:.*)"),
            '#' => self.out.push_str(r"[^\s\S]"),
            '"' => return self.quoted(),
            '(' => return self.group(),
            '[' => return self.class(),
            '<' => return self.interval(),
            '\\' => return self.escape(),
            '~' => return Err("the operator `~` (complement) of Lucene is not supported".to_owned()),
            '?' | '*' | '+' | '{' | '|' | ')' | '&' => {
                return Err(format!(
                    "`{next}` has nothing before it to work on; write `\\{next}` for the character"
                ));
            }
            ordinary => self.literal(ordinary),
        }
        Ok(())
    }

    fn quoted(&mut self) -> Step {
        self.out.push_str("(?:");
        loop {
            match self.rest.next() {
                Some('"') => break,
                Some(character) => self.literal(character),
                None => return Err("a quoted part of the pattern has no closing `\"`".to_owned()),
            }
        }
        self.out.push(')');
        Ok(())
    }

    fn group(&mut self) -> Step {
        if self.take(')') {
            self.out.push_str("(?:)");
            return Ok(());
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("the pattern nests too deeply".to_owned());
        }
        self.out.push_str("(?:");
        self.union()?;
        self.out.push(')');
        self.depth -= 1;
        if self.take(')') { Ok(()) } else { Err("a group has no closing `)`".to_owned()) }
    }

    fn class(&mut self) -> Step {
        let opening = if self.take('^') { "[^" } else { "[" };
        self.out.push_str(opening);
        let mut empty = true;
        while !self.take(']') {
            let first = self.class_character()?;
            empty = false;
            if let ClassItem::One(first) = first
                && self.take('-')
            {
                if self.rest.peek() == Some(&']') {
                    self.class_literal(first);
                    self.class_literal('-');
                    continue;
                }
                let ClassItem::One(last) = self.class_character()? else {
                    return Err("a range in `[…]` ends in a class".to_owned());
                };
                if last < first {
                    return Err(format!("the range `{first}-{last}` ends before it begins"));
                }
                push_escaped(&mut self.out, first);
                self.out.push('-');
                push_escaped(&mut self.out, last);
            } else {
                match first {
                    ClassItem::One(one) => self.class_literal(one),
                    ClassItem::Class(class) => self.out.push_str(class),
                }
            }
        }
        if empty {
            return Err("`[]` is empty".to_owned());
        }
        self.out.push(']');
        Ok(())
    }

    fn class_character(&mut self) -> Result<ClassItem, String> {
        match self.rest.next() {
            None => Err("a class has no closing `]`".to_owned()),
            Some('\\') => match self.rest.next() {
                None => Err("the pattern ends in a backslash".to_owned()),
                Some(letter) => Ok(predefined(letter).map_or(ClassItem::One(letter), ClassItem::Class)),
            },
            Some(character) => Ok(ClassItem::One(character)),
        }
    }

    /// `<1-10>`: any whole number between the two, leading zeros allowed unless both bounds are written with as many digits.
    fn interval(&mut self) -> Step {
        let mut text = String::new();
        loop {
            match self.rest.next() {
                Some('>') => break,
                Some(character) => text.push(character),
                None => {
                    return Err(
                        "`<` opens a numeric interval that no `>` closes; write `\\<` for the character"
                            .to_owned(),
                    );
                }
            }
        }
        let bounds = text
            .split_once('-')
            .and_then(|(low, high)| Some((low, high, low.parse().ok()?, high.parse().ok()?)));
        let Some((low, high, least, most)) = bounds else {
            return Err(format!(
                "`<{text}>` is not a numeric interval such as `<1-10>`; write `\\<` for the character"
            ));
        };
        let (least, most): (u32, u32) = if least <= most { (least, most) } else { (most, least) };
        let digits = if low.len() == high.len() { Some(low.len()) } else { None };
        self.out.push_str(&super::interval::pattern(least, most, digits));
        Ok(())
    }

    fn escape(&mut self) -> Step {
        match self.rest.next() {
            None => Err("the pattern ends in a backslash".to_owned()),
            Some(letter) => {
                match predefined(letter) {
                    Some(class) => {
                        self.out.push('[');
                        self.out.push_str(class);
                        self.out.push(']');
                    }
                    None => self.literal(letter),
                }
                Ok(())
            }
        }
    }

    fn literal(&mut self, character: char) {
        if self.fold && character.is_ascii_alphabetic() {
            let (lower, upper) = (character.to_ascii_lowercase(), character.to_ascii_uppercase());
            self.out.extend(['[', lower, upper, ']']);
        } else {
            push_escaped(&mut self.out, character);
        }
    }

    fn class_literal(&mut self, character: char) {
        if self.fold && character.is_ascii_alphabetic() {
            self.out.extend([character.to_ascii_lowercase(), character.to_ascii_uppercase()]);
        } else {
            push_escaped(&mut self.out, character);
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        self.rest.next_if_eq(&wanted).is_some()
    }
}

enum ClassItem {
    One(char),
    Class(&'static str),
}

/// Lucene's predefined classes (RegExp.java, since 8.6), as the inside of a class of ours.
fn predefined(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "0-9",
        'D' => r"\x00-/:-\x{10FFFF}",
        's' => r"\t\n\r ",
        'S' => r"\x00-\x08\x0B\x0C\x0E-\x1F!-\x{10FFFF}",
        'w' => "0-9A-Za-z_",
        'W' => r"\x00-/:-@\[-\^`\{-\x{10FFFF}",
        _ => return None,
    })
}

fn push_escaped(out: &mut String, character: char) {
    if character.is_ascii() && !character.is_ascii_alphanumeric() {
        out.push_str(&format!(r"\x{:02X}", u32::from(character)));
    } else {
        out.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, value: &str, expected: bool) {
        let regexp = Regexp::new(pattern, false).expect("a valid pattern");
        assert_eq!(regexp.matches(value), expected, "{pattern} on {value:?}");
    }

    #[test]
    fn the_whole_value_is_matched() {
        check("net", "net.exe", false);
        check("net.*", "net.exe", true);
        check("a|bc", "bc", true);
        check("a|bc", "abc", false);
        check("", "", true);
    }

    #[test]
    fn what_is_special_elsewhere_is_ordinary_here() {
        check("^a$", "^a$", true);
        check("^a$", "a", false);
        check("a.b", "a\nb", true);
        check("a*?", "aa", true);
    }

    #[test]
    fn lucene_s_own_operators() {
        check("a@z", "a-\n-z", true);
        check("a|#", "a", true);
        check("#", "", false);
        check("\"a.*\"", "a.*", true);
        check("\"a.*\"", "abc", false);
        check("v<1-10>", "v7", true);
        check("v<1-10>", "v07", true);
        check("v<1-10>", "v11", false);
        check("v<01-10>", "v7", false);
        check("v<01-10>", "v07", true);
        check("()", "", true);
        check("(a|b){2,3}", "abab", false);
        check("(a|b){2,3}", "aba", true);
    }

    #[test]
    fn classes() {
        check(r"\w+\s\d", "ab_ 1", true);
        check(r"\W", "é", true);
        check(r"\D\S", "x-", true);
        check(r"[a-c^]", "^", true);
        check(r"[^a-c]", "b", false);
        check(r"[.\-\]]", "]", true);
        check(r"[a-]", "-", true);
        check(r"[&&]", "&", true);
    }

    #[test]
    fn insensitive_folds_letters_but_not_ranges() {
        let regexp = Regexp::new(r"[a-z]cmd[X]\.exe", true).expect("a valid pattern");
        assert!(regexp.matches("aCMDx.EXE"));
        assert!(Regexp::new("\"a.\"b", true).expect("a valid pattern").matches("A.B"));
        assert!(!regexp.matches("ACMDx.EXE"));
    }

    #[test]
    fn refusals_say_why() {
        for (pattern, part) in [
            ("a&b", "intersection"),
            ("~a", "complement"),
            ("*a", "nothing before it"),
            ("(a", "closing `)`"),
            ("a)", "no counterpart"),
            ("[a", "closing `]`"),
            ("a|", "ends where"),
            ("a{2,1}", "ends before"),
            ("a{5000}", "up to 1000"),
            ("<x>", "numeric interval"),
            ("[]", "empty"),
            ("a\\", "backslash"),
        ] {
            let error = Regexp::new(pattern, false).expect_err(pattern);
            assert!(error.contains(part), "{pattern}: {error}");
        }
        assert!(Regexp::new(&"(".repeat(10_000), false).is_err());
        assert!(Regexp::new(&format!("a{}", "?".repeat(10_000)), false).is_err());
        assert!(Regexp::new("((((a{900}){900}){900}){900})", false).is_err());
    }
}
