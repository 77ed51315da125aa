//! What functions take of a request. Whatever is wrong with it ends in our own error, in plain words.

use std::marker::PhantomData;
use std::net::SocketAddr;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, FromRequestParts, Multipart, Path, Request};
use axum::http::{HeaderMap, StatusCode, header, request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt;
use utoipa::{IntoParams, ToSchema};

use super::describe::Described;
use super::silence::{LONGEST, Silent, broken_by_silence};
use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::problem::{Kind, Problem};
use crate::proxy::Client;

/// Who has connected, which the listener puts into a request's extensions: the client, or a proxy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// A request that was let in.
pub(crate) struct Incoming {
    pub(crate) app: Arc<App>,
    pub(crate) parts: request::Parts,
    /// `None` once it was taken.
    pub(crate) body: Option<Body>,
    /// Most bytes of the body.
    pub(crate) limit: usize,
    /// `None`: nobody, on a route that is open.
    pub(crate) caller: Option<Caller>,
    pub(crate) about: About,
}

impl Incoming {
    fn take_body(&mut self) -> Result<Limited<Body>, ApiError> {
        let body = self.body.take();
        let body = body.ok_or_else(|| ApiError::internal("a route takes the body twice"))?;
        Ok(Limited::new(broken_by_silence(body, LONGEST), self.limit))
    }
}

/// Something that a function takes of a request.
pub(crate) trait Argument: Sized + Send {
    /// Writes down what it takes; nothing where a client need not know.
    fn describe(_: &mut Described) {}

    /// Takes it.
    fn take(incoming: &mut Incoming) -> impl Future<Output = Result<Self, ApiError>> + Send;
}

/// What the audit log says that a change was made on, where the path does not say it.
#[derive(Clone, Default)]
pub(crate) struct About(Arc<Mutex<Option<String>>>);

impl About {
    pub(crate) fn say(&self, target: impl Into<String>) {
        *self.0.lock() = Some(target.into());
    }

    pub(crate) fn said(&self) -> Option<String> {
        self.0.lock().take()
    }
}

impl Argument for About {
    async fn take(incoming: &mut Incoming) -> Result<Self, ApiError> {
        Ok(incoming.about.clone())
    }
}

impl Argument for Arc<App> {
    async fn take(incoming: &mut Incoming) -> Result<Self, ApiError> {
        Ok(Arc::clone(&incoming.app))
    }
}

/// Who asks, on a route that needs a role.
impl Argument for Caller {
    async fn take(incoming: &mut Incoming) -> Result<Self, ApiError> {
        incoming.caller.clone().ok_or_else(ApiError::login_needed)
    }
}

/// Who asks, if anybody is known to, on a route that is open.
impl Argument for Option<Caller> {
    async fn take(incoming: &mut Incoming) -> Result<Self, ApiError> {
        Ok(incoming.caller.clone())
    }
}

impl Argument for HeaderMap {
    async fn take(incoming: &mut Incoming) -> Result<Self, ApiError> {
        Ok(incoming.parts.headers.clone())
    }
}

/// Where the request comes from, as far as it is known.
impl Argument for Client {
    async fn take(incoming: &mut Incoming) -> Result<Self, ApiError> {
        let client = incoming.parts.extensions.get::<Client>().copied();
        Ok(client.unwrap_or_default())
    }
}

/// The parameters in the path. They are described by the path itself.
pub(crate) struct InPath<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> Argument for InPath<T> {
    async fn take(incoming: &mut Incoming) -> Result<Self, ApiError> {
        match Path::from_request_parts(&mut incoming.parts, &()).await {
            Ok(Path(values)) => Ok(InPath(values)),
            Err(_) => Err(ApiError::not_found(
                "there is nothing of this name or number",
            )),
        }
    }
}

/// What stands behind the `?`.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned + IntoParams + Send> Argument for Query<T> {
    fn describe(described: &mut Described) {
        described.query::<T>();
    }

    async fn take(incoming: &mut Incoming) -> Result<Self, ApiError> {
        match axum::extract::Query::try_from_uri(&incoming.parts.uri) {
            Ok(axum::extract::Query(values)) => Ok(Query(values)),
            Err(error) => Err(ApiError::bad(error.body_text())),
        }
    }
}

/// A request's JSON.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned + ToSchema + Send> Argument for JsonBody<T> {
    fn describe(described: &mut Described) {
        described.takes_json::<T>();
    }

    async fn take(incoming: &mut Incoming) -> Result<Self, ApiError> {
        let kind = incoming.parts.headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        // A form of another site's page cannot send this type without being asked first.
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Kind::NotJson,
                "this takes JSON",
            )
            .help("send Content-Type: application/json"));
        }
        let limit = incoming.limit;
        let bytes = match incoming.take_body()?.collect().await {
            Ok(collected) => collected.to_bytes(),
            Err(error) => return Err(broken_body(&*error, limit)),
        };
        serde_json::from_slice(&bytes)
            .map(JsonBody)
            .map_err(|error| ApiError::bad(format!("this JSON cannot be used: {error}")))
    }
}

fn broken_body(error: &(dyn std::error::Error + 'static), limit: usize) -> ApiError {
    let mut cause = Some(error);
    while let Some(at) = cause {
        if at.is::<LengthLimitError>() {
            return ApiError::larger_than(limit);
        }
        if let Some(Silent(longest)) = at.downcast_ref() {
            let message = format!("nothing came for {} seconds", longest.as_secs());
            return ApiError::new(StatusCode::REQUEST_TIMEOUT, Kind::TooSlow, message)
                .help("send it again, without a pause")
                .because(Kind::CutOff);
        }
        cause = at.source();
    }
    ApiError::bad("the request was cut off").because(Kind::CutOff)
}

/// The parts of a form (`multipart/form-data`): files, and JSON.
pub(crate) struct Parts {
    form: Multipart,
    limit: usize,
}

/// A part of a form.
pub(crate) struct Part {
    /// The field.
    pub(crate) field: String,
    /// What the client calls the file; only to be shown.
    pub(crate) name: Option<String>,
    pub(crate) bytes: Bytes,
}

impl Parts {
    /// The next part, of at most so many bytes.
    pub(crate) async fn next(&mut self, most: usize) -> Result<Option<Part>, ApiError> {
        let broken = broken_part(self.limit);
        let Some(mut field) = self.form.next_field().await.map_err(broken)? else {
            return Ok(None);
        };
        // Browsers write quotes in it so.
        let name = field.file_name().map(|name| name.replace("%22", "\""));
        let named = field.name().unwrap_or_default().to_owned();
        let bytes = read_part(&mut field, most, &name).await?.map_err(broken)?;
        Ok(Some(Part {
            field: named,
            name,
            bytes,
        }))
    }

    /// Writes the next part to a new file as it comes; gives how many bytes it had. `to` says where, by the
    /// field and by what the client calls the file, or why not.
    pub(crate) async fn save_next(
        &mut self,
        to: impl FnOnce(&str, &str) -> Result<PathBuf, ApiError>,
    ) -> Result<Option<(PathBuf, u64)>, ApiError> {
        let broken = broken_part(self.limit);
        let Some(mut field) = self.form.next_field().await.map_err(broken)? else {
            return Ok(None);
        };
        let path = to(
            field.name().unwrap_or_default(),
            field.file_name().unwrap_or_default(),
        )?;
        let cannot = |error: std::io::Error| unwritable(&path, &error);
        let mut file = tokio::fs::File::create_new(&path).await.map_err(cannot)?;
        let mut bytes = 0;
        while let Some(chunk) = field.chunk().await.map_err(broken)? {
            bytes += chunk.len() as u64;
            file.write_all(&chunk).await.map_err(cannot)?;
        }
        file.sync_all().await.map_err(cannot)?;
        Ok(Some((path, bytes)))
    }
}

fn broken_part(limit: usize) -> impl Fn(MultipartError) -> ApiError + Copy {
    move |error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::larger_than(limit),
        _ => broken_body(&error, limit),
    }
}

/// A file of the server's own cannot be written.
pub(crate) fn unwritable(path: &FilePath, error: &std::io::Error) -> ApiError {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let message = format!("{}: {error}", path.display());
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => {
            let status = StatusCode::INSUFFICIENT_STORAGE;
            ApiError::new(
                status,
                Kind::NoSpace,
                "there is no room for this on the disk",
            )
            .help("make room and send it again")
        }
        _ => ApiError::internal(message),
    }
}

async fn read_part(
    field: &mut Field<'_>,
    most: usize,
    name: &Option<String>,
) -> Result<Result<Bytes, MultipartError>, ApiError> {
    let mut bytes = Vec::new();
    loop {
        match field.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > most => {
                let name = name.as_deref().unwrap_or("a part");
                let message = format!("{name} is larger than {most} bytes");
                let problem = Problem::from(Kind::TooLarge).with("most_bytes", most);
                return Err(ApiError::too_large(message).because(problem));
            }
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Ok(Ok(bytes.into())),
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// A form with image files, and what is asked for beside them: JSON in a part named `query`.
pub(crate) struct Form<Q> {
    pub(crate) parts: Parts,
    query: PhantomData<fn() -> Q>,
}

impl<Q: ToSchema> Argument for Form<Q> {
    fn describe(described: &mut Described) {
        described.takes_images::<Q>();
    }

    async fn take(incoming: &mut Incoming) -> Result<Self, ApiError> {
        Ok(Form {
            parts: Parts::take(incoming).await?,
            query: PhantomData,
        })
    }
}

impl Argument for Parts {
    fn describe(described: &mut Described) {
        described.takes_files();
    }

    async fn take(incoming: &mut Incoming) -> Result<Self, ApiError> {
        let limit = incoming.limit;
        let body = Body::new(incoming.take_body()?);
        let request = Request::from_parts(incoming.parts.clone(), body);
        match Multipart::from_request(request, &()).await {
            Ok(form) => Ok(Parts { form, limit }),
            Err(_) => Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Kind::NotAForm,
                "this takes files as a form",
            )
            .help("send Content-Type: multipart/form-data")),
        }
    }
}
