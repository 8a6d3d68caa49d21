//! The typed values a record carries, and how BinXML encodes them. It knows nothing of templates.

use std::fmt;

use crate::time::Timestamp;

/// One value of an event's data, with the type Windows stores it as (MS-EVEN6 2.2.12, value types).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TypedValue {
    /// `UnicodeString`.
    Text(String),
    /// `UnicodeString` by its UTF-16 code units, so that lone surrogates can be written.
    Utf16(Vec<u16>),
    /// `UInt8`.
    UInt8(u8),
    /// `UInt16`.
    UInt16(u16),
    /// `UInt32`.
    UInt32(u32),
    /// `UInt64`.
    UInt64(u64),
    /// `HexInt32`.
    HexInt32(u32),
    /// `HexInt64`.
    HexInt64(u64),
    /// `GUID`.
    Guid(Guid),
    /// `Boolean`.
    Boolean(bool),
    /// `FILETIME`.
    FileTime(Timestamp),
    /// `SID`.
    Sid(Sid),
}

impl TypedValue {
    /// The BinXML value type (MS-EVEN6 2.2.12).
    pub(super) fn type_code(&self) -> u8 {
        match self {
            Self::Text(_) | Self::Utf16(_) => 0x01,
            Self::UInt8(_) => 0x04,
            Self::UInt16(_) => 0x06,
            Self::UInt32(_) => 0x08,
            Self::UInt64(_) => 0x0a,
            Self::Boolean(_) => 0x0d,
            Self::Guid(_) => 0x0f,
            Self::FileTime(_) => 0x11,
            Self::Sid(_) => 0x13,
            Self::HexInt32(_) => 0x14,
            Self::HexInt64(_) => 0x15,
        }
    }

    /// Appends the value's bytes. Strings end in a NUL, as those that ETW hands to the log do.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => {
                put_utf16(out, text.encode_utf16());
                put_utf16(out, [0]);
            }
            Self::Utf16(units) => {
                put_utf16(out, units.iter().copied());
                put_utf16(out, [0]);
            }
            Self::UInt8(value) => out.push(*value),
            Self::UInt16(value) => out.extend_from_slice(&value.to_le_bytes()),
            Self::UInt32(value) | Self::HexInt32(value) => out.extend_from_slice(&value.to_le_bytes()),
            Self::UInt64(value) | Self::HexInt64(value) => out.extend_from_slice(&value.to_le_bytes()),
            Self::Boolean(value) => out.extend_from_slice(&u32::from(*value).to_le_bytes()),
            Self::Guid(guid) => out.extend_from_slice(&guid.to_wire()),
            Self::FileTime(time) => out.extend_from_slice(&time.ticks().to_le_bytes()),
            Self::Sid(sid) => sid.encode(out),
        }
    }
}

/// The text Windows renders for the value: GUIDs `{lower-case}`, hexadecimals without padding.
impl fmt::Display for TypedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Utf16(units) => f.write_str(&String::from_utf16_lossy(units)),
            Self::UInt8(value) => write!(f, "{value}"),
            Self::UInt16(value) => write!(f, "{value}"),
            Self::UInt32(value) => write!(f, "{value}"),
            Self::UInt64(value) => write!(f, "{value}"),
            Self::HexInt32(value) => write!(f, "{value:#x}"),
            Self::HexInt64(value) => write!(f, "{value:#x}"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Guid(guid) => write!(f, "{guid}"),
            Self::FileTime(time) => write!(f, "{time}"),
            Self::Sid(sid) => write!(f, "{sid}"),
        }
    }
}

/// Appends UTF-16 code units, little-endian.
pub(super) fn put_utf16(out: &mut Vec<u8>, units: impl IntoIterator<Item = u16>) {
    for unit in units {
        out.extend_from_slice(&unit.to_le_bytes());
    }
}

/// A GUID; its 32 hexadecimal digits, read from left to right, are the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Guid(pub u128);

impl Guid {
    /// Parses `{xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx}`, braces optional, in either case. `None` when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
        let groups: Vec<&str> = bare.split('-').collect();
        let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
        if lengths != [8, 4, 4, 4, 12] || !bare.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
            return None;
        }
        u128::from_str_radix(&groups.concat(), 16).ok().map(Self)
    }

    /// The 16 bytes as stored: the first three groups little-endian (MS-DTYP 2.3.4.2).
    pub(super) fn to_wire(self) -> [u8; 16] {
        let mut bytes = self.0.to_be_bytes();
        bytes[0..4].reverse();
        bytes[4..6].reverse();
        bytes[6..8].reverse();
        bytes
    }
}

/// `{lower-case}`, with braces.
impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:032x}", self.0);
        write!(
            f,
            "{{{}-{}-{}-{}-{}}}",
            &digits[..8],
            &digits[8..12],
            &digits[12..16],
            &digits[16..20],
            &digits[20..]
        )
    }
}

/// A security identifier of revision 1 (MS-DTYP 2.4.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sid {
    authority: u64,
    parts: Vec<u32>,
}

impl Sid {
    /// `S-1-5-18`, the system account: the Sysmon service runs under it.
    pub fn local_system() -> Self {
        Self { authority: 5, parts: vec![18] }
    }

    /// Parses `S-1-5-…` with at most 15 sub-authorities. `None` when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("S-1-")?.split('-');
        let authority = parts.next()?.parse().ok().filter(|value| *value < 1 << 48)?;
        let parts = parts.map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>()?;
        (parts.len() <= 15).then_some(Self { authority, parts })
    }

    /// Appends the identifier as stored: sub-authorities little-endian, the authority big-endian.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        out.push(self.parts.len() as u8);
        out.extend_from_slice(&self.authority.to_be_bytes()[2..]);
        for part in &self.parts {
            out.extend_from_slice(&part.to_le_bytes());
        }
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S-1-{}", self.authority)?;
        self.parts.iter().try_for_each(|part| write!(f, "-{part}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_are_stored_as_windows_stores_them() {
        // The Sysmon provider's GUID, and its bytes as they stand in real logs.
        let guid = Guid::parse("{5770385F-C22A-43E0-BF4C-06F5698FFBD9}").expect("a GUID");
        let stored =
            [0x5f, 0x38, 0x70, 0x57, 0x2a, 0xc2, 0xe0, 0x43, 0xbf, 0x4c, 0x06, 0xf5, 0x69, 0x8f, 0xfb, 0xd9];
        assert_eq!(guid.to_wire(), stored);
        assert_eq!(guid.to_string(), "{5770385f-c22a-43e0-bf4c-06f5698ffbd9}");
        assert_eq!(Guid::parse("{5770385F-C22A-43E0-BF4C-06F5698FFBD9"), None);
        assert_eq!(Guid::parse("5770385FC22A-43E0-BF4C-06F5698FFBD9"), None);
        assert_eq!(Guid::parse("+770385F-C22A-43E0-BF4C-06F5698FFBD9"), None);
    }

    #[test]
    fn sids_are_stored_as_windows_stores_them() {
        let mut bytes = Vec::new();
        Sid::parse("S-1-5-18").expect("a SID").encode(&mut bytes);
        assert_eq!(bytes, [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]);
        let user = "S-1-5-21-4230534742-2542757381-3142984815-1111";
        assert_eq!(Sid::parse(user).expect("a SID").to_string(), user);
        assert_eq!(Sid::parse("S-2-5-18"), None);
        assert_eq!(Sid::parse("S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16"), None);
    }

    #[test]
    fn values_render_as_windows_renders_them() {
        assert_eq!(TypedValue::HexInt64(0x3e7).to_string(), "0x3e7");
        assert_eq!(TypedValue::Boolean(true).to_string(), "true");
        let mut bytes = Vec::new();
        TypedValue::Utf16(vec![0xd800]).encode(&mut bytes);
        TypedValue::Boolean(true).encode(&mut bytes);
        assert_eq!(bytes, [0, 0xd8, 0, 0, 1, 0, 0, 0]);
    }
}
