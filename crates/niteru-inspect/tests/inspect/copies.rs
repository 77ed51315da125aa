//! The same photo more than once: under another name among the good ones, or among the bad ones, too.

use std::path::PathBuf;

use niteru_inspect::{TrainError, TrainOptions};

use crate::plates::{self, Defect};
use crate::{folder, good_plates, learn};

/// Copies of files, with names that come after all of theirs.
fn copied(files: &[PathBuf]) -> Vec<PathBuf> {
    let copy = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_str().unwrap();
        let copy = file.with_file_name(format!("z-{name}"));
        std::fs::copy(file, &copy).unwrap();
        copy
    };
    files.iter().map(copy).collect()
}

#[test]
fn copies_among_the_good_change_nothing_but_are_told() {
    let good = good_plates(0..14);
    let bad = folder((50..53).map(|seed| plates::bad(seed, Defect::Blob)));
    let options = TrainOptions {
        bad: bad.files.clone(),
        ..TrainOptions::default()
    };
    let Some(alone) = learn(&good.files, &options) else {
        return;
    };
    let copies = copied(&good.files);
    let with_copies = TrainOptions {
        bad: [&bad.files[..], &copied(&bad.files)].concat(),
        ..options
    };
    let files = [&good.files[..], &copies].concat();
    let trained = learn(&files, &with_copies).unwrap().unwrap();
    let told: Vec<(&PathBuf, &PathBuf)> = trained
        .duplicates
        .iter()
        .map(|one| (&one.path, &one.of))
        .collect();
    assert_eq!(told, copies.iter().zip(&good.files).collect::<Vec<_>>());
    assert_eq!(trained.inspector.known_bad(), 3);
    let alone = alone.unwrap();
    assert!(alone.duplicates.is_empty());
    assert!(
        alone.inspector.to_bytes().unwrap() == trained.inspector.to_bytes().unwrap(),
        "copies make it another inspector: {:?}, {:?}",
        alone.inspector.promise(),
        trained.inspector.promise()
    );
}

/// Saved once more by another program: other bytes, the same picture.
#[test]
fn files_that_show_the_very_same_count_once() {
    let good = good_plates(0..6);
    let Some(alone) = learn(&good.files, &TrainOptions::default()) else {
        return;
    };
    let saved = good.files[2].with_file_name("z-saved.png");
    // What comes after the end of a picture is no part of it.
    let bytes = [&std::fs::read(&good.files[2]).unwrap()[..], b"saved again"].concat();
    std::fs::write(&saved, bytes).unwrap();
    let files = [&good.files[..], std::slice::from_ref(&saved)].concat();
    let trained = learn(&files, &TrainOptions::default()).unwrap().unwrap();
    let told: Vec<_> = trained.duplicates.iter().collect();
    assert!(
        matches!(told[..], [one] if one.path == saved && one.of == good.files[2]),
        "{told:?}"
    );
    let bytes = |trained: &niteru_inspect::Trained<'_>| trained.inspector.to_bytes().unwrap();
    assert!(
        bytes(&alone.unwrap()) == bytes(&trained),
        "another inspector"
    );
}

#[test]
fn a_copy_of_a_good_photo_among_the_bad_ones_is_an_error_with_both_names() {
    let good = good_plates(0..3);
    let copy = copied(&good.files[1..2]);
    let options = TrainOptions {
        bad: copy.clone(),
        ..TrainOptions::default()
    };
    let Some(trained) = learn(&good.files, &options) else {
        return;
    };
    let Err(error @ TrainError::GoodAndBad { .. }) = trained else {
        panic!("learnt from a photo as good and bad");
    };
    let message = error.to_string();
    for file in [&good.files[1], &copy[0]] {
        assert!(message.contains(file.to_str().unwrap()), "{message}");
    }
}
