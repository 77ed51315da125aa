//! Photos to try everything with: drawn parts to inspect, which need no network, and photos to search among, which
//! are fetched once, as is the usual model. What is there already is left alone, so the job can be begun again whenever
//! it ended.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use niteru_store::below::encoder::{DEFAULT_MODEL, ModelState, Pip, Watch, with_causes};
use niteru_store::{
    AddOptions, AddProgress, EncoderIdentity, FileEncoder, NewUpload, PartDefect, SamplesError,
    SamplesReport, Shows, Upload, sample_part,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::handle::{Handle, JobError};
use super::models;
use crate::app::App;
use crate::problem::Problem;

pub(super) const KIND: &str = "samples";

/// Parts that are drawn: enough good ones to learn from, and of each defect some.
const GOOD: u64 = 40;
const BAD: u64 = 3;

/// What they are called, in the language of who asks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct SamplesParameters {
    /// The inspector that the drawn parts are collected for.
    pub(crate) inspector: String,
    /// The collection of photos to search among.
    pub(crate) collection: String,
}

pub(super) fn run(
    app: &Arc<App>,
    handle: &Handle<'_>,
    parameters: Value,
) -> Result<Value, JobError> {
    let names: SamplesParameters = serde_json::from_value(parameters)?;
    // First: nothing can be searched or learnt without one, and what is half there helps nobody.
    model(app, handle, &names.collection)?;
    let good = (0..GOOD).map(|number| (number, None));
    let all: Vec<(u64, Option<PartDefect>)> = good.chain(bad_parts()).collect();
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (done, &(number, defect)) in all.iter().enumerate() {
        let upload = draw(app, number, defect)?;
        match defect {
            None => good.push(upload),
            Some(_) => bad.push(upload),
        }
        stop_if(
            handle
                .progress_of("drawing", done as u64 + 1, Some(all.len() as u64))
                .is_break(),
        )?;
    }
    app.home
        .collect_photos(&names.inspector, Shows::Good, &good)?;
    app.home
        .collect_photos(&names.inspector, Shows::Bad, &bad)?;
    let fetched = photos(app, handle)?;
    let (files, metadata, problem) = match fetched {
        Ok(report) => (vec![report.folder], Some(report.metadata), None),
        // Without a network the drawn parts are all there is to search among.
        Err(problem) => (files_of(app, good.iter().chain(&bad))?, None, Some(problem)),
    };
    add(app, handle, &names.collection, &files, metadata)?;
    let exactly = problem.as_ref().and_then(|error| Problem::of(error));
    Ok(json!({
        "inspector": names.inspector,
        "good": good.len(),
        "bad": bad.len(),
        "collection": names.collection,
        "problem": problem.map(|error| with_causes(&error)),
        "exactly": exactly,
    }))
}

/// Sees that the collection's model is there: a new home has none.
fn model(app: &App, handle: &Handle<'_>, collection: &str) -> Result<(), JobError> {
    let known = app.home.collections()?;
    let state = app.models().status(DEFAULT_MODEL)?.state;
    if known.iter().any(|one| one.name == collection) || matches!(state, ModelState::Installed(_)) {
        return Ok(());
    }
    models::fetch(app, handle, DEFAULT_MODEL, Some("model")).map(drop)
}

/// The drawn parts with defects, by numbers that no good one has.
fn bad_parts() -> impl Iterator<Item = (u64, Option<PartDefect>)> {
    let each = |number: u64| PartDefect::ALL.map(|defect| (number, Some(defect)));
    (0..BAD).flat_map(move |number| each(GOOD + number))
}

fn draw(app: &App, number: u64, defect: Option<PartDefect>) -> Result<Upload, JobError> {
    let picture = sample_part(number, defect);
    let name = match defect {
        None => format!("good-{number:02}.png"),
        Some(defect) => format!("{defect:?}-{number:02}.png").to_lowercase(),
    };
    let new = NewUpload {
        bytes: &picture.to_png()?,
        name: &name,
        owner: "samples",
    };
    Ok(app.home.keep_upload(&new, &app.settings.uploads)?)
}

/// The photos to search among, fetched where they are not here yet; else what kept them from coming.
fn photos(app: &App, handle: &Handle<'_>) -> Result<Result<SamplesReport, SamplesError>, JobError> {
    stop_if(handle.progress_of("fetching", 0, None).is_break())?;
    let cancelled = || handle.cancel().load(Ordering::Relaxed);
    let watch = Watch::new(&|_| (), &cancelled);
    let fetched = app.home.fetch_samples(&Pip::default(), &watch);
    handle.go_on()?;
    Ok(fetched)
}

fn files_of<'a>(
    app: &App,
    uploads: impl Iterator<Item = &'a Upload>,
) -> Result<Vec<PathBuf>, JobError> {
    let mut files = Vec::new();
    for upload in uploads {
        files.extend(app.home.upload(&upload.sha256)?);
    }
    Ok(files)
}

fn add(
    app: &App,
    handle: &Handle<'_>,
    collection: &str,
    files: &[PathBuf],
    metadata: Option<PathBuf>,
) -> Result<(), JobError> {
    let known = app.home.collections()?;
    let encoder = match known.iter().any(|one| one.name == collection) {
        true => app.encoder(app.home.collection(collection)?.identity())?,
        false => {
            let encoder = app.encoder_named(None)?;
            app.home
                .add_collection(collection, &EncoderIdentity::from(&*encoder))?;
            encoder
        }
    };
    let progress = |progress: &AddProgress| {
        // The add itself looks whether it is to stop.
        let _ = handle.progress_of("adding", progress.done, progress.total);
    };
    let mut options = AddOptions::default();
    options.metadata = metadata.as_deref();
    options.cancel = Some(handle.cancel());
    options.progress = Some(&progress);
    let encoder = FileEncoder {
        encoder: &encoder,
        options: Default::default(),
    };
    let report = app.home.add(collection, files, &encoder, options)?;
    stop_if(report.cancelled)
}

fn stop_if(stopped: bool) -> Result<(), JobError> {
    match stopped {
        true => Err(JobError::Stopped),
        false => Ok(()),
    }
}
