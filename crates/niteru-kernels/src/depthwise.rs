//! Depthwise convolution of one image in NHWC order.

use crate::math::{Activate, Activation, relu6};
use crate::simd::{Op, Simd, load_at, store_at};
use crate::views::Image;
use std::ops::Range;

/// Zeros assumed around an image, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the four sides of an image")]
pub struct Padding {
    pub top: usize,
    pub left: usize,
    pub bottom: usize,
    pub right: usize,
}

impl Padding {
    /// The same on all sides.
    pub fn all(pixels: usize) -> Self {
        Self {
            top: pixels,
            left: pixels,
            bottom: pixels,
            right: pixels,
        }
    }

    /// TensorFlow's "same": the output has `ceil(input / stride)` pixels, and where the padding
    /// is odd the extra pixel goes to the bottom and the right.
    pub fn same(height: usize, width: usize, kernel: usize, stride: usize) -> Self {
        let total = |size: usize| {
            let out = size.div_ceil(stride).max(1);
            ((out - 1) * stride + kernel).saturating_sub(size)
        };
        let (y, x) = (total(height), total(width));
        Self {
            top: y / 2,
            left: x / 2,
            bottom: y - y / 2,
            right: x - x / 2,
        }
    }
}

/// A depthwise convolution: each channel has its own square kernel.
#[derive(Clone, Debug)]
pub struct DepthwiseConv {
    kernel: usize,
    stride: usize,
    /// `None`: "same" for each input.
    padding: Option<Padding>,
    channels: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
    activation: Activation,
}

impl DepthwiseConv {
    /// `weights` is `[channels, kernel, kernel]`, as PyTorch keeps it (its second axis of length
    /// 1 left out); `bias` has one float a channel.
    ///
    /// # Panics
    /// When `kernel` or `stride` is 0, or a length does not fit.
    #[track_caller]
    pub fn new(
        weights: &[f32],
        bias: &[f32],
        kernel: usize,
        stride: usize,
        padding: Padding,
        activation: Activation,
    ) -> Self {
        let conv = DepthwiseConv::same(weights, bias, kernel, stride, activation);
        Self {
            padding: Some(padding),
            ..conv
        }
    }

    /// A convolution that pads every input as [`Padding::same`] says for its size; else as
    /// [`DepthwiseConv::new`].
    ///
    /// # Panics
    /// When `kernel` or `stride` is 0, or a length does not fit.
    #[track_caller]
    pub fn same(
        weights: &[f32],
        bias: &[f32],
        kernel: usize,
        stride: usize,
        activation: Activation,
    ) -> Self {
        assert!(
            kernel > 0 && stride > 0,
            "kernel size and stride must not be 0"
        );
        let (channels, taps) = (bias.len(), kernel * kernel);
        assert!(
            weights.len() == channels * taps,
            "{channels} channels × {kernel} × {kernel} weights expected, got {}",
            weights.len()
        );
        let mut packed = vec![0.0; weights.len()];
        for (channel, from) in weights.chunks_exact(taps).enumerate() {
            for (tap, x) in from.iter().enumerate() {
                packed[tap * channels + channel] = *x;
            }
        }
        let bias = bias.to_vec();
        Self {
            kernel,
            stride,
            padding: None,
            channels,
            weights: packed,
            bias,
            activation,
        }
    }

    /// Channels of its input and output.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Zeros around an input of this height and width.
    pub fn padding(&self, height: usize, width: usize) -> Padding {
        self.padding
            .unwrap_or_else(|| Padding::same(height, width, self.kernel, self.stride))
    }

    /// Height and width of the output for an input of this height and width; 0 where the padded
    /// input is smaller than the kernel.
    pub fn output_size(&self, height: usize, width: usize) -> (usize, usize) {
        let size = |padded: usize| match padded.checked_sub(self.kernel) {
            Some(rest) => rest / self.stride + 1,
            None => 0,
        };
        let padding = self.padding(height, width);
        (
            size(height + padding.top + padding.bottom),
            size(width + padding.left + padding.right),
        )
    }

    /// The part of the kernel that meets the image for an output coordinate, and the input
    /// coordinate of its first element.
    #[inline(always)]
    fn taps(&self, at: usize, before: usize, size: usize) -> (Range<usize>, usize) {
        let origin = at * self.stride;
        let start = before.saturating_sub(origin).min(self.kernel);
        let end = (size + before)
            .saturating_sub(origin)
            .min(self.kernel)
            .max(start);
        (start..end, (origin + start).saturating_sub(before))
    }
}

impl DepthwiseConv {
    /// ReLU6 if that is the activation. The others are long, and not unrolled over the sums but
    /// applied to finished rows.
    #[inline(always)]
    fn clamp<S: Simd>(&self, s: S, sum: S::V) -> S::V {
        match self.activation {
            Activation::Relu6 => relu6(s, sum),
            _ => sum,
        }
    }
}

/// Computes the output rows `rows`; `out` holds just these.
pub(crate) struct Depthwise<'a> {
    pub(crate) input: Image<'a>,
    pub(crate) conv: &'a DepthwiseConv,
    pub(crate) rows: Range<usize>,
    pub(crate) out: &'a mut [f32],
}

impl Op for Depthwise<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self {
            input,
            conv,
            rows,
            out,
        } = self;
        let (_, width) = conv.output_size(input.height(), input.width());
        if conv.channels == 0 || width == 0 {
            return;
        }
        let line = width * conv.channels;
        for (first, out) in rows.step_by(ROWS).zip(out.chunks_mut(ROWS * line)) {
            let lines = Lines::new(input, conv, first, width, &mut *out);
            match (conv.kernel, conv.stride) {
                (3, 1) => s.run(KnownSize::<3, 1>(lines)),
                (3, 2) => s.run(KnownSize::<3, 2>(lines)),
                (5, 1) => s.run(KnownSize::<5, 1>(lines)),
                (5, 2) => s.run(KnownSize::<5, 2>(lines)),
                _ => s.run(AnySize(lines)),
            }
            if !matches!(conv.activation, Activation::None | Activation::Relu6) {
                let activation = conv.activation;
                s.run(Activate { activation, x: out });
            }
        }
    }
}

/// Output rows that are computed together, so that input rows and weights come from the L1 cache
/// for all but the first of them.
const ROWS: usize = 3;

/// Up to [`ROWS`] rows of output.
struct Lines<'a> {
    input: Image<'a>,
    conv: &'a DepthwiseConv,
    /// Zeros before the first column.
    left: usize,
    taps: [Taps; ROWS],
    /// Rows of output, and pixels in each.
    height: usize,
    width: usize,
    out: &'a mut [f32],
}

/// The rows `start..end` of the kernel meet the image; the first of them meets row `row` of its
/// data.
#[derive(Clone, Copy, Default)]
struct Taps {
    start: usize,
    end: usize,
    row: usize,
}

impl<'a> Lines<'a> {
    fn new(
        input: Image<'a>,
        conv: &'a DepthwiseConv,
        first: usize,
        width: usize,
        out: &'a mut [f32],
    ) -> Self {
        let height = out.len() / (width * conv.channels);
        let Padding {
            top: above, left, ..
        } = conv.padding(input.height(), input.width());
        let mut taps = [Taps::default(); ROWS];
        for (y, taps) in (first..first + height).zip(&mut taps) {
            let (rows, top) = conv.taps(y, above, input.height());
            let row = input.position(top..top + rows.len());
            *taps = Taps {
                start: rows.start,
                end: rows.end,
                row,
            };
        }
        Self {
            input,
            conv,
            left,
            taps,
            height,
            width,
            out,
        }
    }

    /// Computes the channels from `first` on, pixel by pixel.
    #[inline(always)]
    fn channels_from<S: Simd>(&mut self, s: S, first: usize) {
        let channels = self.conv.channels;
        for (at, out) in self.out.chunks_exact_mut(channels).enumerate() {
            let (rows, x) = (self.taps[at / self.width], at % self.width);
            let (taps, column) = self.conv.taps(x, self.left, self.input.width());
            for c in (first..channels).step_by(S::LANES) {
                let mut sum = load_at(s, &self.conv.bias, c);
                for (row, ky) in (rows.row..).zip(rows.start..rows.end) {
                    for (column, kx) in (column..).zip(taps.clone()) {
                        let pixel = row * self.input.width() + column;
                        let data = &self.input.data()[pixel * channels..][..channels];
                        let tap = (ky * self.conv.kernel + kx) * channels;
                        let weights = &self.conv.weights[tap..][..channels];
                        sum = s.fma(load_at(s, data, c), load_at(s, weights, c), sum);
                    }
                }
                store_at(s, out, c, self.conv.clamp(s, sum));
            }
        }
    }
}

/// A kernel of any size and stride.
struct AnySize<'a>(Lines<'a>);

impl Op for AnySize<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        self.0.channels_from(s, 0);
    }
}

/// A kernel of known size and stride: the sums of some pixels stay in registers while the input
/// pixels under them pass by once.
struct KnownSize<'a, const KERNEL: usize, const STRIDE: usize>(Lines<'a>);

/// Pixels that are computed together. Seven, because the widths of a network made for 224 pixels
/// are multiples of it.
const PIXELS: usize = 7;

impl<const KERNEL: usize, const STRIDE: usize> Op for KnownSize<'_, KERNEL, STRIDE> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let (width, channels) = (self.0.width, self.0.conv.channels);
        let mut x = 0;
        while x < width {
            x += match width - x {
                PIXELS.. => pixels::<S, KERNEL, STRIDE, PIXELS>(s, &mut self.0, x),
                3.. => pixels::<S, KERNEL, STRIDE, 3>(s, &mut self.0, x),
                _ => pixels::<S, KERNEL, STRIDE, 1>(s, &mut self.0, x),
            };
        }
        if channels % S::LANES != 0 {
            self.0.channels_from(s, channels - channels % S::LANES);
        }
    }
}

/// Computes `COUNT` pixels from `x` on in each row, all channels that fill registers, and returns
/// `COUNT`.
#[inline(always)]
fn pixels<S: Simd, const KERNEL: usize, const STRIDE: usize, const COUNT: usize>(
    s: S,
    lines: &mut Lines,
    x: usize,
) -> usize {
    let (width, left) = (lines.input.width(), lines.left);
    let across = (COUNT - 1) * STRIDE + KERNEL;
    // Which of the input columns under the kernel are in the image.
    let start = left.saturating_sub(x * STRIDE).min(across);
    let end = (width + left).saturating_sub(x * STRIDE).min(across);
    let inside = start..end.max(start);
    if inside == (0..across) {
        block::<S, KERNEL, STRIDE, COUNT, false>(s, lines, x, inside);
    } else {
        block::<S, KERNEL, STRIDE, COUNT, true>(s, lines, x, inside);
    }
    COUNT
}

/// `EDGE`: not all input columns are in the image.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "indices unroll completely, iterators do not"
)]
fn block<
    S: Simd,
    const KERNEL: usize,
    const STRIDE: usize,
    const COUNT: usize,
    const EDGE: bool,
>(
    s: S,
    lines: &mut Lines,
    x: usize,
    inside: Range<usize>,
) {
    const {
        assert!(
            (COUNT - 1) * STRIDE + KERNEL <= 17,
            "columns are written out to 17"
        )
    };
    let Lines {
        input,
        conv,
        left,
        taps: rows,
        height,
        width,
        out,
    } = lines;
    let channels = conv.channels;
    let line = *width * channels;
    let pitch = input.width() * channels;
    let weights = conv.weights.as_ptr();
    // Where the kernel's first column would be; that may lie before the image.
    let origin = (x * STRIDE) as isize - *left as isize;
    let column = input
        .data()
        .as_ptr()
        .wrapping_offset(origin * channels as isize);
    for c in (0..channels - channels % S::LANES).step_by(S::LANES) {
        let bias = load_at(s, &conv.bias, c);
        for (y, rows) in rows[..*height].iter().enumerate() {
            let mut sums = [bias; COUNT];
            let mut row = column.wrapping_add(rows.row * pitch + c);
            for ky in rows.start..rows.end {
                let mut taps = [bias; KERNEL];
                for kx in 0..KERNEL {
                    // SAFETY: tap (ky, kx) has `channels` weights, LANES of them from c on.
                    taps[kx] = unsafe { s.load(weights.add((ky * KERNEL + kx) * channels + c)) };
                }
                macro_rules! columns {
                    ($($column:literal)*) => {$(
                        if $column < (COUNT - 1) * STRIDE + KERNEL
                            && (!EDGE || inside.contains(&$column))
                        {
                            // SAFETY: the row meets the image, the column is inside it, and LANES
                            // of the pixel's channels follow c.
                            let x = unsafe { s.load(row.wrapping_add($column * channels)) };
                            for i in 0..COUNT {
                                if $column >= i * STRIDE && $column - i * STRIDE < KERNEL {
                                    sums[i] = s.fma(x, taps[$column - i * STRIDE], sums[i]);
                                }
                            }
                        }
                    )*};
                }
                // Written out because a loop of this length would not be unrolled, and then the
                // sums would lie in memory.
                columns!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
                row = row.wrapping_add(pitch);
            }
            let out = &mut out[y * line + x * channels..][..COUNT * channels];
            for i in 0..COUNT {
                let sum = conv.clamp(s, sums[i]);
                // SAFETY: pixel i of COUNT has `channels` floats, LANES of them from c on.
                unsafe { s.store(out.as_mut_ptr().add(i * channels + c), sum) };
            }
        }
    }
}
