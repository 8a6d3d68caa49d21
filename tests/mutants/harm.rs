//! What can happen to a log: each harm changes some bytes of one and says which of its chunks it left alone. It reads no record.

use crate::input_support::Random;
use crate::input_support::chunks::{
    CHUNK, FIRST_RECORD, HEADER, RECORD_HEADER, put_u32, sign, sign_file, starts, u32_at,
};

/// Tokens that say what the bytes behind them are, values' types, and the numbers at the edges.
const TELLING: [u8; 16] =
    [0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x15, 0x21, 0x81, 0x7F, 0xFF];
/// Numbers that headers lie with.
const LIES: [usize; 12] = [0, 1, 4, 27, 28, 511, 512, 65_535, 65_536, 65_537, 0x7FFF_FFFF, 0xFFFF_FFFF];

/// A log that harm came to.
pub struct Mutant {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// For each chunk that it has place for, which of the sound log's stands there untouched.
    pub untouched: Vec<Option<usize>>,
    /// What was done to it, in order.
    pub harms: Vec<&'static str>,
}

type Harm = fn(&mut Mutant, &mut Random);

const HARMS: [(&str, Harm); 13] = [
    ("cut", cut),
    ("bits flipped", flip),
    ("a chunk zeroed", zero),
    ("chunks swapped", swap),
    ("a chunk doubled", double),
    ("a lying file header", lie_of_file),
    ("a lying chunk header", lie_of_chunk),
    ("a lying record header", lie_of_record),
    ("record ids", number_records),
    ("template offsets", move_templates),
    ("overlapping records", overlap),
    ("a record's bytes", change_record),
    ("name and template tables", change_tables),
];

impl Mutant {
    /// A copy of `log`, one to three harms done to it.
    pub fn of(log: &[u8], random: &mut Random) -> Self {
        let chunks = log.len().saturating_sub(HEADER) / CHUNK;
        let mut mutant =
            Self { bytes: log.to_vec(), untouched: (0..chunks).map(Some).collect(), harms: Vec::new() };
        for _ in 0..=random.below(6) / 4 + random.below(4) / 3 {
            let (name, harm) = HARMS[random.below(HARMS.len())];
            // What was cut before may have left nothing to harm.
            if !mutant.untouched.is_empty() {
                harm(&mut mutant, random);
                mutant.harms.push(name);
            }
        }
        mutant
    }

    /// Changes the chunk at a random place, and makes its checksums right half of the time.
    fn change(&mut self, random: &mut Random, change: impl FnOnce(&mut [u8], &mut Random)) {
        let place = random.below(self.untouched.len());
        let start = HEADER + place * CHUNK;
        let Some(chunk) = self.bytes.get_mut(start..start + CHUNK) else { return };
        change(chunk, random);
        if random.below(2) == 0 {
            sign(chunk);
        }
        self.untouched[place] = None;
    }
}

fn cut(mutant: &mut Mutant, random: &mut Random) {
    let length = random.below(mutant.bytes.len());
    mutant.bytes.truncate(length);
    mutant.untouched.truncate(length.saturating_sub(HEADER) / CHUNK);
}

fn flip(mutant: &mut Mutant, random: &mut Random) {
    for _ in 0..1 << random.below(7) {
        let at = random.below(mutant.bytes.len());
        mutant.bytes[at] ^= 1 << random.below(8);
        if let Some(at) = at.checked_sub(HEADER)
            && let Some(place) = mutant.untouched.get_mut(at / CHUNK)
        {
            *place = None;
        }
    }
}

fn zero(mutant: &mut Mutant, random: &mut Random) {
    mutant.change(random, |chunk, _| chunk.fill(0));
}

fn swap(mutant: &mut Mutant, random: &mut Random) {
    let [one, other] = [random.below(mutant.untouched.len()), random.below(mutant.untouched.len())];
    let (low, high) = (one.min(other), one.max(other));
    if low < high {
        let (before, after) = mutant.bytes.split_at_mut(HEADER + high * CHUNK);
        before[HEADER + low * CHUNK..][..CHUNK].swap_with_slice(&mut after[..CHUNK]);
        mutant.untouched.swap(low, high);
    }
}

fn double(mutant: &mut Mutant, random: &mut Random) {
    let from = random.below(mutant.untouched.len());
    let to = random.below(mutant.untouched.len() + 1);
    let copy = mutant.bytes[HEADER + from * CHUNK..][..CHUNK].to_vec();
    let at = HEADER + to * CHUNK;
    mutant.bytes.splice(at..at, copy);
    let same = mutant.untouched[from];
    mutant.untouched.insert(to, same);
}

/// First and last chunk, next record, header size, version, block size, chunk count, flags, checksum; the magic stays.
fn lie_of_file(mutant: &mut Mutant, random: &mut Random) {
    let field = [8, 16, 24, 32, 36, 38, 40, 42, 120, 124][random.below(10)];
    put_u32(&mut mutant.bytes, field, LIES[random.below(LIES.len())]);
    if random.below(2) == 0 {
        sign_file(&mut mutant.bytes);
    }
}

/// First and last numbers and ids, header size, offsets of the last record and of the free space, checksum of the records, flags, checksum.
fn lie_of_chunk(mutant: &mut Mutant, random: &mut Random) {
    mutant.change(random, |chunk, random| {
        let field = [8, 16, 24, 28, 32, 36, 40, 44, 48, 52, 120, 124][random.below(12)];
        let lie =
            if random.below(3) == 0 { random.below(CHUNK + 64) } else { LIES[random.below(LIES.len())] };
        put_u32(chunk, field, lie);
    });
}

/// Magic, size, id, time, and the size at the end.
fn lie_of_record(mutant: &mut Mutant, random: &mut Random) {
    mutant.change(random, |chunk, random| {
        let Some((start, end)) = record(chunk, random) else { return };
        let field =
            [start, start + 4, start + 4, start + 8, start + 16, start + 20, end - 4][random.below(7)];
        let lie = if random.below(2) == 0 {
            random.below(2 * (end - start))
        } else {
            LIES[random.below(LIES.len())]
        };
        put_u32(chunk, field, lie);
    });
}

/// All the same, falling, or any.
fn number_records(mutant: &mut Mutant, random: &mut Random) {
    mutant.change(random, |chunk, random| {
        let way = random.below(3);
        let starts = sound_starts(chunk);
        for (index, start) in starts.iter().enumerate() {
            let id = [7, 100_000 - index, random.below(1 << 20)][way];
            put_u32(chunk, (start + 8).min(CHUNK - 4), id);
        }
    });
}

/// Where a record says that its template stands, and where a template says that the next one does.
fn move_templates(mutant: &mut Mutant, random: &mut Random) {
    mutant.change(random, |chunk, random| {
        let instances: Vec<usize> =
            (FIRST_RECORD..CHUNK - 34).filter(|at| chunk[*at..].starts_with(&[0x0C, 0x01])).collect();
        for _ in 0..=random.below(4) {
            let Some(at) = instances.get(random.below(instances.len().max(1))) else { return };
            let target = match random.below(3) {
                0 => LIES[random.below(LIES.len())],
                1 => random.below(CHUNK),
                _ => instances[random.below(instances.len())] + 10,
            };
            put_u32(chunk, at + [6, 6, 6, 10, 30][random.below(5)], target);
        }
    });
}

/// A record ends inside another one, or takes in several; the size at its new end says so too.
fn overlap(mutant: &mut Mutant, random: &mut Random) {
    mutant.change(random, |chunk, random| {
        let Some((start, _)) = record(chunk, random) else { return };
        let size = (28 + random.below(8_192)).min(CHUNK - start);
        put_u32(chunk, start + 4, size);
        put_u32(chunk, start + size - 4, size);
    });
}

fn change_record(mutant: &mut Mutant, random: &mut Random) {
    mutant.change(random, |chunk, random| {
        let Some((start, end)) = record(chunk, random) else { return };
        for _ in 0..=random.below(12) {
            let at = start + RECORD_HEADER + random.below((end - start).saturating_sub(RECORD_HEADER).max(1));
            chunk[at.min(CHUNK - 1)] =
                if random.below(2) == 0 { TELLING[random.below(TELLING.len())] } else { random.next() as u8 };
        }
    });
}

fn change_tables(mutant: &mut Mutant, random: &mut Random) {
    mutant.change(random, |chunk, random| {
        for _ in 0..=random.below(16) {
            let target =
                if random.below(2) == 0 { random.below(CHUNK) } else { LIES[random.below(LIES.len())] };
            put_u32(chunk, 128 + 4 * random.below(96), target);
        }
    });
}

/// Where a random record of `chunk` begins and ends.
fn record(chunk: &[u8], random: &mut Random) -> Option<(usize, usize)> {
    let starts = sound_starts(chunk);
    let index = random.below(starts.len().checked_sub(1).filter(|count| *count > 0)?);
    Some((starts[index], starts[index + 1]))
}

/// Where the records of `chunk` begin, and where the last ends; nothing when an earlier harm broke their chain.
fn sound_starts(chunk: &[u8]) -> Vec<usize> {
    if chain_is_sound(chunk) { starts(chunk) } else { Vec::new() }
}

fn chain_is_sound(chunk: &[u8]) -> bool {
    let end = u32_at(chunk, 48);
    let mut at = FIRST_RECORD;
    while at < end.min(CHUNK - 28) {
        let size = u32_at(chunk, at + 4);
        if !(28..=CHUNK - at).contains(&size) {
            return false;
        }
        at += size;
    }
    at == end
}
