//! Pillow's `Image.resize` for 8-bit RGB, byte for byte.
//!
//! The algorithm is that of Pillow's `Resample.c`: the filter is stretched by the scale when
//! shrinking, its weights are normalised in f64 and rounded to 22-bit fixed point, a horizontal
//! pass writes 8-bit pixels, and a vertical pass reads them. Passes in the other order, as most
//! libraries have them, give other bytes where bicubic overshoot is clipped between them.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod scalar;
mod weights;

use std::f64::consts::PI;
use std::ops::Range;

pub(crate) use weights::Weights;

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

/// The size of what is resized.
#[derive(Clone, Copy)]
pub(crate) struct Source {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// How many of the columns, from the left, hold picture. The last may do so in part.
    pub(crate) columns: f64,
    /// How many of the rows, from the top.
    pub(crate) rows: f64,
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

/// Which instructions the passes use. All give the same bytes.
#[derive(Clone, Copy, Debug)]
enum Instructions {
    Scalar,
    /// Only made after detection.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Instructions {
    fn best() -> Instructions {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            return Instructions::Avx2;
        }
        Instructions::Scalar
    }

    /// Rows of `width` RGB pixels, each resized to as many pixels as there are weights.
    fn horizontal_pass(self, source: &[u8], width: usize, weights: &Weights) -> Vec<u8> {
        match self {
            Instructions::Scalar => scalar::horizontal_pass(source, width, weights),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: this variant is only made where the CPU has AVX2.
            Instructions::Avx2 => unsafe { avx2::horizontal_pass(source, width, weights) },
        }
    }

    /// As many rows of `stride` bytes as there are weights, from rows of the same stride; the
    /// first of them has the number `first_row` in the weights.
    fn vertical_pass(
        self,
        source: &[u8],
        stride: usize,
        weights: &Weights,
        first_row: usize,
    ) -> Vec<u8> {
        match self {
            Instructions::Scalar => scalar::vertical_pass(source, stride, weights, first_row),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: this variant is only made where the CPU has AVX2.
            Instructions::Avx2 => unsafe {
                avx2::vertical_pass(source, stride, weights, first_row)
            },
        }
    }
}

/// `pixels` of `from`, resized to `to` = (width, height); only `window` of the result.
pub(crate) fn resize(
    pixels: &[u8],
    from: Source,
    to: (u32, u32),
    window: Window,
    filter: Filter,
) -> Vec<u8> {
    resize_with(Instructions::best(), pixels, from, to, window, filter)
}

fn resize_with(
    instructions: Instructions,
    pixels: &[u8],
    from: Source,
    to: (u32, u32),
    window: Window,
    filter: Filter,
) -> Vec<u8> {
    let columns = window.x..window.x + window.width;
    let rows = window.y..window.y + window.height;
    if filter == Filter::Nearest {
        return nearest(pixels, from, to, columns, rows);
    }
    let width = from.width as usize;
    let vertical = (from.rows != f64::from(to.1))
        .then(|| Weights::new(from.height, from.rows, to.1, rows.clone(), filter));
    // Only the rows that the vertical pass will read.
    let needed = match &vertical {
        Some(weights) => weights.span(),
        None => rows.start as usize..rows.end as usize,
    };
    let source = &pixels[needed.start * width * 3..needed.end * width * 3];
    let narrow = if from.columns == f64::from(to.0) {
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
        let weights = Weights::new(from.width, from.columns, to.0, columns, filter);
        Some(instructions.horizontal_pass(source, width, &weights))
    };
    let Some(weights) = vertical else {
        return narrow.unwrap_or_default();
    };
    let narrow = narrow.as_deref().unwrap_or(source);
    instructions.vertical_pass(narrow, window.width as usize * 3, &weights, needed.start)
}

fn nearest(
    pixels: &[u8],
    from: Source,
    to: (u32, u32),
    columns: Range<u32>,
    rows: Range<u32>,
) -> Vec<u8> {
    let columns = nearest_inputs(from.width, from.columns, to.0, columns);
    let rows = nearest_inputs(from.height, from.rows, to.1, rows);
    let (source, _) = pixels.as_chunks::<3>();
    let mut out = Vec::with_capacity(columns.len() * rows.len() * 3);
    for row in rows {
        let row = &source[row * from.width as usize..][..from.width as usize];
        out.extend(columns.iter().flat_map(|&column| row[column]));
    }
    out
}

fn nearest_inputs(input: u32, extent: f64, out: u32, wanted: Range<u32>) -> Vec<usize> {
    let scale = extent / f64::from(out);
    wanted
        .map(|at| (((f64::from(at) + 0.5) * scale) as usize).min(input as usize - 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize, seed: u64) -> Vec<u8> {
        let mut state = seed;
        let next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            // Extremes are common, so that overshoot is clipped between the passes.
            match state >> 62 {
                0 => 0,
                1 => 255,
                _ => (state >> 40) as u8,
            }
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    #[test]
    fn all_instruction_sets_give_the_same_bytes() {
        let best = Instructions::best();
        if matches!(best, Instructions::Scalar) {
            return niteru_testkit::skip("this CPU has only the scalar resize");
        }
        let sides = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 97, 300];
        let mut cases = 0;
        for (at, &width) in sides.iter().enumerate() {
            for (step, &height) in sides.iter().enumerate() {
                let pixels = noise(
                    (width * height * 3) as usize,
                    u64::from(width * 1000 + height),
                );
                for filter in [Filter::Bicubic, Filter::Bilinear, Filter::Lanczos] {
                    let to = (
                        sides[(at + 5 * step + 3) % 14],
                        sides[(step + 3 * at + 1) % 14],
                    );
                    let window = Window {
                        x: to.0 / 3,
                        y: to.1 / 3,
                        width: to.0 - to.0 / 3,
                        height: to.1 - to.1 / 3,
                    };
                    let source = Source {
                        width,
                        height,
                        columns: f64::from(width),
                        rows: f64::from(height),
                    };
                    let resize = |set| resize_with(set, &pixels, source, to, window, filter);
                    assert!(
                        resize(best) == resize(Instructions::Scalar),
                        "{filter:?} {width} x {height} to {to:?}"
                    );
                    cases += 1;
                }
            }
        }
        assert_eq!(cases, 14 * 14 * 3);
    }
}
