//! Depthwise convolution of one image in NHWC order.

use crate::math::{Activation, activate};
use crate::simd::{Op, Simd};
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
    padding: Padding,
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
            padding,
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

    /// Height and width of the output for an input of this height and width; 0 where the padded
    /// input is smaller than the kernel.
    pub fn output_size(&self, height: usize, width: usize) -> (usize, usize) {
        let size = |padded: usize| match padded.checked_sub(self.kernel) {
            Some(rest) => rest / self.stride + 1,
            None => 0,
        };
        (
            size(height + self.padding.top + self.padding.bottom),
            size(width + self.padding.left + self.padding.right),
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
        let (height, width, channels) = (input.height(), input.width(), conv.channels);
        let (_, out_width) = conv.output_size(height, width);
        if channels == 0 || out_width == 0 {
            return;
        }
        // Output columns whose whole kernel lies within the image's width.
        let inner_start = conv.padding.left.div_ceil(conv.stride).min(out_width);
        let inner_end = match (width + conv.padding.left).checked_sub(conv.kernel) {
            Some(rest) => (rest / conv.stride + 1).clamp(inner_start, out_width),
            None => inner_start,
        };
        for (y, out) in rows.zip(out.chunks_exact_mut(out_width * channels)) {
            let (tap_rows, first_row) = conv.taps(y, conv.padding.top, height);
            let first_row = input.position(first_row..first_row + tap_rows.len());
            let line = Line {
                input,
                conv,
                tap_rows,
                first_row,
                out,
            };
            let mut line = line;
            line.run(s, 0..inner_start);
            line.run(s, inner_start..inner_end);
            line.run(s, inner_end..out_width);
        }
    }
}

/// One row of output.
struct Line<'a> {
    input: Image<'a>,
    conv: &'a DepthwiseConv,
    tap_rows: Range<usize>,
    first_row: usize,
    out: &'a mut [f32],
}

impl Line<'_> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, s: S, columns: Range<usize>) {
        let channels = self.conv.channels;
        for x in columns {
            let (taps, first) = self
                .conv
                .taps(x, self.conv.padding.left, self.input.width());
            let mut c = 0;
            while c < channels {
                let mut sum = crate::simd::load_at(s, &self.conv.bias, c);
                for ky in self.tap_rows.clone() {
                    let row = self.first_row + ky - self.tap_rows.start;
                    for kx in taps.clone() {
                        let pixel = row * self.input.width() + first + kx - taps.start;
                        let data = &self.input.data()[pixel * channels..][..channels];
                        let tap = (ky * self.conv.kernel + kx) * channels;
                        let weights = &self.conv.weights[tap..][..channels];
                        let left = crate::simd::load_at(s, data, c);
                        sum = s.fma(left, crate::simd::load_at(s, weights, c), sum);
                    }
                }
                let out = &mut self.out[x * channels..][..channels];
                crate::simd::store_at(s, out, c, activate(s, self.conv.activation, sum));
                c += S::LANES;
            }
        }
    }
}
