//! Any text as an export in JSON, of every form: no panic, and where a block ends changes nothing. It does not look at what the events say.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;

/// An event, so that the source is known for what it is.
const FIRST: &str = r##"{"Event":{"System":{"Provider":{"#attributes":{"Name":"x"}},"EventID":1}}}"##;

fuzz_target!(|data: &[u8]| common::read_export(FIRST, data));
