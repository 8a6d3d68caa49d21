//! A query's frame: what it selects, the event filter, the join keys. It reads no condition itself.

use super::{Parsed, Parser};
use crate::eql::ast::{EventFilter, Expr, ExprKind, Key, Literal, Query, Statement};
use crate::eql::diagnostic::Diagnostic;
use crate::eql::lexer::{Kind, strings};
use crate::eql::span::Spanned;

impl Parser<'_> {
    /// The whole query. After an error the tree is only a stand-in.
    pub(super) fn statement(&mut self) -> Statement {
        let query = match self.kind() {
            Kind::Sequence => Query::Sequence(self.sequence()),
            Kind::Sample => Query::Sample(self.sample()),
            Kind::Join => Query::Sequence(self.join()),
            _ => Query::Event(self.event_query()),
        };
        let is_sample = matches!(query, Query::Sample(_));
        Statement { query, pipes: self.pipes(is_sample) }
    }

    fn event_query(&mut self) -> EventFilter {
        let span = self.span();
        self.event_filter().unwrap_or_else(|_| {
            self.skip_to(|kind| kind == Kind::Pipe);
            let condition: Expr = Spanned::new(ExprKind::Literal(Literal::Null), span);
            EventFilter { category: None, condition }
        })
    }

    /// `category where condition`.
    pub(super) fn event_filter(&mut self) -> Parsed<EventFilter> {
        let token = self.token(0);
        let text = self.slice(token.span);
        let category = match token.kind {
            Kind::Any => None,
            Kind::Identifier => Some(text.to_owned()),
            Kind::String => Some(strings::unquote(text, token.span.start, &mut Vec::new())),
            Kind::QuotedIdentifier => {
                let diagnostic = Diagnostic::new(token.span, "an event category is not written in backticks")
                    .with_help("write it as a string, `\"…\"`");
                self.report(diagnostic);
                Some(strings::unquote_name(text))
            }
            _ => {
                let diagnostic = self
                    .unexpected("an event category")
                    .with_help("begin with `process where …`, `any where …`, or `sequence`");
                return Err(self.report(diagnostic));
            }
        };
        self.bump();
        if self.eat(Kind::Where).is_none() {
            let diagnostic = self.unexpected("`where` after the event category").with_help(
                "a filter is `category where condition`, as in `process where true`; `any` stands for every category",
            );
            return Err(self.report(diagnostic));
        }
        let category = category.map(|category| Spanned::new(category, token.span));
        Ok(EventFilter { category, condition: self.expression().expr })
    }

    /// `by key, …`, if it is there.
    pub(super) fn keys(&mut self) -> Vec<Spanned<Key>> {
        let mut keys = Vec::new();
        if self.eat(Kind::By).is_none() {
            return keys;
        }
        loop {
            let before = self.diagnostics.len();
            let expression = self.expression().expr;
            match expression.node {
                ExprKind::Field { optional, name } => {
                    keys.push(Spanned::new(Key { optional, field: name }, expression.span));
                }
                _ if self.diagnostics.len() > before => {}
                _ => {
                    let diagnostic = Diagnostic::new(expression.span, "a join key must be a field")
                        .with_help("a function or comparison cannot be a key");
                    self.report(diagnostic);
                }
            }
            if self.eat(Kind::Comma).is_none() {
                return keys;
            }
        }
    }
}
