//! Watching a folder: each photo that comes into it is judged once. It goes on until it is stopped, also after the server
//! has ended and started again.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use niteru_store::below::encoder::with_causes;
use niteru_store::{
    DriftWatch, HistoryQuery, LOOK_BACK, Metadata, NotJudged, PhotoEvent, PhotoWatch, rfc3339,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::handle::{Handle, JobError};
use crate::app::App;
use crate::error::ApiError;
use crate::problem::{Kind, Problem};
use crate::watched::{Kept, Reach, RunningWatch, SkippedPhoto, is_inside, known};

pub(crate) const KIND: &str = "watch";

/// The stages of a watch.
const WATCHING: &str = "watching";
const UNREACHABLE: &str = "unreachable";

/// Which folder is watched, with which inspector.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WatchParameters {
    /// The inspector.
    pub(crate) name: String,
    /// The folder's name when the watch was started.
    pub(crate) folder: String,
    /// Where it is. It is watched only as long as it is offered.
    pub(crate) path: String,
    /// Where the parts come from.
    pub(crate) metadata: BTreeMap<String, String>,
    /// Who inspects; none: who started it.
    #[serde(default)]
    pub(crate) operator: Option<String>,
    /// How many folders deep it looks, and into which ones not: as when it was started, for what was beyond was not left
    /// out then. Watches of before looked into the folder alone.
    #[serde(default)]
    pub(crate) depth: usize,
    /// See [`depth`](Self::depth).
    #[serde(default)]
    pub(crate) apart: Vec<PathBuf>,
}

pub(super) fn run(
    app: &Arc<App>,
    handle: &Handle<'_>,
    parameters: Value,
) -> Result<Value, JobError> {
    let watch: WatchParameters = serde_json::from_value(parameters)?;
    let folder = known(&app.home, &app.settings.folders, &watch.path);
    let folder = folder.ok_or_else(|| no_folder(&watch.folder))?;
    let path = Path::new(&folder.path);
    let job = app.home.job(handle.id())?;
    let last = app.home.inspections(&HistoryQuery {
        inspector: Some(watch.name.clone()),
        path: Some(path.to_path_buf()),
        limit: 1,
        ..HistoryQuery::default()
    })?;
    let kept = app.watches.keep(RunningWatch {
        job: job.id,
        inspector: watch.name.clone(),
        folder: folder.name.clone(),
        by: job.owner.clone(),
        since: rfc3339(job.created),
        judged: 0,
        skipped: 0,
        last_skipped: Vec::new(),
        unreachable: None,
        unreachable_exactly: None,
        drift: None,
        last: last.first().map(|last| last.id),
        found: None,
        recent: Vec::new(),
    });
    handle.tell_now(WATCHING, 0);
    let operator = watch.operator.as_ref().unwrap_or(&job.owner);
    let metadata: Metadata = watch.metadata.into_iter().collect();
    let mut lately = DriftWatch::default();
    let stop = || handle.cancel().load(Ordering::Relaxed);
    let reach =
        Reach::of(&app.home, &app.settings.folders, &folder).within(watch.depth, watch.apart);
    let of_folder = PhotoWatch {
        inspector: &watch.name,
        folder: path,
        reach: reach.of_photos(),
        linked: !is_inside(&app.home, path),
        limits: app.settings.uploads.image,
        stop: &stop,
    };
    app.home.watch_photos::<ApiError>(
        &of_folder,
        &mut |path, bytes| {
            let ready = app.inspector(&watch.name, None);
            let ready = ready.map_err(NotJudged::Watch)?;
            ready.judge_arrived(path, bytes, operator, metadata.clone())
        },
        &mut |event| {
            let judged = matches!(event, PhotoEvent::Judged(_));
            take(handle, &kept, event);
            if judged && lately.is_due() {
                look_back(app, &watch.name, &kept);
            }
        },
    )?;
    // It ends by itself only when it is told to.
    Err(JobError::Stopped)
}

/// There is no folder of this name to watch.
pub(crate) fn no_folder(name: &str) -> ApiError {
    ApiError::not_found(format!("no folder {name:?} may be watched"))
        .help("GET /api/watched-folders lists those that may; niteru serve --folder DIR offers one")
        .because(Problem::from(Kind::NoFolder).with("folder", name))
}

/// Looks whether photos have changed as a whole. What is wrong with the home is told when the next one is judged.
fn look_back(app: &Arc<App>, name: &str, kept: &Kept<'_>) {
    let Ok(ready) = app.inspector(name, None) else {
        return;
    };
    let Ok(drift) = app.home.drift(&ready.basis.query(ready.id, LOOK_BACK)) else {
        return;
    };
    let shifted = (drift.drift == Some(true)).then_some(drift);
    kept.change(|watch| watch.drift = shifted);
}

/// Why a folder cannot be reached.
fn away(kind: ErrorKind) -> Kind {
    use ErrorKind as E;
    match kind {
        E::NotFound | E::NotADirectory => Kind::FolderGone,
        E::PermissionDenied => Kind::FolderDenied,
        E::TimedOut
        | E::HostUnreachable
        | E::NetworkUnreachable
        | E::NetworkDown
        | E::StaleNetworkFileHandle => Kind::FolderSilent,
        _ => Kind::FolderOther,
    }
}

fn take(handle: &Handle<'_>, kept: &Kept<'_>, event: PhotoEvent) {
    let (mut done, mut stage) = (0, WATCHING);
    kept.change(|watch| {
        match event {
            PhotoEvent::Judged(found) => watch.judged(*found),
            PhotoEvent::Skipped { path, error } => {
                let name = path.file_name().unwrap_or(path.as_os_str());
                watch.skip(SkippedPhoto {
                    name: name.to_string_lossy().into_owned(),
                    reason: with_causes(error.reason()),
                    exactly: Problem::of(&error),
                });
            }
            PhotoEvent::Unreachable { reason, kind } => {
                watch.unreachable = Some(reason);
                watch.unreachable_exactly = Some(away(kind).into());
            }
            PhotoEvent::Reachable => {
                watch.unreachable = None;
                watch.unreachable_exactly = None;
            }
        }
        done = watch.judged + watch.skipped;
        if watch.unreachable.is_some() {
            stage = UNREACHABLE;
        }
    });
    handle.tell_now(stage, done);
}
