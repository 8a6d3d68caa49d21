//! The one total order of events, and the identity by which copies of a record are known. It orders; it matches nothing.

use std::hash::Hash;

use sha2::{Digest, Sha256};

use crate::finding::Clock;
use crate::hash::{hex, unhex};
use crate::input::Position;
use crate::sysmon::{Event, Facts};
use crate::time::Timestamp;

/// Where an event stands in the one total order: clock, record, host, live before recovered, then where it was read: the source by its name, and the position.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// The time by the clock that was asked for.
    pub time: Timestamp,
    record_id: u64,
    host: String,
    recovered: bool,
    /// Where the source's name stands among those of all sources, once these are known.
    rank: usize,
    place: Place,
}

impl Order {
    /// The order of `event`, read at `place`, by `clock`.
    pub fn of(event: &Event, place: Place, clock: Clock) -> Self {
        Self {
            time: time_by(clock, event),
            record_id: event.record_id().unwrap_or_default(),
            host: event.computer().to_owned(),
            recovered: event.is_recovered(),
            rank: 0,
            place,
        }
    }

    /// Puts the event where the name of its source belongs; `ranks` are those of all sources, by ordinal.
    pub fn rank(&mut self, ranks: &[usize]) {
        self.rank = ranks.get(self.place.source as usize).copied().unwrap_or(usize::MAX);
    }

    /// Whether the event was recovered.
    pub fn is_recovered(&self) -> bool {
        self.recovered
    }

    /// Where the event was read.
    pub fn place(&self) -> Place {
        self.place
    }
}

/// The time of `event` by `clock`.
pub fn time_by(clock: Clock, event: &impl Facts) -> Timestamp {
    match clock {
        Clock::Created => event.created(),
        Clock::Utc => event.timestamp().truncated_to_millis(),
    }
}

/// Where in the evidence a record was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// The source's ordinal.
    pub source: u32,
    /// The record's position in it.
    pub position: Position,
}

/// What makes two records the same record: all of it from the `System` element, where that has a record id. Times count in milliseconds, which is all
/// that some exports keep.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    computer: String,
    channel: String,
    record_id: u64,
    created: Timestamp,
    /// Of a record without an id, which some exports leave out, the hash of its data.
    data: Option<[u8; 32]>,
}

impl Identity {
    /// The identity of `event`.
    pub fn of(event: &Event) -> Self {
        Self {
            computer: event.computer().to_owned(),
            channel: event.channel().to_owned(),
            record_id: event.record_id().unwrap_or_default(),
            created: event.created().truncated_to_millis(),
            data: data_hash_in_place_of_an_id(event),
        }
    }

    /// The identity of a record of which this is known; `data_sha256`, lower-case hex, is that of a record without an id. `None` when it is no hash.
    pub fn known(
        host: &str,
        channel: &str,
        record_id: Option<u64>,
        created: Timestamp,
        data_sha256: Option<&str>,
    ) -> Option<Self> {
        let data = match data_sha256 {
            Some(text) => Some(unhex(text)?.try_into().ok()?),
            None => None,
        };
        Some(Self {
            computer: host.to_owned(),
            channel: channel.to_owned(),
            record_id: record_id.unwrap_or_default(),
            created: created.truncated_to_millis(),
            data,
        })
    }

    /// Of a record without an id the hash of its data, lower-case hex.
    pub fn data_sha256(&self) -> Option<String> {
        self.data.as_ref().map(|hash| hex(hash))
    }

    /// What is hashed alike, of an `event` that has a record id, without a copy of anything.
    pub fn borrowed(event: &impl Facts) -> impl Hash {
        let data: Option<[u8; 32]> = None;
        let record_id = event.record_id().unwrap_or_default();
        (event.computer(), event.channel(), record_id, event.created().truncated_to_millis(), data)
    }

    /// Tells `each` the parts of it, always in the same order.
    pub fn parts(&self, each: &mut dyn FnMut(&[u8])) {
        each(self.computer.as_bytes());
        each(self.channel.as_bytes());
        each(&self.record_id.to_le_bytes());
        each(&self.created.ticks().to_le_bytes());
        each(self.data.as_ref().map_or(&[], |data| data.as_slice()));
    }
}

/// The hash of the data of `event`, by which it is known where it has no record id; `None` where it has one.
pub fn data_hash_in_place_of_an_id(event: &Event) -> Option<[u8; 32]> {
    event.system().record_id.is_none().then(|| data_hash(event))
}

fn data_hash(event: &Event) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(event.event_id().to_le_bytes());
    for text in event.data().iter().flat_map(|(name, text)| [name, text]) {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}
