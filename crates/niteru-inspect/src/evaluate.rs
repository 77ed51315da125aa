//! How well an inspector tells good from bad, and where.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use niteru_imaging::{DecodeError, HeatError, Limits, Mask, Picture};
use niteru_learn::{
    Confusion, Interval, MapError, PixelScores, TradeOff, auroc, auroc_interval, average_precision,
    clopper_pearson, trade_off,
};
use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::features::other_shape;
use crate::inspector::{Inspection, Inspector, Verdict};
use crate::train::Skipped;

/// A picture of known quality.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Its file.
    pub path: PathBuf,
    /// Whether it is good.
    pub good: bool,
    /// A picture whose white pixels are the defect.
    pub mask: Option<PathBuf>,
}

/// What an inspector said of a picture of known quality.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Judged {
    /// Its file.
    #[serde(serialize_with = "crate::paths::serialize_path")]
    #[schema(value_type = String)]
    pub path: PathBuf,
    /// Whether it is good.
    pub good: bool,
    /// What the inspector said.
    pub verdict: Verdict,
    /// Its score.
    pub score: f64,
}

/// A share with its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Rate {
    /// 0…1; `None` where there is nothing to have a share of.
    pub value: Option<f64>,
    /// 95 % (Clopper and Pearson).
    pub interval: Interval,
}

/// How well an inspector did on pictures of known quality.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Quality {
    /// Good pictures.
    pub good: usize,
    /// Bad pictures.
    pub bad: usize,
    /// Good pictures with the contents of one that the inspector was trained with, as far as the files of those
    /// are there: with them, the figures are brighter than the line will be.
    pub learnt: usize,
    /// The threshold that verdicts were made with.
    pub threshold: f64,
    /// Area under the ROC curve of pictures' scores; `None` without good or without bad pictures.
    pub auroc: Option<f64>,
    /// 95 % (Hanley and McNeil, Newcombe's method 5).
    pub auroc_interval: Option<Interval>,
    /// Area under the precision-recall curve (average precision).
    pub aupr: Option<f64>,
    /// Of the verdicts, with bad as what is to be found: what is UNLIKE is found, too.
    pub f1: Option<f64>,
    /// Share of good pictures that were stopped.
    pub false_alarm: Rate,
    /// Share of bad pictures that passed.
    pub miss: Rate,
    /// Over all pixels of the bad pictures that have masks.
    pub pixel_auroc: Option<f64>,
    /// Per-region overlap up to a false-positive rate of 0.3.
    pub pro: Option<f64>,
    /// Bad pictures that were compared with a mask.
    pub masks: usize,
    /// Masks of another shape than their pictures: they were stretched, and may lie beside the defects.
    #[serde(serialize_with = "crate::paths::serialize_paths")]
    #[schema(value_type = Vec<String>)]
    pub stretched: Vec<PathBuf>,
    /// From file to verdict, median; beside others, where there are several threads.
    pub milliseconds_per_image: Option<f64>,
    /// False-alarm and miss rate at every threshold that changes one.
    pub trade_off: Vec<TradeOff>,
    /// Scores of the good pictures, in rising order. Not in JSON.
    #[serde(skip)]
    pub good_scores: Vec<f64>,
    /// Scores of the bad pictures, in rising order. Not in JSON.
    #[serde(skip)]
    pub bad_scores: Vec<f64>,
    /// Good pictures that were stopped and bad ones that passed, the worst first.
    pub mistakes: Vec<Judged>,
    /// All that was said, in the order of the pictures. Not in JSON.
    #[serde(skip)]
    pub judged: Vec<Judged>,
    /// Files that could not be used.
    pub skipped: Vec<Skipped>,
}

/// An evaluation cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// A heat map could not be made.
    #[error("a heat map could not be made")]
    Heat(#[from] HeatError),
    /// A heat map does not fit a mask.
    #[error("a heat map could not be compared with its mask")]
    Map(#[from] MapError),
    /// A good picture has the same contents as a bad one: the figures would say nothing.
    #[error(
        "{} is among the good photos, and {}, which has the same contents, among the bad ones; \
         the folder of the good ones must not be around that of the bad ones",
        good.display(), bad.display()
    )]
    GoodAndBad {
        /// The good one's file.
        good: PathBuf,
        /// The bad one's.
        bad: PathBuf,
    },
    /// The caller stopped it.
    #[error("the evaluation was stopped")]
    Stopped,
}

/// A judged picture with what is only needed until its mask was looked at.
struct Done {
    judged: Judged,
    contents: Contents,
    /// Width and height of the picture, in pixels.
    size: (u32, u32),
    milliseconds: f64,
    inspection: Inspection,
}

/// Inspects pictures of known quality and compares. Those that it was shown as bad are judged as if it had not
/// been.
///
/// `each` is told of every picture, from several threads, and may stop it.
///
/// # Errors
/// When heat maps cannot be made or compared, and [`EvaluateError::Stopped`]; a file that cannot be read is only
/// skipped.
pub fn evaluate(
    inspector: &Inspector<'_>,
    known: &[Known],
    limits: &Limits,
    each: &(dyn Fn() -> ControlFlow<()> + Sync),
) -> Result<Quality, EvaluateError> {
    let all = judge_all(inspector, known, limits, each)?;
    Ok(quality(inspector.promise().threshold, all, None))
}

/// Inspects bad pictures and compares them with the good ones that the inspector was trained with, by the
/// scores that these had when they were held out.
///
/// The threshold was made of those scores, so of false alarms they say nothing: their rate is left open, and
/// the promise has it. Beside an inspector with one good picture, which was never held out, all figures that
/// need good ones are open. `each` and errors as in [`evaluate`].
pub fn evaluate_bad(
    inspector: &Inspector<'_>,
    bad: &[PathBuf],
    limits: &Limits,
    each: &(dyn Fn() -> ControlFlow<()> + Sync),
) -> Result<Quality, EvaluateError> {
    let known: Vec<Known> = bad
        .iter()
        .map(|path| Known {
            path: path.clone(),
            good: false,
            mask: None,
        })
        .collect();
    let all = judge_all(inspector, &known, limits, each)?;
    let held_out = match inspector.good() {
        [_, _, ..] => inspector.good_scores(),
        _ => &[],
    };
    Ok(quality(inspector.promise().threshold, all, Some(held_out)))
}

/// What was said of pictures of known quality.
#[derive(Default)]
struct All {
    judged: Vec<Judged>,
    learnt: usize,
    masks: usize,
    stretched: Vec<PathBuf>,
    milliseconds: Vec<f64>,
    pixels: PixelScores,
    skipped: Vec<Skipped>,
}

fn judge_all(
    inspector: &Inspector<'_>,
    known: &[Known],
    limits: &Limits,
    each: &(dyn Fn() -> ControlFlow<()> + Sync),
) -> Result<All, EvaluateError> {
    let mut all = All::default();
    let learnt = match known.iter().any(|known| known.good) {
        true => learnt(inspector, limits),
        false => HashSet::new(),
    };
    let mut seen: HashMap<Contents, &Known> = HashMap::new();
    let stopped = AtomicBool::new(false);
    // In parts, so that no more heat maps are held than needed.
    for part in known.chunks(64) {
        let done: Vec<Result<Done, Failed>> = part
            .par_iter()
            .map(|known| {
                if stopped.load(Ordering::Relaxed) {
                    return Err(Failed::Other(EvaluateError::Stopped));
                }
                let done = judge(inspector, known, limits);
                if each().is_break() {
                    stopped.store(true, Ordering::Relaxed);
                }
                done
            })
            .collect();
        if stopped.load(Ordering::Relaxed) {
            return Err(EvaluateError::Stopped);
        }
        for (known, done) in part.iter().zip(done) {
            match done {
                Ok(done) => {
                    let first = *seen.entry(done.contents).or_insert(known);
                    if first.good != known.good {
                        let (good, bad) = match known.good {
                            true => (known, first),
                            false => (first, known),
                        };
                        return Err(EvaluateError::GoodAndBad {
                            good: good.path.clone(),
                            bad: bad.path.clone(),
                        });
                    }
                    match add_pixels(&mut all, &done, known, limits) {
                        Ok(()) => {}
                        Err(Failed::File(mask)) => all.skipped.push(mask),
                        Err(Failed::Other(error)) => return Err(error),
                    }
                    all.judged.push(done.judged);
                    all.learnt += usize::from(known.good && learnt.contains(&done.contents));
                    all.milliseconds.push(done.milliseconds);
                }
                Err(Failed::File(file)) => all.skipped.push(file),
                Err(Failed::Other(error)) => return Err(error),
            }
        }
    }
    Ok(all)
}

enum Failed {
    File(Skipped),
    Other(EvaluateError),
}

fn open(path: &Path, limits: &Limits) -> Result<Picture, Failed> {
    Picture::open(path, limits).map_err(|error| Failed::File(Skipped::new(path, &error)))
}

/// sha256 of the contents of a file.
type Contents = [u8; 32];

/// The contents of the good pictures that an inspector was trained with, of those that are there.
fn learnt(inspector: &Inspector<'_>, limits: &Limits) -> HashSet<Contents> {
    let good = inspector.good().par_iter();
    good.filter_map(|good| Picture::read(&good.path, limits).ok())
        .map(|bytes| Sha256::digest(&bytes).into())
        .collect()
}

fn judge(inspector: &Inspector<'_>, known: &Known, limits: &Limits) -> Result<Done, Failed> {
    let unusable = |error: DecodeError| Failed::File(Skipped::new(&known.path, &error));
    let began = Instant::now();
    let bytes = Picture::read(&known.path, limits).map_err(unusable)?;
    let picture =
        Picture::decode(&bytes, limits).map_err(|error| unusable(error.in_file(&known.path)))?;
    let inspection = inspector
        .inspect_unseen(&picture)
        .map_err(|error| Failed::Other(error.into()))?;
    let milliseconds = began.elapsed().as_secs_f64() * 1e3;
    Ok(Done {
        milliseconds,
        size: (picture.width(), picture.height()),
        contents: Sha256::digest(&bytes).into(),
        judged: Judged {
            path: known.path.clone(),
            good: known.good,
            verdict: inspection.verdict,
            score: inspection.score,
        },
        inspection,
    })
}

/// Compares the heat map with the mask, in the mask's pixels.
fn add_pixels(all: &mut All, done: &Done, known: &Known, limits: &Limits) -> Result<(), Failed> {
    let Some(path) = &known.mask else {
        return Ok(());
    };
    let mask = Mask::from_picture(&open(path, limits)?);
    let heat = done.inspection.heat.resized(mask.width(), mask.height());
    if other_shape((mask.width(), mask.height()), done.size) {
        all.stretched.push(path.clone());
    }
    all.masks += 1;
    let (width, height) = (mask.width() as usize, mask.height() as usize);
    all.pixels
        .add(heat.data(), Some(mask.cells()), width, height)
        .map_err(|error| Failed::Other(error.into()))
}

/// `held_out` are scores of good pictures that are not among those that were judged.
fn quality(threshold: f64, all: All, held_out: Option<&[f64]>) -> Quality {
    let of_kind = |good: bool| all.judged.iter().filter(move |judged| judged.good == good);
    let scores = |good: bool| {
        let mut scores: Vec<f64> = of_kind(good).map(|judged| judged.score).collect();
        scores.sort_unstable_by(f64::total_cmp);
        scores
    };
    let good = held_out.map_or_else(|| scores(true), <[f64]>::to_vec);
    let bad = scores(false);
    // By verdicts: what is unlike all good pictures is stopped, whatever its score.
    let stopped = of_kind(true).filter(|judged| judged.verdict != Verdict::Ok);
    let stopped = stopped.count();
    let false_alarm = rate(stopped, of_kind(true).count());
    let passed = of_kind(false).filter(|judged| judged.verdict == Verdict::Ok);
    let passed = passed.count();
    let miss = rate(passed, bad.len());
    let false_alarms = match held_out {
        None => stopped,
        // Of good pictures that were held out only scores are known.
        Some(scores) => scores.iter().filter(|score| **score > threshold).count(),
    };
    let confusion = Confusion {
        true_alarm: bad.len() - passed,
        missed: passed,
        false_alarm: false_alarms,
        passed: good.len() - false_alarms,
    };
    let pixels = all.pixels.finish();
    let mut times = all.milliseconds;
    times.sort_unstable_by(f64::total_cmp);
    let mut mistakes = all.judged.clone();
    mistakes.retain(|judged| judged.good != (judged.verdict == Verdict::Ok));
    let distance = |judged: &Judged| (judged.score - threshold).abs();
    mistakes.sort_by(|a, b| distance(b).total_cmp(&distance(a)));
    Quality {
        good: good.len(),
        bad: bad.len(),
        learnt: all.learnt,
        threshold,
        auroc: auroc(&good, &bad),
        auroc_interval: auroc_interval(&good, &bad, 0.95),
        aupr: average_precision(&good, &bad),
        f1: confusion.f1(),
        false_alarm,
        miss,
        pixel_auroc: pixels.auroc,
        pro: pixels.pro,
        masks: all.masks,
        stretched: all.stretched,
        milliseconds_per_image: times.get(times.len() / 2).copied(),
        trade_off: trade_off(&good, &bad),
        good_scores: good,
        bad_scores: bad,
        mistakes,
        judged: all.judged,
        skipped: all.skipped,
    }
}

fn rate(count: usize, of: usize) -> Rate {
    Rate {
        value: (of > 0).then(|| count as f64 / of as f64),
        interval: clopper_pearson(count as u64, of as u64, 0.95),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(good: bool, verdict: Verdict, score: f64) -> Judged {
        Judged {
            path: PathBuf::from("photo.png"),
            good,
            verdict,
            score,
        }
    }

    #[test]
    fn what_is_unlike_is_found_whatever_its_score() {
        let all = |judged: &[Judged]| All {
            judged: judged.to_vec(),
            ..All::default()
        };
        let bad = [
            judged(false, Verdict::Ng, 5.0),
            judged(false, Verdict::Unlike, 0.5),
            judged(false, Verdict::Ok, 0.5),
        ];
        let good = [
            judged(true, Verdict::Ok, 0.0),
            judged(true, Verdict::Unlike, 0.0),
        ];
        let told = quality(1.0, all(&[&bad[..], &good].concat()), None);
        assert_eq!(told.miss.value, Some(1.0 / 3.0));
        assert_eq!(told.false_alarm.value, Some(0.5));
        // Two of three are found, and one good one is stopped.
        assert_eq!(told.f1, Some(4.0 / 6.0));
        // Beside held-out scores, of which one is above the threshold.
        let told = quality(1.0, all(&bad), Some(&[0.0, 0.5, 2.0]));
        assert_eq!((told.false_alarm.value, told.f1), (None, Some(4.0 / 6.0)));
    }
}
