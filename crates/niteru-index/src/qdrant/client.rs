//! Requests to a cluster: blocking, with limits of time and size, tried again where that can help.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use qdrant_client::qdrant::collections_client::CollectionsClient;
use qdrant_client::qdrant::points_client::PointsClient;
use tokio::runtime::Runtime;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Response, Status};

use super::ClusterUrl;
use crate::IndexError;

/// The environment variable with the cluster's API key.
pub const API_KEY: &str = "NITERU_QDRANT_API_KEY";

const CONNECT: Duration = Duration::from_secs(5);
const REQUEST: Duration = Duration::from_secs(30);
/// Longest answer: the hits of a search for a million, with room.
const MAX_ANSWER: usize = 64 << 20;
/// Before the second try; doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest part of a server's message that is repeated.
const MAX_REASON: usize = 300;

/// The connection to a cluster. Made without the network: the first request connects.
///
/// Calls block, so they must not be made on a thread that drives asynchronous tasks. Redirects do not
/// exist in gRPC. TLS trusts the system's certificates.
#[derive(Debug, Clone)]
pub struct Cluster(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    url: ClusterUrl,
    // Dropped before the runtime that drives it.
    service: Service,
    runtime: Runtime,
}

type Service = InterceptedService<Channel, Key>;

/// How long requests are tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    tries: u32,
    within: Duration,
}

impl Patience {
    /// For what someone waits for. Twice, since the first request after a server's restart finds a
    /// connection that is dead.
    pub(super) const READ: Self = Self {
        tries: 2,
        within: Duration::from_secs(10),
    };
}

impl Cluster {
    /// The cluster at that URL, with the API key from [`API_KEY`], if there is one.
    ///
    /// # Errors
    /// [`IndexError::Cluster`] where the key, the system's certificates or its threads are unusable.
    pub fn new(url: ClusterUrl) -> Result<Self, IndexError> {
        Self::with_key(url, std::env::var(API_KEY).ok())
    }

    fn with_key(url: ClusterUrl, key: Option<String>) -> Result<Self, IndexError> {
        let failed = |reason: &str| IndexError::Cluster {
            url: url.address(),
            reason: reason.into(),
        };
        let key = match key.filter(|key| !key.is_empty()) {
            Some(key) => {
                let mut key = MetadataValue::try_from(key)
                    .map_err(|_| failed("the API key has characters that no key has"))?;
                key.set_sensitive(true);
                Some(key)
            }
            None => None,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("qdrant")
            .enable_all()
            .build()
            .map_err(|error| failed(&format!("no thread can be started: {error}")))?;
        let mut endpoint = Endpoint::from_shared(url.endpoint())
            .map_err(|_| failed("it is no address"))?
            .connect_timeout(CONNECT)
            .timeout(REQUEST)
            .tcp_nodelay(true);
        if url.is_encrypted() {
            endpoint = endpoint
                .tls_config(ClientTlsConfig::new().with_native_roots())
                .map_err(|_| failed("the system's certificates cannot be read"))?;
        }
        let channel = {
            let _inside = runtime.enter();
            endpoint.connect_lazy()
        };
        let service = InterceptedService::new(channel, Key(key));
        Ok(Self(Arc::new(Inner {
            url,
            service,
            runtime,
        })))
    }

    /// Where it is.
    pub fn url(&self) -> &ClusterUrl {
        &self.0.url
    }

    pub(super) fn points(&self) -> PointsClient<Service> {
        PointsClient::new(self.0.service.clone()).max_decoding_message_size(MAX_ANSWER)
    }

    pub(super) fn collections(&self) -> CollectionsClient<Service> {
        CollectionsClient::new(self.0.service.clone()).max_decoding_message_size(MAX_ANSWER)
    }

    /// How long writes are tried.
    pub(super) fn write_patience(&self) -> Patience {
        Patience {
            tries: self.0.url.tries,
            within: self.0.url.patience,
        }
    }

    /// Runs a request until it is answered, or trying again makes no sense.
    pub(super) fn run<T, F>(
        &self,
        patience: Patience,
        request: impl Fn() -> F,
    ) -> Result<T, IndexError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        self.try_run(patience, request)
            .map_err(|status| self.error(&status))
    }

    /// As [`Cluster::run`]; `None` where there is no such collection.
    pub(super) fn run_if_there<T, F>(
        &self,
        patience: Patience,
        request: impl Fn() -> F,
    ) -> Result<Option<T>, IndexError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        match self.try_run(patience, request) {
            Ok(answer) => Ok(Some(answer)),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(self.error(&status)),
        }
    }

    // The error is the client's own.
    #[allow(clippy::result_large_err)]
    fn try_run<T, F>(&self, patience: Patience, request: impl Fn() -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut tried = 0;
        loop {
            let status = match self.0.runtime.block_on(request()) {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(status) => status,
            };
            tried += 1;
            let wait = jittered(pause);
            let late = started.elapsed() + wait >= patience.within;
            if tried >= patience.tries || late || !is_passing(status.code()) {
                return Err(status);
            }
            std::thread::sleep(wait);
            pause *= 2;
        }
    }

    fn error(&self, status: &Status) -> IndexError {
        let url = self.0.url.address();
        match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => IndexError::Cluster {
                url,
                reason: format!("it wants an API key, or another one: set {API_KEY}"),
            },
            code if is_passing(code) => IndexError::Unavailable {
                url,
                reason: reason(status),
            },
            _ => IndexError::Cluster {
                url,
                reason: reason(status),
            },
        }
    }
}

/// Whether the same request may succeed later.
fn is_passing(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::Aborted
            | Code::Internal
            | Code::Unknown
            | Code::ResourceExhausted
    )
}

/// What went wrong, with the deepest cause, which says most, on one short line.
fn reason(status: &Status) -> String {
    let mut text = status.message().to_owned();
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MAX_REASON).collect()
}

/// Between half of a pause and all of it, so that many clients do not come back together.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) % 1024;
    pause / 2 + pause.mul_f64(random as f64 / 2048.0)
}

/// Adds the API key to requests.
#[derive(Clone)]
pub(super) struct Key(Option<MetadataValue<Ascii>>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() {
            "Key(…)"
        } else {
            "Key(none)"
        })
    }
}

impl Interceptor for Key {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(key) = &self.0 {
            request.metadata_mut().insert("api-key", key.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_shown() {
        let url: ClusterUrl = "qdrant+http://127.0.0.1:9".parse().unwrap();
        let cluster = Cluster::with_key(url.clone(), Some("hush".into())).unwrap();
        assert!(!format!("{cluster:?}").contains("hush"));
        let error = Cluster::with_key(url, Some("hush\n".into())).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("hush"));
    }

    #[test]
    fn pauses_differ_within_bounds() {
        let pause = Duration::from_millis(100);
        let pauses: Vec<_> = (0..50).map(|_| jittered(pause)).collect();
        assert!(pauses.iter().all(|p| (pause / 2..=pause).contains(p)));
        assert!(pauses.iter().any(|p| p != &pauses[0]));
    }
}
