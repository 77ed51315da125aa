use super::LEAST_SIDE;
use crate::likeness::luma;
use crate::{Filter, HeatMap, Picture};

/// Brightness is compared with that of a view of so many times fewer pixels a side.
const COARSER: f64 = 12.0;

/// Sides' ratios of the two pictures may differ by this factor.
const MOST_APART: f64 = 1.25;

/// Sizes at which two pictures show things equally large.
pub(super) struct Sizes {
    pub(super) reference: (u32, u32),
    pub(super) moving: (u32, u32),
}

impl Sizes {
    /// The reference's longer side becomes `side`, if it is longer. None for pictures that are too
    /// small or too different in shape.
    pub(super) fn new(reference: &Picture, moving: &Picture, side: f64) -> Option<Sizes> {
        let sides = |picture: &Picture| (f64::from(picture.width()), f64::from(picture.height()));
        let ((width, height), (other_width, other_height)) = (sides(reference), sides(moving));
        let scale = (side / width.max(height)).min(1.0);
        let same = width.min(height) / other_width.min(other_height);
        let shape = (width / height) / (other_width / other_height);
        if !(1.0 / MOST_APART..=MOST_APART).contains(&shape) {
            return None;
        }
        let round = |side: f64| (side * scale).round().max(1.0) as u32;
        let sizes = Sizes {
            reference: (round(width), round(height)),
            moving: (round(other_width * same), round(other_height * same)),
        };
        let shorter = |(width, height): (u32, u32)| width.min(height) as usize;
        (shorter(sizes.reference).min(shorter(sizes.moving)) >= LEAST_SIDE).then_some(sizes)
    }
}

/// Brightness less that of the surroundings, row by row.
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) data: Vec<f32>,
}

impl Plane {
    fn new(picture: &Picture, scale: f64) -> Plane {
        let side = |side: u32, scale: f64| (f64::from(side) * scale).round().max(1.0) as u32;
        let (width, height) = (side(picture.width(), scale), side(picture.height(), scale));
        let small = picture.resize(width, height, Filter::Bilinear);
        let around = {
            let (width, height) = (side(width, 1.0 / COARSER), side(height, 1.0 / COARSER));
            let coarse = small.resize(width, height, Filter::Bilinear);
            HeatMap::new(width, height, grey(&coarse)).ok()
        };
        let mut data = grey(&small);
        if let Some(around) = around {
            let around = around.resized(width, height);
            for (value, around) in data.iter_mut().zip(around.data()) {
                *value -= around;
            }
        }
        Plane {
            width: width as usize,
            height: height as usize,
            data,
        }
    }

    /// The pixel coordinates of the picture's centre.
    pub(super) fn centre(&self) -> (f64, f64) {
        (
            (self.width as f64 - 1.0) / 2.0,
            (self.height as f64 - 1.0) / 2.0,
        )
    }

    /// Value and gradient at a place between pixels; none outside their centres.
    #[inline]
    pub(super) fn sample(&self, x: f32, y: f32) -> Option<[f32; 3]> {
        // Also false where a coordinate is no number.
        if !(x >= 0.0 && y >= 0.0) {
            return None;
        }
        let (left, top) = (x as usize, y as usize);
        if left + 1 >= self.width || top + 1 >= self.height {
            return None;
        }
        let at = top * self.width + left;
        let (upper, lower) = (&self.data[at..at + 2], &self.data[at + self.width..][..2]);
        let (x, y) = (x - left as f32, y - top as f32);
        let (above, below) = (upper[1] - upper[0], lower[1] - lower[0]);
        let (from, to) = (upper[0] + x * above, lower[0] + x * below);
        Some([
            from + y * (to - from),
            above + y * (below - above),
            to - from,
        ])
    }
}

fn grey(picture: &Picture) -> Vec<f32> {
    let (pixels, _) = picture.pixels().as_chunks::<3>();
    pixels.iter().map(|&pixel| luma(pixel)).collect()
}

/// Both pictures at one scale.
pub(super) struct Pair {
    pub(super) reference: Plane,
    pub(super) moving: Plane,
}

impl Pair {
    /// The reference's longer side becomes `side`, if it is longer.
    pub(super) fn new(reference: &Picture, moving: &Picture, side: f64) -> Pair {
        let longer = f64::from(reference.width().max(reference.height()));
        let scale = (side / longer).min(1.0);
        Pair {
            reference: Plane::new(reference, scale),
            moving: Plane::new(moving, scale),
        }
    }

    /// How many times larger this pair is than another.
    pub(super) fn ratio(&self, other: &Pair) -> f64 {
        let longer = |pair: &Pair| pair.reference.width.max(pair.reference.height) as f64;
        longer(self) / longer(other)
    }

    /// From the centre to a corner.
    pub(super) fn radius(&self) -> f64 {
        let (x, y) = self.reference.centre();
        x.hypot(y)
    }

    pub(super) fn shorter_side(&self) -> f64 {
        self.reference.width.min(self.reference.height) as f64
    }
}
