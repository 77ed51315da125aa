//! Networks that see every picture as a square of patches: a small CLIP of 7 × 7 and a small DINOv2 of 16 × 16, both
//! with random weights. A patch that looks like no good one has other features than these, whatever the weights.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use niteru_encoder::{Encoder, InputSize, LoadOptions, ModelCache, Watch};
use niteru_imaging::{Filter, Picture, Rect};
use niteru_inspect::{
    CompareOptions, Inspection, Inspector, Known, Region, TrainOptions, Trained, Verdict, compare,
    evaluate, train,
};
use niteru_kernels::Kernels;

use crate::plates::{self, Defect, HEIGHT, Noise, WIDTH};
use crate::{FRESH, Folder, assert_sound, folder, good_plates};

/// The model of a folder, as a user would install it.
fn installed(folder: &Path) -> Encoder {
    let home = tempfile::tempdir().unwrap();
    let cache = ModelCache::new(home.path());
    let files = cache.import("tiny", folder, &Watch::silent()).unwrap();
    let options = LoadOptions {
        keep_packed: false,
        ..LoadOptions::new(Kernels::detect())
    };
    Encoder::load(&files, &options).unwrap()
}

fn clip() -> Option<&'static Encoder> {
    static ENCODER: OnceLock<Option<Encoder>> = OnceLock::new();
    let load = || Some(installed(&niteru_testkit::shared("goldens/clip-tiny")?));
    ENCODER.get_or_init(load).as_ref()
}

/// That of the encoder's own tests, shown pictures of 224 pixels.
fn dinov2() -> &'static Encoder {
    static ENCODER: OnceLock<Encoder> = OnceLock::new();
    ENCODER.get_or_init(|| {
        let tests = niteru_testkit::repository().join("crates/niteru-encoder/tests");
        let from = tests.join("fixtures/dinov2-tiny");
        let to = tempfile::tempdir().unwrap();
        for name in ["config.json", "model.safetensors"] {
            fs::copy(from.join(name), to.path().join(name)).unwrap();
        }
        let preprocessor = fs::read_to_string(from.join("preprocessor_config.json")).unwrap();
        let preprocessor = preprocessor
            .replace(": 98", ": 224")
            .replace(": 112", ": 256");
        fs::write(to.path().join("preprocessor_config.json"), preprocessor).unwrap();
        installed(to.path())
    })
}

/// Both networks, as far as they are there.
fn encoders() -> impl Iterator<Item = (&'static str, &'static Encoder)> {
    let clip = clip().map(|encoder| ("clip", encoder));
    clip.into_iter().chain([("dinov2", dinov2())])
}

fn learn<'e>(encoder: &'e Encoder, files: &[PathBuf], options: &TrainOptions) -> Trained<'e> {
    let each = |_: niteru_inspect::TrainStep<'_>| ControlFlow::Continue(());
    train(encoder, files, options, &each).unwrap()
}

/// Nine false alarms in ten are none of a promise.
fn options() -> TrainOptions {
    TrainOptions {
        false_alarm: 0.1,
        ..TrainOptions::default()
    }
}

/// Good plates, and what each network has learnt of them.
struct Shared {
    folder: Folder,
    trained: Vec<(&'static str, &'static Encoder, Trained<'static>)>,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let folder = good_plates(0..crate::GOOD);
        let trained = encoders()
            .map(|(name, encoder)| (name, encoder, learn(encoder, &folder.files, &options())));
        Shared {
            trained: trained.collect(),
            folder,
        }
    })
}

fn inspect(inspector: &Inspector<'_>, picture: &Picture) -> Inspection {
    let found = inspector.inspect(picture).unwrap();
    assert_sound(&found, inspector.model());
    found
}

/// A dark spot in the middle of nothing: about as large as a cell of the coarser network.
const SPOT: Defect = Defect::Dot(150.0, 110.0, 12.0);

/// Whether a region lies on the place and nowhere else: its own cell and the neighbours of it.
fn lies_on(region: &Region, place: Rect, cells: i64) -> bool {
    let rect = region.rect();
    let along = |at: i64, length: u32, first: i64, long: u32, side: u32| {
        let cell = i64::from(side) / cells + 1;
        let (last, end) = (at + i64::from(length), first + i64::from(long));
        at < end && last > first && at > first - 3 * cell && last < end + 3 * cell
    };
    along(rect.x, rect.width, place.x, place.width, WIDTH)
        && along(rect.y, rect.height, place.y, place.height, HEIGHT)
}

fn cells(encoder: &Encoder) -> i64 {
    match encoder.input_size() {
        InputSize::Square(224) if encoder.dimensions() == 32 && encoder.has_text() => 7,
        _ => 16,
    }
}

#[test]
fn spots_are_found_where_they_are_and_good_plates_pass_as_often_as_promised() {
    for (name, encoder, trained) in &shared().trained {
        let inspector = &trained.inspector;
        assert!(inspector.promise().kept, "{name}");
        let good: Vec<Inspection> = (FRESH..FRESH + 30)
            .map(|seed| inspect(inspector, &plates::good(seed)))
            .collect();
        let passed = good.iter().filter(|one| one.verdict == Verdict::Ok).count();
        // One in ten is expected to be stopped: more than 8 of 30 are once in 500 times.
        assert!(passed >= 22, "{name}: {passed} of 30");
        let largest = good.iter().map(|one| one.parts.patches);
        let largest = largest.fold(f64::NEG_INFINITY, f64::max);
        for seed in FRESH + 50..FRESH + 54 {
            let found = inspect(inspector, &plates::bad(seed, SPOT));
            let told = format!("{name} {seed}: {:?} {:?}", found.parts, found.regions);
            assert_eq!(found.verdict, Verdict::Ng, "{told}");
            // It is the network that sees it, not only what is measured beside it.
            assert!(found.parts.patches > largest, "{largest}: {told}");
            let worst = &found.regions[0];
            assert!(lies_on(worst, SPOT.place(), cells(encoder)), "{told}");
            let good = worst.good.as_ref().unwrap();
            assert!(shared().folder.files.contains(&good.path), "{told}");
            assert!(
                good.x + good.w <= WIDTH && good.y + good.h <= HEIGHT,
                "{told}"
            );
        }
    }
}

#[test]
fn what_is_kept_is_told() {
    for (name, encoder, trained) in &shared().trained {
        let width = match *name {
            "clip" => 64,
            _ => 32,
        };
        let cells = cells(encoder) as usize;
        let patches = crate::GOOD as usize * cells * cells;
        assert_eq!(trained.patches, 2 * patches, "{name}: two layers");
        assert_eq!(trained.placed, crate::GOOD as usize, "{name}");
        // The places of one of them, with what its patches look like; one layer describes the whole.
        let triangle = |numbers: usize| numbers * (numbers + 3) / 2;
        let least = 2 * width * 3 * patches + 2 * 16 * patches + 4 * triangle(2 * width);
        let bytes = trained.memory_bytes;
        assert!(
            (least..least + 20_000).contains(&bytes),
            "{name}: {bytes}, {least}"
        );
    }
}

#[test]
fn an_inspector_is_the_same_after_storing_and_on_any_number_of_threads() {
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    for (name, encoder, trained) in &shared().trained {
        let bytes = trained.inspector.to_bytes().unwrap();
        let read = Inspector::from_bytes(&bytes, encoder).unwrap();
        assert!(read.to_bytes().unwrap() == bytes, "{name}");
        for picture in [plates::good(FRESH), plates::bad(FRESH, SPOT)] {
            let first = inspect(&trained.inspector, &picture);
            assert_eq!(inspect(&read, &picture), first, "{name}: read");
            let alone = one.install(|| inspect(&read, &picture));
            assert_eq!(alone, first, "{name}: on one thread");
        }
        let again = one.install(|| learn(encoder, &shared().folder.files, &options()));
        assert!(
            again.inspector.to_bytes().unwrap() == bytes,
            "{name}: learnt again"
        );
    }
}

#[test]
fn another_network_is_refused() {
    let [(_, _, clip), (_, dinov2, _)] = &shared().trained[..] else {
        return;
    };
    let bytes = clip.inspector.to_bytes().unwrap();
    assert!(Inspector::from_bytes(&bytes, dinov2).is_err());
}

#[test]
fn an_evaluation_tells_spots_from_good_plates() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: String, picture: &Picture| {
        let path = folder.path().join(name);
        fs::write(&path, picture.to_png().unwrap()).unwrap();
        path
    };
    let mut known = Vec::new();
    for at in 0..6 {
        known.push(Known {
            path: write(format!("good-{at}.png"), &plates::good(FRESH + 60 + at)),
            good: true,
            mask: None,
        });
        let (x, y) = (40.0 + 24.0 * at as f32, 30.0 + 18.0 * at as f32);
        let spot = Defect::Dot(x, y, 11.0);
        let inside = |px: u32, py: u32| (px as f32 - x).hypot(py as f32 - y) < 11.0;
        known.push(Known {
            path: write(format!("bad-{at}.png"), &plates::bad(FRESH + 70 + at, spot)),
            good: false,
            mask: Some(write(
                format!("mask-{at}.png"),
                &plates::painted(WIDTH, HEIGHT, inside),
            )),
        });
    }
    for (name, _, trained) in &shared().trained {
        let each = || ControlFlow::Continue(());
        let quality = evaluate(&trained.inspector, &known, &Default::default(), &each).unwrap();
        assert_eq!(quality.auroc, Some(1.0), "{name}: {quality:?}");
        assert_eq!(quality.miss.value, Some(0.0), "{name}: {quality:?}");
        assert!(quality.pixel_auroc.unwrap() > 0.9, "{name}: {quality:?}");
    }
}

#[test]
fn tiles_see_smaller_spots_and_tell_them_where_they_are() {
    // As large as a cell of a tile, a quarter of one of the whole.
    let spot = Defect::Dot(48.0, 118.0, 5.0);
    for (name, encoder) in encoders() {
        let tiled = TrainOptions {
            tiles: Some(2),
            ..options()
        };
        let trained = learn(encoder, &shared().folder.files, &tiled);
        let found = inspect(&trained.inspector, &plates::bad(FRESH + 80, spot));
        let told = format!("{name}: {:?} {:?}", found.parts, found.regions);
        assert_eq!(found.verdict, Verdict::Ng, "{told}");
        assert!(
            lies_on(&found.regions[0], spot.place(), 2 * cells(encoder)),
            "{told}"
        );
    }
}

#[test]
fn what_is_missing_is_seen_in_its_place() {
    for (name, _, trained) in &shared().trained {
        let found = inspect(
            &trained.inspector,
            &plates::bad(FRESH + 90, Defect::Missing),
        );
        // With random weights, so large a change may reach most patches.
        assert_ne!(found.verdict, Verdict::Ok, "{name}");
        assert!(found.parts.place > 3.0, "{name}: {:?}", found.parts);
    }
}

#[test]
fn known_bad_spots_are_known_again() {
    let spot = |at: u64| {
        let at = at as f32;
        Defect::Dot(110.0 + 9.0 * at, 60.0 + 9.0 * at, 11.0)
    };
    let bad = folder((0..5).map(|at| plates::bad(100 + at, spot(at))));
    for (name, encoder) in encoders() {
        let knowing = TrainOptions {
            bad: bad.files.clone(),
            ..options()
        };
        let knowing = learn(encoder, &shared().folder.files, &knowing).inspector;
        assert_eq!(knowing.known_bad(), 5, "{name}");
        let good: Vec<f64> = (FRESH + 100..FRESH + 106)
            .map(|seed| inspect(&knowing, &plates::good(seed)).parts.known_bad)
            .collect();
        for at in 0..5 {
            // Nothing is more like a known one than itself.
            let again = plates::bad(100 + at, spot(at));
            let (seen, unseen) = (
                inspect(&knowing, &again).parts.known_bad,
                knowing.inspect_unseen(&again).unwrap().parts.known_bad,
            );
            assert!(
                good.iter().all(|&good| good < seen),
                "{name}: {seen} {good:?}"
            );
            assert!(unseen < seen, "{name}: {unseen} {seen}");
        }
        let bytes = knowing.to_bytes().unwrap();
        let read = Inspector::from_bytes(&bytes, encoder).unwrap();
        let other = plates::bad(FRESH + 95, spot(7));
        assert_eq!(inspect(&read, &other), inspect(&knowing, &other), "{name}");
    }
}

/// Colours that are nowhere the same, so that a cell is nearest to that of the same place, with fine noise.
fn chart((width, height): (u32, u32), light: u32, spot: bool) -> Picture {
    let mut noise = Noise::new(u64::from(width + light));
    let pixel = |at: u32| {
        let (x, y) = (at % width, at / width);
        let [x, y] = [(x, width), (y, height)].map(|(at, side)| at as f32 / side as f32);
        let dark = spot && (x - 0.75).hypot(y - 0.75) < 0.06;
        let light = light as f32 + 8.0 * noise.next() - if dark { 20.0 } else { 0.0 };
        [60.0 + 150.0 * x, 60.0 + 150.0 * y, 120.0].map(|value| (value + light) as u8)
    };
    let pixels = (0..width * height).flat_map(pixel).collect();
    Picture::from_rgb(width, height, pixels).unwrap()
}

#[test]
fn the_good_place_of_a_photo_of_another_size_is_the_same_share_of_it() {
    const SMALL: (u32, u32) = (200, 160);
    const LARGE: (u32, u32) = (400, 320);
    // The large ones are much lighter than what is inspected: its spot is nearest to a small one.
    let small = (0..12).map(|at| chart(SMALL, at % 4, false));
    let large = (0..4).map(|at| chart(LARGE, 36 + at, false));
    let good = folder(small.chain(large));
    for (name, encoder) in encoders() {
        let inspector = learn(encoder, &good.files, &options()).inspector;
        let found = inspect(&inspector, &chart(LARGE, 1, true));
        let (x, y) = (LARGE.0 * 3 / 4, LARGE.1 * 3 / 4);
        let told = found.regions.iter().find(|region| {
            (region.x..region.x + region.w).contains(&x)
                && (region.y..region.y + region.h).contains(&y)
        });
        let told = told.unwrap_or_else(|| panic!("{name}: {:?}", found.regions));
        let place = told.good.as_ref().unwrap();
        let file = Picture::open(&place.path, &Default::default()).unwrap();
        assert_eq!((file.width(), file.height()), SMALL, "{name}: {told:?}");
        let middle = |at: u32, length: u32, side: u32| {
            (f64::from(at) + f64::from(length) / 2.0) / f64::from(side)
        };
        // As large a share, and as far to the right and down; the cell beside it is near enough.
        let apart = [
            middle(place.x, place.w, SMALL.0) - middle(told.x, told.w, LARGE.0),
            middle(place.y, place.h, SMALL.1) - middle(told.y, told.h, LARGE.1),
        ];
        assert!(
            apart.iter().all(|apart| apart.abs() < 0.2),
            "{name}: {told:?}"
        );
        assert!(
            place.w.abs_diff(told.w / 2) <= 1 && place.h.abs_diff(told.h / 2) <= 1,
            "{name}: {told:?}"
        );
    }
}

#[test]
fn two_pictures_are_compared_by_their_patches_too() {
    let first = plates::good(5);
    let second = {
        let mut pixels = first.pixels().to_vec();
        for (at, pixel) in pixels.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let (x, y) = (at as u32 % WIDTH, at as u32 / WIDTH);
            if (140..164).contains(&x) && (40..60).contains(&y) {
                *pixel = pixel.map(|value| value.saturating_sub(80));
            }
        }
        Picture::from_rgb(WIDTH, HEIGHT, pixels).unwrap()
    };
    for (name, encoder) in encoders() {
        for tiles in [None, Some(2)] {
            let options = CompareOptions {
                tiles,
                ..CompareOptions::default()
            };
            let same = compare(encoder, &first, &first, &options).unwrap();
            assert_eq!(
                (same.similarity, same.differences.len()),
                (1.0, 0),
                "{name}"
            );
            let found = compare(encoder, &first, &second, &options).unwrap();
            assert!(found.similarity < 1.0, "{name}");
            let [place, ..] = &found.differences[..] else {
                panic!("{name}: nothing differs");
            };
            let middle = (place.x + place.w / 2, place.y + place.h / 2);
            let near = (130..174).contains(&middle.0) && (30..70).contains(&middle.1);
            assert!(near, "{name}: {place:?}");
        }
    }
}

#[test]
fn one_photo_and_very_odd_shapes_have_sound_numbers() {
    let wide = plates::good(3).resize(900, 40, Filter::Bicubic);
    for (name, encoder) in encoders() {
        let one = good_plates([1]);
        let inspector = learn(encoder, &one.files, &options()).inspector;
        assert!(!inspector.promise().kept, "{name}");
        for picture in [&plates::bad(2, SPOT), &wide, &plates::flat(1, 1, 7)] {
            inspect(&inspector, picture);
        }
    }
}
