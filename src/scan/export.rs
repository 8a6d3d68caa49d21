//! Every Sysmon event as an ECS document, one JSON object per line, in the order of the evidence, at any size. It matches nothing.

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::input::{Seen, Source};
use crate::sysmon::{self, Event, Facts, LazyEvent};

use super::hashes::Hashes;
use super::ledger::Read;
use super::observer::Observer;
use super::pass::{At, Look, PassOptions, Worker, pass};

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
        documents += given.iter().map(|lines: &Lines| lines.documents).sum::<u64>();
        let written = given.iter().try_for_each(|lines| out.write_all(&lines.text));
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

/// The documents of a part of a source.
#[derive(Default)]
struct Lines {
    documents: u64,
    text: Vec<u8>,
    /// The ordinal of the last document's source, and its `evidence`.
    evidence: Option<(u32, Value)>,
}

impl Documents {
    /// Adds a line that holds what `write` writes, given a last member's name and value.
    fn line(
        &self,
        lines: &mut Lines,
        source: &Source,
        recovered: bool,
        write: impl FnOnce(&str, &str, &mut Vec<u8>),
    ) {
        if self.bulk {
            lines.text.extend_from_slice(b"{\"create\":{}}\n");
        }
        let known = lines.evidence.take().filter(|(ordinal, _)| *ordinal == source.ordinal);
        let (_, evidence) =
            lines.evidence.insert(known.unwrap_or_else(|| (source.ordinal, self.evidence(source))));
        let json = match recovered {
            true => {
                let mut evidence = evidence.clone();
                evidence["recovered"] = Value::from(true);
                evidence.to_string()
            }
            false => evidence.to_string(),
        };
        write("evidence", &json, &mut lines.text);
        lines.text.push(b'\n');
        lines.documents += 1;
    }

    fn evidence(&self, source: &Source) -> Value {
        match self.hashes.of(source) {
            Some(sha256) => json!({"sha256": sha256, "source": source.name}),
            None => json!({"source": source.name}),
        }
    }
}

impl Worker for Documents {
    type Scratch = Lines;
    type Out = Lines;

    fn scratch(&self) -> Lines {
        Lines::default()
    }

    fn wants(&self, _lines: &mut Lines, _seen: &Seen<'_>) -> bool {
        true
    }

    fn look(&self, lines: &mut Lines, event: &LazyEvent<'_>, at: At<'_>) -> Look<Lines> {
        if event.has_others() {
            return Look::Decode;
        }
        self.line(lines, at.source, false, |name, json, out| sysmon::write_known(event, name, json, out));
        Look::Done(None)
    }

    fn event(&self, lines: &mut Lines, event: &Event, at: At<'_>) -> Option<Lines> {
        let recovered = event.is_recovered();
        self.line(lines, at.source, recovered, |name, json, out| {
            sysmon::write_document(event, name, json, out)
        });
        None
    }

    fn part(&self, lines: &mut Lines, _source: &Source) -> Vec<Lines> {
        (lines.documents > 0).then(|| std::mem::take(lines)).into_iter().collect()
    }
}
