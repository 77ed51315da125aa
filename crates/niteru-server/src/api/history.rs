//! What inspectors decided, and what people say about it.

use std::sync::Arc;

use axum::http::Method;
use niteru_store::below::index::condition::instant;
use niteru_store::{HistoryQuery, Inspection, Review, ReviewVerdict, Role, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::problem::{Kind, Problem};
use crate::route::{Created, File, InPath, Json, JsonBody, Query, Route, change, read};

/// Most inspections of a page, and of a file.
const MOST: usize = 1000;
const MOST_EXPORTED: usize = 100_000;

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/history",
            "What was inspected, the newest first",
            Role::Viewer,
            list,
        ),
        read(
            "/api/history/export",
            "The history as CSV, the newest first, up to 100 000 inspections",
            Role::Viewer,
            export,
        ),
        read("/api/history/{id}", "An inspection", Role::Viewer, one),
        change(
            (Method::POST, "inspection.review"),
            "/api/history/{id}/reviews",
            "Say what an inspected part is; the newest review counts",
            Role::Operator,
            review,
        ),
    ]
}

#[derive(Deserialize, IntoParams)]
struct Page {
    /// Name of an inspector.
    inspector: Option<String>,
    /// Its version.
    version: Option<u32>,
    /// `OK`, `NG` or `UNLIKE`: the verdict that counts, a person's where there is one.
    #[param(value_type = Option<String>)]
    verdict: Option<Verdict>,
    /// Not before this: `2026-11-25`, or `2026-11-25T08:30`, in UTC.
    since: Option<String>,
    /// Before this.
    until: Option<String>,
    /// Whether a person has said something about it.
    reviewed: Option<bool>,
    /// Only what comes after this inspection in the list.
    after: Option<u64>,
    /// Most inspections of a page, up to 1000.
    limit: Option<usize>,
}

#[derive(Serialize, ToSchema)]
struct History {
    inspections: Vec<Inspection>,
}

#[derive(Deserialize, ToSchema)]
struct NewReview {
    verdict: ReviewVerdict,
    /// Why.
    #[serde(default)]
    note: String,
}

async fn list(app: Arc<App>, Query(page): Query<Page>) -> Result<Json<History>, ApiError> {
    let limit = page.limit.unwrap_or(100).min(MOST);
    let query = page.query(limit)?;
    let inspections = app
        .quick(move |app| Ok(app.home.inspections(&query)?))
        .await?;
    Ok(Json(History { inspections }))
}

async fn export(app: Arc<App>, Query(page): Query<Page>) -> Result<File, ApiError> {
    let limit = page.limit.unwrap_or(MOST_EXPORTED).min(MOST_EXPORTED);
    let query = page.query(limit)?;
    let bytes = app.heavy(move |app| {
        let mut bytes = Vec::new();
        let written = app.home.export_history(&query, &mut bytes)?;
        written.map_err(|error| ApiError::internal(error.to_string()))?;
        Ok(bytes)
    });
    Ok(File {
        bytes: bytes.await?.into(),
        media_type: "text/csv; charset=utf-8",
        forever: false,
        save_as: Some("niteru-history.csv"),
    })
}

impl Page {
    fn query(self, limit: usize) -> Result<HistoryQuery, ApiError> {
        Ok(HistoryQuery {
            inspector: self.inspector,
            version: self.version,
            verdict: self.verdict,
            since: self.since.as_deref().map(moment).transpose()?,
            until: self.until.as_deref().map(moment).transpose()?,
            reviewed: self.reviewed,
            after: self.after,
            limit,
            ..HistoryQuery::default()
        })
    }
}

async fn one(app: Arc<App>, InPath(id): InPath<u64>) -> Result<Json<Inspection>, ApiError> {
    Ok(Json(
        app.quick(move |app| Ok(app.home.inspection(id)?)).await?,
    ))
}

async fn review(
    app: Arc<App>,
    caller: Caller,
    InPath(id): InPath<u64>,
    JsonBody(new): JsonBody<NewReview>,
) -> Result<Created<Review>, ApiError> {
    if new.note.chars().count() > 2000 {
        return Err(ApiError::bad("a note has at most 2000 characters")
            .because(Problem::from(Kind::NoteLong).with("most", 2000)));
    }
    let review = app
        .quick(move |app| {
            Ok(app
                .home
                .review(id, new.verdict, &new.note, Some(&caller.name))?)
        })
        .await?;
    Ok(Created(review))
}

pub(super) fn moment(text: &str) -> Result<i64, ApiError> {
    instant(text).ok_or_else(|| {
        ApiError::bad(format!("{text:?} is no time"))
            .help("write it as 2026-11-25 or 2026-11-25T08:30")
    })
}
