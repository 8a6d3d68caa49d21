//! What a record has to hold so that a condition can be true at all: the ground on which most filters are never asked of a record. It asks none.

use std::collections::{BTreeMap, BTreeSet};

use super::filter::{Atom, Filter, Node};
use super::number::Number;
use super::record::FieldId;
use super::test::Test;
use super::wildcard::Wildcard;

/// Shortest part of a string that is looked for, in bytes: shorter ones are in too many strings.
const PART: usize = 3;

/// How a value meets a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// It is one of the strings, in any case.
    Exact,
    /// It is one of the whole numbers.
    Number,
    /// It has one of the strings in it, in any case.
    Part,
}

/// What some value of a field has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Demand {
    pub(super) field: FieldId,
    pub(super) way: Way,
    /// Strings, lower-case, or numbers in decimal.
    pub(super) texts: BTreeSet<String>,
}

/// The fields that `filter` demands a string of, each with the number of strings that will do; a set asks the filter only of records that meet the demand
/// which the fewest filters share.
pub fn demanded(filter: &Filter) -> Vec<(FieldId, usize)> {
    let demands = demands(filter.root()).into_iter().filter(|demand| demand.way == Way::Exact);
    demands.map(|demand| (demand.field, demand.texts.len())).collect()
}

/// Every demand a condition makes of a record; each alone is necessary.
pub(super) fn demands(node: &Node<Atom>) -> Vec<Demand> {
    match node {
        Node::Leaf(Atom::Field(field, test)) => of_test(field.id, test),
        Node::And(items) => items.iter().flat_map(demands).collect(),
        Node::Or(items) => {
            let mut branches = items.iter().map(demands);
            let Some(first) = branches.next() else { return Vec::new() };
            branches.fold(first, either)
        }
        Node::Leaf(_) | Node::Constant(_) | Node::Not(_) => Vec::new(),
    }
}

fn of_test(field: FieldId, test: &Test) -> Vec<Demand> {
    match test {
        Test::Text { exact, patterns } if patterns.is_empty() && !exact.is_empty() => {
            vec![Demand { field, way: Way::Exact, texts: exact.sorted().into_iter().map(lower).collect() }]
        }
        Test::Text { exact, patterns } => {
            // Of each pattern every part between its stars is necessary, so each place gives a demand of its own.
            let most = patterns.iter().map(|pattern| parts(pattern).count()).min().unwrap_or_default();
            let demand = |place: usize| {
                let exact = exact.sorted().into_iter().map(lower).filter(|text| text.len() >= PART);
                let parts = patterns.iter().filter_map(|pattern| parts(pattern).nth(place));
                Demand { field, way: Way::Part, texts: exact.chain(parts.map(lower)).collect() }
            };
            let short = exact.sorted().iter().any(|text| text.len() < PART);
            if short { Vec::new() } else { (0..most).map(demand).collect() }
        }
        Test::Numbers(numbers) => {
            let whole = numbers.iter().map(|number| match number {
                Number::Int(number) => Some(number.to_string()),
                Number::Float(_) => None,
            });
            let texts: Option<BTreeSet<String>> = whole.collect();
            let texts = texts.filter(|texts| !texts.is_empty());
            texts.map(|texts| Demand { field, way: Way::Number, texts }).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn parts(pattern: &Wildcard) -> impl Iterator<Item = &str> {
    pattern.texts().filter(|text| text.len() >= PART)
}

fn lower(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// What holds when either list does: for each field in both, the texts of both. The first, which grows, is kept: a chain of `or` costs no more than its
/// text.
fn either(a: Vec<Demand>, mut b: Vec<Demand>) -> Vec<Demand> {
    a.into_iter()
        .filter_map(|mut demand| {
            let same = |other: &Demand| (other.field, other.way) == (demand.field, demand.way);
            let found = b.iter().position(same)?;
            // `append` would rebuild the whole set.
            demand.texts.extend(b.swap_remove(found).texts);
            Some(demand)
        })
        .collect()
}

/// Of the `demands` of each filter the one whose texts the fewest filters share: it separates best.
pub(super) fn rarest(demands: &[Vec<Demand>]) -> Vec<Option<&Demand>> {
    let mut popularity: BTreeMap<(FieldId, Way, &str), usize> = BTreeMap::new();
    for demand in demands.iter().flatten() {
        for text in &demand.texts {
            *popularity.entry((demand.field, demand.way, text)).or_default() += 1;
        }
    }
    let shared = |demand: &&Demand| {
        let counts = demand.texts.iter().filter_map(|text| popularity.get(&(demand.field, demand.way, text)));
        (counts.max().copied().unwrap_or(0), demand.way)
    };
    demands.iter().map(|own| own.iter().min_by_key(shared)).collect()
}
