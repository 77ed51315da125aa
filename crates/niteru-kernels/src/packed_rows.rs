//! The left-hand rows of products, rounded and laid out once for all the products that read them.

use crate::kernels::{Kernels, check_product, same_shape};
use crate::matmul::{Epilogue, Matmul};
use crate::narrow::{Destination, LeftBlock, NarrowProduct, PackLeft, Source};
use crate::packed::PackedMatrix;
use crate::precision::Precision;
use crate::rowwise::{LayerNorm, Norm};
use crate::views::{Rows, RowsMut};
use std::fmt;

/// Rows `[m, k]` in the form in which products read them: the left-hand counterpart of a
/// [`PackedMatrix`].
///
/// A norm or a product writes its result here when another product is all that reads it: numbers
/// narrower than `f32` then never lie in memory as `f32`. Keep it from call to call and nothing is
/// allocated.
#[derive(Clone)]
pub struct PackedRows {
    kernels: Kernels,
    precision: Precision,
    rows: usize,
    cols: usize,
    /// Dense rows of [`Precision::F32`], and of results that wait to become integers: a row's scale
    /// is known when all of it is.
    exact: Vec<f32>,
    /// Rows of the other precisions.
    block: LeftBlock,
}

impl fmt::Debug for PackedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kernels,
            precision,
            rows,
            cols,
            ..
        } = self;
        write!(f, "PackedRows({kernels:?} {precision} {rows}×{cols})")
    }
}

impl PackedRows {
    /// No rows, for these kernels.
    pub fn new(kernels: Kernels) -> Self {
        Self {
            kernels,
            precision: Precision::F32,
            rows: 0,
            cols: 0,
            exact: Vec::new(),
            block: LeftBlock::default(),
        }
    }

    /// How many there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Numbers in each.
    pub fn cols(&self) -> usize {
        self.cols
    }

    fn exact(&self) -> Rows<'_> {
        Rows::new(&self.exact[..self.rows * self.cols], self.rows, self.cols)
    }

    fn exact_mut(&mut self) -> RowsMut<'_> {
        let len = self.rows * self.cols;
        if self.exact.len() < len {
            self.exact.resize(len, 0.0);
        }
        RowsMut::new(&mut self.exact[..len], self.rows, self.cols)
    }

    #[track_caller]
    fn begin(&mut self, kernels: Kernels, precision: Precision, (rows, cols): (usize, usize)) {
        assert!(
            kernels == self.kernels,
            "rows for {} kernels filled with {}",
            self.kernels.name(),
            kernels.name()
        );
        (self.precision, self.rows, self.cols) = (precision, rows, cols);
    }
}

/// Products of packed rows. What they compute is what the functions for plain rows do, bit for bit.
impl Kernels {
    /// Lays rows out for products with matrices of this precision.
    ///
    /// # Panics
    /// When `out` was made for other kernels.
    #[track_caller]
    pub fn pack_rows(self, x: Rows, precision: Precision, out: &mut PackedRows) {
        self.fill(x, None, precision, out);
    }

    /// [`layer_norm`](Self::layer_norm) whose result is laid out for products.
    ///
    /// # Panics
    /// When the shapes of `x`, `gamma` and `beta` do not agree, or `out` was made for other kernels.
    #[track_caller]
    pub fn layer_norm_packed(
        self,
        x: Rows,
        (gamma, beta, eps): (&[f32], &[f32], f32),
        precision: Precision,
        out: &mut PackedRows,
    ) {
        let norm = Norm::new(x, gamma, beta, eps);
        self.fill(x, Some(norm), precision, out);
    }

    #[track_caller]
    fn fill(self, x: Rows, norm: Option<Norm>, precision: Precision, out: &mut PackedRows) {
        out.begin(self, precision, (x.rows(), x.cols()));
        match (self.micro(precision), norm) {
            (Some(micro), norm) => self.run(PackLeft {
                form: &micro.form,
                rows: x,
                norm,
                block: &mut out.block,
            }),
            (None, Some(norm)) => {
                let out = out.exact_mut();
                self.run(LayerNorm { x, norm, out });
            }
            (None, None) => {
                let mut out = out.exact_mut();
                for i in 0..x.rows() {
                    out.row(i).copy_from_slice(x.row(i));
                }
            }
        }
    }

    /// `out = epilogue(a · b)` as [`matmul`](Self::matmul), with `parallel` as
    /// [`matmul_parallel`](Self::matmul_parallel).
    ///
    /// # Panics
    /// When shapes or precisions do not agree, or `a` or `b` was packed for other kernels.
    #[track_caller]
    pub fn matmul_packed(
        self,
        a: &PackedRows,
        b: &PackedMatrix,
        epilogue: Epilogue,
        parallel: bool,
        out: RowsMut,
    ) {
        self.check_packed(a, b, epilogue);
        same_shape("product", (a.rows, b.n()), &out);
        match self.micro(b.precision()) {
            None => self.run(Matmul {
                a: a.exact(),
                b,
                epilogue,
                out,
                parallel,
            }),
            Some(micro) => self.run(NarrowProduct {
                micro,
                a: Source::Packed(&a.block),
                b,
                epilogue,
                out: Destination::Rows(out),
                parallel,
            }),
        }
    }

    /// [`matmul_packed`](Self::matmul_packed) whose result is the left side of another product with
    /// a matrix of the same precision.
    ///
    /// # Panics
    /// As [`matmul_packed`](Self::matmul_packed); and with `accumulate`, or when `out` was made for
    /// other kernels.
    #[track_caller]
    pub fn matmul_chained(
        self,
        a: &PackedRows,
        b: &PackedMatrix,
        epilogue: Epilogue,
        parallel: bool,
        out: &mut PackedRows,
    ) {
        assert!(!epilogue.accumulate, "packed rows hold nothing to add to");
        self.check_packed(a, b, epilogue);
        let precision = b.precision();
        out.begin(self, precision, (a.rows, b.n()));
        match self.micro(precision) {
            Some(micro) if precision == Precision::Bf16 => self.run(NarrowProduct {
                micro,
                a: Source::Packed(&a.block),
                b,
                epilogue,
                out: Destination::Packed(&mut out.block),
                parallel,
            }),
            micro => {
                self.matmul_packed(a, b, epilogue, parallel, out.exact_mut());
                if let Some(micro) = micro {
                    let (rows, cols) = (out.rows, out.cols);
                    self.run(PackLeft {
                        form: &micro.form,
                        rows: Rows::new(&out.exact[..rows * cols], rows, cols),
                        norm: None,
                        block: &mut out.block,
                    });
                }
            }
        }
    }

    #[track_caller]
    fn check_packed(self, a: &PackedRows, b: &PackedMatrix, epilogue: Epilogue) {
        check_product(self, a.cols, b, epilogue);
        assert!(
            a.kernels == self && a.precision == b.precision(),
            "rows packed for {} kernels in {} used with {} in {}",
            a.kernels.name(),
            a.precision,
            self.name(),
            b.precision()
        );
        if let Some(micro) = self.micro(a.precision) {
            // A panic may have ended what was filling them.
            let whole = a.block.holds(&micro.form, a.rows, a.cols);
            assert!(whole, "{a:?} were not filled to their end");
        }
    }
}
