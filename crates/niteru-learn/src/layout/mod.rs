//! Things in two dimensions, so that those that are alike lie together.
//!
//! The start is the [`Plane`] of the two principal components: it keeps the large distances. From there
//! UMAP keeps neighbours together (McInnes, Healy, Melville, *UMAP: Uniform Manifold Approximation and
//! Projection for Dimension Reduction*, 2018): the distances to each thing's nearest neighbours become a
//! fuzzy graph, and the layout whose own fuzzy graph has the least cross-entropy with that is looked for by
//! gradient descent with negative sampling.
//!
//! Where UMAP moves two points at a time, which is either slow or another result with each run, here all
//! points move at once: each sums the forces on it at where the others were after the last step, and a
//! step is as long as Adam (Kingma, Ba, 2014) has it. The random numbers of a point and a step are made
//! from both and the seed. So the same input gives the same bits, whatever the number of threads.

mod curve;
mod descent;
mod graph;
mod plane;
mod quality;

use std::ops::ControlFlow;

use niteru_kernels::SplitMix64;

pub use graph::Neighbours;
pub use plane::{Plane, PlaneError};
pub use quality::{LayoutQuality, layout_quality};

use crate::robust::Spread;
use curve::Curve;
use descent::Descent;
use graph::Graph;

/// Half the width that most of the start has.
const HALF_WIDTH: f64 = 10.0;

/// Scales from the middle at which the start ends: what lies further out is drawn in to there.
const OUTLYING: f64 = 4.0;

/// The start is shaken by so much, so that equal things can part.
const SHAKE: f64 = 0.01;

/// From so many points on fewer steps are enough.
const MANY: usize = 10_000;

/// With fewer points there is nothing to arrange.
const LEAST: usize = 4;

/// How to arrange.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct LayoutOptions<'a> {
    /// The same number, the same layout.
    pub seed: u64,
    /// Steps; 0 for 500, and 250 from 10 000 points on.
    pub steps: usize,
    /// How close together points may lie, 0 to 1: small numbers give dense heaps with room between them.
    pub least_distance: f64,
    /// Called before each step with how many are done, and how many there will be; it may end the work.
    pub progress: Option<&'a dyn Fn(usize, usize) -> ControlFlow<()>>,
}

impl Default for LayoutOptions<'_> {
    fn default() -> Self {
        Self {
            seed: 0,
            steps: 0,
            least_distance: 0.1,
            progress: None,
        }
    }
}

/// The work was ended by [`LayoutOptions::progress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the layout was cancelled")]
pub struct LayoutStopped;

/// Places of points, `[x, y]`, finite whatever comes in; neighbours lie together.
///
/// `start` has a place for each point, in any unit, such as [`Plane::project`] gives; what is not finite
/// in it counts as its middle. The neighbours' distances need only be larger for what is less alike.
/// Work: points × neighbours × steps. Memory: about 24 bytes a neighbour and 60 a point.
///
/// # Errors
/// [`LayoutStopped`].
///
/// # Panics
/// If there are not as many lists of neighbours as points, or more than `u32` can count.
pub fn layout(
    start: &[[f64; 2]],
    neighbours: &Neighbours,
    options: LayoutOptions<'_>,
) -> Result<Vec<[f32; 2]>, LayoutStopped> {
    assert_eq!(start.len(), neighbours.len(), "a list for each point");
    assert!(u32::try_from(start.len()).is_ok(), "u32 counts the points");
    let steps = match options.steps {
        0 if start.len() < MANY => 500,
        0 => 250,
        steps => steps,
    };
    let places = scaled(start, options.seed);
    if start.len() < LEAST {
        return Ok(places);
    }
    let graph = Graph::new(neighbours, steps);
    let curve = Curve::fit(options.least_distance);
    let mut descent = Descent::new(&graph, curve, places, options.seed);
    for step in 0..steps {
        if let Some(progress) = options.progress
            && progress(step, steps).is_break()
        {
            return Err(LayoutStopped);
        }
        descent.step(step, steps);
    }
    Ok(descent.into_places())
}

/// The start about its median, in the unit of the descent: both axes by one scale, so that its shape stays.
fn scaled(start: &[[f64; 2]], seed: u64) -> Vec<[f32; 2]> {
    let axis = |axis: usize| Spread::of(&start.iter().map(|place| place[axis]).collect::<Vec<_>>());
    let spreads = [axis(0), axis(1)];
    let scale = spreads[0].scale().max(spreads[1].scale());
    let place = |(number, place): (usize, &[f64; 2])| {
        let mut random = Random::of(seed, u64::MAX, number as u64);
        [0, 1].map(|axis| {
            let far = (place[axis] - spreads[axis].median()) / scale;
            let far = match far.is_finite() {
                true => far.clamp(-OUTLYING, OUTLYING) * HALF_WIDTH / OUTLYING,
                false => 0.0,
            };
            let shake = f64::from(random.next_u32()) / f64::from(u32::MAX) - 0.5;
            (far + shake * SHAKE) as f32
        })
    };
    start.iter().enumerate().map(place).collect()
}

/// The numbers of a point in a step: the same on every machine, whichever thread asks.
struct Random(SplitMix64);

impl Random {
    fn of(seed: u64, step: u64, point: u64) -> Self {
        let mixed = seed
            ^ step.wrapping_mul(0xD134_2543_DE82_EF95)
            ^ point.wrapping_mul(0xA24B_AED4_963E_E407);
        Self(SplitMix64::new(SplitMix64::new(mixed).bits()))
    }

    fn next_u32(&mut self) -> u32 {
        (self.0.bits() >> 32) as u32
    }

    /// Below `count`, as good as evenly (Lemire, 2019, without his last step).
    fn below(&mut self, count: usize) -> usize {
        ((u64::from(self.next_u32()) * count as u64) >> 32) as usize
    }
}
