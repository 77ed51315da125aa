use std::path::PathBuf;

use niteru_inspect::{Duplicate, Judged, Quality, Rate, Skipped, Suspicious, Trust, Verdict};
use niteru_learn::{Calibration, Promise, auroc, clopper_pearson, trade_off};

use super::{training, trust, trust_level};
use crate::args::Language;
use crate::report::page::tests::{LANGUAGES, assert_sound, read};
use niteru_store::{AppliedReviews, TrainReport};

const EVIL: &str = "<script>alert(1)</script>.png";

fn good_scores(count: usize) -> Vec<f64> {
    (0..count).map(|at| at as f64 / count as f64).collect()
}

fn promise(scores: &[f64], false_alarm: f64) -> Promise {
    let calibration = Calibration::new(scores.to_vec()).unwrap();
    calibration.promise(false_alarm, 0.95)
}

fn quality(good: &[f64], threshold: f64) -> Quality {
    let bad = vec![0.5, 2.0, 3.0, 90.0];
    let missed = Judged {
        path: PathBuf::from("no").join(EVIL),
        good: false,
        verdict: Verdict::Ok,
        score: 0.5,
    };
    Quality {
        good: good.len(),
        bad: 4,
        learnt: 0,
        threshold,
        auroc: auroc(good, &bad),
        auroc_interval: None,
        aupr: None,
        f1: None,
        false_alarm: Rate {
            value: None,
            interval: clopper_pearson(0, 0, 0.95),
        },
        miss: Rate {
            value: Some(0.25),
            interval: clopper_pearson(1, 4, 0.95),
        },
        pixel_auroc: None,
        pro: None,
        masks: 0,
        stretched: Vec::new(),
        milliseconds_per_image: None,
        trade_off: trade_off(good, &bad),
        good_scores: good.to_vec(),
        bad_scores: bad,
        mistakes: vec![missed],
        judged: Vec::new(),
        skipped: Vec::new(),
    }
}

/// The page of a training with so many good photos.
fn page(language: Language, photos: usize, with_bad: bool, suspicious: &[Suspicious]) -> String {
    let good = good_scores(photos);
    let promise = promise(&good, 0.05);
    let quality = quality(&good, promise.threshold);
    let skipped = [Skipped {
        path: EVIL.into(),
        reason: "it is <no> picture".into(),
        exactly: None,
    }];
    let of = TrainReport {
        inspector: EVIL.into(),
        version: 3,
        model: "a<model>".into(),
        good: photos,
        trust: Trust::of(photos, &promise),
        promise,
        patches: 0,
        memory_bytes: 0,
        bytes: 0,
        good_scores: good,
        bad_learnt: if with_bad { 4 } else { 0 },
        bad: with_bad.then_some(quality),
        suspicious: suspicious.to_vec(),
        threshold_without: suspicious.first().map(|_| 1.75),
        left_out: Vec::new(),
        not_needed: 0,
        duplicates: vec![Duplicate {
            path: "copied".into(),
            of: EVIL.into(),
        }],
        stretched: 2,
        unaligned: 1,
        reviews: with_bad.then(|| AppliedReviews {
            good: 3,
            bad: 2,
            missing: vec![PathBuf::from("gone").join(EVIL)],
        }),
        placed: photos.saturating_sub(1),
        skipped: skipped.to_vec(),
    };
    read(|file| training(language, &of, file))
}

fn suspect() -> Suspicious {
    Suspicious {
        path: PathBuf::from("no").join(EVIL),
        score: 12.25,
    }
}

#[test]
fn a_training_with_bad_photos_is_told_in_both_languages() {
    for (language, expected) in LANGUAGES.into_iter().zip([
        [
            "How far to trust the threshold: good",
            "At most 5 % of good parts are stopped",
            "Good photos to look at",
            "score 12.25",
            "Of 4 bad photos, 1 is missed:",
            "That is 25 %",
            "between 0.63 % and 81 %",
            "and higher",
            "False alarms against misses",
            "learnt from 38 of the 39 good photos",
            "how 1 good photo lies",
            "another shape than 2 good photos",
            "1 good photo is a copy of another",
            "3 that people called good, 2 that they called bad",
            "1 photo that a person has judged was not learnt from",
        ],
        [
            "しきい値の信頼度: 高い",
            "平均で 5 % 以下です",
            "確認が必要な良品",
            "スコア 12.25",
            "不良 4 枚のうち、1 枚を見逃しました。",
            "見逃し率は 25 % です",
            "0.63 % ～ 81 %",
            "これ以上を含む",
            "過検出と見逃しの関係",
            "良品 39 枚のうち縦横比の同じ 38 枚",
            "1 枚は、位置合わせが確実でない",
            "縦横比が良品の画像 2 枚と異なる",
            "ほかの画像と内容が同じです",
            "良品と判定された画像 3 枚、不良と判定された画像 2 枚",
            "レビュー済みの画像のうち 1 枚は",
        ],
    ]) {
        let page = page(language, 39, true, &[suspect()]);
        assert_sound(&page);
        assert!(!page.contains("<no>") && !page.contains("a<model>"));
        for text in expected.iter().chain(&["version 3", "&lt;script&gt;"]) {
            let japanese = language == Language::Ja && *text == "version 3";
            assert!(japanese || page.contains(text), "{language:?}: no {text:?}");
        }
        // The scores and the line of false alarms against misses.
        assert_eq!(page.matches("<svg").count(), 2);
    }
}

#[test]
fn without_bad_photos_nothing_is_said_of_misses() {
    for (language, told) in LANGUAGES.into_iter().zip([
        "nothing is known of how many would be missed",
        "見逃し率は分かりません",
    ]) {
        let page = page(language, 39, false, &[]);
        assert_sound(&page);
        assert!(page.contains(told));
        assert_eq!(page.matches("<svg").count(), 1);
        assert!(!page.contains("rect class=\"bad\""));
    }
}

#[test]
fn many_suspicious_photos_are_not_all_shown() {
    let page = page(Language::En, 300, false, &vec![suspect(); 30]);
    assert_eq!(page.matches("<figure>").count(), super::MOST_PICTURES);
    assert!(page.contains("And 6 more."));
}

#[test]
fn how_far_to_trust() {
    // photos, level and a part of the reason in each language
    let table = [
        (
            1,
            ["low", "低い"],
            ["tells copies of it", "ほぼ同じかどうか"],
        ),
        (4, ["low", "低い"], ["at least 6 other", "あと 6 枚以上"]),
        (12, ["fair", "中程度"], ["it takes 7 more", "あと 7 枚必要"]),
        (19, ["good", "高い"], ["are enough", "十分です"]),
    ];
    for (photos, levels, parts) in table {
        let of = Trust::of(photos, &promise(&good_scores(photos), 0.05));
        for ((language, level), part) in LANGUAGES.into_iter().zip(levels).zip(parts) {
            assert_eq!(trust_level(language, of.level), level);
            let told = trust(language, &of);
            assert!(told.contains(part), "{photos}: {told}");
        }
    }
}
