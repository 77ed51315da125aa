//! The left side of a narrow product: rounded and laid out, for one block of rows at a time or once
//! for several products.

use super::right::{scale_of, to_bf16};
use super::{Form, Left};
use crate::precision::Precision;
use crate::rowwise::Norm;
use crate::simd::{Op, Simd};
use crate::storage::{Lines, floats_mut, words, words_mut};
use crate::views::Rows;
use std::ops::Range;

/// A block of rows, and what it takes to read them. Kept from call to call: nothing is allocated
/// once it has grown.
#[derive(Clone, Default)]
pub(crate) struct LeftBlock {
    strips: Lines,
    /// One row before it is rounded, where it is made here.
    exact: Lines,
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

    /// The rows of all strips.
    pub(super) fn total(&self) -> usize {
        self.strips * self.low + self.high
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

    /// Gets room for `rows` rows of `k` numbers, whatever they are.
    fn begin(&mut self, form: &Form, rows: usize, k: usize) {
        self.row_words = Self::words(form, k);
        self.heights = Heights::of(rows, form.rows);
        self.strips.grow(4 * self.row_words * rows);
        self.scales.clear();
    }

    /// Gets room for `rows` rows of `k` numbers that a product writes there, where the form holds
    /// bfloat16.
    pub(super) fn for_results(&mut self, form: &Form, rows: usize, k: usize) -> Strips {
        self.begin(form, rows, k);
        self.scales.resize(rows, 1.0);
        let bytes = 4 * self.row_words * rows;
        let strips = &mut self.strips.bytes_mut()[..bytes];
        if !k.is_multiple_of(form.together()) {
            // What fills a row up.
            strips.fill(0);
        }
        Strips {
            start: strips.as_mut_ptr(),
            heights: self.heights,
            row_bytes: 4 * self.row_words,
        }
    }

    /// Whether it was filled with so many rows of `k` numbers in this form.
    pub(crate) fn holds(&self, form: &Form, rows: usize, k: usize) -> bool {
        self.heights.total() == rows
            && self.scales.len() == rows
            && self.row_words == Self::words(form, k)
            && self.strips.bytes().len() >= 4 * self.row_words * rows
    }

    /// Words of one row of a block: what decides how many rows stay in the cache.
    pub(super) fn words(form: &Form, k: usize) -> usize {
        form.groups(k) * form.group * form.left.words()
    }
}

/// Fills a block with rows, as they are or normalised.
pub(crate) struct PackLeft<'a> {
    pub(crate) form: &'a Form,
    pub(crate) rows: Rows<'a>,
    pub(crate) norm: Option<Norm<'a>>,
    pub(crate) block: &'a mut LeftBlock,
}

impl Op for PackLeft<'_> {
    type Output = ();
    // Compiled for the instruction set although few registers are named: the plain loops below are
    // vectorised with what it offers.
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self {
            form,
            rows,
            norm,
            block,
        } = self;
        let k = rows.cols();
        if form.left.precision() == Precision::Bf16 {
            let strips = block.for_results(form, rows.rows(), k);
            block.exact.grow(4 * k);
            for i in 0..block.heights.strips() {
                for (within, row) in block.heights.rows(i).enumerate() {
                    let row = normed(s, norm, rows.row(row), block.exact.bytes_mut());
                    // SAFETY: the block is ours and has room for such rows.
                    unsafe { strips.put(form, (i, within), 0, row) };
                }
            }
            return;
        }
        block.begin(form, rows.rows(), k);
        block.exact.grow(4 * k);
        // Beyond k the row keeps the zeros that it is given here.
        block.row.reset(4 * block.row_words);
        for i in 0..block.heights.strips() {
            let range = block.heights.rows(i);
            let start = range.start * block.row_words;
            for (within, row) in range.clone().enumerate() {
                let row = normed(s, norm, rows.row(row), block.exact.bytes_mut());
                let scale = quantise(form.left, row, block.row.bytes_mut());
                block.scales.push(scale);
                let strip = &mut words_mut(block.strips.bytes_mut())[start..];
                let row = &words(block.row.bytes())[..block.row_words];
                place_row(form, row, strip, range.len(), within);
            }
        }
    }
}

/// The row, or what the norm makes of it.
#[inline(always)]
fn normed<'a, S: Simd>(
    s: S,
    norm: Option<Norm<'_>>,
    row: &'a [f32],
    room: &'a mut [u8],
) -> &'a [f32] {
    let Some(norm) = norm else {
        return row;
    };
    let exact = &mut floats_mut(room)[..row.len()];
    norm.row(s, row, exact);
    exact
}

/// Strips of bfloat16 that several threads may write, each its own columns.
#[derive(Clone, Copy)]
pub(super) struct Strips {
    start: *mut u8,
    heights: Heights,
    row_bytes: usize,
}

// SAFETY: the parts of one product write different columns through it, and the block that it was
// made from is borrowed until all of them are done.
unsafe impl Send for Strips {}
// SAFETY: as above.
unsafe impl Sync for Strips {}

impl Strips {
    /// Rounds `values`, the columns `first..` of a row, to their places.
    ///
    /// # Safety
    /// The block that this was made from lives, has this row of this strip and these columns, and
    /// nobody else touches them meanwhile.
    #[inline(always)]
    pub(super) unsafe fn put(
        self,
        form: &Form,
        (strip, within): (usize, usize),
        first: usize,
        values: &[f32],
    ) {
        let rows = self.heights.rows(strip);
        let (together, size) = (form.together(), form.number_bytes());
        assert!(rows.len() > within && (first + values.len()) * size <= self.row_bytes);
        let start = self.start.wrapping_add(rows.start * self.row_bytes);
        let (mut column, mut values) = (first, values);
        while !values.is_empty() {
            let offset = column % together;
            let count = values.len().min(together - offset);
            let place = (column / together * rows.len() + within) * together + offset;
            // SAFETY: numbers that lie together, within the row as the caller says.
            let to =
                unsafe { std::slice::from_raw_parts_mut(start.add(place * size), count * size) };
            round(form.left, &values[..count], to);
            values = &values[count..];
            column += count;
        }
    }
}

/// Rounds numbers to bfloat16, in the width that the form has for them.
#[inline(always)]
fn round(left: Left, values: &[f32], to: &mut [u8]) {
    /// Numbers of a cache line: a length that is known makes the loop a few instructions.
    const MANY: usize = 32;
    match left {
        Left::WideBf16 => {
            for (to, x) in to.chunks_exact_mut(4).zip(values) {
                let wide = u32::from(to_bf16(*x)) << 16;
                to.copy_from_slice(&wide.to_le_bytes());
            }
        }
        _ if values.len() == MANY => round_narrow(&values[..MANY], &mut to[..2 * MANY]),
        _ => round_narrow(values, to),
    }
}

#[inline(always)]
fn round_narrow(values: &[f32], to: &mut [u8]) {
    for (to, x) in to.chunks_exact_mut(2).zip(values) {
        to.copy_from_slice(&to_bf16(*x).to_le_bytes());
    }
}

/// Writes a row's words as integers, in order, to `to`; returns the worth of one unit.
#[inline(always)]
fn quantise(left: Left, row: &[f32], to: &mut [u8]) -> f32 {
    match left {
        Left::Bf16 | Left::WideBf16 => unreachable!("rounded to its place"),
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
