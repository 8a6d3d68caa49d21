//! Any text: the lexer covers it, the parser does not panic, and what it refuses can be shown. It does not look at the tree.
#![no_main]

use evql::eql::{Origin, lexer, parse, render};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut end = 0;
    for token in lexer::lex(text).tokens {
        assert_eq!(token.span.start, end, "tokens stand end to end");
        end = token.span.end;
    }
    assert_eq!(end, text.len(), "tokens cover the text");
    if let Err(diagnostics) = parse(text) {
        assert!(!diagnostics.is_empty(), "a refusal has a reason");
        render(&diagnostics, "query", text, Origin::default());
    }
});
