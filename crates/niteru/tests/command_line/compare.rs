//! Two photos of one thing compared, without an inspector.

use std::path::{Path, PathBuf};

use niteru_imaging::Picture;

use crate::support::Niteru;

const WIDTH: u32 = 240;
const HEIGHT: u32 = 180;

/// Bright shapes on a ground with some texture, seen so many pixels further right; `hole` is a dark square
/// at 150, 60 of 14 pixels.
fn photo(niteru: &Niteru, name: &str, shift: u32, hole: bool) -> PathBuf {
    let shapes = [
        (20, 25, 60, 22),
        (110, 20, 25, 40),
        (30, 90, 24, 60),
        (90, 120, 90, 20),
        (190, 70, 20, 70),
    ];
    let pixels = (0..WIDTH * HEIGHT).flat_map(|at| {
        let (x, y) = ((at % WIDTH) as i32 - shift as i32, (at / WIDTH) as i32);
        let texture = (x * 7 + y * 13) % 11 + (x * y) % 7;
        let on = |&(left, top, w, h): &(i32, i32, i32, i32)| {
            (left..left + w).contains(&x) && (top..top + h).contains(&y)
        };
        let value = match shapes.iter().any(on) {
            _ if hole && on(&(150, 60, 14, 14)) => 20,
            true => 190,
            false => 90,
        };
        [(value + texture) as u8, (value + texture) as u8, 80]
    });
    let picture = Picture::from_rgb(WIDTH, HEIGHT, pixels.collect()).unwrap();
    let path = niteru.file(name);
    std::fs::write(&path, picture.to_png().unwrap()).unwrap();
    path
}

fn flat(niteru: &Niteru, name: &str, (width, height): (u32, u32), value: u8) -> PathBuf {
    let bytes = vec![value; (width * height * 3) as usize];
    let picture = Picture::from_rgb(width, height, bytes).unwrap();
    let path = niteru.file(name);
    std::fs::write(&path, picture.to_png().unwrap()).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_difference_is_told_drawn_and_reported() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let (before, after) = (
        photo(&niteru, "before.png", 0, false),
        photo(&niteru, "after.png", 6, true),
    );
    let (heat, report) = (niteru.file("heat"), niteru.file("report.html"));
    let arguments = ["inspect", "compare", text(&before), text(&after)];
    let written = [
        "--heatmaps",
        text(&heat),
        "--html",
        text(&report),
        "--lang",
        "ja",
    ];
    let found = niteru.json(arguments.iter().chain(&written));
    assert_eq!(found["a"], text(&before));
    assert_eq!(found["b"], text(&after));
    assert_eq!(found["size"], serde_json::json!([WIDTH, HEIGHT]));
    let alignment = &found["alignment"];
    assert_eq!(alignment["certain"], true, "{found}");
    assert!(
        (alignment["dx"].as_f64().unwrap() - 6.0).abs() < 0.3,
        "{found}"
    );
    let similarity = found["similarity"].as_f64().unwrap();
    assert!(similarity > 0.5 && similarity < 1.0, "{found}");
    let regions = found["regions"].as_array().unwrap();
    assert_eq!(regions.len(), 1, "{found}");
    let near = |place: &serde_json::Value, expected: [i64; 4]| {
        let got = ["x", "y", "w", "h"].map(|name| place[name].as_i64().unwrap());
        got.iter()
            .zip(expected)
            .all(|(got, expected)| (got - expected).abs() <= 6)
    };
    assert!(near(&regions[0], [156, 60, 14, 14]), "{found}");
    assert!(near(&regions[0]["other"], [150, 60, 14, 14]), "{found}");
    assert!(
        regions[0]["score"].as_f64().unwrap() > 2.4 && regions[0]["area"].as_i64().unwrap() > 100
    );

    assert_eq!(found["heatmap"], text(&heat.join("after.heat.png")));
    let shown = Picture::open(&heat.join("after.heat.png"), &Default::default()).unwrap();
    assert_eq!((shown.width(), shown.height()), (WIDTH, HEIGHT));
    assert!(heat.join("after.heat16.png").is_file());
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.contains("lang=\"ja\"") && report.contains("1 か所"));
    assert!(!report.contains("src=\"http") && !report.contains("href=\"http"));

    let told = niteru.run(arguments);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    assert_eq!(told.stdout.lines().count(), 1, "{}", told.stdout);
    assert!(
        told.stdout.contains("in the first photo at"),
        "{}",
        told.stdout
    );
    // No decision was made, so none is written down.
    let history = niteru.run(["--json", "inspect", "history"]);
    assert_eq!((history.code, history.stdout.as_str()), (Some(0), ""));
}

#[test]
fn what_is_the_same_has_no_difference() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let before = photo(&niteru, "before.png", 0, false);
    let same = niteru.json(["inspect", "compare", text(&before), text(&before)]);
    assert_eq!(same["similarity"], 1.0, "{same}");
    assert_eq!(same["regions"], serde_json::json!([]));
    assert!(same.get("heatmap").is_none(), "{same}");
    let told = niteru.run(["inspect", "compare", text(&before), text(&before)]);
    assert_eq!(
        (told.code, told.stdout.trim()),
        (Some(0), "no difference found")
    );

    let moved = photo(&niteru, "moved.png", 5, false);
    let aligned = niteru.json(["inspect", "compare", text(&before), text(&moved)]);
    assert_eq!(aligned["regions"], serde_json::json!([]), "{aligned}");
    let lying = niteru.json([
        "inspect",
        "compare",
        text(&before),
        text(&moved),
        "--no-align",
    ]);
    assert_eq!(lying["alignment"], serde_json::Value::Null);
    assert_ne!(lying["regions"], serde_json::json!([]), "{lying}");

    // Nothing tells how a plain surface lies; that is said, quiet or not.
    let plain = flat(&niteru, "plain.png", (WIDTH, HEIGHT), 90);
    let ran = niteru.run([
        "--json",
        "--quiet",
        "inspect",
        "compare",
        text(&plain),
        text(&plain),
    ]);
    assert_eq!(ran.value()["alignment"]["certain"], false);
    assert!(ran.stderr.contains("as they lie"), "{}", ran.stderr);
}

#[test]
fn only_the_area_is_compared() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let (before, after) = (
        photo(&niteru, "before.png", 0, false),
        photo(&niteru, "after.png", 0, true),
    );
    let mask = niteru.file("mask.png");
    let left = (0..48 * 36).flat_map(|at| [if at % 48 < 24 { 255 } else { 0 }; 3]);
    let left = Picture::from_rgb(48, 36, left.collect()).unwrap();
    std::fs::write(&mask, left.to_png().unwrap()).unwrap();
    let arguments = ["inspect", "compare", text(&before), text(&after)];
    let all = niteru.json(arguments.iter().chain(&["--tiles", "2"]));
    assert_eq!(all["regions"].as_array().unwrap().len(), 1, "{all}");
    let left = niteru.json(arguments.iter().chain(&["--area", text(&mask)]));
    assert_eq!(left["regions"], serde_json::json!([]), "{left}");
}

#[test]
fn bad_input_is_told_with_the_way_out() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let photo = photo(&niteru, "photo.png", 0, false);
    let broken = niteru.file("broken.jpg");
    std::fs::write(&broken, b"no picture").unwrap();
    let high = flat(&niteru, "high.png", (100, 200), 9);
    let black = flat(&niteru, "black.png", (10, 10), 0);
    let missing = niteru.file("missing.png");
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&[text(&missing), text(&photo)], 1, &["missing.png"]),
        (&[text(&photo), text(&missing)], 1, &["missing.png"]),
        (&[text(&photo), text(&broken)], 1, &["broken.jpg"]),
        (
            &[text(&photo), text(&high)],
            1,
            &[
                "photo.png and ",
                "high.png",
                "240 x 180 and 100 x 200",
                "crop",
            ],
        ),
        (
            &[text(&photo), text(&high), "--no-align"],
            1,
            &["different shapes"],
        ),
        (
            &[text(&photo), text(&photo), "--area", text(&black)],
            1,
            &["black.png", "paint white"],
        ),
        (
            &[text(&photo), text(&photo), "--area", text(&missing)],
            1,
            &["missing.png"],
        ),
        (
            &[text(&photo), text(&photo), "--tiles", "9"],
            2,
            &["1 to 8"],
        ),
        (
            &[text(&photo), text(&photo), "--model", "nobody"],
            1,
            &["nobody"],
        ),
        (&[text(&photo)], 2, &["<B>"]),
    ];
    for (arguments, code, told) in cases {
        let ran = niteru.run(["inspect", "compare"].iter().chain(*arguments));
        ran.fails(*code, told);
        assert_eq!(ran.stdout, "", "{arguments:?}");
    }
}
