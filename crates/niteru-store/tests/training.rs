//! Training, with the real default model. Without `NITERU_TEST_HOME` one line says so, and nothing is tested.
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use niteru_encoder::{Encoder, LoadOptions, ModelCache};
use niteru_imaging::Picture;
use niteru_inspect::{TrainError, TrainOptions, TrainStep};
use niteru_kernels::{Kernels, Precision};
use niteru_store::{Home, StoreError, Training, TrainingError};

fn encoder() -> Option<Encoder> {
    let models = niteru_testkit::test_home("models")?;
    let files = ModelCache::new(models).open("efficientnet-lite0").unwrap();
    let options = LoadOptions::new(Kernels::detect()).with_precision(Precision::F32);
    Some(Encoder::load(&files, &options).unwrap())
}

/// Grey photos, each a little brighter than the one before.
fn photos(folder: &Path, name: &str, greys: impl IntoIterator<Item = u8>) -> Vec<PathBuf> {
    let photo = |grey: u8| {
        let picture = Picture::from_rgb(64, 64, vec![grey; 64 * 64 * 3]).unwrap();
        let path = folder.join(format!("{name}-{grey}.png"));
        std::fs::write(&path, picture.to_png().unwrap()).unwrap();
        path
    };
    greys.into_iter().map(photo).collect()
}

#[test]
fn a_training_stops_while_it_judges_the_bad_photos_and_keeps_nothing() {
    let Some(encoder) = encoder() else { return };
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path().join("home")).unwrap();
    let training = Training {
        name: "plate".to_owned(),
        good: photos(folder.path(), "good", 100..104),
        bad: photos(folder.path(), "bad", 10..15),
        with_reviews: false,
        options: TrainOptions::default(),
    };
    let judged = Mutex::new(Vec::new());
    let trained = home.train_inspector(&encoder, &training, &|step| match step {
        TrainStep::Judging { done, total } => {
            judged.lock().unwrap().push((done, total));
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    assert!(matches!(
        trained.map(|report| report.version),
        Err(TrainingError::Train(TrainError::Stopped))
    ));
    assert!(judged.lock().unwrap().contains(&(1, 5)));
    assert!(home.inspectors().unwrap().is_empty());

    let trained = home.train_inspector(&encoder, &training, &|_| ControlFlow::Continue(()));
    let bad = trained.unwrap().bad.unwrap();
    assert_eq!(bad.judged.len(), 5);
    assert_eq!(home.inspectors().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_kept_is_not_learnt() {
    let Some(encoder) = encoder() else { return };
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path().join("home")).unwrap();
    let named = |name: &str| Training {
        name: name.to_owned(),
        good: photos(folder.path(), "good", 100..104),
        bad: Vec::new(),
        with_reviews: false,
        options: TrainOptions::default(),
    };
    let steps = AtomicUsize::new(0);
    let train = |name: &str| {
        let trained = home.train_inspector(&encoder, &named(name), &|_| {
            steps.fetch_add(1, Ordering::Relaxed);
            ControlFlow::Continue(())
        });
        trained.map(|report| report.version)
    };
    let error = train("two\nlines").unwrap_err();
    let TrainingError::Store(StoreError::InspectorName { .. }) = error else {
        panic!("{error:?}");
    };
    std::fs::remove_file(folder.path().join("home/writers.lock")).unwrap();
    let error = train("plate").unwrap_err();
    let TrainingError::Store(StoreError::Replaced { .. }) = error else {
        panic!("{error:?}");
    };
    assert_eq!(steps.into_inner(), 0, "nothing was read");
}
