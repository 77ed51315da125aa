//! The matrix product, blocked for the caches, on the calling thread or on rayon's pool.
//!
//! Every element of the result is a chain of multiply-adds over each block of k in rising order, the
//! first of which begins with the bias, and the sum of these chains in rising order. Blocks of k depend on k alone, so an element
//! depends on its row of A and its column of B, not on the number of rows, their grouping or the
//! number of threads.

use crate::math::{Activation, activate_slice};
use crate::packed::{PackedMatrix, Panels};
use crate::simd::{Op, Simd};
use crate::tile::{Strip, run_strip};
use crate::views::{Rows, RowsMut};
use rayon::prelude::*;
use std::ops::Range;

/// What happens to each sum of a product: `out = activation(sum + bias)`, and with `accumulate`
/// that is added to what `out` held.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// One float for each column, or nothing.
    pub bias: Option<&'a [f32]>,
    /// Applied after the bias.
    pub activation: Activation,
    /// Adds the result to `out` in place of overwriting it: a residual connection. Free without an
    /// activation; with one it takes a buffer as large as `out`.
    pub accumulate: bool,
}

/// Bytes of a block of a B panel that is used again and again while the rows of A pass by. More
/// than the L1 cache holds, because each register of it is used for many products: longer sums,
/// which visit `out` less often, were faster than a panel in L1.
const PANEL_BYTES: usize = 80 * 1024;
/// Bytes of a block of A that stay in the L2 cache while the panels of B pass by.
const BLOCK_BYTES: usize = 640 * 1024;
/// Below this many multiply-adds a product is not worth spreading over threads.
const PARALLEL_MIN: usize = 1 << 18;

/// The part of a product that one thread computes.
struct Part<'a> {
    a: Rows<'a>,
    b: &'a PackedMatrix,
    epilogue: Epilogue<'a>,
    out: Target,
    rows: Range<usize>,
    panels: Range<usize>,
}

/// Where the result goes: row `i` starts at `data + i * stride`.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    data: *mut f32,
    stride: usize,
}

impl Target {
    pub(crate) fn of(out: &mut RowsMut) -> Self {
        Self {
            data: out.as_mut_ptr(),
            stride: out.stride(),
        }
    }

    /// # Safety
    /// As for [`row`](Self::row), and as [`RowsMut::from_raw`] says.
    pub(crate) unsafe fn block<'a>(self, rows: Range<usize>, columns: Range<usize>) -> RowsMut<'a> {
        let start = self
            .data
            .wrapping_add(rows.start * self.stride + columns.start);
        // SAFETY: the caller vouches for the place and for being alone there.
        unsafe { RowsMut::from_raw(start, rows.len(), columns.len(), self.stride) }
    }

    /// # Safety
    /// Row and columns are the result's, nobody else touches these elements meanwhile, and the
    /// result outlives the slice.
    pub(crate) unsafe fn row<'a>(self, row: usize, column: usize, columns: usize) -> &'a mut [f32] {
        // SAFETY: the caller vouches for the place and for being alone there.
        unsafe {
            std::slice::from_raw_parts_mut(self.data.add(row * self.stride + column), columns)
        }
    }
}

// SAFETY: the parts of one product write disjoint elements through it, and the `RowsMut` it was
// made from is borrowed until all of them are done.
unsafe impl Send for Target {}
// SAFETY: as above.
unsafe impl Sync for Target {}

pub(crate) struct Matmul<'a> {
    pub(crate) a: Rows<'a>,
    pub(crate) b: &'a PackedMatrix,
    pub(crate) epilogue: Epilogue<'a>,
    pub(crate) out: RowsMut<'a>,
    pub(crate) parallel: bool,
}

impl Op for Matmul<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self {
            a,
            b,
            epilogue,
            mut out,
            parallel,
        } = self;
        if epilogue.accumulate && epilogue.activation != Activation::None {
            // Unfinished sums cannot rest in `out` here, and nobody is in a hurry for this pair.
            let mut fresh = vec![0.0; a.rows() * b.n()];
            let view = RowsMut::new(&mut fresh, a.rows(), b.n());
            let epilogue = Epilogue {
                accumulate: false,
                ..epilogue
            };
            s.run(Matmul {
                a,
                b,
                epilogue,
                out: view,
                parallel,
            });
            for (i, from) in fresh.chunks_exact(b.n().max(1)).enumerate() {
                for (to, from) in out.row(i).iter_mut().zip(from) {
                    *to += from;
                }
            }
            return;
        }
        let (rows, panels) = (a.rows(), b.panels().count());
        let out = Target::of(&mut out);
        let part = |rows, panels| Part {
            a,
            b,
            epilogue,
            out,
            rows,
            panels,
        };
        let sizes = [rows, b.n(), b.k()];
        spread(sizes, (rows, panels), parallel, |rows, panels| {
            s.run(part(rows, panels))
        });
    }
}

/// Calls `run` with ranges that make up a product of `[rows, columns, depth]` whose rows lie in so many
/// pieces and whose columns in so many panels: once with all, or where it is worth it once on each
/// thread of the current rayon pool.
#[inline(always)]
pub(crate) fn spread(
    [rows, columns, depth]: [usize; 3],
    (pieces, panels): (usize, usize),
    parallel: bool,
    run: impl Fn(Range<usize>, Range<usize>) + Send + Sync,
) {
    let threads = match parallel && rows * columns * depth >= PARALLEL_MIN {
        true => rayon::current_num_threads(),
        false => 1,
    };
    // Each thread reads the whole of the matrix that is not split, so split the larger one, if that has a part
    // for each thread; else the one of more parts.
    let by_rows = match rows > columns {
        true => pieces >= threads || pieces >= panels,
        false => panels < threads && pieces > panels,
    };
    if threads == 1 {
        run(0..pieces, 0..panels);
    } else if by_rows {
        split(pieces, threads).for_each(|pieces| run(pieces, 0..panels));
    } else {
        split(panels, threads).for_each(|panels| run(0..pieces, panels));
    }
}

/// Cuts `0..len` into at most `parts` ranges of nearly equal length.
fn split(len: usize, parts: usize) -> impl ParallelIterator<Item = Range<usize>> {
    let parts = parts.min(len);
    (0..parts)
        .into_par_iter()
        .map(move |i| len * i / parts..len * (i + 1) / parts)
}

impl Op for Part<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let k = self.b.k();
        let panels = self.b.panels();
        let Epilogue {
            bias,
            activation,
            accumulate,
        } = self.epilogue;
        let depth = block_depth::<S>(k);
        let block = block_rows::<S>(self.rows.len(), depth);
        let mut first = self.rows.start;
        while first < self.rows.end {
            let last = (first + block).min(self.rows.end);
            let mut p = 0;
            loop {
                let end = (p + depth).min(k);
                for panel in self.panels.clone() {
                    let mut strip = self.strip(panels, panel, first, p..end);
                    strip.continues = accumulate || p > 0;
                    (strip.next, strip.next_len) = self.following(panels, panel, p..end, depth);
                    if p == 0 {
                        let (column, _) = panels.columns(panel);
                        strip.bias = bias.map(|bias| &bias[column..]);
                    }
                    strip.relu6 = end == k && activation == Activation::Relu6;
                    run_strip(s, &strip, last - first, panels.width(panel) / S::LANES);
                    if end == k && !matches!(activation, Activation::None | Activation::Relu6) {
                        s.run(ActivateStrip {
                            activation,
                            strip: &strip,
                            rows: last - first,
                        });
                    }
                }
                p = end;
                if p == k {
                    break;
                }
            }
            first = last;
        }
    }
}

/// Applies an activation to what the product of a strip left, while it is in the cache.
struct ActivateStrip<'a> {
    activation: Activation,
    strip: &'a Strip<'a>,
    rows: usize,
}

impl Op for ActivateStrip<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for i in 0..self.rows {
            // SAFETY: the strip is `rows` rows of `columns` floats of the result, which this part
            // alone writes.
            let row = unsafe {
                let start = self.strip.c.add(i * self.strip.c_stride);
                std::slice::from_raw_parts_mut(start, self.strip.columns)
            };
            activate_slice(s, self.activation, row);
        }
    }
}

impl<'a> Part<'a> {
    #[inline(always)]
    fn strip(&self, panels: Panels, panel: usize, row: usize, depth: Range<usize>) -> Strip<'a> {
        let (column, columns) = panels.columns(panel);
        let width = panels.width(panel);
        let b = &self.b.floats()[column * self.b.k()..][depth.start * width..depth.end * width];
        Strip {
            // SAFETY: `row` is a row of A and `depth` lies within its columns.
            a: unsafe { self.a.as_ptr().add(row * self.a.stride() + depth.start) },
            a_stride: self.a.stride(),
            b: b.as_ptr(),
            depth: depth.len(),
            // SAFETY: `row` and `column` are a row and a column of the result.
            c: unsafe { self.out.data.add(row * self.out.stride + column) },
            c_stride: self.out.stride,
            columns,
            continues: false,
            bias: None,
            relu6: false,
            next: std::ptr::null(),
            next_len: 0,
        }
    }

    /// The part of B that is read after this panel's.
    #[inline(always)]
    fn following(
        &self,
        panels: Panels,
        panel: usize,
        depth: Range<usize>,
        step: usize,
    ) -> (*const f32, usize) {
        let k = self.b.k();
        let (panel, depth) = match panel + 1 {
            next if next < self.panels.end => (next, depth),
            _ => (self.panels.start, depth.end..(depth.end + step).min(k)),
        };
        let (column, _) = panels.columns(panel);
        let width = panels.width(panel);
        let start = column * k + depth.start * width;
        (
            self.b.floats().as_ptr().wrapping_add(start),
            depth.len() * width,
        )
    }
}

/// Depth of a block of k: as equal as may be, and no more than fits in the L1 cache.
fn block_depth<S: Simd>(k: usize) -> usize {
    let most = PANEL_BYTES / (4 * S::LANES * S::TILE_VECTORS);
    k.div_ceil(k.div_ceil(most).max(1)).max(1)
}

/// Rows of a block of A: as equal as may be.
fn block_rows<S: Simd>(rows: usize, depth: usize) -> usize {
    let most = (BLOCK_BYTES / (4 * depth)).clamp(8 * S::TILE_ROWS, 1024);
    let equal = rows.div_ceil(rows.div_ceil(most).max(1));
    equal.next_multiple_of(S::TILE_ROWS).max(1)
}
