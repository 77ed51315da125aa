//! Metadata of a collection's images: the values that there are, new ones, and those of a CSV file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::Method;
use niteru_store::{FieldValues, MetadataImport, Role};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::error::ApiError;
use crate::problem::Kind;
use crate::route::{About, InPath, Json, JsonBody, Parts, Query, Route, ask, change, read};

/// Values of a field that are told, unless another number is asked for, and at most.
const VALUES: (usize, usize) = (30, 1000);

/// Rows and problems of a file that are shown.
const SHOWN: usize = 20;

/// Most bytes of a file, and of the request that brings it.
const FILE_BYTES: usize = 32 << 20;
const REQUEST_BYTES: usize = FILE_BYTES + (64 << 10);
const REQUEST_TIME: Duration = Duration::from_secs(5 * 60);

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/collections/{name}/fields",
            "The metadata fields of a collection, with their most frequent values",
            Role::Viewer,
            fields,
        ),
        change(
            (Method::POST, "metadata.change"),
            "/api/collections/{name}/metadata",
            "Give images new metadata; an empty value removes one",
            Role::Engineer,
            edit,
        ),
        ask(
            "/api/collections/{name}/metadata/preview",
            "What a CSV file with a column `path` would change",
            Role::Engineer,
            preview,
        )
        .takes(REQUEST_BYTES, REQUEST_TIME),
        change(
            (Method::POST, "metadata.import"),
            "/api/collections/{name}/metadata/import",
            "Give images the metadata of a CSV file with a column `path`",
            Role::Engineer,
            import,
        )
        .takes(REQUEST_BYTES, REQUEST_TIME),
    ]
}

#[derive(Deserialize, IntoParams)]
struct Most {
    /// Most values of a field, up to 1000.
    values: Option<usize>,
}

#[derive(Serialize, ToSchema)]
struct Fields {
    fields: Vec<FieldValues>,
}

#[derive(Deserialize, ToSchema)]
struct Edit {
    /// Numbers of images.
    ids: Vec<u64>,
    /// New values by their fields; what is not named stays.
    metadata: BTreeMap<String, String>,
}

#[derive(Serialize, ToSchema)]
struct Edited {
    /// Images that are another now.
    changed: u64,
}

async fn fields(
    app: Arc<App>,
    InPath(name): InPath<String>,
    Query(most): Query<Most>,
) -> Result<Json<Fields>, ApiError> {
    let values = most.values.unwrap_or(VALUES.0).min(VALUES.1);
    let fields = app.quick(move |app| Ok(app.home.collection(&name)?.field_values(values)?));
    Ok(Json(Fields {
        fields: fields.await?,
    }))
}

async fn edit(
    app: Arc<App>,
    InPath(name): InPath<String>,
    about: About,
    JsonBody(edit): JsonBody<Edit>,
) -> Result<Json<Edited>, ApiError> {
    about.say(format!("{name}: {} images", edit.ids.len()));
    let changed = app
        .quick(move |app| {
            let collection = app.home.collection(&name)?;
            Ok(collection.set_metadata(&edit.ids, &edit.metadata)?)
        })
        .await?;
    Ok(Json(Edited { changed }))
}

async fn preview(
    app: Arc<App>,
    InPath(name): InPath<String>,
    parts: Parts,
) -> Result<Json<MetadataImport>, ApiError> {
    let (file, bytes) = csv_file(parts).await?;
    app.heavy(move |app| {
        let collection = app.home.collection(&name)?;
        Ok(Json(collection.preview_metadata(&file, &bytes, SHOWN)?))
    })
    .await
}

async fn import(
    app: Arc<App>,
    InPath(name): InPath<String>,
    about: About,
    parts: Parts,
) -> Result<Json<MetadataImport>, ApiError> {
    let (file, bytes) = csv_file(parts).await?;
    about.say(format!("{name}: {file}"));
    app.heavy(move |app| {
        let collection = app.home.collection(&name)?;
        Ok(Json(collection.import_metadata(&file, &bytes, SHOWN)?))
    })
    .await
}

/// The form's one file, with what the client calls it.
async fn csv_file(mut parts: Parts) -> Result<(String, Bytes), ApiError> {
    let part = parts.next(FILE_BYTES).await?;
    let part = part.filter(|part| part.field == "file");
    let part = part.ok_or_else(|| {
        ApiError::bad("there is no file in this request")
            .help("send the CSV file as a part named file")
            .because(Kind::NoFile)
    })?;
    Ok((part.name.unwrap_or_else(|| "file".to_owned()), part.bytes))
}
