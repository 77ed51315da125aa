//! Looking at an inspector before it is used, and choosing another threshold.

use std::sync::Arc;

use axum::http::Method;
use niteru_store::{InspectorCheck, Role, StoredInspector, ThresholdError};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::pictures::{Side, shown_file};
use crate::app::App;
use crate::error::ApiError;
use crate::route::{About, Created, File, InPath, Json, JsonBody, Query, Route, change, read};

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/inspectors/{name}/check",
            "How an inspector did on its photos, and what another threshold would change",
            Role::Viewer,
            check,
        ),
        read(
            "/api/inspectors/{name}/check/{version}/{kind}/{number}",
            "A photo that the check of a version tells of: kind bad, suspicious, left_out or highest, number from 0 on",
            Role::Viewer,
            picture,
        ),
        change(
            (Method::POST, "inspector.threshold"),
            "/api/inspectors/{name}/threshold",
            "Make the next version of an inspector: the newest with another threshold",
            Role::Engineer,
            threshold,
        ),
    ]
}

#[derive(Deserialize, IntoParams)]
struct OfVersion {
    /// Another version than the newest.
    version: Option<u32>,
}

#[derive(Deserialize, ToSchema)]
struct NewThreshold {
    /// Share of good parts that may be stopped by mistake, above 0 and below 1.
    false_alarm: f64,
}

async fn check(
    app: Arc<App>,
    InPath(name): InPath<String>,
    Query(OfVersion { version }): Query<OfVersion>,
) -> Result<Json<InspectorCheck>, ApiError> {
    let ready = app.ready_inspector(&name, version).await?;
    Ok(Json(ready.check.clone()))
}

async fn picture(
    app: Arc<App>,
    InPath((name, version, kind, number)): InPath<(String, u32, String, usize)>,
    Query(side): Query<Side>,
) -> Result<File, ApiError> {
    let ready = app.ready_inspector(&name, Some(version)).await?;
    app.heavy(move |app| {
        let photos = match kind.as_str() {
            "bad" => &ready.check.bad,
            "suspicious" => &ready.check.suspicious,
            "left_out" => &ready.check.left_out,
            "highest" => &ready.check.highest,
            _ => return Err(ApiError::not_found("there are no photos of this kind")),
        };
        let photo = photos.get(number);
        let photo = photo.ok_or_else(|| ApiError::not_found("there is no photo of this number"))?;
        shown_file(app, &photo.path, side)
    })
    .await
}

async fn threshold(
    app: Arc<App>,
    InPath(name): InPath<String>,
    about: About,
    JsonBody(NewThreshold { false_alarm }): JsonBody<NewThreshold>,
) -> Result<Created<StoredInspector>, ApiError> {
    if !(false_alarm > 0.0 && false_alarm < 1.0) {
        return Err(ApiError::bad(format!(
            "false_alarm is above 0 and below 1, not {false_alarm}"
        )));
    }
    about.say(format!("{name}: {false_alarm}"));
    let stored = app.heavy(move |app| {
        let file = app.home.inspector(&name, None)?;
        let encoder = app.encoder(&file.inspector.identity())?;
        Ok(app.home.change_threshold(&encoder, &file, false_alarm)?)
    });
    Ok(Created(stored.await?))
}

impl From<ThresholdError> for ApiError {
    fn from(error: ThresholdError) -> ApiError {
        match error {
            ThresholdError::Store(error) => error.into(),
            ThresholdError::Inspector(error) => {
                ApiError::conflict(error.to_string()).because_of(&error)
            }
        }
    }
}
