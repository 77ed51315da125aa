//! Fetching, importing, checking and removing models.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use niteru_store::Role;
use niteru_store::below::encoder::{ModelError, Watch, find_in_catalogue};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::jobs::{CheckParameters, ImportParameters, JobView, PullParameters, VerifyParameters};
use crate::leftovers::Incoming;
use crate::problem::{Kind, Problem};
use crate::route::{Accepted, InPath, Json, JsonBody, Parts, Route, change};

/// Most bytes of a model's files: 16 GiB of weights, and what goes with them.
const MODEL_BYTES: u64 = 17 << 30;

/// Longest that sending them may take.
const MODEL_TIME: Duration = Duration::from_secs(4 * 60 * 60);

/// Most files of a model.
const MOST_FILES: usize = 8;

/// The files of a model in a folder, which keep their names.
const NAMES: [&str; 5] = [
    "config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "model.safetensors",
    "pytorch_model.bin",
];

/// Endings of models that are one file; it gets a name of ours.
const ENDINGS: [&str; 4] = ["safetensors", "bin", "pth", "whl"];

pub(super) fn routes() -> Vec<Route> {
    let most = usize::try_from(MODEL_BYTES).unwrap_or(usize::MAX);
    vec![
        change(
            (Method::POST, "model.pull"),
            "/api/models/{name}/pull",
            "Fetch a model of the catalogue over the network; a job does it",
            Role::Administrator,
            pull,
        ),
        change(
            (Method::POST, "model.import"),
            "/api/models/{name}/files",
            "Install a model from its files: config.json, preprocessor_config.json, tokenizer.json (of CLIP) and \
             model.safetensors or pytorch_model.bin, or one weight file; a job does it",
            Role::Administrator,
            import,
        )
        .takes(most, MODEL_TIME),
        change(
            (Method::POST, "model.check"),
            "/api/models/{name}/check",
            "Compare the precisions of a model on photos; a job does it",
            Role::Engineer,
            check,
        ),
        change(
            (Method::POST, "model.verify"),
            "/api/models/{name}/verify",
            "Read all files of a model again and check their sha256; a job does it",
            Role::Engineer,
            verify,
        ),
        change(
            (Method::DELETE, "model.remove"),
            "/api/models/{name}",
            "Remove the files of a model; collections and inspectors that it made stay, and need it again",
            Role::Administrator,
            remove,
        ),
    ]
}

#[derive(Serialize, ToSchema)]
struct RemovedModel {
    /// The name.
    removed: String,
}

async fn pull(
    app: Arc<App>,
    caller: Caller,
    InPath(name): InPath<String>,
) -> Result<Accepted<JobView>, ApiError> {
    if find_in_catalogue(&name).is_none() {
        let message = format!("the catalogue has no model {name:?}");
        return Err(ApiError::not_found(message)
            .because(Problem::from(Kind::ModelUnknown).with("name", name)));
    }
    let job =
        app.quick(move |app| app.queue("pull", &json!(PullParameters { name }), &caller.name));
    Ok(Accepted(job.await?))
}

async fn import(
    app: Arc<App>,
    caller: Caller,
    InPath(name): InPath<String>,
    mut parts: Parts,
) -> Result<Accepted<JobView>, ApiError> {
    let _turn = app.turns.large.begin().await?;
    // Before some gigabytes are sent for nothing.
    let asked = name.clone();
    app.quick(move |app| name_is_free(app, &asked)).await?;
    let incoming = Incoming::make(&app)?;
    let files = receive(&incoming.path, &mut parts).await?;
    let parameters = ImportParameters {
        name,
        source: format!("sent by {}: {}", caller.name, files.join(", ")),
        folder: incoming.name.clone(),
    };
    let job = app.quick(move |app| app.queue("import", &json!(parameters), &caller.name));
    let job = job.await?;
    incoming.keep();
    Ok(Accepted(job))
}

/// Whether a model may have the name; a damaged model is to be removed first, and one that waits comes before.
fn name_is_free(app: &App, name: &str) -> Result<(), ApiError> {
    let waits = app.home.open_jobs()?.into_iter().any(|job| {
        job.kind == "import"
            && job
                .parameters
                .get("name")
                .is_some_and(|other| other == name)
    });
    let taken = || {
        ApiError::conflict(format!("{name} is there already"))
            .help("remove it first, or give the model another name")
            .because(Problem::from(Kind::ModelInstalled).with("name", name))
    };
    match app.models().check_free(name) {
        Ok(()) if waits => Err(taken()),
        Ok(()) => Ok(()),
        Err(ModelError::AlreadyInstalled { .. }) => Err(taken()),
        Err(error @ ModelError::BadName { .. }) => {
            Err(ApiError::bad(error.to_string()).because_of(&error))
        }
        Err(error) => Err(error.into()),
    }
}

/// What a file that is sent is called here: nothing of a client's becomes part of a path.
fn own_name(file: &str) -> Result<&'static str, ApiError> {
    if let Some(name) = NAMES.iter().find(|name| **name == file) {
        return Ok(name);
    }
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ENDINGS
        .iter()
        .position(|known| ending.eq_ignore_ascii_case(known))
    {
        Some(0) => Ok("weights.safetensors"),
        Some(1) => Ok("weights.bin"),
        Some(2) => Ok("weights.pth"),
        Some(_) => Ok("weights.whl"),
        None => Err(ApiError::new(
            axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Kind::NotAModel,
            format!("{file:?} is no file of a model"),
        )
        .help(format!(
            "send {}, or one file that ends in {}",
            NAMES.join(", "),
            ENDINGS.join(", ")
        ))
        .because(Problem::from(Kind::NotAModel).with("file", file))),
    }
}

/// Writes what is sent into a folder; gives what the files were called.
async fn receive(folder: &Path, parts: &mut Parts) -> Result<Vec<String>, ApiError> {
    let mut called: Vec<(PathBuf, String)> = Vec::new();
    loop {
        let to = |field: &str, file: &str| {
            if field != "file" || called.len() >= MOST_FILES {
                return Err(ApiError::bad(format!(
                    "a model comes as up to {MOST_FILES} parts named file"
                )));
            }
            let own = own_name(file)?;
            let path = folder.join(own);
            if called.iter().any(|(known, _)| *known == path) {
                return Err(ApiError::bad(format!("{own} comes twice")));
            }
            called.push((path.clone(), file.to_owned()));
            Ok(path)
        };
        if parts.save_next(to).await?.is_none() {
            break;
        }
    }
    match called.is_empty() {
        false => Ok(called.into_iter().map(|(_, file)| file).collect()),
        true => Err(ApiError::bad("there are no files")
            .help("send the files of a model as parts named file")
            .because(Kind::NoModelFiles)),
    }
}

async fn check(
    app: Arc<App>,
    caller: Caller,
    InPath(name): InPath<String>,
    JsonBody(mut parameters): JsonBody<CheckParameters>,
) -> Result<Accepted<JobView>, ApiError> {
    parameters.name = name;
    let job = app.quick(move |app| {
        app.models().open(&parameters.name)?;
        parameters.check(app)?;
        app.queue("check-model", &json!(parameters), &caller.name)
    });
    Ok(Accepted(job.await?))
}

async fn verify(
    app: Arc<App>,
    caller: Caller,
    InPath(name): InPath<String>,
) -> Result<Accepted<JobView>, ApiError> {
    let job = app.quick(move |app| {
        // Only names that are in the list lead anywhere.
        if !app
            .models()
            .list()?
            .iter()
            .any(|status| status.name == name)
        {
            return Err(unknown(name));
        }
        app.queue(
            "verify-model",
            &json!(VerifyParameters { name }),
            &caller.name,
        )
    });
    Ok(Accepted(job.await?))
}

fn unknown(name: String) -> ApiError {
    ApiError::not_found(format!("no model {name:?}"))
        .because(Problem::from(Kind::ModelUnknown).with("name", name))
}

async fn remove(
    app: Arc<App>,
    InPath(name): InPath<String>,
) -> Result<Json<RemovedModel>, ApiError> {
    let removed = app.quick(move |app| {
        let cache = app.models();
        // Only names that are in the list lead anywhere.
        if !cache.list()?.iter().any(|status| status.name == name) {
            return Err(unknown(name));
        }
        cache.remove(&name, &Watch::silent())?;
        app.forget_encoders(&name);
        Ok(RemovedModel { removed: name })
    });
    Ok(Json(removed.await?))
}

#[cfg(test)]
mod tests {
    use super::own_name;

    #[test]
    fn files_get_names_of_ours() {
        let table = [
            ("config.json", Some("config.json")),
            ("model.safetensors", Some("model.safetensors")),
            ("efficientnet-lite0-57934424.pth", Some("weights.pth")),
            ("timm-1.0.whl", Some("weights.whl")),
            ("../../etc/x.bin", Some("weights.bin")),
            ("vocab.json", None),
            ("evil.sh", None),
            ("", None),
            ("bin", None),
        ];
        let mut wrong = Vec::new();
        for (file, expected) in table {
            let own = own_name(file).ok();
            if own != expected {
                wrong.push(format!("{file:?}: {own:?}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
