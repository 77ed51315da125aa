//! Where a network's parts come from: made from weights, or ready from a packed file.

use niteru_kernels::{Kernels, Layout, PackedMatrix, Precision};

use super::{Linear, TensorSource, pixel_order};
use crate::packed::{PackedFile, PackedWriter};
use crate::weights::WeightsError;

/// Hands out the parts of one network in the order in which it asks for them.
///
/// Every part has a name. Where it is made, a closure reads the weights; where it was packed
/// before, the closure is not called and no weight is read.
pub(crate) struct Parts<'a> {
    kernels: Kernels,
    precision: Precision,
    origin: Origin<'a>,
}

enum Origin<'a> {
    Weights(&'a dyn TensorSource, Option<&'a mut PackedWriter>),
    Packed(&'a PackedFile),
}

/// Why a part could not be had.
#[derive(Debug)]
pub(crate) enum PartError {
    /// The weights lack it, or have another shape.
    Weights(WeightsError),
    /// The packed file lacks it: it was made for another network or is damaged.
    Packed(String),
}

impl From<WeightsError> for PartError {
    fn from(error: WeightsError) -> PartError {
        PartError::Weights(error)
    }
}

impl<'a> Parts<'a> {
    /// Makes parts from weights, and writes them to a packed file if one is given.
    pub(crate) fn from_weights(
        source: &'a dyn TensorSource,
        (kernels, precision): (Kernels, Precision),
        keep: Option<&'a mut PackedWriter>,
    ) -> Parts<'a> {
        Parts {
            kernels,
            precision,
            origin: Origin::Weights(source, keep),
        }
    }

    /// Takes parts from a packed file that was made for the same kernels and precision.
    pub(crate) fn from_packed(
        file: &'a PackedFile,
        (kernels, precision): (Kernels, Precision),
    ) -> Parts<'a> {
        Parts {
            kernels,
            precision,
            origin: Origin::Packed(file),
        }
    }

    /// The tensor `name` of `shape`, as it is.
    pub(super) fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, PartError> {
        let length = shape.iter().product();
        self.vector(name, length, |source| source.tensor(name, shape))
    }

    /// `length` numbers that `make` derives from tensors.
    pub(super) fn vector(
        &mut self,
        name: &str,
        length: usize,
        make: impl FnOnce(&dyn TensorSource) -> Result<Vec<f32>, WeightsError>,
    ) -> Result<Vec<f32>, PartError> {
        match &mut self.origin {
            Origin::Packed(file) => file.vector(name, length).map_err(PartError::Packed),
            Origin::Weights(source, keep) => {
                let made = make(*source)?;
                if let Some(keep) = keep {
                    keep.vector(name, &made);
                }
                Ok(made)
            }
        }
    }

    /// A layer whose weight `[outputs, inputs]` is made by `make`, without a bias.
    pub(super) fn linear_of(
        &mut self,
        name: &str,
        (inputs, outputs): (usize, usize),
        care: Care,
        make: impl FnOnce(&dyn TensorSource) -> Result<Vec<f32>, WeightsError>,
    ) -> Result<Linear, PartError> {
        let precision = care.precision(self.precision);
        let weight = match &mut self.origin {
            Origin::Packed(file) => file
                .matrix(name, self.kernels, precision, (inputs, outputs))
                .map_err(PartError::Packed)?,
            Origin::Weights(source, keep) => {
                let made = make(*source)?;
                // As PyTorch stores it: `[outputs, inputs]`.
                let layout = Layout::OutputByInput;
                let packed =
                    PackedMatrix::pack(self.kernels, precision, &made, inputs, outputs, layout);
                if let Some(keep) = keep {
                    keep.matrix(name, &packed);
                }
                packed
            }
        };
        Ok(Linear { weight, bias: None })
    }

    /// The layer of `NAME.weight` and `NAME.bias`.
    pub(super) fn linear(
        &mut self,
        name: &str,
        sizes: (usize, usize),
        care: Care,
    ) -> Result<Linear, PartError> {
        self.scaled(name, None, sizes, care)
    }

    /// The layer of `NAME.weight` and `NAME.bias`, each of whose outputs is multiplied by its number of the tensor
    /// `scale`, if there is one.
    pub(super) fn scaled(
        &mut self,
        name: &str,
        scale: Option<&str>,
        sizes: (usize, usize),
        care: Care,
    ) -> Result<Linear, PartError> {
        let (inputs, outputs) = sizes;
        let scaled = |source: &dyn TensorSource, name: &str, shape: &[usize]| {
            let mut values = source.tensor(name, shape)?;
            if let Some(scale) = scale {
                let factors = source.tensor(scale, &[outputs])?;
                let each = values.len() / outputs;
                for (values, factor) in values.chunks_exact_mut(each).zip(factors) {
                    values.iter_mut().for_each(|value| *value *= factor);
                }
            }
            Ok(values)
        };
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        let layer = self.linear_of(&weight, sizes, care, |source| {
            scaled(source, &weight, &[outputs, inputs])
        })?;
        let bias = self.vector(&bias, outputs, |source| scaled(source, &bias, &[outputs]))?;
        Ok(layer.with_bias(bias))
    }

    /// The layer that makes tokens of patches: `NAME`, `[hidden][channel][row][column]`, without a bias.
    pub(super) fn patches(
        &mut self,
        name: &str,
        side: usize,
        hidden: usize,
    ) -> Result<Linear, PartError> {
        let inputs = 3 * side * side;
        self.linear_of(name, (inputs, hidden), Care::Usual, |source| {
            let weight = source.tensor(name, &[hidden, 3, side, side])?;
            Ok(pixel_order(&weight, side * side))
        })
    }
}

/// How well a layer bears 8-bit numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Care {
    /// Like most.
    Usual,
    /// Badly: it stays in bfloat16.
    Sensitive,
}

impl Care {
    fn precision(self, asked: Precision) -> Precision {
        match (self, asked) {
            (Care::Sensitive, Precision::Int8) => Precision::Bf16,
            _ => asked,
        }
    }
}
