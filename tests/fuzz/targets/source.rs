//! Any bytes as a file, taken in whole, carved where it is no log: it ends as one of the known ends, and the size of the blocks changes nothing. It does
//! not look at the records.
#![no_main]

mod common;

use common::{Way, read_source};
use evql::input::End;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&mode, bytes)) = data.split_first() else { return };
    let way = Way { recover: mode & 1 == 1, carve: mode & 2 == 2, ..Way::PLAIN };
    let (few, few_end) = read_source(bytes, 1, way);
    let (many, many_end) = read_source(bytes, 64, way);
    assert_eq!(few, many);
    match (few_end, many_end) {
        (End::Read(few), End::Read(many)) => {
            assert_eq!(few, many);
            assert_eq!(few.size, bytes.len() as u64);
        }
        (End::Failed { damage, size, .. }, End::Failed { damage: other, .. }) => {
            assert_eq!(damage, other);
            assert_eq!(size, bytes.len() as u64);
        }
        ends => panic!("a file that was named is read or refused: {ends:?}"),
    }
});
