//! The low waves of one colour component, as the blocks of a JPEG file hold them.

use std::f64::consts::PI;

/// Blocks are this many samples a side.
pub(crate) const BLOCK: usize = 8;

/// Waves below this order are kept at the most.
pub(crate) const MAX_ORDER: usize = 8;

/// Coefficients below [`MAX_ORDER`].
pub(crate) const MAX_WANTED: usize = wanted(MAX_ORDER);

/// Coefficients after those that are kept whose steps tell those of all that are not kept.
const NEXT: usize = 20;

/// A factor for each of the coefficients.
type Factors = [f32; MAX_WANTED];

/// The frequencies of each of them, across and down.
pub(super) const WHERE: [(usize, usize); MAX_WANTED] = zigzag();

/// Coefficients whose frequencies across and down add up to less than `order`. In zigzag order they
/// are the first.
pub(super) const fn wanted(order: usize) -> usize {
    order * (order + 1) / 2
}

const fn zigzag() -> [(usize, usize); MAX_WANTED] {
    let mut places = [(0, 0); MAX_WANTED];
    let (mut at, mut order) = (0, 0);
    while order < MAX_ORDER {
        let mut step = 0;
        while step <= order {
            places[at] = match order % 2 {
                0 => (step, order - step),
                _ => (order - step, step),
            };
            (at, step) = (at + 1, step + 1);
        }
        order += 1;
    }
    places
}

/// Size and place of a component in its picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Blocks across and down, padding included.
    pub(crate) blocks: (usize, usize),
    /// Samples across and down that hold picture.
    pub(crate) samples: (usize, usize),
    /// Columns and rows of the picture for each sample, 1 or 2.
    pub(crate) stretch: (usize, usize),
}

/// The low waves of one component.
///
/// The sample at column `x` and row `y` of a block is 128 and the sum, over the kept coefficients, of
/// each times its step, `cos((2x + 1)uπ/16)` and `cos((2y + 1)vπ/16)`, where `u` and `v` are its
/// frequencies.
///
/// No file, however hostile, makes a number here overflow, for all are `f32` and far from its limit of
/// 3.4 × 10³⁸. A coefficient is at most 2¹⁵ and its step at most 2⁸ / 4, so one adds at most 2²¹ to a
/// sample and all of them less than 2²⁷. In [`lift`] the squares sum up to less than
/// 36 · 2⁴⁶ < 2⁵², whose square is below 2¹⁰⁴ ≈ 2 × 10³¹.
#[derive(Clone, PartialEq)]
pub(crate) struct Plane {
    pub(super) layout: Layout,
    pub(super) order: usize,
    /// By coefficient: how high its wave is for each unit.
    pub(super) steps: [f32; MAX_WANTED],
    /// The square of one unit of each coefficient in the variance of the samples; 0 where it is not kept.
    powers: Factors,
    /// The same for one unit of those that are not kept, roughly.
    rest_power: f32,
    /// The square of one unit of each coefficient in the mean difference of neighbouring samples,
    /// across and down; 0 where the full decoder interpolates nothing between them.
    rough: [Factors; 2],
    /// By block: the mean of its samples, less 128.
    pub(super) means: Vec<f32>,
    /// By block: the variance of its samples, as far as it is known. Of luma only.
    variances: Vec<f32>,
    /// By row of blocks, by coefficient from the second on, by block: the quantised coefficient.
    waves: Vec<i16>,
}

impl Plane {
    /// An empty plane that keeps the waves below `order` (1 to [`MAX_ORDER`]). `quantisation` is in
    /// zigzag order.
    pub(crate) fn new(layout: Layout, order: usize, quantisation: &[u8; 64]) -> Plane {
        let kept = wanted(order);
        let interpolated = layout.stretch != (1, 1);
        let root = 0.5f32.sqrt();
        let factor = |frequency: usize| if frequency == 0 { root } else { 1.0 };
        let steps = std::array::from_fn(|at| {
            let (u, v) = WHERE[at];
            f32::from(quantisation[at]) * factor(u) * factor(v) / 4.0
        });
        let rough =
            [(layout.stretch.0, true), (layout.stretch.1, false)].map(|(stretch, across)| {
                std::array::from_fn(|at| {
                    if at >= kept {
                        return 0.0;
                    }
                    let (u, v) = WHERE[at];
                    let along = if across { u } else { v };
                    let wave = (along as f64 * PI / 16.0).sin() as f32 / 4.0;
                    (wave * f32::from(quantisation[at])).powi(2) * (stretch - 1) as f32
                })
            });
        let count = layout.blocks.0 * layout.blocks.1;
        let power = |at: usize| f32::from(quantisation[at]).powi(2) / 64.0;
        // Of the others the first are most often not 0.
        let next = kept..(kept + NEXT).min(64);
        Plane {
            layout,
            order,
            steps,
            powers: std::array::from_fn(|at| match at {
                1.. if at < kept => power(at),
                _ => 0.0,
            }),
            rest_power: next.clone().map(power).sum::<f32>() / next.len() as f32,
            rough,
            means: vec![0.0; count],
            variances: vec![0.0; if interpolated { 0 } else { count }],
            waves: vec![0; count * (kept - 1)],
        }
    }

    /// A plane that is the same all over a block, of which only the means are known.
    pub(super) fn of_means(layout: Layout, means: Vec<f32>) -> Plane {
        let blocks = (0, 0);
        let empty = Plane::new(Layout { blocks, ..layout }, 1, &[1; 64]);
        Plane {
            layout,
            means,
            ..empty
        }
    }

    /// How many coefficients of a block are kept; the others may be 0 in [`Plane::put`].
    pub(crate) fn wanted(&self) -> usize {
        wanted(self.order)
    }

    pub(crate) fn blocks(&self) -> (usize, usize) {
        self.layout.blocks
    }

    /// Fills the block at (column, row) with its first [`Plane::wanted`] coefficients in zigzag order.
    /// `rest` is the sum of the squares of the others, `flat` is when all but the mean are 0.
    ///
    /// After the last block [`Plane::finish`] is due.
    #[inline(always)]
    pub(crate) fn put(
        &mut self,
        block: (usize, usize),
        coefficients: &[i16],
        rest: u32,
        flat: bool,
    ) {
        let across = self.layout.blocks.0;
        let mean = f32::from(coefficients[0]) * self.steps[0];
        let place = block.1 * across + block.0;
        if flat {
            // The full decoder rounds every sample, here all of them alike.
            self.means[place] = whole(mean);
            return;
        }
        self.means[place] = mean;
        if let Some(variance) = self.variances.get_mut(place) {
            *variance = self.rest_power * rest as f32;
        }
        let row = &mut self.waves[block.1 * (coefficients.len() - 1) * across..];
        for (at, &value) in coefficients[1..].iter().enumerate() {
            row[at * across + block.0] = value;
        }
    }

    /// Adds to means and variances what follows from the coefficients of all blocks.
    // Only now, and row by row, for this vectorises.
    pub(super) fn finish(&mut self) {
        let across = self.layout.blocks.0;
        let mut powers = vec![0f32; across];
        for row in 0..self.layout.blocks.1 {
            let blocks = row * across..(row + 1) * across;
            if !self.variances.is_empty() {
                self.add_up(row, &self.powers, &mut powers);
                for (variance, power) in self.variances[blocks].iter_mut().zip(&powers) {
                    *variance += power;
                }
                continue;
            }
            for along in 0..self.rough.len() {
                self.add_up(row, &self.rough[along], &mut powers);
                for (mean, &power) in self.means[blocks.clone()].iter_mut().zip(&powers) {
                    *mean += lift(power);
                }
            }
        }
    }

    /// By block of a row: the sum of the squares of its coefficients, each times its factor.
    fn add_up(&self, row: usize, factors: &Factors, powers: &mut [f32]) {
        powers.fill(0.0);
        for (at, &factor) in (1..self.wanted()).zip(&factors[1..]) {
            for (power, &wave) in powers.iter_mut().zip(self.waves_of(row, at)) {
                *power += f32::from(wave) * f32::from(wave) * factor;
            }
        }
    }

    /// The means of a row of blocks.
    pub(super) fn means_of(&self, row: usize) -> &[f32] {
        let across = self.layout.blocks.0;
        &self.means[row * across..][..across]
    }

    /// The means at row `y` of an eighth of the picture, one for each of its columns.
    pub(super) fn spread_means(&self, y: usize, to: &mut [f32]) {
        let means = self.means_of(y / self.layout.stretch.1);
        match self.layout.stretch.0 {
            1 => to.copy_from_slice(&means[..to.len()]),
            _ => {
                for (to, &mean) in to.chunks_mut(2).zip(means) {
                    to.fill(mean);
                }
            }
        }
    }

    /// The variances of the samples of a row of blocks.
    pub(super) fn variances_of(&self, row: usize) -> &[f32] {
        let across = self.layout.blocks.0;
        &self.variances[row * across..][..across]
    }

    /// The coefficients with zigzag number `at` ≥ 1 of a row of blocks.
    pub(super) fn waves_of(&self, row: usize, at: usize) -> &[i16] {
        let across = self.layout.blocks.0;
        &self.waves[(row * (self.wanted() - 1) + at - 1) * across..][..across]
    }
}

/// What the full decoder's interpolation adds to the mean, by the mean square of the differences:
/// `(3a + b + 2) >> 2` rounds up each second even difference, so a picture with larger differences
/// gains 1/8 of a level by it.
fn lift(differences: f32) -> f32 {
    // Fits what normally distributed differences of this mean square gain.
    let square = differences * differences;
    0.125 * square / (square + 1.0)
}

/// The nearest whole number, of one within ±2²².
#[inline(always)]
pub(super) fn whole(value: f32) -> f32 {
    // 1.5 × 2²³: the sum has no bits for a fraction. Vectorises everywhere, as `round` does not.
    (value + 12_582_912.0) - 12_582_912.0
}
