//! Split-conformal calibration: what the scores of good parts say about the next one.
//!
//! V. Vovk, A. Gammerman, G. Shafer, *Algorithmic Learning in a Random World* (2005); V. Vovk,
//! *Conditional validity of inductive conformal predictors* (2012) for what holds with a given
//! confidence. All of it assumes only that the next good part is like those that were measured
//! (exchangeable), and that the detector has not seen them before.

use crate::tails::{binomial_at_least, order_quantile};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Shares such as 0.29 are not exact in binary: 0.29 · 100 is a little below 29.
const ROUNDING: f64 = 1e-9;

/// Scores of good parts that were kept out of the training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Calibration {
    /// Finite, in rising order, at least one.
    scores: Vec<f64>,
}

/// What is read back before it is checked.
#[derive(Deserialize)]
struct Stored {
    scores: Vec<f64>,
}

impl TryFrom<Stored> for Calibration {
    type Error = CalibrationError;

    fn try_from(stored: Stored) -> Result<Self, CalibrationError> {
        Self::new(stored.scores)
    }
}

/// The scores do not make a calibration.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CalibrationError {
    /// There is nothing to compare with.
    #[error("no scores to calibrate with")]
    Empty,
    /// A NaN or an infinity.
    #[error("score {score} of number {number} is not a finite number")]
    NotFinite {
        /// Its place, counted from 1.
        number: usize,
        /// What stands there.
        score: f64,
    },
}

/// What a threshold holds, for good parts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Promise {
    /// A score above it is NG.
    pub threshold: f64,
    /// The share of good parts that is stopped, on average over calibrations: at most this.
    pub expected: f64,
    /// The share of good parts that is stopped: not above this, with the confidence asked for.
    pub at_most: f64,
    /// How many good scores it rests on.
    pub images: usize,
    /// Whether `expected` is what was asked for. If not, there were too few scores, and the
    /// threshold is the largest of them.
    pub kept: bool,
    /// How many more good scores it takes until `expected` can be what is asked for. 0 when it is;
    /// `usize::MAX` when it can never be.
    pub more_for_average: usize,
    /// How many more good scores it takes until some threshold stops at most the share that was
    /// asked for with the confidence that was asked for
    /// ([`threshold_with_confidence`](Calibration::threshold_with_confidence)). 0 when there is
    /// one; `usize::MAX` when there can never be.
    pub more_for_confidence: usize,
}

impl Calibration {
    /// From scores in any order.
    ///
    /// # Errors
    /// When there is none, or one is not finite.
    pub fn new(mut scores: Vec<f64>) -> Result<Self, CalibrationError> {
        if scores.is_empty() {
            return Err(CalibrationError::Empty);
        }
        if let Some(at) = scores.iter().position(|score| !score.is_finite()) {
            return Err(CalibrationError::NotFinite {
                number: at + 1,
                score: scores[at],
            });
        }
        scores.sort_unstable_by(f64::total_cmp);
        Ok(Self { scores })
    }

    /// The scores, in rising order; at least one.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// How often a good part is at least as unusual as this: (1 + scores that are not smaller) /
    /// (all + 1), in 1/(n+1)…1. For a good part it is at most p with a probability of at most p.
    ///
    /// NaN gets the smallest, 1/(n+1).
    pub fn p_value(&self, score: f64) -> f64 {
        let smaller = match score.is_nan() {
            true => self.scores.len(),
            false => self.scores.partition_point(|&other| other < score),
        };
        let not_smaller = self.scores.len() - smaller;
        (1 + not_smaller) as f64 / (self.scores.len() + 1) as f64
    }

    /// The threshold that stops at most the share `false_alarm` of good parts on average, and what
    /// holds for it with `confidence`.
    ///
    /// It is the ⌈(n+1)(1−`false_alarm`)⌉-th smallest score. The share that it passes has the
    /// distribution Beta(rank, n+1−rank) if scores are continuous; with ties it passes more.
    /// Arguments outside of 0…1 count as the nearest end; a NaN as the stricter one.
    pub fn promise(&self, false_alarm: f64, confidence: f64) -> Promise {
        let (false_alarm, confidence) =
            (at_most_one(false_alarm, 0.0), at_most_one(confidence, 1.0));
        let n = self.scores.len();
        let stopped = ((n + 1) as f64 * false_alarm + ROUNDING).floor() as usize;
        let kept = stopped >= 1;
        // Of n + 1 parts, the new one among them, this many lie above the threshold on average.
        let above = stopped.clamp(1, n);
        let for_average = (1.0 - ROUNDING) / false_alarm - 1.0;
        let for_confidence = (1.0 - confidence).ln() / (-false_alarm).ln_1p() - ROUNDING;
        Promise {
            threshold: self.scores[n - above],
            expected: above as f64 / (n + 1) as f64,
            at_most: most_stopped(above, n, confidence),
            images: n,
            kept,
            more_for_average: more(for_average, n),
            more_for_confidence: more(for_confidence, n),
        }
    }

    /// The smallest score that, as a threshold, stops at most the share `false_alarm` of good parts
    /// with `confidence`; `None` when even the largest does not.
    ///
    /// Arguments as for [`promise`](Self::promise).
    pub fn threshold_with_confidence(&self, false_alarm: f64, confidence: f64) -> Option<f64> {
        let (false_alarm, confidence) =
            (at_most_one(false_alarm, 0.0), at_most_one(confidence, 1.0));
        let n = self.scores.len();
        let (mut enough, mut too_many) = (0, n + 1);
        while too_many - enough > 1 {
            let above = usize::midpoint(enough, too_many);
            match sure(above, n, false_alarm) >= confidence - ROUNDING {
                true => enough = above,
                false => too_many = above,
            }
        }
        (enough > 0).then(|| self.scores[n - enough])
    }
}

/// A share in 0…1.
fn at_most_one(share: f64, if_nan: f64) -> f64 {
    match share.is_nan() {
        true => if_nan,
        false => share.clamp(0.0, 1.0),
    }
}

/// How many `n` lacks of the number that is needed, rounded up; `usize::MAX` where that has no end.
fn more(needed: f64, n: usize) -> usize {
    match needed == f64::INFINITY {
        true => usize::MAX,
        // NaN becomes 0: all may be stopped, or nothing need be sure.
        false => (needed.ceil() as usize).saturating_sub(n),
    }
}

/// The probability that the threshold with `above` − 1 of `n` scores over it stops at most
/// `false_alarm` of good parts.
fn sure(above: usize, n: usize, false_alarm: f64) -> f64 {
    binomial_at_least(above as u64, n as u64, false_alarm)
}

/// What that threshold stops, at most, with `confidence`.
fn most_stopped(above: usize, n: usize, confidence: f64) -> f64 {
    order_quantile(above as u64, n as u64, confidence)
}
