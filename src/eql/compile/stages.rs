//! Sequences and samples: join keys, runs, roles and the limits of Elasticsearch's parser (LogicalPlanBuilder.visitSequence, visitSample).

use super::condition::all;
use super::operand::Typed;
use super::{Compiler, is_number, type_name};
use crate::eql::ast::{Key, Pipe, Sample, Sequence, Term};
use crate::eql::filter::{Atom, Filter, Node};
use crate::eql::program::{Form, KeyField, Role, Stage};
use crate::eql::record::Type;
use crate::eql::script::Op;
use crate::eql::span::Spanned;
use crate::eql::test::Test;

/// The most stages after runs are unrolled.
const MAX_STAGES: usize = 256;
/// The most runs of one item.
const MAX_RUNS: u64 = 100;

impl Compiler<'_> {
    pub(super) fn sequence(&mut self, sequence: &Sequence) -> (Form, Vec<Stage>) {
        let mut stages = Vec::new();
        let mut first_keys: Option<Vec<Typed>> = None;
        for term in &sequence.terms {
            let role = if term.node.missing { Role::Missing } else { Role::Positive };
            let stage = self.stage(&sequence.by, term, role, &mut first_keys);
            let runs = self.runs(&term.node);
            stages.extend(std::iter::repeat_n(stage, runs));
        }
        if let Some(until) = &sequence.until {
            stages.push(self.stage(&sequence.by, until, Role::Until, &mut first_keys));
        }
        self.check_sequence(sequence, &stages);
        (Form::Sequence { maxspan: sequence.maxspan.as_ref().map(|span| span.node.ticks()) }, stages)
    }

    pub(super) fn sample(&mut self, sample: &Sample, pipes: &[Spanned<Pipe>]) -> (Form, Vec<Stage>) {
        let mut first_keys = None;
        let stages: Vec<Stage> =
            sample.terms.iter().map(|term| self.stage(&sample.by, term, Role::Positive, &mut first_keys)).collect();
        if let (Some(first), true) = (sample.terms.first(), stages.iter().any(|stage| stage.keys.is_empty())) {
            self.refuse_with_help(first.span, "a sample needs a join key", "write `sample by field […] […]`");
        }
        if let (Some(only), 1) = (sample.terms.first(), sample.terms.len()) {
            self.refuse(only.span, "a sample needs two items or more");
        }
        if let Some(pipe) = pipes.first() {
            self.refuse(pipe.span, "a sample takes no pipes");
        }
        (Form::Sample, stages)
    }

    fn stage(&mut self, by: &[Spanned<Key>], term: &Spanned<Term>, role: Role, first: &mut Option<Vec<Typed>>) -> Stage {
        let filter = self.filter(&term.node.filter);
        let written: Vec<&Spanned<Key>> = by.iter().chain(&term.node.by).collect();
        let typed: Vec<Option<Typed>> = written.iter().map(|key| self.key(key)).collect();
        let keys: Vec<KeyField> = written.iter().zip(&typed).filter_map(|(key, typed)| key_field(key, typed.as_ref()?)).collect();
        if let Some(typed) = typed.into_iter().collect::<Option<Vec<Typed>>>() {
            match first {
                None => *first = Some(typed),
                Some(first) => self.check_keys(first, &typed, term),
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

    /// All items have as many keys as the first, of types that can be equal.
    fn check_keys(&mut self, first: &[Typed], keys: &[Typed], term: &Spanned<Term>) {
        if first.len() != keys.len() {
            let message = format!("this item has {} join keys, the first has {}", keys.len(), first.len());
            self.refuse_with_help(term.span, message, "give every item, `until` too, the same number of keys");
            return;
        }
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

    fn runs(&mut self, term: &Term) -> usize {
        let Some(runs) = &term.runs else { return 1 };
        if !(1..=MAX_RUNS).contains(&runs.node) {
            self.refuse(runs.span, format!("runs is a number from 1 to {MAX_RUNS}"));
            return 1;
        }
        usize::try_from(runs.node).unwrap_or(1)
    }

    fn check_sequence(&mut self, sequence: &Sequence, stages: &[Stage]) {
        let (Some(first), Some(last)) = (sequence.terms.first(), sequence.terms.last()) else { return };
        if stages.len() < 2 {
            self.refuse(first.span, "a sequence needs two items or more");
        }
        if stages.iter().filter(|stage| stage.role != Role::Until).count() > MAX_STAGES {
            self.refuse(first.span.to(last.span), format!("a sequence has {MAX_STAGES} items at most, runs counted"));
        }
        if stages.iter().all(|stage| stage.role != Role::Positive) {
            self.refuse_with_help(first.span, "a sequence needs an item that is not missing", "write one item as `[…]`");
        }
        let missing = sequence.terms.iter().find(|term| term.node.missing);
        if let (Some(missing), None) = (missing, &sequence.maxspan) {
            self.refuse_with_help(missing.span, "a missing event needs `maxspan`", "write `sequence with maxspan=…`");
        }
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
