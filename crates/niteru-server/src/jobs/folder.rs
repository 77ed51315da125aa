//! Folders of the server into a collection: once, or kept in step with it until that is stopped, also after the server
//! has ended and started again. What is there already is left alone, so both can be begun again whenever they ended.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use niteru_store::below::encoder::EmbedOptions;
use niteru_store::{
    AddOptions, AddProgress, Candidate, Collection, EncoderIdentity, EncoderSeconds, FileEncoder,
    ImageEncoder, OnResult, WatchCounts, WatchEvent, WatchOptions, rfc3339,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::handle::{Handle, JobError};
use super::index;
use super::watch::no_folder;
use crate::app::App;
use crate::followed::{FollowedFolder, Kept, reach};
use crate::problem::{Kind, Problem};
use crate::watched::{SkippedPhoto, known};

pub(crate) const ADD: &str = "add-folder";
pub(crate) const FOLLOW: &str = "add-watch";

/// The stages of a folder that is followed.
const ADDING: &str = "adding";
const WATCHING: &str = "watching";
const UNREACHABLE: &str = "unreachable";

/// Between two looks whether a folder is there yet.
const AGAIN: Duration = Duration::from_secs(2);

/// Which folder is added to which collection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FolderParameters {
    pub(crate) collection: String,
    /// The folder's name when this was asked for.
    pub(crate) folder: String,
    /// Where it is. It is looked into only as long as it is offered.
    pub(crate) path: String,
    /// Leave out images that the collection has already, or looks the same as.
    #[serde(default)]
    pub(crate) skip_duplicates: bool,
    /// Seconds after which a file that nothing has changed is complete; where it is followed.
    #[serde(default)]
    pub(crate) settle: Option<f64>,
    /// Seconds between two looks through all of it; null: the system tells of changes.
    #[serde(default)]
    pub(crate) poll: Option<f64>,
}

impl FolderParameters {
    /// The folder, if it is still offered.
    fn known(&self, app: &App) -> Result<PathBuf, JobError> {
        let folder = known(&app.home, &app.settings.folders, &self.path);
        let folder = folder.ok_or_else(|| no_folder(&self.folder))?;
        Ok(PathBuf::from(folder.path))
    }
}

pub(super) fn add(
    app: &Arc<App>,
    handle: &Handle<'_>,
    parameters: Value,
) -> Result<Value, JobError> {
    let parameters: FolderParameters = serde_json::from_value(parameters)?;
    let folder = parameters.known(app)?;
    let collection = app.home.collection(&parameters.collection)?;
    let reached = reach(&app.home, &folder, &|| handle.go_on().is_err());
    let folder = match reached {
        None => return Err(JobError::Stopped),
        Some(Ok(folder)) => folder,
        Some(Err(error)) => {
            let problem = Problem::from(Kind::FolderUnreachable);
            return Err(JobError::failed(
                problem.with("folder", &*parameters.folder),
                format!(
                    "the folder {} cannot be reached: {error}",
                    parameters.folder
                ),
            ));
        }
    };
    let encoder = app.encoder(collection.identity())?;
    let encoder = FileEncoder {
        encoder: &encoder,
        options: embed_options(app),
    };
    let progress = |progress: &AddProgress| {
        // The add itself looks whether it is to stop.
        let _ = handle.progress(progress.done, progress.total);
    };
    let mut options = AddOptions::default();
    options.skip_duplicates = parameters.skip_duplicates;
    options.without_links = true;
    options.cancel = Some(handle.cancel());
    options.progress = Some(&progress);
    let report = app
        .home
        .add(&parameters.collection, &[folder], &encoder, options)?;
    if report.cancelled {
        return Err(JobError::StoppedWith(json!(report)));
    }
    if report.added + report.updated > 0 {
        index::after_add(app, handle, &collection);
    }
    Ok(json!(report))
}

/// Limits are those of uploads: others may write to these folders.
fn embed_options(app: &App) -> EmbedOptions {
    EmbedOptions {
        limits: app.settings.uploads.image,
        ..EmbedOptions::default()
    }
}

pub(super) fn follow(
    app: &Arc<App>,
    handle: &Handle<'_>,
    parameters: Value,
) -> Result<Value, JobError> {
    let parameters: FolderParameters = serde_json::from_value(parameters)?;
    let folder = parameters.known(app)?;
    let collection = app.home.collection(&parameters.collection)?;
    // A model that is not there is told now, not with the first file.
    app.encoder(collection.identity())?;
    let job = app.home.job(handle.id())?;
    let kept = app.followed.keep(FollowedFolder {
        job: job.id,
        collection: parameters.collection.clone(),
        folder: parameters.folder.clone(),
        by: job.owner,
        since: rfc3339(job.created),
        counts: WatchCounts::default(),
        watching: false,
        last_skipped: Vec::new(),
        unreachable: None,
        polling: None,
        retrying: None,
    });
    let folder = wait_for(app, handle, &kept, &folder)?;
    let follower = Follower {
        app,
        handle,
        collection: &collection,
        folder: &folder,
        kept: &kept,
        told: Mutex::default(),
    };
    let progress = |progress: &AddProgress| {
        let _ = handle.progress_of(ADDING, progress.done, progress.total);
    };
    let mut options = WatchOptions::default();
    // Only a restored home's jobs ask for what is no time.
    let seconds = |asked: Option<f64>| Duration::try_from_secs_f64(asked?).ok();
    options.settle = seconds(parameters.settle).unwrap_or(options.settle);
    options.poll = seconds(parameters.poll);
    options.skip_duplicates = parameters.skip_duplicates;
    options.without_links = true;
    options.cancel = Some(handle.cancel());
    options.progress = Some(&progress);
    let encoder = WhenNeeded {
        app,
        identity: collection.identity().clone(),
    };
    app.home.watch(
        &parameters.collection,
        &[&folder],
        &encoder,
        options,
        &|event| follower.take(event),
    )?;
    // It ends by itself only when it is told to.
    Err(JobError::Stopped)
}

/// Waits until a folder can be read.
fn wait_for(
    app: &App,
    handle: &Handle<'_>,
    kept: &Kept<'_>,
    folder: &Path,
) -> Result<PathBuf, JobError> {
    let stop = || handle.go_on().is_err();
    loop {
        match reach(&app.home, folder, &stop) {
            None => return Err(JobError::Stopped),
            Some(Ok(folder)) => {
                kept.change(|followed| followed.unreachable = None);
                return Ok(folder);
            }
            Some(Err(error)) => {
                kept.change(|followed| followed.unreachable = Some(error.to_string()));
                handle.tell_now(UNREACHABLE, 0);
            }
        }
        let mut left = AGAIN;
        while !left.is_zero() {
            handle.go_on()?;
            let tick = left.min(Duration::from_millis(100));
            std::thread::sleep(tick);
            left -= tick;
        }
    }
}

/// Takes what happens in a folder.
struct Follower<'a> {
    app: &'a App,
    handle: &'a Handle<'a>,
    collection: &'a Collection<'a>,
    folder: &'a Path,
    kept: &'a Kept<'a>,
    /// Changes so far.
    told: Mutex<u64>,
}

impl Follower<'_> {
    fn take(&self, event: &WatchEvent) {
        match event {
            WatchEvent::Skipped { path, reason } => self.skip(path, reason),
            WatchEvent::Synced(counts) => {
                self.kept.change(|followed| {
                    followed.counts.add(counts);
                    followed.retrying = None;
                });
                *self.told.lock() += counts.changes();
                if counts.changes() > 0 && self.handle.go_on().is_ok() {
                    index::after_add(self.app, self.handle, self.collection);
                }
                self.tell();
            }
            WatchEvent::Watching(_) => {
                self.kept.change(|followed| followed.watching = true);
                self.tell();
            }
            WatchEvent::Polling { reason, .. } => self
                .kept
                .change(|followed| followed.polling = Some(reason.clone())),
            WatchEvent::Retrying { reason } => self
                .kept
                .change(|followed| followed.retrying = Some(reason.clone())),
            _ => {}
        }
    }

    /// Each change comes with the end of its batch.
    fn tell(&self) {
        let mut watching = false;
        self.kept.change(|followed| watching = followed.watching);
        if watching {
            self.handle.tell_now(WATCHING, *self.told.lock());
        }
    }

    fn skip(&self, path: &Path, reason: &str) {
        let name = path.strip_prefix(self.folder).unwrap_or(path);
        let name = match name.as_os_str().is_empty() {
            true => path,
            false => name,
        };
        let skipped = SkippedPhoto {
            name: name.to_string_lossy().into_owned(),
            reason: reason.to_owned(),
            exactly: None,
        };
        self.kept.change(|followed| followed.skip(skipped));
    }
}

/// The encoder of a collection, asked for when there is something to embed: a folder in which nothing happens for days
/// holds no model in memory.
struct WhenNeeded<'a> {
    app: &'a App,
    identity: EncoderIdentity,
}

impl ImageEncoder for WhenNeeded<'_> {
    fn identity(&self) -> EncoderIdentity {
        self.identity.clone()
    }

    fn embed_files(
        &self,
        files: &mut (dyn Iterator<Item = Candidate> + Send),
        on_result: &mut OnResult<'_>,
    ) -> Result<EncoderSeconds, Box<dyn std::error::Error + Send + Sync>> {
        let Some(first) = files.next() else {
            return Ok(EncoderSeconds::default());
        };
        let encoder = self.app.encoder(&self.identity);
        let encoder = encoder.map_err(|error| error.message().to_owned())?;
        let encoder = FileEncoder {
            encoder: &encoder,
            options: embed_options(self.app),
        };
        encoder.embed_files(&mut std::iter::once(first).chain(files), on_result)
    }
}
