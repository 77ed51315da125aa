//! Files of model repositories, through the hub's client library.
//!
//! The library (`hf-hub`) knows the hub: its address, how repositories and revisions are
//! addressed, and the HTTP client with token, proxy, redirects and the system's certificates. The
//! hub's description of a revision names its commit, and size and sha256 of every large file, before
//! anything is fetched.
//!
//! The library's own `download` is not used: it makes file paths of headers that the server
//! chose, and has no limits of time and size. Here nothing that a server says becomes a path: bytes
//! go to a name that the caller chose, counted, hashed and compared.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};

use hf_hub::api::tokio::{Api, ApiBuilder};
use hf_hub::{Cache, Repo, RepoType};
use reqwest::header::{CONTENT_RANGE, HeaderMap, RANGE};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use tokio::runtime::Runtime;

use super::transfer::{Sink, create, io_error};
use super::{FetchError, FetchEvent, Watch};

/// Attempts at one request; those at a file go on where the one before was cut off.
const ATTEMPTS: u32 = 5;
/// Longest description of a revision.
const MAX_DESCRIPTION: usize = 8 << 20;
/// Longest time between two looks at the cancel flag.
const LOOK: Duration = Duration::from_millis(50);

/// A hub: its address, and how to talk to it.
#[derive(Clone)]
pub struct Hub {
    /// `None` is the public one.
    endpoint: Option<String>,
    token: Option<String>,
    patience: Patience,
}

#[derive(Debug, Clone, Copy)]
struct Patience {
    /// Longest wait for an answer, and for each piece of it.
    timeout: Duration,
    /// Before the second attempt; doubles with each further one.
    pause: Duration,
}

impl std::fmt::Debug for Hub {
    // The token is a secret and stays out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// A file that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubFile {
    /// Its length.
    pub bytes: u64,
    /// Its sha256, in hexadecimal.
    pub sha256: String,
}

impl Hub {
    /// The hub that `HF_ENDPOINT` names, else the public one; `HF_TOKEN` is its token.
    pub fn from_env() -> Hub {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let hub = match variable("HF_ENDPOINT") {
            Some(endpoint) => Hub::new(&endpoint),
            None => Hub::public(),
        };
        hub.with_token(variable("HF_TOKEN"))
    }

    /// The hub at this address, such as `https://hub.example.com`, without a token. It is given
    /// 60 seconds to answer and to send each piece, and up to 5 attempts per file.
    pub fn new(endpoint: &str) -> Hub {
        Hub {
            endpoint: Some(endpoint.trim_end_matches('/').to_string()),
            ..Hub::public()
        }
    }

    fn public() -> Hub {
        Hub {
            endpoint: None,
            token: None,
            patience: Patience {
                timeout: Duration::from_secs(60),
                pause: Duration::from_secs(1),
            },
        }
    }

    /// The same hub with this token. It is sent to the hub's own address only.
    pub fn with_token(mut self, token: Option<String>) -> Hub {
        self.token = token;
        self
    }

    /// The same hub with another limit for each wait, and another pause before the second
    /// attempt (it doubles with each further one).
    pub fn with_patience(mut self, timeout: Duration, pause: Duration) -> Hub {
        self.patience = Patience { timeout, pause };
        self
    }

    /// Asks what a repository holds at a revision. Its files can then be fetched into `folder`,
    /// which must be there.
    ///
    /// Blocks; not to be called from an asynchronous task.
    ///
    /// # Errors
    /// When the hub cannot be reached, refuses, has no such repository or revision, or answers
    /// something odd.
    pub fn revision(
        &self,
        repository: &str,
        revision: &str,
        folder: &Path,
        watch: &Watch<'_>,
    ) -> Result<HubRevision, FetchError> {
        let unreachable = |reason: String| FetchError::Network {
            url: repository.to_string(),
            reason,
        };
        let api = self
            .api(folder)
            .map_err(|error| unreachable(chain(&error)))?;
        let client = Client {
            runtime: Some(runtime().map_err(|error| unreachable(error.to_string()))?),
            patience: self.patience,
        };
        let described = api.repo(at(repository, revision));
        let request = || described.info_request().query(&[("blobs", "true")]);
        let url = match request().build() {
            Ok(request) => request.url().to_string(),
            Err(error) => return Err(unreachable(chain(&error))),
        };
        let not_found = || FetchError::NoRevision {
            repository: repository.to_string(),
            revision: revision.to_string(),
        };
        let answer = client.retry(&url, repository, watch, async || {
            let response = client.send(request(), watch).await?;
            check_status(&response, &url, not_found)?;
            client.short_body(response, watch).await
        })?;
        let description =
            Description::read(&answer).map_err(|reason| FetchError::Network { url, reason })?;
        Ok(HubRevision {
            api,
            client,
            repository: repository.to_string(),
            revision: revision.to_string(),
            folder: folder.to_path_buf(),
            description,
        })
    }

    /// The library's client. It reads and writes no files here; the folder that it would cache in
    /// is given so that it does not look for one under the user's home, or panic without one.
    fn api(&self, folder: &Path) -> Result<Api, hf_hub::api::tokio::ApiError> {
        let mut builder = ApiBuilder::from_cache(Cache::new(folder.join("hub")))
            .with_progress(false)
            .with_user_agent("niteru", env!("CARGO_PKG_VERSION"))
            .with_token(self.token.clone());
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.clone());
        }
        builder.build()
    }
}

/// A repository of a hub at one commit.
pub struct HubRevision {
    api: Api,
    client: Client,
    repository: String,
    /// As it was asked for, such as `main`.
    revision: String,
    folder: PathBuf,
    description: Description,
}

impl HubRevision {
    /// The commit that files are fetched of, whatever becomes of the revision meanwhile: 40
    /// hexadecimal digits.
    pub fn commit(&self) -> &str {
        &self.description.commit
    }

    /// Whether there is such a file, and not announced as larger than `max_bytes`.
    ///
    /// # Errors
    /// When there is not.
    pub fn offers(&self, file: &str, max_bytes: u64) -> Result<(), FetchError> {
        self.announced(file, max_bytes).map(drop)
    }

    /// Fetches a file into a new file of that name in the folder, flushed to the disk.
    ///
    /// A dropped connection is taken up again where it broke. Size and sha256 are compared with
    /// what the hub announces, where it does.
    ///
    /// Blocks; not to be called from an asynchronous task.
    ///
    /// # Errors
    /// When there is no such file, or its name is not a plain one; when the hub cannot be reached;
    /// when the file is cut short, larger than `max_bytes` or not the announced one, or cannot be
    /// written. No file is left then.
    pub fn fetch(
        &self,
        file: &str,
        max_bytes: u64,
        watch: &Watch<'_>,
    ) -> Result<HubFile, FetchError> {
        let announced = self.announced(file, max_bytes)?;
        let to = self.folder.join(file);
        let mut target = create(&to)?;
        let sink = Sink::new(&mut target, &to, max_bytes, announced.bytes);
        let fetched = self
            .fetch_into(sink, file, announced, watch)
            .and_then(|fetched| {
                target
                    .sync_all()
                    .map_err(|source| io_error("write", &to, source))?;
                Ok(fetched)
            });
        if fetched.is_err() {
            // The first error is the one to report.
            let _ = std::fs::remove_file(&to);
        }
        fetched
    }

    fn announced(&self, file: &str, max_bytes: u64) -> Result<&Announced, FetchError> {
        let plain = Path::new(file).file_name().is_some_and(|name| name == file);
        let announced = match self.description.files.get(file) {
            Some(announced) if plain => announced,
            _ => return Err(self.not_found(file)),
        };
        if announced.bytes.is_some_and(|bytes| bytes > max_bytes) {
            return Err(FetchError::TooLarge {
                file: file.to_string(),
                limit: max_bytes,
            });
        }
        Ok(announced)
    }

    fn fetch_into(
        &self,
        mut sink: Sink<'_>,
        file: &str,
        announced: &Announced,
        watch: &Watch<'_>,
    ) -> Result<HubFile, FetchError> {
        let url = self.api.repo(at(&self.repository, self.commit())).url(file);
        self.client.retry(&url, file, watch, async || {
            self.attempt(&url, file, announced, &mut sink, watch).await
        })?;
        let written = sink.finish();
        if let Some(expected) = announced.sha256.clone()
            && expected != written.sha256
        {
            return Err(FetchError::Hash {
                file: file.to_string(),
                expected,
                got: written.sha256,
            });
        }
        Ok(HubFile {
            bytes: written.bytes,
            sha256: written.sha256,
        })
    }

    /// Asks for what is still missing and takes what comes.
    async fn attempt(
        &self,
        url: &str,
        file: &str,
        announced: &Announced,
        sink: &mut Sink<'_>,
        watch: &Watch<'_>,
    ) -> Result<(), Attempt> {
        let odd = |reason: String| {
            let url = url.to_string();
            Attempt::Final(FetchError::Network { url, reason })
        };
        let had = sink.done();
        let mut request = self.api.client().get(url);
        if had > 0 {
            request = request.header(RANGE, format!("bytes={had}-"));
        }
        let mut response = match self.client.send(request, watch).await {
            // The address was right before: the network may come back.
            Err(Attempt::Unreachable(reason)) if had > 0 => return Err(Attempt::Again(reason)),
            answer => answer?,
        };
        if url.starts_with("https:") && response.url().scheme() != "https" {
            return Err(odd(
                "redirected to an address without encryption".to_string()
            ));
        }
        // Asked to go on at the end: there is nothing more.
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            return match announced.bytes {
                Some(bytes) if bytes != had => {
                    Err(odd(format!("it ends after {had} of {bytes} bytes")))
                }
                _ => Ok(()),
            };
        }
        check_status(&response, url, || self.not_found(file))?;
        let start = match response.status() {
            StatusCode::PARTIAL_CONTENT => range_start(response.headers())
                .filter(|start| *start == had)
                .ok_or_else(|| odd("the server sent another part than asked for".to_string()))?,
            _ => 0,
        };
        let length = response.content_length();
        let total = announced
            .bytes
            .or(length.and_then(|length| length.checked_add(start)));
        sink.expect(total).map_err(Attempt::Final)?;
        // Where the server sends all of it again, what is there is skipped; the sha256 tells
        // whether it differs.
        let mut skip = had - start;
        while let Some(piece) = self.client.piece(&mut response, watch).await? {
            let known = skip.min(piece.len() as u64);
            skip -= known;
            sink.put(&piece[known as usize..], watch)
                .map_err(Attempt::Final)?;
            if announced.bytes.is_some_and(|bytes| sink.done() > bytes) {
                break;
            }
        }
        let done = sink.done();
        match total {
            Some(bytes) if done < bytes && done == had => {
                Err(odd(format!("it ends after {done} of {bytes} bytes")))
            }
            Some(bytes) if done < bytes => Err(Attempt::Again(format!(
                "cut off after {done} of {bytes} bytes"
            ))),
            Some(bytes) if done > bytes => Err(odd(format!("got {done} bytes instead of {bytes}"))),
            _ => Ok(()),
        }
    }

    fn not_found(&self, file: &str) -> FetchError {
        FetchError::NotFound {
            repository: self.repository.clone(),
            revision: self.revision.clone(),
            file: file.to_string(),
        }
    }
}

fn at(repository: &str, revision: &str) -> Repo {
    let (repository, revision) = (repository.to_string(), revision.to_string());
    Repo::with_revision(repository, RepoType::Model, revision)
}

/// What the hub says about a revision.
struct Description {
    commit: String,
    files: BTreeMap<String, Announced>,
}

/// What the hub says about a file. The sha256 is known of large files only; of small ones the hub
/// tells a git hash, which is not of use.
#[derive(Debug, Default)]
struct Announced {
    bytes: Option<u64>,
    sha256: Option<String>,
}

impl Description {
    fn read(answer: &[u8]) -> Result<Description, String> {
        #[derive(Deserialize)]
        struct Answer {
            sha: String,
            siblings: Vec<Sibling>,
        }
        #[derive(Deserialize)]
        struct Sibling {
            rfilename: String,
            size: Option<u64>,
            lfs: Option<Lfs>,
        }
        #[derive(Deserialize)]
        struct Lfs {
            sha256: String,
            size: u64,
        }
        let answer: Answer = serde_json::from_slice(answer)
            .map_err(|error| format!("not a description of a revision ({error})"))?;
        // The commit becomes part of addresses and is recorded.
        if !hexadecimal(&answer.sha, 40) {
            return Err(format!("{:?} is not a commit", answer.sha));
        }
        let mut files = BTreeMap::new();
        for Sibling {
            rfilename,
            size,
            lfs,
        } in answer.siblings
        {
            let announced = match lfs {
                Some(lfs) if !hexadecimal(&lfs.sha256, 64) => {
                    return Err(format!("{:?} is not a sha256", lfs.sha256));
                }
                Some(lfs) => Announced {
                    bytes: Some(lfs.size),
                    sha256: Some(lfs.sha256),
                },
                None => Announced {
                    bytes: size,
                    sha256: None,
                },
            };
            files.insert(rfilename, announced);
        }
        Ok(Description {
            commit: answer.sha,
            files,
        })
    }
}

fn hexadecimal(text: &str, length: usize) -> bool {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    text.len() == length && text.bytes().all(digit)
}

/// Why an attempt failed.
enum Attempt {
    /// Another one may succeed.
    Again(String),
    /// Nothing answers at this address, or its certificate is not trusted: that will not change
    /// within seconds.
    Unreachable(String),
    /// Another one would not help.
    Final(FetchError),
}

/// Runs requests to their end, with limits of time.
struct Client {
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

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

impl Client {
    /// Makes attempts until one succeeds, or another would not help. `name` is what notes call it.
    fn retry<T>(
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
        let mut pause = self.patience.pause;
        for last in (1..=ATTEMPTS).map(|number| number == ATTEMPTS) {
            let reason = match runtime.block_on(attempt()) {
                Ok(done) => return Ok(done),
                Err(Attempt::Final(error)) => return Err(error),
                Err(Attempt::Unreachable(reason)) => return Err(failed(reason)),
                Err(Attempt::Again(reason)) if last => return Err(failed(reason)),
                Err(Attempt::Again(reason)) => reason,
            };
            watch.tell(FetchEvent::Note(&format!("{name}: {reason}; trying again")));
            sleep(pause, watch)?;
            pause *= 2;
        }
        Err(failed("gave up".to_string()))
    }

    async fn send(&self, request: RequestBuilder, watch: &Watch<'_>) -> Result<Response, Attempt> {
        self.wait(request.send(), watch).await?.map_err(failure)
    }

    /// The next piece of the body; `None` at its end.
    async fn piece(
        &self,
        response: &mut Response,
        watch: &Watch<'_>,
    ) -> Result<Option<impl std::ops::Deref<Target = [u8]> + use<>>, Attempt> {
        self.wait(response.chunk(), watch).await?.map_err(failure)
    }

    async fn short_body(
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
fn check_status(
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
    let reason = chain(&error.without_url());
    match lasting {
        true => Attempt::Unreachable(reason),
        false => Attempt::Again(reason),
    }
}

/// An error with its causes: the outermost says little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        if !text.contains(&reason) {
            text = format!("{text}: {reason}");
        }
        cause = error.source();
    }
    text
}

/// First byte of a partial answer: `content-range: bytes 5-9/10`.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    range
        .strip_prefix("bytes ")?
        .split('-')
        .next()?
        .parse()
        .ok()
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
