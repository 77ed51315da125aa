//! The pre-norm transformer that CLIP's two towers and DINOv2 share.
//!
//! Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision"
//! (2021); layer scale: Touvron et al., "Going deeper with Image Transformers" (2021).

use std::ops::Range;

use niteru_kernels::{Activation, AttentionScratch, Kernels, PackedRows, Precision, Rows, RowsMut};

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

/// What the parts of a layer are called in the published files.
pub(super) struct LayerNames {
    /// Before the attention, and before the feed-forward part.
    pub(super) norms: [&'static str; 2],
    /// Queries, keys and values.
    pub(super) attention: [&'static str; 3],
    /// What we call these three as one.
    pub(super) qkv: &'static str,
    /// What the attended values go through.
    pub(super) out: &'static str,
    pub(super) feed_forward: [&'static str; 2],
    /// Factors for what the attention and the feed-forward part add to each dimension, where there are some.
    pub(super) scales: Option<[&'static str; 2]>,
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
        let x = self.rows(x);
        let out = RowsMut::new(out, x.rows(), x.cols());
        kernels.layer_norm(x, &self.gamma, &self.beta, self.eps, out);
    }

    /// [`forward`](Self::forward) for a layer that reads its rows packed.
    fn pack(&self, kernels: Kernels, x: &[f32], precision: Precision, out: &mut PackedRows) {
        let norm = (&*self.gamma, &*self.beta, self.eps);
        kernels.layer_norm_packed(self.rows(x), norm, precision, out);
    }

    fn rows<'a>(&self, x: &'a [f32]) -> Rows<'a> {
        let cols = self.gamma.len();
        Rows::new(x, x.len() / cols, cols)
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
    normed: PackedRows,
    qkv: Vec<f32>,
    attended: Vec<f32>,
    intermediate: PackedRows,
    attention: AttentionScratch,
}

impl TransformerScratch {
    pub(super) fn new(kernels: Kernels) -> TransformerScratch {
        TransformerScratch {
            normed: PackedRows::new(kernels),
            qkv: Vec::new(),
            attended: Vec::new(),
            intermediate: PackedRows::new(kernels),
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
        names: &LayerNames,
        shape: TransformerShape,
    ) -> Result<Transformer, PartError> {
        let layers = (0..shape.layers)
            .map(|i| Layer::load(parts, &format!("{prefix}.{i}"), names, &shape))
            .collect::<Result<_, _>>()?;
        Ok(Transformer { shape, layers })
    }

    pub(super) fn shape(&self) -> &TransformerShape {
        &self.shape
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
        self.run(&self.layers, compute, x, lengths, scratch);
    }

    /// Runs some layers in place, as [`Transformer::forward`].
    ///
    /// # Panics
    /// When there are no such layers.
    pub(super) fn forward_layers(
        &self,
        layers: Range<usize>,
        compute: Compute,
        x: &mut [f32],
        lengths: &[usize],
        scratch: &mut TransformerScratch,
    ) {
        self.run(&self.layers[layers], compute, x, lengths, scratch);
    }

    /// Runs all layers and returns only the rows in `pooled`, one of each sequence and in their order,
    /// `[pooled.len(), hidden]`.
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
        let gather = |rows: &[f32], pooled: &[usize], first: usize, into: &mut Vec<f32>| {
            for row in pooled {
                into.extend_from_slice(&rows[(row - first) * hidden..][..hidden]);
            }
        };
        let mut rows = Vec::with_capacity(pooled.len() * hidden);
        let Some((last, layers)) = self.layers.split_last() else {
            gather(x, pooled, 0, &mut rows);
            return rows;
        };
        self.run(layers, compute, x, lengths, scratch);
        let mut attended = Vec::with_capacity(pooled.len() * hidden);
        for group in groups(lengths) {
            let x = &x[group.tokens.start * hidden..group.tokens.end * hidden];
            let lengths = &lengths[group.sequences.clone()];
            last.attend(compute, &self.shape, x, lengths, scratch);
            let pooled = &pooled[group.sequences];
            gather(x, pooled, group.tokens.start, &mut rows);
            gather(&scratch.attended, pooled, group.tokens.start, &mut attended);
        }
        last.out.add(compute, &attended, &mut rows);
        last.feed_forward(compute, &self.shape, &mut rows, scratch);
        rows
    }

    /// Runs some layers in place, each over one group of sequences after the other.
    fn run(
        &self,
        layers: &[Layer],
        compute: Compute,
        x: &mut [f32],
        lengths: &[usize],
        scratch: &mut TransformerScratch,
    ) {
        let hidden = self.shape.hidden;
        for layer in layers {
            for group in groups(lengths) {
                let x = &mut x[group.tokens.start * hidden..group.tokens.end * hidden];
                let lengths = &lengths[group.sequences];
                layer.attend(compute, &self.shape, x, lengths, scratch);
                layer.out.add(compute, &scratch.attended[..x.len()], x);
                layer.feed_forward(compute, &self.shape, x, scratch);
            }
        }
    }
}

/// Tokens that go through a layer together, about: enough to use each weight many times, few enough
/// that what lies between two products stays in a core's L2 cache.
const GROUP_TOKENS: usize = 200;

/// Consecutive sequences, and where their tokens lie.
struct Group {
    sequences: Range<usize>,
    tokens: Range<usize>,
}

/// Cuts sequences of these lengths into groups.
fn groups(lengths: &[usize]) -> impl Iterator<Item = Group> {
    let (mut sequence, mut token) = (0, 0);
    std::iter::from_fn(move || {
        let (first, start) = (sequence, token);
        while let Some(length) = lengths.get(sequence)
            && (sequence == first || token + length <= start + GROUP_TOKENS)
        {
            token += length;
            sequence += 1;
        }
        (sequence > first).then_some(Group {
            sequences: first..sequence,
            tokens: start..token,
        })
    })
}

impl Layer {
    fn load(
        parts: &mut Parts<'_>,
        name: &str,
        names: &LayerNames,
        shape: &TransformerShape,
    ) -> Result<Layer, PartError> {
        let (hidden, intermediate) = (shape.hidden, shape.intermediate);
        let part = |part: &str| format!("{name}.{part}");
        let attention = |kind: &str| names.attention.map(|part| format!("{name}.{part}.{kind}"));
        let sizes = (hidden, 3 * hidden);
        let qkv = part(names.qkv);
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
        let [norm1, norm2] = names.norms.map(part);
        let [fc1, fc2] = names.feed_forward.map(part);
        let scales = names.scales.map(|scales| scales.map(part));
        let [scale1, scale2] = match &scales {
            Some(scales) => scales.each_ref().map(|scale| Some(&**scale)),
            None => [None, None],
        };
        let out = part(names.out);
        Ok(Layer {
            norm1: Norm::load(parts, &norm1, shape)?,
            qkv: weight.with_bias(bias),
            out: parts.scaled(&out, scale1, (hidden, hidden), Care::Usual)?,
            norm2: Norm::load(parts, &norm2, shape)?,
            fc1: parts.linear(&fc1, (hidden, intermediate), Care::Usual)?,
            fc2: parts.scaled(&fc2, scale2, (intermediate, hidden), Care::Usual)?,
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
        let normed = &mut scratch.normed;
        self.norm1
            .pack(compute.kernels, x, self.qkv.precision(), normed);
        let qkv = sized(&mut scratch.qkv, rows * 3 * hidden);
        self.qkv.forward_packed(compute, normed, qkv);
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
        let (normed, intermediate) = (&mut scratch.normed, &mut scratch.intermediate);
        self.norm2
            .pack(compute.kernels, x, self.fc1.precision(), normed);
        self.fc1
            .chain(compute, normed, shape.activation, intermediate);
        self.fc2.add_packed(compute, intermediate, x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_hold_every_sequence_once_and_few_tokens() {
        let cases: [(&[usize], &[usize]); 6] = [
            (&[], &[]),
            (&[50], &[1]),
            (&[50; 9], &[4, 4, 1]),
            (&[577, 577], &[1, 1]),
            (&[77, 3, 120, 1, 200, 201], &[3, 1, 1, 1]),
            (&[0, 0], &[2]),
        ];
        for (lengths, counts) in cases {
            let found: Vec<Group> = groups(lengths).collect();
            let got: Vec<usize> = found.iter().map(|group| group.sequences.len()).collect();
            assert_eq!(got, counts, "{lengths:?}");
            let mut token = 0;
            for group in found {
                let tokens: usize = lengths[group.sequences].iter().sum();
                assert_eq!(group.tokens, token..token + tokens, "{lengths:?}");
                token += tokens;
            }
        }
    }
}
