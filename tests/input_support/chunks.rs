//! The bytes of a chunk, for tests that change some: where its records stand, its checksums made right again. It trusts the sizes in the chunk.
#![allow(dead_code, reason = "each test binary uses its own part")]

/// Bytes of an EVTX file before its first chunk.
pub const HEADER: usize = 4096;
/// Bytes of a chunk.
pub const CHUNK: usize = 65_536;
/// Where a chunk's first record begins.
pub const FIRST_RECORD: usize = 512;
/// Bytes of a record before its BinXML.
pub const RECORD_HEADER: usize = 24;

/// The number at `at`.
pub fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize
}

/// Writes `value` at `at`.
pub fn put_u32(bytes: &mut [u8], at: usize, value: usize) {
    bytes[at..at + 4].copy_from_slice(&u32::try_from(value).expect("small").to_le_bytes());
}

/// Where the records of `chunk` begin, by their sizes, and where the last ends.
pub fn starts(chunk: &[u8]) -> Vec<usize> {
    let mut starts = vec![FIRST_RECORD];
    let mut at = FIRST_RECORD;
    while at < u32_at(chunk, 48) {
        at += u32_at(chunk, at + 4);
        starts.push(at);
    }
    starts
}

/// Makes the checksums of `chunk` right, as far as its header tells of bytes that are there.
pub fn sign(chunk: &mut [u8]) {
    if let Some(records) = chunk.get(FIRST_RECORD..u32_at(chunk, 48)) {
        let records = crc32fast::hash(records);
        chunk[52..56].copy_from_slice(&records.to_le_bytes());
    }
    let mut crc = crc32fast::Hasher::new();
    crc.update(&chunk[..120]);
    crc.update(&chunk[128..512]);
    let crc = crc.finalize().to_le_bytes();
    chunk[124..128].copy_from_slice(&crc);
}

/// Makes the checksum of the file header that `log` begins with right.
pub fn sign_file(log: &mut [u8]) {
    let crc = crc32fast::hash(&log[..120]);
    log[124..128].copy_from_slice(&crc.to_le_bytes());
}
