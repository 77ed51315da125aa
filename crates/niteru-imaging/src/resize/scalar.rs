//! The passes in plain Rust: the reference for the others.

use super::weights::{PRECISION, Weights};

pub(super) fn horizontal_pass(source: &[u8], width: usize, weights: &Weights) -> Vec<u8> {
    let out_width = weights.taps.len();
    let mut out = vec![0u8; source.len() / (width * 3) * out_width * 3];
    for (row, target) in source
        .chunks_exact(width * 3)
        .zip(out.chunks_exact_mut(out_width * 3))
    {
        let (target, _) = target.as_chunks_mut::<3>();
        for (x, target) in target.iter_mut().enumerate() {
            let (taps, values) = weights.of(x);
            let (inputs, _) = row[taps.start * 3..taps.end * 3].as_chunks::<3>();
            let mut sums = [1 << (PRECISION - 1); 3];
            for (input, &weight) in inputs.iter().zip(values) {
                for (sum, &sample) in sums.iter_mut().zip(input) {
                    *sum += i32::from(sample) * weight;
                }
            }
            *target = sums.map(to_byte);
        }
    }
    out
}

pub(super) fn vertical_pass(
    source: &[u8],
    stride: usize,
    weights: &Weights,
    first_row: usize,
) -> Vec<u8> {
    let mut out = vec![0u8; weights.taps.len() * stride];
    let mut sums = vec![0i32; stride];
    for (y, target) in out.chunks_exact_mut(stride).enumerate() {
        let (taps, values) = weights.of(y);
        sums.fill(1 << (PRECISION - 1));
        for (tap, &weight) in taps.zip(values) {
            let start = (tap - first_row) * stride;
            for (sum, &sample) in sums.iter_mut().zip(&source[start..start + stride]) {
                *sum += i32::from(sample) * weight;
            }
        }
        for (target, &sum) in target.iter_mut().zip(&sums) {
            *target = to_byte(sum);
        }
    }
    out
}

pub(super) fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}
