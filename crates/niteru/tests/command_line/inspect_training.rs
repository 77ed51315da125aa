//! What a training says: suspicious photos, how far to trust it, and its report.

use serde_json::Value;

use crate::inspect::{plate, plates, text};
use crate::support::Niteru;

/// 24 good plates with a scratched one in the middle of their names.
fn mixed() -> Option<Niteru> {
    let niteru = Niteru::with_model()?;
    plates(&niteru, "good", 0..24, false);
    plate(&niteru.file("good/012-scratched.png"), 99, true);
    Some(niteru)
}

fn train(niteru: &Niteru, more: &[&str]) -> Vec<String> {
    let good = niteru.file("good");
    let train = [
        "inspect",
        "train",
        "plates",
        "--false-alarm",
        "0.1",
        "--good",
        text(&good),
    ];
    train
        .iter()
        .chain(more)
        .map(|one| (*one).to_owned())
        .collect()
}

/// The names of the files in a list of JSON.
fn names(list: &Value) -> Vec<&str> {
    let paths = list.as_array().unwrap().iter();
    paths
        .map(|one| one["path"].as_str().unwrap().rsplit('/').next().unwrap())
        .collect()
}

#[test]
fn a_bad_photo_among_the_good_is_kept_left_out_or_a_reason_to_stop() {
    let Some(niteru) = mixed() else { return };
    let stopped = niteru.run(train(&niteru, &["--suspicious", "stop"]));
    stopped.fails(
        1,
        &[
            "012-scratched.png",
            "take away what is bad",
            "--suspicious keep",
        ],
    );
    let inspectors = niteru.json(["inspect", "list"]);
    assert_eq!(inspectors.as_array().map(Vec::len), Some(0), "{inspectors}");

    let kept = niteru.json(train(&niteru, &[]));
    assert!(
        names(&kept["suspicious"]).contains(&"012-scratched.png"),
        "{kept}"
    );
    assert_eq!(
        (&kept["good"], &kept["left_out"]),
        (&25.into(), &Value::Array(vec![]))
    );

    let report = niteru.file("report.html");
    let html = [
        "--suspicious",
        "leave-out",
        "--html",
        text(&report),
        "--lang",
        "ja",
    ];
    let ran = niteru.run(train(&niteru, &html));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let warned = ran
        .stderr
        .lines()
        .find(|line| line.contains("012-scratched.png"));
    assert!(
        warned.is_some_and(|line| line.starts_with("look at this")),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.contains("left out"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("version 2: learnt from 2"),
        "{}",
        ran.stdout
    );
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.contains("学習から除いた画像") && report.contains("012-scratched.png"));

    let left_out = niteru.json(train(&niteru, &["--suspicious", "leave-out"]));
    assert!(
        names(&left_out["left_out"]).contains(&"012-scratched.png"),
        "{left_out}"
    );
    let all = names(&left_out["left_out"]).len() as u64 + left_out["good"].as_u64().unwrap();
    assert_eq!(all, 25);
}

#[test]
fn bad_photos_are_set_against_the_good_ones_that_were_held_out() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    plates(&niteru, "good", 0..24, false);
    let bad = plates(&niteru, "bad", 200..206, true);
    let broken = niteru.file("bad/broken.png");
    std::fs::write(&broken, "no picture").unwrap();
    let report = niteru.file("report.html");
    let more = ["--bad", text(&bad), "--html", text(&report), "--lang", "en"];
    let ran = niteru.run(
        ["--json".to_owned()]
            .into_iter()
            .chain(train(&niteru, &more)),
    );
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("broken.png"), "{}", ran.stderr);
    let trained = ran.value();
    let quality = &trained["bad"];
    assert_eq!(
        (&quality["good"], &quality["bad"]),
        (&24.into(), &6.into()),
        "{quality}"
    );
    assert_eq!(quality["miss"]["value"], 0.0, "{quality}");
    // The threshold was made of the same scores: they do not measure false alarms.
    assert_eq!(quality["false_alarm"]["value"], Value::Null);
    assert!(quality["auroc"].as_f64().unwrap() > 0.95, "{quality}");
    assert!(!quality["trade_off"].as_array().unwrap().is_empty());
    let report = std::fs::read_to_string(report).unwrap();
    for told in [
        "Of 6 bad photos, none is missed.",
        "How far to trust",
        "broken.png",
    ] {
        assert!(report.contains(told), "no {told:?}");
    }
    assert_eq!(report.matches("<svg").count(), 2);
}

#[test]
fn how_far_to_trust_it_grows_with_the_photos() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    // plates, level, reason, more
    let table = [
        (1, "low", "one_photo", 9),
        (3, "low", "few_photos", 7),
        (12, "fair", "promise_not_kept", 7),
        (20, "good", "promise_kept", 0),
    ];
    for (count, level, reason, more) in table {
        let good = plates(&niteru, &format!("{count}"), 0..count, false);
        let report = niteru.file(format!("{count}.html"));
        let arguments = [
            "inspect",
            "train",
            "few",
            "--false-alarm",
            "0.05",
            "--good",
            text(&good),
        ];
        let trained = niteru.json(arguments.into_iter().chain(["--html", text(&report)]));
        let trust = &trained["trust"];
        assert_eq!(
            (
                &trust["level"],
                &trust["reason"],
                &trust["photos"],
                &trust["more"]
            ),
            (&level.into(), &reason.into(), &count.into(), &more.into()),
            "{trust}"
        );
        assert!(trust["why"].as_str().unwrap().len() > 40, "{trust}");
        assert!(report.is_file());
    }
}
