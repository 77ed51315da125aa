//! Measuring: how well an inspector tells good from bad, and a collection finds what belongs together.

use std::sync::Arc;

use axum::http::Method;
use niteru_store::Role;
use serde_json::json;

use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::jobs::{EvaluateCollectionParameters, EvaluateParameters, JobView};
use crate::route::{Accepted, InPath, JsonBody, Route, change};

pub(super) fn routes() -> Vec<Route> {
    vec![
        change(
            (Method::POST, "inspector.evaluate"),
            "/api/inspectors/{name}/evaluations",
            "Measure how well an inspector tells good from bad photos; a job does it",
            Role::Engineer,
            inspector,
        ),
        change(
            (Method::POST, "collection.evaluate"),
            "/api/collections/{name}/evaluations",
            "Measure how well a collection finds images with the same value of a field; a job does it",
            Role::Engineer,
            collection,
        ),
    ]
}

async fn inspector(
    app: Arc<App>,
    caller: Caller,
    InPath(name): InPath<String>,
    JsonBody(mut parameters): JsonBody<EvaluateParameters>,
) -> Result<Accepted<JobView>, ApiError> {
    parameters.name = name;
    let job = app.quick(move |app| {
        parameters.check(app)?;
        app.queue("evaluate", &json!(parameters), &caller.name)
    });
    Ok(Accepted(job.await?))
}

async fn collection(
    app: Arc<App>,
    caller: Caller,
    InPath(name): InPath<String>,
    JsonBody(mut parameters): JsonBody<EvaluateCollectionParameters>,
) -> Result<Accepted<JobView>, ApiError> {
    parameters.collection = name;
    let job = app.quick(move |app| {
        parameters.check(app)?;
        app.queue("evaluate-collection", &json!(parameters), &caller.name)
    });
    Ok(Accepted(job.await?))
}
