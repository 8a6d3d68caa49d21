//! Every Sysmon event as an ECS document, one JSON object per line, in the order of the evidence, at any size. It matches nothing.

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::input::{Seen, Source};
use crate::sysmon::{self, Event};

use super::hashes::Hashes;
use super::ledger::Read;
use super::observer::Observer;
use super::pass::{At, PassOptions, Worker, pass};

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

/// Writes the documents of all `sources` to `out`. Each carries `evidence.source`, and `evidence.sha256` where hashing is on: unless it comes out of an
/// archive, whose members are not read twice to know their hash before the first document.
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
    let worker = Documents { hashes: Hashes::new(sources, options.hash), bulk: export.bulk };
    // The hash stands in each document, so it is taken before the first one and not on the way.
    let options = PassOptions { hash: false, ..options.clone() };
    let mut documents = 0_u64;
    let mut read = pass(sources, &options, &worker, observer, interrupt, &mut |given| {
        documents += given.len() as u64;
        let written = given.iter().try_for_each(|line: &Vec<u8>| out.write_all(line));
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Error::output("the export", error)),
        }
    })?;
    out.flush().map_err(|error| Error::output("the export", error))?;
    worker.hashes.enter(sources, &mut read);
    Ok(Exported { documents, read })
}

struct Documents {
    hashes: Hashes,
    bulk: bool,
}

impl Documents {
    fn evidence(&self, source: &Source) -> Value {
        match self.hashes.of(source) {
            Some(sha256) => json!({"sha256": sha256, "source": source.name}),
            None => json!({"source": source.name}),
        }
    }
}

impl Worker for Documents {
    type Scratch = ();
    type Out = Vec<u8>;

    fn scratch(&self) {}

    fn wants(&self, _scratch: &mut (), _seen: &Seen<'_>) -> bool {
        true
    }

    fn event(&self, _scratch: &mut (), event: &Event, at: At<'_>) -> Option<Vec<u8>> {
        let mut document = sysmon::document(event);
        let mut evidence = self.evidence(at.source);
        if event.is_recovered() {
            evidence["recovered"] = Value::from(true);
        }
        document.insert("evidence".into(), evidence);
        let mut line = if self.bulk { b"{\"create\":{}}\n".to_vec() } else { Vec::new() };
        serde_json::to_writer(&mut line, &document).ok()?;
        line.push(b'\n');
        Some(line)
    }
}
