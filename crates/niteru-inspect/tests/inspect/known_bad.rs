//! Bad pictures that were shown: what resembles them scores higher, and nothing else changes.

use std::ops::ControlFlow;

use niteru_imaging::Picture;
use niteru_inspect::{Inspector, TrainOptions, evaluate_bad};

use crate::plates::{self, Defect};
use crate::{FRESH, Folder, encoder, folder, good_plates, learn};

fn bad_plates(numbers: std::ops::Range<u64>) -> Folder {
    folder(numbers.map(|number| plates::bad(number, dot(number))))
}

fn dot(number: u64) -> Defect {
    let step = (number % 8) as f32;
    Defect::Dot(40.0 + 14.0 * step, 50.0 + 9.0 * step, 5.0)
}

#[test]
fn what_resembles_a_known_bad_picture_scores_higher() {
    let good = good_plates(0..16);
    let shown = bad_plates(100..105);
    let bad = &shown.files;
    let with = |bad: &[std::path::PathBuf]| TrainOptions {
        bad: bad.to_vec(),
        false_alarm: 0.1,
        ..TrainOptions::default()
    };
    let Some(without) = learn(&good.files, &with(&[])) else {
        return;
    };
    let without = without.unwrap().inspector;
    let knowing = learn(&good.files, &with(bad)).unwrap().unwrap().inspector;
    assert_eq!((without.known_bad(), knowing.known_bad()), (0, 5));

    // Another plate with another dot.
    let other = plates::bad(FRESH, dot(4));
    let (plain, known) = (
        without.inspect(&other).unwrap(),
        knowing.inspect(&other).unwrap(),
    );
    assert_eq!(plain.parts.known_bad, 0.0);
    assert!(known.parts.known_bad > 0.3, "{:?}", known.parts);
    assert!(known.parts.known_bad <= 2.4, "{:?}", known.parts);
    let added = known.score - plain.score;
    assert!((added - known.parts.known_bad).abs() < 1e-9, "{added}");
    assert_eq!(known.heat, plain.heat);
    // A good one of neither kind gets less.
    let fresh = knowing.inspect(&plates::good(FRESH)).unwrap();
    assert!(
        fresh.parts.known_bad < known.parts.known_bad,
        "{:?}",
        fresh.parts
    );

    // Of a picture that was shown, two things can be asked.
    let shown = Picture::open(&bad[0], &Default::default()).unwrap();
    let (seen, unseen) = (
        knowing.inspect(&shown).unwrap().score,
        knowing.inspect_unseen(&shown).unwrap().score,
    );
    assert!(seen > unseen, "{seen} {unseen}");
    // An evaluation asks the second, and so does what training tells.
    let quality = evaluate_bad(&knowing, bad, &Default::default(), &|| {
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(
        (quality.judged[0].score - unseen).abs() < 1e-9,
        "{quality:?}"
    );

    // It is stored with the rest.
    let bytes = knowing.to_bytes().unwrap();
    let read = Inspector::from_bytes(&bytes, encoder().unwrap()).unwrap();
    assert_eq!(read.inspect(&other).unwrap(), known);
}

#[test]
fn too_few_of_either_kind_change_nothing() {
    let shown = bad_plates(100..103);
    let bad = &shown.files;
    let broken = bad[0].with_file_name("broken.png");
    std::fs::write(&broken, "no picture").unwrap();
    let cases = [
        ("two bad ones", 12, bad[..2].to_vec()),
        ("few good ones", 4, bad.clone()),
        (
            "two that can be read",
            12,
            vec![bad[0].clone(), broken, bad[1].clone()],
        ),
    ];
    for (case, count, bad) in cases {
        let good = good_plates(0..count);
        let options = TrainOptions::default();
        let Some(without) = learn(&good.files, &options) else {
            return;
        };
        let with = learn(&good.files, &TrainOptions { bad, ..options });
        let with = with.unwrap().unwrap();
        assert_eq!(with.inspector.known_bad(), 0, "{case}");
        let without = without.unwrap().inspector;
        assert_eq!(
            with.inspector.good_scores(),
            without.good_scores(),
            "{case}"
        );
    }
}
