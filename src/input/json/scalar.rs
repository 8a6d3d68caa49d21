//! JSON values as the texts and times that a record holds. It knows no name.

use serde_json::{Number, Value as Json};

use crate::input::layout::Field;
use crate::input::record::System;
use crate::time::Timestamp;

/// `value` as an event log renders it: nothing for null; JSON's own text for what is no scalar.
pub(super) fn text(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The time that `value` tells: text with or without a zone (none is UTC), or a number of seconds, milli-, micro- or nanoseconds since 1970, told apart
/// by its size.
pub(super) fn time(value: &Json) -> Option<Timestamp> {
    match value {
        Json::String(text) => Timestamp::parse(text).or_else(|| since_1970(text.trim().parse().ok()?)),
        Json::Number(number) => since_1970(number.clone()),
        _ => None,
    }
}

/// Rounded to microseconds: a double of seconds holds no more, and must not fall into the millisecond before its own.
fn since_1970(number: Number) -> Option<Timestamp> {
    let number = number.as_f64()?;
    let micros = match number.abs() {
        size if size < 1e11 => number * 1e6,
        size if size < 1e14 => number * 1e3,
        size if size < 1e17 => number,
        _ => number / 1e3,
    };
    /// 1601-01-01 and 1970-01-01, 369 years with 89 leap days apart.
    const EPOCHS_APART: f64 = 11_644_473_600e6;
    let since_1601 = micros.round() + EPOCHS_APART;
    // Saturates at both ends.
    (since_1601 >= 0.0).then(|| Timestamp::from_filetime((since_1601 as u64).saturating_mul(10)))
}

/// Takes `value` for `field`; what is no value of its type changes nothing.
pub(super) fn set(system: &mut System, field: Field, value: &Json) {
    match field {
        Field::TimeCreated => system.time_created = time(value).or(system.time_created),
        _ => system.set(field, &text(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_time_is_read() {
        let expected = Timestamp::parse("2019-10-02T07:06:40.125Z");
        for value in [
            r#""2019-10-02T07:06:40.125Z""#,
            r#""2019-10-02 07:06:40.125""#,
            r#""2019-10-02T09:06:40.125+02:00""#,
            "1570000000.125",
            "1570000000125",
            "1570000000125000",
            "1570000000125000000",
            r#""1570000000.125""#,
        ] {
            assert_eq!(time(&serde_json::from_str(value).expect("JSON")), expected, "{value}");
        }
        for value in ["null", "true", "[]", "-1e300", r#""""#, r#""yesterday""#] {
            assert_eq!(time(&serde_json::from_str(value).expect("JSON")), None, "{value}");
        }
        assert!(time(&serde_json::from_str("1e300").expect("JSON")).is_some());
    }
}
