//! Files that come with requests.

use std::sync::Arc;
use std::time::Duration;

use niteru_store::{NewUpload, Upload};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::problem::{Kind, Problem};
use crate::route::Parts;

/// Most bytes of a request with files, and longest that it may take.
pub(super) const REQUEST_BYTES: usize = 512 << 20;
pub(super) const REQUEST_TIME: Duration = Duration::from_secs(10 * 60);

/// Most files of a request.
pub(super) const MOST_FILES: usize = 500;

/// Most bytes of what is asked for beside the files.
const QUERY_BYTES: usize = 256 << 10;

/// A file that was not taken.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Refused {
    /// What the client called it.
    pub(super) name: String,
    /// What is wrong with it.
    pub(super) reason: String,
    #[serde(flatten)]
    pub(super) problem: Problem,
}

/// What came with a request.
pub(super) struct Sent<Q> {
    /// What was asked for beside the files; `None`: nothing.
    pub(super) query: Option<Q>,
    /// The files that were kept, each once.
    pub(super) kept: Vec<Upload>,
    /// Of each file that was taken, its place in `kept`: the same one may have come twice.
    pub(super) order: Vec<usize>,
    pub(super) refused: Vec<Refused>,
}

impl<Q> Sent<Q> {
    fn take(&mut self, upload: Upload) {
        let same = |other: &Upload| other.sha256 == upload.sha256;
        match self.kept.iter().position(same) {
            Some(at) => self.order.push(at),
            None => {
                self.order.push(self.kept.len());
                self.kept.push(upload);
            }
        }
    }
}

/// Keeps a request's files, one after the other, so that only one is in memory. Parts named `file` are
/// files; one named `query` is JSON.
///
/// A file that cannot be used costs that file, not the others; too many files, or no room for them, end
/// the request.
pub(super) async fn keep_files<Q: DeserializeOwned>(
    app: &Arc<App>,
    caller: &Caller,
    mut parts: Parts,
) -> Result<Sent<Q>, ApiError> {
    let _turn = app.uploads.try_acquire().map_err(|_| ApiError::busy())?;
    let mut sent = Sent {
        query: None,
        kept: Vec::new(),
        order: Vec::new(),
        refused: Vec::new(),
    };
    let limits = app.settings.uploads;
    let most = usize::try_from(limits.image.max_file_bytes).unwrap_or(usize::MAX);
    let mut files = 0;
    while let Some(part) = parts.next(most.max(QUERY_BYTES)).await? {
        match part.field.as_str() {
            "query" if part.bytes.len() <= QUERY_BYTES => {
                let query = serde_json::from_slice(&part.bytes);
                let wrong = |error| ApiError::bad(format!("this JSON cannot be used: {error}"));
                sent.query = Some(query.map_err(wrong)?);
            }
            "file" => {
                files += 1;
                if files > MOST_FILES {
                    return Err(ApiError::too_large(format!(
                        "at most {MOST_FILES} files at a time"
                    ))
                    .help("send the rest in another request")
                    .because(Problem::from(Kind::TooManyFiles).with("most", MOST_FILES)));
                }
                let name = part.name.unwrap_or_else(|| format!("file {files}"));
                let (owner, shown) = (caller.name.clone(), name.clone());
                let kept = app.heavy(move |app| {
                    Ok(app.home.keep_upload(
                        &NewUpload {
                            bytes: &part.bytes,
                            name: &shown,
                            owner: &owner,
                        },
                        &app.settings.uploads,
                    )?)
                });
                match kept.await {
                    Ok(upload) => sent.take(upload),
                    Err(error) if error.status().is_client_error() => sent.refused.push(Refused {
                        name,
                        reason: error.message().to_owned(),
                        problem: error.problem().clone(),
                    }),
                    Err(error) => return Err(error),
                }
            }
            _ => {
                return Err(ApiError::bad("this form has a part that is not known")
                    .help("files are parts named file, what is asked for is one named query"));
            }
        }
    }
    Ok(sent)
}

/// A request's one file.
pub(super) fn only_one<Q>(sent: Sent<Q>) -> Result<(Option<Q>, Upload), ApiError> {
    let Sent {
        query,
        kept,
        refused,
        ..
    } = sent;
    if let Some(refused) = refused.into_iter().next() {
        let message = format!("{}: {}", refused.name, refused.reason);
        let status = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
        return Err(ApiError::new(status, Kind::UnusableImage, message).because(refused.problem));
    }
    match <[Upload; 1]>::try_from(kept) {
        Ok([upload]) => Ok((query, upload)),
        Err(other) => Err(ApiError::bad(format!(
            "this takes one image, not {}",
            other.len()
        ))),
    }
}
