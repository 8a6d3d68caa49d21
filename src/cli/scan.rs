//! `evql scan`: rules over evidence, findings into a folder or onto standard output.

use evql::finding::{Outcome, Run};
use evql::hash::sha256_of_file;
use evql::report::html::HtmlOptions;
use evql::scan::{ScanOptions, scan, suppress};
use evql::time::Timestamp;

use super::allow;
use super::args::ScanArgs;
use super::output::{Output, arguments, case, tlp, working_directory};
use super::rules::load;
use super::setup::{Evidence, clock, interrupt};
use super::terminal::Terminal;
use super::{Answer, Exit};

/// Runs `evql scan`.
pub fn run(args: &ScanArgs, terminal: Terminal) -> Answer {
    let started = Timestamp::now();
    let output = Output::of(&args.output, started, HtmlOptions::default().detail_limit)?;
    let mut evidence = Evidence::gather(&args.evidence, !args.no_hash)?;
    let rules = load(&args.rules, &evidence.options.mapping, terminal)?;
    let allow = allow::load(&args.allow, started, terminal)?;
    let interrupt = interrupt();
    output.prepare()?;
    let progress = evidence.progress(terminal);
    let options_of_scan = ScanOptions {
        clock: clock(args.clock),
        pass: evidence.options.clone(),
        near_misses: !args.no_near_misses,
    };
    let damages = std::mem::take(&mut evidence.damages);
    let outcome = scan(&evidence.sources, damages, &rules, &options_of_scan, &progress, &interrupt);
    progress.finish();
    let mut outcome = outcome?;
    suppress(&mut outcome, &allow);

    let exit = exit(&outcome, args.exit_code);
    let run = record(args, started, options_of_scan.pass.threads, exit);
    output.write(&outcome, &run, terminal)?;
    Ok(exit)
}

/// What the run was, now that it ends with `exit`.
fn record(args: &ScanArgs, started: Timestamp, threads: usize, exit: Exit) -> Run {
    Run {
        version: env!("CARGO_PKG_VERSION").into(),
        executable_sha256: std::env::current_exe().and_then(|path| sha256_of_file(&path)).ok(),
        platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
        arguments: arguments(),
        working_directory: working_directory(),
        started,
        ended: Timestamp::now(),
        threads,
        exit_code: exit as u8,
        case: case(&args.output.case),
        tlp: tlp(&args.output.case),
        rebuilt: Vec::new(),
    }
}

fn exit(outcome: &Outcome, findings_matter: bool) -> Exit {
    if outcome.interrupted {
        Exit::Interrupted
    } else if !outcome.anything_usable() {
        Exit::Nothing
    } else if outcome.lost_input() {
        Exit::Partial
    } else if findings_matter && !outcome.findings.is_empty() {
        Exit::Findings
    } else {
        Exit::Success
    }
}
