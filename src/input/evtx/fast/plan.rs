//! A template, or a record that uses none → a plan: where each fact of the event comes from. It reads no values.
//!
//! Only the usual shapes have a plan. Whatever the crate would render in a way that takes thought (mixed text, entities, a value used twice, …) has
//! none, and is left to the slow reader.

use std::ops::Range;

use crate::input::bytes::{offset_at, slice_at, u8_at, u16_at};
use crate::input::layout::{Field, Place};

use super::value::{self, write_utf16};

/// Most elements, attributes and values that a plan is made for; real templates have at most about 150.
const MAX_NODES: usize = 400;
/// Most bytes of literal text in a template that a plan is made for; real ones hold a few hundred.
const MAX_LITERALS: usize = 16 << 10;
/// Most characters of a name.
const MAX_NAME: usize = 256;
/// Bytes of a name's entry before its length: the offset of the next entry and the name's hash.
const NAME_LINK_SIZE: usize = 6;
/// Where in a name's entry its hash stands.
const NAME_HASH_AT: usize = 4;

/// Where the facts of an event come from.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// What to do, in the order in which the XML would be read.
    pub(super) steps: Vec<Step>,
    /// Where each substitution goes, by its number.
    pub(super) sites: Vec<Site>,
    /// The step for each fact of [`Plan::essential`].
    essentials: [Option<u16>; 6],
    /// Whether the steps give everything of the record: else only the `System` facts and the count are theirs.
    pub(super) complete: bool,
    /// The names that the template refers to, in order.
    pub(super) names: Vec<NameRef>,
    /// Its number among the plans of one reader; 0 for one that serves once.
    pub(super) id: u32,
    /// Where the data of the event come from.
    pub(super) shape: Shape,
}

/// Where a plan has the data of the event, as far as single ones can be had from it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// From these of its steps, in order.
    Own(Vec<u16>),
    /// From what is nested at this step.
    Nested(u16),
    /// From several places, or beside a rendered message.
    #[default]
    Mixed,
}

impl Shape {
    fn of(steps: &[Step]) -> Option<Self> {
        let mut data = Vec::new();
        let mut nested = None;
        for (number, step) in steps.iter().enumerate() {
            let number = u16::try_from(number).ok()?;
            match step.target {
                Target::System(_) => {}
                Target::Data(_) if nested.is_none() => data.push(number),
                Target::Nested if nested.is_none() && data.is_empty() => nested = Some(number),
                Target::Data(_) | Target::Nested | Target::Message => return Some(Self::Mixed),
            }
        }
        Some(nested.map_or(Self::Own(data), Self::Nested))
    }
}

/// One step of a plan.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) target: Target,
    pub(super) origin: Origin,
    /// The substitutions that must not be NULL, or else the element is left out.
    pub(super) depends: Vec<u16>,
}

/// Where a text goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    System(Field),
    /// A `Data` element's name.
    Data(String),
    Message,
    /// The substitution is an event's part of its own.
    Nested,
}

/// Where a text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Literal(String),
    Substitution(u16),
}

/// Where a template puts a substitution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Site {
    /// Nowhere.
    Unused,
    /// Into an attribute, or a text that is a single fact.
    Text,
    /// Into a `Data` element.
    Data,
    /// Among the contents of an element at this place.
    In(Place),
}

/// A reference to a name from a template's body.
#[derive(Debug)]
pub(super) struct NameRef {
    /// Where in the body the reference stands.
    pub(super) at: usize,
    /// Whether the name itself follows it.
    pub(super) inline: bool,
    /// The name's length and UTF-16 characters as stored.
    pub(super) entry: Vec<u8>,
}

impl Plan {
    /// The plan of the template whose body is at `body` of `chunk` and whose element will stand in `top`.
    pub(super) fn of_template(chunk: &[u8], body: Range<usize>, top: Place) -> Option<Self> {
        Compiler::new(chunk, body, top, true).run()
    }

    /// The plan of BinXML that uses no template.
    pub(super) fn of_stream(chunk: &[u8], stream: Range<usize>, top: Place) -> Option<Self> {
        Compiler::new(chunk, stream, top, false).run()
    }

    /// The step that gives `field`, one of those that every record is counted by.
    pub(super) fn essential(&self, field: Field) -> Option<&Step> {
        let step = self.essentials.get(essential_index(field)?).copied().flatten()?;
        self.steps.get(usize::from(step))
    }
}

fn essential_index(field: Field) -> Option<usize> {
    match field {
        Field::Provider => Some(0),
        Field::EventId => Some(1),
        Field::TimeCreated => Some(2),
        Field::RecordId => Some(3),
        Field::Channel => Some(4),
        Field::Computer => Some(5),
        _ => None,
    }
}

/// Reads tokens (MS-EVEN6 2.2.12) and makes steps of them. Any `None` means that there is no plan.
struct Compiler<'a> {
    chunk: &'a [u8],
    start: usize,
    at: usize,
    end: usize,
    top: Place,
    /// A template has dependency ids and substitutions; a record's own BinXML has neither.
    is_template: bool,
    open: Vec<Open>,
    plan: Plan,
    rooted: bool,
    has_system: bool,
    set: u32,
    nodes: usize,
    literals: usize,
}

/// An element that is open.
struct Open {
    place: Place,
    depends: Vec<u16>,
    /// `Data`'s name.
    name: String,
    content: Content,
}

#[derive(PartialEq, Eq)]
enum Content {
    Nothing,
    Text(Origin),
    /// Elements and substitutions, whose order the steps keep.
    Parts,
}

impl<'a> Compiler<'a> {
    fn new(chunk: &'a [u8], range: Range<usize>, top: Place, is_template: bool) -> Self {
        Self {
            chunk,
            start: range.start,
            at: range.start,
            end: range.end,
            top,
            is_template,
            open: Vec::new(),
            plan: Plan { complete: true, ..Plan::default() },
            rooted: false,
            has_system: false,
            set: 0,
            nodes: 0,
            literals: 0,
        }
    }

    fn run(mut self) -> Option<Plan> {
        while self.at < self.end {
            match self.byte()? {
                0x00 => break,
                0x0f => self.at = self.at.checked_add(3)?,
                token @ (0x01 | 0x41) => self.open_element(token == 0x41)?,
                0x04 => self.close_element()?,
                0x05 | 0x45 => {
                    let text = self.literal()?;
                    self.content(Origin::Literal(text))?;
                }
                0x0d | 0x0e => {
                    let substitution = self.substitution()?;
                    self.content(Origin::Substitution(substitution))?;
                }
                _ => return None,
            }
        }
        let whole = self.open.is_empty() && self.rooted && self.at <= self.end;
        self.plan.shape = Shape::of(&self.plan.steps)?;
        (whole && (self.top != Place::Top || self.has_system)).then_some(self.plan)
    }

    fn open_element(&mut self, has_attributes: bool) -> Option<()> {
        let dependency = if self.is_template { self.word()? } else { u16::MAX };
        self.at = self.at.checked_add(4)?;
        let name = self.name()?;
        if has_attributes {
            self.at = self.at.checked_add(4)?;
        }
        let place = self.place_of(&name)?;
        let mut depends = self.open.last().map(|parent| parent.depends.clone()).unwrap_or_default();
        // The root is rendered whatever it depends on.
        if dependency != u16::MAX && !self.open.is_empty() {
            depends.push(dependency);
        }
        if place == Place::System {
            // Whether there is a System element must not depend on a value, and an event has one.
            if self.has_system || self.top != Place::Top || !depends.is_empty() {
                return None;
            }
            self.has_system = true;
        }
        self.plan.complete &= place != Place::UserElement;
        let mut open = Open { place, depends, name: String::new(), content: Content::Nothing };
        let is_empty = self.attributes(&mut open)?;
        self.open.push(open);
        if is_empty { self.close_element() } else { Some(()) }
    }

    fn place_of(&mut self, name: &str) -> Option<Place> {
        if name.contains(':') {
            return None;
        }
        let Some(parent) = self.open.last_mut() else {
            let first = !std::mem::replace(&mut self.rooted, true);
            let place = self.top.child(name);
            return (first && (self.top != Place::Top || place == Place::Event)).then_some(place);
        };
        if matches!(parent.place, Place::SystemText(_) | Place::Data | Place::Message) {
            return None;
        }
        match parent.content {
            Content::Text(_) => return None,
            Content::Nothing | Content::Parts => parent.content = Content::Parts,
        }
        Some(parent.place.child(name))
    }

    /// Reads attributes up to the end of the start tag, and says whether that also ends the element.
    fn attributes(&mut self, open: &mut Open) -> Option<bool> {
        loop {
            match self.byte()? {
                0x02 => return Some(false),
                0x03 => return Some(true),
                0x06 | 0x46 => {}
                _ => return None,
            }
            let name = self.name()?;
            let origin = match self.byte()? {
                0x05 | 0x45 => Origin::Literal(self.literal()?),
                0x0d | 0x0e => {
                    let substitution = self.substitution()?;
                    self.place_substitution(substitution, Site::Text)?;
                    Origin::Substitution(substitution)
                }
                _ => return None,
            };
            match (open.place.attribute(&name), origin) {
                (Some(field), origin) => self.step(Target::System(field), origin, open.depends.clone())?,
                (None, Origin::Literal(text)) if open.place == Place::Data && name == "Name" => {
                    open.name = text
                }
                (None, Origin::Substitution(_)) if open.place == Place::Data && name == "Name" => {
                    self.plan.complete = false
                }
                (None, _) => {}
            }
        }
    }

    fn content(&mut self, origin: Origin) -> Option<()> {
        let open = self.open.last_mut()?;
        let place = open.place;
        let one_text = matches!(place, Place::SystemText(_) | Place::Data | Place::Message);
        match (&origin, &open.content) {
            (_, Content::Nothing) if one_text => open.content = Content::Text(origin.clone()),
            (Origin::Literal(_), Content::Nothing) => open.content = Content::Text(origin.clone()),
            (Origin::Substitution(_), Content::Nothing | Content::Parts) if !one_text => {
                open.content = Content::Parts
            }
            _ => return None,
        }
        let Origin::Substitution(substitution) = origin else { return Some(()) };
        let depends = open.depends.clone();
        match place {
            Place::Data => self.place_substitution(substitution, Site::Data),
            _ if one_text => self.place_substitution(substitution, Site::Text),
            _ => {
                self.place_substitution(substitution, Site::In(place))?;
                self.step(Target::Nested, Origin::Substitution(substitution), depends)
            }
        }
    }

    fn close_element(&mut self) -> Option<()> {
        let open = self.open.pop()?;
        let origin = match open.content {
            Content::Text(origin) => origin,
            Content::Nothing | Content::Parts => Origin::Literal(String::new()),
        };
        match open.place {
            Place::SystemText(field) => self.step(Target::System(field), origin, open.depends),
            Place::Data => self.step(Target::Data(open.name), origin, open.depends),
            Place::Message => self.step(Target::Message, origin, open.depends),
            _ => Some(()),
        }
    }

    fn step(&mut self, target: Target, origin: Origin, depends: Vec<u16>) -> Option<()> {
        let number = u16::try_from(self.plan.steps.len()).ok()?;
        if let Target::System(field) = &target {
            // Two elements for one fact are not usual.
            let bit = 1_u32.checked_shl(*field as u32)?;
            if self.set & bit != 0 {
                return None;
            }
            self.set |= bit;
            let essential = essential_index(*field).and_then(|index| self.plan.essentials.get_mut(index));
            if let Some(essential) = essential {
                *essential = Some(number);
            }
        }
        self.plan.steps.push(Step { target, origin, depends });
        Some(())
    }

    fn place_substitution(&mut self, substitution: u16, site: Site) -> Option<()> {
        let index = usize::from(substitution);
        if index >= MAX_NODES {
            return None;
        }
        if self.plan.sites.len() <= index {
            self.plan.sites.resize(index.saturating_add(1), Site::Unused);
        }
        let slot = self.plan.sites.get_mut(index)?;
        if *slot != Site::Unused {
            return None;
        }
        *slot = site;
        Some(())
    }

    /// A literal value: always a string in real templates.
    fn literal(&mut self) -> Option<String> {
        self.count_node()?;
        if self.byte()? != value::STRING {
            return None;
        }
        let len = usize::from(self.word()?).checked_mul(2)?;
        let bytes = slice_at(self.chunk, self.at, len)?;
        self.at = self.at.checked_add(len)?;
        let mut text = String::new();
        write_utf16(bytes, &mut text);
        self.literals = self.literals.checked_add(text.len())?;
        (!self.is_template || self.literals <= MAX_LITERALS).then_some(text)
    }

    fn substitution(&mut self) -> Option<u16> {
        self.count_node()?;
        let substitution = self.word()?;
        (value::is_type(self.byte()?) && self.is_template).then_some(substitution)
    }

    /// An element's or attribute's name, by reference; the first reference in a chunk has it inline.
    fn name(&mut self) -> Option<String> {
        self.count_node()?;
        let reference = self.at;
        let entry_at = offset_at(self.chunk, reference)?;
        let after = reference.checked_add(4)?;
        let len_at = entry_at.checked_add(NAME_LINK_SIZE)?;
        let units = usize::from(u16_at(self.chunk, len_at)?);
        let entry = slice_at(self.chunk, len_at, units.checked_mul(2)?.checked_add(2)?)?;
        let entry_end = len_at.checked_add(entry.len())?.checked_add(2)?;
        if units > MAX_NAME || entry_end > self.chunk.len() {
            return None;
        }
        let inline = entry_at == after;
        self.at = if inline { entry_end } else { after };
        let units = entry.get(2..)?;
        // Something else may have taken the place of a stale record's names.
        if u16_at(self.chunk, entry_at.checked_add(NAME_HASH_AT)?)? != name_hash(units) {
            return None;
        }
        let name = plain_name(units)?;
        if self.is_template {
            let at = reference.checked_sub(self.start)?;
            self.plan.names.push(NameRef { at, inline, entry: entry.to_vec() });
        }
        Some(name)
    }

    fn count_node(&mut self) -> Option<()> {
        self.nodes = self.nodes.checked_add(1)?;
        (self.nodes <= MAX_NODES).then_some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = u8_at(self.chunk, self.at)?;
        self.at = self.at.checked_add(1)?;
        Some(byte)
    }

    fn word(&mut self) -> Option<u16> {
        let word = u16_at(self.chunk, self.at)?;
        self.at = self.at.checked_add(2)?;
        Some(word)
    }
}

/// The hash that a name's entry holds: times 65599 and plus the next, over UTF-16 units, the low 16 bits of it (libyal's description of EVTX).
fn name_hash(utf16: &[u8]) -> u16 {
    let units = utf16.as_chunks::<2>().0.iter().map(|&unit| u32::from(u16::from_le_bytes(unit)));
    let [low, high, ..] =
        units.fold(0_u32, |hash, unit| hash.wrapping_mul(65_599).wrapping_add(unit)).to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// A name of ASCII letters, digits and `_.-:` that begins with a letter or `_`: any other might not be well-formed XML.
fn plain_name(utf16: &[u8]) -> Option<String> {
    let (units, _) = utf16.as_chunks::<2>();
    let name: Option<String> =
        units.iter().map(|&unit| u8::try_from(u16::from_le_bytes(unit)).ok().map(char::from)).collect();
    let name = name?;
    let first = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let rest = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-:".contains(&byte));
    (first && rest).then_some(name)
}
