//! GUIDs of processes as what tells them apart, without their text where the record holds the number itself.

use super::check;

/// A GUID, or what stands in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Guid<'a> {
    /// Its 32 hexadecimal digits as one number.
    Number(u128),
    /// A text that is no GUID.
    Text(&'a str),
}

impl<'a> Guid<'a> {
    /// What `text` tells, whichever way it spells a GUID.
    pub fn of(text: &'a str) -> Self {
        let number = || {
            let digits = text.bytes().filter_map(|byte| char::from(byte).to_digit(16));
            digits.fold(0_u128, |number, digit| number << 4 | u128::from(digit))
        };
        if check::is_guid(text) { Self::Number(number()) } else { Self::Text(text) }
    }

    /// The GUID that a record holds as these bytes, whose first three parts are little-endian (MS-DTYP 2.3.4); `None` for the one of nothing but zeroes, which
    /// stands for none.
    pub(super) fn of_bytes(bytes: [u8; 16]) -> Option<Self> {
        let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
        let number = u64::from_be_bytes([d, c, b, a, f, e, h, g]);
        let number = u128::from(number) << 64 | u128::from(u64::from_be_bytes(rest));
        (number != 0).then_some(Self::Number(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_the_same_guid() {
        let number = Guid::Number(0x365a_bb72_1d4c_5ce0_0123_4567_89ab_cdef);
        for text in ["{365ABB72-1D4C-5CE0-0123-456789ABCDEF}", "365abb72-1d4c-5ce0-0123-456789abcdef"] {
            assert_eq!(Guid::of(text), number);
        }
        let bytes = *b"\x72\xbb\x5a\x36\x4c\x1d\xe0\x5c\x01\x23\x45\x67\x89\xab\xcd\xef";
        assert_eq!(Guid::of_bytes(bytes), Some(number));
        assert_eq!(Guid::of_bytes([0; 16]), None);
        assert_eq!(Guid::of("365abb72"), Guid::Text("365abb72"));
    }
}
