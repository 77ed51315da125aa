//! Narrow products in plain Rust: what runs where nothing better is, and what the others are
//! compared with.

use super::{BLOCK_BYTES, Call, Form, Left, MAX_COLUMNS, Micro, dispatch, nothing};

const LANES: usize = 4;

pub(crate) const BF16: Micro = Micro {
    form: form(Left::Bf16),
    run: bf16,
    finish: nothing,
    fetches: 0,
    block_bytes: BLOCK_BYTES,
};

pub(crate) const INT8: Micro = Micro {
    form: form(Left::Unsigned8),
    run: int8,
    finish: nothing,
    fetches: 0,
    block_bytes: BLOCK_BYTES,
};

const fn form(left: Left) -> Form {
    Form {
        left,
        rows: 4,
        lanes: LANES,
        vectors: 2,
        group: 1,
    }
}

/// # Safety
/// As [`Micro::run`] says.
unsafe fn bf16(call: &Call) {
    dispatch!(call, tile_bf16, [1 2 3 4], [1 2])
}

/// # Safety
/// As [`Micro::run`] says.
unsafe fn int8(call: &Call) {
    dispatch!(call, tile_int8, [1 2 3 4], [1 2])
}

/// The two numbers of a step.
fn pair(word: u32) -> [f32; 2] {
    [
        f32::from_bits(word << 16),
        f32::from_bits(word & 0xffff_0000),
    ]
}

/// # Safety
/// The call holds what its counts say, for `ROWS` rows and `VECTORS` vectors.
unsafe fn tile_bf16<const ROWS: usize, const VECTORS: usize>(call: &Call) {
    let mut sums = [[[0.0f32; LANES]; VECTORS]; ROWS];
    for step in 0..call.groups {
        for (i, sums) in sums.iter_mut().enumerate() {
            // SAFETY: a step of a strip has ROWS words.
            let [low, high] = pair(unsafe { *call.left.add(step * ROWS + i) });
            for (j, sum) in sums.as_flattened_mut().iter_mut().enumerate() {
                // SAFETY: a step of a panel has LANES words for each vector.
                let right = pair(unsafe { *call.right.add(step * VECTORS * LANES + j) });
                *sum += low * right[0];
                *sum += high * right[1];
            }
        }
    }
    for (i, sums) in sums.iter().enumerate() {
        for (j, sum) in sums.as_flattened().iter().enumerate() {
            // SAFETY: row i has MAX_COLUMNS sums.
            unsafe { *call.sums.add(i * MAX_COLUMNS + j) = sum.to_bits() };
        }
    }
}

/// # Safety
/// As for [`tile_bf16`].
unsafe fn tile_int8<const ROWS: usize, const VECTORS: usize>(call: &Call) {
    let mut sums = [[[0i32; LANES]; VECTORS]; ROWS];
    for step in 0..call.groups {
        for (i, sums) in sums.iter_mut().enumerate() {
            // SAFETY: a step of a strip has ROWS words.
            let left = unsafe { *call.left.add(step * ROWS + i) }.to_le_bytes();
            for (j, sum) in sums.as_flattened_mut().iter_mut().enumerate() {
                // SAFETY: a step of a panel has LANES words for each vector.
                let right = unsafe { *call.right.add(step * VECTORS * LANES + j) }.to_le_bytes();
                for (left, right) in left.into_iter().zip(right) {
                    *sum += i32::from(left) * i32::from(right.cast_signed());
                }
            }
        }
    }
    for (i, sums) in sums.iter().enumerate() {
        for (j, sum) in sums.as_flattened().iter().enumerate() {
            // SAFETY: row i has MAX_COLUMNS sums.
            unsafe { *call.sums.add(i * MAX_COLUMNS + j) = sum.cast_unsigned() };
        }
    }
}
