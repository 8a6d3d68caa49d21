//! One process's own events → its story: counts, lists, times. It knows no kin.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::finding::Listed;
use crate::finding::story::{
    ACTIVITIES, Activity, Connections, Count, Destination, Intervals, Query, Touched,
};
use crate::scan::hits::Candidate;
use crate::sysmon::schema::event_spec;
use crate::sysmon::{Event, Facts};
use crate::time::Timestamp;

use super::kept::Kept;
use super::lookup::Lookup;
use super::tally::Tally;

/// Destinations and names that a story lists.
const LISTED: usize = 50;
/// Things of one kind that a story lists.
const TOUCHED: usize = 20;
/// Values of a set that is kept of a name or an address.
const VALUES: usize = 32;
/// Queries that may explain how an address came about.
const SUSPECTS: usize = 50;
/// Connections whose times are compared.
const TIMES: usize = 1_000_000;
/// Bytes of a text that is listed.
const TEXT: usize = 2 * 1024;

/// Names with the time at which DNS first gave them.
pub type Names = BTreeMap<String, Timestamp>;

/// Tells of one process.
#[derive(Debug)]
pub struct Teller {
    /// Its start, if that is in the evidence.
    pub start: Option<Candidate>,
    /// The first of its events.
    pub context: Kept,
    /// How many events it has.
    pub events: u64,
    /// The first starts of its children.
    pub children: Kept,
    /// Its queries that were answered with an address by which a finding came about.
    pub suspects: Kept,
    completing: BTreeSet<IpAddr>,
    connections: Count,
    times: Vec<Timestamp>,
    destinations: Tally<To, Reached>,
    queries: Tally<String, Asked>,
    query_count: u64,
    names: BTreeMap<IpAddr, Names>,
    /// By number of the kind.
    activities: BTreeMap<usize, Acts>,
}

/// Where a connection went.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct To {
    ip: String,
    port: String,
    protocol: String,
    inbound: bool,
}

#[derive(Debug, Default)]
struct Reached {
    address: Option<IpAddr>,
    host_name: String,
    /// The last connection by the clock that orders.
    last: Timestamp,
}

/// Events of one kind, by event id and target.
#[derive(Debug, Default)]
struct Acts {
    all: Count,
    targets: Tally<(u32, String), ()>,
}

#[derive(Debug, Default)]
struct Asked {
    statuses: BTreeSet<String>,
    answers: BTreeSet<String>,
}

impl Teller {
    /// A teller that keeps `listed` whole events of each list. `completing` are the addresses by which findings came about.
    pub fn new(listed: usize, completing: BTreeSet<IpAddr>) -> Self {
        Self {
            start: None,
            context: Kept::new(listed),
            events: 0,
            children: Kept::new(listed),
            suspects: Kept::new(SUSPECTS),
            completing,
            connections: Count::default(),
            times: Vec::new(),
            destinations: Tally::default(),
            queries: Tally::default(),
            query_count: 0,
            names: BTreeMap::new(),
            activities: BTreeMap::new(),
        }
    }

    /// Takes an event of the process itself; a `copy` is only noted where the record is listed.
    pub fn take(&mut self, candidate: &Candidate, copy: bool, lookup: &Lookup<'_>) {
        self.context.add(candidate);
        let event = &candidate.event;
        let resolved = if event.event_id() == 22 { lookup.keys().resolved(event) } else { Vec::new() };
        if resolved.iter().any(|address| self.completing.contains(address)) {
            self.suspects.add(candidate);
        }
        if copy {
            return;
        }
        self.events += 1;
        match event.event_id() {
            1 => {
                self.start.get_or_insert_with(|| candidate.clone());
            }
            3 => self.connection(candidate, lookup),
            5 => {}
            22 => self.query(candidate, &resolved, lookup),
            _ => self.activity(event),
        }
    }

    fn connection(&mut self, candidate: &Candidate, lookup: &Lookup<'_>) {
        let event = &candidate.event;
        let text = |name: &str| event.named(name).map(clipped).unwrap_or_default();
        self.connections.add(event.timestamp());
        if self.times.len() < TIMES {
            self.times.push(candidate.order.time);
        }
        let to = To {
            ip: text("DestinationIp"),
            port: text("DestinationPort"),
            protocol: text("Protocol"),
            inbound: event.named("Initiated") == Some("false"),
        };
        if let Some(reached) = self.destinations.add(to, event.timestamp()) {
            reached.address = lookup.destination(event);
            reached.last = reached.last.max(candidate.order.time);
            if reached.host_name.is_empty() {
                reached.host_name = text("DestinationHostname");
            }
        }
    }

    fn query(&mut self, candidate: &Candidate, resolved: &[IpAddr], lookup: &Lookup<'_>) {
        let event = &candidate.event;
        let name = event.named("QueryName").map(clipped).unwrap_or_default();
        self.query_count += 1;
        for address in resolved {
            if self.names.len() < VALUES * VALUES || self.names.contains_key(address) {
                note(self.names.entry(*address).or_default(), &name, candidate.order.time);
            }
        }
        if let Some(asked) = self.queries.add(name, event.timestamp()) {
            collect(&mut asked.statuses, lookup.status(event));
            collect(&mut asked.answers, lookup.answers(event));
        }
    }

    fn activity(&mut self, event: &Event) {
        let (kind, target) = kind(event);
        let acts = self.activities.entry(kind).or_default();
        acts.all.add(event.timestamp());
        let target = target.and_then(|name| event.named(name)).map(clipped).unwrap_or_default();
        acts.targets.add((event.event_id(), target), event.timestamp());
    }

    /// Its connections; `host_names` are the names that any process of the host had for an address.
    pub fn connections(&mut self, host_names: impl Fn(IpAddr) -> Option<Names>) -> Connections {
        let destinations = std::mem::take(&mut self.destinations);
        let listed = destinations.finish(LISTED, |to, seen, reached| {
            let before = |names: &Names| {
                let early = names.iter().filter(|(_, time)| **time <= reached.last);
                early.map(|(name, _)| name.clone()).collect::<Vec<_>>()
            };
            let address = reached.address.filter(|_| !to.inbound);
            let own = address.and_then(|address| self.names.get(&address)).map(before).unwrap_or_default();
            let named_by_host = own.is_empty();
            let theirs = || address.and_then(&host_names).as_ref().map(before).unwrap_or_default();
            let names = if named_by_host { theirs() } else { own };
            Destination {
                ip: to.ip,
                port: to.port,
                protocol: to.protocol,
                inbound: to.inbound,
                host_name: reached.host_name,
                named_by_host: named_by_host && !names.is_empty(),
                names,
                seen,
            }
        });
        let intervals = Intervals::of(std::mem::take(&mut self.times));
        Connections { all: self.connections, destinations: listed, intervals }
    }

    /// The names it asked for, and how often it did.
    pub fn queries(&mut self) -> (Listed<Query>, u64) {
        let queries = std::mem::take(&mut self.queries);
        let listed = queries.finish(LISTED, |name, seen, asked| Query {
            name,
            seen,
            statuses: asked.statuses.into_iter().collect(),
            answers: asked.answers.into_iter().collect(),
        });
        (listed, self.query_count)
    }

    /// What else it did.
    pub fn activities(&mut self) -> Vec<Activity> {
        let activities = std::mem::take(&mut self.activities).into_iter();
        let made = activities.map(|(kind, Acts { all, targets })| Activity {
            kind: ACTIVITIES.get(kind).copied().unwrap_or_default().into(),
            all,
            targets: targets.finish(TOUCHED, |(event_id, target), seen, ()| Touched {
                event: event_spec(event_id).map_or("", |spec| spec.name).into(),
                target,
                seen,
            }),
        });
        made.collect()
    }
}

/// Which of [`ACTIVITIES`] an event is, and the data that says what it touched.
fn kind(event: &Event) -> (usize, Option<&'static str>) {
    match event.event_id() {
        2 | 11 | 15 | 23 | 26 | 27 | 28 | 29 => (0, Some("TargetFilename")),
        12..=14 => (1, Some("TargetObject")),
        17 | 18 => (2, Some("PipeName")),
        7 => (3, Some("ImageLoaded")),
        10 => (4, Some("TargetImage")),
        8 => (5, Some("TargetImage")),
        9 => (6, Some("Device")),
        25 => (6, Some("Type")),
        _ => (6, None),
    }
}

/// Notes when `name` was first given, as long as there is room.
pub fn note(names: &mut Names, name: &str, time: Timestamp) {
    if let Some(first) = names.get_mut(name) {
        *first = time.min(*first);
    } else if names.len() < VALUES {
        names.insert(name.to_owned(), time);
    }
}

fn collect(set: &mut BTreeSet<String>, texts: Vec<String>) {
    for text in texts {
        if set.len() < VALUES {
            set.insert(clipped(&text));
        }
    }
}

/// The text, or its beginning and how much there is more.
pub fn clipped(text: &str) -> String {
    if text.len() <= TEXT {
        return text.to_owned();
    }
    let (kept, rest) = text.split_at(text.floor_char_boundary(TEXT));
    format!("{kept}…[+{} bytes]", rest.len())
}
