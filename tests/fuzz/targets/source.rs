//! Any bytes as a file, taken in whole, carved where it is no log: no panic, and the size of the blocks changes nothing. It does not look at the records.
#![no_main]

mod common;

use common::{Way, read_source};
use evql::input::End;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&mode, bytes)) = data.split_first() else { return };
    let way = Way { recover: mode & 1 == 1, carve: mode & 2 == 2, ..Way::PLAIN };
    if let [End::Read(finished)] = read_source(bytes, way).as_slice() {
        assert_eq!(finished.size, bytes.len() as u64);
    }
});
