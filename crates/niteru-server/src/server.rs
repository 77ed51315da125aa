//! A server from its start to its end.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use niteru_store::{Home, UploadLimits};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::app::{App, Log, Settings, image_limits};
use crate::jobs::Runner;
use crate::{ServerError, api, listen, secret, tls};

/// The port that people type.
const PORT: u16 = 8686;

/// Name of the file in the home that a server holds while it runs.
const LOCK: &str = "server.lock";

/// How long the runtime waits for work that cannot be cut off.
const FAREWELL: Duration = Duration::from_secs(10);

/// A certificate and its key, in PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, followed by those that lead to one that clients know.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How a server is started.
#[derive(Clone)]
#[non_exhaustive]
pub struct ServerOptions {
    /// Where it listens; port 0 takes any that is free.
    pub address: SocketAddr,
    /// Secures connections.
    pub tls: Option<TlsFiles>,
    /// Asks for a login on a loopback address, too. On others it always does.
    pub login: bool,
    /// Bytes that all uploaded images may have together.
    pub quota: u64,
    /// Takes the server's messages.
    pub log: Log,
}

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions {
            address: (Ipv4Addr::LOCALHOST, PORT).into(),
            tls: None,
            login: false,
            quota: 100 << 30,
            log: Arc::new(|_| ()),
        }
    }
}

/// An HTTP server over a home.
pub struct Server {
    app: Arc<App>,
    router: Router,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    runner: Runner,
    /// Held while the server is there.
    _lock: File,
}

/// Stops a server, from any thread.
#[derive(Clone)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Ends the server once the requests that run are answered. Jobs that run are interrupted.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Server {
    /// Takes the address and the home. Jobs begin now; requests are answered by [`Server::run`].
    ///
    /// # Errors
    /// [`ServerError::InUse`], [`ServerError::Listen`], [`ServerError::Tls`], and those of the home.
    pub fn bind(home: Home, options: ServerOptions) -> Result<Server, ServerError> {
        let lock = lock(&home)?;
        let acceptor = options.tls.as_ref().map(tls::acceptor).transpose()?;
        let listener = TcpListener::bind(options.address);
        let cannot_listen = |source| ServerError::Listen {
            address: options.address,
            source,
        };
        let listener = listener.map_err(cannot_listen)?;
        listener.set_nonblocking(true).map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let login = options.login || !is_loopback(address.ip());
        let setup_code = match login && !home.has_administrator()? {
            true => Some(secret::readable_code()?),
            false => None,
        };
        let settings = Settings {
            login,
            tls: acceptor.is_some(),
            address,
            uploads: UploadLimits {
                image: image_limits(),
                quota: options.quota,
            },
        };
        let app = App::new(home, settings, secret::token()?, setup_code, options.log);
        let app = Arc::new(app);
        let runner = Runner::start(&app)?;
        Ok(Server {
            router: api::router(&app),
            app,
            listener,
            tls: acceptor,
            runner,
            _lock: lock,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.app.settings.address
    }

    /// What to open in a browser on this computer.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let address = self.address();
        // What listens everywhere is reached under no address of that name.
        let shown = match address.ip().is_unspecified() {
            true => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port()),
            false => address,
        };
        format!("{scheme}://{shown}/")
    }

    /// Whether everybody has to log in.
    pub fn needs_login(&self) -> bool {
        self.app.settings.login
    }

    /// What makes the first administrator, once; `None` where there is one, or where none is needed.
    pub fn setup_code(&self) -> Option<String> {
        self.app.setup_code.lock().clone()
    }

    /// What stops it.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.app.stop.clone())
    }

    /// All that it answers, without connections: for tests, and for programs that have their own.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Answers requests until it is stopped.
    ///
    /// # Errors
    /// [`ServerError::System`], [`ServerError::Listen`], and those of the database when jobs that were
    /// interrupted are written down.
    pub fn run(self) -> Result<(), ServerError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("niteru-http")
            .enable_all()
            .build()
            .map_err(|error| ServerError::System(error.to_string()))?;
        let address = self.address();
        let stop = self.app.stop.subscribe();
        let served = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(self.listener)
                .map_err(|source| ServerError::Listen { address, source })?;
            listen::serve(listener, self.tls, self.router, stop).await;
            Ok(())
        });
        self.app.stop.send_replace(true);
        runtime.shutdown_timeout(FAREWELL);
        self.runner.end()?;
        served
    }
}

/// Whether only this computer can reach it.
fn is_loopback(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback())
        }
    }
}

/// Two servers would take each other's jobs for interrupted ones.
fn lock(home: &Home) -> Result<File, ServerError> {
    let path = home.directory().join(LOCK);
    let opened = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file =
        opened.map_err(|error| ServerError::System(format!("{}: {error}", path.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(ServerError::InUse {
            path: home.directory().to_path_buf(),
        }),
        // A file system without locks: better without than not at all.
        Err(std::fs::TryLockError::Error(_)) => Ok(file),
    }
}
