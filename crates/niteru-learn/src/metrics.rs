//! How well scores tell good from bad.

use crate::interval::Interval;
use crate::{sorted, unusual};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

/// The probability that a bad thing has a higher score than a good one, equal scores counting
/// half: the area under the ROC curve, from the ranks (Mann and Whitney, 1947), exactly.
/// 0…1; 0.5 is chance. `None` when either side is empty.
pub fn auroc(good: &[f64], bad: &[f64]) -> Option<f64> {
    if good.is_empty() || bad.is_empty() {
        return None;
    }
    let good = sorted(good);
    let wins: f64 = bad
        .iter()
        .map(|&score| {
            let score = unusual(score);
            let below = good.partition_point(|&other| other < score);
            let not_above = good.partition_point(|&other| other <= score);
            (below + not_above) as f64 / 2.0
        })
        .sum();
    Some(wins / (good.len() as f64 * bad.len() as f64))
}

/// An interval for [`auroc`] that has the true value in it with about `confidence` (0…1).
///
/// The variance is that of Hanley and McNeil (1982) as Newcombe's method 5 has it (*Statistics in
/// Medicine* 25, 2006): taken at each end of the interval, not at the value seen. So few examples
/// give a wide interval also where all were told apart, and no end leaves 0…1. `None` when either
/// side is empty. A confidence outside of 0…1 counts as its nearest end, NaN as 1.
pub fn auroc_interval(good: &[f64], bad: &[f64], confidence: f64) -> Option<Interval> {
    let seen = auroc(good, bad)?;
    let sides = (good.len() as f64, bad.len() as f64);
    let tail = match confidence.is_nan() {
        true => 0.0,
        false => (1.0 - confidence.clamp(0.0, 1.0)) / 2.0,
    };
    if tail == 0.0 {
        let (low, high) = (0.0, 1.0);
        return Some(Interval { low, high });
    }
    let z = -Normal::standard().inverse_cdf(tail);
    let far = |value: f64| (seen - value).powi(2) > z * z * auroc_variance(value, sides);
    Some(Interval {
        low: boundary(0.0, seen, far),
        high: boundary(1.0, seen, far),
    })
}

/// Variance of the area under the curve when its true value is `value`.
fn auroc_variance(value: f64, (good, bad): (f64, f64)) -> f64 {
    let others = (good + bad) / 2.0 - 1.0;
    let spread = (1.0 - value) / (2.0 - value) + value / (1.0 + value);
    value * (1.0 - value) / (good * bad) * (1.0 + others * spread)
}

/// Where `far` turns false on the way from `outside` to `inside`.
fn boundary(mut outside: f64, mut inside: f64, far: impl Fn(f64) -> bool) -> f64 {
    if !far(outside) {
        return outside;
    }
    for _ in 0..60 {
        let middle = f64::midpoint(outside, inside);
        match far(middle) {
            true => outside = middle,
            false => inside = middle,
        }
    }
    inside
}

/// The mean of the precision at each bad thing found, from the highest score down; equal scores are
/// found together (no interpolation; scikit-learn's `average_precision_score`). 0…1; `None` when
/// either side is empty.
pub fn average_precision(good: &[f64], bad: &[f64]) -> Option<f64> {
    if good.is_empty() || bad.is_empty() {
        return None;
    }
    let (good, bad) = (sorted(good), sorted(bad));
    let mut sum = 0.0;
    let mut rest = &bad[..];
    while let Some(&score) = rest.last() {
        let below = rest.partition_point(|&other| other < score);
        let found = bad.len() - below;
        let wrong = good.len() - good.partition_point(|&other| other < score);
        sum += (rest.len() - below) as f64 * found as f64 / (found + wrong) as f64;
        rest = &rest[..below];
    }
    Some(sum / bad.len() as f64)
}

/// What a threshold does with good and bad things.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Bad and NG.
    pub true_alarm: usize,
    /// Bad and OK.
    pub missed: usize,
    /// Good and NG.
    pub false_alarm: usize,
    /// Good and OK.
    pub passed: usize,
}

impl Confusion {
    /// Counts at a threshold: a score above it, or NaN, is NG.
    pub fn at(threshold: f64, good: &[f64], bad: &[f64]) -> Self {
        let alarms = |scores: &[f64]| {
            let above = scores.iter().filter(|&&score| unusual(score) > threshold);
            above.count()
        };
        let (true_alarm, false_alarm) = (alarms(bad), alarms(good));
        Self {
            true_alarm,
            missed: bad.len() - true_alarm,
            false_alarm,
            passed: good.len() - false_alarm,
        }
    }

    /// The share of alarms that are right; `None` without alarms.
    pub fn precision(&self) -> Option<f64> {
        share(self.true_alarm, self.true_alarm + self.false_alarm)
    }

    /// The share of bad things that are found; `None` without bad things.
    pub fn recall(&self) -> Option<f64> {
        share(self.true_alarm, self.true_alarm + self.missed)
    }

    /// The harmonic mean of precision and recall; `None` without alarms and bad things.
    pub fn f1(&self) -> Option<f64> {
        let wrong = self.missed + self.false_alarm;
        share(2 * self.true_alarm, 2 * self.true_alarm + wrong)
    }
}

fn share(part: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}
