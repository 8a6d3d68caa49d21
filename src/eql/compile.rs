//! Syntax tree → program: fields become numbers, types are checked, constants folded, patterns compiled. It reports every error it can, not the first,
//! and reads no record.

mod call;
mod clauses;
mod condition;
mod operand;
mod predicate;
mod stages;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ast::{EventFilter, Query, Statement};
use super::diagnostic::Diagnostic;
use super::filter::{Atom, Filter, Node};
use super::program::{Form, Program, Role, Stage};
use super::record::{Schema, Type};
use super::script::Field;
use super::span::Span;
use super::test::Test;

pub use clauses::clauses;
pub(super) use condition::{all, any};

/// Compiles a statement against a schema. The errors stand in the order of the text.
pub fn compile(statement: &Statement, schema: &dyn Schema) -> Result<Program, Vec<Diagnostic>> {
    let mut compiler = Compiler::new(schema);
    let (form, stages) = match &statement.query {
        Query::Event(filter) => {
            let stage = Stage { filter: compiler.filter(filter), keys: Vec::new(), role: Role::Positive };
            (Form::Event, vec![stage])
        }
        Query::Sequence(sequence) => compiler.sequence(sequence),
        Query::Sample(sample) => compiler.sample(sample),
    };
    let pipes = statement.pipes.iter().map(|pipe| pipe.node).collect();
    let unmapped = std::mem::take(&mut compiler.unmapped).into_iter().collect();
    compiler.unless_wrong(Program::new(form, stages, pipes, unmapped))
}

struct Compiler<'s> {
    schema: &'s dyn Schema,
    errors: Vec<Diagnostic>,
    /// Optional fields that nothing maps.
    unmapped: BTreeSet<String>,
}

impl<'s> Compiler<'s> {
    fn new(schema: &'s dyn Schema) -> Self {
        Self { schema, errors: Vec::new(), unmapped: BTreeSet::new() }
    }

    /// `compiled`, or the errors that were met on the way, in the order of the text.
    fn unless_wrong<T>(self, compiled: T) -> Result<T, Vec<Diagnostic>> {
        let mut errors = self.errors;
        errors.sort_by_key(|error| (error.span.start, error.span.end));
        errors.dedup();
        if errors.is_empty() { Ok(compiled) } else { Err(errors) }
    }

    fn refuse(&mut self, span: Span, message: impl Into<String>) {
        self.errors.push(Diagnostic::new(span, message));
    }

    fn refuse_with_help(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.errors.push(Diagnostic::new(span, message).with_help(help));
    }

    /// `category where condition`: the category is an ordinary exact, case-sensitive condition (LogicalPlanBuilder.visitEventFilter).
    fn filter(&mut self, filter: &EventFilter) -> Filter {
        let condition = self.condition(&filter.condition);
        let Some(category) = &filter.category else { return Filter::new(condition) };
        let field =
            Field { id: self.schema.category_field(), kind: Type::Keyword, name: Arc::from("category") };
        let category = Node::Leaf(Atom::Field(field, Test::text(&category.node, false)));
        Filter::new(condition::all(vec![category, condition]))
    }
}

/// A type's name in an error message.
fn type_name(kind: Option<Type>) -> &'static str {
    match kind {
        None => "null",
        Some(Type::Keyword) => "a string",
        Some(Type::Text) => "analysed text",
        Some(Type::Ip) => "an IP address",
        Some(Type::Long | Type::Double) => "a number",
        Some(Type::Boolean) => "a boolean",
        Some(Type::Date) => "a date",
    }
}

fn is_number(kind: Option<Type>) -> bool {
    matches!(kind, Some(Type::Long | Type::Double))
}
