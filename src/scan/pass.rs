//! One pass over the files: read in order, worked on by all threads, handed over in order. It matches nothing itself; a [`Worker`] does.
//!
//! One thread reads (and hashes) and cuts what it reads into tasks of a few chunks; a task may hold chunks of one huge source or of dozens of small ones, so
//! both keep every thread busy. When enough tasks wait, the reading thread works too. Memory does not grow with the evidence.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::Scope;

use crate::error::{Error, Result};
use crate::finding::{Damage, DamageKind, Filtered, Selected};
use crate::input::archive::ArchiveOptions;
use crate::input::{
    Block, ChunkRange, End, IntakeOptions, PieceReader, RawRecord, ReaderKind, Seen, Sink, Source, Undecoded,
    Verdict, Visitor, take_in,
};
use crate::sysmon::{self, Event, Facts, LazyEvent, LazyEvents};

use super::again::Extents;
use super::coverage::Coverage;
use super::ledger::{Damages, Ledger, Read};
use super::observer::Observer;
use super::order::Place;
use super::select::Selection;

/// Chunks in a task.
const CHUNKS_PER_TASK: usize = 8;
/// Sources that end in a task: small ones and such as are no log.
const ENDS_PER_TASK: usize = 64;
/// Tasks that may wait, for each thread.
const TASKS_PER_THREAD: usize = 4;

/// What is done with each record, on any thread.
pub trait Worker: Sync {
    /// What a thread keeps from event to event.
    type Scratch: Send;
    /// What an event may give.
    type Out: Send;
    /// A new scratch.
    fn scratch(&self) -> Self::Scratch;
    /// Told of every record of any provider, before [`Worker::event`] is; says whether the event is to be decoded, should it be Sysmon's.
    fn wants(&self, scratch: &mut Self::Scratch, seen: &Seen<'_>) -> bool;
    /// What is to be done with `event`, which is wanted and sound, before it is decoded.
    fn look(&self, _scratch: &mut Self::Scratch, _event: &LazyEvent<'_>, _at: At<'_>) -> Look<Self::Out> {
        Look::Decode
    }
    /// What `event`, read at `place` of `source`, gives.
    fn event(&self, scratch: &mut Self::Scratch, event: &Event, at: At<'_>) -> Option<Self::Out>;
    /// Whether what is read is counted and checked: not so when all of it was before.
    fn is_first(&self) -> bool {
        true
    }
    /// What of the sources has to be read; `None` for all of it.
    fn extents(&self) -> Option<&Extents> {
        None
    }
    /// Whether [`Worker::note`] is to be told of a record of Sysmon's; called once for each, before [`Worker::event`] is.
    fn notes(&self, _scratch: &mut Self::Scratch) -> bool {
        false
    }
    /// Told, where its values can be had, of an event that [`Worker::notes`] asked for, wanted or not.
    fn note(&self, _scratch: &mut Self::Scratch, _event: &impl Facts, _place: Place) {}
    /// What the part of `source` that was just read gives as a whole, after its events.
    fn part(&self, _scratch: &mut Self::Scratch, _source: &Source) -> Vec<Self::Out> {
        Vec::new()
    }
}

/// What a look at an event that is not decoded led to.
pub enum Look<T> {
    /// It is to be decoded and given to [`Worker::event`].
    Decode,
    /// It is done with; what it gives, if anything.
    Done(Option<T>),
}

/// Where an event was read.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// The source.
    pub source: &'a Source,
    /// Its place among all records.
    pub place: Place,
}

/// How a pass reads.
#[derive(Debug, Clone)]
pub struct PassOptions {
    /// Worker threads; 0 takes all cores.
    pub threads: usize,
    /// Whether they give way to everything else on the machine.
    pub nice: bool,
    /// Which reader decodes records.
    pub reader: ReaderKind,
    /// Whether sources are hashed on the way.
    pub hash: bool,
    /// Whether records are also taken from where no header tells of any.
    pub recover: bool,
    /// Whether chunks are looked for in sources that are no evidence by their beginning.
    pub carve: bool,
    /// How archives are read.
    pub archives: ArchiveOptions,
    /// How Sysmon is mapped to ECS.
    pub mapping: sysmon::Options,
    /// Which records are looked at.
    pub selected: Selected,
    /// Which chunks are read of each event log; `None` reads all.
    pub chunks: Option<ChunkRange>,
}

/// The threads that work.
fn pool(options: &PassOptions) -> Result<rayon::ThreadPool> {
    let nice = options.nice;
    let begin = move |_| {
        if nice {
            // Where the system refuses, the thread works as others do.
            let _ = thread_priority::set_current_thread_priority(thread_priority::ThreadPriority::Min);
        }
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .start_handler(begin)
        .build()
        .map_err(|error| Error::Usage(format!("cannot start {} threads: {error}", options.threads)))
}

/// Reads all `files` once. `deliver` is told what `worker` made of each part, in the order of the evidence, and may break off.
///
/// # Errors
/// [`Error::Usage`] when the threads cannot be started; whatever `deliver` breaks off with.
pub fn pass<W: Worker>(
    files: &[Source],
    options: &PassOptions,
    worker: &W,
    observer: &dyn Observer,
    interrupt: &AtomicBool,
    deliver: &mut (dyn FnMut(Vec<W::Out>) -> ControlFlow<Error> + Send),
) -> Result<Read> {
    let pool = pool(options)?;
    let desks: Vec<Desk<W>> = (0..pool.current_num_threads()).map(|_| Desk::new(options, worker)).collect();
    let selection = Selection::new(&options.selected);
    let work = Work { desks: &desks, worker, mapping: &options.mapping, selection: &selection, observer };
    pool.scope(|scope| {
        let mut press = Press {
            scope,
            work: &work,
            interrupt,
            deliver,
            filling: Task::default(),
            waiting: VecDeque::new(),
            most_waiting: desks.len() * TASKS_PER_THREAD,
            ledger: Ledger::default(),
            error: None,
        };
        let intake = IntakeOptions {
            hash: options.hash,
            carve: options.carve,
            archives: options.archives.clone(),
            chunks: options.chunks,
            only: worker.extents().map(Extents::chunks).unwrap_or_default(),
        };
        let taken = take_in(files, intake, &|bytes| observer.bytes_read(bytes), &mut press);
        press.finish(files.get(taken.begun..).unwrap_or_default(), taken.verdicts)
    })
}

/// What all threads share.
struct Work<'a, W: Worker> {
    desks: &'a [Desk<W>],
    worker: &'a W,
    mapping: &'a sysmon::Options,
    selection: &'a Selection,
    observer: &'a dyn Observer,
}

/// What one thread keeps from piece to piece: what was learnt of templates, and the worker's scratch.
struct Desk<W: Worker>(Mutex<(PieceReader, Notebook<W>)>);

/// What a visitor keeps from piece to piece.
struct Notebook<W: Worker> {
    lazy: LazyEvents,
    scratch: W::Scratch,
}

impl<W: Worker> Desk<W> {
    fn new(options: &PassOptions, worker: &W) -> Self {
        let reader = match options.recover {
            true => PieceReader::recovering(options.reader),
            false => PieceReader::new(options.reader),
        };
        let reader = if worker.is_first() { reader } else { reader.without_checks() };
        Self(Mutex::new((reader, Notebook { lazy: LazyEvents::default(), scratch: worker.scratch() })))
    }
}

/// Some blocks of some sources, and the sources that ended among them.
#[derive(Default)]
struct Task {
    blocks: Vec<(Arc<Source>, Block)>,
    chunks: usize,
    ends: Vec<(Arc<Source>, End)>,
}

/// A task at work, and what comes of it.
struct Pending<W: Worker> {
    parts: Receiver<Vec<PartOut<W>>>,
    ends: Vec<(Arc<Source>, End)>,
}

/// What came of one block.
struct PartOut<W: Worker> {
    source: Arc<Source>,
    coverage: Coverage,
    filtered: Filtered,
    damages: Damages,
    outs: Vec<W::Out>,
}

/// Takes what is read, sets the threads to work on it, and delivers what comes of it in order.
struct Press<'a, 'scope, W: Worker> {
    scope: &'a Scope<'scope>,
    work: &'scope Work<'scope, W>,
    interrupt: &'a AtomicBool,
    deliver: &'a mut (dyn FnMut(Vec<W::Out>) -> ControlFlow<Error> + Send),
    filling: Task,
    waiting: VecDeque<Pending<W>>,
    most_waiting: usize,
    ledger: Ledger,
    error: Option<Error>,
}

impl<'scope, W: Worker> Sink for Press<'_, 'scope, W> {
    fn room(&self) -> usize {
        CHUNKS_PER_TASK.saturating_sub(self.filling.chunks)
    }

    fn block(&mut self, source: &Arc<Source>, block: Block) -> ControlFlow<()> {
        self.filling.chunks += block.chunks();
        self.filling.blocks.push((Arc::clone(source), block));
        if self.filling.chunks >= CHUNKS_PER_TASK { self.start() } else { ControlFlow::Continue(()) }
    }

    fn end(&mut self, source: &Arc<Source>, end: End) -> ControlFlow<()> {
        self.filling.ends.push((Arc::clone(source), end));
        if self.filling.ends.len() >= ENDS_PER_TASK { self.start() } else { ControlFlow::Continue(()) }
    }
}

impl<'scope, W: Worker> Press<'_, 'scope, W> {
    /// Hands the task that was being filled to the threads; works itself while too many wait.
    fn start(&mut self) -> ControlFlow<()> {
        let Task { blocks, ends, .. } = std::mem::take(&mut self.filling);
        let (sender, parts) = sync_channel(1);
        let work = self.work;
        self.scope.spawn(move |_| {
            // The pass waits for it until its end, so it is received.
            let _ = sender.send(work.on(blocks));
        });
        self.waiting.push_back(Pending { parts, ends });
        self.deliver_until(self.most_waiting);
        let over = self.error.is_some() || self.interrupt.load(Ordering::Relaxed);
        if over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Delivers, in order, what is done, until at most `most` tasks wait.
    fn deliver_until(&mut self, most: usize) {
        while let Some(first) = self.waiting.front() {
            match first.parts.try_recv() {
                Ok(parts) => self.deliver(parts),
                // A task that panicked gives nothing; the scope passes the panic on.
                Err(TryRecvError::Disconnected) => self.deliver(Vec::new()),
                Err(TryRecvError::Empty) if self.waiting.len() <= most => break,
                Err(TryRecvError::Empty) => {
                    if rayon::yield_now() != Some(rayon::Yield::Executed) {
                        std::thread::yield_now();
                    }
                }
            }
        }
    }

    /// Delivers the `parts` of the first task that waits.
    fn deliver(&mut self, parts: Vec<PartOut<W>>) {
        let Some(done) = self.waiting.pop_front() else { return };
        for part in parts {
            self.ledger.add(&part.source, part.coverage, part.filtered, part.damages);
            if self.error.is_none()
                && let ControlFlow::Break(error) = (self.deliver)(part.outs)
            {
                self.error = Some(error);
            }
        }
        for (source, end) in done.ends {
            self.ledger.close(&source, end);
            self.work.observer.source_read();
        }
    }

    /// Waits for all tasks. `not_reached` are the files that were not begun.
    fn finish(mut self, not_reached: &[Source], verdicts: Vec<Verdict>) -> Result<Read> {
        // What was read before an interruption counts.
        let _ = self.start();
        self.deliver_until(0);
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.ledger.into_read(not_reached, verdicts)),
        }
    }
}

impl<W: Worker> Work<'_, W> {
    /// Each thread works at its own of the desks, so that no lock is ever waited for.
    fn on(&self, blocks: Vec<(Arc<Source>, Block)>) -> Vec<PartOut<W>> {
        let own = rayon::current_thread_index().unwrap_or_default();
        let Some(desk) = self.desks.get(own) else { return Vec::new() };
        let mut desk = desk.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (reader, notebook) = &mut *desk;
        blocks.iter().map(|(source, block)| self.block(source, block, reader, notebook)).collect()
    }

    fn block(
        &self,
        source: &Arc<Source>,
        block: &Block,
        reader: &mut PieceReader,
        notebook: &mut Notebook<W>,
    ) -> PartOut<W> {
        let out = PartOut {
            source: Arc::clone(source),
            coverage: Coverage::default(),
            filtered: Filtered::default(),
            damages: Damages::default(),
            outs: Vec::new(),
        };
        let mut visit = Visit { work: self, notebook, out, wanted: false, noted: false };
        block.pieces().for_each(|piece| reader.read(&source.name, piece, &mut visit));
        self.observer.hits(visit.out.outs.len() as u64);
        visit.out.outs.extend(self.worker.part(&mut visit.notebook.scratch, source));
        visit.out
    }
}

/// Turns what the reader tells into what the worker makes of it.
struct Visit<'a, W: Worker> {
    work: &'a Work<'a, W>,
    notebook: &'a mut Notebook<W>,
    out: PartOut<W>,
    /// The record in hand is asked for.
    wanted: bool,
    /// It is to be noted.
    noted: bool,
}

impl<W: Worker> Visitor for Visit<'_, W> {
    fn chunk(&mut self, number: u64) -> bool {
        let only = self.work.worker.extents().and_then(|extents| extents.of(&self.out.source.name));
        only.is_none_or(|only| only.contains(&number))
    }

    fn seen(&mut self, seen: &Seen<'_>) -> bool {
        (self.wanted, self.noted) = (false, false);
        if !self.work.selection.takes(seen, &mut self.out.filtered) {
            return false;
        }
        if self.work.worker.is_first() {
            self.out.coverage.see(seen);
        }
        let (worker, scratch) = (self.work.worker, &mut self.notebook.scratch);
        let is_sysmon = seen.provider == sysmon::PROVIDER;
        self.wanted = worker.wants(scratch, seen) && is_sysmon;
        self.noted = is_sysmon && worker.notes(scratch);
        self.wanted
    }

    fn glances(&self) -> bool {
        self.noted
    }

    fn undecoded(&mut self, seen: &Seen<'_>, record: &Undecoded<'_>) -> bool {
        let Notebook { lazy, scratch } = &mut *self.notebook;
        let Some(event) = lazy.event(seen, record, self.work.mapping) else { return true };
        let source = &self.out.source;
        let place = Place { source: source.ordinal, position: seen.position };
        if std::mem::take(&mut self.noted) {
            self.work.worker.note(scratch, &event, place);
        }
        if !self.wanted || !event.is_sound() {
            return true;
        }
        match self.work.worker.look(scratch, &event, At { source, place }) {
            Look::Decode => true,
            Look::Done(given) => {
                self.out.outs.extend(given);
                false
            }
        }
    }

    fn record(&mut self, record: &mut RawRecord) {
        let source = &self.out.source;
        let place = Place { source: source.ordinal, position: record.position };
        let record_id = record.system.record_id;
        let Some(event) = Event::from_raw(std::mem::take(record), self.work.mapping) else { return };
        if std::mem::take(&mut self.noted) {
            self.work.worker.note(&mut self.notebook.scratch, &event, place);
        }
        // Of a recovered event nothing is missed: it is more than the log tells of.
        let problems = if event.is_recovered() { Vec::new() } else { event.problems() };
        for reason in problems {
            let (chunk, kind) = (Some(place.position.chunk), DamageKind::Field);
            let source = source.name.clone();
            self.out.damages.push(Damage { source, chunk, record: record_id, kind, reason, lost: false });
        }
        let at = At { source, place };
        self.out.outs.extend(self.work.worker.event(&mut self.notebook.scratch, &event, at));
        *record = event.into_raw();
    }

    fn damage(&mut self, damage: Damage) {
        self.out.damages.push(damage);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn threads_give_way_when_asked() {
        let niceness = |nice: bool| -> i32 {
            let options = PassOptions {
                threads: 1,
                nice,
                reader: ReaderKind::Fast,
                hash: false,
                recover: false,
                carve: false,
                chunks: None,
                archives: ArchiveOptions::default(),
                mapping: sysmon::Options::default(),
                selected: Selected::default(),
            };
            let pool = pool(&options).expect("a thread");
            let stat = pool.install(|| std::fs::read_to_string("/proc/thread-self/stat")).expect("proc(5)");
            // Field 19; the second may hold blanks, but ends with the last parenthesis.
            let mut fields = stat.rsplit(')').next().expect("fields").split_whitespace();
            fields.nth(16).expect("nice").parse().expect("a number")
        };
        assert_eq!((niceness(false) < 19, niceness(true)), (true, 19));
    }
}
