//! Model files and the networks that turn images and texts into embeddings.

mod arch;
mod cache;
mod catalogue;
mod encoder;
mod fingerprint;
mod pipeline;
mod preprocess;
mod random;
mod tokenizer;
mod weights;

pub use arch::ConfigError;
pub use cache::ModelFiles;
pub use catalogue::{
    CatalogueEntry, DEFAULT_MODEL, HubWeights, ModelKind, Source, catalogue, find_in_catalogue,
};
pub use encoder::{EmbedError, Encoder, LoadError, PatchFeatures};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use pipeline::{EmbedOptions, Embedded, StageTimes};
pub use preprocess::{Pixels, Preprocess, PreprocessError};
pub use tokenizer::TokenizerError;
pub use weights::{Dtype, Tensor, Weights, WeightsError};
