//! A Sysmon record as EQL sees it before it is decoded: single data are decoded when they are asked for. Most records are never asked for more than a few.

use std::cell::{Cell, OnceCell, RefCell};

use super::check;
use super::event::{PROVIDER, SLOTS, is_placeholder, normalise_guid};
use super::facts::{self, Facts};
use super::guid::Guid;
use super::options::Options;
use super::plan::{Plan, plan};
use super::schema::{DataField, InType, Part};
use crate::eql::{FieldId, Record, Value};
use crate::input::{Held, Seen, System, Undecoded};
use crate::time::Timestamp;

/// More data than real templates have; records with more are decoded.
const PLACES: usize = 64;
/// Templates that layouts are kept for; records of any beyond are decoded.
const LAYOUTS: usize = 20_000;
/// A slot of the event's table without a place.
const NOWHERE: u8 = u8::MAX;

/// What one thread keeps from record to record.
#[derive(Debug, Default)]
pub struct LazyEvents {
    /// By the template's number.
    layouts: Vec<Option<Layout>>,
    texts: Texts,
}

/// Where the data of the records of one template stand.
#[derive(Debug)]
struct Layout {
    event_id: u32,
    /// Whether each name stands for one value.
    is_plain: bool,
    plan: &'static Plan,
    /// Per slot of the event's table.
    places: [u8; SLOTS],
    /// The data that the table does not know, by name.
    others: Vec<(String, usize)>,
    /// The places at which only texts of a certain kind are sound.
    checked: Vec<(usize, &'static DataField)>,
    /// The places at which GUIDs have one spelling, as bits.
    guids: u64,
}

/// A record that is not decoded.
#[derive(Debug)]
pub struct LazyEvent<'a> {
    seen: &'a Seen<'a>,
    record: &'a Undecoded<'a>,
    layout: &'a Layout,
    texts: &'a Texts,
    options: &'a Options,
}

impl LazyEvents {
    /// The event in `record`, of which `seen` was told; `None` when another provider logged it, or when its data can only be told apart once decoded.
    pub fn event<'a>(
        &'a mut self,
        seen: &'a Seen<'a>,
        record: &'a Undecoded<'a>,
        options: &'a Options,
    ) -> Option<LazyEvent<'a>> {
        let number = usize::try_from(record.layout()).ok().filter(|number| *number < LAYOUTS)?;
        if seen.provider != PROVIDER {
            return None;
        }
        if self.layouts.len() <= number {
            self.layouts.resize_with(number.saturating_add(1), || None);
        }
        let kept = self.layouts.get_mut(number)?;
        if kept.as_ref().is_none_or(|layout| layout.event_id != seen.event_id) {
            *kept = Some(Layout::new(seen.event_id, record));
        }
        self.texts.clear();
        let layout = kept.as_ref().filter(|layout| layout.is_plain)?;
        Some(LazyEvent { seen, record, layout, texts: &self.texts, options })
    }
}

impl Layout {
    /// The layout of `record`, an event `event_id`.
    fn new(event_id: u32, record: &Undecoded<'_>) -> Self {
        let plan = plan(event_id);
        let mut layout = Self {
            event_id,
            plan,
            is_plain: record.names().count() <= PLACES,
            places: [NOWHERE; SLOTS],
            others: Vec::new(),
            checked: Vec::new(),
            guids: 0,
        };
        let mut expected = 0_usize;
        for (place, name) in record.names().take(PLACES).enumerate() {
            let mut is_guid = name.ends_with("Guid") || name.ends_with("GUID");
            if let Some(slot) = plan.slot(name, expected) {
                expected = slot.saturating_add(1);
                let field = plan.spec.fields.get(slot);
                is_guid |= field.is_some_and(|field| field.in_type == InType::Guid);
                layout.checked.extend(field.filter(|field| is_checked(field)).map(|field| (place, field)));
                match layout.places.get_mut(slot) {
                    Some(entry @ &mut NOWHERE) => *entry = u8::try_from(place).unwrap_or(NOWHERE),
                    // Of two values under one name the first that is no placeholder counts.
                    _ => layout.is_plain = false,
                }
            } else if name.is_empty() {
                layout.others.push((format!("param{}", place.saturating_add(1)), place));
            } else {
                layout.others.push((name.to_owned(), place));
            }
            layout.guids |=
                u64::from(is_guid).checked_shl(u32::try_from(place).unwrap_or(u32::MAX)).unwrap_or(0);
        }
        layout
    }

    fn spells_guid(&self, place: usize) -> bool {
        u32::try_from(place)
            .ok()
            .and_then(|place| self.guids.checked_shr(place))
            .is_some_and(|bits| bits & 1 == 1)
    }
}

/// Whether not every text is sound in `field`.
fn is_checked(field: &DataField) -> bool {
    let holds = |wanted| field.supplies.iter().any(|(_, part)| *part == wanted);
    field.in_type != InType::UnicodeString || holds(Part::Address) || holds(Part::Timestamp)
}

impl LazyEvent<'_> {
    /// Whether all values are what their fields hold: what [`super::Event::problems`] would be empty for.
    pub fn is_sound(&self) -> bool {
        self.layout.checked.iter().all(|(place, field)| match (field.in_type, self.record.held(*place)) {
            (_, None)
            | (InType::Guid, Some(Held::Guid))
            | (InType::UInt32, Some(Held::Number(1..=4)))
            | (InType::UInt16, Some(Held::Number(1..=2)))
            | (InType::HexInt64 | InType::HexInt32, Some(Held::Hex))
            | (InType::Boolean, Some(Held::Boolean)) => true,
            _ => self.at(*place).is_none_or(|text| check::mismatch(field, text).is_none()),
        })
    }

    /// The text at `place` of the record's data, unless it is a placeholder.
    fn at(&self, place: usize) -> Option<&str> {
        let text = self.texts.get(place, |text| {
            self.record.write(place, text);
            if self.layout.spells_guid(place) && self.record.held(place) != Some(Held::Guid) {
                normalise_guid(text);
            }
        })?;
        (!is_placeholder(text)).then_some(text)
    }
}

impl Facts for LazyEvent<'_> {
    fn plan(&self) -> &'static Plan {
        self.layout.plan
    }

    fn options(&self) -> &Options {
        self.options
    }

    fn computer(&self) -> &str {
        self.seen.computer
    }

    fn channel(&self) -> &str {
        self.seen.channel
    }

    fn event_id(&self) -> u32 {
        self.seen.event_id
    }

    fn time_created(&self) -> Option<Timestamp> {
        self.seen.time_created
    }

    fn record_id(&self) -> Option<u64> {
        self.seen.record_id
    }

    fn system(&self) -> &System {
        self.texts.system.get_or_init(|| self.record.system())
    }

    fn message(&self) -> Option<&str> {
        None
    }

    fn text(&self, slot: usize) -> Option<&str> {
        let place = self.layout.places.get(slot).filter(|place| **place != NOWHERE)?;
        self.at(usize::from(*place))
    }

    fn guid(&self, slot: usize) -> Option<Guid<'_>> {
        let place = usize::from(*self.layout.places.get(slot).filter(|place| **place != NOWHERE)?);
        match self.record.guid(place) {
            Some(bytes) => Guid::of_bytes(bytes),
            None => self.at(place).map(Guid::of),
        }
    }

    fn has_others(&self) -> bool {
        self.layout.others.iter().any(|(_, place)| self.at(*place).is_some())
    }

    fn other(&self, name: &str) -> Option<&str> {
        let mut others = self.layout.others.iter().filter(|(other, _)| other == name);
        others.find_map(|(_, place)| self.at(*place))
    }
}

impl Record for LazyEvent<'_> {
    fn field(&self, field: FieldId) -> Value<'_> {
        facts::field(self, field)
    }
}

/// What of the present record is decoded.
#[derive(Debug)]
struct Texts {
    texts: [OnceCell<String>; PLACES],
    /// Which of them are there, as bits.
    used: Cell<u64>,
    /// Space of texts that are no longer needed.
    spare: RefCell<Vec<String>>,
    system: OnceCell<System>,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            texts: [const { OnceCell::new() }; PLACES],
            used: Cell::new(0),
            spare: RefCell::new(Vec::new()),
            system: OnceCell::new(),
        }
    }
}

impl Texts {
    /// The text at `place`, which `write` writes when it is not there yet.
    fn get(&self, place: usize, write: impl FnOnce(&mut String)) -> Option<&str> {
        let cell = self.texts.get(place)?;
        let made = cell.get_or_init(|| {
            let bit =
                u32::try_from(place).ok().and_then(|place| 1_u64.checked_shl(place)).unwrap_or_default();
            self.used.set(self.used.get() | bit);
            let mut text = self.spare.borrow_mut().pop().unwrap_or_default();
            text.clear();
            write(&mut text);
            text
        });
        Some(made)
    }

    /// Forgets the record.
    fn clear(&mut self) {
        let mut used = self.used.replace(0);
        while used != 0 {
            let place = usize::try_from(used.trailing_zeros()).unwrap_or(PLACES);
            self.spare.get_mut().extend(self.texts.get_mut(place).and_then(OnceCell::take));
            used &= used.wrapping_sub(1);
        }
        self.system.take();
    }
}
