//! Raw arguments → decided ones, for every subcommand that reads evidence: sources, options, interruption, totals. It reads no evidence.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use evql::finding::{Clock, Damage};
use evql::input::{self, ReaderKind, Source, WalkOptions};
use evql::scan::PassOptions;
use evql::sysmon;

use super::Exit;
use super::args::{ClockChoice, EventAction, EvidenceArgs, HostName, MappingArgs, ReaderChoice};

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
    pub fn gather(args: &EvidenceArgs, hash: bool) -> Self {
        let walked = input::walk(&args.paths, WalkOptions { follow_links: args.follow_links });
        let reader = match args.reader {
            ReaderChoice::Fast => ReaderKind::Fast,
            ReaderChoice::Xml => ReaderKind::Xml,
        };
        let options = PassOptions {
            threads: threads(args.threads),
            reader,
            hash,
            recover: args.recover,
            carve: args.carve,
            mapping: mapping(&args.mapping),
        };
        Self { sources: walked.sources, damages: walked.damages, options }
    }

    /// Bytes in all sources, as far as the file system tells.
    pub fn bytes(&self) -> u64 {
        self.sources
            .iter()
            .filter_map(|source| source.path.metadata().ok())
            .map(|metadata| metadata.len())
            .sum()
    }
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
