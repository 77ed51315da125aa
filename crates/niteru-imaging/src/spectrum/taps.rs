//! What each wave of each block adds to a pixel of the resized picture.

use std::f32::consts::PI;
use std::ops::Range;
use std::rc::Rc;

use super::plane::BLOCK;
use crate::resize::{Filter, Weights};

/// Blocks are weighted this many at a time.
pub(super) const LANES: usize = 8;

/// One axis of one plane.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis {
    /// Samples of the plane that hold picture.
    pub(super) samples: usize,
    /// Pixels for each sample, 1 or 2.
    pub(super) stretch: usize,
    /// Frequencies that are kept.
    pub(super) order: usize,
}

/// The blocks that one output takes from, and weights for each of their frequencies.
pub(super) struct Taps {
    /// The first block.
    pub(super) first: usize,
    /// Blocks.
    pub(super) count: usize,
    /// By frequency: a weight for each of the blocks, followed by zeros up to whole [`LANES`].
    weights: Vec<f32>,
}

impl Taps {
    /// The weights of a frequency, `count` of them, and zeros up to whole [`LANES`].
    pub(super) fn of(&self, frequency: usize) -> &[f32] {
        let stride = self.count.next_multiple_of(LANES);
        &self.weights[frequency * stride..][..stride]
    }

    /// The same for each frequency.
    #[inline(always)]
    pub(super) fn by_frequency(&self) -> impl Iterator<Item = &[f32]> {
        self.weights
            .chunks_exact(self.count.next_multiple_of(LANES))
    }
}

/// One axis of the picture, with the taps of the planes so far, many of which are alike.
pub(super) struct Known {
    weights: Weights,
    taps: Vec<(Axis, Rc<[Taps]>)>,
}

impl Known {
    /// For the outputs `wanted` of `out` that an axis of so many pixels is resized to.
    pub(super) fn new(pixels: usize, out: u32, wanted: Range<u32>, filter: Filter) -> Known {
        let pixels = pixels as u32;
        Known {
            weights: Weights::new(pixels, f64::from(pixels), out, wanted, filter),
            taps: vec![],
        }
    }

    /// By output: what a plane adds to it.
    pub(super) fn taps(&mut self, axis: Axis) -> Rc<[Taps]> {
        if let Some((_, taps)) = self.taps.iter().find(|(known, _)| *known == axis) {
            return taps.clone();
        }
        let new: Rc<[Taps]> = taps(&axis, &self.weights).into();
        self.taps.push((axis, new.clone()));
        new
    }
}

/// By output of the picture's weights.
///
/// The filter is linear, and so are the interpolation between samples and the waves: what a wave adds
/// to an output is its samples, weighted by what the filter gives to each of them. So the outputs are
/// those of the full picture, but for the waves that were not kept and for what is rounded or cut off.
fn taps(axis: &Axis, weights: &Weights) -> Vec<Taps> {
    let waves: Vec<[f32; BLOCK]> = (0..axis.order).map(wave).collect();
    let outputs = 0..weights.len();
    let taps = outputs.map(|output| {
        let (from, of_samples) = samples(axis, weights, output);
        let first = from / BLOCK;
        let count = ((from + of_samples.len()).div_ceil(BLOCK) - first).max(1);
        let stride = count.next_multiple_of(LANES);
        let mut of_waves = vec![0f32; stride * axis.order];
        for (at, &weight) in of_samples.iter().enumerate() {
            let (block, place) = ((from + at) / BLOCK - first, (from + at) % BLOCK);
            for (row, wave) in of_waves.chunks_exact_mut(stride).zip(&waves) {
                row[block] += weight * wave[place];
            }
        }
        Taps {
            first,
            count,
            weights: of_waves,
        }
    });
    taps.collect()
}

/// The first sample that an output takes from, and the weights of it and those that follow.
fn samples(axis: &Axis, weights: &Weights, output: usize) -> (usize, Vec<f32>) {
    let pixels = weights.floats(output);
    if axis.stretch == 1 {
        let (range, values) = pixels;
        return (range.start, values.collect());
    }
    let (range, values) = pixels;
    let last = axis.samples - 1;
    let from = (range.start / 2).saturating_sub(1);
    let to = (range.end / 2 + 1).min(last);
    let mut of_samples = vec![0f32; to - from + 1];
    for (pixel, weight) in range.zip(values) {
        // Three quarters of the own sample and one of the neighbour, as the full decoder has it.
        let own = (pixel / 2).min(last);
        let neighbour = match pixel % 2 {
            0 => own.saturating_sub(1),
            _ => (own + 1).min(last),
        };
        of_samples[own - from] += 0.75 * weight;
        of_samples[neighbour - from] += 0.25 * weight;
    }
    (from, of_samples)
}

/// A wave of so many half periods a block, at its samples.
fn wave(frequency: usize) -> [f32; BLOCK] {
    std::array::from_fn(|x| (((2 * x + 1) * frequency) as f32 * PI / 16.0).cos())
}
