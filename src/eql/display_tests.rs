//! Printing and reading again gives the same tree: over generated trees, over generated texts, and over the texts of the shared vectors.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::eql::parse;
use crate::eql::span::Span;

fn spanned<T>(node: T) -> Spanned<T> {
    Spanned::new(node, Span::default())
}

#[track_caller]
fn prints(text: &str, expected: &str) {
    let statement = parse(text).expect("a query");
    assert_eq!(statement.to_string(), expected);
    assert_eq!(parse(expected).expect("what was printed parses"), statement);
}

#[test]
fn parentheses_stand_only_where_they_must() {
    prints("any where ((a) and ((b or c)))", "any where a and (b or c)");
    prints("any where (a and b) or c", "any where a and b or c");
    prints("any where (a and b) and c", "any where (a and b) and c");
    prints("any where not (a == 1)", "any where not a == 1");
    prints("any where not (a and b)", "any where not (a and b)");
    prints("any where (a - b) - (c - d) == -(e + 1)", "any where a - b - (c - d) == -(e + 1)");
    prints("any where (a : \"x\") == (b == 1)", "any where a : \"x\" == (b == 1)");
    prints("any where (-a) in (1)", "any where (-a) in (1)");
    prints("any where a like (\"x\")", "any where a like \"x\"");
}

#[test]
fn names_and_strings_are_quoted_where_they_must() {
    prints("\"process\" where `a`.`b` == \"\"\"C:\\x\"\"\"", "process where a.b == \"C:\\\\x\"");
    prints("\"any\" where ?`sequence`.`a``b` == null", "\"any\" where ?`sequence.a``b` == null");
    prints("any where a == \"\\u{0007}\\t\"", "any where a == \"\\u{07}\\t\"");
    prints(
        "sequence by a with maxspan=1m [any where true] by b with runs=2 until [x where false] by c|head 1|tail 2",
        "sequence by a with maxspan=1m\\n  [any where true] by b with runs=2\\nuntil [x where false] by c | head 1 | tail 2"
            .replace("\\n", "\n")
            .as_str(),
    );
}

#[test]
fn the_vectors_print_and_parse_to_themselves() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/spec/eql-vectors.jsonl");
    let Ok(vectors) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: no {}", path.display());
        return;
    };
    for line in vectors.lines() {
        let vector: serde_json::Value = serde_json::from_str(line).expect("a JSON line");
        let query = vector["query"].as_str().expect("a query");
        match parse(query) {
            Ok(statement) => {
                let printed = statement.to_string();
                assert_eq!(parse(&printed).as_ref(), Ok(&statement), "{query} printed as {printed}");
            }
            Err(diagnostics) => assert_eq!(vector["expected"], "error", "{query}: {diagnostics:?}"),
        }
    }
}

fn name() -> impl Strategy<Value = String> {
    let part = prop_oneof!["[a-z@_][a-z0-9_]{0,4}", Just("sequence".to_owned()), "[ -~é]{1,4}"];
    prop::collection::vec(part, 1..4).prop_map(|parts| parts.join("."))
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        any::<String>().prop_map(Literal::String),
        (0..=i64::MAX).prop_map(Literal::Int),
        (i64::MAX as u64 + 1..).prop_map(Literal::UnsignedLong),
        any::<f64>()
            .prop_filter_map("finite", |value| value.is_finite().then(|| Literal::Float(value.abs()))),
        any::<bool>().prop_map(Literal::Bool),
        Just(Literal::Null),
    ]
}

fn field() -> impl Strategy<Value = ExprKind> {
    (any::<bool>(), name()).prop_map(|(optional, name)| ExprKind::Field { optional, name })
}

fn expression() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![literal().prop_map(ExprKind::Literal), field()].prop_map(spanned);
    leaf.prop_recursive(6, 64, 4, |inner| {
        let several = prop::collection::vec(inner.clone(), 2..4);
        let arguments = prop::collection::vec(inner.clone(), 0..3);
        let list = prop::collection::vec(inner.clone(), 1..3);
        let constants =
            prop::collection::vec(literal().prop_map(|value| spanned(ExprKind::Literal(value))), 1..3);
        let boxed = inner.prop_map(Box::new);
        prop_oneof![
            several.clone().prop_map(ExprKind::And),
            several.prop_map(ExprKind::Or),
            boxed.clone().prop_map(ExprKind::Not),
            boxed.clone().prop_map(ExprKind::Negate),
            ("[a-z]{1,3}X", any::<bool>(), arguments).prop_map(|(name, insensitive, arguments)| {
                ExprKind::Call { name: spanned(name), insensitive, arguments }
            }),
            (comparison(), boxed.clone(), boxed.clone())
                .prop_map(|(operator, left, right)| ExprKind::Compare { operator, left, right }),
            (arithmetic(), boxed.clone(), boxed.clone())
                .prop_map(|(operator, left, right)| ExprKind::Arithmetic { operator, left, right }),
            (any::<bool>(), any::<bool>(), boxed.clone(), list).prop_map(
                |(tilde, negated, subject, values)| {
                    let operator = if tilde { Predicate::InInsensitive } else { Predicate::In };
                    ExprKind::Predicate { subject, operator, negated, values }
                }
            ),
            (test(), boxed, constants).prop_map(|(operator, subject, values)| ExprKind::Predicate {
                subject,
                operator,
                negated: false,
                values
            }),
        ]
        .prop_map(spanned)
    })
}

fn comparison() -> impl Strategy<Value = Comparison> {
    prop::sample::select(vec![
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ])
}

fn arithmetic() -> impl Strategy<Value = Arithmetic> {
    prop::sample::select(vec![
        Arithmetic::Add,
        Arithmetic::Subtract,
        Arithmetic::Multiply,
        Arithmetic::Divide,
        Arithmetic::Modulo,
    ])
}

fn test() -> impl Strategy<Value = Predicate> {
    prop::sample::select(vec![
        Predicate::Colon,
        Predicate::Like,
        Predicate::LikeInsensitive,
        Predicate::Regex,
        Predicate::RegexInsensitive,
    ])
}

fn filter() -> impl Strategy<Value = EventFilter> {
    let category = prop_oneof!["[a-z]{1,5}", Just("any".to_owned()), any::<String>()];
    (prop::option::of(category.prop_map(spanned)), expression())
        .prop_map(|(category, condition)| EventFilter { category, condition })
}

fn join_keys() -> impl Strategy<Value = Vec<Spanned<Key>>> {
    let key = (any::<bool>(), name()).prop_map(|(optional, field)| spanned(Key { optional, field }));
    prop::collection::vec(key, 0..3)
}

fn sequence() -> impl Strategy<Value = Sequence> {
    let unit =
        prop::sample::select(vec![Unit::Milliseconds, Unit::Seconds, Unit::Minutes, Unit::Hours, Unit::Days]);
    let maxspan = (1..u64::MAX, unit).prop_map(|(value, unit)| spanned(Duration { value, unit }));
    let own_key = || name().prop_map(|field| vec![spanned(Key { optional: false, field })]);
    let term = (any::<bool>(), filter(), own_key(), prop::option::of((1..=50_u64).prop_map(spanned)))
        .prop_map(|(missing, filter, by, runs)| spanned(Term { missing, filter, by, runs }));
    let until = (filter(), own_key())
        .prop_map(|(filter, by)| spanned(Term { missing: false, filter, by, runs: None }));
    (join_keys(), maxspan, prop::collection::vec(term, 2..4), prop::option::of(until)).prop_map(
        |(by, maxspan, mut terms, until)| {
            terms.iter_mut().take(1).for_each(|first| first.node.missing = false);
            Sequence { by, maxspan: Some(maxspan), terms, until }
        },
    )
}

fn statement() -> impl Strategy<Value = Statement> {
    let count = 0..=i32::MAX as u64;
    let pipe = prop_oneof![count.clone().prop_map(Pipe::Head), count.prop_map(Pipe::Tail)].prop_map(spanned);
    let query = prop_oneof![filter().prop_map(Query::Event), sequence().prop_map(Query::Sequence)];
    (query, prop::collection::vec(pipe, 0..2)).prop_map(|(query, pipes)| Statement { query, pipes })
}

proptest! {
    #[test]
    fn any_tree_prints_and_parses_to_itself(statement in statement()) {
        let printed = statement.to_string();
        match parse(&printed) {
            Ok(parsed) => prop_assert_eq!(parsed, statement, "{}", printed),
            Err(diagnostics) => prop_assert!(false, "{printed} is refused: {diagnostics:#?}"),
        }
    }

    #[test]
    fn whatever_parses_prints_and_parses_to_itself(
        words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..30)
    ) {
        let text = format!("any where {}", words.join(" "));
        if let Ok(statement) = parse(&text) {
            let printed = statement.to_string();
            prop_assert_eq!(parse(&printed), Ok(statement), "{}", printed);
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..60)) {
        if let Err(diagnostics) = parse(&words.join(" ")) {
            prop_assert!(!diagnostics.is_empty());
            crate::eql::render(&diagnostics, "q", &words.join(" "), crate::eql::Origin::default());
        }
    }
}

const WORDS: [&str; 56] = [
    "any", "process", "where", "sequence", "sample", "join", "by", "with", "maxspan", "runs", "=", "5", "s",
    "1.5", "[", "![", "]", "until", "|", "head", "tail", "and", "or", "not", "(", ")", ",", "a", "b.c", "?",
    "`x y`", "==", "!=", "<", ":", "like", "like~", "in", "in~", "regex", "\"s\"", "'s'", "\"", "\"\"\"",
    "true", "null", "-", "+", "*", "/", "%", "f(", "of", ".", "!", "é",
];
