//! Evaluations: which photos and masks they rest on is said.

use std::path::{Path, PathBuf};

use niteru_imaging::Picture;

use crate::inspect::{plates, text, trained};
use crate::support::{Niteru, Ran};

/// A mask of plates, white where the scratch is.
fn mask(niteru: &Niteru, name: &str) {
    let white = |at: u32| (40..90).contains(&(at % 144)) && (40..70).contains(&(at / 144));
    let pixels = (0..144 * 112).flat_map(|at| [if white(at) { 255 } else { 0 }; 3]);
    let picture = Picture::from_rgb(144, 112, pixels.collect()).unwrap();
    std::fs::write(niteru.file(name), picture.to_png().unwrap()).unwrap();
}

/// Fresh good plates, and scratched ones of two kinds whose names are the same.
fn photos(niteru: &Niteru) -> [PathBuf; 2] {
    plates(niteru, "bad/deep", 200..202, true);
    for seed in 200..202u32 {
        let file = niteru.file(format!("bad/thin/{seed:03}.png"));
        crate::inspect::plate(&file, seed + 50, true);
    }
    [plates(niteru, "fresh", 100..106, false), niteru.file("bad")]
}

fn evaluate(niteru: &Niteru, good: &Path, bad: &Path, more: &[&str]) -> Ran {
    let arguments = [
        "--json",
        "inspect",
        "eval",
        "plates",
        "--good",
        text(good),
        "--bad",
        text(bad),
    ];
    niteru.run(arguments.iter().chain(more))
}

#[test]
fn masks_are_counted_and_those_that_fit_no_photo_are_told() {
    let Some(niteru) = trained() else { return };
    let [good, bad] = photos(&niteru);
    // As public data sets name them: of one kind, another with a number that is there twice, and one of no photo.
    for name in ["deep/200_mask", "thin/200_mask", "thin/201", "thin/999"] {
        mask(&niteru, &format!("masks/{name}.png"));
    }
    let masks = niteru.file("masks");
    let deep = niteru.file("bad/deep");
    let ran = evaluate(&niteru, &good, &bad, &["--masks", text(&masks)]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let quality = &ran.lines()[0];
    // 201 is the name of a photo of each kind, and the one mask of that name is in the folder of thin ones.
    assert_eq!(quality["masks"], 3, "{quality}");
    assert!(quality["pixel_auroc"].as_f64().unwrap() > 0.6, "{quality}");
    for told in [
        "3 of 4 bad photos",
        "1 bad photo without a mask, 1 mask without a bad photo",
        "999.png",
    ] {
        assert!(ran.stderr.contains(told), "no {told:?} in {}", ran.stderr);
    }
    // Masks of one name, of which some are in no folder called as that of a photo.
    std::fs::rename(niteru.file("masks/deep"), niteru.file("masks/other")).unwrap();
    evaluate(&niteru, &good, &deep, &["--masks", text(&masks)])
        .fails(1, &["have one name", "200_mask.png"]);
}

#[test]
fn masks_of_which_none_fits_are_a_failure_that_says_which_names_would() {
    let Some(niteru) = trained() else { return };
    let [good, bad] = photos(&niteru);
    mask(&niteru, "masks/defect-200.png");
    let masks = niteru.file("masks");
    let ran = evaluate(&niteru, &good, &bad, &["--masks", text(&masks)]);
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    ran.fails(
        1,
        &["none of 1 mask has the name", "200.png or 200_mask.png"],
    );
}

#[test]
fn photos_of_the_training_are_told() {
    let Some(niteru) = trained() else { return };
    let [fresh, bad] = photos(&niteru);
    let ran = evaluate(&niteru, &fresh, &bad, &[]);
    assert_eq!(ran.lines()[0]["learnt"], 0);
    assert!(!ran.stderr.contains("trained with"), "{}", ran.stderr);
    // Under other names, too.
    for seed in 0..3 {
        let copy = niteru.file(format!("fresh/copy-{seed}.png"));
        std::fs::copy(niteru.file(format!("good/{seed:03}.png")), copy).unwrap();
    }
    let ran = evaluate(&niteru, &fresh, &bad, &[]);
    assert_eq!(ran.lines()[0]["learnt"], 3);
    let told = "3 of the 9 good photos were trained with";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
}
