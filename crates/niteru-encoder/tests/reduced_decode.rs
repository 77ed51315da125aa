//! How far JPEG decoding at reduced scale moves embeddings.
//!
//! With `NITERU_TEST_PHOTOS` set to a folder of JPEG files, they are measured, not the samples:
//! `NITERU_TEST_PHOTOS=photos cargo test -p niteru-encoder --test reduced_decode -- --nocapture`

// A helper that cannot do its work fails the test it is called from.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use niteru_encoder::{Encoder, LoadOptions, ModelCache};
use niteru_imaging::{Filter, Limits, Picture};
use niteru_kernels::Kernels;

/// Least cosine to the embedding of the full picture, of any photo and on average.
const MIN_COSINE: f64 = 0.999;
const MIN_MEAN_COSINE: f64 = 0.9995;

/// A little over ten times what EfficientNet-Lite0 resizes to, so that three waves a block are just
/// enough: the hardest case.
const SHORT_SIDE: u32 = 2570;

/// A name, and what is done to each level, given fine detail of -24 to 24 levels.
type Look = (&'static str, fn(u8, i32) -> u8);

/// Photos of all kinds, and those near white.
const LOOKS: [Look; 4] = [
    ("plain", |level, _| level),
    ("near white", |level, _| 128 + level / 2),
    ("detail", |level, detail| {
        (i32::from(level) + detail).clamp(0, 255) as u8
    }),
    ("pale", |level, _| 216 + level / 16),
];

/// Grain and a pattern of three pixels.
fn detail(x: usize, y: usize) -> i32 {
    let grain = (x * 7919 + y * 104_729) ^ (x * y);
    [16, -8, -8][(x + 2 * y) % 3] + (grain % 17) as i32 - 8
}

fn sample_photos() -> Option<Vec<(PathBuf, Vec<u8>)>> {
    let entries = std::fs::read_dir(niteru_testkit::shared("data/coco/images")?).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let enlarge = |(at, path): (usize, PathBuf)| {
        let picture = Picture::open(&path, &Limits::default()).unwrap();
        let (width, height) = (picture.width(), picture.height());
        let (name, look) = LOOKS[at % LOOKS.len()];
        let scaled = |side: u32| side * SHORT_SIDE / width.min(height);
        let large = picture.resize(scaled(width), scaled(height), Filter::Bicubic);
        let (width, height) = (large.width(), large.height());
        let row = width as usize * 3;
        let levels = large.into_pixels().into_iter().enumerate();
        let levels = levels.map(|(at, level)| look(level, detail(at % row / 3, at / row)));
        let large = Picture::from_rgb(width, height, levels.collect()).unwrap();
        (path.with_extension(name), large.to_jpeg(90).unwrap())
    };
    let some = paths.into_iter().step_by(16).enumerate();
    Some(some.map(enlarge).collect())
}

fn given_photos(folder: PathBuf) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let photos = paths.map(|path| (path.clone(), std::fs::read(path).unwrap()));
    photos.collect()
}

#[test]
fn embeddings_are_those_of_the_full_picture() {
    let Some(models) = niteru_testkit::test_home("models") else {
        return;
    };
    let photos = match std::env::var_os("NITERU_TEST_PHOTOS") {
        Some(folder) => given_photos(folder.into()),
        None => match sample_photos() {
            Some(photos) => photos,
            None => return,
        },
    };
    let files = ModelCache::new(models).open("efficientnet-lite0").unwrap();
    let encoder = Encoder::load(&files, &LoadOptions::new(Kernels::detect())).unwrap();
    let embed = |picture: &Picture| {
        let pixels = encoder.preprocess().apply(picture);
        encoder.embed_pixels(&[pixels]).pop().unwrap().unwrap()
    };
    let limits = Limits::default();
    let (mut sum, mut worst, mut smaller) = (0.0, 1f64, 0);
    for (path, bytes) in &photos {
        let full = Picture::decode(bytes, &limits).unwrap();
        let reduced = encoder.preprocess().decode(bytes, &limits).unwrap();
        smaller += usize::from(reduced.width() < full.width());
        let both = embed(&full).into_iter().zip(embed(&reduced));
        let cosine: f64 = both.map(|(a, b)| f64::from(a) * f64::from(b)).sum();
        println!("{} {reduced:?}: {cosine:.6}", path.display());
        sum += cosine;
        worst = worst.min(cosine);
    }
    let mean = sum / photos.len() as f64;
    let all = photos.len();
    println!("{all} photos, {smaller} reduced: mean {mean:.6}, worst {worst:.6}");
    assert!(smaller * 2 >= all, "{smaller} of {all} were reduced");
    assert!(
        worst >= MIN_COSINE && mean >= MIN_MEAN_COSINE,
        "{worst} {mean}"
    );
}
