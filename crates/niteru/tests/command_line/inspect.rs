//! From photos of good parts to verdicts, and back to their causes.

use std::path::{Path, PathBuf};

use niteru_imaging::Picture;
use serde_json::Value;

use crate::support::Niteru;

/// Brushed plates; `scratched` ones have a dark scratch from (40, 40) to (90, 70).
pub(crate) fn plate(path: &Path, seed: u32, scratched: bool) {
    let (width, height) = (144u32, 112u32);
    let mut state = seed.wrapping_mul(0x9E37_79B9).wrapping_add(12_345);
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as i32 % 61 - 30
    };
    let light = (seed * 7 % 23) as i32 - 11;
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let brushed = 128 + light + 14 * i32::from((y / 3 + seed).is_multiple_of(2)) + noise();
            let near = (i64::from(x) - 40) * 30 - (i64::from(y) - 40) * 50;
            let scratch = scratched && (40..90).contains(&x) && near.abs() < 100;
            let value = if scratch { brushed - 60 } else { brushed };
            pixels.extend([value.clamp(0, 255) as u8; 3]);
        }
    }
    let picture = Picture::from_rgb(width, height, pixels).unwrap();
    std::fs::write(path, picture.to_png().unwrap()).unwrap();
}

/// A folder of plates.
pub(crate) fn plates(
    niteru: &Niteru,
    folder: &str,
    seeds: std::ops::Range<u32>,
    scratched: bool,
) -> PathBuf {
    for seed in seeds {
        plate(
            &niteru.file(format!("{folder}/{seed:03}.png")),
            seed,
            scratched,
        );
    }
    niteru.file(folder)
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A home with the inspector `plates`, trained from 24 good ones with a false-alarm rate of 0.1.
pub(crate) fn trained() -> Option<Niteru> {
    let niteru = Niteru::with_model()?;
    let good = plates(&niteru, "good", 0..24, false);
    let rate = ["--false-alarm", "0.1"];
    let arguments = ["inspect", "train", "plates", "--good", text(&good)];
    let trained = niteru.json(arguments.into_iter().chain(rate));
    assert_eq!(
        (&trained["version"], &trained["good"]),
        (&1.into(), &24.into()),
        "{trained}"
    );
    assert_eq!(trained["kept"], true, "{trained}");
    Some(niteru)
}

/// The lines of a run over some paths.
pub(crate) fn run(niteru: &Niteru, paths: &Path, more: &[&str]) -> Vec<Value> {
    let arguments = ["--json", "inspect", "run", "plates", text(paths)];
    let ran = niteru.run(arguments.iter().chain(more));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let lines = ran.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn verdicts(lines: &[Value], verdict: &str) -> usize {
    lines
        .iter()
        .filter(|line| line["verdict"] == verdict)
        .count()
}

#[test]
fn scratched_plates_are_found_traced_and_replayed() {
    let Some(niteru) = trained() else { return };
    let fresh = plates(&niteru, "fresh", 100..110, false);
    let bad = plates(&niteru, "bad", 200..206, true);
    let heat = niteru.file("heat");
    let report = niteru.file("report.html");
    let written = [
        "--heatmaps",
        text(&heat),
        "--html",
        text(&report),
        "--lang",
        "ja",
    ];
    let by = ["--operator", "Sato", "--field", "machine=M2"];
    let found = run(&niteru, &bad, &[&written[..], &by[..]].concat());
    let good = run(&niteru, &fresh, &["--field", "machine=M1"]);
    assert_eq!(verdicts(&found, "NG"), 6, "{found:?}");
    assert!(verdicts(&good, "OK") >= 8, "{good:?}");

    let worst = &found[0]["regions"][0];
    let number = |name: &str| worst[name].as_u64().unwrap();
    let (x, y, w, h) = (number("x"), number("y"), number("w"), number("h"));
    assert!(x < 90 && x + w > 40 && y < 70 && y + h > 40, "{worst}");
    for name in ["score", "threshold", "p_value"] {
        assert!(found[0][name].as_f64().unwrap().is_finite(), "{}", found[0]);
    }
    let heatmap = found[0]["heatmap"].as_str().unwrap();
    let shown = Picture::open(Path::new(heatmap), &Default::default()).unwrap();
    assert_eq!((shown.width(), shown.height()), (144, 112));
    assert!(heat.join("200.heat16.png").is_file());
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.contains("lang=\"ja\""));
    assert!(!report.contains("src=\"http") && !report.contains("href=\"http"));

    let history = niteru.run(["--json", "inspect", "history", "plates", "--verdict", "NG"]);
    let newest: Value = serde_json::from_str(history.stdout.lines().next().unwrap()).unwrap();
    let id = found[0]["id"].to_string();
    let replayed = niteru.json(["inspect", "replay", &id]);
    assert_eq!(replayed["same"], true, "{replayed}");
    assert_eq!(newest["operator"], "Sato", "{newest}");
    assert_eq!(newest["metadata"]["machine"], "M2", "{newest}");

    let trace = niteru.json(["inspect", "trace", "plates", "--fields", "machine"]);
    let cause = &trace["groups"][0]["causes"][0];
    assert_eq!(
        (&cause["field"], &cause["value"]),
        (&"machine".into(), &"M2".into()),
        "{trace}"
    );

    niteru.json([
        "inspect",
        "review",
        &id,
        "--verdict",
        "ok",
        "--note",
        "dust",
        "--by",
        "Ito",
    ]);
    let passed = niteru.run(["--json", "inspect", "history", "plates", "--verdict", "OK"]);
    assert!(
        passed.stdout.contains("\"note\":\"dust\""),
        "{}",
        passed.stdout
    );

    let good = niteru.file("good");
    let again = [
        "inspect",
        "train",
        "plates",
        "--good",
        text(&good),
        "--with-reviews",
    ];
    let again = niteru.json(again);
    assert_eq!(
        (&again["version"], &again["good"]),
        (&2.into(), &25.into()),
        "{again}"
    );
    let replayed = niteru.json(["inspect", "replay", &id]);
    assert_eq!(
        (&replayed["same"], &replayed["version"]),
        (&true.into(), &1.into()),
        "{replayed}"
    );

    std::fs::write(niteru.file("bad/200.png"), b"another file").unwrap();
    let changed = niteru.run(["inspect", "replay", &id]);
    assert_eq!(changed.code, Some(1));
    assert!(changed.stderr.contains("200.png"), "{}", changed.stderr);

    // Its review is not dropped without a word.
    let used = serde_json::json!({ "good": 1, "bad": 0, "missing": [] });
    assert_eq!(again["reviews"], used);
    let train = [
        "--json",
        "inspect",
        "train",
        "plates",
        "--good",
        text(&good),
    ];
    let without = niteru.run(train).value();
    assert_eq!(without["reviews"], Value::Null);
    let lost = niteru.run(train.iter().chain(&["--with-reviews"]));
    assert_eq!(lost.code, Some(0), "{}", lost.stderr);
    let told = lost.value()["reviews"].clone();
    assert_eq!(
        (&told["good"], &told["missing"].as_array().unwrap().len()),
        (&0.into(), &1)
    );
    for text in ["1 photo that a person has judged", "200.png"] {
        assert!(lost.stderr.contains(text), "{text}: {}", lost.stderr);
    }
    // The contract of a run without heat maps.
    let run = niteru.run([
        "--json",
        "inspect",
        "run",
        "plates",
        text(&niteru.file("good/000.png")),
    ]);
    let line = &run.lines()[0];
    assert_eq!(line.get("heatmap"), Some(&Value::Null), "{line}");
}

#[test]
fn an_evaluation_says_how_good_it_is() {
    let Some(niteru) = trained() else { return };
    let fresh = plates(&niteru, "fresh", 100..110, false);
    let bad = plates(&niteru, "bad", 200..206, true);
    let report = niteru.file("eval.html");
    let quality = niteru.json([
        "inspect",
        "eval",
        "plates",
        "--good",
        text(&fresh),
        "--bad",
        text(&bad),
        "--html",
        text(&report),
    ]);
    assert!(quality["auroc"].as_f64().unwrap() > 0.99, "{quality}");
    assert_eq!(quality["miss"]["value"], 0.0, "{quality}");
    assert!(report.is_file());
    let none = niteru.file("none");
    std::fs::create_dir_all(&none).unwrap();
    let ran = niteru.run([
        "inspect",
        "eval",
        "plates",
        "--good",
        text(&none),
        "--bad",
        text(&bad),
    ]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
}

#[test]
fn bad_input_is_told_with_the_way_out() {
    let Some(niteru) = trained() else { return };
    let broken = niteru.file("mixed/broken.png");
    std::fs::write(&broken, b"no picture").unwrap();
    plate(&niteru.file("mixed/plate.png"), 7, false);
    let mixed = niteru.file("mixed");
    let ran = niteru.run(["--json", "inspect", "run", "plates", text(&mixed)]);
    assert_eq!(
        (ran.code, ran.stdout.lines().count()),
        (Some(3), 1),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("broken.png"), "{}", ran.stderr);

    let empty = niteru.file("empty");
    std::fs::create_dir_all(&empty).unwrap();
    let good = niteru.file("good");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["inspect", "run", "nobody", text(&mixed)], 1, "plates"),
        (
            &[
                "inspect",
                "run",
                "plates",
                text(&mixed),
                "--inspector-version",
                "9",
            ],
            1,
            "1",
        ),
        (
            &["inspect", "train", "x", "--good", text(&empty)],
            1,
            "at least one",
        ),
        (
            &[
                "inspect",
                "train",
                "x",
                "--good",
                text(&good),
                "--false-alarm",
                "2",
            ],
            1,
            "above 0",
        ),
        (
            &[
                "inspect",
                "train",
                "x",
                "--good",
                text(&good),
                "--tiles",
                "9",
            ],
            2,
            "1 to 8",
        ),
        (
            &[
                "inspect",
                "train",
                "x",
                "--good",
                text(&good),
                "--area",
                text(&broken),
            ],
            1,
            "broken.png",
        ),
        (&["inspect", "replay", "12345"], 1, "12345"),
        (
            &["inspect", "review", "12345", "--verdict", "NG"],
            1,
            "12345",
        ),
        (
            &["inspect", "run", "plates", text(&mixed), "--field", "lot"],
            2,
            "FIELD=VALUE",
        ),
        (
            &["inspect", "trace", "plates", "--since", "yesterday"],
            2,
            "2026-11-25",
        ),
        (&["inspect", "remove", "plates"], 1, "its history"),
    ];
    let mut wrong = Vec::new();
    for (arguments, code, told) in cases {
        let ran = niteru.run(*arguments);
        if ran.code != Some(*code) || !ran.stderr.contains(told) {
            wrong.push(format!("{arguments:?}: {:?} {}", ran.code, ran.stderr));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
