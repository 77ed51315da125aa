use std::cell::Cell;
use std::ops::ControlFlow;

use niteru_kernels::Kernels;
use niteru_learn::{
    LayoutOptions, LayoutStopped, Neighbours, Plane, PlaneError, layout, layout_quality,
};

use crate::support::Random;

const K: usize = 15;

/// Heaps of 40 around middles that lie anywhere, 24 values a row.
fn heaps(heaps: usize, spread: f64) -> (Vec<f32>, usize) {
    const DIMENSIONS: usize = 24;
    let mut random = Random(5);
    let middles: Vec<Vec<f64>> = (0..heaps).map(|_| random.normals(DIMENSIONS)).collect();
    let mut rows = Vec::new();
    for middle in &middles {
        for _ in 0..40 {
            rows.extend(middle.iter().map(|m| (m + spread * random.normal()) as f32));
        }
    }
    (rows, DIMENSIONS)
}

/// A spiral band, rolled up in space: neighbours along the band, strangers above one another.
fn roll() -> (Vec<f32>, usize) {
    let mut random = Random(9);
    let mut rows = Vec::new();
    for _ in 0..800 {
        let along = 4.7 * (1.0 + 2.0 * random.uniform());
        let across = 20.0 * random.uniform();
        rows.extend([along * along.cos(), across, along * along.sin()].map(|x| x as f32));
    }
    (rows, 3)
}

fn neighbours(rows: &[f32], dimensions: usize, k: usize) -> Neighbours {
    let mut all = Neighbours::new();
    for own in rows.chunks_exact(dimensions) {
        let distance = |row: &[f32]| {
            own.iter()
                .zip(row)
                .map(|(a, b)| (a - b) * (a - b))
                .sum::<f32>()
        };
        let mut list: Vec<(u32, f32)> = rows
            .chunks_exact(dimensions)
            .enumerate()
            .map(|(other, row)| (other as u32, distance(row).sqrt()))
            .collect();
        list.sort_by(|a, b| a.1.total_cmp(&b.1));
        // Itself is among them, which must count nothing.
        list.truncate(k + 1);
        all.push(list);
    }
    all
}

fn start(rows: &[f32], dimensions: usize) -> Vec<[f64; 2]> {
    let plane = Plane::fit(Kernels::detect(), rows, dimensions).unwrap();
    rows.chunks_exact(dimensions)
        .map(|row| plane.project(row))
        .collect()
}

fn with_seed<'a>(seed: u64) -> LayoutOptions<'a> {
    let mut options = LayoutOptions::default();
    options.seed = seed;
    options
}

fn finite(places: &[[f32; 2]]) -> bool {
    places.iter().flatten().all(|x| x.is_finite())
}

#[test]
fn neighbours_are_kept_where_a_plane_cannot_keep_them() {
    let mut wrong = Vec::new();
    // name, rows, least trustworthiness, least share of neighbours kept
    for (name, (rows, dimensions), trust, kept) in [
        ("heaps", heaps(20, 0.3), 0.98, 0.5),
        ("heaps that overlap", heaps(20, 0.8), 0.97, 0.45),
        ("roll", roll(), 0.99, 0.7),
    ] {
        let kernels = Kernels::detect();
        let start = start(&rows, dimensions);
        let list = neighbours(&rows, dimensions, K);
        let places = layout(&start, &list, LayoutOptions::default()).unwrap();
        let of = |places: &[[f32; 2]]| layout_quality(kernels, &rows, dimensions, places, K);
        let plane: Vec<[f32; 2]> = start.iter().map(|p| p.map(|x| x as f32)).collect();
        let (plane, found) = (of(&plane), of(&places));
        let good = found.trustworthiness >= trust && found.kept >= kept;
        let better = found.trustworthiness > plane.trustworthiness && found.kept > 1.2 * plane.kept;
        if !good || !better {
            wrong.push(format!("{name}: plane {plane:?}, layout {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_same_whatever_the_threads_and_other_with_another_seed() {
    let (rows, dimensions) = heaps(20, 0.5);
    let (start, list) = (start(&rows, dimensions), neighbours(&rows, dimensions, K));
    let with = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = pool.build().unwrap();
        pool.install(|| layout(&start, &list, with_seed(seed)).unwrap())
    };
    let one = with(1, 7);
    assert_eq!(one, with(2, 7));
    assert_eq!(one, with(5, 7));
    assert_ne!(one, with(2, 8));
}

#[test]
fn few_points_and_equal_ones_have_places() {
    let mut wrong = Vec::new();
    for count in [0, 1, 2, 3, 4, 5, 30] {
        for (name, rows) in [
            ("all equal", vec![0.5f32; count * 3]),
            (
                "in a line",
                (0..count).flat_map(|i| [i as f32, 0.0, 1.0]).collect(),
            ),
        ] {
            let list = neighbours(&rows, 3, K);
            let places = layout(&start(&rows, 3), &list, LayoutOptions::default()).unwrap();
            let mut different = places.clone();
            different.sort_by(|a, b| a[0].total_cmp(&b[0]));
            different.dedup();
            if places.len() != count || !finite(&places) || different.len() != count {
                wrong.push(format!("{count} {name}: {places:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn two_points_lie_beside_each_other_and_not_on_one_another() {
    let rows = [1.0f32, 0.0, 0.0, 1.0];
    let places = layout(
        &start(&rows, 2),
        &neighbours(&rows, 2, K),
        LayoutOptions::default(),
    );
    let places = places.unwrap();
    let apart = (places[0][0] - places[1][0]).abs();
    assert!(
        apart > 1.0 && (places[0][1] - places[1][1]).abs() < 0.1,
        "{places:?}"
    );
}

#[test]
fn nothing_that_comes_in_makes_a_place_that_is_no_number() {
    let (nan, infinite) = (f64::NAN, f64::INFINITY);
    let start = vec![
        [0.0, nan],
        [infinite, 1.0],
        [f64::MAX, f64::MIN],
        [1e-300, 0.0],
        [3.0, 4.0],
        [0.0, 0.0],
    ];
    let mut list = Neighbours::new();
    list.push([(1, f32::NAN), (2, f32::INFINITY), (0, 0.0), (99, 1.0)]);
    list.push([(0, -1.0), (0, 0.0), (0, 0.0), (u32::MAX, 0.0)]);
    list.push([]);
    list.push([(4, f32::MAX), (5, f32::MIN_POSITIVE)]);
    list.push([(3, 0.0), (5, 0.0)]);
    list.push([(5, 0.0)]);
    for steps in [1, 2, 500, 5000] {
        let mut options = LayoutOptions::default();
        options.steps = steps;
        options.least_distance = nan;
        let places = layout(&start, &list, options).unwrap();
        assert!(finite(&places), "{steps}: {places:?}");
    }
}

#[test]
fn it_tells_how_far_it_is_and_stops_when_told() {
    let (rows, dimensions) = heaps(2, 0.5);
    let (start, list) = (start(&rows, dimensions), neighbours(&rows, dimensions, K));
    let told = Cell::new((0, 0));
    let progress = |done: usize, total: usize| {
        told.set((done, total));
        match done < 3 {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    };
    let mut options = LayoutOptions::default();
    options.progress = Some(&progress);
    assert_eq!(layout(&start, &list, options), Err(LayoutStopped));
    assert_eq!(told.get(), (3, 500));
}

#[test]
fn the_plane_is_that_of_the_largest_differences() {
    let kernels = Kernels::detect();
    // Along (1, 1, 0) by up to 10, along the third by up to 2; the middle is (5, 5, 7).
    let rows: Vec<f32> = (0..200)
        .flat_map(|i| {
            let (far, near) = ((i % 21) as f32 - 10.0, (i % 5) as f32 - 2.0);
            [5.0 + far, 5.0 + far, 7.0 + near]
        })
        .collect();
    let plane = Plane::fit(kernels, &rows, 3).unwrap();
    let [x, y] = plane.project(&[8.0, 8.0, 9.0]);
    let middle = plane.project(&[5.0, 5.0, 7.0]);
    assert!((x - middle[0] - 3.0 * 2f64.sqrt()).abs() < 0.01, "{x}");
    assert!((y - middle[1] - 2.0).abs() < 0.1, "{y}");
    assert_eq!(plane.project(&[1.0]), [0.0, 0.0]);

    let flat = Plane::fit(kernels, &[1.0, 0.0, 2.0, 0.0, 3.0, 0.0], 2).unwrap();
    assert_eq!(flat.project(&[7.0, 0.0])[1], 0.0);
    let shape = PlaneError::Shape {
        values: 3,
        dimensions: 2,
    };
    assert_eq!(Plane::fit(kernels, &[0.0; 3], 2), Err(shape));
    let row = PlaneError::NotFinite { row: 1 };
    assert_eq!(Plane::fit(kernels, &[0.0, 1.0, f32::NAN, 1.0], 2), Err(row));
    assert_eq!(
        Plane::fit(kernels, &[], 2).unwrap().project(&[1.0, 1.0]),
        [0.0, 0.0]
    );
}

#[test]
fn quality_is_1_for_the_rows_themselves_and_chance_for_noise() {
    let kernels = Kernels::detect();
    let mut random = Random(3);
    let rows: Vec<f32> = (0..600).map(|_| random.normal() as f32).collect();
    let (same, _) = rows.as_chunks::<2>();
    let all = layout_quality(kernels, &rows, 2, same, K);
    assert_eq!((all.trustworthiness, all.kept), (1.0, 1.0));
    let noise: Vec<[f32; 2]> = (0..300)
        .map(|_| [0, 1].map(|_| random.normal() as f32))
        .collect();
    let none = layout_quality(kernels, &rows, 2, &noise, K);
    assert!(
        (none.trustworthiness - 0.5).abs() < 0.05 && none.kept < 0.1,
        "{none:?}"
    );
}
