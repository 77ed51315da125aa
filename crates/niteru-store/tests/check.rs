//! What `check` finds: damage of the file, rows that do not fit, image files that are not as they were.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::{Path, PathBuf};

use niteru_store::{CheckOptions, CheckReport, FINDINGS, Home, ProblemKind, Verdict, check};
use support::inspecting::{Line, inspection};
use support::{Place, Random, database};

fn report(home: &Path) -> CheckReport {
    check(home, CheckOptions::default()).unwrap()
}

/// A sound home, closed, all of it in the database file.
fn closed() -> (tempfile::TempDir, PathBuf) {
    let place = Place::new();
    let mut csv = String::from("path,length,note\n");
    for i in 0..300 {
        place.write(&format!("{i:03}.jpg"), &format!("FAKE number {i}"));
        csv += &format!("{i:03}.jpg,{i}.5,note {i}\n");
    }
    place.add_metadata(csv.as_bytes());
    let Place { folder, home, .. } = place;
    let path = home.directory().to_path_buf();
    drop(home);
    let sound = report(&path);
    assert_eq!(sound.problems, []);
    assert_eq!((sound.checked.images, sound.checked.values), (300, 600));
    assert_eq!(sound.checked.without_checksum, 0);
    (folder, path)
}

#[test]
fn damage_of_a_page_is_found() {
    let (_folder, home) = closed();
    let file = home.join("niteru.sqlite3");
    let good = std::fs::read(&file).unwrap();
    let pages = good.len() / 8192;
    let mut random = Random::new(7);
    let mut unseen = Vec::new();
    for _ in 0..25 {
        let page = random.below(pages);
        let mut bytes = good.clone();
        // One bit of the page's header, or of what its first cell holds: both are always in use.
        let start = page * 8192 + if page == 0 { 100 } else { 0 };
        bytes[start] ^= 1 << random.below(3);
        std::fs::write(&file, &bytes).unwrap();
        let found = report(&home);
        let told = |problem: &niteru_store::Problem| {
            problem.what.contains("database") && problem.way_out.contains("restore a backup")
        };
        if !found.problems.iter().any(told) {
            unseen.push(page);
        }
    }
    assert!(unseen.is_empty(), "of {pages} pages: {unseen:?}");
}

#[test]
fn a_flipped_bit_of_an_embedding_is_found() {
    let (_folder, home) = closed();
    let file = home.join("niteru.sqlite3");
    let good = std::fs::read(&file).unwrap();
    let vectors: Vec<Vec<u8>> = {
        let database = database(&home);
        let mut statement = database.prepare("SELECT vector FROM embeddings").unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let mut random = Random::new(3);
    for _ in 0..10 {
        let vector = random.of(&vectors);
        let (byte, bit) = (random.below(vector.len()), random.below(8));
        let mut bytes = good.clone();
        // Everywhere: pages keep old copies of rows that were moved.
        for at in (0..=good.len() - vector.len()).filter(|&at| good[at..].starts_with(vector)) {
            bytes[at + byte] ^= 1 << bit;
        }
        std::fs::write(&file, &bytes).unwrap();
        let problems = report(&home).problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].what.contains("damaged on the disk"),
            "{problems:?}"
        );
        assert_eq!(problems[0].kind, ProblemKind::Truth);
    }
}

#[test]
fn a_cut_database_is_found() {
    let (_folder, home) = closed();
    let file = home.join("niteru.sqlite3");
    let good = std::fs::read(&file).unwrap();
    for length in [good.len() / 2, good.len() - 8192, 10_000, 8192] {
        std::fs::write(&file, &good[..length]).unwrap();
        let problems = report(&home).problems;
        assert!(!problems.is_empty(), "cut to {length}");
        assert_eq!(
            problems[0].kind,
            ProblemKind::Database,
            "cut to {length}: {problems:?}"
        );
    }
}

#[test]
fn rows_that_do_not_fit_are_found() {
    let table = [
        (
            "DELETE FROM embeddings WHERE image = 5",
            "image 5 of collection \"things\" has no embedding",
        ),
        (
            "UPDATE embeddings SET vector = zeroblob(16), crc32 = NULL WHERE image = 6",
            "length 0.000",
        ),
        (
            "UPDATE embeddings SET vector = x'00' WHERE image = 7",
            "1 bytes, expected 16",
        ),
        (
            "UPDATE images SET change = 10000 WHERE id = 8",
            "change number 10000 is not between",
        ),
        (
            "UPDATE images SET change = (SELECT change FROM images WHERE id = 1) WHERE id = 9",
            "was given 2 times",
        ),
        (
            "UPDATE metadata SET number = 3 WHERE image = 10",
            "image 10 is stored as another number",
        ),
        (
            "PRAGMA foreign_keys = OFF; DELETE FROM collections",
            "a row of images belongs to no row of collections",
        ),
    ];
    let mut wrong = Vec::new();
    for (sql, expected) in table {
        let (_folder, home) = closed();
        database(&home).execute_batch(sql).unwrap();
        let problems = report(&home).problems;
        let found = problems.iter().any(|p| {
            let named = FINDINGS.iter().any(|(kind, _)| *kind == p.exactly.kind);
            p.what.contains(expected) && !p.way_out.is_empty() && named
        });
        if !found {
            wrong.push((sql, problems));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn changed_and_missing_files_are_found() {
    let place = Place::new();
    for name in ["a.jpg", "b.jpg", "c.jpg"] {
        place.write(name, &format!("FAKE of {name}"));
    }
    place.add();
    place.write("b.jpg", "FAKE of B.jpg");
    std::fs::remove_file(place.pictures().join("c.jpg")).unwrap();
    let mut options = CheckOptions::default();
    options.files = true;
    let home: &Home = &place.home;
    let report = check(home.directory(), options).unwrap();
    let kinds: Vec<ProblemKind> = report.problems.iter().map(|problem| problem.kind).collect();
    assert_eq!(kinds, [ProblemKind::Changed, ProblemKind::Missing]);
    assert!(report.problems[0].what.contains("b.jpg"), "{report:?}");
    assert_eq!(report.checked.files, 3);
    // For pages in other languages.
    let told: Vec<String> = report
        .problems
        .iter()
        .map(|problem| serde_json::to_string(&problem.exactly).unwrap())
        .collect();
    assert_eq!(
        told,
        [
            r#"{"kind":"file_changed","values":{"file":"b.jpg","id":2}}"#,
            r#"{"kind":"file_unreadable","values":{"file":"c.jpg","id":3}}"#
        ]
    );
}

#[test]
fn check_finds_rows_that_are_no_decisions() {
    let table = [
        ("UPDATE inspections SET score = 9e999", "score"),
        ("UPDATE inspections SET regions = '[1'", "regions"),
        ("UPDATE inspections SET regions = '1'", "regions"),
        (
            "UPDATE inspections SET defect = x'00000000'",
            "defect vector",
        ),
    ];
    for (sql, expected) in table {
        let line = Line::new();
        line.record(&[inspection("a.jpg", Verdict::Ng)]);
        let home = line.home.directory();
        let sound = check(home, CheckOptions::default()).unwrap();
        assert_eq!((sound.problems.len(), sound.checked.inspections), (0, 1));
        database(home).execute_batch(sql).unwrap();
        let problems = check(home, CheckOptions::default()).unwrap().problems;
        assert_eq!(problems.len(), 1, "{sql}: {problems:?}");
        let what = &problems[0].what;
        assert!(
            what.contains("inspection 1") && what.contains(expected),
            "{sql}: {what}"
        );
    }
}
