//! Whether a value is more frequent in a group than chance explains.

use crate::interval::Interval;
use crate::tails::hypergeometric_at_least;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The 97.5 % quantile of the normal distribution: 95 % lie between it and its negative.
const NORMAL_95: f64 = 1.959_963_984_540_054;

/// How often a value was seen, in a group and in everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Members of the group that have the value.
    pub in_group_with_value: u64,
    /// Members of the group.
    pub in_group: u64,
    /// All that have the value, those in the group among them.
    pub with_value: u64,
    /// All, those in the group among them.
    pub all: u64,
}

/// Counts that contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "of {} things {} are in the group and {} have the value, so {} cannot be both",
    .0.all, .0.in_group, .0.with_value, .0.in_group_with_value
)]
pub struct CountsError(pub Counts);

/// How much more frequent a value is in a group than outside.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Enrichment {
    /// The probability that a group of this size, drawn at random, has the value at least as often:
    /// the one-sided exact test of Fisher (1935), from the hypergeometric distribution. Above 0.
    pub p: f64,
    /// `p` after [`adjust`] for the number of questions that were asked; `p` before.
    pub adjusted: f64,
    /// The odds of the value in the group over the odds outside, with 0.5 added to each of the four
    /// counts (Haldane, 1956; Anscombe, 1956): finite and above 0.
    pub odds_ratio: f64,
    /// 95 % interval of the odds ratio: its logarithm ± 1.96 standard errors, of the same counts
    /// with 0.5 added (Woolf, 1955).
    pub interval: Interval,
}

/// Whether the value is over-represented in the group.
///
/// `p` is right to 8 digits for a million things; logarithms of larger factorials lose more.
///
/// # Errors
/// When the counts contradict each other.
pub fn enrichment(counts: Counts) -> Result<Enrichment, CountsError> {
    let [with_in, without_in, with_out, without_out] = table(counts).ok_or(CountsError(counts))?;
    let p = hypergeometric_at_least(
        counts.in_group_with_value,
        counts.in_group,
        counts.with_value,
        counts.all,
    )
    .max(f64::MIN_POSITIVE);
    let log = with_in.ln() + without_out.ln() - without_in.ln() - with_out.ln();
    let variance = 1.0 / with_in + 1.0 / without_in + 1.0 / with_out + 1.0 / without_out;
    let reach = NORMAL_95 * variance.sqrt();
    Ok(Enrichment {
        p,
        adjusted: p,
        odds_ratio: log.exp(),
        interval: Interval {
            low: (log - reach).exp(),
            high: (log + reach).exp(),
        },
    })
}

/// The four counts that exclude each other, each with 0.5 added: with and without the value in the
/// group, with and without it outside.
fn table(counts: Counts) -> Option<[f64; 4]> {
    let without_in = counts.in_group.checked_sub(counts.in_group_with_value)?;
    let with_out = counts.with_value.checked_sub(counts.in_group_with_value)?;
    let outside = counts.all.checked_sub(counts.in_group)?;
    let without_out = outside.checked_sub(with_out)?;
    Some(
        [
            counts.in_group_with_value,
            without_in,
            with_out,
            without_out,
        ]
        .map(|x| x as f64 + 0.5),
    )
}

/// Sets [`adjusted`](Enrichment::adjusted) of answers to questions that were asked together, by
/// [`holm`].
pub fn adjust(together: &mut [Enrichment]) {
    let mut p: Vec<f64> = together.iter().map(|one| one.p).collect();
    holm(&mut p);
    for (one, adjusted) in together.iter_mut().zip(p) {
        one.adjusted = adjusted;
    }
}

/// Replaces p-values of tests that were made together by adjusted ones (Holm, 1979): where those
/// below a limit are believed, the probability that any of them is chance is below that limit.
/// A NaN becomes 1.
pub fn holm(p: &mut [f64]) {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut largest: f64 = 0.0;
    for (rank, &at) in order.iter().enumerate() {
        let adjusted = (p.len() - rank) as f64 * p[at];
        largest = adjusted.min(1.0).max(largest);
        p[at] = largest;
    }
}
