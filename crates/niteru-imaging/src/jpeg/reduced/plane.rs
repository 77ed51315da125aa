//! From the low coefficients of blocks to the samples of one component.

use std::f64::consts::PI;

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

/// The frequencies of each of them, across and down.
const WHERE: [(usize, usize); WANTED] = [
    (0, 0),
    (1, 0),
    (0, 1),
    (0, 2),
    (1, 1),
    (2, 0),
    (3, 0),
    (2, 1),
    (1, 2),
    (0, 3),
    (0, 4),
    (1, 3),
    (2, 2),
    (3, 1),
    (4, 0),
    (5, 0),
    (4, 1),
    (3, 2),
    (2, 3),
    (1, 4),
    (0, 5),
    (0, 6),
    (1, 5),
    (2, 4),
    (3, 3),
];

/// The samples of one component, each block reduced to `side × side` of them.
///
/// A sample is the mean of the pixels that it stands for, as the full decoder would make them, as far
/// as the lowest coefficients tell. Means are what the resize filter can restore the picture from; the
/// samples of a shorter cosine transform, the usual choice, make stairs of slopes.
///
/// No file, however hostile, makes a number here overflow, for all are `f32` and far from its limit of
/// 3.4 × 10³⁸. A coefficient is at most 2¹⁵ and its step at most 255, so one adds less than 2²³ levels
/// to a sample and all [`WANTED`] of them less than 2²⁸, which are 2³⁶ in units of 1 / [`ONE`]. In
/// [`Plane::lift`] the squares sum up to less than 25 · 2⁴⁶ < 2⁵¹, whose square is below 2¹⁰² ≈ 5 × 10³⁰.
/// [`sample`] then clamps to 0 to 255 levels, and what follows at most triples that.
pub(super) struct Plane {
    side: usize,
    /// Coefficients in zigzag order that make a difference.
    pub(super) wanted: usize,
    /// Blocks from the left to the right edge of the minimum coded units, and from top to bottom.
    pub(super) blocks: (usize, usize),
    /// Columns and rows of the picture for each sample of the plane, 1 or 2.
    stretch: (usize, usize),
    /// What one step of each coefficient adds at most to a sample.
    steps: [f32; WANTED],
    /// The square of one step of each coefficient in the mean difference of neighbouring samples in the
    /// file, across and down; 0 where the full decoder interpolates nothing between them.
    rough: [[f32; WANTED]; 2],
    samples: Vec<Sample>,
}

/// Levels, from 0 to 255, times [`ONE`].
type Sample = u16;

/// One level.
const ONE: f32 = 256.0;

impl Plane {
    pub(super) fn new(
        frame: &Frame,
        component: &Component,
        quantisation: &[u8; 64],
        scale: Scale,
    ) -> Plane {
        let first = &frame.components[0];
        let (across, down) = (first.across / component.across, first.down / component.down);
        // Subsampled colour is reduced less, so that it needs no interpolation.
        let side = (scale.samples() * across.min(down)).min(4);
        let units = frame.units();
        let blocks = (units.0 * component.across, units.1 * component.down);
        let (columns, rows) = (answers(8 / side, across == 2), answers(8 / side, down == 2));
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
            steps: std::array::from_fn(|at| {
                let (u, v) = WHERE[at];
                f32::from(quantisation[at]) * columns[u] * rows[v] * ONE
            }),
            rough: [(across, true), (down, false)].map(|(stretch, columns)| {
                std::array::from_fn(|at| {
                    let (u, v) = WHERE[at];
                    let along = if columns { u } else { v };
                    let wave = (along as f64 * PI / 16.0).sin() as f32 / 4.0;
                    (wave * f32::from(quantisation[at])).powi(2) * f32::from(stretch as u8 - 1)
                })
            }),
            samples: vec![0; blocks.0 * blocks.1 * side * side],
        }
    }

    /// Fills the block from its first `wanted` coefficients; `flat` when all but the mean are 0.
    #[inline(always)]
    pub(super) fn put(&mut self, block: (usize, usize), coefficients: &Coefficients, flat: bool) {
        let stride = self.blocks.0 * self.side;
        let at = block.1 * self.side * stride + block.0 * self.side;
        let value = |at: usize| f32::from(coefficients[at]) * self.steps[at];
        let lift = match (flat, self.rough[0][1] + self.rough[1][2]) {
            (false, rough) if rough > 0.0 => self.lift(coefficients),
            _ => 0.0,
        };
        match self.side {
            1 if flat => self.samples[at] = whole(sample(value(0))),
            1 => self.samples[at] = sample(value(0)),
            side if flat => {
                // The full decoder rounds every pixel, here all of them alike.
                let level = whole(sample(value(0)));
                for y in 0..side {
                    self.samples[at + y * stride..][..side].fill(level);
                }
            }
            2 => {
                const SLOPE: f32 = std::f32::consts::FRAC_1_SQRT_2;
                let mean = value(0) + lift;
                let (across, down) = (SLOPE * value(1), SLOPE * value(2));
                let both = 0.5 * value(4);
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
                    block[place] = value(at);
                }
                block[0] += lift;
                for (y, row) in inverse_4(&block).into_iter().enumerate() {
                    self.samples[at + y * stride..][..4].copy_from_slice(&row);
                }
            }
        }
    }

    /// What the full decoder's interpolation adds to the mean: `(3a + b + 2) >> 2` rounds up each
    /// second even difference, so a picture with larger differences gains 1/8 of a level by it.
    fn lift(&self, coefficients: &Coefficients) -> f32 {
        let lifts = self.rough.each_ref().map(|rough| {
            let squares = coefficients.iter().zip(rough);
            let sum: f32 = squares
                .map(|(&c, &square)| f32::from(c).powi(2) * square)
                .sum();
            // Fits what normally distributed differences of this mean square gain.
            let square = sum * sum;
            0.125 * square / (square + 1.0)
        });
        ONE * (lifts[0] + lifts[1])
    }

    /// Row `y` of the reduced picture, to its first `row.len()` columns.
    fn row(&self, y: usize, row: &mut [f32], scratch: &mut Vec<f32>) {
        let stride = self.blocks.0 * self.side;
        let lines = self.samples.chunks_exact(stride).len();
        let line = |y: usize| &self.samples[y.min(lines - 1) * stride..][..stride];
        let centre = y / self.stretch.1;
        let value = |&sample: &Sample| f32::from(sample);
        let target: &mut [f32] = match self.stretch.0 {
            1 => &mut row[..],
            _ => {
                scratch.resize(stride, 0.0);
                &mut scratch[..]
            }
        };
        if self.stretch.1 == 1 {
            for (to, from) in target.iter_mut().zip(line(centre)) {
                *to = value(from);
            }
        } else {
            let (near, far) = match y % 2 {
                0 => (line(centre.saturating_sub(1)), line(centre + 1)),
                _ => (line(centre + 1), line(centre.saturating_sub(1))),
            };
            let sides = near.iter().zip(far);
            for ((to, from), (near, far)) in target.iter_mut().zip(line(centre)).zip(sides) {
                *to = half(value(near), value(from), value(far));
            }
        }
        if self.stretch.0 == 2 {
            let last = scratch.len() - 1;
            for (x, to) in row.chunks_mut(2).enumerate() {
                let (left, right) = (scratch[x.saturating_sub(1)], scratch[last.min(x + 1)]);
                let halves = [half(left, scratch[x], right), half(right, scratch[x], left)];
                to.copy_from_slice(&halves[..to.len()]);
            }
        }
    }
}

/// The mean of the half at the side of `near`, of a sample between two: that of the parabola which
/// has the three means.
#[inline(always)]
fn half(near: f32, sample: f32, far: f32) -> f32 {
    sample + (near - far) * 0.125
}

/// By frequency across a block: how much of a wave of that frequency the mean over `pixels` of it
/// shows, times the transform's own factor (√(1/8) for the mean, else 1/2).
fn answers(pixels: usize, interpolated: bool) -> [f32; 8] {
    let pixels = pixels as f64;
    std::array::from_fn(|frequency| {
        if frequency == 0 {
            return 0.125f64.sqrt() as f32;
        }
        let half = frequency as f64 * PI / 16.0;
        let mean = (pixels * half).sin() / (pixels * half.sin());
        // The full decoder takes a quarter of the neighbour into each pixel it makes of a sample.
        let leak = ((pixels + 1.0) * half).cos() - ((pixels - 1.0) * half).cos();
        let leak = if interpolated {
            leak / (4.0 * pixels)
        } else {
            0.0
        };
        (0.5 * (mean + leak)) as f32
    })
}

/// The nearest level.
fn whole(sample: Sample) -> Sample {
    (sample + 128) & 0xff00
}

/// A sample from its distance to 128.
#[inline(always)]
fn sample(value: f32) -> Sample {
    // Adding 2²³ leaves the rounded number in the lowest bits, which vectorises where `as` does not.
    ((value + 128.0 * ONE).clamp(0.0, 255.0 * ONE) + 8_388_608.0).to_bits() as Sample
}

/// The inverse cosine transform of 4 × 4 points, of coefficients times their factors.
fn inverse_4(block: &[f32; 17]) -> [[Sample; 4]; 4] {
    /// cos π/4, cos π/8 and cos 3π/8.
    const MIDDLE: f32 = std::f32::consts::FRAC_1_SQRT_2;
    const NEAR: f32 = 0.923_879_5;
    const FAR: f32 = 0.382_683_43;
    let points = |x0: [f32; 4], x1: [f32; 4], x2: [f32; 4], x3: [f32; 4]| -> [[f32; 4]; 4] {
        let outer: [f32; 4] = std::array::from_fn(|i| x0[i] + MIDDLE * x2[i]);
        let inner: [f32; 4] = std::array::from_fn(|i| x0[i] - MIDDLE * x2[i]);
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
    std::array::from_fn(|y| std::array::from_fn(|x| sample(columns[x][y])))
}

/// RGB pixels, `width × height` of them, from one plane (grey) or three (YCbCr): the nearest levels,
/// and what is missing to the samples' true values as [`crate::picture::Reduced`] has it.
pub(super) fn rgb(planes: &[Plane], width: usize, height: usize) -> (Vec<u8>, Vec<u8>) {
    let mut levels = vec![0; width * height * 3];
    let mut rests = vec![0; width * height * 3];
    let mut rows: [Vec<f32>; 3] = std::array::from_fn(|_| vec![0.0; width]);
    let mut scratch = vec![];
    let targets = levels
        .chunks_exact_mut(width * 3)
        .zip(rests.chunks_exact_mut(width * 3));
    for (y, (levels, rests)) in targets.enumerate() {
        for (plane, row) in planes.iter().zip(&mut rows) {
            plane.row(y, row, &mut scratch);
        }
        // Colour by colour, and only then pixel by pixel: the first part vectorises.
        match planes.len() {
            1 => (rows[1], rows[2]) = (rows[0].clone(), rows[0].clone()),
            _ => colours(&mut rows),
        }
        let [red, green, blue] = &rows;
        let targets = levels.as_chunks_mut::<3>().0.iter_mut();
        let targets = targets.zip(rests.as_chunks_mut::<3>().0);
        let values = red.iter().zip(green).zip(blue);
        for ((levels, rests), ((&red, &green), &blue)) in targets.zip(values) {
            (*levels, *rests) = split([red, green, blue]);
        }
    }
    (levels, rests)
}

/// Turns a row of luma, blue and red differences into one of red, green and blue.
fn colours([luma, blue, red]: &mut [Vec<f32>; 3]) {
    for ((y, cb), cr) in luma.iter_mut().zip(blue).zip(red) {
        [*y, *cb, *cr] = colour(*y, *cb, *cr);
    }
}

/// JFIF's conversion, with the means of the full decoder's rounding: it rounds what whole levels of
/// colour add, so that in smooth parts of a picture all pixels are off alike. The farther a mean is
/// from a whole level, the more its pixels differ, and the less of that is left.
#[inline(always)]
fn colour(y: f32, cb: f32, cr: f32) -> [f32; 3] {
    let (cb, cr) = (cb * (1.0 / ONE) - 128.0, cr * (1.0 / ONE) - 128.0);
    let (whole_cb, whole_cr) = (round(cb), round(cr));
    let alike = |value: f32, whole: f32| 1.0 - 2.0 * (value - whole).abs();
    let (alike_cb, alike_cr) = (alike(cb, whole_cb), alike(cr, whole_cr));
    let off = |sum: f32| round(sum) - sum;
    let green = |cb: f32, cr: f32| -0.344_136 * cb - 0.714_136 * cr;
    [
        y + ONE * (1.402 * cr + alike_cr * off(1.402 * whole_cr)),
        y + ONE * (green(cb, cr) + alike_cb * alike_cr * off(green(whole_cb, whole_cr))),
        y + ONE * (1.772 * cb + alike_cb * off(1.772 * whole_cb)),
    ]
}

/// The nearest whole number, of one within ±2²².
#[inline(always)]
fn round(value: f32) -> f32 {
    // 1.5 × 2²³: the sum has no bits for a fraction.
    (value + 12_582_912.0) - 12_582_912.0
}

/// The nearest levels, and what is above (or below) them in 256ths, plus 128.
#[inline(always)]
fn split(values: [f32; 3]) -> ([u8; 3], [u8; 3]) {
    let fixed =
        values.map(|value| (value.clamp(0.0, 255.0 * ONE) + (8_388_608.0 + 128.0)).to_bits());
    (
        fixed.map(|value| (value >> 8) as u8),
        fixed.map(|value| value as u8),
    )
}
