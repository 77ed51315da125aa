//! Areas, tiles, rates, and stopping.

use std::ops::ControlFlow;
use std::path::PathBuf;

use niteru_imaging::Mask;
use niteru_inspect::{TrainError, TrainOptions, TrainStep, Verdict, train};

use crate::plates::{self, Defect};
use crate::{FRESH, GOOD, assert_sound, encoder, good_plates, learn};

/// The left half counts, and the mask is smaller than the pictures.
fn left_half() -> Mask {
    Mask::from_picture(&plates::painted(64, 48, |x, _| x < 32))
}

#[test]
fn a_defect_outside_of_the_area_is_not_told() {
    let options = TrainOptions {
        area: Some(left_half()),
        ..TrainOptions::default()
    };
    let good = good_plates(0..12);
    let Some(trained) = learn(&good.files, &options) else {
        return;
    };
    let trained = trained.unwrap();
    // The mask is 4:3, the plates are 5:4.
    assert_eq!(trained.stretched, 12);
    let inspector = trained.inspector;
    // What the network sees of a place hangs a little on what is beside it.
    let ignored = Defect::Dot(176.0, 100.0, 7.0);
    let found = inspector.inspect(&plates::bad(FRESH, ignored)).unwrap();
    assert_eq!(found.verdict, Verdict::Ok, "{:?}", found.parts);
    for region in &found.regions {
        assert!(region.x < plates::WIDTH / 2, "{region:?}");
    }
    let told = Defect::Dot(60.0, 130.0, 7.0);
    let found = inspector.inspect(&plates::bad(FRESH, told)).unwrap();
    assert_eq!(found.verdict, Verdict::Ng, "{:?}", found.parts);
    let other = plates::plate(FRESH, &[], 150, 220);
    assert_sound(&inspector.inspect(&other).unwrap(), "another size");
}

#[test]
fn tiles_find_what_is_small() {
    let options = TrainOptions {
        tiles: Some(2),
        ..TrainOptions::default()
    };
    let good = good_plates(0..12);
    let Some(trained) = learn(&good.files, &options) else {
        return;
    };
    let inspector = trained.unwrap().inspector;
    let dot = Defect::Dot(150.0, 40.0, 3.0);
    let found = inspector.inspect(&plates::bad(FRESH, dot)).unwrap();
    assert_sound(&found, "tiles");
    assert_eq!(found.verdict, Verdict::Ng, "{:?}", found.parts);
    let worst = &found.regions[0];
    assert!(worst.x <= 150 && worst.x + worst.w >= 150, "{worst:?}");
    assert!(worst.y <= 40 && worst.y + worst.h >= 40, "{worst:?}");
}

#[test]
fn options_out_of_their_range_are_errors_before_anything_is_read() {
    let none = [PathBuf::from("is/not/read.png")];
    let refused = |options: TrainOptions| match learn(&none, &options)? {
        Ok(_) => panic!("trained"),
        Err(error) => Some(error),
    };
    for tiles in [0, 9] {
        let options = TrainOptions {
            tiles: Some(tiles),
            ..TrainOptions::default()
        };
        let Some(error) = refused(options) else {
            return;
        };
        assert!(
            matches!(error, TrainError::Tiles(got) if got == tiles),
            "{error}"
        );
    }
    for share in [0.0, 1.0, -0.5, f64::NAN] {
        let rate = TrainOptions {
            false_alarm: share,
            ..TrainOptions::default()
        };
        let confidence = TrainOptions {
            confidence: share,
            ..TrainOptions::default()
        };
        for options in [rate, confidence] {
            let error = refused(options).unwrap();
            assert!(matches!(error, TrainError::Share { .. }), "{error}");
        }
    }
    let black = Mask::from_picture(&plates::flat(20, 20, 0));
    let options = TrainOptions {
        area: Some(black),
        ..TrainOptions::default()
    };
    let error = refused(options).unwrap();
    assert!(matches!(error, TrainError::EmptyArea), "{error}");
}

#[test]
fn training_stops_when_it_is_told_to() {
    let Some(encoder) = encoder() else { return };
    let good = good_plates(0..4);
    let options = TrainOptions::default();
    type Stop = fn(TrainStep<'_>) -> bool;
    let stops: [Stop; 3] = [
        |step| matches!(step, TrainStep::Reading { done: 2, .. }),
        |step| matches!(step, TrainStep::Learning { done: 1, .. }),
        |step| matches!(step, TrainStep::Learning { done, total } if done == total),
    ];
    for stop in stops {
        let trained = train(encoder, &good.files, &options, &|step| match stop(step) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        });
        assert!(matches!(trained, Err(TrainError::Stopped)));
    }
}

#[test]
fn photos_that_do_not_fit_into_memory_are_left_out_evenly() {
    let good = good_plates(0..GOOD);
    let options = TrainOptions {
        memory: 1,
        ..TrainOptions::default()
    };
    let Some(trained) = learn(&good.files, &options) else {
        return;
    };
    let trained = trained.unwrap();
    let learnt = trained.inspector.good();
    assert_eq!((learnt.len(), trained.not_needed), (20, GOOD as usize - 20));
    assert_eq!(learnt.last().map(|good| &good.path), good.files.last());
}
