//! The audit log: read, checked, exported.

use std::sync::Arc;

use niteru_store::{AuditCheck, AuditEntry, AuditFormat, Role};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::error::ApiError;
use crate::route::{File, Json, Query, Route, read};

/// Most entries of a page.
const MOST: usize = 1000;

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/audit",
            "Who did what, the newest first",
            Role::Administrator,
            list,
        ),
        read(
            "/api/audit/check",
            "Whether the audit log is as it was written",
            Role::Administrator,
            check,
        ),
        read(
            "/api/audit/export",
            "The whole audit log as a file",
            Role::Administrator,
            export,
        ),
    ]
}

#[derive(Deserialize, IntoParams)]
struct Page {
    /// Only entries before this one.
    before: Option<u64>,
    /// Most entries, up to 1000.
    limit: Option<usize>,
}

#[derive(Serialize, ToSchema)]
struct Entries {
    entries: Vec<AuditEntry>,
}

#[derive(Deserialize, IntoParams)]
struct Export {
    /// `csv` or `jsonl`.
    #[param(inline)]
    format: AuditFormat,
}

async fn list(app: Arc<App>, Query(page): Query<Page>) -> Result<Json<Entries>, ApiError> {
    let limit = page.limit.unwrap_or(100).min(MOST);
    let entries = app
        .quick(move |app| Ok(app.home.audit_entries(page.before, limit)?))
        .await?;
    Ok(Json(Entries { entries }))
}

async fn check(app: Arc<App>) -> Result<Json<AuditCheck>, ApiError> {
    Ok(Json(app.quick(|app| Ok(app.home.check_audit()?)).await?))
}

async fn export(app: Arc<App>, Query(asked): Query<Export>) -> Result<File, ApiError> {
    let bytes = app
        .quick(move |app| {
            let mut bytes = Vec::new();
            let written = app.home.export_audit(asked.format, &mut bytes)?;
            written.map_err(|error| ApiError::internal(error.to_string()))?;
            Ok(bytes)
        })
        .await?;
    let (media_type, name) = match asked.format {
        AuditFormat::Csv => ("text/csv; charset=utf-8", "niteru-audit.csv"),
        AuditFormat::Jsonl => ("application/jsonl", "niteru-audit.jsonl"),
    };
    Ok(File {
        bytes: bytes.into(),
        media_type,
        forever: false,
        save_as: Some(name),
    })
}
