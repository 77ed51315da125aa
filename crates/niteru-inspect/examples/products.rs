//! What inspectors say of another product before the same plain background: UNLIKE, and of defects: NG.
//!
//! `cargo run --release -p niteru-inspect --example products -- HOME FOLDER` with a home that has the default model, and
//! a folder of folders, one for each kind of part, of pictures of parts on a plain background, named `PART_VIEW.png`.
//! Of each kind some pictures are made into products: 30 good photos each that differ in place, light and noise. Judged
//! are more of these, some with a made defect on the part, and pictures of parts with other names, of the same kind and
//! of others.

#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use niteru_encoder::{Encoder, LoadOptions, ModelCache};
use niteru_imaging::{Limits, Picture, find_object};
use niteru_inspect::{Inspector, TrainOptions, Verdict, train};
use niteru_kernels::{Kernels, Precision};
use niteru_testkit::Random;
use rayon::prelude::*;

/// Products of each kind of part.
const PRODUCTS: usize = 4;
/// Good photos that a product is learnt from.
const GOOD: u64 = 30;
/// Photos of each sort that are judged.
const TRIED: usize = 40;

/// What is judged.
const SORTS: [&str; 6] = [
    "good",
    "blot",
    "scratch",
    "wholly another colour",
    "another part of its kind",
    "a part of another kind",
];

fn main() {
    let mut given = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(home), Some(folder)) = (given.next(), given.next()) else {
        eprintln!("products HOME FOLDER");
        std::process::exit(2);
    };
    let files = ModelCache::new(home.join("models"))
        .open("efficientnet-lite0")
        .unwrap();
    let options = LoadOptions::new(Kernels::detect()).with_precision(Precision::F32);
    let encoder = Encoder::load(&files, &options).unwrap();
    let kinds: Vec<Vec<PathBuf>> = listed(&folder).iter().map(|kind| listed(kind)).collect();
    let mut all: [Vec<(Verdict, f64)>; SORTS.len()] = Default::default();
    for (at, kind) in kinds.iter().enumerate() {
        for product in kind.iter().step_by(kind.len() / PRODUCTS).take(PRODUCTS) {
            let others = kinds.iter().enumerate().filter(|(other, _)| *other != at);
            let others: Vec<&PathBuf> = others.flat_map(|(_, kind)| kind).collect();
            let alike: Vec<&PathBuf> = kind.iter().filter(|p| part(p) != part(product)).collect();
            let found = judged(&encoder, product, &alike, &others);
            let good = found[0].iter().map(|(_, patch)| *patch);
            let farthest = good.fold(f64::NEG_INFINITY, f64::max);
            for (all, found) in all.iter_mut().zip(&found) {
                all.extend(
                    found
                        .iter()
                        .map(|(verdict, patch)| (*verdict, patch - farthest)),
                );
            }
        }
    }
    println!(
        "| photo | OK | NG | UNLIKE | object's usual patch beyond that of good photos: 1 % | 5 % | 50 % | 95 % | 99 % |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (sort, mut found) in SORTS.into_iter().zip(all) {
        found.sort_by(|a, b| a.1.total_cmp(&b.1));
        let share = |wanted: Verdict| {
            let count = found
                .iter()
                .filter(|(verdict, _)| *verdict == wanted)
                .count();
            format!("{:.0} %", 100.0 * count as f64 / found.len() as f64)
        };
        let shares = [Verdict::Ok, Verdict::Ng, Verdict::Unlike]
            .map(share)
            .join(" | ");
        let beyond = [1, 5, 50, 95, 99].map(|percent| {
            let at = (found.len() - 1) * percent / 100;
            format!("{:.1}", found[at].1)
        });
        println!("| {sort} | {shares} | {} |", beyond.join(" | "));
    }
}

fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The number of the part that a picture shows.
fn part(path: &Path) -> String {
    let stem = path.file_stem().unwrap().to_string_lossy();
    stem.rsplit_once('_').unwrap().0.to_owned()
}

/// The verdicts on photos of each of [`SORTS`], and how far the usual patch of the object is.
fn judged(
    encoder: &Encoder,
    product: &Path,
    alike: &[&PathBuf],
    others: &[&PathBuf],
) -> [Vec<(Verdict, f64)>; SORTS.len()] {
    let picture = Picture::open(product, &Limits::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let good: Vec<PathBuf> = (0..GOOD)
        .map(|seed| {
            let file = folder.path().join(format!("{seed:02}.png"));
            std::fs::write(&file, taken(&picture, seed).to_png().unwrap()).unwrap();
            file
        })
        .collect();
    let options = TrainOptions::default();
    let trained = train(encoder, &good, &options, &|_| ControlFlow::Continue(())).unwrap();
    let inspector: Inspector<'_> = trained.inspector;
    SORTS.map(|sort| {
        let tried = (0..TRIED).into_par_iter().map(|at| {
            let seed = GOOD + at as u64;
            let any = |paths: &[&PathBuf]| {
                let path = paths[at * paths.len() / TRIED];
                Picture::open(path, &Limits::default()).unwrap()
            };
            let shown = match sort {
                "good" => picture.clone(),
                "another part of its kind" => any(alike),
                "a part of another kind" => any(others),
                defect => changed(&picture, defect, seed),
            };
            let found = inspector.inspect(&taken(&shown, seed)).unwrap();
            // A defect may hide that there is an object.
            (found.verdict, found.parts.object_patch.unwrap_or(0.0))
        });
        tried.collect()
    })
}

/// From −1 to 1, more often near 0.
fn around(random: &mut Random) -> f64 {
    random.number() + random.number() - 1.0
}

/// A photo of what a picture shows: a little turned and shifted, in other light, with noise.
fn taken(picture: &Picture, seed: u64) -> Picture {
    let (width, height) = (picture.width(), picture.height());
    let mut random = Random::new(seed);
    let angle = (4.0 * around(&mut random)).to_radians();
    let (left, down) = (6.0 * around(&mut random), 6.0 * around(&mut random));
    let light = 0.85 + 0.05 * around(&mut random);
    let (cx, cy) = (f64::from(width) / 2.0, f64::from(height) / 2.0);
    let level = |x: f64, y: f64, channel: usize| {
        let inside = |value: f64, side: u32| value.clamp(0.0, f64::from(side - 1)) as usize;
        let at = inside(y, height) * width as usize + inside(x, width);
        f64::from(picture.pixels()[3 * at + channel])
    };
    let mut pixels = Vec::with_capacity(picture.pixels().len());
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (f64::from(x) - cx - left, f64::from(y) - cy - down);
            let from = (
                cx + u * angle.cos() - v * angle.sin(),
                cy + u * angle.sin() + v * angle.cos(),
            );
            let noise = 4.0 * around(&mut random);
            for channel in 0..3 {
                let (x, y) = (from.0.floor(), from.1.floor());
                let (right, below) = (from.0 - x, from.1 - y);
                let value = level(x, y, channel) * (1.0 - right) * (1.0 - below)
                    + level(x + 1.0, y, channel) * right * (1.0 - below)
                    + level(x, y + 1.0, channel) * (1.0 - right) * below
                    + level(x + 1.0, y + 1.0, channel) * right * below;
                pixels.push((light * value + noise).round().clamp(0.0, 255.0) as u8);
            }
        }
    }
    Picture::from_rgb(width, height, pixels).unwrap()
}

/// A picture of a part with a made defect on the part.
fn changed(picture: &Picture, defect: &str, seed: u64) -> Picture {
    let object = find_object(picture).unwrap();
    let mut random = Random::new(seed ^ 0x55);
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    let is_part = |x: f64, y: f64| {
        let at = 3 * (y as usize * picture.width() as usize + x as usize);
        let pixel = &picture.pixels()[at..at + 3];
        let far = pixel.iter().zip(object.background);
        far.into_iter()
            .any(|(level, ground)| level.abs_diff(ground) > 20)
    };
    let (x, y) = loop {
        let x = (object.left + object.width * random.number()) * width;
        let y = (object.top + object.height * random.number()) * height;
        if x < width && y < height && is_part(x, y) {
            break (x, y);
        }
    };
    let angle = random.number() * std::f64::consts::PI;
    let radius = 6.0 + 8.0 * random.number();
    let mut pixels = picture.pixels().to_vec();
    for (at, pixel) in pixels.chunks_exact_mut(3).enumerate() {
        let (px, py) = (
            (at % picture.width() as usize) as f64,
            (at / picture.width() as usize) as f64,
        );
        let (u, v) = (px - x, py - y);
        let share = match defect {
            "blot" => ((1.0 - u.hypot(v) / radius) * 3.0).clamp(0.0, 1.0),
            "scratch" => {
                let across = (u * angle.sin() - v * angle.cos()).abs();
                if u.hypot(v) < 2.0 * radius {
                    (2.0 - across).clamp(0.0, 1.0)
                } else {
                    0.0
                }
            }
            _ if is_part(px, py) => 1.0,
            _ => 0.0,
        };
        let towards: [f64; 3] = match defect {
            "wholly another colour" => [150.0, 100.0, 50.0],
            _ => [70.0, 40.0, 30.0],
        };
        let strength = if defect == "wholly another colour" {
            0.6
        } else {
            0.8
        };
        for (level, towards) in pixel.iter_mut().zip(towards) {
            let value = f64::from(*level);
            *level = (value + share * strength * (towards - value)).round() as u8;
        }
    }
    Picture::from_rgb(picture.width(), picture.height(), pixels).unwrap()
}
