//! What becomes of findings, for every subcommand that makes some: allow-lists set some aside, the rest is written. It makes no finding.

use std::path::{Path, PathBuf};

use evql::error::Result;
use evql::finding::{Case, Outcome, Run};
use evql::report::html::HtmlOptions;
use evql::scan::{AllowSet, suppress};
use evql::time::Timestamp;

use super::args::FindingArgs;
use super::output::{Output, arguments, case, working_directory};
use super::terminal::Terminal;
use super::{Answer, Exit, allow};

/// What becomes of an outcome.
pub struct Outputs<'a> {
    args: &'a FindingArgs,
    started: Timestamp,
    output: Output,
    allow: AllowSet,
}

impl<'a> Outputs<'a> {
    /// Decides, reads the allow-lists, and sees that what is to be written can be.
    ///
    /// # Errors
    /// What [`Output::of`] and [`Output::prepare`] say, [`Error::Rule`](evql::error::Error::Rule) when an allow-list is wrong.
    pub fn prepare(args: &'a FindingArgs, started: Timestamp, terminal: Terminal) -> Result<Self> {
        let output = Output::of(&args.output, started, HtmlOptions::default().detail_limit)?;
        let allow = allow::load(&args.allow, started, terminal)?;
        output.prepare()?;
        Ok(Self { args, started, output, allow })
    }

    /// A folder in which a scan may keep what it needs until its end: that of the outputs, where there is one.
    pub fn room(&self) -> PathBuf {
        self.output.folder().map_or_else(std::env::temp_dir, Path::to_path_buf)
    }

    /// Sets aside what allow-lists describe, writes the outputs, and says how the run ends.
    ///
    /// # Errors
    /// What [`Output::write`] says.
    pub fn write(&self, mut outcome: Outcome, threads: usize, exit: Exit, terminal: Terminal) -> Answer {
        suppress(&mut outcome, &self.allow);
        let exit = match exit {
            Exit::Success if self.args.exit_code && !outcome.findings.is_empty() => Exit::Findings,
            exit => exit,
        };
        let run = record(self.started, threads, exit, case(&self.args.output.case), &self.output);
        self.output.write(&outcome, &run, terminal)?;
        Ok(exit)
    }
}

/// What the run was that began at `started`, now that it ends with `exit` and `output` is to be written.
pub fn record(started: Timestamp, threads: usize, exit: Exit, case: Case, output: &Output) -> Run {
    Run {
        version: env!("CARGO_PKG_VERSION").into(),
        executable_sha256: output.program_sha256(),
        platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
        arguments: arguments(),
        working_directory: working_directory(),
        started,
        ended: Timestamp::now(),
        threads,
        exit_code: exit as u8,
        case,
        rebuilt: Vec::new(),
        merged: None,
    }
}

/// How a run with this outcome ends, whatever it found.
pub fn exit(outcome: &Outcome) -> Exit {
    if outcome.interrupted {
        Exit::Interrupted
    } else if !outcome.anything_usable() {
        Exit::Nothing
    } else if outcome.lost_input() {
        Exit::Partial
    } else {
        Exit::Success
    }
}
