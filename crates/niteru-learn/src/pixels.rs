//! How well heat maps find the places of defects.
//!
//! Pixels are not kept: they are counted in bins of their score, 6 MB in all, however many there
//! are. The per-region overlap needs no more than that either. It is the mean over regions of the
//! share of their pixels above a threshold, so each pixel counts one over the size of its region.

use crate::components::for_each_region;
use serde::{Deserialize, Serialize};

/// Upper bits of a score that say which bin it belongs to: sign, exponent and 9 bits of the
/// mantissa.
const KEY_BITS: u32 = 18;

/// Up to this share of good pixels above the threshold the per-region overlap is integrated.
const PRO_LIMIT: f64 = 0.3;

/// Collects the scores of pixels, map by map.
#[derive(Clone, Debug)]
pub struct PixelScores {
    /// Good pixels in each bin, lowest scores first.
    good: Vec<u64>,
    /// Defect pixels in each bin.
    bad: Vec<u64>,
    /// Defect pixels in each bin, each weighing one over the pixels of its region.
    overlap: Vec<f64>,
    /// Regions of defects so far.
    regions: u64,
}

/// What the scores of pixels are worth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PixelQuality {
    /// The probability that a defect pixel has a higher score than a good one; `None` without
    /// pixels of either kind.
    pub auroc: Option<f64>,
    /// The per-region overlap (Bergmann et al., *Uninformed Students*, CVPR 2020): for each
    /// threshold the mean, over the regions of all masks, of the share of the region that is above
    /// it, against the share of good pixels that is, integrated up to 0.3 and divided by 0.3. 0…1;
    /// 0.15 is chance. `None` without pixels of either kind.
    pub pro: Option<f64>,
}

/// A map or a mask that has not the size it is said to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {what} of {width}×{height} pixels expected, got {pixels} pixels")]
pub struct MapError {
    what: &'static str,
    width: usize,
    height: usize,
    pixels: usize,
}

impl Default for PixelScores {
    fn default() -> Self {
        Self::new()
    }
}

impl PixelScores {
    /// Of no map.
    pub fn new() -> Self {
        let bins = 1 << KEY_BITS;
        Self {
            good: vec![0; bins],
            bad: vec![0; bins],
            overlap: vec![0.0; bins],
            regions: 0,
        }
    }

    /// Adds the scores of one image, row by row; in `mask` a defect's pixels are true. Without a
    /// mask all pixels are good. A NaN counts as the highest score.
    ///
    /// Pixels of a mask that touch at a side or a corner are one region.
    ///
    /// # Errors
    /// When the map or the mask is not `width` × `height`; then nothing was added.
    pub fn add(
        &mut self,
        map: &[f32],
        mask: Option<&[bool]>,
        width: usize,
        height: usize,
    ) -> Result<(), MapError> {
        let check = |what, pixels| match width.checked_mul(height) == Some(pixels) {
            true => Ok(()),
            false => Err(MapError {
                what,
                width,
                height,
                pixels,
            }),
        };
        check("map", map.len())?;
        let Some(mask) = mask else {
            for &score in map {
                self.good[bin(score)] += 1;
            }
            return Ok(());
        };
        check("mask", mask.len())?;
        for (&score, &defect) in map.iter().zip(mask) {
            match defect {
                true => self.bad[bin(score)] += 1,
                false => self.good[bin(score)] += 1,
            }
        }
        for_each_region(mask, width, |region| {
            let weight = 1.0 / region.len() as f64;
            for &pixel in region {
                self.overlap[bin(map[pixel])] += weight;
            }
            self.regions += 1;
        });
        Ok(())
    }

    /// The figures for all that was added.
    ///
    /// Scores in one bin count as equal: those between two neighbouring multiples of 2⁻⁹ of their
    /// power of two, which differ by less than 0.2 %. The area under the curve is off by at most
    /// half the share of pairs (good, defect) that share a bin.
    pub fn finish(&self) -> PixelQuality {
        let good: u64 = self.good.iter().sum();
        let bad: u64 = self.bad.iter().sum();
        if good == 0 || bad == 0 {
            return PixelQuality {
                auroc: None,
                pro: None,
            };
        }
        let regions = self.regions as f64;
        let found = self.bad.iter().map(|&count| count as f64 / bad as f64);
        let overlap = self.overlap.iter().map(|weight| weight / regions);
        PixelQuality {
            auroc: Some(self.area(good, found, 1.0).clamp(0.0, 1.0)),
            pro: Some((self.area(good, overlap, PRO_LIMIT) / PRO_LIMIT).clamp(0.0, 1.0)),
        }
    }

    /// The area, up to `limit` of the good pixels, under the curve that rises by what `rises` has
    /// in each bin, from the highest scores down; straight within a bin.
    fn area(&self, good: u64, rises: impl DoubleEndedIterator<Item = f64>, limit: f64) -> f64 {
        let (mut area, mut passed, mut height) = (0.0, 0, 0.0);
        for (&count, rise) in self.good.iter().zip(rises.collect::<Vec<_>>()).rev() {
            let x = passed as f64 / good as f64;
            let step = count as f64 / good as f64;
            let part = match step > 0.0 {
                true => ((limit - x) / step).min(1.0),
                false => 1.0,
            };
            area += part * step * (height + part * rise / 2.0);
            if part < 1.0 {
                break;
            }
            passed += count;
            height += rise;
        }
        area
    }
}

/// The bin of a score; a higher score is never in a lower bin.
fn bin(score: f32) -> usize {
    let score = match score.is_nan() {
        true => f32::INFINITY,
        // −0 becomes 0.
        false => score + 0.0,
    };
    let bits = score.to_bits();
    let sortable = match bits >> 31 {
        0 => bits | 1 << 31,
        _ => !bits,
    };
    (sortable >> (32 - KEY_BITS)) as usize
}
