//! A result folder: every file is written beside its place and renamed into it, `run.json` last. It removes nothing.

use std::fs::{self, Permissions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::run::{self, Limits, OutputFile};
use super::{Format, Options, write_file};
use crate::error::{Error, Result};
use crate::finding::{Outcome, Run};
use crate::hash::hex;

/// The run's record, which every folder gets.
const RUN_FILE: &str = "run.json";

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The files, in the order they were written, `run.json` last.
    pub files: Vec<PathBuf>,
    /// How many CSV cells got a `'` because a spreadsheet would have run them.
    pub neutralised_cells: u64,
}

/// Writes the files of `formats` and `run.json` into `dir`, creating it where needed. `run.json` names every other file with its SHA-256, so a folder
/// without one is unfinished.
///
/// # Errors
/// [`Error::Exists`] before anything is written when one of the files is there and `options.force` is not set; [`Error::Output`] when something cannot
/// be created, written or renamed.
pub fn write_folder(
    dir: &Path,
    formats: &[Format],
    outcome: &Outcome,
    run: &Run,
    options: &Options,
) -> Result<Written> {
    let names = file_names(formats);
    refuse(dir, &names, options.force)?;
    fs::create_dir_all(dir).map_err(|error| Error::output(dir, error))?;
    let mut outputs = Vec::new();
    let mut limits = Limits { html_findings: options.html.detail_limit, neutralised_cells: 0 };
    for name in names {
        let (output, neutralised) =
            place(dir, name, options.force, |out| write_file(name, outcome, run, options, out))?;
        outputs.push(output);
        limits.neutralised_cells += neutralised;
    }
    place(dir, RUN_FILE, options.force, |out| run::write(outcome, run, &outputs, limits, out))?;
    let names = outputs.iter().map(|output| output.name.as_str()).chain([RUN_FILE]);
    Ok(Written {
        files: names.map(|name| dir.join(name)).collect(),
        neutralised_cells: limits.neutralised_cells,
    })
}

fn file_names(formats: &[Format]) -> Vec<&'static str> {
    let wanted = Format::ALL.iter().filter(|format| formats.contains(format));
    wanted.flat_map(|format| format.files()).copied().collect()
}

/// Tells beforehand whether [`write_folder`] would refuse, so that nobody waits for a scan whose outputs cannot be written.
///
/// # Errors
/// [`Error::Exists`] as `write_folder` has it.
pub fn refuse_existing(dir: &Path, formats: &[Format], options: &Options) -> Result<()> {
    refuse(dir, &file_names(formats), options.force)
}

fn refuse(dir: &Path, names: &[&str], force: bool) -> Result<()> {
    let mut paths = names.iter().copied().chain([RUN_FILE]).map(|name| dir.join(name));
    match paths.find(|path| !force && path.symlink_metadata().is_ok()) {
        Some(path) => Err(Error::Exists(path)),
        None => Ok(()),
    }
}

/// Writes one file through `write` and renames it to `dir`/`name`.
fn place<T>(
    dir: &Path,
    name: &str,
    force: bool,
    write: impl FnOnce(&mut dyn Write) -> io::Result<T>,
) -> Result<(OutputFile, T)> {
    let path = dir.join(name);
    let written = beside(dir, name).and_then(|file| {
        let mut out = Hashing { inner: BufWriter::new(file), hash: Sha256::new(), size: 0 };
        let value = write(&mut out)?;
        let output = OutputFile { name: name.to_owned(), size: out.size, sha256: hex(&out.hash.finalize()) };
        let file = out.inner.into_inner().map_err(io::IntoInnerError::into_error)?;
        if force { file.persist(&path) } else { file.persist_noclobber(&path) }
            .map_err(|error| error.error)?;
        Ok((output, value))
    });
    written.map_err(|error| Error::output(&path, error))
}

/// An unnamed neighbour of the file to be, readable by whoever the process's mask lets: results are there to be handed over.
fn beside(dir: &Path, name: &str) -> io::Result<NamedTempFile> {
    let prefix = format!(".{name}.");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".partial");
    match shared_permissions() {
        Some(permissions) => builder.permissions(permissions).tempfile_in(dir),
        None => builder.tempfile_in(dir),
    }
}

#[cfg(unix)]
fn shared_permissions() -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt;
    Some(Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn shared_permissions() -> Option<Permissions> {
    None
}

/// A writer that knows what went through it.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
