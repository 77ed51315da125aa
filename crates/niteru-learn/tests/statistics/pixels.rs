use crate::support::{Random, known};
use niteru_learn::{PixelQuality, PixelScores, auroc};
use serde::Deserialize;

#[derive(Deserialize)]
struct Known {
    width: usize,
    height: usize,
    maps: Vec<f32>,
    mask: String,
    auroc: f64,
    pro: f64,
}

fn quality(maps: &[(&[f32], Option<&[bool]>)], width: usize, height: usize) -> PixelQuality {
    let mut scores = PixelScores::new();
    for (map, mask) in maps {
        scores.add(map, *mask, width, height).unwrap();
    }
    scores.finish()
}

#[test]
fn figures_are_those_of_the_exact_computation() {
    // Scores with two digits, none of which share a bin: ours must be exact.
    let known: Known = known("pixels");
    let mask: Vec<bool> = known.mask.chars().map(|c| c == '#').collect();
    let (first, second) = known.maps.split_at(mask.len());
    let none = vec![false; mask.len()];
    for second_mask in [None, Some(&none[..])] {
        let maps = [(first, Some(&mask[..])), (second, second_mask)];
        let got = quality(&maps, known.width, known.height);
        assert!(
            (got.auroc.unwrap() - known.auroc).abs() < 1e-12,
            "{got:?} {}",
            known.auroc
        );
        assert!(
            (got.pro.unwrap() - known.pro).abs() < 1e-12,
            "{got:?} {}",
            known.pro
        );
    }
}

#[test]
fn bins_cost_less_than_a_thousandth() {
    let mut random = Random(11);
    let (width, height) = (200, 100);
    let mask: Vec<bool> = (0..width * height).map(|i| i % width < 30).collect();
    // Scores of a narrow range near 5, as distances are: the worst case for bins of relative size.
    let map: Vec<f32> = mask
        .iter()
        .map(|&bad| (5.0 + 0.2 * random.normal() + 0.2 * f64::from(u8::from(bad))) as f32)
        .collect();
    let side = |bad: bool| -> Vec<f64> {
        let pixels = map.iter().zip(&mask).filter(|pixel| *pixel.1 == bad);
        pixels.map(|(&score, _)| f64::from(score)).collect()
    };
    let got = quality(&[(&map, Some(&mask))], width, height)
        .auroc
        .unwrap();
    let exact = auroc(&side(false), &side(true)).unwrap();
    assert!((got - exact).abs() < 1e-4, "{got} {exact}");
}

#[test]
fn chance_and_perfection() {
    let mask: Vec<bool> = (0..64).map(|i| i % 8 == 3).collect();
    let perfect: Vec<f32> = mask
        .iter()
        .map(|&bad| if bad { 1.0 } else { -1.0 })
        .collect();
    let got = quality(&[(&perfect, Some(&mask))], 8, 8);
    assert_eq!((got.auroc, got.pro), (Some(1.0), Some(1.0)));
    let reversed: Vec<f32> = perfect.iter().map(|score| -score).collect();
    let got = quality(&[(&reversed, Some(&mask))], 8, 8);
    assert_eq!((got.auroc, got.pro), (Some(0.0), Some(0.0)));
    let got = quality(&[(&[7.0; 64], Some(&mask))], 8, 8);
    assert_eq!(got.auroc, Some(0.5));
    assert!((got.pro.unwrap() - 0.15).abs() < 1e-12, "{got:?}");
}

#[test]
fn a_small_region_counts_as_much_as_a_large_one() {
    // 100 pixels found, one missed: half of the regions.
    let (width, height) = (50, 50);
    let mut mask = vec![false; width * height];
    let mut map = vec![0.0; width * height];
    for i in 0..100 {
        let pixel = (i / 10) * width + i % 10;
        (mask[pixel], map[pixel]) = (true, 1.0);
    }
    let last = width * height - 1;
    (mask[last], map[last]) = (true, -1.0);
    let got = quality(&[(&map, Some(&mask))], width, height);
    assert!((got.pro.unwrap() - 0.5).abs() < 1e-12, "{got:?}");
}

#[test]
fn only_one_kind_of_pixels_has_no_figures() {
    let none = PixelQuality {
        auroc: None,
        pro: None,
    };
    assert_eq!(PixelScores::new().finish(), none);
    assert_eq!(quality(&[(&[1.0, 2.0], None)], 2, 1), none);
    assert_eq!(quality(&[(&[1.0, 2.0], Some(&[true, true]))], 2, 1), none);
    assert_eq!(quality(&[(&[], Some(&[]))], 0, 5), none);
}

#[test]
fn scores_that_are_no_numbers_are_the_highest() {
    let mask = [true, false, false, true];
    let got = quality(
        &[(&[f32::NAN, f32::NEG_INFINITY, 3.0, f32::MAX], Some(&mask))],
        2,
        2,
    );
    assert_eq!(got.auroc, Some(1.0));
    let got = quality(&[(&[0.0, -0.0, 0.0, -0.0], Some(&mask))], 2, 2);
    assert_eq!(got.auroc, Some(0.5));
    let got = quality(&[(&[1.0, f32::NAN, f32::NAN, 1.0], Some(&mask))], 2, 2);
    assert_eq!(got.auroc, Some(0.0));
}

#[test]
fn sizes_that_do_not_fit_add_nothing() {
    let mut scores = PixelScores::new();
    let error = scores.add(&[1.0; 5], None, 2, 3).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a map of 2×3 pixels expected, got 5 pixels"
    );
    let error = scores.add(&[1.0; 6], Some(&[true; 5]), 2, 3).unwrap_err();
    assert!(error.to_string().contains("mask"), "{error}");
    assert!(scores.add(&[], None, usize::MAX, 2).is_err());
    assert_eq!(scores.finish().auroc, None);
}
