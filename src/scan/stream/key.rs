//! Sort keys: texts whose order byte by byte is the order in which a stream is reduced. It parses none; a key is made again and compared.
//!
//! Texts are written in lower-case hex and numbers at full width, so that the characters between them, `-` and `,`, are less than any in them.

use std::net::IpAddr;

use crate::input::Position;
use crate::sequence::{JoinKey, KeyValue};
use crate::time::Timestamp;

use super::line::RuleName;

/// What the keys of hits begin with: they come behind everything that is told of the evidence.
pub const HITS: &str = "1-";
/// Between the parts of a key.
const PART: char = '-';
/// Between the values of a part.
const VALUE: char = ',';
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Where one reading of an event stands in the one total order.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The time by the clock of the run.
    pub time: Timestamp,
    /// EventRecordID; 0 when the record has none.
    pub record_id: u64,
    /// System/Computer.
    pub host: &'a str,
    /// Whether it was recovered.
    pub recovered: bool,
    /// The source's name.
    pub source: &'a str,
    /// Where in the source it stands.
    pub position: Position,
}

impl Standing<'_> {
    /// The one total order as text.
    pub fn text(&self) -> String {
        let mut key = String::with_capacity(96 + 2 * (self.host.len() + self.source.len()));
        signed(self.time.ticks(), &mut key);
        key.push(PART);
        number(self.record_id, &mut key);
        key.push(PART);
        hex(self.host.as_bytes(), &mut key);
        key.push(PART);
        key.push(if self.recovered { '1' } else { '0' });
        key.push(PART);
        hex(self.source.as_bytes(), &mut key);
        key.push(PART);
        number(self.position.chunk, &mut key);
        key.push(PART);
        hex(&self.position.record.to_be_bytes(), &mut key);
        key
    }
}

/// What the keys of all hits of one rule under one join key begin with.
pub fn group(rule: &RuleName, key: &JoinKey) -> String {
    let mut text = HITS.to_owned();
    hex(rule.id.as_bytes(), &mut text);
    text.push(VALUE);
    text.push_str(&rule.sha256);
    text.push(PART);
    for (place, own) in key.0.iter().enumerate() {
        if place > 0 {
            text.push(VALUE);
        }
        value(own, &mut text);
    }
    text.push(PART);
    text
}

/// The key of what is told of the evidence: a class from 0 on, and texts.
pub fn told(class: u8, parts: &[&str]) -> String {
    let mut text = format!("0-{class}");
    for part in parts {
        text.push(PART);
        hex(part.as_bytes(), &mut text);
    }
    text
}

/// The order is that of [`KeyValue`].
fn value(value: &KeyValue, text: &mut String) {
    let mut tagged = |tag: char, write: &dyn Fn(&mut String)| {
        text.push(tag);
        write(text);
    };
    match value {
        KeyValue::Null => tagged('0', &|_| ()),
        KeyValue::Bool(bool) => tagged('1', &|text| text.push(if *bool { '1' } else { '0' })),
        KeyValue::Int(int) => tagged('2', &|text| signed(*int, text)),
        KeyValue::Float(ordered) => tagged('3', &|text| number(*ordered, text)),
        KeyValue::Text(own) => tagged('4', &|text| hex(own.as_bytes(), text)),
        KeyValue::Ip(IpAddr::V4(ip)) => tagged('5', &|text| {
            text.push('4');
            hex(&ip.octets(), text);
        }),
        KeyValue::Ip(IpAddr::V6(ip)) => tagged('5', &|text| {
            text.push('6');
            hex(&ip.octets(), text);
        }),
        KeyValue::Date(ticks) => tagged('6', &|text| signed(*ticks, text)),
    }
}

fn number(number: u64, text: &mut String) {
    hex(&number.to_be_bytes(), text);
}

/// Negative numbers come first.
fn signed(int: i64, text: &mut String) {
    number(int.cast_unsigned() ^ (1 << 63), text);
}

fn hex(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            text.push(DIGITS.get(usize::from(half)).copied().map_or('0', char::from));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn standing() -> impl Strategy<Value = (i64, u64, String, bool, String, u64, u32)> {
        (-2_i64..2, 0_u64..300, "[-,a0-]{0,3}", any::<bool>(), "[-,./a0é\"]{0,3}", 0_u64..300, 0_u32..300)
    }

    fn text(
        (time, record_id, host, recovered, source, chunk, record): &(
            i64,
            u64,
            String,
            bool,
            String,
            u64,
            u32,
        ),
    ) -> String {
        let position = Position { chunk: *chunk, record: *record };
        let time = Timestamp::from_ticks(*time);
        Standing { time, record_id: *record_id, host, recovered: *recovered, source, position }.text()
    }

    fn key_value() -> impl Strategy<Value = KeyValue> {
        prop_oneof![
            Just(KeyValue::Null),
            any::<bool>().prop_map(KeyValue::Bool),
            prop_oneof![-2_i64..2, any::<i64>()].prop_map(KeyValue::Int),
            any::<u64>().prop_map(KeyValue::Float),
            "[-,a0]{0,3}".prop_map(KeyValue::Text),
            any::<IpAddr>().prop_map(KeyValue::Ip),
            any::<i64>().prop_map(KeyValue::Date),
        ]
    }

    proptest! {
        #[test]
        fn bytes_stand_as_events_do(a in standing(), b in standing()) {
            prop_assert_eq!(text(&a).as_bytes().cmp(text(&b).as_bytes()), a.cmp(&b));
        }

        #[test]
        fn join_keys_of_one_rule_stand_as_their_values_do(
            a in prop::collection::vec(key_value(), 2), b in prop::collection::vec(key_value(), 2),
        ) {
            let rule = RuleName { id: "r".into(), sha256: "00".into() };
            let (a, b) = (JoinKey(a), JoinKey(b));
            prop_assert_eq!(group(&rule, &a).as_bytes().cmp(group(&rule, &b).as_bytes()), a.cmp(&b));
        }
    }

    #[test]
    fn what_is_told_of_the_evidence_comes_before_hits() {
        let rule = RuleName { id: String::new(), sha256: String::new() };
        assert!(told(9, &["z"]) < group(&rule, &JoinKey::default()));
    }
}
