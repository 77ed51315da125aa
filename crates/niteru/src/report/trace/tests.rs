use std::path::Path;

use niteru_imaging::{Limits, Picture};
use niteru_learn::{Counts, enrichment};
use niteru_store::{
    Cause, DefectGroup, KnownFile, PastInspection, TimeCount, TimeCourse, TimeUnit, Trace,
    TypicalImage, Verdict, read_known,
};

use super::trace as write;
use crate::args::Language;
use crate::report::page::tests::{LANGUAGES, assert_sound, read};

const EVIL: &str = "M2</td><script>\"";

/// 2026-01-04T15:00Z: a midnight in Japan.
const MIDNIGHT: i64 = 1_767_538_800_000;
const DAY: i64 = 86_400_000;

fn cause(field: &str, value: &str) -> Cause {
    let counts = Counts {
        in_group_with_value: 12,
        in_group: 14,
        with_value: 20,
        all: 300,
    };
    Cause {
        field: field.into(),
        value: value.into(),
        counts,
        enrichment: enrichment(counts).unwrap(),
    }
}

fn group(count: u64, causes: Vec<Cause>) -> DefectGroup {
    let counts = [(0, 2), (1, 9), (3, 3)].map(|(day, in_group)| TimeCount {
        start: MIDNIGHT + day * DAY,
        in_group,
        all: 75,
    });
    DefectGroup {
        count,
        typical: TypicalImage {
            inspection: 7,
            path: format!("no/{EVIL}.png").into(),
            sha256: String::new(),
        },
        similarity: 0.81,
        first: MIDNIGHT,
        last: MIDNIGHT + 3 * DAY,
        time_course: TimeCourse {
            unit: TimeUnit::Day,
            counts: counts.to_vec(),
        },
        causes,
        past: vec![PastInspection {
            inspection: 3,
            inspector: "bolt".into(),
            path: "no/3.png".into(),
            sha256: String::new(),
            time: MIDNIGHT - 3 * DAY,
            verdict: Verdict::Ng,
            similarity: 0.7654,
            note: format!("{EVIL} worn"),
            reviewer: Some("佐藤".into()),
        }],
        inspections: vec![7],
    }
}

fn traced(groups: Vec<DefectGroup>) -> Trace {
    Trace {
        inspector: EVIL.into(),
        images: 300,
        repeated: 4,
        older_left_out: true,
        bad: 18,
        bad_without_defect: 1,
        bad_left_out: 0,
        fields: vec!["machine".into(), EVIL.into()],
        known_fields: Vec::new(),
        tests: 23,
        similarity: 0.6,
        groups,
        other_groups: 2,
        in_other_groups: 3,
    }
}

fn page(language: Language, trace: &Trace) -> String {
    read(|file| write(language, trace, 9 * 60, file))
}

#[test]
fn causes_are_told_in_both_languages() {
    let causes = vec![cause("machine", EVIL), cause("weekday", "Monday")];
    let trace = traced(vec![group(14, causes)]);
    for (language, expected) in LANGUAGES.into_iter().zip([
        [
            "12 of 14 here, 20 of 300 overall",
            "Monday",
            "18 of them are NG (6 %)",
            "Most: 2026-01-06, 9 of 75",
            "Smaller groups that are not shown: 2",
            "The image cannot be opened",
            "Like these before",
        ],
        [
            "このグループでは 14 枚中 12 枚、全体では 300 枚中 20 枚です",
            "月曜日",
            "18 枚が不良（NG）です（6 %）",
            "最も多いのは 2026-01-06 で、検査 75 枚中 9 枚です",
            "ほかに小さなグループが 2 個",
            "画像を開けません",
            "過去の似た事例",
        ],
    ]) {
        let page = page(language, &trace);
        assert_sound(&page);
        assert_eq!(page.matches("<rect").count(), 3);
        // Local days, not those of UTC.
        assert!(page.contains("2026-01-05") && !page.contains("2026-01-04"));
        for text in expected.iter().chain(&[
            "&lt; 0.001",
            "M2&lt;/td&gt;&lt;script&gt;",
            "worn” — 佐藤",
            "2026-01-02",
            "0.765",
        ]) {
            assert!(page.contains(text), "{language:?}: no {text:?}");
        }
    }
}

/// A camera has written the next photo under the name.
#[test]
fn another_photo_is_not_shown_in_a_photos_place() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, grey: u8| {
        let picture = Picture::from_rgb(40, 30, vec![grey; 3600]).unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, picture.to_png().unwrap()).unwrap();
        path
    };
    let hash_of = |path: &Path| match read_known(path, "", &Limits::default()).unwrap() {
        KnownFile::Changed { now } => now,
        KnownFile::Same(_) => panic!("nothing has no hash"),
    };
    let (typical, past) = (write("part.png", 40), write("past.png", 90));
    let mut of = group(14, Vec::new());
    of.typical.sha256 = hash_of(&typical);
    of.typical.path = typical;
    of.past[0].sha256 = hash_of(&past);
    of.past[0].path = past;
    let trace = traced(vec![of]);
    let told = ["has changed since", "別の画像に上書きされている"];
    for (language, told) in LANGUAGES.into_iter().zip(told) {
        let page = page(language, &trace);
        assert_eq!(page.matches("data:image/jpeg").count(), 2, "{language:?}");
        assert!(!page.contains(told), "{language:?}");
    }
    write("part.png", 41);
    write("past.png", 91);
    for (language, told) in LANGUAGES.into_iter().zip(told) {
        let page = page(language, &trace);
        assert_sound(&page);
        assert_eq!(page.matches("data:image/jpeg").count(), 0, "{language:?}");
        assert_eq!(page.matches(told).count(), 2, "{language:?}");
    }
}

#[test]
fn what_says_nothing_is_told_as_that() {
    let table = [
        (
            14,
            23,
            "Nothing stands out",
            "偏っている条件は見つかりませんでした",
        ),
        (14, 0, "nothing to compare", "比較できる条件がありません"),
        (2, 23, "Too few images", "枚数が少なく"),
    ];
    for (count, tests, english, japanese) in table {
        let trace = Trace {
            tests,
            ..traced(vec![group(count, Vec::new())])
        };
        for (language, told) in LANGUAGES.into_iter().zip([english, japanese]) {
            let page = page(language, &trace);
            assert_sound(&page);
            assert!(page.contains(told), "{language:?}: no {told:?}");
        }
    }
    let empty = traced(Vec::new());
    assert!(page(Language::En, &empty).contains("There are no bad images"));
    assert!(page(Language::Ja, &empty).contains("不良の画像はありません"));
}
