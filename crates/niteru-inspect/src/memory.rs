//! What good pictures have in common, and how a picture differs from it.

use half::f16;
use niteru_kernels::Kernels;
use niteru_learn::{FitError, Gaussian, GaussianDistances};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::bank::{Bank, Nearest, Origin, PackedBank, Patches};
use crate::difference::Beside;
use crate::features::Features;
use crate::looks::{LOOKS, Look};
use crate::place::{PackedPlace, Place, Shape};
use crate::recipe::{Detector, placing};
use crate::texture::{self, TextureMap};

/// Learnt from good pictures; what is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// One for each detector.
    pub(crate) banks: Vec<Bank>,
    /// Of the descriptions of whole pictures.
    pub(crate) whole: Gaussian,
    /// Of the grain of whole pictures.
    pub(crate) grain: Gaussian,
    /// Of the pixels' neighbourhoods; `None` when the good pictures are too small for one.
    pub(crate) texture: Option<Gaussian>,
    /// What belongs where; `None` when that is not known.
    pub(crate) place: Option<Place>,
    /// What each patch of the bank of the detector that places looks like: bits of f16 values,
    /// `[patches, LOOKS]`.
    pub(crate) looks: Vec<u16>,
}

/// The good pictures that a memory is made of, each with its number.
pub(crate) type Good<'a> = [(usize, &'a Features)];

impl Memory {
    /// From at least one good picture. `shape` is that of the pictures whose places are learnt; `None` learns none.
    pub(crate) fn learn(
        kernels: Kernels,
        detectors: &[Detector],
        good: &Good<'_>,
        shape: Option<Shape>,
        seed: u64,
    ) -> Result<Memory, FitError> {
        let banks: Vec<Bank> = (0..detectors.len())
            .into_par_iter()
            .map(|at| {
                let most = detectors[at].most_patches();
                Bank::choose(&patches(good, at), most, seed.wrapping_add(at as u64))
            })
            .collect();
        let dimensions = good.first().map_or(0, |(_, features)| features.whole.len());
        let whole: Vec<f32> = good
            .iter()
            .flat_map(|(_, features)| features.whole.iter().copied())
            .collect();
        let grain: Vec<f32> = good
            .iter()
            .flat_map(|(_, features)| features.grain.iter().copied())
            .collect();
        let grains = good.first().map_or(0, |(_, features)| features.grain.len());
        let sample = |&(number, features): &(usize, &Features)| {
            texture::samples(
                &features.luminance,
                features.area.as_deref(),
                seed ^ number as u64,
            )
        };
        let squares: Vec<f32> = good.par_iter().flat_map_iter(sample).collect();
        let placing = placing(detectors);
        Ok(Memory {
            place: placing.zip(shape).and_then(|(at, shape)| {
                let dimensions = good.first()?.1.maps[at].dimensions;
                let most = detectors[at].most_placed(shape.0 * shape.1 * dimensions);
                Place::learn(good, at, shape, most)
            }),
            looks: placing.map_or_else(Vec::new, |at| looks(good, at, &banks[at])),
            banks,
            whole: Gaussian::fit(kernels, &whole, dimensions)?,
            grain: Gaussian::fit(kernels, &grain, grains)?,
            texture: match squares.is_empty() {
                true => None,
                false => Some(texture::fit(kernels, &squares)?),
            },
        })
    }

    pub(crate) fn is_sound(&self, detectors: &[Detector]) -> bool {
        self.banks.len() == detectors.len()
            && self.banks.iter().all(Bank::is_sound)
            && self.texture.as_ref().is_none_or(texture::is_sound)
            && self.places_are_sound(detectors)
    }

    fn places_are_sound(&self, detectors: &[Detector]) -> bool {
        let Some(at) = placing(detectors) else {
            return self.place.is_none() && self.looks.is_empty();
        };
        let bank = &self.banks[at];
        let finite = |&bits: &u16| f16::from_bits(bits).is_finite();
        let fits = |place: &Place| place.is_sound() && place.bank.dimensions == bank.dimensions;
        self.place.as_ref().is_none_or(fits)
            && self.looks.len() == bank.len() * LOOKS
            && self.looks.iter().all(finite)
    }

    /// What a patch of the bank of the detector that places looks like.
    pub(crate) fn look(&self, patch: usize) -> Option<Look> {
        let looks = self.looks.as_chunks::<LOOKS>().0;
        Some(looks.get(patch)?.map(|bits| f16::from_bits(bits).to_f32()))
    }

    /// Bytes of all numbers, as they are stored.
    pub(crate) fn bytes(&self) -> usize {
        let gaussian = |d: usize| 4 * (d + d * (d + 1) / 2);
        let banks = self
            .banks
            .iter()
            .map(|bank| 2 * bank.dimensions * bank.len());
        let texture = self
            .texture
            .as_ref()
            .map_or(0, |texture| texture.dimensions());
        let place = self.place.as_ref();
        let place = place.map_or(0, |place| 2 * place.bank.dimensions * place.bank.len());
        banks.sum::<usize>()
            + gaussian(self.whole.dimensions())
            + gaussian(self.grain.dimensions())
            + gaussian(texture)
            + place
            + 2 * self.looks.len()
    }

    pub(crate) fn pack(&self, kernels: Kernels) -> PackedMemory {
        PackedMemory {
            place: self.place.as_ref().map(|place| place.pack(kernels)),
            banks: self.banks.iter().map(|bank| bank.pack(kernels)).collect(),
            whole: self.whole.prepare(kernels),
            grain: self.grain.prepare(kernels),
            texture: self
                .texture
                .as_ref()
                .map(|texture| texture.prepare(kernels)),
        }
    }
}

/// All patches of a detector that count.
pub(crate) fn patches<'a>(good: &Good<'a>, detector: usize) -> Patches<'a> {
    let mut all = Patches::default();
    for &(number, features) in good {
        let counts = &features.counts[detector];
        for maps in std::iter::once(&features.maps).chain(&features.mirrored) {
            let map = &maps[detector];
            all.dimensions = map.dimensions;
            let cells = map.data.chunks_exact(map.dimensions).zip(counts);
            let counting = cells.enumerate().filter(|(_, (_, counts))| **counts);
            for (at, (vector, _)) in counting {
                all.rows.push(vector);
                all.origins.push(Origin {
                    picture: number as u32,
                    row: (at / map.columns) as u16,
                    column: (at % map.columns) as u16,
                });
            }
        }
    }
    all
}

/// What the patches of a bank look like, in its order; nothing when that was not asked for.
fn looks(good: &Good<'_>, detector: usize, bank: &Bank) -> Vec<u16> {
    let look = |patch: usize| {
        let origin = bank.origin(patch)?;
        let of = |(number, _): &&(usize, &Features)| *number == origin.picture as usize;
        let (_, features) = good.iter().find(of)?;
        let columns = features.maps[detector].columns;
        let at = usize::from(origin.row) * columns + usize::from(origin.column);
        features.looks.get(at)
    };
    let all: Option<Vec<&Look>> = (0..bank.len()).map(look).collect();
    let bits = |&value: &f32| f16::from_f32(value).to_bits();
    all.into_iter()
        .flatten()
        .flat_map(|look| look.iter().map(bits))
        .collect()
}

/// A memory ready for one set of kernels.
pub(crate) struct PackedMemory {
    banks: Vec<PackedBank>,
    whole: GaussianDistances,
    grain: GaussianDistances,
    texture: Option<GaussianDistances>,
    place: Option<PackedPlace>,
}

/// How a picture differs from the good ones, before that is weighed.
pub(crate) struct Measured {
    /// For each detector, `[row][column]`; `None` for cells that do not count.
    pub(crate) cells: Vec<Vec<Option<Nearest>>>,
    /// Rows and columns for each detector.
    pub(crate) grids: Vec<(usize, usize)>,
    /// Mahalanobis distance of the whole picture.
    pub(crate) whole: f32,
    /// Mahalanobis distance of its grain.
    pub(crate) grain: f32,
    pub(crate) texture: Option<TextureMap>,
    /// Of the detector that places: distances to the patches of the same place, `[row][column]`. `None`
    /// where places are not known.
    pub(crate) near: Option<Vec<Option<f32>>>,
    /// For each detector, which cells show what lies before a plain background; `None` where nothing does.
    pub(crate) object: Option<Vec<Vec<bool>>>,
}

impl PackedMemory {
    pub(crate) fn measure(&self, detectors: &[Detector], features: &Features) -> Measured {
        let measure = |((bank, map), counts): ((&PackedBank, _), &Vec<bool>)| {
            let map: &niteru_encoder::FeatureMap = map;
            let nearest = bank.nearest(&map.data);
            let cells = nearest.into_iter().zip(counts);
            cells
                .map(|(nearest, counts)| counts.then_some(nearest))
                .collect()
        };
        let maps = self.banks.iter().zip(&features.maps);
        let texture = self.texture.as_ref();
        Measured {
            cells: maps.zip(&features.counts).map(measure).collect(),
            grids: features
                .maps
                .iter()
                .map(|map| (map.rows, map.columns))
                .collect(),
            near: (self.place.as_ref().zip(placing(detectors)))
                .and_then(|(place, at)| place.near(features, at)),
            whole: self.whole.distances(&features.whole)[0],
            grain: self.grain.distances(&features.grain)[0],
            texture: texture.and_then(|texture| {
                texture::map(texture, &features.luminance, features.area.as_deref())
            }),
            object: (0..detectors.len())
                .map(|at| features.of_object(at))
                .collect(),
        }
    }

    /// The cells of a picture that are asked for, of the detector that places, each beside the nearest good
    /// patch, with their numbers and distances: to the patches of the same place, where places are known. Of cells
    /// that do not count, and where no looks are known, there is none.
    pub(crate) fn beside(
        &self,
        memory: &Memory,
        detectors: &[Detector],
        (features, measured): (&Features, &Measured),
        wanted: impl Fn(usize) -> bool,
    ) -> Vec<(usize, f32, Beside)> {
        let Some(at) = placing(detectors) else {
            return Vec::new();
        };
        let map = &features.maps[at];
        let cells = measured.cells[at].iter().zip(&features.looks).enumerate();
        let cells = cells.filter(|(cell, _)| wanted(*cell));
        let mut found: Vec<(usize, f32, Beside)> = cells
            .filter_map(|(cell, (nearest, look))| {
                let nearest = nearest.as_ref()?;
                let beside = Beside {
                    look: *look,
                    good: memory.look(nearest.patch)?,
                    place: None,
                };
                Some((cell, nearest.distance, beside))
            })
            .collect();
        if let (Some(place), Some(near)) = (&self.place, &measured.near) {
            let patches = found
                .iter()
                .flat_map(|(cell, ..)| &map.data[cell * map.dimensions..][..map.dimensions]);
            let anywhere = place.anywhere(&patches.copied().collect::<Vec<f32>>());
            for ((cell, distance, beside), anywhere) in found.iter_mut().zip(anywhere) {
                beside.place = near[*cell].map(|near| (near, anywhere.distance));
                *distance = near[*cell].unwrap_or(*distance);
            }
        }
        found
    }
}
