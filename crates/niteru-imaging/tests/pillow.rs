//! Fixtures against what Pillow sees in them. `tests/fixtures/make.py` makes both.

use std::path::{Path, PathBuf};

use niteru_imaging::{Filter, Limits, Picture};
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

#[allow(clippy::expect_used)] // clippy.toml allows it in tests, but not in their helpers
fn expected() -> Value {
    let text = std::fs::read_to_string(fixture("expected.json")).expect("make.py has been run");
    serde_json::from_str(&text).expect("make.py writes JSON")
}

/// Largest and mean difference of the sampled bytes, or what else differs.
fn difference(picture: &Picture, expected: &Value) -> Result<(u8, f64), String> {
    let size = [u64::from(picture.width()), u64::from(picture.height())];
    if expected["size"] != serde_json::json!(size) {
        return Err(format!("expected size {}, got {size:?}", expected["size"]));
    }
    let step = expected["step"].as_u64().unwrap_or(1) as usize;
    let ours = picture.pixels().chunks_exact(3).step_by(step).flatten();
    let hex = expected["rgb"].as_str().unwrap_or_default();
    let theirs = (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16));
    let both: Vec<(u8, u8)> = ours
        .zip(theirs)
        .map(|(&a, b)| (a, b.unwrap_or(0)))
        .collect();
    assert!(both.len() == hex.len() / 2 && !both.is_empty());
    let largest = both.iter().map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0);
    let sum: f64 = both.iter().map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
    Ok((largest, sum / both.len() as f64))
}

/// Largest difference that a decoder may show: 2 levels for JPEG, whose decoders may round
/// differently, none for all the others.
fn tolerance(name: &str) -> u8 {
    if name.ends_with(".jpg") { 2 } else { 0 }
}

#[test]
fn files_decode_as_in_pillow() {
    let expected = expected();
    let cases = expected["decode"].as_object().unwrap();
    assert!(cases.len() > 35, "{} cases", cases.len());
    let mut wrong = vec![];
    for (name, expected) in cases {
        let found = Picture::open(&fixture(name), &Limits::default())
            .map_err(|e| e.to_string())
            .and_then(|picture| difference(&picture, expected));
        match found {
            Ok((largest, mean)) => {
                println!("{name}: largest {largest}, mean {mean:.4}");
                if largest > tolerance(name) {
                    wrong.push(format!("{name}: differs by {largest}, mean {mean:.4}"));
                }
            }
            Err(why) => wrong.push(format!("{name}: {why}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn resizing_gives_pillows_bytes() {
    let expected = expected();
    let source = fixture(expected["resize"]["source"].as_str().unwrap());
    let source = Picture::open(&source, &Limits::default()).unwrap();
    let mut wrong = vec![];
    for case in expected["resize"]["cases"].as_array().unwrap() {
        let filter = match case["filter"].as_str().unwrap() {
            "bicubic" => Filter::Bicubic,
            "bilinear" => Filter::Bilinear,
            "lanczos" => Filter::Lanczos,
            _ => Filter::Nearest,
        };
        let side = |at: usize| case["size"][at].as_u64().unwrap() as u32;
        let resized = source.resize(side(0), side(1), filter);
        match difference(&resized, case) {
            Ok((0, _)) => {}
            other => wrong.push(format!("{filter:?} to {}: {other:?}", case["size"])),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
