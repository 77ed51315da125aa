//! Textures pixel by pixel: how well each pixel fits its neighbours, as in good pictures.
//!
//! The grey values of small squares of good pictures are taken for a multivariate normal distribution.
//! Its Mahalanobis distance weighs each direction by how little it varies, so a patch of other noise or
//! another weave stands out that is far below what a network's patches resolve. (Linear prediction of
//! a pixel from its neighbours, as Bui and Apley, 2018, monitor textiles with, is the same covariance
//! read one pixel at a time.)

use niteru_imaging::Mask;
use niteru_kernels::Kernels;
use niteru_learn::{FitError, Gaussian, GaussianDistances};

use crate::random::Random;
use crate::view::Luminance;

/// Side of a square, in pixels.
const SIDE: usize = 7;
const AREA: usize = SIDE * SIDE;

/// Squares begin at every second pixel of every second row.
const STEP: usize = 2;

/// Squares of one picture that the distribution is fitted to.
const SAMPLES: usize = 1024;

/// Cells whose distances are averaged, along each side: a defect of some pixels fills them.
const WINDOW: usize = 5;

/// Distances of one picture's squares: `[rows][columns]`.
pub(crate) struct TextureMap {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// `None` where the picture does not count.
    pub(crate) data: Vec<Option<f32>>,
}

/// Pixels that two pixels of a pair are apart: down, and right or left.
const LAGS: [(usize, isize); 24] = [
    (0, 1),
    (0, 2),
    (0, 3),
    (1, -3),
    (1, -2),
    (1, -1),
    (1, 0),
    (1, 1),
    (1, 2),
    (1, 3),
    (2, -3),
    (2, -2),
    (2, -1),
    (2, 0),
    (2, 1),
    (2, 2),
    (2, 3),
    (3, -3),
    (3, -2),
    (3, -1),
    (3, 0),
    (3, 1),
    (3, 2),
    (3, 3),
];

/// The grain of a whole picture: its variogram (Matheron, 1963), the mean squares of differences between
/// pixels some way apart, as logarithms.
///
/// Does not hang on brightness. Contrast moves all values by the same amount. Of an area, only pairs of
/// pixels that both count are taken.
pub(crate) fn grain(picture: &Luminance, area: Option<&Mask>) -> Vec<f32> {
    let (width, height) = (picture.width, picture.height);
    let counts = area.map(|area| area.for_size(width as u32, height as u32));
    let variance = |&(down, right): &(usize, isize)| {
        let (mut sum, mut pairs) = (0u64, 0u64);
        for y in 0..height.saturating_sub(down) {
            let Some((upper, lower)) = paired(&picture.data, width, y, (down, right)) else {
                continue;
            };
            let counting = counts
                .as_ref()
                .and_then(|counts| paired(counts.cells(), width, y, (down, right)));
            let (of_line, pairs_of_line) = match counting {
                None => (squares(upper.iter().zip(lower)), upper.len()),
                Some((a, b)) => {
                    let both = a.iter().zip(b).map(|(a, b)| a & b);
                    let all = upper.iter().zip(lower).zip(both.clone());
                    let counted = all.filter(|(_, both)| *both).map(|(pair, _)| pair);
                    (squares(counted), both.filter(|both| *both).count())
                }
            };
            sum += u64::from(of_line);
            pairs += pairs_of_line as u64;
        }
        // Half a level's square: below is what rounding makes of a flat picture.
        (sum as f64 / pairs.max(1) as f64 + 0.5).ln() as f32
    };
    LAGS.iter().map(variance).collect()
}

/// The parts of row `y` and of the row `down` below it whose pixels are pairs; `None` where the picture
/// is too narrow for one.
fn paired<T>(
    data: &[T],
    width: usize,
    y: usize,
    (down, right): (usize, isize),
) -> Option<(&[T], &[T])> {
    let aside = right.unsigned_abs();
    let upper = &data[y * width..][..width];
    let lower = &data[(y + down) * width..][..width];
    match right < 0 {
        true => Some((upper.get(aside..)?, lower.get(..width.checked_sub(aside)?)?)),
        false => Some((upper.get(..width.checked_sub(aside)?)?, lower.get(aside..)?)),
    }
}

/// Sum of squared differences of one line's pairs.
fn squares<'a>(pairs: impl Iterator<Item = (&'a u8, &'a u8)>) -> u32 {
    let square = |(&a, &b): (&u8, &u8)| {
        let difference = i32::from(a) - i32::from(b);
        (difference * difference) as u32
    };
    pairs.map(square).sum()
}

/// Some squares of a picture's area, `[count, AREA]`, the same for the same seed.
pub(crate) fn samples(picture: &Luminance, area: Option<&Mask>, seed: u64) -> Vec<f32> {
    let (rows, columns) = grid(picture);
    if rows == 0 || columns == 0 {
        return Vec::new();
    }
    let counting: Vec<usize> = match area {
        None => (0..rows * columns).collect(),
        Some(area) => {
            let counts = area.for_size(columns as u32, rows as u32);
            let numbered = counts.cells().iter().enumerate();
            numbered
                .filter(|(_, counts)| **counts)
                .map(|(at, _)| at)
                .collect()
        }
    };
    let chosen = Random::new(seed).sample(counting.len(), SAMPLES);
    let mut out = vec![0.0; chosen.len() * AREA];
    for (to, at) in out.chunks_exact_mut(AREA).zip(chosen) {
        let at = counting[at];
        square(picture, at / columns * STEP, at % columns * STEP, to);
    }
    out
}

/// The distribution of some pictures' squares.
pub(crate) fn fit(kernels: Kernels, samples: &[f32]) -> Result<Gaussian, FitError> {
    Gaussian::fit(kernels, samples, AREA)
}

/// Whether a stored distribution is one of squares.
pub(crate) fn is_sound(gaussian: &Gaussian) -> bool {
    gaussian.dimensions() == AREA
}

/// How unusual each place of a picture's area is: the root mean square of the distances around it, of
/// those that count. `None` when the picture is too small to hold a square.
pub(crate) fn map(
    distances: &GaussianDistances,
    picture: &Luminance,
    area: Option<&Mask>,
) -> Option<TextureMap> {
    let (rows, columns) = grid(picture);
    if rows == 0 || columns == 0 {
        return None;
    }
    let mut line = vec![0.0; columns * AREA];
    let mut squares = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        for (column, to) in line.chunks_exact_mut(AREA).enumerate() {
            square(picture, row * STEP, column * STEP, to);
        }
        squares.extend(distances.distances(&line).iter().map(|d| d * d));
    }
    let shares: Vec<f32> = match area {
        None => vec![1.0; squares.len()],
        Some(area) => {
            let counts = area.for_size(columns as u32, rows as u32);
            let share = |&counts: &bool| f32::from(u8::from(counts));
            counts.cells().iter().map(share).collect()
        }
    };
    let counted = squares
        .iter()
        .zip(&shares)
        .map(|(square, share)| square * share);
    let sums = smoothed(&counted.collect::<Vec<_>>(), rows, columns);
    let around = smoothed(&shares, rows, columns);
    let cells = sums.iter().zip(&around).zip(&shares);
    let data =
        cells.map(|((sum, around), share)| (*share > 0.0).then(|| (sum / around).max(0.0).sqrt()));
    Some(TextureMap {
        rows,
        columns,
        data: data.collect(),
    })
}

fn grid(picture: &Luminance) -> (usize, usize) {
    let cells = |pixels: usize| match pixels.checked_sub(SIDE) {
        Some(rest) => rest / STEP + 1,
        None => 0,
    };
    (cells(picture.height), cells(picture.width))
}

fn square(picture: &Luminance, y: usize, x: usize, to: &mut [f32]) {
    for (row, to) in to.chunks_exact_mut(SIDE).enumerate() {
        let from = &picture.data[(y + row) * picture.width + x..][..SIDE];
        to.iter_mut()
            .zip(from)
            .for_each(|(to, &value)| *to = f32::from(value));
    }
}

/// Means over [`WINDOW`] × [`WINDOW`] cells, fewer at the edges.
fn smoothed(data: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let across = means(data, (rows, columns), (columns, 1));
    means(&across, (columns, rows), (1, columns))
}

/// Means over [`WINDOW`] cells along each of some lines; cell `at` of a line lies at
/// `line * jump + at * stride`.
fn means(
    data: &[f32],
    (lines, length): (usize, usize),
    (jump, stride): (usize, usize),
) -> Vec<f32> {
    let reach = WINDOW / 2;
    let mut out = vec![0.0; data.len()];
    for line in 0..lines {
        for at in 0..length {
            let (first, last) = (at.saturating_sub(reach), (at + reach).min(length - 1));
            let cell = |at: usize| data[line * jump + at * stride];
            let sum: f32 = (first..=last).map(cell).sum();
            out[line * jump + at * stride] = sum / (last - first + 1) as f32;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Smooth waves; `rough` is a square of other texture.
    fn picture(seed: u64, rough: bool) -> Luminance {
        let mut random = Random::new(seed);
        let phase = random.below(100) as f32 * 0.06;
        let (width, height) = (96, 64);
        let wave = |x: usize, y: usize| {
            (128.0 + 60.0 * (x as f32 * 0.21 + y as f32 * 0.13 + phase).sin()) as i32
        };
        let data = (0..width * height).map(|at| {
            let (x, y) = (at % width, at / width);
            let noise = random.below(9) as i32 - 4;
            let inside = rough && (40..50).contains(&x) && (30..40).contains(&y);
            let flip = if inside && (x + y) % 2 == 0 { 24 } else { 0 };
            (wave(x, y) + noise + flip).clamp(0, 255) as u8
        });
        Luminance {
            width,
            height,
            data: data.collect(),
        }
    }

    #[test]
    fn another_texture_stands_out_where_it_is() {
        let good: Vec<f32> = (0..8)
            .flat_map(|seed| samples(&picture(seed, false), None, seed))
            .collect();
        for kernels in Kernels::available() {
            let distances = fit(kernels, &good).unwrap().prepare(kernels);
            let most = |picture: &Luminance| {
                let map = map(&distances, picture, None).unwrap();
                let most = map.data.iter().map(|cell| cell.unwrap()).enumerate();
                let most = most.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
                (
                    most.1,
                    most.0 / map.columns * STEP,
                    most.0 % map.columns * STEP,
                )
            };
            let (good, ..) = most(&picture(50, false));
            let (bad, y, x) = most(&picture(51, true));
            assert!(bad > 1.5 * good, "{bad} beside {good}");
            assert!(
                (25..40).contains(&y) && (35..50).contains(&x),
                "at {x}, {y}"
            );
        }
    }

    #[test]
    fn a_tiny_picture_has_no_squares() {
        let tiny = Luminance {
            width: 6,
            height: 100,
            data: vec![0; 600],
        };
        assert!(samples(&tiny, None, 1).is_empty());
        let flat = fit(Kernels::detect(), &[7.0; 49]).unwrap();
        assert!(map(&flat.prepare(Kernels::detect()), &tiny, None).is_none());
    }

    #[test]
    fn what_does_not_count_changes_neither_grain_nor_samples() {
        let cells = (0..96 * 64).map(|at| at % 96 < 30).collect();
        let area = Mask::new(96, 64, cells).unwrap();
        let (plain, rough) = (picture(3, false), picture(3, true));
        assert_ne!(grain(&plain, None), grain(&rough, None));
        assert_eq!(grain(&plain, Some(&area)), grain(&rough, Some(&area)));
        assert_ne!(grain(&plain, Some(&area)), grain(&plain, None));
        assert_eq!(
            samples(&plain, Some(&area), 5),
            samples(&rough, Some(&area), 5)
        );
        let all = Mask::new(1, 1, vec![true]).unwrap();
        assert_eq!(grain(&plain, Some(&all)), grain(&plain, None));
        assert_eq!(samples(&plain, Some(&all), 5), samples(&plain, None, 5));
    }

    #[test]
    fn what_does_not_count_is_told_of_by_no_place() {
        let kernels = Kernels::detect();
        // The rough square lies in columns 40 to 49; the area ends right before its squares.
        let cells = (0..96 * 64).map(|at| at % 96 < 32).collect();
        let area = Mask::new(96, 64, cells).unwrap();
        let good: Vec<f32> = (0..4)
            .flat_map(|seed| samples(&picture(seed, false), None, seed))
            .collect();
        let distances = fit(kernels, &good).unwrap().prepare(kernels);
        let told = |rough, area| map(&distances, &picture(9, rough), area).unwrap().data;
        let (plain, rough) = (told(false, Some(&area)), told(true, Some(&area)));
        assert_eq!(plain, rough);
        assert!(plain.contains(&None) && plain.iter().any(Option::is_some));
        assert_ne!(told(false, None), told(true, None));
        let all = Mask::new(1, 1, vec![true]).unwrap();
        assert_eq!(told(true, Some(&all)), told(true, None));
    }
}
