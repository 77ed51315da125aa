//! Duplicates, backups and checks from the outside.

use std::path::Path;

use niteru_imaging::{Limits, Picture};

use crate::support::Niteru;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn duplicates_are_found_and_skipped() {
    let Some(niteru) = Niteru::with_model() else {
        return;
    };
    for seed in 1..=4 {
        niteru.picture(&format!("photos/{seed}.png"), seed);
    }
    let original = niteru.file("photos/1.png");
    std::fs::copy(&original, niteru.file("photos/copy.png")).unwrap();
    let picture = Picture::open(&original, &Limits::default()).unwrap();
    std::fs::write(
        niteru.file("photos/saved.jpg"),
        picture.to_jpeg(92).unwrap(),
    )
    .unwrap();
    let folder = niteru.file("photos");

    let added = niteru.json(["add", "all", text(&folder)]);
    assert_eq!(added["duplicates"], serde_json::json!([]), "{added}");
    let html = niteru.file("report.html");
    let found = niteru.json(["duplicates", "all", "--html", text(&html), "--lang", "ja"]);
    let groups = found["groups"].as_array().unwrap();
    let kinds: Vec<&str> = groups
        .iter()
        .map(|group| group["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["exact", "near"], "{found}");
    assert_eq!(groups[0]["images"][0]["similarity"], 1.0);
    assert_eq!(groups[0]["images"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&found["images"], &found["unavailable"]),
        (&6.into(), &0.into())
    );
    let page = std::fs::read_to_string(html).unwrap();
    assert!(page.contains("「all」の重複画像") && page.contains("data:image/jpeg"));

    let ran = niteru.run(["--json", "add", "few", text(&folder), "--skip-duplicates"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("copy.png has the contents of"),
        "{}",
        ran.stderr
    );
    let added = ran.value();
    assert_eq!(added["added"], 4, "{added}");
    assert_eq!(added["duplicates"].as_array().unwrap().len(), 2, "{added}");
    let none = niteru.run(["duplicates", "few"]);
    assert_eq!((none.code, none.stdout.trim()), (Some(0), "no duplicates"));
    niteru
        .run(["duplicates", "nothing"])
        .fails(1, &["no collection", "all"]);
    niteru
        .run(["duplicates", "all", "--threshold", "2"])
        .fails(2, &["from -1 to 1"]);
}

#[test]
fn backup_restore_check() {
    let niteru = Niteru::empty();
    niteru.run(["check"]).fails(1, &["no home"]);
    niteru.json(["collections"]);
    let checked = niteru.json(["check", "--files"]);
    assert_eq!(checked["problems"], serde_json::json!([]), "{checked}");
    let file = niteru.file("backup.tar");
    let report = niteru.json(["backup", text(&file)]);
    assert_eq!(
        (&report["files"], &report["with_models"]),
        (&1.into(), &false.into())
    );
    niteru
        .run(["backup", text(&file)])
        .fails(1, &["backup.tar", "--force"]);
    niteru.json(["backup", text(&file), "--force"]);

    niteru
        .run(["restore", text(&file)])
        .fails(1, &["not empty", "--force"]);
    let restored = niteru.json(["restore", text(&file), "--force"]);
    let old = Path::new(restored["replaced"].as_str().unwrap());
    assert!(old.join("niteru.sqlite3").exists(), "{restored}");
    std::fs::write(&file, "no archive").unwrap();
    niteru
        .run(["restore", text(&file), "--force"])
        .fails(1, &["backup.tar", "nothing was changed"]);

    let database = niteru.home().join("niteru.sqlite3");
    let mut bytes = std::fs::read(&database).unwrap();
    let last = bytes.len() - 8192;
    bytes[last] ^= 1;
    std::fs::write(&database, bytes).unwrap();
    let ran = niteru.run(["--json", "check"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let problem = &ran.value()["problems"][0];
    assert_eq!(problem["kind"], "database", "{problem}");
    assert!(
        problem["way_out"]
            .as_str()
            .unwrap()
            .contains("restore a backup")
    );
    assert!(niteru.run(["check"]).stdout.contains("restore a backup"));
}

/// A server restores over its home while somebody types a command.
#[test]
fn a_home_that_is_being_restored_is_told_of() {
    let niteru = Niteru::empty();
    niteru.json(["collections"]);
    let home = niteru.home();
    let lock = home.with_file_name(format!(
        ".{}.niteru-restoring",
        home.file_name().unwrap().to_str().unwrap()
    ));
    let held = std::fs::File::create(&lock).unwrap();
    held.lock().unwrap();
    for command in [
        vec!["collections"],
        vec!["search", "parts", "--text", "bolt"],
        vec!["inspect", "history", "parts"],
    ] {
        niteru.run(&command).fails(
            1,
            &[
                text(&home),
                "is being restored",
                "wait until that has ended",
            ],
        );
    }
    drop(held);
    // A lock that a killed restore left is none.
    niteru.json(["collections"]);
}
