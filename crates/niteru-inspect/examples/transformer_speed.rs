//! How long it takes to train an inspector with a network as large as CLIP ViT-B/32, and to judge a photo: with random
//! weights, which take as long as any others and tell nothing of defects.
//!
//! `cargo run --release -p niteru-inspect --example transformer_speed -- PHOTOS SIDE PRECISION`, such as `200 1000 f32`:
//! photos of SIDE × SIDE pixels are made for it.

#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use niteru_encoder::{Encoder, LoadOptions};
use niteru_imaging::Picture;
use niteru_inspect::{TrainOptions, train};
use niteru_kernels::{Kernels, Precision};

/// A brushed surface with a disc, the same for the same seed.
fn photo(side: u32, seed: u32) -> Picture {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    let mut noise = move || {
        // xorshift32 (Marsaglia, 2003).
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1u32 << 23) as f32 - 1.0
    };
    let half = side as f32 / 2.0;
    let mut pixels = Vec::new();
    for y in 0..side {
        let mut brushed = 0.0;
        for x in 0..side {
            brushed = 0.9 * brushed + 4.0 * noise();
            let off = (x as f32 - half).hypot(y as f32 - half) / half;
            let grey = 140.0 + brushed + 3.0 * noise() - if off < 0.5 { 60.0 } else { 0.0 };
            pixels.extend([grey.clamp(0.0, 255.0) as u8; 3]);
        }
    }
    Picture::from_rgb(side, side, pixels).unwrap()
}

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [photos, side, precision] = &given[..] else {
        eprintln!("transformer_speed PHOTOS SIDE PRECISION");
        std::process::exit(2);
    };
    let (photos, side): (u32, u32) = (photos.parse().unwrap(), side.parse().unwrap());
    let precision: Precision = precision.parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = (0..photos)
        .map(|seed| {
            let path = folder.path().join(format!("{seed:04}.jpg"));
            std::fs::write(&path, photo(side, seed).to_jpeg(92).unwrap()).unwrap();
            path
        })
        .collect();
    let options = LoadOptions::new(Kernels::detect()).with_precision(precision);
    let encoder = Encoder::random_clip_vit_b_32(&options).unwrap();
    let begun = Instant::now();
    let trained = train(&encoder, &files, &TrainOptions::default(), &|_| {
        ControlFlow::Continue(())
    });
    let trained = trained.unwrap();
    println!(
        "{photos} photos of {side} x {side} pixels, {precision}, {} threads: {:.1} s, {:.1} MB",
        rayon::current_num_threads(),
        begun.elapsed().as_secs_f64(),
        trained.memory_bytes as f64 / 1e6
    );
    let fresh = photo(side, photos);
    let begun = Instant::now();
    const TIMES: u32 = 5;
    for _ in 0..TIMES {
        trained.inspector.inspect(&fresh).unwrap();
    }
    let each = begun.elapsed().as_secs_f64() * 1e3 / f64::from(TIMES);
    println!("a photo, without decoding it, on one thread: {each:.0} ms");
}
