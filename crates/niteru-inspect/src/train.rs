//! Training from good pictures.

mod held_out;
mod mirror;
mod options;
mod read;
mod suspicious;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use niteru_encoder::Encoder;
use niteru_imaging::{HeatError, Mask};
use niteru_learn::{Calibration, FitError};

use self::held_out::held_out;
pub(crate) use self::held_out::promise;
pub use self::options::{
    Duplicate, MOST_TILES, OnStep, Skipped, Suspicious, TrainError, TrainOptions, TrainStep,
    Trained, WithSuspicious,
};
use self::read::{Looked, Reader, look};
use self::suspicious::{Found, only_kept};
use crate::difference::{Cells, Differences};
use crate::features::Features;
use crate::fusion::{Fusion, ObjectSpread};
use crate::inspector::{GoodPicture, Inspector, Learnt, heat_size};
use crate::known_bad::{self, KnownBad, Traits};
use crate::memory::{Measured, Memory};
use crate::paths;
use crate::place::{Shape, of_shape};
use crate::recipe::{Detector, SOME, detectors, placing};
use crate::reference::Reference;

/// Cells of an area that are kept along a side at most: a mask of a camera's full size says no more.
const AREA_SIDE: u32 = 1024;

/// Good pictures whose scores are told one by one.
const HIGHEST: usize = 60;

/// Trains an inspector from files of good pictures.
///
/// Scores are calibrated by cross-fitting: each picture is scored by a memory that was learnt without it. Of files
/// with the same contents the first is used.
///
/// # Errors
/// When no picture can be read, one is good and bad, an option is out of its range, suspicious pictures are to stop it
/// or are too many to be left out, or `on_step` stops it.
pub fn train<'e>(
    encoder: &'e Encoder,
    good: &[PathBuf],
    options: &TrainOptions,
    on_step: OnStep<'_>,
) -> Result<Trained<'e>, TrainError> {
    check(options)?;
    let Looked {
        mut view,
        good,
        bad,
        mut skipped,
        mut duplicates,
        stretched,
        typical,
    } = look(good, options)?;
    let reference = match (options.align, &options.area) {
        (true, None) => Reference::choose(&good, &options.limits),
        (true, Some(_)) => Reference::first(&good, &options.limits),
        (false, _) => None,
    };
    if let Some(Reference { size, .. }) = reference {
        view.usual = f64::from(size.0.min(size.1));
    }
    let detectors = detectors(encoder, good.len().saturating_sub(skipped.len()));
    let reader = Reader {
        encoder,
        detectors: &detectors,
        view,
        typical,
        reference: reference
            .as_ref()
            .and_then(|r| Some((r.picture()?, r.size))),
        area: options.area.as_ref().map(|area| Arc::new(kept_area(area))),
        bad,
        options,
    };
    let fitting = reader.fitting(&good, &skipped);
    let not_needed = good.len().saturating_sub(skipped.len() + fitting.len());
    let told = (&mut skipped, &mut duplicates);
    let (mut paths, mut features) = reader.read(&fitting, told, on_step)?;
    mirror::add(&reader, &paths, &mut features);
    let mut known = Calibrated::of(&reader, &paths, &features, on_step)?;
    let mut suspicious = known.suspicious(&paths, on_step)?;
    let mut left_out = Vec::new();
    if let Some(kept) = suspicious.kept(paths.len(), options.suspicious)? {
        paths = only_kept(paths, &kept);
        features = only_kept(features, &kept);
        left_out = suspicious.pictures;
        known = Calibrated::of(&reader, &paths, &features, on_step)?;
        suspicious = known.suspicious(&paths, on_step)?;
    }
    known.tell_others_apart(&detectors, &suspicious);
    let numbered: Vec<(usize, &Features)> = features.iter().enumerate().collect();
    let (kernels, seed) = (encoder.kernels(), options.seed);
    let memory = Memory::learn(kernels, &detectors, &numbered, known.shape, seed)?;
    let known_bad = known_bad(&reader, &memory, &mut known, on_step)?;
    step(
        on_step,
        TrainStep::Learning {
            done: known.folds + 1,
            total: known.folds + 1,
        },
    )?;

    let placed = placing(&detectors).zip(known.shape);
    let placed = placed.filter(|_| memory.place.is_some());
    let placed = placed.map_or(0, |(at, shape)| of_shape(&features, at, shape));
    let lies_as_it_lay = |features: &&Features| features.lay.is_none();
    let unaligned = match reference {
        Some(_) => features.iter().filter(lies_as_it_lay).count(),
        None => 0,
    };
    let highest = known.highest(&paths);
    let patches = memory.banks.iter().map(crate::bank::Bank::len).sum();
    let memory_bytes = memory.bytes();
    let learnt = Learnt {
        fingerprint: encoder.fingerprint().to_string(),
        model: encoder.model().to_string(),
        view,
        area: reader.area.as_deref().cloned(),
        memory,
        fusion: known.fusion,
        promise: promise(&known.calibration, options, known.of_own),
        calibration: known.calibration,
        region_threshold: region_threshold(&known.peaks, options),
        good: good_pictures(paths, &features),
        differences: known.differences,
        reference,
        known_bad,
        told_of: Cells::Most,
        object: known.object,
        good_pixels: features
            .iter()
            .filter_map(|features| features.pixels)
            .collect(),
        detectors,
    };
    Ok(Trained {
        inspector: Inspector::ready(encoder, learnt)?,
        skipped,
        suspicious: suspicious.pictures,
        left_out,
        highest,
        not_needed,
        duplicates,
        stretched,
        placed,
        unaligned,
        patches,
        memory_bytes,
    })
}

/// What the bad pictures look like to the final memory; `None` where they, or the good ones, are too few. What
/// resemblance to them adds to pictures is added to the held-out good ones.
fn known_bad(
    reader: &Reader<'_>,
    memory: &Memory,
    known: &mut Calibrated,
    on_step: OnStep<'_>,
) -> Result<Option<KnownBad>, TrainError> {
    let detectors = reader.detectors;
    if reader.bad.len() < known_bad::FEWEST || known.traits.len() < SOME {
        return Ok(None);
    }
    let packed = memory.pack(reader.encoder.kernels());
    let traits = |features: Features| {
        Traits::of(detectors, &features, &packed.measure(detectors, &features))
    };
    // Who judges the bad pictures afterwards is told which cannot be read.
    let (_, bad) = reader.read_any(&reader.bad, &mut Vec::new(), on_step, traits)?;
    let bad: Vec<Traits> = bad.into_iter().flatten().collect();
    let Some((learnt, adds)) = KnownBad::learn(&known.traits, &bad) else {
        return Ok(None);
    };
    known.add(&adds)?;
    Ok(Some(learnt))
}

/// What the good pictures that were held out say.
struct Calibrated {
    fusion: Fusion,
    /// In the order of the pictures.
    scores: Vec<f64>,
    calibration: Calibration,
    /// Of the hottest place of each.
    peaks: Calibration,
    differences: Option<Differences>,
    object: Option<ObjectSpread>,
    measured: Vec<Measured>,
    /// What is compared with bad pictures, in the order of the pictures; of variants of the only one nothing.
    traits: Vec<Option<Traits>>,
    folds: usize,
    /// As in [`HeldOut`](held_out::HeldOut).
    of_own: bool,
    /// Likewise.
    shape: Option<Shape>,
}

impl Calibrated {
    fn of(
        reader: &Reader<'_>,
        paths: &[PathBuf],
        features: &[Features],
        on_step: OnStep<'_>,
    ) -> Result<Calibrated, TrainError> {
        let detectors = reader.detectors;
        let held_out = held_out(reader, paths, features, on_step)?;
        let fusion = Fusion::of(detectors, &held_out.measured);
        let scores: Vec<f64> = held_out
            .measured
            .iter()
            .map(|measured| fusion.parts(detectors, measured).score())
            .collect();
        let peaks = held_out
            .measured
            .iter()
            .zip(&held_out.sizes)
            .map(|(measured, &size)| {
                let heat = fusion.heat(detectors, measured, heat_size(&reader.view, size))?;
                Ok(f64::from(heat.data().iter().copied().fold(0.0, f32::max)))
            });
        let peaks = Calibration::new(peaks.collect::<Result<_, HeatError>>()?);
        let calibration = Calibration::new(scores.clone());
        let (Ok(peaks), Ok(calibration)) = (peaks, calibration) else {
            return Err(TrainError::Features(FitError::Empty));
        };
        let traits = held_out.measured.iter().zip(features);
        let traits = traits.map(|(measured, features)| Traits::of(detectors, features, measured));
        Ok(Calibrated {
            traits: match held_out.of_own {
                true => traits.collect(),
                false => Vec::new(),
            },
            fusion,
            scores,
            calibration,
            peaks,
            differences: Differences::of(&held_out.beside),
            object: ObjectSpread::of(detectors, &held_out.measured),
            measured: held_out.measured,
            folds: held_out.folds,
            of_own: held_out.of_own,
            shape: held_out.shape,
        })
    }

    /// Lets what is unlike all good pictures begin beyond those that are not suspicious: one of another product among
    /// the good must not make all other products its like. A mix of many is taken for what is good.
    fn tell_others_apart(&mut self, detectors: &[Detector], suspicious: &Found) {
        if !suspicious.are_few(self.measured.len()) {
            return;
        }
        let usual = self.measured.iter().enumerate();
        let usual: Vec<&Measured> = usual
            .filter(|(at, _)| !suspicious.places.contains(at))
            .map(|(_, measured)| measured)
            .collect();
        self.fusion.begin_unlike(detectors, usual.iter().copied());
        if let Some(object) = &mut self.object {
            object.begin_unlike(detectors, usual.iter().copied());
        }
    }

    /// Adds to the scores, in the order of the pictures.
    fn add(&mut self, adds: &[f64]) -> Result<(), TrainError> {
        let scores = self.scores.iter_mut().zip(adds);
        scores.for_each(|(score, add)| *score += add);
        self.calibration = Calibration::new(self.scores.clone())
            .map_err(|_| TrainError::Features(FitError::Empty))?;
        Ok(())
    }

    /// The pictures that scored highest, the worst first: what a threshold stops by mistake.
    fn highest(&self, paths: &[PathBuf]) -> Vec<Suspicious> {
        if !self.of_own {
            return Vec::new();
        }
        let pairs = paths.iter().zip(&self.scores);
        let mut pictures: Vec<Suspicious> = pairs
            .map(|(path, &score)| Suspicious {
                path: path.clone(),
                score,
            })
            .collect();
        pictures.sort_by(|a, b| b.score.total_cmp(&a.score));
        pictures.truncate(HIGHEST);
        pictures
    }

    /// The pictures that look like none of the others; variants of the only one are no pictures.
    fn suspicious(&self, paths: &[PathBuf], on_step: OnStep<'_>) -> Result<Found, TrainError> {
        let scores = match self.of_own {
            true => &self.scores[..],
            false => &[],
        };
        Found::told(paths, scores, on_step)
    }
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

fn step(on_step: OnStep<'_>, step: TrainStep<'_>) -> Result<(), TrainError> {
    match on_step(step) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(TrainError::Stopped),
    }
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
        size: features.lay.map_or(features.size, |(_, size)| size),
        alignment: features.lay.map(|(alignment, _)| alignment),
        whole: features.whole.clone(),
    });
    good.collect()
}
