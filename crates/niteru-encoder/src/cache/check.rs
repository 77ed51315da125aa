//! Whether files are a model that the networks can load: looked at before they are installed.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::catalogue::ModelKind;
use crate::weights::Weights;

/// Longest `config.json` and `preprocessor_config.json`.
pub(super) const MAX_CONFIG: u64 = 1 << 20;
/// Longest `tokenizer.json`; CLIP's has 2 MB, multilingual ones up to 20 MB.
pub(super) const MAX_TOKENIZER: u64 = 64 << 20;
/// Largest weight file.
pub(super) const MAX_WEIGHTS: u64 = 16 << 30;
/// Largest size of a network's axis that a config may name.
const MAX_SIZE: usize = 1 << 20;

/// Tells which EfficientNet-Lite the weights are of, by the number of blocks and the width before
/// the head. The three have the tensor names of the Python package `efficientnet_lite_pytorch`.
pub(super) fn efficientnet_lite(weights: &Weights) -> Result<ModelKind, String> {
    const STEM: [usize; 4] = [32, 3, 3, 3];
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
    floats(weights, "_conv_stem.weight", &STEM)?;
    floats(weights, "_bn1.running_var", &[1280])?;
    floats(weights, "_conv_head.weight", head)?;
    Ok(ModelKind::EfficientNetLite { variant })
}

fn project(block: usize) -> String {
    format!("_blocks.{block}._project_conv.weight")
}

/// Checks the files of a CLIP folder: the config is of a CLIP model, the weights hold its main
/// tensors, and the other files are JSON of the right form.
pub(super) fn clip(folder: &Path, weights: &Path) -> Result<(), String> {
    let config: ClipConfig = json(&folder.join("config.json"), MAX_CONFIG)?;
    let _: serde_json::Map<String, serde_json::Value> =
        json(&folder.join("preprocessor_config.json"), MAX_CONFIG)?;
    let _: Tokenizer = json(&folder.join("tokenizer.json"), MAX_TOKENIZER)?;
    if config.model_type != "clip" {
        return Err(format!(
            "config.json is of a {:?} model, expected \"clip\"",
            config.model_type
        ));
    }
    let (text, vision, space) = (
        config.text_config,
        config.vision_config,
        config.projection_dim,
    );
    let sizes = [
        text.vocab_size,
        text.max_position_embeddings,
        text.hidden_size,
        text.intermediate_size,
        text.num_hidden_layers,
        vision.hidden_size,
        vision.intermediate_size,
        vision.num_hidden_layers,
        vision.image_size,
        vision.patch_size,
        space,
    ];
    if let Some(size) = sizes.iter().find(|size| !(1..=MAX_SIZE).contains(*size)) {
        return Err(format!(
            "config.json holds the size {size}, expected 1 to {MAX_SIZE}"
        ));
    }
    let weights = Weights::open(weights).map_err(|error| error.to_string())?;
    let patches = (vision.image_size / vision.patch_size).pow(2);
    let last = |tower: &str, layers: usize| {
        format!("{tower}_model.encoder.layers.{}.mlp.fc2.weight", layers - 1)
    };
    let (v, t) = (vision.hidden_size, text.hidden_size);
    let tensors: [(&str, &[usize]); 9] = [
        ("vision_model.embeddings.class_embedding", &[v]),
        (
            "vision_model.embeddings.patch_embedding.weight",
            &[v, 3, vision.patch_size, vision.patch_size],
        ),
        (
            "vision_model.embeddings.position_embedding.weight",
            &[patches + 1, v],
        ),
        (
            &last("vision", vision.num_hidden_layers),
            &[v, vision.intermediate_size],
        ),
        ("visual_projection.weight", &[space, v]),
        (
            "text_model.embeddings.token_embedding.weight",
            &[text.vocab_size, t],
        ),
        (
            "text_model.embeddings.position_embedding.weight",
            &[text.max_position_embeddings, t],
        ),
        (
            &last("text", text.num_hidden_layers),
            &[t, text.intermediate_size],
        ),
        ("text_projection.weight", &[space, t]),
    ];
    tensors
        .iter()
        .try_for_each(|(name, shape)| floats(&weights, name, shape))?;
    for (tower, layers) in [
        ("vision", vision.num_hidden_layers),
        ("text", text.num_hidden_layers),
    ] {
        if weights.contains(&last(tower, layers + 1)) {
            return Err(format!(
                "the weights have more than the {layers} {tower} layers of config.json"
            ));
        }
    }
    Ok(())
}

/// Checks that a floating-point tensor of this shape is there.
fn floats(weights: &Weights, name: &str, shape: &[usize]) -> Result<(), String> {
    match (weights.shape(name), weights.dtype(name)) {
        (Some(got), Some(dtype)) if got == shape && dtype.is_float() => Ok(()),
        (Some(got), Some(dtype)) if got == shape => {
            Err(format!("tensor {name:?} holds {dtype} values"))
        }
        (Some(got), _) => Err(format!(
            "tensor {name:?} does not fit: expected shape {shape:?}, got {got:?}"
        )),
        (None, _) => Err(format!("the weights have no tensor {name:?}")),
    }
}

fn json<T: for<'a> Deserialize<'a>>(path: &Path, limit: u64) -> Result<T, String> {
    let name = path.file_name().unwrap_or(path.as_os_str()).display();
    let file = File::open(path).map_err(|error| format!("{name} cannot be read: {error}"))?;
    serde_json::from_reader(BufReader::new(file.take(limit)))
        .map_err(|error| format!("{name} is not of the expected form: {error}"))
}

/// The sizes in a CLIP `config.json`. Files written by newer versions of `transformers` leave out
/// what equals its defaults, which stand here.
#[derive(Deserialize)]
struct ClipConfig {
    model_type: String,
    #[serde(default)]
    text_config: TextConfig,
    #[serde(default)]
    vision_config: VisionConfig,
    #[serde(default = "default_space")]
    projection_dim: usize,
}

fn default_space() -> usize {
    512
}

#[derive(Deserialize)]
#[serde(default)]
struct TextConfig {
    vocab_size: usize,
    max_position_embeddings: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
}

impl Default for TextConfig {
    fn default() -> TextConfig {
        TextConfig {
            vocab_size: 49408,
            max_position_embeddings: 77,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
        }
    }
}

#[derive(Deserialize)]
#[serde(default)]
struct VisionConfig {
    image_size: usize,
    patch_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
}

impl Default for VisionConfig {
    fn default() -> VisionConfig {
        VisionConfig {
            image_size: 224,
            patch_size: 32,
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
        }
    }
}

#[derive(Deserialize)]
struct Tokenizer {
    #[serde(rename = "model")]
    _model: IgnoredAny,
}
