//! Numbers, times and severities in the words that every report uses. It escapes nothing: writers and templates do.
//!
//! Arguments come by value or by reference, since a template cannot dereference.

use std::borrow::Borrow;
use std::fmt::Display;

use crate::finding::{Clock, Severity};
use crate::time::Timestamp;

/// `12,310`
pub fn grouped(number: impl Display) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `2024-03-01 10:00:00.123Z`
pub fn moment(time: impl Borrow<Timestamp>) -> String {
    time.borrow().to_iso_millis().replacen('T', " ", 1)
}

/// [`moment`], or an en dash.
pub fn optional(time: impl Borrow<Option<Timestamp>>) -> String {
    time.borrow().map_or_else(|| "–".to_owned(), moment)
}

/// `1 finding`, `2 findings`
pub fn counted(number: impl Display, word: &str) -> String {
    let number = grouped(number);
    let end = if number == "1" { "" } else { "s" };
    format!("{number} {word}{end}")
}

/// At most `limit` of `names`, and how many more.
pub fn some_of(names: &[String], limit: usize) -> String {
    let more = names.len().saturating_sub(limit);
    let shown = names.iter().take(limit).map(String::as_str).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// A shape per severity, so that colour is never the only sign.
pub fn shape(severity: impl Borrow<Severity>) -> &'static str {
    match severity.borrow() {
        Severity::Critical => "◆",
        Severity::High => "▲",
        Severity::Medium => "●",
        Severity::Low => "○",
    }
}

/// The Windows name of the time that ordered events.
pub fn clock_name(clock: Clock) -> &'static str {
    match clock {
        Clock::Created => "TimeCreated",
        Clock::Utc => "UtcTime",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_counts_read_well() {
        assert_eq!(grouped(0_u64), "0");
        assert_eq!(grouped(999_u64), "999");
        assert_eq!(grouped(1_000_u64), "1,000");
        assert_eq!(grouped(12_345_678_u64), "12,345,678");
        assert_eq!(counted(1, "host"), "1 host");
        assert_eq!(counted(1_200, "host"), "1,200 hosts");
        assert_eq!(some_of(&["a".to_owned(), "b".to_owned(), "c".to_owned()], 2), "a, b and 1 more");
    }
}
