//! What stands between a chunk's records and the visitor when records are recovered: it marks them, drops those that cannot be true, and tells of none
//! twice. It reads no record.

use std::collections::HashSet;

use crate::finding::Damage;
use crate::input::record::RawRecord;
use crate::input::visit::{Seen, Visitor};
use crate::time::Timestamp;

use super::fast::Undecoded;

/// 2000-01-01 and 2100-01-01, in milliseconds since 1970: Windows has logged EVTX since 2006.
const PLAUSIBLE_MILLIS: std::ops::Range<i64> = 946_684_800_000..4_102_444_800_000;
/// Longest DNS name, in characters (RFC 1035, 2.3.4).
const MAX_COMPUTER: usize = 255;
/// Longest provider or channel name that is believed; real ones have at most about 100 characters.
const MAX_NAME: usize = 255;

/// How much the records that come are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// They are live: passed on as they are.
    Live,
    /// Their chunk was carved: recovered, its damages told.
    Carved,
    /// They stand where no record should: recovered, and what cannot be read there is no damage.
    Stale,
}

/// A visitor in front of another one.
pub(super) struct Sieve<'v> {
    visitor: &'v mut dyn Visitor,
    trust: Trust,
    told: HashSet<Identity>,
}

/// What makes two records of a chunk the same.
#[derive(PartialEq, Eq, Hash)]
struct Identity {
    record_id: Option<u64>,
    created: Option<Timestamp>,
    computer: String,
    channel: String,
}

impl<'v> Sieve<'v> {
    /// In front of `visitor`, for the records that a chunk's header tells of.
    pub(super) fn new(visitor: &'v mut dyn Visitor, carved: bool) -> Self {
        let trust = if carved { Trust::Carved } else { Trust::Live };
        Self { visitor, trust, told: HashSet::new() }
    }

    /// From here on come the records that no header tells of.
    pub(super) fn leave_live(&mut self) {
        self.trust = Trust::Stale;
    }
}

impl Visitor for Sieve<'_> {
    fn seen(&mut self, seen: &Seen<'_>) -> bool {
        let recovered = self.trust != Trust::Live;
        if recovered && !is_plausible(seen) {
            return false;
        }
        let is_new = self.told.insert(Identity {
            record_id: seen.record_id,
            created: seen.time_created,
            computer: seen.computer.to_owned(),
            channel: seen.channel.to_owned(),
        });
        (is_new || !recovered) && self.visitor.seen(&Seen { recovered, ..*seen })
    }

    fn glances(&self) -> bool {
        self.trust == Trust::Live && self.visitor.glances()
    }

    fn undecoded(&mut self, seen: &Seen<'_>, record: &Undecoded<'_>) -> bool {
        self.trust != Trust::Live || self.visitor.undecoded(seen, record)
    }

    fn record(&mut self, record: &mut RawRecord) {
        record.recovered = self.trust != Trust::Live;
        self.visitor.record(record);
        // What is left of it serves for the next record, which may be a live one.
        record.recovered = false;
    }

    fn damage(&mut self, damage: Damage) {
        if self.trust != Trust::Stale {
            self.visitor.damage(damage);
        }
    }
}

/// Whether what every record is counted by can be what a log service wrote.
fn is_plausible(seen: &Seen<'_>) -> bool {
    let time = seen.time_created.is_some_and(|time| PLAUSIBLE_MILLIS.contains(&time.unix_millis()));
    let name = |text: &str| {
        !text.is_empty()
            && text.chars().take(MAX_NAME.saturating_add(1)).count() <= MAX_NAME
            && is_printed(text)
    };
    let host = seen.computer.chars().all(|at| at.is_alphanumeric() || "-._".contains(at))
        && (1..=MAX_COMPUTER).contains(&seen.computer.chars().count());
    time && host && seen.record_id.is_some() && name(seen.provider) && name(seen.channel)
}

fn is_printed(text: &str) -> bool {
    !text.chars().any(|at| at.is_control() || at == char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::record::Position;

    #[test]
    fn only_what_a_log_service_writes_is_plausible() {
        let time = |text: &str| Timestamp::parse(text);
        let good = Seen {
            provider: "Microsoft-Windows-Sysmon",
            event_id: 1,
            time_created: time("2024-03-01T08:14:02Z"),
            record_id: Some(7),
            channel: "Microsoft-Windows-Sysmon/Operational",
            computer: "ws-1.example.org",
            position: Position::default(),
            recovered: false,
        };
        assert!(is_plausible(&good));
        assert!(is_plausible(&Seen { computer: "MÜLLER_PC", ..good }));
        let long = "a".repeat(256);
        for bad in [
            Seen { provider: "", ..good },
            Seen { provider: "a\u{1}", ..good },
            Seen { channel: "", ..good },
            Seen { channel: &long, ..good },
            Seen { computer: "", ..good },
            Seen { computer: "a b", ..good },
            Seen { computer: &long, ..good },
            Seen { record_id: None, ..good },
            Seen { time_created: None, ..good },
            Seen { time_created: time("1999-12-31T23:59:59.999Z"), ..good },
            Seen { time_created: time("2100-01-01T00:00:00Z"), ..good },
        ] {
            assert!(!is_plausible(&bad), "{bad:?}");
        }
    }
}
