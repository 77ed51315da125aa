//! Metadata as people see and change it, and files of it that are handed in.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;

use niteru_store::{Collection, Metadata, StoreError};
use support::Place;

const NAMES: [&str; 4] = ["a.jpg", "left/b.jpg", "right/b.jpg", "ガ.jpg"];

fn place() -> Place {
    let place = Place::new();
    for (i, name) in NAMES.iter().enumerate() {
        place.write(name, &format!("FAKE {}", i + 1));
    }
    place.add();
    place
}

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs.map(|&(a, b)| (a.to_owned(), b.to_owned())).collect()
}

/// The number of the image whose path ends so.
fn id(collection: &Collection<'_>, end: &str) -> u64 {
    let images = collection.images(None, 99).unwrap();
    let found = images.iter().find(|image| image.path.ends_with(end));
    found.unwrap().id
}

/// Every image's metadata in one line, by path.
fn shown(collection: &Collection<'_>) -> String {
    let mut lines: Vec<String> = Vec::new();
    for name in NAMES {
        let image = collection.image(id(collection, name)).unwrap();
        let pairs = image.metadata.iter().map(|(f, v)| format!("{f}={v}"));
        lines.push(format!("{name}:{}", pairs.collect::<Vec<_>>().join(",")));
    }
    lines.join(" ")
}

#[test]
fn values_are_set_and_removed() {
    let place = place();
    let things = place.home.collection("things").unwrap();
    let (a, ga) = (id(&things, "a.jpg"), id(&things, "ガ.jpg"));
    let set = |ids: &[u64], pairs| things.set_metadata(ids, &values(pairs));

    assert_eq!(
        set(&[a, ga], &[("kind", "bolt"), ("length", "20")]).unwrap(),
        2
    );
    assert_eq!(
        shown(&things),
        "a.jpg:kind=bolt,length=20 left/b.jpg: right/b.jpg: ガ.jpg:kind=bolt,length=20"
    );
    // The same again is no change; an empty value takes away; the others stay.
    assert_eq!(set(&[a, ga], &[("kind", "bolt")]).unwrap(), 0);
    assert_eq!(set(&[a], &[("length", "  ")]).unwrap(), 1);
    assert_eq!(
        shown(&things),
        "a.jpg:kind=bolt left/b.jpg: right/b.jpg: ガ.jpg:kind=bolt,length=20"
    );
}

#[test]
fn what_cannot_be_set_changes_nothing() {
    let place = place();
    let things = place.home.collection("things").unwrap();
    let a = id(&things, "a.jpg");
    let wrong = [" ", "a\nb", &"x".repeat(101)];
    for name in wrong {
        let result = things.set_metadata(&[a], &values(&[(name, "1")]));
        assert!(
            matches!(result, Err(StoreError::FieldName { .. })),
            "{name:?}"
        );
    }
    let result = things.set_metadata(&[a, 999], &values(&[("kind", "bolt")]));
    assert!(
        matches!(result, Err(StoreError::NoImage { .. })),
        "{result:?}"
    );
    assert_eq!(shown(&things), "a.jpg: left/b.jpg: right/b.jpg: ガ.jpg:");
}

#[test]
fn fields_tell_what_they_hold() {
    let place = place();
    let things = place.home.collection("things").unwrap();
    assert_eq!(things.field_values(9).unwrap(), []);
    for (name, length, kind) in [
        ("a.jpg", "20", "bolt"),
        ("ガ.jpg", "5.5", "bolt"),
        ("left/b.jpg", "long", "nut"),
    ] {
        let values = values(&[("kind", kind), ("length", length)]);
        things.set_metadata(&[id(&things, name)], &values).unwrap();
    }
    let fields = things.field_values(1).unwrap();
    let kind = &fields[0];
    assert_eq!(
        (&*kind.name, kind.images, kind.numbers, kind.different),
        ("kind", 3, 0, 2)
    );
    // The most frequent one; more were not asked for.
    assert_eq!(
        (
            &*kind.values[0].value,
            kind.values[0].images,
            kind.values.len()
        ),
        ("bolt", 2, 1)
    );
    let length = &fields[1];
    assert_eq!(
        (
            length.images,
            length.numbers,
            length.smallest,
            length.largest
        ),
        (3, 2, Some(5.5), Some(20.0))
    );
}

#[test]
fn a_file_is_looked_at_before_it_is_taken_over() {
    let place = place();
    let things = place.home.collection("things").unwrap();
    let (sjis, _, _) = encoding_rs::SHIFT_JIS.encode(
        "path,品番,分類\nphotos\\a.jpg,A-1,ボルト\nb.jpg,B,x\nleft/b.jpg,B-1,\nガ.jpg,C-1,座金\nnone.jpg,N,x\nshort\n",
    );
    let preview = things.preview_metadata("list.csv", &sjis, 20).unwrap();
    assert_eq!(preview.encoding, "Shift_JIS");
    assert_eq!(preview.fields, ["品番", "分類"]);
    assert_eq!(
        (
            preview.rows,
            preview.matched,
            preview.changed,
            preview.wrong
        ),
        (6, 3, 0, 3)
    );
    let problems: Vec<String> = preview
        .problems
        .iter()
        .map(|p| format!("{} {}", p.line, p.reason))
        .collect();
    assert_eq!(
        problems,
        [
            "3 b.jpg is more than one image of the collection",
            "6 none.jpg is not in the collection",
            "7 expected 3 values, got 1",
        ]
    );
    assert_eq!(shown(&things), "a.jpg: left/b.jpg: right/b.jpg: ガ.jpg:");

    let taken = things.import_metadata("list.csv", &sjis, 20).unwrap();
    assert_eq!((taken.matched, taken.changed), (3, 3));
    assert_eq!(
        shown(&things),
        "a.jpg:品番=A-1,分類=ボルト left/b.jpg:品番=B-1 right/b.jpg: ガ.jpg:品番=C-1,分類=座金"
    );
    // Once more changes nothing.
    assert_eq!(
        things
            .import_metadata("list.csv", &sjis, 20)
            .unwrap()
            .changed,
        0
    );

    let without = things.preview_metadata("list.csv", b"name,c\na.jpg,1\n", 20);
    assert!(
        matches!(&without, Err(StoreError::MetadataNoPath { columns, .. }) if columns[..] == ["name", "c"]),
        "{without:?}"
    );
}

/// As the page writes tables, and the command line reads them too.
#[test]
fn what_was_written_for_spreadsheets_is_read_as_it_was() {
    let place = Place::new();
    place.write("=a.jpg", "FAKE 1");
    place.write("b.jpg", "FAKE 2");
    place.add();
    let things = place.home.collection("things").unwrap();
    let table = "path,'=field,note\r\n'=a.jpg,'=1+1,''-x\r\nb.jpg,-5,\"'\t=1\"\r\n";
    let taken = things
        .import_metadata("list.csv", table.as_bytes(), 20)
        .unwrap();
    assert_eq!(taken.fields, ["=field", "note"]);
    assert_eq!((taken.matched, taken.changed), (2, 2), "{taken:?}");
    let of = |name: &str| things.image(id(&things, name)).unwrap().metadata;
    let expected = |pairs: &[(&str, &str)]| pairs.iter().copied().collect::<Metadata>();
    assert_eq!(
        of("=a.jpg"),
        expected(&[("=field", "=1+1"), ("note", "'-x")])
    );
    assert_eq!(of("b.jpg"), expected(&[("=field", "-5"), ("note", "\t=1")]));
}

#[test]
fn many_rows_are_taken_over_in_their_order() {
    let place = place();
    let things = place.home.collection("things").unwrap();
    let mut csv = String::from("path,step,empty\n");
    for step in 0..700 {
        csv += &format!("a.jpg,{step},\n");
        csv += &format!("nothing.jpg,{step},\n");
    }
    let seen = things
        .preview_metadata("list.csv", csv.as_bytes(), 3)
        .unwrap();
    assert_eq!((seen.rows, seen.matched, seen.changed), (1400, 700, 0));
    let taken = things
        .import_metadata("list.csv", csv.as_bytes(), 3)
        .unwrap();
    assert_eq!((taken.matched, taken.changed), (700, 700));
    assert_eq!((taken.wrong, taken.problems.len()), (700, 3));
    let shown = shown(&things);
    assert!(shown.contains("step=699"), "{shown}");
}

#[test]
fn similarities_are_symmetric_with_ones_on_the_diagonal() {
    let place = place();
    let things = place.home.collection("things").unwrap();
    let ids: Vec<u64> = things
        .images(None, 9)
        .unwrap()
        .iter()
        .map(|image| image.id)
        .collect();
    let matrix = things.similarities(&ids).unwrap();
    for (i, row) in matrix.iter().enumerate() {
        assert_eq!(row[i], 1.0);
        for (j, value) in row.iter().enumerate() {
            assert_eq!(*value, matrix[j][i], "{i} {j}");
            assert!((-1.0..=1.0).contains(value), "{value}");
        }
    }
    assert!(matches!(
        things.similarities(&[999]),
        Err(StoreError::NoImage { .. })
    ));
}
