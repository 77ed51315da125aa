//! Uploaded images into a collection. What is there already is left alone, so the job can be begun again
//! whenever it ended.

use std::path::PathBuf;
use std::sync::Arc;

use niteru_store::{AddOptions, AddProgress, FileEncoder};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::handle::{Handle, JobError};
use crate::app::App;

pub(super) const KIND: &str = "add";

/// What is added to what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AddParameters {
    pub(crate) collection: String,
    /// sha256 of uploaded images.
    pub(crate) uploads: Vec<String>,
    /// Leave out images that the collection has already, or looks the same as.
    #[serde(default)]
    pub(crate) skip_duplicates: bool,
}

pub(super) fn run(
    app: &Arc<App>,
    handle: &Handle<'_>,
    parameters: Value,
) -> Result<Value, JobError> {
    let parameters: AddParameters = serde_json::from_value(parameters)?;
    let collection = app.home.collection(&parameters.collection)?;
    let mut files: Vec<PathBuf> = Vec::with_capacity(parameters.uploads.len());
    for sha256 in &parameters.uploads {
        files.extend(app.home.upload(sha256)?);
    }
    let encoder = app.encoder(collection.identity())?;
    let progress = |progress: &AddProgress| {
        // The add itself looks whether it is to stop.
        let _ = handle.progress(progress.done, Some(files.len() as u64));
    };
    let mut options = AddOptions::default();
    options.skip_duplicates = parameters.skip_duplicates;
    options.cancel = Some(handle.cancel());
    options.progress = Some(&progress);
    let encoder = FileEncoder {
        encoder: &encoder,
        options: Default::default(),
    };
    let report = app
        .home
        .add(&parameters.collection, &files, &encoder, options)?;
    match report.cancelled {
        true => Err(JobError::StoppedWith(json!(report))),
        false => Ok(json!(report)),
    }
}
