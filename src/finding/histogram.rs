//! Counts over time in bounded memory, whatever the times are. It knows nothing of what is counted.

use crate::time::{TICKS_PER_SECOND, Timestamp};

/// Buckets that hold something, at most.
const BUCKETS: usize = 128;
/// Buckets are at least 2⁸ seconds (4 min 16 s) wide, so that any time's number fits 32 bits.
const NARROWEST: u32 = 8;
/// Nor wider than 2⁴⁰ seconds: no time is later.
const WIDEST: u32 = 40;

/// How many there were when: buckets of 2ⁿ seconds since 1601, only those kept that hold something. When there would be more than 128 of them the
/// width doubles. The result depends on what was added alone, neither on the order nor on what was merged with what. Times before 1601 count as 1601.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    /// The width is 2 to this many seconds.
    shift: u32,
    /// Number and count, by number. Counts saturate.
    buckets: Vec<(u32, u32)>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { shift: NARROWEST, buckets: Vec::new() }
    }
}

impl Histogram {
    /// Counts one at `time`.
    pub fn add(&mut self, time: Timestamp) {
        let number = self.number(time);
        match self.buckets.binary_search_by_key(&number, |(number, _)| *number) {
            Ok(at) => {
                if let Some((_, count)) = self.buckets.get_mut(at) {
                    *count = count.saturating_add(1);
                }
            }
            Err(at) => {
                self.buckets.insert(at, (number, 1));
                self.fit();
            }
        }
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        self.widen(other.shift);
        let mut other = other.clone();
        other.widen(self.shift);
        self.buckets.append(&mut other.buckets);
        self.buckets.sort_unstable_by_key(|(number, _)| *number);
        self.join();
        self.fit();
    }

    /// The width of a bucket, in seconds.
    pub fn width(&self) -> u64 {
        1 << self.shift
    }

    /// The buckets that hold something, in order of time: beginning, end (which the bucket does not hold) and count.
    pub fn buckets(&self) -> impl Iterator<Item = (Timestamp, Timestamp, u32)> {
        let edge = |number: u64| {
            let seconds = number << self.shift;
            Timestamp::from_filetime(seconds.saturating_mul(TICKS_PER_SECOND.unsigned_abs()))
        };
        self.buckets
            .iter()
            .map(move |(number, count)| (edge(u64::from(*number)), edge(u64::from(*number) + 1), *count))
    }

    /// How many buckets hold something.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// Whether something was counted in the bucket that `time` falls into.
    pub fn holds(&self, time: Timestamp) -> bool {
        self.buckets.binary_search_by_key(&self.number(time), |(number, _)| *number).is_ok()
    }

    /// The same at no less than `width`'s resolution: buckets of at least so many seconds (a power of two).
    pub fn at_width(&self, width: u64) -> Self {
        let mut wide = self.clone();
        wide.widen(width.max(1).ilog2());
        wide
    }

    /// It as one line: the width as a power of two, then per bucket how many further it is than the one before (the first: its number), and its count
    /// where that is not 1: `8 50993472 1x3 2`.
    pub fn to_text(&self) -> String {
        let mut text = self.shift.to_string();
        let mut before = 0;
        for (number, count) in &self.buckets {
            text.push_str(&format!(" {}", number - before));
            if *count != 1 {
                text.push_str(&format!("x{count}"));
            }
            before = *number;
        }
        text
    }

    /// What [`Histogram::to_text`] wrote; `None` when `text` is no such line.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let shift = words.next()?.parse().ok().filter(|shift| (NARROWEST..=WIDEST).contains(shift))?;
        let mut buckets: Vec<(u32, u32)> = Vec::new();
        for word in words.take(BUCKETS + 1) {
            let (further, count) = word.split_once('x').unwrap_or((word, "1"));
            let (further, count): (u32, u32) = (further.parse().ok()?, count.parse().ok()?);
            let number = match buckets.last() {
                Some((before, _)) => before.checked_add(further).filter(|number| number > before)?,
                None => further,
            };
            buckets.push((number, count));
        }
        (buckets.len() <= BUCKETS).then_some(Self { shift, buckets })
    }

    fn number(&self, time: Timestamp) -> u32 {
        let seconds = time.ticks().max(0) / TICKS_PER_SECOND;
        // 2⁶³ ticks are less than 2⁴⁰ seconds.
        u32::try_from(seconds >> self.shift).unwrap_or(u32::MAX)
    }

    fn fit(&mut self) {
        while self.buckets.len() > BUCKETS {
            self.widen(self.shift + 1);
        }
    }

    /// Makes buckets of 2 to the `shift` seconds, unless they are wider already.
    fn widen(&mut self, shift: u32) {
        let by = shift.saturating_sub(self.shift);
        if by == 0 {
            return;
        }
        self.buckets.iter_mut().for_each(|(number, _)| *number = number.checked_shr(by).unwrap_or_default());
        self.shift = shift;
        self.join();
    }

    /// Makes one of buckets with the same number.
    fn join(&mut self) {
        self.buckets.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 = kept.1.saturating_add(later.1);
            }
            same
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(times: &[i64]) -> Histogram {
        let mut histogram = Histogram::default();
        times.iter().for_each(|millis| histogram.add(Timestamp::from_unix_millis(*millis)));
        histogram
    }

    #[test]
    fn a_day_keeps_its_hours_and_a_year_its_weeks() {
        const HOUR: i64 = 3_600_000;
        let day = of(&(0..24).map(|hour| hour * HOUR).collect::<Vec<_>>());
        assert_eq!((day.width(), day.len()), (256, 24));
        let year = of(&(0..365 * 24).map(|hour| hour * HOUR).collect::<Vec<_>>());
        // 31,536,000 s in at most 128 buckets: 2¹⁸ s are the least power of two.
        assert_eq!(year.width(), 262_144);
        assert_eq!(year.buckets().map(|(.., count)| count).sum::<u32>(), 365 * 24);
    }

    #[test]
    fn what_is_written_down_is_read_back_and_nothing_else_is_a_histogram() {
        let written = serde_json::to_string(&of(&[0, 3_600_000, 3_600_001])).expect("JSON");
        let read: Histogram = serde_json::from_str(&written).expect("a histogram");
        assert_eq!(read, of(&[0, 3_600_000, 3_600_001]));
        for wrong in ["[64,[]]", "[7,[]]", "[8,[[2,1],[1,1]]]", "[8,[[1,1],[1,1]]]", "[8]"] {
            assert!(serde_json::from_str::<Histogram>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_wrong_clock_costs_one_bucket() {
        let mut times: Vec<i64> = (0..100).map(|minute| minute * 600_000).collect();
        times.push(-11_644_473_600_000);
        let histogram = of(&times);
        assert_eq!((histogram.width(), histogram.len()), (256, 101));
        assert_eq!(histogram.buckets().next().map(|(start, ..)| start), Some(Timestamp::default()));
    }

    #[test]
    fn no_time_is_too_far() {
        let mut histogram = of(&[i64::MIN, i64::MAX]);
        histogram.add(Timestamp::from_filetime(u64::MAX));
        assert_eq!(histogram.buckets().map(|(.., count)| count).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(histogram.at_width(u64::MAX).len(), 1);
    }

    #[test]
    fn a_line_that_is_none_is_refused() {
        let many = format!("8{}", " 1".repeat(BUCKETS + 1));
        for text in ["", "7", "41", "8 ", "8 1 0", "8 1x", "8 4294967295 1", "8 -1", "8  1", &many] {
            assert_eq!(Histogram::from_text(text), None, "{text}");
        }
        assert_eq!(Histogram::from_text("8"), Some(Histogram::default()));
    }

    proptest! {
        #[test]
        fn any_order_and_any_partition_give_the_same(
            times in prop::collection::vec(0_i64..2_000_000_000_000, 0..600),
            cuts in prop::collection::vec(1_usize..40, 1..8),
            narrow in prop::bool::ANY,
        ) {
            let times: Vec<i64> = times.into_iter().map(|time| if narrow { time / 1_000 } else { time }).collect();
            let whole = of(&times);
            let mut parts = Vec::new();
            let mut left = times.as_slice();
            for cut in cuts.iter().cycle() {
                if left.is_empty() {
                    break;
                }
                let (part, rest) = left.split_at((*cut).min(left.len()));
                parts.push(of(part));
                left = rest;
            }
            let merged = |parts: &mut dyn Iterator<Item = &Histogram>| {
                parts.fold(Histogram::default(), |mut sum, part| { sum.merge(part); sum })
            };
            prop_assert_eq!(&merged(&mut parts.iter()), &whole);
            prop_assert_eq!(&merged(&mut parts.iter().rev()), &whole);
            prop_assert!(whole.len() <= BUCKETS);
            prop_assert_eq!(Histogram::from_text(&whole.to_text()), Some(whole.clone()));
            prop_assert_eq!(whole.buckets().map(|(.., count)| count as usize).sum::<usize>(), times.len());
        }
    }
}
