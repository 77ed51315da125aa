//! What is told of good and of bad plates.

use niteru_imaging::{Limits, Picture, Rect};
use niteru_inspect::{Inspection, PixelHash, TrainOptions, Verdict};

use crate::plates::{self, Defect};
use crate::{FRESH, assert_sound, good_plates, learn, shared, some};

/// Column and row of the heat map's strongest cell, in pixels of the picture.
fn hottest(inspection: &Inspection, (width, height): (u32, u32)) -> (i64, i64) {
    let heat = &inspection.heat;
    let cells = heat.data().iter().enumerate();
    let (at, _) = cells.max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
    let (column, row) = (at as u32 % heat.width(), at as u32 / heat.width());
    let centre = |cell: u32, cells: u32, side: u32| i64::from((2 * cell + 1) * side / (2 * cells));
    (
        centre(column, heat.width(), width),
        centre(row, heat.height(), height),
    )
}

/// Whether a point is in a place, or not farther beside it than a cell of the coarsest map is long.
fn near(place: Rect, (x, y): (i64, i64)) -> bool {
    const CELL: i64 = 16;
    let within = |at: i64, first: i64, length: u32| {
        (first - CELL..first + i64::from(length) + CELL).contains(&at)
    };
    within(x, place.x, place.width) && within(y, place.y, place.height)
}

/// Who shows a good photo beside another can tell whether its file still shows what was learnt from.
#[test]
fn what_a_good_photo_showed_is_known() {
    let Some(shared) = shared() else { return };
    let found = shared.inspect(&plates::bad(FRESH, Defect::Blob));
    let nearest = found.nearest_good.unwrap();
    let place = found.regions[0].good.clone().unwrap();
    for (path, pixels) in [(nearest.path, nearest.pixels), (place.path, place.pixels)] {
        let shows = PixelHash::of(&Picture::open(&path, &Limits::default()).unwrap());
        assert_eq!(pixels, Some(shows), "{}", path.display());
    }
    let other = PixelHash::of(&plates::good(FRESH));
    assert_ne!(nearest.pixels, Some(other));
    // As many pixels in another shape are another picture.
    let [wide, high] = [(4, 2), (2, 4)].map(|(width, height)| plates::flat(width, height, 9));
    assert_ne!(PixelHash::of(&wide), PixelHash::of(&high));
}

#[test]
fn good_plates_pass() {
    let Some(shared) = shared() else { return };
    let verdicts: Vec<Verdict> = (FRESH..FRESH + 12)
        .map(|seed| {
            let found = shared.inspect(&plates::good(seed));
            assert_sound(&found, "a good plate");
            assert_eq!(found.verdict == Verdict::Ok, found.score <= found.threshold);
            found.verdict
        })
        .collect();
    let passed = verdicts.iter().filter(|verdict| **verdict == Verdict::Ok);
    // One in 25 is expected to be stopped.
    assert!(passed.count() >= 11, "{verdicts:?}");
}

#[test]
fn defects_are_found_where_they_are() {
    let Some(shared) = shared() else { return };
    let mut wrong = Vec::new();
    for (seed, defect) in (FRESH..).zip(Defect::LARGE) {
        let found = shared.inspect(&plates::bad(seed, defect));
        assert_sound(&found, "a bad plate");
        let hottest = hottest(&found, (plates::WIDTH, plates::HEIGHT));
        let told = format!(
            "{defect:?}: {:?} {:.2} above {:.2}, {:?}, p {:.3}, hottest at {hottest:?}",
            found.verdict, found.score, found.threshold, found.parts, found.p_value
        );
        let least = 1.0 / (crate::GOOD + 1) as f64;
        let worst = found.regions.first();
        let right = found.verdict == Verdict::Ng
            && found.score > found.threshold
            && found.p_value <= least + 1e-9
            // A missing print leaves a plate as it is elsewhere: that has no place.
            && (defect == Defect::Missing || near(defect.place(), hottest))
            && worst.is_some_and(|worst| {
                let good = worst.good.as_ref();
                good.is_some_and(|good| shared.names(&good.path))
            })
            && found.defect.is_some()
            && found.nearest_good.is_some_and(|good| shared.names(&good.path));
        if !right {
            wrong.push(told);
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn places_lie_in_their_pictures() {
    let Some(shared) = shared() else { return };
    for defect in Defect::LARGE {
        for region in shared.inspect(&plates::bad(FRESH + 7, defect)).regions {
            assert!(region.x + region.w <= plates::WIDTH, "{region:?}");
            assert!(region.y + region.h <= plates::HEIGHT, "{region:?}");
            let good = region.good.unwrap();
            assert!(good.x + good.w <= plates::WIDTH, "{good:?}");
            assert!(good.y + good.h <= plates::HEIGHT, "{good:?}");
        }
    }
}

#[test]
fn other_products_are_unlike() {
    let Some(shared) = shared() else { return };
    for (what, picture) in [
        ("a checkerboard", plates::checkerboard()),
        ("a landscape", plates::landscape()),
    ] {
        let found = shared.inspect(&picture);
        assert_sound(&found, what);
        assert_eq!(found.verdict, Verdict::Unlike, "{what}: {:?}", found.parts);
    }
}

#[test]
fn real_other_products_are_unlike_and_real_defects_are_not() {
    let Some(data) = niteru_testkit::shared("data") else {
        return;
    };
    let good = some(&data.join("magnetic-tile/good"), 30);
    let Some(trained) = learn(&good, &TrainOptions::default()) else {
        return;
    };
    let inspector = trained.unwrap().inspector;
    let kind = |folder: &str, count: usize, unlike: bool| {
        some(&data.join(folder), count)
            .into_iter()
            .map(move |path| (path, unlike))
    };
    let defects = ["blowhole", "break", "crack", "fray", "uneven"];
    let defects = defects.map(|name| kind(&format!("magnetic-tile/{name}"), 3, false));
    let others = ["parts/images/bolt", "parts/images/nut", "coco/images"];
    let others = others.map(|folder| kind(folder, 4, true));
    let mut wrong = Vec::new();
    for (path, unlike) in defects
        .into_iter()
        .flatten()
        .chain(others.into_iter().flatten())
    {
        let picture = Picture::open(&path, &Limits::default()).unwrap();
        let found = inspector.inspect(&picture).unwrap();
        if unlike != (found.verdict == Verdict::Unlike) {
            wrong.push(format!(
                "{}: {:?} {:?}",
                path.display(),
                found.verdict,
                found.parts
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_share_of_good_plates_that_is_stopped_is_as_promised() {
    let options = TrainOptions {
        false_alarm: 0.2,
        ..TrainOptions::default()
    };
    let good = good_plates(200..230);
    let Some(trained) = learn(&good.files, &options) else {
        return;
    };
    let trained = trained.unwrap();
    let promise = trained.inspector.promise();
    assert!(promise.kept && promise.images == 30, "{promise:?}");
    assert!(promise.expected <= 0.2, "{promise:?}");
    let stopped = (2000..2030).filter(|&seed| {
        let found = trained.inspector.inspect(&plates::good(seed)).unwrap();
        found.verdict != Verdict::Ok
    });
    // 6 are expected at most. With 30 scores to calibrate on, 12 and more come once in 25 seeds (beta-binomial)
    // if the final memory were no larger than those that scored; these seeds are fixed.
    let stopped = stopped.count();
    assert!(stopped < 12, "{stopped} of 30");
}

#[test]
fn what_passes_has_a_vector_of_its_hottest_place_too() {
    let Some(shared) = shared() else { return };
    let passed = (FRESH + 300..FRESH + 310)
        .map(|seed| shared.inspect(&plates::good(seed)))
        .filter(|found| found.verdict == Verdict::Ok && found.regions.is_empty());
    let passed: Vec<_> = passed.collect();
    assert!(passed.len() >= 5, "{}", passed.len());
    for found in passed {
        let square: f32 = found.defect.iter().flatten().map(|x| x * x).sum();
        assert!((square - 1.0).abs() < 1e-3, "{square}");
    }
}
