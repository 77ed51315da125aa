//! What a route is. Each is registered once; role check, protection against forged requests, limits, audit
//! log and OpenAPI all follow from that one registration.

mod answer;
mod argument;
mod describe;
mod endpoint;
pub(crate) mod openapi;
mod silence;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use axum::response::Response;
use niteru_store::Role;

pub(crate) use answer::{
    Accepted, Answer, Created, Done, Download, Events, File, Json, Tagged, TaggedJson,
};
pub(crate) use argument::{
    About, Form, InPath, Incoming, JsonBody, Parts, Peer, Query, unwritable,
};
pub(crate) use describe::Described;
pub(crate) use endpoint::Endpoint;

use crate::error::ApiError;

/// Most bytes of a request, unless its route says otherwise.
const USUAL_BODY: usize = 1 << 20;

/// Longest that a request may take, unless its route says otherwise.
const USUAL_TIME: Duration = Duration::from_secs(60);

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody, also without a login.
    Open,
    /// Who has this role, or one above it.
    Least(Role),
}

impl From<Role> for Access {
    fn from(role: Role) -> Access {
        Access::Least(role)
    }
}

/// What a request does beside being answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing: it may be repeated, and links may lead to it.
    Reads,
    /// Nothing, but it gives away what the audit log is to know of: an entry of this action.
    Gives(&'static str),
    /// Nothing that the audit log must know, but it costs work, or is written down elsewhere. Only our
    /// pages and programs may ask for it.
    Works,
    /// It changes something: the audit log gets an entry of this action.
    Changes(&'static str),
}

type Run = dyn Fn(Incoming) -> Pin<Box<dyn Future<Output = Result<Response, ApiError>> + Send>>
    + Send
    + Sync;

/// A way to ask the server for something.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) method: Method,
    /// With parameters in braces: `/api/collections/{name}`.
    pub(crate) path: &'static str,
    /// One line, for the description of the API.
    pub(crate) summary: &'static str,
    pub(crate) access: Access,
    pub(crate) effect: Effect,
    /// Most bytes of a request.
    pub(crate) body: usize,
    /// Longest that a request may take, to the beginning of the answer.
    pub(crate) time: Duration,
    pub(crate) described: fn(&mut Described),
    pub(crate) run: Arc<Run>,
}

impl Route {
    fn new<A: 'static, E: Endpoint<A>>(
        (method, effect): (Method, Effect),
        path: &'static str,
        summary: &'static str,
        access: impl Into<Access>,
        endpoint: E,
    ) -> Route {
        Route {
            method,
            path,
            summary,
            access: access.into(),
            effect,
            body: USUAL_BODY,
            time: USUAL_TIME,
            described: E::describe,
            run: Arc::new(move |incoming| Box::pin(endpoint.clone().run(incoming))),
        }
    }

    /// The same for larger requests, which may take longer.
    pub(crate) fn takes(mut self, body: usize, time: Duration) -> Route {
        (self.body, self.time) = (body, time);
        self
    }
}

/// A route that only reads.
pub(crate) fn read<A: 'static, E: Endpoint<A>>(
    path: &'static str,
    summary: &'static str,
    access: impl Into<Access>,
    endpoint: E,
) -> Route {
    let how = (Method::GET, Effect::Reads);
    Route::new(how, path, summary, access, endpoint)
}

/// A route that only reads; `action` is what the audit log calls it.
pub(crate) fn give<A: 'static, E: Endpoint<A>>(
    action: &'static str,
    path: &'static str,
    summary: &'static str,
    access: impl Into<Access>,
    endpoint: E,
) -> Route {
    let how = (Method::GET, Effect::Gives(action));
    Route::new(how, path, summary, access, endpoint)
}

/// A route that does work and leaves nothing that the audit log must know.
pub(crate) fn ask<A: 'static, E: Endpoint<A>>(
    path: &'static str,
    summary: &'static str,
    access: impl Into<Access>,
    endpoint: E,
) -> Route {
    let how = (Method::POST, Effect::Works);
    Route::new(how, path, summary, access, endpoint)
}

/// A route that changes something; `action` is what the audit log calls it.
pub(crate) fn change<A: 'static, E: Endpoint<A>>(
    (method, action): (Method, &'static str),
    path: &'static str,
    summary: &'static str,
    access: impl Into<Access>,
    endpoint: E,
) -> Route {
    let how = (method, Effect::Changes(action));
    Route::new(how, path, summary, access, endpoint)
}
