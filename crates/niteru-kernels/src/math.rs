//! Elementary functions on registers, and the activations made of them.

use crate::simd::{Op, Simd, load_at, store_at};

/// What a layer applies to each of its outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// `x`
    #[default]
    None,
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `x · Φ(x)` with the error function itself, not the tanh approximation.
    Gelu,
    /// `x / (1 + exp(−1.702 x))`, as OpenAI's CLIP has it. NaN for −∞.
    QuickGelu,
}

/// `e^x`, within [`EXP_TOLERANCE`](crate::EXP_TOLERANCE) relatively where the result is a normal
/// number; 0 below −104, infinite above 88.73; NaN for NaN.
///
/// Reduced to |r| ≤ ln 2 / 2 by two-part subtraction of a multiple of ln 2, then the polynomial of
/// Cephes' `expf`.
#[inline(always)]
pub(crate) fn exp<S: Simd>(s: S, x: S::V) -> S::V {
    // NaN is the second operand here and so survives both.
    let x = s.max(s.splat(-104.0), s.min(s.splat(89.0), x));
    let n = s.round(s.mul(x, s.splat(std::f32::consts::LOG2_E)));
    let r = s.fma(n, s.splat(-0.693_359_4), x);
    let r = s.fma(n, s.splat(2.121_944_4e-4), r);
    let p = s.splat(1.987_569_1e-4);
    let p = s.fma(p, r, s.splat(1.398_2e-3));
    let p = s.fma(p, r, s.splat(8.333_452e-3));
    let p = s.fma(p, r, s.splat(4.166_579_6e-2));
    let p = s.fma(p, r, s.splat(1.666_666_5e-1));
    let p = s.fma(p, r, s.splat(0.5));
    let e = s.add(s.fma(p, s.mul(r, r), r), s.splat(1.0));
    s.scale_exponent(e, n)
}

/// The error function, within 4e-7 absolutely.
///
/// `x · P(x²) / Q(x²)` on |x| ≤ 3.92, beyond which erf rounds to ±1.
#[inline(always)]
fn erf<S: Simd>(s: S, x: S::V) -> S::V {
    let limit = 3.92;
    let x = s.max(s.splat(-limit), s.min(s.splat(limit), x));
    let w = s.mul(x, x);
    let mut p = s.splat(ERF_P[ERF_P.len() - 1]);
    for c in ERF_P.iter().rev().skip(1) {
        p = s.fma(p, w, s.splat(*c));
    }
    let mut q = s.splat(ERF_Q[ERF_Q.len() - 1]);
    for c in ERF_Q.iter().rev().skip(1) {
        q = s.fma(q, w, s.splat(*c));
    }
    // Rounding may end a bit above 1.
    s.min(s.splat(1.0), s.div(s.mul(x, p), q))
}

// Fitted for the least relative error (2e-8 before rounding) on 0 ≤ x² ≤ 3.92², lowest power first.
const ERF_P: [f32; 6] = [
    std::f32::consts::FRAC_2_SQRT_PI,
    0.190_407_68,
    0.052_748_89,
    3.765_669_3e-3,
    2.848_839e-4,
    2.050_078_3e-6,
];
const ERF_Q: [f32; 6] = [
    1.0,
    0.502_077_16,
    0.114_109_61,
    0.014_969_322,
    1.162_548_1e-3,
    3.809_168_3e-5,
];

#[inline(always)]
pub(crate) fn relu6<S: Simd>(s: S, x: S::V) -> S::V {
    s.min(s.splat(6.0), s.max(s.splat(0.0), x))
}

#[inline(always)]
pub(crate) fn activate<S: Simd>(s: S, activation: Activation, x: S::V) -> S::V {
    match activation {
        Activation::None => x,
        Activation::Relu6 => relu6(s, x),
        Activation::Gelu => {
            let e = erf(s, s.mul(x, s.splat(std::f32::consts::FRAC_1_SQRT_2)));
            // Below −5.6 the result is under 1e-7, but an error of one bit in erf would be
            // multiplied by x.
            let half = s.mul(s.max(s.splat(-5.6), x), s.splat(0.5));
            s.fma(half, e, half)
        }
        Activation::QuickGelu => {
            let e = exp(s, s.mul(x, s.splat(-1.702)));
            s.div(x, s.add(s.splat(1.0), e))
        }
    }
}

#[inline(always)]
pub(crate) fn activate_slice<S: Simd>(s: S, activation: Activation, x: &mut [f32]) {
    for i in (0..x.len()).step_by(S::LANES) {
        let v = activate(s, activation, load_at(s, x, i));
        store_at(s, x, i, v);
    }
}

/// Applies an activation to numbers in place.
pub(crate) struct Activate<'a> {
    pub(crate) activation: Activation,
    pub(crate) x: &'a mut [f32],
}

impl Op for Activate<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        activate_slice(s, self.activation, self.x);
    }
}
