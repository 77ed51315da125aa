//! Collections that live in a Qdrant cluster.
//!
//! A [`Cluster`] is the connection, a [`QdrantIndex`] one collection there: a point for each image,
//! with its vector in full precision under a name made of the model's fingerprint, and with the
//! metadata that conditions are applied to. Vectors are also kept as 8-bit integers, which large
//! searches look at first; what they find is compared in full.
//!
//! One more point without a vector holds what the collection is of and the last change applied. It is
//! written only after the cluster has acknowledged everything up to that change, so that whoever reads
//! it knows what is there, and sending the rest again does no harm.

mod apply;
mod client;
mod collection;
mod filter;
mod inspect;
mod payload;
mod search;
mod url;

pub use client::{API_KEY, Cluster};
pub use collection::{QdrantIndex, Remote, Spot, Tuning};
pub use filter::translates;
pub use inspect::{ClusterInfo, Stored};
pub use url::{ClusterUrl, ClusterUrlError};
