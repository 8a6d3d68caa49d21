//! `evql scan`: rules over evidence, findings into a folder or onto standard output.

use std::io::Write;
use std::path::{Path, PathBuf};

use evql::error::{Error, Result};
use evql::finding::{Case, Outcome, Run, Tlp};
use evql::hash::sha256_of_file;
use evql::report::csv::CsvOptions;
use evql::report::html::HtmlOptions;
use evql::report::{self, Format};
use evql::scan::{ScanOptions, scan, suppress};
use evql::time::Timestamp;

use super::allow;
use super::args::{CaseArgs, FormatChoice, ScanArgs, TlpChoice};
use super::rules::load;
use super::setup::{Evidence, clock, interrupt};
use super::summary;
use super::terminal::Terminal;
use super::{Answer, Exit};

/// Runs `evql scan`.
pub fn run(args: &ScanArgs, terminal: Terminal) -> Answer {
    let started = Timestamp::now();
    let formats = formats(&args.format);
    let stream = args.output.as_deref() == Some(Path::new("-"));
    if stream && formats.len() != 1 {
        return Err(Error::Usage("`-o -` streams one format: say which with --format".into()));
    }
    let mut evidence = Evidence::gather(&args.evidence, !args.no_hash)?;
    let rules = load(&args.rules, &evidence.options.mapping, terminal)?;
    let allow = allow::load(&args.allow, started, terminal)?;
    let folder =
        args.output.clone().unwrap_or_else(|| PathBuf::from(format!("evql-{}", started.to_compact())));
    let options = report_options(args);
    if !stream {
        report::refuse_existing(&folder, &formats, &options)?;
    }
    let interrupt = interrupt();
    if !stream {
        prepare(&folder)?;
    }
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
    if stream {
        write_stream(formats[0], &outcome, &run, &options)?;
        summary::print(&outcome, None, terminal);
    } else {
        report::write_folder(&folder, &formats, &outcome, &run, &options)?;
        summary::print(&outcome, Some((&folder, &formats)), terminal);
    }
    Ok(exit)
}

/// What the run was, now that it ends with `exit`.
fn record(args: &ScanArgs, started: Timestamp, threads: usize, exit: Exit) -> Run {
    let CaseArgs { id, examiner, organization, evidence_ids, tlp } = args.case.clone();
    let tlp = tlp.map(|choice| match choice {
        TlpChoice::Clear => Tlp::Clear,
        TlpChoice::Green => Tlp::Green,
        TlpChoice::Amber => Tlp::Amber,
        TlpChoice::AmberStrict => Tlp::AmberStrict,
        TlpChoice::Red => Tlp::Red,
    });
    Run {
        version: env!("CARGO_PKG_VERSION").into(),
        executable_sha256: std::env::current_exe().and_then(|path| sha256_of_file(&path)).ok(),
        platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
        arguments: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
        working_directory: std::env::current_dir()
            .map(|path| path.to_string_lossy().into_owned())
            .unwrap_or_default(),
        started,
        ended: Timestamp::now(),
        threads,
        exit_code: exit as u8,
        case: Case { id, examiner, organization, evidence_ids, tlp },
    }
}

/// Makes the folder and sees that files can be made in it, so that nobody waits for a scan whose outputs cannot be written.
fn prepare(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .and_then(|()| tempfile::tempfile_in(folder))
        .map(drop)
        .map_err(|error| Error::output(folder, error))
}

fn write_stream(format: Format, outcome: &Outcome, run: &Run, options: &report::Options) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    report::write_stream(format, outcome, run, options, &mut out)?;
    out.flush().map_err(|error| Error::output("standard output", error))
}

fn report_options(args: &ScanArgs) -> report::Options {
    report::Options {
        force: args.force,
        csv: CsvOptions { raw: args.csv_raw, bom: args.csv_bom },
        html: HtmlOptions { detail_limit: args.html_limit },
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

fn formats(choices: &[FormatChoice]) -> Vec<Format> {
    let mut formats: Vec<Format> = Vec::new();
    for choice in choices {
        let format = match choice {
            FormatChoice::Csv => Format::Csv,
            FormatChoice::Jsonl => Format::Jsonl,
            FormatChoice::Timesketch => Format::Timesketch,
            FormatChoice::Html => Format::Html,
            FormatChoice::Iocs => Format::Iocs,
            FormatChoice::Ecs => Format::Ecs,
            FormatChoice::Navigator => Format::Navigator,
            FormatChoice::Stix => Format::Stix,
        };
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    formats
}
