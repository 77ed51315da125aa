//! Products whose operands are narrower than `f32`: bfloat16 and 8-bit integers.
//!
//! Both sides are laid out in *steps* of 32 bits, two bfloat16 or four integers along k, because
//! that is what the instructions multiply at once. A [`Micro`] computes the raw sums of a few rows
//! with one panel of the right side; everything around it (packing, blocking, scales, bias,
//! activation) is written once for all of them.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(crate) mod amx;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
mod choice;
mod left;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
pub(crate) mod portable;
mod product;
mod right;

pub(crate) use choice::Narrow;
pub(crate) use left::{LeftBlock, PackLeft};
pub(crate) use product::{Destination, NarrowProduct, Source};
pub(crate) use right::{MAX_INT8_DEPTH, bytes, pack};

use crate::precision::Precision;

/// Most rows of a strip.
pub(crate) const MAX_ROWS: usize = 32;
/// Most columns of a panel.
pub(crate) const MAX_COLUMNS: usize = 48;
/// Bytes of a cache line.
const LINE: usize = 64;

/// What the left side of a product is turned into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// Two bfloat16 a step.
    Bf16,
    /// Two `f32` that are rounded to bfloat16, in two words a step: for instruction sets that
    /// multiply `f32` faster than bfloat16.
    WideBf16,
    /// Four `q + 128` a step, as unsigned bytes; sums are 128 times a column's sum too large.
    Unsigned8,
    /// Four signed bytes a step.
    #[cfg_attr(
        not(target_arch = "aarch64"),
        expect(dead_code, reason = "Arm has signed products")
    )]
    Signed8,
    /// Two words a step: the first and third, then the second and fourth number, as 16 bits.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "for AVX2 without VNNI")
    )]
    Wide8,
}

impl Left {
    /// 32-bit words that one row takes for a step.
    pub(crate) const fn words(self) -> usize {
        match self {
            Left::Bf16 | Left::Unsigned8 | Left::Signed8 => 1,
            Left::WideBf16 | Left::Wide8 => 2,
        }
    }

    pub(crate) const fn precision(self) -> Precision {
        match self {
            Left::Bf16 | Left::WideBf16 => Precision::Bf16,
            Left::Unsigned8 | Left::Signed8 | Left::Wide8 => Precision::Int8,
        }
    }

    /// Numbers along k in a step.
    pub(crate) const fn depth(self) -> usize {
        match self.precision() {
            Precision::Int8 => 4,
            _ => 2,
        }
    }
}

/// How the operands of a [`Micro`] lie in memory, and the largest tile it computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) left: Left,
    /// Most rows of a strip of the left side.
    pub(crate) rows: usize,
    /// Columns of a register of the right side.
    pub(crate) lanes: usize,
    /// Most registers across a panel.
    pub(crate) vectors: usize,
    /// Steps that lie together. A strip is `[group][row][step of the group][word]`, a panel
    /// `[group][vector][step of the group][lane]`, all in words of 32 bits.
    pub(crate) group: usize,
}

impl Form {
    /// Groups that `k` numbers take, the last one filled up with zeros.
    pub(crate) const fn groups(&self, k: usize) -> usize {
        k.div_ceil(self.together())
    }

    /// Numbers of a row of the left side that lie together.
    const fn together(&self) -> usize {
        self.left.depth() * self.group
    }

    /// Bytes of a number of the left side.
    const fn number_bytes(&self) -> usize {
        4 * self.left.words() / self.left.depth()
    }

    /// Columns of a whole panel.
    pub(crate) const fn columns(&self) -> usize {
        self.lanes * self.vectors
    }

    /// Registers across panel `panel` of a matrix of `n` columns.
    pub(crate) fn panel_vectors(&self, panel: usize, n: usize) -> usize {
        let left = n - panel * self.columns();
        left.div_ceil(self.lanes).min(self.vectors)
    }

    pub(crate) const fn panels(&self, n: usize) -> usize {
        n.div_ceil(self.columns())
    }

    /// Words of one column through all groups.
    const fn column_words(&self, k: usize) -> usize {
        self.groups(k) * self.group
    }
}

/// A strip of the left side times a panel of the right side.
pub(crate) struct Call {
    /// `groups` groups of `rows` rows, as [`Form`] says.
    pub(crate) left: *const u32,
    /// `groups` groups of `vectors` registers.
    pub(crate) right: *const u32,
    pub(crate) groups: usize,
    pub(crate) rows: usize,
    pub(crate) vectors: usize,
    /// What will be read after this; of interest where [`Micro::fetches`].
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "no kernel for Arm fetches by itself")
    )]
    pub(crate) ahead: Ahead,
    /// `[rows][MAX_COLUMNS]` of `f32` or `i32`, aligned to a cache line; written.
    pub(crate) sums: *mut u32,
}

/// Memory that is needed soon, to be asked for little by little: many requests at once would wait
/// for one another.
#[derive(Clone, Copy)]
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(dead_code, reason = "no kernel for Arm fetches by itself")
)]
pub(crate) struct Ahead {
    next: *const u8,
    /// Bytes from one request to the next.
    step: usize,
}

impl Ahead {
    /// `bytes` in at most `requests` requests of at most `most` lines, or as much of them as these can cover.
    pub(crate) fn over(bytes: &[u8], requests: usize, most: usize) -> Self {
        let lines = bytes.len().div_ceil(LINE).div_ceil(requests.max(1));
        Self {
            next: bytes.as_ptr(),
            step: LINE * lines.min(most),
        }
    }

    /// Asks for the next two lines and returns what comes after.
    ///
    /// Where nothing is left to ask for this asks for what lies behind, which does no harm.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(crate) fn fetch(self) -> Self {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: hints; any address will do.
        unsafe {
            _mm_prefetch::<_MM_HINT_T1>(self.next.cast());
            _mm_prefetch::<_MM_HINT_T1>(self.next.wrapping_add(LINE).cast());
        }
        Self {
            next: self.next.wrapping_add(self.step),
            ..self
        }
    }
}

/// The innermost loop of a product for one instruction set.
#[derive(Clone, Copy)]
pub(crate) struct Micro {
    pub(crate) form: Form,
    /// # Safety
    /// The CPU has what the micro-kernel was made for (only the detected tokens hand one out), the
    /// pointers of the call hold what its counts say, `rows` is 1 to the form's, `vectors` too.
    pub(crate) run: unsafe fn(&Call),
    /// Called once after a thread's last `run`, on the same thread.
    pub(crate) finish: fn(),
    /// Lines of [`Call::ahead`] that `run` asks for in each group; 0 where its caller asks before.
    pub(crate) fetches: usize,
    /// Bytes of a block of the left side that stay in the L2 cache while the panels pass by.
    pub(crate) block_bytes: usize,
}

/// [`Micro::block_bytes`] for an L2 cache of a megabyte or more.
pub(crate) const BLOCK_BYTES: usize = 640 * 1024;

pub(crate) fn nothing() {}

/// Calls `$tile::<ROWS, VECTORS>` for the counts of a call.
macro_rules! dispatch {
    ($call:expr, $tile:ident, [$($rows:literal)*], $vectors:tt) => {
        match $call.rows {
            $($rows => $crate::narrow::dispatch_vectors!($call, $tile, $rows, $vectors),)*
            _ => unreachable!("strips have no more rows than the form says"),
        }
    };
}

macro_rules! dispatch_vectors {
    ($call:expr, $tile:ident, $rows:literal, [$($vectors:literal)*]) => {
        match $call.vectors {
            // SAFETY: the caller vouches for the call and the instruction set.
            $($vectors => unsafe { $tile::<$rows, $vectors>($call) },)*
            _ => unreachable!("panels have no more vectors than the form says"),
        }
    };
}

pub(crate) use {dispatch, dispatch_vectors};
