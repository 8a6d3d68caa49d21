//! `evql reduce`: a sorted stream of hits to findings, written as `evql scan` writes them, or to the lines that a later reduce needs. It reads no evidence.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use evql::error::{Error, Result};
use evql::scan::stream::{pass_on, reduce};
use evql::sysmon;
use evql::time::Timestamp;

use super::args::ReduceArgs;
use super::export::Target;
use super::outputs::{Outputs, exit};
use super::records;
use super::rules::load;
use super::setup::interrupt;
use super::terminal::Terminal;
use super::{Answer, Exit};

const BUFFER: usize = 1 << 18;

/// Runs `evql reduce`.
pub fn run(args: &ReduceArgs, terminal: Terminal) -> Answer {
    records::check(args.records)?;
    let started = Timestamp::now();
    // How Sysmon was mapped is for the stream to say: no rule is asked of an event here.
    let rules = load(&args.rules, &sysmon::Options::default(), terminal)?;
    let mut stream = open(&args.stream)?;
    if let Some(path) = &args.pass_on {
        let target = Target::of(path, args.report.output.force)?;
        let interrupt = interrupt();
        let passed = records::write(&target, args.records, |out| {
            let passed = pass_on(&mut *stream, &rules, &interrupt, out)?;
            let whole = !passed.interrupted;
            Ok((passed, whole))
        })?;
        let (lines, read) = (passed.lines, passed.read);
        terminal.note(format!("{lines} of {read} lines are passed on"));
        return Ok(if passed.interrupted { Exit::Interrupted } else { Exit::Success });
    }
    let outputs = Outputs::prepare(&args.report, started, terminal)?;
    let outcome = reduce(&mut *stream, &rules, &interrupt())?;
    let exit = match exit(&outcome) {
        // A part of a stream may hold hits and nothing that is told of the evidence.
        Exit::Nothing if outcome.sources.is_empty() && !outcome.findings.is_empty() => Exit::Success,
        exit => exit,
    };
    outputs.write(outcome, 1, exit, terminal)
}

fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::with_capacity(BUFFER, std::io::stdin())));
    }
    let file = File::open(path)
        .map_err(|error| Error::Usage(format!("{}: the stream cannot be read: {error}", path.display())))?;
    Ok(Box::new(BufReader::with_capacity(BUFFER, file)))
}
