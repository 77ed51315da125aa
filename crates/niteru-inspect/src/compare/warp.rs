//! What a shift and a rotation leave between two pictures of the same thing: another distance, a slant, a
//! lens.

use niteru_imaging::{Filter, Picture};

use super::fit::{Equations, FAR, deviation, weight};
use super::plane::{Plane, bright};

/// Numbers for each direction: a polynomial of the second degree.
pub(super) const TERMS: usize = 6;

/// Numbers that are fitted.
const ALL: usize = 2 * TERMS;

/// Pictures so many times smaller are fitted one after the other. Robust standard deviations of what is
/// left are at least so many grey levels: at first, much that is the same lies far off. So many terms are
/// fitted: the second degree, which little is known of where a thing is thin, comes last.
const ROUNDS: [(f64, f64, usize); 3] = [(4.0, 16.0, 3), (2.0, 8.0, TERMS), (1.0, 4.0, TERMS)];

/// Steps on each of them at most.
const STEPS: usize = 8;

/// Steps end where the next one moves no pixel by more than this, in pixels.
const SETTLED: f64 = 0.02;

/// What holds the numbers near 0 where a picture does not tell them, as a share of what tells most.
const HELD: f64 = 1e-6;

/// A share of the longer side that nothing lies off by any more.
const MOST: f64 = 0.04;

/// Of what is left, more than these robust standard deviations in grey levels say nothing more.
const CUT_OFF: f64 = 8.0;

/// The difference that is left is at most this share of what was.
const BETTER: f64 = 0.95;

/// How one picture is bent beside another one of the same size: a smooth displacement, the same for
/// pictures of any size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Warp {
    /// Right, then down; in halves of the longer side, of coordinates in these from the centre.
    numbers: [f64; ALL],
}

impl Warp {
    const NONE: Warp = Warp {
        numbers: [0.0; ALL],
    };

    #[cfg(test)]
    pub(super) fn of(numbers: [f64; ALL]) -> Warp {
        Warp { numbers }
    }

    /// Where `other` shows what lies at a point of `reference`, both of this size; in pixels from the upper
    /// left corner.
    pub(super) fn place(&self, (x, y): (f64, f64), (width, height): (u32, u32)) -> (f64, f64) {
        let half = f64::from(width.max(height)) / 2.0;
        let terms = terms(
            (x - f64::from(width) / 2.0) / half,
            (y - f64::from(height) / 2.0) / half,
        );
        let [right, down] = self.moves(terms);
        (x + right * half, y + down * half)
    }

    fn moves(&self, terms: [f64; TERMS]) -> [f64; 2] {
        let (right, down) = self.numbers.split_at(TERMS);
        [right, down].map(|numbers| numbers.iter().zip(terms).map(|(n, term)| n * term).sum())
    }

    /// How `other` is bent beside `reference`, of the same size and nearly in its place and light; `None`
    /// where it is not, or where that cannot be told. Only pixels of `counts` are looked at.
    pub(super) fn fit(reference: &Picture, other: &Picture, counts: &[bool]) -> Option<Warp> {
        let mut warp = Warp::NONE;
        for (smaller, least, terms) in ROUNDS {
            let pair = Pair::new(reference, other, counts, smaller)?;
            for _ in 0..STEPS {
                let Some(step) = pair.step(&warp, least, terms) else {
                    break;
                };
                for (number, step) in warp.numbers.iter_mut().zip(step.numbers) {
                    *number += step;
                }
                if step.largest() * pair.half() < SETTLED {
                    break;
                }
            }
        }
        let pair = Pair::new(reference, other, counts, 1.0)?;
        let (before, after) = (pair.left(&Warp::NONE), pair.left(&warp));
        let sound = warp.numbers.iter().all(|number| number.is_finite());
        (sound && after < BETTER * before && warp.largest() <= 2.0 * MOST).then_some(warp)
    }

    /// The farthest that a place is moved at most, in halves of the longer side.
    fn largest(&self) -> f64 {
        let (right, down) = self.numbers.split_at(TERMS);
        let most = |numbers: &[f64]| numbers.iter().map(|number| number.abs()).sum::<f64>();
        most(right).max(most(down))
    }
}

/// Of a polynomial of the second degree.
pub(super) fn terms(x: f64, y: f64) -> [f64; TERMS] {
    [1.0, x, y, x * x, x * y, y * y]
}

/// Two pictures at one of the sizes.
struct Pair {
    reference: Plane,
    other: Plane,
    counts: Vec<bool>,
}

/// A pixel of the reference: its terms, how much darker the other one is there, and the other's slope.
struct Sample {
    terms: [f64; TERMS],
    missing: f64,
    slope: [f64; 2],
}

impl Pair {
    fn new(reference: &Picture, other: &Picture, counts: &[bool], smaller: f64) -> Option<Pair> {
        let (width, height) = (reference.width(), reference.height());
        let side = |pixels: u32| (f64::from(pixels) / smaller).round() as u32;
        let (w, h) = (side(width), side(height));
        if w.min(h) < 16 {
            return None;
        }
        let mask = niteru_imaging::Mask::new(width, height, counts.to_vec()).ok()?;
        let plane = |picture: &Picture| bright(&picture.resize(w, h, Filter::Bilinear)).smoothed(1);
        Some(Pair {
            reference: plane(reference),
            other: plane(other),
            counts: mask.for_size(w, h).cells().to_vec(),
        })
    }

    fn half(&self) -> f64 {
        self.reference.width.max(self.reference.height) as f64 / 2.0
    }

    fn samples(&self, warp: &Warp) -> impl Iterator<Item = Sample> {
        let (width, height) = (self.reference.width, self.reference.height);
        let half = self.half();
        let from = [width as f64 / 2.0, height as f64 / 2.0];
        let inside = (0..width * height).filter(|&at| self.counts[at]);
        inside.filter_map(move |at| {
            let (x, y) = ((at % width) as f64, (at / width) as f64);
            let terms = terms((x + 0.5 - from[0]) / half, (y + 0.5 - from[1]) / half);
            let [right, down] = warp.moves(terms);
            let (value, slope) = self.other.sample(x + right * half, y + down * half)?;
            Some(Sample {
                terms,
                missing: f64::from(self.reference.data[at]) - value,
                slope,
            })
        })
    }

    /// Robust standard deviation of what the warp leaves, in grey levels.
    fn deviation(&self, warp: &Warp) -> f64 {
        deviation(self.samples(warp).map(|sample| sample.missing))
    }

    /// The mean of what a warp leaves, far differences cut off: those of the thing itself.
    fn left(&self, warp: &Warp) -> f64 {
        let most = FAR * self.deviation(&Warp::NONE).max(CUT_OFF);
        let (mut sum, mut count) = (0.0, 0.0);
        for sample in self.samples(warp) {
            sum += sample.missing.abs().min(most);
            count += 1.0;
        }
        sum / f64::max(count, 1.0)
    }

    /// What to add to a warp (Gauss and Newton's step, weighted).
    fn step(&self, warp: &Warp, least: f64, terms: usize) -> Option<Warp> {
        let far = FAR * self.deviation(warp).max(least);
        let half = self.half();
        let mut equations = Equations::new();
        for sample in self.samples(warp) {
            let by = |at: usize| match at % TERMS < terms {
                true => sample.terms[at % TERMS] * sample.slope[at / TERMS] * half,
                false => 0.0,
            };
            let weight = weight(sample.missing, far);
            equations.add(weight, std::array::from_fn(by), sample.missing);
        }
        let numbers = equations.solved(HELD)?;
        Some(Warp { numbers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: (u32, u32) = (240, 160);

    fn picture() -> Picture {
        let pixels = (0..SIZE.0 * SIZE.1).flat_map(|at| {
            let (x, y) = (f64::from(at % SIZE.0), f64::from(at / SIZE.0));
            let wave = (x * 0.21).sin() * (y * 0.17 + x * 0.03).cos() + (x * 0.07 - y * 0.11).sin();
            [(120.0 + 50.0 * wave) as u8; 3]
        });
        Picture::from_rgb(SIZE.0, SIZE.1, pixels.collect()).unwrap()
    }

    #[test]
    fn a_known_warp_is_found() {
        let reference = picture();
        let known = Warp::of([
            0.004, 0.012, -0.006, 0.005, 0.0, -0.003, -0.003, 0.004, -0.01, 0.0, 0.006, 0.002,
        ]);
        // What the other shows is the reference, moved back.
        let (other, inside) = reference.resampled(SIZE.0, SIZE.1, |point| {
            let there = known.place(point, SIZE);
            (2.0 * point.0 - there.0, 2.0 * point.1 - there.1)
        });
        let found = Warp::fit(&reference, &other, inside.cells()).unwrap();
        for point in [(10.0, 10.0), (120.0, 80.0), (230.0, 20.0), (60.0, 150.0)] {
            let (expected, got) = (known.place(point, SIZE), found.place(point, SIZE));
            let off = (expected.0 - got.0).hypot(expected.1 - got.1);
            assert!(off < 0.3, "{point:?}: {got:?} instead of {expected:?}");
        }
        // The same of a picture twice as large.
        let (small, large) = (found.place((50.0, 40.0), SIZE), (SIZE.0 * 2, SIZE.1 * 2));
        let twice = found.place((100.0, 80.0), large);
        assert!((twice.0 - 2.0 * small.0).hypot(twice.1 - 2.0 * small.1) < 1e-9);
    }

    #[test]
    fn what_is_straight_is_not_bent() {
        let all = vec![true; (SIZE.0 * SIZE.1) as usize];
        let flat = Picture::from_rgb(SIZE.0, SIZE.1, vec![90; all.len() * 3]).unwrap();
        let small = Picture::from_rgb(9, 9, vec![90; 243]).unwrap();
        assert_eq!(Warp::fit(&picture(), &picture(), &all), None);
        assert_eq!(Warp::fit(&flat, &flat, &all), None);
        assert_eq!(Warp::fit(&picture(), &flat, &all), None);
        assert_eq!(Warp::fit(&flat, &picture(), &all), None);
        assert_eq!(Warp::fit(&small, &small, &[true; 81]), None);
        assert_eq!(
            Warp::fit(&picture(), &picture(), &vec![false; all.len()]),
            None
        );
    }
}
