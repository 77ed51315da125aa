//! Files of model repositories from the hub, by its `resolve` address: a GET that may redirect
//! to a store. The hub names the commit and, for large files, size and sha256 in its headers.
//!
//! This speaks HTTP through `ureq` rather than use the `hf-hub` crate: that crate (0.5.0,
//! `download_with_progress`) makes file paths of headers that the server chose, panics on some
//! of its answers, and has no limits of time and size; 1.0 brings three times the dependencies.
//! Certificates are checked by the operating system's store, so that a company's own
//! authority works.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderMap, Response, StatusCode, Uri};
use ureq::tls::{RootCerts, TlsConfig};

use super::transfer::{Broken, Sink, create, io_error};
use super::{FetchError, FetchEvent, Watch};

const PUBLIC_HUB: &str = "https://huggingface.co";
const MAX_REDIRECTS: usize = 10;
/// Attempts at one file; each goes on where the one before was cut off.
const ATTEMPTS: u32 = 5;

/// A hub: its address, and how to talk to it.
#[derive(Clone)]
pub struct Hub {
    endpoint: String,
    token: Option<String>,
    timeout: Duration,
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
    /// The commit it belongs to, if the hub said so.
    pub commit: Option<String>,
}

impl Hub {
    /// The hub that `HF_ENDPOINT` names, else the public one; `HF_TOKEN` is its token.
    pub fn from_env() -> Hub {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let endpoint = variable("HF_ENDPOINT");
        Hub::new(endpoint.as_deref().unwrap_or(PUBLIC_HUB)).with_token(variable("HF_TOKEN"))
    }

    /// The hub at this address, such as `https://hub.example.com`, without a token. It is given
    /// 60 seconds to answer and to send each piece, and up to 5 attempts per file.
    pub fn new(endpoint: &str) -> Hub {
        Hub {
            endpoint: endpoint.trim_end_matches('/').to_string(),
            token: None,
            timeout: Duration::from_secs(60),
            pause: Duration::from_secs(1),
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
        self.timeout = timeout;
        self.pause = pause;
        self
    }

    /// Fetches a file of a repository into a new file at `to`, flushed to the disk.
    ///
    /// A dropped connection is taken up again where it broke. Size and sha256 are compared with
    /// what the hub announces, where it does.
    ///
    /// # Errors
    /// When the hub cannot be reached or has no such file, the file is cut short, larger than
    /// `max_bytes` or not the announced one, or cannot be written; no file is left then.
    pub fn fetch(
        &self,
        repository: &str,
        revision: &str,
        file: &str,
        to: &Path,
        max_bytes: u64,
        watch: &Watch<'_>,
    ) -> Result<HubFile, FetchError> {
        let request = Request {
            url: format!(
                "{}/{repository}/resolve/{}/{file}",
                self.endpoint,
                revision.replace('/', "%2F")
            ),
            not_found: || FetchError::NotFound {
                repository: repository.to_string(),
                revision: revision.to_string(),
                file: file.to_string(),
            },
        };
        let mut target = create(to)?;
        let fetched = self
            .fetch_into(
                &request,
                Sink::new(&mut target, to, max_bytes, None),
                file,
                watch,
            )
            .and_then(|fetched| {
                target
                    .sync_all()
                    .map_err(|source| io_error("write", to, source))?;
                Ok(fetched)
            });
        if fetched.is_err() {
            // The first error is the one to report.
            let _ = std::fs::remove_file(to);
        }
        fetched
    }

    fn fetch_into<N: Fn() -> FetchError>(
        &self,
        request: &Request<N>,
        mut sink: Sink<'_>,
        file: &str,
        watch: &Watch<'_>,
    ) -> Result<HubFile, FetchError> {
        let agent = self.agent();
        let mut announced = Announced::default();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let reason = match self.attempt(&agent, request, &mut sink, &mut announced, watch) {
                Ok(()) => break,
                Err(Attempt::Final(error)) => return Err(error),
                Err(Attempt::Again(reason)) => reason,
            };
            if attempt == ATTEMPTS {
                return Err(FetchError::Network {
                    url: request.url.clone(),
                    reason,
                });
            }
            watch.tell(FetchEvent::Note(&format!("{file}: {reason}; trying again")));
            pause(self.pause * (1 << (attempt - 1)), watch)?;
        }
        let written = sink.finish();
        if let Some(expected) = announced.sha256
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
            commit: announced.commit,
        })
    }

    /// Asks for what is still missing and takes what comes.
    fn attempt<N: Fn() -> FetchError>(
        &self,
        agent: &Agent,
        request: &Request<N>,
        sink: &mut Sink<'_>,
        announced: &mut Announced,
        watch: &Watch<'_>,
    ) -> Result<(), Attempt> {
        let url = &request.url;
        let odd = |reason: String| {
            Attempt::Final(FetchError::Network {
                url: url.clone(),
                reason,
            })
        };
        let response = self.follow(agent, url, sink.done(), announced, watch)?;
        let start = match response.status() {
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT if range_start(response.headers()) == Some(sink.done()) => {
                sink.done()
            }
            // Asked to go on at the end: there is nothing more.
            StatusCode::RANGE_NOT_SATISFIABLE if announced.bytes == Some(sink.done()) => {
                return Ok(());
            }
            StatusCode::RANGE_NOT_SATISFIABLE => {
                let bytes = announced
                    .bytes
                    .map_or("more".to_string(), |bytes| bytes.to_string());
                return Err(odd(format!(
                    "it ends after {} of {bytes} bytes",
                    sink.done()
                )));
            }
            StatusCode::NOT_FOUND => return Err(Attempt::Final((request.not_found)())),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let status = response.status().as_u16();
                return Err(Attempt::Final(FetchError::Refused {
                    url: url.clone(),
                    status,
                }));
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(Attempt::Again(format!("the server answered {status}")));
            }
            status => return Err(odd(format!("the server answered {status}"))),
        };
        announced.read_length(response.headers(), start);
        sink.expect(announced.bytes).map_err(Attempt::Final)?;
        let mut body = response.into_body().into_reader();
        if start < sink.done() {
            // The server sends all of it again: skip what is there. The sha256 tells if it differs.
            skip(&mut body, sink.done() - start)
                .map_err(|error| Attempt::Again(error.to_string()))?;
        }
        match sink.take_from(&mut body, watch) {
            Ok(()) => (),
            Err(Broken::Final(error)) => return Err(Attempt::Final(error)),
            Err(Broken::Source(error)) => return Err(Attempt::Again(error.to_string())),
        }
        match announced.bytes {
            Some(bytes) if sink.done() < bytes => Err(Attempt::Again(format!(
                "cut off after {} of {bytes} bytes",
                sink.done()
            ))),
            Some(bytes) if sink.done() > bytes => {
                Err(odd(format!("got {} bytes instead of {bytes}", sink.done())))
            }
            _ => Ok(()),
        }
    }

    /// Sends the request and follows redirects. Done here because the hub's headers stand on the
    /// first answer, and its token must not go to other hosts.
    fn follow(
        &self,
        agent: &Agent,
        url: &str,
        from: u64,
        announced: &mut Announced,
        watch: &Watch<'_>,
    ) -> Result<Response<ureq::Body>, Attempt> {
        let odd = |reason: &str| {
            Attempt::Final(FetchError::Network {
                url: url.to_string(),
                reason: reason.to_string(),
            })
        };
        let mut at: Uri = url.parse().map_err(|_| odd("not a valid address"))?;
        let home = at.authority().cloned();
        for _ in 0..=MAX_REDIRECTS {
            watch.check().map_err(Attempt::Final)?;
            let mut request = agent.get(at.clone());
            if from > 0 {
                request = request.header("Range", format!("bytes={from}-"));
            }
            if let Some(token) = self
                .token
                .as_ref()
                .filter(|_| at.authority() == home.as_ref())
            {
                request = request.header("Authorization", format!("Bearer {token}"));
            }
            let response = request.call().map_err(|error| failure(url, error))?;
            if at.authority() == home.as_ref() {
                announced.read_hub(response.headers());
            }
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let location = response
                .headers()
                .get("location")
                .and_then(|value| value.to_str().ok());
            at = redirect(&at, location.ok_or_else(|| odd("redirected to nowhere"))?)
                .ok_or_else(|| odd("redirected to an address that is not allowed"))?;
        }
        Err(odd("redirected too often"))
    }

    fn agent(&self) -> Agent {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let mut config = Agent::config_builder()
            .tls_config(tls)
            .user_agent(concat!("niteru/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(Some(self.timeout))
            .timeout_connect(Some(self.timeout))
            .timeout_send_request(Some(self.timeout))
            .timeout_recv_response(Some(self.timeout))
            .timeout_per_read(Some(self.timeout));
        let host = self.endpoint.split("://").last().unwrap_or_default();
        if ["127.0.0.1", "localhost", "[::1]"]
            .iter()
            .any(|local| host.starts_with(local))
        {
            config = config.proxy(None);
        }
        config.build().into()
    }
}

struct Request<N> {
    url: String,
    not_found: N,
}

/// Why an attempt failed.
enum Attempt {
    /// Another one may succeed.
    Again(String),
    /// Another one would not.
    Final(FetchError),
}

/// What the hub's headers say about a file.
#[derive(Debug, Default)]
struct Announced {
    bytes: Option<u64>,
    sha256: Option<String>,
    commit: Option<String>,
}

impl Announced {
    /// Headers of the hub itself: `x-repo-commit`, and for large files `x-linked-size` and
    /// `x-linked-etag`, which is the sha256. Small files have a git hash there: not of use.
    fn read_hub(&mut self, headers: &HeaderMap) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let hexadecimal = |text: &str, length: usize| {
            text.len() == length
                && text
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        if let Some(commit) = text("x-repo-commit").filter(|commit| hexadecimal(commit, 40)) {
            self.commit = Some(commit.to_string());
        }
        if let Some(size) = text("x-linked-size").and_then(|size| size.parse().ok()) {
            self.bytes = Some(size);
        }
        let tag = text("x-linked-etag").map(|tag| tag.trim_start_matches("W/").trim_matches('"'));
        if let Some(tag) = tag.filter(|tag| hexadecimal(tag, 64)) {
            self.sha256 = Some(tag.to_string());
        }
    }

    /// The length of what comes, unless the hub has said the file's.
    fn read_length(&mut self, headers: &HeaderMap, start: u64) {
        let length = headers
            .get("content-length")
            .and_then(|value| value.to_str().ok());
        if let Some(length) = length.and_then(|length| length.parse::<u64>().ok()) {
            self.bytes = self.bytes.or(length.checked_add(start));
        }
    }
}

/// Where a redirect leads: another path of the same server, or a full address; never from https
/// to plain http.
fn redirect(from: &Uri, location: &str) -> Option<Uri> {
    let to: Uri = if location.starts_with('/') && !location.starts_with("//") {
        format!("{}://{}{location}", from.scheme_str()?, from.authority()?)
            .parse()
            .ok()?
    } else {
        location.parse().ok()?
    };
    let safe = match to.scheme_str()? {
        "https" => true,
        "http" => from.scheme_str() == Some("http"),
        _ => false,
    };
    (safe && to.host().is_some()).then_some(to)
}

/// Sorts the client's errors: a connection that breaks may hold the next time; an address where
/// nothing answers, or whose certificate is not trusted, will not change within seconds.
fn failure(url: &str, error: ureq::Error) -> Attempt {
    let lasting = match &error {
        // The second is how a certificate that is not trusted shows.
        ureq::Error::Io(error) => {
            matches!(
                error.kind(),
                io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidData
            )
        }
        ureq::Error::Protocol(_) | ureq::Error::Timeout(_) => false,
        _ => true,
    };
    if lasting {
        let (url, reason) = (url.to_string(), error.to_string());
        return Attempt::Final(FetchError::Network { url, reason });
    }
    Attempt::Again(error.to_string())
}

/// First byte of a partial answer: `content-range: bytes 5-9/10`.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get("content-range")?.to_str().ok()?;
    range
        .strip_prefix("bytes ")?
        .split('-')
        .next()?
        .parse()
        .ok()
}

fn skip(body: &mut dyn Read, count: u64) -> io::Result<()> {
    if io::copy(&mut body.take(count), &mut io::sink())? == count {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "cut off"))
}

/// Waits, but not longer than the caller wants.
fn pause(time: Duration, watch: &Watch<'_>) -> Result<(), FetchError> {
    let end = std::time::Instant::now() + time;
    while std::time::Instant::now() < end {
        watch.check()?;
        std::thread::sleep(Duration::from_millis(20).min(time));
    }
    watch.check()
}
