//! An ECS document as a record that programs compiled against Sysmon's schema can be asked of: what a finding carries, or a line of `findings.jsonl`. It
//! reads no file.

use serde_json::{Map, Value as Json};

use crate::eql::{FieldId, Record, Scalar, Type, Value};
use crate::json::convert;
use crate::sysmon::fields::field_of;

/// A document of nested objects.
#[derive(Debug, Clone, Copy)]
pub struct DocumentRecord<'a>(pub &'a Map<String, Json>);

impl Record for DocumentRecord<'_> {
    /// The values at the field's path, arrays and arrays of objects flattened; a value that is not of the field's type is none.
    fn field(&self, field: FieldId) -> Value<'_> {
        let mut values = Vec::new();
        if let Some(field) = field_of(field) {
            gather(self.0, &field.path, field.kind, &mut values);
        }
        Value::from_vec(values)
    }
}

fn gather(object: &Map<String, Json>, path: &str, kind: Type, into: &mut Vec<Scalar<'static>>) {
    let (name, rest) = match path.split_once('.') {
        Some((name, rest)) => (name, Some(rest)),
        None => (path, None),
    };
    let Some(value) = object.get(name) else { return };
    let values = match value {
        Json::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    for value in values {
        match (value, rest) {
            (Json::Object(inner), Some(rest)) => gather(inner, rest, kind, into),
            (Json::Object(_) | Json::Array(_) | Json::Null, _) | (_, Some(_)) => {}
            (leaf, None) => into.extend(convert(leaf, kind)),
        }
    }
}
