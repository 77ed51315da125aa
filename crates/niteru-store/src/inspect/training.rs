//! Training an inspector and keeping it, with what is told about it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use niteru_encoder::Encoder;
use niteru_imaging::Limits;
use niteru_inspect::{
    Duplicate, EvaluateError, Inspector, InspectorError, OnStep, Quality, Skipped, Suspicious,
    TrainError, TrainOptions, TrainStep, Trained, Trust, evaluate_bad, train,
};
use niteru_learn::Promise;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::inspectors::{NewInspector, StoredInspector};
use super::quality::NotedPhotos;
use super::review::AppliedReviews;
use crate::{EncoderIdentity, Home, StoreError};

/// What is trained, from which files.
#[derive(Debug, Clone)]
pub struct Training {
    /// The inspector's name.
    pub name: String,
    /// Photos of good parts, absolute.
    pub good: Vec<PathBuf>,
    /// Photos of bad parts, absolute: they say how many would be missed, and from three on it learns from them.
    pub bad: Vec<PathBuf>,
    /// Whether what people said in reviews joins the photos.
    pub with_reviews: bool,
    /// How.
    pub options: TrainOptions,
}

/// What came out of a training.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TrainReport {
    /// The inspector.
    pub inspector: String,
    /// Its version.
    pub version: u32,
    /// Name of its model.
    pub model: String,
    /// Good photos that it learnt from.
    pub good: usize,
    /// How far to trust it.
    pub trust: Trust,
    /// What its threshold holds.
    #[serde(flatten)]
    pub promise: Promise,
    /// Patches in its memory.
    pub patches: usize,
    /// Bytes of its memory, about.
    pub memory_bytes: usize,
    /// Its length.
    pub bytes: usize,
    /// Good photos to look at before it is used, the worst first.
    pub suspicious: Vec<Suspicious>,
    /// The threshold that there would be without the suspicious ones, where one of them decides: then what is less
    /// unusual than that one passes. `null` where they do not decide.
    pub threshold_without: Option<f64>,
    /// Good photos that it did not learn from, as they are like none of the others.
    pub left_out: Vec<Suspicious>,
    /// Good photos that were not read: so many that all together do not fit into memory.
    pub not_needed: usize,
    /// Good photos that are copies of others: each content was learnt from once.
    pub duplicates: Vec<Duplicate>,
    /// Good photos of another shape than the area, so that it was stretched over them.
    pub stretched: usize,
    /// Good photos that it learnt from what belongs where: those of the shape that most have; 0 where that is not
    /// known.
    pub placed: usize,
    /// Good photos that were to be aligned and of which it is not certain how they lie: they were learnt as they lie.
    pub unaligned: usize,
    /// Scores of the good photos that were held out, in rising order; of one photo alone, of its variants.
    #[serde(skip)]
    pub good_scores: Vec<f64>,
    /// Bad photos that it learnt from; 0 where they, or the good ones, are too few for that.
    pub bad_learnt: usize,
    /// What it says of the bad photos, each judged as if it had not been learnt from; only where there were some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bad: Option<Quality>,
    /// What became of the photos that people have judged in reviews; `null` where these were not asked for.
    pub reviews: Option<AppliedReviews>,
    /// Files that were left out.
    pub skipped: Vec<Skipped>,
}

/// Why nothing was trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// A photo is called good and bad.
    #[error(
        "{} is among the good photos and among the bad ones; the folder of the good ones must not be \
         around that of the bad ones",
        path.display()
    )]
    GoodAndBad {
        /// The photo.
        path: PathBuf,
    },
    /// Nothing could be learnt.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The bad photos could not be judged.
    #[error("the bad photos cannot be judged")]
    Evaluate(#[from] EvaluateError),
    /// The inspector cannot be written.
    #[error(transparent)]
    Inspector(#[from] InspectorError),
    /// The home.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Home {
    /// Trains the next version of an inspector, and keeps it. Whether it can be kept is looked at first, as training
    /// may take minutes.
    ///
    /// # Errors
    /// [`TrainingError`]; [`TrainError::Stopped`] when `on_step` stops it.
    pub fn train_inspector(
        &self,
        encoder: &Encoder,
        training: &Training,
        on_step: OnStep<'_>,
    ) -> Result<TrainReport, TrainingError> {
        self.check_trainable(&training.name)?;
        let (mut good, mut bad) = (training.good.clone(), training.bad.clone());
        let reviews = match training.with_reviews {
            true => Some(self.apply_reviews(&training.name, &mut good, &mut bad)?),
            false => None,
        };
        if let Some(both) = good.iter().find(|path| bad.contains(path)) {
            return Err(TrainingError::GoodAndBad { path: both.clone() });
        }
        let options = TrainOptions {
            bad: bad.clone(),
            ..training.options.clone()
        };
        let trained = train(encoder, &good, &options, on_step)?;
        let quality = match bad.is_empty() {
            true => None,
            false => Some(judged(&trained.inspector, &bad, &options.limits, on_step)?),
        };
        let bytes = trained.inspector.to_bytes()?;
        let stored = self.keep(encoder, training, &trained, (&bytes, quality.as_ref()))?;
        let promise = *trained.inspector.promise();
        let suspicious = trained.suspicious.len();
        let threshold_without =
            (trained.inspector).threshold_without(suspicious, options.false_alarm);
        Ok(TrainReport {
            trust: trust(&trained.inspector, threshold_without),
            good_scores: trained.inspector.good_scores().to_vec(),
            inspector: stored.name,
            version: stored.version,
            model: stored.model,
            good: trained.inspector.good().len(),
            promise,
            patches: trained.patches,
            memory_bytes: trained.memory_bytes,
            bytes: bytes.len(),
            suspicious: trained.suspicious,
            threshold_without,
            left_out: trained.left_out,
            not_needed: trained.not_needed,
            duplicates: trained.duplicates,
            stretched: trained.stretched,
            placed: trained.placed,
            unaligned: trained.unaligned,
            bad_learnt: trained.inspector.known_bad(),
            bad: quality,
            reviews,
            skipped: trained.skipped,
        })
    }

    fn keep(
        &self,
        encoder: &Encoder,
        training: &Training,
        trained: &Trained<'_>,
        (bytes, quality): (&[u8], Option<&Quality>),
    ) -> Result<StoredInspector, StoreError> {
        let own = EncoderIdentity::from(encoder);
        let options = &training.options;
        let settings = json!({
            "precision": own.precision,
            "exact_decode": own.exact_decode,
            "framing": own.framing,
            "false_alarm": options.false_alarm,
            "tiles": options.tiles,
            "area": options.area.is_some(),
            "align": options.align,
            "seed": options.seed,
        });
        let photos = NotedPhotos::of(trained, quality);
        let summary = json!({
            "good": trained.inspector.good().len(),
            "promise": trained.inspector.promise(),
            "patches": trained.patches,
            "memory_bytes": trained.memory_bytes,
            "suspicious": trained.suspicious.len(),
            "left_out": trained.left_out.len(),
            "duplicates": trained.duplicates.len(),
            "bad_learnt": trained.inspector.known_bad(),
            "bad": photos.summary(),
            "photos": photos,
        });
        self.save_inspector(
            &training.name,
            &NewInspector {
                model: &own.model,
                fingerprint: &own.fingerprint,
                settings: &settings,
                summary: &summary,
                bytes,
            },
        )
    }
}

/// How far to trust an inspector; a threshold without suspicious photos is there where one of them decides.
pub(super) fn trust(inspector: &Inspector<'_>, threshold_without: Option<f64>) -> Trust {
    let trust = Trust::of(inspector.good().len(), inspector.promise());
    match threshold_without {
        Some(_) => trust.decided_by_suspicious(),
        None => trust,
    }
}

/// What the inspector says of the bad photos.
fn judged(
    inspector: &Inspector<'_>,
    bad: &[PathBuf],
    limits: &Limits,
    on_step: OnStep<'_>,
) -> Result<Quality, TrainingError> {
    let (done, total) = (AtomicUsize::new(0), bad.len());
    let each = || {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        on_step(TrainStep::Judging { done, total })
    };
    evaluate_bad(inspector, bad, limits, &each).map_err(|error| match error {
        EvaluateError::Stopped => TrainError::Stopped.into(),
        error => error.into(),
    })
}

impl StoredInspector {
    /// The encoder that it was trained with, as its settings have it.
    pub fn identity(&self) -> EncoderIdentity {
        let text = |field: &str, default: &str| {
            let value = self.settings.get(field).and_then(Value::as_str);
            value.unwrap_or(default).to_string()
        };
        EncoderIdentity {
            model: self.model.clone(),
            fingerprint: self.fingerprint.clone(),
            dimensions: 0,
            precision: text("precision", "f32"),
            exact_decode: self.settings.get("exact_decode") == Some(&Value::Bool(true)),
            framing: text("framing", "centre"),
        }
    }
}
