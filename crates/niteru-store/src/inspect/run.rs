//! Inspecting a file so that the decision can be written down and repeated.

use std::path::Path;

use niteru_imaging::{DecodeError, HeatError, Limits, Picture};
use niteru_inspect::Inspector;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::record::NewInspection;
use super::verdict::Verdict;
use crate::Metadata;

/// An inspected file.
#[derive(Debug, Clone)]
pub struct InspectedFile {
    /// Of the file's bytes.
    pub sha256: [u8; 32],
    /// What it shows.
    pub picture: Picture,
    /// What the inspector found.
    pub inspection: niteru_inspect::Inspection,
}

/// A file could not be inspected.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// It is not a usable picture.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The heat map could not be made.
    #[error("the heat map could not be made")]
    Heat(#[from] HeatError),
}

impl From<niteru_inspect::Verdict> for Verdict {
    fn from(verdict: niteru_inspect::Verdict) -> Self {
        match verdict {
            niteru_inspect::Verdict::Ok => Self::Ok,
            niteru_inspect::Verdict::Ng => Self::Ng,
            niteru_inspect::Verdict::Unlike => Self::Unlike,
        }
    }
}

/// Inspects one file, on the calling thread. The bytes that are judged are those that are hashed.
///
/// # Errors
/// When the file is not a usable picture, or no heat map can be made of it.
pub fn inspect_file(
    inspector: &Inspector<'_>,
    path: &Path,
    limits: &Limits,
) -> Result<InspectedFile, InspectError> {
    let bytes = Picture::read(path, limits)?;
    let picture = Picture::decode(&bytes, limits).map_err(|error| error.in_file(path))?;
    Ok(InspectedFile {
        sha256: Sha256::digest(&bytes).into(),
        inspection: inspector.inspect(&picture)?,
        picture,
    })
}

impl InspectedFile {
    /// What is written down of it.
    pub fn record(
        &self,
        path: &Path,
        operator: Option<&str>,
        kernels: &str,
        metadata: Metadata,
    ) -> NewInspection {
        let found = &self.inspection;
        NewInspection {
            path: path.to_path_buf(),
            sha256: self.sha256,
            time: None,
            operator: operator.map(Into::into),
            score: found.score,
            threshold: found.threshold,
            p_value: found.p_value,
            verdict: found.verdict.into(),
            // Regions are numbers and paths: nothing of them can fail to be JSON.
            regions: serde_json::to_value(&found.regions).unwrap_or_else(|_| Value::Array(vec![])),
            defect: found.defect.clone(),
            kernels: kernels.to_string(),
            metadata,
        }
    }
}
