//! The right-hand matrix of a product, laid out once in the order in which the kernel reads it.

use crate::kernels::Kernels;
use crate::views::Rows;

/// How the numbers of an unpacked matrix `[k, n]` lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[k, n]` row-major: `data[input * n + output]`.
    InputByOutput,
    /// `[n, k]` row-major, as PyTorch's `Linear` keeps it: `data[output * k + input]`.
    OutputByInput,
}

/// Sixteen floats on a cache line of their own.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Line(#[expect(dead_code, reason = "read through pointers")] [f32; LINE]);

const LINE: usize = 16;

/// An `f32` matrix `[k, n]` packed into panels for one set of kernels.
///
/// A panel holds a few registers' width of columns: all of its row 0, then all of row 1, and so
/// on. The last panel is as many registers wide as the rest needs, filled up with zeros.
#[derive(Clone, Debug)]
pub struct PackedMatrix {
    kernels: Kernels,
    k: usize,
    n: usize,
    lines: Vec<Line>,
}

impl PackedMatrix {
    /// Packs a dense matrix of `k` inputs and `n` outputs.
    ///
    /// # Panics
    /// When `data` does not hold exactly `k * n` floats.
    #[track_caller]
    pub fn pack(kernels: Kernels, data: &[f32], k: usize, n: usize, layout: Layout) -> Self {
        let mut packed = Self::empty(kernels);
        let source = match layout {
            Layout::InputByOutput => Rows::new(data, k, n),
            Layout::OutputByInput => Rows::new(data, n, k),
        };
        packed.repack(source, layout, 1.0);
        packed
    }

    /// A matrix of no rows and no columns: a buffer for [`repack`](Self::repack).
    pub fn empty(kernels: Kernels) -> Self {
        Self {
            kernels,
            k: 0,
            n: 0,
            lines: Vec::new(),
        }
    }

    /// Packs another matrix, times `scale`, into the memory of this one, which grows if it must.
    ///
    /// `source` is `[k, n]` or `[n, k]`, as `layout` says.
    pub fn repack(&mut self, source: Rows, layout: Layout, scale: f32) {
        let (k, n) = match layout {
            Layout::InputByOutput => (source.rows(), source.cols()),
            Layout::OutputByInput => (source.cols(), source.rows()),
        };
        (self.k, self.n) = (k, n);
        let panels = Panels::of(self.kernels, n);
        let floats = k * panels.padded_columns();
        self.lines.clear();
        self.lines.resize(floats.div_ceil(LINE), Line([0.0; LINE]));
        for panel in 0..panels.count() {
            let (first, columns) = panels.columns(panel);
            let width = panels.width(panel);
            let start = first * k;
            let target = &mut self.floats_mut()[start..start + k * width];
            match layout {
                Layout::InputByOutput => {
                    for (p, row) in target.chunks_exact_mut(width).enumerate() {
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

    /// Inputs: the columns that a left-hand matrix must have.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Outputs: the columns of the product.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The kernels that it was packed for, and that alone can use it.
    pub fn kernels(&self) -> Kernels {
        self.kernels
    }

    pub(crate) fn panels(&self) -> Panels {
        Panels::of(self.kernels, self.n)
    }

    pub(crate) fn floats(&self) -> &[f32] {
        // SAFETY: a Line is 16 floats without padding (its size is its alignment), and all bit
        // patterns are floats.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * LINE) }
    }

    fn floats_mut(&mut self) -> &mut [f32] {
        let len = self.lines.len() * LINE;
        // SAFETY: as in `floats`; the borrow of self is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), len) }
    }
}

/// Writes columns `first..first + columns` of the product's matrix, which are rows of `source`,
/// into a panel. Goes in blocks of 16 inputs so that both sides stay in the L1 cache.
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
