//! The index that makes searches of a large collection fast: built, moved, and compared with the database.

use std::sync::Arc;

use niteru_store::{Collection, IndexBuild, IndexPlace, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::handle::{Handle, JobError};
use crate::app::App;
use crate::error::ApiError;
use crate::problem::Kind;

pub(super) const BUILD: &str = "index";
pub(super) const VERIFY: &str = "verify-index";
pub(super) const MOVE: &str = "move-index";

/// Which index.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct IndexParameters {
    pub(crate) collection: String,
    /// Images whose vectors are compared, of an index in a cluster.
    #[serde(default)]
    pub(crate) sample: usize,
}

/// Which index is moved, and where.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MoveParameters {
    pub(crate) collection: String,
    /// A place, as lists show it. It is moved there only as long as that is offered.
    pub(crate) place: String,
}

/// A place of the list that indexes may be moved to.
pub(crate) fn place_offered(app: &App, place: &str) -> Result<IndexPlace, ApiError> {
    let found = places(app).find(|offered| offered.to_string() == place);
    found.ok_or_else(|| {
        ApiError::not_found("no index may be moved to this place")
            .help(
                "GET /api/index-places lists those that may; niteru serve --cluster URL offers one",
            )
            .because(Kind::NoIndexPlace)
    })
}

/// The places that indexes may be moved to.
pub(crate) fn places(app: &App) -> impl Iterator<Item = IndexPlace> {
    let clusters = app.settings.clusters.iter().cloned();
    std::iter::once(IndexPlace::Local).chain(clusters)
}

pub(super) fn move_to(
    app: &Arc<App>,
    handle: &Handle<'_>,
    parameters: Value,
) -> Result<Value, JobError> {
    let parameters: MoveParameters = serde_json::from_value(parameters)?;
    let place = place_offered(app, &parameters.place)?;
    let progress = |done: usize, total: usize| {
        // Sending looks itself whether it is to stop.
        let _ = handle.progress(done as u64, Some(total as u64));
    };
    let mut options = IndexBuild::default();
    options.cancel = Some(handle.cancel());
    options.progress = Some(&progress);
    let collection = app.home.collection(&parameters.collection)?;
    match collection.move_index_with(&place, &options) {
        Err(StoreError::Stopped) => Err(JobError::Stopped),
        report => Ok(json!(report?)),
    }
}

/// What `add` does at its end: a cluster gets what was added, and a large collection its index. The images are
/// stored: what goes wrong here is told, no more.
pub(super) fn after_add(app: &App, handle: &Handle<'_>, collection: &Collection<'_>) {
    let name = collection.name();
    if let Err(error) = collection.send_changes(None) {
        app.log(&format!("{name}: what was added is sent later: {error}"));
    }
    let wanted = collection.wants_index();
    if !wanted.is_ok_and(|wanted| wanted) || handle.go_on().is_err() {
        return;
    }
    let mut options = IndexBuild::default();
    options.cancel = Some(handle.cancel());
    if let Err(error) = collection.build_index(options) {
        app.log(&format!(
            "{name}: the images are stored, but their index is not built: {error}"
        ));
    }
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
