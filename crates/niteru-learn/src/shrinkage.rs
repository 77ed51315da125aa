//! A covariance matrix that can be inverted, from any number of rows.
//!
//! O. Ledoit, M. Wolf, *A well-conditioned estimator for large-dimensional covariance matrices*,
//! Journal of Multivariate Analysis 88 (2004).

use niteru_kernels::{Epilogue, Kernels, Layout, PackedMatrix, Rows, RowsMut};

/// Rows whose products are summed in `f32` before the sums are added in `f64`.
const BLOCK: usize = 256;

/// The least part of the scaled identity in the result.
const LEAST_SHRINKAGE: f64 = 1e-6;

/// The least mean variance, as a part of the mean square of the mean's values: deviations of a
/// thousandth of the values are the least that can be told from none.
const LEAST_VARIANCE: f64 = 1e-6;
/// The same where the mean is zero.
const LEAST_VARIANCE_OF_ZEROS: f64 = 1e-12;

/// The mean of each column; NaN where one is in it.
pub(crate) fn mean(rows: &[f32], dimensions: usize) -> Vec<f64> {
    let mut sums = vec![0.0; dimensions];
    for row in rows.chunks_exact(dimensions) {
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += f64::from(value);
        }
    }
    let count = (rows.len() / dimensions) as f64;
    sums.iter().map(|sum| sum / count).collect()
}

/// The shrunk covariance, `[dimensions, dimensions]`: (1−s)·S + s·μ·I, with S the covariance of the
/// rows (divided by their number), μ the mean of its diagonal, and s as Ledoit and Wolf have it.
///
/// s is at least [`LEAST_SHRINKAGE`], and at least one over the number of rows where S has not full
/// rank for want of rows: with two rows the published formula gives 0. μ is at least
/// [`LEAST_VARIANCE`] of the squared values.
///
/// `rows` is `[n, dimensions]`, n ≥ 1, and `mean` is theirs. Not finite where squares leave `f32`.
pub(crate) fn covariance(kernels: Kernels, rows: &[f32], mean: &[f64]) -> Vec<f64> {
    let (dimensions, n) = (mean.len(), (rows.len() / mean.len()) as f64);
    let mut matrix = Scatter::of(kernels, rows, mean);
    for value in &mut matrix.products {
        *value /= n;
    }
    let trace: f64 = matrix.products.iter().step_by(dimensions + 1).sum();
    let variance = trace / dimensions as f64;
    let shrinkage = shrinkage(&matrix, variance, n, dimensions);
    let square = mean.iter().map(|x| x * x).sum::<f64>() / dimensions as f64;
    let least = (LEAST_VARIANCE * square).max(LEAST_VARIANCE_OF_ZEROS);
    let diagonal = shrinkage * variance + (least - variance).max(0.0);
    let mut shrunk = matrix.products;
    for value in &mut shrunk {
        *value *= 1.0 - shrinkage;
    }
    for value in shrunk.iter_mut().step_by(dimensions + 1) {
        *value += diagonal;
    }
    shrunk
}

/// The part s of the identity: the variance of the entries of S over their distance from μ·I.
fn shrinkage(covariance: &Scatter, variance: f64, n: f64, dimensions: usize) -> f64 {
    let (mut square, mut distance) = (0.0, 0.0);
    for (at, &value) in covariance.products.iter().enumerate() {
        square += value * value;
        let diagonal = at % (dimensions + 1) == 0;
        distance += (value - if diagonal { variance } else { 0.0 }).powi(2);
    }
    let noise = (covariance.fourth_powers / n - square).max(0.0) / n;
    let least = match n <= dimensions as f64 {
        true => 1.0 / n,
        false => LEAST_SHRINKAGE,
    };
    match distance > 0.0 {
        true => (noise / distance).clamp(least, 1.0),
        false => 1.0,
    }
}

/// Sums over rows x, of which the mean was taken.
struct Scatter {
    /// Σ x·xᵀ, `[dimensions, dimensions]`.
    products: Vec<f64>,
    /// Σ ‖x‖⁴.
    fourth_powers: f64,
}

impl Scatter {
    fn of(kernels: Kernels, rows: &[f32], mean: &[f64]) -> Self {
        let dimensions = mean.len();
        let mut sums = Self {
            products: vec![0.0; dimensions * dimensions],
            fourth_powers: 0.0,
        };
        let mut packed = PackedMatrix::empty(kernels);
        let mut centred = vec![0.0; BLOCK * dimensions];
        let mut turned = vec![0.0; BLOCK * dimensions];
        let mut products = vec![0.0; dimensions * dimensions];
        for block in rows.chunks(BLOCK * dimensions) {
            let (count, len) = (block.len() / dimensions, block.len());
            let (centred, turned) = (&mut centred[..len], &mut turned[..len]);
            for (i, (from, to)) in rows_of(block, centred, dimensions).enumerate() {
                let mut square = 0.0;
                for (j, ((&from, to), mean)) in from.iter().zip(to).zip(mean).enumerate() {
                    *to = (f64::from(from) - mean) as f32;
                    turned[j * count + i] = *to;
                    square += f64::from(*to) * f64::from(*to);
                }
                sums.fourth_powers += square * square;
            }
            packed.repack(
                Rows::new(centred, count, dimensions),
                Layout::InputByOutput,
                1.0,
            );
            kernels.matmul(
                Rows::new(turned, dimensions, count),
                &packed,
                Epilogue::default(),
                RowsMut::new(&mut products, dimensions, dimensions),
            );
            for (sum, &product) in sums.products.iter_mut().zip(&products) {
                *sum += f64::from(product);
            }
        }
        sums
    }
}

fn rows_of<'a>(
    from: &'a [f32],
    to: &'a mut [f32],
    dimensions: usize,
) -> impl Iterator<Item = (&'a [f32], &'a mut [f32])> {
    from.chunks_exact(dimensions)
        .zip(to.chunks_exact_mut(dimensions))
}
