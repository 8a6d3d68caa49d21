//! The schema of the data, backed by another for the fields that no document has. It reads no document.

use super::catalog::Catalog;
use crate::eql::suggest::nearest;
use crate::eql::{FieldId, Schema, Type};

/// A field counts as mapped when a document has it, when an option says so, or when the fallback knows it; the data's type goes before the fallback's.
pub struct DocumentSchema<'a> {
    catalog: &'a Catalog,
    category_field: &'a str,
    fallback: &'a dyn Schema,
}

impl<'a> DocumentSchema<'a> {
    pub(super) fn new(catalog: &'a Catalog, category_field: &'a str, fallback: &'a dyn Schema) -> Self {
        Self { catalog, category_field, fallback }
    }

    /// The number of a field that only the fallback knows: past those of the data, so that every document answers "missing".
    fn beyond(&self, fallback: FieldId) -> FieldId {
        let fields = u32::try_from(self.catalog.fields().len()).unwrap_or(u32::MAX);
        FieldId(fields.saturating_add(fallback.0))
    }
}

impl Schema for DocumentSchema<'_> {
    fn resolve(&self, path: &str) -> Option<(FieldId, Type)> {
        let fallback = self.fallback.resolve(path);
        match self.catalog.find(path) {
            Some(id) => {
                let by_values = self.catalog.field(id).and_then(|field| field.kind());
                let kind = by_values.or_else(|| fallback.map(|(_, kind)| kind));
                Some((id, kind.unwrap_or(Type::Keyword)))
            }
            None => fallback.map(|(id, kind)| (self.beyond(id), kind)),
        }
    }

    fn nearest(&self, path: &str) -> Option<String> {
        let own = nearest(path, self.catalog.fields().iter().map(|field| field.name.as_str()));
        own.map(str::to_owned).or_else(|| self.fallback.nearest(path))
    }

    fn category_field(&self) -> FieldId {
        self.resolve(self.category_field).map_or(FieldId(u32::MAX), |(id, _)| id)
    }
}
