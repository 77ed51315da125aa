//! The figures of an evaluation.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use niteru_imaging::{Limits, Picture};
use niteru_inspect::{EvaluateError, Known, evaluate, evaluate_bad};

use crate::plates::{self, Defect};
use crate::{FRESH, shared};

fn write(folder: &Path, name: &str, picture: &Picture) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, picture.to_png().unwrap()).unwrap();
    path
}

fn mask(defect: Defect) -> Picture {
    let place = defect.place();
    let inside = |at: u32, first: i64, length: u32| {
        (first..first + i64::from(length)).contains(&i64::from(at))
    };
    plates::painted(plates::WIDTH, plates::HEIGHT, |x, y| {
        inside(x, place.x, place.width) && inside(y, place.y, place.height)
    })
}

/// Six good plates, one of which is bad in truth; each large defect with its mask, but for the first,
/// whose mask is a text; a defect that nobody sees; and a file that is missing.
fn known(folder: &Path) -> Vec<Known> {
    let good = (0..5).map(|at| plates::good(FRESH + 20 + at));
    let wrong = plates::bad(FRESH + 30, Defect::Scratch);
    let good = good.chain([wrong]).enumerate().map(|(at, picture)| Known {
        path: write(folder, &format!("good-{at}.png"), &picture),
        good: true,
        mask: None,
    });
    let bad = Defect::LARGE.iter().enumerate().map(|(at, &defect)| Known {
        path: write(
            folder,
            &format!("bad-{at}.png"),
            &plates::bad(FRESH + 40 + at as u64, defect),
        ),
        good: false,
        mask: Some(write(folder, &format!("mask-{at}.png"), &mask(defect))),
    });
    let mut known: Vec<Known> = good.chain(bad).collect();
    let first = known[6].mask.clone().unwrap();
    std::fs::write(first, "no picture").unwrap();
    known.push(Known {
        path: write(folder, "unseen.png", &plates::good(FRESH + 50)),
        good: false,
        mask: None,
    });
    known.push(Known {
        path: folder.join("missing.png"),
        good: true,
        mask: None,
    });
    known
}

#[test]
fn who_is_told_of_pictures_may_stop_it() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    // More than are judged at a time: of what comes later nothing is read.
    let known: Vec<Known> = std::iter::repeat_n(known(folder.path()), 20)
        .flatten()
        .collect();
    let told = AtomicUsize::new(0);
    let each = || match told.fetch_add(1, Ordering::Relaxed) {
        2.. => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let inspector = &shared.trained.inspector;
    let error = evaluate(inspector, &known, &Limits::default(), &each).unwrap_err();
    assert!(matches!(error, EvaluateError::Stopped), "{error}");
    let told = told.into_inner();
    assert!(told < 64.min(known.len()), "{told} of {}", known.len());
}

#[test]
fn a_photo_that_is_good_and_bad_is_an_error_with_both_names() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let plate = plates::good(FRESH);
    let known = [("good.png", true), ("bad.png", false)].map(|(name, good)| Known {
        path: write(folder.path(), name, &plate),
        good,
        mask: None,
    });
    let inspector = &shared.trained.inspector;
    let each = || ControlFlow::Continue(());
    for known in [known.clone(), [known[1].clone(), known[0].clone()]] {
        let error = evaluate(inspector, &known, &Limits::default(), &each).unwrap_err();
        let message = error.to_string();
        let (good, bad) = (message.find("good.png"), message.find("bad.png"));
        assert!(good.is_some() && good < bad, "{message}");
    }
}

#[test]
fn the_figures_are_those_of_the_pictures() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let known = known(folder.path());
    let told = AtomicUsize::new(0);
    let each = || {
        told.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    let inspector = &shared.trained.inspector;
    let quality = evaluate(inspector, &known, &Limits::default(), &each).unwrap();
    assert_eq!(told.into_inner(), known.len());
    assert_eq!((quality.good, quality.bad), (6, 5));

    let skipped: Vec<_> = quality.skipped.iter().map(|s| s.path.clone()).collect();
    assert_eq!(
        skipped,
        [
            folder.path().join("mask-0.png"),
            folder.path().join("missing.png")
        ]
    );

    // The exchanged plates are out of order with each other, and with the rest as it comes: of 30 pairs
    // 20 to 29 are in order.
    let auroc = quality.auroc.unwrap();
    assert!((20.0 / 30.0..=29.0 / 30.0).contains(&auroc), "{auroc}");
    let interval = quality.auroc_interval.unwrap();
    assert!(
        interval.low <= auroc && auroc <= interval.high,
        "{interval:?}"
    );
    // All large defects are stopped, what nobody sees is not, and of the good ones the scratched one and
    // another at most.
    assert_eq!(quality.miss.value, Some(1.0 / 5.0));
    let stopped = 6.0 * quality.false_alarm.value.unwrap();
    assert!((0.99..2.01).contains(&stopped), "{:?}", quality.false_alarm);
    let f1 = 2.0 * 4.0 / (2.0 * 4.0 + 1.0 + stopped);
    assert!((quality.f1.unwrap() - f1).abs() < 1e-12, "{quality:?}");
    for rate in [quality.false_alarm, quality.miss] {
        let value = rate.value.unwrap();
        assert!(rate.interval.low <= value && value <= rate.interval.high);
    }
    // Masks are frames around the defects, with much in them that is good.
    let shares = [
        (quality.aupr, 0.6),
        (quality.pixel_auroc, 0.6),
        (quality.pro, 0.55),
    ];
    for (share, least) in shares {
        assert!((least..1.0).contains(&share.unwrap()), "{quality:?}");
    }
    let (first, last) = (quality.trade_off.first(), quality.trade_off.last());
    assert_eq!(
        first.map(|point| (point.false_alarm, point.miss)),
        Some((0.0, 1.0))
    );
    assert_eq!(
        last.map(|point| (point.false_alarm, point.miss)),
        Some((1.0, 0.0))
    );
    assert!(quality.milliseconds_per_image.unwrap() > 0.0);

    let worst = &quality.mistakes[0];
    assert_eq!(
        worst.path,
        folder.path().join("good-5.png"),
        "{:?}",
        quality.mistakes
    );
    let unseen = folder.path().join("unseen.png");
    assert!(
        quality
            .mistakes
            .iter()
            .any(|mistake| mistake.path == unseen)
    );
    let far = |score: f64| (score - quality.threshold).abs();
    let farther = |pair: &[niteru_inspect::Judged]| far(pair[0].score) >= far(pair[1].score);
    assert!(quality.mistakes.windows(2).all(farther));
}

#[test]
fn nothing_to_evaluate_has_no_figures() {
    let Some(shared) = shared() else { return };
    let inspector = &shared.trained.inspector;
    let quality = evaluate(inspector, &[], &Limits::default(), &|| {
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!((quality.good, quality.bad), (0, 0));
    assert!(quality.auroc.is_none() && quality.pro.is_none());
    assert!(quality.false_alarm.value.is_none() && quality.miss.value.is_none());
    assert!(quality.mistakes.is_empty() && quality.milliseconds_per_image.is_none());
}

#[test]
fn bad_pictures_are_set_against_the_good_ones_that_were_held_out() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let bad = Defect::LARGE.iter().enumerate().map(|(at, &defect)| {
        let picture = plates::bad(FRESH + 60 + at as u64, defect);
        write(folder.path(), &format!("bad-{at}.png"), &picture)
    });
    let mut bad: Vec<PathBuf> = bad.collect();
    bad.push(folder.path().join("missing.png"));
    let inspector = &shared.trained.inspector;
    let quality = evaluate_bad(inspector, &bad, &Limits::default(), &|| {
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!((quality.good, quality.bad), (crate::GOOD as usize, 4));
    assert_eq!(quality.good_scores, inspector.good_scores());
    assert!(quality.bad_scores.is_sorted() && quality.bad_scores.len() == 4);
    assert_eq!(quality.auroc, Some(1.0), "{quality:?}");
    assert_eq!(
        (quality.miss.value, quality.false_alarm.value),
        (Some(0.0), None)
    );
    assert_eq!(quality.skipped.len(), 1);
    assert!(quality.mistakes.is_empty() && !quality.trade_off.is_empty());
}

#[test]
fn good_pictures_that_were_learnt_from_are_counted_by_their_contents() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let known = |path: PathBuf, good: bool| Known {
        path,
        good,
        mask: None,
    };
    let copy = |at: usize| {
        let copy = folder.path().join(format!("copy-{at}.png"));
        std::fs::copy(&shared.folder.files[at], &copy).unwrap();
        copy
    };
    let fresh = write(folder.path(), "fresh.png", &plates::good(FRESH + 70));
    let bad = write(
        folder.path(),
        "bad.png",
        &plates::bad(FRESH + 71, Defect::Blob),
    );
    let all = [
        known(shared.folder.files[0].clone(), true),
        known(copy(1), true),
        known(fresh, true),
        known(bad, false),
        // What is called bad here is another question.
        known(copy(2), false),
    ];
    let inspector = &shared.trained.inspector;
    let quality = evaluate(inspector, &all, &Limits::default(), &|| {
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!((quality.learnt, quality.good), (2, 3));
}

#[test]
fn a_mask_of_another_shape_is_told() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let photo = write(
        folder.path(),
        "bad.png",
        &plates::bad(FRESH + 80, Defect::Blob),
    );
    let masked = |name: &str, mask: &Picture| Known {
        path: photo.clone(),
        good: false,
        mask: Some(write(folder.path(), name, mask)),
    };
    // Half as large, and another cut.
    let known = [
        masked("as-it-is.png", &mask(Defect::Blob)),
        masked("small.png", &plates::painted(101, 80, |x, _| x > 50)),
        masked("square.png", &plates::painted(160, 160, |x, _| x > 50)),
    ];
    let inspector = &shared.trained.inspector;
    let quality = evaluate(inspector, &known, &Limits::default(), &|| {
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(quality.masks, 3);
    assert_eq!(quality.stretched, [folder.path().join("square.png")]);
}
