//! Two pictures of one thing: what differs is told where it is, and nothing else is told.

use niteru_imaging::{Mask, Picture};
use niteru_inspect::{CompareError, CompareOptions, Comparison, compare};

use crate::encoder;
use crate::plates::{self, Noise};

const WIDTH: u32 = 320;
const HEIGHT: u32 = 240;

/// Something on a board: its middle and half its sides, in pixels of [`WIDTH`] × [`HEIGHT`].
type Part = (f32, f32, f32, f32);

const PARTS: [Part; 7] = [
    (60.0, 50.0, 30.0, 14.0),
    (150.0, 60.0, 18.0, 18.0),
    (250.0, 45.0, 25.0, 10.0),
    (90.0, 150.0, 14.0, 30.0),
    (185.0, 140.0, 26.0, 12.0),
    (262.0, 160.0, 10.0, 22.0),
    (150.0, 205.0, 22.0, 8.0),
];

/// The part that is missing or added in most tests.
const ONE: Part = (205.0, 195.0, 9.0, 7.0);

/// How a board is seen.
#[derive(Clone, Copy)]
struct View {
    size: (u32, u32),
    /// How far it lies to the right and down, in pixels of [`WIDTH`] × [`HEIGHT`].
    shift: (f32, f32),
    light: f32,
    noise: f32,
}

const PLAIN: View = View {
    size: (WIDTH, HEIGHT),
    shift: (0.0, 0.0),
    light: 1.0,
    noise: 1.0,
};

/// A green board with dark parts that have bright ends, on a few traces.
fn board(parts: &[Part], view: View, seed: u64) -> Picture {
    let (width, height) = view.size;
    let scale = HEIGHT as f32 / height as f32;
    let mut noise = Noise::new(seed);
    let mut pixels = Vec::new();
    for at in 0..width * height {
        let x = ((at % width) as f32 + 0.5) * scale - view.shift.0;
        let y = ((at / width) as f32 + 0.5) * scale - view.shift.1;
        let soft = |inside: f32| (inside / scale + 0.5).clamp(0.0, 1.0);
        let trace =
            soft(1.5 - (y + 0.3 * x - 130.0).abs()) + soft(1.5 - (x - 0.2 * y - 120.0).abs());
        let mut colour = [40.0, 110.0, 70.0].map(|value| value + 50.0 * trace.min(1.0));
        for &(cx, cy, half_width, half_height) in parts {
            let inside = soft(half_width - (x - cx).abs()) * soft(half_height - (y - cy).abs());
            let end = soft((x - cx).abs() - 0.8 * half_width);
            for value in &mut colour {
                *value += inside * (30.0 + 170.0 * end - *value);
            }
        }
        let grain = view.noise * 2.0 * noise.next();
        pixels.extend(
            colour.map(|value| (value * view.light + grain).round().clamp(0.0, 255.0) as u8),
        );
    }
    Picture::from_rgb(width, height, pixels).unwrap()
}

fn with_one() -> Vec<Part> {
    PARTS.into_iter().chain([ONE]).collect()
}

fn compared(first: &Picture, second: &Picture, options: &CompareOptions) -> Option<Comparison> {
    let found = compare(encoder()?, first, second, options).unwrap();
    assert_sound(&found, first, second);
    Some(found)
}

/// Fails on a number that is none, and on a place outside of its picture.
fn assert_sound(found: &Comparison, first: &Picture, second: &Picture) {
    assert!(
        (-1.0..=1.0).contains(&found.similarity),
        "{}",
        found.similarity
    );
    for heat in [&found.heat, &found.heat_of_second().unwrap()] {
        assert!(
            heat.data()
                .iter()
                .all(|value| value.is_finite() && *value >= 0.0)
        );
    }
    let laid = found.laid_on_first(second);
    assert_eq!(
        (laid.width(), laid.height()),
        (first.width(), first.height())
    );
    assert!(found.differences.len() <= 10);
    assert!(found.differences.is_sorted_by(|a, b| a.score >= b.score));
    for place in &found.differences {
        let other = place.other;
        assert!(
            place.score > Comparison::THRESHOLD && place.area > 0,
            "{place:?}"
        );
        assert!(
            place.w > 0 && place.x + place.w <= second.width(),
            "{place:?}"
        );
        assert!(
            place.h > 0 && place.y + place.h <= second.height(),
            "{place:?}"
        );
        assert!(
            other.w > 0 && other.x + other.w <= first.width(),
            "{place:?}"
        );
        assert!(
            other.h > 0 && other.y + other.h <= first.height(),
            "{place:?}"
        );
    }
}

/// Fails unless the only place that is told lies on `part`, within some pixels, in both pictures.
fn assert_told(found: &Comparison, part: Part, [first, second]: [View; 2], what: &str) {
    let [place] = &found.differences[..] else {
        panic!("{what}: {:?}", found.differences);
    };
    let other = place.other;
    for (rect, view) in [
        ([place.x, place.y, place.w, place.h], second),
        ([other.x, other.y, other.w, other.h], first),
    ] {
        let scale = view.size.1 as f32 / HEIGHT as f32;
        let (x, y) = (part.0 + view.shift.0, part.1 + view.shift.1);
        let expected = [x - part.2, y - part.3, x + part.2, y + part.3].map(|at| at * scale);
        let [x, y, w, h] = rect.map(|at| at as f32);
        let got = [x, y, x + w, y + h];
        let off = got
            .iter()
            .zip(expected)
            .map(|(got, expected)| (got - expected).abs());
        let off = off.fold(0.0, f32::max);
        assert!(
            off <= 7.0 * scale,
            "{what}: {got:?} instead of {expected:?}"
        );
    }
}

#[test]
fn equal_pictures_do_not_differ() {
    for (what, picture) in [
        ("a board", board(&PARTS, PLAIN, 1)),
        ("a landscape", plates::landscape()),
        ("grey", plates::flat(200, 150, 128)),
        ("black", plates::flat(200, 150, 0)),
        ("squares", plates::checkerboard()),
        ("one pixel", plates::flat(1, 1, 9)),
        ("a line", plates::flat(1, 500, 9)),
        ("long", plates::plate(1, &[], 3000, 40)),
    ] {
        let Some(found) = compared(&picture, &picture, &CompareOptions::default()) else {
            return;
        };
        assert!(
            found.differences.is_empty(),
            "{what}: {:?}",
            found.differences
        );
        assert_eq!(found.similarity, 1.0, "{what}");
    }
}

#[test]
fn a_board_that_is_seen_otherwise_does_not_differ() {
    let first = board(&PARTS, PLAIN, 1);
    for (what, view) in [
        (
            "noise",
            View {
                noise: 2.0,
                ..PLAIN
            },
        ),
        (
            "a shift",
            View {
                shift: (9.3, -6.6),
                ..PLAIN
            },
        ),
        (
            "brighter",
            View {
                light: 1.1,
                ..PLAIN
            },
        ),
        (
            "darker",
            View {
                light: 0.85,
                ..PLAIN
            },
        ),
        (
            "larger",
            View {
                size: (480, 360),
                ..PLAIN
            },
        ),
        (
            "smaller",
            View {
                size: (240, 180),
                ..PLAIN
            },
        ),
        (
            "all",
            View {
                size: (400, 300),
                shift: (-7.0, 5.0),
                light: 0.9,
                noise: 2.0,
            },
        ),
    ] {
        let second = board(&PARTS, view, 2);
        let Some(found) = compared(&first, &second, &CompareOptions::default()) else {
            return;
        };
        assert!(
            found.differences.is_empty(),
            "{what}: {:?}",
            found.differences
        );
        let alignment = found.alignment.unwrap();
        let scale = view.size.1 as f32 / HEIGHT as f32;
        let (dx, dy) = (view.shift.0 * scale, view.shift.1 * scale);
        let off = (alignment.dx as f32 - dx).hypot(alignment.dy as f32 - dy);
        assert!(alignment.certain && off < 1.0, "{what}: {alignment:?}");
    }
}

#[test]
fn a_missing_and_an_added_part_are_told_where_they_are() {
    let shifted = View {
        shift: (8.0, -5.0),
        light: 0.93,
        ..PLAIN
    };
    let larger = View {
        size: (480, 360),
        ..PLAIN
    };
    for view in [PLAIN, shifted, larger] {
        let (with, without) = (board(&with_one(), PLAIN, 1), board(&PARTS, PLAIN, 1));
        let (with_too, without_too) = (board(&with_one(), view, 2), board(&PARTS, view, 2));
        let options = CompareOptions::default();
        let Some(missing) = compared(&with, &without_too, &options) else {
            return;
        };
        assert_told(&missing, ONE, [PLAIN, view], "missing");
        let added = compared(&without, &with_too, &options).unwrap();
        assert_told(&added, ONE, [PLAIN, view], "added");
        let back = compared(&with_too, &without, &options).unwrap();
        assert_told(&back, ONE, [view, PLAIN], "back");
        assert!(missing.similarity < 1.0 && missing.similarity > 0.8);
    }
}

#[test]
fn without_aligning_pictures_are_compared_as_they_lie() {
    let as_they_lie = CompareOptions {
        align: false,
        ..CompareOptions::default()
    };
    let (first, larger) = (
        board(&with_one(), PLAIN, 1),
        View {
            size: (480, 360),
            ..PLAIN
        },
    );
    let Some(found) = compared(&first, &board(&PARTS, larger, 2), &as_they_lie) else {
        return;
    };
    assert!(found.alignment.is_none());
    assert_told(&found, ONE, [PLAIN, larger], "stretched");
    let shifted = board(
        &with_one(),
        View {
            shift: (12.0, 9.0),
            ..PLAIN
        },
        2,
    );
    assert!(
        !compared(&first, &shifted, &as_they_lie)
            .unwrap()
            .differences
            .is_empty()
    );
}

#[test]
fn what_lies_uncertain_is_compared_as_it_lies() {
    // Nothing tells where a regular pattern lies.
    let first = plates::checkerboard();
    let spot = plates::painted(plates::WIDTH, plates::HEIGHT, |x, y| {
        let inside = (103..115).contains(&x) && (63..75).contains(&y);
        inside != ((x / 20 + y / 20) % 2 == 0)
    });
    let Some(found) = compared(&first, &spot, &CompareOptions::default()) else {
        return;
    };
    assert!(!found.alignment.unwrap().certain);
    let [place] = &found.differences[..] else {
        panic!("{:?}", found.differences);
    };
    assert!(place.x < 115 && place.x + place.w > 103, "{place:?}");
    assert_eq!((place.x, place.w), (place.other.x, place.other.w));
}

#[test]
fn only_what_counts_is_told() {
    let (first, second) = (board(&with_one(), PLAIN, 1), board(&PARTS, PLAIN, 2));
    let half = |left: bool| {
        let cells = (0..64 * 48).map(|at| (at % 64 < 32) == left).collect();
        CompareOptions {
            area: Some(Mask::new(64, 48, cells).unwrap()),
            ..CompareOptions::default()
        }
    };
    let Some(left) = compared(&first, &second, &half(true)) else {
        return;
    };
    assert!(left.differences.is_empty(), "{:?}", left.differences);
    let right = compared(&first, &second, &half(false)).unwrap();
    assert_told(&right, ONE, [PLAIN; 2], "right half");
}

#[test]
fn something_else_differs() {
    let flat = |value: u8| plates::flat(WIDTH, HEIGHT, value);
    for (what, first, second) in [
        (
            "another picture",
            board(&PARTS, PLAIN, 1),
            plates::landscape(),
        ),
        ("nothing there", board(&PARTS, PLAIN, 1), flat(100)),
        ("nothing there before", flat(100), board(&PARTS, PLAIN, 1)),
        ("black and white", flat(0), flat(255)),
    ] {
        // Of one shape.
        let second = second.resize(WIDTH, HEIGHT, niteru_imaging::Filter::Bicubic);
        let Some(found) = compared(&first, &second, &CompareOptions::default()) else {
            return;
        };
        assert!(!found.differences.is_empty(), "{what}");
        assert!(found.similarity < 0.97, "{what}: {}", found.similarity);
    }
}

#[test]
fn odd_pictures_have_numbers() {
    for (what, first, second) in [
        ("pixels", plates::flat(1, 1, 0), plates::flat(1, 1, 255)),
        ("lines", plates::flat(1, 500, 100), plates::flat(1, 600, 90)),
        (
            "small",
            plates::plate(1, &[], 9, 7),
            plates::plate(2, &[], 9, 7),
        ),
        (
            "long",
            plates::plate(1, &[], 3000, 40),
            plates::plate(2, &[], 3000, 40),
        ),
        (
            "high",
            plates::plate(1, &[], 30, 2000),
            plates::plate(2, &[], 30, 2000),
        ),
        (
            "small and large",
            plates::plate(1, &[], 4, 3),
            plates::good(1).resize(400, 300, niteru_imaging::Filter::Bicubic),
        ),
    ] {
        if compared(&first, &second, &CompareOptions::default()).is_none() {
            return;
        }
        let tiled = CompareOptions {
            tiles: Some(2),
            align: false,
            area: None,
        };
        assert!(compared(&second, &first, &tiled).is_some(), "{what}");
    }
}

#[test]
fn the_same_input_gives_the_same_numbers() {
    let (first, second) = (board(&with_one(), PLAIN, 1), board(&PARTS, PLAIN, 2));
    let options = CompareOptions::default();
    let Some(found) = compared(&first, &second, &options) else {
        return;
    };
    let again = compared(&first, &second, &options).unwrap();
    assert_eq!(found.heat, again.heat);
    assert_eq!(
        (found.differences, found.similarity),
        (again.differences, again.similarity)
    );
}

#[test]
fn what_cannot_be_compared_is_told() {
    let Some(encoder) = encoder() else { return };
    let (wide, high) = (plates::flat(200, 100, 9), plates::flat(100, 200, 9));
    let fails = |second: &Picture, options: CompareOptions| {
        compare(encoder, &wide, second, &options).unwrap_err()
    };
    let error = fails(&high, CompareOptions::default());
    assert!(matches!(error, CompareError::Shapes { .. }), "{error}");
    assert!(
        error.to_string().contains("200 x 100 and 100 x 200"),
        "{error}"
    );
    let stretched = CompareOptions {
        align: false,
        ..CompareOptions::default()
    };
    assert!(matches!(
        fails(&high, stretched),
        CompareError::Shapes { .. }
    ));
    for tiles in [0, 9] {
        let options = CompareOptions {
            tiles: Some(tiles),
            ..CompareOptions::default()
        };
        assert!(
            matches!(fails(&wide, options), CompareError::Tiles(_)),
            "{tiles}"
        );
    }
    let black = Some(Mask::new(2, 2, vec![false; 4]).unwrap());
    let options = CompareOptions {
        area: black,
        ..CompareOptions::default()
    };
    assert!(matches!(fails(&wide, options), CompareError::EmptyArea));
    // A quarter is not too much.
    let wider = plates::flat(250, 100, 9);
    assert!(compare(encoder, &wide, &wider, &CompareOptions::default()).is_ok());
}
