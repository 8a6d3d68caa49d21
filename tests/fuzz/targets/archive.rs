//! Any bytes as an archive of each kind: no panic, no hang, bounded memory, and the size of the blocks changes nothing. It does not look at the records.
#![no_main]

mod common;

use common::{Way, read_source};
use libfuzzer_sys::fuzz_target;

/// What archives begin with: zip, gzip, bzip2, xz, zstd, 7z. A tar, which is known by what stands at 257, comes last.
const BEGINNINGS: [&[u8]; 6] =
    [b"PK\x03\x04", b"\x1F\x8B\x08", b"BZh9", b"\xFD7zXZ\0", b"\x28\xB5\x2F\xFD", b"7z\xBC\xAF\x27\x1C"];

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    let mut bytes = rest.to_owned();
    match BEGINNINGS.get(usize::from(kind) % 8) {
        Some(beginning) => {
            let over = beginning.len().min(bytes.len());
            bytes.splice(..over, beginning.iter().copied());
        }
        None if bytes.len() > 262 => {
            bytes.splice(257..262, *b"ustar");
        }
        None => {}
    }
    read_source(&bytes, Way::PLAIN);
});
