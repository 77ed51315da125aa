//! Pictures of decisions: the photo, its heat map, the good photo beside it.

use std::path::Path;
use std::sync::Arc;

use niteru_store::below::imaging::Picture;
use niteru_store::{InspectedFile, Inspection, Role, ToldInspection};
use serde::Deserialize;
use utoipa::IntoParams;

use super::inspect::ReadyInspector;
use crate::app::App;
use crate::error::ApiError;
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
            "The photo of an inspection: JPEG",
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
    let limits = &app.settings.uploads.image;
    let bytes = Picture::read(&path, limits);
    let bytes = bytes.map_err(|error| ApiError::gone(&error))?;
    let picture = Picture::decode_at_least(&bytes, limits, side.pixels());
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
    app.heavy(move |app| shown_file(app, &app.home.inspection(id)?.path, side))
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
        shown_file(app, &good.path, side)
    })
    .await
}

async fn replay(app: Arc<App>, InPath(id): InPath<u64>) -> Result<Json<ToldInspection>, ApiError> {
    again(&app, id, move |_, _, was, found| {
        Ok(Json(found.told(id, was.path, None)))
    })
    .await
}
