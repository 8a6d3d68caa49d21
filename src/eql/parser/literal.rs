//! Literals: what a number or string token means. It knows no operator; the sign of a number is one.

use super::{Parser, Reported};
use crate::eql::ast::{Expr, ExprKind, Literal};
use crate::eql::lexer::{Kind, strings};
use crate::eql::span::Spanned;

impl Parser<'_> {
    /// The literal at the current token, if it is one.
    pub(super) fn literal(&mut self) -> Option<Expr> {
        let token = self.token(0);
        let text = self.slice(token.span);
        let literal = match token.kind {
            Kind::Null => Literal::Null,
            Kind::True => Literal::Bool(true),
            Kind::False => Literal::Bool(false),
            Kind::Integer => integer(text),
            Kind::Decimal => float(text),
            // The lexer has reported what is wrong with its escapes.
            Kind::String => Literal::String(strings::unquote(text, token.span.start, &mut Vec::new())),
            _ => return None,
        };
        self.bump();
        Some(Spanned::new(ExprKind::Literal(literal), token.span))
    }

    /// A literal, where nothing else may stand: the right side of `:`, `like` and `regex`.
    pub(super) fn constant(&mut self) -> Result<Expr, Reported> {
        if let Some(literal) = self.literal() {
            return Ok(literal);
        }
        let (message, help) = match self.kind() {
            Kind::Identifier | Kind::QuotedIdentifier | Kind::Question => (
                "a constant, not a field",
                "fields cannot be compared with each other; a function may take two, as in `startsWith(a, b)`",
            ),
            Kind::Minus | Kind::Plus => ("a constant", "numbers are compared with `==`"),
            _ => ("a constant", "write a string, `\"…\"`, or several in parentheses, `(\"…\", \"…\")`"),
        };
        let diagnostic = self.unexpected(message).with_help(help);
        Err(self.report(diagnostic))
    }
}

/// Whole numbers too large for an unsigned long become doubles, as in Elasticsearch's ExpressionBuilder.
fn integer(text: &str) -> Literal {
    if let Ok(value) = text.parse::<i64>() {
        return Literal::Int(value);
    }
    text.parse::<u64>().map_or_else(|_| float(text), Literal::UnsignedLong)
}

/// The lexer has refused what is not finite.
fn float(text: &str) -> Literal {
    Literal::Float(text.parse().unwrap_or(f64::MAX))
}
