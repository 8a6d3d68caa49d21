//! Tokens → syntax tree, by recursive descent over the grammar of Elasticsearch's EqlBase.g4. It looks up no field and checks no type.
//!
//! An error does not end the reading: a broken operand of `and`/`or` is passed over up to the next one, a broken term up to its bracket, so that
//! every error of a query is reported at once.

use super::ast::Statement;
use super::diagnostic::Diagnostic;
use super::lexer::{self, Kind, Token};
use super::span::Span;

mod expression;
mod literal;
mod pipe;
mod query;
mod sequence;
#[cfg(test)]
mod tests;

/// How deep a query may nest, parentheses and operators alike, so that no stage overflows its stack. Elasticsearch refuses earlier: at 200 nested
/// grammar rules, of which a pair of parentheses takes five.
pub const MAX_DEPTH: usize = 100;
/// How many errors of one query are worth reading.
const MAX_DIAGNOSTICS: usize = 100;

/// Reads the query `text`.
///
/// # Errors
/// All that is wrong with it, in the text's order; at least one diagnostic.
pub fn parse(text: &str) -> Result<Statement, Vec<Diagnostic>> {
    let lexed = lexer::lex(text);
    let tokens = lexed.tokens.into_iter().filter(|token| !token.kind.is_trivia()).collect();
    let mut parser = Parser { text, tokens, position: 0, depth: 0, too_deep: false, diagnostics: Vec::new() };
    let statement = parser.statement();
    let mut diagnostics = lexed.diagnostics;
    let trusted = lexed.unclosed.unwrap_or(usize::MAX);
    diagnostics.extend(parser.diagnostics.into_iter().filter(|diagnostic| diagnostic.span.start < trusted));
    if diagnostics.is_empty() {
        return Ok(statement);
    }
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    diagnostics.dedup_by_key(|diagnostic| diagnostic.span.start);
    diagnostics.truncate(MAX_DIAGNOSTICS);
    Err(diagnostics)
}

/// An error that has been reported: whoever gets it has only to find a place from where to read on.
#[derive(Debug)]
struct Reported(());

type Parsed<T> = Result<T, Reported>;

struct Parser<'a> {
    text: &'a str,
    /// Without white space and comments.
    tokens: Vec<Token>,
    position: usize,
    depth: usize,
    /// Whether the depth limit has been reported.
    too_deep: bool,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Parser<'a> {
    /// The token `ahead` of the current one; the end of the text past the last.
    fn token(&self, ahead: usize) -> Token {
        let end = Span::new(self.text.len(), self.text.len());
        self.tokens.get(self.position + ahead).copied().unwrap_or(Token { kind: Kind::End, span: end })
    }

    fn kind(&self) -> Kind {
        self.token(0).kind
    }

    fn span(&self) -> Span {
        self.token(0).span
    }

    fn at(&self, kind: Kind) -> bool {
        self.kind() == kind
    }

    /// The current token; moves past it.
    fn bump(&mut self) -> Token {
        let token = self.token(0);
        self.position = (self.position + 1).min(self.tokens.len());
        token
    }

    fn eat(&mut self, kind: Kind) -> Option<Token> {
        self.at(kind).then(|| self.bump())
    }

    fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start..span.end).unwrap_or("")
    }

    /// Whether the token `ahead` is the identifier `word`.
    fn is_word(&self, ahead: usize, word: &str) -> bool {
        let token = self.token(ahead);
        token.kind == Kind::Identifier && self.slice(token.span) == word
    }

    fn report(&mut self, diagnostic: Diagnostic) -> Reported {
        self.diagnostics.push(diagnostic);
        Reported(())
    }

    /// Reports that `what` should stand where the current token is.
    fn expected(&mut self, what: &str) -> Reported {
        let diagnostic = self.unexpected(what);
        self.report(diagnostic)
    }

    fn unexpected(&self, what: &str) -> Diagnostic {
        let token = self.token(0);
        let found = match token.kind {
            Kind::End => "the end of the query".to_owned(),
            _ => format!("`{}`", abbreviated(self.slice(token.span))),
        };
        Diagnostic::new(token.span, format!("expected {what}, found {found}"))
    }

    fn expect(&mut self, kind: Kind, what: &str) -> Parsed<Token> {
        self.eat(kind).ok_or_else(|| self.expected(what))
    }

    /// Moves to the next token that `stop` accepts, or to the end.
    fn skip_to(&mut self, stop: impl Fn(Kind) -> bool) {
        while !self.at(Kind::End) && !stop(self.kind()) {
            self.bump();
        }
    }
}

/// The beginning of a token's text, enough to recognise it by.
fn abbreviated(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or("")),
        None => text.to_owned(),
    }
}
