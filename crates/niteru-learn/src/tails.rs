//! Tails of the binomial and the hypergeometric distribution, and quantiles of the Beta
//! distribution that belong to them.
//!
//! statrs gives the first term, and the rest of a tail follows by ratios of neighbouring terms: all
//! are positive, so nothing cancels. statrs' own incomplete Beta function ends after 140 steps,
//! which is not enough for the counts of a line that runs for years: it has 0.364 for ½ where both
//! parameters are five million. Its inverse may then search for ever.

use statrs::distribution::{Binomial, Discrete, Hypergeometric};

/// Trials up to which sums are made; larger counts are to be scaled down by the caller. A sum has
/// about √trials terms that count.
pub(crate) const MOST_TRIALS: u64 = 1 << 30;

/// Terms below this part of their sum no longer change it.
const NEGLIGIBLE: f64 = 1e-18;

/// The sum of terms of which the first is given, and every other by its ratio to the one before.
/// The terms must not grow again once they fall.
fn sum(first: f64, ratios: impl Iterator<Item = f64>) -> f64 {
    let (mut total, mut term) = (first, first);
    for ratio in ratios {
        term *= ratio;
        total += term;
        if term <= total * NEGLIGIBLE {
            break;
        }
    }
    total
}

/// P(X ≥ `k`) for X ~ Binomial(`n`, `p`); `p` in 0…1, `n` at most [`MOST_TRIALS`].
pub(crate) fn binomial_at_least(k: u64, n: u64, p: f64) -> f64 {
    if k == 0 || p >= 1.0 && k <= n {
        return 1.0;
    }
    if k > n || p <= 0.0 {
        return 0.0;
    }
    let term = |x| Binomial::new(p, n).map_or(f64::NAN, |binomial| binomial.pmf(x));
    let odds = p / (1.0 - p);
    if k as f64 > n as f64 * p {
        let ratio = |x| (n - x) as f64 / (x + 1) as f64 * odds;
        sum(term(k), (k..n).map(ratio)).min(1.0)
    } else {
        let ratio = |x| x as f64 / (n - x + 1) as f64 / odds;
        (1.0 - sum(term(k - 1), (1..k).rev().map(ratio))).max(0.0)
    }
}

/// The `share` quantile of Beta(`rank`, `n + 1 − rank`): the distribution of the `rank`-th smallest
/// of `n` uniform numbers in 0…1, and the `p` at which Binomial(`n`, `p`) reaches `rank` with
/// probability `share`. `rank` in 1…`n`; 0 for `share` ≤ 0, 1 for `share` ≥ 1.
pub(crate) fn order_quantile(rank: u64, n: u64, share: f64) -> f64 {
    if share <= 0.0 || share >= 1.0 {
        return share.clamp(0.0, 1.0);
    }
    let (mut low, mut high) = (0.0, 1.0);
    while high - low > 1e-15 * high {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        match binomial_at_least(rank, n, middle) < share {
            true => low = middle,
            false => high = middle,
        }
    }
    high
}

/// P(X ≥ `k`) where X of `drawn` things have a mark that `marked` of `all` have; `marked` and
/// `drawn` at most `all`.
pub(crate) fn hypergeometric_at_least(k: u64, drawn: u64, marked: u64, all: u64) -> f64 {
    let least = drawn.saturating_sub(all - marked);
    let most = drawn.min(marked);
    if k <= least {
        return 1.0;
    }
    if k > most {
        return 0.0;
    }
    // Not `pmf`, whose binomial coefficients overflow.
    let term = |x| Hypergeometric::new(all, marked, drawn).map_or(f64::NAN, |h| h.ln_pmf(x).exp());
    // From x to x + 1. `least` ≤ x, so that the last difference is not below 0.
    let ratio = |x: u64| {
        let grows = (marked - x) as f64 * (drawn - x) as f64;
        grows / ((x + 1) as f64 * (all - marked + x + 1 - drawn) as f64)
    };
    if k as f64 > drawn as f64 * (marked as f64 / all as f64) {
        sum(term(k), (k..most).map(ratio)).min(1.0)
    } else {
        let back = |x| 1.0 / ratio(x);
        (1.0 - sum(term(k - 1), (least..k - 1).rev().map(back))).max(0.0)
    }
}
