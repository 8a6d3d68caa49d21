//! What a source is, by its first bytes and never by its name. It reads nothing itself.

use super::bytes::slice_at;
use super::json;

mod image;

pub use image::Image;

/// Bytes of an EVTX file's header block (the chunks follow it).
pub const FILE_HEADER_SIZE: usize = 4096;
/// Bytes of an EVTX chunk.
pub const CHUNK_SIZE: usize = 65_536;
/// Bytes that [`detect`] needs of a source, unless it holds fewer: enough for the header block and the first chunk's magic.
pub const HEAD_SIZE: usize = 4104;
/// Bytes that [`chunk_beyond`] looks through: sixteen chunks.
pub const SEARCH_SIZE: usize = 1_052_680;

/// An EVTX file's first eight bytes.
const FILE_MAGIC: &[u8] = b"ElfFile\0";
/// An EVTX chunk's first eight bytes.
pub(super) const CHUNK_MAGIC: &[u8] = b"ElfChnk\0";

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No bytes at all.
    Empty,
    /// An event log.
    Evtx,
    /// An event log whose file header is destroyed: a chunk stands where the first one should.
    EvtxWithoutHeader,
    /// Events exported as XML.
    Xml,
    /// Events exported as JSON.
    Json,
    /// An archive, or one compressed file.
    Archive(Format),
    /// A disk image.
    Image(Image),
    /// None of these, as far as its head says.
    Other,
}

/// How an archive is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Members, and a directory of them at the end (APPNOTE.TXT).
    Zip,
    /// Blocks of members, and a header that tells of them at the end (7zFormat.txt).
    SevenZ,
    /// Members one after the other (POSIX ustar, GNU, older).
    Tar,
    /// One file (RFC 1952).
    Gz,
    /// One file.
    Bzip2,
    /// One file.
    Xz,
    /// One file (RFC 8878).
    Zstd,
}

/// What archives begin with. A zip without members begins with the end of its directory; bzip2's first block begins with a number of its own.
const ARCHIVES: &[(&[u8], Format)] = &[
    (b"PK\x03\x04", Format::Zip),
    (b"PK\x05\x06", Format::Zip),
    (b"7z\xBC\xAF\x27\x1C", Format::SevenZ),
    (b"\xFD7zXZ\0", Format::Xz),
    (b"\x28\xB5\x2F\xFD", Format::Zstd),
];

/// What a source is whose first [`HEAD_SIZE`] bytes are `head`.
pub fn detect(head: &[u8]) -> Kind {
    if head.is_empty() {
        Kind::Empty
    } else if head.starts_with(FILE_MAGIC) {
        Kind::Evtx
    } else if let Some(format) = archive(head) {
        Kind::Archive(format)
    } else if let Some(image) = Image::of_magic(head) {
        Kind::Image(image)
    } else if slice_at(head, FILE_HEADER_SIZE, CHUNK_MAGIC.len()) == Some(CHUNK_MAGIC) {
        Kind::EvtxWithoutHeader
    } else if is_event_xml(head) {
        Kind::Xml
    } else if json::begins_events(head).is_some() {
        Kind::Json
    } else {
        Kind::Other
    }
}

/// Whether `head`, the first bytes of a source, begins events exported as JSON in Windows's own terms, as `evtx_dump`, Velociraptor and a winlogbeat
/// without pipeline write them. ECS documents that a query can be asked of as they are, are not in those terms.
pub fn tells_windows_events(head: &[u8]) -> bool {
    json::begins_events(head) == Some(json::Terms::Windows)
}

/// Whether a chunk stands in `bytes`, a source's first [`SEARCH_SIZE`], where a chunk after the first should.
pub fn chunk_beyond(bytes: &[u8]) -> bool {
    let chunks = bytes.get(FILE_HEADER_SIZE..).unwrap_or_default().chunks(CHUNK_SIZE);
    chunks.into_iter().any(|chunk| chunk.starts_with(CHUNK_MAGIC))
}

/// The format of an archive that begins with `head`.
fn archive(head: &[u8]) -> Option<Format> {
    match head {
        // Deflate is gzip's only method; the three high flags are reserved.
        [0x1F, 0x8B, 8, flags, ..] if flags & 0xE0 == 0 => Some(Format::Gz),
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => Some(Format::Bzip2),
        // No block at all: the end of the stream.
        [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => Some(Format::Bzip2),
        _ if is_tar(head) => Some(Format::Tar),
        _ => ARCHIVES.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, format)| *format),
    }
}

/// Whether `head` begins with a tar member's header: the sum of its bytes stands in it, in octal, taken with spaces in that place. The oldest tars have no
/// magic.
fn is_tar(head: &[u8]) -> bool {
    const CHECKSUM: std::ops::Range<usize> = 148..156;
    let Some(header) = head.get(..512).filter(|header| !header.starts_with(&[0])) else { return false };
    let stated = header.get(CHECKSUM).unwrap_or_default();
    let digits: Vec<u8> =
        stated.iter().copied().skip_while(|byte| *byte == b' ').take_while(u8::is_ascii_digit).collect();
    let stated = str::from_utf8(&digits).ok().and_then(|digits| u64::from_str_radix(digits, 8).ok());
    let counted: u64 = (0..)
        .zip(header)
        .map(|(at, byte)| if CHECKSUM.contains(&at) { u64::from(b' ') } else { u64::from(*byte) })
        .sum();
    stated == Some(counted)
}

/// Whether `head` begins like a run of `<Event>` elements, rooted or not, in UTF-8 or UTF-16.
fn is_event_xml(head: &[u8]) -> bool {
    let ascii: String = match head {
        [0xFF, 0xFE, rest @ ..] => every_other(rest, 0),
        [0xFE, 0xFF, rest @ ..] => every_other(rest, 1),
        [b'<', 0, ..] => every_other(head, 0),
        [0, b'<', ..] => every_other(head, 1),
        [0xEF, 0xBB, 0xBF, rest @ ..] => rest.iter().copied().map(char::from).collect(),
        _ => head.iter().copied().map(char::from).collect(),
    };
    let text = ascii.trim_start();
    let begins = |tag: &str| text.strip_prefix(tag).is_some_and(ends_name);
    begins("<Event")
        || begins("<Events")
        || (text.starts_with("<?xml") || text.starts_with("<!--"))
            && text.match_indices("<Event").any(|(at, tag)| {
                let rest = text.get(at.saturating_add(tag.len())..).unwrap_or_default();
                ends_name(rest) || rest.strip_prefix('s').is_some_and(ends_name)
            })
}

fn ends_name(rest: &str) -> bool {
    rest.starts_with(|next: char| next.is_ascii_whitespace() || next == '>' || next == '/')
}

/// The ASCII characters of UTF-16 whose low bytes stand at `first`, `first` + 2, …
fn every_other(bytes: &[u8], first: usize) -> String {
    bytes.iter().skip(first).step_by(2).copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn content_decides() {
        let mut headless = vec![0; HEAD_SIZE];
        headless[FILE_HEADER_SIZE..].copy_from_slice(CHUNK_MAGIC);
        for (head, kind) in [
            (&b""[..], Kind::Empty),
            (b"ElfFile\0", Kind::Evtx),
            (b"ElfFile", Kind::Other),
            (&headless, Kind::EvtxWithoutHeader),
            (b"<Event xmlns='x'>", Kind::Xml),
            (b"\xEF\xBB\xBF  <Events>", Kind::Xml),
            (b"<?xml version='1.0'?>\r\n<Events><Event>", Kind::Xml),
            (b"<?xml version='1.0'?>\r\n<Task>", Kind::Other),
            (b"<?xml version='1.0'?>\r\n<EventTrigger>", Kind::Other),
            (b"PK\x03\x04", Kind::Archive(Format::Zip)),
            (b"PK\x05\x06", Kind::Archive(Format::Zip)),
            (b"7z\xBC\xAF\x27\x1C", Kind::Archive(Format::SevenZ)),
            (b"\x1F\x8B\x08\x00", Kind::Archive(Format::Gz)),
            (b"\x1F\x8B\x08\xFF", Kind::Other),
            (b"BZh91AY&SY", Kind::Archive(Format::Bzip2)),
            (b"BZh as in a text", Kind::Other),
            (b"\xFD7zXZ\0", Kind::Archive(Format::Xz)),
            (b"\x28\xB5\x2F\xFD", Kind::Archive(Format::Zstd)),
            (b"<EventLog>", Kind::Other),
            (b"just text <Event>", Kind::Other),
        ] {
            assert_eq!(detect(head), kind, "{head:?}");
        }
    }

    #[test]
    fn utf16_is_read_with_and_without_a_mark() {
        for text in
            ["<Event>", "\u{FEFF}<Events>", "\u{FEFF}<?xml version=\"1.0\" encoding=\"utf-16\"?><Events>"]
        {
            assert_eq!(detect(&utf16(text, u16::to_le_bytes)), Kind::Xml, "{text}");
            assert_eq!(detect(&utf16(text, u16::to_be_bytes)), Kind::Xml, "{text}");
        }
    }

    #[test]
    fn a_tar_is_known_by_its_checksum_whatever_its_age() {
        let mut head = vec![0; 1024];
        head[..6].copy_from_slice(b"a.evtx");
        head[148..156].copy_from_slice(b"001526\0 ");
        assert_eq!(detect(&head), Kind::Archive(Format::Tar));
        head[6] = b'x';
        assert_eq!(detect(&head), Kind::Other);
        assert_eq!(detect(&[0; 1024]), Kind::Other);
    }

    #[test]
    fn a_later_chunk_is_found_only_where_one_can_stand() {
        let mut bytes = vec![0; FILE_HEADER_SIZE + 2 * CHUNK_SIZE];
        assert!(!chunk_beyond(&bytes));
        bytes[FILE_HEADER_SIZE + CHUNK_SIZE + 1..][..8].copy_from_slice(CHUNK_MAGIC);
        assert!(!chunk_beyond(&bytes));
        bytes[FILE_HEADER_SIZE + CHUNK_SIZE..][..8].copy_from_slice(CHUNK_MAGIC);
        assert!(chunk_beyond(&bytes));
        assert_eq!(SEARCH_SIZE, FILE_HEADER_SIZE + 16 * CHUNK_SIZE + CHUNK_MAGIC.len());
    }
}
