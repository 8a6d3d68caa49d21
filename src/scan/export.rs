//! Every Sysmon event as an ECS document, one JSON object per line, in the order of the evidence, at any size. It matches nothing.

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::hash::sha256_of_file;
use crate::input::Source;
use crate::sysmon::{self, Event};

use super::ledger::Read;
use super::observer::Observer;
use super::order::Place;
use super::pass::{PassOptions, Worker, pass};

/// How documents are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExportOptions {
    /// Whether each document follows an action line, as Elasticsearch's `_bulk` request wants it.
    pub bulk: bool,
}

/// What an export wrote and read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exported {
    /// Documents written.
    pub documents: u64,
    /// What was read for them.
    pub read: Read,
}

/// Writes the documents of all `sources` to `out`. Each carries `evidence.source`, `evidence.sha256` where hashing is on, and
/// `evidence.recovered` where its record was recovered.
///
/// # Errors
/// [`Error::ClosedPipe`] or [`Error::Output`] when `out` fails; [`Error::Usage`] when threads cannot be started.
pub fn export(
    sources: &[Source],
    options: &PassOptions,
    export: ExportOptions,
    observer: &dyn Observer,
    interrupt: &AtomicBool,
    out: &mut (dyn Write + Send),
) -> Result<Exported> {
    let hashes = sources.iter().map(|_| OnceLock::new()).collect();
    let worker = Documents { sources, hashes, hash: options.hash, bulk: export.bulk };
    // The hash stands in each document, so it is taken before the first one and not on the way.
    let options = PassOptions { hash: false, ..options.clone() };
    let mut documents = 0_u64;
    let mut read = pass(sources, &options, &worker, observer, interrupt, &mut |lines| {
        documents += lines.len() as u64;
        let written = lines.iter().try_for_each(|line: &Vec<u8>| out.write_all(line));
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Error::output("the export", error)),
        }
    })?;
    out.flush().map_err(|error| Error::output("the export", error))?;
    for (report, hash) in read.sources.iter_mut().zip(&worker.hashes) {
        report.sha256 = hash.get().cloned().flatten();
    }
    Ok(Exported { documents, read })
}

struct Documents<'a> {
    sources: &'a [Source],
    hashes: Vec<OnceLock<Option<String>>>,
    hash: bool,
    bulk: bool,
}

impl Documents<'_> {
    fn evidence(&self, event: &Event, place: Place) -> Value {
        let index = place.source as usize;
        let Some(source) = self.sources.get(index) else { return Value::Null };
        let hash = self.hashes.get(index).filter(|_| self.hash);
        let mut evidence =
            match hash.and_then(|hash| hash.get_or_init(|| sha256_of_file(&source.path).ok()).as_deref()) {
                Some(sha256) => json!({"sha256": sha256, "source": source.name}),
                None => json!({"source": source.name}),
            };
        if event.is_recovered() {
            evidence["recovered"] = true.into();
        }
        evidence
    }
}

impl Worker for Documents<'_> {
    type Scratch = ();
    type Out = Vec<u8>;

    fn scratch(&self) {}

    fn wants(&self, _event_id: u32) -> bool {
        true
    }

    fn event(&self, _scratch: &mut (), event: &Event, place: Place) -> Option<Vec<u8>> {
        let mut document = sysmon::document(event);
        document.insert("evidence".into(), self.evidence(event, place));
        let mut line = if self.bulk { b"{\"create\":{}}\n".to_vec() } else { Vec::new() };
        serde_json::to_writer(&mut line, &document).ok()?;
        line.push(b'\n');
        Some(line)
    }
}
