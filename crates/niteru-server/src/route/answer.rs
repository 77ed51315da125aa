//! What functions give back.

use std::convert::Infallible;
use std::pin::Pin;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use serde::Serialize;
use utoipa::ToSchema;

use super::describe::Described;

/// Something that a request is answered with.
pub(crate) trait Answer: IntoResponse + Send {
    /// Writes down what it is.
    fn describe(described: &mut Described);
}

/// JSON of what is there.
pub(crate) struct Json<T>(pub(crate) T);

/// JSON of what was made.
pub(crate) struct Created<T>(pub(crate) T);

/// JSON of what was begun.
pub(crate) struct Accepted<T>(pub(crate) T);

/// It was done, and there is nothing to say about it.
pub(crate) struct Done;

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let mut response = (status, axum::Json(value)).into_response();
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}

macro_rules! json_answer {
    ($name:ident, $status:expr) => {
        impl<T: Serialize> IntoResponse for $name<T> {
            fn into_response(self) -> Response {
                json($status, &self.0)
            }
        }

        impl<T: Serialize + ToSchema + Send> Answer for $name<T> {
            fn describe(described: &mut Described) {
                described.gives_json::<T>($status);
            }
        }
    };
}

json_answer!(Json, StatusCode::OK);
json_answer!(Created, StatusCode::CREATED);
json_answer!(Accepted, StatusCode::ACCEPTED);

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl Answer for Done {
    fn describe(described: &mut Described) {
        described.gives_nothing();
    }
}

/// A file.
pub(crate) struct File {
    pub(crate) bytes: Bytes,
    pub(crate) media_type: &'static str,
    /// Whether the address always leads to the same bytes.
    pub(crate) forever: bool,
    /// A name to save it under, which makes browsers do so.
    pub(crate) save_as: Option<&'static str>,
}

impl IntoResponse for File {
    fn into_response(self) -> Response {
        let mut response = Body::from(self.bytes).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.media_type),
        );
        let cache = match self.forever {
            // Private: what a user may see, a proxy may not keep for others.
            true => "private, max-age=31536000, immutable",
            false => "no-store",
        };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        let save = self
            .save_as
            .map(|name| format!("attachment; filename=\"{name}\""));
        if let Some(save) = save.and_then(|save| HeaderValue::try_from(save).ok()) {
            headers.insert(header::CONTENT_DISPOSITION, save);
        }
        response
    }
}

impl Answer for File {
    fn describe(described: &mut Described) {
        described.gives("application/octet-stream", "The file");
    }
}

/// A file that is sent as it is read, however long it is.
pub(crate) struct Download {
    pub(crate) file: tokio::fs::File,
    pub(crate) bytes: u64,
    pub(crate) media_type: &'static str,
    /// A name to save it under: letters, digits, `.`, `-` and `_`.
    pub(crate) save_as: String,
}

/// Bytes of a download that are read at a time.
const CHUNK: usize = 256 << 10;

impl IntoResponse for Download {
    fn into_response(self) -> Response {
        use tokio::io::AsyncReadExt;
        let chunks = futures_util::stream::try_unfold(self.file, |mut file| async move {
            let mut chunk = Vec::with_capacity(CHUNK);
            let read = (&mut file)
                .take(CHUNK as u64)
                .read_to_end(&mut chunk)
                .await?;
            Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(chunk), file)))
        });
        let mut response = Body::from_stream(chunks).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.media_type),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.bytes));
        let save = format!("attachment; filename=\"{}\"", self.save_as);
        if let Ok(save) = HeaderValue::try_from(save) {
            headers.insert(header::CONTENT_DISPOSITION, save);
        }
        response
    }
}

impl Answer for Download {
    fn describe(described: &mut Described) {
        described.gives("application/octet-stream", "The file");
    }
}

/// Bytes that browsers keep, and ask about before they use them again.
pub(crate) struct Tagged {
    /// Of the bytes: the same for the same ones.
    tag: String,
    media_type: &'static str,
    /// `None`: the client has them.
    bytes: Option<Bytes>,
}

impl Tagged {
    pub(crate) fn new(tag: String, media_type: &'static str, bytes: Bytes) -> Tagged {
        Tagged {
            tag,
            media_type,
            bytes: Some(bytes),
        }
    }

    /// The client has the bytes of this tag.
    pub(crate) fn known(tag: String, media_type: &'static str) -> Tagged {
        Tagged {
            tag,
            media_type,
            bytes: None,
        }
    }

    /// Whether an `If-None-Match` header names a tag.
    pub(crate) fn names(header: &str, tag: &str) -> bool {
        let quoted = format!("\"{tag}\"");
        let mut named = header.split(',').map(str::trim);
        named.any(|one| one.strip_prefix("W/").unwrap_or(one) == quoted)
    }
}

impl IntoResponse for Tagged {
    fn into_response(self) -> Response {
        let mut response = match self.bytes {
            Some(bytes) => Body::from(bytes).into_response(),
            None => StatusCode::NOT_MODIFIED.into_response(),
        };
        let headers = response.headers_mut();
        let media_type = HeaderValue::from_static(self.media_type);
        headers.insert(header::CONTENT_TYPE, media_type);
        let cache = HeaderValue::from_static("private, no-cache");
        headers.insert(header::CACHE_CONTROL, cache);
        if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", self.tag)) {
            headers.insert(header::ETAG, tag);
        }
        response
    }
}

/// JSON that was written before, with the tag of [`Tagged`].
pub(crate) struct TaggedJson(pub(crate) Tagged);

impl IntoResponse for TaggedJson {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl Answer for TaggedJson {
    fn describe(described: &mut Described) {
        described.gives("application/json", "JSON, with an ETag");
    }
}

impl Answer for Tagged {
    fn describe(described: &mut Described) {
        described.gives("application/octet-stream", "The bytes, with an ETag");
    }
}

/// Events as they come.
pub(crate) struct Events(pub(crate) Pin<Box<dyn Stream<Item = Event> + Send>>);

impl IntoResponse for Events {
    fn into_response(self) -> Response {
        use futures_util::StreamExt;
        let events = self.0.map(Ok::<_, Infallible>);
        let mut response = Sse::new(events).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // nginx would hold events back.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        response
    }
}

impl Answer for Events {
    fn describe(described: &mut Described) {
        described.gives("text/event-stream", "Events as they come");
    }
}
