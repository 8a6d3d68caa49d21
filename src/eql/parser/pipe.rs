//! Pipes: `head N` and `tail N`, and the refusal of the others. It applies none.

use super::{Parsed, Parser};
use crate::eql::ast::{Arithmetic, Expr, ExprKind, Literal, Pipe};
use crate::eql::diagnostic::Diagnostic;
use crate::eql::lexer::Kind;
use crate::eql::span::{Span, Spanned};
use crate::eql::suggest::nearest;

/// Pipes that Elasticsearch knows by name and refuses (LogicalPlanBuilder).
const UNSUPPORTED: [&str; 5] = ["count", "filter", "sort", "unique", "unique_count"];
const HELP: &str = "use `| head N` or `| tail N`";

impl Parser<'_> {
    /// All pipes up to the end of the text.
    pub(super) fn pipes(&mut self, is_sample: bool) -> Vec<Spanned<Pipe>> {
        let mut pipes = Vec::new();
        while !self.at(Kind::End) {
            if !self.at(Kind::Pipe) {
                self.expected("an operator, a pipe or the end of the query");
                self.skip_to(|kind| kind == Kind::Pipe);
                continue;
            }
            let bar = self.bump().span;
            if is_sample {
                let diagnostic =
                    Diagnostic::new(bar, "a sample takes no pipes").with_help("leave the pipe out");
                self.report(diagnostic);
            }
            match self.pipe() {
                Ok(pipe) => pipes.push(pipe),
                Err(_) => self.skip_to(|kind| kind == Kind::Pipe),
            }
        }
        pipes
    }

    /// `name N`, after the bar.
    fn pipe(&mut self) -> Parsed<Spanned<Pipe>> {
        let name = self.token(0).span;
        let make = match self.slice(name) {
            "head" => Pipe::Head,
            "tail" => Pipe::Tail,
            word => {
                let diagnostic = unknown_pipe(word, name);
                return Err(self.report(diagnostic));
            }
        };
        self.bump();
        if matches!(self.kind(), Kind::End | Kind::Pipe) {
            let message = format!("`{}` needs the number of results to keep", self.slice(name));
            return Err(
                self.report(Diagnostic::new(name, message).with_help("write for example `| head 10`"))
            );
        }
        let before = self.diagnostics.len();
        let argument = self.expression().expr;
        match fold(&argument)
            .and_then(|count| u64::try_from(count).ok())
            .filter(|count| *count <= i32::MAX as u64)
        {
            Some(count) => Ok(Spanned::new(make(count), name.to(argument.span))),
            None if self.diagnostics.len() > before => Ok(Spanned::new(make(0), name)),
            None => {
                let message = format!("`{}` takes one whole number from 0 to {}", self.slice(name), i32::MAX);
                Err(self.report(
                    Diagnostic::new(argument.span, message).with_help("write for example `| head 10`"),
                ))
            }
        }
    }
}

fn unknown_pipe(word: &str, span: Span) -> Diagnostic {
    if UNSUPPORTED.contains(&word) {
        return Diagnostic::new(span, format!("the pipe `{word}` is not supported by Elasticsearch"))
            .with_help(HELP);
    }
    let message = format!("there is no pipe `{}`", super::abbreviated(word));
    match nearest(word, ["head", "tail"].into_iter()) {
        Some(name) => Diagnostic::new(span, message).with_help(format!("did you mean `{name}`?")),
        None => Diagnostic::new(span, message).with_help(HELP),
    }
}

/// The value of whole-number arithmetic, which Elasticsearch folds here; `None` for anything else.
fn fold(expression: &Expr) -> Option<i64> {
    match &expression.node {
        ExprKind::Literal(Literal::Int(value)) => Some(*value),
        ExprKind::Negate(inner) => fold(inner)?.checked_neg(),
        ExprKind::Arithmetic { operator, left, right } => {
            let (left, right) = (fold(left)?, fold(right)?);
            match operator {
                Arithmetic::Add => left.checked_add(right),
                Arithmetic::Subtract => left.checked_sub(right),
                Arithmetic::Multiply => left.checked_mul(right),
                Arithmetic::Divide => left.checked_div(right),
                Arithmetic::Modulo => left.checked_rem(right),
            }
        }
        _ => None,
    }
}
