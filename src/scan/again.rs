//! Some of the evidence once more, after a pass: for what could not be known before it. It hashes nothing and tells of no damage: the first pass has.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::finding::SourceReport;
use crate::input::{Seen, Source};
use crate::sysmon::{Event, LazyEvent};

use super::observer::Observer;
use super::order::Place;
use super::pass::{At, Look, PassOptions, Worker, pass};

/// What a pass read, to be read again.
#[derive(Clone, Copy)]
pub struct Again<'a> {
    /// The files that the pass was given.
    pub files: &'a [Source],
    /// What it told of all sources, by ordinal.
    pub sources: &'a [SourceReport],
    /// How it read.
    pub options: &'a PassOptions,
    /// Told how many bytes are read.
    pub observer: &'a dyn Observer,
    /// Raised when the run is to end early.
    pub interrupt: &'a AtomicBool,
}

/// What of the evidence is read, by the names of the sources.
#[derive(Debug, Default)]
pub struct Extents {
    sources: BTreeSet<String>,
    /// Of event logs that are not read as a whole.
    chunks: Arc<BTreeMap<String, BTreeSet<u64>>>,
}

impl Extents {
    /// These `chunks` of sources, and the `whole` ones, which can be among those.
    pub fn new(whole: BTreeSet<String>, mut chunks: BTreeMap<String, BTreeSet<u64>>) -> Self {
        chunks.retain(|name, chunks| !chunks.is_empty() && !whole.contains(name));
        let mut sources = whole;
        sources.extend(chunks.keys().cloned());
        Self { sources, chunks: Arc::new(chunks) }
    }

    /// The chunks of a source that are read; `None` for all of them.
    pub fn of(&self, source: &str) -> Option<&BTreeSet<u64>> {
        self.chunks.get(source)
    }

    /// All such chunks.
    pub fn chunks(&self) -> Arc<BTreeMap<String, BTreeSet<u64>>> {
        Arc::clone(&self.chunks)
    }
}

/// An observer for which sources and events count the first time only.
struct Bytes<'a>(&'a dyn Observer);

impl Observer for Bytes<'_> {
    fn bytes_read(&self, bytes: u64) {
        self.0.bytes_read(bytes);
    }
    fn source_read(&self) {}
    fn hits(&self, _count: u64) {}
    fn reads_again(&self, _bytes: u64) {}
}

impl Again<'_> {
    /// Reads the sources of `extents`: files, and of archives (`file!/member`) the file they lie in. `worker` is asked of the records of these sources only,
    /// and told their places as the first pass numbered them; `deliver` is told in the order of the evidence. Answers whether all was read; where nothing is to
    /// be read no file is opened. An interrupted run reads nothing again: half of it tells nothing.
    ///
    /// # Errors
    /// [`Error::Usage`] when the threads cannot be started; whatever `deliver` breaks off with.
    pub fn read<W: Worker>(
        &self,
        extents: &Extents,
        worker: &W,
        deliver: &mut (dyn FnMut(Vec<W::Out>) -> ControlFlow<Error> + Send),
    ) -> Result<bool> {
        if self.interrupt.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let sources = &extents.sources;
        let files: Vec<Source> =
            self.files.iter().filter(|file| holds(&file.name, sources)).cloned().collect();
        if files.is_empty() {
            return Ok(true);
        }
        let begun: BTreeSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
        let sizes = self
            .sources
            .iter()
            .filter(|report| begun.contains(report.source.as_str()))
            .map(|report| report.size);
        self.observer.reads_again(sizes.fold(0, u64::saturating_add));
        let named = self.sources.iter().enumerate().filter(|(_, report)| sources.contains(&report.source));
        let mut ordinals = HashMap::new();
        for (ordinal, report) in named {
            // Members of one archive can have one name: then the first stands for all.
            ordinals.entry(report.source.as_str()).or_insert(u32::try_from(ordinal).unwrap_or(u32::MAX));
        }
        let options = PassOptions { hash: false, ..self.options.clone() };
        let worker = Renumbered { worker, ordinals, extents };
        let read = pass(&files, &options, &worker, &Bytes(self.observer), self.interrupt, deliver)?;
        Ok(!read.interrupted)
    }
}

/// Whether `file` or a member of it is among `sources`.
fn holds(file: &str, sources: &BTreeSet<String>) -> bool {
    let inside = format!("{file}!/");
    let member = sources.range(inside.clone()..).next();
    sources.contains(file) || member.is_some_and(|name| name.starts_with(&inside))
}

/// A worker that is told of some sources, by their ordinals of the first pass.
struct Renumbered<'a, W> {
    worker: &'a W,
    ordinals: HashMap<&'a str, u32>,
    extents: &'a Extents,
}

impl<W: Worker> Worker for Renumbered<'_, W> {
    type Scratch = W::Scratch;
    type Out = W::Out;

    fn scratch(&self) -> W::Scratch {
        self.worker.scratch()
    }

    fn is_first(&self) -> bool {
        false
    }

    fn extents(&self) -> Option<&Extents> {
        Some(self.extents)
    }

    fn wants(&self, scratch: &mut W::Scratch, seen: &Seen<'_>) -> bool {
        self.worker.wants(scratch, seen)
    }

    fn look(&self, scratch: &mut W::Scratch, event: &LazyEvent<'_>, at: At<'_>) -> Look<W::Out> {
        self.renumbered(at).map_or(Look::Done(None), |at| self.worker.look(scratch, event, at))
    }

    fn event(&self, scratch: &mut W::Scratch, event: &Event, at: At<'_>) -> Option<W::Out> {
        self.worker.event(scratch, event, self.renumbered(at)?)
    }

    fn part(&self, scratch: &mut W::Scratch, source: &Source) -> Vec<W::Out> {
        self.worker.part(scratch, source)
    }
}

impl<W> Renumbered<'_, W> {
    /// The place as the first pass numbered it; `None` in a source that was not asked for.
    fn renumbered<'s>(&self, at: At<'s>) -> Option<At<'s>> {
        let source = *self.ordinals.get(at.source.name.as_str())?;
        Some(At { place: Place { source, ..at.place }, ..at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_for_itself_and_for_its_members() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        let some = names(&["a.evtx", "c.zip!/x/b.evtx", "c.zip-old"]);
        let read: Vec<bool> =
            ["a.evtx", "b.evtx", "c.zip", "c.zi", "a"].iter().map(|file| holds(file, &some)).collect();
        assert_eq!(read, [true, false, true, false, false]);
        assert!(!holds("c.zip", &names(&["c.zip!x"])));
    }
}
