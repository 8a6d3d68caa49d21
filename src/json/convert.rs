//! A JSON value → a value of a field's type, with the leniency of Elasticsearch's mappers. It chooses no type.

use std::net::IpAddr;

use serde_json::{Number, Value as Json};

use crate::eql::{Scalar, Type};
use crate::time::Timestamp;

/// `value`, a string, number or boolean, as the type `kind`; `None` when it is none of that type.
pub fn convert(value: &Json, kind: Type) -> Option<Scalar<'static>> {
    match (kind, value) {
        (Type::Keyword | Type::Text, Json::String(text)) => Some(Scalar::Str(text.clone().into())),
        (Type::Keyword | Type::Text, other) => Some(Scalar::Str(other.to_string().into())),
        (Type::Long, Json::Number(number)) => integer(number).map(Scalar::Int),
        (Type::Long, Json::String(text)) => text.trim().parse().ok().map(Scalar::Int),
        (Type::Double, Json::Number(number)) => number.as_f64().map(Scalar::Float),
        (Type::Double, Json::String(text)) => finite(text).map(Scalar::Float),
        (Type::Boolean, Json::Bool(value)) => Some(Scalar::Bool(*value)),
        (Type::Boolean, Json::String(text)) => boolean(text).map(Scalar::Bool),
        (Type::Ip, Json::String(text)) => {
            text.parse::<IpAddr>().ok().map(|address| Scalar::Ip(address.to_canonical()))
        }
        (Type::Date, Json::Number(number)) => integer(number).and_then(millis).map(Scalar::Date),
        (Type::Date, Json::String(text)) => date(text).map(Scalar::Date),
        _ => None,
    }
}

/// A fraction is cut off, as `coerce` does.
fn integer(number: &Number) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let whole = || number.as_f64().map(f64::trunc).filter(|value| (-LIMIT..LIMIT).contains(value));
    number.as_i64().or_else(|| whole().map(|value| value as i64))
}

fn finite(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|value: &f64| value.is_finite())
}

/// An empty string is false to Elasticsearch.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" | "" => Some(false),
        _ => None,
    }
}

/// ISO 8601, or milliseconds since 1970; cut to milliseconds.
fn date(text: &str) -> Option<Timestamp> {
    if let Ok(number) = text.trim().parse() {
        return millis(number);
    }
    Timestamp::parse(text).map(Timestamp::truncated_to_millis)
}

/// A number too large for milliseconds (nanoseconds, or a FILETIME) is no time: cut to the last there is, all such times would be one.
fn millis(millis: i64) -> Option<Timestamp> {
    Some(Timestamp::from_unix_millis(millis)).filter(|time| time.unix_millis() == millis)
}
