//! Metadata from CSV files as people have them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use niteru_store::{AddOptions, StoreError};
use support::{Place, counts};

const NAMES: [&str; 3] = ["a.jpg", "sub/b.jpg", "ガ.jpg"];

fn place() -> Place {
    let place = Place::new();
    for (i, name) in NAMES.iter().enumerate() {
        place.write(name, &format!("FAKE {}", i + 1));
    }
    place
}

/// Every image's metadata in one line.
fn shown(place: &Place) -> String {
    let images = place
        .home
        .collection("things")
        .unwrap()
        .images(None, 99)
        .unwrap();
    let mut lines: Vec<String> = Vec::new();
    for image in images {
        let name = support::name(&image.path);
        let pairs: Vec<_> = image
            .metadata
            .iter()
            .map(|(f, v)| format!("{f}={v}"))
            .collect();
        lines.push(format!("{name}:{}", pairs.join(",")));
    }
    lines.join(" ")
}

#[test]
fn files_as_people_have_them() {
    let (sjis, _, _) = encoding_rs::SHIFT_JIS.encode("path,分類\na.jpg,六角ボルト\nガ.jpg,座金\n");
    let utf16 = [b"\xFF\xFE".to_vec()]
        .into_iter()
        .chain(
            "path,c\na.jpg,ね\n"
                .encode_utf16()
                .map(|unit| unit.to_le_bytes().to_vec()),
        )
        .flatten()
        .collect::<Vec<u8>>();
    let (jis, _, _) = encoding_rs::ISO_2022_JP.encode("path,分類\na.jpg,六角ボルト\n");
    // what, bytes, encoding, metadata, remarks
    type Row<'a> = (&'a str, &'a [u8], &'a str, &'a str, &'a [&'a str]);
    let table: &[Row<'_>] = &[
        (
            "plain",
            b"path,c\na.jpg,1\nsub/b.jpg,2\n",
            "UTF-8",
            "a.jpg:c=1 b.jpg:c=2 ガ.jpg:",
            &[],
        ),
        (
            "empty but for the header",
            b"path,c\n",
            "UTF-8",
            "a.jpg: b.jpg: ガ.jpg:",
            &[],
        ),
        (
            "no other column",
            b"path\na.jpg\n",
            "UTF-8",
            "a.jpg: b.jpg: ガ.jpg:",
            &[],
        ),
        (
            "byte order mark",
            b"\xEF\xBB\xBFpath,c\r\na.jpg,1\r\n",
            "UTF-8",
            "a.jpg:c=1 b.jpg: ガ.jpg:",
            &[],
        ),
        (
            "Shift_JIS",
            &sjis,
            "Shift_JIS",
            "a.jpg:分類=六角ボルト b.jpg: ガ.jpg:分類=座金",
            &[],
        ),
        (
            "ISO-2022-JP",
            &jis,
            "ISO-2022-JP",
            "a.jpg:分類=六角ボルト b.jpg: ガ.jpg:",
            &[],
        ),
        (
            "UTF-16",
            &utf16,
            "UTF-16LE",
            "a.jpg:c=ね b.jpg: ガ.jpg:",
            &[],
        ),
        (
            "semicolons",
            b"c;path\n1;a.jpg\n",
            "UTF-8",
            "a.jpg:c=1 b.jpg: ガ.jpg:",
            &[],
        ),
        (
            "tabs",
            b"path\tc\na.jpg\t1,5\n",
            "UTF-8",
            "a.jpg:c=1,5 b.jpg: ガ.jpg:",
            &[],
        ),
        (
            "backslashes",
            b"path,c\nsub\\b.jpg,1\n",
            "UTF-8",
            "a.jpg: b.jpg:c=1 ガ.jpg:",
            &[],
        ),
        (
            "the folder's own name",
            b"Path,c\npictures/a.jpg,1\n",
            "UTF-8",
            "a.jpg:c=1 b.jpg: ガ.jpg:",
            &[],
        ),
        (
            "two code points for one letter",
            "path,c\nカ\u{3099}.jpg,1\n".as_bytes(),
            "UTF-8",
            "a.jpg: b.jpg: ガ.jpg:c=1",
            &[],
        ),
        (
            "quotes, commas, lines",
            b"path,c\n\"a.jpg\",\"x, \"\"y\"\"\nz\"\nsub/b.jpg,2\n",
            "UTF-8",
            "a.jpg:c=x, \"y\"\nz b.jpg:c=2 ガ.jpg:",
            &[],
        ),
        (
            "bad rows",
            b"path,c\nnowhere.jpg,1\n\na.jpg\nsub/b.jpg,2,3\nlist.csv,1\n,1\nsub/b.jpg,4\n",
            "UTF-8",
            "a.jpg: b.jpg:c=4 ガ.jpg:",
            &[
                "line 2: nowhere.jpg does not exist",
                "line 4: expected 2 values, got 1",
                "line 5: expected 2 values, got 3",
                "line 6: list.csv is not in the collection",
                "line 7: the path is empty",
            ],
        ),
        (
            "a photo's column of another name",
            b"c,File Name,image\n1,a.jpg,2\n",
            "UTF-8",
            "a.jpg:c=1,image=2 b.jpg: ガ.jpg:",
            &[],
        ),
        (
            "the same in Japanese, with semicolons, twice",
            "c;写真;写真\n1;a.jpg;2\n".as_bytes(),
            "UTF-8",
            "a.jpg:c=1 b.jpg: ガ.jpg:",
            &["line 1: column 3 is another \"写真\": not used"],
        ),
        (
            "path comes before other names",
            b"file,c;path\n1,2;a.jpg\n",
            "UTF-8",
            "a.jpg:file,c=1,2 b.jpg: ガ.jpg:",
            &[],
        ),
        (
            "columns twice or without a name",
            b"path,c,,c,path\na.jpg,1,2,3,sub/b.jpg\n",
            "UTF-8",
            "a.jpg:c=1 b.jpg: ガ.jpg:",
            &[
                "line 1: column 3 has no name: not used",
                "line 1: column 4 is another \"c\": not used",
                "line 1: column 5 is another \"path\": not used",
            ],
        ),
        (
            "injections",
            b"path,\"x'); DROP TABLE images;--\"\na.jpg,\"' OR 1=1;--\"\n",
            "UTF-8",
            "a.jpg:x'); DROP TABLE images;--=' OR 1=1;-- b.jpg: ガ.jpg:",
            &[],
        ),
    ];
    let mut wrong = Vec::new();
    for (what, bytes, encoding, expected, remarks) in table {
        let place = place();
        let report = place.add_metadata(bytes);
        let found: Vec<_> = report
            .skipped
            .iter()
            .map(|skipped| skipped.reason.as_str())
            .collect();
        let metadata = report.metadata.unwrap();
        if metadata.encoding != *encoding {
            wrong.push(format!("{what}: {}", metadata.encoding));
        }
        if shown(&place) != *expected {
            wrong.push(format!("{what}: {}", shown(&place)));
        }
        if found != *remarks {
            wrong.push(format!("{what}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_that_cannot_be_used() {
    let table: &[(&[u8], &str)] = &[
        (b"", "no column \"path\""),
        (b"name,c\na.jpg,1\n", "no column \"path\", only \"name, c\""),
        (b"name,c\na.jpg,1\n", "file, filename, file name, image"),
        (b"\x00\x01\x02", "no column \"path\""),
    ];
    for (bytes, part) in table {
        let place = place();
        let csv = place.pictures().join("list.csv");
        std::fs::write(&csv, bytes).unwrap();
        let mut options = AddOptions::default();
        options.metadata = Some(&csv);
        let result = place
            .home
            .add("things", &[place.pictures()], &place.encoder, options);
        let text = result.unwrap_err().to_string();
        assert!(text.contains("list.csv") && text.contains(part), "{text}");
        assert_eq!(
            place.encoder.embedded(),
            0,
            "found out before the long part"
        );
    }
    let place = place();
    let csv = place.pictures().join("none.csv");
    let mut options = AddOptions::default();
    options.metadata = Some(&csv);
    let error = place
        .home
        .add("things", &[place.pictures()], &place.encoder, options)
        .unwrap_err();
    assert!(matches!(error, StoreError::Read { .. }), "{error}");
    assert!(error.to_string().contains("none.csv"));
}

#[test]
fn a_table_has_at_most_1000_columns() {
    let place = place();
    let header = |columns: usize| -> String {
        let names = (1..columns).map(|column| format!(",c{column}"));
        format!("path{}", names.collect::<String>())
    };
    let widest = format!("{}\na.jpg{},last\n", header(1000), ",".repeat(998));
    let report = place.add_metadata(widest.as_bytes());
    assert_eq!(report.metadata.unwrap().applied, 1);
    assert_eq!(shown(&place), "a.jpg:c999=last b.jpg: ガ.jpg:");

    let wider = format!("{}\na.jpg{}\n", header(1001), ",x".repeat(1000));
    let things = place.home.collection("things").unwrap();
    let error = things
        .preview_metadata("list.csv", wider.as_bytes(), 9)
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("list.csv") && text.contains("1001 columns"),
        "{text}"
    );
    // However many there are, and however often one has the same name.
    let same = format!("path{}\n", ",x".repeat(10 << 20));
    let error = things
        .import_metadata("list.csv", same.as_bytes(), 9)
        .unwrap_err();
    assert!(matches!(error, StoreError::MetadataFile { .. }), "{error}");
}

#[test]
fn metadata_stays_and_is_replaced_by_field() {
    let place = place();
    place.add_metadata(b"path,c,d\na.jpg,1,2\nsub/b.jpg,3,4\n");
    assert_eq!(shown(&place), "a.jpg:c=1,d=2 b.jpg:c=3,d=4 ガ.jpg:");
    place.add();
    assert_eq!(
        shown(&place),
        "a.jpg:c=1,d=2 b.jpg:c=3,d=4 ガ.jpg:",
        "added without a file"
    );
    place.write("a.jpg", "FAKE changed");
    assert_eq!(counts(&place.add()), [0, 1, 2, 0, 0]);
    assert_eq!(
        shown(&place),
        "a.jpg:c=1,d=2 b.jpg:c=3,d=4 ガ.jpg:",
        "contents changed"
    );
    place.add_metadata(b"path,e,c\na.jpg,5,\nsub/b.jpg,,6\n");
    assert_eq!(shown(&place), "a.jpg:d=2,e=5 b.jpg:c=6,d=4 ガ.jpg:");
    let collection = place.home.collection("things").unwrap();
    assert_eq!(collection.fields().unwrap(), ["c", "d", "e"]);
    let results = collection.search(&place.query(&[1.0], 9)).unwrap();
    let b = results
        .iter()
        .find(|result| result.path.ends_with("b.jpg"))
        .unwrap();
    assert_eq!(
        serde_json::to_string(&b.metadata).unwrap(),
        r#"{"c":"6","d":"4"}"#
    );
}

#[test]
fn long_values_and_many_rows() {
    let place = Place::new();
    let mut csv = String::from("path,note\n");
    for i in 0..700 {
        place.write(&format!("{i}.jpg"), &format!("FAKE number {i}"));
        csv += &format!("{i}.jpg,{i}{}\n", "錆".repeat(10_000 * usize::from(i == 3)));
    }
    let report = place.add_metadata(csv.as_bytes());
    let metadata = report.metadata.unwrap();
    assert_eq!(
        (metadata.rows, metadata.applied, report.skipped.len()),
        (700, 700, 0)
    );
    let collection = place.home.collection("things").unwrap();
    let image = collection
        .image_at(&place.pictures().join("3.jpg"))
        .unwrap();
    assert_eq!(image.metadata.get("note").unwrap().chars().count(), 10_001);
}
