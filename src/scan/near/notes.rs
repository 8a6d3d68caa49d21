//! Events that came near something, as small as can be, and few: they are read a second time if they turn out to matter. It judges none of them.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use crate::input::Position;
use crate::scan::order::Place;
use crate::time::Timestamp;

use super::lookout::Lookout;

/// Notes kept, at most: 48 bytes each.
const MOST: usize = 1_000_000;

/// The hash by which join keys and records are known again. It reaches no output.
pub fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// That an event came near something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// The event's time by the clock of the run.
    pub time: Timestamp,
    /// The join key, hashed; 0 where none matters.
    pub key: u64,
    /// The record's identity, hashed.
    pub identity: u64,
    chunk: u64,
    record: u32,
    source: u32,
    /// The number of the watch.
    pub watch: u32,
    recovered: bool,
}

impl Note {
    /// A note of the event read at `place`.
    pub fn new(watch: u32, key: u64, identity: u64, time: Timestamp, place: Place, recovered: bool) -> Self {
        let Place { source, position: Position { chunk, record } } = place;
        Self { time, key, identity, chunk, record, source, watch, recovered }
    }

    /// Where the event was read.
    pub fn place(&self) -> Place {
        Place { source: self.source, position: Position { chunk: self.chunk, record: self.record } }
    }
}

/// The notes of a pass, as they come in.
#[derive(Debug)]
pub struct Notes {
    notes: Vec<Note>,
    /// The join keys, hashed, that a sequence has been begun with so far.
    open: HashSet<u64>,
    most: usize,
    full: bool,
    more: bool,
}

impl Default for Notes {
    fn default() -> Self {
        Self { notes: Vec::new(), open: HashSet::new(), most: MOST, full: false, more: false }
    }
}

impl Notes {
    /// Remembers the join keys, hashed, of a sequence that may be completed.
    pub fn open(&mut self, keys: impl IntoIterator<Item = u64>) {
        self.open.extend(keys);
    }

    /// Takes the next notes, in the order of the evidence. When all room is taken, those go whose join key nothing was begun with so far, and no others
    /// like them come in.
    pub fn add(&mut self, given: Vec<Note>, lookout: &Lookout) {
        for note in given {
            if self.notes.len() >= self.most && !self.full {
                self.full = true;
                let open = &self.open;
                self.notes.retain(|note| wanted(note, open, lookout));
                self.more |= self.notes.len() < self.most;
            }
            if self.notes.len() < self.most && (!self.full || wanted(&note, &self.open, lookout)) {
                self.notes.push(note);
            } else {
                self.more = true;
            }
        }
    }

    /// The notes, each record once.
    pub fn finish(self) -> Noted {
        Noted::new(self.notes, self.more)
    }
}

fn wanted(note: &Note, open: &HashSet<u64>, lookout: &Lookout) -> bool {
    !lookout.needs_start(note.watch) || open.contains(&note.key)
}

/// All notes of a pass, those of one record together.
#[derive(Debug)]
pub struct Noted {
    /// By watch, key and record; of each record the live copies first.
    notes: Vec<Note>,
    /// Ranges of `notes` that are one record, by watch, key and time.
    records: Vec<Range<u32>>,
    /// Whether there were more than could be kept.
    pub more: bool,
}

impl Noted {
    fn new(mut notes: Vec<Note>, more: bool) -> Self {
        notes.sort_unstable_by_key(|note| {
            (note.watch, note.key, note.identity, note.recovered, note.time, note.place())
        });
        let mut records: Vec<Range<u32>> = Vec::new();
        let mut start = 0_u32;
        for group in notes.chunk_by(|a, b| (a.watch, a.key, a.identity) == (b.watch, b.key, b.identity)) {
            let end = start.saturating_add(u32::try_from(group.len()).unwrap_or(u32::MAX));
            records.push(start..end);
            start = end;
        }
        let mut noted = Self { notes, records: Vec::new(), more };
        records.sort_unstable_by_key(|range| {
            noted.first(range).map(|note| (note.watch, note.key, note.time, note.place()))
        });
        noted.records = records;
        noted
    }

    fn first(&self, range: &Range<u32>) -> Option<&Note> {
        self.notes.get(range.start as usize)
    }

    /// The note that stands for the record number `number`, and those of its copies.
    pub fn record(&self, number: usize) -> Option<(&Note, &[Note])> {
        let range = self.records.get(number)?;
        self.notes.get(range.start as usize..range.end as usize)?.split_first()
    }

    /// The numbers and notes of the records under `watch`, by key and time.
    pub fn under(&self, watch: u32) -> impl Iterator<Item = (usize, &Note)> {
        self.from(move |note| note.watch < watch).take_while(move |(_, note)| note.watch == watch)
    }

    /// The numbers and notes of the records under `watch` and `key`, not before `time`, in time.
    pub fn since(&self, watch: u32, key: u64, time: Timestamp) -> impl Iterator<Item = (usize, &Note)> {
        self.from(move |note| (note.watch, note.key, note.time) < (watch, key, time))
            .take_while(move |(_, note)| (note.watch, note.key) == (watch, key))
    }

    /// Whether the record `identity` is noted under `watch` and `key`.
    pub fn has(&self, watch: u32, key: u64, identity: u64) -> bool {
        let own = |note: &Note| (note.watch, note.key, note.identity);
        self.notes.binary_search_by_key(&(watch, key, identity), own).is_ok()
    }

    fn from(&self, before: impl Fn(&Note) -> bool) -> impl Iterator<Item = (usize, &Note)> {
        let start = self.records.partition_point(|range| self.first(range).is_some_and(&before));
        let rest = self.records.iter().enumerate().skip(start);
        rest.filter_map(|(number, range)| Some((number, self.first(range)?)))
    }
}
