//! A record whose values are found and not decoded: single ones can be had of it. It keeps nothing.

use crate::input::record::System;

use super::instance::{Instance, Instances, Text};
use super::plan::{Shape, Step, Target};
use super::{take, value};

/// A record that is not decoded. Only such records come as this whose data all stand under one template, without a rendered message.
#[derive(Debug, Clone, Copy)]
pub struct Undecoded<'a> {
    instances: &'a Instances,
    chunk: &'a [u8],
    data: &'a Instance,
    steps: &'a [u16],
}

/// How the record holds a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// As the 16 bytes of a GUID.
    Guid,
    /// As an unsigned number of so many bytes.
    Number(usize),
    /// As a number that is rendered as `0x…`.
    Hex,
    /// As a boolean, 0 or 1.
    Boolean,
    /// As text, or in a way that only its text tells of.
    Text,
}

impl<'a> Undecoded<'a> {
    /// The record that `instances` were read from `chunk`.
    pub(super) fn new(instances: &'a Instances, chunk: &'a [u8]) -> Option<Self> {
        let data = instances.of_data(chunk)?;
        let Shape::Own(steps) = &data.plan.shape else { return None };
        Some(Self { instances, chunk, data, steps })
    }

    /// The number of its template: records with the same one, read by the same reader, have the same [`Undecoded::names`].
    pub fn layout(&self) -> u32 {
        self.data.plan.id
    }

    /// The names of its data, in order; empty ones are unnamed.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        let steps = &self.data.plan.steps;
        self.steps.iter().map(|&step| match steps.get(usize::from(step)).map(|step| &step.target) {
            Some(Target::Data(name)) => name.as_str(),
            _ => "",
        })
    }

    /// How the value at `place` of its data is held; `None` when the record leaves it out.
    pub fn held(&self, place: usize) -> Option<Held> {
        Some(match self.value(place)? {
            Text::Literal(_) => Held::Text,
            Text::Value(kind, bytes) => match kind {
                value::GUID => Held::Guid,
                value::HEX_INT32 | value::HEX_INT64 | value::SIZE_T => Held::Hex,
                value::BOOL if matches!(bytes, [0 | 1, 0, 0, 0]) => Held::Boolean,
                _ if value::number(kind, bytes).is_some() => Held::Number(bytes.len()),
                _ => Held::Text,
            },
        })
    }

    /// The bytes of the GUID at `place` of its data, when it is held as such.
    pub fn guid(&self, place: usize) -> Option<[u8; 16]> {
        match self.value(place)? {
            Text::Value(value::GUID, bytes) => bytes.try_into().ok(),
            Text::Value(..) | Text::Literal(_) => None,
        }
    }

    /// Appends the value at `place` of its data to `out`, as a decoded record would have it.
    pub fn write(&self, place: usize, out: &mut String) {
        if let Some(text) = self.value(place) {
            text.write(out);
        }
    }

    /// The whole `System` element.
    pub fn system(&self) -> System {
        let mut system = System::default();
        let mut scratch = String::new();
        self.instances.each(self.chunk, &mut |target, text| {
            if let Target::System(field) = target {
                take(&mut system, *field, text, &mut scratch);
            }
        });
        system
    }

    fn value(&self, place: usize) -> Option<Text<'a>> {
        let step: &'a Step = self.data.plan.steps.get(usize::from(*self.steps.get(place)?))?;
        self.instances.text(self.chunk, self.data, step)
    }
}
