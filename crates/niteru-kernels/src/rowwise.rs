//! What works on each row of a matrix by itself, and the mean over rows.

use crate::math::exp;
use crate::simd::{Op, Simd, load_at, store_at};
use crate::views::{Rows, RowsMut};

pub(crate) struct LayerNorm<'a> {
    pub(crate) x: Rows<'a>,
    pub(crate) gamma: &'a [f32],
    pub(crate) beta: &'a [f32],
    pub(crate) eps: f32,
    pub(crate) out: RowsMut<'a>,
}

impl Op for LayerNorm<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut out = self.out;
        let cols = self.x.cols();
        let whole = cols - cols % S::LANES;
        for i in 0..self.x.rows() {
            let row = self.x.row(i);
            let mut sums = [s.splat(0.0); 2];
            let mut j = 0;
            while j < cols {
                sums[0] = s.add(sums[0], load_at(s, row, j));
                j += S::LANES;
                if j < cols {
                    sums[1] = s.add(sums[1], load_at(s, row, j));
                    j += S::LANES;
                }
            }
            let mean = s.sum(s.add(sums[0], sums[1])) / cols as f32;
            let centre = s.splat(mean);
            let mut squares = s.splat(0.0);
            let mut j = 0;
            while j < whole {
                let d = s.sub(load_at(s, row, j), centre);
                squares = s.fma(d, d, squares);
                j += S::LANES;
            }
            let mut variance = s.sum(squares);
            for x in &row[whole..] {
                variance += (x - mean) * (x - mean);
            }
            let inverse = s.splat(1.0 / (variance / cols as f32 + self.eps).sqrt());
            let to = out.row(i);
            let mut j = 0;
            while j < cols {
                let d = s.mul(s.sub(load_at(s, row, j), centre), inverse);
                let v = s.fma(d, load_at(s, self.gamma, j), load_at(s, self.beta, j));
                store_at(s, to, j, v);
                j += S::LANES;
            }
        }
    }
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
    let whole = row.len() - row.len() % S::LANES;
    let mut largest = s.splat(f32::NEG_INFINITY);
    let mut j = 0;
    while j < whole {
        largest = s.max(load_at(s, row, j), largest);
        j += S::LANES;
    }
    let mut peak = s.largest(largest);
    for x in &row[whole..] {
        peak = if *x > peak { *x } else { peak };
    }
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
    let mut sums = s.splat(0.0);
    let mut j = 0;
    while j < whole {
        let e = exp(s, s.sub(load_at(s, row, j), shift));
        sums = s.add(sums, e);
        store_at(s, row, j, e);
        j += S::LANES;
    }
    let mut sum = s.sum(sums);
    if whole < row.len() {
        let e = exp(s, s.sub(load_at(s, row, whole), shift));
        store_at(s, row, whole, e);
        // Only the lanes that are in the row count.
        sum += s.sum(load_at(s, row, whole));
    }
    let scale = s.splat(1.0 / sum);
    let mut j = 0;
    while j < row.len() {
        let v = s.mul(load_at(s, row, j), scale);
        store_at(s, row, j, v);
        j += S::LANES;
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
