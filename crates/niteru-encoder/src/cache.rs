//! stub
use crate::catalogue::ModelKind;
use std::path::PathBuf;
/// stub
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFiles {
    /// The model's name.
    pub name: String,
    /// The folder that the files are in.
    pub directory: PathBuf,
    /// What kind of network they describe.
    pub kind: ModelKind,
    /// The tensors; for [`Weights::open`](crate::Weights::open).
    pub weights: PathBuf,
    /// sha256 of the weight file, in hexadecimal, as it was when it was installed.
    pub weights_sha256: String,
    /// `config.json`, for CLIP.
    pub config: Option<PathBuf>,
    /// `preprocessor_config.json`, for CLIP.
    pub preprocessor: Option<PathBuf>,
    /// `tokenizer.json`, for CLIP.
    pub tokenizer: Option<PathBuf>,
}
