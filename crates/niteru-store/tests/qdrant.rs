//! Indexes in a Qdrant cluster, against a real server: `NITERU_TEST_QDRANT=http://127.0.0.1:6334`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use niteru_index::qdrant::{Cluster, QdrantIndex, Spot};
use niteru_index::{Changes, Condition, VectorIndex, to_f16};
use niteru_kernels::Kernels;
use niteru_store::{
    BackupOptions, GroupBy, Home, ImageEncoder, IndexBuild, IndexPlace, Notice, RestoreOptions,
    StoreError, restore,
};
use support::cluster::{Clustered, open, send, server};
use support::{Place, name};

/// Names and groups of what two homes find, which must be the same.
fn assert_same_results(place: &Clustered, filter: Option<&str>, group: Option<&str>) {
    let find = |home: &Home| {
        let mut query = place.inner.query(&[1.0, -0.5, 0.2], 12);
        query.filter = filter.map(|text| Condition::parse(text).unwrap());
        query.exclude = vec![3];
        let collection = home.collection("things").unwrap();
        let results = match group {
            None => collection.search(&query)?,
            Some(field) => {
                let (field, per_group) = (field.into(), 2);
                let found = collection.search_groups(&query, &GroupBy { field, per_group })?;
                found.results
            }
        };
        let shown = |result: niteru_store::SearchResult| {
            let group = result.group.map(|group| (group.value, group.images));
            (
                result.rank,
                result.id,
                group,
                (f64::from(result.similarity) * 1e5).round(),
            )
        };
        Ok::<_, StoreError>(results.into_iter().map(shown).collect::<Vec<_>>())
    };
    let found = find(&place.inner.home).map_err(|error| error.to_string());
    let expected = find(&place.local()).map_err(|error| error.to_string());
    assert_eq!(found, expected, "{filter:?} by {group:?}");
}

#[test]
fn filters_and_groups_find_what_the_exact_index_finds() {
    let Some(at) = server() else { return };
    let place = Clustered::new(&at);
    let long = "錆".repeat(100);
    let values = [
        ["bolt", "20", "2026-01-01", "錆あり"],
        ["Bolt", "20.0", "2026/1/1 9:00", ""],
        ["nut", "-1.5", "1969-12-31", "サビ"],
        ["TRUE", "007", "", &long],
        ["", "1e300", "2025年12月31日", "' OR 1=1 --"],
    ];
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["path", "kind", "長さ", "taken", "note\"].x"])
        .unwrap();
    for i in 0..60 {
        let file = format!("{i:02}.jpg");
        // Some are equally similar.
        let direction = format!("FAKE {} {} 1", i % 7, i % 5);
        place.inner.write(&file, &format!("{direction} x{i}"));
        let value = |column: usize| values[(i * 7 + i / 9 * (column + 1)) % values.len()][column];
        csv.write_record([&file, value(0), value(1), value(2), value(3)])
            .unwrap();
    }
    place.inner.add_metadata(&csv.into_inner().unwrap());
    let filters = [
        "kind = bolt",
        "kind != bolt",
        "kind in (bolt, Bolt, nut)",
        "kind = true",
        "kind missing",
        "長さ = 20",
        "長さ < 20",
        "長さ <= 20",
        "長さ > 20",
        "長さ >= 20",
        "長さ = '007'",
        "taken = 2026-01-01",
        "taken < 2026-01-01",
        "taken <= 2026-01-01",
        "taken > 2025-12-31",
        "taken >= 2025-12-31",
        "taken exists",
        "'note\"].x' contains サビ",
        "'note\"].x' contains ｻﾋﾞ and kind exists",
        "kind = bolt and 長さ >= 20 and 'note\"].x' contains 錆",
        "kind = bolt or 'note\"].x' contains サビ",
        "not (kind = bolt or 長さ < 1)",
        "'note\"].x' = \"' OR 1=1 --\"",
        // Refused by both in the same words.
        "knd = bolt",
        "kind > 5",
        "taken > 5 and kind = bolt",
    ];
    let long = format!("'note\"].x' = '{long}' and kind = TRUE");
    for filter in filters.into_iter().chain([&*long]).map(Some).chain([None]) {
        for group in [None, Some("kind"), Some("長さ")] {
            assert_same_results(&place, filter, group);
        }
    }
}

#[test]
fn edits_and_removals_are_seen_also_after_a_restart() {
    let Some(at) = server() else { return };
    let place = Clustered::new(&at);
    for i in 1..=5 {
        place
            .inner
            .write(&format!("{i}.jpg"), &format!("FAKE 1 {i}"));
    }
    place
        .inner
        .add_metadata(b"path,kind\n1.jpg,a\n2.jpg,a\n3.jpg,b\n");
    let found = |home: &Home, filter: &str| {
        let mut query = place.inner.query(&[1.0], 9);
        query.filter = Some(Condition::parse(filter).unwrap());
        let results = home.collection("things").unwrap().search(&query).unwrap();
        results
            .iter()
            .map(|result| name(&result.path))
            .collect::<Vec<_>>()
    };
    let home = &place.inner.home;
    assert_eq!(found(home, "kind = a"), ["1.jpg", "2.jpg"]);
    place
        .inner
        .add_metadata(b"path,kind,size\n1.jpg,b,5\n4.jpg,a,6\n2.jpg,,7\n");
    assert_eq!(found(home, "kind = a"), ["4.jpg"]);
    assert_eq!(found(home, "size >= 6"), ["2.jpg", "4.jpg"]);
    assert_eq!(found(&place.open(), "kind = b"), ["1.jpg", "3.jpg"]);

    std::fs::remove_file(place.inner.pictures().join("1.jpg")).unwrap();
    // By another process, and files that vanish, come back, change.
    let other = place.open();
    let id = other
        .collection("things")
        .unwrap()
        .image_at(&place.inner.pictures().join("1.jpg"));
    other
        .collection("things")
        .unwrap()
        .remove(&[id.unwrap().id])
        .unwrap();
    std::fs::rename(
        place.inner.pictures().join("3.jpg"),
        place.inner.folder.path().join("3.jpg"),
    )
    .unwrap();
    place.inner.write("4.jpg", "FAKE 1 0");
    place.inner.add();
    for home in [home, &other, &place.open()] {
        assert_eq!(found(home, "not kind = none"), ["4.jpg", "2.jpg", "5.jpg"]);
        assert_eq!(found(home, "kind = b"), [""; 0]);
    }
    std::fs::rename(
        place.inner.folder.path().join("3.jpg"),
        place.inner.pictures().join("3.jpg"),
    )
    .unwrap();
    place
        .inner
        .add_paths(&[place.inner.pictures().join("3.jpg")]);
    assert_eq!(found(home, "kind = b"), ["3.jpg"]);
    assert_eq!(home.take_notices(), []);
    place.assert_complete(4);
}

#[test]
fn two_homes_send_and_search_at_once() {
    let Some(at) = server() else { return };
    let place = Clustered::with_pictures(&at, 300);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let home = place.open();
                for _ in 0..15 {
                    let query = place.inner.query(&[1.0, 2.0], 20);
                    let found = home.collection("things").unwrap().search(&query).unwrap();
                    assert_eq!(found.len(), 20);
                }
                assert_eq!(home.take_notices(), []);
            });
        }
        for round in 1..6 {
            place.add_pictures(round * 300..round * 300 + 60);
            send(&place.inner.home).unwrap();
        }
    });
    place.assert_complete(600);
    assert_eq!(place.inner.home.take_notices(), []);
}

#[test]
fn a_restored_older_database_is_sent_again() {
    let Some(at) = server() else { return };
    let place = Clustered::with_pictures(&at, 20);
    send(&place.inner.home).unwrap();
    let backup = place.inner.folder.path().join("backup.tar");
    place
        .inner
        .home
        .backup(&backup, BackupOptions::default())
        .unwrap();
    let restored = |more: std::ops::Range<usize>| {
        let mut options = RestoreOptions::default();
        options.force = true;
        restore(&backup, &place.inner.folder.path().join("home"), options).unwrap();
        let home = place.open();
        let pictures: Vec<_> = more
            .map(|i| {
                place
                    .inner
                    .write(&format!("new/{i}.jpg"), &format!("FAKE number {i}"))
            })
            .collect();
        home.add(
            "things",
            &pictures,
            &place.inner.encoder,
            Default::default(),
        )
        .unwrap();
        send(&home).unwrap();
        home.take_notices()
    };
    // Nothing was sent since: what is there is right.
    assert_eq!(restored(0..0), []);
    // The cluster is later than the database.
    place
        .open()
        .add(
            "things",
            &[place.inner.write("later.jpg", "FAKE later")],
            &place.inner.encoder,
            Default::default(),
        )
        .unwrap();
    send(&place.open()).unwrap();
    let notices = restored(0..0);
    assert!(
        matches!(&notices[..], [Notice::ClusterRemade { reason, .. }] if reason.contains("later")),
        "{notices:?}"
    );
    place.assert_complete(20);
    // The database has gone on, beyond the cluster's change, on another way.
    place
        .open()
        .add(
            "things",
            &[place.inner.pictures().join("later.jpg")],
            &place.inner.encoder,
            Default::default(),
        )
        .unwrap();
    send(&place.open()).unwrap();
    let notices = restored(1000..1010);
    assert!(
        matches!(&notices[..], [Notice::ClusterRemade { .. }]),
        "{notices:?}"
    );
    place.assert_complete(30);
}

#[test]
fn verifying_finds_what_was_changed_behind_our_back() {
    let Some(at) = server() else { return };
    let place = Clustered::with_pictures(&at, 50);
    let IndexPlace::Cluster(url) = &at else {
        unreachable!()
    };
    place.assert_complete(50);
    let collection = place.inner.home.collection("things").unwrap();
    let status = collection.cluster_status().unwrap().unwrap();
    assert_eq!(
        (status.images, status.points, status.behind),
        (50, Some(50), 0)
    );
    let encoder = place.inner.encoder.identity();
    let raw = QdrantIndex::new(
        Cluster::new(url.clone()).unwrap(),
        Spot {
            name: status.name,
            fingerprint: encoder.fingerprint,
            dimensions: encoder.dimensions,
            stamp: String::new(),
        },
        Kernels::detect(),
    );
    raw.refresh().unwrap();
    let vectors = to_f16(&[[1.0; 8], [1.0; 8]].concat());
    // One removed, one altered, one that is no image's; the change number stays.
    let changes = Changes {
        version: 0,
        removed: &[5, 6],
        ids: &[7, 999],
        vectors: &vectors,
    };
    raw.apply(&changes).unwrap();
    let report = place
        .open()
        .collection("things")
        .unwrap()
        .verify_index(1000, None)
        .unwrap();
    assert!(!report.is_good());
    assert_eq!(
        (report.missing, report.extra, report.differing),
        (2, 1, 1),
        "{report:?}"
    );
    assert_eq!(report.examples, [5, 6, 999, 7]);
    // The way out.
    let home = place.open();
    home.collection("things")
        .unwrap()
        .build_index(Default::default())
        .unwrap();
    place.assert_complete(50);
    // Gone altogether: made again, with one line.
    raw.remove().unwrap();
    let home = place.open();
    send(&home).unwrap();
    assert_eq!(home.take_notices().len(), 1);
    place.assert_complete(50);
}

#[test]
fn indexes_move_and_stay_where_they_were_moved() {
    let Some(at) = server() else { return };
    let place = Clustered::with_pictures(&at, 40);
    let home = || Home::open(place.inner.folder.path().join("home")).unwrap();
    let expected = place.inner.search(&[1.0, 2.0]);
    home()
        .collection("things")
        .unwrap()
        .move_index(&at, None)
        .unwrap();
    assert_eq!(
        home().collection("things").unwrap().index_place().unwrap(),
        at
    );
    assert!(
        home()
            .collection("things")
            .unwrap()
            .cluster_status()
            .unwrap()
            .is_some()
    );
    let sharded: IndexPlace = format!("{at}?shards=3").parse().unwrap();
    home()
        .collection("things")
        .unwrap()
        .move_index(&sharded, None)
        .unwrap();
    let status = home()
        .collection("things")
        .unwrap()
        .cluster_status()
        .unwrap()
        .unwrap();
    assert_eq!((status.shards, status.points), (Some(3), Some(40)));
    // A place that cannot be reached is not moved to.
    let closed: IndexPlace = "qdrant+http://127.0.0.1:9".parse().unwrap();
    home()
        .collection("things")
        .unwrap()
        .move_index(&closed, None)
        .unwrap_err();
    assert_eq!(
        home().collection("things").unwrap().index_place().unwrap(),
        sharded
    );
    assert_eq!(place.inner.search(&[1.0, 2.0]), expected);
    home()
        .collection("things")
        .unwrap()
        .move_index(&IndexPlace::Local, None)
        .unwrap();
    let status = place
        .open()
        .collection("things")
        .unwrap()
        .cluster_status()
        .unwrap()
        .unwrap();
    assert_eq!(status.points, None, "removed where it was");
}

#[test]
fn a_move_that_is_stopped_leaves_the_index_where_it_was() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let Some(at) = server() else { return };
    let place = Clustered::with_pictures(&at, 600);
    let home = Home::open(place.inner.folder.path().join("home")).unwrap();
    let collection = home.collection("things").unwrap();
    let stop = AtomicBool::new(false);
    let progress = |_: usize, _: usize| stop.store(true, Ordering::Relaxed);
    let mut options = IndexBuild::default();
    options.cancel = Some(&stop);
    options.progress = Some(&progress);
    let stopped = collection.move_index_with(&at, &options).unwrap_err();
    assert!(matches!(stopped, StoreError::Stopped), "{stopped}");
    assert_eq!(collection.index_place().unwrap(), IndexPlace::Local);
    let moved = collection.move_index(&at, None).unwrap();
    assert_eq!(moved.images, 600);
    assert_eq!(collection.index_place().unwrap(), at);
}

/// Runs always: nothing listens there.
#[test]
fn a_cluster_that_is_down_queues_what_is_added() {
    let closed: IndexPlace = "qdrant+http://127.0.0.1:9".parse().unwrap();
    let mut place = Place::new();
    place.home = open(place.folder.path(), &closed);
    place.write("a.jpg", "FAKE 1");
    assert_eq!(place.add().added, 1);
    let collection = place.home.collection("things").unwrap();
    for error in [
        collection.search(&place.query(&[1.0], 1)).unwrap_err(),
        send(&place.home).unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(
            text.starts_with("the index at qdrant+http://127.0.0.1:9 is unavailable"),
            "{text}"
        );
    }
    assert_eq!(collection.waiting().unwrap(), 1);
    let status = collection.cluster_status().unwrap().unwrap();
    assert!(status.problem.is_some() && status.behind == 1, "{status:?}");
    let local = open(place.folder.path(), &IndexPlace::Local);
    assert_eq!(
        local
            .collection("things")
            .unwrap()
            .search(&place.query(&[1.0], 1))
            .unwrap()
            .len(),
        1
    );
}
