//! Runs day by day: where photos come from, the history page by page, and cameras that move.

use std::path::{Path, PathBuf};

use niteru_imaging::Picture;
use serde_json::Value;

use crate::inspect::{plates, run, text, trained, verdicts};
use crate::support::{Niteru, Ran};

#[test]
fn a_csv_says_where_photos_come_from_and_the_trace_finds_it() {
    let Some(niteru) = trained() else { return };
    let bad = plates(&niteru, "day/bad", 200..206, true);
    plates(&niteru, "day/good", 100..106, false);
    let day = niteru.file("day");
    let mut csv = "path,lot,operator,time\n".to_owned();
    for seed in 200..206 {
        csv += &format!("bad/{seed:03}.png,B7,,2026-11-25 {:02}:30\n", 8 + seed % 2);
    }
    for seed in 100..105 {
        csv += &format!("good/{seed:03}.png,A1,Ito,2026-11-25T23:00:00Z\n");
    }
    csv += "bad/none.png,A1,,\n";
    let file = niteru.file("day/list.csv");
    std::fs::write(&file, csv).unwrap();
    let of_all = [
        "--operator",
        "Sato",
        "--field",
        "lot=old",
        "--field",
        "machine=M1",
    ];
    let by_row = ["--metadata", text(&file), "--utc-offset", "09:00"];
    let ran = niteru.run(
        ["--json", "inspect", "run", "plates", text(&day)]
            .iter()
            .chain(&of_all)
            .chain(&by_row),
    );
    assert_eq!(
        (ran.code, ran.lines().len()),
        (Some(3), 12),
        "{}",
        ran.stderr
    );
    for told in [
        "line 13: bad/none.png does not exist",
        "no row in",
        "105.png",
    ] {
        assert!(ran.stderr.contains(told), "no {told:?} in {}", ran.stderr);
    }

    let history = niteru
        .run(["--json", "inspect", "history", "plates"])
        .lines();
    let of = |name: &str| -> &Value {
        let named = |one: &&Value| {
            one["path"]
                .as_str()
                .is_some_and(|path| path.ends_with(name))
        };
        history.iter().find(named).unwrap()
    };
    let (bad_one, good_one, no_row) = (of("bad/200.png"), of("good/100.png"), of("good/105.png"));
    assert_eq!(bad_one["time"], "2026-11-24T23:30:00.000Z");
    assert_eq!(good_one["time"], "2026-11-25T23:00:00.000Z");
    assert_eq!(
        (&bad_one["operator"], &good_one["operator"]),
        (&"Sato".into(), &"Ito".into())
    );
    assert_eq!(
        bad_one["metadata"],
        serde_json::json!({"lot": "B7", "machine": "M1"})
    );
    assert_eq!(
        no_row["metadata"],
        serde_json::json!({"lot": "old", "machine": "M1"})
    );

    let trace = niteru.json(["inspect", "trace", "plates", "--fields", "lot"]);
    let cause = &trace["groups"][0]["causes"][0];
    assert_eq!(
        (&cause["field"], &cause["value"]),
        (&"lot".into(), &"B7".into()),
        "{trace}"
    );

    std::fs::write(&file, "part,lot\na.png,1\n").unwrap();
    let arguments = [
        "inspect",
        "run",
        "plates",
        text(&bad),
        "--metadata",
        text(&file),
    ];
    niteru
        .run(arguments)
        .fails(1, &["list.csv", "no column \"path\""]);
    let without = [
        "inspect",
        "run",
        "plates",
        text(&bad),
        "--utc-offset",
        "09:00",
    ];
    niteru.run(without).fails(2, &["--metadata"]);
}

/// The zone is given as POSIX has it, which needs no list of zones.
#[cfg(unix)]
#[test]
fn times_without_a_zone_are_those_of_this_computer() {
    let Some(niteru) = trained() else { return };
    let photos = plates(&niteru, "day", 100..101, false);
    let file = niteru.file("list.csv");
    std::fs::write(&file, "path,time\nday/100.png,2026-11-25 08:30\n").unwrap();
    let run = |zone: &str, more: &[&str]| -> (String, Ran) {
        let (photos, file) = (text(&photos), text(&file));
        let arguments = ["inspect", "run", "plates", photos, "--metadata", file];
        let mut command = niteru.command(arguments.iter().chain(more));
        let ran = Ran::from(command.env("TZ", zone).output().unwrap());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let last = ["--json", "inspect", "history", "plates", "--limit", "100"];
        let history = niteru.run(last).lines();
        let newest = history.iter().max_by_key(|one| one["id"].as_u64()).unwrap();
        (newest["time"].as_str().unwrap().to_owned(), ran)
    };
    // zone, more arguments, when that was, what is told
    let table: [(&str, &[&str], &str, &str); 4] = [
        ("JST-9", &[], "2026-11-24T23:30:00.000Z", "UTC+09:00"),
        ("XXX3:30", &[], "2026-11-25T12:00:00.000Z", "UTC-03:30"),
        ("UTC0", &[], "2026-11-25T08:30:00.000Z", "UTC+00:00"),
        (
            "JST-9",
            &["--utc-offset", "02:00"],
            "2026-11-25T06:30:00.000Z",
            "UTC+02:00",
        ),
    ];
    for (zone, more, time, told) in table {
        let (found, ran) = run(zone, more);
        assert_eq!(found, time, "{zone} {more:?}");
        assert!(ran.stderr.contains(told), "{zone}: {}", ran.stderr);
    }
    let mut trace = niteru.command(["inspect", "trace", "plates"]);
    let trace = Ran::from(trace.env("TZ", "JST-9").output().unwrap());
    assert!(trace.stderr.contains("UTC+09:00"), "{}", trace.stderr);
}

#[test]
fn the_history_is_walked_page_by_page() {
    let Some(niteru) = trained() else { return };
    let fresh = plates(&niteru, "fresh", 100..109, false);
    run(&niteru, &fresh, &[]);
    let mut pages: Vec<Vec<u64>> = Vec::new();
    let mut before: Option<String> = None;
    loop {
        let from = before.iter().flat_map(|id| ["--before", id]);
        let page = ["--json", "inspect", "history", "plates", "--limit", "4"];
        let lines = niteru.run(page.into_iter().chain(from)).lines();
        let ids: Vec<u64> = lines
            .iter()
            .map(|one| one["id"].as_u64().unwrap())
            .collect();
        let Some(last) = ids.last() else { break };
        before = Some(last.to_string());
        pages.push(ids);
    }
    assert_eq!(pages, [vec![9, 8, 7, 6], vec![5, 4, 3, 2], vec![1]]);
    let page = niteru.run(["inspect", "history", "--limit", "4"]);
    assert!(page.stderr.contains("--before 6"), "{}", page.stderr);
    let last = niteru.run(["inspect", "history", "--before", "2", "--limit", "4"]);
    assert!(!last.stderr.contains("--before"), "{}", last.stderr);
    niteru
        .run(["inspect", "history", "--before", "99"])
        .fails(1, &["99"]);
}

/// A picture with another in its place.
type Change = fn(&Picture) -> Picture;

/// Each value of a picture by a table.
fn toned(picture: &Picture, tone: impl Fn(u32) -> u32) -> Picture {
    let values = picture.pixels().iter();
    let pixels = values.map(|&value| tone(u32::from(value)).min(255) as u8);
    Picture::from_rgb(picture.width(), picture.height(), pixels.collect()).unwrap()
}

/// A lamp that has lost half of its light: tiles of this set were photographed with more and with less.
fn dimmed(picture: &Picture) -> Picture {
    toned(picture, |value| value / 2)
}

/// A lamp that has almost gone out.
fn darker(picture: &Picture) -> Picture {
    toned(picture, |value| value / 20)
}

/// A shutter that stays open for three times as long.
fn overexposed(picture: &Picture) -> Picture {
    toned(picture, |value| 3 * value)
}

/// A camera that has moved a fifth of the picture aside, beyond the part.
fn moved(picture: &Picture) -> Picture {
    let away = picture.width() / 5;
    picture.crop(i64::from(away), 0, picture.width(), picture.height())
}

fn unchanged(picture: &Picture) -> Picture {
    picture.clone()
}

/// A folder with these photos, changed.
fn changed(niteru: &Niteru, folder: &str, photos: &[PathBuf], change: Change) -> PathBuf {
    for photo in photos {
        let picture = Picture::open(photo, &Default::default()).unwrap();
        let name = photo.file_stem().unwrap().to_str().unwrap();
        let file = niteru.file(format!("{folder}/{name}.png"));
        std::fs::write(file, change(&picture).to_png().unwrap()).unwrap();
    }
    niteru.file(folder)
}

/// `count` files of a folder, spread over it, from the `from`-th on.
fn some(folder: &Path, from: usize, count: usize) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let step = (files.len() / count).max(1);
    files
        .into_iter()
        .skip(from)
        .step_by(step)
        .take(count)
        .collect()
}

/// A home with the inspector `tiles`, learnt from 40 good ones.
fn tiles(data: &Path) -> Option<Niteru> {
    let niteru = Niteru::with_model()?;
    let good = some(&data.join("good"), 0, 40);
    let train = [
        "inspect",
        "train",
        "tiles",
        "--false-alarm",
        "0.05",
        "--good",
    ];
    niteru.json(train.into_iter().chain(good.iter().map(|path| text(path))));
    Some(niteru)
}

fn judge(niteru: &Niteru, photos: &Path, more: &[&str]) -> Ran {
    let ran = niteru.run(["inspect", "run", "tiles", text(photos)].iter().chain(more));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran
}

const CHANGED: &str = "photos as a whole score higher";

#[test]
fn a_changed_camera_is_told_and_a_few_defects_are_not() {
    let Some(data) = niteru_testkit::shared("data/magnetic-tile") else {
        return;
    };
    let Some(niteru) = tiles(&data) else { return };
    let none = niteru.json(["inspect", "drift", "tiles"]);
    let expected = serde_json::json!({
        "inspector": "tiles", "version": 1, "decisions": 0, "superiority": null, "p_value": null,
        "drift": null, "direction": "none", "needed": 20,
    });
    assert_eq!(none, expected);
    // Photos of the training do not count.
    let learnt = some(&data.join("good"), 0, 40);
    let paths = learnt.iter().map(|path| text(path));
    niteru.run(["inspect", "run", "tiles"].into_iter().chain(paths));
    assert_eq!(niteru.json(["inspect", "drift", "tiles"])["decisions"], 0);

    let fresh = some(&data.join("good"), 5, 50);
    let fresh: Vec<PathBuf> = fresh
        .into_iter()
        .filter(|file| !learnt.contains(file))
        .collect();
    let defects = ["blowhole", "break", "crack", "fray", "uneven"];
    let defects = defects.iter().flat_map(|kind| some(&data.join(kind), 1, 2));
    let a_fifth_bad = [&fresh[..40], &defects.collect::<Vec<_>>()].concat();
    // what, the photos, how they are changed, whether it is told
    let table: [(&str, &[PathBuf], Change, bool); 6] = [
        ("good", &fresh, unchanged, false),
        ("dimmed", &fresh, dimmed, false),
        ("a fifth NG", &a_fifth_bad, unchanged, false),
        ("dark", &fresh, darker, true),
        ("overexposed", &fresh, overexposed, true),
        ("moved", &fresh, moved, true),
    ];
    let mut wrong = Vec::new();
    for (what, photos, change, told) in table {
        assert!(photos.len() >= 45, "{what}: {}", photos.len());
        let folder = changed(&niteru, what, photos, change);
        let ran = judge(&niteru, &folder, &[]);
        let last = photos.len().to_string();
        let drift = niteru.json(["inspect", "drift", "tiles", "--last", &last]);
        if drift["drift"] != told || ran.stderr.contains(CHANGED) != told {
            wrong.push(format!("{what}: {drift} {}", ran.stderr));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let moved = niteru.json(["inspect", "drift", "tiles"]);
    assert_eq!(
        (&moved["direction"], &moved["needed"]),
        (&"up".into(), &0.into())
    );
    let report = niteru.file("report.html");
    judge(
        &niteru,
        &niteru.file("moved"),
        &["--html", text(&report), "--lang", "ja"],
    );
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.contains("画像全体の傾向が変わっています"));
}

#[test]
fn too_few_decisions_are_told_with_how_many_are_missing() {
    let Some(niteru) = trained() else { return };
    let fresh = plates(&niteru, "fresh", 100..107, false);
    let lines = run(&niteru, &fresh, &[]);
    assert!(verdicts(&lines, "OK") > 0);
    let drift = niteru.json(["inspect", "drift", "plates"]);
    assert_eq!(
        (&drift["drift"], &drift["decisions"], &drift["needed"]),
        (&Value::Null, &7.into(), &13.into())
    );
    let told = niteru.run(["inspect", "drift", "plates"]);
    assert!(told.stdout.contains("13 more"), "{}", told.stdout);
    niteru
        .run(["inspect", "drift", "plates", "--last", "5"])
        .fails(2, &["20 or more"]);
}
