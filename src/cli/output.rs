//! Where outputs go and how they are written, decided once for `scan` and `report`. It writes what `report` makes and finds nothing itself.

use std::io::Write;
use std::path::{Path, PathBuf};

use evql::error::{Error, Result};
use evql::finding::{Case, Outcome, Run, Tlp};
use evql::hash::sha256_of_file;
use evql::report::csv::CsvOptions;
use evql::report::html::HtmlOptions;
use evql::report::{self, Format};
use evql::time::Timestamp;

use super::args::{CaseArgs, FormatChoice, OutputArgs, TlpChoice};
use super::summary;
use super::terminal::{Terminal, write_stdout};

/// What was decided.
pub struct Output {
    formats: Vec<Format>,
    /// `None` for standard output.
    folder: Option<PathBuf>,
    options: report::Options,
    /// Whether a line of JSON tells how it went.
    json: bool,
}

impl Output {
    /// What `args` ask for; a folder without a name is named after `now`. The page shows `html_limit` findings in full unless they say otherwise.
    ///
    /// # Errors
    /// [`Error::Usage`] for several formats on one stream, [`Error::Exists`] for outputs that are there already.
    pub fn of(args: &OutputArgs, now: Timestamp, html_limit: usize) -> Result<Self> {
        let formats = formats(&args.format);
        let stream = args.output.as_deref() == Some(Path::new("-"));
        if stream && formats.len() != 1 {
            return Err(Error::Usage("`-o -` streams one format: say which with --format".into()));
        }
        if stream && args.json {
            return Err(Error::Usage(
                "`-o -` and `--json` both write to standard output: leave one out".into(),
            ));
        }
        let folder =
            || args.output.clone().unwrap_or_else(|| PathBuf::from(format!("evql-{}", now.to_compact())));
        let options = report::Options {
            force: args.force,
            csv: CsvOptions { raw: args.csv_raw, bom: args.csv_bom },
            html: HtmlOptions { detail_limit: args.html_limit.unwrap_or(html_limit) },
        };
        let output = Self { formats, folder: (!stream).then(folder), options, json: args.json };
        if let Some(folder) = &output.folder {
            report::refuse_existing(folder, &output.formats, &output.options)?;
        }
        Ok(output)
    }

    /// The folder of the outputs; `None` for standard output.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Makes the folder and sees that files can be made in it, so that nobody waits for a scan whose outputs cannot be written.
    ///
    /// # Errors
    /// [`Error::Output`] when they cannot.
    pub fn prepare(&self) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        std::fs::create_dir_all(folder)
            .and_then(|()| tempfile::tempfile_in(folder))
            .map(drop)
            .map_err(|error| Error::output(folder, error))
    }

    /// The SHA-256 of this program's file, lower-case hex, where the outputs say which program made them: the page and the record of the run do.
    pub fn program_sha256(&self) -> Option<String> {
        let told = self.folder.is_some() || self.formats.contains(&Format::Html);
        let hash = || std::env::current_exe().and_then(|path| sha256_of_file(&path)).ok();
        told.then(hash).flatten()
    }

    /// Writes the outputs, then says on the terminal how it stands.
    ///
    /// # Errors
    /// What `report` says.
    pub fn write(&self, outcome: &Outcome, run: &Run, terminal: Terminal) -> Result<()> {
        match (&self.folder, self.formats.as_slice()) {
            (Some(folder), formats) => {
                report::write_folder(folder, formats, outcome, run, &self.options)?;
                summary::print(outcome, Some((folder, formats)), terminal);
                if self.json {
                    let mut line = report::run::summary(outcome, run);
                    line["folder"] = folder.to_string_lossy().into();
                    write_stdout(&format!("{line}\n"))?;
                }
            }
            (None, formats) => {
                let mut out = std::io::BufWriter::new(std::io::stdout().lock());
                for format in formats {
                    report::write_stream(*format, outcome, run, &self.options, &mut out)?;
                }
                out.flush().map_err(|error| Error::output("standard output", error))?;
                summary::print(outcome, None, terminal);
            }
        }
        Ok(())
    }
}

/// The case as `args` have it.
pub fn case(args: &CaseArgs) -> Case {
    let CaseArgs { id, examiner, organization, evidence_ids, .. } = args.clone();
    Case { id, examiner, organization, evidence_ids, tlp: tlp(args) }
}

/// The marking as `args` have it.
fn tlp(args: &CaseArgs) -> Option<Tlp> {
    args.tlp.map(|choice| match choice {
        TlpChoice::Clear => Tlp::Clear,
        TlpChoice::Green => Tlp::Green,
        TlpChoice::Amber => Tlp::Amber,
        TlpChoice::AmberStrict => Tlp::AmberStrict,
        TlpChoice::Red => Tlp::Red,
    })
}

/// This process's command line.
pub fn arguments() -> Vec<String> {
    std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect()
}

/// The folder that relative paths are taken from.
pub fn working_directory() -> String {
    std::env::current_dir().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
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
