//! From files of good pictures to their features.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use niteru_encoder::Encoder;
use niteru_imaging::{DecodeError, Mask, Picture};
use rayon::prelude::*;

use super::options::{OnStep, Skipped, TrainError, TrainOptions, TrainStep};
use super::step;
use crate::features::Features;
use crate::recipe::Detector;
use crate::view::View;

/// The magnification: by the median of the shorter sides of the pictures that can be read. Where a
/// picture is larger than what single pixels are looked at in, `None` tiles become more than one.
pub(super) fn look(
    good: &[PathBuf],
    options: &TrainOptions,
) -> Result<(View, Vec<Skipped>), TrainError> {
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
            Err(error) => skipped.push(Skipped::new(path, &error)),
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
    let tiles = options.tiles.unwrap_or_else(|| View::tiles_for(usual));
    Ok((View { usual, tiles }, skipped))
}

/// Reads pictures for a training.
pub(super) struct Reader<'a> {
    pub(super) encoder: &'a Encoder,
    pub(super) detectors: &'a [Detector],
    pub(super) view: View,
    pub(super) area: Option<Arc<Mask>>,
    pub(super) options: &'a TrainOptions,
}

impl Reader<'_> {
    pub(super) fn features(&self, picture: &Picture) -> Features {
        let area = self.area.as_ref();
        Features::of(self.encoder, &self.view, self.detectors, picture, area)
    }

    /// The features of all files that can be read; `skipped` are not tried again.
    pub(super) fn read(
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
                Err(error) => skipped.push(Skipped::new(path, &error)),
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
