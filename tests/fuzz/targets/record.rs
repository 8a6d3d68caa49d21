//! Any bytes as a record's BinXML, behind the records of a sound chunk whose templates it may use: both readers tell the same, and the sound records are
//! all read. It changes nothing else in the chunk.
#![no_main]

mod common;

use std::sync::LazyLock;

use common::input_support::chunks::{CHUNK, HEADER, RECORD_HEADER, put_u32, sign, starts, u32_at};
use common::input_support::{Told, assert_same};
use common::{EVERY_EVENT, Way, read_chunk};
use libfuzzer_sys::fuzz_target;

static SOUND: LazyLock<Told> =
    LazyLock::new(|| read_chunk(&EVERY_EVENT[HEADER..HEADER + CHUNK], CHUNK, Way::PLAIN));

fuzz_target!(|binxml: &[u8]| {
    let chunk = with_record(binxml);
    let fast = read_chunk(&chunk, CHUNK, Way::PLAIN);
    assert_same(&fast, &read_chunk(&chunk, CHUNK, Way::PLAIN.slow()), "record");
    let sound = SOUND.records.len();
    assert_eq!(fast.records.get(..sound), Some(&SOUND.records[..]), "the sound records are read");
    let more = fast.records.len() - sound + fast.damages.len();
    assert_eq!(more, 1, "the record is read or told of: {:?}", fast.damages);
});

/// The sound chunk, with as much of `binxml` as it has room for in one more record.
fn with_record(binxml: &[u8]) -> Vec<u8> {
    let mut chunk = EVERY_EVENT[HEADER..HEADER + CHUNK].to_vec();
    let at = *starts(&chunk).last().expect("an end");
    let room = CHUNK - at - RECORD_HEADER - 4;
    let binxml = binxml.get(..room).unwrap_or(binxml);
    let size = RECORD_HEADER + binxml.len() + 4;
    let id = u32_at(&chunk, 32) + 1;
    chunk[at..at + 4].copy_from_slice(b"**\0\0");
    put_u32(&mut chunk, at + 4, size);
    put_u32(&mut chunk, at + 8, id);
    chunk[at + RECORD_HEADER..][..binxml.len()].copy_from_slice(binxml);
    put_u32(&mut chunk, at + size - 4, size);
    for (field, value) in [(16, id), (32, id), (44, at), (48, at + size)] {
        put_u32(&mut chunk, field, value);
    }
    sign(&mut chunk);
    chunk
}
