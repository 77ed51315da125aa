//! Pictures of decisions: the photo, its heat map, the good photo beside it.

use std::path::Path;
use std::sync::Arc;

use axum::http::StatusCode;
use niteru_store::below::imaging::Picture;
use niteru_store::below::inspect::{NearestGood, PixelHash};
use niteru_store::{
    InspectedFile, Inspection, KnownFile, Reproduced, Role, ToldInspection, read_known,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::inspect::ReadyInspector;
use crate::app::App;
use crate::error::ApiError;
use crate::problem::Kind;
use crate::route::{File, InPath, Json, Query, Route, ask, read};

/// Longest side of a picture, in pixels.
const MOST_SIDE: u32 = 4096;

/// Longer side that pictures have where none is asked for.
const USUAL_SIDE: u32 = 1024;

const QUALITY: u8 = 88;

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/history/{id}/picture",
            "The photo of an inspection: JPEG; gone (410) where its file is another one by now",
            Role::Viewer,
            picture,
        ),
        read(
            "/api/history/{id}/heat",
            "The heat map of an inspection over its photo: JPEG; one scale for all of an inspector",
            Role::Viewer,
            heat,
        ),
        read(
            "/api/history/{id}/good",
            "The good photo that an inspection's photo is most like: JPEG",
            Role::Viewer,
            good,
        ),
        ask(
            "/api/history/{id}/replay",
            "Judge the photo of an inspection again, with the version that did it",
            Role::Viewer,
            replay,
        ),
    ]
}

#[derive(Clone, Copy, Deserialize, IntoParams)]
pub(super) struct Side {
    /// Longer side in pixels that the picture is brought down to; left out: 1024.
    side: Option<u32>,
}

impl Side {
    fn pixels(self) -> u32 {
        self.side.unwrap_or(USUAL_SIDE).clamp(1, MOST_SIDE)
    }
}

/// A file that was noted before, as JPEG.
pub(super) fn shown_file(app: &App, path: &Path, side: Side) -> Result<File, ApiError> {
    let path = app.home.noted_file(path)?;
    let bytes = Picture::read(&path, &app.settings.uploads.image);
    shown(app, &bytes.map_err(|error| ApiError::gone(&error))?, side)
}

/// A good photo as JPEG, if its file still shows what was learnt from it.
fn shown_as_learnt(app: &App, good: &NearestGood, side: Side) -> Result<File, ApiError> {
    let path = app.home.noted_file(&good.path)?;
    let picture = Picture::open(&path, &app.settings.uploads.image);
    let picture = picture.map_err(|error| ApiError::gone(&error))?;
    if good
        .pixels
        .is_some_and(|pixels| pixels != PixelHash::of(&picture))
    {
        let message = "this good photo has changed since it was learnt from";
        return Err(ApiError::new(StatusCode::GONE, Kind::PhotoChanged, message)
            .help("another photo has its name now: put the one that was learnt from back"));
    }
    jpeg(&picture.thumbnail(side.pixels()))
}

/// The photo of a decision, as JPEG, and no other: where a camera has written the next one under its name, that is
/// told; but of what was uploaded, the upload is shown.
fn shown_inspected(app: &App, was: &Inspection, side: Side) -> Result<File, ApiError> {
    let limits = &app.settings.uploads.image;
    let read = |path: &Path| read_known(path, &was.sha256, limits);
    let mut found = read(&app.home.noted_file(&was.path)?);
    if !matches!(found, Ok(KnownFile::Same(_)))
        && let Some(upload) = app.home.upload(&was.sha256)?
        && let same @ Ok(KnownFile::Same(_)) = read(&upload)
    {
        found = same;
    }
    match found {
        Ok(KnownFile::Same(bytes)) => shown(app, &bytes, side),
        Ok(KnownFile::Changed { .. }) => Err(photo_changed(was.id)),
        Err(error) => Err(ApiError::gone(&error)),
    }
}

fn photo_changed(id: u64) -> ApiError {
    let message = format!("this photo has changed since inspection {id}");
    ApiError::new(StatusCode::GONE, Kind::PhotoChanged, message)
        .help("another photo has its name now: put the one that was judged back")
}

/// The photo that a file's bytes are, as JPEG.
fn shown(app: &App, bytes: &[u8], side: Side) -> Result<File, ApiError> {
    let picture = Picture::decode_at_least(bytes, &app.settings.uploads.image, side.pixels());
    let picture = picture.map_err(|error| ApiError::gone(&error))?;
    jpeg(&picture.thumbnail(side.pixels()))
}

fn jpeg(picture: &Picture) -> Result<File, ApiError> {
    let bytes = picture.to_jpeg(QUALITY);
    let bytes = bytes.map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(File {
        bytes: bytes.into(),
        media_type: "image/jpeg",
        forever: false,
        save_as: None,
    })
}

/// Judges the photo of a decision again, and answers with what was found.
async fn again<T: Send + 'static>(
    app: &Arc<App>,
    id: u64,
    answer: impl FnOnce(&App, &ReadyInspector, Inspection, InspectedFile) -> Result<T, ApiError>
    + Send
    + 'static,
) -> Result<T, ApiError> {
    let was = app.quick(move |app| Ok(app.home.inspection(id)?)).await?;
    let ready = app
        .ready_inspector(&was.inspector, Some(was.version))
        .await?;
    app.heavy(move |app| {
        let found = ready.again(was.clone())?;
        answer(app, &ready, was, found)
    })
    .await
}

async fn picture(
    app: Arc<App>,
    InPath(id): InPath<u64>,
    Query(side): Query<Side>,
) -> Result<File, ApiError> {
    app.heavy(move |app| shown_inspected(app, &app.home.inspection(id)?, side))
        .await
}

async fn heat(
    app: Arc<App>,
    InPath(id): InPath<u64>,
    Query(side): Query<Side>,
) -> Result<File, ApiError> {
    again(&app, id, move |_, ready, _, found| {
        let small = found.picture.thumbnail(side.pixels());
        jpeg(&found.inspection.heat.overlay(&small, ready.scale))
    })
    .await
}

async fn good(
    app: Arc<App>,
    InPath(id): InPath<u64>,
    Query(side): Query<Side>,
) -> Result<File, ApiError> {
    again(&app, id, move |app, _, _, found| {
        let good = found.inspection.nearest_good.ok_or_else(|| {
            ApiError::not_found("this inspector has no good photo to show beside it")
        })?;
        shown_as_learnt(app, &good, side)
    })
    .await
}

/// What is found on the photo of a decision now, and whether that is what was decided.
#[derive(Serialize, ToSchema)]
struct Replayed {
    #[serde(flatten)]
    found: ToldInspection,
    #[serde(flatten)]
    reproduced: Reproduced,
}

async fn replay(app: Arc<App>, InPath(id): InPath<u64>) -> Result<Json<Replayed>, ApiError> {
    again(&app, id, move |_, ready, was, found| {
        Ok(Json(Replayed {
            reproduced: found.reproduced(&was, ready.kernels),
            found: found.told(id, was.path, None),
        }))
    })
    .await
}
