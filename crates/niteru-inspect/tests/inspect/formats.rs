//! Old stored forms are read, and score as they did: every version that was ever written.
//!
//! `NITERU_WRITE_FIXTURES=1 cargo test -p niteru-inspect formats` writes the present version's file; it is
//! committed when the form changes, and never written again.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use niteru_imaging::{Mask, Picture};
use niteru_inspect::{Inspector, TrainOptions};

use crate::places::{askew, lie, marked};
use crate::plates::{self, Defect, HEIGHT, WIDTH};
use crate::{FRESH, encoder, folder, good_plates, learn};

/// A stored inspector, and what it said with AVX-512 when it was written.
struct Written {
    /// `inspector-NAME.bin`, or with `.gz` behind it.
    name: &'static str,
    scores: [f64; 3],
    /// Bad plates that it learnt from.
    known_bad: usize,
    /// Whether it aligns.
    aligns: bool,
    /// Whether it tells how a place differs, and whether places are known.
    tells: [bool; 2],
}

/// The version that is written now, of one with what only some trainings have: alignment, places, bad plates.
const PRESENT: &str = "4";
const PRESENT_ALIGNED: &str = "4-aligned";

const WRITTEN: [Written; 5] = [
    Written {
        tells: [false, false],
        ..plain("1", [-1.472, 10.147, 7.087])
    },
    plain("2", [-1.903, 9.840, 6.726]),
    plain("3", [-1.903, 9.840, 6.726]),
    plain(PRESENT, [-1.903, 9.840, 6.726]),
    Written {
        name: PRESENT_ALIGNED,
        scores: [0.686, 8.914, 9.544],
        known_bad: 3,
        aligns: true,
        tells: [true, true],
    },
];

/// Of two good plates, of which half counts.
const fn plain(name: &'static str, scores: [f64; 3]) -> Written {
    Written {
        name,
        scores,
        known_bad: 0,
        aligns: false,
        tells: [true, false],
    }
}

/// Other instruction sets round differently.
const TOLERANCE: f64 = 0.05;

fn fixture(name: &str) -> PathBuf {
    let name = format!("tests/fixtures/inspector-{name}.bin");
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Of places that do not count it has the same patches again and again, so that one is kept packed.
fn packed(name: &str) -> PathBuf {
    fixture(name).with_extension("bin.gz")
}

fn stored(name: &str) -> Vec<u8> {
    let file = packed(name);
    if !file.exists() {
        return std::fs::read(fixture(name)).unwrap();
    }
    let mut bytes = Vec::new();
    let mut reader = GzDecoder::new(File::open(file).unwrap());
    reader.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Half of the patches make half of the file.
fn right_half() -> Mask {
    let picture = Picture::from_rgb(2, 1, vec![0, 0, 0, 255, 255, 255]).unwrap();
    Mask::from_picture(&picture)
}

/// A part around the blob: few patches make a small file.
fn around_the_blob() -> Mask {
    let inside = |x: u32, y: u32| (110..190).contains(&x) && (80..140).contains(&y);
    Mask::from_picture(&plates::painted(WIDTH, HEIGHT, inside))
}

fn lying(seed: u64, more: &[Defect]) -> Picture {
    let (turn, shift) = lie(seed);
    askew(&marked(seed, more), turn, shift)
}

fn tried(aligned: bool) -> [Picture; 3] {
    match aligned {
        false => [
            plates::good(FRESH),
            plates::bad(FRESH, Defect::Rough),
            plates::bad(FRESH, Defect::Dot(150.0, 90.0, 6.0)),
        ],
        true => [
            lying(FRESH, &[]),
            lying(FRESH + 1, &[Defect::Blob]),
            lying(FRESH + 2, &[Defect::Rough]),
        ],
    }
}

/// Writes the files of the present version.
fn write() {
    let good = good_plates(0..2);
    let options = TrainOptions {
        area: Some(right_half()),
        ..TrainOptions::default()
    };
    let askew = folder((0..14).map(|seed| lying(seed, &[])));
    let bad = folder((50..53).map(|seed| lying(seed, &[Defect::Blob])));
    let aligned = TrainOptions {
        area: Some(around_the_blob()),
        align: true,
        bad: bad.files.clone(),
        ..TrainOptions::default()
    };
    let files = [
        (PRESENT, &good.files, options),
        (PRESENT_ALIGNED, &askew.files, aligned),
    ];
    for (name, good, options) in files {
        let Some(trained) = learn(good, &options) else {
            return;
        };
        let bytes = trained.unwrap().inspector.to_bytes().unwrap();
        if name == PRESENT {
            std::fs::write(fixture(name), bytes).unwrap();
            continue;
        }
        let mut writer = GzEncoder::new(File::create(packed(name)).unwrap(), Compression::best());
        writer.write_all(&bytes).unwrap();
        writer.finish().unwrap();
    }
}

#[test]
fn inspectors_of_every_version_score_as_they_did() {
    let Some(encoder) = encoder() else { return };
    if std::env::var_os("NITERU_WRITE_FIXTURES").is_some() {
        write();
    }
    for written in WRITTEN {
        let name = written.name;
        let bytes = stored(name);
        let inspector = Inspector::from_bytes(&bytes, encoder).unwrap();
        assert_eq!(inspector.known_bad(), written.known_bad, "version {name}");
        let found = tried(written.aligns).map(|picture| inspector.inspect(&picture).unwrap());
        let scores = found.each_ref().map(|found| found.score);
        let near = scores
            .iter()
            .zip(written.scores)
            .all(|(a, b)| (a - b).abs() < TOLERANCE);
        assert!(
            near,
            "version {name}: {scores:?}, expected {:?}",
            written.scores
        );
        for found in &found {
            assert_eq!(found.alignment.is_some(), written.aligns, "version {name}");
        }
        let certain = found.iter().filter_map(|found| found.alignment);
        assert_eq!(
            certain.filter(|found| found.certain).count() > 0,
            written.aligns
        );
        // What the second picture differs in.
        let told = found[1].regions[0].difference;
        let tells = [
            told.is_some(),
            told.is_some_and(|told| told.position.is_some()),
        ];
        assert_eq!(tells, written.tells, "version {name}");
    }
}
