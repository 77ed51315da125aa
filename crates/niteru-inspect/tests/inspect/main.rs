//! Inspectors trained and used as a factory does, on made-up plates, with the real default model.
//!
//! Without `NITERU_TEST_HOME` there is no such model: one line says so, and nothing is tested but with small models.

// A helper that cannot do its work fails the test it is called from.
#![allow(clippy::unwrap_used)]

mod bad_input;
mod comparing;
mod copies;
mod evaluating;
mod formats;
mod known_bad;
mod options;
mod places;
mod plates;
mod products;
mod stored;
mod suspicious;
mod transformers;
mod verdicts;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use niteru_encoder::{Encoder, LoadOptions, ModelCache, ModelFiles};
use niteru_imaging::Picture;
use niteru_inspect::{Inspection, TrainError, TrainOptions, Trained, train};
use niteru_kernels::{Kernels, Precision};
use tempfile::TempDir;

/// `count` pictures of a folder of the reference data, spread over it.
fn some(folder: &Path, count: usize) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let step = (files.len() / count).max(1);
    files.into_iter().step_by(step).take(count).collect()
}

/// Good plates that the shared inspector is trained on.
const GOOD: u64 = 24;

/// Seeds of plates that no inspector is trained on begin here.
const FRESH: u64 = 1000;

fn model() -> Option<&'static ModelFiles> {
    static MODEL: OnceLock<Option<ModelFiles>> = OnceLock::new();
    let open = || {
        let models = niteru_testkit::test_home("models")?;
        Some(ModelCache::new(models).open("efficientnet-lite0").unwrap())
    };
    MODEL.get_or_init(open).as_ref()
}

fn encoder() -> Option<&'static Encoder> {
    static ENCODER: OnceLock<Option<Encoder>> = OnceLock::new();
    let load = || {
        let options = LoadOptions::new(Kernels::detect()).with_precision(Precision::F32);
        Some(Encoder::load(model()?, &options).unwrap())
    };
    ENCODER.get_or_init(load).as_ref()
}

/// Pictures as files, removed with it.
struct Folder {
    _folder: TempDir,
    files: Vec<PathBuf>,
}

fn folder(pictures: impl IntoIterator<Item = Picture>) -> Folder {
    let folder = tempfile::tempdir().unwrap();
    let files = pictures.into_iter().enumerate().map(|(at, picture)| {
        let path = folder.path().join(format!("plate-{at:03}.png"));
        std::fs::write(&path, picture.to_png().unwrap()).unwrap();
        path
    });
    Folder {
        files: files.collect(),
        _folder: folder,
    }
}

fn good_plates(seeds: impl IntoIterator<Item = u64>) -> Folder {
    folder(seeds.into_iter().map(plates::good))
}

fn learn(
    files: &[PathBuf],
    options: &TrainOptions,
) -> Option<Result<Trained<'static>, TrainError>> {
    Some(train(encoder()?, files, options, &|_| {
        ControlFlow::Continue(())
    }))
}

/// Trained once for all tests on [`GOOD`] good plates with all options at their defaults.
struct Shared {
    trained: Trained<'static>,
    folder: Folder,
}

impl Shared {
    fn inspect(&self, picture: &Picture) -> Inspection {
        self.trained.inspector.inspect(picture).unwrap()
    }

    fn names(&self, path: &Path) -> bool {
        self.folder.files.iter().any(|file| file == path)
    }
}

fn shared() -> Option<&'static Shared> {
    static SHARED: OnceLock<Option<Shared>> = OnceLock::new();
    let make = || {
        let folder = good_plates(0..GOOD);
        let trained = learn(&folder.files, &TrainOptions::default())?.unwrap();
        Some(Shared { trained, folder })
    };
    SHARED.get_or_init(make).as_ref()
}

/// Fails on a number of an inspection that is none, or out of its range.
fn assert_sound(inspection: &Inspection, what: &str) {
    let parts = inspection.parts;
    let numbers = [
        inspection.score,
        inspection.threshold,
        parts.patches,
        parts.whole,
        parts.texture,
        parts.grain,
        parts.place,
        parts.usual_patch,
        parts.known_bad,
    ];
    assert!(numbers.iter().all(|x| x.is_finite()), "{what}: {numbers:?}");
    let p = inspection.p_value;
    assert!(p > 0.0 && p <= 1.0, "{what}: p-value {p}");
    let heat = inspection.heat.data();
    assert!(heat.iter().all(|x| x.is_finite() && *x >= 0.0), "{what}");
    for region in &inspection.regions {
        assert!(region.score.is_finite(), "{what}: {region:?}");
        assert!(
            region.w > 0 && region.h > 0 && region.area > 0,
            "{what}: {region:?}"
        );
    }
    for value in inspection.defect.iter().flatten() {
        assert!(value.is_finite(), "{what}");
    }
    if let Some(nearest) = &inspection.nearest_good {
        assert!((-1.0..=1.0).contains(&nearest.similarity), "{what}");
    }
}
