//! An inspection as text for people: every name from a log made harmless, long lists cut and said so. JSON has all of it.

use std::collections::BTreeMap;
use std::fmt::Display;

use anstyle::{AnsiColor, Style};
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use evql::scan::Inspection;
use evql::scan::inspect::{
    Gap, HostInspection, LogInspection, Marks, Period, SkewInspection, SourceInspection,
};
use evql::time::Timestamp;
use indicatif::HumanBytes;

use crate::cli::terminal::{fit, fit_end};

/// Sources, hosts, logs of a source: more is only counted.
const SHOWN: usize = 40;
/// Event ids of a host, gaps and marks of a kind: likewise.
const ROWS: usize = 30;
const FEW: usize = 5;
/// Characters of a name.
const NAME: usize = 120;

const HEADING: Style = Style::new().bold();
const TROUBLE: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));

/// The whole text.
pub fn page(inspection: &Inspection) -> String {
    let mut page = Page::default();
    page.summary(inspection);
    page.heading("Sources");
    let sources: Vec<_> = inspection.sources.iter().filter(|source| source.kind.is_some()).collect();
    sources.iter().take(SHOWN).for_each(|source| page.source(source));
    page.more(sources.len(), SHOWN, "sources");
    page.heading("Hosts");
    inspection.hosts.iter().take(SHOWN).for_each(|host| page.host(host));
    page.more(inspection.hosts.len(), SHOWN, "hosts");
    if !inspection.not_read.is_empty() {
        page.heading("Not read");
        for not_read in inspection.not_read.iter().take(SHOWN) {
            page.trouble(format!("{}: {}", fit_end(&not_read.source, NAME), fit(&not_read.why, 200)));
        }
        page.more(inspection.not_read.len(), SHOWN, "not read");
    }
    page.0
}

/// Text as it grows, line by line.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, line: impl Display) {
        self.0.push_str(&format!("  {line}\n"));
    }

    fn trouble(&mut self, line: impl Display) {
        self.line(format_args!("{TROUBLE}{line}{TROUBLE:#}"));
    }

    fn heading(&mut self, text: &str) {
        self.0.push_str(&format!("\n{HEADING}{text}{HEADING:#}\n"));
    }

    fn name(&mut self, name: &str) {
        self.0.push_str(&format!("{HEADING}{name}{HEADING:#}\n"));
    }

    fn more(&mut self, all: usize, shown: usize, of: &str) {
        if all > shown {
            self.line(format_args!("and {} more {of} (--json lists all that is kept)", all - shown));
        }
    }

    fn summary(&mut self, inspection: &Inspection) {
        let totals = &inspection.totals;
        if inspection.interrupted {
            self.trouble("INTERRUPTED before the end");
        }
        let sources: u64 = totals.sources.values().sum();
        let statuses: Vec<String> = totals
            .sources
            .iter()
            .map(|(status, count)| format!("{count} {}", status.replace('_', " ")))
            .collect();
        self.name(&format!(
            "{} ({}), {}",
            counted(sources, "source"),
            statuses.join(", "),
            HumanBytes(totals.bytes)
        ));
        let all = Period { records: totals.records, first: totals.first, last: totals.last };
        self.line(records(&all, totals.sysmon_records, totals.recovered));
        if totals.filtered > 0 {
            self.line(format_args!(
                "{} besides were left out by the bounds of time and host",
                counted(totals.filtered, "record")
            ));
        }
        self.line(counted(totals.hosts, "host"));
        let copies = &inspection.copies;
        let least = if copies.exact { "" } else { "at least " };
        self.line(format_args!(
            "{least}{} of {} compared Sysmon records are copies of records read before",
            copies.records, copies.compared
        ));
        for group in inspection.same_content.iter().take(FEW) {
            let names: Vec<String> = group.sources.iter().take(FEW).map(|name| fit_end(name, NAME)).collect();
            self.line(format_args!("{} of the same content: {}", group.sources.len(), names.join(", ")));
        }
        self.more(inspection.same_content.len(), FEW, "groups of the same content");
        let left_out = &inspection.left_out;
        let too_many = [
            (left_out.records_of_hosts, "hosts"),
            (left_out.records_of_kinds, "channels, providers and event ids"),
            (left_out.records_of_logs, "logs"),
        ];
        for (records, what) in too_many.into_iter().filter(|(records, _)| *records > 0) {
            self.trouble(format_args!("too many {what}: those of {records} records are not listed"));
        }
    }

    fn source(&mut self, source: &SourceInspection) {
        self.name(&fit_end(&source.source, NAME));
        let kind = source.kind.map(|kind| format!(", {kind}")).unwrap_or_default();
        let sha256 = source.sha256.as_ref().map(|sha256| format!(", sha256 {sha256}")).unwrap_or_default();
        let status = source.status.as_str().replace('_', " ");
        self.line(format_args!("{status}{kind}, {}{sha256}", HumanBytes(source.size)));
        let copies =
            if source.copies > 0 { format!("; {} are copies", source.copies) } else { String::new() };
        let chunks = counted(source.chunks, "chunk");
        self.line(format_args!(
            "{chunks}, {}{copies}",
            records(&source.period, source.sysmon_records, source.recovered)
        ));
        if source.problems > 0 {
            let kinds = &source.problem_kinds;
            self.trouble(format_args!("{}: {}", counted(source.problems, "problem"), numbers(kinds)));
        }
        let wrong = &source.checksums;
        if wrong.file_headers + wrong.chunks > 0 {
            let header = if wrong.file_headers > 0 { "the file header is wrong, " } else { "" };
            self.trouble(format_args!("checksums: {header}{} wrong", counted(wrong.chunks, "chunk")));
        }
        if !source.providers.is_empty() {
            self.line(format_args!("providers: {}", numbers(&source.providers)));
        }
        source.logs.iter().take(SHOWN).for_each(|log| self.log(log));
        self.more(source.logs.len(), SHOWN, "logs");
    }

    fn log(&mut self, log: &LogInspection) {
        let numbering = &log.numbering;
        let ids: Vec<String> =
            numbering.ids.iter().map(|range| format!("{} to {}", range.first, range.last)).collect();
        let ids = if ids.is_empty() { "no ids".to_owned() } else { format!("ids {}", ids.join(", then ")) };
        self.line(format_args!(
            "{}, {}: {}, {ids}",
            fit(&log.host, NAME),
            fit(&log.channel, NAME),
            counted(log.period.records, "record")
        ));
        for (count, what) in [
            (numbering.restarts, "the numbering began anew: times"),
            (numbering.out_of_order, "runs of ids out of order"),
            (log.without_id, "records without an id"),
        ] {
            if count > 0 {
                self.line(format_args!("  {what}: {count}"));
            }
        }
        let gaps = &numbering.gaps;
        if gaps.count > 0 {
            self.trouble(format_args!("  {}, {} ids missing", counted(gaps.count, "gap"), gaps.missing));
            let mut largest: Vec<&Gap> = gaps.largest.iter().collect();
            largest.sort_by_key(|gap| std::cmp::Reverse(gap.missing));
            for gap in largest.into_iter().take(FEW) {
                let (from, to) = (moment(gap.from), moment(gap.to));
                self.line(format_args!(
                    "    {} to {}: {} missing between {from} and {to}",
                    gap.after, gap.before, gap.missing
                ));
            }
        }
    }

    fn host(&mut self, host: &HostInspection) {
        self.name(&fit(if host.host.is_empty() { "(no name)" } else { &host.host }, NAME));
        self.line(records(&host.period, host.sysmon_records, host.recovered));
        self.marks("log cleared", &host.log_clears);
        self.marks("Sysmon service", &host.service_states);
        self.marks("Sysmon configuration", &host.config_changes);
        self.marks("Sysmon error", &host.service_errors);
        if let Some(skew) = &host.skew {
            self.skew(skew);
        }
        let jumps = &host.backward_jumps;
        if let Some(worst) = &jumps.worst {
            self.trouble(format_args!(
                "TimeCreated runs backwards {} times, at worst by {} ms from {} to {} at record {} in {}",
                jumps.count,
                worst.ms,
                worst.from.to_iso_millis(),
                worst.to.to_iso_millis(),
                worst.record_id,
                fit(&worst.channel, NAME)
            ));
        }
        self.events(host);
    }

    fn skew(&mut self, skew: &SkewInspection) {
        let worst = &skew.worst;
        self.line(format_args!(
            "UtcTime minus TimeCreated: median {} ms, worst {} ms (event {}, record {}, {})",
            skew.median_ms,
            worst.ms,
            worst.event_id,
            worst.record_id.map_or("without an id".to_owned(), |id| id.to_string()),
            worst.created.to_iso_millis()
        ));
    }

    fn marks(&mut self, name: &str, marks: &Marks) {
        for mark in marks.listed.iter().take(FEW) {
            let record = mark.record_id.map(|id| format!(", record {id}")).unwrap_or_default();
            let (time, what) = (moment(mark.time), fit(&mark.what, 160));
            self.line(format_args!("{name} {time}: {what}{record} of {}", fit_end(&mark.source, 80)));
        }
        if let Some(more) = marks.count.checked_sub(FEW as u64).filter(|more| *more > 0) {
            self.line(format_args!("{name}: {more} more"));
        }
    }

    /// The most frequent events of a host.
    fn events(&mut self, host: &HostInspection) {
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(["channel", "provider", "event", "records", "first", "last"]);
        let mut rows = Vec::new();
        for channel in &host.channels {
            rows.extend(channel.events.iter().map(|event| (channel, event)));
        }
        rows.sort_by_key(|(_, event)| std::cmp::Reverse(event.period.records));
        for (channel, event) in rows.iter().take(ROWS) {
            table.add_row([
                fit(&channel.channel, 60),
                fit(&event.provider, 60),
                event.event_id.to_string(),
                event.period.records.to_string(),
                moment(event.period.first),
                moment(event.period.last),
            ]);
        }
        table.to_string().lines().for_each(|line| self.line(line.trim_end()));
        self.more(rows.len(), ROWS, "kinds of event");
    }
}

fn records(period: &Period, sysmon: u64, recovered: u64) -> String {
    let recovered = if recovered > 0 { format!(", {recovered} recovered") } else { String::new() };
    let span = match (period.first, period.last) {
        (None, None) => String::new(),
        (first, last) => format!(", {} to {}", moment(first), moment(last)),
    };
    format!("{} ({sysmon} of them Sysmon's{recovered}){span}", counted(period.records, "record"))
}

fn moment(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "an unknown time".to_owned(), Timestamp::to_iso_millis)
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// The largest few of `counts`.
fn numbers<K: AsRef<str>>(counts: &BTreeMap<K, u64>) -> String {
    let mut sorted: Vec<(&str, u64)> = counts.iter().map(|(name, count)| (name.as_ref(), *count)).collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let words: Vec<String> =
        sorted.iter().take(FEW).map(|(name, count)| format!("{} {count}", fit(name, NAME))).collect();
    let more = sorted.len().saturating_sub(FEW);
    if more > 0 { format!("{}, {more} more", words.join(", ")) } else { words.join(", ") }
}
