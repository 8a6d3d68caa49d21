//! A compiled condition: two-valued and, or, not over atoms. An atom on a missing field is false and `not` turns the finished answer, never the test.

use std::fmt;

use super::compile::{all, any};
use super::record::{FieldId, Foreknown, Outline, Record, Value};
use super::script::{Field, Script};
use super::test::Test;

/// One condition on one record that is true or false by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Atom {
    /// Some value of the field satisfies the test.
    Field(Field, Test),
    /// The script holds.
    Script(Script),
}

impl Atom {
    /// Whether the atom holds for `record`.
    pub fn matches(&self, record: &dyn Record) -> bool {
        match self {
            Self::Field(field, test) => {
                record.field(field.id).as_slice().iter().any(|value| test.holds(value))
            }
            Self::Script(script) => script.matches(record),
        }
    }

    /// The fields the atom reads.
    pub fn fields(&self) -> &[Field] {
        match self {
            Self::Field(field, _) => std::slice::from_ref(field),
            Self::Script(script) => script.fields(),
        }
    }

    /// The answer for every record of a kind, when there is but one.
    fn foresee(&self, outline: &dyn Outline) -> Option<bool> {
        let known = self.fields().iter().all(|field| outline.foreknown(field.id) != Foreknown::Unknown);
        if known {
            return Some(self.matches(&Foreseen(outline)));
        }
        let Self::Script(script) = self else { return None };
        script.is_false_without(&|field| outline.foreknown(field) == Foreknown::Never).then_some(false)
    }
}

/// A condition's shape over leaves of any kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Node<L> {
    /// Always so.
    Constant(bool),
    /// An atom.
    Leaf(L),
    /// All of them.
    And(Vec<Node<L>>),
    /// Any of them.
    Or(Vec<Node<L>>),
    /// Not it.
    Not(Box<Node<L>>),
}

impl<L> Node<L> {
    /// The answer, given the answers of the leaves. Stops at the first leaf that decides.
    pub fn evaluate(&self, leaf: &mut impl FnMut(&L) -> bool) -> bool {
        match self {
            Self::Constant(constant) => *constant,
            Self::Leaf(inner) => leaf(inner),
            Self::And(items) => items.iter().all(|item| item.evaluate(leaf)),
            Self::Or(items) => items.iter().any(|item| item.evaluate(leaf)),
            Self::Not(inner) => !inner.evaluate(leaf),
        }
    }

    /// The answer when some leaves have none yet; `None` when it depends on those.
    pub fn foresee(&self, leaf: &impl Fn(&L) -> Option<bool>) -> Option<bool> {
        match self {
            Self::Constant(constant) => Some(*constant),
            Self::Leaf(inner) => leaf(inner),
            Self::And(items) => foresee_all(items, leaf, false),
            Self::Or(items) => foresee_all(items, leaf, true),
            Self::Not(inner) => inner.foresee(leaf).map(|answer| !answer),
        }
    }

    /// The same shape over other leaves.
    pub fn map<M>(&self, leaf: &mut impl FnMut(&L) -> M) -> Node<M> {
        match self {
            Self::Constant(constant) => Node::Constant(*constant),
            Self::Leaf(inner) => Node::Leaf(leaf(inner)),
            Self::And(items) => Node::And(items.iter().map(|item| item.map(leaf)).collect()),
            Self::Or(items) => Node::Or(items.iter().map(|item| item.map(leaf)).collect()),
            Self::Not(inner) => Node::Not(Box::new(inner.map(leaf))),
        }
    }

    /// Visits every leaf and whether an odd number of `not` stands above it.
    pub fn visit<'n>(&'n self, negated: bool, see: &mut impl FnMut(&'n L, bool)) {
        match self {
            Self::Constant(_) => {}
            Self::Leaf(inner) => see(inner, negated),
            Self::And(items) | Self::Or(items) => items.iter().for_each(|item| item.visit(negated, see)),
            Self::Not(inner) => inner.visit(!negated, see),
        }
    }
}

impl Node<Atom> {
    fn foreseen(&self, outline: &dyn Outline) -> Self {
        match self {
            Self::Constant(constant) => Self::Constant(*constant),
            Self::Leaf(atom) => atom.foresee(outline).map_or_else(|| self.clone(), Self::Constant),
            Self::And(items) => all(items.iter().map(|item| item.foreseen(outline)).collect()),
            Self::Or(items) => any(items.iter().map(|item| item.foreseen(outline)).collect()),
            Self::Not(inner) => match inner.foreseen(outline) {
                Self::Constant(constant) => Self::Constant(!constant),
                other => Self::Not(Box::new(other)),
            },
        }
    }
}

fn foresee_all<L>(items: &[Node<L>], leaf: &impl Fn(&L) -> Option<bool>, decisive: bool) -> Option<bool> {
    let mut open = false;
    for item in items {
        match item.foresee(leaf) {
            Some(answer) if answer == decisive => return Some(decisive),
            Some(_) => {}
            None => open = true,
        }
    }
    (!open).then_some(!decisive)
}

/// How a filter uses a field.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldUse {
    /// The field.
    pub field: Field,
    /// Whether it is asked for positively: events that lack it can lose findings.
    pub positive: bool,
    /// Whether it is asked for under a `not`: events that lack it can lose an exclusion.
    pub negative: bool,
}

/// A compiled condition, the event category included.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    root: Node<Atom>,
}

impl Filter {
    /// The filter of a condition.
    pub fn new(root: Node<Atom>) -> Self {
        Self { root }
    }

    /// Whether `record` satisfies the filter.
    pub fn matches(&self, record: &dyn Record) -> bool {
        self.root.evaluate(&mut |atom| atom.matches(record))
    }

    /// Whether any record of the kind `outline` describes can satisfy the filter. `true` may be too hopeful, `false` is certain.
    pub fn could_match(&self, outline: &dyn Outline) -> bool {
        self.root.foresee(&|atom: &Atom| atom.foresee(outline)) != Some(false)
    }

    /// The filter that gives the same answers for records of the kind `outline` describes, without what is known of them beforehand.
    pub fn foreseen(&self, outline: &dyn Outline) -> Self {
        Self { root: self.root.foreseen(outline) }
    }

    /// Whether no record at all can satisfy the filter: what an unmapped optional field makes of a conjunction.
    pub fn is_empty(&self) -> bool {
        self.root == Node::Constant(false)
    }

    /// The fields read, sorted, each once.
    pub fn fields(&self) -> Vec<FieldId> {
        self.uses().iter().map(|used| used.field.id).collect()
    }

    /// The fields read and how, sorted by number, each once.
    pub fn uses(&self) -> Vec<FieldUse> {
        let mut uses: std::collections::BTreeMap<FieldId, FieldUse> = std::collections::BTreeMap::new();
        self.root.visit(false, &mut |atom, negated| {
            for field in atom.fields() {
                let used = uses.entry(field.id).or_insert_with(|| FieldUse {
                    field: field.clone(),
                    positive: false,
                    negative: false,
                });
                used.positive |= !negated;
                used.negative |= negated;
            }
        });
        uses.into_values().collect()
    }

    /// The condition.
    pub fn root(&self) -> &Node<Atom> {
        &self.root
    }
}

/// A kind of record as a record, for atoms whose fields are all known beforehand.
struct Foreseen<'o>(&'o dyn Outline);

impl Record for Foreseen<'_> {
    fn field(&self, field: FieldId) -> Value<'_> {
        match self.0.foreknown(field) {
            Foreknown::Always(values) => Value::from_vec(values),
            Foreknown::Never | Foreknown::Unknown => Value::Missing,
        }
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field, test) => write!(f, "{} {test}", field.name),
            Self::Script(script) => write!(f, "{script}"),
        }
    }
}

/// One line per atom, indented by depth.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_node(f, &self.root, 0)
    }
}

fn write_node(f: &mut fmt::Formatter<'_>, node: &Node<Atom>, depth: usize) -> fmt::Result {
    let indent = depth * 2;
    let (word, items) = match node {
        Node::Constant(constant) => return writeln!(f, "{:indent$}{constant}", ""),
        Node::Leaf(atom) => return writeln!(f, "{:indent$}{atom}", ""),
        Node::And(items) => ("all of", items.as_slice()),
        Node::Or(items) => ("any of", items.as_slice()),
        Node::Not(inner) => ("not", std::slice::from_ref(inner.as_ref())),
    };
    writeln!(f, "{:indent$}{word}", "")?;
    items.iter().try_for_each(|item| write_node(f, item, depth + 1))
}
