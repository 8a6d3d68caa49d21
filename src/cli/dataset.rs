//! `evql export --format parquet`: where the data set goes, and what is said of it. It makes no row and no file of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use evql::error::{Error, Result};
use evql::scan::{ExportedDataset, export_dataset};
use tempfile::TempDir;

use super::args::ExportArgs;
use super::setup::{Evidence, interrupt};
use super::terminal::Terminal;
use super::{Answer, export};

/// Runs the export.
pub fn run(args: &ExportArgs, terminal: Terminal) -> Answer {
    if args.bulk {
        return Err(Error::Usage("--bulk is for documents: leave it out with --format parquet".to_owned()));
    }
    let target = Target::of(&args.output, args.force)?;
    let mut evidence = Evidence::gather(&args.evidence, !args.no_hash)?;
    let interrupt = interrupt();
    let progress = evidence.progress(terminal);
    let folder = target.beside()?;
    let exported = export_dataset(&evidence.sources, &evidence.options, folder.path(), &progress, &interrupt);
    progress.finish();
    let ExportedDataset { written, mut read } = exported?;
    if read.interrupted {
        terminal.warning(format!("interrupted: {} was not written", args.output.display()));
    } else {
        target.place(folder)?;
    }
    read.damages.splice(0..0, evidence.damages);
    terminal.note(format!(
        "{} rows in {} Parquet files from {} files",
        written.rows,
        written.files,
        read.sources.len()
    ));
    export::note_departures(&evidence.options, terminal);
    if written.undated > 0 {
        terminal.warning(format!(
            "{} events have no day of their own and lie under date=__HIVE_DEFAULT_PARTITION__, where a query by date does not find them",
            written.undated
        ));
    }
    Ok(export::report(&read, terminal))
}

/// The folder of a data set.
struct Target<'a> {
    path: &'a Path,
    /// A data set is there and is to be replaced.
    replaces: bool,
}

impl<'a> Target<'a> {
    /// Decides before anything is read. Only a folder that holds nothing but a data set is ever replaced.
    fn of(path: &'a Path, force: bool) -> Result<Self> {
        if path == Path::new("-") {
            return Err(Error::Usage("a Parquet data set is a folder: name it with -o DIR".to_owned()));
        }
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { path, replaces: false });
            }
            Err(error) => return Err(Error::output(path, error)),
        };
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        let names: Vec<String> =
            names.collect::<io::Result<_>>().map_err(|error| Error::output(path, error))?;
        match names.iter().find(|name| !name.starts_with("date=")) {
            None if !names.is_empty() && !force => Err(Error::Exists(path.to_path_buf())),
            None => Ok(Self { path, replaces: true }),
            Some(_) if !force => Err(Error::Exists(path.to_path_buf())),
            Some(other) => Err(Error::Usage(format!(
                "{} holds more than a Parquet data set ({other}) and is not replaced; name another folder with -o",
                path.display()
            ))),
        }
    }

    /// A folder next to the place of the data set, with the permissions that the process's mask gives a new one; it goes away unless it is placed.
    fn beside(&self) -> Result<TempDir> {
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(|error| Error::output(parent, error))?;
        temporary(parent).map_err(|error| Error::output(parent, error))
    }

    /// Moves `folder` to its place; what it replaces goes away only then.
    fn place(&self, folder: TempDir) -> Result<()> {
        let failed = |error| Error::output(self.path, error);
        if !self.replaces {
            return fs::rename(folder.keep(), self.path).map_err(failed);
        }
        let old: PathBuf = folder.path().with_extension("old");
        fs::rename(self.path, &old).map_err(failed)?;
        let placed = fs::rename(folder.path(), self.path);
        if placed.is_err() {
            fs::rename(&old, self.path).map_err(failed)?;
        }
        placed.map_err(failed)?;
        fs::remove_dir_all(&old).map_err(|error| Error::output(&old, error))
    }
}

fn temporary(parent: &Path) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".evql-export.").suffix(".partial");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    builder.tempdir_in(parent)
}
