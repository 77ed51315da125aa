//! Planes of numbers, one for each pixel.

use niteru_imaging::{Picture, luma};

/// One number for each pixel, row by row. Both sides are at least 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) data: Vec<f32>,
}

/// Red, green and blue, 0…255.
pub(super) fn planes(picture: &Picture) -> [Plane; 3] {
    let (pixels, _) = picture.pixels().as_chunks::<3>();
    [0, 1, 2].map(|channel| Plane {
        width: picture.width() as usize,
        height: picture.height() as usize,
        data: pixels.iter().map(|rgb| f32::from(rgb[channel])).collect(),
    })
}

/// Brightness, 0…255.
pub(super) fn bright(picture: &Picture) -> Plane {
    let [mut bright, green, blue] = planes(picture);
    let others = green.data.iter().zip(&blue.data);
    for (value, (green, blue)) in bright.data.iter_mut().zip(others) {
        *value = luma([*value, *green, *blue]);
    }
    bright
}

impl Plane {
    /// Rows of `width` numbers.
    pub(super) fn of(width: usize, height: usize, data: Vec<f32>) -> Plane {
        debug_assert_eq!(data.len(), width * height);
        Plane {
            width,
            height,
            data,
        }
    }

    /// Value and slopes to the right and down between pixels, whose centres have whole coordinates; `None`
    /// beyond the outermost.
    pub(super) fn sample(&self, x: f64, y: f64) -> Option<(f64, [f64; 2])> {
        // Also false where a coordinate is no number.
        if !(x >= 0.0 && y >= 0.0) {
            return None;
        }
        let (left, top) = (x as usize, y as usize);
        if left + 1 >= self.width || top + 1 >= self.height {
            return None;
        }
        let at = top * self.width + left;
        let [a, b, c, d] =
            [at, at + 1, at + self.width, at + self.width + 1].map(|at| f64::from(self.data[at]));
        let (x, y) = (x - left as f64, y - top as f64);
        let (upper, lower) = (a + x * (b - a), c + x * (d - c));
        let right = (b - a) + y * ((d - c) - (b - a));
        Some((upper + y * (lower - upper), [right, lower - upper]))
    }

    /// The value at a point as of [`Plane::sample`], with the outermost numbers repeated by half of a place;
    /// `None` beyond.
    pub(super) fn near(&self, x: f64, y: f64) -> Option<f32> {
        let within = |at: f64, side: usize| {
            let last = side as f64 - 1.0;
            (-0.5..=last + 0.5)
                .contains(&at)
                .then(|| at.clamp(0.0, last))
        };
        let (x, y) = (within(x, self.width)?, within(y, self.height)?);
        let row = |y: usize| {
            let row = &self.data[y * self.width..][..self.width];
            let share = (x - x.floor()) as f32;
            let (left, right) = (row[x as usize], row[x.ceil() as usize]);
            left + share * (right - left)
        };
        let (upper, lower) = (row(y as usize), row(y.ceil() as usize));
        Some(upper + (y - y.floor()) as f32 * (lower - upper))
    }

    /// Smoothed `times` by the weights 1, 2, 1 in both directions, edges repeated: nearly a Gaussian,
    /// with a variance of half that number.
    pub(super) fn smoothed(mut self, times: usize) -> Plane {
        for _ in 0..times {
            self.smooth_rows();
            self.smooth_columns();
        }
        self
    }

    fn smooth_rows(&mut self) {
        let mut before = vec![0.0; self.width];
        for row in self.data.chunks_exact_mut(self.width) {
            before.copy_from_slice(row);
            for (to, near) in row[1..].iter_mut().zip(before.windows(3)) {
                *to = mixed(near[0], near[1], near[2]);
            }
            let last = self.width - 1;
            row[0] = mixed(before[0], before[0], before[last.min(1)]);
            row[last] = mixed(before[last.saturating_sub(1)], before[last], before[last]);
        }
    }

    fn smooth_columns(&mut self) {
        let mut above = self.data[..self.width].to_vec();
        let mut rest = &mut self.data[..];
        while !rest.is_empty() {
            let (row, below) = rest.split_at_mut(self.width);
            for (at, value) in row.iter_mut().enumerate() {
                let here = *value;
                *value = mixed(above[at], here, below.get(at).copied().unwrap_or(here));
                above[at] = here;
            }
            rest = below;
        }
    }

    /// Each number becomes the largest of those up to `reach` away, in a square.
    pub(super) fn widened(&self, reach: usize) -> Plane {
        let (width, height) = (self.width, self.height);
        let largest = |cells: &mut dyn Iterator<Item = f32>| cells.fold(f32::MIN, f32::max);
        let near = |at: usize, side: usize| at.saturating_sub(reach)..(at + reach + 1).min(side);
        let across: Vec<f32> = (0..self.data.len())
            .map(|at| {
                let row = &self.data[at / width * width..][..width];
                largest(&mut row[near(at % width, width)].iter().copied())
            })
            .collect();
        let down = |at: usize| {
            let rows = near(at / width, height);
            largest(&mut rows.map(|y| across[y * width + at % width]))
        };
        Plane {
            data: (0..across.len()).map(down).collect(),
            ..*self
        }
    }
}

fn mixed(before: f32, here: f32, after: f32) -> f32 {
    0.25 * (before + after) + 0.5 * here
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_keeps_the_sum_and_repeats_edges() {
        let mut data = vec![0.0; 7 * 5];
        data[2 * 7 + 3] = 16.0;
        let smooth = Plane::of(7, 5, data).smoothed(1);
        let row = |y: usize| &smooth.data[7 * y..][2..5];
        assert_eq!(
            (row(1), row(2)),
            (&[1.0, 2.0, 1.0][..], &[2.0, 4.0, 2.0][..])
        );
        assert_eq!(smooth.data.iter().sum::<f32>(), 16.0);
        for (width, height) in [(1, 1), (1, 6), (6, 1), (2, 2), (9, 4)] {
            let flat = Plane::of(width, height, vec![3.0; width * height]);
            assert_eq!(flat.clone().smoothed(5), flat, "{width} x {height}");
        }
    }

    #[test]
    fn widening_is_a_maximum_in_a_square() {
        let mut data = vec![0.0; 6 * 5];
        data[6 + 1] = 2.0;
        data[4 * 6 + 5] = 1.0;
        let wide = Plane::of(6, 5, data).widened(1);
        let expected = [
            [2.0, 2.0, 2.0, 0.0, 0.0, 0.0],
            [2.0, 2.0, 2.0, 0.0, 0.0, 0.0],
            [2.0, 2.0, 2.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 0.0, 1.0, 1.0],
            [0.0, 0.0, 0.0, 0.0, 1.0, 1.0],
        ];
        assert_eq!(wide.data, expected.concat());
    }

    #[test]
    fn values_between_pixels() {
        let plane = Plane::of(3, 2, vec![0.0, 2.0, 4.0, 10.0, 12.0, 14.0]);
        assert_eq!(plane.sample(0.5, 0.5), Some((6.0, [2.0, 10.0])));
        assert_eq!(plane.near(0.5, 0.5), Some(6.0));
        assert_eq!(plane.near(-0.5, 1.4), Some(10.0));
        for (x, y) in [(-0.6, 0.0), (2.6, 0.0), (0.0, 1.6), (f64::NAN, 0.0)] {
            assert_eq!(plane.near(x, y), None, "{x}, {y}");
            assert_eq!(plane.sample(x, y), None, "{x}, {y}");
        }
        assert_eq!(Plane::of(1, 1, vec![7.0]).near(0.2, -0.3), Some(7.0));
    }
}
