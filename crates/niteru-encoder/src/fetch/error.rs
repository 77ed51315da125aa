//! What can go wrong while files are fetched.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a file could not be fetched. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No Python was found to run pip with.
    #[error("python was not found (tried {}); install Python 3 with pip", tried.join(", "))]
    NoPython {
        /// The commands that were tried.
        tried: Vec<String>,
    },
    /// Python is there, but pip is not.
    #[error(
        "{python} has no pip ({output}); install it, for example with {python} -m ensurepip or the system's python3-pip"
    )]
    NoPip {
        /// The command that was tried.
        python: String,
        /// The last line of what it said.
        output: String,
    },
    /// pip failed: no network, or no such package.
    #[error(
        "pip could not fetch {package}; check the network or pip's settings (PIP_INDEX_URL, PIP_PROXY). It said:\n{output}"
    )]
    Pip {
        /// Package and version.
        package: String,
        /// The last lines of what pip said.
        output: String,
    },
    /// What pip brought is not the expected wheel.
    #[error("cannot use {}: {reason}", path.display())]
    Wheel {
        /// The wheel, or the folder where it should be.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file's content is not the expected one.
    #[error(
        "{file} is not the expected file: sha256 should be {expected}, got {got}; it was damaged on the way or tampered with"
    )]
    Hash {
        /// The file.
        file: String,
        /// The expected sha256.
        expected: String,
        /// The sha256 of what arrived.
        got: String,
    },
    /// A file is larger than it can reasonably be.
    #[error("{file} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The file.
        file: String,
        /// The limit.
        limit: u64,
    },
    /// The hub has no such repository, or not at this revision.
    #[error("the hub has no {repository} at revision {revision}")]
    NoRevision {
        /// Repository.
        repository: String,
        /// Revision.
        revision: String,
    },
    /// The repository has no such file at this revision.
    #[error("the hub has no {file} in {repository} at revision {revision}")]
    NotFound {
        /// Repository.
        repository: String,
        /// Revision.
        revision: String,
        /// The file.
        file: String,
    },
    /// The hub wants an account.
    #[error("the hub refuses {url} (status {status}); set HF_TOKEN to a token that may read it")]
    Refused {
        /// What was asked for.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// The hub could not be reached, broke off, or answered something odd.
    #[error(
        "cannot fetch {url}: {reason}; check the network, the proxy (HTTPS_PROXY) and HF_ENDPOINT"
    )]
    Network {
        /// What was asked for.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// It took too long.
    #[error("{what} took longer than {} s and was stopped", limit.as_secs())]
    TimedOut {
        /// What was done.
        what: String,
        /// The limit.
        limit: Duration,
    },
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The disk is full.
    #[error("the disk is full while writing {}; free some space and try again", path.display())]
    DiskFull {
        /// The file that did not fit.
        path: PathBuf,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, such as `write`.
        action: &'static str,
        /// File or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}
