//! What a Sysmon record tells, whether it is decoded or not, and the ECS fields that are derived from it. It reads no record.

use std::borrow::Cow;
use std::net::IpAddr;

use super::common::{Common, well_known_sid};
use super::derive::{self, Joint, Part, cow, string};
use super::fields::field_of;
use super::guid::Guid;
use super::options::Options;
use super::plan::{Cell, FieldSupply, Plan};
use crate::eql::{FieldId, Record, Scalar, Type, Value};
use crate::input::System;
use crate::time::Timestamp;

/// UTF-16 units of a `keyword` that Elasticsearch still indexes (`ignore_above` of ECS).
const KEYWORD_LIMIT: usize = 1024;

/// A Sysmon event, decoded or not.
pub trait Facts: Record {
    /// How events of its id are read.
    fn plan(&self) -> &'static Plan;
    /// How Sysmon is mapped to ECS.
    fn options(&self) -> &Options;
    /// System/Computer.
    fn computer(&self) -> &str;
    /// System/Channel.
    fn channel(&self) -> &str;
    /// System/EventID.
    fn event_id(&self) -> u32;
    /// System/TimeCreated, if the record has one.
    fn time_created(&self) -> Option<Timestamp>;
    /// System/EventRecordID, if the record has one.
    fn record_id(&self) -> Option<u64>;
    /// The `System` element.
    fn system(&self) -> &System;
    /// The text that was rendered for the record, where it carries it.
    fn message(&self) -> Option<&str>;
    /// The data at `slot` of the event's table; `None` when it is absent or a placeholder.
    fn text(&self, slot: usize) -> Option<&str>;
    /// The data called `name` that the event's table does not know; `None` when it is absent or a placeholder.
    fn other(&self, name: &str) -> Option<&str>;

    /// Whether there are data that the event's table does not know.
    fn has_others(&self) -> bool;

    /// The data called `name` in the event's table; `None` when it is absent or a placeholder.
    fn named(&self, name: &str) -> Option<&str> {
        self.text(self.plan().spec.fields.iter().position(|field| field.name == name)?)
    }

    /// The GUID at `slot` of the event's table; `None` when it is absent or a placeholder.
    fn guid(&self, slot: usize) -> Option<Guid<'_>> {
        self.text(slot).map(Guid::of)
    }

    /// The process that did what the event tells, if it names one.
    fn process_guid(&self) -> Option<Guid<'_>> {
        self.guid(self.plan().process?)
    }

    /// The process that started it, if the event names one.
    fn parent_guid(&self) -> Option<Guid<'_>> {
        self.guid(self.plan().parent?)
    }

    /// EventData/UtcTime, if it is there and can be read.
    fn utc_time(&self) -> Option<Timestamp> {
        Timestamp::parse(self.named("UtcTime")?)
    }

    /// System/TimeCreated; 1601-01-01 when the record has none.
    fn created(&self) -> Timestamp {
        self.time_created().unwrap_or_default()
    }

    /// ECS `@timestamp`: UtcTime, or TimeCreated in its stead.
    fn timestamp(&self) -> Timestamp {
        self.utc_time().unwrap_or_else(|| self.created())
    }
}

/// The values of `field` as the document shows them: addresses as the text that Sysmon wrote, nothing cut.
pub(super) fn value(facts: &impl Facts, field: FieldId) -> Value<'_> {
    facts.plan().supply(field).map_or_else(|| other(facts, field), |supply| supplied(facts, supply))
}

/// The values of the field that is supplied by `supply`, as [`value`] has them.
pub(super) fn supplied<'f>(facts: &'f impl Facts, supply: &FieldSupply) -> Value<'f> {
    if supply.gathers {
        return gathered(facts, &supply.cells);
    }
    let mut values = supply.cells.iter().map(|cell| of_cell(facts, *cell));
    values.find(|value| *value != Value::Missing).unwrap_or_default()
}

fn of_cell(facts: &impl Facts, cell: Cell) -> Value<'_> {
    let spec = facts.plan().spec;
    match cell {
        Cell::Data(_, Part::Joint(joint)) => of_joint(facts, joint),
        Cell::Data(slot, part) => facts.text(slot).map_or(Value::Missing, |text| derive::single(part, text)),
        Cell::Common(Common::Message) => string(facts.message().filter(|message| !message.trim().is_empty())),
        Cell::Common(Common::UserId) if facts.options().user_from_event => {
            string(well_known_sid(facts.named("LogonId"), facts.named("User")))
        }
        Cell::Common(common) => common.value(facts),
        Cell::Constant(text) => string(Some(text)),
        Cell::Category | Cell::Kind | Cell::Action => {
            derive::strings(super::outline::words(spec, cell, facts.options()).into_iter())
        }
    }
}

/// All values of all `cells`, each once.
fn gathered<'f>(facts: &'f impl Facts, cells: &[Cell]) -> Value<'f> {
    let mut values: Vec<Scalar<'_>> = Vec::new();
    for cell in cells {
        for value in of_cell(facts, *cell).as_slice() {
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
    }
    Value::from_vec(values)
}

fn of_joint(facts: &impl Facts, joint: Joint) -> Value<'_> {
    match joint {
        Joint::PortName => {
            string(facts.named("DestinationPortName").or_else(|| facts.named("SourcePortName")))
        }
        Joint::CommunityId => cow(community_id(facts).map(Cow::Owned)),
        Joint::LibraryStatus => string(library_status(facts)),
        Joint::Hosts => {
            let answers = facts.named("QueryResults").map(derive::dns::records).into_iter().flatten();
            let asked = facts.named("QueryName");
            let hosts: Vec<_> = answers.filter_map(|answer| answer.data).collect();
            let asked = asked.filter(|name| !hosts.contains(name));
            derive::strings(hosts.iter().copied().chain(asked))
        }
    }
}

fn community_id(facts: &impl Facts) -> Option<String> {
    let end = |ip, port| Some((address(facts, ip)?, facts.named(port)?.parse().ok()?));
    let source = end("SourceIp", "SourcePort")?;
    let destination = end("DestinationIp", "DestinationPort")?;
    derive::community::community_id(facts.named("Protocol")?, source, destination)
}

fn address(facts: &impl Facts, name: &str) -> Option<IpAddr> {
    facts.named(name)?.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// The verdict on a loaded library: `trusted`, `Unavailable` or the reason for which the check failed.
fn library_status(facts: &impl Facts) -> Option<&str> {
    let signed = facts.named("Signed");
    if signed == Some("true") {
        return Some("trusted");
    }
    let unavailable = facts.named("SignatureStatus").filter(|status| *status == "Unavailable");
    unavailable.or_else(|| signed.filter(|signed| signed.starts_with("failed:")))
}

/// Data under a name that the event's table does not have, although another event's has it.
fn other(facts: &impl Facts, field: FieldId) -> Value<'_> {
    let name = field_of(field).and_then(|field| field.path.strip_prefix(super::fields::EVENT_DATA));
    let Some(name) = name else { return Value::Missing };
    string(facts.other(name))
}

/// The values of `field` as rules compare them.
pub(super) fn field(facts: &impl Facts, field: FieldId) -> Value<'_> {
    let Some(known) = field_of(field) else { return Value::Missing };
    let value = value(facts, field);
    match known.kind {
        Type::Ip => as_addresses(value),
        Type::Keyword if facts.options().keyword_limit && known.ecs_type == "keyword" => within_limit(value),
        _ => value,
    }
}

/// Compared as addresses, IPv4-mapped IPv6 as IPv4.
fn as_addresses(value: Value<'_>) -> Value<'_> {
    let addresses = value.as_slice().iter().filter_map(|scalar| match scalar {
        Scalar::Str(text) => text.parse::<IpAddr>().ok().map(|address| Scalar::Ip(address.to_canonical())),
        _ => None,
    });
    Value::from_vec(addresses.collect())
}

/// Without the values that are too long to be indexed.
fn within_limit(value: Value<'_>) -> Value<'_> {
    let short = |scalar: &Scalar<'_>| match scalar {
        Scalar::Str(text) => text.len() <= KEYWORD_LIMIT || text.encode_utf16().count() <= KEYWORD_LIMIT,
        _ => true,
    };
    match value {
        Value::Missing => Value::Missing,
        Value::One(one) => {
            if short(&one) {
                Value::One(one)
            } else {
                Value::Missing
            }
        }
        Value::Many(mut many) => {
            many.retain(short);
            Value::from_vec(many)
        }
    }
}
