//! How often the group that a difference is told as is the group that was changed: made defects of known
//! kind on good pictures that the inspector has not seen.
//!
//! `cargo run --release -p niteru-inspect --example differences -- HOME FOLDER…` with a home that has the
//! default model, and folders of good pictures of one product each. Every second picture is learnt from
//! (at most 60), and defects are made in up to 40 of the others. Where things belong is known of made-up
//! boards alone: only there is something moved, or left out.

#![allow(clippy::unwrap_used)]

mod board;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use niteru_encoder::{Encoder, LoadOptions, ModelCache};
use niteru_imaging::{Limits, Picture, Rect};
use niteru_inspect::{Group, Inspection, TrainOptions, train};
use niteru_kernels::{Kernels, Precision};
use niteru_testkit::Random;
use rayon::prelude::*;

const GROUPS: [Group; 4] = [Group::Colour, Group::Texture, Group::Shape, Group::Position];

fn main() {
    let mut given = std::env::args_os().skip(1).map(PathBuf::from);
    let Some(home) = given.next() else {
        eprintln!("differences HOME FOLDER…");
        std::process::exit(2);
    };
    let files = ModelCache::new(home.join("models"))
        .open("efficientnet-lite0")
        .unwrap();
    let options = LoadOptions::new(Kernels::detect()).with_precision(Precision::F32);
    let encoder = Encoder::load(&files, &options).unwrap();
    println!("| product | made | told colour | texture | shape | position | not found |");
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
    for folder in given {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        measure(&encoder, &name, &folder, &GROUPS[..3]);
    }
    let boards = tempfile::tempdir().unwrap();
    for seed in 0..100 {
        let file = boards.path().join(format!("{seed:03}.png"));
        std::fs::write(file, board::good(seed).to_png().unwrap()).unwrap();
    }
    measure(&encoder, "boards", boards.path(), &GROUPS);
}

fn measure(encoder: &Encoder, name: &str, folder: &Path, groups: &[Group]) {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let learnt: Vec<PathBuf> = files.iter().step_by(2).take(60).cloned().collect();
    let others: Vec<&PathBuf> = files.iter().skip(1).step_by(2).take(40).collect();
    let options = TrainOptions {
        false_alarm: 0.05,
        ..TrainOptions::default()
    };
    let trained = train(encoder, &learnt, &options, &|_| ControlFlow::Continue(())).unwrap();
    for &made in groups {
        let told: Vec<Option<Group>> = (0..others.len())
            .into_par_iter()
            .map(|at| {
                let (picture, places) = match made {
                    Group::Position => board::displaced(1000 + at as u64),
                    _ => {
                        let picture = Picture::open(others[at], &Limits::default()).unwrap();
                        changed(&picture, made, at as u64)
                    }
                };
                told(&trained.inspector.inspect(&picture).unwrap(), &places)
            })
            .collect();
        let share = |group: Option<Group>| {
            let count = told.iter().filter(|told| **told == group).count();
            format!("{:.0} %", 100.0 * count as f64 / told.len() as f64)
        };
        let shares: Vec<String> = GROUPS.into_iter().map(|group| share(Some(group))).collect();
        let (shares, missed) = (shares.join(" | "), share(None));
        println!("| {name} | {made:?} | {shares} | {missed} |");
    }
}

/// What the worst region that meets one of the places is told to differ in.
fn told(inspection: &Inspection, places: &[Rect]) -> Option<Group> {
    let apart = |a: i64, a_side: u32, b: i64, b_side: u32| {
        a + i64::from(a_side) <= b || b + i64::from(b_side) <= a
    };
    let meets = |a: Rect, b: Rect| {
        !apart(a.x, a.width, b.x, b.width) && !apart(a.y, a.height, b.y, b.height)
    };
    let mut regions = inspection.regions.iter();
    let found = regions.find(|region| places.iter().any(|place| meets(region.rect(), *place)))?;
    found.difference?.most
}

/// A picture with a made defect, and where it is.
fn changed(picture: &Picture, kind: Group, seed: u64) -> (Picture, Vec<Rect>) {
    let (width, height) = (picture.width(), picture.height());
    let mut random = Random::new(seed);
    let side = (f64::from(width.min(height)) * (0.14 + 0.1 * random.number())) as u32;
    let corner = |share: f64, length: u32| (share * f64::from(length - side)) as u32;
    let (x, y) = (
        corner(random.number(), width),
        corner(random.number(), height),
    );
    let rect = |x: u32, y: u32| Rect {
        x: x.into(),
        y: y.into(),
        width: side,
        height: side,
    };
    let mut pixels = picture.pixels().to_vec();
    let at = |x: u32, y: u32| 3 * (y as usize * width as usize + x as usize);
    let centre = f64::from(side) / 2.0;
    let angle = random.number() * std::f64::consts::PI;
    let tint = [-50.0, -20.0, 35.0];
    let turned = seed as usize % 3;
    for dy in 0..side {
        for dx in 0..side {
            let (u, v) = (f64::from(dx) - centre, f64::from(dy) - centre);
            // 1 inside, 0 outside, soft at the rim.
            let inside = ((1.0 - u.hypot(v) / centre) * 3.0).clamp(0.0, 1.0);
            let noise = 2.0 * random.number() - 1.0;
            let across = u * angle.sin() - v * angle.cos();
            let line = (2.0 - across.abs()).clamp(0.0, 1.0) * inside.ceil();
            for c in 0..3 {
                let at = at(x + dx, y + dy) + c;
                let value = f64::from(pixels[at]);
                let changed = match kind {
                    Group::Colour => value + inside * tint[(c + turned) % 3],
                    Group::Texture => value + inside * 45.0 * noise,
                    _ => value + line * if value > 127.0 { -90.0 } else { 90.0 },
                };
                pixels[at] = changed.round().clamp(0.0, 255.0) as u8;
            }
        }
    }
    let picture = Picture::from_rgb(width, height, pixels).unwrap();
    (picture, vec![rect(x, y)])
}
