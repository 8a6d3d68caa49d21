//! What is known of a filter before any record: which kinds of record can satisfy it, which fields it needs and for what, and its dump.

use evql::eql::{self, FieldId, Filter, Foreknown, Outline, Program, Scalar};
use serde_json::{Value as Json, json};

use crate::toy;

/// A kind of record: per field name the values every such record holds, or null when none holds any. Other fields may hold anything.
struct Kind<'k> {
    names: &'k [String],
    known: Json,
}

impl Outline for Kind<'_> {
    fn foreknown(&self, field: FieldId) -> Foreknown {
        match self.known.get(&self.names[field.0 as usize]) {
            None => Foreknown::Unknown,
            Some(Json::String(text)) => Foreknown::Always(vec![Scalar::Str(text.clone().into())]),
            Some(_) => Foreknown::Never,
        }
    }
}

fn program(query: &str) -> (Program, Vec<String>) {
    let mapping = json!({"n": "long", "f": "boolean"});
    let schema = toy::ToySchema::new(&[], &mapping, &["gone".to_owned()]);
    let program = eql::compile(&eql::parse(query).expect("it parses"), &schema).expect("it compiles");
    (program, schema.names())
}

#[track_caller]
fn check(query: &str, known: Json, expected: bool) {
    let (program, names) = program(query);
    let filter: &Filter = &program.stages()[0].filter;
    assert_eq!(
        filter.could_match(&Kind { names: &names, known: known.clone() }),
        expected,
        "{query} given {known}"
    );
}

#[test]
fn a_kind_that_cannot_satisfy_the_filter_is_ruled_out() {
    check("process where s : \"a\"", json!({"event.category": "network"}), false);
    check("process where s : \"a\"", json!({"event.category": "process"}), true);
    check("process where s : \"a\"", json!({"event.category": "process", "s": null}), false);
    check("any where s : \"a\" or t : \"b\"", json!({"s": null}), true);
    check("any where s : \"a\" or t : \"b\"", json!({"s": null, "t": "c"}), false);
    check("any where s : \"A*\" and t : \"b\"", json!({"s": "abc"}), true);
}

#[test]
fn a_missing_field_satisfies_what_is_negated() {
    check("any where not s : \"a\"", json!({"s": null}), true);
    check("any where not s : \"a\"", json!({"s": "a"}), false);
    check("any where s == null", json!({"s": "a"}), false);
    check("any where not startsWith~(s, t)", json!({"s": null}), true);
}

#[test]
fn a_script_on_a_field_that_is_never_there_is_false() {
    check("any where startsWith~(s, t)", json!({"s": null}), false);
    check("any where length(s) > 1 and t : \"x\"", json!({"s": null}), false);
    check("any where length(s) == null", json!({"s": null}), true);
    check("any where startsWith~(s, t)", json!({"t": "x"}), true);
}

#[test]
fn uses_tell_what_losing_a_field_would_cost() {
    let (program, _) =
        program("process where s : \"a\" and not (t : \"b\" and s : \"c\") and not n > 1 and f");
    let uses: Vec<(String, bool, bool)> = program.stages()[0]
        .filter
        .uses()
        .into_iter()
        .map(|used| (used.field.name.to_string(), used.positive, used.negative))
        .collect();
    let expected = [
        ("category", true, false),
        ("s", true, true),
        ("t", false, true),
        ("n", false, true),
        ("f", true, false),
    ];
    assert_eq!(uses, expected.map(|(name, positive, negative)| (name.to_owned(), positive, negative)));
    assert!(program.stages()[0].filter.fields().is_sorted());
}

#[test]
fn the_dump_shows_what_will_run() {
    let query = "sequence by k with maxspan=5m
        [process where s : (\"A\", \"b*\") and not n in (1, 2)] with runs=2
        ![any where length(s) > 3 or ?gone == null]
        [network where cidrMatch(ip, \"10.0.0.0/8\") and s regex~ \"x.*\"]
        until [any where f] | tail 3";
    let dump = program(query).0.to_string();
    let expected = "\
sequence within 300000 ms
stage 1
  key k
  all of
    category is \"process\"
    s is \"a\" | wildcard \"b*\" (any case)
    not
      n == 1 | 2
    k has a value
stage 2
  key k
  all of
    category is \"process\"
    s is \"a\" | wildcard \"b*\" (any case)
    not
      n == 1 | 2
    k has a value
stage 3, must be missing
  key k
  k has a value
stage 4
  key k
  all of
    category is \"network\"
    ip in 10.0.0.0/8
    s matches \"x.*\" (any case)
    k has a value
stage 5, until
  key k
  f == true
tail 3
unmapped ?gone
";
    assert_eq!(dump, expected);
}

#[test]
fn an_unmapped_optional_field_can_empty_a_filter() {
    assert!(program("any where ?gone : \"x\"").0.stages()[0].filter.is_empty());
    assert!(!program("any where s : \"x\" or ?gone : \"x\"").0.stages()[0].filter.is_empty());
}
