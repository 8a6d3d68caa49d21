//! Page one: the verdict, the numbers, who and what was touched, and what was not covered, all from the outcome's facts. It lists no finding.

use std::collections::{BTreeMap, BTreeSet};

use super::detail::short;
use crate::finding::{Outcome, Presence, Scope, Severity, SourceReport, Status};
use crate::report::coverage;
use crate::report::escape::defanged;
use crate::report::subject::{self, Subject};
use crate::report::words::{clock_name, counted, grouped, moment, some_of};
use crate::time::Timestamp;

/// Names in a list of page one.
const TALLY_LIMIT: usize = 5;

/// What a lead reads in half a minute.
pub struct Summary {
    /// `7 findings (2 high) on 3 of 41 hosts`
    pub verdict: String,
    /// What the verdict rests on.
    pub detail: String,
    /// The worst severity found, or `none`.
    pub mood: &'static str,
    /// The numbers under the verdict.
    pub tiles: Vec<Tile>,
    /// Hosts, users and destinations with findings.
    pub tallies: [Tally; 3],
    /// One sentence each.
    pub not_covered: Vec<String>,
    /// How times are to be read.
    pub time_basis: String,
}

/// A number with its name.
pub struct Tile {
    /// What it counts.
    pub label: &'static str,
    /// The number.
    pub value: String,
    /// What to know about it; may be empty.
    pub note: String,
}

/// The most frequent names of something.
pub struct Tally {
    /// What the names are.
    pub title: &'static str,
    /// What is counted.
    pub unit: &'static str,
    /// Name and count, most first.
    pub rows: Vec<(String, String)>,
    /// How many names there are.
    pub total: usize,
}

impl Tally {
    /// How many names are not shown.
    pub fn more(&self) -> usize {
        self.total.saturating_sub(self.rows.len())
    }
}

/// How many findings have a severity.
pub struct SeverityCount {
    /// The severity.
    pub severity: Severity,
    /// Its findings.
    pub count: usize,
}

impl Summary {
    /// The summary of `outcome`.
    pub fn of(outcome: &Outcome) -> Self {
        let touched: BTreeSet<&str> = outcome.findings.iter().map(|finding| finding.host.as_str()).collect();
        Self {
            verdict: verdict(outcome),
            detail: detail(outcome),
            mood: outcome
                .findings
                .iter()
                .map(|finding| finding.severity)
                .max()
                .map_or("none", Severity::as_str),
            tiles: tiles(outcome, touched.len()),
            tallies: tallies(outcome),
            not_covered: not_covered(outcome),
            time_basis: time_basis(outcome),
        }
    }
}

/// Findings per severity, the worst first; severities without one are left out.
pub fn severities(outcome: &Outcome) -> Vec<SeverityCount> {
    [Severity::Critical, Severity::High, Severity::Medium, Severity::Low]
        .into_iter()
        .map(|severity| SeverityCount {
            severity,
            count: outcome.findings.iter().filter(|finding| finding.severity == severity).count(),
        })
        .filter(|row| row.count > 0)
        .collect()
}

/// What was found, in one line.
pub fn verdict(outcome: &Outcome) -> String {
    let touched = outcome.findings.iter().map(|finding| finding.host.as_str()).collect::<BTreeSet<_>>().len();
    if outcome.findings.is_empty() {
        return if outcome.anything_usable() {
            "No findings".to_owned()
        } else {
            "Nothing could be read".to_owned()
        };
    }
    let worst: Vec<String> = severities(outcome)
        .iter()
        .filter(|row| row.severity >= Severity::High)
        .map(|row| format!("{} {}", grouped(row.count), row.severity.as_str()))
        .collect();
    let worst = if worst.is_empty() { String::new() } else { format!(" ({})", worst.join(", ")) };
    let findings = counted(outcome.findings.len(), "finding");
    format!(
        "{findings}{worst} on {} of {}",
        grouped(touched),
        counted(outcome.hosts.len().max(touched), "host")
    )
}

fn detail(outcome: &Outcome) -> String {
    let records = sum(outcome, |source| source.sysmon_records);
    let read = format!("{} Sysmon records of {}", grouped(records), counted(outcome.hosts.len(), "host"));
    let times = || outcome.findings.iter().flat_map(|finding| finding.present().map(|event| event.created));
    match (times().min(), times().max()) {
        (Some(first), Some(last)) => format!("Between {} and {}, in {read}.", moment(first), moment(last)),
        _ if records == 0 && outcome.filtered().total() > 0 => {
            "No Sysmon record was looked at: the run's bounds left out what there is, so nothing can be said about these hosts.".to_owned()
        }
        _ if records == 0 => {
            "No Sysmon record was read, so nothing can be said about these hosts.".to_owned()
        }
        _ => format!("No rule matched in {read}. Read what was not covered before taking this as good news."),
    }
}

/// How the inputs fared. An archive that was opened is as many files as it has members.
pub struct Files {
    /// All of them.
    pub total: usize,
    /// Those that are event logs and could be read, wholly or in part.
    pub read: usize,
    /// The others, and those read in part, in words; empty when there are none.
    pub noted: String,
}

impl Files {
    /// Those of `outcome`.
    pub fn of(outcome: &Outcome) -> Self {
        let files: Vec<_> = outcome.sources.iter().filter(|source| !source.is_opened_archive()).collect();
        let count = |status: Status| files.iter().filter(|source| source.status == status).count();
        let noted = [
            (Status::Partial, "in part"),
            (Status::Unreadable, "unreadable"),
            (Status::Skipped, "no event log"),
            (Status::NotReached, "not reached"),
        ];
        let noted = noted.map(|(status, words)| (count(status), words));
        let noted: Vec<String> = noted
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, words)| format!("{} {words}", grouped(count)))
            .collect();
        Self {
            total: files.len(),
            read: count(Status::Read) + count(Status::Partial),
            noted: noted.join(", "),
        }
    }
}

fn tiles(outcome: &Outcome, touched: usize) -> Vec<Tile> {
    let files = Files::of(outcome);
    let records = sum(outcome, |source| source.records);
    let lost = outcome.damages.iter().filter(|damage| damage.lost).count();
    let tile = |label, value, note| Tile { label, value, note };
    vec![
        tile(
            "Hosts with findings",
            grouped(touched),
            format!("of {} seen", grouped(outcome.hosts.len().max(touched))),
        ),
        tile("Hosts not fully covered", grouped(blind(outcome)), "lack an event the rules need".to_owned()),
        tile(
            "Sysmon records",
            grouped(sum(outcome, |source| source.sysmon_records)),
            format!("of {} read", grouped(records)),
        ),
        tile(
            "Files",
            grouped(files.total),
            if files.noted.is_empty() { "all read".to_owned() } else { files.noted },
        ),
        tile(
            "Problems",
            grouped(outcome.damages.len()),
            if lost > 0 { format!("{lost} with loss") } else { "no loss".to_owned() },
        ),
    ]
}

/// How many hosts lack an event that the rules need, always or for a time.
fn blind(outcome: &Outcome) -> usize {
    let lacks = |presence: &Presence| *presence != Presence::Present;
    outcome.hosts.iter().filter(|host| host.presence.values().any(lacks)).count()
}

fn tallies(outcome: &Outcome) -> [Tally; 3] {
    let hosts = outcome.findings.iter().map(|finding| (finding.host.clone(), finding.id.clone()));
    let user = |finding| Subject::main(finding).map(Subject::user).filter(|user| !user.is_empty());
    let users = outcome.findings.iter().filter_map(|finding| Some((user(finding)?, finding.id.clone())));
    [
        tally("Hosts", "findings", hosts),
        tally("Users", "findings", users),
        tally("Destinations, defanged", "hosts", destinations(outcome)),
    ]
}

/// What findings' own events reached or asked for, without the host itself.
fn destinations(outcome: &Outcome) -> Vec<(String, String)> {
    let events = outcome.findings.iter().flat_map(|finding| finding.present());
    events
        .filter(|event| subject::is_network(event))
        .filter(|event| Scope::of(&event.text("destination.ip")) != Some(Scope::Loopback))
        .map(|event| (defanged(&subject::target(event)), event.computer.clone()))
        .filter(|(target, _)| !target.is_empty())
        .collect()
}

/// Names with how many different things (findings, hosts) each goes with.
fn tally(
    title: &'static str,
    unit: &'static str,
    pairs: impl IntoIterator<Item = (String, String)>,
) -> Tally {
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, counted) in pairs {
        seen.entry(short(&name)).or_default().insert(counted);
    }
    let mut rows: Vec<(String, usize)> =
        seen.into_iter().map(|(name, counted)| (name, counted.len())).collect();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let total = rows.len();
    rows.truncate(TALLY_LIMIT);
    let rows = rows.into_iter().map(|(name, count)| (name, grouped(count))).collect();
    Tally { title, unit, rows, total }
}

/// What the findings cannot tell of, one sentence each. Names of hosts stand in it as the log has them.
pub fn not_covered(outcome: &Outcome) -> Vec<String> {
    let mut lines = Vec::new();
    if outcome.interrupted {
        lines.push("The run was interrupted: not every input was read.".to_owned());
    }
    let lossy = outcome
        .sources
        .iter()
        .filter(|source| matches!(source.status, Status::Partial | Status::Unreadable | Status::NotReached))
        .count();
    if lossy > 0 {
        lines.push(format!(
            "{} could not be read, or not to the end; the problems name each.",
            counted(lossy, "input")
        ));
    }
    lines.extend(bounds(outcome));
    lines.extend(coverage::brief(outcome));
    if let Some(latest) = latest_start(outcome) {
        lines.push(format!(
            "Nothing before a host's first record can be seen; the latest of these is {} on {}.",
            moment(latest.1),
            latest.0
        ));
    }
    let foreign =
        sum(outcome, |source| source.records).saturating_sub(sum(outcome, |source| source.sysmon_records));
    if foreign > 0 {
        lines.push(format!("{} records are not Sysmon's and were not judged.", grouped(foreign)));
    }
    if !outcome.suppressed.is_empty() {
        lines.push(format!(
            "{} set aside by allow-lists; each is listed with the reason.",
            counted(outcome.suppressed.len(), "finding")
        ));
    }
    let rules = counted(outcome.rules.len(), "rule");
    lines.push(format!("{rules} ran: what no rule describes is not judged."));
    lines
}

/// What the run was not to look at, and how much that was.
fn bounds(outcome: &Outcome) -> Option<String> {
    let selected = &outcome.selected;
    if selected.is_all() {
        return None;
    }
    let mut bounds = Vec::new();
    bounds.extend(selected.window.from.map(|from| format!("from {} on, itself included", moment(from))));
    bounds.extend(selected.window.to.map(|to| format!("before {}, itself not included", moment(to))));
    let hosts =
        |names: &[String], words: &str| (!names.is_empty()).then(|| format!("{words} {}", some_of(names, 6)));
    bounds.extend(hosts(&selected.hosts, "on hosts like"));
    bounds.extend(hosts(&selected.excluded_hosts, "not on hosts like"));
    let filtered = outcome.filtered();
    let words = |reason| match reason {
        "before" => "before that time",
        "after" => "after it",
        "without_time" => "without a readable time",
        _ => "of other hosts",
    };
    let counts: Vec<String> = filtered
        .reasons()
        .into_iter()
        .map(|(reason, count)| format!("{} {}", grouped(count), words(reason)))
        .collect();
    let left_out = match counts.is_empty() {
        true => "no record was left out".to_owned(),
        false => format!("{} records were left out ({})", grouped(filtered.total()), counts.join(", ")),
    };
    Some(format!("Only events {} were looked at: {left_out}.", bounds.join(", ")))
}

fn latest_start(outcome: &Outcome) -> Option<(String, Timestamp)> {
    let starts = outcome.hosts.iter().filter_map(|host| Some((host.host.clone(), host.first?)));
    starts.max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)))
}

fn time_basis(outcome: &Outcome) -> String {
    let noted = outcome.findings.iter().filter(|finding| !finding.notes.is_empty()).count();
    let noted = match noted {
        0 => String::new(),
        1 => " One finding carries a caveat.".to_owned(),
        many => format!(" {} findings carry caveats.", grouped(many)),
    };
    format!("All times are UTC. Events were ordered by {}.{noted}", clock_name(outcome.clock))
}

fn sum(outcome: &Outcome, of: fn(&SourceReport) -> u64) -> u64 {
    outcome.sources.iter().map(of).fold(0, u64::saturating_add)
}
