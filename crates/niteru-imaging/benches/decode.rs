//! A 12-megapixel JPEG file to a network's input: in full, and by its low waves.
//!
//! With `NITERU_TEST_PHOTOS` set to a JPEG file, that one is decoded, not a drawing.

// A helper that cannot do its work ends the benchmark.
#![allow(clippy::unwrap_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use niteru_imaging::{Filter, Limits, Picture};

/// The shorter side that a photo is resized to.
const SIDE: u32 = 256;

/// A drawing with waves of all lengths and grain, so that its file is as large as a photo's.
fn drawing() -> Vec<u8> {
    let (width, height) = (4000u32, 3000u32);
    let mut noise = 1u32;
    let pixels = (0..width * height).flat_map(|at| {
        let (x, y) = ((at % width) as f32, (at / width) as f32);
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let grain = (noise >> 24) as f32 / 16.0;
        let slow = (x / 300.0).sin() + (y / 200.0).cos();
        let fine = (x * y / 4000.0).sin();
        [0.0, 10.0, 20.0].map(|tint| (110.0 + tint + 30.0 * slow + 12.0 * fine + grain) as u8)
    });
    let picture = Picture::from_rgb(width, height, pixels.collect()).unwrap();
    picture.to_jpeg(90).unwrap()
}

fn decode(c: &mut Criterion) {
    let bytes = match std::env::var_os("NITERU_TEST_PHOTOS") {
        Some(file) => std::fs::read(file).unwrap(),
        None => drawing(),
    };
    let limits = Limits::default();
    let full = Picture::decode(&bytes, &limits).unwrap();
    let small = Picture::decode_at_least(&bytes, &limits, SIDE).unwrap();
    let resize = |picture: &Picture| {
        let (width, height) = picture.full_size();
        let to = |side: u32| side * SIDE / width.min(height);
        picture.resize(to(width), to(height), Filter::Bicubic)
    };
    let mut group = c.benchmark_group("12 megapixels");
    group.sample_size(10);
    group.bench_function("decode in full", |b| {
        b.iter(|| Picture::decode(&bytes, &limits).unwrap());
    });
    group.bench_function("decode waves", |b| {
        b.iter(|| Picture::decode_at_least(&bytes, &limits, SIDE).unwrap());
    });
    group.bench_function("resize in full", |b| b.iter(|| resize(&full)));
    group.bench_function("resize waves", |b| b.iter(|| resize(&small)));
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
