//! Statistics on scores and embeddings that other rooms build on.
//!
//! A *score* says how unusual something is: larger is more unusual. Something is NG when its score
//! is above a threshold. A score that is NaN is taken as +∞ everywhere: what cannot be judged is
//! never the best match, and never passes as good.
//!
//! Nothing here is left to chance: the same input (and seed) gives the same bits on the same instruction set.
//!
//! ```
//! use niteru_learn::Calibration;
//!
//! // Scores of 19 good parts that were kept out of the training.
//! let good = Calibration::new((1..=19).map(f64::from).collect())?;
//! let promise = good.promise(0.1, 0.95);
//! assert_eq!(promise.threshold, 18.0);
//! assert!(promise.kept && promise.expected <= 0.1);
//! // On average over calibrations, not for sure: for that there must be more of them.
//! assert!(promise.at_most > 0.1 && promise.more_for_confidence == 10);
//! # Ok::<(), niteru_learn::CalibrationError>(())
//! ```

mod components;
mod conformal;
mod enrichment;
mod gaussian;
mod interval;
mod layout;
mod metrics;
mod pixels;
mod robust;
mod shift;
mod shrinkage;
mod tails;
mod trade_off;

pub use conformal::{Calibration, CalibrationError, Promise};
pub use enrichment::{Counts, CountsError, Enrichment, adjust, enrichment, holm};
pub use gaussian::{DISTANCE_TOLERANCE, FitError, Gaussian, GaussianDistances, StoredError};
pub use interval::{Interval, clopper_pearson};
pub use layout::{
    LayoutOptions, LayoutQuality, LayoutStopped, Neighbours, Plane, PlaneError, layout,
    layout_quality,
};
pub use metrics::{Confusion, auroc, auroc_interval, average_precision};
pub use pixels::{MapError, PixelQuality, PixelScores};
pub use robust::{Spread, Z_LIMIT};
pub use shift::{Shift, shift};
pub use trade_off::{TRADE_OFF_POINTS, TradeOff, trade_off};

/// How unusual a score says that something is: NaN is as unusual as can be.
fn unusual(score: f64) -> f64 {
    match score.is_nan() {
        true => f64::INFINITY,
        false => score,
    }
}

/// Scores in rising order, NaN as +∞.
fn sorted(scores: &[f64]) -> Vec<f64> {
    let mut scores: Vec<f64> = scores.iter().map(|&score| unusual(score)).collect();
    scores.sort_unstable_by(f64::total_cmp);
    scores
}
