//! The networks, as plain structs of packed weights with a forward pass each.

mod clip;
mod efficientnet;
mod transformer;

use niteru_kernels::{Activation, Epilogue, Kernels, Layout, PackedMatrix, Rows, RowsMut};

pub use clip::ConfigError;
pub(crate) use clip::{ClipConfig, ClipScratch, TextTower, VisionTower};
pub(crate) use efficientnet::{EfficientNet, EfficientNetScratch, Variant};

use crate::weights::{Weights, WeightsError};

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
    fn matmul(self, a: Rows<'_>, b: &PackedMatrix, epilogue: Epilogue<'_>, out: RowsMut<'_>) {
        match self.threading {
            Threading::One => self.kernels.matmul(a, b, epilogue, out),
            Threading::All => self.kernels.matmul_parallel(a, b, epilogue, out),
        }
    }
}

/// `y = activation(x · Wᵀ + b)`, with the weights packed for the instruction set.
struct Linear {
    weight: PackedMatrix,
    bias: Option<Vec<f32>>,
}

impl Linear {
    /// From a weight of shape `[outputs, inputs]`, as PyTorch stores it.
    fn new(
        kernels: Kernels,
        weight: &[f32],
        bias: Option<Vec<f32>>,
        inputs: usize,
        outputs: usize,
    ) -> Linear {
        let weight = PackedMatrix::pack(kernels, weight, inputs, outputs, Layout::OutputByInput);
        Linear { weight, bias }
    }

    /// Reads `NAME.weight` and `NAME.bias`.
    fn load(
        source: &dyn TensorSource,
        kernels: Kernels,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Linear, WeightsError> {
        let weight = source.tensor(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = source.tensor(&format!("{name}.bias"), &[outputs])?;
        Ok(Linear::new(kernels, &weight, Some(bias), inputs, outputs))
    }

    /// `out = activation(x · Wᵀ + b)`; `x` holds whole rows of inputs, `out` of outputs.
    fn forward(&self, compute: Compute, x: &[f32], activation: Activation, out: &mut [f32]) {
        self.run(compute, x, activation, false, out);
    }

    /// `out += x · Wᵀ + b`.
    fn add(&self, compute: Compute, x: &[f32], out: &mut [f32]) {
        self.run(compute, x, Activation::None, true, out);
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
        let epilogue = Epilogue {
            bias: self.bias.as_deref(),
            activation,
            accumulate,
        };
        compute.matmul(
            Rows::new(x, rows, inputs),
            &self.weight,
            epilogue,
            RowsMut::new(out, rows, outputs),
        );
    }
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
