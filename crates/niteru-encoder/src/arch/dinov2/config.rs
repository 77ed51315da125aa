//! The sizes of a DINOv2 model, from its `config.json`.

use std::path::Path;

use serde::Deserialize;

use crate::arch::config::{ConfigError, describe, grid, open, three_channels, tower};
use crate::arch::transformer::TransformerShape;

/// Most times that the feed-forward part is wider than the rest; published models have 4.
const MAX_RATIO: f64 = 64.0;

/// Sizes of the network.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dinov2Config {
    /// Side of the square that positions are stored for, in pixels.
    pub(super) image_side: usize,
    /// Side of the square that the network sees, in pixels.
    pub(super) seen_side: usize,
    pub(super) patch: usize,
    pub(super) vision: TransformerShape,
}

impl Dinov2Config {
    /// Reads `config.json`, for pictures that are brought to squares of `seen_side` pixels.
    pub(crate) fn open(path: &Path, seen_side: usize) -> Result<Dinov2Config, ConfigError> {
        open(path, "DINOv2", |file: ConfigFile| file.check(seen_side))
    }

    /// A line that says all that changes the numbers, for the fingerprint.
    pub(crate) fn describe(&self) -> String {
        format!(
            "dinov2 image {} seen {} patch {} vision {}",
            self.image_side,
            self.seen_side,
            self.patch,
            describe(&self.vision)
        )
    }
}

/// `config.json`; absent values are those of transformers' `Dinov2Config`.
#[derive(Deserialize)]
#[serde(default)]
struct ConfigFile {
    model_type: Option<String>,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    mlp_ratio: f64,
    hidden_act: String,
    layer_norm_eps: f32,
    image_size: usize,
    patch_size: usize,
    num_channels: usize,
    qkv_bias: bool,
    use_swiglu_ffn: bool,
}

impl Default for ConfigFile {
    fn default() -> ConfigFile {
        ConfigFile {
            model_type: None,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            mlp_ratio: 4.0,
            hidden_act: "gelu".into(),
            layer_norm_eps: 1e-6,
            image_size: 224,
            patch_size: 14,
            num_channels: 3,
            qkv_bias: true,
            use_swiglu_ffn: false,
        }
    }
}

impl ConfigFile {
    fn check(self, seen_side: usize) -> Result<Dinov2Config, String> {
        match self.model_type.as_deref() {
            Some("dinov2") => {}
            Some("dinov2_with_registers") => {
                return Err(
                    "it is a DINOv2 with registers, which is not supported; use one without".into(),
                );
            }
            Some(other) => return Err(format!("model_type is {other:?}, expected \"dinov2\"")),
            None => return Err("there is no model_type, expected \"dinov2\"".into()),
        }
        if self.use_swiglu_ffn {
            return Err(
                "use_swiglu_ffn is true: DINOv2 giant is not supported; use small, base or large"
                    .into(),
            );
        }
        if !self.qkv_bias {
            return Err("qkv_bias is false, which is not supported".into());
        }
        three_channels(self.num_channels)?;
        let ratio = self.mlp_ratio;
        if !(ratio > 0.0 && ratio <= MAX_RATIO) {
            return Err(format!(
                "mlp_ratio is {ratio}, expected above 0 and up to {MAX_RATIO}"
            ));
        }
        grid("image_size", self.image_size, self.patch_size)?;
        grid(
            "the crop_size of preprocessor_config.json",
            seen_side,
            self.patch_size,
        )?;
        Ok(Dinov2Config {
            image_side: self.image_size,
            seen_side,
            patch: self.patch_size,
            vision: tower(
                // Cut to a whole number, as the reference does.
                [self.hidden_size, (self.hidden_size as f64 * ratio) as usize],
                [self.num_hidden_layers, self.num_attention_heads],
                (&self.hidden_act, self.layer_norm_eps),
                false,
            )?,
        })
    }
}
