//! How the ids of one log run: ranges, gaps, disorder, and clocks that were set back between one id and the next. It reads no record.

use std::collections::BTreeMap;

use super::inspection::{Gap, IdRange, NumberingInspection};
use crate::time::Timestamp;

/// Runs that are kept apart. Beyond, the lowest gap counts as closed: what comes later to fill it stays counted as missing.
const RUNS: usize = 64;
/// Numberings whose range is listed.
const RANGES: usize = 8;
/// Gaps that are listed.
const GAPS: usize = 20;

/// A record's id and TimeCreated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) id: u64,
    pub(super) time: Option<Timestamp>,
}

/// Records of rising ids without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: Point,
    pub(super) last: Point,
}

impl Run {
    /// Whether `id` comes next.
    pub(super) fn precedes(&self, id: u64) -> bool {
        self.last.id.checked_add(1) == Some(id)
    }

    /// From the lower of both first ids to the higher of both last ones.
    fn join(self, other: Self) -> Self {
        Self {
            first: if other.first.id < self.first.id { other.first } else { self.first },
            last: if other.last.id > self.last.id { other.last } else { self.last },
        }
    }
}

/// How far TimeCreated went back from one id to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Jump {
    /// In 100 ns ticks, above 0.
    pub(super) ticks: i64,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) record_id: u64,
}

impl Jump {
    /// The jump from the record `before` to `next`, if time goes back.
    pub(super) fn between(before: Point, next: Point) -> Option<Self> {
        let (from, to) = (before.time?, next.time?);
        let ticks = from.ticks_since(to);
        (ticks > 0).then_some(Self { ticks, from, to, record_id: next.id })
    }
}

/// The ids of one log of one source, as its runs come in.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    /// The runs of the present numbering, by their first ids: none touches another.
    runs: BTreeMap<u64, Run>,
    previous: Option<Point>,
    newest: Option<Point>,
    told: NumberingInspection,
}

impl Numbering {
    /// Adds the next run; the jump, if time goes back to its first record from the one before.
    pub(super) fn push(&mut self, run: Run) -> Option<Jump> {
        let previous = self.previous.replace(run.last);
        let jump = previous
            .filter(|before| before.id.checked_add(1) == Some(run.first.id))
            .and_then(|before| Jump::between(before, run.first));
        if previous.is_some_and(|before| run.first.id <= before.id) {
            if self.newest.is_some_and(|newest| run.first.time > newest.time && run.first.id <= newest.id) {
                self.told.restarts += 1;
                self.close();
            } else {
                self.told.out_of_order += 1;
            }
        }
        if self.newest.is_none_or(|newest| newest.id <= run.last.id) {
            self.newest = Some(run.last);
        }
        self.insert(run);
        if self.runs.len() > RUNS {
            self.close_lowest_gap();
        }
        jump
    }

    /// What there is to tell.
    pub(super) fn finish(mut self) -> NumberingInspection {
        self.close();
        self.told
    }

    fn insert(&mut self, mut run: Run) {
        let left = self.runs.range(..=run.first.id).next_back().map(|(_, left)| *left);
        if let Some(left) = left.filter(|left| left.last.id.saturating_add(1) >= run.first.id) {
            self.runs.remove(&left.first.id);
            run = left.join(run);
        }
        while let Some((_, right)) = self.runs.range(run.first.id..).next()
            && right.first.id <= run.last.id.saturating_add(1)
        {
            let right = *right;
            self.runs.remove(&right.first.id);
            run = run.join(right);
        }
        self.runs.insert(run.first.id, run);
    }

    fn close_lowest_gap(&mut self) {
        let lowest = self.runs.pop_first().zip(self.runs.pop_first());
        if let Some(((_, low), (_, next))) = lowest {
            self.gap(low, next);
            self.insert(low.join(next));
        }
    }

    /// Ends the present numbering.
    fn close(&mut self) {
        let mut runs = std::mem::take(&mut self.runs).into_values();
        self.newest = None;
        let Some(first) = runs.next() else { return };
        let mut last = first;
        for run in runs {
            self.gap(last, run);
            last = run;
        }
        if self.told.ids.len() < RANGES {
            self.told.ids.push(IdRange { first: first.first.id, last: last.last.id });
        }
    }

    fn gap(&mut self, low: Run, high: Run) {
        let (before, behind) = (low.last, high.first);
        let missing = behind.id.saturating_sub(before.id).saturating_sub(1);
        let gaps = &mut self.told.gaps;
        gaps.count += 1;
        gaps.missing = gaps.missing.saturating_add(missing);
        gaps.largest.push(Gap {
            after: before.id,
            before: behind.id,
            missing,
            from: before.time,
            to: behind.time,
        });
        if gaps.largest.len() > GAPS {
            // Of equals the last goes.
            let least = (0..gaps.largest.len()).rev().min_by_key(|index| gaps.largest[*index].missing);
            least.map(|index| gaps.largest.remove(index));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbering of records given as id and seconds, each a run of its own.
    fn numbering(records: &[(u64, i64)]) -> NumberingInspection {
        let mut numbering = Numbering::default();
        for (id, second) in records {
            let point = Point { id: *id, time: Some(Timestamp::from_unix_millis(second * 1000)) };
            numbering.push(Run { first: point, last: point });
        }
        numbering.finish()
    }

    fn facts(told: &NumberingInspection) -> (Vec<(u64, u64)>, u64, u64, u64, u64) {
        let ids = told.ids.iter().map(|range| (range.first, range.last)).collect();
        (ids, told.restarts, told.out_of_order, told.gaps.count, told.gaps.missing)
    }

    #[test]
    fn a_gap_has_its_ends_and_their_times() {
        let told = numbering(&[(5, 50), (6, 60), (9, 90), (10, 100)]);
        assert_eq!(facts(&told), (vec![(5, 10)], 0, 0, 1, 2));
        let [gap] = told.gaps.largest.as_slice() else { panic!("{told:?}") };
        let seconds = |time: Option<Timestamp>| time.expect("a time").unix_millis() / 1000;
        assert_eq!(
            (gap.after, gap.before, gap.missing, seconds(gap.from), seconds(gap.to)),
            (6, 9, 2, 60, 90)
        );
    }

    #[test]
    fn a_log_that_wrapped_has_no_gap_where_it_wrapped() {
        let told = numbering(&[(7, 70), (8, 80), (3, 30), (4, 40), (5, 50), (6, 60)]);
        assert_eq!(facts(&told), (vec![(3, 8)], 0, 1, 0, 0));
        let told = numbering(&[(7, 70), (8, 80), (3, 30), (4, 40)]);
        assert_eq!(facts(&told), (vec![(3, 8)], 0, 1, 1, 2));
    }

    #[test]
    fn an_export_of_the_newest_first_is_out_of_order_and_whole() {
        assert_eq!(facts(&numbering(&[(4, 40), (3, 30), (2, 20), (1, 10)])), (vec![(1, 4)], 0, 3, 0, 0));
    }

    #[test]
    fn a_lower_id_that_was_written_later_begins_anew() {
        let told = numbering(&[(900, 1), (901, 2), (1, 3), (2, 4), (4, 5)]);
        assert_eq!(facts(&told), (vec![(900, 901), (1, 4)], 1, 0, 1, 1));
    }

    #[test]
    fn the_same_record_again_is_no_gap() {
        assert_eq!(facts(&numbering(&[(1, 1), (2, 2), (2, 2), (3, 3)])), (vec![(1, 3)], 0, 1, 0, 0));
    }

    #[test]
    fn of_many_gaps_all_are_counted_and_the_largest_listed() {
        // Ids 0, 2, 4, … and one gap of 1,000 in the middle.
        let mut records: Vec<(u64, i64)> = (0..2_000_u32).map(|i| (u64::from(i) * 2, i64::from(i))).collect();
        records[1_000..].iter_mut().for_each(|record| record.0 += 999);
        let told = numbering(&records);
        assert_eq!(facts(&told), (vec![(0, 4_997)], 0, 0, 1_999, 1_998 + 1_000));
        assert_eq!(told.gaps.largest.len(), GAPS);
        assert!(told.gaps.largest.iter().any(|gap| (gap.after, gap.missing) == (1_998, 1_000)));
        assert!(told.gaps.largest.is_sorted_by_key(|gap| gap.after));
        // In the other order, too, although no more than a few runs are kept.
        records.reverse();
        assert_eq!(facts(&numbering(&records)), (vec![(0, 4_997)], 0, 1_999, 1_999, 1_998 + 1_000));
    }

    #[test]
    fn the_ends_of_the_number_line_are_no_trouble() {
        assert_eq!(facts(&numbering(&[(u64::MAX, 1), (0, 0)])), (vec![(0, u64::MAX)], 0, 1, 1, u64::MAX - 1));
    }

    #[test]
    fn a_jump_is_told_only_from_one_id_to_the_next() {
        let point = |id, second: i64| Point { id, time: Some(Timestamp::from_unix_millis(second * 1000)) };
        let run = |id, second| Run { first: point(id, second), last: point(id, second) };
        let mut numbering = Numbering::default();
        assert_eq!(numbering.push(run(1, 100)), None);
        let jump = numbering.push(run(2, 70)).expect("30 seconds back");
        assert_eq!((jump.ticks, jump.record_id), (30 * 10_000_000, 2));
        assert_eq!(numbering.push(run(4, 10)), None);
    }
}
