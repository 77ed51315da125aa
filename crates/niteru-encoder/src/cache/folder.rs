//! What a folder in Hugging Face format holds for each kind of model.

use std::path::Path;

use serde::Deserialize;

use super::check::{MAX_CONFIG, MAX_TOKENIZER};
use super::manifest::Role;
use crate::catalogue::ModelKind;

/// A file of a folder, with its size limit.
pub(super) type Wanted = (Role, &'static str, u64);

const CONFIG: Wanted = (Role::Config, "config.json", MAX_CONFIG);
const PREPROCESSOR: Wanted = (Role::Preprocessor, "preprocessor_config.json", MAX_CONFIG);
const TOKENIZER: Wanted = (Role::Tokenizer, "tokenizer.json", MAX_TOKENIZER);

/// The files besides the weights, the configuration first; none of a kind that is one weight file.
pub(super) fn files(kind: ModelKind) -> &'static [Wanted] {
    match kind {
        ModelKind::EfficientNetLite { .. } => &[],
        ModelKind::Clip => &[CONFIG, PREPROCESSOR, TOKENIZER],
        ModelKind::Dinov2 => &[CONFIG, PREPROCESSOR],
    }
}

/// Whether a model of this kind is a folder, not one weight file.
pub(super) fn is_folder(kind: ModelKind) -> bool {
    !files(kind).is_empty()
}

/// Their names, for people.
pub(super) fn names(kind: ModelKind) -> String {
    let names: Vec<&str> = files(kind).iter().map(|(_, name, _)| *name).collect();
    names.join(", ")
}

#[derive(Deserialize)]
struct ModelType {
    model_type: Option<String>,
}

/// The kind that a `config.json` says; `None` where it says nothing, as old ones of CLIP, or is no JSON: who reads
/// it then tells what is wrong.
pub(super) fn kind(config: &Path) -> Result<Option<ModelKind>, String> {
    let text = std::fs::read_to_string(config).unwrap_or_default();
    let said = serde_json::from_str::<ModelType>(&text).ok();
    match said.and_then(|said| said.model_type).as_deref() {
        None => Ok(None),
        Some("clip") => Ok(Some(ModelKind::Clip)),
        // Why those with registers are refused is told by who reads it as a DINOv2.
        Some("dinov2" | "dinov2_with_registers") => Ok(Some(ModelKind::Dinov2)),
        Some(other) => Err(format!(
            "config.json: model_type is {other:?}, expected \"clip\" or \"dinov2\""
        )),
    }
}
