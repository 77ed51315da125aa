//! Backups that the home keeps: made, listed, fetched, sent, removed, restored.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use niteru_store::{Role, StoredBackup};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::jobs::{BackupParameters, JobView};
use crate::leftovers::INCOMING_BACKUP;
use crate::problem::{Kind, Problem};
use crate::restoring::{RestoreRequest, Restored};
use crate::route::{
    About, Accepted, Created, Done, Download, InPath, Json, JsonBody, Parts, Route, change, give,
    read,
};
use crate::secret;

/// Most bytes of a backup that is sent, and longest that it may take.
const BACKUP_BYTES: u64 = 1 << 40;
const BACKUP_TIME: Duration = Duration::from_secs(12 * 60 * 60);

pub(super) fn routes() -> Vec<Route> {
    let most = usize::try_from(BACKUP_BYTES).unwrap_or(usize::MAX);
    vec![
        read(
            "/api/backups",
            "The backups that are kept here, the newest first; and what became of the last one restored",
            Role::Administrator,
            list,
        ),
        change(
            (Method::POST, "backup.make"),
            "/api/backups",
            "Write a backup; a job does it",
            Role::Administrator,
            make,
        ),
        change(
            (Method::POST, "backup.send"),
            "/api/backups/upload",
            "Send a backup that was made elsewhere, as one part named file",
            Role::Administrator,
            send,
        )
        .takes(most, BACKUP_TIME),
        give(
            "backup.download",
            "/api/backups/{name}",
            "A backup, as a file",
            Role::Administrator,
            fetch,
        ),
        change(
            (Method::DELETE, "backup.remove"),
            "/api/backups/{name}",
            "Remove a backup",
            Role::Administrator,
            remove,
        ),
        change(
            (Method::POST, "backup.restore"),
            "/api/restore",
            "Make the home what it was when a backup was written. The server answers 503 meanwhile; all \
             sessions end",
            Role::Administrator,
            restore,
        ),
    ]
}

#[derive(Serialize, ToSchema)]
struct Backups {
    backups: Vec<StoredBackup>,
    /// What became of the last restore since the server was started.
    restored: Option<Restored>,
}

#[derive(Deserialize, ToSchema)]
struct Restore {
    /// Name of a backup that is kept here.
    backup: String,
    /// The same again: what is here now is replaced.
    confirm: String,
}

#[derive(Serialize, ToSchema)]
struct Restoring {
    /// Name of the backup.
    restoring: String,
}

async fn list(app: Arc<App>) -> Result<Json<Backups>, ApiError> {
    let backups = app.quick(|app| Ok(app.home.stored_backups()?)).await?;
    let restored = app.restored.clone();
    Ok(Json(Backups { backups, restored }))
}

async fn make(
    app: Arc<App>,
    caller: Caller,
    JsonBody(parameters): JsonBody<BackupParameters>,
) -> Result<Accepted<JobView>, ApiError> {
    let job = app.quick(move |app| app.queue("backup", &json!(parameters), &caller.name));
    Ok(Accepted(job.await?))
}

async fn send(
    app: Arc<App>,
    about: About,
    mut parts: Parts,
) -> Result<Created<StoredBackup>, ApiError> {
    let _turn = app.turns.large.begin().await?;
    let folder = app.quick(|app| Ok(app.home.make_backups()?)).await?;
    let name = secret::token().map_err(|error| ApiError::internal(error.to_string()))?;
    let path = folder.join(format!("{INCOMING_BACKUP}{name}"));
    let unfinished = Unfinished(path.clone());
    let to = |field: &str, _: &str| match field {
        "file" => Ok(path),
        _ => Err(ApiError::bad("a backup comes as one part named file")),
    };
    let sent = parts.save_next(to).await?;
    let (path, _) = sent.ok_or_else(|| ApiError::bad("there is no file").because(Kind::NoFile))?;
    let stored = app
        .quick(move |app| {
            let stored = app.home.take_backup(&path);
            drop(unfinished);
            Ok(stored?)
        })
        .await?;
    about.say(&stored.name);
    Ok(Created(stored))
}

/// A file that is gone with the value, unless it got another name.
struct Unfinished(std::path::PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn no_backup(name: &str) -> ApiError {
    ApiError::not_found(format!("no backup {name:?}"))
        .because(Problem::from(Kind::NoSuchBackup).with("name", name))
}

async fn fetch(
    app: Arc<App>,
    InPath(name): InPath<String>,
    about: About,
) -> Result<Download, ApiError> {
    about.say(&name);
    let save_as = name.clone();
    let (file, bytes) = app
        .quick(move |app| {
            let path = app.home.stored_backup(&name);
            let path = path.ok_or_else(|| no_backup(&name))?;
            let opened = std::fs::File::open(path).and_then(|file| {
                let bytes = file.metadata()?.len();
                Ok((file, bytes))
            });
            opened.map_err(|error| ApiError::internal(error.to_string()))
        })
        .await?;
    Ok(Download {
        file: file.into(),
        bytes,
        media_type: "application/x-tar",
        save_as,
    })
}

async fn remove(app: Arc<App>, InPath(name): InPath<String>) -> Result<Done, ApiError> {
    app.quick(move |app| {
        let path = app.home.stored_backup(&name);
        let path = path.ok_or_else(|| no_backup(&name))?;
        std::fs::remove_file(path).map_err(|error| ApiError::internal(error.to_string()))
    })
    .await?;
    Ok(Done)
}

async fn restore(
    app: Arc<App>,
    caller: Caller,
    about: About,
    JsonBody(asked): JsonBody<Restore>,
) -> Result<Accepted<Restoring>, ApiError> {
    about.say(&asked.backup);
    if asked.confirm != asked.backup {
        return Err(ApiError::bad("confirm is not the name of the backup")
            .help("what is here now is replaced: give the name of the backup twice to be sure"));
    }
    let file = app.home.stored_backup(&asked.backup);
    let file = file.ok_or_else(|| no_backup(&asked.backup))?;
    if app.home.is_read_only() {
        return Err(ApiError::conflict("this home may not be written").because(Kind::ReadOnly));
    }
    *app.restore.lock() = Some(RestoreRequest {
        file,
        backup: asked.backup.clone(),
        who: caller.name,
    });
    // The answer is sent, then the server ends what runs and restores.
    app.stop.send_replace(true);
    Ok(Accepted(Restoring {
        restoring: asked.backup,
    }))
}
