//! Index files: what a process finds that another one left, damage, loss, two at once, a full disk, death.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use niteru_store::{
    CheckOptions, Home, IndexBuild, IndexPolicy, IndexState, Notice, Problem, ProblemKind,
    StoreError, check,
};
use support::{FakeEncoder, Place, Random, database, name};

const PICTURES: usize = 6000;
const LEAST: usize = 5000;

fn policy(in_background: bool) -> IndexPolicy {
    let mut policy = IndexPolicy::default();
    policy.least_images = LEAST;
    policy.in_background = in_background;
    policy
}

fn open(folder: &Path) -> Home {
    Home::open(folder.join("home"))
        .unwrap()
        .with_index_policy(policy(false))
}

/// A home with so many images that an index is worth it; more than a search covers exactly.
fn large() -> Place {
    let mut place = Place {
        encoder: FakeEncoder {
            dimensions: 16,
            batch: 256,
            ..Default::default()
        },
        ..Place::new()
    };
    for i in 0..PICTURES {
        place.write(&format!("{i:05}.jpg"), &format!("FAKE number {i}"));
    }
    place.home = open(place.folder.path());
    place.add();
    place
}

fn file(place: &Place) -> PathBuf {
    place.home.directory().join("index").join("1.index")
}

fn build(home: &Home) -> niteru_store::IndexReport {
    home.collection("things")
        .unwrap()
        .build_index(IndexBuild::default())
        .unwrap()
}

fn state(home: &Home) -> IndexState {
    home.collection("things")
        .unwrap()
        .index_status()
        .unwrap()
        .state
}

/// Names and similarities of the best of some queries.
fn found(home: &Home, encoder: &FakeEncoder) -> Vec<Vec<(String, f32)>> {
    let collection = home.collection("things").unwrap();
    let mut random = Random::new(5);
    let mut query = || -> Vec<f32> {
        (0..16)
            .map(|_| random.below(2001) as f32 - 1000.0)
            .collect()
    };
    (0..20)
        .map(|_| {
            let query = niteru_store::Query {
                encoder: niteru_store::ImageEncoder::identity(encoder),
                embedding: query(),
                k: 10,
                min_similarity: None,
                exclude: vec![],
                filter: None,
            };
            let results = collection.search(&query).unwrap();
            results
                .iter()
                .map(|r| (name(&r.path), r.similarity))
                .collect()
        })
        .collect()
}

/// At least 98 of 100 are the same, similarities to the bit.
fn assert_alike(found: &[Vec<(String, f32)>], right: &[Vec<(String, f32)>]) {
    let of = |found: &Vec<(String, f32)>, right: &Vec<(String, f32)>| {
        assert_eq!(found.len(), right.len());
        right.iter().filter(|hit| found.contains(hit)).count()
    };
    let same: usize = found
        .iter()
        .zip(right)
        .map(|(found, right)| of(found, right))
        .sum();
    let all: usize = right.iter().map(Vec::len).sum();
    assert!(same * 100 >= all * 98, "{same} of {all}");
}

/// What `check` says of indexes.
fn index_problems(place: &Place) -> (u64, Vec<Problem>) {
    let report = check(place.home.directory(), CheckOptions::default()).unwrap();
    let of_indexes = |problem: &Problem| problem.kind == ProblemKind::Index;
    let problems = report.problems.into_iter().filter(of_indexes);
    (report.checked.indexes, problems.collect())
}

#[test]
fn check_holds_indexes_against_the_database() {
    let place = large();
    assert_eq!(index_problems(&place), (0, vec![]), "there is no file");
    build(&place.home);
    assert_eq!(index_problems(&place), (1, vec![]));
    // What came since is caught up with, and is no problem.
    place.write("later.jpg", "FAKE later");
    place.add();
    assert_eq!(index_problems(&place), (1, vec![]));

    // Two images change places behind the program's back.
    let database = database(place.home.directory());
    let swap = "UPDATE embeddings SET image = -1 WHERE image = 7;
                UPDATE embeddings SET image = 7 WHERE image = 8;
                UPDATE embeddings SET image = 8 WHERE image = -1;";
    database.pragma_update(None, "foreign_keys", false).unwrap();
    database.execute_batch(swap).unwrap();
    let (_, problems) = index_problems(&place);
    assert!(
        problems.len() == 1 && problems[0].what.contains("in 2 images"),
        "{problems:?}"
    );
    database.execute_batch(swap).unwrap();
    assert_eq!(index_problems(&place), (1, vec![]));

    let path = file(&place);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(&path, bytes).unwrap();
    let (_, problems) = index_problems(&place);
    assert!(
        problems.len() == 1
            && problems[0].what.contains("damaged")
            && problems[0].way_out.contains("niteru index build"),
        "{problems:?}"
    );
}

#[test]
fn small_collections_are_scanned_and_have_no_file() {
    let place = Place::new();
    place.write("1.jpg", "FAKE 1");
    place.add();
    let report = build(&place.home);
    assert_eq!(
        (report.images, report.built, report.bytes),
        (1, false, None)
    );
    assert_eq!(state(&place.home), IndexState::Exact);
    assert!(
        !place
            .home
            .collection("things")
            .unwrap()
            .wants_index()
            .unwrap()
    );
    place.search(&[1.0]);
    assert_eq!(place.home.take_notices(), []);
    assert!(!file(&place).exists());
}

#[test]
fn a_file_serves_the_next_process_and_catches_up() {
    let place = large();
    assert_eq!(state(&place.home), IndexState::Missing);
    assert!(
        place
            .home
            .collection("things")
            .unwrap()
            .wants_index()
            .unwrap()
    );
    let right = found(&place.home, &place.encoder);
    let notices = place.home.take_notices();
    assert!(
        matches!(
            notices[..],
            [Notice::NoIndex {
                images: PICTURES,
                ..
            }]
        ),
        "{notices:?}"
    );
    found(&place.home, &place.encoder);
    assert_eq!(place.home.take_notices(), [], "told once");

    let report = build(&place.home);
    assert!(report.built && report.bytes.is_some(), "{report:?}");
    assert_alike(&found(&place.home, &place.encoder), &right);
    let other = open(place.folder.path());
    assert_eq!(state(&other), IndexState::Ready);
    assert!(!other.collection("things").unwrap().wants_index().unwrap());
    assert_alike(&found(&other, &place.encoder), &right);
    assert_eq!(other.take_notices(), []);

    // Added, changed, removed: seen at once by processes that opened the file before and after.
    place.write("new.jpg", "FAKE 1 2 3 4");
    place.write("00007.jpg", "FAKE 1 2 3 4.5");
    place.add();
    place
        .home
        .collection("things")
        .unwrap()
        .remove(&[10])
        .unwrap();
    for home in [&other, &open(place.folder.path())] {
        let collection = home.collection("things").unwrap();
        let found = collection
            .search(&place.query(&[1.0, 2.0, 3.0, 4.0], 2))
            .unwrap();
        let names: Vec<_> = found.iter().map(|found| name(&found.path)).collect();
        assert_eq!(names, ["new.jpg", "00007.jpg"]);
        let gone = collection
            .search(&place.query(&[1.0], PICTURES + 1))
            .unwrap();
        assert_eq!(gone.len(), PICTURES);
        assert!(gone.iter().all(|found| found.id != 10));
    }

    place.home.remove_collection("things").unwrap();
    assert!(!file(&place).exists());
}

#[test]
fn damage_anywhere_is_noticed_and_costs_one_line() {
    let place = large();
    let right = found(&place.home, &place.encoder);
    place.home.take_notices();
    build(&place.home);
    let whole = std::fs::read(file(&place)).unwrap();
    let mut random = Random::new(11);
    // Each part, its ends, and places between.
    let mut places: Vec<usize> = vec![0, 9, 20, 60, 90, 127, 128, whole.len() - 1];
    places.extend((0..30).map(|_| random.below(whole.len())));
    let mut missed = Vec::new();
    for at in places {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << random.below(8);
        replace(&file(&place), &bytes);
        if state(&place.home) != IndexState::Unusable {
            missed.push(at);
        }
    }
    assert!(missed.is_empty(), "a flipped bit at {missed:?}");
    for cut in [0, 1, 127, 128, whole.len() / 2, whole.len() - 1] {
        replace(&file(&place), &whole[..cut]);
        assert_eq!(
            state(&place.home),
            IndexState::Unusable,
            "cut to {cut} bytes"
        );
    }

    let other = open(place.folder.path());
    assert_eq!(
        found(&other, &place.encoder),
        right,
        "all images are compared"
    );
    let notices = other.take_notices();
    assert!(
        matches!(
            notices[..],
            [Notice::IndexUnusable {
                rebuilding: false,
                ..
            }]
        ),
        "{notices:?}"
    );
    let line = notices[0].to_string();
    assert!(line.contains("damaged") && !line.contains('\n'), "{line}");
    assert!(build(&other).built);
    assert_eq!(
        (state(&other), other.take_notices()),
        (IndexState::Ready, vec![])
    );

    // Of another collection: as after a folder was copied from elsewhere.
    let database = support::database(other.directory());
    database
        .execute("UPDATE collections SET created = created + 1", [])
        .unwrap();
    assert_eq!(state(&other), IndexState::Unusable);
    // Of a later state: as after a database was put back.
    database
        .execute("UPDATE collections SET created = created - 1", [])
        .unwrap();
    database
        .execute("UPDATE home SET change = change - 1", [])
        .unwrap();
    let older = open(place.folder.path());
    assert_eq!(found(&older, &place.encoder), right);
    let notices = older.take_notices();
    assert!(
        notices[0].to_string().contains("later state"),
        "{notices:?}"
    );
}

/// As programs replace files: what others have mapped stays as it is.
fn replace(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("test");
    std::fs::write(&beside, bytes).unwrap();
    std::fs::rename(beside, path).unwrap();
}

#[test]
fn searches_go_on_while_a_thread_builds() {
    let place = large();
    let right = found(&place.home, &place.encoder);
    let damaged = b"not an index";
    std::fs::create_dir_all(file(&place).parent().unwrap()).unwrap();
    replace(&file(&place), damaged);
    let home = Home::open(place.home.directory())
        .unwrap()
        .with_index_policy(policy(true));
    assert_eq!(found(&home, &place.encoder), right);
    let notices = home.take_notices();
    assert!(
        matches!(
            notices[..],
            [Notice::IndexUnusable {
                rebuilding: true,
                ..
            }]
        ),
        "{notices:?}"
    );
    let started = Instant::now();
    while state(&home) != IndexState::Ready {
        assert!(started.elapsed() < Duration::from_secs(120), "not built");
        assert_alike(&found(&home, &place.encoder), &right);
    }
    assert_alike(&found(&home, &place.encoder), &right);
    assert_eq!(home.take_notices(), []);

    // A home that is closed in the middle waits no longer than for one chunk.
    std::fs::remove_file(file(&place)).unwrap();
    let home = Home::open(place.home.directory())
        .unwrap()
        .with_index_policy(policy(true));
    assert_eq!(found(&home, &place.encoder), right);
    drop(home);
}

#[test]
fn building_can_be_cancelled() {
    let place = large();
    let cancel = std::sync::atomic::AtomicBool::new(false);
    let progress = |done: usize, total: usize| {
        assert!(done <= total);
        cancel.store(done > 500, std::sync::atomic::Ordering::Relaxed);
    };
    let mut options = IndexBuild::default();
    options.cancel = Some(&cancel);
    options.progress = Some(&progress);
    let collection = place.home.collection("things").unwrap();
    let report = collection.build_index(options).unwrap();
    assert!(
        report.cancelled && !report.built && report.bytes.is_none(),
        "{report:?}"
    );
    assert_eq!(state(&place.home), IndexState::Missing);
    assert!(build(&place.home).built);
}

#[test]
fn groups_and_filters_are_the_same_with_either_index() {
    let place = large();
    let mut csv = String::from("path,kind,length\n");
    for i in 0..PICTURES {
        csv += &format!("{i:05}.jpg,k{},{}\n", i % 300, i % 1000);
    }
    place.add_metadata(csv.as_bytes());
    let look = || {
        let collection = place.home.collection("things").unwrap();
        let mut random = Random::new(3);
        let mut all = Vec::new();
        for filter in [
            None,
            Some("length >= 200"),
            Some("length < 10"),
            Some("not kind = k7"),
        ] {
            for _ in 0..5 {
                let query: Vec<f32> = (0..16)
                    .map(|_| random.below(2001) as f32 - 1000.0)
                    .collect();
                let mut query = place.query(&query, 8);
                query.filter = filter.map(|text| niteru_index::Condition::parse(text).unwrap());
                let by = niteru_store::GroupBy {
                    field: "kind".into(),
                    per_group: 2,
                };
                let groups = collection.search_groups(&query, &by).unwrap().results;
                let hits = collection.search(&query).unwrap();
                let shown = |hits: &[niteru_store::SearchResult]| -> Vec<_> {
                    hits.iter().map(|r| (name(&r.path), r.similarity)).collect()
                };
                all.extend([shown(&groups), shown(&hits)]);
            }
        }
        all
    };
    let right = look();
    assert!(build(&place.home).built);
    assert_alike(&look(), &right);
}

#[test]
fn a_home_that_cannot_be_written_still_searches() {
    let place = large();
    std::fs::write(place.home.directory().join("index"), "in the way").unwrap();
    let collection = place.home.collection("things").unwrap();
    let error = collection.build_index(IndexBuild::default()).unwrap_err();
    assert!(matches!(error, StoreError::IndexFile { .. }), "{error}");
    assert!(error.to_string().contains("1.index"), "{error}");
    assert_eq!(found(&place.home, &place.encoder).len(), 20);
}

/// Run by the tests below as a process of its own: builds and saves, again and again.
#[cfg(unix)]
#[test]
fn child_builds() {
    let Some(folder) = std::env::var_os("NITERU_TEST_BUILD") else {
        return;
    };
    if let Ok(limit) = std::env::var("NITERU_TEST_FILE_LIMIT") {
        limit_file_size(limit.parse().unwrap());
    }
    println!("started");
    let rounds: usize = std::env::var("NITERU_TEST_ROUNDS")
        .unwrap()
        .parse()
        .unwrap();
    for _ in 0..rounds {
        let home = open(Path::new(&folder));
        let collection = home.collection("things").unwrap();
        match collection.build_index(IndexBuild::default()) {
            Ok(report) => println!("built {:?}", report.bytes),
            Err(error) => println!("error {error}"),
        }
    }
}

#[cfg(unix)]
fn child(folder: &Path, rounds: usize, file_limit: Option<u64>) -> std::process::Child {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_builds", "--nocapture", "--test-threads=1"]);
    command.env("NITERU_TEST_BUILD", folder);
    command.env("NITERU_TEST_ROUNDS", rounds.to_string());
    if let Some(limit) = file_limit {
        command.env("NITERU_TEST_FILE_LIMIT", limit.to_string());
    }
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

#[cfg(unix)]
#[test]
fn killed_at_any_moment_of_building_and_saving() {
    use std::io::BufRead;
    let place = large();
    let right = found(&place.home, &place.encoder);
    for round in 0..20_u64 {
        // Some from nothing, some with the file that an earlier one left.
        if round % 4 == 0 {
            let _ = std::fs::remove_file(file(&place));
        }
        let mut child = child(place.folder.path(), 1000, None);
        let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let wanted = if round % 2 == 0 { "started" } else { "built" };
        let at =
            |line: &std::io::Result<String>| line.as_ref().is_ok_and(|line| line.contains(wanted));
        assert!(lines.any(|line| at(&line)), "round {round}");
        std::thread::sleep(Duration::from_millis(round * 7919 % 397));
        child.kill().unwrap();
        child.wait().unwrap();
        let home = open(place.folder.path());
        let state = state(&home);
        assert!(
            matches!(state, IndexState::Ready | IndexState::Missing),
            "round {round}: {state:?}"
        );
        assert_alike(&found(&home, &place.encoder), &right);
    }
    assert!(build(&open(place.folder.path())).built);
    let left: Vec<_> = std::fs::read_dir(file(&place).parent().unwrap())
        .unwrap()
        .collect();
    assert_eq!(left.len(), 2, "the file and its lock: {left:?}");
}

#[cfg(unix)]
#[test]
fn two_processes_save_at_once() {
    let place = large();
    let right = found(&place.home, &place.encoder);
    let children = [0, 1].map(|_| child(place.folder.path(), 6, None));
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let built = text
            .lines()
            .filter(|line| line.starts_with("built Some"))
            .count();
        assert_eq!(built, 6, "{text}");
    }
    let home = open(place.folder.path());
    assert_eq!(state(&home), IndexState::Ready);
    assert_alike(&found(&home, &place.encoder), &right);
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_older_file() {
    let place = large();
    let output = child(place.folder.path(), 1, Some(300_000))
        .wait_with_output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let error = text
        .lines()
        .find(|line| line.starts_with("error"))
        .expect("an error");
    assert!(error.contains("1.index"), "{error}");
    assert_eq!(state(&place.home), IndexState::Missing);
    assert!(!file(&place).with_extension("index.new").exists());

    build(&place.home);
    let before = std::fs::read(file(&place)).unwrap();
    place.write("new.jpg", "FAKE 1 2 3 4");
    place.add();
    let output = child(place.folder.path(), 1, Some(300_000))
        .wait_with_output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("error"));
    assert_eq!(std::fs::read(file(&place)).unwrap(), before);
    assert_eq!(state(&place.home), IndexState::Ready);
}

/// Files beyond the limit cannot grow, as on a full disk.
#[cfg(unix)]
fn limit_file_size(bytes: u64) {
    let limit = libc::rlimit {
        rlim_cur: bytes,
        rlim_max: bytes,
    };
    // SAFETY: `limit` lives through the call; ignoring a signal has no preconditions.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
    }
}
