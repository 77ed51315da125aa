//! From many distances to one score and one heat map.
//!
//! Each distance is brought to robust standard deviations of good pictures that the memory had not seen.
//! The detectors that decide vote together. The pixels' texture and the whole picture add to them only
//! what is beyond [`SILENT`], so that where they see nothing they bring no noise either.

use niteru_imaging::{HeatError, HeatMap};
use niteru_learn::Spread;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::bank::Nearest;
use crate::memory::Measured;
use crate::recipe::{Detector, placing};

/// Robust standard deviations of good pictures that texture and whole picture are silent below.
const SILENT: f64 = 3.0;

/// A picture is unlike all good ones when its usual patch is so many robust standard deviations of
/// patches farther than that of any good picture.
///
/// Measured beyond the good pictures: 194 magnetic tiles with defects of five kinds reach 2.2; photos of
/// everyday scenes and renderings of bolts, nuts and washers begin at 4.4. The whole picture's
/// distance tells less: a print that is missing moves it as far as another part does.
const UNLIKE: f64 = 3.3;

/// The same of what lies before a plain background.
///
/// Measured with renderings of 16 parts (`examples/products.rs`): 99 % of them with a blot or a scratch stay below 4.0;
/// 99 % of parts of another kind are beyond 9.0, and 95 % of other parts of the same kind beyond 5.1.
const UNLIKE_OBJECT: f64 = 5.0;

/// Patches of a picture that are below the one that tells whether it is unlike; of an object, of which a defect is in
/// many patches, fewer.
const HALF: f64 = 0.5;
const QUARTER: f64 = 0.25;

/// Scale of logarithms of distances that is expected before good pictures are seen, and how many pictures
/// that expectation weighs as much as. Measured on textured surfaces and parts.
const USUAL_SCALE: f64 = 0.12;
const USUAL_WEIGHT: f64 = 10.0;

/// The same of what a picture has but one of: its whole, its grain, its most unusual texture.
const WIDE_SCALE: f64 = 0.4;

/// Heat beyond this says no more, and its square is a number.
const MOST_HEAT: f32 = 1e6;

/// Logarithms of distances begin here: 0 has none.
const LEAST_DISTANCE: f64 = 1e-6;

/// How distances of good pictures are spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fusion {
    /// Of each detector: logarithms of the farthest patches' distance.
    pub(crate) tops: Vec<Spread>,
    /// Of each detector: distances of patches.
    pub(crate) patches: Vec<Spread>,
    /// Logarithms of whole pictures' distances.
    pub(crate) whole: Spread,
    /// Logarithms of the distances of whole pictures' grain.
    pub(crate) grain: Spread,
    /// Logarithms of the most unusual texture's distance.
    pub(crate) texture: Spread,
    /// Distances of textures.
    pub(crate) texture_cells: Spread,
    /// Of distances to patches of the same place; `None` where places are not known.
    pub(crate) place: Option<PlaceSpread>,
    /// From here on, a picture is unlike all good ones.
    pub(crate) unlike: f64,
}

/// How distances to patches of the same place are spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlaceSpread {
    /// Logarithms of the farthest cells' distance.
    top: Spread,
    cells: Spread,
}

/// What a score is made of, in robust standard deviations of good pictures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScoreParts {
    /// Patches of the network's features.
    pub patches: f64,
    /// The whole picture's features.
    pub whole: f64,
    /// The texture of pixels, where it is most unusual.
    pub texture: f64,
    /// The grain of the whole picture.
    pub grain: f64,
    /// What lies where it should not, or is missing; 0 where places are not known.
    #[serde(default)]
    pub place: f64,
    /// The usual patch, in robust standard deviations of patches: far above those of good pictures when
    /// the picture is unlike them all.
    pub usual_patch: f64,
    /// The same of the nearest quarter of patches of what lies before a plain background; `None` where nothing does, in
    /// this picture or in the good ones.
    #[serde(default)]
    pub object_patch: Option<f64>,
    /// What resemblance to known bad pictures adds to the score: 0…2.4; 0 where none are known.
    #[serde(default)]
    pub known_bad: f64,
}

/// A part of a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScorePart {
    /// As [`ScoreParts::patches`].
    Patches,
    /// As [`ScoreParts::whole`].
    Whole,
    /// As [`ScoreParts::texture`].
    Texture,
    /// As [`ScoreParts::grain`].
    Grain,
    /// As [`ScoreParts::place`].
    Place,
    /// As [`ScoreParts::known_bad`].
    KnownBad,
}

impl ScoreParts {
    /// The score: the patches', of the others what is beyond 3, and what known bad pictures add. Finite.
    pub fn score(&self) -> f64 {
        let [(_, patches), beyond @ .., (_, known_bad)] = self.added();
        patches + beyond.iter().map(|(_, added)| added).sum::<f64>() + known_bad
    }

    /// What each part adds to the score.
    pub fn added(&self) -> [(ScorePart, f64); 6] {
        let beyond = |z: f64| (z - SILENT).max(0.0);
        [
            (ScorePart::Patches, self.patches),
            (ScorePart::Whole, beyond(self.whole)),
            (ScorePart::Texture, beyond(self.texture)),
            (ScorePart::Grain, beyond(self.grain)),
            (ScorePart::Place, beyond(self.place)),
            (ScorePart::KnownBad, self.known_bad),
        ]
    }

    /// The part that adds most.
    pub fn most(&self) -> ScorePart {
        let mut most = (ScorePart::Patches, f64::NEG_INFINITY);
        for (part, added) in self.added() {
            if added > most.1 {
                most = (part, added);
            }
        }
        most.0
    }
}

impl Fusion {
    /// From good pictures, each measured with a memory that does not hold it.
    pub(crate) fn of(detectors: &[Detector], good: &[Measured]) -> Fusion {
        let spread = |usual: f64, value: &dyn Fn(&Measured) -> Option<f64>| {
            let values: Vec<f64> = good.iter().filter_map(value).collect();
            Spread::with_prior(&values, usual, USUAL_WEIGHT)
        };
        let of_patches = |detector: usize| {
            let cells = good.iter().flat_map(|measured| &measured.cells[detector]);
            let distances = cells.flatten().map(|nearest| f64::from(nearest.distance));
            Spread::of(&distances.collect::<Vec<f64>>())
        };
        let mut fusion = Fusion {
            tops: (0..detectors.len())
                .map(|at| {
                    spread(USUAL_SCALE, &|measured| {
                        Some(top(&detectors[at], &measured.cells[at]))
                    })
                })
                .collect(),
            patches: (0..detectors.len()).map(of_patches).collect(),
            whole: spread(WIDE_SCALE, &|measured| {
                Some(logarithm(f64::from(measured.whole)))
            }),
            grain: spread(WIDE_SCALE, &|measured| {
                Some(logarithm(f64::from(measured.grain)))
            }),
            texture: spread(WIDE_SCALE, &texture),
            texture_cells: texture_cells(good),
            place: placing(detectors).and_then(|at| PlaceSpread::of(&detectors[at], good)),
            unlike: f64::INFINITY,
        };
        fusion.begin_unlike(detectors, good.iter());
        fusion
    }

    /// Lets UNLIKE begin beyond the farthest of these good pictures.
    pub(crate) fn begin_unlike<'m>(
        &mut self,
        detectors: &[Detector],
        good: impl Iterator<Item = &'m Measured>,
    ) {
        let farthest = good.map(|measured| self.unlikeness(detectors, measured));
        self.unlike = farthest.fold(0.0, f64::max) + UNLIKE;
    }

    pub(crate) fn is_sound(&self, detectors: &[Detector]) -> bool {
        self.tops.len() == detectors.len()
            && self.patches.len() == detectors.len()
            && !self.unlike.is_nan()
    }

    pub(crate) fn parts(&self, detectors: &[Detector], measured: &Measured) -> ScoreParts {
        let deciding = detectors.iter().enumerate().filter(|(_, d)| d.decides);
        let votes: Vec<f64> = deciding
            .map(|(at, _)| self.tops[at].z(top(&detectors[at], &measured.cells[at])))
            .collect();
        ScoreParts {
            patches: votes.iter().sum::<f64>() / votes.len().max(1) as f64,
            whole: self.whole.z(logarithm(f64::from(measured.whole))),
            texture: texture(measured).map_or(0.0, |texture| self.texture.z(texture)),
            grain: self.grain.z(logarithm(f64::from(measured.grain))),
            place: self.place(detectors, measured),
            usual_patch: self.unlikeness(detectors, measured),
            object_patch: None,
            known_bad: 0.0,
        }
    }

    fn place(&self, detectors: &[Detector], measured: &Measured) -> f64 {
        let spread = self.place.as_ref().zip(measured.near.as_ref());
        let known = spread.zip(placing(detectors));
        known.map_or(0.0, |((spread, near), at)| {
            let near = near.iter().flatten().copied();
            spread.top.z(farthest(&detectors[at], near))
        })
    }

    /// Whether the whole picture is unlike all good ones: another product, another camera.
    pub(crate) fn is_unlike(&self, detectors: &[Detector], measured: &Measured) -> bool {
        self.unlikeness(detectors, measured) > self.unlike
    }

    /// The usual patch's distance, in robust standard deviations of good patches: the least over the
    /// detectors that decide.
    pub(crate) fn unlikeness(&self, detectors: &[Detector], measured: &Measured) -> f64 {
        patch_at(HALF, detectors, &self.patches, |at| {
            let cells = measured.cells[at].iter().flatten();
            cells.map(|nearest| nearest.distance).collect()
        })
    }

    /// How far each place of a picture is from the good ones, in robust standard deviations of patches:
    /// the root mean square over the detectors that locate, and what texture adds beyond [`SILENT`].
    /// Never below 0.
    pub(crate) fn heat(
        &self,
        detectors: &[Detector],
        measured: &Measured,
        (width, height): (u32, u32),
    ) -> Result<HeatMap, HeatError> {
        let mut sum = vec![0.0f32; width as usize * height as usize];
        let locating: Vec<usize> = (0..detectors.len())
            .filter(|&at| detectors[at].locates)
            .collect();
        for &at in &locating {
            let (rows, columns) = measured.grids[at];
            let z = |cell: &Option<_>| {
                let z = |nearest: &Nearest| self.patches[at].z(f64::from(nearest.distance)) as f32;
                cell.as_ref().map_or(0.0, z)
            };
            let values = measured.cells[at].iter().map(z).collect();
            let map = HeatMap::new(columns as u32, rows as u32, values)?;
            let share = 1.0 / locating.len() as f32;
            let map = map.resized(width, height);
            let values = sum.iter_mut().zip(map.data());
            values.for_each(|(sum, z)| *sum += share * z.clamp(0.0, MOST_HEAT).powi(2));
        }
        sum.iter_mut().for_each(|square| *square = square.sqrt());
        if let Some(texture) = &measured.texture {
            let beyond = |distance: f32| {
                (self.texture_cells.z(f64::from(distance)) - SILENT).clamp(0.0, MOST_HEAT.into())
                    as f32
            };
            let cells = texture.data.iter();
            let values = cells.map(|cell| cell.map_or(0.0, beyond)).collect();
            let map = HeatMap::new(texture.columns as u32, texture.rows as u32, values)?;
            let map = map.resized(width, height);
            sum.iter_mut()
                .zip(map.data())
                .for_each(|(sum, z)| *sum += z);
        }
        let places = self.place.as_ref().zip(measured.near.as_ref());
        if let Some(((spread, near), at)) = places.zip(placing(detectors)) {
            let beyond = |distance: f32| {
                (spread.cells.z(f64::from(distance)) - SILENT).clamp(0.0, MOST_HEAT.into()) as f32
            };
            let values = near.iter().map(|cell| cell.map_or(0.0, beyond)).collect();
            let (rows, columns) = measured.grids[at];
            let map = HeatMap::new(columns as u32, rows as u32, values)?;
            let map = map.resized(width, height);
            sum.iter_mut()
                .zip(map.data())
                .for_each(|(sum, z)| *sum += z);
        }
        HeatMap::new(width, height, sum)
    }
}

/// What lies before a plain background, which fills so much of the pictures that the usual patch is of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ObjectSpread {
    /// Of each detector: distances of the object's patches.
    patches: Vec<Spread>,
    /// From here on, an object is unlike all good ones.
    unlike: f64,
}

impl ObjectSpread {
    /// From good pictures, each measured with a memory that does not hold it. `None` where fewer than half of them
    /// show something before a plain background.
    pub(crate) fn of(detectors: &[Detector], good: &[Measured]) -> Option<ObjectSpread> {
        let showing = good.iter().filter(|measured| measured.object.is_some());
        if 2 * showing.count() < good.len() {
            return None;
        }
        let of_detector = |at: usize| {
            let distances = good.iter().flat_map(|measured| of_object(measured, at));
            Spread::of(&distances.map(f64::from).collect::<Vec<f64>>())
        };
        let mut spread = ObjectSpread {
            patches: (0..detectors.len()).map(of_detector).collect(),
            unlike: f64::INFINITY,
        };
        spread.begin_unlike(detectors, good.iter());
        Some(spread)
    }

    /// As [`Fusion::begin_unlike`].
    pub(crate) fn begin_unlike<'m>(
        &mut self,
        detectors: &[Detector],
        good: impl Iterator<Item = &'m Measured>,
    ) {
        let farthest = good.filter_map(|measured| self.unlikeness(detectors, measured));
        self.unlike = farthest.fold(0.0, f64::max) + UNLIKE_OBJECT;
    }

    pub(crate) fn is_sound(&self, detectors: &[Detector]) -> bool {
        self.patches.len() == detectors.len() && !self.unlike.is_nan()
    }

    /// Whether the object is unlike all good ones. What shows none is not: a part may be missing.
    pub(crate) fn is_unlike(&self, detectors: &[Detector], measured: &Measured) -> bool {
        let unlikeness = self.unlikeness(detectors, measured);
        unlikeness.is_some_and(|unlikeness| unlikeness > self.unlike)
    }

    /// As [`Fusion::unlikeness`], of the nearest quarter of the object's patches; `None` where there is no object.
    pub(crate) fn unlikeness(&self, detectors: &[Detector], measured: &Measured) -> Option<f64> {
        measured.object.as_ref()?;
        let distances = |at: usize| of_object(measured, at).collect();
        Some(patch_at(QUARTER, detectors, &self.patches, distances))
    }
}

/// The distances of a detector's patches that show the object; none where there is no object.
fn of_object(measured: &Measured, detector: usize) -> impl Iterator<Item = f32> {
    let shows = measured
        .object
        .iter()
        .flat_map(move |object| &object[detector]);
    let cells = measured.cells[detector].iter().zip(shows);
    cells.filter_map(|(nearest, shows)| Some(nearest.filter(|_| *shows)?.distance))
}

/// The distance that a share of some patches stay below, in robust standard deviations: the least over the detectors
/// that decide.
fn patch_at(
    share: f64,
    detectors: &[Detector],
    spreads: &[Spread],
    distances: impl Fn(usize) -> Vec<f32>,
) -> f64 {
    let deciding = detectors.iter().enumerate().filter(|(_, d)| d.decides);
    let usual = deciding.map(|(at, _)| {
        let mut distances = distances(at);
        distances.sort_unstable_by(f32::total_cmp);
        let place = (distances.len() as f64 * share) as usize;
        let distance = distances.get(place).copied().unwrap_or(0.0);
        spreads[at].z(f64::from(distance))
    });
    usual.fold(f64::INFINITY, f64::min)
}

impl PlaceSpread {
    fn of(detector: &Detector, good: &[Measured]) -> Option<PlaceSpread> {
        let near: Vec<&Vec<Option<f32>>> = good.iter().filter_map(|m| m.near.as_ref()).collect();
        if near.is_empty() {
            return None;
        }
        let tops = near
            .iter()
            .map(|cells| farthest(detector, cells.iter().flatten().copied()));
        let tops: Vec<f64> = tops.collect();
        let cells = near.iter().flat_map(|cells| cells.iter().flatten());
        let cells: Vec<f64> = cells.map(|&distance| f64::from(distance)).collect();
        Some(PlaceSpread {
            top: Spread::with_prior(&tops, WIDE_SCALE, USUAL_WEIGHT),
            cells: Spread::of(&cells),
        })
    }
}

fn logarithm(distance: f64) -> f64 {
    distance.max(LEAST_DISTANCE).ln()
}

/// How far the farthest patches of a detector are.
fn top(detector: &Detector, cells: &[Option<Nearest>]) -> f64 {
    farthest(
        detector,
        cells.iter().flatten().map(|nearest| nearest.distance),
    )
}

/// Logarithm of the mean of a detector's largest distances.
pub(crate) fn farthest(detector: &Detector, distances: impl Iterator<Item = f32>) -> f64 {
    let mut distances: Vec<f32> = distances.collect();
    distances.sort_unstable_by(|a, b| b.total_cmp(a));
    distances.truncate(detector.farthest.max(1));
    let sum: f64 = distances.iter().copied().map(f64::from).sum();
    logarithm(sum / distances.len().max(1) as f64)
}

/// Logarithm of the most unusual texture's distance.
fn texture(measured: &Measured) -> Option<f64> {
    let map = measured.texture.as_ref()?;
    let most = map.data.iter().flatten().copied().max_by(f32::total_cmp)?;
    Some(logarithm(f64::from(most)))
}

/// The spread of textures' distances; of every 7th cell, which tell as much as all.
fn texture_cells(good: &[Measured]) -> Spread {
    let maps = good.iter().filter_map(|measured| measured.texture.as_ref());
    let cells = maps.flat_map(|map| map.data.iter().flatten());
    let cells = cells.step_by(7);
    Spread::of(
        &cells
            .map(|&distance| f64::from(distance))
            .collect::<Vec<f64>>(),
    )
}
