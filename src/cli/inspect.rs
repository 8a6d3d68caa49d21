//! `evql inspect`: what is in the evidence, as text or one JSON object on standard output. It counts nothing itself.

mod text;

use std::io::Write;

use evql::error::{Error, Result};
use evql::scan::{Inspection, inspect};

use super::args::InspectArgs;
use super::setup::{Evidence, interrupt};
use super::terminal::{Terminal, write_stdout};
use super::{Answer, Exit};

/// Runs `evql inspect`.
pub fn run(args: &InspectArgs, terminal: Terminal) -> Answer {
    let mut evidence = Evidence::gather(&args.evidence, !args.no_hash)?;
    let interrupt = interrupt();
    let progress = evidence.progress(terminal);
    let damages = std::mem::take(&mut evidence.damages);
    let inspected = inspect(&evidence.sources, damages, &evidence.options, &progress, &interrupt);
    progress.finish();
    let inspection = inspected?;
    if args.json {
        let mut json = serde_json::to_string_pretty(&inspection).expect("strings, numbers and lists of them");
        json.push('\n');
        write_stdout(&json)?;
    } else {
        write_styled(&text::page(&inspection))?;
    }
    Ok(exit(&inspection))
}

/// Writes `text` to standard output, its colours only where they are wanted.
fn write_styled(text: &str) -> Result<()> {
    let mut out = anstream::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Error::output("standard output", error))
}

fn exit(inspection: &Inspection) -> Exit {
    if inspection.interrupted {
        Exit::Interrupted
    } else if !inspection.anything_usable() {
        Exit::Nothing
    } else if inspection.lost_input() {
        Exit::Partial
    } else {
        Exit::Success
    }
}
