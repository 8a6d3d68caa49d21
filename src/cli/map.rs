//! `evql map`: the hits of rules over evidence as lines or rows that are to be sorted. A file that cannot be read is a line, not an exit code.

use evql::error::{Error, Result};
use evql::input::{ChunkRange, Source};
use evql::scan::stream::{MapOptions, map};

use super::args::MapArgs;
use super::export::Target;
use super::records;
use super::rules::load;
use super::setup::{Evidence, clock, interrupt};
use super::terminal::Terminal;
use super::{Answer, Exit};

/// Runs `evql map`.
pub fn run(args: &MapArgs, terminal: Terminal) -> Answer {
    records::check(args.records)?;
    let target = Target::of(&args.output, args.force)?;
    let mut evidence = Evidence::gather(&args.evidence, !args.no_hash)?;
    evidence.sources.extend(args.stdin_name.as_deref().map(Source::standard_input));
    evidence.options.chunks = args.chunks;
    one_file_for_chunks(args.chunks, &evidence.sources)?;
    let rules = load(&args.rules, &evidence.options.mapping, terminal)?;
    let interrupt = interrupt();
    let progress = evidence.progress(terminal);
    let options = MapOptions { clock: clock(args.clock), pass: evidence.options.clone() };
    let damages = std::mem::take(&mut evidence.damages);
    let mapped = records::write(&target, args.records, |out| {
        let mapped = map(&evidence.sources, damages, &rules, &options, &progress, &interrupt, out)?;
        // A stream that says that it was interrupted is whole.
        Ok((mapped, true))
    });
    progress.finish();
    let mapped = mapped?;
    let problems = mapped.read.damages.len();
    let problems = if problems == 0 { String::new() } else { format!(", {problems} problems") };
    terminal.note(format!("{} hits from {} files{problems}", mapped.hits, mapped.read.sources.len()));
    Ok(if mapped.read.interrupted { Exit::Interrupted } else { Exit::Success })
}

/// Chunks are counted within one file.
fn one_file_for_chunks(chunks: Option<ChunkRange>, sources: &[Source]) -> Result<()> {
    match (chunks, sources) {
        (None, _) | (Some(_), [_]) => Ok(()),
        (Some(_), several) => {
            Err(Error::Usage(format!("--chunks is for one EVTX file, and {} files are named", several.len())))
        }
    }
}

/// `A-B` as a range of chunks.
pub fn chunks(text: &str) -> std::result::Result<ChunkRange, String> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let range = text
        .split_once('-')
        .and_then(|(first, last)| Some(ChunkRange { first: number(first)?, last: number(last)? }));
    range.filter(|range| range.first <= range.last).ok_or_else(|| {
        "it has the form A-B, the first and the last chunk counted from 0, as in 0-1023".to_owned()
    })
}
