//! What to look for elsewhere: the values of `iocs.csv`, in the page's words. It judges none of them and escapes nothing: the template does.

use std::collections::BTreeMap;

use super::Limited;
use crate::finding::{Outcome, Scope};
use crate::report::escape::{defanged, truncated};
use crate::report::iocs::{self, Ioc, Kind};
use crate::report::subject::joined;
use crate::report::words::moment;

/// Rows of one list, at most.
const ROWS: usize = 500;
/// Longest value that is shown whole, in bytes.
const VALUE_LIMIT: usize = 400;

/// What the section shows.
pub struct Iocs {
    /// One list per kind that is there.
    pub lists: Vec<List>,
    /// How many indicators are in them.
    pub total: usize,
    /// The indicators to hand on, defanged.
    pub defanged: Vec<String>,
    /// The same as the log has them.
    pub plain: Vec<String>,
}

/// The values of one kind.
pub struct List {
    /// What they are.
    pub title: &'static str,
    /// They: indicators first, each part sorted.
    pub rows: Limited<Row>,
}

/// A value to look for.
pub struct Row {
    /// As nothing turns it into a link.
    pub defanged: String,
    /// Why it is context and no indicator; empty for an indicator.
    pub doubt: &'static str,
    /// Its scope or its program.
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

type Values<'a> = BTreeMap<(Kind, String), Ioc<'a>>;

impl Iocs {
    /// The IOCs of `outcome`'s findings.
    pub fn of(outcome: &Outcome) -> Self {
        let mut values = iocs::collect(outcome);
        let shown = kinds(&values);
        values.retain(|(kind, _), ioc| {
            shown.iter().any(|(one, _)| one == kind) && ioc.scope != Scope::Loopback.as_str()
        });
        let indicators = || values.iter().filter(|(_, ioc)| ioc.doubt().is_none()).map(|(key, _)| key);
        let handed = || indicators().filter(|(_, value)| value.len() <= VALUE_LIMIT);
        let list = |(kind, title): &(Kind, &'static str)| {
            let mut own: Vec<_> = values.iter().filter(|((of, _), _)| of == kind).collect();
            own.sort_by_key(|(_, ioc)| ioc.doubt().is_some());
            let rows = own.into_iter().map(|((kind, value), ioc)| row(*kind, value, ioc));
            List { title, rows: Limited::of(rows.collect(), ROWS) }
        };
        Self {
            lists: shown.iter().map(list).filter(|list| !list.rows.is_empty()).collect(),
            total: indicators().count(),
            defanged: handed().map(|(kind, value)| without_links(*kind, value)).collect(),
            plain: handed().map(|(_, value)| value.clone()).collect(),
        }
    }
}

/// The kinds that are shown, in their order, with their titles. Of several hashes of a program the best is enough.
fn kinds(values: &Values<'_>) -> Vec<(Kind, &'static str)> {
    let hashes = [
        (Kind::Sha256, "Hashes of programs, SHA-256"),
        (Kind::Sha1, "Hashes of programs, SHA-1"),
        (Kind::Md5, "Hashes of programs, MD5"),
    ];
    let best = hashes.into_iter().find(|(hash, _)| values.keys().any(|(kind, _)| kind == hash));
    let others = [(Kind::Ip, "Addresses"), (Kind::Domain, "Names"), (Kind::Url, "URLs in command lines")];
    others.into_iter().chain(best).chain([(Kind::Path, "Programs by path")]).collect()
}

fn row(kind: Kind, value: &str, ioc: &Ioc<'_>) -> Row {
    // Public goes without saying.
    let scope = if ioc.scope == Scope::Public.as_str() { "" } else { ioc.scope };
    let is_hash = matches!(kind, Kind::Sha256 | Kind::Sha1 | Kind::Md5);
    let program = ioc.event.filter(|_| is_hash).map(|event| event.text("process.executable"));
    Row {
        defanged: line(&without_links(kind, value)),
        doubt: ioc.doubt().unwrap_or_default(),
        known: line(&joined(&program.unwrap_or_default(), ", ", &scope.replace('_', "-"))),
        hosts: ioc.hosts.len(),
        findings: ioc.findings.len(),
        first: ioc.first.map(moment).unwrap_or_default(),
        last: ioc.last.map(moment).unwrap_or_default(),
    }
}

fn without_links(kind: Kind, value: &str) -> String {
    if kind.is_link() { defanged(value) } else { value.to_owned() }
}

fn line(text: &str) -> String {
    truncated(text, VALUE_LIMIT, "see findings.jsonl").into_owned()
}
