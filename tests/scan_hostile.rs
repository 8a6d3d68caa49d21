//! Every sample cut at each 4 KiB and with bytes flipped: nothing panics or hangs, and the records of intact chunks are all kept.

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::{samples, scan_here, tree};
use evql::finding::Clock;

const HEADER: usize = 4096;
const CHUNK: usize = 65_536;
const FLIPS: u64 = 1_000;

/// A sample's bytes, and how many records each whole chunk holds by its own header ([MS-EVEN6]: first and last record number at 8 and 16).
struct Sample {
    name: String,
    bytes: Vec<u8>,
    records: Vec<u64>,
}

fn logs() -> Vec<Sample> {
    let files = tree(&samples()).into_iter().filter(|(name, _)| name.ends_with(".evtx"));
    files.map(|(name, bytes)| Sample { records: records(&bytes), name, bytes }).collect()
}

fn records(bytes: &[u8]) -> Vec<u64> {
    let number = |chunk: &[u8], at: usize| u64::from_le_bytes(chunk[at..at + 8].try_into().expect("8 bytes"));
    let count = |chunk: &[u8]| match chunk.starts_with(b"ElfChnk\0") {
        true => number(chunk, 16) - number(chunk, 8) + 1,
        false => 0,
    };
    bytes[HEADER..].chunks_exact(CHUNK).map(count).collect()
}

/// Scans `variants` (bytes, and how many records must be read of them at least) of one sample, together.
fn all_keep(sample: &Sample, variants: Vec<(Vec<u8>, u64)>) {
    let temp = tempfile::tempdir().expect("a folder");
    let mut wanted = BTreeMap::new();
    for (number, (bytes, least)) in variants.into_iter().enumerate() {
        let name = format!("{number:04}.evtx");
        fs::write(temp.path().join(&name), bytes).expect("a variant");
        wanted.insert(name, least);
    }
    let outcome = scan_here(&[temp.path().to_path_buf()], Clock::Created);
    assert_eq!(outcome.sources.len(), wanted.len(), "{}", sample.name);
    for source in outcome.sources {
        let name = source.source.rsplit('/').next().expect("a name");
        let (read, least) = (source.records, wanted[name]);
        assert!(read >= least, "{}, variant {name}: {read} of {least} records", sample.name);
    }
}

#[test]
fn the_chunk_headers_count_what_a_scan_reads() {
    for sample in logs().iter().filter(|sample| !sample.name.starts_with("damaged")) {
        let outcome = scan_here(&[samples().join(&sample.name)], Clock::Created);
        let whole: u64 = sample.records.iter().sum();
        assert_eq!(outcome.sources[0].records, whole, "{}", sample.name);
    }
}

#[test]
fn a_log_cut_anywhere_keeps_its_whole_chunks() {
    for sample in logs() {
        let cuts = (0..sample.bytes.len()).step_by(4096);
        let whole = |cut: usize| cut.saturating_sub(HEADER) / CHUNK;
        let variants = cuts.map(|cut| {
            let least = sample.records.iter().take(whole(cut)).sum();
            (sample.bytes[..cut].to_vec(), least)
        });
        all_keep(&sample, variants.collect());
    }
}

#[test]
fn a_flipped_byte_costs_no_other_chunk() {
    let samples = logs();
    let each = FLIPS.div_ceil(samples.len() as u64);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).expect("below usize")
    };
    for sample in samples {
        let variants = (0..each).map(|_| {
            let mut bytes = sample.bytes.clone();
            let at = random(bytes.len());
            bytes[at] ^= 1 << random(8);
            let hit = at.checked_sub(HEADER).map(|at| at / CHUNK);
            let others = sample.records.iter().enumerate().filter(|(chunk, _)| Some(*chunk) != hit);
            (bytes, others.map(|(_, records)| records).sum())
        });
        all_keep(&sample, variants.collect());
    }
}
