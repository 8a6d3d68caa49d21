//! A Sysmon record as EQL sees it: every field is worked out when it is asked for, never before. It does not print documents (that is `ecs`).

use std::borrow::Cow;

use super::facts::{self, Facts};
use super::options::Options;
use super::plan::{Plan, plan};
use super::schema::InType;
use crate::eql::{FieldId, Record, Value};
use crate::input::{Position, RawRecord, System};
use crate::time::Timestamp;

/// The provider whose records are Sysmon's, whatever their channel and file.
pub const PROVIDER: &str = "Microsoft-Windows-Sysmon";

/// More data than any event of the table has (event 1: 23).
pub(super) const SLOTS: usize = 32;
/// A slot without a usable value.
const EMPTY: u16 = u16::MAX;
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

    /// All data of the record, known to the table or not, as name and text. Those of an ECS document are back under Sysmon's names.
    pub fn data(&self) -> &[(String, String)] {
        &self.raw.data
    }

    /// Where in its source the record stands.
    pub fn position(&self) -> Position {
        self.raw.position
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

    fn text(&self, slot: usize) -> Option<&str> {
        let place = usize::from(*self.slots.get(slot)?);
        self.raw.data.get(place).map(|(_, text)| text.as_str())
    }
}

impl Facts for Event {
    fn plan(&self) -> &'static Plan {
        self.plan
    }

    fn options(&self) -> &Options {
        &self.options
    }

    fn computer(&self) -> &str {
        &self.raw.system.computer
    }

    fn channel(&self) -> &str {
        &self.raw.system.channel
    }

    fn event_id(&self) -> u32 {
        self.raw.system.event_id
    }

    fn time_created(&self) -> Option<Timestamp> {
        self.raw.system.time_created
    }

    fn record_id(&self) -> Option<u64> {
        self.raw.system.record_id
    }

    fn system(&self) -> &System {
        &self.raw.system
    }

    fn message(&self) -> Option<&str> {
        self.raw.message.as_deref()
    }

    fn text(&self, slot: usize) -> Option<&str> {
        Self::text(self, slot)
    }

    fn has_others(&self) -> bool {
        self.others().next().is_some()
    }

    fn other(&self, name: &str) -> Option<&str> {
        self.others().find(|(other, _)| other.as_ref() == name).map(|(_, text)| text)
    }
}

impl Record for Event {
    fn field(&self, field: FieldId) -> Value<'_> {
        facts::field(self, field)
    }
}

pub(super) fn is_placeholder(text: &str) -> bool {
    matches!(text, "" | "-" | ZERO_GUID)
}

/// `{lower-case}`, as Windows renders GUIDs since 2019; a text that is no GUID stays.
pub(super) fn normalise_guid(text: &mut String) {
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
