//! Whatever is written as a query and whatever an event holds: an answer or diagnostics within the text, never a panic.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::toy;

const WORDS: [&str; 62] = [
    "any where",
    "process where",
    "sequence",
    "sample",
    "by s",
    "by n, ?gone",
    "with maxspan=1s",
    "with runs=3",
    "[",
    "]",
    "![",
    "until",
    "| head 2",
    "| tail 1",
    "and",
    "or",
    "not",
    "(",
    ")",
    ",",
    "==",
    "!=",
    "<",
    ">=",
    ":",
    "in",
    "not in",
    "in~",
    "like",
    "like~",
    "regex",
    "regex~",
    "+",
    "-",
    "*",
    "/",
    "%",
    "s",
    "n",
    "f",
    "ip",
    "body",
    "?gone",
    "null",
    "true",
    "1",
    "-9223372036854775808",
    "0",
    "1e308",
    "\"a*?\"",
    "\"10.0.0.0/8\"",
    "\"[a\"",
    "\"\\u{1F600}\"",
    "length(",
    "substring(",
    "between~(",
    "cidrMatch(",
    "indexOf~(",
    "number(",
    "concat(",
    "startsWith~(s, s)",
    "string(",
];

fn events() -> Vec<Json> {
    vec![
        json!({"id": 1, "@timestamp": i64::MAX, "s": ["a", "😀", ""], "n": [i64::MIN, 0], "f": true, "ip": "::ffff:1.2.3.4", "body": "x"}),
        json!({"id": 2, "@timestamp": i64::MIN, "event.category": "process", "s": "A*", "n": i64::MAX, "f": [true, false], "ip": ["::", "bad"]}),
        json!({"id": 3}),
    ]
}

fn run(query: &str) -> Result<(), TestCaseError> {
    let answer = toy::answer(query, &events(), &json!({"body": "text"}), &["gone".to_owned()], None);
    for error in answer.err().into_iter().flatten() {
        prop_assert!(
            error.span.start <= error.span.end && error.span.end <= query.len(),
            "{error:?} in {query}"
        );
        prop_assert!(!error.message.is_empty());
    }
    Ok(())
}

/// Well-formed conditions, so that compiling and evaluating are reached more often than by chance.
fn condition() -> impl Strategy<Value = String> {
    let value = prop::sample::select(vec![
        "s",
        "n",
        "f",
        "ip",
        "?gone",
        "null",
        "1",
        "-3",
        "2.5",
        "\"a*\"",
        "true",
        "9223372036854775807",
    ]);
    let value = value.prop_map(str::to_owned).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (
                prop::sample::select(vec![
                    "length",
                    "string",
                    "number",
                    "concat",
                    "substring",
                    "indexOf~",
                    "between"
                ]),
                prop::collection::vec(inner.clone(), 1..4)
            )
                .prop_map(|(name, arguments)| format!("{name}({})", arguments.join(", "))),
            (inner.clone(), prop::sample::select(vec!["+", "-", "*", "/", "%"]), inner.clone())
                .prop_map(|(a, sign, b)| format!("({a} {sign} {b})")),
            inner.prop_map(|value| format!("-{value}")),
        ]
    });
    let signs = vec!["==", "!=", "<", "<=", ">", ">=", ":", "like", "regex~", "in ("];
    let leaf = (value.clone(), prop::sample::select(signs), value).prop_map(|(a, sign, b)| {
        if sign == "in (" { format!("{a} in ({b})") } else { format!("{a} {sign} {b}") }
    });
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|items| format!("({})", items.join(" and "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|items| format!("({})", items.join(" or "))),
            inner.prop_map(|item| format!("not {item}")),
        ]
    })
}

proptest! {
    #[test]
    fn any_words_at_all(words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..24)) {
        run(&words.join(" "))?;
    }

    #[test]
    fn well_formed_conditions(condition in condition()) {
        run(&format!("any where {condition}"))?;
        run(&format!("sequence by ?s with maxspan=1s [any where {condition}] ![any where not {condition}] [any where true] until [any where f]"))?;
    }
}

/// The deepest of each nesting, a hundred levels at most, that the parser lets through also compiles, prints and evaluates; none exhausts the stack.
#[test]
fn the_deepest_queries_are_answered() {
    let nested: [(&str, &str, &str, &str); 5] = [
        ("not ", "s : \"a\"", "", ""),
        ("(", "s : \"a\"", ")", ""),
        ("(f or ", "s : \"a\"", ")", ""),
        ("concat(", "s", ", 1)", " == null"),
        ("-", "n == 1", "", ""),
    ];
    for (open, core, close, end) in nested {
        let deepest = (1..=100).rev().find_map(|depth| {
            let query = format!("any where {}{core}{}{end}", open.repeat(depth), close.repeat(depth));
            evql::eql::parse(&query).is_ok().then_some(query)
        });
        let query = deepest.unwrap_or_else(|| panic!("nothing parses with {open}"));
        run(&query).expect("an answer");
        let schema = toy::ToySchema::new(&events(), &Json::Null, &[]);
        if let Ok(program) = evql::eql::compile(&evql::eql::parse(&query).expect("it parses"), &schema) {
            assert!(!program.to_string().is_empty());
        }
    }
    let long = format!("any where {}", vec!["s : \"a\""; 20_000].join(" or "));
    run(&long).expect("an answer");
}

/// Everything that is done with a query, the text shown to a person included; whether it parsed.
fn put_through(query: &str) -> bool {
    let statement = match evql::eql::parse(query) {
        Ok(statement) => statement,
        Err(errors) => {
            let shown = evql::eql::render(&errors, "query", query, evql::eql::Origin::default());
            assert!(
                !errors.is_empty() && shown.len() < 200_000,
                "{} errors, {} bytes",
                errors.len(),
                shown.len()
            );
            return false;
        }
    };
    let printed = statement.to_string();
    assert!(evql::eql::parse(&printed).as_ref() == Ok(&statement), "the same tree again");
    assert!(!evql::eql::Tree(&statement).to_string().is_empty());
    let schema = toy::ToySchema::new(&events(), &Json::Null, &[]);
    if let Ok(program) = evql::eql::compile(&statement, &schema) {
        assert!(!program.to_string().is_empty());
        let set = evql::eql::FilterSet::new(program.stages().iter().map(|stage| &stage.filter));
        let names = schema.names();
        // The first has lists under every field: a hundred of those in one script are as many combinations as a script tries at all.
        for event in &events()[1..] {
            let record = toy::ToyRecord { names: &names, event };
            let alone = program.stages().iter().map(|stage| stage.filter.matches(&record));
            let mut scratch = evql::eql::Scratch::default();
            assert_eq!(set.matching(&record, &mut scratch).len(), alone.filter(|holds| *holds).count());
        }
    }
    true
}

/// Workers have stacks of 2 MiB: nothing that is written as a query may need more, whether it is refused or as deep as is let through.
#[test]
fn no_query_exhausts_a_workers_stack() {
    let work = || {
        const MANY: usize = 100_000;
        // What opens, what stands within, what closes, what follows, and whether it parses when it is not too deep.
        let endless = [
            ("(", "f", ")", "", true),
            ("(", "f", "", "", false),
            ("not ", "f", "", "", true),
            ("-", "n", "", " == 1", true),
            ("- -(", "n", ")", " == 1", true),
            ("not (", "f", ")", "", true),
            ("f and (", "f", ")", "", true),
            ("n in (", "1", ")", "", true),
            ("concat(", "s", ")", " == null", true),
            ("length(string(", "s", "))", " > 1", true),
            ("s : (", "\"x\"", ")", "", true),
            ("[any where ", "f", "]", "", false),
            ("n + (", "n", ")", " == 1", true),
            ("child of [any where ", "f", "]", "", false),
            ("/*", "", "*/", "f", true),
        ];
        for (open, core, close, end, parses) in endless {
            let nested = |depth: usize| {
                put_through(&format!("any where {}{core}{}{end}", open.repeat(depth), close.repeat(depth)))
            };
            // Comments are no nesting of the tree.
            assert_eq!(nested(MANY), open == "/*", "{open}");
            put_through(&format!("sequence [any where {}] [any where true]", open.repeat(MANY)));
            assert_eq!((1..=101).rev().any(nested), parses, "{open}");
        }
        for (link, item) in [
            (" and ", "f"),
            (" or ", "n == 1"),
            (" + ", "n"),
            (" * ", "n"),
            (" == ", "n"),
            (", ", "n"),
            (".", "a"),
        ] {
            put_through(&format!("any where {}", vec![item; MANY].join(link)));
            put_through(&format!("any where n in ({})", vec![item; MANY].join(link)));
        }
        let list: Vec<String> = (0..MANY).map(|number| format!("\"v{number}*\"")).collect();
        assert!(put_through(&format!("any where s : ({})", list.join(", "))));
        let chain: Vec<String> = (0..MANY).map(|number| format!("s == \"v{number}\"")).collect();
        assert!(put_through(&format!("any where {}", chain.join(" or "))));
        assert!(put_through(&format!("any where not s in ({})", list.join(", "))));
    };
    let worker = std::thread::Builder::new().stack_size(2 << 20).spawn(work).expect("a thread");
    worker.join().expect("no panic");
}

/// A megabyte of anything is refused in a moment and with few words.
#[test]
fn a_megabyte_of_garbage_is_refused() {
    const PIECES: [&str; 12] =
        ["(", ")\"", "any where ", "\u{0}", "é", "'", "\"\"\"", "`", "/*", "?\"", "[ ![", "| head "];
    for piece in PIECES {
        let query = piece.repeat((1 << 20) / piece.len());
        assert!(!put_through(&query), "{piece:?}");
        assert!(!put_through(&format!("any where s : {query}")), "{piece:?}");
    }
    let mut state = 1_u64;
    let mixed: String = (0..200_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            WORDS[(state >> 33) as usize % WORDS.len()].to_owned() + " "
        })
        .collect();
    assert!(!put_through(&mixed));
}
