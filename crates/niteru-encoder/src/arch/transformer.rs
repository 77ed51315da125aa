//! The pre-norm transformer that both CLIP towers share.
//!
//! Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision"
//! (2021); tensor names as in Hugging Face transformers' `CLIPEncoder`.

use niteru_kernels::{Activation, AttentionScratch, Kernels, Rows, RowsMut};

use super::{Care, Compute, Linear, PartError, Parts, sized};

/// Sizes of one tower.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TransformerShape {
    pub(super) hidden: usize,
    pub(super) intermediate: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) activation: Activation,
    pub(super) eps: f32,
    /// Whether a token sees only itself and those before it.
    pub(super) causal: bool,
}

/// Layer normalisation with its scale and shift.
pub(super) struct Norm {
    gamma: Vec<f32>,
    beta: Vec<f32>,
    eps: f32,
}

impl Norm {
    pub(super) fn load(
        parts: &mut Parts<'_>,
        name: &str,
        shape: &TransformerShape,
    ) -> Result<Norm, PartError> {
        Ok(Norm {
            gamma: parts.tensor(&format!("{name}.weight"), &[shape.hidden])?,
            beta: parts.tensor(&format!("{name}.bias"), &[shape.hidden])?,
            eps: shape.eps,
        })
    }

    pub(super) fn forward(&self, kernels: Kernels, x: &[f32], out: &mut [f32]) {
        let cols = self.gamma.len();
        let rows = x.len() / cols;
        let out = RowsMut::new(out, rows, cols);
        kernels.layer_norm(
            Rows::new(x, rows, cols),
            &self.gamma,
            &self.beta,
            self.eps,
            out,
        );
    }
}

struct Layer {
    norm1: Norm,
    /// Queries, keys and values in one product: outputs `[q | k | v]`.
    qkv: Linear,
    out: Linear,
    norm2: Norm,
    fc1: Linear,
    fc2: Linear,
}

/// Buffers of a pass; kept between passes.
pub(super) struct TransformerScratch {
    normed: Vec<f32>,
    qkv: Vec<f32>,
    attended: Vec<f32>,
    intermediate: Vec<f32>,
    attention: AttentionScratch,
}

impl TransformerScratch {
    pub(super) fn new(kernels: Kernels) -> TransformerScratch {
        TransformerScratch {
            normed: Vec::new(),
            qkv: Vec::new(),
            attended: Vec::new(),
            intermediate: Vec::new(),
            attention: AttentionScratch::new(kernels),
        }
    }
}

pub(super) struct Transformer {
    shape: TransformerShape,
    layers: Vec<Layer>,
}

impl Transformer {
    pub(super) fn load(
        parts: &mut Parts<'_>,
        prefix: &str,
        shape: TransformerShape,
    ) -> Result<Transformer, PartError> {
        let layers = (0..shape.layers)
            .map(|i| Layer::load(parts, &format!("{prefix}.encoder.layers.{i}"), &shape))
            .collect::<Result<_, _>>()?;
        Ok(Transformer { shape, layers })
    }

    /// Runs all layers in place.
    ///
    /// `x` holds the tokens of all sequences one after another, `[Σ lengths, hidden]`.
    pub(super) fn forward(
        &self,
        compute: Compute,
        x: &mut [f32],
        lengths: &[usize],
        scratch: &mut TransformerScratch,
    ) {
        for layer in &self.layers {
            layer.attend(compute, &self.shape, x, lengths, scratch);
            let rows = x.len() / self.shape.hidden;
            let attended = &scratch.attended[..rows * self.shape.hidden];
            layer.out.add(compute, attended, x);
            layer.feed_forward(compute, &self.shape, x, scratch);
        }
    }

    /// Runs all layers and returns only the rows in `pooled`, `[pooled.len(), hidden]`.
    ///
    /// An embedding reads one token of each sequence, so the last layer computes nothing else after
    /// its attention. The numbers are those of [`Transformer::forward`]; `x` is left changed.
    pub(super) fn forward_pooled(
        &self,
        compute: Compute,
        x: &mut [f32],
        lengths: &[usize],
        pooled: &[usize],
        scratch: &mut TransformerScratch,
    ) -> Vec<f32> {
        let hidden = self.shape.hidden;
        let gather = |rows: &[f32]| -> Vec<f32> {
            pooled
                .iter()
                .flat_map(|&row| &rows[row * hidden..][..hidden])
                .copied()
                .collect()
        };
        let Some((last, layers)) = self.layers.split_last() else {
            return gather(x);
        };
        for layer in layers {
            layer.attend(compute, &self.shape, x, lengths, scratch);
            layer.out.add(compute, &scratch.attended[..x.len()], x);
            layer.feed_forward(compute, &self.shape, x, scratch);
        }
        last.attend(compute, &self.shape, x, lengths, scratch);
        let mut rows = gather(x);
        last.out.add(compute, &gather(&scratch.attended), &mut rows);
        last.feed_forward(compute, &self.shape, &mut rows, scratch);
        rows
    }
}

impl Layer {
    fn load(
        parts: &mut Parts<'_>,
        name: &str,
        shape: &TransformerShape,
    ) -> Result<Layer, PartError> {
        let (hidden, intermediate) = (shape.hidden, shape.intermediate);
        let attention = |kind: &str| {
            ["q_proj", "k_proj", "v_proj"].map(|part| format!("{name}.self_attn.{part}.{kind}"))
        };
        let sizes = (hidden, 3 * hidden);
        let qkv = format!("{name}.self_attn.qkv");
        // Grown as tensors are read: sizes in a file are no reason to reserve memory.
        let weight = parts.linear_of(&format!("{qkv}.weight"), sizes, Care::Usual, |source| {
            let mut weight = Vec::new();
            for part in attention("weight") {
                weight.extend(source.tensor(&part, &[hidden, hidden])?);
            }
            Ok(weight)
        })?;
        let bias = parts.vector(&format!("{qkv}.bias"), 3 * hidden, |source| {
            let mut bias = Vec::new();
            for part in attention("bias") {
                bias.extend(source.tensor(&part, &[hidden])?);
            }
            Ok(bias)
        })?;
        let part = |part: &str| format!("{name}.{part}");
        Ok(Layer {
            norm1: Norm::load(parts, &part("layer_norm1"), shape)?,
            qkv: weight.with_bias(bias),
            out: parts.linear(&part("self_attn.out_proj"), (hidden, hidden), Care::Usual)?,
            norm2: Norm::load(parts, &part("layer_norm2"), shape)?,
            fc1: parts.linear(&part("mlp.fc1"), (hidden, intermediate), Care::Usual)?,
            fc2: parts.linear(&part("mlp.fc2"), (intermediate, hidden), Care::Usual)?,
        })
    }

    /// Leaves the attended values, before the output projection, in `scratch.attended`.
    fn attend(
        &self,
        compute: Compute,
        shape: &TransformerShape,
        x: &[f32],
        lengths: &[usize],
        scratch: &mut TransformerScratch,
    ) {
        let hidden = shape.hidden;
        let rows = x.len() / hidden;
        let normed = sized(&mut scratch.normed, x.len());
        self.norm1.forward(compute.kernels, x, normed);
        let qkv = sized(&mut scratch.qkv, rows * 3 * hidden);
        self.qkv.forward(compute, normed, Activation::None, qkv);
        let mut attended = sized(&mut scratch.attended, x.len());
        let mut qkv = &*qkv;
        for &tokens in lengths {
            let (sequence, rest) = qkv.split_at(tokens * 3 * hidden);
            let (out, out_rest) = attended.split_at_mut(tokens * hidden);
            compute.attention(
                Rows::new(sequence, tokens, 3 * hidden),
                shape.heads,
                shape.causal,
                &mut scratch.attention,
                RowsMut::new(out, tokens, hidden),
            );
            (qkv, attended) = (rest, out_rest);
        }
    }

    fn feed_forward(
        &self,
        compute: Compute,
        shape: &TransformerShape,
        x: &mut [f32],
        scratch: &mut TransformerScratch,
    ) {
        let rows = x.len() / shape.hidden;
        let normed = sized(&mut scratch.normed, x.len());
        self.norm2.forward(compute.kernels, x, normed);
        let intermediate = sized(&mut scratch.intermediate, rows * shape.intermediate);
        self.fc1
            .forward(compute, normed, shape.activation, intermediate);
        self.fc2.add(compute, intermediate, x);
    }
}
