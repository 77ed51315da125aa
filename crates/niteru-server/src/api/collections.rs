//! Collections.

use std::sync::Arc;

use axum::http::Method;
use niteru_store::{CollectionSummary, EncoderIdentity, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::models::EncoderWords;
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
    /// How its images will be embedded.
    #[serde(flatten)]
    encoder: EncoderWords,
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
            let encoder = app.encoder_chosen(new.encoder.choice()?)?;
            app.home
                .add_collection(&new.name, &EncoderIdentity::from(&*encoder))?;
            found(app, &new.name)
        })
        .await?;
    Ok(Created(made))
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
