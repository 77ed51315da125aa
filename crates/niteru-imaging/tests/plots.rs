//! Plots as a viewer gets them. `NITERU_PLOTS=DIR` keeps the files for looking at.

use niteru_imaging::{Limits, MatrixPlot, Picture, PlotError};

fn name(index: usize) -> String {
    match index % 5 {
        0 => format!("img_{index}.jpg"),
        1 => format!("line-3_camera-2_bracket-left_2026-11-23_{index:05}.png"),
        2 => format!("ブラケット左_検査画像_{index:03}.png"),
        3 => format!("部品{index}.jpg"),
        _ => format!("a&b <{index}>.tif"),
    }
}

#[allow(clippy::expect_used)] // clippy.toml allows it in tests, but not in their helpers
fn thumbnail(index: usize) -> Picture {
    let (w, h): (i32, i32) = if index.is_multiple_of(2) {
        (160, 120)
    } else {
        (90, 140)
    };
    let mut pixels = vec![];
    for y in 0..h {
        for x in 0..w {
            let inside = (x - w / 2).pow(2) + (y - h / 2).pow(2) < 35 * 35;
            let grey = if inside {
                60 + index as i32 * 4
            } else {
                200 - y / 2
            };
            pixels.extend([grey as u8, (grey + x / 4) as u8, (255 - grey) as u8]);
        }
    }
    Picture::from_rgb(w as u32, h as u32, pixels).expect("as many bytes as the size asks")
}

fn plot(rows: usize, columns: usize, pictures: bool) -> MatrixPlot {
    let value = |i: usize, j: usize| {
        if i == j {
            1.0
        } else {
            ((i * 7 + j * 13 + i * j) % 97) as f32 / 90.0 - 0.05
        }
    };
    let thumbnails = |n: usize| {
        if pictures {
            (0..n).map(thumbnail).collect()
        } else {
            vec![]
        }
    };
    MatrixPlot {
        title: format!("efficientnet-lite0, {rows} images"),
        labels_across: (0..columns).map(name).collect(),
        labels_down: (0..rows).map(name).collect(),
        values: (0..rows * columns)
            .map(|at| value(at / columns, at % columns))
            .collect(),
        thumbnails_across: thumbnails(columns),
        thumbnails_down: thumbnails(rows),
        ..Default::default()
    }
}

#[test]
fn plots_of_all_sizes_are_drawn() {
    let keep = std::env::var_os("NITERU_PLOTS").map(std::path::PathBuf::from);
    let cases = [
        ("1", plot(1, 1, false)),
        ("4", plot(4, 4, true)),
        ("4-plain", plot(4, 4, false)),
        ("1x6", plot(1, 6, true)),
        ("12", plot(12, 12, true)),
        ("40", plot(40, 40, true)),
        ("150", plot(150, 150, false)),
    ];
    for (case, plot) in cases {
        let svg = plot.to_svg().unwrap();
        let png = plot.to_png().unwrap();
        let picture = Picture::decode(&png, &Limits::default()).unwrap();
        assert!(
            picture.width() > 150 && picture.height() > 150,
            "{case}: {picture:?}"
        );
        // White paper at the corner, colour in the middle of the matrix.
        assert_eq!(picture.pixels()[..3], [255; 3], "{case}");
        let grey = |p: &[u8]| p[0].abs_diff(p[1]) < 8 && p[1].abs_diff(p[2]) < 8;
        let coloured = picture
            .pixels()
            .chunks_exact(3)
            .filter(|p| !grey(p))
            .count();
        assert!(coloured > 20_000, "{case}: {coloured} coloured");
        if let Some(folder) = &keep {
            std::fs::write(folder.join(format!("{case}.png")), png).unwrap();
            std::fs::write(folder.join(format!("{case}.svg")), svg).unwrap();
        }
    }
}

#[test]
fn the_svg_needs_nothing_else_and_shows_every_value() {
    let mut plot = plot(2, 3, true);
    plot.values = vec![1.0, 0.12345, -0.00001, f32::NAN, -1.0, 0.9996];
    let svg = plot.to_svg().unwrap();
    for text in [">1.000<", ">0.123<", ">0.000<", ">–<", ">-1.000<"] {
        assert!(svg.contains(text), "{text}");
    }
    assert!(svg.contains("data:image/jpeg;base64,"));
    let links: Vec<_> = svg
        .match_indices("http")
        .map(|(at, _)| &svg[at..at + 26])
        .collect();
    assert_eq!(links, ["http://www.w3.org/2000/svg"], "only the namespace");
}

#[test]
fn names_are_text_not_markup() {
    let mut plot = plot(1, 1, false);
    plot.title = "</svg><script>alert(1)</script>".into();
    plot.labels_down = vec!["\"><image href='file:///etc/passwd'/>".into()];
    plot.labels_across = vec!["nul\0 bell\u{7} \u{fffe}".into()];
    plot.scale_label = "<&>".into();
    let svg = plot.to_svg().unwrap();
    assert!(!svg.contains("<script") && !svg.contains("<image"), "{svg}");
    plot.to_png().unwrap();
}

#[test]
fn lists_that_do_not_fit_are_refused() {
    type Case = (&'static str, fn(&mut MatrixPlot), &'static str);
    let cases: [Case; 5] = [
        (
            "no rows",
            |p| p.labels_down.clear(),
            "a plot needs at least one row",
        ),
        (
            "no columns",
            |p| p.labels_across.clear(),
            "a plot needs at least one row",
        ),
        (
            "values",
            |p| p.values.truncate(3),
            "expected 4 values, got 3",
        ),
        (
            "thumbnails",
            |p| p.thumbnails_down.truncate(1),
            "expected 2 thumbnails down, got 1",
        ),
        (
            "too many",
            |p| p.labels_down = vec![String::new(); 1001],
            "1001 x 2 cells",
        ),
    ];
    let mut wrong = vec![];
    for (case, change, expected) in cases {
        let mut plot = plot(2, 2, true);
        change(&mut plot);
        let both: [Result<(), PlotError>; 2] =
            [plot.to_svg().map(|_| ()), plot.to_png().map(|_| ())];
        for result in both {
            let message = result.err().map(|e| e.to_string()).unwrap_or_default();
            if !message.contains(expected) {
                wrong.push(format!("{case}: {message:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
