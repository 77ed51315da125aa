//! The right side of a narrow product, packed once.
//!
//! The bytes are the panels one after another, then for integers the scale of each column (`f32`)
//! and the correction of each column (`i32`: 128 times the column's sum where the left side is
//! unsigned, else zero), both filled up to whole cache lines.

use super::{Form, Left};
use crate::packed::Layout;
use crate::precision::Precision;
use crate::storage::{ALIGNMENT, Lines, Storage, floats, floats_mut, integers, integers_mut};
use crate::views::Rows;

/// Largest k of an 8-bit product: beyond it a sum might leave 32 bits.
pub(crate) const MAX_INT8_DEPTH: usize = 1 << 16;

/// Magnitudes below this are zero to the 8-bit products: the scale's reciprocal must be finite.
const LEAST_MAGNITUDE: f32 = 1e-35;

/// Where the parts of a packed matrix lie.
#[derive(Clone, Copy)]
struct Parts {
    panels: usize,
    columns: usize,
}

impl Parts {
    fn of(form: &Form, k: usize, n: usize) -> Self {
        let padded = n.next_multiple_of(form.lanes);
        let columns = match form.left.precision() {
            Precision::Int8 => (n * 4).next_multiple_of(ALIGNMENT),
            _ => 0,
        };
        let panels = (form.column_words(k) * padded * 4).next_multiple_of(ALIGNMENT);
        Self { panels, columns }
    }

    fn total(self) -> usize {
        self.panels + 2 * self.columns
    }
}

/// Bytes of a packed matrix.
pub(crate) fn bytes(form: &Form, k: usize, n: usize) -> usize {
    Parts::of(form, k, n).total()
}

/// Panel `panel` of a packed matrix.
pub(super) fn panel<'a>(
    form: &Form,
    bytes: &'a [u8],
    k: usize,
    n: usize,
    panel: usize,
) -> &'a [u8] {
    let column = 4 * form.column_words(k);
    let start = panel * form.columns() * column;
    &bytes[start..start + form.panel_vectors(panel, n) * form.lanes * column]
}

/// Scales and corrections of the columns, filled up to whole registers; empty for bfloat16.
pub(super) fn columns<'a>(
    form: &Form,
    bytes: &'a [u8],
    k: usize,
    n: usize,
) -> (&'a [f32], &'a [i32]) {
    let parts = Parts::of(form, k, n);
    if parts.columns == 0 {
        return (&[], &[]);
    }
    let (scales, corrections) = bytes[parts.panels..parts.total()].split_at(parts.columns);
    (floats(scales), integers(corrections))
}

/// Packs a matrix that `layout` describes.
///
/// # Panics
/// When an 8-bit matrix has more than 65 536 rows.
#[track_caller]
pub(crate) fn pack(form: &Form, source: Rows, layout: Layout) -> Storage {
    let (k, n) = match layout {
        Layout::InputByOutput => (source.rows(), source.cols()),
        Layout::OutputByInput => (source.cols(), source.rows()),
    };
    let integers = form.left.precision() == Precision::Int8;
    assert!(
        !integers || k <= MAX_INT8_DEPTH,
        "8-bit product over {k} rows"
    );
    let parts = Parts::of(form, k, n);
    let mut lines = Lines::default();
    lines.reset(parts.total());
    let (panels, columns) = lines.bytes_mut().split_at_mut(parts.panels);
    let (scales, corrections) = columns.split_at_mut(parts.columns);
    let mut column = vec![0.0; k];
    let words = form.column_words(k);
    for j in 0..n {
        match layout {
            Layout::OutputByInput => column.copy_from_slice(source.row(j)),
            Layout::InputByOutput => {
                let entries = (0..k).map(|p| source.row(p)[j]);
                column
                    .iter_mut()
                    .zip(entries)
                    .for_each(|(to, from)| *to = from);
            }
        }
        let place = Place::of(form, words, j, n);
        if integers {
            let (scale, sum) = quantise_column(&column, |p, q| {
                panels[place.byte(form, p / 4) + p % 4] = q.cast_unsigned();
            });
            floats_mut(scales)[j] = scale;
            integers_mut(corrections)[j] = match form.left {
                Left::Unsigned8 => 128 * sum,
                _ => 0,
            };
        } else {
            for (p, x) in column.iter().enumerate() {
                let at = place.byte(form, p / 2) + p % 2 * 2;
                panels[at..at + 2].copy_from_slice(&to_bf16(*x).to_le_bytes());
            }
        }
    }
    Storage::Owned(lines)
}

/// Where a column's words lie.
struct Place {
    /// First word of the panel.
    panel: usize,
    vectors: usize,
    vector: usize,
    lane: usize,
}

impl Place {
    fn of(form: &Form, words: usize, column: usize, n: usize) -> Self {
        let panel = column / form.columns();
        let within = column % form.columns();
        Self {
            panel: panel * form.columns() * words,
            vectors: form.panel_vectors(panel, n),
            vector: within / form.lanes,
            lane: within % form.lanes,
        }
    }

    /// The first byte of step `step`.
    fn byte(&self, form: &Form, step: usize) -> usize {
        let (group, within) = (step / form.group, step % form.group);
        let row = (group * self.vectors + self.vector) * form.group + within;
        4 * (self.panel + row * form.lanes + self.lane)
    }
}

/// Calls `put` with each number as −127…127; returns the scale and the sum of these.
fn quantise_column(column: &[f32], mut put: impl FnMut(usize, i8)) -> (f32, i32) {
    let largest = column
        .iter()
        .fold(0.0f32, |largest, x| largest.max(x.abs()));
    let scale = scale_of(largest);
    if scale == 0.0 {
        return (0.0, 0);
    }
    let (mut sum, inverse) = (0, 1.0 / scale);
    for (p, x) in column.iter().enumerate() {
        let q = (x * inverse).round_ties_even().clamp(-127.0, 127.0) as i8;
        sum += i32::from(q);
        put(p, q);
    }
    (scale, sum)
}

/// The worth of one unit when `largest` is to become 127; 0 when everything is to become 0.
pub(super) fn scale_of(largest: f32) -> f32 {
    if largest < LEAST_MAGNITUDE {
        0.0
    } else {
        largest / 127.0
    }
}

/// The nearest bfloat16, ties to even; NaN stays NaN.
#[inline(always)]
pub(super) fn to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    let nan = bits & 0x7fff_ffff > 0x7f80_0000;
    (if nan { 0x7fc0 } else { rounded }) as u16
}
