//! What a route takes and gives, as OpenAPI 3.1 has it.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{RefOr, schema};
use utoipa::{IntoParams, ToSchema};

/// What is known of a route.
#[derive(Default)]
pub(crate) struct Described {
    /// Parameters behind the `?`.
    pub(crate) parameters: Vec<Value>,
    /// What its request holds.
    pub(crate) request: Option<Value>,
    /// What it gives by status.
    pub(crate) responses: Map<String, Value>,
    /// The shapes that are referred to, by name.
    pub(crate) schemas: Vec<(String, RefOr<Schema>)>,
}

impl Described {
    pub(super) fn query<T: IntoParams>(&mut self) {
        let parameters = T::into_params(|| Some(ParameterIn::Query));
        self.parameters.extend(parameters.iter().map(value));
    }

    pub(super) fn takes_json<T: ToSchema>(&mut self) {
        let schema = self.refer::<T>();
        self.request = Some(json!({
            "required": true,
            "content": { "application/json": { "schema": schema } },
        }));
    }

    pub(super) fn takes_files(&mut self) {
        self.takes_form(json!({ "file": files("What is sent") }));
    }

    /// `Q` is what is asked for beside the images.
    pub(super) fn takes_images<Q: ToSchema>(&mut self) {
        let query = self.refer::<Q>();
        self.takes_form(json!({
            "file": files("JPEG, PNG, WebP, BMP, GIF or TIFF images"),
            "query": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": query,
                "description": "What is asked for beside the files, as JSON",
            },
        }));
    }

    fn takes_form(&mut self, properties: Value) {
        self.request = Some(json!({
            "required": true,
            "content": { "multipart/form-data": { "schema": {
                "type": "object",
                "properties": properties,
            } } },
        }));
    }

    pub(super) fn gives_json<T: ToSchema>(&mut self, status: StatusCode) {
        let schema = self.refer::<T>();
        self.answer(
            status,
            json!({
                "description": status.canonical_reason().unwrap_or_default(),
                "content": { "application/json": { "schema": schema } },
            }),
        );
    }

    pub(super) fn gives(&mut self, media_type: &str, description: &str) {
        self.answer(
            StatusCode::OK,
            json!({ "description": description, "content": { media_type: {} } }),
        );
    }

    pub(super) fn gives_nothing(&mut self) {
        self.answer(
            StatusCode::NO_CONTENT,
            json!({ "description": "It was done" }),
        );
    }

    fn answer(&mut self, status: StatusCode, answer: Value) {
        self.responses.insert(status.as_str().to_owned(), answer);
    }

    /// A reference to a shape, which is kept with all that it refers to.
    pub(super) fn refer<T: ToSchema>(&mut self) -> Value {
        let name = T::name().into_owned();
        self.schemas.push((name.clone(), T::schema()));
        T::schemas(&mut self.schemas);
        value(&schema::Ref::from_schema_name(name))
    }
}

fn files(description: &str) -> Value {
    json!({
        "type": "array",
        "description": description,
        "items": { "type": "string", "contentMediaType": "application/octet-stream" },
    })
}

/// Descriptions are maps with names as keys: nothing of them can fail to be JSON.
pub(super) fn value(described: &impl serde::Serialize) -> Value {
    serde_json::to_value(described).unwrap_or_default()
}
