//! Which process an event is about, in eight bytes, and the addresses in it. It keeps no event.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::net::IpAddr;

use foldhash::quality::RandomState;

use crate::eql::{FieldId, Scalar, Schema};
use crate::sysmon::{Facts, Guid, SysmonSchema};

use super::Flagged;

/// A process of a host, hashed with a secret of this run: no log can make two of them one.
pub type Key = u64;

/// A host, hashed in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HostKey(u64);

/// The keys of processes and addresses.
#[derive(Debug, Clone)]
pub struct Keys {
    state: RandomState,
    fields: Fields,
}

/// The processes and hosts in question.
#[derive(Debug, Clone)]
pub struct Lookup<'a> {
    hosts: Vec<&'a str>,
    flagged: Vec<Key>,
    /// The same, to be asked.
    known: HashSet<Key>,
    keys: Keys,
}

/// Fields that hold several values, which only the schema can tell.
#[derive(Debug, Clone, Copy)]
struct Fields {
    resolved: Option<FieldId>,
    destination: Option<FieldId>,
    answers: Option<FieldId>,
    status: Option<FieldId>,
}

impl Keys {
    /// Keys of this run.
    pub fn new() -> Self {
        let field = |path| SysmonSchema.resolve(path).map(|(field, _)| field);
        let fields = Fields {
            resolved: field("dns.resolved_ip"),
            destination: field("destination.ip"),
            answers: field("dns.answers.data"),
            status: field("sysmon.dns.status"),
        };
        Self { state: RandomState::default(), fields }
    }

    /// The host that `computer` names.
    pub fn host(&self, computer: &str) -> HostKey {
        HostKey(self.state.hash_one(computer))
    }

    /// The process that did what `event` tells; `None` when it has no GUID.
    pub fn process(&self, event: &impl Facts) -> Option<Key> {
        self.process_on(self.host(event.computer()), event)
    }

    /// The same, on the event's `host`.
    pub fn process_on(&self, host: HostKey, event: &impl Facts) -> Option<Key> {
        event.process_guid().map(|guid| self.key(host, guid))
    }

    /// The parent that a start on `host` tells of.
    pub fn parent_on(&self, host: HostKey, event: &impl Facts) -> Option<Key> {
        event.parent_guid().map(|guid| self.key(host, guid))
    }

    /// The addresses that a DNS query was answered with.
    pub fn resolved(&self, event: &impl Facts) -> Vec<IpAddr> {
        addresses(event, self.fields.resolved)
    }

    /// An address, as a host sees it.
    pub fn address(&self, computer: &str, address: IpAddr) -> Key {
        self.state.hash_one((computer, address))
    }

    fn key(&self, host: HostKey, guid: Guid<'_>) -> Key {
        self.state.hash_one((host, guid))
    }
}

impl<'a> Lookup<'a> {
    /// A lookup of these processes.
    pub fn new(flagged: &'a [Flagged], keys: Keys) -> Self {
        let mut hosts: Vec<&str> = flagged.iter().map(|process| process.host.as_str()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let key = |process: &Flagged| keys.key(keys.host(&process.host), Guid::of(&process.guid));
        let own: Vec<Key> = flagged.iter().map(key).collect();
        let known = own.iter().copied().collect();
        Self { hosts, flagged: own, known, keys }
    }

    /// How processes are hashed.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The processes that findings are about, in order.
    pub fn flagged(&self) -> &[Key] {
        &self.flagged
    }

    /// Whether a finding is about `process`.
    pub fn is_flagged(&self, process: Key) -> bool {
        self.known.contains(&process)
    }

    /// Their hosts, sorted.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().copied()
    }

    /// The number of a host; `None` for one that has no finding.
    pub fn host(&self, computer: &str) -> Option<usize> {
        self.hosts.binary_search(&computer).ok()
    }

    /// The key of an address on the host of that number.
    pub fn address(&self, host: usize, address: IpAddr) -> Option<Key> {
        self.hosts.get(host).map(|computer| self.keys.address(computer, address))
    }

    /// Where a connection went.
    pub fn destination(&self, event: &impl Facts) -> Option<IpAddr> {
        addresses(event, self.keys.fields.destination).first().copied()
    }

    /// What a DNS query was answered with, names and addresses.
    pub fn answers(&self, event: &impl Facts) -> Vec<String> {
        texts(event, self.keys.fields.answers)
    }

    /// How a DNS query ended.
    pub fn status(&self, event: &impl Facts) -> Vec<String> {
        texts(event, self.keys.fields.status)
    }
}

fn addresses(event: &impl Facts, field: Option<FieldId>) -> Vec<IpAddr> {
    let values = field.map(|field| event.field(field)).unwrap_or_default();
    let address = |scalar: &Scalar<'_>| match scalar {
        Scalar::Ip(address) => Some(*address),
        _ => None,
    };
    values.as_slice().iter().filter_map(address).collect()
}

fn texts(event: &impl Facts, field: Option<FieldId>) -> Vec<String> {
    let values = field.map(|field| event.field(field)).unwrap_or_default();
    values.as_slice().iter().map(|scalar| crate::eql::value::text_of(scalar).into_owned()).collect()
}
