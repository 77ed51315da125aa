//! EfficientNet-Lite: mobile inverted bottlenecks without squeeze-and-excitation, ReLU6 throughout.
//!
//! Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks"
//! (2019), and the EfficientNet-Lite reference; tensor names as in efficientnet-lite-pytorch 0.1.0.
//!
//! Feature maps are NHWC, so that a 1×1 convolution is a matrix product over pixels and a depthwise
//! one runs along the channels. Batch normalisation is folded into the weights at load.

use niteru_kernels::{Activation, DepthwiseConv, Image, Padding, Rows};
use rayon::prelude::*;

use super::{
    Care, Compute, FeatureMap, Linear, PartError, Parts, TensorSource, Threading, pixel_order,
    sized,
};
use crate::preprocess::Pixels;
use crate::weights::WeightsError;

/// ε of the reference's batch normalisation.
const BATCH_NORM_EPS: f32 = 1e-3;

/// Stem and head are not scaled with the width in the Lite family.
const STEM_CHANNELS: usize = 32;
const HEAD_CHANNELS: usize = 1280;

/// Numbers under the stem's kernel: 3×3 pixels of 3 channels.
const NEIGHBOURHOOD: usize = 27;

/// Floats of expanded feature map worked on at once for each thread: a band of rows stays in a core's
/// L2 cache between expansion, depthwise convolution and projection.
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

/// Height and width of a feature map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MapSize {
    height: usize,
    width: usize,
}

impl MapSize {
    fn of(image: &Pixels) -> MapSize {
        MapSize {
            height: image.height(),
            width: image.width(),
        }
    }

    fn strided(self, stride: usize) -> MapSize {
        MapSize {
            height: self.height.div_ceil(stride),
            width: self.width.div_ceil(stride),
        }
    }

    fn pixels(self) -> usize {
        self.height * self.width
    }
}

/// The whole network up to the last feature map.
pub(crate) struct EfficientNet {
    side: usize,
    stem: Linear,
    blocks: Vec<Block>,
    head: Linear,
}

/// Buffers of a pass, for each image that is computed at the same time; kept between passes.
#[derive(Default)]
pub(crate) struct EfficientNetScratch(Vec<ImageScratch>);

impl EfficientNetScratch {
    /// Buffers for `count` images at the same time.
    fn of(&mut self, count: usize) -> &mut [ImageScratch] {
        if self.0.len() < count {
            self.0.resize_with(count, ImageScratch::default);
        }
        &mut self.0[..count]
    }
}

#[derive(Default)]
struct ImageScratch {
    columns: Vec<f32>,
    map: Vec<f32>,
    next: Vec<f32>,
    expanded: Vec<f32>,
    filtered: Vec<f32>,
    features: Vec<f32>,
}

impl EfficientNet {
    pub(crate) fn load(parts: &mut Parts<'_>, variant: Variant) -> Result<EfficientNet, PartError> {
        let stem = Folded::new("_conv_stem", "_bn0", [STEM_CHANNELS, 3, 3, 3]);
        let stem = stem.linear(parts, (NEIGHBOURHOOD, STEM_CHANNELS), Care::Sensitive)?;
        let shapes = variant.blocks().into_iter().enumerate();
        let blocks = shapes
            .map(|(i, shape)| Block::load(parts, i, shape))
            .collect::<Result<Vec<_>, _>>()?;
        let last = blocks
            .last()
            .map_or(STEM_CHANNELS, |block| block.shape.output);
        let head = Folded::new("_conv_head", "_bn1", [HEAD_CHANNELS, last, 1, 1]);
        Ok(EfficientNet {
            side: variant.side as usize,
            stem,
            blocks,
            head: head.linear(parts, (last, HEAD_CHANNELS), Care::Usual)?,
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
        if compute.threading == Threading::All && images.len() > 1 {
            let compute = Compute {
                threading: Threading::One,
                ..compute
            };
            let scratch = scratch.of(images.len());
            (
                images.par_iter(),
                out.par_chunks_mut(HEAD_CHANNELS),
                scratch,
            )
                .into_par_iter()
                .for_each(|(image, out, scratch)| self.embed(compute, image, scratch, out));
        } else {
            let scratch = &mut scratch.of(1)[0];
            for (image, out) in images.iter().zip(out.chunks_mut(HEAD_CHANNELS)) {
                self.embed(compute, image, scratch, out);
            }
        }
        out
    }

    /// Mean of the last feature map of one image.
    fn embed(&self, compute: Compute, image: &Pixels, scratch: &mut ImageScratch, out: &mut [f32]) {
        let pixels = self.features(compute, image, scratch).pixels();
        let features = &scratch.features[..pixels * HEAD_CHANNELS];
        compute
            .kernels
            .mean_rows(Rows::new(features, pixels, HEAD_CHANNELS), out);
    }

    /// The last feature map, of 1280 channels.
    pub(crate) fn patches(
        &self,
        compute: Compute,
        image: &Pixels,
        scratch: &mut EfficientNetScratch,
    ) -> FeatureMap {
        let scratch = &mut scratch.of(1)[0];
        let size = self.features(compute, image, scratch);
        FeatureMap {
            rows: size.height,
            columns: size.width,
            dimensions: HEAD_CHANNELS,
            data: scratch.features[..size.pixels() * HEAD_CHANNELS].to_vec(),
        }
    }

    /// What some blocks give, in the order of the network; blocks after the last of them are not run.
    /// The image may have any size.
    ///
    /// # Panics
    /// When there is no such block, or `blocks` does not rise.
    pub(crate) fn block_maps(
        &self,
        compute: Compute,
        image: &Pixels,
        blocks: &[usize],
        scratch: &mut EfficientNetScratch,
    ) -> Vec<FeatureMap> {
        assert!(blocks.is_sorted_by(|a, b| a < b), "blocks {blocks:?}");
        let scratch = &mut scratch.of(1)[0];
        let mut size = self.run_stem(compute, image, scratch);
        let mut next = 0;
        blocks
            .iter()
            .map(|&last| {
                for block in &self.blocks[next..=last] {
                    size = block.forward(compute, size, scratch);
                }
                next = last + 1;
                let dimensions = self.blocks[last].shape.output;
                FeatureMap {
                    rows: size.height,
                    columns: size.width,
                    dimensions,
                    data: scratch.map[..size.pixels() * dimensions].to_vec(),
                }
            })
            .collect()
    }

    /// How many blocks there are.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Fills `scratch.features`; returns the size of the map.
    fn features(&self, compute: Compute, image: &Pixels, scratch: &mut ImageScratch) -> MapSize {
        let size = (image.height(), image.width());
        assert_eq!(size, (self.side, self.side), "prepared for another model");
        let mut size = self.run_stem(compute, image, scratch);
        for block in &self.blocks {
            size = block.forward(compute, size, scratch);
        }
        let map = &scratch.map[..size.pixels() * self.head.weight.k()];
        let features = sized(&mut scratch.features, size.pixels() * HEAD_CHANNELS);
        self.head.forward(compute, map, Activation::Relu6, features);
        size
    }

    /// 3×3 convolution with stride 2, as a product over gathered neighbourhoods.
    fn run_stem(&self, compute: Compute, image: &Pixels, scratch: &mut ImageScratch) -> MapSize {
        let out = MapSize::of(image).strided(2);
        let line = out.width * NEIGHBOURHOOD;
        let map = sized(&mut scratch.map, out.pixels() * STEM_CHANNELS);
        let band = (compute.threads() * BAND_FLOATS / line).clamp(1, out.height);
        let columns = sized(&mut scratch.columns, band * line);
        for (index, map) in map.chunks_mut(band * out.width * STEM_CHANNELS).enumerate() {
            let rows = map.len() / (out.width * STEM_CHANNELS);
            let columns = &mut columns[..rows * line];
            let gather = |(row, to): (usize, &mut [f32])| {
                gather(image, index * band + row, to);
            };
            match compute.threading {
                Threading::One => columns.chunks_mut(line).enumerate().for_each(gather),
                Threading::All => columns.par_chunks_mut(line).enumerate().for_each(gather),
            }
            self.stem.forward(compute, columns, Activation::Relu6, map);
        }
        out
    }
}

/// The neighbourhoods under row `y` of the stem's output: `[column][3][3][3]`, zeros where they leave
/// the image.
fn gather(image: &Pixels, y: usize, to: &mut [f32]) {
    let padding = Padding::same(image.height(), image.width(), 3, 2);
    let width = image.width() * 3;
    for ky in 0..3 {
        let line = (2 * y + ky)
            .checked_sub(padding.top)
            .filter(|&y| y < image.height())
            .map_or(&[][..], |y| &image.data()[y * width..][..width]);
        for (x, to) in to.as_chunks_mut::<NEIGHBOURHOOD>().0.iter_mut().enumerate() {
            let to = &mut to.as_chunks_mut::<9>().0[ky];
            // Three pixels beside each other lie together.
            let first = (2 * x).checked_sub(padding.left);
            match first.and_then(|x| line.get(3 * x..)?.first_chunk::<9>()) {
                Some(pixels) => *to = *pixels,
                None => {
                    for (kx, to) in to.chunks_mut(3).enumerate() {
                        let column = (2 * x + kx).checked_sub(padding.left);
                        match column.and_then(|x| line.get(3 * x..3 * x + 3)) {
                            Some(pixel) => to.copy_from_slice(pixel),
                            None => to.fill(0.0),
                        }
                    }
                }
            }
        }
    }
}

impl Block {
    /// Block `i` of the network.
    fn load(parts: &mut Parts<'_>, i: usize, shape: BlockShape) -> Result<Block, PartError> {
        let folded = |conv: &str, norm: &str, shape| {
            Folded::new(
                &format!("_blocks.{i}.{conv}"),
                &format!("_blocks.{i}.{norm}"),
                shape,
            )
        };
        let (channels, kernel) = (shape.expanded(), shape.kernel);
        let (input, output) = (shape.input, shape.output);
        let expand = match shape.expansion {
            1 => None,
            _ => {
                let expand = folded("_expand_conv", "_bn0", [channels, input, 1, 1]);
                Some(expand.linear(parts, (input, channels), Care::Usual)?)
            }
        };
        let depthwise = folded("_depthwise_conv", "_bn1", [channels, 1, kernel, kernel]);
        let name = format!("{}.folded.weight", depthwise.conv);
        let area = kernel * kernel;
        let weight = parts.vector(&name, channels * area, |source| depthwise.weight(source))?;
        let bias = depthwise.bias(parts)?;
        let activation = Activation::Relu6;
        let project = folded("_project_conv", "_bn2", [output, channels, 1, 1]);
        Ok(Block {
            shape,
            expand,
            depthwise: DepthwiseConv::same(&weight, &bias, kernel, shape.stride, activation),
            project: project.linear(parts, (channels, output), Care::Usual)?,
        })
    }

    /// Reads and replaces `scratch.map`; returns the new size.
    ///
    /// Works in bands of output rows: the input rows that a band needs are expanded, filtered and
    /// projected before the next band begins. Rows that two bands share are expanded once and moved.
    fn forward(&self, compute: Compute, size: MapSize, scratch: &mut ImageScratch) -> MapSize {
        let BlockShape {
            kernel,
            stride,
            input,
            output,
            ..
        } = self.shape;
        let channels = self.shape.expanded();
        let MapSize { height, width } = size;
        let out = size.strided(stride);
        let padding = self.depthwise.padding(height, width).top;
        let map = &scratch.map[..size.pixels() * input];
        let next = sized(&mut scratch.next, out.pixels() * output);
        let floats = compute.threads() * BAND_FLOATS;
        let band = (floats / (width * channels * stride)).clamp(1, out.height);
        let rows_in_band = (band - 1) * stride + kernel;
        let expanded = sized(
            &mut scratch.expanded,
            rows_in_band.min(height) * width * channels,
        );
        let filtered = sized(&mut scratch.filtered, band * out.width * channels);

        // Rows of the map that `expanded` holds.
        let mut held = 0..0usize;
        let mut first = 0;
        for next in next.chunks_mut(band * out.width * output) {
            let rows = next.len() / (out.width * output);
            let from = (first * stride).saturating_sub(padding);
            let to = ((first + rows - 1) * stride + kernel)
                .saturating_sub(padding)
                .min(height);
            let filtered = &mut filtered[..rows * out.width * channels];
            let line = width * channels;
            let source = match &self.expand {
                None => &map[from * line..to * line],
                Some(expand) => {
                    let kept = held.end.saturating_sub(from);
                    let start = from.saturating_sub(held.start) * line;
                    expanded.copy_within(start..start + kept * line, 0);
                    let fresh = &mut expanded[kept * line..(to - from) * line];
                    let pixels = &map[(from + kept) * width * input..to * width * input];
                    expand.forward(compute, pixels, Activation::Relu6, fresh);
                    held = from..to;
                    &expanded[..(to - from) * line]
                }
            };
            let band = Image::band(source, from..to, height, width, channels);
            compute.depthwise(band, &self.depthwise, first..first + rows, filtered);
            if self.shape.skips() {
                let start = first * out.width * output;
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

/// A convolution with its batch normalisation folded in.
struct Folded {
    conv: String,
    norm: String,
    /// `[outputs, inputs, kernel, kernel]`.
    shape: [usize; 4],
}

impl Folded {
    fn new(conv: &str, norm: &str, shape: [usize; 4]) -> Folded {
        Folded {
            conv: conv.to_string(),
            norm: norm.to_string(),
            shape,
        }
    }

    /// As a product over `sizes` inputs and outputs; of 3 input channels, in the order of pixels.
    fn linear(
        &self,
        parts: &mut Parts<'_>,
        sizes: (usize, usize),
        care: Care,
    ) -> Result<Linear, PartError> {
        let name = format!("{}.folded.weight", self.conv);
        let layer = parts.linear_of(&name, sizes, care, |source| {
            let weight = self.weight(source)?;
            Ok(match self.shape[1] {
                3 => pixel_order(&weight, sizes.0 / 3),
                _ => weight,
            })
        })?;
        Ok(layer.with_bias(self.bias(parts)?))
    }

    fn bias(&self, parts: &mut Parts<'_>) -> Result<Vec<f32>, PartError> {
        let name = format!("{}.folded.bias", self.conv);
        parts.vector(&name, self.shape[0], |source| {
            let mut bias = self.part(source, "bias")?;
            let mean = self.part(source, "running_mean")?;
            let scale = self.scale(source)?;
            for ((bias, mean), scale) in bias.iter_mut().zip(mean).zip(scale) {
                *bias -= mean * scale;
            }
            Ok(bias)
        })
    }

    fn weight(&self, source: &dyn TensorSource) -> Result<Vec<f32>, WeightsError> {
        let mut weight = source.tensor(&format!("{}.weight", self.conv), &self.shape)?;
        let inputs = self.shape[1..].iter().product();
        for (weight, scale) in weight.chunks_mut(inputs).zip(self.scale(source)?) {
            weight.iter_mut().for_each(|w| *w *= scale);
        }
        Ok(weight)
    }

    /// What each output is multiplied by.
    fn scale(&self, source: &dyn TensorSource) -> Result<Vec<f32>, WeightsError> {
        let gamma = self.part(source, "weight")?;
        let variance = self.part(source, "running_var")?;
        let scale = |(gamma, variance): (f32, f32)| gamma / (variance + BATCH_NORM_EPS).sqrt();
        Ok(gamma.into_iter().zip(variance).map(scale).collect())
    }

    fn part(&self, source: &dyn TensorSource, part: &str) -> Result<Vec<f32>, WeightsError> {
        source.tensor(&format!("{}.{part}", self.norm), &[self.shape[0]])
    }
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
