//! Whether mirror images of the good pictures are good, too: few pictures then stand for three times as
//! many.

use std::path::PathBuf;

use niteru_encoder::FeatureMap;
use niteru_imaging::{Mirror, Picture};
use niteru_kernels::Kernels;
use rayon::prelude::*;

use super::read::Reader;
use crate::bank::{Bank, PackedBank};
use crate::features::Features;
use crate::fusion::farthest;
use crate::memory::patches;
use crate::recipe::SOME;

/// Mirror images are good when they are, on average, so little farther from the other good pictures than
/// the pictures are themselves: a logarithm of distances.
const AS_NEAR: f64 = 0.05;

/// Adds mirror images to the features of few pictures, as far as the pictures show that they are good.
pub(super) fn add(reader: &Reader<'_>, paths: &[PathBuf], features: &mut [Features]) {
    if !(2..SOME).contains(&features.len()) {
        return;
    }
    let kernels = reader.encoder.kernels();
    let deciding: Vec<usize> = (0..reader.detectors.len())
        .filter(|&at| reader.detectors[at].decides)
        .collect();
    let mut mirrors = Vec::new();
    for mirror in Mirror::ALL {
        // A picture that was read a moment ago; without it, there is no mirror image to learn from.
        let maps: Option<Vec<Vec<FeatureMap>>> = paths
            .par_iter()
            .map(|path| {
                let picture = Picture::open(path, &reader.options.limits).ok()?;
                Some(reader.mirrored(&picture, mirror))
            })
            .collect();
        let Some(maps) = maps else { break };
        mirrors.push((maps, Vec::new()));
    }
    // The banks of one picture at a time: together they may be larger than all that is learnt.
    for (at, own) in features.iter().enumerate() {
        let banks = banks(kernels, reader, &deciding, features, at);
        for (maps, farther) in &mut mirrors {
            for (&detector, bank) in deciding.iter().zip(&banks) {
                let counts = &own.counts[detector];
                let top = |map: &FeatureMap| {
                    let nearest = bank.nearest(&map.data).into_iter().zip(counts);
                    let counting = nearest.filter(|(_, counts)| **counts);
                    let distances = counting.map(|(nearest, _)| nearest.distance);
                    farthest(&reader.detectors[detector], distances)
                };
                farther.push(top(&maps[at][detector]) - top(&own.maps[detector]));
            }
        }
    }
    for (maps, farther) in mirrors {
        if farther.iter().sum::<f64>() <= AS_NEAR * farther.len() as f64 {
            let pairs = features.iter_mut().zip(maps);
            pairs.for_each(|(features, maps)| features.mirrored.push(maps));
        }
    }
}

/// Of each deciding detector, all patches of the other pictures.
fn banks(
    kernels: Kernels,
    reader: &Reader<'_>,
    deciding: &[usize],
    features: &[Features],
    out: usize,
) -> Vec<PackedBank> {
    let others: Vec<(usize, &Features)> = features
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != out)
        .collect();
    let bank = |&at: &usize| {
        let most = reader.detectors[at].most_patches();
        Bank::choose(&patches(&others, at), most, reader.options.seed).pack(kernels)
    };
    deciding.iter().map(bank).collect()
}
