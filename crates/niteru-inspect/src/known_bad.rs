//! What bad pictures look like, from those that people have shown.
//!
//! A picture whose most unusual patch, or whose whole, resembles that of a known bad picture is more suspicious
//! than its distance from the good ones tells. What good pictures have in common is taken off before two are
//! compared, so that being a picture of the same part is no resemblance.

use half::f16;
use niteru_learn::Spread;
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
const SAME: f32 = 0.9999;

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
    /// `good` were held out. `None` where the pictures are too few to tell what is usual.
    pub(crate) fn learn(good: &[Traits], bad: &[Traits]) -> Option<KnownBad> {
        if good.len() < SOME || bad.len() < FEWEST {
            return None;
        }
        let kind = |of: fn(&Traits) -> &[f32]| {
            let (good, bad): (Vec<&[f32]>, Vec<&[f32]>) =
                (good.iter().map(of).collect(), bad.iter().map(of).collect());
            Kind::learn(&good, &bad)
        };
        Some(KnownBad {
            patch: kind(|traits| &traits.patch),
            whole: kind(|traits| &traits.whole),
        })
    }

    /// What resemblance to known bad pictures adds to a picture's score: 0…2.4.
    ///
    /// `itself`: whether the picture, where it is a known one, is compared with itself; not when it is to tell
    /// how others would be judged.
    pub(crate) fn adds(&self, traits: &Traits, itself: bool) -> f64 {
        let kinds = [(&self.patch, &traits.patch), (&self.whole, &traits.whole)];
        let adds = kinds.map(|(kind, of)| {
            let z = kind.usual.z(f64::from(kind.resemblance(of, itself)));
            WEIGHT * (z - SILENT).clamp(0.0, MOST)
        });
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
    fn learn(good: &[&[f32]], bad: &[&[f32]]) -> Kind {
        let dimensions = good.first().map_or(0, |vector| vector.len());
        let mut centre = vec![0.0f32; dimensions];
        for vector in good {
            let share = 1.0 / (length(vector) * good.len() as f32);
            centre
                .iter_mut()
                .zip(*vector)
                .for_each(|(sum, value)| *sum += share * value);
        }
        let mut kind = Kind {
            centre,
            bad: Vec::new(),
            usual: Spread::of(&[]),
        };
        let directions = bad.iter().flat_map(|vector| kind.direction(vector));
        kind.bad = directions
            .map(|value| f16::from_f32(value).to_bits())
            .collect();
        let usual: Vec<f64> = good
            .iter()
            .map(|vector| kind.resemblance(vector, true).into())
            .collect();
        kind.usual = Spread::of(&usual);
        kind
    }

    /// Where a picture lies, seen from the good ones: a unit vector.
    fn direction(&self, vector: &[f32]) -> Vec<f32> {
        let scale = 1.0 / length(vector);
        let pairs = vector.iter().zip(&self.centre);
        let mut direction: Vec<f32> = pairs.map(|(value, mean)| value * scale - mean).collect();
        let scale = 1.0 / length(&direction);
        direction.iter_mut().for_each(|value| *value *= scale);
        direction
    }

    /// The largest cosine similarity with a known bad picture, −1…1.
    fn resemblance(&self, vector: &[f32], itself: bool) -> f32 {
        let direction = self.direction(vector);
        let rows = self.bad.chunks_exact(direction.len().max(1));
        let similarities = rows.map(|row| {
            let pairs = row.iter().zip(&direction);
            pairs
                .map(|(&bits, value)| f16::from_bits(bits).to_f32() * value)
                .sum::<f32>()
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

/// Above 0: what has no direction keeps none.
fn length(vector: &[f32]) -> f32 {
    let squares: f32 = vector.iter().map(|value| value * value).sum();
    squares.sqrt().max(f32::MIN_POSITIVE)
}
