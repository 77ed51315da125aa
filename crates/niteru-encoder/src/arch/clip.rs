//! CLIP: a vision and a text tower whose embeddings share one space.
//!
//! Source: Radford et al. (2021); configuration and tensor names as in Hugging Face transformers'
//! `CLIPModel`.

mod config;

use niteru_kernels::Activation;

pub(crate) use self::config::ClipConfig;
use self::config::LEGACY_END_TOKEN;
use super::transformer::{LayerNames, Norm, Transformer, TransformerScratch};
use super::vision::VisionTower;
use super::{Care, Compute, Linear, PartError, Parts};

/// What the parts of a layer are called.
const NAMES: LayerNames = LayerNames {
    norms: ["layer_norm1", "layer_norm2"],
    attention: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    qkv: "self_attn.qkv",
    out: "self_attn.out_proj",
    feed_forward: ["mlp.fc1", "mlp.fc2"],
    scales: None,
};

/// Loads the image tower.
pub(crate) fn vision_tower(
    parts: &mut Parts<'_>,
    config: &ClipConfig,
) -> Result<VisionTower, PartError> {
    let (shape, side) = (config.vision, config.patch);
    let (hidden, grid) = (shape.hidden, config.image_side / side);
    let name = |part: &str| format!("vision_model.embeddings.{part}");
    let patch = parts.patches(&name("patch_embedding.weight"), side, hidden)?;
    let mut class = parts.tensor(&name("class_embedding"), &[hidden])?;
    let mut positions = parts.tensor(
        &name("position_embedding.weight"),
        &[grid * grid + 1, hidden],
    )?;
    let patches = positions.split_off(hidden);
    class.iter_mut().zip(&positions).for_each(|(c, p)| *c += p);
    let projection = projection(parts, "visual_projection", hidden, config.dimensions)?;
    Ok(VisionTower {
        image_side: config.image_side,
        side,
        patch,
        class,
        positions: patches,
        // The misspelling is the reference's.
        pre_norm: Some(Norm::load(parts, "vision_model.pre_layrnorm", &shape)?),
        transformer: Transformer::load(parts, "vision_model.encoder.layers", &NAMES, shape)?,
        post_norm: Norm::load(parts, "vision_model.post_layernorm", &shape)?,
        projection: Some(projection),
    })
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
            transformer: Transformer::load(parts, "text_model.encoder.layers", &NAMES, shape)?,
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
