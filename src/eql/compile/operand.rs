//! Expressions with types: fields, literals, arithmetic and comparisons. Predicates and calls have files of their own.

use std::sync::Arc;

use super::{Compiler, is_number, type_name};
use crate::eql::address;
use crate::eql::ast::{self, Comparison, Expr, ExprKind, Literal};
use crate::eql::number::Number;
use crate::eql::record::{Scalar, Type};
use crate::eql::script::{Field, Op};
use crate::eql::span::Span;
use crate::eql::test::{Test, symbol};
use crate::eql::value::{bool_of, date_of, number_of, text_of};

/// An expression and its type; `kind` is `None` for null.
pub(super) struct Typed {
    pub op: Op,
    pub kind: Option<Type>,
    pub span: Span,
}

impl Typed {
    /// The constant, null included, if it is one.
    pub fn constant(&self) -> Option<&Option<Scalar<'static>>> {
        match &self.op {
            Op::Constant(constant) => Some(constant),
            _ => None,
        }
    }

    pub fn is_field(&self) -> bool {
        matches!(self.op, Op::Field(..))
    }

    /// What the expression is, for a message: `` `process.pid` `` or `this`.
    pub fn called(&self) -> String {
        match &self.op {
            Op::Field(field, _) => format!("`{}`", field.name),
            _ => "this".to_owned(),
        }
    }
}

impl Compiler<'_> {
    /// The typed expression; `None` after an error, which is reported.
    pub(super) fn operand(&mut self, expr: &Expr) -> Option<Typed> {
        let span = expr.span;
        let (op, kind) = match &expr.node {
            ExprKind::Literal(literal) => constant(literal),
            ExprKind::Field { optional, name } => return self.field(*optional, name, span),
            ExprKind::Call { name, insensitive, arguments } => {
                return self.call(name, *insensitive, arguments, span);
            }
            ExprKind::Not(inner) => {
                let inner = self.truth(inner)?;
                (Op::Not(Box::new(inner)).folded(), Some(Type::Boolean))
            }
            ExprKind::And(items) => (Op::And(self.truths(items)?).folded(), Some(Type::Boolean)),
            ExprKind::Or(items) => (Op::Or(self.truths(items)?).folded(), Some(Type::Boolean)),
            ExprKind::Compare { operator, left, right } => {
                return self.comparison(*operator, left, right, span);
            }
            ExprKind::Arithmetic { operator, left, right } => {
                return self.arithmetic(*operator, left, right, span);
            }
            ExprKind::Negate(inner) => {
                let inner = self.operand(inner)?;
                if !self.is_numeric(&inner) {
                    return None;
                }
                (Op::Negate(Box::new(inner.op)).folded(), inner.kind)
            }
            ExprKind::Predicate { subject, operator, negated, values } => {
                return self.predicate(subject, *operator, *negated, values, span);
            }
        };
        Some(Typed { op, kind, span })
    }

    /// A field by its name.
    pub(super) fn field(&mut self, optional: bool, name: &str, span: Span) -> Option<Typed> {
        if let Some((id, kind)) = self.schema.resolve(name) {
            let field = Field { id, kind, name: Arc::from(name) };
            return Some(Typed { op: Op::Field(field, 0), kind: Some(kind), span });
        }
        if optional {
            self.unmapped.insert(name.to_owned());
            return Some(Typed { op: Op::Constant(None), kind: None, span });
        }
        let help = match self.schema.nearest(name) {
            Some(near) => format!("did you mean `{near}`? A field that need not exist is written `?{name}`"),
            None => format!("a field that need not exist is written `?{name}`"),
        };
        self.refuse_with_help(span, format!("unknown field `{name}`"), help);
        None
    }

    fn truths(&mut self, items: &[Expr]) -> Option<Vec<Op>> {
        let truths: Vec<Option<Op>> = items.iter().map(|item| self.truth(item)).collect();
        truths.into_iter().collect()
    }

    /// An operand of and, or, not.
    fn truth(&mut self, expr: &Expr) -> Option<Op> {
        let typed = self.operand(expr)?;
        if !matches!(typed.kind, None | Some(Type::Boolean)) {
            let message =
                format!("`and`, `or`, `not` join conditions, and this is {}", type_name(typed.kind));
            self.refuse_with_help(typed.span, message, "compare it with a value, for instance `… == …`");
            return None;
        }
        Some(typed.op)
    }

    fn is_numeric(&mut self, typed: &Typed) -> bool {
        if typed.kind.is_none() || is_number(typed.kind) {
            return true;
        }
        let message =
            format!("arithmetic needs a number, and {} is {}", typed.called(), type_name(typed.kind));
        self.refuse_with_help(
            typed.span,
            message,
            "`number(…)` reads a number from a string, `concat(…)` joins strings",
        );
        false
    }

    fn arithmetic(
        &mut self,
        operator: ast::Arithmetic,
        left: &Expr,
        right: &Expr,
        span: Span,
    ) -> Option<Typed> {
        let (left, right) = (self.operand(left), self.operand(right));
        let (left, right) = (left?, right?);
        let numeric = [self.is_numeric(&left), self.is_numeric(&right)];
        if numeric != [true, true] {
            return None;
        }
        let kind = if left.kind == Some(Type::Double) { left.kind } else { right.kind.or(left.kind) };
        let op = Op::Arithmetic(operator, Box::new(left.op), Box::new(right.op)).folded();
        Some(Typed { op, kind, span })
    }

    fn comparison(&mut self, operator: Comparison, left: &Expr, right: &Expr, span: Span) -> Option<Typed> {
        let (left, right) = (self.operand(left), self.operand(right));
        let (mut left, mut right, mut operator) = (left?, right?, operator);
        if left.constant().is_some() && right.constant().is_none() {
            (left, right) = (right, left);
            operator = mirrored(operator);
        }
        let negated = operator == Comparison::NotEqual;
        if negated {
            operator = Comparison::Equal;
        }
        let Some(constant) = right.constant().cloned() else {
            let message = "only a comparison with a constant can be answered; this compares two fields or functions of fields";
            self.refuse_with_help(
                right.span,
                message,
                "put a constant on one side; a function such as `startsWith~(a, b)` may take two fields",
            );
            return None;
        };
        let op = self.compared(operator, left, constant, right.span)?;
        let op = if negated { Op::Not(Box::new(op)).folded() } else { op };
        Some(Typed { op, kind: Some(Type::Boolean), span })
    }

    /// `left operator constant`.
    fn compared(
        &mut self,
        operator: Comparison,
        left: Typed,
        constant: Option<Scalar<'static>>,
        span: Span,
    ) -> Option<Op> {
        let equal = operator == Comparison::Equal;
        // `x == null` asks whether there is a value (ReplaceNullChecks); any order with null is null.
        let Some(constant) = constant else {
            return Some(if equal { Op::IsNull(Box::new(left.op)).folded() } else { Op::Constant(None) });
        };
        if left.kind.is_none() {
            return Some(if equal { Op::boolean(false) } else { Op::Constant(None) });
        }
        if let (true, Scalar::Bool(wanted), Some(Type::Boolean)) = (equal, &constant, left.kind)
            && !left.is_field()
        {
            let wanted = *wanted;
            return Some(if wanted { left.op } else { Op::Not(Box::new(left.op)).folded() });
        }
        let test = self.comparison_test(operator, &left, &constant, span)?;
        Some(Op::Test { subject: Box::new(left.op), test, lower: false }.folded())
    }

    /// The test for `left operator constant`. A constant of another type is read as the field's when Elasticsearch would (a text as a number, a number
    /// as a text); what it would fail on, or never find, is refused.
    fn comparison_test(
        &mut self,
        operator: Comparison,
        left: &Typed,
        constant: &Scalar<'static>,
        span: Span,
    ) -> Option<Test> {
        let equal = operator == Comparison::Equal;
        let same_type = left.is_field();
        let test = match (left.kind, constant) {
            (Some(Type::Text), _) => return self.refuse_text(left),
            (Some(Type::Keyword), Scalar::Str(text)) => Some(text_test(operator, text)),
            (Some(Type::Keyword), other) if same_type => Some(text_test(operator, &text_of(other))),
            (Some(Type::Long | Type::Double), Scalar::Int(_) | Scalar::Float(_)) => {
                number_of(constant).map(|number| number_test(operator, number))
            }
            (Some(Type::Long | Type::Double), Scalar::Str(_)) if same_type => {
                number_of(constant).map(|number| number_test(operator, number))
            }
            (Some(Type::Boolean), _) if equal => bool_of(constant).map(Test::Bool),
            (Some(Type::Ip), Scalar::Str(text)) if equal => {
                address::parse_block(text).map(|block| Test::Addresses(vec![block]))
            }
            (Some(Type::Ip), Scalar::Str(text)) => {
                text.parse().ok().map(|ip| Test::AddressOrder(operator, ip))
            }
            (Some(Type::Date), _) if equal => date_of(constant).map(|time| Test::Dates(vec![time])),
            (Some(Type::Date), _) => date_of(constant).map(|time| Test::DateOrder(operator, time)),
            _ => None,
        };
        if test.is_none() {
            let message = format!(
                "{} is {}, which `{} {}` cannot hold for",
                left.called(),
                type_name(left.kind),
                symbol(operator),
                shown(constant)
            );
            self.refuse_with_help(span, message, wanted(left.kind));
        }
        test
    }

    /// String operators and comparisons need an exact string; `text` fields have none.
    pub(super) fn refuse_text<T>(&mut self, typed: &Typed) -> Option<T> {
        let message = format!("{} is analysed text, which has no exact value to compare", typed.called());
        self.refuse_with_help(
            typed.span,
            message,
            "use its exact sub-field, often the name with `.keyword` added",
        );
        None
    }
}

fn constant(literal: &Literal) -> (Op, Option<Type>) {
    let (scalar, kind) = match literal {
        Literal::String(text) => (Scalar::Str(text.clone().into()), Type::Keyword),
        Literal::Int(int) => (Scalar::Int(*int), Type::Long),
        Literal::UnsignedLong(large) => (Scalar::Float(*large as f64), Type::Double),
        Literal::Float(float) => (Scalar::Float(*float), Type::Double),
        Literal::Bool(bool) => (Scalar::Bool(*bool), Type::Boolean),
        Literal::Null => return (Op::Constant(None), None),
    };
    (Op::Constant(Some(scalar)), Some(kind))
}

fn mirrored(operator: Comparison) -> Comparison {
    match operator {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}

fn text_test(operator: Comparison, text: &str) -> Test {
    if operator == Comparison::Equal {
        Test::text(text, false)
    } else {
        Test::TextOrder(operator, text.into())
    }
}

fn number_test(operator: Comparison, number: Number) -> Test {
    if operator == Comparison::Equal {
        Test::Numbers(vec![number])
    } else {
        Test::NumberOrder(operator, number)
    }
}

/// A constant as a query writes it.
pub(super) fn shown(constant: &Scalar<'_>) -> String {
    match constant {
        Scalar::Str(text) => format!("{text:?}"),
        other => text_of(other).into_owned(),
    }
}

fn wanted(kind: Option<Type>) -> &'static str {
    match kind {
        Some(Type::Long | Type::Double) => {
            "write a number without quotes; `string(…)` turns a number into a string"
        }
        Some(Type::Keyword) => "write a string in double quotes; `number(…)` reads a number from a string",
        Some(Type::Boolean) => "write `true` or `false`, with `==` or `!=`",
        Some(Type::Ip) => "write an address or, with `==`, a block such as \"10.0.0.0/8\"",
        Some(Type::Date) => "write a date such as \"2024-03-01T10:00:00Z\"",
        Some(Type::Text) | None => "compare values of one type",
    }
}
