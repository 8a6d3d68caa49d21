//! `evql query`: one EQL query of event logs or of JSON lines; answers as a table, JSON lines or CSV. It matches nothing itself.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, IsTerminal, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{ContentArrangement, Table};
use evql::eql::{self, Program};
use evql::error::{Error, Result};
use evql::finding::plain;
use evql::input::detect::tells_windows_events;
use evql::json::{self, Documents, Reading};
use evql::report::escape;
use evql::scan::{Answer as Found, compile, measures_time, query, query_documents};
use evql::sysmon::SysmonSchema;
use serde_json::{Value, json};

use super::args::{JsonArgs, QueryArgs, QueryFormat};
use super::export::report;
use super::setup::{Evidence, clock, interrupt, selected};
use super::terminal::{Terminal, fit, width};
use super::{Answer, Exit};

/// What an event log begins with, whatever it is called.
const EVTX_MAGIC: &[u8] = b"ElfFile\0";

/// Bytes of a file that are looked at to see what it holds.
const HEAD: u64 = 65_536;

/// Columns of a table when `--fields` names none: what tells most about any Sysmon event.
const USUAL_FIELDS: [&str; 8] = [
    "@timestamp",
    "host.name",
    "event.code",
    "process.name",
    "process.pid",
    "process.command_line",
    "destination.ip",
    "dns.question.name",
];

/// How many lines and values that could not be read are told one by one.
const MOST_PROBLEMS: usize = 20;

/// Runs `evql query`.
pub fn run(args: &QueryArgs, terminal: Terminal) -> Answer {
    let format = args.format.unwrap_or(if io::stdout().is_terminal() {
        QueryFormat::Table
    } else {
        QueryFormat::Jsonl
    });
    let mut printer = Printer::new(format, &args.fields);
    let json: Vec<bool> = args.evidence.paths.iter().map(|path| holds_json(path)).collect();
    let exit = match (json.contains(&true), json.contains(&false)) {
        (true, true) => {
            return Err(Error::Usage(
                "ask event logs and JSON lines in separate runs: their schemas differ".into(),
            ));
        }
        (true, false) => ask_json(args, &mut printer, terminal)?,
        (false, _) => ask_logs(args, &mut printer, terminal)?,
    };
    printer.finish()?;
    Ok(exit)
}

fn ask_logs(args: &QueryArgs, printer: &mut Printer, terminal: Terminal) -> Answer {
    let program = compile(&args.query, None).map_err(|diagnostics| wrong(&args.query, &diagnostics))?;
    let mut evidence = Evidence::gather(&args.evidence, false)?;
    let interrupt = interrupt();
    let progress = evidence.progress(terminal);
    let mut answer = |found: Found| match printer.print(&found) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    };
    let clock = clock(args.clock);
    let read =
        query(&program, &evidence.sources, &evidence.options, clock, &progress, &interrupt, &mut answer);
    progress.finish();
    let mut read = read?;
    read.damages.splice(0..0, evidence.damages);
    Ok(report(&read, terminal))
}

fn ask_json(args: &QueryArgs, printer: &mut Printer, terminal: Terminal) -> Answer {
    if !selected(&args.evidence.selection).is_all() {
        return Err(Error::Usage(
            "--from, --to, --last, --host and --exclude-host look at event logs; of JSON lines ask in the query itself".into(),
        ));
    }
    let options = options(&args.json)?;
    let mut reading = Reading::new(&options);
    for path in &args.evidence.paths {
        let name = path.display().to_string();
        let read = match path.to_str() {
            Some("-") => reading.add(&name, io::stdin().lock()),
            _ => File::open(path).and_then(|file| reading.add(&name, BufReader::new(file))),
        };
        read.map_err(|error| Error::Usage(format!("{name}: {error}")))?;
    }
    let documents = reading.finish();
    let statement = eql::parse(&args.query).map_err(|diagnostics| wrong(&args.query, &diagnostics))?;
    let schema = documents.schema(&SysmonSchema);
    let program =
        eql::compile(&statement, &schema).map_err(|diagnostics| wrong(&args.query, &diagnostics))?;
    for found in query_documents(&program, &documents) {
        printer.print(&found)?;
    }
    tell(&documents, &program, &args.json, terminal);
    let lost = documents.problems().iter().any(|problem| problem.lost_document);
    Ok(match (documents.documents().is_empty(), lost) {
        (true, true) => Exit::Nothing,
        (false, true) => Exit::Partial,
        (_, false) => Exit::Success,
    })
}

/// Tells what could not be read, and which documents an answer had to leave out.
fn tell(documents: &Documents, program: &Program, args: &JsonArgs, terminal: Terminal) {
    let problems = documents.problems();
    for problem in problems.iter().take(MOST_PROBLEMS) {
        terminal.warning(fit(&format!("{}:{}: {}", problem.source, problem.line, problem.reason), 300));
    }
    if let Some(more @ 1..) = problems.len().checked_sub(MOST_PROBLEMS) {
        terminal.warning(format!("and {more} more lines and values that could not be read"));
    }
    let timeless = documents.documents().iter().filter(|document| document.order().timestamp.is_none());
    if let count @ 1.. = timeless.count()
        && measures_time(program)
    {
        terminal.warning(format!(
            "{count} documents have no time in `{}` and take no part where time is measured",
            fit(&args.timestamp_field, 100)
        ));
    }
}

fn options(args: &JsonArgs) -> Result<json::Options> {
    let as_mapped = args
        .as_mapped
        .iter()
        .map(|text| json::parse_mapping(text).map_err(Error::Usage))
        .collect::<Result<_>>()?;
    Ok(json::Options {
        timestamp_field: args.timestamp_field.clone(),
        category_field: args.category_field.clone(),
        tiebreaker_field: args.tiebreaker_field.clone(),
        ip_fields: args.ip_field.clone(),
        as_mapped,
    })
}

fn wrong(query: &str, diagnostics: &[eql::Diagnostic]) -> Error {
    Error::Rule(format!(
        "the query is wrong\n{}",
        eql::render(diagnostics, "query", query, eql::Origin::default())
    ))
}

/// Whether `path` is standard input, a file of JSON lines by its name, or one whose text begins with an object; unless it begins an export of events in
/// Windows's own terms, of which no query could ask anything as it stands.
fn holds_json(path: &Path) -> bool {
    if path == Path::new("-") {
        return true;
    }
    let mut head = Vec::new();
    let is_file = path.metadata().is_ok_and(|metadata| metadata.is_file());
    let read = is_file && File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head)).is_ok();
    if tells_windows_events(&head) {
        return false;
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
    let named = path.extension().is_some_and(|extension| extension == "jsonl" || extension == "ndjson");
    read && (text.trim_ascii_start().first() == Some(&b'{') || (named && !text.starts_with(EVTX_MAGIC)))
}

/// Prints answers as they come, or at the end for a table.
struct Printer {
    format: QueryFormat,
    fields: Vec<String>,
    out: BufWriter<io::Stdout>,
    table: Table,
    printed: u64,
}

impl Printer {
    fn new(format: QueryFormat, fields: &[String]) -> Self {
        let fields: Vec<String> = if fields.is_empty() {
            USUAL_FIELDS.iter().map(ToString::to_string).collect()
        } else {
            fields.to_vec()
        };
        let mut table = Table::new();
        table
            .load_style(UTF8_HORIZONTAL_ONLY)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width());
        table.set_header(std::iter::once("#").chain(fields.iter().map(String::as_str)));
        Self { format, fields, out: BufWriter::new(io::stdout()), table, printed: 0 }
    }

    fn print(&mut self, found: &Found) -> Result<()> {
        self.printed += 1;
        // An answer is of use at once: the rest of the evidence may take an hour.
        let written = match self.format {
            QueryFormat::Jsonl => writeln!(self.out, "{}", json_line(found)).and_then(|()| self.out.flush()),
            QueryFormat::Table => {
                let rows: Vec<Vec<String>> =
                    self.rows(found).map(|row| row.iter().map(|cell| fit(cell, 400)).collect()).collect();
                self.table.add_rows(rows);
                Ok(())
            }
            QueryFormat::Csv => self.csv(found).and_then(|()| self.out.flush()),
        };
        written.map_err(output)
    }

    fn csv(&mut self, found: &Found) -> io::Result<()> {
        if self.printed == 1 {
            self.csv_header()?;
        }
        let rows: Vec<Vec<String>> = self.rows(found).collect();
        let cells = |row: &Vec<String>| row.iter().map(|cell| escape::csv_cell(cell, false).text).collect();
        self.csv_rows(rows.iter().map(cells))
    }

    fn csv_header(&mut self) -> io::Result<()> {
        let names: Vec<String> = std::iter::once("match".to_owned()).chain(self.fields.clone()).collect();
        self.csv_rows([names])
    }

    fn csv_rows(&mut self, rows: impl IntoIterator<Item = Vec<String>>) -> io::Result<()> {
        let mut csv = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
        for row in rows {
            csv.write_record(row)?;
        }
        let bytes = csv.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        self.out.write_all(&bytes)
    }

    /// A row per event: the answer's number, then the fields.
    fn rows(&self, found: &Found) -> impl Iterator<Item = Vec<String>> {
        let events: Vec<Option<&str>> = match found {
            Found::Event(text) => vec![Some(text)],
            Found::Group { events, .. } => events.iter().map(Option::as_deref).collect(),
        };
        let number = self.printed.to_string();
        events.into_iter().map(move |event| {
            let document =
                event.and_then(|text| serde_json::from_str::<Value>(text).ok()).unwrap_or_default();
            let cells =
                self.fields.iter().map(|field| lookup(&document, field).map(plain).unwrap_or_default());
            std::iter::once(number.clone()).chain(cells).collect()
        })
    }

    fn finish(mut self) -> Result<()> {
        match (self.format, self.printed) {
            (QueryFormat::Table, 1..) => writeln!(self.out, "{}", self.table).map_err(output)?,
            (QueryFormat::Csv, 0) => self.csv_header().map_err(output)?,
            _ => {}
        }
        self.out.flush().map_err(output)
    }
}

/// The value under `path` in a document with nested names, dotted names or both.
fn lookup<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    let object = document.as_object()?;
    object.get(path).or_else(|| {
        path.match_indices('.').find_map(|(dot, _)| lookup(object.get(&path[..dot])?, &path[dot + 1..]))
    })
}

fn json_line(found: &Found) -> String {
    match found {
        Found::Event(text) => text.clone(),
        Found::Group { join_keys, events } => {
            let events: Vec<&str> = events.iter().map(|event| event.as_deref().unwrap_or("null")).collect();
            format!("{{\"join_keys\":{},\"events\":[{}]}}", json!(join_keys), events.join(","))
        }
    }
}

fn output(error: io::Error) -> Error {
    Error::output(PathBuf::from("standard output"), error)
}
