//! Products of vectors, and unit length.

use crate::simd::{Op, Simd, load_at, store_at};

pub(crate) struct Dot<'a> {
    pub(crate) a: &'a [f32],
    pub(crate) b: &'a [f32],
}

impl Op for Dot<'_> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        dot(s, self.a, self.b)
    }
}

/// Four running sums, so that additions need not wait for each other. `b` is as long as `a`.
#[inline(always)]
fn dot<S: Simd>(s: S, a: &[f32], b: &[f32]) -> f32 {
    let b = &b[..a.len()];
    let mut sums = [s.splat(0.0); 4];
    let step = 4 * S::LANES;
    let mut i = 0;
    while i + step <= a.len() {
        // SAFETY: `step` floats of both slices follow index i.
        unsafe {
            let (a, b) = (a.as_ptr().add(i), b.as_ptr().add(i));
            sums[0] = s.fma(s.load(a), s.load(b), sums[0]);
            sums[1] = s.fma(s.load(a.add(S::LANES)), s.load(b.add(S::LANES)), sums[1]);
            sums[2] = s.fma(
                s.load(a.add(2 * S::LANES)),
                s.load(b.add(2 * S::LANES)),
                sums[2],
            );
            sums[3] = s.fma(
                s.load(a.add(3 * S::LANES)),
                s.load(b.add(3 * S::LANES)),
                sums[3],
            );
        }
        i += step;
    }
    while i < a.len() {
        sums[0] = s.fma(load_at(s, a, i), load_at(s, b, i), sums[0]);
        i += S::LANES;
    }
    s.sum(s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3])))
}

pub(crate) struct Dots<'a> {
    pub(crate) query: &'a [f32],
    pub(crate) rows: &'a [f32],
    pub(crate) out: &'a mut [f32],
}

impl Op for Dots<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        if self.query.is_empty() {
            self.out.fill(0.0);
            return;
        }
        for (row, out) in self.rows.chunks_exact(self.query.len()).zip(self.out) {
            *out = dot(s, self.query, row);
        }
    }
}

pub(crate) struct Normalize<'a> {
    pub(crate) x: &'a mut [f32],
}

impl Op for Normalize<'_> {
    type Output = Option<f32>;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Option<f32> {
        let squares = dot(s, self.x, self.x);
        // Where squares could under- or overflow, f64 holds them.
        if !(1e-20..=1e30).contains(&squares) {
            return normalize_wide(self.x);
        }
        let norm = squares.sqrt();
        let inverse = s.splat(1.0 / norm);
        let mut i = 0;
        while i < self.x.len() {
            let v = s.mul(load_at(s, self.x, i), inverse);
            store_at(s, self.x, i, v);
            i += S::LANES;
        }
        Some(norm)
    }
}

fn normalize_wide(x: &mut [f32]) -> Option<f32> {
    let squares: f64 = x.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    let norm = squares.sqrt();
    if !norm.is_finite() || norm == 0.0 || norm > f64::from(f32::MAX) {
        return None;
    }
    for x in x {
        *x = (f64::from(*x) / norm) as f32;
    }
    Some(norm as f32)
}
