//! `evql scan`: rules over evidence, findings into a folder or onto standard output.

use evql::scan::{ScanOptions, scan};
use evql::time::Timestamp;

use super::Answer;
use super::args::ScanArgs;
use super::outputs::{Outputs, exit};
use super::rules::load;
use super::setup::{Evidence, clock, interrupt};
use super::terminal::Terminal;

/// Runs `evql scan`.
pub fn run(args: &ScanArgs, terminal: Terminal) -> Answer {
    let started = Timestamp::now();
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
    let outcome = scan(&evidence.sources, damages, &rules, &options, &progress, &interrupt);
    progress.finish();
    let outcome = outcome?;
    let exit = exit(&outcome);
    outputs.write(outcome, options.pass.threads, exit, terminal)
}
