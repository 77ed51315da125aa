use std::path::PathBuf;

use niteru_imaging::Picture;
use niteru_store::{MapColour, MapColours};

use super::{FEWEST, MOST, Map, Point, map, representatives, squares};
use crate::args::Language;
use crate::report::page::tests::{LANGUAGES, assert_sound, read};

const EVIL: &str = "<script>alert(1)</script>";

fn point(path: PathBuf, x: f64, y: f64) -> Point {
    let place = [x, y];
    Point { path, place }
}

#[test]
fn one_page_holds_points_photos_and_what_colours_mean() {
    let folder = tempfile::tempdir().unwrap();
    let picture = Picture::from_rgb(60, 40, vec![90; 60 * 40 * 3]).unwrap();
    let file = folder
        .path()
        .join(format!("{}.png", &EVIL[..8].replace('/', "_")));
    std::fs::write(&file, picture.to_png().unwrap()).unwrap();
    let shown = Map {
        collection: EVIL,
        model: "efficientnet-lite0",
        points: vec![
            point(file, 0.1, 0.2),
            point(folder.path().join("gone.png"), 0.9, 0.8),
            point(folder.path().join("also gone.png"), 0.5, 0.5),
        ],
        colours: Some(MapColours {
            field: "lot<i>".to_owned(),
            version: String::new(),
            colours: vec![MapColour {
                value: Some(EVIL.to_owned()),
                from: None,
                to: None,
                images: 1,
            }],
            other: 0,
            none: 2,
            points: vec![0, 255, 255],
        }),
    };
    for language in LANGUAGES {
        let page = read(|to| map(language, &shown, to));
        assert_sound(&page);
        assert_eq!(page.matches("<image ").count(), 1, "two files are gone");
        let paths = page
            .split(" d=\"M")
            .skip(1)
            .filter_map(|path| path.split('"').next());
        let points: usize = paths.map(|path| path.matches("h0").count()).sum();
        assert_eq!(points, 3, "each image is a point");
        assert!(page.contains("M100.0 200.0h0"), "{language:?}");
        let expected = match language {
            Language::En => ["no value (2)", "Coloured by lot&lt;i&gt;", "3 images."],
            Language::Ja => ["値なし (2)", "「lot&lt;i&gt;」で色分け", "画像 3 枚。"],
        };
        for text in expected {
            assert!(page.contains(text), "{language:?}: {text}");
        }
    }
}

#[test]
fn photos_never_cover_each_other_by_more_than_their_square() {
    let points: Vec<Point> = (0..5000)
        .map(|at| {
            let share = |step: usize| (at * step % 997) as f64 / 996.0;
            point(PathBuf::from(at.to_string()), share(31), share(17))
        })
        .collect();
    let chosen = representatives(&points);
    assert_eq!([squares(1), squares(5000)], [FEWEST, MOST]);
    assert!(chosen.len() <= MOST * MOST && chosen.len() > MOST);
    let square = |share: f64| ((share * MOST as f64) as usize).min(MOST - 1);
    let mut taken: Vec<[usize; 2]> = chosen
        .iter()
        .map(|&at| points[at].place.map(square))
        .collect();
    taken.sort_unstable();
    let all = taken.len();
    taken.dedup();
    assert_eq!(taken.len(), all, "one of each square");
    assert!(representatives(&[]).is_empty());
}
