//! Any text as an export in XML: no panic, and where a block ends changes nothing. It does not look at what the events say.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| common::read_export("<Events>", data));
