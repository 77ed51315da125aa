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
use niteru_imaging::Picture;
use niteru_inspect::{Inspector, TrainOptions};

use crate::places::{askew, lie, marked};
use crate::plates::{self, Defect};
use crate::products::{self, Change};
use crate::{FRESH, encoder, folder, learn};

/// A stored inspector, and what it said with AVX-512 when it was written.
struct Written {
    /// `inspector-NAME.bin`, or with `.gz` behind it.
    name: &'static str,
    scores: [f64; 3],
    /// Bad plates that it learnt from.
    known_bad: usize,
    /// What it judges.
    of: Of,
    /// Whether it tells how a place differs, and whether places are known.
    tells: [bool; 2],
}

/// What an inspector judges.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    Plates,
    /// Plates that it aligns.
    Askew,
    /// Parts before a plain background.
    Parts,
}

/// The version that is written now, of one with what only it can have: parts before a plain background. The version
/// before is kept of one with what only some trainings have, too: alignment, places, bad plates.
const PRESENT: &str = "5";

const WRITTEN: [Written; 6] = [
    Written {
        tells: [false, false],
        ..plain("1", [-1.472, 10.147, 7.087])
    },
    plain("2", [-1.903, 9.840, 6.726]),
    plain("3", [-1.903, 9.840, 6.726]),
    plain("4", [-1.903, 9.840, 6.726]),
    Written {
        scores: [0.686, 8.914, 9.544],
        known_bad: 3,
        of: Of::Askew,
        tells: [true, true],
        ..plain("4-aligned", [0.0; 3])
    },
    Written {
        of: Of::Parts,
        ..plain(PRESENT, [0.031, 4.706, 12.544])
    },
];

/// Of two good plates, of which half counts.
const fn plain(name: &'static str, scores: [f64; 3]) -> Written {
    Written {
        name,
        scores,
        known_bad: 0,
        of: Of::Plates,
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

fn lying(seed: u64, more: &[Defect]) -> Picture {
    let (turn, shift) = lie(seed);
    askew(&marked(seed, more), turn, shift)
}

fn tried(of: Of) -> [Picture; 3] {
    match of {
        Of::Plates => [
            plates::good(FRESH),
            plates::bad(FRESH, Defect::Rough),
            plates::bad(FRESH, Defect::Dot(150.0, 90.0, 6.0)),
        ],
        Of::Parts => [
            products::ring(FRESH, &[]),
            products::ring(FRESH + 1, &[Change::Blot]),
            products::bar(FRESH + 2),
        ],
        Of::Askew => [
            lying(FRESH, &[]),
            lying(FRESH + 1, &[Defect::Blob]),
            lying(FRESH + 2, &[Defect::Rough]),
        ],
    }
}

/// Writes the file of the present version.
fn write() {
    // One photo has few patches.
    let good = folder([products::ring(0, &[])]);
    let Some(trained) = learn(&good.files, &TrainOptions::default()) else {
        return;
    };
    let bytes = trained.unwrap().inspector.to_bytes().unwrap();
    let mut writer = GzEncoder::new(File::create(packed(PRESENT)).unwrap(), Compression::best());
    writer.write_all(&bytes).unwrap();
    writer.finish().unwrap();
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
        let found = tried(written.of).map(|picture| inspector.inspect(&picture).unwrap());
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
            let aligns = written.of == Of::Askew;
            assert_eq!(found.alignment.is_some(), aligns, "version {name}");
            let before_plain = found.parts.object_patch.is_some();
            assert_eq!(before_plain, written.of == Of::Parts, "version {name}");
        }
        let certain = found.iter().filter_map(|found| found.alignment);
        assert_eq!(
            certain.filter(|found| found.certain).count() > 0,
            written.of == Of::Askew
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
