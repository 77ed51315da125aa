//! Folders of the server: their images into a collection, once or kept in step.

use std::ops::RangeInclusive;
use std::sync::Arc;

use axum::http::Method;
use niteru_store::Role;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::watched::MOST;
use crate::app::App;
use crate::error::ApiError;
use crate::followed::FollowedFolder;
use crate::identity::Caller;
use crate::jobs::{ADD_FOLDER, FOLLOW, FolderParameters, JobView, WATCH, no_folder};
use crate::problem::{Kind, Problem};
use crate::route::{About, Accepted, InPath, Json, JsonBody, Route, change, read};
use crate::watched::offered;

/// Seconds that a file has to be quiet, and between two looks through a folder; as on the command line.
const SETTLE: RangeInclusive<f64> = 2.0..=3600.0;
const POLL: RangeInclusive<f64> = 1.0..=86_400.0;

pub(super) fn routes() -> Vec<Route> {
    vec![
        change(
            (Method::POST, "images.folder"),
            "/api/collections/{name}/folder",
            "Add the images of a folder on the server, of those that may be watched; with `watch`, keep the collection \
             in step with it until the job that does it is cancelled",
            Role::Engineer,
            add,
        ),
        read(
            "/api/collections/{name}/watches",
            "The folders that the collection is kept in step with. Events of their jobs tell when to look",
            Role::Viewer,
            followed,
        ),
    ]
}

/// What is to be added.
#[derive(Deserialize, ToSchema)]
struct AddedFolder {
    /// Name of a folder, of those that may be watched. Images in folders below it count, links do not.
    folder: String,
    /// Leave out images that the collection has already, or looks the same as.
    #[serde(default)]
    skip_duplicates: bool,
    /// Go on, and keep the collection in step with the folder.
    #[serde(default)]
    watch: bool,
    /// With `watch`: a file is complete when nothing has changed it for so many seconds, 2 to 3600; left out: 2.
    #[serde(default)]
    settle: Option<f64>,
    /// With `watch`: look through the folder every so many seconds, 1 to 86 400, for network shares; left out: the
    /// system tells of changes, where it can.
    #[serde(default)]
    poll: Option<f64>,
}

#[derive(Serialize, ToSchema)]
struct FollowedFolders {
    watches: Vec<FollowedFolder>,
}

async fn followed(
    app: Arc<App>,
    InPath(name): InPath<String>,
) -> Result<Json<FollowedFolders>, ApiError> {
    let watches = app.quick(move |app| {
        app.home.collection(&name)?;
        Ok(app.followed.of(&name))
    });
    Ok(Json(FollowedFolders {
        watches: watches.await?,
    }))
}

async fn add(
    app: Arc<App>,
    caller: Caller,
    InPath(name): InPath<String>,
    about: About,
    JsonBody(asked): JsonBody<AddedFolder>,
) -> Result<Accepted<JobView>, ApiError> {
    check_seconds("settle", asked.settle, asked.watch, &SETTLE)?;
    check_seconds("poll", asked.poll, asked.watch, &POLL)?;
    let job = app.quick(move |app| {
        app.home.collection(&name)?;
        let folders = offered(&app.home, &app.settings.folders);
        let folder = folders
            .into_iter()
            .find(|folder| folder.name == asked.folder);
        let folder = folder.ok_or_else(|| no_folder(&asked.folder))?;
        about.say(format!("{name}: {}", folder.name));
        let parameters = FolderParameters {
            collection: name,
            folder: folder.name,
            path: folder.path,
            skip_duplicates: asked.skip_duplicates,
            settle: asked.settle,
            poll: asked.poll,
        };
        if !asked.watch {
            return app.queue(ADD_FOLDER, &json!(parameters), &caller.name);
        }
        // Nobody else begins one between the look and the queue.
        let _queueing = app.watches.queueing.lock();
        check_free(app, &parameters)?;
        app.queue(FOLLOW, &json!(parameters), &caller.name)
    });
    Ok(Accepted(job.await?))
}

fn check_seconds(
    name: &str,
    seconds: Option<f64>,
    watch: bool,
    range: &RangeInclusive<f64>,
) -> Result<(), ApiError> {
    match seconds {
        None => Ok(()),
        Some(_) if !watch => Err(ApiError::bad(format!("{name} goes with watch"))),
        Some(seconds) if range.contains(&seconds) => Ok(()),
        Some(_) => {
            let (least, most) = (range.start(), range.end());
            Err(ApiError::bad(format!(
                "{name} is from {least} to {most} seconds"
            )))
        }
    }
}

/// Whether the collection is not kept in step with the folder yet, and there are not too many watches.
fn check_free(app: &App, asked: &FolderParameters) -> Result<(), ApiError> {
    let open = app.home.open_jobs()?;
    let same = |job: &&niteru_store::Job| {
        let of = &job.parameters;
        job.kind == FOLLOW && of["collection"] == *asked.collection && of["path"] == *asked.path
    };
    let folder = &*asked.folder;
    if open.iter().any(|job| same(&job)) {
        let message = format!("{} is kept in step with {folder} already", asked.collection);
        let problem = Problem::from(Kind::FolderFollowed).with("folder", folder);
        return Err(ApiError::conflict(message).because(problem));
    }
    check_room(&open)
}

/// Whether one more folder may be watched, for inspection or for a collection: each has a thread.
pub(super) fn check_room(open: &[niteru_store::Job]) -> Result<(), ApiError> {
    let lasting = |job: &&niteru_store::Job| [WATCH, FOLLOW].contains(&&*job.kind);
    if open.iter().filter(lasting).count() < MOST {
        return Ok(());
    }
    let message = format!("{MOST} folders are watched already: end a watch first");
    let problem = Problem::from(Kind::TooManyWatches).with("most", MOST);
    Err(ApiError::conflict(message).because(problem))
}
