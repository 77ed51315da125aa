//! Least squares for few unknowns.

use nalgebra::{SMatrix, SVector};

/// Sums of weighted equations `unknowns · by = value`.
pub(super) struct Equations<const N: usize> {
    /// Its lower triangle.
    matrix: SMatrix<f64, N, N>,
    right: SVector<f64, N>,
}

impl<const N: usize> Equations<N> {
    pub(super) fn new() -> Equations<N> {
        Equations {
            matrix: SMatrix::zeros(),
            right: SVector::zeros(),
        }
    }

    pub(super) fn add(&mut self, weight: f64, by: [f64; N], value: f64) {
        for i in 0..N {
            self.right[i] += weight * by[i] * value;
            for j in 0..=i {
                self.matrix[(i, j)] += weight * by[i] * by[j];
            }
        }
    }

    /// The unknowns with the least sum of squares, held near 0 where the equations do not tell them:
    /// `held` is added to the squares' sums, as a share of the largest of them. `None` where they tell
    /// nothing.
    pub(super) fn solved(mut self, held: f64) -> Option<[f64; N]> {
        let most = (0..N).map(|i| self.matrix[(i, i)]).fold(0.0, f64::max);
        for i in 0..N {
            self.matrix[(i, i)] += held * most;
        }
        let unknowns = self.matrix.cholesky()?.solve(&self.right);
        let finite = unknowns.iter().all(|number| number.is_finite());
        finite.then(|| unknowns.into())
    }
}

/// How much a difference counts: 1 for none, 0 from `far` on (J. Tukey's biweight).
pub(super) fn weight(difference: f64, far: f64) -> f64 {
    let off = (difference / far).powi(2);
    match off < 1.0 {
        true => (1.0 - off).powi(2),
        false => 0.0,
    }
}

/// Robust standard deviations from which a difference does not count.
pub(super) const FAR: f64 = 4.685;

/// The middle value; `None` of none.
pub(super) fn median(mut values: Vec<f32>) -> Option<f32> {
    let middle = values.len() / 2;
    (middle < values.len()).then(|| *values.select_nth_unstable_by(middle, f32::total_cmp).1)
}

/// Robust standard deviation of differences around 0: 1.4826 times the median of their sizes.
pub(super) fn deviation(differences: impl Iterator<Item = f64>) -> f64 {
    let sizes = differences
        .map(|difference| difference.abs() as f32)
        .collect();
    1.4826 * f64::from(median(sizes).unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_are_solved_where_they_tell() {
        let mut line = Equations::new();
        for x in 0..10 {
            line.add(1.0, [1.0, f64::from(x)], 3.0 - 0.5 * f64::from(x));
        }
        let [at, slope] = line.solved(0.0).unwrap();
        assert!(
            (at - 3.0).abs() < 1e-9 && (slope + 0.5).abs() < 1e-9,
            "{at} {slope}"
        );
        let mut same = Equations::new();
        same.add(2.0, [1.0, 1.0], 4.0);
        let held = same.solved(1e-6).unwrap();
        assert!(
            held.iter().all(|number| (number - 2.0).abs() < 1e-3),
            "{held:?}"
        );
        assert_eq!(Equations::<2>::new().solved(0.1), None);
    }

    #[test]
    fn far_differences_do_not_count() {
        assert_eq!(
            (weight(0.0, 2.0), weight(2.0, 2.0), weight(-9.0, 2.0)),
            (1.0, 0.0, 0.0)
        );
        assert!(weight(1.0, 2.0) > 0.5);
        assert_eq!(weight(1.0, 0.0), 0.0);
        assert_eq!(
            (median(vec![]), median(vec![3.0, 1.0, 2.0])),
            (None, Some(2.0))
        );
    }
}
