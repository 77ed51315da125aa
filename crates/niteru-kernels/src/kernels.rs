//! Which instruction set is used, and the safe entry to every kernel.

use crate::attention::{Attention, AttentionScratch};
use crate::depthwise::{Depthwise, DepthwiseConv};
use crate::matmul::{Epilogue, Matmul};
use crate::narrow::{Destination, Micro, Narrow, NarrowProduct, Source};
use crate::packed::PackedMatrix;
use crate::portable::Portable;
use crate::precision::Precision;
use crate::rowwise::{LayerNorm, MeanRows, Norm, Softmax};
use crate::simd::{Op, Simd};
use crate::vectors::{Dot, Dots, Normalize};
use crate::views::{Image, Rows, RowsMut};
use std::fmt;
use std::ops::Range;

/// The environment variable that [`Kernels::from_env`] reads.
pub const KERNELS_VARIABLE: &str = "NITERU_KERNELS";

/// One set of kernels that this CPU can run.
///
/// A value is the proof that its instruction set was detected; there is no other way to one.
/// Every set computes the same functions within the tolerances that the crate's page states; one
/// set always computes the same bits.
#[derive(Clone, Copy)]
pub struct Kernels {
    set: Set,
    narrow: Narrow,
}

/// What computes with `f32`.
#[derive(Clone, Copy)]
enum Set {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Avx2(crate::avx2::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(crate::avx512::Avx512),
    #[cfg(target_arch = "aarch64")]
    Neon(crate::neon::Neon),
}

/// All names that there are, on any machine.
const NAMES: [&str; 10] = [
    "portable",
    "avx2",
    "avx2-vnni",
    "avx512",
    "avx512-vnni",
    "avx512-bf16",
    "amx",
    "neon",
    "neon-dot",
    "neon-i8mm",
];

/// The kernels asked for cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelsError {
    asked: String,
    from_variable: bool,
}

impl fmt::Display for KernelsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from_variable {
            write!(f, "{KERNELS_VARIABLE}: ")?;
        }
        let available: Vec<&str> = Kernels::available().iter().map(|set| set.name()).collect();
        match NAMES.contains(&self.asked.as_str()) {
            true => write!(f, "this machine has no {} kernels", self.asked)?,
            false => write!(f, "there are no kernels named {:?}", self.asked)?,
        }
        write!(f, "; available here: {}", available.join(", "))
    }
}

impl std::error::Error for KernelsError {}

impl fmt::Debug for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kernels({})", self.name())
    }
}

impl PartialEq for Kernels {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Kernels {}

/// Which set of kernels.
impl Kernels {
    /// The fastest set that this CPU has.
    pub fn detect() -> Self {
        Self::available().pop().unwrap_or(Self::PORTABLE)
    }

    /// The set that `NITERU_KERNELS` names, or [`detect`](Self::detect) if it is unset or empty.
    ///
    /// # Errors
    /// When the name is unknown or this CPU lacks the set; the message lists what is available.
    pub fn from_env() -> Result<Self, KernelsError> {
        match std::env::var_os(KERNELS_VARIABLE) {
            Some(name) if !name.is_empty() => {
                Self::by_name(&name.to_string_lossy()).map_err(|error| KernelsError {
                    from_variable: true,
                    ..error
                })
            }
            _ => Ok(Self::detect()),
        }
    }

    /// A name such as `portable`, `avx2`, `avx512-vnni`, `amx` or `neon`.
    ///
    /// # Errors
    /// When the name is unknown or this CPU lacks the set; the message lists what is available.
    pub fn by_name(name: &str) -> Result<Self, KernelsError> {
        let found = Self::available().into_iter().find(|set| set.name() == name);
        found.ok_or_else(|| KernelsError {
            asked: name.to_owned(),
            from_variable: false,
        })
    }

    const PORTABLE: Self = Self {
        set: Set::Portable(Portable),
        narrow: Narrow::Portable,
    };

    /// Every set that this CPU has, slowest first.
    pub fn available() -> Vec<Self> {
        let mut sets = vec![Self::PORTABLE];
        #[cfg(target_arch = "x86_64")]
        sets.extend(Self::available_x86());
        #[cfg(target_arch = "aarch64")]
        if let Some(neon) = crate::neon::Neon::detect() {
            let set = Set::Neon(neon);
            sets.push(Self {
                set,
                narrow: Narrow::Neon,
            });
            if std::arch::is_aarch64_feature_detected!("dotprod") {
                sets.push(Self {
                    set,
                    narrow: Narrow::NeonDot,
                });
            }
            if std::arch::is_aarch64_feature_detected!("i8mm") {
                sets.push(Self {
                    set,
                    narrow: Narrow::NeonI8mm,
                });
            }
        }
        sets
    }

    #[cfg(target_arch = "x86_64")]
    fn available_x86() -> Vec<Self> {
        let mut sets = Vec::new();
        if let Some(avx2) = crate::avx2::Avx2::detect() {
            let set = Set::Avx2(avx2);
            sets.push(Self {
                set,
                narrow: Narrow::Avx2,
            });
            if is_x86_feature_detected!("avxvnni") {
                sets.push(Self {
                    set,
                    narrow: Narrow::AvxVnni,
                });
            }
        }
        if let Some(avx512) = crate::avx512::Avx512::detect() {
            let set = Set::Avx512(avx512);
            sets.push(Self {
                set,
                narrow: Narrow::Avx512,
            });
            if is_x86_feature_detected!("avx512vnni") {
                sets.push(Self {
                    set,
                    narrow: Narrow::Avx512Vnni,
                });
                if is_x86_feature_detected!("avx512bf16") {
                    let bf16 = Self {
                        set,
                        narrow: Narrow::Avx512Bf16,
                    };
                    // Where f32 products are as fast, VDPBF16PS is the slower way.
                    let at = sets.len() - usize::from(!crate::narrow::avx512::bf16_is_fast());
                    sets.insert(at, bf16);
                }
            }
            #[cfg(target_os = "linux")]
            if crate::narrow::amx::detect() {
                sets.push(Self {
                    set,
                    narrow: Narrow::Amx,
                });
            }
        }
        sets
    }

    /// The name that [`by_name`](Self::by_name) takes.
    pub fn name(self) -> &'static str {
        self.narrow.name()
    }

    /// Whether products in [`Precision::Bf16`] are faster than those in [`Precision::F32`].
    ///
    /// Known by the instructions, not measured, so that the same machine always answers the same:
    /// AMX, and AVX-512 BF16 where that has twice the throughput of f32.
    pub fn prefers_bf16(self) -> bool {
        self.narrow.prefers_bf16()
    }

    /// The innermost loop for narrow numbers; `None` for `f32`, which needs none.
    pub(crate) fn micro(self, precision: Precision) -> Option<Micro> {
        self.narrow.micro(precision)
    }

    pub(crate) fn run<O: Op>(self, op: O) -> O::Output {
        match self.set {
            Set::Portable(s) => s.run(op),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(s) => s.run(op),
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(s) => s.run(op),
            #[cfg(target_arch = "aarch64")]
            Set::Neon(s) => s.run(op),
        }
    }

    /// Lanes of a register, and registers across a panel of a packed matrix.
    pub(crate) fn tile_width(self) -> (usize, usize) {
        fn of<S: Simd>(_: S) -> (usize, usize) {
            (S::LANES, S::TILE_VECTORS)
        }
        match self.set {
            Set::Portable(s) => of(s),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(s) => of(s),
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(s) => of(s),
            #[cfg(target_arch = "aarch64")]
            Set::Neon(s) => of(s),
        }
    }
}

/// Vectors.
impl Kernels {
    /// The inner product; 0 for empty vectors.
    ///
    /// # Panics
    /// When the lengths differ.
    #[track_caller]
    pub fn dot(self, a: &[f32], b: &[f32]) -> f32 {
        assert!(
            a.len() == b.len(),
            "dot of {} and {} floats",
            a.len(),
            b.len()
        );
        self.run(Dot { a, b })
    }

    /// `out[i]` = inner product of `query` and row `i` of `rows`, bit for bit what
    /// [`dot`](Self::dot) gives. `rows` is `[out.len(), query.len()]`, row-major.
    ///
    /// # Panics
    /// When `rows` does not hold `out.len() * query.len()` floats.
    #[track_caller]
    pub fn dots(self, query: &[f32], rows: &[f32], out: &mut [f32]) {
        assert!(
            out.len().checked_mul(query.len()) == Some(rows.len()),
            "{}×{} floats expected, got {}",
            out.len(),
            query.len(),
            rows.len()
        );
        self.run(Dots { query, rows, out });
    }

    /// The inner product of `f32` and half-precision numbers, which are given as their bits: bit for
    /// bit the [`dot`](Self::dot) with the numbers widened, without their way through memory.
    ///
    /// # Panics
    /// When the lengths differ.
    #[track_caller]
    pub fn dot_half(self, a: &[f32], b: &[u16]) -> f32 {
        let (left, right) = (a.len(), b.len());
        assert!(left == right, "dot of {left} and {right} numbers");
        self.run(Dot { a, b })
    }

    /// The same for two vectors of half-precision numbers.
    ///
    /// # Panics
    /// When the lengths differ.
    #[track_caller]
    pub fn dot_halves(self, a: &[u16], b: &[u16]) -> f32 {
        let (left, right) = (a.len(), b.len());
        assert!(left == right, "dot of {left} and {right} numbers");
        self.run(Dot { a, b })
    }

    /// As [`dots`](Self::dots) with rows of half-precision numbers: bit for bit what
    /// [`dot_half`](Self::dot_half) gives.
    ///
    /// # Panics
    /// When `rows` does not hold `out.len() * query.len()` numbers.
    #[track_caller]
    pub fn dots_half(self, query: &[f32], rows: &[u16], out: &mut [f32]) {
        assert!(
            out.len().checked_mul(query.len()) == Some(rows.len()),
            "{}×{} numbers expected, got {}",
            out.len(),
            query.len(),
            rows.len()
        );
        self.run(Dots { query, rows, out });
    }

    /// Scales `x` to length 1 and returns the length it had.
    ///
    /// `None`, and `x` as it was, when that has no answer: all zeros (or nothing), a NaN, an
    /// infinity, or a length above `f32::MAX`. Denormal vectors do have one.
    pub fn normalize(self, x: &mut [f32]) -> Option<f32> {
        self.run(Normalize { x })
    }
}

/// Matrices.
impl Kernels {
    /// Each row of `x` less its mean, divided by the root of its variance plus `eps`, times
    /// `gamma`, plus `beta`. A row is read from memory once; mean and variance are taken one
    /// after the other, so large means cost no digits.
    ///
    /// # Panics
    /// When the shapes of `x`, `gamma`, `beta` and `out` do not agree.
    #[track_caller]
    pub fn layer_norm(self, x: Rows, gamma: &[f32], beta: &[f32], eps: f32, out: RowsMut) {
        let norm = Norm::new(x, gamma, beta, eps);
        same_shape("layer norm", (x.rows(), x.cols()), &out);
        self.run(LayerNorm { x, norm, out });
    }

    /// Each row becomes `e^x / Σ e^x`, computed after subtracting its maximum.
    ///
    /// −∞ weighs nothing. A row of −∞ alone becomes zeros; a row with NaN or +∞ becomes NaN.
    pub fn softmax(self, x: RowsMut) {
        self.run(Softmax { x });
    }

    /// `out = epilogue(a · b)` on the calling thread: `a` is `[m, k]`, `b` `[k, n]`, `out`
    /// `[m, n]`. A row of the result depends on its row of `a` alone, bit for bit.
    ///
    /// # Panics
    /// When shapes do not agree, or `b` was packed for other kernels.
    #[track_caller]
    pub fn matmul(self, a: Rows, b: &PackedMatrix, epilogue: Epilogue, out: RowsMut) {
        self.product(a, b, epilogue, out, false);
    }

    /// [`matmul`](Self::matmul) spread over the current rayon pool; the same bits.
    ///
    /// # Panics
    /// When shapes do not agree, or `b` was packed for other kernels.
    #[track_caller]
    pub fn matmul_parallel(self, a: Rows, b: &PackedMatrix, epilogue: Epilogue, out: RowsMut) {
        self.product(a, b, epilogue, out, true);
    }

    #[track_caller]
    fn product(self, a: Rows, b: &PackedMatrix, epilogue: Epilogue, out: RowsMut, parallel: bool) {
        check_product(self, a.cols(), b, epilogue);
        same_shape("product", (a.rows(), b.n()), &out);
        match self.micro(b.precision()) {
            None => self.run(Matmul {
                a,
                b,
                epilogue,
                out,
                parallel,
            }),
            Some(micro) => self.run(NarrowProduct {
                micro,
                a: Source::Rows(a),
                b,
                epilogue,
                out: Destination::Rows(out),
                parallel,
            }),
        }
    }

    /// `out[j]` = mean of column `j`: the global average over pixels of an NHWC image.
    ///
    /// # Panics
    /// When `out` has not one float a column, or there are no rows.
    #[track_caller]
    pub fn mean_rows(self, x: Rows, out: &mut [f32]) {
        assert!(x.rows() > 0, "mean of no rows");
        assert!(
            x.cols() == out.len(),
            "{} means of {} columns",
            out.len(),
            x.cols()
        );
        self.run(MeanRows { x, out });
    }
}

/// Layers.
impl Kernels {
    /// Convolves one image: `out` is `[out_h, out_w, channels]` with
    /// [`output_size`](DepthwiseConv::output_size).
    ///
    /// # Panics
    /// When channels differ or `out` has another length.
    #[track_caller]
    pub fn depthwise(self, input: Image, conv: &DepthwiseConv, out: &mut [f32]) {
        let (height, _) = conv.output_size(input.height(), input.width());
        self.depthwise_rows(input, conv, 0..height, out);
    }

    /// Some rows of [`depthwise`](Self::depthwise)'s output, the same bits; `out` holds just
    /// these: `[rows.len(), out_w, channels]`.
    ///
    /// # Panics
    /// When channels differ, the range leaves the output, the input is a band that lacks a row
    /// that is needed, or `out` has another length.
    #[track_caller]
    pub fn depthwise_rows(
        self,
        input: Image,
        conv: &DepthwiseConv,
        rows: Range<usize>,
        out: &mut [f32],
    ) {
        let channels = conv.channels();
        assert!(
            input.channels() == channels,
            "image of {} channels, convolution of {channels}",
            input.channels()
        );
        let (height, width) = conv.output_size(input.height(), input.width());
        assert!(
            rows.start <= rows.end && rows.end <= height,
            "output rows {rows:?} of {height}"
        );
        assert!(
            out.len() == rows.len() * width * channels,
            "{}×{width}×{channels} floats expected, got {}",
            rows.len(),
            out.len()
        );
        self.run(Depthwise {
            input,
            conv,
            rows,
            out,
        });
    }

    /// Self-attention over one sequence: `softmax(q · kᵀ / √size) · v` for each head.
    ///
    /// `qkv` is `[tokens, 3 * hidden]`: queries, keys, values, each with head after head of
    /// `hidden / heads` columns; `out` is `[tokens, hidden]` in the same order. With `causal` a
    /// token sees itself and those before it.
    ///
    /// # Panics
    /// When shapes do not agree, `heads` does not divide `hidden`, or `scratch` was made for
    /// other kernels.
    #[track_caller]
    pub fn attention(
        self,
        qkv: Rows,
        heads: usize,
        causal: bool,
        scratch: &mut AttentionScratch,
        out: RowsMut,
    ) {
        self.attend(qkv, heads, causal, scratch, out, false);
    }

    /// [`attention`](Self::attention) with the heads spread over the current rayon pool; the same
    /// bits.
    ///
    /// # Panics
    /// As [`attention`](Self::attention).
    #[track_caller]
    pub fn attention_parallel(
        self,
        qkv: Rows,
        heads: usize,
        causal: bool,
        scratch: &mut AttentionScratch,
        out: RowsMut,
    ) {
        self.attend(qkv, heads, causal, scratch, out, true);
    }

    #[track_caller]
    fn attend(
        self,
        qkv: Rows,
        heads: usize,
        causal: bool,
        scratch: &mut AttentionScratch,
        out: RowsMut,
        parallel: bool,
    ) {
        let hidden = out.cols();
        assert!(
            heads > 0 && hidden.is_multiple_of(heads),
            "{heads} heads do not divide {hidden} columns"
        );
        assert!(
            qkv.cols() == 3 * hidden && qkv.rows() == out.rows(),
            "attention of {}×{} into {}×{hidden}",
            qkv.rows(),
            qkv.cols(),
            out.rows()
        );
        let attention = Attention {
            kernels: self,
            qkv,
            heads,
            size: hidden / heads,
            causal,
        };
        attention.run(scratch, out, parallel);
    }
}

/// Whether these kernels can multiply rows of so many columns with `b`.
#[track_caller]
pub(crate) fn check_product(kernels: Kernels, cols: usize, b: &PackedMatrix, epilogue: Epilogue) {
    assert!(
        kernels == b.kernels(),
        "matrix packed for {} kernels used with {}",
        b.kernels().name(),
        kernels.name()
    );
    assert!(
        cols == b.k(),
        "product of {cols} columns with {} rows",
        b.k()
    );
    if let Some(bias) = epilogue.bias {
        assert!(
            bias.len() == b.n(),
            "{} biases for {} columns",
            bias.len(),
            b.n()
        );
    }
}

#[track_caller]
pub(crate) fn same_shape(what: &str, (rows, cols): (usize, usize), out: &RowsMut) {
    assert!(
        (rows, cols) == (out.rows(), out.cols()),
        "{what} of {rows}×{cols} into {}×{}",
        out.rows(),
        out.cols()
    );
}
