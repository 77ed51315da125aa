//! From the low coefficients of blocks to the samples of one component.

use super::Scale;
use super::header::{Component, Frame};

/// Coefficients in zigzag order that a block of up to 4 × 4 samples needs.
const WANTED: usize = 25;

/// The first coefficients of a block in zigzag order: those that a plane wants, and room to make
/// clearing them a few vector stores.
pub(super) type Coefficients = [i16; 32];

/// Where each of them stands in a block of 4 × 4; 16 for those that such a block has not.
const PLACES: [usize; WANTED] = [
    0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 16, 13, 10, 7, 16, 16, 16, 11, 14, 16, 16, 16, 16, 16, 15,
];

/// The samples of one component, each block reduced to `side × side` of them.
///
/// The reduction is that of the cosine transform itself: the inverse transform of `side` points
/// over the lowest `side × side` coefficients.
pub(super) struct Plane {
    side: usize,
    /// Coefficients in zigzag order that make a difference.
    pub(super) wanted: usize,
    /// Blocks from the left to the right edge of the minimum coded units, and from top to bottom.
    pub(super) blocks: (usize, usize),
    /// Columns and rows of the picture for each sample of the plane.
    stretch: (usize, usize),
    quantisation: [i32; WANTED],
    samples: Vec<u8>,
}

impl Plane {
    pub(super) fn new(
        frame: &Frame,
        component: &Component,
        quantisation: &[u16; 64],
        scale: Scale,
    ) -> Plane {
        let first = &frame.components[0];
        let (across, down) = (first.across / component.across, first.down / component.down);
        // Subsampled colour is reduced less, so that it needs no interpolation.
        let side = (scale.samples() * across.min(down)).min(4);
        let units = frame.units();
        let blocks = (units.0 * component.across, units.1 * component.down);
        Plane {
            side,
            wanted: match side {
                1 => 1,
                2 => 5,
                _ => WANTED,
            },
            blocks,
            stretch: (
                across * scale.samples() / side,
                down * scale.samples() / side,
            ),
            quantisation: std::array::from_fn(|at| i32::from(quantisation[at])),
            samples: vec![0; blocks.0 * blocks.1 * side * side],
        }
    }

    /// Fills the block from its first `wanted` coefficients; `flat` when all but the mean are 0.
    #[inline(always)]
    pub(super) fn put(&mut self, block: (usize, usize), coefficients: &Coefficients, flat: bool) {
        let stride = self.blocks.0 * self.side;
        let at = block.1 * self.side * stride + block.0 * self.side;
        let value = |at: usize| i32::from(coefficients[at]) * self.quantisation[at];
        match self.side {
            1 => self.samples[at] = sample(value(0)),
            side if flat => {
                let level = sample(value(0));
                for y in 0..side {
                    self.samples[at + y * stride..][..side].fill(level);
                }
            }
            2 => {
                let (mean, across, down, both) = (value(0), value(1), value(2), value(4));
                let rows = [
                    [mean + across + down + both, mean - across + down - both],
                    [mean + across - down - both, mean - across - down + both],
                ];
                for (y, row) in rows.into_iter().enumerate() {
                    self.samples[at + y * stride..][..2].copy_from_slice(&row.map(sample));
                }
            }
            _ => {
                let mut block = [0f32; 17];
                for (at, &place) in PLACES.iter().enumerate() {
                    block[place] = value(at) as f32;
                }
                for (y, row) in inverse_4(&block).into_iter().enumerate() {
                    self.samples[at + y * stride..][..4].copy_from_slice(&row);
                }
            }
        }
    }

    /// Row `y` of the reduced picture, stretched to its first `row.len()` columns.
    fn row(&self, y: usize, row: &mut [u8]) {
        let stride = self.blocks.0 * self.side;
        let samples = &self.samples[y / self.stretch.1 * stride..][..stride];
        match self.stretch.0 {
            1 => row.copy_from_slice(&samples[..row.len()]),
            columns => {
                for (to, &from) in row.chunks_mut(columns).zip(samples) {
                    to.fill(from);
                }
            }
        }
    }
}

/// A sample from eight times its distance to 128.
fn sample(eightfold: i32) -> u8 {
    (((eightfold + 4) >> 3) + 128).clamp(0, 255) as u8
}

/// The inverse cosine transform of 4 × 4 points, of coefficients of an 8 × 8 one.
fn inverse_4(block: &[f32; 17]) -> [[u8; 4]; 4] {
    /// √(1/2) / 2, and half of cos π/8 and cos 3π/8.
    const FLAT: f32 = 0.353_553_4;
    const NEAR: f32 = 0.461_939_77;
    const FAR: f32 = 0.191_341_72;
    let points = |x0: [f32; 4], x1: [f32; 4], x2: [f32; 4], x3: [f32; 4]| -> [[f32; 4]; 4] {
        let outer: [f32; 4] = std::array::from_fn(|i| FLAT * (x0[i] + x2[i]));
        let inner: [f32; 4] = std::array::from_fn(|i| FLAT * (x0[i] - x2[i]));
        let wide: [f32; 4] = std::array::from_fn(|i| NEAR * x1[i] + FAR * x3[i]);
        let narrow: [f32; 4] = std::array::from_fn(|i| FAR * x1[i] - NEAR * x3[i]);
        [
            std::array::from_fn(|i| outer[i] + wide[i]),
            std::array::from_fn(|i| inner[i] + narrow[i]),
            std::array::from_fn(|i| inner[i] - narrow[i]),
            std::array::from_fn(|i| outer[i] - wide[i]),
        ]
    };
    let row = |y: usize| std::array::from_fn(|x| block[4 * y + x]);
    let down = points(row(0), row(1), row(2), row(3));
    let column = |x: usize| std::array::from_fn(|y| down[y][x]);
    let columns = points(column(0), column(1), column(2), column(3));
    // Adding 2²³ leaves the rounded number in the lowest bits, which vectorises where `as` does not.
    let byte = |value: f32| ((value + 128.0).clamp(0.0, 255.0) + 8_388_608.0).to_bits() as u8;
    std::array::from_fn(|y| std::array::from_fn(|x| byte(columns[x][y])))
}

/// RGB pixels, `width × height` of them, from one plane (grey) or three (YCbCr).
pub(super) fn rgb(planes: &[Plane], width: usize, height: usize) -> Vec<u8> {
    let mut pixels = vec![0; width * height * 3];
    let mut rows: [Vec<u8>; 3] = std::array::from_fn(|_| vec![0; width]);
    for (y, target) in pixels.chunks_exact_mut(width * 3).enumerate() {
        for (plane, row) in planes.iter().zip(&mut rows) {
            plane.row(y, row);
        }
        let [luma, blue, red] = &rows;
        let (target, _) = target.as_chunks_mut::<3>();
        if planes.len() == 1 {
            for (to, &grey) in target.iter_mut().zip(luma) {
                *to = [grey; 3];
            }
        } else {
            for (to, ((&y, &cb), &cr)) in target.iter_mut().zip(luma.iter().zip(blue).zip(red)) {
                *to = colour(y, cb, cr);
            }
        }
    }
    pixels
}

/// JFIF's conversion, in 14-bit fixed point.
#[inline(always)]
fn colour(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (
        (i32::from(y) << 14) + (1 << 13),
        i32::from(cb) - 128,
        i32::from(cr) - 128,
    );
    [
        y + 22_970 * cr,
        y - 5_638 * cb - 11_700 * cr,
        y + 29_032 * cb,
    ]
    .map(|sum| (sum >> 14).clamp(0, 255) as u8)
}
