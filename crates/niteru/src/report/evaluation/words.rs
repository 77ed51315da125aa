//! What a report on an inspector's quality says, in each language.

use niteru_learn::Interval;

use crate::args::Language;
use crate::report::marks::percent;

/// The labels of one language.
pub(in crate::report) struct Words {
    pub(super) figure: &'static str,
    pub(super) value: &'static str,
    pub(super) interval: &'static str,
    pub(super) meaning: &'static str,
    pub(super) unknown: &'static str,
    /// Names and meanings, in the order of the table.
    pub(super) figures: [[&'static str; 2]; 8],
    pub(super) per_image: &'static str,
    pub(super) trade_off: &'static str,
    pub(in crate::report) trade_off_help: &'static str,
    pub(super) no_trade_off: &'static str,
    pub(super) false_alarms: &'static str,
    pub(super) misses: &'static str,
    pub(super) now: &'static str,
    pub(super) mistakes: &'static str,
    pub(super) no_mistakes: &'static str,
    pub(super) stopped: &'static str,
    pub(super) passed: &'static str,
    pub(super) absent: &'static str,
    pub(super) skipped: &'static str,
}

const ENGLISH: Words = Words {
    figure: "Figure",
    value: "Value",
    interval: "95 % interval",
    meaning: "In plain words",
    unknown: "not known",
    figures: [
        [
            "False alarms",
            "Share of good photos that are stopped. Lower is better.",
        ],
        ["Misses", "Share of bad photos that pass. Lower is better."],
        [
            "AUROC",
            "How often a bad photo scores above a good one: 1 is always, 0.5 is chance. It does not depend \
             on the threshold.",
        ],
        [
            "AUPR",
            "How pure a list of photos by score is, the highest first: 1 is all bad ones before the first \
             good one.",
        ],
        [
            "F1",
            "Bad photos found and false alarms in one number, at the threshold: 1 is no mistake.",
        ],
        [
            "Pixel AUROC",
            "How often a pixel of a defect is hotter than another one: 1 is always. Needs masks.",
        ],
        [
            "PRO",
            "How well the heat map covers each defect, small ones as much as large ones: 1 is fully. Needs \
             masks.",
        ],
        [
            "Time",
            "For one image, from file to verdict, on one thread (median).",
        ],
    ],
    per_image: "ms",
    trade_off: "False alarms against misses",
    trade_off_help: "Each point of the line is a threshold: fewer misses cost more false alarms. The closer \
                     the line comes to the lower left corner, the better. Both axes are stretched near 0.",
    no_trade_off: "Needs good and bad photos.",
    false_alarms: "False alarms",
    misses: "Misses",
    now: "threshold",
    mistakes: "Worst mistakes",
    no_mistakes: "No mistake: every good photo passed, and every bad one was stopped.",
    stopped: "false alarm: known as good",
    passed: "miss: known as bad",
    absent: "The photo cannot be opened.",
    skipped: "Files that could not be used",
};

const JAPANESE: Words = Words {
    figure: "指標",
    value: "値",
    interval: "95 % 信頼区間",
    meaning: "意味",
    unknown: "算出できません",
    figures: [
        [
            "過検出率",
            "良品を不良と判定した割合です。低いほど良い値です。",
        ],
        [
            "見逃し率",
            "不良を良品と判定した割合です。低いほど良い値です。",
        ],
        [
            "AUROC",
            "不良のスコアが良品のスコアより高くなる割合です。1 なら完全に分離、0.5 なら偶然と同じです。\
             しきい値には左右されません。",
        ],
        [
            "AUPR",
            "スコアの高い順に並べたとき、不良がどれだけ先に並ぶかです。1 なら、すべての不良が良品より先です。",
        ],
        [
            "F1",
            "今のしきい値での見逃しと過検出を一つにまとめた値です。1 なら誤判定なしです。",
        ],
        [
            "ピクセル AUROC",
            "欠陥の画素が、ほかの画素より強い値になる割合です。1 が最良です（欠陥のマスク画像が必要です）。",
        ],
        [
            "PRO",
            "ヒートマップが個々の欠陥をどれだけ覆うかです。小さな欠陥も大きな欠陥も同じ重みで、1 が最良です\
             （欠陥のマスク画像が必要です）。",
        ],
        [
            "処理時間",
            "1 枚あたりの、ファイルの読み込みから判定までの時間です（1 スレッド、中央値）。",
        ],
    ],
    per_image: "ミリ秒",
    trade_off: "過検出と見逃しの関係",
    trade_off_help: "線上の各点が、一つのしきい値に対応します。見逃しを減らすと過検出が増えます。\
                     線が左下の角に近いほど優れています。両方の軸とも、0 に近いところを拡大しています。",
    no_trade_off: "良品と不良の両方の画像が必要です。",
    false_alarms: "過検出率",
    misses: "見逃し率",
    now: "現在のしきい値",
    mistakes: "誤判定した画像（誤差の大きい順）",
    no_mistakes: "誤判定はありません。良品はすべて良品、不良はすべて不良と判定しました。",
    stopped: "過検出（正解は良品）",
    passed: "見逃し（正解は不良）",
    absent: "画像を開けません",
    skipped: "使用できなかったファイル",
};

pub(in crate::report) fn words(language: Language) -> &'static Words {
    match language {
        Language::En => &ENGLISH,
        Language::Ja => &JAPANESE,
    }
}

pub(super) fn title(language: Language, inspector: &str) -> String {
    match language {
        Language::En => format!("Quality of the inspector {inspector}"),
        Language::Ja => format!("検査器「{inspector}」の性能評価"),
    }
}

/// What it was measured with.
pub(super) fn basis(language: Language, good: usize, bad: usize, threshold: f64) -> String {
    match language {
        Language::En => format!(
            "Measured with {good} good and {bad} bad photos, at the threshold {threshold:.2}."
        ),
        Language::Ja => {
            format!("良品 {good} 枚、不良 {bad} 枚で評価しました（しきい値 {threshold:.2}）。")
        }
    }
}

/// That good photos were known from the training.
pub(super) fn learnt(language: Language, learnt: usize, good: usize) -> String {
    match language {
        Language::En => format!(
            "{learnt} of the {good} good photos are photos that the inspector was trained with: it knows them too \
             well, and these figures are brighter than the line will be. Use photos of other good parts."
        ),
        Language::Ja => format!(
            "良品 {good} 枚のうち {learnt} 枚は、この検査器の学習に使った画像です。実際のラインより良い結果に見えるため、\
             学習に使っていない良品の画像で評価してください。"
        ),
    }
}

/// That masks have another shape than their photos.
pub(super) fn stretched(language: Language, count: usize) -> String {
    match (language, count) {
        (Language::En, 1) => {
            "1 mask has another shape than its photo and was stretched: pixel AUROC and PRO may be \
                              wrong."
                .into()
        }
        (Language::En, _) => format!(
            "{count} masks have another shape than their photos and were stretched: pixel AUROC and PRO may be wrong."
        ),
        (Language::Ja, _) => format!(
            "マスク {count} 枚は、縦横比が写真と異なるため引き伸ばしました。ピクセル AUROC と PRO が正しくない可能性があります。"
        ),
    }
}

/// How many of the mistakes are shown.
pub(super) fn shown(language: Language, shown: usize, all: usize) -> String {
    match (language, all) {
        (Language::En, 1) => "1 mistake.".into(),
        (Language::En, _) if shown == all => format!("{all} mistakes."),
        (Language::En, _) => format!("{all} mistakes; the {shown} farthest from the threshold."),
        (Language::Ja, _) if shown == all => format!("誤判定は {all} 枚です。"),
        (Language::Ja, _) => {
            format!("誤判定は {all} 枚です。しきい値から離れている {shown} 枚を表示しています。")
        }
    }
}

pub(super) fn shares(language: Language, Interval { low, high }: Interval) -> String {
    let (low, high) = (percent(low), percent(high));
    match language {
        Language::En => format!("{low} to {high}"),
        Language::Ja => format!("{low} ～ {high}"),
    }
}

pub(super) fn numbers(language: Language, Interval { low, high }: Interval) -> String {
    match language {
        Language::En => format!("{low:.3} to {high:.3}"),
        Language::Ja => format!("{low:.3} ～ {high:.3}"),
    }
}

/// How a photo's score compares.
pub(super) fn score(language: Language, score: f64, threshold: f64) -> String {
    match language {
        Language::En => format!("score {score:.2}, threshold {threshold:.2}"),
        Language::Ja => format!("スコア {score:.2}（しきい値 {threshold:.2}）"),
    }
}
