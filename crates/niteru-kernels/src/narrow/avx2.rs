//! Narrow products with AVX2: bfloat16 by two f32 products, integers by VNNI where it is there, else
//! by products of 16 bits.

// Loops over indices, not iterators: they unroll completely, and only then are the sums registers.
#![expect(clippy::needless_range_loop, reason = "see above")]

use super::{BLOCK_BYTES, Call, Form, Left, MAX_COLUMNS, Micro, dispatch, nothing};
use std::arch::x86_64::*;

/// For the token [`Avx2`](crate::avx2::Avx2).
pub(crate) const BF16_BY_F32: Micro = Micro {
    form: form(Left::WideBf16, 5),
    run: bf16_by_f32,
    finish: nothing,
    fetches: 0,
    block_bytes: BLOCK_BYTES,
};

/// For the token [`Avx2`](crate::avx2::Avx2). (VPMADDUBSW would be shorter, but its sums of 16 bits
/// overflow.)
pub(crate) const INT8_BY_16: Micro = Micro {
    form: form(Left::Wide8, 4),
    run: int8_by_16,
    finish: nothing,
    fetches: 0,
    block_bytes: BLOCK_BYTES,
};

/// For CPUs that have AVX-VNNI too.
pub(crate) const INT8: Micro = Micro {
    form: form(Left::Unsigned8, 6),
    run: int8,
    finish: nothing,
    fetches: 0,
    block_bytes: BLOCK_BYTES,
};

const fn form(left: Left, rows: usize) -> Form {
    Form {
        left,
        rows,
        lanes: LANES,
        vectors: 2,
        group: 1,
    }
}

const LANES: usize = 8;

/// # Safety
/// As [`Micro::run`] says; the CPU has AVX2 and FMA.
unsafe fn bf16_by_f32(call: &Call) {
    dispatch!(call, tile_bf16_by_f32, [1 2 3 4 5], [1 2])
}

/// # Safety
/// As [`Micro::run`] says; the CPU has AVX2.
unsafe fn int8_by_16(call: &Call) {
    dispatch!(call, tile_int8_by_16, [1 2 3 4], [1 2])
}

/// # Safety
/// As [`Micro::run`] says; the CPU has AVX-VNNI.
unsafe fn int8(call: &Call) {
    dispatch!(call, tile_int8, [1 2 3 4 5 6], [1 2])
}

/// # Safety
/// The CPU has AVX2 and FMA; the call holds what its counts say, for `ROWS` rows and `VECTORS`
/// vectors.
#[target_feature(enable = "avx2,fma")]
unsafe fn tile_bf16_by_f32<const ROWS: usize, const VECTORS: usize>(call: &Call) {
    let mut sums = [[_mm256_setzero_ps(); VECTORS]; ROWS];
    let high_half = _mm256_set1_epi32(0xffff_0000_u32.cast_signed());
    let (mut left, mut right) = (call.left.cast::<f32>(), call.right);
    for _ in 0..call.groups {
        let mut low = [_mm256_setzero_ps(); VECTORS];
        let mut high = [_mm256_setzero_ps(); VECTORS];
        for j in 0..VECTORS {
            // SAFETY: a step of a panel has a register for each vector.
            let word = unsafe { _mm256_loadu_si256(right.add(j * LANES).cast()) };
            low[j] = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(word));
            high[j] = _mm256_castsi256_ps(_mm256_and_si256(word, high_half));
        }
        for i in 0..ROWS {
            // SAFETY: a step of a strip has two floats for each row.
            let x = _mm256_set1_ps(unsafe { *left.add(2 * i) });
            for j in 0..VECTORS {
                sums[i][j] = _mm256_fmadd_ps(x, low[j], sums[i][j]);
            }
        }
        for i in 0..ROWS {
            // SAFETY: as above.
            let x = _mm256_set1_ps(unsafe { *left.add(2 * i + 1) });
            for j in 0..VECTORS {
                sums[i][j] = _mm256_fmadd_ps(x, high[j], sums[i][j]);
            }
        }
        // SAFETY: at most one past the last step.
        (left, right) = unsafe { (left.add(2 * ROWS), right.add(VECTORS * LANES)) };
    }
    for i in 0..ROWS {
        for j in 0..VECTORS {
            // SAFETY: row i has MAX_COLUMNS sums.
            unsafe {
                _mm256_storeu_ps(
                    call.sums.add(i * MAX_COLUMNS + j * LANES).cast(),
                    sums[i][j],
                )
            };
        }
    }
}

/// # Safety
/// As for [`tile_bf16_by_f32`].
#[target_feature(enable = "avx2")]
unsafe fn tile_int8_by_16<const ROWS: usize, const VECTORS: usize>(call: &Call) {
    let mut sums = [[_mm256_setzero_si256(); VECTORS]; ROWS];
    let (mut left, mut right) = (call.left.cast::<i32>(), call.right);
    for _ in 0..call.groups {
        // First and third, second and fourth number of each step, as 16 bits.
        let mut even = [_mm256_setzero_si256(); VECTORS];
        let mut odd = [_mm256_setzero_si256(); VECTORS];
        for j in 0..VECTORS {
            // SAFETY: a step of a panel has a register for each vector.
            let word = unsafe { _mm256_loadu_si256(right.add(j * LANES).cast()) };
            even[j] = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(word));
            odd[j] = _mm256_srai_epi16::<8>(word);
        }
        for i in 0..ROWS {
            // SAFETY: a step of a strip has two words for each row.
            let (first, second) = unsafe { (*left.add(2 * i), *left.add(2 * i + 1)) };
            let (first, second) = (_mm256_set1_epi32(first), _mm256_set1_epi32(second));
            for j in 0..VECTORS {
                let two = _mm256_madd_epi16(first, even[j]);
                let others = _mm256_madd_epi16(second, odd[j]);
                sums[i][j] = _mm256_add_epi32(sums[i][j], _mm256_add_epi32(two, others));
            }
        }
        // SAFETY: at most one past the last step.
        (left, right) = unsafe { (left.add(2 * ROWS), right.add(VECTORS * LANES)) };
    }
    // SAFETY: the sums have room for ROWS rows of VECTORS registers.
    unsafe { store(&sums, call.sums) };
}

/// # Safety
/// As for [`tile_bf16_by_f32`]; the CPU has AVX-VNNI too.
#[target_feature(enable = "avx2,avxvnni")]
unsafe fn tile_int8<const ROWS: usize, const VECTORS: usize>(call: &Call) {
    let mut sums = [[_mm256_setzero_si256(); VECTORS]; ROWS];
    let (mut left, mut right) = (call.left.cast::<i32>(), call.right);
    for _ in 0..call.groups {
        let mut column = [_mm256_setzero_si256(); VECTORS];
        for j in 0..VECTORS {
            // SAFETY: a step of a panel has a register for each vector.
            column[j] = unsafe { _mm256_loadu_si256(right.add(j * LANES).cast()) };
        }
        for i in 0..ROWS {
            // SAFETY: a step of a strip has a word for each row.
            let x = _mm256_set1_epi32(unsafe { *left.add(i) });
            for j in 0..VECTORS {
                sums[i][j] = _mm256_dpbusd_avx_epi32(sums[i][j], x, column[j]);
            }
        }
        // SAFETY: at most one past the last step.
        (left, right) = unsafe { (left.add(ROWS), right.add(VECTORS * LANES)) };
    }
    // SAFETY: the sums have room for ROWS rows of VECTORS registers.
    unsafe { store(&sums, call.sums) };
}

/// # Safety
/// `[ROWS][MAX_COLUMNS]` integers are writable at `to`.
#[target_feature(enable = "avx2")]
unsafe fn store<const ROWS: usize, const VECTORS: usize>(
    sums: &[[__m256i; VECTORS]; ROWS],
    to: *mut u32,
) {
    for i in 0..ROWS {
        for j in 0..VECTORS {
            // SAFETY: row i has MAX_COLUMNS sums.
            unsafe { _mm256_storeu_si256(to.add(i * MAX_COLUMNS + j * LANES).cast(), sums[i][j]) };
        }
    }
}
