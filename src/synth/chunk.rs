//! One 64 KiB chunk in the making: bytes with the tables of names and templates that BinXML refers to (MS-EVEN6 2.2.12; libyal's description of the
//! EVTX format). It does not know what a record says.

use std::borrow::Cow;

use super::record::SynthRecord;
use super::value::{Guid, put_utf16};

/// Bytes in a chunk.
pub(super) const CHUNK_SIZE: usize = 0x1_0000;
/// Bytes before the first record.
const HEADER_SIZE: usize = 0x200;
/// The header's own size as it states it.
const STATED_HEADER_SIZE: u32 = 0x80;

/// What a template renders: two records with the same shape share the definition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// The outer template, `Event` with `System`, which Windows writes once per computer.
    System(Cow<'static, str>),
    /// The inner template, `EventData`: names and value types.
    Data(Vec<(Cow<'static, str>, u8)>),
}

impl Shape {
    fn fits(&self, record: &SynthRecord, outer: bool) -> bool {
        match self {
            Self::System(computer) => outer && *computer == record.computer,
            Self::Data(fields) => {
                !outer
                    && fields.len() == record.data.len()
                    && fields
                        .iter()
                        .zip(&record.data)
                        .all(|((name, code), (other, value))| *code == value.type_code() && name == other)
            }
        }
    }

    /// An identifier that differs where the shape does: Windows takes one from the manifest or at random; here the content decides (128-bit FNV-1a).
    pub(super) fn guid(&self) -> Guid {
        let mut hash = Fnv::default();
        match self {
            Self::System(computer) => hash.add(b"system\0").add(computer.as_bytes()),
            Self::Data(fields) => fields
                .iter()
                .fold(hash.add(b"data\0"), |hash, (name, code)| hash.add(name.as_bytes()).add(&[0, *code])),
        };
        Guid(hash.0)
    }
}

/// 128-bit FNV-1a.
struct Fnv(u128);

impl Default for Fnv {
    fn default() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl Fnv {
    fn add(&mut self, bytes: &[u8]) -> &mut Self {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
        self
    }
}

/// A template defined in this chunk.
#[derive(Debug, Clone)]
pub(super) struct Template {
    shape: Shape,
    /// The first four bytes of its GUID: what an instance names it by.
    pub(super) id: u32,
    /// Where its definition stands in the chunk.
    pub(super) offset: u32,
}

/// A chunk that is being filled.
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    names: [u32; 64],
    template_heads: [u32; 32],
    templates: Vec<Template>,
    records: Option<Span>,
}

/// Numbers and identifiers of the records in a chunk.
#[derive(Clone, Copy)]
struct Span {
    first_number: u64,
    last_number: u64,
    first_id: u64,
    last_id: u64,
    last_offset: usize,
}

/// What must be undone when a record turns out not to fit.
pub(super) struct Mark {
    length: usize,
    names: [u32; 64],
    template_heads: [u32; 32],
    templates: usize,
}

impl Chunk {
    /// An empty chunk.
    pub(super) fn new() -> Self {
        let mut bytes = Vec::with_capacity(CHUNK_SIZE * 2);
        bytes.resize(HEADER_SIZE, 0);
        Self { bytes, names: [0; 64], template_heads: [0; 32], templates: Vec::new(), records: None }
    }

    /// Whether no record is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_none()
    }

    /// Where the next byte goes, from the chunk's start.
    pub(super) fn position(&self) -> u32 {
        self.bytes.len() as u32
    }

    /// The state to return to with [`Chunk::undo`].
    pub(super) fn mark(&self) -> Mark {
        Mark {
            length: self.bytes.len(),
            names: self.names,
            template_heads: self.template_heads,
            templates: self.templates.len(),
        }
    }

    /// Takes back all that was written since `mark`.
    pub(super) fn undo(&mut self, mark: Mark) {
        self.bytes.truncate(mark.length);
        self.names = mark.names;
        self.template_heads = mark.template_heads;
        self.templates.truncate(mark.templates);
    }

    /// Closes the record that began at `mark`, or takes it back and answers `false` when the chunk cannot hold it.
    pub(super) fn commit(&mut self, mark: Mark, number: u64, id: u64) -> bool {
        // A chunk is never filled to its last byte: libevtx passes over the last record of one that is.
        if self.bytes.len() >= CHUNK_SIZE {
            self.undo(mark);
            return false;
        }
        let first = self.records.map_or((number, id), |span| (span.first_number, span.first_id));
        self.records = Some(Span {
            first_number: first.0,
            last_number: number,
            first_id: first.1,
            last_id: id,
            last_offset: mark.length,
        });
        true
    }

    /// The template for `record`'s outer or inner part, if this chunk defines it.
    pub(super) fn template(&self, record: &SynthRecord, outer: bool) -> Option<&Template> {
        self.templates.iter().find(|template| template.shape.fits(record, outer))
    }

    /// Registers the template of `shape` as defined here, and returns the offset of the one before it in its bucket, 0 for none.
    pub(super) fn define_template(&mut self, shape: Shape, guid: Guid) -> u32 {
        let offset = self.position();
        let wire = guid.to_wire();
        let id = u32::from_le_bytes([wire[0], wire[1], wire[2], wire[3]]);
        let words = wire.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
        let head = &mut self.template_heads[hash(words) as usize % 32];
        self.templates.push(Template { shape, id, offset });
        std::mem::replace(head, offset)
    }

    /// Writes a reference to `name`; its first use in the chunk carries the name itself.
    pub(super) fn put_name(&mut self, name: &str) {
        let hash = hash(name.encode_utf16());
        let bucket = hash as usize % 64;
        if let Some(offset) = self.find_name(name, self.names[bucket]) {
            self.put(&offset.to_le_bytes());
            return;
        }
        let offset = self.position() + 4;
        let next = std::mem::replace(&mut self.names[bucket], offset);
        self.put(&offset.to_le_bytes());
        self.put(&next.to_le_bytes());
        self.put(&(hash as u16).to_le_bytes());
        self.put(&(name.encode_utf16().count() as u16).to_le_bytes());
        put_utf16(&mut self.bytes, name.encode_utf16());
        self.put(&[0, 0]);
    }

    /// Follows a bucket's chain: next offset, hash, length in code units, text.
    fn find_name(&self, name: &str, mut offset: u32) -> Option<u32> {
        while offset != 0 {
            let entry = &self.bytes[offset as usize..];
            let length = usize::from(u16::from_le_bytes([entry[6], entry[7]]));
            let units =
                entry[8..8 + 2 * length].as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
            if units.eq(name.encode_utf16()) {
                return Some(offset);
            }
            offset = u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]);
        }
        None
    }

    /// Appends bytes.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Writes the length of what was put after `at + 4` into the four bytes at `at`.
    pub(super) fn patch_length(&mut self, at: usize) {
        let length = (self.bytes.len() - at - 4) as u32;
        self.bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// The finished 64 KiB, header, tables and both checksums in place.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let free = self.bytes.len();
        let events_crc = crc32fast::hash(&self.bytes[HEADER_SIZE..free]);
        self.bytes.resize(CHUNK_SIZE, 0);
        let span = self.records.unwrap_or(Span {
            first_number: 1,
            last_number: u64::MAX,
            first_id: u64::MAX,
            last_id: u64::MAX,
            last_offset: 0,
        });
        let mut header = Vec::with_capacity(HEADER_SIZE);
        header.extend_from_slice(b"ElfChnk\0");
        for number in [span.first_number, span.last_number, span.first_id, span.last_id] {
            header.extend_from_slice(&number.to_le_bytes());
        }
        for number in [STATED_HEADER_SIZE, span.last_offset as u32, free as u32, events_crc] {
            header.extend_from_slice(&number.to_le_bytes());
        }
        header.resize(120, 0);
        // Windows sets the first flag in every chunk of a healthy log.
        header.extend_from_slice(&1_u32.to_le_bytes());
        let mut tables = Vec::with_capacity(384);
        for offset in self.names.iter().chain(&self.template_heads) {
            tables.extend_from_slice(&offset.to_le_bytes());
        }
        let mut crc = crc32fast::Hasher::new();
        crc.update(&header[..120]);
        crc.update(&tables);
        header.extend_from_slice(&crc.finalize().to_le_bytes());
        header.extend_from_slice(&tables);
        self.bytes[..HEADER_SIZE].copy_from_slice(&header);
        self.bytes
    }
}

/// The hash of both tables: multiply by 65599 and add, over 16-bit units. Names store its low 16 bits; buckets take it modulo their number. Measured
/// on real chunks, the template table's buckets are this hash of the GUID's eight words.
fn hash(units: impl IntoIterator<Item = u16>) -> u32 {
    units.into_iter().fold(0, |hash: u32, unit| hash.wrapping_mul(65599).wrapping_add(u32::from(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_templates_fall_into_the_buckets_of_real_chunks() {
        // From a real Sysmon log: `Event` has the hash 0x0cba, `Computer` 0x6e3b; the template with this GUID hangs in bucket 6.
        assert_eq!(hash("Event".encode_utf16()) as u16, 0x0cba);
        assert_eq!(hash("Computer".encode_utf16()) as u16, 0x6e3b);
        let guid = Guid::parse("{f5d15056-618a-59cb-c31f-7fe3fe7bac54}").expect("a GUID");
        let mut chunk = Chunk::new();
        assert_eq!(chunk.define_template(Shape::System("A".into()), guid), 0);
        assert_eq!(chunk.template_heads[6], 0x200);
        assert_eq!(chunk.templates[0].id, 0xf5d1_5056);
    }

    #[test]
    fn a_name_is_written_once_and_chained() {
        let mut chunk = Chunk::new();
        chunk.put_name("TimeCreated");
        let after_first = chunk.bytes.len();
        chunk.put_name("TimeCreated");
        assert_eq!(chunk.bytes.len(), after_first + 4);
        // `Computer` falls into the bucket of `TimeCreated`, as it does in real chunks, and points back to it.
        chunk.put_name("Computer");
        let next = u32::from_le_bytes(
            chunk.bytes[after_first + 8..after_first + 12].try_into().expect("four bytes"),
        );
        assert_eq!(next, 0x204);
    }
}
