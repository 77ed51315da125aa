//! Training from good pictures.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use niteru_encoder::Encoder;
use niteru_imaging::{DecodeError, HeatError, Limits, Mask, Picture};
use niteru_learn::{Calibration, FitError, Promise, Spread};
use rayon::prelude::*;
use serde::Serialize;

use crate::features::Features;
use crate::fusion::Fusion;
use crate::inspector::{GoodPicture, Inspector, InspectorError, Learnt, heat_size};
use crate::memory::{Measured, Memory};
use crate::paths;
use crate::recipe::{Detector, detectors};
use crate::variants;
use crate::view::{TEXTURE_SIDE, View};

/// Parts that the good pictures are split into: each part is held out once.
const FOLDS: usize = 5;

/// A good picture whose score is so many robust standard deviations above the others' is suspicious.
const SUSPICIOUS: f64 = 6.0;

/// Cells of an area that are kept along a side at most: a mask of a camera's full size says no more.
const AREA_SIDE: u32 = 1024;

/// Tiles along a side at most.
pub const MOST_TILES: u32 = 8;

/// How an inspector is trained.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// Share of good parts that may be stopped, above 0 and below 1.
    pub false_alarm: f64,
    /// Confidence of what is said beyond the average, below 1.
    pub confidence: f64,
    /// Tiles along each side of a picture, 1…[`MOST_TILES`]; `None` chooses by the pictures' size.
    pub tiles: Option<u32>,
    /// What counts of each picture: any size, stretched to the picture's.
    pub area: Option<Mask>,
    /// The same pictures and the same seed give the same inspector.
    pub seed: u64,
    /// What a file may ask for before it is refused.
    pub limits: Limits,
}

impl Default for TrainOptions {
    fn default() -> TrainOptions {
        TrainOptions {
            false_alarm: 0.01,
            confidence: 0.95,
            tiles: None,
            area: None,
            seed: 0,
            limits: Limits::default(),
        }
    }
}

/// What training is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrainStep {
    /// So many of the pictures are read.
    Reading {
        /// Read so far.
        done: usize,
        /// To read.
        total: usize,
    },
    /// So many of the memories are learnt: one for each part that is held out, and the last of all.
    Learning {
        /// Learnt so far.
        done: usize,
        /// To learn.
        total: usize,
    },
}

/// Is told how far training is, and may stop it. Called from several threads.
pub type OnStep<'a> = &'a (dyn Fn(TrainStep) -> ControlFlow<()> + Sync);

/// A file that could not be used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Skipped {
    /// The file.
    #[serde(serialize_with = "paths::serialize")]
    pub path: PathBuf,
    /// Why, for people.
    pub reason: String,
}

/// A good picture that looks like none of the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suspicious {
    /// Its file.
    #[serde(serialize_with = "paths::serialize")]
    pub path: PathBuf,
    /// Its score when it was held out.
    pub score: f64,
}

/// What came out of training beside the inspector.
pub struct Trained<'e> {
    /// The inspector.
    pub inspector: Inspector<'e>,
    /// Files that were left out.
    pub skipped: Vec<Skipped>,
    /// Good pictures to look at before the inspector is used, the worst first.
    pub suspicious: Vec<Suspicious>,
    /// Patches in all memory banks.
    pub patches: usize,
    /// Bytes of the stored inspector's banks and distributions, about.
    pub memory_bytes: usize,
}

/// Why nothing could be learnt.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// No usable good picture.
    #[error(
        "no usable good picture among {given}; give at least one, and better 30 or more: {reason}"
    )]
    NoGood {
        /// How many files were given.
        given: usize,
        /// The first file's problem, or that there was none.
        reason: String,
    },
    /// The area mask leaves nothing.
    #[error("the area mask is black all over; paint white what is to be inspected")]
    EmptyArea,
    /// The false-alarm rate or the confidence is not between 0 and 1.
    #[error("{what} must be above 0 and below 1, got {value}")]
    Share {
        /// Which of them.
        what: &'static str,
        /// What was given.
        value: f64,
    },
    /// The numbers of tiles are 1 to 8.
    #[error("pictures are cut into 1 to {MOST_TILES} tiles along each side, got {0}")]
    Tiles(u32),
    /// The caller stopped it.
    #[error("training was stopped")]
    Stopped,
    /// The model gave numbers that nothing can be learnt from.
    #[error("the model's features of the good pictures cannot be learnt from")]
    Features(#[from] FitError),
    /// A heat map had a number that is not finite.
    #[error("a heat map could not be made")]
    Heat(#[from] HeatError),
    /// The inspector could not be made ready.
    #[error(transparent)]
    Inspector(#[from] InspectorError),
}

/// Trains an inspector from files of good pictures.
///
/// Scores are calibrated by cross-fitting: each picture is scored by a memory that was learnt without it.
///
/// # Errors
/// When no picture can be read, an option is out of its range, or `on_step` stops it.
pub fn train<'e>(
    encoder: &'e Encoder,
    good: &[PathBuf],
    options: &TrainOptions,
    on_step: OnStep<'_>,
) -> Result<Trained<'e>, TrainError> {
    check(options)?;
    let detectors = detectors(encoder);
    let (view, mut skipped) = look(good, options)?;
    let reader = Reader {
        encoder,
        detectors: &detectors,
        view,
        area: options.area.as_ref().map(|area| Arc::new(kept_area(area))),
        options,
    };
    let (paths, features) = reader.read(good, &mut skipped, on_step)?;
    let measured = held_out(&reader, &paths, &features, on_step)?;

    let fusion = Fusion::of(&detectors, &measured.measured);
    let scores: Vec<f64> = measured
        .measured
        .iter()
        .map(|measured| fusion.parts(&detectors, measured).score())
        .collect();
    let peaks = measured
        .measured
        .iter()
        .zip(&measured.sizes)
        .map(|(measured, &size)| {
            let heat = fusion.heat(&detectors, measured, heat_size(&view, size))?;
            Ok(f64::from(heat.data().iter().copied().fold(0.0, f32::max)))
        });
    let peaks = Calibration::new(peaks.collect::<Result<_, HeatError>>()?);
    let calibration = Calibration::new(scores.clone());
    let (Ok(peaks), Ok(calibration)) = (peaks, calibration) else {
        return Err(TrainError::Features(FitError::Empty));
    };
    let numbered: Vec<(usize, &Features)> = features.iter().enumerate().collect();
    let memory = Memory::learn(encoder.kernels(), &detectors, &numbered, options.seed)?;
    step(
        on_step,
        TrainStep::Learning {
            done: measured.folds + 1,
            total: measured.folds + 1,
        },
    )?;

    let suspicious = suspicious(&paths, &scores, measured.of_own);
    let patches = memory.banks.iter().map(crate::bank::Bank::len).sum();
    let memory_bytes = memory.bytes();
    let learnt = Learnt {
        fingerprint: encoder.fingerprint().to_string(),
        model: encoder.model().to_string(),
        view,
        area: reader.area.as_deref().cloned(),
        memory,
        fusion,
        promise: promise(&calibration, options, measured.of_own),
        calibration,
        region_threshold: region_threshold(&peaks, options),
        good: good_pictures(paths, &features),
        detectors,
    };
    Ok(Trained {
        inspector: Inspector::ready(encoder, learnt)?,
        skipped,
        suspicious,
        patches,
        memory_bytes,
    })
}

fn check(options: &TrainOptions) -> Result<(), TrainError> {
    let shares = [
        ("the false-alarm rate", options.false_alarm),
        ("the confidence", options.confidence),
    ];
    for (what, value) in shares {
        if !(value > 0.0 && value < 1.0) {
            return Err(TrainError::Share { what, value });
        }
    }
    match options.tiles {
        Some(tiles) if !(1..=MOST_TILES).contains(&tiles) => return Err(TrainError::Tiles(tiles)),
        _ => {}
    }
    match &options.area {
        Some(area) if !area.cells().contains(&true) => Err(TrainError::EmptyArea),
        _ => Ok(()),
    }
}

fn step(on_step: OnStep<'_>, step: TrainStep) -> Result<(), TrainError> {
    match on_step(step) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(TrainError::Stopped),
    }
}

/// The magnification: by the median of the shorter sides of the pictures that can be read. Where a
/// picture is larger than what single pixels are looked at in, `None` tiles become more than one.
fn look(good: &[PathBuf], options: &TrainOptions) -> Result<(View, Vec<Skipped>), TrainError> {
    let sizes: Vec<Result<u32, DecodeError>> = good
        .par_iter()
        .map(|path| {
            let bytes = Picture::read(path, &options.limits)?;
            let picture = Picture::decode_at_least(&bytes, &options.limits, 1)
                .map_err(|error| error.in_file(path))?;
            let (width, height) = picture.full_size();
            Ok(width.min(height))
        })
        .collect();
    let mut sides = Vec::new();
    let mut skipped = Vec::new();
    for (path, size) in good.iter().zip(sizes) {
        match size {
            Ok(side) => sides.push(side),
            Err(error) => skipped.push(skip(path, &error)),
        }
    }
    sides.sort_unstable();
    let Some(&usual) = sides.get(sides.len() / 2) else {
        let first = skipped.first().map(|skipped| skipped.reason.clone());
        return Err(TrainError::NoGood {
            given: good.len(),
            reason: first.unwrap_or_else(|| "the folder holds no picture".to_string()),
        });
    };
    let usual = f64::from(usual);
    let chosen = (usual / (2.0 * TEXTURE_SIDE)).round().clamp(1.0, 4.0) as u32;
    let tiles = options.tiles.unwrap_or(chosen);
    Ok((View { usual, tiles }, skipped))
}

fn skip(path: &Path, error: &DecodeError) -> Skipped {
    Skipped {
        path: path.to_path_buf(),
        reason: niteru_encoder::with_causes(error.reason()),
    }
}

/// Reads pictures for a training.
struct Reader<'a> {
    encoder: &'a Encoder,
    detectors: &'a [Detector],
    view: View,
    area: Option<Arc<Mask>>,
    options: &'a TrainOptions,
}

impl Reader<'_> {
    fn features(&self, picture: &Picture) -> Features {
        let area = self.area.as_ref();
        Features::of(self.encoder, &self.view, self.detectors, picture, area)
    }

    /// The features of all files that can be read; `skipped` are not tried again.
    fn read(
        &self,
        good: &[PathBuf],
        skipped: &mut Vec<Skipped>,
        on_step: OnStep<'_>,
    ) -> Result<(Vec<PathBuf>, Vec<Features>), TrainError> {
        let wanted: Vec<&PathBuf> = good
            .iter()
            .filter(|path| !skipped.iter().any(|skipped| skipped.path == **path))
            .collect();
        let (done, total) = (AtomicUsize::new(0), wanted.len());
        let read: Vec<Result<Features, DecodeError>> = wanted
            .par_iter()
            .map(|path| {
                let features = Picture::open(path, &self.options.limits)
                    .map(|picture| self.features(&picture));
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                step(on_step, TrainStep::Reading { done, total })?;
                Ok(features)
            })
            .collect::<Result<_, TrainError>>()?;
        let (mut paths, mut features) = (Vec::new(), Vec::new());
        for (path, read) in wanted.into_iter().zip(read) {
            match read {
                Ok(read) => {
                    paths.push(path.clone());
                    features.push(read);
                }
                Err(error) => skipped.push(skip(path, &error)),
            }
        }
        match skipped.first() {
            _ if !features.is_empty() => Ok((paths, features)),
            first => Err(TrainError::NoGood {
                given: good.len(),
                reason: first.map_or_else(String::new, |skipped| skipped.reason.clone()),
            }),
        }
    }
}

/// Good pictures measured by memories that do not hold them.
struct HeldOut {
    measured: Vec<Measured>,
    /// Of each picture.
    sizes: Vec<(u32, u32)>,
    folds: usize,
    /// Whether these are the pictures themselves, in their order, and not variants of the only one.
    of_own: bool,
}

fn held_out(
    reader: &Reader<'_>,
    paths: &[PathBuf],
    features: &[Features],
    on_step: OnStep<'_>,
) -> Result<HeldOut, TrainError> {
    let (kernels, seed) = (reader.encoder.kernels(), reader.options.seed);
    if let [only] = features {
        let memory = Memory::learn(kernels, reader.detectors, &[(0, only)], seed)?;
        let packed = memory.pack(kernels);
        step(on_step, TrainStep::Learning { done: 1, total: 2 })?;
        let picture = Picture::open(&paths[0], &reader.options.limits);
        let picture = picture.map_err(|error| TrainError::NoGood {
            given: 1,
            reason: niteru_encoder::with_causes(error.reason()),
        })?;
        let variants = variants::of(&picture);
        let measured: Vec<Measured> = variants
            .iter()
            .map(|variant| packed.measure(&reader.features(variant)))
            .collect();
        return Ok(HeldOut {
            sizes: variants.iter().map(|v| (v.width(), v.height())).collect(),
            measured,
            folds: 1,
            of_own: false,
        });
    }
    let folds = FOLDS.min(features.len());
    // Neighbours in the order of the files are held out together: photos taken one after the other, or
    // copies, must not stand in for each other.
    let fold_of = |at: usize| at * folds / features.len();
    let mut measured: Vec<Option<Measured>> = features.iter().map(|_| None).collect();
    for fold in 0..folds {
        let learnt: Vec<(usize, &Features)> = features
            .iter()
            .enumerate()
            .filter(|&(at, _)| fold_of(at) != fold)
            .collect();
        let memory = Memory::learn(kernels, reader.detectors, &learnt, seed)?;
        let packed = memory.pack(kernels);
        let held = measured.par_iter_mut().enumerate();
        held.filter(|&(at, _)| fold_of(at) == fold)
            .for_each(|(at, measured)| *measured = Some(packed.measure(&features[at])));
        let (done, total) = (fold + 1, folds + 1);
        step(on_step, TrainStep::Learning { done, total })?;
    }
    Ok(HeldOut {
        measured: measured.into_iter().flatten().collect(),
        sizes: features.iter().map(|features| features.size).collect(),
        folds,
        of_own: true,
    })
}

/// What the threshold holds. Variants of the only picture say nothing of other parts: they count as one
/// score, the largest, and promise nothing, whatever share may be stopped.
fn promise(calibration: &Calibration, options: &TrainOptions, of_own: bool) -> Promise {
    let promised = |of: &Calibration| of.promise(options.false_alarm, options.confidence);
    let largest = calibration.scores().last().copied();
    match largest.and_then(|score| Calibration::new(vec![score]).ok()) {
        Some(one) if !of_own => {
            let promise = promised(&one);
            Promise {
                expected: 1.0,
                at_most: 1.0,
                kept: false,
                more_for_average: promise.more_for_average.max(1),
                more_for_confidence: promise.more_for_confidence.max(1),
                ..promise
            }
        }
        _ => promised(calibration),
    }
}

/// Good pictures with far higher scores than the others, the worst first.
fn suspicious(paths: &[PathBuf], scores: &[f64], of_own: bool) -> Vec<Suspicious> {
    if !of_own {
        return Vec::new();
    }
    let spread = Spread::of(scores);
    let mut found: Vec<Suspicious> = paths
        .iter()
        .zip(scores)
        .filter(|&(_, &score)| spread.z(score) > SUSPICIOUS)
        .map(|(path, &score)| Suspicious {
            path: path.clone(),
            score,
        })
        .collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found
}

/// A place belongs to a region when at most the share of good pictures that may be stopped has a place
/// as hot.
fn region_threshold(peaks: &Calibration, options: &TrainOptions) -> f32 {
    let threshold = peaks
        .promise(options.false_alarm, options.confidence)
        .threshold;
    // Above 0, so that a scale can be made of it.
    (threshold as f32).max(0.1)
}

/// The area in at most [`AREA_SIDE`] cells along each side, finer than any map; as it is where nothing of it
/// would be left.
fn kept_area(area: &Mask) -> Mask {
    let small = area.for_size(area.width().min(AREA_SIDE), area.height().min(AREA_SIDE));
    match small.cells().contains(&true) {
        true => small,
        false => area.clone(),
    }
}

fn good_pictures(paths: Vec<PathBuf>, features: &[Features]) -> Vec<GoodPicture> {
    let pairs = paths.into_iter().zip(features);
    let good = pairs.map(|(path, features)| GoodPicture {
        path: paths::unicode(path),
        size: features.size,
        whole: features.whole.clone(),
    });
    good.collect()
}
