//! What a report on a training says, in each language.

use niteru_inspect::{Trust, TrustLevel, TrustReason};
use niteru_learn::Interval;

use crate::args::Language;
use crate::report::marks::percent;

/// Of fewer good photos no places are learnt.
const FEW: usize = 4;

/// The labels of one language.
pub(super) struct Words {
    pub(super) trust: &'static str,
    pub(super) promise: &'static str,
    pub(super) suspicious: &'static str,
    pub(super) suspicious_help: &'static str,
    pub(super) left_out: &'static str,
    pub(super) left_out_help: &'static str,
    pub(super) scores: &'static str,
    pub(super) scores_help: &'static str,
    pub(super) scores_of_one: &'static str,
    pub(super) score: &'static str,
    pub(super) threshold: &'static str,
    pub(super) and_lower: &'static str,
    pub(super) and_higher: &'static str,
    pub(super) bad: &'static str,
    pub(super) no_bad: &'static str,
    pub(super) trade_off: &'static str,
    pub(super) trade_off_basis: &'static str,
    pub(super) no_trade_off: &'static str,
    pub(super) absent: &'static str,
    pub(super) duplicates: &'static str,
    pub(super) reviews: &'static str,
    pub(super) skipped: &'static str,
}

const ENGLISH: Words = Words {
    trust: "How far to trust the threshold",
    promise: "What the threshold promises",
    suspicious: "Good photos to look at",
    suspicious_help: "These look like none of the other good photos, and were learnt from all the same. If one is \
                      bad, take it away and train again: the inspector would pass others like it.",
    left_out: "Left out",
    left_out_help: "These look like none of the other good photos, and were not learnt from. If one is good, \
                    add more that are like it.",
    scores: "Scores and threshold",
    scores_help: "Each good photo was judged by a memory that was learnt without it. Right of the threshold is NG.",
    scores_of_one: "There is one good photo: these are scores of shifted, brighter and darker copies of it. Other \
                    good parts vary more.",
    score: "score",
    threshold: "threshold",
    and_lower: "and lower",
    and_higher: "and higher",
    bad: "Bad photos",
    no_bad: "No bad photos were given, so nothing is known of how many would be missed. Some tens of them would tell.",
    trade_off: "False alarms against misses",
    trade_off_basis: "Good photos were judged while they were held out, by memories that are a little smaller than \
                      the one in use: false alarms are shown rather too high than too low.",
    no_trade_off: "With one good photo there is nothing to set the misses against.",
    absent: "The photo cannot be opened.",
    duplicates: "Copies among the good photos",
    reviews: "What people said in reviews",
    skipped: "Files that could not be used",
};

const JAPANESE: Words = Words {
    trust: "しきい値の信頼度",
    promise: "しきい値の保証範囲",
    suspicious: "確認が必要な良品",
    suspicious_help: "ほかの良品と大きく異なる画像です（学習には使用しています）。不良が混ざっていると、同じような不良を\
                      見逃すようになります。不良であれば取り除いて、学習し直してください。",
    left_out: "学習から除いた画像",
    left_out_help: "ほかの良品と大きく異なるため、学習に使用しなかった画像です。良品であれば、似た良品の画像を追加して\
                    ください。",
    scores: "スコアの分布としきい値",
    scores_help: "良品の画像は、その画像を除いて学習したモデルで採点しています。しきい値より右側が NG です。",
    scores_of_one: "良品が 1 枚だけなので、その画像をずらしたり明るさを変えたりした画像のスコアです。\
                    実際の良品のばらつきは、これより大きくなります。",
    score: "スコア",
    threshold: "しきい値",
    and_lower: "これ以下を含む",
    and_higher: "これ以上を含む",
    bad: "不良の画像",
    no_bad: "不良の画像が指定されていないため、見逃し率は分かりません。数十枚あれば確認できます。",
    trade_off: "過検出と見逃しの関係",
    trade_off_basis: "良品のスコアは、その画像を除いた少し小さい学習データによる値です。実際の過検出率は、\
                      この図より低くなる傾向があります。",
    no_trade_off: "良品が 1 枚だけなので、過検出との関係は示せません。",
    absent: "画像を開けません",
    duplicates: "重複している良品画像",
    reviews: "レビュー結果の利用",
    skipped: "使用できなかったファイル",
};

pub(super) fn words(language: Language) -> &'static Words {
    match language {
        Language::En => &ENGLISH,
        Language::Ja => &JAPANESE,
    }
}

pub(super) fn title(language: Language, inspector: &str, version: u32) -> String {
    match language {
        Language::En => format!("Training of the inspector {inspector} (version {version})"),
        Language::Ja => format!("検査器「{inspector}」（バージョン {version}）の学習結果"),
    }
}

/// How far to trust, in a word.
pub(crate) fn trust_level(language: Language, level: TrustLevel) -> &'static str {
    match (language, level) {
        (Language::En, TrustLevel::Low) => "low",
        (Language::En, TrustLevel::Fair) => "fair",
        (Language::En, TrustLevel::Good) => "good",
        (Language::Ja, TrustLevel::Low) => "低い",
        (Language::Ja, TrustLevel::Fair) => "中程度",
        (Language::Ja, TrustLevel::Good) => "高い",
    }
}

/// How far to trust, and why.
pub(crate) fn trust(language: Language, trust: &Trust) -> String {
    let Trust { photos, more, .. } = *trust;
    match (language, trust.reason) {
        (Language::En, TrustReason::OnePhoto) => format!(
            "It knows one good photo: it tells copies of it from everything else, and no more. Other good parts \
             may be stopped, and of defects nothing is promised. Add photos of at least {more} other good parts."
        ),
        (Language::En, TrustReason::FewPhotos) => format!(
            "{photos} good photos show little of how good parts vary: other good parts may be stopped, and small \
             defects pass. Add photos of at least {more} other good parts."
        ),
        (Language::En, TrustReason::PromiseNotKept) => format!(
            "{photos} good photos show how good parts usually vary, but are too few to promise the false-alarm \
             rate that was asked for. Let a person look at what is NG. For the promise it takes {more} more."
        ),
        (Language::En, TrustReason::SuspiciousPhotos) => {
            "The threshold is the score of a good photo that looks like none of the others: whatever is less \
             unusual than that photo passes. Look at it, take it away if it is bad, and train again."
                .into()
        }
        (Language::En, TrustReason::PromiseKept) => format!(
            "{photos} good photos are enough for the false-alarm rate that was asked for, while parts, camera and \
             light stay as they are. How many defects are found, only bad photos can tell."
        ),
        (Language::Ja, TrustReason::OnePhoto) => format!(
            "良品が 1 枚だけなので、その画像とほぼ同じかどうかしか判定できません。ほかの良品を不良と判定することがあり、\
             不良を検出できる保証もありません。別の良品の画像を、あと {more} 枚以上追加してください。"
        ),
        (Language::Ja, TrustReason::FewPhotos) => format!(
            "良品 {photos} 枚では、良品のばらつきを十分に学習できません。良品を不良と判定したり、小さな不良を\
             見逃したりすることがあります。別の良品の画像を、あと {more} 枚以上追加してください。"
        ),
        (Language::Ja, TrustReason::PromiseNotKept) => format!(
            "良品 {photos} 枚で一般的なばらつきは学習できましたが、指定した過検出率を保証するには足りません。\
             不良と判定した部品は、人が確認してください。保証するには、良品があと {more} 枚必要です。"
        ),
        (Language::Ja, TrustReason::SuspiciousPhotos) => {
            "ほかの良品と大きく異なる画像のスコアが、そのまましきい値になっています。その画像より正常に近いものは、すべて OK に\
             なります。画像を確認し、不良であれば取り除いて、学習し直してください。"
                .into()
        }
        (Language::Ja, TrustReason::PromiseKept) => format!(
            "良品 {photos} 枚は、指定した過検出率を保証するのに十分です（部品、カメラ、照明が変わらない場合）。\
             不良をどれだけ検出できるかは、不良の画像で確認してください。"
        ),
    }
}

/// What a suspicious photo makes of the threshold.
pub(crate) fn threshold_without(language: Language, threshold: f64, without: f64) -> String {
    match language {
        Language::En => format!(
            "The threshold of {threshold:.2} is the score of a good photo that looks like none of the others. Without \
             such photos it would be {without:.2}: more defects would be found."
        ),
        Language::Ja => format!(
            "しきい値 {threshold:.2} は、ほかの良品と大きく異なる画像のスコアです。そのような画像を除くと、しきい値は \
             {without:.2} になり、より多くの不良を検出できます。"
        ),
    }
}

pub(super) fn photos(language: Language, count: usize) -> String {
    counted(language, count, "photo")
}

/// A number of something that English has a word for, and Japanese counts in sheets.
fn counted(language: Language, count: usize, what: &str) -> String {
    match (language, count) {
        (Language::En, 1) => format!("1 {what}"),
        (Language::En, _) => format!("{count} {what}s"),
        (Language::Ja, _) => format!("{count} 枚"),
    }
}

/// The name of the bars above the axis.
pub(super) fn good_photos(language: Language, count: usize) -> String {
    match language {
        Language::En => counted(language, count, "good photo"),
        Language::Ja => format!("良品: {count} 枚"),
    }
}

/// The name of the bars above the axis, of one good photo alone.
pub(super) fn copies(language: Language, count: usize) -> String {
    match language {
        Language::En => format!("{count} copies of the good photo"),
        Language::Ja => format!("良品をもとにした画像: {count} 枚"),
    }
}

/// The name of the bars below the axis.
pub(super) fn bad_photos(language: Language, count: usize) -> String {
    match language {
        Language::En => counted(language, count, "bad photo"),
        Language::Ja => format!("不良: {count} 枚"),
    }
}

pub(super) fn not_needed(language: Language, count: usize) -> String {
    let photos = counted(language, count, "good photo");
    match language {
        Language::En => {
            format!(
                "Not read, as all together do not fit into memory: {photos}, spread evenly over all."
            )
        }
        Language::Ja => {
            format!(
                "メモリーに収まらないため、良品の画像のうち {photos}は使用していません（全体から均等に除いています）。"
            )
        }
    }
}

/// That it is not certain how photos lie.
pub(crate) fn unaligned(language: Language, count: usize) -> String {
    match (language, count) {
        (Language::En, 1) => {
            "It is not certain how 1 good photo lies: it was learnt as it lies. Look whether \
                              aligning is right for these parts."
                .into()
        }
        (Language::En, _) => format!(
            "It is not certain how {count} good photos lie: they were learnt as they lie. Look whether aligning is \
             right for these parts."
        ),
        (Language::Ja, _) => format!(
            "良品の画像のうち {count} 枚は、位置合わせが確実でないため、そのままの位置で学習しました。この部品に\
             位置合わせが適しているか、確認してください。"
        ),
    }
}

/// From how many photos is known what belongs where, unless from all; nothing of few photos, of which other words
/// tell.
pub(crate) fn placed(language: Language, placed: usize, good: usize) -> Option<String> {
    if placed == good || good < FEW {
        return None;
    }
    Some(match (language, placed) {
        (Language::En, 0) => "What belongs where is not known, as the good photos have many shapes: what is missing or \
                              lies wrong is found less well. Photos of one shape would help."
            .into(),
        (Language::En, _) => format!(
            "What belongs where was learnt from {placed} of the {good} good photos, which have one shape; in photos of \
             other shapes, what is missing or lies wrong is found less well."
        ),
        (Language::Ja, 0) => "良品の画像の縦横比がそろっていないため、部品の位置は学習していません。欠品や位置ずれを検出しにくく\
                              なります。縦横比の同じ画像で学習することをお勧めします。"
            .into(),
        (Language::Ja, _) => format!(
            "部品の位置は、良品 {good} 枚のうち縦横比の同じ {placed} 枚から学習しました。縦横比の異なる画像では、欠品や位置ずれを\
             検出しにくくなります。"
        ),
    })
}

/// That the area has another shape than photos.
pub(crate) fn stretched(language: Language, count: usize) -> String {
    let photos = counted(language, count, "good photo");
    match language {
        Language::En => format!(
            "The area has another shape than {photos} and was stretched over them: it may lie beside what it was \
             drawn for."
        ),
        Language::Ja => format!(
            "検査範囲の縦横比が良品の画像 {photos}と異なるため、引き伸ばして適用しました。検査範囲がずれている可能性があります。"
        ),
    }
}

/// How many photos people have judged that were learnt from; nothing where there are none.
pub(crate) fn reviewed(language: Language, good: usize, bad: usize) -> Option<String> {
    if good + bad == 0 {
        return None;
    }
    Some(match language {
        Language::En => format!(
            "Reviewed parts among the photos: {good} that people called good, {bad} that they called bad."
        ),
        Language::Ja => format!(
            "レビュー結果から、良品と判定された画像 {good} 枚、不良と判定された画像 {bad} 枚を使用しました。"
        ),
    })
}

/// That photos that people have judged could not be learnt from.
pub(crate) fn reviews_missing(language: Language, count: usize) -> String {
    match (language, count) {
        (Language::En, 1) => "1 photo that a person has judged was not learnt from: its file is gone, or another photo \
                              now. A camera that gives each photo a name of its own keeps them."
            .into(),
        (Language::En, _) => format!(
            "{count} photos that people have judged were not learnt from: their files are gone, or other photos now. A \
             camera that gives each photo a name of its own keeps them."
        ),
        (Language::Ja, _) => format!(
            "レビュー済みの画像のうち {count} 枚は、ファイルがないか別の画像に上書きされているため、学習に使用できませんでした。\
             撮影ごとに別のファイル名で保存すると、画像が残ります。"
        ),
    }
}

/// That copies were not learnt from, and why.
pub(super) fn duplicates(language: Language, count: usize) -> String {
    match (language, count) {
        (Language::En, 1) => {
            "1 good photo is a copy of another. Each content was learnt from once, as a copy says \
                              nothing of how good parts vary."
                .into()
        }
        (Language::En, _) => format!(
            "{count} good photos are copies of others. Each content was learnt from once, as a copy says nothing of \
             how good parts vary."
        ),
        (Language::Ja, _) => format!(
            "良品の画像のうち {count} 枚は、ほかの画像と内容が同じです。同じ画像からは良品のばらつきが分からないため、\
             1 枚だけを学習に使用しました。"
        ),
    }
}

pub(super) fn score(language: Language, score: f64) -> String {
    match language {
        Language::En => format!("score {score:.2}"),
        Language::Ja => format!("スコア {score:.2}"),
    }
}

/// That there are more than are shown.
pub(super) fn more(language: Language, count: usize) -> String {
    match language {
        Language::En => format!("And {count} more."),
        Language::Ja => format!("ほかに {count} 枚あります。"),
    }
}

/// That bad photos were learnt from, and what their verdicts are worth.
pub(super) fn learnt_of(language: Language, count: usize) -> String {
    match language {
        Language::En => format!(
            "What resembles {} that it learnt from scores higher. Here each was judged as if it were new.",
            bad_photos(language, count)
        ),
        Language::Ja => format!(
            "学習した不良 {count} 枚に似たものはスコアが高くなります。ここでは 1 枚ずつ、未学習の画像として判定しています。"
        ),
    }
}

/// How many of the bad photos pass.
pub(super) fn missed(language: Language, missed: usize, bad: usize) -> String {
    match (language, missed) {
        (Language::En, 0) => format!("Of {}, none is missed.", bad_photos(language, bad)),
        (Language::En, 1) => format!("Of {}, 1 is missed:", bad_photos(language, bad)),
        (Language::En, _) => format!("Of {}, {missed} are missed:", bad_photos(language, bad)),
        (Language::Ja, 0) => format!("不良 {bad} 枚のうち、見逃しはありません。"),
        (Language::Ja, _) => format!("不良 {bad} 枚のうち、{missed} 枚を見逃しました。"),
    }
}

pub(super) fn miss_rate(language: Language, share: f64, interval: Interval) -> String {
    let (share, low, high) = (
        percent(share),
        percent(interval.low),
        percent(interval.high),
    );
    match language {
        Language::En => format!(
            "That is {share}. Of all defects like these, between {low} and {high} would be missed, with a \
             confidence of 95 %."
        ),
        Language::Ja => format!(
            "見逃し率は {share} です。同じような不良全体では {low} ～ {high} と推定されます（95 % 信頼区間）。"
        ),
    }
}

/// What the threshold in use costs.
pub(super) fn at_threshold(
    language: Language,
    threshold: f64,
    false_alarm: &str,
    miss: &str,
) -> String {
    match language {
        Language::En => format!(
            "At the threshold in use, {threshold:.2}, {false_alarm} of the good photos are above it and {miss} of \
             the bad ones are missed. Another false-alarm rate at training moves it along the line."
        ),
        Language::Ja => format!(
            "現在のしきい値 {threshold:.2} では、良品の {false_alarm} がしきい値を超え、不良の {miss} を見逃します。\
             過検出率の指定を変えて学習すると、線上の別の点になります。"
        ),
    }
}
