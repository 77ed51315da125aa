//! AArch64 with NEON: 4 lanes, 32 registers.

use crate::simd::{Op, Simd};
use std::arch::aarch64::*;

/// Proof of NEON: [`Neon::detect`] is the only way to one.
#[derive(Clone, Copy)]
pub(crate) struct Neon(());

impl Neon {
    pub(crate) fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }
}

#[inline(never)]
#[target_feature(enable = "neon")]
fn with_features<O: Op>(simd: Neon, op: O) -> O::Output {
    op.run(simd)
}

impl Simd for Neon {
    type V = float32x4_t;
    const LANES: usize = 4;
    const TILE_ROWS: usize = 8;
    const TILE_VECTORS: usize = 3;

    #[inline(always)]
    fn run<O: Op>(self, op: O) -> O::Output {
        // SAFETY: self proves the features that `with_features` enables.
        unsafe { with_features(self, op) }
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        // SAFETY: self proves NEON.
        unsafe { vdupq_n_f32(x) }
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        // SAFETY: self proves NEON; the caller vouches for 4 floats.
        unsafe { vld1q_f32(p) }
    }
    #[inline(always)]
    unsafe fn load_first(self, p: *const f32, n: usize) -> Self::V {
        let mut lanes = [0.0f32; 4];
        for (i, lane) in lanes.iter_mut().enumerate().take(n) {
            // SAFETY: i < n, and the caller vouches for n floats.
            *lane = unsafe { *p.add(i) };
        }
        // SAFETY: self proves NEON; the array holds 4 floats.
        unsafe { vld1q_f32(lanes.as_ptr()) }
    }
    #[inline(always)]
    unsafe fn load_first_or(self, p: *const f32, n: usize, others: Self::V) -> Self::V {
        let mut lanes = [0.0f32; 4];
        // SAFETY: self proves NEON; the array holds 4 floats.
        unsafe { vst1q_f32(lanes.as_mut_ptr(), others) };
        for (i, lane) in lanes.iter_mut().enumerate().take(n) {
            // SAFETY: i < n, and the caller vouches for n floats.
            *lane = unsafe { *p.add(i) };
        }
        // SAFETY: as above.
        unsafe { vld1q_f32(lanes.as_ptr()) }
    }
    #[inline(always)]
    unsafe fn load_half(self, p: *const u16) -> Self::V {
        // SAFETY: self proves NEON; the caller vouches for 4 numbers. As in `widen_half`, on all lanes.
        unsafe {
            let bits = vmovl_u16(vld1_u16(p));
            let sign = vshlq_n_u32::<16>(vandq_u32(bits, vdupq_n_u32(0x8000)));
            let magnitude = vshlq_n_u32::<13>(vandq_u32(bits, vdupq_n_u32(0x7fff)));
            let scaled = vmulq_n_f32(
                vreinterpretq_f32_u32(magnitude),
                f32::from_bits((112 + 127) << 23),
            );
            let exponent = vandq_u32(bits, vdupq_n_u32(0x7c00));
            let special = vceqq_u32(exponent, vdupq_n_u32(0x7c00));
            let infinite = vorrq_u32(magnitude, vdupq_n_u32(0x7f80_0000));
            let value = vbslq_u32(special, infinite, vreinterpretq_u32_f32(scaled));
            vreinterpretq_f32_u32(vorrq_u32(value, sign))
        }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: Self::V) {
        // SAFETY: self proves NEON; the caller vouches for 4 floats.
        unsafe { vst1q_f32(p, v) }
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, n: usize, v: Self::V) {
        let mut lanes = [0.0f32; 4];
        // SAFETY: self proves NEON; the array holds 4 floats.
        unsafe { vst1q_f32(lanes.as_mut_ptr(), v) };
        for (i, lane) in lanes.iter().enumerate().take(n) {
            // SAFETY: i < n, and the caller vouches for n floats.
            unsafe { *p.add(i) = *lane };
        }
    }
    #[inline(always)]
    fn prefetch(self, _: *const f32) {}
    #[inline(always)]
    fn prefetch_write(self, _: *const f32) {}
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: self proves NEON.
        unsafe { vaddq_f32(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: self proves NEON.
        unsafe { vsubq_f32(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: self proves NEON.
        unsafe { vmulq_f32(a, b) }
    }
    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: self proves NEON.
        unsafe { vdivq_f32(a, b) }
    }
    #[inline(always)]
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: self proves NEON.
        unsafe { vfmaq_f32(c, a, b) }
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        // Not vmaxq: that returns NaN where either is, x86 returns the second.
        // SAFETY: self proves NEON.
        unsafe { vbslq_f32(vcgtq_f32(a, b), a, b) }
    }
    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: self proves NEON.
        unsafe { vbslq_f32(vcltq_f32(a, b), a, b) }
    }
    #[inline(always)]
    fn round(self, v: Self::V) -> Self::V {
        // SAFETY: self proves NEON.
        unsafe { vrndnq_f32(v) }
    }
    #[inline(always)]
    fn scale_exponent(self, v: Self::V, n: Self::V) -> Self::V {
        // Two steps, because 2^n itself leaves the range of f32 where the product need not.
        // SAFETY: self proves NEON.
        unsafe {
            let n = vcvtq_s32_f32(n);
            let half = vshrq_n_s32::<1>(n);
            let rest = vsubq_s32(n, half);
            let bias = vdupq_n_s32(127);
            let first = vshlq_n_s32::<23>(vaddq_s32(half, bias));
            let second = vshlq_n_s32::<23>(vaddq_s32(rest, bias));
            let v = vmulq_f32(v, vreinterpretq_f32_s32(first));
            vmulq_f32(v, vreinterpretq_f32_s32(second))
        }
    }
    #[inline(always)]
    unsafe fn difference(self, a: *const i32, b: *const i32) -> Self::V {
        // SAFETY: self proves NEON; the caller vouches for four integers at both.
        unsafe { vcvtq_f32_s32(vsubq_s32(vld1q_s32(a), vld1q_s32(b))) }
    }
    #[inline(always)]
    fn sum(self, v: Self::V) -> f32 {
        // SAFETY: self proves NEON.
        unsafe { vaddvq_f32(v) }
    }
    #[inline(always)]
    fn largest(self, v: Self::V) -> f32 {
        // SAFETY: self proves NEON.
        unsafe { vmaxvq_f32(v) }
    }
}
