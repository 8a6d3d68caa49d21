//! `evql scan`: rules over evidence, findings into a folder or onto standard output.

use evql::error::{Error, Result};
use evql::scan::stream::{Aside, scan_aside};
use evql::scan::{ScanOptions, scan};
use evql::time::Timestamp;

use super::Answer;
use super::archives::size;
use super::args::ScanArgs;
use super::outputs::{Outputs, exit};
use super::rules::load;
use super::setup::{Evidence, clock, interrupt};
use super::terminal::Terminal;

/// Bytes of hits in memory of an external sort that is not told how many.
const MEMORY: u64 = 512 << 20;
/// Less than this would be a file of nothing but pieces.
const LEAST_MEMORY: u64 = 1 << 20;

/// Runs `evql scan`.
pub fn run(args: &ScanArgs, terminal: Terminal) -> Answer {
    let started = Timestamp::now();
    let memory = memory_for_hits(args)?;
    let mut evidence = Evidence::gather(&args.evidence, !args.no_hash)?;
    let rules = load(&args.rules, &evidence.options.mapping, terminal)?;
    let outputs = Outputs::prepare(&args.report, started, terminal)?;
    let interrupt = interrupt();
    let progress = evidence.progress(terminal);
    let options = ScanOptions {
        clock: clock(args.clock),
        pass: evidence.options.clone(),
        near_misses: !args.no_near_misses,
        stories: !args.no_stories,
    };
    let damages = std::mem::take(&mut evidence.damages);
    let sources = &evidence.sources;
    let outcome = match memory {
        None => scan(sources, damages, &rules, &options, &progress, &interrupt).map(|outcome| (outcome, 0)),
        Some(memory) => {
            let aside = Aside { memory, folder: outputs.room() };
            scan_aside(sources, damages, &rules, &options, &aside, &progress, &interrupt)
        }
    };
    progress.finish();
    let (outcome, set_aside) = outcome?;
    if set_aside > 0 {
        terminal.note(format!("{} MiB of hits were sorted on disk", set_aside.div_ceil(1 << 20)));
    }
    let exit = exit(&outcome);
    outputs.write(outcome, options.pass.threads, exit, terminal)
}

/// How many bytes of hits may lie in memory, where that is bounded.
fn memory_for_hits(args: &ScanArgs) -> Result<Option<usize>> {
    let bound = args.max_memory.or(args.external_sort.then_some(MEMORY));
    if bound.is_some() && !args.no_near_misses {
        return Err(Error::Usage(
            "near misses are looked for among all hits at once, so they cannot lie on disk: give --no-near-misses too"
                .to_owned(),
        ));
    }
    Ok(bound.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)))
}

/// A size that is enough memory for hits.
pub fn memory(text: &str) -> std::result::Result<u64, String> {
    size(text).and_then(|bytes| match bytes >= LEAST_MEMORY {
        true => Ok(bytes),
        false => Err("at least 1MiB is needed".to_owned()),
    })
}
