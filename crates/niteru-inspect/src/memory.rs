//! What good pictures have in common, and how a picture differs from it.

use niteru_kernels::Kernels;
use niteru_learn::{FitError, Gaussian, GaussianDistances};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::bank::{Bank, Nearest, Origin, PackedBank, Patches};
use crate::features::Features;
use crate::recipe::Detector;
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
}

/// The good pictures that a memory is made of, each with its number.
pub(crate) type Good<'a> = [(usize, &'a Features)];

impl Memory {
    /// From at least one good picture.
    pub(crate) fn learn(
        kernels: Kernels,
        detectors: &[Detector],
        good: &Good<'_>,
        seed: u64,
    ) -> Result<Memory, FitError> {
        let banks = (0..detectors.len())
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
        Ok(Memory {
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
        banks.sum::<usize>()
            + gaussian(self.whole.dimensions())
            + gaussian(self.grain.dimensions())
            + gaussian(texture)
    }

    pub(crate) fn pack(&self, kernels: Kernels) -> PackedMemory {
        PackedMemory {
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
fn patches(good: &Good<'_>, detector: usize) -> Patches {
    let mut all = Patches::default();
    for (number, features) in good {
        let (map, counts) = (&features.maps[detector], &features.counts[detector]);
        all.dimensions = map.dimensions;
        let cells = map
            .data
            .chunks_exact(map.dimensions)
            .zip(counts)
            .enumerate();
        for (at, (vector, _)) in cells.filter(|(_, (_, counts))| **counts) {
            all.rows.extend_from_slice(vector);
            all.origins.push(Origin {
                picture: *number as u32,
                row: (at / map.columns) as u16,
                column: (at % map.columns) as u16,
            });
        }
    }
    all
}

/// A memory ready for one set of kernels.
pub(crate) struct PackedMemory {
    banks: Vec<PackedBank>,
    whole: GaussianDistances,
    grain: GaussianDistances,
    texture: Option<GaussianDistances>,
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
}

impl PackedMemory {
    pub(crate) fn measure(&self, features: &Features) -> Measured {
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
            whole: self.whole.distances(&features.whole)[0],
            grain: self.grain.distances(&features.grain)[0],
            texture: texture.and_then(|texture| {
                texture::map(texture, &features.luminance, features.area.as_deref())
            }),
        }
    }
}
