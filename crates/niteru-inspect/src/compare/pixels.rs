//! How far two pictures of one size differ, pixel by pixel, with some tolerance for where things lie.

use niteru_imaging::{Picture, luma};

use super::plane::{Plane, planes};

/// Halves of a pixel that a thing may lie off either way and still be the same.
const REACH: isize = 2;

/// Passes of smoothing over the pictures: the grain of single pixels says nothing.
const SMOOTHED: usize = 1;

/// The same for colour, which cameras and JPEG files know more coarsely.
const COLOUR_SMOOTHED: usize = 5;

/// What differences of colour weigh beside those of brightness.
const COLOUR: f32 = 0.8;

/// Passes of smoothing that make up for what one picture is sharper, at most.
const MOST_SMOOTHED: usize = 4;

/// Grey levels beyond which a difference says nothing of sharpness.
const FAR: f32 = 20.0;

/// Passes of smoothing over squared differences: so small patches are compared, not pixels, which are
/// like some neighbour nearly everywhere.
const PATCH: usize = 2;

/// For each pixel, how far its surroundings are in the two pictures: the root of the mean squared
/// difference of a patch of some five pixels, channels added up, at the shift within a pixel, in steps of
/// a half, at which it is smallest. In grey levels.
pub(super) fn distances(a: &Picture, b: &Picture) -> Plane {
    let (mut a, mut b) = (seen(a), seen(b));
    alike_in_sharpness(&mut a[0], &mut b[0]);
    let b = b.map(|plane| Halves::of(&plane));
    let (width, height) = (a[0].width, a[0].height);
    let mut least = Plane {
        data: vec![f32::INFINITY; width * height],
        ..a[0]
    };
    for down in -REACH..=REACH {
        for right in -REACH..=REACH {
            let mut squares = Plane {
                data: vec![0.0; width * height],
                ..a[0]
            };
            for (a, b) in a.iter().zip(&b) {
                b.add_squares(a, (right, down), &mut squares.data);
            }
            let squares = squares.smoothed(PATCH);
            let pairs = least.data.iter_mut().zip(&squares.data);
            pairs.for_each(|(least, &square)| *least = least.min(square));
        }
    }
    for value in &mut least.data {
        *value = value.max(0.0).sqrt();
    }
    least
}

/// Brightness, and how much more of red and of blue there is, so that their squares add up.
fn seen(picture: &Picture) -> [Plane; 3] {
    let [mut red, green, mut blue] = planes(picture);
    let mut bright = green;
    for at in 0..bright.data.len() {
        let (r, g, b) = (red.data[at], bright.data[at], blue.data[at]);
        let luma = luma([r, g, b]);
        bright.data[at] = luma;
        red.data[at] = COLOUR * (r - luma);
        blue.data[at] = COLOUR * (b - luma);
    }
    [
        bright.smoothed(SMOOTHED),
        red.smoothed(COLOUR_SMOOTHED),
        blue.smoothed(COLOUR_SMOOTHED),
    ]
}

/// Smooths the sharper of two planes until they differ least.
fn alike_in_sharpness(a: &mut Plane, b: &mut Plane) {
    let far = |a: &Plane, b: &Plane| -> f64 {
        let pairs = a.data.iter().zip(&b.data);
        pairs.map(|(a, b)| f64::from((a - b).abs().min(FAR))).sum()
    };
    let smoother = |plane: &Plane| {
        let all =
            std::iter::successors(Some(plane.clone()), |plane| Some(plane.clone().smoothed(1)));
        all.skip(1).take(MOST_SMOOTHED)
    };
    let mut least = far(a, b);
    let (mut best_a, mut best_b) = (None, None);
    for candidate in smoother(a) {
        let far = far(&candidate, b);
        if far < least {
            (least, best_a) = (far, Some(candidate));
        }
    }
    for candidate in smoother(b) {
        let far = far(a, &candidate);
        if far < least {
            (least, best_a, best_b) = (far, None, Some(candidate));
        }
    }
    if let Some(best) = best_a {
        *a = best;
    }
    if let Some(best) = best_b {
        *b = best;
    }
}

/// A plane, and the same between its pixels: right, below, and both. Each has a margin of repeated edges.
struct Halves {
    /// Numbers a row, with the margins.
    stride: usize,
    planes: [Vec<f32>; 4],
}

/// Pixels on each side that a shift reaches.
const MARGIN: usize = 2;

impl Halves {
    fn of(plane: &Plane) -> Halves {
        let (width, height) = (plane.width, plane.height);
        let stride = width + 2 * MARGIN;
        let rows = height + 2 * MARGIN;
        let inside = |at: usize, side: usize| at.saturating_sub(MARGIN).min(side - 1);
        let padded: Vec<f32> = (0..rows * stride)
            .map(|at| {
                let (x, y) = (inside(at % stride, width), inside(at / stride, height));
                plane.data[y * width + x]
            })
            .collect();
        // What lies beyond the last number is never looked at.
        let between = |of: &[f32], step: usize| -> Vec<f32> {
            let next = |at: usize| of[(at + step).min(of.len() - 1)];
            (0..of.len()).map(|at| 0.5 * (of[at] + next(at))).collect()
        };
        let right = between(&padded, 1);
        let below = between(&padded, stride);
        let both = between(&right, stride);
        Halves {
            stride,
            planes: [padded, right, below, both],
        }
    }

    /// Adds the squares of its differences from `other`, shifted by so many halves of a pixel.
    fn add_squares(&self, other: &Plane, (right, down): (isize, isize), sums: &mut [f32]) {
        let plane = &self.planes[(right.rem_euclid(2) + 2 * down.rem_euclid(2)) as usize];
        let first = |halves: isize| MARGIN.saturating_add_signed(halves.div_euclid(2));
        let (x, y) = (first(right), first(down));
        let rows = other.data.chunks_exact(other.width);
        let rows = rows.zip(sums.chunks_exact_mut(other.width));
        for ((row, sums), y) in rows.zip(y..) {
            let shifted = &plane[y * self.stride + x..][..other.width];
            for ((sum, a), b) in sums.iter_mut().zip(row).zip(shifted) {
                *sum += (a - b) * (a - b);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: u32 = 60;
    const HEIGHT: u32 = 40;

    /// Waves with an edge, seen so many pixels further right; `spot` is a square of another brightness.
    fn picture(shift: f32, spot: Option<(u32, u32)>) -> Picture {
        let pixels = (0..WIDTH * HEIGHT).flat_map(|at| {
            let (x, y) = (at % WIDTH, at / WIDTH);
            let along = x as f32 - shift;
            let wave = 110.0 + 50.0 * (along * 0.35).sin() * (y as f32 * 0.2).cos();
            let edge = 60.0 * (along - 30.0 + 0.5).clamp(0.0, 1.0);
            let on = spot.is_some_and(|(left, top)| {
                (left..left + 3).contains(&x) && (top..top + 3).contains(&y)
            });
            [(wave + edge) as u8 + if on { 40 } else { 0 }; 3]
        });
        Picture::from_rgb(WIDTH, HEIGHT, pixels.collect()).unwrap()
    }

    fn largest(distances: &Plane) -> (f32, usize, usize) {
        let all = distances.data.iter().copied().enumerate();
        let (at, value) = all.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        (value, at % distances.width, at / distances.width)
    }

    #[test]
    fn a_pixel_off_is_nearly_no_difference_and_a_spot_is_one() {
        let plain = picture(0.0, None);
        assert_eq!(largest(&distances(&plain, &plain)).0, 0.0);
        for shift in [0.5, 1.0, -0.7] {
            let (off, ..) = largest(&distances(&plain, &picture(shift, None)));
            assert!(off < 8.0, "{shift}: {off}");
        }
        let (far, ..) = largest(&distances(&plain, &picture(4.0, None)));
        assert!(far > 15.0, "{far}");
        let spotted = picture(0.6, Some((15, 20)));
        for (a, b) in [(&plain, &spotted), (&spotted, &plain)] {
            let (spot, x, y) = largest(&distances(a, b));
            assert!(spot > 15.0, "{spot}");
            assert!((14..19).contains(&x) && (19..24).contains(&y), "{x}, {y}");
        }
    }

    #[test]
    fn colour_alone_is_a_difference() {
        let grey = Picture::from_rgb(20, 20, vec![100; 1200]).unwrap();
        let mut pixels = vec![100; 1200];
        for y in 6..14 {
            for x in 6..14 {
                // As bright as before.
                pixels[3 * (20 * y + x)..][..3].copy_from_slice(&[170, 68, 89]);
            }
        }
        let red = Picture::from_rgb(20, 20, pixels).unwrap();
        assert!(largest(&distances(&grey, &red)).0 > 20.0);
    }

    #[test]
    fn another_sharpness_is_nearly_no_difference() {
        let sharp = picture(0.0, None);
        let [red, ..] = planes(&sharp).map(|plane| plane.smoothed(3));
        let blurred = red.data.iter().flat_map(|&value| [value.round() as u8; 3]);
        let blurred = Picture::from_rgb(WIDTH, HEIGHT, blurred.collect()).unwrap();
        for (a, b) in [(&sharp, &blurred), (&blurred, &sharp)] {
            let (off, ..) = largest(&distances(a, b));
            assert!(off < 3.0, "{off}");
        }
    }

    #[test]
    fn any_size_can_be_compared() {
        for (width, height) in [(1, 1), (1, 9), (7, 1), (2, 3)] {
            let flat = |value: u8| {
                let bytes = vec![value; (width * height * 3) as usize];
                Picture::from_rgb(width, height, bytes).unwrap()
            };
            let got = distances(&flat(10), &flat(30));
            assert!(got.data.iter().all(|d| (d - 20.0).abs() < 1e-3), "{got:?}");
        }
    }
}
