//! A record as BinXML, byte for byte as Windows writes one (MS-EVEN6 2.2.12): an instance of the `System` template, its last value an instance of the
//! `EventData` template, each definition inline at its first use in the chunk. It does not write the chunk around it.

use super::chunk::{Chunk, Shape};
use super::file::Origin;
use super::record::SynthRecord;
use super::value::{TypedValue, put_utf16};

const NAMESPACE: &str = "http://schemas.microsoft.com/win/2004/08/events/event";
const FRAGMENT_HEADER: [u8; 4] = [0x0f, 1, 1, 0];
const END: u8 = 0x00;
const CLOSE_START: u8 = 0x02;
const CLOSE_EMPTY: u8 = 0x03;
const CLOSE_ELEMENT: u8 = 0x04;
const VALUE: u8 = 0x05;
const ATTRIBUTE: u8 = 0x06;
const TEMPLATE_INSTANCE: u8 = 0x0c;
const SUBSTITUTION: u8 = 0x0d;
const OPTIONAL_SUBSTITUTION: u8 = 0x0e;
/// Set in an element's token when it has attributes, in an attribute's when another follows.
const MORE: u8 = 0x40;
/// An element that does not hang on a substitution.
const ALWAYS: u16 = 0xffff;
const NULL: u8 = 0x00;
const STRING: u8 = 0x01;
const BINXML: u8 = 0x21;

/// Appends `record` with its header and trailer under the header id `id`. `None` when a value or the record is longer than its size field can say.
pub(super) fn put_record(chunk: &mut Chunk, record: &SynthRecord, id: u64, origin: Origin) -> Option<()> {
    let start = chunk.bytes.len();
    chunk.put(b"**\0\0\0\0\0\0");
    chunk.put(&id.to_le_bytes());
    chunk.put(&record.time_created.ticks().to_le_bytes());
    chunk.put(&FRAGMENT_HEADER);
    put_instance(chunk, record, true, put_system_template);
    put_system_values(chunk, record, origin)?;
    chunk.put(&[END]);
    let padded = (chunk.bytes.len() - start + 4).next_multiple_of(8);
    chunk.bytes.resize(start + padded - 4, 0);
    let size = u32::try_from(padded).ok()?.to_le_bytes();
    chunk.put(&size);
    chunk.bytes[start + 4..start + 8].copy_from_slice(&size);
    Some(())
}

/// The head of a template instance, with the definition when the chunk lacks it.
fn put_instance(chunk: &mut Chunk, record: &SynthRecord, outer: bool, body: fn(&mut Chunk, &SynthRecord)) {
    chunk.put(&[TEMPLATE_INSTANCE, 1]);
    if let Some(template) = chunk.template(record, outer) {
        let (id, offset) = (template.id.to_le_bytes(), template.offset.to_le_bytes());
        chunk.put(&id);
        chunk.put(&offset);
        return;
    }
    let shape = shape_of(record, outer);
    let guid = shape.guid();
    let wire = guid.to_wire();
    chunk.put(&wire[..4]);
    let offset = chunk.position() + 4;
    chunk.put(&offset.to_le_bytes());
    let next = chunk.define_template(shape, guid);
    chunk.put(&next.to_le_bytes());
    chunk.put(&wire);
    let length_at = chunk.bytes.len();
    chunk.put(&[0; 4]);
    chunk.put(&FRAGMENT_HEADER);
    body(chunk, record);
    chunk.put(&[END]);
    chunk.patch_length(length_at);
}

fn shape_of(record: &SynthRecord, outer: bool) -> Shape {
    if outer {
        return Shape::System(record.computer.clone());
    }
    Shape::Data(record.data.iter().map(|(name, value)| (name.clone(), value.type_code())).collect())
}

/// The numbers of the `System` template's substitutions, as Windows numbers them.
mod slot {
    pub const LEVEL: u16 = 0;
    pub const OPCODE: u16 = 1;
    pub const TASK: u16 = 2;
    pub const EVENT_ID: u16 = 3;
    pub const QUALIFIERS: u16 = 4;
    pub const KEYWORDS: u16 = 5;
    pub const TIME: u16 = 6;
    pub const ACTIVITY: u16 = 7;
    pub const PROCESS: u16 = 8;
    pub const THREAD: u16 = 9;
    pub const RECORD: u16 = 10;
    pub const VERSION: u16 = 11;
    pub const USER: u16 = 12;
    pub const RELATED: u16 = 13;
    pub const PROVIDER: u16 = 14;
    pub const PROVIDER_GUID: u16 = 15;
    pub const CHANNEL: u16 = 16;
    pub const DATA: u16 = 17;
}

/// The `Event` element with `System`: the computer is a literal, all else is substituted, and each element hangs on its substitution.
fn put_system_template(chunk: &mut Chunk, record: &SynthRecord) {
    element(chunk, "Event", slot::DATA, &[("xmlns", Content::Literal(NAMESPACE))], |chunk| {
        element(chunk, "System", ALWAYS, &[], |chunk| put_system_elements(chunk, &record.computer));
        substitution(chunk, OPTIONAL_SUBSTITUTION, slot::DATA, BINXML);
    });
}

fn put_system_elements(chunk: &mut Chunk, computer: &str) {
    let optional = |slot, code| Content::Optional(slot, code);
    let leaf = |chunk: &mut Chunk, name, slot, code| {
        element(chunk, name, slot, &[], |chunk| substitution(chunk, OPTIONAL_SUBSTITUTION, slot, code));
    };
    let provider =
        [("Name", optional(slot::PROVIDER, STRING)), ("Guid", optional(slot::PROVIDER_GUID, 0x0f))];
    empty_element(chunk, "Provider", &provider);
    element(chunk, "EventID", slot::EVENT_ID, &[("Qualifiers", optional(slot::QUALIFIERS, 0x06))], |chunk| {
        substitution(chunk, OPTIONAL_SUBSTITUTION, slot::EVENT_ID, 0x06);
    });
    leaf(chunk, "Version", slot::VERSION, 0x04);
    leaf(chunk, "Level", slot::LEVEL, 0x04);
    leaf(chunk, "Task", slot::TASK, 0x06);
    leaf(chunk, "Opcode", slot::OPCODE, 0x04);
    leaf(chunk, "Keywords", slot::KEYWORDS, 0x15);
    empty_element(chunk, "TimeCreated", &[("SystemTime", optional(slot::TIME, 0x11))]);
    leaf(chunk, "EventRecordID", slot::RECORD, 0x0a);
    let correlation = [
        ("ActivityID", optional(slot::ACTIVITY, 0x0f)),
        ("RelatedActivityID", optional(slot::RELATED, 0x0f)),
    ];
    empty_element(chunk, "Correlation", &correlation);
    let execution =
        [("ProcessID", optional(slot::PROCESS, 0x08)), ("ThreadID", optional(slot::THREAD, 0x08))];
    empty_element(chunk, "Execution", &execution);
    leaf(chunk, "Channel", slot::CHANNEL, STRING);
    element(chunk, "Computer", ALWAYS, &[], |chunk| literal(chunk, computer));
    empty_element(chunk, "Security", &[("UserID", optional(slot::USER, 0x13))]);
}

/// The `EventData` element, one `Data` per field.
fn put_data_template(chunk: &mut Chunk, record: &SynthRecord) {
    element(chunk, "EventData", ALWAYS, &[], |chunk| {
        for (slot, (name, value)) in (0_u16..).zip(&record.data) {
            let attribute = [("Name", Content::Literal(name))];
            let attributes = if name.is_empty() { &[] } else { &attribute[..] };
            element(chunk, "Data", ALWAYS, attributes, |chunk| {
                substitution(chunk, SUBSTITUTION, slot, value.type_code());
            });
        }
    });
}

/// What an attribute holds.
enum Content<'a> {
    Literal(&'a str),
    Optional(u16, u8),
}

fn element(
    chunk: &mut Chunk,
    name: &str,
    hangs_on: u16,
    attributes: &[(&str, Content)],
    inner: impl FnOnce(&mut Chunk),
) {
    let length_at = open(chunk, name, hangs_on, attributes);
    chunk.put(&[CLOSE_START]);
    inner(chunk);
    chunk.put(&[CLOSE_ELEMENT]);
    chunk.patch_length(length_at);
}

fn empty_element(chunk: &mut Chunk, name: &str, attributes: &[(&str, Content)]) {
    let length_at = open(chunk, name, ALWAYS, attributes);
    chunk.put(&[CLOSE_EMPTY]);
    chunk.patch_length(length_at);
}

/// The element's start up to its attributes; returns where its length is to be written.
fn open(chunk: &mut Chunk, name: &str, hangs_on: u16, attributes: &[(&str, Content)]) -> usize {
    let more = if attributes.is_empty() { 0 } else { MORE };
    chunk.put(&[0x01 | more]);
    chunk.put(&hangs_on.to_le_bytes());
    let length_at = chunk.bytes.len();
    chunk.put(&[0; 4]);
    chunk.put_name(name);
    if attributes.is_empty() {
        return length_at;
    }
    let list_at = chunk.bytes.len();
    chunk.put(&[0; 4]);
    for (index, (name, content)) in attributes.iter().enumerate() {
        let more = if index + 1 < attributes.len() { MORE } else { 0 };
        chunk.put(&[ATTRIBUTE | more]);
        chunk.put_name(name);
        match content {
            Content::Literal(text) => literal(chunk, text),
            Content::Optional(slot, code) => substitution(chunk, OPTIONAL_SUBSTITUTION, *slot, *code),
        }
    }
    chunk.patch_length(list_at);
    length_at
}

fn literal(chunk: &mut Chunk, text: &str) {
    chunk.put(&[VALUE, STRING]);
    chunk.put(&(text.encode_utf16().count() as u16).to_le_bytes());
    put_utf16(&mut chunk.bytes, text.encode_utf16());
}

fn substitution(chunk: &mut Chunk, token: u8, slot: u16, code: u8) {
    chunk.put(&[token]);
    chunk.put(&slot.to_le_bytes());
    chunk.put(&[code]);
}

/// The values of the `System` template, in the order of [`slot`]; the last is the nested `EventData` instance. In a live log absent values may keep
/// their room, and the nested instance stands without a fragment header; an export has been written anew.
fn put_system_values(chunk: &mut Chunk, record: &SynthRecord, origin: Origin) -> Option<()> {
    let (qualifiers_room, activity_room) = if origin == Origin::Live { (2, 16) } else { (0, 0) };
    let mut values = Values::with_capacity(18);
    values.add(&TypedValue::UInt8(record.level))?;
    values.add(&TypedValue::UInt8(record.opcode))?;
    values.add(&TypedValue::UInt16(record.task))?;
    values.add(&TypedValue::UInt16(record.event_id))?;
    values.add_null(qualifiers_room);
    values.add(&TypedValue::HexInt64(record.keywords))?;
    values.add(&TypedValue::FileTime(record.time_created))?;
    values.add_null(activity_room);
    values.add(&TypedValue::UInt32(record.process_id))?;
    values.add(&TypedValue::UInt32(record.thread_id))?;
    values.add(&TypedValue::UInt64(record.record_id))?;
    values.add(&TypedValue::UInt8(record.version))?;
    values.add_optional(record.user_sid.clone().map(TypedValue::Sid))?;
    values.add_null(0);
    values.add_bare(&record.provider)?;
    values.add_optional(record.provider_guid.map(TypedValue::Guid))?;
    values.add_bare(&record.channel)?;
    values.describe(0, BINXML)?;
    values.put(chunk);
    let nested_at = chunk.bytes.len();
    if origin == Origin::Export {
        chunk.put(&FRAGMENT_HEADER);
    }
    put_instance(chunk, record, false, put_data_template);
    put_data_values(chunk, record)?;
    chunk.put(&[END]);
    let nested = u16::try_from(chunk.bytes.len() - nested_at).ok()?;
    let size_at = nested_at - values.bytes.len() - 4;
    chunk.bytes[size_at..size_at + 2].copy_from_slice(&nested.to_le_bytes());
    Some(())
}

fn put_data_values(chunk: &mut Chunk, record: &SynthRecord) -> Option<()> {
    let mut values = Values::with_capacity(record.data.len());
    for (_, value) in &record.data {
        values.add(value)?;
    }
    values.put(chunk);
    Some(())
}

/// A value list: descriptors (size, type, 0) and the bytes they describe.
struct Values {
    descriptors: Vec<u8>,
    bytes: Vec<u8>,
}

impl Values {
    fn with_capacity(count: usize) -> Self {
        Self { descriptors: Vec::with_capacity(4 * count), bytes: Vec::with_capacity(1024) }
    }

    fn describe(&mut self, size: usize, code: u8) -> Option<()> {
        let size = u16::try_from(size).ok()?.to_le_bytes();
        self.descriptors.extend_from_slice(&[size[0], size[1], code, 0]);
        Some(())
    }

    fn add(&mut self, value: &TypedValue) -> Option<()> {
        let start = self.bytes.len();
        value.encode(&mut self.bytes);
        self.describe(self.bytes.len() - start, value.type_code())
    }

    /// A string of the `System` part: those have no NUL.
    fn add_bare(&mut self, text: &str) -> Option<()> {
        let start = self.bytes.len();
        put_utf16(&mut self.bytes, text.encode_utf16());
        self.describe(self.bytes.len() - start, STRING)
    }

    /// An absent value that takes up `room` bytes all the same.
    fn add_null(&mut self, room: u8) {
        self.descriptors.extend_from_slice(&[room, 0, NULL, 0]);
        self.bytes.resize(self.bytes.len() + usize::from(room), 0);
    }

    fn add_optional(&mut self, value: Option<TypedValue>) -> Option<()> {
        match value {
            Some(value) => self.add(&value)?,
            None => self.add_null(0),
        }
        Some(())
    }

    fn put(&self, chunk: &mut Chunk) {
        chunk.put(&((self.descriptors.len() / 4) as u32).to_le_bytes());
        chunk.put(&self.descriptors);
        chunk.put(&self.bytes);
    }
}
