//! Join keys: what must be equal in all events of a sequence. Values are compared exactly, with their types; nothing is folded.

use std::net::IpAddr;

use crate::eql::number::Number;
use crate::eql::{KeyField, Record, Scalar, Type, value};

/// How many keys one event takes part under, when its key fields hold several values. Elasticsearch expands without a bound of its own.
pub const MAX_KEYS_PER_EVENT: usize = 1_024;

/// The values of all key fields, in order. Without a `by` it is empty: one key for all events.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct JoinKey(pub Vec<KeyValue>);

/// One value of a join key. The order is that of Elasticsearch's samples: null first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyValue {
    /// No value, under an optional key.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number, also one written with a fraction of zero.
    Int(i64),
    /// Any other number, as the bits of an order-preserving mapping of the `f64`.
    Float(u64),
    /// A string.
    Text(String),
    /// An address.
    Ip(IpAddr),
    /// A time, in 100 ns ticks since 1601.
    Date(i64),
}

/// Every key under which `record` takes part: the product of the values of the key fields, each combination once, at most [`MAX_KEYS_PER_EVENT`]. Empty when
/// a mandatory key has no value.
pub fn join_keys(keys: &[KeyField], record: &dyn Record) -> Vec<JoinKey> {
    if let [key] = keys {
        // What most sequences have.
        let values = values_of(key, record).into_iter().take(MAX_KEYS_PER_EVENT);
        return values.map(|value| JoinKey(vec![value])).collect();
    }
    let mut result = vec![JoinKey::default()];
    for key in keys {
        let values = values_of(key, record);
        result = result
            .iter()
            .flat_map(|prefix| {
                values.iter().map(|value| JoinKey(prefix.0.iter().chain([value]).cloned().collect()))
            })
            .take(MAX_KEYS_PER_EVENT)
            .collect();
    }
    result
}

fn values_of(key: &KeyField, record: &dyn Record) -> Vec<KeyValue> {
    let mut values: Vec<KeyValue> = Vec::new();
    if let Some(field) = &key.field {
        let found = record.field(field.id);
        for scalar in found.as_slice() {
            if let Some(value) = value_of(scalar, field.kind)
                && !values.contains(&value)
            {
                values.push(value);
            }
        }
    }
    if values.is_empty() && key.optional {
        values.push(KeyValue::Null);
    }
    values
}

fn value_of(scalar: &Scalar<'_>, kind: Type) -> Option<KeyValue> {
    Some(match value::coerce(scalar, kind)? {
        Scalar::Str(text) => KeyValue::Text(text.into_owned()),
        Scalar::Int(int) => KeyValue::Int(int),
        Scalar::Float(float) => number(float),
        Scalar::Bool(bool) => KeyValue::Bool(bool),
        Scalar::Ip(ip) => KeyValue::Ip(ip),
        Scalar::Date(time) => KeyValue::Date(time.ticks()),
    })
}

fn number(float: f64) -> KeyValue {
    let whole = Number::Int(Number::Float(float).as_i64());
    if whole.compare(Number::Float(float)) == Some(std::cmp::Ordering::Equal) {
        return KeyValue::Int(whole.as_i64());
    }
    let bits = float.to_bits();
    let sign = 1 << 63;
    KeyValue::Float(if bits & sign == 0 { bits | sign } else { !bits })
}

impl KeyValue {
    /// The value as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(bool) => (*bool).into(),
            Self::Int(int) => (*int).into(),
            Self::Float(ordered) => float(*ordered).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Ip(ip) => ip.to_string().into(),
            Self::Date(ticks) => {
                let ticks = u64::try_from(*ticks).unwrap_or(0);
                crate::time::Timestamp::from_filetime(ticks).to_iso_millis().into()
            }
        }
    }
}

fn float(ordered: u64) -> f64 {
    let sign = 1 << 63;
    f64::from_bits(if ordered & sign == 0 { !ordered } else { ordered ^ sign })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_order_and_value() {
        let numbers = [-1.5, -0.25, 0.5, 2.5];
        let keys: Vec<KeyValue> = numbers.iter().map(|number_| number(*number_)).collect();
        assert!(keys.is_sorted());
        assert_eq!(
            keys.iter().map(KeyValue::to_json).collect::<Vec<_>>(),
            numbers.map(serde_json::Value::from)
        );
        assert_eq!(number(3.0), KeyValue::Int(3));
        assert!(KeyValue::Null < KeyValue::Text(String::new()));
    }
}
