//! Inspecting one picture of 320 × 240 pixels, on one thread.
//!
//! Needs the default model: `NITERU_TEST_HOME` names a home that `niteru models pull` has filled.

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::PathBuf;

use criterion::{Criterion, criterion_group, criterion_main};
use niteru_encoder::{Encoder, LoadOptions, ModelCache};
use niteru_imaging::Picture;
use niteru_inspect::{TrainOptions, train};
use niteru_kernels::{Kernels, Precision};

const WIDTH: u32 = 320;
const HEIGHT: u32 = 240;

/// Good pictures. The banks that decide hold 1152 and 576 patches of them; with 350 pictures, which fill
/// both with 8192, an inspection takes a twentieth more.
const GOOD: u32 = 24;

/// A brushed surface with a printed ring, the same for the same seed.
fn plate(seed: u32) -> Picture {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    let mut noise = move || {
        // xorshift32 (Marsaglia, 2003).
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1u32 << 23) as f32 - 1.0
    };
    let mut pixels = Vec::new();
    for y in 0..HEIGHT {
        let mut brushed = 0.0;
        for x in 0..WIDTH {
            brushed = 0.9 * brushed + 4.0 * noise();
            let off = ((x as f32 - 110.0).hypot(y as f32 - 120.0) - 45.0).abs();
            let grey = 140.0 + brushed + 3.0 * noise() - 70.0 * (5.0 - off).clamp(0.0, 1.0);
            pixels.extend([grey.clamp(0.0, 255.0) as u8; 3]);
        }
    }
    Picture::from_rgb(WIDTH, HEIGHT, pixels).unwrap()
}

fn inspect(c: &mut Criterion) {
    let Some(models) = niteru_testkit::test_home("models") else {
        return;
    };
    let files = ModelCache::new(models).open("efficientnet-lite0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let good = (0..GOOD).map(|seed| {
        let path = folder.path().join(format!("{seed}.png"));
        std::fs::write(&path, plate(seed).to_png().unwrap()).unwrap();
        path
    });
    let good: Vec<PathBuf> = good.collect();
    let picture = plate(GOOD);
    let mut group = c.benchmark_group(format!("inspect {WIDTH}x{HEIGHT}"));
    group.sample_size(20);
    for precision in [Precision::F32, Precision::Bf16] {
        let options = LoadOptions::new(Kernels::detect()).with_precision(precision);
        let encoder = Encoder::load(&files, &options).unwrap();
        let options = TrainOptions::default();
        let trained = train(&encoder, &good, &options, &|_| ControlFlow::Continue(())).unwrap();
        group.bench_function(format!("{precision:?}"), |bench| {
            bench.iter(|| trained.inspector.inspect(black_box(&picture)).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, inspect);
criterion_main!(benches);
