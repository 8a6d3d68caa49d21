//! SHA-256 of the files that rows and documents name, taken when the first of a file's is made: it stands in each. It reads nothing else.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::hash::sha256_of_file;
use crate::input::Source;

use super::ledger::Read;

/// The hashes of all sources' files.
pub struct Hashes {
    /// Of each file, by its path. A member of an archive has no path, and is not read twice to know its hash beforehand.
    by_path: BTreeMap<PathBuf, OnceLock<Option<String>>>,
    wanted: bool,
}

impl Hashes {
    /// No hash taken yet; none ever is unless `wanted`.
    pub fn new(sources: &[Source], wanted: bool) -> Self {
        Self {
            by_path: sources.iter().map(|source| (source.path.clone(), OnceLock::new())).collect(),
            wanted,
        }
    }

    /// The hash of the file that `source` is; `None` where there is none.
    pub fn of(&self, source: &Source) -> Option<&str> {
        let hash = self.by_path.get(&source.path).filter(|_| self.wanted)?;
        hash.get_or_init(|| sha256_of_file(&source.path).ok()).as_deref()
    }

    /// Enters those that were taken into what was `read` of `sources`.
    pub fn enter(&self, sources: &[Source], read: &mut Read) {
        let paths: BTreeMap<&str, &PathBuf> =
            sources.iter().map(|source| (source.name.as_str(), &source.path)).collect();
        for report in &mut read.sources {
            let hash = paths.get(report.source.as_str()).and_then(|path| self.by_path.get(*path));
            report.sha256 = hash.and_then(|hash| hash.get().cloned().flatten());
        }
    }
}
