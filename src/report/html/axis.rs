//! The time axis of the page's drawings. Long stretches in which no host logged anything are folded, so that one old log or one wrong clock does not
//! squeeze an incident into a line. It draws nothing.
//!
//! Coordinates are whole SVG units. Times come from an attacker's clock, so lengths are computed wider than ticks are.

use crate::finding::{Histogram, Outcome};
use crate::report::subject;
use crate::report::words::{counted, moment};
use crate::time::{TICKS_PER_SECOND, Timestamp};

/// Stretches that are folded, at most.
const FOLDS: usize = 4;
/// A stretch is folded when it is longer than one part in so many of what is left of the axis.
const FOLDED_SHARE: i128 = 3;
/// Width of a fold.
const FOLD_WIDTH: i64 = 24;
/// Width of what stands between two folds, at least: room for its label.
const PIECE_WIDTH: i64 = 116;
/// From one label to the next, at least.
const LABEL_WIDTH: i64 = 130;
const MINUTE: i64 = 60 * TICKS_PER_SECOND;

/// The axis: pieces of time, evenly scaled each, with folds between them.
pub struct Axis {
    pieces: Vec<Piece>,
}

struct Piece {
    from: i64,
    to: i64,
    x: i64,
    width: i64,
}

/// A stretch that is folded.
pub struct Fold {
    /// Left edge.
    pub x: i64,
    /// Width.
    pub width: i64,
    /// How long it is, in words.
    pub length: String,
}

/// All Sysmon records of all hosts over time.
pub fn logged(outcome: &Outcome) -> Histogram {
    let mut all = Histogram::default();
    outcome.hosts.iter().for_each(|host| all.merge(&host.logged));
    all
}

impl Axis {
    /// The axis from `left` to `right` over all that hosts logged and all findings of `outcome`; `None` when there is no time at all.
    pub fn of(outcome: &Outcome, left: i64, right: i64) -> Option<Self> {
        let point = |time: Timestamp| (time.ticks().max(0), time.ticks().max(0));
        let mut spans: Vec<(i64, i64)> =
            logged(outcome).buckets().map(|(from, to, _)| (point(from).0, point(to).0)).collect();
        spans.extend(outcome.findings.iter().map(subject::finding_time).map(point));
        spans.extend(outcome.hosts.iter().flat_map(|host| [host.first, host.last]).flatten().map(point));
        spans.sort_unstable();
        let pieces = folded(&joined(spans)?);
        Some(Self { pieces: placed(&pieces, left, right) })
    }

    /// Where `time` stands; what lies in a fold stands at its edge.
    pub fn x(&self, time: Timestamp) -> i64 {
        let ticks = time.ticks();
        let piece = self.pieces.iter().find(|piece| ticks <= piece.to).or(self.pieces.last());
        piece.map_or(0, |piece| {
            let offset = (i128::from(ticks) - i128::from(piece.from)).clamp(0, piece.length());
            piece.x + part(piece.width, offset, piece.length())
        })
    }

    /// The folds, from left to right.
    pub fn folds(&self) -> Vec<Fold> {
        let fold = |pair: &[Piece]| match pair {
            [before, after] => {
                let x = before.x + before.width;
                let ticks = after.from.saturating_sub(before.to);
                Some(Fold { x, width: after.x - x, length: duration(ticks) })
            }
            _ => None,
        };
        self.pieces.windows(2).filter_map(fold).collect()
    }

    /// Labels that do not touch: where each begins, and its text.
    pub fn labels(&self) -> Vec<(i64, String)> {
        let mut labels: Vec<(i64, String)> = Vec::new();
        for piece in &self.pieces {
            let end = piece.x + piece.width;
            let free =
                |labels: &[(i64, String)], x: i64| labels.last().is_none_or(|(at, _)| x - at >= LABEL_WIDTH);
            if free(&labels, piece.x) {
                labels.push((piece.x, minute(piece.from)));
            }
            for ticks in piece.round_times() {
                let x = self.x(time(ticks));
                if free(&labels, x) && x + PIECE_WIDTH <= end {
                    labels.push((x, minute(ticks)));
                }
            }
        }
        labels
    }

    /// The shortest round span, in ticks, of which at most `parts` fill what is not folded.
    pub fn step(&self, parts: i64) -> i64 {
        let length: i128 = self.pieces.iter().map(Piece::length).sum();
        round(length / i128::from(parts.max(1)))
    }
}

impl Piece {
    fn length(&self) -> i128 {
        (i128::from(self.to) - i128::from(self.from)).max(1)
    }

    fn round_times(&self) -> impl Iterator<Item = i64> {
        let fit = i128::from((self.width / LABEL_WIDTH).max(1));
        let step = round(self.length() / fit);
        let first = self.from.div_euclid(step).saturating_add(1).saturating_mul(step);
        let to = self.to;
        std::iter::successors(Some(first), move |ticks| ticks.checked_add(step))
            .take_while(move |ticks| *ticks <= to)
    }
}

/// Spans that touch or overlap become one; `None` when there are none.
fn joined(sorted: Vec<(i64, i64)>) -> Option<Vec<(i64, i64)>> {
    let mut joined: Vec<(i64, i64)> = Vec::new();
    for (from, to) in sorted {
        match joined.last_mut().filter(|(_, end)| from <= *end) {
            Some((_, end)) => *end = to.max(*end),
            None => joined.push((from, to)),
        }
    }
    (!joined.is_empty()).then_some(joined)
}

/// The spans, with the gaps between them filled in but for the long ones.
fn folded(spans: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let length = |from: i64, to: i64| i128::from(to) - i128::from(from);
    let mut gaps: Vec<(i128, i64)> = spans
        .windows(2)
        .filter_map(|pair| match pair {
            [before, after] => Some((length(before.1, after.0), after.0)),
            _ => None,
        })
        .collect();
    gaps.sort_unstable_by(|a, b| b.cmp(a));
    let (first, last) =
        (spans.first().copied().unwrap_or_default(), spans.last().copied().unwrap_or_default());
    let mut left = length(first.0, last.1);
    let mut starts = Vec::new();
    for (gap, start) in gaps.into_iter().take(FOLDS) {
        if gap.saturating_mul(FOLDED_SHARE) <= left {
            break;
        }
        left -= gap;
        starts.push(start);
    }
    let mut pieces: Vec<(i64, i64)> = Vec::new();
    for (from, to) in spans {
        match pieces.last_mut().filter(|_| !starts.contains(from)) {
            Some((_, end)) => *end = *to,
            None => pieces.push((*from, *to)),
        }
    }
    pieces
}

fn placed(pieces: &[(i64, i64)], left: i64, right: i64) -> Vec<Piece> {
    let count = i64::try_from(pieces.len()).unwrap_or(1).max(1);
    let room = right - left - (count - 1) * FOLD_WIDTH;
    let least = PIECE_WIDTH.min(room / count);
    let free = room - least * count;
    let mut x = left;
    let mut placed: Vec<Piece> =
        pieces.iter().map(|(from, to)| Piece { from: *from, to: *to, x: 0, width: 0 }).collect();
    let total: i128 = placed.iter().map(Piece::length).sum();
    for piece in &mut placed {
        piece.x = x;
        piece.width = least + part(free, piece.length(), total);
        x += piece.width + FOLD_WIDTH;
    }
    // What rounding left over.
    if let Some(last) = placed.last_mut() {
        last.width = right - last.x;
    }
    placed
}

/// `offset` of `length`, on `width` units.
fn part(width: i64, offset: i128, length: i128) -> i64 {
    i64::try_from(i128::from(width) * offset / length.max(1)).unwrap_or(width)
}

/// The shortest round span, in ticks, that is no shorter than `ticks`.
fn round(ticks: i128) -> i64 {
    let minutes = [
        1, 5, 15, 60, 180, 360, 720, 1_440, 2_880, 4_320, 10_080, 20_160, 43_200, 129_600, 525_600, 5_256_000,
    ];
    let longer = minutes.into_iter().map(|minutes| minutes * MINUTE).find(|step| i128::from(*step) >= ticks);
    longer.unwrap_or_else(|| i64::try_from(ticks).unwrap_or(i64::MAX))
}

/// The time at `ticks`; before 1601 is 1601.
pub fn time(ticks: i64) -> Timestamp {
    Timestamp::from_filetime(u64::try_from(ticks).unwrap_or_default())
}

/// `2024-03-01 10:00`
fn minute(ticks: i64) -> String {
    let text = moment(time(ticks));
    text.rsplit_once(':').map_or(text.clone(), |(minute, _)| minute.to_owned())
}

/// `5 minutes`, `3 hours`, `12 days`, `6 years`: the largest unit of which there are two, to the nearest.
pub fn duration(ticks: i64) -> String {
    let minutes = ticks / MINUTE;
    let units = [(525_600, "year"), (1_440, "day"), (60, "hour")];
    let unit =
        units.into_iter().find(|(length, _)| minutes % length == 0 && minutes > 0 || minutes >= 2 * length);
    let (length, name) = unit.unwrap_or((1, "minute"));
    counted((minutes + length / 2) / length, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;

    fn axis(spans: &[(i64, i64)]) -> Axis {
        let mut spans = spans.to_vec();
        spans.sort_unstable();
        Axis { pieces: placed(&folded(&joined(spans).expect("spans")), 180, 1_000) }
    }

    #[test]
    fn an_old_log_does_not_squeeze_the_incident() {
        let years = 6 * 365 * DAY;
        let axis = axis(&[(0, HOUR), (years, years + HOUR), (years + 3 * DAY, years + 4 * DAY)]);
        assert_eq!(
            axis.folds().iter().map(|fold| fold.length.as_str()).collect::<Vec<_>>(),
            ["6 years", "3 days"]
        );
        let (old, first, last) = (axis.x(time(0)), axis.x(time(years)), axis.x(time(years + 4 * DAY)));
        assert_eq!((old, last), (180, 1_000));
        assert!((180 + PIECE_WIDTH..600).contains(&first), "{first}");
        let labels = axis.labels();
        assert_eq!(labels.first(), Some(&(180, "1601-01-01 00:00".to_owned())));
    }

    #[test]
    fn a_quiet_night_is_not_folded() {
        let days: Vec<(i64, i64)> = (0..10).map(|day| (day * DAY, day * DAY + 9 * HOUR)).collect();
        assert!(axis(&days).folds().is_empty());
    }

    #[test]
    fn steps_and_lengths_are_round() {
        assert_eq!(axis(&[(0, 0)]).step(60), MINUTE);
        assert_eq!(axis(&[(0, DAY)]).step(60), HOUR);
        for (ticks, words) in [
            (MINUTE, "1 minute"),
            (HOUR, "1 hour"),
            (90 * MINUTE, "90 minutes"),
            (DAY, "1 day"),
            (47 * HOUR, "47 hours"),
            (400 * DAY, "400 days"),
        ] {
            assert_eq!(duration(ticks), words);
        }
    }

    proptest! {
        #[test]
        fn any_times_stand_in_order_inside_the_drawing(times in prop::collection::vec(0_i64..=i64::MAX, 1..20), shift in 0_u32..60) {
            let mut times: Vec<i64> = times.into_iter().map(|ticks| ticks >> shift).collect();
            times.sort_unstable();
            let spans: Vec<(i64, i64)> = times.iter().map(|ticks| (*ticks, *ticks)).collect();
            let axis = axis(&spans);
            let places: Vec<i64> = times.iter().map(|ticks| axis.x(time(*ticks))).collect();
            prop_assert!(places.is_sorted(), "{places:?}");
            prop_assert!(places.iter().all(|x| (180..=1_000).contains(x)), "{places:?}");
            let labels = axis.labels();
            prop_assert!(labels.windows(2).all(|pair| pair[1].0 - pair[0].0 >= LABEL_WIDTH));
            prop_assert!(labels.iter().all(|(x, _)| x + PIECE_WIDTH <= 1_000), "{labels:?}");
            prop_assert!(axis.folds().iter().all(|fold| fold.width == FOLD_WIDTH));
        }
    }
}
