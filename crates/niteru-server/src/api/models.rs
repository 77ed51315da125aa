//! Models, and the encoders that are loaded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use niteru_store::below::encoder::{Encoder, ModelCache};
use niteru_store::below::kernels::Kernels;
use niteru_store::{EncoderChoice, EncoderIdentity, ModelSummary, Role, load_encoder};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::ApiError;
use crate::problem::{Kind, Problem};
use crate::route::{InPath, Json, Route, read};
use crate::shelf::Shelf;

/// Encoders that are kept loaded: some 100 to 600 MB each.
const LOADED: usize = 2;

/// Choices whose encoder is known; one that is not is found out by loading it.
const CHOICES: usize = 64;

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/models",
            "The models that there are, installed or not",
            Role::Viewer,
            list,
        ),
        read("/api/models/{name}", "A model", Role::Viewer, one),
    ]
}

#[derive(Serialize, ToSchema)]
struct Models {
    models: Vec<ModelSummary>,
}

async fn list(app: Arc<App>) -> Result<Json<Models>, ApiError> {
    let models = app
        .quick(|app| {
            let cache = app.models();
            let all = cache.list()?;
            Ok(all
                .iter()
                .map(|status| ModelSummary::new(&cache, status))
                .collect())
        })
        .await?;
    Ok(Json(Models { models }))
}

async fn one(app: Arc<App>, InPath(name): InPath<String>) -> Result<Json<ModelSummary>, ApiError> {
    let model = app
        .quick(move |app| {
            let cache = app.models();
            // Only names that are in the list lead anywhere.
            let all = cache.list()?;
            let found = all.iter().find(|status| status.name == name);
            let found = found.map(|status| ModelSummary::new(&cache, status));
            found.ok_or_else(|| {
                ApiError::not_found(format!("no model {name:?}"))
                    .because(Problem::from(Kind::ModelUnknown).with("name", name))
            })
        })
        .await?;
    Ok(Json(model))
}

/// What an encoder is known by: model, precision, how files are read.
type Key = (String, String, bool, String);

/// The encoders that were used last, and what was chosen with which.
pub(crate) struct Encoders {
    loaded: Shelf<Key, Encoder>,
    choices: Shelf<EncoderChoice, Key>,
    /// How often one was let go of because its model is about to change.
    forgotten: AtomicU64,
}

impl Default for Encoders {
    fn default() -> Encoders {
        Encoders {
            loaded: Shelf::new(LOADED),
            choices: Shelf::new(CHOICES),
            forgotten: AtomicU64::new(0),
        }
    }
}

impl App {
    pub(crate) fn models(&self) -> ModelCache {
        ModelCache::new(self.home.models())
    }

    /// Where the files of models lie that are being sent.
    pub(crate) fn incoming(&self) -> std::path::PathBuf {
        self.home.directory().join("incoming")
    }

    /// Lets go of a model that is about to be another, or none.
    pub(crate) fn forget_encoders(&self, model: &str) {
        let encoders = &self.encoders;
        encoders.forgotten.fetch_add(1, Ordering::SeqCst);
        // What is being chosen may become any model.
        encoders
            .choices
            .retain(|_, key| key.is_some_and(|(known, ..)| known != model));
        encoders.loaded.retain(|(known, ..), _| known != model);
    }

    /// The encoder that made embeddings, loaded if it is not yet. Who asks for another does not wait for it.
    pub(crate) fn encoder(&self, own: &EncoderIdentity) -> Result<Arc<Encoder>, ApiError> {
        let key = (
            own.model.clone(),
            own.precision.clone(),
            own.exact_decode,
            own.framing.clone(),
        );
        let load = || self.load(Some(own), &EncoderChoice::default());
        self.encoders.loaded.get_or_make(&key, load)
    }

    /// The encoder of a model by its name, in the precision that is best on this computer; of the usual
    /// model, where none is named.
    pub(crate) fn encoder_named(&self, model: Option<String>) -> Result<Arc<Encoder>, ApiError> {
        self.encoder_chosen(EncoderChoice {
            model,
            ..EncoderChoice::default()
        })
    }

    /// The encoder that was chosen.
    pub(crate) fn encoder_chosen(&self, choice: EncoderChoice) -> Result<Arc<Encoder>, ApiError> {
        let encoders = &self.encoders;
        if let Some(key) = encoders.choices.get(&choice) {
            match encoders.loaded.get(&key) {
                Some(encoder) => return Ok(encoder),
                // The precision that is best may be another by now.
                None => encoders
                    .choices
                    .retain(|known, was| *known != choice || was != Some(&*key)),
            }
        }
        // Only a loaded encoder tells what was chosen.
        let mut loaded = None;
        let key = encoders.choices.get_or_make(&choice, || {
            let before = encoders.forgotten.load(Ordering::SeqCst);
            let encoder = self.load(None, &choice)?;
            let own = EncoderIdentity::from(&*encoder);
            let key = (own.model, own.precision, own.exact_decode, own.framing);
            let still = || encoders.forgotten.load(Ordering::SeqCst) == before;
            encoders.loaded.keep(&key, &encoder, still);
            loaded = Some(encoder);
            Ok::<_, ApiError>(Arc::new(key))
        })?;
        match loaded.or_else(|| encoders.loaded.get(&key)) {
            Some(encoder) => Ok(encoder),
            // It was let go of already.
            None => self.load(None, &choice),
        }
    }

    fn load(
        &self,
        own: Option<&EncoderIdentity>,
        choice: &EncoderChoice,
    ) -> Result<Arc<Encoder>, ApiError> {
        let kernels = Kernels::from_env().map_err(|error| ApiError::internal(error.to_string()))?;
        let encoder = load_encoder(&self.models(), own, choice, kernels)?;
        Ok(Arc::new(encoder))
    }
}
