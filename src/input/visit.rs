//! Who reads a piece of a source and who is told what is in it. It opens nothing.

use crate::finding::Damage;
use crate::time::Timestamp;

use super::evtx::{ChunkReader, Undecoded};
use super::export::Format;
use super::json;
use super::record::{Position, RawRecord};
use super::source::Piece;
use super::xml;

/// Which reader decodes EVTX records. Both give the same records and the same damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReaderKind {
    /// Takes values straight from the record through its template, and falls back to [`ReaderKind::Xml`] for anything unusual.
    #[default]
    Fast,
    /// Renders every record to XML (the `evtx` crate) and reads that (`quick-xml`).
    Xml,
}

/// What every readable record tells before it is decoded: enough to count it and to decide whether it is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen<'a> {
    /// System/Provider/@Name.
    pub provider: &'a str,
    /// System/EventID.
    pub event_id: u32,
    /// System/TimeCreated/@SystemTime.
    pub time_created: Option<Timestamp>,
    /// System/EventRecordID.
    pub record_id: Option<u64>,
    /// System/Channel.
    pub channel: &'a str,
    /// System/Computer.
    pub computer: &'a str,
    /// Where in its source it stands.
    pub position: Position,
    /// Whether it was recovered, as [`RawRecord::recovered`] says.
    pub recovered: bool,
}

/// Who is told what a piece of a source holds, in the order it holds it.
pub trait Visitor {
    /// Called before the records of chunk number `number` are read; says whether they are to be.
    fn chunk(&mut self, _number: u64) -> bool {
        true
    }
    /// Called once for every readable record of any provider; says whether the record is to be decoded and handed to [`Visitor::record`].
    fn seen(&mut self, seen: &Seen<'_>) -> bool;
    /// Called when [`Visitor::seen`] did not ask for the record: whether [`Visitor::undecoded`] is to be called for it all the same, where that is possible.
    fn glances(&self) -> bool {
        false
    }
    /// Called, where that is possible, for a record that [`Visitor::seen`] asked for before it is decoded; says whether it still is to be.
    fn undecoded(&mut self, _seen: &Seen<'_>, _record: &Undecoded<'_>) -> bool {
        true
    }
    /// A record that [`Visitor::seen`] asked for. What the visitor leaves of it serves for the next one: who keeps it takes it out.
    fn record(&mut self, record: &mut RawRecord);
    /// Something that could not be read, or not be trusted.
    fn damage(&mut self, damage: Damage);
}

/// Reads pieces of sources; keeps what it learnt of their templates. One for each thread.
#[derive(Debug, Default)]
pub struct PieceReader {
    chunks: ChunkReader,
}

impl PieceReader {
    /// A reader that decodes EVTX records with `kind`.
    pub fn new(kind: ReaderKind) -> Self {
        Self { chunks: ChunkReader::new(kind, false) }
    }

    /// A reader that also looks for records where no header tells of any: behind the live records of a chunk, between them, and where no chunk begins.
    /// It hands them over as recovered, after the live ones of the same chunk, unless one of those is the same record. What cannot be read there is no
    /// damage, and what is told of live records stays as it is.
    pub fn recovering(kind: ReaderKind) -> Self {
        Self { chunks: ChunkReader::new(kind, true) }
    }

    /// The same reader for what was read before: it verifies no checksum of records, which tells of damage and changes no record.
    pub fn without_checks(mut self) -> Self {
        self.chunks.trusts = true;
        self
    }

    /// Reads `piece` of the source that reports call `source`, and tells `visitor`.
    pub fn read(&mut self, source: &str, piece: Piece<'_>, visitor: &mut dyn Visitor) {
        match piece {
            Piece::Chunk(chunk) => self.chunks.read(source, chunk, visitor),
            Piece::Event(event) => match event.format {
                Format::Xml => xml::read_event(source, event, visitor),
                Format::Json => json::read_event(source, event, visitor),
            },
        }
    }
}

/// Tells `visitor` of a record that is decoded already.
pub(super) fn offer(record: &mut RawRecord, visitor: &mut dyn Visitor) {
    let system = &record.system;
    let seen = Seen {
        provider: &system.provider,
        event_id: system.event_id,
        time_created: system.time_created,
        record_id: system.record_id,
        channel: &system.channel,
        computer: &system.computer,
        position: record.position,
        recovered: record.recovered,
    };
    if visitor.seen(&seen) {
        visitor.record(record);
    }
}
