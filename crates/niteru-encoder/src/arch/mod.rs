//! The networks, as plain structs of packed weights with a forward pass each.

mod clip;
mod config;
mod dinov2;
mod efficientnet;
mod parts;
mod transformer;
mod vision;

use niteru_kernels::{
    Activation, AttentionScratch, DepthwiseConv, Epilogue, Image, Kernels, PackedMatrix,
    PackedRows, Precision, Rows, RowsMut,
};
use rayon::prelude::*;
use std::ops::Range;

pub(crate) use clip::{ClipConfig, TextTower, vision_tower as clip_vision};
pub use config::ConfigError;
pub(crate) use dinov2::{
    Dinov2Config, REGISTERS, layer_tensor as dinov2_layer, vision_tower as dinov2_vision,
};
pub(crate) use efficientnet::{EfficientNet, EfficientNetScratch, Variant};
use parts::Care;
pub(crate) use parts::{PartError, Parts};
pub(crate) use vision::{VisionScratch, VisionTower};

use crate::weights::{Weights, WeightsError};

/// A grid of feature vectors that a network makes of one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureMap {
    /// Rows of the grid, from the top.
    pub rows: usize,
    /// Columns of the grid, from the left.
    pub columns: usize,
    /// Length of each vector.
    pub dimensions: usize,
    /// f32, axis order `[row][column][dimension]`, not normalised.
    pub data: Vec<f32>,
}

/// Where a network's tensors come from: a file of weights, or a generator for speed measurements.
pub(crate) trait TensorSource {
    /// The tensor `name`, contiguous and row-major, which must have `shape`.
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError>;
}

impl TensorSource for Weights {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        Ok(Weights::tensor(self, name, shape)?.into_data())
    }
}

/// Whether one pass may use all threads of the current pool.
///
/// A batch is split over the threads image by image, which needs no waiting between layers; only a
/// batch smaller than the pool splits each matrix product instead. Results are the same bit for bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threading {
    One,
    All,
}

/// How a network computes: the instruction set and the threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compute {
    pub(crate) kernels: Kernels,
    pub(crate) threading: Threading,
}

impl Compute {
    /// Threads that one pass uses.
    fn threads(self) -> usize {
        match self.threading {
            Threading::One => 1,
            Threading::All => rayon::current_num_threads(),
        }
    }

    /// Some rows of a depthwise convolution, as [`Kernels::depthwise_rows`].
    fn depthwise(
        self,
        input: Image<'_>,
        conv: &DepthwiseConv,
        rows: Range<usize>,
        out: &mut [f32],
    ) {
        let share = rows.len().div_ceil(self.threads());
        if share == rows.len() {
            return self.kernels.depthwise_rows(input, conv, rows, out);
        }
        let line = out.len() / rows.len();
        out.par_chunks_mut(share * line)
            .enumerate()
            .for_each(|(part, out)| {
                let first = rows.start + part * share;
                let rows = first..first + out.len() / line;
                self.kernels.depthwise_rows(input, conv, rows, out);
            });
    }

    fn matmul(self, a: Rows<'_>, b: &PackedMatrix, epilogue: Epilogue<'_>, out: RowsMut<'_>) {
        match self.threading {
            Threading::One => self.kernels.matmul(a, b, epilogue, out),
            Threading::All => self.kernels.matmul_parallel(a, b, epilogue, out),
        }
    }

    fn parallel(self) -> bool {
        self.threading == Threading::All
    }

    /// Self-attention over one sequence, as [`Kernels::attention`].
    fn attention(
        self,
        qkv: Rows<'_>,
        heads: usize,
        causal: bool,
        scratch: &mut AttentionScratch,
        out: RowsMut<'_>,
    ) {
        match self.threading {
            Threading::One => self.kernels.attention(qkv, heads, causal, scratch, out),
            Threading::All => self
                .kernels
                .attention_parallel(qkv, heads, causal, scratch, out),
        }
    }
}

/// `y = activation(x · Wᵀ + b)`, with the weights packed for the instruction set.
struct Linear {
    weight: PackedMatrix,
    bias: Option<Vec<f32>>,
}

impl Linear {
    fn with_bias(self, bias: Vec<f32>) -> Linear {
        Linear {
            bias: Some(bias),
            ..self
        }
    }

    /// `out = activation(x · Wᵀ + b)`; `x` holds whole rows of inputs, `out` of outputs.
    fn forward(&self, compute: Compute, x: &[f32], activation: Activation, out: &mut [f32]) {
        self.run(compute, x, activation, false, out);
    }

    /// `out += x · Wᵀ + b`.
    fn add(&self, compute: Compute, x: &[f32], out: &mut [f32]) {
        self.run(compute, x, Activation::None, true, out);
    }

    /// [`forward`](Self::forward) of rows that are packed in [`precision`](Self::precision).
    fn forward_packed(&self, compute: Compute, x: &PackedRows, out: &mut [f32]) {
        self.run_packed(compute, x, false, out);
    }

    /// [`add`](Self::add) of rows that are packed in [`precision`](Self::precision).
    fn add_packed(&self, compute: Compute, x: &PackedRows, out: &mut [f32]) {
        self.run_packed(compute, x, true, out);
    }

    /// `out = activation(x · Wᵀ + b)`, packed for a layer of the same precision.
    fn chain(
        &self,
        compute: Compute,
        x: &PackedRows,
        activation: Activation,
        out: &mut PackedRows,
    ) {
        let epilogue = self.epilogue(activation, false);
        let parallel = compute.parallel();
        compute
            .kernels
            .matmul_chained(x, &self.weight, epilogue, parallel, out);
    }

    /// Numbers that it gives for a row.
    fn outputs(&self) -> usize {
        self.weight.n()
    }

    /// What the left side of this layer is rounded to.
    fn precision(&self) -> Precision {
        self.weight.precision()
    }

    fn epilogue(&self, activation: Activation, accumulate: bool) -> Epilogue<'_> {
        Epilogue {
            bias: self.bias.as_deref(),
            activation,
            accumulate,
        }
    }

    fn run(
        &self,
        compute: Compute,
        x: &[f32],
        activation: Activation,
        accumulate: bool,
        out: &mut [f32],
    ) {
        let (inputs, outputs) = (self.weight.k(), self.weight.n());
        let rows = x.len() / inputs;
        compute.matmul(
            Rows::new(x, rows, inputs),
            &self.weight,
            self.epilogue(activation, accumulate),
            RowsMut::new(out, rows, outputs),
        );
    }

    fn run_packed(&self, compute: Compute, x: &PackedRows, accumulate: bool, out: &mut [f32]) {
        let epilogue = self.epilogue(Activation::None, accumulate);
        let out = RowsMut::new(out, x.rows(), self.weight.n());
        let parallel = compute.parallel();
        compute
            .kernels
            .matmul_packed(x, &self.weight, epilogue, parallel, out);
    }
}

/// From `[output][channel][pixel]`, as weights are published, to `[output][pixel][channel]`, as our
/// pictures lie; for 3 channels.
fn pixel_order(weight: &[f32], pixels: usize) -> Vec<f32> {
    weight
        .chunks(3 * pixels)
        .flat_map(|w| (0..pixels).flat_map(move |p| (0..3).map(move |c| w[c * pixels + p])))
        .collect()
}

/// Gives `buffer` exactly `length` values; their contents are left over from earlier use.
///
/// Scratch buffers grow to the largest batch seen and are then reused, so that a steady stream of
/// images allocates nothing.
fn sized(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}
