//! Requests that other sites' pages make a browser send are not let in.

use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri, header};

use crate::app::{App, Settings};
use crate::error::ApiError;
use crate::identity::Caller;
use crate::problem::Kind;
use crate::proxy::Client;
use crate::secret::same;

/// Header that proves that a request comes from our page.
pub(crate) const CSRF_HEADER: &str = "x-niteru-csrf";

/// Headers that a proxy adds.
const FORWARDED: [&str; 4] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-real-ip",
];

/// Without a login, whoever can make this computer's browser send something is an administrator. A page
/// whose name leads here (DNS rebinding) is told from ours by the name that was asked for; and a proxy
/// before us would make everybody local.
///
/// # Errors
/// The refusal.
pub(crate) fn check_host(settings: &Settings, parts: &Parts) -> Result<(), ApiError> {
    if settings.login {
        return Ok(());
    }
    let refused = |message: &str, help: &str| {
        Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, Kind::WrongHost, message).help(help))
    };
    let asked_login = "start it with --login, or with --behind-proxy where a proxy is before it, so that everybody has \
                       to log in";
    if FORWARDED
        .iter()
        .any(|name| parts.headers.contains_key(*name))
    {
        return refused(
            "this server needs no login, so it answers no requests that a proxy forwards",
            asked_login,
        );
    }
    match authority(&parts.headers, &parts.uri) {
        Some(host) if settings.is_own(host) => Ok(()),
        _ => refused(
            "this server answers under the address that it was started with only",
            asked_login,
        ),
    }
}

/// Name and port that were asked for.
fn authority<'p>(headers: &'p HeaderMap, uri: &'p Uri) -> Option<&'p str> {
    // HTTP/2 has it in the address.
    let in_address = uri.authority().map(|authority| authority.as_str());
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    match (in_address, host, hosts.next()) {
        (_, _, Some(_)) => None,
        (Some(address), Some(host), None) if !address.eq_ignore_ascii_case(host) => None,
        (address, host, None) => address.or(host),
    }
}

/// Lets a request that does more than read in only if it does not come from another site's page.
///
/// # Errors
/// The refusal.
pub(crate) fn check_origin(
    app: &App,
    parts: &Parts,
    caller: Option<&Caller>,
) -> Result<(), ApiError> {
    let refused = |message: &str| {
        Err(ApiError::new(StatusCode::FORBIDDEN, Kind::Forged, message)
            .help("reload the page; programs use an API token, or read `csrf` from /api/me"))
    };
    let site = parts.headers.get("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return refused("this request comes from another site's page");
    }
    if let Some(origin) = parts.headers.get(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or_default();
        // `null`, too, is none of ours; and on a secure connection no page that did not come over one is.
        let secure = parts
            .extensions
            .get::<Client>()
            .is_some_and(|client| client.secure);
        let from = origin.split_once("://");
        let from = from.filter(|(scheme, _)| !secure || scheme.eq_ignore_ascii_case("https"));
        let from = from.map(|(_, from)| from);
        let asked = authority(&parts.headers, &parts.uri);
        if from.is_none()
            || !from
                .zip(asked)
                .is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
        {
            return refused("this request comes from another site's page");
        }
    }
    let Some(expected) = caller.and_then(|caller| caller.csrf(app)) else {
        return Ok(());
    };
    let given = parts.headers.get(CSRF_HEADER);
    match given.and_then(|given| given.to_str().ok()) {
        Some(given) if same(given, &expected) => Ok(()),
        _ => refused("this request lacks the header X-Niteru-CSRF, or its value is out of date"),
    }
}
