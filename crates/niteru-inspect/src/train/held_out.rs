//! Good pictures as the memory sees those that it does not hold: what thresholds are made of.

use std::collections::BTreeMap;
use std::path::PathBuf;

use niteru_imaging::Picture;
use niteru_learn::{Calibration, Promise};
use rayon::prelude::*;

use super::options::{OnStep, TrainError, TrainOptions, TrainStep};
use super::read::Reader;
use super::step;
use crate::difference::Beside;
use crate::features::Features;
use crate::memory::{Measured, Memory, PackedMemory};
use crate::place::{Shape, common_shape};
use crate::recipe::placing;
use crate::variants;

/// Parts that the good pictures are split into: each part is held out once.
const FOLDS: usize = 5;

/// One in so many windows tells how good pictures differ; those of a row are [`APART`] to the side of those of the
/// row above, so that they lie all over the picture, whatever its width.
const TOLD: usize = 7;
const APART: usize = 3;

/// Cells along a side of a window.
const WINDOW: usize = 2;

/// Good pictures measured by memories that do not hold them.
pub(super) struct HeldOut {
    pub(super) measured: Vec<Measured>,
    /// Some windows of them, each of some cells beside the patches that they are nearest to, with their distances.
    pub(super) beside: Vec<Vec<(f32, Beside)>>,
    /// Of each picture.
    pub(super) sizes: Vec<(u32, u32)>,
    pub(super) folds: usize,
    /// Whether these are the pictures themselves, in their order, and not variants of the only one.
    pub(super) of_own: bool,
    /// That of the pictures whose places all of them were compared with.
    pub(super) shape: Option<Shape>,
}

pub(super) fn held_out(
    reader: &Reader<'_>,
    paths: &[PathBuf],
    features: &[Features],
    on_step: OnStep<'_>,
) -> Result<HeldOut, TrainError> {
    let (kernels, seed) = (reader.encoder.kernels(), reader.options.seed);
    if let [only] = features {
        let memory = Memory::learn(kernels, reader.detectors, &[(0, only)], None, seed)?;
        let packed = memory.pack(kernels);
        step(on_step, TrainStep::Learning { done: 1, total: 2 })?;
        let picture = Picture::open(&paths[0], &reader.options.limits);
        let picture = picture.map_err(|error| TrainError::NoGood {
            given: 1,
            reason: niteru_encoder::with_causes(error.reason()),
        })?;
        let variants = variants::of(&picture);
        let both = variants.iter().map(|variant| {
            let features = reader.features(variant);
            let measured = packed.measure(reader.detectors, &features);
            let beside = beside(reader, (&memory, &packed), (&features, &measured));
            (measured, beside)
        });
        let (measured, besides): (Vec<Measured>, Vec<Windows>) = both.unzip();
        return Ok(HeldOut {
            sizes: variants.iter().map(|v| (v.width(), v.height())).collect(),
            beside: besides.concat(),
            measured,
            folds: 1,
            of_own: false,
            shape: None,
        });
    }
    let at = placing(reader.detectors);
    let mut shape = at.and_then(|at| common_shape(features, at));
    let folds = FOLDS.min(features.len());
    // Neighbours in the order of the files are held out together: photos taken one after the other, or
    // copies, must not stand in for each other.
    let fold_of = |at: usize| at * folds / features.len();
    let mut measured: Vec<Option<(Measured, Windows)>> = features.iter().map(|_| None).collect();
    for fold in 0..folds {
        let learnt: Vec<(usize, &Features)> = features
            .iter()
            .enumerate()
            .filter(|&(at, _)| fold_of(at) != fold)
            .collect();
        let memory = Memory::learn(kernels, reader.detectors, &learnt, shape, seed)?;
        if memory.place.is_none() {
            // Too few are left here: what was measured without places promises nothing of places.
            shape = None;
        }
        let packed = memory.pack(kernels);
        let held = measured.par_iter_mut().enumerate();
        held.filter(|&(at, _)| fold_of(at) == fold)
            .for_each(|(at, measured)| {
                let found = packed.measure(reader.detectors, &features[at]);
                let beside = beside(reader, (&memory, &packed), (&features[at], &found));
                *measured = Some((found, beside));
            });
        let (done, total) = (fold + 1, folds + 1);
        step(on_step, TrainStep::Learning { done, total })?;
    }
    let (mut measured, besides): (Vec<Measured>, Vec<Windows>) =
        measured.into_iter().flatten().unzip();
    if shape.is_none() {
        // Folds before the one that had too few were measured with places.
        measured
            .iter_mut()
            .for_each(|measured| measured.near = None);
    }
    Ok(HeldOut {
        beside: besides.concat(),
        measured,
        sizes: features.iter().map(|features| features.size).collect(),
        folds,
        of_own: true,
        shape,
    })
}

/// Cells of windows with their distances.
type Windows = Vec<Vec<(f32, Beside)>>;

/// Every [`TOLD`]th window of a held-out picture.
fn beside(
    reader: &Reader<'_>,
    (memory, packed): (&Memory, &PackedMemory),
    both: (&Features, &Measured),
) -> Windows {
    let Some(at) = placing(reader.detectors) else {
        return Vec::new();
    };
    let (_, columns) = both.1.grids[at];
    let across = columns.div_ceil(WINDOW).max(1);
    let window =
        |cell: usize| cell / columns.max(1) / WINDOW * across + cell % columns.max(1) / WINDOW;
    let wanted = |cell: usize| is_told(window(cell) / across, window(cell) % across);
    let mut windows: BTreeMap<usize, Vec<(f32, Beside)>> = BTreeMap::new();
    for (cell, distance, beside) in packed.beside(memory, reader.detectors, both, wanted) {
        let of = windows.entry(window(cell)).or_default();
        of.push((distance, beside));
    }
    windows.into_values().collect()
}

fn is_told(row: usize, column: usize) -> bool {
    (column + APART * row).is_multiple_of(TOLD)
}

/// What the threshold holds. Variants of the only picture say nothing of other parts: they count as one
/// score, the largest, and promise nothing, whatever share may be stopped.
pub(crate) fn promise(calibration: &Calibration, options: &TrainOptions, of_own: bool) -> Promise {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_that_tell_lie_all_over_pictures_of_any_width() {
        for across in 1..40 {
            let rows = 2 * TOLD;
            let told = |column: usize| (0..rows).filter(|&row| is_told(row, column)).count();
            let of_columns: Vec<usize> = (0..across).map(told).collect();
            assert_eq!(of_columns, vec![2; across], "{across} windows across");
        }
    }
}
