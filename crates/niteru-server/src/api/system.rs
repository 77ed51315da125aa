//! The server itself: whether it is there, what it takes up, what it computes with.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, header};
use niteru_store::Role;
use niteru_store::below::kernels::Kernels;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::app::App;
use crate::assets::hex;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::jobs::{CheckHomeParameters, JobView};
use crate::route::{Accepted, Access, Json, JsonBody, Route, Tagged, TaggedJson, change, read};

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/health",
            "Whether the server answers",
            Access::Open,
            health,
        ),
        read(
            "/api/openapi.json",
            "This description of the API",
            Access::Open,
            description,
        ),
        read(
            "/api/kernels",
            "The CPU's instruction sets: those there are, and the one in use",
            Role::Viewer,
            kernels,
        ),
        read(
            "/api/storage",
            "Bytes that the home takes up",
            Role::Engineer,
            storage,
        ),
        change(
            (Method::POST, "home.check"),
            "/api/check",
            "Look whether everything in the home is as it should be; a job does it",
            Role::Engineer,
            check,
        ),
    ]
}

#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok`.
    status: &'static str,
    version: &'static str,
}

#[derive(Serialize, ToSchema)]
struct KernelList {
    /// The instruction set in use.
    name: &'static str,
    /// Those that this CPU has.
    available: Vec<&'static str>,
    /// Cores that this computer lets the server use.
    cores: usize,
}

/// Bytes, but for `home`.
#[derive(Serialize, ToSchema)]
struct Storage {
    database: u64,
    uploads: u64,
    /// What uploads may become.
    quota: u64,
    thumbnails: u64,
    maps: u64,
    indexes: u64,
    models: u64,
    backups: u64,
    /// The folder of the home.
    home: String,
}

async fn health(_: Arc<App>) -> Result<Json<Health>, ApiError> {
    Ok(Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    }))
}

/// The description of the API with its tag: the same as long as the server runs.
static DESCRIPTION: OnceLock<(String, Bytes)> = OnceLock::new();

async fn description(app: Arc<App>, headers: HeaderMap) -> Result<TaggedJson, ApiError> {
    const JSON: &str = "application/json";
    let (tag, bytes) = match DESCRIPTION.get() {
        Some(made) => made,
        // Strangers may ask for it: made once, and beside those who are answered meanwhile.
        None => {
            app.quick(|_| {
                Ok(DESCRIPTION.get_or_init(|| {
                    let bytes = Bytes::from(super::description().to_string());
                    (hex(&Sha256::digest(&bytes)[..8]), bytes)
                }))
            })
            .await?
        }
    };
    let known = headers.get(header::IF_NONE_MATCH);
    let known = known.and_then(|known| known.to_str().ok());
    Ok(TaggedJson(match known {
        Some(known) if Tagged::names(known, tag) => Tagged::known(tag.clone(), JSON),
        _ => Tagged::new(tag.clone(), JSON, bytes.clone()),
    }))
}

async fn kernels(_: Arc<App>) -> Result<Json<KernelList>, ApiError> {
    let kernels = Kernels::from_env().map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(Json(KernelList {
        name: kernels.name(),
        available: Kernels::available()
            .into_iter()
            .map(Kernels::name)
            .collect(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
    }))
}

async fn storage(app: Arc<App>) -> Result<Json<Storage>, ApiError> {
    let storage = app
        .quick(|app| {
            let home = &app.home;
            let beside = |ending: &str| {
                let mut name = home.database().as_os_str().to_owned();
                name.push(ending);
                std::fs::metadata(Path::new(&name)).map_or(0, |file| file.len())
            };
            Ok(Storage {
                database: ["", "-wal", "-shm"].map(beside).iter().sum(),
                uploads: home.uploaded_bytes()?,
                quota: app.settings.uploads.quota,
                thumbnails: bytes_below(&home.thumbnails()),
                maps: bytes_below(&home.maps()),
                indexes: bytes_below(&home.directory().join("index")),
                models: bytes_below(&home.models()),
                backups: bytes_below(&home.backups()),
                home: home.directory().to_string_lossy().into_owned(),
            })
        })
        .await?;
    Ok(Json(storage))
}

async fn check(
    app: Arc<App>,
    caller: Caller,
    JsonBody(parameters): JsonBody<CheckHomeParameters>,
) -> Result<Accepted<JobView>, ApiError> {
    let job = app.quick(move |app| app.queue("check", &json!(parameters), &caller.name));
    Ok(Accepted(job.await?))
}

/// What the files below a folder have; what cannot be read counts nothing.
fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let bytes = entries.flatten().map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => bytes_below(&entry.path()),
        Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |file| file.len()),
        _ => 0,
    });
    bytes.sum()
}
