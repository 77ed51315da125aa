//! Inspectors: versions of a name, their bytes as they were, damage found, never lost by the way.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use niteru_store::{
    BackupOptions, CheckOptions, Home, NewInspector, ProblemKind, RestoreOptions, StoreError,
    check, restore,
};
use serde_json::{Value, json};
use support::database;

fn home() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(folder.path().join("home")).unwrap();
    (folder, home)
}

fn save(home: &Home, name: &str, bytes: &[u8]) -> niteru_store::StoredInspector {
    let new = NewInspector {
        model: "fake",
        fingerprint: "f00d",
        settings: &json!({ "false_alarm": 0.01 }),
        summary: &json!({ "good": 20 }),
        bytes,
    };
    home.save_inspector(name, &new).unwrap()
}

#[test]
fn what_is_trained_after_a_removal_is_another_inspector() {
    let (_folder, home) = home();
    let first = save(&home, "ねじ", b"one");
    assert_eq!(home.inspector_id("ねじ", None).unwrap(), first.id);
    home.remove_inspector("ねじ", true).unwrap();
    let error = home.inspector_id("ねじ", None).unwrap_err();
    assert!(matches!(error, StoreError::NoInspector { .. }), "{error}");
    let again = save(&home, "ねじ", b"one");
    assert_eq!(again.version, first.version);
    assert_ne!(again.id, first.id);
    let newer = save(&home, "ねじ", b"two");
    let id = |version| home.inspector_id("ねじ", version).unwrap();
    assert_eq!(
        (id(None), id(Some(1)), id(Some(2))),
        (newer.id, again.id, newer.id)
    );
    let error = home.inspector_id("ねじ", Some(3)).unwrap_err();
    assert!(
        matches!(error, StoreError::NoInspectorVersion { .. }),
        "{error}"
    );
}

#[test]
fn each_training_is_a_version() {
    let (_folder, home) = home();
    assert!(home.inspectors().unwrap().is_empty());
    let first = save(&home, "ねじ", b"one");
    let other = save(&home, "bolt", b"other");
    let second = save(&home, "ねじ", b"two");
    assert_eq!((first.version, other.version, second.version), (1, 1, 2));
    assert!(first.id < other.id && other.id < second.id);
    assert_eq!((first.bytes, first.inspections), (3, 0));
    assert_eq!(first.settings, json!({ "false_alarm": 0.01 }));

    let newest = home.inspector("ねじ", None).unwrap();
    assert_eq!((&newest.inspector, &*newest.bytes), (&second, &b"two"[..]));
    let old = home.inspector("ねじ", Some(1)).unwrap();
    assert_eq!((&old.inspector, &*old.bytes), (&first, &b"one"[..]));

    let list = home.inspectors().unwrap();
    let shown: Vec<_> = list
        .iter()
        .map(|summary| {
            (
                &*summary.newest.name,
                summary.newest.version,
                summary.versions,
            )
        })
        .collect();
    assert_eq!(shown, [("bolt", 1, 1), ("ねじ", 2, 2)]);
    assert_eq!(home.inspector_versions("ねじ").unwrap(), [second, first]);

    let json = serde_json::to_value(&list[0]).unwrap();
    assert_eq!((&json["name"], &json["bytes"]), (&json!("bolt"), &json!(5)));
    let created = json["created"].as_str().unwrap();
    assert_eq!((created.len(), &created[23..]), (24, "Z"), "{created}");
}

#[test]
fn what_is_not_there_is_named() {
    let (_folder, home) = home();
    let text = |error: StoreError| error.to_string();
    let none = text(home.inspector("nut", None).unwrap_err());
    assert_eq!(none, "no inspector \"nut\": there are none yet, train one");
    save(&home, "bolt", b"1");
    save(&home, "bolt", b"2");
    let none = text(home.inspector("nut", None).unwrap_err());
    assert_eq!(none, "no inspector \"nut\": there are bolt");
    assert_eq!(text(home.inspector_versions("nut").unwrap_err()), none);
    assert_eq!(text(home.remove_inspector("nut", true).unwrap_err()), none);
    let none = text(home.inspector("bolt", Some(3)).unwrap_err());
    assert_eq!(none, "inspector \"bolt\" has no version 3: there are 1, 2");
}

#[test]
fn hostile_names_are_refused_or_harmless() {
    let (_folder, home) = home();
    let long = "x".repeat(10_000);
    for name in ["", " ", "a\nb", "a\0b", &long] {
        let new = NewInspector {
            model: "",
            fingerprint: "",
            settings: &Value::Null,
            summary: &Value::Null,
            bytes: b"",
        };
        let error = home.save_inspector(name, &new).unwrap_err();
        assert!(matches!(error, StoreError::InspectorName { .. }), "{error}");
        assert!(error.to_string().len() < 200, "{error}");
        let error = home.inspector(name, None).unwrap_err();
        assert!(error.to_string().len() < 200, "{error}");
    }
    let injection = "'; DROP TABLE inspectors; --";
    save(&home, injection, b"still here");
    assert_eq!(
        home.inspector(injection, None).unwrap().bytes,
        b"still here"
    );
    assert_eq!(home.inspectors().unwrap().len(), 1);
}

#[test]
fn removed_ones_do_not_come_back_under_an_old_number() {
    let (_folder, home) = home();
    let first = save(&home, "bolt", b"1");
    save(&home, "bolt", b"2");
    assert_eq!(home.remove_inspector("bolt", false).unwrap(), 0);
    assert!(home.inspectors().unwrap().is_empty());
    let again = save(&home, "bolt", b"3");
    assert_eq!(again.version, 1);
    assert!(again.id > first.id + 1);
}

#[test]
fn damage_is_found_on_reading_and_by_check() {
    let (_folder, home) = home();
    let bytes: Vec<u8> = (0..100_000_u32).map(|i| (i % 251) as u8).collect();
    save(&home, "bolt", &bytes);
    save(&home, "nut", b"sound");
    let path = home.directory().to_path_buf();
    let sound = check(&path, CheckOptions::default()).unwrap();
    assert_eq!((sound.problems.len(), sound.checked.inspectors), (0, 2));
    drop(home);
    // A page in the middle of the bytes.
    let file = path.join("niteru.sqlite3");
    let mut contents = std::fs::read(&file).unwrap();
    let part = &bytes[50_000..50_100];
    let at: Vec<usize> = (0..contents.len() - part.len())
        .filter(|&at| contents[at..].starts_with(part))
        .collect();
    assert!(!at.is_empty());
    for at in at {
        contents[at + 7] ^= 1;
    }
    std::fs::write(&file, contents).unwrap();

    let home = Home::open(&path).unwrap();
    let error = home.inspector("bolt", None).unwrap_err().to_string();
    for part in [
        "\"bolt\" version 1",
        "damaged",
        "restore a backup",
        "train it again",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(home.inspector("nut", None).unwrap().bytes, b"sound");
    assert_eq!(
        home.inspectors().unwrap().len(),
        2,
        "it can still be listed"
    );
    let problems = check(&path, CheckOptions::default()).unwrap().problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].kind, ProblemKind::Truth);
    assert!(
        problems[0].what.contains("\"bolt\" version 1"),
        "{problems:?}"
    );
}

#[test]
fn unreadable_settings_are_found() {
    let (_folder, home) = home();
    save(&home, "bolt", b"1");
    let path = home.directory();
    database(path)
        .execute_batch("UPDATE inspectors SET settings = '{'")
        .unwrap();
    let problems = check(path, CheckOptions::default()).unwrap().problems;
    assert!(problems[0].what.contains("cannot be read"), "{problems:?}");
    assert!(home.inspector("bolt", None).is_err());
}

#[test]
fn a_backup_carries_them() {
    let (folder, home) = home();
    save(&home, "bolt", b"the bytes");
    let file = folder.path().join("backup.tar");
    home.backup(&file, BackupOptions::default()).unwrap();
    let other = folder.path().join("other");
    restore(&file, &other, RestoreOptions::default()).unwrap();
    let restored = Home::open(&other).unwrap();
    assert_eq!(
        restored.inspector("bolt", None).unwrap(),
        home.inspector("bolt", None).unwrap()
    );
}
