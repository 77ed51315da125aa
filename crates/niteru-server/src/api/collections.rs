//! Collections.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use axum::http::Method;
use niteru_store::{CollectionSummary, EncoderChoice, EncoderIdentity, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::error::ApiError;
use crate::problem::{Kind, Problem};
use crate::route::{About, Created, InPath, Json, JsonBody, Route, change, read};

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/collections",
            "The collections, by name",
            Role::Viewer,
            list,
        ),
        change(
            (Method::POST, "collection.add"),
            "/api/collections",
            "Make a collection without images",
            Role::Engineer,
            add,
        ),
        read(
            "/api/collections/{name}",
            "A collection, with its metadata fields",
            Role::Viewer,
            one,
        ),
        change(
            (Method::DELETE, "collection.remove"),
            "/api/collections/{name}",
            "Remove a collection; image files that were not uploaded stay where they are",
            Role::Engineer,
            remove,
        ),
    ]
}

#[derive(Serialize, ToSchema)]
struct Collections {
    collections: Vec<CollectionSummary>,
}

#[derive(Deserialize, ToSchema)]
struct NewCollection {
    name: String,
    /// The model that its images will be embedded with; left out: the usual one.
    model: Option<String>,
    /// `auto`, `f32`, `bf16` or `int8`; left out: `auto`.
    precision: Option<String>,
    /// Whether JPEG files are decoded in full, also where they are much larger than the model needs.
    #[serde(default)]
    exact_decode: bool,
    /// Which part of an image the model sees: `centre`, `fit`, `object` or `object-handed`; left out: `centre`.
    framing: Option<String>,
}

/// A collection with its fields.
#[derive(Serialize, ToSchema)]
struct OneCollection {
    #[serde(flatten)]
    collection: CollectionSummary,
    /// The metadata fields, in the order in which they first came.
    fields: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Removed {
    /// The name.
    pub(super) removed: String,
}

async fn list(app: Arc<App>) -> Result<Json<Collections>, ApiError> {
    let collections = app.quick(|app| Ok(app.home.collections()?)).await?;
    Ok(Json(Collections { collections }))
}

async fn one(app: Arc<App>, InPath(name): InPath<String>) -> Result<Json<OneCollection>, ApiError> {
    Ok(Json(app.quick(move |app| found(app, &name)).await?))
}

fn found(app: &App, name: &str) -> Result<OneCollection, ApiError> {
    let fields = app.home.collection(name)?.fields()?;
    let mut all = app.home.collections()?.into_iter();
    let collection = all.find(|collection| collection.name == name);
    match collection {
        Some(collection) => Ok(OneCollection { collection, fields }),
        None => Err(ApiError::not_found(format!("no collection {name:?}"))
            .because(Problem::from(Kind::NoCollection).with("name", name))),
    }
}

async fn add(
    app: Arc<App>,
    about: About,
    JsonBody(new): JsonBody<NewCollection>,
) -> Result<Created<OneCollection>, ApiError> {
    about.say(&new.name);
    let made = app
        .heavy(move |app| {
            let encoder = app.encoder_chosen(EncoderChoice {
                precision: read_as(new.precision)?,
                framing: read_as(new.framing)?,
                exact_decode: new.exact_decode,
                model: new.model,
            })?;
            app.home
                .add_collection(&new.name, &EncoderIdentity::from(&*encoder))?;
            found(app, &new.name)
        })
        .await?;
    Ok(Created(made))
}

/// What a word says, if there is one.
fn read_as<T: FromStr<Err: Display>>(word: Option<String>) -> Result<Option<T>, ApiError> {
    let read = word.map(|word| word.parse().map_err(|error: T::Err| error.to_string()));
    read.transpose().map_err(ApiError::bad)
}

async fn remove(app: Arc<App>, InPath(name): InPath<String>) -> Result<Json<Removed>, ApiError> {
    let removed = app
        .quick(move |app| {
            app.home.remove_collection(&name)?;
            app.home.remove_unused_uploads()?;
            Ok(name)
        })
        .await?;
    Ok(Json(Removed { removed }))
}
