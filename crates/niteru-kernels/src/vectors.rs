//! Products of vectors, and unit length.

use crate::simd::{Op, Simd, load_at, store_at};

pub(crate) struct Dot<'a, A, B> {
    pub(crate) a: &'a [A],
    pub(crate) b: &'a [B],
}

impl<A: Element, B: Element> Op for Dot<'_, A, B> {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        dot(s, self.a, self.b)
    }
}

/// What a vector is made of: `f32`, or the bits of half-precision numbers.
pub(crate) trait Element: Copy {
    /// # Safety
    /// `S::LANES` elements are readable at `p`.
    unsafe fn load<S: Simd>(s: S, p: *const Self) -> S::V;

    /// The elements from index i on, fewer than a register holds, with zeros behind.
    fn load_rest<S: Simd>(s: S, row: &[Self], i: usize) -> S::V;
}

impl Element for f32 {
    #[inline(always)]
    unsafe fn load<S: Simd>(s: S, p: *const f32) -> S::V {
        // SAFETY: the caller vouches for the elements.
        unsafe { s.load(p) }
    }
    #[inline(always)]
    fn load_rest<S: Simd>(s: S, row: &[f32], i: usize) -> S::V {
        load_at(s, row, i)
    }
}

impl Element for u16 {
    #[inline(always)]
    unsafe fn load<S: Simd>(s: S, p: *const u16) -> S::V {
        // SAFETY: the caller vouches for the elements.
        unsafe { s.load_half(p) }
    }
    #[inline(always)]
    fn load_rest<S: Simd>(s: S, row: &[u16], i: usize) -> S::V {
        let mut rest = [0; MAX_LANES];
        let count = (row.len() - i).min(S::LANES);
        rest[..count].copy_from_slice(&row[i..i + count]);
        // SAFETY: the array holds the widest register.
        unsafe { s.load_half(rest.as_ptr()) }
    }
}

/// Lanes of the widest register.
const MAX_LANES: usize = 16;

/// Four running sums, so that additions need not wait for each other. `b` is as long as `a`.
#[inline(always)]
fn dot<S: Simd, A: Element, B: Element>(s: S, a: &[A], b: &[B]) -> f32 {
    let b = &b[..a.len()];
    let mut sums = [s.splat(0.0); 4];
    let step = 4 * S::LANES;
    let mut i = 0;
    while i + step <= a.len() {
        for (part, sum) in sums.iter_mut().enumerate() {
            let start = i + part * S::LANES;
            // SAFETY: `LANES` elements of both slices follow index `start`.
            let (x, y) = unsafe {
                (
                    A::load(s, a.as_ptr().add(start)),
                    B::load(s, b.as_ptr().add(start)),
                )
            };
            *sum = s.fma(x, y, *sum);
        }
        i += step;
    }
    while i + S::LANES <= a.len() {
        // SAFETY: `LANES` elements of both slices follow index i.
        let (x, y) = unsafe { (A::load(s, a.as_ptr().add(i)), B::load(s, b.as_ptr().add(i))) };
        sums[0] = s.fma(x, y, sums[0]);
        i += S::LANES;
    }
    if i < a.len() {
        sums[0] = s.fma(A::load_rest(s, a, i), B::load_rest(s, b, i), sums[0]);
    }
    s.sum(s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3])))
}

/// How far ahead of the row that is multiplied memory is asked for. Measured on rows of 1 KiB that lie
/// in memory.
const AHEAD_BYTES: usize = 4096;

/// A cache line.
const LINE_BYTES: usize = 64;

pub(crate) struct Dots<'a, R> {
    pub(crate) query: &'a [f32],
    pub(crate) rows: &'a [R],
    pub(crate) out: &'a mut [f32],
}

impl<R: Element> Op for Dots<'_, R> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        if self.query.is_empty() {
            self.out.fill(0.0);
            return;
        }
        for (row, out) in self.rows.chunks_exact(self.query.len()).zip(self.out) {
            // The processor's own prefetching stops at the end of a page.
            let ahead = row.as_ptr().cast::<u8>().wrapping_add(AHEAD_BYTES);
            for line in (0..size_of_val(row)).step_by(LINE_BYTES) {
                s.prefetch(ahead.wrapping_add(line).cast());
            }
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
