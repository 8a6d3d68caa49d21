//! What one finding shows of addresses, names, URLs and programs: in its events and in the story of its process. It does not decide who reads them.

use std::collections::BTreeMap;

use super::names::{NameScope, address, host_name, urls};
use super::program::Program;
use super::{Ioc, Kind, Standing};
use crate::finding::story::{Count, Story};
use crate::finding::{EvidenceEvent, Finding, Scope, earliest};
use crate::time::Timestamp;

/// A name that Sysmon itself looked up for an address.
const REVERSE: Standing =
    Standing::Weak("the name that was looked up for an address, not one that was asked for");

/// What was seen so far.
#[derive(Default)]
pub(super) struct Sightings<'a>(BTreeMap<(Kind, String), Ioc<'a>>);

/// Where and when a value was seen.
#[derive(Clone, Copy)]
struct Place<'a> {
    finding: &'a Finding,
    host: &'a str,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    event: Option<&'a EvidenceEvent>,
}

impl<'a> Place<'a> {
    fn of_event(finding: &'a Finding, event: &'a EvidenceEvent) -> Self {
        let time = Some(event.timestamp);
        Self { finding, host: &event.computer, first: time, last: time, event: Some(event) }
    }

    fn of_count(finding: &'a Finding, story: &'a Story, seen: &Count) -> Self {
        Self { finding, host: &story.host, first: seen.first, last: seen.last, event: None }
    }
}

impl<'a> Sightings<'a> {
    /// By kind and value.
    pub(super) fn into_map(self) -> BTreeMap<(Kind, String), Ioc<'a>> {
        self.0
    }

    /// What `finding` shows, its process's story included where it `tells` that.
    pub(super) fn add(&mut self, finding: &'a Finding, tells: bool) {
        for event in finding.present() {
            self.event(finding, event);
        }
        if let Some(story) = finding.story.as_deref().ok().filter(|_| tells) {
            self.story(finding, story);
        }
        if let Some(excluded) = &finding.excluded_name {
            let place = Place { host: &finding.host, first: None, last: None, event: None, finding };
            let name = Standing::Context("a name that the rule excludes");
            self.name(&excluded.name, "dns_question", name, place);
            let answer = Standing::Context("the answer for a name that the rule excludes");
            self.address(&excluded.address, "destination", answer, place);
        }
    }

    fn story(&mut self, finding: &'a Finding, story: &'a Story) {
        for event in &story.context.shown {
            self.event(finding, event);
        }
        if let Some(start) = story.process.start.as_deref() {
            self.event(finding, start);
        }
        for start in story.children.shown.iter().filter_map(|child| child.start.as_deref()) {
            let place = Place::of_event(finding, start);
            self.urls(&start.text("process.command_line"), "child_command_line", place);
        }
        for destination in story.connections.destinations.shown.iter().filter(|one| !one.inbound) {
            let place = Place::of_count(finding, story, &destination.seen);
            self.address(&destination.ip, "destination", Standing::Indicator, place);
            self.name(&destination.host_name, "reverse_lookup", REVERSE, place);
        }
        for query in &story.queries.shown {
            let place = Place::of_count(finding, story, &query.seen);
            self.name(&query.name, "dns_question", Standing::Indicator, place);
        }
    }

    /// An event of the finding's process.
    fn event(&mut self, finding: &'a Finding, event: &'a EvidenceEvent) {
        let place = Place::of_event(finding, event);
        // Of a connection that the other side opened, the destination is this host.
        let (peer, part) = match event.text("network.direction").as_str() {
            "ingress" => ("source", "inbound_source"),
            _ => ("destination", "destination"),
        };
        self.address(&event.text(&format!("{peer}.ip")), part, Standing::Indicator, place);
        self.name(&event.text(&format!("{peer}.domain")), "reverse_lookup", REVERSE, place);
        self.name(&event.text("dns.question.name"), "dns_question", Standing::Indicator, place);
        self.urls(&event.text("process.command_line"), "command_line", place);
        self.program(event, place);
    }

    fn program(&mut self, event: &'a EvidenceEvent, place: Place<'a>) {
        let text = |path: &str| event.text(path);
        let (path, name) = (text("process.executable"), text("process.name"));
        let (original, company) = (text("process.pe.original_file_name"), text("process.pe.company"));
        let program = Program { path: &path, name: &name, original: &original, company: &company };
        for (kind, field, digits) in [
            (Kind::Sha256, "process.hash.sha256", 64),
            (Kind::Sha1, "process.hash.sha1", 40),
            (Kind::Md5, "process.hash.md5", 32),
        ] {
            self.hash(kind, &text(field), digits, program.hash(), place);
        }
        let imports = Standing::Context("of the imports alone: programs of one make share it");
        self.hash(Kind::Imphash, &text("process.pe.imphash"), 32, imports, place);
        if !path.is_empty() {
            let standing = program.path();
            self.see(Kind::Path, path, "program", "", standing, place);
        }
        if !name.is_empty() {
            let standing = Standing::Context("a name alone: harmless programs have it too");
            self.see(Kind::FileName, name, "program", "", standing, place);
        }
    }

    /// A hash of so many hexadecimal digits; one of the same digit throughout is a placeholder.
    fn hash(&mut self, kind: Kind, text: &str, digits: usize, standing: Standing, place: Place<'a>) {
        let value = text.to_ascii_lowercase();
        let hex = value.len() == digits && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        let placeholder = value.bytes().all(|byte| value.bytes().next() == Some(byte));
        if hex && !placeholder {
            self.see(kind, value, "program", "", standing, place);
        }
    }

    fn urls(&mut self, text: &str, part: &'static str, place: Place<'a>) {
        for url in urls(text) {
            let (standing, scope) = self.host_of_url(&url.host, part, place);
            let standing =
                if url.cut { Standing::Context("cut: longer than a URL that works") } else { standing };
            self.see(Kind::Url, url.text, part, scope, standing, place);
        }
    }

    /// Sees the host of a URL, which also says whether the URL is an indicator, and its scope.
    fn host_of_url(&mut self, host: &str, part: &'static str, place: Place<'a>) -> (Standing, &'static str) {
        if let Some(scope) = Scope::of(host) {
            self.address(host, part, Standing::Indicator, place);
            return (of_address(scope), scope.as_str());
        }
        match host_name(host) {
            Some(name) => {
                let scope = NameScope::of(&name);
                self.name(&name, part, Standing::Indicator, place);
                // A path under a shared name says whose it is.
                let standing = if scope == NameScope::Suffix { Standing::Indicator } else { of_name(scope) };
                (standing, scope.as_str())
            }
            None => (Standing::Context("its host is neither a name nor an address"), ""),
        }
    }

    fn address(&mut self, text: &str, part: &'static str, standing: Standing, place: Place<'a>) {
        if let (Some(value), Some(scope)) = (address(text), Scope::of(text)) {
            self.see(Kind::Ip, value, part, scope.as_str(), worse(of_address(scope), standing), place);
        }
    }

    fn name(&mut self, text: &str, part: &'static str, standing: Standing, place: Place<'a>) {
        if text.is_empty() || Scope::of(text).is_some() {
            return;
        }
        match host_name(text) {
            Some(value) => {
                let scope = NameScope::of(&value);
                self.see(Kind::Domain, value, part, scope.as_str(), worse(of_name(scope), standing), place);
            }
            None => {
                let standing = Standing::Context("no well-formed host name");
                self.see(Kind::Domain, text.to_owned(), part, "", standing, place);
            }
        }
    }

    fn see(
        &mut self,
        kind: Kind,
        value: String,
        part: &'static str,
        scope: &'static str,
        standing: Standing,
        place: Place<'a>,
    ) {
        let ioc = self.0.entry((kind, value)).or_default();
        ioc.scope = scope;
        ioc.seen_as.insert(part);
        let earlier =
            |event: &&EvidenceEvent| ioc.event.is_none_or(|known| event.timestamp < known.timestamp);
        ioc.event = place.event.filter(earlier).or(ioc.event);
        ioc.first = earliest(ioc.first, place.first);
        ioc.last = ioc.last.max(place.last);
        ioc.hosts.insert(place.host);
        ioc.findings.insert(&place.finding.id);
        match standing {
            Standing::Indicator => ioc.indicator = true,
            Standing::Weak(reason) => ioc.weak = ioc.weak.or(Some(reason)),
            Standing::Context(reason) => ioc.context = ioc.context.or(Some(reason)),
        }
    }
}

/// The one that makes less of a value.
fn worse(of_value: Standing, of_sighting: Standing) -> Standing {
    match (of_value, of_sighting) {
        (Standing::Context(_), _) | (_, Standing::Indicator) => of_value,
        _ => of_sighting,
    }
}

/// Documentation's addresses are in no real log: whoever practises with them shall see what the list does.
fn of_address(scope: Scope) -> Standing {
    match scope {
        Scope::Public | Scope::Documentation => Standing::Indicator,
        Scope::Private => Standing::Context("an address of a private network"),
        Scope::Loopback => Standing::Context("the host itself"),
        Scope::LinkLocal => Standing::Context("an address of the local link"),
        Scope::Multicast => Standing::Context("an address of a group"),
        Scope::Reserved => Standing::Context("a reserved address"),
    }
}

fn of_name(scope: NameScope) -> Standing {
    match scope {
        NameScope::Public => Standing::Indicator,
        NameScope::Suffix => Standing::Context("a public suffix: shared by all that is registered under it"),
        NameScope::Local => Standing::Context("under no public suffix: a name of a network of its own"),
    }
}
