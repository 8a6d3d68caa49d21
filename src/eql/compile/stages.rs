//! Sequences and samples: join keys, runs and roles. The limits on their number are the parser's.

use super::condition::all;
use super::operand::Typed;
use super::{Compiler, is_number, type_name};
use crate::eql::ast::{Key, Sample, Sequence, Term};
use crate::eql::filter::{Atom, Filter, Node};
use crate::eql::program::{Form, KeyField, Role, Stage};
use crate::eql::record::Type;
use crate::eql::script::Op;
use crate::eql::span::Spanned;
use crate::eql::test::Test;

/// The most runs of one item; the parser refuses more.
const MAX_RUNS: u64 = 100;

impl Compiler<'_> {
    pub(super) fn sequence(&mut self, sequence: &Sequence) -> (Form, Vec<Stage>) {
        let mut stages = Vec::new();
        let mut first_keys: Option<Vec<Typed>> = None;
        for term in &sequence.terms {
            let role = if term.node.missing { Role::Missing } else { Role::Positive };
            let stage = self.stage(&sequence.by, term, role, &mut first_keys);
            (0..runs(&term.node)).for_each(|_| stages.push(stage.clone()));
        }
        if let Some(until) = &sequence.until {
            stages.push(self.stage(&sequence.by, until, Role::Until, &mut first_keys));
        }
        (Form::Sequence { maxspan: sequence.maxspan.as_ref().map(|span| span.node.ticks()) }, stages)
    }

    pub(super) fn sample(&mut self, sample: &Sample) -> (Form, Vec<Stage>) {
        let mut first_keys = None;
        let terms = sample.terms.iter();
        let stages =
            terms.map(|term| self.stage(&sample.by, term, Role::Positive, &mut first_keys)).collect();
        (Form::Sample, stages)
    }

    fn stage(
        &mut self,
        by: &[Spanned<Key>],
        term: &Spanned<Term>,
        role: Role,
        first: &mut Option<Vec<Typed>>,
    ) -> Stage {
        let filter = self.filter(&term.node.filter);
        let written: Vec<&Spanned<Key>> = by.iter().chain(&term.node.by).collect();
        let typed: Vec<Option<Typed>> = written.iter().map(|key| self.key(key)).collect();
        let keys: Vec<KeyField> =
            written.iter().zip(&typed).filter_map(|(key, typed)| key_field(key, typed.as_ref()?)).collect();
        if let Some(typed) = typed.into_iter().collect::<Option<Vec<Typed>>>() {
            match first {
                None => *first = Some(typed),
                Some(first) => self.check_keys(first, &typed),
            }
        }
        // AddMandatoryJoinKeyFilter: an event without a mandatory key takes no part. `until` gets no such filter.
        let filter = if role == Role::Until { filter } else { with_keys(&filter, &keys) };
        Stage { filter, keys, role }
    }

    fn key(&mut self, key: &Spanned<Key>) -> Option<Typed> {
        let typed = self.field(key.node.optional, &key.node.field, key.span)?;
        if typed.kind == Some(Type::Text) { self.refuse_text(&typed) } else { Some(typed) }
    }

    /// The keys of all items are of types that can be equal (Verifier.checkJoinKeyTypes).
    fn check_keys(&mut self, first: &[Typed], keys: &[Typed]) {
        for (expected, key) in first.iter().zip(keys) {
            if !comparable(expected.kind, key.kind) {
                let message = format!(
                    "this key is {}, the first item's {}: they are never equal",
                    type_name(key.kind),
                    type_name(expected.kind)
                );
                self.refuse(key.span, message);
            }
        }
    }
}

/// How many stages `term` is.
pub(super) fn runs(term: &Term) -> usize {
    term.runs.as_ref().and_then(|runs| usize::try_from(runs.node.clamp(1, MAX_RUNS)).ok()).unwrap_or(1)
}

/// That a mandatory key has a value.
pub(super) fn mandatory(key: Typed) -> Option<Node<Atom>> {
    match key.op {
        Op::Field(field, _) => Some(Node::Leaf(Atom::Field(field, Test::Exists))),
        _ => None,
    }
}

fn key_field(key: &Spanned<Key>, typed: &Typed) -> Option<KeyField> {
    let optional = key.node.optional;
    match &typed.op {
        Op::Field(field, _) => Some(KeyField { field: Some(field.clone()), optional }),
        Op::Constant(None) => Some(KeyField { field: None, optional }),
        _ => None,
    }
}

fn with_keys(filter: &Filter, keys: &[KeyField]) -> Filter {
    let mandatory = keys.iter().filter(|key| !key.optional).filter_map(|key| key.field.clone());
    let present = mandatory.map(|field| Node::Leaf(Atom::Field(field, Test::Exists)));
    Filter::new(all(std::iter::once(filter.root().clone()).chain(present).collect()))
}

/// DataTypes.areCompatible: null with all, numbers with numbers, the rest with its own kind.
fn comparable(a: Option<Type>, b: Option<Type>) -> bool {
    a.is_none() || b.is_none() || a == b || (is_number(a) && is_number(b))
}
