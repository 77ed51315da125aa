//! The sizes of a CLIP model, from its `config.json`.

use std::path::Path;

use niteru_kernels::Activation;
use serde::Deserialize;

use crate::arch::config::{ConfigError, describe, grid, open, three_channels, tower, within};
use crate::arch::transformer::TransformerShape;

/// The end-of-text id that old configurations state, although the vocabulary has it last.
pub(super) const LEGACY_END_TOKEN: u32 = 2;

/// Sizes of both towers, from `config.json`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClipConfig {
    /// Length of an embedding.
    pub(crate) dimensions: usize,
    pub(crate) image_side: usize,
    pub(super) patch: usize,
    pub(super) vision: TransformerShape,
    pub(super) text: TransformerShape,
    pub(super) vocabulary: usize,
    /// Longest text in tokens, start and end included.
    pub(crate) max_tokens: usize,
    pub(super) end_token: u32,
}

impl ClipConfig {
    /// Reads `config.json`.
    pub(crate) fn open(path: &Path) -> Result<ClipConfig, ConfigError> {
        open(path, "CLIP", ConfigFile::check)
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
        format!(
            "clip dimensions {} image {} patch {} vision {} text {} vocabulary {} tokens {} end {}",
            self.dimensions,
            self.image_side,
            self.patch,
            describe(&self.vision),
            describe(&self.text),
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
        three_channels(vision.num_channels)?;
        grid("image_size", vision.image_size, vision.patch_size)?;
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
