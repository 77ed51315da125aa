//! How well an inspector tells good from bad, and how well a collection finds what belongs together.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use niteru_store::below::encoder::Framing;
use niteru_store::below::index::Condition;
use niteru_store::below::inspect::{Inspector, Known, evaluate};
use niteru_store::{Evaluation, FileEncoder, FramingReport, FramingsReport, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::handle::{Handle, JobError};
use super::train::{Photos, no_upload};
use crate::app::App;
use crate::error::ApiError;
use crate::problem::Kind;

pub(super) const INSPECTOR: &str = "evaluate";
pub(super) const COLLECTION: &str = "evaluate-collection";

/// What an inspector is tried with.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct EvaluateParameters {
    /// The inspector, as the path has it.
    #[serde(default)]
    #[schema(ignore)]
    pub(crate) name: String,
    /// Another version than the newest.
    #[serde(default)]
    pub(crate) version: Option<u32>,
    /// Photos of good parts that it was not trained with.
    pub(crate) good: Photos,
    /// Photos of bad parts.
    pub(crate) bad: Photos,
    /// Masks of bad photos, white where the defect is: sha256 of an uploaded photo → sha256 of an uploaded mask.
    #[serde(default)]
    pub(crate) masks: BTreeMap<String, String>,
}

/// What a collection is tried with.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct EvaluateCollectionParameters {
    /// The collection, as the path has it.
    #[serde(default)]
    #[schema(ignore)]
    pub(crate) collection: String,
    /// The field whose value images that belong together share.
    pub(crate) label: String,
    /// A condition on the metadata of the images.
    #[serde(default)]
    pub(crate) filter: Option<String>,
    /// Embed the images anew with each framing, and recommend the best; nothing is stored.
    #[serde(default)]
    pub(crate) framings: bool,
}

impl EvaluateParameters {
    /// Looks whether what it names is there, before it waits for its turn.
    pub(crate) fn check(&self, app: &App) -> Result<(), ApiError> {
        app.home.inspector(&self.name, self.version)?;
        let known = self.known(app)?;
        match (known.iter().any(|k| k.good), known.iter().any(|k| !k.good)) {
            (true, true) => Ok(()),
            _ => Err(ApiError::bad("an evaluation needs good and bad photos")
                .because(Kind::NeedsGoodAndBad)),
        }
    }

    fn known(&self, app: &App) -> Result<Vec<Known>, ApiError> {
        let mut masks: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
        for (photo, mask) in &self.masks {
            let file = |sha256| app.home.upload(sha256)?.ok_or_else(|| no_upload(sha256));
            masks.insert(file(photo)?, file(mask)?);
        }
        let good = self.good.files(app)?.into_iter().map(|path| (path, true));
        let bad = self.bad.files(app)?.into_iter().map(|path| (path, false));
        Ok(good
            .chain(bad)
            .map(|(path, good)| Known {
                mask: masks.get(&path).filter(|_| !good).cloned(),
                path,
                good,
            })
            .collect())
    }
}

impl EvaluateCollectionParameters {
    /// Looks whether what it names is there.
    pub(crate) fn check(&self, app: &App) -> Result<(), ApiError> {
        app.home.collection(&self.collection)?;
        self.condition().map(drop)
    }

    fn condition(&self) -> Result<Option<Condition>, ApiError> {
        let parsed = self.filter.as_deref().map(Condition::parse).transpose();
        Ok(parsed.map_err(StoreError::from)?)
    }
}

pub(super) fn inspector(
    app: &Arc<App>,
    handle: &Handle<'_>,
    parameters: Value,
) -> Result<Value, JobError> {
    let parameters: EvaluateParameters = serde_json::from_value(parameters)?;
    let known = parameters.known(app)?;
    let file = app.home.inspector(&parameters.name, parameters.version)?;
    let encoder = app.encoder(&file.inspector.identity())?;
    let inspector = Inspector::from_bytes(&file.bytes, &encoder)?;
    let total = known.len() as u64;
    let counted = AtomicU64::new(0);
    let limits = app.settings.uploads.image;
    let count = || {
        let done = counted.fetch_add(1, Ordering::Relaxed) + 1;
        handle.progress(done, Some(total))
    };
    handle.go_on()?;
    let quality = evaluate(&inspector, &known, &limits, &count);
    handle.go_on()?;
    let quality = quality?;
    Ok(json!(Evaluation {
        inspector: file.inspector.name,
        version: file.inspector.version,
        quality,
    }))
}

pub(super) fn collection(
    app: &Arc<App>,
    handle: &Handle<'_>,
    parameters: Value,
) -> Result<Value, JobError> {
    let parameters: EvaluateCollectionParameters = serde_json::from_value(parameters)?;
    let condition = parameters.condition()?;
    let collection = app.home.collection(&parameters.collection)?;
    let (label, filter) = (&parameters.label, condition.as_ref());
    if !parameters.framings {
        let report = collection.evaluate_retrieval(label, filter, Some(handle.cancel()));
        handle.go_on()?;
        return Ok(json!(report?));
    }
    let own = collection.identity();
    let mut framings = Vec::new();
    for framing in Framing::ALL {
        let mut identity = own.clone();
        identity.framing = framing.to_string();
        let encoder = app.encoder(&identity)?;
        let encoder = FileEncoder {
            encoder: &encoder,
            options: Default::default(),
        };
        let mut on_image = |done: usize, total: usize| {
            // The evaluation itself looks whether it is to stop.
            let _ = handle.progress_of(&identity.framing, done as u64, Some(total as u64));
        };
        let measured = collection.evaluate_encoder(
            &encoder,
            label,
            filter,
            &mut on_image,
            Some(handle.cancel()),
        );
        handle.go_on()?;
        framings.push(FramingReport::new(framing, measured?));
    }
    FramingsReport::of(&own.framing, framings)
        .map(|report| json!(report))
        .ok_or_else(|| {
            JobError::failed(
                Kind::NothingReadable,
                "no image of the collection could be read",
            )
        })
}
