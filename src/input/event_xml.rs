//! The XML of one `<Event>` → a raw record. It finds no events in a stream and resolves no entity but XML's own five.

use quick_xml::Reader;
use quick_xml::escape::{resolve_xml_entity, unescape};
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::layout::Place;
use super::record::RawRecord;

/// Deepest element nesting that is read; the `evtx` crate renders up to 512.
const MAX_DEPTH: usize = 600;

/// Reads `xml`, one `<Event>` element with anything around it ignored.
///
/// # Errors
/// What is wrong, when `xml` is not well-formed or holds no `Event` with a `System` element.
pub(super) fn parse(xml: &str) -> Result<RawRecord, String> {
    let mut reader = Reader::from_str(xml);
    let mut builder = Builder::default();
    loop {
        match reader.read_event().map_err(|error| format!("malformed XML: {error}"))? {
            Event::Start(start) => builder.open(&start)?,
            Event::Empty(start) => {
                builder.open(&start)?;
                builder.close();
            }
            Event::End(_) => builder.close(),
            Event::Text(text) => builder.text(&text),
            Event::CData(text) => builder.text(&text),
            Event::GeneralRef(reference) => builder.reference(&reference),
            Event::Eof => return builder.finish(),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

#[derive(Debug, Default)]
struct Builder {
    record: RawRecord,
    open: Vec<Open>,
    has_system: bool,
}

/// An element that is open.
#[derive(Debug)]
struct Open {
    place: Place,
    /// The text directly in it, where its place wants text.
    text: String,
    /// `Data`'s name, or the element's own in `UserData`.
    name: String,
    holds_elements: bool,
}

impl Builder {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        if self.open.len() >= MAX_DEPTH {
            return Err("its elements are nested too deeply".to_owned());
        }
        let name = start.local_name();
        let parent = self.open.last_mut();
        let place = parent.as_ref().map_or(Place::Top, |open| open.place).child(name.as_ref());
        if let Some(parent) = parent {
            parent.holds_elements = true;
        }
        self.has_system |= place == Place::System;
        let mut open = Open { place, text: String::new(), name: String::new(), holds_elements: false };
        if place == Place::UserElement {
            name.as_ref().clone_into(&mut open.name);
        }
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| format!("malformed attribute: {error}"))?;
            let value =
                unescape(&attribute.value).map_err(|error| format!("malformed attribute: {error}"))?;
            match place.attribute(attribute.key.0) {
                Some(field) => self.record.system.set(field, &value),
                None if place == Place::Data && attribute.key.0 == "Name" => open.name = value.into_owned(),
                None => {}
            }
        }
        self.open.push(open);
        Ok(())
    }

    fn text(&mut self, text: &str) {
        let Some(open) = self.open.last_mut() else { return };
        if matches!(open.place, Place::SystemText(_) | Place::Data | Place::UserElement | Place::Message) {
            open.text.push_str(text);
        }
    }

    /// An entity that is not one of XML's own stays as it is written.
    fn reference(&mut self, reference: &BytesRef<'_>) {
        match reference.resolve_char_ref() {
            Ok(Some(character)) => self.text(character.encode_utf8(&mut [0; 4])),
            Err(_) => self.text("\u{FFFD}"),
            Ok(None) => match resolve_xml_entity(reference) {
                Some(text) => self.text(text),
                None => self.text(&format!("&{};", &**reference)),
            },
        }
    }

    fn close(&mut self) {
        let Some(open) = self.open.pop() else { return };
        match open.place {
            Place::SystemText(field) => self.record.system.set(field, &open.text),
            Place::Data => self.record.push_data(open.name, open.text),
            Place::UserElement if !open.holds_elements => self.record.push_data(open.name, open.text),
            Place::Message => self.record.message = Some(open.text),
            _ => {}
        }
    }

    fn finish(self) -> Result<RawRecord, String> {
        if !self.open.is_empty() {
            return Err("it ends inside an element".to_owned());
        }
        if !self.has_system {
            return Err("it has no System element".to_owned());
        }
        Ok(self.record)
    }
}
