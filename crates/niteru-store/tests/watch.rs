//! Keeping a collection in step with folders while files come, change, move and go.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::cell::RefCell;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use niteru_store::{Home, Image, StoreError, WatchEvent};
use support::watching::{PATIENCE, Told, line, options, watched};
use support::{FakeEncoder, Place, age, name};

impl Place {
    fn images(&self) -> Vec<Image> {
        let collection = self.home.collection("things").unwrap();
        collection.images(None, 100_000).unwrap()
    }

    /// Writes a picture whose metadata the collection knows.
    fn described(&self, file: &str, contents: &str) {
        self.write(file, contents);
        self.add_metadata(format!("path,part\n{file},bolt\n").as_bytes());
        self.encoder.embedded();
    }
}

#[test]
fn created_changed_moved_deleted() {
    let place = Place::new();
    place.described("a.jpg", "FAKE 1");
    let report = place.watch(|told| {
        told.watching();
        let b = place.write("b.jpg", "FAKE 0 1");
        told.line("added b.jpg");
        place.write("notes.txt", "no picture");
        place.write(".hidden.jpg", "FAKE hidden");
        place.put(&b, "FAKE 0 0 1");
        told.line("updated b.jpg");
        let a = place.images()[0].id;
        let moved = place.pictures().join("moved.jpg");
        fs::rename(place.pictures().join("a.jpg"), &moved).unwrap();
        assert_eq!(told.line("moved moved.jpg from a.jpg"), a);
        fs::remove_file(&moved).unwrap();
        told.line("missing moved.jpg");
        assert_eq!(place.search(&[0.0, 0.0, 1.0]), ["b.jpg"]);
        place.write("moved.jpg", "FAKE 1");
        assert_eq!(told.line("returned moved.jpg"), a);
        told.synced();
        let lines = told.lines();
        assert_eq!(lines.len(), 5, "{lines:?}");
    });
    assert_eq!(place.encoder.embedded(), 2);
    let counts = report.counts;
    let numbers = [
        counts.added,
        counts.updated,
        counts.moved,
        counts.missing,
        counts.returned,
    ];
    assert_eq!(numbers, [1, 1, 1, 1, 1]);
    assert!((1..=5).contains(&report.batches), "{report:?}");
    let images = place.images();
    assert_eq!(images.len(), 2);
    let moved = images
        .iter()
        .find(|image| name(&image.path) == "moved.jpg")
        .unwrap();
    assert_eq!(
        moved
            .metadata
            .get("part")
            .map(ToString::to_string)
            .as_deref(),
        Some("bolt")
    );
}

#[test]
fn a_file_that_grows_is_waited_for() {
    let place = Place::new();
    let mut options = options();
    options.settle = Duration::from_secs(1);
    let settle = options.settle;
    place.watch_with(options, |told| {
        told.watching();
        // A computer that is busy may hold up the writer for longer than files are waited for; once
        // more, then.
        let complete = (0..5).any(|attempt| {
            let path = place.pictures().join(format!("{attempt}.jpg"));
            let mut file = fs::File::create(&path).unwrap();
            let (started, mut last, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
            // Every beginning would be taken by the encoder.
            file.write_all(b"FAKE 1").unwrap();
            while started.elapsed() < settle * 3 {
                std::thread::sleep(Duration::from_millis(20));
                file.write_all(b" 0").unwrap();
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
            let written = file.metadata().unwrap().len();
            drop(file);
            told.line(&format!("added {attempt}.jpg"));
            let steady = longest < settle / 2;
            if steady {
                let images = place.images();
                let image = images.iter().find(|image| image.path == path).unwrap();
                assert_eq!(image.bytes, written);
                told.synced();
                let updated = told.lines();
                assert!(
                    !updated.contains(&format!("updated {attempt}.jpg")),
                    "{updated:?}"
                );
            }
            steady
        });
        assert!(complete, "no writer was steady");
    });
}

#[test]
fn a_file_that_is_written_at_the_start_is_waited_for() {
    let place = Place::new();
    place.write("old.jpg", "FAKE 1");
    // Its time is in the future: it says nothing about whether it is complete.
    let path = place.write("new.jpg", "FAKE 0 1");
    let future = std::time::SystemTime::now() + Duration::from_secs(3600);
    fs::File::options()
        .append(true)
        .open(&path)
        .unwrap()
        .set_modified(future)
        .unwrap();
    let mut polling = options();
    polling.poll = Some(Duration::from_millis(100));
    place.watch_with(polling, |told| {
        told.watching();
        assert_eq!(told.lines_until_then(), ["added old.jpg"]);
        told.line("added new.jpg");
        // Polls go on, and leave both alone.
        place.write("another.jpg", "FAKE 0 0 1");
        told.line("added another.jpg");
        place.write("last.jpg", "FAKE 0 0 0 1");
        told.line("added last.jpg");
    });
    assert_eq!(place.encoder.embedded(), 4);
}

#[test]
fn a_restart_takes_up_only_what_changed() {
    let place = Place::new();
    let kept = place.write("kept.jpg", "FAKE 1 0");
    place.write("gone.jpg", "FAKE gone");
    place.described("a/moved.jpg", "FAKE moved");
    place.watch(|told| told.watching());
    place.encoder.embedded();
    let moved = place
        .images()
        .iter()
        .find(|image| name(&image.path) == "moved.jpg")
        .unwrap()
        .id;

    // Who reads these contents sees that they are others; their length and time do not say so.
    let time = kept.metadata().unwrap().modified().unwrap();
    fs::write(&kept, "FAKE 0 1").unwrap();
    fs::File::options()
        .append(true)
        .open(&kept)
        .unwrap()
        .set_modified(time)
        .unwrap();
    fs::remove_file(place.pictures().join("gone.jpg")).unwrap();
    fs::rename(place.pictures().join("a"), place.pictures().join("b")).unwrap();
    place.write("new.jpg", "FAKE new");
    place.watch(|told| {
        told.watching();
        let id = told.seen.borrow().iter().find_map(|event| match event {
            WatchEvent::Moved { id, .. } => Some(*id),
            _ => None,
        });
        assert_eq!(id, Some(moved));
        let expected = [
            "added new.jpg",
            "missing gone.jpg",
            "moved moved.jpg from moved.jpg",
        ];
        assert_eq!(told.lines(), expected);
    });
    assert_eq!(place.encoder.embedded(), 1, "the new one");
    let report = place.watch(|told| told.watching());
    assert!(report.counts.is_empty(), "{report:?}");
    assert_eq!(place.encoder.embedded(), 0);
}

#[test]
fn the_folder_goes_and_comes_back() {
    let place = Place::new();
    place.write("a.jpg", "FAKE 1");
    place.write("sub/b.jpg", "FAKE 0 1");
    let (pictures, aside) = (place.pictures(), place.folder.path().join("aside"));
    place.watch(|told| {
        told.watching();
        told.lines();
        fs::rename(&pictures, &aside).unwrap();
        told.line("missing b.jpg");
        told.synced();
        assert_eq!(told.lines(), ["missing a.jpg", "missing b.jpg"]);
        assert_eq!(place.search(&[1.0]), [""; 0]);
        fs::write(aside.join("sub/c.jpg"), "FAKE 0 0 1").unwrap();
        age(&aside.join("sub/c.jpg"), 60);
        fs::rename(&aside, &pictures).unwrap();
        told.line("added c.jpg");
        told.synced();
        assert_eq!(
            told.lines(),
            ["added c.jpg", "returned a.jpg", "returned b.jpg"]
        );
        // It is watched again, and so is what is below.
        place.write("sub/d.jpg", "FAKE 0 0 0 1");
        told.line("added d.jpg");
    });
    assert_eq!(place.encoder.embedded(), 4);
}

#[test]
fn a_folder_that_is_not_there_is_waited_for() {
    let place = Place::new();
    let later = place.pictures().join("later");
    place.watch_folder(&later, |told| {
        told.watching();
        assert_eq!(told.lines(), ["skipped later: no such file or folder"]);
        place.write("later/deep/a.jpg", "FAKE 1");
        told.line("added a.jpg");
        fs::remove_dir_all(&later).unwrap();
        told.line("missing a.jpg");
        place.write("later/deep/a.jpg", "FAKE 1");
        told.line("returned a.jpg");
    });
    assert_eq!(place.encoder.embedded(), 1);
}

#[test]
fn folders_are_made_moved_and_renamed() {
    let place = Place::new();
    for i in 0..3 {
        // Equal contents: only their names tell them apart.
        place.write(&format!("old/deep/{i}.jpg"), "FAKE same");
        place.write(&format!("old/{i}{i}.jpg"), &format!("FAKE number {i}"));
    }
    place.add();
    place.encoder.embedded();
    let before = ids(&place);
    place.watch(|told| {
        told.watching();
        fs::rename(place.pictures().join("old"), place.pictures().join("new")).unwrap();
        told.synced();
        let lines = told.lines();
        assert_eq!(lines.len(), 6, "{lines:?}");
        assert!(
            lines.iter().all(|line| line.starts_with("moved")),
            "{lines:?}"
        );
        place.write("new/deep/deeper/x.jpg", "FAKE x");
        told.line("added x.jpg");
        // Out of the folders, and back elsewhere.
        let outside = place.folder.path().join("outside");
        fs::rename(place.pictures().join("new/deep"), &outside).unwrap();
        told.line("missing x.jpg");
        told.synced();
        fs::write(outside.join("unseen.jpg"), "FAKE unseen").unwrap();
        fs::rename(&outside, place.pictures().join("back")).unwrap();
        told.line("moved x.jpg from x.jpg");
    });
    let after = ids(&place);
    for (file, id) in before {
        let now = after.iter().find(|(name, _)| *name == file);
        assert_eq!(now.map(|(_, id)| *id), Some(id), "{file}");
    }
}

fn ids(place: &Place) -> Vec<(String, u64)> {
    let images = place.images();
    images
        .iter()
        .map(|image| (name(&image.path), image.id))
        .collect()
}

#[test]
fn bad_files_are_told_once() {
    for poll in [None, Some(Duration::from_millis(100))] {
        let place = Place::new();
        place.write("bad.jpg", "text");
        let mut options = options();
        options.poll = poll;
        place.watch_with(options, |told| {
            told.watching();
            assert_eq!(told.lines(), ["skipped bad.jpg: not an image"]);
            let bad = place.pictures().join("bad.jpg");
            age(&bad, 60);
            place.write("a.jpg", "FAKE 1");
            told.line("added a.jpg");
            place.put(&bad, "another text");
            told.line("skipped bad.jpg: not an image");
            place.write("b.jpg", "FAKE 0 1");
            told.line("added b.jpg");
            // A few polls.
            place.write("c.jpg", "FAKE 0 0 1");
            told.line("added c.jpg");
            assert_eq!(place.encoder.embedded(), 5, "each contents once ({poll:?})");
            place.put(&bad, "FAKE good");
            told.line("added bad.jpg");
            let lines = told.lines();
            let skipped = lines.iter().filter(|line| line.starts_with("skipped"));
            assert_eq!(skipped.count(), 1, "{lines:?}");
        });
    }
}

#[test]
fn polling_sees_the_same() {
    let place = Place::new();
    place.write("a.jpg", "FAKE 1");
    let mut options = options();
    options.poll = Some(Duration::from_millis(100));
    place.watch_with(options, |told| {
        told.watching();
        let a = told.seen.borrow().iter().find_map(line).unwrap().1;
        place.write("sub/b.jpg", "FAKE 0 1");
        told.line("added b.jpg");
        let moved = place.pictures().join("sub/moved.jpg");
        fs::rename(place.pictures().join("a.jpg"), &moved).unwrap();
        assert_eq!(told.line("moved moved.jpg from a.jpg"), a);
        place.put(&moved, "FAKE 0 0 1");
        told.line("updated moved.jpg");
        fs::remove_dir_all(place.pictures().join("sub")).unwrap();
        told.line("missing moved.jpg");
    });
}

#[test]
fn only_what_is_below_the_folders_is_missed_or_moved() {
    let place = Place::new();
    place.write("in/a.jpg", "FAKE 1");
    let outside = place.write("out/b.jpg", "FAKE 0 1");
    place.add();
    let b = place
        .images()
        .iter()
        .find(|image| image.path == outside)
        .unwrap()
        .id;
    fs::remove_file(&outside).unwrap();
    let inside = place.pictures().join("in");
    place.watch_folder(&inside, |told| {
        told.watching();
        place.write("in/copy.jpg", "FAKE 0 1");
        assert_ne!(told.line("added copy.jpg"), b);
        assert_eq!(told.lines(), ["added copy.jpg"]);
    });
    let image = place
        .images()
        .into_iter()
        .find(|image| image.id == b)
        .unwrap();
    assert_eq!((image.path, image.missing), (outside, false));
}

#[cfg(unix)]
#[test]
fn links_are_followed() {
    use std::os::unix::fs::symlink;
    let place = Place::new();
    let elsewhere = place.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let root = place.folder.path().join("root");
    symlink(place.pictures(), &root).unwrap();
    place.watch_folder(&root, |told| {
        told.watching();
        place.write("a.jpg", "FAKE 1");
        told.line("added a.jpg");
        symlink(&elsewhere, place.pictures().join("link")).unwrap();
        symlink(&root, place.pictures().join("loop")).unwrap();
        symlink(
            place.folder.path().join("nothing"),
            place.pictures().join("dangling.jpg"),
        )
        .unwrap();
        told.line("skipped dangling.jpg: a link to a file that is not there");
        place.put(&elsewhere.join("b.jpg"), "FAKE 0 1");
        told.line("added b.jpg");
        fs::remove_file(place.pictures().join("link")).unwrap();
        told.line("missing b.jpg");
    });
    let mut shown: Vec<PathBuf> = place.images().into_iter().map(|image| image.path).collect();
    shown.sort();
    assert_eq!(shown, [root.join("a.jpg"), root.join("link/b.jpg")]);
}

#[test]
fn thousands_at_once_cancelled_in_between() {
    const FILES: usize = 3000;
    let place = Place::new();
    let acknowledged = RefCell::new(0);
    let mut report = place.watch(|told| {
        told.watching();
        for i in 0..FILES {
            let path = place.pictures().join(format!("{i:04}.jpg"));
            place.put(&path, &format!("FAKE number {i}"));
        }
        // In the middle of a batch, as far as the encoder is concerned.
        told.line("added 0700.jpg");
    });
    *acknowledged.borrow_mut() += report.counts.added;
    assert_eq!(place.images().len() as u64, report.counts.added);
    assert!(report.counts.added >= 700, "{report:?}");
    report = place.watch(|told| {
        while place.images().len() < FILES {
            told.synced();
        }
    });
    *acknowledged.borrow_mut() += report.counts.added;
    assert_eq!(acknowledged.into_inner(), FILES as u64, "each once");
    assert_eq!(report.counts.updated, 0);
}

#[test]
fn two_watchers_on_one_folder() {
    const FILES: usize = 50;
    let place = Place::new();
    let other = Home::open(place.home.directory()).unwrap();
    let encoder = FakeEncoder::default();
    let pictures = [place.pictures()];
    let wait = |told: &Told| {
        let started = Instant::now();
        while place
            .home
            .collections()
            .unwrap()
            .first()
            .is_none_or(|own| own.images < FILES as u64)
        {
            assert!(started.elapsed() < PATIENCE, "{:?}", told.lines());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let mut added = 0;
    let report = place.watch(|told| {
        told.watching();
        let report = watched(&other, &pictures, &encoder, options(), |others| {
            others.watching();
            for i in 0..FILES {
                place.write(&format!("{i}.jpg"), &format!("FAKE number {i}"));
            }
            wait(others);
        });
        added += report.counts.added;
        wait(told);
    });
    added += report.counts.added;
    assert_eq!((added, place.images().len()), (FILES as u64, FILES));
}

#[test]
fn duplicates_are_told_once() {
    let place = Place::new();
    place.write("a.jpg", "FAKE 1");
    let mut options = options();
    options.skip_duplicates = true;
    options.poll = Some(Duration::from_millis(100));
    place.watch_with(options, |told| {
        told.watching();
        place.write("copy.jpg", "FAKE 1");
        told.line("duplicate copy.jpg");
        place.write("b.jpg", "FAKE 0 1");
        told.line("added b.jpg");
        let lines = told.lines();
        assert_eq!(lines, ["added a.jpg", "added b.jpg", "duplicate copy.jpg"]);
        // What has moved is no duplicate of itself.
        fs::rename(
            place.pictures().join("b.jpg"),
            place.pictures().join("c.jpg"),
        )
        .unwrap();
        told.line("moved c.jpg from b.jpg");
    });
}

#[test]
fn what_cannot_be_watched() {
    let place = Place::new();
    let file = place.write("a.jpg", "FAKE 1");
    let watch = |path: &Path| {
        let no_events = |_: &WatchEvent| {};
        place
            .home
            .watch("things", &[path], &place.encoder, options(), &no_events)
    };
    let error = watch(&file).unwrap_err();
    assert!(matches!(error, StoreError::Read { .. }), "{error}");
    assert!(error.to_string().contains("a.jpg"), "{error}");
    place.add();
    let other = FakeEncoder {
        model: "another",
        ..FakeEncoder::default()
    };
    let error = place
        .home
        .watch("things", &[place.pictures()], &other, options(), &|_| {});
    assert!(matches!(error, Err(StoreError::OtherModel { .. })));
}
