//! Where each process left a trace, noted on the first pass over the evidence: with it, only the chunks that tell of a story are read again. It keeps no event
//! and no name: four bytes for each mark of a chunk, and who started whom.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::sysmon::Facts;

use super::lookup::{HostKey, Key, Keys};

/// Marks that are kept, at most (64 MB): the sources beyond are read again as a whole.
const MARKS: usize = 16 << 20;
/// Process starts that are kept account of, at most: some 150 MB as traces, some 250 MB when it is looked up who started whom.
pub const STARTS: usize = 6_000_000;

/// What a chunk tells of, cut to four bytes: of two things with one mark, both are read.
type Mark = u32;

/// A process did something.
fn deed(process: Key) -> Mark {
    cut(process)
}

/// A process began or ended.
fn life(process: Key) -> Mark {
    cut(process.rotate_left(32))
}

/// The lower half.
fn cut(key: Key) -> Mark {
    Mark::try_from(key & Key::from(Mark::MAX)).unwrap_or(Mark::MAX)
}

/// A process, and who started it.
pub type Start = (Key, Option<Key>);

/// The traces in a part of a source. Of each event that is due the marks are expected: where they cannot be had, the source is read again as a whole.
#[derive(Debug, Default)]
pub struct Part {
    /// Chunks, each with where its marks end.
    chunks: Vec<(u64, usize)>,
    marks: Vec<Mark>,
    starts: Vec<Start>,
    /// The last event that was due has not been shown.
    due: bool,
    missed: bool,
    /// The computer of the last event, which the next one mostly shares.
    last: Option<(String, HostKey)>,
}

impl Part {
    /// An event is there, to be shown before the next one is.
    pub fn expect(&mut self) {
        self.missed |= self.due;
        self.due = true;
    }

    /// Notes the event that is due, which stands in `chunk`.
    pub fn see(&mut self, event: &impl Facts, chunk: u64, keys: &Keys) {
        if !std::mem::take(&mut self.due) {
            return;
        }
        if self.chunks.last().is_none_or(|(last, _)| *last != chunk) {
            self.close();
            self.chunks.push((chunk, self.marks.len()));
        }
        let event_id = event.event_id();
        let host = self.host(event.computer(), keys);
        if let Some(process) = keys.process_on(host, event) {
            self.marks.push(deed(process));
            if matches!(event_id, 1 | 5) {
                self.marks.push(life(process));
            }
            if event_id == 1 {
                self.starts.push((process, keys.parent_on(host, event)));
            }
        }
        if event_id == 22 {
            let resolved = keys.resolved(event).into_iter();
            self.marks.extend(resolved.map(|address| cut(keys.address(event.computer(), address))));
        }
    }

    fn host(&mut self, computer: &str, keys: &Keys) -> HostKey {
        match &self.last {
            Some((last, host)) if last == computer => *host,
            _ => {
                let host = keys.host(computer);
                self.last = Some((computer.to_owned(), host));
                host
            }
        }
    }

    /// Puts the last chunk's marks in order, each once.
    fn close(&mut self) {
        let Some((_, end)) = self.chunks.last_mut() else { return };
        // Until then it is where they begin.
        let mut own = self.marks.split_off(*end);
        own.sort_unstable();
        own.dedup();
        self.marks.append(&mut own);
        *end = self.marks.len();
    }

    /// All of it, and begins anew; `None` when nothing was expected.
    pub fn take(&mut self) -> Option<Self> {
        self.missed |= self.due;
        self.close();
        let last = self.last.take();
        let mut part = std::mem::replace(self, Self { last, ..Self::default() });
        part.marks.shrink_to_fit();
        part.starts.shrink_to_fit();
        (part.missed || !part.chunks.is_empty()).then_some(part)
    }
}

/// The traces in all the evidence.
#[derive(Debug)]
pub struct Traces {
    /// How processes are hashed.
    pub keys: Keys,
    /// Whether they were noted at all.
    noted: bool,
    /// By ordinal.
    sources: BTreeMap<u32, Vec<Part>>,
    /// Ordinals of the sources whose traces are not all here.
    unknown: BTreeSet<u32>,
    marks: usize,
    starts: usize,
}

/// Of a source, what has to be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// These chunks.
    Chunks(BTreeSet<u64>),
}

impl Traces {
    /// None yet.
    pub fn new() -> Self {
        Self { noted: true, ..Self::unnoted() }
    }

    /// Of evidence that was read without noting any: all of it is read again.
    pub fn unnoted() -> Self {
        let (sources, unknown) = (BTreeMap::new(), BTreeSet::new());
        Self { keys: Keys::new(), noted: false, sources, unknown, marks: 0, starts: 0 }
    }

    /// Takes the next part of the source with this ordinal.
    pub fn add(&mut self, source: u32, part: Part) {
        let (marks, starts) =
            (self.marks.saturating_add(part.marks.len()), self.starts.saturating_add(part.starts.len()));
        if part.missed || marks > MARKS || starts > STARTS {
            self.unknown.insert(source);
        }
        if self.unknown.contains(&source) {
            self.sources.remove(&source);
            return;
        }
        (self.marks, self.starts) = (marks, starts);
        self.sources.entry(source).or_default().push(part);
    }

    /// Whether what the source tells of is known.
    pub fn knows(&self, source: u32) -> bool {
        self.noted && !self.unknown.contains(&source)
    }

    /// Who started whom in that source, in its order.
    pub fn starts(&self, source: u32) -> impl Iterator<Item = Start> {
        self.sources.get(&source).into_iter().flatten().flat_map(|part| part.starts.iter().copied())
    }

    /// Where that source tells of what is `sought`.
    pub fn extent(&self, source: u32, sought: &Sought) -> Extent {
        if !self.knows(source) {
            return Extent::Whole;
        }
        let mut found = BTreeSet::new();
        for part in self.sources.get(&source).into_iter().flatten() {
            let mut begin = 0;
            for (chunk, end) in &part.chunks {
                let marks = part.marks.get(begin..*end).unwrap_or_default();
                if marks.iter().any(|mark| sought.0.contains(mark)) {
                    found.insert(*chunk);
                }
                begin = *end;
            }
        }
        Extent::Chunks(found)
    }
}

/// What is looked for.
#[derive(Debug, Default)]
pub struct Sought(HashSet<Mark>);

impl Sought {
    /// Also all that these processes did.
    pub fn deeds(mut self, processes: impl IntoIterator<Item = Key>) -> Self {
        self.0.extend(processes.into_iter().map(deed));
        self
    }

    /// Also when these processes began and ended.
    pub fn lives(mut self, processes: impl IntoIterator<Item = Key>) -> Self {
        self.0.extend(processes.into_iter().map(life));
        self
    }

    /// Also the queries that these addresses answered, as [`Keys::address`] has them.
    pub fn answers(mut self, addresses: impl IntoIterator<Item = Key>) -> Self {
        self.0.extend(addresses.into_iter().map(cut));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A part with one mark for each chunk.
    fn part(marks: &[(u64, Mark)], starts: &[Start]) -> Part {
        let chunks = marks.iter().zip(1..).map(|((chunk, _), end)| (*chunk, end)).collect();
        let marks = marks.iter().map(|(_, mark)| *mark).collect();
        Part { chunks, marks, starts: starts.to_vec(), ..Part::default() }
    }

    fn chunks(chunks: &[u64]) -> Extent {
        Extent::Chunks(chunks.iter().copied().collect())
    }

    #[test]
    fn chunks_are_found_by_what_they_tell_of() {
        let (process, other) = (0x1111_2222_3333_4444, 0x5555_6666_7777_8888);
        let mut traces = Traces::new();
        traces.add(0, part(&[(0, deed(process)), (1, life(other))], &[(process, None)]));
        traces.add(0, part(&[(2, deed(other)), (7, life(process))], &[(other, Some(process))]));
        traces.add(1, part(&[(0, deed(other))], &[]));
        let deeds = Sought::default().deeds([process]);
        assert_eq!((traces.extent(0, &deeds), traces.extent(1, &deeds)), (chunks(&[0]), chunks(&[])));
        let both = Sought::default().deeds([process]).lives([other]);
        assert_eq!(traces.extent(0, &both), chunks(&[0, 1]));
        assert_eq!(traces.starts(0).collect::<Vec<_>>(), [(process, None), (other, Some(process))]);
    }

    #[test]
    fn a_source_with_an_event_that_was_not_shown_is_read_as_a_whole() {
        let mut missing = Part::default();
        missing.expect();
        missing.expect();
        let mut traces = Traces::new();
        traces.add(0, part(&[(0, 1)], &[(1, None)]));
        traces.add(0, missing.take().expect("a part"));
        traces.add(0, part(&[(1, 1)], &[(2, None)]));
        assert_eq!(traces.extent(0, &Sought::default()), Extent::Whole);
        assert_eq!(traces.starts(0).count(), 0);
        assert!(!traces.knows(0) && traces.knows(1));
        assert!(!Traces::unnoted().knows(1));
    }

    #[test]
    fn the_last_event_of_a_part_can_be_the_one_that_was_not_shown() {
        let mut part = Part::default();
        part.expect();
        assert!(part.take().expect("a part").missed);
        assert!(part.take().is_none());
    }
}
