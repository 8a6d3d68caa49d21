//! Points and spans of time as the command line takes them. All are UTC unless they say otherwise.

use evql::time::{TICKS_PER_SECOND, Timestamp};

const DAY: i64 = 86_400;

/// `--from`.
pub fn from(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(wanted)
}

/// `--to`: a date alone is the end of that day.
pub fn to(text: &str) -> Result<Timestamp, String> {
    let time = from(text)?;
    let is_date = text.trim().bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    Ok(if is_date { later(time, DAY) } else { time })
}

/// `--last`: so long before now.
pub fn last(text: &str) -> Result<Timestamp, String> {
    let wanted = || "write a number and s, m, h, d or w, for instance `90m` or `7d`".to_owned();
    let (unit, number) =
        (text.chars().next_back().ok_or_else(wanted)?, text.get(..text.len().saturating_sub(1)));
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => DAY,
        'w' => 7 * DAY,
        _ => return Err(wanted()),
    };
    let number: u32 = number.and_then(|number| number.parse().ok()).ok_or_else(wanted)?;
    Ok(later(Timestamp::now(), i64::from(number).saturating_mul(-seconds)))
}

fn wanted() -> String {
    "write a time such as `2024-03-01T10:00:00Z`, `2024-03-01 10:00` (UTC) or `2024-03-01`".to_owned()
}

fn later(time: Timestamp, seconds: i64) -> Timestamp {
    time.plus_ticks(seconds.saturating_mul(TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(time: Result<Timestamp, String>) -> String {
        time.map_or_else(|error| error, |time| time.to_string())
    }

    #[test]
    fn times_are_utc_unless_they_say_otherwise() {
        assert_eq!(shown(from("2024-03-01")), "2024-03-01T00:00:00.000000+00:00");
        assert_eq!(shown(to("2024-03-01")), "2024-03-02T00:00:00.000000+00:00");
        for time in [from, to] {
            assert_eq!(shown(time("2024-03-01 10:20")), "2024-03-01T10:20:00.000000+00:00");
            assert_eq!(shown(time("2024-03-01T10:20:30.5+02:00")), "2024-03-01T08:20:30.500000+00:00");
            assert!(time("yesterday").is_err());
        }
    }

    #[test]
    fn a_span_counts_back_from_now() {
        let before = Timestamp::now();
        let time = last("2h").expect("a span");
        let ago = before.ticks_since(time);
        assert!((0..=2 * 3_600 * TICKS_PER_SECOND).contains(&ago), "{ago}");
        assert!(ago > 2 * 3_600 * TICKS_PER_SECOND - 60 * TICKS_PER_SECOND, "{ago}");
        for wrong in ["", "7", "d", "-1d", "1.5h", "7y", "7 d\u{e9}"] {
            assert!(last(wrong).is_err(), "{wrong}");
        }
    }
}
