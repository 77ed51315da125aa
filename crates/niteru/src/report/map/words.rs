//! What a map's report says, in each language.

use crate::args::Language;

/// The texts of one language.
pub(super) struct Words {
    pub(super) near: &'static str,
    pub(super) far: &'static str,
    pub(super) photos: &'static str,
    pub(super) other: &'static str,
    pub(super) none: &'static str,
}

const ENGLISH: Words = Words {
    near: "Those that are alike lie beside each other.",
    far: "How large a heap is, how far apart two heaps are, and which way is up, mean nothing.",
    photos: "Each point is an image. Of each part of the map one is shown; its name appears when the pointer rests on it.",
    other: "other values",
    none: "no value",
};

const JAPANESE: Words = Words {
    near: "似ている画像どうしが隣り合っています。",
    far: "かたまりの大きさ、かたまりどうしの距離、上下左右の向きに意味はありません。",
    photos: "点はそれぞれ 1 枚の画像です。場所ごとに 1 枚を選んで表示しています。ポインターを重ねると名前が出ます。",
    other: "その他の値",
    none: "値なし",
};

pub(super) fn words(language: Language) -> &'static Words {
    match language {
        Language::En => &ENGLISH,
        Language::Ja => &JAPANESE,
    }
}

pub(super) fn title(language: Language, collection: &str) -> String {
    match language {
        Language::En => format!("Map of {collection}"),
        Language::Ja => format!("「{collection}」のマップ"),
    }
}

pub(super) fn images(language: Language, count: usize) -> String {
    match (language, count) {
        (Language::En, 1) => "1 image.".to_owned(),
        (Language::En, _) => format!("{count} images."),
        (Language::Ja, _) => format!("画像 {count} 枚。"),
    }
}

pub(super) fn coloured(language: Language, field: &str) -> String {
    match language {
        Language::En => format!("Coloured by {field}"),
        Language::Ja => format!("「{field}」で色分け"),
    }
}

pub(super) fn range(language: Language, from: Option<f64>, to: Option<f64>) -> String {
    let [from, to] = [from, to].map(|end| end.map_or_else(String::new, |end| end.to_string()));
    match language {
        Language::En => format!("{from} to {to}"),
        Language::Ja => format!("{from} ～ {to}"),
    }
}
