//! The model cache: importing, opening, verifying and removing, and Python packages.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use niteru_encoder::{
    Hub, ModelCache, ModelError, ModelKind, ModelState, Network, Pip, Watch, catalogue,
};
use support::{cache, clip_tensors, lite, names, safetensors, sha256, write_clip};

const QUIET: fn() -> Watch<'static> = Watch::silent;

#[test]
fn a_clip_folder_is_imported_verified_and_removed() {
    let (home, cache) = cache();
    let folder = home.path().join("download");
    fs::create_dir(&folder).unwrap();
    write_clip(&folder);
    fs::write(folder.join("README.md"), "not needed").unwrap();
    // With both kinds of weights the safetensors file is taken; the other is not even looked at.
    fs::write(folder.join("pytorch_model.bin"), "rubbish").unwrap();

    let files = cache.import("my-clip", &folder, &QUIET()).unwrap();
    assert_eq!(files, cache.open("my-clip").unwrap());
    assert_eq!(files.kind, ModelKind::Clip);
    assert_eq!(files.weights_sha256, sha256(&safetensors(&clip_tensors())));
    assert!(files.config.is_some() && files.preprocessor.is_some() && files.tokenizer.is_some());
    let mut installed: Vec<_> = fs::read_dir(&files.directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    installed.sort();
    assert_eq!(
        installed,
        [
            "config.json",
            "model.json",
            "model.safetensors",
            // Loaded to see whether it can be, and kept so.
            "packed",
            "preprocessor_config.json",
            "tokenizer.json"
        ]
    );
    cache.verify("my-clip", &QUIET()).unwrap();

    let list = cache.list().unwrap();
    assert_eq!(list.len(), catalogue().len() + 1);
    let ModelState::Installed(manifest) = &list[list.len() - 1].state else {
        panic!("{list:?}")
    };
    assert!(manifest.source.contains("download"), "{manifest:?}");
    assert!(
        list[..catalogue().len()]
            .iter()
            .all(|m| matches!(m.state, ModelState::NotInstalled))
    );

    let error = cache
        .import("my-clip", &folder, &QUIET())
        .unwrap_err()
        .to_string();
    assert!(error.contains("niteru models remove my-clip"), "{error}");
    cache.remove("my-clip", &QUIET()).unwrap();
    assert!(matches!(
        cache.open("my-clip"),
        Err(ModelError::Unknown { .. })
    ));
    assert_eq!(names(&cache), [""; 0]);
}

#[test]
fn pytorch_weights_are_taken_where_there_is_no_safetensors_file() {
    let (home, cache) = cache();
    write_clip(home.path());
    fs::rename(
        home.path().join("model.safetensors"),
        home.path().join("pytorch_model.bin"),
    )
    .unwrap();
    let files = cache
        .import("clip-vit-b-32", home.path(), &QUIET())
        .unwrap();
    assert_eq!(files.weights.file_name().unwrap(), "pytorch_model.bin");
}

#[cfg(unix)]
#[test]
fn a_link_inside_the_folder_is_followed() {
    let (home, cache) = cache();
    write_clip(home.path());
    fs::rename(home.path().join("config.json"), home.path().join("blob")).unwrap();
    std::os::unix::fs::symlink("blob", home.path().join("config.json")).unwrap();
    let files = cache.import("linked", home.path(), &QUIET()).unwrap();
    assert!(files.config.unwrap().symlink_metadata().unwrap().is_file());
}

#[test]
fn efficientnet_lite_weights_are_told_by_their_tensors() {
    let (home, cache) = cache();
    let rows = [
        (16, 320, Ok(0)),
        (21, 320, Ok(1)),
        (21, 352, Ok(2)),
        (23, 384, Err("23 blocks")),
        (0, 320, Err("not those")),
    ];
    for (blocks, head, expected) in rows {
        let path = home.path().join(format!("{blocks}-{head}.bin"));
        fs::write(&path, safetensors(&lite(blocks, head))).unwrap();
        let imported = cache.import(&format!("lite-{blocks}-{head}"), &path, &QUIET());
        match (imported, expected) {
            (Ok(files), Ok(variant)) => {
                assert_eq!(files.kind, ModelKind::EfficientNetLite { variant });
                assert!(files.config.is_none());
            }
            (Err(error), Err(message)) => assert!(error.to_string().contains(message), "{error}"),
            (other, _) => panic!("{blocks} blocks, head {head}: {other:?}"),
        }
    }
}

#[test]
fn under_a_name_of_the_catalogue_only_that_file_is_let_in() {
    let (home, cache) = cache();
    let path = home.path().join("mine.pth");
    fs::write(&path, safetensors(&lite(16, 320))).unwrap();
    let error = cache
        .import("efficientnet-lite0", &path, &QUIET())
        .unwrap_err()
        .to_string();
    for part in ["efficientnet-lite0", "mine.pth", "579344248a93", "tampered"] {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
    // Neither a folder for a single file, nor the other way round.
    write_clip(home.path());
    assert!(
        cache
            .import("efficientnet-lite0", home.path(), &QUIET())
            .is_err()
    );
    let error = cache
        .import("clip-vit-b-16", &path, &QUIET())
        .unwrap_err()
        .to_string();
    assert!(error.contains("config.json"), "{error}");
    assert_eq!(names(&cache), [""; 0]);
}

#[test]
fn names_that_could_leave_the_folder_are_refused() {
    let (home, cache) = cache();
    write_clip(home.path());
    let long = "a".repeat(65);
    for name in [
        "", ".", "..", "../x", "a/b", "a\\b", ".hidden", "-rf", "Ä", "A", "a b", "a\0", &long,
    ] {
        for result in [
            cache.import(name, home.path(), &QUIET()).err(),
            cache.open(name).err(),
            cache.remove(name, &QUIET()).err(),
            cache.status(name).err(),
        ] {
            assert!(
                matches!(result, Some(ModelError::BadName { .. })),
                "{name:?}: {result:?}"
            );
        }
    }
    assert!(!cache.root().exists());
}

#[test]
fn missing_models_say_what_to_run() {
    let (_home, cache) = cache();
    let error = cache.open("clip-vit-b-32").unwrap_err().to_string();
    assert!(
        error.contains("niteru models pull clip-vit-b-32"),
        "{error}"
    );
    let error = cache.open("clip-vit-g").unwrap_err().to_string();
    assert!(
        error.contains("clip-vit-g") && error.contains("efficientnet-lite0"),
        "{error}"
    );
    assert!(cache.remove("efficientnet-lite1", &QUIET()).is_err());
    let network = Network {
        hub: Hub::new("http://127.0.0.1:1"),
        pip: Pip::default(),
    };
    assert!(matches!(
        cache.pull("nothing", &network, &QUIET()),
        Err(ModelError::Unknown { .. })
    ));
    let error = cache
        .import("mine", Path::new("/nonexistent"), &QUIET())
        .unwrap_err()
        .to_string();
    assert!(error.contains("/nonexistent"), "{error}");
}

#[test]
fn damage_is_found_and_can_be_removed() {
    type Break = fn(&Path);
    let rows: Vec<(&str, Break, &str)> = vec![
        (
            "cut short",
            |d| fs::write(d.join("tokenizer.json"), "{}").unwrap(),
            "should have",
        ),
        (
            "missing",
            |d| fs::remove_file(d.join("model.safetensors")).unwrap(),
            "model.safetensors",
        ),
        (
            "no manifest",
            |d| fs::remove_file(d.join("model.json")).unwrap(),
            "model.json",
        ),
        (
            "empty manifest",
            |d| fs::write(d.join("model.json"), "").unwrap(),
            "not a manifest",
        ),
        (
            "manifest of the future",
            |d| change(d, "\"format\": 1", "\"format\": 2"),
            "format 2",
        ),
        (
            "manifest of another model",
            |d| change(d, "\"name\": \"mine\"", "\"name\": \"other\""),
            "other",
        ),
        (
            "unknown kind",
            |d| change(d, "\"clip\"", "\"bert\""),
            "bert",
        ),
        (
            "a path for a name",
            |d| change(d, "tokenizer.json", "../../x"),
            "not allowed",
        ),
        (
            "a hash that is none",
            |d| {
                let text = fs::read_to_string(d.join("model.json")).unwrap();
                let at = text.find("\"sha256\": \"").unwrap() + 11;
                fs::write(
                    d.join("model.json"),
                    format!("{}{}", &text[..at], &text[at + 1..]),
                )
                .unwrap();
            },
            "not allowed",
        ),
    ];
    fn change(folder: &Path, from: &str, to: &str) {
        let text = fs::read_to_string(folder.join("model.json")).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(folder.join("model.json"), text.replace(from, to)).unwrap();
    }
    let mut failures = Vec::new();
    for (name, break_it, message) in rows {
        let (home, cache) = cache();
        write_clip(home.path());
        let files = cache.import("mine", home.path(), &QUIET()).unwrap();
        break_it(&files.directory);
        match cache.open("mine") {
            Err(error @ ModelError::Damaged { .. }) if error.to_string().contains(message) => (),
            other => failures.push(format!("{name}: {other:?}")),
        }
        let list = cache.list().unwrap();
        if !matches!(&list[list.len() - 1].state, ModelState::Damaged(why) if why.contains(message))
        {
            failures.push(format!("{name}: listed as {:?}", list[list.len() - 1]));
        }
        cache.remove("mine", &QUIET()).unwrap();
        if !names(&cache).is_empty() {
            failures.push(format!("{name}: left behind {:?}", names(&cache)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn what_a_killed_run_left_is_never_seen_and_is_cleaned_up() {
    let (home, cache) = cache();
    for left in [".tmp-clip-vit-b-32", ".trash-mine"] {
        fs::create_dir_all(cache.root().join(left)).unwrap();
        write_clip(&cache.root().join(left));
    }
    assert!(
        cache
            .list()
            .unwrap()
            .iter()
            .all(|m| matches!(m.state, ModelState::NotInstalled))
    );
    assert_eq!(names(&cache).len(), 2);
    write_clip(home.path());
    cache
        .import("clip-vit-b-32", home.path(), &QUIET())
        .unwrap();
    assert_eq!(names(&cache), ["clip-vit-b-32"]);
}

#[test]
fn writers_take_turns() {
    let (home, cache) = cache();
    write_clip(home.path());
    fs::create_dir_all(cache.root()).unwrap();
    let lock = fs::File::create(cache.root().join(".lock")).unwrap();
    lock.lock().unwrap();
    let waits = std::cell::Cell::new(0);
    let error = cache
        .import(
            "mine",
            home.path(),
            &Watch::new(&|_| waits.set(waits.get() + 1), &|| waits.get() > 0),
        )
        .unwrap_err();
    assert!(error.to_string().contains("cancelled"), "{error}");
    assert_eq!(waits.get(), 1, "says once that it waits");
    let (other, folder) = (cache.clone(), home.path().to_path_buf());
    let import = std::thread::spawn(move || other.import("mine", &folder, &QUIET()).map(drop));
    std::thread::sleep(Duration::from_millis(200));
    assert!(cache.open("mine").is_err());
    lock.unlock().unwrap();
    import.join().unwrap().unwrap();
    cache.open("mine").unwrap();
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let home = tempfile::tempdir().unwrap();
    write_clip(home.path());
    fs::write(home.path().join("models"), "a file").unwrap();
    let cache = ModelCache::new(home.path().join("models"));
    let error = cache
        .import("mine", home.path(), &QUIET())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("models") && error.contains("mine"),
        "{error}"
    );
}

/// The published weights, brought as a file.
#[test]
fn the_published_file_is_let_in_under_its_name() {
    let relative = "models/efficientnet-lite0/efficientnet-lite0-57934424.pth";
    let Some(path) = niteru_testkit::test_home(relative) else {
        return;
    };
    let (_home, cache) = cache();
    let files = cache.import("efficientnet-lite0", &path, &QUIET()).unwrap();
    assert_eq!(files.kind, ModelKind::EfficientNetLite { variant: 0 });
    assert_eq!(
        files.weights.file_name().unwrap(),
        "efficientnet-lite0-57934424.pth"
    );
    cache.verify("efficientnet-lite0", &QUIET()).unwrap();
}
