//! What ends a run: an error that leaves nothing to go on with. Damaged evidence is not one (see [`crate::finding::Damage`]), nor is a wrong rule
//! (see [`crate::eql::Diagnostic`]).

use std::path::PathBuf;

/// Why evql cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An output could not be created, written or renamed into place (exit code 5).
    #[error("cannot write {}: {source}", path.display())]
    Output {
        /// The file or folder being written.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// An output is there already and `--force` was not given (exit code 5).
    #[error("{} exists already; name another folder with -o, or overwrite it with --force", .0.display())]
    Exists(PathBuf),
    /// An argument cannot be honoured (exit code 3); the text says which and what to do.
    #[error("{0}")]
    Usage(String),
    /// A rule file could not be read or holds errors (exit code 3); the text carries the diagnostics.
    #[error("{0}")]
    Rule(String),
    /// Whoever read standard output has closed it: success, quietly.
    #[error("standard output was closed")]
    ClosedPipe,
}

impl Error {
    /// An [`Error::Output`] for `path`, or [`Error::ClosedPipe`] when that is what `source` says.
    pub fn output(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        if source.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::ClosedPipe;
        }
        Self::Output { path: path.into(), source }
    }
}

/// The result of anything that can end a run.
pub type Result<T> = std::result::Result<T, Error>;
