//! Photos to try everything with.

use std::sync::Arc;

use axum::http::Method;
use niteru_store::Role;
use serde_json::json;

use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::jobs::{JobView, SamplesParameters};
use crate::route::{About, Accepted, JsonBody, Route, change};

pub(super) fn routes() -> Vec<Route> {
    vec![change(
        (Method::POST, "samples.add"),
        "/api/samples",
        "Draw parts to inspect, and fetch photos to search among, and the usual model where it is not there; a job does \
         it. Where the photos cannot be fetched, the drawn parts are all there is",
        Role::Engineer,
        add,
    )]
}

async fn add(
    app: Arc<App>,
    caller: Caller,
    about: About,
    JsonBody(names): JsonBody<SamplesParameters>,
) -> Result<Accepted<JobView>, ApiError> {
    about.say(&names.inspector);
    let job = app.quick(move |app| app.queue("samples", &json!(names), &caller.name));
    Ok(Accepted(job.await?))
}
