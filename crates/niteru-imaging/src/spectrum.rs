//! The low waves of a JPEG picture, and smaller pictures made of them directly.
//!
//! A picture that is to become much smaller needs only the lowest waves of its blocks: the resize
//! filter takes out the others. And the filter can be applied to waves as well as to pixels, for it is
//! linear. So no pixel of the full picture is ever made, nor a colour converted but those of the
//! result.

mod colour;
mod cut;
mod plane;
mod taps;

use std::rc::Rc;

use image::metadata::Orientation;

pub(crate) use plane::{Layout, MAX_ORDER, MAX_WANTED, Plane};
use taps::{Axis, Known, LANES, Taps};

use crate::orient;
use crate::resize::{Filter, Window};

/// The low waves of a picture.
#[derive(Clone, PartialEq)]
pub(crate) struct Spectrum {
    /// Width and height of the picture in the file, as it lies there.
    size: (usize, usize),
    /// One plane (grey) or three (YCbCr).
    planes: Vec<Plane>,
    /// None, or what is added to red, green and blue.
    cuts: Vec<Plane>,
    orientation: Orientation,
}

impl Spectrum {
    /// Of planes whose blocks are filled.
    pub(crate) fn new(
        size: (usize, usize),
        mut planes: Vec<Plane>,
        orientation: Orientation,
    ) -> Spectrum {
        planes.iter_mut().for_each(Plane::finish);
        let cuts = match &planes[..] {
            [luma, blue, red] => cut::cuts(luma, blue, red).map_or(vec![], Vec::from),
            _ => vec![],
        };
        Spectrum {
            size,
            planes,
            cuts,
            orientation,
        }
    }

    /// Width and height of the upright picture in full.
    pub(crate) fn full_size(&self) -> (u32, u32) {
        let (width, height) = (self.size.0 as u32, self.size.1 as u32);
        match orient::swaps_sides(self.orientation) {
            true => (height, width),
            false => (width, height),
        }
    }

    /// Width, height and RGB pixels of the upright picture at an eighth of its sides: the means of
    /// the blocks.
    pub(crate) fn eighth(&self) -> (u32, u32, Vec<u8>) {
        let side = |side: usize| side.div_ceil(plane::BLOCK);
        let (width, height) = (side(self.size.0), side(self.size.1));
        let mut pixels = vec![0; width * height * 3];
        let mut rows = vec![vec![0f32; width]; self.planes.len()];
        for (y, to) in pixels.chunks_exact_mut(width * 3).enumerate() {
            for (plane, row) in self.planes.iter().zip(&mut rows) {
                plane.spread_means(y, row);
            }
            colour::pixels(&mut rows, &[], to);
        }
        orient::upright(width as u32, height as u32, pixels, self.orientation)
    }

    /// The upright picture resized to `to` = (width, height), RGB; only `window` of it. Not for
    /// [`Filter::Nearest`].
    pub(crate) fn resize(&self, to: (u32, u32), window: Window, filter: Filter) -> Vec<u8> {
        self.resize_with(best_rows(), to, window, filter)
    }

    fn resize_with(&self, rows: Rows, to: (u32, u32), window: Window, filter: Filter) -> Vec<u8> {
        let (to, window) = orient::lying(to, window, self.orientation);
        let (width, height) = (window.width as usize, window.height as usize);
        let (x, y) = (
            window.x..window.x + window.width,
            window.y..window.y + window.height,
        );
        let mut across = Known::new(self.size.0, to.0, x, filter);
        let mut down = Known::new(self.size.1, to.1, y, filter);
        let mut part = |plane| Part::new(plane, &mut across, &mut down);
        let mut parts: Vec<Part<'_>> = self.planes.iter().map(&mut part).collect();
        let mut cuts: Vec<Part<'_>> = self.cuts.iter().map(part).collect();
        let mut pixels = vec![0; width * height * 3];
        rows(&mut parts, &mut cuts, width, &mut pixels);
        orient::upright(window.width, window.height, pixels, self.orientation).2
    }
}

/// Makes all rows of RGB pixels of the planes and of what is added to their colours.
type Rows = fn(&mut [Part<'_>], &mut [Part<'_>], usize, &mut [u8]);

/// The fastest for this CPU. All give the same pixels.
fn best_rows() -> Rows {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: called only where the CPU has AVX2.
        return |parts, cuts, width, pixels| unsafe { rows_avx2(parts, cuts, width, pixels) };
    }
    rows
}

/// As [`rows`], compiled for AVX2: twice the lanes, and integers of 16 bits become floats in two steps.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn rows_avx2(parts: &mut [Part<'_>], cuts: &mut [Part<'_>], width: usize, pixels: &mut [u8]) {
    rows(parts, cuts, width, pixels);
}

#[inline(always)]
fn rows(parts: &mut [Part<'_>], cuts: &mut [Part<'_>], width: usize, pixels: &mut [u8]) {
    let mut rows = vec![vec![0f32; width]; parts.len()];
    let mut cut_rows = vec![vec![0f32; width]; cuts.len()];
    for (y, to) in pixels.chunks_exact_mut(width * 3).enumerate() {
        for (part, row) in parts.iter_mut().zip(&mut rows) {
            part.row(y, row);
        }
        for (part, row) in cuts.iter_mut().zip(&mut cut_rows) {
            part.row(y, row);
        }
        colour::pixels(&mut rows, &cut_rows, to);
    }
}

/// What is needed to resize a plane.
struct Part<'a> {
    plane: &'a Plane,
    across: Rc<[Taps]>,
    down: Rc<[Taps]>,
    /// The first block of a row that is needed.
    first: usize,
    /// By frequency across: a row of blocks, all frequencies down added up. Zeros follow.
    waves: Vec<Vec<f32>>,
}

impl<'a> Part<'a> {
    fn new(plane: &'a Plane, across: &mut Known, down: &mut Known) -> Part<'a> {
        let layout = &plane.layout;
        let axis = |samples, stretch| Axis {
            samples,
            stretch,
            order: plane.order,
        };
        let across = across.taps(axis(layout.samples.0, layout.stretch.0));
        let down = down.taps(axis(layout.samples.1, layout.stretch.1));
        let first = across.iter().map(|taps| taps.first).min().unwrap_or(0);
        let end = across.iter().map(|taps| taps.first + taps.count).max();
        let length = end.unwrap_or(first) - first;
        Part {
            plane,
            across,
            down,
            first,
            waves: vec![vec![0.0; length + LANES]; plane.order],
        }
    }

    /// Row `y` of the window.
    #[inline(always)]
    fn row(&mut self, y: usize, to: &mut [f32]) {
        self.add_up(y);
        for (to, taps) in to.iter_mut().zip(&*self.across) {
            let mut sums = [0f32; LANES];
            let start = taps.first - self.first;
            for (row, weights) in self.waves.iter().zip(taps.by_frequency()) {
                let (weights, _) = weights.as_chunks::<LANES>();
                let (blocks, _) = row[start..].as_chunks::<LANES>();
                for (weights, blocks) in weights.iter().zip(blocks) {
                    for ((sum, &weight), &block) in sums.iter_mut().zip(weights).zip(blocks) {
                        *sum += weight * block;
                    }
                }
            }
            *to = sums.iter().sum();
        }
    }

    /// Fills `waves` for row `y` of the window.
    #[inline(always)]
    fn add_up(&mut self, y: usize) {
        let taps = &self.down[y];
        for row in &mut self.waves {
            row.fill(0.0);
        }
        for block in 0..taps.count {
            let row = taps.first + block;
            let means = &self.plane.means_of(row)[self.first..];
            let weight = taps.of(0)[block];
            for (sum, &mean) in self.waves[0].iter_mut().zip(means) {
                *sum += weight * mean;
            }
            for at in 1..self.plane.wanted() {
                let (across, down) = plane::WHERE[at];
                let weight = taps.of(down)[block] * self.plane.steps[at];
                let blocks = &self.plane.waves_of(row, at)[self.first..];
                for (sum, &wave) in self.waves[across].iter_mut().zip(blocks) {
                    *sum += weight * f32::from(wave);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use image::metadata::Orientation;

    use super::{Layout, Plane, Spectrum, best_rows, rows};
    use crate::resize::{Filter, Window};

    /// Colours with grain, as dark and bright as can be.
    fn spectrum() -> Spectrum {
        let mut state = 1u32;
        let mut random = |most: i32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i32 % (2 * most + 1) - most
        };
        let planes = [(1, 3), (2, 4), (2, 4)].map(|(stretch, order)| {
            let layout = Layout {
                blocks: (36 / stretch, 26 / stretch),
                samples: (283usize.div_ceil(stretch), 205usize.div_ceil(stretch)),
                stretch: (stretch, stretch),
            };
            let mut plane = Plane::new(layout, order, &[3; 64]);
            for block in 0..layout.blocks.0 * layout.blocks.1 {
                let mut coefficients = vec![random(340) as i16];
                coefficients.extend((1..plane.wanted()).map(|_| random(20) as i16));
                let place = (block % layout.blocks.0, block / layout.blocks.0);
                plane.put(place, &coefficients, random(50).unsigned_abs(), false);
            }
            plane
        });
        Spectrum::new((283, 205), Vec::from(planes), Orientation::NoTransforms)
    }

    #[test]
    fn all_instructions_resize_alike() {
        let spectrum = spectrum();
        assert!(!spectrum.cuts.is_empty());
        for (width, height) in [(1, 1), (7, 9), (23, 17), (50, 33)] {
            let window = Window {
                x: 0,
                y: 0,
                width,
                height,
            };
            for filter in [Filter::Bicubic, Filter::Bilinear, Filter::Lanczos] {
                let [plain, best] = [rows, best_rows()]
                    .map(|rows| spectrum.resize_with(rows, (width, height), window, filter));
                assert_eq!(plain, best, "{width} x {height}, {filter:?}");
            }
        }
    }

    #[test]
    fn spread_of_a_block_is_that_of_its_coefficients() {
        let layout = Layout {
            blocks: (2, 1),
            samples: (16, 8),
            stretch: (1, 1),
        };
        let mut plane = Plane::new(layout, 4, &[16; 64]);
        let coefficients = [5, 1, -2, 3, 0, 0, 0, 0, 0, 4];
        plane.put((1, 0), &coefficients, 2, false);
        plane.finish();
        // A unit of a coefficient with step 16 has a square of 16² / 64 in the mean of 64 samples.
        assert_eq!(
            plane.variances_of(0),
            [0.0, 4.0 * (1 + 4 + 9 + 16 + 2) as f32]
        );
        assert_eq!(plane.means_of(0)[0], 0.0);
        assert!((plane.means_of(0)[1] - 5.0 * 16.0 / 8.0).abs() < 1e-5);
    }
}
