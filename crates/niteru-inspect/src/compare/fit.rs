//! Least squares for few unknowns.

/// Sums of weighted equations `unknowns · by = value`.
pub(super) struct Equations<const N: usize> {
    matrix: [[f64; N]; N],
    right: [f64; N],
}

impl<const N: usize> Equations<N> {
    pub(super) fn new() -> Equations<N> {
        Equations {
            matrix: [[0.0; N]; N],
            right: [0.0; N],
        }
    }

    pub(super) fn add(&mut self, weight: f64, by: [f64; N], value: f64) {
        for i in 0..N {
            self.right[i] += weight * by[i] * value;
            for j in 0..=i {
                self.matrix[i][j] += weight * by[i] * by[j];
            }
        }
    }

    /// The unknowns with the least sum of squares, held near 0 where the equations do not tell them:
    /// `held` is added to the squares' sums, as a share of the largest of them. `None` where they tell
    /// nothing.
    pub(super) fn solved(mut self, held: f64) -> Option<[f64; N]> {
        let most = (0..N).map(|i| self.matrix[i][i]).fold(0.0, f64::max);
        for (i, row) in self.matrix.iter_mut().enumerate() {
            row[i] += held * most;
        }
        // Cholesky's factors.
        let mut lower = [[0.0; N]; N];
        for i in 0..N {
            for j in 0..=i {
                let known: f64 = (0..j).map(|k| lower[i][k] * lower[j][k]).sum();
                let left = self.matrix[i][j] - known;
                lower[i][j] = match i == j {
                    true if left > 0.0 => left.sqrt(),
                    true => return None,
                    false => left / lower[j][j],
                };
            }
        }
        let mut unknowns = self.right;
        for i in 0..N {
            let known: f64 = (0..i).map(|k| lower[i][k] * unknowns[k]).sum();
            unknowns[i] = (unknowns[i] - known) / lower[i][i];
        }
        for i in (0..N).rev() {
            let known: f64 = (i + 1..N).map(|k| lower[k][i] * unknowns[k]).sum();
            unknowns[i] = (unknowns[i] - known) / lower[i][i];
        }
        unknowns
            .iter()
            .all(|number| number.is_finite())
            .then_some(unknowns)
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
