//! From files of good pictures to their features.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use niteru_encoder::{Encoder, FeatureMap};
use niteru_imaging::{DecodeError, Mask, Mirror, Picture};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::options::{Duplicate, OnStep, Skipped, TrainError, TrainOptions, TrainStep};
use super::step;
use crate::features::{Features, other_shape};
use crate::pixel_hash::PixelHash;
use crate::recipe::Detector;
use crate::reference::{Framed, framed};
use crate::view::View;

/// Pictures that are read whatever they take: without some, nothing can be learnt.
const FEWEST: usize = 20;

/// What a look at the files tells before any picture is decoded.
pub(super) struct Looked {
    pub(super) view: View,
    /// A good file that is at least as large as they are on average, and hardly larger; there is one.
    pub(super) typical: Option<PathBuf>,
    /// The good files, but copies of others; those that cannot be read are among them.
    pub(super) good: Vec<PathBuf>,
    /// The bad files, likewise.
    pub(super) bad: Vec<PathBuf>,
    /// Good files that cannot be read.
    pub(super) skipped: Vec<Skipped>,
    /// Good files that are copies of others.
    pub(super) duplicates: Vec<Duplicate>,
    /// How many pictures the area must be stretched for.
    pub(super) stretched: usize,
}

/// sha256 of a file's contents.
type Contents = [u8; 32];

/// Sides of a picture, and what its file holds.
type Seen = ((u32, u32), Contents);

/// The magnification, by the median of the shorter sides of the pictures, as their headers tell it; and which files
/// are copies of others: a copy is no other part, and would speak for the picture that it is a copy of when that is
/// held out. Where a picture is larger than what single pixels are looked at in, `None` tiles become more than one.
pub(super) fn look(good: &[PathBuf], options: &TrainOptions) -> Result<Looked, TrainError> {
    let told: Vec<Result<Seen, DecodeError>> = good
        .par_iter()
        .map(|path| {
            let bytes = Picture::read(path, &options.limits)?;
            let size = Picture::size_in_file(&bytes, &options.limits);
            let size = size.map_err(|error| error.in_file(path))?;
            Ok((size, Sha256::digest(&bytes).into()))
        })
        .collect();
    let mut sides = Vec::new();
    let mut areas: Vec<(u64, &PathBuf)> = Vec::new();
    let mut stretched = 0;
    let area = options.area.as_ref();
    let mut skipped = Vec::new();
    let mut duplicates = Vec::new();
    let mut kept = Vec::new();
    let mut first: HashMap<Contents, &PathBuf> = HashMap::new();
    for (path, told) in good.iter().zip(told) {
        match told {
            Ok((size, contents)) => match first.entry(contents) {
                Entry::Occupied(first) => {
                    duplicates.push(Duplicate {
                        path: path.clone(),
                        of: first.get().to_path_buf(),
                    });
                    continue;
                }
                Entry::Vacant(place) => {
                    place.insert(path);
                    sides.push(size.0.min(size.1));
                    areas.push((u64::from(size.0) * u64::from(size.1), path));
                    let other = |area: &Mask| other_shape((area.width(), area.height()), size);
                    stretched += usize::from(area.is_some_and(other));
                }
            },
            Err(error) => skipped.push(Skipped::new(path, &error)),
        }
        kept.push(path.clone());
    }
    let bad = only_once(&options.bad, &first, options)?;
    sides.sort_unstable();
    let Some(&usual) = sides.get(sides.len() / 2) else {
        let first = skipped.first().map(|skipped| skipped.reason.clone());
        return Err(TrainError::NoGood {
            given: good.len(),
            reason: first.unwrap_or_else(|| "the folder holds no picture".to_string()),
        });
    };
    let usual = f64::from(usual);
    let all: u64 = areas.iter().map(|(area, _)| area).sum();
    let at_least_mean = areas
        .iter()
        .filter(|(area, _)| area * areas.len() as u64 >= all);
    let typical = at_least_mean.min_by_key(|(area, _)| *area);
    let tiles = options.tiles.unwrap_or_else(|| View::tiles_for(usual));
    Ok(Looked {
        view: View { usual, tiles },
        typical: typical.map(|(_, path)| path.to_path_buf()),
        good: kept,
        bad,
        skipped,
        duplicates,
        stretched,
    })
}

/// The bad files without copies. That one of them is also `good` is an error.
fn only_once(
    bad: &[PathBuf],
    good: &HashMap<Contents, &PathBuf>,
    options: &TrainOptions,
) -> Result<Vec<PathBuf>, TrainError> {
    let contents: Vec<Option<Contents>> = bad
        .par_iter()
        .map(|path| {
            // Who judges the bad pictures afterwards is told which cannot be read.
            let bytes = Picture::read(path, &options.limits).ok()?;
            Some(Sha256::digest(&bytes).into())
        })
        .collect();
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for (path, contents) in bad.iter().zip(contents) {
        if let Some(good) = contents.and_then(|contents| good.get(&contents)) {
            return Err(TrainError::GoodAndBad {
                good: good.to_path_buf(),
                bad: path.clone(),
            });
        }
        if contents.is_none_or(|contents| seen.insert(contents)) {
            kept.push(path.clone());
        }
    }
    Ok(kept)
}

/// Reads pictures for a training.
pub(super) struct Reader<'a> {
    pub(super) encoder: &'a Encoder,
    pub(super) detectors: &'a [Detector],
    pub(super) view: View,
    /// As [`Looked::typical`].
    pub(super) typical: Option<PathBuf>,
    /// What pictures are aligned with, and the size that they have then.
    pub(super) reference: Option<(Picture, (u32, u32))>,
    pub(super) area: Option<Arc<Mask>>,
    /// Bad files, each content once.
    pub(super) bad: Vec<PathBuf>,
    pub(super) options: &'a TrainOptions,
}

impl Reader<'_> {
    pub(super) fn features(&self, picture: &Picture) -> Features {
        let framed = self.framed(picture);
        let (view, detectors) = (&self.view, self.detectors);
        let area = framed.area.as_ref();
        let mut features = Features::of(self.encoder, view, detectors, &framed.picture, area);
        features.look(view, detectors, &framed.picture);
        features.find_object(&framed.picture);
        features.sign(picture);
        let certain = framed.alignment.filter(|alignment| alignment.certain);
        features.lay = certain.map(|lay| (lay, (picture.width(), picture.height())));
        features
    }

    fn framed<'p>(&self, picture: &'p Picture) -> Framed<'p> {
        let reference = self.reference.as_ref();
        framed(
            reference.map(|(picture, size)| (picture, *size)),
            picture,
            self.area.as_ref(),
        )
    }

    /// The maps of a picture's mirror image, turned back.
    pub(super) fn mirrored(&self, picture: &Picture, mirror: Mirror) -> Vec<FeatureMap> {
        let picture = self.framed(picture).picture.mirrored(mirror);
        let maps = self.view.maps(self.encoder, &picture, self.detectors);
        let back = |map: FeatureMap| FeatureMap {
            data: mirror.grid(&map.data, map.columns, map.dimensions),
            ..map
        };
        maps.into_iter().map(back).collect()
    }

    /// Which of the files are read: all but those that were skipped, or so many that their features fit into
    /// memory, spread evenly.
    pub(super) fn fitting(&self, good: &[PathBuf], skipped: &[Skipped]) -> Vec<PathBuf> {
        let usable = |path: &&PathBuf| !skipped.iter().any(|skipped| skipped.path == **path);
        let all: Vec<PathBuf> = good.iter().filter(usable).cloned().collect();
        if all.len() <= FEWEST {
            return all;
        }
        let limits = &self.options.limits;
        // Another one where that one's header can be read, and the rest cannot.
        let tried = self.typical.iter().chain(&all);
        let typical = tried
            .filter_map(|path| Picture::open(path, limits).ok())
            .next();
        let Some(typical) = typical else { return all };
        // The magnification is one for all, so what a picture takes goes by its size.
        let most = self.options.memory / self.features(&typical).bytes().max(1);
        spread(all, most.max(FEWEST))
    }

    /// The features of all files that can be read, but of those that show the very same as another: told as duplicates.
    pub(super) fn read(
        &self,
        good: &[PathBuf],
        (skipped, duplicates): (&mut Vec<Skipped>, &mut Vec<Duplicate>),
        on_step: OnStep<'_>,
    ) -> Result<(Vec<PathBuf>, Vec<Features>), TrainError> {
        let (paths, features) = self.read_any(good, skipped, on_step, |features| features)?;
        if features.is_empty() {
            let first = skipped.first();
            return Err(TrainError::NoGood {
                given: good.len(),
                reason: first.map_or_else(String::new, |skipped| skipped.reason.clone()),
            });
        }
        let mut first: HashMap<Option<PixelHash>, PathBuf> = HashMap::new();
        let mut only = (Vec::new(), Vec::new());
        for (path, features) in paths.into_iter().zip(features) {
            match first.entry(features.pixels) {
                Entry::Occupied(first) => duplicates.push(Duplicate {
                    path,
                    of: first.get().clone(),
                }),
                Entry::Vacant(place) => {
                    place.insert(path.clone());
                    only.0.push(path);
                    only.1.push(features);
                }
            }
        }
        Ok(only)
    }

    /// What is `made` of the features of each file that can be read; there may be none.
    pub(super) fn read_any<T: Send>(
        &self,
        files: &[PathBuf],
        skipped: &mut Vec<Skipped>,
        on_step: OnStep<'_>,
        made: impl Fn(Features) -> T + Sync,
    ) -> Result<(Vec<PathBuf>, Vec<T>), TrainError> {
        let (done, total) = (AtomicUsize::new(0), files.len());
        let read: Vec<Result<T, DecodeError>> = files
            .par_iter()
            .map(|path| {
                let read = Picture::open(path, &self.options.limits)
                    .map(|picture| made(self.features(&picture)));
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                step(on_step, TrainStep::Reading { done, total })?;
                Ok(read)
            })
            .collect::<Result<_, TrainError>>()?;
        let (mut paths, mut all) = (Vec::new(), Vec::new());
        for (path, read) in files.iter().zip(read) {
            match read {
                Ok(read) => {
                    paths.push(path.clone());
                    all.push(read);
                }
                Err(error) => skipped.push(Skipped::new(path, &error)),
            }
        }
        Ok((paths, all))
    }
}

/// At most `most` of them, with as many left out between any two, give or take one.
fn spread<T>(all: Vec<T>, most: usize) -> Vec<T> {
    let count = all.len();
    if count <= most {
        return all;
    }
    // Kept is where the share of all that came so far passes another whole part of `most`.
    let kept = |at: usize| (at + 1) * most / count > at * most / count;
    let numbered = all.into_iter().enumerate();
    numbered
        .filter(|&(at, _)| kept(at))
        .map(|(_, one)| one)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn what_does_not_fit_is_left_out_evenly() {
        assert_eq!(spread((1..=3).collect(), 3), [1, 2, 3]);
        assert_eq!(spread((1..=10).collect(), 5), [2, 4, 6, 8, 10]);
        let third = spread((0..1000).collect::<Vec<usize>>(), 333);
        assert_eq!(third.len(), 333);
        assert!(
            third
                .windows(2)
                .all(|pair| (3..=4).contains(&(pair[1] - pair[0])))
        );
    }
}
