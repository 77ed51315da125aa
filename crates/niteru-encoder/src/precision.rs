//! Which precision a model is computed in, and how far each is from the reference.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use niteru_imaging::Picture;
use niteru_kernels::{Kernels, Precision, PrecisionError};
use serde::{Deserialize, Serialize};

use crate::cache::ModelFiles;
use crate::encoder::{EmbedError, Encoder};
use crate::load::{LoadError, LoadOptions};
use crate::pipeline::EmbedOptions;

/// The least cosine to `f32` that an automatic choice accepts, over all calibration images.
pub const LEAST_COSINE: f64 = 0.999;

/// What was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PrecisionChoice {
    /// The fastest precision whose worst cosine to `f32` is at least [`LEAST_COSINE`]: `bf16` where
    /// this CPU computes it faster, else `f32`. `int8` is never chosen unasked.
    #[default]
    Auto,
    /// This one.
    Exactly(Precision),
}

impl FromStr for PrecisionChoice {
    type Err = PrecisionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(PrecisionChoice::Auto),
            name => name.parse().map(PrecisionChoice::Exactly),
        }
    }
}

impl fmt::Display for PrecisionChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrecisionChoice::Auto => f.pad("auto"),
            PrecisionChoice::Exactly(precision) => precision.fmt(f),
        }
    }
}

/// How one precision does on some photos.
#[derive(Clone, Debug, PartialEq)]
pub struct PrecisionReport {
    /// Which.
    pub precision: Precision,
    /// Mean over the photos of the cosine to the same photo's embedding in `f32`.
    pub mean_cosine: f64,
    /// The smallest of these.
    pub worst_cosine: f64,
    /// The photo that it belongs to.
    pub worst: Option<PathBuf>,
    /// Files to embeddings, all stages overlapped.
    pub images_per_second: f64,
}

impl PrecisionChoice {
    /// The precision for a model on these kernels.
    ///
    /// An automatic choice where `bf16` is faster compares both precisions once on built-in
    /// pictures, and keeps the answer in the model's folder. What [`check_precisions`] found on
    /// photos counts too.
    ///
    /// # Errors
    /// When the model cannot be loaded.
    pub fn resolve(self, files: &ModelFiles, kernels: Kernels) -> Result<Precision, LoadError> {
        match self {
            PrecisionChoice::Exactly(precision) => Ok(precision),
            PrecisionChoice::Auto if !kernels.prefers_bf16() => Ok(Precision::F32),
            PrecisionChoice::Auto => automatic(files, kernels),
        }
    }
}

fn automatic(files: &ModelFiles, kernels: Kernels) -> Result<Precision, LoadError> {
    let mut calibration = Calibration::read(files);
    if let Some(choice) = calibration.choice(kernels.name()) {
        return Ok(choice);
    }
    let worst = calibrate(files, kernels, Precision::Bf16)?;
    calibration.record(kernels.name(), Precision::Bf16, BUILT_IN, worst);
    // Where it cannot be kept it is measured again the next time.
    let _ = calibration.write(files);
    let choice = calibration.choice(kernels.name());
    Ok(choice.unwrap_or(Precision::F32))
}

/// The worst cosine to `f32` over the built-in pictures.
fn calibrate(files: &ModelFiles, kernels: Kernels, precision: Precision) -> Result<f64, LoadError> {
    let pictures = built_in_pictures();
    let embed = |precision| -> Result<Vec<Option<Vec<f32>>>, LoadError> {
        let options = LoadOptions {
            // The reference is used this once.
            keep_packed: precision != Precision::F32,
            ..LoadOptions::new(kernels).with_precision(precision)
        };
        let encoder = Encoder::load(files, &options)?;
        let results = encoder.embed_images(&pictures).into_iter();
        Ok(results.map(Result::ok).collect())
    };
    let (reference, other) = (embed(Precision::F32)?, embed(precision)?);
    let cosines = reference.iter().zip(&other).map(|pair| match pair {
        (Some(reference), Some(other)) => cosine(reference, other),
        (None, None) => 1.0,
        _ => -1.0,
    });
    Ok(cosines.fold(1.0, f64::min))
}

/// Is told of a photo in a precision, with its error if it cannot be used; may cancel.
pub type OnPhoto<'a> = dyn FnMut(Precision, &Path, Option<EmbedError>) -> ControlFlow<()> + 'a;

/// Compares every precision with `f32` on photos, and lets the automatic choice know.
///
/// `on_photo` is told of each photo in each precision; photos that cannot be used are left out, the
/// first time with their error. When it cancels, the reports of the precisions that are done are
/// returned and nothing is kept.
///
/// # Errors
/// When the model cannot be loaded.
pub fn check_precisions(
    files: &ModelFiles,
    kernels: Kernels,
    photos: &[PathBuf],
    options: &EmbedOptions,
    on_photo: &mut OnPhoto<'_>,
) -> Result<Vec<PrecisionReport>, LoadError> {
    // From the disk once, so that the first precision is not slower for it.
    photos.iter().for_each(|photo| drop(fs::read(photo)));
    let mut reference = BTreeMap::new();
    let mut reports = Vec::new();
    for precision in Precision::ALL {
        let load = LoadOptions {
            keep_packed: false,
            ..LoadOptions::new(kernels).with_precision(precision)
        };
        let encoder = Encoder::load(files, &load)?;
        let usable: Vec<PathBuf> = match precision {
            Precision::F32 => photos.to_vec(),
            _ => reference.keys().cloned().collect(),
        };
        let (mut embedded, mut cancelled) = (BTreeMap::new(), false);
        let times = encoder.embed_files(usable.into_iter(), options, &mut |photo, result| {
            let (embedding, error) = match result {
                Ok(result) => (Some(result.embedding), None),
                Err(error) => (None, Some(error)),
            };
            let flow = on_photo(precision, &photo, error);
            cancelled |= flow.is_break();
            embedded.extend(embedding.map(|embedding| (photo, embedding)));
            flow
        });
        if cancelled {
            return Ok(reports);
        }
        if precision == Precision::F32 {
            reference.clone_from(&embedded);
        }
        let speed = times.images as f64 / times.wall.as_secs_f64().max(f64::MIN_POSITIVE);
        reports.push(report(precision, &reference, &embedded, speed));
    }
    let mut calibration = Calibration::read(files);
    for report in &reports {
        if report.precision != Precision::F32 && report.worst.is_some() {
            calibration.record(
                kernels.name(),
                report.precision,
                PHOTOS,
                report.worst_cosine,
            );
        }
    }
    // Where it cannot be kept, the automatic choice goes by its own pictures.
    let _ = calibration.write(files);
    Ok(reports)
}

fn report(
    precision: Precision,
    reference: &BTreeMap<PathBuf, Vec<f32>>,
    embedded: &BTreeMap<PathBuf, Vec<f32>>,
    images_per_second: f64,
) -> PrecisionReport {
    let cosines: Vec<(f64, &Path)> = embedded
        .iter()
        .filter_map(|(photo, b)| Some((cosine(reference.get(photo)?, b), photo.as_path())))
        .collect();
    let worst = cosines.iter().min_by(|a, b| a.0.total_cmp(&b.0));
    let sum: f64 = cosines.iter().map(|(cosine, _)| cosine).sum();
    PrecisionReport {
        precision,
        mean_cosine: sum / cosines.len().max(1) as f64,
        worst_cosine: worst.map_or(1.0, |(cosine, _)| *cosine),
        worst: worst.map(|(_, photo)| photo.to_path_buf()),
        images_per_second,
    }
}

/// Of unit vectors.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
    products.sum::<f64>().clamp(-1.0, 1.0)
}

/// Where the worst cosines of a model are kept.
const FILE: &str = "calibration.json";
const FORMAT: u32 = 1;
/// Longest file that is read.
const MAX_BYTES: u64 = 64 << 10;
/// What the built-in pictures are called in the file.
const BUILT_IN: &str = "built-in pictures";
/// What the photos of [`check_precisions`] are called there.
const PHOTOS: &str = "photos";

#[derive(Serialize, Deserialize)]
struct Calibration {
    format: u32,
    /// Of the weights that were measured; others start afresh.
    weights_sha256: String,
    measured: Vec<Measured>,
}

#[derive(Serialize, Deserialize)]
struct Measured {
    kernels: String,
    precision: String,
    on: String,
    worst_cosine: f64,
}

impl Calibration {
    /// What is known of a model; nothing where there is no file, or one of no use.
    fn read(files: &ModelFiles) -> Calibration {
        let fresh = || Calibration {
            format: FORMAT,
            weights_sha256: files.weights_sha256.clone(),
            measured: Vec::new(),
        };
        let path = files.directory.join(FILE);
        if !fs::metadata(&path).is_ok_and(|metadata| metadata.len() <= MAX_BYTES) {
            return fresh();
        }
        let read = fs::read(&path).ok();
        let parsed = read.and_then(|text| serde_json::from_slice::<Calibration>(&text).ok());
        parsed
            .filter(|kept| kept.format == FORMAT && kept.weights_sha256 == files.weights_sha256)
            .unwrap_or_else(fresh)
    }

    /// What [`PrecisionChoice::Auto`] takes where bf16 is faster: bf16 if it was good enough on
    /// everything that it was ever measured on. `None` before it was measured on the built-in pictures.
    fn choice(&self, kernels: &str) -> Option<Precision> {
        let name = Precision::Bf16.name();
        let measured = self.measured.iter();
        let measured: Vec<&Measured> = measured
            .filter(|measured| measured.kernels == kernels && measured.precision == name)
            .collect();
        if !measured.iter().any(|measured| measured.on == BUILT_IN) {
            return None;
        }
        let good = |measured: &&Measured| measured.worst_cosine >= LEAST_COSINE;
        Some(match measured.iter().all(good) {
            true => Precision::Bf16,
            false => Precision::F32,
        })
    }

    /// Keeps a measurement. Of several on the same kind of pictures the worst counts: a later one may
    /// have been on fewer.
    fn record(&mut self, kernels: &str, precision: Precision, on: &str, worst_cosine: f64) {
        let same = |measured: &&mut Measured| {
            (&*measured.kernels, &*measured.precision, &*measured.on)
                == (kernels, precision.name(), on)
        };
        match self.measured.iter_mut().find(same) {
            Some(kept) => kept.worst_cosine = kept.worst_cosine.min(worst_cosine),
            None => self.measured.push(Measured {
                kernels: kernels.to_string(),
                precision: precision.name().to_string(),
                on: on.to_string(),
                worst_cosine,
            }),
        }
    }

    fn write(&self, files: &ModelFiles) -> io::Result<()> {
        let mut file = crate::packed::temporary_file(&files.packed())?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.persist(files.directory.join(FILE))
            .map_err(|error| error.error)?;
        Ok(())
    }
}

/// Pictures to compare precisions on: smooth and rough, bright and dark, with edges and patterns.
fn built_in_pictures() -> Vec<Picture> {
    const SIDE: u32 = 288;
    let picture = |number: u32| {
        let mut noise = number.wrapping_mul(0x9e37_79b9) | 1;
        let pixels = (0..SIDE * SIDE).flat_map(|i| {
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            let (x, y) = (
                (i % SIDE) as f32 / SIDE as f32,
                (i / SIDE) as f32 / SIDE as f32,
            );
            let n = number as f32;
            let wave = (x * (3.0 + 5.0 * n) + y * (4.0 + n)).sin();
            let (dx, dy) = (x - 0.3 - 0.05 * n, y - 0.6 + 0.04 * n);
            let disc = if dx * dx + dy * dy < 0.02 + 0.01 * n {
                90.0
            } else {
                0.0
            };
            let stripe = if (x * (4.0 + 3.0 * n)).fract() < 0.5 {
                12.0 * n
            } else {
                0.0
            };
            let grain = (noise >> 24) as f32 * (0.02 + 0.06 * n);
            let base = 40.0 + 60.0 * wave + disc + stripe + grain;
            [
                base,
                base * (0.5 + 0.06 * n) + 60.0 * y,
                200.0 - base * 0.7 * x,
            ]
            .map(|v| v as u8)
        });
        Picture::from_rgb(SIDE, SIDE, pixels.collect()).ok()
    };
    (0..8).filter_map(picture).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_have_names() {
        for (text, choice) in [
            ("auto", PrecisionChoice::Auto),
            ("f32", PrecisionChoice::Exactly(Precision::F32)),
            ("int8", PrecisionChoice::Exactly(Precision::Int8)),
        ] {
            assert_eq!(text.parse(), Ok(choice));
            assert_eq!(choice.to_string(), text);
        }
        assert!("half".parse::<PrecisionChoice>().is_err());
    }

    #[test]
    fn the_built_in_pictures_differ() {
        let pictures = built_in_pictures();
        assert_eq!(pictures.len(), 8);
        for (i, a) in pictures.iter().enumerate() {
            for b in &pictures[..i] {
                assert!(a.pixels() != b.pixels());
            }
        }
    }

    #[test]
    fn bf16_must_be_good_on_everything_it_was_measured_on() {
        // (built-in pictures, photos in the order of their checks) → the choice
        let cases: [(Option<f64>, &[f64], Option<Precision>); 7] = [
            (None, &[], None),
            (None, &[0.9999], None),
            (Some(0.9995), &[], Some(Precision::Bf16)),
            (Some(0.9), &[0.9999], Some(Precision::F32)),
            (Some(0.9995), &[0.9999], Some(Precision::Bf16)),
            (Some(0.9995), &[0.9], Some(Precision::F32)),
            (Some(0.9995), &[0.9, 0.9999], Some(Precision::F32)),
        ];
        for (built_in, photos, choice) in cases {
            let mut calibration = Calibration {
                format: FORMAT,
                weights_sha256: String::new(),
                measured: Vec::new(),
            };
            for worst in photos {
                calibration.record("amx", Precision::Bf16, PHOTOS, *worst);
            }
            if let Some(worst) = built_in {
                calibration.record("amx", Precision::Bf16, BUILT_IN, worst);
            }
            // Others do not count.
            calibration.record("amx", Precision::Int8, BUILT_IN, 0.1);
            calibration.record("portable", Precision::Bf16, BUILT_IN, 0.1);
            assert_eq!(calibration.choice("amx"), choice, "{built_in:?} {photos:?}");
        }
    }
}
