//! Typed expression → two-valued condition: and, or, not stay as written, what an index could answer becomes a test of one field, the rest a script.
//!
//! Null constants (an unmapped `?field`) behave as in Elasticsearch's ConstantFolding and PruneFilters: an `and` with one is null, an `or` drops it,
//! `not` keeps it, and a condition that is null in the end holds for nothing.

use super::{Compiler, type_name};
use crate::eql::ast::Expr;
use crate::eql::filter::{Atom, Node};
use crate::eql::record::{Scalar, Type};
use crate::eql::script::{Field, Op, Script};
use crate::eql::test::Test;
use crate::eql::wildcard::Wildcard;

impl Compiler<'_> {
    /// Compiles what stands after `where`. After an error the result is meaningless, and the error reported.
    pub(super) fn condition(&mut self, expr: &Expr) -> Node<Atom> {
        let Some(typed) = self.operand(expr) else { return Node::Constant(false) };
        if !matches!(typed.kind, None | Some(Type::Boolean)) {
            let message = format!("a condition is needed here, and this is {}", type_name(typed.kind));
            self.refuse_with_help(typed.span, message, "compare it with a value, for instance `… == …`");
        }
        lower(typed.op).unwrap_or(Node::Constant(false))
    }
}

/// The condition of a boolean expression; `None` is null.
fn lower(op: Op) -> Option<Node<Atom>> {
    match op {
        Op::Constant(None) => None,
        Op::Constant(Some(constant)) => Some(Node::Constant(constant == Scalar::Bool(true))),
        Op::And(items) => conjunction(items.into_iter().map(lower).collect()),
        Op::Or(items) => disjunction(items.into_iter().map(lower).collect()),
        Op::Not(inner) => lower(*inner).map(negation),
        Op::Field(field, _) => Some(leaf(field, Test::Bool(true))),
        Op::Test { subject, test, lower } => Some(match *subject {
            Op::Field(field, _) if !lower => leaf(field, test),
            subject => script(Op::Test { subject: Box::new(subject), test, lower }),
        }),
        Op::IsNull(inner) => Some(match *inner {
            Op::Field(field, _) => negation(leaf(field, Test::Exists)),
            inner => script(Op::IsNull(Box::new(inner))),
        }),
        call => Some(match text_search(&call) {
            Some(atom) => Node::Leaf(atom),
            None => script(call),
        }),
    }
}

fn leaf(field: Field, test: Test) -> Node<Atom> {
    Node::Leaf(Atom::Field(field, test))
}

fn script(op: Op) -> Node<Atom> {
    Node::Leaf(Atom::Script(Script::new(op)))
}

/// `startsWith`, `endsWith`, `stringContains` of a field and a constant are a prefix or wildcard query, not a script; in the latter two the constant is
/// a Lucene wildcard itself (QueryTranslator.CaseInsensitiveScalarFunctions).
fn text_search(call: &Op) -> Option<Atom> {
    let Op::Call { function, insensitive, arguments } = call else { return None };
    let [Op::Field(field, _), Op::Constant(Some(Scalar::Str(part)))] = arguments.as_slice() else {
        return None;
    };
    let pattern = match function.name {
        "startsWith" => Wildcard::prefix(part, *insensitive),
        "endsWith" => Wildcard::lucene(&format!("*{part}"), *insensitive),
        "stringContains" => Wildcard::lucene(&format!("*{part}*"), *insensitive),
        _ => return None,
    };
    Some(Atom::Field(field.clone(), Test::pattern(pattern)))
}

fn negation(node: Node<Atom>) -> Node<Atom> {
    match node {
        Node::Constant(constant) => Node::Constant(!constant),
        Node::Not(inner) => *inner,
        other => Node::Not(Box::new(other)),
    }
}

/// False when one is false, else null when one is null.
fn conjunction(items: Vec<Option<Node<Atom>>>) -> Option<Node<Atom>> {
    if items.contains(&Some(Node::Constant(false))) {
        return Some(Node::Constant(false));
    }
    items.into_iter().collect::<Option<Vec<_>>>().map(all)
}

/// True when one is true; nulls are dropped unless nothing but null and false is there.
fn disjunction(items: Vec<Option<Node<Atom>>>) -> Option<Node<Atom>> {
    let had_null = items.contains(&None);
    let node = any(items.into_iter().flatten().collect());
    if had_null && node == Node::Constant(false) { None } else { Some(node) }
}

/// All of them, constants folded away.
pub(in crate::eql) fn all(items: Vec<Node<Atom>>) -> Node<Atom> {
    flattened(items, true)
}

/// Any of them, constants folded away.
pub(in crate::eql) fn any(items: Vec<Node<Atom>>) -> Node<Atom> {
    flattened(items, false)
}

/// `neutral` is what an empty list means; its opposite decides the whole.
fn flattened(items: Vec<Node<Atom>>, neutral: bool) -> Node<Atom> {
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Node::Constant(constant) if constant == neutral => {}
            Node::Constant(_) => return Node::Constant(!neutral),
            Node::And(inner) if neutral => kept.extend(inner),
            Node::Or(inner) if !neutral => kept.extend(inner),
            other => kept.push(other),
        }
    }
    match kept.pop() {
        None => Node::Constant(neutral),
        Some(only) if kept.is_empty() => only,
        Some(last) => {
            kept.push(last);
            if neutral { Node::And(kept) } else { Node::Or(kept) }
        }
    }
}
