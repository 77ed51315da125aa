//! Processes that are killed in the middle, processes at once, a disk without space.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use niteru_store::{AddOptions, Home};
use support::{FakeEncoder, counts, database};

const PICTURES: usize = 1500;
const ROUNDS: u64 = 15;

/// Run by the tests below as a process of its own: adds pictures, prints what is stored.
#[test]
fn child_adds() {
    let Some(folder) = std::env::var_os("NITERU_TEST_ADD") else {
        return;
    };
    let folder = Path::new(&folder);
    if let Ok(limit) = std::env::var("NITERU_TEST_FILE_LIMIT") {
        limit_file_size(limit.parse().unwrap());
    }
    let home = Home::open(folder.join("home")).unwrap();
    let encoder = FakeEncoder {
        delay: Duration::from_micros(200),
        ..Default::default()
    };
    let progress = |now: &niteru_store::AddProgress| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "stored {}", now.stored)
            .and_then(|()| out.flush())
            .unwrap();
    };
    let mut options = AddOptions::default();
    options.progress = Some(&progress);
    match home.add("things", &[folder.join("pictures")], &encoder, options) {
        Ok(report) => println!("end {:?}", counts(&report)),
        Err(error) => println!("error {error}"),
    }
}

fn start(folder: &Path, file_limit: Option<u64>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_adds", "--nocapture", "--test-threads=1"]);
    command.env("NITERU_TEST_ADD", folder);
    if let Some(limit) = file_limit {
        command.env("NITERU_TEST_FILE_LIMIT", limit.to_string());
    }
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn make_pictures(folder: &Path) {
    let pictures = folder.join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    for i in 0..PICTURES {
        let path = pictures.join(format!("{i:05}.jpg"));
        std::fs::write(&path, format!("FAKE number {i}")).unwrap();
        support::age(&path, 3600);
    }
}

/// Opens the home as after a crash: sound, every row whole, none twice. Returns the row count.
fn check(folder: &Path) -> u64 {
    let home = Home::open(folder.join("home")).unwrap();
    let database = database(home.directory());
    let sound: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
    let broken: i64 = database
        .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(broken, 0);
    let Ok(collection) = home.collection("things") else {
        return 0;
    };
    let images = collection.images(None, usize::MAX).unwrap();
    let encoder = FakeEncoder::default();
    for image in &images {
        let stored = collection.embedding(image.id).unwrap();
        let expected = encoder.embed(&image.path).unwrap().embedding;
        assert!(
            stored
                .iter()
                .zip(&expected)
                .all(|(a, b)| (a - b).abs() < 1e-3),
            "{image:?}"
        );
    }
    let paths: std::collections::HashSet<_> = images.iter().map(|image| &image.path).collect();
    assert_eq!(paths.len(), images.len());
    images.len() as u64
}

#[test]
fn killed_at_any_moment_nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    make_pictures(folder.path());
    let mut kept = 0;
    for round in 0..ROUNDS {
        let mut child = start(folder.path(), None);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Different moments: while opening, in the middle of batches, around commits.
        let started = Instant::now();
        let patience = Duration::from_millis(round * 7919 % 97);
        let files = 20 + round * 37 % 300;
        let mut acknowledged = 0;
        let mut seen = 0;
        let mut ended = false;
        if round % 3 == 0 {
            std::thread::sleep(patience);
        } else {
            for line in lines.by_ref() {
                let line = line.unwrap();
                ended |= line.starts_with("end");
                if let Some(stored) = line.strip_prefix("stored ") {
                    acknowledged = stored.parse().unwrap();
                    seen += 1;
                }
                if seen >= files && started.elapsed() >= patience {
                    break;
                }
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had printed before it died counts, too.
        for line in lines {
            if let Some(stored) = line.unwrap_or_default().strip_prefix("stored ") {
                acknowledged = stored.parse().unwrap_or(acknowledged);
            }
        }
        let rows = check(folder.path());
        assert!(
            rows >= acknowledged.max(kept),
            "round {round}: {acknowledged} of {rows}"
        );
        kept = rows;
        if ended {
            break;
        }
    }
    let output = start(folder.path(), None).wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let added = PICTURES as u64 - kept;
    assert!(
        text.contains(&format!("end [{added}, 0, {kept}, 0, 0]")),
        "{text}"
    );
    assert_eq!(check(folder.path()), PICTURES as u64);
}

#[test]
fn two_processes_add_the_same_folder() {
    let folder = tempfile::tempdir().unwrap();
    make_pictures(folder.path());
    let children: Vec<_> = (0..2).map(|_| start(folder.path(), None)).collect();
    let mut added = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let end = text
            .lines()
            .find_map(|line| line.strip_prefix("end ["))
            .expect("an end");
        let numbers: Vec<u64> = end
            .trim_end_matches(']')
            .split(", ")
            .map(|number| number.parse().unwrap())
            .collect();
        assert_eq!(
            numbers.iter().sum::<u64>(),
            PICTURES as u64,
            "each file has one outcome"
        );
        added += numbers[0];
    }
    assert_eq!(
        added, PICTURES as u64,
        "each image was added by one of them"
    );
    assert_eq!(check(folder.path()), PICTURES as u64);
}

#[test]
fn a_full_disk_ends_the_run_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    make_pictures(folder.path());
    let output = start(folder.path(), Some(600_000))
        .wait_with_output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let error = text
        .lines()
        .find(|line| line.starts_with("error"))
        .expect("an error");
    for part in ["cannot write", "niteru.sqlite3", "make room", "again"] {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
    let stored = text
        .lines()
        .filter_map(|line| line.strip_prefix("stored ")?.parse().ok());
    let acknowledged: u64 = stored.max().unwrap();
    let rows = check(folder.path());
    assert!(
        acknowledged > 0 && rows >= acknowledged,
        "{acknowledged} of {rows}"
    );

    let output = start(folder.path(), None).wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("end"));
    assert_eq!(check(folder.path()), PICTURES as u64);
}

/// Files beyond the limit cannot grow, as on a full disk.
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
