//! `evql synth`: practice evidence and load into a folder. It invents nothing itself.

use std::fs;
use std::path::Path;

use evql::error::{Error, Result};
use evql::synth::{self, LoadOptions};
use evql::sysmon::schema::Layout;

use super::args::{LayoutChoice, SynthArgs};
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
    if !args.force && args.output.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::Exists(args.output.clone()));
    }
    if args.samples {
        let samples = synth::samples()?;
        for sample in &samples {
            write(&args.output.join(&sample.path), &sample.bytes)?;
        }
        terminal.note(format!("{} samples written to {}", samples.len(), args.output.display()));
        return Ok(Exit::Success);
    }
    let load = synth::generate(&options(args), &args.output)?;
    terminal.note(format!(
        "{} records with {} attacks in {} files ({} bytes) written to {}",
        load.records,
        load.attacks.len(),
        load.files,
        load.bytes,
        args.output.display()
    ));
    Ok(Exit::Success)
}

fn options(args: &SynthArgs) -> LoadOptions {
    let layout = match args.layout {
        LayoutChoice::Old => Layout::Sysmon10,
        LayoutChoice::New => Layout::Sysmon15,
    };
    LoadOptions {
        hosts: args.hosts,
        events: args.events,
        seed: args.seed,
        attacks: args.attacks,
        layout,
        mixed: args.mixed,
        files: args.files,
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, bytes))
        .map_err(|error| Error::output(path, error))
}
