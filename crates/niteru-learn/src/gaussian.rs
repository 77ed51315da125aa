//! A multivariate normal distribution of embeddings, and distances from its middle.

use crate::shrinkage;
use nalgebra::{Cholesky, DMatrix};
use niteru_kernels::{Epilogue, Kernels, Layout, PackedMatrix, Precision, Rows, RowsMut};
use serde::{Deserialize, Serialize};

/// [`Gaussian::distances`] differ from [`Gaussian::distance`], and between kernels, by at most this
/// share, where no direction varies more than a hundred times as widely as another.
pub const DISTANCE_TOLERANCE: f32 = 1e-4;

/// Rows whose distances are computed in one product.
const BLOCK: usize = 256;

/// Mean and covariance of embeddings, the latter as the inverse of its Cholesky factor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Gaussian {
    dimensions: usize,
    /// `[dimensions]`.
    mean: Vec<f32>,
    /// W = L⁻¹ / √dimensions for the covariance L·Lᵀ: a lower triangle, its rows one after the
    /// other without the zeros, `[dimensions · (dimensions + 1) / 2]`. The diagonal is above 0.
    factor: Vec<f32>,
}

/// What is read back before it is checked.
#[derive(Deserialize)]
struct Stored {
    dimensions: usize,
    mean: Vec<f32>,
    factor: Vec<f32>,
}

/// No Gaussian can be fitted to the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// There is nothing to fit to.
    #[error("no embeddings to learn from")]
    Empty,
    /// The number of floats is not a multiple of the dimensions, or the dimensions are 0.
    #[error("{floats} numbers do not make embeddings of {dimensions} dimensions")]
    Shape {
        /// How many numbers were given.
        floats: usize,
        /// How many make up a row.
        dimensions: usize,
    },
    /// A NaN or an infinity.
    #[error("embedding number {number} has a value that is not finite")]
    NotFinite {
        /// Its place, counted from 1.
        number: usize,
    },
    /// The squares of the values, or the inverse of their variance, leave the range of `f32`.
    #[error("the values of the embeddings are too large")]
    Range,
}

/// What was stored is no Gaussian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// Mean or factor have other sizes than the dimensions ask for.
    #[error("a Gaussian of {dimensions} dimensions has {mean} means and {factor} factors")]
    Shape {
        /// What was stored as dimensions.
        dimensions: usize,
        /// Numbers of the mean.
        mean: usize,
        /// Numbers of the factor.
        factor: usize,
    },
    /// A number is not finite, or a scale not above 0.
    #[error("a stored Gaussian has a number that is not possible")]
    Number,
}

impl TryFrom<Stored> for Gaussian {
    type Error = StoredError;

    fn try_from(stored: Stored) -> Result<Self, StoredError> {
        let Stored {
            dimensions,
            mean,
            factor,
        } = stored;
        let shape = StoredError::Shape {
            dimensions,
            mean: mean.len(),
            factor: factor.len(),
        };
        if dimensions == 0 || mean.len() != dimensions || Some(factor.len()) != triangle(dimensions)
        {
            return Err(shape);
        }
        Self {
            dimensions,
            mean,
            factor,
        }
        .checked()
        .ok_or(StoredError::Number)
    }
}

/// Numbers of a lower triangle with its diagonal.
fn triangle(dimensions: usize) -> Option<usize> {
    Some(dimensions.checked_mul(dimensions.checked_add(1)?)? / 2)
}

impl Gaussian {
    /// Fits mean and covariance to `rows`, `[n, dimensions]` row-major.
    ///
    /// The covariance is shrunk to a scaled identity (Ledoit and Wolf, 2004), so fewer rows than
    /// dimensions do, and constant dimensions. The mean variance is taken to be at least a millionth
    /// of the mean square of the mean's values (1e-12 for zeros). So one row, or rows that are all
    /// equal, have an identity with that variance: what differs from them by a thousandth of their
    /// size has the distance 1.
    ///
    /// Takes n · dimensions² multiply-adds, on the calling thread.
    ///
    /// # Errors
    /// When there is no row, the shape is wrong, or a value is not finite or too large (deviations
    /// from the mean of 1e18 are).
    pub fn fit(kernels: Kernels, rows: &[f32], dimensions: usize) -> Result<Self, FitError> {
        if dimensions == 0 || !rows.len().is_multiple_of(dimensions) {
            let floats = rows.len();
            return Err(FitError::Shape { floats, dimensions });
        }
        if rows.is_empty() {
            return Err(FitError::Empty);
        }
        if let Some(at) = rows.iter().position(|value| !value.is_finite()) {
            let number = at / dimensions + 1;
            return Err(FitError::NotFinite { number });
        }
        let mean = shrinkage::mean(rows, dimensions);
        let covariance = shrinkage::covariance(kernels, rows, &mean);
        let factor = inverse_factor(covariance, dimensions).ok_or(FitError::Range)?;
        let mean = mean.iter().map(|&value| value as f32).collect();
        Self {
            dimensions,
            mean,
            factor,
        }
        .checked()
        .ok_or(FitError::Range)
    }

    /// Itself, if all numbers are possible.
    fn checked(self) -> Option<Self> {
        let finite = self.mean.iter().chain(&self.factor).all(|x| x.is_finite());
        let scaled = self
            .triangle_rows()
            .all(|row| row.last().is_some_and(|&scale| scale > 0.0));
        (finite && scaled).then_some(self)
    }

    /// Numbers of an embedding; at least 1.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The mean, `[dimensions]`.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The Mahalanobis distance of one embedding from the mean, divided by √dimensions: about 1 for
    /// embeddings like those that were fitted, never below 0, never NaN. +∞ for an embedding with a
    /// value that is not finite.
    ///
    /// Summed in `f64`, without kernels: for what is not in a hurry. Not the bits of
    /// [`distances`](Self::distances), but within [`DISTANCE_TOLERANCE`]; a stored score should
    /// come from one of the two alone.
    ///
    /// # Panics
    /// When `x` has other dimensions.
    #[track_caller]
    pub fn distance(&self, x: &[f32]) -> f32 {
        let (got, dimensions) = (x.len(), self.dimensions);
        assert!(
            got == dimensions,
            "{got} numbers for a Gaussian of {dimensions} dimensions"
        );
        let centred: Vec<f64> = x
            .iter()
            .zip(&self.mean)
            .map(|(x, mean)| f64::from(x - mean))
            .collect();
        let square: f64 = self
            .triangle_rows()
            .map(|row| {
                let products = row.iter().zip(&centred).map(|(&w, x)| f64::from(w) * x);
                products.sum::<f64>().powi(2)
            })
            .sum();
        defined(square.sqrt() as f32)
    }

    /// [`distance`](Self::distance) of each of `rows`, `[n, dimensions]` row-major, by products of
    /// matrices. For more than one call, [`prepare`](Self::prepare) once.
    ///
    /// # Panics
    /// When `rows` are not whole rows.
    #[track_caller]
    pub fn distances(&self, kernels: Kernels, rows: &[f32]) -> Vec<f32> {
        self.prepare(kernels).distances(rows)
    }

    /// Packs what many distances need.
    pub fn prepare(&self, kernels: Kernels) -> GaussianDistances {
        let d = self.dimensions;
        let mut square = vec![0.0; d * d];
        for (full, row) in square.chunks_exact_mut(d).zip(self.triangle_rows()) {
            full[..row.len()].copy_from_slice(row);
        }
        let layout = Layout::OutputByInput;
        GaussianDistances {
            kernels,
            mean: self.mean.clone(),
            factor: PackedMatrix::pack(kernels, Precision::F32, &square, d, d, layout),
        }
    }

    /// The rows of the factor: 1 number, 2, 3, …
    fn triangle_rows(&self) -> impl Iterator<Item = &[f32]> {
        (0..self.dimensions).map(|i| &self.factor[i * (i + 1) / 2..][..i + 1])
    }
}

/// A [`Gaussian`] packed for one set of kernels.
#[derive(Clone, Debug)]
pub struct GaussianDistances {
    kernels: Kernels,
    mean: Vec<f32>,
    factor: PackedMatrix,
}

impl GaussianDistances {
    /// What [`Gaussian::distances`] gives, on the calling thread. A distance depends on its row
    /// alone, bit for bit.
    ///
    /// # Panics
    /// When `rows` are not whole rows.
    #[track_caller]
    pub fn distances(&self, rows: &[f32]) -> Vec<f32> {
        let d = self.mean.len();
        let floats = rows.len();
        assert!(
            floats.is_multiple_of(d),
            "{floats} numbers for a Gaussian of {d} dimensions"
        );
        let block = floats.min(BLOCK * d);
        let (mut centred, mut out) = (vec![0.0; block], vec![0.0; block]);
        let mut distances = Vec::with_capacity(floats / d);
        for rows in rows.chunks(BLOCK * d) {
            let (centred, out) = (&mut centred[..rows.len()], &mut out[..rows.len()]);
            for (to, row) in centred.chunks_exact_mut(d).zip(rows.chunks_exact(d)) {
                for ((to, x), mean) in to.iter_mut().zip(row).zip(&self.mean) {
                    *to = x - mean;
                }
            }
            let count = rows.len() / d;
            let views = (Rows::new(centred, count, d), RowsMut::new(out, count, d));
            self.kernels
                .matmul(views.0, &self.factor, Epilogue::default(), views.1);
            let length = |z: &[f32]| defined(self.kernels.dot(z, z).sqrt());
            distances.extend(out.chunks_exact(d).map(length));
        }
        distances
    }
}

/// +∞ in place of NaN.
fn defined(distance: f32) -> f32 {
    match distance.is_nan() {
        true => f32::INFINITY,
        false => distance,
    }
}

/// The lower triangle of L⁻¹ / √dimensions for a covariance L·Lᵀ; `None` when it has none.
fn inverse_factor(covariance: Vec<f64>, dimensions: usize) -> Option<Vec<f32>> {
    if !covariance.iter().all(|value| value.is_finite()) {
        return None;
    }
    let covariance = DMatrix::from_vec(dimensions, dimensions, covariance);
    let mut inverse = DMatrix::identity(dimensions, dimensions);
    let lower = Cholesky::new(covariance)?.unpack();
    if !lower.solve_lower_triangular_mut(&mut inverse) {
        return None;
    }
    let scale = 1.0 / (dimensions as f64).sqrt();
    let rows = (0..dimensions).flat_map(|i| (0..=i).map(move |j| (i, j)));
    Some(rows.map(|at| (inverse[at] * scale) as f32).collect())
}
