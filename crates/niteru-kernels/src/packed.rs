//! The right-hand matrix of a product, laid out once in the order in which the kernel reads it.

use crate::kernels::Kernels;
use crate::narrow;
use crate::precision::Precision;
use crate::simd::{Op, Simd};
use crate::storage::{ALIGNMENT, SharedBytes, Storage, floats, floats_mut};
use crate::views::Rows;
use std::ops::Range;

/// Changes whenever the bytes of a packed matrix mean something else than before.
pub const PACKED_LAYOUT_VERSION: u32 = 2;

/// How the numbers of an unpacked matrix `[k, n]` lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[k, n]` row-major: `data[input * n + output]`.
    InputByOutput,
    /// `[n, k]` row-major, as PyTorch's `Linear` keeps it: `data[output * k + input]`.
    OutputByInput,
}

/// A matrix `[k, n]` packed into panels for one set of kernels, in one [`Precision`].
///
/// A panel holds a few registers' width of columns: all of its row 0, then all of row 1, and so
/// on. The last panel is as many registers wide as the rest needs, filled up with zeros.
#[derive(Clone, Debug)]
pub struct PackedMatrix {
    kernels: Kernels,
    precision: Precision,
    k: usize,
    n: usize,
    storage: Storage,
}

impl PackedMatrix {
    /// Packs a dense matrix of `k` inputs and `n` outputs. Values that are not finite have no
    /// meaning in [`Precision::Int8`].
    ///
    /// # Panics
    /// When `data` does not hold exactly `k * n` floats, or `k` is over 65 536 in
    /// [`Precision::Int8`].
    #[track_caller]
    pub fn pack(
        kernels: Kernels,
        precision: Precision,
        data: &[f32],
        k: usize,
        n: usize,
        layout: Layout,
    ) -> Self {
        let source = match layout {
            Layout::InputByOutput => Rows::new(data, k, n),
            Layout::OutputByInput => Rows::new(data, n, k),
        };
        let Some(micro) = kernels.micro(precision) else {
            let mut packed = Self::empty(kernels);
            packed.repack(source, layout, 1.0);
            return packed;
        };
        Self {
            kernels,
            precision,
            k,
            n,
            storage: narrow::pack(&micro.form, source, layout),
        }
    }

    /// A matrix of no rows and no columns in [`Precision::F32`]: a buffer for
    /// [`repack`](Self::repack).
    pub fn empty(kernels: Kernels) -> Self {
        Self {
            kernels,
            precision: Precision::F32,
            k: 0,
            n: 0,
            storage: Storage::zeros(0),
        }
    }

    /// What [`as_bytes`](Self::as_bytes) gave once, for the same kernels, precision and sizes.
    ///
    /// `None` when the range is not the right number of bytes, not in `bytes`, or does not begin
    /// on a multiple of 64 bytes in memory. The values are not looked at.
    pub fn from_bytes(
        kernels: Kernels,
        precision: Precision,
        (k, n): (usize, usize),
        bytes: SharedBytes,
        range: Range<usize>,
    ) -> Option<Self> {
        if range.len() != Self::byte_len(kernels, precision, k, n)? {
            return None;
        }
        Some(Self {
            kernels,
            precision,
            k,
            n,
            storage: Storage::shared(bytes, range)?,
        })
    }

    /// The packed form, to be kept and given to [`from_bytes`](Self::from_bytes) later. Its layout
    /// differs between kernels and may change with [`PACKED_LAYOUT_VERSION`].
    pub fn as_bytes(&self) -> &[u8] {
        self.storage.bytes()
    }

    /// Bytes of a packed matrix; `None` beyond `usize`, or for sizes that cannot be packed.
    fn byte_len(kernels: Kernels, precision: Precision, k: usize, n: usize) -> Option<usize> {
        if precision == Precision::Int8 && k > narrow::MAX_INT8_DEPTH {
            return None;
        }
        // Room for filling up and for the scales: no form needs more than this.
        k.checked_add(128)?
            .checked_mul(n.checked_add(128)?)?
            .checked_mul(8)?;
        let bytes = match kernels.micro(precision) {
            None => 4 * k * Panels::of(kernels, n).padded_columns(),
            Some(micro) => narrow::bytes(&micro.form, k, n),
        };
        Some(bytes.next_multiple_of(ALIGNMENT))
    }

    /// Packs another matrix, times `scale`, into the memory of this one, which grows if it must;
    /// in [`Precision::F32`].
    ///
    /// `source` is `[k, n]` or `[n, k]`, as `layout` says.
    pub fn repack(&mut self, source: Rows, layout: Layout, scale: f32) {
        let (k, n) = match layout {
            Layout::InputByOutput => (source.rows(), source.cols()),
            Layout::OutputByInput => (source.cols(), source.rows()),
        };
        (self.precision, self.k, self.n) = (Precision::F32, k, n);
        let panels = Panels::of(self.kernels, n);
        let packed = self.storage.renew(4 * k * panels.padded_columns());
        self.kernels.run(Repack {
            panels,
            packed: floats_mut(packed),
            source,
            layout,
            scale,
        });
    }

    /// Inputs: the columns that a left-hand matrix must have.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Outputs: the columns of the product.
    pub fn n(&self) -> usize {
        self.n
    }

    /// How its numbers are held, and what the other side is rounded to.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The kernels that it was packed for, and that alone can use it.
    pub fn kernels(&self) -> Kernels {
        self.kernels
    }

    pub(crate) fn panels(&self) -> Panels {
        Panels::of(self.kernels, self.n)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.storage.bytes()
    }

    /// The panels of a matrix in [`Precision::F32`].
    pub(crate) fn floats(&self) -> &[f32] {
        floats(self.storage.bytes())
    }
}

/// Fills the panels of a matrix in [`Precision::F32`].
struct Repack<'a> {
    panels: Panels,
    /// Zeros.
    packed: &'a mut [f32],
    source: Rows<'a>,
    layout: Layout,
    scale: f32,
}

impl Op for Repack<'_> {
    type Output = ();
    // No register is named: the loops are vectorised with what the instruction set offers.
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self {
            panels,
            packed,
            source,
            layout,
            scale,
        } = self;
        let k = match layout {
            Layout::InputByOutput => source.rows(),
            Layout::OutputByInput => source.cols(),
        };
        for panel in 0..panels.count() {
            let (first, columns) = panels.columns(panel);
            let width = panels.width(panel);
            let start = first * k;
            let target = &mut packed[start..start + k * width];
            match layout {
                Layout::InputByOutput => {
                    for (p, row) in target.chunks_exact_mut(width.max(1)).enumerate() {
                        let from = &source.row(p)[first..first + columns];
                        for (to, from) in row.iter_mut().zip(from) {
                            *to = from * scale;
                        }
                    }
                }
                Layout::OutputByInput => transpose(target, width, source, first, columns, scale),
            }
        }
    }
}

/// Writes columns `first..first + columns` of the product's matrix, which are rows of `source`,
/// into a panel. Goes in blocks of 16 inputs so that both sides stay in the L1 cache.
#[inline(always)]
fn transpose(
    panel: &mut [f32],
    width: usize,
    source: Rows,
    first: usize,
    columns: usize,
    scale: f32,
) {
    for (block, panel) in panel.chunks_mut(16 * width).enumerate() {
        let depth = panel.len() / width;
        for column in 0..columns {
            let from = &source.row(first + column)[block * 16..][..depth];
            for (p, x) in from.iter().enumerate() {
                panel[p * width + column] = x * scale;
            }
        }
    }
}

/// How the columns of a matrix are cut into panels.
#[derive(Clone, Copy)]
pub(crate) struct Panels {
    lanes: usize,
    full: usize,
    n: usize,
}

impl Panels {
    pub(crate) fn of(kernels: Kernels, n: usize) -> Self {
        let (lanes, vectors) = kernels.tile_width();
        Self {
            lanes,
            full: lanes * vectors,
            n,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.n.div_ceil(self.full)
    }

    fn padded_columns(&self) -> usize {
        self.n.next_multiple_of(self.lanes)
    }

    /// First column of a panel and how many of its columns are real.
    pub(crate) fn columns(&self, panel: usize) -> (usize, usize) {
        let first = panel * self.full;
        (first, self.full.min(self.n - first))
    }

    /// Columns of a panel with its filling.
    pub(crate) fn width(&self, panel: usize) -> usize {
        self.columns(panel).1.next_multiple_of(self.lanes)
    }
}
