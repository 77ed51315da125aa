//! Inspectors: trained from pictures of good parts, they say of others whether they are good, where
//! they differ and by how much.
//!
//! [`train`] makes an [`Inspector`] of good pictures alone; [`Inspector::inspect`] judges a picture.
//! [`compare`] needs no inspector: it tells where two pictures of the same thing differ.
//! Nothing here knows of databases.

mod bank;
mod compare;
mod difference;
mod evaluate;
mod exactly;
mod features;
mod file;
mod fusion;
mod inspector;
mod known_bad;
mod looks;
mod memory;
mod old;
mod paths;
mod pixel_hash;
mod place;
mod random;
mod recipe;
mod reference;
mod regions;
mod texture;
mod train;
mod trust;
mod variants;
mod view;

pub use compare::{CompareError, CompareOptions, Comparison, DifferentPlace, OtherPlace, compare};
pub use difference::{Difference, Group, UNUSUAL};
pub use evaluate::{EvaluateError, Judged, Known, Quality, Rate, evaluate, evaluate_bad};
pub use exactly::{Exactly, Figure};
pub use fusion::{ScorePart, ScoreParts};
pub use inspector::{GoodPicture, Inspection, Inspector, InspectorError, NearestGood, Verdict};
pub use paths::serialize_path;
pub use pixel_hash::PixelHash;
pub use regions::{GoodPlace, Region};
pub use train::{
    Duplicate, MOST_TILES, OnStep, Skipped, Suspicious, TrainError, TrainOptions, TrainStep,
    Trained, WithSuspicious, train,
};
pub use trust::{Trust, TrustLevel, TrustReason};
