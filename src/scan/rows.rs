//! Every Sysmon event as a row of a data set, at any size. It matches nothing and lays out no file (that is `dataset`).

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::dataset::{Dataset, Origin, Row, Written};
use crate::error::Result;
use crate::hash::hex;
use crate::input::{Seen, Source};
use crate::sysmon::Event;

use super::hashes::Hashes;
use super::ledger::Read;
use super::observer::Observer;
use super::order::data_hash_in_place_of_an_id;
use super::pass::{At, PassOptions, Worker, pass};

/// What the export of a data set wrote and read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExportedDataset {
    /// What was written.
    pub written: Written,
    /// What was read for it.
    pub read: Read,
}

/// Writes all events of `sources` as a data set into `folder`, which is there and empty. After an interruption it is not whole.
///
/// # Errors
/// [`crate::error::Error::Output`] when `folder` cannot be written to; [`crate::error::Error::Usage`] when threads cannot be started.
pub fn export_dataset(
    sources: &[Source],
    options: &PassOptions,
    folder: &Path,
    observer: &dyn Observer,
    interrupt: &AtomicBool,
) -> Result<ExportedDataset> {
    let worker = Rows { hashes: Hashes::new(sources, options.hash) };
    // The hash stands in each row, so it is taken before the first one and not on the way.
    let options = PassOptions { hash: false, ..options.clone() };
    let mut dataset = Dataset::new(folder)?;
    let mut read = pass(sources, &options, &worker, observer, interrupt, &mut |rows| match rows
        .into_iter()
        .try_for_each(|row| dataset.push(row))
    {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    })?;
    let written = dataset.finish(interrupt)?;
    read.interrupted |= written.interrupted;
    worker.hashes.enter(sources, &mut read);
    Ok(ExportedDataset { written, read })
}

struct Rows {
    hashes: Hashes,
}

impl Worker for Rows {
    type Scratch = ();
    type Out = Row;

    fn scratch(&self) {}

    fn wants(&self, _scratch: &mut (), _seen: &Seen<'_>) -> bool {
        true
    }

    fn event(&self, _scratch: &mut (), event: &Event, at: At<'_>) -> Option<Row> {
        let data_sha256 = data_hash_in_place_of_an_id(event).map(|hash| hex(&hash));
        let origin = Origin {
            source: &at.source.name,
            source_number: at.place.source,
            sha256: self.hashes.of(at.source),
            chunk: at.place.position.chunk,
            record: at.place.position.record,
            data_sha256: data_sha256.as_deref(),
        };
        Some(Row::of(event, origin))
    }
}
