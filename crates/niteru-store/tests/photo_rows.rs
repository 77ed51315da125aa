//! What a CSV file says of photos that are inspected: the same files as for collections, and times.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use niteru_store::{Metadata, PhotoRows, StoreError, rfc3339};
use tempfile::TempDir;

struct Folder {
    folder: TempDir,
    photos: Vec<PathBuf>,
}

impl Folder {
    fn new(names: &[&str]) -> Folder {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &&str| {
            let path = folder.path().join("photos").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "photo").unwrap();
            path
        };
        let photos = names.iter().map(make).collect();
        Folder { folder, photos }
    }

    fn csv(&self, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join("photos/list.csv");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn read(&self, text: &str) -> PhotoRows {
        PhotoRows::read(&self.csv(text.as_bytes()), &self.photos, 0).unwrap()
    }
}

fn shown(metadata: &Metadata) -> String {
    let pairs = metadata
        .iter()
        .map(|(field, value)| format!("{field}={value}"));
    pairs.collect::<Vec<_>>().join(",")
}

/// What the photo's inspection gets, with lot 0 and shift 1 for all.
fn given(rows: &PhotoRows, photo: &Path) -> String {
    let of_all: Metadata = [("lot", "0"), ("shift", "1")].into_iter().collect();
    rows.of(photo)
        .map_or_else(|| "no row".to_owned(), |row| shown(&row.metadata(&of_all)))
}

fn reasons(rows: &PhotoRows) -> Vec<&str> {
    rows.skipped.iter().map(|one| &*one.reason).collect()
}

#[test]
fn a_row_wins_and_what_it_does_not_say_stays() {
    let folder = Folder::new(&["a.jpg", "sub/b.jpg", "c.jpg", "d.jpg"]);
    let rows = folder
        .read("path,lot,machine\na.jpg,7,M1\nphotos/sub/b.jpg,,M2\nsub\\b.jpg,,M3\nc.jpg,8,\n");
    let [a, b, c, d] = &folder.photos[..] else {
        panic!("four photos")
    };
    assert_eq!(given(&rows, a), "shift=1,lot=7,machine=M1");
    // Of two rows the last counts, and what it leaves empty is none.
    assert_eq!(given(&rows, b), "shift=1,machine=M3");
    assert_eq!(given(&rows, c), "shift=1,lot=8");
    assert_eq!(given(&rows, d), "no row");
    let report = &rows.report;
    assert_eq!(
        (report.rows, report.applied, &*report.encoding),
        (4, 4, "UTF-8")
    );
    assert!(rows.skipped.is_empty(), "{rows:?}");
}

#[test]
fn time_and_operator_are_not_metadata() {
    let folder = Folder::new(&["a.jpg", "b.jpg", "c.jpg"]);
    let text = "path,Time,operator,lot\na.jpg,2026-11-25 17:30,田中,7\n\
                b.jpg,2026-11-25T08:30:00Z,,8\nc.jpg,half past nine,Ito,9\n";
    let (sjis, _, _) = encoding_rs::SHIFT_JIS.encode(text);
    let rows = PhotoRows::read(&folder.csv(&sjis), &folder.photos, 9 * 60).unwrap();
    assert_eq!(rows.report.encoding, "Shift_JIS");
    let row = |at: usize| rows.of(&folder.photos[at]).unwrap();
    for at in [0, 1] {
        let time = row(at).time.map(rfc3339);
        assert_eq!(time.as_deref(), Some("2026-11-25T08:30:00.000Z"));
    }
    assert_eq!(row(0).operator.as_deref(), Some("田中"));
    assert_eq!((row(1).operator.as_deref(), row(2).time), (None, None));
    // The rest of a row with an unreadable time still counts.
    assert_eq!(given(&rows, &folder.photos[2]), "shift=1,lot=9");
    assert_eq!(row(2).operator.as_deref(), Some("Ito"));
    let [reason] = reasons(&rows)[..] else {
        panic!("{rows:?}")
    };
    assert!(
        reason.starts_with("line 4: \"half past nine\" is no time"),
        "{reason}"
    );
}

#[test]
fn what_cannot_be_used_is_told_by_line() {
    let folder = Folder::new(&["a.jpg", "b.jpg"]);
    std::fs::write(folder.folder.path().join("photos/other.jpg"), "photo").unwrap();
    let rows =
        folder.read("path,lot,lot\na.jpg,1,2\n\n,3,4\nnone.jpg,5,6\nb.jpg,7\nother.jpg,8,9\n");
    assert_eq!(
        reasons(&rows),
        [
            "line 1: column 3 is another \"lot\": not used",
            "line 4: the path is empty",
            "line 5: none.jpg does not exist",
            "line 6: expected 3 values, got 2",
        ]
    );
    assert_eq!(given(&rows, &folder.photos[0]), "shift=1,lot=1");
    assert_eq!(
        (rows.report.rows, rows.report.applied, rows.about_others),
        (5, 1, 1)
    );

    let no_path = folder.csv(b"part,lot\na.jpg,1\n");
    let error = PhotoRows::read(&no_path, &folder.photos, 0).unwrap_err();
    assert!(
        matches!(error, StoreError::MetadataNoPath { .. }),
        "{error}"
    );
    let missing = folder.folder.path().join("none.csv");
    let error = PhotoRows::read(&missing, &folder.photos, 0).unwrap_err();
    assert!(error.to_string().contains("none.csv"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_photo_behind_a_link_is_found() {
    let folder = Folder::new(&["a.jpg"]);
    let other = folder.folder.path().join("linked");
    std::os::unix::fs::symlink(folder.folder.path().join("photos"), &other).unwrap();
    let photos = [other.join("a.jpg")];
    let rows = PhotoRows::read(&folder.csv(b"path,lot\na.jpg,7\n"), &photos, 0).unwrap();
    assert_eq!(given(&rows, &photos[0]), "shift=1,lot=7");
}
