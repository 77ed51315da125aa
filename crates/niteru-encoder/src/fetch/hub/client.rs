//! Requests with limits of time, that end when the caller wants it.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, Response, StatusCode};
use tokio::runtime::Runtime;

use crate::causes::with_causes;
use crate::fetch::{FetchError, FetchEvent, Watch};

/// Attempts at one request; those at a file go on where the one before was cut off.
const ATTEMPTS: u32 = 5;
/// Longest description of a revision.
const MAX_DESCRIPTION: usize = 8 << 20;
/// Longest time between two looks at the cancel flag.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Longest wait for an answer, and for each piece of it.
    pub(super) timeout: Duration,
    /// Before the second attempt; doubles with each further one.
    pub(super) pause: Duration,
}

/// Why an attempt failed.
pub(super) enum Attempt {
    /// Another one may succeed.
    Again(String),
    /// Nothing answers at this address, or its certificate is not trusted: that will not change
    /// within seconds.
    Unreachable(String),
    /// Another one would not help.
    Final(FetchError),
}

/// Runs requests to their end, with limits of time.
pub(super) struct Client {
    /// Always there until dropped.
    runtime: Option<Runtime>,
    patience: Patience,
}

impl Drop for Client {
    fn drop(&mut self) {
        // Not waited for: looking up a name cannot be interrupted, and may take long.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Client {
    pub(super) fn new(patience: Patience) -> std::io::Result<Client> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Client {
            runtime: Some(runtime),
            patience,
        })
    }

    /// Makes attempts until one succeeds, or another would not help. `name` is what notes call it.
    pub(super) fn retry<T>(
        &self,
        url: &str,
        name: &str,
        watch: &Watch<'_>,
        mut attempt: impl AsyncFnMut() -> Result<T, Attempt>,
    ) -> Result<T, FetchError> {
        let failed = |reason| FetchError::Network {
            url: url.to_string(),
            reason,
        };
        let runtime = self
            .runtime
            .as_ref()
            .ok_or_else(|| failed("closed".to_string()))?;
        let (mut left, mut pause) = (ATTEMPTS, self.patience.pause);
        loop {
            left -= 1;
            let reason = match runtime.block_on(attempt()) {
                Ok(done) => return Ok(done),
                Err(Attempt::Final(error)) => return Err(error),
                Err(Attempt::Unreachable(reason)) => return Err(failed(reason)),
                Err(Attempt::Again(reason)) if left == 0 => return Err(failed(reason)),
                Err(Attempt::Again(reason)) => reason,
            };
            watch.tell(FetchEvent::Note(&format!("{name}: {reason}; trying again")));
            sleep(pause, watch)?;
            pause *= 2;
        }
    }

    /// Sends a request and waits for the head of the answer, redirects followed.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        watch: &Watch<'_>,
    ) -> Result<Response, Attempt> {
        let (client, request) = request.build_split();
        let request = request.map_err(failure)?;
        let encrypted = request.url().scheme() == "https";
        let response = self
            .wait(client.execute(request), watch)
            .await?
            .map_err(failure)?;
        if encrypted && response.url().scheme() != "https" {
            let reason = "redirected to an address without encryption";
            return Err(Attempt::Unreachable(reason.to_string()));
        }
        Ok(response)
    }

    /// The next piece of the body; `None` at its end.
    pub(super) async fn piece(
        &self,
        response: &mut Response,
        watch: &Watch<'_>,
    ) -> Result<Option<impl std::ops::Deref<Target = [u8]> + use<>>, Attempt> {
        self.wait(response.chunk(), watch).await?.map_err(failure)
    }

    /// The whole body, which must not be long.
    pub(super) async fn short_body(
        &self,
        mut response: Response,
        watch: &Watch<'_>,
    ) -> Result<Vec<u8>, Attempt> {
        let mut body = Vec::new();
        while let Some(piece) = self.piece(&mut response, watch).await? {
            body.extend_from_slice(&piece);
            if body.len() > MAX_DESCRIPTION {
                return Err(Attempt::Final(FetchError::TooLarge {
                    file: "the hub's description of the repository".to_string(),
                    limit: MAX_DESCRIPTION as u64,
                }));
            }
        }
        Ok(body)
    }

    /// Waits for what a server does: not longer than the limit, nor than the caller wants.
    async fn wait<T>(
        &self,
        action: impl Future<Output = T>,
        watch: &Watch<'_>,
    ) -> Result<T, Attempt> {
        let mut action = pin!(action);
        let limit = self.patience.timeout;
        let end = Instant::now() + limit;
        loop {
            watch.check().map_err(Attempt::Final)?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let seconds = limit.as_secs_f32();
                return Err(Attempt::Again(format!("no answer for {seconds} s")));
            }
            if let Ok(done) = tokio::time::timeout(left.min(LOOK), &mut action).await {
                return Ok(done);
            }
        }
    }
}

/// Lets answers through that hold what was asked for.
pub(super) fn check_status(
    response: &Response,
    url: &str,
    not_found: impl Fn() -> FetchError,
) -> Result<(), Attempt> {
    let (url, status) = (url.to_string(), response.status());
    Err(match status {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => return Ok(()),
        StatusCode::NOT_FOUND => Attempt::Final(not_found()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Attempt::Final(FetchError::Refused {
            url,
            status: status.as_u16(),
        }),
        _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            Attempt::Again(format!("the server answered {status}"))
        }
        _ => Attempt::Final(FetchError::Network {
            url,
            reason: format!("the server answered {status}"),
        }),
    })
}

/// Sorts the client's errors.
fn failure(error: reqwest::Error) -> Attempt {
    let lasting = error.is_connect() || error.is_builder() || error.is_redirect();
    let reason = with_causes(&error.without_url());
    match lasting {
        true => Attempt::Unreachable(reason),
        false => Attempt::Again(reason),
    }
}

/// Waits, but not longer than the caller wants.
fn sleep(time: Duration, watch: &Watch<'_>) -> Result<(), FetchError> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        watch.check()?;
        std::thread::sleep(LOOK.min(time));
    }
    watch.check()
}
