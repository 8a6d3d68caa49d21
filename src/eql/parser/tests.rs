//! What the parser accepts, what tree it makes and how it refuses. The expectations are those of EqlBase.g4 and LogicalPlanBuilder (Elasticsearch 8).

use super::*;
use crate::eql::ast::{Comparison, ExprKind, Literal, Pipe, Predicate, Query, Unit};

#[track_caller]
fn ok(text: &str) -> Statement {
    parse(text).unwrap_or_else(|diagnostics| panic!("{text:?} is refused: {diagnostics:#?}"))
}

#[track_caller]
fn condition(text: &str) -> ExprKind {
    match ok(&format!("any where {text}")).query {
        Query::Event(filter) => filter.condition.node,
        other => panic!("not an event query: {other:?}"),
    }
}

/// The errors of `text` as (the underlined text, message with help).
#[track_caller]
fn errors(text: &str) -> Vec<(String, String)> {
    let Err(diagnostics) = parse(text) else { panic!("{text:?} is accepted") };
    let shown = |diagnostic: Diagnostic| {
        let place = text[diagnostic.span.start..diagnostic.span.end].to_owned();
        (place, format!("{}; {}", diagnostic.message, diagnostic.help.unwrap_or_default()))
    };
    diagnostics.into_iter().map(shown).collect()
}

#[track_caller]
fn refused(text: &str, place: &str, words: &str) {
    let errors = errors(text);
    let found = errors.iter().any(|(at, message)| at == place && message.contains(words));
    assert!(found, "{text:?}: no error at {place:?} with {words:?} in {errors:#?}");
    assert_eq!(errors.len(), 1, "{text:?}: more than one error: {errors:#?}");
}

#[track_caller]
fn same(left: &str, right: &str) {
    assert_eq!(condition(left), condition(right), "{left:?} and {right:?}");
}

#[test]
fn precedence_is_elasticsearchs() {
    same("a == 1 and b == 2 or c == 3", "(a == 1 and b == 2) or c == 3");
    same("a == 1 or b == 2 and c == 3", "a == 1 or (b == 2 and c == 3)");
    same("not a == 1 and b == 2", "(not (a == 1)) and b == 2");
    same("not not a", "not (not a)");
    same("a + b * c == 1", "(a + (b * c)) == 1");
    same("a - b - c == 1", "((a - b) - c) == 1");
    same("a * b % c == 1", "((a * b) % c) == 1");
    same("-a * b == 1", "((-a) * b) == 1");
    same("+a == 1", "a == 1");
    same("a + 1 in (2)", "a + (1 in (2))");
    same("-a in (2)", "-(a in (2))");
    same("a : \"x\" == true", "(a : \"x\") == true");
    same("a like \"x\" and b", "(a like \"x\") and b");
}

#[test]
fn chains_are_flat_but_parentheses_stay() {
    let ExprKind::And(operands) = condition("a and b and c") else { panic!("not a chain") };
    assert_eq!(operands.len(), 3);
    let ExprKind::And(operands) = condition("(a and b) and c") else { panic!("not a chain") };
    assert_eq!(operands.len(), 2);
}

#[test]
fn not_in_is_one_predicate_and_not_a_negation() {
    let ExprKind::Predicate { operator, negated, values, .. } = condition("a not in~ (\"x\", -5)") else {
        panic!("not a predicate")
    };
    assert!(negated);
    assert_eq!(operator, Predicate::InInsensitive);
    assert_eq!(values.len(), 2);
    assert!(matches!(condition("not a in (1)"), ExprKind::Not(_)));
}

#[test]
fn numbers_keep_their_kind() {
    let literal = |text: &str| match condition(&format!("a == {text}")) {
        ExprKind::Compare { right, operator: Comparison::Equal, .. } => right.node,
        other => panic!("{other:?}"),
    };
    for (text, expected) in [
        ("42", Literal::Int(42)),
        ("9223372036854775807", Literal::Int(i64::MAX)),
        ("9223372036854775808", Literal::UnsignedLong(9_223_372_036_854_775_808)),
        ("18446744073709551616", Literal::Float(18_446_744_073_709_551_616.0)),
        ("1.", Literal::Float(1.0)),
        (".5", Literal::Float(0.5)),
        ("1e10", Literal::Float(1e10)),
        (".5E-3", Literal::Float(0.0005)),
        ("1.5e+2", Literal::Float(150.0)),
    ] {
        assert_eq!(literal(text), ExprKind::Literal(expected), "{text}");
    }
    assert!(matches!(literal("-5"), ExprKind::Negate(_)));
    refused("any where a == 1e999", "1e999", "too large");
}

#[test]
fn strings_mean_what_their_escapes_say() {
    let string = |text: &str| match condition(&format!("a == {text}")) {
        ExprKind::Compare { right, .. } => match right.node {
            ExprKind::Literal(Literal::String(value)) => value,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    for (text, expected) in [
        (r#""C:\\Windows""#, r"C:\Windows"),
        (r#""\b\t\n\f\r\"\\""#, "\u{8}\t\n\u{c}\r\"\\"),
        (r#""\u{e9}\u{00e9}\u{0001F600}""#, "éé😀"),
        (r#""""C:\Windows\*""""#, r"C:\Windows\*"),
        (r#""""say "hi"""""#, r#"say "hi""#),
        (r#""""a"""""#, r#"a""#),
        (r#""""a""""""#, r#"a"""#),
        (r#""""""""#, ""),
        (r#""""#, ""),
        ("\"tab\there // no comment\"", "tab\there // no comment"),
    ] {
        assert_eq!(string(text), expected, "{text}");
    }
}

#[test]
fn wrong_strings_are_refused_where_they_are_wrong() {
    refused(r#"any where a == "C:\Windows""#, r"\W", "not an escape");
    refused(r#"any where a == "\'""#, r"\'", "not an escape");
    refused(r#"any where a == "\u{d800}""#, r"\u{d800}", "not a Unicode character");
    refused(r#"any where a == "\u{1}""#, r"\u{1", "two to eight");
    refused(r#"any where a == "\u12""#, r"\u", "braces");
    refused("any where a == \"open and b == 2\nand c", "\"open and b == 2", "never closed");
    refused("any where a == \"\"\"open\"\" and c", "\"\"\"open\"\" and c", "never closed");
    refused("any where a == 'cmd.exe' and b", "'cmd.exe'", "single quotes");
    refused("any where a == ?\"cmd\\.exe\" and b", "?\"cmd\\.exe\"", "`?` before a string");
    refused("any where a == ?'cmd.exe'", "?'cmd.exe'", "`?` before a string");
}

#[test]
fn names_are_dotted_optional_and_backticked() {
    let field = |text: &str| match condition(text) {
        ExprKind::Field { optional, name } => (optional, name),
        other => panic!("{other:?}"),
    };
    assert_eq!(field("process.name"), (false, "process.name".to_owned()));
    assert_eq!(field("?process . name"), (true, "process.name".to_owned()));
    assert_eq!(field("@timestamp"), (false, "@timestamp".to_owned()));
    assert_eq!(field("`my``field.x-y`.z"), (false, "my`field.x-y.z".to_owned()));
    assert_eq!(field("`sequence`"), (false, "sequence".to_owned()));
    refused("any where sequence == 19", "sequence", "`sequence` is a keyword");
    refused("any where process.where == 19", "where", "`where` is a keyword");
    refused("any where ``.a == 19", "``", "cannot be empty");
}

#[test]
fn categories_are_words_or_strings() {
    let category = |text: &str| match ok(text).query {
        Query::Event(filter) => filter.category.map(|category| category.node),
        other => panic!("{other:?}"),
    };
    assert_eq!(category("process where true"), Some("process".to_owned()));
    assert_eq!(category("any where true"), None);
    assert_eq!(category("\"my category\" where true"), Some("my category".to_owned()));
    assert_eq!(category("\"any\" where true"), Some("any".to_owned()));
    assert_eq!(category("\"\"\"a\\b\"\"\" where true"), Some("a\\b".to_owned()));
}

#[test]
fn comments_nest_and_hide() {
    same("a /* one /* two */ still */ == 1 // end", "a == 1");
    same("a == 1 /* opened /* twice */", "a == 1");
    refused("any where a == 1 /* open", "/* open", "never closed");
}

#[test]
fn a_sequence_holds_all_its_parts() {
    let text = "sequence by host.id, ?user.id with maxspan = 500ms
        [process where a] by x with runs = 3 ![file where b] by `y z` [any where c] by w until [any where d] by v | head 4 | tail 2147483648-1";
    let statement = ok(text);
    let Query::Sequence(sequence) = statement.query else { panic!("not a sequence") };
    assert_eq!(sequence.by.len(), 2);
    assert!(sequence.by[1].node.optional);
    let maxspan = sequence.maxspan.expect("a maxspan").node;
    assert_eq!((maxspan.value, maxspan.unit), (500, Unit::Milliseconds));
    assert_eq!(sequence.terms[0].node.runs.as_ref().map(|runs| runs.node), Some(3));
    assert!(sequence.terms[1].node.missing);
    assert_eq!(sequence.terms[1].node.by[0].node.field, "y z");
    assert!(sequence.until.is_some());
    let pipes: Vec<_> = statement.pipes.iter().map(|pipe| pipe.node).collect();
    assert_eq!(pipes, [Pipe::Head(4), Pipe::Tail(2_147_483_647)]);
}

#[test]
fn a_term_may_run_alone_and_until_counts_as_a_query() {
    ok("sequence [any where true] with runs=2");
    ok("sequence [any where true] until [any where true]");
    ok("sequence by (a) [any where true] [any where true]");
}

#[test]
fn sequences_have_limits() {
    refused("sequence [any where true]", "sequence", "at least two terms");
    refused("sequence [any where true] with runs=101 [any where true]", "101", "from 1 to 100");
    refused("sequence [any where true] with runs=0 [any where true]", "0", "from 1 to 100");
    refused("sequence [any where true] with runs=2.0 [any where true]", "2.0", "from 1 to 100");
    let long = "sequence [any where true] with runs=100 [any where true] with runs=100 [any where true] with runs=57";
    refused(long, "sequence", "256 items");
    ok(&long.replace("57", "56"));
    refused("sequence [any where a] ![any where b]", "![any where b]", "needs a `maxspan`");
    refused(
        "sequence with maxspan=1s ![any where a] ![any where b]",
        "sequence",
        "at least one event that is there",
    );
    refused("sequence [any where a] by x [any where b] by x, y", "x, y", "1 join key of its own, this one 2");
    refused(
        "sequence [any where a] by x [any where b] by x until [any where b]",
        "[any where b]",
        "same number",
    );
    refused("sequence by a + 1 [any where a] [any where b]", "a + 1", "must be a field");
    refused(
        "sequence [any where a] [any where b] until ![any where c]",
        "until ![any where c]",
        "one plain term",
    );
}

#[test]
fn maxspan_is_a_positive_whole_number_with_a_unit() {
    let with = |span: &str| format!("sequence with maxspan={span} [any where a] [any where b]");
    ok(&with("1d"));
    refused(&with("1.5s"), "1.5", "whole number");
    refused(&with("5"), "5", "did you mean `5s`?");
    refused(&with("0s"), "0", "out of range");
    refused(&with("-1s"), "-", "positive");
    refused(&with("5w"), "w", "not a unit");
    refused("sequence with maxspan==5s [any where a] [any where b]", "==", "single `=`");
    refused("sequence with maxspan=5s by a [any where a] [any where b]", "by", "before `with maxspan`");
    refused("sequence with runs=2 [any where a] [any where b]", "runs", "after a term's `]`");
    refused("sequence [any where a] with maxspan=5s [any where b]", "maxspan", "before the first `[`");
}

#[test]
fn samples_have_keys_and_little_else() {
    ok("sample by host [any where a] by x [any where b] by y");
    let keyless = errors("sample [any where a] [any where b]");
    assert!(
        keyless.len() == 2 && keyless.iter().all(|(_, message)| message.contains("needs a join key")),
        "{keyless:?}"
    );
    refused("sample by z [any where a] [any where b] by y", "y", "no join key of its own, this one 1");
    refused("sample by a [any where a]", "sample", "two to 5 terms");
    refused("sample by a [any where a] ![any where b]", "![any where b]", "missing events");
    refused(
        "sample by a [any where a] with runs=2 [any where b]",
        "[any where a] with runs=2",
        "`with runs`",
    );
    refused("sample by a [any where a] by a [any where b] by b", "a", "already");
    refused("sample by a with maxspan=1s [any where a] [any where b]", "with", "takes no `with`");
    refused("sample by a [any where a] [any where b] until [any where c]", "until", "takes no `until`");
    refused("sample by a [any where a] [any where b] | head 1", "|", "no pipes");
}

#[test]
fn only_head_and_tail_are_pipes() {
    refused("any where true | unique process.name", "unique", "not supported");
    refused("any where true | heed 5", "heed", "did you mean `head`?");
    refused("any where true | head", "head", "needs the number");
    refused("any where true | head -1", "-1", "whole number from 0");
    refused("any where true | head 1.5", "1.5", "whole number from 0");
    refused("any where true | head 2147483648", "2147483648", "whole number from 0");
    refused("any where true | tail \"5\"", "\"5\"", "whole number from 0");
    refused("any where true |", "", "no pipe");
}

#[test]
fn what_eql_has_given_up_is_refused_with_a_way_out() {
    refused("process where child of [process where true]", "child of", "sequence by");
    refused("process where not descendant of [process where true] and a", "descendant of", "not part of EQL");
    refused("process where event of [process where true]", "event of", "not part of EQL");
    refused("join by a [any where b] [any where c]", "join", "use `sample");
    refused("sequence [any where a] fork=true by x [any where b] by x", "fork", "not part of EQL");
    refused("process where args[0] == \"a\"", "[0]", "picked by number");
    refused("process where a not like \"x*\"", "not like", "`not field like …`");
    refused("process where a not : (\"x*\", \"y\")", "not :", "`not field : …`");
    refused("process where pid = 4", "=", "write `==`");
    refused("process where a !: \"x\"", "!:", "not field");
    refused("process where a && b", "&&", "write `and`");
    refused("process where a || b", "||", "write `or`");
    refused("process where !a", "!", "write `not`");
    refused("process where 1 < pid < 5", "<", "chained");
}

#[test]
fn what_is_missing_is_named() {
    refused("", "", "expected an event category");
    refused("process.name == \"x\"", ".", "`where`");
    refused("process where", "", "expected a value");
    refused("process where a ==", "", "expected a value");
    refused("process where (a == 1", "(", "never closed");
    refused("process where a == 1)", ")", "expected an operator");
    refused("process where f(a b)", "b", "expected an operator");
    refused("process where a in ()", ")", "expected a value");
    refused("process where a in 5", "5", "list of values");
    refused("process where a : b", "b", "a constant, not a field");
    refused("process where a : -5", "-", "`==`");
    refused("process where a == not b", "not", "parentheses");
    refused("process where startswith~ a", "a", "after a function's `~`");
    refused("process where a == “b”", "“b”", "straight quotes");
    refused("process where prozeß == 1", "prozeß", "backticks");
    refused("sequence [process where a == 1 [file where b]", "[", "never closed");
    refused("sequence [process where a] foo [file where b]", "foo", "expected `[`");
}

#[test]
fn all_errors_are_reported() {
    let text = "sequence by host.id [process where a = 1 and b == 'x' or (c == ) and d in ()] by x
        [file where e == and f[1] == 2] [x] | head x";
    let places: Vec<String> = errors(text).into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, ["=", "'x'", ")", ")", "and", "[1]", "]", "x"]);
}

#[test]
fn spans_cover_what_they_name() {
    let text = "any where (a + 1) * 2 == length( b ) and not c.d in (1, 2)";
    let Query::Event(filter) = ok(text).query else { panic!("not an event query") };
    let slice = |span: Span| &text[span.start..span.end];
    let ExprKind::And(operands) = &filter.condition.node else { panic!("not a chain") };
    assert_eq!(slice(filter.condition.span), &text[10..]);
    assert_eq!(slice(operands[0].span), "(a + 1) * 2 == length( b )");
    assert_eq!(slice(operands[1].span), "not c.d in (1, 2)");
    let ExprKind::Compare { left, right, .. } = &operands[0].node else { panic!("not a comparison") };
    assert_eq!(slice(left.span), "(a + 1) * 2");
    let ExprKind::Call { name, .. } = &right.node else { panic!("not a call") };
    assert_eq!(slice(name.span), "length");
}

#[test]
fn depth_is_limited_and_length_is_not() {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("any where {}a{}", open.repeat(depth), close.repeat(depth))
    };
    ok(&nested("(", ")", 99));
    ok(&nested("not ", "", 98));
    for text in [
        nested("(", ")", 100_000),
        nested("(", "", 100_000),
        nested("not ", "", 100_000),
        nested("-", "", 100_000),
        nested("f(", ")", 100_000),
        nested("a in (", ")", 100_000),
        nested("a of [b where ", "]", 100_000),
        nested("1 + ", "", 100_000),
        nested("(1 + ", ")", 100_000),
    ] {
        assert!(!errors(&text).is_empty());
    }
    let chain = vec!["a == 1"; 100_000].join(" and ");
    let ExprKind::And(operands) = condition(&chain) else { panic!("not a chain") };
    assert_eq!(operands.len(), 100_000);
    let strings = format!("a : ({})", vec!["\"x\""; 100_000].join(", "));
    assert!(matches!(condition(&strings), ExprKind::Predicate { .. }));
}
