//! What the configurations of all transformers have in common: reading, limits, errors.

use std::path::{Path, PathBuf};

use niteru_kernels::Activation;
use serde::de::DeserializeOwned;

use super::transformer::TransformerShape;

/// Most patches of an image; attention takes time with their square. The largest CLIP has 576, DINOv2 1369.
const MAX_PATCHES: usize = 16_384;

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
    #[error("{path} is not a {kind} configuration")]
    Json {
        /// The configuration file.
        path: PathBuf,
        /// The kind of model that it should be of.
        kind: &'static str,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// A value is outside what such a model can have.
    #[error("{path}: {what}")]
    Value {
        /// The configuration file.
        path: PathBuf,
        /// The value, and what is allowed.
        what: String,
    },
}

/// Reads the `config.json` of a kind of model, and makes of its values what `check` makes.
pub(super) fn open<F: DeserializeOwned, C>(
    path: &Path,
    kind: &'static str,
    check: impl FnOnce(F) -> Result<C, String>,
) -> Result<C, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Io {
        path: path.to_path_buf(),
        source,
    })?;
    let file = serde_json::from_str(&text).map_err(|source| ConfigError::Json {
        path: path.to_path_buf(),
        kind,
        source,
    })?;
    check(file).map_err(|what| ConfigError::Value {
        path: path.to_path_buf(),
        what,
    })
}

pub(super) fn within(name: &str, value: usize, low: usize, high: usize) -> Result<(), String> {
    match (low..=high).contains(&value) {
        true => Ok(()),
        false => Err(format!("{name} is {value}, expected {low} to {high}")),
    }
}

/// Patches along a side of a square image, of which there are whole ones only. `what` is what the file calls the
/// image's side.
pub(super) fn grid(what: &str, side: usize, patch: usize) -> Result<usize, String> {
    within(what, side, 1, 2048)?;
    within("patch_size", patch, 1, 256)?;
    if !side.is_multiple_of(patch) {
        return Err(format!(
            "{what} {side} is not a multiple of patch_size {patch}"
        ));
    }
    let grid = side / patch;
    within("patches of an image", grid * grid, 1, MAX_PATCHES)?;
    Ok(grid)
}

/// That images have three channels, as pictures do.
pub(super) fn three_channels(channels: usize) -> Result<(), String> {
    match channels {
        3 => Ok(()),
        other => Err(format!("num_channels is {other}, expected 3")),
    }
}

/// The sizes of a transformer, within limits that leave room for the largest models, so that a hostile file
/// cannot make us allocate without bound.
pub(super) fn tower(
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

/// A line that says all of a transformer that changes the numbers, for the fingerprint.
pub(super) fn describe(shape: &TransformerShape) -> String {
    let activation = match shape.activation {
        Activation::QuickGelu => "quick_gelu",
        _ => "gelu",
    };
    format!(
        "hidden {} intermediate {} layers {} heads {} {activation} eps {:e}",
        shape.hidden, shape.intermediate, shape.layers, shape.heads, shape.eps
    )
}
