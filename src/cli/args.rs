//! What can be asked on the command line: clap's types, whose doc comments are the help texts. Nothing is decided or done here.

mod output;

use std::path::PathBuf;

use evql::input::ChunkRange;
use evql::time::Timestamp;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::archives::size;

pub use output::{
    CaseArgs, DiffArgs, FindingArgs, FormatChoice, MergeArgs, OutputArgs, ReportArgs, TlpChoice,
};

/// EQL on EVTX: Elastic's detection language, sequences included, straight on Windows event logs.
///
/// Point it at files or folders of .evtx logs that hold Sysmon records; it needs no cluster, no network and no set-up.
#[derive(Debug, Parser)]
#[command(name = "evql", version, propagate_version = true, max_term_width = 110, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// When to colour what goes to a terminal; NO_COLOR is respected.
    #[arg(long, value_enum, default_value_t = ColorChoice::Auto, global = true, value_name = "WHEN")]
    pub color: ColorChoice,
    /// Say nothing on standard error but errors.
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

const EXIT_CODES: &str = "Exit codes:
  0    everything was read
  1    there are findings (scan, only with --exit-code); the runs differ (diff)
  2    finished, but some input could not be read fully
  3    wrong arguments or rules; nothing was done
  4    nothing usable was found
  5    an output could not be written
  70   a bug in evql
  130  interrupted; what was found is written and marked";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run rules over event logs and write the findings as CSV, JSON lines and an HTML report.
    Scan(ScanArgs),
    /// Write the outputs of a scan again, without the evidence: in other formats, with other limits, other case data, a marking.
    Report(ReportArgs),
    /// Bring the findings of many scans, of many machines, together into one folder of outputs, without the evidence.
    Merge(MergeArgs),
    /// Say what differs between two scans: findings, near misses, inputs, coverage, rules.
    Diff(DiffArgs),
    /// Say what is in the evidence, without any rule: sources, hosts, logs, event ids, gaps, cleared logs, clocks, copies.
    Inspect(InspectArgs),
    /// Ask one EQL query of event logs, or of any JSON lines (ECS documents, for instance).
    Query(QueryArgs),
    /// Show how a query is read: its tokens, its syntax tree and the compiled program.
    Explain(ExplainArgs),
    /// Tell why something is a finding, clause by clause, or why a process is none.
    #[command(name = "explain-finding", override_usage = EXPLAIN_FINDING_USAGE)]
    ExplainFinding(ExplainFindingArgs),
    /// List rules, check them against what Sysmon can answer, explain one.
    Rules {
        #[command(subcommand)]
        command: RulesCommand,
    },
    /// Check allow-lists, and say what they would set aside.
    Allow {
        #[command(subcommand)]
        command: AllowCommand,
    },
    /// Print the fields a rule can use, and which Sysmon events supply them.
    Fields(FieldsArgs),
    /// Write every Sysmon event of the evidence as an ECS document, one JSON object per line.
    Export(ExportArgs),
    /// Write the hits of rules as lines that can be sorted with those of other machines, to be reduced to findings.
    Map(MapArgs),
    /// Make of sorted lines of `evql map` the findings that a scan of all the evidence makes.
    Reduce(ReduceArgs),
    /// Make practice evidence and load: valid EVTX files with known attacks in them.
    Synth(SynthArgs),
    /// Print the script that completes evql's commands and options in a shell.
    Completions(CompletionsArgs),
    /// Print evql's manual page, or write those of all commands.
    Man(ManArgs),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// When it is a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Where the evidence is and how it is read.
#[derive(Debug, Clone, Args)]
pub struct EvidenceArgs {
    /// Event logs: files, folders (searched recursively) or archives of them (zip, 7z, tar, gz, bz2, xz, zst, one in the other too). EVTX, and events exported as XML or JSON (evtx_dump, Velociraptor, winlogbeat or Elastic, flat
    /// NXLog), are known by their content, not their name.
    #[arg(required_unless_present = "files_from", value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Also read the paths that FILE lists, one per line, or separated by NUL where it holds any; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub files_from: Option<PathBuf>,
    /// Also take records from the slack of logs and from chunks whose header is destroyed; they are marked as recovered and never displace a live one.
    #[arg(long)]
    pub recover: bool,
    /// Also look for chunks of event logs, at any byte, in files that are none: disk images, memory dumps, unallocated space.
    #[arg(long)]
    pub carve: bool,
    /// Follow symbolic links inside folders.
    #[arg(long)]
    pub follow_links: bool,
    /// Worker threads; 0 takes all cores, and no more than a few for each core are started.
    #[arg(short = 'j', long = "threads", default_value_t = 0, value_name = "N")]
    pub threads: usize,
    /// Let the worker threads give way to everything else on the machine, as an endpoint in use needs.
    #[arg(long)]
    pub nice: bool,
    /// How records are decoded: `fast`, or `xml`, which renders each record as XML and parses that (slow; for those who doubt).
    #[arg(long, value_enum, default_value_t = ReaderChoice::Fast, value_name = "READER")]
    pub reader: ReaderChoice,
    #[command(flatten)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    pub archives: ArchiveArgs,
    #[command(flatten)]
    pub mapping: MappingArgs,
}

/// Which records are looked at; those left out are counted in every report.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArgs {
    /// Only events from this time on, itself included: RFC 3339, or `2024-03-01[ 10:00[:00]]` in UTC. It is compared with the event's own time
    /// (System/TimeCreated).
    #[arg(long, value_name = "TIME", value_parser = super::times::from)]
    pub from: Option<Timestamp>,
    /// Only events before this time, itself not included; a date alone means to the end of that day.
    #[arg(long, value_name = "TIME", value_parser = super::times::to)]
    pub to: Option<Timestamp>,
    /// Only events of the last so many seconds, minutes, hours, days or weeks before now: `90m`, `7d`.
    #[arg(long, value_name = "SPAN", value_parser = super::times::last, conflicts_with = "from")]
    pub last: Option<Timestamp>,
    /// Only hosts whose name, or its first label, matches; `*` and `?` are wildcards, case does not matter; repeatable.
    #[arg(long, value_name = "GLOB")]
    pub host: Vec<String>,
    /// No hosts whose name, or its first label, matches; repeatable.
    #[arg(long, value_name = "GLOB")]
    pub exclude_host: Vec<String>,
}

/// How archives are opened, and how much may come out of them.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Archives")]
pub struct ArchiveArgs {
    /// Passwords of encrypted archives, one to a line, tried in order. Without one that fits, a terminal is asked, once for each archive.
    #[arg(long, value_name = "FILE")]
    pub archive_password_file: Option<PathBuf>,
    /// An environment variable that holds one more password.
    #[arg(long, value_name = "VAR")]
    pub archive_password_env: Option<String>,
    /// Most bytes of one member, as in `500MiB`.
    #[arg(long, value_name = "SIZE", default_value = "16GiB", value_parser = size)]
    pub archive_max_member: u64,
    /// Most bytes that come out of one file, archives in it included.
    #[arg(long, value_name = "SIZE", default_value = "1TiB", value_parser = size)]
    pub archive_max_total: u64,
    /// Most bytes that come out for each byte of an archive; more is taken for a bomb once 64 MiB came out.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub archive_max_ratio: u64,
    /// Most members of one file, those of archives in it included.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub archive_max_members: u64,
    /// How deep archives may lie in each other; a compressed tar counts as two.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub archive_max_depth: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReaderChoice {
    /// Decode only what is needed, straight from the binary records.
    Fast,
    /// Render every record as XML first.
    Xml,
}

/// Departures from how Elastic's Windows integration maps Sysmon; each is named in the outputs when it is on.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Mapping")]
pub struct MappingArgs {
    /// `host.name`: the computer's name as logged, or `short`: its first label in lower case, as a live agent of today gives it.
    #[arg(long, value_enum, default_value_t = HostName::Full, value_name = "FORM")]
    pub host_name: HostName,
    /// `compat` also gives event 1 the actions `start` and `Process Create (rule: ProcessCreate)` that cross-platform rules ask for.
    #[arg(long, value_enum, default_value_t = EventAction::Current, value_name = "NAMES")]
    pub event_action: EventAction,
    /// Take `user.id` from the event's own user (well-known accounts) instead of the account that logged, which is always SYSTEM.
    #[arg(long)]
    pub user_from_event: bool,
    /// Do not count an image load (event 7) as a process start.
    #[arg(long)]
    pub no_library_start: bool,
    /// Treat keyword values over 1,024 characters as missing, as Elasticsearch's index does.
    #[arg(long)]
    pub keyword_limit: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HostName {
    /// As logged.
    Full,
    /// First label, lower case.
    Short,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EventAction {
    /// Today's names.
    Current,
    /// Older names besides.
    Compat,
}

/// Which rules run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rules")]
pub struct RuleArgs {
    /// A rule file (Elastic's rule TOML, or plain EQL in a `.eql` file) or a folder of them; repeatable.
    #[arg(long, value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// Leave out the built-in rule.
    #[arg(long)]
    pub no_builtin: bool,
    /// Stop when a rule is wrong, instead of reporting it and going on with the others.
    #[arg(long)]
    pub strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClockChoice {
    /// When the record was written (System/TimeCreated).
    Created,
    /// When Sysmon says it happened (EventData/UtcTime, milliseconds), as Elastic orders events.
    Utc,
}

#[derive(Debug, Args)]
pub struct ScanArgs {
    #[command(flatten)]
    pub evidence: EvidenceArgs,
    #[command(flatten)]
    pub rules: RuleArgs,
    #[command(flatten)]
    pub report: FindingArgs,
    /// Which clock orders events and measures spans.
    #[arg(long, value_enum, default_value_t = ClockChoice::Created, value_name = "CLOCK")]
    pub clock: ClockChoice,
    /// Do not look for near misses: events that a rule almost matched.
    #[arg(long)]
    pub no_near_misses: bool,
    /// Do not read the evidence again for the stories of the findings: what else their processes were and did.
    #[arg(long)]
    pub no_stories: bool,
    /// Do not take the evidence's SHA-256 (faster; the report then cannot prove what was read).
    #[arg(long)]
    pub no_hash: bool,
    /// Keep at most so many bytes of hits in memory, as in `64MiB`, and set those beyond aside on disk, sorted, beside the outputs. Same findings; needs --no-near-misses.
    #[arg(long, value_name = "SIZE", value_parser = super::scan::memory)]
    pub max_memory: Option<u64>,
    /// The same as `--max-memory 512MiB`: for evidence with more hits than fit into memory.
    #[arg(long, conflicts_with = "max_memory")]
    pub external_sort: bool,
}

const MAP_REDUCE: &str = "A scan in three steps, the first on as many machines as there are:
  evql map PATH... > part     each machine its own evidence
  LC_ALL=C sort part...       by bytes; rows of Arrow by the bytes of `k`
  evql reduce                 of all of it

A file that cannot be read is a line of the stream, not an exit code.";

#[derive(Debug, Args)]
#[command(after_help = MAP_REDUCE)]
#[command(mut_arg("paths", |paths| paths.required_unless_present_any(["files_from", "stdin_name"])))]
pub struct MapArgs {
    #[command(flatten)]
    pub evidence: EvidenceArgs,
    /// Read one log from standard input and call it NAME, as its path would be.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["paths", "files_from"])]
    pub stdin_name: Option<String>,
    /// Read only the 64 KiB chunks A to B, counted from 0, of the one EVTX file that is named: other maps read the others. No hash is taken of it.
    #[arg(long, value_name = "A-B", value_parser = super::map::chunks)]
    pub chunks: Option<ChunkRange>,
    #[command(flatten)]
    pub rules: RuleArgs,
    /// Which clock orders events and measures spans; the same for all maps.
    #[arg(long, value_enum, default_value_t = ClockChoice::Created, value_name = "CLOCK")]
    pub clock: ClockChoice,
    /// The form of the stream.
    #[arg(long, value_enum, default_value_t = RecordsForm::Jsonl, value_name = "FORM")]
    pub records: RecordsForm,
    /// The file to write, or `-` for standard output.
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    pub output: PathBuf,
    /// Overwrite the file if it is there already.
    #[arg(long)]
    pub force: bool,
    /// Do not take the evidence's SHA-256.
    #[arg(long)]
    pub no_hash: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RecordsForm {
    /// JSON objects, one to a line, for sort(1) and anything that sorts lines.
    Jsonl,
    /// The same as rows of an Arrow stream, for what sorts columns: Spark, pandas, DuckDB (in builds with the feature `parquet`).
    Arrow,
}

#[derive(Debug, Args)]
#[command(after_help = MAP_REDUCE)]
pub struct ReduceArgs {
    /// The sorted stream, lines or rows of Arrow, which are told apart by how it begins: a file, or `-` for standard input.
    #[arg(default_value = "-", value_name = "FILE")]
    pub stream: PathBuf,
    /// The stream is one of several parts that keep the lines of a rule and join key together: make no findings, but write to FILE, or to `-`, standard output,
    /// the lines from which one more reduce makes those of all parts. They are sorted as they were.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["allow", "output", "format", "exit_code", "json"])]
    pub pass_on: Option<PathBuf>,
    /// The form of what is passed on, whatever the stream's is.
    #[arg(long, value_enum, default_value_t = RecordsForm::Jsonl, value_name = "FORM", requires = "pass_on")]
    pub records: RecordsForm,
    /// The rules, which are those of the maps.
    #[command(flatten)]
    pub rules: RuleArgs,
    #[command(flatten)]
    pub report: FindingArgs,
}

#[derive(Debug, Args)]
pub struct InspectArgs {
    #[command(flatten)]
    pub evidence: EvidenceArgs,
    /// Print one JSON object, with everything in it.
    #[arg(long)]
    pub json: bool,
    /// Do not take the evidence's SHA-256 (faster; files of the same content are then not told).
    #[arg(long)]
    pub no_hash: bool,
}

#[derive(Debug, Args)]
pub struct QueryArgs {
    /// The EQL query, for instance 'process where process.name : "mshta.exe"'.
    #[arg(value_name = "EQL")]
    pub query: String,
    #[command(flatten)]
    pub evidence: EvidenceArgs,
    /// How results are printed [default: table on a terminal, jsonl otherwise].
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<QueryFormat>,
    /// Fields to print, comma-separated, for table and csv.
    #[arg(long, value_delimiter = ',', value_name = "FIELDS")]
    pub fields: Vec<String>,
    /// Which clock orders the events of a log and measures spans.
    #[arg(long, value_enum, default_value_t = ClockChoice::Created, value_name = "CLOCK")]
    pub clock: ClockChoice,
    #[command(flatten)]
    pub json: JsonArgs,
}

/// How JSON lines are understood.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "JSON lines")]
pub struct JsonArgs {
    /// The field that holds a document's time: ISO 8601, or milliseconds since 1970.
    #[arg(long, default_value = "@timestamp", value_name = "FIELD")]
    pub timestamp_field: String,
    /// The field that `category where …` compares.
    #[arg(long, default_value = "event.category", value_name = "FIELD")]
    pub category_field: String,
    /// The field that orders documents of the same time.
    #[arg(long, value_name = "FIELD")]
    pub tiebreaker_field: Option<String>,
    /// A field that holds addresses, besides those named `*.ip`; repeatable.
    #[arg(long, value_name = "FIELD")]
    pub ip_field: Vec<String>,
    /// A field that counts as mapped though no document has it, with its type if not `keyword` (`name:long`); repeatable.
    #[arg(long, value_name = "FIELD[:TYPE]")]
    pub as_mapped: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QueryFormat {
    /// A table that fits the terminal.
    Table,
    /// One JSON object per line.
    Jsonl,
    /// Comma-separated values with a header.
    Csv,
}

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The EQL query.
    #[arg(value_name = "EQL")]
    pub query: String,
}

const EXPLAIN_FINDING_USAGE: &str = "evql explain-finding [--json] <ID> <RUN_DIR>
       evql explain-finding [OPTIONS] --guid <GUID> [--host <HOST>] <PATH>...";

#[derive(Debug, Args)]
pub struct ExplainFindingArgs {
    /// The ProcessGuid of a process: PATHs are evidence, and every rule is asked of what that process did. Without it the two PATHs are the id of a
    /// finding (or its beginning) and the folder of the scan that found it.
    #[arg(long, value_name = "GUID")]
    pub guid: Option<String>,
    #[command(flatten)]
    pub evidence: EvidenceArgs,
    #[command(flatten)]
    pub rules: RuleArgs,
    /// Which clock orders events and measures spans.
    #[arg(long, value_enum, default_value_t = ClockChoice::Created, value_name = "CLOCK")]
    pub clock: ClockChoice,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// List the rules that a scan would run.
    List {
        #[command(flatten)]
        rules: RuleArgs,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Compile rules and say for each whether Sysmon can answer it: fully, partly or never, and why.
    Check {
        /// Rule files or folders; without one, the built-in rule.
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        mapping: MappingArgs,
    },
    /// Show a rule's stages, the fields it reads, and which Sysmon events can satisfy each stage.
    Explain {
        /// The rule's id or name, or a rule file.
        #[arg(value_name = "RULE")]
        rule: String,
        #[command(flatten)]
        rules: RuleArgs,
    },
}

#[derive(Debug, Subcommand)]
pub enum AllowCommand {
    /// Say whether an allow-list is right and what of it has expired; with a run, which of its findings each entry describes.
    Check {
        /// The allow-list.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// A folder that a scan wrote, with findings.jsonl in it.
        #[arg(value_name = "RUN_DIR")]
        run: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct FieldsArgs {
    /// Only fields whose name contains this; `*` stands for any run of characters.
    #[arg(value_name = "PATTERN")]
    pub pattern: Option<String>,
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    pub evidence: EvidenceArgs,
    /// The form of the documents.
    #[arg(long, value_enum, default_value_t = ExportFormat::Ecs, value_name = "FORMAT")]
    pub format: ExportFormat,
    /// Write the lines of Elasticsearch's _bulk request: an action before each document.
    #[arg(long)]
    pub bulk: bool,
    /// The file to write, or `-` for standard output; with the format `parquet` the folder to make.
    #[arg(short, long, default_value = "-", value_name = "PATH")]
    pub output: PathBuf,
    /// Overwrite the file, or replace the data set, if it is there already.
    #[arg(long)]
    pub force: bool,
    /// Do not take the evidence's SHA-256.
    #[arg(long)]
    pub no_hash: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// ECS documents, as Elastic's Windows integration makes them, one JSON object per line.
    Ecs,
    /// The same as typed columns: a folder of Parquet files by day and host, for DuckDB, Spark and pandas (in builds with the feature `parquet`).
    Parquet,
}

#[derive(Debug, Args)]
pub struct SynthArgs {
    /// The folder to write to (made if need be).
    #[arg(short, long, value_name = "DIR", default_value = "evql-synth")]
    pub output: PathBuf,
    /// How many hosts.
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub hosts: u32,
    /// How many events in all.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub events: u64,
    /// The seed: the same arguments and seed give the same bytes.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// How many attacks the built-in rule finds in it.
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub attacks: u64,
    /// Which Sysmon the hosts run: `old` (10, of 2019) or `new` (15).
    #[arg(long, value_enum, default_value_t = LayoutChoice::New, value_name = "LAYOUT")]
    pub layout: LayoutChoice,
    /// Add logs of other providers; Sysmon's records are then an eighth of all.
    #[arg(long)]
    pub mixed: bool,
    /// Files per kind of log [default: one per host].
    #[arg(long, value_name = "N")]
    pub files: Option<u64>,
    /// Write into a folder that holds something already.
    #[arg(long)]
    pub force: bool,
    /// Write the project's samples instead.
    #[arg(long)]
    pub samples: bool,
    /// Print what the samples hold, record by record, as JSON lines, and write nothing.
    #[arg(long)]
    pub manifest: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LayoutChoice {
    /// Sysmon 10: no User on most events.
    Old,
    /// Sysmon 15, schema 4.90.
    New,
}

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write one page for each command into this folder (made if need be) instead.
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Overwrite pages that are there already.
    #[arg(long)]
    pub force: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
