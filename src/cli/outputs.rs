//! Where findings go, for every subcommand that makes some: a folder of files or one stream, decided before anything is read. It makes no finding.

use std::io::Write;
use std::path::{Path, PathBuf};

use evql::error::{Error, Result};
use evql::finding::{Case, Outcome, Run, Tlp};
use evql::hash::sha256_of_file;
use evql::report::csv::CsvOptions;
use evql::report::html::HtmlOptions;
use evql::report::{self, Format};
use evql::scan::{AllowSet, suppress};
use evql::time::Timestamp;

use super::args::{CaseArgs, FormatChoice, ReportArgs, TlpChoice};
use super::terminal::Terminal;
use super::{Answer, Exit, allow, summary};

/// What becomes of an outcome.
pub struct Outputs<'a> {
    args: &'a ReportArgs,
    started: Timestamp,
    /// `None` streams to standard output.
    folder: Option<PathBuf>,
    formats: Vec<Format>,
    options: report::Options,
    allow: AllowSet,
}

impl<'a> Outputs<'a> {
    /// Decides, reads the allow-lists, and sees that what is to be written can be.
    ///
    /// # Errors
    /// [`Error::Usage`] when a stream is to carry several formats, [`Error::Exists`] and [`Error::Output`] when the folder cannot be written to, [`Error::Rule`]
    /// when an allow-list is wrong.
    pub fn prepare(args: &'a ReportArgs, started: Timestamp, terminal: Terminal) -> Result<Self> {
        let formats = formats(&args.format);
        let stream = args.output.as_deref() == Some(Path::new("-"));
        if stream && formats.len() != 1 {
            return Err(Error::Usage("`-o -` streams one format: say which with --format".into()));
        }
        let allow = allow::load(&args.allow, started, terminal)?;
        let named =
            || args.output.clone().unwrap_or_else(|| PathBuf::from(format!("evql-{}", started.to_compact())));
        let folder = (!stream).then(named);
        let options = report::Options {
            force: args.force,
            csv: CsvOptions { raw: args.csv_raw, bom: args.csv_bom },
            html: HtmlOptions { detail_limit: args.html_limit },
        };
        if let Some(folder) = &folder {
            report::refuse_existing(folder, &formats, &options)?;
            make(folder)?;
        }
        Ok(Self { args, started, folder, formats, options, allow })
    }

    /// Sets aside what allow-lists describe, writes the outputs, and says how the run ends.
    ///
    /// # Errors
    /// [`Error::Output`] and [`Error::ClosedPipe`].
    pub fn write(&self, mut outcome: Outcome, threads: usize, exit: Exit, terminal: Terminal) -> Answer {
        suppress(&mut outcome, &self.allow);
        let exit = match exit {
            Exit::Success if self.args.exit_code && !outcome.findings.is_empty() => Exit::Findings,
            exit => exit,
        };
        let run = self.record(threads, exit);
        match &self.folder {
            Some(folder) => {
                report::write_folder(folder, &self.formats, &outcome, &run, &self.options)?;
                summary::print(&outcome, Some((folder, &self.formats)), terminal);
            }
            None => {
                self.formats.iter().try_for_each(|format| stream(*format, &outcome, &run, &self.options))?;
                summary::print(&outcome, None, terminal);
            }
        }
        Ok(exit)
    }

    /// What the run was, now that it ends with `exit`.
    fn record(&self, threads: usize, exit: Exit) -> Run {
        let CaseArgs { id, examiner, organization, evidence_ids, tlp } = self.args.case.clone();
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
            started: self.started,
            ended: Timestamp::now(),
            threads,
            exit_code: exit as u8,
            case: Case { id, examiner, organization, evidence_ids, tlp },
        }
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

/// Makes the folder and sees that files can be made in it, so that nobody waits for a run whose outputs cannot be written.
fn make(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .and_then(|()| tempfile::tempfile_in(folder))
        .map(drop)
        .map_err(|error| Error::output(folder, error))
}

fn stream(format: Format, outcome: &Outcome, run: &Run, options: &report::Options) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    report::write_stream(format, outcome, run, options, &mut out)?;
    out.flush().map_err(|error| Error::output("standard output", error))
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
