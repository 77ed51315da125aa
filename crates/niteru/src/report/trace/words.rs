//! What a report on the causes of bad images says, in each language.

use niteru_store::{Cause, DefectGroup, TimeCount, TimeUnit, Trace, rfc3339};

use crate::args::Language;
use crate::report::marks::percent;

/// The labels of one language.
pub(super) struct Words {
    pub(super) typical: &'static str,
    pub(super) absent: &'static str,
    pub(super) changed: &'static str,
    pub(super) course: &'static str,
    pub(super) in_common: &'static str,
    pub(super) before: &'static str,
    pub(super) similarity: &'static str,
    pub(super) caution: &'static str,
    /// Field, value, in the group, overall, corrected p, odds ratio.
    pub(super) columns: [&'static str; 6],
    pub(super) no_groups: &'static str,
    pub(super) older_left_out: &'static str,
}

const ENGLISH: Words = Words {
    typical: "Typical image",
    absent: "The image cannot be opened: it was moved or deleted.",
    changed: "This photo has changed since: another one has its name now.",
    course: "When",
    in_common: "What its images have in common",
    before: "Like these before",
    similarity: "similarity",
    caution: "What is listed is more frequent than chance explains. That need not be the cause: look there \
              first, then check on the line.",
    columns: [
        "Field",
        "Value",
        "In this group",
        "Overall",
        "Corrected p",
        "Odds ratio (95 % interval)",
    ],
    no_groups: "There are no bad images to group.",
    older_left_out: "Older inspections of the period were left out: only the newest are looked at.",
};

const JAPANESE: Words = Words {
    typical: "代表的な画像",
    absent: "画像を開けません（移動または削除されています）",
    changed: "検査後に別の画像に上書きされているため、表示できません",
    course: "発生の推移",
    in_common: "このグループに共通する条件",
    before: "過去の似た事例",
    similarity: "類似度",
    caution: "一覧にあるのは、偶然では説明できないほど偏っている条件です。原因とは限りません。\
              まずここを調べ、現場で確認してください。",
    columns: [
        "項目",
        "値",
        "このグループ",
        "全体",
        "補正済み p 値",
        "オッズ比（95 % 信頼区間）",
    ],
    no_groups: "グループ分けする不良の画像はありません。",
    older_left_out: "期間内の古い検査結果は除いています（新しいものだけを調べています）。",
};

pub(super) fn words(language: Language) -> &'static Words {
    match language {
        Language::En => &ENGLISH,
        Language::Ja => &JAPANESE,
    }
}

pub(super) fn title(language: Language, inspector: &str) -> String {
    match language {
        Language::En => format!("Causes of defects: {inspector}"),
        Language::Ja => format!("不良の原因調査: {inspector}"),
    }
}

/// What was looked at.
pub(super) fn basis(language: Language, trace: &Trace) -> String {
    let Trace { images, bad, .. } = trace;
    let share = percent(*bad as f64 / (*images).max(1) as f64);
    match language {
        Language::En => format!(
            "{images} images were inspected, {bad} of them are NG ({share}). Images that are bad in the \
             same way are put into groups."
        ),
        Language::Ja => format!(
            "検査した画像 {images} 枚のうち、{bad} 枚が不良（NG）です（{share}）。\
             不良の見た目が似ている画像をグループにまとめました。"
        ),
    }
}

/// What is not in the groups, sentence by sentence.
pub(super) fn left_out(language: Language, trace: &Trace) -> Vec<String> {
    let english = language == Language::En;
    let mut sentences = Vec::new();
    let mut tell = |count: u64, en: String, ja: String| {
        if count > 0 {
            sentences.push(if english { en } else { ja });
        }
    };
    let (groups, in_groups) = (trace.other_groups, trace.in_other_groups);
    tell(
        groups,
        format!("Smaller groups that are not shown: {groups}, with {in_groups} images."),
        format!("ほかに小さなグループが {groups} 個（画像 {in_groups} 枚）あります。"),
    );
    let without = trace.bad_without_defect;
    tell(
        without,
        format!("NG images without a place to group them by: {without}."),
        format!("異なる箇所の情報がなく、グループ分けできない不良の画像が {without} 枚あります。"),
    );
    let older = trace.bad_left_out;
    tell(
        older,
        format!("NG images that are too old to be grouped: {older}."),
        format!("件数が多いため、古い不良の画像 {older} 枚はグループ分けから除きました。"),
    );
    let repeated = trace.repeated;
    tell(
        repeated,
        format!("Repeated inspections of the same images, which count once: {repeated}."),
        format!("同じ画像を繰り返し検査した {repeated} 件は、1 回として数えました。"),
    );
    sentences
}

pub(super) fn group(language: Language, number: usize, count: u64) -> String {
    match (language, count) {
        (Language::En, 1) => format!("Group {number}: 1 image"),
        (Language::En, _) => format!("Group {number}: {count} images"),
        (Language::Ja, _) => format!("グループ {number}: {count} 枚"),
    }
}

/// How alike the images of a group are.
pub(super) fn alike(language: Language, group: &DefectGroup) -> String {
    match language {
        Language::En => format!("mean similarity of the defects: {:.2}", group.similarity),
        Language::Ja => format!("不良箇所どうしの平均類似度: {:.2}", group.similarity),
    }
}

/// A cause in a sentence.
pub(super) fn cause(language: Language, cause: &Cause) -> String {
    let counts = &cause.counts;
    let (field, value) = named(language, cause);
    let (here, group) = (counts.in_group_with_value, counts.in_group);
    let (with, all) = (counts.with_value, counts.all);
    match language {
        Language::En => {
            format!("{field} {value}: {here} of {group} here, {with} of {all} overall.")
        }
        Language::Ja => format!(
            "{field}「{value}」: このグループでは {group} 枚中 {here} 枚、全体では {all} 枚中 {with} 枚です。"
        ),
    }
}

/// Field and value, what the program itself knows in the reader's words.
pub(super) fn named(language: Language, cause: &Cause) -> (&str, &str) {
    let value = match (language, cause.field.as_str()) {
        (Language::Ja, "weekday") => weekday(&cause.value),
        _ => &cause.value,
    };
    (field(language, &cause.field), value)
}

fn field(language: Language, name: &str) -> &str {
    match (language, name) {
        (Language::En, "hour") => "hour of the day",
        (Language::En, "weekday") => "day of the week",
        (Language::En, "inspector_version") => "version of the inspector",
        (Language::Ja, "hour") => "時間帯（時）",
        (Language::Ja, "weekday") => "曜日",
        (Language::Ja, "operator") => "作業者",
        (Language::Ja, "inspector_version") => "検査器のバージョン",
        _ => name,
    }
}

fn weekday(english: &str) -> &str {
    match english {
        "Monday" => "月曜日",
        "Tuesday" => "火曜日",
        "Wednesday" => "水曜日",
        "Thursday" => "木曜日",
        "Friday" => "金曜日",
        "Saturday" => "土曜日",
        "Sunday" => "日曜日",
        other => other,
    }
}

/// `12 of 14 (86 %)`.
pub(super) fn count(language: Language, part: u64, all: u64) -> String {
    let share = percent(part as f64 / all.max(1) as f64);
    match language {
        Language::En => format!("{part} of {all} ({share})"),
        Language::Ja => format!("{part} / {all} 枚（{share}）"),
    }
}

/// Why a group has no causes.
pub(super) fn nothing(language: Language, trace: &Trace, group: &DefectGroup) -> String {
    let english = language == Language::En;
    if group.count < 3 {
        let text = if english {
            "Too few images to say what they have in common: at least 3 are needed."
        } else {
            "枚数が少なく、共通する条件は判断できません（3 枚以上必要です）。"
        };
        return text.into();
    }
    let fields = trace.fields.iter().map(|name| field(language, name));
    let fields: Vec<&str> = fields.collect();
    let fields = fields.join(if english { ", " } else { "、" });
    match (english, trace.tests) {
        (true, 0) => {
            "There is nothing to compare: the inspections carry no values that differ.".into()
        }
        (true, tests) => format!(
            "Nothing stands out: no value of {fields} is more frequent here than chance explains \
             ({tests} comparisons)."
        ),
        (false, 0) => {
            "比較できる条件がありません（検査結果に、違いのある項目がありません）。".into()
        }
        (false, tests) => format!(
            "偏っている条件は見つかりませんでした。「{fields}」のどの値も、偶然の範囲を超えていません\
             （比較 {tests} 件）。"
        ),
    }
}

/// The name of a span, in the reader's local time.
pub(super) fn span(unit: TimeUnit, start: i64, utc_offset_minutes: i32) -> String {
    let local = rfc3339(start.saturating_add(i64::from(utc_offset_minutes) * 60_000));
    let length = match unit {
        TimeUnit::Hour => "2026-01-31T09:00".len(),
        TimeUnit::Day | TimeUnit::Week => "2026-01-31".len(),
    };
    local.get(..length).unwrap_or(&local).replace('T', " ")
}

/// The span with the most images of the group, and what a bar of the time course counts.
pub(super) fn peak(language: Language, unit: TimeUnit, span: &str, count: &TimeCount) -> String {
    let TimeCount { in_group, all, .. } = count;
    match language {
        Language::En => {
            let (each, spans) = match unit {
                TimeUnit::Hour => ("an hour", "hours"),
                TimeUnit::Day => ("a day", "days"),
                TimeUnit::Week => ("a week", "weeks"),
            };
            format!(
                "Most: {span}, {in_group} of {all} inspected images. A bar counts the group's images of \
                 {each}; {spans} without inspections are left out."
            )
        }
        Language::Ja => {
            let (each, span_name) = match unit {
                TimeUnit::Hour => ("1 時間", "時間帯"),
                TimeUnit::Day => ("1 日", "日"),
                TimeUnit::Week => ("1 週間", "週"),
            };
            format!(
                "最も多いのは {span} で、検査 {all} 枚中 {in_group} 枚です。\
                 棒は {each}ごとの枚数で、検査のない{span_name}は省いています。"
            )
        }
    }
}
