//! What reports say, in each language.

/// The words of a report in one language.
pub(super) struct Words {
    pub(super) language: &'static str,
    /// Before and after the version.
    pub(super) made_with: [&'static str; 2],
    /// Before and after the collection's name.
    pub(super) results_of: [&'static str; 2],
    pub(super) demo: &'static str,
    pub(super) model: &'static str,
    pub(super) matrix: &'static str,
    pub(super) matrix_help: &'static str,
    pub(super) less: &'static str,
    pub(super) more: &'static str,
    pub(super) search: &'static str,
    pub(super) search_help: &'static str,
    pub(super) query: &'static str,
    /// Before and after the number.
    pub(super) rank: [&'static str; 2],
    pub(super) only: &'static str,
    pub(super) not: &'static str,
    pub(super) unlike: &'static str,
    /// Before and after the number of images of a group.
    pub(super) in_group: [&'static str; 2],
    /// Before and after the number of images that have no value to be grouped by.
    pub(super) ungrouped: [&'static str; 2],
    /// Before and after the collection's name.
    pub(super) duplicates_of: [&'static str; 2],
    pub(super) duplicates_help: &'static str,
    /// Before and after the number of images.
    pub(super) exact: [&'static str; 2],
    pub(super) near: [&'static str; 2],
    pub(super) no_duplicates: &'static str,
    pub(super) absent: &'static str,
    pub(super) why: &'static str,
    pub(super) why_help: &'static str,
    pub(super) why_nothing: &'static str,
    pub(super) none: &'static str,
    pub(super) next: &'static str,
    pub(super) own_images: &'static str,
    pub(super) which_alike: &'static str,
}

pub(super) const ENGLISH: Words = Words {
    language: "en",
    made_with: ["Made on this computer with Niteru ", ""],
    results_of: ["Search in ", ""],
    demo: "Niteru demo",
    model: "model",
    matrix: "How alike are they?",
    matrix_help: "Each number is the cosine similarity of two images: 1.000 is the same image, and a \
                  higher number means more alike. Compare numbers of one model only.",
    less: "less alike",
    more: "more alike",
    search: "What is most like this?",
    search_help: "The images of the collection, the most similar first. Look at the order and at the \
                  gaps between the numbers: how high a number must be differs from query to query.",
    query: "Looked for",
    rank: ["rank ", ""],
    only: "Only",
    not: "Not",
    unlike: "Unlike",
    in_group: ["images: ", ""],
    ungrouped: [
        "Left out, since they have no value to be grouped by: ",
        " images",
    ],
    duplicates_of: ["Duplicates in ", ""],
    duplicates_help: "The first image of each group is the one that the others were compared with. The \
                      number is the cosine similarity. Look before you remove: parts can differ in what \
                      no camera sees.",
    exact: ["Equal files: ", ""],
    near: ["The same picture, saved anew: ", ""],
    no_duplicates: "No image is there more than once.",
    absent: "no picture",
    why: "Why?",
    why_help: "Frames of the same number show what is most alike in the image looked for (left) and in the \
               one found (right), to the model.",
    why_nothing: "No part stands out: the images are alike as a whole, or hardly at all.",
    none: "Nothing in the collection is as similar as was asked for.",
    next: "What to try next",
    own_images: "your own images",
    which_alike: "which of them look like this one?",
};

pub(super) const JAPANESE: Words = Words {
    language: "ja",
    made_with: ["このパソコンの Niteru ", " で作成しました"],
    results_of: ["「", "」の検索結果"],
    demo: "Niteru デモ",
    model: "モデル",
    matrix: "どれくらい似ていますか",
    matrix_help: "数字は 2 枚の画像のコサイン類似度です。1.000 は同じ画像で、大きいほど似ています。\
                  異なるモデルの数字どうしは比べられません。",
    less: "似ていない",
    more: "似ている",
    search: "いちばん似ている画像",
    search_help: "コレクションの画像を、似ている順に並べています。順番と数字の差に注目してください。\
                  「似ている」といえる数字の大きさは、検索する画像によって変わります。",
    query: "検索した画像",
    rank: ["", " 位"],
    only: "絞り込み",
    not: "除外",
    unlike: "似ていない例",
    in_group: ["", " 枚"],
    ungrouped: ["グループ分けする値がないため除いた画像: ", " 枚"],
    duplicates_of: ["「", "」の重複画像"],
    duplicates_help: "各グループの先頭の画像と、ほかの画像を比べています。数字はコサイン類似度です。\
                      削除する前に確認してください。写真では見分けられない部品もあります。",
    exact: ["同じファイル: ", " 枚"],
    near: ["保存し直した同じ画像: ", " 枚"],
    no_duplicates: "重複した画像はありませんでした。",
    absent: "画像なし",
    why: "似ている理由",
    why_help: "同じ番号の枠は、モデルから見て特に似ている部分です。左が検索した画像、右が見つかった画像です。",
    why_nothing: "特に似ている部分はありません。全体として似ているか、あまり似ていない画像です。",
    none: "指定した類似度以上の画像はありませんでした。",
    next: "次に試すこと",
    own_images: "お手元の画像を追加",
    which_alike: "この画像に似ているのはどれ？",
};
