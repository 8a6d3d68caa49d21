//! Syntax tree → clauses, stage by stage, as [`super::compile`] makes filters of it. It optimises nothing: the clauses stand as they were written.

use super::Compiler;
use super::stages::mandatory;
use crate::eql::ast::{Comparison, EventFilter, Expr, ExprKind, Key, Query, Statement, Term};
use crate::eql::clauses::{CATEGORY, Clause, Clauses};
use crate::eql::diagnostic::Diagnostic;
use crate::eql::filter::{Atom, Filter, Node};
use crate::eql::record::{Schema, Type};
use crate::eql::script::Field;
use crate::eql::span::Spanned;
use crate::eql::test::Test;

/// The clauses of every stage of `statement`, parallel to the stages of the program that [`super::compile`] makes of it.
///
/// # Errors
/// Those of the conditions and the keys, each by itself; [`super::compile`] gives these and all others.
pub fn clauses(statement: &Statement, schema: &dyn Schema) -> Result<Vec<Clauses>, Vec<Diagnostic>> {
    let mut compiler = Compiler::new(schema);
    let terms = |by: &[Spanned<Key>], terms: &[Spanned<Term>], compiler: &mut Compiler<'_>| {
        let runs = |term: &Spanned<Term>| super::stages::runs(&term.node);
        let stages = terms.iter().map(|term| (runs(term), compiler.term_clauses(by, &term.node)));
        stages.flat_map(|(runs, stage)| std::iter::repeat_n(stage, runs)).collect::<Vec<_>>()
    };
    let stages = match &statement.query {
        Query::Event(filter) => vec![compiler.filter_clauses(filter)],
        Query::Sample(sample) => terms(&sample.by, &sample.terms, &mut compiler),
        Query::Sequence(sequence) => {
            let mut stages = terms(&sequence.by, &sequence.terms, &mut compiler);
            stages.extend(sequence.until.as_ref().map(|until| compiler.filter_clauses(&until.node.filter)));
            stages
        }
    };
    compiler.unless_wrong(stages)
}

impl Compiler<'_> {
    fn term_clauses(&mut self, by: &[Spanned<Key>], term: &Term) -> Clauses {
        let mut all = match self.filter_clauses(&term.filter) {
            Clauses::All(all) => all,
            one => vec![one],
        };
        for key in by.iter().chain(&term.by).filter(|key| !key.node.optional) {
            let Some(node) = self.field(false, &key.node.field, key.span).and_then(mandatory) else {
                continue;
            };
            let text = format!("{} != null", key.node.field);
            all.push(Clauses::One(Clause::new(text, false, Filter::new(node))));
        }
        Clauses::All(all)
    }

    fn filter_clauses(&mut self, filter: &EventFilter) -> Clauses {
        let mut all = Vec::new();
        if let Some(category) = &filter.category {
            let field =
                Field { id: self.schema.category_field(), kind: Type::Keyword, name: CATEGORY.into() };
            let node = Node::Leaf(Atom::Field(field, Test::text(&category.node, false)));
            all.push(Clauses::One(Clause::new(category.node.clone(), false, Filter::new(node))));
        }
        match self.clauses_of(&filter.condition) {
            Clauses::All(items) => all.extend(items),
            other => all.push(other),
        }
        Clauses::All(all)
    }

    fn clauses_of(&mut self, expr: &Expr) -> Clauses {
        match &expr.node {
            ExprKind::And(items) => Clauses::All(items.iter().map(|item| self.clauses_of(item)).collect()),
            ExprKind::Or(items) => Clauses::Any(items.iter().map(|item| self.clauses_of(item)).collect()),
            kind => {
                let filter = Filter::new(self.condition(expr));
                Clauses::One(Clause::new(kind.to_string(), excludes(kind), filter))
            }
        }
    }
}

/// Whether an expression that is neither `and` nor `or` says what must not be. `… != null` asks for a value.
fn excludes(kind: &ExprKind) -> bool {
    match kind {
        ExprKind::Not(_) => true,
        ExprKind::Predicate { negated, .. } => *negated,
        ExprKind::Compare { operator: Comparison::NotEqual, left, right } => {
            let null = |side: &Expr| matches!(&side.node, ExprKind::Literal(crate::eql::ast::Literal::Null));
            !null(left) && !null(right)
        }
        _ => false,
    }
}
