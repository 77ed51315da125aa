//! The plane in which rows differ most: their first two principal components.

use niteru_kernels::Kernels;

use super::Random;
use crate::shrinkage::mean;

/// Most rounds of the iteration, and the change of a direction below which it has come to its end.
const ROUNDS: usize = 200;
const STANDS_STILL: f32 = 1e-6;

/// Rows that no plane can be laid through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlaneError {
    /// Rows have no length, or their number is no multiple of it.
    #[error("{values} values are no rows of {dimensions}")]
    Shape {
        /// Values that there are.
        values: usize,
        /// Length of a row.
        dimensions: usize,
    },
    /// A value is NaN or infinite.
    #[error("row {row} has a value that is no number")]
    NotFinite {
        /// The row, from 0 on.
        row: usize,
    },
}

/// Two directions at right angles, each of length 1, and the middle that they are seen from. Rows that
/// differ in fewer directions leave the rest of them 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    kernels: Kernels,
    /// The mean along each direction.
    middle: [f32; 2],
    directions: [Vec<f32>; 2],
}

impl Plane {
    /// The plane of rows, `[n, dimensions]`, found by orthogonal iteration. A few thousand rows of many
    /// are enough. Each direction's largest value is positive, so that the same rows are never mirrored.
    ///
    /// # Errors
    /// [`PlaneError`].
    pub fn fit(kernels: Kernels, rows: &[f32], dimensions: usize) -> Result<Self, PlaneError> {
        let values = rows.len();
        if dimensions == 0 || !values.is_multiple_of(dimensions) {
            return Err(PlaneError::Shape { values, dimensions });
        }
        if let Some(place) = rows.iter().position(|value| !value.is_finite()) {
            let row = place / dimensions;
            return Err(PlaneError::NotFinite { row });
        }
        let count = rows.len() / dimensions;
        let mut directions = [vec![0.0; dimensions], vec![0.0; dimensions]];
        if count > 0 {
            let mean: Vec<f32> = mean(rows, dimensions).iter().map(|&x| x as f32).collect();
            directions = iterate(kernels, rows, &mean);
            let middle = [0, 1].map(|axis| kernels.dot(&mean, &directions[axis]));
            return Ok(Self {
                kernels,
                middle,
                directions,
            });
        }
        Ok(Self {
            kernels,
            middle: [0.0; 2],
            directions,
        })
    }

    /// Where a row lies in the plane; the middle for one of another length.
    pub fn project(&self, row: &[f32]) -> [f64; 2] {
        [0, 1].map(|axis| match row.len() == self.directions[axis].len() {
            true => f64::from(self.kernels.dot(row, &self.directions[axis]) - self.middle[axis]),
            false => 0.0,
        })
    }
}

/// The two directions in which the rows have the largest variance.
fn iterate(kernels: Kernels, rows: &[f32], mean: &[f32]) -> [Vec<f32>; 2] {
    let dimensions = mean.len();
    let mut random = Random::of(0, 0, 0);
    let mut direction = || {
        let value = |_| random.next_u32() as f32 / u32::MAX as f32 - 0.5;
        (0..dimensions).map(value).collect::<Vec<f32>>()
    };
    let mut found = [direction(), direction()];
    orthogonal(kernels, &mut found);
    for _ in 0..ROUNDS {
        let mut next = [0, 1].map(|axis| times_covariance(kernels, rows, mean, &found[axis]));
        orthogonal(kernels, &mut next);
        let alike = |axis: usize| 1.0 - kernels.dot(&next[axis], &found[axis]).abs();
        let moved = alike(0).max(alike(1));
        found = next;
        if moved < STANDS_STILL {
            break;
        }
    }
    for direction in &mut found {
        let largest = direction
            .iter()
            .copied()
            .fold(0.0f32, |a, b| match b.abs() > a.abs() {
                true => b,
                false => a,
            });
        if largest < 0.0 {
            direction.iter_mut().for_each(|value| *value = -*value);
        }
    }
    found
}

/// The product of the rows' covariance, times their number, with a direction.
fn times_covariance(kernels: Kernels, rows: &[f32], mean: &[f32], direction: &[f32]) -> Vec<f32> {
    let middle = kernels.dot(mean, direction);
    let mut sum = vec![0.0f32; mean.len()];
    let mut all = 0.0;
    for row in rows.chunks_exact(mean.len()) {
        let along = kernels.dot(row, direction) - middle;
        all += along;
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += along * value;
        }
    }
    for (sum, mean) in sum.iter_mut().zip(mean) {
        *sum -= all * mean;
    }
    sum
}

/// Gives both length 1, and the second a right angle to the first. What has no length has none after it.
fn orthogonal(kernels: Kernels, directions: &mut [Vec<f32>; 2]) {
    let [first, second] = directions;
    let before = kernels.dot(second, second).sqrt();
    unit(kernels, first);
    // Twice: the first leaves what rounding left.
    for _ in 0..2 {
        let along = kernels.dot(first, second);
        for (second, first) in second.iter_mut().zip(first.iter()) {
            *second -= along * first;
        }
    }
    // What is left of rounding is no direction.
    let left = kernels.dot(second, second).sqrt();
    match left > before * 1e-5 {
        true => unit(kernels, second),
        false => second.fill(0.0),
    }
}

fn unit(kernels: Kernels, direction: &mut [f32]) {
    let length = kernels.dot(direction, direction).sqrt();
    match length.is_finite() && length > f32::MIN_POSITIVE {
        true => direction.iter_mut().for_each(|value| *value /= length),
        false => direction.fill(0.0),
    }
}
