//! The passes in AVX2, with the scalar ones' bytes.
//!
//! A weight of 22 fractional bits does not fit the 16-bit multiply-add, the fastest there is. So
//! it is split: weight = 2048 × high + low with 0 ≤ low < 2048, both are summed on their own, and
//! 2048 × Σhigh + Σlow is the scalar sum exactly, all arithmetic being modulo 2³².

use std::arch::x86_64::*;

use super::scalar::to_byte;
use super::weights::{PRECISION, Weights};

const LOW_BITS: u32 = 11;
const ROUND: i32 = 1 << (PRECISION - 1);
/// Rows that share one load of weights.
const ROWS: usize = 4;
/// Bytes behind a row that may be read, though their weight is 0: the rest of a group of four
/// pixels and the four bytes that a 16-byte load holds beside them.
const PAD: usize = 3 * 3 + 4;

fn split(weight: i32) -> (i16, i16) {
    // A normalised weight is a little over 1 at most, so the high part is within ±2¹².
    (
        (weight >> LOW_BITS) as i16,
        (weight & ((1 << LOW_BITS) - 1)) as i16,
    )
}

/// Weights of four pixels, laid out as the shuffled pixels are: [r0 r1 g0 g1 b0 b1 - -] in the
/// lower half, pixels 2 and 3 likewise in the upper.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
struct Group {
    high: [i16; 16],
    low: [i16; 16],
}

struct Output {
    /// First byte of the first pixel.
    start: usize,
    groups: std::ops::Range<usize>,
}

fn pack(weights: &Weights) -> (Vec<Output>, Vec<Group>) {
    let mut groups = vec![];
    let outputs = (0..weights.taps.len())
        .map(|at| {
            let (taps, values) = weights.of(at);
            let first = groups.len();
            for four in values.chunks(4) {
                let mut group = Group {
                    high: [0; 16],
                    low: [0; 16],
                };
                for (pixel, &weight) in four.iter().enumerate() {
                    let (high, low) = split(weight);
                    for channel in 0..3 {
                        let slot = pixel / 2 * 8 + channel * 2 + pixel % 2;
                        group.high[slot] = high;
                        group.low[slot] = low;
                    }
                }
                groups.push(group);
            }
            Output {
                start: taps.start * 3,
                groups: first..groups.len(),
            }
        })
        .collect();
    (outputs, groups)
}

#[target_feature(enable = "avx2")]
pub(super) fn horizontal_pass(source: &[u8], width: usize, weights: &Weights) -> Vec<u8> {
    let stride = width * 3;
    let out_stride = weights.taps.len() * 3;
    let (outputs, groups) = pack(weights);
    let mut out = vec![0u8; source.len() / stride * out_stride];
    // The last rows have too little behind them to read past their end: they get a copy.
    let mut padded = vec![];
    for (block, target) in out.chunks_mut(out_stride * ROWS).enumerate() {
        let start = block * ROWS * stride;
        let rows = target.len() / out_stride;
        let end = start + rows * stride;
        let block = if end + PAD <= source.len() {
            &source[start..end + PAD]
        } else {
            padded.clear();
            padded.extend_from_slice(&source[start..end]);
            padded.resize(end - start + PAD, 0);
            &padded[..]
        };
        if rows == ROWS {
            horizontal_rows::<ROWS>(block, stride, &outputs, &groups, target);
        } else {
            for (row, target) in target.chunks_exact_mut(out_stride).enumerate() {
                horizontal_rows::<1>(&block[row * stride..], stride, &outputs, &groups, target);
            }
        }
    }
    out
}

/// `block` holds `N` rows and [`PAD`] bytes more.
#[target_feature(enable = "avx2")]
fn horizontal_rows<const N: usize>(
    block: &[u8],
    stride: usize,
    outputs: &[Output],
    groups: &[Group],
    target: &mut [u8],
) {
    let out_stride = outputs.len() * 3;
    assert!(block.len() >= N * stride + PAD && target.len() == N * out_stride);
    const Z: i8 = -128;
    let shuffle = _mm256_setr_epi8(
        0, Z, 3, Z, 1, Z, 4, Z, 2, Z, 5, Z, Z, Z, Z, Z, //
        6, Z, 9, Z, 7, Z, 10, Z, 8, Z, 11, Z, Z, Z, Z, Z,
    );
    for (x, output) in outputs.iter().enumerate() {
        let mut high = [_mm256_setzero_si256(); N];
        let mut low = [_mm256_setzero_si256(); N];
        let mut at = output.start;
        for group in &groups[output.groups.clone()] {
            // SAFETY: a group is 64 bytes, aligned to 32.
            let (wide, narrow) = unsafe {
                let group: *const Group = group;
                let parts = group.cast::<__m256i>();
                (_mm256_load_si256(parts), _mm256_load_si256(parts.add(1)))
            };
            for row in 0..N {
                let from = row * stride + at;
                debug_assert!(from + 16 <= block.len());
                // SAFETY: the first pixel of the group lies inside its row, so `from` is at most
                // 3 bytes before the row's end and 16 bytes from there are within PAD.
                let four = unsafe { _mm_loadu_si128(block.as_ptr().add(from).cast()) };
                let four = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(four), shuffle);
                high[row] = _mm256_add_epi32(high[row], _mm256_madd_epi16(four, wide));
                low[row] = _mm256_add_epi32(low[row], _mm256_madd_epi16(four, narrow));
            }
            at += 12;
        }
        for row in 0..N {
            let sum = _mm256_add_epi32(
                _mm256_slli_epi32::<{ LOW_BITS as i32 }>(high[row]),
                low[row],
            );
            let sum = _mm_add_epi32(
                _mm256_castsi256_si128(sum),
                _mm256_extracti128_si256::<1>(sum),
            );
            let sum =
                _mm_srai_epi32::<{ PRECISION as i32 }>(_mm_add_epi32(sum, _mm_set1_epi32(ROUND)));
            let words = _mm_packs_epi32(sum, sum);
            let [r, g, b, _] = _mm_cvtsi128_si32(_mm_packus_epi16(words, words)).to_le_bytes();
            target[row * out_stride + x * 3..][..3].copy_from_slice(&[r, g, b]);
        }
    }
}

#[target_feature(enable = "avx2")]
pub(super) fn vertical_pass(
    source: &[u8],
    stride: usize,
    weights: &Weights,
    first_row: usize,
) -> Vec<u8> {
    let mut out = vec![0u8; weights.taps.len() * stride];
    let mut pairs: Vec<(&[u8], &[u8], i32, i32)> = vec![];
    for (y, target) in out.chunks_exact_mut(stride).enumerate() {
        let (taps, values) = weights.of(y);
        let rows = &source[(taps.start - first_row) * stride..(taps.end - first_row) * stride];
        pairs.clear();
        for (rows, values) in rows.chunks(2 * stride).zip(values.chunks(2)) {
            let (first, second) = rows.split_at(stride);
            let both = |a: i16, b: i16| i32::from(a as u16) | (i32::from(b) << 16);
            let (high0, low0) = split(values[0]);
            let (second, (high1, low1)) = match values.get(1) {
                Some(&weight) => (second, split(weight)),
                None => (first, (0, 0)),
            };
            pairs.push((first, second, both(high0, high1), both(low0, low1)));
        }
        let whole = stride / 16 * 16;
        for x in (0..whole).step_by(16) {
            vertical_16(&pairs, x, &mut target[x..x + 16]);
        }
        if stride >= 16 && whole < stride {
            // The last bytes once more with those before them.
            vertical_16(&pairs, stride - 16, &mut target[stride - 16..]);
        } else if whole < stride {
            for (x, target) in target.iter_mut().enumerate() {
                let sum = rows.chunks_exact(stride).zip(values);
                *target = to_byte(sum.fold(ROUND, |sum, (row, &w)| sum + i32::from(row[x]) * w));
            }
        }
    }
    out
}

/// 16 bytes of one row, from byte `x` on, from pairs of rows and their packed weights.
#[target_feature(enable = "avx2")]
fn vertical_16(pairs: &[(&[u8], &[u8], i32, i32)], x: usize, target: &mut [u8]) {
    let mut high = [_mm256_setzero_si256(); 2];
    let mut low = [_mm256_setzero_si256(); 2];
    for &(first, second, wide, narrow) in pairs {
        let (first, second) = (&first[x..x + 16], &second[x..x + 16]);
        // SAFETY: both slices are 16 bytes long.
        let (first, second) = unsafe {
            (
                _mm_loadu_si128(first.as_ptr().cast()),
                _mm_loadu_si128(second.as_ptr().cast()),
            )
        };
        let (wide, narrow) = (_mm256_set1_epi32(wide), _mm256_set1_epi32(narrow));
        let halves = [
            _mm_unpacklo_epi8(first, second),
            _mm_unpackhi_epi8(first, second),
        ];
        for half in 0..2 {
            let both = _mm256_cvtepu8_epi16(halves[half]);
            high[half] = _mm256_add_epi32(high[half], _mm256_madd_epi16(both, wide));
            low[half] = _mm256_add_epi32(low[half], _mm256_madd_epi16(both, narrow));
        }
    }
    let mut words = [_mm_setzero_si128(); 2];
    for half in 0..2 {
        let sum = _mm256_add_epi32(
            _mm256_slli_epi32::<{ LOW_BITS as i32 }>(high[half]),
            low[half],
        );
        let sum = _mm256_add_epi32(sum, _mm256_set1_epi32(ROUND));
        let sum = _mm256_srai_epi32::<{ PRECISION as i32 }>(sum);
        words[half] = _mm_packs_epi32(
            _mm256_castsi256_si128(sum),
            _mm256_extracti128_si256::<1>(sum),
        );
    }
    let target = &mut target[..16];
    // SAFETY: the target is 16 bytes long.
    unsafe {
        _mm_storeu_si128(
            target.as_mut_ptr().cast(),
            _mm_packus_epi16(words[0], words[1]),
        )
    };
}
