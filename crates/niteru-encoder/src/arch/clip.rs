//! CLIP: a vision and a text tower whose embeddings share one space.
//!
//! Source: Radford et al. (2021); configuration and tensor names as in Hugging Face transformers'
//! `CLIPModel`.

mod config;

use niteru_kernels::{Activation, Kernels};

pub(crate) use self::config::ClipConfig;
pub use self::config::ConfigError;
use self::config::LEGACY_END_TOKEN;
use super::transformer::{Norm, Transformer, TransformerScratch};
use super::{Care, Compute, FeatureMap, Linear, PartError, Parts, pixel_order, sized};
use crate::preprocess::Pixels;

/// Buffers of a vision pass; kept between passes.
pub(crate) struct ClipScratch {
    patches: Vec<f32>,
    embedded: Vec<f32>,
    tokens: Vec<f32>,
    transformer: TransformerScratch,
}

impl ClipScratch {
    pub(crate) fn new(kernels: Kernels) -> ClipScratch {
        ClipScratch {
            patches: Vec::new(),
            embedded: Vec::new(),
            tokens: Vec::new(),
            transformer: TransformerScratch::new(kernels),
        }
    }
}

/// The image tower.
pub(crate) struct VisionTower {
    config: ClipConfig,
    /// Patches as one product: inputs in the order `[row][column][channel]`.
    patch: Linear,
    /// Class token plus its position.
    class: Vec<f32>,
    /// Positions of the patches, `[grid², hidden]`.
    positions: Vec<f32>,
    pre_norm: Norm,
    transformer: Transformer,
    post_norm: Norm,
    projection: Linear,
}

impl VisionTower {
    pub(crate) fn load(
        parts: &mut Parts<'_>,
        config: &ClipConfig,
    ) -> Result<VisionTower, PartError> {
        let (shape, side, grid) = (config.vision, config.patch, config.grid());
        let hidden = shape.hidden;
        let name = |part: &str| format!("vision_model.embeddings.{part}");
        let inputs = 3 * side * side;
        let patch = name("patch_embedding.weight");
        let patch = parts.linear_of(&patch, (inputs, hidden), Care::Usual, |source| {
            let weight = source.tensor(&patch, &[hidden, 3, side, side])?;
            Ok(pixel_order(&weight, side * side))
        })?;
        let mut class = parts.tensor(&name("class_embedding"), &[hidden])?;
        let mut positions = parts.tensor(
            &name("position_embedding.weight"),
            &[grid * grid + 1, hidden],
        )?;
        let patches = positions.split_off(hidden);
        class.iter_mut().zip(&positions).for_each(|(c, p)| *c += p);
        Ok(VisionTower {
            config: config.clone(),
            patch,
            class,
            positions: patches,
            // The misspelling is the reference's.
            pre_norm: Norm::load(parts, "vision_model.pre_layrnorm", &shape)?,
            transformer: Transformer::load(parts, "vision_model", shape)?,
            post_norm: Norm::load(parts, "vision_model.post_layernorm", &shape)?,
            projection: projection(parts, "visual_projection", hidden, config.dimensions)?,
        })
    }

    pub(crate) fn dimensions(&self) -> usize {
        self.config.dimensions
    }

    /// Embeddings before normalisation, `[images.len(), dimensions]`.
    pub(crate) fn forward(
        &self,
        compute: Compute,
        images: &[&Pixels],
        scratch: &mut ClipScratch,
    ) -> Vec<f32> {
        let tokens = self.embed_patches(compute, images, scratch);
        let hidden = self.config.vision.hidden;
        let lengths = vec![tokens; images.len()];
        let pooled: Vec<usize> = (0..images.len()).map(|i| i * tokens).collect();
        let x = &mut scratch.tokens[..images.len() * tokens * hidden];
        let rows = self.transformer.forward_pooled(
            compute,
            x,
            &lengths,
            &pooled,
            &mut scratch.transformer,
        );
        self.project(compute, &rows)
    }

    /// Features of each patch in the space of the embeddings.
    ///
    /// The pooled token's final norm and projection are applied to every patch token.
    pub(crate) fn patches(
        &self,
        compute: Compute,
        image: &Pixels,
        scratch: &mut ClipScratch,
    ) -> FeatureMap {
        let tokens = self.embed_patches(compute, &[image], scratch);
        let hidden = self.config.vision.hidden;
        let x = &mut scratch.tokens[..tokens * hidden];
        self.transformer
            .forward(compute, x, &[tokens], &mut scratch.transformer);
        FeatureMap {
            rows: self.config.grid(),
            columns: self.config.grid(),
            dimensions: self.config.dimensions,
            data: self.project(compute, &x[hidden..]),
        }
    }

    /// The patch tokens after some layers, `[grid²][hidden]` for each, in the order of the network;
    /// layers after the last of them are not run.
    ///
    /// # Panics
    /// When there is no such layer, `layers` does not rise, or the image was prepared for another model.
    pub(crate) fn layer_maps(
        &self,
        compute: Compute,
        image: &Pixels,
        layers: &[usize],
        scratch: &mut ClipScratch,
    ) -> Vec<FeatureMap> {
        assert!(layers.is_sorted_by(|a, b| a < b), "layers {layers:?}");
        let tokens = self.embed_patches(compute, &[image], scratch);
        let (hidden, grid) = (self.config.vision.hidden, self.config.grid());
        let x = &mut scratch.tokens[..tokens * hidden];
        let mut next = 0;
        let after = |&last: &usize| {
            let transformer = &mut scratch.transformer;
            self.transformer
                .forward_layers(next..last + 1, compute, x, &[tokens], transformer);
            next = last + 1;
            FeatureMap {
                rows: grid,
                columns: grid,
                dimensions: hidden,
                data: x[hidden..].to_vec(),
            }
        };
        layers.iter().map(after).collect()
    }

    /// How many layers there are.
    pub(crate) fn layers(&self) -> usize {
        self.config.vision.layers
    }

    fn project(&self, compute: Compute, rows: &[f32]) -> Vec<f32> {
        let hidden = self.config.vision.hidden;
        let mut normed = vec![0.0; rows.len()];
        self.post_norm.forward(compute.kernels, rows, &mut normed);
        let mut out = vec![0.0; rows.len() / hidden * self.config.dimensions];
        self.projection
            .forward(compute, &normed, Activation::None, &mut out);
        out
    }

    /// Fills `scratch.tokens` with the first layer's input; returns the tokens per image.
    fn embed_patches(
        &self,
        compute: Compute,
        images: &[&Pixels],
        scratch: &mut ClipScratch,
    ) -> usize {
        let (hidden, grid, side) = (
            self.config.vision.hidden,
            self.config.grid(),
            self.config.patch,
        );
        let (count, row) = (grid * grid, side * 3);
        let inputs = side * row;
        let patches = sized(&mut scratch.patches, images.len() * count * inputs);
        for (image, patches) in images.iter().zip(patches.chunks_mut(count * inputs)) {
            let own = self.config.image_side;
            let size = (image.height(), image.width());
            assert_eq!(size, (own, own), "prepared for another model");
            let width = image.width() * 3;
            for (index, patch) in patches.chunks_mut(inputs).enumerate() {
                let corner = index / grid * side * width + index % grid * row;
                for (y, to) in patch.chunks_mut(row).enumerate() {
                    to.copy_from_slice(&image.data()[corner + y * width..][..row]);
                }
            }
        }
        let embedded = sized(&mut scratch.embedded, images.len() * count * hidden);
        self.patch
            .forward(compute, patches, Activation::None, embedded);

        let tokens = count + 1;
        let x = sized(&mut scratch.tokens, images.len() * tokens * hidden);
        for (x, patches) in x
            .chunks_mut(tokens * hidden)
            .zip(embedded.chunks_mut(count * hidden))
        {
            patches
                .iter_mut()
                .zip(&self.positions)
                .for_each(|(v, p)| *v += p);
            let (class, rest) = x.split_at_mut(hidden);
            self.pre_norm.forward(compute.kernels, &self.class, class);
            self.pre_norm.forward(compute.kernels, patches, rest);
        }
        tokens
    }
}

/// The last layer of a tower, into the space of the embeddings.
fn projection(
    parts: &mut Parts<'_>,
    name: &str,
    hidden: usize,
    dimensions: usize,
) -> Result<Linear, PartError> {
    let name = format!("{name}.weight");
    parts.linear_of(&name, (hidden, dimensions), Care::Sensitive, |source| {
        source.tensor(&name, &[dimensions, hidden])
    })
}

/// The text tower.
pub(crate) struct TextTower {
    config: ClipConfig,
    /// `[vocabulary, hidden]`.
    tokens: Vec<f32>,
    /// `[max_tokens, hidden]`.
    positions: Vec<f32>,
    transformer: Transformer,
    final_norm: Norm,
    projection: Linear,
}

impl TextTower {
    pub(crate) fn load(parts: &mut Parts<'_>, config: &ClipConfig) -> Result<TextTower, PartError> {
        let shape = config.text;
        let name = |part: &str| format!("text_model.embeddings.{part}.weight");
        Ok(TextTower {
            tokens: parts.tensor(&name("token_embedding"), &[config.vocabulary, shape.hidden])?,
            positions: parts.tensor(
                &name("position_embedding"),
                &[config.max_tokens, shape.hidden],
            )?,
            transformer: Transformer::load(parts, "text_model", shape)?,
            final_norm: Norm::load(parts, "text_model.final_layer_norm", &shape)?,
            projection: projection(parts, "text_projection", shape.hidden, config.dimensions)?,
            config: config.clone(),
        })
    }

    /// Number of tokens; ids are below it.
    pub(crate) fn vocabulary(&self) -> usize {
        self.config.vocabulary
    }

    /// Embeddings before normalisation, `[texts.len(), dimensions]`.
    ///
    /// Each text is 1 to `max_tokens` ids below [`TextTower::vocabulary`]. What follows the
    /// end-of-text token cannot influence it (attention is causal), so texts are not padded.
    pub(crate) fn forward(&self, compute: Compute, texts: &[Vec<u32>]) -> Vec<f32> {
        let hidden = self.config.text.hidden;
        let mut lengths = Vec::with_capacity(texts.len());
        let mut pooled = Vec::with_capacity(texts.len());
        let mut x = Vec::new();
        for ids in texts {
            let end = self.pooled_token(ids);
            pooled.push(x.len() / hidden + end);
            lengths.push(end + 1);
            for (id, position) in ids[..=end].iter().zip(self.positions.chunks(hidden)) {
                let token = &self.tokens[*id as usize * hidden..][..hidden];
                x.extend(token.iter().zip(position).map(|(t, p)| t + p));
            }
        }
        let mut scratch = TransformerScratch::new(compute.kernels);
        let rows =
            self.transformer
                .forward_pooled(compute, &mut x, &lengths, &pooled, &mut scratch);
        let mut normed = vec![0.0; rows.len()];
        self.final_norm.forward(compute.kernels, &rows, &mut normed);
        let mut out = vec![0.0; texts.len() * self.config.dimensions];
        self.projection
            .forward(compute, &normed, Activation::None, &mut out);
        out
    }

    /// Position of the token whose state becomes the embedding.
    ///
    /// The first end-of-text token; where the configuration states the legacy id 2, the first
    /// position of the highest id, as the reference does for such files.
    fn pooled_token(&self, ids: &[u32]) -> usize {
        let wanted = match self.config.end_token {
            LEGACY_END_TOKEN => ids.iter().copied().max().unwrap_or_default(),
            end => end,
        };
        ids.iter().position(|&id| id == wanted).unwrap_or(0)
    }
}
