//! Who asks: a session's cookie, an API token, or whoever sits at this computer.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};
use niteru_store::Role;

use crate::app::App;
use crate::error::ApiError;
use crate::secret::csrf_of;

/// Name of the session's cookie.
pub(crate) const COOKIE: &str = "niteru_session";

/// How long a session may lie unused, in milliseconds.
const IDLE: i64 = 12 * 60 * 60 * 1000;

/// Longest that a session lasts, in seconds.
pub(crate) const SESSION_SECONDS: i64 = 7 * 24 * 60 * 60;

/// What a caller is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The server listens to this computer only, and asks for no login.
    Local,
    /// The token in a session's cookie.
    Session(String),
    /// An API token.
    Token,
}

/// Somebody who may do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// For the audit log: the user's name, or the token's label.
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The user, if it is one.
    pub(crate) user: Option<u64>,
    pub(crate) proof: Proof,
}

impl Caller {
    /// What a request that changes something must carry, beside who asks; `None`: nothing, since no browser
    /// adds an API token by itself.
    pub(crate) fn csrf(&self, app: &App) -> Option<String> {
        match &self.proof {
            Proof::Local => Some(app.local_csrf.clone()),
            Proof::Session(token) => Some(csrf_of(token)),
            Proof::Token => None,
        }
    }
}

/// Who asks. `None`: nobody that is known.
///
/// A token that is no good is an error, never a reason to look for another proof.
pub(crate) async fn identify(
    app: &Arc<App>,
    headers: &HeaderMap,
) -> Result<Option<Caller>, ApiError> {
    if let Some(header) = headers.get(header::AUTHORIZATION) {
        let token = bearer(header)
            .ok_or_else(ApiError::login_needed)?
            .to_owned();
        let found = in_home(app, move |app| Ok(app.home.api_token(&token)?)).await?;
        let (token, role) = found.ok_or_else(ApiError::login_needed)?;
        return Ok(Some(Caller {
            name: match token.owner {
                Some(owner) => format!("{owner} (token {})", token.label),
                None => format!("token {}", token.label),
            },
            role,
            user: None,
            proof: Proof::Token,
        }));
    }
    if let Some(token) = cookie(headers) {
        let session = token.clone();
        let found = in_home(app, move |app| Ok(app.home.session(&session, IDLE)?)).await?;
        if let Some(user) = found {
            return Ok(Some(Caller {
                name: user.name,
                role: user.role,
                user: Some(user.id),
                proof: Proof::Session(token),
            }));
        }
    }
    Ok((!app.settings.login).then(|| Caller {
        name: "local".into(),
        role: Role::Administrator,
        user: None,
        proof: Proof::Local,
    }))
}

async fn in_home<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&App) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    app.quick(work).await
}

fn bearer(header: &HeaderValue) -> Option<&str> {
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter();
    let mut pairs = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, token) = pairs.find(|(name, token)| *name == COOKIE && !token.is_empty())?;
    Some(token.to_owned())
}

/// The cookie of a session that begins; without a token, of one that ends.
pub(crate) fn session_cookie(token: Option<&str>, secure: bool) -> String {
    let (token, age) = match token {
        Some(token) => (token, SESSION_SECONDS),
        None => ("", 0),
    };
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}")
}
