//! What works on each row of a matrix by itself, and the mean over rows.

use crate::math::exp;
use crate::simd::{Op, Simd, load_at, load_at_or, store_at};
use crate::views::{Rows, RowsMut};

/// What a layer normalisation does to each row.
#[derive(Clone, Copy)]
pub(crate) struct Norm<'a> {
    pub(crate) gamma: &'a [f32],
    pub(crate) beta: &'a [f32],
    pub(crate) eps: f32,
}

impl<'a> Norm<'a> {
    /// For the rows of `x`.
    ///
    /// # Panics
    /// When there is not one of `gamma` and `beta` for each column.
    #[track_caller]
    pub(crate) fn new(x: Rows, gamma: &'a [f32], beta: &'a [f32], eps: f32) -> Self {
        let cols = x.cols();
        assert!(
            gamma.len() == cols && beta.len() == cols,
            "layer norm of {cols} columns with {} gammas and {} betas",
            gamma.len(),
            beta.len()
        );
        Self { gamma, beta, eps }
    }

    /// Writes `row`, normalised, to `to`; all of one length.
    #[inline(always)]
    pub(crate) fn row<S: Simd>(self, s: S, row: &[f32], to: &mut [f32]) {
        let cols = row.len();
        let mean = sum_of(s, row, s.splat(0.0), |v| v) / cols as f32;
        let centre = s.splat(mean);
        let variance = sum_of(s, row, centre, |v| {
            let d = s.sub(v, centre);
            s.mul(d, d)
        });
        let inverse = s.splat(1.0 / (variance / cols as f32 + self.eps).sqrt());
        let mut j = 0;
        while j < cols {
            let d = s.mul(s.sub(load_at(s, row, j), centre), inverse);
            let v = s.fma(d, load_at(s, self.gamma, j), load_at(s, self.beta, j));
            store_at(s, to, j, v);
            j += S::LANES;
        }
    }
}

pub(crate) struct LayerNorm<'a> {
    pub(crate) x: Rows<'a>,
    pub(crate) norm: Norm<'a>,
    pub(crate) out: RowsMut<'a>,
}

impl Op for LayerNorm<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut out = self.out;
        for i in 0..self.x.rows() {
            self.norm.row(s, self.x.row(i), out.row(i));
        }
    }
}

/// The sum of `term` over a row, whose last register is filled up with `others`: several sums side
/// by side, because each addition waits for the one before it.
#[inline(always)]
fn sum_of<S: Simd>(s: S, row: &[f32], others: S::V, term: impl Fn(S::V) -> S::V) -> f32 {
    const SUMS: usize = 4;
    let mut sums = [s.splat(0.0); SUMS];
    for start in (0..row.len()).step_by(SUMS * S::LANES) {
        for (i, sum) in sums.iter_mut().enumerate() {
            let j = start + i * S::LANES;
            if j < row.len() {
                *sum = s.add(*sum, term(load_at_or(s, row, j, others)));
            }
        }
    }
    let [a, b, c, d] = sums;
    s.sum(s.add(s.add(a, b), s.add(c, d)))
}

pub(crate) struct Softmax<'a> {
    pub(crate) x: RowsMut<'a>,
}

impl Op for Softmax<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut x = self.x;
        for i in 0..x.rows() {
            softmax_row(s, x.row(i));
        }
    }
}

/// Rows of −∞ alone become zeros; NaN or +∞ anywhere makes the whole row NaN.
#[inline(always)]
fn softmax_row<S: Simd>(s: S, row: &mut [f32]) {
    let nothing = s.splat(f32::NEG_INFINITY);
    let mut largest = nothing;
    for j in (0..row.len()).step_by(S::LANES) {
        largest = s.max(load_at_or(s, row, j, nothing), largest);
    }
    let peak = s.largest(largest);
    if peak == f32::NEG_INFINITY {
        // Comparisons pass over NaN, so a row without a peak may still hold one.
        let fill = if row.iter().any(|x| x.is_nan()) {
            f32::NAN
        } else {
            0.0
        };
        row.fill(fill);
        return;
    }
    let shift = s.splat(peak);
    // What does not fill a register stays in one: reading back a part that was just written waits.
    let whole = row.len() - row.len() % S::LANES;
    let mut sums = s.splat(0.0);
    for j in (0..whole).step_by(S::LANES) {
        let e = exp(s, s.sub(load_at(s, row, j), shift));
        sums = s.add(sums, e);
        store_at(s, row, j, e);
    }
    let mut last = s.splat(0.0);
    if whole < row.len() {
        // Lanes behind the row weigh e^−60, which vanishes in a sum of at least 1; the way to the
        // 0 of e^−∞ leads through denormal numbers, which take a CPU 100 cycles.
        let nothing = s.splat(peak - 60.0);
        last = exp(s, s.sub(load_at_or(s, row, whole, nothing), shift));
        sums = s.add(sums, last);
    }
    let scale = s.splat(1.0 / s.sum(sums));
    for j in (0..whole).step_by(S::LANES) {
        let v = s.mul(load_at(s, row, j), scale);
        store_at(s, row, j, v);
    }
    if whole < row.len() {
        store_at(s, row, whole, s.mul(last, scale));
    }
}

pub(crate) struct MeanRows<'a> {
    pub(crate) x: Rows<'a>,
    pub(crate) out: &'a mut [f32],
}

impl Op for MeanRows<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let scale = s.splat(1.0 / self.x.rows() as f32);
        let mut j = 0;
        while j < self.out.len() {
            let mut sum = s.splat(0.0);
            for i in 0..self.x.rows() {
                sum = s.add(sum, load_at(s, self.x.row(i), j));
            }
            store_at(s, self.out, j, s.mul(sum, scale));
            j += S::LANES;
        }
    }
}
