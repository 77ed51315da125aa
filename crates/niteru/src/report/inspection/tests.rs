use std::path::{Path, PathBuf};

use niteru_imaging::{Alignment, HeatMap, HeatScale, Picture};
use niteru_inspect::{
    Difference, GoodPlace, Group, Inspection, NearestGood, Region, ScoreParts, Verdict,
};
use niteru_learn::Promise;
use niteru_store::{Direction, Drift};

use super::words;
use super::{InspectionReport, told_of_drift};
use crate::args::Language;
use crate::report::page::tests::{LANGUAGES, assert_sound, read};

const PROMISE: Promise = Promise {
    threshold: 2.5,
    expected: 0.01,
    at_most: 0.032,
    images: 120,
    kept: true,
    more_for_average: 0,
    more_for_confidence: 179,
};

fn picture() -> Picture {
    let pixels = (0..96 * 64).flat_map(|i| [(i % 96) as u8, (i / 96) as u8, 90]);
    Picture::from_rgb(96, 64, pixels.collect()).unwrap()
}

fn inspection(verdict: Verdict, score: f64, good: &Path) -> Inspection {
    let region = Region {
        x: 80,
        y: 2,
        w: 16,
        h: 20,
        score: 31.5,
        area: 271,
        good: Some(GoodPlace {
            path: good.to_path_buf(),
            pixels: None,
            x: 0,
            y: 44,
            w: 16,
            h: 20,
        }),
        difference: Some(Difference {
            colour: 0.5,
            texture: 12.25,
            shape: 3.0,
            position: None,
            most: Some(Group::Texture),
        }),
        weak: false,
    };
    Inspection {
        verdict,
        score,
        parts: ScoreParts {
            patches: score - 1.5,
            whole: 4.5,
            texture: 1.0,
            grain: -0.5,
            place: 0.0,
            usual_patch: 0.2,
            object_patch: None,
            known_bad: 0.0,
        },
        threshold: PROMISE.threshold,
        p_value: 1.0 / 121.0,
        regions: match verdict {
            Verdict::Ok => Vec::new(),
            _ => vec![region],
        },
        nearest_good: Some(NearestGood {
            path: good.to_path_buf(),
            similarity: 0.987_6,
            pixels: None,
        }),
        heat: HeatMap::new(3, 2, vec![0.0, 1.0, 40.0, 0.0, 0.0, 2.0]).unwrap(),
        defect: None,
        alignment: None,
    }
}

fn scale() -> HeatScale {
    let scale = HeatScale::new(0.0, 30.0).unwrap();
    scale.visible_from(6.0).unwrap()
}

/// The page of a report on these, each with its file.
fn page(language: Language, name: &str, images: &[(&str, Inspection)]) -> String {
    let mut report = InspectionReport::new(language, name, Some(3), "a<model>", &PROMISE);
    for (path, inspection) in images {
        report.add(Path::new(path), &picture(), inspection, scale());
    }
    read(|file| report.write(file))
}

#[test]
fn a_card_tells_everything_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.png");
    std::fs::write(&good, picture().to_png().unwrap()).unwrap();
    let images = [
        ("line/fine.png", inspection(Verdict::Ok, 0.5, &good)),
        ("line/bad.png", inspection(Verdict::Ng, 3.25, &good)),
        ("line/worse.png", inspection(Verdict::Ng, 9.75, &good)),
        ("line/other.png", inspection(Verdict::Unlike, 40.0, &good)),
    ];
    for (language, expected) in LANGUAGES.into_iter().zip([
        [
            "At most 1 % of good parts are stopped, on average.",
            "None of 120 good photos scored as high",
            "Grain of the whole picture",
            "2 images",
        ],
        [
            "過検出率）は、平均で 1 % 以下です",
            "良品 120 枚の中に、これ以上のスコアはありませんでした",
            "画像全体のきめの粗さ",
            "2 枚",
        ],
    ]) {
        let page = page(language, "tile", &images);
        assert_sound(&page);
        // The badges have signs, the score its parts, the place its numbers.
        let told = [
            "✓", "✕", "9.75", "+1.50", "0.988", "31.5", "271", "good.png",
        ];
        for text in expected.iter().chain(&told) {
            assert!(page.contains(text), "{language:?}: no {text:?}");
        }
        // The legend, and 4 × photo, heat map and nearest good, and 3 × two places.
        assert_eq!(page.matches("data:image/jpeg").count(), 1 + 4 * 3 + 3 * 2);
        let order: Vec<usize> = ["worse.png", "bad.png", "other.png", "fine.png"]
            .iter()
            .map(|name| page.find(&format!("<h2>{name}</h2>")).unwrap())
            .collect();
        assert!(order.is_sorted(), "{order:?}");
    }
}

#[test]
fn hostile_names_are_text_and_lost_files_are_told() {
    let evil = "<img src=x onerror=alert(1)>\"'&.png";
    let lost = PathBuf::from(format!("no/{evil}"));
    let images = [(evil, inspection(Verdict::Ng, 9.0, &lost))];
    for (language, told) in LANGUAGES.into_iter().zip([
        "The good photo cannot be shown",
        "良品の画像を表示できません",
    ]) {
        let page = page(language, evil, &images);
        assert_sound(&page);
        assert!(!page.contains("<img src=x") && !page.contains("a<model>"));
        assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;&quot;"));
        assert_eq!(page.matches(told).count(), 2);
    }
}

#[test]
fn no_image_makes_a_page_too() {
    for language in LANGUAGES {
        let page = page(language, "tile", &[]);
        assert_sound(&page);
        assert!(page.contains(words::words(language).no_images));
    }
}

#[test]
fn what_a_threshold_promises() {
    let few = Promise {
        expected: 1.0 / 13.0,
        images: 12,
        kept: false,
        more_for_average: 87,
        ..PROMISE
    };
    let never = Promise {
        more_for_average: usize::MAX,
        ..few
    };
    let table = [
        (Language::En, PROMISE, "it rests on 120 good photos"),
        (Language::En, few, "Up to 7.7 %"),
        (Language::En, few, "87 more good photos are needed"),
        (Language::En, never, "No number of good photos"),
        (Language::Ja, PROMISE, "3.2 % を超えません"),
        (Language::Ja, few, "最大 7.7 %"),
        (Language::Ja, few, "良品があと 87 枚必要です"),
        (Language::Ja, never, "良品を増やしても保証できません"),
    ];
    for (language, promise, part) in table {
        let told = words::promise(language, &promise);
        assert!(told.to_lowercase().contains(&part.to_lowercase()), "{told}");
    }
}

#[test]
fn how_usual_a_score_is() {
    let table = [
        (1.0 / 41.0, "None of 40"),
        (2.0 / 41.0, "1 of 40"),
        (1.0, "40 of 40"),
    ];
    for (p, part) in table {
        let told = words::p_value(Language::En, p, 40);
        assert!(told.starts_with(part), "{told}");
    }
}

fn drift(direction: Direction, superiority: f64) -> Drift {
    Drift {
        inspector: "tile".into(),
        version: 3,
        decisions: 50,
        superiority: Some(superiority),
        p_value: Some(1e-9),
        drift: Some(direction != Direction::None),
        direction,
        needed: 0,
    }
}

#[test]
fn photos_that_changed_as_a_whole_come_first() {
    // direction, superiority, and a part of what is told in each language
    let table = [
        (Direction::Up, 0.934, ["93 of 100", "93 回は"]),
        (Direction::Down, 0.04, ["Defects may pass", "4 回だけ"]),
    ];
    for (direction, superiority, parts) in table {
        let drift = drift(direction, superiority);
        for (language, part) in LANGUAGES.into_iter().zip(parts) {
            let told = told_of_drift(language, &drift).unwrap();
            let told = told.sentences.join(" ");
            assert!(told.contains(part) && told.contains("50"), "{told}");
            let mut report = InspectionReport::new(language, "tile", Some(3), "m", &PROMISE);
            report.warn_of(&drift);
            let page = read(|file| report.write(file));
            assert_sound(&page);
            let (warning, counts) = (page.find(part), page.find("class=\"counts\""));
            assert!(warning.is_some() && warning < counts, "{language:?}");
        }
    }
    let none = drift(Direction::None, 0.6);
    assert!(
        LANGUAGES
            .iter()
            .all(|&language| told_of_drift(language, &none).is_none())
    );
}

#[test]
fn bars_that_are_all_as_usual_are_not_called_mostly_something() {
    let lost = PathBuf::from("no/good.png");
    for (language, [usual, weak, mostly, texture]) in LANGUAGES.into_iter().zip([
        [
            "Colour, texture and edges are as usual here",
            "No single place stands out; the photo as a whole differs",
            "What made it NG: mostly small areas",
            "Mostly its texture",
        ],
        [
            "色・模様・輪郭は良品と同じ範囲ですが",
            "特に目立つ箇所はなく、画像全体として",
            "NG の主な理由: 良品にない局所的な特徴",
            "主に表面の模様",
        ],
    ]) {
        let mut found = inspection(Verdict::Ng, 9.0, &lost);
        let page = |found: &Inspection| page(language, "tile", &[("a.png", found.clone())]);
        let told = page(&found);
        assert!(told.contains(texture) && told.contains(mostly));
        assert!(!told.contains(usual) && !told.contains(weak));
        found.regions[0].difference.as_mut().unwrap().most = None;
        let told = page(&found);
        assert!(told.contains(usual) && !told.contains(texture));
        found.regions[0].weak = true;
        let told = page(&found);
        assert!(told.contains(weak) && !told.contains(usual));
        // What is OK is not asked why.
        assert!(!page(&inspection(Verdict::Ok, 0.5, &lost)).contains(mostly));
    }
}

#[test]
fn that_it_is_not_certain_how_a_part_lies_is_told() {
    let lost = PathBuf::from("no/good.png");
    for language in LANGUAGES {
        let told = words::words(language).unaligned;
        for (certain, expected) in [(None, false), (Some(true), false), (Some(false), true)] {
            let mut found = inspection(Verdict::Ng, 9.0, &lost);
            found.alignment = certain.map(|certain| Alignment {
                certain,
                dx: 1.0,
                dy: 0.0,
                rotation: 2.0,
                correlation: 0.5,
            });
            let page = page(language, "tile", &[("a.png", found)]);
            assert_eq!(page.contains(told), expected, "{language:?} {certain:?}");
        }
    }
}

#[test]
fn of_many_images_the_highest_scores_are_shown_and_all_are_counted() {
    let lost = PathBuf::from("no/good.png");
    let scored = |verdict: Verdict, at: usize| {
        // Not in the order of their scores.
        let score = (at * 7 % 11) as f64 + at as f64 / 1e4;
        (score, inspection(verdict, score, &lost))
    };
    let mut ok: Vec<(f64, Inspection)> = (0..super::MOST_OK + 30)
        .map(|at| scored(Verdict::Ok, at))
        .collect();
    let all = ok.iter().cloned().chain([scored(Verdict::Ng, 3)]);
    let images: Vec<(String, Inspection)> = all
        .map(|(score, found)| (format!("{}-{score}.png", found.verdict.name()), found))
        .collect();
    let images: Vec<(&str, Inspection)> = images
        .iter()
        .map(|(name, found)| (name.as_str(), found.clone()))
        .collect();
    for (language, told, counted) in [
        (Language::En, "30 OK with lower scores", "230 images"),
        (Language::Ja, "スコアの低いOK の画像 30 枚", "230 枚"),
    ] {
        let page = page(language, "tile", &images);
        assert_sound(&page);
        assert!(
            page.contains(told) && page.contains(counted),
            "{language:?}"
        );
        ok.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (at, (score, _)) in ok.iter().enumerate() {
            let shown = page.contains(&format!("<h2>OK-{score}.png</h2>"));
            assert_eq!(shown, at < super::MOST_OK, "{at}: {score}");
        }
        assert!(page.contains("<h2>NG-"));
    }
}
