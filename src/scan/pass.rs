//! One pass over the sources: read in order, worked on by all threads, handed over in order. It matches nothing itself; a [`Worker`] does.
//!
//! While the threads work on one batch of pieces, the next is read (and hashed). A batch holds pieces of one huge source or of hundreds of small ones,
//! so both keep every thread busy, and memory does not grow with the evidence.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::finding::{Damage, DamageKind};
use crate::hash::sha256_of_file;
use crate::input::{
    self, Block, Opened, Piece, PieceReader, RawRecord, ReaderKind, Seen, Source, SourceFile, SourceOptions,
    Visitor,
};
use crate::sysmon::{self, Event};

use super::coverage::Coverage;
use super::ledger::{End, Ledger, Read};
use super::observer::Observer;
use super::order::Place;

/// Chunks in a batch, for each thread.
const CHUNKS_PER_THREAD: usize = 32;

/// What is done with each Sysmon event, on any thread.
pub trait Worker: Sync {
    /// What a thread keeps from event to event.
    type Scratch: Send;
    /// What an event may give.
    type Out: Send;
    /// A new scratch.
    fn scratch(&self) -> Self::Scratch;
    /// Whether events with this id are to be decoded at all.
    fn wants(&self, event_id: u32) -> bool;
    /// What `event`, read at `place`, gives.
    fn event(&self, scratch: &mut Self::Scratch, event: &Event, place: Place) -> Option<Self::Out>;
}

/// How a pass reads.
#[derive(Debug, Clone)]
pub struct PassOptions {
    /// Worker threads; 0 takes all cores.
    pub threads: usize,
    /// Which reader decodes records.
    pub reader: ReaderKind,
    /// Whether sources are hashed on the way.
    pub hash: bool,
    /// Whether records are also taken from where no header tells of any.
    pub recover: bool,
    /// Whether chunks are looked for in sources that are no evidence by their beginning.
    pub carve: bool,
    /// How Sysmon is mapped to ECS.
    pub mapping: sysmon::Options,
}

/// Reads all `sources` once. `deliver` is told what `worker` made of them, in the order of the evidence, and may break off.
///
/// # Errors
/// [`Error::Usage`] when the threads cannot be started; whatever `deliver` breaks off with.
pub fn pass<W: Worker>(
    sources: &[Source],
    options: &PassOptions,
    worker: &W,
    observer: &dyn Observer,
    interrupt: &AtomicBool,
    deliver: &mut (dyn FnMut(Vec<W::Out>) -> ControlFlow<Error> + Send),
) -> Result<Read> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .build()
        .map_err(|error| Error::Usage(format!("cannot start {} threads: {error}", options.threads)))?;
    pool.install(|| {
        let threads = rayon::current_num_threads();
        let mut feed = Feed::new(sources, options, observer, threads * CHUNKS_PER_THREAD);
        let desks: Vec<Desk<W>> = (0..threads).map(|_| Desk::new(options, worker)).collect();
        let mut ledger = Ledger::default();
        let mut batch = feed.next_batch();
        while !batch.is_empty() && !interrupt.load(Ordering::Relaxed) {
            let (next, (pieces, batch_now)) = rayon::join(
                || feed.next_batch(),
                || (work(&batch, &options.mapping, worker, &desks, observer), batch.ends()),
            );
            let mut outs = Vec::new();
            for piece in pieces {
                ledger.add(piece.source, piece.coverage, piece.damages);
                outs.extend(piece.outs);
            }
            ledger.close(batch_now);
            if let ControlFlow::Break(error) = deliver(outs) {
                return Err(error);
            }
            batch = next;
        }
        let interrupted = interrupt.load(Ordering::Relaxed) && !(batch.is_empty() && feed.is_done());
        Ok(ledger.into_read(sources, interrupted))
    })
}

/// Some pieces of some sources, and the sources that ended among them.
#[derive(Default)]
struct Batch {
    parts: Vec<Part>,
    /// Sources that ended, by their ordinals: what is known of each at its end.
    ends: Vec<(u32, End)>,
}

struct Part {
    source: u32,
    name: Arc<str>,
    block: Block,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.ends.is_empty()
    }

    fn ends(&self) -> Vec<(u32, End)> {
        self.ends.clone()
    }
}

/// Reads sources one after the other and cuts them into batches.
struct Feed<'a> {
    waiting: VecDeque<&'a Source>,
    open: Option<(u32, Arc<str>, Box<SourceFile>)>,
    options: &'a PassOptions,
    observer: &'a dyn Observer,
    chunks: usize,
}

impl<'a> Feed<'a> {
    fn new(
        sources: &'a [Source],
        options: &'a PassOptions,
        observer: &'a dyn Observer,
        chunks: usize,
    ) -> Self {
        Self { waiting: sources.iter().collect(), open: None, options, observer, chunks }
    }

    fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.open.is_none()
    }

    fn next_batch(&mut self) -> Batch {
        let mut batch = Batch::default();
        let mut left = self.chunks;
        while left > 0 && batch.ends.len() < self.chunks {
            let Some((ordinal, name, mut file)) = self.open.take() else {
                let Some(source) = self.waiting.pop_front() else { break };
                self.start(source, &mut batch);
                continue;
            };
            match file.next_block(left) {
                Some(block) => {
                    left = left.saturating_sub(block.len().max(1));
                    batch.parts.push(Part { source: ordinal, name: Arc::clone(&name), block });
                    self.open = Some((ordinal, name, file));
                }
                None => {
                    batch.ends.push((ordinal, End::Read(Box::new(file.finish()))));
                    self.observer.source_read();
                }
            }
        }
        batch
    }

    fn start(&mut self, source: &Source, batch: &mut Batch) {
        match input::open(source, SourceOptions { hash: self.options.hash, carve: self.options.carve }) {
            Opened::Log(file) => {
                self.open = Some((source.ordinal, Arc::from(source.name.as_str()), file));
                return;
            }
            Opened::Skipped(size) => batch.ends.push((source.ordinal, End::Skipped(size))),
            Opened::Failed(damage) => {
                let readable = damage.kind == DamageKind::NotEvidence;
                let hash =
                    (self.options.hash && readable).then(|| sha256_of_file(&source.path).ok()).flatten();
                batch.ends.push((source.ordinal, End::Failed(damage, hash)));
            }
        }
        self.observer.source_read();
    }
}

/// What came of one piece.
struct PieceOut<T> {
    source: u32,
    coverage: Coverage,
    damages: Vec<Damage>,
    outs: Vec<T>,
}

/// What one thread keeps from piece to piece: what its reader learnt of templates, and the worker's scratch.
struct Desk<W: Worker>(Mutex<(PieceReader, W::Scratch)>);

impl<W: Worker> Desk<W> {
    fn new(options: &PassOptions, worker: &W) -> Self {
        let reader = match options.recover {
            true => PieceReader::recovering(options.reader),
            false => PieceReader::new(options.reader),
        };
        Self(Mutex::new((reader, worker.scratch())))
    }
}

/// Each thread works at its own of the `desks`, so that no lock is ever waited for.
fn work<W: Worker>(
    batch: &Batch,
    mapping: &sysmon::Options,
    worker: &W,
    desks: &[Desk<W>],
    observer: &dyn Observer,
) -> Vec<PieceOut<W::Out>> {
    let pieces: Vec<(&Part, usize)> =
        batch.parts.iter().flat_map(|part| (0..part.block.len()).map(move |index| (part, index))).collect();
    pieces
        .into_par_iter()
        .map(|(part, index)| {
            let own = rayon::current_thread_index().unwrap_or_default();
            let mut desk = desks[own].0.lock().unwrap_or_else(PoisonError::into_inner);
            let (reader, scratch) = &mut *desk;
            let mut visit = Visit::new(part, mapping, worker, scratch);
            if let Some(piece) = part.block.piece(index) {
                observer.bytes_read(size(&piece));
                reader.read(&part.name, piece, &mut visit);
            }
            observer.hits(visit.out.outs.len() as u64);
            visit.out
        })
        .collect()
}

fn size(piece: &Piece<'_>) -> u64 {
    let bytes = match piece {
        Piece::Chunk(chunk) => chunk.bytes.len(),
        Piece::Event(event) => event.text.len(),
    };
    bytes as u64
}

/// Turns what the reader tells into what the worker makes of it.
struct Visit<'a, W: Worker> {
    mapping: &'a sysmon::Options,
    worker: &'a W,
    scratch: &'a mut W::Scratch,
    name: &'a str,
    out: PieceOut<W::Out>,
}

impl<'a, W: Worker> Visit<'a, W> {
    fn new(part: &'a Part, mapping: &'a sysmon::Options, worker: &'a W, scratch: &'a mut W::Scratch) -> Self {
        let out = PieceOut {
            source: part.source,
            coverage: Coverage::default(),
            damages: Vec::new(),
            outs: Vec::new(),
        };
        Self { mapping, worker, scratch, name: &part.name, out }
    }
}

impl<W: Worker> Visitor for Visit<'_, W> {
    fn seen(&mut self, seen: &Seen<'_>) -> bool {
        self.out.coverage.see(seen);
        seen.provider == sysmon::PROVIDER && self.worker.wants(seen.event_id)
    }

    fn record(&mut self, record: &mut RawRecord) {
        let place = Place { source: self.out.source, position: record.position };
        let record_id = record.system.record_id;
        let Some(event) = Event::from_raw(std::mem::take(record), self.mapping) else { return };
        // Of a recovered event nothing is missed: it is more than the log tells of.
        let problems = if event.is_recovered() { Vec::new() } else { event.problems() };
        for reason in problems {
            let (chunk, kind) = (Some(place.position.chunk), DamageKind::Field);
            let source = self.name.to_owned();
            self.out.damages.push(Damage { source, chunk, record: record_id, kind, reason, lost: false });
        }
        self.out.outs.extend(self.worker.event(self.scratch, &event, place));
        *record = event.into_raw();
    }

    fn damage(&mut self, damage: Damage) {
        self.out.damages.push(damage);
    }
}
