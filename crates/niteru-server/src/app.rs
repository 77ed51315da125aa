//! What all requests share.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use niteru_store::Home;
use niteru_store::UploadLimits;
use niteru_store::below::imaging::Limits;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::api::inspect::Inspectors;
use crate::api::login::Attempts;
use crate::api::models::Encoders;
use crate::assets::Assets;
use crate::error::ApiError;
use crate::jobs::Jobs;
use crate::restoring::{RestoreRequest, Restored};
use crate::turns::Turns;
use crate::watched::Watches;
use crate::work::Gate;

/// Blocking work that is mostly waiting for the disk, at a time.
const QUICK: usize = 16;

/// Inspectors that are made ready at a time, and what waits for the same ones.
const LOADING: usize = 4;

/// Passwords that are hashed at a time: each takes 19 MiB.
const PASSWORDS: usize = 2;

/// Tells the server's messages.
pub(crate) type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// How the server was started.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Whether everybody has to log in.
    pub(crate) login: bool,
    pub(crate) tls: bool,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    pub(crate) uploads: UploadLimits,
    /// Folders that may be watched, beside the home's own.
    pub(crate) folders: Vec<PathBuf>,
}

impl Settings {
    /// Whether a host, as clients write it, is this server as seen from this computer.
    pub(crate) fn is_own(&self, host: &str) -> bool {
        let port = self.address.port();
        let usual = if self.tls { 443 } else { 80 };
        let names = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        let bound = match self.address.ip() {
            std::net::IpAddr::V4(ip) => ip.to_string(),
            std::net::IpAddr::V6(ip) => format!("[{ip}]"),
        };
        names.into_iter().chain([bound]).any(|name| {
            host.eq_ignore_ascii_case(&format!("{name}:{port}"))
                || (port == usual && host.eq_ignore_ascii_case(&name))
        })
    }
}

/// What uploads may be, beside what they may be together.
pub(crate) fn image_limits() -> Limits {
    Limits {
        max_file_bytes: 64 << 20,
        max_side: 30_000,
        max_pixels: 120_000_000,
        max_alloc: 1 << 30,
    }
}

/// The state of a server.
pub(crate) struct App {
    pub(crate) home: Home,
    pub(crate) settings: Settings,
    pub(crate) assets: Assets,
    /// What proves that a request comes from our page, where there is no login.
    pub(crate) local_csrf: String,
    /// What makes the first administrator; gone once there is one.
    pub(crate) setup_code: Mutex<Option<String>>,
    pub(crate) attempts: Attempts,
    pub(crate) encoders: Encoders,
    pub(crate) inspectors: Inspectors,
    pub(crate) jobs: Jobs,
    pub(crate) watches: Watches,
    /// Becomes true when the server ends, or is about to begin again.
    pub(crate) stop: watch::Sender<bool>,
    /// What is to be restored once it has ended.
    pub(crate) restore: Mutex<Option<RestoreRequest>>,
    /// What became of the last restore.
    pub(crate) restored: Option<Restored>,
    quick: Gate,
    heavy: Gate,
    loading: Gate,
    passwords: Gate,
    pub(crate) turns: Turns,
    log: Log,
}

impl App {
    pub(crate) fn new(
        home: Home,
        settings: Settings,
        local_csrf: String,
        setup_code: Option<String>,
        restored: Option<Restored>,
        log: Log,
    ) -> App {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        App {
            home,
            settings,
            assets: Assets::new(),
            local_csrf,
            setup_code: Mutex::new(setup_code),
            attempts: Attempts::default(),
            encoders: Encoders::default(),
            inspectors: Inspectors::default(),
            jobs: Jobs::default(),
            watches: Watches::default(),
            stop: watch::Sender::new(false),
            restore: Mutex::default(),
            restored,
            quick: Gate::new(QUICK),
            heavy: Gate::new(cores),
            loading: Gate::new(LOADING),
            passwords: Gate::new(PASSWORDS),
            turns: Turns::default(),
            log,
        }
    }

    /// Tells the person who started the server. Never anything that is secret, but for the code that makes a
    /// first administrator after a restore: there is no other way to tell it.
    pub(crate) fn log(&self, message: &str) {
        (self.log)(message);
    }

    /// Work with the database and files.
    pub(crate) async fn quick<T: Send + 'static>(
        self: &Arc<App>,
        work: impl FnOnce(&App) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let app = Arc::clone(self);
        self.quick.run(move || work(&app)).await
    }

    /// Work that computes.
    pub(crate) async fn heavy<T: Send + 'static>(
        self: &Arc<App>,
        work: impl FnOnce(&Arc<App>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let app = Arc::clone(self);
        self.heavy.run(move || work(&app)).await
    }

    /// Making ready what work needs.
    pub(crate) async fn loading<T: Send + 'static>(
        self: &Arc<App>,
        work: impl FnOnce(&Arc<App>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let app = Arc::clone(self);
        self.loading.run(move || work(&app)).await
    }

    /// Work with passwords.
    pub(crate) async fn passwords<T: Send + 'static>(
        self: &Arc<App>,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.passwords.run(work).await
    }
}
