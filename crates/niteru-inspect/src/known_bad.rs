//! What bad pictures look like, from those that people have shown.
//!
//! A picture whose most unusual patch, or whose whole, resembles that of a known bad picture is more suspicious
//! than its distance from the good ones tells. What good pictures have in common is taken off before two are
//! compared, so that being a picture of the same part is no resemblance.

use half::f16;
use niteru_learn::Spread;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::features::Features;
use crate::memory::Measured;
use crate::recipe::{Detector, SOME, telling};

/// Fewer bad pictures are no kind, and their accidents would count.
pub(crate) const FEWEST: usize = 3;

/// Robust standard deviations of good pictures that a resemblance is silent below, and that say all there is to say.
const SILENT: f64 = 1.0;
const MOST: f64 = 4.0;

/// What a robust standard deviation adds to the score, for the patch and for the whole. Chosen on magnetic tiles
/// among 0.3, 0.5 and 1: more finds no more.
const WEIGHT: f64 = 0.3;

/// The same picture is no resemblance: cosine similarity from which on two are the same.
const SAME: f32 = 0.999;

/// What is compared of a picture.
#[derive(Clone, Debug)]
pub(crate) struct Traits {
    /// Features of the patch that is farthest from the good ones.
    patch: Vec<f32>,
    /// Description of the whole picture.
    whole: Vec<f32>,
}

impl Traits {
    /// `None` where nothing of the picture counts.
    pub(crate) fn of(
        detectors: &[Detector],
        features: &Features,
        measured: &Measured,
    ) -> Option<Traits> {
        let at = telling(detectors)?;
        let cells = measured.cells[at].iter().enumerate();
        let far = cells.filter_map(|(cell, nearest)| Some((cell, nearest.as_ref()?.distance)));
        let (cell, _) = far.max_by(|a, b| a.1.total_cmp(&b.1))?;
        let map = &features.maps[at];
        Some(Traits {
            patch: map.data[cell * map.dimensions..][..map.dimensions].to_vec(),
            whole: features.whole.clone(),
        })
    }
}

/// Known bad pictures, to compare others with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct KnownBad {
    patch: Kind,
    whole: Kind,
}

impl KnownBad {
    /// `good` were held out, in the order of the pictures; `None` where nothing of one counts. Gives what resemblance
    /// adds to the score of each as of a picture that was not learnt from, too; nothing where the pictures are too
    /// few to tell what is usual.
    pub(crate) fn learn(good: &[Option<Traits>], bad: &[Traits]) -> Option<(KnownBad, Vec<f64>)> {
        let known: Vec<&Traits> = good.iter().flatten().collect();
        if known.len() < SOME || bad.len() < FEWEST {
            return None;
        }
        let kind = |of: fn(&Traits) -> &[f32]| {
            let good: Vec<Vec<f32>> = known.iter().map(|traits| unit(of(traits))).collect();
            let bad: Vec<Vec<f32>> = bad.iter().map(|traits| unit(of(traits))).collect();
            Kind::learn(&good, &bad)
        };
        let (patch, of_patch) = kind(|traits| &traits.patch);
        let (whole, of_whole) = kind(|traits| &traits.whole);
        let mut held_out = of_patch.iter().zip(&of_whole);
        let adds = good.iter().map(|traits| match traits {
            None => 0.0,
            Some(_) => held_out.next().map_or(0.0, |(of_patch, of_whole)| {
                patch.adds(*of_patch) + whole.adds(*of_whole)
            }),
        });
        let adds = adds.collect();
        Some((KnownBad { patch, whole }, adds))
    }

    /// What resemblance to known bad pictures adds to a picture's score: 0…2.4.
    ///
    /// `itself`: whether the picture, where it is a known one, is compared with itself; not when it is to tell
    /// how others would be judged.
    pub(crate) fn adds(&self, traits: &Traits, itself: bool) -> f64 {
        let kinds = [(&self.patch, &traits.patch), (&self.whole, &traits.whole)];
        let adds = kinds.map(|(kind, of)| kind.adds(kind.resemblance(of, itself)));
        adds.iter().sum()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.whole.bad.len() / self.whole.centre.len().max(1)
    }

    /// Whether it is what can be learnt of maps with so many dimensions, and of such descriptions.
    pub(crate) fn is_sound(&self, patch: usize, whole: usize) -> bool {
        let count = self.len();
        self.patch.is_sound(patch, count) && self.whole.is_sound(whole, count)
    }
}

/// One thing that is compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Kind {
    /// Mean of the good pictures' unit vectors.
    centre: Vec<f32>,
    /// Of the bad pictures: bits of f16 values, `[pictures, dimensions]`; each a unit vector about the centre.
    bad: Vec<u16>,
    /// Largest cosine similarity of a good picture with a bad one.
    usual: Spread,
}

impl Kind {
    /// From unit vectors; gives the resemblance of each good picture seen from the others alone. Were it part of
    /// the centre it is seen from, it would resemble the bad ones less than another good picture does.
    fn learn(good: &[Vec<f32>], bad: &[Vec<f32>]) -> (Kind, Vec<f32>) {
        let dimensions = good.first().map_or(0, Vec::len);
        let mut sum = vec![0.0f32; dimensions];
        for vector in good {
            sum.iter_mut()
                .zip(vector)
                .for_each(|(sum, value)| *sum += value);
        }
        let count = good.len() as f32;
        let held_out: Vec<f32> = good
            .par_iter()
            .map(|own| {
                let others = sum.iter().zip(own);
                let centre: Vec<f32> = others
                    .map(|(sum, own)| (sum - own) / (count - 1.0).max(1.0))
                    .collect();
                let direction = about(own, &centre);
                let similarities = bad.iter().map(|bad| dot(&about(bad, &centre), &direction));
                similarities.fold(-1.0, f32::max).min(1.0)
            })
            .collect();
        let centre: Vec<f32> = sum.iter().map(|sum| sum / count.max(1.0)).collect();
        let directions = bad.iter().flat_map(|bad| about(bad, &centre));
        let usual: Vec<f64> = held_out.iter().copied().map(f64::from).collect();
        let kind = Kind {
            bad: directions
                .map(|value| f16::from_f32(value).to_bits())
                .collect(),
            usual: Spread::of(&usual),
            centre,
        };
        (kind, held_out)
    }

    /// What so much resemblance adds to a score.
    fn adds(&self, resemblance: f32) -> f64 {
        let z = self.usual.z(f64::from(resemblance));
        WEIGHT * (z - SILENT).clamp(0.0, MOST)
    }

    /// The largest cosine similarity with a known bad picture, −1…1.
    fn resemblance(&self, vector: &[f32], itself: bool) -> f32 {
        let direction = about(&unit(vector), &self.centre);
        let rows = self.bad.chunks_exact(direction.len().max(1));
        let similarities = rows.map(|row| {
            let row: Vec<f32> = row
                .iter()
                .map(|&bits| f16::from_bits(bits).to_f32())
                .collect();
            // Rounding to 16 bits has changed its length a little.
            dot(&unit(&row), &direction)
        });
        let others = similarities.filter(|&similarity| itself || similarity < SAME);
        others.fold(-1.0, f32::max).min(1.0)
    }

    fn is_sound(&self, dimensions: usize, count: usize) -> bool {
        let finite = |&bits: &u16| f16::from_bits(bits).is_finite();
        self.centre.len() == dimensions
            && self.centre.iter().all(|value| value.is_finite())
            && self.bad.len() == count * dimensions
            && self.bad.iter().all(finite)
    }
}

/// Where a picture lies, seen from a centre: a unit vector.
fn about(vector: &[f32], centre: &[f32]) -> Vec<f32> {
    let pairs = vector.iter().zip(centre);
    unit(
        &pairs
            .map(|(value, mean)| value - mean)
            .collect::<Vec<f32>>(),
    )
}

/// The vector at length 1; what has no direction keeps none.
fn unit(vector: &[f32]) -> Vec<f32> {
    let length = dot(vector, vector).sqrt().max(f32::MIN_POSITIVE);
    vector.iter().map(|value| value / length).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
