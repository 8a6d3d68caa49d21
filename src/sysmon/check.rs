//! Whether a data text is what its field holds. It judges one text at a time and decides nothing.

use std::net::IpAddr;

use super::derive::{Part, boolean};
use super::schema::{DataField, InType};
use crate::time::Timestamp;

/// What `text` should have been, when it is not that.
pub(super) fn mismatch(field: &DataField, text: &str) -> Option<&'static str> {
    let wrong_type = match field.in_type {
        InType::Guid => (!is_guid(text)).then_some("a GUID"),
        InType::UInt32 => text.parse::<u32>().is_err().then_some("a number of 32 bits"),
        InType::UInt16 => text.parse::<u16>().is_err().then_some("a number of 16 bits"),
        InType::HexInt64 | InType::HexInt32 => (!is_hex(text)).then_some("a hexadecimal number"),
        InType::Boolean => boolean(text).is_none().then_some("true or false"),
        InType::UnicodeString => None,
    };
    let holds = |wanted| field.supplies.iter().any(|(_, part)| *part == wanted);
    wrong_type.or_else(|| {
        if holds(Part::Address) && text.parse::<IpAddr>().is_err() {
            return Some("an IP address");
        }
        (holds(Part::Timestamp) && Timestamp::parse(text).is_none()).then_some("a time")
    })
}

/// Whether `text` is what `field` holds, of those fields that do not hold any text.
pub(super) fn fits_alone(field: &DataField, text: &str) -> bool {
    // No type takes a text of nothing but an odd character.
    mismatch(field, "\u{1}").is_some() && mismatch(field, text).is_none()
}

/// 8-4-4-4-12 hexadecimal digits, in braces or bare.
pub(super) fn is_guid(text: &str) -> bool {
    let bare = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    bare.len() == 36
        && bare.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_hex(text: &str) -> bool {
    text.strip_prefix("0x").is_some_and(|digits| !digits.is_empty() && is_digits(digits))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_are_told_with_and_without_braces() {
        assert!(is_guid("{365ABB72-1D4C-5CE0-0000-0010F1D70300}"));
        assert!(is_guid("365abb72-1d4c-5ce0-0000-0010f1d70300"));
        for text in [
            "",
            "{}",
            "{365ABB72-1D4C-5CE0-0000-0010F1D7030}",
            "365abb72_1d4c",
            "365ABB721-D4C-5CE0-0000-0010F1D70300",
            "365ABB72-1D4C-5CE0-0000-0010F1D7030g",
            "{365ABB72-1D4C-5CE0-0000-0010F1D70300",
        ] {
            assert!(!is_guid(text), "{text}");
        }
    }
}
