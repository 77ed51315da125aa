//! False alarms against misses, threshold by threshold.

use crate::sorted;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// [`trade_off`] never gives more points than this.
pub const TRADE_OFF_POINTS: usize = 400;

/// Two neighbouring points may differ by this share of a rate…
const RELATIVE_STEP: f64 = 0.06;
/// …and this on top, so that rates near 0 do not take all points.
const ABSOLUTE_STEP: f64 = 5e-4;

/// What one threshold costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TradeOff {
    /// A score above it is NG. Finite.
    pub threshold: f64,
    /// The share of good things above it.
    pub false_alarm: f64,
    /// The share of bad things not above it.
    pub miss: f64,
}

/// The corners of the ROC curve, from the highest threshold (no false alarm) down to one that stops
/// everything. Between two points the curve is a step: the threshold of the first holds.
///
/// Thresholds are scores that were seen, and a number just below the smallest. Where there are more
/// than 200 corners, some are left out: only between points that differ in neither rate by more
/// than 6 % and 0.0005. Empty when either side is empty.
pub fn trade_off(good: &[f64], bad: &[f64]) -> Vec<TradeOff> {
    if good.is_empty() || bad.is_empty() {
        return Vec::new();
    }
    thinned(corners(every_threshold(&sorted(good), &sorted(bad))))
}

/// One point for each different score, and the last.
fn every_threshold(good: &[f64], bad: &[f64]) -> Vec<TradeOff> {
    let mut thresholds: Vec<f64> = good.iter().chain(bad).copied().collect();
    thresholds.sort_unstable_by(|a, b| b.total_cmp(a));
    thresholds.extend(thresholds.last().map(|least| least.next_down()));
    for threshold in &mut thresholds {
        // What is infinite stays above or below each of them, and JSON has no infinity.
        *threshold = threshold.clamp(f64::MIN, f64::MAX);
    }
    thresholds.dedup();
    let passed =
        |scores: &[f64], threshold: f64| scores.partition_point(|&score| score <= threshold);
    let point = |&threshold: &f64| TradeOff {
        threshold,
        false_alarm: (good.len() - passed(good, threshold)) as f64 / good.len() as f64,
        miss: passed(bad, threshold) as f64 / bad.len() as f64,
    };
    thresholds.iter().map(point).collect()
}

/// Without the points in the middle of a straight line along one of the axes.
fn corners(points: Vec<TradeOff>) -> Vec<TradeOff> {
    let mut kept: Vec<TradeOff> = Vec::new();
    for point in points {
        if let [.., before, last] = kept[..] {
            let level = before.miss == last.miss && last.miss == point.miss;
            let upright =
                before.false_alarm == last.false_alarm && last.false_alarm == point.false_alarm;
            if level || upright {
                kept.pop();
            }
        }
        kept.push(point);
    }
    kept
}

/// Without points that differ little from the one kept before, when there are many.
fn thinned(points: Vec<TradeOff>) -> Vec<TradeOff> {
    if points.len() <= TRADE_OFF_POINTS / 2 {
        return points;
    }
    let mut kept: Vec<TradeOff> = Vec::new();
    for (at, point) in points.iter().enumerate() {
        let near = match (kept.last(), points.get(at + 1)) {
            (Some(last), Some(next)) => close(last, next),
            _ => false,
        };
        if !near {
            kept.push(*point);
        }
    }
    kept
}

/// Whether nothing that matters lies between two points.
fn close(from: &TradeOff, to: &TradeOff) -> bool {
    let rises = to.false_alarm <= from.false_alarm * (1.0 + RELATIVE_STEP) + ABSOLUTE_STEP;
    let falls = from.miss <= to.miss * (1.0 + RELATIVE_STEP) + ABSOLUTE_STEP;
    rises && falls
}
