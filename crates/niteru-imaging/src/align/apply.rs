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
        let shorter = |width: u32, height: u32| f64::from(width.min(height));
        let scale = shorter(moving.width(), moving.height()) / shorter(width, height);
        let side = |side: u32| (f64::from(side) / scale).round().max(1.0) as u32;
        let source = match scale > SHRUNK_FROM {
            true => Cow::Owned(moving.resize(
                side(moving.width()),
                side(moving.height()),
                Filter::Bilinear,
            )),
            false => Cow::Borrowed(moving),
        };
        let [across, down] = [
            f64::from(source.width()) / f64::from(moving.width()),
            f64::from(source.height()) / f64::from(moving.height()),
        ];
        let angle = self.rotation.to_radians();
        let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
        let mut cells = Vec::with_capacity(width as usize * height as usize);
        for row in 0..height {
            for column in 0..width {
                let from_centre =
                    |at: u32, side: u32| (f64::from(at) + 0.5 - f64::from(side) / 2.0) * scale;
                let (x, y) = (from_centre(column, width), from_centre(row, height));
                let (x, y) = Motion::turn(angle, x, y);
                let x = (x + self.dx) * across + f64::from(source.width()) / 2.0 - 0.5;
                let y = (y + self.dy) * down + f64::from(source.height()) / 2.0 - 0.5;
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
