//! UtcTime against TimeCreated over any number of records, in little memory. It decides nothing about which clock is right.

use std::collections::BTreeMap;

use super::inspection::{SkewInspection, WorstSkew};
use crate::time::Timestamp;

/// A record that carries both times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Skewed {
    pub(super) created: Timestamp,
    pub(super) utc_time: Timestamp,
    pub(super) event_id: u32,
    pub(super) record_id: Option<u64>,
    /// The source's ordinal.
    pub(super) source: u32,
}

impl Skewed {
    /// UtcTime minus TimeCreated in milliseconds, which is all that UtcTime has.
    fn millis(&self) -> i64 {
        self.utc_time.unix_millis().saturating_sub(self.created.unix_millis())
    }
}

/// Differences, counted by size.
#[derive(Debug, Default)]
pub(super) struct Skew {
    records: u64,
    sizes: BTreeMap<i64, u64>,
    worst: Option<Skewed>,
}

impl Skew {
    /// Counts `record`.
    pub(super) fn see(&mut self, record: Skewed) {
        self.records += 1;
        *self.sizes.entry(rounded(record.millis())).or_default() += 1;
        self.worsen(record);
    }

    /// Adds what `other` counted later in the evidence. `room` is how many more sizes may be kept; of those beyond only the worst counts.
    pub(super) fn add(&mut self, other: Self, room: &mut usize) {
        for (size, count) in other.sizes {
            if let Some(sum) = self.sizes.get_mut(&size) {
                *sum += count;
            } else if *room > 0 {
                *room -= 1;
                self.sizes.insert(size, count);
            } else {
                continue;
            }
            self.records += count;
        }
        if let Some(worst) = other.worst {
            self.worsen(worst);
        }
    }

    /// What there is to tell; `name` gives a source's name.
    pub(super) fn finish(&self, name: impl Fn(u32) -> String) -> Option<SkewInspection> {
        let worst = self.worst?;
        let worst = WorstSkew {
            ms: worst.millis(),
            event_id: worst.event_id,
            created: worst.created,
            utc_time: worst.utc_time,
            record_id: worst.record_id,
            source: name(worst.source),
        };
        Some(SkewInspection { records: self.records, median_ms: self.median()?, worst })
    }

    /// Of an even number the lower of the two in the middle.
    fn median(&self) -> Option<i64> {
        let middle = self.records.div_ceil(2);
        let mut so_far = 0;
        let mut sizes = self.sizes.iter();
        sizes.find_map(|(size, count)| {
            so_far += count;
            (so_far >= middle).then_some(*size)
        })
    }

    fn worsen(&mut self, record: Skewed) {
        let size = |skewed: Skewed| skewed.millis().unsigned_abs();
        if self.worst.is_none_or(|worst| size(record) > size(worst)) {
            self.worst = Some(record);
        }
    }
}

/// `millis` to the millisecond below a second, to two digits above: a few thousand sizes, whatever a log says.
fn rounded(millis: i64) -> i64 {
    let mut scale = 1;
    if millis.unsigned_abs() >= 1_000 {
        while (millis / scale).unsigned_abs() >= 100 {
            scale *= 10;
        }
    }
    millis / scale * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skewed(record_id: u64, millis: i64) -> Skewed {
        let created = Timestamp::from_unix_millis(1_000_000_000_000);
        let utc_time = Timestamp::from_unix_millis(1_000_000_000_000 + millis);
        Skewed { created, utc_time, event_id: 1, record_id: Some(record_id), source: 0 }
    }

    fn told(millis: &[i64]) -> (i64, i64, Option<u64>) {
        let mut skew = Skew::default();
        for (record_id, millis) in (0..).zip(millis) {
            skew.see(skewed(record_id, *millis));
        }
        let told = skew.finish(|_| String::new()).expect("records");
        (told.median_ms, told.worst.ms, told.worst.record_id)
    }

    #[test]
    fn the_median_is_in_the_middle_and_the_first_worst_counts() {
        assert_eq!(told(&[-12]), (-12, -12, Some(0)));
        assert_eq!(told(&[-3, 5_000, -12, -5_000, -11]), (-11, 5_000, Some(1)));
        assert_eq!(told(&[1, 2, 3, 4]), (2, 4, Some(3)));
    }

    #[test]
    fn sizes_keep_two_digits_above_a_second() {
        for (millis, size) in [
            (999, 999),
            (-999, -999),
            (1_234, 1_200),
            (-98_765, -98_000),
            (i64::MIN, -9_200_000_000_000_000_000),
        ] {
            assert_eq!(rounded(millis), size);
        }
    }

    #[test]
    fn without_room_what_is_known_still_counts() {
        let (mut skew, mut room) = (Skew::default(), 1);
        for millis in [-12, -13, -12] {
            let mut piece = Skew::default();
            piece.see(skewed(1, millis));
            skew.add(piece, &mut room);
        }
        let told = skew.finish(|_| String::new()).expect("records");
        assert_eq!((told.records, told.median_ms, told.worst.ms), (2, -12, -13));
    }
}
