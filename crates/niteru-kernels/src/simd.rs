//! One vector register of `f32`, whatever its width.
//!
//! Kernels are written once over [`Simd`] and compiled once for each instruction set: an [`Op`]
//! holds the arguments, and [`Simd::run`] calls its body inside a function that has the set's
//! target features. Everything on the way from there to an instruction is `#[inline(always)]`,
//! because only code that ends up inside that function is compiled with those features.

/// A job for [`Simd::run`].
pub(crate) trait Op {
    /// What the job returns.
    type Output;
    /// The body; implementations are `#[inline(always)]`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// An instruction set. A value is the proof that this CPU has it, so arithmetic is safe to call;
/// loads and stores are unsafe because of their pointers only.
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// One register.
    type V: Copy;
    /// Floats in a register.
    const LANES: usize;
    /// Rows of the largest matrix tile, at most [`MAX_TILE_ROWS`].
    const TILE_ROWS: usize;
    /// Registers across the largest matrix tile, at most [`MAX_TILE_VECTORS`].
    const TILE_VECTORS: usize;

    /// Runs the job compiled for this instruction set.
    fn run<O: Op>(self, op: O) -> O::Output;

    /// All lanes `x`.
    fn splat(self, x: f32) -> Self::V;
    /// # Safety
    /// `LANES` floats are readable at `p`; no alignment is needed.
    unsafe fn load(self, p: *const f32) -> Self::V;
    /// The first `n` lanes from `p`, zeros in the others.
    /// # Safety
    /// `n < LANES`, and `n` floats are readable at `p`.
    unsafe fn load_first(self, p: *const f32, n: usize) -> Self::V;
    /// The first `n` lanes from `p`, those of `others` in the others.
    /// # Safety
    /// As for [`load_first`](Self::load_first).
    unsafe fn load_first_or(self, p: *const f32, n: usize, others: Self::V) -> Self::V;
    /// `LANES` half-precision numbers, given as their bits, widened; exact, also for denormals.
    /// # Safety
    /// `LANES` numbers are readable at `p`; no alignment beyond theirs is needed.
    unsafe fn load_half(self, p: *const u16) -> Self::V;
    /// # Safety
    /// `LANES` floats are writable at `p`; no alignment is needed.
    unsafe fn store(self, p: *mut f32, v: Self::V);
    /// # Safety
    /// `n < LANES`, and `n` floats are writable at `p`.
    unsafe fn store_first(self, p: *mut f32, n: usize, v: Self::V);
    /// Hints that the line at `p` will be read soon, into the L2 cache. Any address will do.
    fn prefetch(self, p: *const f32);
    /// Hints that the line at `p` will be written soon, into the L1 cache. Any address will do.
    fn prefetch_write(self, p: *const f32);
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, rounded once where the set can.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `if a > b { a } else { b }`: the second operand when either is NaN.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `if a < b { a } else { b }`: the second operand when either is NaN.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// To the nearest whole number, ties to even; needs `|v| < 2^22`.
    fn round(self, v: Self::V) -> Self::V;
    /// `v * 2^n` for whole `n` in −160…160, right down to denormals and up to infinity.
    fn scale_exponent(self, v: Self::V, n: Self::V) -> Self::V;
    /// `LANES` differences `a - b` of whole numbers, wrapping at 32 bits, each rounded once to a float.
    /// # Safety
    /// `LANES` integers are readable at `a` and at `b`.
    unsafe fn difference(self, a: *const i32, b: *const i32) -> Self::V;
    /// The sum of all lanes, in a fixed order.
    fn sum(self, v: Self::V) -> f32;
    /// The largest lane; unspecified when one is NaN.
    fn largest(self, v: Self::V) -> f32;
}

/// Largest [`Simd::TILE_ROWS`] that the tile dispatch knows.
pub(crate) const MAX_TILE_ROWS: usize = 14;
/// Largest [`Simd::TILE_VECTORS`] that the tile dispatch knows.
pub(crate) const MAX_TILE_VECTORS: usize = 3;

/// Loads lanes `i..` of `row`: a full register, or what is left of it with zeros behind.
#[inline(always)]
pub(crate) fn load_at<S: Simd>(s: S, row: &[f32], i: usize) -> S::V {
    let left = row.len() - i;
    if left >= S::LANES {
        // SAFETY: `LANES` floats of the slice follow index i.
        unsafe { s.load(row.as_ptr().add(i)) }
    } else {
        // SAFETY: `left < LANES` floats of the slice follow index i.
        unsafe { s.load_first(row.as_ptr().add(i), left) }
    }
}

/// As [`load_at`], with `others` in place of the zeros.
#[inline(always)]
pub(crate) fn load_at_or<S: Simd>(s: S, row: &[f32], i: usize, others: S::V) -> S::V {
    let left = row.len() - i;
    if left >= S::LANES {
        // SAFETY: `LANES` floats of the slice follow index i.
        unsafe { s.load(row.as_ptr().add(i)) }
    } else {
        // SAFETY: `left < LANES` floats of the slice follow index i.
        unsafe { s.load_first_or(row.as_ptr().add(i), left, others) }
    }
}

/// Stores what [`load_at`] would have loaded.
#[inline(always)]
pub(crate) fn store_at<S: Simd>(s: S, row: &mut [f32], i: usize, v: S::V) {
    let left = row.len() - i;
    if left >= S::LANES {
        // SAFETY: `LANES` floats of the slice follow index i.
        unsafe { s.store(row.as_mut_ptr().add(i), v) }
    } else {
        // SAFETY: `left < LANES` floats of the slice follow index i.
        unsafe { s.store_first(row.as_mut_ptr().add(i), left, v) }
    }
}
