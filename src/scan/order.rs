//! The one total order of events, and the identity by which copies of a record are known. It orders; it matches nothing.

use sha2::{Digest, Sha256};

use crate::finding::Clock;
use crate::input::Position;
use crate::sysmon::Event;
use crate::time::Timestamp;

/// Where an event stands in the one total order: clock, record, host, live before recovered, then where it was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// The time by the clock that was asked for.
    pub time: Timestamp,
    record_id: u64,
    host: String,
    recovered: bool,
    place: Place,
}

impl Order {
    /// The order of `event`, read at `place`, by `clock`.
    pub fn of(event: &Event, place: Place, clock: Clock) -> Self {
        let time = match clock {
            Clock::Created => event.created(),
            Clock::Utc => event.timestamp().truncated_to_millis(),
        };
        Self {
            time,
            record_id: event.record_id(),
            host: event.computer().to_owned(),
            recovered: event.is_recovered(),
            place,
        }
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
            record_id: event.record_id(),
            created: event.created().truncated_to_millis(),
            data: data_hash_in_place_of_an_id(event),
        }
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
