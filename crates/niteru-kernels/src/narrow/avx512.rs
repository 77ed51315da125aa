//! Narrow products with AVX-512: bfloat16 by two f32 products or by VDPBF16PS, integers by VNNI.

// Loops over indices, not iterators: they unroll completely, and only then are the sums registers.
#![expect(clippy::needless_range_loop, reason = "see above")]

use super::{BLOCK_BYTES, Call, Form, Left, MAX_COLUMNS, Micro, dispatch, nothing};
use std::arch::x86_64::*;

/// For the token [`Avx512`](crate::avx512::Avx512). On CPUs of today this is faster than VDPBF16PS
/// where that has half the throughput of a fused multiply-add on f32.
pub(crate) const BF16_BY_F32: Micro = Micro {
    form: form(Left::WideBf16),
    run: bf16_by_f32,
    finish: nothing,
    fetches: 2,
    block_bytes: BLOCK_BYTES,
};

/// For CPUs that have AVX-512 BF16 too.
pub(crate) const BF16: Micro = Micro {
    form: form(Left::Bf16),
    run: bf16,
    finish: nothing,
    fetches: 2,
    block_bytes: BLOCK_BYTES,
};

/// For CPUs that have AVX-512 VNNI too.
pub(crate) const INT8: Micro = Micro {
    form: form(Left::Unsigned8),
    run: int8,
    finish: nothing,
    fetches: 2,
    block_bytes: BLOCK_BYTES,
};

/// Whether VDPBF16PS multiplies twice as much in a cycle as a fused multiply-add on f32: so on AMD's
/// CPUs that have it; Intel's give it half the throughput.
pub(crate) fn bf16_is_fast() -> bool {
    let vendor = __cpuid(0);
    let name = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes);
    name.as_flattened() == b"AuthenticAMD"
}

const fn form(left: Left) -> Form {
    Form {
        left,
        rows: 8,
        lanes: LANES,
        vectors: 3,
        group: GROUP,
    }
}

const LANES: usize = 16;

/// Steps that lie together: a row's are a quarter of a cache line, and their loop unrolls.
const GROUP: usize = 4;

/// # Safety
/// As [`Micro::run`] says; the CPU has AVX-512 F.
unsafe fn bf16_by_f32(call: &Call) {
    dispatch!(call, tile_bf16_by_f32, [1 2 3 4 5 6 7 8], [1 2 3])
}

/// # Safety
/// As [`Micro::run`] says; the CPU has AVX-512 F and BF16.
unsafe fn bf16(call: &Call) {
    dispatch!(call, tile_bf16, [1 2 3 4 5 6 7 8], [1 2 3])
}

/// # Safety
/// As [`Micro::run`] says; the CPU has AVX-512 F and VNNI.
unsafe fn int8(call: &Call) {
    dispatch!(call, tile_int8, [1 2 3 4 5 6 7 8], [1 2 3])
}

/// # Safety
/// The CPU has AVX-512 F; the call holds what its counts say, for `ROWS` rows and `VECTORS`
/// vectors.
#[target_feature(enable = "avx512f")]
unsafe fn tile_bf16_by_f32<const ROWS: usize, const VECTORS: usize>(call: &Call) {
    let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
    let high_half = _mm512_set1_epi32(0xffff_0000_u32.cast_signed());
    let (mut left, mut right) = (call.left.cast::<f32>(), call.right);
    let mut ahead = call.ahead;
    for _ in 0..call.groups {
        ahead = ahead.fetch();
        for step in 0..GROUP {
            let mut column = [_mm512_setzero_ps(); VECTORS];
            for j in 0..VECTORS {
                // SAFETY: a group of a panel has GROUP registers for each vector.
                let word =
                    unsafe { _mm512_loadu_si512(right.add((j * GROUP + step) * LANES).cast()) };
                column[j] = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(word));
            }
            for i in 0..ROWS {
                // SAFETY: a group of a strip has 2 · GROUP floats for each row.
                let x = _mm512_set1_ps(unsafe { *left.add(2 * (i * GROUP + step)) });
                for j in 0..VECTORS {
                    sums[i][j] = _mm512_fmadd_ps(x, column[j], sums[i][j]);
                }
            }
            for j in 0..VECTORS {
                // SAFETY: as above.
                let word =
                    unsafe { _mm512_loadu_si512(right.add((j * GROUP + step) * LANES).cast()) };
                column[j] = _mm512_castsi512_ps(_mm512_and_si512(word, high_half));
            }
            for i in 0..ROWS {
                // SAFETY: as above.
                let x = _mm512_set1_ps(unsafe { *left.add(2 * (i * GROUP + step) + 1) });
                for j in 0..VECTORS {
                    sums[i][j] = _mm512_fmadd_ps(x, column[j], sums[i][j]);
                }
            }
        }
        // SAFETY: at most one past the last group.
        (left, right) = unsafe {
            (
                left.add(2 * GROUP * ROWS),
                right.add(GROUP * VECTORS * LANES),
            )
        };
    }
    for i in 0..ROWS {
        for j in 0..VECTORS {
            // SAFETY: row i has MAX_COLUMNS sums.
            unsafe {
                _mm512_storeu_ps(
                    call.sums.add(i * MAX_COLUMNS + j * LANES).cast(),
                    sums[i][j],
                )
            };
        }
    }
}

/// # Safety
/// As for [`tile_bf16_by_f32`]; the CPU has AVX-512 BF16 too.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn tile_bf16<const ROWS: usize, const VECTORS: usize>(call: &Call) {
    let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
    let (mut left, mut right) = (call.left.cast::<i32>(), call.right);
    let mut ahead = call.ahead;
    for _ in 0..call.groups {
        ahead = ahead.fetch();
        for step in 0..GROUP {
            let mut column = [_mm512_setzero_si512(); VECTORS];
            for j in 0..VECTORS {
                // SAFETY: a group of a panel has GROUP registers for each vector.
                column[j] =
                    unsafe { _mm512_loadu_si512(right.add((j * GROUP + step) * LANES).cast()) };
            }
            for i in 0..ROWS {
                // SAFETY: a group of a strip has GROUP words for each row.
                let x = _mm512_set1_epi32(unsafe { *left.add(i * GROUP + step) });
                for j in 0..VECTORS {
                    // SAFETY: pairs of bfloat16 are 512 bits like any others.
                    let (x, column) = unsafe {
                        (
                            std::mem::transmute::<__m512i, __m512bh>(x),
                            std::mem::transmute::<__m512i, __m512bh>(column[j]),
                        )
                    };
                    sums[i][j] = _mm512_dpbf16_ps(sums[i][j], x, column);
                }
            }
        }
        // SAFETY: at most one past the last group.
        (left, right) = unsafe { (left.add(GROUP * ROWS), right.add(GROUP * VECTORS * LANES)) };
    }
    for i in 0..ROWS {
        for j in 0..VECTORS {
            // SAFETY: row i has MAX_COLUMNS sums.
            unsafe {
                _mm512_storeu_ps(
                    call.sums.add(i * MAX_COLUMNS + j * LANES).cast(),
                    sums[i][j],
                )
            };
        }
    }
}

/// # Safety
/// As for [`tile_bf16_by_f32`]; the CPU has AVX-512 VNNI too.
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn tile_int8<const ROWS: usize, const VECTORS: usize>(call: &Call) {
    let mut sums = [[_mm512_setzero_si512(); VECTORS]; ROWS];
    let (mut left, mut right) = (call.left.cast::<i32>(), call.right);
    let mut ahead = call.ahead;
    for _ in 0..call.groups {
        ahead = ahead.fetch();
        for step in 0..GROUP {
            let mut column = [_mm512_setzero_si512(); VECTORS];
            for j in 0..VECTORS {
                // SAFETY: a group of a panel has GROUP registers for each vector.
                column[j] =
                    unsafe { _mm512_loadu_si512(right.add((j * GROUP + step) * LANES).cast()) };
            }
            for i in 0..ROWS {
                // SAFETY: a group of a strip has GROUP words for each row.
                let x = _mm512_set1_epi32(unsafe { *left.add(i * GROUP + step) });
                for j in 0..VECTORS {
                    sums[i][j] = _mm512_dpbusd_epi32(sums[i][j], x, column[j]);
                }
            }
        }
        // SAFETY: at most one past the last group.
        (left, right) = unsafe { (left.add(GROUP * ROWS), right.add(GROUP * VECTORS * LANES)) };
    }
    for i in 0..ROWS {
        for j in 0..VECTORS {
            // SAFETY: row i has MAX_COLUMNS sums.
            unsafe {
                _mm512_storeu_si512(
                    call.sums.add(i * MAX_COLUMNS + j * LANES).cast(),
                    sums[i][j],
                )
            };
        }
    }
}
