//! The networks against their reference implementations, on every instruction set.
//!
//! The golden files come from transformers (CLIP, random weights, real vocabulary) and
//! efficientnet-lite-pytorch (real weights); `shared` tells how they were made.

// A helper that cannot do its work fails the test it is called from.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use niteru_encoder::{Encoder, LoadOptions, ModelCache, ModelFiles, Watch, Weights};
use niteru_imaging::{Limits, Picture};
use niteru_kernels::Kernels;
use serde::Deserialize;

/// Least cosine similarity between an embedding and the reference's.
const MIN_COSINE: f64 = 0.9999;

/// Largest difference of a normalised pixel from the reference's.
const MAX_PIXEL_DIFFERENCE: f32 = 0.02;

#[derive(Deserialize)]
struct ClipGolden {
    texts: Vec<TextCase>,
    images: Vec<ImageCase>,
}

#[derive(Deserialize)]
struct TextCase {
    text: String,
    input_ids: Vec<u32>,
    embedding: Vec<f32>,
}

#[derive(Deserialize)]
struct ImageCase {
    file: String,
    pixel_values_grid: Vec<Vec<Vec<f32>>>,
    pixel_values_mean: [f32; 3],
    embedding: Vec<f32>,
}

#[derive(Deserialize)]
struct LiteGolden {
    images: Vec<LiteCase>,
}

#[derive(Deserialize)]
struct LiteCase {
    file: String,
    top3: Vec<(usize, f32)>,
    embedding: Vec<f32>,
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> T {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Installed as a user would, so that the import is held against the real format too.
fn clip_tiny(folder: &Path, home: &Path) -> ModelFiles {
    ModelCache::new(home)
        .import("clip-tiny", folder, &Watch::silent())
        .unwrap()
}

fn picture(name: &str) -> Option<Picture> {
    let path = niteru_testkit::shared("goldens/images")?.join(name);
    Some(Picture::open(&path, &Limits::default()).unwrap())
}

fn report(failures: Vec<String>) {
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn clip_equals_transformers() {
    let Some(folder) = niteru_testkit::shared("goldens/clip-tiny") else {
        return;
    };
    let golden: ClipGolden = read(&folder.join("expected.json"));
    let home = tempfile::tempdir().unwrap();
    let files = clip_tiny(&folder, home.path());
    let mut failures = Vec::new();
    for kernels in Kernels::available() {
        let encoder = Encoder::load(&files, &LoadOptions::new(kernels)).unwrap();
        let mut check = |what: String, got: &[f32], want: &[f32]| {
            let cosine = cosine(got, want);
            if cosine < MIN_COSINE {
                failures.push(format!("{}: {what}: cosine {cosine}", kernels.name()));
            }
        };
        let texts: Vec<&str> = golden.texts.iter().map(|case| case.text.as_str()).collect();
        let embeddings = encoder.embed_texts(&texts).unwrap();
        for (case, embedding) in golden.texts.iter().zip(&embeddings) {
            check(format!("text {:?}", case.text), embedding, &case.embedding);
            assert_eq!(
                encoder.tokenize(&case.text).unwrap(),
                case.input_ids,
                "{:?}",
                case.text
            );
        }
        for case in &golden.images {
            let embedding = encoder
                .embed_images(&[picture(&case.file).unwrap()])
                .remove(0)
                .unwrap();
            check(format!("image {}", case.file), &embedding, &case.embedding);
        }
    }
    report(failures);
}

#[test]
fn pixels_equal_transformers() {
    let Some(folder) = niteru_testkit::shared("goldens/clip-tiny") else {
        return;
    };
    let golden: ClipGolden = read(&folder.join("expected.json"));
    let home = tempfile::tempdir().unwrap();
    let files = clip_tiny(&folder, home.path());
    let encoder = Encoder::load(&files, &LoadOptions::new(Kernels::detect())).unwrap();
    let mut failures = Vec::new();
    for case in &golden.images {
        let pixels = encoder.preprocess().apply(&picture(&case.file).unwrap());
        let side = pixels.width();
        for (channel, mean) in case.pixel_values_mean.iter().enumerate() {
            let values = pixels.data().iter().skip(channel).step_by(3);
            let got = values.sum::<f32>() / (side * side) as f32;
            if (got - mean).abs() > 0.001 {
                failures.push(format!(
                    "{} channel {channel}: mean {got}, want {mean}",
                    case.file
                ));
            }
            for (i, row) in case.pixel_values_grid[channel].iter().enumerate() {
                for (j, want) in row.iter().enumerate() {
                    let (y, x) = (GRID_START + GRID_STEP * i, GRID_START + GRID_STEP * j);
                    let got = pixels.data()[(y * side + x) * 3 + channel];
                    if (got - want).abs() > MAX_PIXEL_DIFFERENCE {
                        let case = format!("{} channel {channel} at {i},{j}", case.file);
                        failures.push(format!("{case}: {got}, want {want}"));
                    }
                }
            }
        }
    }
    report(failures);
}

/// Where the reference sampled its grid of pixels.
const GRID_START: usize = 8;
const GRID_STEP: usize = 32;

#[test]
fn efficientnet_lite0_equals_its_reference() {
    let Some(golden) = niteru_testkit::shared("goldens/efficientnet-lite0.json") else {
        return;
    };
    let Some(models) = niteru_testkit::test_home("models") else {
        return;
    };
    let golden: LiteGolden = read(&golden);
    let files = ModelCache::new(models).open("efficientnet-lite0").unwrap();
    let head = Weights::open(&files.weights).unwrap();
    let classes = head.tensor("_fc.weight", &[1000, 1280]).unwrap();
    let bias = head.tensor("_fc.bias", &[1000]).unwrap();
    let mut failures = Vec::new();
    for kernels in Kernels::available() {
        let encoder = Encoder::load(&files, &LoadOptions::new(kernels)).unwrap();
        for case in &golden.images {
            let picture = picture(&case.file).unwrap();
            let name = format!("{}: {}", kernels.name(), case.file);
            let embedding = encoder
                .embed_images(std::slice::from_ref(&picture))
                .remove(0)
                .unwrap();
            let cosine = cosine(&embedding, &case.embedding);
            if cosine < MIN_COSINE {
                failures.push(format!("{name}: cosine {cosine}"));
            }
            // The mean of the patch features is the embedding before normalisation.
            let patches = encoder.patch_features(&picture);
            assert_eq!(
                (patches.rows, patches.columns, patches.dimensions),
                (7, 7, 1280)
            );
            let mut mean = vec![0.0f32; 1280];
            for patch in patches.data.chunks(1280) {
                mean.iter_mut()
                    .zip(patch)
                    .for_each(|(mean, value)| *mean += value / 49.0);
            }
            let margin = case.top3[0].1 - case.top3[1].1;
            let score = |class: usize| -> f32 {
                let row = &classes.data()[class * 1280..][..1280];
                row.iter().zip(&mean).map(|(a, b)| a * b).sum::<f32>() + bias.data()[class]
            };
            let best = (0..1000)
                .max_by(|a, b| score(*a).total_cmp(&score(*b)))
                .unwrap();
            if margin > 0.05 && best != case.top3[0].0 {
                failures.push(format!("{name}: class {best}, want {}", case.top3[0].0));
            }
        }
    }
    report(failures);
}
