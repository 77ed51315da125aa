//! Searching, listing, removing, evaluating.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::atomic::AtomicBool;

use niteru_store::{Home, ImageEncoder, StoreError};
use support::{FakeEncoder, Place, name};

#[test]
fn ranks_by_similarity_then_id() {
    let place = Place::new();
    place.write("1.jpg", "FAKE 1 0.2");
    place.write("2.jpg", "FAKE 1 0.1");
    place.write("3.jpg", "FAKE 2 0.2 twice as long");
    place.write("4.jpg", "FAKE -1");
    place.write("5.jpg", "FAKE 0 1");
    place.add();
    let collection = place.home.collection("things").unwrap();
    let results = collection.search(&place.query(&[3.0], 100)).unwrap();
    let ranked: Vec<_> = results
        .iter()
        .map(|r| (r.rank, r.id, name(&r.path)))
        .collect();
    let expected = [
        (1, 2, "2.jpg"),
        (2, 3, "3.jpg"),
        (3, 1, "1.jpg"),
        (4, 5, "5.jpg"),
        (5, 4, "4.jpg"),
    ];
    assert_eq!(
        ranked,
        expected.map(|(rank, id, name)| (rank, id, name.to_owned()))
    );
    let similarities: Vec<_> = results
        .iter()
        .map(|r| format!("{:.3}", r.similarity))
        .collect();
    assert_eq!(similarities, ["0.995", "0.995", "0.981", "0.000", "-1.000"]);
    assert_eq!(results[0].similarity, results[1].similarity);

    // k, smallest similarity, excluded, expected ids
    type Row<'a> = (usize, Option<f32>, &'a [u64], &'a [u64]);
    let table: &[Row<'_>] = &[
        (0, None, &[], &[]),
        (2, None, &[], &[2, 3]),
        (2, None, &[2], &[3, 1]),
        (9, Some(0.5), &[], &[2, 3, 1]),
        (9, Some(0.5), &[2, 3, 1, 77], &[]),
        (9, Some(2.0), &[], &[]),
    ];
    for (k, min, exclude, expected) in table {
        let mut query = place.query(&[1.0], *k);
        query.min_similarity = *min;
        query.exclude = exclude.to_vec();
        let found: Vec<_> = collection
            .search(&query)
            .unwrap()
            .iter()
            .map(|r| r.id)
            .collect();
        assert_eq!(found, *expected, "k {k}, min {min:?}, without {exclude:?}");
    }
}

#[test]
fn bad_queries_are_refused() {
    let place = Place::new();
    place.write("1.jpg", "FAKE 1");
    place.add();
    let collection = place.home.collection("things").unwrap();
    for bad in [vec![0.0; 8], vec![f32::NAN; 8], vec![1.0; 7], vec![]] {
        let mut query = place.query(&[], 3);
        query.embedding.clone_from(&bad);
        let error = collection.search(&query).unwrap_err();
        assert!(matches!(error, StoreError::Index(_)), "{bad:?}: {error}");
    }
    let error = place.home.collection("nothing").unwrap_err();
    assert_eq!(
        error.to_string(),
        "no collection \"nothing\": there are things"
    );
}

#[test]
fn changes_are_seen_at_once_here_and_in_other_homes() {
    let place = Place::new();
    let other = Home::open(place.home.directory()).unwrap();
    place.write("1.jpg", "FAKE 1");
    place.add();
    let other_search = || {
        let collection = other.collection("things").unwrap();
        let results = collection.search(&place.query(&[1.0], 9)).unwrap();
        results
            .iter()
            .map(|result| name(&result.path))
            .collect::<Vec<_>>()
    };
    assert_eq!(place.search(&[1.0]), ["1.jpg"]);
    assert_eq!(other_search(), ["1.jpg"]);

    place.write("2.jpg", "FAKE 1 1");
    place.add();
    assert_eq!(other_search(), ["1.jpg", "2.jpg"]);
    place.write("1.jpg", "FAKE -1");
    place.add();
    assert_eq!(other_search(), ["2.jpg", "1.jpg"]);
    let collection = other.collection("things").unwrap();
    assert_eq!(collection.remove(&[2, 2, 99]).unwrap(), 1);
    assert_eq!(place.search(&[1.0]), ["1.jpg"]);
    place.add();
    assert_eq!(
        other_search(),
        ["2.jpg", "1.jpg"],
        "added again under a new id"
    );
    let ids: Vec<_> = collection
        .images(None, 9)
        .unwrap()
        .iter()
        .map(|image| image.id)
        .collect();
    assert_eq!(ids, [1, 3]);

    other.remove_collection("things").unwrap();
    assert!(place.home.collection("things").is_err());
    place.add();
    assert_eq!(other_search().len(), 2, "a new collection of the same name");
}

#[test]
fn images_are_listed_shown_and_removed() {
    let place = Place::new();
    for i in 0..5 {
        place.write(&format!("{i}.jpg"), &format!("FAKE number {i}"));
    }
    place.add();
    let collection = place.home.collection("things").unwrap();
    let first = collection.images(None, 2).unwrap();
    let rest = collection.images(Some(first[1].id), 99).unwrap();
    let names: Vec<_> = first
        .iter()
        .chain(&rest)
        .map(|image| name(&image.path))
        .collect();
    assert_eq!(names, ["0.jpg", "1.jpg", "2.jpg", "3.jpg", "4.jpg"]);

    let image = collection.image(3).unwrap();
    assert_eq!(image, rest[0]);
    assert_eq!(image.sha256.len(), 64);
    let embedded = place.encoder.embed(&image.path).unwrap().embedding;
    let stored = collection.embedding(3).unwrap();
    assert!(
        embedded
            .iter()
            .zip(&stored)
            .all(|(a, b)| (a - b).abs() < 1e-3)
    );

    assert_eq!(collection.remove(&[3]).unwrap(), 1);
    for result in [
        collection.image(3).map(drop),
        collection.embedding(3).map(drop),
    ] {
        assert_eq!(
            result.unwrap_err().to_string(),
            "no image 3 in collection \"things\""
        );
    }
    assert!(image.path.exists(), "the file stays");
    let identity = collection.identity();
    assert_eq!(*identity, place.encoder.identity());
}

#[test]
fn evaluates_by_leaving_one_out() {
    let place = Place::new();
    // Two of x beside each other, two of y with one of z between them, one without a value.
    let images = [
        ("1.jpg", "FAKE 1 0", "x"),
        ("2.jpg", "FAKE 1 0.1", "x"),
        ("3.jpg", "FAKE 0 1", "y"),
        ("4.jpg", "FAKE -0.1 1", "z"),
        ("5.jpg", "FAKE -0.2 1", "y"),
        ("6.jpg", "FAKE -0.2 1 unlabelled", ""),
    ];
    let mut csv = String::from("path,kind\n");
    for (name, contents, kind) in images {
        place.write(name, contents);
        csv += &format!("{name},{kind}\n");
    }
    place.add_metadata(csv.as_bytes());
    let collection = place.home.collection("things").unwrap();
    let report = collection.evaluate_retrieval("kind", None, None).unwrap();
    let counts = (
        report.images,
        report.values,
        report.queries,
        report.singletons,
    );
    assert_eq!(counts, (5, 3, 4, 1));
    // Queries 1 and 2 find each other first; 3 and 5 find each other after 4.
    assert_eq!(
        (report.recall_at_1, report.recall_at_5, report.recall_at_10),
        (0.5, 1.0, 1.0)
    );
    assert!((report.mean_average_precision - 0.75).abs() < 1e-12);

    let error = collection
        .evaluate_retrieval("colour", None, None)
        .unwrap_err();
    assert!(error.to_string().contains("there are kind"), "{error}");

    let stop = AtomicBool::new(true);
    let stopped = [
        collection
            .evaluate_retrieval("kind", None, Some(&stop))
            .map(drop),
        collection.verify_index(1000, Some(&stop)).map(drop),
    ];
    for stopped in stopped {
        let error = stopped.unwrap_err();
        assert!(matches!(error, StoreError::Stopped), "{error}");
    }
}

#[test]
fn evaluation_equals_the_definition() {
    let place = Place {
        encoder: FakeEncoder {
            dimensions: 32,
            ..Default::default()
        },
        ..Place::new()
    };
    let mut csv = String::from("path,kind\n");
    let kind = |i: usize| if i == 7 { 1000 } else { i * i % 11 };
    for i in 0..150 {
        place.write(&format!("{i:03}.jpg"), &format!("FAKE number {}", i % 140));
        csv += &format!("{i:03}.jpg,{}\n", kind(i));
    }
    place.add_metadata(csv.as_bytes());
    let collection = place.home.collection("things").unwrap();
    let report = collection.evaluate_retrieval("kind", None, None).unwrap();

    let images = collection.images(None, 1000).unwrap();
    let (mut queries, mut hits, mut precision) = (0, [0; 3], 0.0);
    for image in &images {
        let own = image.metadata.get("kind");
        let mut query = place.query(&collection.embedding(image.id).unwrap(), 1000);
        query.exclude = vec![image.id];
        let results = collection.search(&query).unwrap();
        let relevant: Vec<bool> = results
            .iter()
            .map(|r| r.metadata.get("kind") == own)
            .collect();
        let total = relevant.iter().filter(|&&relevant| relevant).count();
        if total == 0 {
            continue;
        }
        queries += 1;
        for (hit, k) in hits.iter_mut().zip([1, 5, 10]) {
            *hit += usize::from(relevant[..k].contains(&true));
        }
        let mut found = 0.0;
        for (i, _) in relevant
            .iter()
            .enumerate()
            .filter(|(_, relevant)| **relevant)
        {
            found += 1.0;
            precision += found / (i + 1) as f64 / total as f64;
        }
    }
    assert_eq!((report.queries, report.singletons), (queries, 1));
    let recall = hits.map(|hit| hit as f64 / queries as f64);
    let found = [report.recall_at_1, report.recall_at_5, report.recall_at_10];
    assert_eq!(
        found.map(|x| format!("{x:.9}")),
        recall.map(|x| format!("{x:.9}"))
    );
    let mean = precision / queries as f64;
    assert!(
        (report.mean_average_precision - mean).abs() < 1e-9,
        "{report:?}, expected {mean}"
    );
}
