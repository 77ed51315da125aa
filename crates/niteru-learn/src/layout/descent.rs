//! The gradient descent: all points move at once, by forces at where they all were.

use rayon::prelude::*;

use super::Random;
use super::curve::Curve;
use super::graph::Graph;

/// Points that push, for each that pulls.
const PUSHES: usize = 5;

/// Longest that a force may be along an axis.
const MOST_FORCE: f32 = 4.0;

/// Keeps points that push each other from where they lie on one another from moving without end.
const NEAR: f32 = 1e-3;

/// Adam: length of the first step, which becomes 0 by the last; how fast it forgets; and what keeps it from
/// dividing by 0. As uwot's batch mode has them, which moves points in the same way.
const RATE: f32 = 1.0;
const FORGETS_MEAN: f32 = 0.5;
const FORGETS_SQUARE: f32 = 0.9;
const TINY: f32 = 1e-7;

/// Points that a thread takes at a time.
const CHUNK: usize = 256;

/// Furthest out that a point may come to lie.
const EDGE: f32 = 1e4;

pub(super) struct Descent<'g> {
    graph: &'g Graph,
    curve: Curve,
    seed: u64,
    places: Vec<[f32; 2]>,
    next: Vec<[Along; 2]>,
}

/// A point along one axis, with its way so far.
#[derive(Clone, Copy)]
struct Along {
    place: f32,
    mean: f32,
    square: f32,
}

impl Along {
    fn at(place: f32) -> Self {
        Self {
            place,
            mean: 0.0,
            square: 0.0,
        }
    }

    fn go(&mut self, force: f32, step: &Step) {
        self.mean += (1.0 - FORGETS_MEAN) * (force - self.mean);
        self.square += (1.0 - FORGETS_SQUARE) * (force * force - self.square);
        let length = (self.square / step.whole_square).sqrt() + TINY;
        let moved = self.place + step.rate * (self.mean / step.whole_mean) / length;
        if moved.is_finite() {
            self.place = moved.clamp(-EDGE, EDGE);
        }
    }
}

/// What is the same for all points of a step.
struct Step {
    rate: f32,
    /// What a mean of few steps lacks, as it began with 0.
    whole_mean: f32,
    whole_square: f32,
}

impl<'g> Descent<'g> {
    pub(super) fn new(graph: &'g Graph, curve: Curve, places: Vec<[f32; 2]>, seed: u64) -> Self {
        Self {
            graph,
            curve,
            seed,
            next: places.iter().map(|place| place.map(Along::at)).collect(),
            places,
        }
    }

    /// Moves all points.
    pub(super) fn step(&mut self, step: usize, steps: usize) {
        let power = step.min(1000) as i32 + 1;
        let all = Step {
            rate: RATE * (1.0 - step as f32 / steps as f32),
            whole_mean: 1.0 - FORGETS_MEAN.powi(power),
            whole_square: 1.0 - FORGETS_SQUARE.powi(power),
        };
        let (graph, curve, seed, places) = (self.graph, self.curve, self.seed, &self.places);
        let chunks = self.next.par_chunks_mut(CHUNK).enumerate();
        chunks.for_each(|(chunk, points)| {
            for (at, point) in points.iter_mut().enumerate() {
                let number = chunk * CHUNK + at;
                let random = Random::of(seed, step as u64, number as u64);
                let force = force(graph, curve, places, number, step, random);
                for (along, force) in point.iter_mut().zip(force) {
                    along.go(force, &all);
                }
            }
        });
        let moved = self
            .next
            .par_iter()
            .map(|point| point.map(|along| along.place));
        moved.collect_into_vec(&mut self.places);
    }

    pub(super) fn into_places(self) -> Vec<[f32; 2]> {
        self.places
    }
}

/// Where a point is drawn: to its neighbours whose turn it is, and away from some of all points.
fn force(
    graph: &Graph,
    curve: Curve,
    places: &[[f32; 2]],
    point: usize,
    step: usize,
    mut random: Random,
) -> [f32; 2] {
    let own = places[point];
    let mut force = [0.0; 2];
    let mut add = |other: [f32; 2], factor: f32, times: f32| {
        for axis in 0..2 {
            let along = factor * (own[axis] - other[axis]);
            force[axis] += times * along.clamp(-MOST_FORCE, MOST_FORCE);
        }
    };
    for (other, share) in graph.of(point) {
        // As often as it weighs, evenly over all steps.
        let turn = ((step + 1) as f32 * share).floor() > (step as f32 * share).floor();
        if !turn {
            continue;
        }
        // An edge pulls at both its ends, and is there in both directions.
        add(places[other], curve.pull(own, places[other]), 2.0);
        for _ in 0..PUSHES {
            let other = random.below(places.len());
            if other != point {
                add(places[other], curve.push(own, places[other]), 1.0);
            }
        }
    }
    force
}

fn square(a: [f32; 2], b: [f32; 2]) -> f32 {
    let (x, y) = (a[0] - b[0], a[1] - b[1]);
    x * x + y * y
}

/// The derivatives of the cross-entropy by the distance, over it.
impl Curve {
    fn pull(self, own: [f32; 2], other: [f32; 2]) -> f32 {
        let square = square(own, other);
        if square == 0.0 {
            return 0.0;
        }
        let power = square.powf(self.b);
        -2.0 * self.a * self.b * power / square / (1.0 + self.a * power)
    }

    fn push(self, own: [f32; 2], other: [f32; 2]) -> f32 {
        let square = square(own, other);
        2.0 * self.b / ((NEAR + square) * (1.0 + self.a * square.powf(self.b)))
    }
}
