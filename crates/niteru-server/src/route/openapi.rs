//! The OpenAPI 3.1 document of a table of routes.

use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use super::describe::{Described, value};
use super::{Access, Effect, Route};
use crate::error::ErrorBody;
use crate::guard::CSRF_HEADER;

/// What describes the routes, made of the routes themselves.
pub(crate) fn document(routes: &[Route]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut schemas: Vec<(String, RefOr<Schema>)> = Vec::new();
    let mut error = Described::default();
    let error_reference = error.refer::<ErrorBody>();
    schemas.append(&mut error.schemas);
    for route in routes {
        let mut described = Described::default();
        (route.described)(&mut described);
        schemas.append(&mut described.schemas);
        let operation = operation(route, described, &error_reference);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_lowercase()] = operation;
    }
    let schemas: Map<String, Value> = schemas
        .into_iter()
        .map(|(name, schema)| (name, value(&schema)))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Niteru",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
            "description": "Finds images that look alike by meaning, and inspects parts. Programs log in \
                with an API token. On a loopback address the server may need no login; requests that \
                change something then need the header X-Niteru-CSRF with the value of `csrf` in /api/me.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": crate::identity::COOKIE },
                "csrf": { "type": "apiKey", "in": "header", "name": CSRF_HEADER },
            },
        },
    })
}

fn operation(route: &Route, described: Described, error: &Value) -> Value {
    let mut responses = described.responses;
    responses.insert(
        "default".into(),
        json!({
            "description": "It was refused, or failed",
            "content": { "application/json": { "schema": error } },
        }),
    );
    let mut parameters = path_parameters(route.path);
    parameters.extend(described.parameters);
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": [tag(route.path)],
        "parameters": parameters,
        "responses": responses,
        "security": security(route),
    });
    if let Access::Least(role) = route.access {
        operation["x-role"] = role.name().into();
        operation["description"] = format!("Needs the role {role}.").into();
    }
    if let Some(request) = described.request {
        operation["requestBody"] = request;
    }
    operation
}

fn security(route: &Route) -> Value {
    match (route.access, route.effect) {
        (Access::Open, _) => json!([]),
        (_, Effect::Reads | Effect::Gives(_)) => json!([{ "token": [] }, { "session": [] }]),
        _ => json!([{ "token": [] }, { "session": [], "csrf": [] }]),
    }
}

/// The parameters in a path's braces; what is called `id` is a number.
fn path_parameters(path: &str) -> Vec<Value> {
    let names = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names
        .map(|name| {
            let schema = match name {
                "id" => json!({ "type": "integer", "format": "int64", "minimum": 0 }),
                _ => json!({ "type": "string" }),
            };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect()
}

/// What a path is about: its first part.
fn tag(path: &str) -> &str {
    let path = path.strip_prefix("/api/").unwrap_or(path);
    path.split('/').next().unwrap_or(path)
}

/// Method and path as one word: `get_collections_name`.
fn operation_id(route: &Route) -> String {
    let word = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let path: String = route
        .path
        .trim_start_matches("/api/")
        .chars()
        .map(word)
        .collect();
    let mut id = route.method.as_str().to_lowercase();
    for part in path.split('_').filter(|part| !part.is_empty()) {
        id.push('_');
        id.push_str(part);
    }
    id
}
