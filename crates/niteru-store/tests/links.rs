//! One file, reached on several ways: one image, shown as its user knows it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use niteru_store::{AddOptions, Image};
use support::{Place, age, counts, database};

/// A folder of two pictures, `real`, and a link to it, `link`, beside each other.
struct Linked {
    place: Place,
    real: PathBuf,
    link: PathBuf,
}

impl Linked {
    fn new() -> Self {
        let place = Place::new();
        place.write("real/a.jpg", "FAKE 1");
        place.write("real/b.jpg", "FAKE 0 1");
        // The temporary folder may itself lie behind a link.
        let pictures = place.pictures().canonicalize().unwrap();
        let (real, link) = (pictures.join("real"), pictures.join("link"));
        symlink(&real, &link).unwrap();
        Self { place, real, link }
    }

    fn add(&self, folder: &PathBuf) -> [u64; 5] {
        counts(&self.place.add_paths(std::slice::from_ref(folder)))
    }

    fn images(&self) -> Vec<Image> {
        let collection = self.place.home.collection("things").unwrap();
        collection.images(None, 100).unwrap()
    }

    fn shown(&self) -> Vec<PathBuf> {
        self.images().into_iter().map(|image| image.path).collect()
    }
}

#[test]
fn a_file_is_one_image_shown_as_first_added() {
    for link_first in [false, true] {
        let linked = Linked::new();
        let (first, second) = match link_first {
            true => (&linked.link, &linked.real),
            false => (&linked.real, &linked.link),
        };
        assert_eq!(
            linked.add(first),
            [2, 0, 0, 0, 0],
            "link first: {link_first}"
        );
        let shown = linked.shown();
        assert_eq!(shown, [first.join("a.jpg"), first.join("b.jpg")]);
        linked.place.encoder.embedded();
        assert_eq!(linked.add(second), [0, 0, 2, 0, 0]);
        assert_eq!(linked.shown(), shown, "link first: {link_first}");

        std::fs::write(linked.real.join("a.jpg"), "FAKE 0 0 1").unwrap();
        age(&linked.real.join("a.jpg"), 60);
        assert_eq!(
            linked.add(second),
            [0, 1, 1, 0, 0],
            "changed, seen by the other way"
        );
        assert_eq!(linked.add(first), [0, 0, 2, 0, 0]);
        assert_eq!(linked.place.encoder.embedded(), 1);
        assert_eq!(linked.shown(), shown);
    }
}

#[test]
fn both_ways_in_one_run() {
    let linked = Linked::new();
    let report = linked
        .place
        .add_paths(&[linked.link.clone(), linked.real.clone()]);
    assert_eq!(counts(&report), [2, 0, 2, 0, 0]);
    assert_eq!(linked.shown().len(), 2);
}

#[test]
fn links_to_single_files() {
    let linked = Linked::new();
    let alias = linked.real.join("alias.jpg");
    symlink("b.jpg", &alias).unwrap();
    assert_eq!(linked.add(&alias), [1, 0, 0, 0, 0]);
    assert_eq!(linked.add(&linked.real), [1, 0, 2, 0, 0]);
    assert_eq!(linked.shown(), [alias, linked.real.join("a.jpg")]);
}

#[test]
fn an_image_is_shown_by_a_way_that_leads_to_it() {
    let linked = Linked::new();
    linked.add(&linked.link);
    // The link now leads elsewhere: the known paths are those of other pictures.
    let other = linked.real.with_file_name("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("a.jpg"), "FAKE 0 0 0 1").unwrap();
    std::fs::remove_file(&linked.link).unwrap();
    symlink(&other, &linked.link).unwrap();
    assert_eq!(linked.add(&linked.real), [0, 0, 2, 0, 0]);
    assert_eq!(
        linked.shown(),
        [linked.real.join("a.jpg"), linked.real.join("b.jpg")]
    );
    assert_eq!(linked.add(&linked.link), [1, 0, 0, 0, 0]);
}

#[test]
fn vanished_files_are_missed_by_every_way() {
    for way in ["link", "real", "second"] {
        let linked = Linked::new();
        let second = linked.real.with_file_name("second");
        symlink(&linked.real, &second).unwrap();
        linked.add(&linked.link);
        std::fs::remove_file(linked.real.join("b.jpg")).unwrap();
        let folder = linked.real.with_file_name(way);
        assert_eq!(linked.add(&folder), [0, 0, 1, 1, 0], "{way}");
        assert_eq!(linked.place.search(&[1.0]), ["a.jpg"], "{way}");

        linked.place.write("real/b.jpg", "FAKE 0 1");
        assert_eq!(linked.add(&folder), [0, 0, 2, 0, 0], "{way}");
        assert_eq!(linked.place.search(&[1.0]).len(), 2, "{way}");
    }
}

#[test]
fn without_its_link_an_image_is_shown_where_it_is() {
    let linked = Linked::new();
    linked.add(&linked.link);
    std::fs::remove_file(&linked.link).unwrap();
    assert_eq!(linked.add(&linked.link), [0, 0, 0, 2, 0]);
    assert_eq!(linked.add(&linked.real), [0, 0, 2, 0, 0]);
    assert_eq!(
        linked.shown(),
        [linked.real.join("a.jpg"), linked.real.join("b.jpg")]
    );
    assert!(linked.images().iter().all(|image| !image.missing));
}

#[test]
fn targets_of_an_old_home_are_filled_in() {
    let linked = Linked::new();
    linked.add(&linked.link);
    // Format 1 knew no targets.
    database(linked.place.home.directory())
        .execute("UPDATE images SET target = NULL", [])
        .unwrap();
    assert_eq!(linked.add(&linked.link), [0, 0, 2, 0, 0]);
    assert_eq!(linked.add(&linked.real), [0, 0, 2, 0, 0]);
    assert_eq!(linked.shown().len(), 2);
}

#[test]
fn an_image_is_found_by_every_way() {
    let linked = Linked::new();
    linked.add(&linked.link);
    let collection = linked.place.home.collection("things").unwrap();
    for folder in [&linked.link, &linked.real] {
        assert_eq!(collection.image_at(&folder.join("b.jpg")).unwrap().id, 2);
    }
    // A list beside the files themselves, of images that are known behind the link.
    let csv = linked.real.join("list.csv");
    std::fs::write(&csv, "path,kind\na.jpg,bolt\nb.jpg,nut\n").unwrap();
    let mut options = AddOptions::default();
    options.metadata = Some(&csv);
    let report = linked
        .place
        .home
        .add("things", &[&linked.link], &linked.place.encoder, options)
        .unwrap();
    assert_eq!(report.metadata.unwrap().applied, 2);
    assert_eq!(linked.images()[1].metadata.get("kind"), Some("nut"));
}
