//! CLIP: a vision and a text tower whose embeddings share one space.
//!
//! Source: Radford et al. (2021); configuration and tensor names as in Hugging Face transformers'
//! `CLIPModel`.

use std::path::{Path, PathBuf};

use niteru_kernels::{Activation, Kernels};
use serde::Deserialize;

use super::transformer::{Norm, Transformer, TransformerScratch, TransformerShape};
use super::{Care, Compute, FeatureMap, Linear, PartError, Parts, pixel_order, sized};
use crate::preprocess::Pixels;

/// The end-of-text id that old configurations state, although the vocabulary has it last.
const LEGACY_END_TOKEN: u32 = 2;

/// Most patches of an image; attention takes time with their square. The largest CLIP has 576.
const MAX_PATCHES: usize = 16_384;

/// Sizes of both towers, from `config.json`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClipConfig {
    /// Length of an embedding.
    pub(crate) dimensions: usize,
    pub(crate) image_side: usize,
    patch: usize,
    vision: TransformerShape,
    text: TransformerShape,
    vocabulary: usize,
    /// Longest text in tokens, start and end included.
    pub(crate) max_tokens: usize,
    end_token: u32,
}

/// Why a model's configuration could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {path}")]
    Io {
        /// The configuration file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not the JSON that is expected.
    #[error("{path} is not a CLIP configuration")]
    Json {
        /// The configuration file.
        path: PathBuf,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// A value is outside what a CLIP model can have.
    #[error("{path}: {what}")]
    Value {
        /// The configuration file.
        path: PathBuf,
        /// The value, and what is allowed.
        what: String,
    },
}

impl ClipConfig {
    /// Reads `config.json`.
    pub(crate) fn open(path: &Path) -> Result<ClipConfig, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Io {
            path: path.to_path_buf(),
            source,
        })?;
        let file: ConfigFile = serde_json::from_str(&text).map_err(|source| ConfigError::Json {
            path: path.to_path_buf(),
            source,
        })?;
        file.check().map_err(|what| ConfigError::Value {
            path: path.to_path_buf(),
            what,
        })
    }

    /// ViT-B/32, for speed measurements without weights.
    pub(crate) fn vit_b_32() -> ClipConfig {
        let vision = TransformerShape {
            hidden: 768,
            intermediate: 3072,
            layers: 12,
            heads: 12,
            activation: Activation::QuickGelu,
            eps: 1e-5,
            causal: false,
        };
        let text = TransformerShape {
            hidden: 512,
            intermediate: 2048,
            heads: 8,
            causal: true,
            ..vision
        };
        ClipConfig {
            dimensions: 512,
            image_side: 224,
            patch: 32,
            vision,
            text,
            vocabulary: 49_408,
            max_tokens: 77,
            end_token: LEGACY_END_TOKEN,
        }
    }

    /// A line that says all that changes the numbers, for the fingerprint.
    pub(crate) fn describe(&self) -> String {
        let tower = |shape: &TransformerShape| {
            let activation = match shape.activation {
                Activation::QuickGelu => "quick_gelu",
                _ => "gelu",
            };
            format!(
                "hidden {} intermediate {} layers {} heads {} {activation} eps {:e}",
                shape.hidden, shape.intermediate, shape.layers, shape.heads, shape.eps
            )
        };
        format!(
            "clip dimensions {} image {} patch {} vision {} text {} vocabulary {} tokens {} end {}",
            self.dimensions,
            self.image_side,
            self.patch,
            tower(&self.vision),
            tower(&self.text),
            self.vocabulary,
            self.max_tokens,
            self.end_token
        )
    }

    /// Prefix of each tower's tensor names, and how many layers it has.
    pub(crate) fn layers(&self) -> [(&'static str, usize); 2] {
        [
            ("vision_model", self.vision.layers),
            ("text_model", self.text.layers),
        ]
    }

    fn grid(&self) -> usize {
        self.image_side / self.patch
    }
}

/// `config.json`; absent values are those of transformers' `CLIPConfig`.
#[derive(Deserialize)]
struct ConfigFile {
    model_type: Option<String>,
    projection_dim: Option<usize>,
    #[serde(default)]
    vision_config: VisionFile,
    #[serde(default)]
    text_config: TextFile,
}

#[derive(Deserialize)]
#[serde(default)]
struct VisionFile {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_channels: usize,
    image_size: usize,
    patch_size: usize,
    hidden_act: String,
    layer_norm_eps: f32,
}

#[derive(Deserialize)]
#[serde(default)]
struct TextFile {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    max_position_embeddings: usize,
    hidden_act: String,
    layer_norm_eps: f32,
    eos_token_id: u32,
}

impl Default for VisionFile {
    fn default() -> VisionFile {
        VisionFile {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            num_channels: 3,
            image_size: 224,
            patch_size: 32,
            hidden_act: "quick_gelu".into(),
            layer_norm_eps: 1e-5,
        }
    }
}

impl Default for TextFile {
    fn default() -> TextFile {
        TextFile {
            vocab_size: 49_408,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            hidden_act: "quick_gelu".into(),
            layer_norm_eps: 1e-5,
            // Files written before the id was stored have the vocabulary's last token as end.
            eos_token_id: LEGACY_END_TOKEN,
        }
    }
}

impl ConfigFile {
    /// Checks every value against limits that leave room for the largest CLIP models, so that a
    /// hostile file cannot make us allocate without bound.
    fn check(self) -> Result<ClipConfig, String> {
        if let Some(kind) = &self.model_type
            && kind != "clip"
        {
            return Err(format!("model_type is {kind:?}, expected \"clip\""));
        }
        let (vision, text) = (self.vision_config, self.text_config);
        if vision.num_channels != 3 {
            return Err(format!(
                "num_channels is {}, expected 3",
                vision.num_channels
            ));
        }
        within("image_size", vision.image_size, 1, 2048)?;
        within("patch_size", vision.patch_size, 1, 256)?;
        if !vision.image_size.is_multiple_of(vision.patch_size) {
            let (image, patch) = (vision.image_size, vision.patch_size);
            return Err(format!(
                "image_size {image} is not a multiple of patch_size {patch}"
            ));
        }
        let grid = vision.image_size / vision.patch_size;
        within("patches of an image", grid * grid, 1, MAX_PATCHES)?;
        within("vocab_size", text.vocab_size, 2, 1_000_000)?;
        within(
            "max_position_embeddings",
            text.max_position_embeddings,
            2,
            4096,
        )?;
        let dimensions = self.projection_dim.unwrap_or(512);
        within("projection_dim", dimensions, 1, 8192)?;
        Ok(ClipConfig {
            dimensions,
            image_side: vision.image_size,
            patch: vision.patch_size,
            vision: tower(
                [vision.hidden_size, vision.intermediate_size],
                [vision.num_hidden_layers, vision.num_attention_heads],
                (&vision.hidden_act, vision.layer_norm_eps),
                false,
            )?,
            text: tower(
                [text.hidden_size, text.intermediate_size],
                [text.num_hidden_layers, text.num_attention_heads],
                (&text.hidden_act, text.layer_norm_eps),
                true,
            )?,
            vocabulary: text.vocab_size,
            max_tokens: text.max_position_embeddings,
            end_token: text.eos_token_id,
        })
    }
}

fn within(name: &str, value: usize, low: usize, high: usize) -> Result<(), String> {
    match (low..=high).contains(&value) {
        true => Ok(()),
        false => Err(format!("{name} is {value}, expected {low} to {high}")),
    }
}

fn tower(
    [hidden, intermediate]: [usize; 2],
    [layers, heads]: [usize; 2],
    (activation, eps): (&str, f32),
    causal: bool,
) -> Result<TransformerShape, String> {
    within("hidden_size", hidden, 1, 8192)?;
    within("intermediate_size", intermediate, 1, 32_768)?;
    within("num_hidden_layers", layers, 1, 128)?;
    within("num_attention_heads", heads, 1, 256)?;
    if !hidden.is_multiple_of(heads) {
        return Err(format!(
            "hidden_size {hidden} is not a multiple of {heads} attention heads"
        ));
    }
    if !(eps > 0.0 && eps < 1.0) {
        return Err(format!("layer_norm_eps is {eps}, expected between 0 and 1"));
    }
    let activation = match activation {
        "quick_gelu" => Activation::QuickGelu,
        "gelu" => Activation::Gelu,
        other => {
            return Err(format!(
                "hidden_act is {other:?}, expected quick_gelu or gelu"
            ));
        }
    };
    Ok(TransformerShape {
        hidden,
        intermediate,
        layers,
        heads,
        activation,
        eps,
        causal,
    })
}

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
