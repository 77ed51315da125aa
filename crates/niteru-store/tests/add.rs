//! Adding folders of images: what is added, what is left alone, what is said about the rest.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use niteru_store::{
    AddOptions, AddProgress, Candidate, EncoderIdentity, EncoderSeconds, ImageEncoder, OnResult,
    Source, StoreError,
};
use support::{FakeEncoder, Place, age, counts, name};

#[test]
fn adds_by_path_and_contents() {
    let place = Place::new();
    place.write("a.jpg", "FAKE 1");
    place.write("sub/b.PNG", "FAKE 0 1");
    place.write("sub/notes.txt", "not looked at");
    place.write(".hidden.jpg", "FAKE hidden");
    place.write(".hidden/c.jpg", "FAKE hidden");
    place.write("bad.jpg", "text that was renamed");
    let first = place.add();
    assert_eq!(counts(&first), [2, 0, 0, 0, 1]);
    assert_eq!(
        (first.collection.as_str(), first.model.as_str()),
        ("things", "fake")
    );
    assert_eq!(name(&first.skipped[0].path), "bad.jpg");
    assert_eq!(first.skipped[0].reason, "not an image");
    assert_eq!(place.search(&[1.0, 0.1]), ["a.jpg", "b.PNG"]);
    assert_eq!(place.encoder.embedded(), 3);

    std::fs::remove_file(place.pictures().join("bad.jpg")).unwrap();
    let again = place.add();
    assert_eq!(counts(&again), [0, 0, 2, 0, 0], "nothing has changed");
    assert_eq!(place.encoder.embedded(), 0);

    place.write("a.jpg", "FAKE 0 0 1");
    age(&place.pictures().join("a.jpg"), 10);
    let changed = place.add();
    assert_eq!(
        counts(&changed),
        [0, 1, 1, 0, 0],
        "one was changed, to the same length or not"
    );
    assert_eq!(place.encoder.embedded(), 1);
    assert_eq!(place.search(&[0.0, 0.0, 1.0])[0], "a.jpg");
    let image = place
        .home
        .collection("things")
        .unwrap()
        .images(None, 1)
        .unwrap()
        .remove(0);
    assert_eq!((image.width, image.height, image.bytes), (4, 3, 10));

    age(&place.pictures().join("a.jpg"), 20);
    let touched = place.add();
    assert_eq!(
        counts(&touched),
        [0, 0, 2, 0, 0],
        "a new time alone is no change"
    );
    assert_eq!(place.encoder.embedded(), 0);
}

#[test]
fn a_change_within_the_clocks_resolution_is_seen() {
    let place = Place::new();
    let path = place.write("a.jpg", "FAKE 1 0");
    age(&path, 0);
    place.add();
    std::fs::write(&path, "FAKE 0 1").unwrap();
    age(&path, 0);
    let report = place.add();
    assert_eq!(counts(&report), [0, 1, 0, 0, 0]);
}

#[test]
fn known_contents_are_not_embedded_again() {
    let place = Place::new();
    place.write("a.jpg", "FAKE 1");
    place.add();
    place.encoder.embedded();
    place.write("copy.jpg", "FAKE 1");
    place.write("other.jpg", "FAKE 2");
    let report = place.add();
    assert_eq!(counts(&report), [2, 0, 1, 0, 0]);
    assert_eq!((report.reused, place.encoder.embedded()), (1, 1));

    let (things, other) = (place.pictures(), "other things");
    let report = place
        .home
        .add(other, &[&things], &place.encoder, AddOptions::default());
    assert_eq!(counts(&report.unwrap()), [3, 0, 0, 0, 0]);
    assert_eq!(
        place.encoder.embedded(),
        0,
        "another collection, the same encoder"
    );

    let encoder = FakeEncoder {
        model: "another",
        ..FakeEncoder::default()
    };
    let report = place
        .home
        .add("third", &[things], &encoder, AddOptions::default())
        .unwrap();
    assert_eq!(counts(&report), [3, 0, 0, 0, 0]);
    assert_eq!(encoder.embedded(), 3, "another encoder");
}

/// Draws no file before so many others are dealt with.
struct Patient {
    encoder: FakeEncoder,
    others: u64,
    done: AtomicU64,
}

impl ImageEncoder for Patient {
    fn identity(&self) -> EncoderIdentity {
        self.encoder.identity()
    }

    fn embed_files(
        &self,
        files: &mut (dyn Iterator<Item = Candidate> + Send),
        on_result: &mut OnResult<'_>,
    ) -> Result<EncoderSeconds, Source> {
        let started = Instant::now();
        while self.done.load(Ordering::Relaxed) < self.others {
            if started.elapsed() > Duration::from_secs(30) {
                return Err("the source of files had to be drawn from".into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.encoder.embed_files(files, on_result)
    }
}

#[test]
fn contents_are_compared_while_no_thread_draws_files() {
    let place = Place::new();
    place.write("known/0.jpg", "FAKE 1");
    place.add();
    for i in 1..100 {
        place.write(&format!("known/{i}.jpg"), "FAKE 1");
    }
    place.write("new.jpg", "FAKE 0 1");
    let encoder = Patient {
        encoder: FakeEncoder::default(),
        others: 100,
        done: AtomicU64::new(0),
    };
    let progress = |now: &AddProgress| encoder.done.store(now.done, Ordering::Relaxed);
    let mut options = AddOptions::default();
    options.progress = Some(&progress);
    let report = place
        .home
        .add("things", &[place.pictures()], &encoder, options)
        .unwrap();
    assert_eq!(counts(&report), [100, 0, 1, 0, 0]);
    assert_eq!((report.reused, encoder.encoder.embedded()), (99, 1));
}

#[test]
fn vanished_files_are_reported_and_come_back() {
    let place = Place::new();
    for name in ["a.jpg", "sub/b.jpg", "sub/c.jpg"] {
        place.write(name, &format!("FAKE {name}"));
    }
    place.add();
    let sub = place.pictures().join("sub");
    let aside = place.folder.path().join("aside");
    std::fs::rename(&sub, &aside).unwrap();

    let report = place.add_paths(&[place.pictures().join("a.jpg")]);
    assert_eq!(counts(&report), [0, 0, 1, 0, 0], "not below the given path");
    let report = place.add();
    assert_eq!(counts(&report), [0, 0, 1, 2, 0]);
    let mut missing: Vec<_> = report.missing.iter().map(|path| name(path)).collect();
    missing.sort();
    assert_eq!(missing, ["b.jpg", "c.jpg"]);
    assert_eq!(place.search(&[1.0]), ["a.jpg"], "searches leave them out");
    assert_eq!(counts(&place.add()), [0, 0, 1, 0, 0], "reported once");
    assert_eq!(
        counts(&place.add_paths(std::slice::from_ref(&sub))),
        [0, 0, 0, 0, 0],
        "known to be gone"
    );
    let summary = place.home.collections().unwrap().remove(0);
    assert_eq!((summary.images, summary.missing), (3, 2));

    place.encoder.embedded();
    std::fs::rename(&aside, &sub).unwrap();
    assert_eq!(counts(&place.add()), [0, 0, 3, 0, 0]);
    assert_eq!(place.encoder.embedded(), 0);
    assert_eq!(place.search(&[1.0]).len(), 3);
}

#[test]
fn paths_that_cannot_be_used_cost_only_themselves() {
    let place = Place::new();
    let good = place.write("a.jpg", "FAKE 1");
    let text = place.write("named.txt", "FAKE 2");
    let gone = place.folder.path().join("nowhere");
    let report = place.add_paths(&[gone.clone(), PathBuf::new(), good.clone(), text, good]);
    assert_eq!(
        counts(&report),
        [2, 0, 0, 0, 2],
        "a file that is named is tried, and once"
    );
    assert_eq!(report.skipped[0].path, gone);
    assert_eq!(report.skipped[0].reason, "no such file or folder");

    let report = place
        .home
        .add("empty", &[gone], &place.encoder, AddOptions::default())
        .unwrap();
    assert_eq!(counts(&report), [0, 0, 0, 0, 1]);
    let error = place.home.collection("empty").unwrap_err();
    assert_eq!(
        error.to_string(),
        "no collection \"empty\": there are things"
    );
}

#[test]
fn one_file_has_one_path() {
    let place = Place::new();
    place.write("sub/a.jpg", "FAKE 1");
    let pictures = place.pictures();
    let spellings = [
        pictures.join("sub"),
        pictures.join("./sub/"),
        pictures.join("sub/../sub/a.jpg"),
        pictures.join("sub//a.jpg"),
        pictures.clone(),
    ];
    for spelling in &spellings {
        place.add_paths(std::slice::from_ref(spelling));
    }
    assert_eq!(place.search(&[1.0]).len(), 1);
    let report = place.add_paths(&spellings);
    assert_eq!(counts(&report), [0, 0, 3, 0, 0]);
}

#[cfg(unix)]
#[test]
fn links_loops_and_folders_without_permission() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let place = Place::new();
    place.write("folder/a.jpg", "FAKE 1");
    let pictures = place.pictures();
    symlink(&pictures, pictures.join("folder/loop")).unwrap();
    symlink(
        place.write("folder/b.jpg", "FAKE 2"),
        pictures.join("link.jpg"),
    )
    .unwrap();
    symlink(pictures.join("nothing"), pictures.join("broken.jpg")).unwrap();
    let closed = pictures.join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o000)).unwrap();
    let locked = std::fs::read_dir(&closed).is_err();
    let report = place.add();
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(
        (report.added, report.unchanged),
        (2, 1),
        "the link leads to a picture that is known"
    );
    let reasons: Vec<_> = report
        .skipped
        .iter()
        .map(|s| (name(&s.path), s.reason.as_str()))
        .collect();
    let mut expected = vec![(
        "broken.jpg".to_owned(),
        "a link to a file that is not there",
    )];
    // The superuser may read everything.
    if locked {
        expected.push(("closed".to_owned(), "no permission to read it"));
    }
    assert_eq!(reasons, expected);
}

#[cfg(unix)]
#[test]
fn paths_need_not_be_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    place.write("画像/部品 1.jpg", "FAKE 1");
    let latin = place.pictures().join(OsStr::from_bytes(b"caf\xe9.jpg"));
    if std::fs::write(&latin, "FAKE 0 1").is_err() {
        return niteru_testkit::skip("this file system takes only UTF-8 names");
    }
    assert_eq!(counts(&place.add()), [2, 0, 0, 0, 0]);
    let collection = place.home.collection("things").unwrap();
    let results = collection.search(&place.query(&[0.0, 1.0], 1)).unwrap();
    assert_eq!(results[0].path, latin);
    assert!(
        serde_json::to_string(&results)
            .unwrap()
            .contains("caf\u{fffd}.jpg")
    );
    assert_eq!(collection.image_at(&latin).unwrap().id, results[0].id);
    assert_eq!(counts(&place.add())[2], 2);
}

#[test]
fn degenerate_embeddings_are_skipped() {
    let place = Place::new();
    place.write("zero.jpg", "FAKE 0 0");
    place.write("nan.jpg", "FAKE NaN");
    place.write("good.jpg", "FAKE 1");
    let report = place.add();
    assert_eq!(counts(&report), [1, 0, 0, 0, 2]);
    assert!(
        report
            .skipped
            .iter()
            .all(|skipped| skipped.reason.contains("no direction"))
    );
}

#[test]
fn other_models_are_refused() {
    let place = Place::new();
    place.write("a.jpg", "FAKE 1");
    place.add();
    let other = FakeEncoder {
        model: "finer",
        ..FakeEncoder::default()
    };
    let error = place
        .home
        .add("things", &[place.pictures()], &other, AddOptions::default())
        .unwrap_err();
    assert!(matches!(error, StoreError::OtherModel { .. }));
    let text = error.to_string();
    for part in ["\"things\"", "with fake", "with finer", "new collection"] {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    let mut query = place.query(&[1.0], 1);
    query.encoder.fingerprint = "f".repeat(64);
    let error = place
        .home
        .collection("things")
        .unwrap()
        .search(&query)
        .unwrap_err();
    assert!(matches!(error, StoreError::OtherModel { .. }));
}

#[test]
fn collection_names() {
    let place = Place::new();
    place.write("a.jpg", "FAKE 1");
    let add = |name: &str| {
        place.home.add(
            name,
            &[place.pictures()],
            &place.encoder,
            AddOptions::default(),
        )
    };
    let long = "部".repeat(100);
    for good in [
        "x",
        "部品 2026",
        "a/b",
        "'; DROP TABLE images; --",
        "🔩",
        long.as_str(),
    ] {
        assert_eq!(add(good).map(|report| report.added).ok(), Some(1), "{good}");
        assert_eq!(place.home.collection(good).unwrap().name(), good);
    }
    let too_long = "x".repeat(101);
    for bad in ["", " ", "a\nb", "a\0b", too_long.as_str()] {
        let error = add(bad).unwrap_err();
        assert!(
            matches!(error, StoreError::CollectionName { .. }),
            "{bad:?}: {error}"
        );
    }
    assert_eq!(place.home.collections().unwrap().len(), 6);
}

#[test]
fn progress_and_cancelling() {
    let place = Place::new();
    for i in 0..1000 {
        place.write(&format!("{i:04}.jpg"), &format!("FAKE number {i}"));
    }
    let cancel = AtomicBool::new(false);
    let seen: Mutex<Vec<AddProgress>> = Mutex::default();
    let progress = |now: &AddProgress| {
        seen.lock().unwrap().push(*now);
        cancel.store(now.done == 600, Ordering::Relaxed);
    };
    let mut options = AddOptions::default();
    options.cancel = Some(&cancel);
    options.progress = Some(&progress);
    let report = place
        .home
        .add("things", &[place.pictures()], &place.encoder, options)
        .unwrap();
    assert!(report.cancelled);
    assert_eq!(report.added, 600, "what was dealt with is stored");
    let seen = seen.into_inner().unwrap();
    assert_eq!(
        seen.iter().map(|p| p.done).collect::<Vec<_>>(),
        (1..=600).collect::<Vec<_>>()
    );
    assert!(
        seen.iter()
            .all(|p| p.stored <= p.done && p.total.is_none_or(|total| total == 1000))
    );
    assert!(seen.iter().any(|p| p.stored > 0), "commits come in between");

    let report = place.add();
    assert_eq!(counts(&report), [400, 0, 600, 0, 0]);
    let collection = place.home.collection("things").unwrap();
    let names: Vec<_> = collection.images(None, 2000).unwrap();
    let names: Vec<_> = names.iter().map(|image| name(&image.path)).collect();
    let expected: Vec<_> = (0..1000).map(|i| format!("{i:04}.jpg")).collect();
    assert_eq!(names, expected, "in the order of their names");
}

#[test]
fn the_report_in_json() {
    let place = Place::new();
    place.write("a.jpg", "FAKE 1");
    place.write("b.jpg", "bad");
    let json = serde_json::to_value(place.add()).unwrap();
    assert_eq!(json["added"], 1);
    assert_eq!(json["skipped"][0]["reason"], "not an image");
    for field in [
        "collection",
        "model",
        "updated",
        "unchanged",
        "missing",
        "seconds",
        "stages",
    ] {
        assert!(json.get(field).is_some(), "{field}");
    }
    assert!(json["stages"].get("forward").is_some());
}

/// A clock that jumps back makes the times of files and rows lie in the future: what changes meanwhile is
/// still noticed, and searches and change numbers go on.
#[test]
fn a_clock_that_jumps_back_hides_no_change() {
    let mut place = Place::new();
    let path = place.write("a.jpg", "FAKE 1 0 0");
    place.write("b.jpg", "FAKE 0 1 0");
    let later = std::time::SystemTime::now() + Duration::from_secs(24 * 3600);
    let set_later = || {
        let file = std::fs::File::options().append(true).open(&path).unwrap();
        file.set_modified(later).unwrap();
    };
    set_later();
    assert_eq!(counts(&place.add()), [2, 0, 0, 0, 0]);
    let ahead = "UPDATE images SET added = added + 86400000;
                 UPDATE collections SET created = created + 86400000;";
    support::database(place.home.directory())
        .execute_batch(ahead)
        .unwrap();
    place.home = niteru_store::Home::open(place.folder.path().join("home")).unwrap();
    assert_eq!(place.search(&[1.0, 0.1])[0], "a.jpg");

    // The same length and the same time, other contents.
    std::fs::write(&path, "FAKE 0 0 1").unwrap();
    set_later();
    place.write("c.jpg", "FAKE 1 1 1");
    assert_eq!(counts(&place.add()), [1, 1, 1, 0, 0]);
    assert_eq!(place.search(&[0.0, 0.1, 1.0])[0], "a.jpg");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(counts(&place.add()), [0, 0, 2, 1, 0]);
    assert_eq!(place.search(&[0.0, 0.1, 1.0])[0], "c.jpg");
}
