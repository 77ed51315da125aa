//! The index that makes searches of a large collection fast: built, and compared with the database.

use std::sync::Arc;

use niteru_store::IndexBuild;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::handle::{Handle, JobError};
use crate::app::App;

pub(super) const BUILD: &str = "index";
pub(super) const VERIFY: &str = "verify-index";

/// Which index.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct IndexParameters {
    pub(crate) collection: String,
    /// Images whose vectors are compared, of an index in a cluster.
    #[serde(default)]
    pub(crate) sample: usize,
}

pub(super) fn build(
    app: &Arc<App>,
    handle: &Handle<'_>,
    parameters: Value,
) -> Result<Value, JobError> {
    let parameters: IndexParameters = serde_json::from_value(parameters)?;
    let progress = |done: usize, total: usize| {
        // Building looks itself whether it is to stop.
        let _ = handle.progress(done as u64, Some(total as u64));
    };
    let mut options = IndexBuild::default();
    options.cancel = Some(handle.cancel());
    options.progress = Some(&progress);
    let collection = app.home.collection(&parameters.collection)?;
    let report = collection.build_index(options)?;
    match report.cancelled {
        true => Err(JobError::Stopped),
        false => Ok(json!(report)),
    }
}

pub(super) fn verify(
    app: &Arc<App>,
    handle: &Handle<'_>,
    parameters: Value,
) -> Result<Value, JobError> {
    let parameters: IndexParameters = serde_json::from_value(parameters)?;
    let collection = app.home.collection(&parameters.collection)?;
    let report = collection.verify_index(parameters.sample, Some(handle.cancel()));
    handle.go_on()?;
    Ok(json!(report?))
}
