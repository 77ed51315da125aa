//! Restoring a backup while the server stays: it ends all that runs, answers that it will be back, and begins
//! again with the home that was restored.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use niteru_store::{
    BackupError, Home, JobState, NewAuditEntry, RestoreOptions, RestoreReport, StoreError,
};
use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use utoipa::ToSchema;

use crate::ServerError;
use crate::app::Log;
use crate::error::ApiError;
use crate::listen;
use crate::problem::{Kind, Problem};
use crate::server::{FAREWELL, runtime};

/// Seconds after which a client may ask again.
const AGAIN: u64 = 3;

/// A restore that somebody has asked for.
#[derive(Debug, Clone)]
pub(crate) struct RestoreRequest {
    pub(crate) file: PathBuf,
    /// The backup's name.
    pub(crate) backup: String,
    pub(crate) who: String,
}

/// What became of a restore.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Restored {
    /// The backup's name.
    backup: String,
    /// Why nothing was changed; null: it was restored.
    problem: Option<String>,
    #[serde(flatten)]
    exactly: Option<Problem>,
    /// Where the home that was replaced is now. Nothing needs it.
    replaced: Option<String>,
}

impl Restored {
    /// It was not even begun.
    pub(crate) fn not_begun(request: RestoreRequest, problem: &str) -> Restored {
        Restored {
            backup: request.backup,
            problem: Some(problem.to_owned()),
            exactly: Some(Kind::Busy.into()),
            replaced: None,
        }
    }
}

/// Restores a backup while requests are told to come again. Nobody may use the home meanwhile. Whether it
/// worked or not, the home that is there afterwards is opened.
///
/// # Errors
/// When that home cannot be opened.
pub(crate) fn restore(
    request: RestoreRequest,
    open: impl Fn() -> Result<Home, StoreError>,
    directory: PathBuf,
    listener: &TcpListener,
    tls: Option<TlsAcceptor>,
) -> Result<(Home, Restored), ServerError> {
    let percent = Arc::new(AtomicU8::new(0));
    let report = while_away(listener, tls, Arc::clone(&percent), || {
        let progress = |done: u64, total: u64| {
            let share = done.saturating_mul(100) / total.max(1);
            percent.store(u8::try_from(share).unwrap_or(100), Ordering::Relaxed);
        };
        let mut options = RestoreOptions::default();
        options.force = true;
        options.progress = Some(&progress);
        niteru_store::restore(&request.file, &directory, options)
    })?;
    let home = open()?;
    if report.is_ok() {
        settle(&home, &request)?;
    }
    Ok((home, Restored::of(request, report)))
}

/// Whoever was logged in when the backup was written is not now; and the audit log says who restored it.
fn settle(home: &Home, request: &RestoreRequest) -> Result<(), StoreError> {
    home.end_sessions()?;
    // What waited when the backup was made is not to be begun unasked, and a backup is not trusted to ask.
    for job in home.open_jobs()? {
        let message = "a backup was restored; start it again if it is still wanted";
        let problem = json!(Problem::from(Kind::JobRestored));
        home.end_job(job.id, JobState::Interrupted, Some(message), Some(&problem))?;
    }
    home.audit(&NewAuditEntry {
        who: &request.who,
        address: "",
        action: "backup.restored",
        target: &request.backup,
        status: StatusCode::OK.as_u16(),
    })
}

impl Restored {
    /// Tells the person who started the server.
    pub(crate) fn tell(&self, log: &Log) {
        let backup = &self.backup;
        match (&self.problem, &self.replaced) {
            (Some(problem), _) => log(&format!("{backup} was not restored: {problem}")),
            (None, Some(old)) => log(&format!("restored {backup}; what was there is now {old}")),
            (None, None) => log(&format!("restored {backup}")),
        }
    }

    fn of(request: RestoreRequest, report: Result<RestoreReport, BackupError>) -> Restored {
        let with_causes = |error: &BackupError| niteru_store::below::encoder::with_causes(error);
        let replaced = report.as_ref().ok().and_then(|done| done.replaced.clone());
        Restored {
            backup: request.backup,
            problem: report.as_ref().err().map(with_causes),
            exactly: report.as_ref().err().and_then(|error| Problem::of(error)),
            replaced: replaced.map(|path| path.to_string_lossy().into_owned()),
        }
    }
}

/// Does something while all requests are told to come again.
fn while_away<T>(
    listener: &TcpListener,
    tls: Option<TlsAcceptor>,
    percent: Arc<AtomicU8>,
    work: impl FnOnce() -> T,
) -> Result<T, ServerError> {
    let runtime = runtime()?;
    let listener = listener.try_clone();
    let listener = listener.and_then(|listener| {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener)
    });
    let listener = listener.map_err(|error| ServerError::System(error.to_string()))?;
    let ended = watch::Sender::new(false);
    let router = Router::new().fallback(move || away(percent.load(Ordering::Relaxed)));
    let proxies = Vec::new();
    let serving = listen::serve(listener, tls, proxies, router, ended.subscribe());
    let serving = runtime.spawn(serving);
    let done = work();
    ended.send_replace(true);
    // That it panicked keeps nobody from going on.
    let _ = runtime.block_on(serving);
    runtime.shutdown_timeout(FAREWELL);
    Ok(done)
}

async fn away(percent: u8) -> Response {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        Kind::Restoring,
        format!("a backup is being restored ({percent} %)"),
    )
    .help("come again in a moment, and log in again")
    .retry_after(AGAIN)
    .because(Problem::from(Kind::Restoring).with("percent", percent))
    .into_response()
}
