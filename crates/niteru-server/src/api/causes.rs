//! What bad parts have in common, and whether scores have shifted as a whole.

use std::sync::Arc;

use niteru_store::{Drift, LEAST_DECISIONS, LOOK_BACK, Role, Trace, TraceQuery};
use serde::Deserialize;
use utoipa::IntoParams;

use super::history::moment;
use crate::app::App;
use crate::error::ApiError;
use crate::route::{InPath, Json, Query, Route, read};

/// Decisions that drift looks back at, at most.
const MOST_LOOK_BACK: usize = 100_000;

/// Local time is no farther from UTC than this, in minutes.
const MOST_OFFSET: i32 = 14 * 60;

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/inspectors/{name}/trace",
            "Bad parts that look alike, in groups, and what those of a group have in common",
            Role::Viewer,
            trace,
        ),
        read(
            "/api/inspectors/{name}/drift",
            "Whether the scores of the last photos have shifted as a whole",
            Role::Viewer,
            drift,
        ),
    ]
}

#[derive(Deserialize, IntoParams)]
struct Tracing {
    /// Not before this: `2026-11-25`, or `2026-11-25T08:30`, in UTC.
    since: Option<String>,
    /// Before this.
    until: Option<String>,
    /// Fields that may tell the cause, with commas between; also `hour`, `weekday`, `operator`,
    /// `inspector_version`. Left out: all there are.
    fields: Option<String>,
    /// Another version than all of them.
    version: Option<u32>,
    /// Defects that are on average at least so alike are one group, from -1 to 1; left out: 0.35.
    similarity: Option<f32>,
    /// Tell of so many groups, the largest; left out: 10.
    groups: Option<u16>,
    /// Minutes that local time is ahead of UTC, for hours and days.
    #[serde(default)]
    utc_offset: i32,
}

#[derive(Deserialize, IntoParams)]
struct LookingBack {
    /// Look at so many photos, the last ones; left out: 50.
    last: Option<usize>,
    /// Another version than the newest.
    version: Option<u32>,
}

async fn trace(
    app: Arc<App>,
    InPath(name): InPath<String>,
    Query(asked): Query<Tracing>,
) -> Result<Json<Trace>, ApiError> {
    if asked.utc_offset.abs() > MOST_OFFSET {
        return Err(ApiError::bad(format!(
            "utc_offset is from -{MOST_OFFSET} to {MOST_OFFSET} minutes"
        )));
    }
    let fields = asked.fields.as_deref().unwrap_or_default().split(',');
    let mut query = TraceQuery {
        version: asked.version,
        since: asked.since.as_deref().map(moment).transpose()?,
        until: asked.until.as_deref().map(moment).transpose()?,
        fields: fields
            .map(|field| field.trim().to_owned())
            .filter(|field| !field.is_empty())
            .collect(),
        utc_offset_minutes: asked.utc_offset,
        ..TraceQuery::new(name)
    };
    query.similarity = asked.similarity.unwrap_or(query.similarity);
    query.most_groups = asked.groups.map_or(query.most_groups, usize::from);
    let trace = app.heavy(move |app| Ok(app.home.trace(&query)?));
    Ok(Json(trace.await?))
}

async fn drift(
    app: Arc<App>,
    InPath(name): InPath<String>,
    Query(asked): Query<LookingBack>,
) -> Result<Json<Drift>, ApiError> {
    let last = asked.last.unwrap_or(LOOK_BACK);
    if !(LEAST_DECISIONS..=MOST_LOOK_BACK).contains(&last) {
        return Err(ApiError::bad(format!(
            "last is from {LEAST_DECISIONS} to {MOST_LOOK_BACK}: fewer say nothing"
        )));
    }
    let ready = app.ready_inspector(&name, asked.version).await?;
    let drift = app.heavy(move |app| Ok(app.home.drift(&ready.basis.query(ready.id, last))?));
    Ok(Json(drift.await?))
}
