//! Any text that parses: its tree, printed and parsed again, is the same tree. It does not look at what is refused.
#![no_main]

use evql::eql::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(statement) = parse(text) {
        let printed = statement.to_string();
        assert_eq!(parse(&printed), Ok(statement), "printed as {printed}");
    }
});
