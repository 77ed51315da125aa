//! The narrow product: blocks of rows against panels, on the calling thread or on rayon's pool.
//!
//! A row of the result depends on its row of A alone, bit for bit: it is rounded by itself, and its
//! sums run over the whole of k in one order.

use super::left::{LeftBlock, PackLeft, Strips};
use super::{Ahead, Call, LINE, MAX_COLUMNS, MAX_ROWS, Micro, right};
use crate::math::{Activation, activate};
use crate::matmul::{Epilogue, Target, spread};
use crate::packed::PackedMatrix;
use crate::simd::{Op, Simd, load_at};
use crate::views::{Rows, RowsMut};
use std::cell::RefCell;
use std::ops::Range;

thread_local! {
    /// Each thread's left side; given back before another product can begin on the thread.
    static LEFT: RefCell<LeftBlock> = RefCell::default();
}

/// The left side of a product.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// To be rounded and laid out on the way, by each thread for itself.
    Rows(Rows<'a>),
    /// Laid out already, in the form of the product's [`Micro`].
    Packed(&'a LeftBlock),
}

impl Source<'_> {
    fn rows(&self) -> usize {
        match self {
            Source::Rows(rows) => rows.rows(),
            Source::Packed(block) => block.heights().total(),
        }
    }
}

/// Where a product goes.
pub(crate) enum Destination<'a> {
    Rows(RowsMut<'a>),
    /// The left side of another product in the same form, which holds bfloat16. Nothing is
    /// accumulated there, and the source is packed: so strips here are strips there.
    Packed(&'a mut LeftBlock),
}

/// The same, as each thread holds it.
#[derive(Clone, Copy)]
enum Goal {
    Rows(Target),
    Packed(Strips),
}

pub(crate) struct NarrowProduct<'a> {
    pub(crate) micro: Micro,
    pub(crate) a: Source<'a>,
    pub(crate) b: &'a PackedMatrix,
    pub(crate) epilogue: Epilogue<'a>,
    pub(crate) out: Destination<'a>,
    pub(crate) parallel: bool,
}

/// The part of a product that one thread computes.
struct Part<'a> {
    micro: Micro,
    a: Source<'a>,
    b: &'a PackedMatrix,
    epilogue: Epilogue<'a>,
    out: Goal,
    /// Rows of the source, or strips where it is packed.
    pieces: Range<usize>,
    panels: Range<usize>,
}

impl Op for NarrowProduct<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self {
            micro,
            a,
            b,
            epilogue,
            out,
            parallel,
        } = self;
        let (rows, panels) = (a.rows(), micro.form.panels(b.n()));
        let out = match out {
            Destination::Rows(mut out) => Goal::Rows(Target::of(&mut out)),
            Destination::Packed(block) => Goal::Packed(block.for_results(&micro.form, rows, b.n())),
        };
        let part = |pieces, panels| Part {
            micro,
            a,
            b,
            epilogue,
            out,
            pieces,
            panels,
        };
        let sizes = [rows, b.n(), b.k()];
        let pieces = match a {
            Source::Rows(rows) => rows.rows(),
            Source::Packed(block) => block.heights().strips(),
        };
        spread(sizes, (pieces, panels), parallel, |pieces, panels| {
            s.run(part(pieces, panels))
        });
    }
}

impl Op for Part<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let form = self.micro.form;
        let row_bytes = 4 * LeftBlock::words(&form, self.b.k()).max(1);
        let strips = (self.micro.block_bytes / row_bytes)
            .div_ceil(form.rows)
            .max(1);
        match self.a {
            Source::Packed(left) => {
                for strips in cut(self.pieces.clone(), strips) {
                    s.run(Block {
                        part: &self,
                        left,
                        first: 0,
                        strips,
                    });
                }
            }
            Source::Rows(rows) => LEFT.with_borrow_mut(|block| {
                // Whole strips, as many as there are: those of a block should be of one height.
                for strips in cut(0..self.pieces.len().div_ceil(form.rows), strips) {
                    let row = |strip| self.pieces.end.min(self.pieces.start + strip * form.rows);
                    let range = row(strips.start)..row(strips.end);
                    s.run(PackLeft {
                        form: &form,
                        rows: rows.slice(range.clone()),
                        norm: None,
                        block,
                    });
                    s.run(Block {
                        part: &self,
                        left: block,
                        first: range.start,
                        strips: 0..strips.len(),
                    });
                }
            }),
        }
        (self.micro.finish)();
    }
}

/// Cuts a range into as few parts of at most `most` as there can be, of nearly equal length.
fn cut(range: Range<usize>, most: usize) -> impl Iterator<Item = Range<usize>> {
    let (len, parts) = (range.len(), range.len().div_ceil(most));
    let at = move |i| range.start + len * i / parts;
    (0..parts).map(move |i| at(i)..at(i + 1))
}

/// A block of packed rows against the part's panels.
struct Block<'a> {
    part: &'a Part<'a>,
    left: &'a LeftBlock,
    /// The result's row that the left side begins with.
    first: usize,
    /// Of the left side.
    strips: Range<usize>,
}

/// Raw sums of a strip and a panel.
#[repr(align(64))]
struct Sums([u32; MAX_ROWS * MAX_COLUMNS]);

impl Sums {
    /// Row after row, where the sums were replaced by floats.
    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        // SAFETY: words are as large and as aligned as floats, and any word is one.
        let floats: &[f32; MAX_ROWS * MAX_COLUMNS] = unsafe { &*self.0.as_ptr().cast() };
        floats.chunks_exact(MAX_COLUMNS)
    }
}

impl Op for Block<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self {
            part,
            left,
            first,
            strips,
        } = self;
        let Micro {
            form, run, fetches, ..
        } = part.micro;
        let (k, n, bytes) = (part.b.k(), part.b.n(), part.b.bytes());
        let columns = right::columns(&form, bytes, k, n);
        let mut sums = Sums([0; MAX_ROWS * MAX_COLUMNS]);
        for panel in part.panels.clone() {
            let right = right::panel(&form, bytes, k, n, panel);
            let mut ahead = part
                .following(panel)
                .chunks(right.len().div_ceil(strips.len().max(1)).max(1));
            for strip in strips.clone() {
                let ahead = ahead.next().unwrap_or_default();
                if fetches == 0 {
                    fetch(s, ahead);
                }
                let rows = left.heights().rows(strip);
                let call = Call {
                    left: left.strip(rows.start),
                    right: right.as_ptr().cast(),
                    groups: form.groups(k),
                    rows: rows.len(),
                    vectors: form.panel_vectors(panel, n),
                    ahead: Ahead::over(ahead, form.groups(k), fetches),
                    sums: sums.0.as_mut_ptr(),
                };
                // SAFETY: the block holds the strip and the slice the panel, in this form; sums
                // have room for the largest tile there is.
                unsafe { run(&call) };
                s.run(Finish {
                    part,
                    scales: &left.scales()[rows.clone()],
                    sums: &mut sums,
                    strip,
                    first: first + rows.start,
                    panel,
                    columns,
                });
            }
        }
    }
}

impl<'a> Part<'a> {
    /// The panel that is read after this one.
    fn following(&self, panel: usize) -> &'a [u8] {
        let (form, b) = (&self.micro.form, self.b);
        match panel + 1 {
            next if next < self.panels.end => right::panel(form, b.bytes(), b.k(), b.n(), next),
            _ => &[],
        }
    }
}

/// Asks for bytes that are needed soon.
#[inline(always)]
fn fetch<S: Simd>(s: S, bytes: &[u8]) {
    for line in bytes.chunks(LINE) {
        s.prefetch(line.as_ptr().cast());
    }
}

/// Scales, bias, activation: from raw sums to the result.
struct Finish<'a> {
    part: &'a Part<'a>,
    /// What a unit of each row of the strip is worth.
    scales: &'a [f32],
    sums: &'a mut Sums,
    strip: usize,
    /// The strip's first row in the result.
    first: usize,
    panel: usize,
    /// Scales and corrections of all columns.
    columns: (&'a [f32], &'a [i32]),
}

impl Op for Finish<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // A loop for each activation: it is chosen once for a tile, not once for a register.
        match self.part.epilogue.activation {
            Activation::None => self.finish(s, Activation::None),
            Activation::Relu6 => self.finish(s, Activation::Relu6),
            Activation::Gelu => self.finish(s, Activation::Gelu),
            Activation::QuickGelu => self.finish(s, Activation::QuickGelu),
        }
    }
}

impl Finish<'_> {
    #[inline(always)]
    fn finish<S: Simd>(self, s: S, activation: Activation) {
        let part = self.part;
        let form = part.micro.form;
        let n = part.b.n();
        let first = self.panel * form.columns();
        let columns = form.columns().min(n - first);
        let (scales, corrections) = self.columns;
        let integers = !scales.is_empty();
        let Epilogue {
            bias, accumulate, ..
        } = part.epilogue;
        for j in (0..columns).step_by(S::LANES) {
            let count = (columns - j).min(S::LANES);
            let bias = match bias {
                Some(bias) => load_count(s, &bias[first + j..], count),
                None => s.splat(0.0),
            };
            let (scale, correction): (_, &[i32]) = match integers {
                true => (
                    load_at(s, scales, first + j),
                    &corrections[first + j..][..S::LANES],
                ),
                false => (s.splat(1.0), &[]),
            };
            let rows = self
                .scales
                .iter()
                .zip(self.sums.0.chunks_exact_mut(MAX_COLUMNS));
            for (i, (&unit, sums)) in rows.enumerate() {
                let sums = sums[j..][..S::LANES].as_mut_ptr();
                let v = if integers {
                    // SAFETY: both slices were checked to hold a register.
                    let sum = unsafe { s.difference(sums.cast(), correction.as_ptr()) };
                    s.fma(sum, s.mul(scale, s.splat(unit)), bias)
                } else {
                    // SAFETY: as above, and these are bits of floats.
                    s.add(unsafe { s.load(sums.cast()) }, bias)
                };
                let mut v = activate(s, activation, v);
                match part.out {
                    Goal::Rows(out) => {
                        // SAFETY: `count` columns of a row of the result, which this part alone
                        // writes.
                        let out = unsafe { out.row(self.first + i, first + j, count) };
                        if accumulate {
                            v = s.add(v, load_count(s, out, count));
                        }
                        store_count(s, out, count, v);
                    }
                    // SAFETY: the slice was checked to hold a register.
                    Goal::Packed(_) => unsafe { s.store(sums.cast(), v) },
                }
            }
        }
        if let Goal::Packed(strips) = part.out {
            let rows = self.sums.rows().take(self.scales.len());
            for (within, row) in rows.enumerate() {
                // SAFETY: columns of a row of the result, which this part alone writes.
                unsafe { strips.put(&form, (self.strip, within), first, &row[..columns]) };
            }
        }
    }
}

#[inline(always)]
fn load_count<S: Simd>(s: S, x: &[f32], count: usize) -> S::V {
    let x = &x[..count];
    // SAFETY: `count` floats are there; fewer than LANES in the second case.
    unsafe {
        match count == S::LANES {
            true => s.load(x.as_ptr()),
            false => s.load_first(x.as_ptr(), count),
        }
    }
}

#[inline(always)]
fn store_count<S: Simd>(s: S, x: &mut [f32], count: usize, v: S::V) {
    let x = &mut x[..count];
    // SAFETY: as for loading.
    unsafe {
        match count == S::LANES {
            true => s.store(x.as_mut_ptr(), v),
            false => s.store_first(x.as_mut_ptr(), count, v),
        }
    }
}
