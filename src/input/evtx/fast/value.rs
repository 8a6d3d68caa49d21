//! One BinXML value → the text that the `evtx` crate renders for it (which is Windows's). It knows only the types that records usually hold; the
//! rest is left to the slow reader.

use std::fmt::Write;

use crate::input::bytes::{array_at, u8_at, u32_at};

/// BinXML value types (MS-EVEN6 2.2.12).
pub(super) const NULL: u8 = 0x00;
pub(super) const STRING: u8 = 0x01;
const INT8: u8 = 0x03;
const UINT8: u8 = 0x04;
const INT16: u8 = 0x05;
const UINT16: u8 = 0x06;
const INT32: u8 = 0x07;
const UINT32: u8 = 0x08;
const INT64: u8 = 0x09;
const UINT64: u8 = 0x0a;
pub(super) const BOOL: u8 = 0x0d;
const BINARY: u8 = 0x0e;
pub(super) const GUID: u8 = 0x0f;
pub(super) const SIZE_T: u8 = 0x10;
pub(super) const FILETIME: u8 = 0x11;
pub(super) const SID: u8 = 0x13;
pub(super) const HEX_INT32: u8 = 0x14;
pub(super) const HEX_INT64: u8 = 0x15;
pub(super) const BINXML: u8 = 0x21;
pub(super) const STRING_ARRAY: u8 = 0x81;

/// Whether `kind` is a value type at all.
pub(super) fn is_type(kind: u8) -> bool {
    matches!(kind, 0x00..=0x15 | 0x20 | 0x21 | 0x23 | 0x81..=0x95)
}

/// Whether a value of type `kind` may consist of `bytes`. What may not is unusual, not always wrong.
pub(super) fn is_usual(kind: u8, bytes: &[u8]) -> bool {
    u16::try_from(bytes.len()).is_ok_and(|len| may_have(kind, len))
        && match kind {
            SID => u8_at(bytes, 1)
                .is_some_and(|count| bytes.len() == usize::from(count).saturating_mul(4).saturating_add(8)),
            STRING_ARRAY => bytes.is_empty() || bytes.ends_with(&[0, 0]),
            _ => true,
        }
}

/// Whether a value of type `kind` may be `len` bytes long. It is all that [`is_usual`] asks but of [`SPECIAL`] ones.
fn may_have(kind: u8, len: u16) -> bool {
    has_length(traits(kind), len)
}

/// What is known of all values of a type, as bits: of the lower 32 each stands for a length that they may have, and see [`SPECIAL`].
#[inline(always)]
pub(super) fn traits(kind: u8) -> u64 {
    TRAITS.get(usize::from(kind)).copied().unwrap_or_default()
}

/// Whether a value with these traits may be `len` bytes long. From 30 bytes on only whether a length is even or odd counts.
#[inline(always)]
pub(super) fn has_length(traits: u64, len: u16) -> bool {
    traits.wrapping_shr(u32::from(len.min(30 | len & 1))) & 1 == 1
}

/// The trait of values that are looked at before they are asked for: they hold an instance, or more texts than one, or count what they hold.
pub(super) const SPECIAL: u64 = 1 << 32;

static TRAITS: [u64; 256] = all_traits();

#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "worked out by the compiler")]
const fn all_traits() -> [u64; 256] {
    const ANY: u64 = 0xFFFF_FFFF;
    const EVEN: u64 = 0x5555_5555;
    let mut traits = [0; 256];
    let mut kind = 0;
    while kind < traits.len() {
        #[expect(clippy::cast_possible_truncation, reason = "there are 256 types")]
        let known = kind as u8;
        traits[kind] = match known {
            NULL | BINARY => ANY,
            BINXML => ANY | SPECIAL,
            STRING => EVEN,
            STRING_ARRAY | SID => EVEN | SPECIAL,
            INT8 | UINT8 => 1 << 1,
            INT16 | UINT16 => 1 << 2,
            INT32 | UINT32 | HEX_INT32 | BOOL => 1 << 4,
            INT64 | UINT64 | HEX_INT64 | FILETIME => 1 << 8,
            SIZE_T => 1 << 4 | 1 << 8,
            GUID => 1 << 16,
            _ => 0,
        };
        kind += 1;
    }
    traits
}

/// The value as a number, when it is an unsigned one.
pub(super) fn number(kind: u8, bytes: &[u8]) -> Option<u64> {
    match kind {
        UINT8 => u8_at(bytes, 0).map(u64::from),
        UINT16 => array_at(bytes, 0).map(|bytes| u64::from(u16::from_le_bytes(bytes))),
        UINT32 => u32_at(bytes, 0).map(u64::from),
        UINT64 => array_at(bytes, 0).map(u64::from_le_bytes),
        _ => None,
    }
}

/// Appends the text of a usual value to `out`.
pub(super) fn write_text(kind: u8, bytes: &[u8], out: &mut String) {
    match kind {
        STRING => write_utf16(bytes, out),
        INT8 => write(out, signed::<1>(bytes)),
        INT16 => write(out, signed::<2>(bytes)),
        INT32 => write(out, signed::<4>(bytes)),
        INT64 => write(out, signed::<8>(bytes)),
        UINT8 | UINT16 | UINT32 | UINT64 => write(out, number(kind, bytes).unwrap_or_default()),
        BOOL => match signed::<4>(bytes) {
            0 => out.push_str("false"),
            1 => out.push_str("true"),
            other => write(out, other),
        },
        BINARY => write_hex(bytes, b"0123456789ABCDEF", out),
        GUID => write_guid(bytes, out),
        SIZE_T | HEX_INT32 | HEX_INT64 => write(out, format_args!("{:#x}", unsigned(bytes))),
        FILETIME => write_filetime(unsigned(bytes), out),
        SID => write_sid(bytes, out),
        _ => {}
    }
}

fn write(out: &mut String, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("a String takes any text");
}

/// The little-endian signed number of `N` bytes.
fn signed<const N: usize>(bytes: &[u8]) -> i64 {
    let raw: [u8; N] = array_at(bytes, 0).unwrap_or([0; N]);
    let fill = if raw.last().is_some_and(|&top| top >= 0x80) { 0xFF } else { 0 };
    let mut wide = [fill; 8];
    wide.iter_mut().zip(raw).for_each(|(wide, byte)| *wide = byte);
    i64::from_le_bytes(wide)
}

/// The little-endian unsigned number of up to eight bytes.
fn unsigned(bytes: &[u8]) -> u64 {
    let mut wide = [0; 8];
    wide.iter_mut().zip(bytes).for_each(|(wide, byte)| *wide = *byte);
    u64::from_le_bytes(wide)
}

/// The UTF-16 text up to its first NUL. As Windows does when it renders XML, what XML does not allow becomes `_`: control characters other than tab,
/// line feed and carriage return, lone surrogates, U+FFFE and U+FFFF.
pub(super) fn write_utf16(bytes: &[u8], out: &mut String) {
    let (units, _) = bytes.as_chunks::<2>();
    let units = units.strip_suffix(&[[0, 0]]).unwrap_or(units);
    let printable = |unit: &[u8; 2]| (unit[1] == 0) & (b' '..0x7f).contains(&unit[0]);
    if !units.iter().fold(true, |plain, unit| plain & printable(unit)) {
        out.reserve(units.len());
        return write_units(units, out);
    }
    // As bytes, checked once: much quicker than character by character.
    let mut text = std::mem::take(out).into_bytes();
    text.extend(units.iter().map(|unit| unit[0]));
    *out = String::from_utf8(text).expect("a String and ASCII after it are UTF-8");
}

fn write_units(units: &[[u8; 2]], out: &mut String) {
    let units = units.iter().map(|&unit| u16::from_le_bytes(unit)).take_while(|&unit| unit != 0);
    out.extend(char::decode_utf16(units).map(|character| match character {
        Ok(character @ ('\t' | '\n' | '\r')) => character,
        Ok('\0'..='\x1f' | '\u{FFFE}' | '\u{FFFF}') | Err(_) => '_',
        Ok(character) => character,
    }));
}

/// `{d1-d2-d3-d4}`, lower case; the first three parts are little-endian numbers (MS-DTYP 2.3.4).
fn write_guid(bytes: &[u8], out: &mut String) {
    let &[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes else { return };
    let digits = hex([d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p], b"0123456789abcdef");
    let digits = std::str::from_utf8(digits.as_flattened()).unwrap_or_default();
    let mut before = '{';
    for part in [0..8, 8..12, 12..16, 16..20, 20..32] {
        out.push(before);
        out.push_str(digits.get(part).unwrap_or_default());
        before = '-';
    }
    out.push('}');
}

fn write_hex(bytes: &[u8], digits: &[u8; 16], out: &mut String) {
    for part in bytes.chunks(16) {
        let mut block = [0; 16];
        block.iter_mut().zip(part).for_each(|(block, &byte)| *block = byte);
        let pairs = hex(block, digits);
        let pairs = pairs.get(..part.len()).unwrap_or_default();
        out.push_str(std::str::from_utf8(pairs.as_flattened()).unwrap_or_default());
    }
}

fn hex(bytes: [u8; 16], digits: &[u8; 16]) -> [[u8; 2]; 16] {
    let digit = |nibble: u8| digits.get(usize::from(nibble)).copied().unwrap_or(b'0');
    bytes.map(|byte| [digit(byte >> 4), digit(byte & 0xF)])
}

/// `S-R-A-S1-…` (MS-DTYP 2.4.2.1), the authority in decimal.
fn write_sid(bytes: &[u8], out: &mut String) {
    let &[revision, _, a, b, c, d, e, f, ref parts @ ..] = bytes else { return };
    let authority = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    write(out, format_args!("S-{revision}-{authority}"));
    for &part in parts.as_chunks::<4>().0 {
        write(out, format_args!("-{}", u32::from_le_bytes(part)));
    }
}

/// `2024-03-01T10:00:00.1234567Z`. Years past 9999 keep their last four digits, and what is past `i64::MAX` is all zeroes.
fn write_filetime(ticks: u64, out: &mut String) {
    const PER_SECOND: u64 = 10_000_000;
    const PER_DAY: u64 = 86_400 * PER_SECOND;
    if i64::try_from(ticks).is_err() {
        return out.push_str("0000-00-00T00:00:00.0000000Z");
    }
    let (year, month, day) = date(ticks / PER_DAY);
    let (second, fraction) = (ticks % PER_DAY / PER_SECOND, ticks % PER_SECOND);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let year = year % 10_000;
    write(
        out,
        format_args!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:07}Z"),
    );
}

/// Year, month and day of the proleptic Gregorian calendar, `days` after 1601-01-01.
fn date(days: u64) -> (u64, u64, u64) {
    const PER_ERA: u64 = 146_097;
    const PER_CENTURY: u64 = 36_524;
    const PER_FOUR_YEARS: u64 = 1_461;
    // Counted from 1600-03-01, so that the leap day ends a year, a cycle of four years and an era of four hundred.
    let days = days.saturating_add(306);
    let (era, rest) = (days / PER_ERA, days % PER_ERA);
    let century = (rest / PER_CENTURY).min(3);
    let rest = rest.saturating_sub(century.saturating_mul(PER_CENTURY));
    let (cycle, rest) = (rest / PER_FOUR_YEARS, rest % PER_FOUR_YEARS);
    let single = (rest / 365).min(3);
    let rest = rest.saturating_sub(single.saturating_mul(365));
    let years = [era.saturating_mul(400), century.saturating_mul(100), cycle.saturating_mul(4), single];
    let year = years.iter().fold(1600_u64, |sum, part| sum.saturating_add(*part));
    // Months from March on have 31, 30, 31, 30, 31 days, over and over: 153 in five.
    let month = rest.saturating_mul(5).saturating_add(2) / 153;
    let day = rest.saturating_sub(month.saturating_mul(153).saturating_add(2) / 5).saturating_add(1);
    if month < 10 {
        (year, month.saturating_add(3), day)
    } else {
        (year.saturating_add(1), month.saturating_sub(9), day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: u8, bytes: &[u8]) -> String {
        assert!(is_usual(kind, bytes), "{kind:#x} {bytes:?}");
        let mut out = String::new();
        write_text(kind, bytes, &mut out);
        out
    }

    #[test]
    fn numbers() {
        assert_eq!(text(INT8, &[0x80]), "-128");
        assert_eq!(text(INT16, &[0xFE, 0xFF]), "-2");
        assert_eq!(text(INT32, &i32::MIN.to_le_bytes()), "-2147483648");
        assert_eq!(text(INT64, &i64::MIN.to_le_bytes()), "-9223372036854775808");
        assert_eq!(text(UINT64, &u64::MAX.to_le_bytes()), "18446744073709551615");
        assert_eq!(text(HEX_INT64, &0x3e7_u64.to_le_bytes()), "0x3e7");
        assert_eq!(text(HEX_INT32, &[0; 4]), "0x0");
        assert_eq!(text(SIZE_T, &[0x10, 0, 0, 0]), "0x10");
        assert_eq!(text(BOOL, &[1, 0, 0, 0]), "true");
        assert_eq!(text(BOOL, &[0xFF; 4]), "-1");
    }

    #[test]
    fn texts_and_identifiers() {
        let units = [0x61_u16, 0x09, 0x01, 0xD83D, 0xDE00, 0xD800, 0xFFFF, 0xE9, 0, 0x62];
        let bytes: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        assert_eq!(text(STRING, &bytes), "a\t_😀__é");
        let guid = [0x72, 0xBB, 0x5A, 0x36, 0x44, 0x02, 0xD8, 0x5C, 0, 0, 0, 0x10, 0xEC, 0x1B, 0x2C, 0];
        assert_eq!(text(GUID, &guid), "{365abb72-0244-5cd8-0000-0010ec1b2c00}");
        assert_eq!(text(SID, &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0]), "S-1-5-32-544");
        assert_eq!(text(BINARY, &[0, 0xAB]), "00AB");
    }

    #[test]
    fn times_agree_with_jiff() {
        let epoch = jiff::civil::date(1601, 1, 1)
            .at(0, 0, 0, 0)
            .to_zoned(jiff::tz::TimeZone::UTC)
            .expect("UTC")
            .timestamp();
        let last = 2_650_466_807_999_999_999_u64;
        for ticks in (0..last).step_by(7_654_321_000_000_037).chain([1, last]) {
            let nanos = epoch.as_nanosecond() + i128::from(ticks) * 100;
            let expected = jiff::Timestamp::from_nanosecond(nanos).expect("in range");
            let expected = format!("{}.{:07}Z", expected.strftime("%Y-%m-%dT%H:%M:%S"), ticks % 10_000_000);
            assert_eq!(text(FILETIME, &ticks.to_le_bytes()), expected, "{ticks}");
        }
        assert_eq!(text(FILETIME, &u64::MAX.to_le_bytes()), "0000-00-00T00:00:00.0000000Z");
    }

    #[test]
    fn what_does_not_fit_its_type_is_unusual() {
        for (kind, len) in [
            (STRING, 3),
            (STRING, 65_533),
            (UINT16, 4),
            (UINT16, 34),
            (GUID, 15),
            (GUID, 48),
            (SID, 11),
            (STRING_ARRAY, 3),
            (0x02, 4),
            (0x0b, 4),
            (0x12, 16),
            (0xFF, 0),
        ] {
            assert!(!is_usual(kind, &vec![1; len]), "{kind:#x}");
        }
        for (kind, len) in
            [(STRING, 0), (STRING, 65_534), (BINARY, 0), (BINARY, 31), (BINARY, 65_535), (SIZE_T, 8)]
        {
            assert!(is_usual(kind, &vec![1; len]), "{kind:#x} {len}");
        }
    }
}
