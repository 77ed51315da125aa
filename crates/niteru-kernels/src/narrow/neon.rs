//! Narrow products with NEON: bfloat16 by two f32 products, integers by SDOT where it is there.

// Loops over indices, not iterators: they unroll completely, and only then are the sums registers.
#![expect(clippy::needless_range_loop, reason = "see above")]

use super::{BLOCK_BYTES, Call, Form, Left, MAX_COLUMNS, Micro, dispatch, nothing};
use std::arch::aarch64::*;
use std::arch::asm;

/// For the token [`Neon`](crate::neon::Neon).
pub(crate) const BF16_BY_F32: Micro = Micro {
    form: form(Left::WideBf16),
    run: bf16_by_f32,
    finish: nothing,
    fetches: 0,
    block_bytes: BLOCK_BYTES,
};

/// For CPUs that have the dot product too.
pub(crate) const INT8: Micro = Micro {
    form: form(Left::Signed8),
    run: int8,
    finish: nothing,
    fetches: 0,
    block_bytes: BLOCK_BYTES,
};

const fn form(left: Left) -> Form {
    Form {
        left,
        rows: 6,
        lanes: LANES,
        vectors: 3,
        group: 1,
    }
}

const LANES: usize = 4;

/// # Safety
/// As [`Micro::run`] says; the CPU has NEON.
unsafe fn bf16_by_f32(call: &Call) {
    dispatch!(call, tile_bf16_by_f32, [1 2 3 4 5 6], [1 2 3])
}

/// # Safety
/// As [`Micro::run`] says; the CPU has the dot product.
unsafe fn int8(call: &Call) {
    dispatch!(call, tile_int8, [1 2 3 4 5 6], [1 2 3])
}

/// # Safety
/// The CPU has NEON; the call holds what its counts say, for `ROWS` rows and `VECTORS` vectors.
#[target_feature(enable = "neon")]
unsafe fn tile_bf16_by_f32<const ROWS: usize, const VECTORS: usize>(call: &Call) {
    let mut sums = [[vdupq_n_f32(0.0); VECTORS]; ROWS];
    let high_half = vdupq_n_u32(0xffff_0000);
    let (mut left, mut right) = (call.left.cast::<f32>(), call.right);
    for _ in 0..call.groups {
        let mut low = [vdupq_n_f32(0.0); VECTORS];
        let mut high = [vdupq_n_f32(0.0); VECTORS];
        for j in 0..VECTORS {
            // SAFETY: a step of a panel has a register for each vector.
            let word = unsafe { vld1q_u32(right.add(j * LANES)) };
            low[j] = vreinterpretq_f32_u32(vshlq_n_u32::<16>(word));
            high[j] = vreinterpretq_f32_u32(vandq_u32(word, high_half));
        }
        for i in 0..ROWS {
            // SAFETY: a step of a strip has two floats for each row.
            let (first, second) = unsafe { (*left.add(2 * i), *left.add(2 * i + 1)) };
            for j in 0..VECTORS {
                sums[i][j] = vfmaq_n_f32(sums[i][j], low[j], first);
                sums[i][j] = vfmaq_n_f32(sums[i][j], high[j], second);
            }
        }
        // SAFETY: at most one past the last step.
        (left, right) = unsafe { (left.add(2 * ROWS), right.add(VECTORS * LANES)) };
    }
    for i in 0..ROWS {
        for j in 0..VECTORS {
            // SAFETY: row i has MAX_COLUMNS sums.
            unsafe {
                vst1q_f32(
                    call.sums.add(i * MAX_COLUMNS + j * LANES).cast(),
                    sums[i][j],
                )
            };
        }
    }
}

/// # Safety
/// As for [`tile_bf16_by_f32`]; the CPU has the dot product too.
#[target_feature(enable = "neon,dotprod")]
unsafe fn tile_int8<const ROWS: usize, const VECTORS: usize>(call: &Call) {
    let mut sums = [[vdupq_n_s32(0); VECTORS]; ROWS];
    let (mut left, mut right) = (call.left, call.right);
    for _ in 0..call.groups {
        let mut column = [vdupq_n_u32(0); VECTORS];
        for j in 0..VECTORS {
            // SAFETY: a step of a panel has a register for each vector.
            column[j] = unsafe { vld1q_u32(right.add(j * LANES)) };
        }
        for i in 0..ROWS {
            // SAFETY: a step of a strip has a word for each row.
            let x = vdupq_n_u32(unsafe { *left.add(i) });
            for j in 0..VECTORS {
                sums[i][j] = dot(sums[i][j], x, column[j]);
            }
        }
        // SAFETY: at most one past the last step.
        (left, right) = unsafe { (left.add(ROWS), right.add(VECTORS * LANES)) };
    }
    for i in 0..ROWS {
        for j in 0..VECTORS {
            // SAFETY: row i has MAX_COLUMNS sums.
            unsafe {
                vst1q_s32(
                    call.sums.add(i * MAX_COLUMNS + j * LANES).cast(),
                    sums[i][j],
                )
            };
        }
    }
}

/// Adds four products of signed bytes to each lane. The intrinsic is not stable.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn dot(mut sum: int32x4_t, a: uint32x4_t, b: uint32x4_t) -> int32x4_t {
    // SAFETY: the instruction reads and writes these registers alone.
    unsafe {
        asm!(
            "sdot {sum:v}.4s, {a:v}.16b, {b:v}.16b",
            sum = inout(vreg) sum,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}
