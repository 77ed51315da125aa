//! The table of routes, and the functions behind them: one module for each thing that requests are about.

mod alike;
mod audit;
mod backups;
mod causes;
mod check;
mod collections;
mod compare;
mod evaluate;
mod folders;
mod history;
mod images;
mod indexes;
pub(crate) mod inspect;
mod jobs;
pub(crate) mod login;
mod map;
mod metadata;
mod model_files;
pub(crate) mod models;
mod photos;
mod pictures;
mod samples;
mod search;
mod system;
mod tokens;
mod uploads;
mod users;
mod watched;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, get};
use axum::{Router, middleware};

use crate::app::App;
use crate::dispatch::dispatch;
use crate::error::ApiError;
use crate::problem::Kind;
use crate::responses::careful;
use crate::route::Route;

/// All routes of the API.
pub(crate) fn routes() -> Vec<Route> {
    [
        system::routes(),
        login::routes(),
        users::routes(),
        tokens::routes(),
        audit::routes(),
        jobs::routes(),
        models::routes(),
        model_files::routes(),
        backups::routes(),
        collections::routes(),
        images::routes(),
        folders::routes(),
        samples::routes(),
        search::routes(),
        metadata::routes(),
        alike::routes(),
        map::routes(),
        inspect::routes(),
        photos::routes(),
        check::routes(),
        causes::routes(),
        history::routes(),
        pictures::routes(),
        evaluate::routes(),
        compare::routes(),
        indexes::routes(),
        watched::routes(),
    ]
    .concat()
}

/// The API as OpenAPI 3.1 describes it, made of the routes themselves.
pub fn description() -> serde_json::Value {
    crate::route::openapi::document(&routes())
}

/// All that the server answers: the API, and the files of the page.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let mut paths: BTreeMap<&'static str, MethodRouter<Arc<App>>> = BTreeMap::new();
    for route in routes() {
        let path = route.path;
        let filter = MethodFilter::try_from(route.method.clone()).unwrap_or(MethodFilter::GET);
        let route = Arc::new(route);
        let answer = move |State(app): State<Arc<App>>, request: Request| {
            dispatch(app, Arc::clone(&route), request)
        };
        let methods = paths.remove(path).unwrap_or_default();
        paths.insert(path, methods.on(filter, answer));
    }
    let mut router = Router::new();
    for (path, methods) in paths {
        router = router.route(path, methods);
    }
    router
        .route("/", get(|app, headers| page(app, headers, "index.html")))
        .route(
            "/api/docs",
            get(|app, headers| page(app, headers, "docs.html")),
        )
        .route("/assets/{version}/{*path}", get(file))
        .fallback(nothing)
        .method_not_allowed_fallback(other_method)
        // Each route has a limit of its own, which what takes a body keeps to.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(Arc::clone(app), careful))
        .with_state(Arc::clone(app))
}

async fn page(State(app): State<Arc<App>>, headers: HeaderMap, path: &'static str) -> Response {
    app.assets.page(path, &headers)
}

async fn file(
    State(app): State<Arc<App>>,
    Path((version, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    app.assets.file(&version, &path, &headers)
}

async fn nothing() -> Response {
    ApiError::not_found("there is nothing at this address")
        .help("see /api/docs for what there is")
        .into_response()
}

async fn other_method() -> Response {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    ApiError::new(
        status,
        Kind::Method,
        "this address does not take this method",
    )
    .help("see /api/docs for what there is")
    .into_response()
}
