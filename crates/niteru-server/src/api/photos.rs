//! Photos that are collected for an inspector, and the area of them that counts.

use std::sync::Arc;

use axum::http::Method;
use niteru_store::{CollectedPhotos, Role, Shows, Upload};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::pictures::{Side, shown_file};
use super::uploads::{REQUEST_BYTES, REQUEST_TIME, Refused, keep_files};
use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::route::{
    About, Created, File, Form, InPath, Json, JsonBody, Query, Route, change, read,
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/inspectors/{name}/photos",
            "The photos that were collected for an inspector",
            Role::Viewer,
            list,
        ),
        change(
            (Method::POST, "photos.add"),
            "/api/inspectors/{name}/photos",
            "Add uploaded photos, or the area that counts, for the next training of an inspector",
            Role::Engineer,
            add,
        )
        .takes(REQUEST_BYTES, REQUEST_TIME),
        change(
            (Method::POST, "photos.remove"),
            "/api/inspectors/{name}/photos/remove",
            "Take photos out of those that were collected for an inspector",
            Role::Engineer,
            remove,
        ),
        read(
            "/api/inspectors/{name}/photos/{sha256}/picture",
            "A collected photo as browsers can show it",
            Role::Viewer,
            picture,
        ),
    ]
}

/// What the files of a request show.
#[derive(Deserialize, ToSchema)]
struct CollectQuery {
    shows: Shows,
}

/// What became of files.
#[derive(Serialize, ToSchema)]
struct AddedPhotos {
    added: Vec<Upload>,
    /// How many of these were among the photos already and showed something else, such as a good part that is
    /// a bad one now.
    moved: u64,
    /// Files that cannot be used.
    refused: Vec<Refused>,
}

#[derive(Deserialize, ToSchema)]
struct Discarded {
    /// The photos; left out: all.
    sha256: Option<Vec<String>>,
}

#[derive(Serialize, ToSchema)]
struct RemovedPhotos {
    /// How many.
    removed: u64,
}

async fn list(
    app: Arc<App>,
    InPath(name): InPath<String>,
) -> Result<Json<CollectedPhotos>, ApiError> {
    let photos = app.quick(move |app| Ok(app.home.collected_photos(&name)?));
    Ok(Json(photos.await?))
}

async fn add(
    app: Arc<App>,
    caller: Caller,
    InPath(name): InPath<String>,
    about: About,
    form: Form<CollectQuery>,
) -> Result<Created<AddedPhotos>, ApiError> {
    let sent = keep_files(&app, &caller, form).await?;
    let Some(CollectQuery { shows }) = sent.query else {
        let missing = ApiError::bad("this form does not say what the photos show");
        return Err(missing.help("send a part query: {\"shows\":\"good\"}, bad or area"));
    };
    if shows == Shows::Area && sent.kept.len() + sent.refused.len() != 1 {
        return Err(ApiError::bad("an area is one picture"));
    }
    about.say(format!("{name}: {} files", sent.kept.len()));
    let kept = sent.kept;
    let added = app.quick(move |app| {
        let moved = app.home.collect_photos(&name, shows, &kept)?;
        Ok((kept, moved))
    });
    let (added, moved) = added.await?;
    Ok(Created(AddedPhotos {
        added,
        moved,
        refused: sent.refused,
    }))
}

async fn remove(
    app: Arc<App>,
    InPath(name): InPath<String>,
    about: About,
    JsonBody(Discarded { sha256 }): JsonBody<Discarded>,
) -> Result<Json<RemovedPhotos>, ApiError> {
    about.say(&name);
    let removed = app.quick(move |app| {
        let removed = app.home.discard_photos(&name, sha256.as_deref())?;
        app.home.remove_unused_uploads()?;
        Ok(RemovedPhotos { removed })
    });
    Ok(Json(removed.await?))
}

async fn picture(
    app: Arc<App>,
    InPath((name, sha256)): InPath<(String, String)>,
    Query(side): Query<Side>,
) -> Result<File, ApiError> {
    app.heavy(move |app| {
        let photos = app.home.collected_photos(&name)?;
        let mut all = photos.good.iter().chain(&photos.bad).chain(&photos.area);
        let path = match all.any(|photo| photo.sha256 == sha256) {
            true => app.home.upload(&sha256)?,
            false => None,
        };
        let path = path.ok_or_else(|| {
            ApiError::not_found(format!("the inspector {name} has no such photo"))
        })?;
        Ok(File {
            // The address names the contents.
            forever: true,
            ..shown_file(app, &path, side)?
        })
    })
    .await
}
