//! What a report on two pictures says, in each language.

use niteru_imaging::Alignment;

use crate::args::Language;

/// The labels of one language.
pub(super) struct Words {
    pub(super) first: &'static str,
    pub(super) second: &'static str,
    /// After the name of a second photo that was laid on the first.
    pub(super) laid: &'static str,
    pub(super) heat: &'static str,
    pub(super) heat_help: &'static str,
    pub(super) similarity: &'static str,
    pub(super) strength: &'static str,
    pub(super) area: &'static str,
    /// Position and size.
    pub(super) columns: [&'static str; 4],
    pub(super) same: &'static str,
    pub(super) strongest: &'static str,
    pub(super) no_picture: &'static str,
}

const ENGLISH: Words = Words {
    first: "First photo",
    second: "Second photo",
    laid: ", laid on the first photo",
    heat: "Heat map",
    heat_help: "over the second photo; the brighter, the stronger",
    similarity: "Similarity of the whole photos:",
    strength: "Strength",
    area: "Area",
    columns: ["x", "y", "Width", "Height"],
    same: "the same",
    strongest: "strongest",
    no_picture: "no picture",
};

const JAPANESE: Words = Words {
    first: "1 枚目の画像",
    second: "2 枚目の画像",
    laid: "（1 枚目に位置合わせ済み）",
    heat: "ヒートマップ",
    heat_help: "2 枚目の画像に重ねています。明るい色ほど違いが大きい箇所です",
    similarity: "画像全体の類似度:",
    strength: "違いの強さ",
    area: "面積",
    columns: ["x", "y", "幅", "高さ"],
    same: "違いなし",
    strongest: "違いが大きい",
    no_picture: "画像なし",
};

pub(super) fn words(language: Language) -> &'static Words {
    match language {
        Language::En => &ENGLISH,
        Language::Ja => &JAPANESE,
    }
}

/// The heading.
pub(super) fn title(language: Language, [first, second]: &[String; 2]) -> String {
    match language {
        Language::En => format!("Comparison: {first} and {second}"),
        Language::Ja => format!("2 枚の画像の比較: {first} と {second}"),
    }
}

/// How many places differ.
pub(super) fn count(language: Language, count: usize) -> String {
    match (language, count) {
        (Language::En, 0) => "No difference found.".into(),
        (Language::En, 1) => "1 place differs.".into(),
        (Language::En, _) => format!("{count} places differ."),
        (Language::Ja, 0) => "違いは見つかりませんでした。".into(),
        (Language::Ja, _) => format!("{count} か所に違いがあります。"),
    }
}

/// The heading of one place.
pub(super) fn place(language: Language, number: usize) -> String {
    match language {
        Language::En => format!("Place {number}"),
        Language::Ja => format!("箇所 {number}"),
    }
}

/// How the pictures were laid on each other.
pub(super) fn alignment(language: Language, alignment: Option<Alignment>) -> String {
    match (language, alignment) {
        (Language::En, None) => "The photos were compared as they lie.".into(),
        (Language::Ja, None) => "位置合わせをせずに、そのまま比較しました。".into(),
        (Language::En, Some(Alignment { certain: false, .. })) => {
            "How the second photo lies relative to the first is not certain: they were compared as they lie. \
             If the thing lies elsewhere in the second photo, what is shown here is not a difference of the thing."
                .into()
        }
        (Language::Ja, Some(Alignment { certain: false, .. })) => {
            "2 枚の位置関係を確実には特定できなかったため、位置合わせをせずに比較しました。\
             被写体の位置がずれている場合、ここに示す箇所は実際の違いではありません。"
                .into()
        }
        (Language::En, Some(found)) => format!(
            "The second photo was laid on the first: it lies {}, and is turned by {:.1}° {}.",
            shift(found, ["to the left", "to the right", "up", "down"], " and "),
            found.rotation.abs(),
            if found.rotation < 0.0 { "clockwise" } else { "counter-clockwise" },
        ),
        (Language::Ja, Some(found)) => format!(
            "2 枚目の画像を 1 枚目に位置合わせしてから比較しました（ずれ: {}、{}に {:.1}°）。",
            shift(found, ["左へ", "右へ", "上へ", "下へ"], "、"),
            if found.rotation < 0.0 { "時計回り" } else { "反時計回り" },
            found.rotation.abs(),
        ),
    }
}

/// By how many pixels, and where to.
fn shift(found: Alignment, [left, right, up, down]: [&str; 4], and: &str) -> String {
    let across = if found.dx < 0.0 { left } else { right };
    let along = if found.dy < 0.0 { up } else { down };
    let (dx, dy) = (found.dx.abs(), found.dy.abs());
    // Japanese has the direction first.
    match left.is_ascii() {
        true => format!("{dx:.1} px {across}{and}{dy:.1} px {along}"),
        false => format!("{across} {dx:.1} px{and}{along} {dy:.1} px"),
    }
}

/// What the numbers of the heat map mean.
pub(super) fn scale(language: Language, threshold: f32) -> String {
    match language {
        Language::En => format!(
            "1 is what is usual at a place between two photos of the same thing. What is above {threshold:.1} \
             is told as a difference. Light that changes slowly over the photo, noise and small shifts are \
             taken out."
        ),
        Language::Ja => format!(
            "1 は、同じ物を 2 回撮影したときにその箇所で通常生じる差です。{threshold:.1} を超える箇所を違いとして\
             示します。照明のゆるやかな変化、ノイズ、わずかな位置ずれは取り除いています。"
        ),
    }
}
