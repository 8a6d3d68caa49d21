//! Any bytes as a record's BinXML, behind the records of a sound chunk whose templates it may use: both readers tell the same, and the sound records are
//! all read. It changes nothing else in the chunk.
#![no_main]

mod common;

use std::sync::LazyLock;

use common::input_support::chunks::{CHUNK, HEADER, RECORD_HEADER, put_u32, sign, starts, u32_at};
use common::input_support::{Told, assert_same};
use common::{EVERY_EVENT, Way, read_chunk};
use libfuzzer_sys::fuzz_target;

/// The chunk in three records: its first, and its second that takes in all the others, so that their templates stand there and few records are read.
static BASE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut chunk = EVERY_EVENT[HEADER..HEADER + CHUNK].to_vec();
    let starts = starts(&chunk);
    let (second, end) = (starts[1], starts[starts.len() - 1]);
    put_u32(&mut chunk, second + 4, end - second);
    put_u32(&mut chunk, end - 4, end - second);
    chunk
});

static SOUND: LazyLock<Told> = LazyLock::new(|| read_chunk(&with_record(None), CHUNK, Way::PLAIN));

fuzz_target!(|binxml: &[u8]| {
    let chunk = with_record(Some(binxml));
    let fast = read_chunk(&chunk, CHUNK, Way::PLAIN);
    assert_same(&fast, &read_chunk(&chunk, CHUNK, Way::PLAIN.slow()), "record");
    let sound = SOUND.records.len();
    assert_eq!((sound, SOUND.damages.len()), (2, 0));
    assert_eq!(fast.records.get(..sound), Some(&SOUND.records[..]), "the sound records are read");
    let more = fast.records.len() - sound + fast.damages.len();
    assert_eq!(more, 1, "the record is read or told of: {:?}", fast.damages);
});

/// The base, with as much of `binxml` as it has room for in one more record.
fn with_record(binxml: Option<&[u8]>) -> Vec<u8> {
    let mut chunk = BASE.clone();
    let mut records = starts(&chunk);
    if let Some(binxml) = binxml {
        let at = u32_at(&chunk, 48);
        let room = CHUNK - at - RECORD_HEADER - 4;
        let binxml = binxml.get(..room).unwrap_or(binxml);
        let size = RECORD_HEADER + binxml.len() + 4;
        chunk[at..at + 4].copy_from_slice(b"**\0\0");
        put_u32(&mut chunk, at + 4, size);
        chunk[at + RECORD_HEADER..][..binxml.len()].copy_from_slice(binxml);
        put_u32(&mut chunk, at + size - 4, size);
        records.push(at + size);
    }
    let end = records.pop().expect("an end");
    for (id, start) in (1..).zip(&records) {
        put_u32(&mut chunk, start + 8, id);
    }
    let (count, last) = (records.len(), records[records.len() - 1]);
    for (field, value) in [(8, 1), (16, count), (24, 1), (32, count), (44, last), (48, end)] {
        put_u32(&mut chunk, field, value);
    }
    sign(&mut chunk);
    chunk
}
