//! A Sysmon record as EQL sees it: every field is worked out when it is asked for, never before. It does not print documents (that is `ecs`).

use std::borrow::Cow;
use std::net::IpAddr;

use super::common::{Common, well_known_sid};
use super::derive::{self, Joint, Part, cow, string};
use super::fields::field_of;
use super::options::Options;
use super::plan::{Cell, Plan, plan};
use super::schema::InType;
use crate::eql::{FieldId, Record, Scalar, Type, Value};
use crate::input::{Position, RawRecord, System};
use crate::time::Timestamp;

/// The provider whose records are Sysmon's, whatever their channel and file.
pub const PROVIDER: &str = "Microsoft-Windows-Sysmon";

/// More data than any event of the table has (event 1: 23).
const SLOTS: usize = 32;
/// A slot without a usable value.
const EMPTY: u16 = u16::MAX;
/// UTF-16 units of a `keyword` that Elasticsearch still indexes (`ignore_above` of ECS).
const KEYWORD_LIMIT: usize = 1024;
const ZERO_GUID: &str = "{00000000-0000-0000-0000-000000000000}";

/// A typed Sysmon event.
#[derive(Debug, Clone)]
pub struct Event {
    raw: RawRecord,
    plan: &'static Plan,
    /// For each row of the event's table, where in `raw.data` its value is.
    slots: [u16; SLOTS],
    options: Options,
}

impl Event {
    /// The event in `raw`; `None` when another provider logged it. Data are told by their names, never by place or version. Placeholders (nothing, `-`,
    /// the zero GUID) are as good as absent, of two values under one name the first counts, and GUIDs become `{lower-case}`.
    pub fn from_raw(mut raw: RawRecord, options: &Options) -> Option<Self> {
        if raw.system.provider != PROVIDER {
            return None;
        }
        let plan = plan(raw.system.event_id);
        if !raw.document.is_empty() {
            super::restore::restore(&mut raw, plan.spec);
        }
        let mut slots = [EMPTY; SLOTS];
        let mut expected = 0_usize;
        for (place, (name, text)) in raw.data.iter_mut().enumerate() {
            let Some(slot) = plan.slot(name, expected) else { continue };
            expected = slot.saturating_add(1);
            if plan.spec.fields.get(slot).is_some_and(|field| field.in_type == InType::Guid) {
                normalise_guid(text);
            }
            if let (Some(entry @ &mut EMPTY), Ok(place)) = (slots.get_mut(slot), u16::try_from(place))
                && !is_placeholder(text)
            {
                *entry = place;
            }
        }
        Some(Self { raw, plan, slots, options: *options })
    }

    /// The record again. GUIDs in it are spelt anew.
    pub fn into_raw(self) -> RawRecord {
        self.raw
    }

    /// Whether its record was recovered, as [`RawRecord::recovered`] says.
    pub fn is_recovered(&self) -> bool {
        self.raw.recovered
    }

    /// Sysmon's event id.
    pub fn event_id(&self) -> u32 {
        self.raw.system.event_id
    }

    /// EventData/UtcTime, if it is there and can be read.
    pub fn utc_time(&self) -> Option<Timestamp> {
        Timestamp::parse(self.named("UtcTime")?)
    }

    /// System/TimeCreated; 1601-01-01 when the record has none.
    pub fn created(&self) -> Timestamp {
        self.raw.system.time_created.unwrap_or_default()
    }

    /// ECS `@timestamp`: UtcTime, or TimeCreated in its stead.
    pub fn timestamp(&self) -> Timestamp {
        self.utc_time().unwrap_or_else(|| self.created())
    }

    /// System/EventRecordID; 0 when the record has none.
    pub fn record_id(&self) -> u64 {
        self.raw.system.record_id.unwrap_or_default()
    }

    /// All data of the record, known to the table or not, as name and text. Those of an ECS document are back under Sysmon's names.
    pub fn data(&self) -> &[(String, String)] {
        &self.raw.data
    }

    /// System/Channel.
    pub fn channel(&self) -> &str {
        &self.raw.system.channel
    }

    /// System/Computer.
    pub fn computer(&self) -> &str {
        &self.raw.system.computer
    }

    /// The `System` element.
    pub fn system(&self) -> &System {
        &self.raw.system
    }

    /// Where in its source the record stands.
    pub fn position(&self) -> Position {
        self.raw.position
    }

    /// The data called `name` in the event's table; `None` when it is absent or a placeholder.
    pub fn named(&self, name: &str) -> Option<&str> {
        self.text(self.plan.spec.fields.iter().position(|field| field.name == name)?)
    }

    /// What is wrong with the values, one sentence each: a sign that fields have shifted in a damaged or doctored record. Empty when all is well.
    pub fn problems(&self) -> Vec<String> {
        let rows = self.plan.spec.fields.iter().enumerate();
        let texts = rows.filter_map(|(slot, field)| Some((field, self.text(slot)?)));
        let wrong = texts.filter_map(|(field, text)| {
            let expected = super::check::mismatch(field, text)?;
            Some(format!("{} holds {:?}, which is not {expected}", field.name, shortened(text)))
        });
        wrong.collect()
    }

    /// Whether values stand under other names than their own, as in forwarded records whose empty values were dropped: two values or more are not of their
    /// field's type, or one is not and is of the type of a field beside it.
    pub fn fields_shifted(&self) -> bool {
        let fields = self.plan.spec.fields;
        let wrong: Vec<(usize, &str)> = fields
            .iter()
            .enumerate()
            .filter_map(|(slot, field)| Some((slot, field, self.text(slot)?)))
            .filter(|(_, field, text)| super::check::mismatch(field, text).is_some())
            .map(|(slot, _, text)| (slot, text))
            .collect();
        let fits_beside = |(slot, text): &(usize, &str)| {
            let beside = [slot.checked_sub(1), slot.checked_add(1)].into_iter().flatten();
            beside.filter_map(|slot| fields.get(slot)).any(|field| super::check::fits_alone(field, text))
        };
        wrong.len() > 1 || wrong.iter().any(fits_beside)
    }

    /// Whether the record carries the text that was rendered for it where it was logged.
    pub fn is_rendered(&self) -> bool {
        self.raw.message.is_some()
    }

    /// Data that the event's table does not know, placeholders left out; unnamed ones are called `param1` and so on by their place.
    pub(super) fn others(&self) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
        let data = self.raw.data.iter().enumerate();
        data.filter(|(_, (name, text))| !is_placeholder(text) && self.plan.slot(name, SLOTS).is_none()).map(
            |(place, (name, text))| match name.as_str() {
                "" => (Cow::Owned(format!("param{}", place.saturating_add(1))), text.as_str()),
                name => (Cow::Borrowed(name), text.as_str()),
            },
        )
    }

    /// The fields that this kind of event may have, by path.
    pub(super) fn supplied(&self) -> impl Iterator<Item = FieldId> {
        self.plan.supplied()
    }

    /// The values of `field` as the document shows them: addresses as the text that Sysmon wrote, nothing cut.
    pub(super) fn value(&self, field: FieldId) -> Value<'_> {
        let Some(supply) = self.plan.supply(field) else { return self.other(field) };
        if supply.gathers {
            return self.gathered(&supply.cells);
        }
        let mut values = supply.cells.iter().map(|cell| self.cell(*cell));
        values.find(|value| *value != Value::Missing).unwrap_or_default()
    }

    fn cell(&self, cell: Cell) -> Value<'_> {
        let spec = self.plan.spec;
        match cell {
            Cell::Data(_, Part::Joint(joint)) => self.joint(joint),
            Cell::Data(slot, part) => {
                self.text(slot).map_or(Value::Missing, |text| derive::single(part, text))
            }
            Cell::Common(Common::Message) => {
                string(self.raw.message.as_deref().filter(|message| !message.trim().is_empty()))
            }
            Cell::Common(Common::UserId) if self.options.user_from_event => {
                string(well_known_sid(self.named("LogonId"), self.named("User")))
            }
            Cell::Common(common) => common.value(&self.raw.system, &self.options),
            Cell::Constant(text) => string(Some(text)),
            Cell::Category | Cell::Kind | Cell::Action => {
                derive::strings(super::outline::words(spec, cell, &self.options).into_iter())
            }
        }
    }

    /// All values of all `cells`, each once.
    fn gathered(&self, cells: &[Cell]) -> Value<'_> {
        let mut values: Vec<Scalar<'_>> = Vec::new();
        for cell in cells {
            for value in self.cell(*cell).as_slice() {
                if !values.contains(value) {
                    values.push(value.clone());
                }
            }
        }
        Value::from_vec(values)
    }

    fn joint(&self, joint: Joint) -> Value<'_> {
        match joint {
            Joint::PortName => {
                string(self.named("DestinationPortName").or_else(|| self.named("SourcePortName")))
            }
            Joint::CommunityId => cow(self.community_id().map(Cow::Owned)),
            Joint::LibraryStatus => string(self.library_status()),
            Joint::Hosts => {
                let answers = self.named("QueryResults").map(derive::dns::records).into_iter().flatten();
                let asked = self.named("QueryName");
                let hosts: Vec<_> = answers.filter_map(|answer| answer.data).collect();
                let asked = asked.filter(|name| !hosts.contains(name));
                derive::strings(hosts.iter().copied().chain(asked))
            }
        }
    }

    fn community_id(&self) -> Option<String> {
        let end = |address, port| Some((self.address(address)?, self.named(port)?.parse().ok()?));
        let source = end("SourceIp", "SourcePort")?;
        let destination = end("DestinationIp", "DestinationPort")?;
        derive::community::community_id(self.named("Protocol")?, source, destination)
    }

    fn address(&self, name: &str) -> Option<IpAddr> {
        self.named(name)?.parse::<IpAddr>().ok().map(|address| address.to_canonical())
    }

    /// The verdict on a loaded library: `trusted`, `Unavailable` or the reason for which the check failed.
    fn library_status(&self) -> Option<&str> {
        let signed = self.named("Signed");
        if signed == Some("true") {
            return Some("trusted");
        }
        let unavailable = self.named("SignatureStatus").filter(|status| *status == "Unavailable");
        unavailable.or_else(|| signed.filter(|signed| signed.starts_with("failed:")))
    }

    /// Data under a name that the event's table does not have, although another event's has it.
    fn other(&self, field: FieldId) -> Value<'_> {
        let name = field_of(field).and_then(|field| field.path.strip_prefix(super::fields::EVENT_DATA));
        let Some(name) = name else { return Value::Missing };
        string(self.others().find(|(other, _)| other.as_ref() == name).map(|(_, text)| text))
    }

    fn text(&self, slot: usize) -> Option<&str> {
        let place = usize::from(*self.slots.get(slot)?);
        self.raw.data.get(place).map(|(_, text)| text.as_str())
    }
}

impl Record for Event {
    fn field(&self, field: FieldId) -> Value<'_> {
        let Some(known) = field_of(field) else { return Value::Missing };
        let value = self.value(field);
        match known.kind {
            Type::Ip => as_addresses(value),
            Type::Keyword if self.options.keyword_limit && known.ecs_type == "keyword" => within_limit(value),
            _ => value,
        }
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

fn is_placeholder(text: &str) -> bool {
    matches!(text, "" | "-" | ZERO_GUID)
}

/// `{lower-case}`, as Windows renders GUIDs since 2019; a text that is no GUID stays.
fn normalise_guid(text: &mut String) {
    if !super::check::is_guid(text) {
        return;
    }
    text.make_ascii_lowercase();
    if !text.starts_with('{') {
        *text = format!("{{{text}}}");
    }
}

/// The beginning of a value, for a message.
fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}
