//! `evql synth`: practice evidence and load into a folder. It invents nothing itself.

use std::fs;
use std::path::Path;

use evql::error::{Error, Result};
use evql::synth::{self, LoadOptions};

use super::args::SynthArgs;
use super::terminal::{Terminal, write_stdout};
use super::{Answer, Exit};

/// Runs `evql synth`.
pub fn run(args: &SynthArgs, terminal: Terminal) -> Answer {
    if args.manifest {
        let mut text = Vec::new();
        synth::manifest(&mut text).map_err(|error| Error::output("standard output", error))?;
        write_stdout(&String::from_utf8_lossy(&text))?;
        return Ok(Exit::Success);
    }
    Ok(Exit::Success)
}
