//! `evql export`: every Sysmon event as an ECS document, to a file or standard output.

use std::io::{BufWriter, Write};
use std::path::Path;

use evql::error::{Error, Result};
use evql::scan::{ExportOptions, Read, export};

use super::args::{ExportArgs, ExportFormat};
use super::setup::{Evidence, interrupt};
use super::terminal::Terminal;
use super::{Answer, Exit};

/// Runs `evql export`.
pub fn run(args: &ExportArgs, terminal: Terminal) -> Answer {
    let ExportFormat::Ecs = args.format;
    let evidence = Evidence::gather(&args.evidence, !args.no_hash);
    let options = ExportOptions { bulk: args.bulk };
    let interrupt = interrupt();
    let progress = terminal.progress(evidence.sources.len(), evidence.bytes());
    let write = |out: &mut (dyn Write + Send)| {
        export(&evidence.sources, &evidence.options, options, &progress, &interrupt, out)
    };
    let read = if args.output == Path::new("-") {
        write(&mut BufWriter::with_capacity(1 << 16, std::io::stdout()))
    } else {
        to_file(&args.output, args.force, write)
    };
    progress.finish();
    let mut read = read?;
    read.damages.splice(0..0, evidence.damages);
    Ok(report(&read, terminal))
}

/// Writes beside `path` and renames, so that a file of that name is always whole.
fn to_file(
    path: &Path,
    force: bool,
    write: impl FnOnce(&mut (dyn Write + Send)) -> Result<Read>,
) -> Result<Read> {
    if path.exists() && !force {
        return Err(Error::Exists(path.to_path_buf()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |error| Error::output(path, error);
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let read = write(&mut BufWriter::with_capacity(1 << 16, file.as_file_mut()))?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(read)
}

/// Says what was lost; returns how the run ended.
pub fn report(read: &Read, terminal: Terminal) -> Exit {
    for damage in &read.damages {
        let place = damage.chunk.map(|chunk| format!(", chunk {chunk}")).unwrap_or_default();
        terminal.warning(super::terminal::fit(&format!("{}{place}: {}", damage.source, damage.reason), 300));
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
