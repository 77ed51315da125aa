//! Narrow products with NEON: bfloat16 by two f32 products, integers by SMMLA or SDOT where they are there.

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

/// For CPUs that have the matrix product (i8mm) too.
pub(crate) const INT8_BY_MATRICES: Micro = Micro {
    // Eight numbers of a row or a column lie together: two steps.
    form: Form {
        group: 2,
        ..form(Left::Signed8)
    },
    run: int8_by_matrices,
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

/// Pairs that a strip's rows make at most.
const MAX_PAIRS: usize = 3;

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
/// As [`Micro::run`] says; the CPU has i8mm.
unsafe fn int8_by_matrices(call: &Call) {
    dispatch!(call, tile_int8_by_matrices, [1 2 3 4 5 6], [1 2 3])
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

/// # Safety
/// As for [`tile_bf16_by_f32`]; the CPU has i8mm too.
#[target_feature(enable = "neon,i8mm")]
unsafe fn tile_int8_by_matrices<const ROWS: usize, const VECTORS: usize>(call: &Call) {
    // Two rows by two columns in each: of pair i of rows, vector j's first and last two columns.
    let mut sums = [[[vdupq_n_s32(0); 2]; VECTORS]; MAX_PAIRS];
    let (mut left, mut right) = (call.left, call.right);
    for _ in 0..call.groups {
        let mut columns = [[vdupq_n_u32(0); 2]; VECTORS];
        for j in 0..VECTORS {
            // SAFETY: a group of a panel has two registers, a step each, for each vector.
            let (first, second) = unsafe {
                let at = right.add(j * 2 * LANES);
                (vld1q_u32(at), vld1q_u32(at.add(LANES)))
            };
            columns[j] = [vzip1q_u32(first, second), vzip2q_u32(first, second)];
        }
        for i in 0..ROWS.div_ceil(2) {
            // SAFETY: a group of a strip has two words for each row; a last row alone is read alone.
            let rows = unsafe {
                let at = left.add(4 * i);
                match 2 * i + 1 < ROWS {
                    true => vld1q_u32(at),
                    false => vcombine_u32(vld1_u32(at), vdup_n_u32(0)),
                }
            };
            for j in 0..VECTORS {
                for half in 0..2 {
                    sums[i][j][half] = multiply(sums[i][j][half], rows, columns[j][half]);
                }
            }
        }
        // SAFETY: at most one past the last group.
        (left, right) = unsafe { (left.add(2 * ROWS), right.add(2 * VECTORS * LANES)) };
    }
    for i in 0..ROWS {
        for j in 0..VECTORS {
            let [first, last] = sums[i / 2][j];
            let (first, last) = (vreinterpretq_s64_s32(first), vreinterpretq_s64_s32(last));
            let row = match i % 2 {
                0 => vzip1q_s64(first, last),
                _ => vzip2q_s64(first, last),
            };
            // SAFETY: row i has MAX_COLUMNS sums.
            unsafe {
                vst1q_s32(
                    call.sums.add(i * MAX_COLUMNS + j * LANES).cast(),
                    vreinterpretq_s32_s64(row),
                )
            };
        }
    }
}

/// Adds to `[2][2]` sums the products of two rows and two columns of eight signed bytes each. The intrinsic is
/// not stable.
#[inline]
#[target_feature(enable = "neon,i8mm")]
fn multiply(mut sum: int32x4_t, rows: uint32x4_t, columns: uint32x4_t) -> int32x4_t {
    // SAFETY: the instruction reads and writes these registers alone.
    unsafe {
        asm!(
            "smmla {sum:v}.4s, {rows:v}.16b, {columns:v}.16b",
            sum = inout(vreg) sum,
            rows = in(vreg) rows,
            columns = in(vreg) columns,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
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
