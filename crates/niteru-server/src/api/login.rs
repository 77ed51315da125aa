//! Logging in and out, and who one is.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use niteru_store::{LoginTry, Role, User, UserChange, rfc3339};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::error::ApiError;
use crate::identity::{Caller, Proof, SESSION_SECONDS, session_cookie};
use crate::listen::network;
use crate::problem::{Kind, Problem};
use crate::proxy::Client;
use crate::route::{About, Access, Answer, Described, Done, Json, JsonBody, Route, change, read};
use crate::{password, secret};

/// Tries at a user's password after which the user is locked out, and for how long, in milliseconds.
const TRIES_OF_USER: u32 = 5;
const LOCKED: i64 = 15 * 60 * 1000;

/// Tries at passwords from an address in some time, without a right one, after which it has to wait.
const TRIES_OF_ADDRESS: usize = 20;
const REMEMBERED: Duration = Duration::from_secs(15 * 60);

/// Addresses that are remembered at a time.
const ADDRESSES: usize = 10_000;

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/me",
            "Who is asking, and what they may do",
            Access::Open,
            me,
        ),
        change(
            (Method::POST, "login"),
            "/api/login",
            "Begin a session with name and password",
            Access::Open,
            login,
        ),
        change(
            (Method::POST, "logout"),
            "/api/logout",
            "End the session",
            Role::Viewer,
            logout,
        ),
        change(
            (Method::POST, "setup"),
            "/api/setup",
            "Make the first administrator, with the code that the server printed when it started",
            Access::Open,
            setup,
        ),
        change(
            (Method::POST, "password"),
            "/api/me/password",
            "Change one's own password; ends one's other sessions",
            Role::Viewer,
            change_password,
        ),
    ]
}

/// Who is asking.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Me {
    /// `null`: nobody that is known.
    name: Option<String>,
    /// What they may do; `null`: nothing before a login.
    role: Option<Role>,
    /// Whether it is a user with a password.
    has_password: bool,
    /// Whether the server asks for a login.
    login: bool,
    /// Whether there is no administrator yet: use /api/setup.
    setup: bool,
    /// What requests that change something must carry in the header X-Niteru-CSRF.
    csrf: Option<String>,
    version: &'static str,
}

/// A name and a password.
#[derive(Deserialize, ToSchema)]
struct LoginRequest {
    name: String,
    password: String,
}

#[derive(Deserialize, ToSchema)]
struct SetupRequest {
    /// What the server printed when it started.
    code: String,
    /// Name of the administrator.
    name: String,
    /// At least 10 characters.
    password: String,
}

#[derive(Deserialize, ToSchema)]
struct PasswordRequest {
    /// The password until now.
    old: String,
    /// At least 10 characters.
    new: String,
}

/// A session that began.
struct LoggedIn {
    token: String,
    secure: bool,
    user: User,
}

impl IntoResponse for LoggedIn {
    fn into_response(self) -> Response {
        let cookie = session_cookie(Some(&self.token), self.secure);
        with_cookie(Json(self.user).into_response(), &cookie)
    }
}

impl Answer for LoggedIn {
    fn describe(described: &mut Described) {
        Json::<User>::describe(described);
    }
}

/// A session that ended.
struct LoggedOut {
    secure: bool,
}

impl IntoResponse for LoggedOut {
    fn into_response(self) -> Response {
        with_cookie(Done.into_response(), &session_cookie(None, self.secure))
    }
}

impl Answer for LoggedOut {
    fn describe(described: &mut Described) {
        Done::describe(described);
    }
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

async fn me(app: Arc<App>, caller: Option<Caller>) -> Result<Json<Me>, ApiError> {
    let setup = app.setup_code.lock().is_some();
    Ok(Json(Me {
        csrf: caller.as_ref().and_then(|caller| caller.csrf(&app)),
        role: caller.as_ref().map(|caller| caller.role),
        has_password: caller.as_ref().is_some_and(|caller| caller.user.is_some()),
        name: caller.map(|caller| caller.name),
        login: app.settings.login,
        setup,
        version: env!("CARGO_PKG_VERSION"),
    }))
}

async fn login(
    app: Arc<App>,
    client: Client,
    about: About,
    JsonBody(request): JsonBody<LoginRequest>,
) -> Result<LoggedIn, ApiError> {
    let address = client.address;
    app.attempts.begin(address)?;
    let LoginRequest { name, password } = request;
    about.say(&name);
    let looked_at = look_at(&app, name, move |hash| {
        Ok(password::verify(&password, hash))
    });
    let looked_at = looked_at
        .await
        .inspect_err(|_| app.attempts.give_back(address))?;
    let LookedAt {
        user,
        locked_after,
        found: right,
    } = looked_at;
    match user {
        Some(user) if right && !user.disabled => {
            app.attempts.succeeded(address);
            start_session(&app, client, user).await
        }
        _ => Err(match locked_after {
            Some(until) => locked(until),
            None => ApiError::new(
                StatusCode::UNAUTHORIZED,
                Kind::WrongLogin,
                "name or password is wrong",
            )
            .help("an administrator can give you a new password"),
        }),
    }
}

/// A try at a user's password, which was looked at.
struct LookedAt<T> {
    /// `None`: there is no such user.
    user: Option<User>,
    /// Until when the user is locked out, if it was wrong and the last try.
    locked_after: Option<i64>,
    /// What was found.
    found: T,
}

/// Looks at a password when it is its turn, and counts that before: tries that never get a turn do not count, those
/// beside each other do.
async fn look_at<T: Send + 'static>(
    app: &Arc<App>,
    name: String,
    look: impl FnOnce(Option<&str>) -> Result<T, ApiError> + Send + 'static,
) -> Result<LookedAt<T>, ApiError> {
    let of = Arc::clone(app);
    app.passwords(move || {
        let known = of.home.credentials(&name)?;
        let mut locked_after = None;
        if let Some(known) = &known {
            match of.home.try_login(known.user.id, TRIES_OF_USER, LOCKED)? {
                LoginTry::Locked { until } => return Err(locked(until)),
                LoginTry::Allowed { locked_after: last } => locked_after = last,
            }
        }
        Ok(LookedAt {
            found: look(known.as_ref().map(|known| &*known.hash))?,
            user: known.map(|known| known.user),
            locked_after,
        })
    })
    .await
}

async fn start_session(app: &Arc<App>, client: Client, user: User) -> Result<LoggedIn, ApiError> {
    let token = secret::token().map_err(|error| ApiError::internal(error.to_string()))?;
    let (id, kept) = (user.id, token.clone());
    app.quick(move |app| {
        app.home.login_succeeded(id)?;
        Ok(app.home.start_session(id, &kept, SESSION_SECONDS * 1000)?)
    })
    .await?;
    Ok(LoggedIn {
        token,
        secure: client.secure,
        user,
    })
}

async fn logout(app: Arc<App>, client: Client, caller: Caller) -> Result<LoggedOut, ApiError> {
    if let Proof::Session(token) = caller.proof {
        app.quick(move |app| Ok(app.home.end_session(&token)?))
            .await?;
    }
    Ok(LoggedOut {
        secure: client.secure,
    })
}

async fn setup(
    app: Arc<App>,
    client: Client,
    about: About,
    JsonBody(request): JsonBody<SetupRequest>,
) -> Result<LoggedIn, ApiError> {
    let address = client.address;
    app.attempts.begin(address)?;
    let code = app.setup_code.lock().clone();
    let Some(code) = code else {
        return Err(has_administrator());
    };
    let typed = request.code.trim().to_uppercase();
    if !secret::same(&typed, &code) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            Kind::WrongCode,
            "this is not the code that the server printed when it started",
        ));
    }
    app.attempts.succeeded(address);
    about.say(&request.name);
    let SetupRequest { name, password, .. } = request;
    let hash = app.passwords(move || password::hash(&password)).await?;
    let made = app
        .quick(move |app| Ok(app.home.add_first_administrator(&name, &hash)?))
        .await?;
    // Used, whoever was first.
    *app.setup_code.lock() = None;
    match made {
        Some(user) => start_session(&app, client, user).await,
        None => Err(has_administrator()),
    }
}

fn has_administrator() -> ApiError {
    ApiError::conflict("there is an administrator already")
        .help("log in")
        .because(Kind::HasAdministrator)
}

async fn change_password(
    app: Arc<App>,
    caller: Caller,
    client: Client,
    JsonBody(request): JsonBody<PasswordRequest>,
) -> Result<LoggedIn, ApiError> {
    let address = client.address;
    let Some(id) = caller.user else {
        let message = "only users that log in with a name have a password";
        return Err(ApiError::bad(message).because(Kind::NoPassword));
    };
    app.attempts.begin(address)?;
    let PasswordRequest { old, new } = request;
    let hashed = look_at(&app, caller.name, move |hash| {
        match password::verify(&old, hash) {
            true => password::hash(&new).map(Some),
            false => Ok(None),
        }
    });
    let LookedAt {
        locked_after,
        found: hash,
        ..
    } = hashed
        .await
        .inspect_err(|_| app.attempts.give_back(address))?;
    let Some(hash) = hash else {
        if let Some(until) = locked_after {
            return Err(locked(until));
        }
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            Kind::WrongPassword,
            "the old password is wrong",
        ));
    };
    app.attempts.succeeded(address);
    let change = UserChange {
        hash: Some(hash),
        ..UserChange::default()
    };
    let user = app
        .quick(move |app| Ok(app.home.change_user(id, &change)?))
        .await?;
    start_session(&app, client, user).await
}

fn locked(until: i64) -> ApiError {
    let seconds = (until - now()).max(0) / 1000 + 1;
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        Kind::Locked,
        format!(
            "too many wrong passwords: this user is locked until {}",
            rfc3339(until)
        ),
    )
    .help("wait, or ask an administrator for a new password")
    .because(Problem::from(Kind::Locked).with("until", rfc3339(until)))
    .retry_after(seconds.unsigned_abs())
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

/// Tries at passwords and codes by the address that they came from, since the last that was right.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<HashMap<IpAddr, Vec<Instant>>>);

impl Attempts {
    /// Counts a try, before it is known whether it is right: tries that run beside each other are counted as
    /// well. Refuses an address that has tried too often.
    fn begin(&self, address: Option<IpAddr>) -> Result<(), ApiError> {
        let Some(address) = address else {
            return Ok(());
        };
        let now = Instant::now();
        let mut attempts = self.0.lock();
        if attempts.len() >= ADDRESSES {
            attempts.retain(|_, times| times.iter().any(|at| now - *at < REMEMBERED));
        }
        let times = attempts.entry(network(address)).or_default();
        times.retain(|at| now - *at < REMEMBERED);
        let Some(first) = times.first().filter(|_| times.len() >= TRIES_OF_ADDRESS) else {
            times.push(now);
            return Ok(());
        };
        let wait = REMEMBERED.saturating_sub(now - *first);
        Err(ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            Kind::TooManyAttempts,
            "too many wrong passwords from this address",
        )
        .help("wait some minutes")
        .retry_after(wait.as_secs() + 1))
    }

    /// Takes the last try back: nothing was looked at.
    fn give_back(&self, address: Option<IpAddr>) {
        let Some(address) = address else { return };
        if let Some(times) = self.0.lock().get_mut(&network(address)) {
            times.pop();
        }
    }

    fn succeeded(&self, address: Option<IpAddr>) {
        if let Some(address) = address {
            self.0.lock().remove(&network(address));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_counted_for_themselves() {
        let attempts = Attempts::default();
        let one = Some("2001:db8::1".parse().unwrap());
        let same = Some("2001:db8::ffff:2".parse().unwrap());
        let other = Some("192.0.2.1".parse().unwrap());
        for _ in 0..TRIES_OF_ADDRESS {
            attempts.begin(one).unwrap();
        }
        assert!(attempts.begin(one).is_err());
        assert!(attempts.begin(same).is_err(), "of the same network");
        assert!(attempts.begin(other).is_ok());
        attempts.succeeded(one);
        assert!(attempts.begin(one).is_ok());
    }
}
