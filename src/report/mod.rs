//! Findings → bytes: CSV, JSON Lines, HTML, what is for other programs and the run's record, into a folder or one stream; and read back. It decides nothing about what a
//! finding is and reads no log.

pub mod cell;
mod coverage;
pub mod csv;
pub mod escape;
pub mod findings;
mod folder;
pub mod html;
pub mod iocs;
pub mod jsonl;
pub mod navigator;
pub mod near;
mod read;
pub mod run;
pub mod signals;
pub mod stix;
pub mod story;
pub mod subject;
pub mod timeline;
mod words;

use std::io::{self, Write};

pub use coverage::older_copies;
pub use folder::{Written, refuse_existing, write_folder};
pub use html::{Files, not_covered, verdict};
pub use read::{ReadBack, read_folder};
pub use subject::finding_target;
pub use words::counted;

use crate::error::{Error, Result};
use crate::finding::{Outcome, Run};
use csv::CsvOptions;
use html::HtmlOptions;

/// What a report can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `findings.csv`, `suppressed.csv`, `timeline.csv`, `near_misses.csv`, `evidence.csv`, `problems.csv`, `coverage.csv`; as a stream: `findings.csv`.
    Csv,
    /// `findings.jsonl`.
    Jsonl,
    /// `report.html`.
    Html,
    /// `timeline.jsonl`, which Timesketch imports without loss.
    Timesketch,
    /// `signals.ndjson`, alerts as Elastic's detection engine keeps them.
    Ecs,
    /// `navigator.json`, a layer of the ATT&CK Navigator.
    Navigator,
    /// `bundle.json`, STIX 2.1.
    Stix,
    /// `iocs.csv`, `iocs.txt`; as a stream: `iocs.csv`.
    Iocs,
}

impl Format {
    /// Every format, in the order files are written.
    pub const ALL: [Self; 8] = [
        Self::Csv,
        Self::Jsonl,
        Self::Timesketch,
        Self::Iocs,
        Self::Ecs,
        Self::Navigator,
        Self::Stix,
        Self::Html,
    ];

    /// The word used on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Html => "html",
            Self::Timesketch => "timesketch",
            Self::Iocs => "iocs",
            Self::Ecs => "ecs",
            Self::Stix => "stix",
            Self::Navigator => "navigator",
        }
    }

    /// The files this format is in a folder; the first is the one a stream carries.
    pub fn files(self) -> &'static [&'static str] {
        match self {
            Self::Csv => &[
                "findings.csv",
                "suppressed.csv",
                "timeline.csv",
                "near_misses.csv",
                "evidence.csv",
                "problems.csv",
                "coverage.csv",
            ],
            Self::Jsonl => &["findings.jsonl"],
            Self::Html => &["report.html"],
            Self::Timesketch => &["timeline.jsonl"],
            Self::Iocs => &["iocs.csv", "iocs.txt"],
            Self::Ecs => &["signals.ndjson"],
            Self::Stix => &["bundle.json"],
            Self::Navigator => &["navigator.json"],
        }
    }
}

/// How reports are written.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Replace files that are there already.
    pub force: bool,
    /// CSV's choices.
    pub csv: CsvOptions,
    /// The HTML page's choices.
    pub html: HtmlOptions,
}

/// Writes `format` to `out`, as `-o -` asks.
///
/// # Errors
/// [`Error::ClosedPipe`] when the reader has gone, [`Error::Output`] for anything else `out` says.
pub fn write_stream(
    format: Format,
    outcome: &Outcome,
    run: &Run,
    options: &Options,
    out: &mut dyn Write,
) -> Result<()> {
    let name = format.files().first().copied().unwrap_or_default();
    write_file(name, outcome, run, options, out)
        .and_then(|_| out.flush())
        .map_err(|error| Error::output("standard output", error))
}

/// Writes the file called `name`; returns how many CSV cells were disarmed.
fn write_file(
    name: &str,
    outcome: &Outcome,
    run: &Run,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<u64> {
    match name {
        "findings.csv" => csv::write_findings(outcome, options.csv, out),
        "suppressed.csv" => csv::write_suppressed(outcome, options.csv, out),
        "timeline.csv" => csv::write_timeline(outcome, options.csv, out),
        "near_misses.csv" => csv::write_near_misses(outcome, options.csv, out),
        "evidence.csv" => csv::write_evidence(outcome, options.csv, out),
        "problems.csv" => csv::write_problems(outcome, options.csv, out),
        "coverage.csv" => csv::write_coverage(outcome, options.csv, out),
        "iocs.csv" => csv::write_iocs(outcome, options.csv, out),
        "iocs.txt" => iocs::write_text(outcome, out).map(|()| 0),
        "signals.ndjson" => signals::write_signals(outcome, out).map(|()| 0),
        "navigator.json" => navigator::write_layer(outcome, out).map(|()| 0),
        "bundle.json" => stix::write_bundle(outcome, run, out).map(|()| 0),
        "findings.jsonl" => jsonl::write_findings(outcome, out).map(|()| 0),
        "timeline.jsonl" => jsonl::write_timeline(outcome, out).map(|()| 0),
        _ => html::write_html(outcome, run, &options.html, out).map(|()| 0),
    }
}
