//! Looking after the home: backups, and whether all is as it should be.

use std::sync::Arc;

use niteru_store::{BackupError, BackupOptions, CheckOptions};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::handle::{Handle, JobError};
use crate::app::App;

pub(super) const BACKUP: &str = "backup";
pub(super) const CHECK: &str = "check";

/// What a backup takes along.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct BackupParameters {
    /// Take the installed models along, too; without, they have to be fetched again.
    pub(crate) with_models: bool,
}

/// What is looked at.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct CheckHomeParameters {
    /// Read all image files and compare them with what was embedded.
    pub(crate) files: bool,
}

pub(super) fn backup(
    app: &Arc<App>,
    handle: &Handle<'_>,
    parameters: Value,
) -> Result<Value, JobError> {
    let BackupParameters { with_models } = serde_json::from_value(parameters)?;
    let progress = |done, total| {
        // The backup itself looks whether it is to stop.
        let _ = handle.progress(done, Some(total));
    };
    let mut options = BackupOptions::default();
    options.with_models = with_models;
    options.progress = Some(&progress);
    options.cancel = Some(handle.cancel());
    match app.home.store_backup(options) {
        Ok(report) => Ok(json!(report)),
        Err(BackupError::Cancelled) => Err(JobError::Stopped),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn check(
    app: &Arc<App>,
    handle: &Handle<'_>,
    parameters: Value,
) -> Result<Value, JobError> {
    let CheckHomeParameters { files } = serde_json::from_value(parameters)?;
    let progress = |done, total| {
        let _ = handle.progress(done, Some(total));
    };
    let mut options = CheckOptions::default();
    options.files = files;
    options.progress = Some(&progress);
    options.cancel = Some(handle.cancel());
    let report = niteru_store::check(app.home.directory(), options);
    // Of files that were not read, it says nothing.
    handle.go_on()?;
    Ok(json!(report?))
}
