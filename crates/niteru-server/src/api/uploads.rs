//! Files that come with requests.

use std::borrow::Borrow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use niteru_store::{NewUpload, StoreError, Upload, UploadError, look_at_upload};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::leftovers::Incoming;
use crate::problem::{Kind, Problem};
use crate::route::{Form, Parts, unwritable};
use crate::turns::Turn;

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

/// A file that is only looked at: it counts for no quota, and goes with the last of these values.
pub(super) struct Looked {
    pub(super) upload: Upload,
    pub(super) path: PathBuf,
    /// The folder of all that came with the request.
    _folder: Arc<Incoming>,
}

impl Borrow<Upload> for Looked {
    fn borrow(&self) -> &Upload {
        &self.upload
    }
}

/// What came with a request.
pub(super) struct Sent<Q, F = Upload> {
    /// What was asked for beside the files; `None`: nothing.
    pub(super) query: Option<Q>,
    /// The files that were kept, each once.
    pub(super) kept: Vec<F>,
    /// Of each file that was taken, its place in `kept`: the same one may have come twice.
    pub(super) order: Vec<usize>,
    pub(super) refused: Vec<Refused>,
}

impl<Q, F: Borrow<Upload>> Sent<Q, F> {
    fn take(&mut self, upload: F) {
        let same = |other: &F| other.borrow().sha256 == upload.borrow().sha256;
        match self.kept.iter().position(same) {
            Some(at) => self.order.push(at),
            None => {
                self.order.push(self.kept.len());
                self.kept.push(upload);
            }
        }
    }
}

/// Keeps a request's files among the uploads. Where there is no room any more, the oldest photos of good parts make some:
/// a line goes on for years.
pub(super) async fn keep_files<Q: DeserializeOwned>(
    app: &Arc<App>,
    caller: &Caller,
    form: Form<Q>,
) -> Result<Sent<Q>, ApiError> {
    keep(app, caller, form, &app.turns.kept).await
}

/// As [`keep_files`], of a part that is to be judged: what else is sent does not hold it up.
pub(super) async fn keep_part<Q: DeserializeOwned>(
    app: &Arc<App>,
    caller: &Caller,
    form: Form<Q>,
) -> Result<Sent<Q>, ApiError> {
    keep(app, caller, form, &app.turns.line).await
}

async fn keep<Q: DeserializeOwned>(
    app: &Arc<App>,
    caller: &Caller,
    form: Form<Q>,
    turn: &Turn,
) -> Result<Sent<Q>, ApiError> {
    let owner = caller.name.clone();
    let keep = move |app: &App, bytes: &[u8], name: &str| {
        let owner = &owner;
        let new = NewUpload { bytes, name, owner };
        let limits = &app.settings.uploads;
        let kept = match app.home.keep_upload(&new, limits) {
            Err(UploadError::Store(StoreError::Quota { .. })) => {
                let free = app.home.make_room(bytes.len() as u64, limits.quota)?;
                if free > 0 {
                    app.log(&format!(
                        "the oldest photos of good parts made room: {free} bytes"
                    ));
                }
                app.home.keep_upload(&new, limits)
            }
            kept => kept,
        };
        Ok(kept?)
    };
    receive(app, turn, form.parts, keep).await
}

/// Takes a request's files only to look at them: what is asked by a photo is nothing to keep.
pub(super) async fn look_at_files<Q: DeserializeOwned>(
    app: &Arc<App>,
    form: Form<Q>,
) -> Result<Sent<Q, Looked>, ApiError> {
    let folder = Arc::new(Incoming::make(app)?);
    let keep = move |app: &App, bytes: &[u8], name: &str| {
        let upload = look_at_upload(bytes, name, &app.settings.uploads.image)?;
        let path = folder.path.join(&upload.sha256);
        std::fs::write(&path, bytes).map_err(|error| unwritable(&path, &error))?;
        Ok(Looked {
            upload,
            path,
            _folder: Arc::clone(&folder),
        })
    };
    receive(app, &app.turns.looks, form.parts, keep).await
}

/// Takes a request's files one after the other, so that only one is in memory. Parts named `file` are
/// files; one named `query` is JSON.
///
/// A file that cannot be used costs that file, not the others; too many files, or no room for them, end
/// the request.
async fn receive<Q: DeserializeOwned, F: Borrow<Upload> + Send + 'static>(
    app: &Arc<App>,
    turn: &Turn,
    mut parts: Parts,
    keep: impl Fn(&App, &[u8], &str) -> Result<F, ApiError> + Send + Sync + 'static,
) -> Result<Sent<Q, F>, ApiError> {
    let keep = Arc::new(keep);
    let _turn = turn.begin().await?;
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
                let (keep, shown) = (Arc::clone(&keep), name.clone());
                let kept = app.heavy(move |app| keep(app, &part.bytes, &shown));
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
pub(super) fn only_one<Q, F>(sent: Sent<Q, F>) -> Result<(Option<Q>, F), ApiError> {
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
    match <[F; 1]>::try_from(kept) {
        Ok([upload]) => Ok((query, upload)),
        Err(other) => Err(ApiError::bad(format!(
            "this takes one image, not {}",
            other.len()
        ))),
    }
}
