//! What a report on inspected pictures says, in each language.

use niteru_inspect::{Group, ScorePart, Verdict};
use niteru_learn::Promise;

use crate::args::Language;
use crate::report::marks::percent_at_most;

/// The labels of one language.
pub(super) struct Words {
    /// Between two sentences.
    pub(super) gap: &'static str,
    /// What NG, OK and UNLIKE mean.
    pub(super) counts: [&'static str; 3],
    pub(super) threshold_means: &'static str,
    pub(super) heat_scale: &'static str,
    pub(super) heat_scale_help: &'static str,
    pub(super) as_good: &'static str,
    pub(super) strongest: &'static str,
    pub(super) photo: &'static str,
    pub(super) photo_frames: &'static str,
    pub(super) heat: &'static str,
    pub(super) heat_help: &'static str,
    pub(super) own_place: &'static str,
    pub(super) good_place: &'static str,
    pub(super) nearest: &'static str,
    pub(super) similarity: &'static str,
    pub(super) no_picture: &'static str,
    pub(super) no_good_picture: &'static str,
    pub(super) unaligned: &'static str,
    pub(super) details: &'static str,
    pub(super) score: &'static str,
    pub(super) threshold: &'static str,
    pub(super) made_of: &'static str,
    pub(super) made_of_help: &'static str,
    /// Patches, whole picture, texture, grain, place, likeness to known bad pictures.
    pub(super) parts: [&'static str; 6],
    pub(super) part: &'static str,
    pub(super) value: &'static str,
    pub(super) counts_for: &'static str,
    pub(super) regions: &'static str,
    /// Number, x, y, width, height, strength, area.
    pub(super) region_columns: [&'static str; 7],
    pub(super) no_regions: &'static str,
    pub(super) differs: &'static str,
    pub(super) differs_help: &'static str,
    /// In the order of [`Group`].
    pub(super) groups: [&'static str; 4],
    pub(super) no_images: &'static str,
}

const ENGLISH: Words = Words {
    gap: " ",
    counts: [
        "differ from the good parts",
        "look good",
        "are unlike anything learnt: another product, or another camera",
    ],
    threshold_means: "What the threshold promises",
    heat_scale: "Scale of the heat maps",
    heat_scale_help: "One fixed scale for all pictures of this inspector, so that they can be compared. \
                      Where a picture keeps its grey tones, it is as good photos are.",
    as_good: "as good photos",
    strongest: "strongest",
    photo: "Photo",
    photo_frames: "the numbered frames differ from the good photos",
    heat: "Heat map",
    heat_help: "the brighter, the stronger",
    own_place: "Worst place, enlarged",
    good_place: "Most alike place of a good photo",
    nearest: "Most alike good photo",
    similarity: "similarity",
    no_picture: "no picture",
    no_good_picture: "The good photo cannot be shown: it was moved or deleted, or is another one now.",
    unaligned: "It is not certain how this part lies: it was compared as it lies, so a part that lies askew may be NG.",
    details: "Numbers",
    score: "Score",
    threshold: "Threshold",
    made_of: "What the score is made of",
    made_of_help: "0 is what good photos have, 1 is their usual scatter. Small areas always count; the \
                   other rows count only for what clearly leaves that scatter.",
    parts: [
        "Small areas",
        "Whole picture",
        "Texture, where it is most unusual",
        "Grain of the whole picture",
        "Position: missing or in the wrong place",
        "Resembles bad photos that were shown",
    ],
    part: "Part",
    value: "Value",
    counts_for: "Adds",
    regions: "Places that differ",
    region_columns: ["No.", "x", "y", "Width", "Height", "Strength", "Area"],
    no_regions: "No single place stands out.",
    differs: "How these places differ",
    differs_help: "Each place beside the most alike place of the good photos. The line marks what good \
                   photos rarely leave.",
    groups: [
        "Colour and brightness",
        "Texture",
        "Shape and edges",
        "Position",
    ],
    no_images: "No image was inspected.",
};

const JAPANESE: Words = Words {
    gap: "",
    counts: [
        "良品と異なる箇所があります",
        "良品と同じ範囲です",
        "学習した良品とかけ離れています（別の品種、撮影条件の違いなど）",
    ],
    threshold_means: "しきい値の保証範囲",
    heat_scale: "ヒートマップの目盛り",
    heat_scale_help: "この検査器のすべての画像に同じ目盛りを使っているので、画像どうしを比べられます。\
                      色が付いていない部分は、良品と同じ範囲です。",
    as_good: "良品並み",
    strongest: "異常が強い",
    photo: "検査画像",
    photo_frames: "番号付きの枠は、良品と異なる箇所です",
    heat: "ヒートマップ",
    heat_help: "明るい色ほど、良品との違いが大きい箇所です",
    own_place: "最も異なる箇所（拡大）",
    good_place: "最も近い良品の箇所（拡大）",
    nearest: "最も近い良品",
    similarity: "類似度",
    no_picture: "画像なし",
    no_good_picture: "良品の画像を表示できません（移動・削除されたか、別の画像になっています）",
    unaligned: "位置合わせが確実でないため、そのままの位置で比較しました。傾きや位置ずれがあると、NG になることがあります。",
    details: "数値を表示",
    score: "スコア",
    threshold: "しきい値",
    made_of: "スコアの内訳",
    made_of_help: "0 が良品の標準、1 が良品の通常のばらつきです。局所の特徴は常に加算し、\
                   そのほかの項目は、ばらつきを明らかに超えた分だけを加算します。",
    parts: [
        "局所の特徴",
        "画像全体の特徴",
        "表面の模様（最も異なる箇所）",
        "画像全体のきめの粗さ",
        "位置（欠品・位置ずれ）",
        "登録済みの不良品との類似",
    ],
    part: "項目",
    value: "値",
    counts_for: "加算分",
    regions: "良品と異なる箇所",
    region_columns: ["番号", "x", "y", "幅", "高さ", "強さ", "面積"],
    no_regions: "特に目立つ箇所はありません。",
    differs: "どのように異なるか",
    differs_help: "各箇所を、最も近い良品の箇所と比べた値です。縦線は、良品がほとんど超えない範囲を示します。",
    groups: ["色・明るさ", "表面の模様", "形・輪郭", "位置"],
    no_images: "検査した画像はありません。",
};

pub(super) fn words(language: Language) -> &'static Words {
    match language {
        Language::En => &ENGLISH,
        Language::Ja => &JAPANESE,
    }
}

/// The heading.
pub(super) fn title(language: Language, inspector: &str, version: Option<u32>) -> String {
    match (language, version) {
        (Language::En, Some(version)) => format!("Inspection: {inspector} (version {version})"),
        (Language::En, None) => format!("Inspection: {inspector}"),
        (Language::Ja, Some(version)) => {
            format!("外観検査の結果: {inspector}（バージョン {version}）")
        }
        (Language::Ja, None) => format!("外観検査の結果: {inspector}"),
    }
}

/// A number of images after a verdict.
pub(super) fn images(language: Language, count: usize) -> String {
    match (language, count) {
        (Language::En, 1) => "1 image".into(),
        (Language::En, _) => format!("{count} images"),
        (Language::Ja, _) => format!("{count} 枚"),
    }
}

/// That not all images are shown; `None` where they are.
pub(super) fn left_out(language: Language, bad: usize, ok: usize) -> Option<String> {
    let told = match (language, bad, ok) {
        (_, 0, 0) => return None,
        (Language::En, 0, ok) => format!("{ok} OK"),
        (Language::En, bad, 0) => format!("{bad} NG or UNLIKE"),
        (Language::En, bad, ok) => format!("{bad} NG or UNLIKE and {ok} OK"),
        (Language::Ja, 0, ok) => format!("OK の画像 {ok} 枚"),
        (Language::Ja, bad, 0) => format!("NG・UNLIKE の画像 {bad} 枚"),
        (Language::Ja, bad, ok) => format!("NG・UNLIKE の画像 {bad} 枚と OK の画像 {ok} 枚"),
    };
    Some(match language {
        Language::En => format!(
            "Shown are the images with the highest scores. {told} with lower scores are counted above, but not shown; \
             the history has all."
        ),
        Language::Ja => format!(
            "スコアの高い画像を表示しています。スコアの低い{told}は、上の枚数には含まれますが表示していません（検査履歴には\
             すべて残っています）。"
        ),
    })
}

/// What the threshold holds for good parts.
pub(in crate::report) fn promise(language: Language, promise: &Promise) -> String {
    let (images, average) = (promise.images, percent_at_most(promise.expected));
    let most = percent_at_most(promise.at_most);
    match (language, promise.kept) {
        (Language::En, true) => format!(
            "At most {average} of good parts are stopped, on average. It rests on {images} good photos; \
             with the confidence asked for, the share is not above {most}."
        ),
        (Language::En, false) => format!(
            "Not kept yet: {} too few for the false-alarm rate that was asked for. \
             Up to {average} of good parts are stopped on average. {}",
            match images {
                1 => "1 good photo is".to_owned(),
                _ => format!("{images} good photos are"),
            },
            more_needed(language, promise.more_for_average)
        ),
        (Language::Ja, true) => format!(
            "良品を不良と判定する割合（過検出率）は、平均で {average} 以下です。良品 {images} 枚にもとづく値で、\
             指定した信頼度で見ても {most} を超えません。"
        ),
        (Language::Ja, false) => format!(
            "まだ保証できません。良品が {images} 枚では、指定した過検出率に対して不足しています。\
             現在の過検出率は平均で最大 {average} です。{}",
            more_needed(language, promise.more_for_average)
        ),
    }
}

fn more_needed(language: Language, more: usize) -> String {
    match (language, more) {
        (Language::En, usize::MAX) => "No number of good photos can hold that rate.".into(),
        (Language::En, 1) => "1 more good photo is needed.".into(),
        (Language::En, _) => format!("{more} more good photos are needed."),
        (Language::Ja, usize::MAX) => "その過検出率は、良品を増やしても保証できません。".into(),
        (Language::Ja, _) => format!("良品があと {more} 枚必要です。"),
    }
}

/// How usual a score is among those of good pictures.
pub(super) fn p_value(language: Language, p: f64, of: usize) -> String {
    // p is (1 + those that are not lower) / (all + 1).
    let as_high = (p * (of as f64 + 1.0)).round() as usize;
    let as_high = as_high.saturating_sub(1).min(of);
    let p = format!("p = {p:.3}");
    match (language, as_high) {
        (Language::En, 0) => format!("None of {of} good photos scored as high ({p})."),
        (Language::En, _) => {
            format!("{as_high} of {of} good photos scored as high or higher ({p}).")
        }
        (Language::Ja, 0) => {
            format!("良品 {of} 枚の中に、これ以上のスコアはありませんでした（{p}）。")
        }
        (Language::Ja, _) => {
            format!("良品 {of} 枚のうち {as_high} 枚が、これ以上のスコアでした（{p}）。")
        }
    }
}

/// What a verdict says, in a sentence.
pub(super) fn verdict(language: Language, verdict: Verdict) -> &'static str {
    match (language, verdict) {
        (Language::En, Verdict::Ok) => "The score is not above the threshold.",
        (Language::En, Verdict::Ng) => "The score is above the threshold.",
        (Language::En, Verdict::Unlike) => {
            "The picture as a whole is unlike all good photos: check product, camera and light before \
             anything else."
        }
        (Language::Ja, Verdict::Ok) => "スコアはしきい値以下です。",
        (Language::Ja, Verdict::Ng) => "スコアがしきい値を超えています。",
        (Language::Ja, Verdict::Unlike) => {
            "画像全体が、学習したどの良品ともかけ離れています。まず品種、カメラ、照明を確認してください。"
        }
    }
}

/// Where colour begins and where the scale ends, for people.
pub(super) fn scale(language: Language, visible: f32, high: f32) -> String {
    match language {
        Language::En => format!("Colour begins at {visible:.1}; from {high:.1} on it is the same."),
        Language::Ja => {
            format!("色は {visible:.1} から付き、{high:.1} 以上は同じ色です。")
        }
    }
}

/// What made a picture NG, in a sentence.
pub(super) fn mostly(language: Language, part: ScorePart) -> &'static str {
    match (language, part) {
        (Language::En, ScorePart::Patches) => {
            "What made it NG: mostly small areas that good parts do not have."
        }
        (Language::En, ScorePart::Whole) => "What made it NG: mostly the picture as a whole.",
        (Language::En, ScorePart::Texture) => {
            "What made it NG: mostly a texture that good parts do not have."
        }
        (Language::En, ScorePart::Grain) => {
            "What made it NG: mostly the grain of the whole picture, rougher or smoother than usual."
        }
        (Language::En, ScorePart::Place) => {
            "What made it NG: mostly that something is missing, or lies where it should not."
        }
        (Language::En, ScorePart::KnownBad) => {
            "What made it NG: mostly that it resembles bad photos that were shown."
        }
        (Language::Ja, ScorePart::Patches) => "NG の主な理由: 良品にない局所的な特徴があります。",
        (Language::Ja, ScorePart::Whole) => "NG の主な理由: 画像全体の特徴が良品と異なります。",
        (Language::Ja, ScorePart::Texture) => "NG の主な理由: 良品にない表面の模様があります。",
        (Language::Ja, ScorePart::Grain) => {
            "NG の主な理由: 画像全体のきめの粗さが良品と異なります。"
        }
        (Language::Ja, ScorePart::Place) => {
            "NG の主な理由: あるべきものがない、または別の場所にあります。"
        }
        (Language::Ja, ScorePart::KnownBad) => "NG の主な理由: 登録済みの不良品に似ています。",
    }
}

/// What a place differs in most, in a sentence. `weak`: it does not stand out.
pub(super) fn most(language: Language, group: Option<Group>, weak: bool) -> &'static str {
    let Some(group) = group.filter(|_| !weak) else {
        return match (language, weak) {
            (Language::En, true) => {
                "No single place stands out; the photo as a whole differs. This is its hottest place."
            }
            (Language::En, false) => {
                "Colour, texture and edges are as usual here; the network sees a difference."
            }
            (Language::Ja, true) => {
                "特に目立つ箇所はなく、画像全体として良品と異なります（ここは最も反応の強い箇所です）。"
            }
            (Language::Ja, false) => {
                "色・模様・輪郭は良品と同じ範囲ですが、ニューラルネットワークは違いを検出しています。"
            }
        };
    };
    match (language, group) {
        (Language::En, Group::Colour) => "Mostly its colour or brightness.",
        (Language::En, Group::Texture) => "Mostly its texture: rougher, smoother or another one.",
        (Language::En, Group::Shape) => {
            "Mostly its shape: an edge that good parts do not have, or lack."
        }
        (Language::En, Group::Position) => {
            "Mostly its position: something is missing here, or lies where it should not."
        }
        (Language::Ja, Group::Colour) => "主に色または明るさが異なります。",
        (Language::Ja, Group::Texture) => "主に表面の模様（粗さ・織り目など）が異なります。",
        (Language::Ja, Group::Shape) => {
            "主に形が異なります（良品にない輪郭がある、または輪郭が欠けています）。"
        }
        (Language::Ja, Group::Position) => {
            "主に位置が異なります（あるべきものがない、または別の場所にあります）。"
        }
    }
}
