//! Vector indexes behind one trait.
//!
//! An index answers "which embeddings are most similar to this one?" for one collection. It is
//! *derived*: it holds nothing that the store does not hold, can be thrown away at any time, and
//! is kept in step by [`Changes`] that carry the store's change number.
//!
//! Embeddings come in as [`half::f16`], exactly as the store keeps them, so every index compares
//! the same rounded values whichever way it got them. A similarity is the cosine of the query
//! (f32, rounded nowhere) and the stored vector, and lies in −1…1.
//!
//! What a search may find is a [`Condition`] on metadata; see [`condition`] for its language.
//!
//! ```
//! use niteru_kernels::Kernels;
//! use niteru_index::{Changes, ExactIndex, Search, VectorIndex, to_f16};
//!
//! let index = ExactIndex::new(2, Kernels::detect());
//! let vectors = to_f16(&[1.0, 0.0, 0.0, 1.0]);
//! index.apply(&Changes { version: 1, ids: &[10, 20], vectors: &vectors, ..Changes::default() })?;
//! let hits = index.search(&[0.9, 0.1], &Search::top(1))?;
//! assert_eq!(hits[0].id, 10);
//! # Ok::<(), niteru_index::IndexError>(())
//! ```

mod blend;
pub mod condition;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod exact;
mod file;
mod graph;
mod hnsw;
mod id_set;
#[cfg(feature = "qdrant")]
pub mod qdrant;
mod query;
mod rows;
mod scan;
pub mod synthetic;
mod top_k;

pub use blend::{mean_direction, rocchio};
pub use condition::{Condition, ConditionError};
pub use error::IndexError;
pub use exact::ExactIndex;
pub use file::{FileError, FileSummary, Stamp};
pub use half::f16;
pub use hnsw::{BuildOptions, HnswIndex, WAITING};
pub use id_set::IdSet;
pub use query::{Changes, Filter, Hit, Search, VectorIndex, from_f16, to_f16};
pub use top_k::TopK;
