//! Text → tokens. The tokens, white space and comments among them, stand end to end and cover the text exactly. It knows no grammar.
//!
//! The words and signs are those of Elasticsearch's EqlBase.g4; what older versions had (`'…'`, `?"…"`) is recognised only to be refused.

use super::diagnostic::Diagnostic;
use super::span::Span;

pub mod strings;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Spaces, tabs, line breaks.
    Whitespace,
    /// `// …` or `/* … */`.
    Comment,
    /// Characters that EQL has no use for; already reported.
    Unknown,
    /// `process`, `@timestamp`.
    Identifier,
    /// A name in backticks.
    QuotedIdentifier,
    /// `startsWith~`: a name with its tilde.
    TildeIdentifier,
    /// `42`
    Integer,
    /// `1.5`, `.5`, `1e10`
    Decimal,
    /// `"…"` or `"""…"""`.
    String,
    /// `and`
    And,
    /// `any`
    Any,
    /// `by`
    By,
    /// `false`
    False,
    /// `in`
    In,
    /// `in~`
    InTilde,
    /// `join`
    Join,
    /// `like`
    Like,
    /// `like~`
    LikeTilde,
    /// `maxspan`
    MaxSpan,
    /// `not`
    Not,
    /// `null`
    Null,
    /// `of`
    Of,
    /// `or`
    Or,
    /// `regex`
    Regex,
    /// `regex~`
    RegexTilde,
    /// `sample`
    Sample,
    /// `sequence`
    Sequence,
    /// `true`
    True,
    /// `until`
    Until,
    /// `where`
    Where,
    /// `with`
    With,
    /// `![`
    MissingOpen,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<=`
    LessOrEqual,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `>`
    Greater,
    /// `=`
    Assign,
    /// `:`
    Colon,
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Star,
    /// `/`
    Slash,
    /// `%`
    Percent,
    /// `.`
    Dot,
    /// `,`
    Comma,
    /// `[`
    LeftBracket,
    /// `]`
    RightBracket,
    /// `(`
    LeftParen,
    /// `)`
    RightParen,
    /// `|`
    Pipe,
    /// `?`
    Question,
    /// The end of the text; the lexer never makes it, the parser sees it.
    End,
}

const KEYWORDS: [(&str, Kind); 22] = [
    ("and", Kind::And),
    ("any", Kind::Any),
    ("by", Kind::By),
    ("false", Kind::False),
    ("in", Kind::In),
    ("in~", Kind::InTilde),
    ("join", Kind::Join),
    ("like", Kind::Like),
    ("like~", Kind::LikeTilde),
    ("maxspan", Kind::MaxSpan),
    ("not", Kind::Not),
    ("null", Kind::Null),
    ("of", Kind::Of),
    ("or", Kind::Or),
    ("regex", Kind::Regex),
    ("regex~", Kind::RegexTilde),
    ("sample", Kind::Sample),
    ("sequence", Kind::Sequence),
    ("true", Kind::True),
    ("until", Kind::Until),
    ("where", Kind::Where),
    ("with", Kind::With),
];

/// Longer signs first: the first that fits is taken.
const SIGNS: [(&str, Kind); 22] = [
    ("![", Kind::MissingOpen),
    ("==", Kind::Equal),
    ("!=", Kind::NotEqual),
    ("<=", Kind::LessOrEqual),
    (">=", Kind::GreaterOrEqual),
    ("<", Kind::Less),
    (">", Kind::Greater),
    ("=", Kind::Assign),
    (":", Kind::Colon),
    ("+", Kind::Plus),
    ("-", Kind::Minus),
    ("*", Kind::Star),
    ("/", Kind::Slash),
    ("%", Kind::Percent),
    (".", Kind::Dot),
    (",", Kind::Comma),
    ("[", Kind::LeftBracket),
    ("]", Kind::RightBracket),
    ("(", Kind::LeftParen),
    (")", Kind::RightParen),
    ("|", Kind::Pipe),
    ("?", Kind::Question),
];

/// Signs of other languages: the sign, the token it is read as so that the rest can be checked, and the way out.
const FOREIGN_SIGNS: [(&str, Kind, &str); 5] = [
    ("&&", Kind::And, "write `and`"),
    ("||", Kind::Or, "write `or`"),
    ("<>", Kind::NotEqual, "write `!=`"),
    ("!:", Kind::Colon, "write `not field : …`"),
    ("!", Kind::Not, "write `not`"),
];

impl Kind {
    /// Whether the parser passes over it.
    pub fn is_trivia(self) -> bool {
        matches!(self, Self::Whitespace | Self::Comment | Self::Unknown)
    }

    /// The keyword it is, as written in a query; `None` for anything else.
    pub fn keyword(self) -> Option<&'static str> {
        KEYWORDS.iter().find(|(_, kind)| *kind == self).map(|(word, _)| *word)
    }
}

/// Whether `word` can stand in a query as a name without backticks: of the form of an identifier and no keyword.
pub fn is_plain_name(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(starts_word)
        && chars.all(continues_word)
        && !KEYWORDS.iter().any(|(keyword, _)| *keyword == word)
}

/// A token and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// The bytes it covers.
    pub span: Span,
}

/// A text's tokens and what is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lexed {
    /// All tokens, end to end.
    pub tokens: Vec<Token>,
    /// The errors, in the text's order.
    pub diagnostics: Vec<Diagnostic>,
    /// Where a string, name or comment begins that is never closed and so has swallowed what follows.
    pub unclosed: Option<usize>,
}

/// The tokens of `text`. It never fails: what cannot be read is a [`Kind::Unknown`] token and a diagnostic.
pub fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer { text, position: 0, lexed: Lexed::default() };
    while !lexer.rest().is_empty() {
        let start = lexer.position;
        let kind = lexer.token();
        lexer.lexed.tokens.push(Token { kind, span: Span::new(start, lexer.position) });
    }
    lexer.lexed
}

struct Lexer<'a> {
    text: &'a str,
    position: usize,
    lexed: Lexed,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or("")
    }

    /// Moves past what `take` accepts, from here on.
    fn skip_while(&mut self, take: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.position += rest.find(|c| !take(c)).unwrap_or(rest.len());
    }

    fn report(&mut self, start: usize, message: impl Into<String>, help: &str) {
        let diagnostic = Diagnostic::new(Span::new(start, self.position), message).with_help(help);
        self.lexed.diagnostics.push(diagnostic);
    }

    /// Reports something never closed; nothing after `start` can be trusted.
    fn unclosed(&mut self, start: usize, message: &str, help: &str) {
        self.report(start, message, help);
        self.lexed.unclosed.get_or_insert(start);
    }

    /// Reads one token, at least one character.
    fn token(&mut self) -> Kind {
        let rest = self.rest();
        match rest.chars().next() {
            Some(' ' | '\t' | '\r' | '\n') => {
                self.skip_while(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
                Kind::Whitespace
            }
            Some('/') if rest.starts_with("//") => {
                self.skip_while(|c| !matches!(c, '\r' | '\n'));
                Kind::Comment
            }
            Some('/') if rest.starts_with("/*") => self.block_comment(),
            Some('"') => self.string(),
            Some('\'') => self.foreign_string('\''),
            Some('?') if rest.starts_with("?\"") => self.foreign_string('"'),
            Some('?') if rest.starts_with("?'") => self.foreign_string('\''),
            Some('`') => self.quoted_identifier(),
            Some(c) if c.is_ascii_digit() => self.number(),
            Some('.') if rest.get(1..).is_some_and(starts_with_digit) => self.number(),
            Some(c) if starts_word(c) || c.is_alphabetic() => self.word(),
            Some('“' | '„') => self.typographic_string(),
            _ => self.sign(),
        }
    }

    /// Comments nest. One that is opened more often than closed ends at the last `*/` there is, as ANTLR's longest match does.
    fn block_comment(&mut self) -> Kind {
        let start = self.position;
        let mut depth = 0_usize;
        let mut last_close = None;
        loop {
            let rest = self.rest();
            let Some(at) = rest.find(['/', '*']) else { break };
            let found = rest.get(at..).unwrap_or("");
            if found.starts_with("/*") {
                depth += 1;
                self.position += at + 2;
            } else if found.starts_with("*/") {
                depth -= 1;
                self.position += at + 2;
                last_close = Some(self.position);
                if depth == 0 {
                    return Kind::Comment;
                }
            } else {
                self.position += at + 1;
            }
        }
        self.position = last_close.unwrap_or(self.text.len());
        if last_close.is_none() {
            self.unclosed(start, "this comment is never closed", "close it with `*/`");
        }
        Kind::Comment
    }

    fn string(&mut self) -> Kind {
        let start = self.position;
        let raw = self.rest().starts_with("\"\"\"");
        match strings::length(self.rest()) {
            Ok(length) => {
                self.position += length;
                let token = self.text.get(start..self.position).unwrap_or("");
                strings::unquote(token, start, &mut self.lexed.diagnostics);
            }
            Err(length) => {
                self.position += length;
                let help = if raw {
                    "close it with `\"\"\"` on the same line"
                } else {
                    "close it with `\"` on the same line; a line break is written `\\n`, a quote `\\\"`"
                };
                self.unclosed(start, "this string is never closed", help);
            }
        }
        Kind::String
    }

    /// `'…'`, `?"…"`, `?'…'`: strings of EQL before Elasticsearch, read as strings so that the rest can be checked.
    fn foreign_string(&mut self, quote: char) -> Kind {
        let start = self.position;
        let body = start + usize::from(self.rest().starts_with('?')) + 1;
        self.position = body;
        let mut escaped = false;
        let mut closed = false;
        for (at, c) in self.rest().char_indices() {
            if matches!(c, '\r' | '\n') {
                break;
            }
            self.position = body + at + c.len_utf8();
            if c == quote && !escaped {
                closed = true;
                break;
            }
            escaped = c == '\\' && !escaped;
        }
        let help = "write `\"…\"`, or `\"\"\"…\"\"\"` to keep backslashes as they are";
        let message = if body == start + 1 {
            "strings in single quotes are not part of EQL any more"
        } else {
            "`?` before a string is not part of EQL any more"
        };
        if closed {
            self.report(start, message, help)
        } else {
            self.unclosed(start, message, help)
        }
        Kind::String
    }

    /// A string that a word processor has put into other quotes.
    fn typographic_string(&mut self) -> Kind {
        let start = self.position;
        self.skip_while(|c| !matches!(c, '”' | '"' | '\r' | '\n'));
        let close = self.rest().chars().next().filter(|c| matches!(c, '”' | '"'));
        self.position += close.map_or(0, char::len_utf8);
        self.report(start, "strings stand in straight quotes", "write `\"…\"`");
        Kind::String
    }

    fn quoted_identifier(&mut self) -> Kind {
        let start = self.position;
        self.position += 1;
        loop {
            let rest = self.rest();
            let Some(at) = rest.find('`') else {
                self.position = self.text.len();
                self.unclosed(start, "this backtick is never closed", "close the name with another backtick");
                return Kind::QuotedIdentifier;
            };
            let doubled = rest.get(at + 1..).is_some_and(|after| after.starts_with('`'));
            self.position += at + if doubled { 2 } else { 1 };
            if !doubled {
                return Kind::QuotedIdentifier;
            }
        }
    }

    fn number(&mut self) -> Kind {
        let start = self.position;
        let mut kind = Kind::Integer;
        self.skip_while(|c| c.is_ascii_digit());
        if self.rest().starts_with('.') {
            kind = Kind::Decimal;
            self.position += 1;
            self.skip_while(|c| c.is_ascii_digit());
        }
        if let Some(exponent) = exponent_length(self.rest()) {
            kind = Kind::Decimal;
            self.position += exponent;
        }
        let text = self.text.get(start..self.position).unwrap_or("");
        if !text.parse::<f64>().is_ok_and(f64::is_finite) {
            self.report(start, "this number is too large", "the largest number is about 1.8e308");
        }
        kind
    }

    /// Letters that need backticks are reported, and read as the name they were meant to be.
    fn word(&mut self) -> Kind {
        let start = self.position;
        self.position += self.rest().chars().next().map_or(0, char::len_utf8);
        self.skip_while(|c| c.is_alphanumeric() || c == '_');
        let tilde = self.rest().starts_with('~');
        self.position += usize::from(tilde);
        let word = self.text.get(start..self.position).unwrap_or("");
        if let Some(letter) = word.chars().find(|c| !c.is_ascii()) {
            let message = format!("`{letter}` cannot stand in a plain name");
            self.report(
                start,
                message,
                "names with other than ASCII letters, digits and `_` go in backticks",
            );
        }
        match KEYWORDS.iter().find(|(keyword, _)| *keyword == word) {
            Some((_, kind)) => *kind,
            None if tilde => Kind::TildeIdentifier,
            None => Kind::Identifier,
        }
    }

    fn sign(&mut self) -> Kind {
        let start = self.position;
        let rest = self.rest();
        let foreign = FOREIGN_SIGNS.iter().find(|(sign, ..)| rest.starts_with(sign));
        let known = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign));
        match (known, foreign) {
            (Some((sign, kind)), None) => {
                self.position += sign.len();
                *kind
            }
            (Some((sign, kind)), Some((other, ..))) if sign.len() >= other.len() => {
                self.position += sign.len();
                *kind
            }
            (_, Some((sign, kind, help))) => {
                self.position += sign.len();
                self.report(start, format!("`{sign}` is not an operator of EQL"), help);
                *kind
            }
            (None, None) => self.unknown(),
        }
    }

    fn unknown(&mut self) -> Kind {
        let start = self.position;
        let first = self.rest().chars().next().unwrap_or(' ');
        if first.is_ascii() {
            self.position += 1;
        } else {
            self.skip_while(|c| !c.is_ascii());
        }
        let help = match first {
            '“' | '”' | '„' | '«' | '»' | '‘' | '’' => {
                "write strings in straight quotes, `\"…\"`"
            }
            c if c.is_whitespace() => "only spaces, tabs and line breaks may separate words",
            _ => "inside a string it would be text: put it in `\"…\"`",
        };
        self.report(start, format!("`{first}` has no meaning in EQL"), help);
        Kind::Unknown
    }
}

fn starts_word(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '_' | '@')
}

fn continues_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// The bytes of `e10`, `E-3`, … at the beginning of `text`.
fn exponent_length(text: &str) -> Option<usize> {
    let after = text.strip_prefix(['e', 'E'])?;
    let digits = after.strip_prefix(['+', '-']).unwrap_or(after);
    let count = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    (count > 0).then_some(text.len() - digits.len() + count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        lex(text).tokens.into_iter().map(|token| token.kind).filter(|kind| !kind.is_trivia()).collect()
    }

    #[test]
    fn the_longest_sign_wins() {
        use Kind::*;
        assert_eq!(kinds("a![b"), [Identifier, MissingOpen, Identifier]);
        assert_eq!(kinds("!=<=>===="), [NotEqual, LessOrEqual, GreaterOrEqual, Equal, Assign]);
        assert_eq!(
            kinds("in in~ like~ regex~ starts~ and~"),
            [In, InTilde, LikeTilde, RegexTilde, TildeIdentifier, TildeIdentifier]
        );
        assert_eq!(kinds("?a ?\"b\" ?'c'"), [Question, Identifier, String, String]);
        assert_eq!(
            kinds("1.5.a 1..5 1e 1e+"),
            [Decimal, Dot, Identifier, Decimal, Decimal, Integer, Identifier, Integer, Identifier, Plus]
        );
        assert_eq!(
            kinds("And AND and @a a@b"),
            [Identifier, Identifier, And, Identifier, Identifier, Identifier]
        );
    }

    #[test]
    fn keywords_are_no_plain_names() {
        assert!(is_plain_name("process") && is_plain_name("@timestamp") && is_plain_name("_x9"));
        for name in ["", "9a", "a-b", "a.b", "sequence", "in", "é"] {
            assert!(!is_plain_name(name), "{name}");
        }
    }

    /// Tokens rebuild `text`: end to end, none empty, on character boundaries.
    fn rebuilds(text: &str) {
        let mut rebuilt = std::string::String::new();
        for token in lex(text).tokens {
            assert_eq!(token.span.start, rebuilt.len());
            assert!(token.span.end > token.span.start);
            rebuilt.push_str(&text[token.span.start..token.span.end]);
        }
        assert_eq!(rebuilt, text);
    }

    proptest! {
        #[test]
        fn tokens_rebuild_any_text(text in any::<std::string::String>()) {
            rebuilds(&text);
        }

        #[test]
        fn tokens_rebuild_texts_of_signs(text in "[\"'`?/*\\\\!=<>:.~e0-9a-b \\n\\ré“”{}u(\\[|]{0,40}") {
            rebuilds(&text);
        }
    }
}
