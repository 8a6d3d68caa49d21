//! What can be asked of outputs: what is written, where and how, and the case it is for. Nothing is decided or done here.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What becomes of findings.
#[derive(Debug, Clone, Args)]
pub struct FindingArgs {
    /// An allow-list (TOML): findings that its entries describe are set aside, listed with the reason; repeatable.
    #[arg(long, value_name = "FILE", help_heading = "Rules")]
    pub allow: Vec<PathBuf>,
    #[command(flatten)]
    pub output: OutputArgs,
    /// Exit with 1 when there are findings.
    #[arg(long)]
    pub exit_code: bool,
}

/// What is written, where, and how.
#[derive(Debug, Clone, Args)]
pub struct OutputArgs {
    /// The folder for the outputs (made if need be), or `-` to stream one format to standard output [default: evql-<UTC time>].
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// What to write.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [FormatChoice::Csv, FormatChoice::Jsonl, FormatChoice::Timesketch, FormatChoice::Html, FormatChoice::Iocs], value_name = "FORMATS")]
    pub format: Vec<FormatChoice>,
    /// Overwrite outputs that are there already.
    #[arg(long)]
    pub force: bool,
    /// Print one line on standard output when done: a JSON object with exit code, counts and the folder of the outputs.
    #[arg(long)]
    pub json: bool,
    /// Leave CSV cells that a spreadsheet would run as formulas as they are, instead of putting an apostrophe before them.
    #[arg(long)]
    pub csv_raw: bool,
    /// Begin CSV files with a byte order mark, for Excel.
    #[arg(long)]
    pub csv_bom: bool,
    /// How many findings the HTML report shows in full [default: 2000; of outputs written again, as many as before].
    #[arg(long, value_name = "N")]
    pub html_limit: Option<usize>,
    #[command(flatten)]
    pub case: CaseArgs,
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// A folder that a scan wrote, with findings.jsonl and run.json in it.
    #[arg(value_name = "RUN_DIR")]
    pub run: PathBuf,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Folders that scans wrote, with findings.jsonl and run.json in them: each over its own part of the evidence, all with the same rules, clock and mapping.
    #[arg(required = true, value_name = "RUN_DIR")]
    pub runs: Vec<PathBuf>,
    #[command(flatten)]
    pub output: OutputArgs,
    /// Exit with 1 when there are findings.
    #[arg(long)]
    pub exit_code: bool,
}

#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The folder of the earlier run, with findings.jsonl and run.json in it.
    #[arg(value_name = "RUN_A")]
    pub before: PathBuf,
    /// The folder of the later run.
    #[arg(value_name = "RUN_B")]
    pub after: PathBuf,
    /// Print one JSON object, with everything in it.
    #[arg(long)]
    pub json: bool,
}

/// What the run is for; it stands in the page and in run.json as it is given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Case")]
pub struct CaseArgs {
    /// The case's number or name.
    #[arg(long = "case", value_name = "ID", default_value = "", hide_default_value = true)]
    pub id: String,
    /// Who examines.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub examiner: String,
    /// For whom.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub organization: String,
    /// The number of a piece of evidence; repeatable.
    #[arg(long = "evidence-id", value_name = "ID")]
    pub evidence_ids: Vec<String>,
    /// Who may read the result, by the Traffic Light Protocol 2.0: it heads the page and every printed sheet.
    #[arg(long, value_enum, value_name = "LABEL")]
    pub tlp: Option<TlpChoice>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TlpChoice {
    /// No limit on disclosure.
    Clear,
    /// The community.
    Green,
    /// The organization and its clients, who need to know.
    Amber,
    /// The organization only.
    #[value(name = "amber+strict")]
    AmberStrict,
    /// Only those named.
    Red,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum FormatChoice {
    /// findings.csv, suppressed.csv, timeline.csv, near_misses.csv, evidence.csv, problems.csv and coverage.csv.
    Csv,
    /// findings.jsonl.
    Jsonl,
    /// timeline.jsonl, which Timesketch imports without loss.
    Timesketch,
    /// report.html.
    Html,
    /// iocs.csv, and iocs.txt to paste into a mail: addresses, names, URLs, hashes and paths to look for elsewhere.
    Iocs,
    /// signals.ndjson: alerts as Elastic's detection engine keeps them, for Elasticsearch and what reads its documents.
    Ecs,
    /// navigator.json: a layer of the ATT&CK Navigator, techniques scored by findings.
    Navigator,
    /// bundle.json: STIX 2.1, what was observed and of which rule it is a sighting.
    Stix,
}
