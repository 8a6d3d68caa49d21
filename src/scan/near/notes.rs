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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::builtin;
    use crate::scan::rule_set::{RuleSet, compile};
    use crate::sysmon;

    /// The built-in rule's watches, all of which need a start.
    fn lookout() -> Lookout {
        let options = sysmon::Options::default();
        let rules = builtin().into_iter().map(|rule| {
            let program = compile(&rule.info.query, None).expect("it compiles");
            (rule, program)
        });
        Lookout::new(&RuleSet::new(rules.collect(), &options), &options)
    }

    fn note(key: u64, identity: u64) -> Note {
        let time = Timestamp::from_filetime(identity);
        Note::new(0, key, identity, time, Place::default(), false)
    }

    #[test]
    fn a_note_is_small() {
        assert!(size_of::<Note>() <= 48, "{}", size_of::<Note>());
    }

    #[test]
    fn when_room_is_short_what_has_a_start_stays() {
        let lookout = lookout();
        assert!(lookout.needs_start(0));
        let mut notes = Notes { most: 4, ..Notes::default() };
        notes.open([7]);
        notes.add(vec![note(7, 1), note(8, 2), note(8, 3), note(7, 4)], &lookout);
        assert!(!notes.more, "all fit so far");
        notes.add(vec![note(8, 5), note(7, 6), note(7, 7), note(7, 8)], &lookout);
        let noted = notes.finish();
        let kept: Vec<u64> = noted.under(0).map(|(_, note)| note.identity).collect();
        assert_eq!((kept, noted.more), (vec![1, 4, 6, 7], true));
    }

    #[test]
    fn a_record_noted_twice_is_one_and_its_live_copy_stands_for_it() {
        let place = |source| Place { source, position: Position::default() };
        let time = Timestamp::from_filetime(9);
        let given = [(0, true), (2, false), (1, false)];
        let notes = given.map(|(source, recovered)| Note::new(0, 7, 5, time, place(source), recovered));
        let noted = Noted::new(notes.to_vec(), false);
        let records: Vec<usize> = noted.since(0, 7, time).map(|(number, _)| number).collect();
        assert_eq!(records, [0]);
        let (first, copies) = noted.record(0).expect("the record");
        assert_eq!((first.place().source, copies.len()), (1, 2));
        assert!(noted.has(0, 7, 5) && !noted.has(0, 7, 6));
    }
}
