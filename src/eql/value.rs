//! Reading one scalar as another type, the way Elasticsearch coerces what it indexes: a number under a keyword is its text, a text under a number is
//! parsed. It decides nothing about fields or conditions.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

use super::number::Number;
use super::record::{Scalar, Type};
use crate::time::Timestamp;

/// A value or null: what a script computes with.
pub type Datum<'v> = Option<Scalar<'v>>;

/// The scalar as text; borrowed when it is text already.
pub fn text_of<'v>(scalar: &'v Scalar<'_>) -> Cow<'v, str> {
    match scalar {
        Scalar::Str(text) => Cow::Borrowed(text),
        Scalar::Int(int) => Cow::Owned(int.to_string()),
        Scalar::Float(float) => Cow::Owned(Number::Float(*float).to_string()),
        Scalar::Bool(bool) => Cow::Borrowed(if *bool { "true" } else { "false" }),
        Scalar::Ip(ip) => Cow::Owned(ip.to_string()),
        Scalar::Date(time) => Cow::Owned(time.to_iso_millis()),
    }
}

/// The scalar as a number; a text is parsed.
pub fn number_of(scalar: &Scalar<'_>) -> Option<Number> {
    match scalar {
        Scalar::Int(int) => Some(Number::Int(*int)),
        Scalar::Float(float) => Some(Number::Float(*float)),
        Scalar::Str(text) => Number::parse(text.trim()),
        Scalar::Date(time) => Some(Number::Int(time.unix_millis())),
        Scalar::Bool(_) | Scalar::Ip(_) => None,
    }
}

/// The scalar as a boolean; the texts `true` and `false` are taken.
pub fn bool_of(scalar: &Scalar<'_>) -> Option<bool> {
    match scalar {
        Scalar::Bool(bool) => Some(*bool),
        Scalar::Str(text) => match text.as_ref() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// The scalar as an address, an IPv4-mapped one as IPv4; a text is parsed.
pub fn ip_of(scalar: &Scalar<'_>) -> Option<IpAddr> {
    match scalar {
        Scalar::Ip(ip) => Some(ip.to_canonical()),
        Scalar::Str(text) => text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical()),
        _ => None,
    }
}

/// The scalar as a time in whole milliseconds, all that a `date` field keeps; a text is ISO 8601 or milliseconds since 1970, a number is the latter.
pub fn date_of(scalar: &Scalar<'_>) -> Option<Timestamp> {
    let time = match scalar {
        Scalar::Date(time) => Some(*time),
        Scalar::Int(millis) => Some(Timestamp::from_unix_millis(*millis)),
        Scalar::Str(text) => {
            Timestamp::parse(text).or_else(|| text.parse().ok().map(Timestamp::from_unix_millis))
        }
        _ => None,
    };
    time.map(Timestamp::truncated_to_millis)
}

/// The scalar as a value of `kind`, borrowing from it; `None` when it cannot be one.
pub fn coerce<'v>(scalar: &'v Scalar<'_>, kind: Type) -> Datum<'v> {
    match kind {
        Type::Keyword | Type::Text => Some(Scalar::Str(text_of(scalar))),
        Type::Ip => ip_of(scalar).map(Scalar::Ip),
        Type::Long | Type::Double => number_of(scalar).map(scalar_of),
        Type::Boolean => bool_of(scalar).map(Scalar::Bool),
        Type::Date => date_of(scalar).map(Scalar::Date),
    }
}

/// A number as a scalar.
pub fn scalar_of<'v>(number: Number) -> Scalar<'v> {
    match number {
        Number::Int(int) => Scalar::Int(int),
        Number::Float(float) => Scalar::Float(float),
    }
}

/// An address as Elasticsearch orders it: 16 bytes, IPv4 mapped into IPv6.
pub fn ip_order(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}
