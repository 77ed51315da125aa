//! A server from its start to its end.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use niteru_store::{Home, IndexPlace, UploadLimits};
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::timeout_at;
use tokio_rustls::TlsAcceptor;

use crate::app::{App, Log, Settings, image_limits};
use crate::jobs::Runner;
use crate::proxy::ProxyAddress;
use crate::restoring::{self, RestoreRequest, Restored};
use crate::{ServerError, api, listen, secret, tls};

/// The port that people type.
const PORT: u16 = 8686;

/// Name of the file in the home that a server holds while it runs.
const LOCK: &str = "server.lock";

/// How long the runtime waits for work that cannot be cut off.
pub(crate) const FAREWELL: Duration = Duration::from_secs(10);

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
    /// Folders that may be watched for photos to inspect, and that collections may be filled from, beside the
    /// home's own.
    pub folders: Vec<PathBuf>,
    /// Clusters that indexes may be moved to.
    pub clusters: Vec<IndexPlace>,
    /// Proxies before the server: who asks, and whether their connection is secure, is believed of requests from
    /// these addresses. Where there are any, everybody has to log in. Empty: headers of proxies are not looked at.
    pub proxies: Vec<ProxyAddress>,
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
            folders: Vec::new(),
            clusters: Vec::new(),
            proxies: Vec::new(),
            log: Arc::new(|_| ()),
        }
    }
}

/// An HTTP server over a home.
pub struct Server {
    running: Running,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    ending: Stopper,
}

/// What goes and comes again when the home becomes another one.
struct Running {
    app: Arc<App>,
    router: Router,
    runner: Runner,
    log: Log,
    /// Held while the home is used.
    lock: File,
}

/// Stops a server, from any thread.
#[derive(Clone)]
pub struct Stopper(Arc<Mutex<Ending>>);

/// What ends a server, and the one that comes after a restore.
struct Ending {
    ended: bool,
    current: watch::Sender<bool>,
}

impl Stopper {
    fn new(current: watch::Sender<bool>) -> Stopper {
        let ended = false;
        Stopper(Arc::new(Mutex::new(Ending { ended, current })))
    }

    /// Ends the server once the requests that run are answered. Jobs that run are interrupted.
    pub fn stop(&self) {
        let mut ending = self.0.lock();
        ending.ended = true;
        ending.current.send_replace(true);
    }

    /// From now on it ends this one; at once, where it was to end meanwhile.
    fn end_next(&self, next: watch::Sender<bool>) {
        let mut ending = self.0.lock();
        next.send_replace(ending.ended);
        ending.current = next;
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
        let settings = Settings {
            // A proxy makes everybody a neighbour.
            login: options.login || !is_loopback(address.ip()) || !options.proxies.is_empty(),
            tls: acceptor.is_some(),
            address,
            uploads: UploadLimits {
                image: image_limits(),
                quota: options.quota,
            },
            folders: absolute(options.folders),
            clusters: options.clusters,
            proxies: options.proxies,
        };
        let running = Running::start(home, lock, settings, None, options.log)?;
        Ok(Server {
            ending: Stopper::new(running.app.stop.clone()),
            running,
            listener,
            tls: acceptor,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.running.app.settings.address
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
        self.running.app.settings.login
    }

    /// What makes the first administrator, once; `None` where there is one, or where none is needed.
    pub fn setup_code(&self) -> Option<String> {
        self.running.app.setup_code.lock().clone()
    }

    /// What stops it.
    pub fn stopper(&self) -> Stopper {
        self.ending.clone()
    }

    /// All that it answers, without connections: for tests, and for programs that have their own.
    pub fn router(&self) -> Router {
        self.running.router.clone()
    }

    /// Answers requests until it is stopped. When a backup is restored, it goes on with the home that was
    /// restored.
    ///
    /// # Errors
    /// [`ServerError::System`], [`ServerError::Listen`], and those of the home: of writing down which jobs were
    /// interrupted, and of opening it again.
    pub fn run(self) -> Result<(), ServerError> {
        let Server {
            mut running,
            listener,
            tls,
            ending,
        } = self;
        while let Some((ended, request)) = running.serve(&listener, tls.clone())? {
            running = go_on(ended, request, &listener, tls.clone())?;
            ending.end_next(running.app.stop.clone());
        }
        Ok(())
    }
}

impl Running {
    fn start(
        home: Home,
        lock: File,
        settings: Settings,
        restored: Option<Restored>,
        log: Log,
    ) -> Result<Running, ServerError> {
        let setup_code = match settings.login && !home.has_administrator()? {
            true => Some(secret::readable_code()?),
            false => None,
        };
        let app = App::new(
            home,
            settings,
            secret::token()?,
            setup_code,
            restored,
            Arc::clone(&log),
        );
        let app = Arc::new(app);
        let runner = Runner::start(&app)?;
        Ok(Running {
            router: api::router(&app),
            app,
            runner,
            log,
            lock,
        })
    }

    /// Answers requests until it is stopped, or until a backup is to be restored.
    fn serve(
        self,
        listener: &TcpListener,
        tls: Option<TlsAcceptor>,
    ) -> Result<Option<(Ended, RestoreRequest)>, ServerError> {
        let Running {
            app,
            router,
            runner,
            log,
            lock,
        } = self;
        let runtime = runtime()?;
        let address = app.settings.address;
        let served: Result<(), ServerError> = runtime.block_on(async {
            let listener = listener.try_clone();
            let listener = listener.and_then(tokio::net::TcpListener::from_std);
            let listener = listener.map_err(|source| ServerError::Listen { address, source })?;
            let proxies = app.settings.proxies.clone();
            let until = listen::serve(listener, tls, proxies, router, app.stop.subscribe()).await;
            // Those whose clients have hung up are done to their end, too, and written down.
            if timeout_at(until, app.changes.all_done()).await.is_err() {
                let count = app.changes.count();
                app.log(&format!(
                    "requests that took too long to end were cut off: {count}"
                ));
            }
            Ok(())
        });
        app.stop.send_replace(true);
        runtime.shutdown_timeout(FAREWELL);
        runner.end()?;
        served?;
        let request = app.restore.lock().take();
        Ok(request.map(|request| (Ended { app, log, lock }, request)))
    }
}

/// What has ended, with the home that nobody else uses any more.
struct Ended {
    app: Arc<App>,
    log: Log,
    lock: File,
}

/// Restores a backup, and begins again.
fn go_on(
    ended: Ended,
    request: RestoreRequest,
    listener: &TcpListener,
    tls: Option<TlsAcceptor>,
) -> Result<Running, ServerError> {
    let Ended {
        app,
        log,
        lock: held,
    } = ended;
    let settings = app.settings.clone();
    let open = app.home.again();
    let directory = app.home.directory().to_path_buf();
    let (home, restored) = match alone(app) {
        Some(app) => {
            // The database is closed, and its folder may get another name.
            drop(app);
            drop(held);
            restoring::restore(request, open, directory, listener, tls)?
        }
        None => {
            drop(held);
            let problem = "a request did not end in time; try again";
            (open()?, Restored::not_begun(request, problem))
        }
    };
    restored.tell(&log);
    let lock = lock(&home)?;
    let running = Running::start(home, lock, settings, Some(restored), log)?;
    if let Some(code) = running.app.setup_code.lock().as_ref() {
        (running.log)(&format!(
            "the home that was restored has no administrator: make the first one with the code {code}"
        ));
    }
    Ok(running)
}

/// Waits until nothing else holds what requests share.
fn alone(mut app: Arc<App>) -> Option<App> {
    let until = Instant::now() + FAREWELL;
    loop {
        app = match Arc::try_unwrap(app) {
            Ok(app) => return Some(app),
            Err(_) if Instant::now() > until => return None,
            Err(app) => app,
        };
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What requests are answered with.
pub(crate) fn runtime() -> Result<Runtime, ServerError> {
    tokio::runtime::Builder::new_multi_thread()
        .thread_name("niteru-http")
        .enable_all()
        .build()
        .map_err(|error| ServerError::System(error.to_string()))
}

/// Folders as the list of those that may be watched has them, each once. One that is not there stays: a network share
/// may come later.
fn absolute(folders: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = Vec::with_capacity(folders.len());
    for folder in folders {
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        // Without `.` and what a separator at the end leaves.
        let folder = folder.components().collect();
        if !all.contains(&folder) {
            all.push(folder);
        }
    }
    all
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
