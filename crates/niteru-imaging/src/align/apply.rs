use std::borrow::Cow;

use super::Alignment;
use super::fine::Motion;
use crate::{Filter, Mask, Picture};

/// A picture this many times larger than wanted is shrunk first, for no pixel to be passed over.
const SHRUNK_FROM: f64 = 1.25;

impl Alignment {
    /// The moving picture as the reference shows it, with `width × height` pixels (a side of 0 counts
    /// as 1; the reference's ratio of the sides is expected), by cubic convolution (R. Keys, 1981,
    /// a = -0.5), and which of its pixels lie in the moving picture. The others repeat its edge.
    ///
    /// Whether the alignment is certain is not looked at.
    pub fn apply(&self, moving: &Picture, width: u32, height: u32) -> (Picture, Mask) {
        let (width, height) = (width.max(1), height.max(1));
        let size = (moving.width(), moving.height());
        let place = |point| self.to_moving(point, (width, height), size);
        moving.resampled(width, height, place)
    }

    /// Where the moving picture shows what lies at a point of the reference. Points are in pixels from a
    /// picture's upper left corner, sizes are width and height.
    pub fn to_moving(
        &self,
        (x, y): (f64, f64),
        reference: (u32, u32),
        moving: (u32, u32),
    ) -> (f64, f64) {
        let scale = shorter(moving) / shorter(reference);
        let (from, to) = (centre(reference), centre(moving));
        let angle = self.rotation.to_radians();
        let (x, y) = Motion::turn(angle, (x - from.0) * scale, (y - from.1) * scale);
        (x + self.dx + to.0, y + self.dy + to.1)
    }

    /// Where the reference shows what lies at a point of the moving picture: the way back of
    /// [`Alignment::to_moving`].
    pub fn to_reference(
        &self,
        (x, y): (f64, f64),
        reference: (u32, u32),
        moving: (u32, u32),
    ) -> (f64, f64) {
        let scale = shorter(reference) / shorter(moving);
        let (from, to) = (centre(moving), centre(reference));
        let angle = -self.rotation.to_radians();
        let (x, y) = Motion::turn(angle, x - from.0 - self.dx, y - from.1 - self.dy);
        (x * scale + to.0, y * scale + to.1)
    }
}

impl Picture {
    /// A picture of `width × height` pixels (a side of 0 counts as 1) that shows at each point what this
    /// one shows at `place(point)`, by cubic convolution (R. Keys, 1981, a = -0.5), and which of its pixels
    /// lie in this one. The others repeat its edge. Points are in pixels from the upper left corner.
    ///
    /// Where this picture is clearly larger, by its shorter side, it is shrunk first.
    pub fn resampled(
        &self,
        width: u32,
        height: u32,
        place: impl Fn((f64, f64)) -> (f64, f64),
    ) -> (Picture, Mask) {
        let (width, height) = (width.max(1), height.max(1));
        let scale = shorter((self.width(), self.height())) / shorter((width, height));
        let side = |side: u32| (f64::from(side) / scale).round().max(1.0) as u32;
        let source = match scale > SHRUNK_FROM {
            true => {
                Cow::Owned(self.resize(side(self.width()), side(self.height()), Filter::Bilinear))
            }
            false => Cow::Borrowed(self),
        };
        let [across, down] = [
            f64::from(source.width()) / f64::from(self.width()),
            f64::from(source.height()) / f64::from(self.height()),
        ];
        let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
        let mut cells = Vec::with_capacity(width as usize * height as usize);
        for row in 0..height {
            for column in 0..width {
                let (x, y) = place((f64::from(column) + 0.5, f64::from(row) + 0.5));
                let (x, y) = (x * across - 0.5, y * down - 0.5);
                cells.push(lies_on(x, source.width()) && lies_on(y, source.height()));
                pixels.extend(cubic(&source, x, y));
            }
        }
        (
            Picture::new(width, height, pixels),
            Mask::of(width, height, cells),
        )
    }
}

/// Shorter side of a size; a side of 0 counts as 1.
fn shorter((width, height): (u32, u32)) -> f64 {
    f64::from(width.min(height).max(1))
}

fn centre((width, height): (u32, u32)) -> (f64, f64) {
    (f64::from(width) / 2.0, f64::from(height) / 2.0)
}

fn lies_on(at: f64, side: u32) -> bool {
    // Rounding must not drop the edge of a picture that has not moved.
    const ROUNDING: f64 = 1e-6;
    at >= -0.5 - ROUNDING && at <= f64::from(side) - 0.5 + ROUNDING
}

/// The colour between pixels; beyond the edge, that of the edge.
fn cubic(picture: &Picture, x: f64, y: f64) -> [u8; 3] {
    let (columns, across) = taps(x, picture.width());
    let (rows, down) = taps(y, picture.height());
    let (pixels, _) = picture.pixels().as_chunks::<3>();
    let mut sums = [0.0_f32; 3];
    for (row, down) in rows.iter().zip(down) {
        let row = &pixels[row * picture.width() as usize..][..picture.width() as usize];
        for (&column, across) in columns.iter().zip(across) {
            let weight = down * across;
            for (sum, value) in sums.iter_mut().zip(row[column]) {
                *sum += weight * f32::from(value);
            }
        }
    }
    // A conversion from f32 to u8 clamps.
    sums.map(|sum| sum.round() as u8)
}

/// Four pixels along a side, and their weights.
fn taps(at: f64, side: u32) -> ([usize; 4], [f32; 4]) {
    let last = f64::from(side - 1);
    let at = at.clamp(0.0, last);
    let first = at.floor();
    let t = (at - first) as f32;
    let weights = [
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    ];
    let pixels = [-1.0, 0.0, 1.0, 2.0].map(|i| (first + i).clamp(0.0, last) as usize);
    (pixels, weights)
}
