//! The front door: arguments in, one conductor's answer out, as an exit code. No matching and no formatting happens here.

mod allow;
mod archives;
mod args;
#[cfg(feature = "parquet")]
mod dataset;
mod diff;
mod documents;
mod explain;
mod explain_finding;
mod export;
mod fields;
mod inspect;
mod map;
mod merge;
mod output;
mod outputs;
mod query;
mod records;
mod reduce;
mod report;
mod rules;
mod run_folder;
mod scan;
mod setup;
mod summary;
mod synth;
mod terminal;
mod times;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;
use evql::error::Error;

use args::{Cli, Command};
use terminal::Terminal;

/// How a run ended; the numbers are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All input was read.
    Success = 0,
    /// There are findings, and `--exit-code` asked to say so; or `diff` tells of differences.
    Findings = 1,
    /// Finished, but some input could not be read fully.
    Partial = 2,
    /// Wrong arguments, rules or query.
    Usage = 3,
    /// Nothing usable was found.
    Nothing = 4,
    /// An output could not be written.
    Output = 5,
    /// A bug.
    Bug = 70,
    /// Interrupted; what was found is written and marked.
    Interrupted = 130,
}

/// What a subcommand answers: how it ended, or why it could not go on.
pub type Answer = Result<Exit, Error>;

/// Runs evql on the process's own arguments.
pub fn run() -> ExitCode {
    let exit = catch_unwind(AssertUnwindSafe(dispatch)).unwrap_or(Exit::Bug);
    ExitCode::from(exit as u8)
}

fn dispatch() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Success };
        }
    };
    let terminal = Terminal::new(cli.quiet, cli.color);
    let answer = match cli.command {
        Command::Scan(args) => scan::run(&args, terminal),
        Command::Report(args) => report::run(&args, terminal),
        Command::Merge(args) => merge::run(&args, terminal),
        Command::Diff(args) => diff::run(&args, terminal),
        Command::Inspect(args) => inspect::run(&args, terminal),
        Command::Query(args) => query::run(&args, terminal),
        Command::Explain(args) => explain::run(&args),
        Command::ExplainFinding(args) => explain_finding::run(&args, terminal),
        Command::Rules { command } => rules::run(&command, terminal),
        Command::Allow { command } => allow::run(&command, terminal),
        Command::Fields(args) => fields::run(&args, terminal),
        Command::Export(args) => export::run(&args, terminal),
        Command::Map(args) => map::run(&args, terminal),
        Command::Reduce(args) => reduce::run(&args, terminal),
        Command::Synth(args) => synth::run(&args, terminal),
        Command::Completions(args) => documents::completions(&args),
        Command::Man(args) => documents::man(&args, terminal),
    };
    answer.unwrap_or_else(|error| {
        let exit = match &error {
            Error::ClosedPipe => return Exit::Success,
            Error::Usage(_) | Error::Rule(_) => Exit::Usage,
            Error::Exists(_) | Error::Output { .. } => Exit::Output,
        };
        terminal.error(error);
        exit
    })
}
