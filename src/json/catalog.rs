//! The fields of the data and what kinds of value they hold. It converts no value.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::Options;
use crate::eql::{FieldId, Type};

/// The fields, numbered in the order they were met.
#[derive(Debug, Clone, Default)]
pub(super) struct Catalog {
    fields: Vec<Field>,
    /// Only for look-ups, never iterated.
    numbers: HashMap<String, u32>,
}

/// A field and the kinds of its values.
#[derive(Debug, Clone, Default)]
pub(super) struct Field {
    pub(super) name: String,
    /// The type that options, not values, give it.
    declared: Option<Type>,
    text: bool,
    integer: bool,
    fraction: bool,
    boolean: bool,
}

impl Catalog {
    /// A catalog of the fields that `options` name with a type.
    pub(super) fn new(options: &Options) -> Self {
        let mut catalog = Self::default();
        for (name, kind) in &options.as_mapped {
            let id = catalog.number(name);
            catalog.declare(id, *kind);
        }
        catalog
    }

    /// The number of the field called `name`; a new one when it has none.
    pub(super) fn number(&mut self, name: &str) -> FieldId {
        if let Some(number) = self.numbers.get(name) {
            return FieldId(*number);
        }
        let number = u32::try_from(self.fields.len()).unwrap_or(u32::MAX);
        self.fields.push(Field { name: name.to_owned(), ..Field::default() });
        self.numbers.insert(name.to_owned(), number);
        FieldId(number)
    }

    /// The number of the field called `name`, when it has one.
    pub(super) fn find(&self, name: &str) -> Option<FieldId> {
        self.numbers.get(name).copied().map(FieldId)
    }

    pub(super) fn field(&self, id: FieldId) -> Option<&Field> {
        self.fields.get(id.0 as usize)
    }

    /// All fields, in the order of their numbers.
    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Notes that `id` holds `value`.
    pub(super) fn note(&mut self, id: FieldId, value: &Json) {
        let Some(field) = self.fields.get_mut(id.0 as usize) else { return };
        match value {
            Json::String(_) => field.text = true,
            Json::Bool(_) => field.boolean = true,
            Json::Number(number) if number.is_i64() => field.integer = true,
            Json::Number(_) => field.fraction = true,
            Json::Null | Json::Array(_) | Json::Object(_) => {}
        }
    }

    /// Gives types to the fields whose names say them, unless they have one.
    pub(super) fn declare_by_name(&mut self, options: &Options) {
        for field in &mut self.fields {
            let kind = if field.name == options.timestamp_field {
                Type::Date
            } else if field.name == "ip"
                || field.name.ends_with(".ip")
                || options.ip_fields.contains(&field.name)
            {
                Type::Ip
            } else {
                continue;
            };
            field.declared.get_or_insert(kind);
        }
    }

    fn declare(&mut self, id: FieldId, kind: Type) {
        if let Some(field) = self.fields.get_mut(id.0 as usize) {
            field.declared = Some(kind);
        }
    }
}

impl Field {
    /// The field's type by declaration or by its values; `None` when every value is null.
    pub(super) fn kind(&self) -> Option<Type> {
        if self.declared.is_some() {
            return self.declared;
        }
        let number = self.integer || self.fraction;
        match (self.text, self.boolean, number) {
            (false, false, false) => None,
            (false, true, false) => Some(Type::Boolean),
            (false, false, true) if self.fraction => Some(Type::Double),
            (false, false, true) => Some(Type::Long),
            _ => Some(Type::Keyword),
        }
    }
}
