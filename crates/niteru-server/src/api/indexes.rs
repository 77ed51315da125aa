//! Indexes: what makes searches of large collections fast.

use std::sync::Arc;

use axum::http::Method;
use niteru_store::{ClusterStatus, IndexStatus, Role};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::jobs::{self, IndexParameters, JobView, MoveParameters};
use crate::route::{About, Accepted, InPath, Json, JsonBody, Route, change, read};

/// Images whose vectors are compared where no other number is asked for, and at most.
const USUAL_SAMPLE: usize = 1000;
const MOST_SAMPLE: usize = 100_000;

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/collections/{name}/index",
            "The state of a collection's index, whose file is read and checked",
            Role::Viewer,
            status,
        ),
        change(
            (Method::POST, "index.build"),
            "/api/collections/{name}/index",
            "Build a collection's index, or bring it up to date; a job does it",
            Role::Engineer,
            build,
        ),
        change(
            (Method::POST, "index.verify"),
            "/api/collections/{name}/index/verify",
            "Compare a collection's index with the database; a job does it",
            Role::Engineer,
            verify,
        ),
        read(
            "/api/index-places",
            "The places that indexes may be moved to: `local`, and the clusters that the server was started with",
            Role::Engineer,
            places,
        ),
        change(
            (Method::POST, "index.move"),
            "/api/collections/{name}/index/move",
            "Move a collection's index into a cluster, or back to this computer; a job does it",
            Role::Engineer,
            move_to,
        ),
    ]
}

#[derive(Serialize, ToSchema)]
struct IndexPlaces {
    places: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
struct Moving {
    /// A place, of those that indexes may be moved to.
    place: String,
}

/// Where an index is, and in which state.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum AnyIndex {
    /// In the home.
    Local(IndexStatus),
    /// In a cluster.
    Cluster(ClusterStatus),
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct Verifying {
    /// Images whose vectors and metadata are compared, of an index in a cluster; left out: 1000.
    sample: Option<usize>,
}

async fn status(app: Arc<App>, InPath(name): InPath<String>) -> Result<Json<AnyIndex>, ApiError> {
    let status = app.heavy(move |app| {
        let collection = app.home.collection(&name)?;
        Ok(match collection.cluster_status()? {
            Some(status) => AnyIndex::Cluster(status),
            None => AnyIndex::Local(collection.index_status()?),
        })
    });
    Ok(Json(status.await?))
}

async fn build(
    app: Arc<App>,
    caller: Caller,
    InPath(collection): InPath<String>,
) -> Result<Accepted<JobView>, ApiError> {
    queue(app, caller, "index", collection, 0).await
}

async fn verify(
    app: Arc<App>,
    caller: Caller,
    InPath(collection): InPath<String>,
    JsonBody(Verifying { sample }): JsonBody<Verifying>,
) -> Result<Accepted<JobView>, ApiError> {
    let sample = sample.unwrap_or(USUAL_SAMPLE).min(MOST_SAMPLE);
    queue(app, caller, "verify-index", collection, sample).await
}

async fn places(app: Arc<App>, _: Caller) -> Result<Json<IndexPlaces>, ApiError> {
    let places = jobs::places(&app).map(|place| place.to_string());
    Ok(Json(IndexPlaces {
        places: places.collect(),
    }))
}

async fn move_to(
    app: Arc<App>,
    caller: Caller,
    InPath(collection): InPath<String>,
    about: About,
    JsonBody(Moving { place }): JsonBody<Moving>,
) -> Result<Accepted<JobView>, ApiError> {
    let job = app.quick(move |app| {
        app.home.collection(&collection)?;
        let place = jobs::place_offered(app, &place)?.to_string();
        // Only now: what is not on the list may be anything.
        about.say(format!("{collection}: {place}"));
        let parameters = MoveParameters { collection, place };
        app.queue("move-index", &json!(parameters), &caller.name)
    });
    Ok(Accepted(job.await?))
}

async fn queue(
    app: Arc<App>,
    caller: Caller,
    kind: &'static str,
    collection: String,
    sample: usize,
) -> Result<Accepted<JobView>, ApiError> {
    let job = app.quick(move |app| {
        app.home.collection(&collection)?;
        let parameters = IndexParameters { collection, sample };
        app.queue(kind, &json!(parameters), &caller.name)
    });
    Ok(Accepted(job.await?))
}
