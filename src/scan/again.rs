//! A second reading of some sources, for what the first could not know it would want. It takes no hashes and tells of no damage: the first reading did.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use crate::error::{Error, Result};
use crate::input::Source;

use super::observer::Unobserved;
use super::pass::{PassOptions, Worker, pass};

/// What can be read a second time.
pub struct Again<'a> {
    files: &'a [Source],
    options: PassOptions,
    interrupt: &'a AtomicBool,
}

impl<'a> Again<'a> {
    /// The `files` of a run that read them with `options`.
    pub fn new(files: &'a [Source], options: &PassOptions, interrupt: &'a AtomicBool) -> Self {
        Self { files, options: PassOptions { hash: false, ..options.clone() }, interrupt }
    }

    /// Reads the files that hold one of `sources` (by name), whole; without any it reads nothing. `deliver` is told as [`pass`] tells it.
    ///
    /// # Errors
    /// As [`pass`].
    pub fn read<W: Worker>(
        &self,
        sources: &BTreeSet<String>,
        worker: &W,
        deliver: &mut (dyn FnMut(Vec<W::Out>) -> ControlFlow<Error> + Send),
    ) -> Result<()> {
        let holds = |file: &&Source| {
            let inside = format!("{}!/", file.name);
            sources.iter().any(|source| *source == file.name || source.starts_with(&inside))
        };
        let files: Vec<Source> = self.files.iter().filter(holds).cloned().collect();
        if files.is_empty() {
            return Ok(());
        }
        pass(&files, &self.options, worker, &Unobserved, self.interrupt, deliver).map(drop)
    }
}
