//! Model files and the networks that turn images and texts into embeddings.

mod catalogue;
mod weights;

pub use catalogue::{
    CatalogueEntry, DEFAULT_MODEL, HubWeights, ModelKind, Source, catalogue, find_in_catalogue,
};
pub use weights::{Dtype, Tensor, Weights, WeightsError};
