//! Resizing of a picture whose pixels are means over squares of full pixels.
//!
//! The result is to be that of resizing the full picture. So nothing is rounded before the end (many
//! full pixels average their rounding out), and the filter, made for values at points, is made one for
//! means: the value in the middle of a cell is its mean less 1/24 of the second difference of the
//! means, to the fourth order.

use super::weights::{PRECISION, Weights};
use super::{Filter, Source, Window};

/// A picture of means.
pub(crate) struct Means<'a> {
    /// RGB pixels.
    pub(crate) levels: &'a [u8],
    /// For each of the levels: what it was rounded by, in 256ths, plus 128.
    pub(crate) rests: &'a [u8],
    pub(crate) size: Source,
    /// Full pixels a side for each pixel.
    pub(crate) divisor: u32,
}

/// The inputs of one output, and a weight for each.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

/// `picture`, resized to `to` = (width, height); only `window` of the result. Not for
/// [`Filter::Nearest`].
pub(crate) fn resize(
    picture: &Means<'_>,
    to: (u32, u32),
    window: Window,
    filter: Filter,
) -> Vec<u8> {
    let Source {
        width,
        height,
        columns,
        rows,
    } = picture.size;
    let taps = |input, extent, out, start, length| {
        let weights = Weights::new(input, extent, out, start..start + length, filter);
        for_means(&weights, input as usize, picture.divisor)
    };
    let across = taps(width, columns, to.0, window.x, window.width);
    let down = taps(height, rows, to.1, window.y, window.height);
    let first = down.iter().map(|taps| taps.first).min().unwrap_or(0);
    let end = down
        .iter()
        .map(|taps| taps.first + taps.weights.len())
        .max();
    let part = first * width as usize * 3..end.unwrap_or(first) * width as usize * 3;
    let (levels, rests) = (&picture.levels[part.clone()], &picture.rests[part]);
    let narrow = horizontal_pass(levels, rests, width as usize, &across);
    vertical_pass(&narrow, across.len() * 3, &down, first)
}

/// Taps over means, of those over values.
fn for_means(weights: &Weights, input: usize, divisor: u32) -> Vec<Taps> {
    // The 1/24 is that of a continuous picture; of `divisor` pixels it is a little less.
    let share = (1.0 - 1.0 / f64::from(divisor * divisor)) as f32 / 24.0;
    let outputs = 0..weights.taps.len();
    let taps = outputs.map(|output| {
        let (range, values) = weights.of(output);
        let first = range.start.saturating_sub(1);
        let end = (range.end + 1).min(input);
        let mut wide = vec![0f32; end - first];
        for (to, &value) in wide[range.start - first..].iter_mut().zip(values) {
            *to = value as f32 / (1 << PRECISION) as f32;
        }
        let flows: Vec<f32> = wide
            .windows(2)
            .map(|two| share * (two[1] - two[0]))
            .collect();
        for (at, flow) in flows.iter().enumerate() {
            wide[at] -= flow;
            wide[at + 1] += flow;
        }
        Taps {
            first,
            weights: wide,
        }
    });
    taps.collect()
}

/// Rows of `width` pixels, each resized to as many as there are `taps`, within 0 to 255.
fn horizontal_pass(levels: &[u8], rests: &[u8], width: usize, taps: &[Taps]) -> Vec<f32> {
    let stride = taps.len() * 3;
    let mut out = vec![0f32; levels.len() / (width * 3) * stride];
    // Four lanes for three channels; the last pixel's fourth is this zero.
    let mut row = vec![0f32; width * 3 + 1];
    let sources = levels
        .chunks_exact(width * 3)
        .zip(rests.chunks_exact(width * 3));
    for ((levels, rests), target) in sources.zip(out.chunks_exact_mut(stride)) {
        for ((to, &level), &rest) in row.iter_mut().zip(levels).zip(rests) {
            *to = ((i32::from(level) << 8) + i32::from(rest) - 128) as f32;
        }
        for (target, taps) in target.as_chunks_mut::<3>().0.iter_mut().zip(taps) {
            let mut sums = [0f32; 4];
            let inputs = row[taps.first * 3..].windows(4).step_by(3);
            for (input, &weight) in inputs.zip(&taps.weights) {
                for (sum, &sample) in sums.iter_mut().zip(input) {
                    *sum += sample * weight;
                }
            }
            let [red, green, blue, _] = sums.map(|sum| (sum / 256.0).clamp(0.0, 255.0));
            *target = [red, green, blue];
        }
    }
    out
}

/// As many rows of `stride` values as there are `taps`; the first row of the source has the number
/// `first_row` in them.
fn vertical_pass(source: &[f32], stride: usize, taps: &[Taps], first_row: usize) -> Vec<u8> {
    let mut out = vec![0u8; taps.len() * stride];
    let mut sums = vec![0f32; stride];
    for (target, taps) in out.chunks_exact_mut(stride).zip(taps) {
        sums.fill(0.5);
        let rows = source[(taps.first - first_row) * stride..].chunks_exact(stride);
        for (row, &weight) in rows.zip(&taps.weights) {
            for (sum, &sample) in sums.iter_mut().zip(row) {
                *sum += sample * weight;
            }
        }
        for (to, &sum) in target.iter_mut().zip(&sums) {
            *to = sum as u8;
        }
    }
    out
}
