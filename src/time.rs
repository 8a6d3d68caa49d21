//! Points in time as Windows counts them: 100 ns ticks, totally ordered, printed at a fixed width in UTC.
//!
//! This module never asks for a time zone: every time in evql is UTC.

use std::fmt;

/// 100 ns ticks between 1601-01-01 (FILETIME's epoch, MS-DTYP 2.3.3) and 1970-01-01.
const UNIX_EPOCH_TICKS: i64 = 116_444_736_000_000_000;
/// 100 ns ticks in a millisecond.
pub const TICKS_PER_MILLI: i64 = 10_000;
/// 100 ns ticks in a second.
pub const TICKS_PER_SECOND: i64 = 10_000_000;

/// A point in time: 100 ns ticks since 1601-01-01T00:00:00Z, as in a FILETIME (MS-DTYP 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time `ticks` × 100 ns after 1601-01-01. Values past `i64::MAX` saturate.
    pub fn from_filetime(ticks: u64) -> Self {
        Self(i64::try_from(ticks).unwrap_or(i64::MAX))
    }

    /// The time `millis` milliseconds after 1970-01-01 (negative: before), saturating.
    pub fn from_unix_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(TICKS_PER_MILLI).saturating_add(UNIX_EPOCH_TICKS))
    }

    /// The time `ticks` × 100 ns after 1601-01-01 (negative: before).
    pub fn from_ticks(ticks: i64) -> Self {
        Self(ticks)
    }

    /// 100 ns ticks since 1601-01-01.
    pub fn ticks(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since 1970-01-01, rounded towards the past.
    pub fn unix_millis(self) -> i64 {
        self.0.saturating_sub(UNIX_EPOCH_TICKS).div_euclid(TICKS_PER_MILLI)
    }

    /// Whole microseconds since 1970-01-01, rounded towards the past.
    pub fn unix_micros(self) -> i64 {
        self.0.saturating_sub(UNIX_EPOCH_TICKS).div_euclid(10)
    }

    /// This time cut to whole milliseconds: what Elasticsearch keeps of a `date`.
    pub fn truncated_to_millis(self) -> Self {
        Self::from_unix_millis(self.unix_millis())
    }

    /// 100 ns ticks from `earlier` to `self`; negative when `self` is before it.
    pub fn ticks_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This time and `ticks` × 100 ns more, saturating.
    pub fn plus_ticks(self, ticks: i64) -> Self {
        Self(self.0.saturating_add(ticks))
    }

    /// Parses Sysmon's `UtcTime` text, `yyyy-MM-dd HH:mm:ss.SSS` (the pattern of Elastic's Sysmon pipeline; a shorter or longer fraction is taken too),
    /// or an RFC 3339 time such as System/TimeCreated's; without an offset it is UTC. `None` when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(time) = parse_sysmon(text) {
            return Some(time);
        }
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Some(Self::from_jiff(instant));
        }
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Self::from_jiff(zoned.timestamp()))
    }

    /// The current time by the machine's clock, to the microseconds that are printed.
    pub fn now() -> Self {
        let now = Self::from_jiff(jiff::Timestamp::now());
        Self(now.0 - now.0.rem_euclid(10))
    }

    fn from_jiff(instant: jiff::Timestamp) -> Self {
        let ticks = instant.as_nanosecond().div_euclid(100) + i128::from(UNIX_EPOCH_TICKS);
        Self(i64::try_from(ticks).unwrap_or(i64::MAX))
    }

    /// `None` past the years jiff can print (-9999 to 9999).
    fn to_jiff(self) -> Option<jiff::Timestamp> {
        let nanos = (i128::from(self.0) - i128::from(UNIX_EPOCH_TICKS)) * 100;
        jiff::Timestamp::from_nanosecond(nanos).ok()
    }

    /// `2024-03-01T10:00:00.123Z`: ISO 8601 with milliseconds, as Elasticsearch prints a date.
    pub fn to_iso_millis(self) -> String {
        let Some(instant) = self.to_jiff() else { return self.to_string() };
        let at = jiff::tz::Offset::UTC.to_datetime(instant);
        // Digit by digit: an export prints some millions of times.
        let mut text = [0; 24];
        let parts = [
            (i32::from(at.year()), 4, b'-'),
            (i32::from(at.month()), 2, b'-'),
            (i32::from(at.day()), 2, b'T'),
            (i32::from(at.hour()), 2, b':'),
            (i32::from(at.minute()), 2, b':'),
            (i32::from(at.second()), 2, b'.'),
            (at.subsec_nanosecond() / 1_000_000, 3, b'Z'),
        ];
        if !(0..=9999).contains(&at.year()) {
            return instant.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        }
        let mut free = text.iter_mut();
        for (number, count, after) in parts {
            let powers = [1_000, 100, 10, 1];
            for power in powers.iter().skip(powers.len() - count) {
                free.next().into_iter().for_each(|byte| *byte = b'0' + (number / power % 10) as u8);
            }
            free.next().into_iter().for_each(|byte| *byte = after);
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// `2024-03-01 10:00:00.123`: as Sysmon writes UtcTime.
    pub fn to_sysmon(self) -> String {
        self.to_iso_millis().trim_end_matches('Z').replace('T', " ")
    }

    /// `20240301T100000Z`: for file names.
    pub fn to_compact(self) -> String {
        match self.to_jiff() {
            Some(instant) => instant.strftime("%Y%m%dT%H%M%SZ").to_string(),
            None => self.0.to_string(),
        }
    }
}

/// `2024-03-01T10:00:00.123000+00:00`: always six digits and an explicit offset, so that text sorts as time does and pandas parses every row alike.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_jiff() {
            Some(instant) => write!(f, "{}", instant.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00")),
            None => write!(f, "FILETIME {}", self.0),
        }
    }
}

/// As it is displayed.
impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// As it is displayed, which is to the microsecond.
impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let past_printing = text.strip_prefix("FILETIME ").and_then(|ticks| ticks.parse().ok()).map(Self);
        past_printing
            .or_else(|| Self::parse(&text))
            .ok_or_else(|| serde::de::Error::custom(format_args!("{text:?} is no time")))
    }
}

/// Times as whole ticks, for lines that machines read back: `#[serde(with = "ticks")]`. What is displayed has lost the last digit.
pub mod ticks {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Timestamp;

    /// As a number of 100 ns ticks since 1601.
    ///
    /// # Errors
    /// What the serializer says.
    pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(time.ticks())
    }

    /// From a number of 100 ns ticks since 1601.
    ///
    /// # Errors
    /// When there is no such number.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(deserializer).map(Timestamp::from_ticks)
    }

    /// The same for a time that may be missing: `null`.
    pub mod option {
        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        use super::Timestamp;

        /// As a number of 100 ns ticks since 1601, or `null`.
        ///
        /// # Errors
        /// What the serializer says.
        pub fn serialize<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
            time.map(Timestamp::ticks).serialize(serializer)
        }

        /// From a number of 100 ns ticks since 1601, a time as it is displayed, or `null`.
        ///
        /// # Errors
        /// When there is none of these.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Timestamp>, D::Error> {
            /// A stream's number, or the text of a run's record.
            #[derive(Deserialize)]
            #[serde(untagged)]
            enum Written {
                Ticks(i64),
                Text(Timestamp),
            }
            Ok(Option::<Written>::deserialize(deserializer)?.map(|written| match written {
                Written::Ticks(ticks) => Timestamp::from_ticks(ticks),
                Written::Text(time) => time,
            }))
        }
    }
}

/// The time in `yyyy-MM-dd HH:mm:ss.SSS` to the letter, which is nearly every text that is parsed; `None` leaves it to jiff, whatever it is.
fn parse_sysmon(text: &str) -> Option<Timestamp> {
    const DAYS_BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let bytes: &[u8; 23] = text.as_bytes().try_into().ok()?;
    let shape = bytes.map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    if &shape != b"0000-00-00 00:00:00.000" {
        return None;
    }
    let number = |part: &[u8]| part.iter().fold(0_i64, |sum, byte| sum * 10 + i64::from(byte - b'0'));
    let (year, month, day) = (number(&bytes[..4]), number(&bytes[5..7]), number(&bytes[8..10]));
    let (hour, minute, second) = (number(&bytes[11..13]), number(&bytes[14..16]), number(&bytes[17..19]));
    // Days 29 to 31 are jiff's, and what no clock shows.
    let plain = year >= 1601 && (1..=28).contains(&day) && hour < 24 && minute < 60 && second < 60;
    let before = DAYS_BEFORE.get(usize::try_from(month).ok()?.checked_sub(1)?).filter(|_| plain)?;
    let years = year - 1601;
    let leap = (year % 4 == 0 && year % 100 != 0 || year % 400 == 0) && month > 2;
    let days = years * 365 + years / 4 - years / 100 + years / 400 + before + i64::from(leap) + day - 1;
    let millis = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + number(&bytes[20..]);
    Some(Timestamp(millis * TICKS_PER_MILLI))
}

/// A span of 100 ns ticks for a reader: `1.406 s`, `2 min 3.000 s`; from an hour on `1 h 2 min 3 s`, from a day on `1 d 1 h`.
pub fn span(ticks: i64) -> String {
    let millis = ticks.div_euclid(TICKS_PER_MILLI);
    let (seconds, rest) = (millis.div_euclid(1_000), millis.rem_euclid(1_000));
    match seconds {
        ..60 => format!("{seconds}.{rest:03} s"),
        60..3_600 => format!("{} min {}.{rest:03} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min {} s", seconds / 3_600, seconds / 60 % 60, seconds % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sysmon_and_rfc3339_texts_mean_the_same_instant() {
        let sysmon = Timestamp::parse("2019-05-12 18:35:05.155").expect("Sysmon text");
        let rfc = Timestamp::parse("2019-05-12T18:35:05.155Z").expect("RFC 3339");
        assert_eq!(sysmon, rfc);
        assert_eq!(sysmon.unix_millis(), 1_557_686_105_155);
        assert_eq!(Timestamp::parse("-"), None);
        assert_eq!(Timestamp::parse("2019-13-12 18:35:05.155"), None);
    }

    #[test]
    fn the_short_way_agrees_with_jiff() {
        let by_jiff = |text: &str| {
            let civil: jiff::civil::DateTime = text.parse().ok()?;
            Some(Timestamp::from_jiff(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()))
        };
        for year in [1600, 1601, 1700, 1899, 1900, 1904, 1970, 1999, 2000, 2001, 2023, 2024, 2100, 9998, 9999]
        {
            for day in 1..=366 {
                let (month, day) = (day / 31 + 1, day % 31 + 1);
                let text = format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:59.0{day:02}", day % 24, day);
                assert_eq!(Timestamp::parse(&text), by_jiff(&text), "{text}");
                assert!(day > 28 || year < 1601 || parse_sysmon(&text).is_some(), "{text}");
            }
        }
        for text in [
            "2019-05-12 24:00:00.000",
            "2019-05-12 23:60:00.000",
            "2019-05-12 23:59:60.000",
            "2019-00-12 23:59:59.000",
            "2019-13-12 23:59:59.000",
            "2019-05-00 23:59:59.000",
            "2019-05-12 23:59:59,000",
            "2019-05-12 23:59:5\u{e9}.00",
        ] {
            assert_eq!(parse_sysmon(text), None, "{text}");
        }
    }

    #[test]
    fn printing_is_fixed_width() {
        let whole = Timestamp::from_unix_millis(0);
        assert_eq!(whole.to_string(), "1970-01-01T00:00:00.000000+00:00");
        assert_eq!(whole.to_iso_millis(), "1970-01-01T00:00:00.000Z");
        let ticks = Timestamp::from_filetime(132_000_000_000_000_001);
        assert_eq!(ticks.to_string(), "2019-04-17T18:40:00.000000+00:00");
        assert_eq!(ticks.ticks_since(ticks.truncated_to_millis()), 1);
    }

    #[test]
    fn what_is_written_is_read() {
        for ticks in [i64::MIN, -1, 0, 10, 132_000_000_000_000_010, i64::MAX] {
            let time = Timestamp::from_ticks(ticks);
            let json = serde_json::to_string(&time).expect("JSON");
            let read: Timestamp = serde_json::from_str(&json).expect("a time");
            assert_eq!(read.to_string(), time.to_string());
            assert!(time.ticks_since(read) < 10, "{json}");
        }
        assert!(serde_json::from_str::<Timestamp>("\"yesterday\"").is_err());
    }

    #[test]
    fn extremes_do_not_panic() {
        for ticks in [0, 1, u64::MAX] {
            let time = Timestamp::from_filetime(ticks);
            assert!(!time.to_string().is_empty());
            assert!(!time.to_iso_millis().is_empty());
        }
        assert!(Timestamp::from_unix_millis(i64::MIN) < Timestamp::from_unix_millis(i64::MAX));
    }

    #[test]
    fn spans_read_as_a_person_says_them() {
        for (ticks, words) in [
            (0, "0.000 s"),
            (14_062_500, "1.406 s"),
            (3_000_010_000, "5 min 0.001 s"),
            (36_610_000_000, "1 h 1 min 1 s"),
            (900_000_000_000, "1 d 1 h"),
        ] {
            assert_eq!(span(ticks), words);
        }
    }
}
