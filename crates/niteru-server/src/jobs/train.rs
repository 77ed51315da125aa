//! Training an inspector from images of collections, or from uploaded ones.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use niteru_store::below::imaging::{Mask, Picture};
use niteru_store::below::index::Condition;
use niteru_store::below::inspect::{TrainError, TrainOptions, TrainStep, WithSuspicious};
use niteru_store::{Image, StoreError, Training, TrainingError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::handle::{Handle, JobError};
use crate::api::models::EncoderWords;
use crate::app::App;
use crate::error::ApiError;
use crate::problem::Kind;
use crate::watched::leads_out;

pub(super) const KIND: &str = "train";

/// Images that are read from the home at a time.
const PAGE: usize = 500;

/// What is learnt from what.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct TrainParameters {
    /// The inspector, as the path has it.
    #[serde(default)]
    #[schema(ignore)]
    pub(crate) name: String,
    /// Photos of good parts.
    pub(crate) good: Photos,
    /// Photos of bad parts: they say how many would be missed, and from three on it learns from them.
    #[serde(default)]
    pub(crate) bad: Photos,
    /// sha256 of an uploaded picture that is white where parts are inspected.
    #[serde(default)]
    pub(crate) area: Option<String>,
    /// Share of good parts that may be stopped by mistake.
    #[serde(default = "one_percent")]
    pub(crate) false_alarm: f64,
    /// Tiles along a side, 1 to 8; left out: by the photos' size.
    #[serde(default)]
    pub(crate) tiles: Option<u32>,
    /// What becomes of photos of good parts that look like none of the others.
    #[serde(default)]
    pub(crate) suspicious: Suspicious,
    /// Also learn from what people said in reviews.
    #[serde(default)]
    pub(crate) with_reviews: bool,
    /// The model whose features are compared, and how it sees.
    #[serde(flatten)]
    pub(crate) encoder: EncoderWords,
    /// Whether photos are turned and shifted to lie as a good one does before they are compared.
    #[serde(default)]
    pub(crate) align: bool,
    /// The same photos and the same number give the same inspector.
    #[serde(default)]
    pub(crate) seed: u64,
}

/// What becomes of suspicious photos.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Suspicious {
    /// They are told, and learnt from.
    #[default]
    Keep,
    /// They are told, and not learnt from; at most a tenth of the photos.
    LeaveOut,
    /// They are told, and nothing is stored.
    Stop,
}

impl From<Suspicious> for WithSuspicious {
    fn from(suspicious: Suspicious) -> WithSuspicious {
        match suspicious {
            Suspicious::Keep => WithSuspicious::Keep,
            Suspicious::LeaveOut => WithSuspicious::LeaveOut,
            Suspicious::Stop => WithSuspicious::Stop,
        }
    }
}

/// Which photos.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct Photos {
    /// A collection.
    collection: Option<String>,
    /// A condition on the metadata of its images.
    filter: Option<String>,
    /// Only these of its images.
    ids: Option<Vec<u64>>,
    /// sha256 of uploaded images.
    uploads: Vec<String>,
}

fn one_percent() -> f64 {
    0.01
}

impl TrainParameters {
    /// Looks whether what it names is there and what comes out can be kept, before it waits for its turn.
    pub(crate) fn check(&self, app: &App) -> Result<(), ApiError> {
        app.home.check_trainable(&self.name)?;
        if self.good.files(app)?.is_empty() {
            return Err(ApiError::bad("there is no photo of a good part")
                .help("give at least one, and better 30 or more")
                .because(Kind::NoGoodPhoto));
        }
        self.bad.files(app)?;
        self.area(app)?;
        self.encoder.choice()?;
        Ok(())
    }

    fn area(&self, app: &App) -> Result<Option<Mask>, ApiError> {
        let Some(sha256) = &self.area else {
            return Ok(None);
        };
        let path = app.home.upload(sha256)?.ok_or_else(|| no_upload(sha256))?;
        let picture = Picture::open(&path, &app.settings.uploads.image);
        let picture =
            picture.map_err(|error| ApiError::bad(error.to_string()).because_of(&error))?;
        Ok(Some(Mask::from_picture(&picture)))
    }
}

pub(super) fn no_upload(sha256: &str) -> ApiError {
    let start: String = sha256.chars().take(12).collect();
    ApiError::not_found(format!("no upload {start}…"))
        .help("upload it again")
        .because(Kind::NoUpload)
}

/// The file of an image. What has become a link that leads out is read under no name: a path at which nothing is has
/// its name, so that it is told as a file that cannot be read, and costs no other.
fn file_of(app: &App, image: &Image) -> Result<PathBuf, ApiError> {
    if leads_out(&app.home, &image.path) {
        let name = image.path.file_name().unwrap_or_default();
        return Ok(app.home.uploads().join("no-file").join(name));
    }
    app.file_of(image)
}

impl Photos {
    /// Their files: uploads in the order in which they are named, as photos that follow each other may be of
    /// one part, then those of the collection in the order of their paths.
    pub(super) fn files(&self, app: &App) -> Result<Vec<PathBuf>, ApiError> {
        let (mut uploads, mut files) = (Vec::new(), Vec::new());
        for sha256 in &self.uploads {
            uploads.push(app.home.upload(sha256)?.ok_or_else(|| no_upload(sha256))?);
        }
        if let Some(name) = &self.collection {
            let collection = app.home.collection(name)?;
            let selection = match &self.filter {
                None => None,
                Some(filter) => {
                    let condition = Condition::parse(filter);
                    let condition = condition.map_err(StoreError::from)?;
                    Some(collection.select(&condition)?)
                }
            };
            let mut after = None;
            loop {
                let page = match &selection {
                    Some(selection) => collection.images_in(selection, after, PAGE)?,
                    None => collection.images(after, PAGE)?,
                };
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                for image in page.iter().filter(|image| !image.missing) {
                    if self.ids.as_ref().is_none_or(|ids| ids.contains(&image.id)) {
                        files.push(file_of(app, image)?);
                    }
                }
            }
        }
        files.sort();
        uploads.extend(files);
        let mut seen = HashSet::new();
        uploads.retain(|file| seen.insert(file.clone()));
        Ok(uploads)
    }
}

pub(super) fn run(
    app: &Arc<App>,
    handle: &Handle<'_>,
    parameters: Value,
) -> Result<Value, JobError> {
    let parameters: TrainParameters = serde_json::from_value(parameters)?;
    let training = Training {
        name: parameters.name.clone(),
        good: parameters.good.files(app)?,
        bad: parameters.bad.files(app)?,
        with_reviews: parameters.with_reviews,
        options: TrainOptions {
            false_alarm: parameters.false_alarm,
            tiles: parameters.tiles,
            area: parameters.area(app)?,
            align: parameters.align,
            suspicious: parameters.suspicious.into(),
            seed: parameters.seed,
            ..TrainOptions::default()
        },
    };
    let encoder = app.encoder_chosen(parameters.encoder.choice()?)?;
    handle.go_on()?;
    let on_step = |step: TrainStep| -> ControlFlow<()> {
        match step {
            TrainStep::Reading { done, total } => {
                handle.progress_of("reading", done as u64, Some(total as u64))
            }
            TrainStep::Learning { done, total } => {
                handle.progress_of("learning", done as u64, Some(total as u64))
            }
            TrainStep::Judging { done, total } => {
                handle.progress_of("judging", done as u64, Some(total as u64))
            }
            // They are in the report.
            TrainStep::Suspicious(_) => ControlFlow::Continue(()),
        }
    };
    match app.home.train_inspector(&encoder, &training, &on_step) {
        Ok(report) => Ok(json!(report)),
        Err(TrainingError::Train(TrainError::Stopped)) => Err(JobError::Stopped),
        Err(error) => Err(error.into()),
    }
}
