//! Narrow products with AMX: tiles of 16 rows of 64 bytes, two by two of them summed at a time.
//!
//! The intrinsics are not stable, so the loops are assembly. Tile registers: 0 to 3 sums, 4 and 5
//! left, 6 and 7 right. A step of the loop loads four tiles for four products, which is what bounds
//! it; more sums would need more tile registers than there are.

use super::{Call, Form, Left, MAX_COLUMNS, Micro};
use std::arch::asm;
use std::arch::x86_64::{__cpuid_count, _xgetbv};
use std::cell::Cell;

/// For CPUs that [`detect`] says have AMX.
pub(crate) const BF16: Micro = Micro {
    form: form(Left::Bf16),
    run: bf16,
    finish: release,
    fetches: FETCHES,
    block_bytes: BLOCK_BYTES,
};

/// For CPUs that [`detect`] says have AMX.
pub(crate) const INT8: Micro = Micro {
    form: form(Left::Unsigned8),
    run: int8,
    finish: release,
    fetches: FETCHES,
    block_bytes: BLOCK_BYTES,
};

/// Lines that a step asks for, as many as the text of the loops names: four products take 64 cycles.
const FETCHES: usize = 4;

/// Steps between two stores of a tile, a power of two.
///
/// The first store of a tile after some 0.6 µs without one takes 0.3 µs longer, as if what stores
/// tiles had gone to sleep: on Sapphire Rapids a third of a product over 768 numbers, and no less with
/// a fence, prefetches or stores of other registers. So the loop stores a tile now and then, all its
/// rows to one line that nobody reads.
const BETWEEN_STORES: usize = 8;

/// Where that line is: behind the columns of a row of sums that a tile fills.
const _: () = assert!(BETWEEN_STORES.is_power_of_two() && 128 + 64 <= SUMS_ROW);

/// Half the L2 cache of a CPU with AMX.
const BLOCK_BYTES: usize = 1024 * 1024;

const fn form(left: Left) -> Form {
    Form {
        left,
        rows: 2 * SIDE,
        lanes: SIDE,
        vectors: 2,
        group: SIDE,
    }
}

/// Rows of a tile, and words in a row.
const SIDE: usize = 16;
/// Bytes of a tile's row.
const ROW: usize = 4 * SIDE;
/// Bytes from one row of sums to the next.
const SUMS_ROW: usize = 4 * MAX_COLUMNS;

/// Whether this CPU has tiles, bf16 and int8 products, and the system lets us use them.
pub(crate) fn detect() -> bool {
    const TILE_BITS: u32 = 1 << 22 | 1 << 24 | 1 << 25;
    const TILE_STATE: u64 = 0b11 << 17;
    if !is_x86_feature_detected!("avx512f") || !is_x86_feature_detected!("xsave") {
        return false;
    }
    let has_tiles = __cpuid_count(7, 0).edx & TILE_BITS == TILE_BITS;
    // SAFETY: XSAVE was detected.
    has_tiles && unsafe { system_saves_tiles(TILE_STATE) } && permitted()
}

/// # Safety
/// The CPU has XSAVE.
#[target_feature(enable = "xsave")]
unsafe fn system_saves_tiles(state: u64) -> bool {
    // SAFETY: the system enabled XSAVE, or it would not have been detected.
    unsafe { _xgetbv(0) & state == state }
}

/// Linux lets a process use tiles once it has asked.
fn permitted() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const TILE_DATA: libc::c_long = 18;
    // SAFETY: the call changes nothing but this process's permission, and fails harmlessly.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0 }
}

/// What LDTILECFG reads.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

impl Configuration {
    fn of(rows: usize) -> Self {
        // Row counts are at most 32, so both parts fit.
        let (first, second) = (rows.min(SIDE) as u8, rows.saturating_sub(SIDE) as u8);
        // A tile of no rows is an error to use, not to configure; none is used then.
        let heights = [
            first, first, second, second, first, second, SIDE as u8, SIDE as u8,
        ];
        let mut configuration = Self {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            row_bytes: [0; 16],
            rows: [0; 16],
        };
        for (tile, height) in heights.into_iter().enumerate() {
            configuration.rows[tile] = height;
            configuration.row_bytes[tile] = if height > 0 { ROW as u16 } else { 0 };
        }
        configuration
    }
}

thread_local! {
    /// The rows that this thread's tiles are configured for; 0 for not at all.
    static CONFIGURED: Cell<usize> = const { Cell::new(0) };
}

/// Configures this thread's tiles for strips of so many rows.
///
/// # Safety
/// The CPU has AMX and the process may use it.
unsafe fn configure(rows: usize) {
    if CONFIGURED.get() != rows {
        let configuration = Configuration::of(rows);
        // SAFETY: the caller vouches for AMX; the configuration is valid for palette 1.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const configuration, options(nostack, readonly))
        };
        CONFIGURED.set(rows);
    }
}

/// Gives the tiles back, so that switching threads does not save them.
fn release() {
    if CONFIGURED.replace(0) != 0 {
        // SAFETY: tiles were configured, so AMX is there.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// Runs a loop over the groups, given what it does before, in and after it.
///
/// # Safety
/// The CPU has AMX, the tiles that the text names are configured, and the call holds what its
/// counts say, with at least one group.
macro_rules! sum_tiles {
    ($call:ident, $zero:expr, $step:expr, $store:expr) => {
        asm!(
            $zero,
            "2:",
            "prefetcht1 [{ahead}]",
            "prefetcht1 [{ahead} + 64]",
            "prefetcht1 [{ahead} + 128]",
            "prefetcht1 [{ahead} + 192]",
            $step,
            "add {ahead}, {ahead_step}",
            "add {left}, {left_step}",
            "add {right}, {right_step}",
            "test {groups}, {between}",
            "jnz 3f",
            "tilestored [{sums} + {still}*1 + 128], tmm4",
            "3:",
            "dec {groups}",
            "jnz 2b",
            $store,
            left = inout(reg) $call.left => _,
            right = inout(reg) $call.right => _,
            groups = inout(reg) $call.groups => _,
            left_step = in(reg) $call.rows * ROW,
            right_step = in(reg) $call.vectors * SIDE * ROW,
            row = in(reg) ROW,
            still = in(reg) 0usize,
            between = const BETWEEN_STORES - 1,
            sums = in(reg) $call.sums,
            lower = in(reg) $call.sums.add(SIDE * MAX_COLUMNS),
            sums_row = in(reg) SUMS_ROW,
            ahead = inout(reg) $call.ahead.next => _,
            ahead_step = in(reg) $call.ahead.step,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        )
    };
}

/// The text of the loops: which tiles are summed depends on whether there is a second tile on the
/// left and on the right.
macro_rules! micro_kernel {
    ($name:ident, $product:literal) => {
        /// # Safety
        /// As [`Micro::run`] says; the CPU has AMX and the process may use it.
        unsafe fn $name(call: &Call) {
            if call.groups == 0 {
                // SAFETY: the sums have `rows` rows.
                unsafe { call.sums.write_bytes(0, call.rows * MAX_COLUMNS) };
                return;
            }
            // SAFETY: the caller vouches for AMX.
            unsafe { configure(call.rows) };
            // SAFETY: as above; each text uses the tiles that are configured for its counts.
            unsafe {
                match (call.rows > SIDE, call.vectors > 1) {
                    (false, false) => sum_tiles!(
                        call,
                        "tilezero tmm0",
                        concat!(
                            "tileloadd tmm4, [{left} + {row}*1]\n",
                            "tileloadd tmm6, [{right} + {row}*1]\n",
                            $product,
                            " tmm0, tmm4, tmm6",
                        ),
                        "tilestored [{sums} + {sums_row}*1], tmm0 # {lower}"
                    ),
                    (false, true) => sum_tiles!(
                        call,
                        "tilezero tmm0\ntilezero tmm1",
                        concat!(
                            "tileloadd tmm4, [{left} + {row}*1]\n",
                            "tileloadd tmm6, [{right} + {row}*1]\n",
                            $product,
                            " tmm0, tmm4, tmm6\n",
                            "tileloadd tmm7, [{right} + {row}*1 + 1024]\n",
                            $product,
                            " tmm1, tmm4, tmm7",
                        ),
                        concat!(
                            "tilestored [{sums} + {sums_row}*1], tmm0\n",
                            "tilestored [{sums} + {sums_row}*1 + 64], tmm1 # {lower}",
                        )
                    ),
                    (true, false) => sum_tiles!(
                        call,
                        "tilezero tmm0\ntilezero tmm2",
                        concat!(
                            "tileloadd tmm4, [{left} + {row}*1]\n",
                            "tileloadd tmm6, [{right} + {row}*1]\n",
                            $product,
                            " tmm0, tmm4, tmm6\n",
                            "tileloadd tmm5, [{left} + {row}*1 + 1024]\n",
                            $product,
                            " tmm2, tmm5, tmm6",
                        ),
                        concat!(
                            "tilestored [{sums} + {sums_row}*1], tmm0\n",
                            "tilestored [{lower} + {sums_row}*1], tmm2",
                        )
                    ),
                    (true, true) => sum_tiles!(
                        call,
                        "tilezero tmm0\ntilezero tmm1\ntilezero tmm2\ntilezero tmm3",
                        concat!(
                            "tileloadd tmm4, [{left} + {row}*1]\n",
                            "tileloadd tmm6, [{right} + {row}*1]\n",
                            $product,
                            " tmm0, tmm4, tmm6\n",
                            "tileloadd tmm7, [{right} + {row}*1 + 1024]\n",
                            $product,
                            " tmm1, tmm4, tmm7\n",
                            "tileloadd tmm5, [{left} + {row}*1 + 1024]\n",
                            $product,
                            " tmm2, tmm5, tmm6\n",
                            $product,
                            " tmm3, tmm5, tmm7",
                        ),
                        concat!(
                            "tilestored [{sums} + {sums_row}*1], tmm0\n",
                            "tilestored [{sums} + {sums_row}*1 + 64], tmm1\n",
                            "tilestored [{lower} + {sums_row}*1], tmm2\n",
                            "tilestored [{lower} + {sums_row}*1 + 64], tmm3",
                        )
                    ),
                }
            }
        }
    };
}

micro_kernel!(bf16, "tdpbf16ps");
micro_kernel!(int8, "tdpbusd");
