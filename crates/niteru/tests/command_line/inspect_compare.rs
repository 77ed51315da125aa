//! `inspect compare`: two photos of the same thing.

use std::path::Path;

use niteru_imaging::Picture;

use crate::inspect::text;
use crate::support::Niteru;

const WIDTH: u32 = 240;
const HEIGHT: u32 = 180;

/// A board with some things on it; `missing` leaves one out, which lies at 150…190, 60…90.
fn board(file: &Path, missing: bool) {
    let things = [
        (20, 20, 60, 40),
        (100, 20, 130, 50),
        (30, 90, 60, 150),
        (110, 110, 170, 130),
        (200, 120, 220, 160),
        (150, 60, 190, 90),
    ];
    let things = &things[..things.len() - usize::from(missing)];
    let mut pixels = Vec::new();
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let on = |&&(left, top, right, bottom): &&(u32, u32, u32, u32)| {
                (left..right).contains(&x) && (top..bottom).contains(&y)
            };
            // A grain that is the same in every photo of the board.
            let grain = (x * 7 + y * 13 + x * y % 11) % 9;
            match things.iter().find(on) {
                Some(_) => pixels.extend([30, 40 + grain as u8, 90]),
                None => pixels.extend([120 + grain as u8, 150, 120]),
            }
        }
    }
    let picture = Picture::from_rgb(WIDTH, HEIGHT, pixels).unwrap();
    std::fs::write(file, picture.to_png().unwrap()).unwrap();
}

#[test]
fn what_is_missing_is_told_and_the_same_photo_is_the_same() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let (whole, part) = (niteru.file("whole.png"), niteru.file("part.png"));
    board(&whole, false);
    board(&part, true);
    let (whole, part) = (text(&whole), text(&part));
    let same = niteru.json(["inspect", "compare", whole, whole]);
    assert_eq!(same["regions"].as_array().map(Vec::len), Some(0), "{same}");
    assert_eq!(same["similarity"], 1.0, "{same}");
    for (a, b) in [(whole, part), (part, whole)] {
        let heat = niteru.file("heat");
        let told = niteru.json(["inspect", "compare", a, b, "--heatmaps", text(&heat)]);
        let worst = &told["regions"][0];
        let number = |field: &str| worst[field].as_u64().unwrap();
        let (x, y) = (number("x"), number("y"));
        let covers = x < 170 && x + number("w") > 170 && y < 75 && y + number("h") > 75;
        assert!(covers, "{told}");
        assert_eq!(told["size"], serde_json::json!([WIDTH, HEIGHT]), "{told}");
        assert!(Path::new(told["heatmap"].as_str().unwrap()).is_file());
    }
    for (language, title) in [("en", "Comparison: whole.png"), ("ja", "2 枚の画像の比較")] {
        let html = niteru.file("compared.html");
        let arguments = ["inspect", "compare", whole, part, "--lang", language];
        let ran = niteru.run(arguments.into_iter().chain(["--html", text(&html)]));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let page = std::fs::read_to_string(&html).unwrap();
        assert!(page.contains(title), "{language}");
        assert!(page.matches("data:image/").count() >= 6, "{language}");
        assert!(!page.contains("http://") && !page.contains("https://"));
    }
}

#[test]
fn photos_that_cannot_be_compared_are_told() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    let whole = niteru.file("whole.png");
    board(&whole, false);
    let whole = text(&whole);
    let write = |name: &str, (width, height): (u32, u32), value: u8| {
        let file = niteru.file(name);
        let pixels = vec![value; (width * height * 3) as usize];
        let picture = Picture::from_rgb(width, height, pixels).unwrap();
        std::fs::write(&file, picture.to_png().unwrap()).unwrap();
        file
    };
    let (long, black) = (
        write("long.png", (300, 60), 90),
        write("black.png", (8, 6), 0),
    );
    let none = niteru.file("none.png");
    let text_file = niteru.file("notes.png");
    std::fs::write(&text_file, "no picture").unwrap();
    let compare = |b: &Path, more: &[&str]| {
        let arguments = ["inspect", "compare", whole, text(b)];
        niteru.run(arguments.into_iter().chain(more.iter().copied()))
    };
    compare(&none, &[]).fails(1, &["none.png"]);
    compare(&text_file, &[]).fails(1, &["notes.png"]);
    compare(&long, &[]).fails(1, &["300", "60"]);
    let area = ["--area", text(&black)];
    compare(Path::new(whole), &area).fails(1, &["black"]);
}
