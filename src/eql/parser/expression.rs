//! Conditions: `or` over `and` over `not` over comparisons over sums over products over signs over tested values. It knows no type.

use super::{MAX_DEPTH, Parsed, Parser, Reported};
use crate::eql::ast::{Arithmetic, Comparison, Expr, ExprKind, Literal, Predicate};
use crate::eql::diagnostic::Diagnostic;
use crate::eql::lexer::{Kind, strings};
use crate::eql::span::{Span, Spanned};

/// An expression and the height of its tree: later stages walk it recursively, so it is bounded here.
pub(super) struct Tall {
    pub(super) expr: Expr,
    height: usize,
}

impl Tall {
    fn leaf(expr: Expr) -> Self {
        Self { expr, height: 1 }
    }

    /// Stands for what could not be read; an error has been reported, so it never leaves the parser.
    fn placeholder(span: Span) -> Self {
        Self::leaf(Spanned::new(ExprKind::Literal(Literal::Null), span))
    }
}

impl Parser<'_> {
    /// A condition. What cannot be read is reported and passed over.
    pub(super) fn expression(&mut self) -> Tall {
        if self.depth >= MAX_DEPTH {
            let span = self.span();
            self.report_depth(span);
            self.skip_operand();
            return Tall::placeholder(span);
        }
        self.depth += 1;
        let expression = self
            .chain(Kind::Or, ExprKind::Or, |parser| parser.chain(Kind::And, ExprKind::And, Self::operand));
        self.depth -= 1;
        expression
    }

    /// `operand { word operand }`, flat.
    fn chain(
        &mut self,
        word: Kind,
        make: fn(Vec<Expr>) -> ExprKind,
        operand: impl Fn(&mut Self) -> Tall,
    ) -> Tall {
        let first = operand(self);
        if !self.at(word) {
            return first;
        }
        let mut height = first.height;
        let mut span = first.expr.span;
        let mut operands = vec![first.expr];
        while self.eat(word).is_some() {
            let next = operand(self);
            height = height.max(next.height);
            span = span.to(next.expr.span);
            operands.push(next.expr);
        }
        self.grow(make(operands), span, height)
    }

    /// An operand of `and`/`or`: where reading goes on after an error.
    fn operand(&mut self) -> Tall {
        let span = self.span();
        self.negation().unwrap_or_else(|Reported(())| {
            self.skip_operand();
            Tall::placeholder(span)
        })
    }

    /// Moves to the end of a broken operand: the next `and`, `or`, comma or closing parenthesis of this level, or the end of the bracket or query.
    fn skip_operand(&mut self) {
        let mut open = 0_usize;
        while !self.at_end_of_condition() {
            match self.kind() {
                Kind::And | Kind::Or | Kind::Comma | Kind::RightParen if open == 0 => return,
                Kind::LeftParen => open += 1,
                Kind::RightParen => open -= 1,
                _ => {}
            }
            self.bump();
        }
    }

    /// A node over children of the height `below`, unless that makes the tree too high.
    fn grow(&mut self, node: ExprKind, span: Span, below: usize) -> Tall {
        if below >= MAX_DEPTH {
            self.report_depth(span);
            return Tall::placeholder(span);
        }
        Tall { expr: Spanned::new(node, span), height: below + 1 }
    }

    fn report_depth(&mut self, span: Span) {
        if !self.too_deep {
            self.too_deep = true;
            let message = format!("the query nests deeper than {MAX_DEPTH} levels");
            self.report(
                Diagnostic::new(span, message).with_help("split it, or use lists: `field : (\"…\", \"…\")`"),
            );
        }
    }

    fn negation(&mut self) -> Parsed<Tall> {
        let mut nots = Vec::new();
        while let Some(not) = self.eat(Kind::Not) {
            nots.push(not.span);
        }
        let mut value = self.comparison()?;
        while let Some(not) = nots.pop() {
            let span = not.to(value.expr.span);
            value = self.grow(ExprKind::Not(Box::new(value.expr)), span, value.height);
        }
        Ok(value)
    }

    fn comparison(&mut self) -> Parsed<Tall> {
        if self.at(Kind::Identifier) && self.token(1).kind == Kind::Of {
            return Err(self.relation());
        }
        let left = self.arithmetic(Binding::Sum)?;
        match self.comparison_operator() {
            Some(operator) => self.compared(left, operator),
            None => Ok(left),
        }
    }

    /// The comparison of `left` with what follows the operator; there may be only one.
    fn compared(&mut self, left: Tall, operator: Comparison) -> Parsed<Tall> {
        let right = self.arithmetic(Binding::Sum)?;
        if comparison(self.kind()).is_some() || self.at(Kind::Assign) {
            let diagnostic = Diagnostic::new(self.span(), "comparisons cannot be chained")
                .with_help("write `a < b and b < c`, or put one comparison in parentheses");
            return Err(self.report(diagnostic));
        }
        Ok(self.pair(left, right, |left, right| ExprKind::Compare { operator, left, right }))
    }

    /// The node that `make` makes of two operands.
    fn pair(&mut self, left: Tall, right: Tall, make: impl Fn(Box<Expr>, Box<Expr>) -> ExprKind) -> Tall {
        let span = left.expr.span.to(right.expr.span);
        let height = left.height.max(right.height);
        self.grow(make(Box::new(left.expr), Box::new(right.expr)), span, height)
    }

    /// The comparison operator at the current token. A single `=` is reported and read as the `==` it was meant to be.
    fn comparison_operator(&mut self) -> Option<Comparison> {
        if let Some(token) = self.eat(Kind::Assign) {
            let diagnostic = Diagnostic::new(token.span, "`=` does not compare")
                .with_help("write `==` for exactly equal, `:` for equal regardless of case");
            self.report(diagnostic);
            return Some(Comparison::Equal);
        }
        let operator = comparison(self.kind())?;
        self.bump();
        Some(operator)
    }

    /// `child of […]` and its like: reported, brackets included.
    fn relation(&mut self) -> Reported {
        let word = self.bump();
        let of = self.bump();
        let message = format!("`{} of` is not part of EQL any more", self.slice(word.span));
        let reported = self.report(Diagnostic::new(word.span.to(of.span), message).with_help(
            "relate processes with a sequence by `process.entity_id` and `process.parent.entity_id`",
        ));
        if self.eat(Kind::LeftBracket).is_some() && self.event_filter().is_ok() {
            self.eat(Kind::RightBracket);
        }
        reported
    }

    /// Operators that bind at least as tightly as `binding`, to the left.
    fn arithmetic(&mut self, binding: Binding) -> Parsed<Tall> {
        let mut left = self.sign()?;
        while let Some((operator, found)) = arithmetic(self.kind())
            && found >= binding
        {
            self.bump();
            let right = match found {
                Binding::Sum => self.arithmetic(Binding::Product)?,
                Binding::Product => self.sign()?,
            };
            left = self.pair(left, right, |left, right| ExprKind::Arithmetic { operator, left, right });
        }
        Ok(left)
    }

    fn sign(&mut self) -> Parsed<Tall> {
        let mut signs = Vec::new();
        while matches!(self.kind(), Kind::Plus | Kind::Minus) {
            signs.push(self.bump());
        }
        let mut value = self.tested()?;
        while let Some(sign) = signs.pop() {
            let span = sign.span.to(value.expr.span);
            if sign.kind == Kind::Minus {
                value = self.grow(ExprKind::Negate(Box::new(value.expr)), span, value.height);
            } else {
                value.expr.span = span;
            }
        }
        Ok(value)
    }

    /// A value and the predicate that may hang on it.
    fn tested(&mut self) -> Parsed<Tall> {
        let subject = self.primary()?;
        let negated = self.at(Kind::Not);
        match predicate(self.token(usize::from(negated)).kind) {
            Some(operator) => self.predicate(subject, operator, negated),
            None => Ok(subject),
        }
    }

    /// The test of `subject`, from its `not` or operator on.
    fn predicate(&mut self, subject: Tall, operator: Predicate, negated: bool) -> Parsed<Tall> {
        let start = self.span();
        if negated {
            self.bump();
        }
        let word = self.bump().span;
        let takes_any = matches!(operator, Predicate::In | Predicate::InInsensitive);
        if negated && !takes_any {
            let sign = self.slice(word);
            let diagnostic = Diagnostic::new(start.to(word), format!("there is no `not {sign}`"))
                .with_help(format!("write the `not` first: `not field {sign} …`"));
            self.report(diagnostic);
        }
        let (values, height) = if takes_any { self.list()? } else { (self.constants()?, 1) };
        let span = Span::new(subject.expr.span.start, self.end_of_last());
        let node = ExprKind::Predicate { subject: Box::new(subject.expr), operator, negated, values };
        Ok(self.grow(node, span, height.max(subject.height)))
    }

    /// One constant, or several in parentheses.
    fn constants(&mut self) -> Parsed<Vec<Expr>> {
        if !self.at(Kind::LeftParen) {
            return Ok(vec![self.constant()?]);
        }
        let open = self.bump();
        let mut values = Vec::new();
        loop {
            match self.constant() {
                Ok(value) => values.push(value),
                Err(Reported(())) => self.skip_operand(),
            }
            if self.eat(Kind::Comma).is_none() {
                self.close(open.span);
                return Ok(values);
            }
        }
    }

    /// `(expression, …)`, one or more, and the height of the highest.
    fn list(&mut self) -> Parsed<(Vec<Expr>, usize)> {
        let open = self.expect(Kind::LeftParen, "`(` and a list of values")?;
        let (values, height) = self.expressions();
        self.close(open.span);
        Ok((values, height))
    }

    fn expressions(&mut self) -> (Vec<Expr>, usize) {
        let first = self.expression();
        let mut height = first.height;
        let mut values = vec![first.expr];
        while self.eat(Kind::Comma).is_some() {
            let next = self.expression();
            height = height.max(next.height);
            values.push(next.expr);
        }
        (values, height)
    }

    /// The `)` of the `(` at `open`. Where something else stands, it is reported and passed over up to the `)`.
    fn close(&mut self, open: Span) {
        if self.eat(Kind::RightParen).is_some() {
            return;
        }
        if self.at_end_of_condition() {
            let diagnostic =
                Diagnostic::new(open, "this `(` is never closed").with_help("add the missing `)`");
            self.report(diagnostic);
            return;
        }
        self.expected("an operator, `,` or `)`");
        while !self.at(Kind::RightParen) && !self.at_end_of_condition() {
            self.bump();
            self.skip_operand();
        }
        self.eat(Kind::RightParen);
    }

    /// Whether no condition, however broken, goes on here.
    fn at_end_of_condition(&self) -> bool {
        matches!(
            self.kind(),
            Kind::End | Kind::RightBracket | Kind::LeftBracket | Kind::MissingOpen | Kind::Pipe
        )
    }

    fn primary(&mut self) -> Parsed<Tall> {
        match self.kind() {
            Kind::LeftParen => self.group(),
            Kind::Identifier | Kind::TildeIdentifier if self.token(1).kind == Kind::LeftParen => self.call(),
            _ => self.leaf(),
        }
    }

    /// `( expression )`.
    fn group(&mut self) -> Parsed<Tall> {
        let open = self.bump().span;
        let mut inner = self.expression();
        self.close(open);
        inner.expr.span = Span::new(open.start, self.end_of_last());
        Ok(inner)
    }

    /// A literal or a field.
    fn leaf(&mut self) -> Parsed<Tall> {
        if let Some(literal) = self.literal() {
            return Ok(Tall::leaf(literal));
        }
        let diagnostic = match self.kind() {
            Kind::Identifier | Kind::QuotedIdentifier | Kind::Question => return self.field(),
            kind if kind.keyword().is_some() && self.keyword_is_a_name() => return self.field(),
            Kind::TildeIdentifier => {
                self.bump();
                self.unexpected("`(` after a function's `~`")
            }
            Kind::Not => self.unexpected("a value").with_help("put a negation in parentheses: `(not …)`"),
            kind if kind.keyword().is_some() => {
                self.unexpected("a value").with_help("a field called like a keyword goes in backticks")
            }
            _ => self.unexpected("a value: a field, a constant, a function or `(`"),
        };
        Err(self.report(diagnostic))
    }

    /// Whether what follows the keyword at the current token shows that a field was meant.
    fn keyword_is_a_name(&self) -> bool {
        let next = self.token(1).kind;
        next == Kind::Dot || comparison(next).is_some() || predicate(next).is_some()
    }

    /// `name(arguments)`.
    fn call(&mut self) -> Parsed<Tall> {
        let token = self.bump();
        let text = self.slice(token.span);
        let name = text.strip_suffix('~').unwrap_or(text);
        let insensitive = name.len() < text.len();
        let open = self.bump().span;
        let (arguments, height) =
            if self.at(Kind::RightParen) { (Vec::new(), 0) } else { self.expressions() };
        self.close(open);
        let name_span = Span::new(token.span.start, token.span.start + name.len());
        let node = ExprKind::Call { name: Spanned::new(name.to_owned(), name_span), insensitive, arguments };
        let span = Span::new(token.span.start, self.end_of_last());
        Ok(self.grow(node, span, height))
    }

    /// `[?] name { . name }`.
    fn field(&mut self) -> Parsed<Tall> {
        let start = self.span();
        let optional = self.eat(Kind::Question).is_some();
        let mut name = String::new();
        self.name_part(&mut name)?;
        while self.eat(Kind::Dot).is_some() {
            name.push('.');
            self.name_part(&mut name)?;
        }
        if self.at(Kind::LeftBracket) && self.token(1).kind == Kind::Integer {
            return Err(self.array_index());
        }
        let span = Span::new(start.start, self.end_of_last());
        Ok(Tall::leaf(Spanned::new(ExprKind::Field { optional, name }, span)))
    }

    /// Appends one part of a dotted name to `name`. A keyword is reported and taken for the name it was meant to be.
    fn name_part(&mut self, name: &mut String) -> Parsed<()> {
        let token = self.token(0);
        let text = self.slice(token.span);
        match token.kind {
            Kind::Identifier => name.push_str(text),
            Kind::QuotedIdentifier => {
                let part = strings::unquote_name(text);
                if part.is_empty() {
                    self.report(Diagnostic::new(token.span, "a field's name cannot be empty"));
                }
                name.push_str(&part);
            }
            kind if kind.keyword().is_some() => {
                name.push_str(text);
                let diagnostic = Diagnostic::new(token.span, format!("`{text}` is a keyword"))
                    .with_help(format!("a name like this goes in backticks: `` `{text}` ``"));
                self.report(diagnostic);
            }
            _ => {
                let diagnostic = self.unexpected("a field's name").with_help(
                    "a name with other than letters, digits and `_`, or beginning with a digit, goes in backticks",
                );
                return Err(self.report(diagnostic));
            }
        }
        self.bump();
        Ok(())
    }

    fn array_index(&mut self) -> Reported {
        let open = self.bump();
        while self.at(Kind::Integer) {
            self.bump();
        }
        self.eat(Kind::RightBracket);
        let span = Span::new(open.span.start, self.end_of_last());
        self.report(Diagnostic::new(span, "array elements cannot be picked by number").with_help(
            "leave the index out: a condition on an array holds when any of its values satisfies it",
        ))
    }

    /// The end of the token before the current one.
    pub(super) fn end_of_last(&self) -> usize {
        let last = self.position.checked_sub(1).and_then(|index| self.tokens.get(index));
        last.map_or(0, |token| token.span.end)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Sum,
    Product,
}

fn comparison(kind: Kind) -> Option<Comparison> {
    Some(match kind {
        Kind::Equal => Comparison::Equal,
        Kind::NotEqual => Comparison::NotEqual,
        Kind::Less => Comparison::Less,
        Kind::LessOrEqual => Comparison::LessOrEqual,
        Kind::Greater => Comparison::Greater,
        Kind::GreaterOrEqual => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn arithmetic(kind: Kind) -> Option<(Arithmetic, Binding)> {
    Some(match kind {
        Kind::Plus => (Arithmetic::Add, Binding::Sum),
        Kind::Minus => (Arithmetic::Subtract, Binding::Sum),
        Kind::Star => (Arithmetic::Multiply, Binding::Product),
        Kind::Slash => (Arithmetic::Divide, Binding::Product),
        Kind::Percent => (Arithmetic::Modulo, Binding::Product),
        _ => return None,
    })
}

fn predicate(kind: Kind) -> Option<Predicate> {
    Some(match kind {
        Kind::In => Predicate::In,
        Kind::InTilde => Predicate::InInsensitive,
        Kind::Colon => Predicate::Colon,
        Kind::Like => Predicate::Like,
        Kind::LikeTilde => Predicate::LikeInsensitive,
        Kind::Regex => Predicate::Regex,
        Kind::RegexTilde => Predicate::RegexInsensitive,
        _ => return None,
    })
}
