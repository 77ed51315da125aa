//! Parts before a plain background, which fills most of the picture: another product is UNLIKE, a defect is NG.

use niteru_imaging::Picture;
use niteru_inspect::{Inspector, TrainOptions, Verdict};

use crate::plates::Noise;
use crate::{FRESH, assert_sound, encoder, folder, learn};

const SIDE: u32 = 200;

/// What a ring can have.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Change {
    Blot,
    Notch,
}

/// A picture of what is at a place, with noise and a little light more or less; nothing is the table.
fn taken(seed: u64, part: impl Fn(f32, f32) -> Option<f32>) -> Picture {
    let mut noise = Noise::new(seed);
    for _ in 0..16 {
        noise.bits();
    }
    let light = 1.0 + 0.03 * noise.next();
    let (left, down) = (3.0 * noise.next(), 3.0 * noise.next());
    let mut pixels = Vec::new();
    for y in 0..SIDE {
        for x in 0..SIDE {
            let grey = part(x as f32 - 100.0 - left, y as f32 - 100.0 - down).unwrap_or(215.0);
            let level = (light * grey + 3.0 * noise.next()).clamp(0.0, 255.0) as u8;
            pixels.extend([level; 3]);
        }
    }
    Picture::from_rgb(SIDE, SIDE, pixels).unwrap()
}

/// A turned ring, brighter towards its rim.
pub(crate) fn ring(seed: u64, changes: &[Change]) -> Picture {
    taken(seed, |x, y| {
        let radius = x.hypot(y);
        let notched = changes.contains(&Change::Notch) && x > 0.0 && y.abs() < 4.0;
        if !(22.0..50.0).contains(&radius) || notched {
            return None;
        }
        let blotted = changes.contains(&Change::Blot) && (x - 25.0).hypot(y - 25.0) < 8.0;
        Some(if blotted { 150.0 } else { 60.0 + 0.6 * radius })
    })
}

/// A bar with slots: another product.
pub(crate) fn bar(seed: u64) -> Picture {
    taken(seed, |x, y| {
        let inside = x.abs() < 60.0 && y.abs() < 22.0;
        let slot = (x as i32).rem_euclid(14) < 5;
        inside.then_some(if slot { 110.0 } else { 40.0 })
    })
}

#[test]
fn another_product_before_a_plain_background_is_unlike_and_a_defect_is_not() {
    let good = folder((0..16).map(|seed| ring(seed, &[])));
    let options = TrainOptions {
        false_alarm: 0.06,
        ..TrainOptions::default()
    };
    let Some(trained) = learn(&good.files, &options) else {
        return;
    };
    let trained = trained.unwrap();
    let encoder = encoder().unwrap();
    let bytes = trained.inspector.to_bytes().unwrap();
    let stored = Inspector::from_bytes(&bytes, encoder).unwrap();
    let table = [
        ("a bar", bar(FRESH), Verdict::Unlike),
        ("another bar", bar(FRESH + 1), Verdict::Unlike),
        ("a blot", ring(FRESH, &[Change::Blot]), Verdict::Ng),
        ("a notch", ring(FRESH + 1, &[Change::Notch]), Verdict::Ng),
        (
            "nothing but the table",
            taken(FRESH, |_, _| None),
            Verdict::Unlike,
        ),
    ];
    let mut wrong = Vec::new();
    for (what, picture, expected) in table {
        let found = trained.inspector.inspect(&picture).unwrap();
        assert_sound(&found, what);
        let shows = found.parts.object_patch.is_some();
        assert_eq!(shows, what != "nothing but the table", "{what}");
        if found.verdict != expected {
            wrong.push(format!("{what}: {:?} {:?}", found.verdict, found.parts));
        }
        assert_eq!(stored.inspect(&picture).unwrap(), found, "{what}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let passed = (0..10).filter(|seed| {
        let found = trained.inspector.inspect(&ring(FRESH + 10 + seed, &[]));
        found.unwrap().verdict == Verdict::Ok
    });
    assert!(passed.count() >= 8, "good ones are stopped");
}
