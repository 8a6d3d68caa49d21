//! A stage's condition taken apart into the clauses it was written in, to say why a record satisfies it or not. Matching does not use it; a [`super::Filter`] does
//! that.
//!
//! A clause is *negated* when it excludes: `not …`, `… != …`, `… not in (…)`. Without its negated clauses a condition says what a record has to be; the negated
//! ones say what it must not be besides.

use super::filter::{Filter, Node};
use super::record::Record;
use super::script::Field;
use super::value::text_of;

/// What dumps call the field that an event's category stands in, whichever the schema takes for it.
pub(super) const CATEGORY: &str = "category";

/// A condition as it was written, down to its clauses.
#[derive(Debug, Clone, PartialEq)]
pub enum Clauses {
    /// One clause.
    One(Clause),
    /// All of them: `and`.
    All(Vec<Clauses>),
    /// Any of them: `or`.
    Any(Vec<Clauses>),
}

/// What is neither an `and` nor an `or` of others.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    /// As the query writes it, in one spelling.
    pub text: String,
    /// Whether it excludes.
    pub negated: bool,
    filter: Filter,
}

/// How a clause fared with a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged<'c> {
    /// The clause.
    pub clause: &'c Clause,
    /// How many `or` stand above it.
    pub alternatives: usize,
    /// Whether it holds.
    pub holds: bool,
    /// The fields it reads and what the record has there, in the order of the schema; empty for a field without value.
    pub met: Vec<(String, Vec<String>)>,
}

impl Clause {
    /// The clause of `text`, which `filter` answers.
    pub(super) fn new(text: String, negated: bool, filter: Filter) -> Self {
        Self { text, negated, filter }
    }

    /// What answers it.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Whether `record` satisfies it.
    pub fn holds(&self, record: &dyn Record) -> bool {
        self.filter.matches(record)
    }

    /// The fields it reads and what `record` has there, as texts.
    pub fn met(&self, record: &dyn Record) -> Vec<(String, Vec<String>)> {
        let field = |field: Field| {
            let values = record.field(field.id);
            (
                field.name.to_string(),
                values.as_slice().iter().map(|value| text_of(value).into_owned()).collect(),
            )
        };
        self.filter.uses().into_iter().map(|used| field(used.field)).collect()
    }
}

impl Clauses {
    /// Whether `record` satisfies the condition.
    pub fn holds(&self, record: &dyn Record) -> bool {
        match self {
            Self::One(clause) => clause.holds(record),
            Self::All(items) => items.iter().all(|item| item.holds(record)),
            Self::Any(items) => items.iter().any(|item| item.holds(record)),
        }
    }

    /// The condition without its negated clauses; `None` when it has none.
    pub fn relaxed(&self) -> Option<Filter> {
        let relaxed = self.relaxed_node();
        (self.negated() > 0).then(|| Filter::new(relaxed))
    }

    /// The clause that asks for the event's category; `any where …` has none.
    pub fn category(&self) -> Option<&Clause> {
        let Self::All(items) = self else { return None };
        let Some(Self::One(first)) = items.first() else { return None };
        let uses = first.filter.uses();
        matches!(uses.as_slice(), [used] if &*used.field.name == CATEGORY).then_some(first)
    }

    /// How many negated clauses it has.
    pub fn negated(&self) -> usize {
        match self {
            Self::One(clause) => usize::from(clause.negated),
            Self::All(items) | Self::Any(items) => items.iter().map(Self::negated).sum(),
        }
    }

    fn relaxed_node(&self) -> Node<super::filter::Atom> {
        match self {
            Self::One(clause) if clause.negated => Node::Constant(true),
            Self::One(clause) => clause.filter.root().clone(),
            Self::All(items) => super::compile::all(items.iter().map(Self::relaxed_node).collect()),
            Self::Any(items) => super::compile::any(items.iter().map(Self::relaxed_node).collect()),
        }
    }

    /// The negated clauses that alone keep `record` from satisfying the condition: empty when it does, `None` when it would not without them either.
    pub fn excluders(&self, record: &dyn Record) -> Option<Vec<&Clause>> {
        if self.holds(record) {
            return Some(Vec::new());
        }
        match self {
            Self::One(clause) => clause.negated.then(|| vec![clause]),
            Self::All(items) => {
                let each: Option<Vec<_>> = items.iter().map(|item| item.excluders(record)).collect();
                each.map(|each| each.into_iter().flatten().collect())
            }
            Self::Any(items) => {
                let able: Vec<_> = items.iter().filter_map(|item| item.excluders(record)).collect();
                (!able.is_empty()).then(|| able.into_iter().flatten().collect())
            }
        }
    }

    /// The clauses that keep `record` from satisfying the condition: of alternatives those of the one with the fewest.
    pub fn failing(&self, record: &dyn Record) -> Vec<&Clause> {
        match self {
            Self::One(clause) if clause.holds(record) => Vec::new(),
            Self::One(clause) => vec![clause],
            Self::All(items) => items.iter().flat_map(|item| item.failing(record)).collect(),
            Self::Any(items) => {
                items.iter().map(|item| item.failing(record)).min_by_key(Vec::len).unwrap_or_default()
            }
        }
    }

    /// How every clause fares with `record`, in the order of the text.
    pub fn judge(&self, record: &dyn Record) -> Vec<Judged<'_>> {
        let mut judged = Vec::new();
        self.judge_into(record, 0, &mut judged);
        judged
    }

    fn judge_into<'c>(&'c self, record: &dyn Record, alternatives: usize, judged: &mut Vec<Judged<'c>>) {
        match self {
            Self::One(clause) => judged.push(Judged {
                clause,
                alternatives,
                holds: clause.holds(record),
                met: clause.met(record),
            }),
            Self::All(items) => {
                items.iter().for_each(|item| item.judge_into(record, alternatives, judged));
            }
            Self::Any(items) => {
                items.iter().for_each(|item| item.judge_into(record, alternatives + 1, judged));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eql::{FieldId, Schema, Type, Value, compile, parse};

    /// Fields `a`, `b`, `c`, keywords; what a record has is the letters of a text.
    struct Letters;
    const NAMES: [&str; 4] = ["category", "a", "b", "c"];

    impl Schema for Letters {
        fn resolve(&self, path: &str) -> Option<(FieldId, Type)> {
            let number = NAMES.iter().position(|name| *name == path)?;
            Some((FieldId(u32::try_from(number).ok()?), Type::Keyword))
        }
        fn nearest(&self, _: &str) -> Option<String> {
            None
        }
        fn category_field(&self) -> FieldId {
            FieldId(0)
        }
    }

    struct Given<'a>([Option<&'a str>; 4]);

    impl Record for Given<'_> {
        fn field(&self, field: FieldId) -> Value<'_> {
            Value::from_str_opt(self.0.get(field.0 as usize).copied().flatten())
        }
    }

    fn clauses(query: &str) -> Clauses {
        let statement = parse(query).expect("a query");
        compile(&statement, &Letters).expect("it compiles");
        let mut stages = super::super::compile::clauses(&statement, &Letters).expect("it compiles");
        stages.remove(0)
    }

    fn excluded(query: &str, record: [Option<&str>; 4]) -> Option<Vec<String>> {
        let clauses = clauses(query);
        let excluders = clauses.excluders(&Given(record));
        let relaxed = clauses.relaxed().is_none_or(|relaxed| relaxed.matches(&Given(record)));
        assert_eq!(excluders.is_some(), relaxed, "{query}");
        excluders.map(|list| list.into_iter().map(|clause| clause.text.clone()).collect())
    }

    #[test]
    fn what_excludes_is_named_and_nothing_else() {
        let query = r#"p where a == "1" and not b : ("x", "y") and c != "z""#;
        let p = Some("p");
        assert_eq!(
            excluded(query, [p, Some("1"), Some("Y"), None]),
            Some(vec![r#"not b : ("x", "y")"#.into()])
        );
        assert_eq!(excluded(query, [p, Some("1"), Some("x"), Some("z")]).map(|list| list.len()), Some(2));
        assert_eq!(excluded(query, [p, Some("1"), None, None]), Some(Vec::new()));
        assert_eq!(excluded(query, [p, Some("2"), Some("x"), None]), None);
        assert_eq!(excluded(query, [Some("q"), Some("1"), Some("x"), None]), None);
    }

    #[test]
    fn of_alternatives_only_those_count_whose_rest_holds() {
        let query = r#"any where (a == "1" and b != "x") or (a == "2" and not c == "x") or a == "3""#;
        let met = |a, b, c| excluded(query, [None, Some(a), Some(b), Some(c)]);
        assert_eq!(met("1", "x", "x"), Some(vec![r#"b != "x""#.into()]));
        assert_eq!(met("2", "x", "x"), Some(vec![r#"not c == "x""#.into()]));
        assert_eq!(met("4", "x", "x"), None);
        assert_eq!(met("3", "x", "x"), Some(Vec::new()));
    }

    #[test]
    fn every_clause_is_judged_with_the_values_it_met() {
        let clauses = clauses(r#"p where a : ("1*", "2") and (b == "x" or length(c) > 2)"#);
        let record = Given([Some("p"), Some("17"), None, Some("abc")]);
        let judged: Vec<_> = clauses
            .judge(&record)
            .into_iter()
            .map(|it| (it.clause.text.clone(), it.alternatives, it.holds, it.met))
            .collect();
        let met = |name: &str, values: &[&str]| {
            vec![(name.to_owned(), values.iter().map(ToString::to_string).collect::<Vec<_>>())]
        };
        assert_eq!(
            judged,
            [
                ("p".to_owned(), 0, true, met("category", &["p"])),
                (r#"a : ("1*", "2")"#.to_owned(), 0, true, met("a", &["17"])),
                (r#"b == "x""#.to_owned(), 1, false, met("b", &[])),
                ("length(c) > 2".to_owned(), 1, true, met("c", &["abc"])),
            ]
        );
    }

    #[test]
    fn a_sequence_has_the_clauses_of_every_stage_and_its_keys() {
        let statement =
            parse(r#"sequence by a [p where b == "1"] with runs=2 [q where true] until [r where true]"#)
                .expect("a query");
        let stages = super::super::compile::clauses(&statement, &Letters).expect("it compiles");
        let program = compile(&statement, &Letters).expect("it compiles");
        assert_eq!(stages.len(), program.stages().len());
        let texts = |stage: &Clauses| {
            stage.judge(&Given([None; 4])).iter().map(|it| it.clause.text.clone()).collect::<Vec<_>>()
        };
        assert_eq!(texts(&stages[0]), ["p", r#"b == "1""#, "a != null"]);
        assert_eq!(texts(&stages[0]), texts(&stages[1]));
        assert_eq!(texts(&stages[3]), ["r", "true"]);
        assert!(!stages[0].judge(&Given([None; 4]))[2].clause.negated, "a join key excludes nothing");
    }
}
