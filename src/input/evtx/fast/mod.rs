//! The fast reader: takes a record's facts straight from its BinXML, through a plan made once for its template. It renders nothing, and leaves
//! whatever is unusual to the slow reader.

mod cache;
mod instance;
mod plan;
mod undecoded;
mod value;

use std::ops::Range;

use crate::input::layout::Field;
use crate::input::record::{Position, RawRecord, System};
use crate::input::visit::{Seen, Visitor};
use crate::time::Timestamp;

use instance::{Instances, Text};
use plan::Target;

pub use undecoded::{Held, Undecoded};

/// The last FILETIME that is printed and read back as the time it is: 9999-12-30T21:59:59.9999999Z.
const LAST_PRINTABLE: u64 = 2_650_466_807_999_999_999;

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The visitor was told all that it wants.
    Done,
    /// The visitor was told that the record is there and wants it, but the slow reader must decode it.
    Wanted,
    /// The visitor was told nothing: the slow reader must read the record.
    Unusual,
}

/// Reads records through plans; keeps the plans.
#[derive(Debug, Default)]
pub(super) struct FastReader {
    instances: Instances,
    provider: LastText,
    channel: LastText,
    computer: LastText,
    scratch: String,
    /// The record that is handed over, again and again, and space for its texts.
    record: RawRecord,
    spare: Vec<String>,
}

impl FastReader {
    /// Forgets what is true of one chunk only.
    pub(super) fn enter_chunk(&mut self) {
        self.instances.enter_chunk();
    }

    /// Whether the record whose BinXML is at `binxml` of `chunk` is put together as real ones are, of templates that are what it takes them for.
    pub(super) fn is_usual(&mut self, chunk: &[u8], binxml: Range<usize>) -> bool {
        self.instances.read(chunk, binxml).is_some()
    }

    /// Reads the record whose BinXML is at `binxml` of `chunk`, and tells `visitor`.
    pub(super) fn read(
        &mut self,
        chunk: &[u8],
        binxml: Range<usize>,
        position: Position,
        visitor: &mut dyn Visitor,
    ) -> Answer {
        let Some(complete) = self.instances.read(chunk, binxml) else { return Answer::Unusual };
        let mut numbers = System::default();
        for field in [Field::EventId, Field::TimeCreated, Field::RecordId] {
            let text = self.instances.essential(chunk, field);
            take(&mut numbers, field, text, &mut self.scratch);
        }
        let seen = Seen {
            provider: self.provider.of(self.instances.essential(chunk, Field::Provider)),
            event_id: numbers.event_id,
            time_created: numbers.time_created,
            record_id: numbers.record_id,
            channel: self.channel.of(self.instances.essential(chunk, Field::Channel)),
            computer: self.computer.of(self.instances.essential(chunk, Field::Computer)),
            position,
            recovered: false,
        };
        let wanted = visitor.seen(&seen);
        let looked_at = wanted || (complete && visitor.glances());
        if !looked_at {
            return Answer::Done;
        }
        if !complete {
            return Answer::Wanted;
        }
        let looked = Undecoded::new(&self.instances, chunk);
        let decode = looked.is_none_or(|undecoded| visitor.undecoded(&seen, &undecoded));
        if !wanted || !decode {
            return Answer::Done;
        }
        self.decode(chunk);
        self.record.position = position;
        visitor.record(&mut self.record);
        Answer::Done
    }

    fn decode(&mut self, chunk: &[u8]) {
        let Self { instances, scratch, record, spare, .. } = self;
        record.clear(spare);
        instances.each(chunk, &mut |target, text| match target {
            Target::System(field) => take(&mut record.system, *field, text, scratch),
            Target::Data(name) => {
                let mut own_name = blank(spare);
                own_name.push_str(name);
                let mut own_text = blank(spare);
                text.write(&mut own_text);
                record.push_data(own_name, own_text);
            }
            Target::Message => record.message = Some(text.into_string()),
            Target::Nested => {}
        });
    }
}

/// An empty text, of used space where there is some.
fn blank(spare: &mut Vec<String>) -> String {
    let mut text = spare.pop().unwrap_or_default();
    text.clear();
    text
}

/// Takes `text` for `field` as [`System::set`] does, without the way over text where a number says the same.
fn take(system: &mut System, field: Field, text: Text<'_>, scratch: &mut String) {
    if let Some(number) = text.number()
        && system.set_number(field, number)
    {
        return;
    }
    if let (Field::TimeCreated, Some(ticks @ 0..=LAST_PRINTABLE)) = (field, text.filetime()) {
        system.time_created = Some(Timestamp::from_filetime(ticks));
        return;
    }
    scratch.clear();
    text.write(scratch);
    system.set(field, scratch);
}

/// A text that is mostly the same from one record to the next: decoded only when its bytes change.
#[derive(Debug, Default)]
struct LastText {
    kind: u8,
    bytes: Vec<u8>,
    text: String,
}

impl LastText {
    fn of<'a>(&'a mut self, text: Text<'a>) -> &'a str {
        let (kind, bytes) = match text {
            Text::Literal(literal) => return literal,
            Text::Value(kind, bytes) => (kind, bytes),
        };
        if (self.kind, self.bytes.as_slice()) != (kind, bytes) {
            self.kind = kind;
            bytes.clone_into(&mut self.bytes);
            self.text.clear();
            value::write_text(kind, bytes, &mut self.text);
        }
        &self.text
    }
}
