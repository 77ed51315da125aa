//! A DINOv2 model from its files to collections and inspectors.

use std::fs;
use std::path::{Path, PathBuf};

use niteru_imaging::Picture;

use crate::inspect::{plate, plates, run, text, verdicts};
use crate::support::Niteru;

/// A home with a small DINOv2 called `tiny`.
fn with_dinov2() -> Niteru {
    let niteru = Niteru::empty();
    let tests = niteru_testkit::repository().join("crates/niteru-encoder/tests");
    let folder: PathBuf = tests.join("fixtures/dinov2-tiny");
    let imported = niteru.json(["models", "import", "tiny", text(&folder)]);
    assert_eq!(imported["name"], "tiny", "{imported}");
    niteru
}

#[test]
fn it_is_shown_and_finds_images_and_reads_no_text() {
    let niteru = with_dinov2();
    let model = niteru.json(["models", "show", "tiny"]);
    assert_eq!(model["state"], "installed", "{model}");
    assert_eq!(model["reads_text"], false, "{model}");
    let small = niteru.json(["models", "show", "dinov2-small"]);
    assert_eq!(small["dimensions"], 384, "{small}");
    assert_eq!(small["licence"], "Apache-2.0", "{small}");

    let good = plates(&niteru, "good", 0..4, false);
    niteru.json(["add", "plates", text(&good), "--model", "tiny"]);
    let first = niteru.file("good/002.png");
    let found = niteru.json(["search", "plates", text(&first)]);
    let path = found["results"][0]["path"].as_str().unwrap_or_default();
    assert!(path.ends_with("002.png"), "{found}");
    let asked = niteru.run(["search", "plates", "--text", "a scratch"]);
    asked.fails(1, &["does not read texts", "clip-vit-b-32"]);
}

#[test]
fn an_inspector_is_trained_and_runs_with_it() {
    let niteru = with_dinov2();
    let good = plates(&niteru, "good", 0..14, false);
    let train = ["inspect", "train", "plates", "--good", text(&good)];
    let more = ["--model", "tiny", "--false-alarm", "0.1"];
    let trained = niteru.json(train.into_iter().chain(more));
    assert_eq!(trained["good"], 14, "{trained}");
    for seed in 200..203 {
        blackened(&niteru.file(format!("bad/{seed}.png")), seed);
    }
    let found = run(&niteru, &niteru.file("bad"), &[]);
    // With random weights it may reach so many patches that the photo is like nothing.
    assert_eq!((found.len(), verdicts(&found, "OK")), (3, 0), "{found:?}");
    for line in &found {
        let worst = &line["regions"][0];
        let number = |name: &str| worst[name].as_u64().unwrap();
        let (x, y, w, h) = (number("x"), number("y"), number("w"), number("h"));
        assert!(x < 100 && x + w > 60 && y < 75 && y + h > 40, "{line}");
    }
}

/// A plate with a black block, which any network sees whatever its weights.
fn blackened(path: &Path, seed: u32) {
    plate(path, seed, false);
    let plate = Picture::open(path, &Default::default()).unwrap();
    let (width, height) = (plate.width(), plate.height());
    let mut pixels = plate.pixels().to_vec();
    for (at, pixel) in pixels.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let (x, y) = (at as u32 % width, at as u32 / width);
        if (60..100).contains(&x) && (40..75).contains(&y) {
            *pixel = [0; 3];
        }
    }
    let picture = Picture::from_rgb(width, height, pixels).unwrap();
    fs::write(path, picture.to_png().unwrap()).unwrap();
}
