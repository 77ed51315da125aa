//! Pillow's `Image.resize` for 8-bit RGB, byte for byte.
//!
//! The algorithm is that of Pillow's `Resample.c`: the filter is stretched by the scale when
//! shrinking, its weights are normalised in f64 and rounded to 22-bit fixed point, a horizontal
//! pass writes 8-bit pixels, and a vertical pass reads them. Passes in the other order, as most
//! libraries have them, differ by up to 13 levels where bicubic overshoot is clipped between them.

use std::f64::consts::PI;
use std::ops::Range;

/// How pixels are weighted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Cubic convolution with a = -0.5, four source pixels wide. What CLIP models expect.
    Bicubic,
    /// Triangle, two source pixels wide.
    Bilinear,
    /// Windowed sinc, six source pixels wide.
    Lanczos,
    /// The source pixel under the centre, no antialiasing.
    Nearest,
}

/// The part of the resized picture that is wanted; it lies inside it.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Filter {
    fn support(self) -> f64 {
        match self {
            Filter::Bicubic => 2.0,
            Filter::Bilinear => 1.0,
            Filter::Lanczos => 3.0,
            Filter::Nearest => 0.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let distance = x.abs();
        match self {
            Filter::Bicubic if distance < 1.0 => {
                ((A + 2.0) * distance - (A + 3.0)) * distance * distance + 1.0
            }
            Filter::Bicubic if distance < 2.0 => {
                (((distance - 5.0) * distance + 8.0) * distance - 4.0) * A
            }
            Filter::Bilinear if distance < 1.0 => 1.0 - distance,
            Filter::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            _ => 0.0,
        }
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * PI;
    x.sin() / x
}

/// Bits behind the point of a weight.
const PRECISION: u32 = 32 - 8 - 2;

/// The weights of one pass: for each output pixel, which inputs and how much of each.
struct Weights {
    taps: Vec<Range<usize>>,
    /// Where each output's weights start in `values`.
    values: Vec<i32>,
    starts: Vec<usize>,
}

impl Weights {
    /// For outputs `wanted` of the `out` that `input` pixels are resized to.
    fn new(input: u32, out: u32, wanted: Range<u32>, filter: Filter) -> Weights {
        let scale = f64::from(input) / f64::from(out);
        let filter_scale = scale.max(1.0);
        let support = filter.support() * filter_scale;
        let mut weights = Weights {
            taps: vec![],
            values: vec![],
            starts: vec![],
        };
        let mut row: Vec<f64> = vec![];
        for at in wanted {
            let centre = (f64::from(at) + 0.5) * scale;
            // `as` cuts towards zero and saturates, as the C cast does on these values.
            let first = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(input as usize);
            row.clear();
            row.extend(
                (first..end)
                    .map(|tap| filter.weight((tap as f64 - centre + 0.5) * (1.0 / filter_scale))),
            );
            let sum: f64 = row.iter().sum();
            weights.starts.push(weights.values.len());
            weights.values.extend(row.iter().map(|&weight| {
                let weight = if sum == 0.0 { weight } else { weight / sum };
                let half = if weight < 0.0 { -0.5 } else { 0.5 };
                (half + weight * f64::from(1 << PRECISION)) as i32
            }));
            weights.taps.push(first..end);
        }
        weights
    }

    fn of(&self, output: usize) -> (Range<usize>, &[i32]) {
        let taps = self.taps[output].clone();
        let start = self.starts[output];
        let count = taps.len();
        (taps, &self.values[start..start + count])
    }
}

/// `pixels` of `from` = (width, height), resized to `to`; only `window` of the result.
pub(crate) fn resize(
    pixels: &[u8],
    from: (u32, u32),
    to: (u32, u32),
    window: Window,
    filter: Filter,
) -> Vec<u8> {
    let columns = window.x..window.x + window.width;
    let rows = window.y..window.y + window.height;
    if filter == Filter::Nearest {
        return nearest(pixels, from, to, columns, rows);
    }
    let width = from.0 as usize;
    let vertical = (from.1 != to.1).then(|| Weights::new(from.1, to.1, rows.clone(), filter));
    // Only the rows that the vertical pass will read.
    let needed = match &vertical {
        Some(weights) => {
            let first = weights
                .taps
                .iter()
                .map(|taps| taps.start)
                .min()
                .unwrap_or(0);
            first..weights.taps.iter().map(|taps| taps.end).max().unwrap_or(0)
        }
        None => rows.start as usize..rows.end as usize,
    };
    let source = &pixels[needed.start * width * 3..needed.end * width * 3];
    let narrow = if from.0 == to.0 {
        let part = columns.start as usize * 3..columns.end as usize * 3;
        if part.len() == width * 3 && vertical.is_some() {
            None
        } else {
            Some(
                source
                    .chunks_exact(width * 3)
                    .flat_map(|row| &row[part.clone()])
                    .copied()
                    .collect(),
            )
        }
    } else {
        let weights = Weights::new(from.0, to.0, columns, filter);
        Some(horizontal_pass(source, width, &weights))
    };
    let Some(weights) = vertical else {
        return narrow.unwrap_or_default();
    };
    let narrow = narrow.as_deref().unwrap_or(source);
    vertical_pass(narrow, window.width as usize, &weights, needed.start)
}

fn horizontal_pass(source: &[u8], width: usize, weights: &Weights) -> Vec<u8> {
    let out_width = weights.taps.len();
    let mut out = vec![0u8; source.len() / (width * 3) * out_width * 3];
    for (row, target) in source
        .chunks_exact(width * 3)
        .zip(out.chunks_exact_mut(out_width * 3))
    {
        let (target, _) = target.as_chunks_mut::<3>();
        for (x, target) in target.iter_mut().enumerate() {
            let (taps, values) = weights.of(x);
            let (inputs, _) = row[taps.start * 3..taps.end * 3].as_chunks::<3>();
            let mut sums = [1 << (PRECISION - 1); 3];
            for (input, &weight) in inputs.iter().zip(values) {
                for (sum, &sample) in sums.iter_mut().zip(input) {
                    *sum += i32::from(sample) * weight;
                }
            }
            *target = sums.map(to_byte);
        }
    }
    out
}

fn vertical_pass(source: &[u8], width: usize, weights: &Weights, first_row: usize) -> Vec<u8> {
    let stride = width * 3;
    let mut out = vec![0u8; weights.taps.len() * stride];
    let mut sums = vec![0i32; stride];
    for (y, target) in out.chunks_exact_mut(stride).enumerate() {
        let (taps, values) = weights.of(y);
        sums.fill(1 << (PRECISION - 1));
        for (tap, &weight) in taps.zip(values) {
            let start = (tap - first_row) * stride;
            for (sum, &sample) in sums.iter_mut().zip(&source[start..start + stride]) {
                *sum += i32::from(sample) * weight;
            }
        }
        for (target, &sum) in target.iter_mut().zip(&sums) {
            *target = to_byte(sum);
        }
    }
    out
}

fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

fn nearest(
    pixels: &[u8],
    from: (u32, u32),
    to: (u32, u32),
    columns: Range<u32>,
    rows: Range<u32>,
) -> Vec<u8> {
    let columns = nearest_inputs(from.0, to.0, columns);
    let rows = nearest_inputs(from.1, to.1, rows);
    let (source, _) = pixels.as_chunks::<3>();
    let mut out = Vec::with_capacity(columns.len() * rows.len() * 3);
    for row in rows {
        let row = &source[row * from.0 as usize..][..from.0 as usize];
        out.extend(columns.iter().flat_map(|&column| row[column]));
    }
    out
}

fn nearest_inputs(input: u32, out: u32, wanted: Range<u32>) -> Vec<usize> {
    let scale = f64::from(input) / f64::from(out);
    wanted
        .map(|at| (((f64::from(at) + 0.5) * scale) as usize).min(input as usize - 1))
        .collect()
}
