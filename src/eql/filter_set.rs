//! Many filters at once: an event meets only the filters whose required strings it has, and each distinct atom is evaluated at most once per event. The
//! answers are those of every filter alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::filter::{Atom, Filter, Node};
use super::record::{FieldId, Record, Scalar};
use super::set::hash;
use super::test::Test;
use super::value::text_of;

/// A set of filters, numbered in the order given.
#[derive(Debug, Default)]
pub struct FilterSet {
    /// Every distinct atom.
    atoms: Vec<Atom>,
    filters: Vec<Node<usize>>,
    /// Filters that demand no string.
    always: Vec<usize>,
    /// Per field: hash of a case-folded string → the filters that demand it (or another of their list). A collision only costs an evaluation.
    index: Vec<(FieldId, HashMap<u64, Vec<usize>>)>,
}

/// The working memory of one thread: answers of the atoms for the current event. Reuse it from event to event.
#[derive(Debug, Default)]
pub struct Scratch {
    generation: u32,
    answers: Vec<(u32, bool)>,
    queued: Vec<u32>,
    candidates: Vec<usize>,
}

/// The case-folded strings one of which a record must hold in a field.
type Demand = (FieldId, BTreeSet<String>);

impl FilterSet {
    /// The set of `filters`; a filter's number is its place.
    pub fn new<'f>(filters: impl IntoIterator<Item = &'f Filter>) -> Self {
        let filters: Vec<&Filter> = filters.into_iter().collect();
        let demands: Vec<Vec<Demand>> = filters.iter().map(|filter| demands(filter.root())).collect();
        let mut popularity: BTreeMap<(FieldId, &str), usize> = BTreeMap::new();
        for (field, texts) in demands.iter().flatten() {
            for text in texts {
                *popularity.entry((*field, text)).or_default() += 1;
            }
        }
        let mut set = Self::default();
        let mut interned = HashMap::new();
        let mut index: BTreeMap<FieldId, HashMap<u64, Vec<usize>>> = BTreeMap::new();
        for (number, filter) in filters.iter().enumerate() {
            set.filters.push(filter.root().map(&mut |atom| intern(atom, &mut interned, &mut set.atoms)));
            if filter.is_empty() {
                continue;
            }
            let Some((field, texts)) = demands.get(number).and_then(|demands| rarest(demands, &popularity))
            else {
                set.always.push(number);
                continue;
            };
            let by_hash = index.entry(*field).or_default();
            texts.iter().for_each(|text| by_hash.entry(hash(text, true)).or_default().push(number));
        }
        set.index = index.into_iter().collect();
        set
    }

    /// How many filters the set has.
    pub fn len(&self) -> usize {
        self.filters.len()
    }

    /// Whether the set has no filter.
    pub fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// How many distinct atoms the filters share.
    pub fn atom_count(&self) -> usize {
        self.atoms.len()
    }

    /// The numbers of the filters that `record` satisfies, ascending.
    pub fn matching<'s>(&self, record: &dyn Record, scratch: &'s mut Scratch) -> &'s [usize] {
        scratch.begin(self.atoms.len(), self.filters.len());
        self.collect(record, scratch);
        let mut candidates = std::mem::take(&mut scratch.candidates);
        candidates.sort_unstable();
        candidates.retain(|number| {
            self.filters.get(*number).is_some_and(|filter| {
                filter.evaluate(&mut |atom| {
                    scratch.answer(*atom, || self.atoms.get(*atom).is_some_and(|atom| atom.matches(record)))
                })
            })
        });
        scratch.candidates = candidates;
        &scratch.candidates
    }

    fn collect(&self, record: &dyn Record, scratch: &mut Scratch) {
        self.always.iter().for_each(|number| scratch.queue(*number));
        for (field, by_hash) in &self.index {
            for value in record.field(*field).as_slice() {
                let hash = match value {
                    Scalar::Str(text) => hash(text, true),
                    other => hash(&text_of(other), true),
                };
                by_hash.get(&hash).into_iter().flatten().for_each(|number| scratch.queue(*number));
            }
        }
    }
}

impl Scratch {
    fn begin(&mut self, atoms: usize, filters: usize) {
        self.candidates.clear();
        let (fresh, wrapped) = self.generation.overflowing_add(1);
        if wrapped || self.answers.len() != atoms || self.queued.len() != filters {
            self.answers.clear();
            self.queued.clear();
            self.answers.resize(atoms, (0, false));
            self.queued.resize(filters, 0);
            self.generation = 1;
        } else {
            self.generation = fresh;
        }
    }

    fn queue(&mut self, number: usize) {
        if let Some(queued) = self.queued.get_mut(number)
            && *queued != self.generation
        {
            *queued = self.generation;
            self.candidates.push(number);
        }
    }

    fn answer(&mut self, atom: usize, compute: impl FnOnce() -> bool) -> bool {
        match self.answers.get_mut(atom) {
            Some((generation, answer)) if *generation == self.generation => *answer,
            Some(slot) => {
                let answer = compute();
                *slot = (self.generation, answer);
                answer
            }
            None => compute(),
        }
    }
}

fn intern(atom: &Atom, interned: &mut HashMap<String, Vec<usize>>, atoms: &mut Vec<Atom>) -> usize {
    let same = interned.entry(atom.to_string()).or_default();
    if let Some(number) = same.iter().find(|number| atoms.get(**number) == Some(atom)) {
        return *number;
    }
    let number = atoms.len();
    atoms.push(atom.clone());
    same.push(number);
    number
}

/// The fields that `filter` demands a string of, each with the number of strings that will do; a set asks the filter only of records that meet the demand
/// which the fewest filters share.
pub fn demanded(filter: &Filter) -> Vec<(FieldId, usize)> {
    demands(filter.root()).into_iter().map(|(field, texts)| (field, texts.len())).collect()
}

/// Every demand a condition makes of a record; each alone is necessary.
fn demands(node: &Node<Atom>) -> Vec<Demand> {
    match node {
        Node::Leaf(Atom::Field(field, Test::Text { exact, patterns }))
            if patterns.is_empty() && !exact.is_empty() =>
        {
            vec![(field.id, exact.sorted().iter().map(|text| text.to_ascii_lowercase()).collect())]
        }
        Node::And(items) => items.iter().flat_map(demands).collect(),
        Node::Or(items) => {
            let mut branches = items.iter().map(demands);
            let Some(first) = branches.next() else { return Vec::new() };
            branches.fold(first, either)
        }
        Node::Leaf(_) | Node::Constant(_) | Node::Not(_) => Vec::new(),
    }
}

/// What holds when either list does: for each field in both, the strings of both. The first, which grows, is kept: a
/// chain of `or` costs no more than its text.
fn either(a: Vec<Demand>, mut b: Vec<Demand>) -> Vec<Demand> {
    a.into_iter()
        .filter_map(|(field, mut texts)| {
            let (_, others) = b.iter_mut().find(|(other, _)| *other == field)?;
            // `append` would rebuild the whole set.
            texts.extend(std::mem::take(others));
            Some((field, texts))
        })
        .collect()
}

/// The demand whose strings the fewest filters share: it separates best.
fn rarest<'d>(demands: &'d [Demand], popularity: &BTreeMap<(FieldId, &str), usize>) -> Option<&'d Demand> {
    demands.iter().min_by_key(|(field, texts)| {
        texts.iter().filter_map(|text| popularity.get(&(*field, text.as_str()))).max().copied().unwrap_or(0)
    })
}
