//! Watched folders: which may be watched, which are, and what was decided of late.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use axum::http::Method;
use niteru_store::{Role, StoreError, VerdictCounts};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::folders::check_room;
use super::history::moment;
use super::inspect::check_attribution;
use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::jobs::{JobView, WATCH, WatchParameters, no_folder};
use crate::problem::{Kind, Problem};
use crate::route::{About, Accepted, InPath, Json, JsonBody, Query, Route, change, read};
use crate::watched::{OfferedFolder, Reach, RunningWatch, offered};

/// Watches at a time: each has a thread.
pub(super) const MOST: usize = 16;

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/watched-folders",
            "The folders that may be watched",
            Role::Viewer,
            folders,
        ),
        read(
            "/api/watches",
            "The watches that run, each with the last photo that it judged. Events of their jobs tell when to look",
            Role::Viewer,
            running,
        ),
        change(
            (Method::POST, "watch.start"),
            "/api/inspectors/{name}/watch",
            "Judge each photo that comes into a folder, until the job that does it is cancelled",
            Role::Operator,
            start,
        ),
        read(
            "/api/inspectors/{name}/counts",
            "How often each verdict was decided, a person's where there is one",
            Role::Viewer,
            counts,
        ),
    ]
}

#[derive(Serialize, ToSchema)]
struct OfferedFolders {
    folders: Vec<OfferedFolder>,
}

#[derive(Serialize, ToSchema)]
struct RunningWatches {
    watches: Vec<RunningWatch>,
}

/// What is to be watched.
#[derive(Deserialize, ToSchema)]
struct NewWatch {
    /// Name of a folder, of those that may be watched.
    folder: String,
    /// Judge the photos that are there already, too; those that it judged before stay as they are.
    #[serde(default)]
    existing: bool,
    /// Where the parts come from: lot, machine, mould.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    /// Who inspects; left out: who asks.
    #[serde(default)]
    operator: Option<String>,
}

#[derive(Deserialize, IntoParams)]
struct Since {
    /// Not before this: `2026-11-25`, or `2026-11-25T08:30`, in UTC; left out: ever.
    since: Option<String>,
}

async fn folders(app: Arc<App>, _: Caller) -> Result<Json<OfferedFolders>, ApiError> {
    let folders = app.quick(|app| Ok(offered(&app.home, &app.settings.folders)));
    let folders = folders.await?;
    Ok(Json(OfferedFolders { folders }))
}

async fn running(app: Arc<App>, _: Caller) -> Result<Json<RunningWatches>, ApiError> {
    let watches = app.watches.all();
    Ok(Json(RunningWatches { watches }))
}

async fn start(
    app: Arc<App>,
    caller: Caller,
    InPath(name): InPath<String>,
    about: About,
    JsonBody(new): JsonBody<NewWatch>,
) -> Result<Accepted<JobView>, ApiError> {
    about.say(format!("{name}: {}", new.folder));
    if new.metadata.keys().any(|field| field.trim().is_empty()) {
        return Err(ApiError::bad("a field of the metadata has no name"));
    }
    let operator = new.operator.filter(|operator| !operator.trim().is_empty());
    check_attribution(&app, &caller, operator.as_deref(), false)?;
    let job = app.quick(move |app| {
        let folders = offered(&app.home, &app.settings.folders);
        let folder = folders.into_iter().find(|folder| folder.name == new.folder);
        let folder = folder.ok_or_else(|| no_folder(&new.folder))?;
        check_free(app, &name, &folder)?;
        let reach = Reach::of(&app.home, &app.settings.folders, &folder);
        let path = Path::new(&folder.path);
        let begun = app
            .home
            .begin_watching(&name, path, reach.of_photos(), new.existing);
        begun.map_err(|error| match error {
            StoreError::Read { source, .. } => unreachable(&folder.name, &source),
            error => error.into(),
        })?;
        // Again: somebody else may have been quicker.
        let _queueing = app.watches.queueing.lock();
        check_free(app, &name, &folder)?;
        let parameters = WatchParameters {
            name,
            folder: folder.name,
            path: folder.path,
            metadata: new.metadata,
            operator,
            depth: reach.depth(),
            apart: reach.apart(),
        };
        app.queue(WATCH, &json!(parameters), &caller.name)
    });
    Ok(Accepted(job.await?))
}

/// Whether nobody watches the folder with this inspector yet, and there are not too many watches.
fn check_free(app: &App, name: &str, folder: &OfferedFolder) -> Result<(), ApiError> {
    let open = app.home.open_jobs()?;
    let mut watches = open.iter().filter(|job| job.kind == WATCH);
    let same = |of: &serde_json::Value| of["name"] == name && of["path"] == folder.path;
    if watches.any(|watch| same(&watch.parameters)) {
        let problem = Problem::from(Kind::WatchRuns).with("folder", &*folder.name);
        let message = format!("{} is watched with {name} already", folder.name);
        return Err(ApiError::conflict(message).because(problem));
    }
    check_room(&open)
}

fn unreachable(folder: &str, error: &std::io::Error) -> ApiError {
    ApiError::conflict(format!("the folder {folder} cannot be reached: {error}"))
        .help("see that it is there, and that the server may read it")
        .because(Problem::from(Kind::FolderUnreachable).with("folder", folder))
}

async fn counts(
    app: Arc<App>,
    InPath(name): InPath<String>,
    Query(Since { since }): Query<Since>,
) -> Result<Json<VerdictCounts>, ApiError> {
    let since = since.as_deref().map(moment).transpose()?;
    let counts =
        app.quick(move |app| Ok(app.home.verdict_counts(&name, since.unwrap_or(i64::MIN))?));
    Ok(Json(counts.await?))
}
