//! Models: fetched, taken from files that were sent, checked on photos.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use niteru_store::below::encoder::{FetchEvent, ModelError, Network, Watch};
use niteru_store::below::kernels::Kernels;
use niteru_store::{Job, ModelCheck, ModelSummary, check_model};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::handle::{Handle, JobError};
use super::train::Photos;
use crate::app::App;
use crate::error::ApiError;
use crate::leftovers::is_token;
use crate::problem::Kind;

pub(super) const PULL: &str = "pull";
pub(super) const IMPORT: &str = "import";
pub(super) const CHECK: &str = "check-model";
pub(super) const VERIFY: &str = "verify-model";

/// Photos that a check reads at most.
const MOST_PHOTOS: usize = 500;

/// What is fetched.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PullParameters {
    pub(crate) name: String,
}

/// Whose files are read again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct VerifyParameters {
    pub(crate) name: String,
}

/// What was sent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ImportParameters {
    /// What the model is to be called.
    pub(crate) name: String,
    /// The folder of what was sent, below that of all.
    pub(crate) folder: String,
    /// Where it comes from, as the model's summary tells it.
    pub(crate) source: String,
}

/// What a model is checked on.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct CheckParameters {
    /// The model, as the path has it.
    #[serde(default)]
    #[schema(ignore)]
    pub(crate) name: String,
    /// The photos; the first 500 of them are used.
    pub(crate) photos: Photos,
    /// Use at most so many.
    #[serde(default)]
    pub(crate) limit: Option<usize>,
}

impl CheckParameters {
    /// Looks whether there are photos, before it waits for its turn.
    pub(crate) fn check(&self, app: &App) -> Result<(), ApiError> {
        if self.limit == Some(0) {
            return Err(ApiError::bad("limit is 1 or more"));
        }
        match self.photos.files(app)?.is_empty() {
            false => Ok(()),
            true => Err(ApiError::bad("there are no photos to check it on")
                .help("name a collection, or uploads")
                .because(Kind::NoPhotosToCheck)),
        }
    }
}

/// Shows what a fetch or a copy tells as progress of the job, in bytes; of a stage, or else of each file by its name.
fn watched<T>(handle: &Handle<'_>, stage: Option<&str>, work: impl FnOnce(&Watch<'_>) -> T) -> T {
    let on_event = |event: FetchEvent<'_>| {
        if let FetchEvent::Progress { file, done, total } = event {
            // It looks itself whether it is to stop.
            let _ = handle.progress_of(stage.unwrap_or(file), done, total);
        }
    };
    let cancelled = || handle.cancel().load(Ordering::Relaxed);
    work(&Watch::new(&on_event, &cancelled))
}

/// The model as it is now; what was told to stop is no failure.
fn outcome(
    app: &App,
    handle: &Handle<'_>,
    name: &str,
    result: Result<(), ModelError>,
) -> Result<Value, JobError> {
    if result.is_err() {
        handle.go_on()?;
    }
    result?;
    app.forget_encoders(name);
    let cache = app.models();
    let status = cache.status(name)?;
    Ok(json!(ModelSummary::new(&cache, &status)))
}

pub(super) fn pull(
    app: &Arc<App>,
    handle: &Handle<'_>,
    parameters: Value,
) -> Result<Value, JobError> {
    let PullParameters { name } = serde_json::from_value(parameters)?;
    fetch(app, handle, &name, None)
}

/// Fetches a model of the catalogue, and gives it as it is then. `stage` is what the job shows meanwhile; left out:
/// the files' names.
pub(super) fn fetch(
    app: &App,
    handle: &Handle<'_>,
    name: &str,
    stage: Option<&str>,
) -> Result<Value, JobError> {
    let cache = app.models();
    let pulled = watched(handle, stage, |watch| {
        cache.pull(name, &Network::from_env(), watch)
    });
    outcome(app, handle, name, pulled.map(drop))
}

/// Reads all files of a model again, and gives the model as the command line shows it.
pub(super) fn verify(
    app: &Arc<App>,
    handle: &Handle<'_>,
    parameters: Value,
) -> Result<Value, JobError> {
    let VerifyParameters { name } = serde_json::from_value(parameters)?;
    let cache = app.models();
    let verified = watched(handle, None, |watch| cache.verify(&name, watch));
    handle.go_on()?;
    verified?;
    let status = cache.status(&name)?;
    Ok(json!(ModelSummary::new(&cache, &status)))
}

pub(super) fn import(
    app: &Arc<App>,
    handle: &Handle<'_>,
    parameters: Value,
) -> Result<Value, JobError> {
    let parameters: ImportParameters = serde_json::from_value(parameters)?;
    // A restored home's jobs may name anything.
    if !is_token(&parameters.folder) {
        return Err(sent_gone());
    }
    let folder = app.incoming().join(&parameters.folder);
    let sent = what_was_sent(&folder)?;
    let cache = app.models();
    let imported = watched(handle, None, |watch| {
        cache.import_from(&parameters.name, &sent, &parameters.source, watch)
    });
    // It is copied, or of no use.
    let _ = std::fs::remove_dir_all(&folder);
    outcome(app, handle, &parameters.name, imported.map(drop))
}

/// The folder of what was sent for an import; `None` for other jobs, and for what only a restored home names.
pub(crate) fn import_folder(job: &Job) -> Option<String> {
    let of_import = job.kind == IMPORT;
    let parameters = of_import.then(|| serde_json::from_value(job.parameters.clone()).ok())?;
    let ImportParameters { folder, .. } = parameters?;
    is_token(&folder).then_some(folder)
}

fn sent_gone() -> JobError {
    JobError::failed(Kind::SentGone, "what was sent is gone: send it again")
}

/// The one file that was sent, or the folder of several.
fn what_was_sent(folder: &Path) -> Result<std::path::PathBuf, JobError> {
    let entries = std::fs::read_dir(folder).map_err(|_| sent_gone())?;
    let entries: Vec<_> = entries.collect::<Result<_, _>>()?;
    match &entries[..] {
        [one] => Ok(one.path()),
        _ => Ok(folder.to_path_buf()),
    }
}

pub(super) fn check(
    app: &Arc<App>,
    handle: &Handle<'_>,
    parameters: Value,
) -> Result<Value, JobError> {
    let parameters: CheckParameters = serde_json::from_value(parameters)?;
    let mut photos = parameters.photos.files(app)?;
    photos.truncate(parameters.limit.unwrap_or(MOST_PHOTOS).min(MOST_PHOTOS));
    let total = (ModelCheck::PASSES * photos.len()) as u64;
    let mut done = 0;
    let mut on_photo = |_: Option<&_>| -> ControlFlow<()> {
        done += 1;
        handle.progress(done, Some(total))
    };
    let kernels = Kernels::from_env()?;
    let name = &parameters.name;
    let checked = check_model(&app.models(), name, kernels, &photos, None, &mut on_photo);
    handle.go_on()?;
    app.forget_encoders(name);
    Ok(json!(checked?))
}
