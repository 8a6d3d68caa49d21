//! Raw arguments → decided ones, for every subcommand that reads evidence: sources, options, interruption, totals. It reads no evidence.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use evql::error::{Error, Result};
use evql::finding::{Clock, Damage, Selected, Window};
use evql::input::{self, ReaderKind, Source, WalkOptions};
use evql::scan::PassOptions;
use evql::sysmon;

use super::args::{
    ClockChoice, EventAction, EvidenceArgs, HostName, MappingArgs, ReaderChoice, SelectionArgs,
};
use super::terminal::{Progress, Terminal};
use super::{Exit, archives};

/// More threads than this for each core only wait.
const THREADS_PER_CORE: usize = 4;

/// The evidence a run reads and how.
pub struct Evidence {
    /// The sources, in order.
    pub sources: Vec<Source>,
    /// What could not even be listed.
    pub damages: Vec<Damage>,
    /// How they are read.
    pub options: PassOptions,
}

impl Evidence {
    /// Finds the sources that `args` names.
    ///
    /// # Errors
    /// [`evql::error::Error::Usage`] when the list of paths or the passwords of archives cannot be had.
    pub fn gather(args: &EvidenceArgs, hash: bool) -> Result<Self> {
        let mut paths = args.paths.clone();
        if let Some(list) = &args.files_from {
            paths.extend(listed(list)?);
        }
        let archives = archives::options(&args.archives)?;
        let walked = input::walk(&paths, WalkOptions { follow_links: args.follow_links });
        let reader = match args.reader {
            ReaderChoice::Fast => ReaderKind::Fast,
            ReaderChoice::Xml => ReaderKind::Xml,
        };
        let options = PassOptions {
            threads: threads(args.threads),
            nice: args.nice,
            reader,
            hash,
            recover: args.recover,
            carve: args.carve,
            archives,
            mapping: mapping(&args.mapping),
            selected: selected(&args.selection),
            chunks: None,
        };
        Ok(Self { sources: walked.sources, damages: walked.damages, options })
    }

    /// A progress bar over all sources, which stands still while a person is asked for a password.
    pub fn progress(&mut self, terminal: Terminal) -> Progress {
        // As far as the file system tells.
        let sizes = self.sources.iter().filter_map(|source| source.path.metadata().ok());
        let progress = terminal.progress(sizes.map(|metadata| metadata.len()).sum());
        self.options.archives.passwords.ask = archives::asker(progress.bar());
        progress
    }
}

/// The paths that the file `list` names: one per line, or separated by NUL where there is any. Empty ones are none.
fn listed(list: &Path) -> Result<Vec<PathBuf>> {
    let mut bytes = Vec::new();
    let read = match list.to_str() {
        Some("-") => std::io::stdin().lock().read_to_end(&mut bytes),
        _ => File::open(list).and_then(|mut file| file.read_to_end(&mut bytes)),
    };
    read.map_err(|error| {
        Error::Usage(format!("{}: the list of paths cannot be read: {error}", list.display()))
    })?;
    let separator = if bytes.contains(&0) { 0 } else { b'\n' };
    let names = bytes.split(|byte| *byte == separator).map(|name| match separator {
        0 => name,
        _ => name.strip_suffix(b"\r").unwrap_or(name),
    });
    Ok(names.filter(|name| !name.is_empty()).map(path_of).collect())
}

/// The path that `bytes` are: on Unix any bytes are one, elsewhere text is.
fn path_of(bytes: &[u8]) -> PathBuf {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
    }
    #[cfg(not(unix))]
    {
        PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
    }
}

/// Which records are to be looked at.
pub fn selected(args: &SelectionArgs) -> Selected {
    let window = Window { from: args.from.or(args.last), to: args.to };
    Selected { window, hosts: args.host.clone(), excluded_hosts: args.exclude_host.clone() }
}

/// How many threads to start for the `asked` ones, 0 being all cores. Thousands on a few cores would spend their time waking each other.
fn threads(asked: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if asked == 0 { cores } else { asked.min(cores.max(4) * THREADS_PER_CORE) }
}

/// The mapping that `args` ask for.
pub fn mapping(args: &MappingArgs) -> sysmon::Options {
    sysmon::Options {
        host_name_short: args.host_name == HostName::Short,
        event_action_compat: args.event_action == EventAction::Compat,
        user_from_event: args.user_from_event,
        no_library_start: args.no_library_start,
        keyword_limit: args.keyword_limit,
    }
}

/// The clock that was asked for.
pub fn clock(choice: ClockChoice) -> Clock {
    match choice {
        ClockChoice::Created => Clock::Created,
        ClockChoice::Utc => Clock::Utc,
    }
}

/// A flag that the first Ctrl-C (or SIGTERM) raises; the second ends the process at once.
pub fn interrupt() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    // Where no handler can be set, the signal ends the process as it always does.
    let _ = ctrlc::set_handler(move || {
        if raised.swap(true, Ordering::Relaxed) {
            std::process::exit(Exit::Interrupted as i32);
        }
    });
    flag
}
