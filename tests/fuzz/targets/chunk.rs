//! Any bytes as a chunk, its checksums made right or left: both readers tell the same, in bounds, and looking for more changes nothing of what is live.
//! It reads no file.
#![no_main]

mod common;

use common::input_support::chunks::{CHUNK, FIRST_RECORD, sign};
use common::input_support::{Told, assert_same};
use common::{Way, read_chunk};
use libfuzzer_sys::fuzz_target;

/// No record is smaller than its header and the copy of its size; each may be a damage, and between two there may be another one.
const MOST: usize = 2 * (CHUNK - FIRST_RECORD) / 28 + 4;

fuzz_target!(|data: &[u8]| {
    let Some((&mode, bytes)) = data.split_first() else { return };
    let mut chunk = bytes.get(..CHUNK).unwrap_or(bytes).to_vec();
    let stored = if mode & 1 == 1 { chunk.len() } else { CHUNK };
    chunk.resize(CHUNK, 0);
    if mode & 2 == 2 {
        sign(&mut chunk);
    }
    let way = Way { carve: mode & 4 == 4, ..Way::PLAIN };
    let live = both(&chunk, stored, way);
    let more = both(&chunk, stored, Way { recover: true, ..way });
    assert_eq!(more.damages, live.damages);
    if !way.carve {
        assert!(live.records.iter().all(|record| !record.recovered));
        let still: Vec<_> = more.records.iter().filter(|record| !record.recovered).collect();
        assert_eq!(still, live.records.iter().collect::<Vec<_>>());
    }
});

fn both(chunk: &[u8], stored: usize, way: Way) -> Told {
    let fast = read_chunk(chunk, stored, way);
    assert_same(&fast, &read_chunk(chunk, stored, way.slow()), "chunk");
    assert!(fast.damages.len() <= MOST && fast.seen.len() <= MOST, "{} damages", fast.damages.len());
    fast
}
