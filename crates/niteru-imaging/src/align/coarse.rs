use super::AlignOptions;
use super::fine::Motion;
use super::plane::{Pair, Plane};

/// Degrees between the rotations that are tried.
const STEP: f64 = 3.0;

/// How many motions are returned at most.
const STARTS: usize = 3;

/// Two of them are further apart than so many pixels or steps of rotation.
const PIXELS_APART: isize = 2;
const STEPS_APART: isize = 2;

/// A motion by whole pixels and steps, and how well the gradients correlate.
#[derive(Clone, Copy)]
struct Trial {
    step: isize,
    x: isize,
    y: isize,
    score: f32,
}

/// The best motions of all that `options` allow, the best first, each apart from the others.
pub(super) fn search(pair: &Pair, options: &AlignOptions) -> Vec<Motion> {
    let steps = (options.max_rotation / STEP).ceil() as isize;
    let step = match steps {
        0 => 0.0,
        steps => options.max_rotation.to_radians() / steps as f64,
    };
    let most = (options.max_shift * pair.shorter_side()).ceil() as isize;
    let fixed = Gradients::new(&pair.reference, |_, _| true);
    let mut trials = Vec::new();
    for at in -steps..=steps {
        let turned = turned(pair, at as f64 * step);
        for y in -most..=most {
            trials.extend((-most..=most).map(|x| Trial {
                step: at,
                x,
                y,
                score: fixed.correlation(&turned, x, y),
            }));
        }
    }
    trials.sort_by(|a, b| b.score.total_cmp(&a.score));
    apart(&trials)
        .iter()
        .map(|trial| trial.motion(step))
        .collect()
}

fn apart(trials: &[Trial]) -> Vec<Trial> {
    let mut kept: Vec<Trial> = Vec::new();
    for trial in trials {
        let near = |other: &Trial| {
            (trial.x - other.x).abs() <= PIXELS_APART
                && (trial.y - other.y).abs() <= PIXELS_APART
                && (trial.step - other.step).abs() <= STEPS_APART
        };
        if !kept.iter().any(near) {
            kept.push(*trial);
        }
        if kept.len() == STARTS {
            break;
        }
    }
    kept
}

impl Trial {
    /// The shift was seen in the turned picture.
    fn motion(&self, step: f64) -> Motion {
        let angle = self.step as f64 * step;
        let (x, y) = Motion::turn(angle, self.x as f64, self.y as f64);
        Motion { angle, x, y }
    }
}

/// The moving picture as the reference would see it if it were turned and not shifted.
fn turned(pair: &Pair, angle: f64) -> Gradients {
    let (width, height) = (pair.reference.width, pair.reference.height);
    let motion = Motion {
        angle,
        ..Motion::NONE
    };
    let mut inside = vec![false; width * height];
    let mut data = vec![0.0; width * height];
    for at in 0..width * height {
        let (x, y) = motion.moves(pair, at % width, at / width);
        if let Some([value, ..]) = pair.moving.sample(x as f32, y as f32) {
            (inside[at], data[at]) = (true, value);
        }
    }
    let plane = Plane {
        width,
        height,
        data,
    };
    Gradients::new(&plane, |x, y| inside[y * width + x])
}

/// Differences of the neighbours across and down, 0 at the edges and near what is not known.
struct Gradients {
    width: usize,
    height: usize,
    across: Vec<f32>,
    down: Vec<f32>,
    /// Sums of the squares of all gradients above and to the left; one column and row more.
    energy: Vec<f64>,
}

impl Gradients {
    fn new(plane: &Plane, known: impl Fn(usize, usize) -> bool) -> Gradients {
        let (width, height) = (plane.width, plane.height);
        let mut across = vec![0.0; width * height];
        let mut down = vec![0.0; width * height];
        for y in 1..height.saturating_sub(1) {
            for x in 1..width.saturating_sub(1) {
                let around = [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)];
                if around.iter().all(|&(x, y)| known(x, y)) {
                    let [left, right, upper, lower] =
                        around.map(|(x, y)| plane.data[y * width + x]);
                    across[y * width + x] = right - left;
                    down[y * width + x] = lower - upper;
                }
            }
        }
        let mut energy = vec![0.0; (width + 1) * (height + 1)];
        for y in 0..height {
            let mut row = 0.0;
            for x in 0..width {
                let at = y * width + x;
                row += f64::from(across[at]).powi(2) + f64::from(down[at]).powi(2);
                energy[(y + 1) * (width + 1) + x + 1] = energy[y * (width + 1) + x + 1] + row;
            }
        }
        Gradients {
            width,
            height,
            across,
            down,
            energy,
        }
    }

    /// With another picture of the same size whose content lies further right by `x`, down by `y`.
    fn correlation(&self, other: &Gradients, x: isize, y: isize) -> f32 {
        let across = overlap(self.width, x);
        let down = overlap(self.height, y);
        let (Some((left, right, columns)), Some((top, other_top, rows))) = (across, down) else {
            return 0.0;
        };
        let mut sum = 0.0;
        for row in 0..rows {
            let here = (top + row) * self.width + left;
            let there = (other_top + row) * self.width + right;
            sum += dot(
                &self.across[here..][..columns],
                &other.across[there..][..columns],
            );
            sum += dot(
                &self.down[here..][..columns],
                &other.down[there..][..columns],
            );
        }
        let energy =
            self.energy(left, top, columns, rows) * other.energy(right, other_top, columns, rows);
        match energy > 0.0 {
            true => (f64::from(sum) / energy.sqrt()) as f32,
            false => 0.0,
        }
    }

    fn energy(&self, x: usize, y: usize, columns: usize, rows: usize) -> f64 {
        let at = |x: usize, y: usize| self.energy[y * (self.width + 1) + x];
        let (right, bottom) = (x + columns, y + rows);
        (at(right, bottom) - at(x, bottom) - at(right, y) + at(x, y)).max(0.0)
    }
}

/// Where two sides overlap once shifted: the first pixel in each, and how many; none if they do not.
fn overlap(side: usize, shift: isize) -> Option<(usize, usize, usize)> {
    let by = shift.unsigned_abs();
    let count = side.checked_sub(by).filter(|&count| count > 0)?;
    Some(match shift >= 0 {
        true => (0, by, count),
        false => (by, 0, count),
    })
}

/// In eight sums, for the compiler to use the lanes.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}
