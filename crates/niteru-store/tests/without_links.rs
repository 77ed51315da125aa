//! Folders that others may write to: what links lead to is left alone. And the images that are missing.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use niteru_index::Condition;
use niteru_store::AddOptions;
use support::watching::options;
use support::{Place, age, counts, name};

/// Pictures, and links that lead out of their folder.
fn with_links() -> (Place, PathBuf) {
    let place = Place::new();
    let outside = place.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret.jpg"), "FAKE 0 0 1").unwrap();
    age(&outside.join("secret.jpg"), 3600);
    place.write("a.jpg", "FAKE 1");
    place.write("deep/b.jpg", "FAKE 0 1");
    symlink(&outside, place.pictures().join("deep/way")).unwrap();
    symlink(outside.join("secret.jpg"), place.pictures().join("c.jpg")).unwrap();
    symlink(place.pictures(), place.folder.path().join("root")).unwrap();
    (place, outside)
}

fn names(place: &Place) -> Vec<String> {
    let collection = place.home.collection("things").unwrap();
    let images = collection.images(None, 100).unwrap();
    images.iter().map(|image| name(&image.path)).collect()
}

#[test]
fn adding_leaves_links_alone() {
    let (place, _) = with_links();
    let mut options = AddOptions::default();
    options.without_links = true;
    let root = place.folder.path().join("root");
    let add = |folder: PathBuf| {
        let report = place.home.add("things", &[folder], &place.encoder, options);
        counts(&report.unwrap())
    };
    // A folder that is a link is none, either.
    assert_eq!(add(root)[0], 0);
    assert_eq!(add(place.pictures().join("c.jpg"))[0], 0);
    assert_eq!(add(place.pictures()), [2, 0, 0, 0, 0]);
    assert_eq!(names(&place), ["a.jpg", "b.jpg"]);
    // Where they are followed, there is one more.
    assert_eq!(place.add().added, 1);
}

#[test]
fn watching_leaves_links_alone() {
    let (place, outside) = with_links();
    for poll in [None, Some(std::time::Duration::from_millis(100))] {
        let mut options = options();
        options.without_links = true;
        options.poll = poll;
        let round = poll.is_some();
        place.watch_with(options, |told| {
            told.watching();
            let late = place.pictures().join(format!("late {round}"));
            symlink(&outside, &late).unwrap();
            let file = format!("new {round}.jpg");
            symlink(outside.join("secret.jpg"), place.pictures().join(&file)).unwrap();
            // A folder that becomes a link while it is watched.
            let folder = place.pictures().join("deep");
            fs::rename(&folder, place.folder.path().join(format!("was {round}"))).unwrap();
            symlink(&outside, &folder).unwrap();
            fs::write(outside.join(format!("more {round}.jpg")), "FAKE 0 0 0 1").unwrap();
            let last = format!("last {round}.jpg");
            place.write(&last, "FAKE 1 1");
            told.line(&format!("added {last}"));
            fs::remove_file(&folder).unwrap();
            fs::rename(place.folder.path().join(format!("was {round}")), &folder).unwrap();
        });
    }
    let mut found = names(&place);
    found.sort();
    assert_eq!(found, ["a.jpg", "b.jpg", "last false.jpg", "last true.jpg"]);
}

/// A file that is waited for until it is complete, in a folder that is a link when its time has come.
#[test]
fn a_folder_that_became_a_link_leads_to_no_file_of_the_same_name() {
    let (place, outside) = with_links();
    let mut options = options();
    options.without_links = true;
    place.watch_with(options, |told| {
        told.watching();
        fs::write(outside.join("x.jpg"), "FAKE 0 0 0 0 1").unwrap();
        place.write("deep/x.jpg", "FAKE 0 0 1 1");
        let folder = place.pictures().join("deep");
        let was = place.folder.path().join("was");
        fs::rename(&folder, &was).unwrap();
        symlink(&outside, &folder).unwrap();
        place.write("last.jpg", "FAKE 1 1");
        told.line("added last.jpg");
        fs::remove_file(&folder).unwrap();
        fs::rename(was, &folder).unwrap();
    });
    let collection = place.home.collection("things").unwrap();
    for image in collection.images(None, 100).unwrap() {
        let real = image.path.canonicalize().unwrap();
        assert!(!real.starts_with(&outside), "{}", image.path.display());
        assert!(image.bytes != 14 || name(&image.path) != "x.jpg");
    }
}

#[test]
fn missing_images_are_listed_a_page_at_a_time() {
    let place = Place::new();
    for i in 0..6 {
        place.write(&format!("{i}.jpg"), &format!("FAKE number {i}"));
    }
    place.add_metadata(b"path,part\n1.jpg,bolt\n3.jpg,nut\n");
    let collection = place.home.collection("things").unwrap();
    assert!(
        collection
            .missing_images(None, None, 10)
            .unwrap()
            .is_empty()
    );
    for i in [1, 3, 4] {
        fs::remove_file(place.pictures().join(format!("{i}.jpg"))).unwrap();
    }
    place.add();
    let names = |images: Vec<niteru_store::Image>| -> Vec<String> {
        assert!(images.iter().all(|image| image.missing));
        images.iter().map(|image| name(&image.path)).collect()
    };
    let all = collection.missing_images(None, None, 10).unwrap();
    let first = all[0].id;
    assert_eq!(names(all), ["1.jpg", "3.jpg", "4.jpg"]);
    let page = collection.missing_images(None, Some(first), 1).unwrap();
    assert_eq!(names(page), ["3.jpg"]);
    let bolts = collection
        .select(&Condition::parse("part = bolt").unwrap())
        .unwrap();
    let bolts = collection.missing_images(Some(&bolts), None, 10).unwrap();
    assert_eq!(names(bolts), ["1.jpg"]);
}
