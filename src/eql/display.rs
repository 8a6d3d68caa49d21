//! Syntax tree → text that parses to the same tree, with no more parentheses than that takes. It keeps no comments and no layout.

use std::fmt::{self, Display, Formatter, Write};

use super::ast::{
    Arithmetic, Comparison, Duration, EventFilter, Expr, ExprKind, Key, Literal, Pipe, Predicate, Query,
    Sample, Sequence, Statement, Term, Unit,
};
use super::lexer::{is_plain_name, strings::quote};
use super::span::Spanned;

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.query)?;
        self.pipes.iter().try_for_each(|pipe| write!(f, " | {}", pipe.node))
    }
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(filter) => filter.fmt(f),
            Self::Sequence(sequence) => sequence.fmt(f),
            Self::Sample(sample) => sample.fmt(f),
        }
    }
}

impl Display for EventFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.category {
            None => f.write_str("any")?,
            Some(name) if is_plain_name(&name.node) => f.write_str(&name.node)?,
            Some(name) => f.write_str(&quote(&name.node))?,
        }
        write!(f, " where {}", self.condition.node)
    }
}

impl Display for Sequence {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("sequence")?;
        keys(f, &self.by)?;
        if let Some(maxspan) = &self.maxspan {
            write!(f, " with maxspan={}", maxspan.node)?;
        }
        self.terms.iter().try_for_each(|term| write!(f, "\n  {}", term.node))?;
        self.until.iter().try_for_each(|until| write!(f, "\nuntil {}", until.node))
    }
}

impl Display for Sample {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("sample")?;
        keys(f, &self.by)?;
        self.terms.iter().try_for_each(|term| write!(f, "\n  {}", term.node))
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let open = if self.missing { "![" } else { "[" };
        write!(f, "{open}{}]", self.filter)?;
        keys(f, &self.by)?;
        self.runs.iter().try_for_each(|runs| write!(f, " with runs={}", runs.node))
    }
}

impl Display for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        field(f, self.optional, &self.field)
    }
}

impl Display for Duration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Milliseconds => "ms",
            Unit::Seconds => "s",
            Unit::Minutes => "m",
            Unit::Hours => "h",
            Unit::Days => "d",
        };
        write!(f, "{}{unit}", self.value)
    }
}

impl Display for Pipe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(count) => write!(f, "head {count}"),
            Self::Tail(count) => write!(f, "tail {count}"),
        }
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

impl Display for Arithmetic {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char(match self {
            Self::Add => '+',
            Self::Subtract => '-',
            Self::Multiply => '*',
            Self::Divide => '/',
            Self::Modulo => '%',
        })
    }
}

impl Display for Predicate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::In => "in",
            Self::InInsensitive => "in~",
            Self::Colon => ":",
            Self::Like => "like",
            Self::LikeInsensitive => "like~",
            Self::Regex => "regex",
            Self::RegexInsensitive => "regex~",
        })
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => f.write_str(&quote(text)),
            Self::Int(value) => value.fmt(f),
            Self::UnsignedLong(value) => value.fmt(f),
            // Debug keeps the point or exponent that makes it a decimal.
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Bool(value) => value.fmt(f),
            Self::Null => f.write_str("null"),
        }
    }
}

/// How tightly an expression holds together: an operand looser than its place asks for goes into parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tightness {
    Or,
    And,
    Not,
    Compare,
    Sum,
    Product,
    Sign,
    Predicate,
    Primary,
}

impl ExprKind {
    fn tightness(&self) -> Tightness {
        match self {
            Self::Or(_) => Tightness::Or,
            Self::And(_) => Tightness::And,
            Self::Not(_) => Tightness::Not,
            Self::Compare { .. } => Tightness::Compare,
            Self::Arithmetic { operator, .. } => operator.tightness(),
            Self::Negate(_) => Tightness::Sign,
            Self::Predicate { .. } => Tightness::Predicate,
            Self::Literal(_) | Self::Field { .. } | Self::Call { .. } => Tightness::Primary,
        }
    }
}

impl Arithmetic {
    fn tightness(self) -> Tightness {
        match self {
            Self::Add | Self::Subtract => Tightness::Sum,
            Self::Multiply | Self::Divide | Self::Modulo => Tightness::Product,
        }
    }

    /// What its right operand must be: one like itself would be read from the left.
    fn right_tightness(self) -> Tightness {
        match self {
            Self::Add | Self::Subtract => Tightness::Product,
            Self::Multiply | Self::Divide | Self::Modulo => Tightness::Sign,
        }
    }
}

impl Display for ExprKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal) => literal.fmt(f),
            Self::Field { optional, name } => field(f, *optional, name),
            Self::Call { name, insensitive, arguments } => {
                let tilde = if *insensitive { "~" } else { "" };
                write!(f, "{}{tilde}(", name.node)?;
                separated(f, arguments, ", ", Tightness::Or)?;
                f.write_char(')')
            }
            Self::Not(inner) => {
                f.write_str("not ")?;
                operand(f, inner, Tightness::Not)
            }
            Self::And(operands) => separated(f, operands, " and ", Tightness::Not),
            Self::Or(operands) => separated(f, operands, " or ", Tightness::And),
            Self::Compare { operator, left, right } => {
                operand(f, left, Tightness::Sum)?;
                write!(f, " {operator} ")?;
                operand(f, right, Tightness::Sum)
            }
            Self::Arithmetic { operator, left, right } => {
                operand(f, left, operator.tightness())?;
                write!(f, " {operator} ")?;
                operand(f, right, operator.right_tightness())
            }
            Self::Negate(inner) => {
                f.write_char('-')?;
                operand(f, inner, Tightness::Sign)
            }
            Self::Predicate { subject, operator, negated, values } => {
                operand(f, subject, Tightness::Primary)?;
                let not = if *negated { " not" } else { "" };
                write!(f, "{not} {operator} ")?;
                test(f, *operator, values)
            }
        }
    }
}

/// The right side of a predicate: a single constant goes without parentheses where that is allowed.
fn test(f: &mut Formatter<'_>, operator: Predicate, values: &[Expr]) -> fmt::Result {
    match (operator, values) {
        (Predicate::In | Predicate::InInsensitive, _) | (_, [] | [_, _, ..]) => {
            f.write_char('(')?;
            separated(f, values, ", ", Tightness::Or)?;
            f.write_char(')')
        }
        (_, [single]) => single.node.fmt(f),
    }
}

fn separated(f: &mut Formatter<'_>, operands: &[Expr], separator: &str, least: Tightness) -> fmt::Result {
    for (index, each) in operands.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        operand(f, each, least)?;
    }
    Ok(())
}

fn operand(f: &mut Formatter<'_>, expression: &Expr, least: Tightness) -> fmt::Result {
    if expression.node.tightness() < least {
        return write!(f, "({})", expression.node);
    }
    expression.node.fmt(f)
}

fn keys(f: &mut Formatter<'_>, keys: &[Spanned<Key>]) -> fmt::Result {
    for (index, key) in keys.iter().enumerate() {
        f.write_str(if index == 0 { " by " } else { ", " })?;
        key.node.fmt(f)?;
    }
    Ok(())
}

/// A name goes into backticks as a whole unless every part of it may stand without.
fn field(f: &mut Formatter<'_>, optional: bool, name: &str) -> fmt::Result {
    let mark = if optional { "?" } else { "" };
    if name.split('.').all(is_plain_name) {
        return write!(f, "{mark}{name}");
    }
    write!(f, "{mark}`{}`", name.replace('`', "``"))
}

#[cfg(test)]
#[path = "display_tests.rs"]
mod tests;
