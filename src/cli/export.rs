//! `evql export`: every Sysmon event as an ECS document, to a file or standard output, or as a row of Parquet (`dataset`). It makes no document itself.

use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

use evql::error::{Error, Result};
use evql::report::counted;
use evql::scan::{ExportOptions, Exported, PassOptions, Read, export};
use tempfile::NamedTempFile;

use super::args::{ExportArgs, ExportFormat};
use super::setup::{Evidence, interrupt};
use super::terminal::{Terminal, fit};
use super::{Answer, Exit};

/// Problems that are named one by one; hostile evidence can have one in every record.
const PROBLEMS: usize = 50;
const BUFFER: usize = 1 << 16;

/// Runs `evql export`.
pub fn run(args: &ExportArgs, terminal: Terminal) -> Answer {
    match args.format {
        ExportFormat::Ecs => documents(args, terminal),
        #[cfg(feature = "parquet")]
        ExportFormat::Parquet => super::dataset::run(args, terminal),
        #[cfg(not(feature = "parquet"))]
        ExportFormat::Parquet => Err(Error::Usage(
            "this evql was built without Parquet; build one that has it: cargo install --path . --features parquet"
                .to_owned(),
        )),
    }
}

fn documents(args: &ExportArgs, terminal: Terminal) -> Answer {
    let target = Target::of(&args.output, args.force)?;
    let mut evidence = Evidence::gather(&args.evidence, !args.no_hash)?;
    let options = ExportOptions { bulk: args.bulk };
    let interrupt = interrupt();
    let progress = evidence.progress(terminal);
    let exported = target.write(|out| {
        let exported = export(&evidence.sources, &evidence.options, options, &progress, &interrupt, out)?;
        let whole = !exported.read.interrupted;
        Ok((exported, whole))
    });
    progress.finish();
    let Exported { documents, mut read } = exported?;
    read.damages.splice(0..0, evidence.damages);
    terminal.note(format!("{} from {}", counted(documents, "document"), counted(read.sources.len(), "file")));
    note_departures(&evidence.options, terminal);
    if read.interrupted && matches!(target, Target::Beside(..)) {
        terminal.warning(format!("interrupted: {} was not written", args.output.display()));
    }
    Ok(report(&read, terminal))
}

/// Says by what the mapping was made to differ.
pub fn note_departures(options: &PassOptions, terminal: Terminal) {
    let departures = options.mapping.names();
    if !departures.is_empty() {
        terminal.note(format!("mapping differs from Elastic's by {}", departures.join(", ")));
    }
}

/// Where lines go.
pub enum Target<'a> {
    /// Standard output.
    Stdout,
    /// A pipe or device that is there already.
    Stream(&'a Path),
    /// A file that is written beside its place and renamed, so that a file of that name is always whole; whether it may replace another.
    Beside(&'a Path, bool),
}

impl<'a> Target<'a> {
    /// Decides before anything is read. A pipe or device is written to, never replaced.
    ///
    /// # Errors
    /// [`Error::Exists`] when there is a file and it may not be replaced, [`Error::Output`] when there is a folder.
    pub fn of(path: &'a Path, force: bool) -> Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Stdout);
        }
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => Err(Error::output(path, ErrorKind::IsADirectory.into())),
            Ok(found) if !found.is_file() => Ok(Self::Stream(path)),
            Ok(_) if !force => Err(Error::Exists(path.to_path_buf())),
            _ => Ok(Self::Beside(path, force)),
        }
    }

    /// Lets `write` write to it and returns what that gives. A file is put into place only where it says that what it wrote is whole.
    ///
    /// # Errors
    /// What `write` says; [`Error::Output`] when the file cannot be made.
    pub fn write<T>(&self, write: impl FnOnce(&mut (dyn Write + Send)) -> Result<(T, bool)>) -> Result<T> {
        match *self {
            Self::Stdout => {
                write(&mut BufWriter::with_capacity(BUFFER, std::io::stdout())).map(|(written, _)| written)
            }
            Self::Stream(path) => {
                let opened = File::options().write(true).open(path);
                let file = opened.map_err(|error| Error::output(path, error))?;
                write(&mut BufWriter::with_capacity(BUFFER, file)).map(|(written, _)| written)
            }
            Self::Beside(path, force) => {
                let failed = |error| Error::output(path, error);
                let mut file = beside(path).map_err(failed)?;
                let (written, whole) = write(&mut BufWriter::with_capacity(BUFFER, file.as_file_mut()))?;
                if whole {
                    let placed = if force { file.persist(path) } else { file.persist_noclobber(path) };
                    placed.map_err(|error| failed(error.error))?;
                }
                Ok(written)
            }
        }
    }
}

/// An unnamed neighbour of the file to be, with the permissions that the process's mask gives a new file.
fn beside(path: &Path) -> std::io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".evql-export.").suffix(".partial");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Says what was lost; returns how the run ended.
pub fn report(read: &Read, terminal: Terminal) -> Exit {
    for damage in read.damages.iter().take(PROBLEMS) {
        let place = damage.chunk.map(|chunk| format!(", chunk {chunk}")).unwrap_or_default();
        terminal.warning(fit(&format!("{}{place}: {}", damage.source, damage.reason), 300));
    }
    if let Some(more) = read.damages.len().checked_sub(PROBLEMS).filter(|more| *more > 0) {
        terminal.warning(format!("and {more} more problems"));
    }
    if read.interrupted {
        Exit::Interrupted
    } else if !read.sources.iter().any(|source| source.chunks > 0 || source.records > 0) {
        Exit::Nothing
    } else if read.damages.iter().any(|damage| damage.lost) {
        Exit::Partial
    } else {
        Exit::Success
    }
}
