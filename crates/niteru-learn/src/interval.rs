//! Intervals for shares.

use crate::tails::{MOST_TRIALS, order_quantile};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// From `low` to `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Interval {
    /// Never above `high`.
    pub low: f64,
    /// Never below `low`.
    pub high: f64,
}

/// The interval for a share of which `successes` in `trials` were seen: it has the true share in it
/// with at least `confidence` (0…1), however few trials there were (Clopper and Pearson, 1934).
///
/// 0…1 without trials. More successes than trials count as all. A confidence outside of 0…1 counts
/// as its nearest end, NaN as 1. Beyond 2³⁰ trials both counts are scaled down, which makes the
/// interval wider. Takes time in proportion to √trials: milliseconds for a million.
pub fn clopper_pearson(successes: u64, trials: u64, confidence: f64) -> Interval {
    let scale = trials.div_ceil(MOST_TRIALS).max(1);
    let failures = trials.saturating_sub(successes) / scale;
    let successes = successes.min(trials) / scale;
    let trials = successes + failures;
    let side = match confidence.is_nan() {
        true => 0.0,
        false => (1.0 - confidence.clamp(0.0, 1.0)) / 2.0,
    };
    let low = match successes {
        0 => 0.0,
        _ => order_quantile(successes, trials, side),
    };
    let high = match failures {
        0 => 1.0,
        _ => order_quantile(successes + 1, trials, 1.0 - side),
    };
    Interval { low, high }
}
