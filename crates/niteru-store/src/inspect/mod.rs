//! Inspectors and what they decided: trained detectors by name and version, every inspection, and what
//! people said about it.
//!
//! An inspector is bytes here; what they mean is the inspection room's. What is stored with an inspection
//! is enough to repeat it: the image's hash, the inspector's version, the instruction set.

mod check;
mod inspectors;

pub use inspectors::{InspectorFile, InspectorSummary, NewInspector, StoredInspector};

pub(crate) use check::check_inspections;
