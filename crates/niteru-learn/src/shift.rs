//! Whether scores lie elsewhere than they did.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::metrics::auroc;
use crate::sorted;

/// The p-value is counted out while the smaller side times both sides together is at most this; that takes
/// some ten million steps.
const MOST_COUNTED: usize = 2048;

/// How recent scores lie beside earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// The probability that a recent score is above an earlier one, equal scores counting half: 0…1,
    /// 0.5 where nothing has shifted. How large the shift is, however many scores there are.
    pub superiority: f64,
    /// The probability of a superiority so far from 0.5, to either side, when nothing has shifted:
    /// above 0…1.
    pub p_value: f64,
}

/// Compares recent scores with earlier ones by their ranks alone, so that a few that are far off weigh no
/// more than their number: the rank-sum test (Wilcoxon, 1945; Mann and Whitney, 1947), two-sided.
///
/// The p-value is exact, ties included, for small samples: twice the smaller tail of all ways to draw the
/// recent scores from all. For larger ones it is that of the normal distribution, with the variance
/// corrected for ties and a half for continuity (Lehmann, *Nonparametrics*, 1975). `None` when either
/// side is empty.
///
/// It assumes that scores do not hang on each other: ten photos of one part are one.
pub fn shift(earlier: &[f64], recent: &[f64]) -> Option<Shift> {
    let superiority = auroc(earlier, recent)?;
    let all = sorted(&[earlier, recent].concat());
    let smaller = earlier.len().min(recent.len());
    let p_value = match smaller * all.len() <= MOST_COUNTED {
        true => counted(&all, superiority, (earlier.len(), recent.len())),
        false => approximate(&all, superiority, (earlier.len(), recent.len())),
    };
    Some(Shift {
        superiority,
        p_value: p_value.clamp(f64::MIN_POSITIVE, 1.0),
    })
}

/// How many of the sorted scores are equal, group by group.
fn ties(all: &[f64]) -> impl Iterator<Item = usize> {
    all.chunk_by(|a, b| a == b).map(<[f64]>::len)
}

fn counted(all: &[f64], superiority: f64, (earlier, recent): (usize, usize)) -> f64 {
    // Twice the rank, the mean one of scores that are equal: a whole number.
    let mut below = 0;
    let mut ranks = Vec::with_capacity(all.len());
    for count in ties(all) {
        ranks.extend(std::iter::repeat_n(2 * below + count + 1, count));
        below += count;
    }
    let smaller = earlier.min(recent);
    let wins = match recent == smaller {
        true => superiority,
        false => 1.0 - superiority,
    };
    // Mann and Whitney's U, doubled, and from it the sum of the smaller side's doubled ranks.
    let wins = (2.0 * wins * earlier as f64 * recent as f64).round() as usize;
    let seen = wins + smaller * (smaller + 1);
    let sums = rank_sums(&ranks, smaller);
    let low: f64 = sums[..=seen].iter().sum();
    let high: f64 = sums[seen..].iter().sum();
    2.0 * low.min(high)
}

/// The probability of each sum when so many of the ranks, which rise, are drawn at random.
fn rank_sums(ranks: &[usize], draws: usize) -> Vec<f64> {
    let most: usize = ranks.iter().rev().take(draws).sum();
    // [drawn so far][sum]: rank by rank it is drawn or not.
    let mut chances = vec![vec![0.0; most + 1]; draws + 1];
    chances[0][0] = 1.0;
    for (at, &rank) in ranks.iter().enumerate() {
        let left = (ranks.len() - at) as f64;
        for drawn in (0..draws.min(at + 1)).rev() {
            let taken = (draws - drawn) as f64 / left;
            let (before, after) = chances.split_at_mut(drawn + 1);
            let (stay, go) = (&mut before[drawn], &mut after[0]);
            for (chance, sum) in stay.iter_mut().zip(0..) {
                if *chance > 0.0 {
                    // What was reached can be reached: `most` holds it.
                    go[sum + rank] += *chance * taken;
                    *chance *= 1.0 - taken;
                }
            }
        }
    }
    chances.swap_remove(draws)
}

fn approximate(all: &[f64], superiority: f64, (earlier, recent): (usize, usize)) -> f64 {
    let pairs = earlier as f64 * recent as f64;
    let count = all.len() as f64;
    let tied: f64 = ties(all)
        .map(|count| count as f64)
        .map(|count| count * (count * count - 1.0))
        .sum();
    let variance = pairs / 12.0 * (count + 1.0 - tied / (count * (count - 1.0)));
    let away = (superiority - 0.5).abs() * pairs - 0.5;
    match variance > 0.0 && away > 0.0 {
        true => 2.0 * Normal::standard().sf(away / variance.sqrt()),
        false => 1.0,
    }
}
