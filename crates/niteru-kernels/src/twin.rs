//! The scalar twins: each kernel as a plain loop in `f64`, to compare with.

use crate::{Activation, Padding};

/// A value, and the sum of the magnitudes that it was added up from.
#[derive(Clone, Copy)]
pub(crate) struct Sum {
    pub(crate) value: f64,
    pub(crate) magnitude: f64,
}

pub(crate) fn dot(a: &[f32], b: &[f32]) -> Sum {
    let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
    products.fold(
        Sum {
            value: 0.0,
            magnitude: 0.0,
        },
        |sum, x| Sum {
            value: sum.value + x,
            magnitude: sum.magnitude + x.abs(),
        },
    )
}

/// `a` is `[m, k]`, `b` `[k, n]`; the result is `[m, n]`.
pub(crate) fn matmul(a: &[f32], b: &[f32], m: usize, k: usize, n: usize) -> Vec<Sum> {
    let mut out = Vec::new();
    for i in 0..m {
        for j in 0..n {
            let column: Vec<f32> = (0..k).map(|p| b[p * n + j]).collect();
            out.push(dot(&a[i * k..(i + 1) * k], &column));
        }
    }
    out
}

/// The nearest bfloat16, ties to even.
pub(crate) fn bf16(x: f32) -> f32 {
    let below = f32::from_bits(x.to_bits() & 0xffff_0000);
    let above = f32::from_bits((x.to_bits() & 0xffff_0000).wrapping_add(0x1_0000));
    let (down, up) = ((x - below).abs(), (above - x).abs());
    let even = below.to_bits() & 0x1_0000 == 0;
    if down < up || (down == up && even) {
        below
    } else {
        above
    }
}

/// Numbers as whole multiples, −127…127, of the second result.
pub(crate) fn int8(x: &[f32]) -> (Vec<i32>, f32) {
    let largest = x.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    let scale = largest / 127.0;
    // In f32, by the reciprocal: which whole number is nearest may hang on the last bit.
    let whole = |x: &f32| (x * (1.0 / scale)).round_ties_even() as i32;
    (x.iter().map(whole).collect(), scale)
}

/// The error function by its Maclaurin series or, far out, its continued fraction.
pub(crate) fn erf(x: f64) -> f64 {
    let z = x.abs();
    let value = if z < 2.5 {
        let (mut term, mut sum) = (z, z);
        for n in 1..80 {
            term *= -z * z / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    } else {
        let fraction = (1..120).rev().fold(z, |f, n| z + f64::from(n) / 2.0 / f);
        1.0 - (-z * z).exp() / fraction / std::f64::consts::PI.sqrt()
    };
    value.copysign(x)
}

pub(crate) fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::Gelu => x * 0.5 * (1.0 + erf(x / std::f64::consts::SQRT_2)),
        Activation::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
    }
}

pub(crate) fn layer_norm(row: &[f32], gamma: &[f32], beta: &[f32], eps: f32) -> Vec<f64> {
    let n = row.len() as f64;
    let mean = row.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
    let variance = row
        .iter()
        .map(|x| (f64::from(*x) - mean).powi(2))
        .sum::<f64>()
        / n;
    let scale = 1.0 / (variance + f64::from(eps)).sqrt();
    let parts = row.iter().zip(gamma).zip(beta);
    parts
        .map(|((x, g), b)| (f64::from(*x) - mean) * scale * f64::from(*g) + f64::from(*b))
        .collect()
}

pub(crate) fn softmax(row: &[f64]) -> Vec<f64> {
    let peak = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let e: Vec<f64> = row.iter().map(|x| (x - peak).exp()).collect();
    let sum: f64 = e.iter().sum();
    e.iter().map(|x| x / sum).collect()
}

/// `input` is `[height, width, channels]`, `weights` `[channels, kernel, kernel]`.
pub(crate) fn depthwise(
    input: &[f32],
    (height, width): (usize, usize),
    weights: &[f32],
    bias: &[f32],
    (kernel, stride, padding): (usize, usize, Padding),
) -> Vec<Sum> {
    let channels = bias.len();
    let out_height = (height + padding.top + padding.bottom - kernel) / stride + 1;
    let out_width = (width + padding.left + padding.right - kernel) / stride + 1;
    let mut out = Vec::new();
    for (y, x, c) in positions(out_height, out_width, channels) {
        let mut sum = Sum {
            value: f64::from(bias[c]),
            magnitude: f64::from(bias[c].abs()),
        };
        for (ky, kx, _) in positions(kernel, kernel, 1) {
            let (iy, ix) = (y * stride + ky, x * stride + kx);
            let inside_y = iy >= padding.top && iy - padding.top < height;
            let inside_x = ix >= padding.left && ix - padding.left < width;
            if inside_y && inside_x {
                let at = ((iy - padding.top) * width + ix - padding.left) * channels + c;
                let weight = weights[(c * kernel + ky) * kernel + kx];
                let product = f64::from(input[at]) * f64::from(weight);
                sum.value += product;
                sum.magnitude += product.abs();
            }
        }
        out.push(sum);
    }
    out
}

fn positions(a: usize, b: usize, c: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a).flat_map(move |i| (0..b).flat_map(move |j| (0..c).map(move |l| (i, j, l))))
}

/// `qkv` is `[tokens, 3 * hidden]`.
pub(crate) fn attention(
    qkv: &[f32],
    tokens: usize,
    hidden: usize,
    heads: usize,
    causal: bool,
) -> Vec<f64> {
    let size = hidden / heads;
    let at = |token: usize, part: usize, column: usize| {
        f64::from(qkv[token * 3 * hidden + part * hidden + column])
    };
    let mut out = vec![0.0; tokens * hidden];
    for head in 0..heads {
        let columns = head * size..(head + 1) * size;
        for i in 0..tokens {
            let seen = if causal { i + 1 } else { tokens };
            let score = |j| {
                let products = columns.clone().map(|c| at(i, 0, c) * at(j, 1, c));
                products.sum::<f64>() / (size as f64).sqrt()
            };
            let weights = softmax(&(0..seen).map(score).collect::<Vec<_>>());
            for c in columns.clone() {
                out[i * hidden + c] = weights
                    .iter()
                    .enumerate()
                    .map(|(j, w)| w * at(j, 2, c))
                    .sum();
            }
        }
    }
    out
}
