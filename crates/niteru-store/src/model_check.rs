//! What each precision of a model costs in accuracy and brings in speed, on one's own photos.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;

use niteru_encoder::{
    EmbedError, EmbedOptions, LEAST_COSINE, LoadError, ModelCache, ModelError, PrecisionChoice,
    PrecisionReport, check_precisions,
};
use niteru_inspect::{Exactly, Skipped};
use niteru_kernels::{Kernels, Precision};
use serde::Serialize;
use utoipa::ToSchema;

/// How the precisions of a model compare.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelCheck {
    /// The model.
    pub model: String,
    /// The instruction set that it was computed with.
    pub kernels: &'static str,
    /// Photos that were compared.
    pub images: usize,
    /// The precisions, `f32` first.
    pub precisions: Vec<CheckedPrecision>,
    /// What is taken on this computer where none is asked for.
    pub auto: &'static str,
    /// The least cosine that is accepted then.
    pub least_cosine: f64,
    /// Photos that could not be used.
    pub skipped: Vec<Skipped>,
}

/// A precision beside `f32`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CheckedPrecision {
    /// `f32`, `bf16` or `int8`.
    pub precision: &'static str,
    /// Mean cosine with the embedding in `f32`.
    pub mean_cosine: f64,
    /// The smallest.
    pub worst_cosine: f64,
    /// The photo that has it.
    pub worst: Option<String>,
    /// From files to embeddings.
    pub images_per_second: f64,
}

/// Why a model could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum ModelCheckError {
    /// The model is not there, or damaged.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Of all photos none can be read.
    #[error("none of the photos can be used")]
    NoPhotos,
}

/// Compares every precision of a model with `f32` on photos, and lets the automatic choice know.
///
/// `on_photo` is called for each photo in each precision, with what is wrong with it the first time; when it
/// breaks off, what is done is told and nothing is kept.
///
/// # Errors
/// [`ModelCheckError`].
pub fn check_model(
    cache: &ModelCache,
    name: &str,
    kernels: Kernels,
    photos: &[PathBuf],
    threads: Option<NonZeroUsize>,
    on_photo: &mut dyn FnMut(Option<&EmbedError>) -> ControlFlow<()>,
) -> Result<ModelCheck, ModelCheckError> {
    let files = cache.open(name)?;
    let options = EmbedOptions {
        threads,
        ..EmbedOptions::default()
    };
    let mut skipped = Vec::new();
    let reports = check_precisions(&files, kernels, photos, &options, &mut |_, photo, error| {
        let flow = on_photo(error.as_ref());
        skipped.extend(error.map(|error| Skipped {
            path: photo.to_path_buf(),
            reason: error.to_string(),
            exactly: Exactly::of_cause(&error),
        }));
        flow
    })?;
    // Those that fail do so in the first precision and are not tried again.
    let images = photos.len().saturating_sub(skipped.len());
    if images == 0 {
        return Err(ModelCheckError::NoPhotos);
    }
    Ok(ModelCheck {
        model: name.to_owned(),
        kernels: kernels.name(),
        images,
        precisions: reports.into_iter().map(CheckedPrecision::from).collect(),
        auto: PrecisionChoice::Auto.resolve(&files, kernels)?.name(),
        least_cosine: LEAST_COSINE,
        skipped,
    })
}

impl ModelCheck {
    /// Passes that a check makes over its photos.
    pub const PASSES: usize = Precision::ALL.len();
}

impl From<PrecisionReport> for CheckedPrecision {
    fn from(report: PrecisionReport) -> CheckedPrecision {
        let worst = report.worst.as_deref();
        CheckedPrecision {
            precision: report.precision.name(),
            mean_cosine: report.mean_cosine,
            worst_cosine: report.worst_cosine,
            worst: worst.map(|path| path.to_string_lossy().into_owned()),
            images_per_second: report.images_per_second,
        }
    }
}
