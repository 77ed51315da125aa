//! The map of a collection: where its images lie by similarity, and which values they have.

use std::sync::Arc;

use axum::http::{HeaderMap, Method, header};
use niteru_store::{MapColours, MapPoints, MapState, Role};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::jobs::{JobView, MAP, MapParameters};
use crate::route::{Accepted, InPath, Json, JsonBody, Query, Route, Tagged, change, read};

/// What the points begin with, and the number of their form.
const MAGIC: &[u8; 4] = b"NMAP";
const FORM: u32 = 1;

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/collections/{name}/map",
            "What is known of a collection's map, and the job that draws it",
            Role::Viewer,
            state,
        ),
        change(
            (Method::POST, "map.draw"),
            "/api/collections/{name}/map",
            "Draw the map of a collection; a job does it",
            Role::Engineer,
            draw,
        ),
        read(
            "/api/collections/{name}/map/points",
            "The points of a map, little endian: NMAP, the number 1 (u32), points (u32), how many of them were \
             drawn (u32; the rest came since), then all ids (u64), all x and all y (u16)",
            Role::Viewer,
            points,
        ),
        read(
            "/api/collections/{name}/map/colours",
            "Which value of a metadata field each point has",
            Role::Viewer,
            colours,
        ),
    ]
}

/// A map with the job that draws it.
#[derive(Serialize, ToSchema)]
struct MapWithJob {
    #[serde(flatten)]
    map: MapState,
    /// What waits or runs; `null`: nothing.
    job: Option<JobView>,
}

/// How to draw.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct Drawing {
    /// The same images and the same number give the same map.
    seed: u64,
}

#[derive(Deserialize, IntoParams)]
struct OfField {
    /// The metadata field.
    field: String,
}

async fn state(app: Arc<App>, InPath(name): InPath<String>) -> Result<Json<MapWithJob>, ApiError> {
    let found = app.quick(move |app| {
        Ok(MapWithJob {
            map: app.home.collection(&name)?.map_state()?,
            job: drawing(app, &name)?,
        })
    });
    Ok(Json(found.await?))
}

/// The job that draws the map of a collection, where one waits or runs.
fn drawing(app: &App, name: &str) -> Result<Option<JobView>, ApiError> {
    let mut jobs = app.home.open_jobs()?.into_iter();
    let job = jobs.find(|job| job.kind == MAP && job.parameters["collection"] == name);
    Ok(job.map(|job| app.jobs.view(job)))
}

async fn draw(
    app: Arc<App>,
    caller: Caller,
    InPath(name): InPath<String>,
    JsonBody(Drawing { seed }): JsonBody<Drawing>,
) -> Result<Accepted<JobView>, ApiError> {
    let job = app.quick(move |app| {
        app.home.collection(&name)?;
        // Whoever asks again gets the one that is there.
        if let Some(job) = drawing(app, &name)? {
            return Ok(job);
        }
        let collection = name;
        app.queue(
            MAP,
            &json!(MapParameters { collection, seed }),
            &caller.name,
        )
    });
    Ok(Accepted(job.await?))
}

async fn points(
    app: Arc<App>,
    InPath(name): InPath<String>,
    headers: HeaderMap,
) -> Result<Tagged, ApiError> {
    let known = headers.get(header::IF_NONE_MATCH);
    let known = known
        .and_then(|known| known.to_str().ok())
        .map(str::to_owned);
    app.heavy(move |app| {
        let collection = app.home.collection(&name)?;
        let version = collection.map_state()?.version;
        let media_type = "application/octet-stream";
        if known.is_some_and(|known| Tagged::names(&known, &version)) {
            return Ok(Tagged::known(version, media_type));
        }
        let points = collection.map_points()?;
        let bytes = to_bytes(&points);
        Ok(Tagged::new(points.version, media_type, bytes.into()))
    })
    .await
}

fn to_bytes(points: &MapPoints) -> Vec<u8> {
    let count = points.ids.len();
    let mut bytes = Vec::with_capacity(16 + count * 12);
    bytes.extend_from_slice(MAGIC);
    for number in [FORM, count as u32, points.drawn as u32] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend(points.ids.iter().flat_map(|id| id.to_le_bytes()));
    for axis in 0..2 {
        bytes.extend(
            points
                .places
                .iter()
                .flat_map(|place| place[axis].to_le_bytes()),
        );
    }
    bytes
}

async fn colours(
    app: Arc<App>,
    InPath(name): InPath<String>,
    Query(OfField { field }): Query<OfField>,
) -> Result<Json<MapColours>, ApiError> {
    let colours = app.quick(move |app| Ok(app.home.collection(&name)?.map_colours(&field)?));
    Ok(Json(colours.await?))
}
