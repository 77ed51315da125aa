//! From a request to a route's function and back: who asks, whether they may, within which limits, and what
//! the audit log says about it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use niteru_store::NewAuditEntry;

use crate::app::App;
use crate::error::ApiError;
use crate::guard;
use crate::identity::{Caller, identify};
use crate::problem::{Kind, Problem};
use crate::proxy::Client;
use crate::route::{About, Access, Effect, Incoming, Route};

/// Answers a request with a route.
pub(crate) async fn dispatch(app: Arc<App>, route: Arc<Route>, request: Request) -> Response {
    let all = answered(Arc::clone(&app), Arc::clone(&route), request);
    let answer = match route.effect {
        Effect::Reads | Effect::Works => all.await,
        // What changes something is done to its end and written down, also when the client hangs up: this
        // function is dropped then. The end of the server waits for it.
        Effect::Changes(_) | Effect::Gives(_) => {
            app.changes.done(all).await.unwrap_or_else(|error| {
                Err(ApiError::internal(format!("a request ended: {error}")))
            })
        }
    };
    answer.unwrap_or_else(|error| refused(&app, &route, error))
}

/// Lets a request in or not, has it answered, and writes that down.
async fn answered(
    app: Arc<App>,
    route: Arc<Route>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let client = parts.extensions.get::<Client>();
    let address = client.and_then(|client| client.address);
    let address = address.map_or_else(String::new, |address| address.to_string());
    let path = parts.uri.path().to_owned();
    let about = About::default();

    let admitted = admit(&app, &route, &parts).await;
    // Who was refused may still be somebody: the audit log is to say who tried.
    let (caller, admitted) = match admitted {
        Ok(caller) => (caller.clone(), Ok(caller)),
        Err((caller, error)) => (caller, Err(error)),
    };
    let answer = match admitted {
        Ok(caller) => {
            let incoming = Incoming {
                app: Arc::clone(&app),
                parts,
                body: Some(body),
                limit: route.body,
                caller,
                about: about.clone(),
            };
            run(&route, incoming).await
        }
        Err(error) => Err(error),
    };
    let status = answer
        .as_ref()
        .map_or_else(ApiError::status, Response::status);
    let caller = caller.as_ref();
    audit(&app, &route, caller, &address, &path, status, &about).await;
    answer
}

/// Who asks, if they may.
async fn admit(
    app: &Arc<App>,
    route: &Route,
    parts: &axum::http::request::Parts,
) -> Result<Option<Caller>, (Option<Caller>, ApiError)> {
    let caller = identify(app, &parts.headers)
        .await
        .map_err(|error| (None, error))?;
    let allowed = || {
        match (route.access, &caller) {
            (Access::Open, _) => {}
            (Access::Least(_), None) => return Err(ApiError::login_needed()),
            (Access::Least(least), Some(caller)) if caller.role < least => {
                return Err(ApiError::role_needed(least));
            }
            (Access::Least(_), Some(_)) => {}
        }
        match route.effect {
            Effect::Reads | Effect::Gives(_) => Ok(()),
            Effect::Works | Effect::Changes(_) => guard::check_origin(app, parts, caller.as_ref()),
        }
    };
    match allowed() {
        Ok(()) => Ok(caller),
        Err(error) => Err((caller, error)),
    }
}

/// Runs the route's function. That it panics or takes too long is an error like others.
async fn run(route: &Route, incoming: Incoming) -> Result<Response, ApiError> {
    let answer = AssertUnwindSafe((route.run)(incoming)).catch_unwind();
    match tokio::time::timeout(route.time, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(ApiError::internal("a request's function panicked")),
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            Kind::TooSlow,
            format!("this took longer than {} seconds", route.time.as_secs()),
        )
        .help("send less at a time, or try again when there is less to do")
        .because(Problem::from(Kind::TooSlow).with("seconds", route.time.as_secs()))),
    }
}

fn refused(app: &App, route: &Route, error: ApiError) -> Response {
    if let Some(log) = &error.log {
        app.log(&format!("{} {}: {log}", route.method, route.path));
    }
    error.into_response()
}

/// Writes down who changed or took away what, or tried to. Strangers' attempts are not written down, so that
/// nobody without a login can fill the disk; logins are, by their own route.
async fn audit(
    app: &Arc<App>,
    route: &Route,
    caller: Option<&Caller>,
    address: &str,
    path: &str,
    status: StatusCode,
    about: &About,
) {
    let (Effect::Changes(action) | Effect::Gives(action)) = route.effect else {
        return;
    };
    let said = about.said();
    let who = match (caller, route.access) {
        (Some(caller), _) => caller.name.clone(),
        // What is open says itself what is worth writing down.
        (None, Access::Open) if said.is_some() => "-".into(),
        (None, _) => return,
    };
    let target =
        said.unwrap_or_else(|| percent_decoded(path.strip_prefix("/api/").unwrap_or(path)));
    let address = address.to_owned();
    let status = status.as_u16();
    let written = app
        .quick(move |app| {
            Ok(app.home.audit(&NewAuditEntry {
                who: &who,
                address: &address,
                action,
                target: &target,
                status,
            })?)
        })
        .await;
    if let Err(error) = written {
        app.log(&format!(
            "the audit log could not be written for {action}: {}",
            error.log.as_deref().unwrap_or(error.message())
        ));
    }
}

/// A path as people read it.
fn percent_decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| first == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::percent_decoded;

    #[test]
    fn paths_are_read_as_people_do() {
        let table = [
            ("collections/parts", "collections/parts"),
            ("collections/%E9%83%A8%E5%93%81", "collections/部品"),
            ("a%2", "a%2"),
            ("a%zz%", "a%zz%"),
            ("%ff", "\u{FFFD}"),
        ];
        for (path, expected) in table {
            assert_eq!(percent_decoded(path), expected);
        }
    }
}
