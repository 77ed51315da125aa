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

mod client;
mod description;

use std::path::{Path, PathBuf};
use std::time::Duration;

use hf_hub::api::tokio::{Api, ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, HeaderMap, RANGE};

use super::transfer::{Sink, create, io_error};
use super::{FetchError, Watch};
use crate::causes::with_causes;
use client::{Attempt, Client, Patience, check_status};
use description::{Announced, Description};

/// A hub: its address, and how to talk to it.
#[derive(Clone)]
pub struct Hub {
    /// `None` is the public one.
    endpoint: Option<String>,
    token: Option<String>,
    patience: Patience,
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
            .map_err(|error| unreachable(with_causes(&error)))?;
        let client = Client::new(self.patience).map_err(|error| unreachable(error.to_string()))?;
        let described = api.repo(at(repository, revision));
        let request = || described.info_request().query(&[("blobs", "true")]);
        let url = match request().build() {
            Ok(request) => request.url().to_string(),
            Err(error) => return Err(unreachable(with_causes(&error))),
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
    fn api(&self, folder: &Path) -> Result<Api, ApiError> {
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
            self.attempt(&url, file, &mut sink, watch).await
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
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE && had > 0 {
            // Asked to go on at the end: there is nothing more.
            return match sink.total() {
                Some(bytes) if bytes == had => Ok(()),
                Some(bytes) => Err(odd(format!("it ends after {had} of {bytes} bytes"))),
                None => Err(odd(format!("it cannot be continued after {had} bytes"))),
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
        let total = sink
            .total()
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
            if total.is_some_and(|bytes| sink.done() > bytes) {
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
