//! What can go wrong, and how a client is told: one JSON shape, the right status, plain words.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use niteru_store::below::encoder::{LoadError, ModelError};
use niteru_store::below::imaging::DecodeError;
use niteru_store::{BackupError, EncoderError, Role, StoreError, UploadError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::{Kind, Problem};
use crate::route::unwritable;

/// Why the server cannot start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address is taken, or none of this computer's.
    #[error("cannot listen on {address}: {source}; choose another address or port with --addr")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What went wrong.
        source: std::io::Error,
    },
    /// Another server has the home.
    #[error("another server uses the home {}: stop it first, or choose another --home", path.display())]
    InUse {
        /// The home.
        path: PathBuf,
    },
    /// A certificate or a key cannot be used.
    #[error("cannot use {} for TLS: {reason}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system gives no threads or no random numbers.
    #[error("cannot start the server: {0}")]
    System(String),
    /// The home.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What every refused request is answered with.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct ErrorDetail {
    /// For programs: `not_found`, `bad_request`, …
    code: &'static str,
    /// What is wrong, for people.
    message: String,
    /// What to do about it; may be empty.
    help: String,
    #[serde(flatten)]
    problem: Problem,
}

/// Why a request is not answered with what it asked for.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: Kind,
    /// In a box: every result of the server's carries room for an error.
    problem: Box<Problem>,
    message: String,
    help: String,
    /// Seconds after which it may be tried again.
    retry_after: Option<u64>,
    /// For the server's own messages, not for the client.
    pub(crate) log: Option<String>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: Kind, message: impl Into<String>) -> ApiError {
        ApiError {
            status,
            code,
            problem: Box::new(code.into()),
            message: message.into(),
            help: String::new(),
            retry_after: None,
            log: None,
        }
    }

    /// The same with what to do about it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> ApiError {
        self.help = help.into();
        self
    }

    /// The same with what it is exactly.
    pub(crate) fn because(mut self, problem: impl Into<Problem>) -> ApiError {
        *self.problem = problem.into();
        self
    }

    /// The same with what an error is exactly, where that is known.
    pub(crate) fn because_of(self, error: &(dyn std::error::Error + 'static)) -> ApiError {
        match Problem::of(error) {
            Some(problem) => self.because(problem),
            None => self,
        }
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> ApiError {
        self.retry_after = Some(seconds.max(1));
        self
    }

    /// What was sent cannot be understood or is not allowed.
    pub(crate) fn bad(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, Kind::BadRequest, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, Kind::NotFound, message)
    }

    /// A photo that was noted is not there any more, or no picture any more.
    pub(crate) fn gone(error: &DecodeError) -> ApiError {
        let reason = niteru_store::below::encoder::with_causes(error.reason());
        let message = format!("the photo cannot be read: {reason}");
        ApiError::new(StatusCode::GONE, Kind::Unreadable, message).help("bring the file back")
    }

    /// What is there does not allow it now.
    pub(crate) fn conflict(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::CONFLICT, Kind::Conflict, message)
    }

    /// What was sent is longer than it may be.
    pub(crate) fn larger_than(most: usize) -> ApiError {
        ApiError::too_large(format!("this takes at most {most} bytes"))
            .because(Problem::from(Kind::TooLarge).with("most_bytes", most))
    }

    pub(crate) fn too_large(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, Kind::TooLarge, message)
    }

    /// Nobody is logged in.
    pub(crate) fn login_needed() -> ApiError {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            Kind::LoginNeeded,
            "you are not logged in",
        )
        .help("log in, or send an API token: Authorization: Bearer TOKEN")
    }

    pub(crate) fn role_needed(role: Role) -> ApiError {
        ApiError::new(
            StatusCode::FORBIDDEN,
            Kind::RoleNeeded,
            format!("this needs the role {role}"),
        )
        .help("ask an administrator for it")
        .because(Problem::from(Kind::RoleNeeded).with("role", role.name()))
    }

    /// Too much is being done.
    pub(crate) fn busy() -> ApiError {
        ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Kind::Busy,
            "the server has too much to do",
        )
        .help("try again in a moment")
        .retry_after(2)
    }

    /// Something that no input should bring about. The client learns that, the server's messages why.
    pub(crate) fn internal(log: impl Into<String>) -> ApiError {
        let mut error = ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            Kind::Internal,
            "the server could not do this",
        )
        .help("the server's own messages say why");
        error.log = Some(log.into());
        error
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody {
            error: ErrorDetail {
                code: self.code.name(),
                message: self.message,
                help: self.help,
                problem: *self.problem,
            },
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        use StoreError as E;
        let message = error.to_string();
        let told = match &error {
            E::NoCollection { .. }
            | E::NoImage { .. }
            | E::NoInspector { .. }
            | E::NoInspectorVersion { .. }
            | E::NoInspection { .. }
            | E::NoUser { .. }
            | E::NoToken { .. }
            | E::NoJob { .. } => ApiError::not_found(message),
            E::CollectionName { .. }
            | E::FieldName { .. }
            | E::InspectorName { .. }
            | E::UserName { .. }
            | E::TokenLabel { .. }
            | E::NoField { .. }
            | E::NothingPasses { .. }
            | E::NoInspectionField { .. }
            | E::TraceSimilarity { .. }
            | E::MetadataFile { .. }
            | E::MetadataNoPath { .. }
            | E::Inspection { .. }
            | E::Condition(_)
            | E::Index(_) => ApiError::bad(message),
            E::UserExists { .. }
            | E::LastAdministrator
            | E::InspectorInUse { .. }
            | E::OtherModel { .. } => ApiError::conflict(message),
            E::Quota { .. } | E::DiskFull { .. } | E::Write { .. } => {
                ApiError::new(StatusCode::INSUFFICIENT_STORAGE, Kind::NoSpace, message)
            }
            E::Busy { .. } | E::Restoring { .. } => ApiError::busy(),
            E::ReadOnly { .. } => ApiError::new(StatusCode::CONFLICT, Kind::ReadOnly, message),
            // What it is exactly is for the server's own messages.
            _ => return ApiError::internal(message),
        };
        told.because_of(&error)
    }
}

impl From<BackupError> for ApiError {
    fn from(error: BackupError) -> ApiError {
        match error {
            BackupError::Store(error) => error.into(),
            BackupError::Damaged { reason, .. } => ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                Kind::NoBackup,
                format!("this cannot be restored: {reason}"),
            )
            .help("use another backup")
            .because(Kind::BackupDamaged),
            BackupError::Newer { found, .. } => ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                Kind::NoBackup,
                format!("this is a backup of version {found}, which this program does not know"),
            )
            .help("update niteru")
            .because(Kind::BackupNewer),
            error @ BackupError::Exists { .. } => {
                ApiError::conflict(error.to_string()).because_of(&error)
            }
            BackupError::Io { path, source } => unwritable(&path, &source),
            other => ApiError::internal(niteru_store::below::encoder::with_causes(&other)),
        }
    }
}

impl From<UploadError> for ApiError {
    fn from(error: UploadError) -> ApiError {
        match error {
            UploadError::Kind => ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Kind::NotAnImage,
                error.to_string(),
            ),
            UploadError::Picture(_) => ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                Kind::UnusableImage,
                niteru_store::below::encoder::with_causes(&error),
            )
            .because_of(&error),
            UploadError::Store(error) => error.into(),
        }
    }
}

impl From<EncoderError> for ApiError {
    fn from(error: EncoderError) -> ApiError {
        match error {
            EncoderError::Model(error) => error.into(),
            EncoderError::Load(error) => error.into(),
            // What the home has recorded is none.
            other => ApiError::internal(other.to_string()),
        }
    }
}

impl From<ModelError> for ApiError {
    fn from(error: ModelError) -> ApiError {
        // What is wrong with a model is for the user to see: it is pulled or imported by one.
        ApiError::new(
            StatusCode::CONFLICT,
            Kind::Model,
            niteru_store::below::encoder::with_causes(&error),
        )
        .help("fetch the model under Settings, or with `niteru models pull`")
        .because_of(&error)
    }
}

impl From<LoadError> for ApiError {
    fn from(error: LoadError) -> ApiError {
        ApiError::new(
            StatusCode::CONFLICT,
            Kind::Model,
            niteru_store::below::encoder::with_causes(&error),
        )
        .help("check the model with `niteru models show NAME --verify`")
        .because_of(&error)
    }
}
