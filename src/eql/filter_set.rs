//! Many filters at once: an event meets only the filters whose demands it meets, and each distinct atom is evaluated at most once per event. The answers
//! are those of every filter alone.

use std::collections::{BTreeMap, HashMap};

use aho_corasick::AhoCorasick;

use super::demand::{Demand, Way, demands, rarest};
use super::filter::{Atom, Filter, Node};
use super::number::Number;
use super::record::{FieldId, Record, Value};
use super::set::hash;
use super::value::{number_of, text_of};

/// A set of filters, numbered in the order given.
#[derive(Debug, Default)]
pub struct FilterSet {
    /// Every distinct atom.
    atoms: Vec<Atom>,
    filters: Vec<Node<usize>>,
    /// Filters that demand nothing.
    always: Vec<usize>,
    index: Vec<(FieldId, Index)>,
}

/// Of one field, who demands what.
#[derive(Debug, Default)]
struct Index {
    /// Hash of a case-folded string → the filters that demand it (or another of their list). A collision only costs an evaluation.
    exact: HashMap<u64, Vec<usize>>,
    /// A whole number → the filters that demand it or another.
    numbers: HashMap<i64, Vec<usize>>,
    /// Finds parts of strings, in any case; the filters that demand each.
    parts: Option<(AhoCorasick, Vec<Vec<usize>>)>,
}

/// The working memory of one thread: answers of the atoms for the current event. Reuse it from event to event.
#[derive(Debug, Default)]
pub struct Scratch {
    generation: u32,
    answers: Vec<(u32, bool)>,
    queued: Vec<u32>,
    candidates: Vec<usize>,
}

impl FilterSet {
    /// The set of `filters`; a filter's number is its place.
    pub fn new<'f>(filters: impl IntoIterator<Item = &'f Filter>) -> Self {
        let filters: Vec<&Filter> = filters.into_iter().collect();
        let demands: Vec<Vec<Demand>> = filters.iter().map(|filter| demands(filter.root())).collect();
        let mut set = Self::default();
        let mut interned = HashMap::new();
        let mut index: BTreeMap<FieldId, BTreeMap<(Way, &str), Vec<usize>>> = BTreeMap::new();
        let chosen = rarest(&demands);
        for (number, (filter, chosen)) in filters.iter().zip(chosen).enumerate() {
            set.filters.push(filter.root().map(&mut |atom| intern(atom, &mut interned, &mut set.atoms)));
            match chosen {
                _ if filter.is_empty() => {}
                None => set.always.push(number),
                Some(demand) => {
                    let of_field = index.entry(demand.field).or_default();
                    for text in &demand.texts {
                        of_field.entry((demand.way, text)).or_default().push(number);
                    }
                }
            }
        }
        set.index = index.into_iter().map(|(field, wanted)| (field, Index::new(wanted))).collect();
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
        for (field, index) in &self.index {
            index.collect(&record.field(*field), scratch);
        }
    }
}

impl Index {
    fn new(wanted: BTreeMap<(Way, &str), Vec<usize>>) -> Self {
        let mut index = Self::default();
        let (mut parts, mut by_part) = (Vec::new(), Vec::new());
        for ((way, text), filters) in wanted {
            match way {
                Way::Exact => index.exact.entry(hash(text, true)).or_default().extend(filters),
                Way::Number => {
                    index.numbers.entry(text.parse().unwrap_or_default()).or_default().extend(filters)
                }
                Way::Part => {
                    parts.push(text);
                    by_part.push(filters);
                }
            }
        }
        if !parts.is_empty() {
            let found = AhoCorasick::builder().ascii_case_insensitive(true).build(parts);
            index.parts = Some((found.expect("rules hold less than 2 GiB of text"), by_part));
        }
        index
    }

    /// Queues the filters whose demands `value` meets.
    fn collect(&self, value: &Value<'_>, scratch: &mut Scratch) {
        let mut queue = |filters: Option<&Vec<usize>>| {
            filters.into_iter().flatten().for_each(|number| scratch.queue(*number));
        };
        for value in value.as_slice() {
            if !self.numbers.is_empty() {
                queue(number_of(value).map(Number::as_i64).and_then(|number| self.numbers.get(&number)));
            }
            if self.exact.is_empty() && self.parts.is_none() {
                continue;
            }
            let text = text_of(value);
            if !self.exact.is_empty() {
                queue(self.exact.get(&hash(&text, true)));
            }
            if let Some((finder, filters)) = &self.parts {
                finder
                    .find_overlapping_iter(text.as_ref())
                    .for_each(|found| queue(filters.get(found.pattern().as_usize())));
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
