//! One picture brought to the light of another one.
//!
//! Another exposure, lamp or white balance changes all of a picture, slowly from place to place and from
//! dark to bright. What is different about the thing itself changes a small part of it, or has edges.

use niteru_imaging::Picture;

use super::fit::{Equations, FAR, deviation, median, weight};
use super::plane::planes;
use super::warp::{TERMS, terms};

/// Passes of smoothing before light is looked at, so that things may lie off a little.
const SMOOTHED: usize = 4;

/// Grey levels that are added before ratios are taken: dark pixels tell little of the light.
const DARK: f64 = 16.0;

/// Gain of the whole picture, and of a place or a brightness beyond that, either way at most. Larger ones
/// are no change of light.
const MOST_GAIN: f64 = 1.6;
const MOST_LOCAL_GAIN: f64 = 1.33;

/// Passes over the pixels; each leaves out, or counts less, those that do not fit.
const PASSES: usize = 5;

/// A pixel fits the gain of the whole when it is no farther off than so many times the median, and than so
/// many grey levels.
const FITS: f64 = 3.0;
const FITS_LEVELS: f64 = 1.5;

/// Robust standard deviations of gains' logarithms are at least this.
const LEAST_DEVIATION: f64 = 0.01;

/// What holds local gains near 1, as a share of what tells most: where nothing is known, little is taken
/// from elsewhere.
const HELD: f64 = 3e-3;

/// Pixels that are looked at, at most and at least.
const SAMPLES: usize = 40_000;
const LEAST_SAMPLES: usize = 50;

/// Standard deviation in grey levels below which a picture tells nothing of gain.
const LEAST_CONTRAST: f64 = 2.0;

/// Values at and beyond which a camera tells no difference.
const DARKEST: u8 = 1;
const BRIGHTEST: u8 = 254;

/// Smoothed values as near as this to them are cut off in part: by noise, or where the file was made.
const NEAR_END: f32 = 6.0;

/// `other` in the light of `reference`, which is as large, channel by channel. Where a channel of it is
/// at the end of what a byte holds, the reference's value is as likely as any beyond, and is taken.
///
/// Only pixels of `counts` (row by row) are learnt from.
pub(super) fn matched(reference: &Picture, other: &Picture, counts: &[bool]) -> Picture {
    let (width, height) = (other.width(), other.height());
    let smooth = |picture: &Picture| planes(picture).map(|plane| plane.smoothed(SMOOTHED));
    let (references, others) = (smooth(reference), smooth(other));
    let mut pixels = other.pixels().to_vec();
    for channel in 0..3 {
        let (a, b) = (&references[channel].data, &others[channel].data);
        let ends = [
            f32::from(DARKEST) + NEAR_END,
            f32::from(BRIGHTEST) - NEAR_END,
        ];
        let tells = |at: &usize| counts[*at] && b[*at] > ends[0] && b[*at] < ends[1];
        let known: Vec<usize> = (0..b.len()).filter(tells).collect();
        if known.len() < LEAST_SAMPLES {
            continue;
        }
        let samples = known.iter().step_by(known.len().div_ceil(SAMPLES));
        let samples = samples.map(|&at| Sample {
            place: place(at, (width, height)),
            reference: f64::from(a[at]),
            other: f64::from(b[at]),
        });
        let light = Light::fit(&samples.collect::<Vec<_>>());
        let own = reference.pixels().iter().skip(channel).step_by(3);
        let values = pixels.iter_mut().skip(channel).step_by(3);
        for (at, (value, &own)) in values.zip(own).enumerate() {
            let lit = light.of(f64::from(*value), place(at, (width, height)));
            let lit = lit.round().clamp(0.0, 255.0) as u8;
            *value = match *value {
                BRIGHTEST.. => lit.max(own),
                ..=DARKEST => lit.min(own),
                _ if b[at] >= ends[1] => lit.max(own),
                _ if b[at] <= ends[0] => lit.min(own),
                _ => lit,
            };
        }
    }
    // As many bytes as before.
    Picture::from_rgb(width, height, pixels).unwrap_or_else(|_| other.clone())
}

/// Terms of a pixel's place: halves of the longer side from the centre.
fn place(at: usize, (width, height): (u32, u32)) -> [f64; TERMS] {
    let half = f64::from(width.max(height)) / 2.0;
    let (x, y) = (at % width as usize, at / width as usize);
    let from = |at: usize, side: u32| (at as f64 + 0.5 - f64::from(side) / 2.0) / half;
    terms(from(x, width), from(y, height))
}

/// A pixel in both pictures.
struct Sample {
    place: [f64; TERMS],
    reference: f64,
    other: f64,
}

/// What a channel's values have to go through.
struct Light {
    gain: f64,
    offset: f64,
    /// Of the logarithm of what the gain is at a place and of a brightness beyond the common one.
    local: [f64; TERMS + 2],
}

impl Light {
    fn fit(samples: &[Sample]) -> Light {
        let (gain, offset) = common(samples);
        let mut light = Light {
            gain,
            offset,
            local: [0.0; TERMS + 2],
        };
        for _ in 0..PASSES {
            let missing = |sample: &Sample| light.wanted(sample) - light.given(light.seen(sample));
            let far = FAR * deviation(samples.iter().map(missing)).max(LEAST_DEVIATION);
            let mut equations = Equations::new();
            for sample in samples {
                let weight = weight(missing(sample), far);
                equations.add(weight, light.seen(sample), light.wanted(sample));
            }
            let Some(local) = equations.solved(HELD) else {
                break;
            };
            light.local = local;
        }
        light
    }

    /// A sample's terms. Brightness is the mean of both pictures', which takes neither for the truth.
    fn seen(&self, sample: &Sample) -> [f64; TERMS + 2] {
        let lit = self.common(sample.other);
        with_brightness(sample.place, (lit + sample.reference) / 2.0)
    }

    /// The logarithm of the gain that a sample wants beyond the common one.
    fn wanted(&self, sample: &Sample) -> f64 {
        ((sample.reference + DARK) / (self.common(sample.other) + DARK)).ln()
    }

    /// The logarithm of the gain that terms have.
    fn given(&self, by: [f64; TERMS + 2]) -> f64 {
        self.local
            .iter()
            .zip(by)
            .map(|(number, by)| number * by)
            .sum()
    }

    fn common(&self, value: f64) -> f64 {
        (self.gain * value + self.offset).clamp(0.0, 255.0)
    }

    fn of(&self, value: f64, place: [f64; TERMS]) -> f64 {
        let lit = self.gain * value + self.offset;
        let local = self.given(with_brightness(place, lit.clamp(0.0, 255.0)));
        let most = MOST_LOCAL_GAIN.ln();
        (lit + DARK) * local.clamp(-most, most).exp() - DARK
    }
}

fn with_brightness(place: [f64; TERMS], value: f64) -> [f64; TERMS + 2] {
    let value = value / 255.0;
    let [one, x, y, xx, xy, yy] = place;
    [one, x, y, xx, xy, yy, value, value * value]
}

/// Gain and offset of a whole channel: the ratio of the standard deviations (reduced major axis, which
/// takes neither picture for the truth) and the median of what is left, of the pixels that fit.
fn common(samples: &[Sample]) -> (f64, f64) {
    let mut fitting: Vec<&Sample> = samples.iter().collect();
    let (mut gain, mut offset) = (1.0, 0.0);
    for _ in 0..PASSES {
        let contrast = |value: fn(&Sample) -> f64| contrast(fitting.iter().map(|s| value(s)));
        let (a, b) = (contrast(|s| s.reference), contrast(|s| s.other));
        gain = match a.min(b) < LEAST_CONTRAST {
            true => 1.0,
            false => (a / b).clamp(1.0 / MOST_GAIN, MOST_GAIN),
        };
        let left = |sample: &&Sample| (sample.reference - gain * sample.other) as f32;
        offset = f64::from(median(fitting.iter().map(left).collect()).unwrap_or(0.0));
        let off = |sample: &Sample| (sample.reference - gain * sample.other - offset).abs();
        let usual = median(samples.iter().map(|sample| off(sample) as f32).collect());
        let most = (FITS * f64::from(usual.unwrap_or(0.0))).max(FITS_LEVELS);
        fitting = samples
            .iter()
            .filter(|sample| off(sample) <= most)
            .collect();
    }
    (gain, offset)
}

/// Standard deviation.
fn contrast(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = (values.clone().count() as f64).max(1.0);
    let mean = values.clone().sum::<f64>() / count;
    let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
    (squares / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: u32 = 120;
    const HEIGHT: u32 = 80;

    fn picture(value: impl Fn(f64, f64) -> [f64; 3]) -> Picture {
        let pixels = (0..WIDTH * HEIGHT).flat_map(|at| {
            value(f64::from(at % WIDTH), f64::from(at / WIDTH))
                .map(|value| value.round().clamp(0.0, 255.0) as u8)
        });
        Picture::from_rgb(WIDTH, HEIGHT, pixels.collect()).unwrap()
    }

    fn thing(x: f64, y: f64) -> [f64; 3] {
        let wave = 120.0 + 70.0 * (x * 0.11).sin() * (y * 0.13).cos();
        [wave, 0.8 * wave + 20.0, 0.6 * wave]
    }

    /// Grey levels apart, on average, of what lies where.
    fn apart(a: &Picture, b: &Picture, counts: impl Fn(u32, u32) -> bool) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0);
        for (at, (a, b)) in a.pixels().iter().zip(b.pixels()).enumerate() {
            let at = at as u32 / 3;
            if counts(at % WIDTH, at / WIDTH) {
                sum += f64::from(a.abs_diff(*b));
                count += 1.0;
            }
        }
        sum / count
    }

    #[test]
    fn light_is_taken_out() {
        type Light = fn(f64, f64, f64) -> f64;
        let table: [(&str, Light); 6] = [
            ("brighter", |value, _, _| 1.2 * value),
            ("darker", |value, _, _| 0.7 * value),
            ("less contrast", |value, _, _| 0.8 * value + 25.0),
            ("a lamp from the side", |value, x, _| {
                value * (0.85 + 0.3 * x / f64::from(WIDTH))
            }),
            ("darker corners", |value, x, y| {
                value * (1.05 - (x - 60.0).hypot(y - 40.0) / 500.0)
            }),
            ("another curve", |value, _, _| {
                255.0 * (value / 255.0).powf(0.85)
            }),
        ];
        let reference = picture(thing);
        let all = vec![true; (WIDTH * HEIGHT) as usize];
        for (what, light) in table {
            let other = picture(|x, y| thing(x, y).map(|value| light(value, x, y)));
            let before = apart(&reference, &other, |_, _| true);
            let after = apart(&reference, &matched(&reference, &other, &all), |_, _| true);
            assert!(before > 3.0 && after < 1.5, "{what}: {before} to {after}");
        }
    }

    #[test]
    fn a_thing_is_no_light() {
        let reference = picture(thing);
        let inside = |x: u32, y: u32| (50..66).contains(&x) && (30..46).contains(&y);
        let darker = picture(|x, y| {
            let factor = if inside(x as u32, y as u32) { 0.6 } else { 1.1 };
            thing(x, y).map(|value| factor * value)
        });
        let all = vec![true; (WIDTH * HEIGHT) as usize];
        let lit = matched(&reference, &darker, &all);
        assert!(apart(&reference, &lit, |x, y| !inside(x, y)) < 1.0);
        assert!(apart(&reference, &lit, inside) > 30.0);
    }

    #[test]
    fn what_is_cut_off_is_as_likely_the_references() {
        let reference = picture(|x, _| [if x < 60.0 { 240.0 } else { 90.0 + 0.2 * x }; 3]);
        let brighter = picture(|x, _| [1.15 * if x < 60.0 { 240.0 } else { 90.0 + 0.2 * x }; 3]);
        let all = vec![true; (WIDTH * HEIGHT) as usize];
        let lit = matched(&reference, &brighter, &all);
        assert!(apart(&reference, &lit, |x, _| x < 55) < 1.0);
        // A thing that is bright in one alone stays different.
        let without = picture(|x, _| [if x < 20.0 { 60.0 } else { reference_value(x) }; 3]);
        let lit = matched(&without, &brighter, &all);
        assert!(apart(&without, &lit, |x, _| x < 18) > 100.0);
    }

    fn reference_value(x: f64) -> f64 {
        if x < 60.0 { 240.0 } else { 90.0 + 0.2 * x }
    }

    #[test]
    fn little_that_tells_changes_nothing() {
        let reference = picture(thing);
        let none = vec![false; (WIDTH * HEIGHT) as usize];
        let other = picture(|x, y| thing(x, y).map(|value| 0.9 * value));
        assert_eq!(matched(&reference, &other, &none), other);
        let dot = Picture::from_rgb(1, 1, vec![7, 8, 9]).unwrap();
        let white = Picture::from_rgb(1, 1, vec![200; 3]).unwrap();
        assert_eq!(matched(&white, &dot, &[true]), dot);
    }
}
