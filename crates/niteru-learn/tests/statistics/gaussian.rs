use crate::support::{Random, known};
use niteru_kernels::Kernels;
use niteru_learn::{DISTANCE_TOLERANCE, FitError, Gaussian};
use serde::Deserialize;

fn near(got: f32, expected: f32) -> bool {
    (got - expected).abs() <= DISTANCE_TOLERANCE * expected.abs()
}

/// Rows with correlated columns, away from zero.
fn rows(random: &mut Random, count: usize, dimensions: usize) -> Vec<f32> {
    let mut rows = Vec::new();
    for _ in 0..count {
        let common = random.normal();
        rows.extend(
            (0..dimensions).map(|j| (3.0 + random.normal() + common * (j % 3) as f64) as f32),
        );
    }
    rows
}

#[derive(Deserialize)]
struct Known {
    dimensions: usize,
    rows: Vec<f32>,
    asked: Vec<f32>,
    distances: Vec<f32>,
}

#[test]
fn distances_are_those_of_scikit_learn_on_every_instruction_set() {
    for Known {
        dimensions,
        rows,
        asked,
        distances,
    } in known::<Vec<Known>>("gaussians")
    {
        for kernels in Kernels::available() {
            let gaussian = Gaussian::fit(kernels, &rows, dimensions).unwrap();
            let got = gaussian.distances(kernels, &asked);
            assert_eq!(got.len(), distances.len());
            for ((x, got), expected) in asked.chunks(dimensions).zip(got).zip(&distances) {
                assert!(near(got, *expected), "{kernels:?} {got} {expected}");
                assert!(near(gaussian.distance(x), *expected), "{expected}");
            }
        }
    }
}

#[test]
fn typical_rows_are_about_1_away() {
    let mut random = Random(13);
    for (count, dimensions) in [(2000, 1), (2000, 24), (700, 130)] {
        let kernels = Kernels::detect();
        let gaussian =
            Gaussian::fit(kernels, &rows(&mut random, count, dimensions), dimensions).unwrap();
        let fresh = rows(&mut random, 1000, dimensions);
        let distances = gaussian.distances(kernels, &fresh);
        let square = distances.iter().map(|d| d * d).sum::<f32>() / 1000.0;
        assert!(
            (0.85..1.3).contains(&square),
            "{count}×{dimensions}: {square}"
        );
    }
}

#[test]
fn kernels_agree_where_directions_vary_unequally() {
    let mut random = Random(31);
    let dimensions = 96;
    let mut train = rows(&mut random, 500, dimensions);
    for row in train.chunks_mut(dimensions) {
        for (j, value) in row.iter_mut().enumerate() {
            *value *= 100f32.powf(j as f32 / (dimensions - 1) as f32);
        }
    }
    let reference = Gaussian::fit(Kernels::detect(), &train, dimensions).unwrap();
    for kernels in Kernels::available() {
        let gaussian = Gaussian::fit(kernels, &train, dimensions).unwrap();
        let distances = gaussian.distances(kernels, &train);
        for (row, got) in train.chunks(dimensions).zip(distances) {
            let expected = reference.distance(row);
            assert!(near(got, expected), "{kernels:?}: {got} {expected}");
        }
    }
}

#[test]
fn a_row_gets_the_same_bits_in_any_company() {
    let mut random = Random(17);
    let (kernels, dimensions) = (Kernels::detect(), 37);
    let rows = rows(&mut random, 600, dimensions);
    let gaussian = Gaussian::fit(kernels, &rows, dimensions).unwrap();
    assert_eq!(gaussian, Gaussian::fit(kernels, &rows, dimensions).unwrap());
    let prepared = gaussian.prepare(kernels);
    let together = prepared.distances(&rows);
    for (row, distance) in rows.chunks(dimensions).zip(&together) {
        assert_eq!(prepared.distances(row), [*distance]);
        assert!(near(gaussian.distance(row), *distance));
    }
    assert!(prepared.distances(&[]).is_empty());
}

#[test]
fn fewer_rows_than_dimensions_do() {
    let mut random = Random(19);
    let (kernels, dimensions) = (Kernels::detect(), 50);
    for count in [1, 2, 3, 49, 50, 51] {
        let train = rows(&mut random, count, dimensions);
        let gaussian = Gaussian::fit(kernels, &train, dimensions).unwrap();
        let [near, far] = [0.001, 1000.0].map(|by| {
            let moved: Vec<f32> = gaussian.mean().iter().map(|mean| mean + by).collect();
            gaussian.distances(kernels, &moved)[0]
        });
        assert!(
            near.is_finite() && far.is_finite() && near < far,
            "{count}: {near} {far}"
        );
        assert_eq!(gaussian.distances(kernels, gaussian.mean()), [0.0]);
    }
}

#[test]
fn equal_rows_have_a_thousandth_of_their_size_as_deviation() {
    let kernels = Kernels::detect();
    for count in [1, 2, 300] {
        let gaussian = Gaussian::fit(kernels, &vec![5.0; 8 * count], 8).unwrap();
        assert!(
            near(gaussian.distance(&[5.005; 8]), 1.0),
            "{}",
            gaussian.distance(&[5.005; 8])
        );
        let zeros = Gaussian::fit(kernels, &vec![0.0; 8 * count], 8).unwrap();
        assert!(near(zeros.distance(&[1e-6; 8]), 1.0));
    }
}

#[test]
fn constant_dimensions_are_borne() {
    let mut random = Random(23);
    let kernels = Kernels::detect();
    let mut rows = rows(&mut random, 400, 6);
    rows.iter_mut()
        .skip(2)
        .step_by(6)
        .for_each(|value| *value = 0.0);
    let gaussian = Gaussian::fit(kernels, &rows, 6).unwrap();
    let usual = gaussian.distances(kernels, &rows);
    assert!(usual.iter().all(|distance| *distance < 4.0));
    let mut odd = rows[..6].to_vec();
    odd[2] = 5.0;
    assert!(gaussian.distance(&odd) > 10.0);
}

#[test]
fn what_is_no_number_is_infinitely_far() {
    let mut random = Random(29);
    let kernels = Kernels::detect();
    let gaussian = Gaussian::fit(kernels, &rows(&mut random, 30, 4), 4).unwrap();
    for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
        let mut asked = rows(&mut random, 3, 4);
        asked[6] = odd;
        let got = gaussian.distances(kernels, &asked);
        assert!(
            got[0].is_finite() && got[1] == f32::INFINITY && got[2].is_finite(),
            "{odd}: {got:?}"
        );
        assert!(gaussian.distance(&asked[4..8]) > 1e30);
    }
}

#[test]
fn rows_that_cannot_be_fitted_are_refused() {
    let kernels = Kernels::detect();
    let fit = |rows: &[f32], dimensions| Gaussian::fit(kernels, rows, dimensions).unwrap_err();
    assert_eq!(fit(&[], 3), FitError::Empty);
    assert_eq!(
        fit(&[1.0; 7], 3),
        FitError::Shape {
            floats: 7,
            dimensions: 3
        }
    );
    assert_eq!(
        fit(&[1.0; 7], 0),
        FitError::Shape {
            floats: 7,
            dimensions: 0
        }
    );
    for odd in [f32::NAN, f32::INFINITY] {
        assert_eq!(
            fit(&[1.0, 2.0, 3.0, odd], 2),
            FitError::NotFinite { number: 2 }
        );
    }
    assert_eq!(fit(&[1e30, -1e30, -1e30, 1e30], 2), FitError::Range);
}

#[test]
fn stored_gaussians_are_checked_again() {
    let kernels = Kernels::detect();
    let gaussian = Gaussian::fit(kernels, &[1.0, 2.0, 2.0, 1.0, 0.0, 0.5], 2).unwrap();
    let json = serde_json::to_string(&gaussian).unwrap();
    assert_eq!(serde_json::from_str::<Gaussian>(&json).unwrap(), gaussian);
    for (bad, why) in [
        (r#"{"dimensions":0,"mean":[],"factor":[]}"#, "0 dimensions"),
        (r#"{"dimensions":2,"mean":[1],"factor":[1,0,1]}"#, "1 means"),
        (
            r#"{"dimensions":2,"mean":[1,2],"factor":[1,0]}"#,
            "2 factors",
        ),
        (
            r#"{"dimensions":18446744073709551615,"mean":[],"factor":[]}"#,
            "dimensions",
        ),
        (
            r#"{"dimensions":2,"mean":[1,2],"factor":[1,0,0]}"#,
            "not possible",
        ),
        (
            r#"{"dimensions":1,"mean":[1e39],"factor":[1]}"#,
            "not possible",
        ),
    ] {
        let error = serde_json::from_str::<Gaussian>(bad)
            .unwrap_err()
            .to_string();
        assert!(error.contains(why), "{bad}: {error}");
    }
}
