//! Old stored forms are read, and score as they did: every version that was ever written.
//!
//! `NITERU_WRITE_FIXTURES=1 cargo test -p niteru-inspect formats` writes the present version's file; it is
//! committed when the form changes, and never written again.

use std::path::PathBuf;

use niteru_imaging::{Mask, Picture};
use niteru_inspect::{Inspector, TrainOptions};

use crate::plates::{self, Defect};
use crate::{FRESH, encoder, good_plates, learn};

/// The version that is written now.
const PRESENT: u32 = 3;

/// Scores of [`tried`] by each version's file, with AVX-512.
const SCORES: [(u32, [f64; 3]); 3] = [
    (1, [-1.472, 10.147, 7.087]),
    (2, [-1.903, 9.840, 6.726]),
    (3, [-1.903, 9.840, 6.726]),
];

/// Other instruction sets round differently.
const TOLERANCE: f64 = 0.05;

fn fixture(version: u32) -> PathBuf {
    let name = format!("tests/fixtures/inspector-{version}.bin");
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Half of the patches make half of the file.
fn right_half() -> Mask {
    let picture = Picture::from_rgb(2, 1, vec![0, 0, 0, 255, 255, 255]).unwrap();
    Mask::from_picture(&picture)
}

fn tried() -> [Picture; 3] {
    [
        plates::good(FRESH),
        plates::bad(FRESH, Defect::Rough),
        plates::bad(FRESH, Defect::Dot(150.0, 90.0, 6.0)),
    ]
}

#[test]
fn inspectors_of_every_version_score_as_they_did() {
    let Some(encoder) = encoder() else { return };
    if std::env::var_os("NITERU_WRITE_FIXTURES").is_some() {
        let good = good_plates(0..2);
        let options = TrainOptions {
            area: Some(right_half()),
            ..TrainOptions::default()
        };
        let Some(trained) = learn(&good.files, &options) else {
            return;
        };
        std::fs::write(
            fixture(PRESENT),
            trained.unwrap().inspector.to_bytes().unwrap(),
        )
        .unwrap();
    }
    for (version, scores) in SCORES {
        let bytes = std::fs::read(fixture(version)).unwrap();
        let inspector = Inspector::from_bytes(&bytes, encoder).unwrap();
        let found = tried().map(|picture| inspector.inspect(&picture).unwrap().score);
        let near = found
            .iter()
            .zip(scores)
            .all(|(a, b)| (a - b).abs() < TOLERANCE);
        assert!(near, "version {version}: {found:?}, expected {scores:?}");
    }
}
