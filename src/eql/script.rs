//! Expressions that no single test can answer: functions of fields, arithmetic, functions of two fields. Inside a script null has three-valued meaning;
//! at its edge null is false, as in Elasticsearch's `nullSafeFilter`.

use std::fmt;
use std::sync::Arc;

use super::ast::Arithmetic;
use super::functions::{Function, math};
use super::number::Number;
use super::record::{FieldId, Record, Scalar, Type, Value};
use super::test::Test;
use super::value::{Datum, coerce, number_of, scalar_of, text_of};

/// How many combinations of values one script tries on one record. Elasticsearch has no such bound (it stops such a search by other means); records of
/// real logs stay below ten.
const MAX_COMBINATIONS: u32 = 1_000_000;

/// A field in a program.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its number in the schema.
    pub id: FieldId,
    /// Its type in the schema.
    pub kind: Type,
    /// Its dotted name, for dumps.
    pub name: Arc<str>,
}

/// A typed, resolved expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// A constant or null.
    Constant(Datum<'static>),
    /// A field; the number tells its occurrences in one script apart.
    Field(Field, usize),
    /// A function call, absent optional arguments filled with null.
    Call {
        /// The function.
        function: &'static Function,
        /// Whether `~` was written.
        insensitive: bool,
        /// The arguments.
        arguments: Vec<Op>,
    },
    /// Arithmetic on two numbers.
    Arithmetic(Arithmetic, Box<Op>, Box<Op>),
    /// A number with its sign turned.
    Negate(Box<Op>),
    /// A value against constants; null stays null.
    Test {
        /// The value.
        subject: Box<Op>,
        /// The test.
        test: Test,
        /// Whether the value is lower-cased by Unicode first (scripts) instead of the test folding ASCII (indexed fields).
        lower: bool,
    },
    /// Whether the value is null.
    IsNull(Box<Op>),
    /// Not; null stays null.
    Not(Box<Op>),
    /// Three-valued and.
    And(Vec<Op>),
    /// Three-valued or.
    Or(Vec<Op>),
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Op {
    /// The constant `true` or `false`.
    pub fn boolean(value: bool) -> Self {
        Self::Constant(Some(Scalar::Bool(value)))
    }

    /// The operands.
    fn children(&self) -> Vec<&Op> {
        match self {
            Self::Constant(_) | Self::Field(..) => Vec::new(),
            Self::Call { arguments, .. } => arguments.iter().collect(),
            Self::Arithmetic(_, left, right) => vec![left, right],
            Self::Negate(inner)
            | Self::Test { subject: inner, .. }
            | Self::IsNull(inner)
            | Self::Not(inner) => {
                vec![inner]
            }
            Self::And(items) | Self::Or(items) => items.iter().collect(),
        }
    }

    /// The expression with every operand constant computed; anything else unchanged.
    pub fn folded(self) -> Self {
        let constant = |op: &&Op| matches!(op, Op::Constant(_));
        if matches!(self, Self::Field(..)) || !self.children().iter().all(constant) {
            return self;
        }
        match self.evaluate(&[]) {
            None => Self::Constant(None),
            Some(Scalar::Str(text)) => Self::Constant(Some(Scalar::Str(text.into_owned().into()))),
            Some(Scalar::Int(int)) => Self::Constant(Some(Scalar::Int(int))),
            Some(Scalar::Float(float)) => Self::Constant(Some(Scalar::Float(float))),
            Some(Scalar::Bool(bool)) => Self::Constant(Some(Scalar::Bool(bool))),
            Some(Scalar::Ip(ip)) => Self::Constant(Some(Scalar::Ip(ip))),
            Some(Scalar::Date(time)) => Self::Constant(Some(Scalar::Date(time))),
        }
    }

    /// Computes the expression with the given value for each field occurrence.
    fn evaluate<'v>(&'v self, values: &[Datum<'v>]) -> Datum<'v> {
        match self {
            Self::Constant(constant) => constant.as_ref().map(borrowed),
            Self::Field(_, occurrence) => values.get(*occurrence)?.clone(),
            Self::Call { function, insensitive, arguments } => {
                let arguments: Vec<Datum<'v>> =
                    arguments.iter().map(|argument| argument.evaluate(values)).collect();
                (function.call)(&arguments, *insensitive)
            }
            Self::Arithmetic(operator, left, right) => {
                math::calculate(*operator, &left.evaluate(values), &right.evaluate(values))
            }
            Self::Negate(inner) => {
                number_of(&inner.evaluate(values)?).and_then(Number::negated).map(scalar_of)
            }
            Self::Test { subject, test, lower } => {
                let value = subject.evaluate(values)?;
                let holds = if *lower {
                    test.holds(&Scalar::Str(text_of(&value).to_lowercase().into()))
                } else {
                    test.holds(&value)
                };
                Some(Scalar::Bool(holds))
            }
            Self::IsNull(inner) => Some(Scalar::Bool(inner.evaluate(values).is_none())),
            Self::Not(inner) => inner.truth(values).map(|truth| Scalar::Bool(!truth)),
            Self::And(items) => combine(items, values, false),
            Self::Or(items) => combine(items, values, true),
        }
    }

    fn truth<'v>(&'v self, values: &[Datum<'v>]) -> Option<bool> {
        match self.evaluate(values)? {
            Scalar::Bool(truth) => Some(truth),
            _ => None,
        }
    }

    /// Whether the expression is null whenever the field occurrences that `missing` names are.
    fn is_null_without(&self, missing: &dyn Fn(usize) -> bool) -> bool {
        match self {
            Self::Constant(constant) => constant.is_none(),
            Self::Field(_, occurrence) => missing(*occurrence),
            // Every function is null when its first argument is; `cidrMatch` and `concat` too.
            Self::Call { arguments, .. } => {
                arguments.first().is_some_and(|first| first.is_null_without(missing))
            }
            Self::Arithmetic(_, left, right) => {
                left.is_null_without(missing) || right.is_null_without(missing)
            }
            Self::Negate(inner) | Self::Test { subject: inner, .. } | Self::Not(inner) => {
                inner.is_null_without(missing)
            }
            Self::IsNull(_) | Self::And(_) | Self::Or(_) => false,
        }
    }
}

/// Three-valued and/or: `decisive` decides alone, null makes the rest null.
fn combine<'v>(items: &'v [Op], values: &[Datum<'v>], decisive: bool) -> Datum<'v> {
    let mut unknown = false;
    for item in items {
        match item.truth(values) {
            Some(truth) if truth == decisive => return Some(Scalar::Bool(decisive)),
            Some(_) => {}
            None => unknown = true,
        }
    }
    if unknown { None } else { Some(Scalar::Bool(!decisive)) }
}

fn borrowed<'v>(scalar: &'v Scalar<'_>) -> Scalar<'v> {
    match scalar {
        Scalar::Str(text) => Scalar::Str(text.as_ref().into()),
        Scalar::Int(int) => Scalar::Int(*int),
        Scalar::Float(float) => Scalar::Float(*float),
        Scalar::Bool(bool) => Scalar::Bool(*bool),
        Scalar::Ip(ip) => Scalar::Ip(*ip),
        Scalar::Date(time) => Scalar::Date(*time),
    }
}

/// A script atom: true when some choice of one value per field occurrence makes the expression true (InternalEqlScriptUtils.multiValueDocValues: nested
/// loops). A missing field takes part as null.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    root: Op,
    occurrences: Vec<Field>,
}

impl Script {
    /// The script of a boolean expression.
    pub fn new(mut root: Op) -> Self {
        let mut occurrences = Vec::new();
        number_fields(&mut root, &mut occurrences);
        Self { root, occurrences }
    }

    /// Whether the script holds for `record`.
    pub fn matches(&self, record: &dyn Record) -> bool {
        let values: Vec<Value<'_>> = self.occurrences.iter().map(|field| record.field(field.id)).collect();
        let choices: Vec<Vec<Datum<'_>>> =
            values.iter().zip(&self.occurrences).map(|(value, field)| choices(value, field.kind)).collect();
        let mut chosen = Vec::with_capacity(choices.len());
        let mut left = MAX_COMBINATIONS;
        self.any(&choices, &mut chosen, &mut left)
    }

    fn any<'v>(&'v self, choices: &[Vec<Datum<'v>>], chosen: &mut Vec<Datum<'v>>, left: &mut u32) -> bool {
        let Some((first, rest)) = choices.split_first() else {
            *left = left.saturating_sub(1);
            return self.root.truth(chosen) == Some(true);
        };
        for choice in first {
            if *left == 0 {
                return false;
            }
            chosen.push(choice.clone());
            let found = self.any(rest, chosen, left);
            chosen.pop();
            if found {
                return true;
            }
        }
        false
    }

    /// The fields read, one per occurrence.
    pub fn fields(&self) -> &[Field] {
        &self.occurrences
    }

    /// Whether the script is false for every record in which the fields that `missing` names have no value.
    pub fn is_false_without(&self, missing: &dyn Fn(FieldId) -> bool) -> bool {
        self.root.is_null_without(&|occurrence| {
            self.occurrences.get(occurrence).is_some_and(|field| missing(field.id))
        })
    }
}

fn choices<'v>(value: &'v Value<'_>, kind: Type) -> Vec<Datum<'v>> {
    let choices: Vec<Datum<'v>> =
        value.as_slice().iter().map(|scalar| coerce(scalar, kind)).filter(Option::is_some).collect();
    if choices.is_empty() { vec![None] } else { choices }
}

fn number_fields(op: &mut Op, occurrences: &mut Vec<Field>) {
    match op {
        Op::Constant(_) => {}
        Op::Field(field, occurrence) => {
            *occurrence = occurrences.len();
            occurrences.push(field.clone());
        }
        Op::Call { arguments, .. } => {
            arguments.iter_mut().for_each(|argument| number_fields(argument, occurrences))
        }
        Op::Arithmetic(_, left, right) => {
            number_fields(left, occurrences);
            number_fields(right, occurrences);
        }
        Op::Negate(inner) | Op::Test { subject: inner, .. } | Op::IsNull(inner) | Op::Not(inner) => {
            number_fields(inner, occurrences);
        }
        Op::And(items) | Op::Or(items) => items.iter_mut().for_each(|item| number_fields(item, occurrences)),
    }
}

/// The expression in EQL's own words as far as it has them.
impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(None) => f.write_str("null"),
            Self::Constant(Some(Scalar::Str(text))) => write!(f, "{text:?}"),
            Self::Constant(Some(other)) => f.write_str(&text_of(other)),
            Self::Field(field, _) => f.write_str(&field.name),
            Self::Call { function, insensitive, arguments } => {
                let tilde = if *insensitive { "~" } else { "" };
                write!(f, "{}{tilde}({})", function.name, list(arguments, ", "))
            }
            Self::Arithmetic(operator, left, right) => write!(f, "({left} {} {right})", sign(*operator)),
            Self::Negate(inner) => write!(f, "-{inner}"),
            Self::Test { subject, test, lower } => {
                write!(f, "{subject} {test}{}", if *lower { " (any case)" } else { "" })
            }
            Self::IsNull(inner) => write!(f, "({inner}) == null"),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::And(items) => write!(f, "({})", list(items, " and ")),
            Self::Or(items) => write!(f, "({})", list(items, " or ")),
        }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "script {}", self.root)
    }
}

fn list(items: &[Op], separator: &str) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(separator)
}

fn sign(operator: Arithmetic) -> char {
    match operator {
        Arithmetic::Add => '+',
        Arithmetic::Subtract => '-',
        Arithmetic::Multiply => '*',
        Arithmetic::Divide => '/',
        Arithmetic::Modulo => '%',
    }
}
