//! Few, odd and broken pictures: clear errors, and numbers that are numbers.

use niteru_inspect::{TrainError, TrainOptions, Verdict};

use crate::plates::{self, Defect};
use crate::{FRESH, assert_sound, folder, good_plates, learn, shared};

#[test]
fn nothing_to_learn_from_is_an_error_that_says_why() {
    let Some(trained) = learn(&[], &TrainOptions::default()) else {
        return;
    };
    let Err(TrainError::NoGood { given: 0, reason }) = trained else {
        panic!("learnt from nothing");
    };
    assert!(!reason.is_empty());

    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("list.png");
    std::fs::write(&text, "no picture").unwrap();
    let trained = learn(std::slice::from_ref(&text), &TrainOptions::default()).unwrap();
    assert!(matches!(trained, Err(TrainError::NoGood { given: 1, .. })));
}

#[test]
fn one_good_plate_is_enough_but_promises_nothing() {
    let good = good_plates([5]);
    // Even where the variants of the only picture would be many enough for a promise.
    for (false_alarm, more) in [(0.01, 98), (0.2, 3)] {
        let options = TrainOptions {
            false_alarm,
            ..TrainOptions::default()
        };
        let Some(trained) = learn(&good.files, &options) else {
            return;
        };
        let trained = trained.unwrap();
        let promise = trained.inspector.promise();
        assert!(!promise.kept, "{promise:?}");
        assert_eq!(promise.more_for_average, more, "{promise:?}");
        assert!(trained.suspicious.is_empty());
        let found = trained
            .inspector
            .inspect(&plates::bad(6, Defect::Blob))
            .unwrap();
        assert_sound(&found, "one good plate");
        assert_ne!(found.verdict, Verdict::Ok, "{:?}", found.parts);
        let own = trained.inspector.inspect(&plates::good(5)).unwrap();
        assert_eq!(own.verdict, Verdict::Ok, "{:?}", own.parts);
    }
}

#[test]
fn files_that_are_no_pictures_are_left_out_by_name_and_sizes_may_differ() {
    let sizes = [(200, 160), (180, 160), (200, 150), (220, 170), (200, 160)];
    let plates = sizes.iter().zip(40..);
    let good = folder(plates.map(|(&(w, h), seed)| plates::plate(seed, &[], w, h)));
    let mut files = good.files.clone();
    let text = files[0].with_file_name("readme.jpg");
    std::fs::write(&text, "no picture").unwrap();
    files.insert(2, text.clone());
    let Some(trained) = learn(&files, &TrainOptions::default()) else {
        return;
    };
    let trained = trained.unwrap();
    assert_eq!(trained.skipped.len(), 1);
    assert_eq!(trained.skipped[0].path, text);
    assert!(!trained.skipped[0].reason.is_empty());
    assert_eq!(trained.inspector.good().len(), 5);
    for (width, height) in sizes {
        let plate = plates::plate(FRESH, &[], width, height);
        let found = trained.inspector.inspect(&plate).unwrap();
        assert_sound(&found, "mixed sizes");
        for region in &found.regions {
            assert!(region.x + region.w <= width && region.y + region.h <= height);
        }
    }
}

#[test]
fn odd_pictures_have_numbers() {
    let Some(shared) = shared() else { return };
    for (what, picture) in [
        ("one pixel", plates::flat(1, 1, 100)),
        ("a line", plates::flat(1, 500, 100)),
        ("black", plates::flat(plates::WIDTH, plates::HEIGHT, 0)),
        ("white", plates::flat(plates::WIDTH, plates::HEIGHT, 255)),
        ("long", plates::plate(1, &[], 3000, 40)),
        ("high", plates::plate(1, &[], 40, 3000)),
    ] {
        let found = shared.inspect(&picture);
        assert_sound(&found, what);
        assert_ne!(found.verdict, Verdict::Ok, "{what}: {:?}", found.parts);
    }
}

#[test]
fn odd_pictures_can_be_learnt_from() {
    let black = || plates::flat(60, 50, 0);
    for (what, pictures) in [
        ("black", vec![black(), black(), black()]),
        (
            "one pixel",
            vec![plates::flat(1, 1, 9), plates::flat(1, 1, 12)],
        ),
        (
            "all kinds",
            vec![
                black(),
                plates::flat(1, 1, 9),
                plates::plate(1, &[], 900, 20),
            ],
        ),
    ] {
        let good = folder(pictures);
        let Some(trained) = learn(&good.files, &TrainOptions::default()) else {
            return;
        };
        let inspector = trained.unwrap().inspector;
        for picture in [black(), plates::flat(1, 1, 9), plates::good(3)] {
            assert_sound(&inspector.inspect(&picture).unwrap(), what);
        }
        assert!(inspector.promise().threshold.is_finite(), "{what}");
    }
}

#[test]
fn a_bad_plate_among_the_good_is_suspicious() {
    let bad = 17;
    let plates = (0..crate::GOOD).map(|seed| match seed == bad {
        true => plates::bad(seed, Defect::Blob),
        false => plates::good(seed),
    });
    let good = folder(plates);
    let Some(trained) = learn(&good.files, &TrainOptions::default()) else {
        return;
    };
    let suspicious = trained.unwrap().suspicious;
    assert_eq!(
        suspicious[0].path, good.files[bad as usize],
        "{suspicious:?}"
    );
    assert!(suspicious.len() <= 2, "{suspicious:?}");
    assert!(shared().unwrap().trained.suspicious.is_empty());
}
