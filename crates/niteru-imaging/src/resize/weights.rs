//! Which inputs make an output, and how much of each.

use std::ops::Range;

use super::Filter;

/// Bits behind the point of a weight.
pub(super) const PRECISION: u32 = 32 - 8 - 2;

/// The weights of one pass: for each output pixel, which inputs and how much of each.
pub(crate) struct Weights {
    pub(super) taps: Vec<Range<usize>>,
    /// Where each output's weights start in `values`.
    values: Vec<i32>,
    starts: Vec<usize>,
}

impl Weights {
    /// For outputs `wanted` of the `out` that the first `extent` of `input` pixels are resized to.
    pub(crate) fn new(
        input: u32,
        extent: f64,
        out: u32,
        wanted: Range<u32>,
        filter: Filter,
    ) -> Weights {
        let scale = extent / f64::from(out);
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

    /// The inputs that all outputs together read.
    pub(super) fn span(&self) -> Range<usize> {
        let first = self.taps.iter().map(|taps| taps.start).min().unwrap_or(0);
        first..self.taps.iter().map(|taps| taps.end).max().unwrap_or(0)
    }

    /// Outputs.
    pub(crate) fn len(&self) -> usize {
        self.taps.len()
    }

    /// The inputs of an output, and a weight for each, of which the sum is 1.
    pub(crate) fn floats(&self, output: usize) -> (Range<usize>, impl Iterator<Item = f32>) {
        let (inputs, weights) = self.of(output);
        let one = (1 << PRECISION) as f32;
        (
            inputs,
            weights.iter().map(move |&weight| weight as f32 / one),
        )
    }

    /// The inputs of an output, and a weight for each.
    pub(super) fn of(&self, output: usize) -> (Range<usize>, &[i32]) {
        let taps = self.taps[output].clone();
        let start = self.starts[output];
        let count = taps.len();
        (taps, &self.values[start..start + count])
    }
}
