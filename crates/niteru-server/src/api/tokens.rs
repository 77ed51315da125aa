//! API tokens: what programs log in with.

use std::sync::Arc;

use axum::http::Method;
use niteru_store::{ApiToken, NewApiToken, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::error::ApiError;
use crate::identity::{Caller, Proof};
use crate::problem::Kind;
use crate::route::{About, Created, Done, InPath, Json, JsonBody, Route, change, read};
use crate::secret;

/// Longest that a token may be good, in days.
const MOST_DAYS: u32 = 3650;

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/tokens",
            "One's own API tokens; all of them for an administrator",
            Role::Viewer,
            list,
        ),
        change(
            (Method::POST, "token.add"),
            "/api/tokens",
            "Make an API token; it is shown this once",
            Role::Viewer,
            add,
        ),
        change(
            (Method::DELETE, "token.remove"),
            "/api/tokens/{id}",
            "Take an API token back",
            Role::Viewer,
            remove,
        ),
    ]
}

#[derive(Serialize, ToSchema)]
struct Tokens {
    tokens: Vec<ApiToken>,
}

#[derive(Deserialize, ToSchema)]
struct NewToken {
    /// What it is for.
    label: String,
    /// What it may do: not more than oneself.
    role: Role,
    /// After so many days it is no use any more; left out or null: it always is.
    days: Option<u32>,
}

/// A token with its secret.
#[derive(Serialize, ToSchema)]
struct MadeToken {
    /// To be sent as `Authorization: Bearer SECRET`. It is not kept, and not shown again.
    secret: String,
    #[serde(flatten)]
    token: ApiToken,
}

/// Refuses API tokens: one is no way to more tokens, nor to users. Who takes one must not be able to stay.
pub(super) fn check_no_token(caller: &Caller, what: &str) -> Result<(), ApiError> {
    match caller.proof {
        Proof::Token => Err(ApiError::new(
            axum::http::StatusCode::FORBIDDEN,
            Kind::LoginNeeded,
            format!("{what} are managed by people who have logged in"),
        )
        .help("log in with a name and a password")
        .because(Kind::NotByToken)),
        Proof::Local | Proof::Session(_) => Ok(()),
    }
}

/// Whose tokens a caller sees and removes; `None`: everybody's.
fn owner(caller: &Caller) -> Result<Option<u64>, ApiError> {
    check_no_token(caller, "tokens")?;
    match (caller.role, caller.user) {
        (Role::Administrator, _) => Ok(None),
        (_, Some(user)) => Ok(Some(user)),
        (_, None) => Err(ApiError::login_needed()),
    }
}

async fn list(app: Arc<App>, caller: Caller) -> Result<Json<Tokens>, ApiError> {
    let owner = owner(&caller)?;
    let tokens = app
        .quick(move |app| Ok(app.home.api_tokens(owner)?))
        .await?;
    Ok(Json(Tokens { tokens }))
}

async fn add(
    app: Arc<App>,
    caller: Caller,
    about: About,
    JsonBody(new): JsonBody<NewToken>,
) -> Result<Created<MadeToken>, ApiError> {
    owner(&caller)?;
    about.say(format!("{} as {}", new.label, new.role));
    if new.role > caller.role {
        return Err(ApiError::role_needed(new.role));
    }
    if new.days.is_some_and(|days| days == 0 || days > MOST_DAYS) {
        let message = format!("a token is good for 1 to {MOST_DAYS} days, or for good");
        return Err(ApiError::bad(message));
    }
    let secret = secret::token().map_err(|error| ApiError::internal(error.to_string()))?;
    let kept = secret.clone();
    let token = app
        .quick(move |app| {
            Ok(app.home.add_api_token(&NewApiToken {
                token: &kept,
                label: &new.label,
                role: new.role,
                owner: caller.user,
                days: new.days,
            })?)
        })
        .await?;
    Ok(Created(MadeToken { secret, token }))
}

async fn remove(app: Arc<App>, caller: Caller, InPath(id): InPath<u64>) -> Result<Done, ApiError> {
    let owner = owner(&caller)?;
    app.quick(move |app| Ok(app.home.remove_api_token(id, owner)?))
        .await?;
    Ok(Done)
}
