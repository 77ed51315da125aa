//! What belongs where, how a place differs, and parts that lie askew.

use niteru_imaging::{Picture, Rect};
use niteru_inspect::{Group, Inspection, Region, TrainOptions, Verdict};

use crate::plates::{self, Defect, HEIGHT, WIDTH};
use crate::{FRESH, assert_sound, folder, learn, shared};

fn meets(region: &Region, place: Rect) -> bool {
    let apart = |a: i64, a_side: u32, b: i64, b_side: u32| {
        a + i64::from(a_side) <= b || b + i64::from(b_side) <= a
    };
    let rect = region.rect();
    !apart(rect.x, rect.width, place.x, place.width)
        && !apart(rect.y, rect.height, place.y, place.height)
}

/// What the worst region at a place differs in.
fn told(inspection: &Inspection, place: Rect) -> Option<Group> {
    let region = inspection
        .regions
        .iter()
        .find(|region| meets(region, place))?;
    region.difference?.most
}

#[test]
fn what_is_missing_is_found_where_it_should_be_and_told_as_position() {
    let Some(shared) = shared() else { return };
    for seed in FRESH..FRESH + 4 {
        let found = shared.inspect(&plates::bad(seed, Defect::Missing));
        assert_eq!(found.verdict, Verdict::Ng, "{seed}");
        assert!(found.parts.place > 3.0, "{seed}: {:?}", found.parts);
        let group = told(&found, Defect::Missing.place());
        assert_eq!(group, Some(Group::Position), "{seed}: {:?}", found.regions);
    }
}

/// Redder in a disc, as bright as before.
fn stained(seed: u64) -> (Picture, Rect) {
    let plate = plates::good(seed);
    let mut pixels = plate.pixels().to_vec();
    for (at, pixel) in pixels.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let (x, y) = (at as f32 % WIDTH as f32, (at as u32 / WIDTH) as f32);
        if (x - 150.0).hypot(y - 50.0) < 22.0 {
            pixel[0] += 40;
            pixel[1] -= 20;
        }
    }
    let place = Rect {
        x: 128,
        y: 28,
        width: 44,
        height: 44,
    };
    (Picture::from_rgb(WIDTH, HEIGHT, pixels).unwrap(), place)
}

#[test]
fn a_difference_is_told_as_what_it_is() {
    let Some(shared) = shared() else { return };
    let mut wrong = Vec::new();
    for seed in FRESH..FRESH + 3 {
        let made = |defect: Defect| (plates::bad(seed, defect), defect.place());
        let cases = [
            (made(Defect::Rough), Group::Texture),
            (made(Defect::Scratch), Group::Shape),
            (stained(seed), Group::Colour),
        ];
        for ((picture, place), group) in cases {
            let found = shared.inspect(&picture);
            let got = told(&found, place);
            if got != Some(group) {
                wrong.push((seed, group, got, found.regions));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A plate that lies askew on a plain table, cut from a larger one: every pixel is there.
pub(crate) fn askew(plate: &Picture, turn: f64, (dx, dy): (f64, f64)) -> Picture {
    let (sin, cos) = turn.to_radians().sin_cos();
    let (width, height) = (plate.width() as i64, plate.height() as i64);
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (
                x as f64 - width as f64 / 2.0 - dx,
                y as f64 - height as f64 / 2.0 - dy,
            );
            let (x, y) = (
                (u * cos - v * sin + width as f64 / 2.0).round() as i64,
                (u * sin + v * cos + height as f64 / 2.0).round() as i64,
            );
            let inside = (0..width).contains(&x) && (0..height).contains(&y);
            match inside {
                true => {
                    let at = 3 * (y * width + x) as usize;
                    pixels.extend(&plate.pixels()[at..at + 3]);
                }
                false => pixels.extend([90; 3]),
            }
        }
    }
    Picture::from_rgb(plate.width(), plate.height(), pixels).unwrap()
}

/// A plate that shows how it lies: with a line and dots beside its ring.
pub(crate) fn marked(seed: u64, more: &[Defect]) -> Picture {
    let marks = [
        Defect::Scratch,
        Defect::Dot(30.0, 30.0, 10.0),
        Defect::Dot(175.0, 135.0, 8.0),
    ];
    let defects: Vec<Defect> = more.iter().copied().chain(marks).collect();
    plates::plate(seed, &defects, WIDTH, HEIGHT)
}

/// Turns and shifts that differ from plate to plate.
pub(crate) fn lie(seed: u64) -> (f64, (f64, f64)) {
    let step = |times: u64, of: u64| (seed * times % of) as f64 / of as f64 - 0.5;
    (16.0 * step(7, 11), (20.0 * step(5, 13), 16.0 * step(3, 7)))
}

#[test]
fn parts_that_lie_askew_are_aligned_and_defects_told_where_they_lie() {
    let good = folder((0..16).map(|seed| {
        let (turn, shift) = lie(seed);
        askew(&marked(seed, &[]), turn, shift)
    }));
    let options = TrainOptions {
        align: true,
        false_alarm: 0.05,
        ..TrainOptions::default()
    };
    let Some(trained) = learn(&good.files, &options) else {
        return;
    };
    let trained = trained.unwrap();
    assert!(trained.unaligned <= 4, "{}", trained.unaligned);
    let inspect = |picture: &Picture| trained.inspector.inspect(picture).unwrap();
    let mut certain = 0;
    for seed in FRESH..FRESH + 4 {
        let (turn, shift) = lie(seed);
        let found = inspect(&askew(&marked(seed, &[Defect::Blob]), turn, shift));
        assert_sound(&found, "askew");
        certain += usize::from(found.alignment.unwrap().certain);
        assert_eq!(found.verdict, Verdict::Ng, "{seed}");
        // Where the blob's centre, 150, 110, lies.
        let (sin, cos) = turn.to_radians().sin_cos();
        let (u, v) = (
            150.0 - f64::from(WIDTH) / 2.0,
            110.0 - f64::from(HEIGHT) / 2.0,
        );
        let x = u * cos + v * sin + f64::from(WIDTH) / 2.0 + shift.0;
        let y = v * cos - u * sin + f64::from(HEIGHT) / 2.0 + shift.1;
        let place = Rect {
            x: x as i64 - 4,
            y: y as i64 - 4,
            width: 8,
            height: 8,
        };
        assert!(
            meets(&found.regions[0], place),
            "{seed}: {place:?} {:?}",
            found.regions
        );
        let (width, height) = (found.heat.width(), found.heat.height());
        let cell = (y as u32 * height / HEIGHT) * width + x as u32 * width / WIDTH;
        let peak = found.heat.data().iter().copied().fold(0.0, f32::max);
        assert!(
            found.heat.data()[cell as usize] > 0.4 * peak,
            "{seed}: the heat lies elsewhere"
        );
    }
    // One lies as the reference does: that another turn does as well does not matter then.
    assert!(certain >= 3, "{certain} of 4");
    let calm = (FRESH..FRESH + 8).filter(|&seed| {
        let (turn, shift) = lie(seed);
        inspect(&askew(&marked(seed, &[]), turn, shift)).verdict == Verdict::Ok
    });
    assert!(calm.count() >= 6);
}

#[test]
fn what_is_not_aligned_has_no_alignment_and_what_cannot_be_is_said_to_be_uncertain() {
    let Some(shared) = shared() else { return };
    assert_eq!(shared.inspect(&plates::good(FRESH)).alignment, None);
    let good = folder((0..6).map(|value| plates::flat(WIDTH, HEIGHT, 120 + value)));
    let options = TrainOptions {
        align: true,
        ..TrainOptions::default()
    };
    let Some(trained) = learn(&good.files, &options) else {
        return;
    };
    let trained = trained.unwrap();
    assert_eq!(trained.unaligned, 6);
    let flat = plates::flat(WIDTH, HEIGHT, 128);
    let found = trained.inspector.inspect(&flat).unwrap();
    assert_sound(&found, "flat");
    assert!(!found.alignment.unwrap().certain);
}

#[test]
fn one_photo_of_another_shape_leaves_the_places_of_the_others_known() {
    let plates = (0..14).map(|seed| match seed {
        5 => plates::plate(seed, &[], WIDTH, HEIGHT / 2),
        _ => plates::good(seed),
    });
    let good = folder(plates);
    let options = TrainOptions {
        false_alarm: 0.1,
        ..TrainOptions::default()
    };
    let Some(trained) = learn(&good.files, &options) else {
        return;
    };
    let trained = trained.unwrap();
    assert_eq!((trained.placed, trained.inspector.good().len()), (13, 14));
    let found = trained
        .inspector
        .inspect(&plates::bad(FRESH, Defect::Missing))
        .unwrap();
    assert_eq!(found.verdict, Verdict::Ng);
    assert!(found.parts.place > 3.0, "{:?}", found.parts);
    let group = told(&found, Defect::Missing.place());
    assert_eq!(group, Some(Group::Position), "{:?}", found.regions);
}
