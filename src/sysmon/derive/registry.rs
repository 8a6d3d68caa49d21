//! TargetObject and Details as Elastic's pipeline reads them. It does not open a hive.

use std::borrow::Cow;

/// Root keys by the names Windows gives them, and the short form under which ECS files them.
const HIVES: [(&str, &str); 14] = [
    ("HKEY_CLASSES_ROOT", "HKCR"),
    ("HKCR", "HKCR"),
    ("HKEY_CURRENT_CONFIG", "HKCC"),
    ("HKCC", "HKCC"),
    ("HKEY_CURRENT_USER", "HKCU"),
    ("HKCU", "HKCU"),
    ("HKEY_DYN_DATA", "HKDD"),
    ("HKDD", "HKDD"),
    ("HKEY_LOCAL_MACHINE", "HKLM"),
    ("HKLM", "HKLM"),
    ("HKEY_PERFORMANCE_DATA", "HKPD"),
    ("HKPD", "HKPD"),
    ("HKEY_USERS", "HKU"),
    ("HKU", "HKU"),
];

/// The hive's short name, when the path begins with a root key (`\REGISTRY\MACHINE\…` does not).
pub(crate) fn hive(path: &str) -> Option<&'static str> {
    let root = path.split('\\').next()?;
    HIVES.iter().find(|(name, _)| *name == root).map(|(_, short)| *short)
}

/// Everything below the hive, value name included; trailing backslashes dropped.
pub(crate) fn key(path: &str) -> Option<&str> {
    hive(path)?;
    let (_, key) = path.trim_end_matches('\\').split_once('\\')?;
    Some(key)
}

/// The last element of the path: the value's name, or the key's own for an event about a key.
pub(crate) fn value(path: &str) -> Option<&str> {
    let path = path.trim_end_matches('\\');
    let name = path.rsplit_once('\\').map_or(path, |(_, name)| name);
    Some(name).filter(|name| !name.is_empty())
}

/// What Details says was written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Data<'a> {
    /// `DWORD (0x…)`
    Dword(u64),
    /// `QWORD (0x…-0x…)`: Elastic shifts the high half by 8 where 32 would be right, and rules are written against that.
    Qword(u64),
    /// `Binary Data`
    Binary(&'a str),
    /// Anything else, `(Empty)` too.
    Text(&'a str),
}

impl<'a> Data<'a> {
    /// Reads Details.
    pub(crate) fn parse(details: &'a str) -> Self {
        if let Some(number) = inside(details, "DWORD (").and_then(half) {
            return Self::Dword(number);
        }
        let halves = inside(details, "QWORD (").and_then(|text| text.split_once('-'));
        if let Some((high, low)) = halves.and_then(|(high, low)| Some((half(high)?, half(low)?))) {
            return Self::Qword((high << 8).saturating_add(low));
        }
        if details == "Binary Data" { Self::Binary(details) } else { Self::Text(details) }
    }

    /// `registry.data.strings`: numbers in decimal.
    pub(crate) fn into_text(self) -> Cow<'a, str> {
        match self {
            Self::Dword(number) | Self::Qword(number) => Cow::Owned(number.to_string()),
            Self::Binary(text) | Self::Text(text) => Cow::Borrowed(text),
        }
    }

    /// `registry.data.type`
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Dword(_) => "SZ_DWORD",
            Self::Qword(_) => "SZ_QWORD",
            Self::Binary(_) => "REG_BINARY",
            Self::Text(_) => "REG_SZ",
        }
    }
}

/// What stands between `opening` (in any case) and the closing parenthesis that ends `text`.
fn inside<'a>(text: &'a str, opening: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(opening.len())?;
    head.eq_ignore_ascii_case(opening).then(|| rest.strip_suffix(')'))?
}

/// `0x` in either case and exactly eight hexadecimal digits.
fn half(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    let plain = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u64::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_come_apart_below_a_known_root() {
        let table = [
            (r"HKLM\SOFTWARE\Run\x", Some("HKLM"), Some(r"SOFTWARE\Run\x"), Some("x")),
            (r"HKEY_USERS\S-1-5-18\a\", Some("HKU"), Some(r"S-1-5-18\a"), Some("a")),
            (r"\REGISTRY\MACHINE\x", None, None, Some("x")),
            ("HKLM", Some("HKLM"), None, Some("HKLM")),
            (r"hklm\x", None, None, Some("x")),
            (r"\\", None, None, None),
        ];
        for (path, expected_hive, expected_key, expected_value) in table {
            assert_eq!(hive(path), expected_hive, "{path}");
            assert_eq!(key(path), expected_key, "{path}");
            assert_eq!(value(path), expected_value, "{path}");
        }
    }

    #[test]
    fn details_tell_type_and_number() {
        let table = [
            ("DWORD (0x00000001)", Data::Dword(1)),
            ("dword (0X0000000A)", Data::Dword(10)),
            ("DWORD (0x1)", Data::Text("DWORD (0x1)")),
            ("QWORD (0x00000001-0x00000002)", Data::Qword(258)),
            ("QWORD (0xFFFFFFFF-0xFFFFFFFF)", Data::Qword((0xFFFF_FFFF << 8) + 0xFFFF_FFFF)),
            ("QWORD (0x+0000001-0x00000002)", Data::Text("QWORD (0x+0000001-0x00000002)")),
            ("Binary Data", Data::Binary("Binary Data")),
            ("binary data", Data::Text("binary data")),
            ("(Empty)", Data::Text("(Empty)")),
        ];
        for (details, expected) in table {
            assert_eq!(Data::parse(details), expected, "{details}");
        }
    }
}
