//! `in`, `:`, `like`, `regex` and their insensitive forms: a value against a list of constants.

use super::operand::{Typed, shown};
use super::{Compiler, type_name};
use crate::eql::address;
use crate::eql::ast::{Expr, Predicate};
use crate::eql::record::{Scalar, Type};
use crate::eql::regexp::Regexp;
use crate::eql::script::Op;
use crate::eql::set::StringSet;
use crate::eql::span::Span;
use crate::eql::test::Test;
use crate::eql::value::{bool_of, date_of, number_of};
use crate::eql::wildcard::Wildcard;

/// A constant of the list and its place.
type Listed = (Scalar<'static>, Span);

impl Compiler<'_> {
    pub(super) fn predicate(
        &mut self,
        subject: &Expr,
        operator: Predicate,
        negated: bool,
        values: &[Expr],
        span: Span,
    ) -> Option<Typed> {
        let subject = self.operand(subject);
        let values = self.constants(values, operator);
        let (subject, values) = (subject?, values?);
        let op = if subject.kind.is_none() || values.is_empty() {
            Op::Constant(None)
        } else {
            let (test, lower) = self.list_test(&subject, operator, &values)?;
            Op::Test { subject: Box::new(subject.op), test, lower }.folded()
        };
        let op = if negated { Op::Not(Box::new(op)).folded() } else { op };
        Some(Typed { op, kind: Some(Type::Boolean), span })
    }

    /// The constants of a list, nulls left out: null equals nothing there.
    fn constants(&mut self, values: &[Expr], operator: Predicate) -> Option<Vec<Listed>> {
        let mut constants = Some(Vec::with_capacity(values.len()));
        for value in values {
            let Some(typed) = self.operand(value) else {
                constants = None;
                continue;
            };
            match typed.constant() {
                Some(Some(constant)) => {
                    if let Some(list) = &mut constants {
                        list.push((constant.clone(), typed.span));
                    }
                }
                Some(None) => {}
                None => {
                    let message =
                        format!("`{}` takes constants, and {} is not one", symbol(operator), typed.called());
                    self.refuse_with_help(typed.span, message, "write the values themselves");
                    constants = None;
                }
            }
        }
        constants
    }

    fn list_test(&mut self, subject: &Typed, operator: Predicate, values: &[Listed]) -> Option<(Test, bool)> {
        match (subject.kind, operator) {
            (Some(Type::Text), _) => self.refuse_text(subject),
            (Some(Type::Keyword), Predicate::Regex | Predicate::RegexInsensitive) => {
                let texts = self.texts(subject, operator, values)?;
                self.regex(&texts, operator == Predicate::RegexInsensitive).map(|test| (test, false))
            }
            (Some(Type::Keyword), _) => {
                let texts = self.texts(subject, operator, values)?;
                Some(text_list(operator, &texts, subject.is_field()))
            }
            (Some(Type::Ip), Predicate::In | Predicate::InInsensitive | Predicate::Colon) => {
                let block = |value: &Scalar<'_>| match value {
                    Scalar::Str(text) => address::parse_block(text),
                    _ => None,
                };
                self.each(subject, operator, values, block).map(|blocks| (Test::Addresses(blocks), false))
            }
            (Some(Type::Long | Type::Double), Predicate::In) => {
                let number = |value: &Scalar<'_>| {
                    if matches!(value, Scalar::Str(_)) { None } else { number_of(value) }
                };
                self.each(subject, operator, values, number).map(|numbers| (Test::Numbers(numbers), false))
            }
            (Some(Type::Date), Predicate::In) => {
                self.each(subject, operator, values, date_of).map(|times| (Test::Dates(times), false))
            }
            (Some(Type::Boolean), Predicate::In) => {
                let flags = self.each(subject, operator, values, bool_of)?;
                let both = flags.contains(&true) && flags.contains(&false);
                Some((if both { Test::Exists } else { Test::Bool(flags.contains(&true)) }, false))
            }
            (kind, _) => {
                let message = format!(
                    "`{}` compares strings, and {} is {}",
                    symbol(operator),
                    subject.called(),
                    type_name(kind)
                );
                self.refuse_with_help(subject.span, message, format!("use `==` for {}", plural(kind)));
                None
            }
        }
    }

    /// The values as texts, or an error for each that is none.
    fn texts(
        &mut self,
        subject: &Typed,
        operator: Predicate,
        values: &[Listed],
    ) -> Option<Vec<(String, Span)>> {
        let text = |value: &Scalar<'_>| match value {
            Scalar::Str(text) => Some(text.clone().into_owned()),
            _ => None,
        };
        let texts = self.each(subject, operator, values, text)?;
        Some(texts.into_iter().zip(values.iter().map(|(_, span)| *span)).collect())
    }

    fn each<T>(
        &mut self,
        subject: &Typed,
        operator: Predicate,
        values: &[Listed],
        read: impl Fn(&Scalar<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut result = Some(Vec::with_capacity(values.len()));
        for (value, span) in values {
            match (read(value), &mut result) {
                (Some(read), Some(list)) => list.push(read),
                (Some(_), None) => {}
                (None, _) => {
                    let kind = type_name(subject.kind);
                    let message = format!(
                        "{} is {kind}, and {} is not one that `{}` can compare it with",
                        subject.called(),
                        shown(value),
                        symbol(operator)
                    );
                    self.refuse_with_help(*span, message, format!("every value must be {kind}"));
                    result = None;
                }
            }
        }
        result
    }

    fn regex(&mut self, texts: &[(String, Span)], fold: bool) -> Option<Test> {
        let mut patterns = Some(Vec::with_capacity(texts.len()));
        for (text, span) in texts {
            match (Regexp::new(text, fold), &mut patterns) {
                (Ok(pattern), Some(list)) => list.push(pattern),
                (Ok(_), None) => {}
                (Err(reason), _) => {
                    self.refuse(*span, format!("in this regular expression: {reason}"));
                    patterns = None;
                }
            }
        }
        patterns.map(Test::Regex)
    }
}

/// The test and whether the value must be lower-cased first: indexed fields fold ASCII, scripts lower-case by Unicode.
fn text_list(operator: Predicate, texts: &[(String, Span)], indexed: bool) -> (Test, bool) {
    let fold = matches!(operator, Predicate::Colon | Predicate::LikeInsensitive | Predicate::InInsensitive);
    let wild = !matches!(operator, Predicate::In | Predicate::InInsensitive);
    let lower = fold && !indexed;
    let texts: Vec<String> =
        texts.iter().map(|(text, _)| if lower { text.to_lowercase() } else { text.clone() }).collect();
    let is_pattern = |text: &&String| wild && text.contains(['*', '?']);
    let (patterns, exact): (Vec<&String>, Vec<&String>) = texts.iter().partition(is_pattern);
    let exact = StringSet::new(exact.into_iter().map(String::as_str), fold && indexed);
    let patterns = patterns.into_iter().map(|pattern| Wildcard::new(pattern, fold && indexed)).collect();
    (Test::Text { exact, patterns }, lower)
}

fn symbol(operator: Predicate) -> &'static str {
    match operator {
        Predicate::In => "in",
        Predicate::InInsensitive => "in~",
        Predicate::Colon => ":",
        Predicate::Like => "like",
        Predicate::LikeInsensitive => "like~",
        Predicate::Regex => "regex",
        Predicate::RegexInsensitive => "regex~",
    }
}

fn plural(kind: Option<Type>) -> &'static str {
    match kind {
        Some(Type::Long | Type::Double) => "numbers",
        Some(Type::Boolean) => "booleans",
        Some(Type::Date) => "dates",
        Some(Type::Ip) => "addresses, or `cidrMatch(…)`",
        Some(Type::Keyword | Type::Text) | None => "values",
    }
}
