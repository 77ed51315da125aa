use std::path::PathBuf;

use niteru_inspect::{Judged, Quality, Rate, Skipped, Verdict};
use niteru_learn::{Interval, trade_off};

use super::{MOST_MISTAKES, evaluation};
use crate::args::Language;
use crate::report::page::tests::{LANGUAGES, assert_sound, read};

const EVIL: &str = "<script>alert(1)</script>.png";

fn rate(value: Option<f64>) -> Rate {
    Rate {
        value,
        interval: Interval {
            low: 0.0,
            high: 0.123,
        },
    }
}

fn judged(good: bool, score: f64) -> Judged {
    Judged {
        path: PathBuf::from("no").join(EVIL),
        good,
        verdict: if good { Verdict::Ng } else { Verdict::Ok },
        score,
    }
}

fn quality(mistakes: Vec<Judged>) -> Quality {
    Quality {
        good: 4,
        bad: 4,
        learnt: 3,
        threshold: 2.5,
        auroc: Some(0.9375),
        auroc_interval: Some(Interval {
            low: 0.8,
            high: 0.99,
        }),
        aupr: Some(0.95),
        f1: None,
        false_alarm: rate(Some(0.25)),
        miss: rate(Some(0.0)),
        pixel_auroc: None,
        pro: None,
        masks: 0,
        stretched: vec!["mask.png".into()],
        milliseconds_per_image: Some(41.26),
        trade_off: trade_off(&[0.0, 1.0, 2.0, 3.0], &[2.9, 4.0, 5.0, 6.0]),
        good_scores: vec![0.0, 1.0, 2.0, 3.0],
        bad_scores: vec![2.9, 4.0, 5.0, 6.0],
        mistakes,
        judged: Vec::new(),
        skipped: vec![Skipped {
            path: EVIL.into(),
            reason: "it is <no> picture".into(),
            exactly: None,
        }],
    }
}

fn page(language: Language, quality: &Quality) -> String {
    read(|file| evaluation(language, EVIL, "model", quality, file))
}

#[test]
fn figures_curve_and_mistakes_in_both_languages() {
    let quality = quality(vec![judged(true, 3.0), judged(false, 1.0)]);
    for (language, expected) in LANGUAGES.into_iter().zip([
        [
            "False alarms",
            "0 % to 12 %",
            "0.800 to 0.990",
            "41.3 ms",
            "not known",
            "false alarm: known as good",
            "miss: known as bad",
            "threshold (25 %, 0 %)",
            "1 mask has another shape than its photo",
            "3 of the 4 good photos are photos that the inspector was trained with",
        ],
        [
            "過検出率",
            "0 % ～ 12 %",
            "0.800 ～ 0.990",
            "41.3 ミリ秒",
            "算出できません",
            "過検出（正解は良品）",
            "見逃し（正解は不良）",
            "現在のしきい値 (25 %, 0 %)",
            "マスク 1 枚は、縦横比が写真と異なる",
            "良品 4 枚のうち 3 枚は、この検査器の学習に使った画像です",
        ],
    ]) {
        let page = page(language, &quality);
        assert_sound(&page);
        assert!(!page.contains("<no>"));
        for text in expected.iter().chain(&["0.938", "<svg", "&lt;script&gt;"]) {
            assert!(page.contains(text), "{language:?}: no {text:?}");
        }
    }
}

#[test]
fn mistakes_have_a_limit_and_can_be_none() {
    let many = (0..60).map(|i| judged(false, f64::from(i))).collect();
    let page_of_many = page(Language::En, &quality(many));
    assert_eq!(page_of_many.matches("<figure>").count(), MOST_MISTAKES);
    assert!(page_of_many.contains("60 mistakes; the 24 farthest"));
    for (language, told) in LANGUAGES
        .into_iter()
        .zip(["No mistake", "誤判定はありません"])
    {
        assert!(page(language, &quality(Vec::new())).contains(told));
    }
}

#[test]
fn without_bad_pictures_there_is_no_curve() {
    let one_sided = Quality {
        trade_off: Vec::new(),
        miss: rate(None),
        ..quality(Vec::new())
    };
    let page = page(Language::En, &one_sided);
    assert!(!page.contains("<svg") && page.contains("Needs good and bad photos."));
}
