//! The left side of a narrow product: rounded and laid out anew for each block of rows.

use super::right::{scale_of, to_bf16};
use super::{Form, Left};
use crate::simd::{Op, Simd};
use crate::storage::{Lines, words, words_mut};
use crate::views::Rows;
use std::ops::Range;

/// A block of rows, and what it takes to read them. Kept from call to call: nothing is allocated
/// once it has grown.
#[derive(Default)]
pub(super) struct LeftBlock {
    strips: Lines,
    /// One row's words in order.
    row: Lines,
    /// The worth of one unit of each row; NaN for a row that holds NaN or an infinity, so that all
    /// its products become NaN. Ones for bfloat16.
    scales: Vec<f32>,
    heights: Heights,
    /// Words of a row.
    row_words: usize,
}

/// How rows are cut into strips of nearly equal height: `high` strips of `low + 1` rows, then
/// strips of `low` rows.
#[derive(Clone, Copy, Default)]
pub(super) struct Heights {
    strips: usize,
    high: usize,
    low: usize,
}

impl Heights {
    fn of(rows: usize, most: usize) -> Self {
        let strips = rows.div_ceil(most);
        match strips {
            0 => Self::default(),
            _ => Self {
                strips,
                high: rows % strips,
                low: rows / strips,
            },
        }
    }

    pub(super) fn strips(&self) -> usize {
        self.strips
    }

    /// The rows of strip `i`.
    pub(super) fn rows(&self, i: usize) -> Range<usize> {
        let first = i * self.low + i.min(self.high);
        first..first + self.low + usize::from(i < self.high)
    }
}

impl LeftBlock {
    pub(super) fn heights(&self) -> Heights {
        self.heights
    }

    pub(super) fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// The words of the strip that begins with row `first`.
    pub(super) fn strip(&self, first: usize) -> *const u32 {
        words(self.strips.bytes())[first * self.row_words..].as_ptr()
    }

    /// Words of one row of a block: what decides how many rows stay in the cache.
    pub(super) fn words(form: &Form, k: usize) -> usize {
        form.groups(k) * form.group * form.left.words()
    }
}

/// Fills a block with rows.
pub(super) struct PackLeft<'a> {
    pub(super) form: &'a Form,
    pub(super) rows: Rows<'a>,
    pub(super) block: &'a mut LeftBlock,
}

impl Op for PackLeft<'_> {
    type Output = ();
    // Compiled for the instruction set although no register is named: the plain loops below are
    // vectorised with what it offers.
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { form, rows, block } = self;
        let k = rows.cols();
        block.row_words = LeftBlock::words(form, k);
        block.heights = Heights::of(rows.rows(), form.rows);
        block.strips.grow(4 * block.row_words * rows.rows());
        // Beyond k the row keeps the zeros that it is given here.
        block.row.reset(4 * block.row_words);
        block.scales.clear();
        for i in 0..block.heights.strips() {
            let range = block.heights.rows(i);
            let start = range.start * block.row_words;
            for (within, row) in range.clone().enumerate() {
                let scale = round_row(form.left, rows.row(row), block.row.bytes_mut());
                block.scales.push(scale);
                let strip = &mut words_mut(block.strips.bytes_mut())[start..];
                let row = &words(block.row.bytes())[..block.row_words];
                place_row(form, row, strip, range.len(), within);
            }
        }
    }
}

/// Writes a row's words, in order, to `to`; returns the worth of one unit.
#[inline(always)]
fn round_row(left: Left, row: &[f32], to: &mut [u8]) -> f32 {
    match left {
        Left::Bf16 => {
            for (to, x) in to.chunks_exact_mut(2).zip(row) {
                to.copy_from_slice(&to_bf16(*x).to_le_bytes());
            }
            1.0
        }
        Left::WideBf16 => {
            for (to, x) in to.chunks_exact_mut(4).zip(row) {
                let wide = u32::from(to_bf16(*x)) << 16;
                to.copy_from_slice(&wide.to_le_bytes());
            }
            1.0
        }
        // What fills a row up meets zeros on the right, whatever it is.
        Left::Unsigned8 => quantise_row(row, to, 128),
        Left::Signed8 => quantise_row(row, to, 0),
        Left::Wide8 => {
            let half = to.len() / 2;
            let scale = quantise_row(row, &mut to[half..], 0);
            spread(to);
            scale
        }
    }
}

/// Rounds a row to −127…127, adds `offset` to each and writes the bytes; returns the scale.
///
/// Ties go to even. A row of (nearly) nothing but zeros has scale 0; one with NaN or an infinity
/// has scale NaN and bytes of no meaning.
#[inline(always)]
fn quantise_row(row: &[f32], to: &mut [u8], offset: u8) -> f32 {
    const INFINITY: u32 = f32::INFINITY.to_bits();
    // As whole numbers, magnitudes compare like the floats, and NaN is above infinity.
    let magnitude = |x: &f32| x.to_bits() & (u32::MAX >> 1);
    let largest = row.iter().map(magnitude).fold(0, u32::max);
    let scale = match largest {
        INFINITY.. => f32::NAN,
        largest => scale_of(f32::from_bits(largest)),
    };
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    for (to, x) in to.iter_mut().zip(row) {
        // In this range a float's last bits count whole numbers, and adding rounds to nearest.
        let whole = (x * inverse + 12_582_912.0).to_bits();
        *to = (whole as u8).wrapping_add(offset);
    }
    scale
}

/// Spreads the signed bytes in the second half to 16 bits, as [`Left::Wide8`] says.
///
/// Going forward, no step is written over before it has been read.
#[inline(always)]
fn spread(row: &mut [u8]) {
    let half = row.len() / 2;
    for step in 0..half / 4 {
        let mut q = [0; 4];
        for (q, byte) in q.iter_mut().zip(&row[half + 4 * step..]) {
            *q = i16::from(byte.cast_signed());
        }
        let order = [q[0], q[2], q[1], q[3]];
        for (to, q) in row[8 * step..][..8].chunks_exact_mut(2).zip(order) {
            to.copy_from_slice(&q.to_le_bytes());
        }
    }
}

/// Puts a row in its place among the `height` rows of a strip.
#[inline(always)]
fn place_row(form: &Form, row: &[u32], strip: &mut [u32], height: usize, within: usize) {
    // Each length on its own, so that copying is a move or a few.
    match form.group * form.left.words() {
        1 => place_units::<1>(row, strip, height, within),
        2 => place_units::<2>(row, strip, height, within),
        4 => place_units::<4>(row, strip, height, within),
        8 => place_units::<8>(row, strip, height, within),
        16 => place_units::<16>(row, strip, height, within),
        unit => unreachable!("no form has units of {unit} words"),
    }
}

#[inline(always)]
fn place_units<const UNIT: usize>(row: &[u32], strip: &mut [u32], height: usize, within: usize) {
    let targets = strip.chunks_exact_mut(UNIT * height);
    for (unit, group) in row.chunks_exact(UNIT).zip(targets) {
        group[within * UNIT..][..UNIT].copy_from_slice(unit);
    }
}
