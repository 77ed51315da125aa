//! EfficientNet-Lite: mobile inverted bottlenecks without squeeze-and-excitation, ReLU6 throughout.
//!
//! Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks"
//! (2019), and the EfficientNet-Lite reference; tensor names as in efficientnet-lite-pytorch 0.1.0.
//!
//! Feature maps are NHWC, so that a 1×1 convolution is a matrix product over pixels and a depthwise
//! one runs along the channels. Batch normalisation is folded into the weights at load.

use niteru_kernels::{Activation, DepthwiseConv, Image, Kernels, Padding, Rows};
use rayon::prelude::*;

use super::{Compute, Linear, TensorSource, Threading, sized};
use crate::preprocess::Pixels;
use crate::weights::WeightsError;

/// ε of the reference's batch normalisation.
const BATCH_NORM_EPS: f32 = 1e-3;

/// Stem and head are not scaled with the width in the Lite family.
const STEM_CHANNELS: usize = 32;
const HEAD_CHANNELS: usize = 1280;

/// Floats of expanded feature map worked on at once: a band of rows stays in a core's L2 cache
/// between expansion, depthwise convolution and projection.
const BAND_FLOATS: usize = 96 << 10;

/// One row of the architecture table: repeats, kernel side, stride, expansion, input and output
/// channels at width 1.
type Stage = (usize, usize, usize, usize, usize, usize);

const STAGES: [Stage; 7] = [
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
];

/// Compound scaling of one member of the family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Variant {
    width: f64,
    depth: f64,
    /// Side of the input in pixels.
    pub(crate) side: u32,
}

impl Variant {
    /// Lite0, Lite1 or Lite2; the last for any other number.
    pub(crate) fn lite(number: u8) -> Variant {
        match number {
            0 => Variant {
                width: 1.0,
                depth: 1.0,
                side: 224,
            },
            1 => Variant {
                width: 1.0,
                depth: 1.1,
                side: 240,
            },
            _ => Variant {
                width: 1.1,
                depth: 1.2,
                side: 260,
            },
        }
    }

    /// A line that says all that changes the numbers, for the fingerprint.
    pub(crate) fn describe(&self) -> String {
        format!(
            "efficientnet-lite width {} depth {} side {}",
            self.width, self.depth, self.side
        )
    }

    /// Channels scaled to a multiple of 8, never below 90 % of the scaled value.
    fn channels(&self, base: usize) -> usize {
        let scaled = base as f64 * self.width;
        let rounded = (((scaled + 4.0) / 8.0) as usize * 8).max(8);
        if (rounded as f64) < 0.9 * scaled {
            rounded + 8
        } else {
            rounded
        }
    }

    /// The sizes of every block, in order.
    fn blocks(&self) -> Vec<BlockShape> {
        let mut blocks = Vec::new();
        for (i, (repeats, kernel, stride, expansion, input, output)) in
            STAGES.into_iter().enumerate()
        {
            let fixed = i == 0 || i == STAGES.len() - 1;
            let repeats = if fixed {
                repeats
            } else {
                (repeats as f64 * self.depth).ceil() as usize
            };
            let input = if i == 0 {
                STEM_CHANNELS
            } else {
                self.channels(input)
            };
            let output = self.channels(output);
            for repeat in 0..repeats {
                let first = repeat == 0;
                blocks.push(BlockShape {
                    kernel,
                    stride: if first { stride } else { 1 },
                    expansion,
                    input: if first { input } else { output },
                    output,
                });
            }
        }
        blocks
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct BlockShape {
    kernel: usize,
    stride: usize,
    expansion: usize,
    input: usize,
    output: usize,
}

impl BlockShape {
    fn expanded(&self) -> usize {
        self.input * self.expansion
    }

    fn skips(&self) -> bool {
        self.stride == 1 && self.input == self.output
    }
}

struct Block {
    shape: BlockShape,
    /// Absent where the expansion is 1.
    expand: Option<Linear>,
    depthwise: DepthwiseConv,
    project: Linear,
}

/// The whole network up to the last feature map.
pub(crate) struct EfficientNet {
    side: usize,
    stem: Linear,
    blocks: Vec<Block>,
    head: Linear,
}

/// Buffers of a pass; kept between passes.
#[derive(Default)]
pub(crate) struct EfficientNetScratch {
    columns: Vec<f32>,
    map: Vec<f32>,
    next: Vec<f32>,
    expanded: Vec<f32>,
    filtered: Vec<f32>,
    features: Vec<f32>,
}

impl EfficientNet {
    pub(crate) fn load(
        source: &dyn TensorSource,
        kernels: Kernels,
        variant: Variant,
    ) -> Result<EfficientNet, WeightsError> {
        let folded = |conv: &str, norm: &str, shape: [usize; 4]| fold(source, conv, norm, shape);
        let pointwise = |conv: &str, norm: &str, inputs: usize, outputs: usize| {
            let (weight, bias) = folded(conv, norm, [outputs, inputs, 1, 1])?;
            Ok(Linear::new(kernels, &weight, Some(bias), inputs, outputs))
        };
        let (weight, bias) = folded("_conv_stem", "_bn0", [STEM_CHANNELS, 3, 3, 3])?;
        let stem = Linear::new(
            kernels,
            &pixel_order(&weight, 9),
            Some(bias),
            27,
            STEM_CHANNELS,
        );

        let shapes = variant.blocks();
        let mut side = (variant.side as usize).div_ceil(2);
        let mut blocks = Vec::with_capacity(shapes.len());
        for (i, shape) in shapes.into_iter().enumerate() {
            let name = |part: &str| format!("_blocks.{i}.{part}");
            let (channels, kernel) = (shape.expanded(), shape.kernel);
            let expand = match shape.expansion {
                1 => None,
                _ => Some(pointwise(
                    &name("_expand_conv"),
                    &name("_bn0"),
                    shape.input,
                    channels,
                )?),
            };
            let (weight, bias) = folded(
                &name("_depthwise_conv"),
                &name("_bn1"),
                [channels, 1, kernel, kernel],
            )?;
            let padding = Padding::same(side, side, kernel, shape.stride);
            let depthwise = DepthwiseConv::new(
                &weight,
                &bias,
                kernel,
                shape.stride,
                padding,
                Activation::Relu6,
            );
            let project = pointwise(
                &name("_project_conv"),
                &name("_bn2"),
                channels,
                shape.output,
            )?;
            blocks.push(Block {
                shape,
                expand,
                depthwise,
                project,
            });
            side = side.div_ceil(shape.stride);
        }
        let last = blocks
            .last()
            .map_or(STEM_CHANNELS, |block| block.shape.output);
        let head = pointwise("_conv_head", "_bn1", last, HEAD_CHANNELS)?;
        Ok(EfficientNet {
            side: variant.side as usize,
            stem,
            blocks,
            head,
        })
    }

    /// Length of an embedding.
    pub(crate) fn dimensions(&self) -> usize {
        HEAD_CHANNELS
    }

    /// Mean of the last feature map of each image, `[images.len(), 1280]`.
    pub(crate) fn forward(
        &self,
        compute: Compute,
        images: &[&Pixels],
        scratch: &mut EfficientNetScratch,
    ) -> Vec<f32> {
        let mut out = vec![0.0; images.len() * HEAD_CHANNELS];
        let pool = |image: &Pixels,
                    out: &mut [f32],
                    compute: Compute,
                    scratch: &mut EfficientNetScratch| {
            let grid = self.features(compute, image, scratch);
            let features = &scratch.features[..grid * grid * HEAD_CHANNELS];
            compute
                .kernels
                .mean_rows(Rows::new(features, grid * grid, HEAD_CHANNELS), out);
        };
        if compute.threading == Threading::All && images.len() > 1 {
            let compute = Compute {
                threading: Threading::One,
                ..compute
            };
            images
                .par_iter()
                .zip(out.par_chunks_mut(HEAD_CHANNELS))
                .for_each(|(image, out)| {
                    pool(image, out, compute, &mut EfficientNetScratch::default());
                });
        } else {
            for (image, out) in images.iter().zip(out.chunks_mut(HEAD_CHANNELS)) {
                pool(image, out, compute, scratch);
            }
        }
        out
    }

    /// The last feature map, `[grid², 1280]`, and its side.
    pub(crate) fn patches(
        &self,
        compute: Compute,
        image: &Pixels,
        scratch: &mut EfficientNetScratch,
    ) -> (usize, Vec<f32>) {
        let grid = self.features(compute, image, scratch);
        (
            grid,
            scratch.features[..grid * grid * HEAD_CHANNELS].to_vec(),
        )
    }

    /// Fills `scratch.features`; returns the side of the map.
    fn features(
        &self,
        compute: Compute,
        image: &Pixels,
        scratch: &mut EfficientNetScratch,
    ) -> usize {
        assert_eq!(image.side(), self.side, "prepared for another model");
        let mut side = self.run_stem(compute, image, scratch);
        for block in &self.blocks {
            side = block.forward(compute, side, scratch);
        }
        let pixels = side * side;
        let map = &scratch.map[..pixels * self.head.weight.k()];
        let features = sized(&mut scratch.features, pixels * HEAD_CHANNELS);
        self.head.forward(compute, map, Activation::Relu6, features);
        side
    }

    /// 3×3 convolution with stride 2, as a product over gathered neighbourhoods.
    fn run_stem(
        &self,
        compute: Compute,
        image: &Pixels,
        scratch: &mut EfficientNetScratch,
    ) -> usize {
        let width = self.side * 3;
        let (out, padding) = (
            self.side.div_ceil(2),
            Padding::same(self.side, self.side, 3, 2),
        );
        let map = sized(&mut scratch.map, out * out * STEM_CHANNELS);
        let band = (BAND_FLOATS / (out * 27)).max(1);
        let columns = sized(&mut scratch.columns, band * out * 27);
        for (index, map) in map.chunks_mut(band * out * STEM_CHANNELS).enumerate() {
            let rows = map.len() / (out * STEM_CHANNELS);
            let columns = &mut columns[..rows * out * 27];
            for (row, columns) in columns.chunks_mut(out * 27).enumerate() {
                let y = (index * band + row) * 2;
                for (x, to) in columns.chunks_mut(27).enumerate() {
                    for (ky, to) in to.chunks_mut(9).enumerate() {
                        let line = (y + ky).checked_sub(padding.top).filter(|&y| y < self.side);
                        for (kx, to) in to.chunks_mut(3).enumerate() {
                            let column = (2 * x + kx)
                                .checked_sub(padding.left)
                                .filter(|&x| x < self.side);
                            match (line, column) {
                                (Some(y), Some(x)) => {
                                    to.copy_from_slice(&image.data()[y * width + x * 3..][..3]);
                                }
                                _ => to.fill(0.0),
                            }
                        }
                    }
                }
            }
            self.stem.forward(compute, columns, Activation::Relu6, map);
        }
        out
    }
}

impl Block {
    /// Reads and replaces `scratch.map`; returns the new side.
    ///
    /// Works in bands of output rows: the input rows that a band needs are expanded, filtered and
    /// projected before the next band begins. Rows that two bands share are expanded once and moved.
    fn forward(&self, compute: Compute, side: usize, scratch: &mut EfficientNetScratch) -> usize {
        let BlockShape {
            kernel,
            stride,
            input,
            output,
            ..
        } = self.shape;
        let channels = self.shape.expanded();
        let (out, padding) = (
            side.div_ceil(stride),
            Padding::same(side, side, kernel, stride).top,
        );
        let map = &scratch.map[..side * side * input];
        let next = sized(&mut scratch.next, out * out * output);
        let band = (BAND_FLOATS / (side * channels * stride)).clamp(1, out);
        let rows_in_band = (band - 1) * stride + kernel;
        let expanded = sized(
            &mut scratch.expanded,
            rows_in_band.min(side) * side * channels,
        );
        let filtered = sized(&mut scratch.filtered, band * out * channels);

        // Rows of the map that `expanded` holds.
        let mut held = 0..0usize;
        let mut first = 0;
        for next in next.chunks_mut(band * out * output) {
            let rows = next.len() / (out * output);
            let from = (first * stride).saturating_sub(padding);
            let to = ((first + rows - 1) * stride + kernel)
                .saturating_sub(padding)
                .min(side);
            let filtered = &mut filtered[..rows * out * channels];
            let line = side * channels;
            let source = match &self.expand {
                None => &map[from * line..to * line],
                Some(expand) => {
                    let kept = held.end.saturating_sub(from);
                    let start = from.saturating_sub(held.start) * line;
                    expanded.copy_within(start..start + kept * line, 0);
                    let fresh = &mut expanded[kept * line..(to - from) * line];
                    let pixels = &map[(from + kept) * side * input..to * side * input];
                    expand.forward(compute, pixels, Activation::Relu6, fresh);
                    held = from..to;
                    &expanded[..(to - from) * line]
                }
            };
            let band = Image::band(source, from..to, side, side, channels);
            compute
                .kernels
                .depthwise_rows(band, &self.depthwise, first..first + rows, filtered);
            if self.shape.skips() {
                let start = first * out * output;
                next.copy_from_slice(&map[start..start + next.len()]);
                self.project.add(compute, filtered, next);
            } else {
                self.project
                    .forward(compute, filtered, Activation::None, next);
            }
            first += rows;
        }
        std::mem::swap(&mut scratch.map, &mut scratch.next);
        out
    }
}

/// A convolution's weights with its batch normalisation folded in, and the resulting bias.
fn fold(
    source: &dyn TensorSource,
    conv: &str,
    norm: &str,
    shape: [usize; 4],
) -> Result<(Vec<f32>, Vec<f32>), WeightsError> {
    let outputs = shape[0];
    let mut weight = source.tensor(&format!("{conv}.weight"), &shape)?;
    let part = |name: &str| source.tensor(&format!("{norm}.{name}"), &[outputs]);
    let (gamma, mut bias) = (part("weight")?, part("bias")?);
    let (mean, variance) = (part("running_mean")?, part("running_var")?);
    for (channel, weight) in weight.chunks_mut(shape[1..].iter().product()).enumerate() {
        let scale = gamma[channel] / (variance[channel] + BATCH_NORM_EPS).sqrt();
        weight.iter_mut().for_each(|w| *w *= scale);
        bias[channel] -= mean[channel] * scale;
    }
    Ok((weight, bias))
}

/// From `[output][channel][pixel]` to `[output][pixel][channel]`, for 3 channels.
fn pixel_order(weight: &[f32], pixels: usize) -> Vec<f32> {
    weight
        .chunks(3 * pixels)
        .flat_map(|w| (0..pixels).flat_map(move |p| (0..3).map(move |c| w[c * pixels + p])))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_family_scales_as_the_reference() {
        // (variant, blocks, output channels of the last block of each stage)
        let cases = [
            (0, 16, [16, 24, 40, 80, 112, 192, 320]),
            (1, 21, [16, 24, 40, 80, 112, 192, 320]),
            (2, 21, [16, 24, 48, 88, 120, 208, 352]),
        ];
        for (number, count, channels) in cases {
            let blocks = Variant::lite(number).blocks();
            assert_eq!(blocks.len(), count, "lite{number}");
            let mut seen: Vec<usize> = blocks.iter().map(|block| block.output).collect();
            seen.dedup();
            assert_eq!(seen, channels, "lite{number}");
        }
    }
}
